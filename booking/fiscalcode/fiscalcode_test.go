package fiscalcode_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/fiscalcode"
	"sportello/booking/timetable"
)

var today = date("2026-12-03")

func date(text string) (d timetable.Date) {
	if err := d.UnmarshalText([]byte(text)); err != nil {
		panic(err)
	}
	return d
}

// vectors are codes of invented people and what they mean, found with another program.
type vectors struct {
	Tables struct {
		Odd  map[string]int `json:"odd_positions_1based"`
		Even map[string]int `json:"even_positions_1based"`
	}
	NameRules [][3]string `json:"name_rules"`
	Vectors   []struct {
		Desc, Input    string
		Valid          bool
		Code           string `json:"cf"`
		Birth          string
		Years          []int `json:"birth_year_candidates"`
		Sex            fiscalcode.Sex
		Belfiore       string
		Place          string
		Omocodia       int
		Warning, Error string
		Kind           string
	}
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	text, err := os.ReadFile("testdata/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

func TestVectors(t *testing.T) {
	faults := map[string]error{"length": fiscalcode.ErrLength, "format": fiscalcode.ErrFormat, "checksum": fiscalcode.ErrCheck, "date": fiscalcode.ErrDate}
	for _, v := range readVectors(t).Vectors {
		t.Run(v.Desc, func(t *testing.T) {
			c, err := fiscalcode.Scan(v.Input)
			if err != faults[v.Error] || string(c) != v.Code {
				t.Fatalf("got %q, %v, want %q, %v", c, err, v.Code, faults[v.Error])
			}
			if !v.Valid || v.Belfiore == "" {
				return
			}
			r := c.Read(today)
			if c.Omocodia() != v.Omocodia || r.Sex != v.Sex && v.Sex != "" || r.Place.Code != v.Belfiore {
				t.Errorf("got omocodia %d, sex %s, place %v", c.Omocodia(), r.Sex, r.Place)
			}
			if v.Birth != "" && (len(r.Births) != 1 || r.Births[0].String() != v.Birth) {
				t.Errorf("got births %v, want %s", r.Births, v.Birth)
			}
			var years []int
			for _, b := range r.Births {
				years = append(years, b.Year)
			}
			slices.Sort(years)
			if v.Years != nil && !slices.Equal(years, v.Years) {
				t.Errorf("got years %v, want %v", years, v.Years)
			}
			place := strings.ToUpper(r.Place.Name)
			if r.Place.Province != "" {
				place += " (" + r.Place.Province + ")"
			}
			if v.Place != "" && place != v.Place {
				t.Errorf("got place %s, want %s", place, v.Place)
			}
			var warnings []fiscalcode.Warning
			if v.Warning != "" {
				warnings = append(warnings, fiscalcode.Warning(v.Warning))
			}
			if diff := cmp.Diff(warnings, r.Warnings); diff != "" {
				t.Errorf("warnings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNameRules(t *testing.T) {
	rules := map[string]func(string) string{"sur": fiscalcode.Surname, "nam": fiscalcode.GivenName}
	more := [][3]string{
		{"sur", "", "XXX"},
		{"sur", "Ăș-Łęø", "SLA"},
		{"sur", "de' Größßß", "DGR"},
		{"sur", "王", "XXX"},
		{"nam", "Jean‐François", "JFR"},
		{"nam", "Ìò", "IOX"},
	}
	for _, rule := range append(readVectors(t).NameRules, more...) {
		if got, want := rules[rule[0]](rule[1]), rule[2]; got != want {
			t.Errorf("%s %s: got %s, want %s", rule[0], rule[1], got, want)
		}
	}
	c := fiscalcode.Code("XQZWJY80A01F205S")
	if !c.Names("Xqzw", "wkjy") || c.Names("Xqzw", "Altro") || !fiscalcode.Code("99900000995").Names("Chi", "Unque") {
		t.Error("names are not told apart")
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		name, text string
		want       error
	}{
		{"nothing", " ", fiscalcode.ErrLength},
		{"17 characters", "XQZWJY80A01F205SX", fiscalcode.ErrLength},
		{"a digit in the name", "1QZWJY80A01F205S", fiscalcode.ErrFormat},
		{"a digit as the check", "XQZWJY80A01F2051", fiscalcode.ErrFormat},
		{"letters Unicode turns into capitals", "XQZWJY80A01F205ſ", fiscalcode.ErrLength},
		{"16 bytes of another script", "иииииииии"[:16], fiscalcode.ErrFormat},
		{"a letter in a provisional code", "9990000099A", fiscalcode.ErrFormat},
		{"29 February 1900 is none and 2000 is", withCheck(t, "XQZWJY00B29F205"), nil},
		{"29 February of neither century", withCheck(t, "XQZWJY01B29F205"), fiscalcode.ErrDate},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := fiscalcode.Parse(tt.text); err != tt.want || err != nil && got != "" {
				t.Errorf("got %q, %v, want %v", got, err, tt.want)
			}
		})
	}
}

// TestCentury asks on different days in which century somebody was born.
func TestCentury(t *testing.T) {
	tests := []struct {
		name, code, today string
		want              []string
	}{
		{"born today", "XQZWJY26T03F205", "2026-12-03", []string{"2026-12-03", "1926-12-03"}},
		{"born tomorrow, or long ago", "XQZWJY26T04F205", "2026-12-03", []string{"1926-12-04"}},
		{"110 years old, 111 tomorrow", "XQZWJY15T04F205", "2026-12-03", []string{"2015-12-04", "1915-12-04"}},
		{"111 years old today", "XQZWJY15T03F205", "2026-12-03", []string{"2015-12-03"}},
		{"29 February of one century alone", "XQZWJY00B29F205", "2026-12-03", []string{"2000-02-29"}},
		{"a clock that is wrong", "XQZWJY80A01F205", "1970-01-01", []string{"1980-01-01"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := fiscalcode.Parse(withCheck(t, tt.code))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, b := range c.Read(date(tt.today)).Births {
				got = append(got, b.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("births (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPlaceOf(t *testing.T) {
	tests := []struct {
		name, code, on string
		want           fiscalcode.Place
	}{
		{"province of today", "E335", "1970-03-03", fiscalcode.Place{Code: "E335", Name: "Isernia", Province: "IS", Country: "IT"}},
		{"province of then", "E335", "1970-03-02", fiscalcode.Place{Code: "E335", Name: "Isernia", Province: "CB", Country: "IT"}},
		{"one of several provinces", "E507", "1960-01-01", fiscalcode.Place{Code: "E507", Name: "Lecco", Country: "IT"}},
		{"a country", "Z129", "1960-01-01", fiscalcode.Place{Code: "Z129", Name: "Romania", Country: "RO"}},
		{"a country that is no more", "Z105", "1960-01-01", fiscalcode.Place{Code: "Z105", Name: "Cecoslovacchia"}},
		{"the first line", "A001", "1960-01-01", fiscalcode.Place{Code: "A001", Name: "Abano Terme", Province: "PD", Country: "IT"}},
		{"the last line", "Z907", "2015-01-01", fiscalcode.Place{Code: "Z907", Name: "Sud Sudan", Country: "SS"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, known := fiscalcode.PlaceOf(tt.code, date(tt.on))
			if diff := cmp.Diff(tt.want, got); diff != "" || !known {
				t.Errorf("known %t, place (-want +got):\n%s", known, diff)
			}
		})
	}
	for _, code := range []string{"", "Z999", "code", "A001;Abano Terme"} {
		if got, known := fiscalcode.PlaceOf(code, today); known {
			t.Errorf("%q is %v", code, got)
		}
	}
}

// TestTables reads all lines, as the package itself does not.
func TestTables(t *testing.T) {
	text, err := os.ReadFile("places.csv")
	if err != nil {
		t.Fatal(err)
	}
	last, n := "", 0
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, ";")
		if len(f) != 5 || len(f[0]) != 4 || f[0] <= last || f[1] == "" || len(f[2]) != 2 && f[2] != "" || strings.ContainsRune(f[1], 'Ã') {
			t.Errorf("line %q after %s", line, last)
			continue
		}
		for _, d := range f[3:] {
			var read timetable.Date
			if err := read.UnmarshalText([]byte(d)); err != nil {
				t.Errorf("line %q: %v", line, err)
			}
		}
		last = f[0]
		n++
	}
	if n < 10000 {
		t.Errorf("%d places", n)
	}
}

func TestMasked(t *testing.T) {
	for code, want := range map[fiscalcode.Code]string{
		"XQZWJY80A01F205S": "XQZ••••••••••05S", "99900000995": "999•••••995", "": "",
	} {
		if got := code.Masked(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// withCheck adds the check character, computed with the tables of the test data.
func withCheck(t testing.TB, code string) string {
	t.Helper()
	return code + checks(readVectors(t))(code)
}

func checks(v vectors) func(code string) string {
	return func(code string) string {
		sum := 0
		for i, r := range code {
			if i%2 == 0 {
				sum += v.Tables.Odd[string(r)]
			} else {
				sum += v.Tables.Even[string(r)]
			}
		}
		return string(rune('A' + sum%26))
	}
}

// TestRoundTrip makes codes of invented people, replaces digits in any of the 128 ways, and reads
// them back.
func TestRoundTrip(t *testing.T) {
	var (
		check = checks(readVectors(t))
		rng   = rand.New(rand.NewPCG(1, 2))
		first = time.Date(1930, 1, 1, 0, 0, 0, 0, time.UTC)
		towns = []string{"F205", "E335", "A794", "E625", "H501", "Z129", "Z138"}
		ways  = map[int]bool{}
	)
	letter := func(from string) byte { return from[rng.IntN(len(from))] }
	for range 100_000 {
		born := first.AddDate(0, 0, rng.IntN(366*90))
		sex, day := fiscalcode.Male, born.Day()
		if rng.IntN(2) == 0 {
			sex, day = fiscalcode.Female, day+40
		}
		town := towns[rng.IntN(len(towns))]
		code := []byte(fmt.Sprintf("%c%c%c%c%c%c%02d%c%02d%s", letter("XQ"), letter("ZW"), letter("JK"), letter("WX"), letter("KY"), letter("QZ"),
			born.Year()%100, "ABCDEHLMPRST"[born.Month()-1], day, town))
		way := rng.IntN(128)
		ways[way] = true
		replaced := 0
		for bit, i := range []int{6, 7, 9, 10, 12, 13, 14} {
			if way>>bit&1 == 1 {
				code[i] = "LMNPQRSTUV"[code[i]-'0']
				replaced++
			}
		}
		text := string(code) + check(string(code))
		c, err := fiscalcode.Parse(strings.ToLower(text))
		if err != nil || string(c) != text {
			t.Fatalf("%s: got %q, %v", text, c, err)
		}
		r := c.Read(today)
		if c.Omocodia() != replaced || r.Sex != sex || r.Place.Code != town || r.Place.Name == "" || !slices.Contains(r.Births, timetable.DateOf(born)) {
			t.Fatalf("%s: got %d replaced, %+v, want %d, %s, %s, %s", text, c.Omocodia(), r, replaced, sex, town, timetable.DateOf(born))
		}
		wrong := text[:15] + string('A'+(text[15]-'A'+1)%26)
		if _, err := fiscalcode.Parse(wrong); err != fiscalcode.ErrCheck {
			t.Fatalf("%s: got %v, want a wrong check", wrong, err)
		}
	}
	if len(ways) != 128 {
		t.Errorf("%d ways of omocodia", len(ways))
	}
}

func TestScan(t *testing.T) {
	const code = "XQZWJY80A01F205S"
	tests := []struct {
		name, input string
		want        fiscalcode.Code
		err         error
	}{
		{"the name of the symbology", "]A0" + code + "\r\n", code, nil},
		{"a stripe without spaces", "%" + code + "XQZW WKJY 000000?;8038000000000000?", code, nil},
		{"twice the same", code + "\t" + code, code, nil},
		{"control characters", "\x02" + code + "\x03\x00", code, nil},
		{"dashes", "XQZ-WJY-80A01-F205S", code, nil},
		{"with a name", "Wkjy Xqzw " + code, code, nil},
		{"two persons", code + " XQZWJY80A41E335A", "", fiscalcode.ErrSeveral},
		{"a number on a card", "%XQZW WKJY?;99900000995?", "", fiscalcode.ErrLength},
		{"one character too many", code + "X", "", fiscalcode.ErrLength},
		{"a wrong code beside a name", "Wkjy XQZWJY80A01F205A", "", fiscalcode.ErrCheck},
		{"nothing", "\r\n", "", fiscalcode.ErrLength},
		{"bytes of no text", "\xff\xfe\x80", "", fiscalcode.ErrLength},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got, err := fiscalcode.Scan(tt.input); got != tt.want || err != tt.err {
				t.Errorf("got %q, %v, want %q, %v", got, err, tt.want, tt.err)
			}
		})
	}
}

// FuzzScan has a code drowned in what scanners emit. What comes out is a code that can be parsed, and
// the one that was put in unless there is another.
func FuzzScan(f *testing.F) {
	for _, v := range readVectors(f).Vectors {
		f.Add(v.Input, "")
		f.Add("", v.Input)
	}
	f.Add("%", "?;1234567890?")
	f.Add("]A0", "\r")
	f.Fuzz(func(t *testing.T, before, after string) {
		for _, input := range []string{before + after, before + " xqzwjy80a01f205s " + after} {
			c, err := fiscalcode.Scan(input)
			if (c == "") == (err == nil) {
				t.Fatalf("got %q, %v", c, err)
			}
			if c == "" {
				continue
			}
			if again, err := fiscalcode.Parse(string(c)); again != c || err != nil {
				t.Errorf("%q parses as %q, %v", c, again, err)
			}
			if again, err := fiscalcode.Scan(string(c)); again != c || err != nil {
				t.Errorf("%q scans as %q, %v", c, again, err)
			}
			_ = c.Read(today)
		}
		c, err := fiscalcode.Scan(before + " xqzwjy80a01f205s " + after)
		if c != "XQZWJY80A01F205S" && err != fiscalcode.ErrSeveral {
			t.Errorf("got %q, %v instead of the code that is there", c, err)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for b.Loop() {
		c, err := fiscalcode.Scan("%XQZWJY80A01F205S  XQZW<WKJY?;80380000000000000000?\r")
		if err != nil {
			b.Fatal(err)
		}
		c.Read(today)
	}
}
