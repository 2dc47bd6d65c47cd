package kiosk

import (
	"errors"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"
)

// uploads are the pages whose forms carry a file, and how large their bodies may be.
var uploads = map[string]string{importPath: "2M", formsNewPath: officialUpload, formFilePath: officialUpload}

// bodyLimit is how large the body of any other request may be.
const bodyLimit = "64K"

// limitBodies refuses bodies that are too large.
func limitBodies() []echo.MiddlewareFunc {
	limit := func(most string, of func(path string) bool) echo.MiddlewareFunc {
		return middleware.BodyLimitWithConfig(middleware.BodyLimitConfig{
			Limit: most, Skipper: func(c echo.Context) bool { return !of(c.Path()) },
		})
	}
	all := []echo.MiddlewareFunc{limit(bodyLimit, func(path string) bool { return uploads[path] == "" })}
	for _, most := range slices.Compact(slices.Sorted(maps.Values(uploads))) {
		all = append(all, limit(most, func(path string) bool { return uploads[path] == most }))
	}
	return all
}

// readForm reads the form that a request of a page carries. What is no form, cannot be understood or is
// too large is refused; no body at all is an empty form.
func readForm(r *http.Request, page string) error {
	if r.ContentLength == 0 && r.Header.Get(echo.HeaderContentType) == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	parse := r.ParseForm
	switch {
	case err == nil && kind == echo.MIMEApplicationForm:
	case err == nil && kind == echo.MIMEMultipartForm && uploads[page] != "":
		parse = func() error { return r.ParseMultipartForm(1 << 20) }
	default:
		return errMediaType
	}
	if err := parse(); err != nil {
		if refused := (*echo.HTTPError)(nil); errors.As(err, &refused) {
			return refused // too large, which is found out while it is read
		}
		return errMalformed
	}
	if !legibleValues(r.PostForm) {
		return errMalformed
	}
	return nil
}

// posted is the form that a request carries, which was read before its handler.
func posted(c echo.Context) url.Values { return c.Request().PostForm }
