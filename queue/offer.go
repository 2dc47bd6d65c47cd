package queue

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue/forecast"
)

// Why a ticket for a service cannot be had now; each is the code of the fault that Issue returns.
const (
	ServiceEnded = "service_ended"
	NotByTicket  = "not_by_ticket" // only with an appointment
	Closed       = "closed"
	NoOfficer    = "no_officer" // open, but nobody who serves it is on the rota any more today
	Stopped      = "service_stopped"
	Full         = "full" // the day's ceiling is reached
)

// Offer says whether a ticket for a service can be had now, and what to tell who asks.
type Offer struct {
	Service     *territory.Service
	Open        bool
	Because     string    // when not Open
	Reason      string    // staff's words for a stop
	From        time.Time // opening from which waiting counts; when Open
	Until       time.Time // when it closes; when Open
	Next        time.Time // when it opens next, if it is closed; zero: not within sixty days
	DesksOpen   int       // desks that serve it now
	Wait        forecast.Wait
	HasWait     bool // false: no desk is open for it now
	PastClosing bool // who comes now is likely not served before closing
}

// fault is the refusal of a ticket.
func (o Offer) fault() error {
	switch o.Because {
	case Closed, NoOfficer:
		return fault.New(fault.Conflict, o.Because, "next", o.Next, "service", o.Service.ID)
	case Stopped:
		return fault.New(fault.Conflict, o.Because, "reason", o.Reason, "service", o.Service.ID)
	}
	return fault.New(fault.Conflict, o.Because, "service", o.Service.ID)
}

// searchDays is how far ahead the next opening is looked for.
const searchDays = 60

// offer decides on plain values: the office's timetable and rota, what staff stopped, and how many
// tickets were issued today by service.
func offer(office *territory.Office, s *territory.Service, now time.Time, stops []Stop, issued map[string]int) Offer {
	o := Offer{Service: s}
	today := office.Today(now)
	stop := slices.IndexFunc(stops, func(x Stop) bool { return x.Service == s.ID })
	span, open := served(office, s, now, today)
	switch {
	case !s.Offered(today):
		o.Because = ServiceEnded
	case !s.By(territory.WalkIn):
		o.Because = NotByTicket
	case stop >= 0:
		o.Because, o.Reason = Stopped, stops[stop].Reason
	case !open:
		o.Because = Closed
		if spans := office.Open(s, today, territory.WalkIn); len(spans) > 0 && spans[len(spans)-1].Until.After(now) {
			o.Because = NoOfficer
		}
		next, found := office.Calendar.Next(now, searchDays, func(d timetable.Date) []timetable.Span { return manned(office, s, d) })
		if found {
			o.Next = next.From.In(office.Zone())
		}
	case s.DailyCeiling > 0 && issued[s.ID] >= s.DailyCeiling:
		o.Because = Full
	default:
		o.Open, o.From, o.Until = true, span.From, span.Until
	}
	return o
}

// served returns the opening that serves s now, or the next one today.
func served(office *territory.Office, s *territory.Service, now time.Time, today timetable.Date) (timetable.Span, bool) {
	for _, span := range manned(office, s, today) {
		if span.Until.After(now) {
			return span, true
		}
	}
	return timetable.Span{}, false
}

// manned returns when, on a day, the office is open for s and the rota has the officers it needs.
func manned(office *territory.Office, s *territory.Service, on timetable.Date) []timetable.Span {
	open := office.Open(s, on, territory.WalkIn)
	if len(open) == 0 || !s.Offered(on) {
		return nil
	}
	var able []*territory.Officer
	for _, f := range office.Officers(on) {
		if f.Does(s) {
			able = append(able, f)
		}
	}
	var alone, shared []timetable.Span
	for _, f := range able {
		if !s.Joint() || s.OneOfficerMayCover && f.Covers(s, on) {
			alone = append(alone, f.Present(office, on)...)
		}
	}
	if s.Joint() {
		shared = together(office, s.Needs, able, on)
	}
	return timetable.Intersect(open, timetable.Union(append(alone, shared...)))
}

// together returns when officers of all institutions are present, one person for each.
func together(office *territory.Office, institutions []string, able []*territory.Officer, on timetable.Date) []timetable.Span {
	if len(institutions) == 0 {
		return []timetable.Span{timetable.Day(on, office.Zone())}
	}
	var all []timetable.Span
	for i, f := range able {
		if !slices.Contains(f.ActsFor(on), institutions[0]) {
			continue
		}
		rest := together(office, institutions[1:], slices.Delete(slices.Clone(able), i, i+1), on)
		all = append(all, timetable.Intersect(timetable.Union(f.Present(office, on)), rest)...)
	}
	return timetable.Union(all)
}

const selectStops = `
SELECT service_id, reason, stopped_at FROM service_stops WHERE office_id = $1 AND day = $2 ORDER BY service_id`

// readStops returns what staff of the office stopped for the day of now.
func readStops(ctx context.Context, tx *store.Tx, office *territory.Office, now time.Time) ([]Stop, error) {
	return store.All(ctx, tx, func(row store.Row) (s Stop, err error) {
		var at int64
		err = row.Scan(&s.Service, &s.Reason, &at)
		s.At = store.FromMillis(at)
		return s, err
	}, selectStops, office.ID, office.Today(now).String())
}

const countIssued = `
SELECT service_id, COUNT(*) FROM tickets WHERE office_id = $1 AND day = $2 AND state <> 'cancelled' AND origin <> 'appointment' GROUP BY service_id`

// issuedToday counts the day's walk-ins by service; who left the queue frees a place.
func issuedToday(ctx context.Context, tx *store.Tx, office *territory.Office, now time.Time) (map[string]int, error) {
	rows, err := tx.Query(ctx, countIssued, office.ID, office.Today(now).String())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := make(map[string]int)
	for rows.Next() {
		var service string
		var n int
		if err := rows.Scan(&service, &n); err != nil {
			return nil, err
		}
		counts[service] = n
	}
	return counts, rows.Err()
}

const (
	insertStop = `
INSERT INTO service_stops (office_id, service_id, day, reason, stopped_at, user_id) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (office_id, service_id, day) DO UPDATE SET reason = excluded.reason, stopped_at = excluded.stopped_at, user_id = excluded.user_id`
	deleteStop = `DELETE FROM service_stops WHERE office_id = $1 AND service_id = $2 AND day = $3`
)

// StopService has the office issue no more tickets for a service today; those who wait are served.
// It is for desks whose officer acts for an institution of the service, else not_allowed.
func StopService(ctx context.Context, tx *store.Tx, at Seat, service, reason string) error {
	if reason == "" {
		return errReason
	}
	return stopOrReopen(ctx, tx, at, service, "service.stop", func(day string) error {
		_, err := tx.Exec(ctx, insertStop, at.Office, service, day, reason, store.Millis(tx.Now), at.By)
		return err
	})
}

// ReopenService takes back StopService.
func ReopenService(ctx context.Context, tx *store.Tx, at Seat, service string) error {
	return stopOrReopen(ctx, tx, at, service, "service.reopen", func(day string) error {
		_, err := tx.Exec(ctx, deleteStop, at.Office, service, day)
		return err
	})
}

func stopOrReopen(ctx context.Context, tx *store.Tx, at Seat, service, action string, change func(day string) error) error {
	version, err := territory.Lock(ctx, tx, at.Office)
	if err != nil {
		return err
	}
	office, err := territory.Of(ctx, tx, at.Office)
	if err != nil {
		return err
	}
	if _, ok := office.Offers(service); !ok {
		return fault.New(fault.Missing, "unknown_service", "service", service)
	}
	if err := takesPart(ctx, tx, office, at, service); err != nil {
		return err
	}
	if err := change(office.Today(tx.Now).String()); err != nil {
		return fmt.Errorf("%s: %w", action, err)
	}
	return recordDesk(ctx, tx, at, version, action, map[string]any{"service": service})
}
