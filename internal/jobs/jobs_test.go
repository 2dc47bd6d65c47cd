package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/jobs"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// journal is a log that a test reads.
type journal struct {
	mu   sync.Mutex
	text strings.Builder
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }

// start runs the group and returns what ends it and waits for it.
func start(t *testing.T, db *store.DB, log *journal, group ...jobs.Job) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- jobs.Run(ctx, db, log.logger(), group...) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

// diary notes when a job ran, in seconds since the test began.
type diary struct {
	mu    sync.Mutex
	began time.Time
	at    []int
}

func newDiary() *diary { return &diary{began: time.Now()} }

func (d *diary) note() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at = append(d.at, int(time.Since(d.began)/time.Second))
}

func (d *diary) want(t *testing.T, want ...int) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if diff := cmp.Diff(want, d.at); diff != "" {
		t.Errorf("seconds at which the job ran (-want +got):\n%s", diff)
	}
}

func TestRunsAtOnceAndEvery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		diary := newDiary()
		stop := start(t, nil, new(journal), jobs.Job{
			Name: "sweep", Every: time.Minute,
			Run: func(context.Context) error {
				diary.note()
				time.Sleep(5 * time.Second)
				return nil
			},
		})
		time.Sleep(3 * time.Minute)
		stop()
		diary.want(t, 0, 65, 130)
	})
}

func TestWake(t *testing.T) {
	for _, test := range []struct {
		name  string
		every time.Duration
		want  []int
	}{
		{"and every minute", time.Minute, []int{0, 10, 20, 80}},
		{"alone", 0, []int{0, 10, 20}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				diary, wake := newDiary(), make(chan struct{}, 1)
				stop := start(t, nil, new(journal), jobs.Job{
					Name: "sweep", Every: test.every, Wake: wake,
					Run: func(context.Context) error { diary.note(); return nil },
				})
				for range 2 {
					time.Sleep(10 * time.Second)
					wake <- struct{}{}
				}
				time.Sleep(80 * time.Second)
				close(wake) // wakes once more and is then forgotten
				synctest.Wait()
				stop()
				diary.want(t, append(test.want, 100)...)
			})
		})
	}
}

func TestFailureIsLoggedAndTriedAgainLater(t *testing.T) {
	for _, test := range []struct {
		name string
		fail func() error
	}{
		{"error", func() error { return errors.New("mail server away") }},
		{"panic", func() error { panic("mail server away") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				failing, other, log := newDiary(), newDiary(), new(journal)
				var runs atomic.Int64
				stop := start(
					t, nil, log,
					jobs.Job{Name: "mail", Every: time.Hour, Run: func(context.Context) error {
						failing.note()
						if n := runs.Add(1); n <= 8 || n == 10 {
							return test.fail()
						}
						return nil
					}},
					jobs.Job{Name: "sweep", Every: time.Minute, Run: func(context.Context) error {
						other.note()
						return nil
					}},
				)
				time.Sleep(150 * time.Second)
				other.want(t, 0, 60, 120)
				time.Sleep(3 * time.Hour)
				stop()
				// 1, 2, 4, 8, 16, 32, 60, 60 s, then an hour, then 1 s again.
				failing.want(t, 0, 1, 3, 7, 15, 31, 63, 123, 183, 3783, 3784, 7384)
				if got := strings.Count(log.String(), "job=mail"); got != 9 || !strings.Contains(log.String(), "mail server away") {
					t.Errorf("logged %d times, want 9 with the cause:\n%s", got, log)
				}
			})
		})
	}
}

func TestEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := new(journal)
		wait := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		failed := func(context.Context) error { return errors.New("away") }
		done := func(context.Context) error { return nil }
		stop := start(
			t, nil, log,
			jobs.Job{Name: "running", Run: wait},
			jobs.Job{Name: "pausing", Run: failed},
			jobs.Job{Name: "waiting", Every: time.Hour, Run: done},
		)
		synctest.Wait()
		stop() // a goroutine left behind would fail the bubble
		if got := strings.Count(log.String(), "\n"); got != 1 {
			t.Errorf("logged %d lines, want only the failure:\n%s", got, log)
		}
	})
}

// onBoth runs f in a bubble with two processes' connections to one database, on each engine.
func onBoth(t *testing.T, f func(t *testing.T, here, there *store.DB)) {
	open := func(t *testing.T, address string) *store.DB {
		db, err := store.Open(t.Context(), store.Options{URL: address})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	pair := func(t *testing.T, address string) {
		synctest.Test(t, func(t *testing.T) { f(t, open(t, address), open(t, address)) })
	}
	t.Run("sqlite", func(t *testing.T) { pair(t, storetest.SQLiteURL(t)) })
	if server := os.Getenv("SPORTELLO_TEST_POSTGRES"); server != "" {
		t.Run("postgres", func(t *testing.T) { pair(t, storetest.PostgresURL(t, server)) })
	}
}

// worker is a process whose leased job notes that it runs.
type worker struct {
	runs    atomic.Int64
	running *atomic.Int64 // over all processes
	most    *atomic.Int64
}

func (w *worker) job() jobs.Job {
	return jobs.Job{Name: "sweep", Every: time.Second, Lease: true, Run: func(ctx context.Context) error {
		n := w.running.Add(1)
		defer w.running.Add(-1)
		w.most.Store(max(n, w.most.Load()))
		w.runs.Add(1)
		time.Sleep(500 * time.Millisecond)
		return nil
	}}
}

func newWorkers() (here, there *worker) {
	var running, most atomic.Int64
	return &worker{running: &running, most: &most}, &worker{running: &running, most: &most}
}

func TestLeaseIsHeldByOneProcess(t *testing.T) {
	onBoth(t, func(t *testing.T, here, there *store.DB) {
		first, second := newWorkers()
		stopFirst := start(t, here, new(journal), first.job())
		defer stopFirst()
		time.Sleep(time.Second)
		stopSecond := start(t, there, new(journal), second.job())
		defer stopSecond()

		time.Sleep(5 * time.Minute)
		if got := first.runs.Load(); got < 200 {
			t.Errorf("the holder ran %d times in 5 minutes, want 200: every 1.5 s without a gap", got)
		}
		if got := second.runs.Load(); got != 0 {
			t.Errorf("the other ran %d times beside the holder", got)
		}
		stopFirst()
		time.Sleep(11 * time.Second) // released: the next look finds it free
		if second.runs.Load() == 0 {
			t.Error("the other did not take over what was released")
		}
		if got := first.most.Load(); got != 1 {
			t.Errorf("%d ran at once", got)
		}
	})
}

func TestExpiredLeaseIsTakenOver(t *testing.T) {
	onBoth(t, func(t *testing.T, here, there *store.DB) {
		// A process that died holding the lease.
		exec(t, here, `INSERT INTO leases (name, holder, until) VALUES ('sweep', 'dead', $1)`,
			store.Millis(here.Now().Add(30*time.Second)))
		living, _ := newWorkers()
		defer start(t, there, new(journal), living.job())()
		time.Sleep(29 * time.Second)
		if got := living.runs.Load(); got != 0 {
			t.Errorf("ran %d times before the lease expired", got)
		}
		time.Sleep(12 * time.Second)
		if living.runs.Load() == 0 {
			t.Error("not taken over 41 s after the last renewal")
		}
	})
}

func TestLostLeaseEndsTheRun(t *testing.T) {
	for _, test := range []struct {
		name   string
		after  time.Duration // it is renewed every 10 s
		lose   func(t *testing.T, here, there *store.DB)
		within time.Duration
	}{
		{
			name:  "taken by another",
			after: 12 * time.Second,
			lose: func(t *testing.T, _, there *store.DB) {
				exec(t, there, `UPDATE leases SET holder = 'another', until = until + 60000`)
			},
			within: 10 * time.Second,
		},
		{
			name:   "database away",
			after:  12 * time.Second,
			lose:   func(_ *testing.T, here, _ *store.DB) { here.Close() },
			within: 25 * time.Second,
		},
		{
			name:   "database away before the first renewal",
			after:  time.Second,
			lose:   func(_ *testing.T, here, _ *store.DB) { here.Close() },
			within: 25 * time.Second,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBoth(t, func(t *testing.T, here, there *store.DB) {
				ended := make(chan time.Time, 1)
				defer start(t, here, new(journal), jobs.Job{Name: "sweep", Lease: true, Run: func(ctx context.Context) error {
					<-ctx.Done()
					select {
					case ended <- time.Now():
					default:
					}
					return nil
				}})()
				time.Sleep(test.after)
				lost := time.Now()
				test.lose(t, here, there)
				if got := (<-ended).Sub(lost); got > test.within {
					t.Errorf("run ended %v after the loss, want at most %v", got, test.within)
				}
			})
		})
	}
}

func TestLeaseIsReleasedAtTheEnd(t *testing.T) {
	onBoth(t, func(t *testing.T, here, there *store.DB) {
		stop := start(t, here, new(journal), func() jobs.Job { w, _ := newWorkers(); return w.job() }())
		time.Sleep(time.Second)
		if got, want := leases(t, there), []string{"sweep"}; !slices.Equal(got, want) {
			t.Errorf("leases while running: got %v, want %v", got, want)
		}
		stop()
		if got := leases(t, there); len(got) != 0 {
			t.Errorf("leases at the end: got %v, want none", got)
		}
	})
}

func exec(t *testing.T, db *store.DB, query string, args ...any) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func leases(t *testing.T, db *store.DB) (names []string) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) (err error) {
		names, err = store.Column[string](t.Context(), tx, `SELECT name FROM leases ORDER BY name`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
