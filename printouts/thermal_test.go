package printouts_test

import (
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/skip2/go-qrcode"
	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomono"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/opentype"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/encoding/charmap"
)

// A roll is what a thermal printer makes of ESC/POS commands.
type roll struct {
	text   string // the characters, line by line; images, codes and cuts stand in brackets
	images []image.Rectangle
	paper  *image.Gray // as wide as the head
	tall   int         // the height of the tallest character
}

// A thermal is a printer that is not there. It knows the commands that this package writes and
// those of the encoder it is tested with, and refuses all others: a real one would print them as
// garbage or be led astray by them.
type thermal struct {
	roll
	in      []byte
	y       int
	line    []struck
	x       int
	bold    bool
	wide    int
	high    int
	align   byte
	page    byte
	spacing int
	code    []byte // the stored QR code
	module  int
	level   qrcode.RecoveryLevel
}

// struck is a character on the line that is being set.
type struck struct {
	x    int
	mask *image.Alpha
}

// unroll has a printer of so many dots carry out commands.
func unroll(t *testing.T, commands []byte, head int) roll {
	t.Helper()
	p := &thermal{in: commands, roll: roll{paper: image.NewGray(image.Rect(0, 0, head, 8000))}}
	draw.Draw(p.paper, p.paper.Bounds(), image.White, image.Point{}, draw.Src)
	p.reset()
	for len(p.in) > 0 {
		at := len(commands) - len(p.in)
		if err := p.step(); err != nil {
			t.Fatalf("byte %d of %d: %v", at, len(commands), err)
		}
	}
	if len(p.line) > 0 {
		t.Error("a line was not ended")
	}
	p.paper = p.paper.SubImage(image.Rect(0, 0, head, p.y)).(*image.Gray)
	return p.roll
}

func (p *thermal) reset() {
	p.line, p.x, p.bold, p.wide, p.high, p.align, p.page, p.spacing = nil, 0, false, 1, 1, 0, 0, 30
}

// steps are the commands by their first bytes; each takes the rest.
var steps = []struct {
	prefix string
	args   int
	do     func(p *thermal, args []byte) error
}{
	{"\x1b@", 0, func(p *thermal, _ []byte) error { p.reset(); return nil }},
	{"\x1bt", 1, func(p *thermal, a []byte) error { p.page = a[0]; return nil }},
	{"\x1ba", 1, func(p *thermal, a []byte) error { p.align = a[0] % 48; return nil }},
	{"\x1bE", 1, func(p *thermal, a []byte) error { p.bold = a[0]&1 == 1; return nil }},
	{"\x1d!", 1, func(p *thermal, a []byte) error { p.wide, p.high = int(a[0]>>4)+1, int(a[0]&7)+1; return nil }},
	{"\x1b3", 1, func(p *thermal, a []byte) error { p.spacing = int(a[0]); return nil }},
	{"\x1bd", 1, func(p *thermal, a []byte) error {
		for range a[0] {
			p.feed()
		}
		return nil
	}},
	{"\x1b$", 2, func(p *thermal, a []byte) error { p.x = le(a); return nil }},
	{"\x1b\\", 2, func(p *thermal, a []byte) error { p.x += le(a); return nil }},
	{"\n", 0, func(p *thermal, _ []byte) error { p.feed(); return nil }},
	{"\x1dV", 2, func(p *thermal, a []byte) error {
		if a[0] != 'B' || len(p.line) > 0 {
			return fmt.Errorf("cut %q after %d characters", a, len(p.line))
		}
		p.text += "[cut]\n"
		return nil
	}},
	{"\x1dv0", 5, (*thermal).image},
	{"\x1d(k", 2, (*thermal).symbol},
	// What the other encoder sends to be safe; it asks for what holds anyway.
	{"\x1da", 1, usual(0)},
	{"\x1bM", 1, usual(0)},
	{"\x1b ", 1, usual(0)},
	{"\x1cS", 2, usual(0)},
	{"\x1b{", 1, usual(0)},
	{"\x1c.", 0, usual(0)},
	{"\x1b-", 1, usual(0)},
	{"\x1c-", 1, usual(0)},
	{"\x1dB", 1, usual(0)},
	{"\x1dL", 2, usual(0)},
	{"\x1dW", 2, func(*thermal, []byte) error { return nil }},
	{"\x1dr", 1, func(*thermal, []byte) error { return nil }},
}

// usual takes a setting that may only be set to what it is.
func usual(value byte) func(*thermal, []byte) error {
	return func(_ *thermal, args []byte) error {
		for _, arg := range args {
			if arg != value {
				return fmt.Errorf("setting %d, want %d", arg, value)
			}
		}
		return nil
	}
}

func le(b []byte) int { return int(b[0]) | int(b[1])<<8 }

// step carries out one command or prints one character.
func (p *thermal) step() error {
	for _, s := range steps {
		rest, ok := strings.CutPrefix(string(p.in[:min(4, len(p.in))]), s.prefix)
		if !ok {
			continue
		}
		p.in = p.in[min(4, len(p.in))-len(rest):]
		args, err := p.take(s.args)
		if err != nil {
			return err
		}
		if err := s.do(p, args); err != nil {
			return fmt.Errorf("%q: %w", s.prefix, err)
		}
		return nil
	}
	if p.in[0] < ' ' {
		return fmt.Errorf("unknown command % x", p.in[:min(4, len(p.in))])
	}
	return p.strike()
}

func (p *thermal) take(n int) ([]byte, error) {
	if n > len(p.in) {
		return nil, fmt.Errorf("%d bytes of %d are missing", n-len(p.in), n)
	}
	taken := p.in[:n]
	p.in = p.in[n:]
	return taken, nil
}

// strike adds a character to the line.
func (p *thermal) strike() error {
	if p.page != 19 {
		return fmt.Errorf("character %#x in code page %d", p.in[0], p.page)
	}
	r := charmap.CodePage858.DecodeByte(p.in[0])
	p.in = p.in[1:]
	p.line = append(p.line, struck{p.x, character(r, p.bold, p.wide, p.high)})
	p.text += string(r)
	p.x += 12 * p.wide
	if p.x > p.paper.Bounds().Dx() {
		return fmt.Errorf("the line runs off the paper after %q", p.text)
	}
	return nil
}

// feed prints the line and goes to the next.
func (p *thermal) feed() {
	height := p.spacing
	for _, s := range p.line {
		height = max(height, s.mask.Bounds().Dy())
		p.tall = max(p.tall, s.mask.Bounds().Dy())
	}
	left := p.left(p.x)
	for _, s := range p.line {
		at := s.mask.Bounds().Add(image.Pt(left+s.x, p.y+max(24, height)-s.mask.Bounds().Dy()))
		if height == p.spacing {
			at = s.mask.Bounds().Add(image.Pt(left+s.x, p.y))
		}
		draw.DrawMask(p.paper, at, image.Black, image.Point{}, s.mask, image.Point{}, draw.Over)
	}
	if len(p.line) > 0 {
		p.text += "\n"
	}
	p.y += height
	p.line, p.x = nil, 0
}

// left is where something of a width begins.
func (p *thermal) left(width int) int {
	return (p.paper.Bounds().Dx() - width) * int(p.align) / 2
}

// image prints dots: GS v 0 m xL xH yL yH d…
func (p *thermal) image(args []byte) error {
	width, height := le(args[1:]), le(args[3:])
	dots, err := p.take(width * height)
	if err != nil {
		return err
	}
	if args[0] != 0 || len(p.line) > 0 || width*8 > p.paper.Bounds().Dx() {
		return fmt.Errorf("image of mode %d and %d dots after %d characters", args[0], width*8, len(p.line))
	}
	area := image.Rect(0, 0, width*8, height).Add(image.Pt(p.left(width*8), p.y))
	for i, b := range dots {
		for bit := range 8 {
			if b&(0x80>>bit) != 0 {
				p.paper.Set(area.Min.X+i%width*8+bit, area.Min.Y+i/width, color.Black)
			}
		}
	}
	p.images = append(p.images, area)
	p.text += fmt.Sprintf("[%d×%d]\n", width*8, height)
	p.y += height
	return nil
}

// symbol carries out a QR command: GS ( k pL pH 49 fn …
func (p *thermal) symbol(args []byte) error {
	body, err := p.take(le(args))
	if err != nil {
		return err
	}
	if len(body) < 3 || body[0] != '1' {
		return fmt.Errorf("symbol %q", body)
	}
	switch args := body[2:]; body[1] {
	case 'A':
		return usual('2')(p, args[:1])
	case 'C':
		p.module = int(args[0])
	case 'E':
		p.level = qrcode.RecoveryLevel(args[0] - '0')
	case 'P':
		p.code = args[1:]
	case 'Q':
		return p.printCode()
	default:
		return fmt.Errorf("symbol %q", body)
	}
	return nil
}

func (p *thermal) printCode() error {
	code, err := qrcode.New(string(p.code), p.level)
	if err != nil {
		return err
	}
	code.DisableBorder = true
	matrix := code.Bitmap()
	left := p.left(len(matrix) * p.module)
	for row, modules := range matrix {
		for column, black := range modules {
			square := image.Rect(0, 0, p.module, p.module).Add(image.Pt(left+column*p.module, p.y+row*p.module))
			if black {
				draw.Draw(p.paper, square, image.Black, image.Point{}, draw.Src)
			}
		}
	}
	p.y += len(matrix) * p.module
	p.text += fmt.Sprintf("[QR %s]\n", p.code)
	return nil
}

// character is a character of the printer's own type: 12 dots by 24, each dot repeated.
func character(r rune, bold bool, wide, high int) *image.Alpha {
	const (
		fine    = 8         // the outline is drawn so much larger
		tall    = 28 * fine // with room for accents on capitals
		advance = 115       // of every character of the face at that size
	)
	faces := mono()
	set := faces[0]
	if bold {
		set = faces[1]
	}
	large := image.NewAlpha(image.Rect(0, 0, advance, tall))
	pen := font.Drawer{Dst: large, Src: image.Opaque, Face: set, Dot: fixed.P(0, 22*fine)}
	pen.DrawString(string(r))
	dots := image.NewAlpha(image.Rect(0, 0, 12*wide, 24*high))
	for y := range 24 * high {
		for x := range 12 * wide {
			if large.AlphaAt((2*(x/wide)+1)*advance/24, (2*(y/high)+1)*tall/48).A > 0x80 {
				dots.SetAlpha(x, y, color.Alpha{A: 0xff})
			}
		}
	}
	return dots
}

// mono is the type of the printer that is not there, regular and bold, much enlarged.
var mono = sync.OnceValue(func() (faces [2]font.Face) {
	for i, ttf := range [][]byte{gomono.TTF, gomonobold.TTF} {
		outline, err := opentype.Parse(ttf)
		if err != nil {
			panic(err)
		}
		if faces[i], err = opentype.NewFace(outline, &opentype.FaceOptions{Size: 24 * 8, DPI: 72}); err != nil {
			panic(err)
		}
	}
	return faces
})

// onPaper writes what came out to a PNG, with the paper's margins, and returns its path.
func (r roll) onPaper(t *testing.T) string {
	t.Helper()
	const margin = 32
	size := r.paper.Bounds()
	sheet := image.NewGray(image.Rect(0, 0, size.Dx()+2*margin, size.Dy()+2*margin))
	draw.Draw(sheet, sheet.Bounds(), image.White, image.Point{}, draw.Src)
	draw.Draw(sheet, size.Add(image.Pt(margin, margin)), r.paper, image.Point{}, draw.Src)
	path := filepath.Join(t.TempDir(), "roll.png")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := png.Encode(f, sheet); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// readQR has another program read the QR code of a picture.
func readQR(t *testing.T, picture string) string {
	t.Helper()
	return strings.TrimSpace(string(run(t, "zbarimg", "-q", "--raw", "--nodbus", picture)))
}

// TestThermal has the printer that is not there carry out what another encoder writes.
func TestThermal(t *testing.T) {
	const (
		module = "../static/node_modules/receiptline/package.json"
		link   = "https://sportello.example.it/t/3fK9mQ2xVb7LpR8s"
		// 16 dots by 8: the left half black, the right half a chessboard.
		chess   = "iVBORw0KGgoAAAANSUhEUgAAABAAAAAICAAAAADVHSBLAAAAEklEQVR4nGNggIH/UIiLT1sVAPjxH+G378mGAAAAAElFTkSuQmCC"
		program = `const document = process.argv[1]
const options = { cpl: 48, encoding: 'cp858', command: 'generic', gradient: false, spacing: false, cutting: true }
process.stdout.write(Buffer.from(require('receiptline').transform(document, options), 'binary').toString('hex'))`
	)
	if _, err := os.Stat(module); err != nil {
		t.Skip("the other encoder is not installed: npm ci in static")
	}
	document := strings.Join([]string{
		`^^^^"A012`, `"È qui, più €`, `|left|right|`, "{code:" + link + ";option:qrcode,6,m}", "{image:" + chess + "}", "=",
	}, "\n")
	node := exec.CommandContext(t.Context(), "node", "-e", program, document)
	node.Dir = "../static"
	out, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v", err)
	}
	commands, err := hex.DecodeString(string(out))
	if err != nil {
		t.Fatal(err)
	}
	got := unroll(t, commands, 576)

	want := "A012\nÈ qui, più €\nleftright\n[200×198]\n[16×8]\n[cut]\n[cut]\n"
	if got.text != want {
		t.Errorf("text: got %q, want %q", got.text, want)
	}
	if got.tall != 3*24 {
		t.Errorf("tallest character: got %d dots, want %d", got.tall, 3*24)
	}
	if code := readQR(t, got.onPaper(t)); code != link {
		t.Errorf("QR code says %q, want %q", code, link)
	}
	at := got.images[1].Min
	for y := range 8 {
		for x := range 16 {
			if want := x < 8 || (x+y)%2 == 0; black(got.paper, at.X+x, at.Y+y) != want {
				t.Errorf("dot %d, %d of the image: black %t, want %t", x, y, !want, want)
			}
		}
	}
}
