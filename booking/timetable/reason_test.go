package timetable_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/booking/timetable"
)

func TestNone(t *testing.T) {
	joint := timetable.Demand{Service: "JNT", Needs: []string{"CPI", "INPS"}, Minutes: 30}
	speaking := joint
	speaking.Language, speaking.MustSpeak = "ar", true
	any := timetable.Demand{NeedsAny: []string{"CPI", "INPS"}, Minutes: 30}
	const hours = "09:00-11:00"
	open := func() *day { return newDay(t).open("CPI", hours).open("INPS", hours) }
	terms := &timetable.Terms{Now: date(t, simple).AddDays(-1).At(0, rome(t)), Window: timetable.Window{LeadMaxDays: 60}}
	with := func(change func(*timetable.Terms)) *timetable.Terms {
		changed := *terms
		change(&changed)
		return &changed
	}
	tests := []struct {
		name   string
		demand timetable.Demand
		terms  *timetable.Terms
		day    *day
		want   timetable.Reason
	}{
		{"a start", joint, terms, open().officer("a", "CPI", hours).officer("b", "INPS", hours), timetable.Reason{}},
		{"ended", joint, with(func(t *timetable.Terms) { t.Ended = true }), open(), timetable.Reason{Code: timetable.ServiceEnded}},
		{"not released", joint, with(func(t *timetable.Terms) { t.Window.LeadMaxDays = 0 }), open(), timetable.Reason{Code: timetable.TooEarly}},
		{"the office is closed", joint, terms, newDay(t), timetable.Reason{Code: timetable.Closed}},
		{"one is closed", joint, terms, newDay(t).open("CPI", hours).open("INPS", hours).close(hours), timetable.Reason{Code: timetable.Closed, Institution: "INPS"}},
		{"never open together", joint, terms, newDay(t).open("CPI", "09:00-10:00").open("INPS", "10:00-11:00"), timetable.Reason{Code: timetable.Closed}},
		{"too short", joint, terms, newDay(t).open("CPI", "09:00-09:25").open("INPS", hours), timetable.Reason{Code: timetable.Closed}},
		{"nobody of one", joint, terms, open().officer("a", "CPI", hours), timetable.Reason{Code: timetable.NoOfficer, Institution: "INPS"}},
		{
			"nobody who does it", joint, terms,
			open().officer("a", "CPI", hours).officer("b", "INPS", hours).last(func(o *timetable.Officer) { o.Services = []string{"OTHER"} }),
			timetable.Reason{Code: timetable.NoOfficer, Institution: "INPS"},
		},
		{"there at another time", joint, terms, open().officer("a", "CPI", hours).officer("b", "INPS", "15:00-18:00"), timetable.Reason{Code: timetable.NoOfficer, Institution: "INPS"}},
		{
			"absent", joint, terms,
			open().officer("a", "CPI", hours).officer("b", "INPS", hours).busy(hours).last(func(o *timetable.Officer) { o.Blocks = &timetable.Blocks{Absent: o.Busy} }),
			timetable.Reason{Code: timetable.NoOfficer, Institution: "INPS"},
		},
		{"nobody of any", any, terms, open().officer("c", "COMUNE", hours), timetable.Reason{Code: timetable.NoOfficer}},
		{"nobody speaks", speaking, terms, open().officer("a", "CPI", hours).officer("b", "INPS", hours), timetable.Reason{Code: timetable.NoLanguage}},
		{"taken", joint, terms, open().officer("a", "CPI", hours).officer("b", "INPS", hours).busy(hours), timetable.Reason{Code: timetable.Full}},
		{"one for two", joint, terms, open().officer("a", "CPI,INPS", hours), timetable.Reason{Code: timetable.Full}},
		{
			"the channel's share", joint, with(func(t *timetable.Terms) { t.Used = true }),
			open().officer("a", "CPI", hours).officer("b", "INPS", hours),
			timetable.Reason{Code: timetable.Full},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := timetable.NewPlan(tt.demand).None(&tt.day.Supply, tt.terms); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestExplain(t *testing.T) {
	joint := timetable.Demand{Needs: []string{"CPI", "INPS"}, Minutes: 30}
	any := timetable.Demand{NeedsAny: []string{"CPI", "INPS"}, Minutes: 30}
	with := func(d timetable.Demand, change func(*timetable.Demand)) timetable.Demand {
		change(&d)
		return d
	}
	const hours = "09:00-11:00"
	open := func() *day { return newDay(t).open("CPI", hours).open("INPS", hours) }
	blocks := func(change func(*timetable.Blocks, timetable.Mask)) func(*timetable.Officer) {
		return func(o *timetable.Officer) {
			o.Blocks = &timetable.Blocks{}
			change(o.Blocks, o.Busy)
		}
	}
	absent := blocks(func(b *timetable.Blocks, busy timetable.Mask) { b.Absent = busy })
	blocked := blocks(func(b *timetable.Blocks, busy timetable.Mask) { b.Blocked = busy })
	external := blocks(func(b *timetable.Blocks, busy timetable.Mask) { b.External = busy })
	terms := &timetable.Terms{Now: date(t, simple).At(9*60, rome(t)), Window: timetable.Window{LeadMinMinutes: 60}, Used: true, Ended: true}
	tests := []struct {
		name   string
		demand timetable.Demand
		terms  *timetable.Terms
		day    *day
		at     timetable.Clock
		want   string
	}{
		{"free", joint, nil, open().officer("a", "CPI", hours).officer("b", "INPS", hours), 9 * 60, ""},
		{"opening", joint, nil, newDay(t).open("CPI", hours).open("INPS", "10:00-11:00").officer("a", "CPI", hours).officer("b", "INPS", hours), 9 * 60, "opening INPS"},
		{"past closing", joint, nil, open().officer("a", "CPI", "09:00-12:00").officer("b", "INPS", "09:00-12:00"), 10*60 + 45, "opening CPI, opening INPS"},
		{"not hosted", joint, nil, newDay(t).open("CPI", hours).officer("a", "CPI", hours).officer("b", "INPS", hours), 9 * 60, "opening INPS"},
		{"closure", joint, nil, open().close("09:10-09:15").officer("a", "CPI", hours).officer("b", "INPS", hours), 9 * 60, "closure INPS"},
		{"grid", joint, nil, open().officer("a", "CPI", hours).officer("b", "INPS", hours), 9*60 + 15, "grid"},
		{"not even five minutes", joint, nil, open().officer("a", "CPI", hours).officer("b", "INPS", hours), 9*60 + 1, "grid"},
		{"grid of each", any, nil, open().officer("a", "CPI", hours), 9*60 + 15, "grid CPI, grid INPS"},
		{"rota", joint, nil, open().officer("a", "CPI", "10:00-11:00").officer("c", "CPI", "09:00-09:20").officer("b", "INPS", hours), 9 * 60, "rota CPI a, rota CPI c"},
		{"one suffices", joint, nil, open().officer("a", "CPI", "10:00-11:00").officer("c", "CPI", hours).officer("b", "INPS", hours), 9 * 60, ""},
		{
			"claim, absence, block, calendar", joint, nil,
			open().officer("a", "CPI", hours).busy("09:25-09:30").officer("b", "INPS", hours).busy("09:00-10:00").last(absent).
				officer("c", "INPS", hours).busy("09:00-10:00").last(external).officer("d", "INPS", hours).busy("09:00-10:00").last(blocked),
			9 * 60, "claim CPI a, absence INPS b, calendar INPS c, block INPS d",
		},
		{
			"a buffer", with(joint, func(d *timetable.Demand) { d.After = 10 }), nil,
			open().officer("a", "CPI", hours).busy("09:35-09:40").officer("b", "INPS", hours), 9 * 60, "claim CPI a",
		},
		{"nobody", joint, nil, open().officer("a", "CPI", hours), 9 * 60, "no_officer INPS"},
		{"one for two", joint, nil, open().officer("a", "CPI,INPS", hours), 9 * 60, "people"},
		{"one covers", with(joint, func(d *timetable.Demand) { d.MayCover = true }), nil, open().officer("a", "CPI,INPS", hours), 9 * 60, ""},
		{
			"language", with(joint, func(d *timetable.Demand) { d.Language, d.MustSpeak = "ar", true }), nil,
			open().officer("a", "CPI", hours).officer("b", "INPS", hours).officer("m", "", "10:00-11:00").
				last(func(o *timetable.Officer) { o.Mediator, o.Languages = true, []string{"ar"} }),
			9 * 60, "language, rota m",
		},
		{
			"any of them, of the one that begins then", any, nil,
			newDay(t).open("CPI", hours).open("INPS", "09:15-11:00").officer("a", "CPI", "10:00-11:00").officer("b", "INPS", hours),
			9 * 60, "rota CPI a",
		},
		{"rooms", with(joint, func(d *timetable.Demand) { d.Rooms = 1 }), nil, open().officer("a", "CPI", hours).officer("b", "INPS", hours).room("blue", "09:00-10:00"), 9 * 60, "room blue"},
		{"no room", with(joint, func(d *timetable.Demand) { d.Rooms = 1 }), nil, open().officer("a", "CPI", hours).officer("b", "INPS", hours), 9 * 60, "room"},
		{"terms", joint, terms, open().officer("a", "CPI", hours).officer("b", "INPS", hours), 9*60 + 30, "service_ended, too_late, quota"},
		{"all at once", joint, terms, newDay(t).open("CPI", hours), 8 * 60, "service_ended, too_late, quota, opening CPI, opening INPS, no_officer CPI, no_officer INPS"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			found := timetable.NewPlan(tt.demand).Explain(&tt.day.Supply, tt.terms, date(t, simple).At(tt.at, rome(t)))
			var got []string
			for _, o := range found {
				got = append(got, strings.Join(strings.Fields(string(o.Code)+" "+o.Institution+" "+o.Who), " "))
			}
			if got := strings.Join(got, ", "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestExplainAnotherDay(t *testing.T) {
	d := newDay(t).open("CPI", "09:00-11:00").officer("a", "CPI", "09:00-11:00")
	plan := timetable.NewPlan(timetable.Demand{Needs: []string{"CPI"}, Minutes: 30})
	for _, days := range []int{-400, -1, 1, 400} {
		start := d.At(108).Add(time.Duration(days) * 24 * time.Hour)
		found := plan.Explain(&d.Supply, nil, start)
		if !slices.ContainsFunc(found, func(o timetable.Obstacle) bool { return o.Code == timetable.ByOpening }) {
			t.Errorf("%d days off: %v", days, found)
		}
	}
}
