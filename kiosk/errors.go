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
	Status int
	Code   string
	Title  string
	Hint   string
	Back   string // where to go on
}

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
	lang := language(c)
	if forProgram(c) {
		err = s.failProgram(c, f, lang)
	} else {
		err = s.failPage(c, f, lang)
	}
	if err != nil {
		s.log.Error("cannot answer with an error", "route", c.Path(), "error", err)
	}
}

func (s *Server) failPage(c echo.Context, f *fault.Error, lang string) error {
	surface, back := surfaceOf(c.Request().URL.Path)
	if f.Kind == fault.SignIn && surface != "public" && c.Request().Method == http.MethodGet {
		if door := signInDoor(surface); door != "" {
			if surface != "lobby" && surface != "board" {
				door += "?" + url.Values{"then": {c.Request().URL.RequestURI()}}.Encode()
			}
			return c.Redirect(http.StatusSeeOther, door)
		}
	}
	return s.render(c, int(f.Kind), surface+"/error", errorView{
		Page: page(lang), Status: int(f.Kind), Code: f.Code, Back: back,
		Title: static.Text(lang, "fault."+f.Code+".title", pairs(f, lang)...),
		Hint:  static.Text(lang, "fault."+f.Code+".hint", pairs(f, lang)...),
	})
}

// surfaceOf says whose layout a path's errors wear, and where a person goes on from them.
func surfaceOf(path string) (surface, back string) {
	for prefix, surface := range map[string]string{"/kiosk": "lobby", "/board": "board", "/desk": "desk", "/account": "desk", "/t": "phone"} {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return surface, prefix
		}
	}
	return "public", "/"
}

// signInDoor is where a person who is not let into a surface is let in.
func signInDoor(surface string) string {
	switch surface {
	case "lobby", "board":
		return "/enrol"
	case "desk":
		return "/sign-in"
	}
	return ""
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
		case http.StatusNotFound:
			return fault.New(fault.Missing, "no_such_page")
		case http.StatusMethodNotAllowed:
			return fault.New(http.StatusMethodNotAllowed, "method_not_allowed")
		case http.StatusRequestEntityTooLarge:
			return fault.New(fault.TooLarge, "too_large")
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
