package store_test

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// TestBackupIsOneMoment copies while pairs of rows are written: no copy has half a pair.
func TestBackupIsOneMoment(t *testing.T) {
	db := storetest.Open(t, nil)
	folder := t.TempDir()
	done := make(chan struct{})
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				update(t, db, func(tx *store.Tx) error {
					id := store.NewID()
					insert(t, tx, "a"+id)
					insert(t, tx, "b"+id)
					return nil
				})
			}
		})
	}
	last := int64(0)
	for i := range 5 {
		path := filepath.Join(folder, string(rune('a'+i)))
		if err := db.Backup(t.Context(), path); err != nil {
			t.Fatal(err)
		}
		rows := value[int64](t, open(t, "sqlite:"+path), countLeases)
		if rows%2 != 0 || rows < last {
			t.Errorf("copy %d has %d rows, the one before %d", i, rows, last)
		}
		last = rows
	}
	close(done)
	writers.Wait()
}

func TestBackupRefuses(t *testing.T) {
	db := storetest.Open(t, nil)
	folder := t.TempDir()
	taken := filepath.Join(folder, "taken")
	if err := os.WriteFile(taken, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		name string
		ctx  context.Context
		path string
		want error
	}{
		{"a file that is there", t.Context(), taken, fs.ErrExist},
		{"a folder that is not", t.Context(), filepath.Join(folder, "no", "backup"), fs.ErrNotExist},
		{"one who has gone away", gone, filepath.Join(folder, "new"), context.Canceled},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := db.Backup(test.ctx, test.path); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
	if text, err := os.ReadFile(taken); err != nil || string(text) != "precious" {
		t.Errorf("got %q, %v", text, err)
	}
}

// TestBackupHoldsNothingErased looks for the bytes of a deleted row in the copy.
func TestBackupHoldsNothingErased(t *testing.T) {
	db := storetest.Open(t, nil)
	exec(t, db, insertLease, "Zenobia Inventata")
	exec(t, db, `DELETE FROM leases`)
	path := filepath.Join(t.TempDir(), "backup")
	if err := db.Backup(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "Zenobia") {
		t.Error("what was deleted is in the copy")
	}
}

func TestHold(t *testing.T) {
	folder := t.TempDir()
	address := "sqlite:" + filepath.Join(folder, "sportello.db")
	first, second := open(t, address), open(t, address) // together
	if _, err := store.Hold(folder); !errors.Is(err, store.ErrInUse) {
		t.Errorf("while two have it open: got %v, want %v", err, store.ErrInUse)
	}
	first.Close()
	if _, err := store.Hold(folder); !errors.Is(err, store.ErrInUse) {
		t.Errorf("while one has it open: got %v, want %v", err, store.ErrInUse)
	}
	second.Close()
	held, err := store.Hold(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(t.Context(), store.Options{URL: address}); !errors.Is(err, store.ErrInUse) {
		t.Errorf("open what somebody holds: got %v, want %v", err, store.ErrInUse)
	}
	own, err := store.Open(t.Context(), store.Options{URL: address, Held: true})
	if err != nil {
		t.Fatalf("open what one holds oneself: %v", err)
	}
	own.Close()
	held.Close()
	open(t, address)
}

// TestExchange follows the names of files, and puts them back when there is no new one.
func TestExchange(t *testing.T) {
	for _, test := range []struct {
		name          string
		before, after map[string]string
		fails         bool
	}{
		{"a database", map[string]string{"db": "old", "fresh": "new"}, map[string]string{"db": "new", "kept": "old"}, false},
		{
			"with its logs",
			map[string]string{"db": "old", "db-wal": "log", "db-shm": "index", "fresh": "new"},
			map[string]string{"db": "new", "kept": "old", "kept-wal": "log", "kept-shm": "index"},
			false,
		},
		{"none was there", map[string]string{"fresh": "new"}, map[string]string{"db": "new"}, false},
		{
			"none was there but its logs",
			map[string]string{"db-wal": "log", "db-shm": "index", "db-journal": "journal", "fresh": "new"},
			map[string]string{"db": "new", "kept-wal": "log", "kept-shm": "index", "kept-journal": "journal"},
			false,
		},
		{"no new one beside logs", map[string]string{"db-wal": "log"}, map[string]string{"db-wal": "log"}, true},
		{
			"a log's name is taken",
			map[string]string{"db-wal": "log", "kept-wal": "older", "fresh": "new"},
			map[string]string{"db-wal": "log", "kept-wal": "older", "fresh": "new"},
			true,
		},
		{"no new one", map[string]string{"db": "old", "db-wal": "log"}, map[string]string{"db": "old", "db-wal": "log"}, true},
		{
			"the name is taken",
			map[string]string{"db": "old", "kept": "older", "fresh": "new"},
			map[string]string{"db": "old", "kept": "older", "fresh": "new"},
			true,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			folder := t.TempDir()
			in := func(name string) string { return filepath.Join(folder, name) }
			for name, text := range test.before {
				if err := os.WriteFile(in(name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := store.Exchange(in("db"), in("fresh"), in("kept")); (err != nil) != test.fails {
				t.Errorf("got %v, want failure %t", err, test.fails)
			}
			got := make(map[string]string)
			entries, err := os.ReadDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				text, err := os.ReadFile(in(e.Name()))
				if err != nil {
					t.Fatal(err)
				}
				got[e.Name()] = string(text)
			}
			if diff := cmp.Diff(test.after, got); diff != "" {
				t.Errorf("files (-want +got):\n%s", diff)
			}
		})
	}
}

func TestObserve(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		got := make(map[store.Kind]int)
		db.Observe(func(kind store.Kind, took time.Duration) {
			if took <= 0 {
				t.Errorf("a transaction took %v", took)
			}
			got[kind]++
		})
		if err := db.Probe(t.Context()); err != nil {
			t.Fatal(err)
		}
		_ = db.Update(t.Context(), func(*store.Tx) error { return sql.ErrNoRows })
		value[int64](t, db, countLeases)
		if diff := cmp.Diff(map[store.Kind]int{store.Writing: 2, store.Reading: 1}, got); diff != "" {
			t.Errorf("observed (-want +got):\n%s", diff)
		}
	})
}

func TestEngine(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		engine, err := db.Engine(t.Context())
		if err != nil || !strings.Contains(engine, map[bool]string{true: "SQLite 3.", false: "PostgreSQL 1"}[db.SQLite()]) {
			t.Errorf("got %q, %v", engine, err)
		}
		if err := db.Check(t.Context()); err != nil {
			t.Error(err)
		}
		write := func(tx *store.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO territories (id, stamp, body) VALUES ('prova', '', '{}')`)
			return err
		}
		if err := db.Update(t.Context(), write); err != nil {
			t.Error(err)
		}
		file, log, err := db.Sizes()
		if err != nil || (file > 0) != db.SQLite() || (log > 0) != db.SQLite() {
			t.Errorf("sizes: got %d, %d, %v", file, log, err)
		}
	})
}
