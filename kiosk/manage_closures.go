package kiosk

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/store"
)

// closing is a closure of several offices at once.
type closing struct {
	territory.ClosureEntry
	Offices []string // none: all that the account reaches
}

// closingView is the form of a closure of several offices, and what it would come to.
type closingView struct {
	objectView
	Territories []deskChoice
	Asked       bool // what it comes to is shown
	Closed      []string
	strandedView
}

func (s *Server) closureRoutes() {
	s.manage(http.MethodGet, "/manage/closures", access.EditTerritory, s.closures)
	s.manage(http.MethodPost, "/manage/closures", access.EditTerritory, s.closeOffices)
}

func closingFields() []field[closing] {
	return []field[closing]{
		dateField("from", func(e *closing) *timetable.Date { return &e.From }),
		dateField("until", func(e *closing) *timetable.Date { return &e.Until }),
		intervalsField("intervals", func(e *closing) *[]timetable.Interval { return &e.Intervals }),
		textField("reason", func(e *closing) *string { return &e.Reason }),
		listField("institutions", func(e *closing) *[]string { return &e.Institutions }, choicesOf[closing](institutionChoices)),
		listField("offices", func(e *closing) *[]string { return &e.Offices }, func(x *editing, _ *closing) []deskChoice {
			return slices.DeleteFunc(officeChoicesOf(x), func(c deskChoice) bool { return c.Value == "" })
		}),
	}
}

// kindClosure is what the messages of the form begin with.
const kindClosure territory.Kind = "closure"

func (s *Server) closures(c echo.Context, m *console) error {
	t := m.chosenTerritory(c)
	if t == nil {
		return errOffice
	}
	return s.closingPage(c, m, &editing{console: m, kind: kindClosure, in: t, fresh: true}, closingView{}, nil)
}

// closingPage shows the form, after a refusal as it was typed.
func (s *Server) closingPage(c echo.Context, m *console, x *editing, view closingView, refused error) error {
	var all []fieldView
	for _, f := range closingFields() {
		all = append(all, f.show(x, "", new(closing)))
	}
	var problems territory.Problems
	if errors.As(refused, &problems) {
		for _, p := range problems {
			view.Rest = append(view.Rest, m.problem(p))
		}
		slices.Sort(view.Rest)
		view.Rest, refused = slices.Compact(view.Rest), errObject
	} else if len(x.wrong) > 0 {
		refused = errObject
	}
	alert, status, err := refusedWith(c, m.lang, refused)
	if err != nil {
		return err
	}
	view.manageHead, view.Fields, view.Refused, view.Back = m.head(c, "offices"), all, alert, "/manage/offices"
	view.Territories = m.ownTerritories(x.in.ID)
	return s.render(c, status, "manage/closures", view)
}

// closeOffices shows what a closure of several offices would come to, or saves it.
func (s *Server) closeOffices(c echo.Context, m *console) error {
	ctx, typed := c.Request().Context(), posted(c)
	x := &editing{console: m, kind: kindClosure, in: m.chosenTerritory(c), fresh: true, typed: typed, wrong: map[string]string{}}
	if x.in == nil {
		return errOffice
	}
	var e closing
	for _, f := range closingFields() {
		f.take(x, "", &e)
	}
	rearrange(typed)
	if len(x.wrong) > 0 {
		return s.closingPage(c, m, x, closingView{}, nil)
	}
	save := typed.Get("do") == "save"
	do := s.db.View
	if save {
		do = s.db.Update
	}
	var view closingView
	err := do(ctx, func(tx *store.Tx) error {
		change, names, err := m.closingChange(ctx, tx, x, e)
		if err != nil {
			return err
		}
		if save {
			return s.applyTelling(ctx, tx, m, x.in, change, typed.Get("stranded"))
		}
		after, err := territory.Try(ctx, tx, change)
		if err != nil {
			return err
		}
		view.Asked, view.Closed = true, names
		view.strandedView, err = m.stranded(ctx, tx, x.in, after)
		return err
	})
	if err == nil && save {
		return c.Redirect(http.StatusSeeOther, done("/manage/offices", "closures"))
	}
	return s.closingPage(c, m, x, view, err)
}

// closingChange closes the offices that were chosen, or all that the account reaches, and names them.
func (m *console) closingChange(ctx context.Context, tx *store.Tx, x *editing, e closing) (change territory.Change, names []string, err error) {
	f, err := territory.Load(ctx, tx, x.in.ID)
	if err != nil {
		return change, nil, err
	}
	change = territory.Change{Put: new(territory.File), By: m.by()}
	change.Put.Territory.ID = x.in.ID
	for _, o := range f.Offices {
		if !x.reaches(o.ID) || len(e.Offices) > 0 && !slices.Contains(e.Offices, o.ID) {
			continue
		}
		closure, closes := e.at(o)
		if !closes {
			continue
		}
		o.Closures = append(slices.Clone(o.Closures), closure)
		change.Put.Offices = append(change.Put.Offices, o)
		names = append(names, o.Name)
	}
	return change, names, nil
}

// at is the closure as one office has it, of those of the institutions that it hosts, and whether it is
// any.
func (e closing) at(o territory.OfficeEntry) (closure territory.ClosureEntry, closes bool) {
	closure = e.ClosureEntry
	if len(o.Institutions) > 0 {
		closure.Institutions = slices.DeleteFunc(slices.Clone(closure.Institutions), func(id string) bool { return !slices.Contains(o.Institutions, id) })
	}
	return closure, len(e.Institutions) == 0 || len(closure.Institutions) > 0
}
