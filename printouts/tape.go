package printouts

import (
	"bytes"
	"image"
	"image/draw"
	"slices"
	"strings"
	"sync"

	"golang.org/x/image/font"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/encoding/charmap"
)

// A Head is the width that a thermal printer prints, in dots.
type Head int

// The heads there are.
const (
	Head80       Head = 576 // 80 mm paper at 203 dpi
	Head80Coarse Head = 512 // 80 mm paper at 180 dpi
	Head58       Head = 384 // 58 mm paper at 203 dpi
)

// Known reports whether h is one of the heads there are.
func (h Head) Known() bool { return h == Head80 || h == Head80Coarse || h == Head58 }

// perMM is how many dots of h lie on a millimetre.
func (h Head) perMM() float64 {
	if h == Head80Coarse {
		return 180 / 25.4
	}
	return 1 / dot
}

// A Profile is what there is to know of a thermal printer.
type Profile struct {
	Head   Head
	DrawQR bool // it cannot make QR codes of its own: they are sent as images
}

const (
	cell     = 12   // dots: the advance of a printer's own character, which is 24 dots high
	pitch    = 30   // dots from one line of drawn text to the next, about a printer's own
	drawnEm  = 25.0 // dots: the capitals of drawn text are then as high as the printer's
	band     = 48   // lines of dots in one image at most: printers keep a few KB
	codePage = 19   // 858, as printers number theirs
	esc      = 0x1b
	gs       = 0x1d
)

// A tape is a printout in the making for a thermal printer: ESC/POS commands, one below the other,
// centred unless told otherwise. What code page 858 has is sent as text; a paragraph with any other
// character is drawn and sent as an image.
type tape struct {
	typefaces
	Profile
	left bool // text starts at the left edge
	out  bytes.Buffer
}

// newTape clears what an earlier printout left half done, and sets the code page.
func newTape(faces typefaces, profile Profile) *tape {
	t := &tape{typefaces: faces, Profile: profile}
	t.put(esc, '@', esc, 't', codePage, esc, 'a', 1)
	return t
}

// end feeds the paper, cuts it and returns all commands.
func (t *tape) end() []byte {
	t.put(esc, 'd', 2, gs, 'V', 'B', 0)
	return t.out.Bytes()
}

func (t *tape) put(commands ...byte) { t.out.Write(commands) }

// A lettering is how text is set.
type lettering struct {
	bold  bool
	scale int // times the usual width and height, 1 to 8
}

// The letterings of a tape.
var (
	plain  = lettering{scale: 1}
	strong = lettering{scale: 1, bold: true}
	large  = lettering{scale: 2, bold: true}
)

// columns is how many of the printer's characters of this lettering go on a line.
func (l lettering) columns(head Head) int { return int(head) / (cell * l.scale) }

// lines is how many lines text takes.
func (t *tape) lines(l lettering, text string) int {
	if own, ok := native(text); ok {
		return len(cells().wrap(own, float64(l.columns(t.Head))))
	}
	return len(t.face(l).wrap(text, float64(t.Head)/l.em()))
}

// flushLeft has all text from here on start at the left edge.
func (t *tape) flushLeft() {
	t.left = true
	t.put(esc, 'a', 0)
}

// text sets a paragraph.
func (t *tape) text(l lettering, text string) { t.item(l, "", text) }

// item sets a paragraph after a mark of the code page, and its further lines below the first. With
// a mark, text must start at the left edge.
func (t *tape) item(l lettering, mark, text string) {
	own, ok := native(text)
	if !ok {
		t.draw(l, mark, text)
		return
	}
	for i, line := range cells().wrap(own, float64(l.columns(t.Head)-len(mark))) {
		if i > 0 {
			mark = strings.Repeat(" ", len(mark))
		}
		t.piece(l, mark+line)
		t.put('\n')
	}
}

// piece adds text of the code page to the line.
func (t *tape) piece(l lettering, text string) {
	bold := byte(0)
	if l.bold {
		bold = 1
	}
	size := byte(l.scale - 1)
	t.put(esc, 'E', bold, gs, '!', size<<4|size)
	for _, r := range text {
		b, _ := charmap.CodePage858.EncodeRune(r)
		t.put(b)
	}
}

// draw sets a paragraph after a mark as an image.
func (t *tape) draw(l lettering, mark, text string) {
	f, em, high := t.face(l), l.em(), pitch*l.scale
	indent := float64(len(mark) * cell * l.scale)
	lines := f.wrap(text, (float64(t.Head)-indent)/em)
	canvas := image.NewAlpha(image.Rect(0, 0, int(t.Head), high*len(lines)))
	for i, line := range lines {
		baseline := float64(high*i) + (float64(high)+f.capHeight*em)/2
		if i == 0 {
			f.draw(canvas, mark, em, 0, baseline)
		}
		x := indent - f.bearing(line)*em
		if !t.left {
			x = f.centred(canvas, line, em)
		}
		f.draw(canvas, line, em, x, baseline)
	}
	t.raster(canvas)
}

// fill draws text of one line as wide as the head, or as high as em makes it, without room around.
func (t *tape) fill(text string, em float64) {
	em = min(em, float64(t.Head)/t.bold.width(text))
	canvas := image.NewAlpha(image.Rect(0, 0, int(t.Head), int(1.5*em)))
	t.bold.draw(canvas, text, em, t.bold.centred(canvas, text, em), em)
	t.raster(inked(canvas))
}

func (t *tape) face(l lettering) *face {
	if l.bold {
		return t.bold
	}
	return t.regular
}

// em is the size of drawn text, in dots.
func (l lettering) em() float64 { return drawnEm * float64(l.scale) }

// centred is where text of one line starts to stand in the middle of canvas.
func (f *face) centred(canvas draw.Image, text string, em float64) float64 {
	return (float64(canvas.Bounds().Dx()) - f.width(text)*em) / 2
}

// draw draws text of one line on canvas.
func (f *face) draw(canvas *image.Alpha, text string, em, x, baseline float64) {
	set, err := opentype.NewFace(f.outline, &opentype.FaceOptions{Size: em, DPI: 72, Hinting: font.HintingNone})
	if err != nil { // never: there is an outline
		panic(err)
	}
	pen := fixed.Point26_6{X: fixed.Int26_6(x * 64), Y: fixed.I(int(baseline))}
	before := rune(-1)
	for _, r := range text {
		if before >= 0 {
			pen.X += set.Kern(before, r)
		}
		area, mask, from, advance, ok := set.Glyph(pen, r)
		if ok {
			ink(canvas, area, mask.(*image.Alpha), from)
		}
		pen.X += advance
		before = r
	}
}

// ink blackens canvas by a part of mask. image/draw does so too, many times as slowly.
func ink(canvas *image.Alpha, area image.Rectangle, mask *image.Alpha, from image.Point) {
	seen := area.Intersect(canvas.Bounds())
	from = from.Add(seen.Min.Sub(area.Min))
	for y := range seen.Dy() {
		to := canvas.Pix[canvas.PixOffset(seen.Min.X, seen.Min.Y+y):][:seen.Dx()]
		for x, alpha := range mask.Pix[mask.PixOffset(from.X, from.Y+y):][:seen.Dx()] {
			to[x] = max(to[x], alpha)
		}
	}
}

// inked is canvas without the empty lines of dots at its top and foot.
func inked(canvas *image.Alpha) *image.Alpha {
	area := canvas.Bounds()
	empty := func(y int) bool {
		row := canvas.Pix[y*canvas.Stride : (y+1)*canvas.Stride]
		return !slices.ContainsFunc(row, black)
	}
	for area.Min.Y < area.Max.Y && empty(area.Min.Y) {
		area.Min.Y++
	}
	for area.Min.Y < area.Max.Y && empty(area.Max.Y-1) {
		area.Max.Y--
	}
	return canvas.SubImage(area).(*image.Alpha)
}

// black reports whether a dot of this opacity is printed.
func black(alpha byte) bool { return alpha >= 0x80 }

// space leaves so many lines of dots empty.
func (t *tape) space(high int) {
	t.raster(image.NewAlpha(image.Rect(0, 0, int(t.Head), high)))
}

// rule draws a line across the paper, with room above and below.
func (t *tape) rule() {
	const above, line, below = 12, 2, 16
	canvas := image.NewAlpha(image.Rect(0, 0, int(t.Head), above+line+below))
	draw.Draw(canvas, image.Rect(0, above, int(t.Head), above+line), image.Opaque, image.Point{}, draw.Src)
	t.raster(canvas)
}

// raster sends canvas, which is as wide as the head, in bands.
func (t *tape) raster(canvas *image.Alpha) {
	width, height := canvas.Bounds().Dx()/8, canvas.Bounds().Dy()
	for top := 0; top < height; top += band {
		rows := min(band, height-top)
		t.put(gs, 'v', '0', 0, byte(width), byte(width>>8), byte(rows), byte(rows>>8))
		for i := range rows * width {
			t.out.WriteByte(dots(canvas.Pix[(top+i/width)*canvas.Stride+i%width*8:]))
		}
	}
}

// dots packs the first eight pixels into a byte, the leftmost in its highest bit.
func dots(pixels []byte) (packed byte) {
	for _, alpha := range pixels[:8] {
		packed <<= 1
		if black(alpha) {
			packed |= 1
		}
	}
	return packed
}

// qr sets the QR code of content, at error correction M, below a rule, whose room makes up for three
// of the four modules of the quiet zone.
func (t *tape) qr(content string) error {
	code, module, err := qrCode(content)
	if err != nil {
		return err
	}
	t.space(module)
	if t.DrawQR {
		t.drawQR(code.Bitmap(), module)
	} else {
		t.ownQR(content, module)
	}
	t.space(4 * module)
	return nil
}

// ownQR has the printer make a QR code.
func (t *tape) ownQR(content string, module int) {
	store := len(content) + 3
	t.put(gs, '(', 'k', 4, 0, '1', 'A', '2', 0)
	t.put(gs, '(', 'k', 3, 0, '1', 'C', byte(module))
	t.put(gs, '(', 'k', 3, 0, '1', 'E', '1')
	t.put(gs, '(', 'k', byte(store), byte(store>>8), '1', 'P', '0')
	t.out.WriteString(content)
	t.put(gs, '(', 'k', 3, 0, '1', 'Q', '0')
}

// drawQR sends a QR code as an image.
func (t *tape) drawQR(matrix [][]bool, module int) {
	side := len(matrix) * module
	canvas := image.NewAlpha(image.Rect(0, 0, int(t.Head), side))
	left := (int(t.Head) - side) / 2
	for y, row := range matrix {
		for x, set := range row {
			if set {
				at := image.Pt(left+x*module, y*module)
				draw.Draw(canvas, image.Rectangle{Min: at, Max: at.Add(image.Pt(module, module))}, image.Opaque, image.Point{}, draw.Src)
			}
		}
	}
	t.raster(canvas)
}

// cells is the printer's own type: every character of the code page is one cell wide.
var cells = sync.OnceValue(func() *face {
	f := &face{glyphs: make(map[rune]glyph)}
	for b := byte(' '); b != 0; b++ {
		f.glyphs[charmap.CodePage858.DecodeByte(b)] = glyph{advance: 1}
	}
	return f
})

// typewriter writes what the code page lacks as typewriters do.
var typewriter = strings.NewReplacer("–", "-", "—", "-", "’", "'", "‘", "'", "“", `"`, "”", `"`, "„", `"`, "…", "...")

// native returns text in the characters of the code page, and whether it has them all.
func native(text string) (own string, ok bool) {
	own = typewriter.Replace(text)
	for _, r := range own {
		if _, ok := cells().glyphs[r]; !ok {
			return "", false
		}
	}
	return own, true
}
