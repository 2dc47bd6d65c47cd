package rule

import "time"

// Reason is a stable code that says why a ticket is next at a desk.
type Reason string

// The reasons, in the order in which they are considered: the first that holds is given.
const (
	// JointReady: one desk of each institution of a joint ticket is ready.
	JointReady Reason = "joint_ready"
	// BeforeJoint: the desk is held for a joint ticket, and this ticket fits before it.
	BeforeJoint Reason = "before_joint"
	// Returned: came back soon after a no-show and kept its due time.
	Returned Reason = "returned"
	// Transferred: comes from another desk and kept its due time.
	Transferred Reason = "transferred"
	// Resumed: was parked and kept its due time.
	Resumed Reason = "resumed"
	// AppointmentEarly: an appointment before its time, as nothing else is callable.
	AppointmentEarly Reason = "appointment_early"
	// AppointmentLate: an appointment whose holder came late and is due by arrival.
	AppointmentLate Reason = "appointment_late"
	// AppointmentTime: an appointment whose time has come.
	AppointmentTime Reason = "appointment_time"
	// Precedence: a walk-in that goes before somebody only by its precedence.
	Precedence Reason = "precedence"
	// WaitedThreshold: a walk-in before a callable appointment, at whose time it had waited W.
	WaitedThreshold Reason = "waited_threshold"
	// OnlyOne: nobody else waits whom the desk may serve.
	OnlyOne Reason = "only_one"
	// LongestDue: its due time is the smallest.
	LongestDue Reason = "longest_due"
)

// reason says why caller calls t with group; w is the office's threshold.
func (l *lobby) reason(caller int, t *Ticket, group []int, w time.Duration) Reason {
	hold := holdOf(l.holds, &l.desks[caller])
	switch {
	case group != nil:
		return JointReady
	case hold != nil && hold.Ticket != t.ID:
		return BeforeJoint
	case t.Returned:
		return Returned
	case t.Transferred:
		return Transferred
	case t.Resumed:
		return Resumed
	case t.early(l.now):
		return AppointmentEarly
	case t.late():
		return AppointmentLate
	case t.appointment():
		return AppointmentTime
	case l.passesByPrecedence(caller, t):
		return Precedence
	case l.passesAppointment(caller, t, w):
		return WaitedThreshold
	case l.only(caller, t):
		return OnlyOne
	default:
		return LongestDue
	}
}

// passesByPrecedence reports whether without its precedence t would go after another ticket.
func (l *lobby) passesByPrecedence(caller int, t *Ticket) bool {
	if t.Lead == 0 {
		return false
	}
	plain := Ticket{Due: t.Due.Add(t.Lead), Seq: t.Seq}
	for i := range l.tickets {
		u := &l.tickets[i]
		if u != t && u.before(&plain) && l.callable(caller, u) {
			return true
		}
	}
	return false
}

// passesAppointment reports whether t goes before an appointment whose time has come and had by
// then waited w.
func (l *lobby) passesAppointment(caller int, t *Ticket, w time.Duration) bool {
	for i := range l.tickets {
		u := &l.tickets[i]
		if u.appointment() && !u.late() && !t.Due.After(u.Start.Add(-w)) && l.callable(caller, u) {
			return true
		}
	}
	return false
}

// callable reports whether caller could call t now, were there no other ticket.
func (l *lobby) callable(caller int, t *Ticket) bool {
	if t.early(l.now) {
		return false
	}
	_, ok := l.group(caller, t)
	return ok
}

// only reports whether t is the only ticket that caller may serve, now or later.
func (l *lobby) only(caller int, t *Ticket) bool {
	for i := range l.tickets {
		u := &l.tickets[i]
		if u != t && l.desks[caller].serves(u) {
			return false
		}
	}
	return true
}
