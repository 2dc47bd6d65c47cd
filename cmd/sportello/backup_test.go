package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/audit"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/printouts/spool"
	"sportello/queue"
)

// TestBackupUnderLoad copies the database while kiosks take tickets from a server of its own, puts
// the copy into an empty folder and has a server go on there: the next number was never told. So it
// is when the copy goes back to where it came from.
func TestBackupUnderLoad(t *testing.T) {
	data, file := t.TempDir(), filepath.Join(t.TempDir(), "backup.db")
	token := furnish(t, data, access.Kiosk)
	server := serveAt(t, data)
	told := make(map[string]bool)
	highest := 0
	var mu sync.Mutex
	var kiosks sync.WaitGroup
	var left atomic.Int64 // as many as may be told after the backup has begun, less those under way
	left.Store(90)
	begun, started := make(chan struct{}), make(chan struct{})
	tell := sync.OnceFunc(func() { close(started) })
	for range 4 {
		kiosks.Go(func() {
			for {
				select {
				case <-begun:
					if left.Add(-1) < 0 {
						return
					}
				default:
				}
				number, _, err := issueOverHTTP(server.base, token)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				told[number] = true
				highest = max(highest, len(told))
				if len(told) == 20 {
					tell()
				}
				mu.Unlock()
			}
		})
	}
	<-started
	close(begun)
	out, err := attempt(t, "--data", data, "backup", file)
	kiosks.Wait()
	if err != nil || !strings.Contains(out, "checked") {
		t.Fatalf("backup: %q, %v", out, err)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got %v, %v, want a file that only its maker reads", info, err)
	}
	_, err = attempt(t, "--data", data, "restore", file)
	if err == nil || !strings.Contains(err.Error(), "Stop the server") {
		t.Errorf("restore under a running server: got %v, want that it is to be stopped", err)
	}
	server.kill()

	fresh := filepath.Join(t.TempDir(), "new", "folder")
	for _, folder := range []string{fresh, data} {
		if out, err := attempt(t, "--data", folder, "--clock", opening, "restore", file); err != nil {
			t.Fatalf("restore: %s, %v", out, err)
		}
		number, _, err := issueOverHTTP(serveAt(t, folder).base, token)
		if err != nil {
			t.Fatal(err)
		}
		if told[number] {
			t.Errorf("%s: number %s was told before", folder, number)
		}
		if want := label(highest + 101); folder == data && number != want {
			t.Errorf("where the old database is known: got number %s, want %s", number, want)
		}
	}
	t.Logf("%d numbers told", len(told))
}

func serveAt(t *testing.T, data string) *process {
	t.Helper()
	return start(t, "--data", data, "--clock", opening, "--log", "error", "serve", "--addr", "127.0.0.1:0")
}

// lived is a folder whose database has seen a morning, and what of it a backup holds.
type lived struct{ data, backup string }

// live makes a day with a backup in its middle: numbers in one series, a session and a print job
// before it; more numbers, in another series as well, and an erasure after it.
func live(t *testing.T) lived {
	t.Helper()
	l := lived{t.TempDir(), filepath.Join(t.TempDir(), "backup.db")}
	furnish(t, l.data, access.Kiosk)
	db := l.open(t)
	count := func(series string, last int) func(ctx context.Context, tx *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO ticket_counters (office_id, series, day, last) VALUES ($1, $2, '2026-12-03', $3)
				ON CONFLICT (office_id, series, day) DO UPDATE SET last = excluded.last`, busy[0], series, last)
			return err
		}
	}
	change(t, db, count("A", 12))
	change(t, db, func(ctx context.Context, tx *store.Tx) error {
		user := access.User{ID: "u", Login: "anna", Name: "Anna Prova", Role: access.Officer}
		if err := access.AddUser(ctx, tx, user, access.HashPassword("prova"), "user:test"); err != nil {
			return err
		}
		if err := spool.AddPrinter(ctx, tx, spool.Printer{ID: "p", Office: busy[0], URI: "file:" + t.TempDir()}); err != nil {
			return err
		}
		_, err := spool.Enqueue(ctx, tx, spool.Job{Printer: "p", Office: busy[0], Subject: "ticket:1", Kind: spool.KindTicket, Values: "values"})
		return err
	})
	if _, _, err := access.SignIn(t.Context(), db, "anna", "prova", "", access.From{}); err != nil {
		t.Fatal(err)
	}
	change(t, db, func(ctx context.Context, tx *store.Tx) error { return audit.Erase(ctx, tx, "print:before") })
	for _, key := range []string{"sent", "waits"} {
		change(t, db, func(ctx context.Context, tx *store.Tx) error {
			return message.Enqueue(ctx, tx, message.Mail{To: "anna@prova.example", Subject: "Prova", Text: "Parole", Key: key})
		})
	}
	if err := db.Backup(t.Context(), l.backup); err != nil {
		t.Fatal(err)
	}
	change(t, db, count("A", 40))
	change(t, db, func(ctx context.Context, tx *store.Tx) error {
		u, err := access.UserByLogin(ctx, tx, "anna")
		if err != nil {
			return err
		}
		u.Role = access.Observer
		_, sent := tx.Exec(ctx, `UPDATE messages SET state = 'sent', recipient = '', subject = '', body = '' WHERE key = 'sent'`)
		return errors.Join(sent, access.EditUser(ctx, tx, u, "user:test"))
	})
	change(t, db, count("Q", 7))
	change(t, db, func(ctx context.Context, tx *store.Tx) error { return audit.Erase(ctx, tx, "print:after") })
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l lived) open(t *testing.T) *store.DB {
	t.Helper()
	now, err := clock(opening)
	if err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + databaseFile(l.data), Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func change(t *testing.T, db *store.DB, do func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return do(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func (l lived) restore(t *testing.T, args ...string) string {
	t.Helper()
	out, err := attempt(t, append([]string{"--data", l.data, "--clock", opening, "restore"}, append(args, l.backup)...)...)
	if err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return out
}

// counters are those of the first office today.
func counters(t *testing.T, db *store.DB) map[string]int64 {
	t.Helper()
	found := make(map[string]int64)
	err := db.View(t.Context(), func(tx *store.Tx) error {
		all, err := queue.Counters(t.Context(), tx, tx.Now)
		for _, c := range all {
			if c.Office == busy[0] {
				found[c.Series] = c.Last
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// one reads a number.
func one(t *testing.T, db *store.DB, query string, args ...any) (n int64) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error { return tx.QueryRow(t.Context(), query, args...).Scan(&n) })
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// TestRestoreSettles looks at what a restore leaves of a day: numbers go on after the last known to
// either database, in every series of the territory; sessions and print jobs end; erasures stay.
func TestRestoreSettles(t *testing.T) {
	l := live(t)
	db := l.open(t)
	versions := one(t, db, `SELECT MAX(version) FROM office_state`)
	db.Close()
	out := l.restore(t)
	for _, text := range []string{"go on 100 after", "so that no printed number comes again", "Sessions ended: 1", "not be printed: 1", "not be sent: 1", "repeated: 2", "again as they were: 1", "links: anna.", "kept as"} {
		if !strings.Contains(out, text) {
			t.Errorf("does not say %q:\n%s", text, out)
		}
	}
	db = l.open(t)
	got := counters(t, db)
	for series, want := range map[string]int64{"A": 140, "Q": 107} {
		if got[series] != want {
			t.Errorf("series %s is at %d, want %d", series, got[series], want)
		}
	}
	change(t, db, func(ctx context.Context, tx *store.Tx) error {
		all, err := territory.List(ctx, tx)
		for _, o := range all[0].Offices {
			for _, a := range o.Areas {
				if n := one(t, db, `SELECT COUNT(*) FROM ticket_counters WHERE office_id = $1 AND series = $2 AND day = '2026-12-03' AND last >= 100`, o.ID, a.Series); n != 1 {
					t.Errorf("%s, series %s: has no counter", o.ID, a.Series)
				}
			}
		}
		return err
	})
	for query, want := range map[string]int64{
		`SELECT COUNT(*) FROM sessions`:                                                   0,
		`SELECT COUNT(*) FROM print_jobs WHERE state = 'expired' AND payload = ''`:        1,
		`SELECT COUNT(*) FROM print_jobs`:                                                 1,
		`SELECT COUNT(*) FROM erasures`:                                                   3,
		`SELECT COUNT(*) FROM messages WHERE state = 'sent' AND recipient = ''`:           1,
		`SELECT COUNT(*) FROM messages WHERE state = 'queued' AND recipient <> ''`:        1,
		`SELECT COUNT(*) FROM users WHERE login = 'anna' AND password = ''`:               1,
		`SELECT COUNT(*) FROM audit WHERE scope = 'system' AND action = 'backup.restore'`: 1,
		`SELECT COUNT(*) FROM office_state WHERE version <= ` + fmt.Sprint(versions):      0,
	} {
		if got := one(t, db, query); got != want {
			t.Errorf("%s: got %d, want %d", query, got, want)
		}
	}
	db.Close()
	l.restore(t, "--skip", "1000") // a second time from the same file
	db = l.open(t)
	if got := counters(t, db)["A"]; got != 1140 {
		t.Errorf("after the second restore: series A is at %d, want 1140", got)
	}
	if got := one(t, db, `SELECT COUNT(*) FROM erasures`); got != 3 {
		t.Errorf("after the second restore: %d erasures, want 3", got)
	}
}

func TestErasuresAreRepeated(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		var again []string
		users := func(_ context.Context, _ *store.Tx, subject string) (bool, error) {
			ours := strings.HasPrefix(subject, "user:")
			if ours {
				again = append(again, subject)
			}
			return ours, nil
		}
		change(t, db, func(ctx context.Context, tx *store.Tx) error {
			if err := audit.Erase(ctx, tx, "user:known"); err != nil {
				return err
			}
			known, err := audit.Erasures(ctx, tx, tx.Now)
			if err != nil {
				return err
			}
			later := audit.Erasure{ID: "later", At: tx.Now.AddDate(-1, 0, 0), Subject: "user:later"} // by a clock that was wrong
			repeated, err := repeatErasures(ctx, tx, append(known, later), forgetters{spool.Forget, users})
			if diff := cmp.Diff([]audit.Erasure{later}, repeated); diff != "" {
				t.Errorf("repeated (-want +got):\n%s", diff)
			}
			return err
		})
		if diff := cmp.Diff([]string{"user:later"}, again); diff != "" {
			t.Errorf("erased again (-want +got):\n%s", diff)
		}
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := repeatErasures(t.Context(), tx, []audit.Erasure{{ID: "x", Subject: "token:1"}}, forgetters{spool.Forget, users})
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "token:1") {
			t.Errorf("a subject that nobody knows: got %v", err)
		}
	})
}

// TestRestoreOverADamagedDatabase is what a restore is most often for: the old file is kept with its
// log, and what could not be known is said.
func TestRestoreOverADamagedDatabase(t *testing.T) {
	l := live(t)
	for name, text := range map[string]string{"": "torn", "-wal": "torn log", "-shm": "torn index"} {
		if err := os.WriteFile(databaseFile(l.data)+name, []byte(strings.Repeat(text, 1000)), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	out := l.restore(t)
	l.lost(t, out, "cannot be read well")
	kept, err := filepath.Glob(databaseFile(l.data) + ".before-restore-*Z*")
	if err != nil || len(kept) == 0 {
		t.Fatalf("the old database is not kept: %v", err)
	}
	text, err := os.ReadFile(kept[0])
	if err != nil || !strings.HasPrefix(string(text), "torn") {
		t.Errorf("kept %v: %v", kept, err)
	}
	db := l.open(t)
	if got := counters(t, db)["A"]; got != 112 {
		t.Errorf("series A is at %d, want 112: 100 after the backup's", got)
	}
}

// TestRestoreOfALostDatabase puts the backup into a folder of its own: nothing is known of what was
// printed and sent since.
func TestRestoreOfALostDatabase(t *testing.T) {
	l := live(t)
	l.data = t.TempDir()
	l.lost(t, l.restore(t), "There was no database here")
}

// lost looks whether a restore says that what came after the backup is not known, and does not send mail
// that may have been sent.
func (l lived) lost(t *testing.T, out, why string) {
	t.Helper()
	for _, text := range []string{why, "If more than 100 of a series", "larger --skip", "not be sent: 2"} {
		if !strings.Contains(out, text) {
			t.Errorf("does not say %q:\n%s", text, out)
		}
	}
	if strings.Contains(out, "no printed number comes again") {
		t.Errorf("claims what it cannot know:\n%s", out)
	}
	db := l.open(t)
	defer db.Close()
	if got := one(t, db, `SELECT COUNT(*) FROM messages WHERE state = 'failed' AND code = 'restored' AND recipient = '' AND body = ''`); got != 2 {
		t.Errorf("%d messages are settled, want 2", got)
	}
}

// TestRestoreBesideAForeignLog restores where the old database was taken away after a crash and its log
// was not: SQLite would write that log into the one put there.
func TestRestoreBesideAForeignLog(t *testing.T) {
	l := live(t)
	db := l.open(t)
	change(t, db, func(ctx context.Context, tx *store.Tx) error { return audit.Erase(ctx, tx, "print:last") })
	logs := make(map[string][]byte)
	for _, name := range []string{"-wal", "-shm"} {
		text, err := os.ReadFile(databaseFile(l.data) + name)
		if err != nil || len(text) == 0 {
			t.Fatalf("%s: %d bytes, %v", name, len(text), err)
		}
		logs[name] = text
	}
	db.Close()
	if err := os.Remove(databaseFile(l.data)); err != nil {
		t.Fatal(err)
	}
	for name, text := range logs {
		if err := os.WriteFile(databaseFile(l.data)+name, text, 0o640); err != nil {
			t.Fatal(err)
		}
	}
	out := l.restore(t)
	if !strings.Contains(out, "log of one that is gone is kept as") {
		t.Errorf("does not say where the log is:\n%s", out)
	}
	db = l.open(t)
	if err := db.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if got := one(t, db, `SELECT COUNT(*) FROM erasures`); got != 1 {
		t.Errorf("%d erasures, want the backup's one", got)
	}
}

// TestRestoreByRoot restores into a folder of somebody else's, who is to be able to run the server then.
func TestRestoreByRoot(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	const nobody = 65534
	l := live(t)
	l.data = t.TempDir()
	if err := os.Chown(l.data, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	l.restore(t)
	entries, err := os.ReadDir(l.data)
	if err != nil || len(entries) == 0 {
		t.Fatal(entries, err)
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if owner := info.Sys().(*syscall.Stat_t); owner.Uid != nobody || owner.Gid != nobody {
			t.Errorf("%s belongs to %d:%d", e.Name(), owner.Uid, owner.Gid)
		}
	}
}

func TestRestoreRefuses(t *testing.T) {
	l := live(t)
	whole, err := os.ReadFile(l.backup)
	if err != nil {
		t.Fatal(err)
	}
	middle := append([]byte{}, whole...)
	copy(middle[len(middle)/2:], strings.Repeat("damage", 4000))
	tests := []struct {
		name   string
		write  func(path string) error
		reason string
	}{
		{"damaged", content(middle), "damaged"},
		{"cut short", content(whole[:len(whole)*2/3]), "malformed"},
		{"its first page", content(whole[:4096]), "malformed"},
		{"empty", content(nil), "no backup of sportello"},
		{"a text", content([]byte("SQLite format 4\x00 and more")), "no backup of sportello"},
		{"another program's database", database(`CREATE TABLE office_state (x TEXT)`), "no backup of sportello"},
		{"newer", newer(whole), "newer than this program's"},
		{"a live copy with its log", func(path string) error {
			return errors.Join(content(whole)(path), content([]byte("log"))(path+"-wal"))
		}, "its log lies beside it"},
		{"a folder", func(path string) error { return os.Mkdir(path, 0o700) }, "no backup of sportello"},
		{"nothing", func(string) error { return nil }, "no such file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "backup.db")
			if err := tt.write(file); err != nil {
				t.Fatal(err)
			}
			before := contents(t, l.data)
			_, err := attempt(t, "--data", l.data, "--clock", opening, "restore", file)
			if err == nil || !strings.Contains(err.Error(), tt.reason) || !strings.Contains(err.Error(), "Nothing was changed") {
				t.Errorf("got %v, want %q and that nothing was changed", err, tt.reason)
			}
			if diff := cmp.Diff(before, contents(t, l.data)); diff != "" {
				t.Errorf("the folder (-before +after):\n%s", diff)
			}
			empty := filepath.Join(t.TempDir(), "empty")
			if _, err := attempt(t, "--data", empty, "restore", file); err == nil {
				t.Error("restored into an empty folder")
			}
			if _, err := os.Stat(empty); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the folder was made: %v", err)
			}
		})
	}
}

// content writes a file.
func content(text []byte) func(path string) error {
	return func(path string) error { return os.WriteFile(path, text, 0o600) }
}

// database writes a SQLite file that is not ours, or not quite.
func database(statements ...string) func(path string) error {
	return func(path string) error {
		ctx := context.Background()
		db, err := store.Open(ctx, store.Options{URL: "sqlite:" + path})
		if err != nil {
			return err
		}
		err = db.Update(ctx, func(tx *store.Tx) error {
			var err error
			for _, s := range statements {
				_, failed := tx.Exec(ctx, s)
				err = errors.Join(err, failed)
			}
			return err
		})
		return errors.Join(err, db.Close())
	}
}

func newer(whole []byte) func(path string) error {
	return func(path string) error {
		if err := content(whole)(path); err != nil {
			return err
		}
		return database(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, TRUE)`)(path)
	}
}

// contents are the files of a folder by name, as digests. SQLite's own index of its log differs.
func contents(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := make(map[string]string)
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(folder, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		found[e.Name()] = fmt.Sprintf("%x", sha256.Sum256(text))
	}
	return found
}

// lastMigration returns the version of the newest migration and the statements that undo it.
func lastMigration(t *testing.T) (version, undo string) {
	t.Helper()
	files, err := filepath.Glob("../../internal/store/migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	last := files[len(files)-1]
	text, err := os.ReadFile(last)
	if err != nil {
		t.Fatal(err)
	}
	version, _, _ = strings.Cut(filepath.Base(last), "_")
	_, undo, _ = strings.Cut(string(text), "-- +goose Down")
	return strings.TrimLeft(version, "0"), undo
}

// TestRestoreOfAnOlderSchema migrates the copy, not the file.
func TestRestoreOfAnOlderSchema(t *testing.T) {
	l := live(t)
	version, undo := lastMigration(t)
	if err := database(undo, `DELETE FROM goose_db_version WHERE version_id = `+version)(l.backup); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(l.backup)
	if err != nil {
		t.Fatal(err)
	}
	if out := l.restore(t); !strings.Contains(out, "→ "+version) {
		t.Errorf("does not say that it migrates:\n%s", out)
	}
	after, err := os.ReadFile(l.backup)
	if err != nil || string(before) != string(after) {
		t.Errorf("the backup was changed: %v", err)
	}
}

// TestNobodyOpensWhatIsBeingRestored tries the commands that use the database.
func TestNobodyOpensWhatIsBeingRestored(t *testing.T) {
	l := live(t)
	held, err := store.Hold(l.data)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	for _, command := range [][]string{{"serve"}, {"migrate"}, {"export"}, {"backup", l.backup + "2"}, {"restore", l.backup}, {"restore", "--settle"}} {
		_, err := attempt(t, append([]string{"--data", l.data}, command...)...)
		if !errors.Is(err, store.ErrInUse) {
			t.Errorf("%v: got %v, want that the folder is in use", command, err)
		}
	}
}

// TestDoctorMakesNothing has it look at a printer's folder that is to be made.
func TestDoctorMakesNothing(t *testing.T) {
	data, folder := t.TempDir(), filepath.Join(t.TempDir(), "papers", "kiosk")
	furnish(t, data, access.Kiosk)
	db := lived{data: data}.open(t)
	change(t, db, func(ctx context.Context, tx *store.Tx) error {
		return spool.AddPrinter(ctx, tx, spool.Printer{ID: "new", Office: busy[0], URI: "file:" + folder})
	})
	db.Close()
	before := contents(t, data)
	out, _ := attempt(t, "--data", data, "doctor") // whatever else it finds on this machine
	if !strings.Contains(out, "file:"+folder+" prints") {
		t.Errorf("got\n%s", out)
	}
	if there(filepath.Dir(folder)) {
		t.Error("the folder was made")
	}
	if diff := cmp.Diff(before, contents(t, data)); diff != "" {
		t.Errorf("the data folder (-before +after):\n%s", diff)
	}
}

// TestDoctorMakesNoDataFolder is for a server on PostgreSQL whose folder is missing.
func TestDoctorMakesNoDataFolder(t *testing.T) {
	server := os.Getenv("SPORTELLO_TEST_POSTGRES")
	if server == "" {
		t.Skip("needs a PostgreSQL in SPORTELLO_TEST_POSTGRES, which make test starts")
	}
	data := filepath.Join(t.TempDir(), "data")
	out, err := attempt(t, "--data", data, "--database", storetest.EmptyPostgresURL(t, server), "doctor")
	if err == nil || !strings.Contains(out, "wrong    disk") {
		t.Errorf("got %v\n%s", err, out)
	}
	if there(data) {
		t.Error("the folder was made")
	}
}

// small mounts a file system of so many bytes that lives as long as t.
func small(t *testing.T, bytes int) string {
	t.Helper()
	folder := t.TempDir()
	if err := syscall.Mount("none", folder, "tmpfs", 0, fmt.Sprintf("size=%d", bytes)); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return folder
}

// TestFullDisk backs up to a disk that is too small, and restores onto one: both are refused with
// what to do, and leave nothing behind.
func TestFullDisk(t *testing.T) {
	l := live(t)
	disk := small(t, 128<<10)
	_, err := attempt(t, "--data", l.data, "backup", filepath.Join(disk, "backup.db"))
	if err == nil || !strings.Contains(err.Error(), "make room") || !strings.Contains(err.Error(), "No file was left behind") {
		t.Errorf("backup: got %v, want that there is no room", err)
	}
	_, err = attempt(t, "--data", disk, "restore", l.backup)
	if err == nil || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "Nothing was changed") {
		t.Errorf("restore: got %v, want that there is no space", err)
	}
	left := contents(t, disk)
	delete(left, "lock")
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestPostgresCommands runs what backup and restore print.
func TestPostgresCommands(t *testing.T) {
	server := os.Getenv("SPORTELLO_TEST_POSTGRES")
	if server == "" {
		t.Skip("needs a PostgreSQL in SPORTELLO_TEST_POSTGRES, which make test starts")
	}
	if _, err := exec.LookPath("pg_restore"); err != nil {
		t.Skipf("needs PostgreSQL's programs: %v", err)
	}
	address, file := storetest.EmptyPostgresURL(t, server), filepath.Join(t.TempDir(), "it's a backup.dump")
	db := furnished(t, address)
	t.Cleanup(func() { db.Close() })
	change(t, db, func(ctx context.Context, tx *store.Tx) error { return audit.Erase(ctx, tx, "print:before") })
	printed := func(command string) string {
		_, err := attempt(t, "--database", address, command, file)
		if err == nil {
			t.Fatalf("%s: got no error", command)
		}
		for line := range strings.Lines(err.Error()) {
			if line = strings.TrimSpace(line); strings.HasPrefix(line, "pg_") && strings.Contains(line, "backup.dump") {
				return line
			}
		}
		t.Fatalf("%s names no command: %v", command, err)
		return ""
	}
	sh := func(command string) {
		if out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", command, err, out)
		}
	}
	sh(printed("backup"))
	change(t, db, func(ctx context.Context, tx *store.Tx) error { return audit.Erase(ctx, tx, "print:after") })
	sh(printed("restore"))
	if got := one(t, db, `SELECT COUNT(*) FROM erasures`); got != 1 {
		t.Errorf("%d rows after pg_restore, want those of the backup", got)
	}
	out, err := attempt(t, "--database", address, "--clock", opening, "restore", "--settle")
	if err != nil || !strings.Contains(out, "go on 100 after") || !strings.Contains(out, "If more than 100 of a series") {
		t.Fatalf("%s: %v", out, err)
	}
	if got := one(t, db, `SELECT MAX(last) FROM ticket_counters WHERE office_id = $1`, busy[0]); got != 100 {
		t.Errorf("numbers go on after %d, want 100", got)
	}
}
