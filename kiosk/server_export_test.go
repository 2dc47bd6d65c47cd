package kiosk

import (
	"context"
	"net/http"
	"time"

	"sportello/queue"
)

// What can be said of a step at a desk.
var (
	Outcomes     = outcomes
	CallReasons  = callReasons
	ParkReasons  = parkReasons
	PauseReasons = pauseReasons

	CancelReasons = callOffReasons
)

// Picture is what an office's screens show now.
func (s *Server) Picture(ctx context.Context, office string) (*queue.Picture, error) {
	return s.picture(ctx, office)
}

// SetPulse has streams look at their readers every d.
func (s *Server) SetPulse(d time.Duration) { s.pulse = d }

// Routes are the methods and paths that the server answers, such as "GET /api/v1/tickets/:token".
func (s *Server) Routes() []string {
	var all []string
	for _, r := range s.echo.Routes() {
		all = append(all, r.Method+" "+r.Path)
	}
	return all
}

// Fail answers a request with an error.
func (s *Server) Fail(w http.ResponseWriter, r *http.Request, err error) {
	s.fail(err, s.echo.NewContext(r, w))
}
