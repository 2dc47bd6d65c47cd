package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking/territory"
	"sportello/internal/audit"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/printouts/spool"
	"sportello/static"
)

// state is how well a thing is.
type state string

// The states: a warning works and should be looked at, what is wrong does not work.
const (
	stateOK      state = "ok"
	stateWarning state = "warning"
	stateWrong   state = "wrong"
)

// finding is one line of the doctor's.
type finding struct {
	Check string `json:"check"`
	State state  `json:"state"`
	Found string `json:"found"`
	Do    string `json:"do,omitempty"`
}

func ok(check, found string, args ...any) finding {
	return finding{Check: check, State: stateOK, Found: fmt.Sprintf(found, args...)}
}

func warning(check, found, do string) finding { return finding{check, stateWarning, found, do} }

func wrong(check string, found any, do string) finding {
	return finding{check, stateWrong, fmt.Sprint(found), do}
}

func doctorCommand(s settings) *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "look at everything the server relies on, say what is wrong and what to do about it",
		Description: "Changes nothing, with the server running or not. Give it the settings of serve. It ends with an error when\n" +
			"something is wrong; a warning is no error.",
		Flags: append(webFlags(s), &cli.BoolFlag{Name: "json", Usage: "write the findings as JSON"}),
		Action: func(ctx context.Context, c *cli.Command) error {
			now, err := clock(c.String("clock"))
			if err != nil {
				return err
			}
			if err := checkBase(c.String("base-url")); err != nil {
				return err
			}
			return report(c, examine(ctx, c, now))
		},
	}
}

// examine looks at everything; none of it depends on another's being well, save on the database.
func examine(ctx context.Context, c *cli.Command, now func() time.Time) []finding {
	data := c.String("data")
	found := []finding{checkAssets(), checkFolder(data), checkSpeech(ctx), checkSynchronised(ctx)}
	if base := c.String("base-url"); base != "" {
		found = append(found, checkPhones(ctx, strings.TrimSuffix(base, "/")))
	} else {
		found = append(found, warning("phones", "no --base-url is set: tickets have no QR for phones", "Set base-url to the address under which phones reach the server."))
	}
	if c.String("database") == "" {
		if err := checkThere(data); err != nil {
			return append(found, wrong("database", fmt.Sprintf("there is none in %s", data), "Name the data folder with --data, or make a database: sportello import FILE."))
		}
	}
	db, err := openThere(ctx, c, data, now)
	if err != nil {
		what, do, _ := strings.Cut(err.Error(), "\n  ")
		return append(found, wrong("database", what, do+" A damaged file: sportello restore FILE."))
	}
	defer db.Close()
	return append(found, examineDatabase(ctx, db)...)
}

// examineDatabase looks at the database and at what it says is there.
func examineDatabase(ctx context.Context, db *store.DB) []finding {
	found := []finding{checkDatabase(ctx, db), checkLog(db)}
	if err := checkSchema(ctx, db); err != nil {
		what, do, _ := strings.Cut(err.Error(), "\n  ")
		return append(found, wrong("schema", what, do)) // what follows reads the tables of this program
	}
	found = append(found, ok("schema", "is this program's"))
	var printers []spool.Printer
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		if printers, err = everyPrinter(ctx, tx); err != nil {
			return err
		}
		for _, look := range []func(context.Context, *store.Tx, *store.DB) ([]finding, error){checkClock, checkBackup, checkMessages} {
			some, err := look(ctx, tx, db)
			if err != nil {
				return err
			}
			found = append(found, some...)
		}
		return nil
	})
	if err != nil {
		return append(found, wrong("database", err, "Restore the last backup if this stays: sportello restore FILE."))
	}
	if len(printers) == 0 {
		found = append(found, ok("printers", "there are none"))
	}
	for _, p := range printers {
		found = append(found, checkPrinter(ctx, p))
	}
	return found
}

func checkAssets() finding {
	if err := errors.Join(static.Check(), static.CheckMessages()); err != nil {
		return wrong("assets", err, "Build the program again: make build.")
	}
	return ok("assets", "pages, styles and texts are all there")
}

// What is left on the disk of the data folder: below roomWarning somebody should look, below
// roomWrong the next day may not fit.
const (
	roomWarning = 1e9
	roomWrong   = 1e8
)

// checkFolder looks at the data folder: that it can be written to, and how much.
func checkFolder(data string) finding {
	if err := writable(data); err != nil {
		return wrong("disk", err, "Make the folder, and give it to the account that runs the server.")
	}
	free, total, err := store.Disk(data)
	if err != nil {
		return wrong("disk", err, "Name the data folder with --data.")
	}
	left := fmt.Sprintf("%s has %s left of %s", data, bytesOf(free), bytesOf(total))
	switch {
	case free < roomWrong:
		return wrong("disk", left, "Make room now: the server cannot issue tickets on a full disk.")
	case free < roomWarning:
		return warning("disk", left, "Make room.")
	}
	return ok("disk", "%s", left)
}

// writable makes a file in a folder and takes it away again.
func writable(folder string) error {
	file, err := os.CreateTemp(folder, ".doctor-*")
	if err != nil {
		return err
	}
	_, err = file.WriteString("x")
	return errors.Join(err, file.Close(), os.Remove(file.Name()))
}

// checkSpeech has a sentence spoken.
func checkSpeech(ctx context.Context) finding {
	speech := kiosk.NewSpeech("", slog.New(slog.DiscardHandler))
	if !speech.Speaks() {
		return warning("speech", "espeak-ng is not installed: boards ring but do not speak", "Install it: apt install espeak-ng.")
	}
	sound, err := speech.Say(ctx, "Prova")
	if err != nil {
		return wrong("speech", err, "Install espeak-ng and its Italian voice again: apt install --reinstall espeak-ng espeak-ng-data.")
	}
	if len(sound) <= len(speech.Chime()) {
		return wrong("speech", "espeak-ng runs but makes no sound", "Install espeak-ng and its Italian voice again: apt install --reinstall espeak-ng espeak-ng-data.")
	}
	return ok("speech", "espeak-ng speaks")
}

// checkSynchronised asks systemd whether the machine's clock is set by others.
func checkSynchronised(ctx context.Context) finding {
	out, err := exec.CommandContext(ctx, "timedatectl", "show", "--property=NTPSynchronized", "--value").Output()
	switch answer := strings.TrimSpace(string(out)); {
	case err != nil:
		return ok("time", "whether the clock is synchronised cannot be asked here")
	case answer != "yes":
		return warning("time", "the clock is not synchronised", "Switch it on: timedatectl set-ntp true.")
	}
	return ok("time", "the clock is synchronised")
}

// answerWithin is how long the server may take to say that it is alive.
const answerWithin = 3 * time.Second

// checkPhones looks whether phones could open the address, and opens it.
func checkPhones(ctx context.Context, base string) finding {
	if !kiosk.Reachable(base) {
		return warning("phones", base+" leads nowhere but to this machine: tickets have no QR for phones", "Set base-url to the address under which phones reach the server.")
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, base+"/healthz", nil)
	if err != nil {
		return wrong("phones", err, "Correct --base-url.")
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return warning("phones", err.Error(), "Start the server, and check name, certificate and firewall.")
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return warning("phones", fmt.Sprintf("%s/healthz answers %s", base, answer.Status), "Check that the proxy leads to this server.")
	}
	return ok("phones", "%s answers", base)
}

func checkDatabase(ctx context.Context, db *store.DB) finding {
	engine, err := db.Engine(ctx)
	if err != nil {
		return wrong("database", err, "Install a newer PostgreSQL, or check that it is running.")
	}
	if err := db.Check(ctx); err != nil {
		return wrong("database", err, "Stop the server and restore the last backup: sportello restore FILE.")
	}
	size, _, err := db.Sizes()
	if err != nil {
		return wrong("database", err, "Check the rights on the data folder.")
	}
	if size == 0 {
		return ok("database", "%s answers", engine)
	}
	return ok("database", "%s, %s, sound", engine, bytesOf(size))
}

// logWarning is a log that a reader has kept from being written back for long.
const logWarning = 256e6

func checkLog(db *store.DB) finding {
	_, log, err := db.Sizes()
	switch {
	case err != nil:
		return wrong("log", err, "Check the rights on the data folder.")
	case log > logWarning:
		return warning("log", "the write-ahead log has grown to "+bytesOf(log), "Start the server again; if it grows again, look for a program that keeps the database open.")
	}
	return ok("log", "the write-ahead log takes %s", bytesOf(log))
}

// clockLag is how much earlier than the newest record the clock may stand: the clocks of several
// servers differ a little.
const clockLag = time.Minute

// checkClock looks for a clock that went back, and for zones that the machine does not know.
func checkClock(ctx context.Context, tx *store.Tx, db *store.DB) ([]finding, error) {
	newest, err := audit.Newest(ctx, tx)
	if err != nil {
		return nil, err
	}
	if tx.Now.Before(newest.Add(-clockLag)) {
		return []finding{wrong("clock", fmt.Sprintf("it is %s, but the newest record is of %s: the clock went back",
			tx.Now.Format(time.RFC3339), newest.Format(time.RFC3339)), "Set the clock before anything is written.")}, nil
	}
	all, err := territory.List(ctx, tx) // fails for a zone that is not known
	if err != nil {
		return nil, err
	}
	zones := make(map[string]bool)
	for _, t := range all {
		for _, o := range t.Offices {
			zones[o.Zone().String()] = true
		}
	}
	if len(zones) == 0 {
		return []finding{warning("offices", "there are none", "Load a territory: sportello import FILE.")}, nil
	}
	return []finding{ok("clock", "%s; known time zones of offices: %d", tx.Now.Format(time.RFC3339), len(zones))}, nil
}

// backupEvery is how old the last backup may be.
const backupEvery = 7 * 24 * time.Hour

func checkBackup(ctx context.Context, tx *store.Tx, db *store.DB) ([]finding, error) {
	if !db.SQLite() {
		return []finding{ok("backup", "is PostgreSQL's: see sportello backup FILE for the command")}, nil
	}
	last, err := audit.NewestOf(ctx, tx, actionBackup)
	const do = "Make one every night: sportello backup FILE, and keep it on another machine."
	switch {
	case err != nil:
		return nil, err
	case last.IsZero():
		return []finding{warning("backup", "there was none yet", do)}, nil
	case tx.Now.Sub(last) > backupEvery:
		return []finding{warning("backup", "the last one is of "+last.Format(time.RFC3339), do)}, nil
	}
	return []finding{ok("backup", "the last one is of %s", last.Format(time.RFC3339))}, nil
}

// checkMessages looks whether mail or hooks are left over.
func checkMessages(ctx context.Context, tx *store.Tx, _ *store.DB) ([]finding, error) {
	waiting, err := message.Waiting(ctx, tx)
	if err != nil {
		return nil, err
	}
	var all []finding
	for _, w := range []struct {
		name, do string
		way      message.Way
	}{
		{"mail", "Look whether the server runs with --smtp and whether that mail server answers: the log says why it does not.", message.ByMail},
		{"webhook", "Look whether the server runs with --webhook and whether that gateway answers: the log says why it does not.", message.ByHook},
	} {
		if n := waiting[w.way]; n > 0 {
			all = append(all, warning(w.name, fmt.Sprintf("%d wait to be sent", n), w.do))
		} else {
			all = append(all, ok(w.name, "none waits"))
		}
	}
	return all, nil
}

// everyPrinter returns the printers of all offices.
func everyPrinter(ctx context.Context, tx *store.Tx) ([]spool.Printer, error) {
	all, err := territory.List(ctx, tx)
	var printers []spool.Printer
	for _, t := range all {
		for _, o := range t.Offices {
			some, failed := spool.Printers(ctx, tx, o.ID)
			printers, err = append(printers, some...), errors.Join(err, failed)
		}
	}
	return printers, err
}

// checkPrinter asks a printer whether it could print now.
func checkPrinter(ctx context.Context, p spool.Printer) finding {
	name := "printer " + p.ID
	condition, err := spool.Check(ctx, p)
	switch {
	case condition == spool.NearEnd:
		return warning(name, p.URI+" is near the end of its paper", "Have a new roll at hand.")
	case condition == spool.OutOfPaper:
		return wrong(name, p.URI+" has no paper", "Put a new roll in.")
	case err != nil:
		return wrong(name, err, "Look whether it is on, connected and closed; a folder must belong to the account that runs the server.")
	}
	return ok(name, "%s prints", p.URI)
}

// report writes the findings down; what is wrong is an error.
func report(c *cli.Command, found []finding) error {
	out := c.Root().Writer
	if c.Bool("json") {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(map[string]any{"findings": found}); err != nil {
			return err
		}
	}
	amiss := 0
	for _, f := range found {
		if f.State == stateWrong {
			amiss++
		}
		if c.Bool("json") {
			continue
		}
		fmt.Fprintf(out, "%-8s %-9s %s\n", f.State, f.Check, f.Found)
		if f.Do != "" {
			fmt.Fprintf(out, "%-18s → %s\n", "", f.Do)
		}
	}
	if amiss > 0 {
		return fmt.Errorf("%d of %d things are wrong", amiss, len(found))
	}
	return nil
}
