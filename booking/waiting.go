package booking

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// How long an offered start is held: OfferFor, but never until less than OfferBefore before it. One that
// could not be held for HoldFor is not offered.
const (
	OfferFor    = 2 * time.Hour
	OfferBefore = 30 * time.Minute
)

// Waiting is a place in the list of those who are told when a start comes free. Its contact is erased
// when it ends.
type Waiting struct {
	ID, Token   string
	Ended       bool
	Territory   string
	Office      string // empty: any of the territory
	Service     string
	From, Until timetable.Date // both included
	People      int
	Language    string
	Contact     Contact
	Offer       string // id of the hold that was offered last
	Reason      string // why it ended: one of the codes below
	CreatedAt   time.Time
	EndedAt     time.Time
}

// Why a place in the waiting list ended.
const (
	WaitBooked = "booked" // the offer was taken
	WaitLeft   = "left"
	WaitOver   = "over" // the last day passed
	waitErased = "erased"
)

// Subject names the place in the audit and among what was erased.
func (w Waiting) Subject() string { return waitingPrefix + w.ID }

const waitingPrefix = "waiting:"

// WaitWish is what somebody waits for, to be booked online.
type WaitWish struct {
	Territory   string // all of its offices; or
	Office      string // one office
	Service     string
	From, Until timetable.Date // both included
	People      int            // at least 1
	Language    string         // of the citizen
	Contact     Contact        // with an e-mail address
	By          string         // who asks, in the audit
}

// Wait puts somebody on the waiting list. The faults are those of Available, service_ended,
// already_waiting for who waits for the same service, too_many_waiting for more than MaxOpen, and
// invalid with the fields.
func Wait(ctx context.Context, tx *store.Tx, key Key, w WaitWish) (Waiting, error) {
	offices, service, err := asked(ctx, tx, Query{
		Territory: w.Territory, Office: w.Office, Service: w.Service, From: w.From, Until: w.Until, Channel: territory.Online, Language: w.Language,
	})
	if err != nil {
		return Waiting{}, err
	}
	if !service.Offered(w.From) && !service.Offered(w.Until) {
		return Waiting{}, fault.New(fault.Gone, "service_ended")
	}
	contact, err := w.checked(service)
	if err != nil {
		return Waiting{}, err
	}
	e := Waiting{
		ID: store.NewID(), Token: store.NewToken(), Territory: offices[0].Territory.ID, Office: w.Office, Service: w.Service,
		From: w.From, Until: w.Until, People: w.People, Language: w.Language, Contact: contact, CreatedAt: tx.Now,
	}
	persons := key.Persons(contact)
	e.Contact.FiscalCode = "" // persons keep its digest, nothing else does
	if err := lockPersons(ctx, tx, persons); err != nil {
		return Waiting{}, err
	}
	if err := e.checkLimits(ctx, tx, persons); err != nil {
		return Waiting{}, err
	}
	if err := e.insert(ctx, tx); err != nil {
		return Waiting{}, err
	}
	if err := savePersons(ctx, tx, waitingPersons, e.ID, persons); err != nil {
		return Waiting{}, err
	}
	return e, e.record(ctx, tx, w.By, "waiting.join", map[string]any{"service": e.Service})
}

// checked returns the contact in the form in which it is kept.
func (w WaitWish) checked(s *territory.Service) (Contact, error) {
	contact, err := w.Contact.Checked()
	wrong := wrongs{}
	if f, ok := err.(*fault.Error); ok {
		wrong = f.Fields
	}
	if contact.Email == "" {
		wrong.add("email", "missing")
	}
	if w.People < 1 || w.People > MaxPeople {
		wrong.add("people", "out_of_range")
	}
	if !s.By(territory.Online) {
		wrong.add("service", "unknown_value")
	}
	return contact, wrong.fault()
}

// checkLimits refuses what would be too much for one person.
func (e Waiting) checkLimits(ctx context.Context, tx *store.Tx, persons []Person) error {
	open, err := waitingOf(ctx, tx, persons)
	if err != nil {
		return err
	}
	for _, other := range open {
		if other.Service == e.Service && other.Territory == e.Territory {
			return fault.New(fault.Conflict, "already_waiting")
		}
	}
	if len(open) >= MaxOpen {
		return fault.New(fault.Conflict, "too_many_waiting", "most", MaxOpen)
	}
	return nil
}

// waitingOf reads what persons wait for.
func waitingOf(ctx context.Context, tx *store.Tx, persons []Person) ([]Waiting, error) {
	condition, args := ofPersons(waitingPersons, "w.id", persons)
	return listWaiting(ctx, tx, `WHERE w.state = 'waiting' AND `+condition+` ORDER BY w.created_at, w.id`, args...)
}

const insertWaiting = `
INSERT INTO waiting (id, token, state, territory_id, office_id, service_id, from_day, until_day, people, language, name, email, phone, created_at)
VALUES ($1, $2, 'waiting', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)`

func (e Waiting) insert(ctx context.Context, tx *store.Tx) error {
	_, err := tx.Exec(ctx, insertWaiting, e.ID, e.Token, e.Territory, e.Office, e.Service, e.From.String(), e.Until.String(), e.People, e.Language,
		e.Contact.Name, e.Contact.Email, e.Contact.Phone, store.Millis(e.CreatedAt))
	if err != nil {
		return fmt.Errorf("wait: %w", err)
	}
	return nil
}

// record records what becomes of a place, at its office if it is for one.
func (e Waiting) record(ctx context.Context, tx *store.Tx, by, action string, detail map[string]any) error {
	scope := e.Office
	if scope == "" {
		scope = audit.System
	}
	return audit.Record(ctx, tx, audit.Entry{Scope: scope, Actor: by, Action: action, Subject: e.Subject(), Detail: detail})
}

const selectWaiting = `
SELECT w.id, w.token, w.state, w.territory_id, w.office_id, w.service_id, w.from_day, w.until_day, w.people, w.language,
  w.name, w.email, w.phone, w.offer_id, w.reason, w.created_at, w.ended_at
FROM waiting w `

func scanWaiting(row store.Row) (Waiting, error) {
	var e Waiting
	var state, from, until string
	var created, ended int64
	err := row.Scan(&e.ID, &e.Token, &state, &e.Territory, &e.Office, &e.Service, &from, &until, &e.People, &e.Language,
		&e.Contact.Name, &e.Contact.Email, &e.Contact.Phone, &e.Offer, &e.Reason, &created, &ended)
	if err != nil {
		return Waiting{}, err
	}
	e.Ended, e.CreatedAt, e.EndedAt = state == "ended", store.FromMillis(created), store.FromMillis(ended)
	if e.From, err = timetable.ParseDate(from); err != nil {
		return Waiting{}, err
	}
	e.Until, err = timetable.ParseDate(until)
	return e, err
}

// WaitingByToken returns the place in the waiting list of a citizen's secret token, or the fault
// unknown_waiting.
func WaitingByToken(ctx context.Context, tx *store.Tx, token string) (Waiting, error) {
	e, err := scanWaiting(tx.QueryRow(ctx, selectWaiting+`WHERE w.token = $1`, token))
	if errors.Is(err, sql.ErrNoRows) {
		return Waiting{}, fault.New(fault.Missing, "unknown_waiting")
	}
	if err != nil {
		return Waiting{}, fmt.Errorf("read waiting list: %w", err)
	}
	return e, nil
}

func listWaiting(ctx context.Context, tx *store.Tx, condition string, args ...any) ([]Waiting, error) {
	all, err := store.All(ctx, tx, scanWaiting, selectWaiting+condition, args...)
	if err != nil {
		return nil, fmt.Errorf("read waiting list: %w", err)
	}
	return all, nil
}

// LeaveWaiting ends the place of a token and erases its contact, and gives up the start that is held for
// it. A second time changes nothing. by is who does it. The faults are unknown_waiting, and
// appointment_changed when a start was offered meanwhile.
func LeaveWaiting(ctx context.Context, tx *store.Tx, token, by string) (Waiting, error) {
	e, err := WaitingByToken(ctx, tx, token)
	if err != nil || e.Ended {
		return e, err
	}
	if err := e.releaseOffer(ctx, tx); err != nil {
		return Waiting{}, err
	}
	ended, err := endWaiting(ctx, tx, e.ID, e.Offer, WaitLeft)
	if err != nil {
		return Waiting{}, err
	}
	if !ended {
		return Waiting{}, errChanged
	}
	if err := e.record(ctx, tx, by, "waiting.leave", nil); err != nil {
		return Waiting{}, err
	}
	return WaitingByToken(ctx, tx, token)
}

// releaseOffer gives up the start that is held for a place, if one is.
func (e Waiting) releaseOffer(ctx context.Context, tx *store.Tx) error {
	hold, err := ByID(ctx, tx, e.Offer)
	if err == nil {
		err = Release(ctx, tx, hold.Token)
	}
	if code := fault.Code(err); code == errUnknown.Code || code == errUnknownHold.Code {
		return nil
	}
	return err
}

const updateEnded = `
UPDATE waiting SET state = 'ended', reason = $3, ended_at = $4, name = '', email = '', phone = ''
WHERE id = $1 AND offer_id = $2 AND state = 'waiting'`

// endWaiting ends a place to which offer was the last that was made, erases whose it is and notes it. It
// reports whether there was such a one.
func endWaiting(ctx context.Context, tx *store.Tx, id, offer, reason string) (bool, error) {
	ended, err := tx.Exec(ctx, updateEnded, id, offer, reason, store.Millis(tx.Now))
	if err != nil {
		return false, fmt.Errorf("end waiting: %w", err)
	}
	if ended == 0 {
		return false, nil
	}
	if _, err := tx.Exec(ctx, `DELETE FROM waiting_persons WHERE waiting_id = $1`, id); err != nil {
		return false, fmt.Errorf("end waiting: %w", err)
	}
	return true, audit.Erase(ctx, tx, waitingPrefix+id)
}

// forgetWaiting ends again a place that had ended.
func forgetWaiting(ctx context.Context, tx *store.Tx, id string) error {
	offer, err := store.Column[string](ctx, tx, `SELECT offer_id FROM waiting WHERE id = $1`, id)
	if err != nil || len(offer) == 0 {
		return err
	}
	_, err = endWaiting(ctx, tx, id, offer[0], waitErased)
	return err
}

// endOffered ends the place to which a hold was offered that somebody books or moves to. Who booked another
// start may go on waiting: an address is not always one person's.
func endOffered(ctx context.Context, tx *store.Tx, hold string) error {
	ids, err := store.Column[string](ctx, tx, `SELECT id FROM waiting WHERE offer_id = $1 AND state = 'waiting'`, hold)
	if err != nil {
		return fmt.Errorf("end waiting: %w", err)
	}
	for _, id := range ids {
		if _, err := endWaiting(ctx, tx, id, hold, WaitBooked); err != nil {
			return err
		}
	}
	return nil
}

// Offer is a start that is held for who waited for it.
type Offer struct {
	Waiting Waiting
	Hold    Appointment
}

// offersAtOnce is to how many one transaction offers something. Who is not served is so by the next.
const offersAtOnce = 50

const selectUnserved = `
WHERE w.state = 'waiting' AND w.until_day >= $1
  AND NOT EXISTS (SELECT 1 FROM appointments a WHERE a.id = w.offer_id AND a.state = 'held' AND a.hold_until > $2)
ORDER BY w.created_at, w.id`

// OfferFreed holds, for those who wait and have no offer, the first start that is free and that they were
// not offered before; who has waited longest comes first. It ends the places whose last day has passed.
// The caller tells the citizens: the hold is booked, or an appointment is moved to it, as any other. It is
// to be called every minute.
func OfferFreed(ctx context.Context, tx *store.Tx) ([]Offer, error) {
	today := timetable.DateOf(tx.Now)
	all, err := listWaiting(ctx, tx, selectUnserved, today.String(), store.Millis(tx.Now))
	if err != nil {
		return nil, err
	}
	c := counter{now: tx.Now, seen: map[string][]Alternative{}, taken: map[string]bool{}}
	for _, e := range all {
		if err := c.look(ctx, tx, e); err != nil {
			return nil, err
		}
	}
	offers, err := c.serve(ctx, tx)
	if err != nil {
		return nil, err
	}
	return offers, endOver(ctx, tx, today)
}

// endOver ends the places whose last day is before today. It comes after offices are locked.
func endOver(ctx context.Context, tx *store.Tx, today timetable.Date) error {
	over, err := listWaiting(ctx, tx, `WHERE w.state = 'waiting' AND w.until_day < $1 ORDER BY w.id`, today.String())
	if err != nil {
		return err
	}
	for _, e := range over {
		if _, err := endWaiting(ctx, tx, e.ID, e.Offer, WaitOver); err != nil {
			return err
		}
	}
	return nil
}

// counter finds starts for those who wait.
type counter struct {
	now     time.Time
	seen    map[string][]Alternative // free starts, by what was asked
	taken   map[string]bool          // services and starts that turned out to be taken
	queue   []served                 // for whom there is something
	offices []string                 // where
}

// served is somebody who waits with the starts that may be offered, ascending.
type served struct {
	waiting Waiting
	starts  []Alternative
}

// look finds what may be offered to a place, without locking anything.
func (c *counter) look(ctx context.Context, tx *store.Tx, e Waiting) error {
	free, err := c.free(ctx, tx, e)
	if err != nil || len(free) == 0 {
		return err
	}
	offered, err := offeredTo(ctx, tx, e)
	if err != nil {
		return err
	}
	s := served{waiting: e}
	for _, x := range free {
		if !offered[offerOf(x)] && c.holdUntil(x.Start).Sub(c.now) >= HoldFor {
			s.starts = append(s.starts, x)
			c.offices = append(c.offices, x.Office)
		}
	}
	if len(s.starts) > 0 {
		c.queue = append(c.queue, s)
	}
	return nil
}

// holdUntil returns until when a start is held for who is told of it now.
func (c *counter) holdUntil(start time.Time) time.Time {
	until := c.now.Add(OfferFor)
	if latest := start.Add(-OfferBefore); latest.Before(until) {
		return latest
	}
	return until
}

// free returns the starts that a place asks for, ascending. What the territory has no more is nothing.
func (c *counter) free(ctx context.Context, tx *store.Tx, e Waiting) ([]Alternative, error) {
	q := Query{
		Territory: e.Territory, Office: e.Office, Service: e.Service, From: e.From, Until: e.Until, Channel: territory.Online,
	}
	key := fmt.Sprint(q)
	if known, ok := c.seen[key]; ok {
		return known, nil
	}
	found, err := Available(ctx, tx, q)
	if fault.Code(err) != "" {
		err, found = nil, &Availability{}
	}
	if err != nil {
		return nil, err
	}
	var all []Alternative
	for _, o := range found.Offices {
		for _, slot := range o.Starts {
			all = append(all, Alternative{o.Office, slot})
		}
	}
	slices.SortStableFunc(all, func(x, y Alternative) int { return x.Start.Compare(y.Start) })
	c.seen[key] = all
	return all, nil
}

// offerKey is a start as it is remembered to have been offered.
type offerKey struct {
	office string
	start  int64
}

func offerOf(x Alternative) offerKey { return offerKey{x.Office, store.Millis(x.Start)} }

// offeredTo returns what a place was offered before.
func offeredTo(ctx context.Context, tx *store.Tx, e Waiting) (map[offerKey]bool, error) {
	offers, err := store.All(ctx, tx, func(row store.Row) (k offerKey, err error) {
		err = row.Scan(&k.office, &k.start)
		return k, err
	}, `SELECT office_id, start_at FROM waiting_offers WHERE waiting_id = $1`, e.ID)
	if err != nil {
		return nil, fmt.Errorf("read offers: %w", err)
	}
	all := map[offerKey]bool{}
	for _, k := range offers {
		all[k] = true
	}
	return all, nil
}

// serve locks the offices that have something and holds it.
func (c *counter) serve(ctx context.Context, tx *store.Tx) ([]Offer, error) {
	versions, err := c.lock(ctx, tx)
	if err != nil {
		return nil, err
	}
	var offers []Offer
	for _, s := range c.queue[:min(len(c.queue), offersAtOnce)] {
		offer, err := c.first(ctx, tx, versions, s)
		switch {
		case err == nil:
			offers = append(offers, offer)
		case !errors.Is(err, errNothing):
			return nil, err
		}
	}
	return offers, nil
}

// errNothing is why there is no offer: the place does not wait any more, or its starts are taken.
var errNothing = errors.New("nothing to offer")

// first offers the first of the starts that is still free.
func (c *counter) first(ctx context.Context, tx *store.Tx, versions locked, s served) (Offer, error) {
	for _, x := range s.starts {
		key := fmt.Sprint(s.waiting.Service, offerOf(x))
		if c.taken[key] {
			continue
		}
		seen, err := look(ctx, tx, Wish{
			Office: x.Office, Service: s.waiting.Service, Start: x.Start, People: s.waiting.People, Language: s.waiting.Language,
			Channel: territory.Online,
		})
		switch {
		case fault.Code(err) != "":
			c.taken[key] = true
		case err != nil:
			return Offer{}, err
		case versions.has(seen.offices()):
			return c.offer(ctx, tx, versions, s.waiting, seen)
		}
	}
	return Offer{}, errNothing
}

// lock locks the offices of all starts and those that see it when their officers are claimed.
func (c *counter) lock(ctx context.Context, tx *store.Tx) (locked, error) {
	var all []string
	slices.Sort(c.offices)
	for _, id := range slices.Compact(c.offices) {
		o, err := territory.Of(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		all = append(all, officesOf(o, staffOf(o))...)
	}
	return lock(ctx, tx, all)
}

const (
	updateOffer = `UPDATE waiting SET offer_id = $3 WHERE id = $1 AND offer_id = $2 AND state = 'waiting'`
	insertOffer = `INSERT INTO waiting_offers (waiting_id, office_id, start_at) VALUES ($1, $2, $3)`
)

// offer holds a free start for a place, if that still waits.
func (c *counter) offer(ctx context.Context, tx *store.Tx, versions locked, e Waiting, s *sight) (Offer, error) {
	hold := s.appointment(tx.Now, c.holdUntil(s.wish.Start))
	waits, err := tx.Exec(ctx, updateOffer, e.ID, e.Offer, hold.ID)
	if err != nil {
		return Offer{}, fmt.Errorf("offer: %w", err)
	}
	if waits == 0 {
		return Offer{}, errNothing
	}
	if _, err := tx.Exec(ctx, insertOffer, e.ID, s.office.ID, store.Millis(s.wish.Start)); err != nil {
		return Offer{}, fmt.Errorf("offer: %w", err)
	}
	if err := s.sell(ctx, tx, versions, &hold); err != nil {
		return Offer{}, fmt.Errorf("offer: %w", err)
	}
	e.Offer = hold.ID
	return Offer{e, hold}, nil
}
