package queue

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue/rule"
)

// EarlyCheckIn is how long before its start the citizen of an appointment may check in. It is the usual
// W of the calling rule, by which an appointment on time is due W before its start: from then on the
// ticket is due, and earlier a number would only hold somebody in the lobby who can do something else.
const EarlyCheckIn = time.Hour

// Arrival says that the citizen of an appointment is here.
type Arrival struct {
	Appointment string
	Office      string // where they are
	Language    string // of the ticket; "" as the appointment says
	By          string // who checks them in
}

// CheckIn gives the citizen of an appointment a ticket: due W before the start if they come by
// rule.LateAfter after it, else on arrival. The same appointment gives the same ticket. A no-show may
// come back all day; with a ticket that was called in vain it keeps its due for ReturnWithin. The faults
// are unknown_appointment, appointment_elsewhere with the office, appointment_cancelled,
// appointment_over, appointment_past, not_today with the start, and check_in_too_early with from when.
func CheckIn(ctx context.Context, tx *store.Tx, r Arrival) (Ticket, error) {
	if err := booking.Lock(ctx, tx, r.Appointment); err != nil {
		return Ticket{}, err
	}
	a, err := booking.ByID(ctx, tx, r.Appointment)
	if err != nil {
		return Ticket{}, err
	}
	version, office, err := lockOffice(ctx, tx, a.Office)
	if err != nil {
		return Ticket{}, err
	}
	if err := r.welcome(office, a, tx.Now); err != nil {
		return Ticket{}, err
	}
	t, known, err := ticketFor(ctx, tx, a.ID)
	switch {
	case err != nil:
		return Ticket{}, err
	case known && t.State == NoShow:
		return comeBack(ctx, tx, office, t, version, r.By)
	case known && t.State.Ended():
		return Ticket{}, wrongState(t)
	case known:
		return t, nil
	}
	if err := r.arrive(ctx, tx, a); err != nil {
		return Ticket{}, err
	}
	return r.enter(ctx, tx, office, a)
}

// welcome refuses who cannot be checked in here and now.
func (r Arrival) welcome(office *territory.Office, a booking.Appointment, now time.Time) error {
	start, today := a.Start.In(office.Zone()), office.Today(now)
	from := a.Start.Add(-EarlyCheckIn)
	switch {
	case a.State == booking.Held || a.State == booking.Expired:
		return fault.New(fault.Missing, "unknown_appointment")
	case a.State == booking.Cancelled:
		return fault.New(fault.Conflict, "appointment_cancelled", "when", start)
	case a.State == booking.Served:
		return fault.New(fault.Conflict, "appointment_over", "when", start)
	case a.Office != r.Office:
		return fault.New(fault.Conflict, "appointment_elsewhere", "place", office.Name, "address", cmp.Or(office.Address, office.Name), "when", start)
	case a.Day.Before(today):
		return fault.New(fault.Conflict, "appointment_past", "when", start)
	case a.Day != today:
		return fault.New(fault.Conflict, "not_today", "when", start)
	case now.Before(from):
		return fault.New(fault.Conflict, "check_in_too_early", "when", start, "from", from.In(office.Zone()))
	}
	return nil
}

// arrive notes that the citizen is here.
func (r Arrival) arrive(ctx context.Context, tx *store.Tx, a booking.Appointment) (err error) {
	switch a.State {
	case booking.Arrived:
	case booking.NoShow:
		_, err = booking.Reopen(ctx, tx, a.ID, r.By)
	default:
		_, err = booking.Arrive(ctx, tx, a.ID, r.By)
	}
	return err
}

// enter makes the ticket. The office's version is that of the last change, for the order of issue.
func (r Arrival) enter(ctx context.Context, tx *store.Tx, office *territory.Office, a booking.Appointment) (Ticket, error) {
	service, ok := office.Territory.Service(a.Service)
	if !ok {
		return Ticket{}, fault.New(fault.Missing, "unknown_service", "service", a.Service)
	}
	version, err := territory.Version(ctx, tx, office.ID)
	if err != nil {
		return Ticket{}, err
	}
	area := office.AreaOf(service)
	t := Ticket{
		ID: store.NewID(), Token: store.NewToken(), Office: office.ID, Day: a.Day, Series: area.Series, Area: area.ID, Seq: version,
		Service: service.ID, State: Waiting, Origin: FromAppointment, IssuedBy: r.By, Language: r.Language, Appointment: a.ID,
		AppointmentAt: a.Start, IssuedAt: tx.Now, DueAt: rule.DueAppointment(a.Start, tx.Now, office.LongestWait), ChangedAt: tx.Now,
	}
	if t.Language == "" {
		t.Language = a.Language
	}
	return enter(ctx, tx, t, Request{By: r.By})
}

// comeBack puts a no-show back into the queue: with its due time for ReturnWithin, then as one who
// arrives late.
func comeBack(ctx context.Context, tx *store.Tx, office *territory.Office, t Ticket, version int64, by string) (Ticket, error) {
	before := t
	again(&t, Returned)
	if tx.Now.After(before.EndedAt.Add(ReturnWithin)) {
		t.CameBack, t.DueAt = "", rule.DueAppointment(t.AppointmentAt, tx.Now, office.LongestWait)
	}
	t.ChangedAt, t.undo = tx.Now, ""
	if err := save(ctx, tx, before, t); err != nil {
		return Ticket{}, fmt.Errorf("check in: %w", err)
	}
	if err := record(ctx, tx, t, version, by, "ticket.resume", map[string]any{"from": string(before.State)}); err != nil {
		return Ticket{}, err
	}
	return t, follow(ctx, tx, t, by)
}

// ticketFor returns the ticket of an appointment and whether there is one.
func ticketFor(ctx context.Context, tx *store.Tx, appointment string) (Ticket, bool, error) {
	t, err := one(ctx, tx, `WHERE t.appointment_id = $1`, appointment)
	if errors.Is(err, errUnknownTicket) {
		return Ticket{}, false, nil
	}
	return t, err == nil, err
}

// TicketsOf returns the tickets that appointments of an office's day have, by appointment.
func TicketsOf(ctx context.Context, tx *store.Tx, office string, day timetable.Date) (map[string]Ticket, error) {
	all, err := tickets(ctx, tx, `WHERE t.office_id = $1 AND t.day = $2 AND t.appointment_id IS NOT NULL`, office, day.String())
	if err != nil {
		return nil, fmt.Errorf("read tickets of appointments: %w", err)
	}
	of := make(map[string]Ticket, len(all))
	for _, t := range all {
		of[t.Appointment] = t
	}
	return of, nil
}

// MarkAbsent notes that nobody came to an appointment, from its start on, else not_begun. Who has been
// checked in is called first: appointment_state.
func MarkAbsent(ctx context.Context, tx *store.Tx, appointment, by string) (booking.Appointment, error) {
	if err := booking.Lock(ctx, tx, appointment); err != nil {
		return booking.Appointment{}, err
	}
	a, err := booking.ByID(ctx, tx, appointment)
	if err != nil {
		return booking.Appointment{}, err
	}
	if a.State != booking.Booked {
		return booking.Appointment{}, fault.New(fault.Conflict, "appointment_state", "state", string(a.State))
	}
	return booking.MarkNoShow(ctx, tx, a.ID, by)
}

// lockTime locks the offices that see the time of a ticket's appointment, if it has one. What ends or
// reopens the appointment begins with it, as locking the ticket's office first would be out of order.
func lockTime(ctx context.Context, tx *store.Tx, ticket string) error {
	var appointment string
	err := tx.QueryRow(ctx, `SELECT COALESCE(appointment_id, '') FROM tickets WHERE id = $1`, ticket).Scan(&appointment)
	if errors.Is(err, sql.ErrNoRows) {
		return errUnknownTicket
	}
	if err != nil {
		return fmt.Errorf("read ticket: %w", err)
	}
	if appointment == "" {
		return nil
	}
	return booking.Lock(ctx, tx, appointment)
}

// follow brings the appointment of a ticket to where the ticket stands.
func follow(ctx context.Context, tx *store.Tx, t Ticket, by string) error {
	if t.Appointment == "" {
		return nil
	}
	a, err := booking.ByID(ctx, tx, t.Appointment)
	if err != nil {
		return err
	}
	return bring(ctx, tx, a, t.State, false, by)
}

// ReasonNotServed is why an appointment is cancelled whose citizen came and was not served that day.
const ReasonNotServed = "not_served"

// bring takes an appointment to the state that its ticket and its day ask for.
func bring(ctx context.Context, tx *store.Tx, a booking.Appointment, ticket State, over bool, by string) (err error) {
	to := standing(a.State, ticket, !tx.Now.Before(a.Start), over)
	switch {
	case to == a.State:
	case a.State == booking.Served || a.State == booking.NoShow:
		_, err = booking.Reopen(ctx, tx, a.ID, by)
	case to == booking.InService:
		_, err = booking.Start(ctx, tx, a.ID, by)
	case to == booking.Served:
		_, err = booking.Serve(ctx, tx, a.ID, by)
	case to == booking.NoShow:
		_, err = booking.MarkNoShow(ctx, tx, a.ID, by)
	case ticket == Cancelled:
		_, err = booking.CancelByStaff(ctx, tx, a.ID, booking.ByWish, by)
	default:
		_, err = booking.CancelByStaff(ctx, tx, a.ID, ReasonNotServed, by)
	}
	if err != nil {
		return fmt.Errorf("follow ticket: %w", err)
	}
	return nil
}

// standing is the state in which an appointment should be, by that of its ticket, "" for none, by
// whether its time has come and whether its day is over. What had begun counts as served, however its
// ticket ended; a no-show before the time may still come; what was cancelled stays so.
func standing(a booking.State, ticket State, come, over bool) booking.State {
	ended := a == booking.Served || a == booking.NoShow
	switch {
	case !a.Open() && !ended || a == booking.Held:
		return a
	case ticket == Serving:
		return booking.InService
	case ticket != "" && !ticket.Ended() && ended:
		return booking.Arrived
	case ended || ticket != "" && !ticket.Ended() || ticket == "" && !over:
		return a
	case a == booking.InService || ticket == Served:
		return booking.Served
	case ticket == NoShow && !come:
		return a
	case ticket == NoShow || ticket == "" && a == booking.Booked:
		return booking.NoShow
	}
	return booking.Cancelled
}

// openAppointments reads both tables at once: it is asked every minute.
const openAppointments = `
SELECT a.id, a.state, a.day, a.start_at, COALESCE(t.state, '')
FROM appointments a LEFT JOIN tickets t ON t.appointment_id = a.id
WHERE a.office_id = $1 AND a.state IN ('booked', 'arrived', 'in_service') AND NOT a.session AND a.day <= $2
ORDER BY a.start_at, a.id`

// Unsettled returns the appointments of an office that have ended and do not say so: nobody came to
// them on their day, or their tickets ended with the day.
func Unsettled(ctx context.Context, tx *store.Tx, id string) ([]string, error) {
	office, err := territory.Of(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	today := office.Today(tx.Now)
	rows, err := tx.Query(ctx, openAppointments, id, today.String())
	if err != nil {
		return nil, fmt.Errorf("read open appointments: %w", err)
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var appointment, day string
		var state booking.State
		var ticket State
		var start int64
		if err := rows.Scan(&appointment, &state, &day, &start, &ticket); err != nil {
			return nil, fmt.Errorf("read open appointments: %w", err)
		}
		come := !tx.Now.Before(store.FromMillis(start))
		if standing(state, ticket, come, day < today.String()) != state {
			all = append(all, appointment)
		}
	}
	return all, rows.Err()
}

// Settle ends an appointment that Unsettled returned: no-show if nobody came, served if it had begun,
// else cancelled for ReasonNotServed. It is harmless to repeat.
func Settle(ctx context.Context, tx *store.Tx, appointment, by string) error {
	if err := booking.Lock(ctx, tx, appointment); err != nil {
		return err
	}
	a, err := booking.ByID(ctx, tx, appointment)
	if err != nil {
		return err
	}
	office, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return err
	}
	t, _, err := ticketFor(ctx, tx, a.ID)
	if err != nil {
		return err
	}
	return bring(ctx, tx, a, t.State, a.Day.Before(office.Today(tx.Now)), by)
}
