package kiosk

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"
	"github.com/yuin/goldmark"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/static"
)

// shownText is a public text as a page shows it.
type shownText struct {
	Lang string // which may be another than the reader's
	RTL  bool
	Body template.HTML
}

// publicTextView is a public text of a territory.
type publicTextView struct {
	Page
	Title     string
	Name      territory.TextName
	ID        string // of the territory
	Territory string
	Words     shownText
	Changed   string // when a manager did; "" the text is ours
	Languages []static.Language
}

// Foreign reports whether the text is in another language than the page.
func (v publicTextView) Foreign() bool { return v.Words.Lang != v.Lang }

// textChoiceView asks of which territory the text is to be.
type textChoiceView struct {
	Page
	Title       string
	Name        territory.TextName
	Territories []*territory.Territory
}

func (s *Server) publicTextRoutes() {
	for _, name := range territory.TextNames() {
		show := func(c echo.Context, _ visitor) error { return s.publicText(c, name) }
		s.handle(http.MethodGet, "/"+string(name), access.SeePublic, show)
		s.handle(http.MethodGet, "/"+string(name)+"/:territory", access.SeePublic, show)
	}
}

// publicText shows a text of the territory that the address names, or of the only one.
func (s *Server) publicText(c echo.Context, name territory.TextName) error {
	ctx, lang, id := c.Request().Context(), language(c), c.Param("territory")
	var all []*territory.Territory
	var t *territory.Territory
	var text territory.Text
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if all, err = territory.List(ctx, tx); err != nil {
			return err
		}
		if t = chosenTerritory(all, id); t == nil {
			return nil
		}
		text, err = textIn(ctx, tx, t, name, lang)
		return err
	})
	switch title := static.Text(lang, "public.text."+string(name)); {
	case err != nil:
		return err
	case t != nil:
		shown, err := showText(t, text, linked)
		if err != nil {
			return err
		}
		return s.show(c, "public/text", publicTextView{
			Page: page(lang), Title: title, Name: name, ID: t.ID, Territory: t.Name, Words: shown, Changed: changedOn(lang, t, text),
			Languages: static.Languages(),
		})
	case id != "":
		return fault.New(fault.Missing, "no_such_page")
	default:
		return s.show(c, "public/texts", textChoiceView{Page: page(lang), Title: title, Name: name, Territories: all})
	}
}

// chosenTerritory is the one of an id, or the only one when none is said; nil when there is none.
func chosenTerritory(all []*territory.Territory, id string) *territory.Territory {
	if id == "" && len(all) == 1 {
		return all[0]
	}
	if i := slices.IndexFunc(all, func(t *territory.Territory) bool { return t.ID == id }); i >= 0 {
		return all[i]
	}
	return nil
}

// textIn returns what readers of a language get.
func textIn(ctx context.Context, tx *store.Tx, t *territory.Territory, name territory.TextName, lang string) (territory.Text, error) {
	changed, err := territory.Texts(ctx, tx, t.ID)
	return inForce(changed, name, lang), err
}

// inForce is the manager's text in a language; else, as long as the Italian text is ours, our own in
// it, because ours need not say what a manager's says; else the Italian text. A text that is ours has
// the Rev 0.
func inForce(changed []territory.Text, name territory.TextName, lang string) territory.Text {
	for _, language := range []string{lang, static.Italian} {
		i := slices.IndexFunc(changed, func(t territory.Text) bool { return t.Name == name && t.Language == language && t.Body != "" })
		if i >= 0 {
			return changed[i]
		}
	}
	ours, ok := static.Document(string(name), lang)
	if !ok {
		lang = static.Italian
		ours, _ = static.Document(string(name), lang)
	}
	return territory.Text{Name: name, Language: lang, Body: ours}
}

// showText fills a text with what it leaves to the territory, and renders it.
func showText(t *territory.Territory, text territory.Text, with goldmark.Markdown) (shownText, error) {
	filled, _ := territory.FillText(text.Name, text.Body, textValues(t, text.Language)) // was checked when it was saved
	body, err := toHTML(with, filled)
	return shownText{Lang: text.Language, RTL: page(text.Language).RTL, Body: body}, err
}

// changedOn is the day on which a manager changed a text; "" for one that is ours.
func changedOn(lang string, t *territory.Territory, text territory.Text) string {
	if text.ChangedAt.IsZero() {
		return ""
	}
	return static.Date(lang, text.ChangedAt.In(t.Zone), static.FullDate)
}

// textValues are the values of the placeholders, as Markdown.
func textValues(t *territory.Territory, lang string) map[string]string {
	ask := static.Text(lang, "public.text.ask")
	var controllers, officers, offices []string
	for _, i := range t.Institutions {
		controllers = append(controllers, item(i.Name, i.Contact, ask))
		officers = append(officers, item(i.Name, i.DPO, ask))
	}
	for _, o := range t.Offices {
		offices = append(offices, item(o.Name, strings.Join(slices.DeleteFunc([]string{o.Address, o.Phone}, func(part string) bool { return part == "" }), ", "), ""))
	}
	return map[string]string{
		territory.PlaceholderControllers: list(controllers),
		territory.PlaceholderDPO:         list(officers),
		territory.PlaceholderOffices:     list(offices),
		territory.PlaceholderTerritory:   plain(t.Name),
	}
}

// item is a name and what is to be known of it, or what is said where that is not known.
func item(name, known, otherwise string) string {
	if known = cmp.Or(known, otherwise); known == "" {
		return "**" + plain(name) + "**"
	}
	return "**" + plain(name) + "**: " + plain(known)
}

// list is a list that stands alone, wherever its placeholder stood.
func list(items []string) string {
	return "\n\n- " + strings.Join(items, "\n- ") + "\n\n"
}

// lobbyTextView is a public text inside the kiosk's frame.
type lobbyTextView struct {
	frame
	Title string
	Words shownText
}

// Foreign reports whether the text is in another language than the page.
func (v lobbyTextView) Foreign() bool { return v.Words.Lang != v.Lang }

// lobbyPrivacy shows the privacy notice at the kiosk, without ways to elsewhere.
func (s *Server) lobbyPrivacy(c echo.Context, v visitor) error {
	ctx, lang := c.Request().Context(), language(c)
	var office *territory.Office
	var text territory.Text
	err := s.db.View(ctx, func(tx *store.Tx) (err error) {
		if office, err = territory.Of(ctx, tx, v.device.Office); err != nil {
			return err
		}
		text, err = textIn(ctx, tx, office.Territory, territory.Privacy, lang)
		return err
	})
	if err != nil {
		return err
	}
	shown, err := showText(office.Territory, text, unlinked)
	if err != nil {
		return err
	}
	view := lobbyTextView{frame: s.frame(c, office, "/kiosk"), Title: static.Text(lang, "public.text.privacy"), Words: shown}
	view.Long = true
	return s.show(c, "lobby/privacy", view)
}
