package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking/calendar"
	"sportello/booking/ical"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

// calendarDays is for how many days a calendar is shown when it is not told until when.
const calendarDays = 31

// calendarNetworks is the flag of the networks into which the addresses of calendars may lead.
func calendarNetworks(s settings) cli.Flag {
	return &cli.StringFlag{
		Name: "calendar-networks", Usage: "`NETWORKS` of one's own, such as 10.0.0.0/8, in which external calendars may be, also without TLS; elsewhere only the public internet is asked",
		Sources: s.sources("calendar-networks"),
	}
}

// calendarGuard lets addresses of calendars lead to the public internet, and to where the flag says.
func calendarGuard(c *cli.Command) (*calendar.Guard, error) {
	allowed, err := networks("calendar-networks", c.String("calendar-networks"))
	if err != nil {
		return nil, err
	}
	return calendar.NewGuard(allowed...), nil
}

// networks reads the networks of a flag.
func networks(flag, list string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, hint(fmt.Errorf("--%s: %q is no network", flag, text), "Write networks like 127.0.0.1/32,10.0.0.0/8.")
		}
		all = append(all, network)
	}
	return all, nil
}

func calendarCommand(s settings) *cli.Command {
	return &cli.Command{
		Name:  "calendar",
		Usage: "look into calendars (iCalendar), and read the external ones now",
		Commands: []*cli.Command{
			{
				Name: "show", Usage: "say what is understood of a calendar, and what is not and why", ArgsUsage: "FILE|ADDRESS",
				Flags: []cli.Flag{
					calendarNetworks(s),
					&cli.StringFlag{Name: "from", Usage: "first `DATE`, such as 2026-12-03 (default: today)"},
					&cli.StringFlag{Name: "to", Usage: fmt.Sprintf("last `DATE` (default: %d days in all)", calendarDays)},
					&cli.StringFlag{Name: "zone", Value: "Europe/Rome", Usage: "`ZONE` of times that are told without one, and of what is printed"},
				},
				Action: showCalendar,
			},
			{
				Name: "sync", Usage: "read the external calendars now, be they due or not, and put appointments into those of officers",
				Flags:  []cli.Flag{calendarNetworks(s), &cli.StringFlag{Name: "source", Usage: "only the calendar of this `ID`"}},
				Action: syncCalendars,
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

func showCalendar(ctx context.Context, c *cli.Command) error {
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
	r, err := readCalendar(ctx, c, zone, from.At(0, zone), to.AddDays(1).At(0, zone))
	if err != nil {
		return err
	}
	tellCalendar(c.Root().Writer, zone, r)
	return nil
}

// readCalendar reads the file or address that is named.
func readCalendar(ctx context.Context, c *cli.Command, zone *time.Location, from, until time.Time) (calendar.Reading, error) {
	name := c.Args().First()
	if _, err := calendar.CheckAddress(name); err == nil {
		guard, err := calendarGuard(c)
		if err != nil {
			return calendar.Reading{}, err
		}
		r, err := guard.Show(ctx, name, zone, from, until)
		if problem := new(calendar.Problem); errors.As(err, &problem) && problem.Code == calendar.Forbidden {
			return r, hint(err, "Networks of one's own are named with --calendar-networks.")
		}
		return r, err
	}
	file, err := os.Open(name)
	if err != nil {
		return calendar.Reading{}, hint(fmt.Errorf("calendar: %w", err), "Name a file or an address: sportello calendar show FILE|ADDRESS")
	}
	defer file.Close()
	r, err := calendar.Read(file, zone, from, until)
	if err != nil {
		err = fmt.Errorf("%s: %w", name, err)
	}
	return r, err
}

func tellCalendar(out io.Writer, zone *time.Location, r calendar.Reading) {
	events := 0
	for _, cal := range r.Calendars {
		events += len(cal.Events())
	}
	fmt.Fprintf(out, "%d events, %d refused, %d lines passed over\n", events, len(r.Refused), len(r.Notes))
	for _, o := range r.Found {
		fmt.Fprintf(out, "  %s  %s%s\n", whenOf(o, zone), oneLine(o.Event.Props.Text(ical.PropSummary)), standing(o.Event))
	}
	for _, refusal := range r.Refused {
		fmt.Fprintf(out, "refused: %s: %v\n", titleOf(refusal.Event), refusal.Err)
	}
	for _, n := range r.Notes {
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
	case !calendar.Busy(e):
		return " (free, by Outlook's word)"
	}
	return ""
}

// syncCalendars reads the sources, or one of them, and tells what became of each.
func syncCalendars(ctx context.Context, c *cli.Command) error {
	log, err := logger(c)
	if err != nil {
		return err
	}
	guard, err := calendarGuard(c)
	if err != nil {
		return err
	}
	key, err := readKey(c.String("data"))
	if err != nil {
		return err
	}
	return withDatabase(ctx, c, func(db *store.DB) error {
		if err := checkSchema(ctx, db); err != nil {
			return err
		}
		r := &calendar.Reader{DB: db, Log: log, Key: key, Guard: guard}
		return syncAll(ctx, c, db, r, c.String("source"))
	})
}

func syncAll(ctx context.Context, c *cli.Command, db *store.DB, r *calendar.Reader, source string) error {
	var all []calendar.Source
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		all, err = calendar.List(ctx, tx, calendar.Listing{Of: func(s calendar.Source) bool {
			return source == "" || s.ID == source
		}})
		return err
	})
	if err != nil {
		return err
	}
	if source != "" && len(all) == 0 {
		return hint(fmt.Errorf("no calendar %q", source), "Its page in the console has the id in its address.")
	}
	failed := 0
	for _, s := range all {
		o, err := r.Sync(ctx, s.ID)
		if err != nil {
			return err
		}
		if o.Code != calendar.OK && o.Code != calendar.Unchanged {
			failed++
		}
		fmt.Fprintf(c.Root().Writer, "%s  %s: %s%s\n", s.ID, s.Name, o.Code, counted(o))
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d calendars could not be read", failed, len(all))
	}
	return nil
}

// counted is what a reading came to, in numbers.
func counted(o calendar.Outcome) string {
	var text strings.Builder
	for _, n := range []calendar.Count{calendar.Spans, calendar.Added, calendar.Removed, calendar.Refused} {
		if o.Code == calendar.OK {
			fmt.Fprintf(&text, ", %s %d", n, o.Counts[n])
		}
	}
	for _, n := range []calendar.Count{calendar.Pushed, calendar.Withdrawn, calendar.Unpushed, calendar.Asked} {
		if o.Counts[n] > 0 {
			fmt.Fprintf(&text, ", %s %d", n, o.Counts[n])
		}
	}
	return text.String()
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
