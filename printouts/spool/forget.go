package spool

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sportello/internal/store"
)

// Forget erases the values of the print job that subject, "print:ID", names, and ends it when it is
// still open. It reports whether subject is of this kind; a job that is not there needs nothing.
func Forget(ctx context.Context, tx *store.Tx, subject string) (bool, error) {
	id, ours := strings.CutPrefix(subject, "print:")
	if !ours {
		return false, nil
	}
	if _, err := expire(ctx, tx, `AND id = $2`, id); err != nil {
		return true, fmt.Errorf("forget print job: %w", err)
	}
	return true, nil
}

// ExpireAll ends all open jobs and erases their values, and returns how many they were. It is for a
// database that was put back: what it owed is printed, or its citizen gone.
func ExpireAll(ctx context.Context, tx *store.Tx) (int64, error) {
	n, err := expire(ctx, tx, ``)
	if err != nil {
		return 0, fmt.Errorf("expire print jobs: %w", err)
	}
	return n, nil
}

func expire(ctx context.Context, tx *store.Tx, condition string, args ...any) (int64, error) {
	const expire = `
		UPDATE print_jobs SET state = 'expired', payload = '', settled_at = $1
		WHERE state IN ('queued', 'sent') `
	tx.Touch(erasedTopic, 0)
	return tx.Exec(ctx, expire+condition, append([]any{store.Millis(tx.Now)}, args...)...)
}

// Counts returns how many jobs of an office made since a time are in each state, zeros included; those
// still open count however old they are.
func Counts(ctx context.Context, tx *store.Tx, office string, since time.Time) (map[State]int, error) {
	const counts = `
		SELECT state, COUNT(*) FROM print_jobs
		WHERE office_id = $1 AND (created_at >= $2 OR state IN ('queued', 'sent'))
		GROUP BY state`
	rows, err := tx.Query(ctx, counts, office, store.Millis(since))
	if err != nil {
		return nil, fmt.Errorf("count print jobs: %w", err)
	}
	defer rows.Close()
	all := map[State]int{Queued: 0, Sent: 0, Printed: 0, Unconfirmed: 0, Failed: 0, Expired: 0}
	for rows.Next() {
		var state State
		var n int
		if err := rows.Scan(&state, &n); err != nil {
			return nil, fmt.Errorf("count print jobs: %w", err)
		}
		all[state] = n
	}
	return all, rows.Err()
}
