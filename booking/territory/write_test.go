package territory_test

import (
	"encoding"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// parsed reads a file that must be without fault.
func parsed(t testing.TB, text string) *territory.File {
	t.Helper()
	f, problems := territory.Parse([]byte(text), "")
	if f == nil {
		t.Fatal(territory.Problems(problems))
	}
	return f
}

// update runs f in a transaction that must succeed.
func update(t testing.TB, db *store.DB, f func(tx *store.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// imported imports a file and returns the report.
func imported(t testing.TB, db *store.DB, f *territory.File) (report territory.Report) {
	t.Helper()
	update(t, db, func(tx *store.Tx) (err error) {
		report, err = territory.Import(t.Context(), tx, f)
		return err
	})
	return report
}

// part imports a part of a territory and returns the report.
func part(t testing.TB, db *store.DB, text string) (report territory.Report) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		f, problems, err := territory.ParseOver(t.Context(), tx, []byte(text), "")
		if f == nil {
			return errors.Join(err, territory.Problems(problems))
		}
		report, err = territory.Import(t.Context(), tx, f)
		return err
	})
	return report
}

func exported(t testing.TB, db *store.DB, id string) (text string) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		out, err := territory.Export(t.Context(), tx, id)
		text = string(out)
		return err
	})
	return text
}

// read returns the territory and the version of an office.
func read(t testing.TB, db *store.DB, id, office string) (all *territory.Territory, version int64) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) (err error) {
		if all, err = territory.Read(t.Context(), tx, id); err != nil {
			return err
		}
		version, err = territory.Version(t.Context(), tx, office)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all, version
}

func TestImportTwiceChangesNothing(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		first := imported(t, db, parsed(t, sample))
		before, version := read(t, db, "isernia", "centro")
		second := imported(t, db, parsed(t, sample))
		after, again := read(t, db, "isernia", "centro")

		one := territory.Tally{Added: 1}
		want := territory.Report{
			Territory: "isernia", Head: one, Institutions: territory.Tally{Added: 2}, Services: one, Needs: one, Offices: one, Officers: one,
		}
		if diff := cmp.Diff(want, first); diff != "" {
			t.Errorf("first report (-want +got):\n%s", diff)
		}
		one = territory.Tally{Unchanged: 1}
		want = territory.Report{
			Territory: "isernia", Head: one, Institutions: territory.Tally{Unchanged: 2}, Services: one, Needs: one, Offices: one, Officers: one,
		}
		if diff := cmp.Diff(want, second); diff != "" {
			t.Errorf("second report (-want +got):\n%s", diff)
		}
		if after.Stamp != before.Stamp || again != version {
			t.Errorf("got stamp %s version %d, want %s and %d still", after.Stamp, again, before.Stamp, version)
		}
		if after != before {
			t.Error("the same stamp was read twice into memory")
		}
	})
}

func TestImportsAtTheSameTime(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		reports := make(chan territory.Report)
		for range 4 {
			go func() {
				var report territory.Report
				err := db.Update(t.Context(), func(tx *store.Tx) (err error) {
					f, _ := territory.Parse([]byte(sample), "")
					report, err = territory.Import(t.Context(), tx, f)
					return err
				})
				if err != nil {
					t.Error(err)
				}
				reports <- report
			}()
		}
		var offices territory.Tally
		for range 4 {
			r := <-reports
			offices.Added += r.Offices.Added
			offices.Changed += r.Offices.Changed
			offices.Unchanged += r.Offices.Unchanged
		}
		if want := (territory.Tally{Added: 1, Unchanged: 3}); offices != want {
			t.Errorf("got %+v, want %+v", offices, want)
		}
	})
}

func TestImportReplacesWhatIsNamed(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		imported(t, db, parsed(t, sample))
		before, version := read(t, db, "isernia", "centro")
		report := part(t, db, `
[territory]
id = "isernia"

[[officer]]
id = "inps-1"
name = "Operatore INPS 1"
institution = "INPS"
presence = [{ office = "centro" }]

[[officer]]
id = "cpi-1"
name = "Operatrice CPI 1"
institution = "CPI"
`)
		want := territory.Report{
			Territory: "isernia", Head: territory.Tally{Unchanged: 1}, Officers: territory.Tally{Added: 1, Changed: 1},
		}
		if diff := cmp.Diff(want, report); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		after, raised := read(t, db, "isernia", "centro")
		if after.Stamp == before.Stamp || raised <= version {
			t.Errorf("got stamp %s version %d, want new ones after %s, %d", after.Stamp, raised, before.Stamp, version)
		}
		if len(after.Offices) != 1 || after.Name != "Provincia di Isernia" {
			t.Errorf("got %d offices of %q, want what was not named to stay", len(after.Offices), after.Name)
		}
		officer, _ := after.Officer("cpi-1")
		if officer.Name != "Operatrice CPI 1" || officer.At("centro") {
			t.Errorf("got %q, at centro %v; want the whole officer replaced", officer.Name, officer.At("centro"))
		}
	})
}

func TestImportKeepsTheOrderOfAWholeFile(t *testing.T) {
	db := storetest.Open(t, nil)
	imported(t, db, parsed(t, sample))
	turned := strings.Replace(sample, `id = "CPI"`, `id = "INPS"`, 1)
	turned = strings.Replace(turned, "id = \"INPS\"\nname", "id = \"CPI\"\nname", 1)
	imported(t, db, parsed(t, turned))
	after, _ := read(t, db, "isernia", "centro")
	if got := after.Institutions[0].ID; got != "INPS" {
		t.Errorf("got %s first, want INPS", got)
	}
}

func TestImportRefuses(t *testing.T) {
	const bad = `[territory]
id = "molise"
name = "Molise"
institution = [{ id = "INPS" }]

[[office]]
id = "centro"
name = "Altro centro"
desk = [{ id = "1" }]
services = ["ACC-INFO", "ACC-INFI"]
`
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		imported(t, db, parsed(t, sample))
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, problems, err := territory.ParseOver(t.Context(), tx, []byte(strings.Replace(bad, "INFI", "INPO", 1)), "molise.toml")
			want := "molise.toml: line 4: territory: unknown key \"institution\"\n" +
				"molise.toml: line 7: office \"centro\": the id belongs to an office of territory \"isernia\"\n" +
				"molise.toml: line 10: office \"centro\": service \"ACC-INFO\" needs CPI or INPS or COMUNE, and the office has none of them\n" +
				"molise.toml: line 10: office \"centro\": unknown service \"ACC-INPO\" (did you mean \"ACC-INFO\"?)"
			if diff := cmp.Diff(want, territory.Problems(problems).Error()); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		alone := strings.Replace(bad, "institution = [{ id = \"INPS\" }]", "[[institution]]\nid = \"INPS\"", 1)
		f := parsed(t, strings.Replace(alone, `, "ACC-INFI"`, "", 1))
		err = db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := territory.Import(t.Context(), tx, f)
			return err
		})
		var problems territory.Problems
		if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Line != 8 {
			t.Errorf("got %v, want one problem on line 8", err)
		}
		err = db.View(t.Context(), func(tx *store.Tx) error {
			_, err := territory.Read(t.Context(), tx, "molise")
			return err
		})
		if got := fault.Code(err); got != "unknown_territory" {
			t.Errorf("got %v, want nothing left of the refused import", err)
		}
	})
}

func TestExportReadsBack(t *testing.T) {
	demo, err := territory.Demo()
	if err != nil {
		t.Fatal(err)
	}
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		for _, d := range append(demo, territory.DemoFile{ID: "tutto", Text: everything(t)}) {
			imported(t, db, parsed(t, string(d.Text)))
			first := exported(t, db, d.ID)
			if report := imported(t, db, parsed(t, first)); report.Changed() {
				t.Errorf("%s: importing the export changed %+v", d.ID, report)
			}
			other := storetest.Open(t, nil)
			imported(t, other, parsed(t, first))
			if diff := cmp.Diff(first, exported(t, other, d.ID)); diff != "" {
				t.Errorf("%s: export of the imported export (-want +got):\n%s", d.ID, diff)
			}
		}
	})
}

// everything is a file that says every key, so that none is lost on its way through the database.
func everything(t *testing.T) []byte {
	t.Helper()
	text := strings.NewReplacer(
		`id = "isernia"`, `id = "tutto"
timezone = "Europe/Rome"
reminder_minutes = [1440]
menu = ["lavoro"]
precedence_minutes = 30
precedence = [{ id = "disability" }, { id = "oltre-80", name = { it = "Hai più di 80 anni." } }]`,
		`  id = "1"`, `  id = "1"
  name = "Sportello 1"`,
		`[[institution]]
id = "INPS"`, `[[text]]
name = "mail.booked"
language = "it"
body = """Ci vediamo {{moment}}

Porta un documento."""

[[institution]]
id = "INPS"`,
		`series = "L"`, `series = "L"
name = "Consulenze"`,
		`name = "INPS"`, `name = "INPS"
contact = "via Esempio 2; inps@isernia.example"
dpo = "rpd@inps.example"
retention_days = 90`,
		`id = "centro"`, `id = "tutto"`,
		`office = "centro"`, `office = "tutto"`,
		"minutes = 30", `minutes = 30
category = "congiunto"
name = "Consulenza"
names = { en = "Advice", fr = "Conseil" }
plain = "Insieme."
needs = ["CPI", "INPS"]
one_officer_may_cover = true
step = 15
buffer_before = 5
buffer_after = 10
lead_min_minutes = 0
lead_max_days = 0
cancel_until_minutes = 0
channels = ["staff", "walk-in"]
daily_ceiling = 3
capacity = 2
rooms = 1
documents = ["documento \"valido\""]
form = "did"
valid_from = 2026-01-01
valid_to = 2026-12-31
requests_from = 2026-01-02
requests_to = 2026-12-30
successors = ["CPI-DID"]
sensitive = false
audience = ["employer"]
levels = ["informazione"]
window = [{ channel = "staff", lead_min_minutes = 0 , lead_max_days = 9, quota = 4 }]`,
		`comune = "E335"`, `comune = "E335"
address = "via 'Esempio' 1"
phone = "0865 000000"
timezone = "Europe/Madrid"
longest_wait_minutes = 0
hold_joint = false
calls_before_no_show = 3
alert_wait_minutes = 45
alert_mail = "sede@isernia.example"
pilot = true
from = 2026-01-07
until = 2027-01-07
room = [{ id = "r", name = "Stanza" }]
extra = [{ date = 2026-12-08, intervals = ["09:00-24:00"], institutions = ["CPI"], channels = ["walk-in"] }]
closure = [{ from = 2026-12-24, until = 2026-12-25, intervals = ["11:00-13:00"], institutions = ["INPS"], reason = "Vigilia" }]
notice = [{ text = { it = "Chiusi", en = "Closed" }, from = 2026-12-01, until = 2026-12-24 }]`,
		`weekdays = ["tue", "thu"]`, `weekdays = ["sun", "thu"]
  institutions = ["CPI"]
  channels = ["online"]
  every_weeks = 2
  from = 2026-01-07
  until = 2027-01-07`,
		`weekdays = ["tue"]`, `weekdays = ["tue"]
  intervals = ["09:00-12:30"]
  nth = [1, -1]
  from = 2026-01-07
  until = 2027-01-07
[[officer.absence]]
from = 2026-12-10T09:00:00
until = 2026-12-11`,
		"institution = \"CPI\"\n", `institution = "CPI"
role = "tutor"
acts_for = [{ institution = "CPI" }, { institution = "INPS", from = 2026-03-01, until = 2026-12-31 }]
services = ["CPI-DID"]
languages = ["it", "de"]
calendar_mail = "operatore@prova.example"
from = 2026-01-01
until = 2028-12-31
`).Replace(sample)
	return []byte(text)
}

func TestEveryKeyIsKept(t *testing.T) {
	want := parsed(t, string(everything(t)))
	db := storetest.Open(t, nil)
	imported(t, db, want)
	update(t, db, func(tx *store.Tx) error {
		got, err := territory.Load(t.Context(), tx, "tutto")
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got, ignoreLines); diff != "" {
			t.Errorf("loaded file (-want +got):\n%s", diff)
		}
		exclusive := []string{"file.Services.NeedsAny", "file.Offices.Openings.Nth", "file.Officers.Presences.EveryWeeks"}
		if diff := cmp.Diff(exclusive, unsaid(reflect.ValueOf(*got), "file")); diff != "" {
			t.Errorf("keys of which the test says nothing (-want +got):\n%s", diff)
		}
		return nil
	})
}

// ignoreLines leaves out where a file came from.
var ignoreLines = cmpopts.IgnoreUnexported(territory.File{})

// unsaid returns the fields in v that are zero, in a slice those that are zero in every element.
func unsaid(v reflect.Value, path string) []string {
	isText := reflect.PointerTo(v.Type()).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
	switch {
	case v.Kind() == reflect.Slice && v.Len() > 0 && v.Type().Elem().Kind() == reflect.Struct:
		common := unsaid(v.Index(0), path)
		for i := range v.Len() {
			others := unsaid(v.Index(i), path)
			common = slices.DeleteFunc(common, func(s string) bool { return !slices.Contains(others, s) })
		}
		return common
	case v.Kind() != reflect.Struct || isText:
		if v.IsZero() {
			return []string{path}
		}
		return nil
	}
	var all []string
	for i := range v.NumField() {
		if field := v.Type().Field(i); field.IsExported() {
			all = append(all, unsaid(v.Field(i), path+"."+field.Name)...)
		}
	}
	return all
}
