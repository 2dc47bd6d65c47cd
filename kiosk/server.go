// Package kiosk is the web server: every screen and the JSON API. It is the only package that knows
// echo.
//
// A handler parses, asks the domain for one thing in one transaction, and renders; it holds no SQL
// and no rule. What goes wrong is returned and becomes an answer in one place (errors.go). Pages are
// parsed at boot in every language, so a broken page cannot ship.
package kiosk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
	"golang.org/x/sync/singleflight"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/internal/access"
	"sportello/internal/live"
	"sportello/internal/store"
	"sportello/printouts/pdf"
	"sportello/static"
)

// Options is what a server is made of.
type Options struct {
	DB      *store.DB
	Log     *slog.Logger
	BaseURL string // how others reach this server, without a final slash; phones scan it
	Speech  *Speech
	Data    string     // folder whose disk is watched; "" none
	Demo    []DemoDoor // shown on the front page; only for demonstrations
	// Proxies are the networks of the reverse proxies whose word on who asks is taken
	// (X-Forwarded-For); without any, who connects is who asks.
	Proxies []netip.Prefix
	Key     booking.Key // of the installation, by which persons are told apart
	// CleanPDF is pdf.Clean, as it is done with files of others; nil: pdf.Clean itself.
	CleanPDF func(ctx context.Context, file []byte) ([]byte, []pdf.Page, error)
	// Calendars reads external calendars; nil is one that goes to the public internet alone.
	Calendars *calendar.Reader
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
	key     booking.Key
	clean   func(ctx context.Context, file []byte) ([]byte, []pdf.Page, error)
	pages   pages
	echo    *echo.Echo

	calendars *calendar.Reader

	pictures sync.Map           // office → *queue.Picture, the last one made
	making   singleflight.Group // pictures, by office and version
	holds    sync.Map           // kiosk → token of the start that is held for who stands there
	cards    cards              // that kiosks have read

	limits  *limits
	rights  rights // of streams' readers, when they change
	health  health
	metrics *metrics

	pulse  time.Duration // of streams
	ending chan struct{} // closed when streams are to end
	end    func()        // closes it, once
}

// New builds a server; it fails when a page does not parse.
func New(o Options) (*Server, error) {
	parsed, err := parsedPages()
	if err != nil {
		return nil, err
	}
	s := &Server{db: o.DB, log: o.Log, baseURL: strings.TrimSuffix(o.BaseURL, "/"), speech: o.Speech, demo: o.Demo, key: o.Key, pages: parsed, calendars: o.Calendars}
	if s.calendars == nil {
		s.calendars = &calendar.Reader{DB: o.DB, Log: o.Log, Key: o.Key, Guard: calendar.NewGuard()}
	}
	s.pulse, s.ending = streamPulse, make(chan struct{})
	s.end = sync.OnceFunc(func() { close(s.ending) })
	if s.clean = o.CleanPDF; s.clean == nil {
		s.clean = func(_ context.Context, file []byte) ([]byte, []pdf.Page, error) { return pdf.Clean(file) }
	}
	s.hub = live.New(s.build, s.versions, o.Log)
	s.limits = newLimits()
	s.health.data, s.metrics = o.Data, newMetrics(o.DB, o.Data)
	o.DB.OnCommit(s.hub.Changed)
	o.DB.OnCommit(s.rights.changed)
	foreign, err := refuseForeign(s.baseURL)
	if err != nil {
		return nil, err
	}
	s.echo = echo.New()
	s.echo.HTTPErrorHandler = s.fail
	s.echo.IPExtractor = whoAsks(o.Proxies)
	s.echo.Use(s.logged, s.recovered(), s.secured, foreign, refuseGarbled)
	s.echo.Use(limitBodies()...)
	s.echo.GET("/static/*", echo.WrapHandler(static.Handler()))
	s.operationRoutes()
	s.lobbyRoutes()
	s.lobbyBookRoutes()
	s.lobbyArriveRoutes()
	s.lobbyCardRoutes()
	s.lobbyFormRoutes()
	s.boardRoutes()
	s.phoneRoutes()
	s.deskRoutes()
	s.deskFormRoutes()
	s.appointmentRoutes()
	s.diaryRoutes()
	s.accountRoutes()
	s.manageRoutes()
	s.publicRoutes()
	s.bookRoutes()
	s.feedRoutes()
	s.publicTextRoutes()
	s.textRoutes()
	s.apiRoutes()
	return s, nil
}

// Handler answers every request. HEAD is GET whose body net/http leaves out (RFC 9110, section 9.3.2).
func (s *Server) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			r = r.Clone(r.Context())
			r.Method = http.MethodGet
		}
		s.echo.ServeHTTP(w, r)
	})
}

// Live keeps what screens show up to date until ctx ends.
func (s *Server) Live(ctx context.Context) error { return s.hub.Run(ctx) }

// EndStreams ends the streams that are open and those that would be opened. It is for the end of the
// server: streams last for ever, everything else is to be finished.
func (s *Server) EndStreams() { s.end() }

// Where a request keeps the permission that it needs, and who sent it.
const (
	keyMay     = "may"
	keyVisitor = "visitor"
)

// handle registers a handler that only those with the permission reach. Forms are read before it, so
// that it sees none that cannot be understood.
func (s *Server) handle(method, path string, may access.Permission, h func(c echo.Context, v visitor) error) {
	form := method == http.MethodPost && !strings.HasPrefix(path, "/api/")
	s.echo.Add(method, path, func(c echo.Context) error {
		c.Set(keyMay, may)
		v, err := s.allowed(c)
		if err != nil {
			return err
		}
		if form {
			if err := readForm(c.Request(), path); err != nil {
				return err
			}
		}
		return h(c, v)
	})
}

// allowed finds out who sent a request, and refuses those without the permission that it needs. A
// stream asks again and again.
func (s *Server) allowed(c echo.Context) (visitor, error) {
	v, err := s.visitor(c)
	if err := errors.Join(err, s.limits.allow(c, v, s.db.Now())); err != nil {
		return visitor{}, err
	}
	c.Set(keyVisitor, v)
	may, _ := c.Get(keyMay).(access.Permission)
	return v, v.must(may)
}

// policy is the Content-Security-Policy of every answer: only this server's own files, nothing inline,
// no frames.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; media-src 'self'; worker-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secured sets what a browser must know before it renders anything.
func (s *Server) secured(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		h := c.Response().Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")        // for what does not know frame-ancestors
		h.Set("Referrer-Policy", "same-origin") // with no-referrer browsers send forms over plain HTTP with "Origin: null", as another site would
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		if s.secure() {
			h.Set("Strict-Transport-Security", "max-age=31536000")
		}
		if !strings.HasPrefix(c.Request().URL.Path, "/static/") {
			h.Set("Cache-Control", "no-store")
		}
		return next(c)
	}
}

// refuseForeign refuses what another site's page sends here with this site's cookies. The address under
// which others reach this server is no other site, also where a proxy hides it.
func refuseForeign(base string) (echo.MiddlewareFunc, error) {
	protection := http.NewCrossOriginProtection()
	if base != "" {
		if err := protection.AddTrustedOrigin(base); err != nil {
			return nil, fmt.Errorf("base address: %w", err)
		}
	}
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			if err := protection.Check(c.Request()); err != nil {
				return errForeign
			}
			return next(c)
		}
	}, nil
}

// whoAsks finds the address of who asks: of who connects, or what a trusted proxy says of it.
func whoAsks(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	trust := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		trust = append(trust, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(trust...)
}

// refuseGarbled refuses an address or key that is no text: one database takes such bytes for a value
// like any other, the other for a defect.
func refuseGarbled(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		if !legible(r.URL.Path, r.Header.Get("Idempotency-Key")) || !legibleValues(c.QueryParams()) {
			return errMalformed
		}
		return next(c)
	}
}

// legible reports whether texts are UTF-8 without NUL, which PostgreSQL keeps in no text.
func legible(texts ...string) bool {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return false
		}
	}
	return true
}

func legibleValues(values url.Values) bool {
	for name, all := range values {
		if !legible(name) || !legible(all...) {
			return false
		}
	}
	return true
}

// Reachable reports whether phones can open a base address: it has a host, and that is neither this
// machine's own name for itself nor an address that leads nowhere else.
func Reachable(base string) bool {
	u, err := url.Parse(base)
	if err != nil {
		return false
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Unmap().IsGlobalUnicast()
	}
	numeric := strings.Trim(host, "0123456789.") == "" // also 127.1, which browsers take for 127.0.0.1
	return !numeric && host != "localhost" && !strings.HasSuffix(host, ".localhost")
}
