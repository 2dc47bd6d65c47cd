// Package queue keeps the tickets of an office's day: who waits, who is next, who was called where.
//
// Numbers are gap-free per office, series and business day, which is the office's date. A ticket is
// called at most once at a time and a desk has at most one ticket; a joint ticket takes all its
// desks or none. Every function that changes something first locks the office, so changes to one
// office follow one another, and refuses with a fault what the state of ticket or desk forbids.
// Instants are UTC. The calling rule itself is in queue/rule, the estimate in queue/forecast.
package queue

import (
	"fmt"
	"time"

	"sportello/booking/timetable"
	"sportello/queue/rule"
)

// State is where a ticket stands.
type State string

// The states of a ticket.
const (
	Waiting   State = "waiting"
	Called    State = "called"
	Serving   State = "serving"
	Served    State = "served"
	Parked    State = "parked"
	NoShow    State = "no_show"
	Cancelled State = "cancelled"
	NotServed State = "not_served" // still there when the day ended: neither no-show nor abandoned
)

// Ended reports whether nothing more is expected of a ticket. A no-show may still come back.
func (s State) Ended() bool {
	return s == Served || s == NoShow || s == Cancelled || s == NotServed
}

// Origin is who made a ticket.
type Origin string

// The origins of tickets.
const (
	FromKiosk       Origin = "kiosk"
	FromDesk        Origin = "desk" // typed in by staff
	FromProgram     Origin = "program"
	FromAppointment Origin = "appointment"
)

// CameBack says why a ticket that had left the queue waits again; it keeps its due time.
type CameBack string

// The ways back into the queue.
const (
	Returned    CameBack = "returned"    // within ReturnWithin of a no-show
	Resumed     CameBack = "resumed"     // was parked
	Transferred CameBack = "transferred" // to another service, desk or institution
)

// Ticket is one place in the queue. It holds no identity: who has the paper or the token has the
// place.
type Ticket struct {
	ID, Token     string
	Office        string
	Day           timetable.Date
	Series        string
	Number        int
	Seq           int64 // order of issue across the office's series
	Area          string
	Service       string
	Institution   string // only desks that act for it; "" any
	OnlyDesk      string // only this desk; "" any
	State         State
	Origin        Origin
	IssuedBy      string // as the audit names who asked for it: "device:ID"
	Precedence    bool
	Language      string
	Appointment   string    // its id; "" a walk-in
	AppointmentAt time.Time // zero: a walk-in
	Part          string    // the institution that it is called or served for without the others; "" all it needs
	Done          []string  // institutions of a joint service whose part is done
	CameBack      CameBack
	IssuedAt      time.Time
	DueAt         time.Time
	CalledAt      time.Time // the last call; zero: never
	StartedAt     time.Time
	EndedAt       time.Time
	Calls         int         // since it last waited
	Why           rule.Reason // why it was next when it was called last
	Outcome       string
	Reason        string // why it was parked or called out of order
	ServedAs      string // the service that was done, when it was another
	ChangedAt     time.Time
	Desks         []string // where it is called or served, the calling desk first

	undo string // JSON of the last step, while it can be undone
}

// Label is the ticket's number as it is printed and shown, such as A012.
func (t Ticket) Label() string { return fmt.Sprintf("%s%03d", t.Series, t.Number) }

// Undoable reports whether the last step on t can still be undone at now.
func (t Ticket) Undoable(now time.Time) bool {
	return t.undo != "" && !now.After(t.ChangedAt.Add(UndoWithin))
}

// How long a step can be undone, and a no-show come back.
const (
	UndoWithin   = time.Minute
	ReturnWithin = 30 * time.Minute
)

// Seat is a desk of an office and who acts at it ("user:ID", "job:NAME").
type Seat struct {
	Office, Desk, By string
	Officer          string // who sits there; only SeatOf says it
}

// DeskState is what a desk at work is doing, apart from its ticket.
type DeskState string

// The states of a desk at work; a desk that is not at work is closed.
const (
	DeskOpen   DeskState = "open"
	DeskPaused DeskState = "paused"
)

// Desk is a desk at work.
type Desk struct {
	Office, ID   string
	Officer      string // of the office's territory
	User         string
	Institutions []string // what its officer acts for today
	Services     []string // what it serves now
	State        DeskState
	Reason       string    // of the pause
	PausedAt     time.Time // zero: it is open
	BackAt       time.Time // the pause's announced end; zero: not said
	OpenedAt     time.Time
	ChangedAt    time.Time
	HelpAt       time.Time // when it silently asked the others for help; zero: it did not
	Released     []string  // joint tickets it does not wait for
	Ticket       string    // called or served there; "" none
}

// Call is a ticket shown and spoken for its desks.
type Call struct {
	Version  int64 // of the office; calls of an office are in this order
	Ticket   Ticket
	Desks    []string // the calling desk first
	CalledAt time.Time
	Repeat   int // 1: the first call
}

// Stop is a service that staff stopped for a day.
type Stop struct {
	Service string
	Reason  string
	At      time.Time
}
