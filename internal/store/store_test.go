package store_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// eachEmpty runs f on a database without a schema of each engine.
func eachEmpty(t *testing.T, f func(t *testing.T, address string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, "sqlite:"+filepath.Join(t.TempDir(), "sportello.db")) })
	if server := os.Getenv("SPORTELLO_TEST_POSTGRES"); server != "" {
		t.Run("postgres", func(t *testing.T) { f(t, storetest.EmptyPostgresURL(t, server)) })
	}
}

func open(t *testing.T, address string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func update(t *testing.T, db *store.DB, f func(tx *store.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func exec(t *testing.T, db *store.DB, query string, args ...any) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.Exec(t.Context(), query, args...)
		return err
	})
}

// value reads the one value that query gives.
func value[T any](t *testing.T, db *store.DB, query string, args ...any) (v T) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), query, args...).Scan(&v)
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

// Leases serve these tests as a table without references.
const (
	insertLease = `INSERT INTO leases (name, holder, until) VALUES ($1, 'h', 0)`
	countLeases = `SELECT COUNT(*) FROM leases`
	addOne      = `UPDATE leases SET until = until + 1 WHERE name = $1`
	untilOf     = `SELECT until FROM leases WHERE name = $1`
)

func insert(t *testing.T, tx *store.Tx, name string) {
	t.Helper()
	if _, err := tx.Exec(t.Context(), insertLease, name); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct{ name, address string }{
		{"nothing", ""},
		{"an unknown engine", "mysql://localhost/sportello"},
		{"a bare path", "/var/lib/sportello.db"},
		{"a file in a folder that is not there", "sqlite:" + filepath.Join(t.TempDir(), "no", "sportello.db")},
		{"a server that does not answer", "postgres://postgres@127.0.0.1:1/postgres?sslmode=disable"},
	} {
		t.Run(test.name, func(t *testing.T) {
			db, err := store.Open(t.Context(), store.Options{URL: test.address})
			if err == nil {
				db.Close()
				t.Fatal("got no error")
			}
		})
	}
}

func TestFileNameIsTakenAsItIs(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sede di Isernia #1?mode=memory%41&x.db")
	db := open(t, "sqlite:"+path)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Error(err)
	}
	if got := value[int64](t, db, countLeases); got != 0 {
		t.Errorf("readers see %d rows, want 0", got)
	}
}

func TestPragmas(t *testing.T) {
	db := storetest.Open(t, nil)
	for _, test := range []struct {
		name string
		run  func(context.Context, func(tx *store.Tx) error) error
		want map[string]string
	}{
		{"writer", db.Update, map[string]string{
			"journal_mode":  "wal",
			"synchronous":   "2", // FULL
			"foreign_keys":  "1",
			"secure_delete": "1",
			"busy_timeout":  "10000",
			"query_only":    "0",
		}},
		{"reader", db.View, map[string]string{
			"journal_mode": "wal",
			"foreign_keys": "1",
			"busy_timeout": "10000",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.run(t.Context(), func(tx *store.Tx) error {
				for pragma, want := range test.want {
					var got string
					if err := tx.QueryRow(t.Context(), "PRAGMA "+pragma).Scan(&got); err != nil {
						return err
					}
					if got != want {
						t.Errorf("%s: got %s, want %s", pragma, got, want)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestPlaceholders(t *testing.T) {
	ten := []any{"1", "2", "3", "4", "5", "6", "7", "8", "9", "10"}
	tests := []struct {
		name  string
		query string
		args  []any
		want  string
	}{
		{"in order", `SELECT CAST($1 AS TEXT) || CAST($2 AS TEXT)`, []any{"a", "b"}, "ab"},
		{"out of order", `SELECT CAST($2 AS TEXT) || CAST($1 AS TEXT)`, []any{"a", "b"}, "ba"},
		{"twice", `SELECT CAST($2 AS TEXT) || CAST($1 AS TEXT) || CAST($2 AS TEXT)`, []any{"a", "b"}, "bab"},
		{
			"two digits",
			`SELECT CAST($10 AS TEXT) || CAST($1 AS TEXT) || CAST($2 AS TEXT) || CAST($3 AS TEXT) || CAST($4 AS TEXT) ||
				CAST($5 AS TEXT) || CAST($6 AS TEXT) || CAST($7 AS TEXT) || CAST($8 AS TEXT) || CAST($9 AS TEXT)`,
			ten, "10123456789",
		},
		{"in a literal", `SELECT '$2' || CAST($2 AS TEXT) || CAST($1 AS TEXT)`, []any{"a", "b"}, "$2ba"},
		{"after a quote in a literal", `SELECT 'dell''$1 ' || CAST($2 AS TEXT) || CAST($1 AS TEXT)`, []any{"a", "b"}, "dell'$1 ba"},
		{"no number", `SELECT '$' || CAST($1 AS TEXT)`, []any{"a"}, "$a"},
		{"after a quote in a comment", "SELECT -- the citizen's $9\n CAST($2 AS TEXT) || CAST($1 AS TEXT)", []any{"a", "b"}, "ba"},
	}
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		for _, test := range tests {
			t.Run(test.name, func(t *testing.T) {
				for range 2 { // the second time from what the store remembers
					if got := value[string](t, db, test.query, test.args...); got != test.want {
						t.Errorf("got %q, want %q", got, test.want)
					}
				}
			})
		}
	})
}

func TestClock(t *testing.T) {
	at := time.Date(2026, 12, 3, 9, 30, 0, 123456789, time.FixedZone("CET", 3600))
	want := time.Date(2026, 12, 3, 8, 30, 0, 123000000, time.UTC)
	storetest.Each(t, func() time.Time { return at }, func(t *testing.T, db *store.DB) {
		for name, run := range map[string]func(context.Context, func(tx *store.Tx) error) error{
			"Update": db.Update, "View": db.View,
		} {
			err := run(t.Context(), func(tx *store.Tx) error {
				if tx.Now != want {
					t.Errorf("%s: got %v, want %v", name, tx.Now, want)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		}
		if got := db.Now(); got != want {
			t.Errorf("Now: got %v, want %v", got, want)
		}
	})
}

func TestUpdateRollsBack(t *testing.T) {
	undone := errors.New("not today")
	for _, test := range []struct {
		name string
		end  func() error
		want any // error or panic
	}{
		{"on an error", func() error { return undone }, undone},
		{"on a panic", func() error { panic(undone) }, undone},
	} {
		t.Run(test.name, func(t *testing.T) {
			storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
				db.OnCommit(func(topic string, version int64) { t.Errorf("told of %s %d", topic, version) })
				got := func() (got any) {
					defer func() {
						if p := recover(); p != nil {
							got = p
						}
					}()
					return db.Update(t.Context(), func(tx *store.Tx) error {
						insert(t, tx, "a")
						tx.Touch("isernia", 7)
						return test.end()
					})
				}()
				if got != test.want {
					t.Errorf("got %v, want %v", got, test.want)
				}
				if got := value[int64](t, db, countLeases); got != 0 {
					t.Errorf("got %d rows, want 0", got)
				}
				exec(t, db, `DELETE FROM leases`) // the connection is free again
			})
		})
	}
}

func TestFailedStatementLeavesNothing(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			insert(t, tx, "a")
			_, err := tx.Exec(t.Context(), insertLease, "a")
			return err
		})
		if err == nil {
			t.Error("the same key twice: got no error")
		}
		if got := value[int64](t, db, countLeases); got != 0 {
			t.Errorf("got %d rows, want 0", got)
		}
	})
}

func TestCancelledWhileWaiting(t *testing.T) {
	db := storetest.Open(t, nil) // one connection writes: the second Update waits
	began, end, ended := make(chan struct{}), make(chan struct{}), make(chan error)
	go func() {
		ended <- db.Update(t.Context(), func(*store.Tx) error {
			close(began)
			<-end
			return nil
		})
	}()
	<-began
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := db.Update(ctx, func(*store.Tx) error {
		t.Error("fn ran")
		return nil
	})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	close(end)
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

func TestCancelledBefore(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := db.Update(ctx, func(*store.Tx) error {
			t.Error("fn ran")
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

func TestCancelledWhileRunning(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		err := db.Update(ctx, func(tx *store.Tx) error {
			cancel()
			if _, err := tx.Exec(ctx, insertLease, "a"); err != nil {
				return err
			}
			var n int64
			if err := tx.QueryRow(ctx, countLeases).Scan(&n); err != nil {
				return err
			}
			rows, err := tx.Query(ctx, countLeases)
			if err != nil {
				return err
			}
			return rows.Close()
		})
		if err != nil {
			t.Errorf("got %v, want the transaction to run to its end", err)
		}
		if got := value[int64](t, db, countLeases); got != 1 {
			t.Errorf("got %d rows, want 1", got)
		}
	})
}

func TestViewCannotWrite(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		err := db.View(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), insertLease, "a")
			return err
		})
		if err == nil {
			t.Error("got no error")
		}
		if got := value[int64](t, db, countLeases); got != 0 {
			t.Errorf("got %d rows, want 0", got)
		}
	})
}

func TestViewSeesOneState(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		err := db.View(t.Context(), func(tx *store.Tx) error {
			for want := int64(0); want < 3; want++ {
				var got int64
				if err := tx.QueryRow(t.Context(), countLeases).Scan(&got); err != nil {
					return err
				}
				if got != 0 {
					t.Errorf("after %d commits by others: got %d rows, want 0", want, got)
				}
				exec(t, db, insertLease, store.NewID()) // does not wait for the reader
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := value[int64](t, db, countLeases); got != 3 {
			t.Errorf("a new view: got %d rows, want 3", got)
		}
	})
}

func TestOnCommit(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		told := map[string]int64{}
		calls := 0
		db.OnCommit(func(topic string, version int64) {
			calls++
			told[topic] = version
			if got := value[int64](t, db, countLeases); got != 1 {
				t.Errorf("a listener sees %d rows, want what was committed", got)
			}
		})
		others := 0
		db.OnCommit(func(string, int64) { others++ })
		update(t, db, func(tx *store.Tx) error {
			insert(t, tx, "a")
			tx.Touch("isernia", 7)
			tx.Touch("milano", 3)
			tx.Touch("isernia", 8)
			if calls != 0 {
				t.Error("told before the commit")
			}
			return nil
		})
		update(t, db, func(*store.Tx) error { return nil }) // touches nothing
		if diff := cmp.Diff(map[string]int64{"isernia": 8, "milano": 3}, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if calls != 2 || others != 2 {
			t.Errorf("listeners were called %d and %d times, want twice each", calls, others)
		}
	})
}

func TestMemo(t *testing.T) {
	db := storetest.Open(t, nil)
	loads := 0
	memo := func(key, stamp string, fails error) (got any, err error) {
		update(t, db, func(tx *store.Tx) error {
			got, err = tx.Memo(key, stamp, func() (any, error) {
				loads++
				return key + stamp, fails
			})
			return nil
		})
		return got, err
	}
	broken := errors.New("broken")
	for _, test := range []struct {
		name, key, stamp string
		fails            error
		want             any
		wantLoads        int
	}{
		{"first", "isernia", "1", nil, "isernia1", 1},
		{"kept", "isernia", "1", nil, "isernia1", 1},
		{"another key", "milano", "1", nil, "milano1", 2},
		{"another stamp", "isernia", "2", nil, "isernia2", 3},
		{"kept anew", "isernia", "2", nil, "isernia2", 3},
		{"an error", "isernia", "3", broken, nil, 4},
		{"is not kept", "isernia", "3", nil, "isernia3", 5},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := memo(test.key, test.stamp, test.fails)
			if got != test.want || !errors.Is(err, test.fails) || loads != test.wantLoads {
				t.Errorf("got %v, %v after %d loads, want %v, %v after %d",
					got, err, loads, test.want, test.fails, test.wantLoads)
			}
		})
	}
}

func TestConcurrentUpdates(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		const (
			writers = 16
			each    = 20
		)
		exec(t, db, insertLease, "counter")
		var newest atomic.Int64
		db.OnCommit(func(_ string, version int64) {
			for seen := newest.Load(); version > seen && !newest.CompareAndSwap(seen, version); seen = newest.Load() {
			}
		})
		var group sync.WaitGroup
		for range writers {
			group.Go(func() {
				for range each {
					err := db.Update(t.Context(), func(tx *store.Tx) error {
						var version int64
						err := tx.QueryRow(t.Context(), addOne+` RETURNING until`, "counter").Scan(&version)
						tx.Touch("isernia", version)
						return err
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
			group.Go(func() {
				for last := int64(0); last < each; last++ {
					if got := value[int64](t, db, untilOf, "counter"); got < 0 || got > writers*each {
						t.Errorf("a reader saw %d", got)
					}
				}
			})
		}
		group.Wait()
		if got := value[int64](t, db, untilOf, "counter"); got != writers*each {
			t.Errorf("got %d, want %d", got, writers*each)
		}
		if got := newest.Load(); got != writers*each {
			t.Errorf("listeners were told of %d at most, want %d", got, writers*each)
		}
	})
}

// TestDeadlockIsTriedAgain has two transactions take two rows in opposite order. On SQLite they run
// one after the other.
func TestDeadlockIsTriedAgain(t *testing.T) {
	server := os.Getenv("SPORTELLO_TEST_POSTGRES")
	if server == "" {
		t.Skip("SPORTELLO_TEST_POSTGRES is not set")
	}
	db := storetest.Postgres(t, server, nil)
	exec(t, db, insertLease, "a")
	exec(t, db, insertLease, "b")
	var told atomic.Int64
	db.OnCommit(func(string, int64) { told.Add(1) })
	var runs atomic.Int64
	var both, group sync.WaitGroup
	both.Add(2)
	take := func(first, second string) {
		meet := sync.OnceFunc(func() { both.Done(); both.Wait() })
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			runs.Add(1)
			tx.Touch("isernia", 1)
			if _, err := tx.Exec(t.Context(), addOne, first); err != nil {
				return err
			}
			meet()
			_, err := tx.Exec(t.Context(), addOne, second)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
	group.Go(func() { take("a", "b") })
	group.Go(func() { take("b", "a") })
	group.Wait()
	if got := runs.Load(); got < 3 {
		t.Errorf("fn ran %d times, want 3 at least: one transaction again, or both where both are given up", got)
	}
	if got := told.Load(); got != 2 {
		t.Errorf("listeners were told %d times, want 2", got)
	}
	for _, name := range []string{"a", "b"} {
		if got := value[int64](t, db, untilOf, name); got != 2 {
			t.Errorf("row %s: got %d, want 2", name, got)
		}
	}
}

func TestForeignKeys(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		const session = `INSERT INTO sessions (hash, id, user_id, created_at, seen_at, expires_at, address, agent) VALUES ('h', 'i', $1, 0, 0, 0, '', '')`
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), session, "nobody")
			return err
		})
		if err == nil {
			t.Error("a session of nobody: got no error")
		}
		exec(t, db, `INSERT INTO users (id, login, name, password, role, territory_id, officer_id, offices, created_at)
			VALUES ('u', 'anna', 'Anna Prova', '', 'officer', '', '', '[]', 0)`)
		exec(t, db, session, "u")
		exec(t, db, `DELETE FROM users`)
		if got := value[int64](t, db, `SELECT COUNT(*) FROM sessions`); got != 0 {
			t.Errorf("sessions of a deleted user: got %d, want 0", got)
		}
	})
}

func TestMigrate(t *testing.T) {
	eachEmpty(t, func(t *testing.T, address string) {
		db := open(t, address)
		schema := func() (have, want int64) {
			t.Helper()
			have, want, err := db.Schema(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return have, want
		}
		if have, want := schema(); have != 0 || want < 1 {
			t.Errorf("empty database: got %d of %d, want 0 of at least 1", have, want)
		}
		for range 2 { // the second time changes nothing
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			if have, want := schema(); have != want {
				t.Errorf("after Migrate: got %d of %d", have, want)
			}
			_ = db.Update(t.Context(), func(tx *store.Tx) error {
				_, err := tx.Exec(t.Context(), insertLease+` ON CONFLICT DO NOTHING`, "kept")
				return err
			})
		}
		if got := value[int64](t, db, countLeases); got != 1 {
			t.Errorf("rows after the second Migrate: got %d, want 1", got)
		}
		_, want := schema()
		exec(t, db, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, TRUE)`, want+1)
		if err := db.Migrate(t.Context()); err != nil {
			t.Errorf("Migrate of a newer schema: %v", err)
		}
		if have, _ := schema(); have != want+1 {
			t.Errorf("newer schema: got %d, want %d", have, want+1)
		}
	})
}

func TestMigrateByTwoAtOnce(t *testing.T) {
	eachEmpty(t, func(t *testing.T, address string) {
		processes := []*store.DB{open(t, address), open(t, address)}
		var group sync.WaitGroup
		for _, db := range processes {
			group.Go(func() {
				if _, _, err := db.Schema(t.Context()); err != nil {
					t.Error(err)
				}
				if err := db.Migrate(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		for _, db := range processes {
			if have, want, err := db.Schema(t.Context()); have != want || err != nil {
				t.Errorf("got %d of %d, %v", have, want, err)
			}
		}
	})
}

// TestColumnTypes holds the schema to the types that mean the same on both engines.
func TestColumnTypes(t *testing.T) {
	db := storetest.Open(t, nil)
	const columns = `
		SELECT m.name, c.name, c.type FROM sqlite_master m JOIN pragma_table_info(m.name) c
		WHERE m.type = 'table' AND m.name NOT LIKE 'goose%' AND m.name NOT LIKE 'sqlite%'`
	err := db.View(t.Context(), func(tx *store.Tx) error {
		rows, err := tx.Query(t.Context(), columns)
		if err != nil {
			return err
		}
		defer rows.Close()
		n := 0
		for ; rows.Next(); n++ {
			var table, column, kind string
			if err := rows.Scan(&table, &column, &kind); err != nil {
				return err
			}
			if kind != "TEXT" && kind != "BIGINT" && kind != "BOOLEAN" {
				t.Errorf("%s.%s is %s", table, column, kind)
			}
		}
		if n == 0 {
			t.Error("no columns found")
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMillis(t *testing.T) {
	for _, test := range []struct {
		name string
		t    time.Time
		ms   int64
	}{
		{"zero", time.Time{}, 0},
		{"an instant", time.Date(2026, 12, 3, 8, 30, 0, 5e6, time.UTC), 1796286600005},
		{"before 1970", time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC), -1000},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := store.Millis(test.t); got != test.ms {
				t.Errorf("Millis: got %d, want %d", got, test.ms)
			}
			if got := store.FromMillis(test.ms); got != test.t {
				t.Errorf("FromMillis: got %v, want %v", got, test.t)
			}
		})
	}
}

func TestNewIDAndToken(t *testing.T) {
	const urlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for _, test := range []struct {
		name    string
		make    func() string
		length  int
		letters string
	}{
		{"id", store.NewID, 26, "0123456789abcdefghjkmnpqrstvwxyz"},
		{"token", store.NewToken, 22, urlSafe},
	} {
		t.Run(test.name, func(t *testing.T) {
			seen := map[string]bool{}
			for range 1000 {
				got := test.make()
				if len(got) != test.length || strings.Trim(got, test.letters) != "" {
					t.Fatalf("got %q, want %d of %s", got, test.length, test.letters)
				}
				if seen[got] {
					t.Fatalf("%q came twice", got)
				}
				seen[got] = true
			}
		})
	}
}

// TestEmptyLog: what was erased is in the log until it is emptied, and a reader keeps it there.
func TestEmptyLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sportello.db")
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + path})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	change := func(statement string) {
		t.Helper()
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), statement)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	holds := func() bool {
		t.Helper()
		var all []byte
		for _, name := range []string{path, path + "-wal"} {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, text...)
		}
		return bytes.Contains(all, []byte("plantedword"))
	}
	change(`CREATE TABLE words (word TEXT NOT NULL)`)
	change(`INSERT INTO words (word) VALUES ('plantedword')`)
	var emptied bool
	err = db.View(t.Context(), func(tx *store.Tx) error {
		var n int
		if err := tx.QueryRow(t.Context(), `SELECT COUNT(*) FROM words`).Scan(&n); err != nil {
			return err
		}
		change(`UPDATE words SET word = ''`)
		emptied, err = db.EmptyLog(t.Context())
		return err
	})
	if err != nil || emptied || !holds() {
		t.Errorf("while somebody reads: emptied %t, %v", emptied, err)
	}
	if emptied, err = db.EmptyLog(t.Context()); err != nil || !emptied || holds() {
		t.Errorf("afterwards: emptied %t, %v", emptied, err)
	}
}
