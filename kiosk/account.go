package kiosk

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// accountView is an account as its owner sees it.
type accountView struct {
	deskHead
	Login    string
	Home     string // where the account works
	Shortest int    // letters of a password
	Changed  bool   // the password just was
	Refused  *deskAlert
	Sessions []sessionLine
	Calendar bool // the account has appointments of its own
}

// sessionLine is one of an account's sessions.
type sessionLine struct {
	ID      string
	Browser string // as people call it, "" unknown
	Address string
	Began   time.Time
	Seen    time.Time
	Locked  bool
	Own     bool // the one that asks
}

// linkView asks for a new password by a one-time link.
type linkView struct {
	Page
	Secret   string
	Login    string
	Shortest int
	Refused  *deskAlert
}

func (s *Server) accountRoutes() {
	s.desk(http.MethodGet, "/account", access.OwnAccount, s.account)
	s.desk(http.MethodPost, "/account/password", access.OwnAccount, s.changePassword)
	s.desk(http.MethodPost, "/account/sessions", access.OwnAccount, s.endOwnSession)
	s.handle(http.MethodGet, "/password/:secret", access.SeePublic, s.passwordPage)
	s.handle(http.MethodPost, "/password/:secret", access.SeePublic, s.setPassword)
}

func (s *Server) account(c echo.Context, v visitor) error {
	return s.showAccount(c, v, nil)
}

func (s *Server) showAccount(c echo.Context, v visitor, refused *fault.Error) error {
	ctx, status := c.Request().Context(), http.StatusOK
	view := accountView{
		deskHead: deskHead{Page: page(deskLanguage(c)), User: v.user.Name, Manage: v.may(access.Manage), Diary: v.may(access.SeeDiary)},
		Login:    v.user.Login, Home: home(v.user), Shortest: access.ShortestPassword, Changed: c.QueryParam("changed") != "",
		Calendar: v.may(access.MakeFeeds) && v.actsAsOfficer(),
	}
	if refused != nil {
		view.Refused, status = refusal(view.Lang, refused), int(refused.Kind)
		retryAfter(c.Response().Header(), refused)
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		zone, err := zoneOf(ctx, tx, v.user)
		if err != nil {
			return err
		}
		sessions, err := access.Sessions(ctx, tx, v.user.ID)
		for _, session := range sessions {
			view.Sessions = append(view.Sessions, sessionLineOf(session, v.session, zone))
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.render(c, status, "desk/account", view)
}

// zoneOf is the zone in which an account reads times: that of its first office, or of the first there is.
func zoneOf(ctx context.Context, tx *store.Tx, u access.User) (*time.Location, error) {
	all, err := territory.List(ctx, tx)
	for _, t := range all {
		for _, o := range t.Offices {
			if u.In(t.ID, o.ID) {
				return o.Zone(), err
			}
		}
	}
	return time.UTC, err
}

func sessionLineOf(session access.Session, own string, zone *time.Location) sessionLine {
	return sessionLine{
		ID: session.ID, Browser: browserOf(session.From.Agent), Address: session.From.Address,
		Began: session.Began.In(zone), Seen: session.Seen.In(zone), Locked: session.Locked, Own: session.ID == own,
	}
}

// changePassword sets the password of who gives the old one; the other sessions of the account end.
func (s *Server) changePassword(c echo.Context, v visitor) error {
	form := posted(c)
	err := access.ChangePassword(c.Request().Context(), s.db, v.user, form.Get("old"), form.Get("new"), v.token, from(c))
	return s.afterAccount(c, v, err, "/account?changed=1")
}

// endOwnSession ends another session of the account, or all others.
func (s *Server) endOwnSession(c echo.Context, v visitor) error {
	ctx, id := c.Request().Context(), posted(c).Get("session")
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if id == "" {
			return access.RevokeSessions(ctx, tx, v.user.ID, v.token, v.by())
		}
		return access.RevokeSession(ctx, tx, v.user.ID, id, v.by())
	})
	return s.afterAccount(c, v, err, "/account")
}

func (s *Server) afterAccount(c echo.Context, v visitor, err error, then string) error {
	if f := (*fault.Error)(nil); errors.As(err, &f) {
		return s.showAccount(c, v, f)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, then)
}

// passwordPage is where a one-time link leads.
func (s *Server) passwordPage(c echo.Context, _ visitor) error {
	ctx := c.Request().Context()
	view := linkView{Page: page(deskLanguage(c)), Secret: c.Param("secret"), Shortest: access.ShortestPassword}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		u, err := access.UserOfLink(ctx, tx, view.Secret)
		view.Login = u.Login
		return err
	})
	if err != nil {
		return err
	}
	return s.show(c, "desk/password", view)
}

// setPassword uses the link. It signs nobody in: who has set a password shows that they know it.
func (s *Server) setPassword(c echo.Context, _ visitor) error {
	u, err := access.UseLink(c.Request().Context(), s.db, c.Param("secret"), posted(c).Get("new"))
	if f := (*fault.Error)(nil); errors.As(err, &f) && u.ID != "" {
		view := linkView{
			Page: page(deskLanguage(c)), Secret: c.Param("secret"), Login: u.Login, Shortest: access.ShortestPassword,
			Refused: refusal(deskLanguage(c), f),
		}
		return s.render(c, int(f.Kind), "desk/password", view)
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/sign-in?login="+u.Login)
}
