package kiosk

import (
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/static"
)

// How long a citizen may be still before the kiosk asks whether they are there, and how long it
// then waits before it begins anew. Whoever asked for an easier screen gets twice the first.
const (
	lobbyIdle     = 60 * time.Second
	lobbyIdleLong = 90 * time.Second // on pages to type on, or to read
	lobbyWarn     = 30 * time.Second
)

// How long a number stays on the screen when nobody says "done": longer in an easier mode, and when
// the screen is all the citizen has.
const (
	lobbyShow     = 20 * time.Second
	lobbyShowLong = 60 * time.Second
)

// prefs is how a citizen wants the screens. It travels in the addresses of links and forms and
// nowhere else, so that nothing of it is left when the kiosk begins anew.
type prefs struct {
	Large      bool // text
	Contrast   bool
	Low        bool // what can be touched is in the lower half
	Slow       bool // more time
	Precedence bool // the citizen says they have it; why, nobody asks
}

// The names of the preferences in an address; a preference that is on has the value "1".
const (
	prefLarge      = "large"
	prefContrast   = "contrast"
	prefLow        = "low"
	prefSlow       = "slow"
	prefPrecedence = "precedence"
)

func prefsOf(c echo.Context) prefs {
	on := func(name string) bool { return c.QueryParam(name) == "1" }
	return prefs{
		Large: on(prefLarge), Contrast: on(prefContrast), Low: on(prefLow), Slow: on(prefSlow),
		Precedence: on(prefPrecedence),
	}
}

// Easier reports whether any of the easier modes is on.
func (p prefs) Easier() bool { return p.Large || p.Contrast || p.Low || p.Slow }

func (p prefs) values(lang string) url.Values {
	values := url.Values{"lang": {lang}}
	for name, on := range map[string]bool{
		prefLarge: p.Large, prefContrast: p.Contrast, prefLow: p.Low, prefSlow: p.Slow, prefPrecedence: p.Precedence,
	} {
		if on {
			values.Set(name, "1")
		}
	}
	return values
}

// frame is what every page of the kiosk begins with: the office, how this citizen wants the screens
// and where they are.
type frame struct {
	Page
	prefs
	Office       string
	Institutions []string
	Up           string // the page before this one; "" on the first
	Long         bool   // a page to type on, or to read
	Form         string // id of the form with what was typed, which whatever leads on takes along; "" nothing was
	Leave        string // id of the form by which one goes back; "" a link does

	path string
	own  url.Values // what this page's address says besides the preferences
	back []string   // names of own that the page before this one needs
}

func (s *Server) frame(c echo.Context, office *territory.Office, up string) frame {
	f := frame{
		Page: page(language(c)), prefs: prefsOf(c), Office: office.Name, Up: up,
		path: c.Path(), own: url.Values{}, back: []string{"need", "q", "book"},
	}
	for _, id := range office.Institutions {
		if institution, ok := office.Territory.Institution(id); ok {
			f.Institutions = append(f.Institutions, institution.Name)
		}
	}
	return f
}

// To is the address of a page of the kiosk that keeps the citizen's preferences; own are name, value
// pairs, of which empty values are left out.
func (f frame) To(path string, own ...string) string {
	values := f.values(f.Lang)
	for i := 0; i+1 < len(own); i += 2 {
		if own[i+1] != "" {
			values.Set(own[i], own[i+1])
		}
	}
	return path + "?" + values.Encode()
}

// Turn is the address of this page with a preference turned the other way.
func (f frame) Turn(name string) string {
	for known, on := range map[string]*bool{
		prefLarge: &f.Large, prefContrast: &f.Contrast, prefLow: &f.Low, prefSlow: &f.Slow, prefPrecedence: &f.Precedence,
	} {
		if known == name {
			*on = !*on
		}
	}
	return f.here()
}

// In is the address of this page in another language.
func (f frame) In(lang string) string { return f.Speaking(lang).here() }

// Speaking is this frame in another language.
func (f frame) Speaking(lang string) frame {
	f.Lang = lang
	return f
}

// Back is the address of the page before this one.
func (f frame) Back() string {
	var own []string
	for _, name := range f.back {
		own = append(own, name, f.own.Get(name))
	}
	return f.To(f.Up, own...)
}

// here is the address of this page.
func (f frame) here() string {
	values := f.values(f.Lang)
	for name, own := range f.own {
		values[name] = own
	}
	return f.path + "?" + values.Encode()
}

// Own is the name of the page's language in that language.
func (f frame) Own() string { return static.Text(f.Lang, "language.own") }

// Languages are those that the citizen may change to.
func (frame) Languages() []static.Language { return static.Languages() }

// Idle is after how many seconds the kiosk asks whether anybody is there.
func (f frame) Idle() int {
	idle := lobbyIdle
	if f.Long {
		idle = lobbyIdleLong
	}
	if f.Easier() {
		idle *= 2
	}
	return int(idle.Seconds())
}

// Warn is how many seconds the kiosk then waits for an answer.
func (frame) Warn() int { return int(lobbyWarn.Seconds()) }

// text is a message in the citizen's language.
func (f frame) text(key string, args ...any) string { return static.Text(f.Lang, key, args...) }

// day says on which day something is, seen from now: today, tomorrow, or a date.
func (f frame) day(at, now time.Time) string {
	switch timetable.DateOf(now.In(at.Location())).DaysUntil(timetable.DateOf(at)) {
	case 0:
		return f.text("lobby.today")
	case 1:
		return f.text("lobby.tomorrow")
	}
	return static.Date(f.Lang, at, static.Day)
}

// opening is what a whole office does at some moment.
type opening struct {
	open  bool      // now, or later today
	since time.Time // of the opening that is meant, in the office's zone; zero: none in sight
}

// lobbyHorizon is how many days ahead the next opening is looked for.
const lobbyHorizon = 60

func openingOf(office *territory.Office, now time.Time) opening {
	span, found := office.Calendar.Next(now, lobbyHorizon, func(d timetable.Date) []timetable.Span {
		return office.Calendar.Open(d, "", string(territory.WalkIn))
	})
	if !found {
		return opening{}
	}
	since := span.From.In(office.Zone())
	return opening{open: office.Today(now) == office.Today(since), since: since}
}

// part returns the page n of all, counted from one, with at most size on it; a page that is not
// there becomes the nearest.
func part[T any](all []T, n, size int) (shown []T, at, pages int) {
	pages = max(1, (len(all)+size-1)/size)
	at = min(max(n, 1), pages)
	return all[(at-1)*size : min(at*size, len(all))], at, pages
}

// pager is how one gets to the other pages of a long list.
type pager struct {
	At, Pages      int
	Previous, Next string // addresses; "" where there is none
}

func (f frame) pager(at, pages int) pager {
	p := pager{At: at, Pages: pages}
	address := func(n int) string {
		own := url.Values{}
		for name, values := range f.own {
			own[name] = values
		}
		own.Set("page", strconv.Itoa(n))
		f.own = own
		return f.here()
	}
	if at > 1 {
		p.Previous = address(at - 1)
	}
	if at < pages {
		p.Next = address(at + 1)
	}
	return p
}
