package timetable

import "time"

// Demand is what an appointment takes. Minutes are whole multiples of Grid.
type Demand struct {
	Service  string   // id; officers who have a list of services must have it there
	Needs    []string // one officer of each institution at the same time, at most MaxNeeds; or
	NeedsAny []string // one officer of any of them
	MayCover bool     // one officer who acts for all of Needs suffices

	Minutes       int
	Step          int // starts lie on it from the start of the common opening; 0: Minutes
	Before, After int // buffers in which officers and rooms, not the office, must be free
	Rooms         int // rooms that it also takes

	Language  string // ISO 639-1, of the citizen; empty: not said
	MustSpeak bool   // an officer, or else a mediator who is also taken, must speak Language
}

// MaxNeeds is how many institutions one appointment can need.
const MaxNeeds = 8

// Supply is what an office has on one civil day for one channel.
type Supply struct {
	Scale
	Hours    []Hours // of each institution that the office hosts; one without is closed
	Officers []Officer
	Rooms    []Room
}

// Hours is when one institution is open to the channel. Opening is what series and extras open, and
// starts count from where it begins; Closed is what closures, holidays and the patron saint's day
// take away, be it from Opening or from series that do not hold on that day. See Calendar.HoursOf.
type Hours struct {
	Institution     string
	Opening, Closed Mask
}

// HoursOf returns when an institution is open to a channel on d; s is the scale of d in the calendar's
// zone. On a holiday, the patron saint's day or a whole day of closure only extras are Opening, and
// what series would open is Closed.
func (c Calendar) HoursOf(d Date, s Scale, institution, channel string) Hours {
	series := joined(c.series(d, institution, channel))
	extras := joined(c.extras(d, institution, channel))
	h := Hours{
		Institution: institution,
		Opening:     s.Inside(c.spans(d, extras)),
		Closed:      s.Touched(c.spans(d, joined(c.cuts(d, institution)))),
	}
	if regular := s.Inside(c.spans(d, series)); c.rests(d, institution) {
		h.Closed = h.Closed.Or(regular.AndNot(h.Opening))
	} else {
		h.Opening = h.Opening.Or(regular)
	}
	return h
}

// Officer is one officer's day at the office.
type Officer struct {
	*Person
	Appointments int     // that day, wherever
	Present      Mask    // by the rota of this office; absences need not be taken away
	Busy         Mask    // absent, claimed in whichever office or busy in an external calendar
	Blocks       *Blocks // what Busy is made of; nil: claims
}

// Person is an officer as of some days. Days on which nothing of it differs should share one value:
// a Plan remembers what it found out.
type Person struct {
	ID        string
	Acts      []string // institutions for which it acts then
	Services  []string // ids; none: all
	Languages []string
	Mediator  bool // helps with a language, and fills no need
}

// Blocks are the reasons for which an officer is busy.
type Blocks struct{ Absent, Claimed, External Mask }

// Room is one room's day.
type Room struct {
	ID   string
	Busy Mask
}

// Terms are the conditions on which a channel may book on a day at one moment. The nil Terms allow
// anything.
type Terms struct {
	Now    time.Time
	Window Window
	Ended  bool // the service is not offered on that day
	Used   bool // the channel's quota of that day is used up; see Quotas
}

// Start is a free start.
type Start struct {
	Bit  int // of the day's Scale
	Ways int // how many distinct sets of people can do it; at least 1
}

// Team is who does an appointment, and where.
type Team struct {
	Officers []Assignment // one for each of Needs in its order, or one for NeedsAny
	Mediator string       // id; empty: none is needed
	Rooms    []string     // ids
}

// Assignment says for which institution an officer is there. One who covers several has several.
type Assignment struct{ Institution, Officer string }

// Plan finds the free starts of one demand. It remembers what it found out about people, so it is
// for one goroutine; its results do not depend on that memory.
type Plan struct {
	demand Demand
}

// NewPlan returns the plan of a demand.
func NewPlan(d Demand) *Plan { return &Plan{demand: d} }

// Starts appends the free starts of a day to into, ascending. Two starts may overlap each other.
//
// A start lies on the step, counted from where the common opening begins: the stretch in which all
// of Needs are open, or each of NeedsAny by itself. The slot fits wholly inside it and is clear of
// closures; so many different officers are present and, buffers included, not busy; one officer
// never stands for two others who are free one after the other. A buffer that reaches over midnight
// is looked at only within the day.
func (p *Plan) Starts(s *Supply, t *Terms, into []Start) []Start { return into }

// Staff returns who should do the appointment at a start: those who speak the demand's language
// first, then with the fewest appointments that day, then by id; of two teams of whom equally many
// speak it the smaller. It leaves out the people and rooms of the ids except, for a second try when
// one of them turned out to be taken. It returns false when nobody can.
func (p *Plan) Staff(s *Supply, bit int, except ...string) (Team, bool) { return Team{}, false }

// None returns why Starts finds nothing, or the zero Reason when it finds something.
func (p *Plan) None(s *Supply, t *Terms) Reason { return Reason{} }

// Explain returns everything that stands in the way of a start, or nothing when it is free.
func (p *Plan) Explain(s *Supply, t *Terms, start time.Time) []Obstacle { return nil }

// Reason is why a day has no start. Institution is that of NoOfficer and of Closed, where it is one.
type Reason struct {
	Code        Code
	Institution string
}

// Code is a reason in a word.
type Code string

// The codes of Reason.
const (
	ServiceEnded Code = "service_ended"
	TooEarly     Code = "too_early"  // the day is not released yet
	TooLate      Code = "too_late"   // what was free is past, or nearer than the least lead
	Closed       Code = "closed"     // nothing opens long enough for all who are needed
	NoOfficer    Code = "no_officer" // nobody of the institution is there for the service
	Full         Code = "full"
)

// Obstacle is one thing in the way of a start. Institution says for whom, Who the officer or room;
// both may be empty.
type Obstacle struct {
	Code        Code
	Institution string
	Who         string
}

// The codes of Obstacle, beside ServiceEnded, TooEarly, TooLate and NoOfficer.
const (
	ByOpening  Code = "opening"  // the institution does not open, or not long enough
	ByClosure  Code = "closure"  // closed, a holiday or the patron saint's day
	ByGrid     Code = "grid"     // starts do not lie there
	ByQuota    Code = "quota"    // the channel has had its share of the day
	ByRota     Code = "rota"     // the officer is not there then
	ByAbsence  Code = "absence"  // the officer is absent
	ByClaim    Code = "claim"    // the officer or room has another appointment
	ByExternal Code = "calendar" // the officer's own calendar says busy
	ByPeople   Code = "people"   // all are free, but one would have to stand for two
	ByLanguage Code = "language" // nobody who is free speaks the language
	ByRoom     Code = "room"     // too few rooms are free
)

// Window is when a start can be booked: until LeadMinMinutes before it, and from midnight of the
// office's zone LeadMaxDays days before its date.
type Window struct{ LeadMinMinutes, LeadMaxDays int }

// Quotas are how many of a day's appointments each channel may make before that day; a channel
// without one as many as there are.
type Quotas map[string]int

// Used reports whether a channel that has made so many appointments for d has had its share. On the
// day itself every channel may take what is left. Today is the office's date.
func (q Quotas) Used(channel string, made int, d, today Date) bool {
	quota, bounded := q[channel]
	return bounded && made >= quota && d.After(today)
}
