package spool

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"sportello/internal/store"
	"sportello/printouts"
)

const (
	// pollEvery is how long jobs of another process, expiries and abandoned jobs may stay unseen.
	pollEvery = 2 * time.Second
	// retryAfter is the pause before a job that its printer could not take is tried again.
	retryAfter = 2 * time.Second
	// checksAtOnce bounds how many printers are asked how they are at the same time.
	checksAtOnce = 8
)

// Spooler prints what is queued. Several may run on one database.
type Spooler struct {
	db   *store.DB
	log  *slog.Logger
	wake chan struct{} // holds one token while there may be new jobs

	limits limits

	erased atomic.Bool // personal values, which may still be in the database's log

	mu   sync.Mutex
	busy map[string]bool     // printers with a worker → whether to look again when it has ended
	sent map[string]sighting // by printer: the job in another's hands
}

// sighting is when an attempt at a job was first seen in another's hands.
type sighting struct {
	job     string
	attempt int64
	at      time.Time
}

// New returns a spooler for db, woken by its commits. It prints nothing before Run.
func New(db *store.DB, log *slog.Logger) *Spooler {
	s := &Spooler{
		db:     db,
		log:    log,
		wake:   make(chan struct{}, 1),
		limits: usual,
		busy:   make(map[string]bool),
		sent:   make(map[string]sighting),
	}
	db.OnCommit(func(touched string, _ int64) {
		if touched == erasedTopic {
			s.erased.Store(true)
		}
		if touched == erasedTopic || strings.HasPrefix(touched, topic) {
			s.look()
		}
	})
	s.erased.Store(true) // an earlier process may have ended in between
	return s
}

// look has Run look for jobs now.
func (s *Spooler) look() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// Run prints until ctx ends. It finishes what it has begun and returns nil when its goroutines, one
// for each printer that owes something, have ended.
func (s *Spooler) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		owing, err := s.owing(ctx)
		if err != nil && ctx.Err() == nil {
			s.log.ErrorContext(ctx, "print jobs not read", "err", err)
		}
		for _, printer := range owing {
			if s.begin(printer.ID) {
				group.Go(func() {
					defer s.end(printer.ID)
					s.drain(ctx, printer)
				})
			}
		}
		s.wipe(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-s.wake:
		case <-tick.C:
		}
	}
}

// wipe takes erased values out of the database's log as well. What a reader prevents is done at the next
// look.
func (s *Spooler) wipe(ctx context.Context) {
	if !s.erased.Swap(false) {
		return
	}
	emptied, err := s.db.EmptyLog(ctx)
	if !emptied {
		s.erased.Store(true)
	}
	if err != nil && ctx.Err() == nil {
		s.log.ErrorContext(ctx, "erased values are still in the database's log", "err", err)
	}
}

// begin reports whether printer had no worker and now has one.
func (s *Spooler) begin(printer string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, busy := s.busy[printer]
	s.busy[printer] = busy
	return !busy
}

// end takes the worker away. It may just have missed a job for which Run saw it busy.
func (s *Spooler) end(printer string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[printer] {
		s.look()
	}
	delete(s.busy, printer)
}

// owing returns the printers with open jobs, after those that waited too long have expired.
func (s *Spooler) owing(ctx context.Context) ([]Printer, error) {
	// A printer at a time, so that settled jobs are not read.
	const owing = `
		SELECT p.id, p.uri, (
			SELECT MIN(j.expires_at) FROM print_jobs j WHERE j.printer_id = p.id AND j.state IN ('queued', 'sent'))
		FROM printers p ORDER BY p.id`
	var printers []Printer
	var late []string
	err := s.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(ctx, owing)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var p Printer
			var expires sql.NullInt64
			if err := rows.Scan(&p.ID, &p.URI, &expires); err != nil {
				return err
			}
			if expires.Valid {
				printers = append(printers, p)
			}
			if expires.Valid && expires.Int64 <= store.Millis(tx.Now) {
				late = append(late, p.ID)
			}
		}
		return rows.Err()
	})
	if err != nil || len(late) == 0 {
		return printers, err
	}
	return printers, s.expire(ctx, late)
}

// expire ends the jobs of printers that waited too long. What is still in the hands of a process, which may
// have died, is settled when that is certain; its values are not kept for longer than those of others.
func (s *Spooler) expire(ctx context.Context, printers []string) error {
	const (
		expire = `
			UPDATE print_jobs SET state = 'expired', payload = '', settled_at = $2
			WHERE printer_id = $1 AND state = 'queued' AND expires_at <= $2`
		erase = `
			UPDATE print_jobs SET payload = ''
			WHERE printer_id = $1 AND state = 'sent' AND created_at <= $2 AND payload <> ''`
	)
	return s.db.Update(ctx, func(tx *store.Tx) error {
		for _, printer := range printers {
			expired, err := tx.Exec(ctx, expire, printer, store.Millis(tx.Now))
			if err != nil {
				return fmt.Errorf("expire print jobs: %w", err)
			}
			erased, err := tx.Exec(ctx, erase, printer, store.Millis(tx.Now.Add(-longestLife)))
			if err != nil {
				return fmt.Errorf("erase print jobs: %w", err)
			}
			if expired+erased > 0 {
				tx.Touch(erasedTopic, 0)
			}
		}
		return nil
	})
}

// drain prints what printer owes, oldest first, until nothing is left, another process prints or
// the printer takes nothing.
func (s *Spooler) drain(ctx context.Context, printer Printer) {
	log := s.log.With("printer", printer.ID)
	out, known := parse(printer.URI, s.limits)
	for ctx.Err() == nil {
		job, err := s.claim(ctx, printer.ID, out)
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "print job not claimed", "err", err)
		}
		if err != nil || job == nil {
			return
		}
		result := outcome{state: Failed, detail: UnknownURI, err: fmt.Errorf("cannot print to %s", printer.URI)}
		if known {
			result = out.print(ctx, job)
		}
		report(ctx, log, job, result)
		if err := s.settle(ctx, printer.ID, job, result); err != nil {
			log.ErrorContext(ctx, "print job not settled", "job", job.id, "state", result.state, "err", err)
			return
		}
	}
}

// report logs what went wrong; a printer that takes nothing, once for each job that waits for it.
func report(ctx context.Context, log *slog.Logger, job *claimed, result outcome) {
	switch {
	case result.err == nil:
	case result.state != Queued:
		log.ErrorContext(ctx, "print job not printed", "job", job.id, "state", result.state, "detail", result.detail, "err", result.err)
	case job.attempt == 1:
		log.WarnContext(ctx, "printer takes nothing", "job", job.id, "detail", result.detail, "err", result.err)
	}
}

// claimed is a job in this process's hands.
type claimed struct {
	id, kind, payload string
	seq               int64
	attempt           int64 // 1: the first; settling wants it unchanged
	retryAt           int64 // not to be tried before, Unix milliseconds
	state             State // as it was read
	holder            string
	orphan            bool // taken over from a process that died
	late              bool // taken over past its time: not to be printed any more
}

// claim takes the oldest open job of printer: a queued one, or one whose process died while it
// printed. It returns nil when there is none to be tried now or another process is at work on it.
func (s *Spooler) claim(ctx context.Context, printer string, out outlet) (*claimed, error) {
	const (
		// Two processes must not begin two jobs at the same moment, neither seeing the other's.
		lock = `UPDATE printers SET rev = rev WHERE id = $1`
		// As long as one job is sent no other is begun: one at a time, whichever process it is.
		begin = `
			UPDATE print_jobs SET state = 'sent', attempts = attempts + 1
			WHERE id = $1 AND state = 'queued' AND attempts = $2 AND expires_at > $3
			AND NOT EXISTS (SELECT 1 FROM print_jobs b WHERE b.printer_id = $4 AND b.state = 'sent')`
		takeOver = `
			UPDATE print_jobs SET attempts = attempts + 1
			WHERE id = $1 AND state = 'sent' AND attempts = $2`
	)
	var job *claimed
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		job, err = oldest(ctx, tx, printer)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	job.orphan = job.state == Sent
	if _, elsewhere := out.(remote); elsewhere && !job.orphan {
		return nil, nil
	}
	if job.orphan && !s.abandoned(printer, job, out) || job.retryAt > store.Millis(s.db.Now()) {
		return nil, nil
	}
	var rows int64
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		if job.orphan {
			rows, err = tx.Exec(ctx, takeOver, job.id, job.attempt)
			return err
		}
		if _, err := tx.Exec(ctx, lock, printer); err != nil {
			return err
		}
		rows, err = tx.Exec(ctx, begin, job.id, job.attempt, store.Millis(tx.Now), printer)
		return err
	})
	if err != nil || rows == 0 {
		return nil, err
	}
	job.attempt++
	return job, nil
}

// oldest returns the open job of printer that comes first, or sql.ErrNoRows. A job that is sent comes
// before all others.
func oldest(ctx context.Context, tx *store.Tx, printer string) (*claimed, error) {
	const oldest = `
		SELECT id, kind, payload, seq, attempts, state, holder, expires_at, retry_at FROM print_jobs WHERE id = COALESCE(
			(SELECT id FROM print_jobs WHERE printer_id = $1 AND state = 'sent' ORDER BY seq LIMIT 1),
			(SELECT id FROM print_jobs WHERE printer_id = $1 AND state = 'queued' AND expires_at > $2 ORDER BY seq LIMIT 1))`
	var job claimed
	var expires int64
	now := store.Millis(tx.Now)
	err := tx.QueryRow(ctx, oldest, printer, now).
		Scan(&job.id, &job.kind, &job.payload, &job.seq, &job.attempt, &job.state, &job.holder, &expires, &job.retryAt)
	job.late = expires <= now
	return &job, err
}

// abandoned reports whether a sent job has been in another process's hands for too long: that
// process has died.
func (s *Spooler) abandoned(printer string, job *claimed, out outlet) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.db.Now()
	seen := s.sent[printer]
	if seen.job != job.id || seen.attempt != job.attempt || now.Before(seen.at) {
		s.sent[printer] = sighting{job: job.id, attempt: job.attempt, at: now}
		return false
	}
	return out == nil || now.Sub(seen.at) >= out.patience()
}

// document is what a job prints.
type document interface {
	PDF() ([]byte, error)
	ESCPOS(profile printouts.Profile) ([]byte, error)
}

// kinds reads the values of each kind of job.
var kinds = map[string]func(payload string) (document, error){
	KindTicket:  read[printouts.Ticket],
	KindReceipt: read[printouts.Receipt],
	KindForm:    read[printouts.Form],
	KindTest:    read[printouts.TestPage],
}

func read[D document](payload string) (document, error) {
	var d D
	err := json.Unmarshal([]byte(payload), &d)
	return d, err
}

// render makes the bytes of job in the format that the printer takes. The same job makes the same
// bytes. A panic is an error, or the job would end the process again and again.
func render(job *claimed, format func(document) ([]byte, error)) (content []byte, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("render %s: panic: %v", job.kind, p)
		}
	}()
	read, known := kinds[job.kind]
	if !known {
		return nil, fmt.Errorf("render %s: unknown kind", job.kind)
	}
	values, err := read(job.payload)
	if err != nil {
		return nil, fmt.Errorf("render %s: %w", job.kind, err)
	}
	return format(values)
}

// settle notes what became of job and of its printer, also after ctx has ended.
func (s *Spooler) settle(ctx context.Context, printer string, job *claimed, result outcome) error {
	return s.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error { return settle(ctx, tx, printer, job, result) })
}

// settle notes what became of job and of its printer. A job that another process has taken over
// meanwhile is that one's to settle.
func settle(ctx context.Context, tx *store.Tx, printer string, job *claimed, result outcome) error {
	const (
		settle = `
			UPDATE print_jobs SET state = $3, detail = $4, payload = '', settled_at = $5
			WHERE id = $1 AND state = 'sent' AND attempts = $2`
		putBack = `
			UPDATE print_jobs SET state = 'queued', retry_at = $3
			WHERE id = $1 AND state = 'sent' AND attempts = $2`
		// What keeps one waiting keeps those behind it.
		explain = `UPDATE print_jobs SET detail = $2 WHERE printer_id = $1 AND state = 'queued'`
	)
	if result.state == Queued {
		if _, err := tx.Exec(ctx, putBack, job.id, job.attempt, store.Millis(tx.Now.Add(retryAfter))); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, explain, printer, result.detail); err != nil {
			return err
		}
	} else if _, err := tx.Exec(ctx, settle, job.id, job.attempt, string(result.state), result.detail, store.Millis(tx.Now)); err != nil {
		return err
	} else if personal(job.kind) {
		tx.Touch(erasedTopic, 0)
	}
	if result.condition == "" {
		return nil
	}
	return Note(ctx, tx, printer, result.condition)
}

// Check asks the printers that owe nothing how they are, and keeps the answers; folders it leaves
// alone. Those that owe something show it by their jobs. An agent that is silent is gone.
func (s *Spooler) Check(ctx context.Context) error {
	const idle = `
		SELECT ` + printerColumns + ` FROM printers p WHERE p.uri = '` + agentURI + `' OR NOT EXISTS (
			SELECT 1 FROM print_jobs j WHERE j.printer_id = p.id AND j.state IN ('queued', 'sent'))`
	var printers []Printer
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		printers, err = query(ctx, tx, idle)
		return err
	})
	if err != nil {
		return fmt.Errorf("check printers: %w", err)
	}
	var group errgroup.Group
	group.SetLimit(checksAtOnce)
	for _, printer := range printers {
		if printer.Driven() {
			if err := s.missAgent(ctx, printer); err != nil {
				return err
			}
			continue
		}
		out, ok := parse(printer.URI, s.limits)
		if _, quiet := out.(folder); ok && !quiet {
			group.Go(func() error { return s.checkOne(ctx, printer, out) })
		}
	}
	return group.Wait()
}

// missAgent notes that nobody drives a printer any more.
func (s *Spooler) missAgent(ctx context.Context, printer Printer) error {
	if printer.Condition == Unreachable || s.db.Now().Sub(printer.CheckedAt) < agentSilence {
		return nil
	}
	s.log.WarnContext(ctx, "print agent is silent", "printer", printer.ID, "since", printer.CheckedAt)
	return s.db.Update(ctx, func(tx *store.Tx) error { return Note(ctx, tx, printer.ID, Unreachable) })
}

// checkOne asks a printer unless its worker is about to: it takes one connection at a time.
func (s *Spooler) checkOne(ctx context.Context, printer Printer, out outlet) error {
	if !s.begin(printer.ID) {
		return nil
	}
	defer s.end(printer.ID)
	found, err := out.check(ctx)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if found != printer.Condition {
		s.log.InfoContext(ctx, "printer changed", "printer", printer.ID, "was", printer.Condition, "is", found, "err", err)
	}
	return s.db.Update(ctx, func(tx *store.Tx) error { return Note(ctx, tx, printer.ID, found) })
}
