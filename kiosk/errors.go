package kiosk

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/internal/fault"
	"sportello/static"
)

// errorView is the page that a person gets.
type errorView struct {
	Page
	prefs  // of the kiosk
	Status int
	Code   string
	Title  string
	Hint   string
	Back   string // where to go on; "" there is no way with this account
	On     string // the message that says so
}

// Refused reports whether it is the account that may not, so that another might.
func (v errorView) Refused() bool { return v.Status == http.StatusForbidden }

// fail turns an error into the answer: a page in the reader's language, or a problem document for
// programs. It is the only place that does.
func (s *Server) fail(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	f := asFault(err)
	if f.Kind >= http.StatusInternalServerError {
		s.log.Error("request failed", "route", c.Path(), "id", c.Response().Header().Get("X-Request-Id"), "error", err)
	}
	retryAfter(c.Response().Header(), f)
	if forProgram(c) {
		err = s.failProgram(c, f, language(c))
	} else {
		err = s.failPage(c, f)
	}
	if err != nil {
		s.log.Error("cannot answer with an error", "route", c.Path(), "error", err)
	}
	if !c.Response().Committed {
		http.Error(c.Response(), http.StatusText(int(f.Kind)), int(f.Kind))
	}
}

func (s *Server) failPage(c echo.Context, f *fault.Error) error {
	at := surfaceOf(c.Request().URL.Path)
	if f.Kind == fault.SignIn && at.door != "" && c.Request().Method == http.MethodGet {
		door := at.door
		if door == "/sign-in" {
			door += "?" + url.Values{"then": {c.Request().URL.RequestURI()}}.Encode()
		}
		return c.Redirect(http.StatusSeeOther, door)
	}
	if at.door == "/sign-in" && f.Kind == fault.Denied && c.Request().URL.Path == at.back {
		at.back = "" // nor would they be let in a second time
	}
	lang := at.language(c, f)
	return s.render(c, int(f.Kind), at.folder+"/error", errorView{
		Page: page(lang), prefs: prefsOf(c), Status: int(f.Kind), Code: f.Code, Back: at.back, On: at.on,
		Title: static.Text(lang, "fault."+f.Code+".title", pairs(f, lang)...),
		Hint:  static.Text(lang, "fault."+f.Code+".hint", pairs(f, lang)...),
	})
}

// surface is what a path's errors are told by.
type surface struct {
	folder   string // of the templates, whose layout they wear
	staff    bool   // nobody else reads them
	back, on string // where a person goes on, and the message that says so
	door     string // where a person is let in who is not; "" nowhere
}

func surfaceOf(path string) surface {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch first {
	case "kiosk":
		return surface{folder: "lobby", back: "/kiosk", on: "lobby.bar.restart", door: "/enrol"}
	case "board":
		return surface{folder: "board", staff: true, back: "/board", door: "/enrol"}
	case "desk", "account", "password", "sign-in", "sign-out", "lock", "unlock":
		return surface{folder: "desk", staff: true, back: "/desk", on: "fault.on", door: "/sign-in"}
	case "manage":
		return surface{folder: "manage", staff: true, back: "/manage", on: "fault.on", door: "/sign-in"}
	case "enrol":
		return surface{folder: "public", staff: true, back: "/enrol", on: "public.enrol.title"}
	case "t":
		return surface{folder: "phone", back: "/", on: "public.home"}
	}
	return surface{folder: "public", back: "/", on: "public.home"}
}

// language is the reader's, as far as the surface and the catalogue have the fault's words in it.
func (at surface) language(c echo.Context, f *fault.Error) string {
	lang := language(c)
	if at.staff {
		lang = deskLanguage(c)
	}
	if !static.Has(lang, "fault."+f.Code+".title") {
		return static.Italian
	}
	return lang
}

// forProgram reports whether the one who asked wants a problem document.
func forProgram(c echo.Context) bool {
	return strings.HasPrefix(c.Request().URL.Path, "/api/") ||
		strings.Contains(c.Request().Header.Get("Accept"), "json")
}

// asFault gives every error a code: those of echo by their status, unknown ones as a defect.
func asFault(err error) *fault.Error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return f
	}
	if h := (*echo.HTTPError)(nil); errors.As(err, &h) {
		switch h.Code {
		case http.StatusUnauthorized:
			return errSignIn
		case http.StatusForbidden:
			return errDenied
		case http.StatusNotFound:
			return fault.New(fault.Missing, "no_such_page")
		case http.StatusMethodNotAllowed:
			return fault.New(http.StatusMethodNotAllowed, "method_not_allowed")
		case http.StatusRequestEntityTooLarge:
			return fault.New(fault.TooLarge, "too_large")
		case http.StatusUnsupportedMediaType:
			return errMediaType
		case http.StatusTooManyRequests:
			return fault.New(http.StatusTooManyRequests, "too_many_requests")
		case http.StatusServiceUnavailable:
			return fault.New(fault.Unavailable, "unavailable")
		}
		if h.Code < http.StatusInternalServerError {
			return fault.New(fault.Kind(h.Code), "malformed")
		}
	}
	return fault.New(http.StatusInternalServerError, "defect")
}

// pairs are a fault's values as its message wants them: instants become a date and a clock time, a
// desk is told without the word that the message has, and with its office where it may be another.
func pairs(f *fault.Error, lang string) []any {
	var out []any
	for name, value := range f.Args {
		if at, ok := value.(time.Time); ok {
			if at.IsZero() {
				continue // the texts leave it out
			}
			out = append(out, name+"_date", static.Date(lang, at, static.Day), name+"_time", at.Format("15:04"))
			continue
		}
		if desk, ok := value.(string); ok && name == "desk" {
			value = deskIn(desk, f.Args["office"])
		}
		out = append(out, name, value)
	}
	return out
}

// deskIn is a desk's name after the word "sportello": "Sportello 2" is "2". An office is added.
func deskIn(name string, office any) string {
	sign := static.Text(static.Italian, "board.desk", "n", 1) + " "
	if len(name) > len(sign) && strings.EqualFold(name[:len(sign)], sign) {
		name = name[len(sign):]
	}
	if office, ok := office.(string); ok && office != "" {
		return name + " (" + office + ")"
	}
	return name
}
