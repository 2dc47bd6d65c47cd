package queue

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
	"sportello/queue/forecast"
	"sportello/queue/rule"
)

// floor is what the calling rule looks at: who waits and which desks are at work, as of one moment.
type floor struct {
	office  *territory.Office
	now     time.Time
	tickets []Ticket // of today: waiting, parked, no-shows; and whatever is at a desk
	desks   []Desk
	times   map[string]forecast.Time          // by service
	staff   map[string][]timetable.Assignment // by appointment, of the tickets that have one
}

const (
	todaysTickets = `WHERE t.office_id = $1 AND t.day = $2 AND t.state IN ('waiting', 'parked', 'no_show') ORDER BY t.due_at, t.seq`
	desksTickets  = `
SELECT d.desk_id,` + ticketColumns + `
FROM desk_tickets d JOIN tickets t ON t.id = d.ticket_id WHERE d.office_id = $1 ORDER BY d.ticket_id, d.position`
)

func readFloor(ctx context.Context, tx *store.Tx, office *territory.Office) (*floor, error) {
	f := &floor{office: office, now: tx.Now}
	var err error
	if f.tickets, err = tickets(ctx, tx, todaysTickets, office.ID, office.Today(tx.Now).String()); err != nil {
		return nil, fmt.Errorf("read queue: %w", err)
	}
	if err := f.readAtDesks(ctx, tx); err != nil {
		return nil, fmt.Errorf("read queue: %w", err)
	}
	if f.desks, err = readDesks(ctx, tx, office); err != nil {
		return nil, fmt.Errorf("read desks: %w", err)
	}
	for i := range f.desks {
		at := slices.IndexFunc(f.tickets, func(t Ticket) bool { return slices.Contains(t.Desks, f.desks[i].ID) })
		if at >= 0 {
			f.desks[i].Ticket = f.tickets[at].ID
		}
	}
	if f.times, err = serviceTimes(ctx, tx, office); err != nil {
		return nil, err
	}
	f.staff, err = booking.StaffOf(ctx, tx, f.appointments())
	return f, err
}

// readAtDesks adds the tickets that are called or served, each with its desks.
func (f *floor) readAtDesks(ctx context.Context, tx *store.Tx) error {
	rows, err := tx.Query(ctx, desksTickets, f.office.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var desk string
		t, err := scanTicket(after{rows, []any{&desk}})
		if err != nil {
			return err
		}
		last := len(f.tickets) - 1
		if last >= 0 && f.tickets[last].ID == t.ID {
			f.tickets[last].Desks = append(f.tickets[last].Desks, desk)
			continue
		}
		t.Desks = []string{desk}
		f.tickets = append(f.tickets, t)
	}
	return rows.Err()
}

// appointments are the ids of those whose tickets are on the floor.
func (f *floor) appointments() []string {
	var ids []string
	for _, t := range f.tickets {
		if t.Appointment != "" {
			ids = append(ids, t.Appointment)
		}
	}
	return ids
}

// part is the institution for whose part of a joint ticket a desk could take it alone, "" for none.
func (f *floor) part(t Ticket, desk string) string {
	d, _ := f.desk(desk)
	s, ok := f.office.Territory.Service(t.Service)
	if !ok || !slices.Contains(d.Services, t.Service) {
		return ""
	}
	needs := left(s, t.Done)
	i := slices.IndexFunc(needs, func(id string) bool { return slices.Contains(d.Institutions, id) })
	if i < 0 || len(needs) < 2 {
		return ""
	}
	return needs[i]
}

func (f *floor) ticket(id string) (Ticket, bool) {
	i := slices.IndexFunc(f.tickets, func(t Ticket) bool { return t.ID == id })
	if i < 0 {
		return Ticket{}, false
	}
	return f.tickets[i], true
}

func (f *floor) desk(id string) (Desk, bool) {
	i := slices.IndexFunc(f.desks, func(d Desk) bool { return d.ID == id })
	if i < 0 {
		return Desk{}, false
	}
	return f.desks[i], true
}

func (f *floor) options() rule.Options {
	return rule.Options{W: f.office.LongestWait, Hold: f.office.HoldJoint}
}

// waiting are the tickets that can be called, as the rule sees them.
func (f *floor) waiting() []rule.Ticket {
	var all []rule.Ticket
	for _, t := range f.tickets {
		if t.State == Waiting {
			all = append(all, f.asRule(t))
		}
	}
	return all
}

func (f *floor) asRule(t Ticket) rule.Ticket {
	r := rule.Ticket{
		ID: t.ID, Seq: t.Seq, Due: t.DueAt, Service: t.Service, Desk: f.pinned(t), Institution: t.Institution, Start: t.AppointmentAt,
		Lead: leadOf(f.office, t.Precedence), Returned: t.CameBack == Returned, Transferred: t.CameBack == Transferred, Resumed: t.CameBack == Resumed,
		Length: f.times[t.Service].Median,
	}
	if s, ok := f.office.Territory.Service(t.Service); ok {
		r.Need = rule.Need{All: left(s, t.Done), Any: s.NeedsAny, CoverAlone: s.OneOfficerMayCover}
	}
	for _, d := range f.desks {
		if slices.Contains(d.Released, t.ID) {
			r.Released = append(r.Released, d.ID)
		}
	}
	return r
}

// pinned is the desk that alone may take t, "" when it has none or that desk is not there for it any
// more: nobody waits for a desk that has closed.
func (f *floor) pinned(t Ticket) string {
	if d, ok := f.desk(t.OnlyDesk); ok && slices.Contains(d.Services, t.Service) {
		return d.ID
	}
	return ""
}

// overdue is how long after the announced end of a pause a desk still counts as coming back.
const overdue = 5 * time.Minute

// atWork are the desks as the rule and the estimate see them.
func (f *floor) atWork() []forecast.Desk {
	all := make([]forecast.Desk, len(f.desks))
	for i, d := range f.desks {
		all[i] = forecast.Desk{
			Desk:   rule.Desk{ID: d.ID, Institutions: d.Institutions, Services: set(d.Services), Paused: d.State == DeskPaused},
			BackAt: d.BackAt,
		}
		if f.now.After(d.BackAt.Add(overdue)) {
			all[i].BackAt = time.Time{}
		}
		t, busy := f.ticket(d.Ticket)
		if !busy {
			continue
		}
		since := t.StartedAt
		if since.IsZero() {
			since = t.CalledAt
		}
		all[i].Busy, all[i].Serving, all[i].Ticket, all[i].Since = true, t.Service, t.ID, since
		all[i].FreeAt = since.Add(f.times[t.Service].Median)
	}
	return all
}

// desksForRule are atWork without what only the estimate needs.
func (f *floor) desksForRule() []rule.Desk {
	var all []rule.Desk
	for _, d := range f.atWork() {
		all = append(all, d.Desk)
	}
	return all
}

func set(ids []string) map[string]bool {
	all := make(map[string]bool, len(ids))
	for _, id := range ids {
		all[id] = true
	}
	return all
}

// What the learning of service times looks at, and how long a result is good for.
const (
	learnDays   = 60
	learnAtMost = 2000
	learnFresh  = 10 * time.Minute
)

const selectDurations = `
SELECT CASE WHEN served_as = '' THEN service_id ELSE served_as END, ended_at - started_at
FROM tickets
WHERE office_id = $1 AND ended_at > $2 AND state = 'served' AND outcome <> 'forgotten' AND done = '[]'
ORDER BY ended_at DESC LIMIT $3`

// serviceTimes returns how long each service of the office takes, learned from its recent tickets
// with the catalogue's minutes as the prior. It is worked out anew every learnFresh.
func serviceTimes(ctx context.Context, tx *store.Tx, office *territory.Office) (map[string]forecast.Time, error) {
	stamp := office.Territory.Stamp + strconv.FormatInt(tx.Now.UnixMilli()/learnFresh.Milliseconds(), 10)
	times, err := tx.Memo("times:"+office.ID, stamp, func() (any, error) {
		recent, err := durations(ctx, tx, office)
		if err != nil {
			return nil, fmt.Errorf("learn service times: %w", err)
		}
		times := make(map[string]forecast.Time)
		for _, s := range office.Territory.Services {
			times[s.ID] = forecast.Learn(recent[s.ID], time.Duration(s.Minutes)*time.Minute)
		}
		return times, nil
	})
	if err != nil {
		return nil, err
	}
	return times.(map[string]forecast.Time), nil
}

func durations(ctx context.Context, tx *store.Tx, office *territory.Office) (map[string][]time.Duration, error) {
	rows, err := tx.Query(ctx, selectDurations, office.ID, store.Millis(tx.Now.AddDate(0, 0, -learnDays)), learnAtMost)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[string][]time.Duration)
	for rows.Next() {
		var service string
		var ms int64
		if err := rows.Scan(&service, &ms); err != nil {
			return nil, err
		}
		all[service] = append(all[service], time.Duration(ms)*time.Millisecond)
	}
	return all, rows.Err()
}
