package booking_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

func (p *province) tryReassign(id, from, to string) (booking.Appointment, error) {
	var a booking.Appointment
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.Reassign(ctx, tx, id, from, to, clerk)
		return err
	})
	return a, err
}

func (p *province) reassignAll(office, officer, from, until string) (done []booking.Appointment, stuck []booking.Stuck) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) (err error) {
		done, stuck, err = booking.ReassignAll(ctx, tx, office, officer, at(from), at(until), clerk)
		return err
	})
	return done, stuck
}

// told is who does an appointment and when: "10:00 cpi-1 inps-1".
func told(a booking.Appointment) string {
	text := a.Start.In(rome).Format("15:04")
	for _, s := range a.Staff {
		text += " " + s.Officer
	}
	if a.Mediator != "" {
		text += " +" + a.Mediator
	}
	return text
}

func tell(all []booking.Appointment) []string {
	texts := []string{}
	for _, a := range all {
		texts = append(texts, told(a))
	}
	return texts
}

// complain is what could not be changed and why: "10:00 cpi-1 inps-1: claim cpi-2".
func complain(all []booking.Stuck) []string {
	texts := []string{}
	for _, s := range all {
		var why []string
		for _, o := range s.Why {
			why = append(why, strings.TrimSpace(fmt.Sprintf("%s %s", o.Code, o.Who)))
		}
		texts = append(texts, told(s.Appointment)+": "+strings.Join(why, ", "))
	}
	return texts
}

func TestReassign(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		a := p.book(wish("centro", "JNT-LAVORO", at("10:00")))
		if got := told(a); got != "10:00 cpi-1 inps-1" {
			t.Fatalf("got %s", got)
		}
		p.available(thursday("centro", "JNT-LAVORO")) // is in memory
		changed, err := p.tryReassign(a.ID, "cpi-1", "cpi-2")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.byID(a.ID), changed); diff != "" {
			t.Errorf("returned and kept differ (-kept +returned):\n%s", diff)
		}
		if got := told(changed); got != "10:00 cpi-2 inps-1" || changed.Sequence != a.Sequence+1 {
			t.Errorf("got %s, sequence %d", got, changed.Sequence)
		}
		want := []timetable.Obstacle{{Code: timetable.ByClaim, Institution: "CPI", Who: "cpi-2"}}
		p.block("centro", "cpi-1", "09:00", "12:00")
		want = append([]timetable.Obstacle{{Code: timetable.ByBlock, Institution: "CPI", Who: "cpi-1"}}, want...)
		if diff := cmp.Diff(want, p.explain(thursday("centro", "JNT-LAVORO"), at("10:00"))); diff != "" {
			t.Errorf("the first is free, the second is not (-want +got):\n%s", diff)
		}
		p.clock.Set(at("09:50"))
		p.step("arrive", a.ID)
		if _, err := p.tryReassign(a.ID, "inps-1", "inps-2"); err != nil {
			t.Errorf("arrived: %v", err)
		}
		p.sound()
	})
}

func TestReassignRefuses(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		morning, afternoon := p.book(wish("centro", "JNT-LAVORO", at("10:00"))), p.book(wish("centro", "JNT-LAVORO", at("15:00")))
		cancelled := p.book(wish("centro", "JNT-LAVORO", at("11:00")))
		p.step("cancel", cancelled.ID)
		p.block("centro", "inps-2", "10:25", "10:30")
		tests := []struct {
			name, id, from, to string
			want               string
		}{
			{"unknown appointment", "none", "cpi-1", "cpi-2", "unknown_appointment"},
			{"cancelled", cancelled.ID, "cpi-1", "cpi-2", "appointment_state"},
			{"not in it", morning.ID, "cpi-2", "cpi-1", "from unknown_value"},
			{"unknown officer", morning.ID, "cpi-1", "none", "to unknown_value"},
			{"of another office", morning.ID, "cpi-1", "cpi-3", "to unknown_value"},
			{"by the same", morning.ID, "cpi-1", "cpi-1", "officer_not_free"},
			{"by the other of them", morning.ID, "cpi-1", "inps-1", "officer_not_free"},
			{"of another institution", morning.ID, "cpi-1", "inps-2", "officer_unfit"},
			{"a mediator", afternoon.ID, "cpi-1", "mediatrice", "officer_unfit"},
			{"blocked", morning.ID, "inps-1", "inps-2", "officer_not_free"},
			{"not there by the rota", afternoon.ID, "inps-3", "inps-2", "officer_not_free"},
			{"absent", afternoon.ID, "cpi-1", "cpi-2", "officer_not_free"},
		}
		for _, tt := range tests {
			_, err := p.tryReassign(tt.id, tt.from, tt.to)
			t.Run(tt.name, func(t *testing.T) {
				if got := wrong(err); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		}
		if got := told(p.byID(morning.ID)) + ", " + told(p.byID(afternoon.ID)); got != "10:00 cpi-1 inps-1, 15:00 cpi-1 inps-3" {
			t.Errorf("refusals changed something: %s", got)
		}
		p.sound()
	})
}

// TestReassignAnInterpreter keeps somebody there who speaks the language: the mediator stays when the
// officers do not speak it, and cannot be replaced by who does not.
func TestReassignAnInterpreter(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		w := wish("centro", "JNT-LAVORO", at("16:00"))
		w.Language, w.MustSpeak = "ar", true
		a := p.book(w)
		if got := told(a); got != "16:00 cpi-1 inps-1 +mediatrice" {
			t.Fatalf("got %s", got)
		}
		changed, err := p.tryReassign(a.ID, "cpi-1", "cpi-2")
		if err != nil || told(changed) != "16:00 cpi-2 inps-1 +mediatrice" {
			t.Errorf("got %s, %v", told(changed), err)
		}
		_, err = p.tryReassign(a.ID, "mediatrice", "cpi-1")
		p.want("officer_unfit", err)
		p.sound()
	})
}

// TestReassignAll gives away what an absent officer has to do, names what nobody can take, and leaves
// the rest of the day alone.
func TestReassignAll(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		for _, start := range []string{"09:00", "09:30", "10:00", "10:30", "11:00", "12:00"} {
			p.book(wish("centro", "JNT-LAVORO", at(start)))
		}
		all := func() []string {
			var all []booking.Appointment
			p.view(func(ctx context.Context, tx *store.Tx) (err error) {
				all, err = booking.At(ctx, tx, "centro", day("2026-12-03"), day("2026-12-03"), "")
				return err
			})
			return tell(all)
		}
		if diff := cmp.Diff([]string{
			"09:00 cpi-1 inps-1", "09:30 cpi-2 inps-2", "10:00 cpi-1 inps-1", "10:30 cpi-2 inps-2", "11:00 cpi-1 inps-1", "12:00 cpi-2 inps-2",
		}, all()); diff != "" {
			t.Fatal(diff)
		}
		p.block("centro", "cpi-2", "10:20", "10:25")
		done, stuck := p.reassignAll("centro", "cpi-1", "09:00", "11:00")
		if diff := cmp.Diff([]string{"09:00 cpi-2 inps-1"}, tell(done)); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"10:00 cpi-1 inps-1: block cpi-2"}, complain(stuck)); diff != "" {
			t.Error(diff)
		}
		done, stuck = p.reassignAll("centro", "inps-2", "09:00", "23:00")
		if diff := cmp.Diff([]string{"09:30 cpi-2 inps-1", "10:30 cpi-2 inps-1", "12:00 cpi-2 inps-1"}, tell(done)); diff != "" {
			t.Error(diff)
		}
		if len(stuck) != 0 {
			t.Error(complain(stuck))
		}
		if diff := cmp.Diff([]string{
			"09:00 cpi-2 inps-1", "09:30 cpi-2 inps-1", "10:00 cpi-1 inps-1", "10:30 cpi-2 inps-1", "11:00 cpi-1 inps-1", "12:00 cpi-2 inps-1",
		}, all()); diff != "" {
			t.Error(diff)
		}
		if done, stuck := p.reassignAll("centro", "nobody", "09:00", "23:00"); len(done)+len(stuck) != 0 {
			t.Errorf("of nobody: got %v, %v", done, stuck)
		}
		p.sound()
	})
}

// TestReassignAllOfWhoLeft gives away what somebody has to do who is in the territory no more.
func TestReassignAllOfWhoLeft(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.book(wish("centro", "JNT-LAVORO", at("10:00")))
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM officers WHERE territory_id = 'prova' AND id = 'cpi-1'`)
			return err
		})
		p.load(strings.Replace(file, `id = "cpi-1"`, `id = "cpi-9"`, 1))
		p.view(func(ctx context.Context, tx *store.Tx) error {
			o, err := territory.Of(ctx, tx, "centro")
			if _, ok := o.Territory.Officer("cpi-1"); ok {
				t.Error("cpi-1 is still there")
			}
			return err
		})
		done, stuck := p.reassignAll("centro", "cpi-1", "09:00", "12:30")
		if len(stuck) != 0 || !slices.Equal(tell(done), []string{"10:00 cpi-2 inps-1"}) {
			t.Errorf("got %v, %v", tell(done), complain(stuck))
		}
		p.sound()
	})
}

func TestReassignAllRefuses(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		try := func(office string, from, until time.Time) error {
			return p.try(func(ctx context.Context, tx *store.Tx) error {
				_, _, err := booking.ReassignAll(ctx, tx, office, "cpi-1", from, until, clerk)
				return err
			})
		}
		for name, got := range map[string]error{
			"unknown_office": try("nessuno", at("09:00"), at("10:00")), "until before_from": try("centro", at("10:00"), at("09:00")),
			"from past": try("centro", monday.AddDate(0, 0, -1), at("09:00")), "until too_many_days": try("centro", at("09:00"), at("09:00").AddDate(0, 2, 0)),
		} {
			if wrong(got) != name {
				t.Errorf("got %q, want %q", wrong(got), name)
			}
		}
	})
}

// TestStormOfReassigning has an appointment and a hold race for the only officer who is left.
func TestStormOfReassigning(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		for week := range 3 {
			from := at("09:00").AddDate(0, 0, 7*week)
			a := p.book(wish("centro", "JNT-LAVORO", from)) // by inps-1, so inps-2 is left
			won := p.race(20, func(i int) error {
				if i%2 > 0 {
					_, err := p.tryHold(wish("centro", "INPS-NASPI", from))
					return err
				}
				_, err := p.tryReassign(a.ID, "inps-1", "inps-2")
				if why := wrong(err); why == "officer_not_free" || why == "from unknown_value" {
					return errTaken
				}
				return err
			}, "slot_taken")
			if won < 1 || won > 2 { // given to inps-2, inps-1 is free for the hold
				t.Errorf("%d won", won)
			}
			p.sound()
		}
	})
}

var errTaken = fault.New(fault.Conflict, "slot_taken")
