package message_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// TestSettleRestored has what was queued at a backup be sent, refused, forgotten or still wait
// afterwards, and looks at what a restore leaves of it.
func TestSettleRestored(t *testing.T) {
	known := map[string]message.Fate{
		"sent": {State: message.Sent}, "refused": {State: message.Failed, Code: "smtp_550"},
		"waits": {State: message.Queued}, "later": {State: message.Queued}, "new": {State: message.Sent},
	}
	type row struct{ State, Code, Recipient, Words string }
	waits, gone := row{"queued", "", "anna@prova.example", "Parole"}, row{"failed", "restored", "", ""}
	for _, tt := range []struct {
		name  string
		known map[string]message.Fate
		n     int
		want  map[string]row
	}{
		{"with the old database", known, 3, map[string]row{
			"sent": {State: "sent"}, "refused": {State: "failed", Code: "smtp_550"}, "forgotten": gone, "waits": waits, "later": waits,
		}},
		{"without it", nil, 4, map[string]row{"sent": gone, "refused": gone, "forgotten": gone, "waits": gone, "later": waits}},
		{"when that knew none", map[string]message.Fate{}, 5, map[string]row{"sent": gone, "refused": gone, "forgotten": gone, "waits": gone, "later": gone}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clock := storetest.At(morning)
			storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
				clock.Set(morning)
				do := func(f func(ctx context.Context, tx *store.Tx) error) {
					t.Helper()
					if err := db.Update(t.Context(), func(tx *store.Tx) error { return f(t.Context(), tx) }); err != nil {
						t.Fatal(err)
					}
				}
				for _, key := range []string{"sent", "refused", "forgotten", "waits", "later"} {
					do(func(ctx context.Context, tx *store.Tx) error {
						if err := message.Enqueue(ctx, tx, message.Mail{To: "anna@prova.example", Subject: "Prova", Text: "Parole", Key: key}); err != nil {
							return err
						}
						_, err := tx.Exec(ctx, `UPDATE messages SET id = key WHERE key = $1`, key)
						return err
					})
				}
				do(func(ctx context.Context, tx *store.Tx) error {
					_, err := tx.Exec(ctx, `UPDATE messages SET next_at = $1 WHERE id = 'later'`, store.Millis(morning.Add(24*time.Hour)))
					return err
				})
				clock.Set(morning.Add(time.Hour))
				got := make(map[string]row)
				do(func(ctx context.Context, tx *store.Tx) error {
					if n, err := message.SettleRestored(ctx, tx, tt.known, tx.Now); n != tt.n || err != nil {
						t.Errorf("settled %d, %v, want %d", n, err, tt.n)
					}
					fates, err := message.Fates(ctx, tx)
					for id, fate := range fates {
						r := row{State: string(fate.State), Code: fate.Code}
						if err := tx.QueryRow(ctx, `SELECT recipient, body FROM messages WHERE id = $1`, id).Scan(&r.Recipient, &r.Words); err != nil {
							return err
						}
						got[id] = r
					}
					return err
				})
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("messages (-want +got):\n%s", diff)
				}
			})
		})
	}
}
