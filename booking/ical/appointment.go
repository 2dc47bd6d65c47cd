package ical

import (
	"fmt"
	"net/mail"
	"net/url"
	"time"
)

// Method is what a calendar is sent for (RFC 5546, section 1.4).
type Method string

// The methods that an office uses.
const (
	MethodPublish Method = "PUBLISH" // to be kept by who takes it: a download, a feed
	MethodRequest Method = "REQUEST" // an invitation, and each change of it
	MethodCancel  Method = "CANCEL"  // the event does not take place
)

// EventStatus is the STATUS of an event (RFC 5545, section 3.8.1.11).
type EventStatus string

// The states of an appointment in a calendar.
const (
	EventConfirmed EventStatus = "CONFIRMED"
	EventCancelled EventStatus = "CANCELLED"
)

// Address is a person or an office with a mailbox.
type Address struct {
	Name  string // "" for none
	Email string // without a name: info@example.it
}

// Alarm is a reminder that the calendar program shows.
type Alarm struct {
	Before time.Duration // the start; counted in elapsed time
	Text   string        // "": the event's summary
}

// Appointment is one event of an office with a citizen.
type Appointment struct {
	UID         string    // the same for as long as the appointment lives, moved or cancelled
	Sequence    int       // 0 at first; one more with each change of time or place, and the cancellation
	Start, End  time.Time // written in UTC
	Summary     string
	Location    string
	Description string
	URL         string    // of the appointment's page
	Organizer   *Address  // nil for none, but with PUBLISH only
	Attendee    *Address  // the citizen; REQUEST needs it, PUBLISH must not have it
	Stamp       time.Time // when this message was made
	Modified    time.Time // when the appointment last changed; zero: not said
	Cancelled   bool
	Alarms      []Alarm // none of a cancelled appointment are written
}

// Calendar returns the calendar that says a for the given method, with what RFC 5546, section 3.2,
// asks of it. CANCEL is for a cancelled appointment, REQUEST for one that is not, PUBLISH for both.
// It returns ErrUnwritable for any other pair, and for an appointment without start or stamp, or
// whose end is not after its start.
func (a Appointment) Calendar(method Method) (*Calendar, error) {
	if err := a.check(method); err != nil {
		return nil, fmt.Errorf("appointment %s: %w", a.UID, err)
	}
	cal := NewCalendar()
	cal.Props.SetText(PropMethod, string(method))
	event := a.event()
	if method == MethodPublish {
		event.Props.Del(PropAttendee)
	}
	cal.Children = append(cal.Children, event.Component)
	return cal, nil
}

// Event returns the event that says a among others, as in a feed: it goes to nobody, so that it has no
// attendee. The errors are those of Calendar.
func (a Appointment) Event() (*Event, error) {
	if err := a.check(MethodPublish); err != nil {
		return nil, fmt.Errorf("appointment %s: %w", a.UID, err)
	}
	a.Attendee = nil
	return a.event(), nil
}

func (a Appointment) check(method Method) error {
	switch {
	case a.UID == "":
		return fmt.Errorf("%w: no UID", ErrUnwritable)
	case a.Sequence < 0:
		return fmt.Errorf("%w: sequence %d", ErrUnwritable, a.Sequence)
	case a.Stamp.IsZero() || a.Start.IsZero():
		return fmt.Errorf("%w: no stamp or no start", ErrUnwritable)
	case !a.End.After(a.Start):
		return fmt.Errorf("%w: it ends at %v and starts at %v", ErrUnwritable, a.End, a.Start)
	}
	switch method {
	case MethodPublish:
		return nil
	case MethodRequest, MethodCancel:
		if a.Organizer == nil || a.Attendee == nil {
			return fmt.Errorf("%w: %s without organizer or attendee", ErrUnwritable, method)
		}
		if a.Cancelled != (method == MethodCancel) {
			return fmt.Errorf("%w: %s of an appointment that is cancelled: %t", ErrUnwritable, method, a.Cancelled)
		}
		return nil
	}
	return fmt.Errorf("%w: method %q", ErrUnwritable, method)
}

func (a Appointment) event() *Event {
	event := NewEvent()
	all := a.props()
	for i, prop := range all { // slices of one array: feeds have thousands of events
		event.Props[prop.Name] = all[i : i+1 : i+1]
	}
	if a.Cancelled {
		return event
	}
	for _, alarm := range a.Alarms {
		event.Children = append(event.Children, alarm.component(a.Summary))
	}
	return event
}

// props are the properties of the event, each once.
func (a Appointment) props() []Prop {
	all := make([]Prop, 0, usual)
	next := func(name string) *Prop {
		all = append(all, Prop{Name: name})
		return &all[len(all)-1]
	}
	next(PropUID).SetText(a.UID)
	next(PropDateTimeStamp).SetDateTime(a.Stamp)
	if !a.Modified.IsZero() {
		next(PropLastModified).SetDateTime(a.Modified)
	}
	next(PropSequence).SetInt(a.Sequence)
	next(PropDateTimeStart).SetDateTime(a.Start)
	next(PropDateTimeEnd).SetDateTime(a.End)
	next(PropSummary).SetText(a.Summary)
	if a.Location != "" {
		next(PropLocation).SetText(a.Location)
	}
	if a.Description != "" {
		next(PropDescription).SetText(a.Description)
	}
	if a.URL != "" {
		next(PropURL).Value = a.URL
	}
	if a.Organizer != nil {
		*next(PropOrganizer) = a.Organizer.prop(PropOrganizer)
	}
	if a.Attendee != nil { // as one who comes and is not asked for an answer
		citizen := a.Attendee.prop(PropAttendee)
		citizen.Params.Set(ParamParticipationStatus, "ACCEPTED")
		citizen.Params.Set(ParamRSVP, "FALSE")
		*next(PropAttendee) = citizen
	}
	status := EventConfirmed
	if a.Cancelled {
		status = EventCancelled
	}
	next(PropStatus).SetText(string(status))
	return all
}

// prop is a as a property. What is no e-mail address becomes no URI, which the encoder refuses.
func (a Address) prop(name string) Prop {
	prop := Prop{Name: name, Params: make(Params)}
	if parsed, err := mail.ParseAddress(a.Email); err == nil && parsed.Address == a.Email {
		prop.Value = (&url.URL{Scheme: "mailto", Opaque: url.PathEscape(a.Email)}).String()
	}
	if a.Name != "" {
		prop.Params.Set(ParamCommonName, a.Name)
	}
	return prop
}

func (a Alarm) component(summary string) *Component {
	if a.Text == "" {
		a.Text = summary
	}
	c := NewComponent(CompAlarm)
	c.Props.SetText(PropAction, "DISPLAY")
	c.Props.SetText(PropDescription, a.Text)
	trigger := NewProp(PropTrigger)
	trigger.SetDuration(-a.Before)
	c.Props.Set(trigger)
	return c
}
