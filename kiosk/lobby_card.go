package kiosk

import (
	"context"
	"crypto/subtle"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"sportello/booking"
	"sportello/booking/fiscalcode"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// lobbyCardRoutes are the arrival by health card. A kiosk reads the card, shows of its codice fiscale what
// its holder knows it by, and looks for an appointment when they say that it is theirs.
func (s *Server) lobbyCardRoutes() {
	s.handle(http.MethodPost, "/kiosk/scan", access.UseKiosk, s.lobbyScanned)
	s.handle(http.MethodPost, "/kiosk/card", access.UseKiosk, s.lobbyCard)
	s.handle(http.MethodPost, "/kiosk/card/yes", access.UseKiosk, s.lobbyCardYes)
	s.handle(http.MethodPost, "/kiosk/card/no", access.UseKiosk, s.lobbyCardNo)
	s.handle(http.MethodPost, "/kiosk/card/choose", access.UseKiosk, s.lobbyCardChoose)
}

// cardLasts is how long a card is remembered that nobody says is theirs.
const cardLasts = 2 * time.Minute

// cards are the codici fiscali that kiosks have read and that their citizens have still to say something
// about: in memory alone, one for each kiosk, and only for the page that has its key.
type cards struct {
	mu   sync.Mutex
	read map[string]card // by device
}

type card struct {
	key   string
	code  fiscalcode.Code
	until time.Time
}

// keep remembers a code in the place of any that the kiosk read before, and returns its key.
func (k *cards) keep(device string, code fiscalcode.Code, now, until time.Time) (key string) {
	k.sweep(now)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.read == nil {
		k.read = make(map[string]card)
	}
	key = store.NewToken()
	k.read[device] = card{key, code, until}
	return key
}

// of returns the code that a kiosk has for a key, if it has not been forgotten.
func (k *cards) of(device, key string, now time.Time) (fiscalcode.Code, bool) {
	k.sweep(now)
	k.mu.Lock()
	defer k.mu.Unlock()
	found, ok := k.read[device]
	if !ok || subtle.ConstantTimeCompare([]byte(found.key), []byte(key)) != 1 {
		return "", false
	}
	return found.code, true
}

// forget forgets what a kiosk has read.
func (k *cards) forget(device string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.read, device)
}

// sweep forgets every card whose time is over. Kiosks that wait for somebody call for it every few seconds.
func (k *cards) sweep(now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for device, c := range k.read {
		if !now.Before(c.until) {
			delete(k.read, device)
		}
	}
}

// cardView asks whether a card is that of who stands here.
type cardView struct {
	frame
	Card   string // key
	Code   maskedCode
	Chosen bool // the citizen chose a language
}

// Next is the address of what follows; the language is in it only if the citizen chose one, for an
// appointment has one too.
func (v cardView) Next(path string) string { return v.unspoken(path, v.Chosen) }

// maskedCode is a codice fiscale as others may see it; First and Last are what is seen of it.
type maskedCode struct{ Text, First, Last string }

func maskedOf(code fiscalcode.Code) maskedCode {
	const shown = 3
	masked := []rune(code.Masked())
	return maskedCode{string(masked), string(masked[:shown]), string(masked[len(masked)-shown:])}
}

// askCard shows the card of a key for confirmation; one that was forgotten is to be read again.
func (s *Server) askCard(c echo.Context, v visitor, key string) error {
	code, ok := s.cards.of(v.device.ID, key, s.db.Now())
	if !ok {
		return s.askCode(c, v, "", frame{Page: page(language(c))}.text("lobby.card.gone"))
	}
	office, err := s.officeOf(c.Request().Context(), v)
	if err != nil {
		return err
	}
	f := s.frame(c, office, "/kiosk/arrive")
	f.path, f.Form, f.Leave = "/kiosk/card", "card", "no"
	return s.show(c, "lobby/card", cardView{frame: f, Card: key, Code: maskedOf(code), Chosen: c.QueryParam("lang") != ""})
}

func (s *Server) lobbyCard(c echo.Context, v visitor) error {
	return s.askCard(c, v, posted(c).Get("card"))
}

// lobbyCardNo forgets a card that is somebody else's, or whose citizen has gone.
func (s *Server) lobbyCardNo(c echo.Context, v visitor) error {
	s.cards.forget(v.device.ID)
	f := frame{Page: page(language(c)), prefs: prefsOf(c)}
	return c.Redirect(http.StatusSeeOther, f.To("/kiosk/arrive"))
}

// noneView says that nothing was found for a card, and not why: whoever holds a card learns nothing of other
// days and offices.
type noneView struct{ frame }

// cardTimesView asks which of several appointments somebody has come for.
type cardTimesView struct {
	frame
	Chosen bool
	Times  []cardTime
}

type cardTime struct{ ID, Time string }

// Next is as cardView's.
func (v cardTimesView) Next(path string) string { return v.unspoken(path, v.Chosen) }

// lobbyCardYes forgets a card and checks its holder in as by code.
func (s *Server) lobbyCardYes(c echo.Context, v visitor) error {
	code, ok := s.cards.of(v.device.ID, posted(c).Get("card"), s.db.Now())
	if !ok {
		return s.askCode(c, v, "", frame{Page: page(language(c))}.text("lobby.card.gone"))
	}
	s.cards.forget(v.device.ID)
	ctx := c.Request().Context()
	found, err := s.todayOf(ctx, v, code)
	if fault.Code(err) == "too_many_tries" {
		return s.askCode(c, v, "", frame{Page: page(language(c))}.tooManyTries(err))
	}
	if err != nil {
		return err
	}
	if len(found) == 1 {
		return s.arrived(c, v, found[0])
	}
	office, err := s.officeOf(ctx, v)
	if err != nil {
		return err
	}
	f := s.frame(c, office, "/kiosk/arrive")
	f.path = "/kiosk/arrive"
	if len(found) == 0 {
		return s.show(c, "lobby/cardnone", noneView{f})
	}
	view := cardTimesView{frame: f, Chosen: c.QueryParam("lang") != ""}
	for _, a := range found {
		view.Times = append(view.Times, cardTime{a.ID, a.Start.In(office.Zone()).Format(clockLayout)})
	}
	return s.show(c, "lobby/cardtimes", view)
}

// todayOf returns the appointments of today at a kiosk's office for which the holder of a code may be here:
// those to which somebody may still come, else the last. Codes can be guessed, so a kiosk may try only so
// many.
func (s *Server) todayOf(ctx context.Context, v visitor, code fiscalcode.Code) ([]booking.Appointment, error) {
	var all []booking.Appointment
	err := s.db.Update(ctx, func(tx *store.Tx) error {
		if err := access.TryCard(ctx, tx, v.device); err != nil {
			return err
		}
		office, err := territory.Of(ctx, tx, v.device.Office)
		if err != nil {
			return err
		}
		all, err = booking.ByFiscalCode(ctx, tx, s.key, office.ID, office.Today(tx.Now), code)
		if err != nil || len(all) == 0 {
			return err // the try counts
		}
		return access.FoundCard(ctx, tx, v.device)
	})
	if err != nil || len(all) == 0 {
		return nil, err
	}
	last := all[len(all)-1:]
	open := slices.DeleteFunc(slices.Clone(all), func(a booking.Appointment) bool {
		return a.State != booking.Booked && a.State != booking.Arrived && a.State != booking.NoShow
	})
	if len(open) == 0 {
		return last, nil
	}
	return open, nil
}

// lobbyCardChoose is the choice among several appointments of a card.
func (s *Server) lobbyCardChoose(c echo.Context, v visitor) error {
	a, err := s.arriving(c.Request().Context(), v, posted(c).Get("id"))
	if err != nil {
		return err
	}
	return s.arrived(c, v, a)
}
