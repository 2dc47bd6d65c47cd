package kiosk

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/queue"
)

// signInView is the page that asks for login and password, or behind a locked screen only for the
// password.
type signInView struct {
	Page
	User  string // name of whose screen is locked
	Login string // as it was typed
	Wrong bool
}

// signOutView asks what becomes of the desk.
type signOutView struct {
	deskHead
	Ticket string // label of the one at the desk, which is to be settled first
}

func (s *Server) signInRoutes() {
	s.handle(http.MethodGet, "/sign-in", access.SeePublic, s.signInPage)
	s.handle(http.MethodPost, "/sign-in", access.SeePublic, s.signIn)
	s.handle(http.MethodPost, "/unlock", access.SeePublic, s.unlock)
	s.handle(http.MethodPost, "/lock", access.SeePublic, s.lock)
	s.handle(http.MethodGet, "/sign-out", access.SeeQueue, s.signOutPage)
	s.handle(http.MethodPost, "/sign-out", access.SeePublic, s.signOut)
}

func (s *Server) signInPage(c echo.Context, v visitor) error {
	view := signInView{Page: page(deskLanguage(c)), Login: c.QueryParam("login")}
	if v.locked {
		view.User = v.user.Name
		return s.show(c, "desk/locked", view)
	}
	if v.role().May(access.SeeQueue) {
		return toDesk(c, nil)
	}
	return s.show(c, "desk/sign-in", view)
}

// signIn gives the browser a session; one that it had ends.
func (s *Server) signIn(c echo.Context, v visitor) error {
	form := posted(c)
	view := signInView{Page: page(deskLanguage(c)), Login: form.Get("login"), Wrong: true}
	err := s.begin(c, v, view.Login, form.Get("password"))
	if errors.Is(err, access.ErrSignIn) {
		return s.render(c, http.StatusUnauthorized, "desk/sign-in", view)
	}
	if err != nil {
		return err
	}
	return toDesk(c, nil)
}

// unlock asks whoever locked the screen, or left it alone, for the password again.
func (s *Server) unlock(c echo.Context, v visitor) error {
	if v.user.ID == "" {
		return c.Redirect(http.StatusSeeOther, "/sign-in")
	}
	form := posted(c)
	err := s.begin(c, v, v.user.Login, form.Get("password"))
	if errors.Is(err, access.ErrSignIn) {
		view := signInView{Page: page(deskLanguage(c)), User: v.user.Name, Wrong: true}
		return s.render(c, http.StatusUnauthorized, "desk/locked", view)
	}
	if err != nil {
		return err
	}
	return toDesk(c, nil)
}

// begin replaces the visitor's session by a new one.
func (s *Server) begin(c echo.Context, v visitor, login, password string) error {
	ctx := c.Request().Context()
	token, _, err := access.SignIn(ctx, s.db, login, password, v.token)
	if err != nil {
		return err
	}
	s.setCookie(c, cookieSession, token, access.SessionLife)
	return nil
}

// lock locks the screen at once; the desk goes on.
func (s *Server) lock(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	if v.token != "" {
		if err := s.db.Update(ctx, func(tx *store.Tx) error { return access.Lock(ctx, tx, v.token) }); err != nil {
			return err
		}
	}
	return c.Redirect(http.StatusSeeOther, "/sign-in")
}

// signOutPage tells who still sits at a desk what signing out means.
func (s *Server) signOutPage(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	view := signOutView{deskHead: deskHead{Page: page(deskLanguage(c)), User: v.user.Name}}
	var seat queue.Seat
	var sits bool
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		seat, sits, err = queue.SeatOf(ctx, tx, v.user.ID)
		return err
	})
	if err != nil {
		return err
	}
	if sits {
		p, err := s.picture(ctx, seat.Office)
		if err != nil {
			return err
		}
		r := deskReader{lang: view.Lang, p: p, desk: seat.Desk}
		view.Office, view.Desk = p.Office.Name, r.deskName(seat.Desk)
		if t := ticketAt(p, seat.Desk); t.ID != "" {
			view.Ticket = t.Label()
		}
	}
	return s.show(c, "desk/sign-out", view)
}

// signOut ends the session. Who sits at a desk closes it with the same step, and is asked first.
func (s *Server) signOut(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	form := posted(c)
	ask := false
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		seat, sits, err := queue.SeatOf(ctx, tx, v.user.ID)
		if err != nil {
			return err
		}
		if sits && !v.locked {
			if form.Get("close") == "" {
				ask = true
				return nil
			}
			seat.By = v.by()
			if err := queue.CloseDesk(ctx, tx, seat); err != nil {
				return err
			}
		}
		return access.SignOut(ctx, tx, v.token)
	})
	if err != nil {
		return s.refuse(c, v, err)
	}
	if ask {
		return c.Redirect(http.StatusSeeOther, "/sign-out")
	}
	s.setCookie(c, cookieSession, "", 0)
	return c.Redirect(http.StatusSeeOther, "/sign-in")
}
