package kiosk

import (
	"errors"
	"net/http"
	"regexp"
	"strings"
	"unicode"

	"github.com/labstack/echo/v4"

	"sportello/booking/fiscalcode"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue"
)

// scan is what a kiosk was shown or told: one of a health card, the address of a page of ours, or
// something else, which may be a reference.
type scan struct {
	card        fiscalcode.Code
	appointment []string // the tokens that its address may have
	ticket      []string
	text        string
	misread     error // why it is no card, though it is too long for a reference
}

// longestReference is how long a reference may be as it is typed, with spaces and dashes.
const longestReference = 10

func readScan(text string) scan {
	text = strings.TrimSpace(text)
	if kind, tokens := ownTokens(text); kind == "a" {
		return scan{appointment: tokens}
	} else if kind == "t" {
		return scan{ticket: tokens}
	}
	code, err := fiscalcode.Scan(text)
	switch {
	case err == nil:
		return scan{card: code}
	case len(text) > longestReference:
		return scan{misread: err}
	}
	return scan{text: text}
}

// ownAddress is how the address of the page of an appointment or a ticket ends. Readers are keyboards, and
// the browser may take them for one of another country: letters and digits come through, signs may not.
var ownAddress = regexp.MustCompile(`[^A-Za-z0-9]([AaTt])[^A-Za-z0-9]([A-Za-z0-9'?/_-]{22})$`)

// ownTokens are the tokens that a scanned address may have, and what they are of: a, an appointment, or t, a
// ticket. An American reader on an Italian keyboard types ' for - and ? for _, an Italian one on an American
// keyboard / and ?, and one behind a locked shift key turns the letters round.
func ownTokens(text string) (kind string, tokens []string) {
	found := ownAddress.FindStringSubmatch(text)
	if found == nil {
		return "", nil
	}
	token := strings.NewReplacer("'", "-", "/", "-", "?", "_").Replace(found[2])
	turned := strings.Map(func(r rune) rune {
		if unicode.IsUpper(r) {
			return unicode.ToLower(r)
		}
		return unicode.ToUpper(r)
	}, token)
	return strings.ToLower(found[1]), []string{token, turned}
}

// Scan is where goes what a reader typed, wherever the focus is.
func (f frame) Scan() string { return f.To("/kiosk/scan") }

// Scan of the start page says no language unless one was chosen: an appointment has one.
func (v startView) Scan() string { return v.unspoken("/kiosk/scan", v.Changed) }

// unspoken is the address of a page, with the language only if the citizen chose one.
func (f frame) unspoken(path string, chosen bool) string {
	values := f.values(f.Lang)
	if !chosen {
		values.Del("lang")
	}
	return path + "?" + values.Encode()
}

// lobbyScanned takes what a reader typed on a page on which nothing is held, or somebody on that of arrival:
// it asks about a health card, and does with a code of ours what that is for. What was read is in the body of
// a form and in no address, and what cannot be read is shown and kept nowhere.
func (s *Server) lobbyScanned(c echo.Context, v visitor) error {
	code := posted(c).Get("code")
	switch scanned := readScan(code); {
	case scanned.card != "":
		return s.askCard(c, v, s.cards.keep(v.device.ID, scanned.card, s.db.Now(), s.db.Now().Add(cardLasts)))
	case scanned.ticket != nil:
		return s.showTicket(c, v, scanned.ticket)
	case scanned.misread != nil:
		return s.askCode(c, v, "", frame{Page: page(language(c))}.misread(scanned.misread))
	default:
		return s.arriveBy(c, v, scanned, again(c, code))
	}
}

// misread says what to do about something that is no card.
func (f frame) misread(why error) string {
	switch {
	case errors.Is(why, fiscalcode.ErrSeveral):
		return f.text("lobby.card.several")
	case errors.Is(why, fiscalcode.ErrLength):
		return f.text("lobby.scan.unknown")
	}
	return f.text("lobby.card.misread")
}

// showTicket shows the number of whoever scans their ticket.
func (s *Server) showTicket(c echo.Context, v visitor, tokens []string) error {
	ctx := c.Request().Context()
	var t queue.Ticket
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		for _, token := range tokens {
			if t, err = queue.ByToken(ctx, tx, token); fault.Code(err) != "unknown_ticket" {
				return err
			}
		}
		return err
	})
	f := frame{Page: page(language(c)), prefs: prefsOf(c)}
	if err == nil && t.Office != v.device.Office || fault.Code(err) == "unknown_ticket" {
		return s.askCode(c, v, "", f.text("lobby.arrive.unknown"))
	}
	if err != nil {
		return err
	}
	if c.QueryParam("lang") == "" && t.Language != "" {
		f.Page = page(t.Language)
	}
	return c.Redirect(http.StatusSeeOther, f.To("/kiosk/ticket", "id", t.ID))
}
