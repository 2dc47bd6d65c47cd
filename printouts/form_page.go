package printouts

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"codeberg.org/go-pdf/fpdf"
)

// The grid of a form on A4 in mm: labels at the left margin, what is filled in right of them, with a
// line below each row.
const (
	formSays    = 72.0 // where the column of what is filled in begins
	formWide    = letterLeft + letterBody - formSays
	formLabel   = formSays - letterLeft - 4
	formCell    = 6.4  // a box for a letter, at most so wide
	formCellTop = 7.0  // and so high
	formProse   = 4    // lines to write on where prose is missing
	formType    = 11.0 // points
	formNear    = 1.4  // between a label and the same in another language
	formLeast   = 8.0  // to which what does not fit shrinks before it goes on
)

// spacing is how much room a form leaves, in mm.
type spacing struct {
	pad   float64 // between a line and what stands below it
	write float64 // a line to write on
	sign  float64 // a signature
	part  float64 // above a section
}

// Forms are set as roomy as they can, and tight where that saves a page: one for a signature alone is
// lost too easily.
var (
	roomy = spacing{pad: 1.8, write: 8.5, sign: 18, part: 2 * letterGap}
	tight = spacing{pad: 1.2, write: 7.5, sign: 15, part: 1.25 * letterGap}
)

// PDF returns the form as a document of A4 pages. A value that does not fit its lines is set smaller, down
// to 8 points, and then goes on below, on another page if need be; nothing is cut. On an
// institution's own pages it shrinks to 6 points and goes on on an extra sheet. It returns ErrNoForm,
// ErrNoField, ErrNoPage or ErrNoTime, or the pdf.Refusal of pages that cannot be read. The document's language is Italian.
func (f Form) PDF() ([]byte, error) {
	faces, err := faces()
	if err != nil {
		return nil, fmt.Errorf("print form: %w", err)
	}
	read, err := readForms()
	if err != nil {
		return nil, fmt.Errorf("print form: %w", err)
	}
	if f.Official != nil {
		pdf, err := f.official(faces, read.Words)
		if err != nil {
			return nil, fmt.Errorf("print form: %w", err)
		}
		return pdf, nil
	}
	kind, err := f.checked()
	if err != nil {
		return nil, fmt.Errorf("print form: %w", err)
	}
	s := f.set(kind, faces, read.Words.Continued, roomy)
	if closer := f.set(kind, faces, read.Words.Continued, tight); len(closer.full) < len(s.full) {
		s = closer
	}
	size := fpdf.SizeType{Wd: letterWidth, Ht: letterHeight}
	pdf, err := s.document(size, s.pages(made(f, kind, read.Words), ""), kind.Title, "it", f.MadeAt)
	if err != nil {
		return nil, fmt.Errorf("print form: %w", err)
	}
	return pdf, nil
}

// FormKind is the kind of f: one of ours, or that of an institution's own form.
func (f Form) FormKind() (FormKind, error) {
	switch {
	case f.Official == nil:
		return FormOf(f.Kind)
	case f.Official.ID != f.Kind:
		return FormKind{}, fmt.Errorf("%w: %s on the pages of %s", ErrNoForm, f.Kind, f.Official.ID)
	}
	return f.Official.Kind()
}

// set sets the form with a spacing.
func (f Form) set(kind FormKind, faces typefaces, continued string, room spacing) *formSheet {
	s := &formSheet{
		letter: letter{
			sheet: sheet{typefaces: faces, y: letterTop},
			plain: style{face: faces.regular, size: formType, leading: 1.3},
			label: style{face: faces.regular, size: 9, leading: 1.25},
		},
		spacing: room, continued: continued, labels: f.labels(faces),
	}
	s.second = f.Language
	s.head(kind, faces.legibleLines(f.Institutions))
	for _, section := range kind.Sections {
		s.section(section, f.Values)
	}
	return s
}

// checked returns the kind of f, which must have a field for each value.
func (f Form) checked() (FormKind, error) {
	kind, err := f.FormKind()
	if err != nil {
		return FormKind{}, err
	}
	if f.MadeAt.IsZero() {
		return FormKind{}, ErrNoTime
	}
	fields := kind.Fields()
	for key := range f.Values {
		if !slices.ContainsFunc(fields, func(field FormField) bool { return field.Key == key }) {
			return FormKind{}, fmt.Errorf("%w: %s of %s", ErrNoField, key, f.Kind)
		}
	}
	return kind, nil
}

// A formSheet is a form in the making.
type formSheet struct {
	letter
	spacing
	continued string
	labels    map[string]string // in the second language, by key
}

// head says what the form is, and what it rests on.
func (s *formSheet) head(kind FormKind, institutions []string) {
	s.sideBySide(s.strong(11), letterLeft, letterBody, institutions)
	if s.y > letterTop {
		s.rule()
	}
	s.as("H1", func() { s.y += s.text(s.strong(18), letterLeft, s.y, letterBody, kind.Title) })
	if title := s.labels[""]; title != "" {
		s.y += letterLine
		s.foreign(func() { s.y += s.text(s.plain, letterLeft, s.y, letterBody, title) })
	}
	s.y += letterGap
	s.y += s.text(s.plain, letterLeft, s.y, letterBody, kind.Note)
	s.y += letterLine
	s.y += s.text(s.label, letterLeft, s.y, letterBody, kind.Legal)
}

// section sets a heading and a row for each field.
func (s *formSheet) section(section FormSection, values map[string]Value) {
	const least = 30 // mm for a heading and what follows it
	s.room(letterGap + least)
	if s.y > letterTop {
		s.y += s.part
	}
	s.as("H2", func() { s.y += s.text(s.strong(12), letterLeft, s.y, letterBody, section.Title) })
	s.y += 2 * s.pad
	s.below()
	var table *element
	for _, field := range section.Fields {
		lines, _ := s.legibleText(cmp.Or(values[field.Key].Text, field.Text))
		if field.Kind == ProseField {
			s.prose(field, lines)
			continue
		}
		if table == nil {
			table = s.element("Table")
		}
		s.inside(table, func() { s.within("TR", func() { s.row(field, lines) }) })
	}
}

// room goes on to the next page when there are not so many mm left.
func (s *formSheet) room(height float64) {
	if s.y+height > letterEnd {
		s.next()
	}
}

// below draws the line below a row.
func (s *formSheet) below() {
	s.y = onDots(s.y)
	s.bar(letterLeft, s.y, letterBody, dot)
}

// row sets a field: its label, and what is filled in or room for it.
func (s *formSheet) row(field FormField, lines []string) {
	switch {
	case field.Kind == TickField:
		s.tick(field, len(lines) > 0)
	case field.Kind == SignatureField:
		s.blank(field, 1, s.sign)
	case field.Kind == CodeField && fits(lines, field.Cells):
		s.code(field, strings.Join(lines, ""))
	case len(lines) == 0:
		s.blank(field, max(field.Lines, 1), s.write)
	default:
		s.filled(field, lines)
	}
}

// fits reports whether lines are one that goes into so many boxes, or none.
func fits(lines []string, cells int) bool {
	return len(lines) == 0 || len(lines) == 1 && utf8.RuneCountInString(lines[0]) <= cells
}

// name sets the label of a field and returns where it ends.
func (s *formSheet) name(field FormField) (bottom float64) {
	s.as("TH", func() {
		bottom = s.y + s.text(s.label, letterLeft, s.y, formLabel, field.Label)
		if second := s.labels[field.Key]; second != "" {
			bottom += formNear
			s.foreign(func() { bottom += s.text(s.small(), letterLeft, bottom, formLabel, second) })
		}
	})
	return bottom
}

// small is how second labels are set.
func (s *formSheet) small() style { return style{face: s.regular, size: formLeast, leading: 1.25} }

// labelHeight is how much room the label of a field takes.
func (s *formSheet) labelHeight(field FormField) float64 {
	height := s.label.height(s.label.lines(field.Label, formLabel))
	if second := s.labels[field.Key]; second != "" {
		height += formNear + s.small().height(s.small().lines(second, formLabel))
	}
	return height
}

// blank sets a field to be written in, on so many lines of a height.
func (s *formSheet) blank(field FormField, lines int, height float64) {
	s.room(max(s.labelHeight(field), float64(lines)*height) + 2*s.pad)
	top := s.y
	s.y += s.pad + dot
	bottom := s.name(field)
	s.element("TD")
	for n := 1; n < lines; n++ {
		s.bar(formSays, onDots(top+float64(n)*height), formWide, dot)
	}
	s.y = max(bottom+s.pad, top+float64(lines)*height)
	s.below()
}

// code sets a field of a box for each letter.
func (s *formSheet) code(field FormField, text string) {
	s.room(max(formCellTop, s.labelHeight(field)) + 2*s.pad)
	s.y += s.pad + dot
	bottom := s.name(field)
	width := min(formCell, formWide/float64(field.Cells))
	for n := range field.Cells {
		s.frame(formSays+float64(n)*width, s.y, width+dot, formCellTop) // neighbours share a line
	}
	letters := s.strong(formType)
	if text != "" {
		e := s.element("TD")
		e.actual = text
		baseline := s.y + (formCellTop+letters.face.capHeight*letters.em())/2
		y, em := baseline, letters.em()
		s.mark(e, func(c *canvas) {
			c.SetFont("Go", letters.face.style, letters.size)
			for n, r := range []rune(text) {
				c.Text(formSays+(float64(n)+0.5)*width-letters.face.width(string(r))*em/2, y, string(r))
			}
		})
	}
	s.y = max(bottom, s.y+formCellTop) + s.pad
	s.below()
}

// tick sets a statement with a box before it, ticked or not. What is fixed needs no box.
func (s *formSheet) tick(field FormField, ticked bool) {
	const side = 4.5
	width := letterBody - side - 3
	height := s.plain.height(s.plain.lines(field.Label, width))
	second := s.labels[field.Key]
	if second != "" {
		height += 2*formNear + s.small().height(s.small().lines(second, width))
	}
	s.room(height + 3*s.pad)
	s.y += 1.5*s.pad + dot
	x := letterLeft
	if field.Origin != Fixed {
		capital := s.plain.face.capHeight * s.plain.em()
		s.frame(x, s.y-(side-capital)/2, side, side)
		if ticked {
			cross := s.strong(12)
			s.line(s.element("TD"), cross, x+(side-cross.face.width("X")*cross.em())/2, s.y+(capital+cross.face.capHeight*cross.em())/2, "X")
		}
		x += side + 3
	}
	s.as("TD", func() {
		s.y += s.text(s.plain, x, s.y, width, field.Label)
		if second != "" {
			s.y += 2 * formNear
			s.foreign(func() { s.y += s.text(s.small(), x, s.y, width, second) })
		}
	})
	s.y += 1.5 * s.pad
	s.below()
}

// filled sets a field that is filled in. Lines that are too many for it are set smaller; what is still
// left over makes the row higher, and goes on under the same label on the next page.
func (s *formSheet) filled(field FormField, lines []string) {
	st := s.plain
	wrapped := wrapAll(st, lines, formWide)
	for len(wrapped) > max(field.Lines, 1) && st.size > formLeast {
		st.size -= 0.5
		wrapped = wrapAll(st, lines, formWide)
	}
	s.room(s.labelHeight(field) + 3*s.pad)
	s.y += s.pad + dot
	bottom := s.name(field)
	s.pour(st, s.element("TD"), formSays, wrapped, func() {
		s.y += s.pad
		s.below()
		s.next()
		s.y += s.pad
		s.again(field)
	})
	s.y = max(s.y, bottom) + s.pad
	s.below()
}

// again sets the label of a field that goes on, for the eye: readers have heard it.
func (s *formSheet) again(field FormField) {
	for i, line := range s.label.lines(field.Label+" ("+s.continued+")", formLabel) {
		s.line(nil, s.label, letterLeft, s.y+(s.label.face.capHeight+float64(i)*s.label.leading)*s.label.em(), line)
	}
}

func wrapAll(st style, lines []string, width float64) (wrapped []string) {
	for _, line := range lines {
		wrapped = append(wrapped, st.lines(line, width)...)
	}
	return wrapped
}

// pour sets lines of e one below the other, and calls next when the page is full.
func (s *formSheet) pour(st style, e *element, x float64, lines []string, next func()) {
	capital, pitch := st.face.capHeight*st.em(), st.leading*st.em()
	for i, line := range lines {
		if i > 0 {
			s.y += pitch - capital
		}
		if s.y+capital > letterEnd-s.pad {
			next()
		}
		s.line(e, st, x, s.y+capital, line)
		s.y += capital
	}
}

// prose sets text to read under its own heading, over the whole width. What fits on a page stays together.
func (s *formSheet) prose(field FormField, lines []string) {
	const least = 20 // mm for a heading and two lines
	heading := s.strong(s.plain.size)
	paragraphs, height := make([][]string, len(lines)), letterLine+heading.height([]string{""})+letterNear
	for i, line := range lines {
		paragraphs[i] = s.plain.face.fill(line, letterBody/s.plain.em())
		height += s.plain.height(paragraphs[i]) + letterNear
	}
	if len(lines) == 0 {
		height += formProse * s.write
	}
	if height > letterEnd-letterTop {
		height = least
	}
	s.room(height)
	s.y += letterLine
	s.as("H3", func() { s.y += s.text(heading, letterLeft, s.y, letterBody, field.Label) })
	s.y += letterNear
	if len(lines) == 0 {
		for range formProse {
			s.y += s.write
			s.below()
		}
	}
	for _, paragraph := range paragraphs {
		s.pour(s.plain, s.element("P"), letterLeft, paragraph, s.next)
		s.y += letterNear
	}
	s.y += letterNear
}
