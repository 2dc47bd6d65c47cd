package calendar

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"sportello/booking"
	"sportello/booking/ical"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/static"
)

// Invite sends officers who have a calendar_mail what is ahead of them, as invitations (iMIP, RFC 6047):
// a REQUEST for what is new or at another time or place, a CANCEL for what is no longer theirs. It goes
// by what each was told last, so that nothing is forgotten, whoever changed it and however often: what
// was moved twice between two runs is told once. Who is to get no more mail, or has by now a calendar that
// is kept in step, is sent none, not even a CANCEL: the events stay, and the other way keeps them. from is
// the address of the sender.
func Invite(ctx context.Context, db *store.DB, from string) error {
	var behind []invitee
	err := db.View(ctx, func(tx *store.Tx) error {
		all, err := territory.List(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range all {
			for _, f := range t.Officers {
				i := invitee{territory: t.ID, officer: f.ID, from: from}
				due, err := i.due(ctx, tx)
				if err != nil {
					return err
				}
				if len(due) > 0 {
					behind = append(behind, i)
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("invite officers: %w", err)
	}
	var faults []error
	for _, i := range behind { // one officer's trouble is not the others'
		faults = append(faults, db.Update(ctx, func(tx *store.Tx) error { return i.tell(ctx, tx) }))
	}
	return errors.Join(faults...)
}

// invitee is an officer as one to be invited.
type invitee struct{ territory, officer, from string }

// invited is what an officer was told of an appointment.
type invited struct {
	mail, office string
	start, end   time.Time
}

// news is why an officer gets a mail.
type news string

const (
	newsNew       news = "new"
	newsChanged   news = "changed"
	newsCancelled news = "cancelled"
)

// notice is what an officer is to be told of an appointment, which is as it says.
type notice struct {
	appointment booking.Appointment
	news        news
	mail        string // "" nobody: what was told is to be forgotten
}

// due is what the officer is to be told: first what ended for it, then what is ahead.
func (i invitee) due(ctx context.Context, tx *store.Tx) ([]notice, error) {
	t, err := territory.Read(ctx, tx, i.territory)
	if err != nil {
		return nil, err
	}
	f, ok := t.Officer(i.officer)
	if !ok {
		return nil, nil
	}
	before, err := i.told(ctx, tx)
	if err != nil {
		return nil, err
	}
	mail, err := i.mail(ctx, tx, f)
	if err != nil || mail == "" && len(before) == 0 {
		return nil, err
	}
	ahead, err := i.ahead(ctx, tx, t)
	if err != nil {
		return nil, err
	}
	var all []notice
	for _, id := range slices.Sorted(maps.Keys(before)) {
		was := before[id]
		if _, still := ahead[id]; still && was.mail == mail {
			continue
		}
		a, err := booking.ByID(ctx, tx, id)
		if err != nil {
			return nil, err
		}
		a.Office, a.Start, a.End, a.State = was.office, was.start, was.end, booking.Cancelled
		n := notice{appointment: a, news: newsCancelled}
		if mail != "" {
			n.mail = was.mail
		}
		all = append(all, n)
	}
	for _, id := range slices.Sorted(maps.Keys(ahead)) {
		a, was := ahead[id], before[id]
		switch now := (invited{mail, a.Office, a.Start, a.End}); {
		case mail == "" || was == now || !a.State.Open():
		case was.mail == now.mail:
			all = append(all, notice{a, newsChanged, now.mail})
		default:
			all = append(all, notice{a, newsNew, now.mail})
		}
	}
	return all, nil
}

// mail is where the officer is invited: nowhere who has an own calendar that is kept in step.
func (i invitee) mail(ctx context.Context, tx *store.Tx, f *territory.Officer) (string, error) {
	if f.CalendarMail == "" {
		return "", nil
	}
	const kept = `SELECT COUNT(*) FROM calendar_sources WHERE kind = $1 AND territory_id = $2 AND officer_id = $3`
	var own int
	if err := tx.QueryRow(ctx, kept, string(CalDAV), i.territory, i.officer).Scan(&own); err != nil {
		return "", fmt.Errorf("look for the officer's own calendar: %w", err)
	}
	if own > 0 {
		return "", nil
	}
	return f.CalendarMail, nil
}

// told is what the officer was told of what is not over yet, by the appointments' ids.
func (i invitee) told(ctx context.Context, tx *store.Tx) (map[string]invited, error) {
	rows, err := tx.Query(ctx, `
SELECT i.appointment_id, i.mail, i.office_id, i.start_at, i.end_at
FROM invitations i JOIN appointments a ON a.id = i.appointment_id
WHERE i.officer_id = $1 AND i.end_at > $2 AND a.territory_id = $3`, i.officer, store.Millis(tx.Now), i.territory)
	if err != nil {
		return nil, fmt.Errorf("read invitations: %w", err)
	}
	defer rows.Close()
	all := make(map[string]invited)
	for rows.Next() {
		var id string
		var was invited
		var start, end int64
		if err := rows.Scan(&id, &was.mail, &was.office, &start, &end); err != nil {
			return nil, fmt.Errorf("read invitations: %w", err)
		}
		was.start, was.end = store.FromMillis(start), store.FromMillis(end)
		all[id] = was
	}
	return all, rows.Err()
}

// ahead is what the officer does that is not over yet, by the appointments' ids.
func (i invitee) ahead(ctx context.Context, tx *store.Tx, t *territory.Territory) (map[string]booking.Appointment, error) {
	ahead := make(map[string]booking.Appointment)
	for a, err := range booking.Within(ctx, tx, booking.Scope{
		Territory: t.ID, Officers: []string{i.officer}, From: timetable.DateOf(tx.Now.In(t.Zone)).AddDays(-1), Cancelled: tx.Now.AddDate(1, 0, 0),
	}) {
		if err != nil {
			return nil, err
		}
		if a.End.After(tx.Now) {
			ahead[a.ID] = a
		}
	}
	return ahead, nil
}

// tell queues what is due, and keeps that it was told.
func (i invitee) tell(ctx context.Context, tx *store.Tx) error {
	due, err := i.due(ctx, tx)
	if err != nil {
		return err
	}
	for _, n := range due {
		if err := errors.Join(i.send(ctx, tx, n), i.keep(ctx, tx, n)); err != nil {
			return fmt.Errorf("invite to appointment %s: %w", n.appointment.ID, err)
		}
	}
	return nil
}

func (i invitee) keep(ctx context.Context, tx *store.Tx, n notice) error {
	a := n.appointment
	if n.news == newsCancelled {
		_, err := tx.Exec(ctx, `DELETE FROM invitations WHERE appointment_id = $1 AND officer_id = $2`, a.ID, i.officer)
		return err
	}
	_, err := tx.Exec(ctx, `
INSERT INTO invitations (appointment_id, officer_id, mail, office_id, start_at, end_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (appointment_id, officer_id) DO UPDATE
SET mail = excluded.mail, office_id = excluded.office_id, start_at = excluded.start_at, end_at = excluded.end_at`,
		a.ID, i.officer, n.mail, a.Office, store.Millis(a.Start), store.Millis(a.End))
	return err
}

// send queues the mail of a notice.
func (i invitee) send(ctx context.Context, tx *store.Tx, n notice) error {
	a := n.appointment
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil || n.mail == "" {
		return err
	}
	f, _ := o.Territory.Officer(i.officer)
	event := Event(o.Territory, a, DetailCode)
	event.Stamp = tx.Now
	event.Organizer, event.Attendee = &ical.Address{Name: o.Name, Email: i.from}, &ical.Address{Name: f.Name, Email: n.mail}
	method := ical.MethodRequest
	if event.Cancelled {
		method = ical.MethodCancel
	}
	cal, err := event.Calendar(method)
	if err != nil {
		return err
	}
	content, err := cal.Text()
	if err != nil {
		return err
	}
	start := a.Start.In(o.Zone())
	moment := text("appointment.moment", "date", static.Date(static.Italian, start, static.Day), "time", start.Format("15:04"))
	return message.Enqueue(ctx, tx, message.Mail{
		To: n.mail, Language: static.Italian, Subject: text("calendar.mail.subject."+string(n.news), "moment", moment, "code", a.Reference),
		Text: joined("\n\n", text("calendar.mail.intro."+string(n.news)), joined("\n", moment, event.Summary, event.Location, event.Description),
			text("calendar.mail.foot")) + "\n",
		Attachments: []message.Attachment{{
			Name: "sportello.ics", Type: "text/calendar; charset=utf-8; method=" + string(method), Content: content,
		}},
		Key:      fmt.Sprintf("invitation:%s:%s:%s:%d:%d", a.ID, i.officer, n.news, a.Sequence, store.Millis(tx.Now)),
		NotAfter: a.End,
	})
}
