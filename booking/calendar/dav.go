package calendar

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/icholy/digest"
)

// DAV is a person's login at a server of calendars (CalDAV, RFC 4791).
//
// Every answer is bounded in time and size. The password is told to the host of the address alone: a
// redirect or an href that leads to another one, or from https to http, is refused. Which addresses are
// dialled at all, HTTP says. Errors never name an address: there are people's names in it.
type DAV struct {
	HTTP           *http.Client // nil is the default one
	User, Password string
}

// What can be wrong with a server's answers, besides what sending a request returns.
var (
	ErrDAVLogin       = errors.New("user or password refused")
	ErrDAVDenied      = errors.New("not allowed there")
	ErrDAVGone        = errors.New("not there")
	ErrDAVChanged     = errors.New("changed there meanwhile")
	ErrDAVNonsense    = errors.New("an answer that is no CalDAV")
	ErrDAVTooLarge    = errors.New("an answer that is too large")
	ErrDAVElsewhere   = errors.New("led to another host")
	ErrDAVUnreachable = errors.New("cannot be reached")
	ErrDAVBusy        = errors.New("the server asks to come later")
)

// statusError is an answer with a status that says no, and is none of the errors above.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("status %d", int(e)) }

const (
	davWithin    = 30 * time.Second // for one request and its answer
	davLargest   = 16 << 20         // bytes of one answer, unpacked
	davRedirects = 5
)

const (
	typeXML      = "application/xml; charset=utf-8"
	typeCalendar = "text/calendar; charset=utf-8"
)

// davRequest is one to be sent, again after each redirect.
type davRequest struct {
	method string
	at     *url.URL
	header map[string]string
	body   string
}

// davAnswer is what came of a request.
type davAnswer struct {
	status int
	at     *url.URL // after redirects
	header http.Header
	body   []byte
}

// ask sends a request and returns the answer to it, if its status is a success.
func (d DAV) ask(ctx context.Context, r davRequest) (*davAnswer, error) {
	ctx, cancel := context.WithTimeout(ctx, davWithin)
	defer cancel()
	for range davRedirects {
		a, err := d.sendAs(ctx, r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", r.method, err)
		}
		if a.status < 300 || a.status > 399 {
			return a, asError(a)
		}
		next, err := a.at.Parse(a.header.Get("Location"))
		if err != nil || a.header.Get("Location") == "" {
			return nil, fmt.Errorf("%s: %w: a redirect to nowhere", r.method, ErrDAVNonsense)
		}
		if !mayFollow(r.at, next) {
			return nil, fmt.Errorf("%s: %w", r.method, ErrDAVElsewhere)
		}
		r.at = next
	}
	return nil, fmt.Errorf("%s: %w: more than %d redirects", r.method, ErrDAVNonsense, davRedirects)
}

// mayFollow reports whether what is told to one address may be told to another.
func mayFollow(from, to *url.URL) bool {
	secure := to.Scheme == "https" && (to.Port() == from.Port() || from.Scheme == "http")
	return strings.EqualFold(from.Hostname(), to.Hostname()) && (secure || to.Scheme == from.Scheme && to.Port() == from.Port())
}

// sendAs sends a request with the password (Basic, RFC 7617), or, where the server wants that, with a proof that one
// has it (Digest, RFC 7616).
func (d DAV) sendAs(ctx context.Context, r davRequest) (*davAnswer, error) {
	a, err := d.send(ctx, r)
	if err != nil || a.status != http.StatusUnauthorized {
		return a, err
	}
	challenge, err := digest.FindChallenge(a.header)
	if err != nil {
		return a, nil // it wants no Digest: the answer is no
	}
	proof, err := digest.Digest(challenge, digest.Options{
		Method: r.method, URI: r.at.RequestURI(), Username: d.User, Password: d.Password, Count: 1,
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(r.body)), nil },
	})
	if err != nil {
		return a, nil // in a way that nobody knows
	}
	r.header = maps.Clone(r.header)
	r.header["Authorization"] = proof.String()
	return d.send(ctx, r)
}

func (d DAV) send(ctx context.Context, r davRequest) (*davAnswer, error) {
	q, err := http.NewRequestWithContext(ctx, r.method, r.at.String(), strings.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("User-Agent", "Sportello")
	if d.User != "" || d.Password != "" {
		q.SetBasicAuth(d.User, d.Password)
	}
	for name, value := range r.header {
		q.Header.Set(name, value)
	}
	resp, err := d.client().Do(q)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDAVUnreachable, withoutAddress(err))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, davLargest+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDAVUnreachable, err)
	}
	if len(body) > davLargest {
		return nil, ErrDAVTooLarge
	}
	return &davAnswer{status: resp.StatusCode, at: r.at, header: resp.Header, body: body}, nil
}

// client is d.HTTP, which follows no redirects by itself: it would make a GET of a PROPFIND.
func (d DAV) client() *http.Client {
	var c http.Client
	if d.HTTP != nil {
		c = *d.HTTP
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &c
}

// session returns a client that keeps the line to a server, for many requests one after the other, and
// what hangs up.
func (g *Guard) session() (*http.Client, func()) {
	t := guarded{plain: g.transport(g.named), secure: g.transport(g.Allows)}
	for _, each := range []*http.Transport{t.plain, t.secure} {
		each.DisableKeepAlives, each.MaxIdleConnsPerHost = false, 1
	}
	return &http.Client{Transport: t}, func() { t.plain.CloseIdleConnections(); t.secure.CloseIdleConnections() }
}

// withoutAddress is an error of the client without the address, which the caller says.
func withoutAddress(err error) error {
	if u := (*url.Error)(nil); errors.As(err, &u) {
		return u.Err
	}
	return err
}

// asError is why an answer is none to use; nil if it is a success.
func asError(a *davAnswer) error {
	switch a.status {
	case http.StatusUnauthorized:
		return ErrDAVLogin
	case http.StatusForbidden:
		return ErrDAVDenied
	case http.StatusNotFound, http.StatusGone:
		return ErrDAVGone
	case http.StatusPreconditionFailed, http.StatusConflict:
		return ErrDAVChanged
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return &Problem{Code: Answered, After: retryAfter(a.header), cause: ErrDAVBusy}
	}
	if a.status/100 != 2 {
		return statusError(a.status)
	}
	return nil
}

// Collection is one calendar of a person.
type Collection struct {
	Address  string // ends with a slash
	Name     string // as the person sees it; may be empty
	ReadOnly bool   // the server says that nothing can be written there
	dav      DAV
	at       *url.URL
}

// Member is what stands at an href of a collection: a path, always written the same way. An empty ETag
// says nothing.
type Member struct {
	Href, ETag string
}

// Object is a member and what it holds.
type Object struct {
	Member
	Data []byte
}

// At returns the collection of an address, https://HOST/PATH/, without asking the server.
func (d DAV) At(address string) (*Collection, error) {
	u, err := parseDAV(address)
	if err != nil {
		return nil, err
	}
	return d.at(u), nil
}

func (d DAV) at(u *url.URL) *Collection {
	u = withSlash(u)
	return &Collection{Address: u.String(), dav: d, at: u}
}

// withSlash is the address of a collection, whose path ends with a slash (RFC 4918, section 5.2).
func withSlash(u *url.URL) *url.URL {
	if strings.HasSuffix(u.EscapedPath(), "/") {
		return u
	}
	return u.JoinPath("/")
}

// ErrAddress means that an address of a server is none.
var ErrAddress = errors.New("not an address of a server")

// parseDAV reads an address as people type it, with or without https://.
func parseDAV(address string) (*url.URL, error) {
	address = strings.TrimSpace(address)
	if scheme, rest, found := strings.Cut(address, "://"); !found {
		address = "https://" + address
	} else if strings.EqualFold(scheme, "caldavs") || strings.EqualFold(scheme, "caldav") {
		address = "https://" + rest
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil {
		return nil, ErrAddress
	}
	u.Fragment, u.RawFragment, u.RawQuery, u.ForceQuery = "", "", "", false
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// href is an address of this host as a path, always written the same way; false for other hosts.
func (c *Collection) href(text string) (string, bool) {
	text = strings.TrimSpace(text)
	u, err := c.at.Parse(text)
	if err != nil || text == "" || !strings.EqualFold(u.Hostname(), c.at.Hostname()) {
		return "", false
	}
	return pathOf(u), true
}

// pathOf writes the path of an address with each segment escaped in Go's way: servers differ in whether
// they write @ or %40.
func pathOf(u *url.URL) string {
	segments := strings.Split(u.EscapedPath(), "/")
	for i, s := range segments {
		if plain, err := url.PathUnescape(s); err == nil {
			segments[i] = url.PathEscape(plain)
		}
	}
	return strings.Join(segments, "/")
}

// Href is where a member of a name is put.
func (c *Collection) Href(name string) string { return pathOf(c.at) + url.PathEscape(name) }

// request returns one for an href of c.
func (c *Collection) request(method, href string) (davRequest, error) {
	u, err := c.at.Parse(href)
	if err != nil || u.Host != c.at.Host || u.Scheme != c.at.Scheme {
		return davRequest{}, fmt.Errorf("%w: an href", ErrDAVNonsense)
	}
	return davRequest{method: method, at: u, header: map[string]string{}}, nil
}

// Get reads a member. It returns ErrDAVGone when there is none.
func (c *Collection) Get(ctx context.Context, href string) (Object, error) {
	r, err := c.request(http.MethodGet, href)
	if err != nil {
		return Object{}, err
	}
	r.header["Accept"] = "text/calendar"
	a, err := c.dav.ask(ctx, r)
	if err != nil {
		return Object{}, err
	}
	return Object{Member{href, a.header.Get("ETag")}, a.body}, nil
}

// Put writes a new member, or over one that has the ETag of m, and returns how it then stands there:
// servers rewrite what they take. It returns ErrDAVChanged when another has written first. Where
// the server has no ETag, or a weak one, which cannot be a condition (RFC 9110, section 13.1.1), the
// member is read just before.
func (c *Collection) Put(ctx context.Context, m Member, isNew bool, data []byte) (Object, error) {
	r, err := c.request(http.MethodPut, m.Href)
	if err != nil {
		return Object{}, err
	}
	r.header["Content-Type"] = typeCalendar
	r.body = string(data)
	if isNew {
		r.header["If-None-Match"] = "*"
	} else if r.header["If-Match"], err = c.condition(ctx, m); err != nil {
		return Object{}, err
	}
	if _, err := c.dav.ask(ctx, r); err != nil {
		return Object{}, err
	}
	return c.Get(ctx, m.Href)
}

// Delete takes away the member that has the ETag of m. It returns ErrDAVChanged as Put does, and
// ErrDAVGone when it is not there any more.
func (c *Collection) Delete(ctx context.Context, m Member) error {
	r, err := c.request(http.MethodDelete, m.Href)
	if err != nil {
		return err
	}
	if r.header["If-Match"], err = c.condition(ctx, m); err != nil {
		return err
	}
	_, err = c.dav.ask(ctx, r)
	return err
}

// condition is the If-Match by which a member is written over.
func (c *Collection) condition(ctx context.Context, m Member) (string, error) {
	if m.ETag != "" && !isWeak(m.ETag) {
		return m.ETag, nil
	}
	now, err := c.Get(ctx, m.Href)
	if err != nil {
		return "", err
	}
	if now.ETag != m.ETag {
		return "", ErrDAVChanged
	}
	return "*", nil
}

func isWeak(etag string) bool { return strings.HasPrefix(etag, "W/") }
