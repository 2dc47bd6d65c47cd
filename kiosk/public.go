package kiosk

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// deviceCookieLife is how long an enrolled device stays one without being used: browsers keep no cookie
// for longer (RFC 6265bis, section 5.5).
const deviceCookieLife = 400 * 24 * time.Hour

// frontView is the public front page: every office, and whether it is open.
type frontView struct {
	Page
	Other       string // the other language the page has
	OtherName   string
	Territories []frontTerritory
	Doors       []officeDoors // of a demonstration
}

type frontTerritory struct {
	Name    string
	Offices []frontOffice
}

type frontOffice struct {
	ID, Name, Address, Phone string
	Institutions             []string
	Open                     bool
	Until                    time.Time // when it closes; open
	Next                     time.Time // when it opens; closed, zero: not in sight
	Today                    bool      // Next is today
}

// officeDoors are the ways into one office of a demonstration.
type officeDoors struct {
	Name    string // of the office
	Screens []screenDoor
	Desks   []DemoDoor
}

// screenDoor is a kiosk's or a board's.
type screenDoor struct{ Key, Path string }

// enrolView asks a device for its code.
type enrolView struct {
	Page
	Code    string
	Refused *deskAlert
}

func (s *Server) publicRoutes() {
	s.handle(http.MethodGet, "/", access.SeePublic, s.front)
	s.handle(http.MethodGet, "/enrol", access.SeePublic, s.enrolPage)
	s.handle(http.MethodPost, "/enrol", access.SeePublic, s.enrol)
}

func (s *Server) front(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	var territories []*territory.Territory
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		territories, err = territory.List(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	return s.show(c, "public/front", frontOf(deskLanguage(c), territories, s.demo, s.db.Now()))
}

func frontOf(lang string, territories []*territory.Territory, doors []DemoDoor, now time.Time) frontView {
	view := frontView{Page: page(lang), Other: "en"}
	if lang == "en" {
		view.Other = static.Italian
	}
	view.OtherName = static.Text(view.Other, "language.own")
	for _, t := range territories {
		shown := frontTerritory{Name: t.Name}
		for _, o := range t.Offices {
			shown.Offices = append(shown.Offices, frontOfficeOf(o, now))
			if at := doorsOf(o, doors); len(at.Screens)+len(at.Desks) > 0 {
				view.Doors = append(view.Doors, at)
			}
		}
		view.Territories = append(view.Territories, shown)
	}
	return view
}

// doorsOf are the doors of an office: devices are enrolled by their code, desks need an account.
func doorsOf(o *territory.Office, doors []DemoDoor) officeDoors {
	at := officeDoors{Name: o.Name}
	for _, d := range doors {
		switch {
		case d.Office != o.ID:
		case d.Login != "":
			at.Desks = append(at.Desks, d)
		case strings.Contains(d.Path, "="+string(access.Board)+"-"):
			at.Screens = append(at.Screens, screenDoor{"public.demo.board", d.Path})
		default:
			at.Screens = append(at.Screens, screenDoor{"public.demo.kiosk", d.Path})
		}
	}
	return at
}

// frontHorizon is how many days ahead the next opening is looked for.
const frontHorizon = 60

func frontOfficeOf(o *territory.Office, now time.Time) frontOffice {
	view := frontOffice{ID: o.ID, Name: o.Name, Address: o.Address, Phone: o.Phone}
	for _, id := range o.Institutions {
		if i, ok := o.Territory.Institution(id); ok {
			view.Institutions = append(view.Institutions, i.Name)
		}
	}
	span, found := o.Calendar.Next(now, frontHorizon, func(d timetable.Date) []timetable.Span { return o.Calendar.Open(d, "", "") })
	switch {
	case !found:
	case span.From.After(now):
		view.Next, view.Today = span.From.In(o.Zone()), o.Today(now) == timetable.DateOf(span.From.In(o.Zone()))
	default:
		view.Open, view.Until = true, span.Until.In(o.Zone())
	}
	return view
}

func (s *Server) enrolPage(c echo.Context, _ visitor) error {
	return s.show(c, "public/enrol", enrolView{Page: page(deskLanguage(c)), Code: c.QueryParam("code")})
}

// enrol makes the browser the device whose code it was given.
func (s *Server) enrol(c echo.Context, _ visitor) error {
	code := posted(c).Get("code")
	device, token, err := access.Enrol(c.Request().Context(), s.db, code, from(c), access.Kiosk, access.Board)
	var f *fault.Error
	if errors.As(err, &f) {
		view := enrolView{Page: page(deskLanguage(c)), Code: code}
		view.Refused = refusal(view.Lang, f)
		retryAfter(c.Response().Header(), f)
		return s.render(c, int(f.Kind), "public/enrol", view)
	}
	if err != nil {
		return err
	}
	s.setCookie(c, cookieDevice+string(device.Kind), token, deviceCookieLife)
	return c.Redirect(http.StatusSeeOther, "/"+string(device.Kind))
}
