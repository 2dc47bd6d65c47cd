package forecast_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/queue/forecast"
	"sportello/queue/rule"
)

// at returns a moment of the test morning.
func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", "2026-12-03 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func minutes(n float64) time.Duration { return time.Duration(n * float64(time.Minute)) }

// exact are service times without spread.
func exact() map[string]forecast.Time {
	return map[string]forecast.Time{
		"CPI": {Median: minutes(10)}, "INPS": {Median: minutes(15)}, "JOINT": {Median: minutes(30)},
	}
}

// waiting returns a ticket for the institution named by service, or for both.
func waiting(id, service, due string) rule.Ticket {
	need := rule.Need{All: []string{service}}
	if service == "JOINT" {
		need.All = []string{"CPI", "INPS"}
	}
	return rule.Ticket{ID: id, Due: at(due), Service: service, Need: need}
}

// newcomer returns the same for somebody issued after all who wait.
func newcomer(id, service, due string) rule.Ticket {
	t := waiting(id, service, due)
	t.Seq = 1000
	return t
}

// booked returns an appointment whose holder arrived in time.
func booked(id, service, start string) rule.Ticket {
	t := waiting(id, service, start)
	t.Start, t.Due = at(start), at(start).Add(-time.Hour)
	return t
}

func desk(id string, institutions ...string) forecast.Desk {
	return forecast.Desk{Desk: rule.Desk{
		ID: id, Institutions: institutions, Services: map[string]bool{"CPI": true, "INPS": true, "JOINT": true, "NEW": true},
	}}
}

func busy(d forecast.Desk, service, since string) forecast.Desk {
	d.Busy, d.Serving, d.Since = true, service, at(since)
	return d
}

func paused(d forecast.Desk, backAt string) forecast.Desk {
	d.Paused = true
	if backAt != "" {
		d.BackAt = at(backAt)
	}
	return d
}

func TestWaitsWithoutSpread(t *testing.T) {
	with := func(t rule.Ticket, change func(*rule.Ticket)) rule.Ticket { change(&t); return t }
	together := func(d forecast.Desk, ticket string) forecast.Desk { d.Ticket = ticket; return d }
	expected := func(d forecast.Desk, free string) forecast.Desk { d.FreeAt = at(free); return d }
	unknown := func(id, institution string, length float64, desk string) rule.Ticket {
		return rule.Ticket{
			ID: id, Due: at("09:00"), Service: "NEW", Need: rule.Need{All: []string{institution}}, Length: minutes(length), Desk: desk,
		}
	}
	cpi1, inps2 := desk("1", "CPI"), desk("2", "INPS")

	tests := []struct {
		name    string
		now     string
		tickets []rule.Ticket
		coming  []rule.Ticket
		desks   []forecast.Desk
		noHold  bool
		want    map[string]float64 // minutes
	}{
		{
			name: "nobody", now: "09:00", desks: []forecast.Desk{cpi1},
			want: map[string]float64{},
		},
		{
			name: "no desk", now: "09:00", tickets: []rule.Ticket{waiting("A", "CPI", "09:00")},
			want: map[string]float64{},
		},
		{
			name: "one desk", now: "09:00", desks: []forecast.Desk{cpi1},
			tickets: []rule.Ticket{waiting("C", "CPI", "08:52"), waiting("A", "CPI", "08:50"), waiting("B", "CPI", "08:51")},
			want:    map[string]float64{"A": 0, "B": 10, "C": 20},
		},
		{
			name: "two desks", now: "09:00", desks: []forecast.Desk{cpi1, desk("2", "CPI")},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50"), waiting("B", "CPI", "08:51"), waiting("C", "CPI", "08:52")},
			want:    map[string]float64{"A": 0, "B": 0, "C": 10},
		},
		{
			name: "two institutions, and one nobody serves", now: "09:00", desks: []forecast.Desk{cpi1, inps2},
			tickets: []rule.Ticket{
				waiting("A", "CPI", "08:50"), waiting("B", "CPI", "08:51"), waiting("C", "INPS", "08:52"),
				waiting("D", "INPS", "08:53"), waiting("E", "COMUNE", "08:00"),
			},
			want: map[string]float64{"A": 0, "B": 10, "C": 0, "D": 15},
		},
		{
			name: "a desk for two institutions takes whoever is due", now: "09:00", desks: []forecast.Desk{cpi1, desk("2", "CPI", "INPS")},
			tickets: []rule.Ticket{
				waiting("A", "CPI", "08:50"), waiting("B", "INPS", "08:51"), waiting("C", "CPI", "08:52"), waiting("D", "INPS", "08:53"), waiting("E", "CPI", "08:54"),
			},
			// 09:00 A at 1, B at 2; 09:10 C at 1; 09:15 D at 2; 09:20 E at 1.
			want: map[string]float64{"A": 0, "B": 0, "C": 10, "D": 15, "E": 20},
		},
		{
			name: "precedence", now: "09:00", desks: []forecast.Desk{cpi1},
			tickets: []rule.Ticket{
				waiting("A", "CPI", "08:40"), waiting("B", "CPI", "08:50"),
				with(waiting("C", "CPI", "08:58"), func(t *rule.Ticket) { t.Lead, t.Due = 20*time.Minute, at("08:38") }),
			},
			want: map[string]float64{"C": 0, "A": 10, "B": 20},
		},
		{
			name: "an appointment is taken at its time, after those that waited an hour", now: "09:40", desks: []forecast.Desk{cpi1},
			tickets: []rule.Ticket{
				booked("P", "CPI", "10:00"), waiting("A", "CPI", "08:55"), waiting("B", "CPI", "09:10"),
				waiting("C", "CPI", "09:20"), waiting("D", "CPI", "08:58"),
			},
			// 09:40 A, 09:50 D, 10:00 P, then B and C.
			want: map[string]float64{"A": 0, "D": 10, "P": 20, "B": 30, "C": 40},
		},
		{
			name: "an appointment before its time when nobody else is there", now: "09:00", desks: []forecast.Desk{cpi1},
			tickets: []rule.Ticket{booked("P", "CPI", "10:00"), waiting("A", "CPI", "08:55")},
			want:    map[string]float64{"A": 0, "P": 10},
		},
		{
			name: "a busy desk", now: "09:00", desks: []forecast.Desk{busy(cpi1, "CPI", "08:56")},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50"), waiting("B", "CPI", "08:51")},
			want:    map[string]float64{"A": 6, "B": 16},
		},
		{
			name: "a desk that should be free by now needs another minute", now: "09:00", desks: []forecast.Desk{busy(cpi1, "CPI", "08:30")},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50")},
			want:    map[string]float64{"A": 1},
		},
		{
			name: "a desk busy with a service nobody knows", now: "09:00", desks: []forecast.Desk{busy(cpi1, "NEW", "08:56")},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50")},
			want:    map[string]float64{"A": 1},
		},
		{
			name: "the same, but it is known when it is free", now: "09:00", desks: []forecast.Desk{expected(busy(cpi1, "NEW", "08:56"), "09:07")},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50")},
			want:    map[string]float64{"A": 7},
		},
		{
			name: "a paused desk that said when it is back", now: "09:00", desks: []forecast.Desk{cpi1, paused(desk("2", "CPI"), "09:15")},
			tickets: []rule.Ticket{
				waiting("A", "CPI", "08:50"), waiting("B", "CPI", "08:51"), waiting("C", "CPI", "08:52"), waiting("D", "CPI", "08:53"),
			},
			// 09:00 A, 09:10 B at 1; 09:15 C at 2; 09:20 D at 1.
			want: map[string]float64{"A": 0, "B": 10, "C": 15, "D": 20},
		},
		{
			name: "it should be back already", now: "09:00", desks: []forecast.Desk{paused(cpi1, "08:50")},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50")},
			want:    map[string]float64{"A": 1},
		},
		{
			name: "it pauses after whom it is serving", now: "09:00", desks: []forecast.Desk{busy(paused(cpi1, "09:05"), "CPI", "08:58")},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50")},
			want:    map[string]float64{"A": 8},
		},
		{
			name: "a paused desk that said nothing", now: "09:00", desks: []forecast.Desk{busy(paused(cpi1, ""), "CPI", "08:58")},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50")},
			want:    map[string]float64{},
		},
		{
			name: "a service without a learned time takes the ticket's length", now: "09:00", desks: []forecast.Desk{cpi1},
			tickets: []rule.Ticket{
				with(waiting("A", "NEW", "08:50"), func(t *rule.Ticket) { t.Need.All, t.Length = []string{"CPI"}, minutes(25) }), waiting("B", "CPI", "08:51"),
			},
			want: map[string]float64{"A": 0, "B": 25},
		},
		{
			name: "a joint ticket takes both desks until it ends", now: "09:00", desks: []forecast.Desk{cpi1, inps2},
			tickets: []rule.Ticket{waiting("J", "JOINT", "08:30"), waiting("A", "CPI", "08:40"), waiting("B", "INPS", "08:41"), waiting("C", "CPI", "08:42")},
			want:    map[string]float64{"J": 0, "A": 30, "B": 30, "C": 40},
		},
		{
			name: "a joint ticket waits for both desks", now: "09:00", desks: []forecast.Desk{cpi1, inps2},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:00"), waiting("J", "JOINT", "08:30"), waiting("B", "INPS", "08:40")},
			// 09:00 A at 1 and, as J lacks 1, B at 2; 09:10 1 is free, 09:15 both.
			want: map[string]float64{"A": 0, "B": 0, "J": 15},
		},
		{
			name: "a joint ticket without one of its institutions", now: "09:00", desks: []forecast.Desk{cpi1, paused(inps2, "")},
			tickets: []rule.Ticket{waiting("J", "JOINT", "08:30"), waiting("A", "CPI", "08:40")},
			want:    map[string]float64{"A": 0},
		},
		{
			name: "desks with the same joint ticket end together", now: "09:00",
			desks:   []forecast.Desk{together(busy(cpi1, "JOINT", "08:40"), "J"), together(busy(inps2, "JOINT", "08:40"), "J")},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50"), waiting("B", "INPS", "08:51"), waiting("K", "JOINT", "08:52")},
			// 09:10 A and B, 09:20 1 free, 09:25 both.
			want: map[string]float64{"A": 10, "B": 10, "K": 25},
		},
		{
			name: "a joint appointment holds its desks", now: "09:40", desks: []forecast.Desk{cpi1, busy(inps2, "INPS", "09:35")},
			tickets: []rule.Ticket{
				booked("J", "JOINT", "10:00"), waiting("A", "CPI", "09:30"), waiting("B", "CPI", "09:31"),
				waiting("C", "CPI", "09:32"), waiting("D", "INPS", "09:33"),
			},
			// 09:40 A and 09:50 B fit at 1; at 09:50 D would last until 10:05; 10:00 J; 10:30 C and D.
			want: map[string]float64{"A": 0, "B": 10, "J": 20, "C": 50, "D": 50},
		},
		{
			name: "the same without holding", now: "09:40", noHold: true, desks: []forecast.Desk{cpi1, busy(inps2, "INPS", "09:35")},
			tickets: []rule.Ticket{
				booked("J", "JOINT", "10:00"), waiting("A", "CPI", "09:30"), waiting("B", "CPI", "09:31"),
				waiting("C", "CPI", "09:32"), waiting("D", "INPS", "09:33"),
			},
			// 09:50 D at 2 and B at 1; 10:00 C at 1; 10:05 2 is free, 10:10 both.
			want: map[string]float64{"A": 0, "B": 10, "C": 20, "D": 10, "J": 30},
		},
		{
			name: "an idle pair takes a joint appointment before its time", now: "09:40", desks: []forecast.Desk{cpi1, inps2},
			tickets: []rule.Ticket{booked("J", "JOINT", "10:00"), waiting("A", "CPI", "09:30")},
			// 09:40 A fits; 09:50 both are free and nobody else is there.
			want: map[string]float64{"A": 0, "J": 10},
		},
		{
			name: "a hold ends when the service begun before it is expected to end", now: "09:25", desks: []forecast.Desk{cpi1, inps2},
			tickets: []rule.Ticket{
				booked("J", "JOINT", "10:00"), unknown("L", "INPS", 45, ""), waiting("A", "CPI", "09:01"),
				waiting("B", "CPI", "09:02"), waiting("C", "CPI", "09:03"), waiting("D", "CPI", "09:04"), waiting("E", "CPI", "09:05"),
			},
			// L until 10:10, so D, who ends at 10:05, still fits at 1 and E does not; 10:10 J, 10:40 E.
			want: map[string]float64{"L": 0, "A": 0, "B": 10, "C": 20, "D": 30, "J": 45, "E": 75},
		},
		{
			name: "a desk whose hold ends as a later one calls its ticket calls at once", now: "09:50",
			desks: []forecast.Desk{cpi1, inps2, desk("3", "CPI"), desk("4", "INPS")},
			tickets: []rule.Ticket{
				booked("J", "JOINT", "10:00"), unknown("T", "INPS", 10, ""), unknown("X", "CPI", 15, "1"),
			},
			// 1 is held, X does not fit, and J may not take 2 or 4 from T; 2 takes T, 3 and 4 take J.
			want: map[string]float64{"T": 0, "J": 0, "X": 0},
		},
		{
			name: "newcomers, each as if the only one", now: "09:00", desks: []forecast.Desk{busy(cpi1, "CPI", "08:56"), inps2},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:50"), waiting("B", "INPS", "08:51")},
			coming: []rule.Ticket{
				newcomer("X", "CPI", "09:00"), newcomer("Y", "CPI", "09:00"), newcomer("Z", "INPS", "09:00"),
				newcomer("J", "JOINT", "09:00"), newcomer("N", "COMUNE", "09:00"),
			},
			// 09:00 B until 09:15, 09:06 A until 09:16.
			want: map[string]float64{"A": 6, "B": 0, "X": 16, "Y": 16, "Z": 15, "J": 16},
		},
		{
			name: "a newcomer with precedence", now: "09:00", desks: []forecast.Desk{cpi1},
			tickets: []rule.Ticket{waiting("A", "CPI", "08:35"), waiting("B", "CPI", "08:50"), waiting("C", "CPI", "08:51")},
			coming:  []rule.Ticket{newcomer("X", "CPI", "08:40"), newcomer("Y", "CPI", "09:00")},
			want:    map[string]float64{"A": 0, "B": 10, "C": 20, "X": 10, "Y": 30},
		},
		{
			name: "a newcomer goes before an appointment whose time has not come", now: "09:00", desks: []forecast.Desk{cpi1},
			tickets: []rule.Ticket{booked("P", "CPI", "10:00")},
			coming:  []rule.Ticket{newcomer("X", "CPI", "09:00")},
			want:    map[string]float64{"P": 0, "X": 0},
		},
		{
			name: "a newcomer and a hold", now: "09:50", desks: []forecast.Desk{cpi1, busy(inps2, "INPS", "09:45")},
			tickets: []rule.Ticket{booked("J", "JOINT", "10:00")},
			coming: []rule.Ticket{
				newcomer("X", "CPI", "09:50"), with(newcomer("Y", "CPI", "09:50"), func(t *rule.Ticket) { t.Length = minutes(15) }),
			},
			// X fits before 10:00; Y does not, and comes after J.
			want: map[string]float64{"J": 10, "X": 0, "Y": 40},
		},
		{
			name: "a joint walk-in holds its desks", now: "09:40", desks: []forecast.Desk{cpi1, busy(inps2, "INPS", "09:35")},
			tickets: []rule.Ticket{
				waiting("J", "JOINT", "09:00"), waiting("A", "CPI", "09:30"), waiting("B", "CPI", "09:31"),
				waiting("C", "CPI", "09:32"), waiting("D", "INPS", "09:33"),
			},
			// 09:40 A at 1; 09:50 both are free and nobody is due before J; 10:20 B and D; 10:30 C.
			want: map[string]float64{"A": 0, "J": 10, "B": 40, "C": 50, "D": 40},
		},
		{
			name: "the same without holding", now: "09:40", noHold: true, desks: []forecast.Desk{cpi1, busy(inps2, "INPS", "09:36")},
			tickets: []rule.Ticket{
				waiting("J", "JOINT", "09:00"), waiting("A", "CPI", "09:30"), waiting("B", "CPI", "09:31"),
				waiting("C", "CPI", "09:32"), waiting("D", "INPS", "09:33"),
			},
			// 09:50 B and 10:00 C at 1, 09:51 D at 2; 10:06 2 is free, 10:10 both.
			want: map[string]float64{"A": 0, "B": 10, "C": 20, "D": 11, "J": 30},
		},
		{
			name: "a joint walk-in begins to hold while its desks work", now: "09:24", desks: []forecast.Desk{cpi1, inps2},
			tickets: []rule.Ticket{
				waiting("J", "JOINT", "09:00"), waiting("A", "CPI", "08:55"), waiting("B", "CPI", "08:56"), waiting("C", "CPI", "08:57"),
				waiting("D", "CPI", "08:58"), waiting("E", "INPS", "08:51"), waiting("F", "INPS", "08:52"), waiting("G", "INPS", "08:53"),
			},
			// Until 10:00, A, B and C at 1 and E and F at 2 end in time; at 09:54 D and G do not, and J begins.
			want: map[string]float64{"A": 0, "B": 10, "C": 20, "E": 0, "F": 15, "J": 30, "D": 60, "G": 60},
		},
		{
			name: "a joint newcomer will hold its desks", now: "09:00", desks: []forecast.Desk{cpi1, busy(inps2, "INPS", "08:52")},
			tickets: []rule.Ticket{
				waiting("A", "CPI", "08:50"), waiting("B", "CPI", "08:51"), waiting("C", "CPI", "08:52"), waiting("D", "CPI", "08:53"),
				waiting("E", "CPI", "08:54"), waiting("F", "CPI", "08:55"), waiting("G", "INPS", "08:50"), waiting("H", "INPS", "08:51"),
				waiting("I", "INPS", "08:52"), waiting("K", "INPS", "08:53"),
			},
			coming: []rule.Ticket{newcomer("J", "JOINT", "09:00"), newcomer("X", "INPS", "09:00")},
			// 09:07 G, 09:22 H, 09:37 I; were J there, 2 would wait for 1 from 09:52, as K would last until 10:07.
			want: map[string]float64{"A": 0, "B": 10, "C": 20, "D": 30, "E": 40, "F": 50, "G": 7, "H": 22, "I": 37, "K": 52, "J": 60, "X": 67},
		},
		{
			name: "a joint newcomer without one of its institutions", now: "09:00", desks: []forecast.Desk{cpi1, paused(inps2, "")},
			coming: []rule.Ticket{newcomer("J", "JOINT", "09:00"), newcomer("X", "CPI", "09:00")},
			want:   map[string]float64{"X": 0},
		},
		{
			name: "a newcomer due at the same moment as who is called goes by order of issue", now: "09:00", desks: []forecast.Desk{cpi1},
			tickets: []rule.Ticket{with(waiting("A", "CPI", "08:50"), func(t *rule.Ticket) { t.Seq = 5 })},
			coming: []rule.Ticket{
				with(newcomer("X", "CPI", "08:50"), func(t *rule.Ticket) { t.Seq = 4 }),
				with(newcomer("Y", "CPI", "08:50"), func(t *rule.Ticket) { t.Seq = 6 }),
			},
			want: map[string]float64{"A": 0, "X": 0, "Y": 10},
		},
		{
			name: "a newcomer to an empty lobby", now: "09:00", desks: []forecast.Desk{cpi1},
			coming: []rule.Ticket{newcomer("X", "CPI", "09:00")},
			want:   map[string]float64{"X": 0},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := forecast.State{
				Now: at(tt.now), Tickets: tt.tickets, Newcomers: tt.coming, Desks: tt.desks, Times: exact(),
				Options: rule.Options{W: time.Hour, Hold: !tt.noHold},
			}
			want := make(map[string]forecast.Wait)
			for id, m := range tt.want {
				want[id] = forecast.Wait{Low: minutes(m), High: minutes(m)}
			}
			if diff := cmp.Diff(want, forecast.Waits(s)); diff != "" {
				t.Errorf("waits (-want +got):\n%s", diff)
			}
		})
	}
}

// randomState makes a lobby with appointments and joint tickets.
func randomState(r *rand.Rand, tickets int) forecast.State {
	s := forecast.State{Now: at("10:00"), Options: rule.Options{W: time.Hour, Hold: r.IntN(4) > 0}, Times: exact(), Runs: 5}
	for service, t := range s.Times {
		t.Spread = 0.5
		s.Times[service] = t
	}
	names := []string{"CPI", "INPS"}
	for i := range 2 + r.IntN(5) {
		d := desk(fmt.Sprint(i+1), names[r.IntN(2)])
		switch r.IntN(5) {
		case 0:
			d.Institutions = names
		case 1:
			d = busy(d, names[r.IntN(2)], "09:55")
		case 2:
			d = paused(d, []string{"", "10:20"}[r.IntN(2)])
		}
		s.Desks = append(s.Desks, d)
	}
	for i := range tickets {
		service := []string{"CPI", "INPS", "CPI", "INPS", "JOINT"}[r.IntN(5)]
		t := waiting(fmt.Sprintf("A%03d", i), service, "10:00")
		t.Seq, t.Due = int64(i), t.Due.Add(-time.Duration(r.IntN(90))*time.Minute)
		t.Need.CoverAlone = r.IntN(4) == 0
		if r.IntN(3) == 0 {
			t.Start = at("09:50").Add(time.Duration(r.IntN(60)) * time.Minute)
			t.Due = t.Start.Add(-time.Hour)
		}
		if r.IntN(10) == 0 {
			t.Released = []string{"1", "2"}
		}
		s.Tickets = append(s.Tickets, t)
	}
	return s
}

// servable reports by trial whether desks open or coming back can ever take t.
func servable(s forecast.State, t rule.Ticket) bool {
	var cpi, inps, both int // desks that act for the one, for the other, for both alone
	for _, d := range s.Desks {
		if d.Paused && d.BackAt.IsZero() {
			continue
		}
		actsCPI, actsINPS := slices.Contains(d.Institutions, "CPI"), slices.Contains(d.Institutions, "INPS")
		switch {
		case actsCPI && actsINPS:
			both++
		case actsCPI:
			cpi++
		case actsINPS:
			inps++
		}
	}
	switch {
	case len(t.Need.All) == 1 && t.Need.All[0] == "CPI":
		return cpi+both > 0
	case len(t.Need.All) == 1:
		return inps+both > 0
	case t.Need.CoverAlone && both > 0:
		return true
	default:
		return cpi+both > 0 && inps+both > 0 && cpi+inps+both > 1
	}
}

func TestWhoeverCanBeServedIsCalledInTheEnd(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	for range 300 {
		s := randomState(r, r.IntN(30))
		waits := forecast.Waits(s)
		for _, ticket := range s.Tickets {
			w, got := waits[ticket.ID]
			if want := servable(s, ticket); got != want {
				t.Fatalf("%s is called: got %v, want %v\n%+v", ticket.ID, got, want, s)
			}
			if w.Low < 0 || w.High < w.Low {
				t.Errorf("%s: range %v", ticket.ID, w)
			}
		}
	}
}

func TestSameStateSameAnswer(t *testing.T) {
	r := rand.New(rand.NewPCG(8, 8))
	for range 20 {
		s := randomState(r, 20)
		want := forecast.Waits(s)
		slices.Reverse(s.Tickets)
		slices.Reverse(s.Desks)
		if diff := cmp.Diff(want, forecast.Waits(s)); diff != "" {
			t.Fatalf("in reverse (-want +got):\n%s", diff)
		}
	}
}

func TestWaitsDoesNotChangeItsState(t *testing.T) {
	s := randomState(rand.New(rand.NewPCG(9, 9)), 20)
	again := randomState(rand.New(rand.NewPCG(9, 9)), 20)
	forecast.Waits(s)
	if diff := cmp.Diff(again, s); diff != "" {
		t.Errorf("state (-before +after):\n%s", diff)
	}
}

// The first in the queue waits for what remains of the service at the only desk, whose percentiles
// follow from the lognormal distribution cut off at the time already passed.
func TestWaitsWithSpread(t *testing.T) {
	tests := []struct {
		name      string
		since     string
		spread    float64
		low, high float64 // minutes
	}{
		{"just begun", "10:00", 0.5, 10 * math.Exp(-0.5*1.28155), 10 * math.Exp(0.5*1.28155)},
		{"at its median, half are left", "09:50", 0.5, 1, 10*math.Exp(0.5*1.64485) - 10},
		{"twice its median, 8.28 % are left", "09:40", 0.5, 1, 10*math.Exp(0.5*2.39621) - 20},
		{"narrow", "09:55", 0.1, 10*math.Exp(-0.1*1.28155) - 5, 10*math.Exp(0.1*1.28155) - 5},
		{"beyond what the distribution knows", "02:00", 0.1, 1, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := forecast.State{
				Now: at("10:00"), Runs: 20000,
				Tickets: []rule.Ticket{waiting("A", "CPI", "09:30")},
				Desks:   []forecast.Desk{busy(desk("1", "CPI"), "CPI", tt.since)},
				Times:   map[string]forecast.Time{"CPI": {Median: minutes(10), Spread: tt.spread}},
			}
			got := forecast.Waits(s)["A"]
			near(t, "low", got.Low.Minutes(), tt.low)
			near(t, "high", got.High.Minutes(), tt.high)
		})
	}
}

func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if math.Abs(got-want) > 0.03*want {
		t.Errorf("%s: got %.2f, want %.2f", what, got, want)
	}
}

func TestRunsGiveNearestRanks(t *testing.T) {
	s := forecast.State{
		Now: at("10:00"), Runs: 1,
		Tickets: []rule.Ticket{waiting("A", "CPI", "09:30")},
		Desks:   []forecast.Desk{busy(desk("1", "CPI"), "CPI", "10:00")},
		Times:   map[string]forecast.Time{"CPI": {Median: minutes(10), Spread: 0.5}},
	}
	one := forecast.Waits(s)["A"]
	if one.Low != one.High {
		t.Errorf("one run: got %v to %v", one.Low, one.High)
	}
	s.Runs = 0
	byDefault := forecast.Waits(s)["A"]
	s.Runs = 100
	if got := forecast.Waits(s)["A"]; got != byDefault || got.Low >= got.High {
		t.Errorf("a hundred runs: got %v, by default %v", got, byDefault)
	}
}

// Without spread, a newcomer is told what it would wait as a ticket.
func TestNewcomersWaitAsIfTheyHadATicket(t *testing.T) {
	r := rand.New(rand.NewPCG(10, 10))
	for range 300 {
		s := randomState(r, r.IntN(25))
		s.Times, s.Runs = exact(), 1
		for i, service := range []string{"CPI", "INPS", "CPI", "JOINT"} {
			s.Newcomers = append(s.Newcomers, newcomer(fmt.Sprint("N", i), service, []string{"10:00", "10:00", "09:40", "10:00"}[i]))
		}
		got := forecast.Waits(s)
		without := s
		without.Newcomers = nil
		for id, want := range forecast.Waits(without) {
			if got[id] != want {
				t.Fatalf("%s: got %v with newcomers, want %v\n%+v", id, got[id], want, s)
			}
		}
		for _, n := range s.Newcomers {
			alone := s
			alone.Tickets, alone.Newcomers = append(slices.Clone(s.Tickets), n), nil
			if diff := cmp.Diff(forecast.Waits(alone)[n.ID], got[n.ID]); diff != "" {
				t.Fatalf("%s (-as a ticket +as a newcomer):\n%s\n%+v", n.ID, diff, s)
			}
		}
	}
}

// Going from one moment at which a desk becomes free to the next misses nothing that going from
// minute to minute would find, whatever becomes callable or held between.
func TestNothingHappensBetweenTheMomentsThatCount(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 11))
	for range 200 {
		s := randomState(r, r.IntN(25))
		s.Times, s.Runs = exact(), 1
		if diff := cmp.Diff(everyMinute(s), forecast.Waits(s)); diff != "" {
			t.Fatalf("waits (-every minute +forecast):\n%s\n%+v", diff, s)
		}
	}
}

// everyMinute plays s once without spread, asking every free desk every minute.
func everyMinute(s forecast.State) map[string]forecast.Wait {
	var desks []rule.Desk
	var free []time.Time // when a desk busy or paused can call again; zero: never, or it can now
	for _, d := range s.Desks {
		switch {
		case d.Busy:
			d.FreeAt = d.Since.Add(s.Times[d.Serving].Median)
			free = append(free, d.FreeAt)
		default:
			free = append(free, d.BackAt)
		}
		desks = append(desks, d.Desk)
	}
	tickets := slices.Clone(s.Tickets)
	for i := range tickets {
		tickets[i].Length = s.Times[tickets[i].Service].Median
	}
	waits := make(map[string]forecast.Wait)
	for now := s.Now; now.Before(s.Now.Add(8 * time.Hour)); now = now.Add(time.Minute) {
		for d := range desks {
			if free[d].Equal(now) {
				desks[d].Busy, desks[d].Paused = false, false
			}
		}
		for again := true; again; {
			again = false
			for _, d := range desks {
				c, ok := rule.Next(now, d.ID, tickets, desks, s.Options)
				if !ok {
					continue
				}
				again = true
				waits[c.Ticket.ID] = forecast.Wait{Low: now.Sub(s.Now), High: now.Sub(s.Now)}
				tickets = slices.DeleteFunc(tickets, func(t rule.Ticket) bool { return t.ID == c.Ticket.ID })
				for d := range desks {
					if slices.Contains(c.Desks, desks[d].ID) {
						free[d] = now.Add(c.Ticket.Length)
						desks[d].Busy, desks[d].FreeAt = true, free[d]
					}
				}
			}
		}
	}
	return waits
}

func BenchmarkWaits(b *testing.B) {
	for _, bb := range []struct{ joint, newcomers int }{{0, 0}, {6, 0}, {6, 20}} {
		b.Run(fmt.Sprintf("%d joint, %d newcomers", bb.joint, bb.newcomers), func(b *testing.B) {
			s := busyMorning(bb.joint)
			services := []string{"CPI", "INPS", "CPI", "INPS", "CPI", "INPS", "CPI", "INPS", "CPI", "JOINT"}
			for i := range bb.newcomers {
				s.Newcomers = append(s.Newcomers, newcomer(fmt.Sprint("N", i), services[i%len(services)], "10:00"))
			}
			b.ReportAllocs()
			for b.Loop() {
				if got, want := len(forecast.Waits(s)), len(s.Tickets)+len(s.Newcomers); got != want {
					b.Fatalf("got %d waits, want %d", got, want)
				}
			}
		})
	}
}

// busyMorning has sixty tickets, so many of them joint appointments, and six desks.
func busyMorning(joints int) forecast.State {
	s := forecast.State{Now: at("10:00"), Options: rule.Options{W: time.Hour, Hold: true}, Times: exact()}
	for service, t := range s.Times {
		t.Spread = 0.5
		s.Times[service] = t
	}
	names := []string{"CPI", "INPS"}
	for i := range 6 {
		s.Desks = append(s.Desks, busy(desk(fmt.Sprint(i+1), names[i%2]), names[i%2], "09:55"))
	}
	for i := range 60 {
		t := waiting(fmt.Sprintf("A%03d", i), names[i%2], "09:00")
		t.Seq, t.Due = int64(i), t.Due.Add(time.Duration(i)*time.Minute)
		if i < joints {
			t = booked(t.ID, "JOINT", "10:00")
			t.Seq, t.Start, t.Due = int64(i), t.Start.Add(time.Duration(20*i)*time.Minute), t.Due.Add(time.Duration(20*i)*time.Minute)
		}
		s.Tickets = append(s.Tickets, t)
	}
	return s
}
