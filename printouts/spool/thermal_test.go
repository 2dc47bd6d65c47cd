package spool_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/printouts"
	"sportello/printouts/spool"
)

// manners are how a scripted printer behaves.
type manners struct {
	status    [5]byte       // what its answers to DLE EOT n say, beside their fixed bits
	paper     byte          // what its answer to GS r 1 says
	deaf      bool          // it lets connect and never reads
	deafAfter bool          // it reads no more once it has said how it is
	silent    bool          // it never answers GS r 1
	dies      int           // it hangs up after so many bytes of a job
	slow      time.Duration // it takes so long for a job
	chatty    bool          // it says what nobody asked before every answer
	ends      [5]byte       // its status after a job, if it is not the same
}

// The bits of a status that the tests set.
var (
	outOfPaper = [5]byte{1: 0x08, 2: 0x20, 4: 0x60}
	nearEnd    = [5]byte{4: 0x0c}
	coverOpen  = [5]byte{1: 0x08, 2: 0x04, 4: 0x60}
	inFault    = [5]byte{1: 0x08, 2: 0x40}
	offline    = [5]byte{1: 0x08}
)

// script is a thermal printer on a port of its own. It is started outside of the bubble, whose time
// stands still while someone waits for it.
type script struct {
	address string
	over    chan struct{} // closed at the end of the test

	mu      sync.Mutex
	manners manners
	jobs    [][]byte // what each connection brought, beside questions
	now     int      // jobs it is at
	most    int
}

// readBack is the question that a printer answers when it has come to it.
var readBack = []byte{0x1d, 'r', 1}

func newScript(t *testing.T) *script {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &script{address: listener.Addr().String(), over: make(chan struct{})}
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
		close(p.over)
		connections.Wait()
	})
	return p
}

func (p *script) be(m manners) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.manners = m
}

// printed are the jobs that were brought whole, without the question at their end.
func (p *script) printed() (jobs [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, job := range p.jobs {
		if whole, ok := bytes.CutSuffix(job, readBack); ok {
			jobs = append(jobs, whole)
		}
	}
	return jobs
}

// brought is how many jobs were begun.
func (p *script) brought() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.jobs)
}

func (p *script) serve(conn io.ReadWriteCloser) {
	defer conn.Close()
	p.mu.Lock()
	m := p.manners
	p.mu.Unlock()
	if m.deaf {
		<-p.over
		return
	}
	var job []byte
	answer := func(b byte) {
		if m.chatty {
			_, _ = conn.Write([]byte{0x13, 0x10, 0x00, 0x00, 0x0f, 0x11})
		}
		_, _ = conn.Write([]byte{b})
	}
	for {
		var question [3]byte
		if _, err := fill(conn, question[:]); err != nil {
			return
		}
		if question[0] == 0x10 && question[1] == 0x04 {
			answer(0x12 | m.status[question[2]])
			if m.deafAfter && question[2] == 4 {
				<-p.over
				return
			}
			continue
		}
		p.count(1)
		job = p.take(conn, question[:], m)
		if !bytes.HasSuffix(job, readBack) {
			return
		}
		time.Sleep(m.slow)
		if m.ends != ([5]byte{}) {
			m.status = m.ends
		}
		p.count(-1) // before the answer, upon which the next may begin
		if !m.silent {
			answer(m.paper)
		}
	}
}

// count counts the jobs that the printer is at.
func (p *script) count(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now += n
	p.most = max(p.most, p.now)
}

// take reads a job to its end, or as far as the printer lives, and keeps it.
func (p *script) take(conn io.Reader, job []byte, m manners) []byte {
	p.mu.Lock()
	at := len(p.jobs)
	p.jobs = append(p.jobs, job)
	p.mu.Unlock()
	for b := make([]byte, 1); !bytes.HasSuffix(job, readBack) && (m.dies == 0 || len(job) < m.dies); {
		if _, err := conn.Read(b); err != nil {
			break
		}
		job = append(job, b...)
	}
	p.mu.Lock()
	p.jobs[at] = job
	p.mu.Unlock()
	return job
}

func fill(conn io.Reader, b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		var more int
		more, err = conn.Read(b[n:])
		n += more
	}
	return n, err
}

// thermalRig is a rig whose printer t1 is scripted.
type thermalRig struct {
	rig
	*script
}

// onThermal runs f on each engine.
func onThermal(t *testing.T, f func(r thermalRig)) {
	t.Helper()
	bubble := func(t *testing.T, address string) {
		p := newScript(t)
		synctest.Test(t, func(t *testing.T) {
			r := thermalRig{rig{T: t, here: open(t, address), there: open(t, address)}, p}
			r.addPrinter("t1", "escpos://"+p.address)
			f(r)
		})
	}
	t.Run("sqlite", func(t *testing.T) { bubble(t, storetest.SQLiteURL(t)) })
	if server := os.Getenv("SPORTELLO_TEST_POSTGRES"); server != "" {
		t.Run("postgres", func(t *testing.T) { bubble(t, storetest.PostgresURL(t, server)) })
	}
}

// order enqueues the paper of a number on t1.
func (r thermalRig) order(number string) (id string) {
	r.Helper()
	job := jobFor(number)
	job.Printer = "t1"
	return r.enqueue(r.here, job)
}

func (r thermalRig) condition() spool.Printer { return r.printer("t1") }

func (r rig) printer(id string) spool.Printer {
	r.Helper()
	var p spool.Printer
	err := r.there.View(r.Context(), func(tx *store.Tx) (err error) {
		p, err = spool.PrinterByID(r.Context(), tx, id)
		return err
	})
	if err != nil {
		r.Fatal(err)
	}
	return p
}

func (r thermalRig) wantCondition(want spool.Condition) {
	r.Helper()
	if got := r.condition().Condition; got != want {
		r.Errorf("printer is %s, want %s", got, want)
	}
}

// wantPrinted compares what came out with the tickets of numbers.
func (r thermalRig) wantPrinted(numbers ...string) {
	r.Helper()
	got := r.printed()
	if len(got) != len(numbers) {
		r.Fatalf("%d tickets came out, want %v", len(got), numbers)
	}
	for i, number := range numbers {
		want, err := ticket(number).ESCPOS(printouts.Profile{Head: printouts.Head80})
		if err != nil {
			r.Fatal(err)
		}
		if !bytes.Equal(got[i], want) {
			r.Errorf("paper %d is not that of %s", i+1, number)
		}
	}
}

func TestThermalPrints(t *testing.T) {
	for _, test := range []struct {
		name    string
		manners manners
		want    spool.Condition
	}{
		{"all well", manners{}, spool.OK},
		{"near the end", manners{status: nearEnd}, spool.NearEnd},
		{"near the end after it", manners{paper: 0x03}, spool.NearEnd},
		{"slowly", manners{slow: 600 * time.Millisecond}, spool.OK},
		{"saying more than was asked", manners{chatty: true}, spool.OK},
	} {
		t.Run(test.name, func(t *testing.T) {
			onThermal(t, func(r thermalRig) {
				r.be(test.manners)
				r.run(r.here)
				id := r.order("A012")
				synctest.Wait()
				r.want(id, row{State: spool.Printed, Attempts: 1, Erased: true})
				r.wantPrinted("A012")
				p := r.condition()
				if p.Condition != test.want || !p.CheckedAt.Equal(r.here.Now()) || !p.SeenAt.Equal(r.here.Now()) {
					r.Errorf("printer is %s since %v, seen %v, want %s now", p.Condition, p.CheckedAt, p.SeenAt, test.want)
				}
			})
		})
	}
}

func TestThermalWidth(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		for _, head := range []printouts.Head{printouts.Head80Coarse, printouts.Head58} {
			r.addPrinter("t1", fmt.Sprintf("escpos://%s?dots=%d", r.address, head))
			stop := r.run(r.here)
			r.order("A012")
			synctest.Wait()
			stop()
			want, err := ticket("A012").ESCPOS(printouts.Profile{Head: head})
			if err != nil {
				r.Fatal(err)
			}
			if got := r.printed(); len(got) == 0 || !bytes.Equal(got[len(got)-1], want) {
				r.Errorf("what came out is not the ticket for %d dots", head)
			}
		}
	})
}

// TestThermalTakesNothing has printers that refuse a job: none of it is written, both jobs say why
// they wait, and both come out once when the trouble is over.
func TestThermalTakesNothing(t *testing.T) {
	for _, test := range []struct {
		name    string
		manners manners
		want    spool.Condition
	}{
		{"out of paper", manners{status: outOfPaper}, spool.OutOfPaper},
		{"cover open", manners{status: coverOpen}, spool.Refusing},
		{"in fault", manners{status: inFault}, spool.Refusing},
		{"offline", manners{status: offline}, spool.Refusing},
		{"deaf", manners{deaf: true}, spool.Unreachable},
	} {
		t.Run(test.name, func(t *testing.T) {
			onThermal(t, func(r thermalRig) {
				r.be(test.manners)
				r.run(r.here)
				first, second := r.order("A012"), r.order("A013")
				synctest.Wait()
				waits := spool.Status{Job: second, Printer: "t1", State: spool.Queued, Detail: string(test.want)}
				if got := r.latest("ticket:A013"); got != waits {
					r.Errorf("the second waits as %v, want %v", got, waits)
				}
				r.wantCondition(test.want)
				if got := r.brought(); got != 0 {
					r.Errorf("%d jobs were written to a printer that takes nothing", got)
				}
				r.be(manners{})
				time.Sleep(6 * time.Second)
				synctest.Wait()
				for _, id := range []string{first, second} {
					if got := r.row(id); got.State != spool.Printed || got.Detail != "" {
						r.Errorf("job is %s with detail %q, want printed without", got.State, got.Detail)
					}
				}
				r.wantPrinted("A012", "A013")
				r.wantCondition(spool.OK)
			})
		})
	}
}

func TestThermalExpires(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		r.be(manners{status: outOfPaper})
		r.run(r.here)
		id := r.order("A012")
		time.Sleep(2*time.Minute + 3*time.Second)
		synctest.Wait()
		got := r.row(id)
		if got.State != spool.Expired || got.Detail != string(spool.OutOfPaper) || !got.Erased || got.Attempts < 20 {
			r.Errorf("job is %+v, want expired with the reason after many attempts", got)
		}
		r.be(manners{})
		time.Sleep(time.Minute)
		if got := r.brought(); got != 0 {
			r.Errorf("%d jobs came out after they expired", got)
		}
	})
}

// TestThermalRefusesConnections has nobody listen at the printer's address.
func TestThermalRefusesConnections(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		free, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			r.Fatal(err)
		}
		free.Close()
		r.addPrinter("t1", "escpos://"+free.Addr().String())
		r.run(r.here)
		id := r.order("A012")
		synctest.Wait()
		if got := r.row(id); got.State != spool.Queued || got.Detail != string(spool.Unreachable) {
			r.Errorf("job is %+v, want queued because the printer is away", got)
		}
		if p := r.condition(); p.Condition != spool.Unreachable || !p.SeenAt.IsZero() {
			r.Errorf("printer is %s, seen at %v, want unreachable and never seen", p.Condition, p.SeenAt)
		}
		r.addPrinter("t1", "escpos://"+r.address)
		r.wantCondition(spool.Unknown)
		time.Sleep(6 * time.Second)
		synctest.Wait()
		r.wantPrinted("A012")
	})
}

// TestThermalUnconfirmed has printers that take a job, or a part of it, and do not say that it came
// out: only a person may ask for it again.
func TestThermalUnconfirmed(t *testing.T) {
	for _, test := range []struct {
		name       string
		manners    manners
		wantDetail string
		want       spool.Condition
	}{
		{"dies in the middle", manners{dies: 1000}, string(spool.Unreachable), spool.Unreachable},
		{"answers how it is and never the read-back", manners{silent: true}, spool.Unanswered, spool.OK},
		{"near the end, never the read-back", manners{silent: true, status: nearEnd}, spool.Unanswered, spool.NearEnd},
		{"stops reading", manners{deafAfter: true}, string(spool.Unreachable), spool.Unreachable},
		{"runs out of paper", manners{silent: true, ends: outOfPaper}, string(spool.OutOfPaper), spool.OutOfPaper},
		{"says that paper ended", manners{paper: 0x0f}, string(spool.OutOfPaper), spool.OutOfPaper},
		{"is opened", manners{silent: true, ends: coverOpen}, string(spool.Refusing), spool.Refusing},
		{"too slow", manners{slow: 3 * time.Second}, string(spool.Unreachable), spool.Unreachable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel() // their silence takes real time
			onThermal(t, func(r thermalRig) {
				r.be(test.manners)
				r.run(r.here)
				id := r.order("A012")
				synctest.Wait()
				r.want(id, row{State: spool.Unconfirmed, Detail: test.wantDetail, Attempts: 1, Erased: true})
				r.wantCondition(test.want)

				begun := r.brought()
				r.be(manners{})
				time.Sleep(5 * time.Minute)
				synctest.Wait()
				if got := r.brought(); got != begun {
					r.Errorf("%d jobs were begun without a person's word", got-begun)
				}
				again := r.order("A012")
				synctest.Wait()
				r.want(again, row{State: spool.Printed, Attempts: 1, Erased: true})
			})
		})
	}
}

// TestThermalProcessThatDied finds a job in the hands of a process that is no more.
func TestThermalProcessThatDied(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		left, next := r.order("A012"), r.order("A013")
		r.exec(`UPDATE print_jobs SET state = 'sent', attempts = 1 WHERE id = $1`, left)
		r.run(r.there)
		time.Sleep(8 * time.Second)
		r.want(left, row{State: spool.Sent, Attempts: 1}) // its process might be alive
		r.want(next, row{State: spool.Queued})            // one at a time
		time.Sleep(8 * time.Second)
		synctest.Wait()
		r.want(left, row{State: spool.Unconfirmed, Detail: spool.Interrupted, Attempts: 2, Erased: true})
		r.want(next, row{State: spool.Printed, Attempts: 1, Erased: true})
		r.wantPrinted("A013")
	})
}

// TestThermalOneAtATime has two processes print what both enqueue.
func TestThermalOneAtATime(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		r.be(manners{slow: 20 * time.Millisecond})
		r.run(r.here)
		r.run(r.there)
		var ids []string
		for n := range 10 {
			job := jobFor(fmt.Sprintf("A%03d", n))
			job.Printer = "t1"
			ids = append(ids, r.enqueue([]*store.DB{r.here, r.there}[n%2], job))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for _, id := range ids {
			r.want(id, row{State: spool.Printed, Attempts: 1, Erased: true})
		}
		if got := len(r.printed()); got != len(ids) {
			r.Errorf("%d tickets came out, want %d", got, len(ids))
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.most != 1 {
			r.Errorf("%d jobs at once, want 1", r.most)
		}
	})
}

func TestThermalEndFinishesWhatIsBegun(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		r.be(manners{slow: 600 * time.Millisecond})
		stop := r.run(r.here)
		id := r.order("A012")
		for r.brought() == 0 {
			time.Sleep(time.Nanosecond) // stands still while the worker waits for the printer
		}
		stop()
		r.want(id, row{State: spool.Printed, Attempts: 1, Erased: true})
	})
}

func TestThermalUnprintable(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		id := r.order("A012")
		r.exec(`UPDATE print_jobs SET payload = '{}' WHERE id = $1`, id)
		r.run(r.here)
		synctest.Wait()
		r.want(id, row{State: spool.Failed, Detail: spool.Unprintable, Attempts: 1, Erased: true})
		if r.brought() != 0 {
			r.Error("something was written")
		}
	})
}

func TestTestPage(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		r.run(r.here)
		page := printouts.TestPage{Title: "Prova di stampa", Office: "Isernia", At: ticket("A1").IssuedAt, URL: "https://sportello.example"}
		var id string
		r.update(r.here, func(tx *store.Tx) error {
			p, err := spool.PrinterByID(r.Context(), tx, "t1")
			if err != nil {
				return err
			}
			id, err = spool.EnqueueTest(r.Context(), tx, p, page)
			return err
		})
		synctest.Wait()
		r.want(id, row{State: spool.Printed, Attempts: 1, Erased: true})
		page.Printer = "Chiosco"
		want, err := page.ESCPOS(printouts.Profile{Head: printouts.Head80})
		if err != nil {
			r.Fatal(err)
		}
		if got := r.printed(); len(got) != 1 || !bytes.Equal(got[0], want) {
			r.Error("what came out is not the test page with the printer's name")
		}
	})
}

// TestCheckLooksAtIdleThermalPrinters runs the periodic check.
func TestCheckLooksAtIdleThermalPrinters(t *testing.T) {
	onThermal(t, func(r thermalRig) {
		folder := filepath.Join(r.TempDir(), "out")
		r.addPrinter("p1", "file:"+folder)
		spooler := spool.New(r.here, slog.New(slog.DiscardHandler))
		spooler.Hurry()
		check := func(want spool.Condition) {
			r.Helper()
			if err := spooler.Check(r.Context()); err != nil {
				r.Fatal(err)
			}
			r.wantCondition(want)
		}
		check(spool.OK)
		seen := r.condition().SeenAt
		time.Sleep(time.Minute)
		r.be(manners{status: outOfPaper})
		check(spool.OutOfPaper)
		time.Sleep(time.Minute)
		r.be(manners{deaf: true})
		check(spool.Unreachable)
		if p := r.condition(); !p.SeenAt.Equal(seen.Add(time.Minute)) || !p.CheckedAt.Equal(seen.Add(2*time.Minute)) {
			r.Errorf("seen at %v and checked at %v, want a minute and two after %v", p.SeenAt, p.CheckedAt, seen)
		}
		r.be(manners{})
		owed := r.order("A012")
		check(spool.Unreachable) // its job will show
		r.exec(`UPDATE print_jobs SET state = 'printed', settled_at = created_at WHERE id = $1`, owed)
		check(spool.OK)
		if got := r.files(folder); len(got) != 0 {
			r.Errorf("the check of thermal printers left %v", got)
		}
	})
}

// TestCheckNow asks printers one by one, as a person does.
func TestCheckNow(t *testing.T) {
	p := newScript(t)
	folder := t.TempDir()
	file := filepath.Join(folder, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(folder, "link")
	if err := os.Symlink(filepath.Join(folder, "nothing"), dangling); err != nil {
		t.Fatal(err)
	}
	thermal := "escpos://" + p.address
	for _, test := range []struct {
		name, uri string
		manners   manners
		want      spool.Condition
		wantError string
	}{
		{"thermal", thermal, manners{}, spool.OK, ""},
		{"thermal near the end", thermal, manners{status: nearEnd}, spool.NearEnd, ""},
		{"thermal out of paper", thermal, manners{status: outOfPaper}, spool.OutOfPaper, "out of paper"},
		{"thermal open", thermal, manners{status: coverOpen}, spool.Refusing, "cover open"},
		{"thermal in fault", thermal, manners{status: inFault}, spool.Refusing, "fault"},
		{"thermal offline", thermal, manners{status: offline}, spool.Refusing, "offline"},
		{"thermal deaf", thermal, manners{deaf: true}, spool.Unreachable, "timeout"},
		{"nobody there", "escpos://127.0.0.1:1", manners{}, spool.Unreachable, "refused"},
		{"folder", "file:" + folder, manners{}, spool.OK, ""},
		{"folder to be made", "file:" + filepath.Join(folder, "new", "one"), manners{}, spool.OK, ""},
		{"folder in a file", "file:" + filepath.Join(file, "new"), manners{}, spool.Refusing, "not a directory"},
		{"link that leads nowhere", "file:" + dangling, manners{}, spool.Refusing, "no such file"},
		{"no folder", "file:" + file, manners{}, spool.Refusing, "not a directory"},
		{"unknown address", "ipp://printer", manners{}, spool.Refusing, "cannot print to ipp://printer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p.be(test.manners)
			got, err := spool.Check(t.Context(), spool.Printer{URI: test.uri})
			if got != test.want || (err == nil) != got.Prints() || err != nil && !strings.Contains(err.Error(), test.wantError) {
				t.Errorf("got %s, %v, want %s and an error with %q", got, err, test.want, test.wantError)
			}
		})
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 { // the file and the link
		t.Errorf("the check of a folder left %v, %v", left, err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if got, err := spool.Check(ended, spool.Printer{URI: thermal}); got != spool.Unreachable || err == nil {
		t.Errorf("after its context: got %s, %v", got, err)
	}
	if got := p.brought(); got != 0 {
		t.Errorf("%d jobs were written by checks", got)
	}
}
