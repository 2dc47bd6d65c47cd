package kiosk

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"time"
	"unicode/utf8"

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

// apiRoutes are the calls of programs; their shapes are promises.
func (s *Server) apiRoutes() {
	const office, ticket = "/api/v1/offices/:office", "/api/v1/tickets/:token"
	s.handle(http.MethodPost, office+"/tickets", access.IssueTicket, s.apiIssue)
	s.handle(http.MethodGet, ticket, access.SeePublic, s.apiTicket)
	s.handle(http.MethodDelete, ticket, access.SeePublic, s.apiLeave)
	s.handle(http.MethodGet, ticket+"/events", access.SeePublic, s.apiTicketEvents)
	s.handle(http.MethodGet, office+"/board", access.SeeBoard, s.apiBoard)
	s.handle(http.MethodGet, office+"/events", access.SeeBoard, s.apiEvents)
	s.handle(http.MethodPost, office+"/desks/:desk/next", access.WorkDesk, s.apiNext)
}

// ticketJSON is a ticket as programs get it. Id and service are for staff and the issuing device.
type ticketJSON struct {
	ID        string      `json:"id,omitempty"`
	Token     string      `json:"token,omitempty"`
	Number    string      `json:"number"`
	Office    string      `json:"office"`
	Service   string      `json:"service,omitempty"`
	State     queue.State `json:"state"`
	IssuedAt  string      `json:"issued_at"`
	DueAt     string      `json:"due_at"`
	Position  int         `json:"position"`
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

// ticketFor is a ticket of p as one reader may see it; trusted readers see what it is for.
func (s *Server) ticketFor(p *queue.Picture, t queue.Ticket, trusted bool) ticketJSON {
	zone := p.Office.Zone()
	out := ticketJSON{
		Token: t.Token, Number: t.Label(), Office: t.Office, State: t.State, IssuedAt: t.IssuedAt.In(zone).Format(time.RFC3339),
		DueAt: t.DueAt.In(zone).Format(time.RFC3339), StatusURL: s.baseURL + "/t/" + t.Token, Print: "none",
	}
	if trusted {
		out.ID, out.Service = t.ID, t.Service
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

func (s *Server) apiIssue(c echo.Context, v visitor) error {
	var body struct {
		Service  string `json:"service"`
		Language string `json:"language"`
		Priority bool   `json:"priority"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	office := c.Param("office")
	if err := s.reaches(c, v, office); err != nil {
		return err
	}
	ctx := c.Request().Context()
	var t queue.Ticket
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		t, err = queue.Issue(ctx, tx, queue.Request{
			Office: office, Service: body.Service, Language: page(body.Language).Lang, Precedence: body.Priority,
			Key: c.Request().Header.Get("Idempotency-Key"), Strict: true, Origin: originOf(v), By: v.by(),
		})
		return err
	})
	if err != nil {
		return err
	}
	p, err := s.picture(ctx, office)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, s.ticketFor(p, t, true))
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

// reaches refuses an office that is not the device's, or not within reach of the account.
func (s *Server) reaches(c echo.Context, v visitor, office string) error {
	if v.device.ID != "" {
		if v.device.Office != office {
			return errOffice
		}
		return nil
	}
	ctx := c.Request().Context()
	return s.db.View(ctx, func(tx *store.Tx) error {
		_, err := reached(ctx, tx, v, office)
		return err
	})
}

// held reads the ticket of a token and the state of its paper.
func (s *Server) held(c echo.Context) (t queue.Ticket, paper string, err error) {
	ctx := c.Request().Context()
	paper = "none"
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		if t, err = queue.ByToken(ctx, tx, c.Param("token")); err != nil {
			return err
		}
		job, printed, err := spool.Latest(ctx, tx, "ticket:"+t.ID)
		if printed {
			paper = string(job.State)
		}
		return err
	})
	return t, paper, err
}

func (s *Server) apiTicket(c echo.Context, _ visitor) error {
	t, paper, err := s.held(c)
	if err != nil {
		return err
	}
	p, err := s.picture(c.Request().Context(), t.Office)
	if err != nil {
		return err
	}
	out := s.ticketFor(p, t, false)
	out.Print = paper
	return c.JSON(http.StatusOK, out)
}

func (s *Server) apiLeave(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := queue.Leave(ctx, tx, c.Param("token"))
		return err
	})
	if err != nil {
		return err
	}
	return s.apiTicket(c, visitor{})
}

// apiTicketEvents follows one ticket; a state in which it can no longer be seen ends nothing, the
// reader may come back.
func (s *Server) apiTicketEvents(c echo.Context, _ visitor) error {
	t, _, err := s.held(c)
	if err != nil {
		return err
	}
	w, err := s.watch(c.Request().Context(), t.Office)
	if err != nil {
		return err
	}
	defer w.Close()
	return s.stream(c, w, "ticket", func(state live.State) any {
		t, paper, err := s.held(c)
		if err != nil {
			return nil
		}
		out := s.ticketFor(state.Value.(*queue.Picture), t, false)
		out.Print = paper
		return out
	})
}

func (s *Server) apiBoard(c echo.Context, v visitor) error {
	if err := s.reaches(c, v, c.Param("office")); err != nil {
		return err
	}
	p, err := s.picture(c.Request().Context(), c.Param("office"))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, boardState(p))
}

// apiEvents follows an office: boards get what they show; desks learn that something changed.
func (s *Server) apiEvents(c echo.Context, v visitor) error {
	if err := s.reaches(c, v, c.Param("office")); err != nil {
		return err
	}
	w, err := s.watch(c.Request().Context(), c.Param("office"))
	if err != nil {
		return err
	}
	defer w.Close()
	if v.user.ID != "" {
		return s.stream(c, w, eventDesk, func(state live.State) any { return map[string]int64{"version": state.Version} })
	}
	return s.stream(c, w, "board", func(state live.State) any { return boardState(state.Value.(*queue.Picture)) })
}

func (s *Server) apiNext(c echo.Context, v visitor) error {
	if err := decode(c, &struct{}{}); err != nil {
		return err
	}
	ctx := c.Request().Context()
	at := queue.Seat{Office: c.Param("office"), Desk: c.Param("desk"), By: v.by()}
	var call queue.Call
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		seat, seated, err := queue.SeatOf(ctx, tx, v.user.ID)
		if err != nil {
			return err
		}
		if !seated || seat.Office != at.Office || seat.Desk != at.Desk {
			return errDenied
		}
		call, err = queue.CallNext(ctx, tx, at)
		return err
	})
	if errors.Is(err, queue.ErrNobody) {
		return c.NoContent(http.StatusNoContent)
	}
	if err != nil {
		return err
	}
	p, err := s.picture(ctx, at.Office)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, struct {
		Ticket ticketJSON `json:"ticket"`
		Reason reasonJSON `json:"reason"`
		With   []string   `json:"with"`
	}{s.ticketFor(p, call.Ticket, true), reasonJSON{string(call.Ticket.Why), static.Text(language(c), "desk.why."+string(call.Ticket.Why))}, append([]string{}, call.Desks[1:]...)})
}

type reasonJSON struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

var (
	errMediaType = fault.New(fault.MediaType, "media_type")
	errMalformed = fault.New(fault.Malformed, "malformed")
)

// decode reads the one JSON object of a body strictly: other types, invalid UTF-8, NUL, unknown
// fields and anything behind the object are refused.
func decode(c echo.Context, into any) error {
	kind, _, err := mime.ParseMediaType(c.Request().Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationJSON {
		return errMediaType
	}
	body, err := io.ReadAll(c.Request().Body)
	if err != nil {
		return err // too large, or the sender is gone
	}
	if !utf8.Valid(body) || bytes.Contains(body, []byte(`\u0000`)) {
		return errMalformed
	}
	var rest json.RawMessage
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if d.Decode(into) != nil || d.Decode(&rest) != io.EOF {
		return errMalformed
	}
	return nil
}
