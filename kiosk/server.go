// Package kiosk is the web server: every screen and the JSON API. It is the only package that knows
// echo.
//
// A handler parses, asks the domain for one thing in one transaction, and renders; it holds no SQL
// and no rule. What goes wrong is returned and becomes an answer in one place (errors.go). Pages are
// parsed at boot in every language, so a broken page cannot ship.
package kiosk

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"sportello/internal/access"
	"sportello/internal/live"
	"sportello/internal/store"
	"sportello/static"
)

// Options is what a server is made of.
type Options struct {
	DB      *store.DB
	Log     *slog.Logger
	BaseURL string // how others reach this server, without a final slash; phones scan it
	Speech  *Speech
	Demo    []DemoDoor // shown on the front page; only for demonstrations
}

// DemoDoor is a way into a demonstration: an address to open and whom to be there.
type DemoDoor struct {
	Office, Path, Login, Password string
}

// Server serves every surface.
type Server struct {
	db      *store.DB
	hub     *live.Hub
	log     *slog.Logger
	baseURL string
	speech  *Speech
	demo    []DemoDoor
	pages   pages
	echo    *echo.Echo

	pictures sync.Map // office → *queue.Picture, the last one made
}

// New builds a server; it fails when a page does not parse.
func New(o Options) (*Server, error) {
	parsed, err := parsePages()
	if err != nil {
		return nil, err
	}
	s := &Server{db: o.DB, log: o.Log, baseURL: strings.TrimSuffix(o.BaseURL, "/"), speech: o.Speech, demo: o.Demo, pages: parsed}
	s.hub = live.New(s.build, s.versions, o.Log)
	o.DB.OnCommit(s.hub.Changed)
	s.echo = echo.New()
	s.echo.HTTPErrorHandler = s.fail
	s.echo.IPExtractor = echo.ExtractIPDirect()
	s.echo.Use(s.logged, middleware.Recover(), secured, refuseForeign, middleware.BodyLimit("64K"))
	s.echo.GET("/static/*", echo.WrapHandler(static.Handler()))
	s.echo.GET("/healthz", func(c echo.Context) error { return c.String(http.StatusOK, "ok\n") })
	s.lobbyRoutes()
	s.boardRoutes()
	s.phoneRoutes()
	s.deskRoutes()
	s.publicRoutes()
	s.apiRoutes()
	return s, nil
}

// Handler answers every request.
func (s *Server) Handler() http.Handler { return s.echo }

// Live keeps what screens show up to date until ctx ends.
func (s *Server) Live(ctx context.Context) error { return s.hub.Run(ctx) }

// handle registers a handler that only those with the permission reach.
func (s *Server) handle(method, path string, may access.Permission, h func(c echo.Context, v visitor) error) {
	s.echo.Add(method, path, func(c echo.Context) error {
		v, err := s.visitor(c)
		if err != nil {
			return err
		}
		if err := v.must(may); err != nil {
			return err
		}
		return h(c, v)
	})
}

// secured sets what a browser must know before it renders anything.
func secured(next echo.HandlerFunc) echo.HandlerFunc {
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
		"connect-src 'self'; media-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin") // with no-referrer browsers send forms over plain HTTP with "Origin: null", as another site would
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if !strings.HasPrefix(c.Request().URL.Path, "/static/") {
			h.Set("Cache-Control", "no-store")
		}
		return next(c)
	}
}

// refuseForeign refuses what another site's page sends here with this site's cookies.
func refuseForeign(next echo.HandlerFunc) echo.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return func(c echo.Context) error {
		if err := protection.Check(c.Request()); err != nil {
			return errForeign
		}
		return next(c)
	}
}

// logged writes one line for each request: route template, never the address with its tokens.
func (s *Server) logged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		id := store.NewID()
		c.Response().Header().Set("X-Request-Id", id)
		began := s.db.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		level := slog.LevelDebug
		if c.Response().Status >= http.StatusInternalServerError {
			level = slog.LevelError
		}
		s.log.Log(c.Request().Context(), level, "request", "id", id, "method", c.Request().Method, "route", c.Path(),
			"status", c.Response().Status, "ms", s.db.Now().Sub(began).Milliseconds())
		return nil
	}
}

// reachable reports whether phones can open the server's base address: it has a host and that is
// not this machine's own.
func (s *Server) reachable() bool {
	u, err := url.Parse(s.baseURL)
	if err != nil || u.Hostname() == "" {
		return false
	}
	host := u.Hostname()
	return host != "localhost" && !strings.HasPrefix(host, "127.") && host != "::1"
}
