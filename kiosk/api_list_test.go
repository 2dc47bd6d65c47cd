package kiosk_test

import (
	"context"
	"encoding/base64"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/store"
	"sportello/queue"
)

// list is a part of a list as it came.
type list struct {
	Items []struct {
		ID, Name, Area string
		Needs          []string
		OpenNow        bool    `json:"open_now"`
		NextOpening    *string `json:"next_opening"`
		Successors     []string
	}
	Next *string
}

func (l list) ids() []string {
	var ids []string
	for _, item := range l.Items {
		ids = append(ids, item.ID)
	}
	return ids
}

func (a *apiHouse) list(path string) list {
	a.t.Helper()
	var l list
	a.want(a.send("", "GET", path, ""), 200, "").into(a.t, &l)
	return l
}

// TestListsByParts reads lists in parts of every length: all comes once, in the same order.
func TestListsByParts(t *testing.T) {
	a := newAPIHouse(t)
	for _, path := range []string{"/api/v1/offices?", officePath + "/services?", officePath + "/services?q=lavoro&"} {
		whole := a.list(path + "limit=200")
		if len(whole.Items) < 5 || whole.Next != nil {
			t.Fatalf("%s: %d items, next %v", path, len(whole.Items), whole.Next)
		}
		for _, limit := range []string{"1", "4", "9"} {
			var got []string
			cursor := ""
			for range whole.Items {
				part := a.list(path + "limit=" + limit + cursor)
				got = append(got, part.ids()...)
				if part.Next == nil {
					break
				}
				cursor = "&cursor=" + url.QueryEscape(*part.Next)
			}
			if diff := cmp.Diff(whole.ids(), got); diff != "" {
				t.Errorf("%slimit=%s:\n%s", path, limit, diff)
			}
		}
	}
	if ids := a.list("/api/v1/offices").ids(); !slices.IsSorted(ids) {
		t.Errorf("offices are not in order: %v", ids)
	}
}

func TestListsRefuse(t *testing.T) {
	a := newAPIHouse(t)
	tests := []struct {
		name, query, field, code string
		status                   int
	}{
		{"no number", "limit=ten", "limit", "wrong_type", 400},
		{"nothing", "limit=0", "limit", "out_of_range", 422},
		{"too many", "limit=201", "limit", "out_of_range", 422},
		{"less than nothing", "limit=-1", "limit", "out_of_range", 422},
		{"beyond numbers", "limit=99999999999999999999", "limit", "wrong_type", 400},
		{"a cursor of nowhere", "cursor=abc", "cursor", "unknown_value", 422},
		{"a cursor that is none", "cursor=%25%25", "cursor", "unknown_value", 422},
		{"a cursor of another list", "cursor=" + base64.RawURLEncoding.EncodeToString([]byte("sportello-cerro")), "cursor", "unknown_value", 422},
		{"a day that is none", "date=2026-02-30", "date", "wrong_type", 400},
		{"a time for a day", "date=2026-12-03T09:30:00", "date", "wrong_type", 400},
		{"a channel that is none", "channel=post", "channel", "unknown_value", 422},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := a.want(a.send("", "GET", officePath+"/services?"+tt.query, ""), tt.status, "")
			var p struct {
				Errors []struct{ Field, Code string }
			}
			got.into(t, &p)
			if len(p.Errors) != 1 || p.Errors[0].Field != tt.field || p.Errors[0].Code != tt.code {
				t.Errorf("got %s, want %s %s", got.text, tt.field, tt.code)
			}
		})
	}
}

func TestOffices(t *testing.T) {
	a := newAPIHouse(t)
	next := map[string]string{}
	open := map[string]bool{}
	for _, o := range a.list("/api/v1/offices").Items {
		open[o.ID] = o.OpenNow
		if o.NextOpening != nil {
			next[o.ID] = *o.NextOpening
		}
	}
	// Thursday 3 December 2026, 09:30.
	if !open[deskOffice] || next[deskOffice] != "" {
		t.Errorf("the integrated centre: open %t, next %s", open[deskOffice], next[deskOffice])
	}
	if want := "2026-12-07T09:00:00+01:00"; open["sportello-agnone"] || next["sportello-agnone"] != want {
		t.Errorf("Agnone: open %t, next %s, want %s", open["sportello-agnone"], next["sportello-agnone"], want)
	}
}

func TestServices(t *testing.T) {
	const all = officePath + "/services?limit=200"
	tests := []struct {
		name, query    string
		with, without  []string
		on             time.Time
		open, next     string // a service that is open now, and one that opens next at opens
		opens          string
		ended, instead string
	}{
		{name: "today", with: []string{"CPI-DID", "INPS-PAG", "JNT-LAVORO", "CPI-PATTO"}, without: []string{"COM-ANAG", "HIS-REI"}, open: "CPI-DID"},
		{name: "at night", on: time.Date(2026, 12, 3, 20, 0, 0, 0, time.UTC), with: []string{"INPS-PAG"}, next: "INPS-PAG", opens: "2026-12-10T09:00:00+01:00"},
		{name: "before the doors open", on: time.Date(2026, 12, 3, 7, 0, 0, 0, time.UTC), next: "INPS-PAG", opens: "2026-12-03T09:00:00+01:00"},
		{name: "a Friday, without INPS", query: "&date=2026-12-04", with: []string{"CPI-DID"}, without: []string{"INPS-PAG", "JNT-LAVORO"}, open: "CPI-DID"},
		{name: "a holiday", query: "&date=2026-12-08", without: []string{"CPI-DID", "INPS-PAG"}},
		{name: "by ticket", query: "&channel=walk-in", with: []string{"CPI-DID"}, without: []string{"CPI-PATTO"}},
		{name: "made at home", query: "&channel=online", with: []string{"CPI-PATTO"}, open: "CPI-PATTO"},
		{name: "searched", query: "&q=disoccupazione", with: []string{"INPS-NASPI"}, without: []string{"INPS-PENS"}},
		{name: "searched, and elsewhere", query: "&q=anagrafe", without: []string{"COM-ANAG"}},
		{name: "ended", query: "&q=rei", with: []string{"HIS-REI", "INPS-ADI"}, ended: "HIS-REI", instead: "INPS-ADI"},
	}
	a := newAPIHouse(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a.clock.Set(deskMorning)
			if !tt.on.IsZero() {
				a.clock.Set(tt.on)
			}
			got := a.list(all + tt.query)
			for _, id := range tt.with {
				if !slices.Contains(got.ids(), id) {
					t.Errorf("no %s in %v", id, got.ids())
				}
			}
			for _, id := range tt.without {
				if slices.Contains(got.ids(), id) {
					t.Errorf("%s in %v", id, got.ids())
				}
			}
			for _, s := range got.Items {
				if s.ID == tt.open && (!s.OpenNow || s.NextOpening != nil) {
					t.Errorf("%s is not open: %+v", s.ID, s)
				}
				if s.ID == tt.next && (s.OpenNow || s.NextOpening == nil || *s.NextOpening != tt.opens) {
					t.Errorf("%s opens at %v, want %s", s.ID, s.NextOpening, tt.opens)
				}
				if s.ID == tt.ended && !slices.Contains(s.Successors, tt.instead) {
					t.Errorf("%s leads to %v", s.ID, s.Successors)
				}
				if slices.Contains(tt.with, s.ID) && s.ID != tt.ended && s.Successors != nil {
					t.Errorf("%s, which there is, leads to %v", s.ID, s.Successors)
				}
			}
		})
	}
}

// TestServicesInTheirLanguage asks in English.
func TestServicesInTheirLanguage(t *testing.T) {
	a := newAPIHouse(t)
	italian := a.send("", "GET", officePath+"/services", "")
	english := a.send("", "GET", officePath+"/services", "", "Accept-Language", "en-GB,it;q=0.5")
	if italian.text == english.text || !strings.Contains(english.text, "job") {
		t.Errorf("got %s", english.text)
	}
}

// TestStoppedServiceIsNotOpen has staff stop a service.
func TestStoppedServiceIsNotOpen(t *testing.T) {
	a := newAPIHouse(t)
	a.change("cpi-1", deskPath("1", "open"), ``, 200)
	a.update(func(ctx context.Context, tx *store.Tx) error {
		return queue.StopService(ctx, tx, queue.Seat{Office: deskOffice, Desk: "1", By: "user:user-cpi-1"}, "CPI-DID", "guasto")
	})
	for _, s := range a.list(officePath + "/services?limit=200").Items {
		if s.ID == "CPI-DID" && (s.OpenNow || s.NextOpening != nil) {
			t.Errorf("got %+v", s)
		}
	}
}
