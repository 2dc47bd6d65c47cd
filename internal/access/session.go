package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// How long a session lasts: after IdleLock without a request it asks for the password again, and
// after SessionLife it ends whatever happens.
const (
	IdleLock    = 30 * time.Minute
	SessionLife = 12 * time.Hour
)

// TouchEvery is how exactly it is known when a session was last used: a write at every page would
// cost more than the page.
const TouchEvery = time.Minute

// ErrSignIn is returned for a wrong login or password alike.
var ErrSignIn = fault.New(fault.SignIn, "wrong_password")

// Session is a signed-in account.
type Session struct {
	User   User
	Seen   time.Time // when it was last used, up to TouchEvery before it was
	Locked bool      // idle too long: only the password opens it again
}

const userColumns = `u.id, u.rev, u.login, u.name, u.role, u.territory_id, u.officer_id, u.offices, u.valid_until`

// AddUser creates an account; password is a hash by HashPassword.
func AddUser(ctx context.Context, tx *store.Tx, u User, password string) error {
	offices, err := json.Marshal(append([]string{}, u.Offices...))
	if err != nil {
		return err
	}
	added, err := tx.Exec(ctx, `
INSERT INTO users (id, login, name, password, role, territory_id, officer_id, offices, valid_until, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT DO NOTHING`,
		u.ID, strings.ToLower(u.Login), u.Name, password, string(u.Role), u.Territory, u.Officer, string(offices),
		store.Millis(u.Until), store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	if added == 0 {
		return fault.New(fault.Conflict, "login_taken", "login", u.Login)
	}
	return nil
}

// SignIn checks a login and password and returns a new session's token for the cookie; the session of
// the token replaced, "" for none, ends with it. It hashes, so it makes its own transactions.
func SignIn(ctx context.Context, db *store.DB, login, password, replaced string) (token string, u User, err error) {
	var hash string
	err = db.View(ctx, func(tx *store.Tx) error {
		row := tx.QueryRow(ctx, `SELECT `+userColumns+`, u.password FROM users u WHERE u.login = $1`, strings.ToLower(strings.TrimSpace(login)))
		u, err = scanUser(row, &hash)
		return err
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", User{}, fmt.Errorf("sign in: %w", err)
	}
	if !checkPassword(hash, password) || (!u.Until.IsZero() && db.Now().After(u.Until)) {
		return "", User{}, ErrSignIn
	}
	token = store.NewToken() + store.NewToken()
	err = db.Update(ctx, func(tx *store.Tx) error { return begin(ctx, tx, u, token, replaced) })
	if err != nil {
		return "", User{}, fmt.Errorf("sign in: %w", err)
	}
	return token, u, nil
}

// begin makes a session and its line in the audit.
func begin(ctx context.Context, tx *store.Tx, u User, token, replaced string) error {
	if err := SignOut(ctx, tx, replaced); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `
INSERT INTO sessions (hash, user_id, created_at, seen_at, expires_at) VALUES ($1, $2, $3, $3, $4)`,
		digest(token), u.ID, store.Millis(tx.Now), store.Millis(tx.Now.Add(SessionLife)))
	if err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{
		Scope: audit.System, Actor: "user:" + u.ID, Action: "session.begin", Subject: "user:" + u.ID,
	})
}

// SessionOf returns the session of a cookie, or ErrSignIn when there is none or it has ended.
func SessionOf(ctx context.Context, tx *store.Tx, token string) (Session, error) {
	var seen int64
	var s Session
	row := tx.QueryRow(ctx, `
SELECT `+userColumns+`, s.seen_at, s.locked
FROM sessions s JOIN users u ON u.id = s.user_id
WHERE s.hash = $1 AND s.expires_at > $2 AND (u.valid_until = 0 OR u.valid_until > $2)`, digest(token), store.Millis(tx.Now))
	u, err := scanUser(row, &seen, &s.Locked)
	if errors.Is(err, sql.ErrNoRows) {
		return Session{}, ErrSignIn
	}
	if err != nil {
		return Session{}, fmt.Errorf("read session: %w", err)
	}
	s.User, s.Seen = u, store.FromMillis(seen)
	s.Locked = s.Locked || tx.Now.After(s.Seen.Add(IdleLock))
	return s, nil
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
	_, err := tx.Exec(ctx, `UPDATE sessions SET locked = TRUE WHERE hash = $1`, digest(token))
	return err
}

// SignOut ends a session.
func SignOut(ctx context.Context, tx *store.Tx, token string) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE hash = $1`, digest(token))
	return err
}

// EndSessions deletes the sessions that have ended.
func EndSessions(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `DELETE FROM sessions WHERE expires_at <= $1`, store.Millis(tx.Now))
	return err
}

func scanUser(row *sql.Row, more ...any) (User, error) {
	var u User
	var offices string
	var until int64
	err := row.Scan(append([]any{&u.ID, &u.Rev, &u.Login, &u.Name, &u.Role, &u.Territory, &u.Officer, &offices, &until}, more...)...)
	if err != nil {
		return User{}, err
	}
	u.Until = store.FromMillis(until)
	return u, json.Unmarshal([]byte(offices), &u.Offices)
}
