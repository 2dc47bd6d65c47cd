package queue

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
	"sportello/queue/forecast"
	"sportello/queue/rule"
)

// Picture is everything that the screens of one office show, as of one version. Nobody may change
// it.
type Picture struct {
	Office  *territory.Office
	Version int64
	Now     time.Time
	Day     timetable.Date
	Tickets []Ticket // of today: waiting, called, serving, parked, and no-shows that may come back; by due time
	Desks   []Desk   // at work, in the office's order
	Calls   []Call   // calls that were not taken back, newest first, one for each ticket: today's last, and all of the last minutes
	Stops   []Stop
	Offers  []Offer // of the office's services, in its order

	floor *floor
	waits map[string]forecast.Wait
	holds []rule.Hold
}

// Which calls a picture holds: the last ShownCalls, and however many there were within FreshCall, so
// that who shows and speaks them one after another misses none.
const (
	ShownCalls = 8
	FreshCall  = 2 * time.Minute
	mostCalls  = 100
)

// Read makes the picture of an office. Version is read first: on a database that does not read one
// state throughout, the rest may be newer, never older.
func Read(ctx context.Context, tx *store.Tx, id string) (*Picture, error) {
	version, err := territory.Version(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	office, err := territory.Of(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	f, err := readFloor(ctx, tx, office)
	if err != nil {
		return nil, err
	}
	p := &Picture{Office: office, Version: version, Now: tx.Now, Day: office.Today(tx.Now), Desks: f.desks, floor: f}
	for _, t := range f.tickets {
		if t.State != NoShow || !tx.Now.After(t.EndedAt.Add(ReturnWithin)) {
			p.Tickets = append(p.Tickets, t)
		}
	}
	slices.SortStableFunc(p.Tickets, func(a, b Ticket) int {
		if c := a.DueAt.Compare(b.DueAt); c != 0 {
			return c
		}
		return int(a.Seq - b.Seq)
	})
	if p.Stops, err = readStops(ctx, tx, office, tx.Now); err != nil {
		return nil, fmt.Errorf("read stops: %w", err)
	}
	if p.Calls, err = lastCalls(ctx, tx, office, tx.Now); err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	issued, err := issuedToday(ctx, tx, office, tx.Now)
	if err != nil {
		return nil, fmt.Errorf("count tickets: %w", err)
	}
	p.holds = rule.Holds(tx.Now, f.waiting(), f.desksForRule(), f.options())
	p.offer(issued)
	return p, nil
}

// offer works out what can be had and, in one simulation, how long the waiting and whoever would
// come now for each service would wait.
func (p *Picture) offer(issued map[string]int) {
	var newcomers []rule.Ticket
	likes := make(map[string]string) // by what decides the wait, the newcomer that stands for all alike
	ids := make([]string, 0, len(p.Office.Services))
	for _, id := range p.Office.Services {
		s, ok := p.Office.Offers(id)
		if !ok {
			continue
		}
		o := offer(p.Office, s, p.Now, p.Stops, issued)
		newcomer := p.floor.asRule(Ticket{ID: "newcomer:" + id, Service: id, Seq: p.Version + 1, DueAt: later(p.Now, o.From)})
		o.DesksOpen = p.desksFor(newcomer)
		p.Offers = append(p.Offers, o)
		alike := p.alike(newcomer)
		if _, known := likes[alike]; !known && o.Open {
			likes[alike] = newcomer.ID
			newcomers = append(newcomers, newcomer)
		}
		ids = append(ids, likes[alike])
	}
	p.waits = forecast.Waits(forecast.State{
		Now: p.Now, Tickets: p.floor.waiting(), Newcomers: newcomers, Desks: p.floor.atWork(), Options: p.floor.options(), Times: p.floor.times,
	})
	for i := range p.Offers {
		o := &p.Offers[i]
		if o.Wait, o.HasWait = p.waits[ids[i]]; !o.Open {
			o.HasWait = false
		}
		served := o.Wait.High + p.floor.times[o.Service.ID].Median
		o.PastClosing = o.HasWait && p.Now.Add(served).After(o.Until)
	}
}

// desksFor counts the open desks that serve t; none when they cannot serve it together.
func (p *Picture) desksFor(t rule.Ticket) int {
	desks := p.floor.desksForRule()
	if !rule.Servable(t, desks) {
		return 0
	}
	n := 0
	for _, d := range desks {
		if !d.Paused && rule.Serves(d, t) {
			n++
		}
	}
	return n
}

// alike names what decides how long a newcomer waits: whom it needs, from when it counts and which
// desks may take it.
func (p *Picture) alike(t rule.Ticket) string {
	desks := ""
	for _, d := range p.floor.desksForRule() {
		if rule.Serves(d, t) {
			desks += " " + d.ID
		}
	}
	return fmt.Sprint(t.Need, t.Due.UnixMilli(), desks)
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

const selectCalls = `
SELECT c.version, c.desks, c.called_at, c.repeat,` + ticketColumns + `
FROM calls c JOIN tickets t ON t.id = c.ticket_id
WHERE c.office_id = $1 AND c.called_at >= $2 AND c.withdrawn = FALSE
  AND c.version = (SELECT MAX(x.version) FROM calls x WHERE x.office_id = c.office_id AND x.ticket_id = c.ticket_id AND x.withdrawn = FALSE)
ORDER BY c.version DESC LIMIT $3`

// lastCalls returns the last call of each of the tickets called last today, newest first.
func lastCalls(ctx context.Context, tx *store.Tx, office *territory.Office, now time.Time) ([]Call, error) {
	morning := office.Today(now).At(0, office.Zone())
	rows, err := tx.Query(ctx, selectCalls, office.ID, store.Millis(morning), mostCalls)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Call
	for rows.Next() {
		var c Call
		var desks string
		var at int64
		c.Ticket, err = scanTicket(after{rows, []any{&c.Version, &desks, &at, &c.Repeat}})
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(desks), &c.Desks); err != nil {
			return nil, err
		}
		c.CalledAt = store.FromMillis(at)
		if len(all) >= ShownCalls && now.Sub(c.CalledAt) > FreshCall {
			break
		}
		all = append(all, c)
	}
	return all, rows.Err()
}

// Ticket returns a ticket of the picture.
func (p *Picture) Ticket(id string) (Ticket, bool) { return p.floor.ticket(id) }

// Desk returns a desk at work.
func (p *Picture) Desk(id string) (Desk, bool) { return p.floor.desk(id) }

// Offer returns the offer for a service of the office.
func (p *Picture) Offer(service string) (Offer, bool) {
	i := slices.IndexFunc(p.Offers, func(o Offer) bool { return o.Service.ID == service })
	if i < 0 {
		return Offer{}, false
	}
	return p.Offers[i], true
}

// In returns the tickets in a state, by due time.
func (p *Picture) In(state State) []Ticket {
	var all []Ticket
	for _, t := range p.Tickets {
		if t.State == state {
			all = append(all, t)
		}
	}
	return all
}

// Waiting returns the tickets that wait, by due time.
func (p *Picture) Waiting() []Ticket { return p.In(Waiting) }

// Wait returns the estimated range until a ticket is called; there is none when no desk is open that
// may serve it.
func (p *Picture) Wait(ticket string) (forecast.Wait, bool) {
	w, ok := p.waits[ticket]
	return w, ok
}

// Before returns how many waiting tickets are due before one and may be called by a desk that may
// also call it. While no desk is at work, those of its waiting area count.
func (p *Picture) Before(ticket string) int {
	t, ok := p.Ticket(ticket)
	if !ok || t.State != Waiting {
		return 0
	}
	own := p.floor.asRule(t)
	desks := p.floor.desksForRule()
	rivals := func(u Ticket) bool {
		if len(desks) == 0 {
			return u.Area == t.Area
		}
		other := p.floor.asRule(u)
		return slices.ContainsFunc(desks, func(d rule.Desk) bool { return rule.Serves(d, own) && rule.Serves(d, other) })
	}
	n := 0
	for _, u := range p.Waiting() {
		if u.ID == t.ID {
			break
		}
		if rivals(u) {
			n++
		}
	}
	return n
}

// Servable reports whether a desk may take a ticket, alone or with others.
func (p *Picture) Servable(desk string, t Ticket) bool {
	i := slices.IndexFunc(p.floor.desksForRule(), func(d rule.Desk) bool { return d.ID == desk })
	return i >= 0 && rule.Serves(p.floor.desksForRule()[i], p.floor.asRule(t))
}

// Held returns the joint appointment that a desk waits for.
func (p *Picture) Held(desk string) (rule.Hold, bool) {
	i := slices.IndexFunc(p.holds, func(h rule.Hold) bool { return h.Desk == desk })
	if i < 0 {
		return rule.Hold{}, false
	}
	return p.holds[i], true
}

// Staff returns who does the appointment of a ticket, in the order of the institutions needed, then a
// mediator with none.
func (p *Picture) Staff(t Ticket) []timetable.Assignment { return p.floor.staff[t.Appointment] }

// Part returns the institution for whose part a desk could take a joint ticket without the others, ""
// for none.
func (p *Picture) Part(desk string, t Ticket) string { return p.floor.part(t, desk) }

// Left returns the institutions of a joint ticket that it still has to meet, once one has had its part.
func (p *Picture) Left(t Ticket) []string {
	s, ok := p.Office.Territory.Service(t.Service)
	if !ok || len(t.Done) == 0 {
		return nil
	}
	return left(s, t.Done)
}

// Unserved returns the services that tickets can be had for now, but not be served before a paused
// desk is back.
func (p *Picture) Unserved() []*territory.Service {
	return p.servedOnly(func(d *rule.Desk, paused bool) { d.Paused = paused }, func(d *rule.Desk) { d.Paused = false })
}

// OnlyAt returns the services that tickets can be had for now and nobody could serve without the
// desk.
func (p *Picture) OnlyAt(desk string) []*territory.Service {
	return p.servedOnly(func(d *rule.Desk, paused bool) { d.Paused = paused || d.ID == desk }, func(*rule.Desk) {})
}

// servedOnly returns the services on offer that the desks cannot serve as without makes them, and can
// as with makes them.
func (p *Picture) servedOnly(without func(d *rule.Desk, paused bool), with func(*rule.Desk)) []*territory.Service {
	fewer, more := p.floor.desksForRule(), p.floor.desksForRule()
	for i := range fewer {
		without(&fewer[i], fewer[i].Paused)
		with(&more[i])
	}
	var all []*territory.Service
	for _, o := range p.Offers {
		t := p.floor.asRule(Ticket{Service: o.Service.ID})
		if o.Open && !rule.Servable(t, fewer) && rule.Servable(t, more) {
			all = append(all, o.Service)
		}
	}
	return all
}
