package territory

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// Kind is what an object of a territory is.
type Kind string

// The kinds.
const (
	KindTerritory   Kind = "territory" // what it says of itself
	KindInstitution Kind = "institution"
	KindService     Kind = "service"
	KindNeed        Kind = "need"
	KindOffice      Kind = "office"
	KindOfficer     Kind = "officer"
)

// Ref names an object of a territory.
type Ref struct {
	Kind Kind
	ID   string
}

// Change is what a manager wants to be otherwise: objects that replace those of the same id or are new,
// and some that are to go. Put.Territory.ID names the territory.
type Change struct {
	Put    *File
	Remove []Ref
	// Seen are the revs of the objects when the manager began to change them; 0: there was none.
	Seen map[Ref]int64
	By   string // as in the audit: user:ID
}

// Edited is returned when somebody else was quicker: what they made of the object is in the database.
// It is the fault edited_meanwhile.
type Edited struct{ Ref Ref }

// Error names the object.
func (e *Edited) Error() string {
	return fmt.Sprintf("%s %s was edited meanwhile", e.Ref.Kind, e.Ref.ID)
}

// Unwrap returns the fault.
func (e *Edited) Unwrap() error { return errEdited }

var errEdited = fault.New(fault.Conflict, "edited_meanwhile")

// Try returns the territory as it would be after a change, of which nothing is written, or the error of
// Apply.
func Try(ctx context.Context, tx *store.Tx, c Change) (*Territory, error) {
	whole, err := c.whole(ctx, tx)
	if err != nil {
		return nil, err
	}
	return build(whole, "")
}

// TryReport is Try with what Apply would report.
func TryReport(ctx context.Context, tx *store.Tx, c Change) (*Territory, Report, error) {
	whole, err := c.whole(ctx, tx)
	if err != nil {
		return nil, Report{}, err
	}
	report, err := foretell(ctx, tx, c.Put, whole)
	if err != nil {
		return nil, Report{}, err
	}
	t, err := build(whole, "")
	return t, report, err
}

// Apply makes a change. The errors are an Edited when an object is not as it was seen, and a Problems
// with what would be wrong afterwards and was not before; then the transaction must not be committed.
// What removing takes away from tickets and appointments is the caller's to ask.
func Apply(ctx context.Context, tx *store.Tx, c Change) (Report, error) {
	if _, err := tx.Exec(ctx, lockTerritory, c.Put.Territory.ID); err != nil {
		return Report{}, fmt.Errorf("change territory: %w", err)
	}
	whole, err := c.whole(ctx, tx)
	if err != nil {
		return Report{}, err
	}
	return write(ctx, tx, c.Put, whole, c.By)
}

// whole returns the territory's file form as it would be after the change.
func (c Change) whole(ctx context.Context, tx *store.Tx) (*File, error) {
	if err := c.fresh(ctx, tx); err != nil {
		return nil, err
	}
	held, elsewhere, err := around(ctx, tx, c.Put.Territory.ID)
	if err != nil {
		return nil, err
	}
	if findings := check(c.Put, held, elsewhere); len(findings) > 0 {
		return nil, Problems(c.Put.problems(findings))
	}
	whole := over(held, c.Put)
	if len(c.Remove) == 0 {
		return whole, nil
	}
	before := whole.problems(check(whole, whole, elsewhere))
	whole.remove(c.Remove)
	after := whole.problems(check(whole, whole, elsewhere))
	after = slices.DeleteFunc(after, func(p Problem) bool {
		return slices.ContainsFunc(before, func(was Problem) bool { return was.Text == p.Text })
	})
	if len(after) > 0 {
		return nil, Problems(after)
	}
	return whole, nil
}

// fresh refuses a change of what somebody else has changed since it was seen.
func (c Change) fresh(ctx context.Context, tx *store.Tx) error {
	for ref, seen := range c.Seen {
		rev, err := RevOf(ctx, tx, c.Put.Territory.ID, ref)
		if err != nil {
			return err
		}
		if rev != seen {
			return &Edited{ref}
		}
	}
	return nil
}

// remove takes objects away.
func (f *File) remove(refs []Ref) {
	gone := func(kind Kind, id string) bool { return slices.Contains(refs, Ref{kind, id}) }
	f.Institutions = slices.DeleteFunc(f.Institutions, func(e InstitutionEntry) bool { return gone(KindInstitution, e.ID) })
	f.Services = slices.DeleteFunc(f.Services, func(e ServiceEntry) bool { return gone(KindService, e.ID) })
	f.Needs = slices.DeleteFunc(f.Needs, func(e NeedEntry) bool { return gone(KindNeed, e.ID) })
	f.Territory.Menu = slices.DeleteFunc(f.Territory.Menu, func(id string) bool { return gone(KindNeed, id) })
	f.Offices = slices.DeleteFunc(f.Offices, func(e OfficeEntry) bool { return gone(KindOffice, e.ID) })
	f.Officers = slices.DeleteFunc(f.Officers, func(e OfficerEntry) bool { return gone(KindOfficer, e.ID) })
}

// table is where the objects of the kind are; the territory itself has another.
func (k Kind) table() table { return table(k + "s") }

// RevOf returns the rev of an object of a territory, 0 when there is none.
func RevOf(ctx context.Context, tx *store.Tx, territory string, ref Ref) (rev int64, err error) {
	query, args := ref.Kind.table().sql(`SELECT rev FROM {table} WHERE territory_id = $1 AND id = $2`), []any{territory, ref.ID}
	if ref.Kind == KindTerritory {
		query, args = `SELECT rev FROM territories WHERE id = $1`, []any{territory}
	}
	err = tx.QueryRow(ctx, query, args...).Scan(&rev)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read rev: %w", err)
	}
	return rev, nil
}

// Revision is what an object was from an instant on.
type Revision struct {
	Rev  int64
	At   time.Time // zero: before there was a history
	By   string    // as in the audit
	Body []byte    // its file form as JSON; none: it was removed
}

const selectHistory = `
SELECT rev, changed_at, changed_by, body FROM territory_history
WHERE territory_id = $1 AND kind = $2 AND object_id = $3 AND ($4 = 0 OR rev < $4) ORDER BY rev DESC LIMIT $5`

// History returns what an object was, the newest first, at most limit; before another rev, unless that
// is 0.
func History(ctx context.Context, tx *store.Tx, territory string, ref Ref, before int64, limit int) ([]Revision, error) {
	all, err := store.All(ctx, tx, func(row store.Row) (v Revision, err error) {
		var at int64
		var body string
		err = row.Scan(&v.Rev, &at, &v.By, &body)
		v.At, v.Body = store.FromMillis(at), []byte(body)
		return v, err
	}, selectHistory, territory, string(ref.Kind), ref.ID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read history: %w", err)
	}
	return all, nil
}

// Entry reads the file form of an object as of a revision, such as an OfficeEntry.
func Entry[T any](v Revision) (entry T, err error) {
	err = json.Unmarshal(v.Body, &entry)
	return entry, err
}

const selectLastRev = `
SELECT COALESCE(MAX(rev), 0) FROM territory_history WHERE territory_id = $1 AND kind = $2 AND object_id = $3`

// lastRev returns the last rev that an object ever had.
func lastRev(ctx context.Context, tx *store.Tx, territory string, ref Ref) (rev int64, err error) {
	err = tx.QueryRow(ctx, selectLastRev, territory, string(ref.Kind), ref.ID).Scan(&rev)
	return rev, err
}

const insertHistory = `
INSERT INTO territory_history (territory_id, kind, object_id, rev, body, changed_at, changed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING`

// record keeps what was and what is of each object that changed, and notes in the audit who did it:
// offices by their versions in the order of their ids, then the rest.
func (w *writer) record(ctx context.Context, tx *store.Tx, versions map[string]int64) error {
	slices.SortFunc(w.changes, func(a, b change) int {
		return strings.Compare(a.scope(versions)+"\x00"+a.ref.ID, b.scope(versions)+"\x00"+b.ref.ID)
	})
	for _, c := range w.changes {
		if err := w.keep(ctx, tx, c); err != nil {
			return fmt.Errorf("keep history: %w", err)
		}
		action := "change"
		switch {
		case c.removed:
			action = "remove"
		case c.before == "":
			action = "add"
		}
		e := audit.Entry{
			Scope: c.ref.ID, Version: versions[c.ref.ID], Actor: w.by, Action: string(c.ref.Kind) + "." + action,
			Subject: string(c.ref.Kind) + ":" + c.ref.ID, Detail: map[string]any{"territory": w.territory, "rev": c.rev},
		}
		if c.scope(versions) == afterOffices {
			e.Scope, e.Version = audit.System, 0
		}
		if err := audit.Record(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// afterOffices sorts behind every id of an office.
const afterOffices = "~"

// scope is the office whose audit a change belongs to, or afterOffices: the system's.
func (c change) scope(versions map[string]int64) string {
	if _, there := versions[c.ref.ID]; there && c.ref.Kind == KindOffice {
		return c.ref.ID
	}
	return afterOffices
}

func (w *writer) keep(ctx context.Context, tx *store.Tx, c change) error {
	if c.before != "" { // what was written before there was a history
		if _, err := tx.Exec(ctx, insertHistory, w.territory, string(c.ref.Kind), c.ref.ID, c.rev-1, c.before, 0, ""); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, insertHistory, w.territory, string(c.ref.Kind), c.ref.ID, c.rev, c.body, store.Millis(tx.Now), w.by)
	return err
}
