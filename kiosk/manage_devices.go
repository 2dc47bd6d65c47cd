package kiosk

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/printouts/spool"
)

// unseenAfter is how long a device may be silent while its office is open before somebody should look.
const unseenAfter = 10 * time.Minute

// officesPerPage is how many offices a list of devices or printers shows.
const officesPerPage = 8

// devicesView lists devices by office.
type devicesView struct {
	manageHead
	Text    string // searched for
	Offices []officeDevices
	Pages   numbered
	Any     bool // there is an office to add to
}

type officeDevices struct {
	ID, Name string
	Devices  []deviceLine
}

type deviceLine struct {
	ID, Name, Kind    string // key of the kind
	State             userState
	Seen              string
	Address, Software string
	Printer           string    // name
	Paper             userState // how its printer is
}

// deviceView is a device to be added or edited.
type deviceView struct {
	manageHead
	manageForm
	deviceLine
	Title          string
	Rev            int64
	Kinds          []deskChoice
	OfficeID       string // "" not chosen yet
	OfficeName     string
	OfficeChoices  []deskChoice // to choose among; none when there is no choice
	PrinterChoices []deskChoice
	Fallbacks      []deskChoice
	Enrolled       bool
}

func (s *Server) deviceRoutes() {
	s.manage(http.MethodGet, "/manage/devices", access.ManageDevices, s.devices)
	s.manage(http.MethodGet, "/manage/devices/new", access.ManageDevices, s.newDevice)
	s.manage(http.MethodPost, "/manage/devices/new", access.ManageDevices, s.addDevice)
	s.manage(http.MethodGet, "/manage/devices/:id", access.ManageDevices, s.device)
	s.manage(http.MethodPost, "/manage/devices/:id", access.ManageDevices, s.editDevice)
	for name, step := range map[string]manageStep{
		"code":   {words: "manage.device.code", do: s.newCode},
		"revoke": {words: "manage.device.revoke", danger: true, do: revokeDevice},
		"remove": {words: "manage.device.remove", danger: true, do: removeDevice, then: "/manage/devices"},
	} {
		step.may, step.section, step.subject = access.ManageDevices, "devices", deviceSubject
		s.step("/manage/devices/:id/"+name, step)
	}
}

func (s *Server) devices(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := devicesView{manageHead: m.head(c, "devices"), Text: strings.TrimSpace(c.QueryParam("q")), Any: len(m.offices) > 0}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		with, err := access.OfficesOfDevices(ctx, tx, view.Text)
		if err != nil {
			return err
		}
		var offices []*territory.Office
		offices, view.Pages = cut(c, m.found(view.Text, with), officesPerPage)
		for _, o := range offices {
			devices, err := access.Devices(ctx, tx, o.ID)
			if err != nil {
				return err
			}
			printers, err := spool.Printers(ctx, tx, o.ID)
			if err != nil {
				return err
			}
			at := officeDevices{ID: o.ID, Name: o.Name}
			for _, d := range devices {
				if names(o, view.Text) || hasWords(view.Text, d.Name) {
					at.Devices = append(at.Devices, m.deviceLine(o, d, printers))
				}
			}
			view.Offices = append(view.Offices, at)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.show(c, "manage/devices", view)
}

// found are the offices looked at whose name or address has the words of a search, or that are among
// others, in which something was found.
func (m *console) found(text string, others []string) []*territory.Office {
	return slices.DeleteFunc(m.looked(), func(o *territory.Office) bool { return !names(o, text) && !slices.Contains(others, o.ID) })
}

// names reports whether a search is for an office, or for nothing.
func names(o *territory.Office, text string) bool { return hasWords(text, o.Name, o.Address) }

func (m *console) deviceLine(o *territory.Office, d access.Device, printers []spool.Printer) deviceLine {
	line := deviceLine{
		ID: d.ID, Name: d.Name, Kind: "manage.kind." + string(d.Kind), State: m.deviceState(o, d),
		Seen: m.since(d.Seen, o.Zone()), Address: d.From.Address, Software: softwareOf(d.From.Agent),
	}
	for _, p := range printers {
		if p.ID == d.Printer {
			line.Printer, line.Paper = p.Name, m.condition(p.Condition)
		}
	}
	return line
}

func (m *console) deviceState(o *territory.Office, d access.Device) userState {
	switch {
	case d.Code.After(m.now):
		return userState{"warning", m.text("manage.device.state.code", "time", d.Code.In(o.Zone()).Format("15:04"))}
	case d.Enrolled.IsZero():
		return userState{"off", m.text("manage.device.state.not_enrolled")}
	case unseen(o, d, m.now):
		return userState{"danger", m.text("manage.device.state.unseen")}
	}
	return userState{"success", m.text("manage.device.state.enrolled")}
}

// unseen reports whether an enrolled device has been silent for too long in an office that is open.
func unseen(o *territory.Office, d access.Device, now time.Time) bool {
	if d.Enrolled.IsZero() || now.Sub(d.Seen) < unseenAfter {
		return false
	}
	for _, span := range o.Calendar.Open(o.Today(now), "", "") {
		if !now.Before(span.From.Add(unseenAfter)) && now.Before(span.Until) {
			return true
		}
	}
	return false
}

// officeChoices are the offices that the account may name in a form; none when there is no choice.
func (m *console) officeChoices(chosen string) []deskChoice {
	if len(m.offices) < 2 {
		return nil
	}
	all := make([]deskChoice, len(m.offices))
	for i, o := range m.offices {
		all[i] = deskChoice{o.ID, o.Name, o.ID == chosen}
	}
	return all
}

// askedOffice is the office that a form's address asks for, else the one looked at; nil for none.
func (m *console) askedOffice(c echo.Context) *territory.Office {
	if o, err := m.office(c.QueryParam("office")); err == nil {
		return o
	}
	if looked := m.looked(); len(looked) == 1 {
		return looked[0]
	}
	return nil
}

func (s *Server) newDevice(c echo.Context, m *console) error {
	d := access.Device{Kind: access.Kiosk}
	if o := m.askedOffice(c); o != nil {
		d.Office = o.ID
	}
	return s.showDevice(c, m, d, d, nil)
}

// showDevice shows the form of a device as it was typed, or read.
func (s *Server) showDevice(c echo.Context, m *console, d, stored access.Device, refused error) error {
	ctx := c.Request().Context()
	var printers []spool.Printer
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		printers, err = spool.Printers(ctx, tx, d.Office)
		return err
	})
	if err != nil {
		return err
	}
	named := func(id string) string {
		for _, p := range printers {
			if p.ID == id {
				return p.Name
			}
		}
		return m.text("manage.device.printer.none")
	}
	words := func(d access.Device) map[string]string {
		return map[string]string{"name": d.Name, "printer": named(d.Printer), "fallback": named(d.Fallback)}
	}
	form, status, err := m.formOf(c, refused, words(d), words(stored))
	if err != nil {
		return err
	}
	view := deviceView{manageHead: m.head(c, "devices"), manageForm: form, Rev: d.Rev, Title: m.text("manage.device.new"), Enrolled: !d.Enrolled.IsZero()}
	if o, err := m.office(d.Office); err == nil {
		view.OfficeID, view.OfficeName, view.deviceLine = o.ID, o.Name, m.deviceLine(o, d, printers)
	}
	if d.ID == "" {
		view.OfficeChoices = m.officeChoices(d.Office)
	} else {
		view.Title = stored.Name
	}
	for _, kind := range access.DeviceKinds {
		view.Kinds = append(view.Kinds, deskChoice{string(kind), m.text("manage.kind." + string(kind)), kind == d.Kind})
	}
	for _, p := range printers {
		view.PrinterChoices = append(view.PrinterChoices, deskChoice{p.ID, p.Name, p.ID == d.Printer})
		view.Fallbacks = append(view.Fallbacks, deskChoice{p.ID, p.Name, p.ID == d.Fallback})
	}
	return s.render(c, status, "manage/device", view)
}

// typedDevice takes what a form says of a device; its printers must be two of the device's office.
func typedDevice(ctx context.Context, tx *store.Tx, c echo.Context, d *access.Device) error {
	form := posted(c)
	d.Name, d.Printer, d.Fallback = form.Get("name"), form.Get("printer"), form.Get("fallback")
	printers, err := spool.Printers(ctx, tx, d.Office)
	if err != nil {
		return err
	}
	for _, id := range []string{d.Printer, d.Fallback} {
		if id != "" && !slices.ContainsFunc(printers, func(p spool.Printer) bool { return p.ID == id }) {
			return errPrinter
		}
	}
	if d.Fallback != "" && (d.Printer == "" || d.Printer == d.Fallback) {
		return errFallback
	}
	return nil
}

func (s *Server) addDevice(c echo.Context, m *console) error {
	ctx, form := c.Request().Context(), posted(c)
	d := access.Device{Office: form.Get("office"), Kind: access.DeviceKind(form.Get("kind"))}
	if _, err := m.office(d.Office); err != nil {
		return err
	}
	id := store.NewID()
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if err := typedDevice(ctx, tx, c, &d); err != nil {
			return err
		}
		added := d
		added.ID = id
		return access.AddDevice(ctx, tx, added, "", m.by())
	})
	if err != nil {
		return s.showDevice(c, m, d, d, err)
	}
	return c.Redirect(http.StatusSeeOther, done("/manage/devices/"+id+"/code", "device.add"))
}

// deviceReached returns a device of an office that the reader reaches.
func deviceReached(ctx context.Context, tx *store.Tx, m *console, id string) (access.Device, error) {
	d, err := access.DeviceByID(ctx, tx, id)
	if err != nil {
		return access.Device{}, err
	}
	if _, err := m.office(d.Office); err != nil {
		return access.Device{}, err
	}
	return d, nil
}

func deviceSubject(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
	d, err := deviceReached(ctx, tx, m, id)
	return stepSubject{d.Name, "/manage/devices/" + id}, err
}

func (s *Server) device(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	var d access.Device
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		d, err = deviceReached(ctx, tx, m, c.Param("id"))
		return err
	})
	if err != nil {
		return err
	}
	return s.showDevice(c, m, d, d, nil)
}

// editDevice changes a device, as editUser an account.
func (s *Server) editDevice(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	var typed, now access.Device
	err := s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if now, err = deviceReached(ctx, tx, m, c.Param("id")); err != nil {
			return err
		}
		typed = now
		if err := typedDevice(ctx, tx, c, &typed); err != nil {
			return err
		}
		if typed.Rev, err = parseRev(posted(c).Get("rev")); err != nil {
			return err
		}
		return access.EditDevice(ctx, tx, typed, m.by())
	})
	switch {
	case now.ID == "":
		return err
	case err != nil:
		if errors.Is(err, access.ErrEdited) {
			typed.Rev = now.Rev
		}
		return s.showDevice(c, m, typed, now, err)
	}
	return c.Redirect(http.StatusSeeOther, done("/manage/devices", "device.edit"))
}

// newCode makes a one-time code, which is shown once.
func (s *Server) newCode(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	d, err := deviceReached(ctx, tx, m, id)
	if err != nil {
		return nil, err
	}
	code, until, err := access.NewCode(ctx, tx, id, m.by())
	if err != nil {
		return nil, err
	}
	o, err := m.office(d.Office)
	if err != nil {
		return nil, err
	}
	how := m.text("manage.device.code.where", "address", s.baseURL+"/enrol")
	if d.Kind == access.PrintAgent {
		how = m.text("manage.device.code.agent")
	}
	return &secretView{
		Text: how, Value: code,
		Notes: []string{
			m.text("manage.device.code.until", "time", until.In(o.Zone()).Format("15:04")),
			m.text("manage.device.code.tries", "n", access.CodeTries),
			m.text("manage.secret.once"),
		},
	}, nil
}

func revokeDevice(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	return nil, access.RevokeDevice(ctx, tx, id, m.by())
}

func removeDevice(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	return nil, access.RemoveDevice(ctx, tx, id, m.by())
}
