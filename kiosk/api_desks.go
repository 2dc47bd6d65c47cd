package kiosk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/queue"
	"sportello/queue/rule"
	"sportello/static"
)

// deskJSON is a desk as programs get it.
type deskJSON struct {
	ID      string      `json:"id"`
	State   string      `json:"state"` // open, paused or closed
	Officer *string     `json:"officer"`
	Ticket  *ticketJSON `json:"ticket"`
	HeldFor *heldJSON   `json:"held_for"`
}

// heldJSON is the joint appointment that a desk waits for, with others.
type heldJSON struct {
	Ticket string   `json:"ticket"` // its id
	Number string   `json:"number"`
	Until  *string  `json:"until"`
	With   []string `json:"with"`
}

const deskClosed = "closed"

// answerDesk answers with a desk as it now is.
func (s *Server) answerDesk(c echo.Context, v visitor, status int, office, desk string) error {
	ctx := c.Request().Context()
	p, err := s.picture(ctx, office)
	if err != nil {
		return err
	}
	out := deskJSON{ID: desk, State: deskClosed}
	d, atWork := p.Desk(desk)
	if !atWork {
		return c.JSON(status, out)
	}
	out.State, out.Officer = string(d.State), &d.Officer
	if d.Ticket != "" {
		t, err := s.seen(ctx, byID(d.Ticket), v.sight)
		if err != nil {
			return err
		}
		out.Ticket = &t
	}
	if h, held := p.Held(desk); held {
		t, _ := p.Ticket(h.Ticket)
		others := slices.DeleteFunc(slices.Clone(h.With), func(id string) bool { return id == desk })
		out.HeldFor = &heldJSON{Ticket: t.ID, Number: t.Label(), Until: stamp(h.Until, p.Office.Zone()), With: append([]string{}, others...)}
	}
	return c.JSON(status, out)
}

// A seatStep is something that the visitor does at the desk at.
type seatStep[B any] func(ctx context.Context, tx *store.Tx, v visitor, at queue.Seat, body B) error

// apiDesk answers with the desk of the path after a step there.
func apiDesk[B any](s *Server, do seatStep[B]) func(c echo.Context, v visitor) error {
	return func(c echo.Context, v visitor) error {
		var body B
		if err := decode(c, &body); err != nil {
			return err
		}
		at := queue.Seat{Office: c.Param("office"), Desk: c.Param("desk"), By: v.by()}
		made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (access.Made, error) {
			return access.Made{Status: http.StatusOK, ID: at.Desk}, do(ctx, tx, v, at, body)
		})
		if err != nil {
			return err
		}
		return s.answerDesk(c, v, made.Status, at.Office, at.Desk)
	}
}

// sits refuses what only the officer at the desk may do.
func sits(ctx context.Context, tx *store.Tx, v visitor, at queue.Seat) error {
	seat, seated, err := queue.SeatOf(ctx, tx, v.user.ID)
	switch {
	case err != nil:
		return err
	case !seated:
		return errNoDesk
	case seat.Office != at.Office || seat.Desk != at.Desk:
		return errDenied
	}
	return nil
}

type openBody struct {
	Services []string `json:"services"` // none: all that the officer may serve
}

// openSeat opens a desk, or ends its pause.
func openSeat(ctx context.Context, tx *store.Tx, v visitor, at queue.Seat, body openBody) error {
	if _, err := reached(ctx, tx, v, at.Office); err != nil {
		return err
	}
	if !v.actsAsOfficer() {
		return errNoOfficer
	}
	d, err := queue.OpenDesk(ctx, tx, at, v.user.ID, v.user.Officer, body.Services)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(body.Services, func(id string) bool { return !slices.Contains(d.Services, id) }) {
		return wrongs{{Name: "services", Code: fieldValue}}.invalid()
	}
	return nil
}

type pauseBody struct {
	Reason string    `json:"reason"`
	BackAt time.Time `json:"back_at"` // zero: not said
}

func (b *pauseBody) check(w *wrongs) {
	w.need("reason", b.Reason)
	w.among("reason", b.Reason, pauseReasons)
}

func pauseSeat(ctx context.Context, tx *store.Tx, v visitor, at queue.Seat, body pauseBody) error {
	if err := sits(ctx, tx, v, at); err != nil {
		return err
	}
	if !body.BackAt.IsZero() && !body.BackAt.After(tx.Now) {
		return wrongs{{Name: "back_at", Code: fieldPast}}.invalid()
	}
	_, err := queue.PauseDesk(ctx, tx, at, body.Reason, body.BackAt)
	return err
}

func closeSeat(ctx context.Context, tx *store.Tx, v visitor, at queue.Seat, _ nothing) error {
	if err := sits(ctx, tx, v, at); err != nil {
		return err
	}
	return queue.CloseDesk(ctx, tx, at)
}

func helpSeat(ctx context.Context, tx *store.Tx, v visitor, at queue.Seat, _ nothing) error {
	if err := sits(ctx, tx, v, at); err != nil {
		return err
	}
	_, err := queue.AskHelp(ctx, tx, at)
	return err
}

// called is what came of a call for the next, as it is kept for its key.
type called struct {
	Ticket string      `json:"ticket"`
	Why    rule.Reason `json:"why"`
	With   []string    `json:"with"`
}

// nextJSON is who was called, why, and with which other desks.
type nextJSON struct {
	Ticket ticketJSON `json:"ticket"`
	Reason reasonJSON `json:"reason"`
	With   []string   `json:"with"`
}

type reasonJSON struct {
	Code rule.Reason `json:"code"`
	Text string      `json:"text"`
}

// apiNext calls the next ticket. That there was nobody is kept too: who asks again under the same key
// does not call whoever has come since.
func (s *Server) apiNext(c echo.Context, v visitor) error {
	var body nothing
	if err := decode(c, &body); err != nil {
		return err
	}
	at := queue.Seat{Office: c.Param("office"), Desk: c.Param("desk"), By: v.by()}
	made, err := s.once(c, v, body, func(ctx context.Context, tx *store.Tx) (access.Made, error) {
		if err := sits(ctx, tx, v, at); err != nil {
			return access.Made{}, err
		}
		call, err := queue.CallNext(ctx, tx, at)
		if err != nil {
			return access.Made{}, err
		}
		text, err := json.Marshal(called{call.Ticket.ID, call.Ticket.Why, append([]string{}, call.Desks[1:]...)})
		return access.Made{Status: http.StatusOK, ID: string(text)}, err
	})
	if errors.Is(err, queue.ErrNobody) { // which left the office as it was, and its screens
		made, err = s.once(c, v, body, func(context.Context, *store.Tx) (access.Made, error) {
			return access.Made{Status: http.StatusNoContent}, nil
		})
	}
	if err != nil {
		return err
	}
	if made.Status == http.StatusNoContent {
		return c.NoContent(made.Status)
	}
	var call called
	if err := json.Unmarshal([]byte(made.ID), &call); err != nil {
		return err
	}
	t, err := s.seen(c.Request().Context(), byID(call.Ticket), v.sight)
	if err != nil {
		return err
	}
	reason := reasonJSON{call.Why, static.Text(language(c), "desk.why."+string(call.Why))}
	return c.JSON(made.Status, nextJSON{t, reason, call.With})
}
