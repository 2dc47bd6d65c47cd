package access_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/audit"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// TestErasuresAreRepeated takes rights away in one database and repeats its erasures in another, as
// after the restore of a backup from before.
func TestErasuresAreRepeated(t *testing.T) {
	clock := storetest.At(morning)
	furnish := func(t *testing.T, db *store.DB) (totem, site string) {
		hash := access.HashPassword("giusta")
		update(t, db, func(ctx context.Context, tx *store.Tx) (err error) {
			for _, login := range []string{"leaver", "changer", "stayer", "demoted", "leaving", "renamed"} {
				u := access.User{ID: login, Login: login, Name: "Prova Prova", Role: access.Officer}
				err = errors.Join(err, access.AddUser(ctx, tx, u, hash, byTest))
			}
			for _, id := range []string{"totem", "board"} {
				err = errors.Join(err, access.AddDevice(ctx, tx, access.Device{ID: id, Office: "o", Kind: access.Kiosk, Name: id}, id, byTest))
			}
			var add error
			site, add = access.AddProgram(ctx, tx, access.Program{ID: "site", Name: "Sito"}, byTest)
			return errors.Join(err, add)
		})
		_, totem, err := access.Enrol(t.Context(), db, "totem", office, access.Kiosk)
		if err != nil {
			t.Fatal(err)
		}
		return totem, site
	}
	edit := func(ctx context.Context, tx *store.Tx, id string, change func(u *access.User)) error {
		u, err := access.UserByID(ctx, tx, id)
		if err != nil {
			return err
		}
		change(&u)
		return access.EditUser(ctx, tx, u, byTest)
	}
	storetest.Each(t, clock.Now, func(t *testing.T, old *store.DB) {
		put := storetest.Open(t, clock.Now)
		furnish(t, old)
		totem, site := furnish(t, put)
		clock.Add(time.Hour)
		since := clock.Now()
		update(t, old, func(ctx context.Context, tx *store.Tx) error {
			return errors.Join(
				access.EndUser(ctx, tx, "leaver", byTest),
				access.SetPassword(ctx, tx, "changer", "another hash", byTest),
				edit(ctx, tx, "demoted", func(u *access.User) { u.Role = access.Observer }),
				edit(ctx, tx, "leaving", func(u *access.User) { u.Until = clock.Now().AddDate(0, 1, 0) }),
				edit(ctx, tx, "renamed", func(u *access.User) { u.Name = "Altra Prova" }),
				access.RevokeDevice(ctx, tx, "totem", byTest),
				access.RevokeProgram(ctx, tx, "", "site", byTest),
				audit.Erase(ctx, tx, "user:added-since"), audit.Erase(ctx, tx, "device:added-since"))
		})
		var erasures []audit.Erasure
		err := old.View(t.Context(), func(tx *store.Tx) (err error) {
			erasures, err = audit.Erasures(t.Context(), tx, since)
			return err
		})
		if err != nil || len(erasures) != 8 {
			t.Fatalf("got %v, %v, want eight", erasures, err)
		}
		update(t, put, func(ctx context.Context, tx *store.Tx) error {
			for _, e := range erasures {
				if ours, err := access.Repeat(ctx, tx, e.Subject); !ours || err != nil {
					t.Errorf("%s: %t, %v", e.Subject, ours, err)
				}
			}
			if ours, err := access.Repeat(ctx, tx, "print:1"); ours || err != nil {
				t.Errorf("print:1: %t, %v", ours, err)
			}
			if _, err := access.DeviceOf(ctx, tx, totem); !errors.Is(err, access.ErrDevice) {
				t.Errorf("the revoked kiosk: %v", err)
			}
			if _, err := access.ProgramOf(ctx, tx, site); !errors.Is(err, access.ErrToken) {
				t.Errorf("the revoked token: %v", err)
			}
			return nil
		})
		for login, want := range map[string]error{"leaver": access.ErrSignIn, "changer": access.ErrSignIn, "demoted": access.ErrSignIn, "leaving": access.ErrSignIn, "stayer": nil, "renamed": nil} {
			if _, _, err := access.SignIn(t.Context(), put, login, "giusta", "", office); !errors.Is(err, want) {
				t.Errorf("%s: got %v, want %v", login, err, want)
			}
		}
	})
}
