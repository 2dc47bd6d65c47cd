package live_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sportello/internal/live"
)

// source is what the hub reads in these tests: offices and their versions.
type source struct {
	mu       sync.Mutex
	versions map[string]int64
	builds   map[string]int           // by office
	hold     map[string]chan struct{} // a build of the office waits until it is closed
	err      error
	panics   bool
	log      strings.Builder
}

func newSource(offices ...string) *source {
	l := &source{versions: map[string]int64{}, builds: map[string]int{}, hold: map[string]chan struct{}{}}
	for _, office := range offices {
		l.versions[office] = 1
	}
	return l
}

func (l *source) hub() *live.Hub {
	return live.New(l.build, l.read, slog.New(slog.NewTextHandler(l, nil)))
}

// Write takes the log.
func (l *source) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.Write(line)
}

func (l *source) logged() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.log.String()
}

func (l *source) build(ctx context.Context, office, surface string) (live.State, error) {
	l.mu.Lock()
	l.builds[office]++
	version, hold, err, panics := l.versions[office], l.hold[office], l.err, l.panics
	count := l.builds[office]
	l.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return live.State{}, ctx.Err()
		}
	}
	if panics {
		panic("broken surface")
	}
	return live.State{Version: version, Value: fmt.Sprint(office, " ", surface, " ", count)}, err
}

func (l *source) read(_ context.Context, offices []string) (map[string]int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	all := maps.Clone(l.versions)
	maps.DeleteFunc(all, func(office string, _ int64) bool {
		for _, wanted := range offices {
			if office == wanted {
				return false
			}
		}
		return true
	})
	return all, nil
}

// set changes the lobby under its lock.
func (l *source) set(f func(l *source)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(l)
}

// commit is a change of office; the hub is not told.
func (l *source) commit(office string) (version int64) {
	l.set(func(l *source) {
		l.versions[office]++
		version = l.versions[office]
	})
	return version
}

func (l *source) built(office string) (n int) {
	l.set(func(l *source) { n = l.builds[office] })
	return n
}

// run runs the hub until the test ends. In a bubble a goroutine left behind fails the test.
func run(t *testing.T, hub *live.Hub) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- hub.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func watch(t *testing.T, hub *live.Hub, office string) *live.Watch {
	t.Helper()
	w, err := hub.Watch(t.Context(), office, "board")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.Close)
	return w
}

func version(w *live.Watch) int64 {
	state, _ := w.State()
	return state.Version
}

func replaced(channel <-chan struct{}) bool {
	select {
	case <-channel:
		return true
	default:
		return false
	}
}

func TestChangeReachesWatcher(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := newSource("isernia", "milano")
		hub := lobby.hub()
		run(t, hub)
		here, elsewhere := watch(t, hub, "isernia"), watch(t, hub, "milano")
		state, changed := here.State()
		if want := (live.State{Version: 1, Value: "isernia board 1"}); state != want {
			t.Fatalf("first state: got %v, want %v", state, want)
		}
		_, other := elsewhere.State()

		hub.Changed("isernia", lobby.commit("isernia"))
		<-changed
		if got := version(here); got != 2 {
			t.Errorf("version after the change: got %d, want 2", got)
		}
		if replaced(other) {
			t.Error("another office was replaced too")
		}
		hub.Changed("isernia", 2)
		hub.Changed("print:p1", 7)
		synctest.Wait()
		if got := lobby.built("isernia"); got != 2 {
			t.Errorf("builds after a version that is already shown: got %d, want 2", got)
		}
	})
}

func TestManyChangesWhileBuildingAreOneBuild(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := newSource("isernia")
		hub := lobby.hub()
		run(t, hub)
		w := watch(t, hub, "isernia")

		hold := make(chan struct{})
		lobby.set(func(l *source) { l.hold["isernia"] = hold })
		hub.Changed("isernia", lobby.commit("isernia"))
		synctest.Wait() // the build of version 2 is under way
		for range 1000 {
			hub.Changed("isernia", lobby.commit("isernia"))
		}
		close(hold)
		synctest.Wait()
		if got := version(w); got != 1002 {
			t.Errorf("version: got %d, want 1002", got)
		}
		if got := lobby.built("isernia"); got != 3 {
			t.Errorf("builds: got %d, want 3 (first, the one under way, one for the thousand)", got)
		}
	})
}

func TestSlowOfficeHoldsUpNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := newSource("isernia", "milano")
		hub := lobby.hub()
		run(t, hub)
		slow, quick := watch(t, hub, "isernia"), watch(t, hub, "milano")

		hold := make(chan struct{})
		lobby.set(func(l *source) { l.hold["isernia"] = hold })
		for range 20 {
			hub.Changed("isernia", lobby.commit("isernia"))
			hub.Changed("milano", lobby.commit("milano"))
			synctest.Wait()
		}
		if got := version(quick); got != 21 {
			t.Errorf("quick office: got version %d, want 21", got)
		}
		if got := version(slow); got != 1 {
			t.Errorf("slow office: got version %d, want 1", got)
		}
		close(hold)
		synctest.Wait()
		if got := version(slow); got != 21 {
			t.Errorf("slow office at last: got version %d, want 21", got)
		}
	})
}

func TestReaderThatDoesNotReadCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := newSource("isernia")
		hub := lobby.hub()
		run(t, hub)
		dead := watch(t, hub, "isernia")
		_, never := dead.State()
		for want := int64(2); want < 50; want++ {
			hub.Changed("isernia", lobby.commit("isernia"))
			synctest.Wait()
			if got := version(dead); got != want {
				t.Fatalf("version: got %d, want %d", got, want)
			}
		}
		if !replaced(never) {
			t.Error("the first state's channel is still open")
		}
	})
}

func TestChangeByAnotherProcessIsPolled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := newSource("isernia")
		hub := lobby.hub()
		run(t, hub)
		w := watch(t, hub, "isernia")
		_, changed := w.State()
		lobby.commit("isernia")
		began := time.Now()
		<-changed
		if got := time.Since(began); got > time.Second {
			t.Errorf("seen after %v, want at most 1s", got)
		}
		if got := version(w); got != 2 {
			t.Errorf("version: got %d, want 2", got)
		}
	})
}

func TestRefresh(t *testing.T) {
	for _, test := range []struct {
		name    string
		refresh func(hub *live.Hub)
		within  time.Duration
	}{
		{"asked for", func(hub *live.Hub) { hub.Refresh("isernia") }, 0},
		{"by the clock", func(*live.Hub) {}, 30 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lobby := newSource("isernia")
				hub := lobby.hub()
				run(t, hub)
				w := watch(t, hub, "isernia")
				_, changed := w.State()
				began := time.Now()
				test.refresh(hub)
				<-changed
				if got := time.Since(began); got > test.within {
					t.Errorf("built anew after %v, want %v", got, test.within)
				}
				state, _ := w.State()
				if want := (live.State{Version: 1, Value: "isernia board 2"}); state != want {
					t.Errorf("got %v, want %v", state, want)
				}
			})
		})
	}
}

func TestFailedBuildKeepsTheStateAndIsRetried(t *testing.T) {
	for _, test := range []struct {
		name       string
		breakIt    func(l *source)
		repair     func(l *source)
		wantLogged string
	}{
		{
			"error",
			func(l *source) { l.err = errors.New("disk gone") },
			func(l *source) { l.err = nil },
			"disk gone",
		},
		{
			"panic",
			func(l *source) { l.panics = true },
			func(l *source) { l.panics = false },
			"broken surface",
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lobby := newSource("isernia")
				hub := lobby.hub()
				run(t, hub)
				w := watch(t, hub, "isernia")
				lobby.set(test.breakIt)
				_, changed := w.State()
				hub.Refresh("isernia") // the version stays, so polling alone does not bring it back
				time.Sleep(10 * time.Second)
				if replaced(changed) {
					t.Error("replaced while failing")
				}
				log := lobby.logged()
				if got := strings.Count(log, "live state not built"); got != 1 || !strings.Contains(log, test.wantLogged) {
					t.Errorf("logged %d times, want once with %q:\n%s", got, test.wantLogged, log)
				}
				lobby.set(test.repair)
				time.Sleep(time.Second)
				synctest.Wait()
				if !replaced(changed) {
					t.Error("not replaced a second after the repair")
				}
			})
		})
	}
}

func TestVersionNeverGoesBackwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := newSource("isernia")
		lobby.set(func(l *source) { l.versions["isernia"] = 9 })
		hub := lobby.hub()
		run(t, hub)
		w := watch(t, hub, "isernia")
		lobby.set(func(l *source) { l.versions["isernia"] = 8 })
		hub.Refresh("isernia")
		synctest.Wait()
		if got := version(w); got != 9 {
			t.Errorf("got version %d, want 9", got)
		}
	})
}

func TestFirstBuild(t *testing.T) {
	t.Run("is shared by those who come meanwhile", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lobby := newSource("isernia")
			hub := lobby.hub() // Run is not needed for it
			hold := make(chan struct{})
			lobby.set(func(l *source) { l.hold["isernia"] = hold })
			var readers sync.WaitGroup
			for range 100 {
				readers.Go(func() { watch(t, hub, "isernia") })
			}
			synctest.Wait()
			close(hold)
			readers.Wait()
			if got := lobby.built("isernia"); got != 1 {
				t.Errorf("builds: got %d, want 1", got)
			}
		})
	})
	t.Run("goes on when the first reader goes away", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lobby := newSource("isernia")
			hub := lobby.hub()
			hold := make(chan struct{})
			lobby.set(func(l *source) { l.hold["isernia"] = hold })
			ctx, cancel := context.WithCancel(t.Context())
			var readers sync.WaitGroup
			readers.Go(func() {
				if w, err := hub.Watch(ctx, "isernia", "board"); err == nil {
					w.Close()
				}
			})
			synctest.Wait()
			readers.Go(func() { watch(t, hub, "isernia") })
			synctest.Wait()
			cancel()
			close(hold)
			readers.Wait()
		})
	})
	t.Run("a second reader that goes away does not wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lobby := newSource("isernia")
			hub := lobby.hub()
			hold := make(chan struct{})
			lobby.set(func(l *source) { l.hold["isernia"] = hold })
			var readers sync.WaitGroup
			readers.Go(func() { watch(t, hub, "isernia") })
			synctest.Wait()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := hub.Watch(ctx, "isernia", "board"); !errors.Is(err, context.Canceled) {
				t.Errorf("got error %v, want %v", err, context.Canceled)
			}
			close(hold)
			readers.Wait()
		})
	})
	t.Run("gives its error and is tried anew by the next reader", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			lobby := newSource("isernia")
			hub := lobby.hub()
			run(t, hub)
			gone := errors.New("disk gone")
			lobby.set(func(l *source) { l.err = gone })
			if _, err := hub.Watch(t.Context(), "isernia", "board"); !errors.Is(err, gone) {
				t.Errorf("got error %v, want %v", err, gone)
			}
			lobby.set(func(l *source) { l.err = nil })
			w := watch(t, hub, "isernia")
			hub.Changed("isernia", lobby.commit("isernia"))
			synctest.Wait()
			if got := version(w); got != 2 {
				t.Errorf("got version %d, want 2", got)
			}
		})
	})
}

func TestReconnectGetsTheNewest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lobby := newSource("isernia")
		hub := lobby.hub()
		run(t, hub)
		w := watch(t, hub, "isernia")
		w.Close()
		w.Close()
		hub.Changed("isernia", lobby.commit("isernia"))
		time.Sleep(time.Minute)
		if got := lobby.built("isernia"); got != 1 {
			t.Errorf("builds while nobody watches: got %d, want 1", got)
		}
		if got := version(watch(t, hub, "isernia")); got != 2 {
			t.Errorf("after the reconnect: got version %d, want 2", got)
		}
	})
}

// TestManyReaders runs on the real scheduler: readers come, read and go while others commit.
func TestManyReaders(t *testing.T) {
	const (
		readers = 200
		commits = 200
	)
	offices := []string{"bergamo", "isernia", "livorno"}
	lobby := newSource(offices...)
	hub := lobby.hub()
	run(t, hub)
	var group sync.WaitGroup
	for n := range readers {
		office := offices[n%len(offices)]
		group.Go(func() {
			for last := int64(0); last <= commits; {
				w, err := hub.Watch(t.Context(), office, "board")
				if err != nil {
					t.Error(err)
					return
				}
				for range 5 {
					state, changed := w.State()
					if state.Version < last {
						t.Errorf("version went from %d back to %d", last, state.Version)
					}
					if last = state.Version; last > commits {
						break
					}
					<-changed
				}
				w.Close()
			}
		})
	}
	for _, office := range offices {
		group.Go(func() {
			for range commits {
				hub.Changed(office, lobby.commit(office))
			}
		})
	}
	group.Wait()
}
