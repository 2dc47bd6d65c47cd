package territory

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"sync"
)

//go:embed catalogue.json
var catalogueJSON []byte

// catalogue returns the services that every territory begins with, in their file form. Facts of
// November 2026; amounts of money change every year and are not in it.
var catalogue = sync.OnceValues(func() ([]ServiceEntry, error) {
	var entries []ServiceEntry
	if err := json.Unmarshal(catalogueJSON, &entries); err != nil {
		return nil, fmt.Errorf("read service catalogue: %w", err)
	}
	return entries, nil
})

// The defaults of what a service does not say.
const (
	defaultLeadMinMinutes     = 60
	defaultLeadMaxDays        = 60
	defaultCancelUntilMinutes = 120
)

// effective returns the services of a territory that writes down entries: the catalogue's, changed
// where entries say so, then the territory's own.
func effective(entries []ServiceEntry) ([]*Service, error) {
	base, err := catalogue()
	if err != nil {
		return nil, err
	}
	written := make(map[string]ServiceEntry, len(entries))
	for _, e := range entries {
		written[e.ID] = e
	}
	services := make([]*Service, 0, len(base)+len(entries))
	for _, b := range base {
		s := blank(b.ID)
		s.apply(b)
		if e, ok := written[b.ID]; ok {
			s.apply(e)
			delete(written, b.ID)
		}
		services = append(services, s)
	}
	for _, e := range entries {
		if _, own := written[e.ID]; own {
			s := blank(e.ID)
			s.apply(e)
			services = append(services, s)
		}
	}
	for _, s := range services {
		if s.Step == 0 {
			s.Step = s.Minutes
		}
	}
	return services, nil
}

func blank(id string) *Service {
	return &Service{
		ID: id, Channels: Channels(), Capacity: 1,
		LeadMinMinutes: defaultLeadMinMinutes, LeadMaxDays: defaultLeadMaxDays, CancelUntilMinutes: defaultCancelUntilMinutes,
	}
}

// apply lays over s what e says.
func (s *Service) apply(e ServiceEntry) {
	lay(&s.Category, e.Category)
	lay(&s.Name, e.Name)
	lay(&s.Plain, e.Plain)
	s.Names = merged(s.Names, e)
	if len(e.Needs) > 0 || len(e.NeedsAny) > 0 {
		s.Needs, s.NeedsAny = e.Needs, e.NeedsAny
	}
	lay(&s.OneOfficerMayCover, e.OneOfficerMayCover)
	lay(&s.Rooms, e.Rooms)
	lay(&s.Minutes, e.Minutes)
	lay(&s.Step, e.Step)
	lay(&s.BufferBefore, e.BufferBefore)
	lay(&s.BufferAfter, e.BufferAfter)
	lay(&s.Capacity, e.Capacity)
	lay(&s.DailyCeiling, e.DailyCeiling)
	layList(&s.Channels, e.Channels)
	layPointer(&s.LeadMinMinutes, e.LeadMinMinutes)
	layPointer(&s.LeadMaxDays, e.LeadMaxDays)
	layPointer(&s.CancelUntilMinutes, e.CancelUntilMinutes)
	lay(&s.Area, e.Area)
	layList(&s.Documents, e.Documents)
	lay(&s.Form, e.Form)
	lay(&s.ValidFrom, e.ValidFrom)
	lay(&s.ValidTo, e.ValidTo)
	lay(&s.RequestsFrom, e.RequestsFrom)
	lay(&s.RequestsTo, e.RequestsTo)
	layList(&s.Successors, e.Successors)
	layPointer(&s.Sensitive, e.Sensitive)
	layList(&s.Audience, e.Audience)
	layList(&s.Levels, e.Levels)
	for _, w := range e.Windows {
		if s.Windows == nil {
			s.Windows = make(map[Channel]Window, len(e.Windows))
		}
		window := Window{s.LeadMinMinutes, s.LeadMaxDays}
		layPointer(&window.LeadMinMinutes, w.LeadMinMinutes)
		layPointer(&window.LeadMaxDays, w.LeadMaxDays)
		s.Windows[w.Channel] = window
		if w.Quota != nil {
			if s.Quotas == nil {
				s.Quotas = make(map[Channel]int, len(e.Windows))
			}
			s.Quotas[w.Channel] = *w.Quota
		}
	}
}

// merged returns names with those that e says.
func merged(names map[string]string, e ServiceEntry) map[string]string {
	if len(e.Names) == 0 {
		return names
	}
	all := maps.Clone(e.Names)
	for language, name := range names {
		if _, said := all[language]; !said {
			all[language] = name
		}
	}
	return all
}

func lay[T comparable](to *T, said T) {
	var nothing T
	if said != nothing {
		*to = said
	}
}

// layList lays a list; an empty one that is said takes everything away.
func layList[T any](to *[]T, said []T) {
	if said != nil {
		*to = said
	}
}

func layPointer[T any](to *T, said *T) {
	if said != nil {
		*to = *said
	}
}
