package booking

import (
	"crypto/rand"
	"strings"
)

// The letters of a reference: none that is mistaken for another, and no vowels, so that it is no word.
const referenceLetters = "234679CDFGHJKMNPQRTWXY"

const referenceLength = 6

// newReference returns six letters out of a hundred million.
func newReference() string {
	b := make([]byte, 0, referenceLength)
	var random [32]byte
	for len(b) < referenceLength {
		_, _ = rand.Read(random[:]) // never fails (crypto/rand)
		for _, r := range random {
			// Above the last whole multiple the first letters would come more often.
			if int(r) < 256/len(referenceLetters)*len(referenceLetters) && len(b) < referenceLength {
				b = append(b, referenceLetters[int(r)%len(referenceLetters)])
			}
		}
	}
	return string(b)
}

// spaced returns a reference as people read it: KX7-42P.
func spaced(reference string) string {
	if len(reference) != referenceLength {
		return reference
	}
	return reference[:3] + "-" + reference[3:]
}

// plain returns a reference as it is stored, however it was typed.
func plain(typed string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(referenceLetters, r) {
			return r
		}
		return -1
	}, strings.ToUpper(typed))
}
