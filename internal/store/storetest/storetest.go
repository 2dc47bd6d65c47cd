// Package storetest opens real databases for tests: a SQLite file of the test's own, and a
// PostgreSQL schema of its own when SPORTELLO_TEST_POSTGRES holds the address of a server.
package storetest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
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
	content, err := migrated()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "sportello.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return open(t, "sqlite:"+path, now)
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
	ctx := context.Background()
	db, err := store.Open(ctx, store.Options{URL: "sqlite:" + path})
	if err != nil {
		return nil, err
	}
	if err := errors.Join(db.Migrate(ctx), db.Close()); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

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

// Postgres returns a migrated database in a new schema of the server at address.
func Postgres(t testing.TB, address string, now func() time.Time) *store.DB {
	t.Helper()
	return open(t, PostgresURL(t, address), now)
}

// PostgresURL returns the address of a new, empty schema that lives as long as t.
func PostgresURL(t testing.TB, address string) string {
	t.Helper()
	schema := "test_" + store.NewID()
	admin, err := store.Open(t.Context(), store.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { admin.Close() })
	run(t, admin, "CREATE SCHEMA "+schema)
	t.Cleanup(func() { run(t, admin, "DROP SCHEMA "+schema+" CASCADE") })
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	query.Set("search_path", schema)
	u.RawQuery = query.Encode()
	return u.String()
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
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

func run(t testing.TB, db *store.DB, statement string) {
	t.Helper()
	ctx := context.Background() // also runs when the test's own context has ended
	err := db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(ctx, statement)
		return err
	})
	if err != nil {
		t.Errorf("%s: %v", statement, err)
	}
}
