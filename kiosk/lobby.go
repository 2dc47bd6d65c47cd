package kiosk

import (
	"context"
	_ "embed"
	"fmt"
	"hash/fnv"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/queue"
	"sportello/queue/forecast"
	"sportello/static"
)

// lobbyRoutes are the citizen's kiosk. Its pages keep nothing between them: what a citizen chose is
// in the address of the next page, and the browser shows none of those addresses.
func (s *Server) lobbyRoutes() {
	s.handle(http.MethodGet, "/kiosk", access.UseKiosk, s.lobbyStart)
	s.handle(http.MethodGet, "/kiosk/needs", access.UseKiosk, s.lobbyNeeds)
	s.handle(http.MethodGet, "/kiosk/services", access.UseKiosk, s.lobbyServices)
	s.handle(http.MethodGet, "/kiosk/search", access.UseKiosk, s.lobbySearch)
	s.handle(http.MethodGet, "/kiosk/service", access.UseKiosk, s.lobbyService)
	s.handle(http.MethodPost, "/kiosk/tickets", access.UseKiosk, s.lobbyIssue)
	s.handle(http.MethodGet, "/kiosk/ticket", access.UseKiosk, s.lobbyTicket)
	s.handle(http.MethodGet, "/kiosk/ticket/state", access.UseKiosk, s.lobbyTicketState)
	s.handle(http.MethodPost, "/kiosk/ticket/paper", access.UseKiosk, s.lobbyPaperOut)
	s.handle(http.MethodPost, "/kiosk/ticket/reprint", access.UseKiosk, s.lobbyReprint)
	s.handle(http.MethodGet, "/kiosk/privacy", access.UseKiosk, s.lobbyPrivacy)
	s.handle(http.MethodGet, "/kiosk/alive", access.UseKiosk, s.lobbyAlive)
	s.handle(http.MethodGet, "/kiosk/waking", access.SeePublic, s.lobbyWaking)
	s.handle(http.MethodGet, "/kiosk/worker.js", access.SeePublic, lobbyWorker)
}

// officeOf is the office of the visitor's device.
func (s *Server) officeOf(ctx context.Context, v visitor) (*territory.Office, error) {
	var office *territory.Office
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		office, err = territory.Of(ctx, tx, v.device.Office)
		return err
	})
	return office, err
}

// startView is the first page: the languages.
type startView struct {
	frame
	Version string
	Changed bool // somebody made it other than it is for whoever comes next
	Closed  bool
	Opens   map[string]string // when, by language; empty: not in sight
	Paper   string            // key of what there is to say of the printer; "" nothing
}

func (s *Server) lobbyStart(c echo.Context, v visitor) error {
	s.cards.forget(v.device.ID)
	office, paper, err := s.standing(c.Request().Context(), v)
	if err != nil {
		return err
	}
	now := s.db.Now()
	view := startView{
		Paper: paperWord(paper), frame: s.frame(c, office, ""), Version: s.lobbyVersion(office, paper, now), Changed: len(c.QueryParams()) > 0, Opens: map[string]string{},
	}
	if !c.QueryParams().Has("lang") {
		view.Page = page(static.Italian) // whoever stood here before may have left the browser another
	}
	opening := openingOf(office, now)
	view.Closed = !opening.open
	if view.Closed && !opening.since.IsZero() {
		for _, lang := range []string{static.Italian, "en"} {
			f := frame{Page: page(lang)}
			view.Opens[lang] = f.text("lobby.closed.opens", "day", f.day(opening.since, now), "time", opening.since.Format("15:04"))
		}
	}
	return s.show(c, "lobby/start", view)
}

// standing is the office of a kiosk, and how its printer is.
func (s *Server) standing(ctx context.Context, v visitor) (office *territory.Office, paper spool.Condition, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if office, err = territory.Of(ctx, tx, v.device.Office); err != nil {
			return err
		}
		paper, err = printerState(ctx, tx, v.device)
		return err
	})
	return office, paper, err
}

// lobbyVersion changes when the start page would: with the assets, the territory, the paper and the hours.
func (s *Server) lobbyVersion(office *territory.Office, paper spool.Condition, now time.Time) string {
	opening := openingOf(office, now)
	h := fnv.New64a()
	_, _ = fmt.Fprint(h, static.URL("lobby.js"), static.URL("lobby.css"), office.Territory.Stamp, paperWord(paper), opening.open, opening.since.Unix(), office.Today(now))
	return strconv.FormatUint(h.Sum64(), 36)
}

// lobbyAlive tells a waiting kiosk that the server is there and whether its start page is the
// newest.
func (s *Server) lobbyAlive(c echo.Context, v visitor) error {
	office, paper, err := s.standing(c.Request().Context(), v)
	if err != nil {
		return err
	}
	s.cards.sweep(s.db.Now())
	return c.JSON(http.StatusOK, map[string]string{"version": s.lobbyVersion(office, paper, s.db.Now())})
}

// choice is a service to touch.
type choice struct {
	ID, Name, Plain string
	Open            bool   // a ticket can be had now
	Ask             bool   // but something must be said first
	Elsewhere       bool   // this office does not do it
	Status          string // the wait, or why there is no ticket and when there will be
	Instead         string // the ended service that it replaces, when that was searched for
	Key             string
	Issue, About    string // addresses: of the form, and of the page about it
	Book            bool   // an appointment is wanted: About is where its day is chosen
	Today, TodayURL string // a start of today that can be had instead, and where; "" none
}

// notHere is why a service cannot be had that the office does not list.
const notHere = "not_here"

func (f frame) choice(p *queue.Picture, s *territory.Service) choice {
	o, listed := p.Offer(s.ID)
	switch {
	case !s.Offered(p.Day):
		o = queue.Offer{Service: s, Because: queue.ServiceEnded}
	case !listed:
		o = queue.Offer{Service: s, Because: notHere}
	}
	return choice{
		ID: s.ID, Name: serviceName(s, f.Lang), Plain: servicePlain(s, f.Lang),
		Open: o.Open, Ask: o.Open && o.PastClosing, Elsewhere: !listed, Status: f.status(p, o), Issue: f.To("/kiosk/tickets"),
		About: f.To("/kiosk/service", "id", s.ID, "need", f.own.Get("need"), "q", f.own.Get("q")),
	}
}

// status says in one line what is to be expected of an offer.
func (f frame) status(p *queue.Picture, o queue.Offer) string {
	zone := p.Office.Zone()
	switch {
	case o.Open && o.From.After(p.Now):
		return f.text("lobby.service.opens_later", "time", o.From.In(zone).Format("15:04"))
	case o.Open && o.PastClosing:
		return f.expected(p, o.Service.ID, f.text("lobby.service.past_closing", "time", o.Until.In(zone).Format("15:04")))
	case o.Open:
		return f.expected(p, o.Service.ID, f.wait(o.Wait, o.HasWait))
	case (o.Because == queue.Closed || o.Because == queue.NoOfficer) && !o.Next.IsZero():
		next := o.Next.In(zone)
		return f.text("lobby.closed.opens", "day", f.day(next, p.Now), "time", next.Format("15:04"))
	}
	return f.text("lobby.why." + o.Because)
}

// expected says what is known of the wait for a service: whether its last desk is paused, then how
// long, "" when that is not known.
func (f frame) expected(p *queue.Picture, service, long string) string {
	pause := f.pause(p, service)
	if pause == "" && long == "" {
		return f.text("lobby.wait.unknown")
	}
	return strings.TrimSpace(pause + " " + long)
}

// pause says that the last desk for a service is paused, and until when if that was said; "" when it
// is not.
func (f frame) pause(p *queue.Picture, service string) string {
	if !slices.ContainsFunc(p.Unserved(), func(s *territory.Service) bool { return s.ID == service }) {
		return ""
	}
	if back, said := backAt(p, service); said {
		return f.text("lobby.wait.paused.until", "time", back.In(p.Office.Zone()).Format("15:04"))
	}
	return f.text("lobby.wait.paused")
}

// waitStep is what an expected wait is rounded to: anything finer would be a promise.
const waitStep = 5 * time.Minute

// wait says how long one is likely to wait, as a range in whole steps; "" when that is not known.
func (f frame) wait(w forecast.Wait, known bool) string {
	from := int(w.Low.Truncate(waitStep).Minutes())
	to := int((w.High + waitStep - 1).Truncate(waitStep).Minutes())
	switch {
	case !known:
		return ""
	case to <= int(waitStep.Minutes()):
		return f.text("lobby.wait.short", "n", int(waitStep.Minutes()))
	case from == 0:
		return f.text("lobby.wait.up_to", "n", to)
	case from == to:
		return f.text("lobby.wait.about", "n", to)
	}
	return f.text("lobby.wait.range", "from", from, "n", to)
}

// needsView asks what a citizen came for.
type needsView struct {
	frame
	Notice string // that the office is closed, and until when
	Book   bool   // what for an appointment is wanted
	Forms  bool   // forms can be printed here
	Needs  []needChoice
	Pager  pager
}

type needChoice struct{ ID, Name, Icon string }

func (s *Server) lobbyNeeds(c echo.Context, v visitor) error {
	office, err := s.officeOf(c.Request().Context(), v)
	if err != nil {
		return err
	}
	f, now := s.lobbyFrame(c, office, "/kiosk"), s.db.Now()
	view := needsView{frame: f, Book: f.books()}
	if !view.Book {
		view.Notice = f.notice(office, now)
		if view.Forms, err = s.hasForms(c.Request().Context(), office.ID); err != nil {
			return err
		}
	}
	today := office.Today(now)
	var all []needChoice
	for _, need := range office.Territory.Needs {
		services := current(office, need.Services, today)
		if view.Book {
			services = slices.DeleteFunc(services, func(s *territory.Service) bool { return !bookable(office, s, today) })
		}
		if len(services) > 0 {
			all = append(all, needChoice{ID: need.ID, Name: named(need.Name, f.Lang), Icon: iconOf(services)})
		}
	}
	if len(all) == 0 {
		return c.Redirect(http.StatusSeeOther, f.To("/kiosk/services", "book", f.own.Get("book")))
	}
	n, _ := strconv.Atoi(c.QueryParam("page"))
	shown, at, pages := part(all, n, f.needsOnPage())
	view.Needs, view.Pager = shown, f.pager(at, pages)
	return s.show(c, "lobby/needs", view)
}

// notice says that the whole office is closed and when it opens; "" while it is open.
func (f frame) notice(office *territory.Office, now time.Time) string {
	opening := openingOf(office, now)
	switch {
	case opening.open:
		return ""
	case opening.since.IsZero():
		return f.text("lobby.closed.notice_unknown")
	}
	return f.text("lobby.closed.notice", "day", f.day(opening.since, now), "time", opening.since.Format("15:04"))
}

// servicesView offers the services of a need, or all.
type servicesView struct {
	frame
	Heading string
	Choices []choice
	Pager   pager
	Book    bool     // an appointment is wanted
	Classes []string // who has precedence; none: nobody
}

func (s *Server) lobbyServices(c echo.Context, v visitor) error {
	p, err := s.picture(c.Request().Context(), v.device.Office)
	if err != nil {
		return err
	}
	f := s.lobbyFrame(c, p.Office, "/kiosk/needs")
	f.back = []string{"book"}
	ids, heading := p.Office.Services, f.text("lobby.services.title")
	need := c.QueryParam("need")
	if i := slices.IndexFunc(p.Office.Territory.Needs, func(n *territory.Need) bool { return n.ID == need }); i >= 0 {
		ids, heading = p.Office.Territory.Needs[i].Services, named(p.Office.Territory.Needs[i].Name, f.Lang)
		f.own.Set("need", need)
	}
	services := current(p.Office, ids, p.Day)
	if f.books() {
		return s.lobbyBookable(c, f, p.Office, services, heading)
	}
	var all []choice
	for _, service := range services {
		all = append(all, f.choice(p, service))
	}
	// What can be had now comes first, each part in the order that was configured.
	slices.SortStableFunc(all, func(a, b choice) int { return order(!a.Open, !b.Open) })
	n, _ := strconv.Atoi(c.QueryParam("page"))
	shown, at, pages := part(all, n, f.servicesOnPage())
	if err := s.offerToday(c.Request().Context(), f, p.Office, shown); err != nil {
		return err
	}
	view := servicesView{frame: f, Heading: heading, Choices: keyed(shown), Pager: f.pager(at, pages), Classes: classesOf(p.Office.Territory, f.Lang)}
	view.own.Set("page", strconv.Itoa(at))
	return s.show(c, "lobby/services", view)
}

// classesOf says who has precedence, in a language.
func classesOf(t *territory.Territory, lang string) []string {
	if t.Lead == 0 {
		return nil
	}
	var all []string
	for _, class := range t.Classes {
		name := named(class.Name, lang)
		if name == "" {
			name = static.Text(lang, "lobby.precedence."+class.ID)
		}
		all = append(all, name)
	}
	return all
}

// keyed gives all choices of a page one key, so that however often and wherever it is touched,
// there is one ticket.
func keyed(choices []choice) []choice {
	key := store.NewID()
	for i := range choices {
		choices[i].Key = key
	}
	return choices
}

// searchView is the search and its own keyboard.
type searchView struct {
	frame
	Query    string
	Keyboard keyboard
	Latin    bool // though the language has other letters
	Choices  []choice
	More     int  // found, but not shown
	List     bool // shows what was found in place of the keyboard
}

// searchLength is how many letters a search may have.
const searchLength = 30

func (s *Server) lobbySearch(c echo.Context, v visitor) error {
	p, err := s.picture(c.Request().Context(), v.device.Office)
	if err != nil {
		return err
	}
	f := s.frame(c, p.Office, "/kiosk/needs")
	f.Long = true
	view := searchView{Query: typed(c.QueryParam("q"), c.QueryParam("key")), List: c.QueryParam("list") == "1"}
	f.own.Set("q", view.Query)
	rows, other, sample := latinKeys, "", ""
	if alphabet := alphabets[f.Lang]; alphabet != nil {
		sample, other = strings.Join(alphabet[0][:3], ""), f.To("/kiosk/search", "q", view.Query)
		if view.Latin = c.QueryParam("keys") == "latin"; view.Latin {
			f.own.Set("keys", "latin")
		} else {
			rows, sample, other = alphabet, "ABC", f.To("/kiosk/search", "q", view.Query, "keys", "latin")
		}
	}
	view.Keyboard = f.searchKeyboard(rows, other, sample)
	for _, hit := range searchServices(p.Office.Territory, view.Query, f.Lang, p.Day) {
		ch := f.choice(p, hit.Service)
		if hit.Instead != nil {
			ch.Instead = serviceName(hit.Instead, f.Lang)
		}
		view.Choices = append(view.Choices, ch)
	}
	// What this office does not do comes last.
	slices.SortStableFunc(view.Choices, func(a, b choice) int { return order(a.Elsewhere, b.Elsewhere) })
	size := f.foundOnPage(view.List)
	if len(view.Choices) > size {
		view.More, view.Choices = len(view.Choices)-size, view.Choices[:size]
	}
	view.Choices, view.frame = keyed(view.Choices), f
	return s.show(c, "lobby/search", view)
}

// typed is what a search field holds after a key of our keyboard.
func typed(query, key string) string {
	letters := []rune(query)
	switch key {
	case "":
	case "delete":
		letters = letters[:max(0, len(letters)-1)]
	case "clear":
		letters = nil
	default:
		letters = append(letters, []rune(key)...)
	}
	return string(letters[:min(len(letters), searchLength)])
}

// serviceView says what is to be known of a service before, or in place of, a ticket.
type serviceView struct {
	frame
	Choice    choice
	Hint      string // what to do instead
	Reason    string // staff's words, Italian
	Documents []string
	Ended     bool
	Instead   []choice // what can be had in its place
	Elsewhere []*territory.Office
	Book      string // where an appointment can be had; "" nowhere
	First     string // the first that is free; "" none
}

func (s *Server) lobbyService(c echo.Context, v visitor) error {
	p, err := s.picture(c.Request().Context(), v.device.Office)
	if err != nil {
		return err
	}
	service, ok := p.Office.Territory.Service(c.QueryParam("id"))
	if !ok {
		return fault.New(fault.Missing, "unknown_service", "service", c.QueryParam("id"))
	}
	f := s.frame(c, p.Office, "/kiosk/needs")
	f.own.Set("id", service.ID)
	for name, from := range map[string]string{"need": "/kiosk/services", "q": "/kiosk/search"} {
		if value := c.QueryParam(name); value != "" {
			f.Up = from
			f.own.Set(name, value)
		}
	}
	view := serviceView{frame: f, Choice: f.choice(p, service), Documents: service.Documents}
	o, listed := p.Offer(service.ID)
	switch {
	case !service.Offered(p.Day):
		view.Ended, view.Hint = true, f.text("lobby.why.service_ended.hint")
		for _, next := range current(p.Office, []string{service.ID}, p.Day) {
			view.Instead = append(view.Instead, f.choice(p, next))
		}
	case !listed:
		view.Hint, view.Elsewhere = f.text("lobby.why.not_here.hint"), elsewhere(p.Office, service)
	case o.Open && o.PastClosing:
		view.Hint = f.text("lobby.service.past_closing.hint")
	case !o.Open:
		view.Hint, view.Reason = f.text("lobby.why."+o.Because+".hint"), o.Reason
	}
	if reception, ok := p.Offer(territory.Reception); ok && reception.Open && !view.Choice.Open && len(view.Instead) == 0 {
		view.Instead = []choice{f.choice(p, reception.Service)}
	}
	if bookable(p.Office, service, p.Day) {
		view.Book = f.To("/kiosk/book", "id", service.ID, "need", f.own.Get("need"), "q", f.own.Get("q"))
		if o.Because == queue.NotByTicket {
			view.Hint = f.text("lobby.why.not_by_ticket.here")
		}
		if view.First, err = s.firstFree(c.Request().Context(), f, p.Office, service); err != nil {
			return err
		}
	}
	key := store.NewID()
	view.Choice.Key = key
	for i := range view.Instead {
		view.Instead[i].Key = key
	}
	return s.show(c, "lobby/service", view)
}

// elsewhereAtMost is how many other offices a page names.
const elsewhereAtMost = 3

// elsewhere returns other offices of the territory that offer a service.
func elsewhere(here *territory.Office, s *territory.Service) []*territory.Office {
	var all []*territory.Office
	for _, o := range here.Territory.Offices {
		if _, ok := o.Offers(s.ID); ok && o.ID != here.ID && len(all) < elsewhereAtMost {
			all = append(all, o)
		}
	}
	return all
}

// lobbyWaking is what a kiosk's browser keeps to show while the server is not there.
func (s *Server) lobbyWaking(c echo.Context, _ visitor) error {
	return s.show(c, "lobby/waking", frame{Page: page(static.Italian)})
}

//go:embed templates/lobby/worker.js
var lobbyWorkerJS []byte

// lobbyWorker is the script that keeps the waking page. It lives here, and not with the assets,
// because a service worker governs only addresses below its own.
func lobbyWorker(c echo.Context, _ visitor) error {
	c.Response().Header().Set("Service-Worker-Allowed", "/kiosk") // which is above /kiosk/
	return c.Blob(http.StatusOK, "text/javascript; charset=utf-8", lobbyWorkerJS)
}
