package timetable_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/booking/timetable"
)

// made is an office's day that is made up, and the reference: the same questions answered minute by
// minute and set by set, slow and obvious.
type made struct {
	zone     *time.Location
	date     timetable.Date
	calendar timetable.Calendar
	channel  string
	demand   timetable.Demand
	terms    timetable.Terms
	people   []person
	rooms    [][]timetable.Span // in which each is taken

	opening, closed map[string][]bool // by institution and minute
}

func (c *made) String() string {
	return fmt.Sprintf("%s by %s\n%+v\n%+v\n%+v\n%+v\n%v", c.date, c.channel, c.demand, c.terms, c.people, c.calendar, c.rooms)
}

type person struct {
	timetable.Person
	appointments                      int
	present, absent, claims, external []timetable.Span
}

var hosted = []string{"CPI", "INPS", "COMUNE"}

// changes are days on which the clock changes, and two on which it does not.
var changes = []timetable.Date{
	{Year: 2026, Month: 3, Day: 29},
	{Year: 2026, Month: 10, Day: 25},
	{Year: 2027, Month: 3, Day: 28},
	{Year: 2027, Month: 10, Day: 31},
	{Year: 2026, Month: 4, Day: 6},
	{Year: 2026, Month: 11, Day: 25},
}

func newCase(tb testing.TB, r *rand.Rand) *made {
	tb.Helper()
	c := &made{zone: rome(tb), channel: pick(r, "kiosk", "online", "staff")}
	c.date = timetable.Date{Year: 2026, Month: 1, Day: 1}.AddDays(r.IntN(730))
	if r.IntN(2) == 0 {
		c.date = pick(r, changes...)
	}
	c.calendar = c.newCalendar(r)
	c.demand = newDemand(r)
	for i := range 2 + r.IntN(5) {
		c.people = append(c.people, c.newPerson(r, i))
	}
	for range r.IntN(3) {
		c.rooms = append(c.rooms, c.spans(r, r.IntN(4), 1))
	}
	c.terms = c.newTerms(r)
	c.work()
	return c
}

func pick[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

// some returns a part of from, now and then nothing.
func some[T any](r *rand.Rand, from ...T) []T {
	var out []T
	for _, x := range from {
		if r.IntN(2) == 0 {
			out = append(out, x)
		}
	}
	return out
}

// hours returns an interval on the grid: in the night, in which the clock changes, or by day.
func hours(r *rand.Rand) timetable.Interval {
	from := timetable.Clock(8*60 + 15*r.IntN(28))
	if r.IntN(4) == 0 {
		from = timetable.Clock(5 * r.IntN(48))
	}
	return timetable.Interval{From: from, Until: min(from+timetable.Clock(30+5*r.IntN(72)), 24*60)}
}

func (c *made) newCalendar(r *rand.Rand) timetable.Calendar {
	k := timetable.Calendar{Zone: c.zone, Institutions: hosted, Patron: timetable.MonthDay{Month: 5, Day: 19}}
	all := []time.Weekday{0, 1, 2, 3, 4, 5, 6}
	for range 3 + r.IntN(5) {
		s := timetable.Series{Weekdays: all, Intervals: []timetable.Interval{hours(r)}}
		if r.IntN(3) == 0 {
			s.Institutions = some(r, hosted...)
		}
		if r.IntN(4) == 0 {
			s.Channels = some(r, "kiosk", "online", "staff")
		}
		switch r.IntN(6) {
		case 0:
			s.From, s.EveryWeeks = c.date.AddDays(-r.IntN(60)), 2+r.IntN(3)
		case 1:
			s.Nth = some(r, 1, 2, 3, 4, 5, -1, -2)
		case 2:
			s.Until = c.date.AddDays(r.IntN(9) - 2)
		}
		k.Series = append(k.Series, s)
	}
	for range r.IntN(3) {
		closure := timetable.Closure{From: c.date.AddDays(-r.IntN(3)), Until: c.date.AddDays(r.IntN(3)), Institutions: some(r, hosted...)}
		if r.IntN(20) > 0 {
			closure.Intervals = []timetable.Interval{{From: hours(r).From, Until: 24 * 60}}
			closure.Intervals[0].Until = min(24*60, closure.Intervals[0].From+timetable.Clock(5+5*r.IntN(12)))
		}
		k.Closures = append(k.Closures, closure)
	}
	if r.IntN(3) == 0 {
		k.Extras = append(k.Extras, timetable.Extra{Date: c.date, Intervals: []timetable.Interval{hours(r)}})
	}
	return k
}

func newDemand(r *rand.Rand) timetable.Demand {
	d := timetable.Demand{Service: "S", Minutes: pick(r, 15, 20, 30, 45, 60, 5)}
	institutions := slices.Clone(hosted)
	r.Shuffle(3, func(i, j int) { institutions[i], institutions[j] = institutions[j], institutions[i] })
	institutions = institutions[:pick(r, 1, 2, 2, 2, 3)]
	if r.IntN(4) == 0 {
		d.NeedsAny = institutions
	} else {
		d.Needs, d.MayCover = institutions, r.IntN(3) == 0
	}
	if r.IntN(2) == 0 {
		d.Step = pick(r, 5, 10, 15, 30, 60)
	}
	if r.IntN(3) == 0 {
		d.Before, d.After = 5*r.IntN(5), 5*r.IntN(5)
	}
	if r.IntN(25) == 0 {
		d.Minutes, d.Step, d.After = 325+5*r.IntN(5), 15, 5*r.IntN(3)
	}
	if r.IntN(4) == 0 {
		d.Rooms = 1 + r.IntN(2)
	}
	if r.IntN(3) == 0 {
		d.Language, d.MustSpeak = "ar", r.IntN(2) == 0
	}
	return d
}

func (c *made) newPerson(r *rand.Rand, i int) person {
	p := person{appointments: r.IntN(3), Person: timetable.Person{
		ID: fmt.Sprintf("%c%d", 'a'+r.IntN(20), i), Acts: some(r, hosted...), Languages: some(r, "it", "ar"), Mediator: r.IntN(7) == 0,
	}}
	if len(p.Acts) == 0 {
		p.Acts = []string{"CPI"}
	}
	if r.IntN(5) == 0 {
		p.Services = some(r, "S", "T")
	}
	p.present = []timetable.Span{timetable.Day(c.date, c.zone)}
	if r.IntN(3) == 0 {
		p.present = c.spans(r, 1+r.IntN(4), timetable.Grid)
	}
	if r.IntN(5) == 0 {
		p.absent = c.spans(r, 1, timetable.Grid)
	}
	p.claims = c.spans(r, r.IntN(4), timetable.Grid)
	p.external = c.spans(r, r.IntN(2), 1)
	return p
}

// spans returns n stretches of the day, some beyond its ends, on a grid of minutes.
func (c *made) spans(r *rand.Rand, n, grid int) []timetable.Span {
	day := timetable.Day(c.date, c.zone)
	var out []timetable.Span
	for range n {
		from := day.From.Add(time.Duration((r.IntN(1500)-30)/grid*grid) * time.Minute)
		length := 1 + r.IntN(120)
		if grid > 1 {
			length = grid * (1 + r.IntN(30))
		}
		out = append(out, timetable.Span{From: from, Until: from.Add(time.Duration(length) * time.Minute)})
	}
	return out
}

func (c *made) newTerms(r *rand.Rand) timetable.Terms {
	t := timetable.Terms{
		Now:    c.date.At(timetable.Clock(r.IntN(1440)), c.zone).Add(-time.Duration(r.IntN(20*24)) * time.Hour),
		Window: timetable.Window{LeadMinMinutes: r.IntN(180), LeadMaxDays: 18},
		Ended:  r.IntN(40) == 0,
	}
	quotas := timetable.Quotas{"kiosk": r.IntN(12), "online": r.IntN(12)}
	made := r.IntN(3)
	t.Used = quotas.Used(c.channel, made, c.date, timetable.DateOf(t.Now))
	wanted := c.channel != "staff" && made >= quotas[c.channel] && timetable.DateOf(t.Now) != c.date
	if t.Used != wanted {
		panic("quota")
	}
	return t
}

// supply is the day as the engine gets it.
func (c *made) supply() timetable.Supply {
	s := timetable.Supply{Scale: timetable.ScaleOf(c.date, c.zone)}
	for _, institution := range hosted {
		s.Hours = append(s.Hours, c.calendar.HoursOf(c.date, s.Scale, institution, c.channel))
	}
	for i := range c.people {
		p := &c.people[i]
		blocks := &timetable.Blocks{Absent: s.Touched(p.absent), Claimed: s.Touched(p.claims), External: s.Touched(p.external)}
		s.Officers = append(s.Officers, timetable.Officer{
			Person: &p.Person, Appointments: p.appointments, Present: s.Inside(p.present),
			Busy: blocks.Absent.Or(blocks.Claimed).Or(blocks.External), Blocks: blocks,
		})
	}
	for i, taken := range c.rooms {
		s.Rooms = append(s.Rooms, timetable.Room{ID: fmt.Sprint(i), Busy: s.Touched(taken)})
	}
	return s
}

// work fills in when each institution opens and is closed, by the rules at the top of the package.
func (c *made) work() {
	c.opening, c.closed = map[string][]bool{}, map[string][]bool{}
	day := timetable.Day(c.date, c.zone)
	minutes := int(day.Until.Sub(day.From) / time.Minute)
	for _, institution := range hosted {
		opening, closed := make([]bool, minutes), make([]bool, minutes)
		rest := c.rests(institution)
		series := slices.DeleteFunc(slices.Clone(c.calendar.Series), func(s timetable.Series) bool {
			return rest || !names(s.Institutions, institution) || !names(s.Channels, c.channel) || !c.falls(s)
		})
		for m := range minutes {
			at := day.From.Add(time.Duration(m) * time.Minute)
			regular := slices.ContainsFunc(series, func(s timetable.Series) bool { return c.inside(s.Intervals, at) })
			extra := slices.ContainsFunc(c.calendar.Extras, func(e timetable.Extra) bool {
				return e.Date == c.date && c.inside(e.Intervals, at)
			})
			opening[m] = extra || regular
			closed[m] = slices.ContainsFunc(c.calendar.Closures, func(k timetable.Closure) bool {
				return c.holds(k, institution) && c.inside(k.Intervals, at)
			})
		}
		c.opening[institution], c.closed[institution] = opening, closed
	}
}

func names(list []string, one string) bool { return len(list) == 0 || slices.Contains(list, one) }

func (c *made) holds(k timetable.Closure, institution string) bool {
	return names(k.Institutions, institution) && !c.date.Before(k.From) && !c.date.After(k.Until)
}

func (c *made) rests(institution string) bool {
	_, holiday := timetable.Holiday(c.date)
	return holiday || c.date.Month == 5 && c.date.Day == 19 ||
		slices.ContainsFunc(c.calendar.Closures, func(k timetable.Closure) bool {
			return len(k.Intervals) == 0 && c.holds(k, institution)
		})
}

// falls counts weeks and weekdays one by one.
func (c *made) falls(s timetable.Series) bool {
	if !s.Until.IsZero() && c.date.After(s.Until) || c.date.Before(s.From) {
		return false
	}
	if len(s.Nth) > 0 {
		before, after := 1, -1
		for d := c.date.AddDays(-7); d.Month == c.date.Month; d = d.AddDays(-7) {
			before++
		}
		for d := c.date.AddDays(7); d.Month == c.date.Month; d = d.AddDays(7) {
			after--
		}
		return slices.Contains(s.Nth, before) || slices.Contains(s.Nth, after)
	}
	if s.EveryWeeks < 2 {
		return true
	}
	week := 0
	for d := s.From; d != c.date; {
		d = d.AddDays(1)
		if d.Weekday() == time.Monday {
			week++
		}
	}
	return week%s.EveryWeeks == 0
}

func (c *made) inside(all []timetable.Interval, at time.Time) bool {
	return slices.ContainsFunc(all, func(i timetable.Interval) bool {
		return !at.Before(c.date.At(i.From, c.zone)) && at.Before(c.date.At(i.Until, c.zone))
	})
}

// starts answers what Plan.Starts does.
func (c *made) starts() []timetable.Start {
	var found []timetable.Start
	for m := 0; m < len(c.opening["CPI"]); m += timetable.Grid {
		if !c.bookable(m) || c.roomsAt(m) < c.demand.Rooms {
			continue
		}
		if ways := len(c.teams(m)); ways > 0 {
			found = append(found, timetable.Start{Bit: m / timetable.Grid, Ways: ways})
		}
	}
	return found
}

func (c *made) bookable(m int) bool {
	released := c.date.AddDays(-c.terms.Window.LeadMaxDays).At(0, c.zone)
	lead := time.Duration(c.terms.Window.LeadMinMinutes) * time.Minute
	return !c.terms.Ended && !c.terms.Used && !c.terms.Now.Before(released) && !c.at(m).Add(-lead).Before(c.terms.Now)
}

func (c *made) at(m int) time.Time {
	return c.date.At(0, c.zone).Add(time.Duration(m) * time.Minute)
}

// begins reports whether a slot of all these institutions may begin at m.
func (c *made) begins(institutions []string, m int) bool {
	common := func(m int) bool {
		return m >= 0 && m < len(c.opening["CPI"]) &&
			!slices.ContainsFunc(institutions, func(i string) bool { return !c.opening[i][m] })
	}
	for at := m; at < m+c.demand.Minutes; at++ {
		if !common(at) || slices.ContainsFunc(institutions, func(i string) bool { return c.closed[i][at] }) {
			return false
		}
	}
	first := m
	for common(first - 1) {
		first--
	}
	step := c.demand.Step
	if step == 0 {
		step = c.demand.Minutes
	}
	return (m-first)%step == 0
}

// freeFrom reports whether none of spans touches the minutes m to until of the day.
func (c *made) freeFrom(spans []timetable.Span, m, until int) bool {
	from, to := c.at(max(0, m)), c.at(min(until, len(c.opening["CPI"])))
	return !slices.ContainsFunc(spans, func(s timetable.Span) bool { return s.From.Before(to) && from.Before(s.Until) })
}

func (c *made) isFree(p *person, m int) bool {
	for at := m; at < m+c.demand.Minutes; at++ {
		if !slices.ContainsFunc(p.present, func(s timetable.Span) bool { return !c.at(at).Before(s.From) && c.at(at).Before(s.Until) }) {
			return false
		}
	}
	from, until := m-c.demand.Before, m+c.demand.Minutes+c.demand.After
	return c.freeFrom(p.absent, from, until) && c.freeFrom(p.claims, from, until) && c.freeFrom(p.external, from, until)
}

func (c *made) roomsAt(m int) int {
	n := 0
	for _, taken := range c.rooms {
		if c.freeFrom(taken, m-c.demand.Before, m+c.demand.Minutes+c.demand.After) {
			n++
		}
	}
	return n
}

// teams returns every set of people who can do an appointment at m, as places in c.people.
func (c *made) teams(m int) [][]int {
	if len(c.demand.Needs) > 0 && !c.begins(c.demand.Needs, m) {
		return nil
	}
	var able []int
	for i := range c.people {
		if p := &c.people[i]; names(p.Services, "S") && c.isFree(p, m) {
			able = append(able, i)
		}
	}
	var found [][]int
	for set := 1; set < 1<<len(able); set++ {
		var team []int
		for n, i := range able {
			if set>>n&1 == 1 {
				team = append(team, i)
			}
		}
		if c.suffices(team, m) {
			found = append(found, team)
		}
	}
	return found
}

// suffices reports whether a team is neither too small nor too large.
func (c *made) suffices(team []int, m int) bool {
	var officers, mediators []int
	speak := false
	for _, i := range team {
		if c.people[i].Mediator {
			mediators = append(mediators, i)
			continue
		}
		officers = append(officers, i)
		speak = speak || slices.Contains(c.people[i].Languages, c.demand.Language)
	}
	helped := len(mediators) == 1 && slices.Contains(c.people[mediators[0]].Languages, c.demand.Language)
	if asked := c.demand.MustSpeak && !speak; asked && !helped || !asked && len(mediators) > 0 {
		return false
	}
	if len(c.demand.NeedsAny) > 0 {
		return len(officers) == 1 && slices.ContainsFunc(c.demand.NeedsAny, func(i string) bool {
			return slices.Contains(c.people[officers[0]].Acts, i) && c.begins([]string{i}, m)
		})
	}
	if c.demand.MayCover && len(officers) == 1 {
		return !slices.ContainsFunc(c.demand.Needs, func(i string) bool { return !slices.Contains(c.people[officers[0]].Acts, i) })
	}
	return len(officers) == len(c.demand.Needs) && c.matches(officers, c.demand.Needs)
}

// matches tries every order.
func (c *made) matches(officers []int, needs []string) bool {
	if len(needs) == 0 {
		return true
	}
	for n, i := range officers {
		rest := append(slices.Clone(officers[:n]), officers[n+1:]...)
		if slices.Contains(c.people[i].Acts, needs[0]) && c.matches(rest, needs[1:]) {
			return true
		}
	}
	return false
}

// best returns who is in the team that is to be chosen: of all teams the first by the order of their
// people, except that one officer who covers goes before all among whom as few speak.
func (c *made) best(m int) string {
	order := make([]int, len(c.people))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(c.rank(a), c.rank(b)) })
	places := func(team []int) []int {
		var out []int
		for _, i := range team {
			out = append(out, slices.Index(order, i))
		}
		slices.Sort(out)
		return out
	}
	teams := c.teams(m)
	slices.SortFunc(teams, func(a, b []int) int {
		if c.demand.MayCover && len(c.demand.Needs) > 1 {
			if x, y := c.voices(a), c.voices(b); x != y {
				return y - x
			}
			if x, y := c.count(a), c.count(b); x != y {
				return min(x, 2) - min(y, 2)
			}
		}
		officers := slices.Compare(places(c.officers(a)), places(c.officers(b)))
		if officers != 0 {
			return officers
		}
		return slices.Compare(places(a), places(b))
	})
	var ids []string
	for _, i := range teams[0] {
		ids = append(ids, c.people[i].ID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// rank is a text by which people sort as they are chosen.
func (c *made) rank(i int) string {
	p := c.people[i]
	language := 1
	if slices.Contains(p.Languages, c.demand.Language) {
		language = 0
	}
	return fmt.Sprintf("%d %03d %s", language, p.appointments, p.ID)
}

func (c *made) officers(team []int) []int {
	return slices.DeleteFunc(slices.Clone(team), func(i int) bool { return c.people[i].Mediator })
}

func (c *made) count(team []int) int { return len(c.officers(team)) }

// voices is 1 when an officer of the team speaks the language.
func (c *made) voices(team []int) int {
	if slices.ContainsFunc(c.officers(team), func(i int) bool { return slices.Contains(c.people[i].Languages, c.demand.Language) }) {
		return 1
	}
	return 0
}
