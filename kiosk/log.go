package kiosk

import (
	"log/slog"
	"net/http"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"sportello/internal/store"
)

// often are the routes that are asked again and again whatever happens: their lines would hide the
// others.
var often = map[string]bool{
	"/static/*": true, "/healthz": true, "/readyz": true, "/metrics": true,
	"/kiosk/alive": true, "/kiosk/ticket/state": true, "/kiosk/worker.js": true, "/board/worker.js": true,
}

// logged writes one line for each request: the route's template, never the address with its tokens,
// and who sent it, by id.
func (s *Server) logged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := store.NewID()
		c.Response().Header().Set("X-Request-Id", id)
		began := s.db.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		by := "" // it did not come so far
		if v, ok := c.Get(keyVisitor).(visitor); ok {
			by = v.by()
		}
		s.log.Log(c.Request().Context(), logLevel(c), "request", "id", id, "method", method(c), "route", c.Path(),
			"status", c.Response().Status, "by", by, "ms", s.db.Now().Sub(began).Milliseconds())
		return nil
	}
}

func logLevel(c echo.Context) slog.Level {
	switch {
	case c.Response().Status >= http.StatusInternalServerError && c.Path() != "/readyz":
		return slog.LevelError
	case often[c.Path()]:
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// method is the request's, if it is one: anything can stand in its place.
func method(c echo.Context) string {
	switch m := c.Request().Method; m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "other"
}

// recovered turns a panic into an error, whose trace goes to the log.
func (s *Server) recovered() echo.MiddlewareFunc {
	return middleware.RecoverWithConfig(middleware.RecoverConfig{
		DisableStackAll: true,
		LogErrorFunc: func(c echo.Context, err error, stack []byte) error {
			s.log.Error("panic", "route", c.Path(), "id", c.Response().Header().Get("X-Request-Id"), "stack", string(stack))
			return err
		},
	})
}
