// Package message sends mail, and hooks: signed calls of a gateway that sends SMS or writes to App IO.
// Who has something to say queues it in the transaction that makes it true; a Postman or a Courier
// sends it after the commit, tries again while the other side is away and gives up after GiveUpAfter.
//
// A message is sent at least once: when the process dies between the server's answer and the next
// commit it is sent again, under the same Message-ID or Sportello-Id. Its address, words and files are
// erased as soon as it is sent or given up, and are in no log. What stays for KeepFor is that something
// was sent.
package message

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"sportello/internal/store"
)

// How long after its time a message is tried, and how long it is known, with its key, that it was
// settled.
const (
	GiveUpAfter = 3 * 24 * time.Hour
	KeepFor     = 90 * 24 * time.Hour
)

// MaxSize is how many bytes the files of a mail, or what a hook says, may have.
const MaxSize = 64 << 10

// State is where a message stands.
type State string

// The states of a message.
const (
	Queued State = "queued"
	Sent   State = "sent"
	Failed State = "failed" // refused for good, or not sent in time
)

// Way is how a message goes.
type Way string

// The ways of a message.
const (
	ByMail Way = "mail"
	ByHook Way = "hook"
)

// Mail is a message to one address. It says of itself that a program wrote it, and holds nothing that
// tells when it is read.
type Mail struct {
	To          string // name@host, alone
	Subject     string
	Text        string // plain, in UTF-8
	Language    string // of the text, as in BCP 47: it, zh; "" when it is not told
	Attachments []Attachment
	// Key names what the message is about, by ids joined by colons, such as
	// appointment:ID:reminder:START. Of several with one key only the first is sent, also after it was:
	// what is to be said anew needs another key. "" sends it in any case, and nothing withdraws it.
	Key string
	// NotBefore is when the message is to be sent; zero: at once.
	NotBefore time.Time
	// NotAfter is from when on the message says nothing any more: it is not sent, whatever the cause
	// of the delay. Zero: GiveUpAfter alone holds.
	NotAfter time.Time
}

// Attachment is a file that comes with a mail. A calendar (text/calendar) is also an alternative to the
// text, so that mail programs show it as what it is.
type Attachment struct {
	Name string
	// Type is its media type. That of a calendar with a METHOD has it as the parameter method, that of
	// one without has none (RFC 6047 section 2.4): text/calendar; charset=utf-8; method=PUBLISH.
	Type    string
	Content []byte
}

// Hook is a message to the gateway.
type Hook struct {
	// Kind is what happened, such as appointment.reminder.
	Kind string
	// Body is what the gateway has to know. It is sent as JSON, {"kind": …, "body": …}.
	Body any
	// Key, NotBefore and NotAfter are as in Mail; mail and hooks share the keys.
	Key                 string
	NotBefore, NotAfter time.Time
}

// What cannot be sent.
var (
	ErrAddress    = errors.New("no mail address")
	ErrAttachment = errors.New("attachment without a name, or of another type than it says")
	ErrTooLarge   = errors.New("message too large")
)

// CheckAddress returns ErrAddress unless to is a bare address such as anna@prova.example.
func CheckAddress(to string) error {
	if a, err := mail.ParseAddress(to); err != nil || a.Address != to || len(to) > 254 { // RFC 5321 section 4.5.3.1.3
		return ErrAddress
	}
	return nil
}

// calendarType is the media type of iCalendar (RFC 5545 section 8.1).
const calendarType = "text/calendar"

// check refuses a file that a mail program would not take for what it is.
func (a Attachment) check() error {
	media, params, err := mime.ParseMediaType(a.Type)
	if err != nil || a.Name == "" || strings.HasPrefix(media, "multipart/") {
		return ErrAttachment
	}
	if media == calendarType && !strings.EqualFold(params["method"], method(a.Content)) {
		return ErrAttachment
	}
	return nil
}

// method is the METHOD of a calendar, "" if it has none. It stands before the components (RFC 5545
// section 3.6).
func method(calendar []byte) string {
	for line := range bytes.Lines(calendar) {
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
		switch {
		case strings.EqualFold(name, "METHOD"):
			return value
		case strings.EqualFold(name, "BEGIN") && !strings.EqualFold(value, "VCALENDAR"):
			return ""
		}
	}
	return ""
}

// Enqueue has m sent once the transaction is committed. It needs no mail server yet. What comes too
// late already, by NotAfter, is not queued.
func Enqueue(ctx context.Context, tx *store.Tx, m Mail) error {
	if err := CheckAddress(m.To); err != nil {
		return fmt.Errorf("queue mail: %w", err)
	}
	size := 0
	for _, a := range m.Attachments {
		if err := a.check(); err != nil {
			return fmt.Errorf("queue mail: %w", err)
		}
		size += len(a.Content)
	}
	if size > MaxSize {
		return fmt.Errorf("queue mail: %w", ErrTooLarge)
	}
	l := letter{to: m.To, subject: m.Subject, text: m.Text, language: m.Language, attachments: m.Attachments}
	if err := enqueue(ctx, tx, ByMail, m.Key, m.NotBefore, m.NotAfter, l); err != nil {
		return fmt.Errorf("queue mail: %w", err)
	}
	return nil
}

// EnqueueHook has h sent to the gateway once the transaction is committed. It needs no gateway yet.
// What comes too late already, by NotAfter, is not queued.
func EnqueueHook(ctx context.Context, tx *store.Tx, h Hook) error {
	text, err := json.Marshal(struct {
		Kind string `json:"kind"`
		Body any    `json:"body"`
	}{h.Kind, h.Body})
	if err == nil && len(text) > MaxSize {
		err = ErrTooLarge
	}
	if err == nil {
		err = enqueue(ctx, tx, ByHook, h.Key, h.NotBefore, h.NotAfter, letter{text: string(text)})
	}
	if err != nil {
		return fmt.Errorf("queue hook: %w", err)
	}
	return nil
}

func enqueue(ctx context.Context, tx *store.Tx, way Way, key string, notBefore, notAfter time.Time, l letter) error {
	const insert = `
		INSERT INTO messages (id, key, topic, state, way, recipient, subject, body, language, attachments, due_at, next_at, expires_at)
		VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7, $8, $9, $10, $10, $11)
		ON CONFLICT DO NOTHING`
	due := tx.Now
	if notBefore.After(due) {
		due = notBefore
	}
	expires := due.Add(GiveUpAfter)
	if !notAfter.IsZero() && notAfter.Before(expires) {
		expires = notAfter
	}
	if !expires.After(due) {
		return nil
	}
	files, err := written(l.attachments)
	if err != nil {
		return err
	}
	topic := topicOf(key)
	_, err = tx.Exec(ctx, insert, store.NewID(), sql.NullString{String: key, Valid: key != ""}, sql.NullString{String: topic, Valid: topic != ""},
		string(way), l.to, l.subject, l.text, l.language, files, store.Millis(due), store.Millis(expires))
	return err
}

// topicOf is the first two parts of a key, "" if it has fewer. It is what queued messages are found by:
// engines do not agree on the order of text, so none finds beginnings of keys by an index.
func topicOf(key string) string {
	first, rest, _ := strings.Cut(key, ":")
	second, _, _ := strings.Cut(rest, ":")
	if first == "" || second == "" {
		return ""
	}
	return first + ":" + second
}

// written and read are how attachments are stored.
func written(all []Attachment) (string, error) {
	if len(all) == 0 {
		return "", nil
	}
	text, err := json.Marshal(all)
	return string(text), err
}

func read(text string) (all []Attachment, err error) {
	if text != "" {
		err = json.Unmarshal([]byte(text), &all)
	}
	return all, err
}

// Withdraw erases what is queued under the keys that begin with keyPrefix, and it is as if it had never
// been queued. What is being sent at this moment still goes. keyPrefix has at least two whole parts,
// such as appointment:ID or appointment:ID:reminder.
func Withdraw(ctx context.Context, tx *store.Tx, keyPrefix string) error {
	const erase = `
		DELETE FROM messages
		WHERE topic = $1 AND state = 'queued' AND substr(key, 1, CAST($2 AS INTEGER)) = $3`
	topic := topicOf(keyPrefix)
	if topic == "" {
		return fmt.Errorf("withdraw messages: %q would be too many", keyPrefix)
	}
	if _, err := tx.Exec(ctx, erase, topic, utf8.RuneCountInString(keyPrefix), keyPrefix); err != nil {
		return fmt.Errorf("withdraw messages: %w", err)
	}
	return nil
}

// Waiting counts, by their ways, the messages whose time has come and that are still to be sent.
func Waiting(ctx context.Context, tx *store.Tx) (map[Way]int, error) {
	const count = `
		SELECT way, COUNT(*) FROM messages
		WHERE state = 'queued' AND due_at <= $1 AND expires_at > $1 GROUP BY way`
	rows, err := tx.Query(ctx, count, store.Millis(tx.Now))
	if err != nil {
		return nil, fmt.Errorf("count messages: %w", err)
	}
	defer rows.Close()
	all := make(map[Way]int)
	for rows.Next() {
		var way Way
		var n int
		if err := rows.Scan(&way, &n); err != nil {
			return nil, fmt.Errorf("count messages: %w", err)
		}
		all[way] = n
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("count messages: %w", err)
	}
	return all, nil
}

// Forget gives up what is too old or comes too late, also when there is nothing that would send it, and
// forgets what was settled long ago.
func Forget(ctx context.Context, tx *store.Tx) error {
	const giveUp = `
		UPDATE messages SET state = 'failed', code = CASE code WHEN '' THEN 'not_sent' ELSE code END, settled_at = $1, ` + erased + `
		WHERE state = 'queued' AND expires_at <= $1`
	_, err := tx.Exec(ctx, giveUp, store.Millis(tx.Now))
	if err == nil {
		_, err = tx.Exec(ctx, `DELETE FROM messages WHERE state <> 'queued' AND settled_at <= $1`, store.Millis(tx.Now.Add(-KeepFor)))
	}
	if err != nil {
		return fmt.Errorf("forget messages: %w", err)
	}
	return nil
}

// erased is what is no longer known of a settled message: all but its key.
const erased = `recipient = '', subject = '', body = '', language = '', attachments = ''`
