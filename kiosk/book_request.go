package kiosk

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// request is what a citizen says to book. It is in the bodies of forms and nowhere else.
type request struct{ Note, Name, Email, Phone, FiscalCode string }

func requestOf(form url.Values) request {
	return request{form.Get("note"), form.Get("name"), form.Get("email"), form.Get("phone"), form.Get("fiscal_code")}
}

func (r request) contact() booking.Contact {
	return booking.Contact{Name: r.Name, Email: r.Email, Phone: r.Phone, FiscalCode: r.FiscalCode}
}

// The pages on which a citizen says something; pageNone is one on which they do not.
const (
	pageDetails = "details"
	pageContact = "contact"
	pageReview  = "review"
	pageNone    = ""
)

// kept are the fields that a page has no input for.
func (r request) kept(on string) []keptField {
	var fields []keptField
	add := func(name, value, at string) {
		if value != "" && at != on {
			fields = append(fields, keptField{name, value})
		}
	}
	add("note", r.Note, pageDetails)
	add("name", r.Name, pageContact)
	add("email", r.Email, pageContact)
	add("phone", r.Phone, pageContact)
	add("fiscal_code", r.FiscalCode, pageContact)
	return fields
}

// bookRequestView is one of the pages between the choice of a start and the appointment.
type bookRequestView struct {
	bookPage
	request
	holdClock
	What      facts
	Tongue    string // that must be spoken, by its own name
	Action    string
	Kept      []keptField
	Territory string // id
	KeptDays  int    // how long after the appointment contact data is kept
	Sent      bool   // the link to the appointment that there is was sent, if it could be
}

// holdClock says how long a start is held.
type holdClock struct {
	Until string
	Left  int // seconds
}

func holdClockOf(o *territory.Office, a booking.Appointment, now time.Time) holdClock {
	return holdClock{a.HoldUntil.In(o.Zone()).Format("15:04"), int(a.HoldUntil.Sub(now).Seconds())}
}

// bookDetails shows the first of the pages for a hold. It is the only one that has an address.
func (s *Server) bookDetails(c echo.Context, _ visitor) error {
	a, err := s.appointmentBy(c, c.Param("hold"))
	switch {
	case err != nil:
		return err
	case a.State == booking.Held && s.db.Now().Before(a.HoldUntil):
		return s.showRequest(c, http.StatusOK, pageDetails, a, request{}, nil)
	case a.State == booking.Held, a.State == booking.Expired:
		return s.bookTimesAgain(c, a.Office, a.Service, request{}, fault.New(fault.Gone, "hold_expired"))
	}
	return c.Redirect(http.StatusSeeOther, bookPageOf(c, 0).To(ownPath(a)))
}

// bookRequest goes from page to page with what was typed; to says which is wanted.
func (s *Server) bookRequest(c echo.Context, v visitor) error {
	ctx, form := c.Request().Context(), posted(c)
	to, said := form.Get("to"), requestOf(form)
	a, err := s.appointmentBy(c, c.Param("hold"))
	if err != nil {
		return err
	}
	if a.State != booking.Held && a.State != booking.Expired {
		return c.Redirect(http.StatusSeeOther, bookPageOf(c, 0).To(ownPath(a))) // sent twice
	}
	if to == "times" {
		err := s.db.Update(ctx, func(tx *store.Tx) error { return booking.Release(ctx, tx, a.Token) })
		if err != nil && fault.Code(err) != "unknown_hold" {
			return err
		}
		s.limits.released(c, v, a.Token)
		return s.bookTimesAgain(c, a.Office, a.Service, said, nil)
	}
	var notice *deskAlert
	if a.State == booking.Expired || !s.db.Now().Before(a.HoldUntil) {
		again, err := s.holdFor(c, v, wishAgain(a))
		if err != nil {
			return s.otherTimes(c, a, said, err)
		}
		a = again
		lang := language(c)
		notice = &deskAlert{Tone: "info", Title: static.Text(lang, "book.hold.again"), Hint: static.Text(lang, "book.review.hint")}
		if to == "book" {
			to = pageReview // who is told of a new time limit has not seen it yet
		}
	}
	_, wrong := said.contact().Checked()
	switch {
	case to == pageDetails, to == pageContact:
		return s.showRequest(c, http.StatusOK, to, a, said, notice)
	case to == pageReview && wrong == nil:
		return s.showRequest(c, http.StatusOK, pageReview, a, said, notice)
	case wrong != nil:
		return s.refuseRequest(c, a, said, wrong)
	case to == "book":
		return s.bookNow(c, v, a, said)
	case to == "link":
		return s.sendLink(c, a, said)
	}
	return errMalformed
}

// wishAgain is what a hold was for.
func wishAgain(a booking.Appointment) booking.Wish {
	return booking.Wish{
		Office: a.Office, Service: a.Service, Start: a.Start, People: a.People, Language: a.Language, MustSpeak: a.MustSpeak, Channel: a.Channel,
	}
}

// bookNow makes the appointment.
func (s *Server) bookNow(c echo.Context, v visitor, a booking.Appointment, said request) error {
	ctx := c.Request().Context()
	details := booking.Details{Contact: said.contact(), Note: said.Note, By: booking.Citizen}
	if !a.MustSpeak {
		details.Language = language(c)
	}
	booked := a
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if booked, err = booking.Book(ctx, tx, s.key, a.Token, details); err != nil {
			return err
		}
		return s.tell(ctx, tx, booked, newsBooked)
	})
	if err != nil {
		return s.refuseRequest(c, a, said, err)
	}
	s.limits.released(c, v, a.Token)
	return c.Redirect(http.StatusSeeOther, bookPageOf(c, 0).To(ownPath(booked), "just", "booked"))
}

// refuseRequest shows the page on which something is to be put right.
func (s *Server) refuseRequest(c echo.Context, a booking.Appointment, said request, err error) error {
	f := (*fault.Error)(nil)
	if !errors.As(err, &f) {
		return err
	}
	switch f.Code {
	case "invalid":
		on := pageContact
		if slices.ContainsFunc(f.Fields, func(field fault.Field) bool { return field.Name == "note" }) {
			on = pageDetails
		}
		return s.showRefused(c, on, a, said, f)
	case "duplicate_need":
		return s.showRefused(c, "known", a, said, f)
	case "hold_expired", "unknown_hold":
		return s.otherTimes(c, a, said, f)
	}
	return s.showRefused(c, pageReview, a, said, f)
}

// otherTimes shows other starts to who cannot have that of a hold any more.
func (s *Server) otherTimes(c echo.Context, a booking.Appointment, said request, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return s.bookTimesAgain(c, a.Office, a.Service, said, f)
	}
	return err
}

// sendLink has the link to the appointment that a person has sent to the contact of that appointment,
// at most once a day. Whether there is one and where it was sent is told to nobody.
func (s *Server) sendLink(c echo.Context, a booking.Appointment, said request) error {
	ctx := c.Request().Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		known, err := booking.Ahead(ctx, tx, s.key, said.contact(), a.Territory, a.Service)
		if err != nil {
			return err
		}
		return s.tellLink(ctx, tx, known)
	})
	if err != nil && fault.Code(err) != "unknown_appointment" {
		return err
	}
	view, err := s.requestView(c, "known", a, said)
	if err != nil {
		return err
	}
	view.Sent = true
	return s.show(c, "public/book-known", view)
}

func (s *Server) showRefused(c echo.Context, on string, a booking.Appointment, said request, f *fault.Error) error {
	view, err := s.requestView(c, on, a, said)
	if err != nil {
		return err
	}
	if on != "known" {
		view.wrong(f)
	}
	return s.render(c, int(f.Kind), "public/book-"+on, view)
}

// fieldText says what is wrong with a field: what is special about this one, or the code's general text.
func fieldText(lang string, field fault.Field) string {
	if key := "book." + field.Name + "." + field.Code; static.Has(static.Italian, key) {
		return static.Text(lang, key)
	}
	return static.Text(lang, "field."+field.Code)
}

func (s *Server) showRequest(c echo.Context, status int, on string, a booking.Appointment, said request, alert *deskAlert) error {
	view, err := s.requestView(c, on, a, said)
	if err != nil {
		return err
	}
	view.Alert = cmp.Or(alert, view.Alert)
	return s.render(c, status, "public/book-"+on, view)
}

var stepOf = map[string]int{pageDetails: stepDetails, pageContact: stepContact, pageReview: stepReview, "known": stepContact}

func (s *Server) requestView(c echo.Context, on string, a booking.Appointment, said request) (bookRequestView, error) {
	ctx, now := c.Request().Context(), s.db.Now()
	view := bookRequestView{bookPage: bookPageOf(c, stepOf[on]), request: said, Kept: said.kept(on), Territory: a.Territory}
	view.Private = true
	view.Action = view.To(holdPath(a))
	err := s.db.View(ctx, func(tx *store.Tx) error {
		o, err := territory.Of(ctx, tx, a.Office)
		if err != nil {
			return err
		}
		view.What = factsOf(o, a, view.Lang, s.baseURL, now)
		view.holdClock = holdClockOf(o, a, now)
		view.KeptDays = int(booking.EraseAt(o.Territory, a).Sub(a.End).Hours() / 24)
		return nil
	})
	if a.MustSpeak {
		view.Tongue = static.Text(a.Language, "language.own")
	}
	return view, err
}

// Typed is the contact as it will be kept.
func (v bookRequestView) Typed() request {
	contact, err := v.contact().Checked()
	if err != nil {
		return v.request
	}
	return request{strings.TrimSpace(v.Note), contact.Name, contact.Email, contact.Phone, contact.FiscalCode}
}
