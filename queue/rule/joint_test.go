package rule_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/queue/rule"
)

// jointWalkIn returns a joint walk-in of half an hour, due at its issue.
func jointWalkIn(id string, seq int64, issued string) rule.Ticket {
	return rule.Ticket{ID: id, Seq: seq, Due: at(issued), Service: "JOINT", Need: both, Length: 30 * time.Minute}
}

// joint returns a joint appointment of half an hour, arrived, in an office whose W is an hour.
func joint(id string, seq int64, start string) rule.Ticket {
	return rule.Ticket{
		ID: id, Seq: seq, Due: at(start).Add(-time.Hour), Start: at(start),
		Service: "JOINT", Need: both, Length: 30 * time.Minute,
	}
}

func desk(id string, institutions ...string) rule.Desk {
	return rule.Desk{ID: id, Institutions: institutions, Services: services("JOINT", "CPI", "INPS", "ANY")}
}

func busy(d rule.Desk, until string) rule.Desk {
	d.Busy, d.FreeAt = true, at(until)
	return d
}

func paused(d rule.Desk) rule.Desk {
	d.Paused = true
	return d
}

func TestHolds(t *testing.T) {
	released := func(t rule.Ticket, desks ...string) rule.Ticket { t.Released = desks; return t }
	toDesk := func(t rule.Ticket, desk string) rule.Ticket { t.Desk = desk; return t }
	late := func(t rule.Ticket, arrived string) rule.Ticket { t.Due = at(arrived); return t }
	needs := func(t rule.Ticket, need rule.Need) rule.Ticket { t.Need = need; return t }
	pair := func(ticket, until, first, second string) []rule.Hold {
		return []rule.Hold{
			{Desk: first, Ticket: ticket, Until: at(until), With: []string{second}},
			{Desk: second, Ticket: ticket, Until: at(until), With: []string{first}},
		}
	}

	tests := []struct {
		name    string
		now     string
		tickets []rule.Ticket
		desks   []rule.Desk
		w       time.Duration // default an hour
		off     bool
		want    []rule.Hold
	}{
		{
			name: "not yet", now: "09:29",
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
		},
		{
			name: "from half an hour before", now: "09:30",
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			want:    pair("J", "10:00", "1", "2"),
		},
		{
			name: "turned off", now: "09:30", off: true,
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
		},
		{
			name: "nothing for one institution, whatever it waited", now: "10:00",
			tickets: []rule.Ticket{
				{ID: "A", Due: at("08:00"), Service: "CPI", Need: cpi},
				{ID: "B", Due: at("08:00"), Service: "ANY", Need: either},
				{ID: "C", Due: at("09:00"), Start: at("10:00"), Service: "CPI", Need: cpi},
			},
			desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
		},
		{
			name: "a walk-in that has not waited long", now: "09:29",
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
		},
		{
			name: "a walk-in from half an hour before it has waited W", now: "09:30",
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			want:    pair("J", "10:00", "1", "2"),
		},
		{
			name: "a walk-in, turned off", now: "10:30", off: true,
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
		},
		{
			name: "a walk-in, another W", now: "09:15", w: 45 * time.Minute,
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00"), jointWalkIn("K", 2, "09:01")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS"), desk("3", "CPI"), desk("4", "INPS")},
			want:    pair("J", "09:45", "1", "2"),
		},
		{
			name: "a walk-in whose precedence makes it due earlier", now: "09:30",
			tickets: []rule.Ticket{first(jointWalkIn("J", 1, "09:20"))},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			want:    pair("J", "10:00", "1", "2"),
		},
		{
			name: "a walk-in of which a desk ends after it has waited W", now: "09:40",
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00")},
			desks:   []rule.Desk{busy(desk("1", "CPI"), "09:45"), busy(desk("2", "INPS"), "10:10")},
			want:    pair("J", "10:10", "1", "2"),
		},
		{
			name: "a walk-in that has waited more than W: when the last desk is free", now: "10:20",
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00")},
			desks:   []rule.Desk{busy(desk("1", "CPI"), "10:25"), busy(desk("2", "INPS"), "10:22")},
			want:    pair("J", "10:25", "1", "2"),
		},
		{
			name: "a walk-in from which a desk released itself", now: "09:40",
			tickets: []rule.Ticket{released(jointWalkIn("J", 1, "09:00"), "1")},
			desks:   []rule.Desk{desk("1", "CPI"), busy(desk("2", "CPI"), "10:05"), desk("3", "INPS")},
			want:    pair("J", "10:05", "2", "3"),
		},
		{
			name: "a walk-in covered alone", now: "09:40",
			tickets: []rule.Ticket{needs(jointWalkIn("J", 1, "09:00"), alone)},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS"), busy(desk("3", "CPI", "INPS"), "09:58")},
			want:    []rule.Hold{{Desk: "3", Ticket: "J", Until: at("10:00"), With: []string{}}},
		},
		{
			name: "a walk-in and an appointment, the earlier time first", now: "09:45",
			tickets: []rule.Ticket{joint("K", 1, "10:00"), jointWalkIn("J", 2, "08:59")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "CPI"), desk("3", "INPS"), busy(desk("4", "INPS"), "10:05")},
			want:    append(pair("J", "09:59", "1", "3"), pair("K", "10:05", "2", "4")...),
		},
		{
			name: "a walk-in and an appointment that is due by a late arrival: its start counts", now: "10:30",
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:10"), late(joint("K", 2, "10:00"), "10:20")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			want:    pair("K", "10:30", "1", "2"),
		},
		{
			name: "a walk-in and an appointment of the same time, the first issued first", now: "09:45",
			tickets: []rule.Ticket{jointWalkIn("J", 2, "09:00"), joint("K", 1, "10:00")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			want:    pair("K", "10:00", "1", "2"),
		},
		{
			name: "of each institution the desk free soonest", now: "09:40",
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks: []rule.Desk{
				busy(desk("1", "CPI"), "09:50"), busy(desk("2", "CPI"), "09:45"),
				busy(desk("3", "INPS"), "10:20"), busy(desk("4", "INPS"), "10:10"),
			},
			want: pair("J", "10:10", "2", "4"),
		},
		{
			name: "free goes before overdue, then the smaller id", now: "09:40",
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks: []rule.Desk{
				busy(desk("1", "CPI"), "09:35"), desk("3", "CPI"), desk("2", "CPI"), desk("4", "INPS"),
			},
			want: pair("J", "10:00", "2", "4"),
		},
		{
			name: "past its start and a desk overdue: until now", now: "10:12",
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks:   []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "10:05")},
			want:    pair("J", "10:12", "1", "2"),
		},
		{
			name: "a desk that released itself", now: "09:40",
			tickets: []rule.Ticket{released(joint("J", 1, "10:00"), "1")},
			desks:   []rule.Desk{desk("1", "CPI"), busy(desk("2", "CPI"), "10:05"), desk("3", "INPS")},
			want:    pair("J", "10:05", "2", "3"),
		},
		{
			name: "the only desk of an institution released itself", now: "09:40",
			tickets: []rule.Ticket{released(joint("J", 1, "10:00"), "3")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("3", "INPS")},
		},
		{
			name: "an institution without desk", now: "09:40",
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks:   []rule.Desk{desk("1", "CPI"), paused(desk("2", "INPS"))},
		},
		{
			name: "no desk stands for two institutions", now: "09:40",
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks:   []rule.Desk{desk("1", "CPI", "INPS")},
		},
		{
			name: "a desk for two institutions gives way where it must", now: "09:40",
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks:   []rule.Desk{desk("1", "CPI", "INPS"), busy(desk("2", "CPI"), "09:50")},
			want:    pair("J", "10:00", "2", "1"),
		},
		{
			name: "a service not served there", now: "09:40",
			tickets: []rule.Ticket{joint("J", 1, "10:00")},
			desks: []rule.Desk{
				{ID: "1", Institutions: []string{"CPI"}, Services: services("CPI")},
				busy(desk("2", "CPI"), "09:50"), desk("3", "INPS"),
			},
			want: pair("J", "10:00", "2", "3"),
		},
		{
			name: "transferred to a desk", now: "09:40",
			tickets: []rule.Ticket{toDesk(joint("J", 1, "10:00"), "2")},
			desks:   []rule.Desk{desk("1", "CPI"), busy(desk("2", "CPI"), "10:20"), desk("3", "INPS")},
			want:    pair("J", "10:20", "2", "3"),
		},
		{
			name: "transferred to a desk that paused", now: "09:40",
			tickets: []rule.Ticket{toDesk(joint("J", 1, "10:00"), "2")},
			desks:   []rule.Desk{desk("1", "CPI"), paused(desk("2", "CPI")), desk("3", "INPS")},
		},
		{
			name: "two appointments, the earlier start first", now: "09:50",
			tickets: []rule.Ticket{joint("K", 1, "10:15"), joint("J", 2, "10:00")},
			desks: []rule.Desk{
				desk("1", "CPI"), busy(desk("2", "CPI"), "09:55"),
				desk("3", "INPS"), busy(desk("4", "INPS"), "10:20"),
			},
			want: append(pair("J", "10:00", "1", "3"), pair("K", "10:20", "2", "4")...),
		},
		{
			name: "two at the same time, the first issued first; no desk left for the second", now: "09:50",
			tickets: []rule.Ticket{joint("K", 2, "10:00"), joint("J", 1, "10:00")},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "CPI"), desk("3", "INPS")},
			want:    pair("J", "10:00", "1", "3"),
		},
		{
			name: "covered alone", now: "09:50",
			tickets: []rule.Ticket{needs(joint("J", 1, "10:00"), alone)},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS"), busy(desk("3", "CPI", "INPS"), "09:58")},
			want:    []rule.Hold{{Desk: "3", Ticket: "J", Until: at("10:00"), With: []string{}}},
		},
		{
			name: "covered alone, but later than two", now: "09:50",
			tickets: []rule.Ticket{needs(joint("J", 1, "10:00"), alone)},
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS"), busy(desk("3", "CPI", "INPS"), "10:01")},
			want:    pair("J", "10:00", "1", "2"),
		},
		{
			name: "three institutions", now: "09:50",
			tickets: []rule.Ticket{needs(joint("J", 1, "10:00"), rule.Need{All: []string{"COMUNE", "CPI", "INPS"}})},
			desks:   []rule.Desk{desk("1", "CPI", "INPS", "COMUNE"), desk("2", "COMUNE", "CPI"), desk("3", "COMUNE")},
			want: []rule.Hold{
				{Desk: "3", Ticket: "J", Until: at("10:00"), With: []string{"2", "1"}},
				{Desk: "2", Ticket: "J", Until: at("10:00"), With: []string{"3", "1"}},
				{Desk: "1", Ticket: "J", Until: at("10:00"), With: []string{"3", "2"}},
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := rule.Options{W: tt.w, Hold: !tt.off}
			if tt.w == 0 {
				o.W = time.Hour
			}
			got := rule.Holds(at(tt.now), tt.tickets, tt.desks, o)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("holds (-want +got):\n%s", diff)
			}
			slices.Reverse(tt.desks)
			slices.Reverse(tt.tickets)
			got = rule.Holds(at(tt.now), tt.tickets, tt.desks, o)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("holds with everything in reverse (-want +got):\n%s", diff)
			}
		})
	}
}
