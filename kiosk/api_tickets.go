package kiosk

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/live"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/queue"
	"sportello/queue/forecast"
	"sportello/static"
)

// ticketJSON is a ticket as programs get it. Its id, by which staff act on it, and its service are for
// those whom a sight lets see them.
type ticketJSON struct {
	ID        string      `json:"id,omitempty"`
	Token     string      `json:"token"`
	Number    string      `json:"number"`
	Office    string      `json:"office"`
	Service   string      `json:"service,omitempty"`
	State     queue.State `json:"state"`
	IssuedAt  *string     `json:"issued_at"`
	DueAt     *string     `json:"due_at"`
	Position  int         `json:"position"` // in the queue, from 1; 0: it does not wait
	Wait      *waitJSON   `json:"wait"`
	Desk      *string     `json:"desk"`
	StatusURL string      `json:"status_url"`
	Print     string      `json:"print"`
}

type waitJSON struct {
	LowMinutes  int `json:"low_minutes"`
	HighMinutes int `json:"high_minutes"`
}

// asMinutes rounds an estimated range outwards to whole minutes.
func asMinutes(w forecast.Wait) *waitJSON {
	return &waitJSON{LowMinutes: int(w.Low / time.Minute), HighMinutes: int((w.High + time.Minute - 1) / time.Minute)}
}

// sight is what a reader may know of tickets beyond what their holders' phones tell.
type sight struct {
	id      bool
	service func(id string) bool // nil: of none
}

// issuer is the sight of who has just asked for a ticket.
var issuer = sight{id: true, service: func(string) bool { return true }}

// sight is what the visitor may know of a ticket of p: nothing, unless they are of the office's staff or
// the device or program that it was issued through.
func (v visitor) sight(p *queue.Picture, t queue.Ticket) sight {
	if v.user.ID == "" && v.by() == t.IssuedBy && t.IssuedBy != (visitor{}).by() {
		return issuer
	}
	if v.user.ID == "" || v.locked || !v.role().May(access.SeeQueue) || !v.user.In(p.Office.Territory.ID, p.Office.ID) {
		return sight{}
	}
	r := deskReader{p: p}
	if i := slices.IndexFunc(p.Desks, func(d queue.Desk) bool { return d.User == v.user.ID }); i >= 0 {
		r.institutions = p.Desks[i].Institutions
	}
	return sight{id: true, service: r.maySee}
}

// ticketFor is a ticket of p's office as a reader may see it.
func (s *Server) ticketFor(p *queue.Picture, t queue.Ticket, paper string, sees sight) ticketJSON {
	zone := p.Office.Zone()
	out := ticketJSON{
		Token: t.Token, Number: t.Label(), Office: t.Office, State: t.State, IssuedAt: stamp(t.IssuedAt, zone), DueAt: stamp(t.DueAt, zone),
		StatusURL: s.baseURL + "/t/" + t.Token, Print: paper,
	}
	if sees.id {
		out.ID = t.ID
	}
	if sees.service != nil && sees.service(t.Service) {
		out.Service = t.Service
	}
	if t.State == queue.Waiting {
		out.Position = p.Before(t.ID) + 1
		if w, ok := p.Wait(t.ID); ok {
			out.Wait = asMinutes(w)
		}
	}
	if len(t.Desks) > 0 {
		out.Desk = &t.Desks[0]
	}
	return out
}

// What has become of a ticket's paper, as programs are told.
const (
	printNone   = "none" // none was asked for
	printFailed = "failed"
)

// printOf reads what has become of a ticket's paper.
func printOf(ctx context.Context, tx *store.Tx, t queue.Ticket) (string, error) {
	job, ordered, err := spool.Latest(ctx, tx, subjectOf(t))
	switch {
	case err != nil || !ordered:
		return printNone, err
	case job.State == spool.Queued || job.State == spool.Sent:
		return string(spool.Queued), nil
	case job.State == spool.Printed || job.State == spool.Unconfirmed:
		return string(job.State), nil
	}
	return printFailed, nil
}

// finder finds a ticket.
type finder func(ctx context.Context, tx *store.Tx) (queue.Ticket, error)

func byToken(token string) finder {
	return func(ctx context.Context, tx *store.Tx) (queue.Ticket, error) { return queue.ByToken(ctx, tx, token) }
}

func byID(id string) finder {
	return func(ctx context.Context, tx *store.Tx) (queue.Ticket, error) { return queue.ByID(ctx, tx, id) }
}

// seen is a ticket as it now is, and as a reader with the given sight may see it.
func (s *Server) seen(ctx context.Context, find finder, sees func(*queue.Picture, queue.Ticket) sight) (ticketJSON, error) {
	var t queue.Ticket
	var paper string
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if t, err = find(ctx, tx); err != nil {
			return err
		}
		paper, err = printOf(ctx, tx, t)
		return err
	})
	if err != nil {
		return ticketJSON{}, err
	}
	p, err := s.picture(ctx, t.Office)
	if err != nil {
		return ticketJSON{}, err
	}
	return s.ticketFor(p, s.newest(ctx, p, t), paper, sees(p, t)), nil
}

func (s *Server) answerTicket(c echo.Context, status int, find finder, sees func(*queue.Picture, queue.Ticket) sight) error {
	t, err := s.seen(c.Request().Context(), find, sees)
	if err != nil {
		return err
	}
	return c.JSON(status, t)
}

type issueBody struct {
	Service  string `json:"service"`
	Language string `json:"language"`
	Priority bool   `json:"priority"`
}

func (b *issueBody) check(w *wrongs) {
	var known []string
	for _, l := range static.Languages() {
		known = append(known, l.Code)
	}
	w.need("service", b.Service)
	w.among("language", b.Language, known)
}

// apiIssue makes a ticket and orders its paper, where the device has a printer.
func (s *Server) apiIssue(c echo.Context, v visitor) error {
	var body issueBody
	if err := decode(c, &body); err != nil {
		return err
	}
	office := c.Param("office")
	if err := s.reaches(c, v, office); err != nil {
		return err
	}
	made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (access.Made, error) {
		t, err := queue.Issue(ctx, tx, queue.Request{
			Office: office, Service: body.Service, Language: page(body.Language).Lang, Precedence: body.Priority, Origin: originOf(v), By: v.by(),
		})
		if err == nil && v.device.Printer != "" {
			err = s.enqueue(ctx, tx, v.device, t)
		}
		if fault.Code(err) == "unknown_printer" {
			err = nil // the number counts, not the paper
		}
		return access.Made{Status: http.StatusCreated, ID: t.ID}, err
	})
	if err != nil {
		return err
	}
	return s.answerTicket(c, made.Status, byID(made.ID), func(*queue.Picture, queue.Ticket) sight { return issuer })
}

// originOf says who a ticket comes from.
func originOf(v visitor) queue.Origin {
	switch {
	case v.device.ID != "":
		return queue.FromKiosk
	case v.user.ID != "":
		return queue.FromDesk
	}
	return queue.FromProgram
}

func (s *Server) apiTicket(c echo.Context, v visitor) error {
	return s.answerTicket(c, http.StatusOK, byToken(c.Param("token")), v.sight)
}

func (s *Server) apiLeave(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := queue.Leave(ctx, tx, c.Param("token"))
		return err
	})
	if err != nil {
		return err
	}
	return s.apiTicket(c, v)
}

// apiTicketEvents follows a ticket as its holder does, until nothing will change any more.
func (s *Server) apiTicketEvents(c echo.Context, _ visitor) error {
	ctx, find := c.Request().Context(), byToken(c.Param("token"))
	holder := func(*queue.Picture, queue.Ticket) sight { return sight{} }
	t, err := s.seen(ctx, find, holder)
	if err != nil {
		return err
	}
	w, err := s.watch(ctx, t.Office)
	if err != nil {
		return err
	}
	defer w.Close()
	return s.stream(c, w, "ticket", func(live.State) any {
		t, err := s.seen(ctx, find, holder)
		switch {
		case err != nil:
			s.log.Error("ticket not shown", "error", err)
			return nil
		case t.State.Ended() && t.State != queue.NoShow:
			return last{t}
		}
		return t
	})
}

// A step is something that an officer does with a ticket at the desk at.
type step[B any] func(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string, body B) error

// apiStep answers with the ticket of the path after a step at the desk where the visitor sits.
func apiStep[B any](s *Server, do step[B]) func(c echo.Context, v visitor) error {
	return func(c echo.Context, v visitor) error {
		var body B
		if err := decode(c, &body); err != nil {
			return err
		}
		made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (access.Made, error) {
			at, sits, err := queue.SeatOf(ctx, tx, v.user.ID)
			if err != nil {
				return access.Made{}, err
			}
			if !sits {
				return access.Made{}, errNoDesk
			}
			at.By = v.by()
			return access.Made{Status: http.StatusOK, ID: c.Param("id")}, do(ctx, tx, at, c.Param("id"), body)
		})
		if err != nil {
			return err
		}
		return s.answerTicket(c, made.Status, byID(made.ID), v.sight)
	}
}

func plainStep(do func(context.Context, *store.Tx, queue.Seat, string) (queue.Ticket, error)) step[nothing] {
	return func(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string, _ nothing) error {
		_, err := do(ctx, tx, at, ticket)
		return err
	}
}

func recallStep(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string, _ nothing) error {
	_, err := queue.Recall(ctx, tx, at, ticket)
	return err
}

type callBody struct {
	Desk   string `json:"desk"`
	Reason string `json:"reason"`
}

func (b *callBody) check(w *wrongs) {
	w.need("desk", b.Desk)
	w.need("reason", b.Reason)
	w.among("reason", b.Reason, callReasons)
}

func callStep(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string, body callBody) error {
	if body.Desk != at.Desk {
		return errDenied
	}
	_, err := queue.CallChosen(ctx, tx, at, ticket, body.Reason)
	return err
}

type finishBody struct {
	Outcome string `json:"outcome"`
	Service string `json:"service"` // that was done, when it was another
}

func (b *finishBody) check(w *wrongs) { w.among("outcome", b.Outcome, outcomes) }

func finishStep(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string, body finishBody) error {
	if body.Outcome == "" {
		body.Outcome = outcomes[0]
	}
	_, err := queue.Finish(ctx, tx, at, ticket, body.Outcome, body.Service)
	return err
}

type parkBody struct {
	Reason string `json:"reason"`
}

func (b *parkBody) check(w *wrongs) { w.among("reason", b.Reason, parkReasons) }

func parkStep(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string, body parkBody) error {
	if body.Reason == "" {
		body.Reason = parkReasons[len(parkReasons)-1] // another one than those there are
	}
	_, err := queue.Park(ctx, tx, at, ticket, body.Reason)
	return err
}

type transferBody struct {
	Service     string `json:"service"`
	Desk        string `json:"desk"`
	Institution string `json:"institution"`
}

func transferStep(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string, body transferBody) error {
	_, err := queue.Transfer(ctx, tx, at, ticket, queue.Target(body))
	return err
}
