package kiosk

import (
	"bytes"
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/live"
	"sportello/internal/store"
	"sportello/queue"
	"sportello/queue/forecast"
	"sportello/static"
)

func (s *Server) phoneRoutes() {
	s.handle(http.MethodGet, "/t/:token", access.SeePublic, s.phone)
	s.handle(http.MethodGet, "/t/:token/events", access.SeePublic, s.phoneEvents)
	s.handle(http.MethodPost, "/t/:token/leave", access.SeePublic, s.phoneLeave)
}

// phoneView is a ticket as its holder sees it. Nobody signs in: who has the token has the ticket. It
// says nothing about the holder, and not what they came for.
type phoneView struct {
	Page
	Token, Number string
	Office        string
	Territory     string // its id
	State         queue.State
	Calls         int
	Heading       string
	Range         string // estimated wait in words; "" none
	Desk          string // where to go; "" nowhere
	Sign          string // what the sign there says, where that is not what the page says
	Lines         []string
	MayLeave      bool
	Leaving       bool // asks whether they mean it
	Ended         bool // nothing will change any more
	Updated       string
	Languages     []static.Language
}

// Title is the page's, which a phone shows in its list of pages: what matters first.
func (v phoneView) Title() string {
	what := v.Heading
	if v.Desk != "" {
		what += " " + v.Desk
	}
	return what + " – " + v.Number
}

// phoneEvent is what the page gets of a change: the part of the page that shows it, and what a
// script must know.
type phoneEvent struct {
	State   queue.State `json:"state"`
	Calls   int         `json:"calls"`
	Title   string      `json:"title"`
	HTML    string      `json:"html"`
	Updated string      `json:"updated"`
	Leave   bool        `json:"leave"`
	Ended   bool        `json:"ended"`
}

// phone shows a ticket in its own language, or in the one that the address asks for.
func (s *Server) phone(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	t, err := s.ticketBy(ctx, c.Param("token"))
	if err != nil {
		return err
	}
	p, err := s.picture(ctx, t.Office)
	if err != nil {
		return err
	}
	view := phoneOf(p, s.newest(ctx, p, t), phoneLanguage(c, t), s.db.Now())
	view.Leaving = view.MayLeave && c.QueryParam("leave") != ""
	return s.show(c, "phone/ticket", view)
}

// phoneEvents follows a ticket until the reader is gone, or nothing will change any more.
func (s *Server) phoneEvents(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	t, err := s.ticketBy(ctx, c.Param("token"))
	if err != nil {
		return err
	}
	w, err := s.watch(ctx, t.Office)
	if err != nil {
		return err
	}
	defer w.Close()
	lang := phoneLanguage(c, t)
	return s.stream(c, w, "ticket", func(state live.State) any {
		p := state.Value.(*queue.Picture)
		t = s.newest(ctx, p, t)
		event, err := s.phoneEvent(phoneOf(p, t, lang, s.db.Now()))
		if err != nil {
			s.log.Error("ticket not shown", "error", err)
			return nil
		}
		if event.Ended {
			return last{event}
		}
		return event
	})
}

// newest returns t as p has it, or as it has ended since.
func (s *Server) newest(ctx context.Context, p *queue.Picture, t queue.Ticket) queue.Ticket {
	if now, ok := p.Ticket(t.ID); ok {
		return now
	}
	if now, err := s.ticketBy(ctx, t.Token); err == nil {
		return now
	}
	return t
}

func (s *Server) ticketBy(ctx context.Context, token string) (queue.Ticket, error) {
	var t queue.Ticket
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		t, err = queue.ByToken(ctx, tx, token)
		return err
	})
	return t, err
}

func (s *Server) phoneEvent(view phoneView) (phoneEvent, error) {
	event := phoneEvent{
		State: view.State, Calls: view.Calls, Title: view.Title(), Updated: view.Updated, Leave: view.MayLeave, Ended: view.Ended,
	}
	var out bytes.Buffer
	if err := s.pages[view.Lang]["phone/ticket"].ExecuteTemplate(&out, "status", view); err != nil {
		return phoneEvent{}, err
	}
	event.HTML = out.String()
	return event, nil
}

// phoneLeave takes the ticket out of the queue. One that was called meanwhile is shown as it is.
func (s *Server) phoneLeave(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := queue.Leave(ctx, tx, c.Param("token"))
		return err
	})
	if err != nil && asFault(err).Code != "ticket_state" {
		return err
	}
	address := "/t/" + url.PathEscape(c.Param("token"))
	if lang := c.QueryParam("lang"); lang != "" {
		address += "?lang=" + url.QueryEscape(lang)
	}
	return c.Redirect(http.StatusSeeOther, address)
}

// phoneLanguage is the one the reader asked for, else the ticket's.
func phoneLanguage(c echo.Context, t queue.Ticket) string {
	if asked := c.QueryParam("lang"); asked != "" {
		return page(asked).Lang
	}
	return page(t.Language).Lang
}

// phoneOf makes what a ticket's holder sees of p at now.
func phoneOf(p *queue.Picture, t queue.Ticket, lang string, now time.Time) phoneView {
	zone := p.Office.Zone()
	view := phoneView{
		Page: page(lang), Token: t.Token, Number: t.Label(), Office: p.Office.Name, Territory: p.Office.Territory.ID, State: t.State, Calls: t.Calls,
		Updated: static.Text(lang, "phone.updated", "time", now.In(zone).Format("15:04")), Languages: static.Languages(),
	}
	if t.Day != p.Day && !t.State.Ended() {
		view.State = queue.NotServed // of another day, and nobody closed it
	}
	switch view.State {
	case queue.Waiting:
		view.wait(p, t)
	case queue.Called:
		at := placeOf(p.Office, t.Desks)
		view.goTo(at)
		view.Heading = view.text("phone.called.place")
		if at.Numbered {
			view.Heading = view.text("phone.called", "n", len(at.Names))
		}
		view.say("phone.called.at", "time", t.CalledAt.In(zone).Format("15:04"))
	case queue.Serving:
		view.goTo(placeOf(p.Office, t.Desks))
		view.Heading = view.text("phone.serving")
	case queue.Parked:
		view.Heading = view.text("phone.parked")
		view.say("phone.parked.text")
		view.MayLeave = true
	case queue.NoShow:
		view.missed(t.EndedAt.Add(queue.ReturnWithin), now, zone)
	case queue.Served:
		view.end("phone.served")
	case queue.Cancelled:
		view.end("phone.cancelled")
	case queue.NotServed:
		view.end("phone.closed")
	}
	return view
}

func (v *phoneView) text(key string, args ...any) string { return static.Text(v.Lang, key, args...) }

func (v *phoneView) say(key string, args ...any) { v.Lines = append(v.Lines, v.text(key, args...)) }

func (v *phoneView) end(key string) {
	v.Heading, v.Ended = v.text(key), true
	v.say(key + ".text")
}

// wait says how many are before a waiting ticket, how long it may take, and what holds it up.
func (v *phoneView) wait(p *queue.Picture, t queue.Ticket) {
	v.MayLeave = true
	v.Heading = v.text("phone.first")
	if n := p.Before(t.ID); n > 0 {
		v.Heading = v.text("phone.before", "n", n)
	}
	wait, known := p.Wait(t.ID)
	if known {
		v.Range = phoneRange(v.Lang, wait)
	}
	paused := slices.ContainsFunc(p.Unserved(), func(s *territory.Service) bool { return s.ID == t.Service })
	back, said := backAt(p, t.Service)
	switch {
	case paused && said:
		v.say("phone.wait.paused.until", "time", back.In(p.Office.Zone()).Format("15:04"))
	case paused:
		v.say("phone.wait.paused")
	case !known:
		v.say("phone.wait.none")
	}
	if !t.AppointmentAt.IsZero() {
		v.say("phone.appointment", "time", t.AppointmentAt.In(p.Office.Zone()).Format("15:04"))
	}
	v.say("phone.stay")
	v.say("phone.order")
}

// missed tells who did not come until when they may come back.
func (v *phoneView) missed(until, now time.Time, zone *time.Location) {
	v.Heading = v.text("phone.missed")
	if now.After(until) {
		v.Ended = true
		v.say("phone.missed.late")
		return
	}
	v.say("phone.missed.text", "time", until.In(zone).Format("15:04"))
}

// goTo shows desks; who reads another language is told what the Italian sign says.
func (v *phoneView) goTo(at place) {
	v.Desk = at.List(v.Lang)
	if at.Numbered && v.Lang != static.Italian {
		v.Sign = at.Words()
	}
}

func phoneRange(lang string, w forecast.Wait) string {
	low, high := roundedWait(w)
	switch {
	case low == 0:
		return static.Text(lang, "phone.range.short", "n", high)
	case low >= hoursFrom:
		low, high = inHours(low, high)
		return static.Text(lang, "phone.range.hours", "low", low, "n", high)
	}
	return static.Text(lang, "phone.range", "low", low, "n", high)
}
