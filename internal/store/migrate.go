package store

import (
	"context"
	"embed"
	"fmt"
	"hash/fnv"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema returns the version of the database's schema and the one this program wants.
func (db *DB) Schema(ctx context.Context) (have, want int64, err error) {
	provider, err := db.migrator()
	if err != nil {
		return 0, 0, err
	}
	sources := provider.ListSources()
	want = sources[len(sources)-1].Version
	have, err = provider.GetDBVersion(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("read schema version: %w", err)
	}
	return have, want, nil
}

// Migrate brings the schema up to the one this program wants. A newer schema is left as it is.
// Several processes may migrate the same database at once.
func (db *DB) Migrate(ctx context.Context) error {
	provider, err := db.migrator()
	if err != nil {
		return err
	}
	// On SQLite goose takes no lock: another process may be faster with a step, which then fails
	// here and is done.
	for before := int64(-1); ; {
		_, err := provider.Up(ctx)
		if err == nil {
			return nil
		}
		after, unread := provider.GetDBVersion(ctx)
		if !db.sqlite || unread != nil || after <= before {
			return fmt.Errorf("migrate: %w", err)
		}
		before = after
	}
}

func (db *DB) migrator() (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	dialect, options := goose.DialectSQLite3, []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if !db.sqlite {
		locker, err := db.migrationLock()
		if err != nil {
			return nil, fmt.Errorf("migration lock: %w", err)
		}
		dialect, options = goose.DialectPostgres, append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, db.write, dir, options...)
	if err != nil {
		return nil, fmt.Errorf("read migrations: %w", err)
	}
	return provider, nil
}

// How long a process waits for another that migrates: a try each second for five minutes.
const (
	lockEvery = 1
	lockTries = 300
)

// migrationLock lets one of several processes that start at once migrate. The lock belongs to the
// schema, so that others on the same server do not wait for it.
func (db *DB) migrationLock() (lock.SessionLocker, error) {
	var schema string
	if err := db.write.QueryRow(`SELECT current_database() || '/' || current_schema()`).Scan(&schema); err != nil {
		return nil, err
	}
	id := fnv.New64a()
	_, _ = id.Write([]byte("sportello/" + schema)) // never fails (hash.Hash)
	return lock.NewPostgresSessionLocker(
		lock.WithLockID(int64(id.Sum64())), lock.WithLockTimeout(lockEvery, lockTries))
}
