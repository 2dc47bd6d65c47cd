package ical

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ErrZone means that nobody knows what a TZID means, so that its times could be any.
var ErrZone = errors.New("unknown time zone")

// Zones are the time zones that calendars name. A name is looked for, in this order, among the zones
// of the IANA, in the file's own VTIMEZONEs, among those of Windows, and then by its last parts: the
// end of /mozilla.org/20050126_1/Europe/Rome is a zone of the IANA. What is none of these is
// ErrZone, and never UTC.
type Zones struct {
	own   map[string][]*Component
	found map[string]foundZone
	work  work // left for the rules of all VTIMEZONEs
}

// mostZones is how many names are looked up for one file.
const mostZones = 1000

type foundZone struct {
	zone *time.Location
	err  error
}

// NewZones returns the zones of calendars of one file.
func NewZones(cals ...*Calendar) *Zones {
	z := &Zones{own: make(map[string][]*Component), found: make(map[string]foundZone), work: work{steps: mostSteps}}
	for _, cal := range cals {
		for _, child := range cal.Children {
			if child.Name == CompTimezone {
				name := child.Props.Text(PropTimezoneID)
				z.own[name] = append(z.own[name], child)
			}
		}
	}
	return z
}

// Location returns the zone that a TZID names, or ErrZone.
func (z *Zones) Location(tzid string) (*time.Location, error) {
	found, ok := z.found[tzid]
	if !ok && len(z.found) >= mostZones {
		return nil, fmt.Errorf("%w: more than %d in one file", ErrZone, mostZones)
	}
	if !ok {
		found.zone, found.err = z.find(tzid)
		z.found[tzid] = found
	}
	return found.zone, found.err
}

func (z *Zones) find(tzid string) (*time.Location, error) {
	if zone := iana(tzid); zone != nil {
		return zone, nil
	}
	own, err := ownZone(tzid, z.own[tzid], &z.work)
	if own != nil {
		return own, nil
	}
	if name, ok := windowsZones[tzid]; ok {
		if zone := iana(name); zone != nil {
			return zone, nil
		}
	}
	parts := strings.Split(tzid, "/")
	for n := min(3, len(parts)-1); n > 0; n-- {
		if zone := iana(strings.Join(parts[len(parts)-n:], "/")); zone != nil {
			return zone, nil
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %q: %w", ErrZone, shortened(tzid), err)
	}
	return nil, fmt.Errorf("%w: %q", ErrZone, shortened(tzid))
}

// notZones are names under which zone files may lie that are no zones of the IANA: those of the
// machine and of POSIX, and one whose offset is not known.
var notZones = []string{"", "Local", "localtime", "posixrules", "Factory"}

// iana returns the zone of a name, or nil.
func iana(name string) *time.Location {
	// The zones below right/ count leap seconds, which the seconds of Unix do not.
	if slices.Contains(notZones, name) || strings.HasPrefix(name, "right/") {
		return nil
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return nil
	}
	return zone
}

// zoneOf is the zone in which a time is told. One that is told without a zone is in the given one.
func (z *Zones) zoneOf(d DateTime, otherwise *time.Location) (*time.Location, error) {
	switch d.Form {
	case InUTC:
		return time.UTC, nil
	case Zoned:
		return z.Location(d.TZID)
	}
	return otherwise, nil
}

// Time is the instant of d, midnight of a date, in the zone in which it is told; floating times and
// dates are taken as those of a given zone. It returns ErrZone for an unknown one.
func (z *Zones) Time(d DateTime, floating *time.Location) (time.Time, error) {
	zone, err := z.zoneOf(d, floating)
	if err != nil {
		return time.Time{}, err
	}
	return time.Unix((&clock{zone: zone}).instant(d.Wall.Unix()), 0).In(zone), nil
}
