package kiosk_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/printouts/spool"
	"sportello/static"
)

// apiHouse is the desk's house with devices, and its API held against its description: whatever goes
// over the line is checked.
type apiHouse struct {
	*deskHouse
	doc    *openapi3.T
	router routers.Router
	driven map[string]bool // operation ids
	tokens map[string]string
	keys   int
}

func newAPIHouse(t *testing.T) *apiHouse {
	t.Helper()
	a := &apiHouse{deskHouse: newDeskHouse(t), driven: map[string]bool{}, tokens: map[string]string{}}
	a.describe()
	a.update(func(ctx context.Context, tx *store.Tx) error {
		printer := spool.Printer{ID: "paper", Office: deskOffice, Name: "Carta", URI: "file:" + t.TempDir()}
		if err := spool.AddPrinter(ctx, tx, printer); err != nil {
			return err
		}
		for _, d := range []access.Device{
			{ID: "kiosk", Office: deskOffice, Kind: access.Kiosk, Name: "Totem", Printer: "paper"},
			{ID: "board", Office: deskOffice, Kind: access.Board, Name: "Tabellone"},
			{ID: "totem-agnone", Office: "sportello-agnone", Kind: access.Kiosk, Name: "Totem di Agnone"},
		} {
			if err := access.AddDevice(ctx, tx, d, d.ID, "user:test"); err != nil {
				return err
			}
		}
		site := access.Program{ID: "site", Name: "Sito", Territory: "isernia", Offices: []string{deskOffice}, Scopes: access.Scopes}
		token, err := access.AddProgram(ctx, tx, site, "user:test")
		a.tokens["program"] = "Bearer " + token
		return err
	})
	for _, device := range []string{"kiosk", "board", "totem-agnone"} {
		a.tokens[device] = "Bearer " + enrolled(t, a.db, device)
	}
	return a
}

// describe reads the description that the server gives. An object of it may here have no other
// properties than those it tells of.
func (a *apiHouse) describe() {
	a.t.Helper()
	answer, err := http.Get(a.server.URL + "/api/v1/openapi.json")
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	var document any
	if err := json.NewDecoder(answer.Body).Decode(&document); err != nil {
		a.t.Fatal(err)
	}
	seal(document)
	text, err := json.Marshal(document)
	if err != nil {
		a.t.Fatal(err)
	}
	if a.doc, err = openapi3.NewLoader().LoadFromData(text); err != nil {
		a.t.Fatal(err)
	}
	if a.router, err = legacy.NewRouter(a.doc); err != nil { // which validates it, its examples too
		a.t.Fatal(err)
	}
}

// seal lets no object schema below node have properties of which it does not tell.
func seal(node any) {
	switch node := node.(type) {
	case []any:
		for _, below := range node {
			seal(below)
		}
	case map[string]any:
		_, said := node["additionalProperties"]
		if _, listed := node["properties"].(map[string]any); listed && node["type"] == "object" && !said {
			node["additionalProperties"] = false
		}
		for _, below := range node {
			seal(below)
		}
	}
}

// as returns what lets somebody in: the token of a device, or the session of an account.
func (a *apiHouse) as(who string) []string {
	a.t.Helper()
	if token, device := a.tokens[who]; device {
		if strings.HasPrefix(token, "Bearer ") {
			return []string{"Authorization", token}
		}
		return []string{"Cookie", token}
	}
	if who == "" {
		return nil
	}
	a.tokens[who] = "sportello_session=" + signedIn(a.t, a.db, who, deskPassword)
	return a.as(who)
}

// apiAnswer is an answer that was as the description says.
type apiAnswer struct {
	status int
	text   string
	header http.Header
}

func (r apiAnswer) into(t *testing.T, value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(r.text), value); err != nil {
		t.Fatalf("%s: %v", r.text, err)
	}
}

// code is that of a problem, "" for anything else.
func (r apiAnswer) code() string {
	var p struct{ Code string }
	_ = json.Unmarshal([]byte(r.text), &p)
	return p.Code
}

// field is a string of the answer, "" where it has none.
func (r apiAnswer) field(name string) string {
	var all map[string]any
	_ = json.Unmarshal([]byte(r.text), &all)
	text, _ := all[name].(string)
	return text
}

// send sends a request and holds what comes against the description. A request that succeeds must be
// as it says; one that it forbids must be refused.
func (a *apiHouse) send(who, method, path, body string, header ...string) apiAnswer {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), 30*time.Second)
	defer cancel()
	request := func() *http.Request {
		var content io.Reader
		if body != "" {
			content = strings.NewReader(body)
		}
		r, err := http.NewRequestWithContext(ctx, method, a.server.URL+path, content)
		if err != nil {
			a.t.Fatal(err)
		}
		if body != "" {
			r.Header.Set("Content-Type", "application/json")
		}
		header := append(a.as(who), header...)
		for i := 0; i+1 < len(header); i += 2 {
			r.Header.Set(header[i], header[i+1])
		}
		return r
	}
	r := request()
	route, params, err := a.router.FindRoute(r)
	if err != nil {
		a.t.Fatalf("%s %s is not described: %v", method, path, err)
	}
	a.driven[route.Operation.OperationID] = true
	asked := &openapi3filter.RequestValidationInput{
		Request: request(), PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true},
	}
	forbidden := openapi3filter.ValidateRequest(ctx, asked)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	streams := answer.Header.Get("Content-Type") == "text/event-stream"
	text := readAnswer(a.t, answer, streams)
	got := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: asked, Status: answer.StatusCode, Header: answer.Header, Body: io.NopCloser(strings.NewReader(text)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: streams},
	}
	if err := openapi3filter.ValidateResponse(ctx, got); err != nil {
		a.t.Errorf("%s %s: the answer is not as described: %v\n%s", method, path, err, text)
	}
	result := apiAnswer{answer.StatusCode, text, answer.Header}
	if refused := answer.StatusCode >= 400; forbidden != nil && !refused {
		a.t.Errorf("%s %s %s: was done, and is not as described: %v", method, path, body, forbidden)
	} else if refused {
		a.told(route.Operation, result)
	}
	return result
}

// told checks that the description tells of the code of a refusal.
func (a *apiHouse) told(o *openapi3.Operation, r apiAnswer) {
	a.t.Helper()
	texts := o.Description + *a.doc.Components.Responses["Problem"].Value.Description
	if !strings.Contains(texts, "`"+r.code()+"`") {
		a.t.Errorf("%s: the description does not tell of %q: %s", o.OperationID, r.code(), r.text)
	}
}

// readAnswer reads a body; of a stream the first event.
func readAnswer(t *testing.T, answer *http.Response, stream bool) string {
	t.Helper()
	if !stream {
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	var event strings.Builder
	for lines := bufio.NewScanner(answer.Body); lines.Scan() && lines.Text() != ""; {
		event.WriteString(lines.Text() + "\n")
	}
	return event.String()
}

// want checks the status of an answer and, if it is a refusal, its code.
func (a *apiHouse) want(r apiAnswer, status int, code string) apiAnswer {
	a.t.Helper()
	if r.status != status || code != "" && r.code() != code {
		a.t.Fatalf("got %d %s, want %d %s", r.status, r.text, status, code)
	}
	return r
}

// change posts under a new key, twice: the second time nothing changes, and the answer is the same.
func (a *apiHouse) change(who, path, body string, status int) apiAnswer {
	a.t.Helper()
	a.keys++
	key := fmt.Sprintf("key %d of this test", a.keys)
	first := a.want(a.send(who, "POST", path, body, "Idempotency-Key", key), status, "")
	before := a.version()
	again := a.want(a.send(who, "POST", path, body, "Idempotency-Key", key), status, "")
	if a.version() != before || again.text != first.text {
		a.t.Errorf("POST %s under the same key: changed something, or answered\n%s, then\n%s", path, first.text, again.text)
	}
	a.clock.Add(time.Second)
	return first
}

func (a *apiHouse) version() (version int64) {
	a.t.Helper()
	p, err := a.kiosk.Picture(a.t.Context(), deskOffice)
	if err != nil {
		a.t.Fatal(err)
	}
	return p.Version
}

const (
	officePath  = "/api/v1/offices/" + deskOffice
	ticketsPath = officePath + "/tickets"
)

func deskPath(desk, step string) string { return officePath + "/desks/" + desk + "/" + step }

func stepPath(ticket, step string) string { return "/api/v1/tickets/" + ticket + "/" + step }

// TestDescriptionAndServerAgree drives every operation of the description against the server, and
// finds what only one of the two knows.
func TestDescriptionAndServerAgree(t *testing.T) {
	a := newAPIHouse(t)
	a.driveOffices()
	a.driveDesks()
	a.driveTickets()
	a.driveCheckIn()
	a.drivePrints()
	a.driveRefusals()
	a.driveDevices()
	a.driveSessions()
	a.driveAppointments() // last: screens lock by its time
	var described []string
	parameter := regexp.MustCompile(`\{(\w+)\}`)
	for path, item := range a.doc.Paths.Map() {
		for method, operation := range item.Operations() {
			described = append(described, method+" "+parameter.ReplaceAllString(path, ":$1"))
			if !a.driven[operation.OperationID] {
				t.Errorf("%s %s was not driven", method, path)
			}
		}
	}
	served := slices.DeleteFunc(a.kiosk.Routes(), func(route string) bool { return !strings.Contains(route, "/api/") })
	for _, route := range served {
		if !slices.Contains(described, route) {
			t.Errorf("%s is not described", route)
		}
	}
	for _, route := range described {
		if !slices.Contains(served, route) {
			t.Errorf("%s is described and not served", route)
		}
	}
}

// TestDescriptionKnowsEveryValue holds the values that the description lists against those of the code.
func TestDescriptionKnowsEveryValue(t *testing.T) {
	a := newAPIHouse(t)
	body := func(path, field string) *openapi3.SchemaRef {
		return a.doc.Paths.Value(path).Post.RequestBody.Value.Content["application/json"].Schema.Value.Properties[field]
	}
	var languages, channels []string
	for _, l := range static.Languages() {
		languages = append(languages, l.Code)
	}
	for _, c := range territory.Channels() {
		channels = append(channels, string(c))
	}
	const ticket = "/api/v1/tickets/{id}/"
	tests := []struct {
		name   string
		schema *openapi3.SchemaRef
		want   []string
	}{
		{"outcomes", body(ticket+"finish", "outcome"), kiosk.Outcomes},
		{"reasons of a call", body(ticket+"call", "reason"), kiosk.CallReasons},
		{"reasons of parking", body(ticket+"park", "reason"), kiosk.ParkReasons},
		{"reasons of a pause", body("/api/v1/offices/{office}/desks/{desk}/pause", "reason"), kiosk.PauseReasons},
		{"reasons of a cancellation", body("/api/v1/appointments/{token}/cancel", "reason"), kiosk.CancelReasons},
		{"languages", a.doc.Components.Schemas["Language"], languages},
		{"channels", a.doc.Components.Schemas["Channel"], channels},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var got []string
			for _, value := range tt.schema.Value.Enum {
				got = append(got, value.(string))
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func (a *apiHouse) driveOffices() {
	a.want(a.send("", "GET", "/api/v1/openapi.json", ""), 200, "")
	a.want(a.send("", "GET", "/api/v1/offices", ""), 200, "")
	for _, query := range []string{"", "?date=2026-12-07", "?channel=online", "?date=2026-12-03&channel=walk-in&limit=3", "?q=rei", "?q=pensione&lang=en", "?q=xyzzy"} {
		a.want(a.send("", "GET", officePath+"/services"+query, ""), 200, "")
	}
	a.want(a.send("", "GET", "/api/v1/offices/none/services", ""), 404, "unknown_office")
	for _, who := range []string{"program", "board", "volunteer"} {
		a.want(a.send(who, "GET", officePath+"/board", ""), 200, "")
	}
	for _, who := range []string{"observer", "kiosk"} {
		a.want(a.send(who, "GET", officePath+"/board", ""), 403, "not_allowed")
	}
	a.event(a.send("board", "GET", officePath+"/events", ""), "board", "Board")
	a.event(a.send("cpi-1", "GET", officePath+"/events", "", "Last-Event-ID", "1"), "desk", "Changed")
}

// event checks the first event of a stream: its name, its id and the shape of its data.
func (a *apiHouse) event(r apiAnswer, name, schema string) (data string) {
	a.t.Helper()
	found := regexp.MustCompile(`^event: (\w+)\nid: (\d+)\ndata: (.*)\n$`).FindStringSubmatch(r.text)
	if r.status != 200 || found == nil || found[1] != name || found[2] != fmt.Sprint(a.version()) {
		a.t.Fatalf("got %d %q, want an event %s of version %d", r.status, r.text, name, a.version())
	}
	var value any
	if err := json.Unmarshal([]byte(found[3]), &value); err != nil {
		a.t.Fatal(err)
	}
	if err := a.doc.Components.Schemas[schema].Value.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		a.t.Errorf("event %s: %v\n%s", name, err, found[3])
	}
	return found[3]
}

func (a *apiHouse) driveDesks() {
	a.want(a.send("cpi-1", "POST", deskPath("1", "next"), `{}`), 409, "desk_not_open")
	a.want(a.send("cpi-1", "POST", deskPath("9", "open"), `{}`), 404, "unknown_desk")
	a.want(a.send("nobody", "POST", deskPath("1", "open"), `{}`), 403, "no_officer_account")
	a.want(a.send("elsewhere", "POST", deskPath("1", "open"), `{}`), 403, "not_here")
	a.want(a.send("not-here", "POST", deskPath("1", "open"), `{}`), 403, "other_office")
	a.want(a.send("kiosk", "POST", deskPath("1", "open"), `{}`), 403, "not_allowed")
	a.want(a.send("cpi-1", "POST", deskPath("1", "open"), `{"services":["CPI-DID","NONE"]}`), 422, "invalid")
	a.want(a.send("cpi-1", "POST", deskPath("1", "open"), `{"services":["NONE"]}`), 422, "nothing_to_serve")
	open := a.change("cpi-1", deskPath("1", "open"), `{"services":["CPI-DID","CPI-SCHEDA"]}`, 200)
	if open.field("state") != "open" || open.field("officer") != "cpi-1" {
		a.t.Errorf("got %s", open.text)
	}
	a.want(a.send("cpi-2", "POST", deskPath("1", "open"), `{}`), 409, "desk_taken")
	a.want(a.send("cpi-1", "POST", deskPath("2", "open"), `{}`), 409, "officer_elsewhere")
	a.want(a.send("cpi-1", "POST", deskPath("2", "next"), `{}`), 403, "not_allowed")
	a.want(a.send("cpi-1", "POST", deskPath("1", "pause"), `{"reason":"break","back_at":"2026-12-03T09:00:00+01:00"}`), 422, "invalid")
	paused := a.change("cpi-1", deskPath("1", "pause"), `{"reason":"break","back_at":"2026-12-03T10:15:00+01:00"}`, 200)
	if paused.field("state") != "paused" {
		a.t.Errorf("got %s", paused.text)
	}
	a.want(a.send("cpi-1", "POST", deskPath("1", "next"), `{}`), 409, "desk_not_open")
	if back := a.change("cpi-1", deskPath("1", "open"), ``, 200); back.field("state") != "open" {
		a.t.Errorf("got %s", back.text)
	}
	p, err := a.kiosk.Picture(a.t.Context(), deskOffice)
	if err != nil {
		a.t.Fatal(err)
	}
	if d, _ := p.Desk("1"); !slices.Equal(d.Services, []string{"CPI-DID", "CPI-SCHEDA"}) {
		a.t.Errorf("after the pause it serves %v", d.Services)
	}
	a.change("cpi-1", deskPath("1", "help"), ``, 200)
	a.change("cpi-1", deskPath("1", "next"), ``, 204)
	a.change("inps-1", deskPath("3", "open"), ``, 200)
	if closed := a.change("inps-1", deskPath("3", "close"), `{}`, 200); closed.field("state") != "closed" {
		a.t.Errorf("got %s", closed.text)
	}
}

// issued is a ticket that the kiosk has asked for.
func (a *apiHouse) issued(service string) (id, token string) {
	a.t.Helper()
	made := a.change("kiosk", ticketsPath, `{"service":"`+service+`","language":"uk"}`, 201)
	if made.field("service") != service || made.field("print") != "queued" {
		a.t.Errorf("got %s", made.text)
	}
	return made.field("id"), made.field("token")
}

func (a *apiHouse) driveTickets() {
	for code, body := range map[string]string{
		"unknown_service": `{"service":"NONE"}`, "not_by_ticket": `{"service":"CPI-PATTO"}`, "invalid": `{"service":"CPI-DID","language":"tlh"}`,
	} {
		r := a.send("kiosk", "POST", ticketsPath, body)
		if r.code() != code {
			a.t.Errorf("%s: got %d %s, want %s", body, r.status, r.text, code)
		}
	}
	first, token := a.issued("CPI-DID")
	second, other := a.issued("CPI-SCHEDA")
	a.event(a.send("", "GET", "/api/v1/tickets/"+token+"/events", ""), "ticket", "Ticket")
	a.want(a.send("", "GET", "/api/v1/tickets/"+token, ""), 200, "")

	a.want(a.send("cpi-1", "POST", stepPath(second, "call"), `{"desk":"2","reason":"quick"}`), 403, "not_allowed")
	a.change("cpi-1", stepPath(second, "call"), `{"desk":"1","reason":"fragile"}`, 200)
	a.want(a.send("", "DELETE", "/api/v1/tickets/"+other, ""), 409, "ticket_state")
	a.want(a.send("cpi-1", "POST", deskPath("1", "next"), `{}`), 409, "settle_ticket_first")
	a.want(a.send("cpi-1", "POST", deskPath("1", "pause"), `{"reason":"break"}`), 409, "settle_ticket_first")
	a.want(a.send("cpi-1", "POST", deskPath("1", "close"), `{}`), 409, "settle_ticket_first")
	a.change("cpi-1", stepPath(second, "undo"), ``, 200)
	var call struct {
		Ticket struct{ ID, State, Desk, Service string }
		Reason struct{ Code, Text string }
	}
	a.change("cpi-1", deskPath("1", "next"), `{}`, 200).into(a.t, &call)
	if call.Ticket.ID != first || call.Ticket.State != "called" || call.Ticket.Desk != "1" || call.Ticket.Service != "CPI-DID" || call.Reason.Text == "" {
		a.t.Errorf("got %+v", call)
	}
	a.want(a.send("cpi-1", "POST", stepPath(first, "no-show"), ``), 409, "too_few_calls")
	a.change("cpi-1", stepPath(first, "recall"), ``, 200)
	a.change("cpi-1", stepPath(first, "no-show"), ``, 200)
	a.change("cpi-1", stepPath(first, "resume"), `{}`, 200)
	a.want(a.send("cpi-1", "POST", stepPath(first, "start"), ``), 409, "ticket_state")
	a.change("cpi-1", deskPath("1", "next"), ``, 200)
	a.change("cpi-1", stepPath(first, "start"), ``, 200)
	a.want(a.send("cpi-1", "POST", stepPath(first, "park"), `{"reason":"coffee"}`), 422, "invalid")
	a.change("cpi-1", stepPath(first, "park"), `{"reason":"document"}`, 200)
	a.change("cpi-1", stepPath(first, "resume"), ``, 200)
	a.change("cpi-1", deskPath("1", "next"), ``, 200)
	a.want(a.send("cpi-1", "POST", stepPath(first, "finish"), `{"service":"NONE"}`), 404, "unknown_service")
	a.change("cpi-1", stepPath(first, "finish"), `{"outcome":"to_continue","service":"CPI-SCHEDA"}`, 200)
	a.event(a.send("", "GET", "/api/v1/tickets/"+token+"/events", ""), "ticket", "Ticket")
	a.change("cpi-1", deskPath("1", "next"), ``, 200)
	a.want(a.send("cpi-1", "POST", stepPath(second, "transfer"), `{}`), 422, "target_missing")
	a.want(a.send("cpi-1", "POST", stepPath(second, "transfer"), `{"desk":"99"}`), 404, "unknown_desk")
	a.change("cpi-1", stepPath(second, "transfer"), `{"service":"INPS-PAG"}`, 200)
	a.want(a.send("", "DELETE", "/api/v1/tickets/"+other, ""), 200, "")
	a.want(a.send("", "DELETE", "/api/v1/tickets/"+other, ""), 200, "")
	for _, path := range []string{"/api/v1/tickets/none", "/api/v1/tickets/none/events"} {
		a.want(a.send("", "GET", path, ""), 404, "unknown_ticket")
	}
	a.want(a.send("cpi-1", "POST", stepPath("none", "start"), ``), 404, "unknown_ticket")
	a.driveJoint()
}

// driveCheckIn checks in the citizen of an appointment, at the kiosk and where it is not.
func (a *apiHouse) driveCheckIn() {
	appointment := a.book("JNT-LAVORO", deskMorning.Add(time.Hour))
	path := func(token string) string { return "/api/v1/appointments/" + token + "/check-in" }
	a.want(a.send("kiosk", "POST", path("none"), ``), 404, "unknown_appointment")
	a.want(a.send("board", "POST", path(appointment.Token), ``), 403, "not_allowed")
	a.want(a.send("not-here", "POST", path(appointment.Token), ``), 403, "other_office")
	a.want(a.send("totem-agnone", "POST", path(appointment.Token), ``), 409, "appointment_elsewhere")
	made := a.change("kiosk", path(appointment.Token), ``, 200)
	if made.field("state") != "waiting" || made.field("print") != "queued" || made.field("service") != "JNT-LAVORO" {
		a.t.Errorf("got %s", made.text)
	}
	again := a.change("program", path(appointment.Token), `{}`, 200)
	if again.field("number") != made.field("number") || again.field("service") != "" {
		a.t.Errorf("again, by somebody else: got %s", again.text)
	}
	late := a.book("JNT-LAVORO", deskMorning.Add(3*time.Hour/2))
	a.want(a.send("volunteer", "POST", path(late.Token), ``), 409, "check_in_too_early")
	a.want(a.send("", "DELETE", "/api/v1/tickets/"+made.field("token"), ""), 200, "")
	a.want(a.send("kiosk", "POST", path(appointment.Token), ``), 409, "appointment_cancelled")
}

// driveJoint calls a joint ticket for two desks at once.
func (a *apiHouse) driveJoint() {
	a.change("cpi-1", deskPath("1", "open"), `{"services":["CPI-DID","JNT-LAVORO"]}`, 200)
	a.change("inps-1", deskPath("3", "open"), `{"services":["INPS-PAG","JNT-LAVORO"]}`, 200)
	a.issued("JNT-LAVORO")
	var call struct{ With []string }
	a.change("inps-1", deskPath("3", "next"), ``, 200).into(a.t, &call)
	if !slices.Equal(call.With, []string{"1"}) {
		a.t.Errorf("called with desks %v, want 1", call.With)
	}
}

// driveRefusals sends to every operation what none takes.
func (a *apiHouse) driveRefusals() {
	fill := strings.NewReplacer("{office}", deskOffice, "{desk}", "1", "{id}", "none", "{token}", "none")
	for _, path := range slices.Sorted(maps.Keys(a.doc.Paths.Map())) {
		item := a.doc.Paths.Value(path)
		at := fill.Replace(path)
		for method, operation := range item.Operations() {
			if operation.Security == nil || slices.ContainsFunc(*operation.Security, func(r openapi3.SecurityRequirement) bool { return len(r) > 0 }) {
				a.want(a.send("", method, at, "", "Authorization", "Bearer forged"), 401, "unknown_device")
			}
			if security := operation.Security; security == nil || len(*security) == 1 {
				a.want(a.send("", method, at, ""), 401, "sign_in")
			}
			if method != http.MethodPost {
				continue
			}
			who := "cpi-1"
			if strings.Contains(path, "/print-agent/") {
				who = "agent"
			}
			a.want(a.send(who, method, at, `{"no_such_field":1}`), 400, "malformed")
			a.want(a.send(who, method, at, `[]`), 400, "malformed")
			a.want(a.send(who, method, at, `null`), 400, "malformed")
			a.want(a.send(who, method, at, `{}{}`), 400, "malformed")
			a.want(a.send(who, method, at, `{"a":`+strings.Repeat("[", 30_000)+strings.Repeat("]", 30_000)+`}`), 400, "malformed")
			a.want(a.send(who, method, at, `x=1`, "Content-Type", "application/x-www-form-urlencoded"), 415, "media_type")
			a.want(a.send(who, method, at, `{}`, "Sec-Fetch-Site", "cross-site"), 403, "foreign_request")
			a.want(a.send(who, method, at, `{"a":"`+strings.Repeat("x", 70_000)+`"}`), 413, "too_large")
		}
	}
}

func (a *apiHouse) driveDevices() {
	a.want(a.send("", "POST", "/api/v1/enrol", `{}`), 422, "invalid")
	a.want(a.send("", "POST", "/api/v1/enrol", `{"code":"GUESS"}`), 403, "wrong_code")
	var got struct {
		Token  string
		Device struct{ ID, Kind, Office, Name string }
	}
	code := a.code(access.PrintAgent)
	a.want(a.send("", "POST", "/api/v1/enrol", `{"code":"`+strings.ToLower(code)+`"}`), 201, "").into(a.t, &got)
	if got.Device.ID != "device" || got.Device.Kind != "print-agent" || got.Device.Office != deskOffice || got.Device.Name != "Test" {
		a.t.Errorf("got %+v", got)
	}
	var kept access.Device
	a.update(func(ctx context.Context, tx *store.Tx) (err error) {
		kept, err = access.DeviceOf(ctx, tx, got.Token)
		return err
	})
	if kept.ID != "device" {
		a.t.Errorf("the token is of %q", kept.ID)
	}
	a.want(a.send("", "POST", "/api/v1/enrol", `{"code":"`+code+`"}`), 403, "wrong_code")
}
