package access

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sportello/internal/fault"
	"sportello/internal/store"
)

// KeyLife is for how long the same Idempotency-Key gives the same answer.
const KeyLife = 24 * time.Hour

// ErrKeyReused is returned when a key was used for something else.
var ErrKeyReused = fault.New(fault.Invalid, "key_reused")

// Ask is a change as somebody asks for it.
type Ask struct {
	By   string   // who
	Key  string   // under which key; "" none
	What []string // for what: method, path, content
}

// Made is what came of a change: the status it is answered with, and the id of what it made or
// changed, from which the answer can be made again. It holds no personal data.
type Made struct {
	Status int
	ID     string
}

// The claim waits for whoever has just claimed the same key, until it is known whether their change
// was made.
const (
	claimKey = `
INSERT INTO requests (key_hash, hash, status, made, at) VALUES ($1, $2, 0, '', $3)
ON CONFLICT (key_hash) DO UPDATE SET hash = excluded.hash, status = 0, made = '', at = excluded.at WHERE requests.at <= $4`
	selectMade = `SELECT hash, status, made FROM requests WHERE key_hash = $1`
	updateMade = `UPDATE requests SET status = $2, made = $3 WHERE key_hash = $1`
)

// Once makes a change once: who asks for the same again under the same key, within KeyLife, gets what
// came of it the first time, and ErrKeyReused for anything else. A change that is refused is none, and
// its key stays free. It comes before every other statement of its transaction, which locks keys
// before offices.
func Once(ctx context.Context, tx *store.Tx, a Ask, change func() (Made, error)) (Made, error) {
	if a.Key == "" {
		return change()
	}
	key, what := digest(a.By+"\x00"+a.Key), digest(strings.Join(a.What, "\x00"))
	claimed, err := tx.Exec(ctx, claimKey, key, what, store.Millis(tx.Now), store.Millis(tx.Now.Add(-KeyLife)))
	if err != nil {
		return Made{}, fmt.Errorf("claim key: %w", err)
	}
	if claimed == 0 {
		return madeBefore(ctx, tx, key, what)
	}
	made, err := change()
	if err != nil {
		return Made{}, err
	}
	if _, err := tx.Exec(ctx, updateMade, key, made.Status, made.ID); err != nil {
		return Made{}, fmt.Errorf("keep answer: %w", err)
	}
	return made, nil
}

func madeBefore(ctx context.Context, tx *store.Tx, key, what string) (Made, error) {
	var known string
	var made Made
	if err := tx.QueryRow(ctx, selectMade, key).Scan(&known, &made.Status, &made.ID); err != nil {
		return Made{}, fmt.Errorf("read answer: %w", err)
	}
	if known != what {
		return Made{}, ErrKeyReused
	}
	return made, nil
}

// ForgetKeys deletes the keys that have had their life.
func ForgetKeys(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `DELETE FROM requests WHERE at <= $1`, store.Millis(tx.Now.Add(-KeyLife)))
	if err != nil {
		return fmt.Errorf("forget keys: %w", err)
	}
	return nil
}
