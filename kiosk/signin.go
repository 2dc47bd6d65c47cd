package kiosk

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue"
)

// signInView is the page that asks for login and password, or behind a locked screen only for the
// password.
type signInView struct {
	Page
	User    string // name of whose screen is locked
	Login   string // as it was typed
	Then    string // the page that was asked for, "" for where the account works
	Refused *deskAlert
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
	s.handle(http.MethodGet, "/sign-out", access.OwnAccount, s.signOutPage)
	s.handle(http.MethodPost, "/sign-out", access.SeePublic, s.signOut)
}

func (s *Server) signInPage(c echo.Context, v visitor) error {
	view := signInView{Page: page(deskLanguage(c)), Login: c.QueryParam("login"), Then: within(c.QueryParam("then"))}
	if v.locked {
		view.User = v.user.Name
		return s.show(c, "desk/locked", view)
	}
	if v.may(access.OwnAccount) {
		return c.Redirect(http.StatusSeeOther, cmp.Or(view.Then, home(v.user)))
	}
	return s.show(c, "desk/sign-in", view)
}

// home is where an account works.
func home(u access.User) string {
	switch {
	case u.Role == access.Officer || u.Role.May(access.WorkDesk) && u.Officer != "":
		return "/desk"
	case u.Role.May(access.Manage):
		return "/manage"
	case u.Role.May(access.SeeQueue):
		return "/desk"
	}
	return "/account"
}

// within returns a page of staff that a sign-in may lead to, "" for any other address: a link to the
// sign-in must lead nowhere else.
func within(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || path.Clean(u.Path) != u.Path {
		return ""
	}
	for _, surface := range []string{"/desk", "/manage", "/account"} {
		if u.Path == surface || strings.HasPrefix(u.Path, surface+"/") {
			return address
		}
	}
	return ""
}

// signIn gives the browser a session; one that it had ends.
func (s *Server) signIn(c echo.Context, v visitor) error {
	form := posted(c)
	return s.begin(c, v, form.Get("login"), "desk/sign-in", signInView{Login: form.Get("login"), Then: within(form.Get("then"))})
}

// unlock asks whoever locked the screen, or left it alone, for the password again.
func (s *Server) unlock(c echo.Context, v visitor) error {
	if v.user.ID == "" {
		return c.Redirect(http.StatusSeeOther, "/sign-in")
	}
	return s.begin(c, v, v.user.Login, "desk/locked", signInView{User: v.user.Name, Then: within(posted(c).Get("then"))})
}

// begin replaces the visitor's session by a new one, or shows the page again with why not.
func (s *Server) begin(c echo.Context, v visitor, login, name string, view signInView) error {
	token, u, err := access.SignIn(c.Request().Context(), s.db, login, posted(c).Get("password"), v.token, from(c))
	var f *fault.Error
	if errors.As(err, &f) {
		view.Page = page(deskLanguage(c))
		view.Refused = refusal(view.Lang, f)
		retryAfter(c.Response().Header(), f)
		return s.render(c, int(f.Kind), name, view)
	}
	if err != nil {
		return err
	}
	s.setCookie(c, cookieSession, token, access.SessionLife)
	return c.Redirect(http.StatusSeeOther, cmp.Or(view.Then, home(u)))
}

// lock locks the screen at once; the desk goes on.
func (s *Server) lock(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	if v.token != "" {
		if err := s.db.Update(ctx, func(tx *store.Tx) error { return access.Lock(ctx, tx, v.token) }); err != nil {
			return err
		}
	}
	address := "/sign-in"
	if then := within(posted(c).Get("then")); then != "" {
		address += "?" + url.Values{"then": {then}}.Encode()
	}
	return c.Redirect(http.StatusSeeOther, address)
}

// signOutPage tells who still sits at a desk what signing out means.
func (s *Server) signOutPage(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	view := signOutView{deskHead: deskHead{Page: page(deskLanguage(c)), User: v.user.Name, Manage: v.may(access.Manage), Diary: v.may(access.SeeDiary)}}
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
