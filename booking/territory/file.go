package territory

import (
	"fmt"
	"strings"
	"time"

	"sportello/booking/timetable"
)

// File is a territory, or a part of one, as it is written down (TOML). A zero value means the
// default. Times are wall clock in the office's zone, minutes whole and multiples of 5.
type File struct {
	Territory    Head               `toml:"territory" json:"territory"`
	Institutions []InstitutionEntry `toml:"institution,omitzero" json:"institution,omitzero"`
	Services     []ServiceEntry     `toml:"service,omitzero" json:"service,omitzero"`
	Needs        []NeedEntry        `toml:"need,omitzero" json:"need,omitzero"`
	Offices      []OfficeEntry      `toml:"office,omitzero" json:"office,omitzero"`
	Officers     []OfficerEntry     `toml:"officer,omitzero" json:"officer,omitzero"`
	Texts        []TextEntry        `toml:"text,omitzero" json:"text,omitzero"`

	name  string
	lines map[string]position // of each path such as office[3].opening[1].weekdays; nil when not read from a file
}

// Head names the territory.
type Head struct {
	ID        string   `toml:"id" json:"id"`
	Name      string   `toml:"name" json:"name"`
	Timezone  string   `toml:"timezone,omitzero" json:"timezone,omitzero"`   // IANA; default Europe/Rome
	Languages []string `toml:"languages,omitzero" json:"languages,omitzero"` // default it; the first is the kiosk's
	// ReminderMinutes are how long before an appointment its citizen is reminded; default two days and
	// three hours, [] never.
	ReminderMinutes []int `toml:"reminder_minutes,omitzero" json:"reminder_minutes,omitzero"`
	// Menu is the order of the needs in the kiosk's first menu; those it leaves out come behind.
	Menu []string `toml:"menu,omitzero" json:"menu,omitzero"`
	// PrecedenceMinutes is how much earlier a walk-in with precedence is due; default 20, 0: nobody has
	// precedence.
	PrecedenceMinutes *int         `toml:"precedence_minutes,omitzero" json:"precedence_minutes,omitzero"`
	Precedence        []ClassEntry `toml:"precedence,omitzero" json:"precedence,omitzero"` // default: all of OwnClasses
}

// ClassEntry is [[territory.precedence]]: who has precedence, in the words of the kiosk.
type ClassEntry struct {
	ID   string            `toml:"id" json:"id"`                              // one of OwnClasses needs no name
	Name map[string]string `toml:"name,omitzero,inline" json:"name,omitzero"` // by language; Italian is required
}

// InstitutionEntry is [[institution]].
type InstitutionEntry struct {
	ID      string `toml:"id" json:"id"`
	Name    string `toml:"name,omitzero" json:"name,omitzero"`       // default: the id
	Contact string `toml:"contact,omitzero" json:"contact,omitzero"` // where to write to it: address, e-mail, phone
	DPO     string `toml:"dpo,omitzero" json:"dpo,omitzero"`         // where to write to its data protection officer
	// RetentionDays is how long after an appointment it keeps who it was with; default 30.
	RetentionDays *int `toml:"retention_days,omitzero" json:"retention_days,omitzero"`
}

// ServiceEntry is [[service]]: a service of the built-in catalogue with what the territory changes,
// or a new one with all its fields. What is not said stays as the catalogue has it.
type ServiceEntry struct {
	ID                 string            `toml:"id" json:"id"`
	Category           string            `toml:"category,omitzero" json:"category,omitzero"`
	Name               string            `toml:"name,omitzero" json:"name,omitzero"`          // Italian
	Names              map[string]string `toml:"names,omitzero,inline" json:"names,omitzero"` // other languages
	Plain              string            `toml:"plain,omitzero" json:"plain,omitzero"`        // one plain sentence in Italian
	Needs              []string          `toml:"needs,omitzero" json:"needs,omitzero"`
	NeedsAny           []string          `toml:"needs_any,omitzero" json:"needs_any,omitzero"`
	OneOfficerMayCover bool              `toml:"one_officer_may_cover,omitzero" json:"one_officer_may_cover,omitzero"`
	Minutes            int               `toml:"minutes,omitzero" json:"minutes,omitzero"`
	Step               int               `toml:"step,omitzero" json:"step,omitzero"` // default: minutes
	BufferBefore       int               `toml:"buffer_before,omitzero" json:"buffer_before,omitzero"`
	BufferAfter        int               `toml:"buffer_after,omitzero" json:"buffer_after,omitzero"`
	LeadMinMinutes     *int              `toml:"lead_min_minutes,omitzero" json:"lead_min_minutes,omitzero"`         // default 60
	LeadMaxDays        *int              `toml:"lead_max_days,omitzero" json:"lead_max_days,omitzero"`               // default 60
	CancelUntilMinutes *int              `toml:"cancel_until_minutes,omitzero" json:"cancel_until_minutes,omitzero"` // default 120
	Channels           []Channel         `toml:"channels,omitzero" json:"channels,omitzero"`                         // default all
	Area               string            `toml:"area,omitzero" json:"area,omitzero"`                                 // default: the office's first
	DailyCeiling       int               `toml:"daily_ceiling,omitzero" json:"daily_ceiling,omitzero"`
	Capacity           int               `toml:"capacity,omitzero" json:"capacity,omitzero"` // default 1
	Rooms              int               `toml:"rooms,omitzero" json:"rooms,omitzero"`
	Documents          []string          `toml:"documents,omitzero" json:"documents,omitzero"`
	Form               string            `toml:"form,omitzero" json:"form,omitzero"`
	ValidFrom          timetable.Date    `toml:"valid_from,omitzero" json:"valid_from,omitzero"`
	ValidTo            timetable.Date    `toml:"valid_to,omitzero" json:"valid_to,omitzero"`
	RequestsFrom       timetable.Date    `toml:"requests_from,omitzero" json:"requests_from,omitzero"`
	RequestsTo         timetable.Date    `toml:"requests_to,omitzero" json:"requests_to,omitzero"`
	Successors         []string          `toml:"successors,omitzero" json:"successors,omitzero"`
	Sensitive          *bool             `toml:"sensitive,omitzero" json:"sensitive,omitzero"`
	Audience           []string          `toml:"audience,omitzero" json:"audience,omitzero"` // citizen, employer
	Levels             []string          `toml:"levels,omitzero" json:"levels,omitzero"`     // informazione, erogazione
	Windows            []WindowEntry     `toml:"window,omitzero" json:"window,omitzero"`
}

// WindowEntry is [[service.window]]: another booking window for one channel, and how many of a day's
// appointments it may make before that day.
type WindowEntry struct {
	Channel        Channel `toml:"channel" json:"channel"`
	LeadMinMinutes *int    `toml:"lead_min_minutes,omitzero" json:"lead_min_minutes,omitzero"` // default: the service's
	LeadMaxDays    *int    `toml:"lead_max_days,omitzero" json:"lead_max_days,omitzero"`       // default: the service's
	Quota          *int    `toml:"quota,omitzero" json:"quota,omitzero"`                       // an office; default: as many as there are
}

// TextEntry is [[text]]: what a manager wrote in place of the product's own text, for one language.
type TextEntry struct {
	Name     TextName `toml:"name" json:"name"`         // one of TextNames or MailNames
	Language string   `toml:"language" json:"language"` // one of Languages
	Body     string   `toml:"body,multiline" json:"body"`
}

func (e TextEntry) id() string { return string(e.Name) + " " + e.Language }

// NeedEntry is [[need]]: a choice of the kiosk's first menu.
type NeedEntry struct {
	ID       string            `toml:"id" json:"id"`
	Name     map[string]string `toml:"name,inline" json:"name"` // by language; Italian is required
	Services []string          `toml:"services" json:"services"`
}

// OfficeEntry is [[office]].
type OfficeEntry struct {
	ID                string             `toml:"id" json:"id"`
	Name              string             `toml:"name" json:"name"`
	Address           string             `toml:"address,omitzero" json:"address,omitzero"`
	Phone             string             `toml:"phone,omitzero" json:"phone,omitzero"`
	Comune            string             `toml:"comune,omitzero" json:"comune,omitzero"`                             // Belfiore code
	Patron            timetable.MonthDay `toml:"patron,omitzero" json:"patron,omitzero"`                             // patron saint's day
	Timezone          string             `toml:"timezone,omitzero" json:"timezone,omitzero"`                         // default: the territory's
	Institutions      []string           `toml:"institutions,omitzero" json:"institutions,omitzero"`                 // default: all
	Services          []string           `toml:"services,omitzero" json:"services,omitzero"`                         // default: all that its institutions can give
	LongestWait       *int               `toml:"longest_wait_minutes,omitzero" json:"longest_wait_minutes,omitzero"` // W of the calling rule; default 60
	HoldJoint         *bool              `toml:"hold_joint,omitzero" json:"hold_joint,omitzero"`                     // hold desks for joint tickets whose time comes; default true
	CallsBeforeNoShow int                `toml:"calls_before_no_show,omitzero" json:"calls_before_no_show,omitzero"` // default 2
	AlertWait         *int               `toml:"alert_wait_minutes,omitzero" json:"alert_wait_minutes,omitzero"`     // wait from which managers are warned; default 90, 0 never
	AlertMail         string             `toml:"alert_mail,omitzero" json:"alert_mail,omitzero"`                     // who is warned by mail; default nobody
	Pilot             bool               `toml:"pilot,omitzero" json:"pilot,omitzero"`
	From              timetable.Date     `toml:"from,omitzero" json:"from,omitzero"`
	Until             timetable.Date     `toml:"until,omitzero" json:"until,omitzero"`
	Openings          []OpeningEntry     `toml:"opening,omitzero" json:"opening,omitzero"`
	Extras            []ExtraEntry       `toml:"extra,omitzero" json:"extra,omitzero"`
	Closures          []ClosureEntry     `toml:"closure,omitzero" json:"closure,omitzero"`
	Desks             []DeskEntry        `toml:"desk,omitzero" json:"desk,omitzero"`
	Areas             []AreaEntry        `toml:"area,omitzero" json:"area,omitzero"` // default: one, series A
	Rooms             []RoomEntry        `toml:"room,omitzero" json:"room,omitzero"`
	Notices           []NoticeEntry      `toml:"notice,omitzero" json:"notice,omitzero"`
}

// OpeningEntry is [[office.opening]]: a dated weekly series.
type OpeningEntry struct {
	Institutions []string             `toml:"institutions,omitzero" json:"institutions,omitzero"` // default: all of the office
	Channels     []Channel            `toml:"channels,omitzero" json:"channels,omitzero"`         // default: all
	Weekdays     []Weekday            `toml:"weekdays" json:"weekdays"`
	Intervals    []timetable.Interval `toml:"intervals" json:"intervals"`
	EveryWeeks   int                  `toml:"every_weeks,omitzero" json:"every_weeks,omitzero"` // counted from the Monday of the week of from
	Nth          []int                `toml:"nth,omitzero" json:"nth,omitzero"`                 // such weekday of the month, -1: the last
	From         timetable.Date       `toml:"from,omitzero" json:"from,omitzero"`
	Until        timetable.Date       `toml:"until,omitzero" json:"until,omitzero"`
}

// ExtraEntry is [[office.extra]]: an opening on one day, whatever the series, holidays and patron
// saint say.
type ExtraEntry struct {
	Date         timetable.Date       `toml:"date" json:"date"`
	Intervals    []timetable.Interval `toml:"intervals" json:"intervals"`
	Institutions []string             `toml:"institutions,omitzero" json:"institutions,omitzero"` // default: all of the office
	Channels     []Channel            `toml:"channels,omitzero" json:"channels,omitzero"`         // default: all
}

// ClosureEntry is [[office.closure]]: days, or a part of each of them, on which openings do not hold.
type ClosureEntry struct {
	From         timetable.Date       `toml:"from" json:"from"`
	Until        timetable.Date       `toml:"until,omitzero" json:"until,omitzero"`               // included; default: from
	Intervals    []timetable.Interval `toml:"intervals,omitzero" json:"intervals,omitzero"`       // default: the whole day
	Institutions []string             `toml:"institutions,omitzero" json:"institutions,omitzero"` // default: all of the office
	Reason       string               `toml:"reason,omitzero" json:"reason,omitzero"`
}

// DeskEntry is [[office.desk]].
type DeskEntry struct {
	ID   string `toml:"id" json:"id"`
	Name string `toml:"name,omitzero" json:"name,omitzero"` // default: the id
}

// AreaEntry is [[office.area]].
type AreaEntry struct {
	ID     string `toml:"id" json:"id"`
	Name   string `toml:"name,omitzero" json:"name,omitzero"` // default: the id
	Series string `toml:"series" json:"series"`               // A to W, or two letters of which the first is such
}

// RoomEntry is [[office.room]].
type RoomEntry struct {
	ID   string `toml:"id" json:"id"`
	Name string `toml:"name,omitzero" json:"name,omitzero"` // default: the id
}

// NoticeEntry is [[office.notice]]: a text for the board, shown on the days from to until.
type NoticeEntry struct {
	Text  map[string]string `toml:"text,inline" json:"text"` // by language; Italian is required
	From  timetable.Date    `toml:"from,omitzero" json:"from,omitzero"`
	Until timetable.Date    `toml:"until,omitzero" json:"until,omitzero"`
}

// OfficerEntry is [[officer]].
type OfficerEntry struct {
	ID          string         `toml:"id" json:"id"`
	Name        string         `toml:"name" json:"name"`
	Institution string         `toml:"institution" json:"institution"`                    // employer
	Role        Role           `toml:"role,omitzero" json:"role,omitzero"`                // default officer
	ActsFor     []ActsForEntry `toml:"acts_for,omitzero,inline" json:"acts_for,omitzero"` // default: the employer; a mediator for none
	Services    []string       `toml:"services,omitzero" json:"services,omitzero"`        // default: all that need an institution it acts for
	Languages   []string       `toml:"languages,omitzero" json:"languages,omitzero"`      // default it
	// CalendarMail is where its appointments are sent as invitations; default nowhere.
	CalendarMail string          `toml:"calendar_mail,omitzero" json:"calendar_mail,omitzero"`
	From         timetable.Date  `toml:"from,omitzero" json:"from,omitzero"`
	Until        timetable.Date  `toml:"until,omitzero" json:"until,omitzero"`
	Presences    []PresenceEntry `toml:"presence,omitzero" json:"presence,omitzero"`
	Absences     []AbsenceEntry  `toml:"absence,omitzero" json:"absence,omitzero"`
}

// ActsForEntry is an institution for which an officer acts, with dates.
type ActsForEntry struct {
	Institution string         `toml:"institution" json:"institution"`
	From        timetable.Date `toml:"from,omitzero" json:"from,omitzero"`
	Until       timetable.Date `toml:"until,omitzero" json:"until,omitzero"`
}

// PresenceEntry is [[officer.presence]]: an office where the officer works. Without weekdays:
// every day; without intervals: whenever the office is open for an institution it acts for.
type PresenceEntry struct {
	Office     string               `toml:"office" json:"office"`
	Weekdays   []Weekday            `toml:"weekdays,omitzero" json:"weekdays,omitzero"`
	Intervals  []timetable.Interval `toml:"intervals,omitzero" json:"intervals,omitzero"`
	EveryWeeks int                  `toml:"every_weeks,omitzero" json:"every_weeks,omitzero"`
	Nth        []int                `toml:"nth,omitzero" json:"nth,omitzero"`
	From       timetable.Date       `toml:"from,omitzero" json:"from,omitzero"`
	Until      timetable.Date       `toml:"until,omitzero" json:"until,omitzero"`
}

// AbsenceEntry is [[officer.absence]].
type AbsenceEntry struct {
	From  Moment `toml:"from" json:"from"`
	Until Moment `toml:"until,omitzero" json:"until,omitzero"` // default: the end of from's day
}

// Role is what sort of officer somebody is.
type Role string

// The roles.
const (
	RoleOfficer  Role = "officer"
	RoleMediator Role = "mediator" // helps with a language beside officers, and acts for no institution
	RoleTutor    Role = "tutor"    // of a decentralised desk: employed by a Comune, acts for other institutions
)

// Weekday is a day of the week whose text form is mon … sun.
type Weekday time.Weekday

// MarshalText returns mon … sun.
func (d Weekday) MarshalText() ([]byte, error) {
	return []byte(timetable.WeekdayName(time.Weekday(d))), nil
}

// UnmarshalText reads mon … sun.
func (d *Weekday) UnmarshalText(text []byte) error {
	day, err := timetable.ParseWeekday(string(text))
	if err != nil {
		return err
	}
	*d = Weekday(day)
	return nil
}

// Moment is a wall-clock time of a day, 2026-12-10T09:00, or a whole day, 2026-12-10.
type Moment struct {
	Date  timetable.Date
	Clock timetable.Clock
	Timed bool // false: the whole day
}

// MarshalText returns the text form.
func (m Moment) MarshalText() ([]byte, error) {
	date, err := m.Date.MarshalText()
	if err != nil || !m.Timed {
		return date, err
	}
	clock, err := m.Clock.MarshalText()
	return fmt.Appendf(nil, "%sT%s", date, clock), err
}

// UnmarshalText reads the text form; seconds, which TOML writes, must be zero.
func (m *Moment) UnmarshalText(text []byte) error {
	date, clock, timed := strings.Cut(string(text), "T")
	read := Moment{Timed: timed}
	if err := read.Date.UnmarshalText([]byte(date)); err != nil {
		return err
	}
	if timed {
		if len(clock) == len("09:00:00") {
			clock = strings.TrimSuffix(clock, ":00")
		}
		if err := read.Clock.UnmarshalText([]byte(clock)); err != nil {
			return err
		}
	}
	*m = read
	return nil
}
