package main

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// TestKillBooking kills a process in the middle of booking, moving and cancelling, again and again, on
// both databases: what was acknowledged is there, no claim is without its appointment and no
// appointment without its claims.
func TestKillBooking(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) { killBooking(t, "sqlite:"+filepath.Join(t.TempDir(), "sportello.db")) })
	if server := os.Getenv("SPORTELLO_TEST_POSTGRES"); server != "" {
		t.Run("postgres", func(t *testing.T) { killBooking(t, storetest.EmptyPostgresURL(t, server)) })
	}
}

func killBooking(t *testing.T, address string) {
	rounds := 8
	if os.Getenv("SPORTELLO_TORTURE") != "" {
		rounds = 100
	}
	furnished(t, address).Close()
	told := make(map[string]string) // token → what was acknowledged last
	for round := range rounds {
		bookUntilKilled(t, address, round, told)
	}
	if len(told) < rounds {
		t.Errorf("only %d appointments were acknowledged in %d rounds", len(told), rounds)
	}
	t.Logf("%d appointments acknowledged in %d rounds", len(told), rounds)
	checkBooked(t, address, told)
}

// bookUntilKilled runs bookForever in a process of its own for a while, and notes what it says.
func bookUntilKilled(t *testing.T, address string, round int, told map[string]string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Args = []string{"book-forever", address, fmt.Sprint(round)}
	cmd.Stderr = testWriter{t}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := sync.OnceFunc(func() { _ = cmd.Process.Signal(syscall.SIGKILL) })
	t.Cleanup(kill)
	time.AfterFunc(readyWithin, kill) // only ends a test that would hang
	lines := bufio.NewScanner(out)
	for n := 0; lines.Scan(); n++ {
		if n == 0 {
			time.AfterFunc(time.Duration(20+rand.IntN(150))*time.Millisecond, kill) // when the power fails is chance
		}
		if token, state, whole := strings.Cut(lines.Text(), " "); whole && strings.HasSuffix(state, ".") {
			told[token] = strings.TrimSuffix(state, ".")
		}
	}
	_ = cmd.Wait()
}

// bookForever is the process that is killed: eight citizens hold, book, move and cancel, and each
// acknowledgement is a line. In each round the holds of the one before have ended.
func bookForever() {
	ctx := context.Background()
	at, err := time.Parse(time.RFC3339, opening)
	if err != nil {
		panic(err)
	}
	round, err := strconv.Atoi(os.Args[2])
	if err != nil {
		panic(err)
	}
	now := at.AddDate(0, 0, -3).Add(time.Duration(round) * booking.HoldFor)
	db, err := store.Open(ctx, store.Options{URL: os.Args[1], Now: func() time.Time { return now }})
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	var citizens sync.WaitGroup
	for range 8 {
		citizens.Go(func() {
			for {
				visit(ctx, db, at)
			}
		})
	}
	citizens.Wait()
}

// visit makes an appointment and may move and cancel it. It says what was committed, and goes on when
// others were quicker.
func visit(ctx context.Context, db *store.DB, at time.Time) {
	hold := func() (a booking.Appointment, err error) {
		err = db.Update(ctx, func(tx *store.Tx) (err error) {
			day := at.AddDate(0, 0, 7*rand.IntN(8)).Truncate(time.Hour)
			a, err = booking.Hold(ctx, tx, booking.Wish{
				Office: busy[0], Service: "JNT-LAVORO", Start: day.Add(time.Duration(rand.IntN(16)-2) * 30 * time.Minute), People: 1, Channel: territory.Online,
			})
			return err
		})
		return a, err
	}
	a, err := hold()
	if err != nil {
		return
	}
	err = db.Update(ctx, func(tx *store.Tx) (err error) {
		a, err = booking.Book(ctx, tx, booking.Key("prova"), a.Token, booking.Details{Contact: booking.Contact{Name: "Prova Inventata"}, By: booking.Citizen})
		return err
	})
	if err != nil {
		return
	}
	fmt.Printf("%s booked.\n", a.Token)
	if other, err := hold(); err == nil && rand.IntN(2) == 0 {
		err = db.Update(ctx, func(tx *store.Tx) (err error) {
			a, err = booking.Move(ctx, tx, a.Token, other.Token)
			return err
		})
		if err == nil {
			fmt.Printf("%s moved to %d.\n", a.Token, a.Start.Unix())
		}
	}
	if rand.IntN(6) == 0 {
		return
	}
	err = db.Update(ctx, func(tx *store.Tx) error {
		_, err := booking.Cancel(ctx, tx, a.Token)
		return err
	})
	if err == nil {
		fmt.Printf("%s cancelled.\n", a.Token)
	}
}

// checkBooked compares what was acknowledged with what the database holds, and claims with appointments.
func checkBooked(t *testing.T, address string, told map[string]string) {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.View(t.Context(), func(tx *store.Tx) error {
		for token, last := range told {
			a, err := booking.ByToken(t.Context(), tx, token)
			// What came after the last acknowledgement may have been committed, and the process killed before it said so.
			cancelled := last == "cancelled"
			if err != nil || a.State != booking.Booked && a.State != booking.Cancelled || cancelled && a.State != booking.Cancelled {
				t.Errorf("%s was acknowledged as %s and is %q, %v", token, last, a.State, err)
			}
			if start, moved := strings.CutPrefix(last, "moved to "); moved && start != fmt.Sprint(a.Start.Unix()) {
				t.Errorf("%s was acknowledged as %s and begins at %v", token, last, a.Start)
			}
		}
		claims, err := claimsByAppointment(t.Context(), tx)
		if err != nil {
			return err
		}
		return checkClaims(t, tx, claims)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func claimsByAppointment(ctx context.Context, tx *store.Tx) (map[string]int, error) {
	rows, err := tx.Query(ctx, `SELECT appointment_id, COUNT(*) FROM claims GROUP BY appointment_id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	claims := make(map[string]int)
	for rows.Next() {
		var id string
		var n int
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		claims[id] = n
	}
	return claims, rows.Err()
}

// checkClaims holds every appointment to the claims that it should have: half an hour of two officers.
func checkClaims(t *testing.T, tx *store.Tx, claims map[string]int) error {
	t.Helper()
	rows, err := tx.Query(t.Context(), `SELECT id, state FROM appointments`)
	if err != nil {
		return err
	}
	defer rows.Close()
	open := 0
	for rows.Next() {
		var id string
		var state booking.State
		if err := rows.Scan(&id, &state); err != nil {
			return err
		}
		want := 0
		if state.Open() {
			want = 2 * 30 / timetable.Grid
			open++
		}
		if claims[id] != want {
			t.Errorf("an appointment that is %s has %d claims, want %d", state, claims[id], want)
		}
		delete(claims, id)
	}
	for id, n := range claims {
		t.Errorf("%d claims of %s, which there is not", n, id)
	}
	if open == 0 {
		t.Error("nothing is open: the test tells nothing")
	}
	return rows.Err()
}
