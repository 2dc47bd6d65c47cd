package access

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// User is an account of a member of staff.
type User struct {
	ID        string
	Rev       int64
	Login     string
	Name      string
	Role      Role
	Territory string   // "" all
	Officer   string   // who of that territory the account acts as at a desk; "" nobody
	Offices   []string // none: all of the territory
	Until     time.Time
	HasSecret bool // a password is set
}

// In reports whether the account reaches an office of a territory.
func (u User) In(territory, office string) bool {
	return reaches(u.Territory, u.Offices, territory, office)
}

// Ended reports whether the account's end is over.
func (u User) Ended(now time.Time) bool { return expired(u.Until, now) }

// The faults of accounts.
var (
	errUnknownUser = fault.New(fault.Missing, "unknown_user")
	// ErrEdited is returned when what is to be changed was changed by somebody else meanwhile.
	ErrEdited = fault.New(fault.Conflict, "edited_meanwhile")
)

const (
	longestLogin = 64  // letters
	longestName  = 120 // letters
)

// valid checks an account as it is to be kept.
func (u User) valid() error {
	switch {
	case u.Login == "" || len([]rune(u.Login)) > longestLogin || strings.ContainsFunc(u.Login, unfit):
		return fault.New(fault.Invalid, "login_invalid")
	case strings.TrimSpace(u.Name) == "" || len([]rune(u.Name)) > longestName:
		return fault.New(fault.Invalid, "name_invalid")
	case !slices.Contains(StaffRoles, u.Role):
		return fault.New(fault.Invalid, "role_invalid")
	case u.Territory == "" && (u.Officer != "" || len(u.Offices) > 0):
		return fault.New(fault.Invalid, "territory_missing") // ids of officers and offices are a territory's
	}
	return nil
}

// unfit are the characters that no login may have.
func unfit(r rune) bool { return r <= ' ' || r == 0x7f }

const userColumns = `u.id, u.rev, u.login, u.name, u.role, u.territory_id, u.officer_id, u.offices, u.valid_until, CASE WHEN u.password = '' THEN FALSE ELSE TRUE END`

// AddUser creates an account; password is a hash by HashPassword, or "" when a link is to set it. by is
// who does it, as the audit names them.
func AddUser(ctx context.Context, tx *store.Tx, u User, password, by string) error {
	u.Login = store.Fold(u.Login)
	if err := u.valid(); err != nil {
		return err
	}
	offices, err := json.Marshal(append([]string{}, u.Offices...))
	if err != nil {
		return err
	}
	added, err := tx.Exec(ctx, `
INSERT INTO users (id, login, name, password, role, territory_id, officer_id, offices, valid_until, created_at, folded)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING`,
		u.ID, u.Login, strings.TrimSpace(u.Name), password, string(u.Role), u.Territory, u.Officer, string(offices),
		store.Millis(u.Until), store.Millis(tx.Now), store.Fold(u.Name+" "+u.Login))
	if err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	if added == 0 {
		return fault.New(fault.Conflict, "login_taken", "login", u.Login)
	}
	return record(ctx, tx, by, "user.add", "user:"+u.ID, map[string]any{"role": u.Role})
}

// EditUser changes an account to u; u.Rev must be the one it was read with, else ErrEdited. An account
// that may do less than before loses its sessions.
func EditUser(ctx context.Context, tx *store.Tx, u User, by string) error {
	u.Login = store.Fold(u.Login)
	if err := u.valid(); err != nil {
		return err
	}
	before, err := UserByID(ctx, tx, u.ID)
	if err != nil {
		return err
	}
	var taken int
	if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM users WHERE login = $1 AND id <> $2`, u.Login, u.ID).Scan(&taken); err != nil {
		return fmt.Errorf("edit user: %w", err)
	}
	if taken > 0 {
		return fault.New(fault.Conflict, "login_taken", "login", u.Login)
	}
	offices, err := json.Marshal(append([]string{}, u.Offices...))
	if err != nil {
		return err
	}
	changed, err := tx.Exec(ctx, `
UPDATE users SET rev = rev + 1, login = $3, name = $4, role = $5, territory_id = $6, officer_id = $7, offices = $8, valid_until = $9, folded = $10
WHERE id = $1 AND rev = $2`,
		u.ID, u.Rev, u.Login, strings.TrimSpace(u.Name), string(u.Role), u.Territory, u.Officer, string(offices),
		store.Millis(u.Until), store.Fold(u.Name+" "+u.Login))
	if err != nil {
		return fmt.Errorf("edit user: %w", err)
	}
	if changed == 0 {
		return ErrEdited
	}
	sooner := !u.Until.IsZero() && (before.Until.IsZero() || u.Until.Before(before.Until))
	if before.Role != u.Role || before.Territory != u.Territory || before.Officer != u.Officer || !slices.Equal(before.Offices, u.Offices) || u.Ended(tx.Now) || sooner {
		if err := errors.Join(endSessions(ctx, tx, u.ID, ""), audit.Erase(ctx, tx, "rights:"+u.ID)); err != nil {
			return err
		}
	}
	return record(ctx, tx, by, "user.edit", "user:"+u.ID, map[string]any{
		"role": u.Role, "role_before": before.Role, "offices": u.Offices, "offices_before": before.Offices,
		"until": store.Millis(u.Until), "until_before": store.Millis(before.Until),
	})
}

// EndUser ends an account now: its sessions end, it cannot sign in, its name stays for the audit.
func EndUser(ctx context.Context, tx *store.Tx, id, by string) error {
	u, err := UserByID(ctx, tx, id)
	if err != nil {
		return err
	}
	if !u.Ended(tx.Now) {
		u.Until = tx.Now
	}
	if err := endSessions(ctx, tx, id, ""); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE users SET rev = rev + 1, password = '', valid_until = $2 WHERE id = $1`, id, store.Millis(u.Until))
	if err != nil {
		return fmt.Errorf("end user: %w", err)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM password_links WHERE user_id = $1`, id); err != nil {
		return fmt.Errorf("end user: %w", err)
	}
	if err := audit.Erase(ctx, tx, "user:"+id); err != nil {
		return err
	}
	return record(ctx, tx, by, "user.end", "user:"+id, nil)
}

// UserByID returns an account, or the fault unknown_user.
func UserByID(ctx context.Context, tx *store.Tx, id string) (User, error) {
	return oneUser(ctx, tx, `WHERE u.id = $1`, id)
}

// UserByLogin returns the account of a login as people type it, or the fault unknown_user.
func UserByLogin(ctx context.Context, tx *store.Tx, login string) (User, error) {
	return oneUser(ctx, tx, `WHERE u.login = $1`, store.Fold(login))
}

func oneUser(ctx context.Context, tx *store.Tx, condition, value string) (User, error) {
	u, err := scanUser(tx.QueryRow(ctx, `SELECT `+userColumns+` FROM users u `+condition, value))
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, errUnknownUser
	}
	if err != nil {
		return User{}, fmt.Errorf("read user: %w", err)
	}
	return u, nil
}

const selectUsers = `SELECT ` + userColumns + ` FROM users u
WHERE ($1 = '' OR u.territory_id = $1) AND u.login > $2 AND u.folded LIKE $3 ESCAPE '\' ORDER BY u.login LIMIT $4`

// UsersEnding returns the accounts of a territory, "" for all, that end before an instant and have not yet,
// the first to end first.
func UsersEnding(ctx context.Context, tx *store.Tx, territory string, before time.Time) ([]User, error) {
	return manyUsers(ctx, tx, `SELECT `+userColumns+` FROM users u
WHERE ($1 = '' OR u.territory_id = $1) AND u.valid_until > $2 AND u.valid_until < $3 ORDER BY u.valid_until, u.login`,
		territory, store.Millis(tx.Now), store.Millis(before))
}

// Users returns a page of the accounts of a territory, "" for all, by login. After is a login; there is
// more when the page is full.
func Users(ctx context.Context, tx *store.Tx, territory string, p Page) ([]User, error) {
	return manyUsers(ctx, tx, selectUsers, territory, p.After, store.Pattern(p.Text), p.limit())
}

func manyUsers(ctx context.Context, tx *store.Tx, query string, args ...any) ([]User, error) {
	all, err := store.All(ctx, tx, func(row store.Row) (User, error) { return scanUser(row) }, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read users: %w", err)
	}
	return all, nil
}

func scanUser(row store.Row, more ...any) (User, error) {
	var u User
	var offices string
	var until int64
	err := row.Scan(append([]any{&u.ID, &u.Rev, &u.Login, &u.Name, &u.Role, &u.Territory, &u.Officer, &offices, &until, &u.HasSecret}, more...)...)
	if err != nil {
		return User{}, err
	}
	u.Until = store.FromMillis(until)
	err = json.Unmarshal([]byte(offices), &u.Offices)
	return u, err
}

// record writes a line of the audit that belongs to no office.
func record(ctx context.Context, tx *store.Tx, by, action, subject string, detail map[string]any) error {
	return audit.Record(ctx, tx, audit.Entry{Scope: audit.System, Actor: by, Action: action, Subject: subject, Detail: detail})
}

// OfficerUser reports whether an account is that of an officer of a territory.
func OfficerUser(ctx context.Context, tx *store.Tx, territory, officer string) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM users WHERE territory_id = $1 AND officer_id = $2`, territory, officer).Scan(&n)
	if err != nil {
		return false, fmt.Errorf("look for account: %w", err)
	}
	return n > 0, nil
}
