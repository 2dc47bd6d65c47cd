package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/internal/audit"
	"sportello/internal/message"
	"sportello/internal/store"
)

func auditCommand() *cli.Command {
	return &cli.Command{
		Name:  "audit",
		Usage: "read the record of who did what, and check that nobody changed it",
		Commands: []*cli.Command{
			{
				Name:  "verify",
				Usage: "check that no line was changed, removed or put in; ends with 1 when one was",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "heads", Usage: "also compare with the heads in `FILE`: what sportello audit head printed, a saved mail or a log of syslog"},
					&cli.BoolFlag{Name: "json", Usage: "print JSON"},
				},
				Action: onAudit(verifyAudit),
			},
			{
				Name:  "head",
				Usage: "print the last line of each scope, to be kept elsewhere for verify --heads",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "day", Usage: "as of the end of `DATE` (UTC), such as 2026-11-24; without it as of now"},
				},
				Action: onAudit(printHeads),
			},
			{
				Name:  "list",
				Usage: "print lines, newest first",
				Flags: []cli.Flag{
					&cli.StringSliceFlag{Name: "scope", Usage: "of `OFFICE`, or system; may be repeated"},
					&cli.StringFlag{Name: "actor", Usage: "by `WHO`, such as user:ID, device:ID or citizen"},
					&cli.StringFlag{Name: "action", Usage: "`WHAT` was done, such as ticket.call"},
					&cli.StringFlag{Name: "subject", Usage: "to `WHAT`, such as ticket:ID or desk:ID"},
					&cli.StringFlag{Name: "from", Usage: "not before `TIME`, such as 2026-11-24 (UTC) or 2026-11-24T09:30:00+01:00"},
					&cli.StringFlag{Name: "until", Usage: "before `TIME`"},
					&cli.StringFlag{Name: "before", Usage: "go on at `CURSOR`, as the last list printed it"},
					&cli.IntFlag{Name: "limit", Value: audit.DefaultLines, Usage: fmt.Sprintf("how many lines, at most %d", audit.MostLines)},
					&cli.BoolFlag{Name: "json", Usage: "print JSON"},
				},
				Action: onAudit(listAudit),
			},
		},
	}
}

// onAudit opens the database for a command that only reads it.
func onAudit(do func(ctx context.Context, c *cli.Command, tx *store.Tx) error) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		return withDatabase(ctx, c, func(db *store.DB) error {
			if err := checkSchema(ctx, db); err != nil {
				return err
			}
			return db.View(ctx, func(tx *store.Tx) error { return do(ctx, c, tx) })
		})
	}
}

func verifyAudit(ctx context.Context, c *cli.Command, tx *store.Tx) error {
	var noted []audit.Head
	if name := c.String("heads"); name != "" {
		text, err := os.ReadFile(name)
		if err != nil {
			return hint(fmt.Errorf("heads: %w", err), "Name the file with --heads, or leave it out.")
		}
		if noted, err = audit.ReadNotes(string(text)); err != nil {
			return hint(fmt.Errorf("heads %s: %w", name, err), "It is a file of lines as sportello audit head prints them; nothing was compared.")
		}
	}
	report, err := audit.Verify(ctx, tx, noted)
	if err != nil {
		return err
	}
	if err := printReport(c, report); err != nil || report.Whole() {
		return err
	}
	return hint(errors.New("the audit is not as it was written"),
		"Copy the database as it is before anything else, and find out who could write to it. "+
			"A backup shows what was there: compare sportello audit list --scope SCOPE of both around the line. "+
			"After a restore, heads noted since the backup are missing: that is no harm.")
}

func printReport(c *cli.Command, report audit.Report) error {
	out := c.Root().Writer
	if c.Bool("json") {
		return printJSON(out, report)
	}
	for _, chain := range report.Chains {
		fmt.Fprintf(out, "%s: %d lines as they were written", chain.Scope, chain.Lines)
		if chain.Early > 0 {
			fmt.Fprintf(out, ", %d of them from before there was a chain", chain.Early)
		}
		if f := chain.Fault; f != nil {
			fmt.Fprintf(out, "; then line %d.%d: %s", f.Version, f.Line, faultText[f.Code])
		}
		fmt.Fprintln(out)
	}
	return nil
}

// faultText says what is wrong at a line.
var faultText = map[audit.FaultCode]string{
	audit.DoesNotFit: "it was changed, or lines before it were changed, removed, put in or moved",
	audit.CutOff:     "lines up to it were removed from the end",
	audit.BeyondHead: "it was put in after the last line, or the note of the last line was changed",
	audit.NotAsNoted: "it is not the line whose head was noted elsewhere",
}

func printHeads(ctx context.Context, c *cli.Command, tx *store.Tx) error {
	until := tx.Now.Add(time.Millisecond)
	if day := c.String("day"); day != "" {
		start, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return hint(fmt.Errorf("--day %q is no date", day), "Write it like 2026-11-24.")
		}
		if end := start.AddDate(0, 0, 1); end.Before(until) {
			until = end
		}
	}
	heads, err := audit.Heads(ctx, tx, until)
	if err != nil {
		return err
	}
	for _, line := range audit.Note(until, heads) {
		fmt.Fprintln(c.Root().Writer, line)
	}
	return nil
}

func listAudit(ctx context.Context, c *cli.Command, tx *store.Tx) error {
	from, err := timeFlag(c, "from")
	if err != nil {
		return err
	}
	until, err := timeFlag(c, "until")
	if err != nil {
		return err
	}
	lines, next, err := audit.List(ctx, tx, audit.Query{
		Scopes: c.StringSlice("scope"), Actor: c.String("actor"), Action: c.String("action"), Subject: c.String("subject"),
		From: from, Until: until, Before: audit.Cursor(c.String("before")), Limit: max(c.Int("limit"), 1),
	})
	if errors.Is(err, audit.ErrCursor) {
		return hint(fmt.Errorf("--before %q is no cursor", c.String("before")), "Use the one that the last list printed.")
	}
	if err != nil {
		return err
	}
	out := c.Root().Writer
	if c.Bool("json") {
		answer := struct {
			Items []audit.Line  `json:"items"`
			Next  *audit.Cursor `json:"next"`
		}{Items: append([]audit.Line{}, lines...)}
		if next != "" {
			answer.Next = &next
		}
		return printJSON(out, answer)
	}
	for _, l := range lines {
		fmt.Fprintf(out, "%s %s %d.%d %s %s %s %s\n", l.At.Format(time.RFC3339), l.Scope, l.Version, l.Line, l.Actor, l.Action, l.Subject, l.Detail)
	}
	if next != "" {
		fmt.Fprintf(c.Root().ErrWriter, "There are more: --before %s\n", next)
	}
	return nil
}

// timeFlag reads a flag that holds a date, in UTC, or an instant.
func timeFlag(c *cli.Command, name string) (time.Time, error) {
	text := c.String(name)
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, hint(fmt.Errorf("--%s %q is no time", name, text), "Write it like 2026-11-24 or 2026-11-24T09:30:00+01:00.")
}

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// The ways in which a day's heads leave the database.
const (
	bySyslog = "syslog"
	byMail   = "mail"
)

// note is what is to be kept elsewhere of a day.
type note struct {
	day   string // UTC
	lines []string
}

// owedNote returns the note of the last day that is over, and false when it was made in this way
// already or nothing was ever recorded. Days on which no server ran are covered by the next.
func owedNote(ctx context.Context, tx *store.Tx, way string) (note, bool, error) {
	until := tx.Now.Truncate(24 * time.Hour) // UTC midnight: absolute time counts whole days since one
	n := note{day: until.AddDate(0, 0, -1).Format(time.DateOnly)}
	if done, err := audit.Noted(ctx, tx, n.day, way); err != nil || done {
		return note{}, false, err
	}
	heads, err := audit.Heads(ctx, tx, until)
	n.lines = audit.Note(until, heads)
	return n, len(heads) > 0, err
}

const headsMail = `The audit of this Sportello ended on %s (UTC) with the lines below. Keep this mail where
nobody can change it who can write to the database. To hold the audit against it, save it as a file:

sportello audit verify --heads FILE

`

// mailHeads queues the mail with the last day's heads, once.
func mailHeads(ctx context.Context, db *store.DB, to string) error {
	return db.Update(ctx, func(tx *store.Tx) error {
		n, owed, err := owedNote(ctx, tx, byMail)
		if err != nil || !owed {
			return err
		}
		text := fmt.Sprintf(headsMail, n.day)
		for _, line := range n.lines {
			text += line + "\n"
		}
		m := message.Mail{To: to, Subject: "Sportello: audit of " + n.day, Text: text, Key: "audit-heads:" + n.day}
		if err := message.Enqueue(ctx, tx, m); err != nil {
			return err
		}
		_, err = audit.MarkNoted(ctx, tx, n.day, byMail)
		return err
	})
}

// logHeads writes the last day's heads to syslog. They may come twice when the process dies in
// between, and are not lost.
func logHeads(ctx context.Context, db *store.DB, to syslog) error {
	var n note
	var owed bool
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		n, owed, err = owedNote(ctx, tx, bySyslog)
		return err
	})
	if err != nil || !owed {
		return err
	}
	if err := to.write(ctx, db.Now(), n.lines); err != nil {
		return fmt.Errorf("write audit heads to syslog: %w", err)
	}
	return db.Update(ctx, func(tx *store.Tx) error {
		_, err := audit.MarkNoted(ctx, tx, n.day, bySyslog)
		return err
	})
}
