package calendar

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"sportello/booking"
	"sportello/booking/ical"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

// How long a feed keeps what is past, and what was cancelled, in days of the calendar.
const (
	pastDays      = 14
	cancelledDays = 5
)

// Refresh is how often programs are asked to read a feed (RFC 7986, section 5.7).
const Refresh = time.Hour

// feedFormat is raised when the same diary gives other bytes than before.
const feedFormat = "1"

// FeedReader is who made a feed, as what they may know at the moment.
type FeedReader struct {
	// Rights is another whenever Sees may say something else, but for the territory's stamp and the date.
	Rights string
	// Sees reports whether they may know more of an appointment than that its time is taken.
	Sees func(o *territory.Office, a booking.Appointment) bool
	// Seated are the officers who sit at the desk of a feed of one.
	Seated []string
}

// Edition is what a feed has at the moment. Its ETag is had without reading the appointments.
type Edition struct {
	ETag string

	feed      Feed
	territory *territory.Territory
	scope     booking.Scope
	reader    FeedReader
}

// Edition returns the present edition, or ErrFeed when what the feed is of is no more.
func (f Feed) Edition(ctx context.Context, tx *store.Tx, r FeedReader) (*Edition, error) {
	t, err := territory.Read(ctx, tx, f.Territory)
	if err != nil {
		return nil, err
	}
	e := &Edition{feed: f, territory: t, reader: r}
	if e.name() == "" {
		return nil, ErrFeed
	}
	today := e.today(tx.Now)
	e.scope = e.scopeOn(today)
	mark := "none"
	if !e.empty() {
		if mark, err = e.scope.Mark(ctx, tx); err != nil {
			return nil, err
		}
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{
		feedFormat, f.ID, r.Rights, t.Stamp, today.String(), strings.Join(r.Seated, "+"), mark,
	}, "\n")))
	e.ETag = `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
	return e, nil
}

// today is the date at the office of a feed, or else in the territory.
func (e *Edition) today(now time.Time) timetable.Date {
	if o, ok := e.territory.Office(e.feed.Office); ok {
		return o.Today(now)
	}
	return timetable.DateOf(now.In(e.territory.Zone))
}

func (e *Edition) scopeOn(today timetable.Date) booking.Scope {
	zone := e.territory.Zone
	s := booking.Scope{Territory: e.territory.ID, From: today.AddDays(-pastDays)}
	if o, ok := e.territory.Office(e.feed.Office); ok {
		s.Offices, zone = []string{o.ID}, o.Zone()
	}
	s.Cancelled = today.AddDays(-cancelledDays).At(0, zone)
	switch e.feed.Kind {
	case OfDesk:
		s.Officers, s.From, s.Until = e.reader.Seated, today, today
	case OfOfficer:
		s.Officers = []string{e.feed.Subject}
	case OfService:
		s.Service = e.feed.Subject
		for _, o := range e.territory.Offices {
			if e.feed.Office == "" {
				s.Offices = append(s.Offices, o.ID)
			}
		}
	}
	return s
}

// empty reports whether there is nothing to read: at a desk where nobody sits.
func (e *Edition) empty() bool { return e.feed.Kind == OfDesk && len(e.reader.Seated) == 0 }

// name says what a feed is of, "" for what is no more.
func (e *Edition) name() string { return e.feed.Of(e.territory) }

// Of says what a feed of t is of, by name; "" when that is no more.
func (f Feed) Of(t *territory.Territory) string {
	o, hasOffice := t.Office(f.Office)
	if !hasOffice && (f.Office != "" || f.Kind == OfOffice || f.Kind == OfDesk) {
		return ""
	}
	name, ok := "", false
	switch f.Kind {
	case OfOffice:
		return o.Name
	case OfDesk:
		var d territory.Desk
		d, ok = o.Desk(f.Subject)
		name = d.Name
	case OfOfficer:
		var officer *territory.Officer
		if officer, ok = t.Officer(f.Subject); ok {
			name = officer.Name
		}
	case OfService:
		var s *territory.Service
		if s, ok = t.Service(f.Subject); ok {
			name = s.Name
		}
	}
	if !ok || !hasOffice {
		return name
	}
	return name + ", " + o.Name
}

// Bytes is the edition as iCalendar. Without appointments it has a time zone alone: a calendar has one
// component at least (RFC 5545, section 3.6).
func (e *Edition) Bytes(ctx context.Context, tx *store.Tx) ([]byte, error) {
	cal := e.head()
	if !e.empty() {
		if err := e.fill(ctx, tx, cal); err != nil {
			return nil, fmt.Errorf("write feed: %w", err)
		}
	}
	if len(cal.Children) == 0 {
		cal.Children = append(cal.Children, ical.NewRome())
	}
	return cal.Text()
}

// fill puts the events of an edition into cal.
func (e *Edition) fill(ctx context.Context, tx *store.Tx, cal *ical.Calendar) error {
	words := newWords()
	for a, err := range booking.Within(ctx, tx, e.scope) {
		if err != nil {
			return err
		}
		o, ok := e.territory.Office(a.Office)
		if !ok {
			continue
		}
		detail := e.feed.Detail
		if detail != DetailBusy && !e.reader.Sees(o, a) {
			detail = DetailBusy
		}
		event, err := words.event(o, a, detail).Event()
		if err != nil {
			return err
		}
		cal.Children = append(cal.Children, event.Component)
	}
	return nil
}

// head is a calendar with what concerns all of it. What RFC 7986 gives names has older ones too, which
// more programs know.
func (e *Edition) head() *ical.Calendar {
	cal := ical.NewCalendar()
	name := text("calendar.name", "of", e.name())
	for _, prop := range []struct{ name, text string }{
		{ical.PropMethod, string(ical.MethodPublish)}, {"NAME", name}, {"X-WR-CALNAME", name}, {"X-WR-TIMEZONE", e.territory.Zone.String()},
	} {
		cal.Props.SetText(prop.name, prop.text)
	}
	often := ical.NewProp("REFRESH-INTERVAL")
	often.SetDuration(Refresh)
	cal.Props.Set(often)
	cal.Props.SetText("X-PUBLISHED-TTL", often.Value)
	return cal
}
