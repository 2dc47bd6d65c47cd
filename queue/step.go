package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// The steps that can be undone.
const (
	undoCall   = "call"
	undoFinish = "finish"
	undoNoShow = "no_show"
)

// step locks a ticket's office, applies change, saves and records it. change refuses with a fault
// what the ticket's state forbids.
func step(ctx context.Context, tx *store.Tx, at Seat, ticket, action string, change func(o *territory.Office, t *Ticket) error) (Ticket, error) {
	version, t, err := lockTicket(ctx, tx, ticket)
	if err != nil {
		return Ticket{}, err
	}
	office, err := officeOf(ctx, tx, at)
	if err != nil {
		return Ticket{}, err
	}
	if err := heldBy(office, t, at); err != nil {
		return Ticket{}, err
	}
	before := t
	t.ChangedAt, t.undo = tx.Now, ""
	if err := change(office, &t); err != nil {
		return Ticket{}, err
	}
	if len(t.Desks) == 0 {
		t.Part = ""
	}
	if err := save(ctx, tx, before, t); err != nil {
		return Ticket{}, fmt.Errorf("%s: %w", action, err)
	}
	if err := alive(ctx, tx, at); err != nil {
		return Ticket{}, fmt.Errorf("%s: %w", action, err)
	}
	detail := map[string]any{"from": string(before.State), "desk": at.Desk}
	if before.Part != "" {
		detail["part"] = before.Part
	}
	if err := record(ctx, tx, t, version, at.By, action, detail); err != nil {
		return Ticket{}, err
	}
	return t, follow(ctx, tx, t, at.By)
}

// from refuses a step from any other than the given states.
func from(t *Ticket, states ...State) error {
	if slices.Contains(states, t.State) {
		return nil
	}
	return wrongState(*t)
}

// Start notes that the called citizen is at the desk.
func Start(ctx context.Context, tx *store.Tx, at Seat, ticket string) (Ticket, error) {
	return step(ctx, tx, at, ticket, "ticket.start", func(_ *territory.Office, t *Ticket) error {
		if err := from(t, Called); err != nil {
			return err
		}
		t.State, t.StartedAt = Serving, tx.Now
		return nil
	})
}

// Finish ends a service. Both outcome and servedAs, the service that was done when it was another
// than the ticket's, may be empty. A ticket that was never started counts from its call. One that was
// served for a part goes back into the queue for the institutions that are left.
func Finish(ctx context.Context, tx *store.Tx, at Seat, ticket, outcome, servedAs string) (Ticket, error) {
	if err := lockTime(ctx, tx, ticket); err != nil {
		return Ticket{}, err
	}
	return step(ctx, tx, at, ticket, "ticket.finish", func(o *territory.Office, t *Ticket) error {
		if err := from(t, Called, Serving); err != nil {
			return err
		}
		if _, ok := o.Offers(servedAs); servedAs != "" && !ok {
			return fault.New(fault.Missing, "unknown_service", "service", servedAs)
		}
		t.undo = footprintOf(undoFinish, *t)
		if goOn(o, t) {
			return nil
		}
		finish(t, tx.Now, outcome)
		t.ServedAs = servedAs
		return nil
	})
}

// goOn has a ticket whose part is done wait for the institutions that are left, and reports whether
// there are any.
func goOn(o *territory.Office, t *Ticket) bool {
	s, ok := o.Territory.Service(t.Service)
	done := append(slices.Clone(t.Done), t.Part)
	if t.Part == "" || !ok || len(left(s, done)) == 0 {
		return false
	}
	t.Done, t.OnlyDesk, t.Institution = done, "", ""
	again(t, Transferred)
	return true
}

// left are the institutions that a service needs and that have not had their part.
func left(s *territory.Service, done []string) []string {
	return slices.DeleteFunc(slices.Clone(s.Needs), func(id string) bool { return slices.Contains(done, id) })
}

// finish makes a ticket at a desk a served one.
func finish(t *Ticket, now time.Time, outcome string) {
	if t.StartedAt.IsZero() {
		t.StartedAt = t.CalledAt
	}
	t.State, t.EndedAt, t.Outcome, t.Desks = Served, now, outcome, nil
}

// MarkNoShow ends the call of somebody who did not come, after as many calls as the office asks
// for, else too_few_calls.
func MarkNoShow(ctx context.Context, tx *store.Tx, at Seat, ticket string) (Ticket, error) {
	if err := lockTime(ctx, tx, ticket); err != nil {
		return Ticket{}, err
	}
	return step(ctx, tx, at, ticket, "ticket.no_show", func(o *territory.Office, t *Ticket) error {
		if err := from(t, Called); err != nil {
			return err
		}
		if t.Calls < o.CallsBeforeNoShow {
			return fault.New(fault.Conflict, "too_few_calls", "calls", t.Calls, "needed", o.CallsBeforeNoShow)
		}
		t.undo = footprintOf(undoNoShow, *t)
		t.State, t.EndedAt, t.Desks = NoShow, tx.Now, nil
		return nil
	})
}

// Park sets a called or served ticket aside, for instance while its holder fetches a document.
func Park(ctx context.Context, tx *store.Tx, at Seat, ticket, reason string) (Ticket, error) {
	return step(ctx, tx, at, ticket, "ticket.park", func(_ *territory.Office, t *Ticket) error {
		if err := from(t, Called, Serving); err != nil {
			return err
		}
		t.State, t.Reason, t.Desks, t.StartedAt = Parked, reason, nil, time.Time{}
		return nil
	})
}

// Resume puts a parked ticket, or a no-show of the last ReturnWithin, back into the queue with its
// due time; after that it is too_late_to_return.
func Resume(ctx context.Context, tx *store.Tx, at Seat, ticket string) (Ticket, error) {
	if err := lockTime(ctx, tx, ticket); err != nil {
		return Ticket{}, err
	}
	return step(ctx, tx, at, ticket, "ticket.resume", func(_ *territory.Office, t *Ticket) error {
		if err := from(t, Parked, NoShow); err != nil {
			return err
		}
		back := Resumed
		if t.State == NoShow {
			back = Returned
			if tx.Now.After(t.EndedAt.Add(ReturnWithin)) {
				return fault.New(fault.Conflict, "too_late_to_return", "number", t.Label())
			}
		}
		again(t, back)
		return nil
	})
}

// again makes a ticket wait anew; number and due time stay.
func again(t *Ticket, back CameBack) {
	t.State, t.CameBack, t.Desks, t.Calls, t.Why, t.Reason = Waiting, back, nil, 0, "", ""
	t.StartedAt, t.EndedAt = time.Time{}, time.Time{}
}

// Target is where a ticket is transferred to; at least one field is set.
type Target struct{ Service, Desk, Institution string }

// Transfer sends a ticket to another service, desk or institution; number and due time stay. Its
// faults are target_missing, unknown_service, unknown_desk, unknown_institution, service_ended and
// desk_does_not_serve.
func Transfer(ctx context.Context, tx *store.Tx, at Seat, ticket string, to Target) (Ticket, error) {
	return step(ctx, tx, at, ticket, "ticket.transfer", func(o *territory.Office, t *Ticket) error {
		if err := from(t, Waiting, Called, Serving, Parked); err != nil {
			return err
		}
		if to.Service == "" {
			to.Service = t.Service
		}
		if err := to.check(ctx, tx, o, *t); err != nil {
			return err
		}
		if err := mayMove(ctx, tx, o, at, *t, to); err != nil {
			return err
		}
		if to.Service != t.Service {
			t.Done = nil
		}
		t.Done = slices.DeleteFunc(t.Done, func(id string) bool { return id == to.Institution })
		t.Service, t.OnlyDesk, t.Institution = to.Service, to.Desk, to.Institution
		again(t, Transferred)
		return nil
	})
}

// mayMove refuses to move a ticket that nobody serves now for who takes no part in its service, and
// to take it to one's own desk: that is a call out of order, for which a reason is asked.
func mayMove(ctx context.Context, tx *store.Tx, o *territory.Office, at Seat, t Ticket, to Target) error {
	if t.State == Called || t.State == Serving {
		return nil
	}
	if to.Desk == at.Desk {
		return fault.New(fault.Invalid, "target_missing")
	}
	return takesPart(ctx, tx, o, at, t.Service)
}

// takesPart refuses what is only for desks whose officer acts for an institution of the service.
func takesPart(ctx context.Context, tx *store.Tx, o *territory.Office, at Seat, service string) error {
	d, err := deskAt(ctx, tx, o, at.Desk)
	if err != nil {
		return err
	}
	s, ok := o.Territory.Service(service)
	if ok && slices.ContainsFunc(s.Institutions(), func(id string) bool { return slices.Contains(d.Institutions, id) }) {
		return nil
	}
	return fault.New(fault.Denied, "not_allowed")
}

func (to Target) check(ctx context.Context, tx *store.Tx, o *territory.Office, t Ticket) error {
	if to == (Target{Service: t.Service}) {
		return fault.New(fault.Invalid, "target_missing")
	}
	s, ok := o.Offers(to.Service)
	if !ok {
		return fault.New(fault.Missing, "unknown_service", "service", to.Service)
	}
	if !s.Offered(o.Today(tx.Now)) {
		return fault.New(fault.Conflict, ServiceEnded, "service", s.ID)
	}
	if to.Institution != "" && !slices.Contains(s.Institutions(), to.Institution) {
		return fault.New(fault.Invalid, "unknown_institution", "institution", to.Institution)
	}
	if to.Desk == "" {
		return nil
	}
	if _, ok := o.Desk(to.Desk); !ok {
		return fault.New(fault.Missing, "unknown_desk", "desk", to.Desk)
	}
	desk, err := deskAt(ctx, tx, o, to.Desk)
	if err == nil && !slices.Contains(desk.Services, s.ID) {
		return fault.New(fault.Conflict, "desk_does_not_serve", "desk", deskName(o, to.Desk))
	}
	return err
}

const withdrawCalls = `UPDATE calls SET withdrawn = TRUE WHERE ticket_id = $1 AND called_at >= $2`

// Undo takes back the last call, finish or no-show of a ticket within UndoWithin; else
// nothing_to_undo. Its desks must still be open and those of the same officers, else desk_not_open,
// and have called nobody else, else desk_busy.
func Undo(ctx context.Context, tx *store.Tx, at Seat, ticket string) (Ticket, error) {
	if err := lockTime(ctx, tx, ticket); err != nil {
		return Ticket{}, err
	}
	version, t, err := lockTicket(ctx, tx, ticket)
	if err != nil {
		return Ticket{}, err
	}
	office, err := officeOf(ctx, tx, at)
	if err != nil {
		return Ticket{}, err
	}
	if err := heldBy(office, t, at); err != nil {
		return Ticket{}, err
	}
	if !t.Undoable(tx.Now) {
		return Ticket{}, fault.New(fault.Conflict, "nothing_to_undo", "number", t.Label())
	}
	var last footprint
	if err := json.Unmarshal([]byte(t.undo), &last); err != nil {
		return Ticket{}, fmt.Errorf("undo: %w", err)
	}
	if err := last.free(ctx, tx, office, t, at); err != nil {
		return Ticket{}, err
	}
	if last.Action == undoCall {
		if _, err := tx.Exec(ctx, withdrawCalls, t.ID, store.Millis(t.ChangedAt)); err != nil {
			return Ticket{}, fmt.Errorf("undo: %w", err)
		}
	}
	before := t
	last.restore(&t)
	t.ChangedAt, t.undo = tx.Now, ""
	if err := save(ctx, tx, before, t); err != nil {
		return Ticket{}, fmt.Errorf("undo: %w", err)
	}
	if err := alive(ctx, tx, at); err != nil {
		return Ticket{}, fmt.Errorf("undo: %w", err)
	}
	if err := record(ctx, tx, t, version, at.By, "ticket.undo", map[string]any{"undone": last.Action}); err != nil {
		return Ticket{}, err
	}
	return t, follow(ctx, tx, t, at.By)
}

// free refuses an undo by another desk than the ticket's, and one whose desks cannot take the ticket
// back.
func (f footprint) free(ctx context.Context, tx *store.Tx, office *territory.Office, t Ticket, at Seat) error {
	if len(f.Desks) > 0 && !slices.Contains(f.Desks, at.Desk) {
		return fault.New(fault.Conflict, "not_at_this_desk", "number", t.Label(), "desk", deskName(office, f.Desks[0]))
	}
	for _, id := range f.Desks {
		d, err := deskAt(ctx, tx, office, id)
		if err != nil {
			return err
		}
		if d.State != DeskOpen || d.OpenedAt.After(t.ChangedAt) {
			return errNotOpen
		}
		if d.Ticket != "" {
			return fault.New(fault.Conflict, "desk_busy", "desk", deskName(office, id))
		}
	}
	return nil
}

func (f footprint) restore(t *Ticket) {
	t.State, t.Desks, t.Calls, t.Why, t.CameBack = f.State, f.Desks, f.Calls, f.Why, f.CameBack
	t.CalledAt, t.StartedAt, t.EndedAt = store.FromMillis(f.CalledAt), store.FromMillis(f.StartedAt), store.FromMillis(f.EndedAt)
	t.Outcome, t.Reason, t.ServedAs = f.Outcome, f.Reason, f.ServedAs
	t.Part, t.Done = f.Part, f.Done
}
