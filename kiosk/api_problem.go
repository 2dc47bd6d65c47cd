package kiosk

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"sportello/internal/fault"
	"sportello/static"
)

// problem is an error as programs get it (RFC 9457).
type problem struct {
	Type   string         `json:"type"`
	Title  string         `json:"title"`
	Status int            `json:"status"`
	Detail string         `json:"detail,omitempty"`
	Code   string         `json:"code"`
	Errors []problemField `json:"errors,omitempty"`
}

type problemField struct {
	Field  string `json:"field"`
	Code   string `json:"code"`
	Detail string `json:"detail"`
}

func (s *Server) failProgram(c echo.Context, f *fault.Error, lang string) error {
	p := problem{
		Type: "about:blank", Title: http.StatusText(int(f.Kind)), Status: int(f.Kind), Code: f.Code,
		Detail: static.Text(lang, "fault."+f.Code+".title", pairs(f, lang)...),
	}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, problemField{Field: field.Name, Code: field.Code, Detail: static.Text(lang, "field."+field.Code)})
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/problem+json")
	if f.Kind == fault.SignIn {
		h.Set(echo.HeaderWWWAuthenticate, "Bearer") // RFC 9110, section 11.6.1
	}
	c.Response().WriteHeader(p.Status)
	return c.Echo().JSONSerializer.Serialize(c, p, "")
}
