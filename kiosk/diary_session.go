package kiosk

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// Group sessions: planned by staff, filled by phone, with a sheet on which who came is noted.

// sessionsView lists sessions and plans new ones.
type sessionsView struct {
	diaryHead
	Sessions  []groupLine
	Services  []deskChoice
	Languages []deskChoice
	Day       string
	Form      url.Values
	Wrong     map[string]string
}

// groupLine is a session in a list.
type groupLine struct {
	ID, Topic, Service, When, Where string
	Team                            []string
	Seats                           string
	Full                            bool
	State                           string // key
	Code                            string
	Language                        string // key, "" not said
	Funding                         string
}

// sessionView is one session with its seats.
type sessionView struct {
	diaryHead
	groupLine
	Sees      bool // the reader may know who comes
	MayEnrol  bool
	MayAttend bool
	MayCancel bool
	MayClose  bool
	Reason    string
	Taken     []seatLine
	Waiting   []seatLine
	Blank     []int // empty lines of the sheet on paper
	Reasons   []reasonChoice
	Languages []deskChoice
	Form      url.Values
	Wrong     map[string]string
	Twice     bool
	New       *seatLine // just enrolled: the code is to be read out
}

// seatLine is one seat.
type seatLine struct {
	ID, Reference, Name, Phone, Email, Note string
	People                                  int
	Code                                    string // of the state
	Erased                                  bool
}

// cancelSessionReasons are why staff cancel a session.
var cancelSessionReasons = []string{"officer_absent", "office_closed", "too_few", "mistake", "else"}

func sessionAddress(id string) string { return "/desk/diary/session/" + url.PathEscape(id) }

func (s *Server) groupRoutes() {
	const at = "/desk/diary/session/:id"
	s.diary(http.MethodGet, "/desk/diary/sessions", access.SeeDiary, func(c echo.Context, d *diarist) error { return s.showSessions(c, d, nil) })
	s.diary(http.MethodPost, "/desk/diary/sessions", access.EditDiary, s.planSession)
	s.session(http.MethodGet, at, access.SeeDiary, func(c echo.Context, d *diarist, x booking.Session) error { return s.showSession(c, d, x, nil) })
	s.session(http.MethodPost, at+"/enrol", access.EditDiary, s.enrolByStaff)
	s.session(http.MethodPost, at+"/attend", access.EditDiary, s.attend)
	s.session(http.MethodPost, at+"/give-up", access.EditDiary, s.giveUp)
	s.session(http.MethodPost, at+"/cancel", access.EditDiary, s.cancelSession)
	s.session(http.MethodPost, at+"/close", access.EditDiary, s.closeSession)
}

// session registers a handler about one session. Who changes it acts for an institution that takes part.
func (s *Server) session(method, path string, may access.Permission, h func(c echo.Context, d *diarist, x booking.Session) error) {
	s.desk(method, path, may, func(c echo.Context, v visitor) error {
		x, err := s.sessionByID(c.Request().Context(), c.Param("id"))
		if err != nil {
			return err
		}
		d, err := s.diarist(c, v, x.Office)
		if err != nil {
			return err
		}
		if may == access.EditDiary && !d.takesPart(asAppointment(x)) {
			return errOtherInstitution
		}
		return h(c, d, x)
	})
}

func (s *Server) sessionByID(ctx context.Context, id string) (x booking.Session, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		x, err = booking.SessionByID(ctx, tx, id)
		return err
	})
	return x, err
}

// sessionDays is for how many days past sessions stay in the list.
const sessionDays = 14

func (s *Server) showSessions(c echo.Context, d *diarist, refused error) error {
	ctx := c.Request().Context()
	alert, status, err := refusedWith(c, d.lang, refused)
	if err != nil {
		return err
	}
	view := &sessionsView{
		diaryHead: d.head(c, "sessions"), Languages: ownNames(), Day: dateIn(c, "day", d.today()).String(), Form: posted(c), Wrong: d.wrong(refused),
	}
	view.Alert = alert
	for _, id := range d.office.Services {
		if x, ok := d.office.Offers(id); ok && x.Group() && d.mayDo(x) && x.By(territory.Staff) {
			view.Services = append(view.Services, deskChoice{Value: id, Text: serviceName(x, d.lang), Chosen: id == c.FormValue("service")})
		}
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		all, err := booking.SessionsAt(ctx, tx, d.office.ID, d.today().AddDays(-sessionDays), d.today().AddDays(booking.MaxDays))
		for _, x := range all {
			view.Sessions = append(view.Sessions, d.groupLine(x))
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.render(c, status, "diary/sessions", view)
}

func (d *diarist) groupLine(x booking.Session) groupLine {
	line := groupLine{
		ID: x.ID, Topic: x.Topic, Service: d.serviceName(x.Service), When: d.span(x.Start, x.End), Team: d.team(asAppointment(x)), Full: x.Free() <= 0,
		Seats: d.text("diary.session.seats", "taken", x.Taken, "capacity", x.Capacity), State: "diary.session.state." + string(x.State),
		Code: string(x.State), Funding: x.FundingTag,
	}
	for _, r := range d.office.Rooms {
		if r.ID == x.Room {
			line.Where = r.Name
		}
	}
	if x.Language != "" {
		line.Language = "desk.speaks." + x.Language
		if x.Language == static.Italian {
			line.Language = "diary.session.italian"
		}
	}
	return line
}

func (s *Server) planSession(c echo.Context, d *diarist) error {
	ctx := c.Request().Context()
	form := posted(c)
	service, err := d.service(form.Get("service"))
	if err != nil {
		return s.showSessions(c, d, err)
	}
	capacity, err := strconv.Atoi(form.Get("capacity"))
	if err != nil && form.Get("capacity") != "" {
		capacity = -1
	}
	var made booking.Session
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		made, err = booking.PlanSession(ctx, tx, booking.SessionWish{
			Office: d.office.ID, Service: service.ID, Start: d.instantIn(form, "day", "time"), Topic: strings.TrimSpace(form.Get("topic")),
			Capacity: capacity, Language: form.Get("language"), FundingTag: strings.TrimSpace(form.Get("funding")), By: d.by(),
		})
		return err
	})
	if err != nil {
		return s.showSessions(c, d, err)
	}
	return c.Redirect(http.StatusSeeOther, sessionAddress(made.ID)+"?done=planned")
}

// sheetBlank is how many empty lines the sheet has on paper, for who comes unannounced.
const sheetBlank = 5

// showSession shows a session with its seats, and what was refused.
func (s *Server) showSession(c echo.Context, d *diarist, x booking.Session, refused error) error {
	ctx := c.Request().Context()
	alert, status, err := refusedWith(c, d.lang, refused)
	if err != nil {
		return err
	}
	edits := d.may(access.EditDiary) && d.takesPart(asAppointment(x))
	planned, begun := x.State == booking.Planned, !d.now.Before(x.Start)
	view := &sessionView{
		diaryHead: d.head(c, "sessions"), groupLine: d.groupLine(x), Sees: d.takesPart(asAppointment(x)), MayEnrol: edits && planned && !begun,
		MayAttend: edits && x.State != booking.SessionCancelled && !d.today().Before(x.Day), MayCancel: edits && planned,
		MayClose: edits && planned && begun, Blank: make([]int, sheetBlank), Reasons: reasonsIn("diary.cancel.reason", cancelSessionReasons),
		Languages: ownNames(), Form: posted(c), Wrong: d.wrong(refused), Twice: fault.Code(refused) == "too_many_appointments",
	}
	view.Alert = alert
	if x.Reason != "" {
		view.Reason = d.reason(x.Reason)
	}
	if !view.Sees {
		return s.render(c, status, "diary/session", view)
	}
	err = s.db.View(ctx, func(tx *store.Tx) error {
		seats, err := booking.Seats(ctx, tx, x.ID)
		for _, seat := range seats {
			line := seatLine{
				ID: seat.ID, Reference: seat.Reference, Name: seat.Contact.Name, Phone: seat.Contact.Phone, Email: seat.Contact.Email, Note: seat.Note,
				People: seat.People, Code: string(seat.State), Erased: !seat.ErasedAt.IsZero(),
			}
			if seat.ID == c.QueryParam("seat") {
				view.New = &line
			}
			if seat.State == booking.SeatWaiting {
				view.Waiting = append(view.Waiting, line)
			} else {
				view.Taken = append(view.Taken, line)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	return s.render(c, status, "diary/session", view)
}

// changeSession does something to a session and shows it again, with what was refused.
func (s *Server) changeSession(c echo.Context, d *diarist, x booking.Session, then url.Values, do func(ctx context.Context, tx *store.Tx) error) error {
	ctx := c.Request().Context()
	err := s.db.Update(ctx, func(tx *store.Tx) error { return do(ctx, tx) })
	if err != nil {
		now, err2 := s.sessionByID(ctx, x.ID)
		if err2 != nil {
			return err2
		}
		return s.showSession(c, d, now, err)
	}
	return c.Redirect(http.StatusSeeOther, sessionAddress(x.ID)+"?"+then.Encode())
}

func (s *Server) enrolByStaff(c echo.Context, d *diarist, x booking.Session) error {
	form := posted(c)
	people, err := strconv.Atoi(form.Get("people"))
	if err != nil {
		people = 1
	}
	details := booking.Details{
		Contact:  booking.Contact{Name: form.Get("name"), Email: form.Get("email"), Phone: form.Get("phone")},
		Language: form.Get("language"), Note: form.Get("note"), Again: form.Get("again") != "", By: d.by(),
	}
	then := url.Values{"done": {"enrolled"}}
	return s.changeSession(c, d, x, then, func(ctx context.Context, tx *store.Tx) error {
		seat, err := booking.Enrol(ctx, tx, s.key, x.ID, details, people)
		if err != nil {
			return err
		}
		then.Set("seat", seat.ID)
		if seat.State == booking.SeatWaiting {
			then.Set("done", "waiting")
			return nil
		}
		return s.tellSeat(ctx, tx, x, seat, newsBooked)
	})
}

func (s *Server) attend(c echo.Context, d *diarist, x booking.Session) error {
	form := posted(c)
	return s.changeSession(c, d, x, url.Values{"done": {"attended"}}, func(ctx context.Context, tx *store.Tx) error {
		seats, err := booking.Seats(ctx, tx, x.ID)
		if err != nil {
			return err
		}
		for _, seat := range seats {
			said := form.Get("seat-" + seat.ID)
			if seat.State == booking.SeatWaiting || said == "" {
				continue
			}
			present := said == string(booking.SeatPresent)
			if present == (seat.State == booking.SeatPresent) && seat.State != booking.SeatTaken {
				continue
			}
			if _, err := booking.Attend(ctx, tx, seat.ID, present, d.by()); err != nil {
				return err
			}
		}
		return nil
	})
}

// giveUp takes somebody's seat back; who moves up from the waiting list is told.
func (s *Server) giveUp(c echo.Context, d *diarist, x booking.Session) error {
	return s.changeSession(c, d, x, url.Values{"done": {"given_up"}}, func(ctx context.Context, tx *store.Tx) error {
		seat, err := booking.SeatByID(ctx, tx, posted(c).Get("seat"))
		if err != nil {
			return err
		}
		if seat.Session != x.ID {
			return fault.New(fault.Missing, "unknown_seat")
		}
		gone, moved, err := booking.GiveUpSeat(ctx, tx, seat.Token, d.by())
		if err != nil {
			return err
		}
		if seat.State == booking.SeatTaken {
			gone.Contact = seat.Contact
			if err := s.tellSeat(ctx, tx, x, gone, newsCancelled); err != nil {
				return err
			}
		}
		for _, up := range moved {
			if err := s.tellSeat(ctx, tx, x, up, newsBooked); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Server) cancelSession(c echo.Context, d *diarist, x booking.Session) error {
	reason, err := given(posted(c), cancelSessionReasons)
	if err != nil {
		return s.showSession(c, d, x, err)
	}
	return s.changeSession(c, d, x, url.Values{"done": {"session_cancelled"}}, func(ctx context.Context, tx *store.Tx) error {
		over, seats, err := booking.CancelSession(ctx, tx, x.ID, reason, d.by())
		if err != nil {
			return err
		}
		for _, seat := range seats {
			if err := s.tellSeat(ctx, tx, over, seat, newsCalledOff); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Server) closeSession(c echo.Context, d *diarist, x booking.Session) error {
	return s.changeSession(c, d, x, url.Values{"done": {"closed"}}, func(ctx context.Context, tx *store.Tx) error {
		_, err := booking.CloseSession(ctx, tx, x.ID, d.by())
		return err
	})
}

// tellShifted has all who have a seat in a session told that it was made later.
func (s *Server) tellShifted(ctx context.Context, tx *store.Tx, id string) error {
	x, err := booking.SessionByID(ctx, tx, id)
	if err != nil {
		return err
	}
	seats, err := booking.Seats(ctx, tx, id)
	if err != nil {
		return err
	}
	for _, seat := range slices.DeleteFunc(seats, func(seat booking.Seat) bool { return seat.State != booking.SeatTaken }) {
		if err := s.tellSeat(ctx, tx, x, seat, newsMoved); err != nil {
			return err
		}
	}
	return nil
}
