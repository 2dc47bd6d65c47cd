package calendar_test

import (
	"context"
	"encoding/json"
	"fmt"
	"mime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/ical"
	"sportello/internal/message"
	"sportello/internal/store"
)

// invitation is a mail that was queued, and its calendar.
type invitation struct {
	to, subject, body, calendar string
}

// String tells a mail as "anna@cpi.example REQUEST 0 09:00".
func (i invitation) String() string {
	unfolded := unfolded(i.calendar)
	prop := func(name string) string {
		_, rest, _ := strings.Cut(unfolded, "\r\n"+name+":")
		value, _, _ := strings.Cut(rest, "\r\n")
		return value
	}
	start, err := time.Parse("20060102T150405Z", prop(ical.PropDateTimeStart))
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("%s %s %s %s", i.to, prop(ical.PropMethod), prop(ical.PropSequence), start.In(italy).Format("15:04"))
}

// invite runs the job and returns what it queued, in order, which is then gone.
func (p *province) invite() (all []invitation) {
	p.t.Helper()
	if err := calendar.Invite(p.t.Context(), p.db, "sportello@sede.example"); err != nil {
		p.t.Fatal(err)
	}
	p.update(func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = store.All(ctx, tx, func(row store.Row) (i invitation, err error) {
			var files string
			if err := row.Scan(&i.to, &i.subject, &i.body, &files); err != nil {
				return i, err
			}
			var attached []message.Attachment
			if err := json.Unmarshal([]byte(files), &attached); err != nil || len(attached) != 1 {
				return i, fmt.Errorf("attachments %q: %w", files, err)
			}
			i.calendar = string(attached[0].Content)
			p.proper(i, attached[0].Type)
			return i, nil
		}, `SELECT recipient, subject, body, attachments FROM messages WHERE topic LIKE 'invitation:%' ORDER BY recipient, key`)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM messages WHERE topic LIKE 'invitation:%'`)
		return err
	})
	return all
}

// proper fails the test unless a mail is what RFC 6047 and RFC 5546 ask for, and names no citizen.
func (p *province) proper(i invitation, contentType string) {
	p.t.Helper()
	cal := decoded(p.t, i.calendar)
	_, params, err := mime.ParseMediaType(contentType)
	if err != nil || params["method"] != cal.Props.Text(ical.PropMethod) {
		p.t.Errorf("%s holds %s: %v", contentType, cal.Props.Text(ical.PropMethod), err)
	}
	event := cal.Events()[0]
	if got := event.Props.Get(ical.PropOrganizer); got == nil || got.Value != "mailto:sportello@sede.example" || got.Params.Get(ical.ParamCommonName) == "" {
		p.t.Errorf("organizer %v", got)
	}
	if got := event.Props.Values(ical.PropAttendee); len(got) != 1 || got[0].Value != "mailto:"+i.to {
		p.t.Errorf("attendees %v of the mail to %s", got, i.to)
	}
	for _, never := range []string{"Inventata", "333", "amica", "prova.example"} {
		if strings.Contains(unfolded(i.calendar)+i.body+i.subject, never) {
			p.t.Errorf("%q is in the mail\n%s\n%s\n%s", never, i.subject, i.body, i.calendar)
		}
	}
}

// want fails the test unless the job queues these mails, in any order.
func (p *province) want(what string, want ...string) (got []invitation) {
	p.t.Helper()
	p.clock.Add(time.Minute)
	got = p.invite()
	texts := []string{}
	for _, i := range got {
		texts = append(texts, i.String())
	}
	slices.Sort(texts)
	if diff := cmp.Diff(append([]string{}, want...), texts); diff != "" {
		p.t.Errorf("%s (-want +got):\n%s", what, diff)
	}
	if again := p.invite(); len(again) > 0 {
		p.t.Errorf("%s: told again %v", what, again)
	}
	return got
}

// The two officers who can stand in for each other; the first is chosen.
const (
	annaMail  = "anna@cpi.example"
	brunoMail = "bruno@cpi.example"
)

func TestInvitationsFollowAnAppointment(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		p.want("nothing")
		a := p.book("centro", "JNT-LAVORO", december("09:00"))
		first := p.want("booked", annaMail+" REQUEST 0 09:00")
		if m := first[0]; m.subject != "Appuntamento: giovedì 3 dicembre, ore 09:00 ("+a.Reference+")" {
			t.Errorf("subject %q", m.subject)
		}
		p.move(a, "centro", december("10:00"))
		moved := p.want("moved", annaMail+" REQUEST 1 10:00")
		if !strings.Contains(moved[0].calendar, calendar.UID(a.ID)) || !strings.HasPrefix(moved[0].subject, "Spostato") {
			t.Errorf("moved: %+v", moved[0])
		}
		p.reassign(a, "cpi-1", "cpi-2")
		p.want("given to another", annaMail+" CANCEL 2 10:00", brunoMail+" REQUEST 2 10:00")
		p.reassign(a, "cpi-2", "cpi-1")
		p.want("and back", annaMail+" REQUEST 3 10:00", brunoMail+" CANCEL 3 10:00")
		p.move(a, "centro", december("11:00"))
		p.move(a, "centro", december("11:30"))
		p.want("moved twice between two runs", annaMail+" REQUEST 5 11:30")
		p.cancel(a)
		p.want("cancelled", annaMail+" CANCEL 6 11:30")
	})
}

func TestInvitationsOfASession(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		var session booking.Session
		p.update(func(ctx context.Context, tx *store.Tx) (err error) {
			session, err = booking.PlanSession(ctx, tx, booking.SessionWish{Office: "centro", Service: "CPI-LAB-CV", Start: december("11:00"), Topic: "Il curriculum", By: "user:prova"})
			return err
		})
		p.want("planned", annaMail+" REQUEST 0 11:00")
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, _, err := booking.CancelSession(ctx, tx, session.ID, "office", "user:prova")
			return err
		})
		p.want("called off", annaMail+" CANCEL 1 11:00")
	})
}

// TestWhatEndedIsNotCancelled serves an appointment before its end: nobody is told that it does not take
// place.
func TestWhatEndedIsNotCancelled(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		a := p.book("centro", "JNT-LAVORO", december("09:00"))
		p.want("booked", annaMail+" REQUEST 0 09:00")
		p.clock.Set(december("09:05"))
		p.update(func(ctx context.Context, tx *store.Tx) error {
			if _, err := booking.Start(ctx, tx, a.ID, "user:prova"); err != nil {
				return err
			}
			_, err := booking.Serve(ctx, tx, a.ID, "user:prova")
			return err
		})
		p.want("served")
		p.clock.Set(december("12:00"))
		p.want("over")
	})
}

func TestInvitationsFollowTheOfficersMail(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		a := p.book("centro", "JNT-LAVORO", december("09:00"))
		p.want("booked", annaMail+" REQUEST 0 09:00")
		p.load(strings.ReplaceAll(feedFile, annaMail, "nuovo@cpi.example"))
		p.want("another address", annaMail+" CANCEL 0 09:00", "nuovo@cpi.example REQUEST 0 09:00")
		p.load(strings.ReplaceAll(feedFile, `calendar_mail = "`+annaMail+`"`, ""))
		p.want("none any more")
		p.move(a, "centro", december("10:00"))
		p.want("moved")
		p.load(feedFile)
		p.want("again", annaMail+" REQUEST 1 10:00")
	})
}

// TestWhoHasAnOwnCalendarIsNotInvited gives an officer a calendar that is kept in step: from then on that
// tells of appointments, and the mail no more.
func TestWhoHasAnOwnCalendarIsNotInvited(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		a := p.book("centro", "JNT-LAVORO", december("09:00"))
		p.want("booked", annaMail+" REQUEST 0 09:00")
		p.update(func(ctx context.Context, tx *store.Tx) error {
			own := calendar.Source{Kind: calendar.CalDAV, Name: "Anna", Whose: booking.Owner{Territory: "prova", Officer: "cpi-1"}}
			_, err := calendar.Add(ctx, tx, feedKey, own, calendar.Access{Address: "https://calendario.example/anna/"}, "user:prova")
			return err
		})
		p.move(a, "centro", december("10:00"))
		p.want("moved")
	})
}

// TestSequenceOfInvitationsRises holds the SEQUENCE of what one officer is told against what it was told
// before (RFC 5546, section 2.1.4).
func TestSequenceOfInvitationsRises(t *testing.T) {
	inProvince(t, func(t *testing.T, p *province) {
		a := p.book("centro", "JNT-LAVORO", december("09:00"))
		last := map[string]int{}
		for n, step := range []func(){
			func() {}, func() { p.move(a, "centro", december("10:00")) }, func() { p.reassign(a, "cpi-1", "cpi-2") }, func() { p.move(a, "centro", december("11:00")) },
			func() { p.cancel(a) },
		} {
			step()
			for _, i := range p.invite() {
				event := decoded(t, i.calendar).Events()[0]
				sequence, err := strconv.Atoi(event.Props.Get(ical.PropSequence).Value)
				if before, known := last[i.to]; err != nil || known && sequence <= before {
					t.Errorf("step %d: %s got %d after %d, %v", n, i.to, sequence, before, err)
				}
				last[i.to] = sequence
			}
		}
	})
}
