package kiosk

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
	"sportello/internal/live"
)

// How a stream is kept honest: a comment now and then finds readers that are gone, and a write that
// takes longer than the deadline cuts off one that does not read; the small buffer has it do so
// after a few states. At each pulse the reader's session or device is looked at again.
const (
	streamPulse    = 15 * time.Second
	streamDeadline = 5 * time.Second
	streamBuffer   = 32 << 10 // bytes
)

// eventDesk tells a page of staff that its office has changed, and no more.
const eventDesk = "desk"

type keyConn struct{}

// WithConn is the ConnContext of the http.Server: streams want to set their connection's buffer.
func WithConn(ctx context.Context, conn net.Conn) context.Context {
	return context.WithValue(ctx, keyConn{}, conn)
}

// last is the value of a state after which nothing will come.
type last struct{ value any }

// stream sends the states of w to the reader as server-sent events of a name until either is gone,
// the reader is let in no longer, or the server ends. The id of an event is the office's version;
// show makes what this reader may see of a state, and nil for "nothing".
func (s *Server) stream(c echo.Context, w *live.Watch, event string, show func(live.State) any) error {
	v, _ := c.Get(keyVisitor).(visitor)
	end, err := s.limits.stream(c, v)
	if err != nil {
		return err
	}
	defer end()
	if conn, ok := c.Request().Context().Value(keyConn{}).(*net.TCPConn); ok {
		if err := conn.SetWriteBuffer(streamBuffer); err != nil {
			return fmt.Errorf("stream %s: %w", event, err)
		}
	}
	control := http.NewResponseController(c.Response())
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	pulse := time.NewTicker(s.pulse)
	defer pulse.Stop()
	rights := s.rights.watch()
	send := func(text string) error {
		if err := control.SetWriteDeadline(time.Now().Add(streamDeadline)); err != nil {
			return err
		}
		if _, err := c.Response().Write([]byte(text)); err != nil {
			return err
		}
		return control.Flush()
	}
	refused := func() error {
		if event == eventDesk {
			_ = send("event: " + event + "\ndata: {}\n\n") // the page looks again, and shows why
		}
		return nil
	}
	for {
		state, changed := w.State()
		value := show(state)
		final, ends := value.(last)
		if ends {
			value = final.value
		}
		if value != nil {
			data, err := json.Marshal(value)
			if err != nil {
				return fmt.Errorf("stream %s: %w", event, err)
			}
			if err := send(fmt.Sprintf("event: %s\nid: %d\ndata: %s\n\n", event, state.Version, data)); err != nil {
				return nil // the reader is gone
			}
		}
		if ends {
			return nil
		}
	wait:
		for {
			select {
			case <-c.Request().Context().Done():
				return nil
			case <-s.ending:
				return nil
			case <-rights:
				rights = s.rights.watch()
				if !s.stillAllowed(c) {
					return refused()
				}
			case <-pulse.C:
				if !s.stillAllowed(c) {
					return refused()
				}
				if err := send(": still here\n\n"); err != nil {
					return nil
				}
			case <-changed:
				break wait
			}
		}
	}
}

// stillAllowed looks at a stream's reader again; it counts on no limit.
func (s *Server) stillAllowed(c echo.Context) bool {
	v, err := s.visitor(c)
	may, _ := c.Get(keyMay).(access.Permission)
	return err == nil && v.must(may) == nil
}

// rights tells streams that somebody's have changed. The zero value is ready.
type rights struct {
	mu   sync.Mutex
	last chan struct{} // closed at the next change
}

// changed is told of commits.
func (r *rights) changed(topic string, _ int64) {
	if topic != access.Topic {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last != nil {
		close(r.last)
		r.last = nil
	}
}

// watch returns a channel that is closed at the next change.
func (r *rights) watch() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.last == nil {
		r.last = make(chan struct{})
	}
	return r.last
}
