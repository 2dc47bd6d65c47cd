package access_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// byTest is who does things in these tests, office where they sit.
const byTest = "user:test"

var office = access.From{Address: "192.0.2.1", Agent: "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0"}

var morning = time.Date(2026, 12, 3, 9, 0, 0, 0, time.UTC)

func each(t *testing.T, f func(t *testing.T, db *store.DB, clock *storetest.Clock)) {
	t.Helper()
	clock := storetest.At(morning)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(morning)
		f(t, db, clock)
	})
}

func update(t *testing.T, db *store.DB, f func(ctx context.Context, tx *store.Tx) error) {
	t.Helper()
	if err := db.Update(t.Context(), func(tx *store.Tx) error { return f(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func addUser(t *testing.T, db *store.DB, u access.User) {
	t.Helper()
	hash := access.HashPassword("giusta")
	update(t, db, func(ctx context.Context, tx *store.Tx) error { return access.AddUser(ctx, tx, u, hash, byTest) })
}

func session(t *testing.T, db *store.DB, token string) (access.Session, error) {
	t.Helper()
	var s access.Session
	err := db.View(t.Context(), func(tx *store.Tx) (err error) {
		s, err = access.SessionOf(t.Context(), tx, token, office)
		return err
	})
	return s, err
}

func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "Anna", Name: "Operatrice 1", Role: access.Officer, Until: morning.Add(time.Hour)})
		for _, wrong := range [][2]string{{"anna", "sbagliata"}, {"nobody", "giusta"}, {"anna", ""}, {"", ""}} {
			if _, _, err := access.SignIn(t.Context(), db, wrong[0], wrong[1], "", office); !errors.Is(err, access.ErrSignIn) {
				t.Errorf("%v: got %v, want %v", wrong, err, access.ErrSignIn)
			}
		}
		token, u, err := access.SignIn(t.Context(), db, " ANNA ", "giusta", "", office)
		if err != nil || u.Name != "Operatrice 1" {
			t.Fatalf("got %v, %v", u, err)
		}
		if s, err := session(t, db, token); err != nil || s.User.ID != "1" || s.Locked {
			t.Errorf("session: %+v, %v", s, err)
		}
		clock.Add(2 * time.Hour) // the account has ended
		if _, err := session(t, db, token); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("session of an ended account: %v", err)
		}
		if _, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "", office); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("sign-in of an ended account: %v", err)
		}
	})
}

// TestSignInsAtTheSameMoment has everybody sign in behind one address within one millisecond, as at eight o'clock: each
// has a session, and each session its line in the audit.
func TestSignInsAtTheSameMoment(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		const all = 40
		hash := access.HashPassword("giusta")
		update(t, db, func(ctx context.Context, tx *store.Tx) (err error) {
			for n := range all {
				u := access.User{ID: fmt.Sprint(n), Login: fmt.Sprint("anna", n), Name: "Anna Prova", Role: access.Officer}
				err = errors.Join(err, access.AddUser(ctx, tx, u, hash, byTest))
			}
			return err
		})
		var signingIn sync.WaitGroup
		for n := range all {
			signingIn.Go(func() {
				if _, _, err := access.SignIn(t.Context(), db, fmt.Sprint("anna", n), "giusta", "", office); err != nil {
					t.Error(err)
				}
			})
		}
		signingIn.Wait()
		if got := count(t, db, "sessions"); got != all {
			t.Errorf("got %d sessions, want %d", got, all)
		}
		if got := count(t, db, "audit WHERE action = 'session.begin'"); got != all {
			t.Errorf("got %d lines of the audit, want %d", got, all)
		}
	})
}

// TestSignInThatIsNotRecordedIsNone takes the audit away under a sign-in.
func TestSignInThatIsNotRecordedIsNone(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
		update(t, db, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `ALTER TABLE audit RENAME TO gone`)
			return err
		})
		if _, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "", office); err == nil {
			t.Error("signed in without a line in the audit")
		}
		if got := count(t, db, "sessions"); got != 0 {
			t.Errorf("got %d sessions, want none", got)
		}
	})
}

func TestSignInReplacesASession(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
		old, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "", office)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := access.SignIn(t.Context(), db, "anna", "sbagliata", old, office); !errors.Is(err, access.ErrSignIn) {
			t.Fatalf("got %v, want %v", err, access.ErrSignIn)
		}
		if _, err := session(t, db, old); err != nil {
			t.Errorf("a wrong password ended the session: %v", err)
		}
		if _, _, err := access.SignIn(t.Context(), db, "anna", "giusta", old, office); err != nil {
			t.Fatal(err)
		}
		if _, err := session(t, db, old); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("the replaced session: got %v, want %v", err, access.ErrSignIn)
		}
	})
}

func count(t *testing.T, db *store.DB, table string) (n int) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestLoginIsTakenOnce(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			return access.AddUser(t.Context(), tx, access.User{ID: "2", Login: "ANNA", Name: "Altra Prova", Role: access.Officer}, "", byTest)
		})
		if fault.Code(err) != "login_taken" {
			t.Errorf("got %v, want login_taken", err)
		}
	})
}

func TestSessionLocksWhenIdleAndEnds(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
		signIn := func() string {
			token, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "", office)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		locked := func(token string) bool {
			s, err := session(t, db, token)
			if err != nil {
				t.Fatal(err)
			}
			return s.Locked
		}
		touch := func(token string) {
			update(t, db, func(ctx context.Context, tx *store.Tx) error { return access.Touch(ctx, tx, token) })
		}
		token := signIn()
		clock.Add(29 * time.Minute)
		touch(token)
		clock.Add(29 * time.Minute)
		if locked(token) {
			t.Error("locked although it was used within the half hour")
		}
		clock.Add(2 * time.Minute)
		if !locked(token) {
			t.Error("not locked after half an hour")
		}
		touch(token)
		if !locked(token) {
			t.Error("a touch unlocked it")
		}
		other := signIn()
		update(t, db, func(ctx context.Context, tx *store.Tx) error { return access.Lock(ctx, tx, other) })
		if !locked(other) {
			t.Error("not locked by hand")
		}
		third := signIn()
		update(t, db, func(ctx context.Context, tx *store.Tx) error { return access.SignOut(ctx, tx, third) })
		if _, err := session(t, db, third); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("after sign-out: %v", err)
		}
		clock.Add(access.SessionLife)
		update(t, db, access.Forget)
		if _, err := session(t, db, other); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("after its life: %v", err)
		}
	})
}
