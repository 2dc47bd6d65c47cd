package booking

import (
	"context"
	"fmt"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

// Stuck is an appointment that could not be changed, and what stands in the way.
type Stuck struct {
	Appointment Appointment
	Why         []timetable.Obstacle
}

// setting is the day of an appointment as if it were not there: who else could do it, or when.
type setting struct {
	appointment Appointment
	office      *territory.Office
	service     *territory.Service
	demand      timetable.Demand
	supply      timetable.Supply
}

// settingOf reads the day of an appointment whose offices are locked. The office may be open to
// whatever channel: staff decides.
func settingOf(ctx context.Context, tx *store.Tx, o *territory.Office, a Appointment) (*setting, error) {
	s, ok := o.Territory.Service(a.Service)
	if !ok {
		return nil, unknownService(a.Service)
	}
	read, err := readDiaryBut(ctx, tx, o, a.Day, 1, a.ID)
	if err != nil {
		return nil, err
	}
	x := &setting{appointment: a, office: o, service: s, demand: timetable.Demand{
		Service: s.ID, MayCover: true, Minutes: int(a.End.Sub(a.Start) / time.Minute), Step: timetable.Grid,
		Before: s.BufferBefore, After: s.BufferAfter, Language: a.Language, MustSpeak: a.MustSpeak,
	}}
	for _, f := range a.Staff {
		x.demand.Needs = append(x.demand.Needs, f.Institution)
	}
	now := store.Millis(tx.Now)
	read.days[0].over(o.Supplies(a.Day, 1, "")[0], read.staff, now, &x.supply)
	read.days[0].explain(&x.supply, read.staff, now)
	return x, nil
}

// cast leaves in the supply those who do the appointment, each for what it does in it, and of the
// others those whom instead accepts, for what the officer does whom they would replace. Where somebody
// is replaced, the rest stay, whatever else they have to do and whether the office is open or not.
func (x *setting) cast(replaced string, instead func(id string) bool) {
	x.demand.Rooms = 0
	if replaced == "" && x.appointment.Room != "" {
		x.demand.Rooms = 1
	}
	x.supply.Rooms = slices.DeleteFunc(x.supply.Rooms, func(r timetable.Room) bool { return r.ID != x.appointment.Room })
	team := x.appointment.officers()
	var cast []timetable.Officer
	for _, f := range x.supply.Officers {
		if f.ID != replaced && !slices.Contains(team, f.ID) && instead(f.ID) {
			f.Person = x.understudy(f.Person, replaced)
			cast = append(cast, f)
		}
	}
	for _, id := range slices.Compact(team) {
		if id != replaced {
			cast = append(cast, x.member(id, replaced != ""))
		}
	}
	x.supply.Officers = cast
	if replaced != "" {
		x.open()
	}
}

// understudy returns a person as one who may do only what the replaced one does.
func (x *setting) understudy(p *timetable.Person, replaced string) *timetable.Person {
	mine, person := x.appointment.actsOf(replaced), *p
	person.Acts = slices.DeleteFunc(slices.Clone(p.Acts), func(id string) bool { return !slices.Contains(mine, id) })
	return &person
}

// member returns an officer who does the appointment, as one who may do nothing else in it. One who
// stays is free whatever is written down.
func (x *setting) member(id string, stays bool) timetable.Officer {
	f := timetable.Officer{Person: &timetable.Person{ID: id}}
	if i := slices.IndexFunc(x.supply.Officers, func(f timetable.Officer) bool { return f.ID == id }); i >= 0 {
		f = x.supply.Officers[i]
	}
	person := *f.Person
	person.Acts, person.Services, person.Mediator = x.appointment.actsOf(id), nil, id == x.appointment.Mediator
	f.Person = &person
	if stays {
		f.Present.Set(0, x.supply.Bits)
		f.Busy, f.Blocks = timetable.Mask{}, nil
	}
	return f
}

// open has the office open for the appointment as it stands.
func (x *setting) open() {
	from, _ := x.supply.Bit(x.appointment.Start)
	until, _ := x.supply.Bit(x.appointment.End)
	x.supply.Hours = nil
	for _, institution := range x.demand.Needs {
		h := timetable.Hours{Institution: institution}
		h.Opening.Set(from, until)
		x.supply.Hours = append(x.supply.Hours, h)
	}
}

// actsOf returns for which institutions an officer does the appointment.
func (a Appointment) actsOf(officer string) []string {
	var ids []string
	for _, s := range a.Staff {
		if s.Officer == officer {
			ids = append(ids, s.Institution)
		}
	}
	return ids
}

// claim gives the appointment another team or time: that of a. What stays the same stays claimed.
func (x *setting) claim(ctx context.Context, tx *store.Tx, a Appointment) error {
	drop, take := x.appointment.resources(), a.resources()
	if a.Start.Equal(x.appointment.Start) {
		drop, take = without(drop, take), without(take, drop)
	}
	for _, resource := range drop {
		const free = `DELETE FROM claims WHERE appointment_id = $1 AND resource_id = $2`
		if _, err := tx.Exec(ctx, free, a.ID, resource); err != nil {
			return fmt.Errorf("release: %w", err)
		}
	}
	from, until := span(x.office, x.service, a.Start, a.End)
	all, err := claimAll(ctx, tx, a, take, from, until)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	if !all {
		return errTaken
	}
	return saveTeam(ctx, tx, a)
}

// without returns ids but those of others.
func without(ids, others []string) []string {
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(others, id) })
}
