package kiosk

import (
	"context"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/queue"
	"sportello/static"
)

// What can be said of a step, as codes with words in the message catalogue.
var (
	outcomes       = []string{"done", "to_continue", "sent_on", "not_possible"}
	callReasons    = []string{"quick", "fragile", "agreed", "mistake", "else"}
	parkReasons    = []string{"document", "form", "answer", "else"}
	pauseReasons   = []string{"break", "meeting", "phone", "helping", "else"}
	releaseReasons = []string{"gone", "urgent", "agreed", "else"}
	presentReasons = []string{"officer_late", "officer_absent", "else"}
	stopReasons    = []string{"no_officer", "system_down", "no_places"}
	pauseMinutes   = []int{5, 10, 15, 30, 60}
)

// sheetView is a form that asks something before a step. The work page opens it as a dialog; without
// a script it is a page of its own.
type sheetView struct {
	deskHead
	OfficeID     string
	Ticket       *ticketLine
	Key          string // of a ticket made by hand: sent twice, it is made once
	Reasons      []reasonChoice
	Minutes      []int
	Groups       []serviceGroup
	Services     []deskChoice
	Desks        []deskChoice
	Institutions []deskChoice
	Languages    []deskChoice
	Last         []lastService
	Classes      []string // who has precedence; none: nobody
	Waiting      int      // in the whole office
	Until        string   // when the office closes; "" closed
	Part         string   // name of the institution for which the desk can take the ticket alone; "" none
	Pairs        []freePair
}

// reasonChoice is a reason's code and the key of its words.
type reasonChoice struct{ Code, Key string }

func reasonsOf(step string, codes []string) []reasonChoice {
	all := make([]reasonChoice, len(codes))
	for i, code := range codes {
		all[i] = reasonChoice{code, "desk." + step + ".reason." + code}
	}
	return all
}

// A sheet fills in a form for the desk at which r reads; it reports false when there is nothing to
// ask, as when the ticket has left meanwhile.
type sheet struct {
	may  access.Permission
	fill func(r deskReader, view *sheetView, ticket string) bool
}

// deskSheets are the forms by the last part of their address, which is also that of the step.
var deskSheets = map[string]sheet{
	"services": {access.WorkDesk, func(r deskReader, view *sheetView, _ string) bool {
		view.Groups = r.servable()
		return r.desk != ""
	}},
	"pause": {access.WorkDesk, func(r deskReader, view *sheetView, _ string) bool {
		view.Reasons, view.Minutes, view.Last = reasonsOf("pause", pauseReasons), pauseMinutes, r.lastDesk()
		return r.desk != "" && ticketAt(r.p, r.desk).ID == ""
	}},
	"close": {access.WorkDesk, func(r deskReader, view *sheetView, _ string) bool {
		view.Last = r.lastDesk()
		return r.desk != "" && ticketAt(r.p, r.desk).ID == ""
	}},
	"park": {access.WorkDesk, func(r deskReader, view *sheetView, ticket string) bool {
		view.Reasons = reasonsOf("park", parkReasons)
		return r.about(view, ticket)
	}},
	"transfer": {access.WorkDesk, func(r deskReader, view *sheetView, ticket string) bool {
		view.Services, view.Desks, view.Institutions = r.targets()
		return r.about(view, ticket)
	}},
	"call": {access.CallChosen, func(r deskReader, view *sheetView, ticket string) bool {
		view.Reasons, view.Part = reasonsOf("call", callReasons), r.part(ticket)
		return r.about(view, ticket)
	}},
	"present": {access.WorkDesk, func(r deskReader, view *sheetView, ticket string) bool {
		view.Reasons, view.Part = reasonsOf("present", presentReasons), r.part(ticket)
		return view.Part != "" && r.about(view, ticket)
	}},
	"release": {access.WorkDesk, func(r deskReader, view *sheetView, ticket string) bool {
		view.Reasons = reasonsOf("release", releaseReasons)
		return r.about(view, ticket)
	}},
	"stop": {access.StopService, func(r deskReader, view *sheetView, _ string) bool {
		view.Reasons, view.Services = reasonsOf("stop", stopReasons), r.running()
		return r.desk != ""
	}},
	"walk-in": {access.IssueByHand, func(r deskReader, view *sheetView, _ string) bool {
		view.Key, view.Services, view.Languages = store.NewID(), r.byHand(), ownNames()
		view.Classes = classesOf(r.p.Office.Territory, r.lang)
		return true
	}},
	"end-day": {access.CloseTheDay, func(r deskReader, view *sheetView, _ string) bool {
		view.Waiting, view.Until = len(r.p.Waiting())+len(r.p.In(queue.Parked)), r.closing()
		return r.desk != "" || r.runs
	}},
	"keys": {access.WorkDesk, func(deskReader, *sheetView, string) bool { return true }},
}

func (s *Server) deskSheet(name string, sheet sheet) func(c echo.Context, v visitor) error {
	return func(c echo.Context, v visitor) error {
		r, err := s.reader(c, v)
		if err != nil {
			return err
		}
		view := &sheetView{
			deskHead: deskHead{Page: page(r.lang), User: v.user.Name, Manage: v.may(access.Manage), Diary: v.may(access.SeeDiary), Office: r.p.Office.Name, Desk: r.deskName(r.desk)},
			OfficeID: r.p.Office.ID,
		}
		if !sheet.fill(r, view, c.QueryParam("ticket")) {
			return toDesk(c, nil)
		}
		if name == "walk-in" {
			if view.Pairs, err = s.pairs(c.Request().Context(), v, r); err != nil {
				return err
			}
		}
		return s.show(c, "desk/"+name, view)
	}
}

// reader returns who asks: from the desk where the visitor sits, else about the office named.
func (s *Server) reader(c echo.Context, v visitor) (deskReader, error) {
	return s.readerAt(c, v, c.QueryParam("office"))
}

func (s *Server) readerAt(c echo.Context, v visitor, named string) (deskReader, error) {
	ctx := c.Request().Context()
	r := deskReader{lang: deskLanguage(c), runs: v.role().May(access.RunOffice)}
	var at queue.Seat
	err := s.db.View(ctx, func(tx *store.Tx) error {
		seat, sits, err := queue.SeatOf(ctx, tx, v.user.ID)
		if err != nil {
			return err
		}
		if !sits {
			office, err := reached(ctx, tx, v, named)
			if err != nil {
				return err
			}
			seat.Office = office.ID
		}
		at = seat
		return nil
	})
	if err != nil {
		return r, err
	}
	if r.p, err = s.picture(ctx, at.Office); err != nil {
		return r, err
	}
	r.desk = at.Desk
	d, _ := r.p.Desk(r.desk)
	r.institutions = d.Institutions
	return r, nil
}

// part is the name of the institution for whose part the desk could take a joint ticket alone, "" for
// none.
func (r deskReader) part(ticket string) string {
	t, _ := r.p.Ticket(ticket)
	if id := r.p.Part(r.desk, t); id != "" {
		return r.institutionName(id)
	}
	return ""
}

// about names the ticket that a form is about; it must be one of the office's day.
func (r deskReader) about(view *sheetView, id string) bool {
	t, ok := r.p.Ticket(id)
	if !ok || r.desk == "" {
		return false
	}
	line := r.line(t, t.IssuedAt)
	view.Ticket = &line
	return true
}

// servable are the services that the desk may serve today, those served now chosen.
func (r deskReader) servable() []serviceGroup {
	d, _ := r.p.Desk(r.desk)
	officer, ok := r.p.Office.Territory.Officer(d.Officer)
	if !ok {
		return nil
	}
	return r.grouped(officer, func(id string) bool { return slices.Contains(d.Services, id) })
}

// targets are the services, desks and institutions to which a ticket can go.
func (r deskReader) targets() (services, desks, institutions []deskChoice) {
	for _, o := range r.p.Offers {
		if o.Service.Offered(r.p.Day) {
			services = append(services, deskChoice{Value: o.Service.ID, Text: serviceName(o.Service, r.lang)})
		}
	}
	for _, d := range r.p.Desks {
		if d.ID != r.desk {
			desks = append(desks, deskChoice{Value: d.ID, Text: r.deskName(d.ID)})
		}
	}
	for _, id := range r.p.Office.Institutions {
		if i, ok := r.p.Office.Territory.Institution(id); ok {
			institutions = append(institutions, deskChoice{Value: id, Text: i.Name})
		}
	}
	return services, desks, institutions
}

// running are the services on offer today that staff have not stopped, the reader's own first.
func (r deskReader) running() []deskChoice {
	var own, others []deskChoice
	for _, o := range r.p.Offers {
		stopped := slices.ContainsFunc(r.p.Stops, func(stop queue.Stop) bool { return stop.Service == o.Service.ID })
		if stopped || !o.Service.Offered(r.p.Day) {
			continue
		}
		choice := deskChoice{Value: o.Service.ID, Text: serviceName(o.Service, r.lang)}
		if r.maySee(o.Service.ID) {
			own = append(own, choice)
		} else {
			others = append(others, choice)
		}
	}
	return append(own, others...)
}

// byHand are the services for which staff can make a ticket now.
func (r deskReader) byHand() []deskChoice {
	var all []deskChoice
	for _, o := range r.p.Offers {
		if o.Open || o.Because == queue.Closed || o.Because == queue.NoOfficer || o.Because == queue.NotByTicket {
			all = append(all, deskChoice{Value: o.Service.ID, Text: serviceName(o.Service, r.lang)})
		}
	}
	return all
}

// ownNames are the languages by their own names.
func ownNames() []deskChoice {
	var all []deskChoice
	for _, l := range static.Languages() {
		all = append(all, deskChoice{Value: l.Code, Text: l.Own, Chosen: l.Code == static.Italian})
	}
	return all
}

// choiceView asks where an officer works today: the office, then the desk and the services.
type choiceView struct {
	deskHead
	OfficeID string
	Alert    *deskAlert
	NoName   bool           // the account stands for no officer
	Offices  []deskChoice   // to choose from, unless there is one
	Desks    []otherDesk    // of the office
	Groups   []serviceGroup // services that the officer may serve there
}

// serviceGroup are the services that one institution gives, several together, or any of several.
type serviceGroup struct {
	Name     string
	Services []deskChoice
}

func (s *Server) showChoice(c echo.Context, v visitor, alert *deskAlert, status int) error {
	ctx := c.Request().Context()
	view := &choiceView{deskHead: deskHead{Page: page(deskLanguage(c)), User: v.user.Name, Manage: v.may(access.Manage), Diary: v.may(access.SeeDiary)}, Alert: alert}
	var officer *territory.Officer
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		officer, err = view.reach(ctx, tx, v, asked(c))
		return err
	})
	if err != nil {
		return err
	}
	if view.OfficeID != "" {
		p, err := s.picture(ctx, view.OfficeID)
		if err != nil {
			return err
		}
		r := deskReader{lang: view.Lang, p: p}
		view.Office, view.Desks = p.Office.Name, r.others()
		view.Groups = r.grouped(officer, func(string) bool { return true })
	}
	return s.render(c, status, "desk/choose", view)
}

// asked is the office that a request names, in its address or its form.
func asked(c echo.Context) string { return c.FormValue("office") }

// reach finds out as whom the visitor works, and at which offices today: the one asked for, or the
// only one, is chosen.
func (view *choiceView) reach(ctx context.Context, tx *store.Tx, v visitor, office string) (*territory.Officer, error) {
	if !v.actsAsOfficer() {
		view.NoName = true
		return nil, nil
	}
	t, err := territory.Read(ctx, tx, v.user.Territory)
	if err != nil {
		return nil, err
	}
	officer, known := t.Officer(v.user.Officer)
	if !known {
		view.NoName = true
		return nil, nil
	}
	for _, o := range t.Offices {
		if slices.Contains(o.Officers(o.Today(tx.Now)), officer) && v.user.In(t.ID, o.ID) {
			view.Offices = append(view.Offices, deskChoice{Value: o.ID, Text: o.Name, Chosen: o.ID == office})
		}
	}
	for _, o := range view.Offices {
		if o.Chosen || len(view.Offices) == 1 {
			view.OfficeID = o.Value
		}
	}
	return officer, nil
}

// grouped are the services that an officer may serve at the office today, by who takes part.
func (r deskReader) grouped(officer *territory.Officer, chosen func(id string) bool) []serviceGroup {
	var groups []serviceGroup
	for _, s := range queue.Servable(r.p.Office, officer, r.p.Now) {
		name := r.takePart(s)
		at := slices.IndexFunc(groups, func(g serviceGroup) bool { return g.Name == name })
		if at < 0 {
			at, groups = len(groups), append(groups, serviceGroup{Name: name})
		}
		groups[at].Services = append(groups[at].Services, deskChoice{Value: s.ID, Text: serviceName(s, r.lang), Chosen: chosen(s.ID)})
	}
	return groups
}

// takePart names who gives a service: an institution, several together, or any of several.
func (r deskReader) takePart(s *territory.Service) string {
	if s.Joint() {
		return static.Text(r.lang, "desk.services.joint")
	}
	if len(s.Institutions()) > 1 {
		return static.Text(r.lang, "desk.services.shared")
	}
	for _, id := range s.Institutions() {
		if i, ok := r.p.Office.Territory.Institution(id); ok {
			return i.Name
		}
	}
	return ""
}

// showReception shows the queue to who makes tickets at the door or looks after the office, and
// serves at no desk.
func (s *Server) showReception(c echo.Context, v visitor, alert *deskAlert, status int) error {
	ctx := c.Request().Context()
	office := asked(c)
	if office == "" && len(v.user.Offices) == 1 {
		office = v.user.Offices[0]
	}
	if office == "" {
		return s.showOffices(c, v, alert, status)
	}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		_, err := reached(ctx, tx, v, office)
		return err
	})
	if err != nil {
		return err
	}
	p, err := s.deskPicture(c, office)
	if err != nil {
		return err
	}
	made, _, err := s.justTouched(c, office)
	if err != nil {
		return err
	}
	r := deskReader{lang: deskLanguage(c), p: p}
	view := &receptionView{
		deskHead: deskHead{Page: page(r.lang), User: v.user.Name, Manage: v.may(access.Manage), Diary: v.may(access.SeeDiary), Office: p.Office.Name},
		OfficeID: office, Version: p.Version, Alert: alert, queueView: r.queue(), Desks: r.others(),
		MayIssue: v.role().May(access.IssueByHand), MayEnd: v.role().May(access.RunOffice), MayFill: v.role().May(access.FillForms),
	}
	if view.Alert == nil {
		view.Alert = madeAlert(r.lang, made)
	}
	if view.Papers, err = s.paperNotes(ctx, r.lang, office); err != nil {
		return err
	}
	return s.render(c, status, "desk/reception", view)
}

// showOffices asks at which office somebody receives people, unless there is only one.
func (s *Server) showOffices(c echo.Context, v visitor, alert *deskAlert, status int) error {
	ctx := c.Request().Context()
	view := &choiceView{deskHead: deskHead{Page: page(deskLanguage(c)), User: v.user.Name, Manage: v.may(access.Manage), Diary: v.may(access.SeeDiary)}, Alert: alert}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		territories, err := territory.List(ctx, tx)
		for _, t := range territories {
			for _, o := range t.Offices {
				if v.user.In(t.ID, o.ID) {
					view.Offices = append(view.Offices, deskChoice{Value: o.ID, Text: o.Name})
				}
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if len(view.Offices) == 1 && alert == nil {
		return toDesk(c, url.Values{"office": {view.Offices[0].Value}})
	}
	return s.render(c, status, "desk/choose", view)
}
