package kiosk

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/internal/live"
)

// How a stream is kept honest: a comment now and then finds readers that are gone, and a write that
// takes longer than the deadline cuts off one that does not read.
const (
	streamPulse    = 15 * time.Second
	streamDeadline = 5 * time.Second
)

// stream sends the states of w to the reader as server-sent events of a name until either is gone.
// The id of an event is the office's version; show makes what this reader may see of a state, and
// nil for "nothing".
func (s *Server) stream(c echo.Context, w *live.Watch, event string, show func(live.State) any) error {
	control := http.NewResponseController(c.Response())
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	c.Response().WriteHeader(http.StatusOK)
	pulse := time.NewTicker(streamPulse)
	defer pulse.Stop()
	send := func(text string) error {
		if err := control.SetWriteDeadline(time.Now().Add(streamDeadline)); err != nil {
			return err
		}
		if _, err := c.Response().Write([]byte(text)); err != nil {
			return err
		}
		return control.Flush()
	}
	for {
		state, changed := w.State()
		if value := show(state); value != nil {
			data, err := json.Marshal(value)
			if err != nil {
				return fmt.Errorf("stream %s: %w", event, err)
			}
			if err := send(fmt.Sprintf("event: %s\nid: %d\ndata: %s\n\n", event, state.Version, data)); err != nil {
				return nil // the reader is gone
			}
		}
	wait:
		for {
			select {
			case <-c.Request().Context().Done():
				return nil
			case <-pulse.C:
				if err := send(": still here\n\n"); err != nil {
					return nil
				}
			case <-changed:
				break wait
			}
		}
	}
}
