package booking

import (
	"context"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

// horizon is for how many days, today included, openings, presence and claims of an office are kept in
// memory. What is asked beyond is worked out each time.
const horizon = 92

// days is what an office opens to a channel and who is there, before anything is claimed, on days that
// follow one another.
type days struct {
	first timetable.Date
	list  []timetable.Supply
}

// on returns the day d and whether it is one of the days.
func (x *days) on(d timetable.Date) (timetable.Supply, bool) {
	n := x.first.DaysUntil(d)
	if n < 0 || n >= len(x.list) {
		return timetable.Supply{}, false
	}
	return x.list[n], true
}

// keptDays returns the next horizon days from today, which are kept until the territory changes.
func keptDays(ctx context.Context, tx *store.Tx, o *territory.Office, c territory.Channel) (*days, error) {
	today := o.Today(tx.Now)
	kept, err := tx.Memo("booking/days/"+string(c)+"/"+o.ID, o.Territory.Stamp+"/"+today.String(), func() (any, error) {
		return &days{today, o.Supplies(today, horizon, c)}, nil
	})
	if err != nil {
		return nil, err
	}
	return kept.(*days), nil
}

// resourcesOf returns whose time the office sells: those who work there on any day, in the order of
// the territory, then its rooms.
func resourcesOf(o *territory.Office) []string {
	var ids []string
	for _, id := range staffOf(o) {
		ids = append(ids, officerResource(o.Territory.ID, id))
	}
	for _, r := range o.Rooms {
		ids = append(ids, roomResource(o.ID, r.ID))
	}
	return ids
}

// staffOf returns the ids of those who work at the office on any day.
func staffOf(o *territory.Office) []string {
	var ids []string
	for _, f := range o.Territory.Officers {
		if f.At(o.ID) {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// demandOf returns what an appointment for a service takes. With mustSpeak somebody there must speak
// the language, else who does is preferred.
func demandOf(s *territory.Service, language string, mustSpeak bool) timetable.Demand {
	d := s.Demand()
	d.Language, d.MustSpeak = language, mustSpeak
	return d
}
