package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Backup writes the database as it is at one moment to path, while others read and write. The file
// is whole, checked and on the disk when it gets its name; when anything fails there is none. It
// returns fs.ErrExist when path is taken. It is for SQLite only.
//
// VACUUM INTO, and not the engine's page-by-page backup: it is one read transaction, which other
// processes' writes never make begin anew, and the copy has neither a log beside it nor free pages
// in which something erased could remain.
func (db *DB) Backup(ctx context.Context, path string) error {
	if !db.sqlite {
		return errors.New("back up: not a SQLite database")
	}
	path, err := filepath.Abs(path) // SQLite would read file:… as an address
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := free(path); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	part, err := os.CreateTemp(filepath.Dir(path), ".sportello-backup-*") // mode 0600; VACUUM takes an empty file
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	err = db.copyTo(ctx, part)
	err = errors.Join(err, part.Close())
	if err == nil {
		err = free(path) // somebody else may have taken it meanwhile
	}
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("back up: %w", err), removeDatabase(part.Name()))
	}
	return SyncFolder(filepath.Dir(path))
}

func (db *DB) copyTo(ctx context.Context, part *os.File) error {
	conn, err := db.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err := conn.ExecContext(ctx, `VACUUM INTO ?1`, part.Name()); err != nil {
		return err
	}
	if err := part.Sync(); err != nil {
		return err
	}
	return checkFile(ctx, part.Name())
}

// checkFile has SQLite check a database that nobody has open.
func checkFile(ctx context.Context, path string) error {
	file, err := sql.Open("sqlite3", "file:"+(&url.URL{Path: path}).EscapedPath()+"?mode=ro&immutable=1")
	if err != nil {
		return err
	}
	defer file.Close()
	return integrity(ctx, file, `PRAGMA integrity_check`)
}

// free returns fs.ErrExist when something is called path.
func free(path string) error {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = &fs.PathError{Op: "write", Path: path, Err: fs.ErrExist}
	}
	return err
}

// Check has SQLite look through the whole database and returns what is wrong with it. On PostgreSQL
// it does nothing: the server checks its pages itself.
func (db *DB) Check(ctx context.Context) error {
	if !db.sqlite {
		return nil
	}
	return integrity(ctx, db.read, `PRAGMA integrity_check`)
}

// ErrDamaged means that a database file is not what SQLite wrote.
var ErrDamaged = errors.New("the database is damaged")

func integrity(ctx context.Context, pool *sql.DB, pragma string) error {
	rows, err := pool.QueryContext(ctx, pragma)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		found = append(found, line)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if len(found) == 1 && found[0] == "ok" {
		return nil
	}
	const shown = 3 // there may be a hundred
	return fmt.Errorf("%w: %s", ErrDamaged, strings.Join(found[:min(shown, len(found))], "; "))
}

// logs are the files that may lie beside a SQLite database, also when that is gone.
var logs = []string{"-journal", "-wal", "-shm"}

// Exchange puts the closed SQLite database fresh in the place of path. The one that was there, if
// any, is kept under the name kept, with a log that could not be written back into it. A power cut
// leaves the one or the other at path; an error leaves everything as it was.
func Exchange(path, fresh, kept string) error {
	undo, err := keep(path, kept)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("exchange the database: %w", err), undo())
	}
	return SyncFolder(filepath.Dir(path))
}

// keep gives the database at path a second name, so that there is one at path at any time, and moves
// its logs, which must not be taken for those of another database. undo puts back what it did, also
// when it failed half-way.
func keep(path, kept string) (undo func() error, err error) {
	var steps []func() error
	undo = func() error {
		var err error
		for _, step := range slices.Backward(steps) {
			err = errors.Join(err, step())
		}
		return err
	}
	for _, name := range append([]string{""}, logs...) {
		if err := free(kept + name); err != nil {
			return undo, err
		}
	}
	for _, name := range logs {
		err := os.Rename(path+name, kept+name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return undo, err
		}
		steps = append(steps, func() error { return os.Rename(kept+name, path+name) })
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return undo, nil
	}
	if err := os.Link(path, kept); err == nil {
		steps = append(steps, func() error { return os.Remove(kept) })
		return undo, nil
	}
	if err := os.Rename(path, kept); err != nil { // a file system without links
		return undo, err
	}
	steps = append(steps, func() error { return os.Rename(kept, path) })
	return undo, nil
}

// removeDatabase deletes a database file and what SQLite may have put beside it.
func removeDatabase(path string) error {
	var err error
	for _, name := range append([]string{""}, logs...) {
		if gone := os.Remove(path + name); !errors.Is(gone, fs.ErrNotExist) {
			err = errors.Join(err, gone)
		}
	}
	return err
}

// SyncFolder has a folder's names outlast a power cut.
func SyncFolder(folder string) error {
	dir, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
