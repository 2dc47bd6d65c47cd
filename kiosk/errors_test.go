package kiosk_test

import (
	"html"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"sportello/internal/fault"
	"sportello/kiosk"
	"sportello/static"
)

// toCitizens are the faults that a citizen can meet on any page: they must be told in every language.
var toCitizens = []string{
	"closed", "defect", "foreign_request", "full", "malformed", "media_type", "method_not_allowed", "no_officer", "no_printer",
	"no_such_page", "not_by_ticket", "service_ended", "service_stopped", "ticket_state", "too_large", "too_many_requests",
	"unavailable", "unknown_device", "unknown_office", "unknown_printer", "unknown_service", "unknown_ticket",
	"appointment_changed", "appointment_state", "duplicate_need", "hold_expired", "not_today", "other_service", "service_nowhere",
	"slot_missing", "slot_taken", "slot_too_early", "slot_too_late", "too_late_to_change", "too_many_appointments",
	"unknown_appointment", "unknown_hold",
	"already_enrolled", "already_waiting", "session_over", "unknown_form", "too_many_waiting", "unknown_seat", "unknown_session", "unknown_waiting",
}

func TestFaultsOfCitizensInEveryLanguage(t *testing.T) {
	for _, l := range static.Languages() {
		for _, code := range toCitizens {
			for _, part := range []string{"title", "hint"} {
				if key := "fault." + code + "." + part; !static.Has(l.Code, key) {
					t.Errorf("%s: %s is missing", l.Code, key)
				}
			}
		}
		if !static.Has(l.Code, "public.home") {
			t.Errorf("%s: public.home is missing", l.Code)
		}
	}
}

var pageLanguage = regexp.MustCompile(`<html lang="([a-z]+)"`)

// TestErrorPages asks every surface for what goes wrong with every status: the page is in the reader's
// language, says what happened and what to do, and has a way on.
func TestErrorPages(t *testing.T) {
	raised := []struct {
		err  error
		code string
	}{
		{echo.ErrUnauthorized, "sign_in"},
		{echo.ErrForbidden, "not_allowed"},
		{echo.ErrNotFound, "no_such_page"},
		{echo.ErrMethodNotAllowed, "method_not_allowed"},
		{echo.ErrStatusRequestEntityTooLarge, "too_large"},
		{echo.ErrUnsupportedMediaType, "media_type"},
		{echo.ErrTooManyRequests, "too_many_requests"},
		{echo.ErrServiceUnavailable, "unavailable"},
		{echo.ErrBadRequest, "malformed"},
		{http.ErrAbortHandler, "defect"},
		{fault.New(fault.Missing, "unknown_ticket"), "unknown_ticket"},
		{fault.New(fault.Conflict, "desk_busy", "desk", "Sportello 2"), "desk_busy"},
	}
	surfaces := []struct {
		path  string
		staff bool
		on    string // where the page leads
	}{
		{"/kiosk/x", false, `href="/kiosk"`},
		{"/board/x", true, ""}, // which tries again by itself
		{"/desk/x", true, `href="/desk"`},
		{"/sign-in", true, `href="/desk"`},
		{"/manage/x", true, `href="/manage"`},
		{"/enrol", true, `href="/enrol"`},
		{"/t/x", false, `href="/"`},
		{"/x", false, `href="/"`},
	}
	h := newDeskHouse(t)
	for _, at := range surfaces {
		for _, r := range raised {
			for _, l := range static.Languages() {
				status, page := failed(h.kiosk, http.MethodPost, at.path+"?lang="+l.Code, r.err)
				want := l.Code
				if at.staff && want != "en" || !static.Has(want, "fault."+r.code+".title") {
					want = "it"
				}
				got := pageLanguage.FindStringSubmatch(page)
				if got == nil || got[1] != want {
					t.Errorf("%s %s in %s: the page is in %v, want %s", at.path, r.code, l.Code, got, want)
					continue
				}
				if status < 400 {
					t.Errorf("%s %s: got status %d", at.path, r.code, status)
				}
				title, hint := static.Text(want, "fault."+r.code+".title", "desk", "2"), static.Text(want, "fault."+r.code+".hint")
				if r.code == "unknown_ticket" && strings.HasPrefix(at.path, "/t/") {
					title, hint = static.Text(want, "phone.unknown"), static.Text(want, "phone.unknown.text")
				}
				for _, text := range []string{html.EscapeString(title), html.EscapeString(hint), at.on} {
					if !strings.Contains(page, text) {
						t.Errorf("%s %s in %s: the page lacks %q", at.path, r.code, l.Code, text)
					}
				}
			}
		}
	}
}

// failed is the page of an error at a path.
func failed(s *kiosk.Server, method, path string, err error) (status int, page string) {
	answer := httptest.NewRecorder()
	s.Fail(answer, httptest.NewRequest(method, path, nil), err)
	return answer.Code, answer.Body.String()
}

// TestErrorPagesOfBrowser meets errors as people do.
func TestErrorPagesOfBrowser(t *testing.T) {
	l := newLobby(t, "", "")
	for _, tt := range []struct{ path, want string }{
		{"/kiosk/service?id=NONE&lang=ar&contrast=1&large=1", `<html lang="ar" dir="rtl" translate="no" data-keep-modes data-text="large" data-contrast="high">`},
		{"/kiosk/nowhere?lang=uk", `<html lang="uk" translate="no" data-keep-modes>`},
		{"/t/nowhere?lang=zh", `href="/">` + static.Text("zh", "public.home")},
	} {
		if page, _ := l.get(tt.path); !strings.Contains(page, tt.want) {
			t.Errorf("%s lacks %q:\n%s", tt.path, tt.want, page)
		}
	}
	h := newDeskHouse(t)
	b := h.browser()
	b.get("/nowhere", "Accept-Language", "fr-FR,fr;q=0.9")
	b.want(http.StatusNotFound, `<html lang="fr">`, "Cette page n'existe pas", "Voir les bureaux et les horaires")
	b.get("/sign-out") // which only who is signed in may see
	b.want(http.StatusOK, `action="/sign-in"`)
	b.post("/sign-in", "login", "observer", "password", deskPassword)
	b.get("/desk")
	b.want(http.StatusForbidden, "Non hai il permesso", "Entra con un altro account")
	b.lacks(`href="/desk"`)
	b.post("/desk/next")
	b.want(http.StatusForbidden, "Entra con un altro account", `href="/desk"`)
}

// TestMediaTypeIsToldToPersons finds a hint for programs in what persons read.
func TestMediaTypeIsToldToPersons(t *testing.T) {
	for _, l := range static.Languages() {
		if hint := static.Text(l.Code, "fault.media_type.hint"); strings.Contains(strings.ToLower(hint), "json") {
			t.Errorf("%s: %s", l.Code, hint)
		}
	}
}
