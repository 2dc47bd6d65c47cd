package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/static"
)

// attempt runs the program in this process until it ends by itself.
func attempt(t *testing.T, args ...string) (stdout string, err error) {
	t.Helper()
	var out, log bytes.Buffer
	err = run(t.Context(), append([]string{"sportello"}, args...), func(string) string { return "" }, &out, &log)
	return out.String(), err
}

func TestPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	data := t.TempDir()
	if _, err := attempt(t, "--data", data, "migrate"); err != nil {
		t.Fatal(err)
	}
	_, err = attempt(t, "--data", data, "serve", "--addr", listener.Addr().String())
	if err == nil || !strings.Contains(err.Error(), "address already in use") || !strings.Contains(err.Error(), "--addr") {
		t.Errorf("got %v, want that the address is in use and what to do", err)
	}
}

func TestNewerSchemaIsLeftAlone(t *testing.T) {
	data := t.TempDir()
	if _, err := attempt(t, "--data", data, "migrate"); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(data, "sportello.db")})
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	for _, command := range [][]string{{"serve", "--addr", "127.0.0.1:0"}, {"serve", "--migrate", "--addr", "127.0.0.1:0"}, {"migrate"}, {"export"}} {
		_, err := attempt(t, append([]string{"--data", data}, command...)...)
		if err == nil || !strings.Contains(err.Error(), "newer than this program") {
			t.Errorf("%v: got %v, want that the schema is newer", command, err)
		}
	}
}

// TestServeEndsGracefully ends the server, which runs in this process, while a stream is open and a
// form is still on its way: the stream ends, the form is answered.
func TestServeEndsGracefully(t *testing.T) {
	data := t.TempDir()
	token := furnish(t, data, access.Board)
	ctx, cancel := context.WithCancel(t.Context())
	out, log := newPipe(), newPipe()
	ended := make(chan error, 1)
	go func() {
		args := []string{"sportello", "--data", data, "serve", "--addr", "127.0.0.1:0"}
		ended <- run(ctx, args, func(string) string { return "" }, out, log)
	}()
	base := out.await(t, "Sportello is ready: ")
	states := follow(t, base+"/api/v1/offices/"+busy[0]+"/events", token)
	if _, open := <-states; !open {
		t.Fatal("the stream brings nothing")
	}
	rest := slowForm(t, base, "/sign-in", "login=nobody&password=x")
	cancel()
	for range states { // until the server ends it
	}
	if got := rest(); got != http.StatusUnauthorized {
		t.Errorf("a form on its way when the server was told to end: got status %d, want %d", got, http.StatusUnauthorized)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(readyWithin):
		t.Fatal("did not end")
	}
}

// TestServeEndsDespiteASlowSender ends the server while a form is on its way that never comes.
func TestServeEndsDespiteASlowSender(t *testing.T) {
	data := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	out, log := newPipe(), newPipe()
	ended := make(chan error, 1)
	go func() {
		args := []string{"sportello", "--data", data, "--log", "warn", "serve", "--migrate", "--addr", "127.0.0.1:0"}
		ended <- run(ctx, args, func(string) string { return "" }, out, log)
	}()
	slowForm(t, out.await(t, "Sportello is ready: "), "/sign-in", "login=nobody&password=x")
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(readyWithin):
		t.Fatal("did not end")
	}
	select {
	case line := <-log.lines:
		if !strings.Contains(line, "cut off") {
			t.Errorf("logged %s", line)
		}
	default:
		t.Error("logged nothing")
	}
}

// TestWhoReadsNothingIsCutOff asks for one file again and again and reads none of it, until the server
// cuts the line. A stream that has been open for longer goes on.
func TestWhoReadsNothingIsCutOff(t *testing.T) {
	data := t.TempDir()
	token := furnish(t, data, access.Kiosk)
	now, err := clock(opening)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + databaseFile(data), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	board := enrolOne(t, db, access.Board)
	quiet := slog.New(slog.DiscardHandler)
	server, err := kiosk.New(kiosk.Options{DB: db, Log: quiet, BaseURL: "http://localhost", Data: data, Speech: kiosk.NewSpeech("", quiet)})
	if err != nil {
		t.Fatal(err)
	}
	var deaf atomic.Value
	cut := make(chan struct{})
	web := webServer(server, quiet)
	if web.WriteTimeout <= 0 {
		t.Error("there is no time limit for writing")
	}
	web.WriteTimeout = time.Second // a minute would be long for a test
	web.ConnState = func(conn net.Conn, state http.ConnState) {
		if state == http.StateClosed && conn.RemoteAddr().String() == deaf.Load() {
			close(cut)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var g errgroup.Group
	g.Go(func() error { return server.Live(ctx) })
	g.Go(func() error { return listen(ctx, listener, web, quiet) })
	defer func() {
		cancel()
		if err := g.Wait(); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}()
	base := "http://" + listener.Addr().String()
	states := follow(t, base+"/api/v1/offices/"+busy[0]+"/events", board)
	if _, open := <-states; !open {
		t.Fatal("the stream brings nothing")
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	deaf.Store(conn.LocalAddr().String())
	go func() {
		for err := error(nil); err == nil; {
			_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", static.URL("desk.css"))
		}
	}()
	select {
	case <-cut:
	case <-time.After(readyWithin):
		t.Fatal("the server still waits for one who reads nothing")
	}
	if _, _, err := issueOverHTTP(base, token); err != nil {
		t.Fatal(err)
	}
	if _, open := <-states; !open {
		t.Error("the stream was cut off as well")
	}
}

// TestOthersReadNothing looks at what a server writes into a folder that all may enter.
func TestOthersReadNothing(t *testing.T) {
	data := t.TempDir()
	if err := os.Chmod(data, 0o755); err != nil {
		t.Fatal(err)
	}
	defer syscall.Umask(syscall.Umask(0o022)) // as in most shells
	start(t, "--data", data, "--log", "error", "serve", "--migrate", "--addr", "127.0.0.1:0")
	found := make(map[string]bool)
	err := filepath.WalkDir(data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == data {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		found[entry.Name()] = true
		if info.Mode().Perm()&0o007 != 0 {
			t.Errorf("%s is %v", path, info.Mode())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"sportello.db", "sportello.db-wal", "sportello.db-shm", "lock"} {
		if !found[name] {
			t.Errorf("there is no %s", name)
		}
	}
}

// slowForm sends the head of a form and waits until the server asks for the rest. What it returns
// sends that, and returns the status of the answer.
func slowForm(t *testing.T, base, path, form string) (rest func() int) {
	t.Helper()
	host := strings.TrimPrefix(base, "http://")
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(readyWithin)); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\nExpect: 100-continue\r\n\r\n",
		path, host, len(form))
	reader := bufio.NewReader(conn)
	if line, err := reader.ReadString('\n'); err != nil || !strings.Contains(line, "100 Continue") {
		t.Fatalf("got %q, %v, want that the server asks for the form", line, err)
	}
	if _, err := reader.ReadString('\n'); err != nil { // the empty line behind it
		t.Fatal(err)
	}
	return func() int {
		t.Helper()
		if _, err := io.WriteString(conn, form); err != nil {
			t.Fatal(err)
		}
		answer, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
}

// pipe hands over what is written to it, line by line.
type pipe struct{ lines chan string }

func newPipe() pipe { return pipe{make(chan string, 100)} }

func (p pipe) Write(text []byte) (int, error) {
	for line := range strings.Lines(string(text)) {
		p.lines <- strings.TrimSpace(line)
	}
	return len(text), nil
}

func (p pipe) await(t *testing.T, prefix string) string {
	t.Helper()
	for {
		select {
		case line := <-p.lines:
			if rest, ok := strings.CutPrefix(line, prefix); ok {
				return rest
			}
		case <-time.After(readyWithin):
			t.Fatalf("no line %q", prefix)
		}
	}
}

func TestBaseOf(t *testing.T) {
	tests := []struct{ name, given, addr, want string }{
		{"given", "https://sportello.example.it/", "[::]:8080", "https://sportello.example.it"},
		{"one address", "", "127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"everywhere, as the system tells it", "", "[::]:8080", "http://localhost:8080"},
		{"everywhere", "", "0.0.0.0:8080", "http://localhost:8080"},
		{"everywhere, as it is typed", "", ":8080", "http://localhost:8080"},
		{"IPv6", "", "[2001:db8::1]:80", "http://[2001:db8::1]:80"},
		{"a name", "", "totem:80", "http://totem:80"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := baseOf(tt.given, tt.addr); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestCheckBase(t *testing.T) {
	tests := []struct {
		base string
		good bool
	}{
		{"", true},
		{"https://sportello.example.it", true},
		{"http://192.168.1.20:8080/", true},
		{"http://localhost:8080", true}, // a rehearsal on one machine
		{"sportello.example.it", false},
		{"ftp://sportello.example.it", false},
		{"https://", false},
		{"https://:8080", false},
		{"https://sportello.example.it/kiosk", false},
		{"https://sportello.example.it?x=1", false},
		{"https://name:secret@sportello.example.it", false},
		{"https://%zz", false},
	}
	for _, tt := range tests {
		t.Run(tt.base, func(t *testing.T) {
			if err := checkBase(tt.base); (err == nil) != tt.good {
				t.Errorf("got %v, want good %t", err, tt.good)
			}
		})
	}
}

// TestDemoInARelativeFolder looks where the kiosks' papers go: serve may be started elsewhere later.
func TestDemoInARelativeFolder(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	out, ended := newPipe(), make(chan error, 1)
	go func() {
		args := []string{"sportello", "--data", "here", "--log", "error", "demo", "--addr", "127.0.0.1:0"}
		ended <- run(ctx, args, func(string) string { return "" }, out, newPipe())
	}()
	out.await(t, "Sportello is ready: ")
	cancel()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join("here", "sportello.db")})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var uri string
	err = db.View(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT uri FROM printers ORDER BY id LIMIT 1`).Scan(&uri)
	})
	if err != nil {
		t.Fatal(err)
	}
	if folder := strings.TrimPrefix(uri, "file:"); !filepath.IsAbs(folder) {
		t.Errorf("got printer %s, want an absolute folder", uri)
	}
}

// TestDemo starts the demonstration and opens its front page.
func TestDemo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "demo")
	server := start(t, "--data", data, "--log", "error", "demo", "--addr", "127.0.0.1:0")
	for _, path := range []string{"/", "/sign-in", "/enrol?code=kiosk-isernia-centro-integrato"} {
		answer, err := http.Get(server.base + path)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			t.Errorf("%s: status %d", path, answer.StatusCode)
		}
	}
	if _, err := attempt(t, "--data", data, "demo"); err == nil || !strings.Contains(err.Error(), "already has a database") {
		t.Errorf("a second demonstration in the same folder: %v", err)
	}
	if _, err := os.Stat(filepath.Join(data, "sportello.db")); err != nil {
		t.Error(err)
	}
}
