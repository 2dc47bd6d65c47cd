package booking

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/booking/territory"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// SeatState is where a seat of a session stands.
type SeatState string

// The states of a seat.
const (
	SeatWaiting SeatState = "waiting" // for others to give theirs up
	SeatTaken   SeatState = "taken"
	SeatGivenUp SeatState = "given_up"
	SeatPresent SeatState = "present"
	SeatAbsent  SeatState = "absent"
)

// Seat is a place in a session, or in its waiting list, for one person or some who come together.
type Seat struct {
	ID, Token string
	Reference string // as people read it out: KX7-42PD, a letter longer than an appointment's
	Session   string
	State     SeatState
	People    int
	Language  string // of the citizen
	Contact   Contact
	Note      string
	ErasedAt  time.Time // of contact and note; zero: they are there
	CreatedAt time.Time
	ChangedAt time.Time
}

// Subject names the seat in the audit and among what was erased.
func (s Seat) Subject() string { return seatPrefix + s.ID }

const seatPrefix = "seat:"

var errSessionOver = fault.New(fault.Gone, "session_over")

// Enrol gives somebody, and who comes with them, seats in a session, or a place in its waiting list where
// not all of them have one. Again, for staff, lets a person have more than MaxOpen. The faults are
// unknown_session, session_over for one that has begun or is not planned any more, already_enrolled,
// too_many_appointments, and invalid with the fields.
func Enrol(ctx context.Context, tx *store.Tx, key Key, session string, d Details, people int) (Seat, error) {
	contact, err := d.checked()
	if err != nil {
		return Seat{}, err
	}
	s, err := SessionByID(ctx, tx, session)
	if err != nil {
		return Seat{}, err
	}
	if people < 1 || people > min(MaxPeople, s.Capacity) {
		return Seat{}, &fault.Error{Kind: fault.Invalid, Code: "invalid", Fields: wrongs{{Name: "people", Code: "out_of_range"}}}
	}
	persons := key.Persons(contact)
	if err := lockPersons(ctx, tx, persons); err != nil {
		return Seat{}, err
	}
	if err := checkSeats(ctx, tx, s, persons, d.Again); err != nil {
		return Seat{}, err
	}
	s, versions, err := lockSession(ctx, tx, s)
	if err != nil {
		return Seat{}, err
	}
	if s.State != Planned || !tx.Now.Before(s.Start) {
		return Seat{}, errSessionOver
	}
	contact.FiscalCode = "" // persons keep its digest, nothing else does
	seat := Seat{
		ID: store.NewID(), Token: store.NewToken(), Session: s.ID, State: SeatWaiting, People: people, Language: d.Language,
		Contact: contact, Note: strings.TrimSpace(d.Note), CreatedAt: tx.Now, ChangedAt: tx.Now,
	}
	fits, err := sit(ctx, tx, s.ID, people)
	if err != nil {
		return Seat{}, err
	}
	if fits {
		seat.State = SeatTaken
	}
	if err := seat.insert(ctx, tx); err != nil {
		return Seat{}, err
	}
	if err := savePersons(ctx, tx, seatPersons, seat.ID, persons); err != nil {
		return Seat{}, err
	}
	return seat, seat.record(ctx, tx, s, versions, d.By, "seat.enrol", map[string]any{
		"session": s.ID, "people": people, "state": string(seat.State),
	})
}

// lockSession locks the office of a session and reads the session as it then is.
func lockSession(ctx context.Context, tx *store.Tx, s Session) (Session, locked, error) {
	version, err := territory.Lock(ctx, tx, s.Office)
	if err != nil {
		return Session{}, nil, err
	}
	s, err = SessionByID(ctx, tx, s.ID)
	return s, locked{s.Office: version}, err
}

// checkSeats refuses what would be too much for one person.
func checkSeats(ctx context.Context, tx *store.Tx, s Session, persons []Person, again bool) error {
	condition, args := ofPersons(seatPersons, "s.id", persons, store.Millis(tx.Now))
	ahead, err := listSeats(ctx, tx, `
JOIN meetings m ON m.id = s.meeting_id JOIN appointments a ON a.id = m.id
WHERE s.state IN ('taken', 'waiting') AND m.state = 'planned' AND a.end_at > $1 AND `+condition+` ORDER BY s.id`, args...)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(ahead, func(other Seat) bool { return other.Session == s.ID }) {
		return fault.New(fault.Conflict, "already_enrolled")
	}
	if len(ahead) >= MaxOpen && !again {
		return fault.New(fault.Conflict, "too_many_appointments", "most", MaxOpen)
	}
	return nil
}

const takeSeats = `
UPDATE meetings SET taken = taken + $2 WHERE id = $1 AND state = 'planned' AND taken + $2 <= capacity`

// sit takes so many seats of a session, all of them or none. It reports whether they were free.
func sit(ctx context.Context, tx *store.Tx, session string, people int) (bool, error) {
	taken, err := tx.Exec(ctx, takeSeats, session, people)
	if err != nil {
		return false, fmt.Errorf("take seats: %w", err)
	}
	return taken == 1, nil
}

const insertSeat = `
INSERT INTO seats (id, token, reference, meeting_id, state, people, language, name, email, phone, note, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12) ON CONFLICT DO NOTHING`

// insert writes a seat under a reference that nobody has.
func (s *Seat) insert(ctx context.Context, tx *store.Tx) error {
	return withReference(seatReferenceLength, &s.Reference, func(reference string) (int64, error) {
		return tx.Exec(ctx, insertSeat, s.ID, s.Token, reference, s.Session, string(s.State), s.People, s.Language,
			s.Contact.Name, s.Contact.Email, s.Contact.Phone, s.Note, store.Millis(s.CreatedAt))
	})
}

func (s Seat) record(ctx context.Context, tx *store.Tx, at Session, versions locked, by, action string, detail map[string]any) error {
	return audit.Record(ctx, tx, audit.Entry{
		Scope: at.Office, Version: versions[at.Office], Actor: by, Action: action, Subject: s.Subject(), Detail: detail,
	})
}

const selectSeats = `
SELECT s.id, s.token, s.reference, s.meeting_id, s.state, s.people, s.language, s.name, s.email, s.phone, s.note, s.erased_at,
  s.created_at, s.changed_at
FROM seats s `

func scanSeat(row store.Row) (Seat, error) {
	var s Seat
	var erased, created, changed int64
	err := row.Scan(&s.ID, &s.Token, &s.Reference, &s.Session, &s.State, &s.People, &s.Language,
		&s.Contact.Name, &s.Contact.Email, &s.Contact.Phone, &s.Note, &erased, &created, &changed)
	s.Reference = spaced(s.Reference)
	s.ErasedAt, s.CreatedAt, s.ChangedAt = store.FromMillis(erased), store.FromMillis(created), store.FromMillis(changed)
	return s, err
}

func listSeats(ctx context.Context, tx *store.Tx, condition string, args ...any) ([]Seat, error) {
	all, err := store.All(ctx, tx, scanSeat, selectSeats+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read seats: %w", err)
	}
	return all, nil
}

func oneSeat(ctx context.Context, tx *store.Tx, condition string, args ...any) (Seat, error) {
	s, err := scanSeat(tx.QueryRow(ctx, selectSeats+condition, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Seat{}, fault.New(fault.Missing, "unknown_seat")
	}
	if err != nil {
		return Seat{}, fmt.Errorf("read seat: %w", err)
	}
	return s, nil
}

// SeatByID returns the seat id, or the fault unknown_seat.
func SeatByID(ctx context.Context, tx *store.Tx, id string) (Seat, error) {
	return oneSeat(ctx, tx, `WHERE s.id = $1`, id)
}

// SeatByToken returns the seat of a citizen's secret token, or the fault unknown_seat.
func SeatByToken(ctx context.Context, tx *store.Tx, token string) (Seat, error) {
	return oneSeat(ctx, tx, `WHERE s.token = $1`, token)
}

// SeatByReference returns the seat of a reference, in whatever way it is written, or the fault
// unknown_seat.
func SeatByReference(ctx context.Context, tx *store.Tx, reference string) (Seat, error) {
	return oneSeat(ctx, tx, `WHERE s.reference = $1`, plain(reference))
}

// Seats returns the seats of a session that were not given up, for the attendance sheet: by name, then
// those who wait, the longest first.
func Seats(ctx context.Context, tx *store.Tx, session string) ([]Seat, error) {
	all, err := listSeats(ctx, tx, `WHERE s.meeting_id = $1 AND s.state <> 'given_up' ORDER BY s.created_at, s.id`, session)
	slices.SortStableFunc(all, func(x, y Seat) int {
		switch {
		case x.State == SeatWaiting && y.State == SeatWaiting:
			return 0
		case x.State == SeatWaiting:
			return 1
		case y.State == SeatWaiting:
			return -1
		}
		return cmp.Compare(strings.ToLower(x.Contact.Name), strings.ToLower(y.Contact.Name))
	})
	return all, err
}

// GiveUpSeat gives up the seat of a token, or the place in the waiting list, until the session begins. Who
// waits for seats and fits is given them, the longest first; they are returned, to be told. A second time
// changes nothing. by is who does it. The faults are unknown_seat, session_over, and too_late_to_change
// with the start.
func GiveUpSeat(ctx context.Context, tx *store.Tx, token, by string) (Seat, []Seat, error) {
	seat, s, versions, err := lockSeat(ctx, tx, token)
	if err != nil || seat.State == SeatGivenUp {
		return seat, nil, err
	}
	o, err := territory.Of(ctx, tx, s.Office)
	if err != nil {
		return Seat{}, nil, err
	}
	switch {
	case s.State != Planned:
		return Seat{}, nil, errSessionOver
	case !tx.Now.Before(s.Start):
		return Seat{}, nil, fault.New(fault.Conflict, "too_late_to_change", "until", s.Start.In(o.Zone()))
	}
	before := seat.State
	if err := seat.advance(ctx, tx, SeatGivenUp); err != nil {
		return Seat{}, nil, err
	}
	if err := seat.record(ctx, tx, s, versions, by, "seat.give_up", map[string]any{"session": s.ID, "from": string(before)}); err != nil {
		return Seat{}, nil, err
	}
	if before == SeatWaiting {
		return seat, nil, nil
	}
	if _, err := tx.Exec(ctx, `UPDATE meetings SET taken = taken - $2 WHERE id = $1`, s.ID, seat.People); err != nil {
		return Seat{}, nil, fmt.Errorf("give up seat: %w", err)
	}
	promoted, err := promote(ctx, tx, s, versions, by)
	return seat, promoted, err
}

// lockSeat locks the office of the session of a seat and reads both as they then are.
func lockSeat(ctx context.Context, tx *store.Tx, token string) (Seat, Session, locked, error) {
	seat, err := SeatByToken(ctx, tx, token)
	if err != nil {
		return Seat{}, Session{}, nil, err
	}
	s, err := SessionByID(ctx, tx, seat.Session)
	if err != nil {
		return Seat{}, Session{}, nil, err
	}
	s, versions, err := lockSession(ctx, tx, s)
	if err != nil {
		return Seat{}, Session{}, nil, err
	}
	seat, err = SeatByToken(ctx, tx, token)
	return seat, s, versions, err
}

// promote gives seats to those who wait and fit, the longest first.
func promote(ctx context.Context, tx *store.Tx, s Session, versions locked, by string) ([]Seat, error) {
	waiting, err := listSeats(ctx, tx, `WHERE s.meeting_id = $1 AND s.state = 'waiting' ORDER BY s.created_at, s.id`, s.ID)
	if err != nil {
		return nil, err
	}
	var promoted []Seat
	for _, seat := range waiting {
		fits, err := sit(ctx, tx, s.ID, seat.People)
		if err != nil {
			return nil, err
		}
		if !fits {
			continue
		}
		if err := seat.advance(ctx, tx, SeatTaken); err != nil {
			return nil, err
		}
		if err := seat.record(ctx, tx, s, versions, by, "seat.promote", map[string]any{"session": s.ID}); err != nil {
			return nil, err
		}
		promoted = append(promoted, seat)
	}
	return promoted, nil
}

// advance writes that a seat is in another state now.
func (s *Seat) advance(ctx context.Context, tx *store.Tx, to SeatState) error {
	const update = `UPDATE seats SET state = $3, changed_at = $4 WHERE id = $1 AND state = $2`
	changed, err := tx.Exec(ctx, update, s.ID, string(s.State), string(to), store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("change seat: %w", err)
	}
	if changed == 0 {
		return errChanged
	}
	s.State, s.ChangedAt = to, tx.Now
	return nil
}

// Attend notes on the attendance sheet whether who has the seat id is there, from the session's day on,
// else not_today with the start. It can be corrected. The other faults are unknown_seat, session_over for a
// session that was cancelled, and seat_state for who has no seat.
func Attend(ctx context.Context, tx *store.Tx, id string, present bool, by string) (Seat, error) {
	seat, err := SeatByID(ctx, tx, id)
	if err != nil {
		return Seat{}, err
	}
	seat, s, versions, err := lockSeat(ctx, tx, seat.Token)
	if err != nil {
		return Seat{}, err
	}
	o, err := territory.Of(ctx, tx, s.Office)
	if err != nil {
		return Seat{}, err
	}
	switch {
	case s.State == SessionCancelled:
		return Seat{}, errSessionOver
	case o.Today(tx.Now).Before(s.Day):
		return Seat{}, fault.New(fault.Conflict, "not_today", "when", s.Start.In(o.Zone()))
	case seat.State == SeatWaiting || seat.State == SeatGivenUp:
		return Seat{}, fault.New(fault.Conflict, "seat_state", "state", string(seat.State))
	}
	to := SeatAbsent
	if present {
		to = SeatPresent
	}
	if err := seat.advance(ctx, tx, to); err != nil {
		return Seat{}, err
	}
	return seat, seat.record(ctx, tx, s, versions, by, "seat.attend", map[string]any{"session": s.ID, "state": string(to)})
}

// EraseAt returns when the contact data of the seats of a session is erased, as for an appointment.
func (s Session) EraseAt(t *territory.Territory) time.Time {
	return EraseAt(t, Appointment{Service: s.Service, End: s.End})
}

// EraseSeat erases the contact data of the seat of a token, at the wish of its citizen, and notes it. by is
// who does it. The seat still holds, for whoever has its token or reference.
func EraseSeat(ctx context.Context, tx *store.Tx, token, by string) (Seat, error) {
	seat, s, versions, err := lockSeat(ctx, tx, token)
	if err != nil {
		return Seat{}, err
	}
	if err := eraseSeat(ctx, tx, seat.ID); err != nil {
		return Seat{}, err
	}
	if err := audit.Erase(ctx, tx, seat.Subject()); err != nil {
		return Seat{}, err
	}
	if seat, err = SeatByToken(ctx, tx, token); err != nil {
		return Seat{}, err
	}
	return seat, seat.record(ctx, tx, s, versions, by, "seat.erase", nil)
}

const (
	eraseSeatContact = `
UPDATE seats SET name = '', email = '', phone = '', note = '', erased_at = $2 WHERE id = $1 AND erased_at = 0`
	eraseSeatPersons = `DELETE FROM seat_persons WHERE seat_id = $1`
)

// eraseSeat takes away who a seat is for. What stays has no identity.
func eraseSeat(ctx context.Context, tx *store.Tx, id string) error {
	_, contact := tx.Exec(ctx, eraseSeatContact, id, store.Millis(tx.Now))
	_, keys := tx.Exec(ctx, eraseSeatPersons, id)
	if err := errors.Join(contact, keys); err != nil {
		return fmt.Errorf("erase seat: %w", err)
	}
	return nil
}

// seatsOf returns the seats of persons, in the order in which they were asked for.
func seatsOf(ctx context.Context, tx *store.Tx, persons []Person) ([]Seat, error) {
	condition, args := ofPersons(seatPersons, "s.id", persons)
	return listSeats(ctx, tx, `WHERE `+condition+` ORDER BY s.created_at, s.id`, args...)
}
