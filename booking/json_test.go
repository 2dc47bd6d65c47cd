package booking_test

import (
	"encoding/json"
	"testing"

	"sportello/booking"
)

// TestAppendJSON holds the JSON of availability against that of encoding/json.
func TestAppendJSON(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		everywhere := booking.Query{Territory: "prova", Service: "INPS-NASPI", From: day("2026-12-02"), Until: day("2026-12-18"), Channel: "online"}
		closed := thursday("centro", "INPS-NASPI")
		closed.From, closed.Until = day("2026-12-04"), day("2026-12-04")
		for name, q := range map[string]booking.Query{"everywhere": everywhere, "closed": closed, "a day": thursday("centro", "JNT-LAVORO")} {
			found := p.available(q)
			want, err := json.Marshal(found)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(found.AppendJSON(nil)); got != string(want) {
				t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
			}
		}
	})
	odd := booking.Availability{Service: `"<a>"`, Offices: []booking.OfficeStarts{}}
	want, err := json.Marshal(odd)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(odd.AppendJSON(nil)); got != string(want) {
		t.Errorf("got %s, want %s", got, want)
	}
}
