package calendar

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// RequestKind is what an officer did to the copy of an appointment.
type RequestKind string

// The kinds of requests.
const (
	ToMove   RequestKind = "move"
	ToCancel RequestKind = "cancel"
)

// Request is what an officer did to the copy of an appointment in its own calendar: a manager decides
// whether it is done here too. Meanwhile the copy is put back.
type Request struct {
	ID          string
	Source      string
	Appointment string
	Office      string
	Officer     string
	Kind        RequestKind
	Was         time.Time // the appointment's start
	To          time.Time // where it was moved to; zero when it was removed
	AskedAt     time.Time
	open        bool
}

// ask is a request in the making.
type ask struct {
	appointment booking.Appointment
	what        deed
	to          time.Time
}

// The request of an officer about an appointment is one, whatever becomes of it until it is settled.
const insertRequest = `
INSERT INTO dav_requests (id, source_id, appointment_id, office_id, officer_id, kind, was_at, start_at, asked_at, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'open')
ON CONFLICT (appointment_id, officer_id) WHERE state = 'open' DO UPDATE
SET source_id = excluded.source_id, kind = excluded.kind, was_at = excluded.was_at, start_at = excluded.start_at, asked_at = excluded.asked_at
WHERE dav_requests.kind <> excluded.kind OR dav_requests.was_at <> excluded.was_at OR dav_requests.start_at <> excluded.start_at`

// request asks managers about what the officer did. All offices that are to be told are locked first, in
// the order of their ids.
func (r *davRun) request(ctx context.Context, tx *store.Tx, asks []ask) error {
	if len(asks) == 0 {
		return nil
	}
	offices, err := r.source.Whose.Offices(ctx, tx)
	if err != nil {
		return err
	}
	var ids []string
	for _, o := range offices {
		ids = append(ids, o.ID)
	}
	for _, a := range asks {
		ids = append(ids, a.appointment.Office)
	}
	slices.Sort(ids)
	versions := make(map[string]int64)
	for _, id := range slices.Compact(ids) {
		if versions[id], err = territory.Lock(ctx, tx, id); err != nil {
			return err
		}
	}
	slices.SortFunc(asks, func(a, b ask) int { return a.appointment.Start.Compare(b.appointment.Start) })
	slices.SortStableFunc(asks, func(a, b ask) int { return strings.Compare(a.appointment.Office, b.appointment.Office) })
	for _, a := range asks {
		if err := r.requestOne(ctx, tx, a, versions[a.appointment.Office]); err != nil {
			return err
		}
	}
	return nil
}

func (r *davRun) requestOne(ctx context.Context, tx *store.Tx, a ask, version int64) error {
	officer := r.source.Whose.Officer
	made, err := tx.Exec(ctx, insertRequest, store.NewID(), r.source.ID, a.appointment.ID, a.appointment.Office, officer, string(a.what),
		store.Millis(a.appointment.Start), store.Millis(a.to), store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if made == 0 {
		return nil
	}
	r.add(Asked, 1)
	return audit.Record(ctx, tx, audit.Entry{
		Scope: a.appointment.Office, Version: version, Actor: r.source.Subject(), Action: "calendar.request", Subject: a.appointment.Subject(),
		Detail: map[string]any{"kind": string(a.what), "officer": officer, "from": store.Millis(a.appointment.Start), "to": store.Millis(a.to)},
	})
}

const selectRequests = `
SELECT id, source_id, appointment_id, office_id, officer_id, kind, was_at, start_at, asked_at, state = 'open' FROM dav_requests `

func scanRequest(row store.Row) (Request, error) {
	var q Request
	var was, to, asked int64
	err := row.Scan(&q.ID, &q.Source, &q.Appointment, &q.Office, &q.Officer, &q.Kind, &was, &to, &asked, &q.open)
	q.Was, q.To, q.AskedAt = store.FromMillis(was), store.FromMillis(to), store.FromMillis(asked)
	return q, err
}

// Requests returns the open requests at an office, those about what comes first first. One about an
// appointment that is over, or was moved or cancelled meanwhile, is open no more.
func Requests(ctx context.Context, tx *store.Tx, office string) ([]Request, error) {
	all, err := store.All(ctx, tx, scanRequest, selectRequests+`
WHERE office_id = $1 AND state = 'open'
  AND EXISTS (SELECT 1 FROM appointments a WHERE a.id = appointment_id AND a.state = 'booked' AND a.start_at = was_at AND a.start_at > $2)
ORDER BY was_at, id`, office, store.Millis(tx.Now))
	if err != nil {
		return nil, fmt.Errorf("read requests: %w", err)
	}
	return all, nil
}

// RequestByID returns a request, settled or not, or the fault unknown_request.
func RequestByID(ctx context.Context, tx *store.Tx, id string) (Request, error) {
	q, err := scanRequest(tx.QueryRow(ctx, selectRequests+`WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Request{}, fault.New(fault.Missing, "unknown_request")
	}
	if err != nil {
		return Request{}, fmt.Errorf("read request: %w", err)
	}
	return q, nil
}

const settleRequest = `
UPDATE dav_requests SET state = $2, settled_at = $3, settled_by = $4 WHERE id = $1 AND state = 'open'`

// Accept notes that what a request asks for is done: who calls it moves the appointment, by
// booking.MoveTo, or cancels it, in the same transaction, and tells its citizen. by is who accepts it. The
// faults are unknown_request and request_settled.
func Accept(ctx context.Context, tx *store.Tx, id, by string) (Request, error) {
	return settle(ctx, tx, id, "accepted", by)
}

// Refuse leaves the appointment of a request as it is. by is who refuses it. The faults are
// unknown_request and request_settled.
func Refuse(ctx context.Context, tx *store.Tx, id, by string) error {
	q, err := settle(ctx, tx, id, "refused", by)
	if err != nil {
		return err
	}
	version, err := territory.Lock(ctx, tx, q.Office)
	if err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{
		Scope: q.Office, Version: version, Actor: by, Action: "calendar.refuse", Subject: "appointment:" + q.Appointment,
		Detail: map[string]any{"kind": string(q.Kind), "officer": q.Officer},
	})
}

// settle closes a request about an appointment that still is as it was.
func settle(ctx context.Context, tx *store.Tx, id, state, by string) (Request, error) {
	q, err := RequestByID(ctx, tx, id)
	if err != nil {
		return Request{}, err
	}
	if err := booking.Lock(ctx, tx, q.Appointment); err != nil {
		return Request{}, err
	}
	a, err := booking.ByID(ctx, tx, q.Appointment)
	if err != nil {
		return Request{}, err
	}
	settled := fault.New(fault.Conflict, "request_settled")
	if q.moot(a, tx.Now) {
		return Request{}, settled
	}
	rows, err := tx.Exec(ctx, settleRequest, id, state, store.Millis(tx.Now), by)
	if err != nil {
		return Request{}, fmt.Errorf("settle request: %w", err)
	}
	if rows == 0 {
		return Request{}, settled
	}
	return q, nil
}

// moot reports whether there is nothing to decide any more about an appointment.
func (q Request) moot(a booking.Appointment, now time.Time) bool {
	return a.State != booking.Booked || !a.Start.Equal(q.Was) || !a.Start.After(now)
}

const closeRequests = `
UPDATE dav_requests SET state = 'moot', settled_at = $2
WHERE source_id = $1 AND state = 'open'
  AND NOT EXISTS (SELECT 1 FROM appointments a WHERE a.id = appointment_id AND a.state = 'booked' AND a.start_at = was_at AND a.start_at > $2)`

// closeMoot closes the requests that came from a source and about which there is nothing to decide.
func closeMoot(ctx context.Context, tx *store.Tx, s Source) error {
	if _, err := tx.Exec(ctx, closeRequests, s.ID, store.Millis(tx.Now)); err != nil {
		return fmt.Errorf("close requests: %w", err)
	}
	return nil
}
