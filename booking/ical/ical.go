// Package ical reads and writes iCalendar: the text in which calendar programs exchange events
// (RFC 5545).
//
// A [Calendar] is a tree of components with properties; a [Decoder] makes it of text and an [Encoder]
// turns it into text. Property values are kept as they stand in the file; the methods of [Prop] make
// them from Go values and Go values from them, so that nobody escapes by hand. [Appointment] is the
// event that an office sends to a citizen, and [Agenda] is what events say about time: recurrence,
// exceptions, changed instances and time zones, expanded within a window.
//
// What is read is foreign: size, depth, number and work are bounded. What is broken or cut off is
// refused as a whole, since nobody knows what is missing. An event whose time cannot be known, for its zone, its rule or its form, is refused by
// itself and aloud: an [Agenda] lists it with the reason. No zone is ever taken for UTC, and no time
// guessed.
//
// Nothing that other programs could not read is written: the encoder refuses names that are no
// names, control characters, bytes that are not UTF-8, values that do not have their property's
// form, missing or doubled properties, and what is too large. It then writes nothing at all.
//
// The package is pure and has no clock: DTSTAMP and LAST-MODIFIED are what the caller says. The
// same calendar gives the same bytes.
package ical

import "strings"

// The components of RFC 5545, section 3.6, that are written or understood here.
const (
	CompCalendar = "VCALENDAR"
	CompEvent    = "VEVENT"
	CompAlarm    = "VALARM"
	CompTimezone = "VTIMEZONE"
	CompStandard = "STANDARD"
	CompDaylight = "DAYLIGHT"
)

// The properties of RFC 5545, sections 3.7 and 3.8, that are written or understood here.
const (
	PropVersion       = "VERSION"
	PropProductID     = "PRODID"
	PropCalendarScale = "CALSCALE"
	PropMethod        = "METHOD"

	PropUID           = "UID"
	PropDateTimeStamp = "DTSTAMP"
	PropLastModified  = "LAST-MODIFIED"
	PropSequence      = "SEQUENCE"
	PropDateTimeStart = "DTSTART"
	PropDateTimeEnd   = "DTEND"
	PropDuration      = "DURATION"
	PropStatus        = "STATUS"
	PropClass         = "CLASS"
	PropTransparency  = "TRANSP"
	PropCategories    = "CATEGORIES"
	PropSummary       = "SUMMARY"
	PropLocation      = "LOCATION"
	PropDescription   = "DESCRIPTION"
	PropURL           = "URL"
	PropOrganizer     = "ORGANIZER"
	PropAttendee      = "ATTENDEE"

	PropRecurrenceRule  = "RRULE"
	PropRecurrenceDates = "RDATE"
	PropExceptionDates  = "EXDATE"
	PropRecurrenceID    = "RECURRENCE-ID"

	PropTimezoneID         = "TZID"
	PropTimezoneOffsetFrom = "TZOFFSETFROM"
	PropTimezoneOffsetTo   = "TZOFFSETTO"

	PropAction  = "ACTION"
	PropTrigger = "TRIGGER"
)

// The parameters of RFC 5545, section 3.2, that are written or understood here.
const (
	ParamValue               = "VALUE"
	ParamCommonName          = "CN"
	ParamParticipationStatus = "PARTSTAT"
	ParamRSVP                = "RSVP"
	ParamTimezoneID          = "TZID"
	ParamRange               = "RANGE"
)

// ProductID is the PRODID of the calendars that this program writes (RFC 5545, section 3.7.3).
const ProductID = "-//Sportello//Sportello//IT"

// Calendar is an iCalendar object: a VCALENDAR with its properties and components.
type Calendar struct {
	*Component
}

// NewCalendar returns a calendar of version 2.0, made by this program, without components.
func NewCalendar() *Calendar {
	c := NewComponent(CompCalendar)
	c.Props.SetText(PropVersion, "2.0")
	c.Props.SetText(PropProductID, ProductID)
	return &Calendar{Component: c}
}

// Events are the events of a calendar, in the order of the file.
func (c *Calendar) Events() []Event {
	var all []Event
	for _, child := range c.Children {
		if child.Name == CompEvent {
			all = append(all, Event{Component: child})
		}
	}
	return all
}

// Component is a part of a calendar, such as an event or its alarm.
type Component struct {
	Name     string
	Props    Props
	Children []*Component // written in this order
}

// NewComponent returns a component without properties.
func NewComponent(name string) *Component {
	return &Component{Name: strings.ToUpper(name), Props: make(Props)}
}

// Event is a VEVENT.
type Event struct {
	*Component
}

// usual is about how many properties an event has.
const usual = 12

// NewEvent returns an event without properties.
func NewEvent() *Event {
	return &Event{Component: &Component{Name: CompEvent, Props: make(Props, usual)}}
}

// Props are the properties of a component by their name in capitals. Properties of one name keep
// their order; names have none.
type Props map[string][]Prop

// Get returns the first property of a name, or nil.
func (p Props) Get(name string) *Prop {
	if all := p[strings.ToUpper(name)]; len(all) > 0 {
		return &all[0]
	}
	return nil
}

// Values returns all properties of a name.
func (p Props) Values(name string) []Prop { return p[strings.ToUpper(name)] }

// Set puts prop in the place of all properties of its name.
func (p Props) Set(prop *Prop) { p[strings.ToUpper(prop.Name)] = []Prop{*prop} }

// Add puts prop after the properties of its name.
func (p Props) Add(prop *Prop) {
	name := strings.ToUpper(prop.Name)
	p[name] = append(p[name], *prop)
}

// Del takes all properties of a name away.
func (p Props) Del(name string) { delete(p, strings.ToUpper(name)) }

// Params are the parameters of a property by their name in capitals, each with one or more values
// as a person reads them.
type Params map[string][]string

// Get returns the first value of a parameter, or "".
func (p Params) Get(name string) string {
	if len(p) == 0 { // as most have none
		return ""
	}
	if all := p[strings.ToUpper(name)]; len(all) > 0 {
		return all[0]
	}
	return ""
}

// Values returns all values of a parameter.
func (p Params) Values(name string) []string { return p[strings.ToUpper(name)] }

// Set gives a parameter one value in the place of all it had.
func (p Params) Set(name, value string) { p[strings.ToUpper(name)] = []string{value} }

// Add gives a parameter one more value.
func (p Params) Add(name, value string) {
	name = strings.ToUpper(name)
	p[name] = append(p[name], value)
}

// Del takes a parameter away.
func (p Params) Del(name string) {
	if len(p) > 0 {
		delete(p, strings.ToUpper(name))
	}
}
