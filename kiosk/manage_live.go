package kiosk

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/queue"
	"sportello/static"
)

// liveView is how all offices are now.
type liveView struct {
	manageHead
	Alerts  []officeAlert
	Offices []liveOffice
	Closed  []string // offices that are closed now
	Pages   numbered
	At      string
}

// liveOffice is how one office is now.
type liveOffice struct {
	Name, Path string
	State      userState
	Desks      string // open of those there are
	Waiting    int
	Longest    string // wait of who has waited longest
	Expected   string // for who comes now
	Joint      string // joint appointments that are short of somebody
	Trouble    []string
}

// officeAlert is something that those who run an office must know now.
type officeAlert struct {
	Office  *territory.Office
	Code    alertCode
	Subject string // what it is about: a device, a printer, an appointment; "" the office
	Text    string
	Path    string // address of the page about it
}

// alertCode is the rule by which an alert is raised.
type alertCode string

// The rules.
const (
	alertWait    alertCode = "wait"    // somebody has waited longer than the office's alert wait
	alertPrinter alertCode = "printer" // a printer does not print
	alertDevice  alertCode = "device"  // a device is silent while the office is open
	alertShort   alertCode = "short"   // an appointment of today has lost an officer, an opening or a room
	alertNobody  alertCode = "nobody"  // people wait, and no desk is open

	alertCalendar alertCode = "calendar" // an external calendar has not been read for long
	alertClash    alertCode = "clash"    // appointments ahead whose officers, room or office are busy with something else
	alertAsked    alertCode = "asked"    // an officer moved or removed an appointment in its own calendar
)

// liveShown is how many offices a page shows.
const liveShown = 50

func (s *Server) liveRoutes() {
	s.manage(http.MethodGet, "/manage/live", access.EditTerritory, s.livePage)
}

func (s *Server) livePage(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := liveView{manageHead: m.head(c, "live"), At: m.now.In(m.zone).Format("15:04")}
	var offices []*territory.Office
	offices, view.Pages = cut(c, m.looked(), liveShown)
	seen, err := s.watchOffices(ctx, offices, m.now, m.lang)
	if err != nil {
		return err
	}
	for _, o := range seen {
		view.Alerts = append(view.Alerts, o.alerts...)
		if !o.open && len(o.picture.Tickets) == 0 && len(o.alerts) == 0 {
			view.Closed = append(view.Closed, o.office.Name)
			continue
		}
		view.Offices = append(view.Offices, m.liveOffice(o))
	}
	return s.show(c, "manage/live", view)
}

// watched is an office with what is to be known of it now.
type watched struct {
	office  *territory.Office
	picture *queue.Picture
	open    bool // somebody may be received now
	short   int  // appointments of today that have lost something
	alerts  []officeAlert
}

// watchOffices looks at offices as they are now. Texts are in lang.
func (s *Server) watchOffices(ctx context.Context, offices []*territory.Office, now time.Time, lang string) ([]watched, error) {
	all := make([]watched, len(offices))
	for i, o := range offices {
		p, err := s.picture(ctx, o.ID)
		if err != nil {
			return nil, err
		}
		all[i] = watched{office: o, picture: p, open: openAt(o, now)}
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		short, err := shortOf(ctx, tx, offices, now)
		if err != nil {
			return err
		}
		devices, err := access.Devices(ctx, tx, "")
		if err != nil {
			return err
		}
		failing, err := calendar.Failing(ctx, tx)
		if err != nil {
			return err
		}
		for i := range all {
			w := &all[i]
			if err := w.raiseBusy(ctx, tx, lang, failing, now); err != nil {
				return err
			}
			printers, err := spool.Printers(ctx, tx, w.office.ID)
			if err != nil {
				return err
			}
			w.short = len(short[w.office.ID])
			w.raise(lang, short[w.office.ID], devices, printers, now)
			if err := w.raiseAsked(ctx, tx, lang); err != nil {
				return err
			}
		}
		return nil
	})
	return all, err
}

// openAt reports whether an office is open at an instant, to anybody.
func openAt(o *territory.Office, now time.Time) bool {
	return slices.ContainsFunc(o.Calendar.Open(o.Today(now), "", ""), func(s timetable.Span) bool {
		return !now.Before(s.From) && now.Before(s.Until)
	})
}

// shortOf returns the appointments of today that have no place any more, by office.
func shortOf(ctx context.Context, tx *store.Tx, offices []*territory.Office, now time.Time) (map[string][]booking.Stranded, error) {
	short := map[string][]booking.Stranded{}
	seen := map[string]bool{}
	for _, o := range offices {
		if seen[o.Territory.ID] {
			continue
		}
		seen[o.Territory.ID] = true
		lost, err := booking.StrandedBy(ctx, tx, nil, o.Territory)
		if err != nil {
			return nil, err
		}
		for _, a := range lost {
			if of, ok := o.Territory.Office(a.Office); ok && a.Day == of.Today(now) {
				short[a.Office] = append(short[a.Office], a)
			}
		}
	}
	return short, nil
}

// raise notes what those who run the office must know.
func (w *watched) raise(lang string, short []booking.Stranded, devices []access.Device, printers []spool.Printer, now time.Time) {
	o, add := w.office, w.adder(lang)
	waiting := w.picture.Waiting()
	if since := longestWait(waiting, now); o.AlertWait > 0 && since >= o.AlertWait {
		add(alertWait, "", "/manage/live", "n", int(since/time.Minute))
	}
	if len(waiting) > 0 && w.open && len(w.picture.Desks) == 0 {
		add(alertNobody, "", "/manage/live", "n", len(waiting))
	}
	for _, d := range devices {
		if d.Office == o.ID && unseen(o, d, now) {
			add(alertDevice, d.ID, "/manage/devices/"+d.ID, "name", d.Name)
		}
	}
	for _, p := range printers {
		if p.Condition != spool.Unknown && p.Condition != spool.OK {
			add(alertPrinter, p.ID, "/manage/printers/"+p.ID, "name", p.Name, "state", static.Text(lang, "manage.printer.state."+string(p.Condition)))
		}
	}
	for _, a := range short {
		add(alertShort, a.ID, "/desk/diary", "time", a.Start.In(o.Zone()).Format("15:04"), "reference", a.Reference)
	}
}

// adder returns what notes an alert of the office.
func (w *watched) adder(lang string) func(code alertCode, subject, path string, args ...any) {
	return func(code alertCode, subject, path string, args ...any) {
		text := static.Text(lang, "manage.alert."+string(code), append(args, "office", w.office.Name)...)
		w.alerts = append(w.alerts, officeAlert{w.office, code, subject, text, path})
	}
}

// raiseBusy notes what external calendars mean for the office: those that cannot be read, and the
// appointments that fall in busy time.
func (w *watched) raiseBusy(ctx context.Context, tx *store.Tx, lang string, failing []calendar.Source, now time.Time) error {
	o, add := w.office, w.adder(lang)
	for _, x := range failing {
		f, isOfficer := o.Territory.Officer(x.Whose.Officer)
		ours := x.Whose.Territory == o.Territory.ID && (isOfficer && f.At(o.ID) || x.Whose.Office == o.ID)
		if ours && x.Stale(now) {
			state := "manage.calendar.code." + string(x.Problem)
			if !static.Has(lang, state) {
				state = "manage.calendar.code.answered"
			}
			add(alertCalendar, x.ID, "/manage/calendars/"+x.ID, "name", x.Name, "state", static.Text(lang, state))
		}
	}
	clashes, err := booking.Clashes(ctx, tx, o.ID, now, now.AddDate(0, 0, booking.MaxDays))
	clashes = slices.DeleteFunc(clashes, func(c booking.Clash) bool { return c.Appointment.Session })
	if n := len(clashes); n > 0 {
		add(alertClash, strconv.Itoa(n), "/desk/diary/blocks?office="+o.ID, "n", n)
	}
	return err
}

// raiseAsked notes what officers ask by what they did in their own calendars.
func (w *watched) raiseAsked(ctx context.Context, tx *store.Tx, lang string) error {
	all, err := requestsAt(ctx, tx, w.office)
	for _, q := range all {
		text := static.Text(lang, "manage.alert."+string(alertAsked)+"."+string(q.Kind), append(q.args(lang), "office", w.office.Name)...)
		w.alerts = append(w.alerts, officeAlert{w.office, alertAsked, q.ID, text, requestsPath})
	}
	return err
}

// longestWait is how long who has waited longest has.
func longestWait(waiting []queue.Ticket, now time.Time) time.Duration {
	var longest time.Duration
	for _, t := range waiting {
		since := t.IssuedAt
		if since.Before(t.AppointmentAt) {
			since = t.AppointmentAt
		}
		longest = max(longest, now.Sub(since))
	}
	return longest
}

func (m *console) liveOffice(w watched) liveOffice {
	p := w.picture
	line := liveOffice{
		Name: w.office.Name, Path: "/manage/offices/" + w.office.Territory.ID + ":" + w.office.ID,
		Desks: fmt.Sprintf("%d/%d", len(p.Desks), len(w.office.Desks)), Waiting: len(p.Waiting()), State: userState{"success", m.text("manage.live.open")},
	}
	if !w.open {
		line.State = userState{"off", m.text("manage.live.closed")}
	}
	if longest := longestWait(p.Waiting(), m.now); longest > 0 {
		line.Longest = m.text("manage.minutes", "n", int(longest/time.Minute))
	}
	line.Expected = m.expectedAt(p)
	if w.short > 0 {
		line.Joint = strconv.Itoa(w.short)
	}
	for _, a := range w.alerts {
		if a.Code == alertDevice || a.Code == alertPrinter {
			line.Trouble = append(line.Trouble, a.Text)
		}
	}
	if len(w.alerts) > 0 {
		line.State.Tone = "warning"
	}
	return line
}

// expectedAt is the longest range that somebody who comes now is told, of the services that can be had.
func (m *console) expectedAt(p *queue.Picture) string {
	var worst queue.Offer
	for _, o := range p.Offers {
		if o.Open && o.HasWait && (!worst.HasWait || o.Wait.High > worst.Wait.High) {
			worst = o
		}
	}
	if !worst.HasWait {
		return ""
	}
	w := asMinutes(worst.Wait)
	return m.text("manage.live.range", "low", w.LowMinutes, "n", w.HighMinutes)
}

// Warn tells by mail, and by the gateway, those who run an office what they must know now: once a day
// for each thing. It is a job.
func (s *Server) Warn(ctx context.Context) error {
	var offices []*territory.Office
	err := s.db.View(ctx, func(tx *store.Tx) error {
		all, err := territory.List(ctx, tx)
		for _, t := range all {
			offices = append(offices, t.Offices...)
		}
		return err
	})
	if err != nil {
		return err
	}
	now := s.db.Now()
	offices = slices.DeleteFunc(offices, func(o *territory.Office) bool { return o.AlertMail == "" || !openAt(o, now) })
	seen, err := s.watchOffices(ctx, offices, now, static.Italian)
	if err != nil {
		return err
	}
	return s.db.Update(ctx, func(tx *store.Tx) error {
		for _, w := range seen {
			for _, a := range w.alerts {
				if err := s.warn(ctx, tx, a, now); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func (s *Server) warn(ctx context.Context, tx *store.Tx, a officeAlert, now time.Time) error {
	key := fmt.Sprintf("alert:%s:%s:%s:%s", a.Office.ID, a.Code, a.Subject, a.Office.Today(now))
	mail := message.Mail{
		To: a.Office.AlertMail, Subject: static.Text(static.Italian, "manage.alert.subject", "office", a.Office.Name), Language: static.Italian, Key: key, NotAfter: now.Add(time.Hour),
		Text: a.Text + "\n\n" + s.baseURL + a.Path + "\n",
	}
	if err := message.Enqueue(ctx, tx, mail); err != nil {
		return fmt.Errorf("warn: %w", err)
	}
	body := map[string]string{"office": a.Office.ID, "code": string(a.Code), "subject": a.Subject, "text": a.Text, "url": s.baseURL + a.Path}
	return message.EnqueueHook(ctx, tx, message.Hook{Kind: "office.alert", Body: body, Key: key + ":hook", NotAfter: now.Add(time.Hour)})
}
