package spool

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"sportello/internal/store"
)

// agentURI is the address of printers that another computer drives.
const agentURI = "agent:"

const (
	// leaseLife is how long a job may be in an agent's hands: longer than any printer of its takes.
	leaseLife = 90 * time.Second
	// agentSilence is after how long without a word an agent counts as gone.
	agentSilence = 90 * time.Second
	// noteEvery is how often an agent's word that nothing has changed is written down.
	noteEvery = 30 * time.Second
)

// remote is a printer that an agent drives, which comes for its jobs itself.
type remote struct{}

func (remote) patience() time.Duration { return leaseLife }

// print settles what an agent left behind that has died; it prints nothing.
func (remote) print(_ context.Context, job *claimed) outcome {
	if job.orphan {
		return outcome{state: Unconfirmed, detail: Interrupted, condition: Unreachable, err: errors.New("the agent did not come back")}
	}
	return outcome{state: Queued}
}

// check has nobody to ask: agents say by themselves how their printers are.
func (remote) check(context.Context) (Condition, error) {
	return Unknown, errors.New("its agent says how it is")
}

// Leased is a job in the hands of an agent.
type Leased struct {
	ID      string          `json:"id"`
	Seq     int64           `json:"seq"`
	Attempt int64           `json:"attempt"`
	Kind    string          `json:"kind"`
	Values  json.RawMessage `json:"values"` // what the kind prints
}

// Result is what became of a Leased job.
type Result struct {
	Attempt   int64     `json:"attempt"`
	State     State     `json:"state"` // one of Results
	Detail    string    `json:"detail"`
	Condition Condition `json:"condition"` // of the printer; "": nothing new
}

// Results are the states that an agent may say a job has come to; Queued: nothing was written.
var Results = []State{Queued, Printed, Unconfirmed, Failed, Expired}

// Conditions are those that an agent may say its printer is in.
var Conditions = []Condition{OK, NearEnd, OutOfPaper, Refusing, Unreachable}

// Driven reports whether an agent drives the printer.
func (p Printer) Driven() bool { return p.URI == agentURI }

// Quiet reports whether there is nothing to write down when an agent asks for a job and says how its
// printer is: none waits, and it said so a moment ago.
func Quiet(ctx context.Context, tx *store.Tx, p Printer, found Condition) (bool, error) {
	const open = `SELECT COUNT(*) FROM print_jobs WHERE printer_id = $1 AND state IN ('queued', 'sent')`
	var n int
	if err := tx.QueryRow(ctx, open, p.ID).Scan(&n); err != nil {
		return false, fmt.Errorf("count print jobs: %w", err)
	}
	return n == 0 && found == p.Condition && tx.Now.Sub(p.CheckedAt) < noteEvery, nil
}

// Lease gives the oldest job of a printer to an agent, and false when there is none to be tried now.
// Holder names a run of the agent's program: one that did not get the answer may ask again and gets the
// same job, while one that has died leaves its job to nobody.
func Lease(ctx context.Context, tx *store.Tx, printer, holder string, found Condition) (Leased, bool, error) {
	const (
		lock  = `UPDATE printers SET rev = rev WHERE id = $1`
		begin = `UPDATE print_jobs SET state = 'sent', attempts = attempts + 1, holder = $2 WHERE id = $1 AND state = 'queued'`
	)
	if err := Note(ctx, tx, printer, found); err != nil {
		return Leased{}, false, err
	}
	if _, err := tx.Exec(ctx, lock, printer); err != nil {
		return Leased{}, false, fmt.Errorf("lease print job: %w", err)
	}
	job, err := oldest(ctx, tx, printer)
	if errors.Is(err, sql.ErrNoRows) {
		return Leased{}, false, nil
	}
	if err != nil {
		return Leased{}, false, fmt.Errorf("lease print job: %w", err)
	}
	switch {
	case job.state == Sent && job.holder != holder, job.state == Queued && job.retryAt > store.Millis(tx.Now):
		return Leased{}, false, nil
	case job.state == Queued:
		if _, err := tx.Exec(ctx, begin, job.id, holder); err != nil {
			return Leased{}, false, fmt.Errorf("lease print job: %w", err)
		}
		job.attempt++
	}
	return Leased{ID: job.id, Seq: job.seq, Attempt: job.attempt, Kind: job.kind, Values: json.RawMessage(job.payload)}, true, nil
}

// Settle notes what became of a job that an agent had for a printer. One that is not in its hands any
// more stays as it is.
func Settle(ctx context.Context, tx *store.Tx, printer, job string, r Result) error {
	if !slices.Contains(Results, r.State) {
		return fmt.Errorf("settle print job: state %q is no result", r.State)
	}
	var kind string
	err := tx.QueryRow(ctx, `SELECT kind FROM print_jobs WHERE id = $1 AND printer_id = $2`, job, printer).Scan(&kind)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("settle print job: %w", err)
	}
	result := outcome{state: r.State, detail: r.Detail, condition: r.Condition}
	return settle(ctx, tx, printer, &claimed{id: job, kind: kind, attempt: r.Attempt}, result)
}

// Local is a printer that an agent drives.
type Local struct{ out outlet }

// OpenLocal returns the printer of an address, of any kind that this program prints to itself.
func OpenLocal(uri string) (Local, bool) {
	out, ok := parse(uri, usual)
	if _, elsewhere := out.(remote); !ok || elsewhere {
		return Local{}, false
	}
	return Local{out}, true
}

// Check asks the printer how it is. The error says why, unless it prints.
func (l Local) Check(ctx context.Context) (Condition, error) { return l.out.check(ctx) }

// Print prints a job. The error is for the log.
func (l Local) Print(ctx context.Context, j Leased) (Result, error) {
	o := l.out.print(ctx, &claimed{id: j.ID, kind: j.Kind, payload: string(j.Values), seq: j.Seq, attempt: j.Attempt})
	return Result{Attempt: j.Attempt, State: o.state, Detail: o.detail, Condition: o.condition}, o.err
}
