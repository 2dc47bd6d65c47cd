package booking

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// Owner is whose time is busy: an officer's of a territory, wherever it works, an office's with all who
// work there, or that of a room of an office.
type Owner struct {
	Territory string
	Officer   string
	Office    string // empty for an officer
	Room      string
}

// MaxFollowed is how much busy time that is not over a source may have: more than a year of every hour.
const MaxFollowed = 10_000

// officeResource is whose time is closed to everybody.
func officeResource(office string) string { return "office:" + office }

func (w Owner) resource() string {
	switch {
	case w.Officer != "":
		return officerResource(w.Territory, w.Officer)
	case w.Room != "":
		return roomResource(w.Office, w.Room)
	}
	return officeResource(w.Office)
}

// Offices returns those that see the time of an owner, in the order of their ids; none for an officer
// who works nowhere. The faults are unknown_territory, unknown_office, and invalid with the field
// officer or room.
func (w Owner) Offices(ctx context.Context, tx *store.Tx) ([]*territory.Office, error) {
	t, err := territory.Read(ctx, tx, w.Territory)
	if err != nil {
		return nil, err
	}
	var wrong wrongs
	if w.Officer != "" {
		if _, ok := t.Officer(w.Officer); !ok {
			wrong.add("officer", "unknown_value")
			return nil, wrong.fault()
		}
		all := slices.DeleteFunc(slices.Clone(t.Offices), func(o *territory.Office) bool { f, _ := t.Officer(w.Officer); return !f.At(o.ID) })
		slices.SortFunc(all, func(a, b *territory.Office) int { return strings.Compare(a.ID, b.ID) })
		return all, nil
	}
	o, ok := t.Office(w.Office)
	if !ok {
		return nil, fault.New(fault.Missing, "unknown_office", "office", w.Office)
	}
	if w.Room != "" && !slices.ContainsFunc(o.Rooms, func(r territory.Room) bool { return r.ID == w.Room }) {
		wrong.add("room", "unknown_value")
	}
	return []*territory.Office{o}, wrong.fault()
}

// Followed says what Follow changed.
type Followed struct{ Added, Removed int }

// Follow has the busy time of an owner that is not over be what a source says of it, and writes only
// what differs: when nothing does, no office changes. The faults are appointment_changed when rotas were
// changed meanwhile, and too_much_busy for more than MaxFollowed. Who calls it has the source to itself.
func Follow(ctx context.Context, tx *store.Tx, source string, w Owner, says []timetable.Span) (Followed, error) {
	says = slices.DeleteFunc(timetable.Union(says), func(s timetable.Span) bool { return !s.Until.After(tx.Now) })
	if len(says) > MaxFollowed {
		return Followed{}, fault.New(fault.Invalid, "too_much_busy", "most", MaxFollowed)
	}
	had, err := followed(ctx, tx, source)
	if err != nil {
		return Followed{}, err
	}
	gone, fresh := difference(had, says, w.resource())
	if len(gone)+len(fresh) == 0 {
		return Followed{}, nil
	}
	offices, versions, err := lockOwner(ctx, tx, w)
	if err != nil {
		return Followed{}, err
	}
	if err := forgetBusy(ctx, tx, gone); err != nil {
		return Followed{}, err
	}
	if err := addBusy(ctx, tx, source, w.resource(), fresh); err != nil {
		return Followed{}, err
	}
	changed := slices.Clone(fresh)
	for _, b := range gone {
		changed = append(changed, timetable.Span{From: b.From, Until: b.Until})
	}
	done := Followed{len(fresh), len(gone)}
	for _, o := range offices {
		if err := versions.markAhead(ctx, tx, o, changed); err != nil {
			return Followed{}, err
		}
		err := audit.Record(ctx, tx, audit.Entry{
			Scope: o.ID, Version: versions[o.ID], Actor: "calendar:" + source, Action: "diary.follow", Subject: "calendar:" + source,
			Detail: map[string]any{"resource": w.resource(), "added": done.Added, "removed": done.Removed},
		})
		if err != nil {
			return Followed{}, err
		}
	}
	return done, nil
}

// Unfollow takes away all busy time of a source, be its owner still there or not.
func Unfollow(ctx context.Context, tx *store.Tx, source string, w Owner) error {
	if _, err := Follow(ctx, tx, source, w, nil); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM busy WHERE source = $1`, source); err != nil {
		return fmt.Errorf("unfollow: %w", err)
	}
	return nil
}

// lockOwner locks the offices that see the time of an owner, none when it is not there any more.
func lockOwner(ctx context.Context, tx *store.Tx, w Owner) ([]*territory.Office, locked, error) {
	find := func() ([]*territory.Office, []string, error) {
		offices, err := w.Offices(ctx, tx)
		if fault.Code(err) != "" {
			return nil, nil, nil
		}
		var ids []string
		for _, o := range offices {
			ids = append(ids, o.ID)
		}
		return offices, ids, err
	}
	_, ids, err := find()
	if err != nil {
		return nil, nil, err
	}
	versions, err := lock(ctx, tx, ids)
	if err != nil {
		return nil, nil, err
	}
	offices, ids, err := find()
	if err == nil && !versions.has(ids) {
		err = errChanged
	}
	return offices, versions, err
}

// followed reads the busy time of a source that is not over.
func followed(ctx context.Context, tx *store.Tx, source string) ([]followedBusy, error) {
	all, err := store.All(ctx, tx, func(row store.Row) (b followedBusy, err error) {
		var from, until int64
		err = row.Scan(&b.id, &b.resource, &from, &until)
		b.Span = timetable.Span{From: store.FromMillis(from), Until: store.FromMillis(until)}
		return b, err
	}, `SELECT id, resource_id, from_at, until_at FROM busy WHERE source = $1 AND until_at > $2`, source, store.Millis(tx.Now))
	if err != nil {
		return nil, fmt.Errorf("read followed time: %w", err)
	}
	return all, nil
}

// followedBusy is busy time of a source as it is stored.
type followedBusy struct {
	timetable.Span
	id, resource string
}

// difference is what is there and not said, and what is said and not there.
func difference(had []followedBusy, says []timetable.Span, resource string) (gone []followedBusy, fresh []timetable.Span) {
	type key struct {
		resource    string
		from, until int64
	}
	said := make(map[key]timetable.Span, len(says))
	for _, s := range says {
		said[key{resource, store.Millis(s.From), store.Millis(s.Until)}] = s
	}
	for _, b := range had {
		k := key{b.resource, store.Millis(b.From), store.Millis(b.Until)}
		if _, ok := said[k]; !ok {
			gone = append(gone, b)
			continue
		}
		delete(said, k)
	}
	fresh = slices.SortedFunc(maps.Values(said), func(a, b timetable.Span) int { return a.From.Compare(b.From) })
	slices.SortFunc(gone, func(a, b followedBusy) int { return cmp.Compare(a.id, b.id) })
	return gone, fresh
}

// rowsAtOnce is how many rows a statement writes or takes away.
const rowsAtOnce = 200

func forgetBusy(ctx context.Context, tx *store.Tx, gone []followedBusy) error {
	for some := range slices.Chunk(gone, rowsAtOnce) {
		var ids []any
		for _, b := range some {
			ids = append(ids, b.id)
		}
		if _, err := tx.Exec(ctx, `DELETE FROM busy WHERE id IN (`+placeholders(1, len(ids))+`)`, ids...); err != nil {
			return fmt.Errorf("forget busy time: %w", err)
		}
	}
	return nil
}

// followedReason is the reason of busy time that a calendar says.
const followedReason = "calendar"

func addBusy(ctx context.Context, tx *store.Tx, source, resource string, fresh []timetable.Span) error {
	for some := range slices.Chunk(fresh, rowsAtOnce) {
		var values []string
		var args []any
		for _, s := range some {
			values = append(values, "("+placeholders(len(args)+1, 7)+")")
			args = append(args, store.NewID(), source, resource, store.Millis(s.From), store.Millis(s.Until), followedReason, "calendar:"+source)
		}
		_, err := tx.Exec(ctx, `INSERT INTO busy (id, source, resource_id, from_at, until_at, reason, made_by) VALUES `+strings.Join(values, ", "), args...)
		if err != nil {
			return fmt.Errorf("add busy time: %w", err)
		}
	}
	return nil
}

// markAhead notes at an office that is locked which of the next days changed, today included.
func (l locked) markAhead(ctx context.Context, tx *store.Tx, o *territory.Office, changed []timetable.Span) error {
	first := o.Today(tx.Now)
	days := timetable.Span{From: first.At(0, o.Zone()), Until: first.AddDays(horizon+1).At(0, o.Zone())}
	marked := map[timetable.Date]bool{}
	for _, s := range timetable.Intersect(timetable.Union(changed), []timetable.Span{days}) {
		last := timetable.DateOf(s.Until.Add(-time.Millisecond).In(o.Zone()))
		for d := timetable.DateOf(s.From.In(o.Zone())); !d.After(last); d = d.AddDays(1) {
			marked[d] = true
		}
	}
	for _, d := range slices.SortedFunc(maps.Keys(marked), func(a, b timetable.Date) int { return strings.Compare(a.String(), b.String()) }) {
		if _, err := tx.Exec(ctx, markDay, o.ID, d.String(), l[o.ID]); err != nil {
			return fmt.Errorf("mark day: %w", err)
		}
	}
	return nil
}
