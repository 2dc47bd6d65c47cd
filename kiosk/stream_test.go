package kiosk_test

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/queue"
)

// opened is a stream whose first event has come.
func opened(t *testing.T, address, cookies string) *bufio.Scanner {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Cookie", cookies)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "data: ") {
			return lines
		}
	}
	t.Fatalf("%s: status %d, no event", address, answer.StatusCode)
	return nil
}

// ends reads a stream until the server ends it, and returns what else it brought.
func ends(t *testing.T, lines *bufio.Scanner) string {
	t.Helper()
	var rest strings.Builder
	for lines.Scan() {
		rest.WriteString(lines.Text() + "\n")
	}
	if err := lines.Err(); err != nil {
		t.Errorf("the stream goes on: %v", err)
	}
	return rest.String()
}

// goesOn reads a stream until its next pulse or event.
func goesOn(t *testing.T, lines *bufio.Scanner) {
	t.Helper()
	for lines.Scan() {
		if lines.Text() != "" {
			return
		}
	}
	t.Error("the stream ended")
}

// TestStreamEndsWithItsReader takes from the readers of streams what lets them in.
func TestStreamEndsWithItsReader(t *testing.T) {
	const desk, board = "/desk/events?office=" + deskOffice, "/board/events"
	tests := []struct {
		name, path string
		change     func(ctx context.Context, tx *store.Tx, session string) error
		ends       bool
	}{
		{"nothing", desk, func(context.Context, *store.Tx, string) error { return nil }, false},
		{"a locked screen", desk, access.Lock, true},
		{"a session that has ended", desk, access.SignOut, true},
		{"a revoked board", board, func(ctx context.Context, tx *store.Tx, _ string) error {
			return access.RevokeDevice(ctx, tx, "board", "user:test")
		}, true},
		{"somebody else's session", board, access.Lock, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			h := newDeskHouse(t)
			h.kiosk.SetPulse(10 * time.Millisecond)
			session := signedIn(t, h.db, "cpi-1", deskPassword)
			h.update(func(ctx context.Context, tx *store.Tx) error {
				board := access.Device{ID: "board", Office: deskOffice, Kind: access.Board, Name: "Tabellone"}
				return access.AddDevice(ctx, tx, board, "BOARD", "user:test")
			})
			device := enrolled(t, h.db, "BOARD")
			stream := opened(t, h.server.URL+tt.path, "sportello_session="+session+"; sportello_board="+device)
			h.update(func(ctx context.Context, tx *store.Tx) error { return tt.change(ctx, tx, session) })
			if tt.ends {
				if rest := ends(t, stream); tt.path == desk && !strings.Contains(rest, "event: desk") {
					t.Errorf("the page is not told to look again: %q", rest)
				}
				return
			}
			for range 3 {
				goesOn(t, stream)
			}
		})
	}
}

func TestStreamEndsWithItsTicket(t *testing.T) {
	for _, path := range []string{"/t/", "/api/v1/tickets/"} {
		w := newWaitingRoom(t)
		ticket := w.issue("CPI-DID", "it")
		stream := opened(t, w.server.URL+path+ticket.Token+"/events", "")
		w.update(func(tx *store.Tx) error {
			_, err := queue.Leave(t.Context(), tx, ticket.Token)
			return err
		})
		if rest := ends(t, stream); !strings.Contains(rest, "cancelled") {
			t.Errorf("%s: the end is not told: %q", path, rest)
		}
	}
}

func TestStreamsEndWithTheServer(t *testing.T) {
	h := newDeskHouse(t)
	session := signedIn(t, h.db, "cpi-1", deskPassword)
	stream := opened(t, h.server.URL+"/desk/events?office="+deskOffice, "sportello_session="+session)
	h.kiosk.EndStreams()
	h.kiosk.EndStreams() // a second time it is nothing
	ends(t, stream)
}

// TestStreamsHaveASmallBuffer looks at the server's end of connections: who does not read a stream is
// to be noticed after a few states, not after megabytes.
func TestStreamsHaveASmallBuffer(t *testing.T) {
	h := newDeskHouse(t)
	var last atomic.Pointer[net.TCPConn]
	server := httptest.NewUnstartedServer(h.kiosk.Handler())
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		last.Store(conn.(*net.TCPConn))
		return kiosk.WithConn(ctx, conn)
	}
	server.Start()
	t.Cleanup(server.Close)
	session := signedIn(t, h.db, "cpi-1", deskPassword)
	t.Cleanup(h.kiosk.EndStreams)
	opened(t, server.URL+"/desk/events?office="+deskOffice, "sportello_session="+session)
	raw, err := last.Load().SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	var failed error
	if err := raw.Control(func(fd uintptr) {
		size, failed = syscall.GetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_SNDBUF)
	}); err != nil || failed != nil {
		t.Fatal(err, failed)
	}
	if size > 64<<10 { // the kernel doubles what it is told
		t.Errorf("a stream's buffer holds %d bytes", size)
	}
}
