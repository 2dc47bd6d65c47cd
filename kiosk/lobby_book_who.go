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
	"sportello/booking/fiscalcode"
	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts/spool"
)

// heldView is what the pages begin with on which a start is held.
type heldView struct {
	frame
	Hold    string // token
	When    string // giovedì 26 novembre, ore 9:30
	Until   string // how long it is held: 10:24
	Left    int    // seconds until then
	Expired string // where it leads when that time is over
	Service string
	held    booking.Appointment
	service *territory.Service
}

// Next is the address of a page further on.
func (v heldView) Next(path string) string { return v.To(path, v.chosen()...) }

// Other is where the start is given back, to choose another time.
func (v heldView) Other() string {
	return v.To("/kiosk/book/leave", v.chosen("day", v.held.Day.String())...)
}

// Scan is where a card goes that is read while something is held.
func (v heldView) Scan() string {
	return v.To("/kiosk/book/card", v.chosen("at", strings.TrimPrefix(v.path, "/kiosk/book/"))...)
}

// errGone is returned when nothing is held any more and the answer has been given.
var errGone = errors.New("nothing is held")

// held reads what is held for the citizen of a page. Where nothing is any more it answers with the page on
// which another time is chosen, or with the appointment that it became, and returns errGone.
func (s *Server) held(c echo.Context, v visitor, hold, path, up string) (heldView, error) {
	ctx := c.Request().Context()
	var a booking.Appointment
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		a, err = booking.ByToken(ctx, tx, hold)
		return err
	})
	if err != nil && fault.Code(err) != "unknown_appointment" {
		return heldView{}, err
	}
	f, office, service, err := s.asksToBook(c, v, up)
	switch {
	case err != nil:
		return heldView{}, err
	case a.Office != office.ID || a.Service != service.ID || a.Channel != territory.Kiosk: // or there is none
		return heldView{}, fault.New(fault.Missing, "unknown_hold")
	}
	f.path, f.Long = path, true
	expired := f.To("/kiosk/book/times", f.chosen("day", a.Day.String(), "why", "hold_expired")...)
	left := a.HoldUntil.Sub(s.db.Now())
	switch {
	case a.State == booking.Booked:
		return heldView{}, errors.Join(errGone, c.Redirect(http.StatusSeeOther, f.To("/kiosk/booked", "id", a.ID)))
	case a.State != booking.Held || left <= 0:
		return heldView{}, errors.Join(errGone, c.Redirect(http.StatusSeeOther, expired))
	}
	f.own.Del("day")
	f.back = []string{"id", "need", "q", "book", "speak"}
	start := a.Start.In(office.Zone())
	return heldView{
		frame: f, Hold: a.Token, When: moment(f.Lang, start), Until: a.HoldUntil.In(office.Zone()).Format(clockLayout),
		Left: int(left.Seconds()), Expired: expired, Service: serviceName(service, f.Lang), held: a, service: service,
	}, nil
}

// answered turns errGone into nothing: somebody has answered.
func answered(err error) error {
	if errors.Is(err, errGone) {
		return nil
	}
	return err
}

// peopleView asks how many come.
type peopleView struct {
	heldView
	Choices []int
	More    string // where there are more to choose from; "" here
	Start   string
	Notice  string
}

// Scan shows this page again: who has not said how many come is not asked who they are yet.
func (v peopleView) Scan() string { return v.here() }

func (s *Server) lobbyPeople(c echo.Context, v visitor) error {
	held, err := s.held(c, v, c.QueryParam("hold"), "/kiosk/book/people", "/kiosk/book/times")
	if err != nil {
		return answered(err)
	}
	held.Leave = "leave"
	held.own.Set("hold", held.Hold)
	view := peopleView{heldView: held, Choices: []int{1, 2, 3, 4, 5}, Start: held.held.Start.Format(time.RFC3339)}
	if c.Request().Method == http.MethodPost {
		view.Notice = view.text("lobby.card.later")
	}
	if c.QueryParam("more") != "" {
		view.Choices = []int{6, 7, 8, 9, booking.MaxPeople}
		view.own.Set("more", "1")
	} else {
		view.More = view.To("/kiosk/book/people", view.chosen("hold", view.Hold, "more", "1")...)
	}
	return s.show(c, "lobby/people", view)
}

// typedView is a page with what a citizen typed so far. It is in the pages' forms and nowhere else.
type typedView struct {
	heldView
	Contact  booking.Contact
	Wrong    struct{ Name, Email, Phone string } // what is to be done about a field; "" nothing
	Notice   string                              // what else is
	Card     string                              // key of the card that was read; "" none
	Said     bool                                // that it was read
	Code     maskedCode
	Keyboard []keyboard
	Facts    []fact
}

// fact is a line of what is looked at before it is confirmed.
type fact struct{ Name, Value string }

// typedSoFar reads what the form of a page brought, for the page at path; up is the page before it.
func (s *Server) typedSoFar(c echo.Context, v visitor, path, up string) (typedView, error) {
	held, err := s.held(c, v, c.FormValue("hold"), path, up)
	if err != nil {
		return typedView{}, err
	}
	form := posted(c)
	view := typedView{
		heldView: held,
		Contact:  booking.Contact{Name: form.Get("name"), Email: form.Get("email"), Phone: form.Get("phone")},
	}
	view.Form, view.Leave = "typed", "typed"
	if key := form.Get("card"); key != "" {
		code, ok := s.cards.of(v.device.ID, key, s.db.Now())
		if !ok {
			view.Notice = view.text("lobby.card.gone")
			return view, nil
		}
		view.showCard(key, code)
	}
	return view, nil
}

func (v *typedView) showCard(key string, code fiscalcode.Code) {
	v.Card, v.Code, v.Contact.FiscalCode = key, maskedOf(code), string(code)
}

// lobbyBookCard fills the codice fiscale in from a card, or takes it out again, and changes nothing else. It
// is remembered while the start is held.
func (s *Server) lobbyBookCard(c echo.Context, v visitor) error {
	view, err := s.typedSoFar(c, v, "/kiosk/book/name", "/kiosk/book/people")
	if err != nil {
		return answered(err)
	}
	view.Notice = ""
	scanned := readScan(posted(c).Get("code"))
	switch {
	case posted(c).Has("forget"):
		s.cards.forget(v.device.ID)
		view.Card, view.Contact.FiscalCode = "", ""
	case scanned.card != "":
		view.showCard(s.cards.keep(v.device.ID, scanned.card, s.db.Now(), view.held.HoldUntil), scanned.card)
		view.Said = true
	case scanned.misread != nil && !errors.Is(scanned.misread, fiscalcode.ErrLength):
		view.Notice = view.misread(scanned.misread)
	default:
		view.Notice = view.text("lobby.card.only")
	}
	switch c.QueryParam("at") {
	case "contact":
		return s.askContact(c, view)
	case "review":
		return s.review(c, view)
	}
	return s.askName(c, view)
}

// check keeps what is wrong with the given fields and reports whether nothing is. What is right is kept
// as it will be.
func (v *typedView) check(fields ...string) (fine bool) {
	checked, err := v.Contact.Checked()
	if err == nil {
		v.Contact = checked
		return true
	}
	fine = true
	for _, wrong := range asFault(err).Fields {
		if !slices.Contains(fields, wrong.Name) {
			continue
		}
		fine = false
		advice := v.text("lobby.book.wrong." + wrong.Name)
		switch wrong.Name {
		case "name":
			v.Wrong.Name = advice
		case "email":
			v.Wrong.Email = advice
		case "phone":
			v.Wrong.Phone = advice
		}
	}
	return fine
}

func (s *Server) lobbyName(c echo.Context, v visitor) error {
	view, err := s.typedSoFar(c, v, "/kiosk/book/name", "/kiosk/book/people")
	if err != nil {
		return answered(err)
	}
	return s.askName(c, view)
}

func (s *Server) askName(c echo.Context, view typedView) error {
	view.path, view.Up, view.Leave = "/kiosk/book/name", "/kiosk/book/people", "leave"
	view.Keyboard, view.Said = []keyboard{view.nameKeyboard()}, view.Card != ""
	return s.show(c, "lobby/name", view)
}

func (s *Server) lobbyContact(c echo.Context, v visitor) error {
	view, err := s.typedSoFar(c, v, "/kiosk/book/contact", "/kiosk/book/name")
	if err != nil {
		return answered(err)
	}
	if !view.check("name") {
		return s.askName(c, view)
	}
	return s.askContact(c, view)
}

func (s *Server) askContact(c echo.Context, view typedView) error {
	view.path, view.Up = "/kiosk/book/contact", "/kiosk/book/name"
	view.Keyboard = []keyboard{view.mailKeyboard(), view.digitKeyboard()}
	return s.show(c, "lobby/contact", view)
}

func (s *Server) lobbyReview(c echo.Context, v visitor) error {
	view, err := s.typedSoFar(c, v, "/kiosk/book/review", "/kiosk/book/contact")
	if err != nil {
		return answered(err)
	}
	if view.Notice != "" {
		return s.askContact(c, view)
	}
	return s.review(c, view)
}

func (s *Server) review(c echo.Context, view typedView) error {
	switch {
	case !view.check("name"):
		return s.askName(c, view)
	case !view.check("email", "phone"):
		return s.askContact(c, view)
	}
	view.path, view.Up, view.Facts = "/kiosk/book/review", "/kiosk/book/contact", view.facts()
	return s.show(c, "lobby/review", view)
}

// facts are what is looked at before it is confirmed; where it is says the page's head, and when what is
// held.
func (v typedView) facts() []fact {
	people := v.text("appointment.people", "n", v.held.People)
	if v.held.MustSpeak {
		people = joined(" · ", people, v.text("lobby.book.speak", "language", v.Own()))
	}
	all := []fact{
		{v.text("term.service"), v.Service},
		{v.text("lobby.book.people.short"), people},
		{v.text("lobby.book.name.short"), v.Contact.Name},
	}
	for _, f := range []fact{
		{v.text("lobby.book.email"), v.Contact.Email}, {v.text("lobby.book.phone"), v.Contact.Phone}, {v.text("lobby.card.name"), v.Code.Text},
	} {
		if f.Value != "" {
			all = append(all, f)
		}
	}
	return all
}

// lobbyBook makes the appointment and, in the same transaction, its messages and its paper. Sent twice, it
// is one appointment.
func (s *Server) lobbyBook(c echo.Context, v visitor) error {
	view, err := s.typedSoFar(c, v, "/kiosk/book/review", "/kiosk/book/contact")
	if err != nil {
		return answered(err)
	}
	if view.Notice != "" {
		return s.askContact(c, view)
	}
	ctx := c.Request().Context()
	var a booking.Appointment
	var lost error // why there is no paper
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		lost = nil
		if a, err = booking.Book(ctx, tx, s.key, view.Hold, booking.Details{Contact: view.Contact, Language: view.Lang, By: v.by()}); err != nil {
			return err
		}
		if err := s.tell(ctx, tx, a, newsBooked); err != nil {
			return err
		}
		lost, err = s.receipt(ctx, tx, v, a)
		return err
	})
	switch fault.Code(err) {
	case "hold_expired":
		return c.Redirect(http.StatusSeeOther, view.Expired)
	case "duplicate_need", "too_many_appointments":
		view.Notice = view.text("lobby.book." + fault.Code(err)) // not when, nor which: who knows whose address it is
		return s.askContact(c, view)
	case "invalid":
		return s.lobbyReview(c, v)
	}
	if err != nil {
		return err
	}
	if lost != nil {
		s.log.Warn("appointment without paper", "device", v.device.ID, "error", lost)
	}
	s.holds.Delete(v.device.ID)
	s.cards.forget(v.device.ID)
	return c.Redirect(http.StatusSeeOther, view.To("/kiosk/booked", "id", a.ID))
}

// receipt orders the paper of an appointment from a kiosk's printer. lost is why there is none, where the
// appointment holds without.
func (s *Server) receipt(ctx context.Context, tx *store.Tx, v visitor, a booking.Appointment) (lost, err error) {
	if v.device.Printer == "" {
		return nil, nil
	}
	_, err = s.enqueueReceipt(ctx, tx, v.device, a)
	if fault.Code(err) == "unknown_printer" {
		return err, nil
	}
	return nil, err
}

// bookedView is an appointment that was just made.
type bookedView struct {
	slip
	Reference    string
	When, Hours  string
	Institutions []string
	QR           *qrImage
	Mail         bool   // more about it is on its way by mail
	FormURL      string // where the form that goes with it is filled in; "" none
}

// booked reads the appointment that a page is about and what has become of its paper.
func (s *Server) booked(ctx context.Context, tx *store.Tx, v visitor, id string) (booking.Appointment, spool.Status, error) {
	a, err := booking.ByID(ctx, tx, id)
	if err != nil {
		return a, spool.Status{}, err
	}
	if a.Office != v.device.Office || a.State == booking.Held || a.State == booking.Expired {
		return a, spool.Status{}, fault.New(fault.Missing, "unknown_appointment")
	}
	status, ordered, err := spool.Latest(ctx, tx, a.Subject())
	if !ordered {
		status.State = ""
	}
	return a, status, err
}

func (s *Server) bookedOf(c echo.Context, v visitor) (bookedView, error) {
	ctx := c.Request().Context()
	var a booking.Appointment
	var office *territory.Office
	var status spool.Status
	var where string
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if a, status, err = s.booked(ctx, tx, v, c.QueryParam("id")); err != nil {
			return err
		}
		if where, err = printsAt(ctx, tx, v.device, status); err != nil {
			return err
		}
		office, err = territory.Of(ctx, tx, a.Office)
		return err
	})
	if err != nil {
		return bookedView{}, err
	}
	f := s.frame(c, office, "")
	f.own.Set("id", a.ID)
	about := factsOf(office, a, f.Lang, s.baseURL, s.db.Now())
	view := bookedView{
		slip: newSlip(f, a.ID, "/kiosk/booked", "lobby.receipt.", status), Reference: a.Reference, When: about.Date, Hours: about.Hours,
		Institutions: about.Institutions, Mail: a.Contact.Email != "",
	}
	view.Where = where
	if view.FormURL, err = s.formLink(ctx, f, office, a.Service); err != nil {
		return bookedView{}, err
	}
	if about.URL != "" {
		view.QR, err = newQRImage(about.URL)
	}
	return view, err
}

func (s *Server) lobbyBooked(c echo.Context, v visitor) error {
	view, err := s.bookedOf(c, v)
	if err != nil {
		return err
	}
	return s.show(c, "lobby/booked", view)
}

// lobbyBookedState is the part of the page that changes while one looks at it.
func (s *Server) lobbyBookedState(c echo.Context, v visitor) error {
	view, err := s.bookedOf(c, v)
	if err != nil {
		return err
	}
	return s.show(c, "lobby/bookedstate", view)
}

// lobbyBookedPaperOut takes the citizen's word that an unconfirmed receipt came out.
func (s *Server) lobbyBookedPaperOut(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	return s.aboutPaper(c, func(tx *store.Tx) error {
		_, last, err := s.booked(ctx, tx, v, c.FormValue("id"))
		if err != nil || last.Job != c.FormValue("job") {
			return err
		}
		return spool.Confirm(ctx, tx, last.Job)
	})
}

// lobbyBookedReprint orders another receipt. The page names the print job it knows of, so that a press that
// is sent twice, or comes late, orders nothing.
func (s *Server) lobbyBookedReprint(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	return s.aboutPaper(c, func(tx *store.Tx) error {
		if v.device.Printer == "" {
			return fault.New(fault.Conflict, "no_printer")
		}
		if _, err := territory.Lock(ctx, tx, v.device.Office); err != nil {
			return err
		}
		a, last, err := s.booked(ctx, tx, v, c.FormValue("id"))
		if err != nil || last.Job != c.FormValue("after") || owed(last) {
			return err
		}
		_, err = s.enqueueReceipt(ctx, tx, v.device, a)
		return err
	})
}

// aboutPaper does something about the paper of an appointment and shows it again.
func (s *Server) aboutPaper(c echo.Context, do func(tx *store.Tx) error) error {
	if err := s.db.Update(c.Request().Context(), do); err != nil {
		return err
	}
	f := frame{Page: page(language(c)), prefs: prefsOf(c)}
	return c.Redirect(http.StatusSeeOther, f.To("/kiosk/booked", "id", c.FormValue("id")))
}
