package calendar_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/ical"
	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
)

func TestFeedOfEachKind(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		joint := p.book("centro", "JNT-LAVORO", december("09:00"))
		patto := p.book("centro", "CPI-PATTO", december("09:00"))
		p.book("altro", "JNT-LAVORO", december("10:00", 1))
		p.clock.Set(december("08:00"))
		one, two := "09:00 "+joint.Reference, "09:00 "+patto.Reference
		for _, tt := range []struct {
			name   string
			feed   calendar.Feed
			seated []string
			want   int
			has    []string
		}{
			{name: "an office", feed: calendar.Feed{Kind: calendar.OfOffice, Office: "centro"}, want: 2, has: []string{one, two}},
			{name: "an officer at all offices", feed: calendar.Feed{Kind: calendar.OfOfficer, Subject: "inps-1"}, want: 2, has: []string{one}},
			{name: "an officer at one", feed: calendar.Feed{Kind: calendar.OfOfficer, Office: "altro", Subject: "inps-1"}, want: 1},
			{name: "a service", feed: calendar.Feed{Kind: calendar.OfService, Subject: "JNT-LAVORO"}, want: 2, has: []string{one}},
			{name: "a service at one office", feed: calendar.Feed{Kind: calendar.OfService, Office: "centro", Subject: "JNT-LAVORO"}, want: 1, has: []string{one}},
			{name: "a desk", feed: calendar.Feed{Kind: calendar.OfDesk, Office: "centro", Subject: "1"}, seated: []string{"inps-1"}, want: 1, has: []string{one}},
			{name: "a desk where nobody sits", feed: calendar.Feed{Kind: calendar.OfDesk, Office: "centro", Subject: "1"}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				tt.feed.Detail = calendar.DetailCode
				f, _ := p.feed(tt.feed)
				r := anything
				r.Seated = tt.seated
				_, text := p.read(f, r)
				got := eventsOf(t, text)
				if len(got) != tt.want {
					t.Errorf("got %q", got)
				}
				for _, want := range tt.has {
					if !strings.Contains(strings.Join(got, "\n"), want) {
						t.Errorf("%q is not in %q", want, got)
					}
				}
			})
		}
	})
}

func TestFeedSaysNoMoreThanItsDetail(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		a := p.book("centro", "CPI-PATTO", december("09:00"))
		secret := p.book("centro", "CPI-ASCOLTO", december("10:00"))
		sees := func(ids ...string) calendar.FeedReader {
			return calendar.FeedReader{Sees: func(_ *territory.Office, x booking.Appointment) bool {
				return strings.Contains(strings.Join(ids, " "), x.ID)
			}}
		}
		for _, tt := range []struct {
			name   string
			detail calendar.Detail
			reader calendar.FeedReader
			want   []string
		}{
			{"busy", calendar.DetailBusy, anything, []string{"09:00 Occupato (CONFIRMED 0)", "10:00 Occupato (CONFIRMED 0)"}},
			{"code", calendar.DetailCode, anything, []string{"09:00 " + a.Reference + " · " + patto + " (CONFIRMED 0)", "10:00 " + secret.Reference + " (CONFIRMED 0)"}},
			{"full", calendar.DetailFull, anything, []string{"09:00 Prova Inventata · " + patto + " (CONFIRMED 0)", "10:00 Prova Inventata · Ascolto riservato (CONFIRMED 0)"}},
			{"full of one", calendar.DetailFull, sees(a.ID), []string{"09:00 Prova Inventata · " + patto + " (CONFIRMED 0)", "10:00 Occupato (CONFIRMED 0)"}},
			{"code of none", calendar.DetailCode, sees(), []string{"09:00 Occupato (CONFIRMED 0)", "10:00 Occupato (CONFIRMED 0)"}},
		} {
			t.Run(tt.name, func(t *testing.T) {
				f, _ := p.feed(calendar.Feed{Kind: calendar.OfOffice, Office: "centro", Detail: tt.detail})
				_, text := p.read(f, tt.reader)
				if diff := cmp.Diff(tt.want, eventsOf(t, text)); diff != "" {
					t.Errorf("events (-want +got):\n%s", diff)
				}
				if named := strings.Contains(unfolded(text), "Inventata"); named != (tt.detail == calendar.DetailFull) {
					t.Errorf("names the citizen: %t", named)
				}
				for _, never := range []string{"ATTENDEE", "prova.example", a.Token} {
					if strings.Contains(unfolded(text), never) {
						t.Errorf("has %q:\n%s", never, text)
					}
				}
			})
		}
		f, _ := p.feed(calendar.Feed{Kind: calendar.OfOffice, Office: "centro", Detail: calendar.DetailFull})
		before, text := p.read(f, anything)
		for _, want := range []string{a.Reference, "Telefono: +393331234567", "Nota: Viene con un'amica", "Stanza dei colloqui\\, Centro\\, Via di Prova 1\\; Isernia", "Operatori: Anna Prova"} {
			if !strings.Contains(unfolded(text), want) {
				t.Errorf("%q is not in\n%s", want, text)
			}
		}
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.Erase(ctx, tx, a.Token, booking.Citizen)
			return err
		})
		after, text := p.read(f, anything)
		if got := eventsOf(t, text)[0]; after == before || got != "09:00 "+a.Reference+" · "+patto+" (CONFIRMED 0)" ||
			strings.Count(text, "Inventata") != 1 || strings.Count(text, "333") != 1 {
			t.Errorf("erased: ETag %s after %s\n%s", after, before, text)
		}
	})
}

// patto is the name of a service of the catalogue.
const patto = "Patto di servizio personalizzato"

func unfolded(text string) string { return strings.ReplaceAll(text, "\r\n ", "") }

// TestETagFollowsTheBytes changes what a feed shows and what it does not: its ETag is another whenever its
// bytes are, and only then, but for the date's sake.
func TestETagFollowsTheBytes(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		f, _ := p.feed(calendar.Feed{Kind: calendar.OfOffice, Office: "centro", Detail: calendar.DetailFull})
		a, b := p.book("centro", "CPI-PATTO", december("09:00")), p.book("centro", "CPI-ASCOLTO", december("10:00"))
		etag, text := p.read(f, anything)
		for _, step := range []struct {
			name string
			do   func()
			want bool // another
		}{
			{"nothing", func() {}, false},
			{"an hour passes", func() { p.clock.Add(time.Hour) }, false},
			{"a booking elsewhere", func() { p.book("altro", "JNT-LAVORO", december("10:00", 1)) }, false},
			{"a hold", func() {
				p.update(func(ctx context.Context, tx *store.Tx) error {
					_, err := booking.Hold(ctx, tx, booking.Wish{Office: "centro", Service: "JNT-LAVORO", Start: december("11:00"), People: 1, Channel: territory.Staff})
					return err
				})
			}, false},
			{"a booking", func() { p.book("centro", "JNT-LAVORO", december("12:00")) }, true},
			{"a move", func() { a = p.move(a, "centro", december("09:30")) }, true},
			{"other officers", func() {
				p.reassign(a, a.Staff[0].Officer, map[string]string{"cpi-1": "cpi-2", "cpi-2": "cpi-1"}[a.Staff[0].Officer])
			}, true},
			{"an erasure", func() {
				p.update(func(ctx context.Context, tx *store.Tx) error {
					_, err := booking.Erase(ctx, tx, b.Token, booking.Citizen)
					return err
				})
			}, true},
			{"another name of the office", func() { p.load(strings.Replace(feedFile, `"Centro"`, `"Centro nuovo"`, 1)) }, true},
			{"a cancellation", func() { p.cancel(b) }, true},
		} {
			p.clock.Add(time.Minute)
			step.do()
			newer, now := p.read(f, anything)
			if (now != text) != step.want || (newer != etag) != step.want {
				t.Errorf("%s: other bytes %t, other ETag %t", step.name, now != text, newer != etag)
			}
			etag, text = newer, now
		}
		p.clock.Set(december("08:00", 1))
		if newer, now := p.read(f, anything); newer == etag || now != text {
			t.Error("the next day has the same ETag, or other bytes")
		}
	})
}

// TestCancelledStaysAWhile follows one appointment by its UID until it is gone.
func TestCancelledStaysAWhile(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		f, _ := p.feed(calendar.Feed{Kind: calendar.OfOffice, Office: "centro", Detail: calendar.DetailBusy})
		a, past := p.book("centro", "CPI-PATTO", december("09:00", 20)), p.book("centro", "CPI-PATTO", december("09:00"))
		p.move(a, "centro", december("10:00", 20))
		_, text := p.read(f, anything)
		want := []string{"09:00 Occupato (CONFIRMED 0)", "10:00 Occupato (CONFIRMED 1)"}
		if diff := cmp.Diff(want, eventsOf(t, text)); diff != "" || strings.Count(text, "UID:"+calendar.UID(a.ID)) != 1 {
			t.Errorf("moved (-want +got):\n%s", diff)
		}
		p.cancel(a)
		for _, tt := range []struct {
			days int
			want []string
		}{
			{0, []string{"09:00 Occupato (CONFIRMED 0)", "10:00 Occupato (CANCELLED 2)"}},
			{5, []string{"09:00 Occupato (CONFIRMED 0)", "10:00 Occupato (CANCELLED 2)"}},
			{6, []string{"09:00 Occupato (CONFIRMED 0)"}},
			{17, []string{"09:00 Occupato (CONFIRMED 0)"}},
			{18, []string{}},
		} {
			p.clock.Set(monday.AddDate(0, 0, tt.days))
			_, text := p.read(f, anything)
			if diff := cmp.Diff(tt.want, eventsOf(t, text)); diff != "" {
				t.Errorf("after %d days (-want +got):\n%s", tt.days, diff)
			}
		}
		if _, text := p.read(f, anything); strings.Contains(text, past.ID) || !strings.Contains(text, "BEGIN:VTIMEZONE") {
			t.Errorf("an empty feed:\n%s", text)
		}
	})
}

func TestWrittenIsReadAsWritten(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		p.book("centro", "CPI-PATTO", december("09:00"))
		p.cancel(p.book("centro", "JNT-LAVORO", december("09:30")))
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.PlanSession(ctx, tx, booking.SessionWish{Office: "centro", Service: "CPI-LAB-CV", Start: december("11:00"), Topic: "Il curriculum", By: "user:prova"})
			return err
		})
		for _, detail := range calendar.Details {
			f, _ := p.feed(calendar.Feed{Kind: calendar.OfOffice, Office: "centro", Detail: detail})
			_, text := p.read(f, anything)
			once := decoded(t, text)
			if again := encoded(t, once); again != text {
				t.Errorf("%s: written again:\n%s\nat first:\n%s", detail, again, text)
			}
			if diff := cmp.Diff(once, decoded(t, encoded(t, once))); diff != "" {
				t.Errorf("%s: read again (-once +twice):\n%s", detail, diff)
			}
			for name, want := range map[string]string{
				ical.PropMethod: "PUBLISH", "REFRESH-INTERVAL": "PT1H", "X-PUBLISHED-TTL": "PT1H", "X-WR-CALNAME": "Sportello: Centro",
			} {
				if got := once.Props.Text(name); got != want {
					t.Errorf("%s: %s is %q, want %q", detail, name, got, want)
				}
			}
			if detail == calendar.DetailCode && eventsOf(t, text)[2] != "11:00 Incontro di gruppo · Laboratorio di gruppo: curriculum e colloquio (CONFIRMED 0)" {
				t.Errorf("a session: got %q", eventsOf(t, text)[2])
			}
		}
	})
}

func TestSecretOfAFeed(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		f, secret := p.feed(calendar.Feed{Kind: calendar.OfOffice, Office: "centro", Detail: calendar.DetailBusy})
		other, _ := p.feed(calendar.Feed{Kind: calendar.OfService, Subject: "CPI-PATTO", Detail: calendar.DetailCode})
		find := func(secret string) (found calendar.Feed, err error) {
			err = p.db.View(t.Context(), func(tx *store.Tx) (err error) {
				found, err = calendar.FeedOf(t.Context(), tx, secret)
				return err
			})
			return found, err
		}
		if got, err := find(secret); err != nil || got != f {
			t.Errorf("got %+v, %v", got, err)
		}
		if len(secret) < 22 {
			t.Errorf("the secret has %d characters", len(secret))
		}
		p.view(func(ctx context.Context, tx *store.Tx) error {
			var kept int
			err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM feeds WHERE token_hash = $1 OR id = $1`, secret).Scan(&kept)
			if kept != 0 {
				t.Error("the secret is kept")
			}
			return err
		})
		p.update(func(ctx context.Context, tx *store.Tx) error { return calendar.EndFeed(ctx, tx, f.ID, "user:prova") })
		_, ended := find(secret)
		_, never := find(store.NewToken())
		if ended != never || fault.Code(ended) != calendar.ErrFeed.Code {
			t.Errorf("ended: %v, never there: %v", ended, never)
		}
		p.update(func(ctx context.Context, tx *store.Tx) error { // as a restore does
			for _, tt := range []struct {
				subject string
				ours    bool
			}{{"feed:" + other.ID, true}, {"feed:" + f.ID, true}, {"user:" + f.ID, false}} {
				if ours, err := calendar.Forget(ctx, tx, tt.subject); ours != tt.ours || err != nil {
					t.Errorf("%s: got %t, %v", tt.subject, ours, err)
				}
			}
			left, err := calendar.Feeds(ctx, tx, "")
			if len(left) != 0 {
				t.Errorf("left: %+v", left)
			}
			return err
		})
	})
}

func TestFeedOfWhatIsNoMore(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		f, _ := p.feed(calendar.Feed{Kind: calendar.OfDesk, Office: "centro", Subject: "9", Detail: calendar.DetailBusy})
		p.view(func(ctx context.Context, tx *store.Tx) error {
			if _, err := f.Edition(ctx, tx, anything); fault.Code(err) != calendar.ErrFeed.Code {
				t.Errorf("got %v", err)
			}
			return nil
		})
	})
}

func TestModifiedTellsEditionsApart(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		f, secret := p.feed(calendar.Feed{Kind: calendar.OfOffice, Office: "centro", Detail: calendar.DetailBusy})
		note := func(etag string) time.Time {
			p.update(func(ctx context.Context, tx *store.Tx) (err error) {
				if err := f.Note(ctx, tx, etag, "Thunderbird"); err != nil {
					return err
				}
				f, err = calendar.FeedOf(ctx, tx, secret)
				return err
			})
			return f.Modified
		}
		first := note(`"a"`)
		p.clock.Add(300 * time.Millisecond)
		same, second := note(`"a"`), note(`"b"`)
		p.clock.Add(time.Minute)
		third := note(`"c"`)
		if !same.Equal(first) || !second.After(first) || !third.Equal(monday.Add(time.Minute)) {
			t.Errorf("got %v, %v, %v, %v", first, same, second, third)
		}
		switch {
		case !f.Noted(`"c"`, "Thunderbird", p.clock.Now()), f.Noted(`"d"`, "Thunderbird", p.clock.Now()), f.Noted(`"c"`, "khal", p.clock.Now()),
			f.Noted(`"c"`, "Thunderbird", p.clock.Now().Add(calendar.ReadEvery)):
			t.Error("what is noted is not known to be, or the other way round")
		case f.Stale(p.clock.Now()), !f.Stale(p.clock.Now().Add(calendar.StaleAfter + time.Hour)):
			t.Error("stale at the wrong time")
		}
	})
}

func TestProgramOf(t *testing.T) {
	for _, test := range []struct{ agent, want string }{
		{"Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.0", "Thunderbird"},
		{"vdirsyncer/0.19.0", "vdirsyncer"},
		{"Google-Calendar-Importer", "Google Calendar"},
		{"Microsoft.Exchange/15.20 (Windows NT 10.0; Win64; x64)", "Outlook"},
		{"iOS/17.5 (21F79) dataaccessd/1.0", "iPhone, iPad"},
		{"macOS/14.5 (23F79) dataaccessd/1.0", "macOS"},
		{"Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", "browser"},
		{"Anna's own thing", ""},
		{"", ""},
	} {
		if got := calendar.ProgramOf(test.agent); got != test.want {
			t.Errorf("%q: got %q, want %q", test.agent, got, test.want)
		}
	}
}
