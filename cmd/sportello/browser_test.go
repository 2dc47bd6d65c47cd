package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestInBrowser runs every script of static/test, a morning's work at one or several screens in a
// real browser, each against a demonstration of its own.
func TestInBrowser(t *testing.T) {
	scripts, err := filepath.Glob("../../static/test/*.mjs")
	if err != nil {
		t.Fatal(err)
	}
	for _, script := range scripts {
		if _, err := os.ReadFile(script); err != nil { // read, so that a changed script is run again
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(script), ".mjs")
		if name == "office" || name == "citizen" {
			continue // what the scripts share
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()                           // they wait more than they work
			port, smtp := freePort(t), freePort(t) // at which some scripts take mail
			data := filepath.Join(t.TempDir(), "demo")
			// The clock of the README's pictures: a Tuesday morning on which CPI and INPS are there.
			start(t, "--data", data, "--log", "error", "--clock", "2026-11-24T10:15:00+01:00", "demo",
				"--addr", "127.0.0.1:"+port, "--base-url", "http://sportello.test:"+port,
				"--smtp", "smtp://127.0.0.1:"+smtp, "--mail-from", "Sportello <sportello@prova.example>", "--calendar-networks", "127.0.0.0/8")
			node := exec.CommandContext(t.Context(), "node", filepath.Base(script))
			node.Dir = filepath.Dir(script)
			node.Env = append(os.Environ(), "BASE=http://127.0.0.1:"+port, "DATA="+data, "SMTP="+smtp,
				"LOGIN=isernia.cpi-3", "LOGIN2=isernia.inps-2", "PASSWORD="+demoPassword)
			out, err := node.CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// freePort returns a port that was free a moment ago.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}
