package kiosk

import (
	"bytes"
	"cmp"
	"net/http"
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
	"sportello/queue"
	"sportello/queue/forecast"
	"sportello/static"
)

const (
	// boardCalls is how many calls a board shows at a time: one large, five below.
	boardCalls = 6
	// boardSpeaks is how old a call may be that a board still fetches the sound of.
	boardSpeaks = 5 * time.Minute
	// boardStep is what estimates are rounded to on boards and phones, outwards: they are no finer.
	boardStep = 5 * time.Minute
)

// errNoCall answers a board that wants the sound of a call which is not, or no more, its office's.
var errNoCall = fault.New(fault.Missing, "no_such_page")

func (s *Server) boardRoutes() {
	if s.speech == nil {
		s.speech = NewSpeech("", s.log)
	}
	s.handle(http.MethodGet, "/board", access.ShowBoard, s.board)
	s.handle(http.MethodGet, "/board/events", access.ShowBoard, s.boardEvents)
	s.handle(http.MethodGet, "/board/speech/:version", access.ShowBoard, s.boardSpeech)
	s.handle(http.MethodGet, "/board/test.wav", access.ShowBoard, s.boardTest)
	s.handle(http.MethodGet, "/board/worker.js", access.SeePublic, boardWorker)
}

// boardJSON is what the board of an office shows, as programs get it. It holds numbers and desks
// only: no service, no name.
type boardJSON struct {
	Version int64               `json:"version"`
	Calls   []boardCall         `json:"calls"` // newest first
	Waits   []boardWait         `json:"waits"` // by waiting area
	Notices []map[string]string `json:"notices"`
}

type boardCall struct {
	Version  int64     `json:"version"` // of this call; a repeated call is another
	Number   string    `json:"number"`
	Desk     string    `json:"desk"` // the desk's name; of several, "Sportelli 1 e 2"
	CalledAt time.Time `json:"called_at"`
	Repeat   int       `json:"repeat"` // 1: the first call
}

// boardWait is how it stands in a waiting area. The range, in whole minutes, is that of somebody who
// takes a ticket now for a service in the middle of the area's; it is null while no desk is open.
type boardWait struct {
	Series      string     `json:"series"`
	Waiting     int        `json:"waiting"`
	LowMinutes  *int       `json:"low_minutes"`
	HighMinutes *int       `json:"high_minutes"`
	Paused      string     `json:"paused,omitempty"` // all or some: services whose last desk is paused
	BackAt      *time.Time `json:"back_at,omitempty"`
}

// boardState makes what boards show of an office.
func boardState(p *queue.Picture) boardJSON {
	state := boardJSON{Version: p.Version, Calls: []boardCall{}, Waits: []boardWait{}, Notices: []map[string]string{}}
	for _, c := range p.Calls[:min(len(p.Calls), boardCalls)] {
		state.Calls = append(state.Calls, boardCall{
			Version: c.Version, Number: c.Ticket.Label(), Desk: placeOf(p.Office, c.Desks).Words(),
			CalledAt: c.CalledAt.In(p.Office.Zone()), Repeat: c.Repeat,
		})
	}
	unserved := p.Unserved()
	for _, area := range p.Office.Areas {
		if w, ok := waitOf(p, area, unserved); ok {
			state.Waits = append(state.Waits, w)
		}
	}
	for _, n := range p.Office.Notices {
		if n.On(p.Day) {
			state.Notices = append(state.Notices, n.Text)
		}
	}
	return state
}

// waitOf returns how it stands in a waiting area, and false when nobody waits there and nothing can
// be had.
func waitOf(p *queue.Picture, area territory.Area, unserved []*territory.Service) (boardWait, bool) {
	w := boardWait{Series: area.Series}
	for _, t := range p.Waiting() {
		if t.Area == area.ID {
			w.Waiting++
		}
	}
	var offers []queue.Offer
	for _, o := range p.Offers {
		if o.Open && p.Office.AreaOf(o.Service).ID == area.ID {
			offers = append(offers, o)
		}
	}
	if w.Waiting == 0 && len(offers) == 0 {
		return w, false
	}
	w.estimate(p, offers)
	w.pause(p, offers, unserved)
	return w, true
}

// estimate sets the range to that of the service in the middle when services are ordered by it and
// count as often as people wait for them, and once more for who comes: the slowest service of an
// area would stretch a range over all to no use.
func (w *boardWait) estimate(p *queue.Picture, offers []queue.Offer) {
	var all []forecast.Wait
	for _, o := range offers {
		if !o.HasWait {
			continue
		}
		all = append(all, o.Wait)
		for _, t := range p.Waiting() {
			if t.Service == o.Service.ID {
				all = append(all, o.Wait)
			}
		}
	}
	if len(all) == 0 {
		return
	}
	slices.SortFunc(all, func(a, b forecast.Wait) int { return cmp.Or(cmp.Compare(a.High, b.High), cmp.Compare(a.Low, b.Low)) })
	low, high := roundedWait(all[(len(all)-1)/2])
	w.LowMinutes, w.HighMinutes = &low, &high
}

// pause notes services whose last desk is paused, and when the last of them is back if all said so.
func (w *boardWait) pause(p *queue.Picture, offers []queue.Offer, unserved []*territory.Service) {
	served, said, back := false, true, time.Time{}
	for _, o := range offers {
		if !slices.Contains(unserved, o.Service) {
			served = served || o.DesksOpen > 0
			continue
		}
		w.Paused = "some"
		at, ok := backAt(p, o.Service.ID)
		said = said && ok
		if at.After(back) {
			back = at
		}
	}
	if w.Paused == "" {
		return
	}
	if !served {
		w.Paused = "all"
	}
	if said {
		back = back.In(p.Office.Zone())
		w.BackAt = &back
	}
}

// backAt returns when a service whose last desk is paused is served again, as the paused desks said,
// and false when they did not or that time has passed. A joint service needs a desk of each of its
// institutions: the last of them to be back counts.
func backAt(p *queue.Picture, service string) (time.Time, bool) {
	needs := []string{""} // any
	if s, ok := p.Office.Territory.Service(service); ok && len(s.Needs) > 1 {
		needs = s.Needs
	}
	var last time.Time
	for _, institution := range needs {
		first, said := firstBack(p, service, institution)
		if !said {
			return time.Time{}, false
		}
		if first.After(last) {
			last = first
		}
	}
	return last, last.After(p.Now)
}

// firstBack returns when the first desk that serves a service for an institution, "" for any, is
// there: now, when one is open. It returns false when none said.
func firstBack(p *queue.Picture, service, institution string) (first time.Time, said bool) {
	for _, d := range p.Desks {
		if !slices.Contains(d.Services, service) || institution != "" && !slices.Contains(d.Institutions, institution) {
			continue
		}
		if d.State == queue.DeskOpen {
			return p.Now, true
		}
		if d.BackAt.After(p.Now) && (!said || d.BackAt.Before(first)) {
			first, said = d.BackAt, true
		}
	}
	return first, said
}

// roundedWait returns a range in minutes as people are told it, never empty.
func roundedWait(w forecast.Wait) (low, high int) {
	down := w.Low.Truncate(boardStep)
	up := (w.High + boardStep - 1).Truncate(boardStep)
	return int(down.Minutes()), int(max(up, down+boardStep).Minutes())
}

// hoursFrom is from how many minutes on a range is told in hours.
const hoursFrom = 120

// inHours rounds a range in minutes outwards to hours.
func inHours(low, high int) (int, int) { return low / 60, (high + 59) / 60 }

// place is where a call sends people: desks, by the names on their signs.
type place struct {
	Names    []string
	Numbered bool // the signs say "Sportello" and a name, which alone is in Names
}

// placeOf names desks in the office's order.
func placeOf(o *territory.Office, desks []string) place {
	sign := static.Text(static.Italian, "board.desk", "n", 1)
	at := place{Numbered: len(desks) > 0}
	order := func(id string) int {
		return slices.IndexFunc(o.Desks, func(d territory.Desk) bool { return d.ID == id })
	}
	desks = slices.SortedStableFunc(slices.Values(desks), func(a, b string) int { return order(a) - order(b) })
	var names []string
	for _, id := range desks {
		d, ok := o.Desk(id)
		if !ok {
			d.Name = id
		}
		at.Names = append(at.Names, d.Name)
		short := ""
		if n := len(sign); len(d.Name) > n && strings.EqualFold(d.Name[:n], sign) {
			short = strings.TrimSpace(d.Name[n:])
		}
		at.Numbered = at.Numbered && short != ""
		names = append(names, short)
	}
	if at.Numbered {
		at.Names = names
	}
	return at
}

// Label returns the word before the names, such as "Sportelli"; "" where they speak for themselves.
func (at place) Label(lang string) string {
	if !at.Numbered {
		return ""
	}
	return static.Text(lang, "board.desk", "n", len(at.Names))
}

// List returns the names as one text, such as "1 e 2".
func (at place) List(lang string) string {
	if len(at.Names) == 0 {
		return ""
	}
	list := at.Names[0]
	for i, name := range at.Names[1:] {
		if i == len(at.Names)-2 {
			list = static.Text(lang, "board.and", "first", list, "last", name)
			continue
		}
		list += ", " + name
	}
	return list
}

// Words returns the place as signs and voices say it, in Italian: "Sportelli 1 e 2".
func (at place) Words() string {
	return strings.TrimSpace(at.Label(static.Italian) + " " + at.List(static.Italian))
}

// boardScreen is what a board's page shows, ready to be shown: the same on the page as it is sent
// and in every event after it. Its calls are all that a board may still have to speak, newest first; it
// shows boardCalls of them.
type boardScreen struct {
	Version int64        `json:"version"`
	Now     time.Time    `json:"now"`
	Build   string       `json:"build"` // another than the page's own: the page loads anew
	Calls   []screenCall `json:"calls"`
	Waits   []screenWait `json:"waits"`
	Slides  []slide      `json:"slides"`
}

type screenCall struct {
	Version int64  `json:"version"`
	Number  string `json:"number"`
	Label   string `json:"label"`
	Desk    string `json:"desk"`
	Size    string `json:"size"` // of the desk's name: short, mid ("1 e 2") or long
	Age     int64  `json:"age"`  // ms
}

type screenWait struct {
	Series  string `json:"series"`
	Waiting int    `json:"waiting"`
	Range   string `json:"range"`
	Note    string `json:"note"`
}

// slide is a text at the bottom of the board, one at a time.
type slide struct {
	Lang  string `json:"lang"`
	Dir   string `json:"dir"`
	Text  string `json:"text"`
	Lines int    `json:"lines"` // 1 to 3: the longer the text, the smaller its type
}

func slideIn(lang, text string) slide {
	line := slide{Lang: lang, Dir: "ltr", Text: text, Lines: 1}
	if page(lang).RTL {
		line.Dir = "rtl"
	}
	width := utf8.RuneCountInString(text)
	if page(lang).Script == "chinese" {
		width *= 2
	}
	for _, fits := range []int{46, 130} {
		if width > fits {
			line.Lines++
		}
	}
	return line
}

// deskSize says how large a desk's name can be set.
func deskSize(name string) string {
	switch n := utf8.RuneCountInString(name); {
	case n <= 3:
		return "short"
	case n <= 5:
		return "mid"
	}
	return "long"
}

// boardLanguage is the language of a board's own words: the one asked for in its address, else the
// territory's first, of those that have these words, else Italian.
func boardLanguage(c echo.Context, office *territory.Office) string {
	for _, lang := range []string{c.QueryParam("lang"), office.Territory.Languages[0]} {
		if static.Has(lang, "board.waiting") {
			return lang
		}
	}
	return static.Italian
}

func screenOf(p *queue.Picture, now time.Time, lang string) boardScreen {
	state := boardState(p)
	screen := boardScreen{
		Version: state.Version, Now: now.In(p.Office.Zone()), Build: static.URL("board.js") + static.URL("board.css"),
		Calls: []screenCall{}, Waits: []screenWait{}, Slides: slidesOf(lang, p.Office.Territory.Languages, state),
	}
	for _, c := range p.Calls {
		at := placeOf(p.Office, c.Desks)
		desk := at.List(lang)
		screen.Calls = append(screen.Calls, screenCall{
			Version: c.Version, Number: c.Ticket.Label(), Label: at.Label(lang), Desk: desk,
			Size: deskSize(desk), Age: now.Sub(c.CalledAt).Milliseconds(),
		})
	}
	for _, w := range state.Waits {
		screen.Waits = append(screen.Waits, screenWait{Series: w.Series, Waiting: w.Waiting, Range: w.inWords(lang), Note: w.note(lang)})
	}
	return screen
}

func (w boardWait) inWords(lang string) string {
	switch {
	case w.LowMinutes == nil:
		return ""
	case *w.LowMinutes >= hoursFrom:
		low, high := inHours(*w.LowMinutes, *w.HighMinutes)
		return static.Text(lang, "board.range.hours", "low", low, "high", high)
	}
	return static.Text(lang, "board.range", "low", *w.LowMinutes, "high", *w.HighMinutes)
}

// note is what keeps people waiting longer than they may think.
func (w boardWait) note(lang string) string {
	switch {
	case w.Paused != "" && w.BackAt != nil:
		return static.Text(lang, "board.paused."+w.Paused+".until", "time", w.BackAt.Format("15:04"))
	case w.Paused != "":
		return static.Text(lang, "board.paused."+w.Paused)
	case w.LowMinutes == nil:
		return static.Text(lang, "board.closed")
	}
	return ""
}

// slidesOf returns the texts for the bottom of the board. Each language has its round, that numbers
// are not called in order and then the notices that exist in it; every other round is in the board's
// own, and says also what is paused.
func slidesOf(own string, languages []string, state boardJSON) []slide {
	round := func(lang string) []slide {
		var all []slide
		if static.Has(lang, "board.order") {
			all = append(all, slideIn(lang, static.Text(lang, "board.order")))
		}
		for _, w := range state.Waits {
			if lang == own && w.Paused != "" {
				all = append(all, slideIn(lang, static.Text(lang, "board.paused.slide", "series", w.Series, "note", w.note(lang))))
			}
		}
		for _, n := range state.Notices {
			if n[lang] != "" {
				all = append(all, slideIn(lang, n[lang]))
			}
		}
		return all
	}
	first := round(own)
	slides := slices.Clone(first)
	others := slices.DeleteFunc(slices.Clone(languages), func(lang string) bool { return lang == own })
	for i, lang := range others {
		if i > 0 {
			slides = append(slides, first...)
		}
		slides = append(slides, round(lang)...)
	}
	return slides
}

// boardView is the board's page.
type boardView struct {
	Page
	Office  string
	Zone    string
	Speaks  bool
	Shell   bool // kept by the browser for the time when the server cannot be reached: shows no calls
	Scripts []string
	boardScreen
}

// Current is the last call, large; nil when there is none.
func (v boardView) Current() *screenCall {
	if len(v.Calls) == 0 {
		return nil
	}
	return &v.Calls[0]
}

// Previous are the calls before the last.
func (v boardView) Previous() []screenCall {
	return v.Calls[min(1, len(v.Calls)):min(boardCalls, len(v.Calls))]
}

// Blank and BlankWait are what the page's script fills.
func (boardView) Blank() screenCall     { return screenCall{} }
func (boardView) BlankWait() screenWait { return screenWait{} }

func (s *Server) board(c echo.Context, v visitor) error {
	p, err := s.picture(c.Request().Context(), v.device.Office)
	if err != nil {
		return err
	}
	lang := boardLanguage(c, p.Office)
	view := boardView{
		Page: page(lang), Office: p.Office.Name, Zone: p.Office.Zone().String(), Speaks: s.speech.Speaks(),
		Shell: c.QueryParam("shell") != "", boardScreen: screenOf(p, s.db.Now(), lang),
	}
	if view.Shell {
		view.Calls, view.Waits = nil, nil
	}
	for _, l := range view.Slides {
		if script := page(l.Lang).Script; script != "" && !slices.Contains(view.Scripts, script) {
			view.Scripts = append(view.Scripts, script)
		}
	}
	return s.show(c, "board/board", view)
}

func (s *Server) boardEvents(c echo.Context, v visitor) error {
	w, err := s.watch(c.Request().Context(), v.device.Office)
	if err != nil {
		return err
	}
	defer w.Close()
	return s.stream(c, w, "board", func(state live.State) any {
		p := state.Value.(*queue.Picture)
		return screenOf(p, s.db.Now(), boardLanguage(c, p.Office))
	})
}

// boardSpeech answers with the sound of a call of the last minutes.
func (s *Server) boardSpeech(c echo.Context, v visitor) error {
	p, err := s.picture(c.Request().Context(), v.device.Office)
	if err != nil {
		return err
	}
	version, err := strconv.ParseInt(c.Param("version"), 10, 64)
	at := slices.IndexFunc(p.Calls, func(call queue.Call) bool { return call.Version == version })
	if err != nil || at < 0 || p.Now.Sub(p.Calls[at].CalledAt) > boardSpeaks {
		return errNoCall
	}
	return s.say(c, spoken(p.Office, p.Calls[at]))
}

// spoken is a call as it is read out: "Numero A, 42. Sportello 3." A series of two letters is
// spelled, the number is one number.
func spoken(o *territory.Office, c queue.Call) string {
	series := strings.Join(strings.Split(c.Ticket.Series, ""), " ")
	return static.Text(static.Italian, "board.speech.call",
		"series", series, "number", c.Ticket.Number, "desk", placeOf(o, c.Desks).Words())
}

func (s *Server) boardTest(c echo.Context, _ visitor) error {
	return s.say(c, static.Text(static.Italian, "board.speech.test"))
}

// say answers with a text as sound. When it cannot be spoken the chime must do: people look up.
func (s *Server) say(c echo.Context, text string) error {
	wav, err := s.speech.Say(c.Request().Context(), text)
	if err != nil {
		s.log.Error("call not spoken", "error", err)
		wav = s.speech.Chime()
	}
	c.Response().Header().Set(echo.HeaderContentType, "audio/wav")
	http.ServeContent(c.Response(), c.Request(), "", time.Time{}, bytes.NewReader(wav))
	return nil
}

// boardWorker serves the script that keeps the board's page in the browser. It is no asset, for its
// address must stay the same.
func boardWorker(c echo.Context, _ visitor) error {
	script, err := templates.ReadFile("templates/board/worker.js")
	if err != nil {
		return err
	}
	c.Response().Header().Set("Service-Worker-Allowed", "/board") // its own folder would be /board/
	return c.Blob(http.StatusOK, "text/javascript; charset=utf-8", script)
}
