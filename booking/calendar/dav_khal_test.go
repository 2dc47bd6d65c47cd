package calendar_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/store/storetest"
)

// TestSyncAsKhalShows has an officer's program show appointments at their time of day, before and after
// the clocks change in spring and in autumn.
func TestSyncAsKhalShows(t *testing.T) {
	p := radicale(t)
	clock := storetest.At(time.Date(2025, 3, 17, 8, 0, 0, 0, rome))
	s := newStep(t, storetest.Open(t, clock.Now), clock)
	source := s.keep("cpi-1", p.collection, p.dav)
	var want []string
	for _, day := range []string{"2025-03-27", "2025-04-03", "2025-10-23", "2025-10-30"} {
		start, err := time.ParseInLocation("2006-01-02 15:04", day+" 09:30", rome)
		if err != nil {
			t.Fatal(err)
		}
		if start.Month() == time.October {
			clock.Set(start.AddDate(0, 0, -20))
		}
		a := s.book("CPI-PATTO", start)
		if _, err := s.Sync(t.Context(), source.ID); err != nil {
			t.Fatal(err)
		}
		want = append(want, day+" 09:30-10:00 "+a.Reference+" · Patto di servizio")
	}
	if diff := cmp.Diff(want, khal(t, p)); diff != "" {
		t.Error(diff)
	}
}

// khal is what khal lists of a peer's calendars, of which vdirsyncer makes a copy.
func khal(t *testing.T, p *peer) []string {
	t.Helper()
	folder := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	vdirsyncer := write("vdirsyncer", fmt.Sprintf(`[general]
status_path = "%[1]s/status/"
[pair desk]
a = "here"
b = "there"
collections = ["from b"]
[storage here]
type = "filesystem"
path = "%[1]s/calendars/"
fileext = ".ics"
[storage there]
type = "caldav"
url = "%[2]s"
username = "%[3]s"
password = "%[4]s"
`, folder, p.root+"desk1/", p.dav.User, p.dav.Password))
	config := write("khal", fmt.Sprintf(`[calendars]
[[agenda]]
path = %[1]s/calendars/agenda
[locale]
local_timezone = Europe/Rome
default_timezone = Europe/Rome
timeformat = %%H:%%M
dateformat = %%Y-%%m-%%d
longdateformat = %%Y-%%m-%%d
datetimeformat = %%Y-%%m-%%d %%H:%%M
longdatetimeformat = %%Y-%%m-%%d %%H:%%M
[sqlite]
path = %[1]s/khal.db
`, folder))
	with := func(input, name string, args ...string) string {
		c := exec.CommandContext(t.Context(), name, args...)
		c.Stdin = strings.NewReader(input)
		c.Env = append(os.Environ(), "LC_ALL=C.UTF-8", "HOME="+folder)
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		return string(out)
	}
	with(strings.Repeat("y\n", 9), "vdirsyncer", "-c", vdirsyncer, "discover")
	with("", "vdirsyncer", "-c", vdirsyncer, "sync")
	list := with("", "khal", "-c", config, "list", "--format", "{start-date} {start-time}-{end-time} {title}", "--day-format", "", "2025-01-01", "2025-12-31")
	return strings.Split(strings.TrimSpace(list), "\n")
}
