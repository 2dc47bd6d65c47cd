package queue

import (
	"context"
	"fmt"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// ForgottenAfter is how long after closing, and after its last sign of life, a desk still open is
// taken for forgotten.
const ForgottenAfter = time.Hour

// outcomeForgotten marks a service whose end nobody noted; no service time is learned from it.
const outcomeForgotten = "forgotten"

// Closing returns when the office closes for the day of now, whoever it is open for; the zero time
// when it does not open.
func Closing(office *territory.Office, now time.Time) time.Time {
	spans := office.Calendar.Open(office.Today(now), "", "")
	if len(spans) == 0 {
		return time.Time{}
	}
	return spans[len(spans)-1].Until
}

// EndDay closes everybody who still waits as not served, which is neither no-show nor abandoned,
// and returns how many they were. Before the office closes it is refused with still_open.
func EndDay(ctx context.Context, tx *store.Tx, at Seat) (int, error) {
	version, office, err := lockOffice(ctx, tx, at.Office)
	if err != nil {
		return 0, err
	}
	if until := Closing(office, tx.Now); tx.Now.Before(until) {
		return 0, fault.New(fault.Conflict, "still_open", "until", until.In(office.Zone()))
	}
	left, err := tickets(ctx, tx, `WHERE t.office_id = $1 AND t.day <= $2 AND t.state IN ('waiting', 'parked')`,
		office.ID, office.Today(tx.Now).String())
	if err != nil {
		return 0, fmt.Errorf("end day: %w", err)
	}
	for _, t := range left {
		if err := endTicket(ctx, tx, t, NotServed, version, at.By); err != nil {
			return 0, fmt.Errorf("end day: %w", err)
		}
	}
	return len(left), nil
}

func endTicket(ctx context.Context, tx *store.Tx, t Ticket, as State, version int64, by string) error {
	before := t
	t.ChangedAt, t.undo = tx.Now, ""
	if as == Served {
		finish(&t, tx.Now, outcomeForgotten)
	} else {
		t.State, t.EndedAt, t.Desks = as, tx.Now, nil
	}
	t.Part = ""
	if err := save(ctx, tx, before, t); err != nil {
		return err
	}
	return record(ctx, tx, t, version, by, "ticket.end_of_day", map[string]any{"from": string(before.State), "to": string(t.State)})
}

// leftover is what an office should have settled and did not.
type leftover struct {
	office  *territory.Office
	desks   []Desk
	tickets []Ticket
}

// Forgotten reports whether CloseForgotten would find something to do; it changes nothing.
func Forgotten(ctx context.Context, tx *store.Tx, office string) (bool, error) {
	found, err := findLeftover(ctx, tx, office)
	return len(found.desks)+len(found.tickets) > 0, err
}

// CloseForgotten closes desks that nobody closed and settles the tickets of past days: what was at a
// desk counts as served, who waited as not served. Desks of today are forgotten ForgottenAfter the
// closing time without a sign of life; when none is left, today's waiting are not served either. It
// reports whether there was anything to do, and is harmless to repeat.
func CloseForgotten(ctx context.Context, tx *store.Tx, office, by string) (bool, error) {
	if some, err := Forgotten(ctx, tx, office); err != nil || !some {
		return false, err
	}
	version, err := territory.Lock(ctx, tx, office)
	if err != nil {
		return false, err
	}
	found, err := findLeftover(ctx, tx, office) // as it is now that nobody else changes it
	if err != nil {
		return false, err
	}
	for _, t := range found.tickets {
		as := NotServed
		if t.State == Called || t.State == Serving {
			as = Served
		}
		if err := endTicket(ctx, tx, t, as, version, by); err != nil {
			return false, fmt.Errorf("close forgotten: %w", err)
		}
	}
	for _, d := range found.desks {
		if _, err := tx.Exec(ctx, deleteDesk, office, d.ID); err != nil {
			return false, fmt.Errorf("close forgotten: %w", err)
		}
		if err := recordDesk(ctx, tx, Seat{Office: office, Desk: d.ID, By: by}, version, "desk.forgotten", nil); err != nil {
			return false, err
		}
	}
	return true, nil
}

func findLeftover(ctx context.Context, tx *store.Tx, id string) (leftover, error) {
	office, err := territory.Of(ctx, tx, id)
	if err != nil {
		return leftover{}, err
	}
	found := leftover{office: office}
	today := office.Today(tx.Now)
	over := tx.Now.After(Closing(office, tx.Now).Add(ForgottenAfter))
	desks, err := readDesks(ctx, tx, office)
	if err != nil {
		return leftover{}, fmt.Errorf("find forgotten desks: %w", err)
	}
	for _, d := range desks {
		asleep := tx.Now.After(d.ChangedAt.Add(ForgottenAfter))
		if opened := timetable.DateOf(d.OpenedAt.In(office.Zone())); asleep && (over || opened.Before(today)) {
			found.desks = append(found.desks, d)
		}
	}
	if found.tickets, err = forgottenTickets(ctx, tx, found, today, over && len(found.desks) == len(desks)); err != nil {
		return leftover{}, fmt.Errorf("find forgotten tickets: %w", err)
	}
	return found, nil
}

// forgottenTickets are those of past days, those at forgotten desks and, when the day is over,
// today's that wait.
func forgottenTickets(ctx context.Context, tx *store.Tx, found leftover, today timetable.Date, over bool) ([]Ticket, error) {
	all, err := tickets(ctx, tx, `WHERE t.office_id = $1 AND t.day <= $2 AND t.state IN ('waiting', 'parked', 'called', 'serving')`,
		found.office.ID, today.String())
	if err != nil {
		return nil, err
	}
	asleep := make(map[string]bool)
	for _, d := range found.desks {
		asleep[d.ID] = true
	}
	var left []Ticket
	for _, t := range all {
		waits := t.State == Waiting || t.State == Parked
		if !waits {
			if t.Desks, err = desksOf(ctx, tx, t.ID); err != nil {
				return nil, err
			}
		}
		untouched := tx.Now.After(t.ChangedAt.Add(ForgottenAfter))
		if waits && (over && untouched || t.Day.Before(today)) || !waits && (len(t.Desks) == 0 || asleep[t.Desks[0]]) {
			left = append(left, t)
		}
	}
	return left, nil
}
