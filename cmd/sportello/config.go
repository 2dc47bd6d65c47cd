package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pelletier/go-toml/v2"
	"github.com/urfave/cli/v3"

	"sportello/internal/store"
)

// settings are the values of the configuration file, by flag name.
type settings struct {
	file   string
	values map[string]any
	getenv func(string) string
}

// readSettings reads the file named by --config or SPORTELLO_CONFIG; there need be none.
func readSettings(args []string, getenv func(string) string) (settings, error) {
	s := settings{file: getenv("SPORTELLO_CONFIG"), getenv: getenv}
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			s.file = value
		}
		if arg == "--config" && i+1 < len(args) {
			s.file = args[i+1]
		}
	}
	if s.file == "" {
		return s, nil
	}
	text, err := os.ReadFile(s.file)
	if err != nil {
		return s, hint(fmt.Errorf("configuration file: %w", err), "Name an existing file with --config, or leave it out.")
	}
	if err := toml.Unmarshal(text, &s.values); err != nil {
		return s, fmt.Errorf("configuration file %s: %w", s.file, err)
	}
	for name := range s.values {
		if !known[name] {
			return s, hint(fmt.Errorf("configuration file %s: unknown key %q", s.file, name), "Known are: %s.", strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return s, nil
}

// known are the keys that a configuration file may have.
var known = map[string]bool{
	"data": true, "database": true, "addr": true, "base-url": true, "clock": true, "log": true, "trusted-proxies": true,
	"smtp": true, "smtp-password": true, "mail-from": true, "webhook": true, "webhook-secret": true, "audit-mail": true, "audit-syslog": true,
	"server": true, "printer": true, "calendar-networks": true,
}

// sources says where a flag that is not given gets its value: the environment, then the file.
func (s settings) sources(name string) cli.ValueSourceChain {
	return cli.NewValueSourceChain(fromEnv{s, name}, fromFile{s, name})
}

// secret is a value that no flag gives: command lines can be read by others on the machine.
func (s settings) secret(name string) string {
	for _, source := range s.sources(name).Chain {
		if value, ok := source.Lookup(); ok {
			return value
		}
	}
	return ""
}

type fromEnv struct {
	settings settings
	name     string
}

func (e fromEnv) key() string {
	return "SPORTELLO_" + strings.ToUpper(strings.ReplaceAll(e.name, "-", "_"))
}

// Lookup reads the variable; an empty one counts as not set.
func (e fromEnv) Lookup() (string, bool) {
	value := e.settings.getenv(e.key())
	return value, value != ""
}

func (e fromEnv) String() string   { return "environment variable " + e.key() }
func (e fromEnv) GoString() string { return e.String() }

// IsFromEnv and Key have the help text name the variable.
func (e fromEnv) IsFromEnv() bool { return true }

// Key is the variable's name.
func (e fromEnv) Key() string { return e.key() }

type fromFile struct {
	settings settings
	name     string
}

// Lookup reads the key of the configuration file. TOML has times of its own: one without quotes is
// as good as one with them.
func (f fromFile) Lookup() (string, bool) {
	value, ok := f.settings.values[f.name]
	if at, isTime := value.(time.Time); isTime {
		return at.Format(time.RFC3339Nano), ok
	}
	return fmt.Sprint(value), ok
}

func (f fromFile) String() string   { return fmt.Sprintf("key %q of %s", f.name, f.settings.file) }
func (f fromFile) GoString() string { return f.String() }

// command is the program's table of contents.
func command(s settings, stdout, stderr io.Writer) *cli.Command {
	return &cli.Command{
		Name:      "sportello",
		Usage:     "the front of house of public offices: kiosks, queue, call board, desks",
		Writer:    stdout,
		ErrWriter: stderr,
		Suggest:   true,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config", Usage: "TOML `FILE` with the values of flags, by their names"},
			&cli.StringFlag{Name: "data", Value: "data", Usage: "`FOLDER` of the database and of what is cached", Sources: s.sources("data")},
			&cli.StringFlag{Name: "database", Usage: "postgres://… `ADDRESS`; without it the database is a SQLite file in the data folder", Sources: s.sources("database")},
			&cli.StringFlag{Name: "clock", Usage: "start the clock at `TIME`, such as 2026-12-03T09:30:00+01:00, and let it run", Sources: s.sources("clock")},
			&cli.StringFlag{Name: "log", Value: "info", Usage: "how much to log: debug, info, warn or error", Sources: s.sources("log")},
		},
		Commands: []*cli.Command{
			serveCommand(s), demoCommand(s), migrateCommand(), importCommand(), exportCommand(),
			userCommand(s), deviceCommand(s), tokenCommand(), auditCommand(),
			availabilityCommand(), personCommand(), calendarCommand(s), cfCommand(), printAgentCommand(s),
			doctorCommand(s), backupCommand(), restoreCommand(), inspectPDFCommand(),
		},
		Action: func(_ context.Context, c *cli.Command) error {
			if name := c.Args().First(); name != "" {
				return hint(fmt.Errorf("no command %q", name), "sportello help lists them.")
			}
			return cli.ShowRootCommandHelp(c)
		},
		// run reports errors; the library would end the process.
		ExitErrHandler: func(context.Context, *cli.Command, error) {},
	}
}

// webFlags are those of the commands that open a web server.
func webFlags(s settings) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "addr", Value: "127.0.0.1:8080", Usage: "`HOST:PORT` to listen on", Sources: s.sources("addr")},
		&cli.StringFlag{Name: "base-url", Usage: "`ADDRESS` under which others reach this server; phones scan it (default: http:// and the listening address)", Sources: s.sources("base-url")},
		&cli.StringFlag{Name: "trusted-proxies", Usage: "`NETWORKS` of reverse proxies, such as 127.0.0.1/32,10.0.0.0/8, whose X-Forwarded-For says who asks; nobody else's does", Sources: s.sources("trusted-proxies")},
	}
}

// clock is the process's one clock: the system's, or one that starts at a given time and runs on.
func clock(start string) (func() time.Time, error) {
	if start == "" {
		return time.Now, nil
	}
	at, err := time.Parse(time.RFC3339, start)
	if err != nil {
		return nil, hint(fmt.Errorf("--clock %q is no time", start), "Write it like 2026-12-03T09:30:00+01:00.")
	}
	offset := time.Until(at)
	return func() time.Time { return time.Now().Add(offset) }, nil
}

// logger writes to stderr at the level asked for.
func logger(c *cli.Command) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log"))); err != nil {
		return nil, hint(fmt.Errorf("--log %q is no level", c.String("log")), "Use debug, info, warn or error.")
	}
	return slog.New(slog.NewJSONHandler(c.Root().ErrWriter, &slog.HandlerOptions{Level: level})), nil
}

// databaseFile is where a data folder has its database.
func databaseFile(data string) string { return filepath.Join(data, "sportello.db") }

// openDatabase opens the database that the flags name. The data folder is made if it is missing.
func openDatabase(ctx context.Context, c *cli.Command, data string, now func() time.Time) (*store.DB, error) {
	if err := os.MkdirAll(data, 0o750); err != nil {
		return nil, hint(fmt.Errorf("data folder: %w", err), "Name a folder that you may write to with --data.")
	}
	return openThere(ctx, c, data, now)
}

// openThere is openDatabase where nothing is to be made.
func openThere(ctx context.Context, c *cli.Command, data string, now func() time.Time) (*store.DB, error) {
	address := c.String("database")
	if address == "" {
		address = "sqlite:" + databaseFile(data)
	}
	db, err := store.Open(ctx, store.Options{URL: address, Now: now})
	if errors.Is(err, store.ErrInUse) {
		return nil, hint(err, "A backup is being restored into it: wait until that has ended.")
	}
	if err != nil {
		return nil, hint(err, "Check --data and --database, and that the database is running.")
	}
	return db, nil
}

// checkSchema refuses a database whose schema is not this program's.
func checkSchema(ctx context.Context, db *store.DB) error {
	have, want, err := db.Schema(ctx)
	switch {
	case err != nil:
		return err
	case have > want:
		return hint(fmt.Errorf("the database has schema %d, newer than this program's %d", have, want),
			"Run the newer sportello that made it; nothing was changed.")
	case have < want:
		return hint(fmt.Errorf("the database has schema %d, this program wants %d", have, want),
			"Back the data up, then run: sportello migrate, or serve --migrate.")
	}
	return nil
}
