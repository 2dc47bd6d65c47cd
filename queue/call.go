package queue

import (
	"context"
	"fmt"
	"slices"

	"sportello/booking/territory"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue/rule"
)

// ErrNobody is returned when there is nobody a desk may call.
var ErrNobody = fault.New(fault.Missing, "nobody")

// CallNext calls the ticket that the calling rule gives the desk, or returns ErrNobody. A joint
// ticket is called at all its desks at once.
func CallNext(ctx context.Context, tx *store.Tx, at Seat) (Call, error) {
	version, f, err := readyDesk(ctx, tx, at)
	if err != nil {
		return Call{}, err
	}
	choice, ok := rule.Next(tx.Now, at.Desk, f.waiting(), f.desksForRule(), f.options())
	if !ok {
		return Call{}, ErrNobody
	}
	t, _ := f.ticket(choice.Ticket.ID)
	return call(ctx, tx, at, version, t, t, choice.Desks, choice.Reason)
}

// CallChosen calls a waiting ticket out of order, for which a reason is asked; it is a code. The desk
// and, for a joint ticket, others of each institution must be able to take it now, else cannot_take.
func CallChosen(ctx context.Context, tx *store.Tx, at Seat, ticket, reason string) (Call, error) {
	if !audit.IsCode(reason) {
		return Call{}, errReason
	}
	version, f, err := readyDesk(ctx, tx, at)
	if err != nil {
		return Call{}, err
	}
	t, err := ByID(ctx, tx, ticket)
	if err != nil {
		return Call{}, err
	}
	if err := callable(f, t); err != nil {
		return Call{}, err
	}
	choice, ok := rule.Next(tx.Now, at.Desk, []rule.Ticket{f.asRule(t)}, f.desksForRule(), rule.Options{W: f.office.LongestWait})
	if !ok {
		return Call{}, fault.New(fault.Conflict, "cannot_take", "number", t.Label())
	}
	called := t
	called.Reason = reason
	return call(ctx, tx, at, version, t, called, choice.Desks, Chosen)
}

// StartWithPresent calls a joint ticket to this desk alone, for the part of one institution for which
// its officer acts, because the officer of another is late or absent; reason is a code. When the part
// is done the ticket waits for the institutions that are left, with its number and due time. What the
// desk does not serve or no other institution is left for is refused with cannot_take.
func StartWithPresent(ctx context.Context, tx *store.Tx, at Seat, ticket, reason string) (Call, error) {
	if !audit.IsCode(reason) {
		return Call{}, errReason
	}
	version, f, err := readyDesk(ctx, tx, at)
	if err != nil {
		return Call{}, err
	}
	t, err := ByID(ctx, tx, ticket)
	if err != nil {
		return Call{}, err
	}
	if err := callable(f, t); err != nil {
		return Call{}, err
	}
	called := t
	if called.Part, called.Reason = f.part(t, at.Desk), reason; called.Part == "" {
		return Call{}, fault.New(fault.Conflict, "cannot_take", "number", t.Label())
	}
	return call(ctx, tx, at, version, t, called, []string{at.Desk}, WithPresent)
}

// The reasons of calls that the calling rule did not choose.
const (
	Chosen      rule.Reason = "chosen"       // out of order
	WithPresent rule.Reason = "with_present" // a joint ticket, without the other institutions
)

// callable refuses a ticket of another office or one that does not wait; of one that is called it
// tells where and when.
func callable(f *floor, t Ticket) error {
	switch {
	case t.Office != f.office.ID:
		return errUnknownTicket
	case t.State == Waiting:
		return nil
	case t.State == Called || t.State == Serving:
		return fault.New(fault.Conflict, "ticket_already_called",
			"number", t.Label(), "desk", deskName(f.office, t.Desks[0]), "at", t.CalledAt.In(f.office.Zone()))
	}
	return wrongState(t)
}

// readyDesk locks the office and returns its floor when the desk is open and has no ticket.
func readyDesk(ctx context.Context, tx *store.Tx, at Seat) (int64, *floor, error) {
	version, office, err := lockOffice(ctx, tx, at.Office)
	if err != nil {
		return 0, nil, err
	}
	f, err := readFloor(ctx, tx, office)
	if err != nil {
		return 0, nil, err
	}
	d, ok := f.desk(at.Desk)
	if !ok || d.State != DeskOpen {
		return 0, nil, errNotOpen
	}
	if t, busy := f.ticket(d.Ticket); busy {
		return 0, nil, fault.New(fault.Conflict, "settle_ticket_first", "number", t.Label())
	}
	return version, f, nil
}

func call(ctx context.Context, tx *store.Tx, at Seat, version int64, before, t Ticket, desks []string, why rule.Reason) (Call, error) {
	t.State, t.CalledAt, t.ChangedAt, t.Calls, t.Why, t.Desks = Called, tx.Now, tx.Now, 1, why, desks
	t.undo = footprintOf(undoCall, before)
	if err := save(ctx, tx, before, t); err != nil {
		return Call{}, fmt.Errorf("call ticket: %w", err)
	}
	for _, desk := range desks {
		if err := alive(ctx, tx, Seat{Office: at.Office, Desk: desk}); err != nil {
			return Call{}, err
		}
	}
	c, err := announce(ctx, tx, version, t)
	if err != nil {
		return Call{}, err
	}
	detail := map[string]any{"desks": desks, "why": string(why)}
	if why == Chosen || why == WithPresent {
		detail["reason"] = t.Reason
	}
	return c, record(ctx, tx, t, version, at.By, "ticket.call", detail)
}

// Recall shows and speaks a called ticket again.
func Recall(ctx context.Context, tx *store.Tx, at Seat, ticket string) (Call, error) {
	version, t, err := lockTicket(ctx, tx, ticket)
	if err != nil {
		return Call{}, err
	}
	office, err := officeOf(ctx, tx, at)
	if err != nil {
		return Call{}, err
	}
	if err := heldBy(office, t, at); err != nil {
		return Call{}, err
	}
	if t.State != Called {
		return Call{}, wrongState(t)
	}
	before := t
	t.CalledAt, t.Calls = tx.Now, t.Calls+1
	if err := save(ctx, tx, before, t); err != nil {
		return Call{}, fmt.Errorf("recall ticket: %w", err)
	}
	if err := alive(ctx, tx, at); err != nil {
		return Call{}, fmt.Errorf("recall ticket: %w", err)
	}
	c, err := announce(ctx, tx, version, t)
	if err != nil {
		return Call{}, err
	}
	return c, record(ctx, tx, t, version, at.By, "ticket.recall", map[string]any{"calls": t.Calls})
}

const insertCall = `
INSERT INTO calls (office_id, version, ticket_id, desks, called_at, repeat) VALUES ($1, $2, $3, $4, $5, $6)`

// announce has the boards show and speak a called ticket.
func announce(ctx context.Context, tx *store.Tx, version int64, t Ticket) (Call, error) {
	_, err := tx.Exec(ctx, insertCall, t.Office, version, t.ID, asJSON(t.Desks), store.Millis(tx.Now), t.Calls)
	if err != nil {
		return Call{}, fmt.Errorf("announce ticket: %w", err)
	}
	return Call{Version: version, Ticket: t, Desks: t.Desks, CalledAt: tx.Now, Repeat: t.Calls}, nil
}

const touchDesk = `UPDATE desks_at_work SET changed_at = $3 WHERE office_id = $1 AND desk_id = $2`

// alive notes that a desk is being worked at.
func alive(ctx context.Context, tx *store.Tx, at Seat) error {
	_, err := tx.Exec(ctx, touchDesk, at.Office, at.Desk, store.Millis(tx.Now))
	return err
}

// heldBy refuses a step on a ticket that is not at the desk.
func heldBy(office *territory.Office, t Ticket, at Seat) error {
	if t.Office != at.Office {
		return errUnknownTicket
	}
	if (t.State == Called || t.State == Serving) && !slices.Contains(t.Desks, at.Desk) {
		return fault.New(fault.Conflict, "not_at_this_desk", "number", t.Label(), "desk", deskName(office, t.Desks[0]))
	}
	return nil
}

// deskName is a desk as people know it.
func deskName(office *territory.Office, id string) string {
	if d, ok := office.Desk(id); ok {
		return d.Name
	}
	return id
}

// officeOf returns the office of a seat.
func officeOf(ctx context.Context, tx *store.Tx, at Seat) (*territory.Office, error) {
	return territory.Of(ctx, tx, at.Office)
}
