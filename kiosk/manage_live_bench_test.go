package kiosk_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
	"sportello/queue"
)

// BenchmarkLiveView is how long an administrator waits for the live view of 50 offices in each of which
// twelve people wait: when nothing has changed since somebody looked, and when all offices have.
func BenchmarkLiveView(b *testing.B) {
	clock := storetest.At(deskMorning)
	db := storetest.Open(b, clock.Now)
	client, address := lobbyOfFifty(b, db)
	look := func(b *testing.B) {
		clock.Add(200 * time.Millisecond) // who asks so much at once would be told to wait
		answer, err := client.Get(address + "/manage/live")
		if err != nil {
			b.Fatal(err)
		}
		defer answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			b.Fatalf("got %s", answer.Status)
		}
	}
	b.Run("unchanged", func(b *testing.B) {
		look(b)
		for b.Loop() {
			look(b)
		}
	})
	b.Run("all-changed", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			err := db.Update(b.Context(), func(tx *store.Tx) error {
				for i := range 50 {
					if _, err := territory.Lock(b.Context(), tx, fmt.Sprintf("sede-%d", i)); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
			look(b)
		}
	})
}

// lobbyOfFifty is a server of 50 offices in each of which twelve people wait, and an administrator's
// browser that has signed in.
func lobbyOfFifty(b *testing.B, db *store.DB) (*http.Client, string) {
	b.Helper()
	file, problems := territory.Parse([]byte(province(50, 4)), "bench")
	if len(problems) > 0 {
		b.Fatal(territory.Problems(problems))
	}
	password := access.HashPassword(deskPassword)
	err := db.Update(b.Context(), func(tx *store.Tx) error {
		ctx := b.Context()
		if _, err := territory.Import(ctx, tx, file); err != nil {
			return err
		}
		if err := access.AddUser(ctx, tx, access.User{ID: "chief", Login: "chief", Name: "Olga Prova", Role: access.Administrator}, password, "user:test"); err != nil {
			return err
		}
		return waitingEverywhere(ctx, tx)
	})
	if err != nil {
		b.Fatal(err)
	}
	s, err := kiosk.New(kiosk.Options{DB: db, Log: quiet})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	b.Cleanup(server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		b.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	answer, err := client.PostForm(server.URL+"/sign-in", url.Values{"login": {"chief"}, "password": {deskPassword}})
	if err != nil {
		b.Fatal(err)
	}
	answer.Body.Close()
	return client, server.URL
}

func waitingEverywhere(ctx context.Context, tx *store.Tx) error {
	for i := range 50 {
		for range 12 {
			_, err := queue.Issue(ctx, tx, queue.Request{Office: fmt.Sprintf("sede-%d", i), Service: "DUE", Origin: queue.FromDesk, By: "user:test"})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
