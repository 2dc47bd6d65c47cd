package kiosk_test

import (
	"context"
	"net/http"
	"testing"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/printouts/spool"
)

// TestAPIPrintAgent has an agent come for its jobs, and others who may not.
func TestAPIPrintAgent(t *testing.T) {
	a := newAPIHouse(t)
	a.drivePrints()
	const jobs = "/api/v1/print-agent/jobs"
	for _, who := range []string{"", "kiosk", "program"} {
		got := a.send(who, http.MethodPost, jobs, `{"holder":"x","condition":"ok"}`)
		if got.status != http.StatusUnauthorized && got.status != http.StatusForbidden {
			t.Errorf("%q gets %d", who, got.status)
		}
	}
	for _, test := range []struct{ path, body, want string }{
		{jobs, `{"holder":"x"}`, "invalid"},
		{jobs, `{"holder":"x","condition":"fine"}`, "invalid"},
		{jobs + "/1", `{"attempt":1,"state":"sent"}`, "invalid"},
		{jobs + "/1", `{"attempt":0,"state":"printed"}`, "invalid"},
		{jobs + "/1", `{"attempt":1,"state":"failed","detail":"Mario"}`, "invalid"},
	} {
		if got := a.send("agent", http.MethodPost, test.path, test.body); got.code() != test.want {
			t.Errorf("%s: got %d %s, want %s", test.body, got.status, got.text, test.want)
		}
	}
	a.update(func(ctx context.Context, tx *store.Tx) error {
		return spool.AddPrinter(ctx, tx, spool.Printer{ID: "away", Office: deskOffice, Name: "Lontana", URI: "escpos://192.0.2.1"})
	})
	if got := a.send("agent", http.MethodPost, jobs, `{"holder":"x","condition":"ok"}`); got.code() != "unknown_printer" {
		t.Errorf("of a printer that is not driven: got %d %s", got.status, got.text)
	}
}

// drivePrints has an agent print a job.
func (a *apiHouse) drivePrints() {
	a.t.Helper()
	const jobs = "/api/v1/print-agent/jobs"
	a.update(func(ctx context.Context, tx *store.Tx) error {
		if err := spool.AddPrinter(ctx, tx, spool.Printer{ID: "away", Office: deskOffice, Name: "Lontana", URI: "agent:"}); err != nil {
			return err
		}
		d := access.Device{ID: "agent", Office: deskOffice, Kind: access.PrintAgent, Name: "Agente", Printer: "away"}
		return access.AddDevice(ctx, tx, d, d.ID, "user:test")
	})
	a.tokens["agent"] = "Bearer " + enrolled(a.t, a.db, "agent")
	ask := `{"holder":"x","condition":"near_end"}`
	if got := a.send("agent", http.MethodPost, jobs, ask); got.status != http.StatusNoContent {
		a.t.Fatalf("got %d %s", got.status, got.text)
	}
	a.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := spool.Enqueue(ctx, tx, spool.Job{Printer: "away", Office: deskOffice, Subject: "ticket:1", Kind: spool.KindTicket, Values: map[string]string{"Number": "A1"}})
		return err
	})
	var job spool.Leased
	a.send("agent", http.MethodPost, jobs, ask).into(a.t, &job)
	if job.Attempt != 1 || job.Kind != spool.KindTicket || string(job.Values) != `{"Number":"A1"}` {
		a.t.Errorf("got %+v", job)
	}
	for range 2 {
		got := a.send("agent", http.MethodPost, jobs+"/"+job.ID, `{"attempt":1,"state":"printed","condition":"ok"}`)
		if got.status != http.StatusNoContent {
			a.t.Errorf("got %d %s", got.status, got.text)
		}
	}
	a.update(func(ctx context.Context, tx *store.Tx) error {
		status, _, err := spool.Latest(ctx, tx, "ticket:1")
		if status.State != spool.Printed {
			a.t.Errorf("the job is %s", status.State)
		}
		return err
	})
}
