package kiosk

import (
	"context"
	"fmt"
	"time"

	"sportello/booking/territory"
	"sportello/internal/live"
	"sportello/internal/store"
	"sportello/queue"
)

// surfaceOffice is the one live surface: the picture of an office from which every screen shows
// its part.
const surfaceOffice = "office"

// pictureFresh is how long a picture is shown again while its office does not change: estimates move
// with time, though slowly.
const pictureFresh = 5 * time.Second

// picture returns what an office's screens show now.
func (s *Server) picture(ctx context.Context, office string) (*queue.Picture, error) {
	var p *queue.Picture
	err := s.db.View(ctx, func(tx *store.Tx) error {
		version, err := territory.Version(ctx, tx, office)
		if err != nil {
			return err
		}
		if last, ok := s.pictures.Load(office); ok {
			p = last.(*queue.Picture)
			if p.Version == version && tx.Now.Sub(p.Now).Abs() < pictureFresh {
				return nil
			}
		}
		if p, err = queue.Read(ctx, tx, office); err != nil {
			return err
		}
		s.pictures.Store(office, p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("picture of an office: %w", err)
	}
	return p, nil
}

// watch follows an office; the states' values are pictures.
func (s *Server) watch(ctx context.Context, office string) (*live.Watch, error) {
	return s.hub.Watch(ctx, office, surfaceOffice)
}

func (s *Server) build(ctx context.Context, office, _ string) (live.State, error) {
	p, err := s.picture(ctx, office)
	if err != nil {
		return live.State{}, err
	}
	return live.State{Version: p.Version, Value: p}, nil
}

func (s *Server) versions(ctx context.Context, offices []string) (map[string]int64, error) {
	versions := make(map[string]int64, len(offices))
	err := s.db.View(ctx, func(tx *store.Tx) error {
		for _, office := range offices {
			version, err := territory.Version(ctx, tx, office)
			if err != nil {
				return err
			}
			versions[office] = version
		}
		return nil
	})
	return versions, err
}
