package kiosk

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// bookingRoutes are the calls about appointments, below root and those of an office.
func (s *Server) bookingRoutes(root, office string) {
	appointment := root + "/appointments/:token"
	s.handle(http.MethodGet, root+"/availability", access.SeeOffices, s.apiAvailability)
	s.act(root+"/holds", access.Book, s.apiHold)
	s.handle(http.MethodDelete, root+"/holds/:token", access.Book, s.apiRelease)

	s.act(root+"/appointments", access.Book, s.apiBook)
	s.handle(http.MethodGet, appointment, access.OwnBooking, s.apiAppointment)
	s.handle(http.MethodDelete, appointment, access.OwnBooking, s.apiCancel)
	s.act(appointment+"/move", access.OwnBooking, s.apiMove)

	s.handle(http.MethodGet, root+"/sessions", access.SeeOffices, s.apiSessions)
	s.act(root+"/sessions/:id/seats", access.Book, s.apiTakeSeat)
	s.handle(http.MethodGet, root+"/seats/:token", access.OwnBooking, s.apiSeat)
	s.handle(http.MethodDelete, root+"/seats/:token", access.OwnBooking, s.apiLeaveSeat)

	s.handle(http.MethodGet, office+"/appointments", access.SeeDiary, s.apiDiary)
	s.act(appointment+"/reassign", access.EditDiary, apiDiaryStep(s, reassignStep))
	s.act(appointment+"/no-show", access.EditDiary, apiDiaryStep(s, noShowStep))
	s.act(appointment+"/cancel", access.EditDiary, apiDiaryStep(s, s.cancelStep))
}

// booksAsStaff reports whether the visitor books for citizens, without their limits.
func (v visitor) booksAsStaff() bool { return v.user.ID != "" && !v.locked && v.may(access.EditDiary) }

// bookingChannel is through which channel the visitor books.
func (v visitor) bookingChannel() territory.Channel {
	switch {
	case v.booksAsStaff():
		return territory.Staff
	case v.device.Kind == access.Kiosk:
		return territory.Kiosk
	}
	return territory.Online
}

// booksAt refuses an office at which the visitor books for nobody. A kiosk books in its territory, staff
// and programs at the offices they reach; the public may everywhere.
func (v visitor) booksAt(ctx context.Context, tx *store.Tx, id string) error {
	if v.device.ID == "" && v.program.ID == "" && !v.booksAsStaff() {
		return nil
	}
	at, err := territory.Of(ctx, tx, id)
	if err != nil || v.in(at.Territory.ID, id) {
		return err
	}
	if v.device.ID != "" {
		own, err := territory.Of(ctx, tx, v.device.Office)
		if err != nil || own.Territory == at.Territory {
			return err
		}
	}
	return errOffice
}

// availabilityQuery is when a service can be booked, as somebody asks for it. Without a channel it is
// the asker's own.
func availabilityQuery(c echo.Context, v visitor) (booking.Query, error) {
	q := booking.Query{
		Territory: c.QueryParam("territory"), Office: c.QueryParam("office"), Service: c.QueryParam("service"),
		Channel: territory.Channel(c.QueryParam("channel")), Language: c.QueryParam("language"),
	}
	var unclear, wrong wrongs
	q.From, q.Until = dateParam(c, "from", &unclear), dateParam(c, "to", &unclear)
	if err := unclear.malformed(); err != nil {
		return q, err
	}
	wrong.need("service", q.Service)
	if q.Channel == "" {
		q.Channel = v.bookingChannel()
	}
	if q.Channel == territory.WalkIn {
		wrong.add("channel", fieldValue)
	}
	return q, wrong.invalid()
}

// dateParam is a civil date of the address, zero when it has none.
func dateParam(c echo.Context, name string, wrong *wrongs) timetable.Date {
	text := c.QueryParam(name)
	if text == "" {
		return timetable.Date{}
	}
	d, err := timetable.ParseDate(text)
	if err != nil {
		wrong.add(name, fieldType)
	}
	return d
}

// apiAvailability tells when a service can be booked at an office, or at all of a territory.
func (s *Server) apiAvailability(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	q, err := availabilityQuery(c, v)
	if err != nil {
		return err
	}
	var found *booking.Availability
	err = s.db.View(ctx, func(tx *store.Tx) error {
		if q.Office == "" {
			t, err := territoryAsked(ctx, tx, q.Territory)
			if err != nil {
				return err
			}
			q.Territory = t.ID
			if err := s.limits.spend(c, v, s.db.Now(), len(t.Offices)); err != nil {
				return err
			}
		}
		found, err = booking.Available(ctx, tx, q)
		return err
	})
	if err != nil {
		return err
	}
	text := found.AppendJSON(nil)
	c.Response().Header().Set(echo.HeaderContentLength, strconv.Itoa(len(text)))
	return c.JSONBlob(http.StatusOK, text)
}

// territoryAsked returns the territory id, or the only one there is when none is named.
func territoryAsked(ctx context.Context, tx *store.Tx, id string) (*territory.Territory, error) {
	if id != "" {
		return territory.Read(ctx, tx, id)
	}
	all, err := territory.List(ctx, tx)
	if err != nil {
		return nil, err
	}
	if len(all) != 1 {
		return nil, wrongs{{Name: "territory", Code: fieldMissing}}.invalid()
	}
	return all[0], nil
}

type holdBody struct {
	Service  string    `json:"service"`
	Office   string    `json:"office"`
	Start    time.Time `json:"start"`
	People   int       `json:"people"`
	Language string    `json:"language"` // that somebody there must speak
}

func (b *holdBody) check(w *wrongs) {
	w.need("service", b.Service)
	w.need("office", b.Office)
	w.among("language", b.Language, territory.Languages())
	if b.Start.IsZero() {
		w.add("start", fieldMissing)
	}
	if b.People < 1 || b.People > booking.MaxPeople {
		w.add("people", fieldRange)
	}
}

// holdJSON is a start that is reserved for whoever has the token.
type holdJSON struct {
	Token     string  `json:"token"`
	ExpiresAt *string `json:"expires_at"` // nil: it is a hold no more
	Start     *string `json:"start"`
	End       *string `json:"end"`
}

// apiHold reserves a start.
func (s *Server) apiHold(c echo.Context, v visitor) error {
	body := holdBody{People: 1}
	if err := decode(c, &body); err != nil {
		return err
	}
	wish := booking.Wish{
		Office: body.Office, Service: body.Service, Start: body.Start, People: body.People,
		Language: body.Language, MustSpeak: body.Language != "", Channel: v.bookingChannel(),
	}
	counted := func(token string) {}
	var token string // of a hold that was made now
	made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (made access.Made, err error) {
		if err := v.booksAt(ctx, tx, wish.Office); err != nil {
			return access.Made{}, err
		}
		counted("") // an attempt that the database gave up
		if counted, err = s.limits.countHold(c, v, tx.Now); err != nil {
			return access.Made{}, err
		}
		a, err := booking.Hold(ctx, tx, wish)
		token = a.Token
		return access.Made{Status: http.StatusCreated, ID: a.ID}, err
	})
	if err != nil {
		counted("")
		return err
	}
	counted(token)
	return s.answerHold(c, made)
}

func (s *Server) answerHold(c echo.Context, made access.Made) error {
	ctx := c.Request().Context()
	var out holdJSON
	err := s.db.View(ctx, func(tx *store.Tx) error {
		a, err := booking.ByID(ctx, tx, made.ID)
		if err != nil {
			return asHold(err)
		}
		o, err := territory.Of(ctx, tx, a.Office)
		if err != nil {
			return err
		}
		out = holdJSON{a.Token, stamp(a.HoldUntil, o.Zone()), stamp(a.Start, o.Zone()), stamp(a.End, o.Zone())}
		return nil
	})
	if err != nil {
		return err
	}
	return c.JSON(made.Status, out)
}

// asHold says of a hold what was said of an appointment: that it is not there.
func asHold(err error) error {
	if fault.Code(err) == errUnknownAppointment.Code {
		return fault.New(fault.Missing, "unknown_hold")
	}
	return err
}

// apiRelease gives up a hold.
func (s *Server) apiRelease(c echo.Context, v visitor) error {
	ctx, token := c.Request().Context(), c.Param("token")
	err := s.db.Update(ctx, func(tx *store.Tx) error { return booking.Release(ctx, tx, token) })
	if err != nil {
		return err
	}
	s.limits.released(c, v, token)
	return c.NoContent(http.StatusNoContent)
}

// underContact puts the fields of a contact, of which booking speaks, where the API has them.
func underContact(err error) error {
	for _, field := range []string{"name", "email", "phone", "fiscal_code"} {
		err = underName(err, field, "contact."+field)
	}
	return err
}

// underName has a refusal speak of a field by the name that the API has for it.
func underName(err error, field, name string) error {
	f := asFault(err)
	i := slices.IndexFunc(f.Fields, func(x fault.Field) bool { return x.Name == field })
	if i < 0 {
		return err
	}
	named := *f
	named.Fields = slices.Clone(f.Fields)
	named.Fields[i].Name = name
	return &named
}
