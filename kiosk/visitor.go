package kiosk

import (
	"errors"
	"net/http"
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

// visitor is who sent a request: a member of staff, a device, or anyone.
type visitor struct {
	user   access.User
	locked bool
	seen   time.Time // when the session was last used
	device access.Device
	token  string // of the session
}

// role is what the visitor is allowed by.
func (v visitor) role() access.Role {
	switch {
	case v.user.ID != "":
		return v.user.Role
	case v.device.ID != "":
		return v.device.Role()
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
	}
	return "citizen"
}

// actsAsOfficer reports whether the account stands for an officer: ids of officers are those of a
// territory, so an account of all of them stands for nobody.
func (v visitor) actsAsOfficer() bool { return v.user.Officer != "" && v.user.Territory != "" }

func (v visitor) must(p access.Permission) error {
	switch {
	case v.role().May(p) && v.locked && p != access.SeePublic:
		return errLocked
	case v.role().May(p):
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
	ctx, path := c.Request().Context(), c.Request().URL.Path
	kind := deviceKind(path)
	if bearer, ok := strings.CutPrefix(c.Request().Header.Get("Authorization"), "Bearer "); ok {
		return s.deviceBy(c, bearer)
	}
	if kind != "" {
		return s.deviceBy(c, cookie(c, cookieDevice+kind))
	}
	token := cookie(c, cookieSession)
	if token == "" {
		if strings.HasPrefix(path, "/api/") {
			for _, kind := range []access.DeviceKind{access.Kiosk, access.Board} {
				if v, err := s.deviceBy(c, cookie(c, cookieDevice+string(kind))); err == nil && v.device.ID != "" {
					return v, nil
				}
			}
		}
		return visitor{}, nil
	}
	var session access.Session
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		session, err = access.SessionOf(ctx, tx, token)
		return err
	})
	if errors.Is(err, access.ErrSignIn) {
		return visitor{}, nil // a session that has ended is nobody's
	}
	return visitor{user: session.User, locked: session.Locked, seen: session.Seen, token: token}, err
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

func cookie(c echo.Context, name string) string {
	found, err := c.Cookie(name)
	if err != nil {
		return ""
	}
	return found.Value
}

// setCookie gives the browser a secret that scripts cannot read. A zero age deletes it.
func (s *Server) setCookie(c echo.Context, name, value string, age time.Duration) {
	cookie := &http.Cookie{
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.baseURL, "https://"), MaxAge: int(age.Seconds()),
	}
	if age == 0 {
		cookie.MaxAge = -1
	}
	c.SetCookie(cookie)
}
