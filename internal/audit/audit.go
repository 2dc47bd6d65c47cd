// Package audit is the append-only record of who did what and when: ids and codes, never personal
// data. Lines of an office carry the office's version, so they stand in the order of its changes.
package audit

import (
	"context"
	"encoding/json"
	"fmt"

	"sportello/internal/store"
)

// System is the scope of what belongs to no office.
const System = "system"

// Entry is one line. Actor is "user:ID", "device:ID", "job:NAME" or "citizen".
type Entry struct {
	Scope   string // an office, or System
	Version int64  // of the office; System has one of its own
	Actor   string
	Action  string // what was done, as a verb with its object: "ticket.call"
	Subject string // whose id it was done to
	Detail  map[string]any
}

// raiseHead also lets those who write to one scope follow one another.
const raiseHead = `
INSERT INTO audit_heads (scope, version) VALUES ($1, 1)
ON CONFLICT (scope) DO UPDATE SET version = audit_heads.version + 1
RETURNING version`

const insertEntry = `
INSERT INTO audit (scope, version, line, at, actor, action, subject, detail)
SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), COUNT(*), CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT), CAST($7 AS TEXT)
FROM audit WHERE scope = $1 AND version = $2`

// Record writes e in the transaction that does what it tells.
func Record(ctx context.Context, tx *store.Tx, e Entry) error {
	detail := []byte("{}")
	if e.Detail != nil {
		var err error
		if detail, err = json.Marshal(e.Detail); err != nil {
			return fmt.Errorf("record %s: %w", e.Action, err)
		}
	}
	version := e.Version
	if e.Scope == System {
		if err := tx.QueryRow(ctx, raiseHead, e.Scope).Scan(&version); err != nil {
			return fmt.Errorf("record %s: %w", e.Action, err)
		}
	}
	_, err := tx.Exec(ctx, insertEntry, e.Scope, version, store.Millis(tx.Now), e.Actor, e.Action, e.Subject, string(detail))
	if err != nil {
		return fmt.Errorf("record %s: %w", e.Action, err)
	}
	return nil
}
