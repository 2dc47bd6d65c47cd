// Package live keeps what screens show up to date: state, not events.
//
// For each office and surface that somebody watches, the hub holds the newest State and a channel
// that is closed when it is replaced. It keeps no history: a reader that was slow or away gets the
// newest state and has missed nothing that still matters. Readers wait on the channel in their own
// goroutines, so one that does not read costs the others nothing.
//
// States are built by a function of the caller, which reads the database. The hub has one built
// when the first watcher comes, after every change it is told of, after changes by other processes,
// which it finds by polling versions, and at least every 30 seconds, because estimates move with
// the clock. The package knows neither SQL nor HTTP.
package live

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// pollEvery is how long a change by another process may stay unseen.
	pollEvery = time.Second
	// refreshPolls is after how many polls a state is built anew though nothing changed.
	refreshPolls = 30
	// builders is how many states are built at once, so that a slow one does not hold up the others
	// and all of them together leave connections for pages.
	builders = 4
)

// State is what a surface shows, and the version of the office it was read at.
type State struct {
	Version int64
	Value   any // must not be changed by anyone
}

// Build reads the state of an office's surface from one snapshot of the database.
type Build func(ctx context.Context, office, surface string) (State, error)

// Versions reads the present versions of offices; one that has none yet may be left out.
type Versions func(ctx context.Context, offices []string) (map[string]int64, error)

// Hub holds the states that are being watched. It is safe for use by many goroutines.
type Hub struct {
	build    Build
	versions Versions
	log      *slog.Logger
	wake     chan struct{} // holds one token while queue may be non-empty

	mu    sync.Mutex
	views map[string]map[string]*view // by office, then surface
	queue []*view                     // stale and not being built, oldest first
}

// view is an office's surface that somebody watches.
type view struct {
	office, surface string
	current         atomic.Pointer[edition]
	built           chan struct{} // closed when the first build has ended
	failed          error         // why it failed; set before built is closed

	// Guarded by Hub.mu.
	watchers int
	building bool
	stale    bool  // something changed since the last build began
	age      int   // polls since the last build
	err      error // of the last build
}

// edition is a state and the channel that is closed when the next one is there.
type edition struct {
	state    State
	replaced chan struct{}
}

// New returns a hub that builds states with build. It does nothing by itself before Run.
func New(build Build, versions Versions, log *slog.Logger) *Hub {
	return &Hub{
		build:    build,
		versions: versions,
		log:      log,
		wake:     make(chan struct{}, 1),
		views:    make(map[string]map[string]*view),
	}
}

// Changed tells the hub that office is now at version. It never waits for a reader or a build;
// offices that nobody watches, and versions already shown, cost nothing.
func (h *Hub) Changed(office string, version int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.changed(office, version)
}

func (h *Hub) changed(office string, version int64) {
	for _, v := range h.views[office] {
		if shown := v.current.Load(); shown == nil || shown.state.Version < version {
			h.mark(v)
		}
	}
}

// Refresh has every state of office built anew, though its version is the same.
func (h *Hub) Refresh(office string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, v := range h.views[office] {
		h.mark(v)
	}
}

// mark has v built, once, or once more when a build is already under way. h.mu is held.
func (h *Hub) mark(v *view) {
	if v.stale {
		return
	}
	v.stale = true
	if !v.building {
		h.enqueue(v)
	}
}

func (h *Hub) enqueue(v *view) {
	h.queue = append(h.queue, v)
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

// Watch is one reader's view of an office's surface.
type Watch struct {
	hub   *Hub
	view  *view
	close sync.Once
}

// Watch begins to watch a surface. The first watcher has the state built and waits for it, those
// who come meanwhile wait for the same build; when it fails they all get its error. The caller
// closes the Watch.
func (h *Hub) Watch(ctx context.Context, office, surface string) (*Watch, error) {
	v, first := h.join(office, surface)
	w := &Watch{hub: h, view: v}
	if first {
		// Others wait for this build too: it must not end because this one reader went away.
		h.begin(context.WithoutCancel(ctx), v)
	}
	select {
	case <-v.built:
	case <-ctx.Done():
		w.Close()
		return nil, ctx.Err()
	}
	if v.failed != nil {
		w.Close()
		return nil, fmt.Errorf("watch: %w", v.failed)
	}
	return w, nil
}

// join counts a watcher in and reports whether it is the one that has to build the state.
func (h *Hub) join(office, surface string) (v *view, first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v = h.views[office][surface]
	if v == nil {
		v = &view{office: office, surface: surface, built: make(chan struct{}), building: true}
		if h.views[office] == nil {
			h.views[office] = make(map[string]*view)
		}
		h.views[office][surface] = v
		first = true
	}
	v.watchers++
	return v, first
}

// begin builds the first state of v. When that fails nobody else may join v: the next one who comes
// shall try again.
func (h *Hub) begin(ctx context.Context, v *view) {
	defer close(v.built)
	h.rebuild(ctx, v)
	h.mu.Lock()
	defer h.mu.Unlock()
	if v.current.Load() == nil {
		v.failed = v.err
		h.drop(v)
	}
}

// State returns the newest state, and a channel that is closed when it is replaced. The version
// never goes backwards; after a refresh the same version may come with another value.
func (w *Watch) State() (State, <-chan struct{}) {
	e := w.view.current.Load()
	return e.state, e.replaced
}

// Close ends the watch; a state that nobody watches any more is dropped. It may be called twice.
func (w *Watch) Close() {
	w.close.Do(func() {
		w.hub.mu.Lock()
		defer w.hub.mu.Unlock()
		w.view.watchers--
		if w.view.watchers == 0 {
			w.hub.drop(w.view)
		}
	})
}

// Watchers returns how many readers each office has; one that has none is left out.
func (h *Hub) Watchers() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	counts := make(map[string]int, len(h.views))
	for office, surfaces := range h.views {
		for _, v := range surfaces {
			counts[office] += v.watchers
		}
	}
	return counts
}

// drop forgets v. h.mu is held.
func (h *Hub) drop(v *view) {
	surfaces := h.views[v.office]
	if surfaces[v.surface] != v {
		return
	}
	delete(surfaces, v.surface)
	if len(surfaces) == 0 {
		delete(h.views, v.office)
	}
}

// Run builds what is stale and looks for changes by others until ctx ends; its goroutines have
// ended when it returns. It returns nil.
func (h *Hub) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() { h.poll(ctx) })
	free := make(chan struct{}, builders)
	for {
		select {
		case free <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		v := h.next(ctx)
		if v == nil {
			return nil
		}
		group.Go(func() {
			h.rebuild(ctx, v)
			<-free
		})
	}
}

// next waits for a stale view and takes it to be built; it returns nil when ctx ends.
func (h *Hub) next(ctx context.Context) *view {
	for ctx.Err() == nil {
		if v := h.take(); v != nil {
			return v
		}
		select {
		case <-h.wake:
		case <-ctx.Done():
		}
	}
	return nil
}

func (h *Hub) take() *view {
	h.mu.Lock()
	defer h.mu.Unlock()
	for len(h.queue) > 0 {
		v := h.queue[0]
		h.queue = h.queue[1:]
		if v.watchers > 0 {
			v.building, v.stale = true, false
			return v
		}
	}
	h.queue = nil
	return nil
}

// rebuild builds the state of v, which is marked as being built, and hands it to the watchers.
// What changes meanwhile leads to one more build.
func (h *Hub) rebuild(ctx context.Context, v *view) {
	state, err := h.try(ctx, v)
	h.mu.Lock()
	defer h.mu.Unlock()
	// The first build's error goes to the watcher; later ones are logged once, not at every attempt.
	if err != nil && v.err == nil && v.current.Load() != nil && ctx.Err() == nil {
		h.log.ErrorContext(ctx, "live state not built", "office", v.office, "surface", v.surface, "err", err)
	}
	v.building, v.age, v.err = false, 0, err
	if err == nil {
		v.publish(state)
	}
	if v.stale {
		h.enqueue(v)
	}
}

// try calls build; a panic in it is an error of this one state.
func (h *Hub) try(ctx context.Context, v *view) (state State, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return h.build(ctx, v.office, v.surface)
}

// publish replaces the state unless that would show an older one.
func (v *view) publish(state State) {
	old := v.current.Load()
	if old != nil && state.Version < old.state.Version {
		return
	}
	v.current.Store(&edition{state: state, replaced: make(chan struct{})})
	if old != nil {
		close(old.replaced)
	}
}

// poll marks what other processes changed, what grew old, and what could not be built.
func (h *Hub) poll(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		offices := h.grow()
		if len(offices) == 0 {
			continue
		}
		versions, err := h.versions(ctx, offices)
		if err != nil && !failing && ctx.Err() == nil {
			h.log.ErrorContext(ctx, "versions of offices not read", "err", err)
		}
		failing = err != nil
		for office, version := range versions {
			h.Changed(office, version)
		}
	}
}

// grow makes every view a poll older and returns the offices that are watched.
func (h *Hub) grow() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	offices := make([]string, 0, len(h.views))
	for office, surfaces := range h.views {
		offices = append(offices, office)
		for _, v := range surfaces {
			v.age++
			if v.age >= refreshPolls || v.err != nil {
				h.mark(v)
			}
		}
	}
	return offices
}
