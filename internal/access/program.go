package access

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

// Program is another program that talks to the API with a token.
type Program struct {
	ID, Name  string
	Territory string   // "" all
	Offices   []string // none: all of the territory
	Scopes    []Scope
	Created   time.Time
	Until     time.Time // zero: for ever
	Seen      time.Time // up to TouchEvery before it was; zero: never
	Revoked   bool
}

// May reports whether the program has a permission: its role must, and its token the scope.
func (p Program) May(what Permission) bool {
	scope, needs := scoped[what]
	return ProgramRole.May(what) && (!needs || slices.Contains(p.Scopes, scope))
}

// In reports whether the program reaches an office of a territory.
func (p Program) In(territory, office string) bool {
	return reaches(p.Territory, p.Offices, territory, office)
}

// tokenPrefix tells those who find a token what it is.
const tokenPrefix = "sportello_"

// ErrToken is returned for a token that is not good.
var ErrToken = fault.New(fault.SignIn, "unknown_token")

// AddProgram creates a program and returns its token, which is not kept and shown only now.
func AddProgram(ctx context.Context, tx *store.Tx, p Program, by string) (token string, err error) {
	known := func(s Scope) bool { return slices.Contains(Scopes, s) }
	switch {
	case strings.TrimSpace(p.Name) == "" || len([]rune(p.Name)) > longestName:
		return "", fault.New(fault.Invalid, "name_invalid")
	case p.Territory == "" && len(p.Offices) > 0:
		return "", fault.New(fault.Invalid, "territory_missing")
	case slices.ContainsFunc(p.Scopes, func(s Scope) bool { return !known(s) }):
		return "", fault.New(fault.Invalid, "scope_unknown")
	}
	offices, err := json.Marshal(append([]string{}, p.Offices...))
	if err != nil {
		return "", err
	}
	scopes, err := json.Marshal(append([]Scope{}, p.Scopes...))
	if err != nil {
		return "", err
	}
	token = tokenPrefix + store.NewToken() + store.NewToken()
	_, err = tx.Exec(ctx, `
INSERT INTO programs (id, name, territory_id, offices, scopes, token_hash, created_at, valid_until)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.ID, strings.TrimSpace(p.Name), p.Territory, string(offices), string(scopes), digest(token), store.Millis(tx.Now), store.Millis(p.Until))
	if err != nil {
		return "", fmt.Errorf("add program: %w", err)
	}
	return token, record(ctx, tx, by, "token.add", "program:"+p.ID, map[string]any{"scopes": p.Scopes, "offices": p.Offices})
}

// IsProgramToken reports whether a bearer token has the form of a program's.
func IsProgramToken(token string) bool { return strings.HasPrefix(token, tokenPrefix) }

// ProgramOf returns the program of a token, or ErrToken.
func ProgramOf(ctx context.Context, tx *store.Tx, token string) (Program, error) {
	row := tx.QueryRow(ctx, `SELECT `+programColumns+` FROM programs WHERE token_hash = $1 AND (valid_until = 0 OR valid_until > $2)`,
		digest(token), store.Millis(tx.Now))
	p, err := scanProgram(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Program{}, ErrToken
	}
	if err != nil {
		return Program{}, fmt.Errorf("read program: %w", err)
	}
	return p, nil
}

// SeeProgram notes that a program was there, at most every TouchEvery.
func SeeProgram(ctx context.Context, tx *store.Tx, p Program) error {
	_, err := tx.Exec(ctx, `UPDATE programs SET seen_at = $2 WHERE id = $1 AND seen_at <= $3`,
		p.ID, store.Millis(tx.Now), store.Millis(tx.Now.Add(-TouchEvery)))
	return err
}

// RevokeProgram ends a program's token at once; its name stays for the audit. territory is that of who
// does it, "" for all.
func RevokeProgram(ctx context.Context, tx *store.Tx, territory, id, by string) error {
	changed, err := tx.Exec(ctx, `UPDATE programs SET token_hash = NULL WHERE id = $1 AND ($2 = '' OR territory_id = $2)`, id, territory)
	if err != nil {
		return fmt.Errorf("revoke program: %w", err)
	}
	if changed == 0 {
		return fault.New(fault.Missing, "program_missing")
	}
	tx.Touch(Topic, 0)
	if err := audit.Erase(ctx, tx, "program:"+id); err != nil {
		return err
	}
	return record(ctx, tx, by, "token.revoke", "program:"+id, nil)
}

// Programs returns the programs of a territory, "" for all, the newest first.
func Programs(ctx context.Context, tx *store.Tx, territory string) ([]Program, error) {
	all, err := store.All(ctx, tx, scanProgram, `SELECT `+programColumns+` FROM programs WHERE $1 = '' OR territory_id = $1 ORDER BY created_at DESC, id`, territory)
	if err != nil {
		return nil, fmt.Errorf("read programs: %w", err)
	}
	return all, nil
}

const programColumns = `id, name, territory_id, offices, scopes, created_at, valid_until, seen_at, CASE WHEN token_hash IS NULL THEN TRUE ELSE FALSE END`

func scanProgram(row store.Row) (Program, error) {
	var p Program
	var offices, scopes string
	var created, until, seen int64
	if err := row.Scan(&p.ID, &p.Name, &p.Territory, &offices, &scopes, &created, &until, &seen, &p.Revoked); err != nil {
		return Program{}, err
	}
	p.Created, p.Until, p.Seen = store.FromMillis(created), store.FromMillis(until), store.FromMillis(seen)
	err := errors.Join(json.Unmarshal([]byte(offices), &p.Offices), json.Unmarshal([]byte(scopes), &p.Scopes))
	return p, err
}
