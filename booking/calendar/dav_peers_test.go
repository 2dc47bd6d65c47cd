package calendar_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sportello/booking/calendar"
)

// peer is a server of calendars that the test started, with one calendar of events.
type peer struct {
	t          *testing.T
	dav        calendar.DAV
	root       string // https://HOST/, where discovery begins
	collection string // the calendar's address
	start      func() *exec.Cmd
	running    *exec.Cmd
}

// eachPeer runs f with Radicale and with Xandikos.
func eachPeer(t *testing.T, f func(t *testing.T, p *peer)) {
	t.Run("radicale", func(t *testing.T) { f(t, radicale(t)) })
	t.Run("xandikos", func(t *testing.T) { f(t, xandikos(t)) })
}

func radicale(t *testing.T) *peer {
	folder, port := t.TempDir(), freePort(t)
	run(t, "htpasswd", "-bcB", filepath.Join(folder, "users"), "desk1", "secret1")
	config := fmt.Sprintf("[server]\nhosts = 127.0.0.1:%s\n[auth]\ntype = htpasswd\nhtpasswd_filename = %[2]s/users\nhtpasswd_encryption = bcrypt\n"+
		"[rights]\ntype = owner_only\n[storage]\nfilesystem_folder = %[2]s/collections\n", port, folder)
	if err := os.WriteFile(filepath.Join(folder, "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	p := &peer{
		t: t, dav: calendar.DAV{User: "desk1", Password: "secret1"}, root: "http://127.0.0.1:" + port + "/",
		start: func() *exec.Cmd { return exec.Command("radicale", "--config", filepath.Join(folder, "config")) },
	}
	p.collection = p.root + "desk1/agenda/"
	p.up()
	make := `<c:mkcalendar xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:set><d:prop><d:displayname>Agenda</d:displayname>` +
		`<c:supported-calendar-component-set><c:comp name="VEVENT"/></c:supported-calendar-component-set></d:prop></d:set></c:mkcalendar>`
	p.wantStatus(http.StatusCreated, "MKCALENDAR", p.collection, make, nil)
	return p
}

func xandikos(t *testing.T) *peer {
	folder, port := t.TempDir(), freePort(t)
	p := &peer{t: t, root: "http://127.0.0.1:" + port + "/", start: func() *exec.Cmd {
		return exec.Command("xandikos", "-d", folder, "--defaults", "--current-user-principal", "/user/", "-l", "127.0.0.1", "-p", port)
	}}
	p.collection = p.root + "user/calendars/calendar/"
	p.up()
	return p
}

// freePort is one that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
	return string(out)
}

// up starts the server and waits until it answers.
func (p *peer) up() {
	p.t.Helper()
	var log bytes.Buffer
	p.running = p.start()
	p.running.Stdout, p.running.Stderr = &log, &log
	if err := p.running.Start(); err != nil {
		p.t.Fatal(err)
	}
	ended := make(chan error, 1)
	running := p.running
	go func() { ended <- running.Wait() }()
	p.t.Cleanup(func() { _ = running.Process.Kill(); <-ended; ended <- nil })
	deadline := time.After(30 * time.Second)
	for {
		if resp, err := http.Get(p.root); err == nil {
			resp.Body.Close()
			return
		}
		select {
		case err := <-ended:
			p.t.Fatalf("%s ended: %v\n%s", p.running.Path, err, log.String())
		case <-deadline:
			p.t.Fatalf("%s does not answer\n%s", p.running.Path, log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// down ends the server.
func (p *peer) down() {
	p.t.Helper()
	if err := p.running.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	for { // until the port is free
		resp, err := http.Get(p.root)
		if err != nil {
			return
		}
		resp.Body.Close()
	}
}

// outside sends a request as another program of the officer would, and returns the status and the answer.
func (p *peer) outside(method, address, body string, header map[string]string) (int, string) {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		p.t.Fatal(err)
	}
	if p.dav.User != "" {
		r.SetBasicAuth(p.dav.User, p.dav.Password)
	}
	r.Header.Set("Content-Type", "text/calendar; charset=utf-8")
	if strings.HasPrefix(body, "<") {
		r.Header.Set("Content-Type", "application/xml")
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	var out bytes.Buffer
	if _, err := out.ReadFrom(resp.Body); err != nil {
		p.t.Fatal(err)
	}
	return resp.StatusCode, out.String()
}

func (p *peer) wantStatus(want int, method, address, body string, header map[string]string) {
	p.t.Helper()
	if got, text := p.outside(method, address, body, header); got != want {
		p.t.Fatalf("%s %s: got %d, want %d\n%s", method, address, got, want, text)
	}
}

// put writes an event from outside, whatever was there.
func (p *peer) put(name, body string) {
	p.t.Helper()
	if got, text := p.outside(http.MethodPut, p.collection+name, body, nil); got/100 != 2 {
		p.t.Fatalf("PUT %s: got %d\n%s", name, got, text)
	}
}

// remove deletes an event from outside.
func (p *peer) remove(name string) {
	p.t.Helper()
	if got, text := p.outside(http.MethodDelete, p.collection+name, "", nil); got/100 != 2 {
		p.t.Fatalf("DELETE %s: got %d\n%s", name, got, text)
	}
}

// at is the peer's calendar.
func (p *peer) at() *calendar.Collection {
	p.t.Helper()
	c, err := p.dav.At(p.collection)
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// event is the text of an event with more lines.
func event(uid string, lines ...string) string {
	all := append([]string{"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//Prova//Prova//IT", "BEGIN:VEVENT", "UID:" + uid, "DTSTAMP:20261101T080000Z"}, lines...)
	return strings.Join(append(all, "END:VEVENT", "END:VCALENDAR", ""), "\r\n")
}
