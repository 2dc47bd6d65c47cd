package kiosk

import (
	"context"
	_ "embed"
	"encoding/json"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/queue"
)

// headerKey names a change: asked for again under the same key, it is not made again.
const headerKey = "Idempotency-Key"

// shortestKey is how many characters a stranger's key has at least: what was made is told to who has the
// key, and of those behind one address each is to have another.
const shortestKey = 16

// openAPI describes every call of the API (OpenAPI 3.1); a test holds it against the server.
//
//go:embed openapi.json
var openAPI []byte

// apiRoutes are the calls of programs; their shapes are promises.
func (s *Server) apiRoutes() {
	const root, office = "/api/v1", "/api/v1/offices/:office"
	const ticket, desk = "/api/v1/tickets/:id", office + "/desks/:desk"
	s.handle(http.MethodGet, root+"/openapi.json", access.SeePublic, func(c echo.Context, _ visitor) error {
		return c.JSONBlob(http.StatusOK, openAPI)
	})
	s.handle(http.MethodPost, root+"/enrol", access.SeePublic, s.apiEnrol)
	s.handle(http.MethodPost, root+"/print-agent/jobs", access.DrivePrinter, s.apiPull)
	s.handle(http.MethodPost, root+"/print-agent/jobs/:id", access.DrivePrinter, s.apiSettle)

	s.handle(http.MethodGet, root+"/offices", access.SeeOffices, s.apiOffices)
	s.handle(http.MethodGet, office+"/services", access.SeeOffices, s.apiServices)
	s.handle(http.MethodGet, office+"/board", access.SeeBoard, s.apiBoard)
	s.handle(http.MethodGet, office+"/events", access.SeeBoard, s.apiEvents)

	s.handle(http.MethodGet, "/api/v1/tickets/:token", access.HoldTicket, s.apiTicket)
	s.handle(http.MethodDelete, "/api/v1/tickets/:token", access.HoldTicket, s.apiLeave)
	s.handle(http.MethodGet, "/api/v1/tickets/:token/events", access.HoldTicket, s.apiTicketEvents)

	s.bookingRoutes(root, office)

	s.act(office+"/tickets", access.IssueTicket, s.apiIssue)
	s.act(root+"/appointments/:token/check-in", access.CheckIn, s.apiCheckIn)
	s.act(ticket+"/call", access.CallChosen, apiStep(s, callStep))
	s.act(ticket+"/recall", access.WorkDesk, apiStep(s, recallStep))
	s.act(ticket+"/start", access.WorkDesk, apiStep(s, plainStep(queue.Start)))
	s.act(ticket+"/finish", access.WorkDesk, apiStep(s, finishStep))
	s.act(ticket+"/no-show", access.WorkDesk, apiStep(s, plainStep(queue.MarkNoShow)))
	s.act(ticket+"/park", access.WorkDesk, apiStep(s, parkStep))
	s.act(ticket+"/resume", access.WorkDesk, apiStep(s, plainStep(queue.Resume)))
	s.act(ticket+"/undo", access.WorkDesk, apiStep(s, plainStep(queue.Undo)))
	s.act(ticket+"/transfer", access.WorkDesk, apiStep(s, transferStep))

	s.act(desk+"/next", access.WorkDesk, s.apiNext)
	s.act(desk+"/open", access.WorkDesk, apiDesk(s, openSeat))
	s.act(desk+"/pause", access.WorkDesk, apiDesk(s, pauseSeat))
	s.act(desk+"/close", access.WorkDesk, apiDesk(s, closeSeat))
	s.act(desk+"/help", access.WorkDesk, apiDesk(s, helpSeat))
}

// act registers a change that somebody asks for, which keeps their screen from being locked.
func (s *Server) act(path string, may access.Permission, h func(c echo.Context, v visitor) error) {
	s.handle(http.MethodPost, path, may, func(c echo.Context, v visitor) error {
		if err := s.touch(c, v); err != nil {
			return err
		}
		return h(c, v)
	})
}

// once makes the change that a request asks for with body, once for its key.
func (s *Server) once(c echo.Context, v visitor, body any, change func(ctx context.Context, tx *store.Tx) (access.Made, error)) (access.Made, error) {
	r := c.Request()
	content, err := json.Marshal(body)
	if err != nil {
		return access.Made{}, err
	}
	key := r.Header.Get(headerKey)
	by, known := asks(c, v)
	if !known && key != "" && len(key) < shortestKey {
		return access.Made{}, wrongs{{Name: headerKey, Code: fieldRange}}.invalid()
	}
	ask := access.Ask{By: by, Key: key, What: []string{r.Method, r.URL.Path, string(content)}}
	var made access.Made
	err = s.db.Update(r.Context(), func(tx *store.Tx) (err error) {
		made, err = access.Once(r.Context(), tx, ask, func() (access.Made, error) { return change(r.Context(), tx) })
		return err
	})
	return made, err
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

// stamp is an instant as programs get it: RFC 3339 with the offset of the office's zone; nil for none.
func stamp(at time.Time, zone *time.Location) *string {
	if at.IsZero() {
		return nil
	}
	text := at.In(zone).Format(time.RFC3339)
	return &text
}
