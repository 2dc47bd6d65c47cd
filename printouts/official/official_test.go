package official_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/printouts"
	"sportello/printouts/official"
	"sportello/printouts/pdf"
)

var morning = time.Date(2026, 12, 3, 9, 30, 0, 0, time.UTC)

// file is an institution's file of some pages.
func file(t testing.TB, pages int) official.File {
	t.Helper()
	var out, table bytes.Buffer
	object := func(format string, args ...any) {
		fmt.Fprintf(&table, "%010d 00000 n \n", out.Len())
		fmt.Fprintf(&out, format, args...)
	}
	out.WriteString("%PDF-1.4\n")
	object("1 0 obj<</Pages 2 0 R>>endobj\n")
	kids := ""
	for n := range pages {
		kids += fmt.Sprintf("%d 0 R ", n+3)
	}
	object("2 0 obj<</Kids[%s]/MediaBox[0 0 595 842]>>endobj\n", kids)
	for n := range pages {
		object("%d 0 obj<</Type/Page>>endobj\n", n+3)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n%strailer<</Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", pages+3, table.String(), start)
	clean, sizes, err := pdf.Clean(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return official.File{Clean: clean, Pages: sizes, Came: out.Bytes()}
}

func field(key string, page int) printouts.Placed {
	return printouts.Placed{Key: key, Page: page, X: 100.25, Y: 200.5, Width: 150, Height: 18, Kind: printouts.PlacedText, Size: 10}
}

func form(key string) official.Form {
	return official.Form{Territory: "isernia", Key: key, Institution: "CPI", Names: map[string]string{"it": "Modulo Inventato", "en": "Invented form"}, Legal: "D.Lgs. 0/0000"}
}

// house is a database with the territory of Isernia.
func house(t *testing.T, f func(t *testing.T, do func(func(ctx context.Context, tx *store.Tx) error) error, clock *storetest.Clock)) {
	clock := storetest.At(morning)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		do := func(f func(ctx context.Context, tx *store.Tx) error) error {
			return db.Update(t.Context(), func(tx *store.Tx) error { return f(t.Context(), tx) })
		}
		files, err := territory.Demo()
		must(t, err)
		must(t, do(func(ctx context.Context, tx *store.Tx) error {
			read, problems := territory.Parse(files[0].Text, files[0].ID)
			if len(problems) > 0 {
				return territory.Problems(problems)
			}
			_, err := territory.Import(ctx, tx, read)
			return err
		}))
		f(t, do, clock)
	})
}

// TestVersions goes through the life of a form.
func TestVersions(t *testing.T) {
	house(t, func(t *testing.T, do func(func(ctx context.Context, tx *store.Tx) error) error, clock *storetest.Clock) {
		printed := func(kind string) (f printouts.Form) {
			t.Helper()
			must(t, do(func(ctx context.Context, tx *store.Tx) (err error) {
				f, err = official.On(ctx, tx, "isernia", printouts.Form{Kind: kind, MadeAt: morning})
				return err
			}))
			return f
		}
		var id string
		must(t, do(func(ctx context.Context, tx *store.Tx) (err error) {
			id, err = official.Add(ctx, tx, form("did"), file(t, 2))
			return err
		}))
		if f := printed("did"); f.Official != nil {
			t.Error("a draft is printed")
		}
		fails(t, official.ErrEmpty, do(func(ctx context.Context, tx *store.Tx) error { return official.Publish(ctx, tx, id) }))
		fails(t, official.ErrDrafted, do(func(ctx context.Context, tx *store.Tx) error {
			_, err := official.Add(ctx, tx, form("did"), file(t, 1))
			return err
		}))
		want := form("did")
		want.ID, want.Rev, want.Fields = id, 1, []printouts.Placed{field("cognome", 1), field("nome", 2)}
		must(t, do(func(ctx context.Context, tx *store.Tx) error { return official.Change(ctx, tx, want) }))
		fails(t, official.ErrEdited, do(func(ctx context.Context, tx *store.Tx) error { return official.Change(ctx, tx, want) }))
		clock.Add(time.Hour)
		must(t, do(func(ctx context.Context, tx *store.Tx) error { return official.Publish(ctx, tx, id) }))
		want.Rev = 3
		fails(t, official.ErrFrozen, do(func(ctx context.Context, tx *store.Tx) error { return official.Change(ctx, tx, want) }))
		fails(t, official.ErrFrozen, do(func(ctx context.Context, tx *store.Tx) error { return official.Remove(ctx, tx, id) }))
		fails(t, official.ErrFrozen, do(func(ctx context.Context, tx *store.Tx) error { return official.Replace(ctx, tx, id, 3, file(t, 1)) }))
		f := printed("did")
		if f.Official == nil || len(f.Official.Fields) != 2 || f.Official.Fields[0] != field("cognome", 1) || f.Official.Version != "1" {
			t.Fatalf("printed is %+v", f.Official)
		}
		if made, err := f.PDF(); err != nil || len(made) == 0 {
			t.Errorf("%d bytes, %v", len(made), err)
		}
		if other := printed("patto"); other.Official != nil {
			t.Error("another form is printed on its pages")
		}

		var next string
		must(t, do(func(ctx context.Context, tx *store.Tx) (err error) {
			next, err = official.Copy(ctx, tx, id)
			return err
		}))
		must(t, do(func(ctx context.Context, tx *store.Tx) error {
			return official.Replace(ctx, tx, next, 1, file(t, 1))
		}))
		must(t, do(func(ctx context.Context, tx *store.Tx) error { return official.Publish(ctx, tx, next) }))
		if f := printed("did"); f.Official.Version != "2" || f.Official.Fields[1].Page != 1 {
			t.Errorf("printed is %+v, want version 2, its fields on the only page", f.Official)
		}
		must(t, do(func(ctx context.Context, tx *store.Tx) error {
			all, err := official.List(ctx, tx, "isernia", "INVENTED  did")
			if err != nil {
				return err
			}
			var states []official.State
			for _, f := range all {
				states = append(states, f.State)
			}
			if diff := cmp.Diff([]official.State{official.Published, official.Withdrawn}, states); diff != "" {
				t.Errorf("states (-want +got):\n%s", diff)
			}
			if none, err := official.List(ctx, tx, "isernia", "assente"); err != nil || len(none) > 0 {
				t.Errorf("found %v, %v", none, err)
			}
			return nil
		}))
		must(t, do(func(ctx context.Context, tx *store.Tx) error { return official.Withdraw(ctx, tx, next) }))
		fails(t, official.ErrFrozen, do(func(ctx context.Context, tx *store.Tx) error { return official.Withdraw(ctx, tx, next) }))
		if f := printed("did"); f.Official != nil {
			t.Error("a withdrawn form is printed")
		}
	})
}

// TestKinds adds a form that is not ours, and puts one in the place of ours.
func TestKinds(t *testing.T) {
	house(t, func(t *testing.T, do func(func(ctx context.Context, tx *store.Tx) error) error, _ *storetest.Clock) {
		must(t, do(func(ctx context.Context, tx *store.Tx) error {
			for _, key := range []string{"did", "mod-nuovo", "mod-bozza"} {
				id, err := official.Add(ctx, tx, form(key), file(t, 1))
				if err != nil {
					return err
				}
				f := form(key)
				f.ID, f.Rev, f.Fields = id, 1, []printouts.Placed{field("cognome", 1)}
				if err := official.Change(ctx, tx, f); err != nil {
					return err
				}
				if key != "mod-bozza" {
					if err := official.Publish(ctx, tx, id); err != nil {
						return err
					}
				}
			}
			kinds, err := official.Kinds(ctx, tx, "isernia")
			if err != nil {
				return err
			}
			ours, err := printouts.Forms()
			if len(kinds) != len(ours)+1 || kinds[0].Title != "Modulo Inventato" || len(kinds[0].Fields()) != 1 || kinds[len(ours)].ID != "mod-nuovo" {
				t.Errorf("got %d kinds, the first %+v", len(kinds), kinds[0])
			}
			return err
		}))
	})
}

func TestRefused(t *testing.T) {
	house(t, func(t *testing.T, do func(func(ctx context.Context, tx *store.Tx) error) error, _ *storetest.Clock) {
		var id string
		must(t, do(func(ctx context.Context, tx *store.Tx) (err error) {
			id, err = official.Add(ctx, tx, form("mod"), file(t, 1))
			return err
		}))
		for _, test := range []struct {
			name   string
			change func(f *official.Form)
			want   string
		}{
			{"no name", func(f *official.Form) { f.Names = map[string]string{"en": "x"} }, "official_name"},
			{"no such field", func(f *official.Form) { f.Fields[0].Key = "nessuno" }, "official_field_key"},
			{"a signature", func(f *official.Form) { f.Fields[0].Key = "firma" }, "official_field_key"},
			{"no such page", func(f *official.Form) { f.Fields[0].Page = 2 }, "official_field_page"},
			{"over the edge", func(f *official.Form) { f.Fields[0].X = 500 }, "official_field_box"},
			{"above the page", func(f *official.Form) { f.Fields[0].Y = -1 }, "official_field_box"},
			{"no width", func(f *official.Form) { f.Fields[0].Width = 0 }, "official_field_box"},
			{"a comb without cells", func(f *official.Form) { f.Fields[0].Kind = printouts.PlacedComb }, "official_field_cells"},
			{"an unknown kind", func(f *official.Form) { f.Fields[0].Kind = "seal" }, "official_field_kind"},
			{"letters too small", func(f *official.Form) { f.Fields[0].Size = 2 }, "official_field_size"},
		} {
			t.Run(test.name, func(t *testing.T) {
				f := form("mod")
				f.ID, f.Rev, f.Fields = id, 1, []printouts.Placed{field("cognome", 1)}
				test.change(&f)
				err := do(func(ctx context.Context, tx *store.Tx) error { return official.Change(ctx, tx, f) })
				if got := fault.Code(err); got != test.want {
					t.Errorf("got %v, want %s", err, test.want)
				}
			})
		}
		for _, key := range []string{"", "A", "di d", "-x", "../x"} {
			fails(t, official.ErrKey, do(func(ctx context.Context, tx *store.Tx) error {
				_, err := official.Add(ctx, tx, form(key), file(t, 1))
				return err
			}))
		}
		fails(t, official.ErrNone, do(func(ctx context.Context, tx *store.Tx) error { return official.Publish(ctx, tx, "nothing") }))
	})
}

// TestTwoBeginAVersion has several begin a new version at once: one does.
func TestTwoBeginAVersion(t *testing.T) {
	house(t, func(t *testing.T, do func(func(ctx context.Context, tx *store.Tx) error) error, _ *storetest.Clock) {
		var begun, refused atomic.Int32
		var all sync.WaitGroup
		came := file(t, 1)
		for range 8 {
			all.Go(func() {
				err := do(func(ctx context.Context, tx *store.Tx) error {
					_, err := official.Add(ctx, tx, form("mod"), came)
					return err
				})
				switch {
				case err == nil:
					begun.Add(1)
				case errors.Is(err, official.ErrDrafted):
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		all.Wait()
		if begun.Load() != 1 || refused.Load() != 7 {
			t.Errorf("%d began a version and %d were refused, want 1 and 7", begun.Load(), refused.Load())
		}
	})
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fails(t *testing.T, want, err error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("got %v, want %v", err, want)
	}
}
