package kiosk_test

import (
	"context"
	"fmt"
	"time"

	"sportello/booking"
	"sportello/internal/store"
)

// driveSessions enrols people in a session of three places until one waits, and has that one move up.
func (a *apiHouse) driveSessions() {
	a.t.Helper()
	var planned booking.Session
	a.update(func(ctx context.Context, tx *store.Tx) (err error) {
		planned, err = booking.PlanSession(ctx, tx, booking.SessionWish{
			Office: deskOffice, Service: "CPI-LAB-CV", Start: time.Date(2026, 12, 10, 8, 0, 0, 0, time.UTC), Topic: "Prova di colloquio", Capacity: 3, Language: "it", By: "user:test",
		})
		return err
	})
	const sessions, seats = "/api/v1/sessions", "/api/v1/seats/"
	enrol := sessions + "/" + planned.ID + "/seats"
	body := func(name string, people int) string {
		return fmt.Sprintf(`{"contact":{"name":%q,"email":"%s@prova.example"},"language":"it","people":%d}`, name, name, people)
	}
	first := a.change("", enrol, body("ada", 2), 201)
	second := a.change("", enrol, body("bea", 2), 201)
	if first.field("state") != "taken" || second.field("state") != "waiting" {
		a.t.Errorf("got %s and %s, want a seat and a place to wait", first.field("state"), second.field("state"))
	}
	a.want(a.send("", "POST", enrol, body("ada", 1)), 409, "already_enrolled")
	a.want(a.send("", "POST", enrol, body("eva", 11)), 422, "invalid")
	a.want(a.send("", "POST", sessions+"/none/seats", body("eva", 1)), 404, "unknown_session")
	var list struct{ Items []struct{ Free int } }
	a.want(a.send("", "GET", sessions+"?office="+deskOffice, ""), 200, "").into(a.t, &list)
	if len(list.Items) != 1 || list.Items[0].Free != 1 {
		a.t.Errorf("got %+v, want one session with one place", list.Items)
	}
	a.want(a.send("", "GET", sessions+"?office=none", ""), 404, "unknown_office")
	for range 2 {
		a.want(a.send("", "DELETE", seats+first.field("token"), ""), 200, "")
	}
	if got := a.want(a.send("", "GET", seats+second.field("token"), ""), 200, "").field("state"); got != "taken" {
		a.t.Errorf("who waited is %s, want taken", got)
	}
	a.want(a.send("", "GET", seats+"none", ""), 404, "unknown_seat")
	a.want(a.send("", "DELETE", seats+"none", ""), 404, "unknown_seat")
	told := countOf(a.t, a.db, `SELECT COUNT(*) FROM messages WHERE state = 'queued' AND way = 'mail' AND key LIKE 'appointment:%:booked:%'`)
	if told < 1 {
		a.t.Error("nobody was told of a seat")
	}
}
