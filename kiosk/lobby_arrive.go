package kiosk

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

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
	s.handle(http.MethodPost, "/kiosk/arrive", access.UseKiosk, s.lobbyArrived)
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

// Scan is where a code goes that a reader typed, wherever the focus is.
func (v arriveView) Scan() string { return v.To("/kiosk/arrive") }

// Scan is where a code goes that a reader typed before anybody chose a language: the appointment has one.
func (v startView) Scan() string {
	values := v.values(v.Lang)
	if !v.Changed {
		values.Del("lang")
	}
	return "/kiosk/arrive?" + values.Encode()
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

// lobbyArrived gives the number to who has an appointment now, and says to all others what there is to do.
func (s *Server) lobbyArrived(c echo.Context, v visitor) error {
	ctx, code := c.Request().Context(), posted(c).Get("code")
	a, err := s.appointmentOf(ctx, v, code)
	switch fault.Code(err) {
	case "unknown_appointment":
		return s.askCode(c, v, again(c, code), frame{Page: page(language(c))}.text("lobby.arrive.unknown"))
	case "too_many_tries":
		f, said := frame{Page: page(language(c))}, pairs(asFault(err), language(c))
		return s.askCode(c, v, again(c, code), joined(". ", f.text("fault.too_many_tries.title"), f.text("fault.too_many_tries.hint", said...)))
	}
	if err != nil {
		return err
	}
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
	const typedByHand = 10
	if posted(c).Has("scanned") || len(code) > typedByHand {
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
func (s *Server) appointmentOf(ctx context.Context, v visitor, code string) (booking.Appointment, error) {
	var a booking.Appointment
	unknown := fault.New(fault.Missing, "unknown_appointment")
	if tokens := scannedTokens(code); len(tokens) > 0 {
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			for _, token := range tokens {
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
		if a, err = booking.ByReference(ctx, tx, code); fault.Code(err) == unknown.Code {
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

// appointmentAddress is how the address of an appointment's page ends. Readers are keyboards, and the
// browser may take them for one of another country: letters and digits come through, signs may not.
var appointmentAddress = regexp.MustCompile(`[^A-Za-z0-9][Aa][^A-Za-z0-9]([A-Za-z0-9'?_-]{22})$`)

// scannedTokens are the tokens that a scanned address may have: an American reader on an Italian keyboard
// types ' for - and ? for _, and one behind a locked shift key turns the letters round.
func scannedTokens(code string) []string {
	found := appointmentAddress.FindStringSubmatch(strings.TrimSpace(code))
	if found == nil {
		return nil
	}
	token := strings.NewReplacer("'", "-", "?", "_").Replace(found[1])
	turned := strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, token)
	return []string{token, strings.ReplaceAll(turned, "'", "-")}
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
