// Package store opens the database, SQLite or PostgreSQL, and runs transactions on it.
//
// One SQL text serves both: placeholders are $1…$n, types are TEXT, BIGINT and BOOLEAN, ids are
// TEXT made here, instants are Unix milliseconds UTC, civil dates are 2026-12-03. Every write goes
// through Update, every read that wants a consistent picture through View. Both hand out a Tx with
// the transaction's one reading of the clock.
//
// On SQLite one connection writes and others read; a commit is on the disk before Update returns
// (write-ahead log, synchronous=FULL). On PostgreSQL transactions are READ COMMITTED, and whoever
// changes an office's queue or diary first locks its office_state row.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // registers "pgx"
	_ "github.com/mattn/go-sqlite3"    // registers "sqlite3"
)

// Options says which database to open and which clock it goes by.
type Options struct {
	// URL is sqlite:PATH, or a postgres:// address. SQLite wants a file: with :memory: every
	// connection would have a database of its own.
	URL string
	// Now is the clock; nil is the system's.
	Now func() time.Time
	// Held says that the caller has the folder of a SQLite database to itself; see Hold.
	Held bool
}

// DB is an open database. It is safe for use by many goroutines.
type DB struct {
	write, read *sql.DB
	sqlite      bool
	now         func() time.Time
	texts       sync.Map // SQL as written → as the engine wants it
	memo        sync.Map // key → *memo

	path string   // of the SQLite file
	lock *os.File // shared with others who have a database of its folder open

	mu        sync.RWMutex
	listeners []func(topic string, version int64)
	observers []func(kind Kind, took time.Duration)
}

// Open opens the database at o.URL and checks that it answers. It does not migrate it.
func Open(ctx context.Context, o Options) (*DB, error) {
	now := o.Now
	if now == nil {
		now = time.Now
	}
	db := &DB{now: now}
	var err error
	switch {
	case strings.HasPrefix(o.URL, "sqlite:"):
		err = db.openSQLite(strings.TrimPrefix(o.URL, "sqlite:"), o.Held)
	case strings.HasPrefix(o.URL, "postgres://"), strings.HasPrefix(o.URL, "postgresql://"):
		err = db.openPostgres(o.URL)
	default:
		err = errors.New("database address must begin with sqlite: or postgres://")
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if err := errors.Join(db.write.PingContext(ctx), db.read.PingContext(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("open database: %w", err), db.Close())
	}
	return db, nil
}

// sqliteReaders is how many connections read at once.
const sqliteReaders = 8

// keptStatements has each connection keep so many statements: to prepare one takes as long as most of them run.
const keptStatements = "&_stmt_cache_size=256"

// openSQLite opens a pool of one connection that writes and a pool that reads. A reader begins
// deferred: with the writer's immediate even a read would take the write lock.
func (db *DB) openSQLite(path string, held bool) (err error) {
	if !held {
		if db.lock, err = lockFolder(filepath.Dir(path), syscall.LOCK_SH); err != nil {
			return err
		}
		defer func() {
			if err != nil {
				err = errors.Join(err, db.lock.Close())
			}
		}()
	}
	db.path = path
	path = (&url.URL{Path: path}).EscapedPath()
	write, err := sql.Open("sqlite3", "file:"+path+
		"?_journal_mode=WAL&_synchronous=FULL&_txlock=immediate&_foreign_keys=on&_busy_timeout=10000&_secure_delete=on"+keptStatements)
	if err != nil {
		return err
	}
	write.SetMaxOpenConns(1)
	// The file and its log must exist before a read-only connection can open them.
	if err := write.Ping(); err != nil {
		return errors.Join(err, write.Close())
	}
	read, err := sql.Open("sqlite3", "file:"+path+
		"?mode=ro&_txlock=deferred&_foreign_keys=on&_busy_timeout=10000"+keptStatements)
	if err != nil {
		return errors.Join(err, write.Close())
	}
	read.SetMaxOpenConns(sqliteReaders)
	read.SetMaxIdleConns(sqliteReaders)
	db.write, db.read, db.sqlite = write, read, true
	return nil
}

// postgresConns is how many connections one process keeps.
const postgresConns = 16

func (db *DB) openPostgres(address string) error {
	pool, err := sql.Open("pgx", address)
	if err != nil {
		return err
	}
	pool.SetMaxOpenConns(postgresConns)
	pool.SetMaxIdleConns(postgresConns)
	db.write, db.read = pool, pool
	return nil
}

// Close closes every connection. The last who closes a SQLite database leaves one file, without a
// log beside it.
func (db *DB) Close() error {
	if db.read == db.write {
		return db.write.Close()
	}
	err := errors.Join(db.read.Close(), db.write.Close())
	if db.lock != nil {
		err = errors.Join(err, db.lock.Close())
	}
	return err
}

// Now is the database's clock in UTC, in whole milliseconds as it is stored.
func (db *DB) Now() time.Time { return FromMillis(Millis(db.now())) }

// OnCommit has f called after each commit, once per topic that the transaction touched. f must be
// quick and must not write.
func (db *DB) OnCommit(f func(topic string, version int64)) {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.listeners = append(db.listeners, f)
}

// attempts is how often a transaction is begun anew when PostgreSQL gave up on it in favour of
// another (deadlock, serialization failure).
const attempts = 4

// Update runs fn in a transaction that may write and commits it when fn returns nil; an error or a
// panic in fn rolls back. ctx governs the wait for the transaction; once begun, its statements run
// to their end. fn must do nothing but talk to tx, for it may be run again, and must not call
// Update.
func (db *DB) Update(ctx context.Context, fn func(tx *Tx) error) error {
	defer db.observe(Writing, time.Now())
	for n := 1; ; n++ {
		touched, err := db.transact(ctx, db.write, nil, fn)
		if err == nil {
			db.committed(touched)
			return nil
		}
		if n == attempts || !givenUp(err) {
			return err
		}
	}
}

// View runs fn in a read-only transaction that sees one state of the database.
func (db *DB) View(ctx context.Context, fn func(tx *Tx) error) error {
	defer db.observe(Reading, time.Now())
	options := &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead}
	if db.sqlite {
		options = nil // the pool is read-only, and a SQLite transaction always is a snapshot
	}
	_, err := db.transact(ctx, db.read, options, fn)
	return err
}

// transact runs fn in one transaction on a connection of pool and returns what it touched. The
// connection is free again when it returns, so whoever is told of the commit holds up no writer.
func (db *DB) transact(ctx context.Context, pool *sql.DB, options *sql.TxOptions, fn func(tx *Tx) error) (map[string]int64, error) {
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("wait for the database: %w", err)
	}
	defer conn.Close()
	inner, err := conn.BeginTx(context.WithoutCancel(ctx), options)
	if err != nil {
		return nil, fmt.Errorf("begin transaction: %w", err)
	}
	defer func() { _ = inner.Rollback() }() // does nothing after a commit
	tx := &Tx{Now: db.Now(), db: db, tx: inner}
	if err := fn(tx); err != nil {
		return nil, err
	}
	if err := inner.Commit(); err != nil {
		return nil, fmt.Errorf("commit: %w", err)
	}
	return tx.touched, nil
}

func (db *DB) committed(touched map[string]int64) {
	if len(touched) == 0 {
		return
	}
	db.mu.RLock()
	listeners := db.listeners
	db.mu.RUnlock()
	for topic, version := range touched {
		for _, f := range listeners {
			f(topic, version)
		}
	}
}

// givenUp reports whether PostgreSQL undid the transaction for another's sake (SQLSTATE class 40).
func givenUp(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && strings.HasPrefix(pg.Code, "40")
}
