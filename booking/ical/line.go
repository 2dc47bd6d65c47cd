package ical

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// The bounds of what is read, beside those of what is written.
const (
	largestInput     = 16 << 20
	mostComponents   = 100_000
	mostProperties   = 600_000
	mostParamValues  = 200
	mostNotes        = 100
	mostNamesToShare = 1000
)

// A lineReader reads content lines (RFC 5545, section 3.1): unfolded, without their ends. Lines may
// end in LF alone, and blank ones are skipped.
type lineReader struct {
	in       *bufio.Reader
	unfolded []byte
	number   int  // of the content line's first line, from 1
	lines    int  // read so far
	octets   int  // read so far
	long     bool // the content line has more than largestLine octets; the first of them were kept
}

func newLineReader(r io.Reader) *lineReader {
	return &lineReader{in: bufio.NewReaderSize(r, largestLine)}
}

// next returns a content line, which holds until next is called again, or io.EOF after the last.
func (l *lineReader) next() ([]byte, error) {
	for {
		line, err := l.physical()
		if err != nil {
			return nil, err
		}
		l.number, l.long = l.lines, len(line) > largestLine
		if !l.folded() {
			if len(line) == 0 {
				continue
			}
			return line, nil
		}
		l.unfolded = append(l.unfolded[:0], line...)
		for l.folded() {
			if line, err = l.physical(); err != nil {
				return nil, err
			}
			l.keep(line[1:])
		}
		if len(l.unfolded) > 0 {
			return l.unfolded, nil
		}
	}
}

// keep adds to the unfolded line what it has room for.
func (l *lineReader) keep(more []byte) {
	if room := largestLine - len(l.unfolded); len(more) > room {
		l.long = true
		more = more[:max(room, 0)]
	}
	l.unfolded = append(l.unfolded, more...)
}

// folded reports whether the next line continues the one that was read. It does not move the buffer
// in which that one lies: only at the buffer's end is anything read, and then it was copied.
func (l *lineReader) folded() bool {
	next, err := l.in.Peek(1)
	return err == nil && (next[0] == ' ' || next[0] == '\t')
}

// physical returns a line without its end. The part of it that is more than the buffer holds is not
// kept: the line is then longer than largestLine all the same.
func (l *lineReader) physical() ([]byte, error) {
	line, err := l.in.ReadSlice('\n')
	l.octets += len(line)
	kept := line
	if errors.Is(err, bufio.ErrBufferFull) || l.in.Buffered() == 0 {
		kept = append([]byte(nil), line...)
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		if l.octets > largestInput {
			break
		}
		line, err = l.in.ReadSlice('\n')
		l.octets += len(line)
		if len(kept) <= largestLine {
			kept = append(kept, line...)
		}
	}
	switch {
	case l.octets > largestInput:
		return nil, fmt.Errorf("%w: more than %d octets", ErrTooLarge, largestInput)
	case errors.Is(err, io.EOF) && len(kept) == 0:
		return nil, io.EOF
	case err != nil && !errors.Is(err, io.EOF):
		return nil, err
	}
	if l.lines++; l.lines == 1 {
		kept = bytes.TrimPrefix(kept, []byte("\ufeff"))
	}
	return bytes.TrimRight(kept, "\r\n"), nil
}

// A lineParser takes content lines apart. It keeps the names it has seen, which are always the same
// few, so that each is stored once.
type lineParser struct {
	names map[string]string
	notes *notes
}

// errNoValue means that a line has a name, and after it no value.
var errNoValue = errors.New("no value")

// property takes a content line apart (RFC 5545, section 3.1). A line that has a name and then no
// value, or a name that is none, is errNoValue; one without any name is ErrMalformed.
func (l *lineParser) property(line []byte) (Prop, error) {
	end := 0
	for end < len(line) && line[end] != ':' && line[end] != ';' {
		end++
	}
	if end == len(line) {
		return Prop{}, fmt.Errorf("%w: a line without name and value", ErrMalformed)
	}
	name, ok := l.name(line[:end])
	p := Prop{Name: name}
	rest := line[end:]
	if rest[0] == ';' {
		var err error
		if rest, err = l.params(&p, rest); err != nil {
			return p, err
		}
	}
	if !ok {
		return p, fmt.Errorf("%w: the name is not one", errNoValue)
	}
	p.Value = l.text(rest[1:])
	return p, nil
}

// name returns a name in capitals, and whether it is one.
func (l *lineParser) name(b []byte) (string, bool) {
	if name, ok := l.names[string(b)]; ok {
		return name, true
	}
	name := strings.ToUpper(string(b))
	if !isName(name) {
		return name, false
	}
	if len(l.names) < mostNamesToShare {
		l.names[string(b)] = name
	}
	return name, true
}

// text returns what stands in the file. Octets that are no UTF-8 are replaced one by one: they are
// letters of some other encoding, and times have none.
func (l *lineParser) text(b []byte) string {
	if !utf8.Valid(b) {
		l.notes.once("not all of it is UTF-8: what is not was replaced")
		return string([]rune(string(b)))
	}
	return string(b)
}

// uncaret reads what RFC 6868, section 3.1, says of parameters.
var uncaret = strings.NewReplacer("^^", "^", "^n", "\n", "^'", `"`)

// params reads ;NAME=value,value… and returns what follows, from the colon on.
func (l *lineParser) params(p *Prop, rest []byte) ([]byte, error) {
	for values := 0; len(rest) > 0 && rest[0] == ';'; {
		end := bytes.IndexAny(rest[1:], "=;:") + 1
		if end == 0 {
			return nil, fmt.Errorf("%w after the parameters", errNoValue)
		}
		name, ok := l.name(bytes.TrimSpace(rest[1:end]))
		if rest = rest[end:]; rest[0] != '=' {
			continue // as in vCalendar, where a parameter may be a value alone
		}
		if !ok {
			return nil, fmt.Errorf("%w: a parameter's name is not one", errNoValue)
		}
		if p.Params == nil {
			p.Params = make(Params, 1)
		}
		for len(rest) > 0 && (rest[0] == '=' || rest[0] == ',') {
			if values++; values > mostParamValues {
				return nil, fmt.Errorf("%w: more than %d values of parameters", ErrTooLarge, mostParamValues)
			}
			var value []byte
			if value, rest = paramValue(rest[1:]); rest == nil {
				return nil, fmt.Errorf("%w: a quote is not closed", errNoValue)
			}
			text := l.text(value)
			if strings.Contains(text, "^") {
				text = uncaret.Replace(text)
			}
			p.Params[name] = append(p.Params[name], text)
		}
	}
	if len(rest) == 0 {
		return nil, fmt.Errorf("%w after the parameters", errNoValue)
	}
	return rest, nil
}

// paramValue splits a parameter's value from what follows it, which is nil if a quote is not closed.
func paramValue(b []byte) (value, rest []byte) {
	if quoted := bytes.TrimLeft(b, " "); len(quoted) > 0 && quoted[0] == '"' {
		end := bytes.IndexByte(quoted[1:], '"') + 1
		if end == 0 {
			return nil, nil
		}
		value, b = quoted[1:end], quoted[end+1:]
		_, rest = paramEnd(b)
		return value, rest
	}
	value, rest = paramEnd(b)
	return bytes.TrimSpace(value), rest
}

// paramEnd splits at the first sign that ends an unquoted value.
func paramEnd(b []byte) (value, rest []byte) {
	if end := bytes.IndexAny(b, ",;:"); end >= 0 {
		return b[:end], b[end:]
	}
	return b, b[len(b):]
}
