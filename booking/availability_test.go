package booking_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

func TestAvailability(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		// Two officers of each institution are four pairs. One of CPI is absent from 15 to 16, one of INPS leaves then.
		want := strings.Fields("09:00×4 09:30×4 10:00×4 10:30×4 11:00×4 11:30×4 12:00×4 15:00×2 15:30×2 16:00×2 16:30×2")
		if diff := cmp.Diff(want, p.starts(thursday("centro", "JNT-LAVORO"))); diff != "" {
			t.Error(diff)
		}
		p.book(wish("centro", "JNT-LAVORO", at("10:00")))
		want = strings.Fields("09:00×4 09:30×4 10:00×1 10:30×4 11:00×4 11:30×4 12:00×4 15:00×2 15:30×2 16:00×2 16:30×2")
		if diff := cmp.Diff(want, p.starts(thursday("centro", "JNT-LAVORO"))); diff != "" {
			t.Error(diff)
		}
		p.hold(wish("altro", "INPS-NASPI", at("16:00"))) // with five minutes before, in which the traveller is at the centre
		want = strings.Fields("09:00×4 09:30×4 10:00×1 10:30×4 11:00×4 11:30×4 12:00×4 15:00×2 15:30×1 16:00×2 16:30×2")
		if diff := cmp.Diff(want, p.starts(thursday("centro", "JNT-LAVORO"))); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAvailabilityOfTerritory(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		q := booking.Query{
			Territory: "prova", Service: "INPS-NASPI", Channel: territory.Online, From: day("2026-12-14"), Until: day("2026-12-31"),
		}
		a := p.available(q)
		var got []string
		for _, o := range a.Offices {
			got = append(got, fmt.Sprint(o.Office, " ", o.FirstFree, " ", len(o.Starts) > 0))
		}
		// The third office is closed on the 17th; the 24th and the 31st are ordinary days.
		want := []string{"altro 2026-12-17 true", "centro 2026-12-17 true", "terzo 2026-12-24 true"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestAvailabilityAsJSON(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		q := thursday("altro", "JNT-LAVORO")
		for _, start := range []string{"09:00", "09:30", "10:00", "16:00"} {
			p.book(wish("altro", "JNT-LAVORO", at(start)))
		}
		for _, tt := range []struct{ until, want string }{
			{"2026-12-03", `{"service":"JNT-LAVORO","from":"2026-12-03","to":"2026-12-03","offices":[{"office":"altro","first_free":"2026-12-03","starts":[{"start":"2026-12-03T16:30:00+01:00","end":"2026-12-03T17:00:00+01:00","ways":1}],"none_because":null}]}`},
			{"2026-12-02", `{"service":"JNT-LAVORO","from":"2026-12-02","to":"2026-12-02","offices":[{"office":"altro","first_free":null,"starts":[],"none_because":"closed"}]}`},
		} {
			q.Until = day(tt.until)
			if q.Until.Before(q.From) {
				q.From = q.Until
			}
			got, err := json.Marshal(p.available(q))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(got)); diff != "" {
				t.Error(diff)
			}
		}
	})
}

func TestNoneBecause(t *testing.T) {
	tests := []struct {
		name            string
		office, service string
		from, until     string
		now             time.Time
		channel         territory.Channel
		language        string
		want            timetable.Code
		institution     string
	}{
		{name: "closed all week", office: "centro", service: "JNT-LAVORO", from: "2026-11-30", until: "2026-12-02", want: timetable.Closed},
		{name: "too late today", office: "centro", service: "JNT-LAVORO", from: "2026-12-03", until: "2026-12-03", now: at("15:45"), want: timetable.TooLate},
		{name: "not released", office: "centro", service: "JNT-LAVORO", from: "2027-02-01", until: "2027-02-28", want: timetable.TooEarly},
		{name: "nobody of the Comune", office: "terzo", service: "COM-ANAG", from: "2026-12-03", until: "2026-12-03", want: timetable.NoOfficer, institution: "COMUNE"},
		{name: "nobody speaks it", office: "altro", service: "JNT-LAVORO", from: "2026-12-03", until: "2026-12-03", language: "ar", want: timetable.NoLanguage},
		{name: "only by ticket", office: "centro", service: "CPI-DID", from: "2026-12-03", until: "2026-12-03", want: booking.NotByChannel},
		{name: "ended", office: "centro", service: "HIS-REI", from: "2026-12-03", until: "2026-12-03", want: timetable.ServiceEnded},
	}
	each(t, func(t *testing.T, p *province) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				p.clock.Set(monday)
				if !tt.now.IsZero() {
					p.clock.Set(tt.now)
				}
				q := booking.Query{Office: tt.office, Service: tt.service, From: day(tt.from), Until: day(tt.until), Channel: territory.Online, Language: tt.language}
				got := p.available(q).Offices[0]
				if got.NoneBecause == nil || *got.NoneBecause != tt.want || got.Institution != tt.institution {
					text, _ := json.Marshal(got)
					t.Errorf("got %s %q, want %s %q", text, got.Institution, tt.want, tt.institution)
				}
			})
		}
		p.clock.Set(monday)
		for p.available(thursday("altro", "JNT-LAVORO")).Offices[0].FirstFree != nil {
			p.hold(wish("altro", "JNT-LAVORO", p.available(thursday("altro", "JNT-LAVORO")).Offices[0].Starts[0].Start))
		}
		if got := p.available(thursday("altro", "JNT-LAVORO")).Offices[0].NoneBecause; *got != timetable.Full {
			t.Errorf("sold out: got %s", *got)
		}
	})
}

func TestAvailabilityRefuses(t *testing.T) {
	good := thursday("centro", "JNT-LAVORO")
	tests := []struct {
		name   string
		change func(q *booking.Query)
		want   string
	}{
		{"unknown office", func(q *booking.Query) { q.Office = "nessuno" }, "unknown_office"},
		{"unknown territory", func(q *booking.Query) { q.Office = "" }, "unknown_territory"},
		{"unknown service", func(q *booking.Query) { q.Service = "NONE" }, "unknown_service"},
		{"not at this office", func(q *booking.Query) { q.Service = "COM-ANAG" }, "unknown_service"},
		{"at no office", func(q *booking.Query) { q.Office, q.Territory, q.Service = "", "prova", "INPS-AUU" }, "service_nowhere"},
		{"backwards", func(q *booking.Query) { q.Until = day("2026-12-02") }, "invalid"},
		{"past", func(q *booking.Query) { q.From, q.Until = day("2026-11-01"), day("2026-11-29") }, "invalid"},
		{"too many days", func(q *booking.Query) { q.Until = q.From.AddDays(booking.MaxDays) }, "invalid"},
		{"no dates", func(q *booking.Query) { q.From, q.Until = timetable.Date{}, timetable.Date{} }, "invalid"},
		{"unknown channel", func(q *booking.Query) { q.Channel = "fax" }, "invalid"},
		{"unknown language", func(q *booking.Query) { q.Language = "xx" }, "invalid"},
	}
	each(t, func(t *testing.T, p *province) {
		for _, tt := range tests {
			q := good
			tt.change(&q)
			err := p.try(func(ctx context.Context, tx *store.Tx) error {
				_, err := booking.Available(ctx, tx, q)
				return err
			})
			t.Run(tt.name, func(t *testing.T) { (&province{t: t}).want(tt.want, err) })
		}
		q := good
		q.Until = q.From.AddDays(booking.MaxDays - 1)
		if n := len(p.available(q).Offices[0].Starts); n == 0 {
			t.Error("the longest range has no start")
		}
	})
}

// TestLanguage offers what somebody can speak, and takes a mediator where nobody else does.
func TestLanguage(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		q := thursday("centro", "JNT-LAVORO")
		q.Language = "ar"
		if diff := cmp.Diff(strings.Fields("15:00×2 15:30×2 16:00×2 16:30×2"), p.starts(q)); diff != "" {
			t.Error(diff)
		}
		w := wish("centro", "JNT-LAVORO", at("16:00"))
		w.Language, w.MustSpeak = "ar", true
		if got := p.book(w); got.Mediator != "mediatrice" || len(got.Staff) != 2 {
			t.Errorf("got %+v with %q", got.Staff, got.Mediator)
		}
		if diff := cmp.Diff(strings.Fields("15:00×2 15:30×2 16:30×2"), p.starts(q)); diff != "" {
			t.Error(diff)
		}
		w = wish("centro", "JNT-LAVORO", at("09:00"))
		w.Language = "en"
		if got := p.book(w).Staff[0].Officer; got != "cpi-2" {
			t.Errorf("English: got %s, want the one who speaks it", got)
		}
		p.sound()
	})
}

// TestQuota has a channel make no more of a day than its share, until the day itself.
func TestQuota(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.book(wish("centro", "CPI-PATTO", at("09:00")))
		second := p.hold(wish("centro", "CPI-PATTO", at("09:45")))
		if got := p.starts(thursday("centro", "CPI-PATTO")); len(got) != 0 {
			t.Errorf("after two: got %v", got)
		}
		_, err := p.tryHold(wish("centro", "CPI-PATTO", at("10:30")))
		p.want("slot_taken", err)
		staff := thursday("centro", "CPI-PATTO")
		staff.Channel = territory.Staff
		if got := p.starts(staff); len(got) == 0 {
			t.Error("staff has no quota, and gets nothing")
		}
		p.clock.Set(second.HoldUntil)
		if got := p.starts(thursday("centro", "CPI-PATTO")); len(got) == 0 {
			t.Error("the hold is over, and still counts")
		}
		p.book(wish("centro", "CPI-PATTO", at("09:45")))
		p.clock.Set(at("00:00"))
		if got := p.starts(thursday("centro", "CPI-PATTO")); len(got) == 0 {
			t.Error("on the day itself what is left is for all")
		}
	})
}

// TestRoom sells the only room once at a time.
func TestRoom(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		if got := p.book(wish("centro", "CPI-PATTO", at("09:00"))); got.Room != "colloqui" {
			t.Errorf("got the room %q", got.Room)
		}
		_, err := p.tryHold(wish("centro", "CPI-PATTO", at("09:00")))
		p.want("slot_taken", err)
		if got := p.starts(thursday("centro", "CPI-PATTO")); len(got) == 0 || got[0] != "09:45×2" {
			t.Errorf("got %v", got)
		}
	})
}

func TestBuffersAreClaimed(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.book(wish("terzo", "INPS-NASPI", at("11:00")))
		// The traveller alone does it here: 10:55 to 11:25 are taken, and each start wants five minutes around.
		want := strings.Fields("11:40×1 12:00×1")
		if diff := cmp.Diff(want, p.starts(thursday("terzo", "INPS-NASPI"))); diff != "" {
			t.Error(diff)
		}
	})
}

func TestExplain(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.book(wish("centro", "JNT-LAVORO", at("15:00")))
		tests := []struct {
			name  string
			start time.Time
			want  []timetable.Obstacle
		}{
			{"free", at("09:00"), nil},
			{"absent and claimed", at("15:00"), []timetable.Obstacle{
				{Code: timetable.ByClaim, Institution: "CPI", Who: "cpi-1"}, {Code: timetable.ByAbsence, Institution: "CPI", Who: "cpi-2"},
			}},
			{"off the grid", at("09:15"), []timetable.Obstacle{{Code: timetable.ByGrid}}},
			{"closed", at("13:00"), []timetable.Obstacle{
				{Code: timetable.ByOpening, Institution: "CPI"},
				{Code: timetable.ByOpening, Institution: "INPS"},
				{Code: timetable.ByRota, Institution: "CPI", Who: "cpi-1"},
				{Code: timetable.ByRota, Institution: "CPI", Who: "cpi-2"},
				{Code: timetable.ByRota, Institution: "INPS", Who: "inps-1"},
				{Code: timetable.ByRota, Institution: "INPS", Who: "inps-2"},
				{Code: timetable.ByRota, Institution: "INPS", Who: "inps-3"},
			}},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				p.view(func(ctx context.Context, tx *store.Tx) error {
					got, err := booking.Explain(ctx, tx, thursday("centro", "JNT-LAVORO"), tt.start)
					if diff := cmp.Diff(tt.want, got); diff != "" {
						t.Error(diff)
					}
					return err
				})
			})
		}
	})
}
