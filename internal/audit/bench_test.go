package audit_test

import (
	"testing"
	"time"

	"sportello/internal/audit"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// BenchmarkRecord is one more line in a transaction.
func BenchmarkRecord(b *testing.B) {
	clock := storetest.At(time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC))
	db := storetest.Open(b, clock.Now)
	err := db.Update(b.Context(), func(tx *store.Tx) error {
		for n := int64(1); b.Loop(); n++ {
			err := audit.Record(b.Context(), tx, audit.Entry{
				Scope: "centro", Version: n, Actor: "user:1", Action: "ticket.call", Subject: "ticket:" + store.NewID(),
				Detail: map[string]any{"desks": []string{"1"}, "why": "due"},
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}
