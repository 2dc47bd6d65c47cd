// Package spool holds the durable print jobs and the printers that owe them.
//
// A job is a row: it is enqueued in the transaction that makes the thing to be printed and carries
// the values, not the bytes. A Spooler prints afterwards, one job at a time a printer, in the order
// of their enqueueing, across all processes on the database:
//
//	queued → sent → printed | unconfirmed | failed
//	sent → queued
//	queued, sent → expired
//
// A job becomes sent before the first byte goes out and settled after the last. It goes back to the
// queue when its printer could not take it and for certain nothing was written, and is tried again
// after a pause. One that waited past its time expires and is never printed: the citizen it was for
// has gone on without paper. What has failed, or may or may not have come out (unconfirmed), is not
// tried again by itself; a person says that it came out, or asks for it anew. Settling erases the values, which may be
// personal.
//
// A printer is one of these, by its address:
//
//   - file:PATH, a folder, which gets a PDF file for each job, exactly once;
//   - escpos://HOST:PORT, a thermal printer that takes ESC/POS commands over TCP. A job is printed when
//     the printer has confirmed it; one whose process died while it was sent is unconfirmed, so that
//     nothing comes out twice without a person's word. The port is 9100 unless the address says
//     otherwise;
//   - escpos+dev:PATH, the same on a cable of this machine, such as /dev/usb/lp0;
//   - cups://HOST:PORT/QUEUE, a queue of a CUPS server, which gets a PDF file, of A4 where there is
//     one. A job is printed when CUPS has completed it, and then forgotten there. The port is 631
//     unless the address says otherwise;
//   - agent:, any of these as another computer sees it, which comes for the jobs. One that it did not
//     settle in time is unconfirmed.
//
// Behind the address of a thermal printer, ?dots=512 or 384 says that its head has not 576, and
// qr=raster that it makes no QR codes of its own. Behind that of a queue, either says that the queue is
// raw and its printer thermal.
//
// Each printer's condition is kept, from what became of its last job and, but for folders, from asking them
// from time to time.
package spool

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts"
)

// State is how far a job has come.
type State string

// The states of a job; the last four are final.
const (
	Queued      State = "queued"
	Sent        State = "sent"        // claimed by a spooler; something may have been written
	Printed     State = "printed"     // on paper for certain
	Unconfirmed State = "unconfirmed" // written, but the printer did not confirm it
	Failed      State = "failed"      // nothing came out
	Expired     State = "expired"     // waited too long and was not printed
)

// Why a job is not on paper; the detail of its Status. It may also be the Condition in which the
// printer was found: of a job that is queued, that keeps it waiting.
const (
	Unprintable = "unprintable"        // the values do not make a printout
	UnknownURI  = "printer_uri"        // this program cannot print to the printer
	Unwritable  = "printer_unwritable" // the printer's folder takes nothing
	Full        = "printer_full"       // the disk of the printer's folder is full
	Interrupted = "interrupted"        // the process died while it printed
	Unanswered  = "unanswered"         // the printer took it and did not confirm it
)

// The kinds of job, by what their values are.
const (
	KindTicket  = "ticket"  // a printouts.Ticket
	KindReceipt = "receipt" // a printouts.Receipt, on 80 mm
	KindForm    = "form"    // a printouts.Form, on A4
	KindTest    = "test"    // a printouts.TestPage
)

const (
	// ticketLife is how long a job waits when its maker does not say: a citizen does not stand
	// before a silent printer for longer.
	ticketLife = 2 * time.Minute
	// longestLife is how long the values of a personal printout may be kept.
	longestLife = 15 * time.Minute
)

// Job is something to be printed.
type Job struct {
	Printer, Office string
	Fallback        string        // printer that takes the job over as long as Printer prints nothing; "" none
	Subject         string        // what it prints: "ticket:ID"
	Kind            string        // KindTicket, KindReceipt, KindForm or KindTest
	Values          any           // what the kind prints, marshalled to JSON
	ExpiresAfter    time.Duration // 0: 2 minutes; at most 15 minutes
}

const (
	// topic is what a commit that adds jobs to a printer touches, followed by the printer's id.
	topic = "print:"
	// erasedTopic is what a commit touches that erases personal values.
	erasedTopic = "print-erased"
)

// personal reports whether jobs of a kind hold something about a citizen.
func personal(kind string) bool { return kind == KindForm || kind == KindReceipt }

// Enqueue adds job to its printer's queue as part of the caller's transaction and returns the job's
// id. It returns the fault unknown_printer when the office has no such printer.
func Enqueue(ctx context.Context, tx *store.Tx, job Job) (id string, err error) {
	const (
		// Locks the printer, so that jobs are numbered in the order of their commits.
		lock   = `UPDATE printers SET rev = rev WHERE id = $1 AND office_id = $2`
		insert = `
			INSERT INTO print_jobs (id, printer_id, seq, office_id, subject, kind, payload, state, created_at, expires_at, fallback_id)
			SELECT $1, $2, COALESCE(MAX(seq), 0) + 1, $3, $4, $5, $6, 'queued', CAST($7 AS BIGINT), CAST($8 AS BIGINT), $9
			FROM print_jobs WHERE printer_id = $2
			RETURNING seq`
	)
	life := job.ExpiresAfter
	if life == 0 {
		life = ticketLife
	}
	if kinds[job.Kind] == nil || life < 0 || life > longestLife {
		return "", fmt.Errorf("enqueue print job: kind %q for %v cannot be printed", job.Kind, life)
	}
	payload, err := json.Marshal(job.Values)
	if err != nil {
		return "", fmt.Errorf("enqueue print job: %w", err)
	}
	if job.Printer, job.Fallback, err = place(ctx, tx, job); err != nil {
		return "", err
	}
	rows, err := tx.Exec(ctx, lock, job.Printer, job.Office)
	if err != nil {
		return "", fmt.Errorf("enqueue print job: %w", err)
	}
	if rows == 0 {
		return "", fault.New(fault.Missing, "unknown_printer", "printer", job.Printer)
	}
	id = store.NewID()
	var seq int64
	err = tx.QueryRow(ctx, insert, id, job.Printer, job.Office, job.Subject, job.Kind, string(payload),
		store.Millis(tx.Now), store.Millis(tx.Now.Add(life)), job.Fallback).Scan(&seq)
	if err != nil {
		return "", fmt.Errorf("enqueue print job: %w", err)
	}
	tx.Touch(topic+job.Printer, seq)
	return id, nil
}

// EnqueueTest adds a test page to a printer's queue, as Enqueue does. It names the printer on it.
func EnqueueTest(ctx context.Context, tx *store.Tx, p Printer, page printouts.TestPage) (id string, err error) {
	page.Printer = p.Name
	return Enqueue(ctx, tx, Job{
		Printer: p.ID, Office: p.Office, Subject: "test:" + p.ID, Kind: KindTest, Values: page,
	})
}

// Status is how far a job has come and, where it went wrong, the code of the reason.
type Status struct {
	Job     string
	Printer string
	State   State
	Detail  string
}

// Latest returns the status of the newest job for subject, and false when there was none.
func Latest(ctx context.Context, tx *store.Tx, subject string) (Status, bool, error) {
	const latest = `
		SELECT id, printer_id, state, detail FROM print_jobs WHERE subject = $1
		ORDER BY created_at DESC, seq DESC LIMIT 1`
	var s Status
	err := tx.QueryRow(ctx, latest, subject).Scan(&s.Job, &s.Printer, &s.State, &s.Detail)
	if errors.Is(err, sql.ErrNoRows) {
		return Status{}, false, nil
	}
	if err != nil {
		return Status{}, false, fmt.Errorf("read print job: %w", err)
	}
	return s, true, nil
}

// Confirm notes a person's word that an unconfirmed job came out. A job in any other state stays as
// it is.
func Confirm(ctx context.Context, tx *store.Tx, job string) error {
	const confirm = `UPDATE print_jobs SET state = 'printed', detail = '' WHERE id = $1 AND state = 'unconfirmed'`
	if _, err := tx.Exec(ctx, confirm, job); err != nil {
		return fmt.Errorf("confirm print job: %w", err)
	}
	return nil
}

// Record is a job as the spool remembers it.
type Record struct {
	ID, Subject, Kind string
	Seq               int64 // its place among its printer's jobs
	State             State
	Detail            string
	Attempts          int64
	CreatedAt         time.Time
	SettledAt         time.Time // zero: not yet
}

// Jobs returns the jobs of a printer, the newest first: so many at most, and with before, those
// ahead of the job of that Seq.
func Jobs(ctx context.Context, tx *store.Tx, printer string, before int64, limit int) ([]Record, error) {
	const jobs = `
		SELECT id, subject, kind, seq, state, detail, attempts, created_at, settled_at FROM print_jobs
		WHERE printer_id = $1 AND (seq < $2 OR $2 = 0) ORDER BY seq DESC LIMIT $3`
	some, err := store.All(ctx, tx, func(row store.Row) (r Record, err error) {
		var created, settled int64
		err = row.Scan(&r.ID, &r.Subject, &r.Kind, &r.Seq, &r.State, &r.Detail, &r.Attempts, &created, &settled)
		r.CreatedAt, r.SettledAt = store.FromMillis(created), store.FromMillis(settled)
		return r, err
	}, jobs, printer, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read print jobs: %w", err)
	}
	return some, nil
}

// Prune forgets the jobs that were settled before a moment; nobody asks for their paper any more.
func Prune(ctx context.Context, tx *store.Tx, before time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM print_jobs WHERE settled_at > 0 AND settled_at < $1`, store.Millis(before))
	if err != nil {
		return fmt.Errorf("forget print jobs: %w", err)
	}
	return nil
}
