package calendar_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"sportello/booking/calendar"
)

// TestDAV writes, reads, overwrites and deletes at real servers, and learns what others do there.
func TestDAV(t *testing.T) {
	eachPeer(t, func(t *testing.T, p *peer) {
		ctx, c := t.Context(), p.at()
		first, err := c.Changes(ctx, "")
		if err != nil || !first.Whole || len(first.Changed) != 0 || first.Token == "" {
			t.Fatalf("an empty calendar: got %+v, %v", first, err)
		}
		href := c.Href("uno@sportello.ics")
		put, err := c.Put(ctx, calendar.Member{Href: href}, true, []byte(event("uno@sportello", "DTSTART:20261203T080000Z", "DTEND:20261203T083000Z", "SUMMARY:Uno")))
		if err != nil || put.ETag == "" || !strings.Contains(string(put.Data), "SUMMARY:Uno") {
			t.Fatalf("put: got %+v, %v", put, err)
		}
		if _, err := c.Put(ctx, put.Member, true, put.Data); !errors.Is(err, calendar.ErrDAVChanged) {
			t.Errorf("put again as new: got %v", err)
		}
		p.put("due.ics", event("due", "DTSTART:20261203T100000Z", "DTEND:20261203T103000Z", "SUMMARY:Due è"))
		second, err := c.Changes(ctx, first.Token)
		if err != nil || second.Whole || len(second.Changed) != 2 || second.Changed[1] != put.Member {
			t.Fatalf("two are new: got %+v, %v; want one to be %+v", second, err, put.Member)
		}
		var read []string
		err = c.Read(ctx, []string{href, second.Changed[0].Href, c.Href("none.ics")}, func(o calendar.Object, err error) {
			_, after, _ := strings.Cut(string(o.Data), "SUMMARY:")
			summary, _, _ := strings.Cut(after, "\n")
			read = append(read, strings.TrimSpace(summary))
			if i := slices.IndexFunc(second.Changed, func(m calendar.Member) bool { return m == o.Member }); i < 0 || err != nil {
				t.Errorf("got %+v, %v", o.Member, err)
			}
		})
		if slices.Sort(read); err != nil || !slices.Equal(read, []string{"Due è", "Uno"}) {
			t.Errorf("read: got %v, %v", read, err)
		}
		p.put("uno@sportello.ics", strings.Replace(string(put.Data), "T080000Z\r\nDTEND:20261203T083000Z", "T090000Z\r\nDTEND:20261203T093000Z", 1))
		if _, err := c.Put(ctx, put.Member, false, put.Data); !errors.Is(err, calendar.ErrDAVChanged) {
			t.Errorf("put over what changed: got %v", err)
		}
		if err := c.Delete(ctx, put.Member); !errors.Is(err, calendar.ErrDAVChanged) {
			t.Errorf("delete what changed: got %v", err)
		}
		now, err := c.Get(ctx, href)
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.Put(ctx, now.Member, false, put.Data)
		if err != nil || again.ETag == now.ETag {
			t.Errorf("put over it: got %+v, %v", again.Member, err)
		}
		if err := c.Delete(ctx, again.Member); err != nil {
			t.Errorf("delete: %v", err)
		}
		if err := c.Delete(ctx, again.Member); !errors.Is(err, calendar.ErrDAVGone) && !errors.Is(err, calendar.ErrDAVChanged) {
			t.Errorf("delete again: got %v", err)
		}
		third, err := c.Changes(ctx, second.Token)
		if err != nil || len(third.Changed) != 0 || !slices.Equal(third.Gone, []string{href}) {
			t.Errorf("after deletion: got %+v, %v", third, err)
		}
		whole, err := c.Changes(ctx, "no such token")
		if err != nil || !whole.Whole || len(whole.Changed) != 1 {
			t.Errorf("a token that is none: got %+v, %v", whole, err)
		}
	})
}

// TestDAVCollections finds the calendar from wherever one begins.
func TestDAVCollections(t *testing.T) {
	eachPeer(t, func(t *testing.T, p *peer) {
		for _, address := range []string{p.root, p.collection, strings.TrimSuffix(p.collection, "/"), p.root + "no/such/place"} {
			all, err := p.dav.Collections(t.Context(), address)
			if err != nil || len(all) != 1 || all[0].Address != p.collection || all[0].ReadOnly {
				t.Errorf("%s: got %+v, %v", address, all, err)
			}
		}
		if p.dav.User == "" {
			return
		}
		p.dav.Password = "wrong"
		if _, err := p.dav.Collections(t.Context(), p.root); !errors.Is(err, calendar.ErrDAVLogin) {
			t.Errorf("wrong password: got %v", err)
		}
	})
}
