package printouts

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/go-pdf/fpdf"

	"sportello/printouts/pdf"
)

// An Official is a form as an institution published it, and what the office writes where on its pages.
type Official struct {
	ID      string   `json:"id"`      // of a FormKind whose place it takes, or its own
	Version string   `json:"version"` // of the form and of its fields
	Title   string   `json:"title"`
	Legal   string   `json:"legal"` // the law it rests on, "" not said
	File    []byte   `json:"file"`  // as pdf.Clean wrote it
	Fields  []Placed `json:"fields"`
}

// A Placed is a field on a page. Measures are points from the top left corner of the page as it is seen.
type Placed struct {
	Key    string     `json:"key"`  // of a FormField
	Page   int        `json:"page"` // from 1
	X      float64    `json:"x"`
	Y      float64    `json:"y"`
	Width  float64    `json:"width"`
	Height float64    `json:"height"`
	Kind   PlacedKind `json:"kind"`
	Size   float64    `json:"size"`  // of the type, in points; 0: as the box allows
	Cells  int        `json:"cells"` // of a comb, and of a date that has one; 0: none
	Part   DatePart   `json:"part"`  // of a date
	Is     string     `json:"is"`    // of a check: the value that it is for; "": any
}

// A PlacedKind is how a field of an official form is filled in.
type PlacedKind string

// The kinds of placed fields.
const (
	PlacedText  PlacedKind = "text"  // on as many lines as there is room for
	PlacedDate  PlacedKind = "date"  // a date, or a part of one
	PlacedComb  PlacedKind = "comb"  // a letter in each cell
	PlacedCheck PlacedKind = "check" // a cross
)

// PlacedKinds are all kinds of placed fields.
var PlacedKinds = []PlacedKind{PlacedText, PlacedDate, PlacedComb, PlacedCheck}

// A DatePart is what of a date stands in a field.
type DatePart string

// The parts of dates.
const (
	WholeDate DatePart = ""
	DayPart   DatePart = "day"   // two digits, as the month
	MonthPart DatePart = "month" //
	YearPart  DatePart = "year"  // four digits
)

// DateParts are all parts of dates.
var DateParts = []DatePart{WholeDate, DayPart, MonthPart, YearPart}

// How text on official forms is set, in points.
const (
	placedType    = 11.0 // at most, where the field does not say
	placedLeast   = 6.0  // to which what does not fit shrinks before it goes on on an extra sheet
	placedLeading = 1.2
)

// ErrNoPage means that a field stands on a page that the form does not have.
var ErrNoPage = errors.New("the form has no such page")

// OfficialFields are the fields that an official form may have, one of each key: those of all forms that
// are not written by hand or the same for all. Sections are those of the form id first.
func OfficialFields(id string) ([]FormSection, error) {
	all, err := Forms()
	if err != nil {
		return nil, err
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b FormKind) int { return cmp.Compare(rank(a.ID == id), rank(b.ID == id)) })
	seen := map[string]bool{}
	var sections []FormSection
	for _, kind := range all {
		for _, s := range kind.Sections {
			fields := slices.DeleteFunc(slices.Clone(s.Fields), func(f FormField) bool {
				known := seen[f.Key]
				seen[f.Key] = true
				return known || f.Origin == ByHand || f.Origin == Fixed || f.Kind == SignatureField
			})
			if len(fields) > 0 {
				sections = append(sections, FormSection{s.Title, fields})
			}
		}
	}
	return sections, nil
}

func rank(first bool) int {
	if first {
		return 0
	}
	return 1
}

// Kind is what is asked of whom it is printed for: the fields that are placed, under the headings of our
// own forms.
func (o Official) Kind() (FormKind, error) {
	sections, err := OfficialFields(o.ID)
	if err != nil {
		return FormKind{}, err
	}
	kind := FormKind{ID: o.ID, Version: o.Version, Title: o.Title, Legal: o.Legal}
	for _, s := range sections {
		s.Fields = slices.DeleteFunc(slices.Clone(s.Fields), func(f FormField) bool {
			return !slices.ContainsFunc(o.Fields, func(p Placed) bool { return p.Key == f.Key })
		})
		if len(s.Fields) > 0 {
			kind.Sections = append(kind.Sections, s)
		}
	}
	return kind, nil
}

// An officialSheet is an official form in the making. Its letter is the extra sheet.
type officialSheet struct {
	letter
	labels    map[string]string
	continued string // marks in a field what goes on on the extra sheet
	over      []overflow
	noted     map[overflowing]bool // what is in over
}

// overflowing is a value that is on the extra sheet, from a text on.
type overflowing struct{ key, from string }

// overflow is what a field has no room for.
type overflow struct {
	label string
	page  int
	text  []string
}

// official returns f on the institution's pages, and on an extra sheet what they have no room for.
func (f Form) official(faces typefaces, words formWords) ([]byte, error) {
	kind, err := f.checked()
	if err != nil {
		return nil, err
	}
	file, err := pdf.Open(f.Official.File)
	if err != nil {
		return nil, err
	}
	s := officialSheet{
		letter: letter{
			sheet: sheet{typefaces: faces, y: letterTop, beneath: file},
			plain: style{face: faces.regular, size: formType, leading: 1.3},
			label: style{face: faces.regular, size: 9, leading: 1.25},
		},
		labels: map[string]string{}, noted: map[overflowing]bool{}, continued: "(" + words.Continued + ")",
	}
	for _, field := range kind.Fields() {
		s.labels[field.Key] = field.Label
	}
	pages, err := s.fill(f)
	if err != nil {
		return nil, err
	}
	if len(s.over) > 0 {
		s.extra(f, words)
		pages = append(pages, s.pages(made(f, kind, words), "")...)
	}
	size := fpdf.SizeType{Wd: letterWidth, Ht: letterHeight}
	return s.document(size, pages, kind.Title, "it", f.MadeAt)
}

// fill sets the fields on their pages, from top to bottom.
func (s *officialSheet) fill(f Form) ([][]mark, error) {
	fields := slices.Clone(f.Official.Fields)
	slices.SortStableFunc(fields, func(a, b Placed) int { return cmp.Or(cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X)) })
	all := s.beneath.Pages()
	var pages [][]mark
	for n := range all {
		alt := fmt.Sprintf("%s, %d/%d", f.Official.Title, n+1, len(all))
		e := s.element("Figure")
		e.alt = alt
		s.mark(e, func(c *canvas) { c.RawWriteStr(fmt.Sprintf("q /%s%d Do Q", beneathName, n)) })
		for _, p := range fields {
			if lines, _ := s.legibleText(f.Values[p.Key].Text); p.Page == n+1 && len(lines) > 0 {
				s.place(p, lines)
			}
		}
		pages, s.marks = append(pages, s.marks), nil
	}
	if slices.ContainsFunc(fields, func(p Placed) bool { return p.Page < 1 || p.Page > len(all) }) {
		return nil, ErrNoPage
	}
	return pages, nil
}

// place sets a value in its field.
func (s *officialSheet) place(p Placed, lines []string) {
	value := strings.Join(lines, " ")
	switch p.Kind {
	case PlacedCheck:
		if p.Is == "" || strings.EqualFold(p.Is, value) {
			s.check(p)
		}
	case PlacedDate:
		text, known := p.date(value)
		switch {
		case !known && p.Part != WholeDate:
			s.goOn(p, lines)
		case p.Cells > 0:
			s.comb(p, text)
		default:
			s.lines(p, []string{text})
		}
	case PlacedComb:
		s.comb(p, value)
	default:
		s.lines(p, lines)
	}
}

// date is what of a date stands in p; known reports whether value is one.
func (p Placed) date(value string) (text string, known bool) {
	day, err := time.Parse("02/01/2006", value)
	if err != nil {
		day, err = time.Parse(time.DateOnly, value)
	}
	layout := map[DatePart]string{DayPart: "02", MonthPart: "01", YearPart: "2006"}[p.Part]
	switch {
	case err != nil:
		return value, false
	case layout != "" && p.Part == YearPart && p.Cells == 2:
		layout = "06"
	case layout == "" && p.Cells == 6:
		layout = "020106"
	case layout == "" && p.Cells > 0:
		layout = "02012006"
	case layout == "":
		layout = "02/01/2006"
	}
	return day.Format(layout), true
}

// field is the element of a field that is filled in, which says what it is for (ISO 32000-1, table 348).
func (s *officialSheet) field(p Placed) *element {
	e := s.element("Form")
	e.print = &printField{label: s.labels[p.Key], checked: p.Kind == PlacedCheck}
	return e
}

// box is the field in mm.
func (p Placed) box() (x, y, width, height float64) {
	return p.X * point, p.Y * point, p.Width * point, p.Height * point
}

// put sets text from x on exactly, however its first letter stands.
func (s *officialSheet) put(e *element, st style, x, baseline float64, text string) {
	s.mark(e, func(c *canvas) {
		c.SetFont("Go", st.face.style, st.size)
		c.Text(x, baseline, text)
	})
}

// check sets a cross in the middle of the field.
func (s *officialSheet) check(p Placed) {
	x, y, width, height := p.box()
	st := s.strong(min(p.Width, p.Height))
	if p.Size > 0 {
		st.size = p.Size
	}
	s.put(s.field(p), st, x+(width-st.face.width("X")*st.em())/2, y+(height+st.face.capHeight*st.em())/2, "X")
}

// comb sets a letter in the middle of each cell. What has more letters than there are cells goes to the
// extra sheet whole: half a code is no code.
func (s *officialSheet) comb(p Placed, text string) {
	if utf8.RuneCountInString(text) > p.Cells {
		text = strings.ReplaceAll(text, " ", "")
	}
	if utf8.RuneCountInString(text) > p.Cells {
		s.goOn(p, []string{text})
		return
	}
	x, y, width, height := p.box()
	cell := width / float64(p.Cells)
	st := s.plain
	st.size = cmp.Or(p.Size, min(placedType, p.Height*0.8))
	widest := 0.0
	for _, r := range text {
		widest = max(widest, st.face.width(string(r)))
	}
	st = st.fit(widest, cell, 0)
	e := s.field(p)
	e.actual = text
	for n, r := range []rune(text) {
		s.put(e, st, x+(float64(n)+0.5)*cell-st.face.width(string(r))*st.em()/2, y+(height+st.face.capHeight*st.em())/2, string(r))
	}
}

// lines sets text on as many lines as the field has, smaller if need be. What it has no room for even at
// the least size goes on on the extra sheet.
func (s *officialSheet) lines(p Placed, lines []string) {
	_, _, width, _ := p.box()
	st := style{face: s.regular, size: cmp.Or(p.Size, min(placedType, max(placedLeast, p.Height*0.75))), leading: placedLeading}
	for ; ; st.size -= 0.5 {
		wrapped := wrapAll(st, lines, width)
		if len(wrapped) <= p.room(st) {
			s.setLines(p, st, wrapped)
			return
		}
		if st.size <= placedLeast {
			break
		}
	}
	st.size = min(st.size, placedLeast)
	here, rest := s.cut(p, st, strings.Join(lines, " "))
	s.setLines(p, st, here)
	s.goOn(p, []string{rest})
}

// room is how many lines of a style the field has, one at least.
func (p Placed) room(st style) int {
	_, _, _, height := p.box()
	return 1 + max(0, int((height-st.face.capHeight*st.em())/(st.leading*st.em())))
}

// setLines sets lines in the field: one in the middle of its height if that is all there is room for,
// several from the top.
func (s *officialSheet) setLines(p Placed, st style, lines []string) {
	if len(lines) == 0 {
		return
	}
	x, y, _, height := p.box()
	capital := st.face.capHeight * st.em()
	baseline := y + capital
	if p.room(st) == 1 {
		baseline = y + (height+capital)/2
	}
	e := s.field(p)
	for i, line := range lines {
		s.put(e, st, x, baseline+float64(i)*st.leading*st.em(), line)
	}
}

// cut divides text into what stands in the field, which ends by saying that it goes on, and the rest. It
// divides between words, and within the first only.
func (s *officialSheet) cut(p Placed, st style, text string) (here []string, rest string) {
	_, _, width, _ := p.box()
	fits := func(begin string) bool {
		here := st.lines(strings.TrimSpace(begin+" "+s.continued), width)
		return len(here) <= p.room(st)
	}
	words := strings.Fields(text)
	n := sort.Search(len(words), func(n int) bool { return !fits(strings.Join(words[:n+1], " ")) })
	begin, rest := strings.Join(words[:n], " "), strings.Join(words[n:], " ")
	if n == 0 {
		letters := []rune(words[0])
		n = sort.Search(len(letters), func(n int) bool { return !fits(string(letters[:n+1])) })
		begin, rest = string(letters[:n]), strings.Join(append([]string{string(letters[n:])}, words[1:]...), " ")
	}
	if !fits(begin) { // not even the word for it
		return nil, text
	}
	return st.lines(strings.TrimSpace(begin+" "+s.continued), width), rest
}

// goOn notes what a field has no room for, once for all parts of a date.
func (s *officialSheet) goOn(p Placed, rest []string) {
	what := overflowing{p.Key, strings.Join(rest, "\n")}
	if s.noted[what] {
		return
	}
	s.noted[what] = true
	s.over = append(s.over, overflow{s.labels[p.Key], p.Page, rest})
}

// extra sets the extra sheet.
func (s *officialSheet) extra(f Form, words formWords) {
	s.sideBySide(s.strong(11), letterLeft, letterBody, s.legibleLines(f.Institutions))
	if s.y > letterTop {
		s.rule()
	}
	s.as("H1", func() { s.y += s.text(s.strong(18), letterLeft, s.y, letterBody, f.Official.Title) })
	s.y += letterGap
	s.y += s.text(s.plain, letterLeft, s.y, letterBody, words.Extra)
	sheet := formSheet{letter: s.letter}
	for _, o := range s.over {
		const least = 20 // mm for a heading and two lines
		sheet.y += 2 * letterGap
		sheet.room(least)
		heading := fmt.Sprintf("%s (%s %d)", o.label, words.From, o.page)
		sheet.as("H2", func() {
			sheet.y += sheet.text(sheet.strong(sheet.plain.size), letterLeft, sheet.y, letterBody, heading)
		})
		sheet.y += letterLine
		for _, line := range o.text {
			sheet.pour(sheet.plain, sheet.element("P"), letterLeft, sheet.plain.lines(line, letterBody), sheet.next)
		}
	}
	s.letter = sheet.letter
}

// made is the foot of a form: when it was printed, and what it is.
func made(f Form, kind FormKind, words formWords) string {
	return fmt.Sprintf("%s %s · %s, %s %s", words.Made, f.MadeAt.Format("02/01/2006 15:04"), kind.Title, words.Version, kind.Version)
}
