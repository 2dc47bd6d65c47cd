package kiosk

import (
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

// explainView says what stands in the way of a start.
type explainView struct {
	diaryHead
	Groups    []serviceGroup
	ServiceID string
	Day, Time string
	Channel   string
	Channels  []deskChoice
	Asked     bool
	Free      bool
	When      string
	Service   string
	Obstacles []obstacleLine
	Book      string // address, when it is free
}

// obstacleLine is one thing in the way: for which institution, who, and what.
type obstacleLine struct{ Institution, Who, What, Hint string }

func (s *Server) explainPage(c echo.Context, d *diarist) error {
	view := &explainView{
		diaryHead: d.head(c, "explain"), ServiceID: c.QueryParam("service"), Time: c.QueryParam("time"), Channel: c.QueryParam("channel"),
		Day: dateIn(c, "day", d.today()).String(), Groups: d.services(c.QueryParam("service")),
	}
	if view.Channel == "" {
		view.Channel = string(territory.Staff)
	}
	for _, channel := range []territory.Channel{territory.Staff, territory.Online, territory.Kiosk} {
		view.Channels = append(view.Channels, deskChoice{
			Value: string(channel), Text: d.text("diary.channel." + string(channel)), Chosen: string(channel) == view.Channel,
		})
	}
	err := s.explain(c, d, view)
	alert, status, err := refusedWith(c, d.lang, err)
	if err != nil {
		return err
	}
	view.Alert = alert
	return s.render(c, status, "diary/explain", view)
}

// explain finds out what stands in the way, when a service and a time are asked for.
func (s *Server) explain(c echo.Context, d *diarist, view *explainView) error {
	at, err := timetable.ParseClock(view.Time)
	if view.ServiceID == "" || view.Time == "" {
		return nil
	}
	if err != nil {
		return errTime
	}
	service, err := d.service(view.ServiceID)
	if err != nil {
		return err
	}
	start := dateIn(c, "day", d.today()).At(at, d.office.Zone())
	ctx := c.Request().Context()
	var found []timetable.Obstacle
	q := booking.Query{Office: d.office.ID, Service: service.ID, Channel: territory.Channel(view.Channel)}
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		found, err = booking.Explain(ctx, tx, q, start)
		return err
	})
	if err != nil {
		return err
	}
	view.Asked, view.Free, view.When, view.Service = true, len(found) == 0, d.moment(start), serviceName(service, d.lang)
	if view.Free && view.MayEdit {
		view.Book = d.address("/desk/diary/book", "service", service.ID, "start", start.Format(time.RFC3339))
	}
	for _, o := range found {
		view.Obstacles = append(view.Obstacles, d.obstacle(o, service, q.Channel))
	}
	return nil
}

// obstacle tells in words what keeps a channel from a start.
func (d *diarist) obstacle(o timetable.Obstacle, service *territory.Service, by territory.Channel) obstacleLine {
	key := "diary.explain." + string(o.Code)
	window := service.Window(by)
	line := obstacleLine{
		What: d.text(key), Hint: d.text(key+".hint", "step", stepAsked(service), "minutes", service.Minutes, "lead", window.LeadMinMinutes, "days", window.LeadMaxDays),
	}
	if i, ok := d.office.Territory.Institution(o.Institution); ok {
		line.Institution = i.Name
	}
	if o.Who != "" {
		line.Who = d.officerName(o.Who)
		for _, room := range d.office.Rooms {
			if o.Code == timetable.ByRoom && room.ID == o.Who {
				line.Who = room.Name
			}
		}
	}
	return line
}

// stepAsked is how many minutes lie between the starts of a service.
func stepAsked(s *territory.Service) int {
	if s.Step == 0 {
		return s.Minutes
	}
	return s.Step
}
