package printouts

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// An Origin is where what stands in a field comes from.
type Origin string

// The origins.
const (
	FromScan     Origin = "scan"     // read from the health card
	FromCode     Origin = "cf"       // told by the codice fiscale, and to be confirmed
	FromUser     Origin = "user"     // typed by the citizen
	FromSession  Origin = "session"  // what is being done: day, appointment
	FromOffice   Origin = "office"   // of the office
	FromOperator Origin = "operator" // of the officer
	FromCatalog  Origin = "catalog"  // of the catalogue of services
	ByHand       Origin = "print"    // written on the paper
	Fixed        Origin = "fixed"    // the same for all
)

// A FormKind is a form as it is filled in by anybody. The eighth of the office's forms, the receipt of
// an appointment, is a Receipt.
type FormKind struct {
	ID       string        `json:"id"`
	Version  string        `json:"version"` // of its texts and fields: year and count
	Title    string        `json:"title"`
	Note     string        `json:"note"`  // what it is good for, and what not
	Legal    string        `json:"legal"` // the law it rests on
	Sections []FormSection `json:"sections"`
}

// A FormSection is fields under a heading.
type FormSection struct {
	Title  string      `json:"title"`
	Fields []FormField `json:"fields"`
}

// A FormField is something to fill in.
type FormField struct {
	Key       string    `json:"key"`
	Label     string    `json:"label"`
	Origin    Origin    `json:"origin"`    // as a rule; a Value says its own
	Required  bool      `json:"required"`  // the form is of no use without it
	Sensitive bool      `json:"sensitive"` // of a special category (GDPR art. 9): only if the person wants
	Kind      FieldKind `json:"kind"`
	Lines     int       `json:"lines"` // to write on when it is blank; 0 is 1
	Cells     int       `json:"cells"` // of a code
	Text      string    `json:"text"`  // what stands in it where nothing else is known
}

// A FieldKind is how a field looks.
type FieldKind string

// The kinds of fields.
const (
	LineField      FieldKind = ""          // text on lines
	CodeField      FieldKind = "code"      // a box for each letter
	TickField      FieldKind = "tick"      // a statement to tick, which any value does
	ProseField     FieldKind = "prose"     // text to read, in full measure
	SignatureField FieldKind = "signature" // room to sign
)

//go:embed forms.json
var formsFile []byte

// formsRead are the forms and the few words on every one. They are legal texts in Italian, each with
// its version, and no part of the message catalogue.
type formsRead struct {
	Words formWords  `json:"words"`
	Forms []FormKind `json:"forms"`
}

// formWords are the words that are the same on every form: of forms on an institution's own pages, what
// the extra sheet is, and which page a part of it goes on from.
type formWords struct{ Continued, Made, Version, Extra, From string }

var readForms = sync.OnceValues(func() (f formsRead, err error) {
	if err := json.Unmarshal(formsFile, &f); err != nil {
		return formsRead{}, fmt.Errorf("read forms: %w", err)
	}
	return f, nil
})

// Forms returns all kinds of forms, which are not to be changed.
func Forms() ([]FormKind, error) {
	read, err := readForms()
	return read.Forms, err
}

// FormOf returns a kind of form, or ErrNoForm.
func FormOf(id string) (FormKind, error) {
	all, err := Forms()
	if err != nil {
		return FormKind{}, err
	}
	at := slices.IndexFunc(all, func(f FormKind) bool { return f.ID == id })
	if at < 0 {
		return FormKind{}, fmt.Errorf("%w: %s", ErrNoForm, id)
	}
	return all[at], nil
}

// Fields are all fields of a form, in their order.
func (f FormKind) Fields() (all []FormField) {
	for _, s := range f.Sections {
		all = append(all, s.Fields...)
	}
	return all
}

var (
	// ErrNoForm means that there is no form of this id.
	ErrNoForm = errors.New("no such form")
	// ErrNoField means that a form has no field for a value.
	ErrNoField = errors.New("the form has no such field")
	// ErrOnlyA4 means that something is too large for the paper of a thermal printer.
	ErrOnlyA4 = errors.New("a form is printed on A4 only")
)

// A Value is what stands in a field, and where it comes from.
type Value struct {
	Text   string // lines are kept
	Origin Origin
}

// A Form is a form that is filled in as far as the office may know. What is unknown is blank, with room
// to write. It is personal: whoever makes one forgets it when it is printed.
type Form struct {
	Kind         string           // id of a FormKind
	Values       map[string]Value // by key
	Institutions []string         // at the head, side by side and equal in rank
	// Language is the citizen's, a BCP 47 tag, and Labels are in it: that of the title under "", those of
	// fields under their keys. They stand below the Italian ones, which alone count. Where the fonts
	// cannot draw all of them, none is set.
	Language string
	Labels   map[string]string
	MadeAt   time.Time // printed at the foot, in its own location
	Official *Official `json:",omitempty"` // the institution's own pages, of the same Kind; nil: ours
}

// Blank returns the keys of the fields whose values the fonts cannot draw in full: they are left blank to
// be written by hand, because a name with letters missing is another name.
func (f Form) Blank() ([]string, error) {
	faces, err := faces()
	if err != nil {
		return nil, err
	}
	var blank []string
	for _, key := range slices.Sorted(maps.Keys(f.Values)) {
		if _, whole := faces.legibleText(f.Values[key].Text); !whole {
			blank = append(blank, key)
		}
	}
	return blank, nil
}

// labels are the second labels as they are set: all or none.
func (f Form) labels(t typefaces) map[string]string {
	all := make(map[string]string, len(f.Labels))
	for key, label := range f.Labels {
		text, whole := t.legible(label)
		if !whole {
			return nil
		}
		all[key] = text
	}
	return all
}

// legibleText is legible for text of several lines.
func (t typefaces) legibleText(text string) (lines []string, whole bool) {
	for line := range strings.Lines(strings.ReplaceAll(text, "\r\n", "\n")) {
		line, all := t.legible(line)
		if !all {
			return nil, false
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	return lines, true
}

// ESCPOS refuses with ErrOnlyA4.
func (f Form) ESCPOS(Profile) ([]byte, error) { return nil, ErrOnlyA4 }
