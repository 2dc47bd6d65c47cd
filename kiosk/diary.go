package kiosk

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/live"
	"sportello/internal/store"
	"sportello/queue"
	"sportello/static"
)

// The faults that only the diary knows.
var (
	errOtherInstitution = fault.New(fault.Denied, "other_institution")
	errTime             = fault.New(fault.Invalid, "time_invalid")
	errChangedMeanwhile = fault.New(fault.Conflict, "appointment_changed")
)

// diarist is a member of staff who reads or changes an office's diary.
type diarist struct {
	visitor
	lang    string
	now     time.Time
	office  *territory.Office
	offices []*territory.Office // reached, by name
	acts    []string            // institutions for which they act today; nobody asks where they run offices
}

// diaryHead is what every page of the diary begins with.
type diaryHead struct {
	Page
	User, Here       string
	OfficeID, Office string
	Offices          []deskChoice // to choose from; none when there is one
	Tabs             []diaryTab
	Manage           bool
	MayEdit          bool
	Done             string // key of what was just done
	Alert            *deskAlert
}

// diaryTab is an entry of the diary's menu.
type diaryTab struct {
	Key, Path string
	Current   bool
}

// diaryTabs are the pages of the diary, by the last part of their address.
var diaryTabs = []struct {
	key, path string
	may       access.Permission
}{
	{"agenda", "/desk/diary", access.SeeDiary},
	{"book", "/desk/diary/book", access.EditDiary},
	{"sessions", "/desk/diary/sessions", access.SeeDiary},
	{"late", "/desk/diary/late", access.EditDiary},
	{"blocks", "/desk/diary/blocks", access.EditDiary},
	{"calls", "/desk/diary/calls", access.EditDiary},
	{"explain", "/desk/diary/explain", access.SeeDiary},
}

func (s *Server) diaryRoutes() {
	s.diary(http.MethodGet, "/desk/diary", access.SeeDiary, s.diaryPage)
	s.diary(http.MethodGet, "/desk/diary/events", access.SeeDiary, s.diaryEvents)
	s.diary(http.MethodGet, "/desk/diary/explain", access.SeeDiary, s.explainPage)
	s.diary(http.MethodGet, "/desk/diary/book", access.EditDiary, s.bookPage)
	s.diary(http.MethodPost, "/desk/diary/book", access.EditDiary, s.holdByStaff)
	s.entry(http.MethodGet, "/desk/diary/book/:id", access.EditDiary, s.contactPage)
	s.entry(http.MethodPost, "/desk/diary/book/:id", access.EditDiary, s.bookByStaff)
	s.entry(http.MethodPost, "/desk/diary/book/:id/release", access.EditDiary, s.releaseByStaff)
	s.entryRoutes()
	s.blockRoutes()
	s.lateRoutes()
	s.groupRoutes()
	s.diary(http.MethodGet, "/desk/diary/calls", access.EditDiary, s.callsPage)
}

// diary registers a handler of the diary of the office that a request names.
func (s *Server) diary(method, path string, may access.Permission, h func(c echo.Context, d *diarist) error) {
	s.desk(method, path, may, func(c echo.Context, v visitor) error {
		d, err := s.diarist(c, v, asked(c))
		if err != nil {
			return err
		}
		return h(c, d)
	})
}

// entry registers a handler about one hold or appointment, which an institution of the reader's takes
// part in.
func (s *Server) entry(method, path string, may access.Permission, h func(c echo.Context, d *diarist, a booking.Appointment) error) {
	s.desk(method, path, may, func(c echo.Context, v visitor) error {
		ctx := c.Request().Context()
		var a booking.Appointment
		err := s.db.View(ctx, func(tx *store.Tx) (err error) {
			a, err = booking.ByID(ctx, tx, c.Param("id"))
			return err
		})
		if err != nil {
			return err
		}
		d, err := s.diarist(c, v, a.Office)
		if err != nil {
			return err
		}
		if !d.takesPart(a) {
			return errOtherInstitution
		}
		return h(c, d, a)
	})
}

// diarist returns who reads the diary of an office; "" is the one where they sit, or work today, or the
// first they reach.
func (s *Server) diarist(c echo.Context, v visitor, office string) (*diarist, error) {
	ctx := c.Request().Context()
	d := &diarist{visitor: v, lang: deskLanguage(c), now: s.db.Now()}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		all, err := territory.List(ctx, tx)
		if err != nil {
			return err
		}
		d.reach(all)
		if office != "" {
			d.office, err = reached(ctx, tx, v, office)
			return err
		}
		seat, sits, err := queue.SeatOf(ctx, tx, v.user.ID)
		if err != nil {
			return err
		}
		if !sits || !d.choose(func(o *territory.Office) bool { return o.ID == seat.Office }) {
			d.settle()
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if d.office == nil {
		return nil, errOffice
	}
	if f, ok := d.officer(); ok {
		d.acts = f.ActsFor(d.office.Today(d.now))
	}
	return d, nil
}

// reach finds the offices that the account reaches of all there are.
func (d *diarist) reach(all []*territory.Territory) {
	for _, t := range all {
		for _, o := range t.Offices {
			if d.in(t.ID, o.ID) {
				d.offices = append(d.offices, o)
			}
		}
	}
	slices.SortStableFunc(d.offices, func(a, b *territory.Office) int { return strings.Compare(a.Name, b.Name) })
}

// choose opens the first office of which is holds.
func (d *diarist) choose(is func(o *territory.Office) bool) bool {
	i := slices.IndexFunc(d.offices, is)
	if i >= 0 {
		d.office = d.offices[i]
	}
	return i >= 0
}

// settle opens the office where the reader is today, else one where they work, else the first.
func (d *diarist) settle() {
	works := func(today bool) func(o *territory.Office) bool {
		return func(o *territory.Office) bool {
			f, ok := o.Territory.Officer(d.user.Officer)
			ok = ok && d.actsAsOfficer() && o.Territory.ID == d.user.Territory && f.At(o.ID)
			return ok && (!today || len(f.Rostered(o, o.Today(d.now))) > 0)
		}
	}
	if d.choose(works(true)) || d.choose(works(false)) {
		return
	}
	d.choose(func(*territory.Office) bool { return true })
}

// officer is whom the account stands for in the territory of the office.
func (d *diarist) officer() (*territory.Officer, bool) {
	if !d.actsAsOfficer() || d.user.Territory != d.office.Territory.ID {
		return nil, false
	}
	return d.office.Territory.Officer(d.user.Officer)
}

// runs reports whether the reader looks after whole offices, with the services of all institutions.
func (d *diarist) runs() bool { return d.role() != access.Officer }

// takesPart reports whether the reader may know what an appointment is about, and with whom it is.
func (d *diarist) takesPart(a booking.Appointment) bool { return d.seesMatter(d.office, a, d.today()) }

// mayDo reports whether the reader may book a service and change its appointments.
func (d *diarist) mayDo(s *territory.Service) bool {
	return d.runs() || takesPart(d.office.Territory, s.ID, d.acts)
}

// today is the office's date.
func (d *diarist) today() timetable.Date { return d.office.Today(d.now) }

func (d *diarist) text(key string, args ...any) string { return static.Text(d.lang, key, args...) }

// clock is the office's time of an instant.
func (d *diarist) clock(t time.Time) string { return t.In(d.office.Zone()).Format("15:04") }

// day is a date in words.
func (d *diarist) day(on timetable.Date) string {
	return static.Date(d.lang, on.At(0, d.office.Zone()), static.Day)
}

// moment is a day and a time of it, in the office's zone.
func (d *diarist) moment(t time.Time) string { return moment(d.lang, t.In(d.office.Zone())) }

// officerName is an officer's name, or the id of one who is no more.
func (d *diarist) officerName(id string) string {
	if f, ok := d.office.Territory.Officer(id); ok {
		return f.Name
	}
	return id
}

func (d *diarist) serviceName(id string) string {
	if s, ok := d.office.Territory.Service(id); ok {
		return serviceName(s, d.lang)
	}
	return id
}

// service returns one that the office offers and that the reader may book.
func (d *diarist) service(id string) (*territory.Service, error) {
	s, ok := d.office.Offers(id)
	if !ok {
		return nil, fault.New(fault.Missing, "unknown_service", "service", id)
	}
	if !d.mayDo(s) {
		return nil, errOtherInstitution
	}
	return s, nil
}

// services are what the reader may book by staff, by who takes part.
func (d *diarist) services(chosen string) []serviceGroup {
	var groups []serviceGroup
	for _, id := range d.office.Services {
		s, ok := d.office.Offers(id)
		if !ok || s.Group() || !s.By(territory.Staff) || !d.mayDo(s) || !s.Offered(d.today()) && !s.ValidFrom.After(d.today()) {
			continue
		}
		name := d.parties(s)
		at := slices.IndexFunc(groups, func(g serviceGroup) bool { return g.Name == name })
		if at < 0 {
			at, groups = len(groups), append(groups, serviceGroup{Name: name})
		}
		groups[at].Services = append(groups[at].Services, deskChoice{Value: s.ID, Text: serviceName(s, d.lang), Chosen: s.ID == chosen})
	}
	for _, g := range groups {
		slices.SortFunc(g.Services, func(a, b deskChoice) int { return strings.Compare(a.Text, b.Text) })
	}
	return groups
}

// parties names who gives a service: an institution, several together, or any of several.
func (d *diarist) parties(s *territory.Service) string {
	var names []string
	for _, id := range s.Institutions() {
		if i, ok := d.office.Territory.Institution(id); ok {
			names = append(names, i.Name)
		}
	}
	switch {
	case s.Joint():
		return d.text("desk.services.joint")
	case len(names) > 1:
		return d.text("desk.services.shared")
	}
	return strings.Join(names, "")
}

// address is one of the diary, about its office.
func (d *diarist) address(path string, pairs ...string) string {
	values := url.Values{"office": {d.office.ID}}
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			values.Set(pairs[i], pairs[i+1])
		}
	}
	return path + "?" + values.Encode()
}

// entryAddress is the page of an appointment.
func entryAddress(id string) string { return "/desk/diary/appointment/" + url.PathEscape(id) }

// head begins a page of the diary.
func (d *diarist) head(c echo.Context, tab string) diaryHead {
	h := diaryHead{
		Page: page(d.lang), User: d.user.Name, Here: c.Request().URL.Path, OfficeID: d.office.ID, Office: d.office.Name,
		Manage: d.may(access.Manage), MayEdit: d.may(access.EditDiary),
	}
	if c.Request().Method == http.MethodGet {
		h.Here = c.Request().URL.RequestURI()
	}
	for _, t := range diaryTabs {
		if d.may(t.may) {
			h.Tabs = append(h.Tabs, diaryTab{t.key, d.address(t.path), t.key == tab})
		}
	}
	if len(d.offices) > 1 {
		for _, o := range d.offices {
			h.Offices = append(h.Offices, deskChoice{Value: o.ID, Text: o.Name, Chosen: o.ID == d.office.ID})
		}
	}
	if done := "diary.done." + c.QueryParam("done"); static.Has(static.Italian, done) {
		h.Done = done
	}
	return h
}

// diaryEvents tells the page that the office has changed; the page fetches what its reader may see.
func (s *Server) diaryEvents(c echo.Context, d *diarist) error {
	w, err := s.watch(c.Request().Context(), d.office.ID)
	if err != nil {
		return err
	}
	defer w.Close()
	return s.stream(c, w, eventDesk, func(st live.State) any { return map[string]int64{"version": st.Version} })
}

// change does something to an appointment in one transaction, unless it has changed since the reader
// saw it: the form says which state that was. do returns it as it became.
func (s *Server) change(c echo.Context, d *diarist, id string, do func(ctx context.Context, tx *store.Tx, a booking.Appointment) (booking.Appointment, error)) error {
	ctx := c.Request().Context()
	return s.db.Update(ctx, func(tx *store.Tx) error {
		a, err := booking.ByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if posted(c).Get("seen") != seen(a) {
			return errChangedMeanwhile
		}
		after, err := do(ctx, tx, a)
		if err == nil && after.Sequence > a.Sequence+1 { // somebody else was between
			err = errChangedMeanwhile
		}
		return err
	})
}

// seen tells one state of an appointment from the others.
func seen(a booking.Appointment) string { return a.ChangedAt.UTC().Format(time.RFC3339Nano) }

// dateIn is the date that a request names, else the one given.
func dateIn(c echo.Context, name string, otherwise timetable.Date) timetable.Date {
	if day, err := timetable.ParseDate(c.FormValue(name)); err == nil {
		return day
	}
	return otherwise
}

// later is the later of two dates.
func later(a, b timetable.Date) timetable.Date {
	if a.Before(b) {
		return b
	}
	return a
}
