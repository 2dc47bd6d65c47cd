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

// Officer is one officer's day at the office.
type Officer struct {
	*Person
	Appointments int     // that day, wherever
	Present      Mask    // by the rota of this office; absences need not be taken away
	Busy         Mask    // absent, claimed in whichever office or busy in an external calendar
	Blocks       *Blocks // what Busy is made of; nil: claims
}

// Person is an officer as of some days. Days on which nothing of it differs should share one value,
// which nobody may change: a Plan remembers what it found out of it.
type Person struct {
	ID        string
	Acts      []string // institutions for which it acts then
	Services  []string // ids; none: all
	Languages []string
	Mediator  bool // helps with a language, and fills no need
}

// Blocks are the reasons for which an officer is busy.
type Blocks struct{ Absent, Claimed, Blocked, External Mask }

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
