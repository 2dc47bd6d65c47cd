// Package pdf takes PDF files that others made (ISO 32000-1) and keeps of them what their pages draw.
//
// Clean looks at a file from outside and writes it anew: pages that begin at 0 0 and stand upright, with
// their fonts and pictures, and nothing else. What a file could do (scripts, actions, attachments) is not
// only left out: a file that has such is refused with a Refusal that says so, as are those that are
// encrypted, broken, or unpack to more than a form ever does. Open and File.Templates give the pages of a
// file as forms that are drawn in another document.
//
// The package trusts no byte: it reads within bounds, follows no circle, nests no deeper than maxDepth and
// unpacks no more than maxUnpacked. It is pure. The same file gives the same bytes.
package pdf

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// What is taken.
const (
	MaxSize  = 5 << 20 // bytes of a file
	MaxPages = 20

	leastSide   = 72.0   // points: an inch
	mostSide    = 3400.0 // points: A0
	maxDepth    = 64     // of values in values
	maxObjects  = 200_000
	maxPacked   = 8 << 20   // bytes that a stream of objects unpacks to
	maxContent  = 32 << 20  // bytes that one stream, which is no picture, unpacks to
	maxUnpacked = 300 << 20 // bytes that all streams unpack to
	maxPixels   = 100 << 20 // of a picture
)

// A Refusal is why a file is not taken.
type Refusal string

// The refusals.
const (
	Empty      Refusal = "empty"      // no byte
	NoPDF      Refusal = "none"       // something else
	TooLarge   Refusal = "large"      // more than MaxSize
	Encrypted  Refusal = "encrypted"  // whether or not it takes a password to be read
	Broken     Refusal = "broken"     // cut off, or not as the standard wants it
	TooMany    Refusal = "pages"      // more than MaxPages, or none
	OddSize    Refusal = "size"       // a page no printer has paper for
	Script     Refusal = "script"     // JavaScript
	Action     Refusal = "action"     // it starts, sends or plays something
	Attachment Refusal = "attachment" // it holds other files
	XFA        Refusal = "xfa"        // a form of Adobe's own kind, whose pages are not in the file
	Heavy      Refusal = "heavy"      // it unpacks to more than is taken, or takes too long
)

// Error is the refusal's code.
func (r Refusal) Error() string { return "pdf refused: " + string(r) }

// A Page is a page as it is seen: cropped and turned. Sides are in points.
type Page struct {
	Width  float64 `json:"width"`
	Height float64 `json:"height"`
}

// Clean returns a file that draws the same pages and does nothing else. Annotations, and so the fields of
// forms to be filled in on a screen, are left out. Its errors are Refusals.
func Clean(file []byte) ([]byte, []Page, error) {
	switch {
	case len(file) == 0:
		return nil, nil, Empty
	case len(file) > MaxSize:
		return nil, nil, TooLarge
	}
	f, err := Open(file)
	if err != nil {
		return nil, nil, err
	}
	if err := f.harmless(); err != nil {
		return nil, nil, err
	}
	clean, err := f.write()
	return clean, f.Pages(), err
}

// A File is a PDF file that is read.
type File struct {
	reader
	sheets []sheet
}

// sheet is a page as the file has it.
type sheet struct {
	box       [4]float64 // what shows: left, bottom, right, top
	turn      int        // clockwise: 0, 90, 180, 270
	resources object
	contents  object
	group     object
}

// Open reads a file and its pages. Its errors are Refusals.
func Open(file []byte) (*File, error) {
	const headWithin = 1024 // bytes in which readers look for the head
	start := bytes.Index(file[:min(len(file), headWithin)], []byte("%PDF-"))
	if start < 0 {
		return nil, NoPDF
	}
	f := &File{reader: reader{file: file[start:], entries: map[int]entry{}, read: map[int]object{}, packed: map[int][]object{}}}
	if err := f.readEntries(); err != nil {
		return nil, err
	}
	if _, locked := f.trailer["Encrypt"]; locked {
		return nil, Encrypted
	}
	root, err := f.dict(f.trailer["Root"])
	if err != nil {
		return nil, err
	}
	seen := map[int]bool{}
	if err := f.readPages(root["Pages"], dict{}, seen, 0); err != nil {
		return nil, err
	}
	if len(f.sheets) == 0 {
		return nil, TooMany
	}
	return f, nil
}

// Pages are the pages in their order.
func (f *File) Pages() []Page {
	pages := make([]Page, len(f.sheets))
	for i, s := range f.sheets {
		pages[i] = s.seen()
	}
	return pages
}

func (s sheet) seen() Page {
	width, height := s.box[2]-s.box[0], s.box[3]-s.box[1]
	if s.turn%180 != 0 {
		width, height = height, width
	}
	return Page{width, height}
}

// matrix turns the page upright and moves it to 0 0.
func (s sheet) matrix() [6]float64 {
	left, bottom, right, top := s.box[0], s.box[1], s.box[2], s.box[3]
	switch s.turn {
	case 90:
		return [6]float64{0, -1, 1, 0, -bottom, right}
	case 180:
		return [6]float64{-1, 0, 0, -1, right, top}
	case 270:
		return [6]float64{0, 1, -1, 0, top, -left}
	}
	return [6]float64{1, 0, 0, 1, -left, -bottom}
}

// inherited are the properties that a page has of the nodes above it (section 7.7.3.4).
var inherited = []name{"Resources", "MediaBox", "CropBox", "Rotate"}

// readPages reads the pages below a node.
func (f *File) readPages(node object, above dict, seen map[int]bool, depth int) error {
	if r, indirect := node.(ref); indirect {
		if seen[r.number] {
			return Broken
		}
		seen[r.number] = true
	}
	own, err := f.dict(node)
	if err != nil || depth > maxDepth {
		return Broken
	}
	here := maps.Clone(above)
	for _, key := range inherited {
		if value, has := own[key]; has {
			here[key] = value
		}
	}
	kids, err := f.value(own["Kids"])
	if err != nil {
		return err
	}
	list, branches := kids.(array)
	if !branches {
		return f.readPage(own, here)
	}
	for _, kid := range list {
		if err := f.readPages(kid, here, seen, depth+1); err != nil {
			return err
		}
	}
	return nil
}

func (f *File) readPage(own, all dict) error {
	if len(f.sheets) == MaxPages {
		return TooMany
	}
	s := sheet{resources: all["Resources"], contents: own["Contents"], group: own["Group"]}
	media, err := f.box(all["MediaBox"])
	if err != nil {
		return err
	}
	s.box = media
	if _, cropped := all["CropBox"]; cropped {
		crop, err := f.box(all["CropBox"])
		if err != nil {
			return err
		}
		s.box = [4]float64{max(media[0], crop[0]), max(media[1], crop[1]), min(media[2], crop[2]), min(media[3], crop[3])}
	}
	turn, _ := f.number(all["Rotate"])
	s.turn = (int(turn)%360 + 360) % 360
	unit, scaled := f.number(own["UserUnit"])
	size := s.seen()
	switch {
	case s.turn%90 != 0:
		return Broken
	case scaled && unit != 1, min(size.Width, size.Height) < leastSide, max(size.Width, size.Height) > mostSide:
		return OddSize
	}
	f.sheets = append(f.sheets, s)
	return nil
}

// box reads a rectangle: left, bottom, right, top.
func (f *File) box(of object) (box [4]float64, err error) {
	value, err := f.value(of)
	corners, ok := value.(array)
	if err != nil || !ok || len(corners) != len(box) {
		return box, Broken
	}
	for i, corner := range corners {
		if box[i], ok = f.number(corner); !ok {
			return box, Broken
		}
	}
	box[0], box[2] = min(box[0], box[2]), max(box[0], box[2])
	box[1], box[3] = min(box[1], box[3]), max(box[1], box[3])
	return box, nil
}

// Templates returns each page as a form XObject (section 8.10) that draws it from 0 0 upwards, for a
// document whose next free object has the number first: all objects that it takes, numbered in their
// order, and the number of each page's form.
func (f *File) Templates(first int) (objects [][]byte, forms []int, err error) {
	c := copier{file: f, first: first, numbers: map[int]int{}}
	for _, s := range f.sheets {
		n, err := c.template(s)
		if err != nil {
			return nil, nil, err
		}
		forms = append(forms, n)
	}
	return c.objects, forms, nil
}

// write returns the pages as a file of their own.
func (f *File) write() ([]byte, error) {
	const catalog, pages = 1, 2
	own := pages + 1 // a page and its contents, two objects each
	objects, forms, err := f.Templates(own + 2*len(f.sheets))
	if err != nil {
		return nil, err
	}
	var kids bytes.Buffer
	var all [][]byte
	for i, s := range f.sheets {
		size, n := s.seen(), own+2*i
		fmt.Fprintf(&kids, "%d 0 R ", n)
		const draw = "/Page Do"
		all = append(all,
			fmt.Appendf(nil, "<</Type /Page /Parent %d 0 R /MediaBox [0 0 %s %s] /Resources <</XObject <</Page %d 0 R>>>> /Contents %d 0 R>>",
				pages, decimal(size.Width), decimal(size.Height), forms[i], n+1),
			fmt.Appendf(nil, "<</Length %d>>\nstream\n%s\nendstream", len(draw), draw))
	}
	head := [][]byte{
		fmt.Appendf(nil, "<</Type /Catalog /Pages %d 0 R>>", pages),
		fmt.Appendf(nil, "<</Type /Pages /Kids [%s] /Count %d>>", kids.Bytes(), len(f.sheets)),
	}
	return assemble(slices.Concat(head, all, objects), catalog), nil
}

// assemble writes objects, numbered from 1, as a file.
func assemble(objects [][]byte, catalog int) []byte {
	var out bytes.Buffer
	out.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	var table bytes.Buffer
	for i, object := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d /Root %d 0 R>>\nstartxref\n%d\n%%%%EOF\n",
		len(objects)+1, table.Bytes(), len(objects)+1, catalog, start)
	return out.Bytes()
}

// sortedKeys are the keys of d in the order in which they are written.
func sortedKeys(d dict) []name { return slices.SortedFunc(maps.Keys(d), cmp.Compare) }
