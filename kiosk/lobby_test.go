package kiosk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
	"sportello/printouts/spool"
	"sportello/queue"
	"sportello/static"
)

// lobbyOffice is where the kiosk under test stands: CPI and INPS together on Tuesdays and
// Thursdays, CPI alone on the other mornings.
const lobbyOffice = "isernia-centro-integrato"

// testKey is an installation's secret.
var testKey = booking.Key("an invented key of thirty-two bytes")

// tuesday is a morning on which everything is open.
var tuesday = time.Date(2026, 11, 24, 9, 40, 0, 0, time.FixedZone("CET", 3600))

// lobby is a kiosk in front of a real server, as a browser would use it.
type lobby struct {
	t      *testing.T
	db     *store.DB
	clock  *storetest.Clock
	server *httptest.Server
	client *http.Client
}

// newLobby enrols a kiosk of lobbyOffice, with a printer into paper unless that is empty.
func newLobby(t *testing.T, baseURL, paper string) *lobby {
	t.Helper()
	clock := storetest.At(tuesday)
	l := &lobby{t: t, db: storetest.Open(t, clock.Now), clock: clock}
	l.update(func(ctx context.Context, tx *store.Tx) error {
		importDemo(ctx, t, tx, "isernia")
		device := access.Device{ID: "kiosk", Office: lobbyOffice, Kind: access.Kiosk, Name: "Totem"}
		if paper != "" {
			device.Printer = "paper"
			printer := spool.Printer{ID: "paper", Office: lobbyOffice, Name: "Carta", URI: "file:" + paper}
			if err := spool.AddPrinter(ctx, tx, printer); err != nil {
				return err
			}
		}
		return access.AddDevice(ctx, tx, device, "CODE", "user:test")
	})
	token := enrolled(t, l.db, "CODE")
	s, err := kiosk.New(kiosk.Options{DB: l.db, Log: quiet, BaseURL: baseURL, Key: testKey, Speech: kiosk.NewSpeech(t.TempDir(), quiet)})
	if err != nil {
		t.Fatal(err)
	}
	l.server = httptest.NewServer(s.Handler())
	t.Cleanup(l.server.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	at, err := url.Parse(l.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	name := "sportello_kiosk"
	if strings.HasPrefix(baseURL, "https://") {
		name = "__Host-" + name
	}
	jar.SetCookies(at, []*http.Cookie{{Name: name, Value: token}})
	l.client = &http.Client{Jar: jar}
	return l
}

func importDemo(ctx context.Context, t *testing.T, tx *store.Tx, id string) {
	t.Helper()
	files, err := territory.Demo()
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if file.ID != id {
			continue
		}
		parsed, problems := territory.Parse(file.Text, file.ID)
		if len(problems) > 0 {
			t.Fatal(problems)
		}
		if _, err := territory.Import(ctx, tx, parsed); err != nil {
			t.Fatal(err)
		}
	}
}

func (l *lobby) update(fn func(ctx context.Context, tx *store.Tx) error) {
	l.t.Helper()
	if err := l.db.Update(l.t.Context(), func(tx *store.Tx) error { return fn(l.t.Context(), tx) }); err != nil {
		l.t.Fatal(err)
	}
}

// get returns a page and the address at which the browser ended.
func (l *lobby) get(path string) (page, at string) {
	l.t.Helper()
	response, err := l.client.Get(l.server.URL + path)
	return l.read(response, err)
}

func (l *lobby) post(path string, form url.Values) (page, at string) {
	l.t.Helper()
	response, err := l.client.PostForm(l.server.URL+path, form)
	return l.read(response, err)
}

func (l *lobby) read(response *http.Response, err error) (page, at string) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	if response.StatusCode >= http.StatusInternalServerError {
		l.t.Fatalf("%s: status %d", response.Request.URL.Path, response.StatusCode)
	}
	return string(body), response.Request.URL.RequestURI()
}

// openDesk has an officer of CPI open a desk for services; none are all.
func (l *lobby) openDesk(at queue.Seat, services ...string) {
	l.t.Helper()
	l.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := queue.OpenDesk(ctx, tx, at, "test", "cpi-1", services)
		return err
	})
}

func (l *lobby) count(query string) int {
	l.t.Helper()
	n := 0
	l.update(func(ctx context.Context, tx *store.Tx) error { return tx.QueryRow(ctx, query).Scan(&n) })
	return n
}

func (l *lobby) tickets() int { l.t.Helper(); return l.count(`SELECT COUNT(*) FROM tickets`) }
func (l *lobby) papers() int  { l.t.Helper(); return l.count(`SELECT COUNT(*) FROM print_jobs`) }

// settle sets what became of every print job.
func (l *lobby) settle(state spool.State) { l.t.Helper(); l.leave(state, "") }

// leave sets how far every print job has come, and why no further.
func (l *lobby) leave(state spool.State, detail string) {
	l.t.Helper()
	l.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE print_jobs SET state = $1, detail = $2`, string(state), detail)
		return err
	})
}

// take asks for a ticket for CPI-DID and returns the page with its number and that page's address.
func (l *lobby) take(key, preferences string) (page, at string) {
	l.t.Helper()
	return l.post("/kiosk/tickets?lang=it"+preferences, url.Values{"service": {"CPI-DID"}, "key": {key}})
}

var lobbyPages = []struct{ name, path string }{
	{"languages", "/kiosk?"},
	{"needs", "/kiosk/needs?"},
	{"services", "/kiosk/services?need=lavoro-perso&"},
	{"services of no need", "/kiosk/services?page=3&"},
	{"search", "/kiosk/search?q=isee&"},
	{"search with nothing", "/kiosk/search?"},
	{"search in vain", "/kiosk/search?q=xyzxyz&"},
	{"search as a list", "/kiosk/search?q=lavoro&low=1&list=1&"},
	{"bookable service", "/kiosk/service?id=CPI-PATTO&"},
	{"ended service", "/kiosk/service?id=HIS-REI&"},
	{"service elsewhere", "/kiosk/service?id=COM-ANAG&"},
	{"needs for an appointment", "/kiosk/needs?book=1&"},
	{"services for an appointment", "/kiosk/services?need=lavoro-perso&book=1&"},
	{"days", "/kiosk/book?id=JNT-LAVORO&"},
	{"days again", "/kiosk/book?id=JNT-LAVORO&why=slot_taken&"},
	{"days of a service elsewhere", "/kiosk/book?id=COM-ANAG&"},
	{"times", "/kiosk/book/times?id=JNT-LAVORO&day=2026-11-26&"},
	{"times of a day without any", "/kiosk/book/times?id=JNT-LAVORO&day=2026-11-25&"},
	{"arrival", "/kiosk/arrive?"},
	{"unknown service", "/kiosk/service?id=NONE&"},
	{"unknown hold", "/kiosk/book/people?id=JNT-LAVORO&hold=none&"},
	{"unknown ticket", "/kiosk/ticket?id=none&"},
}

var (
	headings = regexp.MustCompile(`<h1[ >]`)
	noKey    = regexp.MustCompile(`>\s*(lobby|term|fault|service|paper)\.[a-z_.]+\s*<`)
)

func TestLobbyPages(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	_, ticket := l.take("pages", "")
	id := ticket[strings.Index(ticket, "id=")+3:]
	id, _, _ = strings.Cut(id, "&")
	pages := append(lobbyPages, struct{ name, path string }{"ticket", "/kiosk/ticket?id=" + id + "&"})
	for _, language := range static.Languages() {
		for _, modes := range []string{"", "&large=1&contrast=1&low=1&slow=1&precedence=1"} {
			for _, tt := range pages {
				t.Run(fmt.Sprintf("%s/%s%s", language.Code, tt.name, modes), func(t *testing.T) {
					l.t = t
					page, _ := l.get(tt.path + "lang=" + language.Code + modes)
					if got := len(headings.FindAllString(page, -1)); got != 1 {
						t.Errorf("got %d headings of the first rank, want 1", got)
					}
					if !strings.Contains(page, `<html lang="`+language.Code+`"`) {
						t.Errorf("the page does not say that it is in %s", language.Code)
					}
					if got := strings.Contains(page, `dir="rtl" translate`); got != language.RTL {
						t.Errorf("right to left: got %t, want %t", got, language.RTL)
					}
					if found := noKey.FindString(page); found != "" {
						t.Errorf("a message is missing: %s", found)
					}
					if strings.Contains(page, "<no value>") || strings.Contains(page, "style=") {
						t.Error("the page has a gap or an inline style")
					}
				})
			}
		}
	}
	l.t = t
}

func TestLobbySearch(t *testing.T) {
	tests := []struct {
		name, query, lang string
		want              []string // names in this order, among others; none: nothing is found
	}{
		{"an ended service by its acronym", "ReI", "it", []string{"Assegno di inclusione (ADI)", "Al posto di: ReI: reddito di inclusione"}},
		{"whatever the letter case", "rei", "it", []string{"Assegno di inclusione (ADI)"}},
		{"an acronym in another language", "rei", "uk", []string{"(ADI)"}},
		{"a present acronym before its predecessors", "adi", "it", []string{"Assegno di inclusione (ADI)"}},
		{"the old income", "rdc", "it", []string{"Assegno di inclusione (ADI)", "Supporto per la formazione"}},
		{"a word of the name", "disoccupazione", "it", []string{"NASpI: indennità di disoccupazione"}},
		{"an acronym as part of a word", "nasp", "it", []string{"NASpI: indennità di disoccupazione"}},
		{"words that people use", "ricerca lavoro", "it", []string{"Offerte di lavoro e candidatura"}},
		{"without the accents", "indennita maternita", "it", []string{"Indennità di maternità"}},
		{"with other accents", "Indennitá", "it", []string{"NASpI: indennità"}},
		{"a typing mistake", "disocupazione", "it", []string{"NASpI: indennità di disoccupazione"}},
		{"two letters swapped", "pensinoe", "it", []string{"Consulenza sulla pensione"}},
		{"the reader's language", "unemployment", "en", []string{"NASpI"}},
		{"Italian in any language", "disoccupazione", "zh", []string{"NASpI"}},
		{"Chinese within a name", "失业", "zh", []string{"NASpI"}},
		{"a service that other offices do", "anagrafe", "it", []string{"carta d'identità", "Non in questo ufficio"}},
		{"nonsense", "qqqq", "it", nil},
		{"signs only", "?!", "it", nil},
	}
	l := newLobby(t, "", "")
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l.t = t
			page, _ := l.get("/kiosk/search?lang=" + tt.lang + "&q=" + url.QueryEscape(tt.query))
			page = strings.ReplaceAll(page, "&#39;", "'")
			if tt.want == nil && strings.Contains(page, `class="choice-name"`) {
				t.Errorf("something was found")
			}
			_, rest, _ := strings.Cut(page, `id="found"`)
			for _, want := range tt.want {
				_, after, found := strings.Cut(rest, want)
				if !found {
					t.Fatalf("%q is not found, or not in its place", want)
				}
				rest = after
			}
		})
	}
	l.t = t
}

func TestLobbyKeyboardWithoutScript(t *testing.T) {
	l := newLobby(t, "", "")
	tests := []struct{ name, path, want string }{
		{"a letter", "/kiosk/search?lang=it&q=re&key=i", `value="rei"`},
		{"delete", "/kiosk/search?lang=it&q=rei&key=delete", `value="re"`},
		{"delete nothing", "/kiosk/search?lang=it&q=&key=delete", `value=""`},
		{"clear", "/kiosk/search?lang=it&q=rei&key=clear", `value=""`},
		{"a letter of two bytes", "/kiosk/search?lang=uk&q=" + url.QueryEscape("п") + "&key=delete", `value=""`},
		{"no more than fit", "/kiosk/search?lang=it&q=" + strings.Repeat("a", 40), `value="` + strings.Repeat("a", 30) + `"`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l.t = t
			page, _ := l.get(tt.path)
			if !strings.Contains(page, `name="q" data-focus data-keys="search" type="text" `+tt.want) {
				t.Errorf("the field does not hold %s", tt.want)
			}
		})
	}
	l.t = t
}

func TestLobbySameKeySameTicketOnePaper(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	_, first := l.take("one", "")
	l.settle(spool.Printed)
	_, second := l.take("one", "")
	if first != second {
		t.Errorf("got %s and %s, want the same ticket", first, second)
	}
	// Another service touched on the same page is the same asking.
	_, third := l.post("/kiosk/tickets?lang=it", url.Values{"service": {"CPI-OFFERTE"}, "key": {"one"}})
	if first != third {
		t.Errorf("got %s and %s, want the same ticket", first, third)
	}
	if l.tickets() != 1 || l.papers() != 1 {
		t.Errorf("got %d tickets and %d papers, want one of each", l.tickets(), l.papers())
	}
	if _, other := l.take("two", ""); other == first {
		t.Error("another key gave the same ticket")
	}
}

func TestLobbyTicketPage(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	page, at := l.take("one", "")
	for _, want := range []string{"A001", "Il biglietto sta uscendo.", `data-show="20"`, "Accoglienza", "I numeri non seguono", `class="qr"`, "Ora nessuno sportello è aperto"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "data-extendable") || strings.Contains(page, "Ristampa") {
		t.Error("the page offers more time, or another paper, while the first is coming")
	}
	l.settle(spool.Failed)
	page, _ = l.get(at)
	for _, want := range []string{"Il biglietto non è uscito.", `data-show="60"`, "data-extendable", "Ristampa"} {
		if !strings.Contains(page, want) {
			t.Errorf("after the paper failed the page lacks %q", want)
		}
	}
	state, _ := l.get(strings.Replace(at, "/kiosk/ticket", "/kiosk/ticket/state", 1))
	if strings.Contains(state, "<html") || !strings.Contains(state, `data-paper="failed"`) {
		t.Errorf("the state is no part of a page: %s", state)
	}
}

func TestLobbyWithoutPrinterOrPhone(t *testing.T) {
	l := newLobby(t, "http://127.0.0.1:8080", "")
	page, _ := l.take("one", "")
	if strings.Contains(page, `class="qr"`) {
		t.Error("the page has a code for phones that cannot reach the server")
	}
	for _, want := range []string{"Qui non c", `data-show="60"`, "data-extendable"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page, "Ristampa") {
		t.Error("the page offers to print without a printer")
	}
	if l.papers() != 0 {
		t.Error("something was printed")
	}
}

func TestLobbyNumberWithoutItsPrinter(t *testing.T) {
	l := newLobby(t, "", t.TempDir())
	l.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM printers`)
		return err
	})
	page, _ := l.take("one", "")
	if !strings.Contains(page, "A001") || !strings.Contains(page, `data-paper="none"`) {
		t.Error("there is no number where there is no printer")
	}
}

func TestLobbyReprintOncePerPress(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	_, at := l.take("one", "")
	id := regexp.MustCompile(`id=([^&]+)`).FindStringSubmatch(at)[1]
	press := func(after string) {
		t.Helper()
		l.post("/kiosk/ticket/reprint?lang=it", url.Values{"id": {id}, "after": {after}})
	}
	job := func() string {
		t.Helper()
		var status spool.Status
		l.update(func(ctx context.Context, tx *store.Tx) (err error) {
			status, _, err = spool.Latest(ctx, tx, "ticket:"+id)
			return err
		})
		return status.Job
	}
	first := job()
	press(first)
	if got := l.papers(); got != 1 {
		t.Errorf("got %d papers, want no second while the first is coming", got)
	}
	l.settle(spool.Failed)
	press(first)
	press(first)
	l.clock.Add(time.Second)
	l.settle(spool.Printed)
	press(first)
	if got := l.papers(); got != 2 {
		t.Errorf("got %d papers after one press sent three times, want 2", got)
	}
	press(job())
	if got := l.papers(); got != 3 {
		t.Errorf("got %d papers after another press, want 3", got)
	}
	if got := l.tickets(); got != 1 {
		t.Errorf("got %d tickets, want 1", got)
	}
}

func TestLobbyTellsWhyThereIsNoPaper(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	_, at := l.take("one", "")
	id := regexp.MustCompile(`id=([^&]+)`).FindStringSubmatch(at)[1]
	const waits, settled = true, false
	tests := []struct {
		name   string
		state  spool.State
		detail string
		want   string
		owed   bool
	}{
		{"in the queue", spool.Queued, "", "coming", waits},
		{"printing", spool.Sent, "", "coming", waits},
		{"waiting for paper", spool.Queued, string(spool.OutOfPaper), "out", waits},
		{"waiting for the printer", spool.Queued, string(spool.Unreachable), "away", waits},
		{"no paper came in time", spool.Expired, string(spool.OutOfPaper), "out", settled},
		{"the printer did not answer in time", spool.Expired, string(spool.Unreachable), "away", settled},
		{"the printer stayed open", spool.Expired, string(spool.Refusing), "away", settled},
		{"behind many others for too long", spool.Expired, "", "failed", settled},
		{"the folder is full", spool.Failed, spool.Full, "failed", settled},
		{"not confirmed", spool.Unconfirmed, spool.Unanswered, "unsure", settled},
		{"paper ended in the middle", spool.Unconfirmed, string(spool.OutOfPaper), "unsure", settled},
		{"out", spool.Printed, "", "printed", settled},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l.t = t
			l.leave(tt.state, tt.detail)
			for _, lang := range static.Languages() {
				page, _ := l.get("/kiosk/ticket?id=" + id + "&lang=" + lang.Code)
				text := html.EscapeString(static.Text(lang.Code, "lobby.paper."+tt.want))
				if !strings.Contains(page, `data-paper="`+tt.want+`"`) || !strings.Contains(page, text) {
					t.Errorf("%s: the page does not tell %q", lang.Code, text)
				}
				if got := strings.Contains(page, "data-owed"); got != tt.owed {
					t.Errorf("%s: still expected: %t, want %t", lang.Code, got, tt.owed)
				}
				if got := strings.Contains(page, "/kiosk/ticket/reprint"); got == tt.owed {
					t.Errorf("%s: another paper may be asked for: %t, want %t", lang.Code, got, !tt.owed)
				}
				if got := strings.Contains(page, `action="/kiosk/ticket/paper`); got != (tt.want == "unsure") {
					t.Errorf("%s: asks whether it came out: %t", lang.Code, got)
				}
			}
		})
	}
	l.t = t
}

// TestLobbyAsksWhetherPaperCameOut answers yes, and then no.
func TestLobbyAsksWhetherPaperCameOut(t *testing.T) {
	l := newLobby(t, "http://kiosk.example", t.TempDir())
	_, at := l.take("one", "")
	field := func(name string) string {
		t.Helper()
		page, _ := l.get(at)
		found := regexp.MustCompile(`name="` + name + `" value="([^"]+)"`).FindStringSubmatch(page)
		if found == nil {
			t.Fatalf("the page has no field %s", name)
		}
		return found[1]
	}
	l.leave(spool.Unconfirmed, spool.Unanswered)
	id, job := field("id"), field("job")
	page, _ := l.post("/kiosk/ticket/paper?lang=it", url.Values{"id": {id}, "job": {"another"}})
	if !strings.Contains(page, `data-paper="unsure"`) {
		t.Error("a word about another paper was taken for this one")
	}
	page, _ = l.post("/kiosk/ticket/paper?lang=it", url.Values{"id": {id}, "job": {job}})
	if !strings.Contains(page, `data-paper="printed"`) {
		t.Error("the citizen's yes was not taken")
	}
	l.settle(spool.Failed)
	page, _ = l.post("/kiosk/ticket/paper?lang=it", url.Values{"id": {id}, "job": {job}})
	if !strings.Contains(page, `data-paper="failed"`) {
		t.Error("a paper that failed came out on someone's word")
	}
	l.leave(spool.Unconfirmed, spool.Unanswered)
	page, _ = l.post("/kiosk/ticket/reprint?lang=it", url.Values{"id": {id}, "after": {field("after")}})
	if !strings.Contains(page, `data-paper="coming"`) || l.papers() != 2 || l.tickets() != 1 {
		t.Errorf("after a no there are %d papers of %d tickets, want a second of the same", l.papers(), l.tickets())
	}
}

func TestLobbyPaper(t *testing.T) {
	paper := t.TempDir()
	l := newLobby(t, "http://kiosk.example", paper)
	l.post("/kiosk/tickets?lang=uk&precedence=1", url.Values{"service": {"CPI-DID"}, "key": {"one"}})
	var payload string
	l.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.QueryRow(ctx, `SELECT payload FROM print_jobs`).Scan(&payload)
	})
	var got struct {
		Number, Area, StatusURL, Language string
		Second                            *struct{ Title string }
	}
	if err := json.Unmarshal([]byte(payload), &got); err != nil {
		t.Fatal(err)
	}
	if got.Number != "A001" || got.Area != "Accoglienza" || got.Language != "uk" || got.Second == nil || got.Second.Title != "Ваш номер" {
		t.Errorf("got %s", payload)
	}
	if !strings.HasPrefix(got.StatusURL, "http://kiosk.example/t/") {
		t.Errorf("got status address %q", got.StatusURL)
	}
	for _, secret := range []string{"DID", "isponibilità", "recedenza"} {
		if strings.Contains(payload, secret) {
			t.Errorf("the paper says %q", secret)
		}
	}
	if left, err := os.ReadDir(paper); err != nil || len(left) > 0 {
		t.Errorf("something was printed inside the transaction: %v, %v", left, err)
	}
}

func TestLobbyPrecedenceIsAllThatIsKept(t *testing.T) {
	l := newLobby(t, "", "")
	page, _ := l.take("one", "&precedence=1")
	if !strings.Contains(page, "Precedenza attiva") {
		t.Error("the page does not say that the precedence is noted")
	}
	for _, class := range []string{"bambino", "disabilità", "gravidanza"} {
		if strings.Contains(page, class) {
			t.Errorf("the page names the reason: %s", class)
		}
	}
	var issued queue.Ticket
	l.update(func(ctx context.Context, tx *store.Tx) error {
		p, err := queue.Read(ctx, tx, lobbyOffice)
		issued = p.Waiting()[0]
		return err
	})
	if !issued.Precedence || issued.Language != "it" || issued.Origin != queue.FromKiosk {
		t.Errorf("got %+v", issued)
	}
}

func TestLobbyWhyNoTicket(t *testing.T) {
	tests := []struct {
		name, service string
		at            time.Time
		stop          bool
		want          []string
	}{
		{"only with an appointment", "CPI-PATTO", tuesday, false, []string{"Solo con appuntamento", "Accoglienza e prima informazione"}},
		{"no longer exists", "HIS-REI", tuesday, false, []string{"Non c'è più", "Assegno di inclusione (ADI)"}},
		{"the institution is closed", "INPS-NASPI", tuesday.AddDate(0, 0, 1), false, []string{"Apre domani alle 09:00"}},
		{"the office is closed", "CPI-DID", tuesday.AddDate(0, 0, 4), false, []string{"Apre lunedì 30 novembre alle 09:00"}},
		{"stopped by staff", "CPI-DID", tuesday, true, []string{"Oggi è sospeso", "Riunione"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLobby(t, "", "")
			l.clock.Set(tt.at)
			if tt.stop {
				desk := queue.Seat{Office: lobbyOffice, Desk: "1", By: "user:test"}
				l.openDesk(desk)
				l.update(func(ctx context.Context, tx *store.Tx) error {
					return queue.StopService(ctx, tx, desk, tt.service, "Riunione")
				})
			}
			page, at := l.post("/kiosk/tickets?lang=it", url.Values{"service": {tt.service}, "key": {"one"}})
			if tt.service != "HIS-REI" && !strings.HasPrefix(at, "/kiosk/service?") {
				t.Errorf("got %s, want the service's page", at)
			}
			if tt.service == "HIS-REI" { // which the office does not list
				page, _ = l.get("/kiosk/service?lang=it&id=HIS-REI")
			}
			page = strings.ReplaceAll(page, "&#39;", "'")
			for _, want := range tt.want {
				if !strings.Contains(page, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
			if got := l.tickets(); got != 0 {
				t.Errorf("got %d tickets, want none", got)
			}
		})
	}
}

func TestLobbySaysPause(t *testing.T) {
	const found = "/kiosk/search?lang=it&q=disponibilit%C3%A0"
	tests := []struct {
		name  string
		back  time.Duration // from now; zero: not said
		path  string        // "" the number's page
		says  string
		waits string
	}{
		{"a choice", 20 * time.Minute, found, "Lo sportello è in pausa fino alle 10:00.", "Attesa: "},
		{"a choice, not said until when", 0, found, "Lo sportello è in pausa.<", ""},
		{"a choice, too late for all", 2 * time.Hour, found, "Lo sportello è in pausa fino alle 11:40.", "Forse non facciamo in tempo"},
		{"in another language", 20 * time.Minute, "/kiosk/search?lang=en&q=disponibilit%C3%A0", "The desk is paused until 10:00.", "Wait: "},
		{"a number", 20 * time.Minute, "", "Lo sportello è in pausa fino alle 10:00.", "Attesa: "},
		{"a number, not said until when", 0, "", "Lo sportello è in pausa.<", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := newLobby(t, "", "")
			desk := queue.Seat{Office: lobbyOffice, Desk: "1", By: "user:test"}
			l.openDesk(desk, "CPI-DID")
			_, path := l.take("one", "")
			if tt.path != "" {
				path = tt.path
			}
			if page, _ := l.get(path); strings.Contains(page, "paus") {
				t.Error("the page speaks of a pause before there is one")
			}
			l.update(func(ctx context.Context, tx *store.Tx) error {
				back := time.Time{}
				if tt.back > 0 {
					back = tx.Now.Add(tt.back)
				}
				_, err := queue.PauseDesk(ctx, tx, desk, "break", back)
				return err
			})
			page, _ := l.get(path)
			want := tt.says
			if tt.waits != "" {
				want += " " + tt.waits
			}
			if !strings.Contains(page, want) {
				t.Errorf("the page lacks %q", want)
			}
		})
	}
}

func TestLobbyClosedOfficeSaysWhenItOpens(t *testing.T) {
	l := newLobby(t, "", "")
	l.clock.Set(tuesday.AddDate(0, 0, 4))
	page, _ := l.get("/kiosk")
	for _, want := range []string{"Ora siamo chiusi.", "Apre lunedì 30 novembre alle 09:00", "Opens Monday 30 November at 09:00"} {
		if !strings.Contains(page, want) {
			t.Errorf("the first page lacks %q", want)
		}
	}
	if page, _ = l.get("/kiosk/needs?lang=it"); !strings.Contains(page, "Apriamo lunedì 30 novembre alle 09:00") {
		t.Error("the needs do not say when the office opens")
	}
}

func TestLobbyAliveTellsOfANewStartPage(t *testing.T) {
	l := newLobby(t, "", "")
	version := func() string {
		t.Helper()
		page, _ := l.get("/kiosk/alive")
		return page
	}
	first := version()
	if l.clock.Add(time.Minute); version() != first {
		t.Error("the version changed while the start page did not")
	}
	if l.clock.Set(tuesday.AddDate(0, 0, 4)); version() == first {
		t.Error("the office closed and the version did not change")
	}
}

func TestLobbyIsForItsOwnOffice(t *testing.T) {
	l := newLobby(t, "", "")
	var other queue.Ticket
	l.update(func(ctx context.Context, tx *store.Tx) (err error) {
		importDemo(ctx, t, tx, "bergamo")
		other, err = queue.Issue(ctx, tx, queue.Request{Office: "cpi-bergamo", Service: "CPI-DID", Language: "it", Key: "x", Origin: queue.FromKiosk, By: "test"})
		return err
	})
	page, _ := l.get("/kiosk/ticket?lang=it&id=" + other.ID)
	if strings.Contains(page, other.Label()) {
		t.Error("the kiosk shows another office's ticket")
	}
	stranger := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := stranger.Get(l.server.URL + "/kiosk")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if got, want := response.Header.Get("Location"), "/enrol"; got != want {
		t.Errorf("a browser that is no kiosk is sent to %q, want %q", got, want)
	}
}
