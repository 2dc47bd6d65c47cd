package kiosk

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue"
	"sportello/queue/rule"
)

// lobbyArriveRoutes are the arrival of who has an appointment: its code is scanned, or typed, and there is
// the number. What was scanned or typed is in the body of a form and in no address.
func (s *Server) lobbyArriveRoutes() {
	s.handle(http.MethodGet, "/kiosk/arrive", access.UseKiosk, s.lobbyArrive)
	s.handle(http.MethodPost, "/kiosk/arrive", access.UseKiosk, s.lobbyScanned)
	s.handle(http.MethodGet, "/kiosk/arrive/late", access.UseKiosk, s.lobbyLate)
	s.handle(http.MethodPost, "/kiosk/arrive/wait", access.UseKiosk, s.lobbyWait)
	s.handle(http.MethodPost, "/kiosk/arrive/move", access.UseKiosk, s.lobbyMove)
}

// arriveView asks for the code of an appointment.
type arriveView struct {
	frame
	Code     string // what was typed
	Wrong    string // what is wrong with it
	Keyboard []keyboard
}

func (s *Server) lobbyArrive(c echo.Context, v visitor) error {
	return s.askCode(c, v, "", "")
}

func (s *Server) askCode(c echo.Context, v visitor, typed, wrong string) error {
	office, err := s.officeOf(c.Request().Context(), v)
	if err != nil {
		return err
	}
	f := s.frame(c, office, "/kiosk/needs")
	f.path, f.Long = "/kiosk/arrive", true
	return s.show(c, "lobby/arrive", arriveView{frame: f, Code: typed, Wrong: wrong, Keyboard: []keyboard{f.codeKeyboard()}})
}

// arriveBy gives the number to who has an appointment now, and says to all others what there is to do. typed
// is what is shown once more of a code that there is not.
func (s *Server) arriveBy(c echo.Context, v visitor, scanned scan, typed string) error {
	a, err := s.appointmentOf(c.Request().Context(), v, scanned)
	f := frame{Page: page(language(c))}
	switch fault.Code(err) {
	case "unknown_appointment":
		return s.askCode(c, v, typed, f.text("lobby.arrive.unknown"))
	case "too_many_tries":
		return s.askCode(c, v, typed, f.tooManyTries(err))
	}
	if err != nil {
		return err
	}
	return s.arrived(c, v, a)
}

// tooManyTries says how long to wait before another code.
func (f frame) tooManyTries(err error) string {
	return joined(". ", f.text("fault.too_many_tries.title"), f.text("fault.too_many_tries.hint", pairs(asFault(err), f.Lang)...))
}

// arrived checks in who has an appointment, or has them choose who are late.
func (s *Server) arrived(c echo.Context, v visitor, a booking.Appointment) error {
	lang := arrivalLanguage(c, a)
	if late, err := s.lateOf(c, v, a, lang); err == nil && late.Next != "" {
		return c.Redirect(http.StatusSeeOther, late.To("/kiosk/arrive/late", "id", a.ID))
	} else if err != nil && !errors.Is(err, errNotLate) {
		return err
	}
	return s.checkIn(c, v, a, lang)
}

// again is a code as it is shown once more to be put right; what a reader typed is not.
func again(c echo.Context, code string) string {
	if posted(c).Has("scanned") || len(code) > longestReference {
		return ""
	}
	return code
}

// arrivalLanguage is the one that the citizen chose at the kiosk, else the appointment's.
func arrivalLanguage(c echo.Context, a booking.Appointment) string {
	if c.QueryParam("lang") == "" && a.Language != "" {
		return page(a.Language).Lang
	}
	return language(c)
}

// appointmentOf finds the appointment of a code: the address of its page as its QR code has it, or its
// reference. References can be guessed, so a kiosk may try only so many.
func (s *Server) appointmentOf(ctx context.Context, v visitor, scanned scan) (booking.Appointment, error) {
	var a booking.Appointment
	unknown := fault.New(fault.Missing, "unknown_appointment")
	if scanned.appointment != nil {
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			for _, token := range scanned.appointment {
				if a, err = booking.ByToken(ctx, tx, token); fault.Code(err) != unknown.Code {
					return err
				}
			}
			return err
		})
		return a, err
	}
	found := false
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		found = false
		if err := access.TryReference(ctx, tx, v.device); err != nil {
			return err
		}
		if a, err = booking.ByReference(ctx, tx, scanned.text); fault.Code(err) == unknown.Code {
			return nil // the try counts
		}
		if err != nil {
			return err
		}
		found = true
		return access.FoundReference(ctx, tx, v.device)
	})
	if err == nil && !found {
		err = unknown
	}
	return a, err
}

// arrivalView says why there is no number for an appointment, and what to do.
type arrivalView struct {
	frame
	Title, Hint string
	Book        string // where another appointment can be had; "" that would be no help
}

// checkIn gives the citizen of an appointment the number, or says why not.
func (s *Server) checkIn(c echo.Context, v visitor, a booking.Appointment, lang string) error {
	ctx := c.Request().Context()
	var t queue.Ticket
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if t, err = queue.CheckIn(ctx, tx, queue.Arrival{Appointment: a.ID, Office: v.device.Office, Language: lang, By: v.by()}); err != nil {
			return err
		}
		return s.firstPaper(ctx, tx, v.device, t)
	})
	if refused := (*fault.Error)(nil); errors.As(err, &refused) {
		return s.turnAway(c, v, a, lang, refused)
	}
	if err != nil {
		return err
	}
	f := frame{Page: page(lang), prefs: prefsOf(c)}
	return c.Redirect(http.StatusSeeOther, f.To("/kiosk/ticket", "id", t.ID))
}

func (s *Server) turnAway(c echo.Context, v visitor, a booking.Appointment, lang string, why *fault.Error) error {
	office, err := s.officeOf(c.Request().Context(), v)
	if err != nil {
		return err
	}
	f := s.frame(c, office, "/kiosk/needs")
	f.Page, f.path = page(lang), "/kiosk/arrive"
	view := arrivalView{
		frame: f,
		Title: f.text("fault."+why.Code+".title", pairs(why, lang)...), Hint: f.text("fault."+why.Code+".hint", pairs(why, lang)...),
	}
	service, ok := office.Territory.Service(a.Service)
	if ok && bookable(office, service, office.Today(s.db.Now())) && slices.Contains([]string{"appointment_past", "appointment_cancelled"}, why.Code) {
		view.Book = f.To("/kiosk/book", "id", a.Service)
	}
	return s.show(c, "lobby/arrival", view)
}

// lateView lets who is late choose between waiting and a later start of today.
type lateView struct {
	frame
	ID          string
	Was         string // when the appointment began
	Next, Start string // the next start that is free today: for people, and for the form
}

var errNotLate = errors.New("not late")

// lateOf says what who is late for an appointment here and today can choose; errNotLate for all others.
func (s *Server) lateOf(c echo.Context, v visitor, a booking.Appointment, lang string) (lateView, error) {
	ctx, now := c.Request().Context(), s.db.Now()
	if a.Office != v.device.Office || a.State != booking.Booked || !now.After(a.Start.Add(rule.LateAfter)) {
		return lateView{}, errNotLate
	}
	office, err := s.officeOf(ctx, v)
	if err != nil {
		return lateView{}, err
	}
	service, ok := office.Territory.Service(a.Service)
	if !ok || a.Day != office.Today(now) {
		return lateView{}, errNotLate
	}
	f := s.frame(c, office, "/kiosk/arrive")
	f.Page, f.path = page(lang), "/kiosk/arrive/late"
	f.own.Set("id", a.ID)
	view := lateView{frame: f, ID: a.ID, Was: a.Start.In(office.Zone()).Format(clockLayout)}
	if !bookable(office, service, a.Day) {
		return view, nil
	}
	speaking := ""
	if a.MustSpeak {
		speaking = a.Language
	}
	found, err := s.free(ctx, office, service.ID, speaking, 1)
	if err == nil && len(found.Starts) > 0 {
		view.Next, view.Start = found.Starts[0].Start.Format(clockLayout), found.Starts[0].Start.Format(time.RFC3339)
	}
	return view, err
}

// arriving reads the appointment whose citizen is at the kiosk and has shown its code.
func (s *Server) arriving(ctx context.Context, v visitor, id string) (booking.Appointment, error) {
	var a booking.Appointment
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		a, err = booking.ByID(ctx, tx, id)
		return err
	})
	if err == nil && a.Office != v.device.Office {
		err = fault.New(fault.Missing, "unknown_appointment")
	}
	return a, err
}

func (s *Server) lobbyLate(c echo.Context, v visitor) error {
	a, err := s.arriving(c.Request().Context(), v, c.QueryParam("id"))
	if err != nil {
		return err
	}
	view, err := s.lateOf(c, v, a, language(c))
	if errors.Is(err, errNotLate) {
		return c.Redirect(http.StatusSeeOther, "/kiosk")
	}
	if err != nil {
		return err
	}
	return s.show(c, "lobby/late", view)
}

// lobbyWait gives the number to who is late and waits.
func (s *Server) lobbyWait(c echo.Context, v visitor) error {
	a, err := s.arriving(c.Request().Context(), v, c.FormValue("id"))
	if err != nil {
		return err
	}
	return s.checkIn(c, v, a, language(c))
}

// lobbyMove gives who is late another start of today, with the number where its time is near.
func (s *Server) lobbyMove(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	a, err := s.arriving(ctx, v, c.FormValue("id"))
	if err != nil {
		return err
	}
	start, err := time.Parse(time.RFC3339, c.FormValue("start"))
	if err != nil {
		return errMalformed
	}
	var t queue.Ticket
	var lost error // why there is no paper
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		t, lost = queue.Ticket{}, nil
		held, err := booking.Hold(ctx, tx, booking.Wish{
			Office: a.Office, Service: a.Service, Start: start, People: a.People, Language: a.Language, MustSpeak: a.MustSpeak,
			Channel: territory.Kiosk,
		})
		if err != nil {
			return err
		}
		moved, err := booking.MoveByStaff(ctx, tx, a.ID, held.Token, v.by())
		if err != nil {
			return err
		}
		if err := s.tell(ctx, tx, moved, newsMoved); err != nil {
			return err
		}
		t, err = queue.CheckIn(ctx, tx, queue.Arrival{Appointment: a.ID, Office: a.Office, Language: language(c), By: v.by()})
		if fault.Code(err) == "check_in_too_early" {
			lost, err = s.receipt(ctx, tx, v, moved)
			return err
		}
		if err != nil {
			return err
		}
		return s.firstPaper(ctx, tx, v.device, t)
	})
	f := frame{Page: page(language(c)), prefs: prefsOf(c)}
	switch code := fault.Code(err); {
	case strings.HasPrefix(code, "slot_"):
		return c.Redirect(http.StatusSeeOther, f.To("/kiosk/arrive/late", "id", a.ID))
	case err != nil:
		return err
	case t.ID != "":
		return c.Redirect(http.StatusSeeOther, f.To("/kiosk/ticket", "id", t.ID))
	}
	if lost != nil {
		s.log.Warn("appointment without paper", "device", v.device.ID, "error", lost)
	}
	return c.Redirect(http.StatusSeeOther, f.To("/kiosk/booked", "id", a.ID))
}
