package message

import (
	"context"
	"fmt"
	"time"

	"sportello/internal/store"
)

// Fate is what became of a message: while it is Queued, nothing yet.
type Fate struct {
	State State
	Code  string
}

// Fates returns what became of every message that this database knows, by their ids.
func Fates(ctx context.Context, tx *store.Tx) (map[string]Fate, error) {
	rows, err := tx.Query(ctx, `SELECT id, state, code FROM messages`)
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	defer rows.Close()
	all := make(map[string]Fate)
	for rows.Next() {
		var id string
		var f Fate
		if err := rows.Scan(&id, &f.State, &f.Code); err != nil {
			return nil, fmt.Errorf("read messages: %w", err)
		}
		all[id] = f
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return all, nil
}

// restored is the code of messages that nobody can tell whether they were sent.
const restored = "restored"

// SettleRestored settles and erases, in a database that was put back, the messages that are queued
// there and may have been sent since its backup, and returns how many they were. known are the Fates of
// the database that it replaces: what is queued there too was not sent, and what is not there any more
// was settled long ago or withdrawn. nil is that nothing is known: then what was due by the time due may
// have been sent, and what waits for a later one still waits.
func SettleRestored(ctx context.Context, tx *store.Tx, known map[string]Fate, due time.Time) (int, error) {
	queued, err := mayHaveGone(ctx, tx, known == nil, due)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, id := range queued {
		fate, kept := known[id]
		if !kept {
			fate = Fate{Failed, restored}
		}
		if fate.State == Queued {
			continue
		}
		if err := settle(ctx, tx, id, fate.State, fate.Code); err != nil {
			return n, fmt.Errorf("settle restored messages: %w", err)
		}
		n++
	}
	return n, nil
}

// mayHaveGone returns the ids of what is queued, or only of what is due.
func mayHaveGone(ctx context.Context, tx *store.Tx, onlyDue bool, due time.Time) ([]string, error) {
	const queued = `
		SELECT id FROM messages
		WHERE state = 'queued' AND (CAST($1 AS BOOLEAN) = FALSE OR next_at <= $2) ORDER BY id`
	ids, err := store.Column[string](ctx, tx, queued, onlyDue, store.Millis(due))
	if err != nil {
		return nil, fmt.Errorf("read messages: %w", err)
	}
	return ids, nil
}
