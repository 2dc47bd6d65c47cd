package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v3"

	"sportello/internal/audit"
	"sportello/internal/store"
)

// The actions of this program that the audit records.
const (
	actionBackup  = "backup.make"
	actionRestore = "backup.restore"
)

func backupCommand() *cli.Command {
	return &cli.Command{
		Name:      "backup",
		Usage:     "copy the database to a new file while the server goes on",
		ArgsUsage: "FILE",
		Description: "The copy is the database at one moment, checked and on the disk when it gets its name, and readable only\n" +
			"by who made it. It holds what the database holds: keep it as safe as that. sportello restore reads it.",
		Action: func(ctx context.Context, c *cli.Command) error {
			file := c.Args().First()
			if c.Args().Len() != 1 {
				return hint(errors.New("name one file for the backup"), "Use: sportello backup FILE")
			}
			if address := c.String("database"); address != "" {
				return hint(errors.New("PostgreSQL makes its own backups"), "Use:\n    %s%s", dumpCommand(address, file), passwordHint(address))
			}
			if err := checkThere(c.String("data")); err != nil {
				return err
			}
			return withDatabase(ctx, c, func(db *store.DB) error { return backUp(ctx, c, db, file) })
		},
	}
}

// checkThere refuses a data folder without a database: opening it would make an empty one.
func checkThere(data string) error {
	_, err := os.Stat(databaseFile(data))
	if errors.Is(err, fs.ErrNotExist) {
		return hint(fmt.Errorf("there is no database in %s", data), "Name the data folder with --data; sportello import FILE makes a new one.")
	}
	return err
}

func backUp(ctx context.Context, c *cli.Command, db *store.DB, file string) error {
	err := db.Backup(ctx, file)
	switch {
	case errors.Is(err, fs.ErrExist):
		return hint(err, "It was left as it is: name a file that is not there yet.")
	case errors.Is(err, store.ErrDamaged):
		return hint(err, "The copy was taken away again. Run sportello doctor.")
	case err != nil:
		return hint(err, "No file was left behind. %s", roomFor(db, filepath.Dir(file)))
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Root().Writer, "%s: %s, checked.\n", file, bytesOf(info.Size()))
	err = db.Update(ctx, func(tx *store.Tx) error {
		return audit.Record(ctx, tx, audit.Entry{
			Scope: audit.System, Actor: "job:backup", Action: actionBackup, Subject: "database", Detail: map[string]any{"bytes": info.Size()},
		})
	})
	if err != nil { // an older schema, or a full disk: the very moment for a backup
		fmt.Fprintf(c.Root().ErrWriter, "The backup is good, but the audit has no line of it: %v\n", err)
	}
	return nil
}

// roomFor says whether a folder has room for a copy of the database, as far as that can be known.
func roomFor(db *store.DB, folder string) string {
	size, log, err := db.Sizes()
	if err != nil {
		return "Name a folder that you may write to."
	}
	free, _, err := store.Disk(folder)
	if err != nil {
		return fmt.Sprintf("Name a file in a folder that is there; %s is not.", folder)
	}
	if free < size+log {
		return fmt.Sprintf("The database takes %s and %s has %s left: make room, or name a file on another disk.",
			bytesOf(size+log), folder, bytesOf(free))
	}
	return "Name a folder that you may write to."
}

// bytesOf writes an amount of data as people do.
func bytesOf(n int64) string {
	const step = 1000
	if n < step {
		return fmt.Sprintf("%d bytes", n)
	}
	amount, unit := float64(n)/step, 0
	for amount >= step {
		amount, unit = amount/step, unit+1
	}
	return fmt.Sprintf("%.1f %s", amount, []string{"kB", "MB", "GB", "TB", "PB", "EB"}[unit])
}

// dumpCommand is how PostgreSQL's own program copies the database to file.
func dumpCommand(address, file string) string {
	plain, schema := forLibpq(address)
	if schema != "" {
		schema = " --schema=" + quoted(schema)
	}
	return "pg_dump --format=custom --no-owner" + schema + " --file=" + quoted(file) + " " + quoted(plain)
}

// loadCommand is how it puts that file back.
func loadCommand(address, file string) string {
	plain, _ := forLibpq(address)
	return "pg_restore --clean --if-exists --no-owner --single-transaction --dbname=" + quoted(plain) + " " + quoted(file)
}

// shared are the settings in an address that PostgreSQL's programs know as well as this one; they
// refuse others.
var shared = []string{
	"host", "hostaddr", "port", "dbname", "user", "sslmode", "sslcert", "sslkey", "sslrootcert", "connect_timeout",
	"application_name", "target_session_attrs", "service", "passfile", "options",
}

// forLibpq is a database's address as PostgreSQL's programs take it, without the password, and the
// schema that it names, if any.
func forLibpq(address string) (plain, schema string) {
	u, err := url.Parse(address)
	if err != nil {
		return "postgres://…", "" // an error of url.Parse would show the password
	}
	if u.User != nil {
		u.User = url.User(u.User.Username())
	}
	given, kept := u.Query(), url.Values{}
	for _, name := range shared {
		if given.Has(name) {
			kept.Set(name, given.Get(name))
		}
	}
	u.RawQuery = kept.Encode()
	return u.String(), given.Get("search_path")
}

// passwordHint says where the password goes that the commands above leave out.
func passwordHint(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	_, secret := u.User.Password()
	if !secret && !u.Query().Has("password") {
		return ""
	}
	return "\n  It takes the password from PGPASSWORD or ~/.pgpass, or asks for it."
}

// quoted is a word for a shell (POSIX 2.2.2).
func quoted(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
