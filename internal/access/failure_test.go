package access_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

func at(address string) access.From { return access.From{Address: address, Agent: office.Agent} }

// TestGuessingIsSlowedDown tries wrong passwords one after another, then at the same time: only so many
// are looked at before a pause, within which the right one is refused too.
func TestGuessingIsSlowedDown(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
		try := func(password, address string) error {
			_, _, err := access.SignIn(t.Context(), db, "anna", password, "", at(address))
			return err
		}
		for n := range 5 {
			if err := try("sbagliata", "192.0.2.1"); !errors.Is(err, access.ErrSignIn) {
				t.Fatalf("try %d: %v", n, err)
			}
		}
		if err := try("giusta", "192.0.2.1"); fault.Code(err) != "too_many_tries" {
			t.Errorf("sixth try: got %v, want too_many_tries", err)
		}
		if err := try("giusta", "192.0.2.2"); err != nil {
			t.Errorf("from another address: %v", err)
		}
		clock.Add(time.Second)
		var looked atomic.Int64
		var guessing sync.WaitGroup
		for range 20 {
			guessing.Go(func() {
				if errors.Is(try("sbagliata", "192.0.2.1"), access.ErrSignIn) {
					looked.Add(1)
				}
			})
		}
		guessing.Wait()
		if got := looked.Load(); got != 1 {
			t.Errorf("%d guesses at once were looked at, want 1", got)
		}
		clock.Add(15 * time.Minute)
		if err := try("giusta", "192.0.2.1"); err != nil {
			t.Errorf("after the pause: %v", err)
		}
		if err := try("sbagliata", "192.0.2.1"); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("after signing in the failures are forgotten: %v", err)
		}
	})
}

// TestSprayingIsSlowedDown tries one password on many logins, known and unknown, from one address.
func TestSprayingIsSlowedDown(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		looked := 0
		for n := range 60 {
			_, _, err := access.SignIn(t.Context(), db, fmt.Sprint("login", n), "Estate2026!", "", office)
			if errors.Is(err, access.ErrSignIn) {
				looked++
			}
		}
		if looked != 30 {
			t.Errorf("%d logins could be tried, want 30", looked)
		}
		if got := count(t, db, "audit WHERE action = 'session.refuse'"); got != looked {
			t.Errorf("%d lines of the audit, want %d", got, looked)
		}
	})
}

// TestOwnerIsNotKeptOut guesses a login from many addresses: its owner waits a minute at most.
func TestOwnerIsNotKeptOut(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
		for n := range 200 {
			_, _, _ = access.SignIn(t.Context(), db, "anna", "sbagliata", "", at(fmt.Sprint("198.51.100.", n)))
			clock.Add(time.Second)
		}
		clock.Add(time.Minute)
		if _, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "", office); err != nil {
			t.Errorf("after a minute: %v", err)
		}
	})
}

// TestCodeOfADevice goes through the life of an enrolment code.
func TestCodeOfADevice(t *testing.T) {
	tests := []struct {
		name string
		do   func(t *testing.T, h codeHouse)
	}{
		{"once", func(t *testing.T, h codeHouse) {
			code := h.code(t)
			token := h.good(t, code, office)
			h.knows(t, token, true)
			h.bad(t, code, at("192.0.2.9"))
			h.knows(t, token, true)
		}},
		{"ten minutes", func(t *testing.T, h codeHouse) {
			code := h.code(t)
			h.clock.Add(10 * time.Minute)
			h.bad(t, code, office)
		}},
		{"five tries, from wherever", func(t *testing.T, h codeHouse) {
			code := h.code(t)
			for n := range 5 {
				h.bad(t, wrong(code), at(fmt.Sprint("192.0.2.", 10+n)))
			}
			h.bad(t, code, office)
		}},
		{"four tries", func(t *testing.T, h codeHouse) {
			code := h.code(t)
			for range 4 {
				h.bad(t, wrong(code), office)
			}
			h.good(t, code, office)
		}},
		{"five codes from one address", func(t *testing.T, h codeHouse) {
			code := h.code(t)
			for range 5 {
				h.bad(t, "000-000-000", office)
			}
			if _, _, err := access.Enrol(t.Context(), h.db, code, office, access.Kiosk); fault.Code(err) != "too_many_tries" {
				t.Errorf("got %v, want too_many_tries", err)
			}
			h.good(t, code, at("192.0.2.9"))
		}},
		{"a new code for the last", func(t *testing.T, h codeHouse) {
			old := h.code(t)
			code := h.code(t)
			h.bad(t, old, office)
			h.good(t, code, office)
		}},
		{"enrolled again", func(t *testing.T, h codeHouse) {
			first := h.good(t, h.code(t), office)
			second := h.good(t, h.code(t), office)
			h.knows(t, first, false)
			h.knows(t, second, true)
		}},
		{"revoked", func(t *testing.T, h codeHouse) {
			code := h.code(t)
			token := h.good(t, code, office)
			next := h.code(t)
			update(t, h.db, func(ctx context.Context, tx *store.Tx) error { return access.RevokeDevice(ctx, tx, "totem", byTest) })
			h.knows(t, token, false)
			h.bad(t, next, office)
		}},
		{"as people type it", func(t *testing.T, h codeHouse) {
			code := []byte(h.code(t))
			for i, c := range code {
				switch {
				case c == '-':
					code[i] = ' '
				case c == '0':
					code[i] = 'o'
				case c == '1':
					code[i] = 'l'
				case c >= 'A':
					code[i] = c + 'a' - 'A'
				}
			}
			h.good(t, string(code), office)
		}},
		{"a standing one, again and again", func(t *testing.T, h codeHouse) {
			update(t, h.db, func(ctx context.Context, tx *store.Tx) error {
				return access.AddDevice(ctx, tx, access.Device{ID: "demo", Office: "o", Kind: access.Board, Name: "Tabellone"}, "board-demo", byTest)
			})
			for range 3 {
				if _, _, err := access.Enrol(t.Context(), h.db, "board-demo", office, access.Board); err != nil {
					t.Error(err)
				}
			}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
				update(t, db, func(ctx context.Context, tx *store.Tx) error {
					return access.AddDevice(ctx, tx, access.Device{ID: "totem", Office: "o", Kind: access.Kiosk, Name: "Totem"}, "", byTest)
				})
				tt.do(t, codeHouse{db, clock})
			})
		})
	}
}

// codeHouse has one kiosk, not enrolled.
type codeHouse struct {
	db    *store.DB
	clock *storetest.Clock
}

func (h codeHouse) code(t *testing.T) (code string) {
	t.Helper()
	update(t, h.db, func(ctx context.Context, tx *store.Tx) (err error) {
		code, _, err = access.NewCode(ctx, tx, "totem", byTest)
		return err
	})
	return code
}

func (h codeHouse) good(t *testing.T, code string, from access.From) (token string) {
	t.Helper()
	_, token, err := access.Enrol(t.Context(), h.db, code, from, access.Kiosk)
	if err != nil {
		t.Errorf("code %s: %v", code, err)
	}
	return token
}

func (h codeHouse) bad(t *testing.T, code string, from access.From) {
	t.Helper()
	if _, _, err := access.Enrol(t.Context(), h.db, code, from, access.Kiosk); !errors.Is(err, access.ErrCode) {
		t.Errorf("code %s: got %v, want %v", code, err, access.ErrCode)
	}
}

func (h codeHouse) knows(t *testing.T, token string, want bool) {
	t.Helper()
	err := h.db.View(t.Context(), func(tx *store.Tx) error {
		_, err := access.DeviceOf(t.Context(), tx, token)
		return err
	})
	if known := err == nil; known != want || err != nil && !errors.Is(err, access.ErrDevice) {
		t.Errorf("token: got %v, want known %t", err, want)
	}
}

// wrong is a code whose secret part is another.
func wrong(code string) string {
	last := byte('0')
	if code[len(code)-1] == last {
		last = '2'
	}
	return code[:len(code)-1] + string(last)
}

// TestOneCodeOneDevice enrols from several addresses at once with one code.
func TestOneCodeOneDevice(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		h := codeHouse{db, clock}
		update(t, db, func(ctx context.Context, tx *store.Tx) error {
			return access.AddDevice(ctx, tx, access.Device{ID: "totem", Office: "o", Kind: access.Kiosk, Name: "Totem"}, "", byTest)
		})
		for range 20 {
			code := h.code(t)
			var used atomic.Int64
			var enrolling sync.WaitGroup
			for n := range 4 {
				enrolling.Go(func() {
					if _, _, err := access.Enrol(t.Context(), db, code, at(fmt.Sprint("192.0.2.", n)), access.Kiosk); err == nil {
						used.Add(1)
					}
				})
			}
			enrolling.Wait()
			if got := used.Load(); got != 1 {
				t.Fatalf("a code was used %d times", got)
			}
			clock.Add(2 * time.Hour)
		}
	})
}

// TestGuessersKeepNobodyOut guesses a login from a hundred addresses while its owner signs in from
// where they did before.
func TestGuessersKeepNobodyOut(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
		signIn := func(password string, from access.From) error {
			_, _, err := access.SignIn(t.Context(), db, "anna", password, "", from)
			return err
		}
		if err := signIn("giusta", office); err != nil {
			t.Fatal(err)
		}
		for n := range 100 {
			_ = signIn("sbagliata", at(fmt.Sprint("198.51.100.", n)))
		}
		if err := signIn("giusta", at("203.0.113.1")); fault.Code(err) != "too_many_tries" {
			t.Errorf("from a new place: got %v, want too_many_tries", err)
		}
		if err := signIn("giusta", office); err != nil {
			t.Errorf("from where they signed in before: %v", err)
		}
	})
}
