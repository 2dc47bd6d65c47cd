package territory

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// List returns all territories, by name.
func List(ctx context.Context, tx *store.Tx) ([]*Territory, error) {
	found, err := heads(ctx, tx)
	if err != nil {
		return nil, err
	}
	all := make([]*Territory, len(found))
	for i, h := range found {
		if all[i], err = snapshot(ctx, tx, h.id, h.stamp); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(all, func(a, b *Territory) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
	return all, nil
}

type head struct{ id, stamp string }

const selectHeads = `
SELECT id, stamp FROM territories ORDER BY id`

func heads(ctx context.Context, tx *store.Tx) ([]head, error) {
	all, err := store.All(ctx, tx, func(row store.Row) (h head, err error) {
		err = row.Scan(&h.id, &h.stamp)
		return h, err
	}, selectHeads)
	if err != nil {
		return nil, fmt.Errorf("list territories: %w", err)
	}
	return all, nil
}

const selectStamp = `
SELECT stamp FROM territories WHERE id = $1`

// Read returns the territory id, or the fault unknown_territory.
func Read(ctx context.Context, tx *store.Tx, id string) (*Territory, error) {
	var stamp string
	err := tx.QueryRow(ctx, selectStamp, id).Scan(&stamp)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New(fault.Missing, "unknown_territory", "territory", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read territory: %w", err)
	}
	return snapshot(ctx, tx, id, stamp)
}

const selectOfficeStamp = `
SELECT t.id, t.stamp FROM territories t JOIN offices o ON o.territory_id = t.id WHERE o.id = $1`

// Of returns the office id, whose Territory is set, or the fault unknown_office.
func Of(ctx context.Context, tx *store.Tx, office string) (*Office, error) {
	var h head
	err := tx.QueryRow(ctx, selectOfficeStamp, office).Scan(&h.id, &h.stamp)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, unknownOffice(office)
	}
	if err != nil {
		return nil, fmt.Errorf("read office: %w", err)
	}
	t, err := snapshot(ctx, tx, h.id, h.stamp)
	if err != nil {
		return nil, err
	}
	if o, ok := t.Office(office); ok {
		return o, nil
	}
	return nil, unknownOffice(office)
}

func unknownOffice(id string) error {
	return fault.New(fault.Missing, "unknown_office", "office", id)
}

const raiseVersion = `
UPDATE office_state SET version = version + 1 WHERE office_id = $1 RETURNING version`

// Lock begins a change of an office's queue, diary or configuration: it raises the office's version,
// has it published after the commit and returns it. Until then others who lock the office wait. Lock
// several offices in the order of their ids. The fault is unknown_office.
func Lock(ctx context.Context, tx *store.Tx, office string) (version int64, err error) {
	err = tx.QueryRow(ctx, raiseVersion, office).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, unknownOffice(office)
	}
	if err != nil {
		return 0, fmt.Errorf("lock office: %w", err)
	}
	tx.Touch(office, version)
	return version, nil
}

const selectVersion = `
SELECT version FROM office_state WHERE office_id = $1`

// Version returns the office's version, or the fault unknown_office.
func Version(ctx context.Context, tx *store.Tx, office string) (int64, error) {
	var version int64
	err := tx.QueryRow(ctx, selectVersion, office).Scan(&version)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, unknownOffice(office)
	}
	if err != nil {
		return 0, fmt.Errorf("read office version: %w", err)
	}
	return version, nil
}

func snapshot(ctx context.Context, tx *store.Tx, id, stamp string) (*Territory, error) {
	kept, err := tx.Memo("territory/"+id, stamp, func() (any, error) {
		f, err := Load(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		return build(f, stamp)
	})
	if err != nil {
		return nil, fmt.Errorf("read territory %s: %w", id, err)
	}
	return kept.(*Territory), nil
}

const selectBody = `
SELECT body FROM territories WHERE id = $1`

// Load returns the territory id in its file form, or the fault unknown_territory.
func Load(ctx context.Context, tx *store.Tx, id string) (*File, error) {
	var body string
	err := tx.QueryRow(ctx, selectBody, id).Scan(&body)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, fault.New(fault.Missing, "unknown_territory", "territory", id)
	}
	if err != nil {
		return nil, fmt.Errorf("load territory: %w", err)
	}
	f := new(File)
	if f.Texts, err = textEntries(ctx, tx, id); err != nil {
		return nil, err
	}
	return f, errors.Join(
		json.Unmarshal([]byte(body), &f.Territory),
		loadInto(ctx, tx, institutions, id, &f.Institutions),
		loadInto(ctx, tx, services, id, &f.Services),
		loadInto(ctx, tx, needs, id, &f.Needs),
		loadInto(ctx, tx, offices, id, &f.Offices),
		loadInto(ctx, tx, officers, id, &f.Officers),
	)
}

func loadInto[T any](ctx context.Context, tx *store.Tx, of table, territory string, into *[]T) error {
	rows, err := of.read(ctx, tx, territory)
	if err != nil {
		return err
	}
	for _, r := range rows {
		var entry T
		if err := json.Unmarshal([]byte(r.body), &entry); err != nil {
			return fmt.Errorf("read %s %s: %w", of, r.id, err)
		}
		*into = append(*into, entry)
	}
	return nil
}

// The defaults of what a territory or an office does not say.
const (
	defaultTimezone          = "Europe/Rome"
	defaultLanguage          = "it"
	defaultLongestWait       = 60 * time.Minute
	defaultCallsBeforeNoShow = 2
	defaultArea              = "attesa"
	defaultSeries            = "A"
	defaultRetentionDays     = 30
	defaultAlertWait         = 90 * time.Minute
	defaultLead              = 20 * time.Minute // as INPS has it
)

// defaultReminders are how many minutes before an appointment its citizen is reminded.
var defaultReminders = []int{2 * 24 * 60, 3 * 60}

// Build returns the territory that f describes, without a database.
func Build(f *File) (*Territory, error) { return build(f, "") }

// build fills in every default of f.
func build(f *File, stamp string) (*Territory, error) {
	zone, err := time.LoadLocation(cmp.Or(f.Territory.Timezone, defaultTimezone))
	if err != nil {
		return nil, err
	}
	t := &Territory{
		ID: f.Territory.ID, Name: f.Territory.Name, Zone: zone, Stamp: stamp,
		Languages: orDefault(f.Territory.Languages, defaultLanguage),
		Reminders: reminders(f.Territory.ReminderMinutes),
		Lead:      lead(f.Territory.PrecedenceMinutes), Classes: classes(f.Territory.Precedence),
		services: map[string]*Service{}, offices: map[string]*Office{}, officers: map[string]*Officer{},
	}
	for _, e := range f.Institutions {
		t.Institutions = append(t.Institutions, buildInstitution(e))
	}
	if t.Services, err = effective(f.Services); err != nil {
		return nil, err
	}
	for _, s := range t.Services {
		t.services[s.ID] = s
	}
	for _, e := range f.Needs {
		t.Needs = append(t.Needs, &Need{e.ID, e.Name, e.Services})
	}
	inOrder(t.Needs, f.Territory.Menu)
	for _, e := range f.Offices {
		o, err := buildOffice(t, e)
		if err != nil {
			return nil, err
		}
		t.Offices, t.offices[o.ID] = append(t.Offices, o), o
	}
	for _, e := range f.Officers {
		o := buildOfficer(e)
		t.Officers, t.officers[o.ID] = append(t.Officers, o), o
	}
	return t, nil
}

func buildInstitution(e InstitutionEntry) *Institution {
	i := &Institution{ID: e.ID, Name: cmp.Or(e.Name, e.ID), Contact: e.Contact, DPO: e.DPO, RetentionDays: defaultRetentionDays}
	layPointer(&i.RetentionDays, e.RetentionDays)
	return i
}

// reminders are how long before an appointment its citizen is reminded, the longest first.
func reminders(minutes []int) []time.Duration {
	if minutes == nil {
		minutes = defaultReminders
	}
	before := make([]time.Duration, len(minutes))
	for i, n := range minutes {
		before[i] = time.Duration(n) * time.Minute
	}
	slices.Sort(before)
	slices.Reverse(before)
	return slices.Compact(before)
}

func lead(minutes *int) time.Duration {
	if minutes == nil {
		return defaultLead
	}
	return time.Duration(*minutes) * time.Minute
}

func classes(said []ClassEntry) []Class {
	var all []Class
	for _, e := range said {
		all = append(all, Class(e))
	}
	if said == nil {
		for _, id := range OwnClasses() {
			all = append(all, Class{ID: id})
		}
	}
	return all
}

// inOrder sorts needs as a menu names them; those it leaves out stay in their order, behind.
func inOrder(needs []*Need, menu []string) {
	place := func(n *Need) int {
		if at := slices.Index(menu, n.ID); at >= 0 {
			return at
		}
		return len(menu)
	}
	slices.SortStableFunc(needs, func(a, b *Need) int { return cmp.Compare(place(a), place(b)) })
}

func orDefault(said []string, otherwise ...string) []string {
	if len(said) > 0 {
		return said
	}
	return otherwise
}

func buildOffice(t *Territory, e OfficeEntry) (*Office, error) {
	o := &Office{
		Territory: t, ID: e.ID, Name: e.Name, Address: e.Address, Phone: e.Phone, Comune: e.Comune, Patron: e.Patron,
		Institutions: e.Institutions, Services: e.Services,
		LongestWait: defaultLongestWait, HoldJoint: true, CallsBeforeNoShow: cmp.Or(e.CallsBeforeNoShow, defaultCallsBeforeNoShow),
		Pilot: e.Pilot, From: e.From, Until: e.Until,
	}
	if len(o.Institutions) == 0 {
		for _, i := range t.Institutions {
			o.Institutions = append(o.Institutions, i.ID)
		}
	}
	if len(o.Services) == 0 {
		o.Services = o.servable()
	}
	if e.LongestWait != nil {
		o.LongestWait = time.Duration(*e.LongestWait) * time.Minute
	}
	layPointer(&o.HoldJoint, e.HoldJoint)
	o.AlertWait, o.AlertMail = defaultAlertWait, e.AlertMail
	if e.AlertWait != nil {
		o.AlertWait = time.Duration(*e.AlertWait) * time.Minute
	}
	for _, d := range e.Desks {
		o.Desks = append(o.Desks, Desk{d.ID, cmp.Or(d.Name, d.ID)})
	}
	for _, a := range e.Areas {
		o.Areas = append(o.Areas, Area{a.ID, cmp.Or(a.Name, a.ID), a.Series})
	}
	if len(o.Areas) == 0 {
		o.Areas = []Area{{defaultArea, defaultArea, defaultSeries}}
	}
	for _, r := range e.Rooms {
		o.Rooms = append(o.Rooms, Room{r.ID, cmp.Or(r.Name, r.ID)})
	}
	for _, n := range e.Notices {
		o.Notices = append(o.Notices, Notice(n))
	}
	var err error
	o.Calendar, err = buildCalendar(t, o, e)
	return o, err
}

// servable returns the services for which the office hosts the institutions.
func (o *Office) servable() []string {
	var ids []string
	for _, s := range o.Territory.Services {
		if s.HostedBy(o.Institutions) {
			ids = append(ids, s.ID)
		}
	}
	return ids
}

// HostedBy reports whether a place with institutions can give the service.
func (s *Service) HostedBy(institutions []string) bool {
	has := func(id string) bool { return slices.Contains(institutions, id) }
	if len(s.Needs) > 0 {
		return !slices.ContainsFunc(s.Needs, func(id string) bool { return !has(id) })
	}
	return slices.ContainsFunc(s.NeedsAny, has)
}

func buildCalendar(t *Territory, o *Office, e OfficeEntry) (timetable.Calendar, error) {
	c := timetable.Calendar{Zone: t.Zone, Patron: e.Patron, From: e.From, Until: e.Until, Institutions: o.Institutions}
	if e.Timezone != "" {
		zone, err := time.LoadLocation(e.Timezone)
		if err != nil {
			return c, err
		}
		c.Zone = zone
	}
	for _, p := range e.Openings {
		c.Series = append(c.Series, p.series())
	}
	for _, x := range e.Extras {
		c.Extras = append(c.Extras, timetable.Extra{
			Date: x.Date, Intervals: x.Intervals, Institutions: x.Institutions, Channels: texts(x.Channels),
		})
	}
	c.Closures = closures(e)
	return c, nil
}

func (p OpeningEntry) series() timetable.Series {
	return timetable.Series{
		Institutions: p.Institutions, Channels: texts(p.Channels), Weekdays: weekdays(p.Weekdays), Intervals: p.Intervals,
		EveryWeeks: p.EveryWeeks, Nth: p.Nth, From: p.From, Until: p.Until,
	}
}

func closures(e OfficeEntry) []timetable.Closure {
	var all []timetable.Closure
	for _, k := range e.Closures {
		all = append(all, timetable.Closure{
			From: k.From, Until: cmp.Or(k.Until, k.From), Intervals: k.Intervals, Institutions: k.Institutions, Reason: k.Reason,
		})
	}
	return all
}

func buildOfficer(e OfficerEntry) *Officer {
	f := &Officer{
		ID: e.ID, Name: e.Name, Institution: e.Institution, Role: cmp.Or(e.Role, RoleOfficer), Services: e.Services,
		Languages: orDefault(e.Languages, defaultLanguage), CalendarMail: e.CalendarMail, From: e.From, Until: e.Until,
	}
	for _, a := range e.ActsFor {
		f.Acts = append(f.Acts, Act(a))
	}
	if len(f.Acts) == 0 && f.Role != RoleMediator {
		f.Acts = []Act{{Institution: e.Institution}}
	}
	for _, p := range e.Presences {
		f.Rota = append(f.Rota, Presence{
			Office: p.Office, Weekdays: weekdays(p.Weekdays), Intervals: p.Intervals,
			EveryWeeks: p.EveryWeeks, Nth: p.Nth, From: p.From, Until: p.Until,
		})
	}
	for _, a := range e.Absences {
		f.Absences = append(f.Absences, Absence(a))
	}
	return f
}

func texts(channels []Channel) []string {
	var all []string
	for _, c := range channels {
		all = append(all, string(c))
	}
	return all
}

func weekdays(days []Weekday) []time.Weekday {
	var all []time.Weekday
	for _, d := range days {
		all = append(all, time.Weekday(d))
	}
	return all
}

// table is one of those that hold the objects of territories, all of one shape.
type table string

const (
	institutions table = "institutions"
	services     table = "services"
	needs        table = "needs"
	offices      table = "offices"
	officers     table = "officers"
)

// row is an object as it is stored.
type row struct {
	id, body      string
	position, rev int64
}

// kind is what the objects of the table are.
func (t table) kind() Kind { return Kind(strings.TrimSuffix(string(t), "s")) }

// sql puts the table's name into a query.
func (t table) sql(query string) string { return strings.ReplaceAll(query, "{table}", string(t)) }

const selectRows = `
SELECT id, body, position, rev FROM {table} WHERE territory_id = $1 ORDER BY position, id`

// read returns the territory's rows in their order.
func (t table) read(ctx context.Context, tx *store.Tx, territory string) ([]row, error) {
	all, err := store.All(ctx, tx, func(from store.Row) (r row, err error) {
		err = from.Scan(&r.id, &r.body, &r.position, &r.rev)
		return r, err
	}, t.sql(selectRows), territory)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", t, err)
	}
	return all, nil
}
