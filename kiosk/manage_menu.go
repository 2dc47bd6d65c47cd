package kiosk

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/static"
)

// menuView is the kiosk's menu of an office as citizens see it now, in one language.
type menuView struct {
	manageHead
	Title, Back string
	Languages   []deskChoice
	In          string // the language shown
	RTLMenu     bool
	Needs       []menuNeed
	Left        []menuService // what no need leads to: only the search finds it
}

type menuNeed struct {
	Name, Path string
	Services   []menuService
}

type menuService struct{ Name, Status, Path string }

func (s *Server) menuRoutes() {
	s.manage(http.MethodGet, "/manage/offices/:id/menu", access.EditTerritory, s.menu)
}

// menu previews the kiosk's menu: each need with what it leads to at the office.
func (s *Server) menu(c echo.Context, m *console) error {
	o, t, err := m.officeNamed(c)
	if err != nil {
		return err
	}
	p, err := s.picture(c.Request().Context(), o.ID)
	if err != nil {
		return err
	}
	shown := page(c.QueryParam("in"))
	view := menuView{
		manageHead: m.head(c, "offices"), Title: m.text("manage.preview.title", "office", o.Name), In: shown.Lang, RTLMenu: shown.RTL,
		Back: "/manage/offices/" + t.ID + ":" + o.ID,
	}
	for _, l := range static.Languages() {
		view.Languages = append(view.Languages, deskChoice{l.Code, static.Text(l.Code, "language.own"), l.Code == shown.Lang})
	}
	f := frame{Page: shown}
	line := func(service *territory.Service) menuService {
		choice := f.choice(p, service)
		return menuService{choice.Name, choice.Status, "/manage/services/" + t.ID + ":" + service.ID}
	}
	led := map[string]bool{}
	for _, need := range t.Needs {
		n := menuNeed{Name: named(need.Name, shown.Lang), Path: "/manage/needs/" + t.ID + ":" + need.ID}
		for _, service := range current(o, need.Services, p.Day) {
			led[service.ID] = true
			n.Services = append(n.Services, line(service))
		}
		if len(n.Services) > 0 {
			view.Needs = append(view.Needs, n)
		}
	}
	for _, id := range o.Services {
		if service, ok := t.Service(id); ok && !led[id] && service.Offered(p.Day) {
			view.Left = append(view.Left, line(service))
		}
	}
	return s.show(c, "manage/menu", view)
}
