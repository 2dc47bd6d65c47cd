package territory_test

import (
	"encoding"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
)

// sample is a small territory without fault; tests break it.
const sample = `[territory]
id = "isernia"
name = "Provincia di Isernia"
languages = ["it", "en"]

[[institution]]
id = "CPI"

[[institution]]
id = "INPS"
name = "INPS"

[[service]]
id = "JNT-LAVORO"
minutes = 30
area = "consulenze"

[[need]]
id = "lavoro"
name = { it = "Ho perso il lavoro" }
services = ["JNT-LAVORO"]

[[office]]
id = "centro"
name = "Centro Integrato"
comune = "E335"
patron = "05-19"
institutions = ["CPI", "INPS"]
services = ["JNT-LAVORO", "CPI-DID", "INPS-NASPI"]

  [[office.opening]]
  weekdays = ["tue", "thu"]
  intervals = ["09:00-12:30", "15:00-17:00"]

  [[office.desk]]
  id = "1"

  [[office.area]]
  id = "consulenze"
  series = "L"

[[officer]]
id = "cpi-1"
name = "Operatore CPI 1"
institution = "CPI"

  [[officer.presence]]
  office = "centro"
  weekdays = ["tue"]
`

func TestParseFaults(t *testing.T) {
	tests := []struct {
		name     string
		old, new string // of the sample
		want     []string
	}{
		{"none", "", "", nil},
		{"a byte order mark", "[territory]", "\ufeff[territory]", nil},
		{"no territory", "[territory]\nid = \"isernia\"\nname = \"Provincia di Isernia\"\nlanguages = [\"it\", \"en\"]", "", []string{
			`line 1: territory: id is required`,
			`line 1: territory: name is required`,
		}},
		{"not TOML", `id = "centro"`, `id = centro`, []string{
			`line 24: unexpected character U+0063 'c' at start of value`,
		}},
		{"key twice", `name = "INPS"`, `id = "INAIL"`, []string{
			`line 11: key id is already defined`,
		}},
		{"unknown keys", `minutes = 30`, "minuts = 30\n[[servizio]]", []string{
			`line 15: service "JNT-LAVORO": unknown key "minuts" (did you mean "minutes"?)`,
			`line 16: unknown key "servizio" (did you mean "service"?)`,
		}},
		{"wrong kinds", "minutes = 30", "minutes = \"30\"\nchannels = \"kiosk\"\nsensitive = 1\nname = 5\nnames = \"en\"", []string{
			`line 15: service "JNT-LAVORO": minutes must be a whole number`,
			`line 16: service "JNT-LAVORO": channels must be a list in [ ]`,
			`line 17: service "JNT-LAVORO": sensitive must be true or false`,
			`line 18: service "JNT-LAVORO": name must be a text in quotes`,
			`line 19: service "JNT-LAVORO": names must be a table such as { it = "…" }`,
		}},
		{"territory", "id = \"isernia\"\nname = \"Provincia di Isernia\"\nlanguages = [\"it\", \"en\"]", "timezone = \"Europe/Isernia\"\nlanguages = [\"it\", \"de\"]", []string{
			`line 1: territory: id is required`,
			`line 1: territory: name is required`,
			`line 2: territory: unknown time zone "Europe/Isernia": a name such as Europe/Rome`,
			`line 3: territory: unknown language "de"`,
		}},
		{"zone of the server", `languages = ["it", "en"]`, `timezone = "Local"`, []string{
			`line 4: territory: unknown time zone "Local": a name such as Europe/Rome`,
		}},
		{"ids", `id = "INPS"`, "id = \"CPI\"\n[[institution]]\nid = \"sede di là\"\n[[institution]]", []string{
			`line 10: institution "CPI": id "CPI" is used twice, first on line 7`,
			`line 12: institution "sede di là": id "sede di là" must be letters without accents, digits, dots, hyphens or underscores, at most 64`,
			`line 13: institution 4: id is required`,
			`line 31: office "centro": unknown institution "INPS"`,
		}},
		{"unknown service", `"INPS-NASPI"]`, `"INPS-NASP", "CPI-DID", "X"]`, []string{
			`line 29: office "centro": unknown service "INPS-NASP" (did you mean "INPS-NASPI"?)`,
			`line 29: office "centro": service "CPI-DID" is there twice`,
			`line 29: office "centro": unknown service "X"`,
		}},
		{"service not hosted", `institutions = ["CPI", "INPS"]`, `institutions = ["CPI"]`, []string{
			`line 29: office "centro": service "JNT-LAVORO" needs CPI and INPS, and the office has CPI`,
			`line 29: office "centro": service "INPS-NASPI" needs INPS, and the office has CPI`,
		}},
		{"needs and needs_any", `minutes = 30`, `needs = ["CPI"]` + "\n" + `needs_any = ["INPS", "COMUNE"]`, []string{
			`line 16: service "JNT-LAVORO": a service has needs (one officer of each) or needs_any (one of any of them), not both`,
			`line 16: service "JNT-LAVORO": unknown institution "COMUNE"`,
		}},
		{"new service", `id = "JNT-LAVORO"`, "id = \"NUOVO\"\nstep = 7\n[[service]]\nid = \"JNT-LAVORO\"", []string{
			`line 13: service "NUOVO": minutes is required`,
			`line 13: service "NUOVO": name is required`,
			`line 13: service "NUOVO": needs or needs_any is required: the institutions whose officers it takes`,
			`line 15: service "NUOVO": step 7 must be a multiple of 5`,
		}},
		{"numbers", `minutes = 30`, "minutes = 0\nbuffer_after = 3\nlead_max_days = -1\nrooms = 2\ncapacity = 0", []string{
			`line 15: service "JNT-LAVORO": minutes must be 5 to 1440`,
			`line 16: service "JNT-LAVORO": buffer_after must be 5 to 1440`,
			`line 17: service "JNT-LAVORO": lead_max_days must be 0 to 732`,
			`line 18: service "JNT-LAVORO": rooms must be 0 to 1`,
			`line 19: service "JNT-LAVORO": capacity must be 1 to 10000`,
			`line 33: office "centro": service "JNT-LAVORO" needs a room, and the office has no [[office.room]]`,
		}},
		{"dates of a service", `minutes = 30`, "valid_from = 2026-02-01\nvalid_to = \"2026-01-01\"\nrequests_from = 2026-03-01\nrequests_to = \"2026-02-30\"", []string{
			`line 16: service "JNT-LAVORO": valid_to 2026-01-01 is before 2026-02-01`,
			`line 18: service "JNT-LAVORO": requests_to: the date 2026-02-30 does not exist`,
		}},
		{"channels", `minutes = 30`, "channels = [\"walkin\"]\n[[service.window]]\nchannel = \"online\"\n[[service.window]]\nchannel = \"online\"", []string{
			`line 15: service "JNT-LAVORO": unknown channel "walkin" (did you mean "walk-in"?)`,
			`line 19: service "JNT-LAVORO": window 2: channel "online" is used twice, first on line 17`,
			`line 20: service "JNT-LAVORO": window 2: unknown key "area"`,
		}},
		{"unknown area", `area = "consulenze"`, `area = "consulenza"`, []string{
			`line 16: service "JNT-LAVORO": no office has a waiting area "consulenza" (did you mean "consulenze"?)`,
		}},
		{"need", `name = { it = "Ho perso il lavoro" }` + "\n" + `services = ["JNT-LAVORO"]`, `name = { en = "I lost my job", de = "…" }` + "\n" + `services = ["JNT-LAVOR"]`, []string{
			`line 20: need "lavoro": name is required in Italian: { it = "…" }`,
			`line 20: need "lavoro": name: unknown language "de": it, en, ro, ar, uk, es, fr, sq, zh`,
			`line 21: need "lavoro": unknown service "JNT-LAVOR" (did you mean "JNT-LAVORO"?)`,
		}},
		{"empty list", `services = ["JNT-LAVORO"]`, `services = []`, []string{
			`line 21: need "lavoro": services is empty: leave the key out for its default`,
		}},
		{"office", "comune = \"E335\"\npatron = \"05-19\"", "comune = \"Isernia\"\npatron = \"19 maggio\"\nuntil = \"2026-01-01\"\nfrom = \"2026-02-01\"", []string{
			`line 26: office "centro": comune "Isernia" is not a Belfiore code such as E335`,
			`line 27: office "centro": patron: "19 maggio" is not a day of the year such as 05-19`,
			`line 28: office "centro": until 2026-01-01 is before 2026-02-01`,
		}},
		{"no desk", "  [[office.desk]]\n  id = \"1\"\n", "", []string{
			`line 23: office "centro": an office needs at least one [[office.desk]]`,
		}},
		{"series", `series = "L"`, "series = \"L\"\n[[office.area]]\nid = \"b\"\nseries = \"L\"\n[[office.area]]\nid = \"c\"\nseries = \"XA\"\n[[office.area]]\nid = \"d\"\nseries = \"l\"\n[[office.area]]\nid = \"b\"", []string{
			`line 43: office "centro": area 2: series "L" is also that of area "consulenze"`,
			`line 46: office "centro": area 3: series "XA" must be one or two capital letters, the first from A to W`,
			`line 49: office "centro": area 4: series "l" must be one or two capital letters, the first from A to W`,
			`line 50: office "centro": area 5: series is required`,
			`line 51: office "centro": area 5: id "b" is used twice, first on line 42`,
		}},
		{"opening", "weekdays = [\"tue\", \"thu\"]\n  intervals = [\"09:00-12:30\", \"15:00-17:00\"]", "institutions = [\"INP\"]\n  weekdays = [\"mar\", \"thu\", \"thu\"]\n  intervals = [\n    \"09:00-12:32\",\n    \"12:00-11:00\",\n    \"12:00-14:00\",\n  ]\n  every_weeks = 2\n  nth = [0, 6]", []string{
			`line 32: office "centro": opening 1: unknown institution "INP" (did you mean "INPS"?)`,
			`line 33: office "centro": opening 1: weekdays: "mar" is not a weekday: mon, tue, wed, thu, fri, sat or sun`,
			`line 33: office "centro": opening 1: thu is there twice`,
			`line 35: office "centro": opening 1: interval 09:00-12:32: minutes must be multiples of 5`,
			`line 36: office "centro": opening 1: intervals: the interval 12:00-11:00 does not end after it begins`,
			`line 37: office "centro": opening 1: interval 12:00-14:00 overlaps 09:00-12:32`,
			`line 39: office "centro": opening 1: every_weeks counts from the week of from, which is missing`,
			`line 40: office "centro": opening 1: nth stands instead of every_weeks: one of them must go`,
			`line 40: office "centro": opening 1: nth 0 must be 1 to 5, or -1 to -5 from the month's end`,
			`line 40: office "centro": opening 1: nth 6 must be 1 to 5, or -1 to -5 from the month's end`,
		}},
		{"opening says nothing", "  weekdays = [\"tue\", \"thu\"]\n  intervals = [\"09:00-12:30\", \"15:00-17:00\"]\n", "", []string{
			`line 31: office "centro": opening 1: intervals is required`,
			`line 31: office "centro": opening 1: weekdays is required`,
		}},
		{"closures, extras, notices", "  [[office.desk]]", "  [[office.closure]]\n  until = 2026-12-24\n  [[office.extra]]\n  institutions = [\"CPI\"]\n  [[office.notice]]\n  text = { en = \"\" }\n  [[office.desk]]", []string{
			`line 35: office "centro": closure 1: from is required`,
			`line 37: office "centro": extra 1: date is required`,
			`line 37: office "centro": extra 1: intervals is required`,
			`line 40: office "centro": notice 1: text is required in Italian: { it = "…" }`,
			`line 40: office "centro": notice 1: text: the text is empty`,
		}},
		{"officer", `institution = "CPI"` + "\n", "institution = \"CP\"\nrole = \"chief\"\nacts_for = [{ institution = \"INPS\", from = \"2026-03-01\", until = \"2026-02-01\" }]\nservices = [\"CPI-DID\"]\nlanguages = [\"it\", \"xx\"]\n", []string{
			`line 45: officer "cpi-1": unknown institution "CP" (did you mean "CPI"?)`,
			`line 46: officer "cpi-1": unknown role "chief": officer, tutor or mediator`,
			`line 47: officer "cpi-1": acts_for 1: until 2026-02-01 is before 2026-03-01`,
			`line 48: officer "cpi-1": service "CPI-DID" needs CPI, for which the officer does not act`,
			`line 49: officer "cpi-1": unknown language "xx": two letters such as it or en`,
		}},
		{"presence and absence", `office = "centro"` + "\n", "office = \"centrale\"\n[[officer.absence]]\nfrom = 2026-12-10T09:00:00\nuntil = \"2026-12-10T09:00\"\n[[officer.presence]]\noffice = \"centro\"\n", []string{
			`line 48: officer "cpi-1": presence 1: unknown office "centrale" (did you mean "centro"?)`,
			`line 51: officer "cpi-1": absence 1: until must be after from`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := sample
			if tt.old != "" {
				if strings.Count(sample, tt.old) < 1 {
					t.Fatalf("the sample has no %q", tt.old)
				}
				text = strings.Replace(sample, tt.old, tt.new, 1)
			}
			f, problems := territory.Parse([]byte(text), "")
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if (f == nil) != (len(problems) > 0) {
				t.Errorf("got file %v with %d problems", f != nil, len(problems))
			}
		})
	}
}

func TestParseKeepsValuesOfTOML(t *testing.T) {
	text := strings.Replace(sample, `  weekdays = ["tue"]`, "  weekdays = [\"tue\"]\n  from = 2026-01-07\n[[officer.absence]]\nfrom = 2026-12-10T09:00:00\nuntil = 2026-12-11", 1)
	f, problems := territory.Parse([]byte(text), "")
	if f == nil {
		t.Fatal(problems)
	}
	presence, absence := f.Officers[0].Presences[0], f.Officers[0].Absences[0]
	got := []string{presence.From.String(), word(t, absence.From), word(t, absence.Until)}
	if diff := cmp.Diff([]string{"2026-01-07", "2026-12-10T09:00", "2026-12-11"}, got); diff != "" {
		t.Errorf("dates without quotes (-want +got):\n%s", diff)
	}
}

func word(t *testing.T, v encoding.TextMarshaler) string {
	t.Helper()
	text, err := v.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func FuzzParse(f *testing.F) {
	f.Add(sample)
	f.Add("[territory]\nid = \"x\"\nname = \"X\"\n[[office]]\nid = \"a\"\ndesk = [{ id = \"1\" }]\n")
	f.Add("a.b.c = [[{ d = 1979-05-27T07:32:00Z }]]\n[[office]]\n[office.opening]\n")
	files, err := territory.Demo()
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range files {
		f.Add(string(d.Text))
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, problems := territory.Parse([]byte(text), "fuzz")
		if (file == nil) != (len(problems) > 0) {
			t.Errorf("got file %v with %d problems", file != nil, len(problems))
		}
		for _, p := range problems {
			if p.Line < 0 || p.Line > strings.Count(text, "\n")+1 {
				t.Errorf("line %d is not in the text", p.Line)
			}
		}
	})
}
