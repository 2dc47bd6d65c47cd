package spool_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/internal/store/storetest"
	"sportello/printouts"
	"sportello/printouts/spool"
)

// cups is a CUPS server of the test's own, which prints to listeners of the test.
type cups struct {
	*testing.T
	address, folder string
}

// newCups starts a server with every folder moved under one.
func newCups(t *testing.T) cups {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("cupsd wants to be root")
	}
	cupsd, err := osexec.LookPath("/usr/sbin/cupsd")
	if err != nil {
		t.Skip("cupsd is not installed")
	}
	folder, err := os.MkdirTemp("", "cups") // which backends may enter, as they may not t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	c := cups{T: t, address: free(t), folder: folder}
	for _, name := range []string{"", "root", "spool", "tmp", "cache", "state", "log"} {
		path := filepath.Join(c.folder, name)
		if err := os.MkdirAll(path, 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	c.write("cups-files.conf", "ServerRoot %[1]s/root\nRequestRoot %[1]s/spool\nTempDir %[1]s/tmp\nCacheDir %[1]s/cache\nStateDir %[1]s/state\n"+
		"ErrorLog %[1]s/log/error\nAccessLog %[1]s/log/access\nPageLog %[1]s/log/page\nSystemGroup root\n", c.folder)
	c.write("cupsd.conf", "Listen %s\nBrowsing Off\nDefaultAuthType None\nErrorPolicy retry-job\nWebInterface No\nLogLevel warn\n"+
		"<Location />\nOrder allow,deny\nAllow all\n</Location>\n<Policy default>\n<Limit All>\nOrder deny,allow\nAllow all\n</Limit>\n</Policy>\n", c.address)
	c.write("through.ppd", ppd)
	server := osexec.Command(cupsd, "-f", "-c", filepath.Join(c.folder, "cupsd.conf"), "-s", filepath.Join(c.folder, "cups-files.conf"))
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = server.Process.Signal(os.Interrupt)
		_ = server.Wait()
	})
	for range time.Tick(20 * time.Millisecond) {
		if conn, err := net.Dial("tcp", c.address); err == nil {
			conn.Close()
			return c
		}
		if t.Context().Err() != nil {
			t.Fatal("cupsd does not answer")
		}
	}
	return c
}

// ppd describes a printer that takes PDF files as they are.
const ppd = `*PPD-Adobe: "4.3"
*FormatVersion: "4.3"
*FileVersion: "1.0"
*LanguageVersion: English
*LanguageEncoding: ISOLatin1
*PCFileName: "THROUGH.PPD"
*Manufacturer: "Test"
*Product: "(Through)"
*ModelName: "Through"
*ShortNickName: "Through"
*NickName: "Through"
*PSVersion: "(3010.000) 0"
*LanguageLevel: "3"
*ColorDevice: False
*cupsVersion: 2.4
*cupsFilter2: "application/pdf application/pdf 0 -"
*cupsSNMPSupplies: False
*OpenUI *PageSize/Page Size: PickOne
*DefaultPageSize: A4
*PageSize A4: ""
*CloseUI: *PageSize
*DefaultImageableArea: A4
*ImageableArea A4: "0 0 595 842"
*DefaultPaperDimension: A4
*PaperDimension A4: "595 842"
`

func (c cups) write(name, format string, args ...any) {
	c.Helper()
	text := format
	if len(args) > 0 {
		text = fmt.Sprintf(format, args...)
	}
	if err := os.WriteFile(filepath.Join(c.folder, name), []byte(text), 0o644); err != nil {
		c.Fatal(err)
	}
}

// add makes a queue for a printer at a port, raw or not.
func (c cups) add(name, address string, raw bool) {
	c.Helper()
	args := []string{"-h", c.address, "-p", name, "-E", "-v", "socket://" + address, "-P", filepath.Join(c.folder, "through.ppd")}
	if raw {
		args = append(args[:len(args)-2], "-m", "raw")
	}
	c.run("lpadmin", args...)
}

func (c cups) run(name string, args ...string) {
	c.Helper()
	cmd := osexec.CommandContext(c.Context(), "/usr/sbin/"+name, args...)
	cmd.Env = append(os.Environ(), "CUPS_SERVER="+c.address)
	if out, err := cmd.CombinedOutput(); err != nil {
		c.Fatalf("%s: %v: %s", name, err, out)
	}
}

// kept are the documents that the server still has.
func (c cups) kept() []string {
	c.Helper()
	found, err := filepath.Glob(filepath.Join(c.folder, "spool", "d*"))
	if err != nil {
		c.Fatal(err)
	}
	return found
}

// free is an address where nobody listens.
func free(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// sink is a printer that takes all that comes, or, when it is deaf, nothing of it.
type sink struct {
	address string
	mu      sync.Mutex
	jobs    [][]byte
}

func newSink(t *testing.T, deaf bool) *sink {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &sink{address: listener.Addr().String()}
	over := make(chan struct{})
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() {
				defer conn.Close()
				if deaf {
					<-over
					return
				}
				content, _ := io.ReadAll(conn)
				s.mu.Lock()
				defer s.mu.Unlock()
				s.jobs = append(s.jobs, content)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		close(over)
		connections.Wait()
	})
	return s
}

// took are the documents that came; what opened a connection without a word is none.
func (s *sink) took() [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.jobs), func(job []byte) bool { return len(job) == 0 })
}

// receipt is what the tests print on A4.
var receipt = printouts.Receipt{
	Code: "KX7-42P", MadeAt: time.Date(2026, 12, 3, 9, 30, 0, 0, time.UTC),
	Date: printouts.Text{Italian: "giovedì 3 dicembre 2026"}, Hours: printouts.Text{Italian: "ore 9:30–10:00"},
}

// TestCUPS prints on queues whose printers are fine, dead, deaf or stopped.
func TestCUPS(t *testing.T) {
	c := newCups(t)
	c.fineQueues()
	tests := []struct {
		name, queue string
		want        row
		condition   spool.Condition
	}{
		{"dead", "dead", row{State: spool.Unconfirmed, Detail: spool.Unanswered, Attempts: 1, Erased: true}, spool.Unreachable},
		{"takes and never reads", "deaf", row{State: spool.Unconfirmed, Detail: spool.Unanswered, Attempts: 1, Erased: true}, spool.Unreachable},
		{"stopped", "stopped", row{State: spool.Queued, Detail: string(spool.Refusing), Attempts: 1}, spool.Refusing},
		{"takes no jobs", "closed", row{State: spool.Queued, Detail: string(spool.Refusing), Attempts: 1}, spool.Refusing},
		{"of another name", "none", row{State: spool.Queued, Detail: string(spool.Refusing), Attempts: 1}, spool.Refusing},
	}
	c.add("dead", free(t), false)
	c.add("deaf", newSink(t, true).address, false)
	c.add("stopped", free(t), false)
	c.run("cupsdisable", "stopped")
	c.add("closed", free(t), false)
	c.run("cupsreject", "closed")
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // they wait for what does not come
			r := c.rig(t)
			r.addPrinter("p1", "cups://"+c.address+"/"+test.queue)
			r.run(r.here)
			values := receipt
			values.Contact = []string{strings.Repeat("Precipitevolissimevolmente ", 2000)} // more than the sockets in between keep
			id := r.enqueue(r.here, spool.Job{Printer: "p1", Office: "isernia", Subject: "appointment:1", Kind: spool.KindReceipt, Values: values})
			r.tried(id)
			r.want(id, test.want)
			if got := r.printer("p1").Condition; got != test.condition {
				t.Errorf("printer is %s, want %s", got, test.condition)
			}
		})
	}
}

// fineQueues has queues print what they are given, to the last byte, and forget it.
func (c cups) fineQueues() {
	office, totem := newSink(c.T, false), newSink(c.T, false)
	c.add("office", office.address, false)
	c.add("totem", totem.address, true)
	r := c.rig(c.T)
	r.addPrinter("p1", "cups://"+c.address+"/office")
	r.addPrinter("p2", "cups://"+c.address+"/totem?dots=512&qr=raster")
	r.run(r.here)
	a4 := r.enqueue(r.here, spool.Job{Printer: "p1", Office: "isernia", Subject: "appointment:1", Kind: spool.KindReceipt, Values: receipt})
	tape := r.enqueue(r.here, spool.Job{Printer: "p2", Office: "isernia", Subject: "appointment:1", Kind: spool.KindReceipt, Values: receipt})
	for _, id := range []string{a4, tape} {
		r.tried(id)
		r.want(id, row{State: spool.Printed, Attempts: 1, Erased: true})
	}
	pdf, err := receipt.A4()
	if err != nil {
		c.Fatal(err)
	}
	commands, err := receipt.ESCPOS(printouts.Profile{Head: printouts.Head80Coarse, DrawQR: true})
	if err != nil {
		c.Fatal(err)
	}
	for name, want := range map[*sink][]byte{office: pdf, totem: commands} {
		if got := name.took(); len(got) != 1 || !bytes.Equal(got[0], want) {
			c.Errorf("%d documents came, and not as %d bytes were sent", len(got), len(want))
		}
	}
	if kept := c.kept(); len(kept) != 0 {
		c.Errorf("CUPS keeps %v", kept)
	}
}

// rig is a database without a bubble: CUPS takes real time.
func (c cups) rig(t *testing.T) rig {
	t.Helper()
	address := storetest.SQLiteURL(t)
	return rig{T: t, here: open(t, address), there: open(t, address)}
}

// TestCUPSIsDown has nobody at the server's address, then something else.
func TestCUPSIsDown(t *testing.T) {
	got, err := spool.Check(t.Context(), spool.Printer{URI: "cups://" + free(t) + "/a4"})
	if got != spool.Unreachable || err == nil {
		t.Errorf("got %s, %v", got, err)
	}
	got, err = spool.Check(t.Context(), spool.Printer{URI: "cups://" + newSink(t, true).address + "/a4"})
	if got != spool.Unreachable || err == nil {
		t.Errorf("got %s, %v", got, err)
	}
}
