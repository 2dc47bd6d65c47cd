package kiosk

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/ical"
	"sportello/booking/territory"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/static"
)

// news is what a citizen is told of an appointment.
type news string

// The news. They are the kinds of hooks too, after "appointment.".
const (
	newsBooked    news = "booked"
	newsMoved     news = "moved"
	newsCancelled news = "cancelled"  // by the citizen
	newsCalledOff news = "called_off" // by the office
	newsReminder  news = "reminder"
	newsLink      news = "link" // where its page is, asked for once more
)

// mailKey is under which key messages about an appointment are queued; the keys of all of them begin
// with it.
func mailKey(a booking.Appointment) string { return "appointment:" + a.ID }

// tell has the citizen of an appointment told what became of it, in the transaction that made it true:
// by mail whoever left an address, by the gateway whoever left a number. What was queued before about
// another time is withdrawn. offers are other starts that the citizen may take instead.
func (s *Server) tell(ctx context.Context, tx *store.Tx, a booking.Appointment, what news, offers ...booking.Slot) error {
	if err := message.Withdraw(ctx, tx, mailKey(a)); err != nil {
		return fmt.Errorf("tell: %w", err)
	}
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return err
	}
	l := letter{facts: factsOf(o, a, ownLanguage(a), s.baseURL, tx.Now), appointment: a, what: what, offers: offers}
	return s.deliver(ctx, tx, o, l)
}

// deliver queues a letter, and reminders of what is ahead.
func (s *Server) deliver(ctx context.Context, tx *store.Tx, o *territory.Office, l letter) error {
	if err := s.send(ctx, tx, l, time.Time{}); err != nil {
		return err
	}
	a := l.appointment
	if a.State != booking.Booked {
		return nil
	}
	l.what, l.offers = newsReminder, nil
	for _, before := range o.Territory.Reminders {
		if at := a.Start.Add(-before); at.After(tx.Now.Add(time.Hour)) { // who has just booked remembers
			if err := s.send(ctx, tx, l, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// tellLink has the citizen of an appointment sent the address of its page, at most once a day.
func (s *Server) tellLink(ctx context.Context, tx *store.Tx, a booking.Appointment) error {
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return err
	}
	return s.send(ctx, tx, letter{facts: factsOf(o, a, ownLanguage(a), s.baseURL, tx.Now), appointment: a, what: newsLink}, time.Time{})
}

// letter is one message about an appointment.
type letter struct {
	facts
	appointment booking.Appointment
	what        news
	offers      []booking.Slot
	words       wording
}

// send queues a message, to be sent at once or at a time; a message about what is over is not sent.
func (s *Server) send(ctx context.Context, tx *store.Tx, l letter, at time.Time) error {
	a := l.appointment
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return err
	}
	if l.words, err = wordingOf(ctx, tx, o.Territory, territory.TextName("mail."+string(l.what)), l.Lang, l.values()); err != nil {
		return err
	}
	key := fmt.Sprintf("%s:%s:%d", mailKey(a), l.what, a.Sequence)
	if !at.IsZero() {
		key += fmt.Sprintf(":%d", store.Millis(at))
	}
	if l.what == newsLink {
		key += ":" + tx.Now.Format(time.DateOnly)
	}
	if a.Contact.Email != "" {
		file, err := l.calendar(tx.Now)
		if err != nil {
			return err
		}
		mail := message.Mail{
			To: a.Contact.Email, Subject: l.words.Subject, Text: l.body(), Language: l.Lang, Attachments: []message.Attachment{file},
			Key: key, NotBefore: at, NotAfter: a.End,
		}
		if err := message.Enqueue(ctx, tx, mail); err != nil {
			return fmt.Errorf("tell by mail: %w", err)
		}
	}
	if a.Contact.Phone == "" {
		return nil
	}
	hook := message.Hook{Kind: "appointment." + string(l.what), Body: l.hook(), Key: key + ":hook", NotBefore: at, NotAfter: a.End}
	if err := message.EnqueueHook(ctx, tx, hook); err != nil {
		return fmt.Errorf("tell the gateway: %w", err)
	}
	return nil
}

// hookJSON is what the gateway is told of an appointment.
type hookJSON struct {
	To        string    `json:"to"` // +39…
	Language  string    `json:"language"`
	Text      string    `json:"text"` // ready to be sent
	Reference string    `json:"reference"`
	Start     time.Time `json:"start"`
	End       time.Time `json:"end"`
	Office    string    `json:"office"`
	URL       string    `json:"url"`
}

func (l letter) hook() hookJSON {
	a := l.appointment
	return hookJSON{
		To: a.Contact.Phone, Language: l.Lang, Reference: l.Reference, Start: l.Start, End: l.End, Office: a.Office, URL: l.URL,
		Text: joined(" ", l.words.Subject+".", l.Where()+".", l.text("mail.code", "code", l.Reference), l.URL),
	}
}

// values are what the words of a message leave out. No service is among them: a subject is seen on locked
// screens.
func (l letter) values() map[string]string {
	return map[string]string{territory.PlaceholderMoment: moment(l.Lang, l.Start), territory.PlaceholderOffice: l.Office}
}

// body is the mail's text: what happened, then the facts a line each, then what can be done.
func (l letter) body() string {
	paragraphs := []string{
		l.text("mail.hello", "name", l.appointment.Contact.Name),
		l.words.Intro,
		l.lines(),
	}
	if l.cancelled() {
		paragraphs = append(paragraphs, l.alternatives(), l.again())
	} else {
		paragraphs = append(paragraphs, l.bring(), l.change(), l.text("mail.arrive"))
	}
	paragraphs = append(paragraphs, l.text("mail.foot"))
	return joined("\n\n", paragraphs...) + "\n"
}

func (l letter) cancelled() bool { return l.what == newsCancelled || l.what == newsCalledOff }

// lines are the facts. A service that tells something about its citizen is not named.
func (l letter) lines() string {
	lines := []string{
		l.text("mail.when", "when", l.When()),
		l.text("mail.where", "where", l.Where()),
	}
	if !l.Sensitive {
		lines = append(lines, l.text("mail.service", "service", l.Service))
	}
	lines = append(lines, l.text("mail.with", "institutions", strings.Join(l.Institutions, ", ")))
	if l.People > 1 {
		lines = append(lines, l.text("appointment.people", "n", l.People))
	}
	if l.appointment.State != booking.Held { // which has no code yet
		lines = append(lines, l.text("mail.code", "code", l.Reference))
	}
	return strings.Join(lines, "\n")
}

func (l letter) bring() string {
	if len(l.Documents) == 0 || l.Sensitive {
		return ""
	}
	return l.text("appointment.bring") + "\n- " + strings.Join(l.Documents, "\n- ")
}

// change says how to move or cancel the appointment.
func (l letter) change() string {
	switch {
	case l.URL == "":
		return ""
	case l.MoveUntil == "":
		return l.text("mail.see", "url", l.URL)
	}
	return l.text("mail.change", "until", l.MoveUntil, "url", l.URL)
}

// alternatives are other starts.
func (l letter) alternatives() string {
	if len(l.offers) == 0 {
		return ""
	}
	lines := []string{l.text("mail.offers")}
	for _, o := range l.offers {
		lines = append(lines, "- "+moment(l.Lang, o.Start.In(l.Start.Location())))
	}
	return strings.Join(lines, "\n")
}

// again is where to book anew.
func (l letter) again() string {
	base, _, found := strings.Cut(l.URL, "/a/")
	if !found {
		return ""
	}
	where := base + "/book/" + url.PathEscape(l.appointment.Service) + "?office=" + url.QueryEscape(l.appointment.Office) + "&lang=" + l.Lang
	return l.text("mail.again", "url", where)
}

// calendar is the appointment as the file that goes with a mail.
func (l letter) calendar(now time.Time) (message.Attachment, error) {
	content, err := l.ics(now)
	if err != nil {
		return message.Attachment{}, err
	}
	return message.Attachment{Name: "sportello.ics", Type: "text/calendar; charset=utf-8; method=PUBLISH", Content: content}, nil
}

// ics is the appointment as iCalendar, to be kept by who takes it. Its summary names no service that
// tells something about its citizen.
func (l letter) ics(now time.Time) ([]byte, error) {
	a := l.appointment
	event := ical.Appointment{
		UID: calendar.UID(a.ID), Sequence: a.Sequence, Start: a.Start, End: a.End, Location: l.Where(), URL: l.URL, Stamp: now, Modified: a.ChangedAt,
		Summary: l.text("mail.summary.plain", "office", l.Office), Description: l.text("mail.code", "code", l.Reference),
		Cancelled: a.State == booking.Cancelled,
	}
	if !l.Sensitive {
		event.Summary = l.text("mail.summary", "service", l.Service)
		event.Description = joined("\n\n", event.Description, l.bring())
	}
	if !event.Cancelled {
		event.Alarms = []ical.Alarm{{Before: 24 * time.Hour}, {Before: 2 * time.Hour}}
	}
	cal, err := event.Calendar(ical.MethodPublish)
	if err != nil {
		return nil, err
	}
	return cal.Text()
}

// ownLanguage is the language of a citizen: what the appointment says, or Italian.
func ownLanguage(a booking.Appointment) string {
	if a.Language == "" {
		return static.Italian
	}
	return a.Language
}
