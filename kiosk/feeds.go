package kiosk

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

func (s *Server) feedRoutes() {
	s.handle(http.MethodGet, "/feeds/:token", access.SeePublic, s.feed)
}

// feed answers a calendar program that subscribes. Who guesses addresses is soon refused, and learns
// nothing from the answers.
func (s *Server) feed(c echo.Context, _ visitor) error {
	now := s.db.Now()
	if err := s.limits.guess(c, now, false); err != nil {
		return err
	}
	f, r, err := s.feedBy(c)
	if fault.Code(err) == calendar.ErrFeed.Code {
		_ = s.limits.guess(c, now, true)
	}
	if err != nil {
		return err
	}
	ctx := c.Request().Context()
	var etag string
	var content []byte
	err = s.db.View(ctx, func(tx *store.Tx) error {
		edition, err := f.Edition(ctx, tx, r)
		if err != nil {
			return err
		}
		if etag = edition.ETag; !unchanged(c.Request(), etag, f.ModifiedAs(etag, now)) {
			content, err = edition.Bytes(ctx, tx)
		}
		return err
	})
	if err != nil {
		return err
	}
	if program := calendar.ProgramOf(c.Request().UserAgent()); !f.Noted(etag, program, now) {
		if err := s.db.Update(ctx, func(tx *store.Tx) error { return f.Note(ctx, tx, etag, program) }); err != nil {
			return err
		}
	}
	h := c.Response().Header()
	h.Set("ETag", etag)
	h.Set("Last-Modified", f.ModifiedAs(etag, now).UTC().Format(http.TimeFormat))
	h.Set("Cache-Control", "private, no-cache")
	h.Set("X-Robots-Tag", "noindex")
	if content == nil {
		return c.NoContent(http.StatusNotModified)
	}
	h.Set(echo.HeaderContentDisposition, `inline; filename="sportello.ics"`)
	return c.Blob(http.StatusOK, "text/calendar; charset=utf-8; method=PUBLISH", content)
}

// unchanged reports whether a client has what an ETag names: by If-None-Match, only without it by
// If-Modified-Since (RFC 9110, section 13.2.2).
func unchanged(r *http.Request, etag string, modified time.Time) bool {
	if known := r.Header.Values("If-None-Match"); len(known) > 0 {
		for tag := range strings.SplitSeq(strings.Join(known, ","), ",") {
			if tag = strings.TrimSpace(tag); tag == "*" || strings.TrimPrefix(tag, "W/") == etag {
				return true
			}
		}
		return false
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && !modified.After(since)
}

// feedBy returns the feed of an address and who made it, as what they may know now. A feed whose maker
// may have none any more is none.
func (s *Server) feedBy(c echo.Context) (calendar.Feed, calendar.FeedReader, error) {
	ctx := c.Request().Context()
	var f calendar.Feed
	var maker access.User
	secret, ok := strings.CutSuffix(c.Param("token"), icsSuffix)
	if !ok {
		return f, calendar.FeedReader{}, calendar.ErrFeed
	}
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if f, err = calendar.FeedOf(ctx, tx, secret); err == nil {
			maker, err = access.UserByID(ctx, tx, f.User)
		}
		return err
	})
	if err != nil {
		return f, calendar.FeedReader{}, err
	}
	v := visitor{user: maker}
	if maker.Ended(s.db.Now()) || !v.mayFeed(f) {
		return f, calendar.FeedReader{}, calendar.ErrFeed
	}
	r := v.feedReader(s.db.Now())
	if f.Kind == calendar.OfDesk {
		r.Seated, err = s.seatedAt(ctx, f.Office, f.Subject)
	}
	return f, r, err
}

// mayFeed reports whether somebody may have a feed: of their own appointments, or who runs offices of
// what they reach.
func (v visitor) mayFeed(f calendar.Feed) bool {
	if !v.may(access.MakeFeeds) || !v.mayDetail(f.Detail) {
		return false
	}
	return v.isOwn(f) || v.role() != access.Officer && v.in(f.Territory, f.Office)
}

// isOwn reports whether a feed is of what the account's officer does.
func (v visitor) isOwn(f calendar.Feed) bool {
	return f.Kind == calendar.OfOfficer && v.actsAsOfficer() && f.Territory == v.user.Territory && f.Subject == v.user.Officer
}

// mayDetail reports whether somebody may have feeds of a level of detail: who sees what no appointment is
// about has feeds of busy time alone.
func (v visitor) mayDetail(d calendar.Detail) bool {
	return d == calendar.DetailBusy || v.may(access.RunOffice) || v.actsAsOfficer()
}

// feedReader is somebody as the reader of their feeds.
func (v visitor) feedReader(now time.Time) calendar.FeedReader {
	return calendar.FeedReader{
		Rights: v.user.ID + ":" + strconv.FormatInt(v.user.Rev, 10),
		Sees: func(o *territory.Office, a booking.Appointment) bool {
			return v.in(o.Territory.ID, o.ID) && v.seesMatter(o, a, o.Today(now))
		},
	}
}

// seatedAt are the officers who sit at a desk now: one, or none.
func (s *Server) seatedAt(ctx context.Context, office, desk string) ([]string, error) {
	p, err := s.picture(ctx, office)
	if err != nil {
		return nil, err
	}
	if d, ok := p.Desk(desk); ok && d.Officer != "" {
		return []string{d.Officer}, nil
	}
	return nil, nil
}
