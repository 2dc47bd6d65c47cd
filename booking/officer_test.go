package booking_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/internal/fault"
	"sportello/internal/store"
)

func (p *province) tryMoveTo(id string, start time.Time) (a booking.Appointment, err error) {
	err = p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.MoveTo(ctx, tx, id, start, clerk)
		return err
	})
	return a, err
}

// TestMoveTo moves an appointment with those who do it, over its own time and to another day, wherever
// they are free.
func TestMoveTo(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		a := p.book(wish("centro", "CPI-PATTO", at("09:00"))) // by cpi-1, in the only room
		want := a
		for _, start := range []time.Time{at("09:10"), at("09:10").AddDate(0, 0, 7), at("11:45")} {
			got, err := p.tryMoveTo(a.ID, start)
			if err != nil {
				t.Fatalf("to %v: %v", start, err)
			}
			want.Sequence++
			if !got.Start.Equal(start) || got.End.Sub(got.Start) != 45*time.Minute || got.Sequence != want.Sequence || got.Room != a.Room {
				t.Errorf("to %v: got %+v", start, got)
			}
			if diff := cmp.Diff(got, p.byID(a.ID)); diff != "" {
				t.Errorf("moved and read differ:\n%s", diff)
			}
			p.sound()
		}
		p.block("centro", "cpi-1", "10:00", "10:30")
		p.book(wish("centro", "CPI-PATTO", at("15:00"))) // takes the room
		for _, tt := range []struct {
			name, code string
			start      time.Time
		}{
			{"she is busy", "officer_not_free", at("09:30")},
			{"the room is taken", "officer_not_free", at("15:15")},
			{"over closing time", "slot_missing", at("12:00")},
			{"on a day without opening", "slot_missing", at("10:00").AddDate(0, 0, 1)},
			{"off the grid", "slot_missing", at("09:01")},
			{"past", "slot_too_late", at("09:00").AddDate(0, 0, -7)},
		} {
			_, err := p.tryMoveTo(a.ID, tt.start)
			if got := fault.Code(err); got != tt.code {
				t.Errorf("%s: got %v, want %s", tt.name, err, tt.code)
			}
		}
		_, err := p.tryMoveTo("none", at("09:00"))
		p.want("unknown_appointment", err)
	})
}

// TestToDo is what an officer has to do anywhere, until it is over.
func TestToDo(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.hold(wish("altro", "JNT-LAVORO", at("10:00")))
		later := p.book(wish("altro", "JNT-LAVORO", at("09:30")))
		first := p.book(wish("altro", "INPS-NASPI", at("09:00")))
		p.book(wish("centro", "CPI-PATTO", at("09:00")))
		todo := func() (ids []string) {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				all, err := booking.ToDo(ctx, tx, "prova", "inps-3")
				for _, a := range all {
					ids = append(ids, a.ID)
					if diff := cmp.Diff(p.byID(a.ID), a); diff != "" {
						t.Error(diff)
					}
				}
				return err
			})
			return ids
		}
		if diff := cmp.Diff([]string{first.ID, later.ID}, todo()); diff != "" {
			t.Error(diff)
		}
		p.clock.Set(at("09:20"))
		if diff := cmp.Diff([]string{later.ID}, todo()); diff != "" {
			t.Error(diff)
		}
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := booking.CancelByStaff(ctx, tx, later.ID, "ill", clerk)
			return err
		})
		if got := todo(); len(got) != 0 {
			t.Errorf("got %v", got)
		}
	})
}
