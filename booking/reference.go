package booking

import (
	"crypto/rand"
	"fmt"
	"strings"
)

// ReferenceLetters are those of a reference: none that is mistaken for another, and no vowels, so that
// it is no word.
const ReferenceLetters = "234679CDFGHJKMNPQRTWXY"

// How many letters a reference has. An appointment's is one of a hundred million; a seat's is a letter
// longer, so that none is another's.
const (
	referenceLength     = 6
	seatReferenceLength = 7
)

// withReference has something inserted under a new reference of so many letters until nobody has it, and
// leaves it in into as people read it.
func withReference(length int, into *string, insert func(reference string) (int64, error)) error {
	const attempts = 5
	for range attempts {
		reference := newReference(length)
		added, err := insert(reference)
		if err != nil {
			return err
		}
		if added == 1 {
			*into = spaced(reference)
			return nil
		}
	}
	return fmt.Errorf("no free reference in %d attempts", attempts)
}

// newReference returns so many random letters.
func newReference(length int) string {
	b := make([]byte, 0, length)
	var random [32]byte
	for len(b) < length {
		_, _ = rand.Read(random[:]) // never fails (crypto/rand)
		for _, r := range random {
			// Above the last whole multiple the first letters would come more often.
			if int(r) < 256/len(ReferenceLetters)*len(ReferenceLetters) && len(b) < length {
				b = append(b, ReferenceLetters[int(r)%len(ReferenceLetters)])
			}
		}
	}
	return string(b)
}

// spaced returns a reference as people read it: KX7-42P.
func spaced(reference string) string {
	if len(reference) < referenceLength {
		return reference
	}
	return reference[:3] + "-" + reference[3:]
}

// plain returns a reference as it is stored, however it was typed.
func plain(typed string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(ReferenceLetters, r) {
			return r
		}
		return -1
	}, strings.ToUpper(typed))
}
