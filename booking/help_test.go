package booking_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// file is a province with three offices that open on Thursdays: centro, where CPI and INPS are together, and
// altro and terzo. An officer of INPS travels: on Thursdays she is at altro until 10:40, then at terzo, from 15:00
// at centro and from 16:00 at altro.
const file = `
[territory]
id = "prova"
name = "Prova"
timezone = "Europe/Rome"

[[institution]]
id = "CPI"
[[institution]]
id = "INPS"
[[institution]]
id = "COMUNE"

[[service]]
id = "JNT-LAVORO"
minutes = 30
step = 30
channels = ["kiosk", "online", "staff"]
lead_min_minutes = 60
lead_max_days = 60
cancel_until_minutes = 120
[[service.window]]
channel = "staff"
lead_min_minutes = 0
lead_max_days = 60

[[service]]
id = "INPS-NASPI"
minutes = 20
channels = ["walk-in", "kiosk", "online", "staff"]
buffer_before = 5
buffer_after = 5

[[service]]
id = "CPI-PATTO"
minutes = 45
rooms = 1
channels = ["online", "staff"]
[[service.window]]
channel = "online"
quota = 2

[[service]]
id = "CPI-DID"
channels = ["walk-in"]

[[service]]
id = "CPI-LAB-CV"
minutes = 60
rooms = 1
capacity = 4
channels = ["online", "staff"]
[[service.window]]
channel = "staff"
lead_min_minutes = 0
lead_max_days = 60

[[service]]
id = "COM-ANAG"
channels = ["online"]

[[office]]
id = "centro"
name = "Centro"
institutions = ["CPI", "INPS"]
services = ["JNT-LAVORO", "INPS-NASPI", "CPI-PATTO", "CPI-DID", "CPI-LAB-CV", "HIS-REI"]
desk = [{ id = "1" }]
  [[office.opening]]
  weekdays = ["thu"]
  intervals = ["09:00-12:30", "15:00-17:00"]
  [[office.room]]
  id = "colloqui"

[[office]]
id = "altro"
name = "Altro"
institutions = ["CPI", "INPS"]
services = ["JNT-LAVORO", "INPS-NASPI"]
desk = [{ id = "1" }]
  [[office.opening]]
  weekdays = ["thu"]
  intervals = ["09:00-12:30", "16:00-17:00"]

[[office]]
id = "terzo"
name = "Terzo"
institutions = ["INPS", "COMUNE"]
services = ["INPS-NASPI", "COM-ANAG"]
desk = [{ id = "1" }]
  [[office.opening]]
  weekdays = ["thu"]
  intervals = ["09:00-12:30"]
  [[office.closure]]
  from = "2026-12-17"

[[officer]]
id = "cpi-1"
name = "Operatore CPI 1"
institution = "CPI"
  [[officer.presence]]
  office = "centro"

[[officer]]
id = "cpi-2"
name = "Operatore CPI 2"
institution = "CPI"
languages = ["it", "en"]
  [[officer.presence]]
  office = "centro"
  [[officer.absence]]
  from = "2026-12-03T15:00"
  until = "2026-12-03T16:00"

[[officer]]
id = "cpi-3"
name = "Operatore CPI 3"
institution = "CPI"
  [[officer.presence]]
  office = "altro"

[[officer]]
id = "inps-1"
name = "Operatore INPS 1"
institution = "INPS"
  [[officer.presence]]
  office = "centro"

[[officer]]
id = "inps-2"
name = "Operatore INPS 2"
institution = "INPS"
  [[officer.presence]]
  office = "centro"
  intervals = ["09:00-12:30"]

[[officer]]
id = "inps-3"
name = "Operatrice INPS che viaggia"
institution = "INPS"
  [[officer.presence]]
  office = "altro"
  intervals = ["09:00-10:40", "16:00-17:00"]
  [[officer.presence]]
  office = "terzo"
  intervals = ["10:40-12:30"]
  [[officer.presence]]
  office = "centro"
  intervals = ["15:00-16:00"]

[[officer]]
id = "mediatrice"
name = "Mediatrice"
institution = "CPI"
role = "mediator"
languages = ["ar"]
  [[officer.presence]]
  office = "centro"
  intervals = ["15:00-17:00"]
`

var (
	rome = func() *time.Location {
		zone, err := time.LoadLocation("Europe/Rome")
		if err != nil {
			panic(err)
		}
		return zone
	}()
	// monday is three days before the Thursday of at.
	monday = time.Date(2026, 11, 30, 8, 0, 0, 0, rome)
	key    = booking.Key("a key of the tests")
)

// at is a time of Thursday 3 December 2026 at the offices.
func at(clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", "2026-12-03 "+clock, rome)
	if err != nil {
		panic(fmt.Sprintf("time %q: %v", clock, err))
	}
	return t
}

func day(text string) timetable.Date {
	d, err := timetable.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

// province is the loaded file with short words for what tests do in it.
type province struct {
	t     testing.TB
	db    *store.DB
	clock *storetest.Clock
}

// each runs f on every database, with the province loaded and a clock that stands at monday.
func each(t *testing.T, f func(t *testing.T, p *province)) {
	t.Helper()
	clock := storetest.At(monday)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(monday)
		f(t, newProvince(t, db, clock, file))
	})
}

func newProvince(t testing.TB, db *store.DB, clock *storetest.Clock, text string) *province {
	t.Helper()
	p := &province{t, db, clock}
	p.load(text)
	return p
}

func (p *province) load(text string) {
	p.t.Helper()
	f, problems := territory.Parse([]byte(text), "prova.toml")
	if len(problems) > 0 {
		p.t.Fatal(territory.Problems(problems))
	}
	p.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := territory.Import(ctx, tx, f)
		return err
	})
}

func (p *province) try(f func(ctx context.Context, tx *store.Tx) error) error {
	ctx := p.t.Context()
	return p.db.Update(ctx, func(tx *store.Tx) error { return f(ctx, tx) })
}

func (p *province) update(f func(ctx context.Context, tx *store.Tx) error) {
	p.t.Helper()
	if err := p.try(f); err != nil {
		p.t.Fatal(err)
	}
}

func (p *province) view(f func(ctx context.Context, tx *store.Tx) error) {
	p.t.Helper()
	ctx := p.t.Context()
	if err := p.db.View(ctx, func(tx *store.Tx) error { return f(ctx, tx) }); err != nil {
		p.t.Fatal(err)
	}
}

// want fails the test unless err is the fault code.
func (p *province) want(code string, err error) {
	p.t.Helper()
	if fault.Code(err) != code {
		p.t.Errorf("got %v, want the fault %s", err, code)
	}
}

// wish is for a start at an office, online and for one person.
func wish(office, service string, start time.Time) booking.Wish {
	return booking.Wish{Office: office, Service: service, Start: start, People: 1, Channel: territory.Online}
}

func (p *province) tryHold(w booking.Wish) (booking.Appointment, error) {
	var a booking.Appointment
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.Hold(ctx, tx, w)
		return err
	})
	return a, err
}

func (p *province) hold(w booking.Wish) booking.Appointment {
	p.t.Helper()
	a, err := p.tryHold(w)
	if err != nil {
		p.t.Fatalf("hold %s %s %v: %v", w.Office, w.Service, w.Start.In(rome), err)
	}
	return a
}

// somebody is a contact that no other call returns.
func somebody() booking.Contact {
	return booking.Contact{Name: "Prova Inventata", Email: store.NewID() + "@prova.example"}
}

func details(c booking.Contact) booking.Details {
	return booking.Details{Contact: c, By: booking.Citizen}
}

func (p *province) tryBook(hold string, d booking.Details) (booking.Appointment, error) {
	var a booking.Appointment
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.Book(ctx, tx, key, hold, d)
		return err
	})
	return a, err
}

// book holds and books a start for somebody.
func (p *province) book(w booking.Wish) booking.Appointment {
	p.t.Helper()
	a, err := p.tryBook(p.hold(w).Token, details(somebody()))
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

func (p *province) available(q booking.Query) *booking.Availability {
	p.t.Helper()
	var a *booking.Availability
	p.view(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.Available(ctx, tx, q)
		return err
	})
	return a
}

// thursday asks for 3 December at an office, online.
func thursday(office, service string) booking.Query {
	return booking.Query{Office: office, Service: service, From: day("2026-12-03"), Until: day("2026-12-03"), Channel: territory.Online}
}

// starts are the free starts of one office, as "09:00×2" with the ways.
func (p *province) starts(q booking.Query) []string {
	p.t.Helper()
	texts := []string{}
	for _, s := range p.available(q).Offices[0].Starts {
		texts = append(texts, fmt.Sprintf("%s×%d", s.Start.Format("15:04"), s.Ways))
	}
	return texts
}

func (p *province) byID(id string) booking.Appointment {
	p.t.Helper()
	var a booking.Appointment
	p.view(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.ByID(ctx, tx, id)
		return err
	})
	return a
}

// sound fails the test unless every claim has its open appointment, every open appointment all of its
// claims, nobody two appointments at a time, sessions as many
// people as are counted, and only those who wait an offer.
func (p *province) sound() {
	p.t.Helper()
	for name, query := range map[string]string{
		"claims of what is not open": `
SELECT COUNT(*) FROM claims c LEFT JOIN appointments a ON a.id = c.appointment_id
WHERE a.id IS NULL OR a.state IN ('cancelled', 'expired') OR (a.state = 'held') <> (c.until > 0) OR a.hold_until <> c.until`,
		"staff without all of its claims": `
SELECT COUNT(*) FROM appointments a JOIN appointment_staff s ON s.appointment_id = a.id
WHERE a.state IN ('held', 'booked', 'arrived', 'in_service') AND (
  SELECT COUNT(*) FROM claims c WHERE c.appointment_id = a.id AND c.resource_id = 'officer:' || a.territory_id || ':' || s.officer_id
    AND c.slot_at >= a.start_at AND c.slot_at < a.end_at) * 300000 <> a.end_at - a.start_at`,
		"appointments without staff": `
SELECT COUNT(*) FROM appointments a WHERE NOT EXISTS (SELECT 1 FROM appointment_staff s WHERE s.appointment_id = a.id)`,
		"joint appointments without both": `
SELECT COUNT(*) FROM appointments a WHERE a.service_id = 'JNT-LAVORO' AND (
  SELECT COUNT(*) FROM appointment_staff s WHERE s.appointment_id = a.id AND s.need <> '') <> 2`,
		"officers in two places": `
SELECT COUNT(*) FROM appointment_staff s JOIN appointments a ON a.id = s.appointment_id
JOIN appointment_staff t ON t.officer_id = s.officer_id AND t.appointment_id <> s.appointment_id JOIN appointments b ON b.id = t.appointment_id
WHERE a.state IN ('booked', 'arrived', 'in_service') AND b.state IN ('booked', 'arrived', 'in_service')
  AND a.start_at < b.end_at AND b.start_at < a.end_at`,
		"sessions whose seats are not those that are taken": `
SELECT COUNT(*) FROM meetings m WHERE m.taken <> (
  SELECT COALESCE(SUM(s.people), 0) FROM seats s WHERE s.meeting_id = m.id AND s.state IN ('taken', 'present', 'absent'))`,
		"sessions that stand elsewhere than their appointments": `
SELECT COUNT(*) FROM appointments a LEFT JOIN meetings m ON m.id = a.id
WHERE a.session AND (m.id IS NULL OR m.state <> CASE a.state WHEN 'booked' THEN 'planned' WHEN 'cancelled' THEN 'cancelled' WHEN 'served' THEN 'held' ELSE '' END)
  OR NOT a.session AND m.id IS NOT NULL`,
		"people who wait although there are seats for them": `
SELECT COUNT(*) FROM seats s JOIN meetings m ON m.id = s.meeting_id WHERE m.state = 'planned' AND s.state = 'waiting' AND m.taken + s.people <= m.capacity`,
		"offers that are live and no hold of one who waits": `
SELECT COUNT(*) FROM waiting w JOIN appointments a ON a.id = w.offer_id
WHERE a.state = 'held' AND (w.state <> 'waiting' AND w.ended_at < a.hold_until
  OR NOT EXISTS (SELECT 1 FROM waiting_offers o WHERE o.waiting_id = w.id AND o.office_id = a.office_id AND o.start_at = a.start_at))`,
		"places that ended and have somebody": `
SELECT COUNT(*) FROM waiting w WHERE w.state = 'ended' AND (w.name <> '' OR w.email <> '' OR w.phone <> '' OR w.ended_at = 0
  OR EXISTS (SELECT 1 FROM waiting_persons p WHERE p.waiting_id = w.id))`,
	} {
		p.view(func(ctx context.Context, tx *store.Tx) error {
			var n int
			if err := tx.QueryRow(ctx, query).Scan(&n); err != nil {
				return err
			}
			if n != 0 {
				p.t.Errorf("%d %s", n, name)
			}
			return nil
		})
	}
}
