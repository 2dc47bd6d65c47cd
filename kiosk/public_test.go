package kiosk_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/kiosk"
)

func TestFrontPage(t *testing.T) {
	h := newDeskHouse(t)
	for _, test := range []struct {
		name string
		now  time.Time // UTC; Rome is an hour ahead
		lang string
		want string
	}{
		{"open", deskMorning, "it", "Aperto fino alle 12:30."},
		{"closed for lunch", time.Date(2026, 12, 3, 12, 0, 0, 0, time.UTC), "it", "Chiuso. Apre oggi alle 15:00."},
		{"closed for the day", time.Date(2026, 12, 3, 18, 0, 0, 0, time.UTC), "it", "Chiuso. Apre venerdì 4 dicembre alle 09:00."},
		{"in English", deskMorning, "en", "Open until 12:30."},
		{"in a language it does not have", deskMorning, "zh", "Aperto fino alle 12:30."},
	} {
		t.Run(test.name, func(t *testing.T) {
			h.clock.Set(test.now)
			b := h.browser()
			b.get("/", "Accept-Language", test.lang)
			b.want(http.StatusOK, "Provincia di Isernia", "Centro Integrato per il Lavoro", "via Esempio 1", test.want)
			b.lacks(`class="demo"`)
			if got := deskKey.FindAllString(b.page, -1); got != nil {
				t.Errorf("keys without a message: %q", got)
			}
		})
	}
}

func TestDemonstrationIsMarked(t *testing.T) {
	h := newDeskHouse(t,
		kiosk.DemoDoor{Office: deskOffice, Path: "/enrol?code=kiosk-" + deskOffice},
		kiosk.DemoDoor{Office: deskOffice, Path: "/enrol?code=board-" + deskOffice},
		kiosk.DemoDoor{Office: deskOffice, Path: "/sign-in", Login: "cpi-1", Password: "prova"},
		kiosk.DemoDoor{Office: "unknown", Path: "/enrol?code=lost"})
	b := h.browser()
	b.get("/")
	b.want(http.StatusOK, "Dimostrazione", `href="/enrol?code=kiosk-isernia-centro-integrato">Chiosco`,
		`href="/enrol?code=board-isernia-centro-integrato">Tabellone`, `href="/sign-in?login=cpi-1">Sportello di cpi-1`, "<code>prova</code>")
	b.lacks("lost")
	b.get("/sign-in?login=cpi-1")
	b.want(http.StatusOK, `value="cpi-1"`)
}

func TestEnrol(t *testing.T) {
	for _, test := range []struct {
		name   string
		kind   access.DeviceKind
		typed  func(code string) string
		after  time.Duration
		status int
		cookie string
	}{
		{"a kiosk", access.Kiosk, same, 0, http.StatusSeeOther, "sportello_kiosk"},
		{"a board, typed small and together", access.Board, func(code string) string { return strings.ToLower(strings.ReplaceAll(code, "-", "")) }, 0, http.StatusSeeOther, "sportello_board"},
		{"a print agent is no browser", access.PrintAgent, same, 0, http.StatusForbidden, ""},
		{"another code", access.Kiosk, func(string) string { return "XXX-XXX-XXX" }, 0, http.StatusForbidden, ""},
		{"no code", access.Kiosk, func(string) string { return "" }, 0, http.StatusForbidden, ""},
		{"too late", access.Kiosk, same, access.CodeLife, http.StatusForbidden, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newDeskHouse(t)
			code := test.typed(h.code(test.kind))
			h.clock.Add(test.after)
			b := h.browser()
			b.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			b.get("/enrol?code=" + code)
			b.want(http.StatusOK, `value="`+code+`"`)
			b.post("/enrol", "code", code)
			b.want(test.status)
			got := ""
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, h.server.URL, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range b.client.Jar.Cookies(r.URL) {
				got = c.Name
			}
			if got != test.cookie {
				t.Errorf("got cookie %q, want %q", got, test.cookie)
			}
		})
	}
}

func same(code string) string { return code }

// code adds a device and returns a code to enrol it with.
func (h *deskHouse) code(kind access.DeviceKind) (code string) {
	h.t.Helper()
	h.update(func(ctx context.Context, tx *store.Tx) error {
		err := access.AddDevice(ctx, tx, access.Device{ID: "device", Office: deskOffice, Kind: kind, Name: "Test"}, "", "user:test")
		if err != nil {
			return err
		}
		code, _, err = access.NewCode(ctx, tx, "device", "user:test")
		return err
	})
	return code
}

func TestRefusedCodeStaysGood(t *testing.T) {
	h := newDeskHouse(t)
	code := h.code(access.PrintAgent)
	b := h.browser()
	b.post("/enrol", "code", code)
	b.want(http.StatusForbidden, "Il codice non va bene")
	enrolled(t, h.db, code)
}
