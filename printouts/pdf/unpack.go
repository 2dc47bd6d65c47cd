package pdf

import (
	"bytes"
	"compress/zlib"
	"encoding/ascii85"
	"encoding/hex"
	"errors"
	"io"

	"golang.org/x/image/tiff/lzw"
)

// pictures are the filters whose output is a picture and is not unpacked here (section 7.4).
var pictures = map[name]bool{"DCTDecode": true, "DCT": true, "JPXDecode": true, "JBIG2Decode": true, "CCITTFaxDecode": true, "CCF": true}

// filters are the filters of a stream, in the order in which they are undone.
func (r *reader) filters(s *stream) ([]name, error) {
	value, err := r.value(s.dict["Filter"])
	if err != nil {
		return nil, err
	}
	switch of := value.(type) {
	case nil:
		return nil, nil
	case name:
		return []name{of}, nil
	case array:
		var all []name
		for _, each := range of {
			filter, err := r.value(each)
			one, ok := filter.(name)
			if err != nil || !ok {
				return nil, Broken
			}
			all = append(all, one)
		}
		return all, nil
	}
	return nil, Broken
}

// opened reads a stream as it is without its filters; as far as a picture, whose name it returns.
func (r *reader) opened(s *stream) (data io.Reader, picture name, err error) {
	filters, err := r.filters(s)
	if err != nil {
		return nil, "", err
	}
	data = bytes.NewReader(s.raw)
	for i, filter := range filters {
		switch {
		case pictures[filter] && i == len(filters)-1:
			return data, filter, nil
		case filter == "FlateDecode" || filter == "Fl":
			if data, err = zlib.NewReader(data); err != nil {
				return nil, "", Broken
			}
		case filter == "LZWDecode" || filter == "LZW":
			data = lzw.NewReader(data, lzw.MSB, 8)
		case filter == "ASCIIHexDecode" || filter == "AHx":
			data = hex.NewDecoder(&dense{of: data, end: '>'})
		case filter == "ASCII85Decode" || filter == "A85":
			data = ascii85.NewDecoder(&dense{of: data, end: '~'})
		default:
			return nil, "", Broken
		}
	}
	return data, "", nil
}

// dense reads what is written with letters, without white space and up to the mark of its end.
type dense struct {
	of   io.Reader
	end  byte
	over bool
}

// Read fills p.
func (d *dense) Read(p []byte) (int, error) {
	for !d.over {
		n, err := d.of.Read(p)
		kept := p[:0]
		for _, b := range p[:n] {
			if b == d.end {
				d.over = true
				break
			}
			if !white(b) {
				kept = append(kept, b)
			}
		}
		if len(kept) > 0 || err != nil {
			return len(kept), err
		}
	}
	return 0, io.EOF
}

// unpacked is a stream without its filters and predictors, which is no picture and has most bytes.
func (r *reader) unpacked(s *stream, most int64) ([]byte, error) {
	in, picture, err := r.opened(s)
	if err != nil || picture != "" {
		return nil, Broken
	}
	var out bytes.Buffer
	if _, err := r.pour(&out, in, most); err != nil {
		return nil, err
	}
	return r.unpredicted(s, out.Bytes())
}

// pour copies what is unpacked, and refuses what is more than most or than all of a file may be. What is
// cut off or does not add up is kept as far as it goes, as readers do.
func (r *reader) pour(out io.Writer, in io.Reader, most int64) (int64, error) {
	n, err := io.Copy(out, io.LimitReader(in, most+1))
	r.spent += n
	if n > most || r.spent > maxUnpacked {
		return n, Heavy
	}
	if n == 0 && err != nil && !errors.Is(err, io.EOF) {
		return 0, Broken
	}
	return n, nil
}

// weigh refuses a stream that unpacks to too much.
func (r *reader) weigh(s *stream) error {
	kind, _ := r.value(s.dict["Subtype"])
	if kind == name("Image") {
		width, _ := r.number(s.dict["Width"])
		height, _ := r.number(s.dict["Height"])
		if width*height > maxPixels {
			return Heavy
		}
	}
	in, _, err := r.opened(s)
	if err != nil {
		return err
	}
	most := int64(maxContent)
	if kind == name("Image") {
		most = maxUnpacked
	}
	_, err = r.pour(io.Discard, in, most)
	return err
}

// unpredicted undoes the predictor of PNG (section 7.4.4.4), with which tables of cross references are
// packed.
func (r *reader) unpredicted(s *stream, data []byte) ([]byte, error) {
	value, err := r.value(s.dict["DecodeParms"])
	if list, several := value.(array); several && len(list) > 0 {
		value, err = r.value(list[len(list)-1])
	}
	parms, ok := value.(dict)
	if err != nil || !ok {
		return data, err
	}
	figure := func(key name, otherwise int) int {
		if n, ok := whole(parms[key]); ok {
			return n
		}
		return otherwise
	}
	predictor := figure("Predictor", 1)
	columns, colors, bits := figure("Columns", 1), figure("Colors", 1), figure("BitsPerComponent", 8)
	if predictor == 1 {
		return data, nil
	}
	if predictor < 10 || columns > 1<<16 || colors > 32 || bits > 16 || columns*colors*bits == 0 {
		return nil, Broken
	}
	row, step := (columns*colors*bits+7)/8, max(1, colors*bits/8)
	var out []byte
	above := make([]byte, row)
	for len(data) > row {
		line := bytes.Clone(data[1 : row+1])
		if !unfilter(data[0], line, above, step) {
			return nil, Broken
		}
		out, above, data = append(out, line...), line, data[row+1:]
	}
	return out, nil
}

// unfilter undoes a filter of PNG (PNG specification, section 9) on a line, step bytes a pixel.
func unfilter(filter byte, line, above []byte, step int) bool {
	for i := range line {
		var left, corner byte
		if i >= step {
			left, corner = line[i-step], above[i-step]
		}
		switch filter {
		case 0:
		case 1:
			line[i] += left
		case 2:
			line[i] += above[i]
		case 3:
			line[i] += byte((int(left) + int(above[i])) / 2)
		case 4:
			line[i] += paeth(left, above[i], corner)
		default:
			return false
		}
	}
	return true
}

// paeth is the neighbour that is nearest to left + above − corner.
func paeth(left, above, corner byte) byte {
	distance := func(a, b int) int { return max(a-b, b-a) }
	guess := int(left) + int(above) - int(corner)
	l, a, c := distance(guess, int(left)), distance(guess, int(above)), distance(guess, int(corner))
	switch {
	case l <= a && l <= c:
		return left
	case a <= c:
		return above
	}
	return corner
}
