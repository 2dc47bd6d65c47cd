package message

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"sportello/internal/store"
)

// letter is a queued message that is being sent.
type letter struct {
	id, to, subject, text string
	language              string
	attachments           []Attachment
	due                   time.Time
	attempts              int
}

// The pause after an attempt; it doubles with each further one. A server is to have the time to answer
// before another process tries the same message.
const (
	firstPause   = 2 * time.Minute
	longestPause = time.Hour
)

func pauseAfter(attempts int) time.Duration {
	return min(firstPause<<min(attempts, 10), longestPause)
}

// noAnswer is the code of an attempt in which the connection broke or the other side fell silent. Every
// way has codes of its own besides.
const noAnswer = "no_answer"

// outbox is what is queued for one way.
type outbox struct {
	db  *store.DB
	log *slog.Logger
	way Way
}

// carry has attempt try each message that is due, one after the other, and notes the state and code it
// returns. Its error says that nothing can be done with the other side now, and ends carry.
func (o outbox) carry(ctx context.Context, attempt func(context.Context, letter) (State, string, error)) error {
	for ctx.Err() == nil {
		l, err := o.next(ctx)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("take message: %w", err)
		}
		state, code, away := attempt(ctx, l)
		// A lost context must not make a second message of one that is sent.
		err = o.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return settle(ctx, tx, l.id, state, code) })
		if err != nil {
			return fmt.Errorf("settle message: %w", err)
		}
		if state != Sent {
			o.log.WarnContext(ctx, "message not sent", "way", string(o.way), "message", l.id, "state", string(state), "code", code, "attempt", l.attempts+1)
		}
		if away != nil {
			return away
		}
	}
	return ctx.Err()
}

// due reports whether there is something to send.
func (o outbox) due(ctx context.Context) (bool, error) {
	const count = `SELECT COUNT(*) FROM messages WHERE state = 'queued' AND way = $1 AND next_at <= $2 AND expires_at > $2`
	var n int
	err := o.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(ctx, count, string(o.way), store.Millis(tx.Now)).Scan(&n)
	})
	return n > 0, err
}

func (o outbox) next(ctx context.Context) (l letter, err error) {
	err = o.db.Update(ctx, func(tx *store.Tx) error {
		l, err = take(ctx, tx, o.way)
		return err
	})
	return l, err
}

// take returns the message that is due first, or sql.ErrNoRows. It is not due again before the attempt
// is over, so of several processes one tries it.
func take(ctx context.Context, tx *store.Tx, way Way) (letter, error) {
	const (
		first = `
			SELECT id, recipient, subject, body, language, attachments, due_at, attempts FROM messages
			WHERE state = 'queued' AND way = $1 AND next_at <= $2 AND expires_at > $2 ORDER BY next_at, id LIMIT 1`
		claim = `
			UPDATE messages SET attempts = attempts + 1, next_at = $3
			WHERE id = $1 AND state = 'queued' AND next_at <= $2`
	)
	for {
		var l letter
		var files string
		var due int64
		err := tx.QueryRow(ctx, first, string(way), store.Millis(tx.Now)).
			Scan(&l.id, &l.to, &l.subject, &l.text, &l.language, &files, &due, &l.attempts)
		if err != nil {
			return letter{}, err
		}
		l.due = store.FromMillis(due)
		if l.attachments, err = read(files); err != nil {
			return letter{}, err
		}
		claimed, err := tx.Exec(ctx, claim, l.id, store.Millis(tx.Now), store.Millis(tx.Now.Add(pauseAfter(l.attempts))))
		if err != nil || claimed == 1 {
			return l, err
		}
	}
}

// settle notes how an attempt went. A message that is sent or refused for good is erased but for its
// key.
func settle(ctx context.Context, tx *store.Tx, id string, state State, code string) error {
	const (
		again = `UPDATE messages SET code = $2 WHERE id = $1 AND state = 'queued'`
		erase = `
			UPDATE messages SET state = $2, code = $3, settled_at = $4, ` + erased + `
			WHERE id = $1 AND state = 'queued'`
	)
	var err error
	if state == Queued {
		_, err = tx.Exec(ctx, again, id, code)
	} else {
		_, err = tx.Exec(ctx, erase, id, string(state), code, store.Millis(tx.Now))
	}
	return err
}
