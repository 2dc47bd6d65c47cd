package pdf

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"regexp"
	"strconv"
)

// A copier writes what pages draw, with what it refers to, under new numbers.
type copier struct {
	file    *File
	first   int
	objects [][]byte    // numbered from first
	numbers map[int]int // new ones, by old
	waiting []int       // old numbers that are to be written
}

// unwanted are the keys of what leads back into the file that was left.
var unwanted = map[name]bool{"Parent": true, "StructParent": true, "StructParents": true, "Metadata": true, "PieceInfo": true}

// marked finds the numbers of marked content, which would be taken for those of the document that a page is
// drawn in.
var marked = regexp.MustCompile(`/MCID\b`)

func (c *copier) reserve() int {
	c.objects = append(c.objects, nil)
	return c.first + len(c.objects) - 1
}

// template writes a page as a form and returns its number.
func (c *copier) template(s sheet) (int, error) {
	contents, err := c.file.drawing(s.contents)
	if err != nil {
		return 0, err
	}
	contents = marked.ReplaceAll(contents, []byte("/Mcid"))
	var packed bytes.Buffer
	w := zlib.NewWriter(&packed)
	if _, err := w.Write(contents); err != nil {
		return 0, fmt.Errorf("pack page: %w", err)
	}
	if err := w.Close(); err != nil {
		return 0, fmt.Errorf("pack page: %w", err)
	}
	n := c.reserve()
	var out bytes.Buffer
	out.WriteString("<</Type /XObject /Subtype /Form /BBox [")
	for _, side := range s.box {
		out.WriteString(decimal(side) + " ")
	}
	out.WriteString("] /Matrix [")
	for _, part := range s.matrix() {
		out.WriteString(decimal(part) + " ")
	}
	out.WriteString("] /Resources ")
	if err := c.write(&out, s.resources, 0); err != nil {
		return 0, err
	}
	if s.group != nil {
		out.WriteString(" /Group ")
		if err := c.write(&out, s.group, 0); err != nil {
			return 0, err
		}
	}
	fmt.Fprintf(&out, " /Filter /FlateDecode /Length %d>>\nstream\n%s\nendstream", packed.Len(), packed.Bytes())
	c.objects[n-c.first] = out.Bytes()
	return n, c.rest()
}

// rest writes the objects that were referred to and are not yet written.
func (c *copier) rest() error {
	for len(c.waiting) > 0 {
		old := c.waiting[0]
		c.waiting = c.waiting[1:]
		value, err := c.file.object(old)
		if err != nil {
			return err
		}
		var out bytes.Buffer
		if err := c.write(&out, value, 0); err != nil {
			return err
		}
		c.objects[c.numbers[old]-c.first] = out.Bytes()
	}
	return nil
}

// drawing is what the contents of a page say, one stream after the other (section 7.8.2).
func (f *File) drawing(contents object) ([]byte, error) {
	value, err := f.value(contents)
	if err != nil {
		return nil, err
	}
	streams, several := value.(array)
	if !several {
		streams = array{value}
	}
	var all []byte
	for _, each := range streams {
		value, err := f.value(each)
		if err != nil {
			return nil, err
		}
		s, ok := value.(*stream)
		if !ok && value != nil {
			return nil, Broken
		}
		if s == nil {
			continue
		}
		data, err := f.unpacked(s, maxContent)
		if err != nil {
			return nil, err
		}
		all = append(append(all, data...), '\n')
		if len(all) > maxContent {
			return nil, Heavy
		}
	}
	return all, nil
}

// write writes a value and notes what it refers to.
func (c *copier) write(out *bytes.Buffer, value object, depth int) error {
	if depth > maxDepth || out.Len() > 2*MaxSize {
		return Heavy
	}
	switch v := value.(type) {
	case nil:
		out.WriteString("null")
	case bool:
		out.WriteString(strconv.FormatBool(v))
	case number:
		out.WriteString(string(v))
	case text:
		out.WriteString(string(v))
	case name:
		out.WriteString(escaped(v))
	case ref:
		c.refer(out, v)
	case array:
		out.WriteByte('[')
		for _, each := range v {
			if err := c.write(out, each, depth+1); err != nil {
				return err
			}
			out.WriteByte(' ')
		}
		out.WriteByte(']')
	case dict:
		return c.writeDict(out, v, depth)
	case *stream:
		return c.writeStream(out, v, depth)
	default:
		return Broken
	}
	return nil
}

// refer writes a reference; to what is not there, null.
func (c *copier) refer(out *bytes.Buffer, to ref) {
	if !c.file.entries[to.number].used {
		out.WriteString("null")
		return
	}
	n, known := c.numbers[to.number]
	if !known {
		n = c.reserve()
		c.numbers[to.number] = n
		c.waiting = append(c.waiting, to.number)
	}
	fmt.Fprintf(out, "%d 0 R", n)
}

func (c *copier) writeDict(out *bytes.Buffer, d dict, depth int) error {
	out.WriteString("<<")
	for _, key := range sortedKeys(d) {
		if unwanted[key] {
			continue
		}
		out.WriteString(escaped(key) + " ")
		if err := c.write(out, d[key], depth+1); err != nil {
			return err
		}
	}
	out.WriteString(">>")
	return nil
}

// writeStream writes a stream as it is packed.
func (c *copier) writeStream(out *bytes.Buffer, s *stream, depth int) error {
	d := dict{}
	for key, value := range s.dict {
		d[key] = value
	}
	d["Length"] = number(strconv.Itoa(len(s.raw)))
	if _, outside := d["F"]; outside { // its bytes are in another file
		return Attachment
	}
	if err := c.writeDict(out, d, depth); err != nil {
		return err
	}
	out.WriteString("\nstream\n")
	out.Write(s.raw)
	out.WriteString("\nendstream")
	return nil
}

// escaped is a name as it is written.
func escaped(n name) string {
	out := []byte{'/'}
	for _, b := range []byte(n) {
		if b <= ' ' || b > '~' || b == '#' || delimiter(b) {
			out = fmt.Appendf(out, "#%02X", b)
			continue
		}
		out = append(out, b)
	}
	return string(out)
}

// decimal is a number as it is written: to a thousandth, with no more digits than that takes.
func decimal(f float64) string {
	s := strconv.FormatFloat(f, 'f', 3, 64)
	for s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	if s[len(s)-1] == '.' {
		s = s[:len(s)-1]
	}
	if s == "-0" {
		return "0"
	}
	return s
}
