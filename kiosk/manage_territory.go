package kiosk

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue"
	"sportello/static"
)

// What a territory is made of, as the console edits it: the fields of each kind in the order of the form.

func (s *Server) territoryRoutes() {
	objectRoutes(s, officeObjects())
	s.liveRoutes()
	s.openingRoutes()
	s.closureRoutes()
	s.menuRoutes()
	objectRoutes(s, officerObjects())
	objectRoutes(s, serviceObjects())
	objectRoutes(s, needObjects())
	objectRoutes(s, institutionObjects())
	objectRoutes(s, headObjects())
	s.fileRoutes()
}

// stillUsed is the fault of what cannot be removed, with what needs it.
func stillUsed(by string) error { return fault.New(fault.Conflict, "object_used_"+by) }

// The choices that forms offer.

func institutionChoices(x *editing) []deskChoice {
	var all []deskChoice
	for _, i := range x.in.Institutions {
		all = append(all, deskChoice{Value: i.ID, Text: i.Name})
	}
	return all
}

func serviceChoices(x *editing, of func(s *territory.Service) bool) []deskChoice {
	var all []deskChoice
	for _, s := range x.in.Services {
		if of(s) {
			all = append(all, deskChoice{Value: s.ID, Text: serviceName(s, x.lang)})
		}
	}
	slices.SortFunc(all, func(a, b deskChoice) int {
		return strings.Compare(strings.Join(words(a.Text), " "), strings.Join(words(b.Text), " "))
	})
	return all
}

// today is the territory's date.
func (x *editing) today() timetable.Date { return timetable.DateOf(x.now.In(x.in.Zone)) }

func officeChoicesOf(x *editing) []deskChoice {
	all := []deskChoice{{Text: x.text("manage.choose_one")}}
	for _, o := range x.in.Offices {
		if x.whole(x.in) || x.reaches(o.ID) {
			all = append(all, deskChoice{Value: o.ID, Text: o.Name})
		}
	}
	return all
}

// reaches reports whether the account reaches an office of the territory.
func (x *editing) reaches(office string) bool { return x.visitor.in(x.in.ID, office) }

func languageChoices(x *editing) []deskChoice {
	var all []deskChoice
	for _, l := range territory.Languages() {
		all = append(all, deskChoice{Value: l, Text: static.Text(l, "language.own")})
	}
	return all
}

func channelChoices(x *editing) []deskChoice {
	var all []deskChoice
	for _, c := range territory.Channels() {
		all = append(all, deskChoice{Value: string(c), Text: x.text("manage.channel." + string(c))})
	}
	return all
}

func weekdayChoices(x *editing) []deskChoice {
	var all []deskChoice
	for n := range 7 {
		d := time.Weekday((n + 1) % 7)
		all = append(all, deskChoice{Value: timetable.WeekdayName(d), Text: x.text("manage.weekday." + timetable.WeekdayName(d))})
	}
	return all
}

func codeChoices(prefix string, codes ...string) func(x *editing) []deskChoice {
	return func(x *editing) []deskChoice {
		var all []deskChoice
		for _, c := range codes {
			all = append(all, deskChoice{Value: c, Text: x.text(prefix + c)})
		}
		return all
	}
}

// Institutions.

func institutionObjects() objects[territory.InstitutionEntry] {
	type E = territory.InstitutionEntry
	return objects[E]{
		kind: territory.KindInstitution, section: "institutions",
		fields: []field[E]{
			idField(func(e *E) *string { return &e.ID }),
			textField("name", func(e *E) *string { return &e.Name }),
			textField("contact", func(e *E) *string { return &e.Contact }),
			textField("dpo", func(e *E) *string { return &e.DPO }),
			optionalField("retention_days", func(e *E) **int { return &e.RetentionDays }),
		},
		list: func(_ *territory.Territory, f *territory.File) []E { return f.Institutions },
		put:  func(e E) *territory.File { return &territory.File{Institutions: []E{e}} },
		id:   func(e *E) *string { return &e.ID },
		name: func(t *territory.Territory, e E) string {
			if e.Name == "" {
				return e.ID
			}
			return e.Name
		},
		line: func(m *console, t *territory.Territory, e E) objectLine {
			i, _ := t.Institution(e.ID)
			line := objectLine{Name: i.Name, Small: e.ID, Details: []string{e.Contact}, State: userState{"success", m.text("manage.institution.state.fine")}}
			if e.Contact == "" || e.DPO == "" {
				line.State = userState{"warning", m.text("manage.institution.state.missing")}
			}
			return line
		},
		blank: func(*console, *territory.Territory) E { return E{} },
		used:  func(context.Context, *store.Tx, *territory.Territory, E) error { return nil }, // only a territory refers to institutions
	}
}

// idField is the id of what is not there yet; it can be left out and is made of the name then.
func idField[E any](of func(*E) *string) value[E] {
	f := textField("id", of)
	f.newOnly = true
	return f
}

// Services.

func serviceObjects() objects[territory.ServiceEntry] {
	type E = territory.ServiceEntry
	return objects[E]{
		kind: territory.KindService, section: "services",
		fields: []field[E]{
			idField(func(e *E) *string { return &e.ID }),
			textField("name", func(e *E) *string { return &e.Name }),
			textField("plain", func(e *E) *string { return &e.Plain }).across(),
			wordsField[E]{name: "names", of: func(e *E) *map[string]string { return &e.Names }, but: "it"},
			textField("category", func(e *E) *string { return &e.Category }),
			listField("needs", func(e *E) *[]string { return &e.Needs }, func(x *editing, _ *E) []deskChoice { return institutionChoices(x) }),
			listField("needs_any", func(e *E) *[]string { return &e.NeedsAny }, func(x *editing, _ *E) []deskChoice { return institutionChoices(x) }),
			checkField("one_officer_may_cover", func(e *E) *bool { return &e.OneOfficerMayCover }),
			numberField("minutes", func(e *E) *int { return &e.Minutes }),
			numberField("step", func(e *E) *int { return &e.Step }),
			numberField("buffer_before", func(e *E) *int { return &e.BufferBefore }),
			numberField("buffer_after", func(e *E) *int { return &e.BufferAfter }),
			numberField("rooms", func(e *E) *int { return &e.Rooms }),
			numberField("capacity", func(e *E) *int { return &e.Capacity }),
			numberField("daily_ceiling", func(e *E) *int { return &e.DailyCeiling }),
			typedList("channels", func(e *E) *[]territory.Channel { return &e.Channels }, func(x *editing, _ *E) []deskChoice { return channelChoices(x) }),
			optionalField("lead_min_minutes", func(e *E) **int { return &e.LeadMinMinutes }),
			optionalField("lead_max_days", func(e *E) **int { return &e.LeadMaxDays }),
			optionalField("cancel_until_minutes", func(e *E) **int { return &e.CancelUntilMinutes }),
			rowsField[E, territory.WindowEntry]{name: "window", of: func(e *E) *[]territory.WindowEntry { return &e.Windows }, fields: windowFields()},
			textField("area", func(e *E) *string { return &e.Area }),
			linesField("documents", func(e *E) *[]string { return &e.Documents }),
			// A field named form would stand before what scripts ask a form for.
			textField("form_id", func(e *E) *string { return &e.Form }),
			dateField("valid_from", func(e *E) *timetable.Date { return &e.ValidFrom }),
			dateField("valid_to", func(e *E) *timetable.Date { return &e.ValidTo }),
			dateField("requests_from", func(e *E) *timetable.Date { return &e.RequestsFrom }),
			dateField("requests_to", func(e *E) *timetable.Date { return &e.RequestsTo }),
			listField("successors", func(e *E) *[]string { return &e.Successors }, func(x *editing, e *E) []deskChoice {
				return serviceChoices(x, func(s *territory.Service) bool { return s.ID != e.ID && s.Offered(x.today()) })
			}),
			defaultCheck("sensitive", false, func(e *E) **bool { return &e.Sensitive }),
			listField("audience", func(e *E) *[]string { return &e.Audience }, choicesOf[E](codeChoices("manage.audience.", "citizen", "employer"))),
			listField("levels", func(e *E) *[]string { return &e.Levels }, choicesOf[E](codeChoices("manage.level.", "informazione", "erogazione"))),
		},
		list: func(_ *territory.Territory, f *territory.File) []E {
			all, err := f.Whole()
			if err != nil {
				return f.Services
			}
			return all
		},
		put: func(e E) *territory.File {
			if said, err := territory.Differing(e); err == nil {
				e = said
			}
			return &territory.File{Services: []E{e}}
		},
		id: func(e *E) *string { return &e.ID },
		name: func(t *territory.Territory, e E) string {
			if s, ok := t.Service(e.ID); ok {
				return s.Name
			}
			return e.Name
		},
		line: func(m *console, t *territory.Territory, e E) objectLine {
			s, _ := t.Service(e.ID)
			line := objectLine{Name: serviceName(s, m.lang), Small: e.ID, State: userState{"success", m.text("manage.service.state.offered")}}
			join := " + "
			if len(s.NeedsAny) > 0 {
				join = " / "
			}
			line.Details = []string{strings.Join(s.Institutions(), join), m.text("manage.minutes", "n", s.Minutes)}
			if today := timetable.DateOf(m.now.In(t.Zone)); !s.Offered(today) {
				line.State = userState{"off", m.text("manage.service.state.ended")}
				if s.ValidFrom.After(today) || s.RequestsFrom.After(today) {
					line.State = userState{"warning", m.text("manage.service.state.coming")}
				}
			}
			return line
		},
		blank: func(*console, *territory.Territory) E { return E{Capacity: 1} },
		used: func(ctx context.Context, tx *store.Tx, t *territory.Territory, e E) error {
			if territory.InCatalogue(e.ID) {
				return stillUsed("catalogue")
			}
			return usedByAppointments(ctx, tx, t, booking.Uses{Service: e.ID})
		},
	}
}

func choicesOf[E any](choices func(x *editing) []deskChoice) func(*editing, *E) []deskChoice {
	return func(x *editing, _ *E) []deskChoice { return choices(x) }
}

func windowFields() []field[territory.WindowEntry] {
	type R = territory.WindowEntry
	return []field[R]{
		choiceField("channel", func(e *R) *string { return (*string)(&e.Channel) }, choicesOf[R](channelChoices)),
		optionalField("lead_min_minutes", func(e *R) **int { return &e.LeadMinMinutes }),
		optionalField("lead_max_days", func(e *R) **int { return &e.LeadMaxDays }),
		optionalField("quota", func(e *R) **int { return &e.Quota }),
	}
}

// Needs: the kiosk's first menu.

func needObjects() objects[territory.NeedEntry] {
	type E = territory.NeedEntry
	return objects[E]{
		kind: territory.KindNeed, section: "needs",
		fields: []field[E]{
			wordsField[E]{name: "name", of: func(e *E) *map[string]string { return &e.Name }},
			orderedField("services", func(e *E) *[]string { return &e.Services }, func(x *editing, e *E) []deskChoice {
				return serviceChoices(x, func(s *territory.Service) bool { return s.Offered(x.today()) || slices.Contains(e.Services, s.ID) })
			}),
		},
		list: func(_ *territory.Territory, f *territory.File) []E { return f.Needs },
		put:  func(e E) *territory.File { return &territory.File{Needs: []E{e}} },
		id:   func(e *E) *string { return &e.ID },
		name: func(_ *territory.Territory, e E) string { return named(e.Name, "it") },
		line: func(m *console, t *territory.Territory, e E) objectLine {
			var names []string
			for _, id := range e.Services {
				if s, ok := t.Service(id); ok {
					names = append(names, serviceName(s, m.lang))
				}
			}
			return objectLine{Name: named(e.Name, m.lang), Details: []string{strings.Join(names, ", ")}, State: userState{"success", m.text("manage.need.languages", "n", len(e.Name))}}
		},
		blank: func(*console, *territory.Territory) E { return E{} },
		used:  func(context.Context, *store.Tx, *territory.Territory, E) error { return nil }, // nothing refers to needs
	}
}

// Offices. When they are open is on a page of its own.

func officeObjects() objects[territory.OfficeEntry] {
	type E = territory.OfficeEntry
	return objects[E]{
		kind: territory.KindOffice, section: "offices",
		fields: []field[E]{
			idField(func(e *E) *string { return &e.ID }),
			textField("name", func(e *E) *string { return &e.Name }),
			textField("address", func(e *E) *string { return &e.Address }),
			textField("phone", func(e *E) *string { return &e.Phone }),
			textField("comune", func(e *E) *string { return &e.Comune }),
			formField("patron", asText, func(e *E) *timetable.MonthDay { return &e.Patron }),
			textField("timezone", func(e *E) *string { return &e.Timezone }),
			dateField("from", func(e *E) *timetable.Date { return &e.From }),
			dateField("until", func(e *E) *timetable.Date { return &e.Until }),
			checkField("pilot", func(e *E) *bool { return &e.Pilot }),
			listField("institutions", func(e *E) *[]string { return &e.Institutions }, choicesOf[E](institutionChoices)),
			orderedField("services", func(e *E) *[]string { return &e.Services }, func(x *editing, e *E) []deskChoice {
				return serviceChoices(x, func(s *territory.Service) bool {
					return slices.Contains(e.Services, s.ID) || s.Offered(x.today()) && (len(e.Institutions) == 0 || s.HostedBy(e.Institutions))
				})
			}),
			optionalField("longest_wait_minutes", func(e *E) **int { return &e.LongestWait }),
			numberField("calls_before_no_show", func(e *E) *int { return &e.CallsBeforeNoShow }),
			optionalField("alert_wait_minutes", func(e *E) **int { return &e.AlertWait }),
			textField("alert_mail", func(e *E) *string { return &e.AlertMail }),
			defaultCheck("hold_joint", true, func(e *E) **bool { return &e.HoldJoint }),
			rowsField[E, territory.DeskEntry]{name: "desk", of: func(e *E) *[]territory.DeskEntry { return &e.Desks }, fields: []field[territory.DeskEntry]{
				textField("id", func(e *territory.DeskEntry) *string { return &e.ID }),
				textField("name", func(e *territory.DeskEntry) *string { return &e.Name }),
			}},
			rowsField[E, territory.AreaEntry]{name: "area", of: func(e *E) *[]territory.AreaEntry { return &e.Areas }, fields: []field[territory.AreaEntry]{
				textField("id", func(e *territory.AreaEntry) *string { return &e.ID }),
				textField("name", func(e *territory.AreaEntry) *string { return &e.Name }),
				textField("series", func(e *territory.AreaEntry) *string { return &e.Series }),
			}},
			rowsField[E, territory.RoomEntry]{name: "room", of: func(e *E) *[]territory.RoomEntry { return &e.Rooms }, fields: []field[territory.RoomEntry]{
				textField("id", func(e *territory.RoomEntry) *string { return &e.ID }),
				textField("name", func(e *territory.RoomEntry) *string { return &e.Name }),
			}},
			rowsField[E, territory.NoticeEntry]{name: "notice", of: func(e *E) *[]territory.NoticeEntry { return &e.Notices }, fields: []field[territory.NoticeEntry]{
				wordsField[territory.NoticeEntry]{name: "text", of: func(e *territory.NoticeEntry) *map[string]string { return &e.Text }},
				dateField("from", func(e *territory.NoticeEntry) *timetable.Date { return &e.From }),
				dateField("until", func(e *territory.NoticeEntry) *timetable.Date { return &e.Until }),
			}},
		},
		list:    func(_ *territory.Territory, f *territory.File) []E { return f.Offices },
		put:     func(e E) *territory.File { return &territory.File{Offices: []E{e}} },
		id:      func(e *E) *string { return &e.ID },
		name:    func(_ *territory.Territory, e E) string { return e.Name },
		reached: func(m *console, t *territory.Territory, e E) bool { return m.visitor.in(t.ID, e.ID) },
		line: func(m *console, t *territory.Territory, e E) objectLine {
			o, _ := t.Office(e.ID)
			var names []string
			for _, id := range o.Institutions {
				if i, ok := t.Institution(id); ok {
					names = append(names, i.Name)
				}
			}
			line := objectLine{Name: o.Name, Small: o.Address, Details: []string{strings.Join(names, ", "), strconv.Itoa(len(o.Desks))}}
			line.State = m.officeState(o)
			return line
		},
		blank: func(*console, *territory.Territory) E { return E{Desks: []territory.DeskEntry{{ID: "1"}}} },
		links: func(m *console, t *territory.Territory, e E) []manageLink {
			links := []manageLink{{Text: m.text("manage.openings"), Path: "/manage/offices/" + t.ID + ":" + e.ID + "/openings"}}
			links = append(links, manageLink{Text: m.text("manage.preview"), Path: "/manage/offices/" + t.ID + ":" + e.ID + "/menu"})
			if m.whole(t) {
				links = append(links, manageLink{Text: m.text("manage.office.copy"), Path: "/manage/offices/new?" + url.Values{"like": {t.ID + ":" + e.ID}}.Encode()})
			}
			return links
		},
		// What people find there is like that of the model: openings, desks, areas, services. The place is another.
		copied: func(e E) E {
			e.ID, e.Name, e.Address, e.Phone, e.Comune, e.Patron = "", "", "", "", "", timetable.MonthDay{}
			e.Pilot, e.From, e.Until, e.Notices = false, timetable.Date{}, timetable.Date{}, nil
			return e
		},
		used: func(ctx context.Context, tx *store.Tx, t *territory.Territory, e E) error {
			if known, err := queue.Ever(ctx, tx, e.ID); err != nil || known {
				return orUsed(err, "tickets")
			}
			devices, err := access.Devices(ctx, tx, e.ID)
			if err != nil || len(devices) > 0 {
				return orUsed(err, "devices")
			}
			return usedByAppointments(ctx, tx, t, booking.Uses{Office: e.ID})
		},
	}
}

func orUsed(err error, by string) error {
	if err != nil {
		return err
	}
	return stillUsed(by)
}

func usedByAppointments(ctx context.Context, tx *store.Tx, t *territory.Territory, of booking.Uses) error {
	used, err := booking.Used(ctx, tx, t.ID, of)
	if err != nil || used {
		return orUsed(err, "appointments")
	}
	return nil
}

// officeState says whether an office is open.
func (m *console) officeState(o *territory.Office) userState {
	switch today := o.Today(m.now); {
	case !o.Until.IsZero() && today.After(o.Until):
		return userState{"off", m.text("manage.office.state.ended")}
	case today.Before(o.From):
		return userState{"warning", m.text("manage.office.state.coming", "date", m.date(o.From.At(0, o.Zone())))}
	case o.Pilot:
		return userState{"info", m.text("manage.office.state.pilot")}
	}
	return userState{"success", m.text("manage.office.state.active")}
}

// Officers.

func officerObjects() objects[territory.OfficerEntry] {
	type E = territory.OfficerEntry
	return objects[E]{
		kind: territory.KindOfficer, section: "officers",
		fields: []field[E]{
			idField(func(e *E) *string { return &e.ID }),
			textField("name", func(e *E) *string { return &e.Name }),
			choiceField("institution", func(e *E) *string { return &e.Institution }, choicesOf[E](institutionChoices)),
			choiceField("role", func(e *E) *string { return (*string)(&e.Role) }, choicesOf[E](roleChoices)),
			listField("languages", func(e *E) *[]string { return &e.Languages }, choicesOf[E](languageChoices)),
			textField("calendar_mail", func(e *E) *string { return &e.CalendarMail }),
			dateField("from", func(e *E) *timetable.Date { return &e.From }),
			dateField("until", func(e *E) *timetable.Date { return &e.Until }),
			listField("services", func(e *E) *[]string { return &e.Services }, func(x *editing, e *E) []deskChoice {
				return serviceChoices(x, func(s *territory.Service) bool {
					return slices.Contains(e.Services, s.ID) || s.Offered(x.today()) && slices.ContainsFunc(s.Institutions(), func(id string) bool { return actsFor(e, id) })
				})
			}),
			rowsField[E, territory.ActsForEntry]{name: "acts_for", of: func(e *E) *[]territory.ActsForEntry { return &e.ActsFor }, fields: []field[territory.ActsForEntry]{
				choiceField("institution", func(e *territory.ActsForEntry) *string { return &e.Institution }, choicesOf[territory.ActsForEntry](institutionChoices)),
				dateField("from", func(e *territory.ActsForEntry) *timetable.Date { return &e.From }),
				dateField("until", func(e *territory.ActsForEntry) *timetable.Date { return &e.Until }),
			}},
			rowsField[E, territory.PresenceEntry]{name: "presence", of: func(e *E) *[]territory.PresenceEntry { return &e.Presences }, fields: presenceFields()},
			rowsField[E, territory.AbsenceEntry]{name: "absence", of: func(e *E) *[]territory.AbsenceEntry { return &e.Absences }, fields: []field[territory.AbsenceEntry]{
				momentField("from", func(e *territory.AbsenceEntry) *territory.Moment { return &e.From }),
				momentField("until", func(e *territory.AbsenceEntry) *territory.Moment { return &e.Until }),
			}},
		},
		list: func(_ *territory.Territory, f *territory.File) []E { return f.Officers },
		put:  func(e E) *territory.File { return &territory.File{Officers: []E{e}} },
		id:   func(e *E) *string { return &e.ID },
		name: func(_ *territory.Territory, e E) string { return e.Name },
		reached: func(m *console, t *territory.Territory, e E) bool {
			return len(e.Presences) > 0 && !slices.ContainsFunc(e.Presences, func(p territory.PresenceEntry) bool { return !m.visitor.in(t.ID, p.Office) })
		},
		line: func(m *console, t *territory.Territory, e E) objectLine {
			var at []string
			for _, p := range e.Presences {
				if o, ok := t.Office(p.Office); ok && !slices.Contains(at, o.Name) {
					at = append(at, o.Name)
				}
			}
			line := objectLine{Name: e.Name, Small: e.ID, Details: []string{e.Institution, strings.Join(at, ", ")}, State: userState{"success", m.text("manage.officer.state.active")}}
			f, _ := t.Officer(e.ID)
			switch today := timetable.DateOf(m.now.In(t.Zone)); {
			case !e.Until.IsZero() && today.After(e.Until):
				line.State = userState{"off", m.text("manage.officer.state.ended")}
			case today.Before(e.From):
				line.State = userState{"warning", m.text("manage.officer.state.coming", "date", m.date(e.From.At(0, t.Zone)))}
			case f != nil && f.AbsentAt(t.Zone, m.now):
				line.State = userState{"warning", m.text("manage.officer.state.absent")}
			case len(at) == 0:
				line.State = userState{"warning", m.text("manage.officer.state.nowhere")}
			}
			return line
		},
		blank: func(m *console, t *territory.Territory) E {
			var e E
			for _, o := range m.looked() {
				if o.Territory.ID == t.ID {
					e.Presences = []territory.PresenceEntry{{Office: o.ID}}
					break
				}
			}
			return e
		},
		used: func(ctx context.Context, tx *store.Tx, t *territory.Territory, e E) error {
			if known, err := access.OfficerUser(ctx, tx, t.ID, e.ID); err != nil || known {
				return orUsed(err, "account")
			}
			return usedByAppointments(ctx, tx, t, booking.Uses{Officer: e.ID})
		},
	}
}

// actsFor reports whether somebody acts for an institution, at whatever time.
func actsFor(e *territory.OfficerEntry, institution string) bool {
	if len(e.ActsFor) == 0 {
		return e.Institution == institution || e.Institution == ""
	}
	return slices.ContainsFunc(e.ActsFor, func(a territory.ActsForEntry) bool { return a.Institution == institution })
}

func roleChoices(x *editing) []deskChoice {
	return []deskChoice{
		{Text: x.text("manage.officer.role.officer")},
		{Value: string(territory.RoleTutor), Text: x.text("manage.officer.role.tutor")},
		{Value: string(territory.RoleMediator), Text: x.text("manage.officer.role.mediator")},
	}
}

func presenceFields() []field[territory.PresenceEntry] {
	type R = territory.PresenceEntry
	return []field[R]{
		choiceField("office", func(e *R) *string { return &e.Office }, choicesOf[R](officeChoicesOf)),
		weekdaysField("weekdays", func(e *R) *[]territory.Weekday { return &e.Weekdays }),
		intervalsField("intervals", func(e *R) *[]timetable.Interval { return &e.Intervals }),
		numberField("every_weeks", func(e *R) *int { return &e.EveryWeeks }),
		numbersField("nth", func(e *R) *[]int { return &e.Nth }),
		dateField("from", func(e *R) *timetable.Date { return &e.From }),
		dateField("until", func(e *R) *timetable.Date { return &e.Until }),
	}
}
