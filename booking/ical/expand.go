package ical

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// ErrTooMuch means that a rule gives more instances, or takes more work, than any calendar needs.
var ErrTooMuch = errors.New("too many instances")

// The bounds of expanding. A step is a period, day or instance that was looked at: some tens of
// nanoseconds.
const (
	mostInstances   = 10_000     // of a series, in the window
	mostSteps       = 2_000_000  // of a series
	mostStepsInFile = 20_000_000 // of all series of a file
	mostFound       = 1 << 18    // occurrences of all series of a file
)

// The seconds of the periods that have always as many.
const (
	aMinute = 60
	anHour  = 60 * aMinute
	aDay    = 24 * anHour
	aWeek   = 7 * aDay
)

// lastWall is the end of the year 9999, after which RFC 5545 has no dates.
var lastWall = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()

// A plan is a rule with what it takes from DTSTART, made for going through the days of its periods.
// Walls are as in [clock].
type plan struct {
	rule  *Rule
	start int64 // the wall of DTSTART
	count int   // of the instances to give; -1: all
	work  *work

	months                  uint16
	weekdays                uint8
	nth                     []RuleDay
	nthWeekdays             uint8 // of nth
	monthDays, fromMonthEnd uint32
	yearDays                []int // negative ones from the year's end
	weekNos, fromLastWeek   uint64
	byDate                  bool // more than the weekday is asked of a day

	hours            uint32 // of a day, asked of shorter periods
	minutes, seconds uint64
	times            []int64 // seconds from a day's beginning, or from that of a shorter period
}

// work is what may still be done.
type work struct {
	steps int
}

func (w *work) step(n int) error {
	if w.steps -= n; w.steps < 0 {
		return fmt.Errorf("%w: it takes too much work to find them", ErrTooMuch)
	}
	return nil
}

// newPlan fills in what a rule leaves to DTSTART (RFC 5545, section 3.3.10). The times of a rule of
// dates are not asked for; the periods of such a rule are at least days.
func newPlan(r *Rule, start int64, dates bool, w *work) (*plan, error) {
	if dates && r.Freq < Daily {
		return nil, fmt.Errorf("%w: parts of a day, and the event is on dates", ErrRule)
	}
	p := &plan{rule: r, start: start, count: r.Count, work: w}
	if r.Count == 0 {
		p.count = -1
	}
	p.chooseDays()
	if dates {
		p.times = []int64{0}
		return p, nil
	}
	return p, p.chooseTimes()
}

func (p *plan) chooseDays() {
	r := p.rule
	at := time.Unix(p.start, 0).UTC()
	for _, m := range r.ByMonth {
		p.months |= 1 << m
	}
	for _, d := range r.ByDay {
		if d.N == 0 {
			p.weekdays |= 1 << d.Weekday
		} else {
			p.nth = append(p.nth, d)
			p.nthWeekdays |= 1 << d.Weekday
		}
	}
	for _, d := range r.ByMonthDay {
		if d > 0 {
			p.monthDays |= 1 << d
		} else {
			p.fromMonthEnd |= 1 << -d
		}
	}
	for _, n := range r.ByWeekNo {
		if n > 0 {
			p.weekNos |= 1 << n
		} else {
			p.fromLastWeek |= 1 << -n
		}
	}
	p.yearDays = r.ByYearDay
	if r.ByDay == nil && r.ByMonthDay == nil && r.ByYearDay == nil {
		switch {
		case r.Freq == Weekly || r.ByWeekNo != nil:
			p.weekdays = 1 << at.Weekday()
		case r.Freq == Monthly:
			p.monthDays = 1 << at.Day()
		case r.Freq == Yearly:
			p.monthDays = 1 << at.Day()
			if r.ByMonth == nil {
				p.months = 1 << at.Month()
			}
		}
	}
	p.byDate = p.months != 0 || p.nth != nil || r.ByMonthDay != nil || p.monthDays != 0 || p.yearDays != nil || r.ByWeekNo != nil
}

// chooseTimes makes the times of a day, or of a shorter period; of what is longer than the period,
// it makes what is asked of it.
func (p *plan) chooseTimes() error {
	r, at := p.rule, time.Unix(p.start, 0).UTC()
	hours, minutes, seconds := r.ByHour, r.ByMinute, r.BySecond
	if hours == nil && r.Freq >= Daily {
		hours = []int{at.Hour()}
	}
	if minutes == nil && r.Freq >= Hourly {
		minutes = []int{at.Minute()}
	}
	if seconds == nil && r.Freq >= Minutely {
		seconds = []int{at.Second()}
	}
	for _, h := range hours {
		p.hours |= 1 << h
	}
	for _, m := range minutes {
		p.minutes |= 1 << m
	}
	for _, s := range seconds {
		p.seconds |= 1 << min(s, 59)
	}
	if r.Freq < Daily {
		hours = []int{0}
	}
	if r.Freq < Hourly {
		minutes = []int{0}
	}
	if r.Freq < Minutely {
		seconds = []int{0}
	}
	if err := p.work.step(len(hours) * len(minutes) * len(seconds)); err != nil {
		return err
	}
	for _, h := range hours {
		for _, m := range minutes {
			for _, s := range seconds {
				p.times = append(p.times, int64(h*anHour+m*aMinute+min(s, 59)))
			}
		}
	}
	p.times = slices.Compact(p.times)
	return nil
}

// walls are the instances of the rule from DTSTART on, in order, those of the periods from `from` to
// `to` at least. A rule that counts is gone through from its start. What cannot go on ends with an
// error.
func (p *plan) walls(from, to int64) iter.Seq2[int64, error] {
	return func(yield func(int64, error) bool) {
		left := p.count
		if left == 0 {
			return
		}
		if from < p.start || left > 0 {
			from = p.start
		}
		tell := func(wall int64) bool {
			if wall < p.start {
				return true
			}
			if wall >= lastWall || !yield(wall, nil) {
				return false
			}
			left--
			return left != 0
		}
		through := p.days
		if p.rule.Freq <= Daily {
			through = p.shortPeriods
		}
		if err := through(from, min(to, lastWall), tell); err != nil {
			yield(0, err)
		}
	}
}

// shortPeriods goes through periods of a day or less, from one that DTSTART's is a multiple of
// INTERVAL away from to the next, past those in which nothing is asked for.
func (p *plan) shortPeriods(from, to int64, tell func(int64) bool) error {
	length := map[Freq]int64{Secondly: 1, Minutely: aMinute, Hourly: anHour, Daily: aDay}[p.rule.Freq]
	first := p.start - modulo(p.start, length)
	every := length * int64(p.rule.Interval)
	next := func(at int64) int64 { return at + modulo(first-at, every) }
	at := max(first, next(from-every+1))
	for at < to {
		if err := p.work.step(1); err != nil {
			return err
		}
		if past := p.past(at); past > at {
			at = next(past)
			continue
		}
		if ok, err := p.set([]int64{at}, tell); !ok || err != nil {
			return err
		}
		at += every
	}
	return nil
}

// past is where the day, hour or minute that at is in ends if nothing in it is asked for, and else at.
func (p *plan) past(at int64) int64 {
	inDay := modulo(at, aDay)
	switch freq := p.rule.Freq; {
	case !p.matches((at - inDay) / aDay):
		return at - inDay + aDay
	case freq < Daily && p.hours != 0 && p.hours>>(inDay/anHour)&1 == 0:
		return at - inDay%anHour + anHour
	case freq < Hourly && p.minutes != 0 && p.minutes>>(inDay/aMinute%60)&1 == 0:
		return at - inDay%aMinute + aMinute
	case freq < Minutely && p.seconds != 0 && p.seconds>>(inDay%60)&1 == 0:
		return at + 1
	}
	return at
}

// days goes through weeks, months or years, from one that DTSTART's is a multiple of INTERVAL away
// from to the next.
func (p *plan) days(from, to int64, tell func(int64) bool) error {
	var matching []int64
	period := p.period(from)
	for {
		first, end := p.bounds(period)
		if first*aDay >= to {
			return nil
		}
		if err := p.work.step(1); err != nil {
			return err
		}
		matching = matching[:0]
		for day := first; day < end; day++ {
			if skipped := p.monthsOff(day); skipped > day {
				day = skipped - 1
				continue
			}
			if p.matches(day) {
				matching = append(matching, day*aDay)
			}
		}
		if err := p.work.step(int(end-first) / 7); err != nil {
			return err
		}
		if ok, err := p.set(matching, tell); !ok || err != nil {
			return err
		}
		period += p.rule.Interval
	}
}

// monthsOff is the first day of the next month if nothing in day's is asked for, and else day.
func (p *plan) monthsOff(day int64) int64 {
	if p.months == 0 || p.rule.Freq < Monthly {
		return day
	}
	year, month, _ := civil(day)
	if p.months>>month&1 != 0 {
		return day
	}
	return dayOf(year, month+1, 1)
}

// period is the number of the week since 1970, of the month since the year 0 or of the year in which
// a wall is, going back to one that DTSTART's is a multiple of INTERVAL away from.
func (p *plan) period(wall int64) int {
	number := func(wall int64) int {
		day := (wall - modulo(wall, aDay)) / aDay
		year, month, _ := civil(day)
		switch p.rule.Freq {
		case Yearly:
			return year
		case Monthly:
			return year*12 + int(month) - 1
		}
		return int((p.weekStart(day) - p.weekStart(0)) / 7)
	}
	start := number(p.start)
	return start + (number(wall)-start)/p.rule.Interval*p.rule.Interval
}

// bounds are the first day of a period and the first one after it.
func (p *plan) bounds(period int) (first, end int64) {
	switch p.rule.Freq {
	case Yearly:
		return dayOf(period, 1, 1), dayOf(period+1, 1, 1)
	case Monthly:
		year, month := period/12, time.Month(period%12+1)
		return dayOf(year, month, 1), dayOf(year, month+1, 1)
	}
	first = p.weekStart(0) + int64(period)*7
	return first, first + 7
}

// weekStart is the first day of the week in which day is.
func (p *plan) weekStart(day int64) int64 {
	return day - modulo(int64(weekday(day)-p.rule.WeekStart), 7)
}

// set tells the instances of a period: the times of each of its parts, or those of them that
// BYSETPOS chooses. It reports whether to go on.
func (p *plan) set(parts []int64, tell func(int64) bool) (bool, error) {
	if p.rule.BySetPos != nil {
		return p.chosen(parts, tell), nil
	}
	for _, part := range parts {
		for _, t := range p.times {
			if err := p.work.step(1); err != nil {
				return false, err
			}
			if !tell(part + t) {
				return false, nil
			}
		}
	}
	return true, nil
}

// chosen tells the instances of a period that BYSETPOS chooses, in the order of time.
func (p *plan) chosen(parts []int64, tell func(int64) bool) bool {
	all, each := len(parts)*len(p.times), len(p.times)
	var positions []int
	for _, n := range p.rule.BySetPos {
		if n < 0 {
			n += all + 1
		}
		if n >= 1 && n <= all {
			positions = append(positions, n-1)
		}
	}
	slices.Sort(positions)
	for _, at := range slices.Compact(positions) {
		if !tell(parts[at/each] + p.times[at%each]) {
			return false
		}
	}
	return true
}

// matches reports whether what a rule asks of days holds for one, counted from 1970.
func (p *plan) matches(day int64) bool {
	if asked := p.weekdays | p.nthWeekdays; asked != 0 && asked>>weekday(day)&1 == 0 {
		return false
	}
	if !p.byDate {
		return true
	}
	year, month, inMonth := civil(day)
	if p.months != 0 && p.months>>month&1 == 0 {
		return false
	}
	if p.monthDays|p.fromMonthEnd != 0 {
		toEnd := int(dayOf(year, month+1, 1) - day) // 1 on the last day
		if p.monthDays>>inMonth&1 == 0 && p.fromMonthEnd>>toEnd&1 == 0 {
			return false
		}
	}
	newYear, nextYear := dayOf(year, 1, 1), dayOf(year+1, 1, 1)
	if p.yearDays != nil && !contains(p.yearDays, int(day-newYear)+1, int(day-nextYear)) {
		return false
	}
	if p.weekNos|p.fromLastWeek != 0 && !p.matchesWeek(day) {
		return false
	}
	if p.nth == nil || p.weekdays>>weekday(day)&1 != 0 {
		return true
	}
	first, end := newYear, nextYear
	if p.rule.Freq == Monthly || p.months != 0 {
		first, end = day-int64(inMonth)+1, dayOf(year, month+1, 1)
	}
	return slices.Contains(p.nth, RuleDay{int(day-first)/7 + 1, weekday(day)}) ||
		slices.Contains(p.nth, RuleDay{-int(end-1-day)/7 - 1, weekday(day)})
}

func contains(sorted []int, a, b int) bool {
	_, first := slices.BinarySearch(sorted, a)
	_, second := slices.BinarySearch(sorted, b)
	return first || second
}

// matchesWeek reports whether a day is in a week that is asked for. A week is of the year in which
// the fourth of its days is (ISO 8601, with the week beginning at WKST).
func (p *plan) matchesWeek(day int64) bool {
	middle := p.weekStart(day) + 3
	year, _, _ := civil(middle)
	number := (middle-dayOf(year, 1, 1))/7 + 1
	fromLast := (dayOf(year+1, 1, 1)-1-middle)/7 + 1
	return p.weekNos>>number&1 != 0 || p.fromLastWeek>>fromLast&1 != 0
}

// modulo is the remainder that is not negative.
func modulo(a, b int64) int64 {
	r := a % b
	if r < 0 {
		r += b
	}
	return r
}

func weekday(day int64) time.Weekday { return time.Weekday(modulo(day+int64(time.Thursday), 7)) }

func civil(day int64) (int, time.Month, int) { return time.Unix(day*aDay, 0).UTC().Date() }

func dayOf(year int, month time.Month, day int) int64 {
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix() / aDay
}
