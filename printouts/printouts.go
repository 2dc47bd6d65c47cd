// Package printouts turns values into paper: the queue ticket, the appointment's receipt and a
// printer's test page, as PDF of 80 mm and as the ESC/POS commands of thermal printers; the receipt
// on A4 as well, and forms filled in on A4 alone.
//
// It is pure: the caller hands it values and texts and gets bytes. The same values give the same
// bytes, so a printout can be made again instead of being stored. The package knows no office, no
// queue and no language of its own: every printed word comes from the caller, but for those of the
// forms, which are legal texts with a version each (forms.json).
//
// # What it can draw
//
// Text is set in the Go fonts, embedded in the PDF. A thermal printer sets what code page 858 holds
// in its own type and gets the rest, and the number, as an image in the same fonts. They hold Latin, Cyrillic and Greek, which
// covers Italian, English, Romanian, Ukrainian, Spanish, French and Albanian. They hold neither
// Arabic nor Chinese: a printout whose second language they cannot draw in full is printed in
// Italian alone, never with empty boxes, and the page behind its QR code speaks the citizen's
// language. [Prints] tells a screen beforehand. A character without a glyph in the name of an
// office, an area or an institution is left out; one in a number, a code or the time of an
// appointment is an error, because paper must not show another than the office's.
//
// # What it does not claim
//
// The PDF files carry title, language and a structure tree with headings, the language of second texts
// and the meaning of QR codes. They are checked for neither PDF/A nor PDF/UA and claim neither.
package printouts

import "golang.org/x/text/language"

// Prints reports whether the fonts hold the script lang is commonly written in. lang is a BCP 47
// tag; an empty, unknown or malformed one gives false. It judges the script alone: a printout
// still leaves out a second language whose texts have a letter the fonts lack.
func Prints(lang string) bool {
	tag, err := language.Parse(lang)
	if err != nil {
		return false
	}
	script, confidence := tag.Script()
	if confidence == language.No {
		return false
	}
	switch script.String() {
	case "Latn", "Cyrl", "Grek":
		return true
	}
	return false
}
