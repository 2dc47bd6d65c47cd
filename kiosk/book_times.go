package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// bookNotView says why a service is not booked here, and what to do.
type bookNotView struct {
	bookPage
	Heading, Text string
	Services      []bookLink // instead
	Offices       []bookPlace
}

// bookPlace is an office as the booking shows it.
type bookPlace struct {
	Name, Address, Phone string
	First                string // first free start, in words; "" none
	Why                  string // there is none
	URL                  string
}

// bookWhat is what is to be booked.
type bookWhat struct {
	Service, Plain string
	With           []string // institutions
	Joint          bool     // all of them at the same time
	Minutes        int
	Tongues        []static.Language // that somebody there may have to speak
	Speak          string            // the one chosen; "" any will do
}

// bookPlacesView asks where: where soonest comes first.
type bookPlacesView struct {
	bookPage
	bookWhat
	Look      string // to look again, by GET
	Territory string // id
	Offices   []bookPlace
}

// bookTimesView asks when.
type bookTimesView struct {
	bookPage
	bookWhat
	freeTimes
	Place     bookPlace
	Office    string // its id
	Elsewhere string // where the other offices are; "" they are Others
	Others    []bookPlace
	Moving    bool  // an appointment that there is
	People    []int // how many may come; none when it is not asked
	Coming    int
	Action    string // takes the chosen start
	Look      string // shows another month
	Kept      []keptField
	Wait      string // where to wait for a start that comes free; "" nowhere
}

// freeTimes are the free starts of a month.
type freeTimes struct {
	Months []monthChoice
	Days   []dayChoice
	Why    string       // there is none
	First  *monthChoice // that has the first free start, when this one has none
}

type monthChoice struct {
	Value, Name string
	Current     bool
}

type dayChoice struct {
	Name  string
	N     int
	Times []timeChoice
}

type timeChoice struct{ Value, Clock string }

// keptField is what was typed already and goes from form to form.
type keptField struct{ Name, Value string }

// bookAreaOf is where the address says that the citizen looks; nil when that is still to be chosen.
func (s *Server) bookAreaOf(c echo.Context) (*bookArea, []*territory.Territory, error) {
	ctx := c.Request().Context()
	var area bookArea
	var all []*territory.Territory
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if all, err = territory.List(ctx, tx); err != nil {
			return err
		}
		if id := c.QueryParam("office"); id != "" {
			if area.office, err = territory.Of(ctx, tx, id); err == nil {
				area.territory = area.office.Territory
			}
			return err
		}
		id := c.QueryParam("territory")
		if area.territory = chosenTerritory(all, id); area.territory == nil && id != "" {
			return fault.New(fault.Missing, "unknown_territory")
		}
		return nil
	})
	if err != nil || area.territory == nil {
		return nil, all, err
	}
	area.day = timetable.DateOf(s.db.Now().In(area.territory.Zone))
	return &area, all, nil
}

// bookService asks where and then when; it is also the address by which other sites lead here.
func (s *Server) bookService(c echo.Context, _ visitor) error {
	area, all, err := s.bookAreaOf(c)
	if err != nil {
		return err
	}
	id := c.Param("service")
	if area == nil {
		view := bookNeedsView{bookPage: bookPageOf(c, 0)}
		view.Heading = view.text("book.territory")
		view.Territories = view.territories(slices.DeleteFunc(all, func(t *territory.Territory) bool {
			return !bookArea{territory: t}.offers(id)
		}), servicePath(id))
		return s.show(c, "public/book", view)
	}
	service, ok := area.territory.Service(id)
	if !ok {
		return fault.New(fault.Missing, "unknown_service", "service", id)
	}
	if area.office != nil {
		if _, ok := area.office.Offers(id); !ok {
			area.office = nil
		}
	}
	switch now := area.territory.Current(id, area.day); {
	case !slices.Contains(now, service):
		return s.bookEnded(c, *area, service, now)
	case !service.By(territory.Online):
		return s.bookByHand(c, *area, service)
	case service.Group():
		return s.bookSessions(c, *area, service)
	case area.office == nil:
		return s.bookPlaces(c, *area, service)
	}
	return s.showTimes(c, http.StatusOK, s.bookTimes(c, area.office, service))
}

// bookEnded leads from a service that is no more to what replaced it.
func (s *Server) bookEnded(c echo.Context, a bookArea, service *territory.Service, now []*territory.Service) error {
	view := bookNotView{bookPage: bookPageOf(c, 0)}
	view.Heading = view.text("fault.service_ended.title")
	view.Text = view.text("book.ended", "service", serviceName(service, view.Lang))
	for _, s := range now {
		view.Services = append(view.Services, view.service(a, s, nil))
	}
	return s.show(c, "public/book-not", view)
}

// bookByHand says where a service is to be had that is not booked here.
func (s *Server) bookByHand(c echo.Context, a bookArea, service *territory.Service) error {
	view := bookNotView{bookPage: bookPageOf(c, 0)}
	view.Heading, view.Text = serviceName(service, view.Lang), view.text("book.by_hand.text")
	for _, o := range a.territory.Offices {
		if _, ok := o.Offers(service.ID); ok && (a.office == nil || a.office.ID == o.ID) {
			view.Offices = append(view.Offices, placeAt(o))
		}
	}
	return s.show(c, "public/book-not", view)
}

func placeAt(o *territory.Office) bookPlace {
	return bookPlace{Name: o.Name, Address: o.Address, Phone: o.Phone}
}

// what says what is to be booked.
func (p bookPage) what(t *territory.Territory, s *territory.Service, speak string) bookWhat {
	w := bookWhat{Service: serviceName(s, p.Lang), Plain: servicePlain(s, p.Lang), With: shortNames(t, s), Joint: s.Joint(), Minutes: s.Minutes}
	for _, l := range static.Languages() {
		if l.Code != static.Italian && slices.Contains(t.Languages, l.Code) {
			w.Tongues = append(w.Tongues, l)
			if l.Code == speak {
				w.Speak = speak
			}
		}
	}
	return w
}

// bookPlaces shows where a service can be booked. Where there is one office, it is chosen.
func (s *Server) bookPlaces(c echo.Context, a bookArea, service *territory.Service) error {
	ctx := c.Request().Context()
	view := bookPlacesView{bookPage: bookPageOf(c, stepPlace), Territory: a.territory.ID}
	view.bookWhat = view.what(a.territory, service, c.QueryParam("speak"))
	view.Back, view.Look = view.To("/book", a.pairs()...), servicePath(service.ID)
	var found *booking.Availability
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		found, err = booking.Available(ctx, tx, booking.Query{
			Territory: a.territory.ID, Service: service.ID, From: a.day, Until: a.day.AddDays(booking.MaxDays - 1),
			Channel: territory.Online, Language: view.Speak,
		})
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range found.Offices {
		if o, ok := a.territory.Office(f.Office); ok {
			place := placeAt(o)
			place.URL = view.To(view.Look, "office", o.ID, "speak", view.Speak)
			place.First, place.Why = view.first(f), view.why(o, f)
			view.Offices = append(view.Offices, place)
		}
	}
	if len(view.Offices) == 1 {
		return c.Redirect(http.StatusSeeOther, view.Offices[0].URL)
	}
	return s.show(c, "public/book-places", view)
}

// first is the first free start of an office, in words.
func (p bookPage) first(f booking.OfficeStarts) string {
	if len(f.Starts) == 0 {
		return ""
	}
	return moment(p.Lang, f.Starts[0].Start)
}

// why says why an office has no free start, "" when it has some.
func (p bookPage) why(o *territory.Office, f booking.OfficeStarts) string {
	if f.NoneBecause == nil {
		return ""
	}
	if i, ok := o.Territory.Institution(f.Institution); ok && *f.NoneBecause == timetable.NoOfficer {
		return p.text("book.none.nobody_of", "institution", i.Name)
	}
	return p.text("book.none." + string(*f.NoneBecause))
}

// timesAsked says which free starts are to be shown, and to what end.
type timesAsked struct {
	office  *territory.Office
	service *territory.Service
	month   string // 2026-12; "" the first that has any
	view    bookTimesView
}

// bookTimes asks when, for what the address says.
func (s *Server) bookTimes(c echo.Context, o *territory.Office, service *territory.Service) timesAsked {
	view := bookTimesView{bookPage: bookPageOf(c, stepTime)}
	view.bookWhat = view.what(o.Territory, service, c.FormValue("speak"))
	view.Elsewhere = view.To(servicePath(service.ID), "territory", o.Territory.ID, "speak", view.Speak)
	view.Back = view.Elsewhere
	view.Coming = max(1, number(c.FormValue("people")))
	for n := 1; n <= booking.MaxPeople; n++ {
		view.People = append(view.People, n)
	}
	view.Look = servicePath(service.ID)
	view.Action = view.To(view.Look)
	view.Wait = view.To(view.Look+"/wait", "office", o.ID)
	return timesAsked{office: o, service: service, month: c.FormValue("month"), view: view}
}

// number reads a figure; what is none is 0.
func number(text string) int {
	n, err := strconv.Atoi(text)
	if err != nil {
		return 0
	}
	return n
}

// showTimes shows the free starts of the month that was asked for.
func (s *Server) showTimes(c echo.Context, status int, ask timesAsked) error {
	ctx := c.Request().Context()
	view := ask.view
	view.Place, view.Office = placeAt(ask.office), ask.office.ID
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		view.freeTimes, err = ask.free(ctx, tx)
		return err
	})
	if err != nil {
		return err
	}
	return s.render(c, status, "public/book-times", view)
}

// free finds the starts of the month, and the months that can be asked for.
func (ask timesAsked) free(ctx context.Context, tx *store.Tx) (freeTimes, error) {
	var found freeTimes
	today := ask.office.Today(tx.Now)
	last := today.AddDays(ask.service.Window(territory.Online).LeadMaxDays)
	soonest, err := ask.between(ctx, tx, today, today.AddDays(booking.MaxDays-1))
	if err != nil {
		return found, err
	}
	first := ""
	if soonest.FirstFree != nil {
		first = monthOf(*soonest.FirstFree)
	}
	found.Months = ask.months(today, last)
	at := slices.IndexFunc(found.Months, func(m monthChoice) bool { return m.Value == ask.month })
	if at < 0 {
		at = max(0, slices.IndexFunc(found.Months, func(m monthChoice) bool { return m.Value == first }))
	}
	found.Months[at].Current = true
	from, until := daysOf(found.Months[at].Value)
	if from.Before(today) {
		from = today
	}
	starts, err := ask.between(ctx, tx, from, until)
	if err != nil {
		return found, err
	}
	found.Days, found.Why = ask.days(starts.Starts), ask.view.why(ask.office, starts)
	for _, m := range found.Months {
		if m.Value == first && len(found.Days) == 0 {
			found.First = &monthChoice{Value: first, Name: static.Date(ask.view.Lang, soonest.Starts[0].Start, static.Day)}
		}
	}
	return found, nil
}

func (ask timesAsked) between(ctx context.Context, tx *store.Tx, from, until timetable.Date) (booking.OfficeStarts, error) {
	found, err := booking.Available(ctx, tx, booking.Query{
		Office: ask.office.ID, Service: ask.service.ID, From: from, Until: until, Channel: territory.Online, Language: ask.view.Speak,
	})
	if err != nil {
		return booking.OfficeStarts{}, err
	}
	return found.Offices[0], nil
}

// months are those from the day first until the day last.
func (ask timesAsked) months(first, last timetable.Date) []monthChoice {
	var all []monthChoice
	for d := first; !d.After(last); _, d = daysOf(monthOf(d)) {
		if len(all) > 0 {
			d = d.AddDays(1)
		}
		if d.After(last) {
			break
		}
		all = append(all, monthChoice{Value: monthOf(d), Name: static.Date(ask.view.Lang, d.At(0, time.UTC), static.MonthYear)})
	}
	return all
}

func monthOf(d timetable.Date) string { return d.String()[:len("2026-12")] }

// daysOf are the first and the last day of a month of monthOf.
func daysOf(month string) (first, last timetable.Date) {
	at, _ := time.Parse("2006-01", month)
	return timetable.DateOf(at), timetable.DateOf(at.AddDate(0, 1, -1))
}

// days puts starts together by their day.
func (ask timesAsked) days(starts []booking.Slot) []dayChoice {
	var days []dayChoice
	var last timetable.Date
	for _, s := range starts {
		if d := timetable.DateOf(s.Start); d != last {
			last = d
			days = append(days, dayChoice{Name: static.Date(ask.view.Lang, s.Start, static.Day)})
		}
		day := &days[len(days)-1]
		day.N++
		day.Times = append(day.Times, timeChoice{Value: s.Start.Format(time.RFC3339), Clock: s.Start.Format("15:04")})
	}
	return days
}

// offered is an office and a service that it offers.
func offered(ctx context.Context, tx *store.Tx, office, service string) (*territory.Office, *territory.Service, error) {
	o, err := territory.Of(ctx, tx, office)
	if err != nil {
		return nil, nil, err
	}
	s, ok := o.Offers(service)
	if !ok {
		return nil, nil, fault.New(fault.Missing, "unknown_service", "service", service)
	}
	return o, s, nil
}

// bookHold keeps the chosen start for the citizen, and goes on to what is still to be said.
func (s *Server) bookHold(c echo.Context, v visitor) error {
	form, said := posted(c), requestOf(posted(c))
	if form.Has("month") {
		return s.bookTimesAgain(c, form.Get("office"), c.Param("service"), said, nil)
	}
	w, err := wishOf(form, c.Param("service"), language(c))
	if err != nil {
		return err
	}
	a, err := s.holdFor(c, v, w)
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return s.bookTimesAgain(c, w.Office, w.Service, said, f)
	}
	if err != nil {
		return err
	}
	if said != (request{}) {
		return s.showRequest(c, http.StatusOK, "details", a, said, nil)
	}
	return c.Redirect(http.StatusSeeOther, bookPageOf(c, 0).To(holdPath(a)))
}

// holdPath is where a hold is booked.
func holdPath(a booking.Appointment) string {
	return servicePath(a.Service) + "/" + url.PathEscape(a.Token)
}

// wishOf is the start that a form asks for, for a citizen who reads lang.
func wishOf(form url.Values, service, lang string) (booking.Wish, error) {
	start, err := time.Parse(time.RFC3339, form.Get("start"))
	if err != nil {
		return booking.Wish{}, errMalformed
	}
	w := booking.Wish{
		Office: form.Get("office"), Service: service, Start: start, People: max(1, number(form.Get("people"))), Language: lang, Channel: territory.Online,
	}
	if speak := form.Get("speak"); speak != "" {
		w.Language, w.MustSpeak = speak, true
	}
	return w, nil
}

// holdFor holds a start, unless who asks holds one after another.
func (s *Server) holdFor(c echo.Context, v visitor, w booking.Wish) (booking.Appointment, error) {
	ctx := c.Request().Context()
	made, err := s.limits.countHold(c, v, s.db.Now())
	if err != nil {
		return booking.Appointment{}, err
	}
	var a booking.Appointment
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		a, err = booking.Hold(ctx, tx, w)
		return err
	})
	if err != nil {
		a = booking.Appointment{}
	}
	made(a.Token)
	return a, err
}

// bookTimesAgain shows other starts to who cannot have the one chosen, and keeps what was said.
func (s *Server) bookTimesAgain(c echo.Context, office, service string, said request, f *fault.Error) error {
	ctx := c.Request().Context()
	var ask timesAsked
	err := s.db.View(ctx, func(tx *store.Tx) error {
		o, of, err := offered(ctx, tx, office, service)
		if err == nil {
			ask = s.bookTimes(c, o, of)
		}
		return err
	})
	if err != nil {
		return err
	}
	ask.view.Kept = said.kept(pageNone)
	status := http.StatusOK
	if f != nil {
		status = int(f.Kind)
		retryAfter(c.Response().Header(), f)
		ask.view.refused(refusal(ask.view.Lang, f))
	}
	return s.showTimes(c, status, ask)
}
