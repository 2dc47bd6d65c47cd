package ical

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// ErrSuperseded means that an event is in the file once more, in a later state.
var ErrSuperseded = errors.New("an older state of an event that is there again")

// Agenda is what the events of calendars say about time: which instances there are, and when.
type Agenda struct {
	series  []*series
	refused []Refusal
}

// A Refusal is an event that is in an agenda not at all, or without its instances, mostly since nobody
// could say when it is.
type Refusal struct {
	Event *Event
	Err   error // ErrValue, ErrZone, ErrRule, ErrTooMuch, ErrSuperseded, or in words
}

// An Occurrence is one instance of an event.
type Occurrence struct {
	Event      *Event    // that tells it: for a changed instance, the change
	Start, End time.Time // End may be Start, or before it where the file says so
	Form       Form      // OnDate: Start and End are midnights of the agenda's own zone
	Of         time.Time // where the rules put the instance, changed or not; zero if there are none
}

// NewAgenda understands the events of the calendars of one file. Dates and times without a zone are
// those of a clock in the given one. Two events with one UID are two states of it: the one with the
// larger SEQUENCE counts and the other is refused; both count if neither is larger. So it is with
// changes of one instance, which are told by RECURRENCE-ID, but that the later in the file counts.
func NewAgenda(floating *time.Location, cals ...*Calendar) *Agenda {
	a := &Agenda{}
	zones := NewZones(cals...)
	byUID := make(map[string][]*series)
	var changes []*series
	for _, cal := range cals {
		for _, e := range cal.Events() {
			s, err := understand(&e, zones, floating)
			switch uid := e.Props.Text(PropUID); {
			case err != nil:
				a.refused = append(a.refused, Refusal{Event: &e, Err: err})
			case s.of != nil:
				changes = append(changes, s)
			case uid == "":
				a.series = append(a.series, s)
			default:
				byUID[uid] = append(byUID[uid], s)
				a.series = append(a.series, s)
			}
		}
	}
	a.dropOld(byUID)
	for _, change := range changes {
		if of := byUID[change.event.Props.Text(PropUID)]; len(of) == 0 || !of[0].change(change, zones) {
			a.series = append(a.series, change)
		}
	}
	for _, s := range a.series {
		s.orderChanges()
	}
	return a
}

// Refused are the events that were not understood.
func (a *Agenda) Refused() []Refusal { return slices.Clone(a.refused) }

// dropOld keeps of the events of each UID those with the largest SEQUENCE.
func (a *Agenda) dropOld(byUID map[string][]*series) {
	old := make(map[*series]bool)
	for uid, all := range byUID {
		if len(all) == 1 {
			continue
		}
		newest := slices.MaxFunc(all, bySequence).sequence()
		byUID[uid] = slices.DeleteFunc(all, func(s *series) bool {
			if s.sequence() < newest {
				old[s] = true
			}
			return old[s]
		})
	}
	a.series = slices.DeleteFunc(a.series, func(s *series) bool {
		if old[s] {
			a.refused = append(a.refused, Refusal{Event: s.event, Err: ErrSuperseded})
		}
		return old[s]
	})
}

// sequence is the SEQUENCE of an event; 0 if it has none or it is no number.
func (s *series) sequence() int {
	p := s.event.Props.Get(PropSequence)
	if p == nil {
		return 0
	}
	n, _ := p.Int()
	return n
}

func bySequence(a, b *series) int { return cmp.Compare(a.sequence(), b.sequence()) }

// change adds a change of an instance. It reports whether the instance could be told.
func (s *series) change(change *series, zones *Zones) bool {
	of, err := s.instance(&clock{zone: s.zone}, zones, *change.of)
	if err != nil {
		return false
	}
	change.ofInstance, change.ofDay = of, change.of.Form == OnDate && s.form != OnDate
	s.changed = append(s.changed, change)
	return true
}

// orderChanges leaves of the changes of each instance the last of those with the largest SEQUENCE, in
// the order of the instances.
func (s *series) orderChanges() {
	slices.SortStableFunc(s.changed, func(a, b *series) int {
		return cmp.Or(cmp.Compare(a.ofInstance.at, b.ofInstance.at), bySequence(a, b))
	})
	var last []*series
	for _, c := range s.changed {
		if n := len(last); n > 0 && last[n-1].ofInstance.at == c.ofInstance.at {
			last[n-1] = c
			continue
		}
		last = append(last, c)
	}
	s.changed = last
	for _, c := range s.changed {
		if c.ofDay {
			s.changedDays = append(s.changedDays, c.ofInstance.wall/aDay)
		}
	}
}

// Between returns what takes place from one instant until before another, or begins in that time, in
// the order of the starts. Of what would give more than 10,000 instances there, or take more work than
// any calendar needs, none are returned, and it is refused; so is what would make more than 262,144 of
// them all.
func (a *Agenda) Between(from, to time.Time) ([]Occurrence, []Refusal) {
	x := expansion{clock: &clock{}, from: from.Unix(), to: to.Unix(), left: mostStepsInFile}
	var refused []Refusal
	for _, s := range a.series {
		if err := x.add(s); err != nil {
			refused = append(refused, Refusal{Event: s.event, Err: err})
		}
	}
	return x.occurrences(), refused
}

// An expansion finds what is from one instant until before another.
type expansion struct {
	from, to  int64
	left      int // steps
	clock     *clock
	instances []instance // of a series at a time
	found     []hit
}

// A hit is an occurrence in the making: the event that tells it, the zone in which to tell it, and
// Unix seconds.
type hit struct {
	by          *series
	zone        *time.Location
	at, end, of int64
}

// add finds the occurrences of a series; none of those that its rules give if it returns an error.
func (x *expansion) add(s *series) error {
	if len(x.found)+len(s.changed) >= mostFound {
		return fmt.Errorf("%w: more than %d of all events", ErrTooMuch, mostFound)
	}
	for _, change := range s.changed {
		x.occurrence(change, instance{wall: change.start, at: change.at}, change.zone, change.ofInstance.at)
	}
	if s.rules == nil && s.more == nil && s.changed == nil && s.without == nil && s.withoutDays == nil {
		x.occurrence(s, instance{wall: s.start, at: s.at}, s.zone, none)
		return nil
	}
	w := work{steps: min(mostSteps, x.left)}
	before := w.steps
	err := x.expand(s, &w)
	x.left -= before - max(w.steps, 0)
	if err != nil {
		return err
	}
	if len(x.found)+len(x.instances) > mostFound {
		return fmt.Errorf("%w: more than %d of all events", ErrTooMuch, mostFound)
	}
	x.tell(s)
	return nil
}

// clockOf is the clock of a zone, which mostly is that of the last one.
func (x *expansion) clockOf(zone *time.Location) *clock {
	if x.clock.zone != zone {
		x.clock = &clock{zone: zone}
	}
	return x.clock
}

// usualInstances is for how many there is room at first: those of every working day of a year.
const usualInstances = 262

// none is the instant of no instance.
const none = -1 << 63

// expand collects the instances of a series that may be in the window, in order and each once.
func (x *expansion) expand(s *series, w *work) error {
	if x.instances == nil {
		x.instances = make([]instance, 0, usualInstances)
	}
	x.instances = x.instances[:0]
	c := x.clockOf(s.zone)
	reach, shift := s.reach(c)
	from, to := x.from-reach-shift, x.to+shift
	keep := func(i instance) error {
		if i.at >= from && i.at < to {
			x.instances = append(x.instances, i)
		}
		if len(x.instances) > mostInstances {
			return fmt.Errorf("%w: more than %d", ErrTooMuch, mostInstances)
		}
		return nil
	}
	if s.begins() {
		if err := keep(instance{wall: s.start, at: s.at}); err != nil {
			return err
		}
	}
	for _, more := range s.more {
		if err := keep(more); err != nil {
			return err
		}
	}
	plans, err := s.plans(w)
	if err != nil {
		return err
	}
	for i, p := range plans {
		until := s.rules[i]
		for wall, err := range p.walls(from-farthest, min(to+farthest, until.untilWall+1)) {
			if err != nil {
				return err
			}
			at := c.instant(wall)
			if wall > until.untilWall || at > until.untilInstant {
				break
			}
			if err := keep(instance{wall: wall, at: at}); err != nil {
				return err
			}
		}
	}
	byInstant := func(a, b instance) int { return cmp.Compare(a.at, b.at) }
	if !slices.IsSortedFunc(x.instances, byInstant) {
		slices.SortStableFunc(x.instances, byInstant)
	}
	x.instances = slices.CompactFunc(x.instances, func(a, b instance) bool { return a.at == b.at })
	return nil
}

// reach is how long before an instant an instance may begin that still is at that instant, and how
// far the changes of all later instances move them, in seconds at most.
func (s *series) reach(c *clock) (reach, shift int64) {
	longest := func(l length) {
		reach = max(reach, l.days*aDay+farthest+l.seconds)
	}
	longest(s.length)
	for _, more := range s.more {
		if more.length != nil {
			longest(*more.length)
		}
	}
	for _, change := range s.changed {
		if change.onwards {
			longest(change.length)
			moved := change.moved(c)
			shift = max(shift, moved+farthest, -moved+farthest)
		}
	}
	return reach, shift
}

// moved is by how many seconds on the wall an instance was moved.
func (s *series) moved(c *clock) int64 { return c.wall(s.at) - s.ofInstance.wall }

// begins reports whether DTSTART is an instance. It is, unless every rule ends before it: so programs
// say that a series was cut off at its first instance.
func (s *series) begins() bool {
	return s.rules == nil || slices.ContainsFunc(s.rules, func(r recurrence) bool {
		return s.start <= r.untilWall && s.at <= r.untilInstant
	})
}

// plans are those of the rules. The instance that DTSTART is by itself counts as one of COUNT's.
func (s *series) plans(w *work) ([]*plan, error) {
	var all []*plan
	counted, synchronized := false, false
	for _, r := range s.rules {
		p, err := newPlan(r.Rule, s.start, s.form == OnDate, w)
		if err != nil {
			return nil, err
		}
		all = append(all, p)
		counted = counted || p.count > 0
	}
	if !counted {
		return all, nil
	}
	for _, p := range all {
		for wall, err := range p.walls(s.start, s.start+1) {
			if err != nil {
				return nil, err
			}
			synchronized = synchronized || wall == s.start
			break
		}
	}
	for _, p := range all {
		if !synchronized && p.count > 0 {
			p.count--
		}
	}
	return all, nil
}

// tell adds the instances that are neither taken out nor told by a change of that one.
func (x *expansion) tell(s *series) {
	c := x.clockOf(s.zone)
	x.found = slices.Grow(x.found, len(x.instances)*3/2) // other series have some too
	var onwards *series
	changed := s.changed
	for _, i := range x.instances {
		for len(changed) > 0 && changed[0].ofInstance.at <= i.at {
			if changed[0].onwards {
				onwards = changed[0]
			}
			changed = changed[1:]
		}
		if s.excepted(i) {
			continue
		}
		if onwards == nil {
			x.occurrence(s, i, s.zone, i.at)
			continue
		}
		moved := instance{wall: i.wall + onwards.moved(c)}
		moved.at = c.instant(moved.wall)
		x.occurrence(onwards, moved, s.zone, i.at)
	}
}

// excepted reports whether an instance is taken out by EXDATE, or told by a change of that one.
func (s *series) excepted(i instance) bool {
	if _, found := slices.BinarySearch(s.without, i.at); found {
		return true
	}
	day := (i.wall - modulo(i.wall, aDay)) / aDay
	if _, found := slices.BinarySearch(s.withoutDays, day); found {
		return true
	}
	_, found := slices.BinarySearchFunc(s.changed, i.at, func(c *series, at int64) int { return cmp.Compare(c.ofInstance.at, at) })
	if found {
		return true
	}
	_, found = slices.BinarySearch(s.changedDays, day)
	return found
}

// occurrence adds an instance as s tells it, if it is in the window.
func (x *expansion) occurrence(s *series, i instance, zone *time.Location, of int64) {
	l := s.length
	if i.length != nil {
		l = *i.length
	}
	end := l.end(x.clockOf(zone), i.wall, i.at)
	if i.at >= x.to || end <= x.from && i.at < x.from {
		return
	}
	x.found = append(x.found, hit{by: s, zone: zone, at: i.at, end: end, of: of})
}

// occurrences are the hits in the order of time, those of one instant as they were found.
func (x *expansion) occurrences() []Occurrence {
	order := make([]int64, len(x.found)) // by the start, and then by the place in found, in one number
	for i, h := range x.found {
		order[i] = h.at*mostFound + int64(i)
	}
	slices.Sort(order)
	all := make([]Occurrence, len(order))
	for i, place := range order {
		h := x.found[modulo(place, mostFound)]
		all[i] = Occurrence{Event: h.by.event, Start: time.Unix(h.at, 0).In(h.zone), End: time.Unix(h.end, 0).In(h.zone), Form: h.by.form}
		if h.of != none {
			all[i].Of = time.Unix(h.of, 0).In(h.zone)
		}
	}
	return all
}
