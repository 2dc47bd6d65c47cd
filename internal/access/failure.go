package access

import (
	"context"
	"fmt"
	"time"

	"sportello/internal/fault"
	"sportello/internal/store"
)

// A brake slows down whoever guesses: free failures cost nothing, then each doubles the pause before
// the next try, from a second up to longest. A quiet hour forgets.
type brake struct {
	free    int
	longest time.Duration
}

// The brakes. One on a login from one address is for guessing a password; one on an address for trying
// one password on many logins; one on a login for guessing from many addresses at once, which does not
// hold where its owner signed in from before.
var (
	brakePair    = brake{free: 5, longest: 15 * time.Minute}
	brakeAddress = brake{free: 30, longest: 15 * time.Minute}
	brakeLogin   = brake{free: 20, longest: time.Minute}
	brakeCode    = brake{free: 5, longest: 15 * time.Minute}
)

// quiet is how long without a failure forgets those before.
const quiet = time.Hour

// pause is how long after its nth failure nothing is tried.
func (b brake) pause(n int) time.Duration {
	over := n - b.free
	if over < 0 {
		return 0
	}
	if over > 20 {
		return b.longest
	}
	return min(time.Second<<over, b.longest)
}

// counted is one thing that failures are counted on.
type counted struct {
	subject string
	brake   brake
}

// signInFailures are what a failed sign-in is counted on. Subjects are hashed: a mistyped login may be
// a password. Where the login was signed in from before, guesses from elsewhere hold nobody up.
func signInFailures(ctx context.Context, tx *store.Tx, login string, from From) ([]counted, error) {
	on := []counted{
		{digest("pair\x00" + login + "\x00" + from.Address), brakePair},
		{digest("address\x00" + from.Address), brakeAddress},
	}
	var known int
	err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM failures WHERE subject = $1`, knownPlace(login, from)).Scan(&known)
	if err != nil {
		return nil, fmt.Errorf("count failures: %w", err)
	}
	if known == 0 {
		on = append(on, counted{digest("login\x00" + login), brakeLogin})
	}
	return on, nil
}

// knownFor is how long it is remembered where somebody signed in from.
const knownFor = 30 * 24 * time.Hour

func knownPlace(login string, from From) string {
	return digest("known\x00" + login + "\x00" + from.Address)
}

// know remembers where a login was signed in from: a row that counts nothing and is kept for knownFor.
func know(ctx context.Context, tx *store.Tx, login string, from From) error {
	_, err := tx.Exec(ctx, `
INSERT INTO failures (subject, count, last_at, until) VALUES ($1, 0, $2, $3)
ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at, until = excluded.until`,
		knownPlace(login, from), store.Millis(tx.Now), store.Millis(tx.Now.Add(knownFor)))
	return err
}

func enrolFailures(from From) []counted {
	return []counted{{digest("code\x00" + from.Address), brakeCode}}
}

// allowTry refuses a try while a pause lasts, with the fault too_many_tries and when it ends. It counts
// the try as a failure at once, so that many at the same time are no way around; forgive takes that
// back.
func allowTry(ctx context.Context, tx *store.Tx, on []counted) error {
	const charge = `
INSERT INTO failures (subject, count, last_at, until) VALUES ($1, 1, $2, 0)
ON CONFLICT (subject) DO UPDATE SET last_at = excluded.last_at,
  count = CASE WHEN failures.last_at <= $3 THEN 1 ELSE failures.count + 1 END,
  until = CASE WHEN failures.last_at <= $3 THEN 0 ELSE failures.until END
RETURNING count, until`
	const hold = `UPDATE failures SET until = $2 WHERE subject = $1`
	for _, c := range on {
		var count int
		var until int64
		now := store.Millis(tx.Now)
		if err := tx.QueryRow(ctx, charge, c.subject, now, store.Millis(tx.Now.Add(-quiet))).Scan(&count, &until); err != nil {
			return fmt.Errorf("count failures: %w", err)
		}
		if until > now {
			return tooMany(store.FromMillis(until), tx.Now)
		}
		if pause := c.brake.pause(count); pause > 0 {
			if _, err := tx.Exec(ctx, hold, c.subject, store.Millis(tx.Now.Add(pause))); err != nil {
				return fmt.Errorf("count failures: %w", err)
			}
		}
	}
	return nil
}

func tooMany(until, now time.Time) error {
	return fault.New(fault.TooMany, "too_many_tries", "seconds", int((until.Sub(now)+time.Second-1)/time.Second))
}

// forgive takes the counting of a try back that was right, and forgets the failures of the first
// subject, which is whose try it was.
func forgive(ctx context.Context, tx *store.Tx, on []counted) error {
	if _, err := tx.Exec(ctx, `DELETE FROM failures WHERE subject = $1`, on[0].subject); err != nil {
		return fmt.Errorf("forget failures: %w", err)
	}
	return takeBack(ctx, tx, on[1:])
}

// takeBack takes the counting of a try back, and the pause that it began.
func takeBack(ctx context.Context, tx *store.Tx, on []counted) error {
	const back = `UPDATE failures SET count = count - 1, until = 0 WHERE subject = $1`
	for _, c := range on {
		if _, err := tx.Exec(ctx, back, c.subject); err != nil {
			return fmt.Errorf("forget failures: %w", err)
		}
	}
	return nil
}

// forgetFailures deletes what a quiet hour has forgotten.
func forgetFailures(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, `DELETE FROM failures WHERE last_at <= $1 AND until <= $2`,
		store.Millis(tx.Now.Add(-quiet)), store.Millis(tx.Now))
	return err
}
