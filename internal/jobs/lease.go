package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"sportello/internal/store"
)

const (
	// leaseFor is how long a lease holds in the database when it is not renewed.
	leaseFor = 30 * time.Second
	// renewEvery is how often it is renewed, and how often others look whether it is free.
	renewEvery = leaseFor / 3
	// leaseTrust is how long its holder relies on it: less, for renewing takes time and the clocks
	// of two machines differ.
	leaseTrust = leaseFor - 5*time.Second
)

// lease is the right to do the work of a name, held in the database by one process at a time.
type lease struct {
	db           *store.DB
	log          *slog.Logger
	name, holder string
}

// keep runs work whenever the lease is held, until ctx ends. The context of work ends with the
// lease.
func (l lease) keep(ctx context.Context, work func(ctx context.Context)) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		if held, err := l.claim(ctx); err != nil {
			l.failed(ctx, err)
		} else if held {
			l.hold(ctx, tick.C, work)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// hold runs work and renews the lease at every tick until it is lost or ctx ends.
func (l lease) hold(ctx context.Context, tick <-chan time.Time, work func(ctx context.Context)) {
	tenure, end := context.WithCancel(ctx)
	trust := time.AfterFunc(leaseTrust, end)
	defer trust.Stop()
	var group sync.WaitGroup
	group.Go(func() { work(tenure) })
	defer l.release(ctx)
	defer group.Wait()
	defer end()
	for {
		select {
		case <-tenure.Done():
			return
		case <-tick:
		}
		held, err := l.claim(tenure)
		switch {
		case err != nil:
			l.failed(tenure, err)
		case !held:
			return
		default:
			trust.Reset(leaseTrust)
		}
	}
}

func (l lease) failed(ctx context.Context, err error) {
	if ctx.Err() == nil {
		l.log.WarnContext(ctx, "lease not claimed", "err", err)
	}
}

// claim takes the lease when it is free or expired, renews it when it is held already, and reports
// whether it is held now.
func (l lease) claim(ctx context.Context) (held bool, err error) {
	const claim = `
		INSERT INTO leases (name, holder, until) VALUES ($1, $2, $3)
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
		WHERE leases.holder = excluded.holder OR leases.until <= $4`
	err = l.db.Update(ctx, func(tx *store.Tx) error {
		rows, err := tx.Exec(ctx, claim, l.name, l.holder, store.Millis(tx.Now.Add(leaseFor)), store.Millis(tx.Now))
		held = rows == 1
		return err
	})
	if err != nil {
		return false, fmt.Errorf("claim lease: %w", err)
	}
	return held, nil
}

// release gives the lease back, also after ctx has ended, so that another process need not wait
// until it expires.
func (l lease) release(ctx context.Context) {
	const release = `DELETE FROM leases WHERE name = $1 AND holder = $2`
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), renewEvery)
	defer cancel()
	err := l.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, release, l.name, l.holder)
		return err
	})
	if err != nil {
		l.log.WarnContext(ctx, "lease not released", "err", err)
	}
}
