package booking_test

import (
	"context"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/store"
)

// changed is the province as a file would have it, without a database.
func changed(t testing.TB, pairs ...string) *territory.Territory {
	t.Helper()
	f, problems := territory.Parse([]byte(strings.NewReplacer(pairs...).Replace(file)), "prova.toml")
	if len(problems) > 0 {
		t.Fatal(territory.Problems(problems))
	}
	after, err := territory.Build(f)
	if err != nil {
		t.Fatal(err)
	}
	return after
}

func TestForesee(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		p.book(wish("centro", "JNT-LAVORO", at("09:00")))
		p.book(wish("centro", "JNT-LAVORO", at("09:00")))
		after := changed(t, "weekdays = [\"thu\"]\n  intervals = [\"09:00-12:30\", \"15:00-17:00\"]", "weekdays = [\"thu\", \"tue\"]\n  intervals = [\"09:00-12:30\"]")
		centro, _ := after.Office("centro")
		var got []booking.Preview
		p.view(func(ctx context.Context, tx *store.Tx) (err error) {
			got, err = booking.Foresee(ctx, tx, centro, day("2026-12-01"), 8)
			return err
		})
		var starts []int
		var why []string
		for _, d := range got {
			starts, why = append(starts, d.Starts), append(why, d.Why)
		}
		// Seven starts from 9:00 to 12:30; both pairs of the 3rd at 9:00 are taken. The 8th is a holiday.
		if diff := cmp.Diff([]int{7, 0, 6, 0, 0, 0, 0, 0}, starts); diff != "" {
			t.Errorf("starts (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"", "not_open", "", "not_open", "not_open", "not_open", "not_open", "holiday"}, why); diff != "" {
			t.Errorf("why (-want +got):\n%s", diff)
		}
		if h := got[0].Hours; len(h) != 2 || h[0].Institution != "CPI" || len(h[0].Spans) != 1 || h[0].Spans[0].From.Format("15:04") != "09:00" {
			t.Errorf("got %+v on Tuesday, want CPI and INPS from 9:00", h)
		}
	})
}

func TestStranded(t *testing.T) {
	tests := []struct {
		name   string
		change []string
		want   []string
	}{
		{"nothing changed", nil, nil},
		{"closes in the afternoon", []string{`"15:00-17:00"`, `"15:00-15:15"`}, []string{"15:00 closed CPI"}},
		{"INPS has a closure", []string{"  [[office.room]]", "  [[office.closure]]\n  from = \"2026-12-03\"\n  institutions = [\"INPS\"]\n  [[office.room]]"}, []string{"09:00 closed INPS", "15:00 closed INPS"}},
		{"two officers leave, the one who travels does not", []string{"id = \"inps-1\"", "id = \"inps-1\"\nuntil = \"2026-12-02\"", "id = \"inps-2\"", "id = \"inps-2\"\nuntil = \"2026-12-02\""}, []string{"09:00 no_officer INPS"}},
		{"the service ends", []string{"id = \"JNT-LAVORO\"", "id = \"JNT-LAVORO\"\nvalid_to = \"2026-12-02\""}, []string{"09:00 service_ended ", "15:00 service_ended "}},
		{"the office ends", []string{"name = \"Centro\"", "name = \"Centro\"\nuntil = \"2026-12-02\""}, []string{"09:00 office_gone ", "15:00 office_gone "}},
	}
	each(t, func(t *testing.T, p *province) {
		w := wish("centro", "JNT-LAVORO", at("09:00"))
		p.book(w)
		w.Start = at("15:00")
		p.book(w)
		before := changed(t)
		for _, tt := range tests {
			var got []string
			p.view(func(ctx context.Context, tx *store.Tx) error {
				all, err := booking.StrandedBy(ctx, tx, before, changed(t, tt.change...))
				for _, s := range all {
					got = append(got, s.Start.In(rome).Format("15:04")+" "+string(s.Code)+" "+s.Institution)
				}
				return err
			})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	})
}

// BenchmarkForesee is eight weeks of an office with four officers of each institution.
func BenchmarkForesee(b *testing.B) {
	databases(b, country(1, 4, 30), func(b *testing.B, p *province) {
		var o *territory.Office
		p.view(func(ctx context.Context, tx *store.Tx) (err error) {
			o, err = territory.Of(ctx, tx, "sede-0")
			return err
		})
		for b.Loop() {
			p.view(func(ctx context.Context, tx *store.Tx) error {
				_, err := booking.Foresee(ctx, tx, o, day("2026-12-01"), 56)
				return err
			})
		}
	})
}
