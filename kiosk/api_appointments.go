package kiosk

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// appointmentJSON is an appointment as its citizen gets it.
type appointmentJSON struct {
	Token        string        `json:"token"`
	Reference    string        `json:"reference"`
	State        booking.State `json:"state"`
	Service      string        `json:"service"`
	Office       string        `json:"office"`
	Start        *string       `json:"start"`
	End          *string       `json:"end"`
	Needs        []string      `json:"needs"`          // institutions that take part
	Documents    []string      `json:"documents"`      // to bring, in Italian
	CanMoveUntil *string       `json:"can_move_until"` // nil: no more
	URL          string        `json:"url"`
	CalendarURL  string        `json:"calendar_url"`
}

// appointmentFor is an appointment of o as its citizen gets it.
func (s *Server) appointmentFor(o *territory.Office, a booking.Appointment) appointmentJSON {
	url := s.baseURL + "/a/" + a.Token
	out := appointmentJSON{
		Token: a.Token, Reference: a.Reference, State: a.State, Service: a.Service, Office: a.Office,
		Start: stamp(a.Start, o.Zone()), End: stamp(a.End, o.Zone()), Needs: institutionsOf(a), Documents: []string{},
		URL: url, CalendarURL: url + ".ics",
	}
	if service, ok := o.Territory.Service(a.Service); ok {
		out.Documents = append(out.Documents, service.Documents...)
		if until := a.MoveUntil(service); a.State == booking.Booked && !s.db.Now().After(until) {
			out.CanMoveUntil = stamp(until, o.Zone())
		}
	}
	return out
}

// institutionsOf are those whose officers do an appointment.
func institutionsOf(a booking.Appointment) []string {
	ids := []string{}
	for _, x := range a.Staff {
		ids = append(ids, x.Institution)
	}
	return ids
}

// errUnknownAppointment is returned for an appointment that is none, or not yet.
var errUnknownAppointment = fault.New(fault.Missing, "unknown_appointment")

// appointmentOf reads an appointment and its office. What is only held is none, nor is a session.
func appointmentOf(ctx context.Context, tx *store.Tx, find func(context.Context, *store.Tx, string) (booking.Appointment, error), by string) (booking.Appointment, *territory.Office, error) {
	a, err := find(ctx, tx, by)
	if err != nil {
		return a, nil, err
	}
	if a.State == booking.Held || a.State == booking.Expired || a.Session {
		return a, nil, errUnknownAppointment
	}
	o, err := territory.Of(ctx, tx, a.Office)
	return a, o, err
}

func (s *Server) answerAppointment(c echo.Context, status int, find func(context.Context, *store.Tx, string) (booking.Appointment, error), by string) error {
	ctx := c.Request().Context()
	var out appointmentJSON
	err := s.db.View(ctx, func(tx *store.Tx) error {
		a, o, err := appointmentOf(ctx, tx, find, by)
		if err == nil {
			out = s.appointmentFor(o, a)
		}
		return err
	})
	if err != nil {
		return err
	}
	return c.JSON(status, out)
}

type contactBody struct {
	Name       string `json:"name"`
	Email      string `json:"email"`
	Phone      string `json:"phone"`
	FiscalCode string `json:"fiscal_code"`
}

type bookBody struct {
	Hold     string      `json:"hold"`
	Contact  contactBody `json:"contact"`
	Language string      `json:"language"`
	Note     string      `json:"note"`
}

func (b *bookBody) check(w *wrongs) {
	w.need("hold", b.Hold)
	w.need("contact.name", b.Contact.Name)
	w.need("language", b.Language)
	w.among("language", b.Language, territory.Languages())
}

// apiBook makes an appointment of a hold.
func (s *Server) apiBook(c echo.Context, v visitor) error {
	var body bookBody
	if err := decode(c, &body); err != nil {
		return err
	}
	details := booking.Details{Contact: booking.Contact(body.Contact), Language: body.Language, Note: body.Note, By: v.by()}
	made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (access.Made, error) {
		a, err := booking.Book(ctx, tx, s.key, body.Hold, details)
		if err != nil {
			return access.Made{}, underContact(err)
		}
		return access.Made{Status: http.StatusCreated, ID: a.ID}, s.tell(ctx, tx, a, newsBooked)
	})
	if err != nil {
		return err
	}
	return s.answerAppointment(c, made.Status, booking.ByID, made.ID)
}

func (s *Server) apiAppointment(c echo.Context, _ visitor) error {
	return s.answerAppointment(c, http.StatusOK, booking.ByToken, c.Param("token"))
}

// apiCancel cancels an appointment at its citizen's wish.
func (s *Server) apiCancel(c echo.Context, v visitor) error {
	ctx, token := c.Request().Context(), c.Param("token")
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		before, _, err := appointmentOf(ctx, tx, booking.ByToken, token)
		if err != nil || before.State == booking.Cancelled {
			return err
		}
		a, err := booking.Cancel(ctx, tx, token)
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, a, newsCancelled)
	})
	if err != nil {
		return err
	}
	return s.apiAppointment(c, v)
}

type moveBody struct {
	Hold string `json:"hold"`
}

func (b *moveBody) check(w *wrongs) { w.need("hold", b.Hold) }

// apiMove gives an appointment the time of a hold: staff of its office at any time, everybody else as
// its citizen.
func (s *Server) apiMove(c echo.Context, v visitor) error {
	var body moveBody
	if err := decode(c, &body); err != nil {
		return err
	}
	made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (access.Made, error) {
		a, o, err := appointmentOf(ctx, tx, booking.ByToken, c.Param("token"))
		if err != nil {
			return access.Made{}, err
		}
		if v.booksAsStaff() && v.in(o.Territory.ID, o.ID) {
			a, err = booking.MoveByStaff(ctx, tx, a.ID, body.Hold, v.by())
		} else {
			a, err = booking.Move(ctx, tx, a.Token, body.Hold)
		}
		if err != nil {
			return access.Made{}, err
		}
		return access.Made{Status: http.StatusOK, ID: a.ID}, s.tell(ctx, tx, a, newsMoved)
	})
	if err != nil {
		return err
	}
	return s.answerAppointment(c, made.Status, booking.ByID, made.ID)
}
