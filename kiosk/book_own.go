package kiosk

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/static"
)

// ownView is an appointment as its citizen sees it. Nobody signs in: who has the token has the
// appointment.
type ownView struct {
	bookPage
	What      facts
	Territory string // id
	State     booking.State
	Heading   string
	Lines     []string // that say where it stands
	Just      string   // what was done a moment ago
	Ahead     bool     // it is still to come
	Mailed    bool     // mail about it goes to the citizen
	Erased    bool     // nobody knows any more who comes
	QR        *qrImage
	Again     string // where to book anew
	Form      string // title of the form that goes with it; "" none
	Own       string // address of the page, without what is behind it
}

// ownPath is the page of an appointment.
func ownPath(a booking.Appointment) string { return "/a/" + url.PathEscape(a.Token) }

// appointmentBy is the hold or appointment of a token, for who does not guess.
func (s *Server) appointmentBy(c echo.Context, token string) (booking.Appointment, error) {
	ctx, now := c.Request().Context(), s.db.Now()
	if err := s.limits.guess(c, now, false); err != nil {
		return booking.Appointment{}, err
	}
	var a booking.Appointment
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		a, err = booking.ByToken(ctx, tx, token)
		return err
	})
	if fault.Code(err) == "unknown_appointment" {
		return a, errors.Join(s.limits.guess(c, now, true), err)
	}
	return a, err
}

// ownOf is the appointment of the address with its office, once it is one.
func (s *Server) ownOf(c echo.Context) (booking.Appointment, *territory.Office, error) {
	c.Response().Header().Set("X-Robots-Tag", "noindex")
	ctx := c.Request().Context()
	a, err := s.appointmentBy(c, strings.TrimSuffix(c.Param("token"), icsSuffix))
	if err != nil {
		return a, nil, err
	}
	if a.State == booking.Held || a.State == booking.Expired {
		return a, nil, errHold
	}
	var o *territory.Office
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		o, err = territory.Of(ctx, tx, a.Office)
		return err
	})
	return a, o, err
}

// errHold is returned for what is no appointment yet.
var errHold = fault.New(fault.Missing, "unknown_appointment")

// ownPageOf begins a page of an appointment, in the language asked for or in the citizen's.
func ownPageOf(c echo.Context, a booking.Appointment) bookPage {
	p := bookPageOf(c, 0)
	p.Private = true
	if c.QueryParam("lang") == "" {
		p.Page = page(ownLanguage(a))
	}
	return p
}

// icsSuffix ends the addresses of calendars.
const icsSuffix = ".ics"

// own shows an appointment, at its address with icsSuffix as a calendar.
func (s *Server) own(c echo.Context, _ visitor) error {
	if strings.HasSuffix(c.Param("token"), icsSuffix) {
		return s.ownCalendar(c)
	}
	a, o, err := s.ownOf(c)
	if errors.Is(err, errHold) && a.ID != "" {
		return c.Redirect(http.StatusSeeOther, bookPageOf(c, 0).To(holdPath(a))) // which was offered by mail
	}
	if err != nil {
		return err
	}
	view, err := s.ownViewOf(c, a, o)
	if err != nil {
		return err
	}
	return s.show(c, "public/own", view)
}

func (s *Server) ownViewOf(c echo.Context, a booking.Appointment, o *territory.Office) (ownView, error) {
	now := s.db.Now()
	view := ownView{
		bookPage: ownPageOf(c, a), Territory: a.Territory, State: a.State, Mailed: a.Contact.Email != "", Erased: !a.ErasedAt.IsZero(), Own: ownPath(a),
		Ahead: a.State == booking.Booked && now.Before(a.End),
	}
	view.What = factsOf(o, a, view.Lang, s.baseURL, now)
	view.Again = view.To(servicePath(a.Service), "office", a.Office)
	view.stand(a, c.QueryParam("just"))
	if !view.Ahead {
		return view, nil
	}
	if kind, some, err := s.formOfService(c.Request().Context(), o, a.Service); err != nil {
		return view, err
	} else if some {
		view.Form = formTitle(view.Lang, kind)
	}
	shown := view.What.URL
	if shown == "" {
		shown = a.Reference // no phone could open the address
	}
	qr, err := newQRImage(shown)
	view.QR = qr
	return view, err
}

// stand says where an appointment stands.
func (v *ownView) stand(a booking.Appointment, just string) {
	switch {
	case v.Ahead && (just == "booked" || just == "moved"):
		v.Just = just
		v.Heading = v.text("own." + just)
	case v.Ahead:
		v.Heading = v.text("paper.receipt.title")
	case a.State == booking.Cancelled:
		v.Heading = v.text("own.cancelled")
		v.Lines = []string{v.text("own.cancelled.office")}
		if a.Reason == booking.ByWish {
			v.Lines = []string{v.text("own.cancelled.you")}
		}
	case a.State == booking.Arrived:
		v.Heading = v.text("own.arrived")
		v.Lines = []string{v.text("own.arrived.text")}
	case a.State == booking.InService:
		v.Heading = v.text("own.in_service")
	default:
		v.Heading = v.text("own.past")
	}
}

// ownCalendar is an appointment as a file for the citizen's calendar.
func (s *Server) ownCalendar(c echo.Context) error {
	a, o, err := s.ownOf(c)
	if err != nil {
		return err
	}
	now := s.db.Now()
	l := letter{facts: factsOf(o, a, ownPageOf(c, a).Lang, s.baseURL, now), appointment: a}
	content, err := l.ics(now)
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="appuntamento.ics"`)
	return c.Blob(http.StatusOK, "text/calendar; charset=utf-8; method=PUBLISH", content)
}

// ownReceipt is an appointment on a sheet of paper.
func (s *Server) ownReceipt(c echo.Context, _ visitor) error {
	a, o, err := s.ownOf(c)
	if err != nil {
		return err
	}
	if lang := c.QueryParam("lang"); lang != "" {
		a.Language = page(lang).Lang
	}
	paper, err := s.receiptOf(o, a, s.db.Now()).A4()
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, `inline; filename="appuntamento.pdf"`)
	return c.Blob(http.StatusOK, "application/pdf", paper)
}

// ownForm is the form that goes with an appointment, with what the office knows from its booking: how to
// reach the citizen. Who they are they write themselves.
func (s *Server) ownForm(c echo.Context, _ visitor) error {
	a, o, err := s.ownOf(c)
	if err != nil {
		return err
	}
	kind, some, err := s.formOfService(c.Request().Context(), o, a.Service)
	if err != nil {
		return err
	}
	if !some || a.State != booking.Booked {
		return errNoForm
	}
	f := filling{
		kind: kind, office: o, now: s.db.Now().In(o.Zone()), lang: ownPageOf(c, a).Lang, unsaid: true,
		said: map[string]string{fieldMail: a.Contact.Email, fieldPhone: a.Contact.Phone},
	}
	return s.openForm(c, f)
}

// errChange refuses what a page would offer in vain: an appointment that is over, or too near.
func (s *Server) errChange(a booking.Appointment, o *territory.Office) error {
	if a.State != booking.Booked {
		return fault.New(fault.Conflict, "appointment_state", "state", string(a.State))
	}
	service, ok := o.Territory.Service(a.Service)
	if until := a.MoveUntil(service); ok && s.db.Now().After(until) {
		return fault.New(fault.Conflict, "too_late_to_change", "until", until.In(o.Zone()))
	}
	return nil
}

// refuseOwn shows the appointment with why something was not done.
func (s *Server) refuseOwn(c echo.Context, err error) error {
	f := (*fault.Error)(nil)
	if !errors.As(err, &f) {
		return err
	}
	a, o, err := s.ownOf(c)
	if err != nil {
		return err
	}
	view, err := s.ownViewOf(c, a, o)
	if err != nil {
		return err
	}
	view.refused(refusal(view.Lang, f))
	return s.render(c, int(f.Kind), "public/own", view)
}

// ownTimes shows to when an appointment can be moved, at its office or at another.
func (s *Server) ownTimes(c echo.Context, _ visitor) error {
	return s.showOwnTimes(c, http.StatusOK, nil)
}

func (s *Server) showOwnTimes(c echo.Context, status int, f *fault.Error) error {
	ctx := c.Request().Context()
	a, o, err := s.ownOf(c)
	if err != nil {
		return err
	}
	if err := s.errChange(a, o); err != nil {
		return s.refuseOwn(c, err)
	}
	at := a.Office
	if asked := c.FormValue("office"); asked != "" {
		at = asked
	}
	var ask timesAsked
	var places []bookPlace
	err = s.db.View(ctx, func(tx *store.Tx) error {
		there, service, err := offered(ctx, tx, at, a.Service)
		if err != nil {
			return err
		}
		if there.Territory.ID != a.Territory {
			return fault.New(fault.Missing, "unknown_office")
		}
		ask = s.bookTimes(c, there, service)
		for _, other := range there.Territory.Offices {
			if _, ok := other.Offers(a.Service); ok && other.ID != at {
				places = append(places, bookPlace{Name: other.Name, URL: other.ID})
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	view := &ask.view
	view.bookPage = ownPageOf(c, a)
	speak := ""
	if a.MustSpeak {
		speak = a.Language
	}
	view.bookWhat = view.what(o.Territory, ask.service, speak)
	view.Tongues, view.People, view.Wait = nil, nil, ""
	view.Moving, view.Elsewhere = true, ""
	for _, p := range places {
		p.URL = view.To(ownPath(a)+"/move", "office", p.URL)
		view.Others = append(view.Others, p)
	}
	view.Back, view.Look = view.To(ownPath(a)), ownPath(a)+"/move"
	view.Action = view.To(view.Look)
	if f != nil {
		retryAfter(c.Response().Header(), f)
		view.refused(refusal(view.Lang, f))
	}
	return s.showTimes(c, status, ask)
}

// ownHold keeps the start to which the appointment may be moved.
func (s *Server) ownHold(c echo.Context, v visitor) error {
	a, o, err := s.ownOf(c)
	if err != nil {
		return err
	}
	if err := s.errChange(a, o); err != nil {
		return s.refuseOwn(c, err)
	}
	w, err := wishOf(posted(c), a.Service, a.Language)
	if err != nil {
		return err
	}
	w.People, w.MustSpeak = a.People, a.MustSpeak
	h, err := s.holdFor(c, v, w)
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return s.showOwnTimes(c, int(f.Kind), f)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, ownPageOf(c, a).To(ownPath(a)+"/move/"+url.PathEscape(h.Token)))
}

// askView asks whether something is meant.
type askView struct {
	bookPage
	holdClock
	Heading, Text string
	Now, Then     *facts // how an appointment is and how it would be
	Yes, No       string
	Danger        bool
	Action        string
}

// ownMoveAsk asks whether the appointment is to be moved.
func (s *Server) ownMoveAsk(c echo.Context, _ visitor) error {
	ctx, now := c.Request().Context(), s.db.Now()
	a, o, err := s.ownOf(c)
	if err != nil {
		return err
	}
	h, err := s.appointmentBy(c, c.Param("hold"))
	if err != nil {
		return err
	}
	if h.State != booking.Held || !now.Before(h.HoldUntil) {
		return s.showOwnTimes(c, http.StatusGone, fault.New(fault.Gone, "hold_expired"))
	}
	var there *territory.Office
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		there, err = territory.Of(ctx, tx, h.Office)
		return err
	})
	if err != nil {
		return err
	}
	view := askView{bookPage: ownPageOf(c, a), holdClock: holdClockOf(there, h, now)}
	is, would := factsOf(o, a, view.Lang, "", now), factsOf(there, h, view.Lang, "", now)
	view.Heading, view.Now, view.Then = view.text("own.move.ask"), &is, &would
	view.Yes, view.No = view.text("own.move.yes"), view.text("own.leave")
	view.Back, view.Action = view.To(ownPath(a)), view.To(c.Request().URL.EscapedPath())
	return s.show(c, "public/own-ask", view)
}

// ownMove moves the appointment to a start that is held for it.
func (s *Server) ownMove(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	a, _, err := s.ownOf(c)
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		moved, err := booking.Move(ctx, tx, a.Token, c.Param("hold"))
		if err != nil {
			return err
		}
		return s.tell(ctx, tx, moved, newsMoved)
	})
	switch f := (*fault.Error)(nil); {
	case err == nil:
		s.limits.released(c, v, c.Param("hold"))
		return c.Redirect(http.StatusSeeOther, ownPageOf(c, a).To(ownPath(a), "just", "moved"))
	case errors.As(err, &f) && f.Code == "hold_expired":
		return s.showOwnTimes(c, int(f.Kind), f)
	}
	return s.refuseOwn(c, err)
}

// ownCancelAsk asks whether the appointment is to be cancelled.
func (s *Server) ownCancelAsk(c echo.Context, _ visitor) error {
	a, o, err := s.ownOf(c)
	if err != nil {
		return err
	}
	if err := s.errChange(a, o); err != nil {
		return s.refuseOwn(c, err)
	}
	view := askView{bookPage: ownPageOf(c, a), Danger: true}
	is := factsOf(o, a, view.Lang, "", s.db.Now())
	view.Heading, view.Text, view.Now = view.text("own.cancel.ask"), view.text("own.cancel.text"), &is
	view.Yes, view.No = view.text("own.cancel.yes"), view.text("own.leave")
	view.Back, view.Action = view.To(ownPath(a)), view.To(ownPath(a)+"/cancel")
	return s.show(c, "public/own-ask", view)
}

// ownCancel cancels the appointment. A second time changes nothing.
func (s *Server) ownCancel(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	a, _, err := s.ownOf(c)
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		cancelled, err := booking.Cancel(ctx, tx, a.Token)
		if err != nil || a.State == booking.Cancelled {
			return err
		}
		return s.tell(ctx, tx, cancelled, newsCancelled)
	})
	if err != nil {
		return s.refuseOwn(c, err)
	}
	return c.Redirect(http.StatusSeeOther, ownPageOf(c, a).To(ownPath(a)))
}

// ownDataView is what is held on the citizen of an appointment (GDPR art. 15 and 17).
type ownDataView struct {
	bookPage
	Rows      []dataRow
	Until     string // when it is erased
	Ahead     bool
	Territory string
	Action    string
}

type dataRow struct{ Key, Value string }

// ownData shows what is held on the citizen.
func (s *Server) ownData(c echo.Context, _ visitor) error {
	a, o, err := s.ownOf(c)
	if err != nil {
		return err
	}
	view := ownDataView{bookPage: ownPageOf(c, a), Territory: a.Territory, Ahead: a.State == booking.Booked && s.db.Now().Before(a.End)}
	view.Rows = dataRows(a.Contact, a.Note)
	view.Until = static.Date(view.Lang, booking.EraseAt(o.Territory, a).In(o.Zone()), static.FullDate)
	view.Back, view.Action = view.To(ownPath(a)), view.To(ownPath(a)+"/data")
	return s.show(c, "public/own-data", view)
}

func dataRows(c booking.Contact, note string) []dataRow {
	all := []dataRow{{"book.name", c.Name}, {"book.email", c.Email}, {"book.phone", c.Phone}, {"book.note", note}}
	return slices.DeleteFunc(all, func(row dataRow) bool { return row.Value == "" })
}

// ownErase erases what is held on the citizen, and what is still to be sent to them.
func (s *Server) ownErase(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	a, _, err := s.ownOf(c)
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := booking.Erase(ctx, tx, a.Token, booking.Citizen); err != nil {
			return err
		}
		return message.Withdraw(ctx, tx, mailKey(a))
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, ownPageOf(c, a).To(ownPath(a)+"/data"))
}
