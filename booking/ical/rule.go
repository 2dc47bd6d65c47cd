package ical

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrRule means that a recurrence rule says nothing that RFC 5545 gives a meaning to.
var ErrRule = errors.New("not a recurrence rule")

// Freq is how long the periods of a rule are.
type Freq int

// The periods of RFC 5545, section 3.3.10, from short to long.
const (
	Secondly Freq = iota
	Minutely
	Hourly
	Daily
	Weekly
	Monthly
	Yearly
)

var freqs = map[string]Freq{
	"SECONDLY": Secondly, "MINUTELY": Minutely, "HOURLY": Hourly, "DAILY": Daily,
	"WEEKLY": Weekly, "MONTHLY": Monthly, "YEARLY": Yearly,
}

var weekdays = map[string]time.Weekday{
	"SU": time.Sunday, "MO": time.Monday, "TU": time.Tuesday, "WE": time.Wednesday,
	"TH": time.Thursday, "FR": time.Friday, "SA": time.Saturday,
}

// A RuleDay is a weekday of each week, or the Nth of a month or year, from its end if N is negative.
type RuleDay struct {
	N       int // 0: each
	Weekday time.Weekday
}

// Rule is a recurrence rule (RFC 5545, section 3.3.10). Lists are nil where the rule has no such
// part, and else sorted without repetition.
type Rule struct {
	Freq     Freq
	Interval int
	Count    int       // 0: not said
	Until    *DateTime // nil: not said

	BySecond, ByMinute, ByHour               []int
	ByDay                                    []RuleDay
	ByMonthDay, ByYearDay, ByWeekNo, ByMonth []int
	BySetPos                                 []int
	WeekStart                                time.Weekday
}

// The largest rule that is read: every list of RFC 5545 fits in.
const (
	longestRule  = 8 << 10
	mostInterval = 1 << 31
)

// ParseRule reads the value of RRULE, in capitals or not. It returns ErrRule for what is not in
// RFC 5545, and for what is and has no meaning, such as the fifth Monday of a week. UNTIL is taken in
// each form in which times are told, also beside COUNT, and empty parts are passed over.
func ParseRule(s string) (*Rule, error) {
	if len(s) > longestRule {
		return nil, fmt.Errorf("%w: more than %d octets", ErrRule, longestRule)
	}
	r := &Rule{Freq: -1, Interval: 1, WeekStart: time.Monday}
	var seen []string
	for part := range strings.SplitSeq(strings.ToUpper(s), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if name == "" && value == "" {
			continue
		}
		if slices.Contains(seen, name) {
			return nil, fmt.Errorf("%w: %s twice", ErrRule, shortened(name))
		}
		seen = append(seen, name)
		if !r.set(name, value) {
			return nil, fmt.Errorf("%w: %s=%s", ErrRule, shortened(name), shortened(value))
		}
	}
	if err := r.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRule, err)
	}
	return r, nil
}

// set reads one part of a rule, and reports whether it could.
func (r *Rule) set(name, value string) (ok bool) {
	switch name {
	case "FREQ":
		r.Freq, ok = freqs[value]
	case "INTERVAL":
		r.Interval, ok = positive(value, mostInterval)
	case "COUNT":
		r.Count, ok = positive(value, mostInterval)
	case "UNTIL":
		var until DateTime
		until, ok = parseDateTime(value)
		r.Until = &until
	case "WKST":
		r.WeekStart, ok = weekdays[value]
	case "BYSECOND":
		r.BySecond, ok = list(value, 0, 60)
	case "BYMINUTE":
		r.ByMinute, ok = list(value, 0, 59)
	case "BYHOUR":
		r.ByHour, ok = list(value, 0, 23)
	case "BYDAY":
		r.ByDay, ok = ruleDays(value)
	case "BYMONTHDAY":
		r.ByMonthDay, ok = list(value, -31, 31)
	case "BYYEARDAY":
		r.ByYearDay, ok = list(value, -366, 366)
	case "BYWEEKNO":
		r.ByWeekNo, ok = list(value, -53, 53)
	case "BYMONTH":
		r.ByMonth, ok = list(value, 1, 12)
	case "BYSETPOS":
		r.BySetPos, ok = list(value, -366, 366)
	case "RSCALE": // RFC 7529
		ok = value == "GREGORIAN"
	case "SKIP":
		ok = value == "OMIT"
	}
	return ok
}

// check says what in a rule has no meaning together.
func (r *Rule) check() error {
	nth := slices.ContainsFunc(r.ByDay, func(d RuleDay) bool { return d.N != 0 })
	switch {
	case r.Freq < 0:
		return errors.New("no FREQ")
	case nth && (r.Freq < Monthly || r.ByWeekNo != nil):
		return errors.New("a numbered weekday that is not of a month or year")
	case r.BySetPos != nil && !r.byAny():
		return errors.New("BYSETPOS without another part to choose from")
	}
	return nil
}

// byAny reports whether a rule has a part from which BYSETPOS can choose.
func (r *Rule) byAny() bool {
	for _, l := range [][]int{r.BySecond, r.ByMinute, r.ByHour, r.ByMonthDay, r.ByYearDay, r.ByWeekNo, r.ByMonth} {
		if l != nil {
			return true
		}
	}
	return r.ByDay != nil
}

func positive(s string, most int) (int, bool) {
	n, err := strconv.Atoi(strings.TrimPrefix(s, "+"))
	return n, err == nil && n > 0 && n <= most
}

// list reads numbers within bounds. Where they may be negative they count from the end, and none is 0.
func list(s string, least, most int) ([]int, bool) {
	var all []int
	for item := range strings.SplitSeq(s, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(item))
		if err != nil || n < least || n > most || n == 0 && least < 0 {
			return nil, false
		}
		all = append(all, n)
	}
	slices.Sort(all)
	return slices.Compact(all), true
}

func ruleDays(s string) ([]RuleDay, bool) {
	var all []RuleDay
	for item := range strings.SplitSeq(s, ",") {
		item = strings.TrimSpace(item)
		if len(item) < 2 {
			return nil, false
		}
		number, name := item[:len(item)-2], item[len(item)-2:]
		day, ok := weekdays[name]
		n := 0
		if ok && number != "" {
			var err error
			n, err = strconv.Atoi(number)
			ok = err == nil && n != 0 && n >= -53 && n <= 53
		}
		if !ok {
			return nil, false
		}
		if d := (RuleDay{N: n, Weekday: day}); !slices.Contains(all, d) {
			all = append(all, d)
		}
	}
	return all, true
}
