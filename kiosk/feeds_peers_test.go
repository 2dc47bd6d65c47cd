package kiosk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
)

// everyDay is an office that is open every day.
const everyDay = `
[territory]
id = "prova"
name = "Prova"
[[institution]]
id = "CPI"
[[service]]
id = "PROVA"
name = "Colloquio; di prova, con «più» persone"
needs = ["CPI"]
minutes = 30
channels = ["staff"]
lead_max_days = 60
[[office]]
id = "sede"
name = "Sede"
services = ["PROVA"]
desk = [{ id = "1" }]
[[office.opening]]
weekdays = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
intervals = ["09:00-13:00"]
[[officer]]
id = "op"
name = "Operatrice"
institution = "CPI"
presence = [{ office = "sede" }]
`

// requests are what was asked for under /feeds/, with the status.
type requests struct {
	mu  sync.Mutex
	all []string
}

func (q *requests) add(line string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.all = append(q.all, line)
}

func (q *requests) list() []string {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.all)
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// newFeedHouse is a server of the office that is open every day, with a manager, and what is asked of its
// feeds.
func newFeedHouse(t *testing.T, now time.Time) (*deskHouse, *requests) {
	t.Helper()
	h := &deskHouse{t: t, clock: storetest.At(now)}
	h.db = storetest.Open(t, h.clock.Now)
	f, problems := territory.Parse([]byte(everyDay), "prova")
	if len(problems) > 0 {
		t.Fatal(territory.Problems(problems))
	}
	password := access.HashPassword(deskPassword)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		if _, err := territory.Import(ctx, tx, f); err != nil {
			return err
		}
		return access.AddUser(ctx, tx, access.User{ID: "user-manager", Login: "manager", Name: "Ivo Prova", Role: access.Manager, Territory: "prova"}, password, "user:test")
	})
	s, err := kiosk.New(kiosk.Options{DB: h.db, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	asked := &requests{}
	h.kiosk = s
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := &statusWriter{w, http.StatusOK}
		s.Handler().ServeHTTP(answer, r)
		if strings.HasPrefix(r.URL.Path, "/feeds/") {
			asked.add(fmt.Sprintf("%s %d", r.Method, answer.status))
		}
	}))
	t.Cleanup(h.server.Close)
	return h, asked
}

// program is a calendar program with a folder of its own.
type program struct {
	t      *testing.T
	folder string
}

// run runs a command in the program's folder and returns what it says.
func (p program) run(name string, args ...string) string {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = p.folder
	cmd.Env = append(os.Environ(), "HOME="+p.folder, "LC_ALL=C.UTF-8", "VDIRSYNCER_CONFIG="+filepath.Join(p.folder, "vdirsyncer"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		p.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func (p program) write(name, text string) {
	p.t.Helper()
	if err := os.WriteFile(filepath.Join(p.folder, name), []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// newVdirsyncer is vdirsyncer subscribed to an address, and khal showing what it fetched on Italy's clock.
func newVdirsyncer(t *testing.T, address string) program {
	t.Helper()
	for _, name := range []string{"vdirsyncer", "khal"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Fatalf("%s is missing: .ci/need vdirsyncer khal", name)
		}
	}
	p := program{t, t.TempDir()}
	if err := os.Mkdir(filepath.Join(p.folder, "feed"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.write("vdirsyncer", strings.ReplaceAll(`
[general]
status_path = "FOLDER/status/"
[pair feed]
a = "local"
b = "server"
collections = null
conflict_resolution = "b wins"
[storage local]
type = "filesystem"
path = "FOLDER/feed/"
fileext = ".ics"
[storage server]
type = "http"
url = "`+address+`"
`, "FOLDER", p.folder))
	p.write("khal", strings.ReplaceAll(`
[calendars]
[[feed]]
path = FOLDER/feed
[locale]
local_timezone = Europe/Rome
default_timezone = Europe/Rome
timeformat = %H:%M
dateformat = %d/%m/%Y
longdateformat = %d/%m/%Y
datetimeformat = %d/%m/%Y %H:%M
longdatetimeformat = %d/%m/%Y %H:%M
[sqlite]
path = FOLDER/khal.db
`, "FOLDER", p.folder))
	p.run("sh", "-c", "yes | vdirsyncer discover")
	return p
}

// TestVdirsyncerAndKhalReadAFeed has another program show the hours of appointments on both sides of both
// days on which the clock changes.
func TestVdirsyncerAndKhalReadAFeed(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	h, _ := newFeedHouse(t, time.Date(2025, 3, 20, 8, 0, 0, 0, rome))
	path := h.at("manager", "").makeFeed("office:prova:sede:", "code")
	v := newVdirsyncer(t, h.server.URL+path)
	book := func(month time.Month, day, hour int) booking.Appointment {
		return h.reserveAt("sede", "PROVA", time.Date(2025, month, day, hour, 0, 0, 0, rome), "Prova Inventata")
	}
	list := func(from, until string) []string {
		v.run("vdirsyncer", "sync")
		out := v.run("khal", "-c", "khal", "list", "--format", "{start} {status}{title}", "--day-format", "", from, until)
		var lines []string
		for line := range strings.Lines(out) {
			if line = strings.TrimSpace(line); line != "" {
				lines = append(lines, line)
			}
		}
		return lines
	}
	const name, held = " · Colloquio; di prova, con «più» persone", " CONFIRMED "
	before, after := book(3, 29, 9), book(3, 31, 9)
	want := []string{"29/03/2025 09:00" + held + before.Reference + name, "31/03/2025 09:00" + held + after.Reference + name}
	if diff := cmp.Diff(want, list("01/03/2025", "30/04/2025")); diff != "" {
		t.Errorf("in spring (-want +got):\n%s", diff)
	}
	h.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.CancelByStaff(ctx, tx, after.ID, "office", "user:test")
		return err
	})
	want[1] = "31/03/2025 09:00 CANCELLED " + after.Reference + name
	if diff := cmp.Diff(want, list("01/03/2025", "30/04/2025")); diff != "" {
		t.Errorf("cancelled (-want +got):\n%s", diff)
	}
	h.clock.Set(time.Date(2025, 10, 20, 8, 0, 0, 0, rome))
	before, after = book(10, 25, 9), book(10, 27, 12)
	want = []string{"25/10/2025 09:00" + held + before.Reference + name, "27/10/2025 12:00" + held + after.Reference + name}
	if diff := cmp.Diff(want, list("01/10/2025", "30/11/2025")); diff != "" {
		t.Errorf("in autumn (-want +got):\n%s", diff)
	}
	if got := list("01/03/2025", "30/04/2025"); len(got) != 0 {
		t.Errorf("what is long past is still there: %q", got)
	}
}

// TestThunderbirdSubscribes lets Thunderbird, which reads once a minute at most, follow a feed: it reads
// all of it, then nothing new, then a move and a removal.
func TestThunderbirdSubscribes(t *testing.T) {
	if os.Getenv("SPORTELLO_PEERS") == "" {
		t.Skip("takes some minutes, and Thunderbird: make peers runs it")
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	h, asked := newFeedHouse(t, time.Date(2026, 11, 20, 8, 0, 0, 0, rome))
	path := h.at("manager", "").makeFeed("office:prova:sede:", "code")
	book := func(hour int) booking.Appointment {
		return h.reserveAt("sede", "PROVA", time.Date(2026, 11, 25, hour, 0, 0, 0, rome), "Prova Inventata")
	}
	moved, cancelled, gone := book(9), book(10), book(11)
	bird := newThunderbird(t, h.server.URL+path, asked)

	bird.eventually("all of it is read", func() bool { return slices.Contains(asked.list(), "GET 200") && len(bird.events()) == 3 })
	for _, a := range []booking.Appointment{moved, cancelled, gone} {
		if got, want := bird.events()[a.Reference], a.Start.UTC().Format(time.RFC3339)+" CONFIRMED"; got != want {
			t.Errorf("%s: got %q, want %q", a.Reference, got, want)
		}
	}
	bird.eventually("nothing new is read", func() bool { return slices.Contains(asked.list(), "GET 304") })

	h.update(func(ctx context.Context, tx *store.Tx) error {
		hold, err := booking.Hold(ctx, tx, booking.Wish{Office: "sede", Service: "PROVA", Start: moved.Start.Add(3 * time.Hour), People: 1, Channel: territory.Staff})
		if err != nil {
			return err
		}
		if _, err := booking.MoveByStaff(ctx, tx, moved.ID, hold.Token, "user:test"); err != nil {
			return err
		}
		_, err = booking.CancelByStaff(ctx, tx, cancelled.ID, "office", "user:test")
		return err
	})
	h.update(func(ctx context.Context, tx *store.Tx) error { // as what was cancelled long ago
		_, err := tx.Exec(ctx, `DELETE FROM appointments WHERE id = $1`, gone.ID)
		return err
	})
	want := map[string]string{
		moved.Reference: moved.Start.Add(3*time.Hour).UTC().Format(time.RFC3339) + " CONFIRMED", cancelled.Reference: cancelled.Start.UTC().Format(time.RFC3339) + " CANCELLED",
	}
	bird.eventually("a move, a cancellation and a removal arrive", func() bool { return cmp.Equal(want, bird.events()) })
	if diff := cmp.Diff(want, bird.events()); diff != "" {
		t.Errorf("at the end (-want +got):\n%s", diff)
	}
}

// thunderbird is a running Thunderbird with one calendar, and what it asks for.
type thunderbird struct {
	program
	asked *requests
}

func newThunderbird(t *testing.T, address string, asked *requests) thunderbird {
	t.Helper()
	if _, err := exec.LookPath("thunderbird"); err != nil {
		t.Fatal("thunderbird is missing: .ci/need thunderbird")
	}
	b := thunderbird{program{t, t.TempDir()}, asked}
	if err := os.Mkdir(filepath.Join(b.folder, "profile"), 0o700); err != nil {
		t.Fatal(err)
	}
	const calendar = "calendar.registry.0c9d5ad2-1111-4222-8333-444455556666."
	var prefs strings.Builder
	for name, value := range map[string]any{
		calendar + "type": "ics", calendar + "uri": address, calendar + "name": "Feed", calendar + "cache.enabled": true, calendar + "refreshInterval": "1",
		"calendar.timezone.local": "Europe/Rome", "app.update.enabled": false, "datareporting.policy.dataSubmissionEnabled": false,
		"toolkit.telemetry.enabled": false, "network.captive-portal-service.enabled": false, "network.connectivity-service.enabled": false,
	} {
		written, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&prefs, "user_pref(%q, %s);\n", name, written)
	}
	b.write("profile/user.js", prefs.String())
	cmd := exec.Command("thunderbird", "--headless", "--no-remote", "--profile", filepath.Join(b.folder, "profile"))
	cmd.Env = append(os.Environ(), "HOME="+b.folder)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // it starts others, which end with it
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	return b
}

// events are what Thunderbird keeps of its calendar: start and status, by the first word of the title. It
// has its database to itself, so that a copy is read.
func (b thunderbird) events() map[string]string {
	const read = `
import datetime, glob, json, shutil, sqlite3, sys, tempfile
folder = tempfile.mkdtemp(dir=sys.argv[1])
for file in glob.glob(sys.argv[1] + '/profile/calendar-data/cache.sqlite*'):
    shutil.copy(file, folder)
at = lambda us: datetime.datetime.fromtimestamp(us / 1e6, datetime.timezone.utc).strftime('%Y-%m-%dT%H:%M:%SZ')
rows = sqlite3.connect(folder + '/cache.sqlite').execute('SELECT title, event_start, ical_status FROM cal_events').fetchall()
print(json.dumps({title.split()[0]: at(start) + ' ' + status for title, start, status in rows}))`
	events := map[string]string{}
	out, err := exec.CommandContext(b.t.Context(), "python3", "-c", read, b.folder).Output()
	if err == nil {
		err = json.Unmarshal(out, &events)
	}
	if err != nil {
		return nil // there is no whole file yet
	}
	return events
}

func (b thunderbird) eventually(what string, done func() bool) {
	b.t.Helper()
	end := time.After(3 * time.Minute)
	for tick := time.Tick(time.Second); !done(); {
		select {
		case <-end:
			b.t.Fatalf("not yet: %s; asked %q, has %v", what, b.asked.list(), b.events())
		case <-tick:
		}
	}
	b.t.Logf("%s: asked %q", what, b.asked.list())
}
