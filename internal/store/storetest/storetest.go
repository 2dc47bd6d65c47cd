// Package storetest opens real databases for tests: a SQLite file of the test's own, and a
// PostgreSQL database of its own when SPORTELLO_TEST_POSTGRES holds the address of a server. That server is
// one for tests: what their databases are copied from stays there.
package storetest

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sportello/internal/store"
)

// Clock is a clock that a test sets and moves.
type Clock struct{ ms atomic.Int64 }

// At returns a clock that stands at t.
func At(t time.Time) *Clock {
	c := new(Clock)
	c.Set(t)
	return c
}

// Now reads the clock.
func (c *Clock) Now() time.Time { return time.UnixMilli(c.ms.Load()) }

// Set moves the clock to t.
func (c *Clock) Set(t time.Time) { c.ms.Store(t.UnixMilli()) }

// Add moves the clock by d.
func (c *Clock) Add(d time.Duration) { c.ms.Add(d.Milliseconds()) }

// Open returns a migrated SQLite database that lives as long as t. A nil now is the system's clock.
func Open(t testing.TB, now func() time.Time) *store.DB {
	t.Helper()
	return open(t, SQLiteURL(t), now)
}

// SQLiteURL returns the address of a new, migrated SQLite database that lives as long as t.
func SQLiteURL(t testing.TB) string {
	t.Helper()
	content, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "sportello.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return "sqlite:" + path
}

// migrated is the file of a SQLite database that was migrated and holds nothing: to copy it is quicker
// than to migrate one for each test.
var migrated = sync.OnceValues(func() (content []byte, err error) {
	folder, err := os.MkdirTemp("", "storetest-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "sportello.db")
	if err := migrate("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func migrate(address string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{URL: address})
	if err != nil {
		return err
	}
	return errors.Join(db.Migrate(ctx), db.Close())
}

// Each runs f on SQLite and, when a server is there, on PostgreSQL.
func Each(t *testing.T, now func() time.Time, f func(t *testing.T, db *store.DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { f(t, Open(t, now)) })
	address := os.Getenv("SPORTELLO_TEST_POSTGRES")
	if address == "" {
		return
	}
	t.Run("postgres", func(t *testing.T) { f(t, Postgres(t, address, now)) })
}

// Postgres returns a new, migrated database of the server at address.
func Postgres(t testing.TB, address string, now func() time.Time) *store.DB {
	t.Helper()
	return open(t, PostgresURL(t, address), now)
}

// PostgresURL returns the address of a new, migrated database that lives as long as t.
func PostgresURL(t testing.TB, address string) string {
	t.Helper()
	from, err := template(address)
	if err != nil {
		t.Fatal(err)
	}
	name := "test_" + store.NewID()
	command(t, address, "CREATE DATABASE "+name+" TEMPLATE "+from)
	t.Cleanup(func() { command(t, address, "DROP DATABASE "+name+" WITH (FORCE)") })
	return within(address, name)
}

// EmptyPostgresURL returns the address of a new, empty schema that lives as long as t.
func EmptyPostgresURL(t testing.TB, address string) string {
	t.Helper()
	schema := "test_" + store.NewID()
	command(t, address, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { command(t, address, "DROP SCHEMA "+schema+" CASCADE") })
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
}

var templates = struct {
	sync.Mutex
	of map[string]string
}{of: make(map[string]string)}

// template is the name of a database of a server that was migrated and holds nothing.
func template(address string) (name string, err error) {
	templates.Lock()
	defer templates.Unlock()
	if name, ok := templates.of[address]; ok {
		return name, nil
	}
	name = "template_" + store.NewID()
	if err := exec(address, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	if err := migrate(within(address, name)); err != nil {
		return "", err
	}
	templates.of[address] = name
	return name, nil
}

// within is the address of a database of the server at address.
func within(address, database string) string {
	before, query, _ := strings.Cut(address, "?")
	return before[:strings.LastIndexByte(before, '/')+1] + database + "?" + query
}

func open(t testing.TB, address string, now func() time.Time) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: address, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// command has a server do what cannot be done in a transaction.
func command(t testing.TB, address, statement string) {
	t.Helper()
	if err := exec(address, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func exec(address, statement string) error {
	db, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	_, err = db.ExecContext(context.Background(), statement) // also when the test's own context has ended
	return errors.Join(err, db.Close())
}
