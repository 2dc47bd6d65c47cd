package calendar_test

import (
	"crypto/md5"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"sportello/booking/calendar"
)

const dav207 = `<?xml version="1.0"?><multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">%s</multistatus>`

// member is what a server says of one member.
func member(href, etag string) string {
	return fmt.Sprintf(`<response><href>%s</href><propstat><prop><getetag>%s</getetag></prop><status>HTTP/1.1 200 OK</status></propstat></response>`, href, etag)
}

// scripted is a calendar at a server that answers as handle does, by method.
func scripted(t *testing.T, handle map[string]http.HandlerFunc) *calendar.Collection {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, ok := handle[r.Method]
		if !ok {
			http.Error(w, "no", http.StatusMethodNotAllowed)
			return
		}
		h(w, r)
	}))
	t.Cleanup(server.Close)
	c, err := calendar.DAV{User: "u", Password: "p"}.At(server.URL + "/dav/prova@comune.example/Calendar")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// replies answers with a multistatus.
func replies(body ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusMultiStatus)
		_, _ = fmt.Fprintf(w, dav207, strings.Join(body, ""))
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

const (
	token  = `<sync-token>t1</sync-token>`
	itself = `<response><href>/dav/prova%40comune.example/Calendar/</href><propstat><prop><resourcetype><collection/></resourcetype></prop><status>HTTP/1.1 200 OK</status></propstat></response>`
	home   = "/dav/prova@comune.example/Calendar/"
)

// TestDAVChanges understands the answers of servers that differ, falls back to a list, and takes no
// nonsense for an empty calendar.
func TestDAVChanges(t *testing.T) {
	list := replies(itself, member("/dav/prova%40comune.example/Calendar/a%20b.ics", `W/"1"`), member("/dav/prova@comune.example/Calendar/c.ics", ""),
		`<response><href>/dav/prova@comune.example/Calendar/sub/</href></response>`)
	listed := []calendar.Member{{Href: home + "a%20b.ics", ETag: `W/"1"`}, {Href: home + "c.ics"}}
	tests := []struct {
		name         string
		token        string
		report, find http.HandlerFunc
		want         calendar.Changes
		err          error
	}{
		{
			name: "hrefs in every form", report: func(w http.ResponseWriter, r *http.Request) {
				replies(token, member("http://"+r.Host+"/dav/prova%40comune.example/Calendar/x.ics", `"1"`), member("y.ics", `"2"`), member("./%7Ez.ics", `"3"`))(w, r)
			},
			want: calendar.Changes{Token: "t1", Whole: true, Changed: []calendar.Member{{Href: home + "x.ics", ETag: `"1"`}, {Href: home + "y.ics", ETag: `"2"`}, {Href: home + "~z.ics", ETag: `"3"`}}},
		},
		{name: "no report", report: status(501), find: list, want: calendar.Changes{Whole: true, Changed: listed}},
		{name: "not allowed to report", report: status(403), find: list, want: calendar.Changes{Whole: true, Changed: listed}},
		{name: "an error of the report", token: "t0", report: status(500), find: list, want: calendar.Changes{Whole: true, Changed: listed}},
		{name: "too many for a report", token: "t0", report: status(507), find: list, want: calendar.Changes{Whole: true, Changed: listed}},
		{name: "200 for 207", report: status(200), find: list, want: calendar.Changes{Whole: true, Changed: listed}},
		{name: "no token", report: replies(member("x.ics", `"1"`)), find: list, want: calendar.Changes{Whole: true, Changed: listed}},
		{name: "another host", report: replies(token, member("http://elsewhere.example/x.ics", `"1"`)), find: list, want: calendar.Changes{Whole: true, Changed: listed}},
		{name: "another calendar", report: replies(token, member("/dav/someone/else.ics", `"1"`)), find: list, want: calendar.Changes{Whole: true, Changed: listed}},
		{name: "told in parts", token: "t0", report: func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if strings.Contains(string(body), "<d:sync-token>t0<") {
				replies(token, member("x.ics", `"1"`), member("y.ics", `"1"`), `<response><href>.</href><status>HTTP/1.1 507 Insufficient Storage</status></response>`)(w, r)
				return
			}
			replies(`<sync-token>t2</sync-token>`, member("x.ics", `"2"`), `<response><href>y.ics</href><status>HTTP/1.1 404 Not Found</status></response>`)(w, r)
		}, want: calendar.Changes{Token: "t2", Changed: []calendar.Member{{Href: home + "x.ics", ETag: `"2"`}}, Gone: []string{home + "y.ics"}}},
		{name: "parts without end", report: replies(token, `<response><href>.</href><status>HTTP/1.1 507 Insufficient Storage</status></response>`), find: list, want: calendar.Changes{Whole: true, Changed: listed}},
		{name: "cut off", report: status(501), find: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(207)
			_, _ = io.WriteString(w, strings.TrimSuffix(fmt.Sprintf(dav207, itself+member("a.ics", `"1"`)), "</multistatus>"))
		}, err: calendar.ErrDAVNonsense},
		{name: "an empty list", report: status(501), find: replies(), err: calendar.ErrDAVNonsense},
		{name: "a page for people", report: status(501), find: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(207)
			_, _ = io.WriteString(w, "<html><body>Accesso")
		}, err: calendar.ErrDAVNonsense},
		{name: "too many members", report: status(501), find: func(w http.ResponseWriter, r *http.Request) {
			replies(itself, strings.Repeat(`<response><href>a</href></response>`, 50_001))(w, r)
		}, err: calendar.ErrDAVTooLarge},
		{name: "too large", report: status(501), find: func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(207)
			_, _ = io.WriteString(w, strings.Repeat("<a>", 6<<20))
		}, err: calendar.ErrDAVTooLarge},
		{name: "revoked", token: "t0", report: status(401), find: list, err: calendar.ErrDAVLogin},
		{name: "gone", token: "t0", report: status(404), find: list, err: calendar.ErrDAVGone},
		{name: "later", token: "t0", report: status(503), find: list, err: calendar.ErrDAVBusy},
		{name: "elsewhere", report: func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.2:1/", http.StatusPermanentRedirect)
		}, find: list, err: calendar.ErrDAVElsewhere},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := scripted(t, map[string]http.HandlerFunc{"REPORT": tt.report, "PROPFIND": tt.find}).Changes(t.Context(), tt.token)
			if !errors.Is(err, tt.err) {
				t.Fatalf("got %v, want %v", err, tt.err)
			}
			if err == nil && (got.Token != tt.want.Token || got.Whole != tt.want.Whole || !slices.Equal(got.Changed, tt.want.Changed) || !slices.Equal(got.Gone, tt.want.Gone)) {
				t.Errorf("got  %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// TestDAVWeak writes over a member whose ETag cannot be a condition, but not when it has changed.
func TestDAVWeak(t *testing.T) {
	for _, etag := range []string{`W/"1"`, ""} {
		var condition string
		c := scripted(t, map[string]http.HandlerFunc{
			"GET": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", etag) },
			"PUT": func(_ http.ResponseWriter, r *http.Request) { condition = r.Header.Get("If-Match") },
		})
		if _, err := c.Put(t.Context(), calendar.Member{Href: home + "a.ics", ETag: etag}, false, nil); err != nil || condition != "*" {
			t.Errorf("ETag %s: got condition %q, %v", etag, condition, err)
		}
		if _, err := c.Put(t.Context(), calendar.Member{Href: home + "a.ics", ETag: `W/"0"`}, false, nil); !errors.Is(err, calendar.ErrDAVChanged) {
			t.Errorf("ETag %s, changed: got %v", etag, err)
		}
	}
}

// TestDAVRead asks one by one where the server cannot be asked for many, and tells of what is too large.
func TestDAVRead(t *testing.T) {
	large := strings.Repeat("x", 16<<20+1)
	c := scripted(t, map[string]http.HandlerFunc{"GET": func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/large.ics"):
			_, _ = io.WriteString(w, large)
		case strings.HasSuffix(r.URL.Path, "/none.ics"):
			http.NotFound(w, r)
		default:
			_, _ = io.WriteString(w, r.URL.Path)
		}
	}})
	got := map[string]string{}
	err := c.Read(t.Context(), []string{c.Href("è bello.ics"), c.Href("large.ics"), c.Href("none.ics")}, func(o calendar.Object, err error) {
		got[o.Href] = fmt.Sprint(string(o.Data), errors.Is(err, calendar.ErrDAVTooLarge))
	})
	if err != nil || len(got) != 2 || got[home+"%C3%A8%20bello.ics"] != home+"è bello.icsfalse" || got[home+"large.ics"] != "true" {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestDAVAddress(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"host", "posta.comune.example", "https://posta.comune.example/"},
		{"of a calendar program", "caldavs://posta.comune.example/dav/x", "https://posta.comune.example/dav/x/"},
		{"with spaces", " https://posta.comune.example/dav/prova@comune.example/Ufficio Nord ", "https://posta.comune.example/dav/prova@comune.example/Ufficio%20Nord/"},
		{"with a question", "http://10.0.0.8:8008/c/?x=1#y", "http://10.0.0.8:8008/c/"},
		{"nothing", "", ""},
		{"a file", "file:///etc/passwd", ""},
		{"with a password", "https://u:p@posta.comune.example/", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := calendar.DAV{}.At(tt.text)
			if tt.want == "" {
				if !errors.Is(err, calendar.ErrAddress) {
					t.Errorf("got %v, %v", c, err)
				}
				return
			}
			if err != nil || c.Address != tt.want {
				t.Errorf("got %+v, %v, want %s", c, err, tt.want)
			}
		})
	}
}

// TestDAVDigest proves to have the password, as RFC 7616 says, where a server wants no other way.
func TestDAVDigest(t *testing.T) {
	hash := func(parts ...string) string { return fmt.Sprintf("%x", md5.Sum([]byte(strings.Join(parts, ":")))) }
	value := regexp.MustCompile(`(\w+)="?([^",]*)"?`)
	c := scripted(t, map[string]http.HandlerFunc{"GET": func(w http.ResponseWriter, r *http.Request) {
		said := map[string]string{}
		for _, pair := range value.FindAllStringSubmatch(r.Header.Get("Authorization"), -1) {
			said[pair[1]] = pair[2]
		}
		want := hash(hash("u", "casa", "p"), "once", said["nc"], said["cnonce"], "auth", hash("GET", r.URL.RequestURI()))
		if said["uri"] != r.URL.RequestURI() || said["response"] != want {
			w.Header().Set("WWW-Authenticate", `Digest realm="casa", nonce="once", qop="auth", algorithm=MD5`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, "ok")
	}})
	if o, err := c.Get(t.Context(), home+"a.ics"); err != nil || string(o.Data) != "ok" {
		t.Errorf("got %q, %v", o.Data, err)
	}
}
