package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sportello/internal/fault"
	"sportello/internal/store"
)

// How long a session lasts: after IdleLock without a request it asks for the password again, and
// after SessionLife it ends whatever happens.
const (
	IdleLock    = 30 * time.Minute
	SessionLife = 12 * time.Hour
)

// TouchEvery is how exactly it is known when a session or a device was last used: a write at every
// page would cost more than the page.
const TouchEvery = time.Minute

// ErrSignIn is returned for a wrong login or password alike.
var ErrSignIn = fault.New(fault.SignIn, "wrong_password")

// Session is a signed-in account.
type Session struct {
	ID        string // what lists call it; not its secret
	User      User
	Began     time.Time
	Seen      time.Time // when it was last used, up to TouchEvery before it was
	Ends      time.Time
	Locked    bool // only the password opens it again
	Elsewhere bool // asked for from another address or browser than it was begun with
	From      From // where it was begun
}

// SignIn checks a login and password and returns a new session's token for the cookie; the session of
// the token replaced, "" for none, ends with it. It returns ErrSignIn, or too_many_tries after
// failures. It hashes, so it makes its own transactions.
func SignIn(ctx context.Context, db *store.DB, login, password, replaced string, from From) (token string, u User, err error) {
	login = store.Fold(login)
	defer takePlace()() // before the try is counted, so that a whole office signs in at eight
	var on []counted
	var hash string
	err = db.Update(ctx, func(tx *store.Tx) (err error) {
		if on, err = signInFailures(ctx, tx, login, from); err != nil {
			return err
		}
		if err := allowTry(ctx, tx, on); err != nil {
			return err
		}
		u, err = scanUser(tx.QueryRow(ctx, `SELECT `+userColumns+`, u.password FROM users u WHERE u.login = $1`, login), &hash)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return "", User{}, fmt.Errorf("sign in: %w", err)
	}
	right := checkPassword(hash, password)
	token = store.NewToken() + store.NewToken()
	let := false
	err = db.Update(ctx, func(tx *store.Tx) (err error) {
		let = right && !u.Ended(tx.Now)
		if let {
			if let, err = stillPassword(ctx, tx, u.ID, hash); err != nil {
				return err
			}
		}
		if !let {
			return refused(ctx, tx, u)
		}
		if err := errors.Join(forgive(ctx, tx, on), know(ctx, tx, login, from)); err != nil {
			return err
		}
		return begin(ctx, tx, u, token, replaced, from)
	})
	if err != nil {
		return "", User{}, fmt.Errorf("sign in: %w", err)
	}
	if !let {
		return "", User{}, ErrSignIn
	}
	return token, u, nil
}

// refused records a failed sign-in. What was typed for an account that there is not may be anything,
// and is not kept.
func refused(ctx context.Context, tx *store.Tx, u User) error {
	subject := "user:unknown"
	if u.ID != "" {
		subject = "user:" + u.ID
	}
	return record(ctx, tx, "anyone", "session.refuse", subject, nil)
}

// begin makes a session and its line in the audit.
func begin(ctx context.Context, tx *store.Tx, u User, token, replaced string, from From) error {
	if err := SignOut(ctx, tx, replaced); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
INSERT INTO sessions (hash, id, user_id, created_at, seen_at, expires_at, address, agent) VALUES ($1, $2, $3, $4, $4, $5, $6, $7)`,
		digest(token), store.NewID(), u.ID, store.Millis(tx.Now), store.Millis(tx.Now.Add(SessionLife)), from.Address, from.Agent)
	if err != nil {
		return err
	}
	return record(ctx, tx, "user:"+u.ID, "session.begin", "user:"+u.ID, nil)
}

const sessionColumns = userColumns + `, s.id, s.created_at, s.seen_at, s.expires_at, s.locked, s.address, s.agent`

// SessionOf returns the session of a cookie as it is for a request from somewhere, or ErrSignIn when
// there is none or it has ended. One that comes from elsewhere than it was begun is locked: a cookie
// that was carried off opens nothing, and its owner who has moved gives the password again.
func SessionOf(ctx context.Context, tx *store.Tx, token string, from From) (Session, error) {
	row := tx.QueryRow(ctx, `
SELECT `+sessionColumns+`
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.hash = $1 AND s.expires_at > $2 AND (u.valid_until = 0 OR u.valid_until > $2)`, digest(token), store.Millis(tx.Now))
	s, err := scanSession(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, ErrSignIn
	}
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	s.Elsewhere = s.From != from
	s.Locked = s.Locked || s.Elsewhere || tx.Now.After(s.Seen.Add(IdleLock))
	return s, nil
}

func scanSession(row store.Row) (Session, error) {
	var s Session
	var began, seen, ends int64
	u, err := scanUser(row, &s.ID, &began, &seen, &ends, &s.Locked, &s.From.Address, &s.From.Agent)
	s.User, s.Began, s.Seen, s.Ends = u, store.FromMillis(began), store.FromMillis(seen), store.FromMillis(ends)
	return s, err
}

// Sessions returns the sessions of an account that have not ended, the last used first.
func Sessions(ctx context.Context, tx *store.Tx, user string) ([]Session, error) {
	all, err := store.All(ctx, tx, func(row store.Row) (Session, error) {
		s, err := scanSession(row)
		s.Locked = s.Locked || tx.Now.After(s.Seen.Add(IdleLock))
		return s, err
	}, `
SELECT `+sessionColumns+`
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.user_id = $1 AND s.expires_at > $2 ORDER BY s.seen_at DESC, s.id`, user, store.Millis(tx.Now))
	if err != nil {
		return nil, fmt.Errorf("read sessions: %w", err)
	}
	return all, nil
}

// Touch notes that a session was used by a person, at most every TouchEvery. A locked session stays
// locked.
func Touch(ctx context.Context, tx *store.Tx, token string) error {
	_, err := tx.Exec(ctx, `UPDATE sessions SET seen_at = $2 WHERE hash = $1 AND seen_at <= $4 AND seen_at > $3 AND locked = FALSE`,
		digest(token), store.Millis(tx.Now), store.Millis(tx.Now.Add(-IdleLock)), store.Millis(tx.Now.Add(-TouchEvery)))
	return err
}

// Lock locks a session until its password is given again; the desk it works at goes on.
func Lock(ctx context.Context, tx *store.Tx, token string) error {
	_, err := lock(ctx, tx, token)
	return err
}

func lock(ctx context.Context, tx *store.Tx, token string) (changed int64, err error) {
	changed, err = tx.Exec(ctx, `UPDATE sessions SET locked = TRUE WHERE hash = $1 AND locked = FALSE`, digest(token))
	tx.Touch(Topic, 0)
	return changed, err
}

// LockElsewhere locks a session whose cookie came from elsewhere, and records it once.
func LockElsewhere(ctx context.Context, tx *store.Tx, token string, s Session) error {
	changed, err := lock(ctx, tx, token)
	if err != nil || changed == 0 {
		return err
	}
	return record(ctx, tx, "anyone", "session.elsewhere", "user:"+s.User.ID, nil)
}

// SignOut ends a session.
func SignOut(ctx context.Context, tx *store.Tx, token string) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE hash = $1`, digest(token))
	tx.Touch(Topic, 0)
	return err
}

// RevokeSession ends a session of an account that is listed under id.
func RevokeSession(ctx context.Context, tx *store.Tx, user, id, by string) error {
	ended, err := tx.Exec(ctx, `DELETE FROM sessions WHERE user_id = $1 AND id = $2`, user, id)
	if err != nil {
		return fmt.Errorf("revoke session: %w", err)
	}
	if ended == 0 {
		return nil
	}
	tx.Touch(Topic, 0)
	return record(ctx, tx, by, "session.revoke", "user:"+user, nil)
}

// RevokeSessions ends all sessions of an account but the one of the token kept, "" for none.
func RevokeSessions(ctx context.Context, tx *store.Tx, user, kept, by string) error {
	if err := endSessions(ctx, tx, user, kept); err != nil {
		return err
	}
	return record(ctx, tx, by, "session.revoke", "user:"+user, nil)
}

func endSessions(ctx context.Context, tx *store.Tx, user, kept string) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE user_id = $1 AND hash <> $2`, user, digest(kept))
	tx.Touch(Topic, 0)
	return err
}

// Forget deletes what has ended: sessions, links, codes, and failures of long ago.
func Forget(ctx context.Context, tx *store.Tx) error {
	now := store.Millis(tx.Now)
	for _, statement := range []string{
		`DELETE FROM sessions WHERE expires_at <= $1`,
		`DELETE FROM password_links WHERE until <= $1`,
		`UPDATE devices SET code_hash = NULL, code_key = NULL, code_until = 0 WHERE code_until > 0 AND code_until <= $1`,
	} {
		if _, err := tx.Exec(ctx, statement, now); err != nil {
			return fmt.Errorf("forget what ended: %w", err)
		}
	}
	return forgetFailures(ctx, tx)
}
