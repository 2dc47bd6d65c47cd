package kiosk

import (
	"context"
	"time"

	"sportello/queue"
)

// Reachable reports whether phones can open a base address.
var Reachable = reachable

// Picture is what an office's screens show now.
func (s *Server) Picture(ctx context.Context, office string) (*queue.Picture, error) {
	return s.picture(ctx, office)
}

// SetPulse has streams look at their readers every d.
func (s *Server) SetPulse(d time.Duration) { s.pulse = d }
