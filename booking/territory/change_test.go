package territory_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// edits makes changes of the sample territory.
type edits struct {
	t  *testing.T
	db *store.DB
}

// sight returns the file form of the sample and the rev of an object.
func (e edits) sight(ref territory.Ref) (f *territory.File, rev int64) {
	e.t.Helper()
	update(e.t, e.db, func(tx *store.Tx) (err error) {
		if f, err = territory.Load(e.t.Context(), tx, "isernia"); err != nil {
			return err
		}
		rev, err = territory.RevOf(e.t.Context(), tx, "isernia", ref)
		return err
	})
	return f, rev
}

// apply applies a change and returns what came of it.
func (e edits) apply(c territory.Change) (report territory.Report, err error) {
	c.Put.Territory.ID = "isernia"
	err = e.db.Update(e.t.Context(), func(tx *store.Tx) (err error) {
		report, err = territory.Apply(e.t.Context(), tx, c)
		return err
	})
	return report, err
}

func (e edits) must(c territory.Change) {
	e.t.Helper()
	if _, err := e.apply(c); err != nil {
		e.t.Fatal(err)
	}
}

// renamed is the sample's office with another name, as a change by somebody who saw a rev.
func renamed(f *territory.File, name, by string, rev int64) territory.Change {
	office := f.Offices[0]
	office.Name = name
	return territory.Change{
		Put: &territory.File{Offices: []territory.OfficeEntry{office}}, By: by,
		Seen: map[territory.Ref]int64{{Kind: territory.KindOffice, ID: "centro"}: rev},
	}
}

func onSample(t *testing.T, f func(t *testing.T, e edits)) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		imported(t, db, parsed(t, sample))
		f(t, edits{t, db})
	})
}

func TestChangeOfTwoManagers(t *testing.T) {
	onSample(t, func(t *testing.T, e edits) {
		centro := territory.Ref{Kind: territory.KindOffice, ID: "centro"}
		f, rev := e.sight(centro)
		whole := f
		before, version := read(t, e.db, "isernia", "centro")
		e.must(renamed(f, "Primo", "user:ada", rev))
		_, err := e.apply(renamed(f, "Secondo", "user:bruno", rev))
		var edited *territory.Edited
		if !errors.As(err, &edited) || edited.Ref != centro || fault.Code(err) != "edited_meanwhile" {
			t.Errorf("the second: got %v, want that %v was edited", err, centro)
		}
		after, now := read(t, e.db, "isernia", "centro")
		if o, _ := after.Office("centro"); o.Name != "Primo" || after.Stamp == before.Stamp || now == version {
			t.Errorf("got %q, stamp and version must be new: %s %d", o.Name, after.Stamp, now)
		}
		f, rev = e.sight(centro)
		e.must(renamed(f, "Secondo", "user:bruno", rev))
		report, err := e.apply(renamed(f, "Secondo", "user:bruno", rev+1))
		if err != nil || report.Changed() {
			t.Errorf("the same again: got %+v, %v, want nothing changed", report, err)
		}

		original := whole.Offices[0].Name
		var names, actors []string
		update(t, e.db, func(tx *store.Tx) error {
			all, err := territory.History(t.Context(), tx, "isernia", centro, 0, 10)
			for _, v := range all {
				entry, err := territory.Entry[territory.OfficeEntry](v)
				if err != nil {
					return err
				}
				names, actors = append(names, entry.Name), append(actors, v.By)
			}
			return err
		})
		if diff := cmp.Diff([]string{"Secondo", "Primo", original}, names); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"user:bruno", "user:ada", "command"}, actors); diff != "" {
			t.Errorf("who (-want +got):\n%s", diff)
		}
		want := "user:bruno office.change office:centro " + `{"rev":3,"territory":"isernia"}`
		if got := audited(t, e.db, "centro"); !slices.Contains(got, want) {
			t.Errorf("audit has no %s:\n%s", want, strings.Join(got, "\n"))
		}
	})
}

func TestChangeRefused(t *testing.T) {
	onSample(t, func(t *testing.T, e edits) {
		whole, _ := e.sight(territory.Ref{Kind: territory.KindTerritory})
		backwards := whole.Offices[0]
		backwards.From, backwards.Until = date(t, "2027-01-01"), date(t, "2026-01-01")
		for _, tt := range []struct {
			name       string
			change     territory.Change
			code, path string
		}{
			{"an end before the start", territory.Change{Put: &territory.File{Offices: []territory.OfficeEntry{backwards}}}, "date_before", "office[0].until"},
			{"a new officer of nobody", territory.Change{Put: &territory.File{Officers: []territory.OfficerEntry{{ID: "x", Name: "X", Institution: "PRA"}}}}, "reference_unknown", "officer[0].institution[0]"},
			{"an institution that others need", territory.Change{Put: new(territory.File), Remove: []territory.Ref{{Kind: territory.KindInstitution, ID: "INPS"}}}, "", ""},
		} {
			_, err := e.apply(tt.change)
			var problems territory.Problems
			if !errors.As(err, &problems) || len(problems) == 0 {
				t.Errorf("%s: got %v, want problems", tt.name, err)
				continue
			}
			if p := problems[0]; tt.code != "" && (p.Code != tt.code || p.Path != tt.path) {
				t.Errorf("%s: got %s at %s, want %s at %s", tt.name, p.Code, p.Path, tt.code, tt.path)
			}
		}
		after, _ := e.sight(territory.Ref{Kind: territory.KindTerritory})
		if diff := cmp.Diff(whole, after, ignoreLines); diff != "" {
			t.Errorf("something was changed (-want +got):\n%s", diff)
		}
	})
}

func TestRemoveAndAddAgain(t *testing.T) {
	onSample(t, func(t *testing.T, e edits) {
		whole, _ := e.sight(territory.Ref{Kind: territory.KindTerritory})
		officer := whole.Officers[0]
		ref := territory.Ref{Kind: territory.KindOfficer, ID: officer.ID}
		try := territory.Change{Put: new(territory.File), Remove: []territory.Ref{ref}, Seen: map[territory.Ref]int64{ref: 1}, By: "user:ada"}
		try.Put.Territory.ID = "isernia"
		update(t, e.db, func(tx *store.Tx) error {
			would, err := territory.Try(t.Context(), tx, try)
			if err == nil && len(would.Officers) != len(whole.Officers)-1 {
				t.Errorf("tried: got %d officers, want one less than %d", len(would.Officers), len(whole.Officers))
			}
			return err
		})
		if f, _ := e.sight(ref); len(f.Officers) != len(whole.Officers) {
			t.Errorf("a trial removed the officer")
		}
		e.must(try)
		if _, err := e.apply(try); fault.Code(err) != "edited_meanwhile" {
			t.Errorf("removed twice: got %v", err)
		}
		if f, rev := e.sight(ref); len(f.Officers) != len(whole.Officers)-1 || rev != 0 {
			t.Errorf("got %d officers and rev %d, want one less and none", len(f.Officers), rev)
		}
		e.must(territory.Change{Put: &territory.File{Officers: []territory.OfficerEntry{officer}}, Seen: map[territory.Ref]int64{ref: 0}, By: "user:ada"})
		if _, rev := e.sight(ref); rev != 3 {
			t.Errorf("added again: got rev %d, want 3", rev)
		}
	})
}

// TestPlacesDoNotCount has one manager remove what stands before what another is changing.
func TestPlacesDoNotCount(t *testing.T) {
	onSample(t, func(t *testing.T, e edits) {
		first, second := territory.Ref{Kind: territory.KindNeed, ID: "a"}, territory.Ref{Kind: territory.KindNeed, ID: "b"}
		need := func(id, name string) territory.NeedEntry {
			return territory.NeedEntry{ID: id, Name: map[string]string{"it": name}, Services: []string{"CPI-DID"}}
		}
		e.must(territory.Change{Put: &territory.File{Needs: []territory.NeedEntry{need("a", "A"), need("b", "B")}}, By: "user:ada"})
		_, rev := e.sight(second)
		e.must(territory.Change{Put: new(territory.File), Remove: []territory.Ref{first}, By: "user:ada"})
		e.must(territory.Change{Put: &territory.File{Needs: []territory.NeedEntry{need("b", "C")}}, Seen: map[territory.Ref]int64{second: rev}, By: "user:bruno"})
	})
}
