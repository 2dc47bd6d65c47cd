package territory

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// TextName is a public text that the law asks for and a manager may write anew.
type TextName string

// The public texts.
const (
	Privacy       TextName = "privacy"       // the information of GDPR art. 13
	Accessibility TextName = "accessibility" // the statement of Directive (EU) 2016/2102 art. 7
)

// TextNames returns all public texts.
func TextNames() []TextName { return []TextName{Privacy, Accessibility} }

// Text is what a manager wrote in place of the product's own text, for one language. Each language
// stands for itself: none is a translation that would have to follow another.
type Text struct {
	Territory string
	Name      TextName
	Language  string    // one of Languages
	Rev       int64     // rises with every change, 0: it was never changed
	Body      string    // Markdown, empty: the product's own text holds
	ChangedAt time.Time // UTC
	ChangedBy string    // as in the audit: user:ID
}

// The placeholders: what a text may leave to the territory, written {{name}}.
const (
	PlaceholderControllers = "controllers" // the institutions, each with its contact
	PlaceholderDPO         = "dpo"         // their data protection officers
	PlaceholderOffices     = "offices"     // with address and phone
	PlaceholderTerritory   = "territory"   // its name
)

// Placeholders returns the names of all placeholders.
func Placeholders() []string {
	return []string{PlaceholderControllers, PlaceholderDPO, PlaceholderOffices, PlaceholderTerritory}
}

// placeholder also matches what was meant to be one and lost a brace.
var placeholder = regexp.MustCompile(`\{\{([^{}\n]*)(\}?\}?)`)

// FillText returns body with values in the place of its placeholders. One that is not known, or not
// closed, stays as it is; the first of them is the fault unknown_placeholder, with its line counted
// from one.
func FillText(body string, values map[string]string) (string, error) {
	var out strings.Builder
	var unknown error
	end := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(body, -1) {
		name := strings.TrimSpace(body[at[2]:at[3]])
		if !slices.Contains(Placeholders(), name) || body[at[4]:at[5]] != "}}" {
			if unknown == nil {
				unknown = fault.New(fault.Invalid, "unknown_placeholder", "name", body[at[0]:at[1]], "line", 1+strings.Count(body[:at[0]], "\n"))
			}
			continue
		}
		out.WriteString(body[end:at[0]])
		out.WriteString(values[name])
		end = at[1]
	}
	out.WriteString(body[end:])
	return out.String(), unknown
}

const selectTexts = `
SELECT territory_id, name, language, rev, body, changed_at, changed_by FROM texts WHERE territory_id = $1`

// Texts returns the texts of a territory that were ever changed, by name and language.
func Texts(ctx context.Context, tx *store.Tx, territory string) ([]Text, error) {
	rows, err := tx.Query(ctx, selectTexts+" ORDER BY name, language", territory)
	if err != nil {
		return nil, fmt.Errorf("list texts: %w", err)
	}
	defer rows.Close()
	var all []Text
	for rows.Next() {
		t, err := scanText(rows)
		if err != nil {
			return nil, fmt.Errorf("list texts: %w", err)
		}
		all = append(all, t)
	}
	return all, rows.Err()
}

// TextOf returns a text of a territory in one language; one that was never changed has the Rev 0.
func TextOf(ctx context.Context, tx *store.Tx, territory string, name TextName, language string) (Text, error) {
	t, err := scanText(tx.QueryRow(ctx, selectTexts+" AND name = $2 AND language = $3", territory, string(name), language))
	if errors.Is(err, sql.ErrNoRows) {
		return Text{Territory: territory, Name: name, Language: language}, nil
	}
	if err != nil {
		return Text{}, fmt.Errorf("read text: %w", err)
	}
	return t, nil
}

func scanText(row interface{ Scan(into ...any) error }) (t Text, err error) {
	var changed int64
	err = row.Scan(&t.Territory, &t.Name, &t.Language, &t.Rev, &t.Body, &changed, &t.ChangedBy)
	t.ChangedAt = store.FromMillis(changed)
	return t, err
}

const insertText = `
INSERT INTO texts (territory_id, name, language, rev, body, changed_at, changed_by)
VALUES ($1, $2, $3, 1, $4, $5, $6) ON CONFLICT DO NOTHING`

const updateText = `
UPDATE texts SET rev = rev + 1, body = $4, changed_at = $5, changed_by = $6
WHERE territory_id = $1 AND name = $2 AND language = $3 AND rev = $7`

// SaveText writes the Body of t, which was made from the text at rev; an empty one brings the
// product's own text back. ChangedBy says who does it. The faults are edited_meanwhile, when another
// was quicker (their text is kept, and t is still the caller's), and unknown_placeholder.
func SaveText(ctx context.Context, tx *store.Tx, t Text, rev int64) error {
	if _, err := FillText(t.Body, nil); err != nil {
		return err
	}
	query, args := insertText, []any{t.Territory, string(t.Name), t.Language, t.Body, store.Millis(tx.Now), t.ChangedBy}
	if rev > 0 {
		query, args = updateText, append(args, rev)
	}
	written, err := tx.Exec(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("save text: %w", err)
	}
	if written == 0 {
		return fault.New(fault.Conflict, "edited_meanwhile")
	}
	action := "text.change"
	if t.Body == "" {
		action = "text.reset"
	}
	return audit.Record(ctx, tx, audit.Entry{
		Scope: audit.System, Actor: t.ChangedBy, Action: action, Subject: t.Territory,
		Detail: map[string]any{"text": t.Name, "language": t.Language, "rev": rev + 1},
	})
}
