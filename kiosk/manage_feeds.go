package kiosk

import (
	"cmp"
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/labstack/echo/v4"

	"sportello/booking/calendar"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
)

// feedsView lists the feeds that an account made, and, for who runs offices, those of what they reach.
type feedsView struct {
	manageHead
	Text  string // searched for
	Feeds []feedLine
	Pages numbered
}

type feedLine struct {
	ID, Of, Kind, Detail string
	Maker                string // name of the account, "" the reader's own
	Created, Read, By    string
	State                userState
}

// feedView is a feed to be made.
type feedView struct {
	manageHead
	manageForm
	OfficeID      string // "" not chosen yet
	OfficeChoices []deskChoice
	Groups        []placeGroup // what it may be of
	Details       []feedDetail
	Limited       bool // to busy time
}

type feedDetail struct {
	Value  string
	Chosen bool
}

// feedMadeView shows the address of a feed, only once.
type feedMadeView struct {
	manageHead
	Title        string
	URL          string
	Webcal       template.URL // its scheme is none that templates know
	QR           *qrImage
	Unreachable  bool // for phones
	Confidential bool
}

func (s *Server) manageFeedRoutes() {
	s.manage(http.MethodGet, "/manage/feeds", access.MakeFeeds, s.feeds)
	s.manage(http.MethodGet, "/manage/feeds/new", access.MakeFeeds, s.newFeed)
	s.manage(http.MethodPost, "/manage/feeds/new", access.MakeFeeds, s.addFeed)
	s.step("/manage/feeds/:id/revoke", manageStep{
		may: access.MakeFeeds, section: "feeds", words: "manage.feed.revoke", danger: true, subject: feedSubject, do: endFeed,
	})
}

func (s *Server) feeds(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	view := feedsView{manageHead: m.head(c, "feeds"), Text: strings.TrimSpace(c.QueryParam("q"))}
	var lines []feedLine
	err := s.db.View(ctx, func(tx *store.Tx) error {
		all, err := calendar.Feeds(ctx, tx, m.feedsOf())
		if err != nil {
			return err
		}
		for _, f := range all {
			if !m.seesFeed(f) {
				continue
			}
			line, err := m.feedLine(ctx, tx, f)
			if err != nil {
				return err
			}
			if hasWords(view.Text, line.Of, line.Kind, line.Maker) {
				lines = append(lines, line)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	view.Feeds, view.Pages = cut(c, lines, pageSize)
	return s.show(c, "manage/feeds", view)
}

// feedsOf is whose feeds the account sees at most, "" those of all.
func (m *console) feedsOf() string {
	if m.role() == access.Officer {
		return m.user.ID
	}
	return ""
}

// seesFeed reports whether the account sees a feed, and may end it.
func (m *console) seesFeed(f calendar.Feed) bool {
	return f.User == m.user.ID || m.role() != access.Officer && m.in(f.Territory, f.Office) && m.looksAt(f.Territory, f.Office)
}

// looksAt reports whether what the account looks at has an office, or all offices, of a territory.
func (m *console) looksAt(territory, office string) bool {
	return m.place == "" || m.place == territoryPlace+territory || office != "" && m.place == officePlace+office
}

func (m *console) feedLine(ctx context.Context, tx *store.Tx, f calendar.Feed) (feedLine, error) {
	line := feedLine{
		ID: f.ID, Kind: m.text("manage.feed.kind." + string(f.Kind)), Detail: m.text("manage.feed.detail." + string(f.Detail)),
		Created: m.date(f.CreatedAt.In(m.zone)), Read: m.since(f.ReadAt, m.zone), By: f.ReadBy, State: m.feedState(f),
	}
	line.Of = line.Kind
	if t, ok := m.territory(f.Territory); ok {
		line.Of = cmp.Or(f.Of(t), m.text("manage.feed.gone"))
	}
	if f.User == m.user.ID {
		return line, nil
	}
	maker, err := access.UserByID(ctx, tx, f.User)
	line.Maker = maker.Name
	return line, err
}

func (m *console) feedState(f calendar.Feed) userState {
	switch {
	case f.Stale(m.now):
		return userState{"warning", m.text("manage.feed.state.stale")}
	case f.ReadAt.IsZero():
		return userState{"info", m.text("manage.feed.state.new")}
	}
	return userState{"success", m.text("manage.feed.state.read")}
}

func (s *Server) newFeed(c echo.Context, m *console) error {
	return s.showFeed(c, m, m.askedOffice(c), "", calendar.DetailBusy, nil)
}

// showFeed shows the form of a feed, of an office or of the account's own appointments.
func (s *Server) showFeed(c echo.Context, m *console, o *territory.Office, of string, detail calendar.Detail, refused error) error {
	form, status, err := m.formOf(c, refused, nil, nil)
	if err != nil {
		return err
	}
	view := feedView{manageHead: m.head(c, "feeds"), manageForm: form, Limited: !m.mayDetail(calendar.DetailCode)}
	if own, ok := m.ownFeed(); ok {
		view.Groups = append(view.Groups, placeGroup{m.text("manage.feed.own"), []deskChoice{own}})
	}
	if m.role() != access.Officer {
		id := ""
		if o != nil {
			id = o.ID
			view.Groups = append(view.Groups, m.feedGroups(o)...)
		}
		view.OfficeID, view.OfficeChoices = id, m.officeChoices(id)
	}
	for i := range view.Groups {
		for n := range view.Groups[i].Places {
			choice := &view.Groups[i].Places[n]
			choice.Chosen = choice.Value == of
		}
	}
	for _, d := range calendar.Details {
		if m.mayDetail(d) {
			view.Details = append(view.Details, feedDetail{string(d), d == detail})
		}
	}
	return s.render(c, status, "manage/feed", view)
}

// What a feed is of, as the form writes it: kind, territory, office and subject.
const feedSeparator = ":"

func feedChoice(f calendar.Feed, name string) deskChoice {
	return deskChoice{Value: strings.Join([]string{string(f.Kind), f.Territory, f.Office, f.Subject}, feedSeparator), Text: name}
}

// ownFeed is the choice of what the account's officer does, if it stands for one.
func (m *console) ownFeed() (deskChoice, bool) {
	if !m.actsAsOfficer() {
		return deskChoice{}, false
	}
	t, ok := m.territory(m.user.Territory)
	if !ok {
		return deskChoice{}, false
	}
	f, ok := t.Officer(m.user.Officer)
	return feedChoice(calendar.Feed{Kind: calendar.OfOfficer, Territory: m.user.Territory, Subject: m.user.Officer}, m.text("manage.feed.own.choice")), ok && f != nil
}

// feedGroups are what a feed may be of at an office. Who reaches the whole territory has officers and
// services at all of its offices.
func (m *console) feedGroups(o *territory.Office) []placeGroup {
	t := o.Territory
	everywhere := o.ID
	if m.whole(t) {
		everywhere = ""
	}
	choice := func(kind calendar.FeedKind, office, subject, name string) deskChoice {
		return feedChoice(calendar.Feed{Kind: kind, Territory: t.ID, Office: office, Subject: subject}, name)
	}
	offices := []deskChoice{choice(calendar.OfOffice, o.ID, "", o.Name)}
	var desks, officers, services []deskChoice
	for _, d := range o.Desks {
		desks = append(desks, choice(calendar.OfDesk, o.ID, d.ID, d.Name))
	}
	for _, f := range t.Officers {
		if f.At(o.ID) {
			officers = append(officers, choice(calendar.OfOfficer, everywhere, f.ID, f.Name))
		}
	}
	for _, id := range o.Services {
		if s, ok := t.Service(id); ok && s.Offered(o.Today(m.now)) {
			services = append(services, choice(calendar.OfService, o.ID, s.ID, s.Name))
			if everywhere == "" && len(t.Offices) > 1 {
				services = append(services, choice(calendar.OfService, "", s.ID, m.text("manage.feed.everywhere", "service", s.Name)))
			}
		}
	}
	groups := []placeGroup{
		{m.text("manage.feed.kind.office"), offices},
		{m.text("manage.feed.kind.desk"), desks},
		{m.text("manage.feed.kind.officer"), officers},
		{m.text("manage.feed.kind.service"), services},
	}
	for _, g := range groups[2:] {
		slices.SortStableFunc(g.Places, func(a, b deskChoice) int { return strings.Compare(a.Text, b.Text) })
	}
	return slices.DeleteFunc(groups, func(g placeGroup) bool { return len(g.Places) == 0 })
}

// typedFeed is the feed of a form. What is not there, or not for the account, is refused.
func (m *console) typedFeed(c echo.Context) (calendar.Feed, error) {
	form := posted(c)
	parts := append(strings.Split(form.Get("of"), feedSeparator), "", "", "", "")
	f := calendar.Feed{
		Kind: calendar.FeedKind(parts[0]), Territory: parts[1], Office: parts[2], Subject: parts[3], Detail: calendar.Detail(form.Get("detail")), User: m.user.ID,
	}
	t, ok := m.territory(f.Territory)
	switch {
	case !ok || f.Of(t) == "":
		return f, calendar.ErrFeed
	case !m.mayFeed(f):
		return f, errDenied
	}
	return f, nil
}

// addFeed makes a feed, whose address is shown once.
func (s *Server) addFeed(c echo.Context, m *console) error {
	ctx := c.Request().Context()
	f, err := m.typedFeed(c)
	if err != nil {
		return err
	}
	var secret string
	err = s.db.Update(ctx, func(tx *store.Tx) (err error) {
		_, secret, err = calendar.AddFeed(ctx, tx, f, m.by())
		return err
	})
	if err != nil {
		return err
	}
	t, _ := m.territory(f.Territory)
	view := feedMadeView{
		manageHead: m.head(c, "feeds"), Title: m.text("manage.feed.made", "of", f.Of(t)), URL: s.baseURL + "/feeds/" + secret + icsSuffix,
		Unreachable: !Reachable(s.baseURL), Confidential: f.Detail == calendar.DetailFull,
	}
	_, rest, _ := strings.Cut(view.URL, "://")
	view.Webcal = template.URL("webcal://" + rest)
	if !view.Unreachable {
		if view.QR, err = newQRImage(string(view.Webcal)); err != nil {
			return err
		}
	}
	return s.show(c, "manage/feed-made", view)
}

func feedSubject(ctx context.Context, tx *store.Tx, m *console, id string) (stepSubject, error) {
	f, err := calendar.FeedByID(ctx, tx, id)
	if err != nil {
		return stepSubject{}, err
	}
	t, ok := m.territory(f.Territory)
	if !ok || f.User != m.user.ID && (m.role() == access.Officer || !m.in(f.Territory, f.Office)) {
		return stepSubject{}, calendar.ErrFeed
	}
	return stepSubject{cmp.Or(f.Of(t), m.text("manage.feed.gone")), "/manage/feeds"}, nil
}

func endFeed(ctx context.Context, tx *store.Tx, m *console, id string) (*secretView, error) {
	return nil, calendar.EndFeed(ctx, tx, id, m.by())
}
