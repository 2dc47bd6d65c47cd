package printouts

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"github.com/skip2/go-qrcode"

	"sportello/printouts/pdf"
)

const (
	point = 25.4 / 72 // mm
	dot   = 0.125     // mm: one dot of a thermal head of 203 dpi
)

// A sheet is a page in the making. It has a width and grows downwards; its height is known when
// all is set. Measures are mm from the top left corner.
type sheet struct {
	typefaces
	structure
	y       float64 // where the next thing goes
	marks   []mark
	beneath *pdf.File // pages that the first ones are drawn over; nil: none
}

// A style is how a paragraph is set.
type style struct {
	face    *face
	size    float64 // points
	leading float64 // from baseline to baseline, as a multiple of size
}

// em is the style's size in mm.
func (st style) em() float64 { return st.size * point }

// fit returns st, made smaller if need be for a text of ems to go on a line of width mm, but not
// below least points.
func (st style) fit(ems, width, least float64) style {
	if ems*st.em() > width {
		st.size = max(least, width/ems/point)
	}
	return st
}

// lines breaks text into lines of width mm.
func (st style) lines(text string, width float64) []string {
	return st.face.wrap(text, width/st.em())
}

// text sets s at x in lines of width mm. The capitals of its first line touch y; the height it
// returns ends at the last baseline. The first ink of every line stands exactly at x.
func (s *sheet) text(st style, x, y, width float64, text string) (height float64) {
	lines := st.lines(text, width)
	if len(lines) == 0 {
		return 0
	}
	baseline := y + st.face.capHeight*st.em()
	e := s.paragraph()
	for i, line := range lines {
		s.line(e, st, x, baseline+float64(i)*st.leading*st.em(), line)
	}
	return st.height(lines)
}

// height is how high lines are, from the capitals of the first to the last baseline; none are 0.
func (st style) height(lines []string) float64 {
	if len(lines) == 0 {
		return 0
	}
	return (st.face.capHeight + float64(len(lines)-1)*st.leading) * st.em()
}

// line sets one line of e, whose first ink stands at x.
func (s *sheet) line(e *element, st style, x, baseline float64, line string) {
	x -= st.face.bearing(line) * st.em()
	s.mark(e, func(c *canvas) {
		c.SetFont("Go", st.face.style, st.size)
		c.Text(x, baseline, line)
	})
}

// mark has draw draw a part of e.
func (s *sheet) mark(e *element, draw mark) {
	s.marks = append(s.marks, func(c *canvas) { c.of(e, func() { draw(c) }) })
}

// bar blackens a rectangle.
func (s *sheet) bar(x, y, width, height float64) {
	s.mark(nil, func(c *canvas) { c.Rect(x, y, width, height, "F") })
}

// box draws an empty square to tick, side mm wide with its line.
func (s *sheet) box(x, y, side float64) { s.outline(x, y, side, side, 2*dot) }

// frame draws an empty box, thin enough for one beside the other.
func (s *sheet) frame(x, y, width, height float64) { s.outline(x, y, width, height, dot) }

func (s *sheet) outline(x, y, width, height, line float64) {
	s.mark(nil, func(c *canvas) {
		c.SetLineWidth(line)
		c.Rect(x+line/2, y+line/2, width-line, height-line, "D")
	})
}

// sideBySide sets names from x on over body mm, in rows of up to three columns, in one size and
// equal in rank.
func (s *sheet) sideBySide(st style, x, body float64, names []string) {
	columns := min(len(names), 3)
	if len(names) == 4 {
		columns = 2
	}
	if columns == 0 {
		return
	}
	width := (body - float64(columns-1)*ticketGutter) / float64(columns)
	st = st.fit(st.face.longestWord(strings.Join(names, " ")), width, 6)
	for row := range slices.Chunk(names, columns) {
		height := 0.0
		for i, name := range row {
			left := x + float64(i)*(width+ticketGutter)
			height = max(height, s.text(st, left, s.y, width, name))
		}
		for i := 1; i < len(row); i++ {
			left := x + float64(i)*(width+ticketGutter) - ticketGutter/2
			s.bar(onDots(left), s.y, 2*dot, height)
		}
		s.y += height + ticketGap
	}
	s.y -= ticketGap
}

// squares draws a matrix whose modules have the given side, each row's runs as one rectangle and
// all as one path: painted one by one, screens would show seams between them. Readers who do not see it
// get alt.
func (s *sheet) squares(matrix [][]bool, x, y, side float64, alt string) {
	e := s.element("Figure")
	e.alt = alt
	s.mark(e, func(p *canvas) {
		for row, modules := range matrix {
			top := y + float64(row)*side
			for from := 0; from < len(modules); from++ {
				to := from
				for to < len(modules) && modules[to] {
					to++
				}
				if to == from {
					continue
				}
				left, right := x+float64(from)*side, x+float64(to)*side
				p.MoveTo(left, top)
				p.LineTo(right, top)
				p.LineTo(right, top+side)
				p.LineTo(left, top+side)
				p.ClosePath()
				from = to
			}
		}
		p.DrawPath("F")
	})
}

// qrMatrix is the QR code of content at error correction M, without its quiet zone, and how many
// dots wide a module of it is on paper. It returns ErrLongURL when phones could not read it.
func qrMatrix(content string) (matrix [][]bool, module int, err error) {
	code, module, err := qrCode(content)
	if err != nil {
		return nil, 0, err
	}
	return code.Bitmap(), module, nil
}

// qrCode is the code of qrMatrix before it is worked out, which takes most of the time.
func qrCode(content string) (code *qrcode.QRCode, module int, err error) {
	code, err = qrcode.New(content, qrcode.Medium)
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrLongURL, err)
	}
	code.DisableBorder = true
	side := 17 + 4*code.VersionNumber // modules (ISO/IEC 18004)
	module = min(qrSide/side, qrModule)
	if module < qrLeastModule {
		return nil, 0, ErrLongURL
	}
	return code, module, nil
}

// pdf renders the sheet as a document of one page, width mm wide and as high as what is on it
// plus bottom mm.
func (s *sheet) pdf(width, bottom float64, title, lang string, at time.Time) ([]byte, error) {
	size := fpdf.SizeType{Wd: width, Ht: onDots(s.y + bottom)}
	return s.document(size, [][]mark{s.marks}, title, lang, at)
}

// document renders pages of one size in mm, each with its marks, and the structure of what is on them.
func (s *sheet) document(size fpdf.SizeType, pages [][]mark, title, lang string, at time.Time) ([]byte, error) {
	p := fpdf.NewCustom(&fpdf.InitType{OrientationStr: "P", UnitStr: "mm", Size: size})
	p.SetCreationDate(at)
	p.SetModificationDate(at)
	p.SetCatalogSort(true)
	p.SetTitle(title, true)
	p.SetLang(lang)
	p.SetAutoPageBreak(false, 0)
	for _, f := range []*face{s.regular, s.bold} {
		p.AddUTF8FontFromBytes("Go", f.style, f.ttf)
	}
	c := canvas{Fpdf: p}
	var under []pdf.Page
	if s.beneath != nil {
		under = s.beneath.Pages()
	}
	for i, marks := range pages {
		if i < len(under) {
			p.AddPageFormat("P", fpdf.SizeType{Wd: under[i].Width * point, Ht: under[i].Height * point})
		} else {
			p.AddPage()
		}
		c.owners = append(c.owners, nil)
		for _, mark := range marks {
			mark(&c)
		}
	}
	var out bytes.Buffer
	if err := p.Output(&out); err != nil {
		return nil, fmt.Errorf("write pdf: %w", err)
	}
	s.root.role = "Document"
	return tagged(out.Bytes(), &s.root, c.owners, s.beneath)
}

// onDots is the least multiple of a dot that is not below mm.
func onDots(mm float64) float64 { return math.Ceil(mm/dot) * dot }
