package kiosk

import (
	"context"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/spool"
	"sportello/queue"
	"sportello/static"
)

// lobbyIssue makes the ticket and, in the same transaction, the print job. The same key gives the
// same ticket and no second paper. Why there is no ticket is explained on the service's page.
func (s *Server) lobbyIssue(c echo.Context, v visitor) error {
	ctx, lang := c.Request().Context(), language(c)
	request := queue.Request{
		Office: v.device.Office, Service: c.FormValue("service"), Language: lang, Key: c.FormValue("key"),
		Precedence: prefsOf(c).Precedence, Origin: queue.FromKiosk, By: v.by(),
	}
	if request.Key == "" || request.Service == "" {
		return fault.New(fault.Malformed, "malformed")
	}
	f := frame{Page: page(lang), prefs: prefsOf(c)}
	var t queue.Ticket
	var lost error // why there is no paper
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		lost = nil
		if t, err = queue.Issue(ctx, tx, request); err != nil {
			return err
		}
		_, known, err := spool.Latest(ctx, tx, subjectOf(t))
		if err != nil || known || v.device.Printer == "" {
			return err
		}
		lost = s.enqueue(ctx, tx, v.device, t)
		if fault.Code(lost) == "unknown_printer" {
			return nil // the number counts, not the paper
		}
		return lost
	})
	switch fault.Code(err) {
	case queue.ServiceEnded, queue.NotByTicket, queue.Closed, queue.NoOfficer, queue.Stopped, queue.Full:
		return c.Redirect(http.StatusSeeOther, f.To("/kiosk/service", "id", request.Service))
	}
	if err != nil {
		return err
	}
	if lost != nil {
		s.log.Warn("ticket without paper", "device", v.device.ID, "error", lost)
	}
	return c.Redirect(http.StatusSeeOther, f.To("/kiosk/ticket", "id", t.ID))
}

// subjectOf names a ticket's paper among the print jobs.
func subjectOf(t queue.Ticket) string { return "ticket:" + t.ID }

// enqueue orders the paper of a ticket. It says neither the service nor anything of the citizen.
func (s *Server) enqueue(ctx context.Context, tx *store.Tx, d access.Device, t queue.Ticket) error {
	office, err := territory.Of(ctx, tx, t.Office)
	if err != nil {
		return err
	}
	paper := printouts.Ticket{
		Number: t.Label(), Area: areaName(office, t), Office: office.Name, Address: office.Address,
		IssuedAt: t.IssuedAt.In(office.Zone()), StatusURL: s.phoneURL(t), Language: t.Language, Words: paperWords(static.Italian, office, t),
	}
	if second := paperWords(t.Language, office, t); t.Language != static.Italian {
		paper.Second = &second
	}
	for _, id := range office.Institutions {
		if institution, ok := office.Territory.Institution(id); ok {
			paper.Institutions = append(paper.Institutions, institution.Name)
		}
	}
	_, err = spool.Enqueue(ctx, tx, spool.Job{
		Printer: d.Printer, Fallback: d.Fallback, Office: t.Office, Subject: subjectOf(t), Kind: spool.KindTicket, Values: paper,
	})
	return err
}

func paperWords(lang string, office *territory.Office, t queue.Ticket) printouts.Words {
	return printouts.Words{
		Title:         static.Text(lang, "paper.ticket.title"),
		Appointment:   appointmentWords(lang, office, t),
		WaitHere:      static.Text(lang, "paper.ticket.wait_here"),
		NotInOrder:    static.Text(lang, "paper.ticket.not_in_order"),
		FollowOnPhone: static.Text(lang, "paper.ticket.follow_on_phone"),
		KeepTicket:    static.Text(lang, "paper.ticket.keep"),
	}
}

// appointmentWords tell the time of a ticket's appointment; "" for a walk-in.
func appointmentWords(lang string, office *territory.Office, t queue.Ticket) string {
	if t.AppointmentAt.IsZero() {
		return ""
	}
	return static.Text(lang, "paper.ticket.appointment", "time", t.AppointmentAt.In(office.Zone()).Format("15:04"))
}

// phoneURL is where a phone follows a ticket; "" when phones cannot reach this server.
func (s *Server) phoneURL(t queue.Ticket) string {
	if !Reachable(s.baseURL) {
		return ""
	}
	return s.baseURL + "/t/" + t.Token
}

func areaName(office *territory.Office, t queue.Ticket) string {
	if area, ok := office.Area(t.Area); ok && area.Name != "" {
		return area.Name
	}
	return t.Series
}

// ticketView is the number and all there is to know about it.
type ticketView struct {
	slip
	Number  string
	Area    string
	Booked  string // the time of its appointment in words, "" for a walk-in
	Wait    string // how long, or that no desk is open; "" once it is called
	Called  string // where to go, once it is called
	Ended   bool   // nothing more will happen to it
	QR      *qrImage
	FormURL string // where the form that goes with it is filled in; "" none
}

// slip is what a page begins with that is on paper too, and what has become of that.
type slip struct {
	frame
	ID    string
	Path  string // of the page; what is said of the paper goes to addresses below
	words string // what the keys begin with of what the page says about the paper
	Paper paper
	Owed  bool   // it may still come
	Job   string // the newest print job
	Where string // the printer at which it comes out, when that is not the kiosk's own
}

// newSlip is about the paper of a print job; a status without a state is that none was ordered.
func newSlip(f frame, id, path, words string, status spool.Status) slip {
	v := slip{frame: f, ID: id, Path: path, words: words, Paper: paperNone, Job: status.Job}
	if status.State != "" {
		v.Paper, v.Owed = paperOf(status), owed(status)
	}
	return v
}

// printsAt is the name of the printer at which the paper of a kiosk comes out, when that is not its own.
func printsAt(ctx context.Context, tx *store.Tx, d access.Device, status spool.Status) (string, error) {
	if status.State == "" || status.Printer == d.Printer || status.Printer != d.Fallback {
		return "", nil
	}
	p, err := spool.PrinterByID(ctx, tx, status.Printer)
	return p.Name, err
}

// paper is what has become of a ticket's paper.
type paper string

// What can have become of a ticket's paper.
const (
	paperNone    paper = "none" // this kiosk has no printer
	paperComing  paper = "coming"
	paperPrinted paper = "printed"
	paperUnsure  paper = "unsure" // only the citizen knows
	paperOut     paper = "out"    // the printer has no paper
	paperAway    paper = "away"   // the printer does not work
	paperFailed  paper = "failed"
)

func paperOf(job spool.Status) paper {
	switch job.State {
	case spool.Printed:
		return paperPrinted
	case spool.Unconfirmed:
		return paperUnsure
	}
	switch spool.Condition(job.Detail) {
	case spool.OutOfPaper:
		return paperOut
	case spool.Refusing, spool.Unreachable:
		return paperAway
	}
	if owed(job) {
		return paperComing
	}
	return paperFailed
}

// owed reports whether a paper may still come, even while its printer takes nothing.
func owed(job spool.Status) bool { return job.State == spool.Queued || job.State == spool.Sent }

// Show is for how many seconds the number stays.
func (v slip) Show() int {
	show := lobbyShow
	if v.Easier() || v.Missing() {
		show = lobbyShowLong
	}
	return int(show.Seconds())
}

// Missing reports whether the screen may be all that the citizen has.
func (v slip) Missing() bool { return v.Paper != paperComing && v.Paper != paperPrinted }

// Extendable reports whether the citizen may keep the number on the screen.
func (v slip) Extendable() bool { return v.Easier() || v.Missing() }

// Again reports whether another paper may be asked for.
func (v slip) Again() bool { return v.Paper != paperNone && !v.Owed }

// Asks reports whether the citizen is asked if there is paper.
func (v slip) Asks() bool { return v.Paper == paperUnsure }

// PaperText is the key of what the page says about the paper.
func (v slip) PaperText() string { return v.words + string(v.Paper) }

// ticketOf reads the ticket that a page is about and what has become of its paper.
func (s *Server) ticketOf(c echo.Context, v visitor) (ticketView, error) {
	ctx := c.Request().Context()
	var t queue.Ticket
	var status spool.Status
	var where string
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if t, err = queue.ByID(ctx, tx, c.QueryParam("id")); err != nil {
			return err
		}
		if t.Office != v.device.Office {
			return fault.New(fault.Missing, "unknown_ticket")
		}
		var ordered bool
		if status, ordered, err = spool.Latest(ctx, tx, subjectOf(t)); !ordered {
			status.State = ""
		}
		if err != nil {
			return err
		}
		where, err = printsAt(ctx, tx, v.device, status)
		return err
	})
	if err != nil {
		return ticketView{}, err
	}
	p, err := s.picture(ctx, t.Office)
	if err != nil {
		return ticketView{}, err
	}
	if now, ok := p.Ticket(t.ID); ok {
		t = now // the picture is younger
	}
	f := s.frame(c, p.Office, "")
	f.own.Set("id", t.ID)
	f.Precedence = t.Precedence
	view := ticketView{
		slip: newSlip(f, t.ID, "/kiosk/ticket", "lobby.paper.", status), Number: t.Label(), Area: areaName(p.Office, t), Booked: appointmentWords(f.Lang, p.Office, t), Ended: t.State.Ended(),
	}
	view.Where = where
	switch t.State {
	case queue.Called, queue.Serving:
		view.Called = f.text("lobby.ticket.turn", "desk", deskNames(p.Office, t.Desks))
	case queue.Waiting:
		view.Wait = f.expected(p, t.Service, f.wait(p.Wait(t.ID)))
	}
	if view.FormURL, err = s.formLink(ctx, f, p.Office, t.Service); err != nil {
		return ticketView{}, err
	}
	if url := s.phoneURL(t); url != "" {
		view.QR, err = newQRImage(url)
	}
	return view, err
}

func deskNames(office *territory.Office, ids []string) string {
	var names []string
	for _, id := range ids {
		if desk, ok := office.Desk(id); ok {
			names = append(names, desk.Name)
		}
	}
	return strings.Join(names, ", ")
}

func (s *Server) lobbyTicket(c echo.Context, v visitor) error {
	view, err := s.ticketOf(c, v)
	if err != nil {
		return err
	}
	return s.show(c, "lobby/ticket", view)
}

// lobbyTicketState is the part of the ticket's page that changes while one looks at it.
func (s *Server) lobbyTicketState(c echo.Context, v visitor) error {
	view, err := s.ticketOf(c, v)
	if err != nil {
		return err
	}
	return s.show(c, "lobby/state", view)
}

// lobbyPaperOut takes the citizen's word that an unconfirmed paper came out. The page names the print
// job it asks about.
func (s *Server) lobbyPaperOut(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	f := frame{Page: page(language(c)), prefs: prefsOf(c)}
	var t queue.Ticket
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if t, err = queue.ByID(ctx, tx, c.FormValue("id")); err != nil {
			return err
		}
		if t.Office != v.device.Office {
			return fault.New(fault.Missing, "unknown_ticket")
		}
		last, _, err := spool.Latest(ctx, tx, subjectOf(t))
		if err != nil || last.Job != c.FormValue("job") {
			return err
		}
		return spool.Confirm(ctx, tx, last.Job)
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, f.To("/kiosk/ticket", "id", t.ID))
}

// lobbyReprint orders another paper of the same ticket. The page names the print job it knows of, so
// that a press that is sent twice, or comes late, orders nothing.
func (s *Server) lobbyReprint(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	f := frame{Page: page(language(c)), prefs: prefsOf(c)}
	var t queue.Ticket
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if t, err = queue.ByID(ctx, tx, c.FormValue("id")); err != nil {
			return err
		}
		if t.Office != v.device.Office {
			return fault.New(fault.Missing, "unknown_ticket")
		}
		if v.device.Printer == "" {
			return fault.New(fault.Conflict, "no_printer")
		}
		if _, err = territory.Lock(ctx, tx, t.Office); err != nil {
			return err
		}
		last, _, err := spool.Latest(ctx, tx, subjectOf(t))
		if err != nil || last.Job != c.FormValue("after") || owed(last) {
			return err
		}
		return s.enqueue(ctx, tx, v.device, t)
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, f.To("/kiosk/ticket", "id", t.ID))
}
