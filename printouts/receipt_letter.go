package printouts

import (
	"fmt"
	"strings"

	"codeberg.org/go-pdf/fpdf"
)

// The grid of a receipt on A4 in mm: labels at the left margin, what they say in a wide column, or
// in two halves of it where there are two languages. The QR code stands over the second half.
const (
	letterWidth  = 210.0
	letterHeight = 297.0
	letterLeft   = 20.0
	letterBody   = letterWidth - 2*letterLeft
	letterTop    = 18.0
	letterEnd    = 272.0 // what is set ends above it
	letterFoot   = 282.0 // the baseline of the foot
	letterGutter = 6.0
	letterSays   = 66.0 // where the column of what is said begins
	letterWide   = letterLeft + letterBody - letterSays
	letterHalf   = (letterWide - letterGutter) / 2
	letterSecond = letterSays + letterHalf + letterGutter
	letterGap    = 5.0  // between text and rule
	letterLine   = 3.0  // between paragraphs
	letterNear   = 2.2  // between what belongs together
	letterQR     = 40.0 // its side
)

// The envelope is one of 110 by 230 mm with a window of 45 by 100 mm, 20 mm from its right and its
// lower edge; an A4 sheet folded in three can move behind it. The recipient shows wherever the sheet
// lies; what ends left of windowClear or begins below windowEnd never does.
const (
	windowLeft  = 115.0
	windowTop   = 50.0
	windowWidth = 74.0
	windowClear = 88.0
	windowEnd   = 92.0
)

// A4 returns the receipt as a document of A4 pages, with the same content and the same refusals as
// PDF, and the recipient in the window of an envelope.
func (r Receipt) A4() ([]byte, error) {
	r, faces, err := r.legible()
	if err != nil {
		return nil, fmt.Errorf("print receipt: %w", err)
	}
	s := letter{
		sheet: sheet{typefaces: faces, structure: structure{second: r.Language}, y: letterTop},
		plain: style{face: faces.regular, size: 11, leading: 1.3},
		label: style{face: faces.regular, size: 10, leading: 1.3},
	}
	if err := s.set(r); err != nil {
		return nil, fmt.Errorf("print receipt: %w", err)
	}
	size := fpdf.SizeType{Wd: letterWidth, Ht: letterHeight}
	pdf, err := s.document(size, s.pages(r.made(), r.Code), r.title(), "it", r.MadeAt)
	if err != nil {
		return nil, fmt.Errorf("print receipt: %w", err)
	}
	return pdf, nil
}

// A letter is a receipt of A4 pages in the making; its sheet is the last of them.
type letter struct {
	sheet
	plain, label style
	full         [][]mark // the pages before the last
}

// strong is the bold style of a size in points.
func (s *letter) strong(points float64) style {
	return style{face: s.bold, size: points, leading: s.plain.leading}
}

// set puts r on pages, from the top.
func (s *letter) set(r Receipt) error {
	s.sideBySide(s.strong(11), letterLeft, letterBody, r.Institutions)
	s.window(r)
	if s.y > letterTop {
		s.rule()
	}
	if err := s.glance(r); err != nil {
		return err
	}
	for _, f := range r.facts() {
		s.fact(f)
	}
	return nil
}

// rule draws a line across the page, with room above and below.
func (s *letter) rule() {
	s.y = onDots(s.y + letterGap)
	s.bar(letterLeft, s.y, letterBody, 2*dot)
	s.y += 2*dot + letterGap
}

// window sets the recipient, and the office as the sender beside it.
func (s *letter) window(r Receipt) {
	if len(r.Recipient) == 0 {
		return
	}
	top := max(windowTop, s.y+letterGap)
	recipient := s.lines(s.plain, windowLeft, top, windowWidth, r.Recipient)
	sender := s.lines(s.label, letterLeft, top, windowClear-letterLeft, []string{r.Office, r.Address})
	s.y = max(windowEnd, recipient, sender)
}

// lines sets paragraphs one below the other, and returns where the next would stand.
func (s *letter) lines(st style, x, y, width float64, paragraphs []string) (next float64) {
	for _, text := range paragraphs {
		if text != "" {
			y += s.text(st, x, y, width, text) + (st.leading-st.face.capHeight)*st.em()
		}
	}
	return y
}

// glance sets what to know at a glance: day, hours and code, and beside them the QR code of the
// appointment's page with what it is for.
func (s *letter) glance(r Receipt) error {
	top, width := s.y, letterBody
	if r.URL != "" {
		width = letterSecond - letterGutter - letterLeft
	}
	below := func(st style, gap float64, text string) {
		if text == "" {
			return
		}
		if s.y > top {
			s.y += gap
		}
		s.y += s.text(st, letterLeft, s.y, width, text)
	}
	large := s.strong(20).fit(s.bold.width(r.Date.Italian), width, 16)
	s.as("H1", func() { below(s.label, 0, r.Words.Title.Italian) })
	s.foreign(func() { below(s.label, letterNear, r.Words.Title.Second) })
	below(large, letterGap+1, r.Date.Italian)
	below(large, letterLine+1, r.Hours.Italian)
	s.foreign(func() {
		below(s.plain, letterLine+1, r.Date.Second)
		below(s.plain, letterNear, r.Hours.Second)
	})
	below(s.label, 2*letterGap, r.Words.Code.Italian)
	s.foreign(func() { below(s.label, letterNear, r.Words.Code.Second) })
	below(s.strong(30).fit(s.bold.width(r.Code), width, 0), letterGap, r.Code)
	bottom, err := s.phone(top, r.URL, r.Words.Scan)
	s.y = max(s.y, bottom)
	return err
}

// phone sets the QR code of a page at y, and below it what it is for. It returns where that ends.
func (s *letter) phone(y float64, url string, scan Text) (bottom float64, err error) {
	if url == "" {
		return y, nil
	}
	matrix, _, err := qrMatrix(url)
	if err != nil {
		return 0, err
	}
	s.squares(matrix, letterSecond, y, letterQR/float64(len(matrix)), scan.Italian+" "+url)
	y += letterQR
	set := func(text string) {
		if text != "" {
			y += letterLine
			y += s.text(s.label, letterSecond, y, letterHalf, text)
		}
	}
	set(scan.Italian)
	s.foreign(func() { set(scan.Second) })
	return y, nil
}

// A column is lines of one paragraph, to be set beside those of others.
type column struct {
	x       float64
	lines   []string
	foreign bool
}

// fact sets a part: its label, and beside it what it says. Where it goes on on another page, so
// does the label.
func (s *letter) fact(f fact) {
	bottom := 0.0     // of the label
	var list *element // what is to be ticked off
	for i, text := range f.says {
		columns := s.columns(f, text)
		switch {
		case s.y+2*letterGap+s.height(columns) > letterEnd && s.y > letterTop:
			s.next()
		case f.opens && i == 0:
			s.rule()
		case i == 0:
			s.y += letterGap
		case f.list:
			s.y += letterLine
		default:
			s.y += letterNear
		}
		if i == 0 || s.y == letterTop {
			bottom = s.margin(f.label)
		}
		if !f.list {
			s.flow(columns)
			continue
		}
		if list == nil {
			list = s.element("L")
		}
		s.box(letterSays, s.y, s.plain.face.capHeight*s.plain.em())
		s.inside(list, func() { s.item(true, func() { s.flow(columns) }) })
	}
	s.y = max(s.y, bottom)
}

// margin sets a label in both languages at the left margin and returns where it ends.
func (s *letter) margin(label Text) (bottom float64) {
	y := s.y
	const width = letterSays - letterGutter - letterLeft
	s.as("H2", func() { y += s.text(s.strong(s.label.size), letterLeft, y, width, label.Italian) })
	if label.Second != "" {
		y += letterNear
		s.foreign(func() { y += s.text(s.label, letterLeft, y, width, label.Second) })
	}
	return y
}

// columns are the lines of text in its languages, side by side.
func (s *letter) columns(f fact, text Text) []column {
	indent := 0.0
	if f.list {
		indent = letterGap
	}
	if text.Italian == "" || text.Second == "" {
		return []column{{letterSays + indent, s.plain.lines(text.Italian+text.Second, letterWide-indent), text.Italian == ""}}
	}
	return []column{
		{letterSays + indent, s.plain.lines(text.Italian, letterHalf-indent), false},
		{letterSecond, s.plain.lines(text.Second, letterHalf), true},
	}
}

// height is that of the columns from the top of their first capitals to their last baseline.
func (s *letter) height(columns []column) float64 {
	return (s.plain.face.capHeight + float64(longest(columns)-1)*s.plain.leading) * s.plain.em()
}

// longest is the number of lines of the longest column.
func longest(columns []column) (lines int) {
	for _, c := range columns {
		lines = max(lines, len(c.lines))
	}
	return lines
}

// flow sets columns side by side, on as many pages as they take.
func (s *letter) flow(columns []column) {
	elements := make([]*element, len(columns))
	for i, c := range columns {
		set := func() { elements[i] = s.paragraph() }
		if c.foreign {
			s.foreign(set)
		} else {
			set()
		}
	}
	capital, pitch := s.plain.face.capHeight*s.plain.em(), s.plain.leading*s.plain.em()
	for i := range longest(columns) {
		if i > 0 {
			s.y += pitch - capital
		}
		if s.y+capital > letterEnd {
			s.next()
		}
		for at, c := range columns {
			if i < len(c.lines) {
				s.line(elements[at], s.plain, c.x, s.y+capital, c.lines[i])
			}
		}
		s.y += capital
	}
}

// next starts a page.
func (s *letter) next() {
	s.full, s.marks, s.y = append(s.full, s.marks), nil, letterTop
}

// pages are all pages, with a foot each: what is said at its left and at its right, where the pages are
// counted when there are several.
func (s *letter) pages(left, right string) [][]mark {
	pages := append(s.full, s.marks)
	small := style{face: s.regular, size: 9}
	for i := range pages {
		end := right
		if len(pages) > 1 {
			end = strings.TrimPrefix(fmt.Sprintf("%s · %d/%d", right, i+1, len(pages)), " · ")
		}
		foot := sheet{typefaces: s.typefaces, marks: pages[i]}
		foot.line(nil, small, letterLeft, letterFoot, left)
		if end != "" {
			foot.line(nil, small, letterLeft+letterBody-small.face.width(end)*small.em(), letterFoot, end)
		}
		pages[i] = foot.marks
	}
	return pages
}
