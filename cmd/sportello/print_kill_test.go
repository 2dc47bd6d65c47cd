package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/spool"
)

// TestPrintKill kills the server while it prints to a folder and to several thermal printers, and
// starts it again: every job of the folder is there exactly once, and none of a thermal printer's
// comes out twice. What it cannot know it leaves to a person.
func TestPrintKill(t *testing.T) {
	rounds := 2
	if os.Getenv("SPORTELLO_TORTURE") != "" {
		rounds = 20
	}
	data := t.TempDir()
	db := openData(t, data)
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(data, "folder")
	addPrinter(t, db, "folder", "file:"+folder)
	var printers []*slowPrinter
	for n := range 6 {
		p := newSlowPrinter(t, fmt.Sprintf("thermal-%d", n))
		addPrinter(t, db, p.name, "escpos://"+p.address)
		printers = append(printers, p)
	}
	db.Close()

	for round := range rounds {
		enqueueTickets(t, data, round, "folder", 60)
		for _, p := range printers {
			enqueueTickets(t, data, round, p.name, 5)
		}
		server := start(t, "--data", data, "--log", "error", "serve", "--addr", "127.0.0.1:0")
		time.Sleep(time.Duration(50+rand.IntN(400)) * time.Millisecond) // when the power fails is chance
		server.kill()
	}
	server := start(t, "--data", data, "--log", "error", "serve", "--addr", "127.0.0.1:0")
	jobs := allSettled(t, data)
	server.kill()

	folderHolds(t, folder, jobs["folder"])
	unconfirmed := 0
	for _, p := range printers {
		unconfirmed += p.check(t, jobs[p.name])
	}
	if unconfirmed == 0 {
		t.Error("no kill met a thermal printer at work")
	}
	t.Logf("%d kills left %d papers unconfirmed", rounds, unconfirmed)
}

func openData(t *testing.T, data string) *store.DB {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{URL: "sqlite:" + filepath.Join(data, "sportello.db")})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func addPrinter(t *testing.T, db *store.DB, id, uri string) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		return spool.AddPrinter(t.Context(), tx, spool.Printer{ID: id, Office: busy[0], Name: id, URI: uri})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// enqueueTickets orders so many papers, whose numbers say the round.
func enqueueTickets(t *testing.T, data string, round int, printer string, jobs int) {
	t.Helper()
	db := openData(t, data)
	defer db.Close()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		for n := range jobs {
			number := fmt.Sprintf("%c%03d", 'A'+round, n)
			_, err := spool.Enqueue(t.Context(), tx, spool.Job{
				Printer: printer, Office: busy[0], Subject: "ticket:" + number, Kind: spool.KindTicket,
				Values: printouts.Ticket{Number: number, IssuedAt: tx.Now}, ExpiresAfter: 15 * time.Minute,
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// allSettled waits until no job is open, and returns all by their printer.
func allSettled(t *testing.T, data string) map[string][]spool.Record {
	t.Helper()
	db := openData(t, data)
	defer db.Close()
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		jobs, open := make(map[string][]spool.Record), 0
		err := db.View(t.Context(), func(tx *store.Tx) error {
			printers, err := spool.ListPrinters(t.Context(), tx, spool.Listing{Offices: busy[:1], Limit: 100})
			for _, p := range printers {
				open += p.Open
				if jobs[p.ID], err = spool.Jobs(t.Context(), tx, p.ID, 0, 10_000); err != nil {
					return err
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if open == 0 {
			return jobs
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d jobs are open after two minutes", open)
		}
	}
}

// folderHolds wants a whole file for each job and nothing else.
func folderHolds(t *testing.T, folder string, jobs []spool.Record) {
	t.Helper()
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(jobs) {
		t.Errorf("%d files for %d jobs", len(files), len(jobs))
	}
	for _, job := range jobs {
		name := fmt.Sprintf("%010d-%s.pdf", job.Seq, job.ID)
		content, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || job.State != spool.Printed || !bytes.HasSuffix(bytes.TrimSpace(content), []byte("%%EOF")) {
			t.Errorf("job %s is %s, file %d bytes, %v", job.Subject, job.State, len(content), err)
		}
	}
}

// A slowPrinter is a thermal printer that takes its time for everything, so that a kill meets it at
// any step.
type slowPrinter struct {
	name, address string

	mu     sync.Mutex
	papers [][]byte // what each connection brought, beside questions
}

func newSlowPrinter(t *testing.T, name string) *slowPrinter {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &slowPrinter{name: name, address: listener.Addr().String()}
	var connections sync.WaitGroup
	connections.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			connections.Go(func() { p.serve(conn) })
		}
	})
	t.Cleanup(func() {
		listener.Close()
		connections.Wait()
	})
	return p
}

// serve answers that all is well, and the question after a paper when it has read it.
func (p *slowPrinter) serve(conn net.Conn) {
	defer conn.Close()
	var brought []byte
	at := -1
	for chunk := make([]byte, 512); ; {
		n, err := conn.Read(chunk)
		if err != nil {
			return
		}
		pause()
		if at < 0 && bytes.HasPrefix(chunk[:n], []byte{0x10, 0x04}) {
			_, _ = conn.Write([]byte{0x12})
			continue
		}
		brought = append(brought, chunk[:n]...)
		at = p.keep(at, bytes.Clone(brought))
		if bytes.HasSuffix(brought, []byte{0x1d, 'r', 1}) {
			pause()
			_, _ = conn.Write([]byte{0x00})
		}
	}
}

// pause is a while of a printer's work.
func pause() { time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond) }

// keep notes what a connection has brought until now, and where.
func (p *slowPrinter) keep(at int, brought []byte) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if at < 0 {
		p.papers = append(p.papers, nil)
		at = len(p.papers) - 1
	}
	p.papers[at] = brought
	return at
}

// check compares what came out with what became of the jobs, and returns how many are unconfirmed.
func (p *slowPrinter) check(t *testing.T, jobs []spool.Record) (unconfirmed int) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.papers) > len(jobs) {
		t.Errorf("%s: %d papers were begun for %d jobs", p.name, len(p.papers), len(jobs))
	}
	for _, job := range jobs {
		number := strings.TrimPrefix(job.Subject, "ticket:")
		came := 0
		for _, paper := range p.papers {
			if bytes.Contains(paper, []byte(number+" \xfa ")) { // the middle dot of code page 858
				came++
			}
		}
		switch {
		case job.State == spool.Printed && came == 1:
		case job.State == spool.Unconfirmed && job.Detail == spool.Interrupted && came <= 1:
			unconfirmed++
		default:
			t.Errorf("%s: job %s is %s (%s) and came out %d times", p.name, number, job.State, job.Detail, came)
		}
	}
	return unconfirmed
}
