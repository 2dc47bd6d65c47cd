package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/static"
)

func (s *Server) sessionRoutes() {
	s.handle(http.MethodGet, "/book/:service/session/:session", access.SeePublic, s.enrolAsk)
	s.handle(http.MethodPost, "/book/:service/session/:session", access.Book, s.enrolNow)
	s.handle(http.MethodGet, "/seat/:token", access.OwnBooking, s.seat)
	s.handle(http.MethodGet, "/seat/:token/cancel", access.OwnBooking, s.seatAsk)
	s.handle(http.MethodPost, "/seat/:token/cancel", access.OwnBooking, s.seatGiveUp)
	s.handle(http.MethodGet, "/seat/:token/data", access.OwnBooking, s.seatData)
	s.handle(http.MethodPost, "/seat/:token/data", access.OwnBooking, s.seatErase)
}

// bookSessionsView are the sessions of a service to which one can go.
type bookSessionsView struct {
	bookPage
	bookWhat
	Sessions []sessionChoice
}

type sessionChoice struct {
	What  facts
	Topic string
	Held  string // language in which it is, by its own name; "" not said
	Free  int    // seats; 0: there is a waiting list
	URL   string
}

// bookSessions shows when a service that many share is held.
func (s *Server) bookSessions(c echo.Context, a bookArea, service *territory.Service) error {
	ctx, office := c.Request().Context(), ""
	if a.office != nil {
		office = a.office.ID
	}
	view := bookSessionsView{bookPage: bookPageOf(c, 0)}
	view.bookWhat = view.what(a.territory, service, "")
	view.Back = view.To("/book", a.pairs()...)
	err := s.db.View(ctx, func(tx *store.Tx) error {
		all, err := booking.Upcoming(ctx, tx, a.territory.ID, office)
		if err != nil {
			return err
		}
		for _, x := range all {
			if x.Service != service.ID {
				continue
			}
			choice, err := s.sessionChoice(ctx, tx, view.bookPage, x)
			if err != nil {
				return err
			}
			view.Sessions = append(view.Sessions, choice)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.show(c, "public/book-sessions", view)
}

func (s *Server) sessionChoice(ctx context.Context, tx *store.Tx, p bookPage, x booking.Session) (sessionChoice, error) {
	o, err := territory.Of(ctx, tx, x.Office)
	if err != nil {
		return sessionChoice{}, err
	}
	choice := sessionChoice{What: factsOf(o, seatAppointment(x, booking.Seat{}), p.Lang, "", tx.Now), Topic: x.Topic, Free: x.Free()}
	if x.Language != "" {
		choice.Held = static.Text(x.Language, "language.own")
	}
	choice.URL = p.To(servicePath(x.Service) + "/session/" + url.PathEscape(x.ID))
	return choice, nil
}

// seatAppointment is a seat of a session as an appointment, as pages and mails say what there is to know.
func seatAppointment(x booking.Session, seat booking.Seat) booking.Appointment {
	a := booking.Appointment{
		ID: seat.ID, Token: seat.Token, Reference: seat.Reference, Territory: x.Territory, Office: x.Office, Service: x.Service, State: booking.Booked,
		Day: x.Day, Start: x.Start, End: x.End, Staff: x.Staff, Room: x.Room, People: seat.People, Language: seat.Language, Contact: seat.Contact,
		Sequence: x.Sequence, ChangedAt: seat.ChangedAt,
	}
	if x.State == booking.SessionCancelled || seat.State == booking.SeatGivenUp {
		a.State, a.Sequence = booking.Cancelled, x.Sequence+1 // a calendar takes it for news
	}
	return a
}

// enrolAskView asks who comes to a session.
type enrolAskView struct {
	bookPage
	request
	sessionChoice
	Territory string // id
	People    []int
	Coming    int
	Action    string
	KeptDays  int
}

func (s *Server) enrolView(c echo.Context) (enrolAskView, booking.Session, error) {
	ctx := c.Request().Context()
	view := enrolAskView{bookPage: bookPageOf(c, 0), Coming: 1}
	var x booking.Session
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if x, err = booking.SessionByID(ctx, tx, c.Param("session")); err != nil {
			return err
		}
		o, err := territory.Of(ctx, tx, x.Office)
		if err != nil {
			return err
		}
		view.KeptDays = int(x.EraseAt(o.Territory).Sub(x.End).Hours() / 24)
		view.sessionChoice, err = s.sessionChoice(ctx, tx, view.bookPage, x)
		return err
	})
	view.Territory, view.Action = x.Territory, view.URL
	view.Back = view.To(servicePath(x.Service), "territory", x.Territory)
	for n := 1; n <= min(booking.MaxPeople, max(1, x.Capacity)); n++ {
		view.People = append(view.People, n)
	}
	return view, x, err
}

func (s *Server) enrolAsk(c echo.Context, _ visitor) error {
	view, x, err := s.enrolView(c)
	if err != nil {
		return err
	}
	if x.State != booking.Planned || !s.db.Now().Before(x.Start) {
		return fault.New(fault.Gone, "session_over")
	}
	return s.show(c, "public/book-enrol", view)
}

// enrolNow gives the citizen a seat, or a place in the session's waiting list.
func (s *Server) enrolNow(c echo.Context, _ visitor) error {
	ctx, form := c.Request().Context(), posted(c)
	view, x, err := s.enrolView(c)
	if err != nil {
		return err
	}
	view.request, view.Coming = requestOf(form), max(1, number(form.Get("people")))
	details := booking.Details{Contact: view.contact(), Note: view.Note, Language: view.Lang, By: booking.Citizen}
	var seat booking.Seat
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if seat, err = booking.Enrol(ctx, tx, s.key, x.ID, details, view.Coming); err != nil {
			return err
		}
		if seat.State == booking.SeatWaiting {
			return nil
		}
		return s.tellSeat(ctx, tx, x, seat, newsBooked)
	})
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		view.wrong(f)
		return s.render(c, int(f.Kind), "public/book-enrol", view)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, view.To(seatPath(seat), "just", "booked"))
}

func seatPath(seat booking.Seat) string { return "/seat/" + url.PathEscape(seat.Token) }

// tellSeat has who has a seat in a session told what became of it.
func (s *Server) tellSeat(ctx context.Context, tx *store.Tx, x booking.Session, seat booking.Seat, what news) error {
	a := seatAppointment(x, seat)
	if err := message.Withdraw(ctx, tx, mailKey(a)); err != nil {
		return err
	}
	o, err := territory.Of(ctx, tx, x.Office)
	if err != nil {
		return err
	}
	l := letter{facts: factsOf(o, a, ownLanguage(a), "", tx.Now), appointment: a, what: what}
	l.MoveUntil = "" // it can be given up, not moved
	if Reachable(s.baseURL) {
		l.URL = s.baseURL + seatPath(seat)
	}
	return s.deliver(ctx, tx, o, l)
}

// seatView is a seat as its citizen sees it.
type seatView struct {
	bookPage
	sessionChoice
	State   booking.SeatState
	Heading string
	Text    string
	Just    bool
	Mailed  bool
	MayEnd  bool // the seat can be given up
	Own     string
	Again   string
}

// seatOf is the seat of the address with its session and office.
func (s *Server) seatOf(c echo.Context) (seat booking.Seat, x booking.Session, o *territory.Office, err error) {
	ctx, now := c.Request().Context(), s.db.Now()
	c.Response().Header().Set("X-Robots-Tag", "noindex")
	if err := s.limits.guess(c, now, false); err != nil {
		return seat, x, nil, err
	}
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if seat, err = booking.SeatByToken(ctx, tx, c.Param("token")); err != nil {
			return err
		}
		if x, err = booking.SessionByID(ctx, tx, seat.Session); err != nil {
			return err
		}
		o, err = territory.Of(ctx, tx, x.Office)
		return err
	})
	if fault.Code(err) == "unknown_seat" {
		err = errors.Join(s.limits.guess(c, now, true), err)
	}
	return seat, x, o, err
}

func (s *Server) seat(c echo.Context, _ visitor) error {
	seat, x, o, err := s.seatOf(c)
	if err != nil {
		return err
	}
	return s.show(c, "public/seat", s.seatViewOf(c, seat, x, o))
}

func (s *Server) seatViewOf(c echo.Context, seat booking.Seat, x booking.Session, o *territory.Office) seatView {
	now, a := s.db.Now(), seatAppointment(x, seat)
	view := seatView{bookPage: ownPageOf(c, a), State: seat.State, Mailed: seat.Contact.Email != "", Own: seatPath(seat)}
	view.What, view.Topic = factsOf(o, a, view.Lang, "", now), x.Topic
	if x.Language != "" {
		view.Held = static.Text(x.Language, "language.own")
	}
	view.Again = view.To(servicePath(x.Service), "territory", x.Territory)
	ahead := x.State == booking.Planned && now.Before(x.Start)
	view.MayEnd = ahead && (seat.State == booking.SeatTaken || seat.State == booking.SeatWaiting)
	view.Just = view.MayEnd && seat.State == booking.SeatTaken && c.QueryParam("just") == "booked"
	switch {
	case x.State == booking.SessionCancelled:
		view.Heading, view.Text = view.text("own.cancelled"), view.text("own.cancelled.office")
	case seat.State == booking.SeatGivenUp:
		view.Heading, view.Text = view.text("session.given_up"), view.text("own.cancel.text")
	case !ahead:
		view.Heading = view.text("own.past")
	case seat.State == booking.SeatWaiting:
		view.Heading, view.Text = view.text("wait.joined"), view.text("session.waiting.text")
	default:
		view.Heading = view.text("session.enrolled")
	}
	return view
}

// seatAsk asks whether the seat is to be given up.
func (s *Server) seatAsk(c echo.Context, _ visitor) error {
	seat, x, o, err := s.seatOf(c)
	if err != nil {
		return err
	}
	is := s.seatViewOf(c, seat, x, o)
	if !is.MayEnd {
		return c.Redirect(http.StatusSeeOther, is.To(is.Own))
	}
	view := askView{bookPage: is.bookPage, Danger: true, Now: &is.What}
	view.Heading, view.Text = view.text("session.give_up.ask"), view.text("own.cancel.text")
	view.Yes, view.No = view.text("session.give_up"), view.text("own.leave")
	view.Back, view.Action = view.To(is.Own), view.To(is.Own+"/cancel")
	return s.show(c, "public/own-ask", view)
}

// leaveSeat gives a seat in a session up at its citizen's wish, who is told, as are those who move up from
// the waiting list.
func (s *Server) leaveSeat(ctx context.Context, tx *store.Tx, x booking.Session, seat booking.Seat) error {
	gone, moved, err := booking.GiveUpSeat(ctx, tx, seat.Token, booking.Citizen)
	if err != nil {
		return err
	}
	if seat.State == booking.SeatTaken {
		gone.Contact = seat.Contact
		if err := s.tellSeat(ctx, tx, x, gone, newsCancelled); err != nil {
			return err
		}
	}
	for _, up := range moved {
		if err := s.tellSeat(ctx, tx, x, up, newsBooked); err != nil {
			return err
		}
	}
	return nil
}

// seatGiveUp gives the seat up.
func (s *Server) seatGiveUp(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	seat, x, o, err := s.seatOf(c)
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error { return s.leaveSeat(ctx, tx, x, seat) })
	view := s.seatViewOf(c, seat, x, o)
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		view.refused(refusal(view.Lang, f))
		return s.render(c, int(f.Kind), "public/seat", view)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, view.To(view.Own))
}

// seatData shows what is held on who has a seat.
func (s *Server) seatData(c echo.Context, _ visitor) error {
	seat, x, o, err := s.seatOf(c)
	if err != nil {
		return err
	}
	view := ownDataView{bookPage: ownPageOf(c, seatAppointment(x, seat)), Territory: x.Territory, Ahead: s.db.Now().Before(x.End)}
	view.Rows = dataRows(seat.Contact, seat.Note)
	view.Until = static.Date(view.Lang, x.EraseAt(o.Territory).In(o.Zone()), static.FullDate)
	view.Back, view.Action = view.To(seatPath(seat)), view.To(seatPath(seat)+"/data")
	return s.show(c, "public/own-data", view)
}

// seatErase erases what is held on who has a seat, and what is still to be sent to them.
func (s *Server) seatErase(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	seat, x, _, err := s.seatOf(c)
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := booking.EraseSeat(ctx, tx, seat.Token, booking.Citizen); err != nil {
			return err
		}
		return message.Withdraw(ctx, tx, mailKey(seatAppointment(x, seat)))
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, ownPageOf(c, seatAppointment(x, seat)).To(seatPath(seat)+"/data"))
}
