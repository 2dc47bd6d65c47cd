package booking

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sportello/booking/fiscalcode"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// Contact is how the citizen is called and reached. Only the name is required.
type Contact struct {
	Name       string
	Email      string
	Phone      string // +39… where it is Italian and written without a prefix
	FiscalCode string // is not kept: only its digest is, which tells persons apart
}

// How long what a citizen types may be, in characters.
const (
	maxName = 120
	maxNote = 500
)

// Checked returns c in the form in which it is kept, or the fault invalid with the fields. A fiscal code
// may be typed, or be all that a reader gave of a card.
func (c Contact) Checked() (Contact, error) {
	c = Contact{strings.Join(strings.Fields(c.Name), " "), strings.TrimSpace(c.Email), phone(c.Phone), strings.TrimSpace(c.FiscalCode)}
	var wrong wrongs
	switch {
	case c.Name == "":
		wrong.add("name", "missing")
	case !printable(c.Name, maxName):
		wrong.add("name", "bad_text")
	}
	if c.Email != "" && !isEmail(c.Email) {
		wrong.add("email", "bad_email")
	}
	if c.Phone != "" && !isPhone(c.Phone) {
		wrong.add("phone", "bad_phone")
	}
	if c.FiscalCode != "" {
		code, err := fiscalcode.Scan(c.FiscalCode)
		if err != nil {
			wrong.add("fiscal_code", becauseOf(err))
		}
		c.FiscalCode = string(code)
	}
	return c, wrong.fault()
}

// becauseOf is the code of a field that fiscalcode refused.
func becauseOf(err error) string {
	switch {
	case errors.Is(err, fiscalcode.ErrCheck):
		return "bad_fiscal_code_check"
	case errors.Is(err, fiscalcode.ErrDate):
		return "bad_fiscal_code_date"
	case errors.Is(err, fiscalcode.ErrFormat):
		return "bad_fiscal_code_form"
	}
	return "bad_fiscal_code"
}

func printable(text string, longest int) bool {
	control := func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t' }
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= longest && strings.IndexFunc(text, control) < 0
}

// isEmail reports whether text is a bare address of at most 254 octets (RFC 5321 section 4.5.3.1.3)
// with a domain that has a dot.
func isEmail(text string) bool {
	a, err := mail.ParseAddress(text)
	if err != nil || a.Address != text || len(text) > 254 {
		return false
	}
	_, domain, _ := strings.Cut(text[strings.LastIndexByte(text, '@'):], "@")
	return strings.Contains(strings.Trim(domain, "."), ".") && printable(text, len(text))
}

// italy is the prefix of numbers written without one.
const italy = "+39"

// phone returns a number without what people put between its digits, with its international prefix.
func phone(typed string) string {
	number := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("-./()", r) {
			return -1
		}
		return r
	}, typed)
	switch {
	case number == "" || number[0] == '+':
		return number
	case strings.HasPrefix(number, "00"):
		return "+" + number[2:]
	}
	return italy + number
}

// isPhone reports whether text is an international number: 6 to 15 digits (ITU-T E.164).
var isPhone = regexp.MustCompile(`^\+[1-9][0-9]{5,14}$`).MatchString

// Key is the installation's secret, from which what tells persons apart is made.
type Key []byte

// Person is what tells a person apart without telling who it is. Appointments with the same one are the
// same person's, unless their fiscal codes differ.
type Person struct{ Kind, Digest string }

const kindFiscalCode = "fiscal_code"

// Persons returns what tells apart the person of a contact that was Checked, ordered by digest.
func (k Key) Persons(c Contact) []Person {
	var all []Person
	for _, p := range []Person{{"email", strings.ToLower(c.Email)}, {"phone", c.Phone}, {kindFiscalCode, c.FiscalCode}} {
		if p.Digest == "" {
			continue
		}
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(p.Kind + "\x00" + p.Digest))
		all = append(all, Person{p.Kind, hex.EncodeToString(mac.Sum(nil))})
	}
	slices.SortFunc(all, func(a, b Person) int { return cmp.Compare(a.Digest, b.Digest) })
	return all
}

// MaxOpen is how many appointments a person may have ahead.
const MaxOpen = 3

const lockPerson = `
INSERT INTO persons (person, seen_at) VALUES ($1, $2) ON CONFLICT (person) DO UPDATE SET seen_at = excluded.seen_at`

// lockPersons has others who book for the same person wait. It comes before offices are locked.
func lockPersons(ctx context.Context, tx *store.Tx, persons []Person) error {
	for _, p := range persons {
		if _, err := tx.Exec(ctx, lockPerson, p.Digest, store.Millis(tx.Now)); err != nil {
			return fmt.Errorf("lock person: %w", err)
		}
	}
	return nil
}

// belongings is a table that says whose something is, and its column with the id of that.
type belongings struct{ table, owner string }

var (
	appointmentPersons = belongings{"appointment_persons", "appointment_id"}
	waitingPersons     = belongings{"waiting_persons", "waiting_id"}
	seatPersons        = belongings{"seat_persons", "seat_id"}
)

// theirs is true of what belongs to persons. With a fiscal code, what has another one is somebody
// else's.
const theirs = `
EXISTS (SELECT 1 FROM {table} p WHERE p.{owner} = {id} AND p.person IN ({persons}))
  AND ({code} = '' OR NOT EXISTS (
    SELECT 1 FROM {table} p WHERE p.{owner} = {id} AND p.kind = 'fiscal_code' AND p.person <> {code}))`

// ofPersons returns the condition that what has the id, a column, belongs to persons, and args with what
// it needs after them.
func ofPersons(b belongings, id string, persons []Person, args ...any) (string, []any) {
	if len(persons) == 0 {
		return `1 = 0`, args
	}
	first, fiscal := len(args)+1, ""
	for _, p := range persons {
		if p.Kind == kindFiscalCode {
			fiscal = p.Digest
		}
		args = append(args, p.Digest)
	}
	args = append(args, fiscal)
	return strings.NewReplacer("{table}", b.table, "{owner}", b.owner, "{id}", id,
		"{persons}", placeholders(first, len(persons)), "{code}", placeholders(len(args), 1)).Replace(theirs), args
}

// appointmentsOf reads the appointments of persons, but for one, that end after an instant.
func appointmentsOf(ctx context.Context, tx *store.Tx, persons []Person, but string, after int64, more string) ([]Appointment, error) {
	condition, args := ofPersons(appointmentPersons, "a.id", persons, but, after)
	return list(ctx, tx, `WHERE a.id <> $1 AND a.end_at > $2 AND `+condition+more+` ORDER BY a.start_at, a.id`, args...)
}

// checkLimits refuses what would be too much for one person: a second appointment for the same service,
// with duplicate_need, and, but for staff, more than MaxOpen, with too_many_appointments.
func checkLimits(ctx context.Context, tx *store.Tx, a Appointment, persons []Person, again bool) error {
	ahead, err := aheadOf(ctx, tx, persons, a.ID)
	if err != nil {
		return err
	}
	if other, found := same(ahead, a.Territory, a.Service); found && !again {
		return duplicate(ctx, tx, a, other)
	}
	if len(ahead) >= MaxOpen && a.Channel != territory.Staff {
		return fault.New(fault.Conflict, "too_many_appointments", "most", MaxOpen)
	}
	return nil
}

// Ahead returns the appointment that the person of a contact has ahead for a service, or the fault
// unknown_appointment. Whoever types a contact need not be that person: what is returned is for the
// contact that the appointment itself has, and for no page.
func Ahead(ctx context.Context, tx *store.Tx, key Key, c Contact, territory, service string) (Appointment, error) {
	c, err := c.Checked()
	if err != nil {
		return Appointment{}, err
	}
	ahead, err := aheadOf(ctx, tx, key.Persons(c), "")
	if err != nil {
		return Appointment{}, err
	}
	if a, found := same(ahead, territory, service); found {
		return a, nil
	}
	return Appointment{}, errUnknown
}

// ByFiscalCode returns the appointments of an office's day that were made with a codice fiscale, in the
// order of their start, and without holds. The code is compared by its digest, for there is no other.
func ByFiscalCode(ctx context.Context, tx *store.Tx, key Key, office string, day timetable.Date, code fiscalcode.Code) ([]Appointment, error) {
	person := key.Persons(Contact{FiscalCode: string(code)})[0]
	return list(ctx, tx, `
WHERE a.office_id = $1 AND a.day = $2 AND a.state NOT IN ('held', 'expired') AND NOT a.session
  AND EXISTS (SELECT 1 FROM appointment_persons p WHERE p.appointment_id = a.id AND p.kind = $3 AND p.person = $4)
ORDER BY a.start_at, a.id`, office, day.String(), person.Kind, person.Digest)
}

// aheadOf reads the appointments of persons, but for one, that are not over.
func aheadOf(ctx context.Context, tx *store.Tx, persons []Person, but string) ([]Appointment, error) {
	return appointmentsOf(ctx, tx, persons, but, store.Millis(tx.Now), ` AND a.state IN ('booked', 'arrived', 'in_service')`)
}

// same returns the first appointment for a service.
func same(all []Appointment, territory, service string) (Appointment, bool) {
	i := slices.IndexFunc(all, func(a Appointment) bool { return a.Service == service && a.Territory == territory })
	if i < 0 {
		return Appointment{}, false
	}
	return all[i], true
}

// duplicate is the fault of a second appointment for what other is for. When that is and its reference
// are told to staff alone: a contact is no proof of who types it.
func duplicate(ctx context.Context, tx *store.Tx, a, other Appointment) error {
	if a.Channel != territory.Staff {
		return fault.New(fault.Conflict, "duplicate_need")
	}
	o, err := territory.Of(ctx, tx, other.Office)
	if err != nil {
		return err
	}
	return fault.New(fault.Conflict, "duplicate_need", "when", other.Start.In(o.Zone()), "reference", other.Reference)
}

const insertPerson = `
INSERT INTO {table} ({owner}, kind, person) VALUES ($1, $2, $3)`

func savePersons(ctx context.Context, tx *store.Tx, b belongings, id string, persons []Person) error {
	insert := strings.NewReplacer("{table}", b.table, "{owner}", b.owner).Replace(insertPerson)
	for _, p := range persons {
		if _, err := tx.Exec(ctx, insert, id, p.Kind, p.Digest); err != nil {
			return fmt.Errorf("save person: %w", err)
		}
	}
	return nil
}
