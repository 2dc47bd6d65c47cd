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
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/store"
)

// workshop is a session for four at the centre, at 10:00 of 3 December.
func workshop() booking.SessionWish {
	return booking.SessionWish{Office: "centro", Service: "CPI-LAB-CV", Start: at("10:00"), Topic: "Il curriculum", FundingTag: "PNRR-GOL", By: clerk}
}

func (p *province) tryPlan(w booking.SessionWish) (booking.Session, error) {
	var s booking.Session
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		s, err = booking.PlanSession(ctx, tx, w)
		return err
	})
	return s, err
}

func (p *province) plan(w booking.SessionWish) booking.Session {
	p.t.Helper()
	s, err := p.tryPlan(w)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *province) session(id string) booking.Session {
	p.t.Helper()
	var s booking.Session
	p.view(func(ctx context.Context, tx *store.Tx) (err error) {
		s, err = booking.SessionByID(ctx, tx, id)
		return err
	})
	return s
}

func (p *province) tryEnrol(session string, d booking.Details, people int) (booking.Seat, error) {
	var s booking.Seat
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		s, err = booking.Enrol(ctx, tx, key, session, d, people)
		return err
	})
	return s, err
}

// enrol is somebody's seat, or place in the waiting list.
func (p *province) enrol(session string, people int) booking.Seat {
	p.t.Helper()
	p.clock.Add(time.Second) // who comes later has waited less
	s, err := p.tryEnrol(session, details(somebody()), people)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *province) tryGiveUp(token string) (seat booking.Seat, promoted []booking.Seat, err error) {
	err = p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		seat, promoted, err = booking.GiveUpSeat(ctx, tx, token, booking.Citizen)
		return err
	})
	return seat, promoted, err
}

func (p *province) tryAttend(id string, present bool) (booking.Seat, error) {
	var s booking.Seat
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		s, err = booking.Attend(ctx, tx, id, present, clerk)
		return err
	})
	return s, err
}

func (p *province) seat(token string) booking.Seat {
	p.t.Helper()
	var s booking.Seat
	p.view(func(ctx context.Context, tx *store.Tx) (err error) {
		s, err = booking.SeatByToken(ctx, tx, token)
		return err
	})
	return s
}

// TestPlanSession claims officer and room like an appointment, off the grid of starts too.
func TestPlanSession(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		w := workshop()
		w.Start = at("10:05")
		s := p.plan(w)
		if s.Capacity != 4 || s.Taken != 0 || s.Free() != 4 || s.State != booking.Planned || s.Room != "colloqui" || !s.End.Equal(at("11:05")) || s.FundingTag != "PNRR-GOL" {
			t.Errorf("got %+v", s)
		}
		if diff := cmp.Diff([]string{"09:00×2", "11:15×2", "15:00×1", "15:45×1"}, p.starts(thursday("centro", "CPI-PATTO"))); diff != "" {
			t.Error(diff)
		}
		_, err := p.tryPlan(w)
		p.want("slot_taken", err)
		p.view(func(ctx context.Context, tx *store.Tx) error {
			all, err := booking.At(ctx, tx, "centro", day("2026-12-03"), day("2026-12-03"), "")
			if len(all) != 0 {
				t.Errorf("among the appointments: %v", all)
			}
			return err
		})
		for name := range steps {
			p.clock.Set(at("10:05"))
			if _, err := p.tryStep(name, s.ID); wrong(err) != "appointment_state" {
				t.Errorf("%s: got %v", name, err)
			}
		}
		p.sound()
	})
}

func TestPlanSessionRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *booking.SessionWish)
		want   string
	}{
		{"unknown office", func(w *booking.SessionWish) { w.Office = "nessuno" }, "unknown_office"},
		{"unknown service", func(w *booking.SessionWish) { w.Service = "NONE" }, "unknown_service"},
		{"no topic", func(w *booking.SessionWish) { w.Topic = "  " }, "topic missing"},
		{"long topic", func(w *booking.SessionWish) { w.Topic = strings.Repeat("x", 121) }, "topic bad_text"},
		{"one seat", func(w *booking.SessionWish) { w.Capacity = 1 }, "capacity out_of_range"},
		{"no group service", func(w *booking.SessionWish) { w.Service = "CPI-PATTO" }, "capacity out_of_range"},
		{"a stadium", func(w *booking.SessionWish) { w.Capacity = 501 }, "capacity out_of_range"},
		{"words for a tag", func(w *booking.SessionWish) { w.FundingTag = "fondo sociale" }, "funding_tag bad_text"},
		{"unknown language", func(w *booking.SessionWish) { w.Language = "xx" }, "language unknown_value"},
		{"no start", func(w *booking.SessionWish) { w.Start = time.Time{} }, "start missing"},
		{"closed", func(w *booking.SessionWish) { w.Start = at("12:00") }, "slot_missing"},
		{"past", func(w *booking.SessionWish) { w.Start = at("10:00").AddDate(0, 0, -7) }, "slot_too_late"},
		{"between five minutes", func(w *booking.SessionWish) { w.Start = at("10:00").Add(time.Minute) }, "slot_missing"},
	}
	each(t, func(t *testing.T, p *province) {
		for _, tt := range tests {
			w := workshop()
			tt.change(&w)
			_, err := p.tryPlan(w)
			t.Run(tt.name, func(t *testing.T) {
				if got := wrong(err); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		}
		byHand := workshop()
		byHand.Service, byHand.Capacity = "CPI-PATTO", 8
		if got := p.plan(byHand); got.Capacity != 8 {
			t.Errorf("by hand: got %+v", got)
		}
	})
}

// TestSeats fills a session, lets people wait and gives them seats as others give theirs up: the longest
// first, whoever fits.
func TestSeats(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		s := p.plan(workshop())
		d := details(somebody())
		d.Note, d.Language = "porta il curriculum", "ar"
		couple, err := p.tryEnrol(s.ID, d, 2)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.seat(couple.Token), couple); diff != "" {
			t.Errorf("returned and kept differ (-kept +returned):\n%s", diff)
		}
		one := p.enrol(s.ID, 1)
		family, late := p.enrol(s.ID, 3), p.enrol(s.ID, 1)
		later := p.enrol(s.ID, 1)
		for seat, want := range map[*booking.Seat]booking.SeatState{
			&couple: booking.SeatTaken, &one: booking.SeatTaken, &family: booking.SeatWaiting, &late: booking.SeatTaken, &later: booking.SeatWaiting,
		} {
			if seat.State != want || len(seat.Reference) != 8 {
				t.Errorf("got %+v, want %s", seat, want)
			}
		}
		if got := p.session(s.ID); got.Free() != 0 {
			t.Errorf("got %+v", got)
		}
		p.view(func(ctx context.Context, tx *store.Tx) error {
			found, err := booking.SeatByReference(ctx, tx, strings.ToLower(one.Reference))
			if found.ID != one.ID {
				t.Errorf("by reference: got %+v", found)
			}
			return err
		})
		_, promoted, err := p.tryGiveUp(one.Token) // one seat: the family does not fit
		if err != nil || len(promoted) != 1 || promoted[0].ID != later.ID || promoted[0].State != booking.SeatTaken {
			t.Errorf("got %+v, %v", promoted, err)
		}
		p.sound()
		again, promoted, err := p.tryGiveUp(one.Token)
		if err != nil || len(promoted) != 0 || again.State != booking.SeatGivenUp {
			t.Errorf("again: got %+v, %+v, %v", again, promoted, err)
		}
		_, promoted, err = p.tryGiveUp(couple.Token)
		if err != nil || len(promoted) != 0 {
			t.Errorf("two seats: got %+v, %v", promoted, err)
		}
		_, promoted, err = p.tryGiveUp(late.Token)
		if err != nil || len(promoted) != 1 || promoted[0].ID != family.ID {
			t.Errorf("three seats: got %+v, %v", promoted, err)
		}
		p.sound()
		waiting := p.enrol(s.ID, 2)
		if _, promoted, err := p.tryGiveUp(waiting.Token); err != nil || len(promoted) != 0 {
			t.Errorf("who waited: got %+v, %v", promoted, err)
		}
		p.sound()
	})
}

func TestEnrolRefuses(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		s := p.plan(workshop())
		begun, cancelled := workshop(), workshop()
		begun.Start, cancelled.Start = at("09:00"), at("15:00")
		b, c := p.plan(begun), p.plan(cancelled)
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, _, err := booking.CancelSession(ctx, tx, c.ID, "officer_absent", clerk)
			return err
		})
		p.clock.Set(at("09:00"))
		tests := []struct {
			name, session string
			contact       booking.Contact
			people        int
			want          string
		}{
			{"unknown session", "none", somebody(), 1, "unknown_session"},
			{"begun", b.ID, somebody(), 1, "session_over"},
			{"cancelled", c.ID, somebody(), 1, "session_over"},
			{"nobody", s.ID, somebody(), 0, "people out_of_range"},
			{"more than there is room for", s.ID, somebody(), 5, "people out_of_range"},
			{"no name", s.ID, booking.Contact{Email: "x@prova.example"}, 1, "name missing"},
		}
		for _, tt := range tests {
			_, err := p.tryEnrol(tt.session, details(tt.contact), tt.people)
			t.Run(tt.name, func(t *testing.T) {
				if got := wrong(err); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		}
	})
}

// TestSeatLimits lets a person enrol once in a session, and have few seats ahead unless staff says so.
func TestSeatLimits(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		d := details(somebody())
		for week := range booking.MaxOpen {
			w := workshop()
			w.Start = w.Start.AddDate(0, 0, 7*week)
			s := p.plan(w)
			won := p.race(8, func(int) error {
				_, err := p.tryEnrol(s.ID, d, 1)
				return err
			}, "already_enrolled")
			if won != 1 {
				t.Errorf("%d seats for one person", won)
			}
		}
		w := workshop()
		w.Start = at("15:00")
		s := p.plan(w)
		_, err := p.tryEnrol(s.ID, d, 1)
		p.want("too_many_appointments", err)
		d.Again = true
		if _, err = p.tryEnrol(s.ID, d, 1); err != nil {
			t.Errorf("by staff: %v", err)
		}
		_, err = p.tryEnrol(s.ID, d, 1)
		p.want("already_enrolled", err)
	})
}

func TestAttendance(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		s := p.plan(workshop())
		var seats []booking.Seat
		for range 5 {
			seats = append(seats, p.enrol(s.ID, 1))
		}
		_, err := p.tryAttend(seats[0].ID, true)
		p.want("not_today", err)
		_, err = p.tryAttend("none", true)
		p.want("unknown_seat", err)
		p.clock.Set(at("09:55"))
		p.want("not_begun", p.try(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.CloseSession(ctx, tx, s.ID, clerk)
			return err
		}))
		for i, present := range []bool{true, false, true} {
			if _, err := p.tryAttend(seats[i].ID, present); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := p.tryAttend(seats[1].ID, true); err != nil || got.State != booking.SeatPresent {
			t.Errorf("corrected: got %+v, %v", got, err)
		}
		_, err = p.tryAttend(seats[4].ID, true)
		p.want("seat_state", err)
		p.clock.Set(at("10:30"))
		_, _, err = p.tryGiveUp(seats[3].Token)
		p.want("too_late_to_change", err)
		p.update(func(ctx context.Context, tx *store.Tx) error {
			held, err := booking.CloseSession(ctx, tx, s.ID, clerk)
			if held.State != booking.HeldOut || held.Taken != 4 {
				t.Errorf("got %+v", held)
			}
			return err
		})
		p.view(func(ctx context.Context, tx *store.Tx) error {
			sheet, err := booking.Seats(ctx, tx, s.ID)
			var got []string
			for _, seat := range sheet {
				got = append(got, string(seat.State))
			}
			slices.Sort(got[:4])
			if diff := cmp.Diff([]string{"present", "present", "present", "taken", "waiting"}, got); diff != "" {
				t.Error(diff)
			}
			return err
		})
		if _, err := p.tryAttend(seats[3].ID, false); err != nil {
			t.Errorf("after it was held: %v", err)
		}
		_, err = p.tryEnrol(s.ID, details(somebody()), 1)
		p.want("session_over", err)
		p.sound()
	})
}

func TestCancelSession(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		before := p.starts(thursday("centro", "CPI-PATTO"))
		s := p.plan(workshop())
		seats := []booking.Seat{p.enrol(s.ID, 4), p.enrol(s.ID, 1)}
		cancel := func(reason string) (got booking.Session, told []booking.Seat, err error) {
			err = p.try(func(ctx context.Context, tx *store.Tx) (err error) {
				got, told, err = booking.CancelSession(ctx, tx, s.ID, reason, clerk)
				return err
			})
			return got, told, err
		}
		_, _, err := cancel("")
		p.want("reason_missing", err)
		got, told, err := cancel("officer_absent")
		if diff := cmp.Diff(seats, told); err != nil || diff != "" || got.State != booking.SessionCancelled || got.Reason != "officer_absent" {
			t.Error(got, err, diff)
		}
		if _, told, err = cancel("again"); err != nil || len(told) != 0 {
			t.Errorf("again: got %v, %v", told, err)
		}
		if diff := cmp.Diff(before, p.starts(thursday("centro", "CPI-PATTO"))); diff != "" {
			t.Error(diff)
		}
		_, _, err = p.tryGiveUp(seats[0].Token)
		p.want("session_over", err)
		p.clock.Set(at("10:00"))
		_, err = p.tryAttend(seats[0].ID, true)
		p.want("session_over", err)
		p.want("appointment_state", p.try(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.CloseSession(ctx, tx, s.ID, clerk)
			return err
		}))
		p.sound()
	})
}

// TestSessionIsShifted has a session that its officer does treated as any appointment.
func TestSessionIsShifted(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		s := p.plan(workshop())
		officer := s.Staff[0].Officer
		done, stuck, err := p.tryShift("centro", officer, day("2026-12-03"), 15)
		if err != nil || len(done) != 1 || len(stuck) != 0 || !done[0].Session {
			t.Fatalf("got %v, %v, %v", tell(done), complain(stuck), err)
		}
		if got := p.session(s.ID); !got.Start.Equal(at("10:15")) || got.Sequence != 1 {
			t.Errorf("got %+v", got)
		}
		if _, err := p.tryReassign(s.ID, officer, map[string]string{"cpi-1": "cpi-2", "cpi-2": "cpi-1"}[officer]); err != nil {
			t.Error(err)
		}
		p.sound()
	})
}

func TestSessionsAreListed(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		for _, start := range []string{"09:00", "10:30", "15:00"} {
			w := workshop()
			w.Start, w.Topic = at(start), start
			p.plan(w)
		}
		p.clock.Set(at("09:00"))
		topics := func(of func(ctx context.Context, tx *store.Tx) ([]booking.Session, error)) (found []string) {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				all, err := of(ctx, tx)
				for _, s := range all {
					found = append(found, s.Topic)
				}
				return err
			})
			return found
		}
		upcoming := func(territory, office string) []string {
			return topics(func(ctx context.Context, tx *store.Tx) ([]booking.Session, error) {
				return booking.Upcoming(ctx, tx, territory, office)
			})
		}
		want := []string{"10:30", "15:00"}
		if diff := cmp.Diff([][]string{want, want, nil, nil}, [][]string{
			upcoming("prova", ""), upcoming("", "centro"), upcoming("", "altro"), upcoming("altrove", ""),
		}); diff != "" {
			t.Error(diff)
		}
		all := topics(func(ctx context.Context, tx *store.Tx) ([]booking.Session, error) {
			return booking.SessionsAt(ctx, tx, "centro", day("2026-12-03"), day("2026-12-03"))
		})
		if diff := cmp.Diff([]string{"09:00", "10:30", "15:00"}, all); diff != "" {
			t.Error(diff)
		}
	})
}

// TestSeatsAreErased erases whose a seat is at its citizen's wish, after its time, and again after a
// restore.
func TestSeatsAreErased(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		s := p.plan(workshop())
		person := somebody()
		byWish, err := p.tryEnrol(s.ID, details(person), 1)
		if err != nil {
			t.Fatal(err)
		}
		held := func() int {
			var all booking.Holdings
			p.view(func(ctx context.Context, tx *store.Tx) (err error) {
				all, err = booking.Export(ctx, tx, key.Persons(person))
				return err
			})
			return len(all.Seats)
		}
		if held() != 1 {
			t.Error("not exported")
		}
		old, restored := p.enrol(s.ID, 1), p.enrol(s.ID, 1)
		p.update(func(ctx context.Context, tx *store.Tx) error {
			erased, err := booking.EraseSeat(ctx, tx, byWish.Token, booking.Citizen)
			if erased.Contact != (booking.Contact{}) || erased.State != booking.SeatTaken || erased.ErasedAt.IsZero() {
				t.Errorf("got %+v", erased)
			}
			return err
		})
		p.update(func(ctx context.Context, tx *store.Tx) error {
			ours, err := booking.Forget(ctx, tx, restored.Subject())
			if !ours {
				return fmt.Errorf("%s is not ours", restored.Subject())
			}
			return err
		})
		p.clock.Set(s.End.AddDate(0, 0, 30).Add(-time.Millisecond))
		p.update(booking.EraseOld)
		if got := p.seat(old.Token); got.Contact != old.Contact {
			t.Errorf("too early: got %+v", got)
		}
		p.clock.Add(time.Millisecond)
		p.update(booking.EraseOld)
		for _, seat := range []booking.Seat{byWish, old, restored} {
			if got := p.seat(seat.Token); got.Contact != (booking.Contact{}) || got.Note != "" {
				t.Errorf("got %+v", got)
			}
		}
		if held() != 0 {
			t.Error("still exported")
		}
		p.clock.Add(48 * time.Hour)
		p.update(booking.Sweep)
		p.view(func(ctx context.Context, tx *store.Tx) error {
			erasures, err := audit.Erasures(ctx, tx, monday)
			var got []string
			for _, e := range erasures {
				got = append(got, e.Subject)
			}
			if diff := cmp.Diff([]string{byWish.Subject(), old.Subject()}, got); diff != "" {
				t.Error(diff)
			}
			var n int
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM persons`).Scan(&n); n != 0 {
				t.Errorf("%d persons are left, %v", n, err)
			}
			return err
		})
	})
}

// TestStormOfSeats has 64 people, alone and in pairs, want the last seats, while others give theirs up: the
// session is exactly full, and nobody waits who fits.
func TestStormOfSeats(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		w := workshop()
		w.Capacity = 20
		s := p.plan(w)
		var first []booking.Seat
		for range 4 {
			first = append(first, p.enrol(s.ID, 2))
		}
		p.race(64, func(i int) error {
			if i%16 == 0 {
				_, _, err := p.tryGiveUp(first[i/16].Token)
				return err
			}
			_, err := p.tryEnrol(s.ID, details(somebody()), 1+i%2)
			return err
		}, "none")
		if got := p.session(s.ID); got.Taken != 20 {
			t.Errorf("got %+v", got)
		}
		p.sound()
		only := workshop()
		only.Start, only.Capacity = at("15:00"), 7
		last := p.plan(only)
		seated := p.race(64, func(int) error {
			seat, err := p.tryEnrol(last.ID, details(somebody()), 1)
			if err == nil && seat.State == booking.SeatWaiting {
				return errTaken
			}
			return err
		}, "slot_taken")
		if seated != 7 {
			t.Errorf("%d got seats", seated)
		}
		p.sound()
	})
}

// TestAnOfficerIsBookedOrHoldsASession never both.
func TestAnOfficerIsBookedOrHoldsASession(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.block("centro", "cpi-2", "09:00", "12:30")
		won := p.race(20, func(i int) error {
			if i%2 == 0 {
				_, err := p.tryPlan(workshop())
				return err
			}
			_, err := p.tryHold(wish("centro", "CPI-PATTO", at("10:30")))
			return err
		}, "slot_taken")
		if won != 1 {
			t.Errorf("%d got one officer", won)
		}
		want := []timetable.Obstacle{{Code: timetable.ByBlock, Institution: "CPI", Who: "cpi-2"}}
		if got := p.explain(thursday("centro", "CPI-PATTO"), at("10:30")); !slices.Contains(got, want[0]) {
			t.Errorf("got %v", got)
		}
		p.sound()
	})
}
