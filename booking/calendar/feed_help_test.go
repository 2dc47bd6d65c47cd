package calendar_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/ical"
	"sportello/booking/territory"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// feedFile is a province of two offices that open every day. Two officers of one institution get invitations; who
// speaks Italian is chosen first.
const feedFile = `
[territory]
id = "prova"
name = "Prova"

[[institution]]
id = "CPI"
[[institution]]
id = "INPS"

[[service]]
id = "JNT-LAVORO"
minutes = 30
channels = ["online", "staff"]

[[service]]
id = "CPI-PATTO"
minutes = 30
rooms = 1
channels = ["online", "staff"]

[[service]]
id = "CPI-ASCOLTO"
name = "Ascolto riservato"
needs = ["CPI"]
minutes = 30
sensitive = true
channels = ["online", "staff"]

[[service]]
id = "CPI-LAB-CV"
minutes = 60
capacity = 4
channels = ["online", "staff"]

[[office]]
id = "centro"
name = "Centro"
address = "Via di Prova 1; Isernia"
services = ["JNT-LAVORO", "CPI-PATTO", "CPI-ASCOLTO", "CPI-LAB-CV"]
desk = [{ id = "1", name = "Sportello 1" }]
  [[office.opening]]
  weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
  intervals = ["09:00-13:00"]
  [[office.room]]
  id = "colloqui"
  name = "Stanza dei colloqui"

[[office]]
id = "altro"
name = "Altro"
services = ["JNT-LAVORO"]
desk = [{ id = "1" }]
  [[office.opening]]
  weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
  intervals = ["09:00-13:00"]

[[officer]]
id = "cpi-1"
name = "Anna Prova"
institution = "CPI"
calendar_mail = "anna@cpi.example"
presence = [{ office = "centro" }]

[[officer]]
id = "cpi-2"
name = "Bruno Prova"
institution = "CPI"
calendar_mail = "bruno@cpi.example"
languages = ["de"]
presence = [{ office = "centro" }]

[[officer]]
id = "cpi-3"
name = "Dario Prova"
institution = "CPI"
presence = [{ office = "altro" }]

[[officer]]
id = "inps-1"
name = "Carla Prova"
institution = "INPS"
presence = [{ office = "centro" }, { office = "altro", weekdays = ["fri"] }]
`

var (
	italy = func() *time.Location {
		zone, err := time.LoadLocation("Europe/Rome")
		if err != nil {
			panic(err)
		}
		return zone
	}()
	// monday is three days before the Thursday of december.
	monday  = time.Date(2026, 11, 30, 8, 0, 0, 0, italy)
	feedKey = booking.Key("a key of the tests")
)

// december is a time of Thursday 3 December 2026, or of so many days later.
func december(clock string, later ...int) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", "2026-12-03 "+clock, italy)
	if err != nil {
		panic(err)
	}
	for _, days := range later {
		t = t.AddDate(0, 0, days)
	}
	return t
}

// province is the loaded file with short words for what tests do in it.
type province struct {
	t     testing.TB
	db    *store.DB
	clock *storetest.Clock
}

// inProvince runs f on every database, with a clock that stands at monday.
func inProvince(t *testing.T, f func(t *testing.T, p *province)) {
	t.Helper()
	clock := storetest.At(monday)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(monday)
		p := &province{t, db, clock}
		p.load(feedFile)
		f(t, p)
	})
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

func (p *province) update(f func(ctx context.Context, tx *store.Tx) error) {
	p.t.Helper()
	ctx := p.t.Context()
	if err := p.db.Update(ctx, func(tx *store.Tx) error { return f(ctx, tx) }); err != nil {
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

// book books a start for an invented citizen.
func (p *province) book(office, service string, start time.Time) (a booking.Appointment) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) error {
		hold, err := booking.Hold(ctx, tx, booking.Wish{Office: office, Service: service, Start: start, People: 1, Language: "it", Channel: territory.Staff})
		if err != nil {
			return err
		}
		contact := booking.Contact{Name: "Prova Inventata", Email: store.NewID() + "@prova.example", Phone: "+39 333 1234567"}
		a, err = booking.Book(ctx, tx, feedKey, hold.Token, booking.Details{Contact: contact, Note: "Viene con un'amica", Again: true, By: booking.Citizen})
		return err
	})
	return a
}

// move moves an appointment to another start.
func (p *province) move(a booking.Appointment, office string, start time.Time) (moved booking.Appointment) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) error {
		hold, err := booking.Hold(ctx, tx, booking.Wish{Office: office, Service: a.Service, Start: start, People: 1, Language: "it", Channel: territory.Staff})
		if err != nil {
			return err
		}
		moved, err = booking.MoveByStaff(ctx, tx, a.ID, hold.Token, "user:prova")
		return err
	})
	return moved
}

func (p *province) cancel(a booking.Appointment) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.CancelByStaff(ctx, tx, a.ID, "office", "user:prova")
		return err
	})
}

func (p *province) reassign(a booking.Appointment, from, to string) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.Reassign(ctx, tx, a.ID, from, to, "user:prova")
		return err
	})
}

// feed makes a feed and returns it with its secret.
func (p *province) feed(f calendar.Feed) (made calendar.Feed, secret string) {
	p.t.Helper()
	f.Territory, f.User = "prova", "prova"
	p.update(func(ctx context.Context, tx *store.Tx) (err error) {
		made, secret, err = calendar.AddFeed(ctx, tx, f, "user:prova")
		return err
	})
	return made, secret
}

// anything is a reader who may know everything.
var anything = calendar.FeedReader{Rights: "all", Sees: func(*territory.Office, booking.Appointment) bool { return true }}

// read returns the present edition of a feed and its bytes.
func (p *province) read(f calendar.Feed, r calendar.FeedReader) (etag, text string) {
	p.t.Helper()
	p.view(func(ctx context.Context, tx *store.Tx) error {
		edition, err := f.Edition(ctx, tx, r)
		if err != nil {
			return err
		}
		content, err := edition.Bytes(ctx, tx)
		etag, text = edition.ETag, string(content)
		return err
	})
	return etag, text
}

// decoded is a calendar's text, read.
func decoded(t testing.TB, text string) *ical.Calendar {
	t.Helper()
	d := ical.NewDecoder(strings.NewReader(text))
	cal, err := d.Decode()
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if notes := d.Notes(); len(notes) > 0 {
		t.Errorf("passed over: %v", notes)
	}
	return cal
}

// eventsOf are the events of a calendar, as "10:00 Occupato (CONFIRMED 0)".
func eventsOf(t testing.TB, text string) []string {
	t.Helper()
	lines := []string{}
	for _, e := range decoded(t, text).Events() {
		start, err := e.Props.Get(ical.PropDateTimeStart).DateTime()
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprintf("%s %s (%s %s)", start.Wall.In(italy).Format("15:04"), e.Props.Text(ical.PropSummary),
			e.Props.Text(ical.PropStatus), e.Props.Get(ical.PropSequence).Value))
	}
	return lines
}

// encoded is a calendar's text.
func encoded(t testing.TB, cal *ical.Calendar) string {
	t.Helper()
	var out bytes.Buffer
	if err := ical.NewEncoder(&out).Encode(cal); err != nil {
		t.Fatal(err)
	}
	return out.String()
}
