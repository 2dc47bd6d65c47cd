package fiscalcode

import (
	"errors"
	"regexp"
	"slices"
	"strings"
)

// ErrSeveral means that what was scanned holds the codes of several persons.
var ErrSeveral = errors.New("there is more than one codice fiscale")

// slip is how long a text may be, letters and digits, that somebody typed for a code. What is longer
// comes from a card, whose fields may follow each other without a space.
const slip = 20

// identifier is what a bar code reader puts before a code when it is set to name the symbology
// (ISO/IEC 15424), such as ]A0 for Code 39.
var identifier = regexp.MustCompile(`^\][A-Z][0-9A-Z]`)

// Scan returns the one code in what a keyboard, a bar code reader or the magnetic stripe of a health
// card gave: in either case, with start and stop marks, spaces, and other fields, which are dropped.
// It returns ErrSeveral, or why there is none as Parse does.
func Scan(input string) (Code, error) {
	input = identifier.ReplaceAllString(capitals(input), "")
	fields := strings.FieldsFunc(input, func(r rune) bool { return r >= 0x80 || !isDigit(byte(r)) && !isLetter(byte(r)) })
	whole := strings.Join(fields, "")
	if c, err := Parse(whole); err == nil {
		return c, nil
	}
	found := codes(fields)
	if len(found) == 0 && len(whole) > slip {
		found = codes(windows(fields))
	}
	switch {
	case len(found) > 1:
		return "", ErrSeveral
	case len(found) == 1:
		return found[0], nil
	}
	return "", because(fields, whole)
}

// codes are the final codes among texts. Any number of 11 digits on a card may look like a
// provisional one.
func codes(texts []string) (found []Code) {
	for _, text := range texts {
		if len(text) != length {
			continue
		}
		if c, err := parse(text); err == nil && !slices.Contains(found, c) {
			found = append(found, c)
		}
	}
	return found
}

// windows are all parts of texts that are as long as a code.
func windows(texts []string) (parts []string) {
	for _, text := range texts {
		for i := range len(text) - length + 1 {
			parts = append(parts, text[i:i+length])
		}
	}
	return parts
}

// because is what is wrong with the field that was meant to be a code.
func because(fields []string, whole string) error {
	for _, text := range append(fields, whole) {
		if _, err := Parse(text); !errors.Is(err, ErrLength) && err != nil {
			return err
		}
	}
	return ErrLength
}

// capitals returns text with its letters in capitals. Only those of the alphabet: others that
// Unicode would turn into one of them were not meant.
func capitals(text string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, text)
}
