package audit

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"sportello/internal/fault"
	"sportello/internal/store"
)

// Line is one line of the audit.
type Line struct {
	Scope   string          `json:"scope"`
	Version int64           `json:"version"`
	Line    int64           `json:"line"`
	At      time.Time       `json:"at"`
	Actor   string          `json:"actor"`
	Action  string          `json:"action"`
	Subject string          `json:"subject"`
	Detail  json.RawMessage `json:"detail"` // an object of ids, codes, numbers and times
	Hash    string          `json:"hash"`   // hex; "" written before there was a chain
}

const columns = `scope, version, line, at, actor, action, subject, detail, hash`

const selectScope = `SELECT ` + columns + ` FROM audit WHERE scope = $1 ORDER BY version, line`

// walk calls do for each line of a query, one at a time.
func walk(ctx context.Context, tx *store.Tx, query string, args []any, do func(l Line) error) error {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var l Line
		var at int64
		var detail string
		if err := rows.Scan(&l.Scope, &l.Version, &l.Line, &at, &l.Actor, &l.Action, &l.Subject, &detail, &l.Hash); err != nil {
			return err
		}
		l.At, l.Detail = store.FromMillis(at), json.RawMessage(detail)
		if err := do(l); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Query says which lines to list. What is empty does not choose.
type Query struct {
	Scopes                 []string // none: all
	Actor, Action, Subject string
	From, Until            time.Time // from, inclusive, until, exclusive
	Before                 Cursor    // as List returned it; "" begins with the newest
	Limit                  int       // at most MostLines; 0 is DefaultLines
}

// How many lines List returns at once.
const (
	DefaultLines = 50
	MostLines    = 500
)

// Cursor is where a list goes on; it is opaque and safe in an address.
type Cursor string

// ErrCursor is the fault of a cursor that List did not return.
var ErrCursor = fault.New(fault.Malformed, "malformed")

// List returns lines, newest first, and the cursor of those after them, "" when there are none. Its
// fault is ErrCursor.
func List(ctx context.Context, tx *store.Tx, q Query) ([]Line, Cursor, error) {
	start, err := q.start()
	if err != nil {
		return nil, "", err
	}
	scopes := slices.Compact(slices.Sorted(slices.Values(q.Scopes)))
	if len(scopes) == 0 {
		if scopes, err = knownScopes(ctx, tx); err != nil {
			return nil, "", fmt.Errorf("list audit: %w", err)
		}
	}
	limit := min(cmp.Or(q.Limit, DefaultLines), MostLines)
	var all []Line
	for _, scope := range scopes { // each by index; all at once would be sorted whole
		query, args := q.sql(scope, start, limit+1)
		err := walk(ctx, tx, query, args, func(l Line) error {
			all = append(all, l)
			return nil
		})
		if err != nil {
			return nil, "", fmt.Errorf("list audit: %w", err)
		}
	}
	slices.SortFunc(all, func(a, b Line) int { return b.place().compare(a.place()) })
	if len(all) <= limit {
		return all, "", nil
	}
	return all[:limit], all[limit-1].place().cursor(), nil
}

// sql is the query for the lines of one scope that come after start.
func (q Query) sql(scope string, start place, limit int) (string, []any) {
	at, version, line := start.within(scope)
	args := []any{scope, at, version, line, store.Millis(q.From), limit}
	conditions := ""
	for _, c := range []struct{ column, value string }{{"actor", q.Actor}, {"action", q.Action}, {"subject", q.Subject}} {
		if c.value != "" {
			args = append(args, c.value)
			conditions += fmt.Sprintf(" AND %s = $%d", c.column, len(args))
		}
	}
	return `SELECT ` + columns + ` FROM audit
WHERE scope = $1 AND (at, version, line) < ($2, $3, $4) AND at >= $5` + conditions + `
ORDER BY at DESC, version DESC, line DESC LIMIT $6`, args
}

func knownScopes(ctx context.Context, tx *store.Tx) ([]string, error) {
	heads, err := readHeads(ctx, tx)
	scopes := make([]string, 0, len(heads))
	for scope := range heads {
		scopes = append(scopes, scope)
	}
	slices.Sort(scopes)
	return scopes, err
}

// place is where a line stands in the list of all scopes.
type place struct {
	at            int64
	scope         string
	version, line int64
}

func (l Line) place() place { return place{store.Millis(l.At), l.Scope, l.Version, l.Line} }

func (p place) compare(o place) int {
	return cmp.Or(cmp.Compare(p.at, o.at), cmp.Compare(p.scope, o.scope), cmp.Compare(p.version, o.version), cmp.Compare(p.line, o.line))
}

// within is what the lines of a scope must come before to come before p.
func (p place) within(scope string) (at, version, line int64) {
	switch {
	case scope < p.scope:
		return p.at, math.MaxInt64, 0
	case scope > p.scope:
		return p.at, -1, 0
	}
	return p.at, p.version, p.line
}

// start is the place that the listed lines come before.
func (q Query) start() (place, error) {
	until := place{at: math.MaxInt64}
	if !q.Until.IsZero() {
		until.at = store.Millis(q.Until)
	}
	if q.Before == "" {
		return until, nil
	}
	p, err := q.Before.place()
	if err == nil && until.compare(p) < 0 {
		p = until
	}
	return p, err
}

func (p place) cursor() Cursor {
	return Cursor(base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %d %s", p.at, p.version, p.line, p.scope)))
}

func (c Cursor) place() (p place, err error) {
	text, err := base64.RawURLEncoding.DecodeString(string(c))
	if err != nil {
		return place{}, ErrCursor
	}
	if _, err := fmt.Sscanf(string(text), "%d %d %d %s", &p.at, &p.version, &p.line, &p.scope); err != nil || p.cursor() != c {
		return place{}, ErrCursor
	}
	return p, nil
}

// Head is the last line of a scope, at one time or another.
type Head struct {
	Scope         string
	Version, Line int64
	Hash          string // hex; "" written before there was a chain
}

// readHeads returns what audit_heads keeps, by scope.
func readHeads(ctx context.Context, tx *store.Tx) (map[string]Head, error) {
	rows, err := tx.Query(ctx, `SELECT scope, version, line, hash FROM audit_heads`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[string]Head)
	for rows.Next() {
		var h Head
		if err := rows.Scan(&h.Scope, &h.Version, &h.Line, &h.Hash); err != nil {
			return nil, err
		}
		all[h.Scope] = h
	}
	return all, rows.Err()
}

// selectHeadAt walks back from the end of the chain; at alone would have the index of times used, and
// all before the instant sorted.
const selectHeadAt = `
SELECT scope, version, line, hash FROM audit
WHERE scope = $1 AND at + 0 < $2 AND hash <> '' ORDER BY version DESC, line DESC LIMIT 1`

// Heads returns, by scope, the last line before an instant of each scope that had one.
func Heads(ctx context.Context, tx *store.Tx, before time.Time) ([]Head, error) {
	scopes, err := knownScopes(ctx, tx)
	if err != nil {
		return nil, fmt.Errorf("read audit heads: %w", err)
	}
	var all []Head
	for _, scope := range scopes {
		var h Head
		err := tx.QueryRow(ctx, selectHeadAt, scope, store.Millis(before)).Scan(&h.Scope, &h.Version, &h.Line, &h.Hash)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("read audit heads: %w", err)
		}
		all = append(all, h)
	}
	return all, nil
}
