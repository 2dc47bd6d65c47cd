package territory

import (
	"fmt"

	"sportello/booking/timetable"
)

// Demand returns what an appointment for s takes.
func (s *Service) Demand() timetable.Demand {
	return timetable.Demand{
		Service: s.ID, Needs: s.Needs, NeedsAny: s.NeedsAny, MayCover: s.OneOfficerMayCover,
		Minutes: s.Minutes, Step: s.Step, Before: s.BufferBefore, After: s.BufferAfter, Rooms: s.Rooms,
	}
}

// Hours returns when each of the office's institutions is open to the channel c on the day on.
func (o *Office) Hours(on timetable.Date, c Channel) []timetable.Hours {
	scale := timetable.ScaleOf(on, o.Zone())
	var all []timetable.Hours
	for _, institution := range o.Institutions {
		all = append(all, o.Calendar.HoursOf(on, scale, institution, string(c)))
	}
	return all
}

// Supplies returns what the office has for the channel c on so many days from first: openings, rooms,
// and people with their rota and absences. Claims and external calendars are the caller's to add.
func (o *Office) Supplies(first timetable.Date, days int, c Channel) []timetable.Supply {
	people := map[string]*timetable.Person{}
	all := make([]timetable.Supply, days)
	for n := range all {
		on := first.AddDays(n)
		s := &all[n]
		s.Scale, s.Hours = timetable.ScaleOf(on, o.Zone()), o.Hours(on, c)
		officers := o.Officers(on)
		s.Officers = make([]timetable.Officer, 0, len(officers))
		for _, f := range officers {
			acts := f.ActsFor(on)
			key := fmt.Sprint(f.ID, acts)
			if people[key] == nil {
				people[key] = &timetable.Person{
					ID: f.ID, Acts: acts, Services: f.Services, Languages: f.Languages, Mediator: f.Role == RoleMediator,
				}
			}
			absent := s.Touched(f.Absent(o))
			s.Officers = append(s.Officers, timetable.Officer{
				Person: people[key], Present: s.Inside(f.Rostered(o, on)),
				Busy: absent, Blocks: &timetable.Blocks{Absent: absent},
			})
		}
		for _, r := range o.Rooms {
			s.Rooms = append(s.Rooms, timetable.Room{ID: r.ID})
		}
	}
	return all
}
