package calendar_test

import (
	"context"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// file is a place with two offices that open on Thursdays. The officer anna works at both.
const file = `
[territory]
id = "prova"
name = "Prova"
timezone = "Europe/Rome"

[[institution]]
id = "CPI"

[[service]]
id = "CPI-DID"
minutes = 30
channels = ["online", "staff"]
lead_min_minutes = 0
lead_max_days = 60

[[office]]
id = "centro"
name = "Centro"
institutions = ["CPI"]
services = ["CPI-DID"]
desk = [{ id = "1" }]
  [[office.opening]]
  weekdays = ["thu"]
  intervals = ["09:00-11:00"]
  [[office.room]]
  id = "sala"

[[office]]
id = "altro"
name = "Altro"
institutions = ["CPI"]
services = ["CPI-DID"]
desk = [{ id = "1" }]
  [[office.opening]]
  weekdays = ["thu"]
  intervals = ["11:00-12:00"]

[[officer]]
id = "anna"
name = "Anna Prova"
institution = "CPI"
  [[officer.presence]]
  office = "centro"
  [[officer.presence]]
  office = "altro"
`

// now is a Monday; offices open three days later.
var now = time.Date(2026, 11, 30, 7, 0, 0, 0, time.UTC)

var key = booking.Key("a key of the tests, long enough.")

// clerk is who does things in tests, by the audit.
const clerk = "user:prova"

var (
	anna   = booking.Owner{Territory: "prova", Officer: "anna"}
	centro = booking.Owner{Territory: "prova", Office: "centro"}
)

// place is a loaded file with short words for what tests do in it.
type place struct {
	t     testing.TB
	db    *store.DB
	clock *storetest.Clock
}

// each runs f on every database, with the place loaded and a clock that stands at now.
func each(t *testing.T, f func(t *testing.T, p *place)) {
	t.Helper()
	clock := storetest.At(now)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(now)
		p := &place{t, db, clock}
		f2, problems := territory.Parse([]byte(file), "prova.toml")
		if len(problems) > 0 {
			t.Fatal(territory.Problems(problems))
		}
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := territory.Import(ctx, tx, f2)
			return err
		})
		f(t, p)
	})
}

func (p *place) try(f func(ctx context.Context, tx *store.Tx) error) error {
	ctx := p.t.Context()
	return p.db.Update(ctx, func(tx *store.Tx) error { return f(ctx, tx) })
}

func (p *place) update(f func(ctx context.Context, tx *store.Tx) error) {
	p.t.Helper()
	if err := p.try(f); err != nil {
		p.t.Fatal(err)
	}
}

// want fails the test unless err is the fault code.
func (p *place) want(code string, err error) {
	p.t.Helper()
	if fault.Code(err) != code {
		p.t.Errorf("got %v, want the fault %s", err, code)
	}
}

func (p *place) tryAdd(name, address string, whose booking.Owner) (s calendar.Source, err error) {
	err = p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		s, err = calendar.Add(ctx, tx, key, calendar.Source{Kind: calendar.ICS, Name: name, Whose: whose}, calendar.Access{Address: address}, clerk)
		return err
	})
	return s, err
}

// add adds a source at an address, or at that of a server.
func (p *place) add(address string, whose booking.Owner, at ...*switched) calendar.Source {
	p.t.Helper()
	if address == "" {
		address = at[0].URL
	}
	s, err := p.tryAdd("Prova", address, whose)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *place) view(f func(ctx context.Context, tx *store.Tx) error) {
	p.t.Helper()
	ctx := p.t.Context()
	if err := p.db.View(ctx, func(tx *store.Tx) error { return f(ctx, tx) }); err != nil {
		p.t.Fatal(err)
	}
}

// source reads a source as it is now.
func (p *place) source(id string) (s calendar.Source) {
	p.t.Helper()
	p.view(func(ctx context.Context, tx *store.Tx) (err error) {
		s, err = calendar.ByID(ctx, tx, id)
		return err
	})
	return s
}

// book books a start of Thursday for somebody.
func (p *place) book(office, clock string) {
	p.t.Helper()
	start, err := time.Parse(time.RFC3339, "2026-12-03T"+clock+":00+01:00")
	if err != nil {
		p.t.Fatal(err)
	}
	p.update(func(ctx context.Context, tx *store.Tx) error {
		hold, err := booking.Hold(ctx, tx, booking.Wish{Office: office, Service: "CPI-DID", Start: start, People: 1, Channel: "online"})
		if err != nil {
			return err
		}
		_, err = booking.Book(ctx, tx, key, hold.Token, booking.Details{Contact: booking.Contact{Name: "Prova", Email: store.NewID() + "@prova.example"}, By: booking.Citizen})
		return err
	})
}
