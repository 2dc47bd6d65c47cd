package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue/rule"
)

var errUnknownTicket = fault.New(fault.Missing, "unknown_ticket")

const ticketColumns = `
t.id, t.token, t.office_id, t.day, t.series, t.number, t.seq, t.area_id, t.service_id, t.institution_id, t.desk_id,
t.state, t.origin, t.precedence, t.language, t.appointment_at, t.came_back, t.issued_at, t.due_at, t.called_at,
t.started_at, t.ended_at, t.calls, t.why, t.outcome, t.reason, t.served_as, t.changed_at, t.undo, t.issued_by,
COALESCE(t.appointment_id, ''), t.part, t.done`

// after scans a row that has other columns before those of the ticket.
type after struct {
	row   store.Row
	first []any
}

func (a after) Scan(into ...any) error { return a.row.Scan(append(a.first, into...)...) }

func scanTicket(row store.Row) (Ticket, error) {
	var t Ticket
	var day, done string
	var appointment, issued, due, called, started, ended, changed int64
	err := row.Scan(&t.ID, &t.Token, &t.Office, &day, &t.Series, &t.Number, &t.Seq, &t.Area, &t.Service, &t.Institution, &t.OnlyDesk,
		&t.State, &t.Origin, &t.Precedence, &t.Language, &appointment, &t.CameBack, &issued, &due, &called,
		&started, &ended, &t.Calls, &t.Why, &t.Outcome, &t.Reason, &t.ServedAs, &changed, &t.undo, &t.IssuedBy,
		&t.Appointment, &t.Part, &done)
	if err != nil {
		return Ticket{}, err
	}
	if t.Day, err = timetable.ParseDate(day); err != nil {
		return Ticket{}, err
	}
	if err := json.Unmarshal([]byte(done), &t.Done); err != nil {
		return Ticket{}, err
	}
	t.AppointmentAt, t.IssuedAt, t.DueAt = store.FromMillis(appointment), store.FromMillis(issued), store.FromMillis(due)
	t.CalledAt, t.StartedAt, t.EndedAt = store.FromMillis(called), store.FromMillis(started), store.FromMillis(ended)
	t.ChangedAt = store.FromMillis(changed)
	return t, nil
}

const insertTicket = `
INSERT INTO tickets (id, token, office_id, day, series, number, seq, area_id, service_id, institution_id, desk_id,
  state, origin, precedence, language, request_key, appointment_at, came_back, issued_at, due_at, changed_at, issued_by,
  appointment_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)`

func insert(ctx context.Context, tx *store.Tx, t Ticket, r Request) error {
	key := r.key(t.Day)
	_, err := tx.Exec(ctx, insertTicket, t.ID, t.Token, t.Office, t.Day.String(), t.Series, t.Number, t.Seq, t.Area, t.Service,
		t.Institution, t.OnlyDesk, string(t.State), string(t.Origin), t.Precedence, t.Language,
		sql.NullString{String: key, Valid: key != ""}, store.Millis(t.AppointmentAt), string(t.CameBack),
		store.Millis(t.IssuedAt), store.Millis(t.DueAt), store.Millis(t.ChangedAt), t.IssuedBy,
		sql.NullString{String: t.Appointment, Valid: t.Appointment != ""})
	return err
}

// tickets reads those that a condition selects, with the desks they are at.
func tickets(ctx context.Context, tx *store.Tx, condition string, args ...any) ([]Ticket, error) {
	return store.All(ctx, tx, scanTicket, `SELECT`+ticketColumns+` FROM tickets t `+condition, args...)
}

// one reads the ticket that a condition selects, or the fault unknown_ticket.
func one(ctx context.Context, tx *store.Tx, condition string, args ...any) (Ticket, error) {
	t, err := scanTicket(tx.QueryRow(ctx, `SELECT`+ticketColumns+` FROM tickets t `+condition, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Ticket{}, errUnknownTicket
	}
	if err != nil {
		return Ticket{}, fmt.Errorf("read ticket: %w", err)
	}
	if t.State == Called || t.State == Serving {
		t.Desks, err = desksOf(ctx, tx, t.ID)
	}
	return t, err
}

// ByID returns the ticket id, or the fault unknown_ticket.
func ByID(ctx context.Context, tx *store.Tx, id string) (Ticket, error) {
	return one(ctx, tx, `WHERE t.id = $1`, id)
}

// ByToken returns the ticket of a citizen's secret token, or the fault unknown_ticket.
func ByToken(ctx context.Context, tx *store.Tx, token string) (Ticket, error) {
	return one(ctx, tx, `WHERE t.token = $1`, token)
}

const selectDesksOf = `
SELECT desk_id FROM desk_tickets WHERE ticket_id = $1 ORDER BY position`

func desksOf(ctx context.Context, tx *store.Tx, ticket string) ([]string, error) {
	return store.Column[string](ctx, tx, selectDesksOf, ticket)
}

// footprint is what a step changes on a ticket, kept so that the step can be undone.
type footprint struct {
	Action    string      `json:"action"`
	State     State       `json:"state"`
	Desks     []string    `json:"desks"`
	CalledAt  int64       `json:"called_at"`
	StartedAt int64       `json:"started_at"`
	EndedAt   int64       `json:"ended_at"`
	Calls     int         `json:"calls"`
	Why       rule.Reason `json:"why"`
	CameBack  CameBack    `json:"came_back"`
	Outcome   string      `json:"outcome"`
	Reason    string      `json:"reason"`
	ServedAs  string      `json:"served_as"`
	Part      string      `json:"part"`
	Done      []string    `json:"done"`
}

func footprintOf(action string, t Ticket) string {
	text, _ := json.Marshal(footprint{ // a struct of plain fields always marshals
		Action: action, State: t.State, Desks: t.Desks, CalledAt: store.Millis(t.CalledAt), StartedAt: store.Millis(t.StartedAt),
		EndedAt: store.Millis(t.EndedAt), Calls: t.Calls, Why: t.Why, CameBack: t.CameBack, Outcome: t.Outcome, Reason: t.Reason, ServedAs: t.ServedAs,
		Part: t.Part, Done: t.Done,
	})
	return string(text)
}

const updateTicket = `
UPDATE tickets SET state = $3, service_id = $4, institution_id = $5, desk_id = $6, came_back = $7, due_at = $8,
  called_at = $9, started_at = $10, ended_at = $11, calls = $12, outcome = $13, reason = $14, served_as = $15,
  changed_at = $16, undo = $17, why = $18, part = $19, done = $20
WHERE id = $1 AND state = $2`

// save writes t over before, and who is at which desk with it. Somebody else's step in between is a
// conflict, and so is a desk that has another ticket by now.
func save(ctx context.Context, tx *store.Tx, before, t Ticket) error {
	changed, err := tx.Exec(ctx, updateTicket, t.ID, string(before.State), string(t.State), t.Service, t.Institution, t.OnlyDesk,
		string(t.CameBack), store.Millis(t.DueAt), store.Millis(t.CalledAt), store.Millis(t.StartedAt), store.Millis(t.EndedAt),
		t.Calls, t.Outcome, t.Reason, t.ServedAs, store.Millis(t.ChangedAt), t.undo, string(t.Why), t.Part, asJSON(t.Done))
	if err != nil {
		return err
	}
	if changed == 0 {
		return wrongState(before)
	}
	return seat(ctx, tx, before, t)
}

const (
	leaveDesks = `DELETE FROM desk_tickets WHERE ticket_id = $1`
	takeDesk   = `
INSERT INTO desk_tickets (office_id, desk_id, ticket_id, position) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
)

// seat takes a ticket from the desks it was at to those it is at now.
func seat(ctx context.Context, tx *store.Tx, before, t Ticket) error {
	if len(before.Desks) > 0 {
		if _, err := tx.Exec(ctx, leaveDesks, t.ID); err != nil {
			return err
		}
	}
	for position, desk := range t.Desks {
		taken, err := tx.Exec(ctx, takeDesk, t.Office, desk, t.ID, position)
		if err != nil {
			return err
		}
		if taken == 0 {
			office, err := territory.Of(ctx, tx, t.Office)
			if err != nil {
				return err
			}
			return fault.New(fault.Conflict, "desk_busy", "desk", deskName(office, desk))
		}
	}
	return nil
}

// wrongState is the fault of a step that the state of t forbids.
func wrongState(t Ticket) error {
	return fault.New(fault.Conflict, "ticket_state", "number", t.Label(), "state", string(t.State))
}
