package main

import (
	"bufio"
	"context"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets this test binary be the program: when it is started as sportello, it is.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sportello": main, "book-forever": bookForever})
}

func TestCommandLine(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata/script"})
}

// process is a server of its own.
type process struct {
	cmd  *exec.Cmd
	base string // http://127.0.0.1:PORT
}

// readyWithin is far more than a start takes; it only ends a test that would hang.
const readyWithin = 30 * time.Second

// start runs the program with args, which make it serve, and waits until it is ready.
func start(t testing.TB, args ...string) *process {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Args = append([]string{"sportello"}, args...)
	cmd.Stderr = testWriter{t}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{cmd: cmd}
	t.Cleanup(p.kill)
	ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Kill() })
	defer stop()
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if base, ok := strings.CutPrefix(lines.Text(), "Sportello is ready: "); ok {
			p.base = base
			go func() { // what it prints later would fill the pipe
				for lines.Scan() {
				}
			}()
			return p
		}
	}
	t.Fatalf("sportello %v ended before it was ready", args)
	return nil
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Signal(syscall.SIGKILL)
	_ = p.cmd.Wait()
}

// testWriter writes a process's log to the test's.
type testWriter struct{ t testing.TB }

func (w testWriter) Write(text []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(text)))
	return len(text), nil
}
