package calendar_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// reader returns a reader that may go to this machine.
func (p *place) reader() *calendar.Reader {
	return &calendar.Reader{DB: p.db, Log: slog.New(slog.DiscardHandler), Key: key, Guard: calendar.NewGuard(loopback...)}
}

// ics is a calendar with the lines of events.
func ics(events ...string) string {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Prova//IT\r\n")
	for i, e := range events {
		fmt.Fprintf(&b, "BEGIN:VEVENT\r\nUID:%d\r\nDTSTAMP:20261101T000000Z\r\n%s\r\nEND:VEVENT\r\n", i, strings.ReplaceAll(e, "\n", "\r\n"))
	}
	return b.String() + "END:VCALENDAR\r\n"
}

// on is an event of Thursday 3 December 2026 at the offices.
func on(from, until string, more ...string) string {
	lines := []string{"DTSTART;TZID=Europe/Rome:20261203T" + from, "DTEND;TZID=Europe/Rome:20261203T" + until, "SUMMARY:Visita privata"}
	return strings.Join(append(lines, more...), "\n")
}

// says answers with a calendar.
func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/calendar")
		_, _ = io.WriteString(w, text)
	}
}

// switched is a server whose answer can be changed.
type switched struct {
	*httptest.Server
	now atomic.Pointer[http.HandlerFunc]
}

func newServer(t *testing.T, first http.HandlerFunc) *switched {
	t.Helper()
	s := &switched{}
	s.now.Store(&first)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*s.now.Load())(w, r) }))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (p *place) sync(r *calendar.Reader, id string) calendar.Outcome {
	p.t.Helper()
	o, err := r.Sync(p.t.Context(), id)
	if err != nil {
		p.t.Fatal(err)
	}
	return o
}

// starts are the free starts of an office on Thursday.
func (p *place) starts(office string) []string {
	p.t.Helper()
	day, err := timetable.ParseDate("2026-12-03")
	if err != nil {
		p.t.Fatal(err)
	}
	var all []string
	p.view(func(ctx context.Context, tx *store.Tx) error {
		found, err := booking.Available(ctx, tx, booking.Query{Office: office, Service: "CPI-DID", From: day, Until: day, Channel: "online"})
		if err == nil {
			for _, s := range found.Offices[0].Starts {
				all = append(all, s.Start.Format("15:04"))
			}
		}
		return err
	})
	return all
}

// version is the office's.
func (p *place) version(office string) (n int64) {
	p.t.Helper()
	p.view(func(ctx context.Context, tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT version FROM office_state WHERE office_id = $1`, office).Scan(&n)
	})
	return n
}

// TestSyncOfAnOfficer takes starts away wherever the officer works, gives them back when the event is
// gone, and touches no office when nothing changed.
func TestSyncOfAnOfficer(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		server := newServer(t, says(ics(on("093000", "113000"), on("090000", "100000", "TRANSP:TRANSPARENT"))))
		r, s := p.reader(), p.add("", anna, server)
		p.starts("centro") // is in memory
		if o := p.sync(r, s.ID); o.Code != calendar.OK || o.Counts[calendar.Added] != 1 {
			t.Fatalf("got %+v", o)
		}
		if diff := cmp.Diff([]string{"09:00"}, p.starts("centro")); diff != "" {
			t.Errorf("centro: %s", diff)
		}
		if diff := cmp.Diff([]string{"11:30"}, p.starts("altro")); diff != "" {
			t.Errorf("altro: %s", diff)
		}
		before := p.version("centro")
		p.clock.Add(time.Hour)
		if o := p.sync(r, s.ID); o.Code != calendar.OK || o.Counts[calendar.Added]+o.Counts[calendar.Removed] != 0 || p.version("centro") != before {
			t.Errorf("nothing changed: %+v, version %d after %d", o, p.version("centro"), before)
		}
		p.view(func(ctx context.Context, tx *store.Tx) error {
			start := time.Date(2026, 12, 3, 9, 30, 0, 0, time.UTC) // 10:30 at the office
			why, err := booking.Explain(ctx, tx, booking.Query{Office: "centro", Service: "CPI-DID", Channel: "online"}, start)
			if diff := cmp.Diff([]timetable.Obstacle{{Code: timetable.ByExternal, Institution: "CPI", Who: "anna"}}, why); diff != "" {
				t.Error(diff)
			}
			return err
		})
		server.now.Store(ptr(says(ics())))
		p.sync(r, s.ID)
		if diff := cmp.Diff([]string{"09:00", "09:30", "10:00", "10:30"}, p.starts("centro")); diff != "" {
			t.Errorf("after the event was removed: %s", diff)
		}
	})
}

func ptr(h http.HandlerFunc) *http.HandlerFunc { return &h }

// TestSyncOfAnOffice closes it to everybody, and no other; removing the source opens it again.
func TestSyncOfAnOffice(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		server := newServer(t, says(ics("DTSTART;VALUE=DATE:20261203\nRRULE:FREQ=YEARLY\nSUMMARY:Chiusura")))
		r, s := p.reader(), p.add("", centro, server)
		p.sync(r, s.ID)
		if got := p.starts("centro"); len(got) != 0 {
			t.Errorf("centro: got %v", got)
		}
		if got := p.starts("altro"); len(got) != 2 {
			t.Errorf("altro: got %v", got)
		}
		p.update(func(ctx context.Context, tx *store.Tx) error { return calendar.Remove(ctx, tx, s.ID, clerk) })
		if got := p.starts("centro"); len(got) != 4 {
			t.Errorf("after removal: got %v", got)
		}
	})
}

// TestClash flags what is booked when its officer or office turns out to be busy.
func TestClash(t *testing.T) {
	for _, whose := range []booking.Owner{anna, centro} {
		each(t, func(t *testing.T, p *place) {
			p.book("centro", "10:00")
			p.book("centro", "09:00")
			server := newServer(t, says(ics(on("100000", "101500"))))
			p.sync(p.reader(), p.add("", whose, server).ID)
			p.view(func(ctx context.Context, tx *store.Tx) error {
				found, err := booking.Clashes(ctx, tx, "centro", now, now.AddDate(0, 0, 30))
				if len(found) != 1 || found[0].Appointment.Start.Format("15:04") != "09:00" { // UTC
					t.Errorf("got %+v", found)
				}
				return err
			})
		})
	}
}

// TestConditional asks only whether there is something new, but not for ever: days come nearer that
// nothing is known of.
func TestConditional(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		var asked []string
		server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			asked = append(asked, r.Header.Get("If-None-Match")+r.Header.Get("If-Modified-Since"))
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Last-Modified", "Mon, 30 Nov 2026 06:00:00 GMT")
			if r.Header.Get("If-None-Match") == `"1"` {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			says(ics(on("100000", "103000", "RRULE:FREQ=WEEKLY")))(w, r)
		})
		r, s := p.reader(), p.add("", anna, server)
		for _, want := range []calendar.Code{calendar.OK, calendar.Unchanged, calendar.Unchanged} {
			if o := p.sync(r, s.ID); o.Code != want {
				t.Errorf("got %+v, want %s", o, want)
			}
			p.clock.Add(time.Hour)
		}
		p.clock.Add(31 * 24 * time.Hour)
		if o := p.sync(r, s.ID); o.Code != calendar.OK {
			t.Errorf("a month later: got %+v", o)
		}
		const again = `"1"Mon, 30 Nov 2026 06:00:00 GMT`
		if diff := cmp.Diff([]string{"", again, again, ""}, asked); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRun reads all that is due, in spite of those that cannot be, and leaves it alone until it is due
// again.
func TestRun(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		server := newServer(t, says(ics(on("100000", "103000"))))
		for range 40 {
			p.add("", anna, server)
		}
		dead := p.add("http://127.0.0.1:1/", anna)
		var asked atomic.Int64
		counted := *server.now.Load()
		server.now.Store(ptr(func(w http.ResponseWriter, r *http.Request) { asked.Add(1); counted(w, r) }))
		r := p.reader()
		for range 2 {
			if err := r.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if asked.Load() != 40 {
			t.Errorf("asked %d times", asked.Load())
		}
		if got := p.source(dead.ID); got.Problem != calendar.Unreachable {
			t.Errorf("got %+v", got.State)
		}
	})
}

// TestEditedMeanwhile drops an answer that belongs to an address that is not the source's any more.
func TestEditedMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		var s calendar.Source
		server := newServer(t, func(w http.ResponseWriter, r *http.Request) {
			err := p.try(func(ctx context.Context, tx *store.Tx) error { return calendar.Remove(ctx, tx, s.ID, clerk) })
			if err != nil {
				t.Error(err)
			}
			says(ics(on("090000", "110000")))(w, r)
		})
		s = p.add("", anna, server)
		p.sync(p.reader(), s.ID)
		if got := p.starts("centro"); len(got) != 4 {
			t.Errorf("a removed calendar took time: %v", got)
		}
	})
}

// TestBadAnswers keeps the last good answer whatever comes after it, and says what came.
func TestBadAnswers(t *testing.T) {
	good := ics(on("100000", "103000"))
	packed := func(n int64) []byte {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = io.WriteString(z, "BEGIN:VCALENDAR\r\n")
		_, _ = io.CopyN(z, blank{}, n)
		_ = z.Close()
		return b.Bytes()
	}
	bomb := packed(40 << 20)
	status := func(code int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
	}
	to := func(address string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, address, http.StatusFound) }
	}
	tests := []struct {
		name   string
		answer http.HandlerFunc
		want   calendar.Code
	}{
		{"500 MB", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.CopyN(w, blank{}, 500<<20) }, calendar.TooLarge},
		{"500 MB, said before", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Length", "524288000") }, calendar.TooLarge},
		{"a byte a second", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				_, _ = io.WriteString(w, "B")
				_ = http.NewResponseController(w).Flush()
				wait(r.Context(), 20*time.Millisecond)
			}
		}, calendar.TooSlow},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { wait(r.Context(), time.Minute) }, calendar.TooSlow},
		{"a gzip bomb", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = w.Write(bomb)
		}, calendar.TooLarge},
		{"a gzip stream that is cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			b := packed(5000)
			_, _ = w.Write(b[:len(b)/2])
		}, calendar.CutOff},
		{"what is not gzip", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			_, _ = io.WriteString(w, "BEGIN:VCALENDAR and more")
		}, calendar.CutOff},
		{"another packing", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "br") }, calendar.Answered},
		{"sent on without end", to("/"), calendar.Redirected},
		{"sent on to another network", to("http://192.168.1.1/"), calendar.Forbidden},
		{"sent on to what carries an address", to("http://[::ffff:169.254.169.254]/latest/meta-data"), calendar.Forbidden},
		{"sent on to a link", to("http://[fe80::1%25lo]/"), calendar.Forbidden},
		{"sent on to a file", to("file:///etc/passwd"), calendar.Unreachable},
		{"a web page", says("<!DOCTYPE html><html><body>Accedi</body></html>"), calendar.NotCalendar},
		{"nothing", says(""), calendar.NotCalendar},
		{"UTF-16", says("\xff\xfeB\x00E\x00G\x00I\x00N\x00"), calendar.NotCalendar},
		{"half a calendar", says(good[:len(good)/2]), calendar.NotCalendar},
		{"a calendar without its last line", says(strings.TrimSuffix(good, "END:VCALENDAR\r\n")), calendar.NotCalendar},
		{"304 that nobody asked for", status(http.StatusNotModified), calendar.Answered},
		{"401", status(http.StatusUnauthorized), calendar.Denied},
		{"403", status(http.StatusForbidden), calendar.Denied},
		{"404", status(http.StatusNotFound), calendar.Missing},
		{"410", status(http.StatusGone), calendar.Missing},
		{"500", status(http.StatusInternalServerError), calendar.Answered},
		{"204", status(http.StatusNoContent), calendar.Answered},
		{"chunks cut off in the middle", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, good[:200])
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, calendar.CutOff},
		{"more announced than comes", raw("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + good), calendar.CutOff},
		{"less announced than comes", raw("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + good), calendar.NotCalendar},
		{"no HTTP", raw("* OK IMAP4rev1\r\n"), calendar.Unreachable},
		{"endless headers", raw("HTTP/1.1 200 OK\r\n" + strings.Repeat("X: "+strings.Repeat("a", 1000)+"\r\n", 200)), calendar.Unreachable},
	}
	each(t, func(t *testing.T, p *place) {
		server := newServer(t, says(good))
		r, s := p.reader(), p.add("", anna, server)
		p.sync(r, s.ID)
		want := p.starts("centro")
		r.Hurry(5*time.Second, 500*time.Millisecond)
		for _, tt := range tests {
			server.now.Store(&tt.answer)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			o := p.sync(r, s.ID)
			runtime.ReadMemStats(&after)
			if o.Code != tt.want {
				t.Errorf("%s: got %s, want %s", tt.name, o.Code, tt.want)
			}
			if grown := after.TotalAlloc - before.TotalAlloc; grown > 120<<20 {
				t.Errorf("%s: took %d MB", tt.name, grown>>20)
			}
			if diff := cmp.Diff(want, p.starts("centro")); diff != "" {
				t.Errorf("%s: the last good answer was lost: %s", tt.name, diff)
			}
		}
		p.view(func(ctx context.Context, tx *store.Tx) error {
			log, err := calendar.Log(ctx, tx, s.ID, 100)
			for i, tt := range tests {
				if got := log[len(tests)-1-i].Code; got != tt.want {
					t.Errorf("%s: the log says %s", tt.name, got)
				}
			}
			return err
		})
		server.now.Store(ptr(says(good)))
		if o := p.sync(r, s.ID); o.Code != calendar.OK || p.source(s.ID).Failures != 0 {
			t.Errorf("afterwards: got %+v", o)
		}
	})
}

// blank is a stream of line ends.
type blank struct{}

func (blank) Read(b []byte) (int, error) { return copy(b, lineEnds), nil }

var lineEnds = bytes.Repeat([]byte("\n"), 64<<10)

// wait returns after a while or when ctx ends.
func wait(ctx context.Context, d time.Duration) {
	ctx, stop := context.WithTimeout(ctx, d)
	defer stop()
	<-ctx.Done()
}

// raw answers with bytes of its own on the connection.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_, _ = io.WriteString(conn, text)
			_ = conn.Close()
		}
	}
}

// TestOddCalendars reads what can be read of calendars that are not as they should be.
func TestOddCalendars(t *testing.T) {
	const zone = "BEGIN:VTIMEZONE\nTZID:Prova\nBEGIN:STANDARD\nDTSTART:16011028T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nEND:STANDARD\nEND:VTIMEZONE\n"
	inZone := func(zones string) string {
		text := strings.Replace(ics("DTSTART;TZID=Prova:20261203T100000\nDURATION:PT30M"), "BEGIN:VEVENT", strings.ReplaceAll(zones, "\n", "\r\n")+"BEGIN:VEVENT", 1)
		return text
	}
	tests := []struct {
		name, text string
		busy       int
		refused    int
	}{
		{"letters of another encoding", ics(on("100000", "103000", "LOCATION:Citt\xe0")), 1, 0},
		{"two masters with one UID", strings.ReplaceAll(ics(on("100000", "103000"), on("093000", "100000")), "UID:1", "UID:0"), 1, 0},
		{"one zone twice", inZone(zone + zone), 1, 0},
		{"a zone that is not there", inZone(""), 0, 1},
		{"before 1601", ics("DTSTART:15000101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY;UNTIL=15010101T000000Z"), 0, 0},
		{"after 9999", ics("DTSTART:20261203T090000Z\nDTEND:99991231T235959Z"), 1, 0},
		{"no time", ics("DTSTART:domani"), 0, 1},
		{"a rule that never ends a second", ics("DTSTART:20261203T090000Z\nDURATION:PT1S\nRRULE:FREQ=SECONDLY"), 0, 1},
		{"Outlook's word", ics(on("100000", "103000", "X-MICROSOFT-CDO-BUSYSTATUS:FREE"), on("090000", "093000", "X-MICROSOFT-CDO-BUSYSTATUS:OOF")), 1, 0},
		{"cancelled", ics(on("100000", "103000", "STATUS:CANCELLED")), 0, 0},
		{"no length", ics("DTSTART:20261203T090000Z"), 0, 0},
		{
			"free and busy", "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\nBEGIN:VFREEBUSY\nUID:1\nDTSTAMP:20261101T000000Z\n" +
				"FREEBUSY:20261203T090000Z/PT1H,20261204T090000Z/20261204T100000Z\nFREEBUSY;FBTYPE=FREE:20261205T090000Z/PT1H\nEND:VFREEBUSY\nEND:VCALENDAR\n", 2, 0,
		},
	}
	each(t, func(t *testing.T, p *place) {
		server := newServer(t, says(""))
		r, s := p.reader(), p.add("", anna, server)
		for _, tt := range tests {
			server.now.Store(ptr(says(tt.text)))
			o := p.sync(r, s.ID)
			if o.Code != calendar.OK || o.Counts[calendar.Spans] != tt.busy || o.Counts[calendar.Refused] != tt.refused {
				t.Errorf("%s: got %+v, want %d busy and %d refused", tt.name, o, tt.busy, tt.refused)
			}
		}
		var many strings.Builder
		for i := range 11_000 {
			start := now.AddDate(0, 0, 1).Add(time.Duration(i) * 40 * time.Minute)
			fmt.Fprintf(&many, "BEGIN:VEVENT\r\nUID:%d\r\nDTSTART:%s\r\nDURATION:PT5M\r\nEND:VEVENT\r\n", i, start.Format("20060102T150405Z"))
		}
		server.now.Store(ptr(says("BEGIN:VCALENDAR\r\n" + many.String() + "END:VCALENDAR\r\n")))
		if o := p.sync(r, s.ID); o.Code != calendar.TooMuch {
			t.Errorf("more than anybody has: got %+v", o)
		}
	})
}

// TestTLS takes no certificate that nobody vouches for, no redirect away from TLS, and no name that
// nobody knows.
func TestTLS(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		server := httptest.NewTLSServer(says(ics()))
		server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
		t.Cleanup(server.Close)
		plain := newServer(t, says(ics()))
		away := httptest.NewTLSServer(http.RedirectHandler(plain.URL, http.StatusFound))
		t.Cleanup(away.Close)
		r := p.reader()
		for _, tt := range []struct {
			name, address string
			trusted       bool
			want          calendar.Code
		}{
			{"unknown authority", server.URL, false, calendar.NoTLS},
			{"known authority", server.URL, true, calendar.OK},
			{"webcal", strings.Replace(server.URL, "https", "webcal", 1), true, calendar.OK},
			{"sent on without TLS", away.URL, true, calendar.Redirected},
			{"no TLS there", strings.Replace(plain.URL, "http", "https", 1), true, calendar.NoTLS},
			{"nobody's name", "https://nobody.invalid/", true, calendar.NoName},
		} {
			r.Guard = calendar.NewGuard(loopback...)
			if tt.trusted {
				roots := x509.NewCertPool()
				roots.AddCert(server.Certificate())
				r.Guard.Trust(roots)
			}
			if o := p.sync(r, p.add(tt.address, anna).ID); o.Code != tt.want {
				t.Errorf("%s: got %s, want %s", tt.name, o.Code, tt.want)
			}
		}
		r.Guard = calendar.NewGuard()
		for _, address := range []string{server.URL, plain.URL, "http://93.184.215.14/"} { // without TLS only where the administrator says
			if o := p.sync(r, p.add(address, anna).ID); o.Code != calendar.Forbidden {
				t.Errorf("%s: got %s", address, o.Code)
			}
		}
	})
}

// TestGone says so when there is nobody any more whose time it was, or the key is another one.
func TestGone(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		server := newServer(t, says(ics()))
		s := p.add("", anna, server)
		r := p.reader()
		r.Key = booking.Key("another key of the tests.......")
		if o := p.sync(r, s.ID); o.Code != calendar.Sealed {
			t.Errorf("got %+v", o)
		}
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE calendar_sources SET officer_id = 'none' WHERE id = $1`, s.ID)
			return err
		})
		if o := p.sync(p.reader(), s.ID); o.Code != calendar.OwnerGone {
			t.Errorf("got %+v", o)
		}
		p.update(func(ctx context.Context, tx *store.Tx) error { return calendar.Remove(ctx, tx, s.ID, clerk) })
	})
}

// TestTry keeps nothing.
func TestTry(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		server := newServer(t, says(ics(on("100000", "103000"), "DTSTART:domani", on("080000", "083000", "RRULE:FREQ=DAILY;COUNT=20"))))
		r := p.reader()
		got, err := r.Try(t.Context(), calendar.Access{Address: server.URL}, anna)
		if err != nil {
			t.Fatal(err)
		}
		if next := got.Next(now, 3); len(next) != 3 || next[0].From.Format(time.DateTime) != "2026-12-03 07:00:00" {
			t.Errorf("next: %v", next)
		}
		if len(got.Refused) != 1 || calendar.WhyRefused(got.Refused[0]) != calendar.WhyValue {
			t.Errorf("refused: %v", got.Refused)
		}
		if got := p.starts("centro"); len(got) != 4 {
			t.Errorf("trying took time: %v", got)
		}
		_, err = r.Try(t.Context(), calendar.Access{Address: "http://10.0.0.1/"}, anna)
		if problem := new(calendar.Problem); !errors.As(err, &problem) || problem.Code != calendar.Forbidden {
			t.Errorf("got %v", err)
		}
	})
}
