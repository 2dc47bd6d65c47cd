package booking_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// clerk is who does things in tests, by the audit.
const clerk = "user:prova"

func (p *province) tryBlock(office string, b booking.Busy) (booking.Busy, error) {
	err := p.try(func(ctx context.Context, tx *store.Tx) (err error) {
		b, err = booking.Block(ctx, tx, office, b)
		return err
	})
	return b, err
}

// block takes an officer's time on 3 December out of sale.
func (p *province) block(office, officer, from, until string) booking.Busy {
	p.t.Helper()
	b, err := p.tryBlock(office, booking.Busy{Officer: officer, From: at(from), Until: at(until), Reason: "training", By: clerk})
	if err != nil {
		p.t.Fatal(err)
	}
	return b
}

func (p *province) unblock(office, id string) error {
	return p.try(func(ctx context.Context, tx *store.Tx) error { return booking.Unblock(ctx, tx, office, id, clerk) })
}

func (p *province) explain(q booking.Query, start time.Time) []timetable.Obstacle {
	p.t.Helper()
	var found []timetable.Obstacle
	p.view(func(ctx context.Context, tx *store.Tx) (err error) {
		found, err = booking.Explain(ctx, tx, q, start)
		return err
	})
	return found
}

// TestBlock takes time out of sale in every office of an officer at once, and puts it back.
func TestBlock(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		naspi := func(office string) []string { return p.starts(thursday(office, "INPS-NASPI")) }
		before := map[string][]string{"altro": naspi("altro"), "terzo": naspi("terzo"), "centro": naspi("centro")}
		b := p.block("altro", "inps-3", "10:00", "15:30")
		if got := naspi("terzo"); len(got) != 0 {
			t.Errorf("terzo: got %v", got)
		}
		if diff := cmp.Diff([]string{"09:00×1", "09:20×1", "16:00×1", "16:20×1", "16:40×1"}, naspi("altro")); diff != "" {
			t.Error(diff)
		}
		want := []timetable.Obstacle{{Code: timetable.ByBlock, Institution: "INPS", Who: "inps-3"}}
		if diff := cmp.Diff(want, p.explain(thursday("altro", "INPS-NASPI"), at("10:00"))); diff != "" {
			t.Error(diff)
		}
		p.want("unknown_block", p.unblock("altro", "none"))
		if err := p.unblock("terzo", b.ID); err != nil { // where she works too
			t.Fatal(err)
		}
		p.want("unknown_block", p.unblock("altro", b.ID))
		for office, want := range before {
			if diff := cmp.Diff(want, naspi(office)); diff != "" {
				t.Errorf("%s: %s", office, diff)
			}
		}
	})
}

// TestBlockOfARoom is told apart from the officers, and is of its office alone.
func TestBlockOfARoom(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		b, err := p.tryBlock("centro", booking.Busy{Room: "colloqui", From: at("09:00"), Until: at("12:30"), Reason: "works", By: clerk})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.starts(thursday("centro", "CPI-PATTO")); len(got) == 0 || got[0] != "15:00×1" {
			t.Errorf("got %v", got)
		}
		want := []timetable.Obstacle{{Code: timetable.ByRoom, Who: "colloqui"}}
		if diff := cmp.Diff(want, p.explain(thursday("centro", "CPI-PATTO"), at("09:00"))); diff != "" {
			t.Error(diff)
		}
		p.want("unknown_block", p.unblock("altro", b.ID))
	})
}

// TestBlockOverMidnight blocks whole days, also beyond those that are kept, and the claim that is there
// stays.
func TestBlockOverMidnight(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		booked := p.book(wish("altro", "JNT-LAVORO", at("10:00")))
		q := booking.Query{Office: "altro", Service: "JNT-LAVORO", From: day("2026-12-01"), Until: day("2026-12-18"), Channel: "online"}
		p.available(q) // is in memory
		_, err := p.tryBlock("altro", booking.Busy{Officer: "cpi-3", From: at("10:15"), Until: at("00:00").AddDate(0, 0, 8), Reason: "ill", By: clerk})
		if err != nil {
			t.Fatal(err)
		}
		days := map[string]int{}
		for _, s := range p.available(q).Offices[0].Starts {
			days[s.Start.Format(time.DateOnly)]++
		}
		if diff := cmp.Diff(map[string]int{"2026-12-03": 2, "2026-12-17": 5}, days); diff != "" {
			t.Error(diff)
		}
		want := []timetable.Obstacle{
			{Code: timetable.ByClaim, Institution: "CPI", Who: "cpi-3"},
			{Code: timetable.ByBlock, Institution: "CPI", Who: "cpi-3"},
			{Code: timetable.ByClaim, Institution: "INPS", Who: "inps-3"},
		}
		if diff := cmp.Diff(want, p.explain(thursday("altro", "JNT-LAVORO"), at("10:00"))); diff != "" {
			t.Error(diff)
		}
		if got := p.byID(booked.ID); got.State != booking.Booked {
			t.Errorf("the appointment is %s", got.State)
		}
		p.sound()
	})
}

func TestBlockRefuses(t *testing.T) {
	tests := []struct {
		name   string
		change func(b *booking.Busy)
		want   string // field and code, or the fault
	}{
		{"nobody", func(b *booking.Busy) { b.Officer = "" }, "officer missing"},
		{"unknown officer", func(b *booking.Busy) { b.Officer = "none" }, "officer unknown_value"},
		{"of another office", func(b *booking.Busy) { b.Officer = "cpi-3" }, "officer unknown_value"},
		{"unknown room", func(b *booking.Busy) { b.Officer, b.Room = "", "none" }, "room unknown_value"},
		{"both", func(b *booking.Busy) { b.Room = "colloqui" }, "room unknown_value"},
		{"no start", func(b *booking.Busy) { b.From = time.Time{} }, "from missing"},
		{"off the grid", func(b *booking.Busy) { b.From = b.From.Add(time.Minute) }, "from off_grid"},
		{"end off the grid", func(b *booking.Busy) { b.Until = b.Until.Add(time.Second) }, "until off_grid"},
		{"yesterday", func(b *booking.Busy) { b.From = monday.AddDate(0, 0, -1) }, "from past"},
		{"no end", func(b *booking.Busy) { b.Until = time.Time{} }, "until missing"},
		{"backwards", func(b *booking.Busy) { b.Until = b.From }, "until before_from"},
		{"over already", func(b *booking.Busy) { b.From, b.Until = monday.Add(-time.Hour), monday }, "until past"},
		{"too long", func(b *booking.Busy) { b.Until = b.From.AddDate(0, 0, 31).Add(5 * time.Minute) }, "until too_many_days"},
		{"no reason", func(b *booking.Busy) { b.Reason = "" }, "reason_missing"},
		{"words for a reason", func(b *booking.Busy) { b.Reason = "va dal medico" }, "reason_missing"},
	}
	each(t, func(t *testing.T, p *province) {
		for _, tt := range tests {
			b := booking.Busy{Officer: "cpi-1", From: at("09:00"), Until: at("10:00"), Reason: "training", By: clerk}
			tt.change(&b)
			_, err := p.tryBlock("centro", b)
			t.Run(tt.name, func(t *testing.T) {
				if got := wrong(err); got != tt.want {
					t.Errorf("got %q, want %q", got, tt.want)
				}
			})
		}
		_, err := p.tryBlock("nessuno", booking.Busy{Officer: "cpi-1", From: at("09:00"), Until: at("10:00"), Reason: "training", By: clerk})
		p.want("unknown_office", err)
		whole := booking.Busy{Officer: "cpi-1", From: at("00:00"), Until: at("00:00").AddDate(0, 0, 31), Reason: "leave", By: clerk}
		if _, err := p.tryBlock("centro", whole); err != nil {
			t.Errorf("31 days: %v", err)
		}
	})
}

// wrong is the first field that is at fault and its code, or the fault's code.
func wrong(err error) string {
	if f := (*fault.Error)(nil); errors.As(err, &f) && len(f.Fields) > 0 {
		return f.Fields[0].Name + " " + f.Fields[0].Code
	}
	return fault.Code(err)
}

func TestClashes(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.book(wish("centro", "CPI-PATTO", at("09:00"))) // by cpi-1
		p.book(wish("centro", "CPI-PATTO", at("09:45")))
		blocks := []booking.Busy{p.block("centro", "cpi-1", "09:30", "09:45"), p.block("centro", "inps-1", "09:00", "12:00")}
		clashes := func(from, until string) (found []booking.Clash) {
			p.view(func(ctx context.Context, tx *store.Tx) (err error) {
				found, err = booking.Clashes(ctx, tx, "centro", at(from), at(until))
				return err
			})
			return found
		}
		got := clashes("00:00", "23:00")
		if len(got) != 1 || !got[0].Appointment.Start.Equal(at("09:00")) || len(got[0].Busy) != 1 {
			t.Fatalf("got %+v, want the one of 09:00", got)
		}
		if diff := cmp.Diff(blocks[0], got[0].Busy[0]); diff != "" {
			t.Errorf("made and read differ (-made +read):\n%s", diff)
		}
		if got := clashes("09:45", "23:00"); len(got) != 0 {
			t.Errorf("later: got %v", got)
		}
		p.view(func(ctx context.Context, tx *store.Tx) error {
			all, err := booking.Blocks(ctx, tx, "centro", at("09:40"), at("09:50"))
			if !slices.Equal(all, []booking.Busy{blocks[1], blocks[0]}) {
				t.Errorf("got %v", all)
			}
			return err
		})
		p.clock.Add(12 * 24 * time.Hour)
		p.update(booking.Sweep)
		if got := clashes("00:00", "23:00"); len(got) != 0 {
			t.Errorf("swept: got %v", got)
		}
	})
}

// TestExternalBusyTime is told apart from what staff blocked, and staff cannot take it away.
func TestExternalBusyTime(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `
INSERT INTO busy (id, source, resource_id, from_at, until_at, reason, made_by) VALUES ('x', 'calendar:1', 'officer:prova:inps-3', $1, $2, 'busy', 'job:calendars')`,
				store.Millis(at("10:42")), store.Millis(at("10:43")))
			return err
		})
		want := []timetable.Obstacle{{Code: timetable.ByExternal, Institution: "INPS", Who: "inps-3"}}
		if diff := cmp.Diff(want, p.explain(thursday("terzo", "INPS-NASPI"), at("10:40"))); diff != "" {
			t.Error(diff)
		}
		p.want("unknown_block", p.unblock("terzo", "x"))
		_, err := p.tryHold(wish("terzo", "INPS-NASPI", at("10:40")))
		p.want("slot_taken", err)
	})
}

// follow has an owner's busy time be what a source says.
func (p *province) follow(source string, w booking.Owner, says ...timetable.Span) booking.Followed {
	p.t.Helper()
	var done booking.Followed
	p.update(func(ctx context.Context, tx *store.Tx) (err error) {
		done, err = booking.Follow(ctx, tx, source, w, says)
		return err
	})
	return done
}

func span(from, until string) timetable.Span { return timetable.Span{From: at(from), Until: at(until)} }

// TestFollow writes what differs, keeps what is over, and is told apart from other sources.
func TestFollow(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		traveller := booking.Owner{Territory: "prova", Officer: "inps-3"}
		naspi := func(office string) int { return len(p.starts(thursday(office, "INPS-NASPI"))) }
		altro, terzo := naspi("altro"), naspi("terzo")
		for _, tt := range []struct {
			name string
			says []timetable.Span
			want booking.Followed
		}{
			{"new, two of them as one", []timetable.Span{span("10:00", "11:00"), span("10:30", "12:30"), span("08:00", "08:00")}, booking.Followed{Added: 1}},
			{"the same", []timetable.Span{span("10:00", "12:30")}, booking.Followed{}},
			{"one more", []timetable.Span{span("10:00", "12:30"), span("16:00", "16:20")}, booking.Followed{Added: 1}},
			{"another end", []timetable.Span{span("10:00", "12:00"), span("16:00", "16:20")}, booking.Followed{Added: 1, Removed: 1}},
			{"what is over already", []timetable.Span{{From: monday.AddDate(0, 0, -1), Until: monday}, span("10:00", "12:00"), span("16:00", "16:20")}, booking.Followed{}},
		} {
			if got := p.follow("one", traveller, tt.says...); got != tt.want {
				t.Errorf("%s: got %+v, want %+v", tt.name, got, tt.want)
			}
		}
		p.follow("two", traveller, span("10:00", "12:00"))
		if naspi("altro") >= altro || naspi("terzo") >= terzo {
			t.Error("nothing was taken where the officer works")
		}
		p.follow("one", traveller)
		if naspi("terzo") >= terzo {
			t.Error("one source gave back what the other takes")
		}
		p.update(func(ctx context.Context, tx *store.Tx) error { return booking.Unfollow(ctx, tx, "two", traveller) })
		if naspi("altro") != altro || naspi("terzo") != terzo {
			t.Error("it was not given back")
		}
	})
}

// TestFollowOfAnOffice closes it to everybody at that time, whatever the channel, and opens it again.
func TestFollowOfAnOffice(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		q := thursday("centro", "INPS-NASPI")
		before := p.starts(q)
		p.follow("closure", booking.Owner{Territory: "prova", Office: "centro"}, span("09:00", "12:30"))
		for _, start := range p.starts(q) {
			if start < "15:00" {
				t.Errorf("%s is on sale", start)
			}
		}
		if why := p.explain(q, at("10:00")); len(why) == 0 || why[0].Code != timetable.ByClosure {
			t.Errorf("got %v", why)
		}
		p.follow("closure", booking.Owner{Territory: "prova", Office: "centro"})
		if diff := cmp.Diff(before, p.starts(q)); diff != "" {
			t.Error(diff)
		}
	})
}

// TestRelieve gives what a busy officer does to another at the same time, and says so when nobody can.
func TestRelieve(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		a := p.book(wish("centro", "JNT-LAVORO", at("10:00")))
		relieve := func() (booking.Appointment, bool) {
			var done bool
			p.update(func(ctx context.Context, tx *store.Tx) (err error) {
				a, done, err = booking.Relieve(ctx, tx, a.ID, clerk)
				return err
			})
			return a, done
		}
		busy := func(officer string) {
			p.follow(officer, booking.Owner{Territory: "prova", Officer: officer}, span("10:00", "10:30"))
		}
		first := a.Staff[0].Officer
		busy(first)
		if got, ok := relieve(); !ok || got.Staff[0].Officer == first || got.Start != a.Start {
			t.Errorf("got %+v, %v", got.Staff, ok)
		}
		busy(a.Staff[0].Officer)
		if got, ok := relieve(); ok {
			t.Errorf("everybody is busy: got %+v", got.Staff)
		}
	})
}
