package kiosk

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"sportello/booking/fiscalcode"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/official"
	"sportello/printouts/spool"
	"sportello/static"
)

// Keys of fields that are known here by what they mean.
const (
	fieldCode         = "codice_fiscale"
	fieldSex          = "sesso"
	fieldBirth        = "data_nascita"
	fieldBirthplace   = "luogo_nascita"
	fieldProvince     = "provincia_nascita"
	fieldPlaceAndDay  = "luogo_data"
	fieldResponsible  = "responsabile"
	fieldControllers  = "titolare"
	fieldDPO          = "dpo"
	fieldRetention    = "conservazione"
	fieldPhone        = "telefono"
	fieldMail         = "email"
	formPrivacyNotice = "informativa" // which every office offers
)

// How long what is typed into a field may be, in letters: on one line, and on several.
const (
	longestLine = 300
	longestText = 1500
)

// bornOtherwise is said of a birth that is not what the codice fiscale tells.
const bornOtherwise = "no"

// filling is a form that is being filled in: where, when, and what was said. It lives as long as a
// request: what is said for a form is in the bodies of requests and, until it is printed, in its print
// job.
type filling struct {
	kind    printouts.FormKind
	office  *territory.Office
	now     time.Time // in the office's zone
	lang    string    // the citizen's
	officer string    // who fills it in, "" the citizen
	unsaid  bool      // when and where it will be signed is not known
	said    map[string]string
	scanned string // the codice fiscale that a card gave
	born    string // the birth that is meant where two fit, or bornOtherwise
}

// typist is whose word is typed.
func (f filling) typist() printouts.Origin {
	if f.officer != "" {
		return printouts.FromOperator
	}
	return printouts.FromUser
}

// code is the codice fiscale that was said, if it is one.
func (f filling) code() (fiscalcode.Code, error) { return fiscalcode.Scan(f.said[fieldCode]) }

// told is what the codice fiscale tells; nothing of citizenship, ever.
func (f filling) told() fiscalcode.Reading {
	code, err := f.code()
	if err != nil {
		return fiscalcode.Reading{}
	}
	return code.Read(timetable.DateOf(f.now))
}

// birth is the date of birth: the only one, or the one that was chosen.
func (f filling) birth(r fiscalcode.Reading) (timetable.Date, bool) {
	for _, date := range r.Births {
		if len(r.Births) == 1 || date.String() == f.born {
			return date, true
		}
	}
	return timetable.Date{}, false
}

// byCode are the values that the codice fiscale tells.
func (f filling) byCode() map[string]string {
	r := f.told()
	if r.Sex == "" || f.born == bornOtherwise {
		return nil
	}
	all := map[string]string{fieldSex: string(r.Sex), fieldBirthplace: r.Place.Name, fieldProvince: r.Place.Province}
	if date, known := f.birth(r); known {
		all[fieldBirth] = date.At(0, time.UTC).Format("02/01/2006")
	}
	return all
}

// byOffice are the values that the office knows.
func (f filling) byOffice() map[string]printouts.Value {
	all := map[string]printouts.Value{
		fieldResponsible: {Text: f.officer, Origin: printouts.FromOperator},
	}
	if !f.unsaid {
		place := ""
		if comune, known := fiscalcode.PlaceOf(f.office.Comune, timetable.DateOf(f.now)); known {
			place = comune.Name
		}
		all[fieldPlaceAndDay] = printouts.Value{Text: joined(", ", place, f.now.Format("02/01/2006")), Origin: printouts.FromSession}
	}
	for key, of := range map[string]func(i *territory.Institution) string{
		fieldControllers: func(i *territory.Institution) string { return joined(": ", i.Name, i.Contact) },
		fieldDPO:         func(i *territory.Institution) string { return dpoOf(i) },
		fieldRetention: func(i *territory.Institution) string {
			return static.Text(static.Italian, "forms.kept", "institution", i.Name, "n", i.RetentionDays)
		},
	} {
		all[key] = printouts.Value{Text: f.eachInstitution(of), Origin: printouts.FromOffice}
	}
	return all
}

func dpoOf(i *territory.Institution) string {
	if i.DPO == "" {
		return ""
	}
	return i.Name + ": " + i.DPO
}

// eachInstitution is what is to be said of the institutions of the office, a line each.
func (f filling) eachInstitution(of func(i *territory.Institution) string) string {
	var lines []string
	for _, id := range f.office.Institutions {
		if i, ok := f.office.Territory.Institution(id); ok {
			lines = append(lines, of(i))
		}
	}
	return joined("\n", lines...)
}

// values are all that is known, with where each comes from. What was typed comes first, unless it only
// repeats the rest.
func (f filling) values() map[string]printouts.Value {
	byCode, byOffice := f.byCode(), f.byOffice()
	all := make(map[string]printouts.Value)
	for _, field := range f.kind.Fields() {
		text, office := f.said[field.Key], byOffice[field.Key]
		value := printouts.Value{Text: text, Origin: f.typist()}
		switch {
		case field.Key == fieldCode:
			value = f.codeValue()
		case byCode[field.Key] != "" && (text == "" || text == byCode[field.Key]):
			value = printouts.Value{Text: byCode[field.Key], Origin: printouts.FromCode}
		case office.Text != "" && (text == "" || text == office.Text):
			value = office
		case text == "" && field.Text != "":
			value = printouts.Value{Text: field.Text, Origin: printouts.Fixed}
		}
		if value.Text != "" {
			all[field.Key] = value
		}
	}
	return all
}

// codeValue is the codice fiscale: read from a card, or typed.
func (f filling) codeValue() printouts.Value {
	value := printouts.Value{Text: f.said[fieldCode], Origin: f.typist()}
	if code, err := f.code(); err == nil {
		value.Text = string(code)
		if card, err := fiscalcode.Scan(f.scanned); err == nil && card == code {
			value.Origin = printouts.FromScan
		}
	}
	return value
}

// onPages is the form as it stands, on the pages that its institution published where there are such.
func (f filling) onPages(ctx context.Context, tx *store.Tx) (printouts.Form, error) {
	return official.On(ctx, tx, f.office.Territory.ID, f.form())
}

// form is the form as it stands, on our own pages.
func (f filling) form() printouts.Form {
	return printouts.Form{
		Kind: f.kind.ID, Values: f.values(), Institutions: f.institutions(), MadeAt: f.now, Language: f.lang, Labels: f.labels(),
	}
}

// labels are the form's in the citizen's language, none for Italian.
func (f filling) labels() map[string]string {
	if f.lang == static.Italian {
		return nil
	}
	all := make(map[string]string)
	if key := kindKey(f.kind.ID); static.Has(f.lang, key) {
		all[""] = static.Text(f.lang, key)
	}
	for _, field := range f.kind.Fields() {
		if key := labelKey(f.kind.ID, field.Key); static.Has(f.lang, key) {
			all[field.Key] = static.Text(f.lang, key)
		}
	}
	return all
}

// institutions are the names of those of the office that ask for the form, or all where none does.
func (f filling) institutions() []string {
	asks := func(id string) bool {
		return slices.ContainsFunc(f.office.Territory.Services, func(s *territory.Service) bool {
			_, here := f.office.Offers(s.ID)
			return here && s.Form == f.kind.ID && slices.Contains(s.Institutions(), id)
		})
	}
	var all, asking []string
	for _, id := range f.office.Institutions {
		if i, ok := f.office.Territory.Institution(id); ok {
			all = append(all, i.Name)
			if asks(id) {
				asking = append(asking, i.Name)
			}
		}
	}
	if len(asking) > 0 {
		return asking
	}
	return all
}

// wrong says which field cannot be printed as it was said, as the key of what is to be done about it.
func (f filling) wrong() map[string]string {
	all := make(map[string]string)
	for _, field := range f.kind.Fields() {
		text := f.said[field.Key]
		switch {
		case text == "":
		case len([]rune(text)) > mostLetters(field):
			all[field.Key] = "forms.wrong.long"
		case isPerson(field):
			if _, err := fiscalcode.Scan(text); err != nil {
				all[field.Key] = "forms.wrong.code"
			}
		}
	}
	return all
}

// isPerson reports whether a field holds a codice fiscale.
func isPerson(field printouts.FormField) bool {
	return field.Origin == printouts.FromScan
}

func mostLetters(field printouts.FormField) int {
	if severalLines(field) {
		return longestText
	}
	return longestLine
}

func severalLines(field printouts.FormField) bool {
	return field.Lines > 1 || field.Kind == printouts.ProseField
}

// typedInto reads what was typed into the fields of a form: without control characters, which are nobody's
// words, and codes in capitals.
func typedInto(kind printouts.FormKind, get func(name string) string) map[string]string {
	all := make(map[string]string)
	for _, field := range kind.Fields() {
		text := clean(get(fieldName(field.Key)), severalLines(field))
		if field.Kind == printouts.CodeField {
			text = strings.ToUpper(text)
		}
		if code, err := fiscalcode.Scan(text); isPerson(field) && err == nil {
			text = string(code)
		}
		if text != "" {
			all[field.Key] = text
		}
	}
	return all
}

// clean is text with single spaces, on one line or on as many as it has.
func clean(text string, lines bool) string {
	var all []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\r", "\n")) {
		if line = strings.Join(strings.FieldsFunc(line, func(r rune) bool { return r <= ' ' || r == 0x7f }), " "); line != "" {
			all = append(all, line)
		}
	}
	if !lines {
		return strings.Join(all, " ")
	}
	return strings.Join(all, "\n")
}

// fieldName is the name of a field on pages. That of the codice fiscale is the one that readers of cards
// fill in.
func fieldName(key string) string {
	if key == fieldCode {
		return "fiscal_code"
	}
	return "field-" + key
}

// kindKey and labelKey are the keys of a form's title and of a field's label in the message catalogue.
func kindKey(kind string) string { return "forms.kind." + kind }

func labelKey(kind, field string) string {
	if special := "forms.field." + kind + "." + field; static.Has(static.Italian, special) {
		return special
	}
	return "forms.field." + field
}

// formsOf are the forms of an office: those of its services that are chosen, in the order of the forms,
// and what everybody may read. Those that institutions published are among them.
func (s *Server) formsOf(ctx context.Context, o *territory.Office, on timetable.Date, chosen func(s *territory.Service) bool) (all []printouts.FormKind, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) (err error) {
		all, err = official.Kinds(ctx, tx, o.Territory.ID)
		return err
	})
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(kind printouts.FormKind) bool {
		return kind.ID != formPrivacyNotice && !slices.ContainsFunc(o.Territory.Services, func(s *territory.Service) bool {
			_, here := o.Offers(s.ID)
			return here && s.Form == kind.ID && s.Offered(on) && chosen(s)
		})
	}), nil
}

// formNamed is a form of an office, or the fault unknown_form.
func (s *Server) formNamed(ctx context.Context, o *territory.Office, on timetable.Date, id string, chosen func(s *territory.Service) bool) (printouts.FormKind, error) {
	all, err := s.formsOf(ctx, o, on, chosen)
	if err != nil {
		return printouts.FormKind{}, err
	}
	at := slices.IndexFunc(all, func(kind printouts.FormKind) bool { return kind.ID == id })
	if at < 0 {
		return printouts.FormKind{}, errNoForm
	}
	return all[at], nil
}

var errNoForm = fault.New(fault.Missing, "unknown_form")

// formOfService is the form of a service of an office, and false where there is none.
func (s *Server) formOfService(ctx context.Context, o *territory.Office, id string) (printouts.FormKind, bool, error) {
	service, ok := o.Territory.Service(id)
	if !ok || service.Form == "" {
		return printouts.FormKind{}, false, nil
	}
	kind, err := s.formNamed(ctx, o, o.Today(s.db.Now()), service.Form, func(other *territory.Service) bool { return other == service })
	if errors.Is(err, errNoForm) {
		return printouts.FormKind{}, false, nil
	}
	return kind, err == nil, err
}

// formTitle is the name of a form in a language.
func formTitle(lang string, kind printouts.FormKind) string {
	if key := kindKey(kind.ID); static.Has(lang, key) {
		return static.Text(lang, key)
	}
	return kind.Title
}

// sheetPrinter is where forms of an office come out: one that is not known to be out of order, and the
// printer own before others. It returns false when the office has none for paper of A4.
func sheetPrinter(ctx context.Context, tx *store.Tx, office, own string) (spool.Printer, bool, error) {
	all, err := sheetPrinters(ctx, tx, office)
	if err != nil || len(all) == 0 {
		return spool.Printer{}, false, err
	}
	return slices.MinFunc(all, func(a, b spool.Printer) int {
		if outA, outB := outOfOrder(a), outOfOrder(b); outA != outB {
			return order(outA, outB)
		}
		return order(a.ID != own, b.ID != own)
	}), true, nil
}

func outOfOrder(p spool.Printer) bool { return p.Condition != spool.Unknown && !p.Condition.Prints() }

// sheetPrinters are the printers of an office for paper of A4.
func sheetPrinters(ctx context.Context, tx *store.Tx, office string) ([]spool.Printer, error) {
	all, err := spool.Printers(ctx, tx, office)
	return slices.DeleteFunc(all, func(p spool.Printer) bool { return !p.Sheets() }), err
}

// longestKey is how many letters the key of a form has that is sent to be printed.
const longestKey = 64

// enqueueForm orders a form from a printer. The same key is the same paper, however often it is sent.
func enqueueForm(ctx context.Context, tx *store.Tx, p spool.Printer, key string, form printouts.Form, life time.Duration) error {
	if key == "" || len(key) > longestKey {
		return errMalformed
	}
	// The office's row keeps the same key from being ordered twice at the same moment.
	if _, err := territory.Lock(ctx, tx, p.Office); err != nil {
		return err
	}
	if _, known, err := spool.Latest(ctx, tx, formSubject(key)); err != nil || known {
		return err
	}
	_, err := spool.Enqueue(ctx, tx, spool.Job{
		Printer: p.ID, Office: p.Office, Subject: formSubject(key), Kind: spool.KindForm, Values: form, ExpiresAfter: life,
	})
	return err
}

// formSubject names a form's paper among the print jobs, by a key that tells nothing.
func formSubject(key string) string { return "form:" + key }
