package booking

import (
	"cmp"
	"context"
	"fmt"
	"iter"
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

// Within yields the appointments and sessions of a scope in the order of their start, with what a calendar
// says of them: no tokens, no mail addresses, no times but start, end and last change. It ends with the first
// error. The transaction reads nothing else in between.
func Within(ctx context.Context, tx *store.Tx, s Scope) iter.Seq2[Appointment, error] {
	return func(yield func(Appointment, error) bool) {
		condition, args := s.condition()
		rows, err := tx.Query(ctx, selectWithin+condition+` ORDER BY a.start_at, a.id, s.position`, args...)
		if err != nil {
			yield(Appointment{}, fmt.Errorf("read appointments: %w", err))
			return
		}
		defer rows.Close()
		var a, row Appointment // a has all rows of its staff but those to come
		for rows.Next() {
			row = Appointment{Territory: s.Territory}
			var x timetable.Assignment
			var start, end, changed int64
			err = rows.Scan(&row.ID, &row.Reference, &row.Office, &row.Service, &row.State, &start, &end, &row.People, &row.Language, &row.Session,
				&row.Room, &row.Contact.Name, &row.Contact.Phone, &row.Note, &row.Sequence, &changed, &x.Institution, &x.Officer)
			if err != nil {
				break
			}
			if row.ID != a.ID {
				if a.ID != "" && !yield(a, nil) {
					return
				}
				a = row
				a.Reference = spaced(a.Reference)
				a.Start, a.End, a.ChangedAt = store.FromMillis(start), store.FromMillis(end), store.FromMillis(changed)
			}
			a.assign(x)
		}
		if err := cmp.Or(err, rows.Err()); err != nil {
			yield(Appointment{}, fmt.Errorf("read appointments: %w", err))
		} else if a.ID != "" {
			yield(a, nil)
		}
	}
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
