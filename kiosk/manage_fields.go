package kiosk

import (
	"cmp"
	"encoding"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/static"
)

// The forms of the console for what a territory is made of are lists of fields over the file form of an
// object. Each field knows how it is shown, read and written, so that one page shows every form, tells
// what somebody else saved meanwhile, and what was changed when.

// field is one field of a form over an E. Its name is that of the territory file, behind the names of
// the rows that it is in: presence.0.office.
type field[E any] interface {
	// show returns the field as e has it, or as it was typed.
	show(x *editing, prefix string, e *E) fieldView
	// take writes into e what was typed, and notes what cannot be understood.
	take(x *editing, prefix string, e *E)
}

// shape is how a field is shown.
type shape string

// The shapes.
const (
	asText    shape = "text"
	asNumber  shape = "number"
	asDate    shape = "date"
	asCheck   shape = "check"
	asChoice  shape = "choice"
	asChoices shape = "choices"
	asLines   shape = "lines"   // a text, a line each
	asWords   shape = "words"   // a text in each language
	asOrdered shape = "ordered" // choices of which the order counts
	asRows    shape = "rows"
	asMoment  shape = "moment" // a day and, if one wants, a time of it
)

// fieldView is a field on the page.
type fieldView struct {
	Name, Label, Help string
	Shape             shape
	Value, Clock      string // as it is typed; of a check "on", of a moment its day and time
	Choices           []deskChoice
	Words             []wordView
	Rows              []rowView
	Add               string // label of the button that adds a row
	Wide              bool
	Wrong             string // what is wrong with it
	Stored            string // what somebody else has stored in it
	Unsaid            string // what holds when nothing is said
}

// Chosen are the choices that were made.
func (v fieldView) Chosen() []deskChoice {
	return slices.DeleteFunc(slices.Clone(v.Choices), func(c deskChoice) bool { return !c.Chosen })
}

// wordView is the text of a field in one language.
type wordView struct {
	Name, Lang, Own, Value string
	RTL                    bool
}

// rowView is one of the rows of a field.
type rowView struct {
	Legend string
	Fields []fieldView
	Remove string // value of the button that removes it
}

// editing is an object that is being edited: with what there is in its territory, what was typed and what
// is wrong with it, by the names of fields.
type editing struct {
	*console
	kind  territory.Kind
	in    *territory.Territory
	fresh bool       // it is not there yet
	typed url.Values // nil: nothing was typed
	wrong map[string]string
}

// words is a message of the kind that is edited; of a row's field, without its number.
func (x *editing) words(name string) string {
	return "manage." + string(x.kind) + "." + numbers.ReplaceAllString(name, "")
}

// numbers are those of rows in the names of fields.
var numbers = regexp.MustCompile(`\.[0-9]+`)

// begin starts the view of a field.
func (x *editing) begin(name string, as shape) fieldView {
	key := x.words(name)
	v := fieldView{Name: name, Label: x.text(key), Shape: as, Wrong: x.wrong[name]}
	if static.Has(static.Italian, key+".help") {
		v.Help = x.text(key + ".help")
	}
	return v
}

// refuse notes what is wrong with a field, by the code of the message.
func (x *editing) refuse(name, code string) { x.wrong[name] = x.text("territory.fault." + code) }

// value is a field with one value or several, all of which are written as text.
type value[E any] struct {
	name    string
	as      shape
	wide    bool
	newOnly bool // asked of what is not there yet
	options func(x *editing, e *E) []deskChoice
	unsaid  func(x *editing, e *E) string
	read    func(e *E) []string
	write   func(e *E, typed []string) bool // false: it cannot be understood
}

// across has the field take the whole width of the form.
func (f value[E]) across() value[E] {
	f.wide = true
	return f
}

func (f value[E]) show(x *editing, prefix string, e *E) fieldView {
	if f.newOnly && !x.fresh {
		return fieldView{}
	}
	name := prefix + f.name
	v := x.begin(name, f.as)
	v.Wide = f.wide
	said := f.read(e)
	if x.typed != nil {
		said = x.typed[name]
	}
	if f.unsaid != nil {
		v.Unsaid = f.unsaid(x, e)
	}
	switch f.as {
	case asChoice, asChoices, asOrdered:
		v.Choices = f.options(x, e)
		for i := range v.Choices {
			v.Choices[i].Chosen = slices.Contains(said, v.Choices[i].Value) || len(said) == 0 && v.Choices[i].Value == ""
		}
		if f.as == asOrdered {
			slices.SortStableFunc(v.Choices, func(a, b deskChoice) int { return cmp.Compare(placeIn(said, a.Value), placeIn(said, b.Value)) })
		}
	case asMoment:
		if len(said) == 2 {
			v.Value, v.Clock = said[0], said[1]
		}
	default:
		v.Value = strings.Join(said, "\n")
	}
	return v
}

func (f value[E]) take(x *editing, prefix string, e *E) {
	name := prefix + f.name
	if f.newOnly && !x.fresh {
		return
	}
	if !f.write(e, x.typed[name]) {
		x.refuse(name, "form")
	}
}

// once returns the text of a field with one value.
func once(typed []string) string {
	if len(typed) == 0 {
		return ""
	}
	return strings.TrimSpace(typed[0])
}

// said returns a text as the values of a field: none for "".
func said(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// textField is a line of text.
func textField[E any](name string, of func(*E) *string) value[E] {
	return value[E]{
		name: name, as: asText,
		read:  func(e *E) []string { return said(*of(e)) },
		write: func(e *E, typed []string) bool { *of(e) = once(typed); return true },
	}
}

// numberField is a whole number, nought for nothing.
func numberField[E any](name string, of func(*E) *int) value[E] {
	return value[E]{
		name: name, as: asNumber,
		read: func(e *E) []string {
			if *of(e) == 0 {
				return nil
			}
			return []string{strconv.Itoa(*of(e))}
		},
		write: func(e *E, typed []string) (ok bool) {
			n, err := strconv.Atoi(once(typed))
			*of(e) = n
			return err == nil || once(typed) == ""
		},
	}
}

// optionalField is a whole number, or nothing for what holds by itself.
func optionalField[E any](name string, of func(*E) **int) value[E] {
	return value[E]{
		name: name, as: asNumber,
		read: func(e *E) []string {
			if *of(e) == nil {
				return nil
			}
			return []string{strconv.Itoa(**of(e))}
		},
		write: func(e *E, typed []string) bool {
			*of(e) = nil
			if once(typed) == "" {
				return true
			}
			n, err := strconv.Atoi(once(typed))
			*of(e) = &n
			return err == nil
		},
	}
}

// textual is a value with a text form: a date, a moment, a day of the year.
type textual[T any] interface {
	*T
	encoding.TextUnmarshaler
	encoding.TextMarshaler
}

// formField is a value with a text form; its zero value is nothing.
func formField[E any, T comparable, P textual[T]](name string, as shape, of func(*E) *T) value[E] {
	return value[E]{
		name: name, as: as,
		read: func(e *E) []string {
			var nothing T
			if *of(e) == nothing {
				return nil
			}
			text, err := P(of(e)).MarshalText()
			if err != nil {
				return nil
			}
			return []string{string(text)}
		},
		write: func(e *E, typed []string) bool {
			var nothing T
			*of(e) = nothing
			return once(typed) == "" || P(of(e)).UnmarshalText([]byte(once(typed))) == nil
		},
	}
}

// momentField is a day, and a time of it where one is typed.
func momentField[E any](name string, of func(*E) *territory.Moment) value[E] {
	return value[E]{
		name: name, as: asMoment,
		read: func(e *E) []string {
			m := of(e)
			switch {
			case m.Date.IsZero():
				return nil
			case !m.Timed:
				return []string{m.Date.String(), ""}
			}
			return []string{m.Date.String(), m.Clock.String()}
		},
		write: func(e *E, typed []string) bool {
			*of(e) = territory.Moment{}
			text := strings.Trim(strings.Join(typed, "T"), "T ")
			return text == "" || of(e).UnmarshalText([]byte(text)) == nil
		},
	}
}

func dateField[E any](name string, of func(*E) *timetable.Date) value[E] {
	return formField(name, asDate, of)
}

// listField chooses several of what there is.
func listField[E any](name string, of func(*E) *[]string, options func(x *editing, e *E) []deskChoice) value[E] {
	return value[E]{
		name: name, as: asChoices, wide: true, options: options,
		read:  func(e *E) []string { return *of(e) },
		write: func(e *E, typed []string) bool { *of(e) = typed; return true },
	}
}

// orderedField chooses several of what there is, one after the other.
func orderedField[E any](name string, of func(*E) *[]string, options func(x *editing, e *E) []deskChoice) value[E] {
	f := listField(name, of, options)
	f.as = asOrdered
	return f
}

// placeIn is where a value stands among those that are said, or behind all.
func placeIn(said []string, value string) int {
	if at := slices.Index(said, value); at >= 0 {
		return at
	}
	return len(said)
}

// choiceField chooses one of what there is.
func choiceField[E any](name string, of func(*E) *string, options func(x *editing, e *E) []deskChoice) value[E] {
	f := textField(name, of)
	f.as, f.options = asChoice, options
	return f
}

// typedList is a choice of several whose values are no plain texts.
func typedList[E any, T ~string](name string, of func(*E) *[]T, options func(x *editing, e *E) []deskChoice) value[E] {
	return value[E]{
		name: name, as: asChoices, wide: true, options: options,
		read: func(e *E) (texts []string) {
			for _, one := range *of(e) {
				texts = append(texts, string(one))
			}
			return texts
		},
		write: func(e *E, typed []string) bool {
			*of(e) = nil
			for _, text := range typed {
				*of(e) = append(*of(e), T(text))
			}
			return true
		},
	}
}

// linesField are texts, a line each.
func linesField[E any](name string, of func(*E) *[]string) value[E] {
	return value[E]{
		name: name, as: asLines, wide: true,
		read: func(e *E) []string { return *of(e) },
		write: func(e *E, typed []string) bool {
			*of(e) = nil
			for line := range strings.Lines(strings.Join(typed, "\n")) {
				if line = strings.TrimSpace(line); line != "" {
					*of(e) = append(*of(e), line)
				}
			}
			return true
		},
	}
}

// intervalsField are stretches of a day, as "09:00-12:30 15:00-17:00".
func intervalsField[E any](name string, of func(*E) *[]timetable.Interval) value[E] {
	return value[E]{
		name: name, as: asText,
		read: func(e *E) []string {
			var texts []string
			for _, i := range *of(e) {
				texts = append(texts, i.String())
			}
			return said(strings.Join(texts, " "))
		},
		write: func(e *E, typed []string) bool {
			all, ok := intervals(once(typed))
			*of(e) = all
			return ok
		},
	}
}

// intervals reads stretches of a day however people write them: 9-12.30, 09:00–12:30, commas between.
func intervals(text string) (all []timetable.Interval, ok bool) {
	for _, part := range strings.FieldsFunc(dashes.ReplaceAllString(text, "-"), func(r rune) bool { return strings.ContainsRune(" ,;\n\t", r) }) {
		from, until, _ := strings.Cut(part, "-")
		i, err := timetable.ParseInterval(clock(from) + "-" + clock(until))
		if err != nil {
			return nil, false
		}
		all = append(all, i)
	}
	return all, true
}

// dashes are what people write between two times.
var dashes = regexp.MustCompile(`\s*[-–—]\s*`)

// clock completes a time such as 9, 9.30 or 9:30.
func clock(text string) string {
	hours, minutes, _ := strings.Cut(strings.ReplaceAll(text, ".", ":"), ":")
	if minutes == "" {
		minutes = "00"
	}
	if len(hours) == 1 {
		hours = "0" + hours
	}
	return hours + ":" + minutes
}

// numbersField are whole numbers, with blanks between.
func numbersField[E any](name string, of func(*E) *[]int) value[E] {
	return value[E]{
		name: name, as: asText,
		read: func(e *E) []string {
			var texts []string
			for _, n := range *of(e) {
				texts = append(texts, strconv.Itoa(n))
			}
			return said(strings.Join(texts, " "))
		},
		write: func(e *E, typed []string) bool {
			*of(e) = nil
			for _, text := range strings.FieldsFunc(once(typed), func(r rune) bool { return r == ' ' || r == ',' }) {
				n, err := strconv.Atoi(text)
				if err != nil {
					return false
				}
				*of(e) = append(*of(e), n)
			}
			return true
		},
	}
}

// checkField is said or not.
func checkField[E any](name string, of func(*E) *bool) value[E] {
	return value[E]{
		name: name, as: asCheck,
		read: func(e *E) []string {
			if *of(e) {
				return []string{"on"}
			}
			return nil
		},
		write: func(e *E, typed []string) bool { *of(e) = once(typed) != ""; return true },
	}
}

// defaultCheck is said or not; what holds by itself is not written down.
func defaultCheck[E any](name string, otherwise bool, of func(*E) **bool) value[E] {
	return value[E]{
		name: name, as: asCheck,
		read: func(e *E) []string {
			if on := *of(e); on != nil && *on || on == nil && otherwise {
				return []string{"on"}
			}
			return nil
		},
		write: func(e *E, typed []string) bool {
			on := once(typed) != ""
			*of(e) = &on
			if on == otherwise {
				*of(e) = nil
			}
			return true
		},
	}
}

// weekdaysField are days of the week.
func weekdaysField[E any](name string, of func(*E) *[]territory.Weekday) value[E] {
	return value[E]{
		name: name, as: asChoices,
		options: func(x *editing, _ *E) []deskChoice { return weekdayChoices(x) },
		read: func(e *E) (texts []string) {
			for _, d := range *of(e) {
				text, _ := d.MarshalText() // a weekday always has a name
				texts = append(texts, string(text))
			}
			return texts
		},
		write: func(e *E, typed []string) bool {
			*of(e) = nil
			for _, text := range typed {
				var d territory.Weekday
				if d.UnmarshalText([]byte(text)) != nil {
					return false
				}
				*of(e) = append(*of(e), d)
			}
			return true
		},
	}
}

// wordsField is a text in each of the territory's languages.
type wordsField[E any] struct {
	name string
	of   func(*E) *map[string]string
	but  string // a language that is asked for elsewhere
}

func (f wordsField[E]) show(x *editing, prefix string, e *E) fieldView {
	v := x.begin(prefix+f.name, asWords)
	v.Wide = true
	for _, l := range static.Languages() {
		if l.Code == f.but {
			continue
		}
		w := wordView{Name: prefix + f.name + "." + l.Code, Lang: l.Code, Own: static.Text(l.Code, "language.own"), Value: (*f.of(e))[l.Code], RTL: l.RTL}
		if x.typed != nil {
			w.Value = x.typed.Get(w.Name)
		}
		v.Words = append(v.Words, w)
		if wrong := x.wrong[w.Name]; v.Wrong == "" {
			v.Wrong = wrong
		}
	}
	return v
}

func (f wordsField[E]) take(x *editing, prefix string, e *E) {
	*f.of(e) = nil
	for _, l := range static.Languages() {
		text := strings.TrimSpace(x.typed.Get(prefix + f.name + "." + l.Code))
		if text == "" {
			continue
		}
		if *f.of(e) == nil {
			*f.of(e) = map[string]string{}
		}
		(*f.of(e))[l.Code] = text
	}
}

// rowsField is a list of objects of their own, a row each.
type rowsField[E, R any] struct {
	name   string
	of     func(*E) *[]R
	fields []field[R]
}

// counted is the name of the field that says how many rows a form has.
func counted(name string) string { return name + ".n" }

// mostRows is how many rows a form can have.
const mostRows = 200

func (f rowsField[E, R]) show(x *editing, prefix string, e *E) fieldView {
	name := prefix + f.name
	v := x.begin(name, asRows)
	v.Wide, v.Add = true, x.text(x.words(name)+".add")
	rows := *f.of(e)
	n := len(rows)
	if x.typed != nil {
		n = rowsTyped(x.typed, name)
	}
	for i := range n {
		var row R
		if i < len(rows) {
			row = rows[i]
		}
		at := name + "." + strconv.Itoa(i)
		shown := rowView{Legend: x.text(x.words(name)+".row", "n", i+1), Remove: at}
		for _, inner := range f.fields {
			shown.Fields = append(shown.Fields, inner.show(x, at+".", &row))
		}
		v.Rows = append(v.Rows, shown)
	}
	return v
}

func (f rowsField[E, R]) take(x *editing, prefix string, e *E) {
	name := prefix + f.name
	var rows []R
	for i := range rowsTyped(x.typed, name) {
		var row R
		for _, inner := range f.fields {
			inner.take(x, name+"."+strconv.Itoa(i)+".", &row)
		}
		rows = append(rows, row)
	}
	*f.of(e) = rows
}

func rowsTyped(typed url.Values, name string) int {
	n, _ := strconv.Atoi(typed.Get(counted(name)))
	return min(max(n, 0), mostRows)
}

// rearrange does what a button of a form says, add:NAME, remove:NAME.NUMBER or up:NAME:VALUE, to what was
// typed, and reports whether there was such a button.
func rearrange(typed url.Values) bool {
	what, name, _ := strings.Cut(typed.Get("do"), ":")
	switch what {
	case "add":
		typed.Set(counted(name), strconv.Itoa(rowsTyped(typed, name)+1))
	case "remove":
		dot := strings.LastIndexByte(name, '.')
		if dot < 0 {
			return false
		}
		at, err := strconv.Atoi(name[dot+1:])
		if err != nil {
			return false
		}
		dropRow(typed, name[:dot], at)
	case "up":
		name, value, _ := strings.Cut(name, ":")
		if at := slices.Index(typed[name], value); at > 0 {
			typed[name][at-1], typed[name][at] = value, typed[name][at-1]
		}
	case "again": // what a browser kept over a sign-out
	default:
		return false
	}
	return true
}

// dropRow takes a row away and moves up those behind it.
func dropRow(typed url.Values, name string, at int) {
	n := rowsTyped(typed, name)
	if at < 0 || at >= n {
		return
	}
	moved := url.Values{}
	for key, values := range typed {
		rest, ours := strings.CutPrefix(key, name+".")
		number, inner, nested := strings.Cut(rest, ".")
		i, err := strconv.Atoi(number)
		if !ours || !nested || err != nil || i < at {
			continue
		}
		delete(typed, key)
		if i > at {
			moved[name+"."+strconv.Itoa(i-1)+"."+inner] = values
		}
	}
	for key, values := range moved {
		typed[key] = values
	}
	typed.Set(counted(name), strconv.Itoa(n-1))
}

// fieldAt is the name of the field that a problem of a file is about, whose path begins with the object:
// office[0].desk[1].id becomes desk.1.id.
func fieldAt(path string) string {
	_, inner, _ := strings.Cut(path, ".")
	return strings.NewReplacer("[", ".", "]", "").Replace(inner)
}

// place notes what is wrong with an object at its fields, and returns what is about none of them.
func (x *editing) place(problems territory.Problems, fields []fieldView) (rest []string) {
	known := map[string]bool{}
	var collect func([]fieldView)
	collect = func(fields []fieldView) {
		for _, f := range fields {
			known[f.Name] = true
			for _, w := range f.Words {
				known[w.Name] = true
			}
			for _, r := range f.Rows {
				collect(r.Fields)
			}
		}
	}
	collect(fields)
	for _, p := range problems {
		text := x.problem(p)
		name := fieldAt(p.Path)
		for name != "" && !known[name] {
			name = name[:max(0, strings.LastIndexByte(name, '.'))]
		}
		if name == "" || !strings.HasPrefix(p.Path, string(x.kind)+"[0].") && x.kind != territory.KindTerritory {
			rest = append(rest, text)
			continue
		}
		if x.wrong[name] == "" {
			x.wrong[name] = text
		}
	}
	return rest
}

// problem is what is wrong with a file, in the reader's language.
func (m *console) problem(p territory.Problem) string {
	key := "territory.fault." + p.Code
	if !static.Has(static.Italian, key) {
		return p.Text
	}
	a := p.Args
	return m.text(key, "a", a[0], "b", a[1], "c", a[2], "d", a[3], "e", a[4])
}

// spoken is a field as one reads it: what is stored, or what it was.
func (v fieldView) spoken() string {
	switch v.Shape {
	case asCheck:
		if v.Value != "" {
			return "✓"
		}
		return "–"
	case asChoice, asChoices, asOrdered:
		var chosen []string
		for _, c := range v.Chosen() {
			chosen = append(chosen, c.Text)
		}
		return strings.Join(chosen, ", ")
	case asWords:
		var words []string
		for _, w := range v.Words {
			if w.Value != "" {
				words = append(words, w.Lang+": "+w.Value)
			}
		}
		return strings.Join(words, " · ")
	case asRows:
		var rows []string
		for _, r := range v.Rows {
			rows = append(rows, r.spoken())
		}
		return strings.Join(rows, "\n")
	}
	return strings.TrimSpace(v.Value + " " + v.Clock)
}

func (r rowView) spoken() string {
	var parts []string
	for _, f := range r.Fields {
		if text := f.spoken(); text != "" && text != "–" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, " · ")
}
