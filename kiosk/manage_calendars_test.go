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

// subscribe adds a calendar that nobody can read.
func (h *deskHouse) subscribe(name string, whose booking.Owner) calendar.Source {
	h.t.Helper()
	var s calendar.Source
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		s, err = calendar.Add(ctx, tx, nil, calendar.Source{Kind: calendar.ICS, Name: name, Whose: whose}, calendar.Access{Address: "http://127.0.0.1:1/private"}, "user:test")
		return err
	})
	return s
}

// TestWhoseCalendarsOneReaches shows a manager those of its offices and of who works there, and no other.
func TestWhoseCalendarsOneReaches(t *testing.T) {
	h := newConsoleHouse(t)
	ours := h.subscribe("Ferie", booking.Owner{Territory: "isernia", Officer: "cpi-1"})
	house := h.subscribe("Chiusure", booking.Owner{Territory: "isernia", Office: deskOffice})
	agnone := h.subscribe("Turni di Agnone", booking.Owner{Territory: "isernia", Officer: "comune-agnone"})
	for _, tt := range []struct {
		login  string
		reach  []calendar.Source
		others []calendar.Source
	}{
		{"manager", []calendar.Source{ours, house}, []calendar.Source{agnone}},
		{"administrator", []calendar.Source{ours, house, agnone}, nil},
		{"chief", []calendar.Source{ours, house, agnone}, nil},
		{"far", nil, []calendar.Source{ours, house, agnone}},
	} {
		b := h.at(tt.login, "")
		for _, s := range tt.reach {
			b.get("/manage/calendars")
			b.want(http.StatusOK, s.Name)
			b.get("/manage/calendars/" + s.ID)
			b.want(http.StatusOK, s.Name)
			b.lacks("private")
		}
		for _, s := range tt.others {
			b.get("/manage/calendars?q=" + s.Name[:4])
			b.lacks(s.ID)
			for _, path := range []string{"", "/remove"} {
				b.get("/manage/calendars/" + s.ID + path)
				b.want(http.StatusNotFound)
			}
			for _, path := range []string{"", "/sync", "/remove"} {
				b.post("/manage/calendars/"+s.ID+path, "name", "Mio", "address", "https://calendario.example/", "rev", "0")
				b.want(http.StatusNotFound)
			}
		}
	}
	b := h.at("manager", "")
	for _, whose := range []string{"officer/isernia/comune-agnone", "office/milano/milano-desk-pilota", "office/isernia/sportello-agnone", "officer/isernia", "nobody", ""} {
		b.post("/manage/calendars/new", "whose", whose, "name", "Mio", "address", "https://calendario.example/", "do", "save")
		b.want(http.StatusUnprocessableEntity)
	}
}

// TestCalendarEdit keeps the address that is left empty, and refuses what somebody else changed meanwhile.
func TestCalendarEdit(t *testing.T) {
	h := newConsoleHouse(t)
	s := h.subscribe("Ferie", booking.Owner{Territory: "isernia", Officer: "cpi-1"})
	b := h.at("manager", "")
	b.post("/manage/calendars/"+s.ID, "name", "Ferie e permessi", "address", "", "rev", "0", "do", "save")
	b.want(http.StatusOK, "Calendario salvato.")
	b.post("/manage/calendars/"+s.ID, "name", "Altro", "address", "", "rev", "0", "do", "save")
	b.want(http.StatusConflict)
	b.post("/manage/calendars/"+s.ID, "name", "Altro", "address", "ftp://calendario.example", "rev", "1", "do", "save")
	b.want(http.StatusUnprocessableEntity)
	h.view(func(ctx context.Context, tx *store.Tx) error {
		now, err := calendar.ByID(ctx, tx, s.ID)
		if err != nil {
			return err
		}
		access, err := now.Access(nil)
		if now.Name != "Ferie e permessi" || access.Address != "http://127.0.0.1:1/private" || now.Problem != calendar.Forbidden {
			t.Errorf("got %+v, %v", now, access)
		}
		return err
	})
}

// TestStaleCalendar tells those who run the office of a calendar that nobody could read for hours.
func TestStaleCalendar(t *testing.T) {
	h := newConsoleHouse(t)
	s := h.subscribe("Ferie", booking.Owner{Territory: "isernia", Officer: "cpi-1"})
	b := h.at("manager", "")
	b.post("/manage/calendars/" + s.ID + "/sync")
	b.get("/manage/live")
	b.lacks("/manage/calendars/" + s.ID)
	h.clock.Add(7 * time.Hour)
	b = h.at("manager", "")
	b.get("/manage/live")
	b.want(http.StatusOK, `href="/manage/calendars/`+s.ID+`"`, "Ferie")
	b.get("/manage")
	b.want(http.StatusOK, "Ferie, Operatrice CPI 1")
}
