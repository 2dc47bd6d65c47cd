package access

import (
	"context"
	"time"

	"sportello/internal/store"
)

// brakeKiosk is for guessing at a kiosk what opens an appointment. Many people stand at one, so no pause is
// long; there are a hundred million references, and more codici fiscali.
var brakeKiosk = brake{free: 10, longest: 30 * time.Second}

func kioskFailures(what string, d Device) []counted {
	return []counted{{digest(what + "\x00" + d.ID), brakeKiosk}}
}

// TryReference counts a try to find an appointment by what was typed at a kiosk, before it is looked up, or
// refuses it with the fault too_many_tries.
func TryReference(ctx context.Context, tx *store.Tx, kiosk Device) error {
	return allowTry(ctx, tx, kioskFailures("reference", kiosk))
}

// FoundReference takes the counting of a try back that was right. Those before it still count, so that
// whoever has an appointment cannot guess others' for ever.
func FoundReference(ctx context.Context, tx *store.Tx, kiosk Device) error {
	return takeBack(ctx, tx, kioskFailures("reference", kiosk))
}

// TryCard is TryReference for a codice fiscale that a kiosk read from a card. It is counted by itself, as
// many show a card who have no appointment.
func TryCard(ctx context.Context, tx *store.Tx, kiosk Device) error {
	return allowTry(ctx, tx, kioskFailures("card", kiosk))
}

// FoundCard is FoundReference for a codice fiscale.
func FoundCard(ctx context.Context, tx *store.Tx, kiosk Device) error {
	return takeBack(ctx, tx, kioskFailures("card", kiosk))
}
