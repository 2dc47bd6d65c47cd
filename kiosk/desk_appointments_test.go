package kiosk_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/store"
	"sportello/queue"
)

// book makes an appointment some days before, and leaves the clock as it was.
func (h *deskHouse) book(service string, start time.Time) booking.Appointment {
	h.t.Helper()
	now := h.clock.Now()
	defer h.clock.Set(now)
	h.clock.Set(start.AddDate(0, 0, -3))
	var a booking.Appointment
	h.update(func(ctx context.Context, tx *store.Tx) error {
		hold, err := booking.Hold(ctx, tx, booking.Wish{
			Office: deskOffice, Service: service, Start: start, People: 2, Channel: territory.Staff,
		})
		if err != nil {
			return err
		}
		contact := booking.Contact{Name: "Zoe Inventata", Email: store.NewID() + "@prova.example"}
		a, err = booking.Book(ctx, tx, booking.Key("a key of the tests"), hold.Token, booking.Details{Contact: contact, Language: "ro", Note: "Porta la figlia", By: "user:test"})
		return err
	})
	return a
}

// stateOf is where an appointment stands.
func (h *deskHouse) stateOf(a booking.Appointment) booking.State {
	h.t.Helper()
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		a, err = booking.ByID(ctx, tx, a.ID)
		return err
	})
	return a.State
}

const deskAppointments = "/desk/appointments?office=" + deskOffice

// TestWhoSeesWhatOfAnAppointment shows the day's list to all who may read it.
func TestWhoSeesWhatOfAnAppointment(t *testing.T) {
	h := newDeskHouse(t)
	joint, single := h.book("JNT-LAVORO", deskMorning.Add(time.Hour)), h.book("CPI-PATTO", deskMorning.Add(90*time.Minute))
	about := []string{"Zoe Inventata", "Porta la figlia", joint.Reference, "2 persone", "parla rumeno"}
	for _, tt := range []struct {
		login, desk   string
		joint, single bool
	}{
		{"cpi-1", "1", true, true},
		{"inps-1", "2", true, false},
		{"cpi-2", "", true, true}, // sits nowhere
		{"volunteer", "", false, false},
		{"manager", "", false, false},
		{"administrator", "", false, false},
	} {
		t.Run(tt.login, func(t *testing.T) {
			var b *deskBrowser
			if tt.desk == "" {
				b = h.at(tt.login, "")
			} else {
				b = h.at(tt.login, tt.desk, "JNT-LAVORO")
			}
			b.get(deskAppointments)
			b.want(http.StatusOK, "2 appuntamenti", "10:30", "11:00", "prenotato")
			if tt.joint {
				b.want(http.StatusOK, about...)
			} else {
				b.lacks(about...)
			}
			if got := strings.Contains(b.page, single.Reference); got != tt.single {
				t.Errorf("the reference of an appointment with CPI alone: shown %t, want %t", got, tt.single)
			}
		})
	}
	for _, login := range []string{"observer", "not-here"} {
		b := h.at(login, "")
		b.get(deskAppointments)
		b.want(http.StatusForbidden)
	}
}

func TestCheckInAtTheDesk(t *testing.T) {
	h := newDeskHouse(t)
	a := h.book("JNT-LAVORO", deskMorning.Add(time.Hour))
	one, two := h.at(a.Staff[0].Officer, "1", "JNT-LAVORO", "CPI-DID"), h.at(a.Staff[1].Officer, "2", "JNT-LAVORO")
	one.get(deskAppointments)
	one.want(http.StatusOK, `action="/desk/check-in"`, `value="`+a.ID+`"`)
	one.lacks("/desk/absent")
	one.post("/desk/absent", "office", deskOffice, "appointment", a.ID)
	one.want(http.StatusConflict, "L'appuntamento non è ancora cominciato", "Appuntamenti di oggi")
	one.post("/desk/check-in", "office", deskOffice, "appointment", a.ID)
	one.want(http.StatusOK, "Biglietto L001 creato.", "è qui", "arrivato alle 09:30", "numero L001")
	for _, b := range []*deskBrowser{one, two} {
		b.get("/desk")
		b.want(http.StatusOK, "appuntamento delle 10:30", "arrivato alle 09:30", "con Operatrice CPI 1, Operatore INPS 1")
	}
	if got := h.stateOf(a); got != booking.Arrived {
		t.Errorf("the appointment is %s", got)
	}
	told := one.page + two.page
	if !strings.Contains(one.page, "Con Operatore INPS 1.") || !strings.Contains(two.page, "Con Operatrice CPI 1.") {
		t.Error("the desks are not told with whom")
	}
	if got := strings.Count(told, "L001: chi ha l'appuntamento delle 10:30 è qui."); got != 2 {
		t.Errorf("told at %d of the two desks", got)
	}
	one.post("/desk/check-in", "office", deskOffice, "appointment", a.ID)
	one.want(http.StatusOK, "Biglietto L001 creato.")
}

func TestReceptionChecksInByReference(t *testing.T) {
	h := newDeskHouse(t)
	a := h.book("JNT-LAVORO", deskMorning.Add(2*time.Hour))
	b := h.at("volunteer", "")
	b.want(http.StatusOK, "/desk/appointments?office="+deskOffice)
	b.post("/desk/check-in", "office", deskOffice, "reference", "XXX-XXX")
	b.want(http.StatusNotFound, "Questo appuntamento non c'è", "Codice dell'appuntamento")
	b.post("/desk/check-in", "office", deskOffice, "reference", strings.ToLower(a.Reference))
	b.want(http.StatusConflict, "È troppo presto: l'appuntamento è alle 11:30", "Torna qui dalle 10:30.")
	b.post("/desk/check-in", "office", deskOffice, "appointment", a.ID)
	b.want(http.StatusForbidden)
	h.clock.Add(time.Hour)
	b.post("/unlock", "password", deskPassword)
	b.post("/desk/check-in", "office", deskOffice, "reference", strings.ToLower(a.Reference))
	b.want(http.StatusOK, "Biglietto L001 creato.")
	b.lacks("Zoe Inventata")
	b.post("/desk/check-in", "office", "sportello-agnone", "reference", a.Reference)
	b.want(http.StatusForbidden)
}

func TestAbsentAndLate(t *testing.T) {
	h := newDeskHouse(t)
	a := h.book("JNT-LAVORO", deskMorning)
	h.clock.Add(11 * time.Minute)
	b := h.at("cpi-1", "1", "JNT-LAVORO")
	b.get(deskAppointments)
	b.want(http.StatusOK, `action="/desk/absent"`)
	b.post("/desk/absent", "office", deskOffice, "appointment", a.ID)
	b.want(http.StatusOK, "non è venuto")
	if got := h.stateOf(a); got != booking.NoShow {
		t.Errorf("the appointment is %s", got)
	}
	b.post("/desk/check-in", "office", deskOffice, "appointment", a.ID)
	b.want(http.StatusOK, "Biglietto L001 creato.", "È arrivato tardi per", "Prossima coppia libera oggi:",
		"/desk/diary/book?office="+deskOffice+"&service=JNT-LAVORO&start=2026-12-03T")
	b.get("/desk/walk-in")
	b.want(http.StatusOK, "Prossima coppia libera oggi:", "/desk/diary/book?office="+deskOffice+"&service=JNT-LAVORO&start=2026-12-03T")
	v := h.at("volunteer", "")
	v.get("/desk/walk-in?office=" + deskOffice)
	v.want(http.StatusOK)
	v.lacks("/desk/diary/book")
}

// TestDeskBeginsWithoutTheOther has the officer of INPS be late.
func TestDeskBeginsWithoutTheOther(t *testing.T) {
	h := newDeskHouse(t)
	joint := h.issue(queue.Request{Service: "JNT-LAVORO"})
	b := h.at("cpi-1", "1", "JNT-LAVORO")
	b.get("/desk/call?ticket=" + joint.ID)
	b.want(http.StatusOK, "Manca un collega dell'altro ente?", "/desk/present?ticket="+joint.ID)
	b.get("/desk/present?ticket=" + joint.ID)
	b.want(http.StatusOK, "Comincia da solo: L001")
	b.post("/desk/present", "ticket", joint.ID, "reason", "made up")
	b.want(http.StatusUnprocessableEntity, "Manca il motivo")
	b.post("/desk/present", "ticket", joint.ID, "reason", "officer_late")
	b.want(http.StatusOK, "comincia senza l'altro ente", "poi il numero torna in attesa dell'altro ente")
	if got := b.mine(); got != "L001" {
		t.Fatalf("at the desk: %q", got)
	}
	b.post("/desk/start", "ticket", joint.ID)
	b.post("/desk/finish", "ticket", joint.ID)
	b.want(http.StatusOK, "Sportello libero", "manca: INPS", "desk/undo")
	b.post("/desk/undo", "ticket", joint.ID)
	b.want(http.StatusOK, "Allo sportello")
	b.post("/desk/finish", "ticket", joint.ID)
	two := h.at("inps-1", "2", "JNT-LAVORO")
	two.post("/desk/next")
	two.want(http.StatusOK)
	if got := two.mine(); got != "L001" {
		t.Errorf("at the other desk: %q", got)
	}
}
