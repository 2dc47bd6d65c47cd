package kiosk

import (
	"cmp"
	"context"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/queue"
	"sportello/static"
)

// How the lines of the audit are read: a page has at least auditLines of those that the reader may see,
// unless more than auditBatches of auditBatch lines had to be looked through for them.
const (
	auditLines   = 50
	auditBatch   = 100
	auditBatches = 40
)

// auditActions are what the audit tells of, as the filter offers it.
var auditActions = []string{
	"ticket.issue", "ticket.call", "ticket.recall", "ticket.start", "ticket.finish", "ticket.no_show", "ticket.park", "ticket.resume",
	"ticket.transfer", "ticket.undo", "ticket.leave", "ticket.end_of_day",
	"desk.open", "desk.close", "desk.pause", "desk.resume", "desk.services", "desk.help", "desk.help_done", "desk.release", "desk.forgotten",
	"service.stop", "service.reopen",
	"appointment.book", "appointment.again", "appointment.move", "appointment.cancel", "appointment.arrive", "appointment.start",
	"appointment.serve", "appointment.no_show", "appointment.reassign", "appointment.shift", "appointment.reopen", "appointment.erase",
	"diary.block", "diary.unblock", "diary.follow", "group.plan", "group.hold", "group.cancel",
	"seat.enrol", "seat.promote", "seat.give_up", "seat.attend", "seat.erase", "waiting.join", "waiting.leave",
	"person.export", "person.erase",
	"territory.add", "territory.change", "institution.add", "institution.change", "institution.remove",
	"service.add", "service.change", "service.remove", "need.add", "need.change", "need.remove",
	"office.add", "office.change", "office.remove", "officer.add", "officer.change", "officer.remove",
	"text.change", "text.reset",
	"session.begin", "session.refuse", "session.elsewhere", "session.revoke",
	"user.add", "user.edit", "user.end", "user.link", "user.password",
	"device.add", "device.edit", "device.code", "device.enrol", "device.refuse", "device.elsewhere", "device.revoke", "device.remove",
	"token.add", "token.revoke",
	"calendar.add", "calendar.edit", "calendar.remove",
	"printer.add", "printer.edit", "printer.remove", "printer.test",
	"backup.make", "backup.restore",
}

// auditView lists lines of the audit.
type auditView struct {
	manageHead
	Own         bool // only what concerns the reader's own institutions
	Lines       []auditLine
	Where       []deskChoice // scopes
	Actions     []deskChoice
	Day, Who    string // as filtered
	Unknown     bool   // nobody is called Who
	Filtered    bool
	First, Next string // addresses of other parts, "" none
}

type auditLine struct {
	At, Action string
	Actor, Who string // who, and the address of what else they did; "" without
	Subject    string
	Where      string
	Notes      []string // what else is told
}

// auditReader reads the audit for a member of staff: it knows what they may see and the names of
// today for the ids in it.
type auditReader struct {
	m        *console
	ctx      context.Context
	tx       *store.Tx
	address  url.Values // of the page
	users    map[string]access.User
	devices  map[string]access.Device
	tickets  map[string]queue.Ticket
	printers map[string]spool.Printer
	programs map[string]access.Program
}

func newAuditReader(ctx context.Context, tx *store.Tx, m *console) *auditReader {
	return &auditReader{
		m: m, ctx: ctx, tx: tx, users: map[string]access.User{}, devices: map[string]access.Device{},
		tickets: map[string]queue.Ticket{}, printers: map[string]spool.Printer{}, programs: map[string]access.Program{},
	}
}

// officerOnly reports whether the account sees only tickets of its own institutions.
func (m *console) officerOnly() bool { return !m.may(access.ManageDevices) }

func (s *Server) auditPage(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := auditView{manageHead: m.head(c, "audit"), Own: m.officerOnly(), Day: c.QueryParam("day"), Who: c.QueryParam("who")}
	where := c.QueryParam("where")
	q := audit.Query{Scopes: m.scopes(where), Action: c.QueryParam("action"), Before: audit.Cursor(c.QueryParam("before")), Limit: auditBatch}
	if day, err := timetable.ParseDate(view.Day); err == nil {
		q.From, q.Until = day.At(0, m.zoneAt(where)), day.AddDays(1).At(0, m.zoneAt(where))
	} else {
		view.Day = ""
	}
	view.Where, view.Actions = m.scopeChoices(where), m.actionChoices(q.Action)
	view.Filtered = where != "" || q.Action != "" || view.Day != "" || view.Who != ""
	address := url.Values{"where": {where}, "action": {q.Action}, "day": {view.Day}, "who": {view.Who}}
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		r := newAuditReader(ctx, tx, m)
		r.address = address
		if q.Actor, err = r.actorOf(view.Who); err != nil || q.Actor == "" && view.Who != "" {
			view.Unknown = err == nil
			return err
		}
		var next audit.Cursor
		if view.Lines, next, err = r.read(q); next != "" {
			view.Next = "/manage/audit?" + with(address, "before", string(next)).Encode()
		}
		return err
	})
	if err != nil {
		return err
	}
	if q.Before != "" {
		view.First = "/manage/audit?" + address.Encode()
	}
	return s.show(c, "manage/audit", view)
}

// with is an address with one more value.
func with(address url.Values, name, value string) url.Values {
	more := url.Values{name: {value}}
	for name, values := range address {
		if len(values) > 0 && values[0] != "" && len(more[name]) == 0 {
			more[name] = values
		}
	}
	return more
}

// scopes are those that the account reads, of where it asks for: a scope, or "" what it looks at.
func (m *console) scopes(where string) []string {
	var all []string
	offices := m.looked()
	if _, err := m.office(where); err == nil {
		offices = m.offices
	}
	for _, o := range offices {
		if where == "" || where == o.ID {
			all = append(all, o.ID)
		}
	}
	if !m.officerOnly() && (where == "" || where == audit.System) {
		all = append(all, audit.System)
	}
	if len(all) == 0 {
		all = append(all, "none") // no scope would be all of them
	}
	return all
}

func (m *console) scopeChoices(chosen string) []deskChoice {
	var all []deskChoice
	if !m.officerOnly() {
		all = append(all, deskChoice{audit.System, m.text("manage.audit.system"), chosen == audit.System})
	}
	for _, o := range m.offices {
		all = append(all, deskChoice{o.ID, o.Name, chosen == o.ID})
	}
	return all
}

func (m *console) actionChoices(chosen string) []deskChoice {
	var all []deskChoice
	for _, action := range auditActions {
		if !m.officerOnly() || strings.HasPrefix(action, "ticket.") {
			all = append(all, deskChoice{action, m.action(action), action == chosen})
		}
	}
	return all
}

// zoneAt is the zone in which a scope's days are counted.
func (m *console) zoneAt(scope string) *time.Location {
	if o, err := m.office(scope); err == nil {
		return o.Zone()
	}
	return m.zone
}

func (m *console) action(code string) string { return m.worded("manage.action."+code, code) }

// worded is a message, or the text otherwise when there is none.
func (m *console) worded(key, otherwise string) string {
	if static.Has(static.Italian, key) {
		return m.text(key)
	}
	return otherwise
}

// actorOf is whom a filter names, by login or as the audit does; "" nobody.
func (r *auditReader) actorOf(who string) (string, error) {
	if who == "" || who == "citizen" || strings.Contains(who, ":") {
		return who, nil
	}
	u, err := access.UserByLogin(r.ctx, r.tx, who)
	if fault.Code(err) != "" {
		return "", nil
	}
	return "user:" + u.ID, err
}

// read returns the lines of a page that the reader may see, and where the next begins.
func (r *auditReader) read(q audit.Query) (lines []auditLine, next audit.Cursor, err error) {
	for range auditBatches {
		found, next, err := audit.List(r.ctx, r.tx, q)
		if err != nil {
			return nil, "", err
		}
		for _, l := range found {
			seen, err := r.maySee(l)
			if err != nil {
				return nil, "", err
			}
			if !seen {
				continue
			}
			line, err := r.line(l)
			if err != nil {
				return nil, "", err
			}
			lines = append(lines, line)
		}
		q.Before = next
		if next == "" || len(lines) >= auditLines {
			break
		}
	}
	return lines, q.Before, nil
}

// maySee reports whether the reader may see a line of a scope that they read. Those who run offices see
// all of them, of what belongs to no office what is their own; officers see tickets that an institution
// they act for takes part in.
func (r *auditReader) maySee(l audit.Line) (bool, error) {
	switch {
	case r.m.officerOnly():
		return r.ownTicket(l)
	case l.Scope != audit.System || l.Actor == r.m.by():
		return true, nil
	case r.m.user.Territory == "" && r.m.may(access.ManageUsers):
		return true, nil
	}
	for _, of := range []string{l.Subject, l.Actor} {
		if reached, known, err := r.reaches(of); err != nil || known {
			return reached, err
		}
	}
	return r.m.may(access.ManageUsers), nil
}

// ownTicket reports whether a line is about a ticket whose service the reader may know today.
func (r *auditReader) ownTicket(l audit.Line) (bool, error) {
	id, ok := strings.CutPrefix(l.Subject, "ticket:")
	office, err := r.m.office(l.Scope)
	if !ok || err != nil || !r.m.actsAsOfficer() {
		return false, nil
	}
	officer, ok := office.Territory.Officer(r.m.user.Officer)
	if !ok || office.Territory.ID != r.m.user.Territory {
		return false, nil
	}
	t, err := r.ticket(id)
	return err == nil && takesPart(office.Territory, t.Service, officer.ActsFor(office.Today(r.m.now))), err
}

// reaches reports whether who or what a line names is known to belong somewhere, and whether the
// reader reaches that.
func (r *auditReader) reaches(named string) (reached, known bool, err error) {
	kind, id, _ := strings.Cut(named, ":")
	switch kind {
	case "user":
		u, err := r.user(id)
		if err != nil || u.ID == "" {
			return false, false, err
		}
		return r.m.may(access.ManageUsers) && u.Territory == r.m.user.Territory, true, nil
	case "device":
		d, err := r.device(id)
		if err != nil || d.ID == "" {
			return false, false, err
		}
		_, elsewhere := r.m.office(d.Office)
		return elsewhere == nil, true, nil
	case "printer":
		p, err := r.printer(id)
		if err != nil || p.ID == "" {
			return false, false, err
		}
		_, elsewhere := r.m.office(p.Office)
		return elsewhere == nil, true, nil
	case "program":
		p, err := r.program(id)
		if err != nil || p.ID == "" {
			return false, false, err
		}
		return r.m.may(access.ManageKeys) && p.Territory == r.m.user.Territory, true, nil
	}
	return false, false, nil
}

// line is a line with the names of today.
func (r *auditReader) line(l audit.Line) (auditLine, error) {
	m := r.m
	line := auditLine{At: m.moment(l.At, m.zoneAt(l.Scope)), Action: m.action(l.Action), Where: m.text("manage.audit.system")}
	if o, err := m.office(l.Scope); err == nil {
		line.Where = o.Name
	}
	var err error
	if line.Actor, err = r.name(l.Actor, l.Scope); err != nil {
		return line, err
	}
	if l.Actor != "anyone" && !m.officerOnly() {
		line.Who = "/manage/audit?" + with(without(r.address, "who"), "who", l.Actor).Encode()
	}
	if line.Subject, err = r.name(l.Subject, l.Scope); err != nil {
		return line, err
	}
	if line.Subject == line.Actor {
		line.Subject = ""
	}
	if !m.officerOnly() { // what else is told may name other services
		line.Notes = r.notes(l)
	}
	return line, nil
}

func without(address url.Values, name string) url.Values {
	less := url.Values{}
	for each, values := range address {
		if each != name {
			less[each] = values
		}
	}
	return less
}

// name is what somebody or something is called today, or the id when it is no more.
func (r *auditReader) name(named, scope string) (string, error) {
	kind, id, _ := strings.Cut(named, ":")
	known := ""
	switch kind {
	case "command":
		known = r.m.text("manage.audit.command")
	case "user":
		u, err := r.user(id)
		if err != nil {
			return "", err
		}
		known = u.Name
	case "device":
		d, err := r.device(id)
		if err != nil {
			return "", err
		}
		known = d.Name
		if o, err := r.m.office(d.Office); err == nil && scope == audit.System {
			known += ", " + o.Name
		}
	case "ticket":
		t, err := r.ticket(id)
		if err != nil {
			return "", err
		}
		if t.ID != "" {
			known = r.m.text("manage.audit.ticket", "number", t.Label())
		}
	case "appointment":
		a, err := booking.ByID(r.ctx, r.tx, id)
		if err != nil && fault.Code(err) == "" {
			return "", err
		}
		if a.Reference != "" {
			known = r.m.text("manage.audit.appointment", "code", a.Reference)
		}
	case "printer":
		p, err := r.printer(id)
		if err != nil {
			return "", err
		}
		known = p.Name
		if o, err := r.m.office(p.Office); err == nil {
			known += ", " + o.Name
		}
	case "program":
		p, err := r.program(id)
		if err != nil {
			return "", err
		}
		known = p.Name
	case "desk", "service":
		if o, err := r.m.office(scope); err == nil {
			known = r.placeName(o, kind, id)
		}
	}
	if known != "" {
		return known, nil
	}
	return r.m.worded("manage.audit.named."+named, r.m.worded("manage.audit.kind."+kind, kind)+" "+id), nil
}

// placeName is the name of a desk or service of an office.
func (r *auditReader) placeName(o *territory.Office, kind, id string) string {
	if kind == "desk" {
		d, _ := o.Desk(id)
		return d.Name
	}
	if s, ok := o.Territory.Service(id); ok {
		return serviceName(s, r.m.lang)
	}
	return ""
}

// auditNotes are the details of lines that have words.
var auditNotes = []string{"desk", "desks", "service", "from", "to", "undone", "why", "reason", "calls", "role_before", "role"}

// notes are the details that say more to a reader than their ids.
func (r *auditReader) notes(l audit.Line) []string {
	var detail map[string]any
	if json.Unmarshal(l.Detail, &detail) != nil {
		return nil
	}
	if before, ok := detail["role_before"]; ok && before == detail["role"] {
		delete(detail, "role_before")
		delete(detail, "role")
	}
	var notes []string
	for _, key := range auditNotes {
		if text := r.told(l.Scope, key, detail[key]); text != "" {
			notes = append(notes, r.m.text("manage.audit.note."+key, "value", text))
		}
	}
	return notes
}

// told is the value of a detail in words, "" for none.
func (r *auditReader) told(scope, key string, value any) string {
	switch value := value.(type) {
	case float64:
		return strconv.Itoa(int(value))
	case []any:
		var all []string
		for _, each := range value {
			all = append(all, r.told(scope, key, each))
		}
		return strings.Join(all, ", ")
	case string:
		return r.word(scope, key, value)
	}
	return ""
}

func (r *auditReader) word(scope, key, value string) string {
	o, err := r.m.office(scope)
	switch {
	case key == "desk" || key == "desks":
		if err == nil {
			return cmp.Or(r.placeName(o, "desk", value), value)
		}
	case key == "service":
		if err == nil {
			return cmp.Or(r.placeName(o, "service", value), value)
		}
	case key == "undone":
		return r.m.action("ticket." + value)
	case key == "why":
		return r.m.worded("desk.why."+value, r.m.worded("manage.audit.value."+value, value))
	case key == "reason":
		return r.m.worded("desk.call.reason."+value, value)
	case key == "from" || key == "to":
		return r.m.worded("manage.audit.value."+value, value)
	case key == "role" || key == "role_before":
		return r.m.worded("manage.role."+value, value)
	}
	return value
}

// kept returns what is kept of all under id, or reads it once. What is there no more is zero.
func kept[T any](all map[string]T, id string, read func() (T, error)) (T, error) {
	if known, ok := all[id]; ok {
		return known, nil
	}
	found, err := read()
	if fault.Code(err) != "" {
		err = nil
	}
	if err == nil {
		all[id] = found
	}
	return found, err
}

func (r *auditReader) user(id string) (access.User, error) {
	return kept(r.users, id, func() (access.User, error) { return access.UserByID(r.ctx, r.tx, id) })
}

func (r *auditReader) device(id string) (access.Device, error) {
	return kept(r.devices, id, func() (access.Device, error) { return access.DeviceByID(r.ctx, r.tx, id) })
}

func (r *auditReader) ticket(id string) (queue.Ticket, error) {
	return kept(r.tickets, id, func() (queue.Ticket, error) { return queue.ByID(r.ctx, r.tx, id) })
}

func (r *auditReader) printer(id string) (spool.Printer, error) {
	return kept(r.printers, id, func() (spool.Printer, error) { return spool.PrinterByID(r.ctx, r.tx, id) })
}

// program reads all of them the first time: they are few.
func (r *auditReader) program(id string) (access.Program, error) {
	if len(r.programs) == 0 {
		all, err := access.Programs(r.ctx, r.tx, "")
		if err != nil {
			return access.Program{}, err
		}
		for _, p := range all {
			r.programs[p.ID] = p
		}
	}
	return r.programs[id], nil
}
