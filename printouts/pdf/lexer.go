package pdf

import (
	"bytes"
	"strconv"
)

// An object is a value of the format (section 7.3): nil, bool, number, name, text, array, dict, *stream or
// ref.
type object any

type (
	number string // as it is written
	name   string // without its slash, escapes resolved
	text   string // as it is written, with its brackets
	array  []object
	dict   map[name]object
	ref    struct{ number, generation int }
	word   string // what is none of these: obj, stream, R, …
)

// A stream is bytes with a dictionary that says how they are packed.
type stream struct {
	dict
	raw []byte
}

// A lexer reads values one after the other.
type lexer struct {
	file []byte
	at   int
}

func white(b byte) bool {
	return b == 0 || b == '\t' || b == '\n' || b == '\f' || b == '\r' || b == ' '
}

func delimiter(b byte) bool { return bytes.IndexByte([]byte("()<>[]{}/%"), b) >= 0 }

// skip goes on to what is neither white space nor comment.
func (l *lexer) skip() {
	for l.at < len(l.file) {
		switch b := l.file[l.at]; {
		case white(b):
			l.at++
		case b == '%':
			for l.at < len(l.file) && l.file[l.at] != '\n' && l.file[l.at] != '\r' {
				l.at++
			}
		default:
			return
		}
	}
}

// regular reads the characters up to the next delimiter.
func (l *lexer) regular() string {
	start := l.at
	for l.at < len(l.file) && !white(l.file[l.at]) && !delimiter(l.file[l.at]) {
		l.at++
	}
	return string(l.file[start:l.at])
}

// next reads a value, in which others may stand. The end of the file is Broken.
func (l *lexer) next(depth int) (object, error) {
	l.skip()
	if l.at >= len(l.file) || depth > maxDepth {
		return nil, Broken
	}
	switch b := l.file[l.at]; b {
	case '/':
		l.at++
		return unescaped(l.regular()), nil
	case '(':
		return l.literal()
	case '<':
		if bytes.HasPrefix(l.file[l.at:], []byte("<<")) {
			l.at += 2
			return l.dictionary(depth)
		}
		end := bytes.IndexByte(l.file[l.at:], '>')
		if end < 0 {
			return nil, Broken
		}
		l.at += end + 1
		return text(l.file[l.at-end-1 : l.at]), nil
	case '[':
		l.at++
		return l.list(depth)
	case ']', '>', ')', '{', '}':
		l.at++
		return word(b), nil
	}
	return l.simple(), nil
}

// simple reads a number, a reference, a keyword.
func (l *lexer) simple() object {
	token := l.regular()
	switch token {
	case "null":
		return nil
	case "true", "false":
		return token == "true"
	}
	if _, err := strconv.ParseFloat(token, 64); err != nil || token[0] > '9' {
		return word(token)
	}
	if n, err := strconv.Atoi(token); err == nil && n > 0 {
		after := l.at
		l.skip()
		generation, err := strconv.Atoi(l.regular())
		l.skip()
		if err == nil && generation >= 0 && l.regular() == "R" {
			return ref{n, generation}
		}
		l.at = after
	}
	return number(token)
}

// literal reads a text in round brackets.
func (l *lexer) literal() (object, error) {
	start, open := l.at, 0
	for ; l.at < len(l.file); l.at++ {
		switch l.file[l.at] {
		case '\\':
			l.at++
		case '(':
			open++
		case ')':
			if open--; open == 0 {
				l.at++
				return text(l.file[start:l.at]), nil
			}
		}
	}
	return nil, Broken
}

func (l *lexer) list(depth int) (object, error) {
	list := array{}
	for {
		value, err := l.next(depth + 1)
		if err != nil {
			return nil, err
		}
		if w, ok := value.(word); ok {
			if w == "]" {
				return list, nil
			}
			return nil, Broken
		}
		list = append(list, value)
	}
}

func (l *lexer) dictionary(depth int) (object, error) {
	d := dict{}
	for {
		l.skip()
		if bytes.HasPrefix(l.file[min(l.at, len(l.file)):], []byte(">>")) {
			l.at += 2
			return d, nil
		}
		key, err := l.next(depth + 1)
		if err != nil {
			return nil, err
		}
		k, ok := key.(name)
		if !ok {
			return nil, Broken
		}
		value, err := l.next(depth + 1)
		if err != nil {
			return nil, err
		}
		if _, odd := value.(word); odd {
			return nil, Broken
		}
		d[k] = value
	}
}

// integer reads a whole number that is not negative.
func (l *lexer) integer() (int, error) {
	l.skip()
	n, err := strconv.Atoi(l.regular())
	if err != nil || n < 0 {
		return 0, Broken
	}
	return n, nil
}

// keyword reads a certain word.
func (l *lexer) keyword(want string) bool {
	l.skip()
	if !bytes.HasPrefix(l.file[l.at:], []byte(want)) {
		return false
	}
	l.at += len(want)
	return true
}

// unescaped resolves #41 in a name (section 7.3.5).
func unescaped(s string) name {
	var out []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '#' && i+2 < len(s) {
			if b, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				out, i = append(out, byte(b)), i+2
				continue
			}
		}
		out = append(out, s[i])
	}
	return name(out)
}
