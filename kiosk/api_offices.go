package kiosk

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/live"
	"sportello/internal/store"
	"sportello/queue"
)

// officeJSON is an office as programs get it. While it is open it has no next opening.
type officeJSON struct {
	ID           string   `json:"id"`
	Name         string   `json:"name"`
	Address      string   `json:"address"`
	Timezone     string   `json:"timezone"`
	OpenNow      bool     `json:"open_now"`
	NextOpening  *string  `json:"next_opening"`
	Institutions []string `json:"institutions"`
}

// apiOffices lists the offices of all territories by their ids.
func (s *Server) apiOffices(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	var all []*territory.Office
	err := s.db.View(ctx, func(tx *store.Tx) error {
		territories, err := territory.List(ctx, tx)
		for _, t := range territories {
			all = append(all, t.Offices...)
		}
		return err
	})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b *territory.Office) int { return cmp.Compare(a.ID, b.ID) })
	all, next, err := listed(c, all, func(o *territory.Office) string { return o.ID })
	if err != nil {
		return err
	}
	list := listJSON[officeJSON]{Items: []officeJSON{}, Next: next}
	for _, o := range all {
		front := frontOfficeOf(o, s.db.Now())
		list.Items = append(list.Items, officeJSON{
			ID: o.ID, Name: o.Name, Address: o.Address, Timezone: o.Zone().String(),
			OpenNow: front.Open, NextOpening: stamp(front.Next, o.Zone()), Institutions: append([]string{}, o.Institutions...),
		})
	}
	return c.JSON(http.StatusOK, list)
}

// serviceJSON is a service of an office as programs get it. It has Needs or NeedsAny; only an ended
// one has Successors.
type serviceJSON struct {
	ID          string              `json:"id"`
	Name        string              `json:"name"`
	Plain       string              `json:"plain"`
	Needs       []string            `json:"needs,omitempty"`
	NeedsAny    []string            `json:"needs_any,omitempty"`
	Minutes     int                 `json:"minutes"`
	Area        string              `json:"area"`
	Channels    []territory.Channel `json:"channels"`
	OpenNow     bool                `json:"open_now"`
	NextOpening *string             `json:"next_opening"`
	Successors  []string            `json:"successors,omitempty"`
}

// serviceQuery is which services somebody asks for.
type serviceQuery struct {
	words   string
	lang    string
	on      timetable.Date // zero: that there are today, whether open or not
	channel territory.Channel
}

func serviceQueryOf(c echo.Context) (serviceQuery, error) {
	q := serviceQuery{words: c.QueryParam("q"), lang: language(c), channel: territory.Channel(c.QueryParam("channel"))}
	if asked := c.QueryParam("date"); asked != "" {
		var err error
		if q.on, err = timetable.ParseDate(asked); err != nil {
			return q, wrongs{{Name: "date", Code: fieldType}}.malformed()
		}
	}
	if q.channel != "" && !slices.Contains(territory.Channels(), q.channel) {
		return q, wrongs{{Name: "channel", Code: fieldValue}}.invalid()
	}
	return q, nil
}

// apiServices lists the services of an office in its order, or those that a search finds, best first.
func (s *Server) apiServices(c echo.Context, _ visitor) error {
	q, err := serviceQueryOf(c)
	if err != nil {
		return err
	}
	p, err := s.picture(c.Request().Context(), c.Param("office"))
	if err != nil {
		return err
	}
	services, next, err := listed(c, q.services(p), func(s *territory.Service) string { return s.ID })
	if err != nil {
		return err
	}
	list := listJSON[serviceJSON]{Items: []serviceJSON{}, Next: next}
	for _, service := range services {
		list.Items = append(list.Items, q.service(p, service))
	}
	return c.JSON(http.StatusOK, list)
}

// day is the day on which services are looked at.
func (q serviceQuery) day(p *queue.Picture) timetable.Date {
	return cmp.Or(q.on, p.Day)
}

// services are those asked for. A search also finds ended ones, each before what replaced it.
func (q serviceQuery) services(p *queue.Picture) []*territory.Service {
	var all []*territory.Service
	if q.words == "" {
		for _, id := range p.Office.Services {
			if s, ok := p.Office.Offers(id); ok && q.had(p, s) {
				all = append(all, s)
			}
		}
		return all
	}
	add := func(s *territory.Service) {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	for _, hit := range searchServices(p.Office.Territory, q.words, q.lang, q.day(p)) {
		if hit.Instead != nil {
			add(hit.Instead)
		}
		if s, ok := p.Office.Offers(hit.Service.ID); ok && q.had(p, s) {
			add(s)
		}
	}
	return all
}

// had reports whether a service can be had on the day and through the channel asked for; where a day
// is asked for, the office must be open for it.
func (q serviceQuery) had(p *queue.Picture, s *territory.Service) bool {
	day := q.day(p)
	return s.Offered(day) && (q.channel == "" || s.By(q.channel)) &&
		(q.on.IsZero() || len(p.Office.Open(s, day, q.channel)) > 0)
}

func (q serviceQuery) service(p *queue.Picture, s *territory.Service) serviceJSON {
	out := serviceJSON{
		ID: s.ID, Name: serviceName(s, q.lang), Plain: servicePlain(s, q.lang), Minutes: s.Minutes,
		Area: p.Office.AreaOf(s).ID, Channels: s.Channels,
	}
	if out.Needs = s.Needs; len(s.Needs) == 0 {
		out.NeedsAny = s.NeedsAny
	}
	if day := q.day(p); !s.Offered(day) {
		for _, successor := range p.Office.Territory.Current(s.ID, day) {
			out.Successors = append(out.Successors, successor.ID)
		}
		return out
	}
	open, next := q.opening(p, s)
	out.OpenNow, out.NextOpening = open, stamp(next, p.Office.Zone())
	return out
}

// opening reports whether a service can be had at the office now and, if not, when it opens next; zero
// when that is not in sight. For tickets rota and staff's stops count too.
func (q serviceQuery) opening(p *queue.Picture, s *territory.Service) (open bool, next time.Time) {
	if o, ok := p.Offer(s.ID); ok && s.By(territory.WalkIn) && (q.channel == "" || q.channel == territory.WalkIn) {
		if o.Open && o.From.After(p.Now) {
			return false, o.From
		}
		return o.Open, o.Next
	}
	span, found := p.Office.Calendar.Next(p.Now, frontHorizon, func(d timetable.Date) []timetable.Span {
		if !s.Offered(d) {
			return nil
		}
		return p.Office.Open(s, d, q.channel)
	})
	if !found || span.From.After(p.Now) {
		return false, span.From
	}
	return true, time.Time{}
}

func (s *Server) apiBoard(c echo.Context, v visitor) error {
	if err := s.reaches(c, v, c.Param("office")); err != nil {
		return err
	}
	p, err := s.picture(c.Request().Context(), c.Param("office"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, boardState(p))
}

// apiEvents follows an office: boards get what they show; desks learn that something changed.
func (s *Server) apiEvents(c echo.Context, v visitor) error {
	if err := s.reaches(c, v, c.Param("office")); err != nil {
		return err
	}
	w, err := s.watch(c.Request().Context(), c.Param("office"))
	if err != nil {
		return err
	}
	defer w.Close()
	if v.user.ID != "" {
		return s.stream(c, w, eventDesk, func(state live.State) any { return map[string]int64{"version": state.Version} })
	}
	return s.stream(c, w, "board", func(state live.State) any { return boardState(state.Value.(*queue.Picture)) })
}
