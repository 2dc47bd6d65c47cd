package territory_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// demo returns the demonstration territories, all imported into one database, by name.
func demo(t *testing.T) []*territory.Territory {
	t.Helper()
	files, err := territory.Demo()
	if err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, nil)
	for _, d := range files {
		f, problems := territory.Parse(d.Text, d.ID+".toml")
		if f == nil {
			t.Fatal(territory.Problems(problems))
		}
		if f.Territory.ID != d.ID {
			t.Errorf("got territory %s in %s.toml", f.Territory.ID, d.ID)
		}
		imported(t, db, f)
	}
	var all []*territory.Territory
	update(t, db, func(tx *store.Tx) (err error) {
		all, err = territory.List(t.Context(), tx)
		return err
	})
	return all
}

func TestDemoTerritories(t *testing.T) {
	type size struct {
		Name              string
		Offices, Officers int
	}
	var got []size
	for _, all := range demo(t) {
		got = append(got, size{all.Name, len(all.Offices), len(all.Officers)})
	}
	want := []size{
		{"Comune di Milano", 10, 25},
		{"Provincia di Bergamo", 11, 64},
		{"Provincia di Isernia", 9, 11},
		{"Provincia di Livorno", 9, 20},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("territories (-want +got):\n%s", diff)
	}
}

// A kiosk shows at most six choices a screen, in all nine languages.
func TestDemoMenus(t *testing.T) {
	for _, all := range demo(t) {
		if len(all.Needs) > 6 {
			t.Errorf("%s: %d needs on the first screen", all.ID, len(all.Needs))
		}
		for _, n := range all.Needs {
			if len(n.Name) != len(territory.Languages()) {
				t.Errorf("%s: need %s has %d languages", all.ID, n.ID, len(n.Name))
			}
			if len(n.Services) > 6 {
				t.Errorf("%s: need %s has %d services", all.ID, n.ID, len(n.Services))
			}
			for _, id := range n.Services {
				if !slices.ContainsFunc(all.Offices, func(o *territory.Office) bool { _, ok := o.Offers(id); return ok }) {
					t.Errorf("%s: need %s names %s, which no office offers", all.ID, n.ID, id)
				}
			}
		}
	}
}

// Whoever can take a ticket for a service while it is open finds somebody there who serves it, at
// the start and at the end of every opening of two weeks; and every office opens in them.
func TestDemoServicesAreServed(t *testing.T) {
	first := date(t, "2026-11-23")
	for _, all := range demo(t) {
		for _, o := range all.Offices {
			opens := false
			for n := range 14 {
				on := first.AddDays(n)
				for _, id := range o.Services {
					s, _ := o.Offers(id)
					if !s.Offered(on) {
						t.Errorf("%s offers %s, which has ended", o.ID, id)
					}
					if !s.By(territory.WalkIn) {
						continue
					}
					for _, span := range o.Open(s, on, territory.WalkIn) {
						opens = true
						if !served(o, s, on, span) {
							t.Errorf("%s on %s %s: nobody serves %s", o.ID, on, hours([]timetable.Span{span}), id)
						}
					}
				}
			}
			if !opens {
				t.Errorf("%s does not open for tickets in two weeks", o.ID)
			}
		}
	}
}

// served reports whether officers who are there through the whole of span suffice for s.
func served(o *territory.Office, s *territory.Service, on timetable.Date, span timetable.Span) bool {
	acting := map[string]int{}
	for _, f := range o.Officers(on) {
		through := slices.ContainsFunc(f.Present(o, on), func(p timetable.Span) bool {
			return !p.From.After(span.From) && !p.Until.Before(span.Until)
		})
		if !through || !f.Does(s) {
			continue
		}
		if f.Covers(s, on) {
			return true
		}
		for _, institution := range f.ActsFor(on) {
			acting[institution]++
		}
	}
	return s.Joint() && !slices.ContainsFunc(s.Needs, func(id string) bool { return acting[id] == 0 })
}

func TestDemoOfficesArePlausible(t *testing.T) {
	for _, all := range demo(t) {
		for _, o := range all.Offices {
			if n := len(o.Desks); n < 2 || n > 6 {
				t.Errorf("%s has %d desks", o.ID, n)
			}
			if o.Address == "" || o.Comune == "" {
				t.Errorf("%s has no address or no Comune", o.ID)
			}
			if len(o.Officers(date(t, "2026-12-03"))) == 0 {
				t.Errorf("%s has no officers", o.ID)
			}
		}
	}
}
