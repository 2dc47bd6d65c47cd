package territory

import (
	"cmp"
	"fmt"
	"maps"
	"net/mail"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"sportello/booking/timetable"
	"sportello/internal/fault"
)

// checker looks for what is wrong with a file beyond its form.
type checker struct {
	file      *File // what is checked
	whole     *File // the territory as it would be with it
	elsewhere map[string]string
	findings  []finding

	institutions, services, offices []string // ids of whole
	effective                       map[string]*Service
}

// check returns every fault of f as a change of the territory held. Elsewhere are the offices of
// other territories, with theirs.
func check(f, held *File, elsewhere map[string]string) []finding {
	whole := over(held, f)
	c := checker{
		file: f, whole: whole, elsewhere: elsewhere,
		institutions: whole.ids("institution"), offices: whole.ids("office"),
		effective: map[string]*Service{},
	}
	all, err := effective(whole.Services)
	if err != nil {
		c.fault("", "catalogue", "%v", err)
	}
	for _, s := range all {
		c.services = append(c.services, s.ID)
		c.effective[s.ID] = s
	}
	c.head(whole.Territory, whole.ids("need"))
	for _, kind := range []string{"institution", "service", "need", "office", "officer"} {
		c.unique(kind, "id", f.ids(kind))
	}
	for i, e := range f.Institutions {
		c.bounded(fmt.Sprintf("institution[%d].retention_days", i), e.RetentionDays, maxRetentionDays)
	}
	for i, e := range f.Services {
		c.service(fmt.Sprintf("service[%d].", i), e)
	}
	for i, e := range f.Needs {
		c.need(fmt.Sprintf("need[%d].", i), e)
	}
	for i, e := range f.Offices {
		c.office(fmt.Sprintf("office[%d].", i), e)
	}
	for i, e := range f.Texts {
		c.text(fmt.Sprintf("text[%d].", i), e, slices.Contains(f.ids("text")[:i], e.id()))
	}
	for i, e := range f.Officers {
		c.officer(fmt.Sprintf("officer[%d].", i), e)
	}
	return c.findings
}

// over returns held with the objects of f in place of those of the same id. A territory of which f
// says the id alone stays as it is.
func over(held, f *File) *File {
	whole := &File{
		Territory:    f.Territory,
		Institutions: replace(held.Institutions, f.Institutions, func(e InstitutionEntry) string { return e.ID }),
		Services:     replace(held.Services, f.Services, func(e ServiceEntry) string { return e.ID }),
		Needs:        replace(held.Needs, f.Needs, func(e NeedEntry) string { return e.ID }),
		Offices:      replace(held.Offices, f.Offices, func(e OfficeEntry) string { return e.ID }),
		Officers:     replace(held.Officers, f.Officers, func(e OfficerEntry) string { return e.ID }),
		Texts:        replace(held.Texts, f.Texts, TextEntry.id),
	}
	if h := f.Territory; reflect.DeepEqual(h, Head{ID: held.Territory.ID}) {
		whole.Territory = held.Territory
	}
	return whole
}

// replace returns held with the objects of said in place of those of the same id. The order is
// said's when it names all of them, else held's with the new ones at the end.
func replace[T any](held, said []T, id func(T) string) []T {
	fresh := make(map[string]T, len(said))
	for _, x := range said {
		fresh[id(x)] = x
	}
	var whole []T
	rest := false
	for _, x := range held {
		new, named := fresh[id(x)]
		if !named {
			rest, new = true, x
		}
		whole = append(whole, new)
		delete(fresh, id(x))
	}
	if !rest {
		return said
	}
	for _, x := range said {
		if _, added := fresh[id(x)]; added {
			whole = append(whole, x)
		}
	}
	return whole
}

// fault notes what is wrong at a path: a code, and the same in English.
func (c *checker) fault(path, code, format string, args ...any) {
	c.findings = append(c.findings, found(path, code, format, args...))
}

// written reports whether the file says something at path, were it nought.
func (c *checker) written(path string) bool {
	_, ok := c.file.lines[path]
	return ok
}

func (c *checker) head(h Head, needs []string) {
	c.id("territory.id", h.ID)
	c.required("territory.name", h.Name)
	c.zone("territory.timezone", h.Timezone)
	c.known("territory.languages", "language", h.Languages, Languages())
	for i, n := range h.ReminderMinutes {
		if n < timetable.Grid || n > maxLeadDays*24*60 || n%timetable.Grid != 0 {
			c.fault(fmt.Sprintf("territory.reminder_minutes[%d]", i), "reminder_range", "a reminder comes %d to %d minutes before, a multiple of %d", timetable.Grid, maxLeadDays*24*60, timetable.Grid)
		}
	}
	c.known("territory.menu", "need", h.Menu, needs)
	c.bounded("territory.precedence_minutes", h.PrecedenceMinutes, 24*60)
	c.unique("territory.precedence", "id", each(h.Precedence, func(e ClassEntry) string { return e.ID }))
	for i, e := range h.Precedence {
		at := fmt.Sprintf("territory.precedence[%d].", i)
		if len(e.Name) > 0 || !slices.Contains(OwnClasses(), e.ID) {
			c.words(at+"name", e.Name)
		}
	}
}

func (c *checker) service(at string, e ServiceEntry) {
	s := c.effective[e.ID]
	if s == nil {
		return // it has no id, which is said already
	}
	c.required(at+"name", s.Name)
	switch {
	case len(e.Needs) > 0 && len(e.NeedsAny) > 0:
		c.fault(at+"needs_any", "needs_both", "a service has needs (one officer of each) or needs_any (one of any of them), not both")
	case len(s.Institutions()) == 0:
		c.fault(at+"needs", "needs_missing", "needs or needs_any is required: the institutions whose officers it takes")
	}
	if len(e.Needs) > timetable.MaxNeeds {
		c.fault(at+"needs", "needs_many", "a service can need at most %d institutions at the same time", timetable.MaxNeeds)
	}
	c.known(at+"needs", "institution", e.Needs, c.institutions)
	c.known(at+"needs_any", "institution", e.NeedsAny, c.institutions)
	c.languagesOf(at+"names", e.Names)
	if s.Minutes == 0 && !c.written(at+"minutes") {
		c.fault(at+"minutes", "minutes_missing", "minutes is required")
	}
	c.counted(at+"minutes", e.Minutes, timetable.Grid, 24*60)
	c.counted(at+"step", e.Step, timetable.Grid, 24*60)
	c.minutes(at+"buffer_before", e.BufferBefore, 24*60)
	c.minutes(at+"buffer_after", e.BufferAfter, 24*60)
	c.lead(at, e.LeadMinMinutes, e.LeadMaxDays)
	c.bounded(at+"cancel_until_minutes", e.CancelUntilMinutes, maxLeadDays*24*60)
	c.channels(at+"channels", e.Channels)
	c.unique(at+"window", "channel", each(e.Windows, func(w WindowEntry) string { return string(w.Channel) }))
	for i, w := range e.Windows {
		in := fmt.Sprintf("%swindow[%d].", at, i)
		c.channels(in+"channel", []Channel{w.Channel})
		c.lead(in, w.LeadMinMinutes, w.LeadMaxDays)
		c.bounded(in+"quota", w.Quota, 100_000)
	}
	if areas := c.areas(); e.Area != "" && !slices.Contains(areas, e.Area) {
		c.fault(at+"area", "area_unknown", "no office has a waiting area %q%s", e.Area, hint(e.Area, areas))
	}
	c.bounded(at+"daily_ceiling", &e.DailyCeiling, 100_000)
	c.counted(at+"capacity", e.Capacity, 1, 10_000)
	c.bounded(at+"rooms", &e.Rooms, 1)
	c.ordered(at+"valid_to", e.ValidFrom, e.ValidTo)
	c.ordered(at+"requests_to", e.RequestsFrom, e.RequestsTo)
	c.known(at+"successors", "service", e.Successors, c.services)
	if i := slices.Index(e.Successors, e.ID); i >= 0 {
		c.fault(fmt.Sprintf("%ssuccessors[%d]", at, i), "succeeds_itself", "a service cannot succeed itself")
	}
	c.known(at+"audience", "audience", e.Audience, []string{"citizen", "employer"})
	c.known(at+"levels", "level", e.Levels, []string{"informazione", "erogazione"})
}

// maxLeadDays is how far ahead anything can be booked.
const (
	maxLeadDays      = 732
	maxRetentionDays = 3660
)

func (c *checker) lead(at string, minMinutes, maxDays *int) {
	c.bounded(at+"lead_min_minutes", minMinutes, maxLeadDays*24*60)
	c.bounded(at+"lead_max_days", maxDays, maxLeadDays)
}

func (c *checker) areas() []string {
	var ids []string
	for _, o := range c.whole.Offices {
		for _, a := range o.Areas {
			ids = append(ids, a.ID)
		}
		if len(o.Areas) == 0 {
			ids = append(ids, defaultArea)
		}
	}
	return ids
}

func (c *checker) need(at string, e NeedEntry) {
	c.words(at+"name", e.Name)
	if len(e.Services) == 0 {
		c.fault(at+"services", "services_missing", "services is required")
	}
	c.known(at+"services", "service", e.Services, c.services)
}

func (c *checker) text(at string, e TextEntry, again bool) {
	names := append(TextNames(), MailNames()...)
	c.known(at+"name", "text", []string{string(e.Name)}, each(names, func(n TextName) string { return string(n) }))
	c.known(at+"language", "language", []string{e.Language}, Languages())
	switch err := (Text{Name: e.Name, Body: e.Body}).checked(); {
	case again:
		c.fault(at+"name", "id_twice", "text %q is there twice", e.id())
	case e.Body == "":
		c.fault(at+"body", "text_empty", "the text is empty")
	case err != nil:
		c.fault(at+"body", "text_wrong", "the text cannot be used (%s)", fault.Code(err))
	}
}

var belfiore = regexp.MustCompile(`^[A-Z][0-9]{3}$`)

func (c *checker) office(at string, e OfficeEntry) {
	if territory, ok := c.elsewhere[e.ID]; ok {
		c.fault(at+"id", "office_elsewhere", "the id belongs to an office of territory %q", territory)
	}
	c.required(at+"name", e.Name)
	if e.Comune != "" && !belfiore.MatchString(e.Comune) {
		c.fault(at+"comune", "comune_bad", "comune %q is not a Belfiore code such as E335", e.Comune)
	}
	c.zone(at+"timezone", e.Timezone)
	c.known(at+"institutions", "institution", e.Institutions, c.institutions)
	c.bounded(at+"alert_wait_minutes", e.AlertWait, 24*60)
	if _, err := mail.ParseAddress(e.AlertMail); e.AlertMail != "" && err != nil {
		c.fault(at+"alert_mail", "mail_bad", "alert_mail %q is no mail address", e.AlertMail)
	}
	c.offered(at, e)
	c.bounded(at+"longest_wait_minutes", e.LongestWait, 24*60)
	c.counted(at+"calls_before_no_show", e.CallsBeforeNoShow, 1, 10)
	c.ordered(at+"until", e.From, e.Until)
	if len(e.Desks) == 0 {
		c.fault(at+"desk", "desk_missing", "an office needs at least one [[office.desk]]")
	}
	c.unique(at+"desk", "id", each(e.Desks, func(d DeskEntry) string { return d.ID }))
	c.unique(at+"area", "id", each(e.Areas, func(a AreaEntry) string { return a.ID }))
	c.unique(at+"room", "id", each(e.Rooms, func(r RoomEntry) string { return r.ID }))
	c.series(at+"area", e.Areas)
	hosted := orDefault(e.Institutions, c.institutions...)
	for i, p := range e.Openings {
		in := fmt.Sprintf("%sopening[%d].", at, i)
		c.opening(in, p, hosted)
		if !c.faulty(in) {
			c.never(in, p.series(), e.From, e.Until)
		}
	}
	for i, x := range e.Extras {
		in := fmt.Sprintf("%sextra[%d].", at, i)
		c.dated(in+"date", x.Date)
		c.intervals(in+"intervals", x.Intervals, true)
		c.hosted(in, x.Institutions, hosted)
		c.channels(in+"channels", x.Channels)
		c.shadowed(in, e, x, hosted)
	}
	for i, k := range e.Closures {
		in := fmt.Sprintf("%sclosure[%d].", at, i)
		c.dated(in+"from", k.From)
		c.ordered(in+"until", k.From, k.Until)
		c.intervals(in+"intervals", k.Intervals, false)
		c.hosted(in, k.Institutions, hosted)
	}
	for i, n := range e.Notices {
		in := fmt.Sprintf("%snotice[%d].", at, i)
		c.words(in+"text", n.Text)
		c.ordered(in+"until", n.From, n.Until)
	}
}

// offered checks the services that an office lists: known, hosted, with a room where they take one.
func (c *checker) offered(at string, e OfficeEntry) {
	c.known(at+"services", "service", e.Services, c.services)
	hosted := orDefault(e.Institutions, c.institutions...)
	for i, id := range e.Services {
		s, ok := c.effective[id]
		if !ok {
			continue
		}
		in := fmt.Sprintf("%sservices[%d]", at, i)
		if !s.HostedBy(hosted) {
			c.fault(in, "service_not_hosted", "service %q needs %s, and the office has %s", id, institutionsOf(s), cmp.Or(strings.Join(hosted, ", "), "none of them"))
		}
		if s.Rooms > len(e.Rooms) {
			c.fault(in, "room_missing", "service %q needs a room, and the office has no [[office.room]]", id)
		}
	}
}

func institutionsOf(s *Service) string {
	if len(s.Needs) > 0 {
		return strings.Join(s.Needs, " and ")
	}
	return strings.Join(s.NeedsAny, " or ")
}

// lettered are the series that a waiting area may have: X, Y, Z and what begins with them are the
// lanes of kiosks that print while the line is down.
var lettered = regexp.MustCompile(`^[A-W][A-Z]?$`)

func (c *checker) series(at string, areas []AreaEntry) {
	seen := map[string]int{}
	for i, a := range areas {
		in := fmt.Sprintf("%s[%d].series", at, i)
		first, again := seen[a.Series]
		switch {
		case a.Series == "":
			c.fault(in, "series_missing", "series is required")
		case !lettered.MatchString(a.Series):
			c.fault(in, "series_bad", "series %q must be one or two capital letters, the first from A to W", a.Series)
		case again:
			c.fault(in, "series_twice", "series %q is also that of area %q", a.Series, areas[first].ID)
		default:
			seen[a.Series] = i
		}
	}
}

func (c *checker) opening(at string, p OpeningEntry, hosted []string) {
	c.hosted(at, p.Institutions, hosted)
	c.channels(at+"channels", p.Channels)
	if len(p.Weekdays) == 0 {
		c.fault(at+"weekdays", "weekdays_missing", "weekdays is required")
	}
	c.intervals(at+"intervals", p.Intervals, true)
	c.rota(at, p.Weekdays, p.EveryWeeks, p.Nth, p.From, p.Until)
}

// rota checks what openings and presences have in common.
func (c *checker) rota(at string, days []Weekday, everyWeeks int, nth []int, from, until timetable.Date) {
	for i, d := range days {
		if slices.Contains(days[:i], d) {
			c.fault(fmt.Sprintf("%sweekdays[%d]", at, i), "weekday_twice", "%s is there twice", timetable.WeekdayName(time.Weekday(d)))
		}
	}
	c.counted(at+"every_weeks", everyWeeks, 1, 52)
	if everyWeeks > 1 && from.IsZero() && !c.written(at+"from") {
		c.fault(at+"every_weeks", "every_weeks_from", "every_weeks counts from the week of from, which is missing")
	}
	if everyWeeks > 1 && len(nth) > 0 {
		c.fault(at+"nth", "nth_or_weeks", "nth stands instead of every_weeks: one of them must go")
	}
	for i, n := range nth {
		if n == 0 || n < -5 || n > 5 {
			c.fault(fmt.Sprintf("%snth[%d]", at, i), "nth_range", "nth %d must be 1 to 5, or -1 to -5 from the month's end", n)
		}
		if slices.Contains(nth[:i], n) {
			c.fault(fmt.Sprintf("%snth[%d]", at, i), "nth_twice", "nth %d is there twice", n)
		}
	}
	c.ordered(at+"until", from, until)
}

func (c *checker) officer(at string, e OfficerEntry) {
	c.required(at+"name", e.Name)
	if e.Institution == "" {
		c.fault(at+"institution", "employer_missing", "institution is required: the employer")
	} else {
		c.known(at+"institution", "institution", []string{e.Institution}, c.institutions)
	}
	if e.Role != "" && e.Role != RoleOfficer && e.Role != RoleTutor && e.Role != RoleMediator {
		c.fault(at+"role", "role_unknown", "unknown role %q: officer, tutor or mediator", e.Role)
	}
	if e.Role == RoleMediator && len(e.ActsFor) > 0 {
		c.fault(at+"acts_for", "mediator_acts", "a mediator acts for no institution")
	}
	for i, a := range e.ActsFor {
		in := fmt.Sprintf("%sacts_for[%d].", at, i)
		c.known(in+"institution", "institution", []string{a.Institution}, c.institutions)
		c.ordered(in+"until", a.From, a.Until)
	}
	c.known(at+"services", "service", e.Services, c.services)
	f := buildOfficer(e)
	for i, id := range e.Services {
		if s, ok := c.effective[id]; ok && !f.actsForAny(s.Institutions()) {
			c.fault(fmt.Sprintf("%sservices[%d]", at, i), "service_not_acted", "service %q needs %s, for which the officer does not act", id, institutionsOf(s))
		}
	}
	for i, code := range e.Languages {
		if _, err := language.ParseBase(code); err != nil || len(code) != 2 {
			c.fault(fmt.Sprintf("%slanguages[%d]", at, i), "language_form", "unknown language %q: two letters such as it or en", code)
		}
	}
	if a, err := mail.ParseAddress(e.CalendarMail); e.CalendarMail != "" && (err != nil || a.Address != e.CalendarMail) {
		c.fault(at+"calendar_mail", "mail_bad", "calendar_mail %q is no mail address", e.CalendarMail)
	}
	c.ordered(at+"until", e.From, e.Until)
	for i, p := range e.Presences {
		in := fmt.Sprintf("%spresence[%d].", at, i)
		c.known(in+"office", "office", []string{p.Office}, c.offices)
		if o, ok := find(c.whole.Offices, func(o OfficeEntry) bool { return o.ID == p.Office }); ok {
			if hosted := orDefault(o.Institutions, c.institutions...); f.Role != RoleMediator && !f.actsForAny(hosted) {
				c.fault(in+"office", "office_not_acted", "office %q has %s, and the officer acts for none of them", o.ID, strings.Join(hosted, ", "))
			}
		}
		c.intervals(in+"intervals", p.Intervals, false)
		c.rota(in, p.Weekdays, p.EveryWeeks, p.Nth, p.From, p.Until)
	}
	c.presences(at, f, e)
	for i, a := range e.Absences {
		in := fmt.Sprintf("%sabsence[%d].", at, i)
		c.dated(in+"from", a.From.Date)
		if s := Absence(a).span(time.UTC); !a.From.Date.IsZero() && !s.From.Before(s.Until) {
			c.fault(in+"until", "until_before_from", "until must be after from")
		}
	}
}

var identifier = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

func (c *checker) id(path, id string) {
	switch {
	case id == "":
		c.fault(path, "missing", "%s is required", key(path))
	case !identifier.MatchString(id):
		c.fault(path, "id_bad", "%s %q must be letters without accents, digits, dots, hyphens or underscores, at most 64", key(path), id)
	}
}

// unique checks the ids of the objects at path, or of a whole kind.
func (c *checker) unique(path, field string, ids []string) {
	seen := map[string]int{}
	for i, id := range ids {
		in := fmt.Sprintf("%s[%d].%s", path, i, field)
		c.id(in, id)
		j, again := seen[id]
		if !again {
			seen[id] = i
			continue
		}
		if id == "" {
			continue
		}
		first := ""
		if at := where(c.file.lines, fmt.Sprintf("%s[%d].%s", path, j, field)); at.line > 0 {
			first = fmt.Sprintf(", first on line %d", at.line)
		}
		c.fault(in, "id_twice", "%s %q is used twice%s", field, id, first)
	}
}

func (c *checker) required(path, text string) {
	if text == "" {
		c.fault(path, "missing", "%s is required", key(path))
	}
}

func (c *checker) dated(path string, d timetable.Date) {
	if d.IsZero() {
		c.fault(path, "missing", "%s is required", key(path))
	}
}

func (c *checker) ordered(path string, from, until timetable.Date) {
	if !until.IsZero() && until.Before(from) {
		c.fault(path, "date_before", "%s %s is before %s", key(path), until, from)
	}
}

func (c *checker) zone(path, name string) {
	if name == "" {
		return
	}
	// "Local" would be the server's zone, whichever that is.
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		c.fault(path, "zone_unknown", "unknown time zone %q: a name such as Europe/Rome", name)
	}
}

// known checks a list of references, or one reference at a path without an index.
func (c *checker) known(path, kind string, ids, known []string) {
	for i, id := range ids {
		in := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case id == "":
			c.fault(in, "missing", "%s is required", key(path))
		case !slices.Contains(known, id):
			c.fault(in, "reference_unknown", "unknown %s %q%s", kind, id, hint(id, known))
		case slices.Contains(ids[:i], id):
			c.fault(in, "reference_twice", "%s %q is there twice", kind, id)
		}
	}
}

// hosted checks the institutions of an opening, extra opening or closure against the office's.
func (c *checker) hosted(at string, ids, hosted []string) {
	for i, id := range ids {
		in := fmt.Sprintf("%sinstitutions[%d]", at, i)
		switch {
		case !slices.Contains(c.institutions, id):
			c.fault(in, "institution_unknown", "unknown institution %q%s", id, hint(id, c.institutions))
		case !slices.Contains(hosted, id):
			c.fault(in, "institution_not_hosted", "institution %q is not one of the office: %s", id, strings.Join(hosted, ", "))
		}
	}
}

func (c *checker) channels(path string, channels []Channel) {
	c.known(path, "channel", texts(channels), texts(Channels()))
}

// words checks a text by language, which must have Italian.
func (c *checker) words(path string, words map[string]string) {
	if words["it"] == "" {
		c.fault(path, "italian_missing", "%s is required in Italian: { it = \"…\" }", key(path))
	}
	c.languagesOf(path, words)
}

func (c *checker) languagesOf(path string, words map[string]string) {
	for _, l := range slices.Sorted(maps.Keys(words)) {
		switch {
		case !slices.Contains(Languages(), l):
			c.fault(join(path, l), "language_unknown", "unknown language %q: %s", l, strings.Join(Languages(), ", "))
		case words[l] == "":
			c.fault(join(path, l), "text_empty", "the text is empty")
		}
	}
}

// intervals checks that times are on the grid and that no two overlap.
func (c *checker) intervals(path string, all []timetable.Interval, required bool) {
	if required && len(all) == 0 {
		c.fault(path, "intervals_missing", "intervals is required")
	}
	for i, a := range all {
		in := fmt.Sprintf("%s[%d]", path, i)
		if !a.OnGrid() {
			c.fault(in, "interval_grid", "interval %s: minutes must be multiples of %d", a, timetable.Grid)
		}
		for _, b := range all[:i] {
			if a.From < b.Until && b.From < a.Until {
				c.fault(in, "interval_overlaps", "interval %s overlaps %s", a, b)
			}
		}
	}
}

// counted checks a number that is at least step, a multiple of it and at most limit; nought means
// the default unless it is written.
func (c *checker) counted(path string, n, step, limit int) {
	switch {
	case n == 0 && !c.written(path):
	case n < step || n > limit:
		c.fault(path, "number_range", "%s must be %d to %d", key(path), step, limit)
	case n%step != 0:
		c.fault(path, "number_multiple", "%s %d must be a multiple of %d", key(path), n, step)
	}
}

// minutes checks a length of time that may be nought.
func (c *checker) minutes(path string, n, limit int) {
	if n != 0 {
		c.counted(path, n, timetable.Grid, limit)
	}
}

// bounded checks a number from nought to limit; nil means the default.
func (c *checker) bounded(path string, n *int, limit int) {
	if n != nil && (*n < 0 || *n > limit) {
		c.fault(path, "number_range0", "%s must be 0 to %d", key(path), limit)
	}
}
