package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/internal/access"
	"sportello/internal/store"
)

func tokenCommand() *cli.Command {
	return &cli.Command{
		Name:  "token",
		Usage: "programs that use the API, and their tokens",
		Commands: []*cli.Command{
			{
				Name: "add", Usage: "add a program and print its token, which is shown only now", ArgsUsage: "NAME",
				Flags: []cli.Flag{
					&cli.StringSliceFlag{Name: "scope", Usage: "`SCOPE`, may be repeated: " + joined(access.Scopes)},
					&cli.StringFlag{Name: "territory", Usage: "`ID` of the territory (default: all)"},
					&cli.StringSliceFlag{Name: "office", Usage: "`ID` of an office, may be repeated (default: all of the territory)"},
					&cli.StringFlag{Name: "until", Usage: "last `DATE` of the token, such as 2026-12-31"},
				},
				Action: withReady(addToken),
			},
			{
				Name: "list", Usage: "list programs", Flags: []cli.Flag{&cli.StringFlag{Name: "territory", Usage: "only those of the territory `ID`"}},
				Action: withReady(listTokens),
			},
			{
				Name: "revoke", Usage: "end a program's token at once", ArgsUsage: "ID",
				Action: withReady(func(ctx context.Context, c *cli.Command, db *store.DB) error {
					id, err := named(c, "program")
					if err != nil {
						return err
					}
					err = db.Update(ctx, func(tx *store.Tx) error { return access.RevokeProgram(ctx, tx, "", id, byCommand) })
					if err != nil {
						return hint(err, "sportello token list shows the ids.")
					}
					return nil
				}),
			},
		},
	}
}

func addToken(ctx context.Context, c *cli.Command, db *store.DB) error {
	name, err := named(c, "program")
	if err != nil {
		return err
	}
	p := access.Program{ID: store.NewID(), Name: name, Territory: c.String("territory"), Offices: c.StringSlice("office")}
	for _, scope := range c.StringSlice("scope") {
		p.Scopes = append(p.Scopes, access.Scope(scope))
	}
	var token string
	err = db.Update(ctx, func(tx *store.Tx) error {
		zone, err := knownPlace(ctx, tx, p.Territory, p.Offices, "")
		if err != nil {
			return err
		}
		if p.Until, err = endOf(c.String("until"), zone); err != nil {
			return err
		}
		if token, err = access.AddProgram(ctx, tx, p, byCommand); err != nil {
			return hint(err, "Scopes: %s.", joined(access.Scopes))
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Root().Writer, "Program %s. Its token, shown only now:\n%s\n", p.ID, token)
	return err
}

func listTokens(ctx context.Context, c *cli.Command, db *store.DB) error {
	out := tabwriter.NewWriter(c.Root().Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tNAME\tTERRITORY\tOFFICES\tSCOPES\tSTATE\tLAST SEEN")
	return errors.Join(db.View(ctx, func(tx *store.Tx) error {
		programs, err := access.Programs(ctx, tx, c.String("territory"))
		for _, p := range programs {
			state, seen := "good", "never"
			switch {
			case p.Revoked:
				state = "revoked"
			case !p.Until.IsZero() && !tx.Now.Before(p.Until):
				state = "ended"
			}
			if !p.Seen.IsZero() {
				seen = p.Seen.Local().Format(time.DateTime)
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", p.ID, p.Name, orAll(p.Territory), orAll(strings.Join(p.Offices, ",")), joined(p.Scopes), state, seen)
		}
		return err
	}), out.Flush())
}
