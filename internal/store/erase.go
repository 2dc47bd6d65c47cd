package store

import (
	"context"
	"fmt"
)

// EmptyLog empties SQLite's write-ahead log into the database file, so that what was erased is in neither:
// the log keeps pages as they were before (https://www.sqlite.org/wal.html, section 2.1). It reports false
// when a reader still needs the log; it is to be asked again then. On PostgreSQL it does nothing: what its
// log keeps, and for how long, is for who runs it.
func (db *DB) EmptyLog(ctx context.Context) (emptied bool, err error) {
	if !db.sqlite {
		return true, nil
	}
	conn, err := db.write.Conn(ctx)
	if err != nil {
		return false, fmt.Errorf("empty the log: %w", err)
	}
	defer conn.Close()
	const (
		hasty   = `PRAGMA busy_timeout = 100` // ms: writers wait as long
		patient = `PRAGMA busy_timeout = 10000`
		empty   = `PRAGMA wal_checkpoint(TRUNCATE)`
	)
	ctx = context.WithoutCancel(ctx)
	if _, err := conn.ExecContext(ctx, hasty); err != nil {
		return false, fmt.Errorf("empty the log: %w", err)
	}
	var busy, pages, moved int
	err = conn.QueryRowContext(ctx, empty).Scan(&busy, &pages, &moved)
	if _, again := conn.ExecContext(ctx, patient); err == nil {
		err = again
	}
	if err != nil {
		return false, fmt.Errorf("empty the log: %w", err)
	}
	return busy == 0, nil
}
