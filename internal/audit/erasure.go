package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sportello/internal/store"
)

// Erasure notes that what is personal or secret of a subject was erased or revoked, so that a restore
// of an older backup can do it again.
type Erasure struct {
	ID      string
	At      time.Time
	Subject string // "user:ID", "password:ID", "rights:ID", "device:ID", "program:ID", "print:ID"
}

// Erase notes an erasure in the transaction that does it.
func Erase(ctx context.Context, tx *store.Tx, subject string) error {
	_, err := KeepErasure(ctx, tx, Erasure{ID: store.NewID(), At: tx.Now, Subject: subject})
	return err
}

// KeepErasure notes an erasure that another database knows, and reports whether it is new to this
// one. It goes by its id, not by its time: clocks go back.
func KeepErasure(ctx context.Context, tx *store.Tx, e Erasure) (bool, error) {
	const keep = `INSERT INTO erasures (id, at, subject) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	added, err := tx.Exec(ctx, keep, e.ID, store.Millis(e.At), e.Subject)
	if err != nil {
		return false, fmt.Errorf("note erasure: %w", err)
	}
	return added == 1, nil
}

// Erasures returns those since a time, oldest first.
func Erasures(ctx context.Context, tx *store.Tx, since time.Time) ([]Erasure, error) {
	const erasures = `SELECT id, at, subject FROM erasures WHERE at >= $1 ORDER BY at, id`
	all, err := store.All(ctx, tx, func(row store.Row) (e Erasure, err error) {
		var at int64
		err = row.Scan(&e.ID, &at, &e.Subject)
		e.At = store.FromMillis(at)
		return e, err
	}, erasures, store.Millis(since))
	if err != nil {
		return nil, fmt.Errorf("read erasures: %w", err)
	}
	return all, nil
}

// Newest returns when the newest line was written, the zero time when there is none.
func Newest(ctx context.Context, tx *store.Tx) (time.Time, error) {
	return newest(tx.QueryRow(ctx, `SELECT at FROM audit ORDER BY at DESC LIMIT 1`))
}

// NewestOf returns when an action of the scope System was recorded last, the zero time when never.
func NewestOf(ctx context.Context, tx *store.Tx, action string) (time.Time, error) {
	const last = `SELECT at FROM audit WHERE scope = $1 AND action = $2 ORDER BY version DESC LIMIT 1`
	return newest(tx.QueryRow(ctx, last, System, action))
}

func newest(row *sql.Row) (time.Time, error) {
	var at int64
	if err := row.Scan(&at); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("read audit: %w", err)
	}
	return store.FromMillis(at), nil
}
