package spool

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"sportello/internal/store"
)

// idle are the conditions in which a printer prints nothing, for SQL.
const idle = `('out_of_paper', 'refusing', 'unreachable')`

// place returns at which printer a job is to wait, and which other may take it over: its own and its
// fallback, but for one that is known to print nothing while the other is not.
func place(ctx context.Context, tx *store.Tx, job Job) (printer, fallback string, err error) {
	if job.Fallback == "" {
		return job.Printer, "", nil
	}
	const choose = `
		SELECT CASE WHEN p.state IN ` + idle + ` AND f.state NOT IN ` + idle + ` THEN 1 ELSE 0 END
		FROM printers p, printers f WHERE p.id = $1 AND f.id = $2 AND p.office_id = f.office_id`
	var other int
	err = tx.QueryRow(ctx, choose, job.Printer, job.Fallback).Scan(&other)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return job.Printer, "", nil // it was removed
	case err != nil:
		return "", "", fmt.Errorf("choose a printer: %w", err)
	case other == 1:
		return job.Fallback, "", nil
	}
	return job.Printer, job.Fallback, nil
}

// divert hands the jobs that wait at a printer which prints nothing to those that may take them over and
// may print. A job is taken over once. Of none of them was anything written, or it would not wait.
func divert(ctx context.Context, tx *store.Tx, printer string) error {
	const (
		waiting = `SELECT id, fallback_id FROM print_jobs WHERE printer_id = $1 AND state = 'queued'
			AND fallback_id IN (SELECT p.id FROM printers p WHERE p.state NOT IN ` + idle + `)
			AND NOT EXISTS (SELECT 1 FROM print_jobs b WHERE b.printer_id = $1 AND b.state = 'sent') ORDER BY seq`
		// Printers are locked in the order of their ids: two of them may stand in for each other.
		lock = `UPDATE printers SET rev = rev WHERE id = $1`
		take = `
			UPDATE print_jobs SET printer_id = $2, fallback_id = '', retry_at = 0, detail = '',
				seq = (SELECT COALESCE(MAX(j.seq), 0) + 1 FROM print_jobs j WHERE j.printer_id = $2)
			WHERE id = $1 AND state = 'queued' AND EXISTS (SELECT 1 FROM printers p WHERE p.id = $2 AND p.state NOT IN ` + idle + `)`
	)
	type diverted struct{ job, to string }
	jobs, err := store.All(ctx, tx, func(row store.Row) (d diverted, err error) {
		err = row.Scan(&d.job, &d.to)
		return d, err
	}, waiting, printer)
	if err != nil {
		return fmt.Errorf("divert print jobs: %w", err)
	}
	if len(jobs) == 0 {
		return nil
	}
	locks := []string{printer}
	for _, d := range jobs {
		locks = append(locks, d.to)
	}
	slices.Sort(locks)
	for _, id := range slices.Compact(locks) {
		if _, err := tx.Exec(ctx, lock, id); err != nil {
			return fmt.Errorf("divert print jobs: %w", err)
		}
	}
	for _, d := range jobs {
		taken, err := tx.Exec(ctx, take, d.job, d.to)
		if err != nil {
			return fmt.Errorf("divert print jobs: %w", err)
		}
		if taken > 0 {
			tx.Touch(topic+d.to, 0)
		}
	}
	return nil
}
