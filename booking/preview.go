package booking

import (
	"context"
	"fmt"
	"slices"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

// The reasons for which a changed territory has no place for an appointment, besides timetable.Closed,
// timetable.NoOfficer and timetable.ServiceEnded.
const (
	OfficeGone timetable.Code = "office_gone" // there is none of this id, or it is not active that day
	RoomGone   timetable.Code = "room_gone"
)

// Preview is what an office would be on one day.
type Preview struct {
	Day         timetable.Date
	Hours       []Open // of each of its institutions, in the office's order
	Why, Detail string // why nobody is open; see timetable.Calendar.Why
	Starts      int    // free starts of its joint services on that day, whatever the channel and the lead times
}

// Open is when an institution is open, by whatever channel, in the office's zone.
type Open struct {
	Institution string
	Spans       []timetable.Span
}

// Foresee returns what an office, which may be one that nobody has saved yet, is on so many days from
// first, with what is booked there.
func Foresee(ctx context.Context, tx *store.Tx, o *territory.Office, first timetable.Date, days int) ([]Preview, error) {
	booked, err := readDiary(ctx, tx, o, first, days)
	if err != nil {
		return nil, fmt.Errorf("foresee: %w", err)
	}
	plans := jointPlans(o)
	var supply timetable.Supply
	var free []timetable.Start
	all := make([]Preview, days)
	for n, bare := range o.Supplies(first, days, "") {
		p := &all[n]
		p.Day = first.AddDays(n)
		for _, institution := range o.Institutions {
			p.Hours = append(p.Hours, Open{institution, o.Calendar.Open(p.Day, institution, "")})
		}
		p.Why, p.Detail = o.Calendar.Why(p.Day, "", "")
		booked.days[n].over(bare, booked.staff, store.Millis(tx.Now), &supply)
		for s, plan := range plans {
			if s.Offered(p.Day) {
				free = plan.Starts(&supply, nil, free[:0])
				p.Starts += len(free)
			}
		}
	}
	return all, nil
}

func jointPlans(o *territory.Office) map[*territory.Service]*timetable.Plan {
	plans := map[*territory.Service]*timetable.Plan{}
	for _, id := range o.Services {
		if s, ok := o.Territory.Service(id); ok && s.Joint() && !s.Group() {
			plans[s] = timetable.NewPlan(demandOf(s, "", false))
		}
	}
	return plans
}

// Stranded is an appointment for which a changed territory has no place, and why.
type Stranded struct {
	Appointment
	Code        timetable.Code
	Institution string // whose opening or officer is missing; empty: none in particular
}

// StrandedBy returns the appointments ahead that have a place in the territory before and none in
// after, in the order of their start. before may be nil: then all that have none in after.
func StrandedBy(ctx context.Context, tx *store.Tx, before, after *territory.Territory) ([]Stranded, error) {
	ahead, err := list(ctx, tx, `
WHERE a.territory_id = $1 AND a.state IN ('booked', 'arrived') AND a.end_at > $2 ORDER BY a.start_at, a.id`, after.ID, store.Millis(tx.Now))
	if err != nil {
		return nil, err
	}
	was, is := places{of: before}, places{of: after}
	var stranded []Stranded
	for _, a := range ahead {
		if lost := is.lost(a); lost.Code != "" && (before == nil || was.lost(a).Code == "") {
			stranded = append(stranded, Stranded{a, lost.Code, lost.Institution})
		}
	}
	return stranded, nil
}

// places are what the offices of a territory have on the days that were looked at.
type places struct {
	of   *territory.Territory
	days map[string]timetable.Supply // by office and day
}

func (p *places) on(o *territory.Office, d timetable.Date) *timetable.Supply {
	key := o.ID + " " + d.String()
	supply, known := p.days[key]
	if !known {
		if p.days == nil {
			p.days = map[string]timetable.Supply{}
		}
		supply = o.Supplies(d, 1, "")[0]
		p.days[key] = supply
	}
	return &supply
}

// lost is why there is no place for an appointment; nothing when there is.
func (p *places) lost(a Appointment) timetable.Reason {
	o, ok := p.of.Office(a.Office)
	if !ok {
		return timetable.Reason{Code: OfficeGone}
	}
	d := timetable.DateOf(a.Start.In(o.Zone()))
	if code, _ := o.Calendar.Why(d, "", ""); code == timetable.WhyNotActive {
		return timetable.Reason{Code: OfficeGone}
	}
	if s, ok := o.Offers(a.Service); !ok || !s.Offered(d) {
		return timetable.Reason{Code: timetable.ServiceEnded}
	}
	if a.Room != "" && !slices.ContainsFunc(o.Rooms, func(r territory.Room) bool { return r.ID == a.Room }) {
		return timetable.Reason{Code: RoomGone}
	}
	supply := p.on(o, d)
	from, _ := supply.Bit(a.Start)
	until, _ := supply.Bit(a.End)
	for _, x := range a.Staff {
		if !open(supply, x.Institution, from, until) {
			return timetable.Reason{Code: timetable.Closed, Institution: x.Institution}
		}
		if !there(supply, x, a.Service, from, until) {
			return timetable.Reason{Code: timetable.NoOfficer, Institution: x.Institution}
		}
	}
	return timetable.Reason{}
}

// open reports whether an institution is open from one bit until another.
func open(s *timetable.Supply, institution string, from, until int) bool {
	return slices.ContainsFunc(s.Hours, func(h timetable.Hours) bool {
		hours := h.Opening.AndNot(h.Closed)
		return h.Institution == institution && hours.Holds(from, until)
	})
}

// there reports whether an officer can do what an appointment takes it for.
func there(s *timetable.Supply, x timetable.Assignment, service string, from, until int) bool {
	return slices.ContainsFunc(s.Officers, func(f timetable.Officer) bool {
		present := f.Present.AndNot(f.Busy)
		return f.ID == x.Officer && slices.Contains(f.Acts, x.Institution) &&
			(len(f.Services) == 0 || slices.Contains(f.Services, service)) && present.Holds(from, until)
	})
}

// Uses names what appointments may be about: one of the fields is set.
type Uses struct{ Office, Service, Officer string }

const selectUsed = `
SELECT COUNT(*) FROM appointments a WHERE a.territory_id = $1
  AND ($2 = '' OR a.office_id = $2) AND ($3 = '' OR a.service_id = $3)
  AND ($4 = '' OR EXISTS (SELECT 1 FROM appointment_staff s WHERE s.appointment_id = a.id AND s.officer_id = $4))`

// Used reports whether there ever was an appointment, kept until now, of an office, a service or an
// officer of a territory.
func Used(ctx context.Context, tx *store.Tx, territory string, of Uses) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, selectUsed, territory, of.Office, of.Service, of.Officer).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for appointments: %w", err)
	}
	return n > 0, nil
}
