package kiosk_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/printouts/spool"
)

// TestPaperIsLookedAfter: a printer whose paper runs out is told of to the citizens at its kiosk, to the
// desks and to whoever watches the metrics.
func TestPaperIsLookedAfter(t *testing.T) {
	h := newConsoleHouse(t)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		totem := access.Device{ID: "totem-here", Office: deskOffice, Kind: access.Kiosk, Name: "Totem", Printer: "printer-here"}
		return access.AddDevice(ctx, tx, totem, "totem-here", "user:test")
	})
	l := h.browser()
	l.post("/enrol", "code", "totem-here")
	desk, reception, chief := h.at("cpi-1", "1", "CPI-DID"), h.at("volunteer", ""), h.at("administrator", "")
	for _, test := range []struct {
		condition            spool.Condition
		kiosk, staff, metric string
	}{
		{spool.OK, "", "", `sportello_printers{office="` + deskOffice + `",state="ok"} 1`},
		{spool.NearEnd, "La carta sta per finire", "Carta quasi finita", `state="near_end"} 1`},
		{spool.OutOfPaper, "Ora questo chiosco non stampa", "Carta finita", `state="out_of_paper"} 1`},
	} {
		h.update(func(ctx context.Context, tx *store.Tx) error {
			return spool.Note(ctx, tx, "printer-here", test.condition)
		})
		h.clock.Add(10 * time.Second) // figures are a few seconds old at most
		l.get("/kiosk")
		desk.get("/desk")
		reception.get("/desk?office=" + deskOffice)
		chief.get("/metrics")
		chief.want(http.StatusOK, test.metric)
		if test.kiosk == "" {
			l.lacks("La carta", "non stampa")
			desk.lacks("Carta")
			continue
		}
		l.want(http.StatusOK, test.kiosk)
		desk.want(http.StatusOK, test.staff)
		reception.want(http.StatusOK, test.staff)
	}
}
