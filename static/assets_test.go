package static_test

import (
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"sportello/static"
)

const styles = "body{margin:0}"

func built(t *testing.T) fstest.MapFS {
	t.Helper()
	var zipped strings.Builder
	w := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(w, styles); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return fstest.MapFS{
		"manifest.json":         {Data: []byte(`{"lobby.css": "lobby-AB12CD34.css", "text.woff2": "text-EF56GH78.woff2"}`)},
		"lobby-AB12CD34.css":    {Data: []byte(styles)},
		"lobby-AB12CD34.css.gz": {Data: []byte(zipped.String())},
		"text-EF56GH78.woff2":   {Data: []byte("wOF2")},
		"forgotten.css":         {Data: []byte("old")},
	}
}

func TestOpenAssets(t *testing.T) {
	tests := []struct {
		name   string
		change func(fstest.MapFS)
		want   error
	}{
		{"built", func(fstest.MapFS) {}, nil},
		{"never built", func(dist fstest.MapFS) { clear(dist) }, static.ErrNotBuilt},
		{"file lost", func(dist fstest.MapFS) { delete(dist, "text-EF56GH78.woff2") }, fs.ErrNotExist},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dist := built(t)
			tt.change(dist)
			if _, err := static.OpenAssets(dist); !errors.Is(err, tt.want) {
				t.Errorf("error: got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestAssetsNeverBuiltStillAnswer(t *testing.T) {
	assets, _ := static.OpenAssets(fstest.MapFS{})
	if got, want := assets.URL("lobby.css"), "/static/lobby.css"; got != want {
		t.Errorf("URL: got %q, want %q", got, want)
	}
	if got := get(assets, http.MethodGet, assets.URL("lobby.css"), "").Code; got != http.StatusNotFound {
		t.Errorf("status: got %d, want 404", got)
	}
}

func TestAssetsCheck(t *testing.T) {
	assets, err := static.OpenAssets(built(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := assets.Check("lobby.css", "text.woff2"); err != nil {
		t.Errorf("assets there: got %v, want none", err)
	}
	if err := assets.Check("lobby.css", "board.css"); err == nil || !strings.Contains(err.Error(), "board.css") {
		t.Errorf("board.css missing: got %v, want an error that names it", err)
	}
}

func TestServeAssets(t *testing.T) {
	assets, err := static.OpenAssets(built(t))
	if err != nil {
		t.Fatal(err)
	}
	css := assets.URL("lobby.css")
	tests := []struct {
		name, method, url, accept string
		wantStatus                int
		wantEncoding, wantType    string
	}{
		{"plain", "GET", css, "", 200, "", "text/css; charset=utf-8"},
		{"gzip", "GET", css, "br, gzip;q=0.8", 200, "gzip", "text/css; charset=utf-8"},
		{"gzip refused", "GET", css, "gzip;q=0, identity", 200, "", "text/css; charset=utf-8"},
		{"font has no twin", "GET", assets.URL("text.woff2"), "gzip", 200, "", "font/woff2"},
		{"head", "HEAD", css, "", 200, "", "text/css; charset=utf-8"},
		{"post", "POST", css, "", 405, "", ""},
		{"name without hash", "GET", "/static/lobby.css", "", 404, "", ""},
		{"unknown name", "GET", assets.URL("nothing.js"), "", 404, "", ""},
		{"not in the manifest", "GET", "/static/forgotten.css", "", 404, "", ""},
		{"manifest itself", "GET", "/static/manifest.json", "", 404, "", ""},
		{"twin itself", "GET", css + ".gz", "", 404, "", ""},
		{"folder", "GET", "/static/", "", 404, "", ""},
		{"climbing out", "GET", "/static/../static.go", "", 404, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := get(assets, tt.method, tt.url, tt.accept)
			if got.Code != tt.wantStatus {
				t.Fatalf("status: got %d, want %d", got.Code, tt.wantStatus)
			}
			if tt.wantStatus != http.StatusOK {
				if cache := got.Header().Get("Cache-Control"); strings.Contains(cache, "immutable") {
					t.Errorf("a refusal is cached for ever: %q", cache)
				}
				return
			}
			if cache := got.Header().Get("Cache-Control"); !strings.Contains(cache, "immutable") {
				t.Errorf("Cache-Control: got %q, want immutable", cache)
			}
			if encoding := got.Header().Get("Content-Encoding"); encoding != tt.wantEncoding {
				t.Errorf("Content-Encoding: got %q, want %q", encoding, tt.wantEncoding)
			}
			if kind := got.Header().Get("Content-Type"); kind != tt.wantType {
				t.Errorf("Content-Type: got %q, want %q", kind, tt.wantType)
			}
		})
	}
}

func TestGzipTwinUnpacks(t *testing.T) {
	assets, err := static.OpenAssets(built(t))
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(get(assets, http.MethodGet, assets.URL("lobby.css"), "gzip").Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != styles {
		t.Errorf("unpacked: got %q, want %q", got, styles)
	}
}

// TestBuiltAssets looks at what npm built, where it has: the names that pages ask for are there,
// no style sheet or script reaches out of the server, and the lobby's first load stays small.
func TestBuiltAssets(t *testing.T) {
	if errors.Is(static.Check(), static.ErrNotBuilt) {
		t.Skip("front-end assets are not built")
	}
	var names []string
	for _, surface := range []string{"lobby", "board", "phone", "desk", "public"} {
		names = append(names, surface+".css", surface+".js")
	}
	for _, l := range static.Languages() {
		if l.Script != "" {
			names = append(names, "script-"+l.Script+".css")
		}
	}
	if err := static.Check(append(names, "sprites.svg", "licences.txt")...); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		body := get(static.Handler(), http.MethodGet, static.URL(name), "").Body.String()
		for _, forbidden := range []string{"url(http", "url(//", "sourceMappingURL", "@import", "url(data:font", "url(data:application"} {
			if strings.Contains(body, forbidden) {
				t.Errorf("%s contains %q", name, forbidden)
			}
		}
	}
}

func TestLobbyFirstLoadIsSmall(t *testing.T) {
	if errors.Is(static.Check(), static.ErrNotBuilt) {
		t.Skip("front-end assets are not built")
	}
	const limit = 56 << 10 // which leaves room for a page of HTML below 60 KB
	total := 0
	for _, name := range []string{
		"lobby.css", "lobby.js",
		"titillium-web-latin-400-normal.woff2", "titillium-web-latin-600-normal.woff2",
		"titillium-web-latin-ext-600-normal.woff2", // Română
		"name-ar-noto-sans-arabic-arabic-600-normal.woff2",
		"name-uk-noto-sans-cyrillic-600-normal.woff2",
		"name-zh-noto-sans-sc-chinese-simplified-600-normal.woff2",
	} {
		answer := get(static.Handler(), http.MethodGet, static.URL(name), "gzip")
		if answer.Code != http.StatusOK {
			t.Fatalf("%s: got status %d, want 200", name, answer.Code)
		}
		total += answer.Body.Len()
	}
	t.Logf("style, script and faces: %d bytes on the wire", total)
	if total > limit {
		t.Errorf("first load: got %d bytes, want at most %d", total, limit)
	}
}

func get(h http.Handler, method, url, accept string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, url, http.NoBody)
	r.Header.Set("Accept-Encoding", accept)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
