package calendar

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
)

// Changes are what changed in a collection.
type Changes struct {
	Token   string // to ask for later changes; empty: the server can only list everything
	Whole   bool   // Changed is all there is: what is not in it is gone
	Changed []Member
	Gone    []string // hrefs
}

// mostRounds is how often a server may say that it has told only a part of the changes.
const mostRounds = 200

// Changes returns what changed since a token was given, by sync-collection (RFC 6578). Where the token
// is empty or not valid any more, or the server does not know this report, it returns everything that
// there is.
func (c *Collection) Changes(ctx context.Context, token string) (Changes, error) {
	found, err := c.since(ctx, token)
	if mayTryElse(err) && token != "" {
		found, err = c.since(ctx, "")
	}
	if mayTryElse(err) {
		found, err = c.list(ctx)
	}
	return found, err
}

// mayTryElse reports whether a server that refused one way of asking may take another.
func mayTryElse(err error) bool {
	status := statusError(0)
	return errors.As(err, &status) || errors.Is(err, ErrDAVNonsense) || errors.Is(err, ErrDAVTooLarge) ||
		errors.Is(err, ErrDAVDenied) || errors.Is(err, ErrDAVChanged)
}

const askChanges = `<d:sync-collection xmlns:d="DAV:"><d:sync-token>%s</d:sync-token><d:sync-level>1</d:sync-level>` +
	`<d:prop><d:getetag/><d:resourcetype/></d:prop></d:sync-collection>`

// since asks for changes until the server has told all of them.
func (c *Collection) since(ctx context.Context, token string) (Changes, error) {
	found, whole := told{}, token == ""
	for range mostRounds {
		m, _, err := c.dav.query(ctx, davRequest{method: "REPORT", at: c.at}, "0", fmt.Sprintf(askChanges, escapeXML(token)))
		if err != nil {
			return Changes{}, err
		}
		if m.token == "" {
			return Changes{}, fmt.Errorf("%w: no token", ErrDAVNonsense)
		}
		more, err := c.collect(m, found)
		if err != nil {
			return Changes{}, err
		}
		if !more {
			return found.changes(m.token, whole), nil
		}
		if m.token == token {
			break
		}
		token = m.token
	}
	return Changes{}, fmt.Errorf("%w: changes without end", ErrDAVNonsense)
}

// told is what answers said of members by their hrefs, the last word of each; nil: it is gone.
type told map[string]*Member

// changes are what was told, in the order of the hrefs.
func (t told) changes(token string, whole bool) Changes {
	c := Changes{Token: token, Whole: whole}
	for _, href := range slices.Sorted(maps.Keys(t)) {
		if m := t[href]; m != nil {
			c.Changed = append(c.Changed, *m)
		} else if !whole {
			c.Gone = append(c.Gone, href)
		}
	}
	return c
}

// collect adds what an answer says of the members. It reports whether the server has more to tell, which
// it says with status 507 of the collection itself (RFC 6578, section 3.6).
func (c *Collection) collect(m *multistatus, found told) (more bool, err error) {
	for _, r := range m.responses {
		href, ok := c.href(r.Href)
		switch status := statusOf(r.Status); {
		case !ok:
			return false, fmt.Errorf("%w: an href", ErrDAVNonsense)
		case href == pathOf(c.at):
			more = more || status == http.StatusInsufficientStorage
		case !strings.HasPrefix(href, pathOf(c.at)):
			return false, fmt.Errorf("%w: an href of another collection", ErrDAVNonsense)
		case status == http.StatusNotFound || status == http.StatusGone:
			found[href] = nil
		case !strings.HasSuffix(href, "/") && r.props().Type.Collection == nil:
			found[href] = &Member{href, r.props().ETag}
		}
	}
	if len(found) > mostResponses {
		return false, fmt.Errorf("%w: more than %d members", ErrDAVTooLarge, mostResponses)
	}
	return more, nil
}

const askMembers = `<d:propfind xmlns:d="DAV:"><d:prop><d:getetag/><d:resourcetype/></d:prop></d:propfind>`

// list asks for all members.
func (c *Collection) list(ctx context.Context) (Changes, error) {
	m, _, err := c.dav.query(ctx, davRequest{method: "PROPFIND", at: c.at}, "1", askMembers)
	if err != nil {
		return Changes{}, err
	}
	itself := func(r response) bool { href, ok := c.href(r.Href); return ok && href == pathOf(c.at) }
	if !slices.ContainsFunc(m.responses, itself) {
		return Changes{}, fmt.Errorf("%w: a list without the collection itself", ErrDAVNonsense)
	}
	found := told{}
	_, err = c.collect(m, found)
	return found.changes("", true), err
}

// batch is how many members are asked for at once.
const batch = 100

// Read has each called with every one of the members that is there, whatever the order, and with
// err for one that cannot be read. A member that is not there is passed over.
func (c *Collection) Read(ctx context.Context, hrefs []string, each func(o Object, err error)) error {
	for some := range slices.Chunk(hrefs, batch) {
		left, err := c.multiget(ctx, some, each)
		if err != nil && !mayTryElse(err) {
			return err
		}
		for _, href := range left {
			o, err := c.Get(ctx, href)
			switch {
			case errors.Is(err, ErrDAVGone):
			case err == nil || errors.Is(err, ErrDAVTooLarge) || errors.Is(err, ErrDAVDenied):
				o.Href = href
				each(o, err)
			default:
				return err
			}
		}
	}
	return nil
}

const askObjects = `<c:calendar-multiget xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:getetag/><c:calendar-data/></d:prop>%s</c:calendar-multiget>`

// multiget reads members by one request (RFC 4791, section 7.9) and returns the hrefs of those of which
// the answer says nothing.
func (c *Collection) multiget(ctx context.Context, hrefs []string, each func(o Object, err error)) (left []string, err error) {
	var list strings.Builder
	for _, href := range hrefs {
		list.WriteString("<d:href>" + escapeXML(href) + "</d:href>")
	}
	m, _, err := c.dav.query(ctx, davRequest{method: "REPORT", at: c.at}, "1", fmt.Sprintf(askObjects, list.String()))
	if err != nil {
		return hrefs, err
	}
	left = slices.Clone(hrefs)
	for _, r := range m.responses {
		href, ok := c.href(r.Href)
		i := slices.Index(left, href)
		if !ok || i < 0 {
			continue
		}
		status, props := statusOf(r.Status), r.props()
		switch {
		case props.CalendarData != nil:
			each(Object{Member{href, props.ETag}, []byte(*props.CalendarData)}, nil)
		case status != http.StatusNotFound && status != http.StatusGone:
			continue
		}
		left = slices.Delete(left, i, i+1)
	}
	return left, nil
}
