package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/internal/store"
	"sportello/printouts/spool"
)

func printAgentCommand(s settings) *cli.Command {
	return &cli.Command{
		Name:  "print-agent",
		Usage: "print what a server has for the printer of this machine",
		Description: "For a printer that the server does not reach, such as that of a kiosk behind a firewall. On the server the printer's\n" +
			"address is agent: and a device of the kind print-agent has it as its printer. The code of that device is given once,\n" +
			"with --code; the agent keeps what it gets for it in the data folder. An agent that dies leaves its job unconfirmed.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "server", Required: true, Usage: "`ADDRESS` of the server, such as https://sportello.example.it", Sources: s.sources("server")},
			&cli.StringFlag{Name: "printer", Required: true, Usage: "`ADDRESS` of the printer here: escpos+dev:/dev/usb/lp0, escpos://HOST:9100, cups://localhost/QUEUE or file:FOLDER", Sources: s.sources("printer")},
			&cli.StringFlag{Name: "code", Usage: "one-time `CODE` of the device, when it is enrolled"},
		},
		Action: runAgent,
	}
}

const (
	// agentAsks is how often an agent that owes nothing asks for a job.
	agentAsks = time.Second
	// agentWaits is how long it waits for an answer.
	agentWaits = 10 * time.Second
	// agentLooks is how often it looks at an idle printer.
	agentLooks = 15 * time.Second
	// agentTells is how often it tells what became of a job to a server that does not answer.
	agentTells = 120
	// agentName is how its program names itself: its token is good for no other.
	agentName = "sportello-print-agent"
)

func runAgent(ctx context.Context, c *cli.Command) error {
	log, err := logger(c)
	if err != nil {
		return err
	}
	printer, ok := spool.OpenLocal(c.String("printer"))
	if !ok {
		return hint(fmt.Errorf("--printer %q is no printer of this machine", c.String("printer")), "Write it like escpos+dev:/dev/usb/lp0 or cups://localhost/a4.")
	}
	server, err := url.Parse(strings.TrimSuffix(c.String("server"), "/"))
	if err != nil || server.Host == "" || server.Scheme != "https" && server.Scheme != "http" {
		return hint(fmt.Errorf("--server %q is no address", c.String("server")), "Write it like https://sportello.example.it.")
	}
	a := &agent{
		server: server.String(), printer: printer, log: log, holder: store.NewToken(),
		file: filepath.Join(c.String("data"), "print-agent"), http: &http.Client{Timeout: agentWaits},
	}
	if err := a.enrol(ctx, c.String("code")); err != nil {
		return err
	}
	return a.run(ctx)
}

// An agent prints what a server has for a printer.
type agent struct {
	server  string
	printer spool.Local
	log     *slog.Logger
	http    *http.Client
	holder  string // names this run to the server
	file    string // of the token
	token   string

	condition spool.Condition // as the printer was last
	looked    time.Time
}

// enrol gets the token of the device: for its code when there is one, else from the file of before.
func (a *agent) enrol(ctx context.Context, code string) error {
	if code == "" {
		token, err := os.ReadFile(a.file)
		if errors.Is(err, fs.ErrNotExist) {
			return hint(errors.New("this print agent is not enrolled"), "On the server run: sportello device code ID; then give the code here with --code.")
		}
		a.token = strings.TrimSpace(string(token))
		return err
	}
	var enrolled struct {
		Token  string `json:"token"`
		Device struct {
			Kind string `json:"kind"`
		} `json:"device"`
	}
	_, err := a.post(ctx, "/api/v1/enrol", map[string]string{"code": code}, &enrolled)
	if err != nil {
		return hint(fmt.Errorf("enrol: %w", err), "Codes are good once and for ten minutes: get a new one with sportello device code ID.")
	}
	if enrolled.Device.Kind != "print-agent" {
		return hint(fmt.Errorf("the code is of a %s", enrolled.Device.Kind), "Take that of a device of the kind print-agent.")
	}
	if err := os.MkdirAll(filepath.Dir(a.file), 0o750); err != nil {
		return err
	}
	a.token = enrolled.Token
	return os.WriteFile(a.file, []byte(a.token+"\n"), 0o600)
}

// run asks for jobs and prints them until ctx ends, and finishes the one that is begun.
func (a *agent) run(ctx context.Context) error {
	tick := time.NewTicker(agentAsks)
	defer tick.Stop()
	silent := false
	for {
		job, err := a.pull(ctx)
		var refused statusError
		switch {
		case errors.As(err, &refused) && (refused.status == http.StatusUnauthorized || refused.status == http.StatusForbidden):
			return hint(err, "The device was revoked, or enrolled elsewhere: enrol this one again with --code.")
		case err != nil && ctx.Err() == nil && !silent:
			a.log.WarnContext(ctx, "server does not answer", "err", err)
		case job != nil:
			a.print(ctx, *job)
			continue
		}
		silent = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pull returns the next job, or nil.
func (a *agent) pull(ctx context.Context) (*spool.Leased, error) {
	if now := time.Now(); a.looked.IsZero() || now.Sub(a.looked) > agentLooks {
		found, err := a.printer.Check(ctx)
		if found != a.condition {
			a.log.InfoContext(ctx, "printer changed", "was", a.condition, "is", found, "err", err)
		}
		a.condition, a.looked = found, now
	}
	var job spool.Leased
	some, err := a.post(ctx, "/api/v1/print-agent/jobs", map[string]any{"holder": a.holder, "condition": a.condition}, &job)
	if err != nil || !some {
		return nil, err
	}
	return &job, nil
}

// print prints a job and tells the server until it knows, or has long held the job for lost.
func (a *agent) print(ctx context.Context, job spool.Leased) {
	result, err := a.printer.Print(ctx, job)
	if err != nil {
		a.log.WarnContext(ctx, "print job not printed", "job", job.ID, "state", result.State, "detail", result.Detail, "err", err)
	}
	if result.Condition != "" {
		a.condition, a.looked = result.Condition, time.Now()
	}
	ctx = context.WithoutCancel(ctx)
	for range agentTells {
		_, err := a.post(ctx, "/api/v1/print-agent/jobs/"+url.PathEscape(job.ID), result, nil)
		if err == nil {
			return
		}
		a.log.WarnContext(ctx, "print job not settled", "job", job.ID, "err", err)
		if refused := (statusError{}); errors.As(err, &refused) && refused.status < http.StatusInternalServerError && refused.status != http.StatusTooManyRequests {
			return
		}
		time.Sleep(agentAsks)
	}
}

// statusError is a refusal of the server.
type statusError struct {
	status       int
	code, detail string
}

func (e statusError) Error() string {
	return fmt.Sprintf("the server answers %d %s: %s", e.status, e.code, e.detail)
}

// post sends body to the server and reads the answer, and reports whether it has content.
func (a *agent) post(ctx context.Context, path string, body, into any) (content bool, err error) {
	const longest = 4 << 20
	text, err := json.Marshal(body)
	if err != nil {
		return false, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, a.server+path, bytes.NewReader(text))
	if err != nil {
		return false, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", agentName)
	if a.token != "" {
		request.Header.Set("Authorization", "Bearer "+a.token)
	}
	response, err := a.http.Do(request)
	if err != nil {
		return false, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, longest))
	switch {
	case err != nil:
		return false, err
	case response.StatusCode == http.StatusNoContent:
		return false, nil
	case response.StatusCode >= http.StatusMultipleChoices:
		var problem struct{ Code, Detail string }
		_ = json.Unmarshal(answer, &problem)
		return false, statusError{response.StatusCode, problem.Code, problem.Detail}
	case into == nil:
		return true, nil
	}
	return true, json.Unmarshal(answer, into)
}
