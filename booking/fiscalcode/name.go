package fiscalcode

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// nameLength is how many letters of a code each of surname and given name have.
const nameLength = 3

// Names reports whether the names in c can be those of surname and given. A provisional code names
// nobody and goes with all.
func (c Code) Names(surname, given string) bool {
	return c.Provisional() || string(c[:2*nameLength]) == Surname(surname)+GivenName(given)
}

// Surname returns the three letters of a surname: its consonants, then its vowels, then X (D.M. 23
// December 1976, art. 2).
func Surname(name string) string {
	consonants, vowels := letters(name)
	return (consonants + vowels + "XXX")[:nameLength]
}

// GivenName returns the three letters of a given name: as of a surname, but of four consonants or
// more the first, the third and the fourth (art. 3).
func GivenName(name string) string {
	consonants, vowels := letters(name)
	if len(consonants) > nameLength {
		return consonants[:1] + consonants[2:4]
	}
	return (consonants + vowels + "XXX")[:nameLength]
}

// letters returns the consonants and the vowels of name, without accents and what stands between
// the letters.
func letters(name string) (consonants, vowels string) {
	for _, r := range norm.NFD.String(latin.Replace(strings.ToUpper(name))) {
		switch {
		case r > unicode.MaxASCII || !isLetter(byte(r)):
		case strings.ContainsRune("AEIOU", r):
			vowels += string(r)
		default:
			consonants += string(r)
		}
	}
	return consonants, vowels
}

// latin are the letters that do not come apart into one of the alphabet and an accent.
var latin = strings.NewReplacer("Æ", "AE", "Œ", "OE", "Ø", "O", "Ł", "L", "Đ", "D", "ß", "SS", "ẞ", "SS", "Þ", "TH", "Ħ", "H", "ı", "I")
