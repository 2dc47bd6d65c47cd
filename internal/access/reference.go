package access

import (
	"context"
	"time"

	"sportello/internal/store"
)

// brakeReference is for guessing the references of appointments at a kiosk. Many people stand at one, so
// no pause is long; there are a hundred million references.
var brakeReference = brake{free: 10, longest: 30 * time.Second}

func referenceFailures(d Device) []counted {
	return []counted{{digest("reference\x00" + d.ID), brakeReference}}
}

// TryReference counts a try to find an appointment by what was typed at a kiosk, before it is looked up, or
// refuses it with the fault too_many_tries.
func TryReference(ctx context.Context, tx *store.Tx, kiosk Device) error {
	return allowTry(ctx, tx, referenceFailures(kiosk))
}

// FoundReference takes the counting of a try back that was right. Those before it still count, so that
// whoever has an appointment cannot guess others' for ever.
func FoundReference(ctx context.Context, tx *store.Tx, kiosk Device) error {
	return takeBack(ctx, tx, referenceFailures(kiosk))
}
