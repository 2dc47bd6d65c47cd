package booking_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/store"
)

// longing is for any start of 3 December for a joint appointment at altro, by somebody.
func longing() booking.WaitWish {
	return booking.WaitWish{
		Office: "altro", Service: "JNT-LAVORO", From: day("2026-12-03"), Until: day("2026-12-03"), People: 1, Contact: somebody(), By: booking.Citizen,
	}
}

func (p *province) tryWait(w booking.WaitWish) (booking.Waiting, error) {
	var e booking.Waiting
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		e, err = booking.Wait(ctx, tx, key, w)
		return err
	})
	return e, err
}

func (p *province) wait(w booking.WaitWish) booking.Waiting {
	p.t.Helper()
	p.clock.Add(time.Second) // who comes later has waited less
	e, err := p.tryWait(w)
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

func (p *province) waiting(token string) booking.Waiting {
	p.t.Helper()
	var e booking.Waiting
	p.view(func(ctx context.Context, tx *store.Tx) (err error) {
		e, err = booking.WaitingByToken(ctx, tx, token)
		return err
	})
	return e
}

func (p *province) offer() []booking.Offer {
	p.t.Helper()
	var all []booking.Offer
	p.update(func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = booking.OfferFreed(ctx, tx)
		return err
	})
	p.sound()
	return all
}

func (p *province) leave(token string) (booking.Waiting, error) {
	var e booking.Waiting
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		e, err = booking.LeaveWaiting(ctx, tx, token, booking.Citizen)
		return err
	})
	return e, err
}

// sellOut books all that altro has on 3 December, and returns it by its start.
func (p *province) sellOut() map[string]booking.Appointment {
	p.t.Helper()
	all := map[string]booking.Appointment{}
	for _, start := range []string{"09:00", "09:30", "10:00", "16:00", "16:30"} {
		all[start] = p.book(wish("altro", "JNT-LAVORO", at(start)))
	}
	return all
}

// TestWaitingList offers a freed start to who has waited longest, once, and to the next when it passes.
func TestWaitingList(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		sold := p.sellOut()
		first, second := p.wait(longing()), p.wait(longing())
		if diff := cmp.Diff(p.waiting(first.Token), first); diff != "" {
			t.Errorf("returned and kept differ (-kept +returned):\n%s", diff)
		}
		if got := p.offer(); len(got) != 0 {
			t.Fatalf("sold out: got %v", got)
		}
		if _, err := p.tryCancel(sold["10:00"].Token); err != nil {
			t.Fatal(err)
		}
		offers := p.offer()
		if len(offers) != 1 || offers[0].Waiting.ID != first.ID || told(offers[0].Hold) != "10:00 cpi-3 inps-3" {
			t.Fatalf("got %+v", offers)
		}
		if got, want := offers[0].Hold.HoldUntil, p.clock.Now().Add(booking.OfferFor); !got.Equal(want) || offers[0].Waiting.Contact.Email == "" {
			t.Errorf("got %v for %+v, want %v", got, offers[0].Waiting, want)
		}
		_, err := p.tryHold(wish("altro", "JNT-LAVORO", at("10:00")))
		p.want("slot_taken", err)
		if got := p.offer(); len(got) != 0 {
			t.Errorf("while one is offered: got %v", got)
		}
		p.clock.Add(booking.OfferFor)
		offers = p.offer()
		if len(offers) != 1 || offers[0].Waiting.ID != second.ID {
			t.Fatalf("after it passed: got %+v", offers)
		}
		if _, err := p.tryCancel(sold["16:00"].Token); err != nil {
			t.Fatal(err)
		}
		another := p.offer()
		if len(another) != 1 || another[0].Waiting.ID != first.ID || !another[0].Hold.Start.Equal(at("16:00")) {
			t.Errorf("another start, the first again: got %+v", another)
		}
		a, err := p.tryBook(offers[0].Hold.Token, details(second.Contact))
		if err != nil {
			t.Fatal(err)
		}
		ended := p.waiting(second.Token)
		if !ended.Ended || ended.Reason != booking.WaitBooked || ended.Contact != (booking.Contact{}) || a.Contact.Email != second.Contact.Email {
			t.Errorf("got %+v for %+v", ended, a)
		}
		if got := p.waiting(first.Token); got.Ended || got.Contact != first.Contact {
			t.Errorf("the first: got %+v", got)
		}
		p.sound()
	})
}

// TestOfferForAMove gives an offered start to an appointment that its citizen has already.
func TestOfferForAMove(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		sold := p.sellOut()
		e := p.wait(longing())
		_, _ = p.tryCancel(sold["09:00"].Token)
		offers := p.offer()
		moved, err := p.tryMove(sold["16:30"].Token, offers[0].Hold.Token)
		if err != nil || !moved.Start.Equal(at("09:00")) {
			t.Fatalf("got %v, %v", moved, err)
		}
		if got := p.waiting(e.Token); !got.Ended || got.Reason != booking.WaitBooked {
			t.Errorf("got %+v", got)
		}
		p.sound()
	})
}

// TestOfferEnds holds a start never until less than half an hour before it, and not at all when too
// little time is left.
func TestOfferEnds(t *testing.T) {
	tests := []struct {
		now  string
		want string // until when 16:00 is held
	}{
		{"12:59", "14:59"}, {"13:30", "15:30"}, {"13:35", "15:30"}, {"14:59", "15:30"},
	}
	each(t, func(t *testing.T, p *province) {
		sold := p.sellOut()
		p.clock.Set(at("12:00"))
		_, _ = p.tryCancel(sold["16:00"].Token)
		for _, tt := range tests {
			p.clock.Set(at(tt.now))
			if _, err := p.tryWait(longing()); err != nil {
				t.Fatal(err)
			}
			offers := p.offer()
			if len(offers) != 1 || offers[0].Hold.HoldUntil.In(rome).Format("15:04") != tt.want {
				t.Fatalf("at %s: got %+v, want %s", tt.now, offers, tt.want)
			}
			if _, err := p.leave(offers[0].Waiting.Token); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// TestNothingTooLateIsOffered offers no start that is nearer than its lead, nor one that could be held for
// less than HoldFor.
func TestNothingTooLateIsOffered(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.load(strings.Replace(file, "buffer_before = 5", "lead_min_minutes = 0\nbuffer_before = 5", 1))
		w := longing()
		w.Service, w.Office = "INPS-NASPI", "terzo"
		p.wait(w)
		p.clock.Set(at("11:20").Add(time.Millisecond))
		if diff := cmp.Diff([]string{"11:40×1", "12:00×1"}, p.starts(thursday("terzo", "INPS-NASPI"))); diff != "" {
			t.Fatal(diff)
		}
		if got := p.offer(); len(got) != 0 {
			t.Errorf("got %+v", got)
		}
		p.clock.Add(-time.Millisecond)
		if got := p.offer(); len(got) != 1 || !got[0].Hold.HoldUntil.Equal(at("11:30")) {
			t.Errorf("just in time: got %+v", got)
		}
	})
}

func TestLeaveWaiting(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		sold := p.sellOut()
		e := p.wait(longing())
		_, _ = p.tryCancel(sold["10:00"].Token)
		p.offer()
		for range 2 {
			left, err := p.leave(e.Token)
			if err != nil || !left.Ended || left.Reason != booking.WaitLeft || left.Contact != (booking.Contact{}) {
				t.Errorf("got %+v, %v", left, err)
			}
		}
		if diff := cmp.Diff([]string{"10:00×1"}, p.starts(thursday("altro", "JNT-LAVORO"))); diff != "" {
			t.Errorf("what was offered is free again: %s", diff)
		}
		_, err := p.leave("none")
		p.want("unknown_waiting", err)
		p.sound()
	})
}

// TestWaitingAnywhere waits for a territory, and ends with its last day.
func TestWaitingAnywhere(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		w := longing()
		w.Office, w.Territory, w.From = "", "prova", day("2026-12-01")
		e := p.wait(w)
		p.clock.Set(at("10:00"))
		offers := p.offer()
		if len(offers) != 1 || offers[0].Hold.Office != "centro" || !offers[0].Hold.Start.Equal(at("11:00")) {
			t.Fatalf("got %+v", offers)
		}
		p.clock.Set(at("23:30").AddDate(0, 0, 1))
		if got := p.offer(); len(got) != 0 {
			t.Errorf("after its last day: got %v", got)
		}
		if got := p.waiting(e.Token); !got.Ended || got.Reason != booking.WaitOver || got.Contact != (booking.Contact{}) {
			t.Errorf("got %+v", got)
		}
		p.clock.Add(48 * time.Hour)
		p.update(booking.Sweep)
		p.view(func(ctx context.Context, tx *store.Tx) error {
			erasures, err := audit.Erasures(ctx, tx, monday)
			if len(erasures) != 1 || erasures[0].Subject != e.Subject() {
				t.Errorf("got %v", erasures)
			}
			var n int
			if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM persons`).Scan(&n); n != 0 {
				t.Errorf("%d persons are left, %v", n, err)
			}
			return err
		})
	})
}

func TestWaitRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(w *booking.WaitWish)
		want   string
	}{
		{"unknown office", func(w *booking.WaitWish) { w.Office = "nessuno" }, "unknown_office"},
		{"unknown territory", func(w *booking.WaitWish) { w.Office = "" }, "unknown_territory"},
		{"unknown service", func(w *booking.WaitWish) { w.Service = "NONE" }, "unknown_service"},
		{"only by ticket", func(w *booking.WaitWish) { w.Office, w.Service = "centro", "CPI-DID" }, "service unknown_value"},
		{"ended service", func(w *booking.WaitWish) { w.Office, w.Service = "centro", "HIS-REI" }, "service_ended"},
		{"no day", func(w *booking.WaitWish) { w.From = timetable.Date{} }, "from missing"},
		{"backwards", func(w *booking.WaitWish) { w.Until = w.From.AddDays(-1) }, "to before_from"},
		{"past", func(w *booking.WaitWish) { w.From, w.Until = day("2026-11-01"), day("2026-11-02") }, "to past"},
		{"for ever", func(w *booking.WaitWish) { w.Until = w.From.AddDays(booking.MaxDays) }, "to too_many_days"},
		{"no address", func(w *booking.WaitWish) { w.Contact.Email = "" }, "email missing"},
		{"no name", func(w *booking.WaitWish) { w.Contact.Name = "" }, "name missing"},
		{"nobody", func(w *booking.WaitWish) { w.People = 0 }, "people out_of_range"},
		{"unknown language", func(w *booking.WaitWish) { w.Language = "xx" }, "language unknown_value"},
	}
	each(t, func(t *testing.T, p *province) {
		for _, tt := range tests {
			w := longing()
			tt.change(&w)
			_, err := p.tryWait(w)
			t.Run(tt.name, func(t *testing.T) {
				if got := wrong(err); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		}
	})
}

// TestWaitingLimits lets a person wait once for a service and for few at a time. Who shares an address and
// has another codice fiscale is somebody else.
func TestWaitingLimits(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		w := longing()
		p.wait(w)
		_, err := p.tryWait(w)
		p.want("already_waiting", err)
		child := w
		w.Contact.FiscalCode, child.Contact.FiscalCode = "RSSMRA80A01E335B", "RSSLRA10A01E335H"
		_, err = p.tryWait(child) // the first has said none
		p.want("already_waiting", err)
		for _, service := range []string{"INPS-NASPI", "CPI-PATTO"} {
			w.Service, w.Office = service, "centro"
			p.wait(w)
		}
		w.Service, w.Office = "COM-ANAG", "terzo"
		_, err = p.tryWait(w)
		p.want("too_many_waiting", err)
		child.Service, child.Office = "CPI-PATTO", "centro"
		p.wait(child)

		won := p.race(16, func(int) error {
			_, err := p.tryWait(booking.WaitWish{
				Office: "altro", Service: "JNT-LAVORO", From: day("2026-12-03"), Until: day("2026-12-03"), People: 1,
				Contact: booking.Contact{Name: "Prova", Email: "gara@prova.example"}, By: booking.Citizen,
			})
			return err
		}, "already_waiting")
		if won != 1 {
			t.Errorf("%d got a place", won)
		}
	})
}

// TestWaitingIsExportedAndForgotten counts the waiting list among what is held on a person, and ends a
// place again that a backup brings back.
func TestWaitingIsExportedAndForgotten(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		w := longing()
		e := p.wait(w)
		held := func() int {
			var all booking.Holdings
			p.view(func(ctx context.Context, tx *store.Tx) (err error) {
				all, err = booking.Export(ctx, tx, key.Persons(w.Contact))
				return err
			})
			return len(all.Waiting)
		}
		if held() != 1 {
			t.Error("not exported")
		}
		p.update(func(ctx context.Context, tx *store.Tx) error {
			for _, subject := range []string{e.Subject(), e.Subject(), "waiting:none"} {
				if ours, err := booking.Forget(ctx, tx, subject); !ours || err != nil {
					return fmt.Errorf("%s: %t, %w", subject, ours, err)
				}
			}
			return nil
		})
		if got := p.waiting(e.Token); held() != 0 || !got.Ended || got.Contact != (booking.Contact{}) {
			t.Errorf("got %+v", got)
		}
	})
}

// TestStormOfOffers has several jobs offer at once, while others hold and leave: nobody has two offers, and
// no start two owners.
func TestStormOfOffers(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		sold := p.sellOut()
		var tokens []string
		for range 8 {
			tokens = append(tokens, p.wait(longing()).Token)
		}
		for _, start := range []string{"09:00", "10:00", "16:30"} {
			_, _ = p.tryCancel(sold[start].Token)
		}
		offered := make([]int, 16)
		p.race(16, func(i int) error {
			switch {
			case i%4 == 1:
				_, err := p.leave(tokens[i/4])
				if wrong(err) == "appointment_changed" {
					return nil
				}
				return err
			case i%4 == 2:
				_, err := p.tryHold(wish("altro", "JNT-LAVORO", at("10:00")))
				return err
			}
			return p.try(func(ctx context.Context, tx *store.Tx) error {
				offers, err := booking.OfferFreed(ctx, tx)
				offered[i] = len(offers)
				return err
			})
		}, "slot_taken")
		total := 0
		for _, n := range offered {
			total += n
		}
		if total < 2 {
			t.Errorf("%d were offered", total)
		}
		p.sound()
	})
}
