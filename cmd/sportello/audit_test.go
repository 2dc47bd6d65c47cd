package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/textproto"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/audit"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// tuesday is when the first line of these tests' audit is recorded.
var tuesday = time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)

// recordDays writes a line for each of n days into db, which goes by clock.
func recordDays(t *testing.T, db *store.DB, clock *storetest.Clock, n int) {
	t.Helper()
	for day := range n {
		clock.Set(tuesday.AddDate(0, 0, day))
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			return audit.Record(t.Context(), tx, audit.Entry{
				Scope: "centro", Version: int64(day + 1), Actor: "user:1", Action: "desk.open", Subject: "desk:1", Detail: map[string]any{"day": day},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// recorded is a data folder with an audit of three days; change, which may be empty, is done to it.
func recorded(t *testing.T, change string) string {
	t.Helper()
	data := t.TempDir()
	clock := storetest.At(tuesday)
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(data, "sportello.db"), Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	recordDays(t, db, clock, 3)
	if change == "" {
		return data
	}
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), change)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const thursday = "2026-11-26T12:00:00Z"

func TestAuditList(t *testing.T) {
	data := recorded(t, "")
	tests := []struct {
		name string
		args []string
		want string
	}{
		{"one", []string{"--limit", "1"}, `2026-11-26T08:00:00Z centro 3.0 user:1 desk.open desk:1 {"day":2}` + "\n"},
		{"of a day", []string{"--scope", "centro", "--from", "2026-11-25", "--until", "2026-11-26"}, `2026-11-25T08:00:00Z centro 2.0 user:1 desk.open desk:1 {"day":1}` + "\n"},
		{"until an instant elsewhere", []string{"--until", "2026-11-24T09:00:00.001+01:00"}, `2026-11-24T08:00:00Z centro 1.0 user:1 desk.open desk:1 {"day":0}` + "\n"},
		{"of nobody", []string{"--actor", "user:2", "--action", "desk.open", "--subject", "desk:1"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := attempt(t, append([]string{"--data", data, "--clock", thursday, "audit", "list"}, tt.args...)...)
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Errorf("%v %s", err, diff)
			}
		})
	}
	type answer struct {
		Items []audit.Line
		Next  *string
	}
	var versions []int64
	for args := []string{"--data", data, "audit", "list", "--json", "--limit", "2"}; ; {
		text, err := attempt(t, args...)
		if err != nil {
			t.Fatal(err)
		}
		var page answer
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatal(err)
		}
		for _, l := range page.Items {
			versions = append(versions, l.Version)
		}
		if page.Next == nil {
			break
		}
		args = append(args[:7:7], "--before", *page.Next)
	}
	if diff := cmp.Diff([]int64{3, 2, 1}, versions); diff != "" {
		t.Error(diff)
	}
}

func TestAuditVerify(t *testing.T) {
	tests := []struct {
		name, change string
		heads        bool // compare with noted heads
		want, fault  string
	}{
		{"as it was", "", true, "centro: 3 lines as they were written\n", ""},
		{"a line changed", `UPDATE audit SET actor = 'user:2' WHERE version = 2`, false, "centro: 1 lines as they were written; then line 2.0: it was changed, or lines before it were", "not as it was written"},
		{"the end cut", `DELETE FROM audit WHERE version = 3`, false, "centro: 2 lines as they were written; then line 3.0: lines up to it were removed", "not as it was written"},
		{"all gone", `DELETE FROM audit`, false, "centro: 0 lines as they were written; then line 3.0: lines up to it", "not as it was written"},
	}
	whole := recorded(t, "")
	heads, err := attempt(t, "--data", whole, "--clock", thursday, "audit", "head")
	if err != nil {
		t.Fatal(err)
	}
	early, err := attempt(t, "--data", whole, "--clock", thursday, "audit", "head", "--day", "2026-11-25")
	if err != nil {
		t.Fatal(err)
	}
	if want := regexp.MustCompile(`^audit-head 2026-11-26T00:00:00Z centro 2 0 sha256:[0-9a-f]{64}\n$`); !want.MatchString(early) {
		t.Errorf("got %q", early)
	}
	file := filepath.Join(t.TempDir(), "heads")
	if err := os.WriteFile(file, []byte(early+heads), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := []string{"--data", recorded(t, tt.change), "audit", "verify"}
			if tt.heads {
				args = append(args, "--heads", file)
			}
			got, err := attempt(t, args...)
			if !strings.HasPrefix(got, tt.want) || (err == nil) != (tt.fault == "") || err != nil && !strings.Contains(err.Error(), tt.fault) {
				t.Errorf("got %q, %v", got, err)
			}
			got, err = attempt(t, append(args, "--json")...)
			var report audit.Report
			if json.Unmarshal([]byte(got), &report) != nil || (err == nil) != report.Whole() || (err == nil) != (tt.fault == "") {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}

	t.Run("another audit, whole in itself", func(t *testing.T) {
		other := recorded(t, `DELETE FROM audit WHERE version = 3`)
		db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(other, "sportello.db")})
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE audit_heads SET version = 2, hash = (SELECT hash FROM audit WHERE version = 2)`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		db.Close()
		if _, err := attempt(t, "--data", other, "audit", "verify"); err != nil {
			t.Errorf("alone: %v", err)
		}
		got, err := attempt(t, "--data", other, "audit", "verify", "--heads", file)
		if err == nil || !strings.Contains(got, "then line 3.0: it is not the line whose head was noted") {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestAuditRefuses(t *testing.T) {
	data := recorded(t, "")
	text := filepath.Join(data, "text")
	if err := os.WriteFile(text, []byte("nothing\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"a day", "Write it like 2026-11-24", []string{"head", "--day", "ieri"}},
		{"a time", "--from \"ieri\" is no time", []string{"list", "--from", "ieri"}},
		{"another time", "--until \"domani\" is no time", []string{"list", "--until", "domani"}},
		{"a cursor", "is no cursor", []string{"list", "--before", "x"}},
		{"heads that are not there", "Name the file", []string{"verify", "--heads", filepath.Join(data, "none")}},
		{"heads that are none", "no line of a head", []string{"verify", "--heads", text}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := attempt(t, append([]string{"--data", data, "audit"}, tt.args...)...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := attempt(t, "--data", t.TempDir(), "audit", "verify"); err == nil || !strings.Contains(err.Error(), "sportello migrate") {
		t.Errorf("an empty folder: got %v", err)
	}
}

// TestHeadsLeaveOnceADay runs the jobs over some days, also with the log server away and after a pause.
func TestHeadsLeaveOnceADay(t *testing.T) {
	clock := storetest.At(tuesday)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(tuesday)
		socket := filepath.Join(t.TempDir(), "log")
		to, err := parseSyslog("unix://" + socket)
		if err != nil {
			t.Fatal(err)
		}
		run := func(at string, wantFault bool) {
			t.Helper()
			when, err := time.Parse(time.RFC3339, at)
			if err != nil {
				t.Fatal(err)
			}
			clock.Set(when)
			for range 2 {
				if err := mailHeads(t.Context(), db, "revisione@prova.example"); err != nil {
					t.Error(err)
				}
				if err := logHeads(t.Context(), db, to); (err != nil) != wantFault {
					t.Errorf("%s: got %v, want an error: %t", at, err, wantFault)
				}
			}
		}
		run("2026-11-24T07:00:00Z", false) // nothing was ever recorded: nothing to say
		recordDays(t, db, clock, 2)
		run("2026-11-25T23:59:59Z", true) // the 24th is owed, the log is away
		conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		run("2026-11-26T00:00:00Z", false)
		run("2026-11-26T12:00:00Z", false)
		run("2026-11-30T08:00:00Z", false) // after days on which no server ran

		var days []string
		for _, subject := range mailSubjects(t, db) {
			days = append(days, strings.TrimPrefix(subject, "Sportello: audit of "))
		}
		if diff := cmp.Diff([]string{"2026-11-24", "2026-11-25", "2026-11-29"}, days); diff != "" {
			t.Errorf("mail: %s", diff)
		}
		var heads []string
		for range 2 {
			buffer := make([]byte, 1000)
			n, err := conn.Read(buffer)
			if err != nil {
				t.Fatal(err)
			}
			_, text, _ := strings.Cut(string(buffer[:n]), "]: ")
			heads = append(heads, text[:len("audit-head 2026-11-26T00:00:00Z centro 2 0")])
		}
		if diff := cmp.Diff([]string{"audit-head 2026-11-26T00:00:00Z centro 2 0", "audit-head 2026-11-30T00:00:00Z centro 2 0"}, heads); diff != "" {
			t.Errorf("syslog: %s", diff)
		}
		if err := conn.SetReadDeadline(time.Now()); err != nil {
			t.Fatal(err)
		}
		if n, err := conn.Read(make([]byte, 1000)); err == nil {
			t.Errorf("%d bytes more in syslog", n)
		}
	})
}

func mailSubjects(t *testing.T, db *store.DB) (all []string) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) (err error) {
		all, err = store.Column[string](t.Context(), tx, `SELECT subject FROM messages ORDER BY due_at`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSyslog(t *testing.T) {
	lines := []string{"audit-head one", "audit-head two"}
	t.Run("udp", func(t *testing.T) {
		conn, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		to, err := parseSyslog("udp://" + conn.LocalAddr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := to.write(t.Context(), tuesday, lines); err != nil {
			t.Fatal(err)
		}
		for _, line := range lines {
			buffer := make([]byte, 1000)
			n, _, err := conn.ReadFrom(buffer)
			if err != nil {
				t.Fatal(err)
			}
			want := regexp.MustCompile(`^<37>1 2026-11-24T08:00:00Z \S+ sportello \d+ audit-head - ` + line + `$`)
			if !want.Match(buffer[:n]) {
				t.Errorf("got %q", buffer[:n])
			}
		}
	})
	t.Run("tcp", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		to, err := parseSyslog("tcp://" + listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if err := to.write(t.Context(), tuesday, lines); err != nil {
			t.Fatal(err)
		}
		conn, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		got, err := io.ReadAll(conn)
		if err != nil || strings.Count(string(got), "\n") != 2 || !strings.HasSuffix(string(got), "audit-head two\n") {
			t.Errorf("got %q, %v", got, err)
		}
	})
	t.Run("nobody", func(t *testing.T) {
		if err := (syslog{"tcp", "127.0.0.1:1"}).write(t.Context(), tuesday, lines); err == nil {
			t.Error("got no error")
		}
	})
	t.Run("the end of the program", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := (syslog{"tcp", "192.0.2.1:601"}).write(ctx, tuesday, lines); err == nil { // TEST-NET-1: answers nobody
			t.Error("got no error")
		}
	})
}

func TestParseSyslog(t *testing.T) {
	tests := []struct {
		where string
		want  syslog // zero: refused
	}{
		{"local", syslog{"unixgram", "/dev/log"}},
		{"unix:///run/log", syslog{"unixgram", "/run/log"}},
		{"udp://log.example", syslog{"udp", "log.example:514"}},
		{"tcp://log.example", syslog{"tcp", "log.example:601"}},
		{"tcp://[2001:db8::1]:6514", syslog{"tcp", "[2001:db8::1]:6514"}},
		{"", syslog{}},
		{"log.example", syslog{}},
		{"udp://", syslog{}},
		{"udp://:514", syslog{}},
		{"tls://log.example", syslog{}},
		{"tcp://log.example/x", syslog{}},
		{"unix://x", syslog{}},
		{"%zz", syslog{}},
	}
	for _, tt := range tests {
		got, err := parseSyslog(tt.where)
		if got != tt.want || (err == nil) != (tt.want != syslog{}) {
			t.Errorf("%q: got %v, %v, want %v", tt.where, got, err, tt.want)
		}
	}
}

func TestServeRefusesWhatCannotBeSent(t *testing.T) {
	const good = "--smtp=smtp://127.0.0.1:1"
	for _, tt := range []struct {
		name, want string
		args       []string
	}{
		{"no mail server", "Check --smtp", []string{"--smtp", "posta.example"}},
		{"no sender", "Check --smtp", []string{good}},
		{"a user without a password", "SPORTELLO_SMTP_PASSWORD", []string{"--smtp", "smtp://utente@posta.example", "--mail-from", "a@prova.example"}},
		{"a password on the command line", "must not have a password", []string{"--smtp", "smtp://utente:x@posta.example", "--mail-from", "a@prova.example"}},
		{"nobody to mail to", "Write it like", []string{good, "--mail-from", "a@prova.example", "--audit-mail", "revisione"}},
		{"mail without a server", "--audit-mail needs a mail server", []string{"--audit-mail", "revisione@prova.example"}},
		{"a webhook in the clear", "Check --webhook", []string{"--webhook", "http://gateway.example"}},
		{"a webhook without a secret", "SPORTELLO_WEBHOOK_SECRET", []string{"--webhook", "https://gateway.example"}},
		{"no log", "Use local", []string{"--audit-syslog", "remote"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := attempt(t, append([]string{"--data", t.TempDir(), "serve", "--migrate", "--addr", "127.0.0.1:0"}, tt.args...)...)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}

// TestServeSends starts a server that is to mail yesterday's heads; its mail server's password is in
// the configuration file. The mail that comes is what verify compares with.
func TestServeSends(t *testing.T) {
	data := recorded(t, "")
	mails, address := mailServer(t)
	config := filepath.Join(data, "sportello.toml")
	text := fmt.Sprintf("smtp = %q\nsmtp-password = \"chiave\"\nmail-from = \"Sportello <sportello@prova.example>\"\naudit-mail = \"revisione@prova.example\"\n", "smtp://utente@"+address)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		args := []string{"sportello", "--data", data, "--config", config, "--clock", "2026-11-27T01:00:00Z", "serve", "--addr", "127.0.0.1:0"}
		ended <- run(ctx, args, func(string) string { return "" }, newPipe(), newPipe())
	}()
	var mail string
	select {
	case mail = <-mails:
	case <-time.After(readyWithin):
		t.Error("no mail came")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	saved := filepath.Join(data, "mail.eml")
	if err := os.WriteFile(saved, []byte(mail), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := attempt(t, "--data", data, "audit", "verify", "--heads", saved); err != nil {
		t.Errorf("%v: %s\n%s", err, got, mail)
	}
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(data, "sportello.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(t.Context(), func(tx *store.Tx) error {
		waiting, err := message.Waiting(t.Context(), tx)
		if n := waiting[message.ByMail]; n != 0 {
			t.Errorf("%d mails are waiting", n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestServeCalls starts a server with a gateway, whose secret is in the environment.
func TestServeCalls(t *testing.T) {
	data := recorded(t, "")
	at := time.Date(2026, 11, 27, 1, 0, 0, 0, time.UTC)
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + databaseFile(data), Now: func() time.Time { return at }})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		return message.EnqueueHook(t.Context(), tx, message.Hook{Kind: "appointment.reminder", Body: "prova"})
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	calls := make(chan string, 10)
	gateway := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		calls <- string(body) + r.Header.Get("Sportello-Signature")[:3]
	}))
	defer gateway.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		args := []string{"sportello", "--data", data, "--clock", at.Format(time.RFC3339), "serve", "--addr", "127.0.0.1:0", "--webhook", gateway.URL}
		ended <- run(ctx, args, func(name string) string {
			return map[string]string{"SPORTELLO_WEBHOOK_SECRET": strings.Repeat("chiave", 6)}[name]
		}, newPipe(), newPipe())
	}()
	select {
	case got := <-calls:
		if want := `{"kind":"appointment.reminder","body":"prova"}v1=`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	case <-time.After(readyWithin):
		t.Error("no call came")
	}
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// mailServer takes one mail after the other from whoever signs in as utente, chiave.
func mailServer(t *testing.T) (mails <-chan string, address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	taken := make(chan string, 10)
	plain := "AUTH PLAIN " + base64.StdEncoding.EncodeToString([]byte("\x00utente\x00chiave"))
	talk := func(conn net.Conn) {
		defer conn.Close()
		in := bufio.NewReader(conn)
		answer, mail := "220 prova", ""
		for signed := false; ; {
			fmt.Fprint(conn, answer+"\r\n")
			command, err := in.ReadString('\n')
			if mail != "" { // whoever goes on, or away, knows that it was taken
				taken <- mail
				mail = ""
			}
			if err != nil {
				return
			}
			command = strings.TrimSpace(command)
			answer = "250 good"
			switch {
			case strings.HasPrefix(command, "EHLO"):
				answer = "250-prova\r\n250 AUTH PLAIN"
			case command == plain:
				signed, answer = true, "235 known"
			case !signed:
				answer = "530 who are you"
			case command == "DATA":
				fmt.Fprint(conn, "354 go on\r\n")
				text, err := io.ReadAll(textproto.NewReader(in).DotReader())
				if err != nil {
					return
				}
				mail = string(text)
			}
		}
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go talk(conn)
		}
	}()
	return taken, listener.Addr().String()
}
