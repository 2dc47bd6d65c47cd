package queue_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/queue"
)

// lobby is an integrated centre of CPI and INPS, open in the morning and the afternoon of a Thursday,
// with sixteen desks and as many officers.
func lobby() []byte {
	var desks, officers strings.Builder
	for i := range 16 {
		fmt.Fprintf(&desks, "[[office.desk]]\nid = \"%d\"\nname = \"Sportello %d\"\n", i+1, i+1)
		institution := []string{"CPI", "INPS"}[i%2]
		fmt.Fprintf(&officers, "[[officer]]\nid = \"%s-%d\"\nname = \"Operatore %s %d\"\ninstitution = \"%s\"\n[[officer.presence]]\noffice = \"centro\"\n[[officer.presence]]\noffice = \"altro\"\n",
			strings.ToLower(institution), i/2+1, institution, i/2+1, institution)
	}
	return fmt.Appendf(nil, lobbyFile, desks.String(), officers.String())
}

const lobbyFile = `
[territory]
id = "prova"
name = "Prova"
timezone = "Europe/Rome"

[[institution]]
id = "CPI"
name = "Centro per l'Impiego"

[[institution]]
id = "INPS"
name = "INPS"

[[service]]
id = "JNT-LAVORO"
minutes = 30
channels = ["walk-in", "kiosk", "online", "staff"]
area = "consulenze"

[[service]]
id = "INPS-NASPI"
channels = ["walk-in"]

[[service]]
id = "CPI-ART16"
daily_ceiling = 2

[[office]]
id = "centro"
name = "Centro"
institutions = ["CPI", "INPS"]
services = ["ACC-INFO", "CPI-DID", "CPI-OFFERTE", "CPI-ART16", "CPI-PATTO", "INPS-NASPI", "INPS-PAG", "JNT-LAVORO", "HIS-REI"]
calls_before_no_show = 2

  [[office.opening]]
  weekdays = ["thu"]
  intervals = ["09:00-12:30", "15:00-17:00"]

%s
  [[office.area]]
  id = "attesa"
  name = "Sala d'attesa"
  series = "A"
  [[office.area]]
  id = "consulenze"
  name = "Consulenze"
  series = "L"

[[office]]
id = "altro"
name = "Altro"
institutions = ["CPI", "INPS"]
services = ["CPI-DID", "INPS-PAG"]
  [[office.opening]]
  weekdays = ["thu"]
  intervals = ["09:00-12:30"]
  [[office.desk]]
  id = "1"
  name = "Sportello A"

%s`

// morning is a Thursday, an hour after opening.
var morning = time.Date(2026, 12, 3, 10, 0, 0, 0, rome)

var rome = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		panic(err)
	}
	return zone
}()

// each runs f on every database, with the lobby loaded and a clock that stands at morning.
func each(t *testing.T, f func(t *testing.T, o *office)) {
	t.Helper()
	clock := storetest.At(morning)
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(morning)
		f(t, newOffice(t, db, clock))
	})
}

// office is the loaded lobby with short words for what tests do at it.
type office struct {
	t     testing.TB
	db    *store.DB
	clock *storetest.Clock
}

func newOffice(t testing.TB, db *store.DB, clock *storetest.Clock) *office {
	t.Helper()
	file, problems := territory.Parse(lobby(), "lobby.toml")
	if len(problems) > 0 {
		t.Fatal(territory.Problems(problems))
	}
	o := &office{t, db, clock}
	o.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := territory.Import(ctx, tx, file)
		return err
	})
	return o
}

func (o *office) try(f func(ctx context.Context, tx *store.Tx) error) error {
	ctx := o.t.Context()
	return o.db.Update(ctx, func(tx *store.Tx) error { return f(ctx, tx) })
}

func (o *office) update(f func(ctx context.Context, tx *store.Tx) error) {
	o.t.Helper()
	if err := o.try(f); err != nil {
		o.t.Fatal(err)
	}
}

// refused fails the test unless f ends with the fault code.
func (o *office) refused(code string, f func(ctx context.Context, tx *store.Tx) error) {
	o.t.Helper()
	if err := o.try(f); fault.Code(err) != code {
		o.t.Errorf("got %v, want the fault %s", err, code)
	}
}

func (o *office) request(service string) queue.Request {
	return queue.Request{Office: "centro", Service: service, Language: "it", Origin: queue.FromKiosk, By: "device:kiosk"}
}

func (o *office) issue(service string) queue.Ticket {
	o.t.Helper()
	var ticket queue.Ticket
	o.update(func(ctx context.Context, tx *store.Tx) (err error) {
		ticket, err = queue.Issue(ctx, tx, o.request(service))
		return err
	})
	return ticket
}

func seat(desk string) queue.Seat {
	return queue.Seat{Office: "centro", Desk: desk, By: "user:" + desk}
}

// open seats officer at desk for the given services, or all it may serve.
func (o *office) open(desk, officer string, services ...string) {
	o.t.Helper()
	o.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := queue.OpenDesk(ctx, tx, seat(desk), "user-"+officer, officer, services)
		return err
	})
}

// next has a desk call the next ticket and returns its number, "" for nobody, and the desks.
func (o *office) next(desk string) (queue.Call, string) {
	o.t.Helper()
	var call queue.Call
	err := o.try(func(ctx context.Context, tx *store.Tx) (err error) {
		call, err = queue.CallNext(ctx, tx, seat(desk))
		return err
	})
	if fault.Code(err) == "nobody" {
		return queue.Call{}, ""
	}
	if err != nil {
		o.t.Fatal(err)
	}
	return call, call.Ticket.Label()
}

func (o *office) picture() *queue.Picture {
	o.t.Helper()
	var p *queue.Picture
	err := o.db.View(o.t.Context(), func(tx *store.Tx) (err error) {
		p, err = queue.Read(o.t.Context(), tx, "centro")
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return p
}

// appointment writes a joint appointment that has arrived as a row, as checking in will do.
func (o *office) appointment(service string, start time.Time) string {
	o.t.Helper()
	id := store.NewID()
	o.update(func(ctx context.Context, tx *store.Tx) error {
		version, err := territory.Lock(ctx, tx, "centro")
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `
INSERT INTO tickets (id, token, office_id, day, series, number, seq, area_id, service_id, institution_id, desk_id, state, origin,
  precedence, language, appointment_at, came_back, issued_at, due_at, changed_at)
VALUES ($1, $1, 'centro', '2026-12-03', 'P', $2, $2, 'consulenze', $3, '', '', 'waiting', 'appointment', FALSE, 'it', $4, '', $5, $6, $5)`,
			id, version, service, store.Millis(start), store.Millis(tx.Now), store.Millis(start.Add(-time.Hour)))
		return err
	})
	return id
}

func at(clock string) time.Time {
	t, err := time.ParseInLocation("2006-01-02 15:04", "2026-12-03 "+clock, rome)
	if err != nil {
		panic(fmt.Sprintf("time %q: %v", clock, err))
	}
	return t
}
