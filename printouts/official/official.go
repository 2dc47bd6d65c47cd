// Package official holds the forms that institutions publish, as a territory prints them: their pages,
// what goes where on them, and their versions.
//
// A form has a key, which is what services name as theirs. One of our own forms' keys puts the
// institution's pages in the place of ours; another makes a form of its own. A version begins as a draft,
// of which there is one of a key at most; publishing freezes it and withdraws the one before. What is
// published or withdrawn is changed by a new version, which is a copy.
//
// Pages are kept as pdf.Clean wrote them, with the digest of the file as it came.
package official

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/pdf"
)

// State is where a version stands.
type State string

// The states of a version.
const (
	Draft     State = "draft"
	Published State = "published"
	Withdrawn State = "withdrawn"
)

// Form is a version of a form.
type Form struct {
	ID, Territory string
	Key           string
	Version       int64  // of the key, from 1
	Institution   string // id
	Names         map[string]string
	Legal         string
	State         State
	Rev           int64
	SHA256        string // of the file as it came
	Size          int64  // bytes of it
	Pages         []pdf.Page
	CreatedAt     time.Time
	PublishedAt   time.Time // zero: never
	WithdrawnAt   time.Time // zero: not yet
	Fields        []printouts.Placed
}

// Name is the form's name in a language, or in Italian.
func (f Form) Name(language string) string {
	if name := f.Names[language]; name != "" {
		return name
	}
	return f.Names["it"]
}

// A File is an institution's file that was looked at.
type File struct {
	Clean []byte // as pdf.Clean wrote it
	Pages []pdf.Page
	Came  []byte // as it came
}

// The faults of forms.
var (
	ErrNone    = fault.New(fault.Missing, "official_missing")
	ErrEdited  = fault.New(fault.Conflict, "edited_meanwhile")
	ErrFrozen  = fault.New(fault.Conflict, "official_frozen")
	ErrDrafted = fault.New(fault.Conflict, "official_drafted")
	ErrKey     = fault.New(fault.Invalid, "official_key")
	ErrName    = fault.New(fault.Invalid, "official_name")
	ErrEmpty   = fault.New(fault.Invalid, "official_empty")
)

const (
	longestText = 300 // letters of a name or of the law
	mostFields  = 200
	mostCells   = 64
	leastSize   = 6.0 // points of type
	mostSize    = 36.0
	leastBox    = 3.0 // points
)

// keyPattern is what a key looks like, as those of our own forms do.
var keyPattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{1,40}$`)

// Check refuses a form that cannot be kept. A field that is wrong is named by its place, from 1.
func (f Form) Check() error {
	if !keyPattern.MatchString(f.Key) {
		return ErrKey
	}
	if f.Names["it"] == "" {
		return ErrName
	}
	for _, text := range append([]string{f.Legal}, slices.Collect(maps.Values(f.Names))...) {
		if utf8.RuneCountInString(text) > longestText {
			return ErrName
		}
	}
	sections, err := printouts.OfficialFields(f.Key)
	if err != nil {
		return err
	}
	known := map[string]bool{}
	for _, s := range sections {
		for _, field := range s.Fields {
			known[field.Key] = true
		}
	}
	if len(f.Fields) > mostFields {
		return fault.New(fault.Invalid, "official_fields", "n", mostFields)
	}
	for i, p := range f.Fields {
		if why := f.wrong(p, known); why != "" {
			return fault.New(fault.Invalid, why, "n", i+1)
		}
	}
	return nil
}

// wrong is the code of what is wrong with a field, "" nothing.
func (f Form) wrong(p printouts.Placed, known map[string]bool) string {
	const slack = 0.01 // points by which what touches an edge may be rounded over it
	switch {
	case !known[p.Key]:
		return "official_field_key"
	case p.Page < 1 || p.Page > len(f.Pages):
		return "official_field_page"
	case !finite(p.X, p.Y, p.Width, p.Height, p.Size), p.Width < leastBox, p.Height < leastBox, p.X < 0, p.Y < 0,
		p.X+p.Width > f.Pages[p.Page-1].Width+slack, p.Y+p.Height > f.Pages[p.Page-1].Height+slack:
		return "official_field_box"
	case !slices.Contains(printouts.PlacedKinds, p.Kind), !slices.Contains(printouts.DateParts, p.Part):
		return "official_field_kind"
	case p.Size != 0 && (p.Size < leastSize || p.Size > mostSize):
		return "official_field_size"
	case p.Cells < 0 || p.Cells > mostCells || p.Kind == printouts.PlacedComb && p.Cells == 0:
		return "official_field_cells"
	case utf8.RuneCountInString(p.Is) > longestText:
		return "official_field_kind"
	}
	return ""
}

func finite(all ...float64) bool {
	return !slices.ContainsFunc(all, func(f float64) bool { return math.IsNaN(f) || math.IsInf(f, 0) })
}

// Add begins a form with its first version, or a version of one whose drafts are all published. It returns
// the id.
func Add(ctx context.Context, tx *store.Tx, f Form, file File) (string, error) {
	f.Pages, f.Fields = file.Pages, nil
	if err := f.Check(); err != nil {
		return "", err
	}
	sum := sha256.Sum256(file.Came)
	f.SHA256, f.Size = hex.EncodeToString(sum[:]), int64(len(file.Came))
	return insert(ctx, tx, f, base64.StdEncoding.EncodeToString(file.Clean))
}

// insert adds f as a draft.
func insert(ctx context.Context, tx *store.Tx, f Form, encoded string) (string, error) {
	const add = `
		INSERT INTO official_forms (id, territory_id, form_key, version, institution, names, folded, legal, state, rev, pdf, sha256, pages, size,
			created_at, published_at, withdrawn_at)
		SELECT $1, CAST($2 AS TEXT), CAST($3 AS TEXT), COALESCE(MAX(version), 0) + 1, $4, $5, $6, $7, 'draft', CAST(1 AS BIGINT), $8, $9, $10, CAST($11 AS BIGINT),
			CAST($12 AS BIGINT), CAST(0 AS BIGINT), CAST(0 AS BIGINT)
		FROM official_forms WHERE territory_id = $2 AND form_key = $3
		ON CONFLICT DO NOTHING`
	names, err := json.Marshal(f.Names)
	if err != nil {
		return "", fmt.Errorf("add official form: %w", err)
	}
	pages, err := json.Marshal(f.Pages)
	if err != nil {
		return "", fmt.Errorf("add official form: %w", err)
	}
	id := store.NewID()
	rows, err := tx.Exec(ctx, add, id, f.Territory, f.Key, f.Institution, string(names), f.folded(), f.Legal, encoded, f.SHA256, string(pages), f.Size, store.Millis(tx.Now))
	if err != nil {
		return "", fmt.Errorf("add official form: %w", err)
	}
	if rows == 0 {
		return "", ErrDrafted
	}
	return id, setFields(ctx, tx, id, f.Fields)
}

// folded is what a search looks in.
func (f Form) folded() string {
	all := []string{f.Key, f.Institution}
	for _, name := range f.Names {
		all = append(all, name)
	}
	slices.Sort(all)
	return fold(strings.Join(all, " "))
}

func fold(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

func hundredths(points float64) int64 { return int64(math.Round(points * 100)) }

func setFields(ctx context.Context, tx *store.Tx, form string, fields []printouts.Placed) error {
	const (
		clear = `DELETE FROM official_fields WHERE form_id = $1`
		add   = `
			INSERT INTO official_fields (form_id, seq, field_key, page, x, y, width, height, kind, type_size, cells, part, value)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`
	)
	if _, err := tx.Exec(ctx, clear, form); err != nil {
		return fmt.Errorf("place fields: %w", err)
	}
	for i, p := range fields {
		_, err := tx.Exec(ctx, add, form, i, p.Key, p.Page, hundredths(p.X), hundredths(p.Y), hundredths(p.Width), hundredths(p.Height),
			string(p.Kind), hundredths(p.Size), p.Cells, string(p.Part), p.Is)
		if err != nil {
			return fmt.Errorf("place fields: %w", err)
		}
	}
	return nil
}

// Change gives a draft other words and fields. It returns ErrEdited when somebody else changed it since f
// was read, and ErrFrozen when it is no draft.
func Change(ctx context.Context, tx *store.Tx, f Form) error {
	const change = `
		UPDATE official_forms SET names = $1, folded = $2, legal = $3, institution = $4, rev = rev + 1
		WHERE id = $5 AND rev = $6 AND state = 'draft'`
	now, err := ByID(ctx, tx, f.ID)
	if err != nil {
		return err
	}
	f.Pages, f.Key = now.Pages, now.Key
	if err := f.Check(); err != nil {
		return err
	}
	names, err := json.Marshal(f.Names)
	if err != nil {
		return fmt.Errorf("change official form: %w", err)
	}
	rows, err := tx.Exec(ctx, change, string(names), f.folded(), f.Legal, f.Institution, f.ID, f.Rev)
	if err := now.taken(rows, err); err != nil {
		return err
	}
	return setFields(ctx, tx, f.ID, f.Fields)
}

// taken says why a change of a draft was not made.
func (f Form) taken(rows int64, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("change official form: %w", err)
	case rows > 0:
		return nil
	case f.State != Draft:
		return ErrFrozen
	}
	return ErrEdited
}

// Replace gives a draft another file. Fields that it has no place for are moved into their page, and those
// of pages that are gone to its last.
func Replace(ctx context.Context, tx *store.Tx, id string, rev int64, file File) error {
	const replace = `
		UPDATE official_forms SET pdf = $1, sha256 = $2, pages = $3, size = $4, rev = rev + 1
		WHERE id = $5 AND rev = $6 AND state = 'draft'`
	f, err := ByID(ctx, tx, id)
	if err != nil {
		return err
	}
	pages, err := json.Marshal(file.Pages)
	if err != nil {
		return fmt.Errorf("replace official form: %w", err)
	}
	sum := sha256.Sum256(file.Came)
	rows, err := tx.Exec(ctx, replace, base64.StdEncoding.EncodeToString(file.Clean), hex.EncodeToString(sum[:]), string(pages), len(file.Came), id, rev)
	if err := f.taken(rows, err); err != nil {
		return err
	}
	for i := range f.Fields {
		p := &f.Fields[i]
		p.Page = min(p.Page, len(file.Pages))
		on := file.Pages[p.Page-1]
		p.Width, p.Height = min(p.Width, on.Width), min(p.Height, on.Height)
		p.X, p.Y = min(p.X, on.Width-p.Width), min(p.Y, on.Height-p.Height)
	}
	return setFields(ctx, tx, id, f.Fields)
}

// Copy begins a new version of a form as a copy of one, and returns its id. It returns ErrDrafted when one
// is begun already.
func Copy(ctx context.Context, tx *store.Tx, id string) (string, error) {
	f, err := ByID(ctx, tx, id)
	if err != nil {
		return "", err
	}
	encoded, err := encodedFile(ctx, tx, id)
	if err != nil {
		return "", err
	}
	return insert(ctx, tx, f, encoded)
}

// Publish freezes a draft and has it printed from now on; the version before it is withdrawn.
func Publish(ctx context.Context, tx *store.Tx, id string) error {
	const publish = `UPDATE official_forms SET state = 'published', published_at = $1, rev = rev + 1 WHERE id = $2 AND state = 'draft'`
	f, err := ByID(ctx, tx, id)
	switch {
	case err != nil:
		return err
	case len(f.Fields) == 0:
		return ErrEmpty
	}
	if err := f.Check(); err != nil {
		return err
	}
	const before = `
		UPDATE official_forms SET state = 'withdrawn', withdrawn_at = $1, rev = rev + 1
		WHERE territory_id = $2 AND form_key = $3 AND state = 'published'`
	if _, err := tx.Exec(ctx, before, store.Millis(tx.Now), f.Territory, f.Key); err != nil {
		return fmt.Errorf("publish official form: %w", err)
	}
	rows, err := tx.Exec(ctx, publish, store.Millis(tx.Now), id)
	if err != nil {
		return fmt.Errorf("publish official form: %w", err)
	}
	if rows == 0 {
		return ErrFrozen
	}
	return nil
}

// Withdraw ends the use of a published version: our own form of the key is printed again, if there is one.
func Withdraw(ctx context.Context, tx *store.Tx, id string) error {
	const withdraw = `UPDATE official_forms SET state = 'withdrawn', withdrawn_at = $1, rev = rev + 1 WHERE id = $2 AND state = 'published'`
	rows, err := tx.Exec(ctx, withdraw, store.Millis(tx.Now), id)
	if err != nil {
		return fmt.Errorf("withdraw official form: %w", err)
	}
	if rows == 0 {
		return ErrFrozen
	}
	return nil
}

// Remove forgets a draft. What was published stays: it says what was printed.
func Remove(ctx context.Context, tx *store.Tx, id string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM official_fields WHERE form_id IN (SELECT id FROM official_forms WHERE id = $1 AND state = 'draft')`, id); err != nil {
		return fmt.Errorf("remove official form: %w", err)
	}
	rows, err := tx.Exec(ctx, `DELETE FROM official_forms WHERE id = $1 AND state = 'draft'`, id)
	if err != nil {
		return fmt.Errorf("remove official form: %w", err)
	}
	if rows == 0 {
		return ErrFrozen
	}
	return nil
}

const columns = `id, territory_id, form_key, version, institution, names, legal, state, rev, sha256, size, pages, created_at, published_at, withdrawn_at`

// scan reads a row of columns, with more behind them.
func scan(row store.Row, more ...any) (f Form, err error) {
	var names, pages string
	var created, published, withdrawn int64
	err = row.Scan(append([]any{&f.ID, &f.Territory, &f.Key, &f.Version, &f.Institution, &names, &f.Legal, &f.State, &f.Rev, &f.SHA256, &f.Size, &pages, &created, &published, &withdrawn}, more...)...)
	if err != nil {
		return f, err
	}
	f.CreatedAt, f.PublishedAt, f.WithdrawnAt = store.FromMillis(created), store.FromMillis(published), store.FromMillis(withdrawn)
	err = errors.Join(json.Unmarshal([]byte(names), &f.Names), json.Unmarshal([]byte(pages), &f.Pages))
	return f, err
}

// List returns the versions of a territory's forms in which all words of a search are, by key and the newest
// first. They come without their fields.
func List(ctx context.Context, tx *store.Tx, territory, search string) ([]Form, error) {
	const list = `SELECT ` + columns + `, folded FROM official_forms WHERE territory_id = $1 ORDER BY form_key, version DESC`
	rows, err := tx.Query(ctx, list, territory)
	if err != nil {
		return nil, fmt.Errorf("list official forms: %w", err)
	}
	defer rows.Close()
	var all []Form
	for rows.Next() {
		var folded string
		f, err := scan(rows, &folded)
		if err != nil {
			return nil, fmt.Errorf("list official forms: %w", err)
		}
		if contains(folded, search) {
			all = append(all, f)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list official forms: %w", err)
	}
	return all, nil
}

func contains(folded, search string) bool {
	for _, word := range strings.Fields(fold(search)) {
		if !strings.Contains(folded, word) {
			return false
		}
	}
	return true
}

// ByID returns a version with its fields, or ErrNone.
func ByID(ctx context.Context, tx *store.Tx, id string) (Form, error) {
	return one(ctx, tx, `SELECT `+columns+` FROM official_forms WHERE id = $1`, id)
}

func one(ctx context.Context, tx *store.Tx, query string, args ...any) (Form, error) {
	f, err := scan(tx.QueryRow(ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return Form{}, ErrNone
	}
	if err != nil {
		return Form{}, fmt.Errorf("read official form: %w", err)
	}
	f.Fields, err = fieldsOf(ctx, tx, f.ID)
	return f, err
}

func fieldsOf(ctx context.Context, tx *store.Tx, form string) ([]printouts.Placed, error) {
	const fields = `
		SELECT field_key, page, x, y, width, height, kind, type_size, cells, part, value
		FROM official_fields WHERE form_id = $1 ORDER BY seq`
	all, err := store.All(ctx, tx, func(row store.Row) (p printouts.Placed, err error) {
		var x, y, width, height, size int64
		err = row.Scan(&p.Key, &p.Page, &x, &y, &width, &height, &p.Kind, &size, &p.Cells, &p.Part, &p.Is)
		p.X, p.Y, p.Width, p.Height, p.Size = points(x), points(y), points(width), points(height), points(size)
		return p, err
	}, fields, form)
	if err != nil {
		return nil, fmt.Errorf("read fields: %w", err)
	}
	return all, nil
}

func points(hundredths int64) float64 { return float64(hundredths) / 100 }

func encodedFile(ctx context.Context, tx *store.Tx, id string) (encoded string, err error) {
	err = tx.QueryRow(ctx, `SELECT pdf FROM official_forms WHERE id = $1`, id).Scan(&encoded)
	if errors.Is(err, sql.ErrNoRows) {
		return "", ErrNone
	}
	if err != nil {
		return "", fmt.Errorf("read official file: %w", err)
	}
	return encoded, nil
}

// Pages returns the file of a version, as pdf.Clean wrote it, or ErrNone.
func Pages(ctx context.Context, tx *store.Tx, id string) ([]byte, error) {
	encoded, err := encodedFile(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	file, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, fmt.Errorf("read official file: %w", err)
	}
	return file, nil
}

// Printed is a version as it is printed, with other fields where they are being tried.
func (f Form) Printed(file []byte) *printouts.Official {
	return &printouts.Official{ID: f.Key, Version: strconv.FormatInt(f.Version, 10), Title: f.Names["it"], Legal: f.Legal, File: file, Fields: f.Fields}
}

// On puts a form on the pages that its institution published in a territory, if there are such; else it
// leaves it as it is. Whoever prints a form, ours or another, prints what this returns; which fields there
// are to fill in, its FormKind says.
func On(ctx context.Context, tx *store.Tx, territory string, f printouts.Form) (printouts.Form, error) {
	const published = `SELECT ` + columns + ` FROM official_forms WHERE territory_id = $1 AND form_key = $2 AND state = 'published'`
	found, err := one(ctx, tx, published, territory, f.Kind)
	if errors.Is(err, ErrNone) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	file, err := Pages(ctx, tx, found.ID)
	if err != nil {
		return f, err
	}
	f.Official = found.Printed(file)
	return f, nil
}

// Kinds are all forms that a territory prints: ours, with the institutions' in their places, then those that
// are only theirs.
func Kinds(ctx context.Context, tx *store.Tx, territory string) ([]printouts.FormKind, error) {
	ours, err := printouts.Forms()
	if err != nil {
		return nil, err
	}
	kinds := slices.Clone(ours)
	all, err := List(ctx, tx, territory, "")
	if err != nil {
		return nil, err
	}
	for _, f := range all {
		if f.State != Published {
			continue
		}
		if f.Fields, err = fieldsOf(ctx, tx, f.ID); err != nil {
			return nil, err
		}
		kind, err := f.Printed(nil).Kind()
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(kinds, func(k printouts.FormKind) bool { return k.ID == f.Key }); i >= 0 {
			kinds[i] = kind
			continue
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}
