package booking

import (
	"context"
	"fmt"
	"strings"
	"time"

	"sportello/booking/timetable"
	"sportello/internal/store"
)

// Scope is a part of a territory's diary, without holds. What is zero does not bound it.
type Scope struct {
	Territory   string
	Offices     []string
	Officers    []string // what one of them does
	Service     string
	From, Until timetable.Date // both included
	Cancelled   time.Time      // of what is cancelled, only what was since then
}

// condition selects what is in the scope, of appointments a.
func (s Scope) condition() (string, []any) {
	args := []any{s.Territory, s.From.String(), store.Millis(s.Cancelled)}
	var b strings.Builder
	b.WriteString(`
WHERE a.territory_id = $1 AND a.day >= $2 AND a.state NOT IN ('held', 'expired') AND (a.state <> 'cancelled' OR a.ended_at >= $3)`)
	and := func(text string, values ...string) {
		fmt.Fprintf(&b, text, placeholders(len(args)+1, len(values)))
		for _, v := range values {
			args = append(args, v)
		}
	}
	if len(s.Offices) > 0 {
		and(` AND a.office_id IN (%s)`, s.Offices...)
	}
	if len(s.Officers) > 0 {
		and(` AND a.id IN (SELECT o.appointment_id FROM appointment_staff o WHERE o.officer_id IN (%s))`, s.Officers...)
	}
	if s.Service != "" {
		and(` AND a.service_id = %s`, s.Service)
	}
	if !s.Until.IsZero() {
		and(` AND a.day <= %s`, s.Until.String())
	}
	return b.String(), args
}

const selectWithin = `
SELECT a.id, a.reference, a.office_id, a.service_id, a.state, a.start_at, a.end_at, a.people, a.language, a.session, a.room_id,
  a.name, a.phone, a.note, a.sequence, a.changed_at, s.need, s.officer_id
FROM appointments a JOIN appointment_staff s ON s.appointment_id = a.id `

// Within returns the appointments and sessions of a scope in the order of their start, with what a calendar
// says of them: no tokens, no mail addresses, no times but start, end and last change.
func Within(ctx context.Context, tx *store.Tx, s Scope) ([]Appointment, error) {
	condition, args := s.condition()
	rows, err := tx.Query(ctx, selectWithin+condition+` ORDER BY a.start_at, a.id, s.position`, args...)
	if err != nil {
		return nil, fmt.Errorf("read appointments: %w", err)
	}
	defer rows.Close()
	var all []Appointment
	for rows.Next() { // each of its staff
		a := Appointment{Territory: s.Territory}
		var x timetable.Assignment
		var start, end, changed int64
		err := rows.Scan(&a.ID, &a.Reference, &a.Office, &a.Service, &a.State, &start, &end, &a.People, &a.Language, &a.Session, &a.Room,
			&a.Contact.Name, &a.Contact.Phone, &a.Note, &a.Sequence, &changed, &x.Institution, &x.Officer)
		if err != nil {
			return nil, fmt.Errorf("read appointments: %w", err)
		}
		if n := len(all); n == 0 || all[n-1].ID != a.ID {
			a.Reference = spaced(a.Reference)
			a.Start, a.End, a.ChangedAt = store.FromMillis(start), store.FromMillis(end), store.FromMillis(changed)
			all = append(all, a)
		}
		all[len(all)-1].assign(x)
	}
	return all, rows.Err()
}

// Mark is another whenever Within would return something else: a change raises what its sums are of, and
// what comes into a scope was changed later than all that has left it.
func (s Scope) Mark(ctx context.Context, tx *store.Tx) (string, error) {
	condition, args := s.condition()
	var count, changed, sequence, erased int64
	err := tx.QueryRow(ctx, `
SELECT COUNT(*), CAST(COALESCE(SUM(a.changed_at), 0) AS BIGINT), CAST(COALESCE(SUM(a.sequence), 0) AS BIGINT),
  CAST(COALESCE(SUM(a.erased_at), 0) AS BIGINT)
FROM appointments a`+condition, args...).Scan(&count, &changed, &sequence, &erased)
	if err != nil {
		return "", fmt.Errorf("mark appointments: %w", err)
	}
	return fmt.Sprintf("%d.%d.%d.%d", count, changed, sequence, erased), nil
}
