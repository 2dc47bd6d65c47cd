// Package jobs runs the periodic work of the process as one supervised group.
//
// A run that fails or panics is logged and tried again after a pause that doubles; it harms no
// other job. A job with a lease runs in one process at a time among those that share a database.
package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"sportello/internal/store"
)

// Job is work that is done again and again.
type Job struct {
	// Name is unique; it names the job in the log and its lease in the database.
	Name string
	// Every is the pause between two runs; 0 means that the job runs only when woken. The first run
	// is at once, so that it finds what was left over.
	Every time.Duration
	// Wake ends the pause. Whoever sends must not wait: the job may be running, or another process
	// may hold its lease. nil means that nothing does.
	Wake <-chan struct{}
	// Lease has only one process at a time run the job. Its context ends when the lease is lost; as
	// a run may take note of that late, what it does must be right even when another has begun.
	Lease bool
	// Run does the work.
	Run func(ctx context.Context) error
}

// The pause after a run that failed; it doubles with each further one.
const (
	firstPause   = time.Second
	longestPause = time.Minute
)

// Run runs jobs until ctx ends; every goroutine has ended when it returns. It returns nil.
func Run(ctx context.Context, db *store.DB, log *slog.Logger, jobs ...Job) error {
	var group sync.WaitGroup
	holder := store.NewID()
	for _, job := range jobs {
		log := log.With("job", job.Name)
		if job.Lease {
			lease := lease{db: db, log: log, name: job.Name, holder: holder}
			group.Go(func() { lease.keep(ctx, func(ctx context.Context) { repeat(ctx, log, job) }) })
			continue
		}
		group.Go(func() { repeat(ctx, log, job) })
	}
	group.Wait()
	return nil
}

// repeat runs job until ctx ends.
func repeat(ctx context.Context, log *slog.Logger, job Job) {
	pause := firstPause
	for ctx.Err() == nil {
		err := try(ctx, job)
		if err == nil {
			pause = firstPause
			wait(ctx, &job)
			continue
		}
		if ctx.Err() != nil {
			return
		}
		log.ErrorContext(ctx, "job failed", "err", err, "again_in", pause)
		sleep(ctx, pause)
		pause = min(2*pause, longestPause)
	}
}

// try makes one run; a panic in it is an error of this one run.
func try(ctx context.Context, job Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return job.Run(ctx)
}

// wait returns when job is to run again or ctx has ended.
func wait(ctx context.Context, job *Job) {
	var due <-chan time.Time
	if job.Every > 0 {
		timer := time.NewTimer(job.Every)
		defer timer.Stop()
		due = timer.C
	}
	select {
	case <-ctx.Done():
	case <-due:
	case _, open := <-job.Wake:
		if !open {
			job.Wake = nil
		}
	}
}

func sleep(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
