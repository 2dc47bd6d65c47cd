package access_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

const longEnough = "quattro parole a caso"

// TestStolenCookie shows a session's cookie from elsewhere: it opens nothing, not even where it was
// begun, until the password is given again.
func TestStolenCookie(t *testing.T) {
	thieves := []struct {
		name string
		from access.From
	}{
		{"another address", access.From{Address: "198.51.100.7", Agent: office.Agent}},
		{"another browser", access.From{Address: office.Address, Agent: "curl/8.0"}},
	}
	for _, tt := range thieves {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
				addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
				token, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "", office)
				if err != nil {
					t.Fatal(err)
				}
				for range 2 {
					update(t, db, func(ctx context.Context, tx *store.Tx) error {
						s, err := access.SessionOf(ctx, tx, token, tt.from)
						if err != nil || !s.Locked || !s.Elsewhere {
							t.Errorf("got %+v, %v, want it locked", s, err)
						}
						return errors.Join(err, access.LockElsewhere(ctx, tx, token, s))
					})
				}
				if s, err := session(t, db, token); err != nil || !s.Locked || s.Elsewhere {
					t.Errorf("at home: got %+v, %v, want it locked", s, err)
				}
				if got := count(t, db, "audit WHERE action = 'session.elsewhere'"); got != 1 {
					t.Errorf("%d lines of the audit, want 1", got)
				}
			})
		})
	}
}

func TestSameProgram(t *testing.T) {
	const before = "Mozilla/5.0 (X11; Linux x86_64) Chrome/130.0.0.0 Safari/537.36"
	tests := []struct {
		name, agent string
		want        bool
	}{
		{"the same", before, true},
		{"updated", "Mozilla/5.0 (X11; Linux x86_64) Chrome/131.0.6778.85 Safari/537.36", true},
		{"another system", "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/130.0.0.0 Safari/537.36", false},
		{"no browser", "curl/8.5.0", false},
		{"nothing", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			d := access.Device{From: access.From{Address: "192.0.2.1", Agent: before}}
			if got := d.SameProgram(access.From{Address: "198.51.100.7", Agent: tt.agent}); got != tt.want {
				t.Errorf("got %t, want %t", got, tt.want)
			}
		})
	}
}

func TestPasswordLink(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
		link := func() (secret string) {
			update(t, db, func(ctx context.Context, tx *store.Tx) (err error) {
				secret, _, err = access.NewLink(ctx, tx, "1", byTest)
				return err
			})
			return secret
		}
		use := func(secret, password string) error {
			_, err := access.UseLink(t.Context(), db, secret, password)
			return err
		}
		old, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "", office)
		if err != nil {
			t.Fatal(err)
		}
		first, second := link(), link()
		if err := use(first, longEnough); fault.Code(err) != "link_used" {
			t.Errorf("a link that was replaced: %v", err)
		}
		if err := use(second, "corta"); fault.Code(err) != "weak_password" {
			t.Errorf("a short password: %v", err)
		}
		if err := use(second, longEnough); err != nil {
			t.Errorf("after a short password: %v", err)
		}
		if err := use(second, longEnough); fault.Code(err) != "link_used" {
			t.Errorf("a second time: %v", err)
		}
		if _, err := session(t, db, old); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("the session of the old password: %v", err)
		}
		if _, _, err := access.SignIn(t.Context(), db, "anna", longEnough, "", office); err != nil {
			t.Errorf("with the new password: %v", err)
		}
		late := link()
		clock.Add(access.LinkLife)
		if err := use(late, longEnough); fault.Code(err) != "link_used" {
			t.Errorf("a day later: %v", err)
		}
		ended := link()
		update(t, db, func(ctx context.Context, tx *store.Tx) error { return access.EndUser(ctx, tx, "1", byTest) })
		if err := use(ended, longEnough); fault.Code(err) != "link_used" {
			t.Errorf("of an ended account: %v", err)
		}
	})
}

func TestChangePassword(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer})
		signIn := func(password string) string {
			token, _, err := access.SignIn(t.Context(), db, "anna", password, "", office)
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		own, other := signIn("giusta"), signIn("giusta")
		u := access.User{ID: "1", Login: "anna"}
		change := func(old, chosen string) string {
			return fault.Code(access.ChangePassword(t.Context(), db, u, old, chosen, own, office))
		}
		if got := change("sbagliata", longEnough); got != "old_password_wrong" {
			t.Errorf("with a wrong old one: %q", got)
		}
		if got := change("giusta", "anna anna anna anna"); got != "weak_password" {
			t.Errorf("the login four times: %q", got)
		}
		if got := change("giusta", longEnough); got != "" {
			t.Errorf("got %q", got)
		}
		if _, err := session(t, db, own); err != nil {
			t.Errorf("the own session: %v", err)
		}
		if _, err := session(t, db, other); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("another session: %v", err)
		}
		signIn(longEnough)
	})
}

func TestEditUser(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		addUser(t, db, access.User{ID: "1", Login: "anna", Name: "Anna Prova", Role: access.Officer, Territory: "isernia"})
		addUser(t, db, access.User{ID: "2", Login: "bruno", Name: "Bruno Prova", Role: access.Officer, Territory: "milano"})
		token, _, err := access.SignIn(t.Context(), db, "anna", "giusta", "", office)
		if err != nil {
			t.Fatal(err)
		}
		edit := func(change func(*access.User)) string {
			err := db.Update(t.Context(), func(tx *store.Tx) error {
				u, err := access.UserByID(t.Context(), tx, "1")
				if err != nil {
					return err
				}
				change(&u)
				return access.EditUser(t.Context(), tx, u, byTest)
			})
			if err != nil && fault.Code(err) == "" {
				t.Fatal(err)
			}
			return fault.Code(err)
		}
		refused := []struct {
			want   string
			change func(*access.User)
		}{
			{"login_taken", func(u *access.User) { u.Login = "Bruno" }},
			{"login_invalid", func(u *access.User) { u.Login = "an na" }},
			{"login_invalid", func(u *access.User) { u.Login = "" }},
			{"name_invalid", func(u *access.User) { u.Name = " " }},
			{"role_invalid", func(u *access.User) { u.Role = access.KioskDevice }},
			{"territory_missing", func(u *access.User) { u.Territory, u.Officer = "", "cpi-1" }},
			{"edited_meanwhile", func(u *access.User) { u.Rev-- }},
		}
		for _, tt := range refused {
			if got := edit(tt.change); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		}
		if got := edit(func(u *access.User) { u.Name = "Anna Maria Prova" }); got != "" {
			t.Errorf("a new name: %q", got)
		}
		if _, err := session(t, db, token); err != nil {
			t.Errorf("the session after a new name: %v", err)
		}
		if got := edit(func(u *access.User) { u.Role = access.Volunteer }); got != "" {
			t.Errorf("a new role: %q", got)
		}
		if _, err := session(t, db, token); !errors.Is(err, access.ErrSignIn) {
			t.Errorf("the session after a new role: %v", err)
		}
	})
}

func TestUsersArePaged(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		for n, login := range []string{"carla", "anna", "50%", "bruno"} {
			addUser(t, db, access.User{ID: fmt.Sprint("u", n), Login: login, Name: strings.ToUpper(login) + " Prova", Role: access.Officer, Territory: "isernia"})
		}
		addUser(t, db, access.User{ID: "dora", Login: "dora", Name: "Dora Prova", Role: access.Officer, Territory: "milano"})
		tests := []struct {
			name, territory string
			page            access.Page
			want            []string
		}{
			{"first", "isernia", access.Page{Limit: 2}, []string{"50%", "anna"}},
			{"second", "isernia", access.Page{Limit: 2, After: "anna"}, []string{"bruno", "carla"}},
			{"by a part of the name", "isernia", access.Page{Text: " RUNO  pro"}, []string{"bruno"}},
			{"what would be a wildcard", "isernia", access.Page{Text: "0%"}, []string{"50%"}},
			{"all territories", "", access.Page{Text: "dora"}, []string{"dora"}},
			{"another territory", "bergamo", access.Page{}, nil},
		}
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				var got []string
				err := db.View(t.Context(), func(tx *store.Tx) error {
					users, err := access.Users(t.Context(), tx, tt.territory, tt.page)
					for _, u := range users {
						got = append(got, u.Login)
					}
					return err
				})
				if err != nil || !slices.Equal(got, tt.want) {
					t.Errorf("got %v, %v, want %v", got, err, tt.want)
				}
			})
		}
	})
}

func TestUsersEnding(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		now := clock.Now()
		update(t, db, func(ctx context.Context, tx *store.Tx) error {
			for login, ends := range map[string]time.Duration{"late": 50 * time.Hour, "soon": 40 * time.Hour, "first": time.Hour, "over": -time.Hour, "edge": 48 * time.Hour} {
				u := access.User{ID: login, Login: login, Name: login, Role: access.Officer, Territory: "a", Until: now.Add(ends)}
				if err := access.AddUser(ctx, tx, u, "", "user:test"); err != nil {
					return err
				}
			}
			for login, until := range map[string]time.Time{"never": {}, "elsewhere": now.Add(2 * time.Hour)} {
				u := access.User{ID: login, Login: login, Name: login, Role: access.Officer, Territory: "b", Until: until}
				if err := access.AddUser(ctx, tx, u, "", "user:test"); err != nil {
					return err
				}
			}
			return nil
		})
		for territory, want := range map[string][]string{"a": {"first", "soon"}, "b": {"elsewhere"}, "": {"first", "elsewhere", "soon"}} {
			var got []string
			update(t, db, func(ctx context.Context, tx *store.Tx) error {
				users, err := access.UsersEnding(ctx, tx, territory, now.Add(48*time.Hour))
				for _, u := range users {
					got = append(got, u.Login)
				}
				return err
			})
			if !slices.Equal(got, want) {
				t.Errorf("territory %q: got %q, want %q", territory, got, want)
			}
		}
	})
}

func TestProgram(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		add := func(p access.Program) (token string, code string) {
			err := db.Update(t.Context(), func(tx *store.Tx) (err error) {
				token, err = access.AddProgram(t.Context(), tx, p, byTest)
				return err
			})
			if err != nil && fault.Code(err) == "" {
				t.Fatal(err)
			}
			return token, fault.Code(err)
		}
		of := func(token string) (p access.Program, err error) {
			err = db.View(t.Context(), func(tx *store.Tx) (err error) {
				p, err = access.ProgramOf(t.Context(), tx, token)
				return err
			})
			return p, err
		}
		for want, p := range map[string]access.Program{
			"name_invalid":      {ID: "1"},
			"scope_unknown":     {ID: "1", Name: "Sito", Scopes: []access.Scope{"everything"}},
			"territory_missing": {ID: "1", Name: "Sito", Offices: []string{"o"}},
		} {
			if _, got := add(p); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		token, _ := add(access.Program{ID: "site", Name: "Sito", Territory: "isernia", Offices: []string{"o"}, Scopes: []access.Scope{access.TicketsScope}})
		p, err := of(token)
		if err != nil || !p.May(access.IssueTicket) || p.May(access.SeeBoard) || p.May(access.WorkDesk) || !p.May(access.SeeOffices) {
			t.Errorf("got %+v, %v", p, err)
		}
		if !p.In("isernia", "o") || p.In("isernia", "other") || p.In("milano", "o") {
			t.Error("it reaches other offices than its own")
		}
		revoke := func(territory string) string {
			return fault.Code(db.Update(t.Context(), func(tx *store.Tx) error {
				return access.RevokeProgram(t.Context(), tx, territory, "site", byTest)
			}))
		}
		if got := revoke("milano"); got != "program_missing" {
			t.Errorf("revoked from another territory: %q", got)
		}
		if got := revoke("isernia"); got != "" {
			t.Errorf("got %q", got)
		}
		if _, err := of(token); !errors.Is(err, access.ErrToken) {
			t.Errorf("a revoked token: %v", err)
		}
		short, _ := add(access.Program{ID: "short", Name: "Prova", Until: morning.Add(time.Hour)})
		clock.Add(time.Hour)
		if _, err := of(short); !errors.Is(err, access.ErrToken) {
			t.Errorf("a token past its end: %v", err)
		}
		if _, err := of(""); !errors.Is(err, access.ErrToken) {
			t.Errorf("no token: %v", err)
		}
	})
}

// TestSignInUnderWayWhenThePasswordChanges lets sign-ins with the old password race with its change:
// no session of the old one is left.
func TestSignInUnderWayWhenThePasswordChanges(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		hash := access.HashPassword(longEnough)
		for n := range 5 {
			login := fmt.Sprint("anna", n)
			addUser(t, db, access.User{ID: login, Login: login, Name: "Anna Prova", Role: access.Officer})
			var signingIn sync.WaitGroup
			for range 3 {
				signingIn.Go(func() { _, _, _ = access.SignIn(t.Context(), db, login, "giusta", "", office) })
			}
			update(t, db, func(ctx context.Context, tx *store.Tx) error { return access.SetPassword(ctx, tx, login, hash, byTest) })
			signingIn.Wait()
			if got := count(t, db, "sessions"); got != 0 {
				t.Fatalf("%d sessions of the old password", got)
			}
		}
	})
}
