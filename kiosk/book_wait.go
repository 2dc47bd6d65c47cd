package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/static"
)

// bookWaitView asks who wants to be told when a start comes free.
type bookWaitView struct {
	bookPage
	bookWhat
	request
	Place     bookPlace
	Office    string // id; "" any of the territory
	Anywhere  bool   // any office will do
	Territory string // id
	Until     string // last day, 2026-12-31
	First     string
	Last      string
	Coming    int
	People    []int
	Action    string
}

// waitDays is for how many days people wait unless they say otherwise.
const waitDays = 30

// waitAsked is a service with the office or territory in which somebody waits for it.
type waitAsked struct {
	area    *bookArea
	service *territory.Service
}

func (s *Server) waitAskedOf(c echo.Context) (waitAsked, error) {
	area, _, err := s.bookAreaOf(c)
	if err != nil {
		return waitAsked{}, err
	}
	if area == nil {
		return waitAsked{}, fault.New(fault.Missing, "unknown_territory")
	}
	service, ok := area.territory.Service(c.Param("service"))
	if !ok || !area.offers(service.ID) {
		return waitAsked{}, fault.New(fault.Missing, "unknown_service", "service", c.Param("service"))
	}
	return waitAsked{area, service}, nil
}

// bookWait shows the form of the waiting list.
func (s *Server) bookWait(c echo.Context, _ visitor) error {
	ask, err := s.waitAskedOf(c)
	if err != nil {
		return err
	}
	view := ask.view(c)
	view.Until = ask.area.day.AddDays(waitDays).String()
	return s.show(c, "public/book-wait", view)
}

func (ask waitAsked) view(c echo.Context) bookWaitView {
	view := bookWaitView{bookPage: bookPageOf(c, 0), Territory: ask.area.territory.ID, Coming: 1}
	view.bookWhat = view.what(ask.area.territory, ask.service, "")
	if o := ask.area.office; o != nil {
		view.Place, view.Office = placeAt(o), o.ID
	}
	for n := 1; n <= booking.MaxPeople; n++ {
		view.People = append(view.People, n)
	}
	view.First, view.Last = ask.area.day.String(), ask.area.day.AddDays(booking.MaxDays-1).String()
	view.Back = view.To(servicePath(ask.service.ID), ask.area.pairs()...)
	view.Action = view.To(servicePath(ask.service.ID)+"/wait", ask.area.pairs()...)
	return view
}

// bookWaitJoin puts the citizen on the waiting list, or says what is wrong.
func (s *Server) bookWaitJoin(c echo.Context, _ visitor) error {
	ctx, form := c.Request().Context(), posted(c)
	ask, err := s.waitAskedOf(c)
	if err != nil {
		return err
	}
	said, until := requestOf(form), timetable.Date{}
	if d, err := timetable.ParseDate(form.Get("until")); err == nil {
		until = d
	}
	wish := booking.WaitWish{
		Territory: ask.area.territory.ID, Service: ask.service.ID, From: ask.area.day, Until: until,
		People: max(1, number(form.Get("people"))), Language: language(c), Contact: said.contact(), By: booking.Citizen,
	}
	anywhere := form.Get("where") == "anywhere"
	if ask.area.office != nil && !anywhere {
		wish.Office, wish.Territory = ask.area.office.ID, ""
	}
	var w booking.Waiting
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if w, err = booking.Wait(ctx, tx, s.key, wish); err != nil {
			return err
		}
		return s.tellWaiting(ctx, tx, w)
	})
	f := (*fault.Error)(nil)
	if errors.As(err, &f) {
		view := ask.view(c)
		view.request, view.Until, view.Anywhere, view.Coming = said, form.Get("until"), anywhere, wish.People
		view.wrong(f)
		return s.render(c, int(f.Kind), "public/book-wait", view)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, bookPageOf(c, 0).To(waitPath(w)))
}

// wrong has the page say what a fault finds wrong, beside the fields if it is about some.
func (p *bookPage) wrong(f *fault.Error) {
	for _, field := range f.Fields {
		if field.Name == "to" { // as the form calls it, and from is today
			field.Name = "until"
			if field.Code == "before_from" {
				field.Code = "past"
			}
		}
		p.Errors = append(p.Errors, fieldError{field.Name, fieldText(p.Lang, field)})
	}
	if len(f.Fields) == 0 {
		p.refused(refusal(p.Lang, f))
	}
}

// waitPath is the page of a place in the waiting list.
func waitPath(w booking.Waiting) string {
	return servicePath(w.Service) + "/wait/" + url.PathEscape(w.Token)
}

// waitingView is a place in the waiting list.
type waitingView struct {
	bookPage
	Ended   bool
	Service string
	Where   string
	Until   string
	Email   string
	Offer   string // address of the start that is held for it; "" none
	Action  string
	Again   string
}

// bookWaiting shows a place in the waiting list to who has its token.
func (s *Server) bookWaiting(c echo.Context, _ visitor) error {
	ctx, now := c.Request().Context(), s.db.Now()
	c.Response().Header().Set("X-Robots-Tag", "noindex")
	if err := s.limits.guess(c, now, false); err != nil {
		return err
	}
	view := waitingView{bookPage: bookPageOf(c, 0)}
	view.Private = true
	err := s.db.View(ctx, func(tx *store.Tx) error {
		w, err := booking.WaitingByToken(ctx, tx, c.Param("token"))
		if err != nil {
			return err
		}
		t, err := territory.Read(ctx, tx, w.Territory)
		if err != nil {
			return err
		}
		view.Ended, view.Email, view.Action = w.Ended, w.Contact.Email, view.To(waitPath(w))
		view.Where = t.Name
		if o, ok := t.Office(w.Office); ok {
			view.Where = joined(", ", o.Name, o.Address)
		}
		if s, ok := t.Service(w.Service); ok {
			view.Service = serviceName(s, view.Lang)
		}
		view.Until = static.Date(view.Lang, w.Until.At(0, t.Zone), static.FullDate)
		view.Again = view.To(servicePath(w.Service), "territory", w.Territory)
		hold, err := booking.ByID(ctx, tx, w.Offer)
		if err == nil && hold.State == booking.Held && now.Before(hold.HoldUntil) {
			view.Offer = view.To(holdPath(hold))
		}
		if fault.Code(err) != "" {
			return nil // no offer yet
		}
		return err
	})
	if fault.Code(err) == "unknown_waiting" {
		return errors.Join(s.limits.guess(c, now, true), err)
	}
	if err != nil {
		return err
	}
	return s.show(c, "public/book-waiting", view)
}

// bookWaitLeave takes a place off the waiting list, at the wish of its citizen.
func (s *Server) bookWaitLeave(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	var w booking.Waiting
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if w, err = booking.LeaveWaiting(ctx, tx, c.Param("token"), booking.Citizen); err != nil {
			return err
		}
		return message.Withdraw(ctx, tx, w.Subject())
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, bookPageOf(c, 0).To(waitPath(w)))
}

// OfferFreed tells those who wait of what came free, which is held for them. It is a job for every minute.
func (s *Server) OfferFreed(ctx context.Context) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		offers, err := booking.OfferFreed(ctx, tx)
		if err != nil {
			return err
		}
		for _, o := range offers {
			if err := s.tellOffer(ctx, tx, o); err != nil {
				return err
			}
		}
		return nil
	})
}

// tellWaiting confirms a place in the waiting list by mail, with the way to leave it.
func (s *Server) tellWaiting(ctx context.Context, tx *store.Tx, w booking.Waiting) error {
	t, err := territory.Read(ctx, tx, w.Territory)
	if err != nil {
		return err
	}
	lang := page(w.Language).Lang
	text := func(key string, args ...any) string { return static.Text(lang, key, args...) }
	where := t.Name
	if o, ok := t.Office(w.Office); ok {
		where = joined(", ", o.Name, o.Address)
	}
	lines := text("mail.where", "where", where)
	if service, ok := t.Service(w.Service); ok && !service.Sensitive {
		lines += "\n" + text("mail.service", "service", serviceName(service, lang))
	}
	until := static.Date(lang, w.Until.At(0, t.Zone), static.FullDate)
	words, err := wordingOf(ctx, tx, t, territory.MailWaiting, lang, map[string]string{territory.PlaceholderOffice: where, territory.PlaceholderUntil: until})
	if err != nil {
		return err
	}
	return s.mailWaiting(ctx, tx, w, message.Mail{
		Subject: words.Subject, Key: w.Subject() + ":joined", NotAfter: w.Until.AddDays(1).At(0, t.Zone),
	}, words.Intro, lines, s.leaving(lang, w))
}

// tellOffer tells somebody who waits of the start that is held for them.
func (s *Server) tellOffer(ctx context.Context, tx *store.Tx, offer booking.Offer) error {
	w, hold := offer.Waiting, offer.Hold
	o, err := territory.Of(ctx, tx, hold.Office)
	if err != nil {
		return err
	}
	l := letter{facts: factsOf(o, hold, w.Language, s.baseURL, tx.Now), appointment: hold}
	until := moment(l.Lang, hold.HoldUntil.In(o.Zone()))
	words, err := wordingOf(ctx, tx, o.Territory, territory.MailOffer, l.Lang, l.values())
	if err != nil {
		return err
	}
	paragraphs := []string{words.Intro, l.lines()}
	if l.URL != "" {
		paragraphs = append(paragraphs, l.text("mail.take", "until", until, "url", l.URL+"?lang="+l.Lang))
	}
	return s.mailWaiting(ctx, tx, w, message.Mail{
		Subject: words.Subject, Key: w.Subject() + ":offer:" + hold.ID, NotAfter: hold.HoldUntil,
	}, append(paragraphs, s.leaving(l.Lang, w))...)
}

// leaving says how to leave the waiting list.
func (s *Server) leaving(lang string, w booking.Waiting) string {
	if !Reachable(s.baseURL) {
		return ""
	}
	return static.Text(lang, "mail.leave", "url", s.baseURL+waitPath(w)+"?lang="+lang)
}

func (s *Server) mailWaiting(ctx context.Context, tx *store.Tx, w booking.Waiting, m message.Mail, paragraphs ...string) error {
	m.Language = page(w.Language).Lang
	all := append([]string{static.Text(m.Language, "mail.hello", "name", w.Contact.Name)}, paragraphs...)
	m.To, m.Text = w.Contact.Email, joined("\n\n", append(all, static.Text(m.Language, "mail.foot"))...)+"\n"
	return message.Enqueue(ctx, tx, m)
}
