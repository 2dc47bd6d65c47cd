package ical

import "time"

// ZoneRome is the TZID of Italy's clock.
const ZoneRome = "Europe/Rome"

// NewRome returns the VTIMEZONE that a calendar with times of Italy's clock must have (RFC 5545,
// section 3.6.5): summer time from the last Sunday of March to that of October, 01:00 UTC, as the
// European Union has it since 1996 (directive 2000/84/EC). Only what recurs needs it: a single event
// is told in UTC, which no program gets wrong.
func NewRome() *Component {
	c := NewComponent(CompTimezone)
	c.Props.SetText(PropTimezoneID, ZoneRome)
	c.Children = []*Component{
		yearly(CompDaylight, "19960331T020000", "+0100", "+0200", "FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU"),
		yearly(CompStandard, "19961027T030000", "+0200", "+0100", "FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU"),
	}
	return c
}

func yearly(name, first, from, to, rule string) *Component {
	c := NewComponent(name)
	for property, value := range map[string]string{
		PropDateTimeStart: first, PropTimezoneOffsetFrom: from, PropTimezoneOffsetTo: to, PropRecurrenceRule: rule,
	} {
		c.Props.Set(&Prop{Name: property, Value: value})
	}
	return c
}

// SetZoned sets what the clock of t's location shows, without the fraction of its second, under the
// name of that location.
func (p *Prop) SetZoned(t time.Time) {
	p.SetValueType(ValueDateTime)
	p.Params.Set(ParamTimezoneID, t.Location().String())
	p.Value = t.Format(dateTimeForm)
}
