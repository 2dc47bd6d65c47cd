package territory_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

const supplied = `[territory]
id = "t"
name = "T"

[[institution]]
id = "CPI"

[[institution]]
id = "INPS"

[[service]]
id = "JNT-LAVORO"
minutes = 30
step = 15
buffer_before = 5
buffer_after = 10
rooms = 1
one_officer_may_cover = true

[[office]]
id = "o"
name = "O"
patron = "05-19"
room = [{ id = "blu" }]

  [[office.opening]]
  weekdays = ["tue"]
  intervals = ["09:00-10:30"]

  [[office.opening]]
  weekdays = ["wed"]
  intervals = ["09:00-10:30"]
  institutions = ["CPI"]
  channels = ["staff"]

  [[office.desk]]
  id = "1"

[[officer]]
id = "cpi"
name = "Operatrice CPI"
institution = "CPI"
presence = [{ office = "o" }]

  [[officer.absence]]
  from = "2026-11-24T09:00"
  until = "2026-11-24T09:40"

[[officer]]
id = "inps"
name = "Operatore INPS"
institution = "INPS"
languages = ["it", "ar"]
until = "2026-11-30"

  [[officer.presence]]
  office = "o"
  intervals = ["08:00-10:15"]

[[officer]]
id = "tutor"
name = "Tutor"
institution = "CPI"
role = "tutor"
acts_for = [{ institution = "CPI" }, { institution = "INPS", from = "2026-12-01" }]
services = ["JNT-LAVORO"]
presence = [{ office = "o" }]

[[officer]]
id = "mediator"
name = "Mediatrice"
institution = "CPI"
role = "mediator"
languages = ["zh"]
presence = [{ office = "o" }]
`

func TestSupplies(t *testing.T) {
	f, problems := territory.Parse([]byte(supplied), "t.toml")
	if f == nil {
		t.Fatal(territory.Problems(problems))
	}
	db := storetest.Open(t, nil)
	imported(t, db, f)
	var all []*territory.Territory
	update(t, db, func(tx *store.Tx) (err error) {
		all, err = territory.List(t.Context(), tx)
		return err
	})
	office, _ := all[0].Office("o")
	service, _ := all[0].Service("JNT-LAVORO")
	demand := service.Demand()
	want := timetable.Demand{
		Service: "JNT-LAVORO", Needs: []string{"CPI", "INPS"}, MayCover: true,
		Minutes: 30, Step: 15, Before: 5, After: 10, Rooms: 1,
	}
	if diff := cmp.Diff(want, demand); diff != "" {
		t.Fatalf("demand (-want +got):\n%s", diff)
	}

	first := date(t, "2026-11-24") // a Tuesday
	days := office.Supplies(first, 9, territory.Online)
	plan := timetable.NewPlan(demand)
	var got []string
	for i := range days {
		var starts []string
		for _, s := range plan.Starts(&days[i], nil, nil) {
			starts = append(starts, fmt.Sprintf("%s×%d", days[i].At(s.Bit).Format("15:04"), s.Ways))
		}
		if len(starts) > 0 {
			got = append(got, first.AddDays(i).String()+" "+strings.Join(starts, " "))
		}
	}
	// First the tutor only beside INPS, and the CPI's officer from 09:45; then the tutor alone, or
	// beside the CPI's officer.
	if diff := cmp.Diff([]string{
		"2026-11-24 09:00×1 09:15×1 09:30×1 09:45×2",
		"2026-12-01 09:00×2 09:15×2 09:30×2 09:45×2 10:00×2",
	}, got); diff != "" {
		t.Errorf("starts (-want +got):\n%s", diff)
	}

	find := func(day int, id string) *timetable.Officer {
		for i := range days[day].Officers {
			if o := &days[day].Officers[i]; o.ID == id {
				return o
			}
		}
		return nil
	}
	if find(0, "tutor").Person != find(6, "tutor").Person || find(0, "tutor").Person == find(7, "tutor").Person {
		t.Error("a person is not shared by the days on which it acts for the same institutions")
	}
	if find(6, "inps") == nil || find(7, "inps") != nil {
		t.Error("the end of an employment does not end presence")
	}
	if m := find(0, "mediator"); m == nil || !m.Mediator || m.Present.Count() != 18 || len(m.Acts) > 0 {
		t.Errorf("mediator: %+v", m)
	}
	if o := find(0, "cpi"); o.Present.Count() != 18 || o.Busy.Count() != 8 || o.Blocks.Absent != o.Busy {
		t.Errorf("absence: %+v", o)
	}
	if got := plan.None(&days[8], nil); got != (timetable.Reason{Code: timetable.Closed}) {
		t.Errorf("Wednesday online: %+v", got)
	}
	staff := timetable.Supply{Scale: days[8].Scale, Hours: office.Hours(first.AddDays(8), territory.Staff)}
	if got := plan.None(&staff, nil); got != (timetable.Reason{Code: timetable.Closed, Institution: "INPS"}) {
		t.Errorf("Wednesday by staff: %+v", got)
	}
}
