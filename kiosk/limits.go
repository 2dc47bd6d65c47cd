package kiosk

import (
	"cmp"
	"math"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"sportello/booking"
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

// How many starts one may have held within booking.HoldFor, without those given up: an account, device or
// program by itself, and all others of one network address together. So nobody holds a whole diary, nor
// books it for people there are not.
const (
	ownHolds     = 50
	addressHolds = 5
)

// errTooMany is returned to who asks too often; a second later there is room for many again.
var errTooMany = fault.New(fault.TooMany, "too_many_requests", "seconds", 1)

// How often the visitors of one network address may name an appointment that there is not: once in so
// long, and faster for a moment.
const (
	guessEvery = 10 * time.Second
	guessBurst = 30
)

// limits counts what each asks. It forgets who has been quiet for a while.
type limits struct {
	mu      sync.Mutex
	askers  map[string]*asker
	swept   time.Time
	streams map[string]int // open, by asker
	holds   map[string][]*holding
}

// holding is a hold that counts on its asker until an instant.
type holding struct {
	token string // "" while it is being made
	until time.Time
}

type asker struct {
	limiter *rate.Limiter
	last    time.Time
}

// sweepEvery is how often those are forgotten who have asked nothing for as long, and may again ask as
// fast as ever.
const sweepEvery = time.Minute

func newLimits() *limits {
	return &limits{askers: make(map[string]*asker), streams: make(map[string]int), holds: make(map[string][]*holding)}
}

// allow refuses a request too many of its visitor.
func (l *limits) allow(c echo.Context, v visitor, now time.Time) error {
	key, _ := asks(c, v)
	if l.of(key, now, askPerSecond, askBurst).AllowN(now, 1) {
		return nil
	}
	return errTooMany
}

// guess refuses who named too many appointments that there are not; missed notes one more.
func (l *limits) guess(c echo.Context, now time.Time, missed bool) error {
	limiter := l.of("guess "+from(c).Address, now, rate.Every(guessEvery), guessBurst)
	if missed {
		limiter.AllowN(now, 1)
	}
	if limiter.TokensAt(now) < 1 {
		return errTooMany
	}
	return nil
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

// spend counts a request as cost of them, so that who asks for much asks the less often.
func (l *limits) spend(c echo.Context, v visitor, now time.Time, cost int) error {
	key, _ := asks(c, v)
	if l.of(key, now, askPerSecond, askBurst).AllowN(now, min(cost, askBurst)) {
		return nil
	}
	return errTooMany
}

// countHold counts a hold that is to be made on its asker. The caller tells made the hold's token, or "" when
// there was none to make.
func (l *limits) countHold(c echo.Context, v visitor, now time.Time) (made func(token string), err error) {
	key, known := asks(c, v)
	most := addressHolds
	if known {
		most = ownHolds
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropHolds(key, func(h *holding) bool { return !now.Before(h.until) })
	if held := l.holds[key]; len(held) >= most {
		wait := held[0].until.Sub(now)
		return func(string) {}, fault.New(fault.TooMany, "too_many_holds", "seconds", int(math.Ceil(wait.Seconds())))
	}
	h := &holding{until: now.Add(booking.HoldFor)}
	l.holds[key] = append(l.holds[key], h)
	return func(token string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if h.token = token; token == "" {
			l.dropHolds(key, func(other *holding) bool { return other == h })
		}
	}, nil
}

// released has a hold that its asker gave up count no more.
func (l *limits) released(c echo.Context, v visitor, token string) {
	key, _ := asks(c, v)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropHolds(key, func(h *holding) bool { return h.token == token })
}

// dropHolds forgets some of the holds of an asker.
func (l *limits) dropHolds(key string, over func(h *holding) bool) {
	if l.holds[key] = slices.DeleteFunc(l.holds[key], over); len(l.holds[key]) == 0 {
		delete(l.holds, key)
	}
}

func (l *limits) of(key string, now time.Time, often rate.Limit, burst int) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.swept) > sweepEvery {
		for key, a := range l.askers {
			if now.Sub(a.last) > sweepEvery && a.limiter.TokensAt(now) >= float64(a.limiter.Burst()) {
				delete(l.askers, key)
			}
		}
		for key := range l.holds {
			l.dropHolds(key, func(h *holding) bool { return !now.Before(h.until) })
		}
		l.swept = now
	}
	a := l.askers[key]
	if a == nil {
		a = &asker{limiter: rate.NewLimiter(often, burst)}
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
