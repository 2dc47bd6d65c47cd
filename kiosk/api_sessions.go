package kiosk

import (
	"context"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
)

// sessionJSON is a session that many share, as programs get it.
type sessionJSON struct {
	ID       string  `json:"id"`
	Service  string  `json:"service"`
	Office   string  `json:"office"`
	Topic    string  `json:"topic"`
	Language *string `json:"language"` // null: not said
	Start    string  `json:"start"`
	End      string  `json:"end"`
	Capacity int     `json:"capacity"` // people
	Free     int     `json:"free"`     // 0: there is a waiting list
}

// seatJSON is a seat in a session, or a place in its waiting list, as its citizen's program gets it.
type seatJSON struct {
	Token     string            `json:"token"`
	Reference string            `json:"reference"`
	State     booking.SeatState `json:"state"`
	People    int               `json:"people"`
	Session   sessionJSON       `json:"session"`
	URL       string            `json:"url"`
}

func sessionFor(x booking.Session, zone *time.Location) sessionJSON {
	out := sessionJSON{
		ID: x.ID, Service: x.Service, Office: x.Office, Topic: x.Topic, Capacity: x.Capacity, Free: x.Free(),
		Start: x.Start.In(zone).Format(time.RFC3339), End: x.End.In(zone).Format(time.RFC3339),
	}
	if x.Language != "" {
		out.Language = &x.Language
	}
	return out
}

// apiSessions lists the sessions ahead of an office, or of a territory.
func (s *Server) apiSessions(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	var all []sessionJSON
	err := s.db.View(ctx, func(tx *store.Tx) error {
		in, at := c.QueryParam("territory"), c.QueryParam("office")
		if at != "" {
			o, err := territory.Of(ctx, tx, at)
			if err != nil {
				return err
			}
			in = o.Territory.ID
		}
		t, err := territoryAsked(ctx, tx, in)
		if err != nil {
			return err
		}
		sessions, err := booking.Upcoming(ctx, tx, t.ID, at)
		for _, x := range sessions {
			if o, ok := t.Office(x.Office); ok {
				all = append(all, sessionFor(x, o.Zone()))
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	part, next, err := listed(c, all, func(x sessionJSON) string { return x.ID })
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, listJSON[sessionJSON]{Items: append([]sessionJSON{}, part...), Next: next})
}

type seatBody struct {
	Contact  contactBody `json:"contact"`
	Language string      `json:"language"`
	People   *int        `json:"people"`
	Note     string      `json:"note"`
}

func (b *seatBody) check(w *wrongs) {
	w.need("contact.name", b.Contact.Name)
	w.need("language", b.Language)
	w.among("language", b.Language, territory.Languages())
}

// apiTakeSeat gives somebody a seat in a session, or a place in its waiting list.
func (s *Server) apiTakeSeat(c echo.Context, v visitor) error {
	var body seatBody
	if err := decode(c, &body); err != nil {
		return err
	}
	people := 1
	if body.People != nil {
		people = *body.People
	}
	details := booking.Details{Contact: booking.Contact(body.Contact), Language: body.Language, Note: body.Note, By: v.by()}
	made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (access.Made, error) {
		x, err := booking.SessionByID(ctx, tx, c.Param("id"))
		if err != nil {
			return access.Made{}, err
		}
		if err := v.booksAt(ctx, tx, x.Office); err != nil {
			return access.Made{}, err
		}
		seat, err := booking.Enrol(ctx, tx, s.key, x.ID, details, people)
		if err != nil {
			return access.Made{}, underContact(err)
		}
		if seat.State == booking.SeatTaken {
			err = s.tellSeat(ctx, tx, x, seat, newsBooked)
		}
		return access.Made{Status: http.StatusCreated, ID: seat.ID}, err
	})
	if err != nil {
		return err
	}
	return s.answerSeat(c, made.Status, booking.SeatByID, made.ID)
}

// seatWith reads a seat with its session.
func seatWith(ctx context.Context, tx *store.Tx, find func(context.Context, *store.Tx, string) (booking.Seat, error), by string) (booking.Seat, booking.Session, error) {
	seat, err := find(ctx, tx, by)
	if err != nil {
		return seat, booking.Session{}, err
	}
	x, err := booking.SessionByID(ctx, tx, seat.Session)
	return seat, x, err
}

func (s *Server) answerSeat(c echo.Context, status int, find func(context.Context, *store.Tx, string) (booking.Seat, error), by string) error {
	ctx := c.Request().Context()
	var out seatJSON
	err := s.db.View(ctx, func(tx *store.Tx) error {
		seat, x, err := seatWith(ctx, tx, find, by)
		if err != nil {
			return err
		}
		o, err := territory.Of(ctx, tx, x.Office)
		if err != nil {
			return err
		}
		out = seatJSON{seat.Token, seat.Reference, seat.State, seat.People, sessionFor(x, o.Zone()), s.baseURL + seatPath(seat)}
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(status, out)
}

func (s *Server) apiSeat(c echo.Context, _ visitor) error {
	return s.answerSeat(c, http.StatusOK, booking.SeatByToken, c.Param("token"))
}

// apiLeaveSeat gives a seat up; a second time changes nothing.
func (s *Server) apiLeaveSeat(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		seat, x, err := seatWith(ctx, tx, booking.SeatByToken, c.Param("token"))
		if err != nil || seat.State == booking.SeatGivenUp {
			return err
		}
		return s.leaveSeat(ctx, tx, x, seat)
	})
	if err != nil {
		return err
	}
	return s.apiSeat(c, v)
}
