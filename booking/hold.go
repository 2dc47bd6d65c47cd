package booking

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// MaxPeople is how many people can come to one appointment.
const MaxPeople = 10

// Wish is a start that somebody wants.
type Wish struct {
	Office, Service string
	Start           time.Time
	People          int    // at least 1
	Language        string // of the citizen; who speaks it is preferred
	MustSpeak       bool   // somebody there must speak it, be it a mediator
	Channel         territory.Channel

	anyMinute bool // starts lie on five minutes, not on the service's step
}

// errTaken is returned for a start that others have.
var errTaken = fault.New(fault.Conflict, "slot_taken")

// Hold reserves a start for HoldFor. All that the service needs is claimed, or nothing is:
// after a fault the transaction must not be committed. The faults are unknown_office, unknown_service, service_ended, slot_too_early, slot_too_late, slot_missing when
// there never is such a start, slot_taken, and invalid with the fields.
func Hold(ctx context.Context, tx *store.Tx, w Wish) (Appointment, error) {
	if err := w.check(); err != nil {
		return Appointment{}, err
	}
	s, versions, err := secure(ctx, tx, w)
	if err != nil {
		return Appointment{}, err
	}
	a := s.appointment(tx.Now, tx.Now.Add(HoldFor))
	err = s.sell(ctx, tx, versions, &a)
	return a, err
}

// secure finds a free start and locks the offices that see it when it is sold.
func secure(ctx context.Context, tx *store.Tx, w Wish) (*sight, locked, error) {
	// Most of those who come too late are told so without waiting for anybody.
	s, err := look(ctx, tx, w)
	if err != nil {
		return nil, nil, err
	}
	versions, err := lock(ctx, tx, s.offices())
	if err != nil {
		return nil, nil, err
	}
	if s, err = look(ctx, tx, w); err != nil {
		return nil, nil, err
	}
	if !versions.has(s.offices()) {
		return nil, nil, errTaken // rotas were changed in between
	}
	return s, versions, nil
}

func (w Wish) check() error {
	var wrong wrongs
	if w.People < 1 || w.People > MaxPeople {
		wrong.add("people", "out_of_range")
	}
	if w.Language != "" && !known(w.Language) {
		wrong.add("language", "unknown_value")
	}
	if w.Channel == territory.WalkIn || !slices.Contains(territory.Channels(), w.Channel) {
		wrong.add("channel", "unknown_value")
	}
	if w.Start.IsZero() {
		wrong.add("start", "missing")
	}
	return wrong.fault()
}

// sight is a start that is free, with all that is needed to sell it.
type sight struct {
	wish    Wish
	office  *territory.Office
	service *territory.Service
	day     timetable.Date
	plan    *timetable.Plan
	supply  timetable.Supply
	bit     int
}

// look reads what is claimed on the day of a wish and refuses a start that is not free.
func look(ctx context.Context, tx *store.Tx, w Wish) (*sight, error) {
	o, err := territory.Of(ctx, tx, w.Office)
	if err != nil {
		return nil, err
	}
	service, ok := o.Offers(w.Service)
	if !ok {
		return nil, unknownService(w.Service)
	}
	d := timetable.DateOf(w.Start.In(o.Zone()))
	read, err := readDiary(ctx, tx, o, d, 1)
	if err != nil {
		return nil, err
	}
	demand := demandOf(service, w.Language, w.MustSpeak)
	if w.anyMinute {
		demand.Step = timetable.Grid
	}
	s := &sight{wish: w, office: o, service: service, day: d, plan: timetable.NewPlan(demand)}
	day, now := read.days[0], store.Millis(tx.Now)
	day.over(o.Supplies(d, 1, w.Channel)[0], read.staff, now, &s.supply)
	terms := termsOf(o, service, w.Channel, d, tx.Now, day.madeBy(service.ID, w.Channel, now))
	bit, exact := s.supply.Bit(w.Start)
	s.bit = bit
	free := func(f timetable.Start) bool { return f.Bit == bit }
	if exact && service.By(w.Channel) && slices.ContainsFunc(s.plan.Starts(&s.supply, &terms, nil), free) {
		return s, nil
	}
	return nil, s.refusal(&terms)
}

// refusal is the fault of a start that is not free.
func (s *sight) refusal(t *timetable.Terms) error {
	missing := fault.New(fault.Invalid, "slot_missing")
	if !s.service.By(s.wish.Channel) {
		return missing
	}
	for _, o := range s.plan.Explain(&s.supply, t, s.wish.Start) {
		switch o.Code {
		case timetable.ServiceEnded:
			return fault.New(fault.Gone, "service_ended")
		case timetable.TooEarly:
			return fault.New(fault.Conflict, "slot_too_early")
		case timetable.TooLate:
			return fault.New(fault.Conflict, "slot_too_late")
		case timetable.ByOpening, timetable.ByClosure, timetable.ByGrid:
			return missing
		}
	}
	return errTaken
}

// offices returns those that see it when any of those who are there at the start is claimed.
func (s *sight) offices() []string {
	var ids []string
	for _, f := range s.supply.Officers {
		if f.Present.Has(s.bit) {
			ids = append(ids, f.ID)
		}
	}
	return officesOf(s.office, ids)
}

// appointment is the hold, until an instant, as it will be when it has a team.
func (s *sight) appointment(now, until time.Time) Appointment {
	start := s.wish.Start.UTC()
	return Appointment{
		ID: store.NewID(), Token: store.NewToken(), Territory: s.office.Territory.ID, Office: s.office.ID, Service: s.service.ID,
		State: Held, Day: s.day, Start: start, End: start.Add(time.Duration(s.service.Minutes) * time.Minute),
		People: s.wish.People, Language: s.wish.Language, MustSpeak: s.wish.MustSpeak, Channel: s.wish.Channel,
		HoldUntil: until, CreatedAt: now, ChangedAt: now,
	}
}

// sell writes the hold and claims its time, the offices that see it being locked.
func (s *sight) sell(ctx context.Context, tx *store.Tx, versions locked, a *Appointment) error {
	if err := insert(ctx, tx, a); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	if err := s.take(ctx, tx, a); err != nil {
		return err
	}
	return markSpan(ctx, tx, versions, *a)
}

// take claims the time of the best team that is free now for the appointment.
func (s *sight) take(ctx context.Context, tx *store.Tx, a *Appointment) error {
	team, ok := s.plan.Staff(&s.supply, s.bit)
	if !ok {
		return errTaken
	}
	a.Staff, a.Mediator, a.Room = team.Officers, team.Mediator, strings.Join(team.Rooms, "")
	from, until := span(s.office, s.service, a.Start, a.End)
	all, err := claimAll(ctx, tx, *a, a.resources(), from, until)
	if err != nil {
		return fmt.Errorf("claim: %w", err)
	}
	if !all {
		return errTaken
	}
	return saveTeam(ctx, tx, *a)
}

// resources returns whose time an appointment takes, ascending.
func (a Appointment) resources() []string {
	var ids []string
	for _, id := range a.officers() {
		ids = append(ids, officerResource(a.Territory, id))
	}
	if a.Room != "" {
		ids = append(ids, roomResource(a.Office, a.Room))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// claimAll claims resources, ascending, for an appointment from one instant until another. It reports
// whether all of it was free.
func claimAll(ctx context.Context, tx *store.Tx, a Appointment, resources []string, from, until time.Time) (bool, error) {
	for _, resource := range resources {
		if err := expireOf(ctx, tx, resource, from, until); err != nil {
			return false, err
		}
		if mine, err := claimOne(ctx, tx, resource, a, from, until); err != nil || !mine {
			return false, err
		}
	}
	return true, nil
}

const insertClaims = `
INSERT INTO claims (resource_id, slot_at, appointment_id, until) VALUES {rows} ON CONFLICT DO NOTHING`

func claimOne(ctx context.Context, tx *store.Tx, resource string, a Appointment, from, until time.Time) (mine bool, err error) {
	args := []any{resource, a.ID, store.Millis(a.HoldUntil)}
	var rows []string
	for at := from; at.Before(until); at = at.Add(timetable.Grid * time.Minute) {
		args = append(args, store.Millis(at))
		rows = append(rows, fmt.Sprintf("($1, $%d, $2, $3)", len(args)))
	}
	claimed, err := tx.Exec(ctx, strings.ReplaceAll(insertClaims, "{rows}", strings.Join(rows, ", ")), args...)
	return claimed == int64(len(rows)), err
}

const selectEnded = `
SELECT DISTINCT appointment_id FROM claims WHERE resource_id = $1 AND slot_at >= $2 AND slot_at < $3 AND until > 0 AND until <= $4`

// expireOf ends the holds on a resource whose time is over.
func expireOf(ctx context.Context, tx *store.Tx, resource string, from, until time.Time) error {
	ended, err := store.Column[string](ctx, tx, selectEnded, resource, store.Millis(from), store.Millis(until), store.Millis(tx.Now))
	if err != nil {
		return err
	}
	for _, id := range ended {
		if err := expire(ctx, tx, id); err != nil {
			return err
		}
	}
	return nil
}

const expireHold = `
UPDATE appointments SET state = 'expired', hold_until = 0, changed_at = $2, ended_at = $2
WHERE id = $1 AND state = 'held' AND hold_until <= $2`

// expire ends a hold whose time is over. No office need be locked: its claims have not counted since.
func expire(ctx context.Context, tx *store.Tx, id string) error {
	changed, err := tx.Exec(ctx, expireHold, id, store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("expire hold: %w", err)
	}
	if changed == 0 {
		return nil
	}
	return release(ctx, tx, id)
}

func release(ctx context.Context, tx *store.Tx, id string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM claims WHERE appointment_id = $1`, id); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	return nil
}

const insertAppointment = `
INSERT INTO appointments (id, token, reference, territory_id, office_id, service_id, state, day, start_at, end_at, people,
  language, must_speak, channel, session, hold_until, room_id, created_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, '', $17, $17) ON CONFLICT DO NOTHING`

// insert writes a hold, or the appointment of a session, under a reference that nobody has.
func insert(ctx context.Context, tx *store.Tx, a *Appointment) error {
	return withReference(referenceLength, &a.Reference, func(reference string) (int64, error) {
		return tx.Exec(ctx, insertAppointment, a.ID, a.Token, reference, a.Territory, a.Office, a.Service, string(a.State), a.Day.String(),
			store.Millis(a.Start), store.Millis(a.End), a.People, a.Language, a.MustSpeak, string(a.Channel), a.Session,
			store.Millis(a.HoldUntil), store.Millis(a.CreatedAt))
	})
}

const (
	deleteStaff = `DELETE FROM appointment_staff WHERE appointment_id = $1`
	insertStaff = `INSERT INTO appointment_staff (appointment_id, need, officer_id, position) VALUES ($1, $2, $3, $4)`
	updateRoom  = `UPDATE appointments SET room_id = $2 WHERE id = $1`
)

// saveTeam writes who does an appointment, and where, in the place of who did it before.
func saveTeam(ctx context.Context, tx *store.Tx, a Appointment) error {
	staff := a.Staff
	if a.Mediator != "" {
		staff = append(slices.Clone(staff), timetable.Assignment{Officer: a.Mediator})
	}
	if _, err := tx.Exec(ctx, deleteStaff, a.ID); err != nil {
		return fmt.Errorf("save team: %w", err)
	}
	for position, s := range staff {
		if _, err := tx.Exec(ctx, insertStaff, a.ID, s.Institution, s.Officer, position); err != nil {
			return fmt.Errorf("save team: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, updateRoom, a.ID, a.Room); err != nil {
		return fmt.Errorf("save team: %w", err)
	}
	return nil
}
