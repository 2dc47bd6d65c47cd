package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/calendar"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// The faults of calendars that are kept in step.
var (
	errCalendarOfficer = fault.New(fault.Invalid, "calendar_officer")
	errCalendarChoice  = fault.New(fault.Invalid, "calendar_collection")
)

// stepWithin is how long a page waits for a calendar to be brought in step; the rest follows by itself.
const stepWithin = 25 * time.Second

// addCollection adds the calendar of an officer at a server of calendars, or shows which there are to choose among.
func (s *Server) addCollection(c echo.Context, m *console, x calendar.Source, typed calendar.Access) error {
	ctx := c.Request().Context()
	x.Kind = calendar.CalDAV
	if x.Whose.Officer == "" {
		return s.showCalendar(c, m, x, typed, nil, errCalendarOfficer)
	}
	meant, tried, err := s.collectionOf(ctx, m, posted(c), typed)
	if err != nil || tried != nil {
		return s.showCalendar(c, m, x, typed, tried, err)
	}
	added := x
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		added, err = calendar.Add(ctx, tx, s.key, x, meant, m.by())
		return err
	})
	if err != nil {
		return s.showCalendar(c, m, x, typed, nil, err)
	}
	return s.readAndShow(c, added.ID, "calendar.add")
}

// collectionOf returns the calendar that a form means, or what there is to choose among at the server. What
// is chosen must be one that the server names: the password is told to no other.
func (s *Server) collectionOf(ctx context.Context, m *console, form url.Values, typed calendar.Access) (calendar.Access, *triedView, error) {
	found, err := s.calendars.Collections(ctx, typed)
	if problem := new(calendar.Problem); errors.As(err, &problem) {
		return typed, &triedView{Problem: m.calendarCode(problem.Code)}, nil
	}
	if err != nil {
		return typed, nil, err
	}
	chosen := slices.IndexFunc(found, func(x calendar.Collection) bool { return x.Address == form.Get("collection") })
	if len(found) == 1 {
		chosen = 0
	}
	if form.Get("do") != "try" && chosen >= 0 {
		typed.Address = found[chosen].Address
		return typed, nil, nil
	}
	view := &triedView{}
	for i, x := range found {
		view.Collections = append(view.Collections, collectionChoice{
			deskChoice: deskChoice{Value: x.Address, Text: x.Name, Chosen: i == chosen}, ReadOnly: x.ReadOnly,
		})
	}
	if form.Get("do") != "try" {
		err = errCalendarChoice
	}
	return typed, view, err
}

// collectionChoice is a calendar at a server.
type collectionChoice struct {
	deskChoice
	ReadOnly bool
}

// readAndShow reads a calendar that was just saved, so that the page already says what it came to.
func (s *Server) readAndShow(c echo.Context, id, what string) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), stepWithin)
	defer cancel()
	if _, err := s.calendars.Sync(ctx, id); err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return c.Redirect(http.StatusSeeOther, done("/manage/calendars/"+id, what))
}
