package booking

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// MaxCapacity is how many people a session may have at most.
const MaxCapacity = 500

// maxFundingTag is how long a funding tag may be.
const maxFundingTag = 40

// SessionState is where a session stands.
type SessionState string

// The states of a session.
const (
	Planned          SessionState = "planned"
	SessionCancelled SessionState = "cancelled"
	HeldOut          SessionState = "held"
)

// Session is an appointment that many share, with a capacity and a waiting list: see Enrol. It claims its
// officers and room as the appointment of the same id, which Reassign, Shift and Clashes see as any other;
// what is for one citizen's appointment refuses it.
type Session struct {
	ID         string
	Territory  string
	Office     string
	Service    string
	State      SessionState
	Topic      string
	Language   string // in which it is held; empty: not said
	FundingTag string // a code: who pays for it; empty: nobody in particular
	Day        timetable.Date
	Start, End time.Time
	Staff      []timetable.Assignment
	Room       string
	Capacity   int // people
	Taken      int // people who have a seat
	Reason     string
	Sequence   int // as of Appointment
}

// Free returns for how many people there are seats.
func (s Session) Free() int { return s.Capacity - s.Taken }

// SessionWish is a session as staff plans it.
type SessionWish struct {
	Office, Service string
	Start           time.Time // any five minutes at which what the service needs is free
	Topic           string    // at most 120 characters
	Capacity        int       // 0: the service's
	Language        string    // in which it is held; officers who speak it are preferred
	FundingTag      string    // a code
	By              string    // who plans it, in the audit
}

// PlanSession claims all that a session of a service needs, through the channel of staff. Its faults are
// those of Hold, and invalid with the fields topic, capacity, language and funding_tag.
func PlanSession(ctx context.Context, tx *store.Tx, w SessionWish) (Session, error) {
	o, err := territory.Of(ctx, tx, w.Office)
	if err != nil {
		return Session{}, err
	}
	service, ok := o.Offers(w.Service)
	if !ok {
		return Session{}, unknownService(w.Service)
	}
	w.Topic = strings.TrimSpace(w.Topic)
	if w.Capacity == 0 {
		w.Capacity = service.Capacity
	}
	if err := w.check(); err != nil {
		return Session{}, err
	}
	s, versions, err := secure(ctx, tx, Wish{
		Office: w.Office, Service: w.Service, Start: w.Start, People: w.Capacity, Language: w.Language, Channel: territory.Staff, anyMinute: true,
	})
	if err != nil {
		return Session{}, err
	}
	a := s.appointment(tx.Now, time.Time{})
	a.State, a.Session = Booked, true
	if err := s.sell(ctx, tx, versions, &a); err != nil {
		return Session{}, err
	}
	const insert = `INSERT INTO meetings (id, state, topic, capacity, funding_tag) VALUES ($1, 'planned', $2, $3, $4)`
	if _, err := tx.Exec(ctx, insert, a.ID, w.Topic, w.Capacity, w.FundingTag); err != nil {
		return Session{}, fmt.Errorf("plan session: %w", err)
	}
	planned, err := SessionByID(ctx, tx, a.ID)
	if err != nil {
		return Session{}, err
	}
	return planned, record(ctx, tx, a, versions, w.By, "group.plan", map[string]any{
		"service": a.Service, "start": store.Millis(a.Start), "capacity": w.Capacity,
	})
}

func (w SessionWish) check() error {
	var wrong wrongs
	switch {
	case w.Topic == "":
		wrong.add("topic", "missing")
	case !printable(w.Topic, maxName):
		wrong.add("topic", "bad_text")
	}
	if w.Capacity < 2 || w.Capacity > MaxCapacity {
		wrong.add("capacity", "out_of_range")
	}
	if w.FundingTag != "" && (!audit.IsCode(w.FundingTag) || len(w.FundingTag) > maxFundingTag) {
		wrong.add("funding_tag", "bad_text")
	}
	if w.Language != "" && !known(w.Language) {
		wrong.add("language", "unknown_value")
	}
	if w.Start.IsZero() {
		wrong.add("start", "missing")
	}
	return wrong.fault()
}

var errUnknownSession = fault.New(fault.Missing, "unknown_session")

// SessionByID returns the session id, or the fault unknown_session.
func SessionByID(ctx context.Context, tx *store.Tx, id string) (Session, error) {
	all, err := listSessions(ctx, tx, `WHERE a.id = $1`, id)
	if err == nil && len(all) == 0 {
		err = errUnknownSession
	}
	if err != nil {
		return Session{}, err
	}
	return all[0], nil
}

// SessionsAt returns the sessions of an office on the days from to until, both included, in the order of
// their start, cancelled ones too.
func SessionsAt(ctx context.Context, tx *store.Tx, office string, from, until timetable.Date) ([]Session, error) {
	return listSessions(ctx, tx, `WHERE a.office_id = $1 AND a.day >= $2 AND a.day <= $3 ORDER BY a.start_at, a.id`,
		office, from.String(), until.String())
}

// Upcoming returns the planned sessions that have not begun, in the order of their start: those of one
// office or, where that is empty, of a whole territory. Full ones have a waiting list.
func Upcoming(ctx context.Context, tx *store.Tx, territory, office string) ([]Session, error) {
	return listSessions(ctx, tx, `
WHERE m.state = 'planned' AND a.start_at > $1 AND (a.office_id = $2 OR $2 = '' AND a.territory_id = $3)
ORDER BY a.start_at, a.id`, store.Millis(tx.Now), office, territory)
}

const selectSessions = `
SELECT m.id, m.state, m.topic, m.capacity, m.taken, m.funding_tag FROM meetings m JOIN appointments a ON a.id = m.id `

func listSessions(ctx context.Context, tx *store.Tx, condition string, args ...any) ([]Session, error) {
	all, err := store.All(ctx, tx, func(row store.Row) (s Session, err error) {
		err = row.Scan(&s.ID, &s.State, &s.Topic, &s.Capacity, &s.Taken, &s.FundingTag)
		return s, err
	}, selectSessions+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	for i := range all {
		a, err := ByID(ctx, tx, all[i].ID)
		if err != nil {
			return nil, err
		}
		s := &all[i]
		s.Territory, s.Office, s.Service, s.Language, s.Reason, s.Sequence = a.Territory, a.Office, a.Service, a.Language, a.Reason, a.Sequence
		s.Day, s.Start, s.End, s.Staff, s.Room = a.Day, a.Start, a.End, a.Staff, a.Room
	}
	return all, nil
}

// CancelSession ends a planned session for a reason, which is a code, and frees its time. It returns those
// who had a seat or waited for one, to be told. A second time changes nothing and returns nobody. The faults
// are unknown_session, appointment_state for one that was held, and reason_missing.
func CancelSession(ctx context.Context, tx *store.Tx, id, reason, by string) (Session, []Seat, error) {
	if !audit.IsCode(reason) {
		return Session{}, nil, fault.New(fault.Invalid, "reason_missing")
	}
	s, err := SessionByID(ctx, tx, id)
	if err != nil || s.State == SessionCancelled {
		return s, nil, err
	}
	if s, err = endSession(ctx, tx, id, SessionCancelled, Cancelled, reason, by, "group.cancel"); err != nil {
		return Session{}, nil, err
	}
	seats, err := listSeats(ctx, tx, `WHERE s.meeting_id = $1 AND s.state IN ('taken', 'waiting') ORDER BY s.state, s.created_at, s.id`, id)
	return s, seats, err
}

// CloseSession notes that a session was held, from its start on, else not_begun, and frees what is left of
// its time. The other faults are unknown_session and appointment_state.
func CloseSession(ctx context.Context, tx *store.Tx, id, by string) (Session, error) {
	s, err := SessionByID(ctx, tx, id)
	if err != nil {
		return Session{}, err
	}
	if tx.Now.Before(s.Start) {
		return Session{}, fault.New(fault.Conflict, "not_begun")
	}
	return endSession(ctx, tx, id, HeldOut, Served, "", by, "group.hold")
}

func endSession(ctx context.Context, tx *store.Tx, id string, to SessionState, state State, reason, by, action string) (Session, error) {
	a, err := ByID(ctx, tx, id)
	if err != nil {
		return Session{}, err
	}
	a.Reason = reason
	if _, err := end(ctx, tx, a, state, by, action, nil, Booked, ofSession); err != nil {
		return Session{}, err
	}
	changed, err := tx.Exec(ctx, `UPDATE meetings SET state = $2 WHERE id = $1 AND state = 'planned'`, id, string(to))
	if err == nil && changed == 0 {
		err = errors.New("the appointment was open and the session is not")
	}
	if err != nil {
		return Session{}, fmt.Errorf("end session: %w", err)
	}
	return SessionByID(ctx, tx, id)
}
