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

// picture returns what an office's screens show now. Of those who ask at the same time one makes it.
func (s *Server) picture(ctx context.Context, office string) (*queue.Picture, error) {
	var version int64
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		version, err = territory.Version(ctx, tx, office)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("picture of an office: %w", err)
	}
	if p, fresh := s.kept(office, version); fresh {
		return p, nil
	}
	// The version is part of the key: who has just changed the office must not be handed a picture
	// begun before.
	made, err, _ := s.making.Do(fmt.Sprintf("%d %s", version, office), func() (any, error) {
		return s.makePicture(context.WithoutCancel(ctx), office, version) // others wait for it too
	})
	if err != nil {
		return nil, fmt.Errorf("picture of an office: %w", err)
	}
	return made.(*queue.Picture), nil
}

// kept returns the last picture of an office and whether it can be shown for version.
func (s *Server) kept(office string, version int64) (*queue.Picture, bool) {
	last, ok := s.pictures.Load(office)
	if !ok {
		return nil, false
	}
	p := last.(*queue.Picture)
	return p, p.Version == version && s.db.Now().Sub(p.Now).Abs() < pictureFresh
}

// makePicture reads an office that is at version or past it, unless somebody has since it was looked
// for.
func (s *Server) makePicture(ctx context.Context, office string, version int64) (*queue.Picture, error) {
	if p, fresh := s.kept(office, version); fresh {
		return p, nil
	}
	var p *queue.Picture
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = queue.Read(ctx, tx, office)
		return err
	})
	if err == nil {
		s.pictures.Store(office, p)
	}
	return p, err
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
