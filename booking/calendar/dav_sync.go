package calendar

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// The counts of keeping in step.
const (
	Pushed    Count = "pushed"    // copies that were written there
	Withdrawn Count = "withdrawn" // copies that were taken away
	Asked     Count = "asked"     // requests to managers
	Unpushed  Count = "unpushed"  // copies that the server refused
)

const (
	syncWithin = 5 * time.Minute // for one collection
	davMost    = 50              // collections in a run
	davRounds  = 3               // how often a collection is read in a run
)

// KeepInStep keeps the diary and the collections of officers in step, both ways: those that are due, and
// those for which something is to be pushed. It is a job; one server's trouble is not the others'.
//
// What is to be pushed is not noted where appointments change: at each run what an officer has to do is
// compared with what was put into its collection, so nothing that changes them can forget to say so, and
// what failed is found again. What differs becomes a row of the outbox, with tries of its own.
//
// First what changed there is read. An officer's own events become busy time. A copy of an appointment
// that was moved or removed becomes a request to a manager, and is put back. Then the outbox is sent. What
// another wrote meanwhile is read first (412): of two changes at once none is lost.
func (r *Reader) KeepInStep(ctx context.Context) error {
	due, err := r.dueDAV(ctx)
	if err != nil {
		return err
	}
	var g errgroup.Group
	g.SetLimit(atOnce)
	for _, s := range due {
		g.Go(func() error {
			_, err := r.syncDAV(ctx, s)
			return err
		})
	}
	return g.Wait()
}

// dueDAV are the collections that are to be read now, and those whose outbox has something to send.
func (r *Reader) dueDAV(ctx context.Context) (due []Source, err error) {
	err = r.DB.View(ctx, func(tx *store.Tx) error {
		all, err := sources(ctx, tx, `WHERE kind = $1 AND officer_id <> '' ORDER BY next_at, id`, string(CalDAV))
		if err != nil {
			return err
		}
		for _, s := range all {
			waits := !s.NextAt.After(tx.Now)
			if !waits && s.Failures == 0 {
				if waits, err = hasMail(ctx, tx, s); err != nil && fault.Code(err) == "" { // a fault is said when it is due
					return err
				}
			}
			if waits && len(due) < davMost {
				due = append(due, s)
			}
		}
		return nil
	})
	return due, err
}

// hasMail reports whether something is to be pushed for a source now.
func hasMail(ctx context.Context, tx *store.Tx, s Source) (bool, error) {
	st, err := readOutbox(ctx, tx, s)
	if err != nil {
		return false, err
	}
	t, err := territory.Read(ctx, tx, s.Whose.Territory)
	if err != nil {
		return false, err
	}
	st.plan(t, func(appointment string) string { return appointment }, tx.Now)
	return st.due(tx.Now), nil
}

// errStale means that a source was edited or removed while it was being read.
var errStale = errors.New("the source is another one now")

// errOvertaken means that another run wrote something down while a source was being read: what was read may
// be of before that, and is read again.
var errOvertaken = errors.New("another run was faster")

// syncDAV brings the collection of a source in step and notes in its log what became of it. Its error is
// the database's, or that of ctx.
func (r *Reader) syncDAV(ctx context.Context, s Source) (Outcome, error) {
	run := &davRun{Reader: r, source: s, counts: make(map[Count]int), token: s.SyncToken, until: s.ReadUntil}
	within, cancel := context.WithTimeout(ctx, syncWithin)
	defer cancel()
	err := run.rounds(within)
	code, known := davCode(err)
	switch {
	case errors.Is(err, errStale):
		return Outcome{}, nil
	case ctx.Err() != nil:
		return Outcome{}, ctx.Err()
	case !known:
		return Outcome{}, fmt.Errorf("sync calendar %s: %w", s.ID, err)
	case err != nil:
		r.Log.InfoContext(ctx, "calendar not in step", "calendar", s.ID, "code", code, "failures", s.Failures+1, "err", err)
	case len(run.counts) == 0:
		code = Unchanged
	}
	o := Outcome{Code: code, Counts: run.counts, SyncToken: run.token, ReadUntil: run.until}
	if problem := new(Problem); errors.As(err, &problem) {
		o.After = problem.After
	}
	err = r.DB.Update(ctx, func(tx *store.Tx) error {
		ours, err := Claim(ctx, tx, s)
		if err != nil || !ours {
			return err
		}
		return Note(ctx, tx, s, o)
	})
	return o, err
}

// davRun is one attempt to bring a collection in step.
type davRun struct {
	*Reader
	source    Source
	at        *Collection
	territory *territory.Territory
	counts    map[Count]int
	token     string
	until     time.Time // up to which own events were read
	suspects  []string  // hrefs at which something else stands than we thought
}

func (r *davRun) rounds(ctx context.Context) error {
	access, err := r.source.Access(r.Key)
	if err != nil {
		return err
	}
	client, hangUp := r.Guard.session()
	defer hangUp()
	if r.at, err = (DAV{HTTP: client, User: access.User, Password: access.Secret}).At(access.Address); err != nil {
		return err
	}
	for range davRounds {
		again, err := r.round(ctx)
		if err != nil || !again {
			return err
		}
	}
	return nil
}

// round reads what changed and sends what is to be sent. It reports whether it is to be read again: since
// another wrote meanwhile, or since we did, so that the next token is of the time after that. Some servers
// give the same token whenever the same things stand there, and would not tell if ours were undone.
func (r *davRun) round(ctx context.Context) (again bool, err error) {
	var st *davState
	var now time.Time
	err = r.DB.View(ctx, func(tx *store.Tx) (err error) {
		now = tx.Now
		if r.territory, err = territory.Read(ctx, tx, r.source.Whose.Territory); err != nil {
			return err
		}
		st, err = readDAV(ctx, tx, r.source)
		return err
	})
	if err != nil {
		return false, err
	}
	news, err := r.look(ctx, st, now)
	if err != nil {
		return false, err
	}
	turn := st.turn
	err = r.DB.Update(ctx, func(tx *store.Tx) (err error) { st, err = r.take(ctx, tx, news, turn); return err })
	if errors.Is(err, errOvertaken) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	r.token, r.until, r.suspects = news.token, news.until, nil
	return r.send(ctx, st)
}

// take writes down what was read in a turn and what is to be sent, and returns the state after it.
func (r *davRun) take(ctx context.Context, tx *store.Tx, n *davNews, turn int64) (*davState, error) {
	ours, err := Claim(ctx, tx, r.source)
	if err != nil {
		return nil, err
	}
	if !ours {
		return nil, errStale
	}
	st, err := readDAV(ctx, tx, r.source)
	if err != nil {
		return nil, err
	}
	if st.turn != turn+1 { // that of the claim
		return nil, errOvertaken
	}
	if err := r.takeMembers(ctx, tx, n, st); err != nil {
		return nil, err
	}
	var asks []ask
	for _, c := range n.copies {
		if a, asked := st.takeCopy(c, tx.Now); asked {
			asks = append(asks, a)
		}
	}
	if err := r.request(ctx, tx, asks); err != nil {
		return nil, err
	}
	if err := r.follow(ctx, tx, st); err != nil {
		return nil, err
	}
	if err := closeMoot(ctx, tx, r.source); err != nil {
		return nil, err
	}
	st.plan(r.territory, r.hrefOf, tx.Now)
	if err := st.save(ctx, tx, r.source.ID); err != nil {
		return nil, err
	}
	if n.refused > 0 {
		r.counts[Refused] = n.refused
	}
	const saveToken = `UPDATE calendar_sources SET sync_token = $2, read_until = $3 WHERE id = $1`
	if _, err := tx.Exec(ctx, saveToken, r.source.ID, n.token, store.Millis(n.until)); err != nil {
		return nil, fmt.Errorf("save token: %w", err)
	}
	return st, nil
}

// hrefOf is where the copy of an appointment is put: some servers name members by their UIDs whatever
// one says.
func (r *davRun) hrefOf(appointment string) string { return r.at.Href(UID(appointment) + ".ics") }

// takeMembers takes over what was read of members that are not to be copies.
func (r *davRun) takeMembers(ctx context.Context, tx *store.Tx, n *davNews, st *davState) error {
	for _, href := range n.gone {
		delete(st.members, href)
		if err := dropMember(ctx, tx, r.source.ID, href); err != nil {
			return err
		}
	}
	for href, m := range n.members {
		if id := n.claims[href]; id != "" {
			known, err := isAppointment(ctx, tx, id)
			if err != nil {
				return err
			}
			if known { // its time is claimed already
				m.spans = nil
			}
		}
		st.members[href] = m
		if err := m.save(ctx, tx, r.source.ID, href); err != nil {
			return err
		}
	}
	return nil
}

// isAppointment reports whether there is or was an appointment of an id. The UID may be another
// installation's.
func isAppointment(ctx context.Context, tx *store.Tx, id string) (bool, error) {
	_, err := booking.ByID(ctx, tx, id)
	if fault.Code(err) == "unknown_appointment" {
		return false, nil
	}
	return err == nil, err
}

// follow has the officer be busy when its own events say so.
func (r *davRun) follow(ctx context.Context, tx *store.Tx, st *davState) error {
	var says []timetable.Span
	for _, m := range st.members {
		says = append(says, m.spans...)
	}
	done, err := booking.Follow(ctx, tx, r.source.ID, r.source.Whose, says)
	if err != nil {
		return err
	}
	r.add(Added, done.Added)
	r.add(Removed, done.Removed)
	return nil
}

func (r *davRun) add(c Count, n int) {
	if n > 0 {
		r.counts[c] += n
	}
}

// send sends what is due in the outbox. It reports whether there was something.
func (r *davRun) send(ctx context.Context, st *davState) (again bool, err error) {
	now := r.DB.Now()
	for _, id := range slices.Sorted(maps.Keys(st.pushes)) {
		p := st.pushes[id]
		if p.next.IsZero() || p.next.After(now) {
			continue
		}
		err := r.sendOne(ctx, st, p)
		code, _ := davCode(err)
		again = true
		switch {
		case errors.Is(err, ErrDAVChanged):
			r.suspects = append(r.suspects, p.href)
			p.failed(code, now)
		case mayTryElse(err) || errors.Is(err, ErrDAVGone): // of this one
			p.failed(code, now)
			r.add(Unpushed, 1)
			r.Log.InfoContext(ctx, "appointment not put into a calendar", "calendar", r.source.ID, "appointment", id, "err", err)
		case err != nil:
			return again, err
		}
		if err := r.settle(ctx, st, p); errors.Is(err, errOvertaken) {
			return true, nil
		} else if err != nil {
			return again, err
		}
	}
	return again, nil
}

// sendOne writes the copy of an appointment, or takes it away when it is not to be there any more.
func (r *davRun) sendOne(ctx context.Context, st *davState, p *push) error {
	a, wanted := st.todo[p.appointment]
	if !wanted {
		err := r.at.Delete(ctx, Member{p.href, p.etag})
		if err != nil && !errors.Is(err, ErrDAVGone) {
			return err
		}
		p.there, p.next = false, time.Time{}
		r.add(Withdrawn, 1)
		return nil
	}
	e := copyOf(r.territory, a)
	body, err := copyText(e)
	if err != nil {
		return err
	}
	o, err := r.at.Put(ctx, Member{p.href, p.etag}, !p.there, body)
	if err != nil {
		return err
	}
	r.add(Pushed, 1)
	p.there, p.etag, p.content, p.start = true, o.ETag, copyDigest(e), a.Start
	p.tries, p.next, p.problem = 0, time.Time{}, ""
	if f, err := readMember(o.Data); err == nil {
		if what, _ := f.deedIn(e); what == movedIt || what == removedIt { // by who wrote right after us
			p.etag = ""
		}
	}
	return nil
}

// settle notes what became of a push. Where another run wrote something down since ours did, it may know
// better why ours failed: that is errOvertaken.
func (r *davRun) settle(ctx context.Context, st *davState, p *push) error {
	next := st.turn
	err := r.DB.Update(ctx, func(tx *store.Tx) error {
		ours, err := Claim(ctx, tx, r.source)
		if err != nil {
			return err
		}
		if !ours {
			return errStale
		}
		turn, err := turnOf(ctx, tx, r.source)
		if err != nil {
			return err
		}
		switch {
		case turn == st.turn+1:
			next = turn
		case p.problem != "":
			return errOvertaken
		}
		if !p.there && p.next.IsZero() {
			return dropPush(ctx, tx, r.source.ID, p.appointment)
		}
		return p.save(ctx, tx, r.source.ID)
	})
	st.turn = next
	return err
}

// davCode is the code of what went wrong at a server, and whether it is that.
func davCode(err error) (Code, bool) {
	if err == nil {
		return OK, true
	}
	for _, c := range davCodes() {
		if errors.Is(err, c.err) {
			return c.code, true
		}
	}
	status := statusError(0)
	switch {
	case errors.Is(err, ErrDAVUnreachable), errors.Is(err, context.DeadlineExceeded):
		return codeOf(err), true
	case errors.As(err, &status):
		return Answered, true
	case fault.Code(err) == "too_much_busy":
		return TooMuch, true
	case fault.Code(err) == "unknown_territory":
		return OwnerGone, true
	}
	return "", false
}

// Changed is why a copy was not written: another program wrote there meanwhile.
const Changed Code = "changed"

type davProblem struct {
	err  error
	code Code
}

// davCodes are the codes of what a server says.
func davCodes() []davProblem {
	return []davProblem{
		{ErrDAVLogin, Denied},
		{ErrDAVDenied, Denied},
		{ErrDAVGone, Missing},
		{ErrDAVChanged, Changed},
		{ErrDAVNonsense, NotCalendar},
		{ErrDAVTooLarge, TooLarge},
		{ErrDAVElsewhere, Redirected},
		{ErrDAVBusy, Answered},
		{ErrAddress, Unreachable},
		{ErrSealed, Sealed},
	}
}

// Collections returns the calendars of events that a person has at a server, without keeping anything.
// The fault is address_invalid; every other error is a Problem, or that of ctx.
func (r *Reader) Collections(ctx context.Context, access Access) ([]Collection, error) {
	looking, cancel := context.WithTimeout(ctx, davWithin)
	defer cancel()
	all, err := DAV{HTTP: r.Guard.Client(), User: access.User, Password: access.Secret}.Collections(looking, access.Address)
	code, known := davCode(err)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, ErrAddress):
		return nil, fault.New(fault.Invalid, "address_invalid")
	case errors.Is(err, ErrNoCollections):
		return nil, &Problem{Code: NoCollections, cause: err}
	case err != nil && known:
		return nil, &Problem{Code: code, cause: err}
	}
	return all, err
}

// NoCollections is why nothing can be chosen: there is no calendar of events at a server.
const NoCollections Code = "no_collections"
