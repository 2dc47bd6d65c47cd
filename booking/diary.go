package booking

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
)

// diary is what the officers and rooms of an office have taken, wherever, as of a version of the
// office. Nobody changes it.
type diary struct {
	version int64
	first   timetable.Date
	staff   []string // ids of the officers, in the order of resourcesOf
	days    []*taken // nil: nothing
}

// taken is what is taken of one day. Holds are apart: they end by themselves.
type taken struct {
	booked []booked // by place in resourcesOf
	holds  []held
	blocks []block // busy time; most days have none
	made   []made  // appointments, where the office bounds how many a channel makes
}

// block is what is busy of one officer or room, or the place after theirs: of the whole office.
type block struct {
	place    int
	external bool // an external calendar says so
	mask     timetable.Mask
}

// booked is what one officer or room has booked of a day.
type booked struct {
	mask         timetable.Mask
	appointments int
}

// held is what a hold takes of one officer or room until it ends.
type held struct {
	place int
	mask  timetable.Mask
	until int64
}

// made counts appointments of a service and channel; until is the end of a hold, or 0.
type made struct {
	service string
	channel territory.Channel
	until   int64
	count   int
}

// shelf holds the newest diary of an office that is committed. It is kept by tx.Memo under what the
// diary depends on besides the version.
type shelf struct{ newest atomic.Pointer[diary] }

// keptDiary returns the diary of the next horizon days. What changed since the last time is read from
// the database, the rest comes from memory. A transaction that has locked the office reads all of it:
// what it sees need not come to be.
func keptDiary(ctx context.Context, tx *store.Tx, o *territory.Office) (*diary, error) {
	today := o.Today(tx.Now)
	version, err := territory.Version(ctx, tx, o.ID)
	if err != nil {
		return nil, err
	}
	if tx.Touched(o.ID) {
		return readDiary(ctx, tx, o, today, horizon)
	}
	kept, err := tx.Memo("booking/diary/"+o.ID, o.Territory.Stamp+"/"+today.String(), func() (any, error) { return new(shelf), nil })
	if err != nil {
		return nil, err
	}
	on := kept.(*shelf)
	newest := on.newest.Load()
	if newest != nil && newest.version >= version {
		return newest, nil
	}
	next, err := readSince(ctx, tx, o, newest, today)
	if err != nil {
		return nil, err
	}
	next.version = version
	for newest = on.newest.Load(); newest == nil || newest.version < version; newest = on.newest.Load() {
		if on.newest.CompareAndSwap(newest, next) {
			break
		}
	}
	return next, nil
}

const selectChangedDays = `
SELECT day FROM diary_days WHERE office_id = $1 AND version > $2`

// readSince returns a diary from today that is before with the days read anew that changed since. The
// version is the caller's to set.
func readSince(ctx context.Context, tx *store.Tx, o *territory.Office, before *diary, today timetable.Date) (*diary, error) {
	if before == nil {
		return readDiary(ctx, tx, o, today, horizon)
	}
	changed, err := store.Column[string](ctx, tx, selectChangedDays, o.ID, before.version)
	if err != nil {
		return nil, fmt.Errorf("read changed days: %w", err)
	}
	next := &diary{first: before.first, staff: before.staff, days: append([]*taken(nil), before.days...)}
	for _, text := range changed {
		d, err := timetable.ParseDate(text)
		if err != nil {
			return nil, fmt.Errorf("read changed days: %w", err)
		}
		n := next.first.DaysUntil(d)
		if n < 0 || n >= len(next.days) {
			continue
		}
		one, err := readDiary(ctx, tx, o, d, 1)
		if err != nil {
			return nil, err
		}
		next.days[n] = one.days[0]
	}
	return next, nil
}

const (
	selectClaims = `
SELECT resource_id, slot_at, until, appointment_id FROM claims
WHERE slot_at >= $1 AND slot_at < $2 AND appointment_id <> $3 AND resource_id IN ({resources}) ORDER BY resource_id, slot_at`
	selectMade = `
SELECT day, service_id, channel, hold_until, COUNT(*) FROM appointments
WHERE office_id = $1 AND day >= $2 AND day <= $3 AND state NOT IN ('cancelled', 'expired')
GROUP BY day, service_id, channel, hold_until`
)

// readDiary reads what is taken on n days from first.
func readDiary(ctx context.Context, tx *store.Tx, o *territory.Office, first timetable.Date, n int) (*diary, error) {
	return readDiaryBut(ctx, tx, o, first, n, "")
}

// readDiaryBut is readDiary as if an appointment were not there.
func readDiaryBut(ctx context.Context, tx *store.Tx, o *territory.Office, first timetable.Date, n int, but string) (*diary, error) {
	d := &diary{first: first, days: make([]*taken, n), staff: staffOf(o)}
	if err := d.readClaims(ctx, tx, o, but); err != nil {
		return nil, fmt.Errorf("read claims: %w", err)
	}
	if err := d.readBusy(ctx, tx, o); err != nil {
		return nil, err
	}
	if !bounds(o) {
		return d, nil
	}
	if err := d.readMade(ctx, tx, o); err != nil {
		return nil, fmt.Errorf("count appointments: %w", err)
	}
	return d, nil
}

// bounds reports whether a service of the office bounds how many appointments a channel makes.
func bounds(o *territory.Office) bool {
	for _, id := range o.Services {
		if s, ok := o.Territory.Service(id); ok && len(s.Quotas) > 0 {
			return true
		}
	}
	return false
}

func (d *diary) readClaims(ctx context.Context, tx *store.Tx, o *territory.Office, but string) error {
	resources := resourcesOf(o)
	if len(resources) == 0 {
		return nil
	}
	places := make(map[string]int, len(resources))
	args := []any{store.Millis(d.first.At(0, o.Zone())), store.Millis(d.first.AddDays(len(d.days)).At(0, o.Zone())), but}
	for i, r := range resources {
		places[r] = i
		args = append(args, r)
	}
	rows, err := tx.Query(ctx, strings.ReplaceAll(selectClaims, "{resources}", placeholders(4, len(resources))), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	c := cursor{diary: d, office: o, places: len(resources)}
	for rows.Next() {
		var resource, appointment string
		var slot, until int64
		if err := rows.Scan(&resource, &slot, &until, &appointment); err != nil {
			return err
		}
		c.add(places[resource], slot, until, appointment)
	}
	return rows.Err()
}

// readBusy puts busy time into the diary.
func (d *diary) readBusy(ctx context.Context, tx *store.Tx, o *territory.Office) error {
	last := d.first.AddDays(len(d.days))
	all, err := busyAt(ctx, tx, o, d.first.At(0, o.Zone()), last.At(0, o.Zone()))
	if err != nil || len(all) == 0 {
		return err
	}
	resources := resourcesOf(o)
	for _, b := range all {
		place := slices.Index(resources, b.resource(o))
		if place < 0 {
			place = len(resources)
		}
		span := []timetable.Span{{From: b.From, Until: b.Until}}
		begins, ends := timetable.DateOf(b.From.In(o.Zone())), timetable.DateOf(b.Until.Add(-1).In(o.Zone()))
		for n := max(0, d.first.DaysUntil(begins)); n < len(d.days) && n <= d.first.DaysUntil(ends); n++ {
			t := d.day(n, len(resources))
			t.blocks = append(t.blocks, block{
				place: place, external: b.Source != Desk, mask: timetable.ScaleOf(d.first.AddDays(n), o.Zone()).Touched(span),
			})
		}
	}
	return nil
}

// cursor puts claims, ordered by resource and time, into a diary.
type cursor struct {
	diary       *diary
	office      *territory.Office
	places      int
	n           int // the day, its scale and its end
	scale       timetable.Scale
	end         int64
	place       int
	appointment string
}

func (c *cursor) add(place int, slot, until int64, appointment string) {
	at := store.FromMillis(slot).In(c.office.Zone())
	if c.end == 0 || slot >= c.end || slot < store.Millis(c.scale.From) {
		d := timetable.DateOf(at)
		c.n, c.scale, c.end = c.diary.first.DaysUntil(d), timetable.ScaleOf(d, c.office.Zone()), store.Millis(d.AddDays(1).At(0, c.office.Zone()))
	}
	t := c.diary.day(c.n, c.places)
	bit, _ := c.scale.Bit(at)
	fresh := place != c.place || appointment != c.appointment
	c.place, c.appointment = place, appointment
	if fresh && until > 0 {
		t.holds = append(t.holds, held{place: place, until: until})
	}
	if until > 0 {
		t.holds[len(t.holds)-1].mask.Set(bit, bit+1)
		return
	}
	if fresh {
		t.booked[place].appointments++
	}
	t.booked[place].mask.Set(bit, bit+1)
}

// day returns what is taken on the nth day, to be filled.
func (d *diary) day(n, places int) *taken {
	if d.days[n] == nil {
		d.days[n] = &taken{booked: make([]booked, places)}
	}
	return d.days[n]
}

func (d *diary) readMade(ctx context.Context, tx *store.Tx, o *territory.Office) error {
	rows, err := tx.Query(ctx, selectMade, o.ID, d.first.String(), d.first.AddDays(len(d.days)-1).String())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		var m made
		if err := rows.Scan(&text, &m.service, &m.channel, &m.until, &m.count); err != nil {
			return err
		}
		on, err := timetable.ParseDate(text)
		if err != nil {
			return err
		}
		t := d.day(d.first.DaysUntil(on), len(resourcesOf(o)))
		t.made = append(t.made, m)
	}
	return rows.Err()
}

// on returns what is taken on d, nil for nothing, and whether it is one of the diary's days.
func (d *diary) on(day timetable.Date) (*taken, bool) {
	n := d.first.DaysUntil(day)
	if n < 0 || n >= len(d.days) {
		return nil, false
	}
	return d.days[n], true
}

// madeBy returns how many appointments a channel has made for a service, live holds included.
func (t *taken) madeBy(service string, c territory.Channel, now int64) int {
	n := 0
	if t == nil {
		return n
	}
	for _, m := range t.made {
		if m.service == service && m.channel == c && (m.until == 0 || m.until > now) {
			n += m.count
		}
	}
	return n
}

// over writes the supply s with what is taken at now into into. staff are the ids of the officers in
// the order of resourcesOf.
func (t *taken) over(s timetable.Supply, staff []string, now int64, into *timetable.Supply) {
	into.Scale, into.Hours = s.Scale, s.Hours
	into.Officers = append(into.Officers[:0], s.Officers...)
	into.Rooms = append(into.Rooms[:0], s.Rooms...)
	if t == nil {
		return
	}
	place := 0
	for i := range into.Officers { // who is employed that day, in the same order
		o := &into.Officers[i]
		for staff[place] != o.ID {
			place++
		}
		o.Busy = o.Busy.Or(t.booked[place].mask)
		o.Appointments += t.booked[place].appointments
	}
	for i := range into.Rooms {
		into.Rooms[i].Busy = t.booked[len(staff)+i].mask
	}
	for _, h := range t.holds {
		if h.until > now {
			if o := occupy(into, staff, h.place, h.mask); o != nil {
				o.Appointments++
			}
		}
	}
	for _, b := range t.blocks {
		occupy(into, staff, b.place, b.mask)
	}
}

// occupy makes an officer or room busy, or closes the office, and returns the officer if it is one who is
// there.
func occupy(into *timetable.Supply, staff []string, place int, mask timetable.Mask) *timetable.Officer {
	room := place - len(staff)
	if room == len(into.Rooms) {
		into.Hours = slices.Clone(into.Hours) // others have them too
		for i := range into.Hours {
			into.Hours[i].Closed = into.Hours[i].Closed.Or(mask)
		}
		return nil
	}
	if room >= 0 {
		into.Rooms[room].Busy = into.Rooms[room].Busy.Or(mask)
		return nil
	}
	for i := range into.Officers {
		if o := &into.Officers[i]; o.ID == staff[place] {
			o.Busy = o.Busy.Or(mask)
			return o
		}
	}
	return nil
}

// explain has the officers of a supply say what they are busy with at now, for timetable's Explain.
func (t *taken) explain(s *timetable.Supply, staff []string, now int64) {
	for i := range s.Officers {
		f := &s.Officers[i]
		blocks := timetable.Blocks{Absent: f.Blocks.Absent}
		if t != nil {
			t.tell(slices.Index(staff, f.ID), now, &blocks)
		}
		f.Blocks = &blocks
	}
}

// tell adds what the officer at a place has taken to what it is busy with.
func (t *taken) tell(place int, now int64, b *timetable.Blocks) {
	b.Claimed = t.booked[place].mask
	for _, h := range t.holds {
		if h.place == place && h.until > now {
			b.Claimed = b.Claimed.Or(h.mask)
		}
	}
	for _, x := range t.blocks {
		switch {
		case x.place != place:
		case x.external:
			b.External = b.External.Or(x.mask)
		default:
			b.Blocked = b.Blocked.Or(x.mask)
		}
	}
}
