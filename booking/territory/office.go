package territory

import (
	"slices"
	"time"

	"sportello/booking/timetable"
)

// Office is a place with an address that hosts institutions. Dates are civil, both days included,
// zero: unbounded.
type Office struct {
	Territory         *Territory
	ID, Name          string
	Address, Phone    string
	Comune            string // Belfiore code, empty: not said
	Patron            timetable.MonthDay
	Institutions      []string
	Services          []string // ids
	Calendar          timetable.Calendar
	LongestWait       time.Duration // W of the calling rule: never shown as a promise
	HoldJoint         bool          // hold desks for joint tickets whose time comes; see queue/rule
	CallsBeforeNoShow int
	AlertWait         time.Duration // wait from which those who run the office are warned; 0 never
	AlertMail         string        // who is warned by mail; empty: nobody
	Pilot             bool
	From, Until       timetable.Date // activation and end
	Desks             []Desk
	Areas             []Area // at least one
	Rooms             []Room
	Notices           []Notice
}

// Desk is a place where an officer receives people.
type Desk struct{ ID, Name string }

// Area is a waiting area; the letter of its tickets is its Series.
type Area struct{ ID, Name, Series string }

// Room is what some services take beside officers.
type Room struct{ ID, Name string }

// Notice is a text for the board, by language, on the days From to Until.
type Notice struct {
	Text        map[string]string
	From, Until timetable.Date
}

// On reports whether the notice is shown on the day d.
func (n Notice) On(d timetable.Date) bool { return within(d, n.From, n.Until) }

// Zone returns the office's time zone.
func (o *Office) Zone() *time.Location { return o.Calendar.Zone }

// Today returns the office's business day at now: its own civil date.
func (o *Office) Today(now time.Time) timetable.Date {
	return timetable.DateOf(now.In(o.Calendar.Zone))
}

// Desk returns the desk id.
func (o *Office) Desk(id string) (Desk, bool) {
	return find(o.Desks, func(d Desk) bool { return d.ID == id })
}

// Area returns the waiting area id.
func (o *Office) Area(id string) (Area, bool) {
	return find(o.Areas, func(a Area) bool { return a.ID == id })
}

// AreaOf returns where tickets for s wait: the service's area when the office has it, else the
// office's first.
func (o *Office) AreaOf(s *Service) Area {
	if a, ok := o.Area(s.Area); ok {
		return a
	}
	return o.Areas[0]
}

// Hosts reports whether the institution receives people at the office.
func (o *Office) Hosts(institution string) bool { return slices.Contains(o.Institutions, institution) }

// Offers returns the service id when the office lists it, be it current or ended.
func (o *Office) Offers(id string) (*Service, bool) {
	if !slices.Contains(o.Services, id) {
		return nil, false
	}
	return o.Territory.Service(id)
}

// Open returns when s can be had at the office through c on the day on, ascending: when all the
// institutions that it needs are open, or any of those that suffice. A service that needs an
// institution which the office does not host is never open. It does not look at the service's dates
// and channels, nor at who is there.
func (o *Office) Open(s *Service, on timetable.Date, c Channel) []timetable.Span {
	if len(s.Needs) > 0 {
		if slices.ContainsFunc(s.Needs, func(id string) bool { return !o.Hosts(id) }) {
			return nil
		}
		return o.Calendar.Common(on, s.Needs, string(c))
	}
	return o.anyOpen(s.NeedsAny, on, c)
}

// anyOpen returns when the office is open for at least one of institutions that it hosts.
func (o *Office) anyOpen(institutions []string, on timetable.Date, c Channel) []timetable.Span {
	hosted := slices.DeleteFunc(slices.Clone(institutions), func(id string) bool { return !o.Hosts(id) })
	if len(hosted) == 0 {
		return nil
	}
	return o.Calendar.Any(on, hosted, string(c))
}

// Officers returns those who work at the office and are employed on the day on, in the file's order.
func (o *Office) Officers(on timetable.Date) []*Officer {
	var found []*Officer
	for _, f := range o.Territory.Officers {
		if f.At(o.ID) && within(on, f.From, f.Until) {
			found = append(found, f)
		}
	}
	return found
}

func find[T any](all []T, is func(T) bool) (T, bool) {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	var none T
	return none, false
}
