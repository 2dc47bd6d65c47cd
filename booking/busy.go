package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// Desk is the source of busy time that staff blocked. Any other is an external calendar.
const Desk = "desk"

// MaxBlock is how long a block may be, in days.
const MaxBlock = 31

// Busy is time of an officer or room that is not for sale although nobody booked it. What was booked
// before stays booked: see Clashes.
type Busy struct {
	ID, Source    string
	Officer, Room string // one of them, or neither: the whole office's
	From, Until   time.Time
	Reason        string // a code
	By            string // who made it
}

// subject names busy time in the audit.
func (b Busy) subject() string { return "busy:" + b.ID }

// resource returns whose time it is, as in claims.
func (b Busy) resource(o *territory.Office) string {
	return Owner{o.Territory.ID, b.Officer, o.ID, b.Room}.resource()
}

// officers returns the officer whose time it is, if it is one's.
func (b Busy) officers() []string {
	if b.Officer == "" {
		return nil
	}
	return []string{b.Officer}
}

// Block takes time of an officer, wherever, or of a room out of sale. Both ends lie on the five
// minutes of the office's day. Its faults are unknown_office, reason_missing, appointment_changed when
// rotas were changed meanwhile, and invalid with the fields officer, room, from and until.
func Block(ctx context.Context, tx *store.Tx, office string, b Busy) (Busy, error) {
	if !audit.IsCode(b.Reason) {
		return Busy{}, fault.New(fault.Invalid, "reason_missing")
	}
	o, err := territory.Of(ctx, tx, office)
	if err != nil {
		return Busy{}, err
	}
	if err := b.check(o, tx.Now); err != nil {
		return Busy{}, err
	}
	o, versions, err := lockWith(ctx, tx, office, b.officers())
	if err != nil {
		return Busy{}, err
	}
	b.ID, b.Source, b.From, b.Until = store.NewID(), Desk, b.From.UTC(), b.Until.UTC()
	const insert = `
INSERT INTO busy (id, source, resource_id, from_at, until_at, reason, made_by) VALUES ($1, $2, $3, $4, $5, $6, $7)`
	_, err = tx.Exec(ctx, insert, b.ID, b.Source, b.resource(o), store.Millis(b.From), store.Millis(b.Until), b.Reason, b.By)
	if err != nil {
		return Busy{}, fmt.Errorf("block: %w", err)
	}
	return b, b.changed(ctx, tx, o, versions, b.By, "diary.block")
}

// check refuses what cannot be blocked at an office.
func (b Busy) check(o *territory.Office, now time.Time) error {
	var wrong wrongs
	room := slices.ContainsFunc(o.Rooms, func(r territory.Room) bool { return r.ID == b.Room })
	switch f, ok := o.Territory.Officer(b.Officer); {
	case b.Officer == "" && b.Room == "":
		wrong.add("officer", "missing")
	case b.Room != "" && (b.Officer != "" || !room):
		wrong.add("room", "unknown_value")
	case b.Room == "" && (!ok || !f.At(o.ID)):
		wrong.add("officer", "unknown_value")
	}
	wrong.checkSpan(o, b.From, b.Until, now)
	return wrong.fault()
}

// checkSpan adds what is wrong with a stretch of time that begins today or later.
func (w *wrongs) checkSpan(o *territory.Office, from, until, now time.Time) {
	switch {
	case from.IsZero():
		w.add("from", "missing")
	case !onGrid(o, from):
		w.add("from", "off_grid")
	case timetable.DateOf(from.In(o.Zone())).Before(o.Today(now)):
		w.add("from", "past")
	}
	switch {
	case until.IsZero():
		w.add("until", "missing")
	case !onGrid(o, until):
		w.add("until", "off_grid")
	case !until.After(from):
		w.add("until", "before_from")
	case !until.After(now):
		w.add("until", "past")
	case until.After(from.In(o.Zone()).AddDate(0, 0, MaxBlock)):
		w.add("until", "too_many_days")
	}
}

// onGrid reports whether t lies on the five minutes of its day.
func onGrid(o *territory.Office, t time.Time) bool {
	_, exact := timetable.ScaleOf(timetable.DateOf(t.In(o.Zone())), o.Zone()).Bit(t)
	return exact
}

// changed notes that busy time is new or gone.
func (b Busy) changed(ctx context.Context, tx *store.Tx, o *territory.Office, versions locked, by, action string) error {
	if err := versions.mark(ctx, tx, o.Territory, b.From, b.Until); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Entry{
		Scope: o.ID, Version: versions[o.ID], Actor: by, Action: action, Subject: b.subject(), Detail: map[string]any{
			"resource": b.resource(o), "from": store.Millis(b.From), "until": store.Millis(b.Until), "reason": b.Reason,
		},
	})
}

// errUnknownBlock is returned for what is no block of an office.
var errUnknownBlock = fault.New(fault.Missing, "unknown_block")

// Unblock puts time on sale again that Block took out of it. The faults are unknown_office and
// unknown_block, be it one of another office or of an external calendar.
func Unblock(ctx context.Context, tx *store.Tx, office, id, by string) error {
	o, err := territory.Of(ctx, tx, office)
	if err != nil {
		return err
	}
	b, err := blockByID(ctx, tx, o, id)
	if err != nil {
		return err
	}
	o, versions, err := lockWith(ctx, tx, office, b.officers())
	if err != nil {
		return err
	}
	gone, err := tx.Exec(ctx, `DELETE FROM busy WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("unblock: %w", err)
	}
	if gone == 0 {
		return errUnknownBlock
	}
	return b.changed(ctx, tx, o, versions, by, "diary.unblock")
}

const selectBusy = `
SELECT id, source, resource_id, from_at, until_at, reason, made_by FROM busy `

func blockByID(ctx context.Context, tx *store.Tx, o *territory.Office, id string) (Busy, error) {
	b, err := scanBusy(tx.QueryRow(ctx, selectBusy+`WHERE id = $1 AND source = '`+Desk+`'`, id))
	if errors.Is(err, sql.ErrNoRows) || err == nil && !slices.Contains(resourcesOf(o), b.resource(o)) {
		return Busy{}, errUnknownBlock
	}
	if err != nil {
		return Busy{}, fmt.Errorf("read block: %w", err)
	}
	return b, nil
}

func scanBusy(row store.Row) (Busy, error) {
	var b Busy
	var resource string
	var from, until int64
	if err := row.Scan(&b.ID, &b.Source, &resource, &from, &until, &b.Reason, &b.By); err != nil {
		return Busy{}, err
	}
	b.From, b.Until = store.FromMillis(from), store.FromMillis(until)
	switch kind, id, _ := strings.Cut(resource, ":"); kind {
	case "officer":
		_, b.Officer, _ = strings.Cut(id, ":")
	case "room":
		_, b.Room, _ = strings.Cut(id, ":")
	}
	return b, nil
}

// Blocks returns the busy time of those who work at an office and of its rooms between two instants,
// ascending, whatever its source. The fault is unknown_office.
func Blocks(ctx context.Context, tx *store.Tx, office string, from, until time.Time) ([]Busy, error) {
	o, err := territory.Of(ctx, tx, office)
	if err != nil {
		return nil, err
	}
	return busyAt(ctx, tx, o, from, until)
}

func busyAt(ctx context.Context, tx *store.Tx, o *territory.Office, from, until time.Time) ([]Busy, error) {
	resources := append(resourcesOf(o), officeResource(o.ID))
	args := []any{store.Millis(from), store.Millis(until)}
	for _, r := range resources {
		args = append(args, r)
	}
	all, err := store.All(ctx, tx, scanBusy, selectBusy+`
WHERE until_at > $1 AND from_at < $2 AND resource_id IN (`+placeholders(3, len(resources))+`)
ORDER BY from_at, resource_id, id`, args...)
	if err != nil {
		return nil, fmt.Errorf("read busy time: %w", err)
	}
	return all, nil
}

// Takes reports whether busy time of an office takes any of an appointment's there.
func (b Busy) Takes(a Appointment) bool {
	its := b.Room == "" || a.Room == b.Room
	if b.Officer != "" {
		its = slices.Contains(a.officers(), b.Officer)
	}
	return its && b.From.Before(a.End) && a.Start.Before(b.Until)
}

// Clash is an appointment of which somebody, its room or its office is busy with something else.
type Clash struct {
	Appointment Appointment
	Busy        []Busy // ascending
}

// Clashes returns the booked and arrived appointments of an office between two instants of which an
// officer, the room or the office is busy then, in the order of their start. The fault is unknown_office.
func Clashes(ctx context.Context, tx *store.Tx, office string, from, until time.Time) ([]Clash, error) {
	o, err := territory.Of(ctx, tx, office)
	if err != nil {
		return nil, err
	}
	busy, err := busyAt(ctx, tx, o, from, until)
	if err != nil || len(busy) == 0 {
		return nil, err
	}
	booked, err := list(ctx, tx, `
WHERE a.office_id = $1 AND a.end_at > $2 AND a.start_at < $3 AND a.state IN ('booked', 'arrived')
ORDER BY a.start_at, a.id`, office, store.Millis(from), store.Millis(until))
	if err != nil {
		return nil, err
	}
	var all []Clash
	for _, a := range booked {
		if found := slices.DeleteFunc(slices.Clone(busy), func(b Busy) bool { return !b.Takes(a) }); len(found) > 0 {
			all = append(all, Clash{a, found})
		}
	}
	return all, nil
}
