package kiosk_test

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/queue"
)

// newConsoleHouse is a desk house with a second territory, an account of it and one of all.
func newConsoleHouse(t *testing.T) *deskHouse {
	t.Helper()
	h := newDeskHouse(t)
	password := access.HashPassword(deskPassword)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		importDemo(ctx, t, tx, "milano")
		for _, u := range []access.User{
			{ID: "user-far", Login: "far", Name: "Nora Prova", Role: access.Administrator, Territory: "milano"},
			{ID: "user-chief", Login: "chief", Name: "Olga Prova", Role: access.Administrator},
		} {
			if err := access.AddUser(ctx, tx, u, password, "user:test"); err != nil {
				return err
			}
		}
		for _, p := range []spool.Printer{
			{ID: "printer-here", Office: deskOffice, Name: "Cartella", URI: "file:" + t.TempDir()},
			{ID: "printer-agnone", Office: "sportello-agnone", Name: "Cartella di Agnone", URI: "file:" + t.TempDir()},
		} {
			if err := spool.AddPrinter(ctx, tx, p); err != nil {
				return err
			}
		}
		for _, d := range []access.Device{
			{ID: "totem", Office: deskOffice, Kind: access.Kiosk, Name: "Totem"},
			{ID: "totem-agnone", Office: "sportello-agnone", Kind: access.Kiosk, Name: "Totem di Agnone"},
			{ID: "totem-milano", Office: "milano-desk-pilota", Kind: access.Kiosk, Name: "Totem di Milano"},
		} {
			if err := access.AddDevice(ctx, tx, d, "", "user:test"); err != nil {
				return err
			}
		}
		return nil
	})
	return h
}

func TestWhoOpensWhatInTheConsole(t *testing.T) {
	h := newConsoleHouse(t)
	all := []string{"/manage", "/manage/devices", "/manage/printers", "/manage/users", "/manage/programs", "/manage/audit"}
	for _, test := range []struct {
		login string
		opens []string
	}{
		{"chief", all},
		{"administrator", all},
		{"manager", []string{"/manage", "/manage/devices", "/manage/printers", "/manage/audit"}},
		{"cpi-1", []string{"/manage", "/manage/audit"}},
		{"observer", []string{"/manage"}},
		{"volunteer", nil},
	} {
		t.Run(test.login, func(t *testing.T) {
			b := h.at(test.login, "")
			for _, path := range all {
				want := http.StatusForbidden
				if slices.Contains(test.opens, path) {
					want = http.StatusOK
				}
				b.get(path)
				b.want(want)
				for _, other := range all {
					linked := strings.Contains(b.page, `class="menu-link" href="`+other+`"`)
					if want == http.StatusOK && linked != slices.Contains(test.opens, other) {
						t.Errorf("%s: got a way to %s %t", path, other, linked)
					}
				}
			}
		})
	}
	b := h.browser()
	b.get("/manage/users?q=a")
	b.want(http.StatusOK, `action="/sign-in"`, `name="then" value="/manage/users?q=a"`)
	b.post("/manage/users/new", "login", "x")
	b.want(http.StatusUnauthorized)
}

func TestLockComesBackToTheSamePage(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.get("/manage/users?q=prova")
	b.post("/lock", "then", "/manage/users?q=prova")
	b.want(http.StatusOK, "Schermo bloccato", `name="then" value="/manage/users?q=prova"`)
	b.get("/manage/devices")
	b.want(http.StatusOK, "Schermo bloccato")
	b.post("/unlock", "password", deskPassword, "then", "/manage/users?q=prova")
	b.want(http.StatusOK, "Lia Prova")
	if b.at != "/manage/users?q=prova" {
		t.Errorf("got to %s", b.at)
	}
	b.post("/lock", "then", "//elsewhere.example/manage")
	if b.at != "/sign-in" {
		t.Errorf("got to %s with a foreign address", b.at)
	}
}

func TestOneLooksAtPartOfWhatOneReaches(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("chief", "")
	b.get("/manage/devices")
	b.want(http.StatusOK, `<optgroup label="Provincia di Isernia">`, `<optgroup label="Comune di Milano">`)
	b.post("/manage/place", "place", "office:sportello-agnone", "then", "/manage/devices")
	b.want(http.StatusOK, "Totem di Agnone")
	b.lacks("Totem di Milano", "Nessun dispositivo")
	b.post("/manage/place", "place", "territory:milano", "then", "/manage/users")
	b.want(http.StatusOK, "Nora Prova")
	b.lacks("Lia Prova")
	b.post("/manage/place", "place", "", "then", "/manage/users")
	b.want(http.StatusOK, "Nora Prova", "Lia Prova")

	m := h.at("manager", "")
	m.post("/manage/place", "place", "office:sportello-agnone", "then", "/manage/devices")
	m.want(http.StatusOK, "Totem")
	m.lacks("Totem di Agnone", `id="place"`)
}

func TestAccountsAreFoundByPages(t *testing.T) {
	h := newConsoleHouse(t)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		for i := range 30 {
			u := access.User{ID: store.NewID(), Login: fmt.Sprintf("z%02d", i), Name: fmt.Sprintf("Zeno %02d", i), Role: access.Officer, Territory: "isernia"}
			if err := access.AddUser(ctx, tx, u, "", "user:test"); err != nil {
				return err
			}
		}
		return nil
	})
	b := h.at("administrator", "")
	b.get("/manage/users?q=zeno")
	b.want(http.StatusOK, "Zeno 00", "Zeno 24", "Senza password")
	b.lacks("Zeno 25", "Ada Prova")
	next := regexp.MustCompile(`href="(/manage/users\?after=z24[^"]*)"`).FindStringSubmatch(b.page)
	if next == nil {
		t.Fatalf("no way to the next page\n%s", b.page)
	}
	b.get(next[1])
	b.want(http.StatusOK, "Zeno 25", "Zeno 29")
	b.lacks("Zeno 24")
	b.get("/manage/users?q=nobody+like+this")
	b.want(http.StatusOK, "Nessun account con «nobody like this»")
}

func TestAccountsOfAnotherTerritoryAreRefused(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.get("/manage/users")
	b.lacks("Nora Prova", "Olga Prova")
	for _, id := range []string{"user-far", "user-chief"} {
		for _, path := range []string{"", "/link", "/end"} {
			b.get("/manage/users/" + id + path)
			b.want(http.StatusForbidden)
			b.post("/manage/users/"+id+path, "rev", "1", "login", "taken", "name", "Taken", "role", "officer")
			b.want(http.StatusForbidden)
		}
		b.post("/manage/users/" + id + "/sessions")
		b.want(http.StatusForbidden)
	}
	h.update(func(ctx context.Context, tx *store.Tx) error {
		u, err := access.UserByID(ctx, tx, "user-far")
		if u.Login != "far" || u.Rev != 1 || u.Ended(tx.Now) {
			t.Errorf("got %+v", u)
		}
		return err
	})
}

// user is an account as it is stored.
func (h *deskHouse) user(login string) (u access.User) {
	h.t.Helper()
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		u, err = access.UserByLogin(ctx, tx, login)
		return err
	})
	return u
}

func TestAddAccount(t *testing.T) {
	h := newConsoleHouse(t)
	form := func(change ...string) []string {
		values := map[string]string{"name": "Pia Prova", "login": "pia", "role": "officer", "territory": "isernia", "officer": "cpi-3", "until": "2026-12-24"}
		for i := 0; i+1 < len(change); i += 2 {
			values[change[i]] = change[i+1]
		}
		var all []string
		for name, value := range values {
			all = append(all, name, value)
		}
		return all
	}
	for _, test := range []struct {
		name   string
		change []string
		status int
		text   string
	}{
		{"no name", []string{"name", " "}, http.StatusUnprocessableEntity, "Il nome non va bene"},
		{"a login with a space", []string{"login", "pia prova"}, http.StatusUnprocessableEntity, "Il nome utente non va bene"},
		{"a login that is taken", []string{"login", "CPI-1"}, http.StatusConflict, "Il nome utente cpi-1 esiste già"},
		{"no such role", []string{"role", "kiosk"}, http.StatusUnprocessableEntity, "Il ruolo non va bene"},
		{"a day that is over", []string{"until", "2026-12-02"}, http.StatusUnprocessableEntity, "L'ultimo giorno non va bene"},
		{"no day", []string{"until", "soon"}, http.StatusUnprocessableEntity, "L'ultimo giorno non va bene"},
		{"no such officer", []string{"officer", "m-1"}, http.StatusUnprocessableEntity, "Questo operatore non è del territorio"},
		{"another territory's office", []string{"office", "milano-desk-pilota"}, http.StatusForbidden, "altro ufficio"},
		{"an administrator of one office", []string{"role", "administrator", "office", deskOffice}, http.StatusUnprocessableEntity, "Un amministratore segue tutto il territorio"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := h.at("administrator", "")
			b.post("/manage/users/new", form(test.change...)...)
			b.want(test.status, test.text, `id="refused"`)
			typed := "Pia Prova"
			if test.change[0] == "name" {
				typed = `value="pia"`
			}
			b.want(test.status, typed)
		})
	}
	b := h.at("administrator", "")
	b.post("/manage/users/new", form("territory", "milano")...)
	b.want(http.StatusOK, "Account aggiunto")
	u := h.user("pia")
	want := time.Date(2026, 12, 24, 23, 0, 0, 0, time.UTC) // midnight in Rome
	if u.Territory != "isernia" || u.Officer != "cpi-3" || !u.Until.Equal(want) || u.HasSecret {
		t.Errorf("got %+v", u)
	}

	// The link is shown once, and is good once.
	b.post("/manage/users/" + u.ID + "/link")
	b.want(http.StatusOK, "Link per Pia Prova", "Vale 24 ore")
	link := regexp.MustCompile(`>([^<]*)(/password/[^<]+)</textarea>`).FindStringSubmatch(b.page)
	if link == nil {
		t.Fatalf("no link\n%s", b.page)
	}
	b.get("/manage/users/" + u.ID + "/link")
	b.lacks("/password/")
	mine := h.browser()
	mine.post(link[2], "new", "an even better password")
	mine.post("/sign-in", "login", "pia", "password", "an even better password")
	mine.want(http.StatusOK, "Dove lavori oggi?")
	mine.post(link[2], "new", "a third password of theirs")
	mine.want(http.StatusNotFound, "Questo link non vale più")
}

func TestNobodyRaisesAnyoneAboveThemselves(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.post("/manage/users/new", "login", "above", "name", "Above", "role", "administrator", "territory", "")
	b.want(http.StatusOK)
	u := h.user("cpi-1")
	b.post("/manage/users/"+u.ID, "rev", "1", "login", "cpi-1", "name", u.Name, "role", "administrator", "territory", "", "officer", "")
	b.want(http.StatusOK)
	for _, login := range []string{"above", "cpi-1"} {
		if got := h.user(login); got.Territory != "isernia" {
			t.Errorf("%s: got territory %q", login, got.Territory)
		}
	}
	c := h.at("chief", "")
	c.post("/manage/users/"+u.ID, "rev", "2", "login", "cpi-1", "name", u.Name, "role", "administrator", "territory", "")
	c.want(http.StatusOK)
	if got := h.user("cpi-1"); got.Territory != "" {
		t.Errorf("got territory %q, want all", got.Territory)
	}

	// Who reaches only some offices manages no accounts, whatever their role.
	h.update(func(ctx context.Context, tx *store.Tx) error {
		u := access.User{ID: "user-part", Login: "part", Name: "Part", Role: access.Administrator, Territory: "isernia", Offices: []string{deskOffice}}
		return access.AddUser(ctx, tx, u, access.HashPassword(deskPassword), "user:test")
	})
	p := h.at("part", "")
	p.get("/manage/users")
	p.want(http.StatusForbidden)
	p.get("/manage/programs")
	p.want(http.StatusForbidden)
}

func TestNobodyShutsThemselvesOut(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.get("/manage/users/user-administrator")
	b.want(http.StatusOK, "È il tuo account")
	b.lacks("/manage/users/user-administrator/end", `name="role"`)
	b.post("/manage/users/user-administrator/end")
	b.want(http.StatusConflict, "Non puoi chiudere il tuo account")
	b.post("/manage/users/user-administrator", "rev", "1", "login", "administrator", "name", "Lia Nuova", "role", "observer",
		"territory", "milano", "office", deskOffice, "until", "2026-12-03")
	b.want(http.StatusOK, "Lia Nuova")
	got := h.user("administrator")
	if got.Role != access.Administrator || got.Territory != "isernia" || len(got.Offices) > 0 || !got.Until.IsZero() || got.Name != "Lia Nuova" {
		t.Errorf("got %+v", got)
	}
	b.post("/manage/users/user-administrator/sessions")
	b.want(http.StatusOK, "Accesso chiuso") // the others; one's own stays
}

func TestTwoEditAnAccount(t *testing.T) {
	h := newConsoleHouse(t)
	one, two := h.at("administrator", ""), h.at("chief", "")
	path := "/manage/users/user-cpi-2"
	one.get(path)
	rev := regexp.MustCompile(`name="rev" value="(\d+)"`).FindStringSubmatch(one.page)[1]
	form := func(rev, name, role string) []string {
		return []string{"rev", rev, "login", "cpi-2", "name", name, "role", role, "territory", "isernia", "officer", "cpi-2"}
	}
	two.post(path, form(rev, "Bruno Secondo", "manager")...)
	two.want(http.StatusOK, "Account salvato")
	one.post(path, form(rev, "Bruno Primo", "volunteer")...)
	one.want(http.StatusConflict, "Qualcuno ha cambiato questi dati", `value="Bruno Primo"`, "Ora è: Bruno Secondo", "Ora è: Responsabile", `value="volunteer" selected`)
	one.lacks("Ora è: cpi-2", "Ora è: senza fine")
	now := regexp.MustCompile(`name="rev" value="(\d+)"`).FindStringSubmatch(one.page)[1]
	one.post(path, form(now, "Bruno Primo", "volunteer")...)
	one.want(http.StatusOK, "Account salvato")
	if got := h.user("cpi-2"); got.Name != "Bruno Primo" || got.Role != access.Volunteer {
		t.Errorf("got %+v", got)
	}
	one.post(path, form("x", "Bruno Terzo", "volunteer")...)
	one.want(http.StatusBadRequest)
}

func TestEndAccount(t *testing.T) {
	h := newConsoleHouse(t)
	desk, b := h.at("cpi-1", ""), h.at("administrator", "")
	b.get("/manage/users/user-cpi-1")
	b.want(http.StatusOK, "127.0.0.1", "/manage/users/user-cpi-1/end")
	b.get("/manage/users/user-cpi-1/end")
	b.want(http.StatusOK, "Vuoi chiudere l'account di Ada Prova?")
	b.post("/manage/users/user-cpi-1/end")
	b.want(http.StatusOK, "Account chiuso", "Finito il 3 dicembre 2026", "Ora nessuno è entrato")
	desk.get("/desk")
	desk.want(http.StatusOK, `action="/sign-in"`)
	b.post("/manage/users/user-cpi-1/link")
	b.want(http.StatusConflict, "Questo account è finito")

	// Saving it otherwise opens it no more.
	ended := h.user("cpi-1").Until
	b.post("/manage/users/user-cpi-1", "rev", "2", "login", "cpi-1", "name", "Ada Nuova", "role", "officer", "officer", "cpi-1", "until", "2026-12-03")
	b.want(http.StatusOK, "Account salvato")
	if got := h.user("cpi-1"); !got.Until.Equal(ended) || got.Name != "Ada Nuova" {
		t.Errorf("got %+v, want its end at %v", got, ended)
	}
}

func TestSessionsAreEndedOneByOne(t *testing.T) {
	h := newConsoleHouse(t)
	one, two, b := h.at("cpi-1", ""), h.at("cpi-1", ""), h.at("administrator", "")
	b.get("/manage/users/user-cpi-1")
	ids := regexp.MustCompile(`name="session" value="([^"]+)"`).FindAllStringSubmatch(b.page, -1)
	if len(ids) != 2 {
		t.Fatalf("got %d sessions\n%s", len(ids), b.page)
	}
	b.post("/manage/users/user-inps-1/sessions", "session", ids[0][1]) // of somebody else: nothing
	b.post("/manage/users/user-cpi-1/sessions", "session", ids[0][1])
	b.want(http.StatusOK, "Accesso chiuso")
	left := 0
	for _, each := range []*deskBrowser{one, two} {
		each.get("/desk")
		if strings.Contains(each.page, "Dove lavori oggi?") {
			left++
		}
	}
	if left != 1 {
		t.Errorf("got %d browsers still in, want 1", left)
	}
	b.post("/manage/users/user-cpi-1/sessions")
	b.want(http.StatusOK, "Ora nessuno è entrato")
}

func TestDevicesOfAnotherOfficeAreRefused(t *testing.T) {
	h := newConsoleHouse(t)
	for login, ids := range map[string][]string{"manager": {"totem-agnone", "totem-milano"}, "administrator": {"totem-milano"}} {
		b := h.at(login, "")
		b.get("/manage/devices")
		for _, id := range ids {
			b.lacks("/manage/devices/" + id)
			for _, path := range []string{"", "/code", "/revoke", "/remove"} {
				b.get("/manage/devices/" + id + path)
				b.want(http.StatusForbidden)
				b.post("/manage/devices/"+id+path, "rev", "1", "name", "Taken")
				b.want(http.StatusForbidden)
			}
		}
		b.post("/manage/devices/new", "office", "milano-desk-pilota", "kind", "kiosk", "name", "Taken")
		b.want(http.StatusForbidden)
	}
}

func TestDevice(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("manager", "")
	b.post("/manage/devices/new", "office", deskOffice, "kind", "toaster", "name", "Tostapane")
	b.want(http.StatusUnprocessableEntity, "Il dispositivo non va bene", `value="Tostapane"`)
	b.post("/manage/devices/new", "office", deskOffice, "kind", "kiosk", "name", "Totem nuovo", "printer", "printer-agnone")
	b.want(http.StatusUnprocessableEntity, "Questa stampante è di un'altra sede", `value="Totem nuovo"`)
	b.post("/manage/devices/new", "office", deskOffice, "kind", "kiosk", "name", "Totem nuovo", "printer", "printer-here")
	b.want(http.StatusOK, "Vuoi collegare Totem nuovo?")
	path := strings.TrimSuffix(strings.SplitN(b.at, "?", 2)[0], "/code")

	b.post(path + "/code")
	b.want(http.StatusOK, "Codice per Totem nuovo", "/enrol", "Vale fino alle 09:40", "Dopo 5 tentativi")
	code := regexp.MustCompile(`id="secret">([0-9A-Z]{3}-[0-9A-Z]{3}-[0-9A-Z]{3})<`).FindStringSubmatch(b.page)
	if code == nil {
		t.Fatalf("no code\n%s", b.page)
	}
	b.get("/manage/devices")
	b.want(http.StatusOK, "Codice pronto fino alle 09:40", "Cartella")
	totem := h.browser()
	totem.post("/enrol", "code", strings.ToLower(code[1]))
	totem.want(http.StatusOK)
	totem.get("/kiosk")
	totem.want(http.StatusOK, "Centro Integrato per il Lavoro")
	b.get("/manage/devices")
	b.want(http.StatusOK, "Collegato", "adesso", "127.0.0.1")
	b.lacks("Codice pronto")

	// Silent for ten minutes while the office is open.
	h.clock.Add(11 * time.Minute)
	b.get("/manage")
	b.want(http.StatusOK, "Totem nuovo, Centro Integrato per il Lavoro: non risponde. Ultima volta: 11 minuti fa.")
	b.get("/manage/devices")
	b.want(http.StatusOK, "Non risponde")

	// Two edit it.
	rev := func() string {
		b.get(path)
		return regexp.MustCompile(`name="rev" value="(\d+)"`).FindStringSubmatch(b.page)[1]
	}
	before := rev()
	b.post(path, "rev", before, "name", "Totem ingresso", "printer", "printer-here")
	b.want(http.StatusOK, "Dispositivo salvato", "Totem ingresso")
	b.post(path, "rev", before, "name", "Totem cortile", "printer", "")
	b.want(http.StatusConflict, `value="Totem cortile"`, "Ora è: Totem ingresso", "Ora è: Cartella")
	b.post(path, "rev", rev(), "name", "Totem cortile", "printer", "")
	b.want(http.StatusOK, "Totem cortile")

	b.get(path + "/revoke")
	b.want(http.StatusOK, "Vuoi scollegare Totem cortile?")
	b.post(path + "/revoke")
	b.want(http.StatusOK, "Dispositivo scollegato", "Non collegato")
	totem.get("/kiosk")
	totem.want(http.StatusOK, `action="/enrol"`)
	b.post(path + "/remove")
	b.want(http.StatusOK, "Dispositivo eliminato")
	b.get(path)
	b.want(http.StatusNotFound)
}

func TestPrintersOfAnotherOfficeAreRefused(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("manager", "")
	b.get("/manage/printers")
	b.want(http.StatusOK, "/manage/printers/printer-here", "Mai controllata")
	b.lacks("printer-agnone")
	b.get("/manage/printers/printer-agnone")
	b.want(http.StatusForbidden)
	for _, path := range []string{"", "/check", "/test", "/remove"} {
		b.post("/manage/printers/printer-agnone"+path, "rev", "1", "name", "Presa", "uri", "escpos://192.0.2.1:9100")
		b.want(http.StatusForbidden)
	}
	b.post("/manage/printers/new", "office", "sportello-agnone", "name", "Presa", "uri", "escpos://192.0.2.1:9100")
	b.want(http.StatusForbidden)
	b.get("/manage/printers/none")
	b.want(http.StatusNotFound, "Questa stampante non c'è")
}

func TestPrinter(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("manager", "")
	for _, test := range []struct {
		name, printer, uri string
		status             int
		text               string
	}{
		{"no name", " ", "escpos://192.0.2.1:9100", http.StatusUnprocessableEntity, "Il nome non va bene"},
		{"no address", "Ingresso", "", http.StatusUnprocessableEntity, "L'indirizzo della stampante non va bene"},
		{"an address of another kind", "Ingresso", "http://192.0.2.1", http.StatusUnprocessableEntity, "L'indirizzo della stampante non va bene"},
		{"a folder of the server", "Ingresso", "file:/etc", http.StatusForbidden, "Una cartella del server, o un suo cavo"},
		{"a cable of the server", "Ingresso", "ESCPOS+dev:/dev/usb/lp0", http.StatusForbidden, "Una cartella del server, o un suo cavo"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.post("/manage/printers/new", "office", deskOffice, "name", test.printer, "uri", test.uri)
			b.want(test.status, test.text, `id="refused"`, `value="`+test.uri+`"`)
		})
	}
	b.post("/manage/printers/new", "office", deskOffice, "name", "Ingresso", "uri", "escpos://127.0.0.1:1")
	b.want(http.StatusOK, "Stampante aggiunta", "Mai controllata")
	path := strings.SplitN(b.at, "?", 2)[0]
	b.post(path + "/check")
	b.want(http.StatusOK, "Stampante controllata", "Non risponde", "oggi, 09:30")
	b.get("/manage")
	b.want(http.StatusOK, "Ingresso, Centro Integrato per il Lavoro: Non risponde.")
	b.post(path + "/test")
	b.want(http.StatusOK, "La prova è in coda", "Prova di stampa", "In coda")
	b.get("/manage/printers")
	b.want(http.StatusOK, "1 in coda")
	b.post(path + "/remove")
	b.want(http.StatusConflict, "La stampante ha ancora fogli da stampare", "Vuoi eliminare Ingresso?")

	// A folder that is there already may be kept, and its printer be called otherwise.
	b.get("/manage/printers/printer-here")
	uri := regexp.MustCompile(`name="uri" value="([^"]*)"`).FindStringSubmatch(b.page)[1]
	b.post("/manage/printers/printer-here", "rev", "1", "name", "Corridoio", "uri", uri)
	b.want(http.StatusOK, "Stampante salvata", "Corridoio")
	b.post("/manage/printers/printer-here", "rev", "1", "name", "Cortile", "uri", "escpos://192.0.2.1")
	b.want(http.StatusConflict, `value="Cortile"`, "Ora è: Corridoio", "Ora è: "+uri)
	b.post("/manage/printers/printer-here", "rev", "2", "name", "Cortile", "uri", "file:/etc")
	b.want(http.StatusForbidden, "Una cartella del server, o un suo cavo")
	b.post("/manage/printers/printer-here/remove")
	b.want(http.StatusOK, "Stampante eliminata")
	b.get("/manage/audit")
	b.want(http.StatusOK, "<td>ha modificato una stampante", "<td>ha stampato una prova", "Ingresso, Centro Integrato")

	c := h.at("chief", "")
	c.post("/manage/printers/new", "office", deskOffice, "name", "Cartella", "uri", "file:"+t.TempDir())
	c.want(http.StatusOK, "Stampante aggiunta")
}

func TestKeyOfAProgram(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.post("/manage/programs/new", "name", "", "scope", "board", "office", deskOffice)
	b.want(http.StatusUnprocessableEntity, "Il nome non va bene", `value="board" checked`, `value="`+deskOffice+`" checked`)
	b.post("/manage/programs/new", "name", "Sito", "scope", "everything")
	b.want(http.StatusUnprocessableEntity, "Questo permesso non c'è")
	b.post("/manage/programs/new", "name", "Sito", "office", "milano-desk-pilota")
	b.want(http.StatusForbidden, "altro ufficio")
	b.post("/manage/programs/new", "name", "Sito", "scope", "board", "scope", "metrics", "office", deskOffice, "territory", "milano", "until", "2026-12-10")
	b.want(http.StatusOK, "Chiave per Sito")
	token := regexp.MustCompile(`sportello_[A-Za-z0-9_-]+`).FindString(b.page)
	if token == "" {
		t.Fatalf("no token\n%s", b.page)
	}
	b.get("/manage/programs")
	b.want(http.StatusOK, "Sito", "Tabelloni", "Misure", "Fino al 10 dicembre 2026", "Centro Integrato per il Lavoro")
	b.lacks(token)
	b.get("/manage")
	b.want(http.StatusOK, "Sito: la chiave vale fino al 10 dicembre 2026")
	var id string
	h.update(func(ctx context.Context, tx *store.Tx) error {
		p, err := access.ProgramOf(ctx, tx, token)
		if id = p.ID; p.Territory != "isernia" || !slices.Equal(p.Offices, []string{deskOffice}) || len(p.Scopes) != 2 {
			t.Errorf("got %+v", p)
		}
		return err
	})
	far := h.at("far", "")
	far.get("/manage/programs")
	far.lacks("Sito")
	far.post("/manage/programs/" + id + "/revoke")
	far.want(http.StatusNotFound)
	b.post("/manage/programs/" + id + "/revoke")
	b.want(http.StatusOK, "Chiave revocata", "Revocata")
	h.update(func(ctx context.Context, tx *store.Tx) error {
		if _, err := access.ProgramOf(ctx, tx, token); err == nil {
			t.Error("the token is still good")
		}
		return nil
	})
}

func TestAuditIsForThoseItConcerns(t *testing.T) {
	h := newConsoleHouse(t)
	mine := h.issue(queue.Request{Service: "CPI-DID"})
	theirs := h.issue(queue.Request{Service: "INPS-AUU"})
	h.at("far", "")
	h.at("cpi-1", "1", "CPI-DID").post("/desk/next")
	admin := h.at("administrator", "")
	admin.post("/manage/devices/totem-agnone/code")
	for _, test := range []struct {
		login       string
		sees, lacks []string
	}{
		{"chief", []string{"Nora Prova", "Ada Prova", "Lia Prova", mine.Label(), theirs.Label()}, nil},
		{"administrator", []string{"Ada Prova", "ha chiamato", "ha creato un codice", "Totem di Agnone", mine.Label(), theirs.Label()}, []string{"Nora Prova", "Olga Prova", "Totem di Milano"}},
		{"manager", []string{"Ada Prova", "ha chiamato", mine.Label(), theirs.Label()}, []string{"Nora Prova", "Lia Prova", "Totem di Agnone"}},
		{"cpi-1", []string{"ha chiamato", mine.Label()}, []string{theirs.Label(), "<td>è entrato", "<td>ha aperto", "Lia Prova"}},
		{"inps-1", []string{theirs.Label()}, []string{mine.Label(), "<td>ha chiamato"}},
		{"nobody", []string{"Nel registro non c'è niente"}, []string{mine.Label(), theirs.Label()}},
		{"elsewhere", nil, []string{mine.Label(), theirs.Label()}},
	} {
		t.Run(test.login, func(t *testing.T) {
			b := h.at(test.login, "")
			b.get("/manage/audit")
			b.want(http.StatusOK, test.sees...)
			b.lacks(test.lacks...)
		})
	}
	// What one does not read cannot be asked for either.
	for login, where := range map[string][]string{"manager": {"sportello-agnone"}, "cpi-1": {"system", "milano-desk-pilota"}, "far": {deskOffice}} {
		b := h.at(login, "")
		for _, scope := range where {
			b.get("/manage/audit?where=" + scope)
			b.want(http.StatusOK, "Nel registro non c'è niente")
		}
	}
}

func TestAuditIsFiltered(t *testing.T) {
	h := newConsoleHouse(t)
	h.issue(queue.Request{Service: "CPI-DID"})
	desk := h.at("cpi-1", "1", "CPI-DID")
	desk.post("/desk/next")
	h.clock.Add(24 * time.Hour)
	b := h.at("administrator", "")
	b.get("/manage/audit")
	for _, option := range regexp.MustCompile(`<option value="([a-z_.]+)"[^>]*>([^<]*)<`).FindAllStringSubmatch(b.page, -1) {
		if option[1] == option[2] {
			t.Errorf("the filter has no words for %s", option[1])
		}
	}
	rows := func(query string) int {
		b.get("/manage/audit" + query)
		b.want(http.StatusOK)
		return strings.Count(b.page, `<td class="nowrap">`)
	}
	for _, test := range []struct {
		query string
		want  int
	}{
		{"?action=ticket.call", 1},
		{"?action=ticket.call&where=" + deskOffice, 1},
		{"?action=ticket.call&where=system", 0},
		{"?action=ticket.call&day=2026-12-03", 1},
		{"?action=ticket.call&day=2026-12-04", 0},
		{"?action=ticket.call&who=CPI-1", 1},
		{"?action=ticket.call&who=user:user-cpi-1", 1},
		{"?action=ticket.call&who=cpi-2", 0},
		{"?action=session.begin&who=cpi-1", 1},
		{"?day=2026-12-04&action=session.begin", 1},
	} {
		if got := rows(test.query); got != test.want {
			t.Errorf("%s: got %d lines, want %d\n%s", test.query, got, test.want, b.page)
		}
	}
	b.get("/manage/audit?who=no.such.login")
	b.want(http.StatusOK, "Nessun account si chiama «no.such.login»")
	b.get("/manage/audit?before=garbage")
	b.want(http.StatusBadRequest)
}

// TestAuditPagesLoseNothing turns over all pages of an officer, who sees every second ticket.
func TestAuditPagesLoseNothing(t *testing.T) {
	h := newConsoleHouse(t)
	var want []string
	for i := range 130 {
		service := "INPS-AUU"
		if i%2 == 0 {
			service = "CPI-DID"
		}
		ticket := h.issue(queue.Request{Service: service})
		if i%2 == 0 {
			want = append(want, ticket.Label())
		}
	}
	b := h.at("cpi-1", "")
	label := regexp.MustCompile(`Biglietto ([A-Z]+\d+)<`)
	next := regexp.MustCompile(`href="(/manage/audit\?[^"]*before=[^"]*)"`)
	var got []string
	for path, pages := "/manage/audit", 0; path != ""; pages++ {
		if pages > 10 {
			t.Fatal("the pages do not end")
		}
		b.get(path)
		b.want(http.StatusOK)
		for _, found := range label.FindAllStringSubmatch(b.page, -1) {
			got = append(got, found[1])
		}
		path = ""
		if found := next.FindStringSubmatch(b.page); found != nil {
			path = found[1]
		}
	}
	slices.Reverse(got)
	if !slices.Equal(got, want) {
		t.Errorf("got %d lines %q, want %d", len(got), got, len(want))
	}
}

// consoleKey finds message keys that have no message.
var consoleKey = regexp.MustCompile(`[>" ](manage|desk|fault|public|term|language|ticket|service|session|user|device|token|printer)(\.[a-z0-9_-]+)+`)

// codes are the values of choices, which nobody reads.
var codes = regexp.MustCompile(`value="[^"]*"`)

func TestConsoleInBothLanguages(t *testing.T) {
	h := newConsoleHouse(t)
	h.issue(queue.Request{Service: "CPI-DID"})
	h.at("cpi-1", "1", "CPI-DID").post("/desk/next")
	h.update(func(ctx context.Context, tx *store.Tx) error {
		for role, until := range map[access.Role]time.Time{access.Manager: tx.Now.Add(24 * time.Hour), access.Observer: tx.Now.Add(-time.Hour)} {
			u := access.User{ID: "ends-" + string(role), Login: "ends." + string(role), Name: "Ends", Role: role, Territory: "isernia", Until: until}
			if err := access.AddUser(ctx, tx, u, "", "user:test"); err != nil {
				return err
			}
		}
		_, err := access.AddProgram(ctx, tx, access.Program{ID: "site", Name: "Site", Territory: "isernia", Scopes: access.Scopes}, "user:test")
		return err
	})
	look := func(b *deskBrowser, paths ...string) {
		t.Helper()
		for _, path := range paths {
			for _, lang := range []string{"it", "en"} {
				b.get(path, "Accept-Language", lang)
				b.want(http.StatusOK, `<html lang="`+lang+`"`, "<h1")
				if got := consoleKey.FindAllString(codes.ReplaceAllString(b.page, ""), -1); got != nil {
					t.Errorf("%s in %s: keys without a message: %q", path, lang, got)
				}
			}
		}
	}
	look(h.at("observer", ""), "/manage")
	look(h.at("cpi-2", ""), "/manage", "/manage/audit")
	look(h.at("chief", ""), "/manage", "/manage/users", "/manage/users/new", "/manage/users/new?territory=isernia", "/manage/users/user-chief",
		"/manage/users/user-cpi-1", "/manage/users/user-cpi-1?territory=milano", "/manage/users/user-cpi-1?territory=", "/manage/devices", "/manage/devices/new",
		"/manage/printers", "/manage/printers/new", "/manage/programs", "/manage/programs/new", "/manage/audit", "/manage/audit?where=system")
	look(h.at("administrator", ""), "/manage", "/manage/users", "/manage/users/new", "/manage/users/user-cpi-1", "/manage/users/user-administrator",
		"/manage/users/user-cpi-1/link", "/manage/users/user-cpi-1/end", "/manage/users/ends-observer",
		"/manage/devices", "/manage/devices/new", "/manage/devices/new?office="+deskOffice, "/manage/devices/totem", "/manage/devices/totem/code",
		"/manage/devices/totem/revoke", "/manage/devices/totem/remove", "/manage/printers", "/manage/printers/new?office="+deskOffice,
		"/manage/printers/printer-here", "/manage/printers/printer-here/remove", "/manage/programs", "/manage/programs/new", "/manage/programs/site/revoke",
		"/manage/audit", "/manage/audit?day=2026-12-03", "/manage/audit?who=nobody.such")
}

// TestDevicesAndPrintersAreFound by their own names and by their office's; pages keep what is searched for.
func TestDevicesAndPrintersAreFound(t *testing.T) {
	h := newDeskHouse(t)
	b := h.at("administrator", "")
	for _, list := range []string{"devices", "printers", "programs"} {
		b.get("/manage/" + list + "?q=inesistente")
		b.want(http.StatusOK, "con «inesistente»")
	}
	b.post("/manage/devices/new", "office", deskOffice, "kind", "kiosk", "name", "Totem À l'ingresso")
	b.post("/manage/devices/new", "office", deskOffice, "kind", "board", "name", "Tabellone")
	b.get("/manage/devices?q=TOTEM+à")
	b.want(http.StatusOK, "Totem À l'ingresso")
	b.lacks(">Tabellone<")
	b.get("/manage/devices?q=integrato")
	b.want(http.StatusOK, "Totem À l'ingresso", ">Tabellone<")
}
