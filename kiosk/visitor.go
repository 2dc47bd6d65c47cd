package kiosk

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// The cookies. A browser may be several devices at once, as on a demonstration's one machine.
const (
	cookieSession = "sportello_session"
	cookieDevice  = "sportello_" // + kiosk, board
)

var (
	errForeign = fault.New(fault.Denied, "foreign_request")
	errSignIn  = fault.New(fault.SignIn, "sign_in")
	errLocked  = fault.New(fault.SignIn, "locked")
	errDenied  = fault.New(fault.Denied, "not_allowed")
	errOffice  = fault.New(fault.Denied, "other_office")
)

// visitor is who sent a request: a member of staff, a device, a program, or anyone.
type visitor struct {
	user    access.User
	locked  bool
	seen    time.Time // when the session was last used
	device  access.Device
	program access.Program
	token   string // of the session
	session string // id of the session
}

// role is what the visitor is allowed by.
func (v visitor) role() access.Role {
	switch {
	case v.user.ID != "":
		return v.user.Role
	case v.device.ID != "":
		return v.device.Role()
	case v.program.ID != "":
		return access.ProgramRole
	}
	return access.Anyone
}

// by names the visitor in the audit.
func (v visitor) by() string {
	switch {
	case v.user.ID != "":
		return "user:" + v.user.ID
	case v.device.ID != "":
		return "device:" + v.device.ID
	case v.program.ID != "":
		return "program:" + v.program.ID
	}
	return "citizen"
}

// may reports whether the visitor has a permission, whatever else stands in the way.
func (v visitor) may(p access.Permission) bool {
	if v.program.ID != "" {
		return v.program.May(p)
	}
	return v.role().May(p)
}

// in reports whether the visitor reaches an office of a territory.
func (v visitor) in(territory, office string) bool {
	switch {
	case v.user.ID != "":
		return v.user.In(territory, office)
	case v.program.ID != "":
		return v.program.In(territory, office)
	}
	return v.device.ID != "" && v.device.Office == office
}

// actsAsOfficer reports whether the account stands for an officer: ids of officers are those of a
// territory, so an account of all of them stands for nobody.
func (v visitor) actsAsOfficer() bool { return v.user.Officer != "" && v.user.Territory != "" }

func (v visitor) must(p access.Permission) error {
	switch {
	case v.may(p) && v.locked && !access.Anyone.May(p):
		return errLocked
	case v.may(p):
		return nil
	case v.role() == access.Anyone && (p == access.UseKiosk || p == access.ShowBoard):
		return access.ErrDevice
	case v.role() == access.Anyone:
		return errSignIn
	}
	return errDenied
}

// visitor finds out who sent a request. Kiosk and board pages go by the device's cookie, everything
// else by the session's; programs and agents send a bearer token.
func (s *Server) visitor(c echo.Context) (visitor, error) {
	path := c.Request().URL.Path
	kind := deviceKind(path)
	if bearer, ok := strings.CutPrefix(c.Request().Header.Get(echo.HeaderAuthorization), "Bearer "); ok {
		if access.IsProgramToken(bearer) {
			return s.programBy(c, bearer)
		}
		return s.deviceBy(c, bearer)
	}
	if kind != "" {
		token := s.cookie(c, cookieDevice+kind)
		v, err := s.deviceBy(c, token)
		if err == nil && v.device.ID != "" && dayOf(v.device.Seen) != dayOf(s.db.Now()) {
			s.setCookie(c, cookieDevice+kind, token, deviceCookieLife) // anew each day: browsers keep none for longer
		}
		return v, err
	}
	token := s.cookie(c, cookieSession)
	if token == "" {
		if strings.HasPrefix(path, "/api/") {
			for _, kind := range []access.DeviceKind{access.Kiosk, access.Board} {
				if v, err := s.deviceBy(c, s.cookie(c, cookieDevice+string(kind))); err == nil && v.device.ID != "" {
					return v, nil
				}
			}
		}
		return visitor{}, nil
	}
	return s.staffBy(c, token)
}

// longestAgent is how many bytes of a program's name for itself are kept.
const longestAgent = 256

// dayOf is the day of an instant in UTC.
func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// from is where a request comes from.
func from(c echo.Context) access.From {
	agent := c.Request().UserAgent()
	agent = strings.ReplaceAll(strings.ToValidUTF8(agent[:min(len(agent), longestAgent)], ""), "\x00", "")
	return access.From{Address: network(c.RealIP()), Agent: agent}
}

// network is an address as far as it tells one household or office from another: of IPv6 the first 64
// bits, behind which there are more addresses than can be counted and browsers change theirs daily.
func network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if ip = ip.Unmap().WithZone(""); ip.Is4() {
		return ip.String()
	}
	return netip.PrefixFrom(ip, 64).Masked().String()
}

func (s *Server) staffBy(c echo.Context, token string) (visitor, error) {
	ctx := c.Request().Context()
	var session access.Session
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		session, err = access.SessionOf(ctx, tx, token, from(c))
		return err
	})
	if errors.Is(err, access.ErrSignIn) {
		return visitor{}, nil // a session that has ended is nobody's
	}
	if err == nil && session.Elsewhere {
		err = s.db.Update(ctx, func(tx *store.Tx) error { return access.LockElsewhere(ctx, tx, token, session) })
	}
	return visitor{user: session.User, locked: session.Locked, seen: session.Seen, token: token, session: session.ID}, err
}

func (s *Server) deviceBy(c echo.Context, token string) (visitor, error) {
	if token == "" {
		return visitor{}, nil
	}
	ctx := c.Request().Context()
	var v visitor
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		v.device, err = access.DeviceOf(ctx, tx, token)
		return err
	})
	switch {
	case err != nil:
		return visitor{}, err
	case !v.device.SameProgram(from(c)):
		err = s.db.Update(ctx, func(tx *store.Tx) error { return access.RefuseElsewhere(ctx, tx, v.device) })
		return visitor{}, errors.Join(access.ErrDevice, err)
	case s.db.Now().Sub(v.device.Seen) >= access.TouchEvery:
		err = s.db.Update(ctx, func(tx *store.Tx) error { return access.SeeDevice(ctx, tx, v.device, from(c)) })
	}
	return v, err
}

func (s *Server) programBy(c echo.Context, token string) (visitor, error) {
	ctx := c.Request().Context()
	var v visitor
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		v.program, err = access.ProgramOf(ctx, tx, token)
		return err
	})
	if err == nil && s.db.Now().Sub(v.program.Seen) >= access.TouchEvery {
		err = s.db.Update(ctx, func(tx *store.Tx) error { return access.SeeProgram(ctx, tx, v.program) })
	}
	return v, err
}

// deviceKind says which device's cookie a page goes by, "" for none.
func deviceKind(path string) string {
	for _, kind := range []string{string(access.Kiosk), string(access.Board)} {
		if path == "/"+kind || strings.HasPrefix(path, "/"+kind+"/") {
			return kind
		}
	}
	return ""
}

// secure reports whether browsers reach this server by HTTPS only.
func (s *Server) secure() bool { return strings.HasPrefix(s.baseURL, "https://") }

// cookieName is a cookie's name as browsers know it: with HTTPS the prefix has them take it from this
// very host alone (RFC 6265bis, section 4.1.3), so that no neighbour can plant a session.
func (s *Server) cookieName(name string) string {
	if s.secure() {
		return "__Host-" + name
	}
	return name
}

func (s *Server) cookie(c echo.Context, name string) string {
	found, err := c.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return found.Value
}

// setCookie gives the browser a secret that scripts cannot read. A zero age deletes it.
func (s *Server) setCookie(c echo.Context, name, value string, age time.Duration) {
	cookie := &http.Cookie{
		Name: s.cookieName(name), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: s.secure(), MaxAge: int(age.Seconds()),
	}
	if age == 0 {
		cookie.MaxAge = -1
	}
	c.SetCookie(cookie)
}
