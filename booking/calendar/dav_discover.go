package calendar

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

const askWhere = `<d:propfind xmlns:d="DAV:" xmlns:c="urn:ietf:params:xml:ns:caldav"><d:prop><d:resourcetype/><d:displayname/>` +
	`<d:current-user-principal/><c:calendar-home-set/><c:supported-calendar-component-set/><d:current-user-privilege-set/></d:prop></d:propfind>`

// ErrNoCollections means that no calendar was found at a server.
var ErrNoCollections = errors.New("no calendar found there")

// Collections returns the calendars of events that a person has at a server. The address may be that
// of a calendar, which then is the only one, of a folder with calendars, of the person, or of the server
// itself (RFC 6764). The errors are ErrAddress, ErrNoCollections and those of DAV.
func (d DAV) Collections(ctx context.Context, address string) ([]Collection, error) {
	u, err := parseDAV(address)
	if err != nil {
		return nil, err
	}
	first := error(ErrNoCollections)
	for i, at := range []*url.URL{u, u.ResolveReference(&url.URL{Path: "/.well-known/caldav"}), u.ResolveReference(&url.URL{Path: "/"})} {
		found, err := d.collectionsAt(ctx, at)
		switch {
		case err == nil && len(found) > 0:
			return found, nil
		case errors.Is(err, ErrDAVLogin) || ctx.Err() != nil:
			return nil, err
		case i == 0 && err != nil:
			first = err
		}
		if isUnreachable(err) {
			return nil, err
		}
	}
	return nil, first
}

// isUnreachable reports whether a server did not answer at all.
func isUnreachable(err error) bool {
	return err != nil && !mayTryElse(err) && !errors.Is(err, ErrDAVGone) && !errors.Is(err, ErrDAVElsewhere)
}

// collectionsAt looks for calendars at an address: itself, those in the folders that it names, in those
// of the person that it names, or in itself.
func (d DAV) collectionsAt(ctx context.Context, at *url.URL) ([]Collection, error) {
	r, at, err := d.where(ctx, at)
	if err != nil {
		return nil, err
	}
	if r.Type.Calendar != nil {
		return []Collection{d.collection(at, r)}, nil
	}
	if len(r.Home.Hrefs) == 0 && len(r.Principal.Hrefs) > 0 {
		principal, err := follow(at, r.Principal.Hrefs[0])
		if err != nil {
			return nil, err
		}
		if r, at, err = d.where(ctx, principal); err != nil {
			return nil, err
		}
	}
	var all []Collection
	for _, href := range append(r.Home.Hrefs, at.EscapedPath()) {
		home, err := follow(at, href)
		if err != nil {
			return nil, err
		}
		if all, err = d.collectionsIn(ctx, home, all); err != nil {
			return nil, err
		}
		if len(all) > 0 {
			break
		}
	}
	return all, nil
}

// follow is where an href leads that stands in an answer from an address.
func follow(at *url.URL, href string) (*url.URL, error) {
	to, err := at.Parse(strings.TrimSpace(href))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: an href", ErrDAVNonsense)
	case !mayFollow(at, to):
		return nil, fmt.Errorf("%w: an href", ErrDAVElsewhere)
	}
	return to, nil
}

// where asks what is at an address.
func (d DAV) where(ctx context.Context, at *url.URL) (davProps, *url.URL, error) {
	m, a, err := d.query(ctx, davRequest{method: "PROPFIND", at: at}, "0", askWhere)
	if err != nil {
		return davProps{}, nil, err
	}
	if len(m.responses) == 0 {
		return davProps{}, nil, fmt.Errorf("%w: an empty answer", ErrDAVNonsense)
	}
	return m.responses[0].props(), a.at, nil
}

// collectionsIn adds the calendars of events in a folder.
func (d DAV) collectionsIn(ctx context.Context, home *url.URL, all []Collection) ([]Collection, error) {
	m, a, err := d.query(ctx, davRequest{method: "PROPFIND", at: withSlash(home)}, "1", askWhere)
	if err != nil {
		return nil, err
	}
	for _, r := range m.responses {
		props := r.props()
		if props.Type.Calendar == nil || !props.takesEvents() {
			continue
		}
		at, err := follow(a.at, r.Href)
		if err != nil {
			return nil, err
		}
		all = append(all, d.collection(at, props))
	}
	return all, nil
}

func (d DAV) collection(at *url.URL, p davProps) Collection {
	c := d.at(at)
	c.Name, c.ReadOnly = strings.TrimSpace(p.Name), !p.mayWrite()
	return *c
}

// takesEvents reports whether a collection holds events; one that does not say so does.
func (p davProps) takesEvents() bool {
	if len(p.Components.Comps) == 0 {
		return true
	}
	for _, comp := range p.Components.Comps {
		if strings.EqualFold(comp.Name, "VEVENT") {
			return true
		}
	}
	return false
}

// mayWrite reports whether the person may put events there; where the server does not say so, yes.
func (p davProps) mayWrite() bool {
	all := p.Privileges.Privileges
	return len(all) == 0 || slices.ContainsFunc(all, func(p privilege) bool {
		return p.All != nil || p.Write != nil || p.WriteContent != nil || p.Bind != nil
	})
}
