package booking_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/fiscalcode"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// steps are what staff does to an appointment by its id.
var steps = map[string]func(ctx context.Context, tx *store.Tx, id, by string) (booking.Appointment, error){
	"arrive": booking.Arrive, "start": booking.Start, "serve": booking.Serve, "no-show": booking.MarkNoShow,
	"reopen": booking.Reopen,
	"cancel": func(ctx context.Context, tx *store.Tx, id, by string) (booking.Appointment, error) {
		return booking.CancelByStaff(ctx, tx, id, "officer_absent", by)
	},
}

func (p *province) tryStep(name, id string) (booking.Appointment, error) {
	var a booking.Appointment
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = steps[name](ctx, tx, id, "user:prova")
		return err
	})
	return a, err
}

func (p *province) step(name, id string) booking.Appointment {
	p.t.Helper()
	a, err := p.tryStep(name, id)
	if err != nil {
		p.t.Fatalf("%s: %v", name, err)
	}
	return a
}

func (p *province) tryMove(token, hold string) (booking.Appointment, error) {
	var a booking.Appointment
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.Move(ctx, tx, token, hold)
		return err
	})
	return a, err
}

func (p *province) tryCancel(token string) (booking.Appointment, error) {
	var a booking.Appointment
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.Cancel(ctx, tx, token)
		return err
	})
	return a, err
}

func TestBook(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		w := wish("centro", "JNT-LAVORO", at("10:00"))
		w.People, w.Language = 3, "en"
		hold := p.hold(w)
		if got, want := hold.HoldUntil, monday.Add(booking.HoldFor); hold.State != booking.Held || !got.Equal(want) {
			t.Errorf("got %s until %v, want held until %v", hold.State, got, want)
		}
		p.clock.Add(5 * time.Minute)
		d := details(booking.Contact{Name: " Prova  Inventata ", Email: "prova@prova.example", Phone: "333 123-4567", FiscalCode: "rssmra80a01e335b"})
		d.Note = "porta il contratto"
		a, err := p.tryBook(hold.Token, d)
		if err != nil {
			t.Fatal(err)
		}
		want := booking.Contact{Name: "Prova Inventata", Email: "prova@prova.example", Phone: "+393331234567"}
		if diff := cmp.Diff(want, a.Contact); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff(p.byID(a.ID), a); diff != "" {
			t.Errorf("returned and kept differ (-kept +returned):\n%s", diff)
		}
		team := []timetable.Assignment{{Institution: "CPI", Officer: "cpi-2"}, {Institution: "INPS", Officer: "inps-1"}}
		if diff := cmp.Diff(team, a.Staff); diff != "" {
			t.Errorf("who speaks English and who is first (-want +got):\n%s", diff)
		}
		if a.State != booking.Booked || a.Token != hold.Token || a.People != 3 || !a.HoldUntil.IsZero() || !a.End.Equal(at("10:30")) {
			t.Errorf("got %+v", a)
		}
		for _, typed := range []string{a.Reference, strings.ToLower(a.Reference), strings.ReplaceAll(a.Reference, "-", " ")} {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				found, err := booking.ByReference(ctx, tx, typed)
				if found.ID != a.ID {
					t.Errorf("%q: got %q, %v", typed, found.ID, err)
				}
				return nil
			})
		}
		_, err = p.tryBook(hold.Token, details(somebody()))
		p.want("unknown_hold", err)
		p.clock.Add(time.Hour)
		if got := p.starts(thursday("centro", "JNT-LAVORO"))[2]; got != "10:00×1" {
			t.Errorf("an hour later: got %s", got)
		}
		p.sound()
	})
}

func TestHoldRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *booking.Wish)
		want   string
	}{
		{"unknown office", func(w *booking.Wish) { w.Office = "nessuno" }, "unknown_office"},
		{"unknown service", func(w *booking.Wish) { w.Service = "NONE" }, "unknown_service"},
		{"ended service", func(w *booking.Wish) { w.Service, w.Channel = "HIS-REI", territory.Staff }, "service_ended"},
		{"past", func(w *booking.Wish) { w.Start = at("10:00").AddDate(0, 0, -7) }, "slot_too_late"},
		{"not released", func(w *booking.Wish) { w.Start = at("10:00").AddDate(0, 0, 70) }, "slot_too_early"},
		{"closed", func(w *booking.Wish) { w.Start = at("10:00").AddDate(0, 0, 1) }, "slot_missing"},
		{"off the grid", func(w *booking.Wish) { w.Start = at("10:10") }, "slot_missing"},
		{"off every grid", func(w *booking.Wish) { w.Start = at("10:00").Add(time.Second) }, "slot_missing"},
		{"over the closing", func(w *booking.Wish) { w.Start = at("12:15") }, "slot_missing"},
		{"only by ticket", func(w *booking.Wish) { w.Service = "CPI-DID" }, "slot_missing"},
		{"as a walk-in", func(w *booking.Wish) { w.Channel = territory.WalkIn }, "invalid"},
		{"nobody", func(w *booking.Wish) { w.People = 0 }, "invalid"},
		{"a crowd", func(w *booking.Wish) { w.People = booking.MaxPeople + 1 }, "invalid"},
		{"unknown language", func(w *booking.Wish) { w.Language = "xx" }, "invalid"},
		{"no start", func(w *booking.Wish) { w.Start = time.Time{} }, "invalid"},
	}
	each(t, func(t *testing.T, p *province) {
		for _, tt := range tests {
			w := wish("centro", "JNT-LAVORO", at("10:00"))
			tt.change(&w)
			_, err := p.tryHold(w)
			t.Run(tt.name, func(t *testing.T) { (&province{t: t}).want(tt.want, err) })
		}
		p.view(func(ctx context.Context, tx *store.Tx) error {
			var n int
			err := tx.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM appointments) + (SELECT COUNT(*) FROM claims)`).Scan(&n)
			if n != 0 {
				t.Errorf("refusals left %d rows", n)
			}
			return err
		})
	})
}

func TestFiscalCodeIsChecked(t *testing.T) {
	tests := []struct{ name, code, want, why string }{
		{"as it is", "XQZWJY80A01F205S", "XQZWJY80A01F205S", ""},
		{"as one types it", " xqzwjy 80a01 f205s ", "XQZWJY80A01F205S", ""},
		{"letters for digits", "XQZWJYULALMFNLRY", "XQZWJYULALMFNLRY", ""},
		{"provisional", "99900000995", "99900000995", ""},
		{"a wrong check character", "XQZWJY80A01F205A", "", "bad_fiscal_code_check"},
		{"a wrong check digit", "99900000996", "", "bad_fiscal_code_check"},
		{"30 February", "XQZWJY80B30F205V", "", "bad_fiscal_code_date"},
		{"a letter that stands for no digit", "XQZWJY80A01F20KH", "", "bad_fiscal_code_form"},
		{"15 characters", "XQZWJY80A01F205", "", "bad_fiscal_code"},
		{"17 characters", "XQZWJY80A01F205SX", "", "bad_fiscal_code"},
		{"two persons", "XQZWJY80A01F205S XQZWJY80A41E335A", "", "bad_fiscal_code"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := booking.Contact{Name: "Prova", FiscalCode: tt.code}.Checked()
			why := ""
			if f := (*fault.Error)(nil); errors.As(err, &f) {
				why = f.Fields[0].Code
			}
			if got.FiscalCode != tt.want || why != tt.why {
				t.Errorf("got %q, %q, want %q, %q", got.FiscalCode, why, tt.want, tt.why)
			}
		})
	}
}

// TestByFiscalCode finds by a code what was booked with it here and on that day, and nothing else.
func TestByFiscalCode(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		const mine, other = "XQZWJY80A01F205S", "XQZWJY80A41E335A"
		book := func(office, service string, start time.Time, code string) booking.Appointment {
			t.Helper()
			a, err := p.tryBook(p.hold(wish(office, service, start)).Token, details(booking.Contact{Name: "Prova Inventata", FiscalCode: code}))
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		later := book("centro", "CPI-PATTO", at("11:15"), mine)
		first := book("centro", "JNT-LAVORO", at("10:00"), mine)
		elsewhere, _, _ := strings.Cut(p.starts(thursday("altro", "INPS-NASPI"))[0], "×")
		book("altro", "INPS-NASPI", at(elsewhere), mine)
		book("centro", "JNT-LAVORO", at("11:00"), other)
		found := func(office, on string, code fiscalcode.Code) (ids []string) {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				all, err := booking.ByFiscalCode(ctx, tx, key, office, day(on), code)
				for _, a := range all {
					ids = append(ids, a.ID)
				}
				return err
			})
			return ids
		}
		if diff := cmp.Diff([]string{first.ID, later.ID}, found("centro", "2026-12-03", mine)); diff != "" {
			t.Errorf("here and today (-want +got):\n%s", diff)
		}
		for name, ids := range map[string][]string{
			"another day":    found("centro", "2026-12-10", mine),
			"another office": found("terzo", "2026-12-03", mine),
			"nobody's code":  found("centro", "2026-12-03", "99900000995"),
		} {
			if ids != nil {
				t.Errorf("%s: got %v", name, ids)
			}
		}
	})
}

func TestContactIsChecked(t *testing.T) {
	long := strings.Repeat("x", 121)
	tests := []struct {
		name    string
		contact booking.Contact
		want    []string // the fields at fault
	}{
		{"name alone", booking.Contact{Name: "Prova"}, nil},
		{"all", booking.Contact{Name: "Prova", Email: "p@prova.example", Phone: "0865 12345", FiscalCode: "RSSMRA80A01E335B"}, nil},
		{"provisional code", booking.Contact{Name: "Prova", FiscalCode: "99900000995"}, nil},
		{"foreign phone", booking.Contact{Name: "Prova", Phone: "0040 721 000 000"}, nil},
		{"nothing", booking.Contact{}, []string{"name"}},
		{"blank name", booking.Contact{Name: " \t "}, []string{"name"}},
		{"long name", booking.Contact{Name: long}, []string{"name"}},
		{"name with a bell", booking.Contact{Name: "Pro\x07va"}, []string{"name"}},
		{"all wrong", booking.Contact{Name: "", Email: "x", Phone: "x", FiscalCode: "x"}, []string{"name", "email", "phone", "fiscal_code"}},
		{"mail with a name", booking.Contact{Name: "Prova", Email: "Prova <p@prova.example>"}, []string{"email"}},
		{"two addresses", booking.Contact{Name: "Prova", Email: "p@prova.example, q@prova.example"}, []string{"email"}},
		{"no domain", booking.Contact{Name: "Prova", Email: "p@prova"}, []string{"email"}},
		{"header", booking.Contact{Name: "Prova", Email: "p@prova.example\r\nBcc: q@prova.example"}, []string{"email"}},
		{"long address", booking.Contact{Name: "Prova", Email: strings.Repeat("x", 250) + "@prova.example"}, []string{"email"}},
		{"short phone", booking.Contact{Name: "Prova", Phone: "+39 1"}, []string{"phone"}},
		{"long phone", booking.Contact{Name: "Prova", Phone: "+39 1234567890123456"}, []string{"phone"}},
		{"scanned", booking.Contact{Name: "Prova", FiscalCode: "%RSSMRA80A01E335B  INVENTATA<PROVA?;80380000000000000000?"}, nil},
		{"phone with a plus inside", booking.Contact{Name: "Prova", Phone: "333+1234567"}, []string{"phone"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := tt.contact.Checked()
			var got []string
			if f := (*fault.Error)(nil); errors.As(err, &f) {
				for _, field := range f.Fields {
					got = append(got, field.Name)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestHoldEnds lets a hold end by the clock alone: its time is offered again at once, is sold to another
// and is nobody's twice, be it swept or not.
func TestHoldEnds(t *testing.T) {
	for _, swept := range []bool{false, true} {
		t.Run(fmt.Sprint("swept ", swept), func(t *testing.T) {
			each(t, func(t *testing.T, p *province) {
				hold := p.hold(wish("altro", "JNT-LAVORO", at("10:00")))
				full := p.starts(thursday("altro", "JNT-LAVORO"))
				p.clock.Set(hold.HoldUntil.Add(-time.Millisecond))
				if diff := cmp.Diff(full, p.starts(thursday("altro", "JNT-LAVORO"))); diff != "" {
					t.Errorf("just before: %s", diff)
				}
				p.clock.Set(hold.HoldUntil)
				if swept {
					p.update(booking.Sweep)
				}
				if got := p.starts(thursday("altro", "JNT-LAVORO")); len(got) != len(full)+1 {
					t.Errorf("just after: got %v, before %v", got, full)
				}
				_, err := p.tryBook(hold.Token, details(somebody()))
				p.want("hold_expired", err)
				second := p.book(wish("altro", "JNT-LAVORO", at("10:00")))
				_, err = p.tryBook(hold.Token, details(somebody()))
				p.want("hold_expired", err)
				if got := p.byID(hold.ID).State; got != booking.Expired {
					t.Errorf("the hold is %s", got)
				}
				p.sound()
				p.clock.Add(25 * time.Hour)
				p.update(booking.Sweep)
				p.update(booking.Sweep)
				if _, err := p.tryBook(hold.Token, details(somebody())); fault.Code(err) != "unknown_hold" {
					t.Errorf("a day later: got %v", err)
				}
				if got := p.byID(second.ID).State; got != booking.Booked {
					t.Errorf("the second is %s", got)
				}
				p.sound()
			})
		})
	}
}

func TestReleaseAHold(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		before := p.starts(thursday("centro", "JNT-LAVORO"))
		hold := p.hold(wish("centro", "JNT-LAVORO", at("10:00")))
		for range 2 {
			p.update(func(ctx context.Context, tx *store.Tx) error { return booking.Release(ctx, tx, hold.Token) })
		}
		if diff := cmp.Diff(before, p.starts(thursday("centro", "JNT-LAVORO"))); diff != "" {
			t.Error(diff)
		}
		booked := p.book(wish("centro", "JNT-LAVORO", at("10:00")))
		p.want("unknown_hold", p.try(func(ctx context.Context, tx *store.Tx) error { return booking.Release(ctx, tx, booked.Token) }))
		p.sound()
	})
}

func TestMove(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		a := p.book(wish("centro", "JNT-LAVORO", at("10:00")))
		hold := p.hold(wish("altro", "JNT-LAVORO", at("16:00")))
		moved, err := p.tryMove(a.Token, hold.Token)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(p.byID(a.ID), moved); diff != "" {
			t.Errorf("returned and kept differ (-kept +returned):\n%s", diff)
		}
		if moved.Reference != a.Reference || moved.Token != a.Token || moved.Office != "altro" || !moved.Start.Equal(at("16:00")) ||
			moved.Sequence != a.Sequence+1 || moved.Contact != a.Contact || moved.Staff[0].Officer != "cpi-3" {
			t.Errorf("got %+v", moved)
		}
		if got := p.starts(thursday("centro", "JNT-LAVORO"))[2]; got != "10:00×4" {
			t.Errorf("where it was: got %s", got)
		}
		p.sound()
		_, err = p.tryMove(a.Token, hold.Token)
		p.want("unknown_hold", err)
		_, err = p.tryMove(a.Token, p.book(wish("centro", "JNT-LAVORO", at("09:00"))).Token)
		p.want("unknown_hold", err)
		_, err = p.tryMove(a.Token, p.hold(wish("centro", "INPS-NASPI", at("09:00"))).Token)
		p.want("other_service", err)
		late := p.hold(wish("centro", "JNT-LAVORO", at("16:00")))
		p.clock.Set(late.HoldUntil)
		_, err = p.tryMove(a.Token, late.Token)
		p.want("hold_expired", err)
		_, err = p.tryMove("unknown", late.Token)
		p.want("unknown_appointment", err)

		p.clock.Set(at("14:00").Add(time.Millisecond)) // less than two hours before
		soon := p.hold(wish("centro", "JNT-LAVORO", at("16:00")))
		_, err = p.tryMove(a.Token, soon.Token)
		p.want("too_late_to_change", err)
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.MoveByStaff(ctx, tx, a.ID, soon.Token, "user:prova")
			return err
		})
		p.sound()
	})
}

func TestCancel(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		before := p.starts(thursday("centro", "JNT-LAVORO"))
		first, second := p.book(wish("centro", "JNT-LAVORO", at("10:00"))), p.book(wish("centro", "JNT-LAVORO", at("10:00")))
		p.clock.Set(at("08:00")) // two hours before, to the minute
		for range 2 {
			if a, err := p.tryCancel(first.Token); err != nil || a.State != booking.Cancelled || a.Reason != booking.ByWish {
				t.Errorf("got %s %q, %v", a.State, a.Reason, err)
			}
		}
		p.clock.Add(time.Millisecond)
		_, err := p.tryCancel(second.Token)
		p.want("too_late_to_change", err)
		_, err = p.tryCancel("unknown")
		p.want("unknown_appointment", err)
		p.want("reason_missing", p.try(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.CancelByStaff(ctx, tx, second.ID, "è malato", "user:prova")
			return err
		}))
		if a := p.step("cancel", second.ID); a.Reason != "officer_absent" {
			t.Errorf("got the reason %q", a.Reason)
		}
		p.clock.Set(monday)
		if diff := cmp.Diff(before, p.starts(thursday("centro", "JNT-LAVORO"))); diff != "" {
			t.Errorf("what was free: %s", diff)
		}
		p.sound()
	})
}

// TestSteps tries every step on an appointment in every state.
func TestSteps(t *testing.T) {
	reach := map[booking.State][]string{
		booking.Booked: nil, booking.Arrived: {"arrive"}, booking.InService: {"start"}, booking.Served: {"start", "serve"},
		booking.NoShow: {"no-show"}, booking.Cancelled: {"cancel"},
	}
	want := map[booking.State]map[string]booking.State{
		booking.Booked: {
			"arrive": booking.Arrived, "start": booking.InService, "no-show": booking.NoShow, "cancel": booking.Cancelled,
		},
		booking.Arrived: {
			"start": booking.InService, "serve": booking.Served, "no-show": booking.NoShow, "cancel": booking.Cancelled,
		},
		booking.InService: {"serve": booking.Served},
		booking.Served:    {"reopen": booking.InService},
		booking.NoShow:    {"reopen": booking.Arrived},
		booking.Cancelled: {"cancel": booking.Cancelled},
	}
	each(t, func(t *testing.T, p *province) {
		n := 0
		for state, path := range reach {
			for name := range steps {
				start := at("09:00").AddDate(0, 0, n/7*7).Add(time.Duration(n%7*30) * time.Minute) // each has its own
				n++
				p.clock.Set(monday)
				a := p.book(wish("centro", "JNT-LAVORO", start))
				p.clock.Set(start.Add(5 * time.Minute))
				for _, before := range path {
					p.step(before, a.ID)
				}
				got, err := p.tryStep(name, a.ID)
				expected, allowed := want[state][name]
				if allowed && (err != nil || got.State != expected || p.byID(a.ID).State != expected) {
					t.Errorf("%s from %s: got %s, %v", name, state, got.State, err)
				}
				if !allowed && fault.Code(err) != "appointment_state" {
					t.Errorf("%s from %s: got %s, %v, want to be refused", name, state, got.State, err)
				}
				p.sound()
			}
		}
	})
}

// TestReopenTakesOnlyWhatIsLeft has somebody come back after half of the time was sold to another.
func TestReopenTakesOnlyWhatIsLeft(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		var all []booking.Appointment // both officers of each institution
		for range 2 {
			all = append(all, p.book(wish("centro", "JNT-LAVORO", at("10:00"))))
		}
		p.clock.Set(at("10:05"))
		missed := p.step("no-show", all[0].ID)
		p.clock.Set(monday) // it is too late to book by now
		other := p.book(wish("centro", "INPS-NASPI", at("10:20")))
		p.clock.Set(at("10:05"))
		back := p.step("reopen", all[0].ID)
		if back.State != booking.Arrived || !back.EndedAt.IsZero() || back.Sequence != missed.Sequence+1 || !back.ArrivedAt.Equal(at("10:05")) {
			t.Errorf("got %+v", back)
		}
		count := func(appointment string) (n int) {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				return tx.QueryRow(ctx, `SELECT COUNT(*) FROM claims WHERE appointment_id = $1`, appointment).Scan(&n)
			})
			return n
		}
		// Of the two officers, that of INPS is taken from 10:15, with the buffers of the other's service.
		if got, want := count(back.ID), 6+3; got != want {
			t.Errorf("who came back has %d claims, want %d", got, want)
		}
		if got, want := count(other.ID), 6; got != want {
			t.Errorf("who took the time has %d claims, want %d", got, want)
		}
	})
}

func TestStepsKeepTheirTimes(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		a, late := p.book(wish("centro", "JNT-LAVORO", at("10:00"))), p.book(wish("centro", "JNT-LAVORO", at("10:30")))
		_, err := p.tryStep("arrive", a.ID)
		p.want("not_today", err)
		p.clock.Set(at("09:50"))
		_, err = p.tryStep("no-show", a.ID)
		p.want("not_begun", err)
		p.step("arrive", a.ID)
		p.clock.Set(at("10:05"))
		p.step("start", a.ID)
		p.clock.Set(at("10:12"))
		p.step("serve", a.ID)
		got := p.byID(a.ID)
		if !got.ArrivedAt.Equal(at("09:50")) || !got.StartedAt.Equal(at("10:05")) || !got.EndedAt.Equal(at("10:12")) {
			t.Errorf("got arrived %v, started %v, ended %v", got.ArrivedAt, got.StartedAt, got.EndedAt)
		}
		p.clock.Set(at("10:41"))
		p.step("no-show", late.ID)
		p.clock.Set(at("10:42"))
		staff := booking.Query{Office: "centro", Service: "JNT-LAVORO", From: day("2026-12-03"), Until: day("2026-12-03"), Channel: territory.Staff}
		if got := p.starts(staff)[0]; got != "11:00×4" {
			t.Errorf("what is left: got %s", got)
		}
		p.view(func(ctx context.Context, tx *store.Tx) error {
			today, err := booking.At(ctx, tx, "centro", day("2026-12-03"), day("2026-12-03"), "inps-1")
			if len(today) != 1 || today[0].ID != a.ID {
				t.Errorf("what inps-1 does today: got %v", today)
			}
			return err
		})
	})
}

// TestLimits keeps one person from taking what others need.
func TestLimits(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		person := booking.Contact{Name: "Prova Inventata", Email: "prova@prova.example", Phone: "+39 333 1234567"}
		book := func(w booking.Wish, c booking.Contact, again bool) (booking.Appointment, error) {
			p.t.Helper()
			d := details(c)
			d.Again = again
			return p.tryBook(p.hold(w).Token, d)
		}
		first, err := book(wish("centro", "JNT-LAVORO", at("09:00")), person, false)
		if err != nil {
			t.Fatal(err)
		}
		samePhone := booking.Contact{Name: "Altro Nome", Phone: "3331234567"}
		_, err = book(wish("altro", "JNT-LAVORO", at("09:30")), samePhone, false)
		p.want("duplicate_need", err)
		if f := (*fault.Error)(nil); errors.As(err, &f) && len(f.Args) > 0 {
			t.Errorf("who typed a phone number is told %v", f.Args)
		}
		sameMail := booking.Contact{Name: "Prova", Email: "PROVA@prova.example"}
		_, err = book(wish("centro", "JNT-LAVORO", at("10:00")), sameMail, false)
		p.want("duplicate_need", err)
		naspi, err := book(wish("centro", "INPS-NASPI", at("16:00")), sameMail, false)
		if err != nil {
			t.Error(err)
		}
		if _, err = book(wish("centro", "CPI-PATTO", at("11:15")), person, false); err != nil {
			t.Error(err)
		}
		_, err = book(wish("terzo", "INPS-NASPI", at("12:00")), person, true)
		p.want("too_many_appointments", err)
		staff := wish("terzo", "INPS-NASPI", at("12:00"))
		staff.Channel = territory.Staff
		staff.Start = at("12:00").AddDate(0, 0, 7)
		_, err = book(staff, person, false)
		p.want("duplicate_need", err)
		if f := (*fault.Error)(nil); errors.As(err, &f) {
			if when := f.Args["when"].(time.Time); !when.Equal(naspi.Start) || f.Args["reference"] != naspi.Reference {
				t.Errorf("staff are told %v", f.Args)
			}
		}
		for _, known := range []struct {
			name, service string
			contact       booking.Contact
			id            string
		}{
			{"by phone", "JNT-LAVORO", samePhone, first.ID},
			{"by mail", "INPS-NASPI", sameMail, naspi.ID},
			{"another service", "CPI-LAB", sameMail, ""},
			{"nobody's phone", "JNT-LAVORO", booking.Contact{Name: "Prova", Phone: "333 9999999"}, ""},
			{"no contact", "JNT-LAVORO", booking.Contact{Name: "Prova"}, ""},
		} {
			p.update(func(ctx context.Context, tx *store.Tx) error {
				got, err := booking.Ahead(ctx, tx, key, known.contact, "prova", known.service)
				if got.ID != known.id || (err == nil) != (known.id != "") {
					t.Errorf("%s: got %q, %v", known.name, got.ID, err)
				}
				return nil
			})
		}
		staff.Start = at("11:00").AddDate(0, 0, 7)
		if _, err = book(staff, person, true); err != nil {
			t.Error(err)
		}

		p.clock.Add(booking.HoldFor)
		mother := booking.Contact{Name: "Madre Inventata", Phone: "333 7654321", FiscalCode: "RSSMRA80A41E335F"}
		son := booking.Contact{Name: "Figlio Inventato", Phone: "333 7654321", FiscalCode: "RSSMRC05A01E335Q"}
		for i, c := range []booking.Contact{mother, son} {
			if _, err = book(wish("centro", "JNT-LAVORO", at("12:00").AddDate(0, 0, 7*i)), c, false); err != nil {
				t.Errorf("one phone, another fiscal code: %v", err)
			}
		}
		p.sound()
	})
}

// TestOnePersonAtOnce books for one person in two offices at the same time: the limit holds.
func TestOnePersonAtOnce(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		person := booking.Contact{Name: "Prova Inventata", Phone: "333 1234567"}
		holds := []booking.Appointment{p.hold(wish("centro", "INPS-NASPI", at("09:20"))), p.hold(wish("terzo", "INPS-NASPI", at("11:00")))}
		won := p.race(len(holds), func(i int) error {
			_, err := p.tryBook(holds[i].Token, details(person))
			return err
		}, "duplicate_need")
		if won != 1 {
			t.Errorf("%d were booked for the same need", won)
		}
	})
}

func TestEraseAndExport(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		person := booking.Contact{Name: "Prova Inventata", Email: "prova@prova.example"}
		book := func(w booking.Wish) booking.Appointment {
			a, err := p.tryBook(p.hold(w).Token, details(person))
			if err != nil {
				t.Fatal(err)
			}
			return a
		}
		old, next := book(wish("centro", "JNT-LAVORO", at("10:00"))), book(wish("centro", "INPS-NASPI", at("11:00").AddDate(0, 0, 21)))
		held := func() (ids []string) {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				all, err := booking.Export(ctx, tx, key.Persons(person))
				for _, a := range all.Appointments {
					ids = append(ids, a.ID)
				}
				return err
			})
			return ids
		}
		if diff := cmp.Diff([]string{old.ID, next.ID}, held()); diff != "" {
			t.Error(diff)
		}
		p.clock.Set(at("10:30").AddDate(0, 0, 30).Add(-time.Millisecond))
		p.update(booking.EraseOld)
		if got := p.byID(old.ID).Contact; got != person {
			t.Errorf("erased too early: %+v", got)
		}
		p.clock.Add(time.Millisecond)
		p.update(booking.EraseOld)
		if got := p.byID(old.ID); got.Contact != (booking.Contact{}) || got.ErasedAt.IsZero() || got.Service != "JNT-LAVORO" {
			t.Errorf("after 30 days: got %+v", got)
		}
		if diff := cmp.Diff([]string{next.ID}, held()); diff != "" {
			t.Error(diff)
		}
		p.clock.Add(time.Millisecond)
		p.update(func(ctx context.Context, tx *store.Tx) error {
			a, err := booking.Erase(ctx, tx, next.Token, booking.Citizen)
			if a.Contact != (booking.Contact{}) || a.State != booking.Booked {
				t.Errorf("by wish: got %+v", a)
			}
			return err
		})
		if got := held(); len(got) != 0 {
			t.Errorf("still held: %v", got)
		}
		p.clock.Add(48 * time.Hour)
		p.update(booking.Sweep)
		p.view(func(ctx context.Context, tx *store.Tx) error {
			erasures, err := audit.Erasures(ctx, tx, monday)
			var got []string
			for _, e := range erasures {
				got = append(got, e.Subject)
			}
			if diff := cmp.Diff([]string{old.Subject(), next.Subject()}, got); diff != "" {
				t.Error(diff)
			}
			var left int
			if err := tx.QueryRow(ctx, `SELECT (SELECT COUNT(*) FROM persons) + (SELECT COUNT(*) FROM appointment_persons)`).Scan(&left); left != 0 {
				t.Errorf("%d rows tell a person apart, %v", left, err)
			}
			return err
		})
	})
}

func TestForgetAgain(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		a := p.book(wish("centro", "JNT-LAVORO", at("10:00")))
		for subject, want := range map[string]bool{a.Subject(): true, "appointment:unknown": true, "user:" + a.ID: false} {
			p.update(func(ctx context.Context, tx *store.Tx) error {
				ours, err := booking.Forget(ctx, tx, subject)
				if ours != want {
					t.Errorf("%s: got %t", subject, ours)
				}
				return err
			})
		}
		if got := p.byID(a.ID).Contact; got != (booking.Contact{}) {
			t.Errorf("got %+v", got)
		}
	})
}

// TestEveryStepIsAudited holds each change to its line, which names no person.
func TestEveryStepIsAudited(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		a := p.book(wish("centro", "JNT-LAVORO", at("10:00")))
		if _, err := p.tryMove(a.Token, p.hold(wish("altro", "JNT-LAVORO", at("16:00"))).Token); err != nil {
			t.Fatal(err)
		}
		b := p.book(wish("centro", "JNT-LAVORO", at("16:00")))
		p.clock.Set(at("15:55"))
		for _, name := range []string{"arrive", "start", "serve"} {
			p.step(name, a.ID)
		}
		p.step("cancel", b.ID)
		var got []string
		p.view(func(ctx context.Context, tx *store.Tx) (err error) {
			got, err = store.All(ctx, tx, func(row store.Row) (string, error) {
				var scope, actor, action string
				err := row.Scan(&scope, &actor, &action)
				return scope + " " + actor + " " + action, err
			}, `SELECT scope, actor, action FROM audit WHERE subject IN ($1, $2) ORDER BY at, scope, version, line`, a.Subject(), b.Subject())
			return err
		})
		want := []string{
			"altro citizen appointment.move",
			"centro citizen appointment.book", "centro citizen appointment.move", "centro citizen appointment.book",
			"altro user:prova appointment.arrive", "altro user:prova appointment.start", "altro user:prova appointment.serve",
			"centro user:prova appointment.cancel",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

// TestNeverStale compares, after each of many random changes, what is offered from memory with what a
// transaction finds that has locked every office and so reads all of it anew. What is offered can be
// held, and what is not cannot.
func TestNeverStale(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		random := rand.New(rand.NewPCG(1, 2))
		offices := []string{"altro", "centro", "terzo"}
		queries := []booking.Query{}
		for _, service := range []string{"JNT-LAVORO", "INPS-NASPI", "CPI-PATTO"} {
			queries = append(queries, booking.Query{
				Territory: "prova", Service: service, From: day("2026-12-01"), Until: day("2026-12-20"), Channel: territory.Online,
			})
		}
		var holds, booked []booking.Appointment
		sold := 0
		pick := func(from *[]booking.Appointment) (booking.Appointment, bool) {
			if len(*from) == 0 {
				return booking.Appointment{}, false
			}
			i := random.IntN(len(*from))
			a := (*from)[i]
			*from = append((*from)[:i], (*from)[i+1:]...)
			return a, true
		}
		for n := range 150 {
			w := wish(offices[random.IntN(3)], queries[random.IntN(3)].Service, at("09:00").AddDate(0, 0, 7*random.IntN(2)).Add(time.Duration(random.IntN(36)*5)*time.Minute))
			switch random.IntN(7) {
			case 0, 1:
				if a := p.available(queries[random.IntN(3)]); n%4 > 0 { // else most likely no start at all
					if o := a.Offices[random.IntN(len(a.Offices))]; len(o.Starts) > 0 {
						w = wish(o.Office, a.Service, o.Starts[random.IntN(min(8, len(o.Starts)))].Start)
					}
				}
				offered := p.offers(queries, w)
				hold, err := p.tryHold(w)
				if (err == nil) != offered {
					t.Fatalf("%s %s %v: offered %t, held %v", w.Office, w.Service, w.Start, offered, err)
				}
				if err == nil {
					holds = append(holds, hold)
				}
			case 2:
				if hold, ok := pick(&holds); ok {
					if a, err := p.tryBook(hold.Token, details(somebody())); err == nil {
						booked = append(booked, a)
						sold++
					}
				}
			case 3:
				a, _ := pick(&booked)
				hold, _ := pick(&holds)
				if moved, err := p.tryMove(a.Token, hold.Token); err == nil {
					booked = append(booked, moved)
				}
			case 4:
				if a, ok := pick(&booked); ok {
					_, _ = p.tryCancel(a.Token)
				}
			case 5:
				p.clock.Add(time.Duration(random.IntN(240)) * time.Second)
			case 6:
				from := at("09:00").AddDate(0, 0, 7*random.IntN(2)).Add(time.Duration(random.IntN(36)*5) * time.Minute)
				b, err := p.tryBlock("altro", booking.Busy{Officer: "inps-3", From: from, Until: from.Add(time.Duration(5+random.IntN(20)*5) * time.Minute), Reason: "other", By: clerk})
				if err == nil && n%2 == 0 {
					err = p.unblock("altro", b.ID)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for _, q := range queries {
				if diff := cmp.Diff(p.anew(q, offices), p.available(q), cmp.AllowUnexported(booking.OfficeStarts{})); diff != "" {
					t.Fatalf("after change %d (-anew +offered):\n%s", n, diff)
				}
			}
		}
		p.sound()
		if sold < 10 {
			t.Errorf("only %d were booked", sold)
		}
	})
}

// offers reports whether a wish is among what is offered.
func (p *province) offers(queries []booking.Query, w booking.Wish) bool {
	p.t.Helper()
	for _, q := range queries {
		if q.Service != w.Service {
			continue
		}
		for _, o := range p.available(q).Offices {
			for _, s := range o.Starts {
				if o.Office == w.Office && s.Start.Equal(w.Start) {
					return true
				}
			}
		}
	}
	return false
}

var errUndo = errors.New("undo")

// anew is what is available as read from the database alone.
func (p *province) anew(q booking.Query, offices []string) *booking.Availability {
	p.t.Helper()
	var a *booking.Availability
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		for _, id := range offices {
			if _, err := territory.Lock(ctx, tx, id); err != nil {
				return err
			}
		}
		if a, err = booking.Available(ctx, tx, q); err != nil {
			return err
		}
		return errUndo
	})
	if !errors.Is(err, errUndo) {
		p.t.Fatal(err)
	}
	return a
}

// TestClockChanges books on the days on which the clock goes back and forth.
func TestClockChanges(t *testing.T) {
	tests := []struct {
		name, day string
		now       time.Time
		want      string
	}{
		{"back", "2026-10-25", time.Date(2026, 10, 20, 9, 0, 0, 0, rome), "00:00 01:00 02:00 02:00 03:00"},
		{"forth", "2027-03-28", time.Date(2027, 3, 20, 9, 0, 0, 0, rome), "00:00 01:00 03:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, p *province) {
				p.load(nightFile)
				p.clock.Set(tt.now)
				q := booking.Query{Office: "notte", Service: "NOTTE", From: day(tt.day), Until: day(tt.day), Channel: territory.Online}
				var got []string
				starts := p.available(q).Offices[0].Starts
				for _, s := range starts {
					got = append(got, s.Start.Format("15:04"))
				}
				if diff := cmp.Diff(strings.Fields(tt.want), got); diff != "" {
					t.Error(diff)
				}
				for _, s := range starts {
					if a := p.book(wish("notte", "NOTTE", s.Start)); !a.End.Equal(s.Start.Add(time.Hour)) || a.Day != day(tt.day) {
						t.Errorf("%v: got until %v of %v", s.Start, a.End, a.Day)
					}
				}
				if o := p.available(q).Offices[0]; len(o.Starts) != 0 || *o.NoneBecause != timetable.Full {
					t.Errorf("sold out: got %v", o)
				}
				p.sound()
			})
		})
	}
}

const nightFile = `
[territory]
id = "notturna"
name = "Notturna"
[[institution]]
id = "CPI"
[[service]]
id = "NOTTE"
name = "Notte"
needs = ["CPI"]
minutes = 60
channels = ["online"]
[[office]]
id = "notte"
name = "Notte"
services = ["NOTTE"]
desk = [{ id = "1" }]
  [[office.opening]]
  weekdays = ["sun"]
  intervals = ["00:00-04:00"]
[[officer]]
id = "cpi-1"
name = "Operatore"
institution = "CPI"
  [[officer.presence]]
  office = "notte"
`
