package calendar

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	"sportello/internal/store"
)

// Outcome is what became of an attempt to read a source.
type Outcome struct {
	Code   Code
	Counts map[Count]int // those that are zero are left out

	// Of a good answer; of OK and Unchanged. What the server did not say is empty.
	ETag, LastModified, SyncToken string
	ReadUntil                     time.Time

	// After is how long the server wants to be left alone; 0: as usual.
	After time.Duration
}

// Count names a number in the log.
type Count string

// The counts of reading.
const (
	Spans   Count = "spans"   // stretches of busy time that are not over
	Added   Count = "added"   // of them, new
	Removed Count = "removed" // gone
	Refused Count = "refused" // events that were not understood
	Bytes   Count = "bytes"   // after decompression
)

// good reports whether the source answered as it should.
func (o Outcome) good() bool { return o.Code == OK || o.Code == Unchanged }

// How often a source is read, and how long it is left alone after its first failure, which doubles with
// each further one until longestPause.
const (
	readEvery    = 15 * time.Minute
	davEvery     = 5 * time.Minute
	firstPause   = 5 * time.Minute
	longestPause = 6 * time.Hour
	mostAfter    = 24 * time.Hour // that a server may ask for
)

// Stale is how old the last good answer of a source is when those who run the office are told.
const Stale = 6 * time.Hour

// Stale reports whether what a source says is so old that it may be wrong.
func (s Source) Stale(now time.Time) bool {
	return s.Failures > 0 && now.Sub(s.GoodAt) >= Stale && now.Sub(s.since) >= Stale
}

// every is how often a source of a kind is read when all goes well. Asking a collection what changed costs
// its server little.
func (k Kind) every() time.Duration {
	if k == CalDAV {
		return davEvery
	}
	return readEvery
}

// pause is how long a source is left alone after so many failures in a row. Each source has a moment of
// its own, so that those which failed together do not come back together.
func (s Source) pause(failures int) time.Duration {
	wait := s.Kind.every()
	if failures > 0 {
		wait = min(firstPause<<min(failures-1, 10), longestPause)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(s.ID)) // never fails (package hash)
	return wait - wait/10 + time.Duration(h.Sum32()%200)*wait/1000
}

const (
	noteGood = `
UPDATE calendar_sources SET etag = $4, last_modified = $5, sync_token = $6, read_until = $7, fetched_at = $3, good_at = $3, next_at = $8, failures = 0, problem = ''
WHERE id = $1 AND rev = $2`
	noteBad = `
UPDATE calendar_sources SET fetched_at = $3, next_at = $4, failures = $5, problem = $6 WHERE id = $1 AND rev = $2`
	insertLog = `
INSERT INTO calendar_log (source_id, seq, at, code, counts)
SELECT CAST($1 AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT) FROM calendar_log WHERE source_id = $1`
	pruneLog = `
DELETE FROM calendar_log WHERE source_id = $1 AND seq <= (SELECT MAX(seq) FROM calendar_log WHERE source_id = $1) - $2`
)

// logKept is how many entries the log of a source has.
const logKept = 100

// Claim locks a source for the transaction and reports whether it still is what was read: neither edited
// nor removed. What is written of it otherwise would be another address's. It has the source's next turn: who
// has read it before that, and has not written, knows that another has.
func Claim(ctx context.Context, tx *store.Tx, s Source) (bool, error) {
	rows, err := tx.Exec(ctx, `UPDATE calendar_sources SET turn = turn + 1 WHERE id = $1 AND rev = $2`, s.ID, s.Rev)
	if err != nil {
		return false, fmt.Errorf("claim calendar: %w", err)
	}
	return rows == 1, nil
}

// Note writes down what became of an attempt to read a source that is claimed, and when the next is due.
func Note(ctx context.Context, tx *store.Tx, s Source, o Outcome) error {
	var err error
	after := min(o.After, mostAfter)
	if o.good() {
		next := tx.Now.Add(max(s.pause(0), after))
		_, err = tx.Exec(ctx, noteGood, s.ID, s.Rev, store.Millis(tx.Now), o.ETag, o.LastModified, o.SyncToken, store.Millis(o.ReadUntil), store.Millis(next))
	} else {
		next := tx.Now.Add(max(s.pause(s.Failures+1), after))
		_, err = tx.Exec(ctx, noteBad, s.ID, s.Rev, store.Millis(tx.Now), store.Millis(next), s.Failures+1, string(o.Code))
	}
	if err != nil {
		return fmt.Errorf("note calendar: %w", err)
	}
	counts, err := json.Marshal(o.Counts)
	if err != nil {
		return fmt.Errorf("note calendar: %w", err)
	}
	if _, err := tx.Exec(ctx, insertLog, s.ID, store.Millis(tx.Now), string(o.Code), string(counts)); err != nil {
		return fmt.Errorf("log calendar: %w", err)
	}
	if _, err := tx.Exec(ctx, pruneLog, s.ID, logKept); err != nil {
		return fmt.Errorf("log calendar: %w", err)
	}
	return nil
}

// LogEntry is an attempt to read a source.
type LogEntry struct {
	Seq    int64
	At     time.Time
	Code   Code
	Counts map[Count]int
}

func scanLogEntry(row store.Row) (e LogEntry, err error) {
	var ms int64
	var counts string
	if err := row.Scan(&e.Seq, &ms, &e.Code, &counts); err != nil {
		return LogEntry{}, err
	}
	e.At = store.FromMillis(ms)
	err = json.Unmarshal([]byte(counts), &e.Counts)
	return e, err
}

// Log returns the last attempts to read a source, the newest first.
func Log(ctx context.Context, tx *store.Tx, id string, limit int) ([]LogEntry, error) {
	all, err := store.All(ctx, tx, scanLogEntry,
		`SELECT seq, at, code, counts FROM calendar_log WHERE source_id = $1 ORDER BY seq DESC LIMIT $2`, id, limit)
	if err != nil {
		return nil, fmt.Errorf("read calendar log: %w", err)
	}
	return all, nil
}
