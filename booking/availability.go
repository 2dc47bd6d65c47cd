package booking

import (
	"cmp"
	"context"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// MaxDays is how many days can be asked for at once.
const MaxDays = 62

// Query asks when a service can be booked.
type Query struct {
	Territory   string // all of its offices that offer the service; or
	Office      string // one office
	Service     string
	From, Until timetable.Date // both included
	Channel     territory.Channel
	Language    string // ISO 639-1, that somebody there must speak; empty: any
}

// Availability is when a service can be booked. Its JSON is that of the API.
type Availability struct {
	Service string         `json:"service"`
	From    timetable.Date `json:"from"`
	Until   timetable.Date `json:"to"`
	Offices []OfficeStarts `json:"offices"` // where soonest first, then by name
}

// OfficeStarts are the free starts of one office.
type OfficeStarts struct {
	Office      string          `json:"office"`
	FirstFree   *timetable.Date `json:"first_free"` // day of the first start
	Starts      []Slot          `json:"starts"`     // ascending, in the office's zone
	NoneBecause *timetable.Code `json:"none_because"`
	// Institution is whose officer or opening is missing when that is why there is none.
	Institution string `json:"-"`

	name string
}

// Slot is a free start and in how many ways it can be staffed.
type Slot struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	Ways  int       `json:"ways"`
}

// NotByChannel is why there is no start for a channel by which the service cannot be had; the other
// reasons are those of timetable.Reason.
const NotByChannel timetable.Code = "not_by_channel"

// Available returns when a service can be booked, as of the transaction. Its faults are unknown_office,
// unknown_territory, unknown_service, service_nowhere when no office offers it, and those of a range
// that is backwards, past or longer than MaxDays, and of an unknown channel or language, as invalid
// with the fields.
func Available(ctx context.Context, tx *store.Tx, q Query) (*Availability, error) {
	offices, service, err := asked(ctx, tx, q)
	if err != nil {
		return nil, err
	}
	a := &Availability{Service: service.ID, From: q.From, Until: q.Until, Offices: make([]OfficeStarts, 0, len(offices))}
	plan := timetable.NewPlan(demandOf(service, q.Language, q.Language != ""))
	for _, o := range offices {
		found, err := startsOf(ctx, tx, o, service, plan, q)
		if err != nil {
			return nil, err
		}
		a.Offices = append(a.Offices, found)
	}
	slices.SortFunc(a.Offices, func(x, y OfficeStarts) int {
		return cmp.Or(soonest(x, y), cmp.Compare(x.name, y.name), cmp.Compare(x.Office, y.Office))
	})
	return a, nil
}

// soonest puts the office with the earlier first start first, and one without any last.
func soonest(x, y OfficeStarts) int {
	switch {
	case len(x.Starts) == 0 || len(y.Starts) == 0:
		return cmp.Compare(min(1, len(y.Starts)), min(1, len(x.Starts)))
	default:
		return x.Starts[0].Start.Compare(y.Starts[0].Start)
	}
}

// asked checks a query and returns the offices and the service that it is about.
func asked(ctx context.Context, tx *store.Tx, q Query) ([]*territory.Office, *territory.Service, error) {
	if q.Office != "" {
		o, err := territory.Of(ctx, tx, q.Office)
		if err != nil {
			return nil, nil, err
		}
		service, ok := o.Offers(q.Service)
		if !ok {
			return nil, nil, unknownService(q.Service)
		}
		return []*territory.Office{o}, service, q.check(o.Today(tx.Now))
	}
	t, err := territory.Read(ctx, tx, q.Territory)
	if err != nil {
		return nil, nil, err
	}
	service, ok := t.Service(q.Service)
	if !ok {
		return nil, nil, unknownService(q.Service)
	}
	var offices []*territory.Office
	for _, o := range t.Offices {
		if _, ok := o.Offers(q.Service); ok {
			offices = append(offices, o)
		}
	}
	if len(offices) == 0 {
		return nil, nil, fault.New(fault.Missing, "service_nowhere", "service", q.Service)
	}
	return offices, service, q.check(timetable.DateOf(tx.Now.In(t.Zone)))
}

func unknownService(id string) error {
	return fault.New(fault.Missing, "unknown_service", "service", id)
}

// check refuses what cannot be asked on the day today.
func (q Query) check(today timetable.Date) error {
	var wrong wrongs
	switch {
	case q.From.IsZero():
		wrong.add("from", "missing")
	case q.Until.IsZero():
		wrong.add("to", "missing")
	case q.Until.Before(q.From):
		wrong.add("to", "before_from")
	case q.Until.Before(today):
		wrong.add("to", "past")
	case q.From.DaysUntil(q.Until) >= MaxDays:
		wrong.add("to", "too_many_days")
	}
	if !slices.Contains(territory.Channels(), q.Channel) {
		wrong.add("channel", "unknown_value")
	}
	if q.Language != "" && !known(q.Language) {
		wrong.add("language", "unknown_value")
	}
	return wrong.fault()
}

// wrongs collects what is wrong with the fields of a request.
type wrongs []fault.Field

func (w *wrongs) add(field, code string) { *w = append(*w, fault.Field{Name: field, Code: code}) }

func (w wrongs) fault() error {
	if len(w) == 0 {
		return nil
	}
	return &fault.Error{Kind: fault.Invalid, Code: "invalid", Fields: w}
}

// startsOf returns the starts of one office.
func startsOf(ctx context.Context, tx *store.Tx, o *territory.Office, s *territory.Service, plan *timetable.Plan, q Query) (OfficeStarts, error) {
	found := OfficeStarts{Office: o.ID, name: o.Name, Starts: []Slot{}}
	if !s.By(q.Channel) {
		because := NotByChannel
		if !s.Offered(q.From) && !s.Offered(q.Until) {
			because = timetable.ServiceEnded
		}
		found.NoneBecause = &because
		return found, nil
	}
	at, err := newPages(ctx, tx, o, s, q.Channel)
	if err != nil {
		return found, err
	}
	var free []timetable.Start
	for d := q.From; !d.After(q.Until); d = d.AddDays(1) {
		supply, terms, err := at.day(ctx, tx, d)
		if err != nil {
			return found, err
		}
		free = plan.Starts(supply, terms, free[:0])
		if len(free) > 0 && found.FirstFree == nil {
			found.FirstFree = &d
		}
		for _, f := range free {
			start := supply.At(f.Bit)
			found.Starts = append(found.Starts, Slot{start, start.Add(time.Duration(s.Minutes) * time.Minute), f.Ways})
		}
	}
	if found.FirstFree != nil {
		return found, nil
	}
	reason, err := at.none(ctx, tx, plan, q)
	found.NoneBecause, found.Institution = &reason.Code, reason.Institution
	return found, err
}

// pages are what one office has for one service and channel, day by day.
type pages struct {
	office  *territory.Office
	service *territory.Service
	channel territory.Channel
	now     time.Time
	days    *days
	diary   *diary
	taken   *taken // of the last day looked at, as the next two
	supply  timetable.Supply
	terms   timetable.Terms
}

func newPages(ctx context.Context, tx *store.Tx, o *territory.Office, s *territory.Service, c territory.Channel) (*pages, error) {
	p := &pages{office: o, service: s, channel: c, now: tx.Now}
	var err error
	if p.days, err = keptDays(ctx, tx, o, c); err != nil {
		return nil, err
	}
	p.diary, err = keptDiary(ctx, tx, o)
	return p, err
}

// day returns what there is on d, and on which terms. Both are good until the next day is asked for.
func (p *pages) day(ctx context.Context, tx *store.Tx, d timetable.Date) (*timetable.Supply, *timetable.Terms, error) {
	supply, kept := p.days.on(d)
	if !kept {
		supply = p.office.Supplies(d, 1, p.channel)[0]
	}
	day, kept := p.diary.on(d)
	if !kept && d.After(p.diary.first) {
		read, err := readDiary(ctx, tx, p.office, d, 1)
		if err != nil {
			return nil, nil, err
		}
		day = read.days[0]
	}
	p.taken = day
	now := store.Millis(p.now)
	day.over(supply, p.diary.staff, now, &p.supply)
	p.terms = termsOf(p.office, p.service, p.channel, d, p.now, day.madeBy(p.service.ID, p.channel, now))
	return &p.supply, &p.terms, nil
}

// termsOf returns on which terms a channel that has made so many appointments for d may book.
func termsOf(o *territory.Office, s *territory.Service, c territory.Channel, d timetable.Date, now time.Time, made int) timetable.Terms {
	terms := timetable.Terms{Now: now, Window: timetable.Window(s.Window(c)), Ended: !s.Offered(d)}
	if quota, bounded := s.Quotas[c]; bounded {
		terms.Used = timetable.Quotas{string(c): quota}.Used(string(c), made, d, o.Today(now))
	}
	return terms
}

// telling are the reasons for which there is no start, the one that tells most first.
var telling = []timetable.Code{
	timetable.Full, timetable.TooLate, timetable.NoLanguage, timetable.NoOfficer, timetable.TooEarly, timetable.Closed, timetable.ServiceEnded,
}

// none returns the most telling reason of the days of a query, none of which has a start.
func (p *pages) none(ctx context.Context, tx *store.Tx, plan *timetable.Plan, q Query) (timetable.Reason, error) {
	var most timetable.Reason
	for d := q.From; !d.After(q.Until); d = d.AddDays(1) {
		supply, terms, err := p.day(ctx, tx, d)
		if err != nil {
			return most, err
		}
		reason := plan.None(supply, terms)
		if most.Code == "" || slices.Index(telling, reason.Code) < slices.Index(telling, most.Code) {
			most = reason
		}
	}
	return most, nil
}

// Explain returns everything that stands in the way of a start at one office, or nothing when it is
// free. The query's dates do not count. Who of an obstacle is an officer or a room.
func Explain(ctx context.Context, tx *store.Tx, q Query, start time.Time) ([]timetable.Obstacle, error) {
	o, err := territory.Of(ctx, tx, q.Office)
	if err != nil {
		return nil, err
	}
	d := timetable.DateOf(start.In(o.Zone()))
	q.From, q.Until = d, d
	offices, service, err := asked(ctx, tx, q)
	if err != nil {
		return nil, err
	}
	if !service.By(q.Channel) {
		return []timetable.Obstacle{{Code: NotByChannel}}, nil
	}
	p, err := newPages(ctx, tx, offices[0], service, q.Channel)
	if err != nil {
		return nil, err
	}
	supply, terms, err := p.day(ctx, tx, d)
	if err != nil {
		return nil, err
	}
	p.taken.explain(supply, p.diary.staff, store.Millis(p.now))
	plan := timetable.NewPlan(demandOf(service, q.Language, q.Language != ""))
	return plan.Explain(supply, terms, start), nil
}

// known reports whether the product knows a language.
func known(language string) bool { return slices.Contains(territory.Languages(), language) }
