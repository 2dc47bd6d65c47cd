package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/queue"
)

// byCommand is who does what is typed at the command line, in the audit.
const byCommand = "command"

func userCommand(s settings) *cli.Command {
	return &cli.Command{
		Name:  "user",
		Usage: "accounts of staff: the first administrator, and help when nobody can sign in",
		Commands: []*cli.Command{
			{
				Name: "add", Usage: "add an account and print the one-time link with which its password is set", ArgsUsage: "LOGIN",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "name", Required: true, Usage: "`NAME` as others see it"},
					&cli.StringFlag{Name: "role", Required: true, Usage: "`ROLE`: " + joined(access.StaffRoles)},
					&cli.StringFlag{Name: "territory", Usage: "`ID` of the territory (default: all)"},
					&cli.StringSliceFlag{Name: "office", Usage: "`ID` of an office, may be repeated (default: all of the territory)"},
					&cli.StringFlag{Name: "officer", Usage: "`ID` of the officer the account works as at a desk"},
					&cli.StringFlag{Name: "until", Usage: "last `DATE` of the account, such as 2026-12-31"},
					baseFlag(s),
				},
				Action: withReady(addUser),
			},
			{
				Name: "list", Usage: "list accounts", Flags: []cli.Flag{&cli.StringFlag{Name: "territory", Usage: "only those of the territory `ID`"}},
				Action: withReady(listUsers),
			},
			{
				Name: "link", Usage: "print a new one-time link to set an account's password", ArgsUsage: "LOGIN", Flags: []cli.Flag{baseFlag(s)},
				Action: withReady(linkUser),
			},
			{
				Name: "end", Usage: "end an account now: its sessions end, it cannot sign in, its name stays for the audit", ArgsUsage: "LOGIN",
				Action: withReady(endUser),
			},
		},
	}
}

// baseFlag is the address that printed links begin with.
func baseFlag(s settings) cli.Flag {
	return &cli.StringFlag{Name: "base-url", Value: "http://127.0.0.1:8080", Usage: "`ADDRESS` under which the server is reached", Sources: s.sources("base-url")}
}

// withReady is the action of a command that wants a database of this program's schema.
func withReady(do func(ctx context.Context, c *cli.Command, db *store.DB) error) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		return withDatabase(ctx, c, func(db *store.DB) error {
			if err := checkSchema(ctx, db); err != nil {
				return err
			}
			return do(ctx, c, db)
		})
	}
}

// named is the one argument that a command wants.
func named(c *cli.Command, what string) (string, error) {
	if c.Args().Len() != 1 {
		return "", hint(fmt.Errorf("no %s named", what), "Use: %s %s", c.FullName(), c.ArgsUsage)
	}
	return c.Args().First(), nil
}

func addUser(ctx context.Context, c *cli.Command, db *store.DB) error {
	login, err := named(c, "login")
	if err != nil {
		return err
	}
	u := access.User{
		ID: store.NewID(), Login: login, Name: c.String("name"), Role: access.Role(c.String("role")),
		Territory: c.String("territory"), Officer: c.String("officer"), Offices: c.StringSlice("office"),
	}
	var link shownOnce
	err = db.Update(ctx, func(tx *store.Tx) error {
		zone, err := knownPlace(ctx, tx, u.Territory, u.Offices, u.Officer)
		if err != nil {
			return err
		}
		if u.Until, err = endOf(c.String("until"), zone); err != nil {
			return err
		}
		if err := access.AddUser(ctx, tx, u, "", byCommand); err != nil {
			return hint(err, "Roles: %s. A login is taken once.", joined(access.StaffRoles))
		}
		link.text, link.until, err = access.NewLink(ctx, tx, u.ID, byCommand)
		return err
	})
	if err != nil {
		return err
	}
	return printLink(c, link)
}

// shownOnce is a secret, and until when it is good. It is printed after the transaction that
// made it: one that is begun anew makes another.
type shownOnce struct {
	text  string
	until time.Time
}

// knownPlace checks ids of a territory, its offices and an officer, and returns the zone of dates there.
func knownPlace(ctx context.Context, tx *store.Tx, id string, offices []string, officer string) (*time.Location, error) {
	if id == "" {
		return time.Local, nil
	}
	if _, err := chosenTerritory(ctx, tx, id); err != nil {
		return nil, err
	}
	all, err := territory.List(ctx, tx)
	if err != nil {
		return nil, err
	}
	t := all[slices.IndexFunc(all, func(t *territory.Territory) bool { return t.ID == id })]
	zone := time.Local
	var known []string
	for _, o := range t.Offices {
		known, zone = append(known, o.ID), o.Zone()
	}
	for _, office := range offices {
		if !slices.Contains(known, office) {
			return nil, hint(fmt.Errorf("no office %q in %s", office, id), "There are: %s.", strings.Join(known, ", "))
		}
	}
	if officer != "" && !slices.ContainsFunc(t.Officers, func(f *territory.Officer) bool { return f.ID == officer }) {
		return nil, hint(fmt.Errorf("no officer %q in %s", officer, id), "sportello export %s lists them.", id)
	}
	return zone, nil
}

// endOf is the end of the last day of something, zero for none.
func endOf(date string, zone *time.Location) (time.Time, error) {
	if date == "" {
		return time.Time{}, nil
	}
	day, err := time.ParseInLocation(time.DateOnly, date, zone)
	if err != nil {
		return time.Time{}, hint(fmt.Errorf("--until %q is no date", date), "Write it like 2026-12-31.")
	}
	return day.AddDate(0, 0, 1), nil
}

func printLink(c *cli.Command, link shownOnce) error {
	_, err := fmt.Fprintf(c.Root().Writer, "Set the password until %s, once, at:\n%s/password/%s\n",
		link.until.Local().Format("2006-01-02 15:04"), strings.TrimSuffix(c.String("base-url"), "/"), link.text)
	return err
}

func linkUser(ctx context.Context, c *cli.Command, db *store.DB) error {
	var link shownOnce
	err := onUser(ctx, c, db, func(tx *store.Tx, u access.User) (err error) {
		link.text, link.until, err = access.NewLink(ctx, tx, u.ID, byCommand)
		return err
	})
	if err != nil {
		return err
	}
	return printLink(c, link)
}

func endUser(ctx context.Context, c *cli.Command, db *store.DB) error {
	return onUser(ctx, c, db, func(tx *store.Tx, u access.User) error {
		return errors.Join(queue.Vacate(ctx, tx, u.ID, byCommand), access.EndUser(ctx, tx, u.ID, byCommand))
	})
}

func onUser(ctx context.Context, c *cli.Command, db *store.DB, do func(*store.Tx, access.User) error) error {
	login, err := named(c, "login")
	if err != nil {
		return err
	}
	return db.Update(ctx, func(tx *store.Tx) error {
		u, err := access.UserByLogin(ctx, tx, login)
		if err != nil {
			return hint(err, "sportello user list shows the logins.")
		}
		return do(tx, u)
	})
}

func listUsers(ctx context.Context, c *cli.Command, db *store.DB) error {
	out := tabwriter.NewWriter(c.Root().Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "LOGIN\tNAME\tROLE\tTERRITORY\tOFFICES\tSTATE")
	return errors.Join(db.View(ctx, func(tx *store.Tx) error {
		for after := ""; ; {
			users, err := access.Users(ctx, tx, c.String("territory"), access.Page{After: after})
			for _, u := range users {
				fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", u.Login, u.Name, u.Role, orAll(u.Territory), orAll(strings.Join(u.Offices, ",")), stateOf(u, tx.Now))
				after = u.Login
			}
			if err != nil || len(users) < access.DefaultLimit {
				return err
			}
		}
	}), out.Flush())
}

// stateOf says whether an account can sign in.
func stateOf(u access.User, now time.Time) string {
	switch {
	case u.Ended(now):
		return "ended"
	case !u.HasSecret:
		return "no password yet"
	case !u.Until.IsZero():
		return "until " + u.Until.Add(-time.Second).Local().Format(time.DateOnly)
	}
	return "ok"
}

func orAll(id string) string {
	if id == "" {
		return "all"
	}
	return id
}

func joined[T ~string](all []T) string {
	names := make([]string, len(all))
	for i, name := range all {
		names[i] = string(name)
	}
	return strings.Join(names, ", ")
}
