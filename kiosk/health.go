package kiosk

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/singleflight"

	"sportello/internal/access"
	"sportello/internal/store"
)

const (
	// readyFresh is how long an answer about readiness is given again, so that asking costs nothing.
	readyFresh = time.Second
	// readyWithin is how long the database may take to answer before it counts as not ready.
	readyWithin = 3 * time.Second
	// diskLeast is how many bytes the data folder needs for the server to go on.
	diskLeast = 50e6
)

// readiness is whether this server can do its work, and what it is that it cannot.
type readiness struct {
	Ready  bool         `json:"ready"`
	Checks []readyCheck `json:"checks"`
}

// readyCheck is one thing that was looked at. The code is "ok", or says what is wrong.
type readyCheck struct {
	Check string `json:"check"`
	Code  string `json:"code"`
}

// health remembers the last answer.
type health struct {
	data    string // folder, "" none
	looking singleflight.Group

	mu   sync.Mutex
	last readiness
	at   time.Time
}

func (s *Server) operationRoutes() {
	// Not through handle, which looks for the visitor's session: that the process lives does not
	// depend on the database.
	s.echo.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	s.handle(http.MethodGet, "/readyz", access.SeePublic, s.readyz)
	s.handle(http.MethodGet, "/metrics", access.SeeMetrics, s.metricsPage)
}

// readyz says whether the server can issue tickets, with status 200 or 503.
func (s *Server) readyz(c echo.Context, _ visitor) error {
	r := s.readiness(c.Request().Context())
	status := http.StatusOK
	if !r.Ready {
		status = http.StatusServiceUnavailable
	}
	return c.JSON(status, r)
}

// readiness looks, unless somebody just has. Of those who ask at the same time one looks; a database
// that does not answer holds nobody up for longer than readyWithin.
func (s *Server) readiness(ctx context.Context) readiness {
	h := &s.health
	h.mu.Lock()
	last, fresh := h.last, !h.at.IsZero() && s.db.Now().Sub(h.at).Abs() < readyFresh
	h.mu.Unlock()
	if fresh {
		return last
	}
	looked := h.looking.DoChan("", func() (any, error) {
		r := s.look(context.WithoutCancel(ctx))
		h.mu.Lock()
		defer h.mu.Unlock()
		h.last, h.at = r, s.db.Now()
		return r, nil
	})
	late := time.NewTimer(readyWithin)
	defer late.Stop()
	select {
	case r := <-looked:
		if r.Err == nil {
			return r.Val.(readiness)
		}
	case <-late.C:
	case <-ctx.Done():
	}
	return readiness{Checks: []readyCheck{{"write", "slow"}}}
}

// look makes every check. What is wrong goes to the log, for the answer is public.
func (s *Server) look(ctx context.Context) readiness {
	r := readiness{Ready: true}
	for _, check := range []struct {
		name string
		look func(context.Context) (string, error)
	}{{"schema", s.lookAtSchema}, {"write", s.lookAtWriting}, {"disk", s.lookAtDisk}} {
		code, err := check.look(ctx)
		if code != "ok" {
			r.Ready = false
			s.log.WarnContext(ctx, "not ready", "check", check.name, "code", code, "err", err)
		}
		r.Checks = append(r.Checks, readyCheck{check.name, code})
	}
	return r
}

func (s *Server) lookAtSchema(ctx context.Context) (code string, err error) {
	have, want, err := s.db.Schema(ctx)
	switch {
	case err != nil:
		return "unreadable", err
	case have < want:
		return "older", fmt.Errorf("schema %d of %d", have, want)
	case have > want:
		return "newer", fmt.Errorf("schema %d of %d", have, want)
	}
	return "ok", nil
}

func (s *Server) lookAtWriting(ctx context.Context) (code string, err error) {
	if err := s.db.Probe(ctx); err != nil {
		return "refused", err
	}
	return "ok", nil
}

func (s *Server) lookAtDisk(context.Context) (code string, err error) {
	if s.health.data == "" {
		return "ok", nil
	}
	free, _, err := store.Disk(s.health.data)
	switch {
	case err != nil:
		return "unreadable", err
	case free < diskLeast:
		return "full", fmt.Errorf("%d bytes left", free)
	}
	return "ok", nil
}
