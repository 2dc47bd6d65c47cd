package kiosk

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/static"
)

// bookRoutes are the booking at home and on the phone, in the five steps of the national model for the
// sites of Comuni (Designers Italia, "prenotazione appuntamento"), and the page of an appointment. What
// is chosen is in the address, the chosen time in a hold; what a citizen says of themselves is in the
// bodies of forms alone, from one page to the next, and nowhere here until it is booked.
func (s *Server) bookRoutes() {
	s.handle(http.MethodGet, "/book", access.SeePublic, s.bookNeeds)
	s.handle(http.MethodGet, "/book/:service", access.SeePublic, s.bookService)
	s.handle(http.MethodPost, "/book/:service", access.Book, s.bookHold)
	s.handle(http.MethodGet, "/book/:service/wait", access.SeePublic, s.bookWait)
	s.handle(http.MethodPost, "/book/:service/wait", access.Book, s.bookWaitJoin)
	s.handle(http.MethodGet, "/book/:service/wait/:token", access.OwnBooking, s.bookWaiting)
	s.handle(http.MethodPost, "/book/:service/wait/:token", access.OwnBooking, s.bookWaitLeave)
	s.handle(http.MethodGet, "/book/:service/:hold", access.Book, s.bookDetails)
	s.handle(http.MethodPost, "/book/:service/:hold", access.Book, s.bookRequest)
	s.sessionRoutes()
	s.handle(http.MethodGet, "/a/:token", access.OwnBooking, s.own)
	s.handle(http.MethodGet, "/a/:token/receipt.pdf", access.OwnBooking, s.ownReceipt)
	s.handle(http.MethodGet, "/a/:token/form.pdf", access.OwnBooking, s.ownForm)
	s.handle(http.MethodGet, "/a/:token/move", access.OwnBooking, s.ownTimes)
	s.handle(http.MethodPost, "/a/:token/move", access.OwnBooking, s.ownHold)
	s.handle(http.MethodGet, "/a/:token/move/:hold", access.OwnBooking, s.ownMoveAsk)
	s.handle(http.MethodPost, "/a/:token/move/:hold", access.OwnBooking, s.ownMove)
	s.handle(http.MethodGet, "/a/:token/cancel", access.OwnBooking, s.ownCancelAsk)
	s.handle(http.MethodPost, "/a/:token/cancel", access.OwnBooking, s.ownCancel)
	s.handle(http.MethodGet, "/a/:token/data", access.OwnBooking, s.ownData)
	s.handle(http.MethodPost, "/a/:token/data", access.OwnBooking, s.ownErase)
}

// The steps of the model.
const (
	stepPlace = 1 + iota
	stepTime
	stepDetails
	stepContact
	stepReview
)

var stepKeys = []string{"book.step.place", "book.step.time", "book.step.details", "book.step.contact", "book.step.review"}

// bookPage is what every page of the booking begins with.
type bookPage struct {
	Page
	Step    int    // 0: before the steps or after them
	Back    string // address of the page before; "" none
	Private bool   // its address is somebody's own: search engines are to leave it alone
	Alert   *deskAlert
	Errors  []fieldError

	here *url.URL // address of the page; nil when it answers a form
}

// fieldError is what is wrong with a field of the form.
type fieldError struct{ Field, Text string }

// bookStep is a step as the page's head shows it.
type bookStep struct {
	Number        int
	Name          string
	Done, Current bool
}

// bookPageOf begins the view of a page in the reader's language.
func bookPageOf(c echo.Context, step int) bookPage {
	p := bookPage{Page: page(language(c)), Step: step}
	if c.Request().Method == http.MethodGet {
		p.here = c.Request().URL
	}
	return p
}

func (p bookPage) text(key string, args ...any) string { return static.Text(p.Lang, key, args...) }

// refused has the page say why something was not done.
func (p *bookPage) refused(alert *deskAlert) { p.Alert = alert }

// Steps are the five, when the page is one of them.
func (p bookPage) Steps() []bookStep {
	if p.Step == 0 {
		return nil
	}
	steps := make([]bookStep, len(stepKeys))
	for i, key := range stepKeys {
		steps[i] = bookStep{i + 1, p.text(key), i+1 < p.Step, i+1 == p.Step}
	}
	return steps
}

// Now is the step of the page.
func (p bookPage) Now() bookStep { return p.Steps()[p.Step-1] }

// Languages are those in which the page can be read; none where a change would lose what was typed.
func (p bookPage) Languages() []static.Language {
	if p.here == nil {
		return nil
	}
	return static.Languages()
}

// In is the address of the page in another language.
func (p bookPage) In(lang string) string {
	query := p.here.Query()
	query.Set("lang", lang)
	return p.here.EscapedPath() + "?" + query.Encode()
}

// Wrong is what is wrong with a field, "" for nothing.
func (p bookPage) Wrong(field string) string {
	for _, e := range p.Errors {
		if e.Field == field {
			return e.Text
		}
	}
	return ""
}

// To is the address of a path in the page's language, with name, value pairs of which empty ones are
// left out.
func (p bookPage) To(path string, pairs ...string) string {
	query := url.Values{"lang": {p.Lang}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			query.Set(pairs[i], pairs[i+1])
		}
	}
	return path + "?" + query.Encode()
}

// servicePath is where a service is booked.
func servicePath(id string) string { return "/book/" + url.PathEscape(id) }

// bookNeedsView asks what a citizen needs: a territory where there are several, then a need in its own
// words or a search, then a service.
type bookNeedsView struct {
	bookPage
	Heading     string
	Territories []bookLink
	Territory   string // id
	Office      string // id; "" any
	OfficeName  string
	Query       string
	Needs       []bookLink
	Asked       bool // for the services of a need or search
	Services    []bookLink
}

// bookLink is a way on.
type bookLink struct {
	URL, Name, Text, Note string
}

// Searches reports whether the page has the search.
func (v bookNeedsView) Searches() bool { return v.Territory != "" }

// bookArea is where a citizen looks for a service: a territory, or one office of it.
type bookArea struct {
	territory *territory.Territory
	office    *territory.Office // nil: all of them
	day       timetable.Date    // today, there
}

// offers reports whether a service is offered where the citizen looks.
func (a bookArea) offers(id string) bool {
	return slices.ContainsFunc(a.territory.Offices, func(o *territory.Office) bool {
		_, ok := o.Offers(id)
		return ok && (a.office == nil || o.ID == a.office.ID)
	})
}

// pairs are the area in an address.
func (a bookArea) pairs() []string {
	if a.office != nil {
		return []string{"office", a.office.ID}
	}
	return []string{"territory", a.territory.ID}
}

// bookNeeds is the beginning.
func (s *Server) bookNeeds(c echo.Context, _ visitor) error {
	view := bookNeedsView{bookPage: bookPageOf(c, 0)}
	area, all, err := s.bookAreaOf(c)
	if err != nil {
		return err
	}
	if area == nil {
		view.Heading = view.text("book.territory")
		view.Territories = view.territories(all, "/book")
		return s.show(c, "public/book", view)
	}
	view.Territory = area.territory.ID
	if area.office != nil {
		view.Office, view.OfficeName = area.office.ID, area.office.Name
	}
	need := area.need(c.QueryParam("need"))
	view.Query = strings.TrimSpace(c.QueryParam("q"))
	switch {
	case view.Query != "":
		view.Asked, view.Heading = true, view.text("book.services")
		view.Back = view.To("/book", area.pairs()...)
		view.Services = view.searched(*area, view.Query)
	case need != nil:
		view.Asked, view.Heading = true, named(need.Name, view.Lang)
		view.Back = view.To("/book", area.pairs()...)
		view.Services = view.services(*area, need.Services)
	default:
		view.Heading = view.text("book.need")
		if len(all) > 1 {
			view.Back = view.To("/book")
		}
		view.Needs = view.needs(*area)
	}
	return s.show(c, "public/book", view)
}

func (p bookPage) territories(all []*territory.Territory, path string) []bookLink {
	var links []bookLink
	for _, t := range all {
		links = append(links, bookLink{URL: p.To(path, "territory", t.ID), Name: t.Name})
	}
	return links
}

// need is the one of an id; nil when there is none.
func (a bookArea) need(id string) *territory.Need {
	if i := slices.IndexFunc(a.territory.Needs, func(n *territory.Need) bool { return n.ID == id }); i >= 0 {
		return a.territory.Needs[i]
	}
	return nil
}

// needs are those for which something is offered. An area without any has all its services as one.
func (p bookPage) needs(a bookArea) []bookLink {
	var links []bookLink
	for _, n := range a.territory.Needs {
		if len(p.services(a, n.Services)) > 0 {
			links = append(links, bookLink{URL: p.To("/book", append(a.pairs(), "need", n.ID)...), Name: named(n.Name, p.Lang)})
		}
	}
	return links
}

// services are what is offered today for ids: what ended leads to what replaced it.
func (p bookPage) services(a bookArea, ids []string) []bookLink {
	var links []bookLink
	var seen []string
	for _, id := range ids {
		for _, s := range a.territory.Current(id, a.day) {
			if a.offers(s.ID) && !slices.Contains(seen, s.ID) {
				seen = append(seen, s.ID)
				links = append(links, p.service(a, s, nil))
			}
		}
	}
	return links
}

func (p bookPage) searched(a bookArea, query string) []bookLink {
	var links []bookLink
	for _, f := range searchServices(a.territory, query, p.Lang, a.day) {
		if a.offers(f.Service.ID) {
			links = append(links, p.service(a, f.Service, f.Instead))
		}
	}
	return links
}

// service is the way to book s, which may have been found as one that it replaced.
func (p bookPage) service(a bookArea, s, instead *territory.Service) bookLink {
	link := bookLink{URL: p.To(servicePath(s.ID), a.pairs()...), Name: serviceName(s, p.Lang), Text: servicePlain(s, p.Lang)}
	switch {
	case instead != nil:
		link.Note = p.text("book.instead", "service", serviceName(instead, p.Lang))
	case !s.By(territory.Online):
		link.Note = p.text("book.by_hand")
	case s.Group():
		link.Note = p.text("term.group_meeting")
	case s.Joint():
		link.Note = p.text("book.joint", "institutions", strings.Join(shortNames(a.territory, s), " + "))
	}
	return link
}

// shortNames are the names of the institutions that a service needs.
func shortNames(t *territory.Territory, s *territory.Service) []string {
	var names []string
	for _, id := range s.Institutions() {
		if i, ok := t.Institution(id); ok {
			names = append(names, i.Name)
		}
	}
	return names
}
