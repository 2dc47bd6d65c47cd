package booking_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

func (p *province) tryShift(office, officer string, on timetable.Date, minutes int) (done []booking.Appointment, stuck []booking.Stuck, err error) {
	err = p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		done, stuck, err = booking.Shift(ctx, tx, office, officer, on, minutes, clerk)
		return err
	})
	return done, stuck, err
}

// TestShift makes a late officer's appointments later where the others, the room and the openings allow,
// the last ones first so that they make room.
func TestShift(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		var all []booking.Appointment
		for _, start := range []string{"09:00", "09:30", "10:00", "12:00", "15:00"} {
			all = append(all, p.book(wish("altro", "JNT-LAVORO", at(start).AddDate(0, 0, 0))))
			if start == "10:00" {
				break
			}
		}
		p.clock.Set(at("08:50"))
		p.available(thursday("altro", "JNT-LAVORO")) // is in memory
		p.step("arrive", all[0].ID)
		done, stuck, err := p.tryShift("altro", "cpi-3", day("2026-12-03"), 10)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"09:10 cpi-3 inps-3", "09:40 cpi-3 inps-3", "10:10 cpi-3 inps-3"}, tell(done)); diff != "" || len(stuck) > 0 {
			t.Error(diff, complain(stuck))
		}
		for i, a := range done {
			kept := p.byID(a.ID)
			if diff := cmp.Diff(kept, a); diff != "" {
				t.Errorf("returned and kept differ (-kept +returned):\n%s", diff)
			}
			if a.Sequence != all[i].Sequence+1+map[bool]int{true: 1}[i == 0] || a.Reference != all[i].Reference { // the first has arrived
				t.Errorf("got %+v", a)
			}
		}
		if diff := cmp.Diff([]string{"16:00×1", "16:30×1"}, p.starts(thursday("altro", "JNT-LAVORO"))); diff != "" {
			t.Error(diff)
		}
		// The traveller leaves at 10:40.
		done, stuck, err = p.tryShift("altro", "cpi-3", day("2026-12-03"), 5)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{
			"09:10 cpi-3 inps-3: claim cpi-3, claim inps-3", "09:40 cpi-3 inps-3: claim cpi-3, claim inps-3", "10:10 cpi-3 inps-3: rota inps-3",
		}, complain(stuck)); diff != "" || len(done) > 0 {
			t.Error(diff, tell(done))
		}
		p.sound()
	})
}

// TestShiftTo tells what stands in the way of one appointment that would begin later.
func TestShiftTo(t *testing.T) {
	tests := []struct {
		name, service, start, now string
		minutes                   int
		before                    func(p *province)
		want                      string // "": it is made later
	}{
		{"free", "JNT-LAVORO", "09:00", "08:00", 5, nil, ""},
		{"over the closing", "JNT-LAVORO", "12:00", "08:00", 5, nil, "12:00 cpi-1 inps-1: opening, opening, rota cpi-1, rota inps-1"},
		{"into the break", "JNT-LAVORO", "12:00", "08:00", 35, nil, "12:00 cpi-1 inps-1: opening, opening, rota cpi-1, rota inps-1"},
		{"blocked then", "JNT-LAVORO", "10:00", "08:00", 20, func(p *province) { p.block("centro", "inps-1", "10:45", "11:00") }, "10:00 cpi-1 inps-1: block inps-1"},
		{"until the block", "JNT-LAVORO", "10:00", "08:00", 15, func(p *province) { p.block("centro", "inps-1", "10:45", "11:00") }, ""},
		{"out of a block", "JNT-LAVORO", "10:00", "08:00", 20, func(p *province) { p.block("centro", "inps-1", "09:00", "10:20") }, ""},
		{"held then", "JNT-LAVORO", "16:00", "08:00", 20, func(p *province) {
			w := wish("centro", "INPS-NASPI", at("16:40"))
			p.hold(w)
		}, "16:00 cpi-1 inps-1: claim inps-1"},
		{"no room", "CPI-PATTO", "09:00", "08:00", 15, func(p *province) {
			if _, err := p.tryBlock("centro", booking.Busy{Room: "colloqui", From: at("09:50"), Until: at("10:00"), Reason: "works", By: clerk}); err != nil {
				p.t.Fatal(err)
			}
		}, "09:00 cpi-1: room colloqui"},
		{"past even then", "JNT-LAVORO", "09:00", "09:25", 20, nil, "09:00 cpi-1 inps-1: too_late"},
		{"it was to begin", "JNT-LAVORO", "09:00", "09:25", 25, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, p *province) {
				a := p.book(wish("centro", tt.service, at(tt.start)))
				p.clock.Set(at(tt.now))
				if tt.before != nil {
					tt.before(p)
				}
				done, stuck, err := p.tryShift("centro", a.Staff[len(a.Staff)-1].Officer, day("2026-12-03"), tt.minutes)
				if err != nil {
					t.Fatal(err)
				}
				got := fmt.Sprint(complain(stuck))
				if tt.want == "" && len(done) != 1 || tt.want != "" && got != "["+tt.want+"]" {
					t.Errorf("got %s, want %s", got, tt.want)
				}
				p.sound()
			})
		})
	}
}

func TestShiftRefuses(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		tests := []struct {
			name, office, day string
			minutes           int
			want              string
		}{
			{"unknown office", "nessuno", "2026-12-03", 10, "unknown_office"},
			{"yesterday", "centro", "2026-11-29", 10, "day past"},
			{"no time", "centro", "2026-12-03", 0, "minutes out_of_range"},
			{"earlier", "centro", "2026-12-03", -10, "minutes out_of_range"},
			{"off the grid", "centro", "2026-12-03", 7, "minutes out_of_range"},
			{"too much", "centro", "2026-12-03", 245, "minutes out_of_range"},
			{"nothing to do", "centro", "2026-12-03", 10, ""},
		}
		for _, tt := range tests {
			_, _, err := p.tryShift(tt.office, "cpi-1", day(tt.day), tt.minutes)
			if got := wrong(err); got != tt.want {
				t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
			}
		}
	})
}

func TestNextToday(t *testing.T) {
	tests := []struct {
		now, office, service, language, want string
	}{
		{"08:00", "centro", "JNT-LAVORO", "", "09:00"},
		{"09:10", "centro", "JNT-LAVORO", "", "09:30"},
		{"09:10", "centro", "JNT-LAVORO", "ar", "15:00"}, // with the mediator
		{"16:31", "centro", "JNT-LAVORO", "", ""},
		{"09:00", "terzo", "INPS-NASPI", "", "10:40"},
		{"09:00", "centro", "CPI-DID", "", ""}, // by ticket alone
		{"09:00", "centro", "NONE", "", "unknown_service"},
		{"09:00", "nessuno", "JNT-LAVORO", "", "unknown_office"},
	}
	each(t, func(t *testing.T, p *province) {
		for _, tt := range tests {
			p.clock.Set(at(tt.now))
			err := p.db.View(t.Context(), func(tx *store.Tx) error {
				slot, ok, err := booking.NextToday(t.Context(), tx, tt.office, tt.service, tt.language)
				if got := slot.Start.Format("15:04"); ok && got != tt.want || !ok && err == nil && tt.want != "" {
					t.Errorf("%+v: got %s, %t", tt, got, ok)
				}
				return err
			})
			if err != nil && wrong(err) != tt.want {
				t.Errorf("%+v: got %v", tt, err)
			}
		}
	})
}

// TestAlternatives offers other starts than the one that was cancelled, of its office first.
func TestAlternatives(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		a := p.book(wish("altro", "JNT-LAVORO", at("09:00")))
		p.clock.Set(at("08:30").AddDate(0, 0, -1))
		p.step("cancel", a.ID)
		offers := func(a booking.Appointment, n int) (texts []string) {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				all, err := booking.Alternatives(ctx, tx, a, n)
				for _, x := range all {
					texts = append(texts, x.Office+" "+x.Start.Format("02 15:04"))
				}
				return err
			})
			return texts
		}
		if diff := cmp.Diff([]string{"altro 03 09:30", "altro 03 10:00", "altro 03 16:00"}, offers(a, 3)); diff != "" {
			t.Error(diff)
		}
		if got := offers(a, 0); len(got) != 0 {
			t.Errorf("none: got %v", got)
		}
		p.clock.Set(at("12:00"))
		ended := a
		ended.Service = "HIS-REI"
		ended.Channel = territory.Staff
		if got := offers(ended, 3); len(got) != 0 {
			t.Errorf("an ended service: got %v", got)
		}
		ended.Service = "NONE"
		if got := offers(ended, 3); len(got) != 0 {
			t.Errorf("an unknown service: got %v", got)
		}
		// Nobody of CPI is at altro any more: the centre comes after it.
		if _, err := p.tryBlock("altro", booking.Busy{Officer: "cpi-3", From: at("12:00"), Until: at("12:00").AddDate(0, 0, 31), Reason: "leave", By: clerk}); err != nil {
			t.Fatal(err)
		}
		if _, err := p.tryBlock("altro", booking.Busy{Officer: "cpi-3", From: at("12:00").AddDate(0, 0, 31), Until: at("12:00").AddDate(0, 0, 62), Reason: "leave", By: clerk}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"centro 03 15:00", "centro 03 15:30"}, offers(a, 2)); diff != "" {
			t.Error(diff)
		}
	})
}
