package kiosk

import (
	"errors"
	"mime"
	"net/http"
	"net/url"

	"github.com/labstack/echo/v4"
)

// readForm reads the form that a request carries. What is no form, cannot be understood or is too
// large is refused; no body at all is an empty form.
func readForm(r *http.Request) error {
	if r.ContentLength == 0 && r.Header.Get(echo.HeaderContentType) == "" {
		return nil
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get(echo.HeaderContentType))
	if err != nil || kind != echo.MIMEApplicationForm {
		return errMediaType
	}
	if err := r.ParseForm(); err != nil {
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
