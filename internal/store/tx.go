package store

import (
	"context"
	"database/sql"
	"strings"
	"time"
)

// Tx is a transaction and its one reading of the clock.
type Tx struct {
	// Now is the transaction's time, UTC, in whole milliseconds.
	Now time.Time

	db      *DB
	tx      *sql.Tx
	touched map[string]int64
}

// Exec runs a statement and returns how many rows it changed.
func (tx *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	result, err := tx.tx.ExecContext(context.WithoutCancel(ctx), tx.db.text(query), args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// Query runs a query; the caller closes the rows and checks their error.
func (tx *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return tx.tx.QueryContext(context.WithoutCancel(ctx), tx.db.text(query), args...)
}

// QueryRow runs a query for one row; Scan returns sql.ErrNoRows when there is none.
func (tx *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	return tx.tx.QueryRowContext(context.WithoutCancel(ctx), tx.db.text(query), args...)
}

// Touch has the listeners of OnCommit told, after the commit, that topic is now at version.
func (tx *Tx) Touch(topic string, version int64) {
	if tx.touched == nil {
		tx.touched = make(map[string]int64)
	}
	tx.touched[topic] = version
}

// Touched reports whether the transaction itself has touched topic: what it then reads of it need not
// come to be.
func (tx *Tx) Touched(topic string) bool {
	_, ok := tx.touched[topic]
	return ok
}

// memo is a parsed value and the stamp of what it was parsed from.
type memo struct {
	stamp string
	value any
}

// Memo returns the value kept under key, or loads and keeps it when there is none of this stamp.
// A stamp must never come twice with different content, not even after a rollback: use a new random
// one for every change. The value must not be changed by anyone.
func (tx *Tx) Memo(key, stamp string, load func() (any, error)) (any, error) {
	if kept, ok := tx.db.memo.Load(key); ok && kept.(*memo).stamp == stamp {
		return kept.(*memo).value, nil
	}
	value, err := load()
	if err != nil {
		return nil, err
	}
	tx.db.memo.Store(key, &memo{stamp: stamp, value: value})
	return value, nil
}

// text gives a query the placeholders of the engine. SQLite reads a bare $2 as a name, bound by
// order of appearance, so it gets ?2 instead.
func (db *DB) text(query string) string {
	if !db.sqlite {
		return query
	}
	if known, ok := db.texts.Load(query); ok {
		return known.(string)
	}
	rewritten := numbered(query)
	db.texts.Store(query, rewritten)
	return rewritten
}

// numbered replaces $n by ?n outside string literals and comments.
func numbered(query string) string {
	out, quoted, comment := []byte(query), false, false
	for i, c := range out {
		switch {
		case comment:
			comment = c != '\n'
		case c == '\'':
			quoted = !quoted
		case quoted:
		case c == '-' && i+1 < len(out) && out[i+1] == '-':
			comment = true
		case c == '$' && i+1 < len(out) && strings.IndexByte("123456789", out[i+1]) >= 0:
			out[i] = '?'
		}
	}
	return string(out)
}
