package kiosk_test

import (
	"context"
	"encoding/json"
	"testing"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/queue"
)

// TestWhoSeesWhatOfATicket asks for a ticket with its token: only staff of the office learn its id, and
// only officers of an institution that takes part what it is for.
func TestWhoSeesWhatOfATicket(t *testing.T) {
	a := newAPIHouse(t)
	a.change("cpi-1", deskPath("1", "open"), ``, 200)
	a.change("inps-1", deskPath("3", "open"), ``, 200)
	made := a.change("kiosk", ticketsPath, `{"service":"CPI-DID"}`, 201)
	if made.field("id") == "" || made.field("service") != "CPI-DID" {
		t.Errorf("who asked for it is told %s", made.text)
	}
	_, joint := a.issued("JNT-LAVORO")
	tests := []struct {
		who, token   string
		id, services bool
	}{
		{"", made.field("token"), false, false},
		{"kiosk", made.field("token"), true, true}, // which issued it
		{"board", made.field("token"), false, false},
		{"totem-agnone", made.field("token"), false, false},
		{"cpi-1", made.field("token"), true, true},
		{"inps-1", made.field("token"), true, false},
		{"inps-1", joint, true, true},
		{"cpi-2", made.field("token"), true, false}, // sits nowhere
		{"volunteer", made.field("token"), true, false},
		{"manager", made.field("token"), true, false},
		{"observer", made.field("token"), false, false},
		{"not-here", made.field("token"), false, false}, // of another office
	}
	for _, tt := range tests {
		t.Run(tt.who, func(t *testing.T) {
			got := a.want(a.send(tt.who, "GET", "/api/v1/tickets/"+tt.token, ""), 200, "")
			if id := got.field("id") != ""; id != tt.id {
				t.Errorf("its id: %t, want %t", id, tt.id)
			}
			if service := got.field("service") != ""; service != tt.services {
				t.Errorf("its service: %t, want %t", service, tt.services)
			}
		})
	}
	a.update(func(ctx context.Context, tx *store.Tx) error {
		return access.Lock(ctx, tx, a.tokens["cpi-1"][len("sportello_session="):])
	})
	if got := a.want(a.send("cpi-1", "GET", "/api/v1/tickets/"+made.field("token"), ""), 200, ""); got.field("id") != "" || got.field("service") != "" {
		t.Errorf("a locked screen is told %s", got.text)
	}
	a.want(a.send("cpi-1", "POST", deskPath("1", "next"), ``), 401, "locked")
}

// TestDeskThatTakesNoPart has an officer act on a ticket in whose service no institution of theirs takes
// part: they see its number, and can neither call nor move it.
func TestDeskThatTakesNoPart(t *testing.T) {
	a := newAPIHouse(t)
	a.change("inps-1", deskPath("3", "open"), ``, 200)
	id, token := a.issued("CPI-DID")
	if got := a.send("inps-1", "GET", "/api/v1/tickets/"+token, ""); got.field("number") != "A001" || got.field("service") != "" {
		t.Errorf("got %s", got.text)
	}
	a.want(a.send("inps-1", "POST", stepPath(id, "call"), `{"desk":"3","reason":"quick"}`), 409, "cannot_take")
	a.want(a.send("inps-1", "POST", stepPath(id, "transfer"), `{"service":"INPS-PAG"}`), 403, "not_allowed")
}

// TestTicketsOfAnotherOffice acts on a ticket of an office at which the officer does not sit.
func TestTicketsOfAnotherOffice(t *testing.T) {
	a := newAPIHouse(t)
	a.change("cpi-1", deskPath("1", "open"), ``, 200)
	a.clock.Set(deskMorning.AddDate(0, 0, 4)) // Monday, when Agnone is open
	var other queue.Ticket
	a.update(func(ctx context.Context, tx *store.Tx) (err error) {
		other, err = queue.Issue(ctx, tx, queue.Request{Office: "sportello-agnone", Service: "CPI-DID", Origin: queue.FromKiosk, By: "device:totem-agnone"})
		return err
	})
	a.clock.Set(deskMorning)
	for _, step := range []string{"recall", "start", "finish", "no-show", "park", "resume", "undo"} {
		a.want(a.send("cpi-1", "POST", stepPath(other.ID, step), `{}`), 404, "unknown_ticket")
	}
	a.want(a.send("cpi-1", "POST", stepPath(other.ID, "transfer"), `{"desk":"1"}`), 404, "unknown_ticket")
	a.want(a.send("cpi-1", "POST", stepPath(other.ID, "call"), `{"desk":"1","reason":"quick"}`), 404, "unknown_ticket")
	a.want(a.send("totem-agnone", "POST", ticketsPath, `{"service":"CPI-DID"}`), 403, "other_office")
	a.want(a.send("manager", "POST", "/api/v1/offices/sportello-agnone/tickets", `{"service":"CPI-DID"}`), 403, "other_office")
	if got := a.want(a.send("", "GET", "/api/v1/tickets/"+other.Token, ""), 200, ""); got.field("state") != "waiting" {
		t.Errorf("got %s", got.text)
	}
}

// TestBodiesNameTheirFaults sends bodies of which several fields are wrong.
func TestBodiesNameTheirFaults(t *testing.T) {
	a := newAPIHouse(t)
	a.change("cpi-1", deskPath("1", "open"), ``, 200)
	type fields map[string]string
	tests := []struct {
		name, who, path, body string
		status                int
		want                  fields
	}{
		{"nothing", "kiosk", ticketsPath, ``, 422, fields{"service": "missing"}},
		{"an empty object", "kiosk", ticketsPath, `{}`, 422, fields{"service": "missing"}},
		{"an empty service", "kiosk", ticketsPath, `{"service":""}`, 422, fields{"service": "missing"}},
		{"two faults", "kiosk", ticketsPath, `{"language":"xx"}`, 422, fields{"service": "missing", "language": "unknown_value"}},
		{"wrong types", "kiosk", ticketsPath, `{"service":["CPI-DID"],"priority":"yes"}`, 400, fields{"service": "wrong_type", "priority": "wrong_type"}},
		{"nothing in a field", "kiosk", ticketsPath, `{"service":null}`, 400, fields{"service": "wrong_type"}},
		{"unknown fields", "kiosk", ticketsPath, `{"service":"CPI-DID","name":"x","phone":1}`, 400, fields{"name": "unknown_field", "phone": "unknown_field"}},
		{"another letter case", "kiosk", ticketsPath, `{"SERVICE":"CPI-DID"}`, 400, fields{"SERVICE": "unknown_field"}},
		{"a call", "cpi-1", stepPath("x", "call"), `{"reason":"bribe"}`, 422, fields{"desk": "missing", "reason": "unknown_value"}},
		{"a finish", "cpi-1", stepPath("x", "finish"), `{"outcome":"well"}`, 422, fields{"outcome": "unknown_value"}},
		{"a pause", "cpi-1", deskPath("1", "pause"), `{}`, 422, fields{"reason": "missing"}},
		{"a pause until no time", "cpi-1", deskPath("1", "pause"), `{"reason":"break","back_at":"10:15"}`, 400, fields{"back_at": "wrong_type"}},
		{"a pause until now", "cpi-1", deskPath("1", "pause"), `{"reason":"break","back_at":"2026-12-03T08:30:00Z"}`, 422, fields{"back_at": "not_in_future"}},
		{"services that are text", "cpi-1", deskPath("1", "open"), `{"services":"CPI-DID"}`, 400, fields{"services": "wrong_type"}},
		{"a code", "", "/api/v1/enrol", `{"code":1}`, 400, fields{"code": "wrong_type"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := a.want(a.send(tt.who, "POST", tt.path, tt.body, "Accept-Language", "en"), tt.status, "")
			var p struct {
				Errors []struct{ Field, Code, Detail string }
			}
			got.into(t, &p)
			for _, e := range p.Errors {
				if tt.want[e.Field] != e.Code || e.Detail == "" || e.Detail == "field."+e.Code {
					t.Errorf("got %+v", e)
				}
			}
			if len(p.Errors) != len(tt.want) {
				t.Errorf("got %s, want %v", got.text, tt.want)
			}
		})
	}
}

// TestManyUnknownFields sends thousands of fields that there are not: the answer stays short.
func TestManyUnknownFields(t *testing.T) {
	a := newAPIHouse(t)
	body := map[string]int{}
	for i := range 5000 {
		body[string(rune(0x4e00+i))] = i
	}
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	got := a.want(a.send("kiosk", "POST", ticketsPath, string(text)), 400, "malformed")
	if len(got.text) > 4<<10 {
		t.Errorf("the answer has %d bytes", len(got.text))
	}
}
