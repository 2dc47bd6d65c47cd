// Package spool holds the durable print jobs and the printers that owe them.
//
// A job is a row: it is enqueued in the transaction that makes the thing to be printed and carries
// the values, not the bytes. A Spooler prints afterwards, one job at a time a printer, in the order
// of their enqueueing, across all processes on the database:
//
//	queued → sent → printed | unconfirmed | failed
//	queued, sent → expired
//
// A job becomes sent before the first byte goes out and settled after the last. One that waited
// past its time expires and is never printed: the citizen it was for has gone on without paper.
// What has failed, or may or may not have come out (unconfirmed), is not tried again by itself; a
// person asks for it anew. Settling erases the values, which may be personal.
//
// For now a printer is a folder, file:PATH, which gets a PDF file for each job.
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
)

// Printer is where paper comes out.
type Printer struct {
	ID, Office, Name string
	URI              string // file:FOLDER
	Rev              int64  // counts the changes; AddPrinter does not read it
}

// AddPrinter adds p, or changes the printer of its id to it. It returns the fault printer_uri when
// this program cannot print to p.URI.
func AddPrinter(ctx context.Context, tx *store.Tx, p Printer) error {
	const add = `
		INSERT INTO printers (id, office_id, name, uri) VALUES ($1, $2, $3, $4)
		ON CONFLICT (id) DO UPDATE
		SET rev = printers.rev + 1, office_id = excluded.office_id, name = excluded.name, uri = excluded.uri
		WHERE printers.office_id <> excluded.office_id OR printers.name <> excluded.name OR printers.uri <> excluded.uri`
	if _, ok := parseFolder(p.URI); !ok {
		return fault.New(fault.Invalid, "printer_uri", "uri", p.URI)
	}
	if _, err := tx.Exec(ctx, add, p.ID, p.Office, p.Name, p.URI); err != nil {
		return fmt.Errorf("add printer: %w", err)
	}
	return nil
}

// Printers returns the printers of an office in the order of their ids.
func Printers(ctx context.Context, tx *store.Tx, office string) ([]Printer, error) {
	const printers = `SELECT id, office_id, name, uri, rev FROM printers WHERE office_id = $1 ORDER BY id`
	rows, err := tx.Query(ctx, printers, office)
	if err != nil {
		return nil, fmt.Errorf("read printers: %w", err)
	}
	defer rows.Close()
	var all []Printer
	for rows.Next() {
		var p Printer
		if err := rows.Scan(&p.ID, &p.Office, &p.Name, &p.URI, &p.Rev); err != nil {
			return nil, fmt.Errorf("read printers: %w", err)
		}
		all = append(all, p)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read printers: %w", err)
	}
	return all, nil
}

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

// Why a job failed or was not confirmed; the detail of its Status.
const (
	Unprintable = "unprintable"        // the values do not make a printout
	UnknownURI  = "printer_uri"        // this program cannot print to the printer
	Unwritable  = "printer_unwritable" // the printer takes nothing
	Full        = "printer_full"       // the printer's disk is full
)

// KindTicket is the kind of job that prints a printouts.Ticket.
const KindTicket = "ticket"

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
	Subject         string        // what it prints: "ticket:ID"
	Kind            string        // KindTicket
	Values          any           // what the kind prints, marshalled to JSON
	ExpiresAfter    time.Duration // 0: 2 minutes; at most 15 minutes
}

// topic is what a commit that adds jobs to a printer touches, followed by the printer's id.
const topic = "print:"

// Enqueue adds job to its printer's queue as part of the caller's transaction and returns the job's
// id. It returns the fault unknown_printer when the office has no such printer.
func Enqueue(ctx context.Context, tx *store.Tx, job Job) (id string, err error) {
	const (
		// Locks the printer, so that jobs are numbered in the order of their commits.
		lock   = `UPDATE printers SET rev = rev WHERE id = $1 AND office_id = $2`
		insert = `
			INSERT INTO print_jobs (id, printer_id, seq, office_id, subject, kind, payload, state, created_at, expires_at)
			SELECT $1, $2, COALESCE(MAX(seq), 0) + 1, $3, $4, $5, $6, 'queued', CAST($7 AS BIGINT), CAST($8 AS BIGINT)
			FROM print_jobs WHERE printer_id = $2
			RETURNING seq`
	)
	life := job.ExpiresAfter
	if life == 0 {
		life = ticketLife
	}
	if job.Kind != KindTicket || life < 0 || life > longestLife {
		return "", fmt.Errorf("enqueue print job: kind %q for %v cannot be printed", job.Kind, life)
	}
	payload, err := json.Marshal(job.Values)
	if err != nil {
		return "", fmt.Errorf("enqueue print job: %w", err)
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
		store.Millis(tx.Now), store.Millis(tx.Now.Add(life))).Scan(&seq)
	if err != nil {
		return "", fmt.Errorf("enqueue print job: %w", err)
	}
	tx.Touch(topic+job.Printer, seq)
	return id, nil
}

// Status is how far a job has come and, where it went wrong, the code of the reason.
type Status struct {
	Job    string
	State  State
	Detail string
}

// Latest returns the status of the newest job for subject, and false when there was none.
func Latest(ctx context.Context, tx *store.Tx, subject string) (Status, bool, error) {
	const latest = `
		SELECT id, state, detail FROM print_jobs WHERE subject = $1
		ORDER BY created_at DESC, seq DESC LIMIT 1`
	var s Status
	err := tx.QueryRow(ctx, latest, subject).Scan(&s.Job, &s.State, &s.Detail)
	if errors.Is(err, sql.ErrNoRows) {
		return Status{}, false, nil
	}
	if err != nil {
		return Status{}, false, fmt.Errorf("read print job: %w", err)
	}
	return s, true, nil
}

// Prune forgets the jobs that were settled before a moment; nobody asks for their paper any more.
func Prune(ctx context.Context, tx *store.Tx, before time.Time) error {
	_, err := tx.Exec(ctx, `DELETE FROM print_jobs WHERE settled_at > 0 AND settled_at < $1`, store.Millis(before))
	if err != nil {
		return fmt.Errorf("forget print jobs: %w", err)
	}
	return nil
}
