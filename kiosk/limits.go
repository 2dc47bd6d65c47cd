package kiosk

import (
	"cmp"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"sportello/internal/fault"
)

// How often one may ask: an account, device or program by itself, and all others of one network
// address together, behind which a whole office may be. Each may ask faster for a moment. The static
// files are free.
const (
	askPerSecond = 50
	askBurst     = 300
)

// How many streams may be open at once: of an account, device or program, of all others of one network
// address, and of one ticket's page.
const (
	ownStreams     = 50
	addressStreams = 300
	ticketStreams  = 10
)

// errTooMany is returned to who asks too often; a second later there is room for many again.
var errTooMany = fault.New(fault.TooMany, "too_many_requests", "seconds", 1)

// limits counts what each asks. It forgets who has been quiet for a while.
type limits struct {
	mu      sync.Mutex
	askers  map[string]*asker
	swept   time.Time
	streams map[string]int // open, by asker
}

type asker struct {
	limiter *rate.Limiter
	last    time.Time
}

// sweepEvery is how often those are forgotten who have asked nothing for as long.
const sweepEvery = time.Minute

func newLimits() *limits {
	return &limits{askers: make(map[string]*asker), streams: make(map[string]int)}
}

// allow refuses a request too many of its visitor.
func (l *limits) allow(c echo.Context, v visitor, now time.Time) error {
	key, _ := asks(c, v)
	if l.of(key, now).AllowN(now, 1) {
		return nil
	}
	return errTooMany
}

// asks names what a request is counted on, and reports whether that is somebody known.
func asks(c echo.Context, v visitor) (key string, known bool) {
	if cmp.Or(v.user.ID, v.device.ID, v.program.ID) != "" {
		return v.by(), true
	}
	return from(c).Address, false
}

// stream counts a stream that is to be opened, on its asker and on the ticket of its address, and
// returns what is to be called when it ends.
func (l *limits) stream(c echo.Context, v visitor) (end func(), err error) {
	key, known := asks(c, v)
	most := map[string]int{key: addressStreams}
	if known {
		most[key] = ownStreams
	}
	if token := c.Param("token"); token != "" {
		most["ticket "+token] = ticketStreams
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, n := range most {
		if l.streams[key] >= n {
			return nil, errTooMany
		}
	}
	for key := range most {
		l.streams[key]++
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		for key := range most {
			if l.streams[key]--; l.streams[key] == 0 {
				delete(l.streams, key)
			}
		}
	}, nil
}

func (l *limits) of(key string, now time.Time) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > sweepEvery {
		for key, a := range l.askers {
			if now.Sub(a.last) > sweepEvery {
				delete(l.askers, key)
			}
		}
		l.swept = now
	}
	a := l.askers[key]
	if a == nil {
		a = &asker{limiter: rate.NewLimiter(askPerSecond, askBurst)}
		l.askers[key] = a
	}
	a.last = now
	return a.limiter
}

// retryAfter tells clients when a fault that passes by itself will have passed.
func retryAfter(h http.Header, f *fault.Error) {
	if seconds, ok := f.Args["seconds"].(int); ok && f.Kind == fault.TooMany {
		h.Set("Retry-After", strconv.Itoa(seconds))
	}
}
