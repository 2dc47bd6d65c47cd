package access_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// counter is something that a change counts up, and that a rollback takes back.
type counter struct {
	t  *testing.T
	db *store.DB
}

func newCounter(t *testing.T, db *store.DB) counter {
	update(t, db, func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO audit_heads (scope, version) VALUES ('counter', 0)`)
		return err
	})
	return counter{t, db}
}

// ask counts up once for a, and answers with the count. What is refused has been counted by then.
func (c counter) ask(a access.Ask, refused error) (made access.Made, err error) {
	c.t.Helper()
	ctx := c.t.Context()
	err = c.db.Update(ctx, func(tx *store.Tx) (err error) {
		made, err = access.Once(ctx, tx, a, func() (access.Made, error) {
			var n int
			err := tx.QueryRow(ctx, `UPDATE audit_heads SET version = version + 1 WHERE scope = 'counter' RETURNING version`).Scan(&n)
			return access.Made{Status: 201, ID: strconv.Itoa(n)}, errors.Join(err, refused)
		})
		return err
	})
	return made, err
}

func (c counter) keys() int { c.t.Helper(); return count(c.t, c.db, "requests") }

func TestOnce(t *testing.T) {
	anna := access.Ask{By: "user:anna", Key: "k", What: []string{"POST", "/a", "{}"}}
	first := access.Made{Status: 201, ID: "1"}
	tests := []struct {
		name  string
		ask   access.Ask
		later time.Duration
		want  access.Made
		err   error
	}{
		{"again", anna, 0, first, nil},
		{"almost a day later", anna, access.KeyLife - time.Millisecond, first, nil},
		{"a day later", anna, access.KeyLife, access.Made{Status: 201, ID: "2"}, nil},
		{"something else a day later", access.Ask{By: anna.By, Key: "k", What: []string{"POST", "/b", "{}"}}, access.KeyLife, access.Made{Status: 201, ID: "2"}, nil},
		{"another body", access.Ask{By: anna.By, Key: "k", What: []string{"POST", "/a", "{1}"}}, 0, access.Made{}, access.ErrKeyReused},
		{"another path", access.Ask{By: anna.By, Key: "k", What: []string{"POST", "/b", "{}"}}, 0, access.Made{}, access.ErrKeyReused},
		{"the same letters otherwise", access.Ask{By: anna.By, Key: "k", What: []string{"POST", "/a{}", ""}}, 0, access.Made{}, access.ErrKeyReused},
		{"another key", access.Ask{By: anna.By, Key: "l", What: anna.What}, 0, access.Made{Status: 201, ID: "2"}, nil},
		{"somebody else's same key", access.Ask{By: "user:bruno", Key: "k", What: anna.What}, 0, access.Made{Status: 201, ID: "2"}, nil},
		{"no key", access.Ask{By: anna.By, What: anna.What}, 0, access.Made{Status: 201, ID: "2"}, nil},
	}
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		c := newCounter(t, db)
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				clock.Set(morning)
				update(t, db, func(ctx context.Context, tx *store.Tx) error {
					_, err := tx.Exec(ctx, `DELETE FROM requests`)
					_, err2 := tx.Exec(ctx, `UPDATE audit_heads SET version = 0 WHERE scope = 'counter'`)
					return errors.Join(err, err2)
				})
				if got, err := c.ask(anna, nil); got != first || err != nil {
					t.Fatalf("first: got %+v, %v", got, err)
				}
				clock.Add(tt.later)
				if got, err := c.ask(tt.ask, nil); got != tt.want || !errors.Is(err, tt.err) {
					t.Errorf("got %+v, %v, want %+v, %v", got, err, tt.want, tt.err)
				}
			})
		}
	})
}

// TestRefusedIsNotKept lets a refusal be tried again: nothing was changed by it.
func TestRefusedIsNotKept(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		c := newCounter(t, db)
		refused := fault.New(fault.Conflict, "closed")
		a := access.Ask{By: "user:anna", Key: "k", What: []string{"x"}}
		if _, err := c.ask(a, refused); !errors.Is(err, refused) {
			t.Fatalf("got %v, want %v", err, refused)
		}
		if got := c.keys(); got != 0 {
			t.Errorf("%d keys are kept of what was refused", got)
		}
		if got, err := c.ask(a, nil); got.ID != "1" || err != nil {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// TestOnceForAllAtOnce has many ask for the same at the same moment, of whom the first is refused now
// and then.
func TestOnceForAllAtOnce(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, _ *storetest.Clock) {
		c := newCounter(t, db)
		var asked atomic.Int64
		var asking sync.WaitGroup
		for range 50 {
			asking.Go(func() {
				var refused error
				if asked.Add(1)%2 == 0 {
					refused = fault.New(fault.Conflict, "closed")
				}
				got, err := c.ask(access.Ask{By: "user:anna", Key: "k", What: []string{"x"}}, refused)
				if err == nil && got.ID != "1" || err != nil && !errors.Is(err, refused) {
					t.Errorf("got %+v, %v", got, err)
				}
			})
		}
		asking.Wait()
		if got := c.keys(); got != 1 {
			t.Errorf("%d keys are kept, want 1", got)
		}
	})
}

func TestForgetKeys(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB, clock *storetest.Clock) {
		c := newCounter(t, db)
		for _, key := range []string{"old", "new"} {
			if _, err := c.ask(access.Ask{By: "user:anna", Key: key}, nil); err != nil {
				t.Fatal(err)
			}
			clock.Add(time.Hour)
		}
		clock.Set(morning.Add(access.KeyLife))
		update(t, db, access.ForgetKeys)
		if got := c.keys(); got != 1 {
			t.Errorf("%d keys are left, want the one an hour younger", got)
		}
	})
}
