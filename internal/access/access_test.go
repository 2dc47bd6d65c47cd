package access_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

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
	update(t, db, func(ctx context.Context, tx *store.Tx) error { return access.AddUser(ctx, tx, u, hash) })
}

func session(t *testing.T, db *store.DB, token string) (access.Session, error) {
	t.Helper()
	var s access.Session
	err := db.View(t.Context(), func(tx *store.Tx) (err error) {
		s, err = access.SessionOf(t.Context(), tx, token)
		return err
	})
	return s, err
}

func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "Anna", Name: "Operatrice 1", Role: access.Officer, Until: morning.Add(time.Hour)})
		for _, wrong := range [][2]string{{"anna", "sbagliata"}, {"nobody", "giusta"}, {"anna", ""}, {"", ""}} {
			if _, _, err := access.SignIn(t.Context(), db, wrong[0], wrong[1], ""); !errors.Is(err, access.ErrSignIn) {
				t.Errorf("%v: got %v, want %v", wrong, err, access.ErrSignIn)
			}
		}
		token, u, err := access.SignIn(t.Context(), db, " ANNA ", "giusta", "")
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
		if _, _, err := access.SignIn(t.Context(), db, "anna", "giusta", ""); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("sign-in of an ended account: %v", err)
		}
	})
}

// TestSignInsAtTheSameMoment has everybody sign in within one millisecond, as at eight o'clock: each
// has a session, and each session its line in the audit.
func TestSignInsAtTheSameMoment(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Role: access.Officer})
		const all = 12
		var signingIn sync.WaitGroup
		for range all {
			signingIn.Go(func() {
				if _, _, err := access.SignIn(t.Context(), db, "anna", "giusta", ""); err != nil {
					t.Error(err)
				}
			})
		}
		signingIn.Wait()
		for _, table := range []string{"sessions", "audit"} {
			if got := count(t, db, table); got != all {
				t.Errorf("got %d %s, want %d", got, table, all)
			}
		}
	})
}

// TestSignInThatIsNotRecordedIsNone takes the audit away under a sign-in.
func TestSignInThatIsNotRecordedIsNone(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Role: access.Officer})
		update(t, db, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `ALTER TABLE audit RENAME TO gone`)
			return err
		})
		if _, _, err := access.SignIn(t.Context(), db, "anna", "giusta", ""); err == nil {
			t.Error("signed in without a line in the audit")
		}
		if got := count(t, db, "sessions"); got != 0 {
			t.Errorf("got %d sessions, want none", got)
		}
	})
}

func TestSignInReplacesASession(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Role: access.Officer})
		old, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := access.SignIn(t.Context(), db, "anna", "sbagliata", old); !errors.Is(err, access.ErrSignIn) {
			t.Fatalf("got %v, want %v", err, access.ErrSignIn)
		}
		if _, err := session(t, db, old); err != nil {
			t.Errorf("a wrong password ended the session: %v", err)
		}
		if _, _, err := access.SignIn(t.Context(), db, "anna", "giusta", old); err != nil {
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
		addUser(t, db, access.User{ID: "1", Login: "anna", Role: access.Officer})
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			return access.AddUser(t.Context(), tx, access.User{ID: "2", Login: "ANNA", Role: access.Officer}, "")
		})
		if fault.Code(err) != "login_taken" {
			t.Errorf("got %v, want login_taken", err)
		}
	})
}

func TestSessionLocksWhenIdleAndEnds(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Role: access.Officer})
		signIn := func() string {
			token, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "")
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
		update(t, db, access.EndSessions)
		if _, err := session(t, db, other); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("after its life: %v", err)
		}
	})
}

func TestEnrol(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		update(t, db, func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(
				access.AddDevice(ctx, tx, access.Device{ID: "once", Office: "o", Kind: access.Kiosk}, "ABCD EFGH", morning.Add(10*time.Minute)),
				access.AddDevice(ctx, tx, access.Device{ID: "late", Office: "o", Kind: access.Kiosk}, "LATE", morning.Add(10*time.Minute)),
				access.AddDevice(ctx, tx, access.Device{ID: "demo", Office: "o", Kind: access.Board}, "demo", time.Time{}))
		})
		enrol := func(code string) (access.Device, string, error) {
			var d access.Device
			var token string
			err := db.Update(t.Context(), func(tx *store.Tx) (err error) {
				d, token, err = access.Enrol(t.Context(), tx, code)
				return err
			})
			return d, token, err
		}
		deviceOf := func(token string) (d access.Device, err error) {
			err = db.View(t.Context(), func(tx *store.Tx) (err error) {
				d, err = access.DeviceOf(t.Context(), tx, token)
				return err
			})
			return d, err
		}
		d, token, err := enrol("abcdefgh")
		if err != nil || d.ID != "once" {
			t.Fatalf("got %v, %v", d, err)
		}
		if found, err := deviceOf(token); err != nil || found.ID != "once" {
			t.Errorf("device of the token: %v, %v", found, err)
		}
		if _, _, err := enrol("ABCDEFGH"); !errors.Is(err, access.ErrCode) {
			t.Errorf("the code a second time: %v", err)
		}
		_, first, _ := enrol("demo")
		if _, _, err := enrol("demo"); err != nil {
			t.Errorf("a demonstration's code a second time: %v", err)
		}
		if _, err := deviceOf(first); !errors.Is(err, access.ErrDevice) {
			t.Errorf("the first token after enrolling again: %v", err)
		}
		clock.Add(11 * time.Minute)
		for _, code := range []string{"LATE", "", "guess"} {
			if _, _, err := enrol(code); !errors.Is(err, access.ErrCode) {
				t.Errorf("code %q: got %v, want %v", code, err, access.ErrCode)
			}
		}
		if _, err := deviceOf(""); !errors.Is(err, access.ErrDevice) {
			t.Errorf("no token: %v", err)
		}
	})
}

// TestMay holds the table of permissions against what each role is for.
func TestMay(t *testing.T) {
	tests := []struct {
		role    access.Role
		may     []access.Permission
		mustNot []access.Permission
	}{
		{access.Anyone, []access.Permission{access.SeePublic}, []access.Permission{access.UseKiosk, access.ShowBoard, access.IssueTicket, access.WorkDesk, access.SeeBoard}},
		{access.KioskDevice, []access.Permission{access.UseKiosk, access.IssueTicket}, []access.Permission{access.WorkDesk, access.ShowBoard, access.StopService, access.SeeQueue}},
		{access.BoardDevice, []access.Permission{access.ShowBoard, access.SeeBoard}, []access.Permission{access.UseKiosk, access.IssueTicket, access.WorkDesk}},
		{access.Volunteer, []access.Permission{access.IssueByHand, access.SeeQueue}, []access.Permission{access.WorkDesk, access.StopService, access.CallChosen, access.CloseTheDay}},
		{access.Officer, []access.Permission{access.WorkDesk, access.CallChosen, access.StopService, access.CloseTheDay}, []access.Permission{access.UseKiosk, access.ShowBoard, access.SeeFigures, access.RunOffice}},
		{access.Manager, []access.Permission{access.WorkDesk, access.RunOffice, access.CloseTheDay, access.IssueByHand, access.SeeFigures}, []access.Permission{access.UseKiosk, access.ShowBoard}},
		{access.Administrator, []access.Permission{access.SeeQueue, access.SeeFigures}, []access.Permission{access.WorkDesk, access.IssueByHand, access.RunOffice, access.CloseTheDay}},
		{access.Observer, []access.Permission{access.SeeFigures}, []access.Permission{access.SeeQueue, access.WorkDesk, access.IssueTicket}},
		{access.Role("stranger"), nil, []access.Permission{access.SeePublic, access.WorkDesk}},
	}
	for _, tt := range tests {
		t.Run(string(tt.role), func(t *testing.T) {
			for _, p := range tt.may {
				if !tt.role.May(p) {
					t.Errorf("may not %s", p)
				}
			}
			for _, p := range tt.mustNot {
				if tt.role.May(p) {
					t.Errorf("may %s", p)
				}
			}
			if tt.role.May("something without a row") {
				t.Error("may do what has no row")
			}
		})
	}
}
