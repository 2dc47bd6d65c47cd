package kiosk

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
)

type enrolBody struct {
	Code string `json:"code"`
}

func (b *enrolBody) check(w *wrongs) { w.need("code", b.Code) }

// enrolledJSON is a device and the token by which it comes in from now on.
type enrolledJSON struct {
	Token  string     `json:"token"`
	Device deviceJSON `json:"device"`
}

type deviceJSON struct {
	ID     string            `json:"id"`
	Kind   access.DeviceKind `json:"kind"`
	Office string            `json:"office"`
	Name   string            `json:"name"`
}

// apiEnrol gives a program the token of the device whose code it has. The code is good once, so no key
// is needed for it, and the token is told once: only its hash is kept.
func (s *Server) apiEnrol(c echo.Context, _ visitor) error {
	var body enrolBody
	if err := decode(c, &body); err != nil {
		return err
	}
	d, token, err := access.Enrol(c.Request().Context(), s.db, body.Code, from(c), access.DeviceKinds...)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusCreated, enrolledJSON{token, deviceJSON{d.ID, d.Kind, d.Office, d.Name}})
}
