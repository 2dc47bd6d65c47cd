package calendar

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"sportello/booking"
	"sportello/booking/ical"
	"sportello/booking/territory"
	"sportello/booking/timetable"
)

// appointmentOf is the id of the appointment that has a UID, if it is one of ours.
func appointmentOf(uid string) (string, bool) { return strings.CutSuffix(uid, UID("")) }

// copyOf is an appointment as its officer has it in a calendar elsewhere: who may see it there is not
// for us to say, so it names no citizen.
func copyOf(t *territory.Territory, a booking.Appointment) ical.Appointment {
	return Event(t, a, DetailCode)
}

// copyDigest tells whether two copies say the same to who reads them.
func copyDigest(e ical.Appointment) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %d %q %q %q", e.Start.Unix(), e.End.Unix(), e.Summary, e.Location, e.Description))
	return hex.EncodeToString(sum[:8])
}

// copyText is a copy as it is put into a collection, which has no METHOD (RFC 4791, section 4.1).
func copyText(e ical.Appointment) ([]byte, error) {
	cal, err := e.Calendar(ical.MethodPublish)
	if err != nil {
		return nil, err
	}
	cal.Props.Del(ical.PropMethod)
	for _, event := range cal.Events() {
		event.Props.SetText(ical.PropClass, "PRIVATE")
	}
	return cal.Text()
}

// found is what a member of a collection says.
type found struct {
	uid   string
	cals  []*ical.Calendar
	event *ical.Event // its only one; nil: it has several
}

// errNoEvent means that a member holds no event.
var errNoEvent = errors.New("no event")

// readMember reads a member.
func readMember(data []byte) (found, error) {
	var f found
	d := ical.NewDecoder(bytes.NewReader(data))
	for {
		cal, err := d.Decode()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return found{}, err
		}
		f.cals = append(f.cals, cal)
	}
	events := 0
	for _, cal := range f.cals {
		for _, e := range cal.Events() {
			if events++; events == 1 {
				f.uid, f.event = e.Props.Text(ical.PropUID), &e
				continue
			}
			f.event = nil
		}
	}
	if events == 0 {
		return found{}, errNoEvent
	}
	return f, nil
}

// busy is when a member takes time between two instants, and how many of its events were not understood.
func (f found) busy(zone *time.Location, from, until time.Time) (spans []timetable.Span, refused int) {
	agenda := ical.NewAgenda(zone, f.cals...)
	all, unclear := agenda.Between(from, until)
	for _, o := range all {
		if Busy(o.Event) {
			spans = append(spans, timetable.Span{From: o.Start.UTC(), Until: o.End.UTC()})
		}
	}
	return timetable.Union(spans), len(agenda.Refused()) + len(unclear)
}

// A deed is what an officer did to the copy of an appointment.
type deed string

const (
	leftIt    deed = ""       // nothing that concerns us
	marredIt  deed = "marred" // something that is neither a move nor a cancellation
	movedIt   deed = "move"   // to another start
	removedIt deed = "cancel" // or marked as cancelled
)

// deedIn is what was done to the copy e since we wrote it. at is where it was moved to.
func (f found) deedIn(e ical.Appointment) (what deed, at time.Time) {
	if f.event == nil || f.event.Props.Get(ical.PropRecurrenceRule) != nil || f.event.Props.Get(ical.PropRecurrenceDates) != nil {
		return marredIt, time.Time{}
	}
	if strings.EqualFold(f.event.Props.Text(ical.PropStatus), string(ical.EventCancelled)) {
		return removedIt, time.Time{}
	}
	all, _ := ical.NewAgenda(time.UTC, f.cals...).Between(time.Unix(0, 0), e.End.AddDate(2, 0, 0))
	switch {
	case len(all) != 1 || all[0].Form == ical.OnDate || all[0].Form == ical.Floating:
		return marredIt, time.Time{}
	case !all[0].Start.Equal(e.Start):
		return movedIt, all[0].Start.UTC()
	case !all[0].End.Equal(e.End):
		return marredIt, time.Time{}
	}
	return leftIt, time.Time{}
}
