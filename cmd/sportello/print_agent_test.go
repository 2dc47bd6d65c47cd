package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/printouts/spool"
)

// TestPrintAgent has an agent print what a server has for it, and another run of it go on.
func TestPrintAgent(t *testing.T) {
	data, here := t.TempDir(), t.TempDir()
	db := openData(t, data)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	addPrinter(t, db, "away", "agent:")
	var code string
	err := db.Update(t.Context(), func(tx *store.Tx) (err error) {
		d := access.Device{ID: "agent", Office: busy[0], Kind: access.PrintAgent, Name: "Totem", Printer: "away"}
		if err := access.AddDevice(t.Context(), tx, d, "", byCommand); err != nil {
			return err
		}
		code, _, err = access.NewCode(t.Context(), tx, "agent", byCommand)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	db.Close()
	server := start(t, "--data", data, "--log", "error", "serve", "--addr", "127.0.0.1:0")
	defer server.kill()

	papers := filepath.Join(here, "papers")
	agent := []string{"--data", here, "print-agent", "--server", server.base, "--printer", "file:" + papers}
	for round, more := range [][]string{{"--code", code}, nil} {
		run := launch(t, append(agent, more...)...)
		enqueueTickets(t, data, round, "away", 3)
		jobs := allSettled(t, data)["away"]
		run.kill()
		for _, job := range jobs {
			if job.State != spool.Printed {
				t.Errorf("%s is %s %s", job.Subject, job.State, job.Detail)
			}
		}
		if got, err := filepath.Glob(filepath.Join(papers, "*.pdf")); err != nil || len(got) != 3*(round+1) {
			t.Errorf("round %d: %d papers, %v", round, len(got), err)
		}
	}
	if info, err := os.Stat(filepath.Join(here, "print-agent")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the token's file: %v, %v", info, err)
	}
}

// TestPrintAgentRefused has agents that cannot begin.
func TestPrintAgentRefused(t *testing.T) {
	data := t.TempDir()
	server := start(t, "--data", data, "--log", "error", "serve", "--migrate", "--addr", "127.0.0.1:0")
	defer server.kill()
	for _, test := range []struct {
		name, printer, server, code, want string
	}{
		{"no printer", "lp0", server.base, "", "no printer of this machine"},
		{"no server", "file:out", "localhost", "", "is no address"},
		{"never enrolled", "file:out", server.base, "", "sportello device code"},
		{"wrong code", "file:out", server.base, "AAA-AAA-AAA", "wrong_code"},
	} {
		t.Run(test.name, func(t *testing.T) {
			args := []string{"sportello", "--data", t.TempDir(), "print-agent", "--server", test.server, "--printer", test.printer, "--code", test.code}
			err := run(t.Context(), args, func(string) string { return "" }, t.Output(), t.Output())
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

// launch runs the program with args, which do not make it serve.
func launch(t *testing.T, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Args = append([]string{"sportello"}, args...)
	cmd.Stderr = testWriter{t}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	t.Cleanup(p.kill)
	return p
}
