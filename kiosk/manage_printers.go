package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/spool"
	"sportello/queue"
)

const (
	jobsWithin      = 24 * time.Hour // in which jobs that went wrong are counted
	jobsPerPage     = 20
	printersAtOnce  = 200 // of the offices of a page
	longestPrinter  = 120 // letters of its name
	folderOnServer  = "file:"
	cableOnServer   = "escpos+dev:"
	printersSection = "printers"
)

// printersView lists printers by office.
type printersView struct {
	manageHead
	Text    string // searched for
	Offices []officePrinters
	Pages   numbered
	Any     bool // there is an office to add to
}

type officePrinters struct {
	ID, Name string
	Printers []printerLine
}

type printerLine struct {
	ID, Name, Address         string
	State                     userState
	Seen                      string
	Open, Unconfirmed, Failed int
}

// printerView is a printer to be added or edited, with its last jobs.
type printerView struct {
	manageHead
	manageForm
	printerLine
	Title         string
	Rev           int64
	OfficeID      string // "" not chosen yet
	OfficeName    string
	OfficeChoices []deskChoice // to choose among; none when there is no choice
	Checked       string
	Jobs          []jobLine
	First, Next   string // addresses of other jobs, "" none
}

type jobLine struct {
	What, At, Settled string
	State             userState
	Detail            string // why, "" nothing to say
}

func (s *Server) printerRoutes() {
	s.manage(http.MethodGet, "/manage/printers", access.ManageDevices, s.printers)
	s.manage(http.MethodGet, "/manage/printers/new", access.ManageDevices, s.newPrinter)
	s.manage(http.MethodPost, "/manage/printers/new", access.ManageDevices, s.addPrinter)
	s.manage(http.MethodGet, "/manage/printers/:id", access.ManageDevices, s.printer)
	s.manage(http.MethodPost, "/manage/printers/:id", access.ManageDevices, s.editPrinter)
	s.manage(http.MethodPost, "/manage/printers/:id/check", access.ManageDevices, s.checkPrinter)
	s.manage(http.MethodPost, "/manage/printers/:id/test", access.ManageDevices, s.testPrinter)
	s.step("/manage/printers/:id/remove", manageStep{
		may: access.ManageDevices, section: printersSection, words: "manage.printer.remove", danger: true,
		subject: printerSubject, do: removePrinter, then: "/manage/printers",
	})
}

func (s *Server) printers(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := printersView{manageHead: m.head(c, printersSection), Text: strings.TrimSpace(c.QueryParam("q")), Any: len(m.offices) > 0}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		with, err := spool.OfficesOfPrinters(ctx, tx, view.Text)
		if err != nil {
			return err
		}
		var offices []*territory.Office
		offices, view.Pages = cut(c, m.found(view.Text, with), officesPerPage)
		at := make(map[string]int)
		for i, o := range offices {
			at[o.ID] = i
			view.Offices = append(view.Offices, officePrinters{ID: o.ID, Name: o.Name})
		}
		all, err := listPrinters(ctx, tx, m, offices)
		for _, p := range all {
			i := at[p.Office]
			if !names(offices[i], view.Text) && !hasWords(view.Text, p.Name, p.URI) {
				continue
			}
			view.Offices[i].Printers = append(view.Offices[i].Printers, m.printerLine(offices[i], p))
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.show(c, "manage/printers", view)
}

func listPrinters(ctx context.Context, tx *store.Tx, m *console, offices []*territory.Office) ([]spool.Listed, error) {
	ids := make([]string, len(offices))
	for i, o := range offices {
		ids[i] = o.ID
	}
	return spool.ListPrinters(ctx, tx, spool.Listing{Offices: ids, Since: m.now.Add(-jobsWithin), Limit: printersAtOnce})
}

func (m *console) printerLine(o *territory.Office, p spool.Listed) printerLine {
	return printerLine{
		ID: p.ID, Name: p.Name, Address: p.URI, State: m.condition(p.Condition), Seen: m.since(p.SeenAt, o.Zone()),
		Open: p.Open, Unconfirmed: p.Unconfirmed, Failed: p.Failed,
	}
}

// condition is how a printer is, in words.
func (m *console) condition(c spool.Condition) userState {
	tone := "danger"
	switch {
	case c == spool.Unknown:
		tone = "off"
	case c == spool.NearEnd:
		tone = "warning"
	case c.Prints():
		tone = "success"
	}
	return userState{tone, m.text("manage.printer.state." + string(c))}
}

func (s *Server) newPrinter(c echo.Context, m *console) error {
	p := spool.Printer{}
	if o := m.askedOffice(c); o != nil {
		p.Office = o.ID
	}
	return s.showPrinter(c, m, p, p, nil)
}

// showPrinter shows the form of a printer as it was typed, or read, and its last jobs.
func (s *Server) showPrinter(c echo.Context, m *console, p, stored spool.Printer, refused error) error {
	ctx := c.Request().Context()
	words := func(p spool.Printer) map[string]string { return map[string]string{"name": p.Name, "uri": p.URI} }
	form, status, err := m.formOf(c, refused, words(p), words(stored))
	if err != nil {
		return err
	}
	view := printerView{manageHead: m.head(c, printersSection), manageForm: form, Rev: p.Rev, Title: m.text("manage.printer.new")}
	o, err := m.office(p.Office)
	if err == nil {
		view.OfficeID, view.OfficeName = o.ID, o.Name
		view.printerLine = m.printerLine(o, spool.Listed{Printer: p})
	}
	if p.ID == "" {
		view.OfficeChoices = m.officeChoices(p.Office)
		return s.render(c, status, "manage/printer", view)
	}
	view.Title, view.Checked = stored.Name, m.moment(p.CheckedAt, o.Zone())
	err = s.db.View(ctx, func(tx *store.Tx) error { return view.read(ctx, tx, c, m, o) })
	if err != nil {
		return err
	}
	return s.render(c, status, "manage/printer", view)
}

// read fills in the jobs of a printer, the newest first.
func (v *printerView) read(ctx context.Context, tx *store.Tx, c echo.Context, m *console, o *territory.Office) error {
	before, _ := strconv.ParseInt(c.QueryParam("before"), 10, 64)
	jobs, err := spool.Jobs(ctx, tx, v.ID, max(before, 0), jobsPerPage+1)
	if err != nil {
		return err
	}
	path := "/manage/printers/" + v.ID
	if before > 0 {
		v.First = path
	}
	if len(jobs) > jobsPerPage {
		v.Next = path + "?" + url.Values{"before": {strconv.FormatInt(jobs[jobsPerPage-1].Seq, 10)}}.Encode()
	}
	for _, j := range jobs[:min(len(jobs), jobsPerPage)] {
		line := jobLine{
			What: m.text("manage.job.test"), At: m.moment(j.CreatedAt, o.Zone()), Settled: m.moment(j.SettledAt, o.Zone()), State: m.jobState(j.State),
		}
		if j.Detail != "" {
			line.Detail = m.worded("manage.job.detail."+j.Detail, m.worded("manage.printer.state."+j.Detail, j.Detail))
		}
		if key, named := jobNames[j.Kind]; named {
			line.What = m.text(key)
		}
		if id, ok := strings.CutPrefix(j.Subject, "ticket:"); ok {
			t, err := queue.ByID(ctx, tx, id)
			if err != nil && fault.Code(err) == "" {
				return err
			}
			line.What = m.text("manage.audit.ticket", "number", t.Label())
		}
		v.Jobs = append(v.Jobs, line)
	}
	return nil
}

// jobNames are the keys of what jobs are called that say nothing of whom they are for.
var jobNames = map[string]string{spool.KindReceipt: "manage.job.receipt", spool.KindForm: "manage.job.form"}

func (m *console) jobState(state spool.State) userState {
	tone := "off"
	switch state {
	case spool.Printed:
		tone = "success"
	case spool.Unconfirmed, spool.Expired:
		tone = "warning"
	case spool.Failed:
		tone = "danger"
	}
	return userState{tone, m.text("manage.job.state." + string(state))}
}

// onServer reports whether a printer is a folder or a cable of the machine that the server runs on.
func onServer(uri string) bool {
	uri = strings.ToLower(uri)
	return strings.HasPrefix(uri, folderOnServer) || strings.HasPrefix(uri, cableOnServer)
}

// typedPrinter takes what a form says of a printer. The machine that the server runs on belongs to no
// territory: only those who reach all of them name a folder or a cable of it.
func (m *console) typedPrinter(form url.Values, p *spool.Printer) error {
	before := p.URI
	p.Name, p.URI = strings.TrimSpace(form.Get("name")), strings.TrimSpace(form.Get("uri"))
	switch {
	case p.Name == "" || utf8.RuneCountInString(p.Name) > longestPrinter:
		return fault.New(fault.Invalid, "name_invalid")
	case onServer(p.URI) && p.URI != before && m.user.Territory != "":
		return errFolder
	}
	return nil
}

func (s *Server) addPrinter(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	p := spool.Printer{Office: posted(c).Get("office")}
	if _, err := m.office(p.Office); err != nil {
		return err
	}
	err := m.typedPrinter(posted(c), &p)
	if err == nil {
		added := p
		added.ID = store.NewID()
		err = s.db.Update(ctx, func(tx *store.Tx) error {
			if err := recordPrinter(ctx, tx, m, "add", added); err != nil {
				return err
			}
			return spool.AddPrinter(ctx, tx, added)
		})
		if err == nil {
			return c.Redirect(http.StatusSeeOther, done("/manage/printers/"+added.ID, "printer.add"))
		}
	}
	return s.showPrinter(c, m, p, p, err)
}

// recordPrinter writes what was done to a printer into the audit.
func recordPrinter(ctx context.Context, tx *store.Tx, m *console, what string, p spool.Printer) error {
	return audit.Record(ctx, tx, audit.Entry{
		Scope: audit.System, Actor: m.by(), Action: "printer." + what, Subject: "printer:" + p.ID, Detail: map[string]any{"office": p.Office},
	})
}

// printerReached returns a printer of an office that the reader reaches.
func printerReached(ctx context.Context, tx *store.Tx, m *console, id string) (spool.Printer, error) {
	p, err := spool.PrinterByID(ctx, tx, id)
	if fault.Code(err) == "unknown_printer" {
		return spool.Printer{}, errNoPrinter
	}
	if err != nil {
		return spool.Printer{}, err
	}
	if _, err := m.office(p.Office); err != nil {
		return spool.Printer{}, err
	}
	return p, nil
}

func printerSubject(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
	p, err := printerReached(ctx, tx, m, id)
	return stepSubject{p.Name, "/manage/printers/" + id}, err
}

func (s *Server) readPrinter(c echo.Context, m *console) (p spool.Printer, err error) {
	ctx := c.Request().Context()
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		p, err = printerReached(ctx, tx, m, c.Param("id"))
		return err
	})
	return p, err
}

func (s *Server) printer(c echo.Context, m *console) error {
	p, err := s.readPrinter(c, m)
	if err != nil {
		return err
	}
	return s.showPrinter(c, m, p, p, nil)
}

// editPrinter changes a printer, as editUser an account. The line in the audit comes first: those who
// write one follow one another, so that what is read then is as nobody changes it any more.
func (s *Server) editPrinter(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	now, err := s.readPrinter(c, m)
	if err != nil {
		return err
	}
	typed := now
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if err := recordPrinter(ctx, tx, m, "edit", now); err != nil {
			return err
		}
		if now, err = printerReached(ctx, tx, m, now.ID); err != nil {
			return err
		}
		typed = now
		if err := m.typedPrinter(posted(c), &typed); err != nil {
			return err
		}
		if typed.Rev, err = parseRev(posted(c).Get("rev")); err != nil {
			return err
		}
		if typed.Rev != now.Rev {
			return access.ErrEdited
		}
		return spool.AddPrinter(ctx, tx, typed)
	})
	if err != nil {
		if errors.Is(err, access.ErrEdited) {
			typed.Rev = now.Rev
		}
		return s.showPrinter(c, m, typed, now, err)
	}
	return c.Redirect(http.StatusSeeOther, done("/manage/printers", "printer.edit"))
}

// checkPrinter asks a printer how it is, which takes a few seconds at most.
func (s *Server) checkPrinter(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	p, err := s.readPrinter(c, m)
	if err != nil {
		return err
	}
	found, why := spool.Check(ctx, p)
	if why != nil {
		s.log.Info("printer checked", "printer", p.ID, "condition", found, "error", why)
	}
	if err := s.db.Update(ctx, func(tx *store.Tx) error { return spool.Note(ctx, tx, p.ID, found) }); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, done("/manage/printers/"+p.ID, "printer.check"))
}

// testPrinter has a printer print a page that shows all that tickets need. The paper is Italian.
func (s *Server) testPrinter(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	paper := console{lang: page("").Lang}
	id := c.Param("id")
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := printerReached(ctx, tx, m, id)
		if err != nil {
			return err
		}
		o, err := m.office(p.Office)
		if err != nil {
			return err
		}
		sheet := printouts.TestPage{
			Title: paper.text("manage.printer.paper.title"), Check: paper.text("manage.printer.paper.check"), Office: o.Name, At: tx.Now.In(o.Zone()), URL: s.baseURL,
		}
		if _, err := spool.EnqueueTest(ctx, tx, p, sheet); err != nil {
			return err
		}
		return recordPrinter(ctx, tx, m, "test", p)
	})
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, done("/manage/printers/"+id, "printer.test"))
}

func removePrinter(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	p, err := printerReached(ctx, tx, m, id)
	if err != nil {
		return nil, err
	}
	if err := spool.RemovePrinter(ctx, tx, id); err != nil {
		return nil, err
	}
	return nil, recordPrinter(ctx, tx, m, "remove", p)
}

// tellPrinters tells of printers that print nothing, or soon will not.
func tellPrinters(ctx context.Context, tx *store.Tx, m *console) (string, []homeAlert, error) {
	offices := m.looked()
	all, err := listPrinters(ctx, tx, m, offices)
	var alerts []homeAlert
	for _, p := range all {
		o, err := m.office(p.Office)
		if err != nil || p.Condition == spool.Unknown || p.Condition == spool.OK {
			continue
		}
		text := m.text("manage.home.printer", "name", p.Name, "office", o.Name, "state", m.condition(p.Condition).Text)
		alerts = append(alerts, homeAlert{text, "/manage/printers/" + p.ID})
	}
	return m.text("manage.home.printers", "n", len(all)), alerts, err
}
