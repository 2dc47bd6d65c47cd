package printouts

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"

	"codeberg.org/go-pdf/fpdf"

	"sportello/printouts/pdf"
)

// An element is a node of a document's structure tree (ISO 32000-1 section 14.7), which is what screen
// readers read aloud. It holds other elements, or what is drawn.
type element struct {
	role   string // a standard structure type: H1, P, L, Figure, …
	lang   string // BCP 47; "" that of the document
	alt    string // what a picture says
	actual string // what letters that stand apart spell
	print  *printField
	kids   []*element
	drawn  []content
}

// A printField is what an element is that fills in a field on paper (section 14.8.5.6).
type printField struct {
	label   string
	checked bool // it is a box that is ticked, else text
}

func (p printField) attributes() string {
	if p.checked {
		return " /A <</O /PrintField /Role /cb /checked /on /Desc " + textString(p.label) + ">>"
	}
	return " /A <</O /PrintField /Role /tv /Desc " + textString(p.label) + ">>"
}

// content is a marked part of a page.
type content struct{ page, id int }

// empty reports whether nothing of e is drawn.
func (e *element) empty() bool {
	return len(e.drawn) == 0 && !slices.ContainsFunc(e.kids, func(k *element) bool { return !k.empty() })
}

// A structure is a structure tree in the making.
type structure struct {
	root   element
	open   []*element
	role   string // of the next texts; "" is P
	lang   string // of the next texts
	second string // the language of second texts
}

// element adds an element to the one that is open.
func (s *structure) element(role string) *element {
	e := &element{role: role, lang: s.lang}
	parent := &s.root
	if n := len(s.open); n > 0 {
		parent = s.open[n-1]
	}
	parent.kids = append(parent.kids, e)
	return e
}

// within puts what f sets into an element of a role.
func (s *structure) within(role string, f func()) { s.inside(s.element(role), f) }

// inside puts what f sets into an element.
func (s *structure) inside(e *element, f func()) {
	s.open = append(s.open, e)
	f()
	s.open = s.open[:len(s.open)-1]
}

// item puts what f sets into an item of the list that is open, if there is one.
func (s *structure) item(list bool, f func()) {
	if !list {
		f()
		return
	}
	s.within("LI", func() { s.within("LBody", f) })
}

// as gives the texts that f sets a role.
func (s *structure) as(role string, f func()) {
	before := s.role
	s.role = role
	f()
	s.role = before
}

// foreign says that the texts that f sets are in the second language.
func (s *structure) foreign(f func()) {
	s.lang = s.second
	f()
	s.lang = ""
}

// paragraph is the element of the next text.
func (s *structure) paragraph() *element {
	if s.role == "" {
		return s.element("P")
	}
	return s.element(s.role)
}

// A mark draws something on a page.
type mark func(c *canvas)

// A canvas is the page that marks draw on.
type canvas struct {
	*fpdf.Fpdf
	owners [][]*element // of the marked content of each page, by its id
}

// of draws a part of e; of none, what is there for the eye alone.
func (c *canvas) of(e *element, draw func()) {
	page := len(c.owners) - 1
	if e == nil {
		c.RawWriteStr("/Artifact BMC")
	} else {
		c.RawWriteStr(fmt.Sprintf("/%s <</MCID %d>> BDC", e.role, len(c.owners[page])))
		e.drawn = append(e.drawn, content{page, len(c.owners[page])})
		c.owners[page] = append(c.owners[page], e)
	}
	draw()
	c.RawWriteStr("EMC")
}

// What is looked for in a document that fpdf wrote: it has one table of cross references, at its end.
var (
	trailerAt = regexp.MustCompile(`(?s)\nxref\n0 (\d+)\n(.*)trailer\n<<\n/Size \d+\n/Root (\d+) 0 R\n/Info (\d+) 0 R\n.*startxref\n(\d+)\n`)
	pageStart = []byte("<</Type /Page\n")
	objectEnd = []byte("\nendobj")
)

// An update is what is appended to a document (ISO 32000-1 section 7.5.6).
type update struct {
	bytes.Buffer
	base    int         // length of the document
	offsets map[int]int // of the objects that are appended, by number
	next    int         // number of the next new object
}

func (u *update) number() int { u.next++; return u.next - 1 }

func (u *update) object(n int, format string, args ...any) {
	u.offsets[n] = u.base + u.Len()
	fmt.Fprintf(u, "%d 0 obj\n%s\nendobj\n", n, fmt.Sprintf(format, args...))
}

// errLayout means that a document is not laid out as fpdf used to.
var errLayout = errors.New("the document is not laid out as expected")

// What pages of another document are called where they are drawn, and where their names are put.
const beneathName = "Page"

var pictureNames = []byte("/XObject <<\n")

// lay appends pages that are drawn in the document, and names them in its resources.
func (u *update) lay(beneath *pdf.File, resources int, body []byte) error {
	objects, forms, err := beneath.Templates(u.next)
	if err != nil {
		return err
	}
	for _, object := range objects {
		u.object(u.number(), "%s", object)
	}
	before, after, found := bytes.Cut(body, pictureNames)
	if !found {
		return errLayout
	}
	names := ""
	for i, form := range forms {
		names += fmt.Sprintf("/%s%d %d 0 R\n", beneathName, i, form)
	}
	u.object(resources, "%s%s%s%s", before, pictureNames, names, after)
	return nil
}

// tagged appends a structure tree to a document whose pages hold what canvas marked, and the pages of
// another that are drawn in it.
func tagged(document []byte, root *element, owners [][]*element, beneath *pdf.File) ([]byte, error) {
	const resources = 2 // the object in which fpdf keeps those of all pages
	start := bytes.LastIndex(document, []byte("\nxref\n"))
	if start < 0 {
		return nil, errLayout
	}
	found := trailerAt.FindSubmatch(document[start:])
	if found == nil {
		return nil, errLayout
	}
	size, _ := strconv.Atoi(string(found[1]))
	catalog, _ := strconv.Atoi(string(found[3]))
	u := &update{base: len(document), offsets: map[int]int{}, next: size}
	object := func(n int) []byte {
		at, _ := strconv.Atoi(string(found[2][20*n : 20*n+10]))
		_, body, _ := bytes.Cut(document[at:], []byte(" 0 obj\n"))
		body, _, _ = bytes.Cut(body, objectEnd)
		return body
	}
	if len(found[2]) != 20*size || catalog <= 0 || catalog >= size {
		return nil, errLayout
	}
	var pages []int
	for n := 1; n < size; n++ {
		if body := object(n); bytes.HasPrefix(body, pageStart) {
			u.object(n, "<</Type /Page\n/StructParents %d /Tabs /S\n%s", len(pages), body[len(pageStart):])
			pages = append(pages, n)
		}
	}
	if len(pages) != len(owners) {
		return nil, errLayout
	}
	if beneath != nil {
		if err := u.lay(beneath, resources, object(resources)); err != nil {
			return nil, err
		}
	}
	tree, parents := u.number(), u.number()
	body, closed := bytes.CutSuffix(object(catalog), []byte(">>"))
	if !closed {
		return nil, errLayout
	}
	u.object(catalog, "%s/Version /1.7\n/MarkInfo <</Marked true>>\n/ViewerPreferences <</DisplayDocTitle true>>\n/StructTreeRoot %d 0 R\n>>", body, tree)
	numbers := map[*element]int{}
	top := u.write(root, tree, pages, numbers)
	u.object(tree, "<</Type /StructTreeRoot /K [%d 0 R] /ParentTree %d 0 R /ParentTreeNextKey %d>>", top, parents, len(pages))
	u.object(parents, "<</Nums [%s]>>", numberTree(owners, numbers))
	return append(document[:len(document):len(document)], u.end(catalog, string(found[4]), string(found[5]))...), nil
}

// write appends e and what it holds, and returns its number.
func (u *update) write(e *element, parent int, pages []int, numbers map[*element]int) int {
	n := u.number()
	numbers[e] = n
	var kids []string
	for _, k := range e.kids {
		if !k.empty() {
			kids = append(kids, fmt.Sprintf("%d 0 R", u.write(k, n, pages, numbers)))
		}
	}
	for _, d := range e.drawn {
		kids = append(kids, fmt.Sprintf("<</Type /MCR /Pg %d 0 R /MCID %d>>", pages[d.page], d.id))
	}
	more := ""
	if e.lang != "" {
		more += " /Lang " + textString(e.lang)
	}
	if e.alt != "" {
		more += " /Alt " + textString(e.alt)
	}
	if e.actual != "" {
		more += " /ActualText " + textString(e.actual)
	}
	if e.print != nil {
		more += e.print.attributes()
	}
	u.object(n, "<</Type /StructElem /S /%s /P %d 0 R%s /K [%s]>>", e.role, parent, more, strings.Join(kids, " "))
	return n
}

// numberTree says for each page which elements its marked content belongs to.
func numberTree(owners [][]*element, numbers map[*element]int) string {
	var nums strings.Builder
	for page, elements := range owners {
		fmt.Fprintf(&nums, "%d [", page)
		for _, e := range elements {
			fmt.Fprintf(&nums, "%d 0 R ", numbers[e])
		}
		nums.WriteString("] ")
	}
	return nums.String()
}

// end closes the update with its own table of cross references.
func (u *update) end(catalog int, info, previous string) []byte {
	start := u.base + u.Len()
	fmt.Fprintf(u, "xref\n")
	for n := range u.next {
		if at, ours := u.offsets[n]; ours {
			fmt.Fprintf(u, "%d 1\n%010d 00000 n \n", n, at)
		}
	}
	fmt.Fprintf(u, "trailer\n<<\n/Size %d\n/Root %d 0 R\n/Info %s 0 R\n/Prev %s\n>>\nstartxref\n%d\n%%%%EOF\n", u.next, catalog, info, previous, start)
	return u.Bytes()
}

// textString is text as it stands in a document outside of pages, in UTF-16.
func textString(text string) string {
	hex := "<FEFF"
	for _, unit := range utf16.Encode([]rune(text)) {
		hex += fmt.Sprintf("%04X", unit)
	}
	return hex + ">"
}
