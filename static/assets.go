package static

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strings"
	"time"
)

// prefix is where the assets live on the server.
const prefix = "/static/"

// ErrNotBuilt is returned when the front-end assets were not built before the binary.
var ErrNotBuilt = errors.New("front-end assets are not built: run make assets")

// contentTypes of what the build writes; the machine's own table of types is not asked.
var contentTypes = map[string]string{
	".css":   "text/css; charset=utf-8",
	".js":    "text/javascript; charset=utf-8",
	".svg":   "image/svg+xml",
	".txt":   "text/plain; charset=utf-8",
	".woff2": "font/woff2",
}

// Assets are the built files: it turns their names into addresses and serves those.
type Assets struct {
	urls  map[string]string // by the build's name
	files map[string]file   // by hashed name
}

type file struct {
	contentType string
	body        []byte
	gzipped     []byte // nil where the build made none
}

// OpenAssets reads the build output dist: manifest.json and the files it lists, each with an
// optional gzip twin. It always returns usable Assets, empty with [ErrNotBuilt] or another error.
func OpenAssets(dist fs.FS) (*Assets, error) {
	a := &Assets{urls: map[string]string{}, files: map[string]file{}}
	manifest, err := readManifest(dist)
	if err != nil {
		return a, err
	}
	for name, hashed := range manifest {
		f, err := readFile(dist, hashed)
		if err != nil {
			return a, fmt.Errorf("asset %s: %w", name, err)
		}
		a.urls[name] = prefix + hashed
		a.files[hashed] = f
	}
	return a, nil
}

func readManifest(dist fs.FS) (map[string]string, error) {
	text, err := fs.ReadFile(dist, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotBuilt
	}
	if err != nil {
		return nil, fmt.Errorf("read asset manifest: %w", err)
	}
	var manifest map[string]string
	if err := json.Unmarshal(text, &manifest); err != nil {
		return nil, fmt.Errorf("read asset manifest: %w", err)
	}
	return manifest, nil
}

func readFile(dist fs.FS, name string) (file, error) {
	f := file{contentType: contentTypes[path.Ext(name)]}
	if f.contentType == "" {
		return file{}, fmt.Errorf("no content type for %q", name)
	}
	var err error
	if f.body, err = fs.ReadFile(dist, name); err != nil {
		return file{}, err
	}
	if f.gzipped, err = fs.ReadFile(dist, name+".gz"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return file{}, err
	}
	return f, nil
}

// URL returns the address of the asset name; see the function [URL].
func (a *Assets) URL(name string) string {
	if url, ok := a.urls[name]; ok {
		return url
	}
	return prefix + name
}

// Check reports the names that the build did not make.
func (a *Assets) Check(names ...string) error {
	for _, name := range names {
		if _, ok := a.urls[name]; !ok {
			return fmt.Errorf("front-end asset %s is missing: run make assets", name)
		}
	}
	return nil
}

// ServeHTTP serves hashed names under /static/ to GET and HEAD, to be cached for ever: other
// content has another name (RFC 8246). Whatever the manifest does not list is not found.
func (a *Assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	f, ok := a.files[strings.TrimPrefix(r.URL.Path, prefix)]
	if !ok {
		http.NotFound(w, r)
		return
	}
	header := w.Header()
	header.Set("Content-Type", f.contentType)
	header.Set("Cache-Control", "public, max-age=31536000, immutable")
	header.Set("X-Content-Type-Options", "nosniff")
	body := f.body
	if f.gzipped != nil {
		header.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			header.Set("Content-Encoding", "gzip")
			body = f.gzipped
		}
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip reports whether an Accept-Encoding header allows gzip (RFC 9110, section 12.5.3).
func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			return !refused.MatchString(weight)
		}
	}
	return false
}

// refused matches the weight nought of a coding that the client does not want.
var refused = regexp.MustCompile(`^\s*[qQ]=0(\.0*)?\s*$`)
