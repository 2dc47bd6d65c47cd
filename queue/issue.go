package queue

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue/rule"
)

// Request asks for a ticket. Key names a touch: the same key of the same asker gives the same ticket
// all day, however often it is sent and whatever else is asked with it.
type Request struct {
	Office, Service string
	Language        string
	Key             string
	Precedence      bool
	Origin          Origin
	By              string // who asks
}

// key is how the request's key is kept: of one asker, for one day.
func (r Request) key(day timetable.Date) string {
	if r.Key == "" {
		return ""
	}
	return digest(r.By, day.String(), r.Key)
}

// digest is the SHA-256 of parts, none of which holds a NUL that matters: they are ids and keys.
func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:])
}

// Issue puts a walk-in into the queue and returns its ticket. Its faults are those for which no
// number may be given out: unknown_service, service_ended, not_by_ticket, closed with the next
// opening, no_officer, service_stopped and full.
func Issue(ctx context.Context, tx *store.Tx, r Request) (Ticket, error) {
	version, err := territory.Lock(ctx, tx, r.Office)
	if err != nil {
		return Ticket{}, err
	}
	office, err := territory.Of(ctx, tx, r.Office)
	if err != nil {
		return Ticket{}, err
	}
	known, err := issuedBefore(ctx, tx, r, office.Today(tx.Now))
	if fault.Code(err) != "unknown_ticket" {
		return known, err
	}
	opening, err := admit(ctx, tx, office, r)
	if err != nil {
		return Ticket{}, err
	}
	service, _ := office.Offers(r.Service)
	area := office.AreaOf(service)
	t := Ticket{
		ID: store.NewID(), Token: store.NewToken(), Office: office.ID, Day: office.Today(tx.Now), Series: area.Series, Area: area.ID,
		Seq: version, Service: service.ID, State: Waiting, Origin: r.Origin, IssuedBy: r.By, Precedence: leadOf(office, r.Precedence) > 0, Language: r.Language,
		IssuedAt: tx.Now, DueAt: rule.DueWalkIn(tx.Now, opening, leadOf(office, r.Precedence)), ChangedAt: tx.Now,
	}
	return enter(ctx, tx, t, r)
}

// leadOf is how much earlier a walk-in is due.
func leadOf(office *territory.Office, precedence bool) time.Duration {
	if !precedence {
		return 0
	}
	return office.Territory.Lead
}

// enter gives a ticket the next number of its series and puts it into the queue.
func enter(ctx context.Context, tx *store.Tx, t Ticket, r Request) (Ticket, error) {
	var err error
	if t.Number, err = nextNumber(ctx, tx, t); err != nil {
		return Ticket{}, fmt.Errorf("issue ticket: %w", err)
	}
	if err := insert(ctx, tx, t, r); err != nil {
		return Ticket{}, fmt.Errorf("issue ticket: %w", err)
	}
	return t, record(ctx, tx, t, t.Seq, r.By, "ticket.issue", nil)
}

// issuedBefore returns the ticket of a request that was sent before, or the fault unknown_ticket.
func issuedBefore(ctx context.Context, tx *store.Tx, r Request, day timetable.Date) (Ticket, error) {
	var id string
	err := tx.QueryRow(ctx, `SELECT id FROM tickets WHERE office_id = $1 AND request_key = $2`, r.Office, r.key(day)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return Ticket{}, errUnknownTicket
	}
	if err != nil {
		return Ticket{}, fmt.Errorf("issue ticket: %w", err)
	}
	return ByID(ctx, tx, id)
}

// admit checks that a ticket can be had now, and returns from when its time in the queue counts.
func admit(ctx context.Context, tx *store.Tx, office *territory.Office, r Request) (opening time.Time, err error) {
	service, ok := office.Offers(r.Service)
	if !ok {
		return time.Time{}, fault.New(fault.Missing, "unknown_service", "service", r.Service)
	}
	stops, err := readStops(ctx, tx, office, tx.Now)
	if err != nil {
		return time.Time{}, fmt.Errorf("issue ticket: %w", err)
	}
	issued, err := issuedToday(ctx, tx, office, tx.Now)
	if err != nil {
		return time.Time{}, fmt.Errorf("issue ticket: %w", err)
	}
	o := offer(office, service, tx.Now, stops, issued)
	// Staff at a desk know better than the timetable who can still be helped.
	if !o.Open && !(r.Origin == FromDesk && (o.Because == Closed || o.Because == NoOfficer || o.Because == NotByTicket)) {
		return time.Time{}, o.fault()
	}
	return o.From, nil
}

const countNumber = `
INSERT INTO ticket_counters (office_id, series, day, last) VALUES ($1, $2, $3, 1)
ON CONFLICT (office_id, series, day) DO UPDATE SET last = ticket_counters.last + 1
RETURNING last`

// nextNumber takes the next number of the ticket's series and day; the rollback of the transaction
// gives it back.
func nextNumber(ctx context.Context, tx *store.Tx, t Ticket) (int, error) {
	var n int
	err := tx.QueryRow(ctx, countNumber, t.Office, t.Series, t.Day.String()).Scan(&n)
	return n, err
}

// Leave takes a ticket out of the queue at its holder's wish. One that was called cannot leave: the
// desk sees to it.
func Leave(ctx context.Context, tx *store.Tx, token string) (Ticket, error) {
	t, err := ByToken(ctx, tx, token)
	if err != nil {
		return Ticket{}, err
	}
	if err := lockTime(ctx, tx, t.ID); err != nil {
		return Ticket{}, err
	}
	version, t, err := lockTicket(ctx, tx, t.ID)
	if err != nil {
		return Ticket{}, err
	}
	if t.State == Cancelled {
		return t, nil
	}
	if t.State != Waiting && t.State != Parked {
		return Ticket{}, wrongState(t)
	}
	before := t
	t.State, t.EndedAt, t.ChangedAt, t.undo = Cancelled, tx.Now, tx.Now, ""
	if err := save(ctx, tx, before, t); err != nil {
		return Ticket{}, fmt.Errorf("leave queue: %w", err)
	}
	if err := record(ctx, tx, t, version, booking.Citizen, "ticket.leave", nil); err != nil {
		return Ticket{}, err
	}
	return t, follow(ctx, tx, t, booking.Citizen)
}

// lockTicket locks the office of a ticket and reads the ticket as it then is.
func lockTicket(ctx context.Context, tx *store.Tx, id string) (version int64, t Ticket, err error) {
	var office string
	err = tx.QueryRow(ctx, `SELECT office_id FROM tickets WHERE id = $1`, id).Scan(&office)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, Ticket{}, errUnknownTicket
	}
	if err != nil {
		return 0, Ticket{}, fmt.Errorf("read ticket: %w", err)
	}
	if version, err = territory.Lock(ctx, tx, office); err != nil {
		return 0, Ticket{}, err
	}
	t, err = ByID(ctx, tx, id)
	return version, t, err
}

func record(ctx context.Context, tx *store.Tx, t Ticket, version int64, by, action string, detail map[string]any) error {
	return audit.Record(ctx, tx, audit.Entry{
		Scope: t.Office, Version: version, Actor: by, Action: action, Subject: "ticket:" + t.ID, Detail: detail,
	})
}
