package kiosk_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/internal/store"
)

// ask has an officer have moved an appointment in its own calendar, or removed it where to is zero.
func (h *deskHouse) ask(a booking.Appointment, kind calendar.RequestKind, to time.Time) (id string) {
	h.t.Helper()
	id = store.NewID()
	h.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `
INSERT INTO dav_requests (id, source_id, appointment_id, office_id, officer_id, kind, was_at, start_at, asked_at, state)
VALUES ($1, 'source', $2, $3, $4, $5, $6, $7, $8, 'open')`,
			id, a.ID, a.Office, a.Staff[0].Officer, string(kind), store.Millis(a.Start), store.Millis(to), store.Millis(tx.Now))
		return err
	})
	return id
}

// TestRequestsFromCalendars are decided by a manager: nothing changes by itself, and citizens are told
// what does.
func TestRequestsFromCalendars(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("manager", "")
	b.get("/manage/calendars/requests")
	b.want(http.StatusOK, "Nessuna richiesta.")
	moves, goes, stays := h.reserve("INPS-ISEE", "11:00", "Anna Prova"), h.reserve("INPS-ISEE", "12:00", "Bruno Prova"), h.reserve("INPS-ISEE", "15:00", "Carla Prova")
	to := moves.Start.Add(20 * time.Minute)
	first, second, third := h.ask(moves, calendar.ToMove, to), h.ask(goes, calendar.ToCancel, time.Time{}), h.ask(stays, calendar.ToMove, to.Add(time.Minute))
	b.get("/manage/live")
	b.want(http.StatusOK, moves.Reference+", da giovedì 3 dicembre, ore 11:00 a giovedì 3 dicembre, ore 11:20. Decidi tu.", goes.Reference+" di giovedì 3 dicembre, ore 12:00. Decidi tu.")
	b.get("/manage/calendars/requests")
	b.want(http.StatusOK, moves.Reference, goes.Reference, stays.Reference, "Sposta l'appuntamento", "Annulla l'appuntamento", "Lascia com'era")
	path := func(id, do string) string { return "/manage/calendars/requests/" + id + "/" + do }
	b.get(path(first, "accept"))
	b.want(http.StatusOK, "Vuoi spostare l'appuntamento "+moves.Reference+" da giovedì 3 dicembre, ore 11:00 a giovedì 3 dicembre, ore 11:20?")
	b.post(path(first, "accept"))
	b.want(http.StatusOK, "Il cittadino riceve un messaggio.")
	if got := h.again(moves); !got.Start.Equal(to) {
		t.Errorf("moved to %v, want %v", got.Start, to)
	}
	b.post(path(second, "accept"))
	b.want(http.StatusOK, "Il cittadino riceve un messaggio.")
	if got := h.again(goes); got.State != booking.Cancelled || got.Reason != "officer_absent" {
		t.Errorf("got %s for %s", got.State, got.Reason)
	}
	if got := h.mails(); len(got) < 2 {
		t.Errorf("told: %v", got)
	}
	b.post(path(third, "accept"))
	b.want(http.StatusUnprocessableEntity, "A quell'ora non si può prenotare")
	b.post(path(third, "refuse"))
	b.want(http.StatusOK, "L'appuntamento resta com'era.", "Nessuna richiesta.")
	if got := h.again(stays); !got.Start.Equal(stays.Start) {
		t.Errorf("moved to %v", got.Start)
	}
	b.post(path(third, "refuse"))
	b.want(http.StatusConflict, "Non c'è più niente da decidere")
	b.get(path("none", "accept"))
	b.want(http.StatusNotFound)
	b.get("/manage/audit")
	b.want(http.StatusOK, "<td>ha lasciato un appuntamento com'era")

	there := stays
	there.Office = "sportello-agnone"
	b.get(path(h.ask(there, calendar.ToCancel, time.Time{}), "accept"))
	b.want(http.StatusForbidden)
}
