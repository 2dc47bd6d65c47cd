// Package booking sells the time of officers and rooms: what is free, holds, appointments and what
// becomes of them.
//
// Nobody is booked twice: five minutes of an officer or room are one row of claims, whatever the
// office, and an appointment has all of its claims or is none. It has them while it is held, booked,
// arrived or in service. A hold is an appointment whose claims end by themselves after HoldFor, be
// they still there or not. One that had ended and is reopened has what nobody took meanwhile.
//
// Every function that changes something first locks the offices in which its officers work, in the
// order of their ids, so what is offered there is never older than the last booking that was
// acknowledged. It refuses with a fault what the state of an appointment forbids. Contact data is
// erased at EraseAt; what stays has no identity. Instants are UTC, but for those of
// Availability, which are in the office's zone.
package booking

import (
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
)

// HoldFor is how long a citizen who chose a start has to book it.
const HoldFor = 10 * time.Minute

// State is where an appointment stands.
type State string

// The states of an appointment.
const (
	Held      State = "held"
	Booked    State = "booked"
	Arrived   State = "arrived"
	InService State = "in_service"
	Served    State = "served"
	Cancelled State = "cancelled"
	Expired   State = "expired" // a hold that nobody booked
	NoShow    State = "no_show"
)

// Open reports whether an appointment in this state takes somebody's time.
func (s State) Open() bool {
	return s == Held || s == Booked || s == Arrived || s == InService
}

// Appointment is a time at which all that a service needs is reserved for somebody.
type Appointment struct {
	ID, Token  string
	Reference  string // as people read it out: KX7-42P
	Territory  string
	Office     string
	Service    string
	State      State
	Day        timetable.Date // the office's date at its start
	Start, End time.Time
	People     int
	Language   string // of the citizen; empty: not said
	MustSpeak  bool   // somebody there must speak it
	Channel    territory.Channel
	Session    bool      // many share it: see the Session of the same id
	HoldUntil  time.Time // while it is held
	Staff      []timetable.Assignment
	Mediator   string // officer who helps with the language; empty: none
	Room       string // empty: none
	Contact    Contact
	Note       string
	ErasedAt   time.Time // of contact and note; zero: they are there, if there were any
	Reason     string    // a code: why it was cancelled
	Sequence   int       // how often its time, state or officers were changed since it was booked (RFC 5545 section 3.8.7.4)
	CreatedAt  time.Time
	ChangedAt  time.Time
	ArrivedAt  time.Time
	StartedAt  time.Time
	EndedAt    time.Time
}

// Subject names the appointment in the audit and among what was erased.
func (a Appointment) Subject() string { return subjectPrefix + a.ID }

const subjectPrefix = "appointment:"

// MoveUntil returns the last instant at which the citizen may move or cancel the appointment.
func (a Appointment) MoveUntil(s *territory.Service) time.Time {
	return a.Start.Add(-time.Duration(s.CancelUntilMinutes) * time.Minute)
}

// officers returns the ids of those who do the appointment.
func (a Appointment) officers() []string {
	var ids []string
	for _, s := range a.Staff {
		ids = append(ids, s.Officer)
	}
	if a.Mediator != "" {
		ids = append(ids, a.Mediator)
	}
	return ids
}

// officerResource and roomResource are whose time is claimed: officer ids are unique in a territory,
// room ids in an office.
func officerResource(territory, officer string) string { return "officer:" + territory + ":" + officer }

func roomResource(office, room string) string { return "room:" + office + ":" + room }
