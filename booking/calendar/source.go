package calendar

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sportello/booking"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// Kind is how a source is spoken to.
type Kind string

// The kinds of sources.
const (
	ICS    Kind = "ics"    // an iCalendar file that is fetched (RFC 5545)
	CalDAV Kind = "caldav" // a collection of a calendar server (RFC 4791)
)

// Source is an external calendar.
type Source struct {
	ID    string
	Rev   int64 // counts the changes made by people
	Kind  Kind
	Name  string
	Whose booking.Owner
	Shown string // the address without what must stay secret
	By    string // who added it

	State
	since  time.Time // when it was added
	sealed string
}

// State is what became of reading a source.
type State struct {
	ETag         string    // of the last good answer, as are the next two; "" none
	LastModified string    // as the server wrote it
	SyncToken    string    // of a collection (RFC 6578)
	ReadUntil    time.Time // up to when the last good answer was read
	FetchedAt    time.Time // last attempt; zero: never
	GoodAt       time.Time // last good answer; zero: never
	NextAt       time.Time // not to be tried before
	Failures     int       // attempts in a row that failed
	Problem      Code      // of the last of them; "" none
}

// Code is what became of an attempt to read a source, in a word.
type Code string

// The codes of attempts that went well.
const (
	OK        Code = "ok"
	Unchanged Code = "unchanged" // the server says that there is nothing new
)

// Subject names the source in the audit.
func (s Source) Subject() string { return "calendar:" + s.ID }

const longestName = 120 // characters

// errUnknown is returned for an id that no source has.
var errUnknown = fault.New(fault.Missing, "unknown_calendar")

// checkName returns a name as it is kept.
func checkName(name string) (string, error) {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" || utf8.RuneCountInString(name) > longestName || strings.ContainsFunc(name, unicode.IsControl) {
		return "", fault.New(fault.Invalid, "name_invalid")
	}
	return name, nil
}

const insertSource = `
INSERT INTO calendar_sources (id, kind, name, territory_id, officer_id, office_id, room_id, shown, sealed, folded, made_by, created_at, next_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12)`

// Add adds a source that is read as soon as may be, and returns it with its id. s says kind, name and
// whose time it is. by is who adds it. The faults are name_invalid, address_invalid and those of
// booking.Owner.Offices.
func Add(ctx context.Context, tx *store.Tx, key booking.Key, s Source, access Access, by string) (Source, error) {
	s.ID, s.By = store.NewID(), by
	if err := s.settle(ctx, tx, key, access); err != nil {
		return Source{}, err
	}
	w := s.Whose
	_, err := tx.Exec(ctx, insertSource, s.ID, string(s.Kind), s.Name, w.Territory, w.Officer, w.Office, w.Room, s.Shown, s.sealed, s.folded(), by, store.Millis(tx.Now))
	if err != nil {
		return Source{}, fmt.Errorf("add calendar: %w", err)
	}
	return s, record(ctx, tx, s, by, "calendar.add", nil)
}

// settle checks what people say of a source and seals its secrets.
func (s *Source) settle(ctx context.Context, tx *store.Tx, key booking.Key, access Access) (err error) {
	if s.Name, err = checkName(s.Name); err != nil {
		return err
	}
	if _, err := s.Whose.Offices(ctx, tx); err != nil {
		return err
	}
	if access.Address, err = CheckAddress(access.Address); err != nil {
		return err
	}
	s.Shown = shown(access.Address)
	s.sealed, err = access.seal(key, s.ID)
	return err
}

// folded is by what a source is searched and put in order; the id makes it unique.
func (s Source) folded() string { return fold(s.Name+" "+s.Shown) + " " + s.ID }

// fold makes text that is searched the same for every way of writing it.
func fold(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

const updateSource = `
UPDATE calendar_sources SET rev = rev + 1, name = $3, shown = $4, sealed = $5, folded = $6, next_at = $7,
  etag = CASE WHEN $8 THEN '' ELSE etag END, last_modified = CASE WHEN $8 THEN '' ELSE last_modified END,
  sync_token = CASE WHEN $8 THEN '' ELSE sync_token END, failures = CASE WHEN $8 THEN 0 ELSE failures END,
  problem = CASE WHEN $8 THEN '' ELSE problem END
WHERE id = $1 AND rev = $2`

// ErrEdited is returned when somebody else changed a source meanwhile.
var ErrEdited = fault.New(fault.Conflict, "edited_meanwhile")

// Edit changes the name of a source and how it is reached, and has it read as soon as may be. What it
// said before stays until the new address has answered. The faults are unknown_calendar, edited_meanwhile when
// rev is not the present one, and those of Add.
func Edit(ctx context.Context, tx *store.Tx, key booking.Key, id string, rev int64, name string, access Access, by string) (Source, error) {
	s, err := ByID(ctx, tx, id)
	if err != nil {
		return Source{}, err
	}
	before, err := s.Access(key)
	lost := errors.Is(err, ErrSealed)
	if err != nil && !lost {
		return Source{}, err
	}
	s.Name = name
	if err := s.settle(ctx, tx, key, access); err != nil {
		return Source{}, err
	}
	elsewhere := lost || before != access
	changed, err := tx.Exec(ctx, updateSource, id, rev, s.Name, s.Shown, s.sealed, s.folded(), store.Millis(tx.Now), elsewhere)
	if err != nil {
		return Source{}, fmt.Errorf("edit calendar: %w", err)
	}
	if changed == 0 {
		return Source{}, ErrEdited
	}
	if s.Kind == CalDAV && before.Address != access.Address {
		if err := forgetDAV(ctx, tx, id); err != nil {
			return Source{}, err
		}
	}
	return s, record(ctx, tx, s, by, "calendar.edit", nil)
}

// Remove removes a source and the busy time that came from it. The fault is unknown_calendar.
func Remove(ctx context.Context, tx *store.Tx, id, by string) error {
	s, err := ByID(ctx, tx, id)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE calendar_sources SET rev = rev + 1 WHERE id = $1`, id); err != nil {
		return fmt.Errorf("remove calendar: %w", err)
	}
	if err := booking.Unfollow(ctx, tx, id, s.Whose); err != nil {
		return err
	}
	for _, statement := range []string{`DELETE FROM calendar_log WHERE source_id = $1`, `DELETE FROM calendar_sources WHERE id = $1`} {
		if _, err := tx.Exec(ctx, statement, id); err != nil {
			return fmt.Errorf("remove calendar: %w", err)
		}
	}
	return record(ctx, tx, s, by, "calendar.remove", nil)
}

// record writes what was done to a source into the audit.
func record(ctx context.Context, tx *store.Tx, s Source, by, action string, detail map[string]any) error {
	return audit.Record(ctx, tx, audit.Entry{Scope: audit.System, Actor: by, Action: action, Subject: s.Subject(), Detail: detail})
}

const selectSources = `
SELECT id, rev, kind, name, territory_id, officer_id, office_id, room_id, shown, sealed, made_by, created_at,
  etag, last_modified, sync_token, read_until, fetched_at, good_at, next_at, failures, problem
FROM calendar_sources `

func scanSource(row store.Row) (Source, error) {
	var s Source
	var since, until, fetched, good, next int64
	err := row.Scan(&s.ID, &s.Rev, &s.Kind, &s.Name, &s.Whose.Territory, &s.Whose.Officer, &s.Whose.Office, &s.Whose.Room, &s.Shown, &s.sealed, &s.By, &since,
		&s.ETag, &s.LastModified, &s.SyncToken, &until, &fetched, &good, &next, &s.Failures, &s.Problem)
	s.since, s.ReadUntil, s.FetchedAt, s.GoodAt, s.NextAt = store.FromMillis(since), at(until), at(fetched), at(good), store.FromMillis(next)
	return s, err
}

// at is the inverse of store.Millis, zero included.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return store.FromMillis(ms)
}

func sources(ctx context.Context, tx *store.Tx, query string, args ...any) ([]Source, error) {
	all, err := store.All(ctx, tx, scanSource, selectSources+query, args...)
	if err != nil {
		return nil, fmt.Errorf("read calendars: %w", err)
	}
	return all, nil
}

// ByID returns a source, or the fault unknown_calendar.
func ByID(ctx context.Context, tx *store.Tx, id string) (Source, error) {
	s, err := scanSource(tx.QueryRow(ctx, selectSources+`WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Source{}, errUnknown
	}
	if err != nil {
		return Source{}, fmt.Errorf("read calendar: %w", err)
	}
	return s, nil
}

// Listing is which sources List returns.
type Listing struct {
	Text      string            // somewhere in name or address
	Of        func(Source) bool // those of which it is true; nil: all
	After     string            // those after the source of this Key; "" from the beginning
	Limit     int               // so many at most; 0: all
	Territory string            // "" any
}

// Key is the place of a source in a listing.
func (s Source) Key() string { return s.folded() }

// List returns sources by name.
func List(ctx context.Context, tx *store.Tx, l Listing) ([]Source, error) {
	rows, err := tx.Query(ctx, selectSources+`
WHERE ($1 = '' OR territory_id = $1) AND folded > $2 AND folded LIKE $3 ESCAPE '\' ORDER BY folded`, l.Territory, l.After, pattern(l.Text))
	if err != nil {
		return nil, fmt.Errorf("list calendars: %w", err)
	}
	defer rows.Close()
	var some []Source
	for (l.Limit == 0 || len(some) < l.Limit) && rows.Next() {
		s, err := scanSource(rows)
		if err != nil {
			return nil, fmt.Errorf("list calendars: %w", err)
		}
		if l.Of == nil || l.Of(s) {
			some = append(some, s)
		}
	}
	return some, rows.Err()
}

// pattern finds text anywhere in a folded column.
func pattern(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(fold(text)) + "%"
}

// Due returns sources of a kind that are to be read now, those first that waited longest, at most limit.
func Due(ctx context.Context, tx *store.Tx, kind Kind, limit int) ([]Source, error) {
	return sources(ctx, tx, `WHERE kind = $1 AND next_at <= $2 ORDER BY next_at, id LIMIT $3`, string(kind), store.Millis(tx.Now), limit)
}

// Failing returns the sources whose last attempt did not go well, by id.
func Failing(ctx context.Context, tx *store.Tx) ([]Source, error) {
	return sources(ctx, tx, `WHERE failures > 0 ORDER BY id`)
}
