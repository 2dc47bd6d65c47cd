package audit

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"sportello/internal/store"
)

// Note writes heads down, a line each, to be kept elsewhere and read by ReadNotes. until is the
// instant before which they were the last lines.
func Note(until time.Time, heads []Head) []string {
	lines := make([]string, len(heads))
	for i, h := range heads {
		lines[i] = fmt.Sprintf("audit-head %s %s %d %d sha256:%s", until.UTC().Format(time.RFC3339), h.Scope, h.Version, h.Line, h.Hash)
	}
	return lines
}

var notePattern = regexp.MustCompile(`audit-head \S+ (\S+) (\d{1,18}) (\d{1,18}) sha256:([0-9a-f]{64})\b`)

// ReadNotes finds the lines of Note in a text, which may be a file that the command line printed, a
// log of syslog or a saved mail; other lines are skipped. A damaged note and a text without any are
// errors.
func ReadNotes(text string) ([]Head, error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "=\n", "") // a mail's long lines are folded so (RFC 2045 section 6.7)
	var all []Head
	n := 0
	for line := range strings.Lines(text) {
		n++
		if !strings.Contains(line, "audit-head ") {
			continue
		}
		found := notePattern.FindStringSubmatch(line)
		if found == nil {
			return nil, fmt.Errorf("line %d: not as sportello wrote it", n)
		}
		version, err1 := strconv.ParseInt(found[2], 10, 64)
		number, err2 := strconv.ParseInt(found[3], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, Head{found[1], version, number, found[4]})
	}
	if len(all) == 0 {
		return nil, errors.New("no line of a head in it")
	}
	return all, nil
}

// MarkNoted notes that the heads of a day, such as 2026-11-24, were written down in a way, and reports
// whether they were not before.
func MarkNoted(ctx context.Context, tx *store.Tx, day, way string) (first bool, err error) {
	const mark = `INSERT INTO audit_notes (day, way, noted_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
	rows, err := tx.Exec(ctx, mark, day, way, store.Millis(tx.Now))
	if err != nil {
		return false, fmt.Errorf("note audit heads: %w", err)
	}
	return rows == 1, nil
}

// Noted reports whether MarkNoted was told so.
func Noted(ctx context.Context, tx *store.Tx, day, way string) (bool, error) {
	const count = `SELECT COUNT(*) FROM audit_notes WHERE day = $1 AND way = $2`
	var n int
	if err := tx.QueryRow(ctx, count, day, way).Scan(&n); err != nil {
		return false, fmt.Errorf("read audit notes: %w", err)
	}
	return n > 0, nil
}
