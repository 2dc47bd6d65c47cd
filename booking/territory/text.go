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
	"unicode/utf8"

	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// TextName is a text for citizens that a manager may write anew.
type TextName string

// The public texts.
const (
	Privacy       TextName = "privacy"       // the information of GDPR art. 13
	Accessibility TextName = "accessibility" // the statement of Directive (EU) 2016/2102 art. 7
)

// The messages. What a manager writes of one is its subject, an empty line, and what comes behind the
// greeting; the facts of the appointment follow by themselves.
const (
	MailBooked    TextName = "mail.booked"
	MailMoved     TextName = "mail.moved"
	MailCancelled TextName = "mail.cancelled"  // by the citizen
	MailCalledOff TextName = "mail.called_off" // by the office
	MailReminder  TextName = "mail.reminder"
	MailLink      TextName = "mail.link"    // where its page is, asked for once more
	MailWaiting   TextName = "mail.waiting" // on the waiting list
	MailOffer     TextName = "mail.offer"   // a place for who waits
)

// TextNames returns all public texts: those that the law asks for.
func TextNames() []TextName { return []TextName{Privacy, Accessibility} }

// MailNames returns all messages.
func MailNames() []TextName {
	return []TextName{MailBooked, MailReminder, MailMoved, MailCancelled, MailCalledOff, MailLink, MailWaiting, MailOffer}
}

// Text is what a manager wrote in place of the product's own text, for one language. Each language
// stands for itself: none is a translation that would have to follow another.
type Text struct {
	Territory string
	Name      TextName
	Language  string    // one of Languages
	Rev       int64     // rises with every change, 0: it was never changed
	Body      string    // Markdown, of a message plain text; empty: the product's own text holds
	ChangedAt time.Time // UTC
	ChangedBy string    // as in the audit: user:ID
}

// The placeholders: what a text may leave to the territory, written {{name}}.
const (
	PlaceholderControllers = "controllers" // the institutions, each with its contact
	PlaceholderDPO         = "dpo"         // their data protection officers
	PlaceholderOffices     = "offices"     // with address and phone
	PlaceholderTerritory   = "territory"   // its name
	PlaceholderMoment      = "moment"      // day and time of the appointment
	PlaceholderOffice      = "office"      // where it is
	PlaceholderUntil       = "until"       // the end of the waiting list
)

// Placeholders returns the names of the placeholders of a text.
func Placeholders(of TextName) []string {
	switch {
	case of == MailWaiting:
		return []string{PlaceholderOffice, PlaceholderTerritory, PlaceholderUntil}
	case slices.Contains(MailNames(), of):
		return []string{PlaceholderMoment, PlaceholderOffice, PlaceholderTerritory}
	}
	return []string{PlaceholderControllers, PlaceholderDPO, PlaceholderOffices, PlaceholderTerritory}
}

// A subject is read on locked screens, and by a mail program in one line.
const (
	maxSubject = 120
	maxMail    = 4000 // characters
)

// Mail splits what a manager wrote of a message into its subject and what comes behind the greeting.
func Mail(body string) (subject, rest string) {
	subject, rest, _ = strings.Cut(body, "\n\n")
	return strings.TrimSpace(subject), strings.TrimSpace(rest)
}

// checked returns the fault of what cannot be saved.
func (t Text) checked() error {
	if _, err := FillText(t.Name, t.Body, nil); err != nil || t.Body == "" || !slices.Contains(MailNames(), t.Name) {
		return err
	}
	switch subject, rest := Mail(t.Body); {
	case subject == "" || rest == "":
		return fault.New(fault.Invalid, "mail_part_missing")
	case utf8.RuneCountInString(subject) > maxSubject || strings.Contains(subject, "\n"):
		return fault.New(fault.Invalid, "mail_subject_long", "most", maxSubject)
	case utf8.RuneCountInString(rest) > maxMail:
		return fault.New(fault.Invalid, "mail_text_long", "most", maxMail)
	}
	return nil
}

// placeholder also matches what was meant to be one and lost a brace.
var placeholder = regexp.MustCompile(`\{\{([^{}\n]*)(\}?\}?)`)

// FillText returns the body of a text with values in the place of its placeholders. One that is not known, or not
// closed, stays as it is; the first of them is the fault unknown_placeholder, with its line counted
// from one.
func FillText(of TextName, body string, values map[string]string) (string, error) {
	var out strings.Builder
	var unknown error
	end := 0
	for _, at := range placeholder.FindAllStringSubmatchIndex(body, -1) {
		name := strings.TrimSpace(body[at[2]:at[3]])
		if !slices.Contains(Placeholders(of), name) || body[at[4]:at[5]] != "}}" {
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
	all, err := store.All(ctx, tx, scanText, selectTexts+" ORDER BY name, language", territory)
	if err != nil {
		return nil, fmt.Errorf("list texts: %w", err)
	}
	return all, nil
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

func scanText(row store.Row) (t Text, err error) {
	var changed int64
	err = row.Scan(&t.Territory, &t.Name, &t.Language, &t.Rev, &t.Body, &changed, &t.ChangedBy)
	t.ChangedAt = store.FromMillis(changed)
	return t, err
}

// textEntries are the texts that managers wrote, by name and language, as a file has them.
func textEntries(ctx context.Context, tx *store.Tx, territory string) ([]TextEntry, error) {
	written, err := Texts(ctx, tx, territory)
	if err != nil {
		return nil, err
	}
	var all []TextEntry
	for _, t := range written {
		if t.Body != "" {
			all = append(all, TextEntry{t.Name, t.Language, t.Body})
		}
	}
	return all, nil
}

// tallyTexts counts what becomes of the texts of a file.
func tallyTexts(held, said []TextEntry) (count Tally) {
	for _, e := range said {
		switch at := slices.IndexFunc(held, func(h TextEntry) bool { return h.id() == e.id() }); {
		case at < 0:
			count.Added++
		case held[at].Body != e.Body:
			count.Changed++
		default:
			count.Unchanged++
		}
	}
	return count
}

// putTexts writes the texts of a file, but for those that are as they were.
func putTexts(ctx context.Context, tx *store.Tx, territory string, said []TextEntry, by string) (Tally, error) {
	held, err := textEntries(ctx, tx, territory)
	if err != nil {
		return Tally{}, err
	}
	for _, e := range said {
		if slices.Contains(held, e) {
			continue
		}
		t, err := TextOf(ctx, tx, territory, e.Name, e.Language)
		if err != nil {
			return Tally{}, err
		}
		t.Body, t.ChangedBy = e.Body, by
		if err := SaveText(ctx, tx, t, t.Rev); err != nil {
			return Tally{}, err
		}
	}
	return tallyTexts(held, said), nil
}

const insertText = `
INSERT INTO texts (territory_id, name, language, rev, body, changed_at, changed_by)
VALUES ($1, $2, $3, 1, $4, $5, $6) ON CONFLICT DO NOTHING`

const updateText = `
UPDATE texts SET rev = rev + 1, body = $4, changed_at = $5, changed_by = $6
WHERE territory_id = $1 AND name = $2 AND language = $3 AND rev = $7`

// SaveText writes the Body of t, which was made from the text at rev; an empty one brings the
// product's own text back. ChangedBy says who does it. The faults are edited_meanwhile, when another
// was quicker (their text is kept, and t is still the caller's), unknown_placeholder, and of a message
// mail_part_missing, mail_subject_long and mail_text_long.
func SaveText(ctx context.Context, tx *store.Tx, t Text, rev int64) error {
	if err := t.checked(); err != nil {
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
