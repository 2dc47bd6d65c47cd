package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking/ical"
	"sportello/booking/timetable"
)

// calendarDays is for how many days a calendar is shown when it is not told until when.
const calendarDays = 31

func calendarCommand() *cli.Command {
	return &cli.Command{
		Name:  "calendar",
		Usage: "look into calendar files (iCalendar)",
		Commands: []*cli.Command{
			{
				Name: "show", Usage: "say what is understood of a calendar file, and what is not and why", ArgsUsage: "FILE",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "from", Usage: "first `DATE`, such as 2026-12-03 (default: today)"},
					&cli.StringFlag{Name: "to", Usage: fmt.Sprintf("last `DATE` (default: %d days in all)", calendarDays)},
					&cli.StringFlag{Name: "zone", Value: "Europe/Rome", Usage: "`ZONE` of times that are told without one, and of what is printed"},
				},
				Action: showCalendar,
			},
			{
				Name: "expand", Usage: "answer cases of recurrence on the input, a line of JSON each",
				Flags: []cli.Flag{jsonLines}, Action: expandCases,
			},
			{
				Name: "read", Usage: "answer cases of files in a folder, a line of JSON each", ArgsUsage: "FOLDER",
				Flags: []cli.Flag{jsonLines}, Action: readCases,
			},
		},
	}
}

// jsonLines names the form of what comes and goes, of which there is one.
var jsonLines = &cli.BoolFlag{Name: "jsonl", Usage: "a JSON object on each line, in and out", Required: true}

// decoded are the calendars of one file, and what was passed over in it.
func decoded(r io.Reader) ([]*ical.Calendar, []ical.Note, error) {
	decoder := ical.NewDecoder(r)
	var all []*ical.Calendar
	for {
		cal, err := decoder.Decode()
		switch {
		case errors.Is(err, io.EOF) && all == nil:
			return nil, nil, errors.New("there is no calendar in it")
		case errors.Is(err, io.EOF):
			return all, decoder.Notes(), nil
		case err != nil:
			return nil, decoder.Notes(), err
		}
		all = append(all, cal)
	}
}

func showCalendar(_ context.Context, c *cli.Command) error {
	zone, err := time.LoadLocation(c.String("zone"))
	if err != nil {
		return hint(fmt.Errorf("--zone: %w", err), "Write it like Europe/Rome.")
	}
	now, err := clock(c.String("clock"))
	if err != nil {
		return err
	}
	from, err := dateFlag(c, "from", timetable.DateOf(now().In(zone)))
	if err != nil {
		return err
	}
	to, err := dateFlag(c, "to", from.AddDays(calendarDays-1))
	if err != nil {
		return err
	}
	if to.Before(from) {
		return errors.New("--to: The end comes before the beginning")
	}
	name := c.Args().First()
	file, err := os.Open(name)
	if err != nil {
		return hint(fmt.Errorf("calendar: %w", err), "Name a file: sportello calendar show FILE")
	}
	defer file.Close()
	cals, notes, err := decoded(file)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	agenda := ical.NewAgenda(zone, cals...)
	found, refused := agenda.Between(from.At(0, zone), to.AddDays(1).At(0, zone))
	tellCalendar(c.Root().Writer, zone, cals, found, append(agenda.Refused(), refused...), notes)
	return nil
}

func tellCalendar(out io.Writer, zone *time.Location, cals []*ical.Calendar, found []ical.Occurrence, refused []ical.Refusal, notes []ical.Note) {
	events := 0
	for _, cal := range cals {
		events += len(cal.Events())
	}
	fmt.Fprintf(out, "%d events, %d refused, %d lines passed over\n", events, len(refused), len(notes))
	for _, o := range found {
		fmt.Fprintf(out, "  %s  %s%s\n", whenOf(o, zone), oneLine(o.Event.Props.Text(ical.PropSummary)), standing(o.Event))
	}
	for _, r := range refused {
		fmt.Fprintf(out, "refused: %s: %v\n", titleOf(r.Event), r.Err)
	}
	for _, n := range notes {
		fmt.Fprintf(out, "line %d: %s\n", n.Line, n.Text)
	}
}

// whenOf is when an occurrence is, its days in full where there are several.
func whenOf(o ical.Occurrence, zone *time.Location) string {
	const day, minute = "Mon 2006-01-02", "15:04"
	if o.Form == ical.OnDate {
		last := o.End.AddDate(0, 0, -1)
		if !last.After(o.Start) {
			return o.Start.Format(day) + "  all day    "
		}
		return o.Start.Format(day) + " to " + last.Format(day)
	}
	start, end := o.Start.In(zone), o.End.In(zone)
	if timetable.DateOf(start) == timetable.DateOf(end) {
		return start.Format(day+"  "+minute) + "–" + end.Format(minute)
	}
	return start.Format(day+" "+minute) + " to " + end.Format(day+" "+minute)
}

// standing is what else there is to know of an event that does not keep anybody busy.
func standing(e *ical.Event) string {
	switch {
	case strings.EqualFold(e.Props.Text(ical.PropStatus), string(ical.EventCancelled)):
		return " (cancelled)"
	case strings.EqualFold(e.Props.Text(ical.PropTransparency), "TRANSPARENT"):
		return " (free)"
	}
	return ""
}

// titleOf names an event for people who look for it in their calendar program.
func titleOf(e *ical.Event) string {
	title := oneLine(e.Props.Text(ical.PropSummary))
	if uid := e.Props.Text(ical.PropUID); uid != "" {
		title += " [" + oneLine(uid) + "]"
	}
	return strings.TrimSpace(title)
}

// oneLine is text of a file without what would move the cursor.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return ' '
		}
		return r
	}, text)
}
