package kiosk

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/live"
	"sportello/internal/store"
	"sportello/queue"
)

// headerLive marks the requests that a desk's page makes by itself to stay up to date. They are no
// sign that somebody sits there.
const headerLive = "Sportello-Live"

// The faults of desks that only pages know.
var (
	errNoDesk    = fault.New(fault.Conflict, "desk_not_open")
	errNoOfficer = fault.New(fault.Denied, "no_officer_account")
	errReason    = fault.New(fault.Invalid, "reason_missing")
	errNothing   = fault.New(fault.Invalid, "nothing_to_serve")
)

func (s *Server) deskRoutes() {
	s.signInRoutes()
	s.desk(http.MethodGet, "/desk", access.SeeQueue, s.deskHome)
	s.desk(http.MethodGet, "/desk/events", access.SeeQueue, s.deskEvents)
	s.desk(http.MethodPost, "/desk/open", access.WorkDesk, s.openDesk)
	s.desk(http.MethodPost, "/desk/walk-in", access.IssueByHand, s.walkIn)
	for name, show := range deskSheets {
		s.desk(http.MethodGet, "/desk/"+name, show.may, s.deskSheet(name, show))
	}
	for name, step := range deskSteps {
		s.desk(http.MethodPost, "/desk/"+name, step.may, s.deskStep(step))
	}
}

// desk registers a handler of the desk's surface and notes that a person used the session, which
// keeps the screen from being locked.
func (s *Server) desk(method, path string, may access.Permission, h func(c echo.Context, v visitor) error) {
	s.handle(method, path, may, func(c echo.Context, v visitor) error {
		byItself := c.Request().Header.Get(headerLive) != "" || strings.HasSuffix(path, "/events")
		if !byItself {
			if err := s.touch(c, v); err != nil {
				return err
			}
		}
		return h(c, v)
	})
}

// touch notes that a person used the session, if the visitor has one.
func (s *Server) touch(c echo.Context, v visitor) error {
	if v.user.ID == "" || s.db.Now().Sub(v.seen) < access.TouchEvery {
		return nil
	}
	ctx := c.Request().Context()
	return s.db.Update(ctx, func(tx *store.Tx) error { return access.Touch(ctx, tx, v.token) })
}

// A stepAt is one thing that an officer does at the desk at. It returns what the page shown next is to
// know of it: the values of its address.
type stepAt func(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error)

// deskStep is a form of the work page.
type deskStep struct {
	may    access.Permission
	do     stepAt
	office bool // who runs the office needs no desk for it
}

// deskSteps are the forms of the work page, by the last part of their address.
var deskSteps = map[string]deskStep{
	"next":        {may: access.WorkDesk, do: callNext},
	"finish-next": {may: access.WorkDesk, do: finishAndCallNext},
	"call":        {may: access.CallChosen, do: callChosen},
	"recall":      {may: access.WorkDesk, do: recall},
	"start":       {may: access.WorkDesk, do: onTicket(queue.Start)},
	"finish":      {may: access.WorkDesk, do: finish},
	"no-show":     {may: access.WorkDesk, do: remembered(onTicket(queue.MarkNoShow))},
	"park":        {may: access.WorkDesk, do: park},
	"unpark":      {may: access.WorkDesk, do: onTicket(queue.Resume)},
	"transfer":    {may: access.WorkDesk, do: transfer},
	"undo":        {may: access.WorkDesk, do: undo},
	"release":     {may: access.WorkDesk, do: release},
	"present":     {may: access.WorkDesk, do: startWithPresent},
	"services":    {may: access.WorkDesk, do: setServices},
	"pause":       {may: access.WorkDesk, do: pause},
	"resume":      {may: access.WorkDesk, do: resume},
	"close":       {may: access.WorkDesk, do: closeDesk},
	"help":        {may: access.WorkDesk, do: askHelp},
	"help-done":   {may: access.WorkDesk, do: helpDone},
	"stop":        {may: access.StopService, do: stopService},
	"reopen":      {may: access.StopService, do: reopenService},
	"end-day":     {may: access.CloseTheDay, do: endDay, office: true},
}

// deskStep answers a form of the work page: the step in one transaction, then the page anew. What
// is refused is shown on the page, with everything else as it now is.
func (s *Server) deskStep(step deskStep) func(c echo.Context, v visitor) error {
	return func(c echo.Context, v visitor) error {
		ctx := c.Request().Context()
		form := posted(c)
		var then url.Values
		err := s.db.Update(ctx, func(tx *store.Tx) error {
			seat, err := step.seat(ctx, tx, v, form.Get("office"))
			if err != nil {
				return err
			}
			then, err = step.do(ctx, tx, seat, form)
			return err
		})
		if err != nil {
			return s.refuse(c, v, err)
		}
		return toDesk(c, then)
	}
}

// seat is where the visitor does a step: at the desk where they sit, or none in an office they run.
func (step deskStep) seat(ctx context.Context, tx *store.Tx, v visitor, office string) (queue.Seat, error) {
	seat, sits, err := queue.SeatOf(ctx, tx, v.user.ID)
	if err != nil {
		return queue.Seat{}, err
	}
	seat.By = v.by()
	if sits {
		return seat, nil
	}
	if !step.office || !v.role().May(access.RunOffice) {
		return queue.Seat{}, errNoDesk
	}
	at, err := reached(ctx, tx, v, office)
	if err != nil {
		return queue.Seat{}, err
	}
	seat.Office = at.ID
	return seat, nil
}

// refuse shows the desk's page with what was refused on it. Defects go the way of all errors.
func (s *Server) refuse(c echo.Context, v visitor, err error) error {
	f := (*fault.Error)(nil)
	if !errors.As(err, &f) {
		return err
	}
	c.Response().Header().Set("HX-Replace-Url", "/desk") // the form's own address shows nothing
	return s.showDesk(c, v, f)
}

func toDesk(c echo.Context, then url.Values) error {
	address := "/desk"
	if len(then) > 0 {
		address += "?" + then.Encode()
	}
	return c.Redirect(http.StatusSeeOther, address)
}

// openDesk puts the officer of the account at a desk.
func (s *Server) openDesk(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	form := posted(c)
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		office, err := reached(ctx, tx, v, form.Get("office"))
		if err != nil {
			return err
		}
		if !v.actsAsOfficer() {
			return errNoOfficer
		}
		if len(form["service"]) == 0 {
			return errNothing
		}
		seat := queue.Seat{Office: office.ID, Desk: form.Get("desk"), By: v.by()}
		_, err = queue.OpenDesk(ctx, tx, seat, v.user.ID, v.user.Officer, form["service"])
		return err
	})
	if err != nil {
		return s.refuse(c, v, err)
	}
	return toDesk(c, nil)
}

// reached returns the office id, or errOffice when the visitor does not reach it.
func reached(ctx context.Context, tx *store.Tx, v visitor, id string) (*territory.Office, error) {
	office, err := territory.Of(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	if !v.in(office.Territory.ID, office.ID) {
		return nil, errOffice
	}
	return office, nil
}

// walkIn makes a ticket for somebody who cannot use the kiosk. Who sits at a desk makes it there,
// who receives at the door says for which office.
func (s *Server) walkIn(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	form := posted(c)
	var made queue.Ticket
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		office, err := reached(ctx, tx, v, form.Get("office"))
		if err != nil {
			return err
		}
		made, err = queue.Issue(ctx, tx, queue.Request{
			Office: office.ID, Service: form.Get("service"), Language: page(form.Get("language")).Lang,
			Key: form.Get("key"), Precedence: form.Get("precedence") != "", Origin: queue.FromDesk, By: v.by(),
		})
		return err
	})
	if err != nil {
		return s.refuse(c, v, err)
	}
	return toDesk(c, url.Values{"office": {made.Office}, "made": {made.ID}})
}

// deskEvents tells the page that the office has changed; the page fetches what its officer may see.
func (s *Server) deskEvents(c echo.Context, v visitor) error {
	ctx := c.Request().Context()
	var office string
	err := s.db.View(ctx, func(tx *store.Tx) error {
		seat, sits, err := queue.SeatOf(ctx, tx, v.user.ID)
		if err != nil || sits {
			office = seat.Office
			return err
		}
		at, err := reached(ctx, tx, v, c.QueryParam("office"))
		if err == nil {
			office = at.ID
		}
		return err
	})
	if err != nil {
		return err
	}
	w, err := s.watch(ctx, office)
	if err != nil {
		return err
	}
	defer w.Close()
	return s.stream(c, w, eventDesk, func(st live.State) any { return map[string]int64{"version": st.Version} })
}

// onTicket makes a step of a change to the ticket that the form names.
func onTicket(do func(context.Context, *store.Tx, queue.Seat, string) (queue.Ticket, error)) stepAt {
	return func(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
		_, err := do(ctx, tx, at, form.Get("ticket"))
		return nil, err
	}
}

// remembered lets the next page offer to undo the step, which left the ticket with no desk.
func remembered(do stepAt) stepAt {
	return func(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
		_, err := do(ctx, tx, at, form)
		return url.Values{"last": {form.Get("ticket")}}, err
	}
}

func callNext(ctx context.Context, tx *store.Tx, at queue.Seat, _ url.Values) (url.Values, error) {
	_, err := queue.CallNext(ctx, tx, at)
	return nil, err
}

func finish(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	outcome := form.Get("outcome")
	if !slices.Contains(outcomes, outcome) {
		outcome = outcomes[0]
	}
	_, err := queue.Finish(ctx, tx, at, form.Get("ticket"), outcome, form.Get("served_as"))
	return url.Values{"last": {form.Get("ticket")}}, err
}

// finishAndCallNext finishes even when nobody is next.
func finishAndCallNext(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	then, err := finish(ctx, tx, at, form)
	if err != nil {
		return nil, err
	}
	_, err = queue.CallNext(ctx, tx, at)
	if errors.Is(err, queue.ErrNobody) {
		then.Set("nobody", "1")
		return then, nil
	}
	return then, err
}

func callChosen(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	reason, err := given(form, callReasons)
	if err != nil {
		return nil, err
	}
	_, err = queue.CallChosen(ctx, tx, at, form.Get("ticket"), reason)
	return nil, err
}

func startWithPresent(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	reason, err := given(form, presentReasons)
	if err != nil {
		return nil, err
	}
	_, err = queue.StartWithPresent(ctx, tx, at, form.Get("ticket"), reason)
	return nil, err
}

func recall(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	_, err := queue.Recall(ctx, tx, at, form.Get("ticket"))
	return nil, err
}

func park(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	reason, err := given(form, parkReasons)
	if err != nil {
		return nil, err
	}
	_, err = queue.Park(ctx, tx, at, form.Get("ticket"), reason)
	return nil, err
}

func transfer(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	_, err := queue.Transfer(ctx, tx, at, form.Get("ticket"), queue.Target{
		Service: form.Get("service"), Desk: form.Get("desk"), Institution: form.Get("institution"),
	})
	return nil, err
}

// undo leaves what ended before it to be undone next.
func undo(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	_, err := queue.Undo(ctx, tx, at, form.Get("ticket"))
	if form.Get("last") == "" {
		return nil, err
	}
	return url.Values{"last": {form.Get("last")}}, err
}

func release(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	reason, err := given(form, releaseReasons)
	if err != nil {
		return nil, err
	}
	_, err = queue.ReleaseHold(ctx, tx, at, form.Get("ticket"), reason)
	return nil, err
}

func setServices(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	if len(form["service"]) == 0 {
		return nil, errNothing
	}
	_, err := queue.SetServices(ctx, tx, at, form["service"])
	return nil, err
}

func pause(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	reason, err := given(form, pauseReasons)
	if err != nil {
		return nil, err
	}
	var back time.Time
	if minutes, err := strconv.Atoi(form.Get("minutes")); err == nil && slices.Contains(pauseMinutes, minutes) {
		back = tx.Now.Add(time.Duration(minutes) * time.Minute)
	}
	_, err = queue.PauseDesk(ctx, tx, at, reason, back)
	return nil, err
}

func resume(ctx context.Context, tx *store.Tx, at queue.Seat, _ url.Values) (url.Values, error) {
	_, err := queue.ResumeDesk(ctx, tx, at)
	return nil, err
}

func closeDesk(ctx context.Context, tx *store.Tx, at queue.Seat, _ url.Values) (url.Values, error) {
	return url.Values{"office": {at.Office}}, queue.CloseDesk(ctx, tx, at)
}

func askHelp(ctx context.Context, tx *store.Tx, at queue.Seat, _ url.Values) (url.Values, error) {
	_, err := queue.AskHelp(ctx, tx, at)
	return nil, err
}

func helpDone(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	_, err := queue.HelpDone(ctx, tx, at, form.Get("desk"))
	return nil, err
}

// stopReasonLength is how many letters staff may write about a service that they stop.
const stopReasonLength = 80

// stopService takes staff's own words: the kiosk shows them to citizens.
func stopService(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	reason := strings.TrimSpace(form.Get("reason"))
	if reason == "" || utf8.RuneCountInString(reason) > stopReasonLength {
		return nil, errReason
	}
	return nil, queue.StopService(ctx, tx, at, form.Get("service"), reason)
}

func reopenService(ctx context.Context, tx *store.Tx, at queue.Seat, form url.Values) (url.Values, error) {
	return nil, queue.ReopenService(ctx, tx, at, form.Get("service"))
}

func endDay(ctx context.Context, tx *store.Tx, at queue.Seat, _ url.Values) (url.Values, error) {
	closed, err := queue.EndDay(ctx, tx, at)
	return url.Values{"ended": {strconv.Itoa(closed)}, "office": {at.Office}}, err
}

// given returns the reason in a form. Reasons are codes: nobody can type a name into one.
func given(form url.Values, known []string) (string, error) {
	reason := form.Get("reason")
	if !slices.Contains(known, reason) {
		return "", errReason
	}
	return reason, nil
}
