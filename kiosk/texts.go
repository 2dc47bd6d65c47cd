package kiosk

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// textsView lists the texts for citizens.
type textsView struct {
	manageHead
	Saved       bool // one was, just now
	Territories []textsTerritory
}

type textsTerritory struct {
	Name    string
	Missing []string // institutions of which the texts cannot name the contact or the DPO
	Texts   []textsOfName
	Mails   []textsOfName
}

type textsOfName struct {
	Title string
	Rows  []textRow
}

type textRow struct {
	Code, Language string // such as "uk", and what its speakers call it
	State          string // what citizens see
	Yours          bool   // a manager wrote it
	Edit           string // address
}

// textView is a text to be edited.
type textView struct {
	manageHead
	Title, Hint         string
	Territory, Language string
	Code                string // of the language
	RightToLeft         bool   // not the page, its language
	Mail                bool   // it is a message
	Subject             string // of a message
	Body                string
	Rev                 int64
	Yours               bool // a manager's text is in force
	Alert               *deskAlert
	Preview             *shownText
	Example             *wording // a message as it looks
	Other               string   // what somebody else saved meanwhile
	Placeholders        []textPlaceholder
	See                 string // address of the citizens' page
}

type textPlaceholder struct{ Name, Meaning string }

var errNoText = fault.New(fault.Invalid, "text_missing")

func (s *Server) textRoutes() {
	s.manage(http.MethodGet, "/manage/texts", access.EditTexts, s.texts)
	s.manage(http.MethodGet, "/manage/texts/:territory/:name/:language", access.EditTexts, s.text)
	s.manage(http.MethodPost, "/manage/texts/:territory/:name/:language", access.EditTexts, s.changeText)
}

func (s *Server) texts(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := textsView{manageHead: m.head(c, "texts"), Saved: c.QueryParam("saved") != ""}
	err := s.db.View(ctx, func(tx *store.Tx) error {
		all, err := territory.List(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range all {
			if !mayEditTexts(m.visitor, t.ID) {
				continue
			}
			changed, err := territory.Texts(ctx, tx, t.ID)
			if err != nil {
				return err
			}
			view.Territories = append(view.Territories, textsOf(m.lang, t, changed))
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.show(c, "manage/texts", view)
}

// mayEditTexts reports whether a visitor's account reaches the texts of a territory: they are those of
// all its offices, and so is who writes them.
func mayEditTexts(v visitor, id string) bool {
	return (v.user.Territory == "" || v.user.Territory == id) && len(v.user.Offices) == 0
}

func textsOf(lang string, t *territory.Territory, changed []territory.Text) textsTerritory {
	view := textsTerritory{Name: t.Name}
	for _, i := range t.Institutions {
		if i.Contact == "" || i.DPO == "" {
			view.Missing = append(view.Missing, i.Name)
		}
	}
	for _, name := range territory.TextNames() {
		of := textsOfName{Title: textTitle(lang, name)}
		for _, l := range static.Languages() {
			text := inForce(changed, name, l.Code)
			state := static.Text(lang, "texts.state.ours")
			switch {
			case text.Language != l.Code:
				state = static.Text(lang, "texts.state.italian")
			case text.Rev > 0:
				state = static.Text(lang, "texts.state.yours", "date", changedOn(lang, t, text))
			}
			of.Rows = append(of.Rows, textRow{
				Code: l.Code, Language: l.Own, State: state,
				Edit: textAddress(t, name, l.Code),
			})
		}
		view.Texts = append(view.Texts, of)
	}
	for _, name := range territory.MailNames() {
		of := textsOfName{Title: textTitle(lang, name)}
		for _, l := range static.Languages() {
			yours := slices.ContainsFunc(changed, func(t territory.Text) bool { return t.Name == name && t.Language == l.Code && t.Body != "" })
			of.Rows = append(of.Rows, textRow{Code: l.Code, Language: l.Own, Yours: yours, Edit: textAddress(t, name, l.Code)})
		}
		view.Mails = append(view.Mails, of)
	}
	return view
}

func textAddress(t *territory.Territory, name territory.TextName, lang string) string {
	return "/manage/texts/" + t.ID + "/" + string(name) + "/" + lang
}

// textTitle is what managers call a text.
func textTitle(lang string, name territory.TextName) string {
	if isMail(name) {
		return static.Text(lang, "texts."+string(name))
	}
	return static.Text(lang, "public.text."+string(name))
}

func isMail(name territory.TextName) bool { return slices.Contains(territory.MailNames(), name) }

// askedText is the text that an address names, as it is stored, and what citizens get in its place.
type askedText struct {
	territory       *territory.Territory
	stored, inForce territory.Text
}

func (s *Server) askedText(ctx context.Context, c echo.Context, tx *store.Tx, v visitor) (askedText, error) {
	name, lang := territory.TextName(c.Param("name")), c.Param("language")
	if !isMail(name) && !slices.Contains(territory.TextNames(), name) || !slices.Contains(territory.Languages(), lang) {
		return askedText{}, fault.New(fault.Missing, "no_such_page")
	}
	if !mayEditTexts(v, c.Param("territory")) {
		return askedText{}, errDenied
	}
	t, err := territory.Read(ctx, tx, c.Param("territory"))
	if err != nil {
		return askedText{}, err
	}
	stored, err := territory.TextOf(ctx, tx, t.ID, name, lang)
	if err != nil {
		return askedText{}, err
	}
	if isMail(name) {
		ours := territory.Text{Name: name, Language: lang, Body: ourMail(name, lang)}
		return askedText{t, stored, ours}, nil
	}
	changed, err := territory.Texts(ctx, tx, t.ID)
	return askedText{t, stored, inForce(changed, name, lang)}, err
}

func (s *Server) text(c echo.Context, m *console) error {
	var asked askedText
	ctx := c.Request().Context()
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		asked, err = s.askedText(ctx, c, tx, m.visitor)
		return err
	})
	if err != nil {
		return err
	}
	view := asked.view(c, m)
	view.fill(cmp.Or(asked.stored.Body, startOf(asked)))
	return s.show(c, "manage/text", view)
}

// startOf is what an editor begins with where no manager wrote yet: our own text of the language, else
// what citizens get in its place, which is to be translated.
func startOf(asked askedText) string {
	if ours, ok := static.Document(string(asked.stored.Name), asked.stored.Language); ok {
		return ours
	}
	return asked.inForce.Body
}

// fill puts a text into the editor.
func (v *textView) fill(body string) {
	v.Body = body
	if v.Mail {
		v.Subject, v.Body = territory.Mail(body)
	}
}

func (asked askedText) view(c echo.Context, m *console) textView {
	lang, name, of := m.lang, asked.stored.Name, page(asked.stored.Language)
	view := textView{
		manageHead: m.head(c, "texts"),
		Title:      textTitle(lang, name), Hint: static.Text(lang, "texts.hint."+string(name)), Mail: isMail(name),
		Territory: asked.territory.Name, Language: static.Text(of.Lang, "language.own"), Code: of.Lang, RightToLeft: of.RTL,
		Rev: asked.stored.Rev, Yours: asked.stored.Body != "",
	}
	if view.Mail {
		view.Hint = static.Text(lang, "texts.hint.mail")
	} else {
		view.See = "/" + string(name) + "/" + asked.territory.ID + "?lang=" + of.Lang
	}
	for _, placeholder := range territory.Placeholders(name) {
		view.Placeholders = append(view.Placeholders, textPlaceholder{placeholder, static.Text(lang, "texts.placeholder."+placeholder)})
	}
	return view
}

// changeText saves a text, shows how it would look, or brings ours back. What cannot be saved stays in
// the editor.
func (s *Server) changeText(c echo.Context, m *console) error {
	ctx, form := c.Request().Context(), posted(c)
	rev, err := parseRev(form.Get("rev"))
	if err != nil {
		return err
	}
	body := typedText(form, territory.TextName(c.Param("name")))
	do := form.Get("do")
	within := s.db.Update
	if do == "preview" {
		within = s.db.View
	}
	var asked askedText
	var refused *fault.Error
	err = within(ctx, func(tx *store.Tx) error {
		if asked, err = s.askedText(ctx, c, tx, m.visitor); err != nil {
			return err
		}
		text := asked.stored
		text.Body, text.ChangedBy = body, m.by()
		switch {
		case do == "preview":
			_, err = territory.FillText(text.Name, body, nil)
		case do == "back":
			text.Body = ""
			err = territory.SaveText(ctx, tx, text, rev)
		case body == "":
			err = errNoText
		default:
			err = territory.SaveText(ctx, tx, text, rev)
		}
		if errors.As(err, &refused) {
			return nil // nothing was written
		}
		return err
	})
	switch {
	case err != nil:
		return err
	case refused == nil && do != "preview":
		return c.Redirect(http.StatusSeeOther, "/manage/texts?saved=1")
	}
	return s.editAgain(c, m, asked, territory.Text{Name: asked.stored.Name, Language: asked.stored.Language, Body: body, Rev: rev}, refused)
}

// typedText is the text that was typed; a message's subject is a field of its own.
func typedText(form url.Values, name territory.TextName) string {
	body := strings.TrimSpace(strings.ReplaceAll(form.Get("body"), "\r\n", "\n"))
	subject := strings.Join(strings.Fields(form.Get("subject")), " ")
	if !isMail(name) || subject == "" && body == "" {
		return body
	}
	return subject + "\n\n" + body
}

// editAgain shows what was typed once more, with how it would look or why it was not saved. Only who
// has been shown what somebody else saved goes on from that.
func (s *Server) editAgain(c echo.Context, m *console, asked askedText, typed territory.Text, refused *fault.Error) error {
	view := asked.view(c, m)
	view.fill(typed.Body)
	if refused == nil && view.Mail {
		view.Rev, view.Example = typed.Rev, mailExample(asked.territory, typed, m.now)
		return s.show(c, "manage/text", view)
	}
	if refused == nil {
		shown, err := showText(asked.territory, typed, linked)
		if err != nil {
			return err
		}
		view.Rev, view.Preview = typed.Rev, &shown
		return s.show(c, "manage/text", view)
	}
	view.Alert = alertOf(view.Lang, refused, nil)
	if refused.Code == "edited_meanwhile" {
		view.Other = cmp.Or(asked.stored.Body, startOf(asked))
	} else {
		view.Rev = typed.Rev
	}
	return s.render(c, int(refused.Kind), "manage/text", view)
}

// parseRev reads the revision that a form was made from.
func parseRev(value string) (int64, error) {
	rev, err := strconv.ParseInt(value, 10, 64)
	if err != nil || rev < 0 {
		return 0, errMalformed
	}
	return rev, nil
}
