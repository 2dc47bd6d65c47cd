package territory

import (
	"bytes"
	"cmp"
	"context"
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"

	"sportello/internal/store"
)

// Problem is a fault of a territory file. Line and Column count from 1; they are 0 for a file that
// was not read from text. The text is English: it is read by who runs the program. For others there
// are the path, such as office[3].opening[1].weekdays, and a code with what the text says in particular.
type Problem struct {
	File         string
	Line, Column int
	Text         string
	Path, Code   string
	Args         [problemArgs]string // empty ones at the end
}

// problemArgs is how many particulars a problem has at most.
const problemArgs = 5

// String returns the problem as "isernia.toml: line 42: what is wrong".
func (p Problem) String() string {
	text := p.Text
	if p.Line > 0 {
		text = fmt.Sprintf("line %d: %s", p.Line, text)
	}
	if p.File != "" {
		text = p.File + ": " + text
	}
	return text
}

// Problems are all faults of a file, in its order. As an error it has a line for each.
type Problems []Problem

// Error returns one problem a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Parse reads a territory file that stands alone: what it refers to is in it. It returns every
// fault, each with its line, and no file when there is one; after a fault of TOML itself the rest is
// not read. Name is the file's name, for the problems. ParseOver reads parts of a territory.
func Parse(text []byte, name string) (*File, []Problem) {
	f, findings, err := decode(text, name)
	if err != nil {
		return nil, []Problem{syntax(err, name)}
	}
	return f.judged(findings, check(f, new(File), nil))
}

// ParseOver reads a territory file that may be a part of a territory: what it refers to is in it or
// in the database. The problems are those of Parse, and that an office belongs to another territory.
func ParseOver(ctx context.Context, tx *store.Tx, text []byte, name string) (*File, []Problem, error) {
	f, findings, err := decode(text, name)
	if err != nil {
		return nil, []Problem{syntax(err, name)}, nil
	}
	held, elsewhere, err := around(ctx, tx, f.Territory.ID)
	if err != nil {
		return nil, nil, err
	}
	f, problems := f.judged(findings, check(f, held, elsewhere))
	return f, problems, nil
}

// judged returns the file, or what is wrong with it. What check says of a value that could not be
// read is left out.
func (f *File) judged(decoded, checked []finding) (*File, []Problem) {
	findings := decoded
	for _, c := range checked {
		if !slices.ContainsFunc(decoded, func(d finding) bool { return contains(d.path, c.path) }) {
			findings = append(findings, c)
		}
	}
	if len(findings) > 0 {
		return nil, f.problems(findings)
	}
	return f, nil
}

// contains reports whether inner is outer or something in it.
func contains(outer, inner string) bool {
	rest, ok := strings.CutPrefix(inner, outer)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// decode reads text as far as its form goes: TOML, known keys, values of the right kind.
func decode(text []byte, name string) (*File, []finding, error) {
	text = bytes.TrimPrefix(text, []byte("\ufeff")) // some editors begin a file with it
	var tree map[string]any
	if err := toml.Unmarshal(text, &tree); err != nil {
		return nil, nil, err
	}
	f := &File{name: name, lines: positions(text)}
	var d decoder
	d.value(reflect.ValueOf(f).Elem(), tree, "")
	return f, d.findings, nil
}

// finding is a fault at a path such as office[3].opening[1].weekdays[0].
type finding struct {
	path, code, text string
	args             [problemArgs]string
}

func found(path, code, format string, args ...any) finding {
	f := finding{path: path, code: code, text: fmt.Sprintf(format, args...)}
	for i, arg := range args {
		f.args[i] = fmt.Sprint(arg)
	}
	return f
}

// problems gives findings their lines and says in which object they are, in the order of the lines.
func (f *File) problems(findings []finding) []Problem {
	all := make([]Problem, len(findings))
	for i, x := range findings {
		at := where(f.lines, x.path)
		all[i] = Problem{File: f.name, Line: at.line, Column: at.column, Text: f.subject(x.path) + x.text, Path: x.path, Code: x.code, Args: x.args}
	}
	slices.SortStableFunc(all, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	return slices.Compact(all)
}

// subject names what a path is in: `office "agnone": opening 2: `.
func (f *File) subject(path string) string {
	steps := strings.Split(path, ".")
	var b strings.Builder
	for _, step := range steps[:len(steps)-1] {
		b.WriteString(f.object(step) + ": ")
	}
	return b.String()
}

// object names one step of a path: by id where it has one, else by number.
func (f *File) object(step string) string {
	name, number, indexed := strings.Cut(strings.TrimSuffix(step, "]"), "[")
	if !indexed {
		return name
	}
	i, err := strconv.Atoi(number)
	if err != nil {
		return step
	}
	if ids := f.ids(name); i < len(ids) && ids[i] != "" {
		return fmt.Sprintf("%s %q", name, ids[i])
	}
	return fmt.Sprintf("%s %d", name, i+1)
}

// ids returns the ids of the file's objects of a kind, in their order.
func (f *File) ids(kind string) []string {
	switch kind {
	case "institution":
		return each(f.Institutions, func(e InstitutionEntry) string { return e.ID })
	case "service":
		return each(f.Services, func(e ServiceEntry) string { return e.ID })
	case "need":
		return each(f.Needs, func(e NeedEntry) string { return e.ID })
	case "office":
		return each(f.Offices, func(e OfficeEntry) string { return e.ID })
	case "officer":
		return each(f.Officers, func(e OfficerEntry) string { return e.ID })
	case "text":
		return each(f.Texts, TextEntry.id)
	}
	return nil
}

func each[T, U any](all []T, of func(T) U) []U {
	out := make([]U, len(all))
	for i, x := range all {
		out[i] = of(x)
	}
	return out
}

// key returns the last key of a path, without an index.
func key(path string) string {
	path = path[strings.LastIndexByte(path, '.')+1:]
	name, _, _ := strings.Cut(path, "[")
	return name
}

func syntax(err error, name string) Problem {
	p := Problem{File: name, Text: strings.TrimPrefix(err.Error(), "toml: ")}
	if at := (*toml.DecodeError)(nil); errors.As(err, &at) {
		p.Line, p.Column = at.Position()
	}
	return p
}

// position is where a key or a value begins.
type position struct{ line, column int }

// positions returns where each key, table and array element of text begins, by a path such as
// office[3].opening[1].weekdays[0]. The text is known to be TOML.
func positions(text []byte) map[string]position {
	s := surveyor{text: text, found: map[string]position{}, tables: map[string]int{}}
	s.parser.Reset(text)
	for s.parser.NextExpression() {
		s.expression(s.parser.Expression())
	}
	return s.found
}

// maxPath ends paths that lead nowhere: no known key lies that deep.
const maxPath = 256

type surveyor struct {
	parser unstable.Parser
	text   []byte
	found  map[string]position
	tables map[string]int // array tables: how many there are so far
	prefix string         // path of the current table

	offset, line, start int // the last place looked up: its offset, line, and where that line begins
}

func (s *surveyor) expression(n *unstable.Node) {
	switch n.Kind {
	case unstable.Table, unstable.ArrayTable:
		s.prefix = s.header(n)
	case unstable.KeyValue:
		s.keyValue(n, s.prefix)
	}
}

// header returns the path of a table; an array table begins its next element.
func (s *surveyor) header(n *unstable.Node) string {
	path := ""
	keys := n.Key()
	for keys.Next() && len(path) < maxPath {
		key := keys.Node()
		path = join(path, string(key.Data))
		if n.Kind == unstable.ArrayTable && keys.IsLast() {
			s.mark(path, key)
			s.tables[path]++
		}
		if count := s.tables[path]; count > 0 {
			path = fmt.Sprintf("%s[%d]", path, count-1)
		}
		s.mark(path, key)
	}
	return path
}

func (s *surveyor) keyValue(n *unstable.Node, prefix string) {
	path := prefix
	keys := n.Key()
	for keys.Next() && len(path) < maxPath {
		path = join(path, string(keys.Node().Data))
		s.mark(path, keys.Node())
	}
	s.inside(n.Value(), path)
}

// inside looks into arrays and inline tables.
func (s *surveyor) inside(n *unstable.Node, path string) {
	children := n.Children()
	switch {
	case len(path) >= maxPath:
	case n.Kind == unstable.InlineTable:
		for children.Next() {
			s.keyValue(children.Node(), path)
		}
	case n.Kind == unstable.Array:
		for i := 0; children.Next(); i++ {
			element := fmt.Sprintf("%s[%d]", path, i)
			s.mark(element, children.Node())
			s.inside(children.Node(), element)
		}
	}
}

// mark notes where a path begins, the first time. Nodes without a place of their own (inline tables)
// are left out: their keys have one.
func (s *surveyor) mark(path string, n *unstable.Node) {
	if _, known := s.found[path]; known || n.Raw.Length == 0 {
		return
	}
	s.found[path] = s.at(int(n.Raw.Offset))
}

// at counts lines from the last place on, which is nearly always before.
func (s *surveyor) at(offset int) position {
	if offset < s.offset {
		s.offset, s.line, s.start = 0, 0, 0
	}
	for i := s.offset; i < offset; i++ {
		if s.text[i] == '\n' {
			s.line, s.start = s.line+1, i+1
		}
	}
	s.offset = offset
	return position{s.line + 1, offset - s.start + 1}
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// where returns the place of path, or of the nearest thing around it that has one; of a table that is
// not there, the beginning of the file.
func where(lines map[string]position, path string) position {
	for path != "" {
		if at, ok := lines[path]; ok {
			return at
		}
		path = path[:max(strings.LastIndexAny(path, ".["), 0)]
	}
	if lines == nil {
		return position{}
	}
	return position{1, 1}
}

// decoder puts a tree of TOML values into structs by their toml tags, and goes on after a fault:
// go-toml's own stops at the first.
type decoder struct {
	findings []finding
}

func (d *decoder) fault(path, format string, args ...any) {
	d.findings = append(d.findings, found(path, "form", format, args...))
}

func (d *decoder) value(to reflect.Value, from any, path string) {
	if to.Kind() == reflect.Pointer {
		to.Set(reflect.New(to.Type().Elem()))
		to = to.Elem()
	}
	if text, ok := to.Addr().Interface().(encoding.TextUnmarshaler); ok {
		d.text(text, from, path)
		return
	}
	switch to.Kind() {
	case reflect.Struct:
		d.table(to, from, path)
	case reflect.Slice:
		d.list(to, from, path)
	case reflect.Map:
		d.words(to, from, path)
	case reflect.String:
		if v, ok := from.(string); ok {
			to.SetString(strings.TrimSpace(v))
			return
		}
		d.fault(path, "%s must be a text in quotes", key(path))
	case reflect.Int:
		if v, ok := from.(int64); ok && v >= -maxNumber && v <= maxNumber {
			to.SetInt(v)
			return
		}
		d.fault(path, "%s must be a whole number", key(path))
	case reflect.Bool:
		if v, ok := from.(bool); ok {
			to.SetBool(v)
			return
		}
		d.fault(path, "%s must be true or false", key(path))
	}
}

// maxNumber bounds every number of a file, so that no sum of them overflows.
const maxNumber = 1_000_000

// text reads dates and times, which TOML also has without quotes.
func (d *decoder) text(to encoding.TextUnmarshaler, from any, path string) {
	var text string
	switch v := from.(type) {
	case string:
		text = v
	case toml.LocalDate, toml.LocalDateTime, toml.LocalTime:
		text = fmt.Sprint(v)
	default:
		d.fault(path, "%s must be a text in quotes", key(path))
		return
	}
	if err := to.UnmarshalText([]byte(text)); err != nil {
		d.fault(path, "%s: %v", key(path), err)
	}
}

func (d *decoder) list(to reflect.Value, from any, path string) {
	all, ok := from.([]any)
	if !ok {
		d.fault(path, "%s must be a list in [ ]", key(path))
		return
	}
	if len(all) == 0 {
		d.fault(path, "%s is empty: leave the key out for its default", key(path))
		return
	}
	to.Set(reflect.MakeSlice(to.Type(), len(all), len(all)))
	for i, v := range all {
		d.value(to.Index(i), v, fmt.Sprintf("%s[%d]", path, i))
	}
}

// words reads a table of texts.
func (d *decoder) words(to reflect.Value, from any, path string) {
	table, ok := from.(map[string]any)
	if !ok {
		d.fault(path, "%s must be a table such as { it = \"…\" }", key(path))
		return
	}
	to.Set(reflect.MakeMap(to.Type()))
	for language, v := range table {
		text := reflect.New(to.Type().Elem()).Elem()
		d.value(text, v, join(path, language))
		to.SetMapIndex(reflect.ValueOf(language), text)
	}
}

func (d *decoder) table(to reflect.Value, from any, path string) {
	table, ok := from.(map[string]any)
	if !ok {
		d.fault(path, "%s must be a table", key(path))
		return
	}
	fields := map[string]reflect.Value{}
	var known []string
	for i := range to.NumField() {
		if name, _, _ := strings.Cut(to.Type().Field(i).Tag.Get("toml"), ","); name != "" {
			fields[name], known = to.Field(i), append(known, name)
		}
	}
	for name, v := range table {
		field, ok := fields[name]
		if !ok {
			d.fault(join(path, name), "unknown key %q%s", name, hint(name, known))
			continue
		}
		d.value(field, v, join(path, name))
	}
}

// hint proposes the nearest of known, or says nothing when none is near.
func hint(word string, known []string) string {
	if len(word) > maxPath {
		return ""
	}
	best, least := "", 1+len(word)/3
	for _, k := range known {
		if n := distance(strings.ToLower(word), strings.ToLower(k)); n < least || n == least && best == "" {
			best, least = k, n
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", best)
}

// distance is how many bytes to insert, delete or replace to make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			above := row[j+1]
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			row[j+1] = min(change, above+1, row[j]+1)
			diagonal = above
		}
	}
	return row[len(b)]
}
