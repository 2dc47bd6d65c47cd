package rule_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/queue/rule"
)

// walkIn returns a walk-in for the CPI, due at its issue, that takes ten minutes.
func walkIn(id string, seq int64, issued string) rule.Ticket {
	return rule.Ticket{ID: id, Seq: seq, Due: at(issued), Service: "CPI", Need: cpi, Length: 10 * time.Minute}
}

// first returns the same with precedence.
func first(t rule.Ticket) rule.Ticket {
	t.Lead = 20 * time.Minute
	t.Due = t.Due.Add(-t.Lead)
	return t
}

// booked returns an appointment with the CPI whose holder arrived in time.
func booked(id string, seq int64, start string) rule.Ticket {
	t := walkIn(id, seq, start)
	t.Start, t.Due = at(start), at(start).Add(-time.Hour)
	return t
}

func TestNext(t *testing.T) {
	with := func(t rule.Ticket, change func(*rule.Ticket)) rule.Ticket { change(&t); return t }
	inpsWalkIn := func(id string, seq int64, issued string) rule.Ticket {
		return with(walkIn(id, seq, issued), func(t *rule.Ticket) { t.Service, t.Need = "INPS", inps })
	}
	short := func(t *rule.Ticket) { t.Length = 5 * time.Minute }
	one := []rule.Desk{desk("1", "CPI")}

	tests := []struct {
		name    string
		now     string
		desk    string // default "1"
		tickets []rule.Ticket
		desks   []rule.Desk
		noHold  bool
		want    string   // ticket; "" for none
		with    []string // desks reserved with the caller
		reason  rule.Reason
	}{
		// Who may call at all.
		{name: "nobody waits", now: "10:00", desks: one},
		{name: "unknown desk", now: "10:00", desk: "9", tickets: []rule.Ticket{walkIn("A", 1, "09:00")}, desks: one},
		{name: "busy desk", now: "10:00", tickets: []rule.Ticket{walkIn("A", 1, "09:00")}, desks: []rule.Desk{busy(desk("1", "CPI"), "09:00")}},
		{name: "paused desk", now: "10:00", tickets: []rule.Ticket{walkIn("A", 1, "09:00")}, desks: []rule.Desk{paused(desk("1", "CPI"))}},
		{name: "nothing for it", now: "10:00", tickets: []rule.Ticket{inpsWalkIn("A", 1, "09:00")}, desks: one},

		// Walk-ins.
		{
			name: "the only one", now: "10:00", desks: one,
			tickets: []rule.Ticket{inpsWalkIn("B", 1, "09:00"), walkIn("A", 2, "09:30")},
			want:    "A", reason: rule.OnlyOne,
		},
		{
			name: "the smallest due", now: "10:00", desks: one,
			tickets: []rule.Ticket{walkIn("B", 1, "09:31"), walkIn("A", 2, "09:30")},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "equal dues: order of issue", now: "10:00", desks: one,
			tickets: []rule.Ticket{walkIn("B", 2, "09:00"), walkIn("A", 1, "09:00")},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "precedence", now: "10:00", desks: one,
			tickets: []rule.Ticket{walkIn("B", 1, "09:30"), first(walkIn("A", 2, "09:49"))},
			want:    "A", reason: rule.Precedence,
		},
		{
			name: "precedence is not everything", now: "10:00", desks: one,
			tickets: []rule.Ticket{walkIn("B", 1, "09:30"), first(walkIn("A", 2, "09:51"))},
			want:    "B", reason: rule.LongestDue,
		},
		{
			name: "precedence against equal due: order of issue", now: "10:00", desks: one,
			tickets: []rule.Ticket{walkIn("B", 1, "09:30"), first(walkIn("A", 2, "09:50"))},
			want:    "B", reason: rule.LongestDue,
		},
		{
			name: "first also without its precedence", now: "10:00", desks: one,
			tickets: []rule.Ticket{walkIn("B", 2, "09:31"), first(walkIn("A", 1, "09:30"))},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "precedence over somebody this desk does not serve", now: "10:00", desks: one,
			tickets: []rule.Ticket{inpsWalkIn("B", 1, "09:40"), first(walkIn("A", 2, "09:49")), walkIn("C", 3, "09:55")},
			want:    "A", reason: rule.LongestDue,
		},

		// Appointments.
		{
			name: "more than five minutes before its time", now: "09:54", desks: one,
			tickets: []rule.Ticket{booked("P", 1, "10:00"), walkIn("A", 2, "09:50")},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "five minutes before its time", now: "09:55", desks: one,
			tickets: []rule.Ticket{booked("P", 2, "10:00"), walkIn("A", 1, "09:01")},
			want:    "P", reason: rule.AppointmentTime,
		},
		{
			name: "a walk-in that had then waited an hour", now: "10:00", desks: one,
			tickets: []rule.Ticket{booked("P", 2, "10:00"), walkIn("A", 1, "09:00")},
			want:    "A", reason: rule.WaitedThreshold,
		},
		{
			name: "the threshold passed before the appointment is callable", now: "09:54", desks: one,
			tickets: []rule.Ticket{booked("P", 2, "10:00"), walkIn("A", 1, "08:50"), walkIn("B", 3, "09:00")},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "precedence before an appointment", now: "10:00", desks: one,
			tickets: []rule.Ticket{booked("P", 2, "10:00"), first(walkIn("A", 3, "09:15"))},
			want:    "A", reason: rule.Precedence,
		},
		{
			name: "before its time, nothing else callable", now: "09:20", desks: one,
			tickets: []rule.Ticket{booked("P", 1, "10:00"), inpsWalkIn("B", 2, "09:00")},
			want:    "P", reason: rule.AppointmentEarly,
		},
		{
			name: "of several before their time the first", now: "09:20", desks: one,
			tickets: []rule.Ticket{booked("Q", 1, "10:30"), booked("P", 2, "10:00")},
			want:    "P", reason: rule.AppointmentEarly,
		},
		{
			name: "arrived late: by arrival", now: "10:40", desks: one,
			tickets: []rule.Ticket{
				with(booked("P", 1, "10:00"), func(t *rule.Ticket) { t.Due = at("10:20") }), walkIn("A", 2, "10:19"), walkIn("B", 3, "10:21"),
			},
			want: "A", reason: rule.LongestDue,
		},
		{
			name: "arrived late and its turn", now: "10:40", desks: one,
			tickets: []rule.Ticket{
				with(booked("P", 1, "10:00"), func(t *rule.Ticket) { t.Due = at("10:20") }), walkIn("B", 3, "10:21"),
			},
			want: "P", reason: rule.AppointmentLate,
		},
		{
			name: "arrived late, moved by a desk", now: "10:40", desks: one,
			tickets: []rule.Ticket{booked("P", 3, "10:00"), walkIn("B", 1, "09:21")},
			want:    "P", reason: rule.AppointmentTime,
		},

		// Tickets with a history keep their due.
		{
			name: "returned", now: "10:00", desks: one,
			tickets: []rule.Ticket{with(walkIn("A", 1, "09:00"), func(t *rule.Ticket) { t.Returned = true }), walkIn("B", 2, "09:30")},
			want:    "A", reason: rule.Returned,
		},
		{
			name: "resumed", now: "10:00", desks: one,
			tickets: []rule.Ticket{with(walkIn("A", 1, "09:00"), func(t *rule.Ticket) { t.Resumed = true }), walkIn("B", 2, "09:30")},
			want:    "A", reason: rule.Resumed,
		},
		{
			name: "transferred to this desk", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), desk("2", "CPI")},
			tickets: []rule.Ticket{with(walkIn("A", 1, "09:00"), func(t *rule.Ticket) { t.Transferred, t.Desk = true, "1" }), walkIn("B", 2, "09:30")},
			want:    "A", reason: rule.Transferred,
		},
		{
			name: "transferred to another desk", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), desk("2", "CPI")},
			tickets: []rule.Ticket{with(walkIn("A", 1, "09:00"), func(t *rule.Ticket) { t.Transferred, t.Desk = true, "2" }), walkIn("B", 2, "09:30")},
			want:    "B", reason: rule.OnlyOne,
		},
		{
			name: "transferred to another institution", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{
				with(walkIn("A", 1, "09:00"), func(t *rule.Ticket) { t.Service, t.Need, t.Institution = "ANY", either, "INPS" }), walkIn("B", 2, "09:30"),
			},
			want: "B", reason: rule.OnlyOne,
		},

		// Joint tickets.
		{
			name: "a pair is free", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00"), walkIn("A", 2, "09:30")},
			want:    "J", with: []string{"2"}, reason: rule.JointReady,
		},
		{
			name: "the other desk is busy", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "10:05")},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:31"), walkIn("A", 2, "09:40")},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "the other desk is paused", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), paused(desk("2", "INPS"))},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00")},
		},
		{
			name: "not its turn", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:40"), walkIn("A", 2, "09:30")},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "one desk is not two", now: "10:00", desks: []rule.Desk{desk("1", "CPI", "INPS")},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00")},
		},
		{
			name: "one officer covers both", now: "10:00", desks: []rule.Desk{desk("1", "CPI", "INPS"), desk("2", "INPS")},
			tickets: []rule.Ticket{with(jointWalkIn("J", 1, "09:00"), func(t *rule.Ticket) { t.Need = alone })},
			want:    "J", reason: rule.OnlyOne,
		},
		{
			name: "an officer who does not cover both calls with another", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{with(jointWalkIn("J", 1, "09:00"), func(t *rule.Ticket) { t.Need = alone })},
			want:    "J", with: []string{"2"}, reason: rule.JointReady,
		},
		{
			name: "the caller comes first, the rest by institution", now: "10:00", desk: "2",
			desks: []rule.Desk{desk("1", "INPS"), desk("2", "CPI"), desk("3", "COMUNE")},
			tickets: []rule.Ticket{with(jointWalkIn("J", 1, "09:00"), func(t *rule.Ticket) {
				t.Need = rule.Need{All: []string{"COMUNE", "CPI", "INPS"}}
			})},
			want: "J", with: []string{"3", "1"}, reason: rule.JointReady,
		},
		{
			name: "the desk that acts for the fewest, then the smaller id", now: "10:00",
			desks: []rule.Desk{
				desk("1", "CPI"), desk("2", "COMUNE", "INPS"), desk("4", "INPS"), desk("3", "INPS"),
			},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:31")},
			want:    "J", with: []string{"3"}, reason: rule.JointReady,
		},
		{
			name: "the caller gives way to the institution only it acts for", now: "10:00",
			desks:   []rule.Desk{desk("1", "CPI", "INPS"), desk("2", "CPI")},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00")},
			want:    "J", with: []string{"2"}, reason: rule.JointReady,
		},
		{
			name: "joint, transferred to a desk that is ready", now: "10:00",
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS"), desk("3", "INPS")},
			tickets: []rule.Ticket{with(jointWalkIn("J", 1, "09:00"), func(t *rule.Ticket) { t.Desk = "3" })},
			want:    "J", with: []string{"3"}, reason: rule.JointReady,
		},
		{
			name: "joint, transferred to a desk that is busy", now: "10:00",
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS"), busy(desk("3", "INPS"), "10:05")},
			tickets: []rule.Ticket{with(jointWalkIn("J", 1, "09:00"), func(t *rule.Ticket) { t.Desk = "3" })},
		},
		{
			name: "joint, transferred to a colleague of the caller", now: "10:00",
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS"), desk("3", "CPI")},
			tickets: []rule.Ticket{with(jointWalkIn("J", 1, "09:00"), func(t *rule.Ticket) { t.Desk = "3" })},
		},

		// Held desks.
		{
			name: "a held desk takes what fits", now: "09:50", desks: []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "09:58")},
			tickets: []rule.Ticket{joint("J", 1, "10:00"), walkIn("A", 2, "09:30")},
			want:    "A", reason: rule.BeforeJoint,
		},
		{
			name: "a held desk does not take what does not fit", now: "09:51", desks: []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "09:58")},
			tickets: []rule.Ticket{joint("J", 1, "10:00"), walkIn("A", 2, "09:30"), with(walkIn("B", 3, "09:40"), short)},
			want:    "B", reason: rule.BeforeJoint,
		},
		{
			name: "a held desk waits", now: "09:51", desks: []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "09:58")},
			tickets: []rule.Ticket{joint("J", 1, "10:00"), walkIn("A", 2, "09:30")},
		},
		{
			name: "it waits until the other desk is expected free", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "10:10")},
			tickets: []rule.Ticket{joint("J", 1, "10:00"), walkIn("A", 2, "09:30")},
			want:    "A", reason: rule.BeforeJoint,
		},
		{
			name: "holding turned off", now: "09:51", noHold: true, desks: []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "09:58")},
			tickets: []rule.Ticket{joint("J", 1, "10:00"), walkIn("A", 2, "09:30")},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "a released desk takes anything", now: "09:51", desks: []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "09:58")},
			tickets: []rule.Ticket{with(joint("J", 1, "10:00"), func(t *rule.Ticket) { t.Released = []string{"1"} }), walkIn("A", 2, "09:30")},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "its time has come and both are there", now: "09:55", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{joint("J", 2, "10:00"), walkIn("A", 1, "09:01")},
			want:    "J", with: []string{"2"}, reason: rule.JointReady,
		},
		{
			name: "a walk-in that waited an hour and fits goes first", now: "09:55", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{joint("J", 2, "10:00"), with(walkIn("A", 1, "08:50"), short)},
			want:    "A", reason: rule.BeforeJoint,
		},
		{
			name: "a walk-in that waited an hour and does not fit", now: "09:55", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{joint("J", 2, "10:00"), walkIn("A", 1, "08:50")},
			want:    "J", with: []string{"2"}, reason: rule.JointReady,
		},
		{
			name: "before its time nothing else fits on either desk", now: "09:45", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{joint("J", 2, "10:00"), with(walkIn("A", 1, "09:00"), func(t *rule.Ticket) { t.Length = time.Hour })},
			want:    "J", with: []string{"2"}, reason: rule.JointReady,
		},
		{
			name: "before its time the other desk has something else to do", now: "09:45", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{joint("J", 2, "10:00"), inpsWalkIn("B", 1, "09:40")},
		},
		{
			name: "the held desk goes before a free one", now: "10:00", desks: []rule.Desk{desk("1", "CPI"), desk("2", "INPS"), desk("3", "INPS")},
			tickets: []rule.Ticket{with(joint("J", 1, "10:00"), func(t *rule.Ticket) { t.Released = []string{"2"} })},
			want:    "J", with: []string{"3"}, reason: rule.JointReady,
		},
		{
			name: "a desk that released itself may still take the ticket", now: "10:00",
			desks: []rule.Desk{desk("1", "CPI"), busy(desk("2", "CPI"), "10:30"), desk("3", "INPS")},
			tickets: []rule.Ticket{
				with(joint("J", 1, "10:00"), func(t *rule.Ticket) { t.Released = []string{"1"} }), jointWalkIn("K", 2, "09:30"),
			},
			want: "J", with: []string{"3"}, reason: rule.JointReady,
		},
		{
			name: "a desk held for another is ready when the ticket fits", now: "10:00",
			desks: []rule.Desk{desk("1", "CPI"), desk("3", "INPS"), busy(desk("4", "COMUNE"), "10:30")},
			tickets: []rule.Ticket{
				with(joint("J", 1, "10:00"), func(t *rule.Ticket) { t.Need.All = []string{"INPS", "COMUNE"} }), jointWalkIn("K", 2, "09:30"),
			},
			want: "K", with: []string{"3"}, reason: rule.JointReady,
		},
		{
			name: "a desk held for another is not ready when the ticket does not fit", now: "10:01",
			desks: []rule.Desk{desk("1", "CPI"), desk("3", "INPS"), busy(desk("4", "COMUNE"), "10:30")},
			tickets: []rule.Ticket{
				with(joint("J", 1, "10:00"), func(t *rule.Ticket) { t.Need.All = []string{"INPS", "COMUNE"} }), jointWalkIn("K", 2, "09:30"),
			},
		},
		{
			name: "a desk not held goes before one held for another", now: "10:00",
			desks: []rule.Desk{desk("1", "CPI"), desk("3", "INPS"), desk("5", "INPS"), busy(desk("4", "COMUNE"), "10:30")},
			tickets: []rule.Ticket{
				with(joint("J", 1, "10:00"), func(t *rule.Ticket) { t.Need.All = []string{"INPS", "COMUNE"} }), jointWalkIn("K", 2, "09:30"),
			},
			want: "K", with: []string{"5"}, reason: rule.JointReady,
		},

		// Desks held for a joint walk-in.
		{
			name: "held for a walk-in, takes what ends before it has waited W", now: "09:50",
			desks:   []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "09:58")},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00"), walkIn("A", 2, "09:30")},
			want:    "A", reason: rule.BeforeJoint,
		},
		{
			name: "held for a walk-in, passes over what does not", now: "09:51",
			desks:   []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "09:58")},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00"), walkIn("A", 2, "09:30"), with(walkIn("B", 3, "09:40"), short)},
			want:    "B", reason: rule.BeforeJoint,
		},
		{
			name: "the same, holding turned off", now: "09:51", noHold: true,
			desks:   []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "09:58")},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00"), walkIn("A", 2, "09:30"), with(walkIn("B", 3, "09:40"), short)},
			want:    "A", reason: rule.LongestDue,
		},
		{
			name: "held for a walk-in, waits even if others are due before", now: "10:05",
			desks:   []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "10:10")},
			tickets: []rule.Ticket{jointWalkIn("J", 2, "09:00"), walkIn("A", 1, "08:50")},
		},
		{
			name: "held for a walk-in, takes what ends before the other desk is free", now: "10:05",
			desks:   []rule.Desk{desk("1", "CPI"), busy(desk("2", "INPS"), "10:15")},
			tickets: []rule.Ticket{jointWalkIn("J", 2, "09:00"), walkIn("A", 1, "08:50")},
			want:    "A", reason: rule.BeforeJoint,
		},
		{
			name: "a walk-in that holds is called before it has waited W if it is its turn", now: "09:40",
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{jointWalkIn("J", 1, "09:00"), walkIn("A", 2, "09:10")},
			want:    "J", with: []string{"2"}, reason: rule.JointReady,
		},
		{
			name: "and not if somebody due before it fits", now: "09:40",
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{jointWalkIn("J", 2, "09:00"), walkIn("A", 1, "08:50")},
			want:    "A", reason: rule.BeforeJoint,
		},
		{
			name: "it has waited W and both are there", now: "10:00",
			desks:   []rule.Desk{desk("1", "CPI"), desk("2", "INPS")},
			tickets: []rule.Ticket{jointWalkIn("J", 2, "09:00"), walkIn("A", 1, "08:50")},
			want:    "J", with: []string{"2"}, reason: rule.JointReady,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			caller := tt.desk
			if caller == "" {
				caller = "1"
			}
			o := rule.Options{W: time.Hour, Hold: !tt.noHold}
			for range 2 {
				checkNext(t, at(tt.now), caller, tt.tickets, tt.desks, o, tt.want, tt.with, tt.reason)
				slices.Reverse(tt.tickets)
				slices.Reverse(tt.desks)
			}
		})
	}
}

func checkNext(t *testing.T, now time.Time, caller string, tickets []rule.Ticket, desks []rule.Desk, o rule.Options, want string, with []string, reason rule.Reason) {
	t.Helper()
	got, ok := rule.Next(now, caller, tickets, desks, o)
	if want == "" {
		if ok {
			t.Errorf("got %s (%s), want none", got.Ticket.ID, got.Reason)
		}
		return
	}
	if !ok {
		t.Fatalf("got none, want %s", want)
	}
	if got.Ticket.ID != want || got.Reason != reason {
		t.Errorf("got %s (%s), want %s (%s)", got.Ticket.ID, got.Reason, want, reason)
	}
	if diff := cmp.Diff(append([]string{caller}, with...), got.Desks); diff != "" {
		t.Errorf("desks (-want +got):\n%s", diff)
	}
}
