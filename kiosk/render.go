package kiosk

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/static"
)

//go:embed all:templates
var templates embed.FS

// pages are the parsed pages by language and name, such as "it" and "lobby/start".
type pages map[string]map[string]*template.Template

// Page is what every page's view begins with.
type Page struct {
	Lang   string
	RTL    bool
	Script string // font besides the Latin one: cyrillic, arabic, chinese, or ""
}

// page returns the beginning of a view in a language; an unknown one becomes Italian.
func page(lang string) Page {
	for _, l := range static.Languages() {
		if l.Code == lang {
			return Page{Lang: l.Code, RTL: l.RTL, Script: l.Script}
		}
	}
	return Page{Lang: "it"}
}

func (p Page) language() string { return p.Lang }

// view is a page's typed struct; embedding Page makes it one.
type view interface{ language() string }

// parsedPages are the pages of every server: they are embedded and do not change.
var parsedPages = sync.OnceValues(parsePages)

// parsePages parses every page of every surface in every language. A surface is a folder: its
// layout.html defines "layout", files that begin with _ are parts of its pages, and each other file
// is a page that defines "title" and "main".
func parsePages() (pages, error) {
	files, err := fs.Glob(templates, "templates/*/*.html")
	if err != nil {
		return nil, err
	}
	all := make(pages)
	for _, language := range static.Languages() {
		lang := language.Code
		all[lang] = make(map[string]*template.Template)
		for _, file := range files {
			dir, base := path.Split(file)
			if base == "layout.html" || strings.HasPrefix(base, "_") {
				continue
			}
			set := template.New(base).Option("missingkey=error").Funcs(functions(lang))
			patterns := []string{dir + "layout.html", file}
			if parts, _ := fs.Glob(templates, dir+"_*.html"); len(parts) > 0 {
				patterns = append(patterns, dir+"_*.html")
			}
			parsed, err := set.ParseFS(templates, patterns...)
			if err != nil {
				return nil, fmt.Errorf("page %s: %w", file, err)
			}
			all[lang][path.Base(dir)+"/"+strings.TrimSuffix(base, ".html")] = parsed
		}
	}
	return all, nil
}

// functions are what templates may call; t gives a message of the catalogue.
func functions(lang string) template.FuncMap {
	return template.FuncMap{
		"t":       func(key string, args ...any) string { return static.Text(lang, key, args...) },
		"ti":      func(of, key string, args ...any) string { return static.Text(of, key, args...) },
		"asset":   static.URL,
		"clock":   func(t time.Time) string { return t.Format("15:04") },
		"date":    func(t time.Time) string { return static.Date(lang, t, static.Day) },
		"minutes": func(d time.Duration) int { return int((d + time.Minute - 1) / time.Minute) },
		"join":    strings.Join,
	}
}

// render answers with a page. It is rendered to memory first, so that a fault in it becomes an
// error and not half a page.
func (s *Server) render(c echo.Context, status int, name string, v view) error {
	parsed := s.pages[v.language()][name]
	if parsed == nil {
		return fmt.Errorf("render: no page %s in %q", name, v.language())
	}
	var out bytes.Buffer
	if err := parsed.ExecuteTemplate(&out, "layout", v); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	return c.HTMLBlob(status, out.Bytes())
}

// show renders a page with status 200.
func (s *Server) show(c echo.Context, name string, v view) error {
	return s.render(c, http.StatusOK, name, v)
}

// language is the reader's: asked for in the address, or preferred by the browser.
func language(c echo.Context) string {
	if asked := c.QueryParam("lang"); asked != "" {
		return page(asked).Lang
	}
	return static.Match(c.Request().Header.Get("Accept-Language"))
}
