// Package message sends mail. Who has something to say queues it in the transaction that makes it
// true; a Postman sends it after the commit, tries again while the mail server is away and gives up
// after GiveUpAfter.
//
// A message is sent at least once: when the process dies between the server's answer and the next
// commit it is sent again, under the same Message-ID. Its address, subject and text are erased as soon
// as it is sent or given up, and are in no log. What stays for KeepFor is that something was sent.
package message

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"time"

	"sportello/internal/store"
)

// How long a message is tried, and how long it is known, with its key, that it was settled.
const (
	GiveUpAfter = 3 * 24 * time.Hour
	KeepFor     = 90 * 24 * time.Hour
)

// State is where a message stands.
type State string

// The states of a message.
const (
	Queued State = "queued"
	Sent   State = "sent"
	Failed State = "failed" // refused for good, or not sent within GiveUpAfter
)

// Mail is a message to one address.
type Mail struct {
	To      string // name@host, alone
	Subject string
	Text    string // plain, in UTF-8
	// Key names what the message is about, by ids: of several with one key only the first is sent.
	// "" sends it in any case.
	Key string
}

// ErrAddress is returned for what mail cannot be sent to.
var ErrAddress = errors.New("no mail address")

// CheckAddress returns ErrAddress unless to is a bare address such as anna@prova.example.
func CheckAddress(to string) error {
	if a, err := mail.ParseAddress(to); err != nil || a.Address != to || len(to) > 254 { // RFC 5321 section 4.5.3.1.3
		return ErrAddress
	}
	return nil
}

// Enqueue has m sent once the transaction is committed. It needs no mail server yet.
func Enqueue(ctx context.Context, tx *store.Tx, m Mail) error {
	const insert = `
		INSERT INTO messages (id, key, state, recipient, subject, body, created_at, next_at)
		VALUES ($1, $2, 'queued', $3, $4, $5, $6, $6)
		ON CONFLICT DO NOTHING`
	if err := CheckAddress(m.To); err != nil {
		return fmt.Errorf("queue mail: %w", err)
	}
	key := sql.NullString{String: m.Key, Valid: m.Key != ""}
	if _, err := tx.Exec(ctx, insert, store.NewID(), key, m.To, m.Subject, m.Text, store.Millis(tx.Now)); err != nil {
		return fmt.Errorf("queue mail: %w", err)
	}
	return nil
}

// Waiting counts the messages that are still to be sent.
func Waiting(ctx context.Context, tx *store.Tx) (n int, err error) {
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM messages WHERE state = 'queued'`).Scan(&n); err != nil {
		return 0, fmt.Errorf("count mail: %w", err)
	}
	return n, nil
}

// Forget gives up what is too old, also when there is no mail server at all, and forgets what was
// settled long ago.
func Forget(ctx context.Context, tx *store.Tx) error {
	const giveUp = `
		UPDATE messages SET state = 'failed', code = CASE code WHEN '' THEN 'not_sent' ELSE code END, settled_at = $1, recipient = '', subject = '', body = ''
		WHERE state = 'queued' AND created_at <= $2`
	_, err := tx.Exec(ctx, giveUp, store.Millis(tx.Now), store.Millis(tx.Now.Add(-GiveUpAfter)))
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM messages WHERE state <> 'queued' AND settled_at <= $1`, store.Millis(tx.Now.Add(-KeepFor)))
	}
	if err != nil {
		return fmt.Errorf("forget mail: %w", err)
	}
	return nil
}

// letter is a queued message that is being sent.
type letter struct {
	id, to, subject, text string
	created               time.Time
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

// take returns the message that is due first, or sql.ErrNoRows. It is not due again before the attempt
// is over, so of several processes one tries it.
func take(ctx context.Context, tx *store.Tx) (letter, error) {
	const (
		first = `
			SELECT id, recipient, subject, body, created_at, attempts FROM messages
			WHERE state = 'queued' AND next_at <= $1 ORDER BY next_at, id LIMIT 1`
		claim = `
			UPDATE messages SET attempts = attempts + 1, next_at = $3
			WHERE id = $1 AND state = 'queued' AND next_at <= $2`
	)
	for {
		var l letter
		var created int64
		err := tx.QueryRow(ctx, first, store.Millis(tx.Now)).Scan(&l.id, &l.to, &l.subject, &l.text, &created, &l.attempts)
		if err != nil {
			return letter{}, err
		}
		l.created = store.FromMillis(created)
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
			UPDATE messages SET state = $2, code = $3, settled_at = $4, recipient = '', subject = '', body = ''
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

// due reports whether there is something to send.
func due(ctx context.Context, tx *store.Tx) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM messages WHERE state = 'queued' AND next_at <= $1`, store.Millis(tx.Now)).Scan(&n)
	return n > 0, err
}
