package calendar

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"sportello/booking"
	"sportello/booking/ical"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// A davMember is what is known of a member that is not the copy of an appointment that is to be there.
type davMember struct {
	etag  string
	spans []timetable.Span // its busy time
}

// A push is an appointment whose copy is in a collection or is to be, or is to go.
type push struct {
	appointment string
	href, etag  string
	there       bool      // something stands at href
	content     string    // digest of what we wrote there; empty: it is not what we wrote
	start       time.Time // of what we wrote there
	tries       int       // in a row that failed
	next        time.Time // zero: nothing is to be done
	problem     Code
	changed     bool // since it was read from the database
}

// set changes a push and notes whether it did.
func (p *push) set(change func(p *push)) {
	before := *p
	if change(p); *p != before {
		p.changed = true
	}
}

// failed notes that a push failed, and when it is tried again.
func (p *push) failed(code Code, now time.Time) {
	p.tries++
	p.problem, p.next = code, now.Add(min(time.Minute<<min(p.tries-1, 10), longestPause))
}

// davState is what is known of a collection, and what is to be in it.
type davState struct {
	turn    int64                          // of who was the last to write something down
	members map[string]davMember           // by href
	pushes  map[string]*push               // by appointment
	at      map[string]*push               // by href
	todo    map[string]booking.Appointment // what the officer has to do
	done    map[string]bool                // appointments that have a push and took place
}

// readDAV reads what is known of the collection of a source.
func readDAV(ctx context.Context, tx *store.Tx, s Source) (*davState, error) {
	st, err := readOutbox(ctx, tx, s)
	if err != nil {
		return nil, err
	}
	if st.turn, err = turnOf(ctx, tx, s); err != nil {
		return nil, err
	}
	if err := st.readMembers(ctx, tx, s.ID); err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	return st, nil
}

// turnOf is the last turn of a source that still is what was read, or else errStale.
func turnOf(ctx context.Context, tx *store.Tx, s Source) (turn int64, err error) {
	err = tx.QueryRow(ctx, `SELECT turn FROM calendar_sources WHERE id = $1 AND rev = $2`, s.ID, s.Rev).Scan(&turn)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, errStale
	}
	if err != nil {
		return 0, fmt.Errorf("read turn: %w", err)
	}
	return turn, nil
}

// readOutbox reads it without the members.
func readOutbox(ctx context.Context, tx *store.Tx, s Source) (*davState, error) {
	st := &davState{
		members: make(map[string]davMember), pushes: make(map[string]*push), at: make(map[string]*push),
		todo: make(map[string]booking.Appointment), done: make(map[string]bool),
	}
	if err := st.readPushes(ctx, tx, s.ID); err != nil {
		return nil, fmt.Errorf("read pushes: %w", err)
	}
	return st, st.readTodo(ctx, tx, s)
}

// readTodo reads what is to be in the collection, and which copies stay although it is not: those of
// what took place.
func (s *davState) readTodo(ctx context.Context, tx *store.Tx, of Source) error {
	todo, err := booking.ToDo(ctx, tx, of.Whose.Territory, of.Whose.Officer)
	if err != nil {
		return err
	}
	for _, a := range todo {
		s.todo[a.ID] = a
	}
	for id := range s.pushes {
		if _, ahead := s.todo[id]; ahead {
			continue
		}
		a, err := booking.ByID(ctx, tx, id)
		if err != nil && fault.Code(err) != "unknown_appointment" {
			return err
		}
		s.done[id] = a.State == booking.Served || a.State == booking.NoShow || a.State.Open() && !a.End.After(tx.Now)
	}
	return nil
}

func (s *davState) readMembers(ctx context.Context, tx *store.Tx, source string) error {
	rows, err := tx.Query(ctx, `SELECT href, etag, spans FROM dav_members WHERE source_id = $1`, source)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var m davMember
		var href, spans string
		if err := rows.Scan(&href, &m.etag, &spans); err != nil {
			return err
		}
		m.spans = parseSpans(spans)
		s.members[href] = m
	}
	return rows.Err()
}

func (s *davState) readPushes(ctx context.Context, tx *store.Tx, source string) error {
	rows, err := tx.Query(ctx, `
SELECT appointment_id, href, etag, there, content, start_at, tries, next_at, problem FROM dav_pushes WHERE source_id = $1`, source)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var p push
		var start, next int64
		if err := rows.Scan(&p.appointment, &p.href, &p.etag, &p.there, &p.content, &start, &p.tries, &next, &p.problem); err != nil {
			return err
		}
		p.start, p.next = store.FromMillis(start), store.FromMillis(next)
		s.pushes[p.appointment], s.at[p.href] = &p, &p
	}
	return rows.Err()
}

// Unwritten returns how many appointments could not be written into the collection of a source, or taken
// out of it, when that was tried last, and why the one that was tried most often could not.
func Unwritten(ctx context.Context, tx *store.Tx, source string) (n int, why Code, err error) {
	const unwritten = `SELECT problem FROM dav_pushes WHERE source_id = $1 AND problem <> '' AND next_at > 0 ORDER BY tries DESC, appointment_id`
	problems, err := store.Column[Code](ctx, tx, unwritten, source)
	if err != nil {
		return 0, "", fmt.Errorf("read pushes: %w", err)
	}
	if len(problems) == 0 {
		return 0, "", nil
	}
	return len(problems), problems[0], nil
}

// takeCopy notes what became of the copy of an appointment. What its officer did to it is taken back,
// and asked of a manager; where the appointment was moved meanwhile, that counts.
func (s *davState) takeCopy(c copyNews, now time.Time) (ask, bool) {
	p := s.pushes[c.appointment]
	if p == nil {
		return ask{}, false
	}
	wrote := p.content != ""
	p.set(func(p *push) { p.href, p.etag, p.there = c.href, c.etag, !c.gone })
	a, wanted := s.todo[c.appointment]
	if !wanted {
		return ask{}, false
	}
	what, to := c.deed(a)
	if what == leftIt {
		return ask{}, false
	}
	p.set(func(p *push) { p.content, p.tries, p.next = "", 0, now })
	mayAsk := wrote && p.start.Equal(a.Start) && a.State == booking.Booked && !a.Session && a.Start.After(now)
	return ask{appointment: a, what: what, to: to}, mayAsk && what != marredIt
}

// deed is what was done to the copy of a.
func (c copyNews) deed(a booking.Appointment) (what deed, to time.Time) {
	switch {
	case c.gone:
		return removedIt, time.Time{}
	case c.broken:
		return marredIt, time.Time{}
	}
	return c.found.deedIn(ical.Appointment{Start: a.Start, End: a.End})
}

// plan notes what is to be sent, so that there stands of each appointment what copyOf says, where hrefOf
// says, and nothing of any other.
func (s *davState) plan(t *territory.Territory, hrefOf func(appointment string) string, now time.Time) {
	for id, a := range s.todo {
		p := s.pushes[id]
		if p == nil {
			p = &push{appointment: id, href: hrefOf(id), changed: true}
			if m, taken := s.members[p.href]; taken {
				p.there, p.etag = true, m.etag
			}
			s.pushes[id], s.at[p.href] = p, p
		}
		p.set(func(p *push) {
			switch {
			case p.there && p.content == copyDigest(copyOf(t, a)):
				p.next, p.tries, p.problem = time.Time{}, 0, ""
			case p.next.IsZero():
				p.next = now
			}
		})
	}
	for id, p := range s.pushes {
		if _, wanted := s.todo[id]; !wanted && p.next.IsZero() {
			p.set(func(p *push) { p.next = now })
		}
	}
}

// due reports whether something is to be sent now.
func (s *davState) due(now time.Time) bool {
	for id, p := range s.pushes {
		if !s.done[id] && !p.next.IsZero() && !p.next.After(now) {
			return true
		}
	}
	return false
}

// save writes what changed. What took place is forgotten, and what is not there and need not be.
func (s *davState) save(ctx context.Context, tx *store.Tx, source string) error {
	for id, p := range s.pushes {
		if _, wanted := s.todo[id]; s.done[id] || !wanted && !p.there {
			delete(s.pushes, id)
			if err := dropPush(ctx, tx, source, id); err != nil {
				return err
			}
			continue
		}
		if !p.changed {
			continue
		}
		if err := p.save(ctx, tx, source); err != nil {
			return err
		}
		if err := dropMember(ctx, tx, source, p.href); err != nil {
			return err
		}
	}
	return nil
}

const saveMember = `
INSERT INTO dav_members (source_id, href, etag, spans) VALUES ($1, $2, $3, $4)
ON CONFLICT (source_id, href) DO UPDATE SET etag = excluded.etag, spans = excluded.spans`

func (m davMember) save(ctx context.Context, tx *store.Tx, source, href string) error {
	if _, err := tx.Exec(ctx, saveMember, source, href, m.etag, formatSpans(m.spans)); err != nil {
		return fmt.Errorf("save member: %w", err)
	}
	return nil
}

func dropMember(ctx context.Context, tx *store.Tx, source, href string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM dav_members WHERE source_id = $1 AND href = $2`, source, href); err != nil {
		return fmt.Errorf("drop member: %w", err)
	}
	return nil
}

const savePush = `
INSERT INTO dav_pushes (source_id, appointment_id, href, etag, there, content, start_at, tries, next_at, problem)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (source_id, appointment_id) DO UPDATE SET href = excluded.href, etag = excluded.etag, there = excluded.there,
  content = excluded.content, start_at = excluded.start_at, tries = excluded.tries, next_at = excluded.next_at, problem = excluded.problem`

func (p *push) save(ctx context.Context, tx *store.Tx, source string) error {
	_, err := tx.Exec(ctx, savePush, source, p.appointment, p.href, p.etag, p.there, p.content, store.Millis(p.start), p.tries, store.Millis(p.next), string(p.problem))
	if err != nil {
		return fmt.Errorf("save push: %w", err)
	}
	return nil
}

func dropPush(ctx context.Context, tx *store.Tx, source, appointment string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM dav_pushes WHERE source_id = $1 AND appointment_id = $2`, source, appointment); err != nil {
		return fmt.Errorf("drop push: %w", err)
	}
	return nil
}

// forgetDAV forgets what is known of a collection, since the source is another one now.
func forgetDAV(ctx context.Context, tx *store.Tx, source string) error {
	for _, statement := range []string{`DELETE FROM dav_members WHERE source_id = $1`, `DELETE FROM dav_pushes WHERE source_id = $1`} {
		if _, err := tx.Exec(ctx, statement, source); err != nil {
			return fmt.Errorf("forget collection: %w", err)
		}
	}
	return nil
}

func formatSpans(spans []timetable.Span) string {
	words := make([]string, len(spans))
	for i, s := range spans {
		words[i] = strconv.FormatInt(store.Millis(s.From), 10) + "-" + strconv.FormatInt(store.Millis(s.Until), 10)
	}
	return strings.Join(words, ",")
}

// parseSpans is the inverse of formatSpans.
func parseSpans(text string) []timetable.Span {
	var spans []timetable.Span
	for word := range strings.SplitSeq(text, ",") {
		from, until, _ := strings.Cut(word, "-")
		f, err1 := strconv.ParseInt(from, 10, 64)
		u, err2 := strconv.ParseInt(until, 10, 64)
		if err1 == nil && err2 == nil {
			spans = append(spans, timetable.Span{From: store.FromMillis(f), Until: store.FromMillis(u)})
		}
	}
	return spans
}
