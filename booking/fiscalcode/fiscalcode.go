// Package fiscalcode checks and reads the Italian codice fiscale (D.M. 23 December 1976; D.P.R.
// 605/1973).
//
// A code of 16 characters holds three letters each of surname and given name, the birth date, the
// sex and the Belfiore code of the place of birth; one of 11 digits is provisional and tells
// nothing. Where two persons would have the same code, the revenue agency replaced digits by
// letters (omocodia): all 128 ways are read.
//
// What a code tells is for the citizen to confirm: it has two digits of the year of birth, and
// the place is where a person was born, never the citizenship. A place that is not in the tables
// gives a warning and is no reason to refuse a code, because the tables end some day and codes do
// not.
//
// Errors never hold the code, so that they may be logged.
package fiscalcode

import (
	"errors"
	"strings"
	"time"

	"sportello/booking/timetable"
)

// A Code is a codice fiscale with a right check character, in capitals.
type Code string

// Why a text is not a codice fiscale.
var (
	ErrLength = errors.New("a codice fiscale has 16 characters, a provisional one 11 digits")
	ErrFormat = errors.New("letters and digits are not where a codice fiscale has them")
	ErrCheck  = errors.New("the check character does not match")
	ErrDate   = errors.New("the date of birth does not exist")
)

const (
	length            = 16
	provisionalLength = 11
)

// Positions in a code, from 0.
const (
	yearAt  = 6
	monthAt = 8
	dayAt   = 9
	placeAt = 11
	checkAt = 15
)

// digitsAt are the positions of digits, which omocodia may replace.
var digitsAt = [...]int{6, 7, 9, 10, 12, 13, 14}

const (
	// replacements are the letters that stand for the digits 0 to 9 in omocodia.
	replacements = "LMNPQRSTUV"
	// months are the letters of January to December.
	months = "ABCDEHLMPRST"
	// female is added to the day of birth of women.
	female = 40
)

// odd are the values of A to Z, and of 0 to 9, at the first, third, … position (D.M. 23 December
// 1976, art. 9). At the other positions a letter counts its place in the alphabet from 0.
var odd = [26]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}

// Parse reads a code that is typed in either case, with or without spaces. It returns ErrLength,
// ErrFormat, ErrCheck or ErrDate.
func Parse(text string) (Code, error) {
	text = capitals(strings.Join(strings.Fields(text), ""))
	switch len(text) {
	case length:
		return parse(text)
	case provisionalLength:
		return parseProvisional(text)
	}
	return "", ErrLength
}

func parse(text string) (Code, error) {
	c := Code(text)
	digits, ok := c.digits()
	if !ok {
		return "", ErrFormat
	}
	if check(text) != text[checkAt] {
		return "", ErrCheck
	}
	year, month, day := birth(digits)
	if !exists(1900+year, month, day) && !exists(2000+year, month, day) {
		return "", ErrDate
	}
	return c, nil
}

// parseProvisional reads 11 digits, the last of which checks the others as that of a VAT number does.
func parseProvisional(text string) (Code, error) {
	sum := 0
	for i := range provisionalLength {
		if !isDigit(text[i]) {
			return "", ErrFormat
		}
		n := int(text[i] - '0')
		if i%2 == 1 {
			n *= 2
		}
		sum += n/10 + n%10
	}
	if sum%10 != 0 {
		return "", ErrCheck
	}
	return Code(text), nil
}

// Provisional reports whether c is a provisional code, which tells nothing of its holder.
func (c Code) Provisional() bool { return len(c) == provisionalLength }

// Omocodia returns how many digits of c are replaced by letters.
func (c Code) Omocodia() int {
	if c.Provisional() {
		return 0
	}
	n := 0
	for _, i := range digitsAt {
		if !isDigit(c[i]) {
			n++
		}
	}
	return n
}

// Masked is c for a screen that others see: the beginning and the end, so that its holder knows it.
func (c Code) Masked() string {
	const shown = 3
	if len(c) < 2*shown {
		return ""
	}
	return string(c[:shown]) + strings.Repeat("•", len(c)-2*shown) + string(c[len(c)-shown:])
}

// digits returns c without omocodia, and whether letters and digits are where they must be. The
// check character stays that of c.
func (c Code) digits() (string, bool) {
	b := []byte(c)
	for _, i := range digitsAt {
		if n := strings.IndexByte(replacements, b[i]); n >= 0 {
			b[i] = '0' + byte(n)
		}
		if !isDigit(b[i]) {
			return "", false
		}
	}
	for _, i := range []int{0, 1, 2, 3, 4, 5, placeAt, checkAt} {
		if !isLetter(b[i]) {
			return "", false
		}
	}
	return string(b), strings.IndexByte(months, b[monthAt]) >= 0
}

// check is the character that the first fifteen of text call for.
func check(text string) byte {
	sum := 0
	for i := range checkAt {
		n := int(text[i] - 'A')
		if isDigit(text[i]) {
			n = int(text[i] - '0')
		}
		if i%2 == 0 {
			n = odd[n]
		}
		sum += n
	}
	return 'A' + byte(sum%26)
}

// birth returns the year in its century, the month and the day of birth, of a code without omocodia.
func birth(digits string) (year int, month time.Month, day int) {
	day = number(digits[dayAt:placeAt])
	if isFemale(digits) {
		day -= female
	}
	return number(digits[yearAt:monthAt]), time.Month(strings.IndexByte(months, digits[monthAt]) + 1), day
}

func isFemale(digits string) bool { return number(digits[dayAt:placeAt]) > female }

func number(digits string) int { return int(digits[0]-'0')*10 + int(digits[1]-'0') }

func exists(year int, month time.Month, day int) bool {
	d := timetable.DateOf(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
	return d == timetable.Date{Year: year, Month: month, Day: day}
}

func isDigit(b byte) bool  { return '0' <= b && b <= '9' }
func isLetter(b byte) bool { return 'A' <= b && b <= 'Z' }
