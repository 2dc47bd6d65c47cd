package kiosk

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/queue"
	"sportello/queue/rule"
	"sportello/static"
)

func (s *Server) appointmentRoutes() {
	s.desk(http.MethodGet, "/desk/appointments", access.SeeQueue, func(c echo.Context, v visitor) error {
		return s.showAppointments(c, v, c.QueryParam("office"), nil)
	})
	s.desk(http.MethodPost, "/desk/check-in", access.IssueByHand, s.deskCheckIn)
	s.desk(http.MethodPost, "/desk/absent", access.WorkDesk, s.deskAbsent)
}

// appointmentsView is the day's appointments of an office. Who takes no part in one learns its time and
// number.
type appointmentsView struct {
	deskHead
	OfficeID     string
	Version      int64
	Alert        *deskAlert
	Next         *freePair // for who came too late
	MayCheckIn   bool
	Appointments []appointmentLine
}

// appointmentLine is an appointment in the list. Without Mine, only ID, times, state and number are set.
type appointmentLine struct {
	ID, Start, End      string
	State               string // key
	Number              string // of its ticket, "" before
	Mine                bool   // the reader may know what it is about
	Service, Name, Note string
	Language            string // key, "" for Italian
	Reference           string
	Arrived             string
	People              int
	Staff               []string
	CheckIn, Missed     bool // the reader may check it in, note that nobody came
}

// freePair is a start at which all that a joint service needs is free today.
type freePair struct {
	Service, Start string
	Link           string // to the page that books it
}

// diaryReader is who reads an office's appointments.
type diaryReader struct {
	deskReader
	checkIn, miss bool // what they may do
	tickets       map[string]queue.Ticket
}

// showAppointments shows what is booked at an office today. A refusal goes on top, with its status.
func (s *Server) showAppointments(c echo.Context, v visitor, office string, refused *fault.Error) error {
	ctx, status := c.Request().Context(), http.StatusOK
	r, err := s.readerOf(c, v, office)
	if err != nil {
		return err
	}
	view := &appointmentsView{
		deskHead: deskHead{Page: page(r.lang), User: v.user.Name, Manage: v.may(access.Manage), Office: r.p.Office.Name, Desk: r.deskName(r.desk)},
		OfficeID: r.p.Office.ID, Version: r.p.Version, MayCheckIn: v.may(access.IssueByHand),
	}
	d := diaryReader{deskReader: r, checkIn: view.MayCheckIn, miss: v.may(access.WorkDesk)}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		all, err := booking.At(ctx, tx, r.p.Office.ID, r.p.Day, r.p.Day, "")
		if err != nil {
			return err
		}
		if d.tickets, err = queue.TicketsOf(ctx, tx, r.p.Office.ID, r.p.Day); err != nil {
			return err
		}
		for _, a := range all {
			view.Appointments = append(view.Appointments, d.line(a, tx.Now))
		}
		made, err := ticketOf(ctx, tx, r.p.Office.ID, c.QueryParam("made"))
		if err != nil {
			return err
		}
		view.Alert = madeAlert(r.lang, made)
		view.Next, err = r.instead(ctx, tx, v, made)
		return err
	})
	if err != nil {
		return err
	}
	if refused != nil {
		view.Alert, status = refusal(r.lang, refused), int(refused.Kind)
	}
	return s.render(c, status, "desk/appointments", view)
}

// readerOf returns who reads about an office: from the desk where they sit, else for the institutions
// of their account's officer.
func (s *Server) readerOf(c echo.Context, v visitor, office string) (deskReader, error) {
	r, err := s.readerAt(c, v, office)
	if err != nil || r.desk != "" || !v.actsAsOfficer() || v.user.Territory != r.p.Office.Territory.ID {
		return r, err
	}
	if officer, ok := r.p.Office.Territory.Officer(v.user.Officer); ok {
		r.institutions = officer.ActsFor(r.p.Day)
	}
	return r, nil
}

func (d diaryReader) line(a booking.Appointment, now time.Time) appointmentLine {
	t := d.tickets[a.ID]
	line := appointmentLine{
		ID: a.ID, Start: d.clock(a.Start), End: d.clock(a.End), State: "desk.appointment." + string(a.State), Mine: d.maySee(a.Service),
	}
	if t.ID != "" {
		line.Number = t.Label()
	}
	if !line.Mine {
		return line
	}
	line.Service, line.Name, line.Note, line.Reference = d.serviceName(a.Service), a.Contact.Name, a.Note, a.Reference
	line.People, line.Arrived, line.Staff = a.People, d.clock(a.ArrivedAt), d.officers(append(slices.Clone(a.Staff), mediator(a)...))
	if a.Language != "" && a.Language != static.Italian {
		line.Language = "desk.speaks." + a.Language
	}
	comes := a.State == booking.Booked || a.State == booking.NoShow
	line.CheckIn = d.checkIn && comes && !now.Before(a.Start.Add(-queue.EarlyCheckIn))
	line.Missed = d.miss && a.State == booking.Booked && !now.Before(a.Start)
	return line
}

func mediator(a booking.Appointment) []timetable.Assignment {
	if a.Mediator == "" {
		return nil
	}
	return []timetable.Assignment{{Officer: a.Mediator}}
}

// officers names who does an appointment.
func (r deskReader) officers(staff []timetable.Assignment) []string {
	var names []string
	for _, s := range staff {
		name := s.Officer
		if officer, ok := r.p.Office.Territory.Officer(s.Officer); ok {
			name = officer.Name
		}
		names = append(names, name)
	}
	return names
}

func (r deskReader) institutionName(id string) string {
	i, ok := r.p.Office.Territory.Institution(id)
	if !ok {
		return id
	}
	return cmp.Or(i.Name, id)
}

// instead offers who came too late for a joint appointment the next start today.
func (r deskReader) instead(ctx context.Context, tx *store.Tx, v visitor, t queue.Ticket) (*freePair, error) {
	service, ok := r.p.Office.Offers(t.Service)
	late := !t.AppointmentAt.IsZero() && t.DueAt.After(t.AppointmentAt.Add(rule.LateAfter))
	if !ok || !late || !service.Joint() || !r.maySee(t.Service) {
		return nil, nil
	}
	return r.nextPair(ctx, tx, v, service)
}

// nextPair returns the first start today at which staff can book a joint service, nil when there is
// none or the visitor may book none.
func (r deskReader) nextPair(ctx context.Context, tx *store.Tx, v visitor, service *territory.Service) (*freePair, error) {
	if !v.may(access.WorkDesk) {
		return nil, nil
	}
	today := r.p.Office.Today(tx.Now)
	free, err := booking.Available(ctx, tx, booking.Query{
		Office: r.p.Office.ID, Service: service.ID, From: today, Until: today, Channel: territory.Staff,
	})
	if err != nil || len(free.Offices[0].Starts) == 0 {
		return nil, err
	}
	start := free.Offices[0].Starts[0].Start
	book := url.Values{"office": {r.p.Office.ID}, "service": {service.ID}, "start": {start.Format(time.RFC3339)}}
	return &freePair{Service: serviceName(service, r.lang), Start: r.clock(start), Link: "/desk/diary/book?" + book.Encode()}, nil
}

// pairs are the next free starts of the office's joint services, for who would else wait in the queue.
func (s *Server) pairs(ctx context.Context, v visitor, r deskReader) (all []freePair, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		for _, o := range r.p.Offers {
			if !o.Service.Joint() || !o.Service.Offered(r.p.Day) {
				continue
			}
			pair, err := r.nextPair(ctx, tx, v, o.Service)
			if err != nil {
				return err
			}
			if pair != nil {
				all = append(all, *pair)
			}
		}
		return nil
	})
	return all, err
}

// deskCheckIn checks in who says the reference, or whom an officer picks who takes part.
func (s *Server) deskCheckIn(c echo.Context, v visitor) error {
	ctx, form := c.Request().Context(), posted(c)
	r, err := s.readerOf(c, v, form.Get("office"))
	if err != nil {
		return err
	}
	var made queue.Ticket
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		a, err := r.meant(ctx, tx, form.Get("appointment"))
		if reference := form.Get("reference"); reference != "" {
			a, err = booking.ByReference(ctx, tx, reference)
		}
		if err != nil {
			return err
		}
		made, err = queue.CheckIn(ctx, tx, queue.Arrival{Appointment: a.ID, Office: r.p.Office.ID, By: v.by()})
		return err
	})
	return s.toAppointments(c, v, r, url.Values{"made": {made.ID}}, err)
}

// deskAbsent notes that nobody came to an appointment.
func (s *Server) deskAbsent(c echo.Context, v visitor) error {
	ctx, form := c.Request().Context(), posted(c)
	r, err := s.readerOf(c, v, form.Get("office"))
	if err != nil {
		return err
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		a, err := r.meant(ctx, tx, form.Get("appointment"))
		if err == nil {
			_, err = queue.MarkAbsent(ctx, tx, a.ID, v.by())
		}
		return err
	})
	return s.toAppointments(c, v, r, url.Values{}, err)
}

// meant is the appointment that the reader picked from the list: one of this office in which they take
// part.
func (r deskReader) meant(ctx context.Context, tx *store.Tx, id string) (booking.Appointment, error) {
	a, err := booking.ByID(ctx, tx, id)
	if err == nil && (a.Office != r.p.Office.ID || !r.maySee(a.Service)) {
		err = errDenied
	}
	return a, err
}

// toAppointments shows the list after a step, or what was refused on it.
func (s *Server) toAppointments(c echo.Context, v visitor, r deskReader, then url.Values, err error) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		c.Response().Header().Set("HX-Replace-Url", "/desk/appointments?office="+url.QueryEscape(r.p.Office.ID))
		return s.showAppointments(c, v, r.p.Office.ID, f)
	}
	if err != nil {
		return err
	}
	then.Set("office", r.p.Office.ID)
	return c.Redirect(http.StatusSeeOther, "/desk/appointments?"+then.Encode())
}

// apiCheckIn makes a ticket of an appointment whose citizen is here, and orders its paper, where the
// device has a printer.
func (s *Server) apiCheckIn(c echo.Context, v visitor) error {
	var body nothing
	if err := decode(c, &body); err != nil {
		return err
	}
	made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (access.Made, error) {
		a, err := booking.ByToken(ctx, tx, c.Param("token"))
		if err != nil {
			return access.Made{}, err
		}
		here := a.Office
		if v.device.ID != "" {
			here = v.device.Office
		}
		if _, err := reached(ctx, tx, v, here); err != nil {
			return access.Made{}, err
		}
		t, err := queue.CheckIn(ctx, tx, queue.Arrival{Appointment: a.ID, Office: here, By: v.by()})
		if err != nil {
			return access.Made{}, err
		}
		return access.Made{Status: http.StatusOK, ID: t.ID}, s.firstPaper(ctx, tx, v.device, t)
	})
	if err != nil {
		return err
	}
	return s.answerTicket(c, made.Status, byID(made.ID), v.sight)
}

// firstPaper orders the paper of a ticket that has none yet. The number counts, not the paper.
func (s *Server) firstPaper(ctx context.Context, tx *store.Tx, d access.Device, t queue.Ticket) error {
	_, known, err := spool.Latest(ctx, tx, subjectOf(t))
	if err != nil || known || d.Printer == "" {
		return err
	}
	if err := s.enqueue(ctx, tx, d, t); fault.Code(err) != "unknown_printer" {
		return err
	}
	return nil
}
