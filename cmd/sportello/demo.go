package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/printouts/spool"
	"sportello/queue"
)

// demoPassword opens every account of a demonstration, which is printed on its front page anyway.
const demoPassword = "sportello"

// byDemo is who prepares a demonstration, in its audit.
const byDemo = "job:demo"

// busy are the offices of the demonstration with a morning under way; the first sets the clock.
var busy = []string{"isernia-centro-integrato", "milano-desk-pilota", "cpi-bergamo", "sui-livorno"}

func demoCommand(s settings) *cli.Command {
	return &cli.Command{
		Name:  "demo",
		Usage: "run a demonstration: four territories, accounts, devices and a morning under way",
		Description: "Without --data everything lives in a temporary folder and is gone at the end. The clock stands in an\n" +
			"opening of the first office, now if it is open now, unless --clock says otherwise.",
		Flags: append(append(webFlags(s), outboundFlags(s)...), calendarNetworks(s)),
		Action: func(ctx context.Context, c *cli.Command) error {
			if c.String("database") != "" {
				return hint(errors.New("a demonstration keeps its data in a SQLite file"), "Leave --database out.")
			}
			if err := checkBase(c.String("base-url")); err != nil {
				return err
			}
			data, remove, err := demoFolder(c)
			if err != nil {
				return err
			}
			defer remove()
			now, err := demoClock(c.String("clock"))
			if err != nil {
				return err
			}
			db, err := openDatabase(ctx, c, data, now)
			if err != nil {
				return err
			}
			defer db.Close()
			sending, err := outbound(s, c, db)
			if err != nil {
				return err
			}
			doors, err := stage(ctx, db, data)
			if err != nil {
				return err
			}
			announce(c, doors, db.Now())
			return serve(ctx, c, db, data, doors, sending...)
		},
	}
}

// demoFolder is the data folder that was asked for, which must be new, or a temporary one. Its path
// is absolute: printers keep theirs, and the next start may be from another folder.
func demoFolder(c *cli.Command) (folder string, remove func(), err error) {
	if !c.IsSet("data") {
		folder, err = os.MkdirTemp("", "sportello-demo-")
		return folder, func() { _ = os.RemoveAll(folder) }, err
	}
	if folder, err = filepath.Abs(c.String("data")); err != nil {
		return "", nil, err
	}
	if _, err := os.Stat(filepath.Join(folder, "sportello.db")); err == nil {
		return "", nil, hint(fmt.Errorf("folder %s already has a database", folder), "Name a new folder, or leave --data out; to go on with it: sportello serve --data %s", folder)
	}
	return folder, func() {}, nil
}

// demoMinutes is how long the first office of a demonstration has been open when it starts.
const demoMinutes = 75 * time.Minute

// demoClock starts at the given time, else in an opening of the first office: now when it has been
// open for a while and stays so, else in its next one.
func demoClock(start string) (func() time.Time, error) {
	if start != "" {
		return clock(start)
	}
	office, err := demoOffice()
	if err != nil {
		return nil, err
	}
	now := time.Now()
	span, ok := office.Calendar.Next(now, 60, func(d timetable.Date) []timetable.Span {
		return office.Calendar.Common(d, office.Institutions, string(territory.WalkIn))
	})
	if !ok {
		return nil, errors.New("the demonstration's first office never opens")
	}
	if now.Sub(span.From) > demoMinutes && span.Until.Sub(now) > demoMinutes {
		return time.Now, nil
	}
	return clock(span.From.Add(demoMinutes).Format(time.RFC3339))
}

// demoOffice reads the first office from its file, before there is a database.
func demoOffice() (*territory.Office, error) {
	files, err := territory.Demo()
	if err != nil {
		return nil, err
	}
	file, problems := territory.Parse(files[0].Text, files[0].ID)
	if len(problems) > 0 {
		return nil, territory.Problems(problems)
	}
	t, err := territory.Build(file)
	if err != nil {
		return nil, err
	}
	office, ok := t.Office(busy[0])
	if !ok {
		return nil, fmt.Errorf("the demonstration has no office %s", busy[0])
	}
	return office, nil
}

// stage fills a new database: territories, accounts, devices, and mornings under way.
func stage(ctx context.Context, db *store.DB, data string) ([]kiosk.DemoDoor, error) {
	if err := db.Migrate(ctx); err != nil {
		return nil, err
	}
	files, err := territory.Demo()
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		if _, err := importText(ctx, db, file.Text, file.ID+".toml"); err != nil {
			return nil, err
		}
	}
	var doors []kiosk.DemoDoor
	password := access.HashPassword(demoPassword)
	err = db.Update(ctx, func(tx *store.Tx) error {
		all, err := territory.List(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range all {
			if err := enrolAll(ctx, tx, t, data, password); err != nil {
				return err
			}
			doors = append(doors, doorsOf(t, tx.Now)...)
		}
		return morning(ctx, tx)
	})
	slices.SortStableFunc(doors, func(a, b kiosk.DemoDoor) int { return place(a.Office) - place(b.Office) })
	return doors, err
}

// place is an office's place among those of the demonstration.
func place(office string) int {
	if i := slices.Index(busy, office); i >= 0 {
		return i
	}
	return len(busy)
}

// enrolAll gives every officer of a territory an account, and every office a kiosk with a printer
// into a folder and a board.
func enrolAll(ctx context.Context, tx *store.Tx, t *territory.Territory, data, password string) error {
	for _, f := range t.Officers {
		u := access.User{ID: account(t, f), Login: login(t, f), Name: f.Name, Role: access.Officer, Territory: t.ID, Officer: f.ID}
		if err := access.AddUser(ctx, tx, u, password, byDemo); err != nil {
			return err
		}
	}
	for role, name := range helpers {
		u := access.User{ID: "demo-" + t.ID + "-" + name, Login: t.ID + "." + name, Name: name, Role: role, Territory: t.ID}
		if err := access.AddUser(ctx, tx, u, password, byDemo); err != nil {
			return err
		}
	}
	for _, o := range t.Offices {
		printer := spool.Printer{ID: "folder-" + o.ID, Office: o.ID, Name: "Cartella", URI: "file:" + filepath.Join(data, "print", o.ID)}
		if err := spool.AddPrinter(ctx, tx, printer); err != nil {
			return err
		}
		devices := []access.Device{
			{ID: "kiosk-" + o.ID, Office: o.ID, Kind: access.Kiosk, Name: "Totem", Printer: printer.ID},
			{ID: "board-" + o.ID, Office: o.ID, Kind: access.Board, Name: "Tabellone"},
		}
		for _, d := range devices {
			if err := access.AddDevice(ctx, tx, d, d.ID, byDemo); err != nil {
				return err
			}
		}
	}
	return nil
}

// helpers are the accounts of a territory that sit at no desk, by their role.
var helpers = map[access.Role]string{
	access.Volunteer: "accoglienza", access.Manager: "responsabile", access.Administrator: "amministrazione", access.Observer: "osservatorio",
}

func login(t *territory.Territory, f *territory.Officer) string { return t.ID + "." + f.ID }

// account is the id of an officer's account, so that who signs in finds the desk of the rehearsal.
func account(t *territory.Territory, f *territory.Officer) string { return "demo-" + t.ID + "-" + f.ID }

// doorsOf are the ways into the offices of a territory that have a morning under way.
func doorsOf(t *territory.Territory, now time.Time) []kiosk.DemoDoor {
	var doors []kiosk.DemoDoor
	for _, id := range busy {
		o, ok := t.Office(id)
		if !ok {
			continue
		}
		doors = append(doors,
			kiosk.DemoDoor{Office: o.ID, Path: "/enrol?code=kiosk-" + o.ID},
			kiosk.DemoDoor{Office: o.ID, Path: "/enrol?code=board-" + o.ID})
		staff := byTurns(o.Officers(o.Today(now)))
		for _, f := range slices.Backward(staff[max(0, len(staff)-demoDesks):]) { // who sits at no desk yet comes first
			doors = append(doors, kiosk.DemoDoor{Office: o.ID, Path: "/sign-in", Login: login(t, f), Password: demoPassword})
		}
		doors = append(doors, kiosk.DemoDoor{Office: o.ID, Path: "/sign-in", Login: t.ID + "." + helpers[access.Volunteer], Password: demoPassword})
	}
	return doors
}

// demoFree is how many desks and officers of an office are left for visitors.
const demoFree = 2

// demoDesks is how many sign-ins are shown for an office.
const demoDesks = 4

// byTurns returns officers so that their institutions take turns: whoever is first in line for the
// desks, every institution is at one.
func byTurns(officers []*territory.Officer) []*territory.Officer {
	turn := make(map[string]int)
	rank := make(map[*territory.Officer]int)
	for _, f := range officers {
		turn[f.Institution]++
		rank[f] = turn[f.Institution]
	}
	sorted := slices.Clone(officers)
	slices.SortStableFunc(sorted, func(a, b *territory.Officer) int { return rank[a] - rank[b] })
	return sorted
}

// morning lets the busy offices work from their opening until now: citizens come by chance, half of
// the officers sit at desks, and those who wait are called by the rule. The chance is seeded, so
// the same clock gives the same morning.
func morning(ctx context.Context, tx *store.Tx) error {
	until := tx.Now
	defer func() { tx.Now = until }()
	for _, id := range busy {
		office, err := territory.Of(ctx, tx, id)
		if err != nil {
			return err
		}
		tx.Now = until
		spans := office.Calendar.Open(office.Today(until), "", string(territory.WalkIn))
		i := slices.IndexFunc(spans, func(s timetable.Span) bool { return s.From.Before(until) && s.Until.After(until) })
		if i < 0 {
			continue
		}
		day := rehearsal{office: office, chance: rand.New(rand.NewPCG(uint64(len(id)), uint64(spans[i].From.Unix()))), under: map[string]*service{}}
		for tx.Now = spans[i].From.UTC(); tx.Now.Before(until); tx.Now = tx.Now.Add(time.Minute) {
			if err := day.minute(ctx, tx); err != nil {
				return fmt.Errorf("rehearse %s: %w", id, err)
			}
		}
	}
	return nil
}

// rehearsal is an office's invented morning.
type rehearsal struct {
	office   *territory.Office
	chance   *rand.Rand
	seats    []queue.Seat
	services []string // that somebody at a desk serves
	under    map[string]*service
}

// service is a ticket at a desk, or at several.
type service struct {
	ticket string
	until  time.Time
}

// minute lets one minute pass.
func (r *rehearsal) minute(ctx context.Context, tx *store.Tx) error {
	if r.seats == nil {
		if err := r.open(ctx, tx); err != nil {
			return err
		}
	}
	if r.chance.Float64() < 0.06*float64(len(r.seats)) {
		if err := r.arrive(ctx, tx); err != nil {
			return err
		}
	}
	for _, at := range r.seats {
		if err := r.work(ctx, tx, at); err != nil {
			return err
		}
	}
	return nil
}

// open seats officers at all desks but some, where visitors may sit down.
func (r *rehearsal) open(ctx context.Context, tx *store.Tx) error {
	officers := byTurns(r.office.Officers(r.office.Today(tx.Now)))
	for i, desk := range r.office.Desks[:max(1, min(len(r.office.Desks), len(officers))-demoFree)] {
		user := account(r.office.Territory, officers[i])
		at := queue.Seat{Office: r.office.ID, Desk: desk.ID, By: "user:" + user}
		opened, err := queue.OpenDesk(ctx, tx, at, user, officers[i].ID, nil)
		if err != nil {
			return err
		}
		r.seats = append(r.seats, at)
		for _, id := range opened.Services {
			if s, ok := r.office.Offers(id); ok && s.By(territory.WalkIn) && !slices.Contains(r.services, id) {
				r.services = append(r.services, id)
			}
		}
	}
	return nil
}

// arrive has a citizen take a ticket, if the service can be had now.
func (r *rehearsal) arrive(ctx context.Context, tx *store.Tx) error {
	languages := []string{"it", "it", "it", "it", "uk", "ro", "ar", "en"}
	_, err := queue.Issue(ctx, tx, queue.Request{
		Office: r.office.ID, Service: r.services[r.chance.IntN(len(r.services))], Language: languages[r.chance.IntN(len(languages))],
		Precedence: r.chance.Float64() < 0.06, Origin: queue.FromKiosk, By: "device:kiosk-" + r.office.ID,
	})
	if fault.Code(err) != "" {
		return nil
	}
	return err
}

// work ends the service at a desk when its time is over, and calls the next.
func (r *rehearsal) work(ctx context.Context, tx *store.Tx, at queue.Seat) error {
	now := r.under[at.Desk]
	if now != nil && tx.Now.Before(now.until) {
		return nil
	}
	if now != nil {
		for desk, other := range r.under {
			if other == now {
				delete(r.under, desk)
			}
		}
		if _, err := queue.Finish(ctx, tx, at, now.ticket, "", ""); err != nil {
			return err
		}
	}
	call, err := queue.CallNext(ctx, tx, at)
	if errors.Is(err, queue.ErrNobody) {
		return nil
	}
	if err != nil {
		return err
	}
	s, _ := r.office.Offers(call.Ticket.Service)
	lasts := time.Duration(float64(s.Minutes)*(0.4+r.chance.Float64())) * time.Minute
	begun := &service{call.Ticket.ID, tx.Now.Add(lasts)}
	for _, desk := range call.Desks {
		r.under[desk] = begun
	}
	_, err = queue.Start(ctx, tx, at, call.Ticket.ID)
	return err
}

// announce prints what to open first.
func announce(c *cli.Command, doors []kiosk.DemoDoor, now time.Time) {
	out := c.Root().Writer
	base := baseOf(c.String("base-url"), c.String("addr"))
	fmt.Fprintf(out, "\nDemonstration. Its clock stands at %s.\n\nOpen first:\n", now.In(time.Local).Format("Mon 2 Jan 2006 15:04 MST"))
	fmt.Fprintf(out, "  %-44s everything from one page\n", base+"/")
	shown := map[string]int{}
	for _, d := range doors {
		if d.Office != busy[0] || shown[d.Path] > 1 {
			continue
		}
		shown[d.Path]++
		switch {
		case d.Login != "":
			fmt.Fprintf(out, "  %-44s desk: sign in as %s, password %s\n", base+d.Path, d.Login, d.Password)
		default:
			fmt.Fprintf(out, "  %-44s\n", base+d.Path)
		}
	}
	fmt.Fprintln(out)
}
