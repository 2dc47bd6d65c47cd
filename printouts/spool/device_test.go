package spool_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sportello/internal/store/storetest"
	"sportello/printouts/spool"
)

// newCable returns the path of a device behind which a scripted printer hangs: the other end of a
// pseudoterminal.
func newCable(t *testing.T, m manners) (*script, string) {
	t.Helper()
	end, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip(err)
	}
	raw, err := end.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var number int
	ctl := raw.Control(func(fd uintptr) {
		if err = unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0); err == nil {
			number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		}
	})
	if ctl != nil || err != nil {
		t.Fatal(ctl, err)
	}
	path := fmt.Sprintf("/dev/pts/%d", number)
	held, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0) // else the end hangs up between two jobs
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetTermios(int(held.Fd()), unix.TCSETS, &unix.Termios{Cflag: unix.CS8 | unix.CREAD}); err != nil {
		t.Fatal(err)
	}
	p := &script{over: make(chan struct{}), manners: m}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-p.over:
				return
			default:
				p.serve(keptOpen{end})
			}
		}
	}()
	t.Cleanup(func() {
		close(p.over)
		end.Close()
		<-done
		held.Close()
	})
	return p, path
}

// keptOpen is a cable, which a printer does not hang up.
type keptOpen struct{ io.ReadWriter }

func (keptOpen) Close() error { return nil }

// TestDevice prints on a cable as TestThermal* over TCP.
func TestDevice(t *testing.T) {
	for _, test := range []struct {
		name    string
		manners manners
		want    row
	}{
		{"all well", manners{}, row{State: spool.Printed, Attempts: 1, Erased: true}},
		{"slowly, saying more than was asked", manners{slow: 600 * time.Millisecond, chatty: true}, row{State: spool.Printed, Attempts: 1, Erased: true}},
		{"out of paper", manners{status: outOfPaper}, row{State: spool.Queued, Detail: string(spool.OutOfPaper), Attempts: 1}},
		{"never the read-back", manners{silent: true}, row{State: spool.Unconfirmed, Detail: spool.Unanswered, Attempts: 1, Erased: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			address := storetest.SQLiteURL(t)
			p, path := newCable(t, test.manners)
			r := thermalRig{rig{T: t, here: open(t, address), there: open(t, address)}, p}
			r.addPrinter("t1", "escpos+dev:"+path)
			r.run(r.here)
			id := r.order("A012")
			r.tried(id)
			r.want(id, test.want)
			if test.want.State == spool.Printed {
				r.wantPrinted("A012")
			}
		})
	}
}

// tried waits, in real time, until the first attempt at a job has ended.
func (r rig) tried(id string) {
	r.Helper()
	for range time.Tick(10 * time.Millisecond) {
		if got := r.row(id); got.Attempts > 0 && got.State != spool.Sent {
			return
		}
		if r.Context().Err() != nil {
			r.Fatal("still sent")
		}
	}
}

// TestDeviceThatIsNone looks at what is no printer on a cable.
func TestDeviceThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "lp0")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{file: "is no printer", file + "1": "no such file", "/dev/null": "is no printer"} {
		got, err := spool.Check(t.Context(), spool.Printer{URI: "escpos+dev:" + path})
		if got != spool.Unreachable || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %s, %v, want %s", path, got, err, want)
		}
	}
}
