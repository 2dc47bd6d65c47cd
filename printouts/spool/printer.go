package spool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"sportello/internal/fault"
	"sportello/internal/store"
)

// Printer is where paper comes out.
type Printer struct {
	ID, Office, Name string
	URI              string // as the package says

	// What follows is read, not written, by AddPrinter.

	Rev       int64     // counts the changes
	Condition Condition // as far as it is known
	CheckedAt time.Time // when that was found out; zero: never
	SeenAt    time.Time // when it last answered; zero: never
}

// Condition is how a printer is.
type Condition string

// The conditions of a printer.
const (
	Unknown     Condition = "unknown" // never asked
	OK          Condition = "ok"
	NearEnd     Condition = "near_end"     // prints, but its paper is nearly finished
	OutOfPaper  Condition = "out_of_paper" // prints nothing until it is given paper
	Refusing    Condition = "refusing"     // answers and prints nothing: cover open, fault, full disk
	Unreachable Condition = "unreachable"  // nobody answers at its address
)

// Prints reports whether a printer in this condition takes jobs.
func (c Condition) Prints() bool { return c == OK || c == NearEnd }

// Sheets reports whether the printer takes forms, which need paper of A4. What an agent drives is known to
// the agent alone; forms are not sent there.
func (p Printer) Sheets() bool {
	out, _ := parse(p.URI, usual)
	switch out := out.(type) {
	case folder:
		return true
	case queue:
		return !out.thermal
	}
	return false
}

// An outlet is what a printer's address leads to.
type outlet interface {
	// print prints job, of which an earlier attempt may have left something. It does not begin when
	// ctx has ended, and finishes what it has begun.
	print(ctx context.Context, job *claimed) outcome
	// check asks how the printer is. The error says why, unless it prints.
	check(ctx context.Context) (Condition, error)
	// patience is how long a job may be in a living process's hands.
	patience() time.Duration
}

// outcome is what became of an attempt to print a job.
type outcome struct {
	state     State // Queued: nothing was written; the job is tried again
	detail    string
	condition Condition // of the printer; "": nothing new
	err       error     // for the log
}

// parse returns what uri leads to, and false when this program cannot print there.
func parse(uri string, limits limits) (outlet, bool) {
	if out, ok := parseFolder(uri); ok {
		return out, true
	}
	if out, ok := parseThermal(uri, limits); ok {
		return out, true
	}
	if out, ok := parseQueue(uri, limits); ok {
		return out, true
	}
	if uri == agentURI {
		return remote{}, true
	}
	return nil, false
}

// AddPrinter adds p, or changes the printer of its id to it. It returns the fault printer_uri when
// this program cannot print to p.URI.
func AddPrinter(ctx context.Context, tx *store.Tx, p Printer) error {
	const add = `
		INSERT INTO printers (id, office_id, name, uri, folded) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (id) DO UPDATE
		SET rev = printers.rev + 1, office_id = excluded.office_id, name = excluded.name, uri = excluded.uri, folded = excluded.folded,
			state = CASE WHEN printers.uri = excluded.uri THEN printers.state ELSE 'unknown' END,
			checked_at = CASE WHEN printers.uri = excluded.uri THEN printers.checked_at ELSE 0 END,
			seen_at = CASE WHEN printers.uri = excluded.uri THEN printers.seen_at ELSE 0 END
		WHERE printers.office_id <> excluded.office_id OR printers.name <> excluded.name OR printers.uri <> excluded.uri`
	if _, ok := parse(p.URI, usual); !ok {
		return fault.New(fault.Invalid, "printer_uri", "uri", p.URI)
	}
	if _, err := tx.Exec(ctx, add, p.ID, p.Office, p.Name, p.URI, store.Fold(p.Name+" "+p.URI)); err != nil {
		return fmt.Errorf("add printer: %w", err)
	}
	return nil
}

// RemovePrinter removes a printer and what it printed. It returns the faults unknown_printer,
// printer_has_devices when the tickets of a device come out there, and printer_has_jobs when it
// still owes paper.
func RemovePrinter(ctx context.Context, tx *store.Tx, id string) error {
	const (
		lock   = `UPDATE printers SET rev = rev WHERE id = $1`
		inUse  = `SELECT (SELECT COUNT(*) FROM devices WHERE printer_id = $1 OR fallback_id = $1), (SELECT COUNT(*) FROM print_jobs WHERE printer_id = $1 AND state IN ('queued', 'sent'))`
		forget = `DELETE FROM print_jobs WHERE printer_id = $1`
		remove = `DELETE FROM printers WHERE id = $1`
	)
	var devices, open int
	rows, err := tx.Exec(ctx, lock, id)
	if err == nil && rows > 0 {
		err = tx.QueryRow(ctx, inUse, id).Scan(&devices, &open)
	}
	switch {
	case err != nil:
		return fmt.Errorf("remove printer: %w", err)
	case rows == 0:
		return fault.New(fault.Missing, "unknown_printer", "printer", id)
	case devices > 0:
		return fault.New(fault.Conflict, "printer_has_devices", "n", devices)
	case open > 0:
		return fault.New(fault.Conflict, "printer_has_jobs", "n", open)
	}
	for _, statement := range []string{forget, remove} {
		if _, err := tx.Exec(ctx, statement, id); err != nil {
			return fmt.Errorf("remove printer: %w", err)
		}
	}
	return nil
}

const printerColumns = `id, office_id, name, uri, rev, state, checked_at, seen_at`

func scanPrinter(row store.Row, more ...any) (Printer, error) {
	var p Printer
	var checked, seen int64
	err := row.Scan(append([]any{&p.ID, &p.Office, &p.Name, &p.URI, &p.Rev, &p.Condition, &checked, &seen}, more...)...)
	p.CheckedAt, p.SeenAt = store.FromMillis(checked), store.FromMillis(seen)
	return p, err
}

// PrinterByID returns a printer, or the fault unknown_printer.
func PrinterByID(ctx context.Context, tx *store.Tx, id string) (Printer, error) {
	p, err := scanPrinter(tx.QueryRow(ctx, `SELECT `+printerColumns+` FROM printers WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Printer{}, fault.New(fault.Missing, "unknown_printer", "printer", id)
	}
	if err != nil {
		return Printer{}, fmt.Errorf("read printer: %w", err)
	}
	return p, nil
}

// Printers returns the printers of an office in the order of their ids.
func Printers(ctx context.Context, tx *store.Tx, office string) ([]Printer, error) {
	return query(ctx, tx, `SELECT `+printerColumns+` FROM printers WHERE office_id = $1 ORDER BY id`, office)
}

func query(ctx context.Context, tx *store.Tx, printers string, args ...any) ([]Printer, error) {
	all, err := store.All(ctx, tx, func(row store.Row) (Printer, error) { return scanPrinter(row) }, printers, args...)
	if err != nil {
		return nil, fmt.Errorf("read printers: %w", err)
	}
	return all, nil
}

// OfficesOfPrinters returns the offices that have a printer whose name or address has a text in it.
func OfficesOfPrinters(ctx context.Context, tx *store.Tx, text string) ([]string, error) {
	return store.Column[string](ctx, tx, `SELECT DISTINCT office_id FROM printers WHERE folded LIKE $1 ESCAPE '\'`, store.Pattern(text))
}

// Listing is which printers ListPrinters returns.
type Listing struct {
	Offices []string  // theirs alone
	Since   time.Time // from when on jobs that went wrong are counted
	After   string    // those whose id comes after; "" is the beginning
	Limit   int       // so many at most
}

// Listed is a printer and its jobs in numbers.
type Listed struct {
	Printer
	Open        int // to be printed
	Unconfirmed int // settled since the listing's time without being sure of the paper
	Failed      int // settled since then without paper: failed or expired
}

// ListPrinters returns printers in the order of their ids.
func ListPrinters(ctx context.Context, tx *store.Tx, l Listing) ([]Listed, error) {
	const list = `
		SELECT ` + printerColumns + `,
			(SELECT COUNT(*) FROM print_jobs j WHERE j.printer_id = p.id AND j.state IN ('queued', 'sent')),
			(SELECT COUNT(*) FROM print_jobs j WHERE j.printer_id = p.id AND j.state = 'unconfirmed' AND j.settled_at >= $2),
			(SELECT COUNT(*) FROM print_jobs j WHERE j.printer_id = p.id AND j.state IN ('failed', 'expired') AND j.settled_at >= $2)
		FROM printers p WHERE p.id > $1 ORDER BY p.id`
	rows, err := tx.Query(ctx, list, l.After, store.Millis(l.Since))
	if err != nil {
		return nil, fmt.Errorf("list printers: %w", err)
	}
	defer rows.Close()
	var some []Listed
	for len(some) < l.Limit && rows.Next() {
		var one Listed
		if one.Printer, err = scanPrinter(rows, &one.Open, &one.Unconfirmed, &one.Failed); err != nil {
			return nil, fmt.Errorf("list printers: %w", err)
		}
		if slices.Contains(l.Offices, one.Office) {
			some = append(some, one)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list printers: %w", err)
	}
	return some, nil
}

// Check asks a printer now how it is and returns the answer within a few seconds; [Note] keeps it.
// The error says why, unless the printer prints. It changes nothing. Of one that an agent drives it is
// what the agent said last.
func Check(ctx context.Context, p Printer) (Condition, error) {
	out, ok := parse(p.URI, usual)
	if !ok {
		return Refusing, fmt.Errorf("cannot print to %s", p.URI)
	}
	if p.Driven() {
		if !p.Condition.Prints() {
			return p.Condition, fmt.Errorf("its agent said last: %s", p.Condition)
		}
		return p.Condition, nil
	}
	return out.check(ctx)
}

// Note keeps how a printer was found at tx.Now, and has others take over the jobs of one that prints
// nothing, unless a job is being printed there: that says more
// about the printer than being refused a second connection beside it.
func Note(ctx context.Context, tx *store.Tx, printer string, found Condition) error {
	const note = `
		UPDATE printers SET state = $2, checked_at = $3, seen_at = CASE WHEN $2 = 'unreachable' THEN seen_at ELSE $3 END
		WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM print_jobs WHERE printer_id = $1 AND state = 'sent')`
	if found != Unknown && !found.Prints() { // locks more than one printer, and so comes first
		if err := divert(ctx, tx, printer); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(ctx, note, printer, string(found), store.Millis(tx.Now)); err != nil {
		return fmt.Errorf("note condition of printer: %w", err)
	}
	return nil
}
