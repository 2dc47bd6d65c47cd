package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// The cost of a password, as OWASP's Password Storage Cheat Sheet has it for argon2id: 19 MiB of
// memory, two passes, one lane.
const (
	argonMemory  = 19 * 1024 // KiB
	argonPasses  = 2
	argonLanes   = 1
	argonSaltLen = 16
	argonKeyLen  = 32
)

// The length of a password: NIST SP 800-63B asks for length, not for kinds of characters.
const (
	ShortestPassword = 12  // letters
	longestPassword  = 256 // bytes
)

// LinkLife is how long a one-time link to set a password is good.
const LinkLife = 24 * time.Hour

// hashing holds a place for each processor: more passwords at once would only wait for one another,
// with 19 MiB each.
var hashing = make(chan struct{}, runtime.NumCPU())

// takePlace waits for a place to hash in and returns what gives it back.
func takePlace() (leave func()) {
	hashing <- struct{}{}
	return func() { <-hashing }
}

// HashPassword returns the argon2id hash of a password as a PHC string. It takes some 30 ms and
// 19 MiB: never inside a transaction.
func HashPassword(password string) string {
	defer takePlace()()
	salt := make([]byte, argonSaltLen)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonKeyLen)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// checkPassword reports whether password has the given hash. It takes as long for a hash that is
// none, so that an unknown login cannot be told from a wrong password by the time it takes. The caller
// holds a place.
func checkPassword(hash, password string) bool {
	parts := strings.Split(hash, "$")
	memory, passes, lanes := uint32(argonMemory), uint32(argonPasses), uint8(argonLanes)
	salt, want := make([]byte, argonSaltLen), []byte(nil)
	if len(parts) == 6 && parts[1] == "argon2id" {
		_, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes)
		s, err1 := base64.RawStdEncoding.DecodeString(parts[4])
		k, err2 := base64.RawStdEncoding.DecodeString(parts[5])
		if err == nil && err1 == nil && err2 == nil && len(k) == argonKeyLen {
			salt, want = s, k
		}
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, argonKeyLen)
	return want != nil && subtle.ConstantTimeCompare(got, want) == 1
}

// The faults of setting a password.
var (
	errOldPassword = fault.New(fault.Invalid, "old_password_wrong")
	errLink        = fault.New(fault.Missing, "link_used")
)

// CheckNewPassword refuses a password that is too short, the login in it not counted, or too long, with
// the fault weak_password.
func CheckNewPassword(login, password string) error {
	without := strings.ReplaceAll(store.Fold(password), store.Fold(login), "")
	if utf8.RuneCountInString(without) < ShortestPassword || len(password) > longestPassword {
		return fault.New(fault.Invalid, "weak_password", "letters", ShortestPassword)
	}
	return nil
}

// ChangePassword sets an account's password for who knows the old one, whose guessing is slowed down
// like a sign-in's. Every other session of the account ends.
func ChangePassword(ctx context.Context, db *store.DB, u User, old, chosen, session string, from From) error {
	if err := CheckNewPassword(u.Login, chosen); err != nil {
		return err
	}
	before, err := checkOld(ctx, db, u, old, from)
	if err != nil {
		return err
	}
	hash := HashPassword(chosen)
	return db.Update(ctx, func(tx *store.Tx) error {
		if same, err := stillPassword(ctx, tx, u.ID, before); err != nil || !same {
			return cmp.Or(err, error(errOldPassword))
		}
		return setPassword(ctx, tx, u.ID, hash, session, "user:"+u.ID)
	})
}

// checkOld checks the password of who is signed in, and returns its hash.
func checkOld(ctx context.Context, db *store.DB, u User, password string, from From) (hash string, err error) {
	defer takePlace()()
	var on []counted
	err = db.Update(ctx, func(tx *store.Tx) (err error) {
		if on, err = signInFailures(ctx, tx, u.Login, from); err != nil {
			return err
		}
		if err := allowTry(ctx, tx, on); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT password FROM users WHERE id = $1`, u.ID).Scan(&hash)
	})
	if err != nil {
		return "", fmt.Errorf("check password: %w", err)
	}
	if !checkPassword(hash, password) {
		return "", errOldPassword
	}
	return hash, db.Update(ctx, func(tx *store.Tx) error { return forgive(ctx, tx, on) })
}

// stillPassword reports whether a hash that was checked outside a transaction is still the account's,
// and keeps it so until the transaction ends: who changes it waits, and then ends the sessions.
func stillPassword(ctx context.Context, tx *store.Tx, user, hash string) (bool, error) {
	same, err := tx.Exec(ctx, `UPDATE users SET password = password WHERE id = $1 AND password = $2`, user, hash)
	if err != nil {
		return false, fmt.Errorf("read password: %w", err)
	}
	return same == 1, nil
}

// setPassword sets a hash and ends the sessions that were begun with another, but for the one kept.
func setPassword(ctx context.Context, tx *store.Tx, user, hash, kept, by string) error {
	changed, err := tx.Exec(ctx, `UPDATE users SET rev = rev + 1, password = $2 WHERE id = $1 AND (valid_until = 0 OR valid_until > $3)`,
		user, hash, store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	if changed == 0 {
		return errUnknownUser
	}
	if _, err := tx.Exec(ctx, `DELETE FROM password_links WHERE user_id = $1`, user); err != nil {
		return fmt.Errorf("set password: %w", err)
	}
	if err := endSessions(ctx, tx, user, kept); err != nil {
		return err
	}
	if err := audit.Erase(ctx, tx, "password:"+user); err != nil {
		return err
	}
	return record(ctx, tx, by, "user.password", "user:"+user, nil)
}

// SetPassword sets an account's password at an administrator's word; hash is by HashPassword.
func SetPassword(ctx context.Context, tx *store.Tx, user, hash, by string) error {
	return setPassword(ctx, tx, user, hash, "", by)
}

// NewLink returns the secret of a one-time link, good for LinkLife, with which an account's password
// can be set. A link that there was is good no more; the password stays until the link is used.
func NewLink(ctx context.Context, tx *store.Tx, user, by string) (secret string, until time.Time, err error) {
	u, err := UserByID(ctx, tx, user)
	if err != nil {
		return "", time.Time{}, err
	}
	if u.Ended(tx.Now) {
		return "", time.Time{}, fault.New(fault.Conflict, "account_ended")
	}
	secret, until = store.NewToken()+store.NewToken(), tx.Now.Add(LinkLife)
	_, err = tx.Exec(ctx, `
INSERT INTO password_links (user_id, hash, until) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, until = excluded.until`, user, digest(secret), store.Millis(until))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("make link: %w", err)
	}
	return secret, until, record(ctx, tx, by, "user.link", "user:"+user, nil)
}

// UserOfLink returns whose password a link sets, or the fault link_used when it is not good.
func UserOfLink(ctx context.Context, tx *store.Tx, secret string) (User, error) {
	u, err := scanUser(tx.QueryRow(ctx, `
SELECT `+userColumns+` FROM password_links l JOIN users u ON u.id = l.user_id
WHERE l.hash = $1 AND l.until > $2 AND (u.valid_until = 0 OR u.valid_until > $2)`, digest(secret), store.Millis(tx.Now)))
	if errors.Is(err, sql.ErrNoRows) {
		return User{}, errLink
	}
	if err != nil {
		return User{}, fmt.Errorf("read link: %w", err)
	}
	return u, nil
}

// UseLink sets the password of a link's account; the link is good once.
func UseLink(ctx context.Context, db *store.DB, secret, chosen string) (u User, err error) {
	err = db.View(ctx, func(tx *store.Tx) (err error) {
		u, err = UserOfLink(ctx, tx, secret)
		return err
	})
	if err != nil {
		return User{}, err
	}
	if err := CheckNewPassword(u.Login, chosen); err != nil {
		return u, err
	}
	hash := HashPassword(chosen)
	err = db.Update(ctx, func(tx *store.Tx) error {
		used, err := tx.Exec(ctx, `DELETE FROM password_links WHERE hash = $1 AND until > $2`, digest(secret), store.Millis(tx.Now))
		if err != nil {
			return fmt.Errorf("use link: %w", err)
		}
		if used == 0 {
			return errLink
		}
		return setPassword(ctx, tx, u.ID, hash, "", "user:"+u.ID)
	})
	return u, err
}
