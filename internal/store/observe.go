package store

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Kind is what a transaction may do.
type Kind string

// The kinds of transactions.
const (
	Reading Kind = "read"
	Writing Kind = "write"
)

// Observe has f called after each transaction with how long it took, from the wait for its turn to
// the end of its commit or rollback. f must be quick.
func (db *DB) Observe(f func(kind Kind, took time.Duration)) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.observers = append(db.observers, f)
}

// observe tells the observers of a transaction that began at a time of the system's clock, which is
// not that of the database.
func (db *DB) observe(kind Kind, began time.Time) {
	db.mu.RLock()
	observers := db.observers
	db.mu.RUnlock()
	for _, f := range observers {
		f(kind, time.Since(began))
	}
}

// Probe writes something small and returns when it is on the disk.
func (db *DB) Probe(ctx context.Context) error {
	const probe = `
		INSERT INTO probes (name, at) VALUES ('write', $1)
		ON CONFLICT (name) DO UPDATE SET at = excluded.at`
	return db.Update(ctx, func(tx *Tx) error {
		if _, err := tx.Exec(ctx, probe, Millis(tx.Now)); err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		return nil
	})
}

// SQLite reports whether the database is a SQLite file.
func (db *DB) SQLite() bool { return db.sqlite }

// HasTable reports whether a SQLite database has a table of that name, so that a foreign or an older
// file is known for what it is.
func (db *DB) HasTable(ctx context.Context, name string) (bool, error) {
	var n int
	err := db.read.QueryRowContext(ctx, `SELECT COUNT(*) FROM sqlite_master WHERE type = 'table' AND name = ?1`, name).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("read the database: %w", err)
	}
	return n > 0, nil
}

// Sizes returns the bytes of a SQLite database and of the log of what is not yet written back into
// it; zeros for PostgreSQL.
func (db *DB) Sizes() (file, log int64, err error) {
	if !db.sqlite {
		return 0, 0, nil
	}
	info, err := os.Stat(db.path)
	if err != nil {
		return 0, 0, fmt.Errorf("size of the database: %w", err)
	}
	if beside, err := os.Stat(db.path + "-wal"); err == nil {
		log = beside.Size()
	}
	return info.Size(), log, nil
}

// oldestPostgres is the first version whose SQL this program relies on.
const oldestPostgres = 15

// Engine returns the name and version of what keeps the data, and an error when it is too old.
func (db *DB) Engine(ctx context.Context) (string, error) {
	var version string
	if db.sqlite {
		err := db.read.QueryRowContext(ctx, `SELECT sqlite_version()`).Scan(&version)
		return "SQLite " + version, err
	}
	var number int // 150004 is 15.4
	err := db.read.QueryRowContext(ctx, `SELECT current_setting('server_version'), CAST(current_setting('server_version_num') AS INTEGER)`).
		Scan(&version, &number)
	if err == nil && number/10000 < oldestPostgres {
		err = fmt.Errorf("PostgreSQL %s is older than %d", version, oldestPostgres)
	}
	return "PostgreSQL " + version, err
}

// Disk returns the bytes of the file system that path is on: those that this process may still
// write, and all.
func Disk(path string) (free, total int64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(path, &fs); err != nil {
		return 0, 0, fmt.Errorf("space of %s: %w", path, err)
	}
	return int64(fs.Bavail) * fs.Bsize, int64(fs.Blocks) * fs.Bsize, nil
}
