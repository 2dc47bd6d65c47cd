package printouts

import (
	"fmt"
	"strings"
	"sync"
	"unicode"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
	"golang.org/x/text/unicode/norm"
)

// A face is one embedded font with the measures that layout needs, in ems.
type face struct {
	style     string // as fpdf names it: "" regular, "B" bold
	ttf       []byte
	outline   *sfnt.Font
	capHeight float64
	glyphs    map[rune]glyph
}

// A glyph is the room a character takes on its line, in ems.
type glyph struct {
	advance float64
	bearing float64 // from the origin to the leftmost ink
}

// typefaces are the faces every printout is set in.
type typefaces struct {
	regular, bold *face
}

// faces reads the fonts once, at the first printout.
var faces = sync.OnceValues(func() (typefaces, error) {
	regular, err := readFace("", goregular.TTF)
	if err != nil {
		return typefaces{}, err
	}
	bold, err := readFace("B", gobold.TTF)
	return typefaces{regular: regular, bold: bold}, err
})

func readFace(style string, ttf []byte) (*face, error) {
	f, err := sfnt.Parse(ttf)
	if err != nil {
		return nil, fmt.Errorf("read font: %w", err)
	}
	var (
		buf sfnt.Buffer
		ppm = fixed.I(int(f.UnitsPerEm()))
		em  = func(v fixed.Int26_6) float64 { return float64(v) / float64(ppm) }
	)
	metrics, err := f.Metrics(&buf, ppm, font.HintingNone)
	if err != nil {
		return nil, fmt.Errorf("measure font: %w", err)
	}
	face := &face{style: style, ttf: ttf, outline: f, capHeight: em(metrics.CapHeight), glyphs: map[rune]glyph{}}
	for r := ' '; r <= '\uffff'; r++ { // fpdf writes characters of the basic plane only
		index, err := f.GlyphIndex(&buf, r)
		if err != nil || index == 0 {
			continue
		}
		bounds, advance, err := f.GlyphBounds(&buf, index, ppm, font.HintingNone)
		if err != nil {
			return nil, fmt.Errorf("measure glyph %U: %w", r, err)
		}
		face.glyphs[r] = glyph{advance: em(advance), bearing: em(bounds.Min.X)}
	}
	return face, nil
}

// width is how long s is from its origin to the end of its last character, in ems.
func (f *face) width(s string) float64 {
	w := 0.0
	for _, r := range s {
		w += f.glyphs[r].advance
	}
	return w
}

// bearing is how far the first ink of s stands from its origin, in ems.
func (f *face) bearing(s string) float64 {
	for _, r := range s {
		return f.glyphs[r].bearing
	}
	return 0
}

// wrap breaks s into the fewest lines of at most width ems, at spaces and, where one word is
// longer than a line, within it. The lines are made as even as that number allows, so that none
// is left with a single short word.
func (f *face) wrap(s string, width float64) []string {
	lines := f.fill(s, width)
	if len(lines) < 2 {
		return lines
	}
	for narrow := width * 0.97; narrow >= f.longestWord(s); narrow *= 0.97 {
		even := f.fill(s, narrow)
		if len(even) > len(lines) {
			break
		}
		lines = even
	}
	return lines
}

// fill puts as many words of s on each line of width ems as go there.
func (f *face) fill(s string, width float64) []string {
	var lines []string
	line := ""
	width += 1e-9 // a word fitted to the line is as wide as it
	for _, word := range strings.Fields(s) {
		if line != "" && f.width(line+" "+word) <= width {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		line = word
		for f.width(line) > width {
			n := f.prefix(line, width)
			lines, line = append(lines, line[:n]), line[n:]
		}
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// prefix is the length in bytes of the longest beginning of word within width ems, and of one
// character at least.
func (f *face) prefix(word string, width float64) int {
	w := 0.0
	for i, r := range word {
		w += f.glyphs[r].advance
		if i > 0 && w > width {
			return i
		}
	}
	return len(word)
}

// longestWord is the width of the longest word of s, in ems.
func (f *face) longestWord(s string) float64 {
	longest := 0.0
	for _, word := range strings.Fields(s) {
		longest = max(longest, f.width(word))
	}
	return longest
}

// legible returns s as one line of composed characters with single spaces, and without what the
// faces cannot draw; whole reports that only white space and invisible characters were left out.
func (t typefaces) legible(s string) (text string, whole bool) {
	whole = true
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.Cf, r): // the soft hyphen has a glyph, which would show
			return -1
		case !t.draw(r):
			whole = false
			return -1
		}
		return r
	}, norm.NFC.String(s))
	return strings.Join(strings.Fields(text), " "), whole
}

// draw reports whether both faces have a glyph for r.
func (t typefaces) draw(r rune) bool {
	_, regular := t.regular.glyphs[r]
	_, bold := t.bold.glyphs[r]
	return regular && bold
}
