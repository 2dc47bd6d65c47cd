package territory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// opened imports a file and returns the territory of id.
func opened(t testing.TB, text, id string) *territory.Territory {
	t.Helper()
	db := storetest.Open(t, nil)
	imported(t, db, parsed(t, text))
	var all *territory.Territory
	update(t, db, func(tx *store.Tx) (err error) {
		all, err = territory.Read(t.Context(), tx, id)
		return err
	})
	return all
}

func date(t testing.TB, text string) timetable.Date {
	t.Helper()
	d, err := timetable.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// hours writes spans as 09:00-12:30 15:00-17:00.
func hours(spans []timetable.Span) string {
	var all []string
	for _, s := range spans {
		all = append(all, s.From.Format("15:04")+"-"+s.Until.Format("15:04"))
	}
	return strings.Join(all, " ")
}

func ids(services []*territory.Service) string {
	var all []string
	for _, s := range services {
		all = append(all, s.ID)
	}
	return strings.Join(all, " ")
}

func TestDefaults(t *testing.T) {
	all := opened(t, sample, "isernia")
	if got := all.Zone.String(); got != "Europe/Rome" {
		t.Errorf("got zone %s", got)
	}
	if got := len(all.Services); got != 60 {
		t.Errorf("got %d services, want the 60 of the catalogue", got)
	}
	o, _ := all.Office("centro")
	if o.LongestWait != time.Hour || !o.HoldJoint || o.CallsBeforeNoShow != 2 || o.Desks[0].Name != "1" {
		t.Errorf("got longest wait %v, hold %v, calls %d, desk %v", o.LongestWait, o.HoldJoint, o.CallsBeforeNoShow, o.Desks[0])
	}
	joint, _ := o.Offers("JNT-LAVORO")
	if joint.Minutes != 30 || joint.Step != 30 || joint.Capacity != 1 || !joint.Joint() || joint.By(territory.WalkIn) {
		t.Errorf("got %+v, want the catalogue's with 30 minutes", joint)
	}
	if got, want := joint.Window(territory.Online), (territory.Window{LeadMinMinutes: 60, LeadMaxDays: 60}); got != want {
		t.Errorf("got window %v, want %v", got, want)
	}
	if group, _ := all.Service("CPI-LAB-CV"); group.Capacity != 12 || !group.Group() {
		t.Errorf("got capacity %d of a group session, want 12", group.Capacity)
	}
	if _, ok := o.Offers("CPI-PATTO"); ok {
		t.Error("the office offers what it does not list")
	}
	f, _ := all.Officer("cpi-1")
	if diff := cmp.Diff([]string{"it"}, f.Languages); diff != "" {
		t.Errorf("languages (-want +got):\n%s", diff)
	}
}

func TestWindow(t *testing.T) {
	s, _ := opened(t, strings.Replace(sample, "minutes = 30", `lead_min_minutes = 1440
lead_max_days = 30
window = [{ channel = "staff", lead_min_minutes = 0 }]`, 1), "isernia").Service("JNT-LAVORO")
	for channel, want := range map[territory.Channel]territory.Window{
		territory.Staff:  {LeadMinMinutes: 0, LeadMaxDays: 30},
		territory.Online: {LeadMinMinutes: 1440, LeadMaxDays: 30},
	} {
		if got := s.Window(channel); got != want {
			t.Errorf("%s: got %v, want %v", channel, got, want)
		}
	}
}

func TestOfficeWithoutServicesAndAreas(t *testing.T) {
	text := strings.Replace(sample, "services = [\"JNT-LAVORO\", \"CPI-DID\", \"INPS-NASPI\"]\n", "", 1)
	text = strings.Replace(text, "area = \"consulenze\"\n", "", 1)
	text = strings.Replace(text, "  [[office.area]]\n  id = \"consulenze\"\n  series = \"L\"\n", "", 1)
	o, _ := opened(t, text, "isernia").Office("centro")
	for id, want := range map[string]bool{"ACC-INFO": true, "JNT-LAVORO": true, "COM-ANAG": false, "JNT-INCLUSIONE": false} {
		if _, got := o.Offers(id); got != want {
			t.Errorf("%s: got offered %v, want %v", id, got, want)
		}
	}
	s, _ := o.Offers("JNT-LAVORO")
	if got := o.AreaOf(s).Series; got != "A" {
		t.Errorf("got series %q, want A", got)
	}
}

func TestCurrent(t *testing.T) {
	all := opened(t, sample+`
[[service]]
id = "GIRO-1"
name = "Uno"
minutes = 5
needs = ["CPI"]
valid_to = "2020-01-01"
successors = ["GIRO-2"]

[[service]]
id = "GIRO-2"
name = "Due"
minutes = 5
needs = ["CPI"]
valid_to = "2021-01-01"
successors = ["GIRO-1"]
`, "isernia")
	tests := []struct{ name, service, on, want string }{
		{"itself", "INPS-ADI", "2026-12-03", "INPS-ADI"},
		{"two successors", "HIS-RDC", "2026-12-03", "INPS-ADI INPS-SFL"},
		{"along three", "HIS-SIA", "2026-12-03", "INPS-ADI INPS-SFL"},
		{"in its day", "HIS-RDC", "2020-06-01", "HIS-RDC"},
		{"successor still on", "CPI-GG", "2026-06-30", "CPI-GOL"},
		{"successor ended too", "CPI-GG", "2026-07-01", "ACC-INFO"},
		{"requests ended", "INPS-APE", "2026-12-01", "ACC-INFO"},
		{"requests still open", "INPS-APE", "2026-11-30", "INPS-APE"},
		{"a circle", "GIRO-1", "2026-12-03", "ACC-INFO"},
		{"unknown", "INPS-NASP", "2026-12-03", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := ids(all.Current(tt.service, date(t, tt.on))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// two institutions that are open at different hours, and officers with every sort of rota.
const shared = `[territory]
id = "t"
name = "T"
[[institution]]
id = "CPI"
[[institution]]
id = "INPS"
[[institution]]
id = "COMUNE"
[[office]]
id = "o"
name = "O"
institutions = ["CPI", "INPS"]
patron = "05-19"
desk = [{ id = "1" }]
  [[office.opening]]
  institutions = ["CPI"]
  weekdays = ["mon", "tue", "wed", "thu", "fri"]
  intervals = ["09:00-12:30"]
  [[office.opening]]
  institutions = ["INPS"]
  weekdays = ["tue", "thu"]
  intervals = ["10:00-13:00", "15:00-17:00"]
  channels = ["walk-in", "staff"]
  [[office.extra]]
  date = "2026-12-08"
  intervals = ["09:00-11:00"]
  institutions = ["CPI"]
  [[office.closure]]
  from = "2026-12-03"
  intervals = ["11:00-11:30"]
[[officer]]
id = "follows"
name = "F"
institution = "CPI"
presence = [{ office = "o" }]
[[officer]]
id = "tutor"
name = "T"
institution = "COMUNE"
acts_for = [{ institution = "INPS", from = "2026-03-01", until = "2026-12-31" }, { institution = "CPI" }]
from = "2026-02-01"
until = "2027-01-31"
  [[officer.presence]]
  office = "o"
  weekdays = ["tue"]
  intervals = ["09:00-11:00", "11:00-12:00"]
  [[officer.presence]]
  office = "o"
  weekdays = ["thu"]
  intervals = ["09:00-12:00"]
  every_weeks = 2
  from = "2026-11-18"
  [[officer.presence]]
  office = "o"
  weekdays = ["fri"]
  nth = [1, -1]
  [[officer.absence]]
  from = "2026-12-15T10:00"
  until = "2026-12-15T11:00"
  [[officer.absence]]
  from = "2026-12-22"
`

func TestOpen(t *testing.T) {
	all := opened(t, shared, "t")
	o, _ := all.Office("o")
	tests := []struct {
		name, service, on string
		channel           territory.Channel
		want              string
	}{
		{"one institution", "CPI-DID", "2026-12-01", territory.WalkIn, "09:00-12:30"},
		{"joint: what both have", "JNT-LAVORO", "2026-12-01", territory.WalkIn, "10:00-12:30"},
		{"joint, a channel that one has not", "JNT-LAVORO", "2026-12-01", territory.Online, ""},
		{"joint, a day that one has not", "JNT-LAVORO", "2026-12-02", territory.WalkIn, ""},
		{"any: what either has", "INPS-SFL", "2026-12-01", territory.WalkIn, "09:00-13:00 15:00-17:00"},
		{"any, one of them not hosted", "INPS-ISEE", "2026-12-01", territory.WalkIn, "10:00-13:00 15:00-17:00"},
		{"not hosted", "COM-ANAG", "2026-12-01", territory.WalkIn, ""},
		{"one of several not hosted", "JNT-INCLUSIONE", "2026-12-01", territory.WalkIn, ""},
		{"a closure cuts", "JNT-LAVORO", "2026-12-03", territory.WalkIn, "10:00-11:00 11:30-12:30"},
		{"a holiday with an extra opening", "CPI-DID", "2026-12-08", territory.Kiosk, "09:00-11:00"},
		{"a holiday without", "INPS-NASPI", "2026-12-08", territory.WalkIn, ""},
		{"the patron saint's day", "CPI-DID", "2026-05-19", territory.WalkIn, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, ok := all.Service(tt.service)
			if !ok {
				t.Fatal("no such service")
			}
			if got := hours(o.Open(s, date(t, tt.on), tt.channel)); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPresent(t *testing.T) {
	all := opened(t, shared, "t")
	o, _ := all.Office("o")
	tests := []struct{ name, officer, on, want string }{
		{"whenever its institution is open", "follows", "2026-12-02", "09:00-12:30"},
		{"an extra opening", "follows", "2026-12-08", "09:00-11:00"},
		{"a day when nobody is open", "follows", "2026-12-06", ""},
		{"a rota, two intervals that touch", "tutor", "2026-12-01", "09:00-12:00"},
		{"a rota holds on a holiday with an extra opening", "tutor", "2026-12-08", "09:00-12:00"},
		{"two weeks later", "tutor", "2026-12-03", "09:00-12:00"},
		{"every two weeks from the Monday before from", "tutor", "2026-11-19", "09:00-12:00"},
		{"the week between", "tutor", "2026-11-26", ""},
		{"first Friday: whenever open", "tutor", "2026-12-04", "09:00-12:30"},
		{"second Friday", "tutor", "2026-12-11", ""},
		{"last Friday but one", "tutor", "2027-01-22", ""},
		{"last Friday", "tutor", "2027-01-29", "09:00-12:30"},
		{"an absence of an hour", "tutor", "2026-12-15", "09:00-10:00 11:00-12:00"},
		{"an absence of a day", "tutor", "2026-12-22", ""},
		{"after employment", "tutor", "2027-02-02", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f, _ := all.Officer(tt.officer)
			if got := hours(f.Present(o, date(t, tt.on))); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestActsFor(t *testing.T) {
	all := opened(t, shared, "t")
	tutor, _ := all.Officer("tutor")
	tests := []struct{ name, on, want string }{
		{"before employment", "2026-01-31", ""},
		{"the employer is not one of them", "2026-02-01", "CPI"},
		{"first day", "2026-03-01", "CPI INPS"},
		{"last day", "2026-12-31", "CPI INPS"},
		{"day after", "2027-01-01", "CPI"},
		{"after employment", "2027-02-01", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(tutor.ActsFor(date(t, tt.on)), " "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestCovers(t *testing.T) {
	const alone = "[[service]]\nid = \"JNT-LAVORO\"\none_officer_may_cover = true\n"
	tests := []struct {
		name, service, on string
		text              string
		does, want        bool
	}{
		{"its institution", "INPS-NASPI", "2026-12-01", shared, true, true},
		{"no longer its institution", "INPS-NASPI", "2027-01-05", shared, true, false},
		{"any of several", "INPS-ADI", "2027-01-05", shared, true, true},
		{"its employer's", "COM-ANAG", "2026-12-01", shared, false, false},
		{"joint, two officers", "JNT-LAVORO", "2026-12-01", shared, true, false},
		{"joint, one suffices", "JNT-LAVORO", "2026-12-01", shared + alone, true, true},
		{"joint, one suffices but acts for one", "JNT-LAVORO", "2027-01-05", shared + alone, true, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			all := opened(t, tt.text, "t")
			tutor, _ := all.Officer("tutor")
			s, _ := all.Service(tt.service)
			if got := tutor.Does(s); got != tt.does {
				t.Errorf("does: got %v, want %v", got, tt.does)
			}
			if got := tutor.Covers(s, date(t, tt.on)); got != tt.want {
				t.Errorf("covers: got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestTodayIsTheOfficesDate(t *testing.T) {
	o, _ := opened(t, shared, "t").Office("o")
	now := time.Date(2026, 12, 2, 23, 30, 0, 0, time.UTC)
	if got := o.Today(now).String(); got != "2026-12-03" {
		t.Errorf("got %s, want the day that has begun in Rome", got)
	}
}

func TestOfAndLock(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		imported(t, db, parsed(t, sample))
		_, before := read(t, db, "isernia", "centro")
		update(t, db, func(tx *store.Tx) error {
			o, err := territory.Of(t.Context(), tx, "centro")
			if err != nil {
				return err
			}
			if o.Territory.ID != "isernia" {
				t.Errorf("got territory %s", o.Territory.ID)
			}
			version, err := territory.Lock(t.Context(), tx, "centro")
			if version != before+1 {
				t.Errorf("got version %d, want %d", version, before+1)
			}
			return err
		})
		update(t, db, func(tx *store.Tx) error {
			_, of := territory.Of(t.Context(), tx, "nessuno")
			_, lock := territory.Lock(t.Context(), tx, "nessuno")
			_, version := territory.Version(t.Context(), tx, "nessuno")
			_, export := territory.Export(t.Context(), tx, "nessuno")
			got := []string{fault.Code(of), fault.Code(lock), fault.Code(version), fault.Code(export)}
			want := []string{"unknown_office", "unknown_office", "unknown_office", "unknown_territory"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("codes (-want +got):\n%s", diff)
			}
			return nil
		})
	})
}
