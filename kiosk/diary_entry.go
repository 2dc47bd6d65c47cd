package kiosk

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/queue"
	"sportello/static"
)

// entryFacts are what there is to say of an appointment at the top of its pages.
type entryFacts struct {
	facts
	Parties string
	State   string // key
	Code    string // of the state
}

// facts says what an appointment is, in the reader's language.
func (d *diarist) facts(a booking.Appointment) entryFacts {
	f := entryFacts{facts: factsOf(d.office, a, d.lang, "", d.now), State: "diary.state." + string(a.State), Code: string(a.State)}
	f.Parties = strings.Join(f.Institutions, " + ")
	return f
}

// entryView is the page of one appointment.
type entryView struct {
	diaryHead
	ID, Seen  string
	Facts     entryFacts
	Team      []teamLine
	Room      string
	Language  string // key, "" not said
	MustSpeak bool
	Name      string
	Email     string
	Phone     string
	Note      string
	Erased    bool
	Unreached bool // nobody can write to the citizen
	Reason    string
	Channel   string // key
	History   []historyLine
	Back      string // the day
	MayChange bool   // move or cancel it
	MayMiss   bool
	MayGive   bool // to another officer
	MayPrint  bool
	Printers  []deskChoice
	New       bool // just booked: the code is to be read out
}

// teamLine is who does an appointment, and for whom.
type teamLine struct{ Name, For string }

type historyLine struct{ At, Who, What, Note string }

// callOffView asks why an appointment is cancelled, or whether nobody came.
type callOffView struct {
	diaryHead
	ID, Seen  string
	Facts     entryFacts
	Name      string
	Reasons   []reasonChoice
	Unreached bool
}

func (s *Server) entryRoutes() {
	const at = "/desk/diary/appointment/:id"
	s.entry(http.MethodGet, at, access.SeeDiary, s.entryPage)
	s.entry(http.MethodGet, at+"/receipt.pdf", access.EditDiary, s.entryReceipt)
	s.entry(http.MethodPost, at+"/print", access.EditDiary, s.printEntry)
	s.entry(http.MethodGet, at+"/move", access.EditDiary, s.movePage)
	s.entry(http.MethodPost, at+"/move", access.EditDiary, s.moveByStaff)
	s.entry(http.MethodGet, at+"/cancel", access.EditDiary, s.callOffPage)
	s.entry(http.MethodPost, at+"/cancel", access.EditDiary, s.callOffEntry)
	s.entry(http.MethodGet, at+"/give", access.EditDiary, s.givePage)
	s.entry(http.MethodPost, at+"/give", access.EditDiary, s.give)
	s.entry(http.MethodPost, at+"/resolve", access.EditDiary, s.resolve)
	s.entry(http.MethodGet, at+"/no-show", access.EditDiary, s.missedPage)
	s.entry(http.MethodPost, at+"/no-show", access.EditDiary, s.markMissed)
}

func (s *Server) entryPage(c echo.Context, d *diarist, a booking.Appointment) error {
	if a.State == booking.Held || a.State == booking.Expired {
		return c.Redirect(http.StatusSeeOther, "/desk/diary/book/"+a.ID)
	}
	return s.showEntry(c, d, a, nil)
}

// showEntry shows an appointment, and what was refused.
func (s *Server) showEntry(c echo.Context, d *diarist, a booking.Appointment, refused error) error {
	ctx := c.Request().Context()
	alert, status, err := refusedWith(c, d.lang, refused)
	if err != nil {
		return err
	}
	view := d.entry(c, a)
	view.Alert = alert
	m, err := s.console(c, d.visitor)
	if err != nil {
		return err
	}
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if view.History, err = history(ctx, tx, m, d, a); err != nil || !view.MayPrint {
			return err
		}
		printers, err := spool.Printers(ctx, tx, a.Office)
		for _, p := range printers {
			view.Printers = append(view.Printers, deskChoice{Value: p.ID, Text: p.Name})
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.render(c, status, "diary/entry", view)
}

// entry is the page of an appointment without its history.
func (d *diarist) entry(c echo.Context, a booking.Appointment) *entryView {
	may := d.may(access.EditDiary)
	view := &entryView{
		diaryHead: d.head(c, ""), ID: a.ID, Seen: seen(a), Facts: d.facts(a), MustSpeak: a.MustSpeak,
		Channel: "diary.channel." + string(a.Channel), Erased: !a.ErasedAt.IsZero(),
		Back: d.address("/desk/diary", "day", a.Day.String()), New: c.QueryParam("done") == "booked",
		MayChange: may && a.State == booking.Booked, MayPrint: may && (a.State == booking.Booked || a.State == booking.Arrived),
	}
	view.MayMiss = view.MayChange && !d.now.Before(a.Start)
	view.MayGive = view.MayPrint && len(a.Staff) > 0
	for _, x := range a.Staff {
		line := teamLine{Name: d.officerName(x.Officer), For: x.Institution}
		if i, ok := d.office.Territory.Institution(x.Institution); ok {
			line.For = i.Name
		}
		view.Team = append(view.Team, line)
	}
	if a.Mediator != "" {
		view.Team = append(view.Team, teamLine{d.officerName(a.Mediator), d.text("diary.mediates")})
	}
	for _, room := range d.office.Rooms {
		if room.ID == a.Room {
			view.Room = room.Name
		}
	}
	if a.Language != "" && a.Language != static.Italian {
		view.Language = "desk.speaks." + a.Language
	}
	if a.State == booking.Cancelled {
		view.Reason = d.reason(a.Reason)
	}
	view.Name, view.Email, view.Phone, view.Note = a.Contact.Name, a.Contact.Email, a.Contact.Phone, a.Note
	view.Unreached = unreached(a)
	return view
}

// unreached reports whether nobody can write to the citizen of an appointment.
func unreached(a booking.Appointment) bool {
	return a.ErasedAt.IsZero() && a.Contact.Email == "" && a.Contact.Phone == ""
}

// history is who did what with an appointment, the newest first.
func history(ctx context.Context, tx *store.Tx, m *console, d *diarist, a booking.Appointment) ([]historyLine, error) {
	lines, _, err := audit.List(ctx, tx, audit.Query{Subject: a.Subject(), Limit: audit.MostLines})
	if err != nil {
		return nil, err
	}
	r := newAuditReader(ctx, tx, m)
	var all []historyLine
	for i, l := range lines {
		if i > 0 && l.Action == lines[i-1].Action && l.At.Equal(lines[i-1].At) {
			continue // a move between two offices is told at both
		}
		who, err := r.name(l.Actor, l.Scope)
		if err != nil {
			return nil, err
		}
		all = append(all, historyLine{At: d.moment(l.At), Who: who, What: m.action(l.Action), Note: d.noted(l)})
	}
	return all, nil
}

// wrongState is the fault of an appointment with which something cannot be done as it is now.
func wrongState(a booking.Appointment) error {
	return fault.New(fault.Conflict, "appointment_state", "state", string(a.State))
}

// noted are the details of a line of the audit in words.
func (d *diarist) noted(l audit.Line) string {
	var detail struct {
		Reason, Channel string
		From, To        any
	}
	if err := json.Unmarshal(l.Detail, &detail); err != nil {
		return ""
	}
	from, moved := detail.From.(float64)
	to, _ := detail.To.(float64)
	switch {
	case moved:
		return d.text("diary.history.moved", "from", d.moment(store.FromMillis(int64(from))), "to", d.moment(store.FromMillis(int64(to))))
	case l.Action == "appointment.reassign":
		return d.text("diary.history.given", "from", d.officersNamed(detail.From), "to", d.officersNamed(detail.To))
	case l.Action == "appointment.again":
		return d.text("diary.again." + detail.Reason)
	case detail.Reason != "":
		return d.reason(detail.Reason)
	case detail.Channel != "":
		return d.text("diary.channel." + detail.Channel)
	}
	return ""
}

// officersNamed are the officers of a detail, which are ids joined by plus signs.
func (d *diarist) officersNamed(ids any) string {
	text, _ := ids.(string)
	var names []string
	for _, id := range strings.Split(text, "+") {
		names = append(names, d.officerName(id))
	}
	return strings.Join(names, ", ")
}

// reason is why an appointment was cancelled, in words, or the code of one that programs gave.
func (d *diarist) reason(code string) string {
	if key := "diary.cancel.reason." + code; static.Has(static.Italian, key) {
		return d.text(key)
	}
	return code
}

func (s *Server) entryReceipt(c echo.Context, d *diarist, a booking.Appointment) error {
	if a.State != booking.Booked && a.State != booking.Arrived {
		return s.showEntry(c, d, a, wrongState(a))
	}
	pdf, err := s.receiptOf(d.office, a, d.now).A4()
	if err != nil {
		return err
	}
	c.Response().Header().Set(echo.HeaderContentDisposition, fmt.Sprintf(`inline; filename="%s.pdf"`, a.Reference))
	return c.Blob(http.StatusOK, "application/pdf", pdf)
}

// printEntry has the paper of an appointment printed at the office.
func (s *Server) printEntry(c echo.Context, d *diarist, a booking.Appointment) error {
	ctx := c.Request().Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := spool.PrinterByID(ctx, tx, posted(c).Get("printer"))
		if err != nil {
			return err
		}
		if p.Office != a.Office {
			return errPrinter
		}
		now, err := booking.ByID(ctx, tx, a.ID)
		if err != nil {
			return err
		}
		if now.State != booking.Booked && now.State != booking.Arrived {
			return wrongState(now)
		}
		_, err = s.enqueueReceipt(ctx, tx, access.Device{Printer: p.ID, Office: a.Office}, now)
		return err
	})
	if err != nil {
		return s.showEntry(c, d, a, err)
	}
	return c.Redirect(http.StatusSeeOther, entryAddress(a.ID)+"?done=printed")
}

func (s *Server) movePage(c echo.Context, d *diarist, a booking.Appointment) error {
	return s.showMove(c, d, a, nil)
}

func (s *Server) showMove(c echo.Context, d *diarist, a booking.Appointment, refused error) error {
	if a.State != booking.Booked {
		return s.showEntry(c, d, a, wrongState(a))
	}
	service, err := d.service(a.Service)
	if err != nil {
		return err
	}
	moved := d.facts(a)
	view := &diaryTimesView{
		diaryHead: d.head(c, ""), Action: entryAddress(a.ID) + "/move", Back: entryAddress(a.ID), Moving: &moved, Seen: seen(a),
		People: a.People, Language: mustSpeak(a),
	}
	return s.renderTimes(c, d, view, service, refused)
}

func (s *Server) moveByStaff(c echo.Context, d *diarist, a booking.Appointment) error {
	err := s.change(c, d, a.ID, func(ctx context.Context, tx *store.Tx, a booking.Appointment) (booking.Appointment, error) {
		held, err := booking.Hold(ctx, tx, booking.Wish{
			Office: a.Office, Service: a.Service, Start: startIn(c), People: a.People, Language: a.Language, MustSpeak: a.MustSpeak, Channel: territory.Staff,
		})
		if err != nil {
			return booking.Appointment{}, err
		}
		moved, err := booking.MoveByStaff(ctx, tx, a.ID, held.Token, d.by())
		if err != nil {
			return booking.Appointment{}, err
		}
		return moved, s.tell(ctx, tx, moved, newsMoved)
	})
	if err != nil {
		return s.refuseEntry(c, d, a, err, s.showMove)
	}
	return c.Redirect(http.StatusSeeOther, entryAddress(a.ID)+"?done=moved")
}

// refuseEntry shows a form about an appointment again with why it was refused; who came second sees
// what has become of the appointment.
func (s *Server) refuseEntry(c echo.Context, d *diarist, a booking.Appointment, refused error, show func(echo.Context, *diarist, booking.Appointment, error) error) error {
	now, err := s.appointment(c.Request().Context(), a.ID)
	if err != nil {
		return err
	}
	if seen(now) != posted(c).Get("seen") || fault.Code(refused) == "appointment_state" {
		show = s.showEntry
	}
	return show(c, d, now, refused)
}

func (s *Server) callOffPage(c echo.Context, d *diarist, a booking.Appointment) error {
	return s.showCallOff(c, d, a, nil)
}

func (s *Server) showCallOff(c echo.Context, d *diarist, a booking.Appointment, refused error) error {
	alert, status, err := refusedWith(c, d.lang, refused)
	if err != nil {
		return err
	}
	if a.State != booking.Booked { // who is here has a ticket: the desk ends it
		return s.showEntry(c, d, a, wrongState(a))
	}
	view := d.callOffView(c, a)
	view.Alert, view.Reasons = alert, reasonsIn("diary.cancel.reason", callOffReasons)
	return s.render(c, status, "diary/cancel", view)
}

func (d *diarist) callOffView(c echo.Context, a booking.Appointment) *callOffView {
	return &callOffView{
		diaryHead: d.head(c, ""), ID: a.ID, Seen: seen(a), Facts: d.facts(a), Name: a.Contact.Name, Unreached: unreached(a),
	}
}

func (s *Server) callOffEntry(c echo.Context, d *diarist, a booking.Appointment) error {
	reason, err := given(posted(c), callOffReasons)
	if err == nil {
		err = s.change(c, d, a.ID, func(ctx context.Context, tx *store.Tx, a booking.Appointment) (booking.Appointment, error) {
			return s.callOff(ctx, tx, d.office, a, reason, d.by())
		})
	}
	if err != nil {
		return s.refuseEntry(c, d, a, err, s.showCallOff)
	}
	return c.Redirect(http.StatusSeeOther, entryAddress(a.ID)+"?done=cancelled")
}

func (s *Server) missedPage(c echo.Context, d *diarist, a booking.Appointment) error {
	if a.State != booking.Booked || d.now.Before(a.Start) {
		return c.Redirect(http.StatusSeeOther, entryAddress(a.ID))
	}
	return s.show(c, "diary/no-show", d.callOffView(c, a))
}

func (s *Server) markMissed(c echo.Context, d *diarist, a booking.Appointment) error {
	err := s.change(c, d, a.ID, func(ctx context.Context, tx *store.Tx, a booking.Appointment) (booking.Appointment, error) {
		return queue.MarkAbsent(ctx, tx, a.ID, d.by())
	})
	if err != nil {
		return s.refuseEntry(c, d, a, err, s.showEntry)
	}
	return c.Redirect(http.StatusSeeOther, entryAddress(a.ID)+"?done=missed")
}
