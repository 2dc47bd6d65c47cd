package queue

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue/rule"
)

var (
	errReason  = fault.New(fault.Invalid, "reason_missing")
	errNotOpen = fault.New(fault.Conflict, "desk_not_open")
)

const selectDesks = `
SELECT desk_id, officer_id, user_id, services, state, reason, paused_at, back_at, opened_at, changed_at, help_at, released
FROM desks_at_work WHERE office_id = $1`

// readDesks returns the desks at work in the order in which the office lists its desks.
func readDesks(ctx context.Context, tx *store.Tx, office *territory.Office) ([]Desk, error) {
	all, err := store.All(ctx, tx, func(row store.Row) (Desk, error) {
		d := Desk{Office: office.ID}
		var services, released string
		var paused, back, opened, changed, help int64
		if err := row.Scan(&d.ID, &d.Officer, &d.User, &services, &d.State, &d.Reason, &paused, &back, &opened, &changed, &help, &released); err != nil {
			return Desk{}, err
		}
		if err := errors.Join(json.Unmarshal([]byte(services), &d.Services), json.Unmarshal([]byte(released), &d.Released)); err != nil {
			return Desk{}, err
		}
		d.PausedAt = store.FromMillis(paused)
		d.BackAt, d.OpenedAt, d.ChangedAt, d.HelpAt = store.FromMillis(back), store.FromMillis(opened), store.FromMillis(changed), store.FromMillis(help)
		if officer, ok := office.Territory.Officer(d.Officer); ok {
			d.Institutions = officer.ActsFor(office.Today(tx.Now))
		}
		return d, nil
	}, selectDesks, office.ID)
	if err != nil {
		return nil, err
	}
	place := func(d Desk) int {
		return slices.IndexFunc(office.Desks, func(x territory.Desk) bool { return x.ID == d.ID })
	}
	slices.SortFunc(all, func(a, b Desk) int { return place(a) - place(b) })
	return all, nil
}

// SeatOf returns the desk at which a user sits, and false when there is none.
func SeatOf(ctx context.Context, tx *store.Tx, user string) (Seat, bool, error) {
	at := Seat{By: "user:" + user}
	err := tx.QueryRow(ctx, `SELECT office_id, desk_id, officer_id FROM desks_at_work WHERE user_id = $1`, user).Scan(&at.Office, &at.Desk, &at.Officer)
	if errors.Is(err, sql.ErrNoRows) {
		return Seat{}, false, nil
	}
	if err != nil {
		return Seat{}, false, fmt.Errorf("find seat: %w", err)
	}
	return at, true, nil
}

// Servable returns the services of the office that an officer may serve today, in the office's order.
func Servable(office *territory.Office, officer *territory.Officer, now time.Time) []*territory.Service {
	var all []*territory.Service
	for _, id := range office.Services {
		if s, ok := office.Offers(id); ok && s.Offered(office.Today(now)) && officer.Does(s) {
			all = append(all, s)
		}
	}
	return all
}

const insertDesk = `
INSERT INTO desks_at_work (office_id, desk_id, officer_id, user_id, services, state, opened_at, changed_at)
VALUES ($1, $2, $3, $4, $5, 'open', $6, $6)
ON CONFLICT DO NOTHING`

// OpenDesk begins work at a desk: officer serves the given services there, or all it may when none
// are given. Its faults are unknown_desk, not_here (the officer does not work at the office today),
// nothing_to_serve, desk_taken and officer_elsewhere. Opening one's own open desk ends its pause and sets
// its services, if any are given.
func OpenDesk(ctx context.Context, tx *store.Tx, at Seat, user, officer string, services []string) (Desk, error) {
	version, office, err := lockOffice(ctx, tx, at.Office)
	if err != nil {
		return Desk{}, err
	}
	if _, ok := office.Desk(at.Desk); !ok {
		return Desk{}, fault.New(fault.Missing, "unknown_desk", "desk", at.Desk)
	}
	who, chosen, err := choose(office, officer, services, tx.Now)
	if err != nil {
		return Desk{}, err
	}
	seat, seated, err := SeatOf(ctx, tx, user)
	if err != nil {
		return Desk{}, err
	}
	if seated && (seat.Office != at.Office || seat.Desk != at.Desk) {
		return Desk{}, elsewhere(ctx, tx, seat)
	}
	if seated {
		return reopenDesk(ctx, tx, at, services)
	}
	added, err := tx.Exec(ctx, insertDesk, at.Office, at.Desk, officer, user, asJSON(chosen), store.Millis(tx.Now))
	if err != nil {
		return Desk{}, fmt.Errorf("open desk: %w", err)
	}
	if added == 0 {
		return Desk{}, taken(ctx, tx, office, at, who, user)
	}
	if err := recordDesk(ctx, tx, at, version, "desk.open", map[string]any{"officer": officer, "services": chosen}); err != nil {
		return Desk{}, err
	}
	return deskAt(ctx, tx, office, at.Desk)
}

// reopenDesk opens a desk at which its officer sits already.
func reopenDesk(ctx context.Context, tx *store.Tx, at Seat, services []string) (Desk, error) {
	return changeDesk(ctx, tx, at, "desk.open", func(office *territory.Office, d *Desk) error {
		d.State, d.Reason, d.PausedAt, d.BackAt = DeskOpen, "", time.Time{}, time.Time{}
		if len(services) == 0 {
			return nil
		}
		_, chosen, err := choose(office, d.Officer, services, tx.Now)
		d.Services = chosen
		return err
	})
}

// choose checks that the officer works at the office today and keeps of services what it may serve.
func choose(office *territory.Office, officer string, services []string, now time.Time) (*territory.Officer, []string, error) {
	today := office.Today(now)
	who, ok := office.Territory.Officer(officer)
	if !ok || !slices.Contains(office.Officers(today), who) {
		return nil, nil, fault.New(fault.Denied, "not_here")
	}
	chosen := []string{}
	for _, s := range Servable(office, who, now) {
		if len(services) == 0 || slices.Contains(services, s.ID) {
			chosen = append(chosen, s.ID)
		}
	}
	if len(chosen) == 0 {
		return nil, nil, fault.New(fault.Invalid, "nothing_to_serve")
	}
	return who, chosen, nil
}

// elsewhere is the fault of somebody who already sits at another desk.
func elsewhere(ctx context.Context, tx *store.Tx, at Seat) error {
	office, err := territory.Of(ctx, tx, at.Office)
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "officer_elsewhere", "desk", deskName(office, at.Desk), "office", office.Name)
}

// taken says why a desk could not be opened: somebody sits there, or the officer sits elsewhere.
func taken(ctx context.Context, tx *store.Tx, office *territory.Office, at Seat, who *territory.Officer, user string) error {
	desks, err := readDesks(ctx, tx, office)
	if err != nil {
		return fmt.Errorf("open desk: %w", err)
	}
	for _, d := range desks {
		if d.ID == at.Desk {
			name := d.Officer
			if officer, ok := office.Territory.Officer(d.Officer); ok {
				name = officer.Name
			}
			return fault.New(fault.Conflict, "desk_taken", "officer", name)
		}
		if d.Officer == who.ID {
			return elsewhere(ctx, tx, Seat{Office: office.ID, Desk: d.ID})
		}
	}
	seat, seated, err := SeatOf(ctx, tx, user) // at another office, since a moment ago
	if err != nil || !seated {
		return errors.Join(err, errNotOpen)
	}
	return elsewhere(ctx, tx, seat)
}

// SetServices changes what an open desk serves; none means all that its officer may.
func SetServices(ctx context.Context, tx *store.Tx, at Seat, services []string) (Desk, error) {
	return changeDesk(ctx, tx, at, "desk.services", func(office *territory.Office, d *Desk) error {
		_, chosen, err := choose(office, d.Officer, services, tx.Now)
		d.Services = chosen
		return err
	})
}

// PauseDesk takes a desk out of the queue for a while; reason is a code, backAt may be zero. A ticket
// that is called or served there is to be settled first.
func PauseDesk(ctx context.Context, tx *store.Tx, at Seat, reason string, backAt time.Time) (Desk, error) {
	if !audit.IsCode(reason) {
		return Desk{}, errReason
	}
	return changeDesk(ctx, tx, at, "desk.pause", func(office *territory.Office, d *Desk) error {
		if err := settled(ctx, tx, d); err != nil {
			return err
		}
		d.State, d.Reason, d.PausedAt, d.BackAt = DeskPaused, reason, tx.Now, backAt
		return nil
	})
}

// ResumeDesk ends a pause.
func ResumeDesk(ctx context.Context, tx *store.Tx, at Seat) (Desk, error) {
	return changeDesk(ctx, tx, at, "desk.resume", func(_ *territory.Office, d *Desk) error {
		d.State, d.Reason, d.PausedAt, d.BackAt = DeskOpen, "", time.Time{}, time.Time{}
		return nil
	})
}

// AskHelp silently tells the other desks of the office that this one needs somebody.
func AskHelp(ctx context.Context, tx *store.Tx, at Seat) (Desk, error) {
	return changeDesk(ctx, tx, at, "desk.help", func(_ *territory.Office, d *Desk) error {
		d.HelpAt = tx.Now
		return nil
	})
}

// HelpDone takes back the call for help of a desk of at's office; whoever sees to it may.
func HelpDone(ctx context.Context, tx *store.Tx, at Seat, desk string) (Desk, error) {
	version, office, err := lockOffice(ctx, tx, at.Office)
	if err != nil {
		return Desk{}, err
	}
	if _, err := tx.Exec(ctx, `UPDATE desks_at_work SET help_at = 0 WHERE office_id = $1 AND desk_id = $2`, at.Office, desk); err != nil {
		return Desk{}, fmt.Errorf("desk.help_done: %w", err)
	}
	if err := recordDesk(ctx, tx, at, version, "desk.help_done", map[string]any{"desk": desk}); err != nil {
		return Desk{}, err
	}
	return deskAt(ctx, tx, office, desk)
}

// ReleaseHold has a held desk no longer wait for a joint appointment; reason is a code.
func ReleaseHold(ctx context.Context, tx *store.Tx, at Seat, ticket, reason string) (Desk, error) {
	if !audit.IsCode(reason) {
		return Desk{}, errReason
	}
	return changeDesk(ctx, tx, at, "desk.release", func(office *territory.Office, d *Desk) error {
		f, err := readFloor(ctx, tx, office)
		if err != nil {
			return err
		}
		held := func(h rule.Hold) bool { return h.Desk == d.ID && h.Ticket == ticket }
		if !slices.ContainsFunc(rule.Holds(tx.Now, f.waiting(), f.desksForRule(), f.options()), held) {
			return fault.New(fault.Conflict, "not_held")
		}
		d.Released = append(d.Released, ticket)
		return nil
	}, "ticket", ticket, "reason", reason)
}

const (
	updateDesk = `
UPDATE desks_at_work SET services = $3, state = $4, reason = $5, back_at = $6, changed_at = $7, help_at = $8, released = $9, paused_at = $10
WHERE office_id = $1 AND desk_id = $2`
	deleteDesk = `DELETE FROM desks_at_work WHERE office_id = $1 AND desk_id = $2`
)

// changeDesk locks the office, applies change to the desk at work and writes it back. detail is name,
// value pairs for the audit.
func changeDesk(ctx context.Context, tx *store.Tx, at Seat, action string, change func(*territory.Office, *Desk) error, detail ...any) (Desk, error) {
	version, office, err := lockOffice(ctx, tx, at.Office)
	if err != nil {
		return Desk{}, err
	}
	d, err := deskAt(ctx, tx, office, at.Desk)
	if err != nil {
		return Desk{}, err
	}
	if err := change(office, &d); err != nil {
		return Desk{}, err
	}
	d.ChangedAt = tx.Now
	_, err = tx.Exec(ctx, updateDesk, at.Office, at.Desk, asJSON(d.Services), string(d.State), d.Reason, store.Millis(d.BackAt),
		store.Millis(d.ChangedAt), store.Millis(d.HelpAt), asJSON(d.Released), store.Millis(d.PausedAt))
	if err != nil {
		return Desk{}, fmt.Errorf("%s: %w", action, err)
	}
	details := map[string]any{"state": string(d.State), "services": d.Services}
	if d.State == DeskPaused {
		details["reason"] = d.Reason
	}
	for i := 0; i+1 < len(detail); i += 2 {
		details[detail[i].(string)] = detail[i+1]
	}
	return d, recordDesk(ctx, tx, at, version, action, details)
}

// CloseDesk ends work at a desk. A ticket that is called or served there is to be settled first.
func CloseDesk(ctx context.Context, tx *store.Tx, at Seat) error {
	version, office, err := lockOffice(ctx, tx, at.Office)
	if err != nil {
		return err
	}
	d, err := deskAt(ctx, tx, office, at.Desk)
	if err != nil {
		return err
	}
	if err := settled(ctx, tx, &d); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, deleteDesk, at.Office, at.Desk); err != nil {
		return fmt.Errorf("close desk: %w", err)
	}
	return recordDesk(ctx, tx, at, version, "desk.close", nil)
}

// ReasonVacated is why a ticket is parked whose desk was closed under it.
const ReasonVacated = "vacated"

// Vacate closes the desk, if any, at which an account sits that may not go on: its ticket is parked, so
// that another desk takes it up.
func Vacate(ctx context.Context, tx *store.Tx, user, by string) error {
	at, sits, err := SeatOf(ctx, tx, user)
	if err != nil || !sits {
		return err
	}
	at.By = by
	_, office, err := lockOffice(ctx, tx, at.Office)
	if err != nil {
		return err
	}
	d, err := deskAt(ctx, tx, office, at.Desk)
	if err != nil {
		return err
	}
	if d.Ticket != "" {
		if _, err := Park(ctx, tx, at, d.Ticket, ReasonVacated); err != nil {
			return err
		}
	}
	return CloseDesk(ctx, tx, at)
}

// settled refuses while a ticket is at the desk.
func settled(ctx context.Context, tx *store.Tx, d *Desk) error {
	if d.Ticket == "" {
		return nil
	}
	t, err := ByID(ctx, tx, d.Ticket)
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "settle_ticket_first", "number", t.Label())
}

// deskAt returns a desk at work with its ticket, or the fault desk_not_open.
func deskAt(ctx context.Context, tx *store.Tx, office *territory.Office, desk string) (Desk, error) {
	desks, err := readDesks(ctx, tx, office)
	if err != nil {
		return Desk{}, fmt.Errorf("read desks: %w", err)
	}
	i := slices.IndexFunc(desks, func(d Desk) bool { return d.ID == desk })
	if i < 0 {
		return Desk{}, errNotOpen
	}
	d := desks[i]
	err = tx.QueryRow(ctx, `SELECT ticket_id FROM desk_tickets WHERE office_id = $1 AND desk_id = $2`, office.ID, desk).Scan(&d.Ticket)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return Desk{}, fmt.Errorf("read desk: %w", err)
	}
	return d, nil
}

func lockOffice(ctx context.Context, tx *store.Tx, id string) (version int64, office *territory.Office, err error) {
	if version, err = territory.Lock(ctx, tx, id); err != nil {
		return 0, nil, err
	}
	office, err = territory.Of(ctx, tx, id)
	return version, office, err
}

func recordDesk(ctx context.Context, tx *store.Tx, at Seat, version int64, action string, detail map[string]any) error {
	return audit.Record(ctx, tx, audit.Entry{
		Scope: at.Office, Version: version, Actor: at.By, Action: action, Subject: "desk:" + at.Desk, Detail: detail,
	})
}

// asJSON is a list of ids as its column holds it.
func asJSON(ids []string) string {
	text, _ := json.Marshal(append([]string{}, ids...)) // a list of strings always marshals
	return string(text)
}
