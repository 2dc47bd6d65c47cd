package territory_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
)

// branch is a second office for the sample, open on Tuesday and Wednesday mornings.
const branch = `[[office]]
id = "filiale"
name = "Filiale"

  [[office.opening]]
  weekdays = ["tue", "wed"]
  intervals = ["12:00-13:00"]

  [[office.desk]]
  id = "1"

[[officer]]
id = "cpi-1"`

func TestContradictions(t *testing.T) {
	const series = `weekdays = ["tue", "thu"]`
	const officer = "[[officer]]\nid = \"cpi-1\""
	const rota = "weekdays = [\"tue\"]\n"
	elsewhere := func(first, second string) string {
		return "  intervals = [\"09:00-12:30\"]\n  " + first + "\n  [[officer.presence]]\n  office = \"filiale\"\n  intervals = [\"12:00-13:00\"]\n  " + second + "\n"
	}
	tests := []struct {
		name    string
		changes []string // old and new by turns
		want    []string
	}{
		{"overlapping series are joined", []string{"  [[office.desk]]", "  [[office.opening]]\n  " + series + "\n  intervals = [\"11:00-13:00\"]\n  [[office.desk]]"}, nil},
		{"series of one day that is another weekday", []string{series, series + "\n  from = 2026-11-25\n  until = 2026-11-25"}, []string{
			`line 32: office "centro": opening 1: the series falls on no day from 2026-11-25 until 2026-11-25`,
		}},
		{"series of that day", []string{series, series + "\n  from = 2026-11-24\n  until = 2026-11-24"}, nil},
		{"fifth Tuesday of a month without one", []string{series, "weekdays = [\"tue\"]\n  nth = [5]\n  from = 2026-11-01\n  until = 2026-11-30"}, []string{
			`line 32: office "centro": opening 1: the series falls on no day from 2026-11-01 until 2026-11-30`,
		}},
		{"fifth Tuesday of some month", []string{series, "weekdays = [\"tue\"]\n  nth = [5]"}, nil},
		{"fifth Tuesday of the months before", []string{series, "weekdays = [\"tue\"]\n  nth = [5]\n  until = 2026-11-30"}, nil},
		{"every 52 weeks", []string{series, "weekdays = [\"tue\"]\n  every_weeks = 52\n  from = 2026-11-25"}, nil},
		{"in the weeks between", []string{series, series + "\n  every_weeks = 2\n  from = 2026-11-27\n  until = 2026-12-04"}, []string{
			`line 32: office "centro": opening 1: the series falls on no day from 2026-11-27 until 2026-12-04`,
		}},
		{"series after the office's end", []string{`comune = "E335"`, "until = 2026-06-30", series, series + "\n  from = 2026-09-01"}, []string{
			`line 32: office "centro": opening 1: the series falls on no day from 2026-09-01 until 2026-06-30`,
		}},
		{"nth twice", []string{series, series + "\n  nth = [1, -1, 1]"}, []string{
			`line 33: office "centro": opening 1: nth 1 is there twice`,
		}},
		{"extra before the office is active", []string{`comune = "E335"`, "from = 2026-06-30", "  [[office.desk]]", "  [[office.extra]]\n  date = 2026-06-29\n  intervals = [\"09:00-12:00\"]\n  [[office.desk]]"}, []string{
			`line 36: office "centro": extra 1: the office is not active on 2026-06-29`,
		}},
		{"extra that closures take", []string{"  [[office.desk]]", "  [[office.extra]]\n  date = 2026-12-08\n  intervals = [\"09:00-12:00\"]\n  [[office.closure]]\n  from = 2026-12-01\n  until = 2026-12-31\n  intervals = [\"08:00-10:00\", \"10:00-14:00\"]\n  [[office.desk]]"}, []string{
			`line 37: office "centro": extra 1: closures on 2026-12-08 take all of it away`,
		}},
		{"extra on a day of closure", []string{"  [[office.desk]]", "  [[office.extra]]\n  date = 2026-12-08\n  intervals = [\"09:00-12:00\"]\n  [[office.closure]]\n  from = 2026-12-08\n  [[office.desk]]"}, nil},
		{"extra that is closed for one institution", []string{"  [[office.desk]]", "  [[office.extra]]\n  date = 2026-12-08\n  intervals = [\"09:00-12:00\"]\n  [[office.closure]]\n  from = 2026-12-08\n  intervals = [\"09:00-12:00\"]\n  institutions = [\"CPI\"]\n  [[office.desk]]"}, nil},

		{"rota that never is", []string{rota, "weekdays = [\"tue\"]\n  until = 2026-11-25\n  from = 2026-11-25\n"}, []string{
			`line 49: officer "cpi-1": presence 1: the series falls on no day from 2026-11-25 until 2026-11-25`,
		}},
		{"rota after the employment", []string{`institution = "CPI"` + "\n\n", "institution = \"CPI\"\nuntil = 2026-01-31\n\n", rota, rota + "  from = 2026-02-02\n"}, []string{
			`line 50: officer "cpi-1": presence 1: the series falls on no day from 2026-02-02 until 2026-01-31`,
		}},
		{"rotas of one office are joined", []string{rota, rota + "  intervals = [\"09:00-12:00\"]\n  [[officer.presence]]\n  office = \"centro\"\n  intervals = [\"11:00-13:00\"]\n"}, nil},
		{"two offices at one time", []string{officer, branch, rota, rota + elsewhere("", "weekdays = [\"tue\", \"wed\"]\n  from = 2026-11-25")}, []string{
			`line 64: officer "cpi-1": presence 2: the officer would be at "filiale" (12:00-13:00) and at "centro" (09:00-12:30) at one time, such as on 2026-12-01`,
		}},
		{"before a day", []string{officer, branch, rota, rota + elsewhere("", "until = 2026-12-02")}, []string{
			`line 64: officer "cpi-1": presence 2: the officer would be at "filiale" (12:00-13:00) and at "centro" (09:00-12:30) at one time, such as on 2024-11-26`,
		}},
		{"two offices on other weekdays", []string{officer, branch, rota, rota + elsewhere("", "weekdays = [\"wed\"]")}, nil},
		{"two offices on alternate weeks", []string{officer, branch, rota, rota + elsewhere("every_weeks = 2\n  from = 2026-11-24", "every_weeks = 2\n  from = 2026-12-01")}, nil},
		{"weeks that meet at last", []string{officer, branch, rota, rota + elsewhere("every_weeks = 50\n  from = 2026-11-24", "every_weeks = 51\n  from = 2026-12-01")}, []string{
			`line 65: officer "cpi-1": presence 2: the officer would be at "filiale" (12:00-13:00) and at "centro" (09:00-12:30) at one time, such as on 2074-10-23`,
		}},
		{"two offices one after the other", []string{officer, branch, rota, rota + strings.Replace(elsewhere("", ""), "12:00-13:00", "12:30-13:00", 1)}, nil},
		{"whenever either is open", []string{officer, branch, rota, "  [[officer.presence]]\n  office = \"filiale\"\n"}, nil},

		{"a mediator is where no institution needs them", []string{officer, "[[officer]]\nid = \"m\"\nname = \"Mediatrice\"\ninstitution = \"INPS\"\nrole = \"mediator\"\nlanguages = [\"ar\"]\npresence = [{ office = \"centro\" }]\n" + officer}, nil},
		{"a mediator acts for nobody", []string{officer, "[[officer]]\nid = \"m\"\nname = \"Mediatrice\"\ninstitution = \"INPS\"\nrole = \"mediator\"\nacts_for = [{ institution = \"INPS\" }]\n" + officer}, []string{
			`line 47: officer "m": a mediator acts for no institution`,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := sample
			for n := 0; n < len(tt.changes); n += 2 {
				if !strings.Contains(text, tt.changes[n]) {
					t.Fatalf("%q is not in the sample", tt.changes[n])
				}
				text = strings.Replace(text, tt.changes[n], tt.changes[n+1], 1)
			}
			_, problems := territory.Parse([]byte(text), "")
			var got []string
			for _, p := range problems {
				got = append(got, p.String())
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}
