package pdf

import (
	"bytes"
	"strconv"
)

// A reader finds the objects of a file.
type reader struct {
	file    []byte
	trailer dict // the newest
	entries map[int]entry
	read    map[int]object   // by number
	packed  map[int][]object // what is in each object stream, in its order
	nested  int              // objects that wait for others
	spent   int64            // bytes that were unpacked
}

// An entry is where an object stands.
type entry struct {
	used   bool
	in     int // number of the object stream; 0: in the file
	offset int // in the file, or the index in the stream
}

// readEntries reads all tables of cross references, the newest first (sections 7.5.4 and 7.5.8).
func (r *reader) readEntries() error {
	const endWithin = 2048 // bytes in which the end is looked for
	from := max(0, len(r.file)-endWithin)
	last := bytes.LastIndex(r.file[from:], []byte("startxref"))
	if last < 0 {
		return Broken
	}
	l := lexer{r.file, from + last + len("startxref")}
	at, err := l.integer()
	if err != nil {
		return err
	}
	for seen := map[int]bool{}; ; {
		if seen[at] || at >= len(r.file) {
			return Broken
		}
		seen[at] = true
		trailer, err := r.section(at)
		if err != nil {
			return err
		}
		if r.trailer == nil {
			r.trailer = trailer
		}
		if hybrid, ok := whole(trailer["XRefStm"]); ok && !seen[hybrid] {
			seen[hybrid] = true
			if _, err := r.section(hybrid); err != nil {
				return err
			}
		}
		previous, more := whole(trailer["Prev"])
		if !more {
			return nil
		}
		at = previous
	}
}

// section reads a table, or the stream that is one, and returns its trailer.
func (r *reader) section(at int) (dict, error) {
	if at < 0 || at >= len(r.file) {
		return nil, Broken
	}
	l := lexer{r.file, at}
	if l.keyword("xref") {
		return r.table(&l)
	}
	_, value, err := r.indirect(&l)
	if err != nil {
		return nil, err
	}
	s, ok := value.(*stream)
	if !ok || s.dict["Type"] != name("XRef") {
		return nil, Broken
	}
	return s.dict, r.entriesOf(s)
}

func (r *reader) table(l *lexer) (dict, error) {
	for !l.keyword("trailer") {
		first, err := l.integer()
		if err != nil {
			return nil, err
		}
		count, err := l.integer()
		if err != nil {
			return nil, err
		}
		for n := range count {
			offset, err := l.integer()
			if err != nil {
				return nil, err
			}
			if _, err := l.integer(); err != nil {
				return nil, err
			}
			l.skip()
			if err := r.note(first+n, entry{used: l.regular() == "n", offset: offset}); err != nil {
				return nil, err
			}
		}
	}
	value, err := l.next(0)
	if err != nil {
		return nil, err
	}
	trailer, ok := value.(dict)
	if !ok {
		return nil, Broken
	}
	return trailer, nil
}

// note keeps an entry, unless a newer one is known.
func (r *reader) note(n int, e entry) error {
	if _, newer := r.entries[n]; !newer {
		r.entries[n] = e
	}
	if len(r.entries) > maxObjects {
		return Heavy
	}
	return nil
}

// entriesOf reads the entries of a cross-reference stream.
func (r *reader) entriesOf(s *stream) error {
	data, err := r.unpacked(s, maxPacked)
	if err != nil {
		return err
	}
	widths, ok := s.dict["W"].(array)
	if !ok || len(widths) != 3 {
		return Broken
	}
	var width [3]int
	row := 0
	for i := range width {
		n, ok := whole(widths[i])
		if !ok || n > 8 {
			return Broken
		}
		width[i] = n
		row += n
	}
	index, ok := s.dict["Index"].(array)
	if !ok {
		index = array{number("0"), s.dict["Size"]}
	}
	if row == 0 {
		return Broken
	}
	for i := 0; i+1 < len(index); i += 2 {
		first, known := whole(index[i])
		count, counted := whole(index[i+1])
		if !known || !counted {
			return Broken
		}
		for n := 0; n < count && len(data) >= row; n++ {
			if err := r.note(first+n, packedEntry(data[:row], width)); err != nil {
				return err
			}
			data = data[row:]
		}
	}
	return nil
}

func packedEntry(row []byte, width [3]int) entry {
	var field [3]int
	field[0] = 1 // where the kind has no width
	for i, w := range width {
		if w == 0 {
			continue
		}
		n := uint64(0)
		for _, b := range row[:w] {
			n = n<<8 | uint64(b)
		}
		field[i], row = int(n&(1<<40-1)), row[w:]
	}
	switch field[0] {
	case 1:
		return entry{used: true, offset: field[1]}
	case 2:
		return entry{used: true, in: field[1], offset: field[2]}
	}
	return entry{}
}

// indirect reads an object with its number.
func (r *reader) indirect(l *lexer) (int, object, error) {
	n, err := l.integer()
	if err != nil {
		return 0, nil, err
	}
	if _, err := l.integer(); err != nil {
		return 0, nil, err
	}
	if !l.keyword("obj") {
		return 0, nil, Broken
	}
	value, err := l.next(0)
	if err != nil {
		return 0, nil, err
	}
	d, ok := value.(dict)
	if !ok || !l.keyword("stream") {
		return n, value, nil
	}
	s, err := r.stream(l, d)
	return n, s, err
}

// stream reads the bytes behind a dictionary. Where their length is wrong, as some programs write it, they
// end where the standard's word for it stands.
func (r *reader) stream(l *lexer, d dict) (object, error) {
	rest := r.file[l.at:]
	switch {
	case bytes.HasPrefix(rest, []byte("\r\n")):
		rest = rest[2:]
	case len(rest) > 0 && (rest[0] == '\n' || rest[0] == '\r'):
		rest = rest[1:]
	}
	value, err := r.value(d["Length"])
	if err != nil {
		return nil, err
	}
	if length, ok := whole(value); ok && length <= len(rest) {
		if end := (&lexer{rest, length}); end.keyword("endstream") {
			return &stream{d, rest[:length]}, nil
		}
	}
	end := bytes.Index(rest, []byte("endstream"))
	if end < 0 {
		return nil, Broken
	}
	raw := bytes.TrimSuffix(rest[:end], []byte("\n"))
	return &stream{d, bytes.TrimSuffix(raw, []byte("\r"))}, nil
}

// value is what of stands for: itself, or the object it refers to. One that is not there is null (section
// 7.3.10).
func (r *reader) value(of object) (object, error) {
	for range maxDepth {
		to, indirect := of.(ref)
		if !indirect {
			return of, nil
		}
		var err error
		if of, err = r.object(to.number); err != nil {
			return nil, err
		}
	}
	return nil, Broken
}

// object reads the object n.
func (r *reader) object(n int) (object, error) {
	if value, known := r.read[n]; known {
		return value, nil
	}
	e := r.entries[n]
	if !e.used {
		return nil, nil
	}
	if r.nested++; r.nested > maxDepth {
		return nil, Broken
	}
	defer func() { r.nested-- }()
	value, err := r.load(n, e)
	if err == nil {
		r.read[n] = value
	}
	return value, err
}

func (r *reader) load(n int, e entry) (object, error) {
	if e.in > 0 {
		all, err := r.objectsIn(e.in)
		if err != nil {
			return nil, err
		}
		if e.offset >= len(all) {
			return nil, Broken
		}
		return all[e.offset], nil
	}
	if e.offset >= len(r.file) {
		return nil, Broken
	}
	found, value, err := r.indirect(&lexer{r.file, e.offset})
	if err == nil && found != n {
		err = Broken
	}
	return value, err
}

// objectsIn reads an object stream (section 7.5.7).
func (r *reader) objectsIn(n int) ([]object, error) {
	if all, known := r.packed[n]; known {
		return all, nil
	}
	if r.entries[n].in > 0 {
		return nil, Broken
	}
	value, err := r.object(n)
	if err != nil {
		return nil, err
	}
	s, ok := value.(*stream)
	if !ok {
		return nil, Broken
	}
	data, err := r.unpacked(s, maxPacked)
	if err != nil {
		return nil, err
	}
	count, counted := whole(s.dict["N"])
	first, known := whole(s.dict["First"])
	if !counted || !known || first > len(data) || count > maxObjects {
		return nil, Broken
	}
	head := lexer{data[:first], 0}
	var all []object
	for range count {
		if _, err := head.integer(); err != nil {
			return nil, err
		}
		offset, err := head.integer()
		if err != nil || first+offset >= len(data) {
			return nil, Broken
		}
		value, err := (&lexer{data, first + offset}).next(0)
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	r.packed[n] = all
	return all, nil
}

// dict is the dictionary that of stands for.
func (r *reader) dict(of object) (dict, error) {
	value, err := r.value(of)
	if err != nil {
		return nil, err
	}
	d, ok := value.(dict)
	if !ok {
		return nil, Broken
	}
	return d, nil
}

// number is the number that of stands for.
func (r *reader) number(of object) (float64, bool) {
	value, err := r.value(of)
	n, ok := value.(number)
	if err != nil || !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(string(n), 64)
	return f, err == nil && f > -1e6 && f < 1e6
}

// whole is a whole number that is not negative and no reference.
func whole(of object) (int, bool) {
	digits, ok := of.(number)
	if !ok {
		return 0, false
	}
	n, err := strconv.Atoi(string(digits))
	return n, err == nil && n >= 0
}
