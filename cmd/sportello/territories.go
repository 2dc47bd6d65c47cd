package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v3"

	"sportello/booking/territory"
	"sportello/internal/store"
)

func migrateCommand() *cli.Command {
	return &cli.Command{
		Name:  "migrate",
		Usage: "bring the database's schema up to this program's; a new database is created",
		Action: func(ctx context.Context, c *cli.Command) error {
			return withDatabase(ctx, c, func(db *store.DB) error {
				have, want, err := db.Schema(ctx)
				if err != nil {
					return err
				}
				if have > want {
					return checkSchema(ctx, db)
				}
				if err := db.Migrate(ctx); err != nil {
					return err
				}
				fmt.Fprintf(c.Root().Writer, "Schema %d → %d.\n", have, want)
				return nil
			})
		},
	}
}

func importCommand() *cli.Command {
	return &cli.Command{
		Name:      "import",
		Usage:     "load territory files; objects named in them are replaced whole, others stay",
		ArgsUsage: "FILE...",
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Args().Len() == 0 {
				return hint(errors.New("no territory file named"), "Use: sportello import FILE...")
			}
			return withDatabase(ctx, c, func(db *store.DB) error {
				if err := prepare(ctx, db); err != nil {
					return err
				}
				for _, name := range c.Args().Slice() {
					if err := importFile(ctx, c, db, name); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}

// prepare migrates a new database and checks an old one.
func prepare(ctx context.Context, db *store.DB) error {
	have, _, err := db.Schema(ctx)
	if err != nil {
		return err
	}
	if have == 0 {
		return db.Migrate(ctx)
	}
	return checkSchema(ctx, db)
}

func importFile(ctx context.Context, c *cli.Command, db *store.DB, name string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return hint(fmt.Errorf("territory file: %w", err), "Check the name; nothing was changed.")
	}
	report, err := importText(ctx, db, text, filepath.Base(name))
	if err != nil {
		return hint(err, "Correct the file and import it again; nothing of it was changed.")
	}
	fmt.Fprintf(c.Root().Writer, "%s: %s\n", name, summary(report))
	return nil
}

// summary says in a line what an import did.
func summary(r territory.Report) string {
	if !r.Changed() {
		return "territory " + r.Territory + ": nothing to change"
	}
	text := "territory " + r.Territory
	for _, kind := range []struct {
		name  string
		tally territory.Tally
	}{
		{"institutions", r.Institutions}, {"services", r.Services}, {"needs", r.Needs}, {"offices", r.Offices}, {"officers", r.Officers}, {"texts", r.Texts},
	} {
		text += fmt.Sprintf("; %s: %d added, %d changed, %d unchanged", kind.name, kind.tally.Added, kind.tally.Changed, kind.tally.Unchanged)
	}
	return text
}

// importText reads a territory file, which may be a part of a territory that the database holds, and
// writes it.
func importText(ctx context.Context, db *store.DB, text []byte, name string) (report territory.Report, err error) {
	err = db.Update(ctx, func(tx *store.Tx) error {
		file, problems, err := territory.ParseOver(ctx, tx, text, name)
		if err != nil {
			return err
		}
		if len(problems) > 0 {
			return territory.Problems(problems)
		}
		report, err = territory.Import(ctx, tx, file)
		return err
	})
	return report, err
}

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write a territory down as the file that import reads",
		ArgsUsage: "TERRITORY",
		Action: func(ctx context.Context, c *cli.Command) error {
			return withDatabase(ctx, c, func(db *store.DB) error {
				if err := checkSchema(ctx, db); err != nil {
					return err
				}
				var text []byte
				err := db.View(ctx, func(tx *store.Tx) error {
					id, err := chosenTerritory(ctx, tx, c.Args().First())
					if err != nil {
						return err
					}
					text, err = territory.Export(ctx, tx, id)
					return err
				})
				if err != nil {
					return err
				}
				_, err = c.Root().Writer.Write(text)
				return err
			})
		},
	}
}

// chosenTerritory is the one named, or the only one there is.
func chosenTerritory(ctx context.Context, tx *store.Tx, named string) (string, error) {
	all, err := territory.List(ctx, tx)
	if err != nil {
		return "", err
	}
	ids := make([]string, len(all))
	for i, t := range all {
		ids[i] = t.ID
		if t.ID == named || named == "" && len(all) == 1 {
			return t.ID, nil
		}
	}
	return "", hint(fmt.Errorf("no territory %q", named), "There are: %v.", ids)
}

// withDatabase opens the database of the flags for one command.
func withDatabase(ctx context.Context, c *cli.Command, do func(*store.DB) error) error {
	now, err := clock(c.String("clock"))
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, c, c.String("data"), now)
	if err != nil {
		return err
	}
	defer db.Close()
	return do(db)
}
