package timetable_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/timetable"
)

// TestAgainstMinutes compares the engine with the reference of reference_test.go on days that are
// made up: offices with series, closures and extras, people with rota, absences, claims and calendars.
func TestAgainstMinutes(t *testing.T) {
	days := 3000
	if testing.Short() {
		days = 300
	}
	var free, none, shared, short, long int
	var before timetable.Supply // a plan that has seen another day finds the same
	for seed := range days {
		c := newCase(t, rand.New(rand.NewPCG(uint64(seed), 4)))
		want := c.starts()
		plan := timetable.NewPlan(c.demand)
		supply := c.supply()
		plan.Starts(&before, nil, nil)
		before = supply
		got := plan.Starts(&supply, &c.terms, nil)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("seed %d: %s\nstarts (-want +got):\n%s", seed, c, diff)
		}
		c.checkReasons(t, seed, plan, &supply, want)
		c.checkTeams(t, seed, plan, &supply, want)
		free += len(want)
		switch {
		case len(want) == 0:
			none++
		case len(c.demand.Needs) > 1:
			shared++
		}
		switch supply.Bits {
		case 276:
			short++
		case 300:
			long++
		}
	}
	t.Logf("%d days: %d starts, %d days without, %d joint with, %d short and %d long days", days, free, none, shared, short, long)
	if free < days || none < days/20 || shared < days/20 || short < days/20 || long < days/20 {
		t.Error("the days made up are too much alike to show anything")
	}
}

// checkReasons checks that None and Explain speak exactly where there is no start.
func (c *made) checkReasons(t *testing.T, seed int, plan *timetable.Plan, s *timetable.Supply, want []timetable.Start) {
	t.Helper()
	if reason := plan.None(s, &c.terms); (reason.Code == "") != (len(want) > 0) {
		t.Fatalf("seed %d: %s\nnone: %q with %d starts", seed, c, reason.Code, len(want))
	}
	for bit := range s.Bits {
		free := slices.ContainsFunc(want, func(x timetable.Start) bool { return x.Bit == bit })
		if got := plan.Explain(s, &c.terms, s.At(bit)); (len(got) == 0) != free {
			t.Fatalf("seed %d: %s\nexplain %s: %v, free %t", seed, c, s.At(bit), got, free)
		}
	}
}

// checkTeams checks that Staff chooses the best of all teams at every start, and nobody elsewhere.
func (c *made) checkTeams(t *testing.T, seed int, plan *timetable.Plan, s *timetable.Supply, want []timetable.Start) {
	t.Helper()
	for _, start := range want {
		team, ok := plan.Staff(s, start.Bit)
		got := people(team)
		if want := c.best(start.Bit * timetable.Grid); !ok || got != want {
			t.Fatalf("seed %d: %s\nstaff of %s: %q %t, want %q", seed, c, s.At(start.Bit), got, ok, want)
		}
		if len(team.Rooms) != c.demand.Rooms {
			t.Fatalf("seed %d: %d rooms, want %d", seed, len(team.Rooms), c.demand.Rooms)
		}
	}
}

// people shows who is in a team, each once.
func people(team timetable.Team) string {
	var ids []string
	for _, a := range team.Officers {
		ids = append(ids, a.Officer)
	}
	if team.Mediator != "" {
		ids = append(ids, team.Mediator)
	}
	slices.Sort(ids)
	return strings.Join(slices.Compact(ids), " ")
}

// simple is a plain working day in January, when the clock does not change.
const simple = "2027-01-13"

// spansOf returns intervals of the simple day.
func spansOf(tb testing.TB, texts ...string) []timetable.Span {
	tb.Helper()
	var out []timetable.Span
	d, zone := date(tb, simple), rome(tb)
	for _, i := range intervals(tb, texts...) {
		out = append(out, timetable.Span{From: d.At(i.From, zone), Until: d.At(i.Until, zone)})
	}
	return out
}

// day is a supply of the simple day, whose parts are added one by one.
type day struct {
	tb testing.TB
	timetable.Supply
}

func newDay(tb testing.TB) *day {
	tb.Helper()
	return &day{tb, timetable.Supply{Scale: timetable.ScaleOf(date(tb, simple), rome(tb))}}
}

func (d *day) open(institution string, hours ...string) *day {
	d.tb.Helper()
	d.Hours = append(d.Hours, timetable.Hours{Institution: institution, Opening: d.Inside(spansOf(d.tb, hours...))})
	return d
}

func (d *day) close(hours ...string) *day {
	d.tb.Helper()
	d.Hours[len(d.Hours)-1].Closed = d.Touched(spansOf(d.tb, hours...))
	return d
}

// officer adds somebody who acts for institutions, by commas, and is present in hours.
func (d *day) officer(id, acts string, hours ...string) *day {
	d.tb.Helper()
	d.Officers = append(d.Officers, timetable.Officer{
		Person:  &timetable.Person{ID: id, Acts: strings.Split(acts, ",")},
		Present: d.Inside(spansOf(d.tb, hours...)),
	})
	return d
}

func (d *day) room(id string, busy ...string) *day {
	d.tb.Helper()
	d.Rooms = append(d.Rooms, timetable.Room{ID: id, Busy: d.Touched(spansOf(d.tb, busy...))})
	return d
}

// last changes the officer added last.
func (d *day) last(change func(*timetable.Officer)) *day {
	change(&d.Officers[len(d.Officers)-1])
	return d
}

func (d *day) busy(hours ...string) *day {
	d.tb.Helper()
	return d.last(func(o *timetable.Officer) { o.Busy = d.Touched(spansOf(d.tb, hours...)) })
}

// shown lists starts as 10:00, or 10:00×2 when there are two ways.
func (d *day) shown(starts []timetable.Start) string {
	var out []string
	for _, s := range starts {
		text := d.At(s.Bit).Format("15:04")
		if s.Ways != 1 {
			text += fmt.Sprintf("×%d", s.Ways)
		}
		out = append(out, text)
	}
	return strings.Join(out, " ")
}

func TestStarts(t *testing.T) {
	joint := timetable.Demand{Needs: []string{"CPI", "INPS"}, Minutes: 15}
	single := timetable.Demand{Needs: []string{"CPI"}, Minutes: 30}
	any := timetable.Demand{NeedsAny: []string{"CPI", "INPS"}, Minutes: 30}
	with := func(d timetable.Demand, change func(*timetable.Demand)) timetable.Demand {
		change(&d)
		return d
	}
	covered := with(joint, func(d *timetable.Demand) { d.MayCover, d.Minutes = true, 30 })
	tests := []struct {
		name   string
		demand timetable.Demand
		day    *day
		want   string
	}{
		{
			name: "two of each institution, together for two quarters of an hour", demand: joint,
			day: newDay(t).open("CPI", "09:00-13:00").open("INPS", "09:00-13:00").
				officer("c1", "CPI", "11:00-11:30").officer("c2", "CPI", "12:00-12:30").
				officer("i1", "INPS", "11:15-11:45").officer("i2", "INPS", "12:15-12:45"),
			want: "11:15 12:15",
		},
		{
			name: "ranges of different officers never merge", demand: single,
			day:  newDay(t).open("CPI", "09:00-10:00").officer("a", "CPI", "09:00-09:15").officer("b", "CPI", "09:15-09:45"),
			want: "",
		},
		{
			name: "nor do they for a start off the step", demand: with(single, func(d *timetable.Demand) { d.Step = 15 }),
			day:  newDay(t).open("CPI", "09:00-10:00").officer("a", "CPI", "09:00-09:15").officer("b", "CPI", "09:15-09:45"),
			want: "09:15",
		},
		{
			name: "one need with one officer of each, both ways", demand: single,
			day:  newDay(t).open("CPI", "09:00-10:00").officer("a", "CPI", "09:00-10:00").officer("b", "CPI", "09:30-10:00"),
			want: "09:00 09:30×2",
		},
		{
			name: "ways multiply", demand: joint,
			day: newDay(t).open("CPI", "09:00-09:15").open("INPS", "09:00-09:15").
				officer("a", "CPI", "09:00-10:00").officer("b", "CPI", "09:00-10:00").
				officer("c", "INPS", "09:00-10:00").officer("d", "INPS", "09:00-10:00").officer("e", "INPS", "09:00-10:00"),
			want: "09:00×6",
		},
		{
			name: "the step counts from the common opening", demand: with(joint, func(d *timetable.Demand) { d.Minutes = 30 }),
			day: newDay(t).open("CPI", "09:00-12:00").open("INPS", "09:20-11:00").
				officer("a", "CPI", "09:00-12:00").officer("b", "INPS", "09:00-12:00"),
			want: "09:20 09:50 10:20",
		},
		{
			name: "closures take away and do not shift", demand: single,
			day:  newDay(t).open("CPI", "09:00-11:30").close("09:00-09:20", "10:05-10:10").officer("a", "CPI", "09:00-12:00"),
			want: "09:30 10:30 11:00",
		},
		{
			name: "neither does who comes late or is busy", demand: single,
			day:  newDay(t).open("CPI", "09:00-11:30").officer("a", "CPI", "09:10-11:30").busy("10:15-10:20"),
			want: "09:30 10:30 11:00",
		},
		{
			name: "two intervals, each with its own count", demand: single,
			day:  newDay(t).open("CPI", "09:00-10:10", "15:05-16:00").officer("a", "CPI", "08:00-20:00"),
			want: "09:00 09:30 15:05",
		},
		{
			name: "any of them, each by its own opening", demand: any,
			day: newDay(t).open("CPI", "09:00-10:00").open("INPS", "09:10-10:10").
				officer("a", "CPI", "08:00-20:00").officer("b", "INPS", "08:00-20:00"),
			want: "09:00 09:10 09:30 09:40",
		},
		{
			name: "any of them, openings of different institutions never merge", demand: any,
			day: newDay(t).open("CPI", "09:00-09:15").open("INPS", "09:15-09:30").
				officer("a", "CPI,INPS", "08:00-20:00"),
			want: "",
		},
		{
			name: "who acts for both counts once", demand: any,
			day:  newDay(t).open("CPI", "09:00-09:30").open("INPS", "09:00-09:30").officer("a", "CPI,INPS", "08:00-20:00"),
			want: "09:00",
		},
		{
			name: "one officer is not two", demand: joint,
			day:  newDay(t).open("CPI", "09:00-09:15").open("INPS", "09:00-09:15").officer("a", "CPI,INPS", "08:00-20:00"),
			want: "",
		},
		{
			name: "unless one may cover", demand: covered,
			day:  newDay(t).open("CPI", "09:00-09:30").open("INPS", "09:00-09:30").officer("a", "CPI,INPS", "08:00-20:00"),
			want: "09:00",
		},
		{
			name: "one covers, or stands for either beside another", demand: covered,
			day: newDay(t).open("CPI", "09:00-09:30").open("INPS", "09:00-09:30").
				officer("a", "CPI,INPS", "08:00-20:00").officer("b", "CPI", "08:00-20:00").officer("c", "INPS", "08:00-20:00"),
			want: "09:00×4", // a; a b; a c; b c
		},
		{
			name: "two who act for both are one set", demand: joint,
			day: newDay(t).open("CPI", "09:00-09:15").open("INPS", "09:00-09:15").
				officer("a", "CPI,INPS", "08:00-20:00").officer("b", "CPI,INPS", "08:00-20:00"),
			want: "09:00",
		},
		{
			name: "buffers need the officer, not the opening", demand: with(single, func(d *timetable.Demand) { d.Before, d.After = 10, 15 }),
			day:  newDay(t).open("CPI", "09:00-11:00").officer("a", "CPI", "09:00-11:00").busy("08:45-08:50", "11:10-11:20"),
			want: "09:00 09:30 10:00",
		},
		{
			name: "an institution that is not hosted", demand: joint,
			day:  newDay(t).open("CPI", "09:00-10:00").officer("a", "CPI", "08:00-20:00").officer("b", "INPS", "08:00-20:00"),
			want: "",
		},
		{
			name: "six hours, longer than a word", demand: with(single, func(d *timetable.Demand) { d.Minutes, d.Step = 360, 60 }),
			day:  newDay(t).open("CPI", "08:00-16:00").officer("a", "CPI", "09:00-16:00").officer("b", "CPI", "08:00-16:00").busy("08:00-08:05"),
			want: "09:00×2 10:00×2",
		},
		{name: "nobody is needed", demand: timetable.Demand{Minutes: 30}, day: newDay(t).open("CPI", "09:00-10:00")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := tt.day.shown(timetable.NewPlan(tt.demand).Starts(&tt.day.Supply, nil, nil))
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestStartsOfADayByQuarters(t *testing.T) {
	d := newDay(t).open("CPI", "10:00-15:30").officer("a", "CPI", "10:00-15:30")
	plan := timetable.NewPlan(timetable.Demand{Needs: []string{"CPI"}, Minutes: 15})
	starts := plan.Starts(&d.Supply, nil, nil)
	if got, want := len(starts), 22; got != want {
		t.Fatalf("%d starts, want %d", got, want)
	}
	first, last := d.At(starts[0].Bit).Format("15:04"), d.At(starts[21].Bit).Format("15:04")
	if first != "10:00" || last != "15:15" {
		t.Errorf("from %s to %s, want 10:00 to 15:15", first, last)
	}
}

func TestServicesAndLanguages(t *testing.T) {
	demand := timetable.Demand{Service: "CPI-DID", Needs: []string{"CPI"}, Minutes: 30, Language: "ar", MustSpeak: true}
	d := newDay(t).open("CPI", "09:00-11:00").
		officer("plain", "CPI", "09:00-10:00").
		officer("speaks", "CPI", "09:30-10:00").last(func(o *timetable.Officer) { o.Languages = []string{"it", "ar"} }).
		officer("other", "CPI", "09:00-11:00").last(func(o *timetable.Officer) { o.Services = []string{"CPI-PATTO"} }).
		officer("mediator", "", "09:00-09:30").last(func(o *timetable.Officer) { o.Mediator, o.Languages = true, []string{"ar"} })
	plan := timetable.NewPlan(demand)
	if got, want := d.shown(plan.Starts(&d.Supply, nil, nil)), "09:00 09:30"; got != want {
		t.Errorf("spoken: %q, want %q", got, want)
	}
	team, ok := plan.Staff(&d.Supply, 9*12)
	want := timetable.Team{Officers: []timetable.Assignment{{Institution: "CPI", Officer: "plain"}}, Mediator: "mediator"}
	if diff := cmp.Diff(want, team); !ok || diff != "" {
		t.Errorf("team with a mediator (-want +got):\n%s", diff)
	}
	demand.MustSpeak = false
	if got, want := d.shown(timetable.NewPlan(demand).Starts(&d.Supply, nil, nil)), "09:00 09:30×2"; got != want {
		t.Errorf("preferred: %q, want %q", got, want)
	}
}

func TestStaff(t *testing.T) {
	speaks := func(o *timetable.Officer) { o.Languages = []string{"ar"} }
	appointments := func(n int) func(*timetable.Officer) {
		return func(o *timetable.Officer) { o.Appointments = n }
	}
	base := func() *day { return newDay(t).open("CPI", "09:00-12:00").open("INPS", "09:00-12:00") }
	const hours = "09:00-12:00"
	joint := timetable.Demand{Needs: []string{"CPI", "INPS"}, Minutes: 30, Language: "ar"}
	cover := joint
	cover.MayCover = true
	tests := []struct {
		name   string
		demand timetable.Demand
		day    *day
		except []string
		want   string
	}{
		{
			name: "by id when all is equal", demand: joint,
			day:  base().officer("b", "CPI", hours).officer("a", "CPI", hours).officer("z", "INPS", hours),
			want: "CPI a, INPS z",
		},
		{
			name: "fewest appointments before the id", demand: joint,
			day:  base().officer("a", "CPI", hours).last(appointments(2)).officer("b", "CPI", hours).last(appointments(1)).officer("z", "INPS", hours),
			want: "CPI b, INPS z",
		},
		{
			name: "the language before all", demand: joint,
			day:  base().officer("a", "CPI", hours).officer("b", "CPI", hours).last(appointments(7)).last(speaks).officer("z", "INPS", hours),
			want: "CPI b, INPS z",
		},
		{
			name: "moved to the other need so that both are filled", demand: joint,
			day:  base().officer("a", "CPI,INPS", hours).officer("b", "CPI", hours).last(appointments(3)),
			want: "CPI b, INPS a",
		},
		{
			name: "the next when the first is taken", demand: joint, except: []string{"a"},
			day:  base().officer("a", "CPI", hours).officer("b", "CPI", hours).officer("z", "INPS", hours),
			want: "CPI b, INPS z",
		},
		{name: "nobody is left", demand: joint, except: []string{"z"}, day: base().officer("a", "CPI", hours).officer("z", "INPS", hours)},
		{
			name: "one who covers spares another", demand: cover,
			day:  base().officer("a", "CPI", hours).officer("t", "CPI,INPS", hours).officer("z", "INPS", hours),
			want: "CPI t, INPS t",
		},
		{
			name: "but not who does not speak where others do", demand: cover,
			day:  base().officer("a", "CPI", hours).last(speaks).officer("t", "CPI,INPS", hours).officer("z", "INPS", hours),
			want: "CPI a, INPS t",
		},
		{
			name: "any of them, for an institution that is open", demand: timetable.Demand{NeedsAny: []string{"COMUNE", "INPS"}, Minutes: 30},
			day:  base().officer("a", "COMUNE,INPS", hours),
			want: "INPS a",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			team, ok := timetable.NewPlan(tt.demand).Staff(&tt.day.Supply, 9*12, tt.except...)
			var got []string
			for _, a := range team.Officers {
				got = append(got, a.Institution+" "+a.Officer)
			}
			if got := strings.Join(got, ", "); got != tt.want || ok != (tt.want != "") {
				t.Errorf("got %q %t, want %q", got, ok, tt.want)
			}
		})
	}
}

func TestStaffOffTheGrid(t *testing.T) {
	d := newDay(t).open("CPI", "09:00-12:00").officer("a", "CPI", "09:00-12:00")
	plan := timetable.NewPlan(timetable.Demand{Needs: []string{"CPI"}, Minutes: 30})
	for _, bit := range []int{-1, 9*12 + 1, 12 * 12, 9999} {
		if team, ok := plan.Staff(&d.Supply, bit); ok {
			t.Errorf("bit %d: %v", bit, team)
		}
	}
}

func TestRooms(t *testing.T) {
	d := newDay(t).open("CPI", "09:00-10:30").officer("a", "CPI", "09:00-12:00").
		room("blue", "09:00-09:30", "10:35-10:40").room("red", "09:30-10:00")
	demand := timetable.Demand{Needs: []string{"CPI"}, Minutes: 30, Rooms: 1}
	plan := timetable.NewPlan(demand)
	if got, want := d.shown(plan.Starts(&d.Supply, nil, nil)), "09:00 09:30 10:00"; got != want {
		t.Errorf("one room: %q, want %q", got, want)
	}
	if team, ok := plan.Staff(&d.Supply, 9*12); !ok || !slices.Equal(team.Rooms, []string{"red"}) {
		t.Errorf("rooms %v %t, want red", team.Rooms, ok)
	}
	if team, ok := plan.Staff(&d.Supply, 9*12, "red"); ok {
		t.Errorf("rooms %v although red is taken", team.Rooms)
	}
	demand.After = 10
	if got, want := d.shown(timetable.NewPlan(demand).Starts(&d.Supply, nil, nil)), "09:30 10:00"; got != want {
		t.Errorf("one room and a buffer: %q, want %q", got, want)
	}
	demand.After, demand.Rooms = 0, 2
	if got, want := d.shown(timetable.NewPlan(demand).Starts(&d.Supply, nil, nil)), "10:00"; got != want {
		t.Errorf("two rooms: %q, want %q", got, want)
	}
}

// TestPlanForgets checks that a plan does not take one day's people for another's.
func TestPlanForgets(t *testing.T) {
	plan := timetable.NewPlan(timetable.Demand{Needs: []string{"CPI"}, Minutes: 30})
	one := newDay(t).open("CPI", "09:00-10:00").officer("a", "CPI", "09:00-10:00").officer("b", "INPS", "09:00-10:00")
	two := newDay(t).open("CPI", "09:00-10:00").officer("b", "INPS", "09:00-10:00").officer("c", "CPI", "09:30-10:00")
	three := newDay(t).open("CPI", "09:00-10:00").officer("b", "INPS", "09:00-10:00")
	four := newDay(t).open("CPI", "09:15-10:00").officer("a", "CPI", "09:00-10:00")
	for range 2 {
		for _, tt := range []struct {
			day  *day
			want string
		}{{one, "09:00 09:30"}, {two, "09:30"}, {three, ""}, {four, "09:15"}} {
			if got := tt.day.shown(plan.Starts(&tt.day.Supply, nil, nil)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		}
	}
}

func TestManyOfficers(t *testing.T) {
	for _, n := range []int{7, 15, 16, 200} {
		d := newDay(t).open("CPI", "09:00-09:30").open("INPS", "09:00-09:30")
		for i := range n {
			d.officer(fmt.Sprint("c", i), "CPI", "09:00-10:00").officer(fmt.Sprint("i", i), "INPS", "09:00-10:00")
		}
		plan := timetable.NewPlan(timetable.Demand{Needs: []string{"CPI", "INPS"}, Minutes: 30})
		if got, want := plan.Starts(&d.Supply, nil, nil), []timetable.Start{{Bit: 108, Ways: n * n}}; !slices.Equal(got, want) {
			t.Errorf("%d officers of each: %v, want %v", n, got, want)
		}
	}
}

func TestManyNeeds(t *testing.T) {
	var needs []string
	d := newDay(t)
	for i := range timetable.MaxNeeds + 1 {
		id := fmt.Sprint("E", i)
		needs = append(needs, id)
		d.open(id, "09:00-09:30").officer(id, id, "09:00-10:00")
	}
	most := timetable.NewPlan(timetable.Demand{Needs: needs[1:], Minutes: 30})
	if got := d.shown(most.Starts(&d.Supply, nil, nil)); got != "09:00" {
		t.Errorf("%d needs: %q, want 09:00", timetable.MaxNeeds, got)
	}
	more := timetable.NewPlan(timetable.Demand{Needs: needs, Minutes: 30})
	if got := d.shown(more.Starts(&d.Supply, nil, nil)); got != "" {
		t.Errorf("%d needs: %q, want none", len(needs), got)
	}
	if got := more.Explain(&d.Supply, nil, d.At(108)); len(got) == 0 {
		t.Errorf("%d needs: nothing is in the way", len(needs))
	}
}

func TestStartsDoNotAllocate(t *testing.T) {
	d := newDay(t).open("CPI", "09:00-17:00").open("INPS", "09:00-17:00")
	for i := range 8 {
		d.officer(fmt.Sprint(i), []string{"CPI", "INPS"}[i%2], "09:00-17:00")
	}
	plan := timetable.NewPlan(timetable.Demand{Needs: []string{"CPI", "INPS"}, Minutes: 30})
	starts := plan.Starts(&d.Supply, nil, nil)
	got := testing.AllocsPerRun(100, func() { starts = plan.Starts(&d.Supply, nil, starts[:0]) })
	if got != 0 {
		t.Errorf("%v allocations a day, want none", got)
	}
}
