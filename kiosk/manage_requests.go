package kiosk

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
)

// requestsPath is the address of what officers ask by what they did in their own calendars.
const requestsPath = "/manage/calendars/requests"

// requestsView lists what officers ask by what they did in their own calendars.
type requestsView struct {
	manageHead
	Requests []requestLine
}

type requestLine struct {
	ID, Office, Text, Asked string
	Appointment             string // address of its page
	Move                    bool
}

func (s *Server) requestRoutes() {
	s.manage(http.MethodGet, requestsPath, access.EditTerritory, s.requests)
	s.step(requestsPath+"/:id/accept", manageStep{
		may: access.EditTerritory, section: calendarsSection, words: "manage.request.accept",
		subject: requestSubject("accept"), do: s.acceptRequest, then: requestsPath,
	})
	s.step(requestsPath+"/:id/refuse", manageStep{
		may: access.EditTerritory, section: calendarsSection, words: "manage.request.refuse",
		subject: requestSubject("refuse"), do: refuseRequest, then: requestsPath,
	})
}

func (s *Server) requests(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := requestsView{manageHead: m.head(c, calendarsSection)}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		for _, o := range m.looked() {
			all, err := requestsAt(ctx, tx, o)
			if err != nil {
				return err
			}
			for _, q := range all {
				view.Requests = append(view.Requests, requestLine{
					ID: q.ID, Office: o.Name, Text: q.say(m, "asks"), Asked: m.since(q.AskedAt, o.Zone()),
					Appointment: entryAddress(q.Appointment), Move: q.Kind == calendar.ToMove,
				})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.show(c, "manage/requests", view)
}

// officerAsk is a request with what it takes to say it.
type officerAsk struct {
	calendar.Request
	office    *territory.Office
	officer   string // by name
	reference string
}

// requestsAt are the open requests at an office.
func requestsAt(ctx context.Context, tx *store.Tx, o *territory.Office) ([]officerAsk, error) {
	open, err := calendar.Requests(ctx, tx, o.ID)
	if err != nil {
		return nil, err
	}
	var all []officerAsk
	for _, q := range open {
		a, err := askedOf(ctx, tx, o, q)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func askedOf(ctx context.Context, tx *store.Tx, o *territory.Office, q calendar.Request) (officerAsk, error) {
	a, err := booking.ByID(ctx, tx, q.Appointment)
	if err != nil {
		return officerAsk{}, err
	}
	x := officerAsk{Request: q, office: o, officer: q.Officer, reference: a.Reference}
	if f, ok := o.Territory.Officer(q.Officer); ok {
		x.officer = f.Name
	}
	return x, nil
}

// say says a request in words that begin with a key.
func (q officerAsk) say(m *console, words string) string {
	return m.text("manage.request."+words+"."+string(q.Kind), q.args(m.lang)...)
}

func (q officerAsk) args(lang string) []any {
	at := func(t time.Time) string { return moment(lang, t.In(q.office.Zone())) }
	return []any{"officer", q.officer, "reference", q.reference, "from", at(q.Was), "to", at(q.To)}
}

func requestSubject(words string) func(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
	return func(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
		q, err := calendar.RequestByID(ctx, tx, id)
		if err != nil {
			return stepSubject{}, err
		}
		o, err := m.office(q.Office)
		if err != nil {
			return stepSubject{}, err
		}
		x, err := askedOf(ctx, tx, o, q)
		return stepSubject{x.say(m, words), requestsPath}, err
	}
}

// acceptRequest does what an officer asks for, and has the citizen told.
func (s *Server) acceptRequest(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	q, err := calendar.Accept(ctx, tx, id, m.by())
	if err != nil {
		return nil, err
	}
	if q.Kind == calendar.ToMove {
		moved, err := booking.MoveTo(ctx, tx, q.Appointment, q.To, m.by())
		if err != nil {
			return nil, err
		}
		return nil, s.tell(ctx, tx, moved, newsMoved)
	}
	o, err := m.office(q.Office)
	if err != nil {
		return nil, err
	}
	a, err := booking.ByID(ctx, tx, q.Appointment)
	if err != nil {
		return nil, err
	}
	_, err = s.callOff(ctx, tx, o, a, "officer_absent", m.by())
	return nil, err
}

func refuseRequest(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	return nil, calendar.Refuse(ctx, tx, id, m.by())
}
