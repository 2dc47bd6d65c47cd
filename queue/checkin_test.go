package queue_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue"
	"sportello/queue/rule"
)

// book makes an appointment at centro, some days before, and leaves the clock as it was.
func (o *office) book(service string, start time.Time) booking.Appointment {
	o.t.Helper()
	now := o.clock.Now()
	defer o.clock.Set(now)
	o.clock.Set(start.AddDate(0, 0, -3))
	var a booking.Appointment
	o.update(func(ctx context.Context, tx *store.Tx) error {
		hold, err := booking.Hold(ctx, tx, booking.Wish{Office: "centro", Service: service, Start: start, People: 1, Language: "fr", Channel: territory.Staff})
		if err != nil {
			return err
		}
		contact := booking.Contact{Name: "Prova Inventata", Email: store.NewID() + "@prova.example"}
		a, err = booking.Book(ctx, tx, booking.Key("a key of the tests"), hold.Token, booking.Details{Contact: contact, By: "user:1"})
		return err
	})
	return a
}

func (o *office) tryCheckIn(appointment string) (ticket queue.Ticket, err error) {
	err = o.try(func(ctx context.Context, tx *store.Tx) (err error) {
		ticket, err = queue.CheckIn(ctx, tx, queue.Arrival{Appointment: appointment, Office: "centro", By: "device:kiosk"})
		return err
	})
	return ticket, err
}

func (o *office) checkIn(a booking.Appointment) queue.Ticket {
	o.t.Helper()
	ticket, err := o.tryCheckIn(a.ID)
	if err != nil {
		o.t.Fatal(err)
	}
	return ticket
}

// stands fails the test unless the appointment is in a state, and has the claims of n resources from now
// on, each until its end.
func (o *office) stands(a booking.Appointment, want booking.State) booking.Appointment {
	o.t.Helper()
	var got booking.Appointment
	var ahead int
	now := o.clock.Now()
	err := o.db.View(o.t.Context(), func(tx *store.Tx) (err error) {
		if got, err = booking.ByID(o.t.Context(), tx, a.ID); err != nil {
			return err
		}
		return tx.QueryRow(o.t.Context(), `SELECT COUNT(*) FROM claims WHERE appointment_id = $1 AND slot_at >= $2`, a.ID, store.Millis(now)).Scan(&ahead)
	})
	if err != nil {
		o.t.Fatal(err)
	}
	if got.State != want {
		o.t.Errorf("at %s the appointment is %s, want %s", now.In(rome).Format("15:04:05"), got.State, want)
	}
	claims := 0
	for at := a.Start; want.Open() && at.Before(a.End); at = at.Add(5 * time.Minute) {
		if !at.Before(now) {
			claims += len(a.Staff)
		}
	}
	if ahead != claims {
		o.t.Errorf("at %s the %s appointment has %d claims ahead, want %d", now.In(rome).Format("15:04:05"), want, ahead, claims)
	}
	return got
}

func TestCheckIn(t *testing.T) {
	tests := []struct{ arrives, due string }{
		{"09:30", "09:30"}, // the earliest
		{"10:30", "09:30"},
		{"10:40", "09:30"},
		{"10:41", "10:41"}, // late
		{"12:10", "12:10"}, // when its time is over
	}
	for _, tt := range tests {
		t.Run(tt.arrives, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				a := o.book("JNT-LAVORO", at("10:30"))
				o.clock.Set(at(tt.arrives))
				ticket := o.checkIn(a)
				if ticket.Label() != "L001" || ticket.State != queue.Waiting || ticket.Origin != queue.FromAppointment || ticket.Appointment != a.ID ||
					!ticket.AppointmentAt.Equal(a.Start) || !ticket.DueAt.Equal(at(tt.due)) || ticket.Language != "fr" || ticket.IssuedBy != "device:kiosk" {
					t.Errorf("got %+v, due %v", ticket, ticket.DueAt.In(rome))
				}
				if a := o.stands(a, booking.Arrived); !a.ArrivedAt.Equal(at(tt.arrives)) {
					t.Errorf("arrived at %v", a.ArrivedAt.In(rome))
				}
				o.clock.Add(time.Minute)
				if again := o.checkIn(a); again.ID != ticket.ID || !again.DueAt.Equal(ticket.DueAt) {
					t.Errorf("checked in again: got %s due %v", again.Label(), again.DueAt)
				}
				if other := o.checkIn(o.book("JNT-LAVORO", at("10:30"))); other.ID == ticket.ID || other.Label() != "L002" {
					t.Errorf("another appointment: got %s", other.Label())
				}
			})
		})
	}
}

func TestCheckInRefuses(t *testing.T) {
	tests := []struct {
		name, office, want string
		when               time.Time
		before             func(o *office, a booking.Appointment)
	}{
		{name: "too early", when: at("09:29"), want: "check_in_too_early"},
		{name: "a day before", when: at("10:30").AddDate(0, 0, -1), want: "not_today"},
		{name: "a day after", when: at("10:30").AddDate(0, 0, 1), want: "appointment_past"},
		{name: "at another office", when: at("10:30"), office: "altro", want: "appointment_elsewhere"},
		{name: "cancelled", when: at("10:30"), want: "appointment_cancelled", before: func(o *office, a booking.Appointment) {
			o.update(func(ctx context.Context, tx *store.Tx) error {
				_, err := booking.CancelByStaff(ctx, tx, a.ID, "officer_absent", "user:1")
				return err
			})
		}},
		{name: "served", when: at("10:50"), want: "appointment_over", before: func(o *office, a booking.Appointment) {
			o.update(func(ctx context.Context, tx *store.Tx) error {
				_, err := booking.Start(ctx, tx, a.ID, "user:1")
				if err == nil {
					_, err = booking.Serve(ctx, tx, a.ID, "user:1")
				}
				return err
			})
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				a := o.book("JNT-LAVORO", at("10:30"))
				o.clock.Set(tt.when)
				if tt.before != nil {
					tt.before(o, a)
				}
				office := tt.office
				if office == "" {
					office = "centro"
				}
				o.refused(tt.want, func(ctx context.Context, tx *store.Tx) error {
					_, err := queue.CheckIn(ctx, tx, queue.Arrival{Appointment: a.ID, Office: office, By: "device:kiosk"})
					return err
				})
			})
		})
	}
	each(t, func(t *testing.T, o *office) {
		_, err := o.tryCheckIn("guess")
		if fault.Code(err) != "unknown_appointment" {
			t.Errorf("got %v", err)
		}
		var hold booking.Appointment
		o.clock.Set(at("09:30"))
		o.update(func(ctx context.Context, tx *store.Tx) (err error) {
			hold, err = booking.Hold(ctx, tx, booking.Wish{Office: "centro", Service: "JNT-LAVORO", Start: at("10:30"), People: 1, Channel: territory.Staff})
			return err
		})
		if _, err := o.tryCheckIn(hold.ID); fault.Code(err) != "unknown_appointment" {
			t.Errorf("a hold: got %v", err)
		}
	})
}

// TestAppointmentFollowsItsTicket walks a ticket through its day.
func TestAppointmentFollowsItsTicket(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		a := o.book("JNT-LAVORO", at("10:30"))
		o.clock.Set(at("10:20"))
		ticket := o.checkIn(a)
		o.clock.Set(at("10:30"))
		o.next("1")
		o.stands(a, booking.Arrived)
		o.step(queue.Start, "2", ticket.ID)
		o.stands(a, booking.InService)
		o.step(park, "1", ticket.ID)
		o.stands(a, booking.InService)
		o.step(queue.Resume, "1", ticket.ID)
		o.next("1")
		o.step(queue.Start, "1", ticket.ID)
		started := o.stands(a, booking.InService).StartedAt
		o.clock.Set(at("10:42"))
		o.step(finish, "1", ticket.ID)
		if got := o.stands(a, booking.Served); !got.EndedAt.Equal(at("10:42")) {
			t.Errorf("ended at %v", got.EndedAt)
		}
		o.clock.Add(30 * time.Second)
		o.step(queue.Undo, "1", ticket.ID)
		if got := o.stands(a, booking.InService); !got.StartedAt.Equal(started) || !got.EndedAt.IsZero() {
			t.Errorf("after undo: got %+v", got)
		}
		o.step(finish, "2", ticket.ID)
		o.stands(a, booking.Served)
		if _, err := o.tryCheckIn(a.ID); fault.Code(err) != "appointment_over" {
			t.Errorf("checked in after the end: %v", err)
		}
	})
}

func TestNoShowOfAnAppointment(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		a := o.book("JNT-LAVORO", at("10:30"))
		o.clock.Set(at("10:20"))
		ticket := o.checkIn(a)
		miss := func() {
			o.next("1")
			o.step(recall, "1", ticket.ID)
			o.step(queue.MarkNoShow, "1", ticket.ID)
		}
		miss() // before its time: nobody else waits
		o.stands(a, booking.Arrived)
		o.step(queue.Undo, "1", ticket.ID)
		o.clock.Set(at("10:31"))
		o.step(queue.MarkNoShow, "1", ticket.ID)
		o.stands(a, booking.NoShow)
		o.step(queue.Undo, "1", ticket.ID)
		o.stands(a, booking.Arrived)
		o.step(queue.MarkNoShow, "1", ticket.ID)

		o.clock.Set(at("10:40"))
		back := o.checkIn(a)
		if back.ID != ticket.ID || back.State != queue.Waiting || back.CameBack != queue.Returned || !back.DueAt.Equal(ticket.DueAt) {
			t.Errorf("back within half an hour: got %+v", back)
		}
		o.stands(a, booking.Arrived)
		miss()
		o.clock.Set(at("11:30"))
		late := o.checkIn(a)
		if late.ID != ticket.ID || late.CameBack != "" || !late.DueAt.Equal(at("11:30")) {
			t.Errorf("back an hour later: got %+v", late)
		}
		o.stands(a, booking.Arrived)
		if call, _ := o.next("1"); call.Ticket.Why != rule.JointReady {
			t.Errorf("called because %s", call.Ticket.Why)
		}
	})
}

func TestAbsentWithoutATicket(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		a, here := o.book("JNT-LAVORO", at("10:30")), o.book("JNT-LAVORO", at("10:30"))
		absent := func(id string) func(context.Context, *store.Tx) error {
			return func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.MarkAbsent(ctx, tx, id, "user:1")
				return err
			}
		}
		o.clock.Set(at("10:29"))
		o.refused("not_begun", absent(a.ID))
		o.checkIn(here)
		o.clock.Set(at("10:50"))
		o.refused("appointment_state", absent(here.ID))
		o.update(absent(a.ID))
		o.stands(a, booking.NoShow)
		o.clock.Set(at("10:52"))
		if late := o.checkIn(a); !late.DueAt.Equal(at("10:52")) {
			t.Errorf("due %v", late.DueAt.In(rome))
		}
		o.stands(a, booking.Arrived)
	})
}

func TestLeavingGivesTheAppointmentBack(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		a := o.book("JNT-LAVORO", at("10:30"))
		ticket := o.checkIn(a)
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.Leave(ctx, tx, ticket.Token)
			return err
		})
		if got := o.stands(a, booking.Cancelled); got.Reason != booking.ByWish {
			t.Errorf("reason %q", got.Reason)
		}
		if _, err := o.tryCheckIn(a.ID); fault.Code(err) != "appointment_cancelled" {
			t.Errorf("checked in again: %v", err)
		}
	})
}

// settle does what the job does every minute, and returns how many appointments it settled.
func (o *office) settle() int {
	o.t.Helper()
	var behind []string
	o.update(func(ctx context.Context, tx *store.Tx) (err error) {
		behind, err = queue.Unsettled(ctx, tx, "centro")
		return err
	})
	for _, id := range behind {
		o.update(func(ctx context.Context, tx *store.Tx) error { return queue.Settle(ctx, tx, id, "job:test") })
	}
	return len(behind)
}

// TestSessionsAreNotSettled leaves what many share to those who hold it.
func TestSessionsAreNotSettled(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.PlanSession(ctx, tx, booking.SessionWish{
				Office: "centro", Service: "JNT-LAVORO", Start: at("15:00"), Topic: "Prova", Capacity: 8, By: "user:prova",
			})
			return err
		})
		o.clock.Set(at("09:00").AddDate(0, 0, 1))
		if n := o.settle(); n != 0 {
			t.Errorf("settled %d, want none", n)
		}
	})
}

func TestSettle(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		nobody, waiting, begun := o.book("JNT-LAVORO", at("15:00")), o.book("JNT-LAVORO", at("16:30")), o.book("JNT-LAVORO", at("15:00"))
		missed, tomorrow := o.book("JNT-LAVORO", at("16:30")), o.book("JNT-LAVORO", at("09:00").AddDate(0, 0, 7))
		o.clock.Set(at("14:55"))
		first := o.checkIn(begun)
		o.clock.Set(at("15:00"))
		o.next("1")
		o.step(queue.Start, "1", first.ID)
		o.step(park, "1", first.ID)
		o.clock.Set(at("16:00"))
		early := o.checkIn(missed)
		o.next("1")
		o.step(recall, "1", early.ID)
		o.step(queue.MarkNoShow, "1", early.ID)
		o.checkIn(waiting)
		if n := o.settle(); n != 0 {
			t.Errorf("settled %d appointments in the afternoon", n)
		}
		o.clock.Set(at("16:30"))
		if n := o.settle(); n != 1 {
			t.Errorf("settled %d appointments when the missed one's time had come, want 1", n)
		}
		o.stands(missed, booking.NoShow)

		o.clock.Set(at("17:01"))
		o.update(func(ctx context.Context, tx *store.Tx) error {
			n, err := queue.EndDay(ctx, tx, seat("1"))
			if n != 2 {
				t.Errorf("closed %d tickets, want 2", n)
			}
			return err
		})
		if n := o.settle(); n != 2 {
			t.Errorf("settled %d appointments at the end of the day, want 2", n)
		}
		if got := o.stands(waiting, booking.Cancelled); got.Reason != queue.ReasonNotServed {
			t.Errorf("reason %q", got.Reason)
		}
		o.stands(begun, booking.Served)
		o.stands(nobody, booking.Booked) // until midnight
		o.clock.Set(at("00:00").AddDate(0, 0, 1))
		if n, again := o.settle(), o.settle(); n != 1 || again != 0 {
			t.Errorf("settled %d, then %d appointments after midnight, want 1 and 0", n, again)
		}
		o.stands(nobody, booking.NoShow)
		o.stands(tomorrow, booking.Booked)
	})
}

// TestJointAppointmentIsCalledWhenBothAreReady has two institutions' desks wait for a citizen whose time
// is near, and call them together.
func TestJointAppointmentIsCalledWhenBothAreReady(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		a := o.book("JNT-LAVORO", at("10:30"))
		o.clock.Set(at("10:05"))
		for range 3 {
			o.issue("INPS-PAG")
		}
		o.next("2")
		if _, held := o.picture().Held("1"); held {
			t.Error("a desk is held for somebody who has not arrived")
		}
		ticket := o.checkIn(a)
		p := o.picture()
		for _, desk := range []string{"1", "2"} {
			if h, held := p.Held(desk); !held || h.Ticket != ticket.ID || !h.Until.Equal(at("10:30")) {
				t.Errorf("desk %s: held %t, %+v", desk, held, h)
			}
		}
		if staff := p.Staff(ticket); len(staff) != 2 || staff[0].Institution != "CPI" || staff[1].Institution != "INPS" {
			t.Errorf("staff: %v", staff)
		}
		if _, number := o.next("1"); number != "" {
			t.Errorf("with the other desk busy: called %s", number)
		}
		served := p.Desks[1].Ticket
		o.clock.Set(at("10:27"))
		o.step(finish, "2", served)
		call, number := o.next("2")
		if number != ticket.Label() || fmt.Sprint(call.Desks) != "[2 1]" || call.Ticket.Why != rule.JointReady {
			t.Errorf("called %s at %v because %s, want %s at both", number, call.Desks, call.Ticket.Why, ticket.Label())
		}
	})
}

// TestStartWithPresent has one institution begin while the officer of the other is late.
func TestStartWithPresent(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		a := o.book("JNT-LAVORO", at("10:30"))
		o.clock.Set(at("10:20"))
		ticket := o.checkIn(a)
		o.clock.Set(at("10:31"))
		if _, number := o.next("1"); number != "" {
			t.Fatalf("called %s alone", number)
		}
		present := func(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string) (queue.Ticket, error) {
			call, err := queue.StartWithPresent(ctx, tx, at, ticket, "officer_late")
			return call.Ticket, err
		}
		called := o.step(present, "1", ticket.ID)
		if called.State != queue.Called || called.Part != "CPI" || called.Why != queue.WithPresent || fmt.Sprint(called.Desks) != "[1]" {
			t.Errorf("called: %+v", called)
		}
		if back := o.step(queue.Undo, "1", ticket.ID); back.State != queue.Waiting || back.Part != "" {
			t.Errorf("undone: %+v", back)
		}
		o.step(present, "1", ticket.ID)
		o.step(queue.Start, "1", ticket.ID)
		o.stands(a, booking.InService)
		part := o.step(finish, "1", ticket.ID)
		if part.State != queue.Waiting || fmt.Sprint(part.Done) != "[CPI]" || part.Part != "" || !part.DueAt.Equal(ticket.DueAt) || part.CameBack != queue.Transferred {
			t.Errorf("after its part: %+v", part)
		}
		o.stands(a, booking.InService)
		if back := o.step(queue.Undo, "1", ticket.ID); back.State != queue.Serving || back.Part != "CPI" || len(back.Done) != 0 {
			t.Errorf("part undone: %+v", back)
		}
		o.step(finish, "1", ticket.ID)
		if got := o.picture().Left(o.picture().Tickets[0]); fmt.Sprint(got) != "[INPS]" {
			t.Errorf("left: %v", got)
		}
		if _, number := o.next("1"); number != "" {
			t.Errorf("the same institution called %s again", number)
		}
		o.open("2", "inps-1")
		o.refused("cannot_take", func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.StartWithPresent(ctx, tx, seat("2"), ticket.ID, "officer_late") // it is only left to one
			return err
		})
		call, number := o.next("2")
		if number != ticket.Label() || fmt.Sprint(call.Desks) != "[2]" || call.Ticket.Why != rule.Transferred {
			t.Errorf("called %s at %v because %s", number, call.Desks, call.Ticket.Why)
		}
		if done := o.step(finish, "2", ticket.ID); done.State != queue.Served {
			t.Errorf("in the end: %+v", done)
		}
		o.stands(a, booking.Served)
	})
}

func TestStartWithPresentRefuses(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("3", "cpi-2", "CPI-DID")
		single, joint := o.issue("CPI-DID"), o.issue("JNT-LAVORO")
		try := func(desk, ticket, reason string) func(context.Context, *store.Tx) error {
			return func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.StartWithPresent(ctx, tx, seat(desk), ticket, reason)
				return err
			}
		}
		o.refused("cannot_take", try("1", single.ID, "officer_late"))
		o.refused("cannot_take", try("3", joint.ID, "officer_late")) // does not serve it
		o.refused("reason_missing", try("1", joint.ID, "il collega è malato"))
		o.refused("desk_not_open", try("2", joint.ID, "officer_late"))
		o.update(try("1", joint.ID, "officer_late"))
		o.refused("settle_ticket_first", try("1", joint.ID, "officer_late"))
	})
}

// TestManyCheckInsAtOnce has the kiosk, a phone and two desks check people in and serve them while
// others book: one ticket each, and nobody waits for ever for another.
func TestManyCheckInsAtOnce(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		var all []booking.Appointment
		for range 4 {
			all = append(all, o.book("JNT-LAVORO", at("10:30")))
		}
		o.clock.Set(at("10:32"))
		var wg sync.WaitGroup
		tickets := make([][]queue.Ticket, len(all))
		for i, a := range all {
			tickets[i] = make([]queue.Ticket, 4)
			for k := range tickets[i] {
				wg.Go(func() { tickets[i][k] = o.checkIn(a) })
			}
		}
		wg.Wait()
		seen := make(map[string]bool)
		for i, same := range tickets {
			for _, ticket := range same {
				if ticket.ID != same[0].ID || ticket.Appointment != all[i].ID {
					t.Errorf("appointment %d has the tickets %s and %s", i, same[0].Label(), ticket.Label())
				}
			}
			seen[same[0].Label()] = true
		}
		if len(seen) != len(all) {
			t.Errorf("got %d numbers, want %d", len(seen), len(all))
		}
		wg.Go(func() {
			for range all {
				if id := o.callAndFinish("1"); id == "" {
					t.Error("nobody to call")
				}
			}
		})
		wg.Go(func() {
			for i := range 4 {
				o.hold(at("15:00").Add(time.Duration(i) * time.Hour / 2))
			}
		})
		wg.Wait()
		for _, a := range all {
			o.stands(a, booking.Served)
		}
	})
}

// hold reserves an appointment now.
func (o *office) hold(start time.Time) {
	err := o.try(func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.Hold(ctx, tx, booking.Wish{Office: "centro", Service: "JNT-LAVORO", Start: start, People: 1, Channel: territory.Staff})
		return err
	})
	if err != nil {
		o.t.Errorf("hold at %v: %v", start, err)
	}
}
