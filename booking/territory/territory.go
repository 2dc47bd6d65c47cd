// Package territory holds what a manager configures: territories with their institutions, services,
// offices, desks, officers and openings, and the files in which all of it can be written down.
//
// Configuration is read whole and written whole, so each object is one row with its file form as
// JSON, a rev for whoever edits it, and a territory stamp that is new with every change. Readers get
// an immutable snapshot, kept per stamp, in which every default is filled in. What rules must
// constrain (tickets, claims, desks at work) has tables of its own elsewhere.
//
// Office ids are unique in a database, institution, service, need and officer ids in their
// territory, desk, area and room ids in their office. It refuses files with an unknown key, a
// dangling reference or two objects of one id, and names the line of every fault.
package territory

import (
	"slices"
	"time"

	"sportello/booking/timetable"
)

// Channel is the way by which a citizen comes.
type Channel string

// The channels.
const (
	WalkIn Channel = "walk-in" // a ticket, now
	Kiosk  Channel = "kiosk"   // an appointment made at the kiosk
	Online Channel = "online"  // an appointment made at home
	Staff  Channel = "staff"   // an appointment made by staff
)

// Channels returns all channels.
func Channels() []Channel { return []Channel{WalkIn, Kiosk, Online, Staff} }

// Languages returns the languages of which the product has its words, by ISO 639-1 code.
func Languages() []string { return []string{"it", "en", "ro", "ar", "uk", "es", "fr", "sq", "zh"} }

// Reception is the service that an ended service without a current successor points to.
const Reception = "ACC-INFO"

// Territory is all that is configured for one territory, as of one stamp. Nobody may change it.
type Territory struct {
	ID, Name     string
	Zone         *time.Location
	Languages    []string        // at least one; the first is the default
	Reminders    []time.Duration // before an appointment, the longest first
	Lead         time.Duration   // how much earlier a walk-in with precedence is due; 0: nobody has precedence
	Classes      []Class         // who has it
	Stamp        string          // new with every change
	Institutions []*Institution
	Services     []*Service // the catalogue with what the territory changes, then the territory's own
	Needs        []*Need    // in the order of the menu
	Offices      []*Office
	Officers     []*Officer

	services map[string]*Service
	offices  map[string]*Office
	officers map[string]*Officer
}

// Institution is a body that receives citizens; each is its own data controller. Contact says where
// to write to it, DPO where to its data protection officer (GDPR art. 13); empty: not said.
// RetentionDays is how long after an appointment it keeps who it was with.
type Institution struct {
	ID, Name, Contact, DPO string
	RetentionDays          int
}

// Class is a group of citizens who have precedence. One of the product's own classes has its words in
// the catalogues and no Name.
type Class struct {
	ID   string
	Name map[string]string // by language
}

// OwnClasses returns the classes of which the product has the words: those that INPS receives first.
func OwnClasses() []string { return []string{"pregnancy", "infant", "disability"} }

// Need is a choice of the kiosk's first menu: what brings people here, in their own words.
type Need struct {
	ID       string
	Name     map[string]string // by language
	Services []string
}

// Institution returns the institution id.
func (t *Territory) Institution(id string) (*Institution, bool) {
	i := slices.IndexFunc(t.Institutions, func(x *Institution) bool { return x.ID == id })
	if i < 0 {
		return nil, false
	}
	return t.Institutions[i], true
}

// Service returns the service id, current or ended.
func (t *Territory) Service(id string) (*Service, bool) {
	s, ok := t.services[id]
	return s, ok
}

// Office returns the office id.
func (t *Territory) Office(id string) (*Office, bool) {
	o, ok := t.offices[id]
	return o, ok
}

// Officer returns the officer id.
func (t *Territory) Officer(id string) (*Officer, bool) {
	f, ok := t.officers[id]
	return f, ok
}

// Current returns what a citizen who asks for the service id gets on the day on: the service itself
// when it is offered, else the nearest offered services along its successors, else reception. It
// returns nothing when there is no service id.
func (t *Territory) Current(id string, on timetable.Date) []*Service {
	if _, known := t.services[id]; !known {
		return nil
	}
	if found := t.follow(id, on, map[string]bool{}); len(found) > 0 {
		return found
	}
	if r, ok := t.services[Reception]; ok && r.Offered(on) {
		return []*Service{r}
	}
	return nil
}

func (t *Territory) follow(id string, on timetable.Date, seen map[string]bool) []*Service {
	s, known := t.services[id]
	if !known || seen[id] {
		return nil
	}
	seen[id] = true
	if s.Offered(on) {
		return []*Service{s}
	}
	var found []*Service
	for _, next := range s.Successors {
		found = append(found, t.follow(next, on, seen)...)
	}
	return found
}

// Service is what a citizen comes for. Minutes and days are whole; dates are civil, both days
// included, zero: unbounded.
type Service struct {
	ID, Category string
	Name, Plain  string            // Italian
	Names        map[string]string // the territory's own names, by language; what is missing is in the message catalogue or Italian

	Needs              []string // one officer of each at the same time; or
	NeedsAny           []string // one officer of any of them
	OneOfficerMayCover bool     // one officer who acts for all of Needs suffices
	Rooms              int      // rooms of the office that it also takes

	Minutes                   int // a multiple of 5
	Step                      int // starts lie on this step from the common interval's start
	BufferBefore, BufferAfter int // minutes in which the officers, not the office, must be free
	Capacity                  int // more than 1: a group session
	DailyCeiling              int // walk-ins a day and office, 0: any number

	Channels                    []Channel
	LeadMinMinutes, LeadMaxDays int // the booking window, where Windows says nothing else
	Windows                     map[Channel]Window
	Quotas                      map[Channel]int // of an office's appointments of a day, before that day; a channel without has no bound
	CancelUntilMinutes          int             // before the start

	Area                     string // waiting area of its tickets; see Office.AreaOf
	Documents                []string
	Form                     string // form to fill in, empty: none
	ValidFrom, ValidTo       timetable.Date
	RequestsFrom, RequestsTo timetable.Date
	Successors               []string
	Sensitive                bool // its name tells something about health or hardship
	Audience, Levels         []string
}

// Window is when a service can be booked: from LeadMinMinutes before its start, at most LeadMaxDays
// ahead; the last day is released at midnight of the office's zone.
type Window struct{ LeadMinMinutes, LeadMaxDays int }

// Window returns the booking window for the channel c.
func (s *Service) Window(c Channel) Window {
	if w, ok := s.Windows[c]; ok {
		return w
	}
	return Window{s.LeadMinMinutes, s.LeadMaxDays}
}

// Offered reports whether the service exists and may be asked for on the day on.
func (s *Service) Offered(on timetable.Date) bool {
	return within(on, s.ValidFrom, s.ValidTo) && within(on, s.RequestsFrom, s.RequestsTo)
}

// By reports whether the service may be had through the channel c.
func (s *Service) By(c Channel) bool { return slices.Contains(s.Channels, c) }

// Institutions returns those that take part, in the order in which they are written down.
func (s *Service) Institutions() []string {
	if len(s.Needs) > 0 {
		return s.Needs
	}
	return s.NeedsAny
}

// Joint reports whether the service needs officers of two or more institutions at the same time.
func (s *Service) Joint() bool { return len(s.Needs) > 1 }

// Group reports whether the service is a session that many share.
func (s *Service) Group() bool { return s.Capacity > 1 }

// within reports whether d is one of the days from to until, both included; a zero bound does not
// bound.
func within(d, from, until timetable.Date) bool {
	return !d.Before(from) && (until.IsZero() || !d.After(until))
}
