package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/queue"
)

// skipVersions is further than an office's version goes in the days between a backup and its restore.
const skipVersions = 1_000_000

func restoreCommand() *cli.Command {
	return &cli.Command{
		Name:      "restore",
		Usage:     "put a backup in the place of the database; the server must be stopped",
		ArgsUsage: "FILE",
		Description: "The file is checked first; one that is damaged, foreign or newer than this program is refused and nothing is\n" +
			"changed. The database that was there is kept beside it. Then: today's numbers go on after a gap, sessions and\n" +
			"open print jobs end, mail that may have been sent is not sent again, and what was erased since the backup is\n" +
			"erased again. On PostgreSQL --settle cannot see whether a server still runs: stop every one before it.",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "skip", Value: 100, Usage: "how many `NUMBERS` each series goes on after the last one known; raise it when the old database is lost and more were given out since the backup"},
			&cli.BoolFlag{Name: "settle", Usage: "no FILE: the database was put back by other means, such as pg_restore; only do what is to be done then, with every server stopped"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.Int("skip") < 0 {
				return hint(fmt.Errorf("--skip %d goes back", c.Int("skip")), "Numbers that were printed would come again.")
			}
			if c.Bool("settle") != (c.Args().Len() == 0) || c.Args().Len() > 1 {
				return hint(errors.New("name one backup to restore"), "Use: sportello restore FILE, or sportello restore --settle")
			}
			now, err := clock(c.String("clock"))
			if err != nil {
				return err
			}
			file := c.Args().First()
			switch address := c.String("database"); {
			case c.Bool("settle"):
				return settleOnly(ctx, c, now)
			case address != "":
				return hint(errors.New("PostgreSQL restores its own backups"),
					"Stop every server, keep what there is, put the backup in its place, and let numbers go on after a gap:\n    %s\n    %s\n    %s%s",
					dumpCommand(address, "before-restore.dump"), loadCommand(address, file), "sportello --database … restore --settle", passwordHint(address))
			}
			return restore(ctx, c, file, now)
		},
	}
}

// restoration is a restore under way.
type restoration struct {
	data, file string // the folder and the backup
	work       string // a folder in it, gone at the end
	lock       string // the file that holds the folder; the server is to open it too
	now        func() time.Time
	out        io.Writer
}

// restore puts file in the place of the database of the data folder.
func restore(ctx context.Context, c *cli.Command, file string, now func() time.Time) (err error) {
	data := c.String("data")
	if err := plausible(file, databaseFile(data)); err != nil {
		return hint(err, "Nothing was changed.")
	}
	_, missing := os.Stat(data)
	held, err := hold(data)
	if err != nil {
		return err
	}
	defer held.Close()
	r := restoration{data: data, file: file, work: filepath.Join(data, "restoring"), lock: held.Name(), now: now, out: c.Root().Writer}
	defer func() {
		err = errors.Join(err, os.RemoveAll(r.work))
		if err != nil && errors.Is(missing, fs.ErrNotExist) {
			_ = os.Remove(held.Name()) // a folder that was made for nothing
			_ = os.Remove(data)
		}
	}()
	if err := r.copyIn(); err != nil {
		return hint(err, "Nothing was changed.")
	}
	old, err := r.readOld(ctx)
	if err != nil {
		return hint(err, "Nothing was changed.")
	}
	done, err := r.prepare(ctx, int64(c.Int("skip")), old)
	if err != nil {
		return hint(err, "Nothing was changed.")
	}
	kept, err := r.exchange(old)
	if err != nil {
		return err
	}
	done.tell(r.out)
	old.tell(r.out, kept)
	fmt.Fprintln(r.out, "Restored. Start the server.")
	return nil
}

// hold has the data folder, which is made if it is missing, to itself until what it returns is
// closed.
func hold(data string) (*os.File, error) {
	if err := os.MkdirAll(data, 0o750); err != nil {
		return nil, hint(fmt.Errorf("data folder: %w", err), "Name a folder that you may write to with --data.")
	}
	held, err := store.Hold(data)
	if errors.Is(err, store.ErrInUse) {
		return nil, hint(err, "Stop the server and every other sportello that uses %s; nothing was changed.", data)
	}
	return held, err
}

// magic begins every SQLite database (SQLite file format, 1.3).
const magic = "SQLite format 3\x00"

// plausible refuses what cannot be a backup for the database at place.
func plausible(name, place string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if there, err := os.Stat(place); err == nil && os.SameFile(info, there) {
		return fmt.Errorf("%s is the database itself", name)
	}
	begin := make([]byte, len(magic))
	if _, err := io.ReadFull(file, begin); err != nil || !bytes.Equal(begin, []byte(magic)) {
		return fmt.Errorf("%s is no backup of sportello", name)
	}
	if log, err := os.Stat(name + "-wal"); err == nil && log.Size() > 0 {
		return fmt.Errorf("%s is in use, or was copied while it was: its log lies beside it; sportello backup makes a copy that is whole", name)
	}
	return nil
}

// fresh is the copy of the backup that becomes the database.
func (r restoration) fresh() string { return databaseFile(r.work) }

// copyIn copies the backup into the work folder, where a restore that was killed may have left one.
func (r restoration) copyIn() error {
	if err := os.RemoveAll(r.work); err != nil {
		return err
	}
	if err := os.Mkdir(r.work, 0o700); err != nil {
		return err
	}
	from, err := os.Open(r.file)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(r.fresh(), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(to, from); err != nil {
		return errors.Join(fmt.Errorf("copy the backup: %w", err), to.Close())
	}
	return errors.Join(to.Sync(), to.Close())
}

// before is what is known of the database that a backup replaces.
type before struct {
	there      bool
	counters   []queue.Counter
	erasures   []audit.Erasure
	messages   map[string]message.Fate // nil: not known
	incomplete error                   // why not all of this could be read
}

// known reports whether all of it is known.
func (b before) known() bool { return b.there && b.incomplete == nil }

// readOld reads the database that is there. One that cannot be read is often why there is a restore.
// Closing it leaves one file, so that it can be kept.
func (r restoration) readOld(ctx context.Context) (old before, err error) {
	_, err = os.Stat(databaseFile(r.data))
	if errors.Is(err, fs.ErrNotExist) {
		return old, nil
	}
	old.there = true
	if err != nil {
		return old, err
	}
	db, err := store.Open(ctx, store.Options{URL: "sqlite:" + databaseFile(r.data), Now: r.now, Held: true})
	if err != nil {
		old.incomplete = err
		return old, nil
	}
	old.incomplete = errors.Join(db.Check(ctx), old.read(ctx, db), db.Close())
	return old, nil
}

func (b *before) read(ctx context.Context, db *store.DB) error {
	noted, err := db.HasTable(ctx, "erasures") // an older schema has none
	mailed, failed := db.HasTable(ctx, "messages")
	if err := errors.Join(err, failed); err != nil {
		return err
	}
	return db.View(ctx, func(tx *store.Tx) error {
		var erasures, messages, counters error
		if noted {
			b.erasures, erasures = audit.Erasures(ctx, tx, time.Time{})
		}
		if mailed {
			b.messages, messages = message.Fates(ctx, tx)
		}
		b.counters, counters = queue.Counters(ctx, tx, tx.Now.AddDate(0, 0, -1))
		return errors.Join(erasures, messages, counters)
	})
}

// prepare checks the copy and makes it the database that it is to be.
func (r restoration) prepare(ctx context.Context, skip int64, old before) (done settled, err error) {
	db, err := store.Open(ctx, store.Options{URL: "sqlite:" + r.fresh(), Now: r.now, Held: true})
	if err != nil {
		return done, fmt.Errorf("%s: %w", r.file, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := r.check(ctx, db); err != nil {
		return done, err
	}
	return settle(ctx, db, skip, old)
}

// check refuses a damaged, foreign or newer file, and migrates an older one.
func (r restoration) check(ctx context.Context, db *store.DB) error {
	if err := db.Check(ctx); err != nil {
		return fmt.Errorf("%s: %w", r.file, err)
	}
	for _, table := range []string{"goose_db_version", "office_state", "ticket_counters", "audit"} {
		if ours, err := db.HasTable(ctx, table); err != nil || !ours {
			return errors.Join(fmt.Errorf("%s is no backup of sportello", r.file), err)
		}
	}
	have, want, err := db.Schema(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return fmt.Errorf("%s has schema %d, newer than this program's %d: restore it with the sportello that made it", r.file, have, want)
	}
	if have < want {
		if err := db.Migrate(ctx); err != nil {
			return err
		}
		fmt.Fprintf(r.out, "%s: schema %d → %d.\n", r.file, have, want)
	}
	return nil
}

// forgetters erase again what a subject of the audit names; each knows its own subjects, and reports
// whether this is one of them.
type forgetters []func(ctx context.Context, tx *store.Tx, subject string) (bool, error)

var everything = forgetters{spool.Forget, access.Repeat, booking.Forget, calendar.Forget}

// settled is what was done to a database that was put back.
type settled struct {
	until          time.Time // what happened after it is not in the backup
	skip           int64
	sessions, jobs int64
	erasures       int
	rights         []string // logins of accounts whose rights are again what they were
	messages       int
	known          bool // what the database that is replaced knew was taken into account
}

// settle does to a database that was put back what the time since its backup asks for.
func settle(ctx context.Context, db *store.DB, skip int64, old before) (done settled, err error) {
	err = db.Update(ctx, func(tx *store.Tx) (err error) {
		done = settled{skip: skip, known: old.known()}
		if done.until, err = audit.Newest(ctx, tx); err != nil {
			return err
		}
		repeated, err := repeatErasures(ctx, tx, old.erasures, everything)
		if err != nil {
			return err
		}
		done.erasures = len(repeated)
		if done.rights, err = rightsOf(ctx, tx, repeated); err != nil {
			return err
		}
		if done.messages, err = settleMessages(ctx, tx, old, done.until); err != nil {
			return err
		}
		if done.sessions, err = access.EndAllSessions(ctx, tx); err != nil {
			return err
		}
		if done.jobs, err = spool.ExpireAll(ctx, tx); err != nil {
			return err
		}
		err = errors.Join(queue.SkipNumbers(ctx, tx, skip, old.counters), territory.SkipVersions(ctx, tx, skipVersions))
		if err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{
			Scope: audit.System, Actor: "job:restore", Action: actionRestore, Subject: "database", Detail: map[string]any{
				"until": store.Millis(done.until), "skipped": skip, "sessions": done.sessions, "print_jobs": done.jobs, "erasures": done.erasures,
				"messages": done.messages,
			},
		})
	})
	return done, err
}

// tell says what was done, in words for whoever stands before it.
func (s settled) tell(out io.Writer) {
	if !s.until.IsZero() {
		fmt.Fprintf(out, "The backup knows what happened until %s.\n", s.until.In(time.Local).Format("Mon 2 Jan 2006 15:04:05 MST"))
	}
	fmt.Fprintln(out, "Tickets issued since then are lost: who holds one needs a new number.")
	fmt.Fprintln(out, "Accounts, passwords, devices and settings are as they were then.")
	s.tellNumbers(out)
	fmt.Fprintf(out, "Sessions ended: %d. Everybody signs in again.\n", s.sessions)
	fmt.Fprintf(out, "Open print jobs that will not be printed: %d.\n", s.jobs)
	fmt.Fprintf(out, "Queued messages that were or may have been sent since and will not be sent: %d.\n", s.messages)
	fmt.Fprintf(out, "Erasures and revocations made since then and repeated: %d. Who has set a password since needs a new link: sportello user link.\n", s.erasures)
	if len(s.rights) > 0 {
		fmt.Fprintf(out, "Accounts whose rights were changed since and are again as they were: %d. Correct them, then make new links: %s.\n",
			len(s.rights), strings.Join(s.rights, ", "))
	}
}

// tellNumbers says how far it is certain that no number comes twice.
func (s settled) tellNumbers(out io.Writer) {
	fmt.Fprintf(out, "Today's numbers go on %d after the last one known", s.skip)
	if s.known {
		fmt.Fprintln(out, ", so that no printed number comes again.")
		return
	}
	fmt.Fprintf(out, ". If more than %d of a series were given out after that one,\n", s.skip)
	fmt.Fprintln(out, "numbers that are on somebody's paper come again: then restore again, before the server starts, with a larger --skip.")
}

// settleMessages settles what may have been sent since until, the backup's moment.
func settleMessages(ctx context.Context, tx *store.Tx, old before, until time.Time) (int, error) {
	fates, due := old.messages, tx.Now
	if !old.known() {
		fates = nil
	}
	if until.After(due) { // the clock went back
		due = until
	}
	return message.SettleRestored(ctx, tx, fates, due.Add(clockLag))
}

// rightsOf returns the logins of the accounts that lost rights by erasures that were repeated.
func rightsOf(ctx context.Context, tx *store.Tx, repeated []audit.Erasure) (logins []string, err error) {
	for _, e := range repeated {
		id, ok := strings.CutPrefix(e.Subject, "rights:")
		if !ok {
			continue
		}
		u, err := access.UserByID(ctx, tx, id)
		if f := (*fault.Error)(nil); errors.As(err, &f) && f.Kind == fault.Missing {
			continue // it came after the backup
		}
		if err != nil {
			return nil, err
		}
		if !u.Ended(tx.Now) {
			logins = append(logins, u.Login)
		}
	}
	slices.Sort(logins)
	return slices.Compact(logins), nil
}

// repeatErasures does again what was erased after the backup, by those that know its subject, and
// returns those.
func repeatErasures(ctx context.Context, tx *store.Tx, erasures []audit.Erasure, forget forgetters) (repeated []audit.Erasure, err error) {
	for _, e := range erasures {
		isNew, err := audit.KeepErasure(ctx, tx, e)
		if err != nil {
			return nil, err
		}
		if !isNew {
			continue
		}
		known := false
		for _, again := range forget {
			ours, err := again(ctx, tx, e.Subject)
			if err != nil {
				return nil, fmt.Errorf("erase %s again: %w", e.Subject, err)
			}
			known = known || ours
		}
		if !known {
			return nil, fmt.Errorf("%s was erased since the backup, and this program cannot erase it again", e.Subject)
		}
		repeated = append(repeated, e)
	}
	return repeated, nil
}

// exchange puts the prepared copy in place and returns where the old database is kept.
func (r restoration) exchange(old before) (kept string, err error) {
	place := databaseFile(r.data)
	stamp := place + ".before-restore-" + r.now().UTC().Format("20060102T150405Z")
	kept = stamp
	for n := 2; there(kept); n++ {
		kept = fmt.Sprintf("%s-%d", stamp, n)
	}
	model := r.data
	if old.there {
		model = place
	}
	if err := errors.Join(ownAs(r.fresh(), model), ownAs(r.lock, model)); err != nil {
		return "", hint(err, "Run it as the one who runs the server; nothing was changed.")
	}
	if err := store.Exchange(place, r.fresh(), kept); err != nil {
		return "", hint(err, "The database is the one that was there.")
	}
	return kept, nil
}

// tell says where the old database is and what could not be known from it.
func (b before) tell(out io.Writer, kept string) {
	if !b.there {
		fmt.Fprintln(out, "There was no database here. What was erased or revoked since the backup is back: erase it again.")
		if there(kept + "-wal") {
			fmt.Fprintf(out, "The log of one that is gone is kept as %s-wal.\n", kept)
		}
		return
	}
	if b.incomplete != nil {
		fmt.Fprintf(out, "The old database cannot be read well: %v.\n", b.incomplete)
		fmt.Fprintln(out, "What was erased or revoked since the backup may be back: if so, erase it again.")
	}
	fmt.Fprintf(out, "The old database is kept as %s; delete it when nothing is missing.\n", kept)
}

// there reports whether something has that name.
func there(name string) bool {
	_, err := os.Lstat(name)
	return !errors.Is(err, fs.ErrNotExist)
}

// ownAs gives a file to the owner of another, so that a restore by root does not lock out the server.
func ownAs(path, model string) error {
	info, err := os.Stat(model)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || (int(owner.Uid) == os.Geteuid() && int(owner.Gid) == os.Getegid()) {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

// settleOnly is for a database that was put back by other means.
func settleOnly(ctx context.Context, c *cli.Command, now func() time.Time) error {
	data := c.String("data")
	options := store.Options{URL: c.String("database"), Now: now}
	if options.URL == "" {
		if err := checkThere(data); err != nil {
			return err
		}
		held, err := hold(data)
		if err != nil {
			return err
		}
		defer held.Close()
		options.URL, options.Held = "sqlite:"+databaseFile(data), true
	}
	db, err := store.Open(ctx, options)
	if err != nil {
		return hint(err, "Check --data and --database, and that the database is running.")
	}
	defer db.Close()
	if err := checkSchema(ctx, db); err != nil {
		return err
	}
	done, err := settle(ctx, db, int64(c.Int("skip")), before{})
	if err != nil {
		return err
	}
	done.tell(c.Root().Writer)
	return nil
}
