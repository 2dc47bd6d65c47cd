package kiosk

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue"
	"sportello/static"
)

// deskHead is what every page of a member of staff begins with.
type deskHead struct {
	Page
	User         string // name of the account
	Manage       bool   // it may open the console
	Diary        bool   // and see appointments
	Office, Desk string // names; "" before one is chosen
}

// deskAlert is what was refused, or what is worth a word.
type deskAlert struct {
	Tone        string // danger, info or success
	Title, Hint string
}

// workView is the page of an officer who sits at a desk. Keys are of the message catalogue; clock
// times are texts, "" where there is none.
type workView struct {
	deskHead
	OfficeID, DeskID string
	Version          int64
	Alert            *deskAlert
	Paused           *pausedView
	Mine             *mineView
	Hold             *holdView
	Here             []ticketLine // whose appointment is with this officer
	Undo             *undoView
	Helps            []deskHelp // other desks that ask for help
	HelpAsked        bool
	Services         []string // names of what is served now
	queueView
	Desks   []otherDesk
	Stops   []stopLine
	MayStop bool
	Closing string // when the office closes today
}

// receptionView is the page of who receives people without a desk.
type receptionView struct {
	deskHead
	OfficeID         string
	Version          int64
	Alert            *deskAlert
	MayIssue, MayEnd bool // a ticket by hand, the day
	MayFill          bool // forms
	queueView
	Desks []otherDesk
}

// queueView is who waits at an office and who may come back.
type queueView struct {
	Waiting, Parked, Missed []ticketLine
	AtDesk                  bool // the reader sits at a desk, which may take tickets back
	MayCall                 bool // and is free to call one
	ForMe                   int  // of those waiting the desk may serve
	Papers                  []paperNote
}

type pausedView struct {
	Reason string // key
	Since  string
	Back   string
	Last   []string // names of services that nobody else serves now
}

// ticketLine is a ticket in a list. Service is empty where the reader may not know it.
type ticketLine struct {
	ID, Label   string
	Service     string
	Language    string // key, "" for Italian
	Precedence  bool
	Appointment string
	Arrived     string   // who has an appointment
	With        []string // who does it
	Left        []string // names of institutions, once one has had its part
	CameBack    string   // key
	Reason      string   // key
	OnlyDesk    string   // name
	Minutes     int      // since it was issued, parked or missed
	Estimated   bool
	Soonest     int // minutes until it is called, the 10th and the 90th percentile
	Latest      int
	Soon        bool // both are nearly nothing
	ForMe       bool // the desk may serve it
	Others      bool // only other desks may
}

// mineView is the ticket at the desk.
type mineView struct {
	ticketLine
	Serving  bool
	Why      string // key: why it was next
	Since    string // when it was called, or the service began
	For      int    // minutes since then
	Calls    int
	Needed   int      // calls before a no-show
	MayMiss  bool     // enough calls were made
	Desks    []string // names of the other desks
	Part     string   // name of the institution for which it is here alone; "" all
	Outcomes []string
	ServedAs []deskChoice
}

type holdView struct {
	Ticket, Label string
	Until         string
	With          []string
	Alone         bool // the desk is free to begin without the others
}

type undoView struct {
	Ticket, Label string
	What          string // key of what is undone
	Seconds       int    // for which it still can be
	Last          string // id of an earlier ticket that can be undone after this one
}

type deskHelp struct {
	ID, Name string
	Minutes  int
}

type otherDesk struct {
	ID, Name, Officer string
	State             string // closed, open, paused or busy
	Label             string // of its ticket
	Back              string
	Help              bool
}

type stopLine struct{ ID, Name, Reason string }

type deskChoice struct {
	Value, Text string
	Chosen      bool
}

// deskLanguage is the reader's language where the pages of staff and the front page have it, else
// Italian.
func deskLanguage(c echo.Context) string {
	if lang := language(c); lang == "en" {
		return lang
	}
	return static.Italian
}

func (s *Server) deskHome(c echo.Context, v visitor) error { return s.showDesk(c, v, nil) }

// showDesk shows where the visitor works: a desk, the choice of one, or the reception. A refusal
// goes on top, with its status.
func (s *Server) showDesk(c echo.Context, v visitor, refused *fault.Error) error {
	ctx, status := c.Request().Context(), http.StatusOK
	if refused != nil {
		status = int(refused.Kind)
	}
	var seat queue.Seat
	var sits bool
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		seat, sits, err = queue.SeatOf(ctx, tx, v.user.ID)
		return err
	})
	if err != nil {
		return err
	}
	alert := alertOf(deskLanguage(c), refused, c.QueryParams())
	switch {
	case sits:
		return s.showWork(c, v, seat, alert, status)
	case v.role().May(access.WorkDesk) && (v.actsAsOfficer() || !v.role().May(access.RunOffice)):
		return s.showChoice(c, v, alert, status)
	}
	return s.showReception(c, v, alert, status)
}

// alertOf is the word on top of the page: a refusal, or what the address says just happened.
func alertOf(lang string, f *fault.Error, just url.Values) *deskAlert {
	if f == nil && just.Get("nobody") != "" {
		f = queue.ErrNobody
	}
	if f != nil {
		return refusal(lang, f)
	}
	if n, err := strconv.Atoi(just.Get("ended")); err == nil {
		return &deskAlert{"success", static.Text(lang, "desk.ended.title"), static.Text(lang, "desk.ended.hint", "n", n)}
	}
	return nil
}

// refusal is a fault as staff read it.
func refusal(lang string, f *fault.Error) *deskAlert {
	alert := &deskAlert{
		Tone:  "danger",
		Title: static.Text(lang, "fault."+f.Code+".title", pairs(f, lang)...),
		Hint:  static.Text(lang, "fault."+f.Code+".hint", pairs(f, lang)...),
	}
	if f.Is(queue.ErrNobody) {
		alert.Tone = "info"
	}
	return alert
}

// showWork shows the desk at which the visitor sits.
func (s *Server) showWork(c echo.Context, v visitor, seat queue.Seat, alert *deskAlert, status int) error {
	p, err := s.deskPicture(c, seat.Office)
	if err != nil {
		return err
	}
	made, last, err := s.justTouched(c, seat.Office)
	if err != nil {
		return err
	}
	view := workOf(deskLanguage(c), p, seat.Desk, v.user)
	view.MayStop = v.role().May(access.StopService)
	view.Undo = undoOf(p, seat.Desk, last, s.db.Now())
	view.Alert = cmp.Or(alert, madeAlert(view.Lang, made))
	if view.Papers, err = s.paperNotes(c.Request().Context(), view.Lang, seat.Office); err != nil {
		return err
	}
	if view.ForMe > 0 && status == http.StatusOK && c.QueryParam("nobody") != "" {
		view.Alert = nil // somebody has come since
	}
	return s.render(c, status, "desk/work", view)
}

// deskPicture reads what a desk shows. A page that keeps itself up to date gets the picture that
// all screens of the office share, one that a person asked for the newest.
func (s *Server) deskPicture(c echo.Context, office string) (*queue.Picture, error) {
	ctx := c.Request().Context()
	if c.Request().Header.Get(headerLive) == "" {
		return s.picture(ctx, office)
	}
	w, err := s.watch(ctx, office)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	state, _ := w.State()
	return state.Value.(*queue.Picture), nil
}

// justTouched returns the tickets that the page's address names: one made by hand, and the last one
// that left the desk.
func (s *Server) justTouched(c echo.Context, office string) (made, last queue.Ticket, err error) {
	ctx := c.Request().Context()
	err = s.db.View(ctx, func(tx *store.Tx) error {
		var err1, err2 error
		made, err1 = ticketOf(ctx, tx, office, c.QueryParam("made"))
		last, err2 = ticketOf(ctx, tx, office, c.QueryParam("last"))
		return cmp.Or(err1, err2)
	})
	return made, last, err
}

// ticketOf returns the office's ticket id, and none when there is no such ticket.
func ticketOf(ctx context.Context, tx *store.Tx, office, id string) (queue.Ticket, error) {
	if id == "" {
		return queue.Ticket{}, nil
	}
	t, err := queue.ByID(ctx, tx, id)
	if fault.Code(err) == "unknown_ticket" || t.Office != office {
		return queue.Ticket{}, nil
	}
	return t, err
}

// madeAlert tells the number of a ticket made by hand.
func madeAlert(lang string, t queue.Ticket) *deskAlert {
	if t.ID == "" {
		return nil
	}
	return &deskAlert{"success", static.Text(lang, "desk.made.title", "number", t.Label()), static.Text(lang, "desk.made.hint")}
}

// undoOf offers to take back the last step at the desk: the call of its ticket, or how the last one
// ended.
func undoOf(p *queue.Picture, desk string, last queue.Ticket, now time.Time) *undoView {
	t, before := ticketAt(p, desk), last
	if t.ID == "" {
		t, before = last, queue.Ticket{}
	}
	what, ends := undoable[t.State]
	if !ends || !t.Undoable(now) {
		return nil
	}
	left := t.ChangedAt.Add(queue.UndoWithin).Sub(now)
	return &undoView{Ticket: t.ID, Label: t.Label(), What: what, Seconds: int(left/time.Second) + 1, Last: before.ID}
}

// undoable are the words for taking back the step that led to a state.
var undoable = map[queue.State]string{
	queue.Called: "desk.undo.call", queue.Waiting: "desk.undo.finish", queue.Served: "desk.undo.finish", queue.NoShow: "desk.undo.no_show",
}

// ticketAt returns the ticket called or served at a desk; its ID is empty when there is none.
func ticketAt(p *queue.Picture, desk string) queue.Ticket {
	d, _ := p.Desk(desk)
	t, _ := p.Ticket(d.Ticket)
	return t
}

// deskReader is who reads a page about an office, and from where.
type deskReader struct {
	lang         string
	p            *queue.Picture
	desk         string   // "" without one
	institutions []string // for which the reader acts
	runs         bool     // the office, and needs no desk for it
}

// workOf builds the page of the desk.
func workOf(lang string, p *queue.Picture, desk string, user access.User) *workView {
	d, _ := p.Desk(desk)
	r := deskReader{lang: lang, p: p, desk: desk, institutions: d.Institutions}
	view := &workView{
		deskHead: deskHead{Page: page(lang), User: user.Name, Manage: user.Role.May(access.Manage), Diary: user.Role.May(access.SeeDiary), Office: p.Office.Name, Desk: r.deskName(desk)},
		OfficeID: p.Office.ID, DeskID: desk, Version: p.Version, HelpAsked: !d.HelpAt.IsZero(),
		queueView: r.queue(), Desks: r.others(), Hold: r.hold(), Closing: r.closing(),
	}
	for _, id := range d.Services {
		view.Services = append(view.Services, r.serviceName(id))
	}
	for _, other := range p.Desks {
		if !other.HelpAt.IsZero() && other.ID != desk {
			view.Helps = append(view.Helps, deskHelp{other.ID, r.deskName(other.ID), r.ago(other.HelpAt)})
		}
	}
	for _, stop := range p.Stops {
		view.Stops = append(view.Stops, stopLine{stop.Service, r.serviceName(stop.Service), stop.Reason})
	}
	for _, t := range p.Waiting() {
		own := func(a timetable.Assignment) bool { return a.Officer == d.Officer }
		if !slices.ContainsFunc(p.Staff(t), own) {
			continue
		}
		line := r.line(t, t.IssuedAt)
		line.With = r.officers(slices.DeleteFunc(slices.Clone(p.Staff(t)), own))
		view.Here = append(view.Here, line)
	}
	if d.State == queue.DeskPaused {
		view.Paused = r.paused(d)
	}
	if t := ticketAt(p, desk); t.ID != "" {
		view.Mine = r.mine(t)
	}
	return view
}

func (r deskReader) clock(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(r.p.Office.Zone()).Format("15:04")
}

// ago returns the whole minutes since t.
func (r deskReader) ago(t time.Time) int { return int(max(0, r.p.Now.Sub(t)) / time.Minute) }

func (r deskReader) deskName(id string) string {
	d, _ := r.p.Office.Desk(id)
	return cmp.Or(d.Name, id)
}

func (r deskReader) serviceName(id string) string {
	s, ok := r.p.Office.Territory.Service(id)
	if !ok {
		return id
	}
	return serviceName(s, r.lang)
}

// maySee reports whether the reader may know a service: an institution it acts for takes part.
func (r deskReader) maySee(service string) bool {
	return takesPart(r.p.Office.Territory, service, r.institutions)
}

// takesPart reports whether one of institutions takes part in a service.
func takesPart(t *territory.Territory, service string, institutions []string) bool {
	s, ok := t.Service(service)
	return ok && slices.ContainsFunc(s.Institutions(), func(id string) bool { return slices.Contains(institutions, id) })
}

func (r deskReader) queue() queueView {
	d, _ := r.p.Desk(r.desk)
	q := queueView{AtDesk: r.desk != "", MayCall: d.State == queue.DeskOpen && d.Ticket == ""}
	for _, t := range r.p.Waiting() {
		line := r.line(t, t.IssuedAt)
		line.ForMe = r.desk != "" && r.p.Servable(r.desk, t)
		line.Others = q.AtDesk && !line.ForMe
		if line.ForMe {
			q.ForMe++
		}
		if w, ok := r.p.Wait(t.ID); ok {
			line.Estimated, line.Soonest, line.Latest = true, int(w.Low/time.Minute), int((w.High+time.Minute-1)/time.Minute)
			line.Soon = line.Latest <= 1
		}
		q.Waiting = append(q.Waiting, line)
	}
	for _, t := range r.p.In(queue.Parked) {
		line := r.line(t, t.ChangedAt)
		line.Reason = "desk.park.reason." + t.Reason
		q.Parked = append(q.Parked, line)
	}
	for _, t := range r.p.In(queue.NoShow) {
		q.Missed = append(q.Missed, r.line(t, t.EndedAt))
	}
	return q
}

func (r deskReader) line(t queue.Ticket, since time.Time) ticketLine {
	line := ticketLine{
		ID: t.ID, Label: t.Label(), Precedence: t.Precedence, Appointment: r.clock(t.AppointmentAt), Minutes: r.ago(since),
	}
	if t.Appointment != "" {
		line.Arrived = r.clock(t.IssuedAt)
	}
	if r.maySee(t.Service) {
		line.Service, line.With = r.serviceName(t.Service), r.officers(r.p.Staff(t))
		for _, id := range r.p.Left(t) {
			line.Left = append(line.Left, r.institutionName(id))
		}
	}
	if t.Language != "" && t.Language != static.Italian {
		line.Language = "desk.speaks." + t.Language
	}
	if t.CameBack != "" {
		line.CameBack = "desk.back." + string(t.CameBack)
	}
	if t.OnlyDesk != "" {
		line.OnlyDesk = r.deskName(t.OnlyDesk)
	}
	return line
}

func (r deskReader) mine(t queue.Ticket) *mineView {
	m := &mineView{
		ticketLine: r.line(t, t.IssuedAt), Serving: t.State == queue.Serving, Since: r.clock(t.CalledAt), For: r.ago(t.CalledAt),
		Calls: t.Calls, Needed: r.p.Office.CallsBeforeNoShow, MayMiss: t.Calls >= r.p.Office.CallsBeforeNoShow, Outcomes: outcomes,
	}
	if m.Serving {
		m.Since, m.For = r.clock(t.StartedAt), r.ago(t.StartedAt)
	}
	for _, desk := range t.Desks {
		if desk != r.desk {
			m.Desks = append(m.Desks, r.deskName(desk))
		}
	}
	if t.Part != "" {
		m.Part = r.institutionName(t.Part)
	}
	switch {
	case m.Serving || t.Why == "":
	case t.Why == queue.Chosen:
		m.Why = "desk.call.reason." + t.Reason
	default:
		m.Why = "desk.why." + string(t.Why)
	}
	d, _ := r.p.Desk(r.desk)
	for _, id := range d.Services {
		if id != t.Service {
			m.ServedAs = append(m.ServedAs, deskChoice{Value: id, Text: r.serviceName(id)})
		}
	}
	return m
}

func (r deskReader) hold() *holdView {
	h, held := r.p.Held(r.desk)
	if !held {
		return nil
	}
	t, _ := r.p.Ticket(h.Ticket)
	d, _ := r.p.Desk(r.desk)
	view := &holdView{Ticket: t.ID, Label: t.Label(), Until: r.clock(h.Until), Alone: d.Ticket == "" && r.p.Part(r.desk, t) != ""}
	for _, desk := range h.With {
		if desk != r.desk {
			view.With = append(view.With, r.deskName(desk))
		}
	}
	return view
}

func (r deskReader) paused(d queue.Desk) *pausedView {
	view := &pausedView{Reason: "desk.pause.reason." + d.Reason, Since: r.clock(d.PausedAt), Back: r.clock(d.BackAt)}
	for _, s := range r.p.Unserved() {
		if slices.Contains(d.Services, s.ID) {
			view.Last = append(view.Last, serviceName(s, r.lang))
		}
	}
	return view
}

// others are the office's other desks, at work or not, in its order.
func (r deskReader) others() []otherDesk {
	var all []otherDesk
	for _, place := range r.p.Office.Desks {
		if place.ID == r.desk {
			continue
		}
		o := otherDesk{ID: place.ID, Name: place.Name, State: "closed"}
		if d, ok := r.p.Desk(place.ID); ok {
			o.State, o.Help, o.Back = string(d.State), !d.HelpAt.IsZero(), r.clock(d.BackAt)
			if officer, ok := r.p.Office.Territory.Officer(d.Officer); ok {
				o.Officer = officer.Name
			}
			if t, ok := r.p.Ticket(d.Ticket); ok {
				o.State, o.Label = "busy", t.Label()
			}
		}
		all = append(all, o)
	}
	return all
}

// closing is when the office's last opening of today ends.
func (r deskReader) closing() string {
	until := queue.Closing(r.p.Office, r.p.Now)
	if !r.p.Now.Before(until) {
		return ""
	}
	return r.clock(until)
}

// lastDesk are the services with people waiting that nobody else serves when the desk leaves.
func (r deskReader) lastDesk() []lastService {
	waiting := make(map[string]int)
	for _, t := range r.p.Waiting() {
		waiting[t.Service]++
	}
	var all []lastService
	for _, service := range r.p.OnlyAt(r.desk) {
		if waiting[service.ID] > 0 {
			all = append(all, lastService{r.serviceName(service.ID), waiting[service.ID]})
		}
	}
	slices.SortFunc(all, func(a, b lastService) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// lastService is a service that only one desk serves, and how many wait for it.
type lastService struct {
	Name    string
	Waiting int
}
