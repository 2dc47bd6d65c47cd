package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking/ical"
)

// longestCase is more than the longest line of cases has, in octets.
const longestCase = 4 << 20

// eachCase answers the lines of the input in their order.
func eachCase[Case any](c *cli.Command, answer func(Case) any) error {
	lines := bufio.NewScanner(c.Root().Reader)
	lines.Buffer(nil, longestCase)
	out := bufio.NewWriter(c.Root().Writer)
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for n := 1; lines.Scan(); n++ {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		var asked Case
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		if err := encoder.Encode(answer(asked)); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), out.Flush())
}

// ruleCase is a case of recurrence: an event without length, its times in iCalendar's form, those
// without a Z in the zone.
type ruleCase struct {
	ID      string    `json:"id"`
	Kind    ical.Form `json:"kind"`
	DTStart string    `json:"dtstart"`
	TZID    string    `json:"tzid"`
	RRule   []string  `json:"rrule"`
	ExDate  []string  `json:"exdate"`
	RDate   []string  `json:"rdate"`
	Window  [2]string `json:"window"`
}

func expandCases(_ context.Context, c *cli.Command) error {
	return eachCase(c, func(asked ruleCase) any {
		begun := time.Now()
		out, err := asked.expand()
		answer := map[string]any{"id": asked.ID, "ms": time.Since(begun).Milliseconds(), "out": out}
		if err != nil {
			delete(answer, "out")
			answer["error"] = err.Error()
		}
		return answer
	})
}

// expand returns the starts in the window.
func (asked ruleCase) expand() ([]string, error) {
	from, err := caseTime(asked.Window[0])
	if err != nil {
		return nil, err
	}
	to, err := caseTime(asked.Window[1])
	if err != nil {
		return nil, err
	}
	cal := ical.NewCalendar()
	cal.Children = append(cal.Children, asked.event().Component)
	agenda := ical.NewAgenda(time.UTC, cal)
	found, refused := agenda.Between(from, to)
	for _, r := range append(agenda.Refused(), refused...) {
		return nil, r.Err
	}
	out := []string{}
	for _, o := range found {
		out = append(out, caseTimeOf(o.Start, o.Form))
	}
	return out, nil
}

func (asked ruleCase) event() *ical.Event {
	event := ical.NewEvent()
	add := func(name, value string, zoned bool) {
		p := ical.NewProp(name)
		p.Value = value
		if zoned && asked.Kind == ical.Zoned && !strings.HasSuffix(value, "Z") {
			p.Params.Set(ical.ParamTimezoneID, asked.TZID)
		}
		event.Props.Add(p)
	}
	add(ical.PropDateTimeStart, asked.DTStart, true)
	for _, rule := range asked.RRule {
		add(ical.PropRecurrenceRule, rule, false)
	}
	for _, date := range asked.ExDate {
		add(ical.PropExceptionDates, date, true)
	}
	for _, date := range asked.RDate {
		add(ical.PropRecurrenceDates, date, true)
	}
	if asked.Kind == ical.OnDate { // an event on dates takes a day, and a window is of starts
		add(ical.PropDuration, "P0D", false)
	}
	return event
}

// The forms in which cases tell times: instants, times without a zone, dates.
const (
	caseInstant = "2006-01-02T15:04:05Z"
	caseWall    = "2006-01-02T15:04:05"
	caseDate    = "2006-01-02"
)

func caseTime(text string) (time.Time, error) {
	for _, form := range []string{caseInstant, caseWall} {
		if t, err := time.Parse(form, text); err == nil {
			return t, nil
		}
	}
	return time.Parse(caseDate, text)
}

// caseTimeOf is a time as cases tell it.
func caseTimeOf(t time.Time, form ical.Form) string {
	switch form {
	case ical.OnDate:
		return t.Format(caseDate)
	case ical.Floating:
		return t.Format(caseWall)
	}
	return t.UTC().Format(caseInstant)
}

// fileCase is a file to read, and the window in which its occurrences are asked for, if they are.
type fileCase struct {
	ID          string `json:"id"`
	File        string `json:"file"`
	Occurrences *struct {
		Window [2]string `json:"window"`
	} `json:"occurrences"`
}

func readCases(_ context.Context, c *cli.Command) error {
	folder := c.Args().First()
	if folder == "" {
		return hint(errors.New("no folder"), "sportello calendar read --jsonl FOLDER < CASES")
	}
	return eachCase(c, func(asked fileCase) any { return asked.answer(folder) })
}

// answer is accept only if every event's times could be read, whatever else is wrong with them.
func (asked fileCase) answer(folder string) map[string]any {
	answer := map[string]any{"id": asked.ID, "outcome": "reject"}
	file, err := os.Open(filepath.Join(folder, asked.File))
	if err != nil {
		answer["error"] = err.Error()
		return answer
	}
	defer file.Close()
	cals, _, err := decoded(file)
	if err != nil {
		answer["error"] = err.Error()
		return answer
	}
	agenda := ical.NewAgenda(time.UTC, cals...)
	zones := ical.NewZones(cals...)
	events := []map[string]any{}
	for _, cal := range cals {
		for _, e := range cal.Events() {
			events = append(events, factsOf(&e, zones))
		}
	}
	answer["outcome"], answer["events"] = "accept", events
	for _, r := range agenda.Refused() {
		if errors.Is(r.Err, ical.ErrValue) {
			answer["outcome"], answer["error"] = "reject", r.Err.Error()
		}
	}
	if asked.Occurrences != nil {
		answer["occurrences"], err = asked.occurrences(agenda)
	}
	if err != nil {
		answer["error"] = err.Error()
	}
	return answer
}

// occurrences are the start, end and summary of what begins in the window.
func (asked fileCase) occurrences(agenda *ical.Agenda) ([][3]string, error) {
	from, err := caseTime(asked.Occurrences.Window[0])
	if err != nil {
		return nil, err
	}
	to, err := caseTime(asked.Occurrences.Window[1])
	if err != nil {
		return nil, err
	}
	all := [][3]string{}
	found, _ := agenda.Between(from, to)
	for _, o := range found {
		if !o.Start.Before(from) {
			all = append(all, [3]string{caseTimeOf(o.Start, o.Form), caseTimeOf(o.End, o.Form), o.Event.Props.Text(ical.PropSummary)})
		}
	}
	return all, nil
}

// factsOf are the properties of an event under flat names; what is not there is null.
func factsOf(e *ical.Event, zones *ical.Zones) map[string]any {
	facts := map[string]any{"alarms": 0, "sequence": nil, "duration_s": nil}
	for _, name := range []string{
		ical.PropUID, ical.PropSummary, ical.PropDescription, ical.PropLocation, ical.PropStatus, ical.PropClass,
		ical.PropTransparency, ical.PropOrganizer,
	} {
		facts[strings.ToLower(name)] = nil
		if p := e.Props.Get(name); p != nil {
			facts[strings.ToLower(name)] = p.Text()
		}
	}
	for _, name := range []string{ical.PropTransparency, ical.PropStatus} {
		if p := e.Props.Get(name); p != nil {
			facts[strings.ToLower(name)] = strings.ToUpper(p.Value)
		}
	}
	if p := e.Props.Get(ical.PropOrganizer); p != nil {
		facts["organizer"] = mailbox(p.Value)
	}
	if p := e.Props.Get(ical.PropSequence); p != nil {
		n, _ := p.Int()
		facts["sequence"] = n
	}
	if p := e.Props.Get(ical.PropDuration); p != nil {
		if d, err := p.Duration(); err == nil {
			facts["duration_s"] = d.Days*24*3600 + int(d.Time.Seconds())
		}
	}
	for key, name := range map[string]string{
		"dtstart": ical.PropDateTimeStart, "dtend": ical.PropDateTimeEnd, "recurrence_id": ical.PropRecurrenceID,
	} {
		addTime(facts, key, e.Props.Get(name), zones)
	}
	addLists(facts, e)
	for _, child := range e.Children {
		if child.Name == ical.CompAlarm {
			facts["alarms"] = facts["alarms"].(int) + 1
		}
	}
	return facts
}

// addTime tells a time's form, what is written and, where there is one, its instant.
func addTime(facts map[string]any, key string, p *ical.Prop, zones *ical.Zones) {
	facts[key+".kind"] = nil
	if p == nil {
		return
	}
	d, err := p.DateTime()
	if err != nil {
		return
	}
	facts[key+".kind"], facts[key+".v"] = d.Form, d.Wall.Format("20060102T150405")
	if d.Form == ical.OnDate {
		facts[key+".v"] = d.Wall.Format("20060102")
	}
	if d.Form == ical.Zoned {
		facts[key+".tzid"] = d.TZID
	}
	if t, err := zones.Time(d, time.UTC); err == nil && (d.Form == ical.Zoned || d.Form == ical.InUTC) {
		facts[key+".utc"] = t.UTC().Format(caseInstant)
	}
}

func addLists(facts map[string]any, e *ical.Event) {
	for key, name := range map[string]string{
		"rrule": ical.PropRecurrenceRule, "exdate": ical.PropExceptionDates, "rdate": ical.PropRecurrenceDates,
		"categories": ical.PropCategories, "attendees": ical.PropAttendee,
	} {
		all := []string{}
		for _, p := range e.Props.Values(name) {
			switch key {
			case "rrule":
				all = append(all, ruleParts(p.Value))
			case "attendees":
				all = append(all, mailbox(p.Value))
			case "categories":
				all = append(all, p.TextList()...)
			default:
				all = append(all, strings.Split(p.Value, ",")...)
			}
		}
		if key == "rdate" {
			for i, value := range all {
				all[i] = periodOf(value)
			}
		}
		if key != "categories" {
			slices.Sort(all)
		}
		facts[key] = slices.DeleteFunc(all, func(s string) bool { return s == "" })
	}
}

// ruleParts is a rule in capitals, its parts in the order of their names, without what goes without
// saying.
func ruleParts(value string) string {
	parts := strings.Split(strings.ToUpper(value), ";")
	slices.Sort(parts)
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "INTERVAL=1" || s == "" }), ";")
}

// periodOf is a period as cases tell it: without zones, and a length not in full.
func periodOf(value string) string {
	start, end, ok := strings.Cut(value, "/")
	if !ok {
		return value
	}
	if strings.HasPrefix(end, "P") {
		end = "P"
	}
	return strings.TrimSuffix(start, "Z") + "/" + strings.TrimSuffix(end, "Z")
}

// mailbox is an address with its scheme in small letters.
func mailbox(value string) string {
	if scheme, rest, ok := strings.Cut(value, ":"); ok && strings.EqualFold(scheme, "mailto") {
		return "mailto:" + rest
	}
	return value
}
