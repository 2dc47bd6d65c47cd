package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// availabilityDays is for how many days availability looks when it is not told until when.
const availabilityDays = 31

func availabilityCommand() *cli.Command {
	return &cli.Command{
		Name:  "availability",
		Usage: "say when a service can be booked, or why it cannot",
		Description: fmt.Sprintf("At one office or at all of a territory, on at most %d days. With --explain: what stands in the way of one start.",
			booking.MaxDays),
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "service", Usage: "`ID` of the service", Required: true},
			&cli.StringFlag{Name: "office", Usage: "`ID` of the office (default: all of the territory that offer the service)"},
			&cli.StringFlag{Name: "territory", Usage: "`ID` of the territory; it may be left out when there is one"},
			&cli.StringFlag{Name: "from", Usage: "first `DATE`, such as 2026-12-03 (default: today)"},
			&cli.StringFlag{Name: "to", Usage: fmt.Sprintf("last `DATE` (default: %d days in all)", availabilityDays)},
			&cli.StringFlag{Name: "channel", Value: string(territory.Online), Usage: "`CHANNEL` by which it would be booked: " + joined(territory.Channels())},
			&cli.StringFlag{Name: "language", Usage: "`LANGUAGE` that somebody there must speak, such as en"},
			&cli.StringFlag{Name: "explain", Usage: "say what stands in the way of `START`, such as 2026-12-03T09:30, at the office"},
			&cli.BoolFlag{Name: "json", Usage: "print it for programs, as the API does"},
		},
		Action: withReady(availability),
	}
}

func availability(ctx context.Context, c *cli.Command, db *store.DB) error {
	err := db.View(ctx, func(tx *store.Tx) error {
		q, err := query(ctx, tx, c)
		if err != nil {
			return err
		}
		if text := c.String("explain"); text != "" {
			return explain(ctx, tx, c, q, text)
		}
		found, err := booking.Available(ctx, tx, q)
		if err != nil {
			return err
		}
		if c.Bool("json") {
			return json.NewEncoder(c.Root().Writer).Encode(found)
		}
		return tellStarts(c.Root().Writer, found)
	})
	return advised(err)
}

// query is what the flags ask for. Dates that are left out are those of the office or territory.
func query(ctx context.Context, tx *store.Tx, c *cli.Command) (booking.Query, error) {
	q := booking.Query{
		Office: c.String("office"), Service: c.String("service"), Channel: territory.Channel(c.String("channel")), Language: c.String("language"),
	}
	zone, err := zoneOf(ctx, tx, c, &q)
	if err != nil {
		return q, err
	}
	if q.From, err = dateFlag(c, "from", timetable.DateOf(tx.Now.In(zone))); err != nil {
		return q, err
	}
	q.Until, err = dateFlag(c, "to", q.From.AddDays(availabilityDays-1))
	return q, err
}

// zoneOf is the zone of the office that is asked about, or of the territory, which is then set.
func zoneOf(ctx context.Context, tx *store.Tx, c *cli.Command, q *booking.Query) (*time.Location, error) {
	if q.Office != "" {
		o, err := territory.Of(ctx, tx, q.Office)
		if err != nil {
			return nil, err
		}
		if named := c.String("territory"); named != "" && named != o.Territory.ID {
			return nil, hint(fmt.Errorf("the office %s is not of the territory %s", o.ID, named), "Leave out --territory, or name %s.", o.Territory.ID)
		}
		return o.Zone(), nil
	}
	var err error
	if q.Territory, err = chosenTerritory(ctx, tx, c.String("territory")); err != nil {
		return nil, err
	}
	t, err := territory.Read(ctx, tx, q.Territory)
	if err != nil {
		return nil, err
	}
	return t.Zone, nil
}

func dateFlag(c *cli.Command, name string, otherwise timetable.Date) (timetable.Date, error) {
	text := c.String(name)
	if text == "" {
		return otherwise, nil
	}
	d, err := timetable.ParseDate(text)
	if err != nil {
		return d, hint(fmt.Errorf("--%s: %w", name, err), "Write dates like 2026-12-03.")
	}
	return d, nil
}

// advised adds to a fault of a query what to do about it.
func advised(err error) error {
	f := (*fault.Error)(nil)
	if !errors.As(err, &f) {
		return err
	}
	if len(f.Fields) == 0 {
		return hint(err, "sportello export TERRITORY lists offices and services.")
	}
	var wrong []string
	for _, field := range f.Fields {
		wrong = append(wrong, "--"+field.Name+": "+static.Text("en", "field."+field.Code))
	}
	return hint(errors.New(strings.Join(wrong, "; ")), "Ask for at most %d days, the last not past and not before the first.", booking.MaxDays)
}

// tellStarts says when a service is free, a line for each day.
func tellStarts(out io.Writer, found *booking.Availability) error {
	for _, o := range found.Offices {
		if o.NoneBecause != nil {
			fmt.Fprintf(out, "%s: none, %s\n", o.Office, because(*o.NoneBecause, o.Institution, ""))
			continue
		}
		fmt.Fprintf(out, "%s: first on %s\n", o.Office, o.FirstFree)
		var last timetable.Date
		for _, s := range o.Starts {
			if d := timetable.DateOf(s.Start); d != last {
				fmt.Fprintf(out, "%s  %s ", lineBreak(last), d)
				last = d
			}
			fmt.Fprintf(out, " %s×%d", s.Start.Format("15:04"), s.Ways)
		}
		fmt.Fprintln(out)
	}
	return nil
}

func lineBreak(after timetable.Date) string {
	if after.IsZero() {
		return ""
	}
	return "\n"
}

// reasons are the codes in words.
var reasons = map[timetable.Code]string{
	booking.NotByChannel:   "the service cannot be had by this channel",
	timetable.ServiceEnded: "the service is not offered then",
	timetable.TooEarly:     "not released yet",
	timetable.TooLate:      "too late",
	timetable.Closed:       "closed",
	timetable.NoOfficer:    "no officer",
	timetable.NoLanguage:   "nobody there speaks the language",
	timetable.Full:         "full",
	timetable.ByOpening:    "does not open then, or not long enough",
	timetable.ByClosure:    "closure, holiday or patron saint",
	timetable.ByGrid:       "starts do not lie there",
	timetable.ByQuota:      "the channel has had its share of the day",
	timetable.ByRota:       "not there by the rota",
	timetable.ByAbsence:    "absent",
	timetable.ByClaim:      "has another appointment",
	timetable.ByBlock:      "time blocked by staff",
	timetable.ByExternal:   "busy in an own calendar",
	timetable.ByPeople:     "one person would have to stand for two",
	timetable.ByLanguage:   "nobody who is free speaks the language",
	timetable.ByRoom:       "no room is free",
}

// because says a code, whom it is about, in words.
func because(code timetable.Code, institution, who string) string {
	text, ok := reasons[code]
	if !ok {
		text = string(code)
	}
	if about := strings.TrimSpace(institution + " " + who); about != "" {
		return about + ": " + text
	}
	return text
}

// explanation is what is printed of a start for programs.
type explanation struct {
	Start     time.Time  `json:"start"`
	Free      bool       `json:"free"`
	Obstacles []obstacle `json:"obstacles"`
}

type obstacle struct {
	Code        timetable.Code `json:"code"`
	Institution string         `json:"institution,omitempty"`
	Who         string         `json:"who,omitempty"`
}

func explain(ctx context.Context, tx *store.Tx, c *cli.Command, q booking.Query, text string) error {
	if q.Office == "" {
		return hint(errors.New("--explain needs an office"), "Name it with --office.")
	}
	o, err := territory.Of(ctx, tx, q.Office)
	if err != nil {
		return err
	}
	start, err := wallTime(text, o.Zone())
	if err != nil {
		return err
	}
	found, err := booking.Explain(ctx, tx, q, start)
	if err != nil {
		return err
	}
	told := explanation{Start: start, Free: len(found) == 0, Obstacles: []obstacle{}}
	for _, x := range found {
		told.Obstacles = append(told.Obstacles, obstacle(x))
	}
	out := c.Root().Writer
	if c.Bool("json") {
		return json.NewEncoder(out).Encode(told)
	}
	if told.Free {
		fmt.Fprintf(out, "%s at %s is free.\n", start.Format("2006-01-02 15:04"), o.ID)
		return nil
	}
	fmt.Fprintf(out, "%s at %s is not offered:\n", start.Format("2006-01-02 15:04"), o.ID)
	for _, x := range told.Obstacles {
		fmt.Fprintf(out, "  %s\n", because(x.Code, x.Institution, x.Who))
	}
	return nil
}

// wallTime reads an instant, or a time as the clock on the office's wall shows it.
func wallTime(text string, zone *time.Location) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.In(zone), nil
	}
	at, err := time.ParseInLocation("2006-01-02T15:04", strings.Replace(text, " ", "T", 1), zone)
	if err != nil {
		return at, hint(fmt.Errorf("--explain %q is no time", text), "Write it like 2026-12-03T09:30 or 2026-12-03T09:30:00+01:00.")
	}
	return at, nil
}
