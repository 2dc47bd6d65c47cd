package kiosk

import (
	"context"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
)

// homeView is the console's first page: what needs attention, a card for each section.
type homeView struct {
	manageHead
	Cards   []homeCard
	Figures bool // the account is there for figures
}

// homeCard is a section and what it has to say.
type homeCard struct {
	manageSection
	Fine   string // how many there are, when nothing needs attention
	Alerts []homeAlert
}

// homeAlert is something that needs attention.
type homeAlert struct{ Text, Path string }

// alertsShown is how many alerts a card shows; the others are counted.
const alertsShown = 4

func (s *Server) manageHome(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := homeView{manageHead: m.head(c, "home"), Figures: m.role() == access.Observer}
	tell := map[string]func(ctx context.Context, tx *store.Tx, m *console) (fine string, alerts []homeAlert, err error){
		"devices": tellDevices, printersSection: tellPrinters, calendarsSection: tellCalendars, "users": tellUsers, "programs": tellPrograms,
		"audit": func(_ context.Context, _ *store.Tx, m *console) (string, []homeAlert, error) {
			return m.text("manage.home.audit"), nil, nil
		},
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		for _, section := range view.Sections {
			if tell[section.Key] == nil {
				continue
			}
			fine, alerts, err := tell[section.Key](ctx, tx, m)
			if err != nil {
				return err
			}
			if more := len(alerts) - alertsShown; more > 0 {
				alerts = append(alerts[:alertsShown], homeAlert{m.text("manage.home.more", "n", more), section.Path})
			}
			view.Cards = append(view.Cards, homeCard{section, fine, alerts})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.show(c, "manage/home", view)
}

func tellDevices(ctx context.Context, tx *store.Tx, m *console) (string, []homeAlert, error) {
	devices, err := access.Devices(ctx, tx, "")
	if err != nil {
		return "", nil, err
	}
	looked := make(map[string]*territory.Office)
	for _, o := range m.looked() {
		looked[o.ID] = o
	}
	count, alerts := 0, []homeAlert(nil)
	for _, d := range devices {
		o := looked[d.Office]
		if o == nil {
			continue
		}
		count++
		if unseen(o, d, m.now) {
			text := m.text("manage.home.device.unseen", "name", d.Name, "office", o.Name, "seen", m.since(d.Seen, o.Zone()))
			alerts = append(alerts, homeAlert{text, "/manage/devices/" + d.ID})
		}
	}
	return m.text("manage.home.devices", "n", count), alerts, nil
}

func tellUsers(ctx context.Context, tx *store.Tx, m *console) (string, []homeAlert, error) {
	ending, err := access.UsersEnding(ctx, tx, m.home(), m.now.Add(soon))
	var alerts []homeAlert
	for _, u := range ending {
		alerts = append(alerts, homeAlert{m.text("manage.home.user.ends", "name", u.Name, "date", m.lastDate(u.Until)), "/manage/users/" + u.ID})
	}
	return m.text("manage.home.users"), alerts, err
}

func tellPrograms(ctx context.Context, tx *store.Tx, m *console) (string, []homeAlert, error) {
	programs, err := access.Programs(ctx, tx, m.home())
	count, alerts := 0, []homeAlert(nil)
	for _, p := range programs {
		if m.spent(p) {
			continue
		}
		count++
		if !p.Until.IsZero() && p.Until.Sub(m.now) < soon {
			alerts = append(alerts, homeAlert{m.text("manage.home.program.ends", "name", p.Name, "date", m.lastDate(p.Until)), "/manage/programs"})
		}
	}
	return m.text("manage.home.programs", "n", count), alerts, err
}
