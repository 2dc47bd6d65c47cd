package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// calendarCases are cases on whose answers independent calendar programs agree.
const calendarCases = "../../booking/ical/testdata/cases"

// ruleTest is a case of recurrence: exactly Expected, or Alt where a time does not exist. One that is
// to be hard, and says so by Allow, may be answered in some other ways, and within MaxMS.
type ruleTest struct {
	ID            string
	Expected, Alt []string
	Allow         []string
	MaxMS         int64 `json:"max_ms"`
}

// mostHostile is how many instances are still few.
const mostHostile = 10_000

func (want ruleTest) check(t *testing.T, got ruleAnswer) {
	allows := func(ways ...string) bool {
		return slices.ContainsFunc(ways, func(way string) bool { return slices.Contains(want.Allow, way) })
	}
	exact := got.Error == "" && (slices.Equal(got.Out, want.Expected) || want.Alt != nil && slices.Equal(got.Out, want.Alt))
	switch {
	case want.Allow == nil && exact:
	case want.Allow == nil:
		t.Errorf("%s", cmp.Diff(want.Expected, got.Out))
	case got.MS > want.MaxMS:
		t.Errorf("took %d ms", got.MS)
	case allows("any-terminating"), allows("exact") && exact, allows("reject") && got.Error != "":
	case got.Error != "":
		t.Error(got.Error)
	case allows("empty") && len(got.Out) == 0, allows("dtstart-only", "ignore-rule") && len(got.Out) <= 1, allows("capped") && len(got.Out) <= mostHostile:
	default:
		t.Errorf("%d instances, of which %v are allowed", len(got.Out), want.Allow)
	}
}

// ruleAnswer is what the program says.
type ruleAnswer struct {
	ID    string
	Out   []string
	Error string
	MS    int64
}

// fileTest is a case of a file: a level says whether it must or should be read, or refused.
type fileTest struct {
	ID, Level   string
	Events      []map[string]any
	Occurrences *struct{ List [][3]string }
}

type fileAnswer struct {
	ID, Outcome, Error string
	Events             []map[string]any
	Occurrences        [][3]string
}

func (want fileTest) check(t *testing.T, got fileAnswer) {
	accepted := got.Outcome == "accept"
	switch {
	case want.Level == "either":
	case strings.HasSuffix(want.Level, "reject"):
		if accepted && len(got.Events) > 0 {
			t.Errorf("accepted with %d events", len(got.Events))
		}
	case !accepted || len(got.Events) != len(want.Events):
		t.Errorf("%s %s, with %d events of %d", got.Outcome, got.Error, len(got.Events), len(want.Events))
	default:
		want.checkEvents(t, got)
	}
}

func (want fileTest) checkEvents(t *testing.T, got fileAnswer) {
	for i, event := range want.Events {
		for name, value := range event {
			if !reflect.DeepEqual(got.Events[i][name], value) && !(empty(value) && empty(got.Events[i][name])) {
				t.Errorf("event %d: %s: got %v, want %v", i, name, got.Events[i][name], value)
			}
		}
	}
	if want.Occurrences == nil {
		return
	}
	byText := func(a, b [3]string) int { return slices.Compare(a[:], b[:]) }
	slices.SortFunc(got.Occurrences, byText)
	slices.SortFunc(want.Occurrences.List, byText)
	if diff := cmp.Diff(want.Occurrences.List, got.Occurrences); diff != "" && len(want.Occurrences.List)+len(got.Occurrences) > 0 {
		t.Error(diff)
	}
}

func empty(value any) bool {
	list, ok := value.([]any)
	return value == nil || value == "" || ok && len(list) == 0
}

func TestCalendarCases(t *testing.T) {
	for _, name := range []string{"rrule", "rrule_gap", "rrule_hostile"} {
		t.Run(name, func(t *testing.T) {
			judge(t, name, ruleTest.check, "expand", "--jsonl")
		})
	}
	t.Run("parse", func(t *testing.T) {
		judge(t, "parse", fileTest.check, "read", "--jsonl", calendarCases)
	})
}

// judge has the program answer the cases of a file and compares the answers.
func judge[Case, Answer any](t *testing.T, name string, check func(Case, *testing.T, Answer), args ...string) {
	t.Helper()
	asked, err := os.ReadFile(filepath.Join(calendarCases, name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Args = append([]string{"sportello", "calendar"}, args...)
	cmd.Stdin, cmd.Stderr = bytes.NewReader(asked), testWriter{t}
	told, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	cases, answers := objects[Case](t, asked), objects[Answer](t, told)
	if len(cases) == 0 || len(answers) != len(cases) {
		t.Fatalf("%d answers to %d cases", len(answers), len(cases))
	}
	for i, want := range cases {
		id := reflect.ValueOf(want).FieldByName("ID").String()
		t.Run(id, func(t *testing.T) {
			if got := reflect.ValueOf(answers[i]).FieldByName("ID").String(); got != id {
				t.Fatalf("answered %s", got)
			}
			check(want, t, answers[i])
		})
	}
}

// objects are those of lines of JSON.
func objects[T any](t *testing.T, text []byte) []T {
	t.Helper()
	var all []T
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, longestCase)
	for lines.Scan() {
		var one T
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}
