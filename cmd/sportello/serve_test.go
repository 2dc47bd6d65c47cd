package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sportello/internal/store"
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

// TestServeEndsGracefully starts the server in this process, and ends it while a stream is open.
func TestServeEndsGracefully(t *testing.T) {
	data := t.TempDir()
	furnish(t, data)
	ctx, cancel := context.WithCancel(t.Context())
	out, log := newPipe(), newPipe()
	ended := make(chan error, 1)
	go func() {
		args := []string{"sportello", "--data", data, "serve", "--addr", "127.0.0.1:0"}
		ended <- run(ctx, args, func(string) string { return "" }, out, log)
	}()
	base := out.await(t, "Sportello is ready: ")
	answer, err := http.Get(base + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("healthz: status %d", answer.StatusCode)
	}
	cancel()
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(readyWithin):
		t.Fatal("did not end")
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
