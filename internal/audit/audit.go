// Package audit is the append-only record of who did what and when: ids and codes, never personal
// data. Nothing here changes or deletes a line.
//
// The lines of a scope, which is an office or System, are a chain in the order of their version and
// line: the hash of each covers the one before it, and audit_heads keeps the last. So a line that was
// changed, removed, put in or moved is found by Verify. Whoever can write to the database could
// compute the whole chain anew; therefore heads are written elsewhere (syslog, mail) every day, and
// Verify compares with them.
//
// Lines of an office carry the office's version. Who records locks the scope's head until the end of
// the transaction; with several scopes, record offices in the order of their ids and System last.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"

	"sportello/internal/store"
)

// System is the scope of what belongs to no office.
const System = "system"

// Entry is what Record writes down. Actor is "user:ID", "device:ID", "job:NAME" or "citizen".
type Entry struct {
	Scope   string         // an office, or System
	Version int64          // of the office; 0 counts with its last line. System has a version of its own
	Actor   string         // who did it
	Action  string         // what was done, as a verb with its object: "ticket.call"
	Subject string         // whose id it was done to
	Detail  map[string]any // ids, codes, numbers and times
}

// Record writes e in the transaction that does what it tells. It refuses words: what is no code
// (see IsCode) might be personal data.
func Record(ctx context.Context, tx *store.Tx, e Entry) error {
	if err := record(ctx, tx, e); err != nil {
		return fmt.Errorf("record %s: %w", e.Action, err)
	}
	return nil
}

func record(ctx context.Context, tx *store.Tx, e Entry) error {
	l, err := e.line(tx)
	if err != nil {
		return err
	}
	last, err := lockHead(ctx, tx, e.Scope)
	if err != nil {
		return err
	}
	l.Version, l.Line = last.place(e)
	l.Hash = l.sum(last.Hash)
	return write(ctx, tx, l)
}

// line is the entry as it will be read, without its place in the chain.
func (e Entry) line(tx *store.Tx) (Line, error) {
	detail := []byte("{}")
	if e.Detail != nil {
		var err error
		if detail, err = json.Marshal(e.Detail); err != nil {
			return Line{}, err
		}
	}
	for _, text := range []string{e.Scope, e.Actor, e.Action, e.Subject} {
		if !IsCode(text) {
			return Line{}, fmt.Errorf("%q is no id or code", text)
		}
	}
	if !coded(string(detail), punctuation+`{}[]",`) {
		return Line{}, fmt.Errorf("details must be ids, codes, numbers and times: %s", detail)
	}
	return Line{Scope: e.Scope, At: tx.Now, Actor: e.Actor, Action: e.Action, Subject: e.Subject, Detail: detail}, nil
}

// punctuation is what ids, codes, numbers and RFC 3339 times have besides letters and digits.
const punctuation = "._:+-"

// IsCode reports whether text can be an id or a code: ASCII letters, digits and a few signs between
// them, without a space. What people type is none.
func IsCode(text string) bool { return text != "" && coded(text, punctuation) }

func coded(text, signs string) bool {
	for i := range len(text) {
		c := text[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte(signs, c) < 0 {
			return false
		}
	}
	return true
}

// lockHeadOf returns the head of a scope and has others who record wait for the end of the
// transaction; on PostgreSQL too when the office is not locked.
const lockHeadOf = `
INSERT INTO audit_heads (scope, version, line) VALUES ($1, 0, -1)
ON CONFLICT (scope) DO UPDATE SET version = audit_heads.version
RETURNING version, line, hash`

func lockHead(ctx context.Context, tx *store.Tx, scope string) (Head, error) {
	last := Head{Scope: scope}
	if err := tx.QueryRow(ctx, lockHeadOf, scope).Scan(&last.Version, &last.Line, &last.Hash); err != nil {
		return Head{}, err
	}
	if last.Hash != "" || last.Line < 0 {
		return last, nil
	}
	// The first line since there is a chain covers all those before it.
	err := walk(ctx, tx, selectScope, []any{scope}, func(l Line) error {
		last.Hash = l.sum(last.Hash)
		return nil
	})
	return last, err
}

// place is where the line after h stands: never before it, whatever version the caller has.
func (h Head) place(e Entry) (version, line int64) {
	switch {
	case e.Scope == System:
		return h.Version + 1, 0
	case e.Version > h.Version:
		return e.Version, 0
	}
	return h.Version, h.Line + 1
}

const (
	insertLine = `
INSERT INTO audit (scope, version, line, at, actor, action, subject, detail, hash)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	moveHead = `UPDATE audit_heads SET version = $2, line = $3, hash = $4 WHERE scope = $1`
)

func write(ctx context.Context, tx *store.Tx, l Line) error {
	_, err := tx.Exec(ctx, insertLine, l.Scope, l.Version, l.Line, store.Millis(l.At), l.Actor, l.Action, l.Subject, string(l.Detail), l.Hash)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, moveHead, l.Scope, l.Version, l.Line, l.Hash)
	return err
}

// sum is the hash of a line: SHA-256, in hex, over the hash of the line before it and the line's
// fields in the order of their columns, each with its length before it, so that no two different
// lines have the same bytes. Numbers and the time, in Unix milliseconds, are eight bytes, the most
// significant first.
func (l Line) sum(before string) string {
	b := make([]byte, 0, 512)
	text := func(s string) { b = append(binary.BigEndian.AppendUint64(b, uint64(len(s))), s...) }
	number := func(n int64) { b = binary.BigEndian.AppendUint64(b, uint64(n)) }
	text(before)
	text(l.Scope)
	number(l.Version)
	number(l.Line)
	number(store.Millis(l.At))
	text(l.Actor)
	text(l.Action)
	text(l.Subject)
	text(string(l.Detail))
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
