package kiosk

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"sportello/internal/access"
	"sportello/internal/fault"
)

// The faults of forms that only the console knows.
var (
	errDay       = fault.New(fault.Invalid, "day_invalid")
	errOwn       = fault.New(fault.Conflict, "own_account")
	errOfficer   = fault.New(fault.Invalid, "officer_invalid")
	errPrinter   = fault.New(fault.Invalid, "printer_elsewhere")
	errFallback  = fault.New(fault.Invalid, "printer_same")
	errFolder    = fault.New(fault.Denied, "printer_folder")
	errNoPrinter = fault.New(fault.Missing, "printer_missing")
	errWhole     = fault.New(fault.Invalid, "administrator_whole")
)

// manageForm is what a form of the console knows of its last answer.
type manageForm struct {
	Refused *deskAlert
	wrong   string            // the field that the refusal is about
	stored  map[string]string // what is stored now, in words, where it differs from what was typed
}

// Wrong reports whether the refusal is about a field.
func (f manageForm) Wrong(field string) bool { return f.wrong != "" && f.wrong == field }

// Field is the field that the refusal is about, "" none.
func (f manageForm) Field() string { return f.wrong }

// Stored is what somebody else has stored in a field meanwhile, "" nothing new.
func (f manageForm) Stored(field string) string { return f.stored[field] }

// faultFields are the fields of forms that faults are about.
var faultFields = map[string]string{
	"login_invalid": "login", "login_taken": "login", "name_invalid": "name", "role_invalid": "role", "territory_missing": "territory",
	"device_invalid": "name", "printer_uri": "uri", "printer_folder": "uri", "day_invalid": "until", "officer_invalid": "officer", "printer_elsewhere": "printer", "printer_same": "fallback",
	"official_key": "key", "official_name": "name", "official_drafted": "ours", "file_missing": "file",
	"administrator_whole": "offices", "other_office": "offices", "scope_unknown": "scopes",
	"address_invalid": "address", "calendar_whose": "whose", "calendar_officer": "whose", "calendar_collection": "collection",
}

// refusedWith is a refusal as a page shows it, and the page's status; what is no fault is returned.
func refusedWith(c echo.Context, lang string, refused error) (*deskAlert, int, error) {
	if refused == nil {
		return nil, http.StatusOK, nil
	}
	f := (*fault.Error)(nil)
	if !errors.As(refused, &f) {
		return nil, 0, refused
	}
	retryAfter(c.Response().Header(), f)
	return refusal(lang, f), int(f.Kind), nil
}

// formOf is a form as it comes back after a refusal. Only when what is stored was changed meanwhile it
// tells of the fields in which that differs: typed and stored are words by field.
func (m *console) formOf(c echo.Context, refused error, typed, stored map[string]string) (manageForm, int, error) {
	var f manageForm
	alert, status, err := refusedWith(c, m.lang, refused)
	if err != nil {
		return f, 0, err
	}
	f.Refused, f.wrong = alert, faultFields[fault.Code(refused)]
	if errors.Is(refused, access.ErrEdited) {
		f.stored = make(map[string]string)
		for field, now := range stored {
			if now != typed[field] {
				f.stored[field] = m.text("manage.stored", "value", now)
			}
		}
	}
	return f, status, nil
}
