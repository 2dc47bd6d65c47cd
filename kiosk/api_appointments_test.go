package kiosk_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
)

const (
	holdsPath        = "/api/v1/holds"
	appointmentsPath = "/api/v1/appointments"
	// The joint service at the office of the desk's tests, on the next day on which both are there.
	jointQuery = "/api/v1/availability?service=JNT-LAVORO&office=" + deskOffice + "&from=2026-12-08&to=2026-12-17"
	jointStart = "2026-12-10T09:00:00+01:00"
)

func holdOf(start string) string { return holdOfService("JNT-LAVORO", start) }

func holdOfService(service, start string) string {
	return fmt.Sprintf(`{"service":%q,"office":%q,"start":%q}`, service, deskOffice, start)
}

// bookingOf is what somebody sends who books a hold: a contact that no other call returns.
func bookingOf(hold string) string {
	return fmt.Sprintf(`{"hold":%q,"contact":{"name":"Prova Inventata","email":"%s@prova.example"},"language":"it"}`, hold, store.NewID())
}

// held is a hold that somebody has made.
func (a *apiHouse) held(who, service, start string) (token string) {
	a.t.Helper()
	return a.change(who, holdsPath, holdOfService(service, start), 201).field("token")
}

// booked is a joint appointment that somebody has made.
func (a *apiHouse) booked(who, start string) (token string) {
	a.t.Helper()
	return a.bookedFor(who, "JNT-LAVORO", start)
}

func (a *apiHouse) bookedFor(who, service, start string) (token string) {
	a.t.Helper()
	return a.change(who, appointmentsPath, bookingOf(a.held(who, service, start)), 201).field("token")
}

// starts are the first starts that are offered, as "2026-12-10T09:00×4".
func (a *apiHouse) starts(query string) []string {
	a.t.Helper()
	var got booking.Availability
	a.want(a.send("", "GET", query, ""), 200, "").into(a.t, &got)
	texts := []string{}
	for _, s := range got.Offices[0].Starts {
		texts = append(texts, fmt.Sprintf("%s×%d", s.Start.Format("2006-01-02T15:04"), s.Ways))
	}
	return texts
}

// count counts rows.
func (a *apiHouse) count(query string) int { return countOf(a.t, a.db, query) }

func (a *apiHouse) driveAppointments() {
	a.want(a.send("", "GET", jointQuery, ""), 200, "")
	a.want(a.send("", "GET", "/api/v1/availability?service=JNT-LAVORO&from=2026-12-08&to=2026-12-17&language=sq", ""), 200, "")
	a.want(a.send("", "GET", "/api/v1/availability?service=CPI-CERT&territory=none&from=2026-12-08&to=2026-12-17", ""), 404, "unknown_territory")
	hold := a.change("", holdsPath, holdOf(jointStart), 201)
	a.want(a.send("", "DELETE", holdsPath+"/"+hold.field("token"), ""), 204, "")
	a.want(a.send("", "DELETE", holdsPath+"/"+hold.field("token"), ""), 204, "")
	a.want(a.send("", "DELETE", holdsPath+"/none", ""), 404, "unknown_hold")
	token := a.booked("", jointStart)
	a.want(a.send("", "GET", appointmentsPath+"/"+token, ""), 200, "")
	a.change("", appointmentsPath+"/"+token+"/move", `{"hold":"`+a.held("", "JNT-LAVORO", "2026-12-10T10:00:00+01:00")+`"}`, 200)
	a.want(a.send("cpi-1", "GET", officePath+"/appointments?from=2026-12-08&to=2026-12-17&officer=cpi-2&limit=3", ""), 200, "")
	a.want(a.send("", "DELETE", appointmentsPath+"/"+token, ""), 200, "")
	a.want(a.send("", "DELETE", appointmentsPath+"/"+token, ""), 200, "")
	a.want(a.send("", "POST", appointmentsPath+"/"+token+"/move", `{"hold":"none"}`), 404, "unknown_hold")
	a.want(a.send("cpi-1", "POST", appointmentsPath+"/"+token+"/no-show", ``), 409, "not_begun")
	a.want(a.send("manager", "POST", appointmentsPath+"/"+token+"/reassign", `{"officer":"cpi-1","from":"cpi-2"}`), 409, "appointment_state")
	off := a.booked("manager", "2026-12-10T11:00:00+01:00")
	a.change("manager", appointmentsPath+"/"+off+"/cancel", `{"reason":"officer_absent"}`, 200)
	a.want(a.send("", "POST", appointmentsPath+"/"+off+"/move", `{"hold":"`+a.held("", "JNT-LAVORO", jointStart)+`"}`), 409, "appointment_state")
	soon := a.bookedFor("manager", "CPI-PATTO", "2026-12-03T10:00:00+01:00")
	a.clock.Set(deskMorning.Add(31 * time.Minute))
	a.change("responsible", appointmentsPath+"/"+soon+"/no-show", ``, 200)
	a.want(a.send("", "DELETE", appointmentsPath+"/"+soon, ""), 409, "too_late_to_change")
	a.want(a.send("responsible", "POST", appointmentsPath+"/"+soon+"/no-show", ``), 409, "appointment_state")
}

// TestBookOverTheAPI follows an appointment from what is free until it is cancelled, and reads what its
// citizen is told.
func TestBookOverTheAPI(t *testing.T) {
	a := newAPIHouse(t)
	free := a.starts(jointQuery)
	if len(free) == 0 || !slices.Contains(free, "2026-12-10T09:00×4") {
		t.Fatalf("got %v", free)
	}
	held := a.change("", holdsPath, holdOf(jointStart), 201)
	for name, want := range map[string]string{
		"start": jointStart, "end": "2026-12-10T09:30:00+01:00", "expires_at": "2026-12-03T09:40:00+01:00",
	} {
		if got := held.field(name); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	token := held.field("token")
	a.want(a.send("", "GET", appointmentsPath+"/"+token, ""), 404, "unknown_appointment") // a hold is none yet
	booked := a.change("", appointmentsPath, bookingOf(token), 201)
	var got struct {
		Token, Reference, State, Service, Office, Start, End, URL string
		Needs, Documents                                          []string
		Until                                                     string `json:"can_move_until"`
		Calendar                                                  string `json:"calendar_url"`
	}
	booked.into(t, &got)
	if got.Token != token || got.State != "booked" || got.Start != jointStart || !slices.Equal(got.Needs, []string{"CPI", "INPS"}) ||
		got.Until == "" || got.URL != "/a/"+token || got.Calendar != "/a/"+token+".ics" || len(got.Documents) == 0 || got.Reference == "" {
		t.Errorf("got %s", booked.text)
	}
	if n := a.count(`SELECT COUNT(*) FROM messages WHERE way = 'mail'`); n != 3 { // confirmation, two reminders
		t.Errorf("%d mails are queued, want 3", n)
	}
	a.want(a.send("", "DELETE", holdsPath+"/"+token, ""), 404, "unknown_hold")
	moved := a.change("", appointmentsPath+"/"+token+"/move", `{"hold":"`+a.held("", "JNT-LAVORO", "2026-12-10T12:00:00+01:00")+`"}`, 200)
	if moved.field("start") != "2026-12-10T12:00:00+01:00" || moved.field("reference") != got.Reference || moved.field("token") != token {
		t.Errorf("got %s", moved.text)
	}
	cancelled := a.want(a.send("", "DELETE", appointmentsPath+"/"+token, ""), 200, "")
	again := a.want(a.send("", "DELETE", appointmentsPath+"/"+token, ""), 200, "")
	if cancelled.field("state") != "cancelled" || again.text != cancelled.text {
		t.Errorf("got %s, then %s", cancelled.text, again.text)
	}
	if after := a.starts(jointQuery); !slices.Equal(after, free) {
		t.Errorf("free before: %v\nand after: %v", free, after)
	}
	if n := a.count(`SELECT COUNT(*) FROM messages WHERE way = 'mail'`); n != 1 {
		t.Errorf("%d mails are queued, want the one that tells of the cancellation", n)
	}
}

// TestChannels books as each who can: what is made says through which channel, and who is refused.
func TestChannels(t *testing.T) {
	tests := []struct {
		who, channel string
	}{
		{"", "online"},
		{"program", "online"},
		{"kiosk", "kiosk"},
		{"totem-agnone", "kiosk"}, // of another office of the territory
		{"board", "online"},
		{"cpi-1", "staff"},
		{"manager", "staff"},
		{"volunteer", "online"},
		{"administrator", "online"},
	}
	a := newAPIHouse(t)
	for _, tt := range tests {
		t.Run(tt.who, func(t *testing.T) {
			token := a.held(tt.who, "JNT-LAVORO", jointStart)
			if n := a.count(`SELECT COUNT(*) FROM appointments WHERE token = '` + token + `' AND channel = '` + tt.channel + `'`); n != 1 {
				t.Errorf("not through the channel %s", tt.channel)
			}
			a.want(a.send(tt.who, "DELETE", holdsPath+"/"+token, ""), 204, "")
		})
	}
	elsewhere := strings.ReplaceAll(holdOf("2026-12-09T09:00:00+01:00"), deskOffice, "sportello-agnone")
	a.want(a.send("manager", "POST", holdsPath, elsewhere), 403, "other_office")
	a.want(a.send("program", "POST", holdsPath, elsewhere), 403, "other_office")
	a.lock("cpi-1")
	token := a.held("cpi-1", "JNT-LAVORO", jointStart)
	if n := a.count(`SELECT COUNT(*) FROM appointments WHERE token = '` + token + `' AND channel = 'online'`); n != 1 {
		t.Error("a locked screen books as staff")
	}
}

// TestAPIRefusesToBook sends what is wrong: each gets a clear answer, and nothing is made.
func TestAPIRefusesToBook(t *testing.T) {
	a := newAPIHouse(t)
	availability := func(query string) string { return "/api/v1/availability?" + query }
	hold := func(change string) string {
		service, office, start, more := "JNT-LAVORO", deskOffice, jointStart, ""
		for part := range strings.SplitSeq(change, ";") {
			name, value, _ := strings.Cut(part, "=")
			switch name {
			case "service":
				service = value
			case "office":
				office = value
			case "start":
				start = value
			default:
				more += "," + part
			}
		}
		return fmt.Sprintf(`{"service":%q,"office":%q,"start":%q%s}`, service, office, start, strings.TrimRight(more, ","))
	}
	live := a.held("", "JNT-LAVORO", "2026-12-10T11:00:00+01:00")
	appointment := a.booked("", "2026-12-10T11:30:00+01:00")
	book := func(more string) string {
		return strings.Replace(`{"hold":"`+live+`","contact":{"name":"Prova Inventata"},"language":"it"}`, `"name":"Prova Inventata"`, more, 1)
	}
	a.end("INPS-NASPI")
	const from = "from=2026-12-08&to=2026-12-17"
	tests := []struct {
		name, method, path, body string
		status                   int
		code, field, why         string
	}{
		{"no service", "GET", availability("office=" + deskOffice + "&" + from), "", 422, "invalid", "service", "missing"},
		{"unknown service", "GET", availability("service=NONE&" + from), "", 404, "unknown_service", "", ""},
		{"unknown office", "GET", availability("service=JNT-LAVORO&office=none&" + from), "", 404, "unknown_office", "", ""},
		{"no days", "GET", availability("service=JNT-LAVORO"), "", 422, "invalid", "from", "missing"},
		{"a date that is none", "GET", availability("service=JNT-LAVORO&from=2026-02-30&to=2026-12-17"), "", 400, "malformed", "from", "wrong_type"},
		{"past days", "GET", availability("service=JNT-LAVORO&from=2026-11-01&to=2026-11-30"), "", 422, "invalid", "to", "past"},
		{"the end before the start", "GET", availability("service=JNT-LAVORO&from=2026-12-17&to=2026-12-08"), "", 422, "invalid", "to", "before_from"},
		{"too many days", "GET", availability("service=JNT-LAVORO&from=2026-12-08&to=2027-12-08"), "", 422, "invalid", "to", "too_many_days"},
		{"days without end", "GET", availability("service=JNT-LAVORO&from=0001-01-01&to=9999-12-31"), "", 422, "invalid", "to", "too_many_days"},
		{"an unknown channel", "GET", availability("service=JNT-LAVORO&channel=letter&" + from), "", 422, "invalid", "channel", "unknown_value"},
		{"a channel that books nothing", "GET", availability("service=JNT-LAVORO&channel=walk-in&" + from), "", 422, "invalid", "channel", "unknown_value"},
		{"an unknown language", "GET", availability("service=JNT-LAVORO&language=tlh&" + from), "", 422, "invalid", "language", "unknown_value"},

		{"hold nothing", "POST", holdsPath, `{}`, 422, "invalid", "office", "missing"},
		{"hold without a body", "POST", holdsPath, "", 422, "invalid", "service", "missing"},
		{"a start without a zone", "POST", holdsPath, hold("start=2026-12-10T09:00:00"), 400, "malformed", "start", "wrong_type"},
		{"a start of an unknown offset", "POST", holdsPath, hold("start=2026-12-10T09:00:00+25:00"), 400, "malformed", "start", "wrong_type"},
		{"a start in a named zone", "POST", holdsPath, hold("start=2026-12-10T09:00:00 Europe/Rome"), 400, "malformed", "start", "wrong_type"},
		{"a start that is a number", "POST", holdsPath, `{"service":"JNT-LAVORO","office":"` + deskOffice + `","start":1796889600}`, 400, "malformed", "start", "wrong_type"},
		{"a start that never is", "POST", holdsPath, hold("start=2026-12-10T09:10:00+01:00"), 422, "slot_missing", "", ""},
		{"a start between the minutes", "POST", holdsPath, hold("start=2026-12-10T09:00:00.001+01:00"), 422, "slot_missing", "", ""},
		{"a start at night", "POST", holdsPath, hold("start=2026-12-10T03:00:00+01:00"), 422, "slot_missing", "", ""},
		{"the same clock time of another zone", "POST", holdsPath, hold("start=2026-12-10T09:00:00-04:00"), 422, "slot_missing", "", ""},
		{"a past start", "POST", holdsPath, hold("start=2026-11-26T09:00:00+01:00"), 409, "slot_too_late", "", ""},
		{"a start in years", "POST", holdsPath, hold("start=2036-12-11T09:00:00+01:00"), 409, "slot_too_early", "", ""},
		{"a start at the end of time", "POST", holdsPath, hold("start=9999-12-30T09:00:00+01:00"), 409, "slot_too_early", "", ""},
		{"a start at its beginning", "POST", holdsPath, hold("start=0001-01-01T00:00:00Z"), 422, "invalid", "start", "missing"},
		{"an ended service", "POST", holdsPath, hold("service=INPS-NASPI"), 410, "service_ended", "", ""},
		{"hold an unknown service", "POST", holdsPath, hold("service=NONE"), 404, "unknown_service", "", ""},
		{"hold at an unknown office", "POST", holdsPath, hold("office=none"), 404, "unknown_office", "", ""},
		{"nobody comes", "POST", holdsPath, hold(`"people":0`), 422, "invalid", "people", "out_of_range"},
		{"a crowd comes", "POST", holdsPath, hold(`"people":11`), 422, "invalid", "people", "out_of_range"},
		{"half a person", "POST", holdsPath, hold(`"people":1.5`), 400, "malformed", "people", "wrong_type"},
		{"hold in an unknown language", "POST", holdsPath, hold(`"language":"tlh"`), 422, "invalid", "language", "unknown_value"},
		{"a language nobody there speaks", "POST", holdsPath, hold(`"language":"zh"`), 409, "slot_taken", "", ""},
		{"hold with an unknown field", "POST", holdsPath, hold(`"channel":"staff"`), 400, "malformed", "channel", "unknown_field"},

		{"book nothing", "POST", appointmentsPath, `{}`, 422, "invalid", "contact.name", "missing"},
		{"no name", "POST", appointmentsPath, book(`"email":"prova@prova.example"`), 422, "invalid", "contact.name", "missing"},
		{"a name of spaces", "POST", appointmentsPath, book(`"name":"  "`), 422, "invalid", "contact.name", "missing"},
		{"a long name", "POST", appointmentsPath, book(`"name":"` + strings.Repeat("a", 121) + `"`), 422, "invalid", "contact.name", "bad_text"},
		{"an invalid e-mail", "POST", appointmentsPath, book(`"name":"Prova","email":"prova@"`), 422, "invalid", "contact.email", "bad_email"},
		{"an e-mail with a header", "POST", appointmentsPath, book(`"name":"Prova","email":"a@b.it\nBcc: c@d.it"`), 422, "invalid", "contact.email", "bad_email"},
		{"an invalid phone", "POST", appointmentsPath, book(`"name":"Prova","phone":"call me"`), 422, "invalid", "contact.phone", "bad_phone"},
		{"an invalid fiscal code", "POST", appointmentsPath, book(`"name":"Prova","fiscal_code":"ABC"`), 422, "invalid", "contact.fiscal_code", "bad_fiscal_code"},
		{"a fiscal code with a slip", "POST", appointmentsPath, book(`"name":"Prova","fiscal_code":"XQZWJY80A01F205A"`), 422, "invalid", "contact.fiscal_code", "bad_fiscal_code_check"},
		{"an unknown field of the contact", "POST", appointmentsPath, book(`"name":"Prova","address":"via Esempio"`), 400, "malformed", "contact.address", "unknown_field"},
		{"a contact that is a name", "POST", appointmentsPath, `{"hold":"` + live + `","contact":"Prova","language":"it"}`, 400, "malformed", "contact", "wrong_type"},
		{"a contact that is null", "POST", appointmentsPath, `{"hold":"` + live + `","contact":null,"language":"it"}`, 400, "malformed", "contact", "wrong_type"},
		{"no language", "POST", appointmentsPath, `{"hold":"` + live + `","contact":{"name":"Prova"}}`, 422, "invalid", "language", "missing"},
		{"a long note", "POST", appointmentsPath, book(`"name":"Prova"},"note":"` + strings.Repeat("a", 501) + `","x":{`), 400, "malformed", "x", "unknown_field"},
		{"an unknown hold", "POST", appointmentsPath, bookingOf("none"), 404, "unknown_hold", "", ""},
		{"an appointment as a hold", "POST", appointmentsPath, bookingOf(appointment), 404, "unknown_hold", "", ""},

		{"an unknown appointment", "GET", appointmentsPath + "/none", "", 404, "unknown_appointment", "", ""},
		{"a hold as an appointment", "GET", appointmentsPath + "/" + live, "", 404, "unknown_appointment", "", ""},
		{"cancel a hold", "DELETE", appointmentsPath + "/" + live, "", 404, "unknown_appointment", "", ""},
		{"move a hold", "POST", appointmentsPath + "/" + live + "/move", `{"hold":"` + live + `"}`, 404, "unknown_appointment", "", ""},
		{"move to no hold", "POST", appointmentsPath + "/" + appointment + "/move", `{}`, 422, "invalid", "hold", "missing"},
		{"move to an appointment", "POST", appointmentsPath + "/" + appointment + "/move", `{"hold":"` + appointment + `"}`, 404, "unknown_hold", "", ""},
	}
	before := a.count(`SELECT COUNT(*) FROM appointments`)
	claims := a.count(`SELECT COUNT(*) FROM claims`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := a.want(a.send("", tt.method, tt.path, tt.body), tt.status, tt.code)
			var p struct {
				Errors []struct{ Field, Code, Detail string }
			}
			got.into(t, &p)
			found := tt.field == ""
			for _, f := range p.Errors {
				found = found || f.Field == tt.field && f.Code == tt.why && f.Detail != ""
			}
			if !found {
				t.Errorf("got %s, want %s %s", got.text, tt.field, tt.why)
			}
		})
	}
	if n := a.count(`SELECT COUNT(*) FROM appointments`); n != before {
		t.Errorf("%d appointments were %d", n, before)
	}
	if n := a.count(`SELECT COUNT(*) FROM claims`); n != claims {
		t.Errorf("%d claims were %d", n, claims)
	}
	if ended := a.want(a.send("", "GET", availability("service=INPS-NASPI&office="+deskOffice+"&"+from), ""), 200, ""); !strings.Contains(ended.text, `"none_because":"service_ended"`) {
		t.Errorf("got %s", ended.text)
	}
	a.clock.Add(booking.HoldFor)
	a.want(a.send("", "POST", appointmentsPath, bookingOf(live)), 410, "hold_expired")
	other := a.change("", holdsPath, holdOfService("INPS-AUU", "2026-12-10T09:30:00+01:00"), 201)
	a.want(a.send("", "POST", appointmentsPath+"/"+appointment+"/move", `{"hold":"`+other.field("token")+`"}`), 422, "other_service")
}

// TestOfferedOnceOverTheAPI has two hundred racers hold one start and book it, each from an address of
// its own, on each database: it is sold as often as it has pairs of officers, and everybody else is told
// that it is taken.
func TestOfferedOnceOverTheAPI(t *testing.T) {
	clock := storetest.At(deskMorning)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		err := db.Update(t.Context(), func(tx *store.Tx) error { importDemo(t.Context(), t, tx, "isernia"); return nil })
		if err != nil {
			t.Fatal(err)
		}
		s, err := kiosk.New(kiosk.Options{DB: db, Log: quiet, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
		if err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(s.Handler())
		defer server.Close()
		var mu sync.Mutex
		answers := map[string]int{}
		var racers sync.WaitGroup
		start := make(chan struct{})
		for n := range 200 {
			racers.Go(func() {
				<-start
				text := raceFor(t, server.URL, fmt.Sprintf("198.51.100.%d", n), jointStart)
				mu.Lock()
				defer mu.Unlock()
				answers[text]++
			})
		}
		close(start)
		racers.Wait()
		// On the morning of the tenth two officers of CPI and two of INPS are there.
		if answers["booked"] != 2 || answers["slot_taken"] != 198 {
			t.Errorf("got %v, want 2 booked and 198 slot_taken", answers)
		}
		for name, query := range map[string]string{
			"appointments that are not booked": `SELECT COUNT(*) FROM appointments WHERE state <> 'booked'`,
			"appointments without two officers": `SELECT COUNT(*) FROM appointments a WHERE
				(SELECT COUNT(*) FROM appointment_staff s WHERE s.appointment_id = a.id) <> 2`,
			"appointments without twelve claims": `SELECT COUNT(*) FROM appointments a WHERE
				(SELECT COUNT(*) FROM claims c WHERE c.appointment_id = a.id) <> 12`,
		} {
			if n := countOf(t, db, query); n != 0 {
				t.Errorf("%d %s", n, name)
			}
		}
	})
}

// raceFor holds a start from an address and books it. It returns "booked" or the code of the refusal.
func raceFor(t *testing.T, base, address, start string) string {
	for path, body := holdsPath, holdOf(start); ; path = appointmentsPath {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+path, strings.NewReader(body))
		if err != nil {
			return err.Error()
		}
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("X-Forwarded-For", address)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		var got struct{ Token, Code string }
		err = json.NewDecoder(answer.Body).Decode(&got)
		answer.Body.Close()
		switch {
		case err != nil:
			return err.Error()
		case got.Code != "":
			return got.Code
		case path == appointmentsPath:
			return "booked"
		}
		body = bookingOf(got.Token)
	}
}

// TestNobodyHoldsADiary has one address hold more and more.
func TestNobodyHoldsADiary(t *testing.T) {
	a := newAPIHouse(t)
	starts := a.starts(jointQuery)
	if len(starts) < 8 {
		t.Fatalf("only %v", starts)
	}
	try := func(who string, n int, key string) apiAnswer {
		text, _, _ := strings.Cut(starts[n], "×")
		return a.send(who, "POST", holdsPath, holdOf(text+":00+01:00"), "Idempotency-Key", key)
	}
	var tokens []string
	for n := range 5 {
		tokens = append(tokens, a.want(try("", n, fmt.Sprintf("the hold number %d", n)), 201, "").field("token"))
	}
	refused := a.want(try("", 5, "the sixth of the holds"), 429, "too_many_holds")
	if got := refused.header.Get("Retry-After"); got != "600" {
		t.Errorf("retry after %s s, want 600", got)
	}
	if again := a.want(try("", 4, "the hold number 4"), 201, ""); again.field("token") != tokens[4] {
		t.Error("who asks again under the same key is not given the same hold")
	}
	a.want(a.send("", "POST", appointmentsPath, bookingOf(tokens[0])), 201, "")
	a.want(try("", 5, "the sixth of the holds"), 429, "too_many_holds") // booked ones count too
	a.want(a.send("", "DELETE", holdsPath+"/"+tokens[1], ""), 204, "")
	a.want(try("", 5, "the sixth of the holds"), 201, "")
	for range 10 {
		a.want(a.send("", "POST", holdsPath, holdOf("2026-12-10T03:00:00+01:00")), 429, "too_many_holds")
	}
	a.want(try("kiosk", 6, "another"), 201, "")
	a.clock.Add(booking.HoldFor)
	for range 10 { // what was refused does not count
		a.want(a.send("", "POST", holdsPath, holdOf("2026-12-10T03:00:00+01:00")), 422, "slot_missing")
	}
	a.want(try("", 7, "the hold number 7"), 201, "")
}

// TestKeysOfStrangers has others use a key that is too easy to think of, and one that somebody told them.
func TestKeysOfStrangers(t *testing.T) {
	a := newAPIHouse(t)
	a.want(a.send("", "POST", holdsPath, holdOf(jointStart), "Idempotency-Key", "1"), 422, "invalid")
	s, err := kiosk.New(kiosk.Options{DB: a.db, Log: quiet, Proxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}})
	if err != nil {
		t.Fatal(err)
	}
	a.server.Config.Handler = s.Handler()
	hold := func(address string) string {
		return a.want(a.send("", "POST", holdsPath, holdOf(jointStart), "Idempotency-Key", "a key of the citizen", "X-Forwarded-For", address), 201, "").field("token")
	}
	first := hold("192.0.2.1")
	if hold("192.0.2.1") != first {
		t.Error("the same key gave another hold")
	}
	if hold("192.0.2.2") == first {
		t.Error("another address was given somebody's hold")
	}
}

// TestWhatIsKeptOfAnAppointment looks for what a citizen typed in what is kept for keys and in the audit.
func TestWhatIsKeptOfAnAppointment(t *testing.T) {
	a := newAPIHouse(t)
	body := `{"hold":"` + a.held("", "JNT-LAVORO", jointStart) + `","contact":{"name":"Prova Inventata","email":"inventata@prova.example","phone":"333 1234567","fiscal_code":"PRVNVN80A01E335J"},"language":"uk","note":"una nota inventata"}`
	a.change("", appointmentsPath, body, 201)
	for _, query := range []string{
		`SELECT key_hash || ' ' || hash || ' ' || made FROM requests`, `SELECT actor || ' ' || subject || ' ' || detail FROM audit`,
	} {
		for _, text := range a.texts(query) {
			for _, said := range []string{"nventata", "1234567", "PRVNVN"} {
				if strings.Contains(text, said) {
					t.Errorf("%q holds %q", text, said)
				}
			}
		}
	}
	if n := a.count(`SELECT COUNT(*) FROM messages`); n != 6 { // a mail and a hook for the confirmation and two reminders
		t.Errorf("%d messages, want 6", n)
	}
}

// TestDiary lists the appointments of an office for each who may: of those in which no institution of
// theirs takes part they learn the time.
func TestDiary(t *testing.T) {
	a := newAPIHouse(t)
	for service, start := range map[string]string{"CPI-PATTO": "2026-12-10T09:00:00+01:00", "INPS-AUU": "2026-12-10T10:00:00+01:00", "JNT-LAVORO": "2026-12-10T11:00:00+01:00"} {
		a.bookedFor("", service, start)
	}
	const path = officePath + "/appointments?from=2026-12-10"
	tests := []struct {
		who  string
		want string // services that are seen
	}{
		{"cpi-1", "CPI-PATTO - JNT-LAVORO"},
		{"inps-1", "- INPS-AUU JNT-LAVORO"},
		{"manager", "CPI-PATTO INPS-AUU JNT-LAVORO"},
		{"administrator", "- - -"},
		{"nobody", "- - -"},
	}
	for _, tt := range tests {
		t.Run(tt.who, func(t *testing.T) {
			answer := a.want(a.send(tt.who, "GET", path, ""), 200, "")
			var got struct {
				Items []struct {
					Service, Token string
					Contact        *struct{ Name string }
				}
			}
			answer.into(t, &got)
			var seen []string
			for _, item := range got.Items {
				if item.Service == "" {
					item.Service = "-"
				}
				seen = append(seen, item.Service)
				if all := item.Service != "-"; (item.Contact != nil) != all || (item.Token != "") != all {
					t.Errorf("got %+v", item)
				}
			}
			if got := strings.Join(seen, " "); got != tt.want {
				t.Errorf("got %s, want %s\n%s", got, tt.want, answer.text)
			}
		})
	}
	for _, who := range []string{"volunteer", "observer", "kiosk", "program"} {
		a.want(a.send(who, "GET", path, ""), 403, "not_allowed")
	}
	a.want(a.send("not-here", "GET", path, ""), 403, "other_office")
	for query, why := range map[string]string{
		"&to=2026-12-09": "before_from", "&to=2027-12-09": "too_many_days", "&officer=none": "unknown_value", "&cursor=x": "unknown_value",
	} {
		if got := a.want(a.send("manager", "GET", path+query, ""), 422, "invalid"); !strings.Contains(got.text, why) {
			t.Errorf("%s: got %s", query, got.text)
		}
	}
	first := a.want(a.send("manager", "GET", path+"&limit=2", ""), 200, "")
	rest := a.want(a.send("manager", "GET", path+"&limit=2&cursor="+first.field("next"), ""), 200, "")
	if strings.Contains(rest.text, "INPS-AUU") || !strings.Contains(rest.text, "JNT-LAVORO") || rest.field("next") != "" {
		t.Errorf("got %s", rest.text)
	}
}

// TestReassign gives an officer's part of a joint appointment to an equal.
func TestReassign(t *testing.T) {
	a := newAPIHouse(t)
	token := a.booked("", "2026-12-10T12:00:00+01:00")
	path := appointmentsPath + "/" + token + "/reassign"
	officers := func(r apiAnswer) (ids []string) {
		var got struct{ Officers []string }
		r.into(t, &got)
		return got.Officers
	}
	var list struct{ Items []struct{ Officers []string } }
	a.want(a.send("manager", "GET", officePath+"/appointments?from=2026-12-10", ""), 200, "").into(t, &list)
	before := list.Items[0].Officers // one of CPI, one of INPS
	equal := "cpi-1"
	if before[0] == equal {
		equal = "cpi-2"
	}
	if got := officers(a.change("manager", path, `{"officer":"`+equal+`"}`, 200)); !slices.Equal(got, []string{equal, before[1]}) {
		t.Errorf("got %v, want %s in the place of %s", got, equal, before[0])
	}
	if n := a.count(`SELECT COUNT(*) FROM messages WHERE subject <> ''`); n != 3 {
		t.Errorf("%d mails, want the three of the booking", n)
	}
	for _, tt := range []struct {
		name, body  string
		status      int
		code, field string
	}{
		{"nobody", `{}`, 422, "invalid", "officer"},
		{"somebody unknown", `{"officer":"none"}`, 422, "invalid", "officer"},
		{"one of another office", `{"officer":"tutor-2","from":"` + equal + `"}`, 422, "invalid", "officer"},
		{"one who could replace either", `{"officer":"tutor-2"}`, 422, "invalid", "from"},
		{"in the place of who is not there", `{"officer":"` + before[0] + `","from":"tutor-2"}`, 422, "invalid", "from"},
		{"who does it already", `{"officer":"` + equal + `"}`, 409, "officer_not_free", ""},
		{"of another institution", `{"officer":"` + before[0] + `","from":"` + before[1] + `"}`, 409, "officer_unfit", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := a.want(a.send("manager", "POST", path, tt.body), tt.status, tt.code)
			if tt.field != "" && !strings.Contains(got.text, `"field":"`+tt.field+`"`) {
				t.Errorf("got %s", got.text)
			}
		})
	}
}

// TestStaffCancel calls appointments off: who takes no part may not, and the citizen is offered starts
// of other days unless it was at their wish.
func TestStaffCancel(t *testing.T) {
	a := newAPIHouse(t)
	token := a.bookedFor("", "INPS-AUU", jointStart)
	cancel := appointmentsPath + "/" + token + "/cancel"
	a.want(a.send("cpi-1", "POST", cancel, `{"reason":"else"}`), 403, "not_allowed")
	a.want(a.send("not-here", "POST", cancel, `{"reason":"else"}`), 403, "other_office")
	a.want(a.send("inps-1", "POST", cancel, `{"reason":"Ada Prova is ill"}`), 422, "invalid")
	a.want(a.send("inps-1", "POST", cancel, `{}`), 422, "invalid")
	if got := a.change("inps-1", cancel, `{"reason":"officer_absent"}`, 200); got.field("state") != "cancelled" || got.field("reason") != "officer_absent" {
		t.Errorf("got %s", got.text)
	}
	a.change("inps-1", cancel, `{"reason":"else"}`, 200) // harmless to repeat
	mails := a.texts(`SELECT subject || body FROM messages WHERE way = 'mail'`)
	if len(mails) != 1 || strings.Count(mails[0], "\n- ") != 3 || strings.Contains(mails[0], "\n- giovedì 10") {
		t.Errorf("got %q", mails)
	}
	wish := a.booked("", "2026-12-10T12:00:00+01:00")
	a.change("cpi-2", appointmentsPath+"/"+wish+"/cancel", `{"reason":"asked"}`, 200)
	mails = a.texts(`SELECT body FROM messages WHERE way = 'mail' ORDER BY due_at DESC`)
	if len(mails) != 2 || strings.Contains(mails[0], "\n- ") {
		t.Errorf("got %q", mails)
	}
	late := a.bookedFor("cpi-1", "CPI-PATTO", "2026-12-03T10:00:00+01:00")
	a.clock.Set(deskMorning.Add(29 * time.Minute))
	a.want(a.send("", "DELETE", appointmentsPath+"/"+late, ""), 409, "too_late_to_change")
	to := a.held("cpi-1", "CPI-PATTO", "2026-12-03T11:00:00+01:00")
	a.want(a.send("", "POST", appointmentsPath+"/"+late+"/move", `{"hold":"`+to+`"}`), 409, "too_late_to_change")
	if got := a.change("cpi-1", appointmentsPath+"/"+late+"/move", `{"hold":"`+to+`"}`, 200); got.field("start") != "2026-12-03T11:00:00+01:00" {
		t.Errorf("got %s", got.text)
	}
}

// lock locks somebody's screen.
func (a *apiHouse) lock(who string) {
	a.t.Helper()
	a.update(func(ctx context.Context, tx *store.Tx) error {
		return access.Lock(ctx, tx, a.tokens[who][len("sportello_session="):])
	})
}

// end ends a service of the territory.
func (a *apiHouse) end(service string) {
	a.t.Helper()
	text := "[territory]\nid = \"isernia\"\nname = \"Isernia\"\n[[service]]\nid = \"" + service + "\"\nvalid_to = \"2026-06-30\"\n"
	file, problems := territory.Parse([]byte(text), "ended")
	if len(problems) > 0 {
		a.t.Fatal(problems)
	}
	a.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := territory.Import(ctx, tx, file)
		return err
	})
}

// texts are the one column of a query.
func (a *apiHouse) texts(query string) (all []string) {
	a.t.Helper()
	a.update(func(ctx context.Context, tx *store.Tx) (err error) {
		all, err = store.Column[string](ctx, tx, query)
		return err
	})
	return all
}

// TestWhereSoonest asks for all offices of a territory: where soonest comes first, which territory need
// be said only when there are several, and who asks for much may not ask often.
func TestWhereSoonest(t *testing.T) {
	a := newAPIHouse(t)
	const everywhere = "/api/v1/availability?service=JNT-LAVORO&from=2026-12-04&to=2026-12-17"
	var got booking.Availability
	a.want(a.send("", "GET", everywhere, ""), 200, "").into(t, &got)
	if len(got.Offices) < 3 || got.Offices[0].FirstFree == nil {
		t.Fatalf("got %+v", got)
	}
	for i, o := range got.Offices[1:] {
		if before := got.Offices[i]; o.FirstFree != nil && (before.FirstFree == nil || o.FirstFree.Before(*before.FirstFree)) {
			t.Errorf("%s with %v comes before %s with %v", before.Office, before.FirstFree, o.Office, o.FirstFree)
		}
	}
	a.update(func(ctx context.Context, tx *store.Tx) error { importDemo(ctx, t, tx, "bergamo"); return nil })
	if refused := a.want(a.send("", "GET", everywhere, ""), 422, "invalid"); !strings.Contains(refused.text, `"territory"`) {
		t.Errorf("got %s", refused.text)
	}
	named := a.want(a.send("", "GET", everywhere+"&territory=isernia", ""), 200, "")
	answered := 0
	for last := named; last.status == http.StatusOK; answered++ {
		last = a.send("", "GET", everywhere+"&territory=isernia", "")
	}
	if most := 300 / len(got.Offices); answered > most {
		t.Errorf("%d questions about %d offices were answered at once", answered, len(got.Offices))
	}
}

// TestNothingStaleIsOffered books starts and cancels them from several sides, on each database, and
// looks after each answer at what is offered.
func TestNothingStaleIsOffered(t *testing.T) {
	const bookers, each = 4, 3
	clock := storetest.At(deskMorning)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		h := newBookedHouse(t, db, province(3, 2), "sede-1", "DUE")
		ways, err := h.ways()
		if err != nil {
			t.Fatal(err)
		}
		starts := slices.Sorted(maps.Keys(ways))
		var working sync.WaitGroup
		for n := range bookers {
			working.Go(func() {
				for i := range each {
					start := starts[n+i*bookers]
					if err := h.book(start, ways[start]); err != nil {
						t.Error(err)
					}
				}
			})
		}
		working.Wait()
		after, err := h.ways()
		if diff := cmp.Diff(ways, after); diff != "" || err != nil {
			t.Errorf("after all is cancelled: %v %s", err, diff)
		}
	})
}
