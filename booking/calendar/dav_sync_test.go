package calendar_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// davFile is a place where an officer of CPI and one of INPS are on Thursdays. CPI has another one.
const davFile = `
[territory]
id = "prova"
name = "Prova"
timezone = "Europe/Rome"

[[institution]]
id = "CPI"
[[institution]]
id = "INPS"

[[service]]
id = "JNT-LAVORO"
minutes = 30
step = 30
channels = ["online", "staff"]
lead_min_minutes = 0
lead_max_days = 60

[[service]]
id = "CPI-PATTO"
name = "Patto di servizio"
minutes = 30
step = 30
channels = ["online", "staff"]
lead_min_minutes = 0
lead_max_days = 60

[[office]]
id = "centro"
name = "Centro"
address = "via Prova 1"
institutions = ["CPI", "INPS"]
services = ["JNT-LAVORO", "CPI-PATTO"]
desk = [{ id = "1" }]
  [[office.opening]]
  weekdays = ["thu"]
  intervals = ["09:00-11:00"]

[[officer]]
id = "cpi-1"
name = "Operatrice CPI"
institution = "CPI"
  [[officer.presence]]
  office = "centro"

[[officer]]
id = "inps-1"
name = "Operatrice INPS"
institution = "INPS"
  [[officer.presence]]
  office = "centro"
`

var rome = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err)
	}
	return zone
}()

// march is a Monday two weeks before the clocks change.
var march = time.Date(2027, 3, 15, 8, 0, 0, 0, rome)

// thursday is a time of a Thursday, weeks after the one of that week.
func thursday(weeks int, clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", "2027-03-18 "+clock, rome)
	if err != nil {
		panic(err)
	}
	return t.AddDate(0, 0, 7*weeks)
}

// step is a place whose officers have their calendars in step.
type step struct {
	*place
	*calendar.Reader
}

// newStep is a place at march.
func newStep(t *testing.T, db *store.DB, clock *storetest.Clock) *step {
	t.Helper()
	f, problems := territory.Parse([]byte(davFile), "prova.toml")
	if len(problems) > 0 {
		t.Fatal(territory.Problems(problems))
	}
	p := &place{t, db, clock}
	p.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := territory.Import(ctx, tx, f)
		return err
	})
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	return &step{p, &calendar.Reader{DB: db, Log: log, Key: key, Guard: calendar.NewGuard(netip.MustParsePrefix("127.0.0.0/8"))}}
}

// eachStep runs f with each peer.
func eachStep(t *testing.T, f func(t *testing.T, p *peer, s *step)) {
	eachPeer(t, func(t *testing.T, p *peer) {
		clock := storetest.At(march)
		f(t, p, newStep(t, storetest.Open(t, clock.Now), clock))
	})
}

// keep has a collection kept in step with what an officer does.
func (s *step) keep(officer, address string, d calendar.DAV) calendar.Source {
	s.t.Helper()
	var source calendar.Source
	s.update(func(ctx context.Context, tx *store.Tx) (err error) {
		source, err = calendar.Add(ctx, tx, key, calendar.Source{
			Kind: calendar.CalDAV, Name: officer, Whose: booking.Owner{Territory: "prova", Officer: officer},
		}, calendar.Access{Address: address, User: d.User, Secret: d.Password}, clerk)
		return err
	})
	return source
}

// sync brings a source in step and wants an outcome.
func (s *step) sync(source calendar.Source, code calendar.Code, counts map[calendar.Count]int) {
	s.t.Helper()
	s.clock.Add(time.Second)
	got, err := s.Sync(s.t.Context(), source.ID)
	if err != nil {
		s.t.Fatal(err)
	}
	if diff := cmp.Diff(counts, got.Counts); got.Code != code || len(counts)+len(got.Counts) > 0 && diff != "" {
		s.t.Errorf("got %s, want %s:\n%s", got.Code, code, diff)
	}
}

// book books a start of a service at the office.
func (s *step) book(service string, start time.Time) (a booking.Appointment) {
	s.t.Helper()
	s.update(func(ctx context.Context, tx *store.Tx) error {
		held, err := booking.Hold(ctx, tx, booking.Wish{Office: "centro", Service: service, Start: start, People: 1, Channel: territory.Staff})
		if err != nil {
			return err
		}
		d := booking.Details{Contact: booking.Contact{Name: "Prova Inventata", Email: store.NewID() + "@prova.example"}, By: booking.Citizen}
		a, err = booking.Book(ctx, tx, key, held.Token, d)
		return err
	})
	return a
}

func (s *step) byID(id string) (a booking.Appointment) {
	s.t.Helper()
	s.update(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.ByID(ctx, tx, id)
		return err
	})
	return a
}

// starts are the free starts of a service on a Thursday.
func (s *step) starts(service string, weeks int) (clocks []string) {
	s.t.Helper()
	day := timetable.DateOf(thursday(weeks, "00:00"))
	s.update(func(ctx context.Context, tx *store.Tx) error {
		a, err := booking.Available(ctx, tx, booking.Query{Office: "centro", Service: service, From: day, Until: day, Channel: territory.Online})
		if err != nil {
			return err
		}
		for _, x := range a.Offices[0].Starts {
			clocks = append(clocks, x.Start.In(rome).Format("15:04"))
		}
		return nil
	})
	return clocks
}

func (s *step) requests() (all []calendar.Request) {
	s.t.Helper()
	s.update(func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = calendar.Requests(ctx, tx, "centro")
		return err
	})
	return all
}

type counts = map[calendar.Count]int

// lines are those of a text that begin with one of some names.
func lines(text string, names ...string) (found []string) {
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r", ""), "\n") {
		if slices.ContainsFunc(names, func(n string) bool { return strings.HasPrefix(line, n+":") }) {
			found = append(found, line)
		}
	}
	slices.Sort(found)
	return found
}

// TestSyncPushes puts appointments into the calendar of their officer, moves them there and takes them
// away, and never takes them for her own events.
func TestSyncPushes(t *testing.T) {
	eachStep(t, func(t *testing.T, p *peer, s *step) {
		source := s.keep("cpi-1", p.collection, p.dav)
		s.sync(source, "unchanged", nil)
		a := s.book("CPI-PATTO", thursday(0, "09:30"))
		s.sync(source, "ok", counts{calendar.Pushed: 1})
		s.sync(source, "unchanged", nil)
		href := p.at().Href(a.ID + "@sportello.ics")
		read := func() string {
			t.Helper()
			o, err := p.at().Get(t.Context(), href)
			if err != nil {
				t.Fatal(err)
			}
			return string(o.Data)
		}
		got := lines(read(), "UID", "SEQUENCE", "DTSTART", "DTEND", "SUMMARY", "LOCATION", "CLASS", "METHOD", "ATTENDEE", "DESCRIPTION")
		want := []string{
			"CLASS:PRIVATE", "DESCRIPTION:Operatori: Operatrice CPI", "DTEND:20270318T090000Z", "DTSTART:20270318T083000Z", `LOCATION:Centro\, via Prova 1`, "SEQUENCE:0",
			"SUMMARY:" + a.Reference + " · Patto di servizio", "UID:" + a.ID + "@sportello",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		s.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.MoveTo(ctx, tx, a.ID, thursday(2, "10:00"), clerk) // in summer time
			return err
		})
		s.sync(source, "ok", counts{calendar.Pushed: 1})
		if diff := cmp.Diff([]string{"DTSTART:20270401T080000Z", "SEQUENCE:1"}, lines(read(), "SEQUENCE", "DTSTART")); diff != "" {
			t.Error(diff)
		}
		s.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.CancelByStaff(ctx, tx, a.ID, "ill", clerk)
			return err
		})
		s.sync(source, "ok", counts{calendar.Withdrawn: 1})
		p.wantStatus(http.StatusNotFound, http.MethodGet, p.collection+a.ID+"@sportello.ics", "", nil)
		s.sync(source, "unchanged", nil)
		if got := s.starts("CPI-PATTO", 2); !slices.Equal(got, []string{"09:00", "09:30", "10:00", "10:30"}) {
			t.Errorf("our own events made somebody busy: %v", got)
		}
	})
}

// TestSyncOwnEvents has the officer's own events take starts away, on both sides of the clock change.
func TestSyncOwnEvents(t *testing.T) {
	eachStep(t, func(t *testing.T, p *peer, s *step) {
		all := []string{"09:00", "09:30", "10:00", "10:30"}
		source := s.keep("cpi-1", p.collection, p.dav)
		p.put("riunione.ics", event("riunione", "DTSTART;TZID=Europe/Rome:20270311T100000", "DTEND;TZID=Europe/Rome:20270311T110000",
			"RRULE:FREQ=WEEKLY;COUNT=6", "EXDATE;TZID=Europe/Rome:20270401T100000", "SUMMARY:Riunione"))
		p.put("compleanno.ics", event("compleanno", "DTSTART;VALUE=DATE:20270318", "TRANSP:TRANSPARENT", "SUMMARY:Compleanno"))
		p.put("annullata.ics", event("annullata", "DTSTART:20270325T080000Z", "DTEND:20270325T090000Z", "STATUS:CANCELLED", "SUMMARY:No"))
		s.sync(source, "ok", counts{calendar.Added: 4})
		before := []string{"09:00", "09:30"}
		for weeks, want := range [][]string{before, before, all, before, before, all} { // the clocks change before the third
			for _, service := range []string{"CPI-PATTO", "JNT-LAVORO"} {
				if got := s.starts(service, weeks); !slices.Equal(got, want) {
					t.Errorf("%s, week %d: got %v, want %v", service, weeks, got, want)
				}
			}
		}
		p.put("ferie.ics", event("ferie", "DTSTART;VALUE=DATE:20270325", "DTEND;VALUE=DATE:20270327", "SUMMARY:Ferie"))
		p.remove("riunione.ics")
		s.sync(source, "ok", counts{calendar.Added: 1, calendar.Removed: 4})
		if got := s.starts("CPI-PATTO", 1); got != nil {
			t.Errorf("on leave: got %v", got)
		}
		if got := s.starts("CPI-PATTO", 0); !slices.Equal(got, all) {
			t.Errorf("no meeting any more: got %v", got)
		}
		s.clock.Add(40 * 24 * time.Hour) // everything is read anew
		s.sync(source, "unchanged", nil)
	})
}

// TestSyncAsks has what the officer does to an appointment there be asked of a manager, once, and be put
// back meanwhile.
func TestSyncAsks(t *testing.T) {
	eachStep(t, func(t *testing.T, p *peer, s *step) {
		source := s.keep("cpi-1", p.collection, p.dav)
		a, b := s.book("CPI-PATTO", thursday(0, "09:00")), s.book("CPI-PATTO", thursday(1, "09:00"))
		s.sync(source, "ok", counts{calendar.Pushed: 2})
		name := func(a booking.Appointment) string { return a.ID + "@sportello.ics" }
		stands := func(a booking.Appointment) {
			t.Helper()
			_, text := p.outside(http.MethodGet, p.collection+name(a), "", nil)
			if want := "DTSTART:" + a.Start.Format("20060102T150405Z"); !slices.Contains(lines(text, "DTSTART"), want) {
				t.Errorf("got %v, want %s", lines(text, "DTSTART"), want)
			}
		}
		moved := event(a.ID+"@sportello", "DTSTART;TZID=Europe/Rome:20270318T100000", "DTEND;TZID=Europe/Rome:20270318T103000", "SUMMARY:x")
		p.put(name(a), moved)
		p.remove(name(b))
		for _, asked := range []int{2, 0} { // the second time it is known
			want := counts{calendar.Pushed: 2, calendar.Asked: asked}
			if asked == 0 {
				delete(want, calendar.Asked)
				p.put(name(a), moved)
				p.remove(name(b))
			}
			s.sync(source, "ok", want)
			stands(a)
			stands(b)
		}
		p.put(name(a), event(a.ID+"@sportello", "DTSTART:20270318T080000Z", "DTEND:20270318T083000Z", "SUMMARY:Con calma", "COLOR:red"))
		s.sync(source, "unchanged", nil) // that is her own business
		requests := s.requests()
		if len(requests) != 2 || requests[0].Kind != calendar.ToMove || !requests[0].To.Equal(thursday(0, "10:00")) || requests[1].Kind != calendar.ToCancel {
			t.Fatalf("got %+v", requests)
		}
		s.update(func(ctx context.Context, tx *store.Tx) error {
			if err := calendar.Refuse(ctx, tx, requests[1].ID, clerk); err != nil {
				return err
			}
			q, err := calendar.Accept(ctx, tx, requests[0].ID, clerk)
			if err != nil {
				return err
			}
			_, err = booking.MoveTo(ctx, tx, q.Appointment, q.To, clerk)
			return err
		})
		if got := s.byID(a.ID); !got.Start.Equal(thursday(0, "10:00")) || got.Sequence != 1 {
			t.Errorf("accepted: got %v, sequence %d", got.Start.In(rome), got.Sequence)
		}
		for _, q := range requests {
			s.want("request_settled", s.try(func(ctx context.Context, tx *store.Tx) error { return calendar.Refuse(ctx, tx, q.ID, clerk) }))
		}
		s.sync(source, "ok", counts{calendar.Pushed: 1})
		stands(s.byID(a.ID))
		p.remove(name(b))
		s.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.CancelByStaff(ctx, tx, b.ID, "ill", clerk)
			return err
		})
		s.sync(source, "unchanged", nil) // it was to go
		if got := s.requests(); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
	})
}

// TestSyncMoot forgets a request about an appointment that staff moved meanwhile: theirs counts.
func TestSyncMoot(t *testing.T) {
	eachStep(t, func(t *testing.T, p *peer, s *step) {
		source := s.keep("cpi-1", p.collection, p.dav)
		a := s.book("CPI-PATTO", thursday(0, "09:00"))
		s.sync(source, "ok", counts{calendar.Pushed: 1})
		moved := event(a.ID+"@sportello", "DTSTART:20270318T090000Z", "DTEND:20270318T093000Z")
		p.put(a.ID+"@sportello.ics", moved)
		s.sync(source, "ok", counts{calendar.Pushed: 1, calendar.Asked: 1})
		moveTo := func(start time.Time) {
			s.update(func(ctx context.Context, tx *store.Tx) error {
				_, err := booking.MoveTo(ctx, tx, a.ID, start, clerk)
				return err
			})
		}
		moveTo(thursday(1, "10:00"))
		if got := s.requests(); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
		p.put(a.ID+"@sportello.ics", moved) // both at once
		s.sync(source, "ok", counts{calendar.Pushed: 1})
		if _, text := p.outside(http.MethodGet, p.collection+a.ID+"@sportello.ics", "", nil); !strings.Contains(text, "DTSTART:20270325T090000Z") {
			t.Errorf("got\n%s", text)
		}
	})
}

// TestSyncAtOnce has a run read a copy, and another move it before the first writes down what it read: nobody
// asked for that.
func TestSyncAtOnce(t *testing.T) {
	eachStep(t, func(t *testing.T, p *peer, s *step) {
		root, err := url.Parse(p.root)
		if err != nil {
			t.Fatal(err)
		}
		var meanwhile func()
		proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: root.Scheme, Host: root.Host})
		proxy.ModifyResponse = func(answer *http.Response) error {
			body, err := io.ReadAll(answer.Body)
			answer.Body = io.NopCloser(bytes.NewReader(body))
			if do := meanwhile; do != nil && bytes.Contains(body, []byte("BEGIN:VEVENT")) {
				meanwhile = nil
				do()
			}
			return err
		}
		server := httptest.NewServer(proxy)
		t.Cleanup(server.Close)
		source := s.keep("cpi-1", server.URL+strings.TrimPrefix(p.collection, "http://"+root.Host), p.dav)
		a := s.book("CPI-PATTO", thursday(0, "09:00"))
		s.sync(source, "ok", counts{calendar.Pushed: 1})
		p.put(a.ID+"@sportello.ics", event(a.ID+"@sportello", "DTSTART:20270318T080000Z", "DTEND:20270318T083000Z", "DESCRIPTION:una nota"))
		overtaken := false
		meanwhile = func() {
			overtaken = true
			s.update(func(ctx context.Context, tx *store.Tx) error {
				_, err := booking.MoveTo(ctx, tx, a.ID, thursday(1, "10:00"), clerk)
				return err
			})
			s.sync(source, "ok", counts{calendar.Pushed: 1})
		}
		s.sync(source, "unchanged", nil)
		if got := s.requests(); !overtaken || len(got) != 0 {
			t.Errorf("overtaken: %t, requests %+v", overtaken, got)
		}
		if _, text := p.outside(http.MethodGet, p.collection+a.ID+"@sportello.ics", "", nil); !strings.Contains(text, "DTSTART:20270325T090000Z") {
			t.Errorf("got\n%s", text)
		}
		s.sync(source, "unchanged", nil)
	})
}

// TestSyncDown keeps what is to be sent, and what was read, while the server is down.
func TestSyncDown(t *testing.T) {
	eachStep(t, func(t *testing.T, p *peer, s *step) {
		source := s.keep("cpi-1", p.collection, p.dav)
		p.put("ferie.ics", event("ferie", "DTSTART;VALUE=DATE:20270325", "SUMMARY:Ferie"))
		s.sync(source, "ok", counts{calendar.Added: 1})
		p.down()
		a := s.book("CPI-PATTO", thursday(0, "09:00"))
		s.sync(source, calendar.Unreachable, nil)
		if got := s.starts("CPI-PATTO", 1); got != nil {
			t.Errorf("her leave is forgotten: %v", got)
		}
		if err := s.KeepInStep(t.Context()); err != nil { // not so soon
			t.Fatal(err)
		}
		if got := s.source(source.ID); got.Failures != 1 || got.Problem != calendar.Unreachable {
			t.Errorf("got %+v", got.State)
		}
		p.up()
		s.clock.Add(6 * time.Minute)
		if err := s.KeepInStep(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.wantStatus(http.StatusOK, http.MethodGet, p.collection+a.ID+"@sportello.ics", "", nil)
		if got := s.source(source.ID); got.Failures != 0 || got.Problem != "" {
			t.Errorf("got %+v", got.State)
		}
		b := s.book("CPI-PATTO", thursday(0, "09:30"))
		if err := s.KeepInStep(t.Context()); err != nil { // at once
			t.Fatal(err)
		}
		p.wantStatus(http.StatusOK, http.MethodGet, p.collection+b.ID+"@sportello.ics", "", nil)
	})
}

// TestSyncJoint puts a joint appointment into both calendars as one, and takes it from the one when it is
// given to another.
func TestSyncJoint(t *testing.T) {
	p := radicale(t)
	other := p.root + "desk1/altra/"
	p.wantStatus(http.StatusCreated, "MKCALENDAR", other, "", nil)
	clock := storetest.At(march)
	s := newStep(t, storetest.Open(t, clock.Now), clock)
	cpi, inps := s.keep("cpi-1", p.collection, p.dav), s.keep("inps-1", other, p.dav)
	a := s.book("JNT-LAVORO", thursday(0, "09:00"))
	for _, source := range []calendar.Source{cpi, inps} {
		s.sync(source, "ok", counts{calendar.Pushed: 1})
	}
	for _, collection := range []string{p.collection, other} {
		_, text := p.outside(http.MethodGet, collection+a.ID+"@sportello.ics", "", nil)
		if got := lines(text, "UID"); !slices.Equal(got, []string{"UID:" + a.ID + "@sportello"}) {
			t.Errorf("%s: got %v", collection, got)
		}
	}
	one := s.book("CPI-PATTO", thursday(1, "09:00"))
	status, text := p.outside(http.MethodPut, other+"copia.ics", event(one.ID+"@sportello", "DTSTART:20270325T080000Z", "DTEND:20270325T100000Z"), nil)
	if status != http.StatusCreated {
		t.Fatalf("got %d\n%s", status, text)
	}
	s.sync(inps, "unchanged", nil) // a colleague's appointment takes none of her time
	if got := s.starts("JNT-LAVORO", 1); !slices.Equal(got, []string{"09:30", "10:00", "10:30"}) {
		t.Errorf("got %v", got)
	}
	p.put("strana.ics", event("altrove@sportello", "DTSTART:20270401T070000Z", "DTEND:20270401T090000Z"))
	s.sync(cpi, "ok", counts{calendar.Added: 1, calendar.Pushed: 1})
	if got := s.starts("JNT-LAVORO", 2); len(got) != 0 {
		t.Errorf("what is another installation's did not: %v", got)
	}
}

// TestSyncEdited begins anew in another calendar, and goes on where only the password is another one.
func TestSyncEdited(t *testing.T) {
	p := radicale(t)
	other := p.root + "desk1/altra/"
	p.wantStatus(http.StatusCreated, "MKCALENDAR", other, "", nil)
	clock := storetest.At(march)
	s := newStep(t, storetest.Open(t, clock.Now), clock)
	source := s.keep("cpi-1", p.collection, calendar.DAV{User: "desk1", Password: "wrong"})
	a := s.book("CPI-PATTO", thursday(0, "09:00"))
	s.sync(source, calendar.Denied, nil)
	edit := func(address string) {
		t.Helper()
		rev := s.source(source.ID).Rev
		s.update(func(ctx context.Context, tx *store.Tx) error {
			access := calendar.Access{Address: address, User: "desk1", Secret: "secret1"}
			_, err := calendar.Edit(ctx, tx, key, source.ID, rev, "Agenda", access, clerk)
			return err
		})
	}
	for _, address := range []string{p.collection, other} {
		edit(address)
		s.sync(source, "ok", counts{calendar.Pushed: 1})
		p.wantStatus(http.StatusOK, http.MethodGet, address+a.ID+"@sportello.ics", "", nil)
	}
	edit(other)
	s.sync(source, "unchanged", nil)
}

// TestSyncOutOfHand logs what a server does that is none, keeps the last good answer and does not hammer.
func TestSyncOutOfHand(t *testing.T) {
	tests := []struct {
		name    string
		breakIt http.HandlerFunc
		want    calendar.Code
	}{
		{"revoked", status(401), calendar.Denied},
		{"gone", status(404), calendar.Missing},
		{"broken", status(500), calendar.Answered},
		{"busy", status(503), calendar.Answered},
		{"nonsense", replies("<response/>"), calendar.NotCalendar},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>Accedi") }, calendar.NotCalendar},
		{"enormous", replies(token, itself, strings.Repeat(member("a.ics", "1"), 200_000)), calendar.TooLarge},
		{"elsewhere", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.3/", http.StatusMovedPermanently)
		}, calendar.Redirected},
		{"hung up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, calendar.CutOff},
	}
	clock := storetest.At(march)
	s := newStep(t, storetest.Open(t, clock.Now), clock)
	asked := 0
	var now http.HandlerFunc
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { asked++; now(w, r) }))
	t.Cleanup(server.Close)
	good := func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "multiget") {
			replies(`<response><href>/c/ferie.ics</href><propstat><prop><getetag>"1"</getetag><C:calendar-data>`+
				event("ferie", "DTSTART;VALUE=DATE:20270325")+`</C:calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat></response>`)(w, r)
			return
		}
		replies(token, member("/c/ferie.ics", `"1"`))(w, r)
	}
	now = good
	source := s.keep("cpi-1", server.URL+"/c/", calendar.DAV{User: "anna", Password: "segreta"})
	s.sync(source, "ok", counts{calendar.Added: 1})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now, asked = tt.breakIt, 0
			s.sync(source, tt.want, nil)
			if asked > 3 {
				t.Errorf("asked %d times", asked)
			}
			before := asked
			if err := s.KeepInStep(t.Context()); err != nil || asked != before {
				t.Errorf("asked again at once: %v", err)
			}
			if got := s.starts("CPI-PATTO", 1); got != nil {
				t.Errorf("her leave is forgotten: %v", got)
			}
		})
	}
	now = good
	s.sync(source, "unchanged", nil)
}

// TestSyncWithoutETags goes on at a server that knows neither ETags nor reports. What it does not take is
// tried again later, and the rest is sent.
func TestSyncWithoutETags(t *testing.T) {
	clock := storetest.At(march)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(march)
		testWithoutETags(t, newStep(t, db, clock))
	})
}

func testWithoutETags(t *testing.T, s *step) {
	stored, refused, tries := map[string]string{}, "", 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch text := stored[r.URL.Path]; {
		case r.Method == http.MethodPut && refused != "" && strings.Contains(r.URL.Path, refused):
			tries++
			w.WriteHeader(http.StatusUnsupportedMediaType)
		case r.Method == http.MethodPut:
			body, _ := io.ReadAll(r.Body)
			stored[r.URL.Path] = string(body)
			w.WriteHeader(http.StatusCreated)
		case r.Method == http.MethodGet && text != "":
			_, _ = io.WriteString(w, text)
		case r.Method == http.MethodGet:
			http.NotFound(w, r)
		case r.Method == "PROPFIND":
			all := `<response><href>/c/</href></response>`
			for href := range stored {
				all += fmt.Sprintf(`<response><href>%s</href></response>`, href)
			}
			replies(all)(w, r)
		default:
			w.WriteHeader(http.StatusNotImplemented)
		}
	}))
	t.Cleanup(server.Close)
	source := s.keep("cpi-1", server.URL+"/c/", calendar.DAV{})
	a, b := s.book("CPI-PATTO", thursday(0, "09:00")), s.book("CPI-PATTO", thursday(1, "09:00"))
	refused = a.ID
	s.sync(source, "ok", counts{calendar.Pushed: 1, calendar.Unpushed: 1})
	s.sync(source, "unchanged", nil)
	s.clock.Add(2 * time.Minute)
	s.sync(source, "ok", counts{calendar.Unpushed: 1})
	if tries != 2 {
		t.Errorf("tried %d times", tries)
	}
	s.update(func(ctx context.Context, tx *store.Tx) error {
		n, why, err := calendar.Unwritten(ctx, tx, source.ID)
		if n != 1 || why != calendar.Answered {
			t.Errorf("unwritten: %d for %s", n, why)
		}
		return err
	})
	refused = ""
	s.clock.Add(3 * time.Minute)
	s.sync(source, "ok", counts{calendar.Pushed: 1})
	s.sync(source, "unchanged", nil)
	href := "/c/" + b.ID + "@sportello.ics"
	stored[href] = strings.ReplaceAll(stored[href], "DTSTART:20270325T080000Z", "DTSTART:20270325T083000Z")
	s.sync(source, "ok", counts{calendar.Pushed: 1, calendar.Asked: 1})
	delete(stored, href)
	s.sync(source, "ok", counts{calendar.Pushed: 1, calendar.Asked: 1})
	if len(stored) != 2 || !strings.Contains(stored[href], "DTSTART:20270325T080000Z") {
		t.Errorf("got %v", stored)
	}
	q := s.requests()
	if len(q) != 1 || q[0].Kind != calendar.ToCancel {
		t.Fatalf("got %+v", q)
	}
	s.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := calendar.Accept(ctx, tx, q[0].ID, clerk)
		return err
	})
	if q := s.requests(); len(q) != 0 {
		t.Errorf("accepted: got %+v", q)
	}
}
