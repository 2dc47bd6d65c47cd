package calendar

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"sportello/booking/timetable"
)

// davNews is what was read of a collection.
type davNews struct {
	token       string
	from, until time.Time // for which own events were read
	members     map[string]davMember
	claims      map[string]string // by href of members: the appointments whose UIDs they have
	gone        []string          // hrefs of members
	copies      []copyNews
	refused     int
}

// copyNews is what became of the copy of an appointment.
type copyNews struct {
	appointment string
	href, etag  string
	gone        bool
	broken      bool // cannot be read, or is something else
	found       found
}

// look asks the server what changed, and reads it. Of own events only busy time is kept, so that what they
// say of later days can only be had by reading them again.
func (r *davRun) look(ctx context.Context, st *davState, now time.Time) (*davNews, error) {
	zone := r.territory.Zone
	today := timetable.DateOf(now.In(zone))
	n := &davNews{
		from: today.At(0, zone), until: r.until, members: make(map[string]davMember), claims: make(map[string]string),
	}
	fresh, token := r.until.Before(today.AddDays(enoughDays).At(0, zone)), r.token
	if fresh {
		n.until, token = today.AddDays(readDays).At(0, zone), ""
	}
	changes, err := r.at.Changes(ctx, token)
	if err != nil {
		return nil, err
	}
	n.token = changes.Token
	absent := st.absent(changes)
	wanted := r.suspects
	for _, m := range changes.Changed {
		if !st.knows(m, fresh) && !slices.Contains(r.suspects, m.Href) {
			wanted = append(wanted, m.Href)
		}
	}
	for _, href := range wanted {
		absent[href] = true // until it is read
	}
	err = r.at.Read(ctx, wanted, func(o Object, err error) {
		delete(absent, o.Href)
		n.add(o, err, st, zone)
	})
	if err != nil {
		return nil, err
	}
	for _, href := range slices.Sorted(maps.Keys(absent)) {
		if err := r.missing(ctx, n, st, href); err != nil {
			return nil, err
		}
	}
	n.leaveDuplicates(st, absent)
	return n, nil
}

// absent are the hrefs of what is known and not there any more.
func (s *davState) absent(changes Changes) map[string]bool {
	absent := make(map[string]bool)
	for _, href := range changes.Gone {
		absent[href] = true
	}
	if !changes.Whole {
		return absent
	}
	for href := range s.members {
		absent[href] = true
	}
	for _, p := range s.pushes {
		if p.there {
			absent[p.href] = true
		}
	}
	for _, m := range changes.Changed {
		delete(absent, m.Href)
	}
	return absent
}

// knows reports whether a member is what it was when it was read. Without an ETag nobody knows.
func (s *davState) knows(m Member, fresh bool) bool {
	if m.ETag == "" {
		return false
	}
	if p := s.at[m.Href]; p != nil {
		return p.there && p.etag == m.ETag
	}
	known, ok := s.members[m.Href]
	return ok && known.etag == m.ETag && !fresh
}

// add notes what a member says.
func (n *davNews) add(o Object, err error, st *davState, zone *time.Location) {
	var f found
	if err == nil {
		f, err = readMember(o.Data)
	}
	id, ours := appointmentOf(f.uid)
	switch p := st.at[o.Href]; {
	case p != nil:
		n.copies = append(n.copies, copyNews{appointment: p.appointment, href: o.Href, etag: o.ETag, broken: err != nil || id != p.appointment, found: f})
	case errors.Is(err, errNoEvent):
		n.members[o.Href] = davMember{etag: o.ETag}
	case err != nil:
		n.refused++
		n.members[o.Href] = davMember{etag: o.ETag, spans: st.members[o.Href].spans} // the last that was understood
	case ours && st.pushes[id] != nil:
		n.copies = append(n.copies, copyNews{appointment: id, href: o.Href, etag: o.ETag, found: f})
	default:
		spans, refused := f.busy(zone, n.from, n.until)
		n.refused += refused
		n.members[o.Href] = davMember{etag: o.ETag, spans: spans}
		if ours {
			n.claims[o.Href] = id
		}
	}
}

// missing notes that a member is not there. Of the copy of an appointment this must be true when one
// asks for it too: a manager is asked about it.
func (r *davRun) missing(ctx context.Context, n *davNews, st *davState, href string) error {
	p := st.at[href]
	if p == nil {
		n.gone = append(n.gone, href)
		return nil
	}
	if !p.there || n.hasCopy(p.appointment) {
		return nil
	}
	o, err := r.at.Get(ctx, href)
	switch {
	case errors.Is(err, ErrDAVGone):
		n.copies = append(n.copies, copyNews{appointment: p.appointment, href: href, gone: true})
	case err != nil:
		return err
	default:
		n.add(o, nil, st, r.territory.Zone)
	}
	return nil
}

func (n *davNews) hasCopy(appointment string) bool {
	return slices.ContainsFunc(n.copies, func(c copyNews) bool { return c.appointment == appointment })
}

// leaveDuplicates passes over copies of which the one that we wrote is still in its place.
func (n *davNews) leaveDuplicates(st *davState, absent map[string]bool) {
	n.copies = slices.DeleteFunc(n.copies, func(c copyNews) bool {
		p := st.pushes[c.appointment]
		second := c.href != p.href && p.there && !absent[p.href]
		if second {
			n.members[c.href] = davMember{etag: c.etag}
		}
		return second
	})
}
