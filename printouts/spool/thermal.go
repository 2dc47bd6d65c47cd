package spool

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
	"time"

	"sportello/printouts"
)

// thermal is a printer of ESC/POS commands behind a TCP port or a device file. Either says that a
// printer has received something, not that it has printed it: a printer that never reads takes a whole
// ticket in an instant. So it is asked how it is before anything is written, and afterwards for an
// answer that it gives only when it has come to the end of what was written.
type thermal struct {
	address string // host:port, or the path of a device
	device  bool
	profile printouts.Profile
	limits  limits
}

// limits are how long a thermal printer may take.
type limits struct {
	connect time.Duration
	answer  time.Duration // to say how it is
	print   time.Duration // to take a job and confirm it
	queue   time.Duration // the same of a CUPS queue: office printers warm up
}

var usual = limits{connect: 2 * time.Second, answer: 2 * time.Second, print: 8 * time.Second, queue: 45 * time.Second}

// defaultPort is where printers listen for raw data.
const defaultPort = "9100"

// parseThermal reads escpos://HOST[:PORT] and escpos+dev:PATH, with a profile behind either.
func parseThermal(uri string, limits limits) (thermal, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.User != nil || u.Fragment != "" {
		return thermal{}, false
	}
	p := thermal{limits: limits}
	var ok bool
	if p.profile, ok = parseProfile(u.RawQuery); !ok {
		return thermal{}, false
	}
	switch {
	case u.Scheme == "escpos" && u.Hostname() != "" && u.Path == "":
		port := cmp.Or(u.Port(), defaultPort)
		p.address = net.JoinHostPort(u.Hostname(), port)
		return p, isPort(port)
	case u.Scheme == "escpos+dev" && u.Host == "" && path.IsAbs(u.Path):
		p.address, p.device = path.Clean(u.Path), true
		return p, true
	}
	return thermal{}, false
}

func isPort(text string) bool {
	n, err := strconv.ParseUint(text, 10, 16)
	return err == nil && n > 0
}

// parseProfile reads dots=DOTS&qr=native or qr=raster; either may be left out.
func parseProfile(raw string) (printouts.Profile, bool) {
	profile := printouts.Profile{Head: printouts.Head80}
	query, err := url.ParseQuery(raw)
	if err != nil {
		return profile, false
	}
	for name, values := range query {
		value := strings.Join(values, ",")
		switch {
		case name == "dots":
			n, _ := strconv.Atoi(value)
			profile.Head = printouts.Head(n)
		case name == "qr" && (value == "native" || value == "raster"):
			profile.DrawQR = value == "raster"
		default:
			return profile, false
		}
	}
	return profile, profile.Head.Known()
}

// patience is the time all steps take at most, and some more for a busy machine.
func (p thermal) patience() time.Duration {
	return p.limits.connect + 2*p.limits.answer + p.limits.print + 5*time.Second
}

// check asks how the printer is.
func (p thermal) check(ctx context.Context) (Condition, error) {
	line, err := p.dial(ctx)
	if err != nil {
		return Unreachable, err
	}
	defer line.close()
	return line.condition(p.limits.answer)
}

// print prints job, unless its process died: then something may be on paper, and only a person may
// ask for another.
func (p thermal) print(ctx context.Context, job *claimed) outcome {
	if job.orphan {
		return outcome{state: Unconfirmed, detail: Interrupted}
	}
	commands, err := render(job, func(d document) ([]byte, error) { return d.ESCPOS(p.profile) })
	if err != nil {
		return outcome{state: Failed, detail: Unprintable, err: err}
	}
	line, err := p.dial(ctx)
	if ctx.Err() != nil {
		return outcome{state: Queued}
	}
	if err != nil {
		return refused(Unreachable, err)
	}
	defer line.close()
	found, err := line.condition(p.limits.answer)
	if !found.Prints() {
		return refused(found, err)
	}
	return p.write(line, commands, found)
}

// refused is what becomes of a job of which nothing was written.
func refused(found Condition, err error) outcome {
	return outcome{state: Queued, detail: string(found), condition: found, err: err}
}

// write writes commands to a printer that was found to print.
func (p thermal) write(line *line, commands []byte, found Condition) outcome {
	line.within(p.limits.print)
	written, err := line.conn.Write(append(commands, gs, 'r', 1))
	if err != nil && written == 0 {
		return refused(Unreachable, err)
	}
	var paper byte
	if err == nil {
		paper, err = line.answer(0x90, 0x00)
	}
	switch {
	case err != nil:
		return p.doubt(line, err)
	case paper&0x0c != 0:
		return outcome{state: Unconfirmed, detail: string(OutOfPaper), condition: OutOfPaper, err: errors.New("paper ended while printing")}
	case paper&0x03 != 0:
		found = NearEnd
	}
	return outcome{state: Printed, condition: found}
}

// doubt is what becomes of a job that may or may not have come out. The printer may still say why.
// What it has not received yet, it shall not: someone may have the job printed anew.
func (p thermal) doubt(line *line, err error) outcome {
	found, why := line.condition(p.limits.answer)
	line.drop()
	detail := Unanswered
	if !found.Prints() {
		detail = string(found)
	}
	return outcome{state: Unconfirmed, detail: detail, condition: found, err: errors.Join(err, why)}
}

// The bytes that begin commands.
const (
	dle = 0x10
	gs  = 0x1d
)

// A line is a connection to a thermal printer.
type line struct {
	conn    port
	answers *bufio.Reader
}

// A port is a TCP connection or a device that is open.
type port interface {
	io.ReadWriteCloser
	SetDeadline(time.Time) error
}

func (p thermal) dial(ctx context.Context) (*line, error) {
	if p.device {
		return p.openDevice()
	}
	dialer := net.Dialer{Timeout: p.limits.connect}
	conn, err := dialer.DialContext(ctx, "tcp", p.address)
	if err != nil {
		return nil, err
	}
	return &line{conn: conn, answers: bufio.NewReader(conn)}, nil
}

// A device is a printer on a cable.
type device struct {
	*os.File
	deadline time.Time
}

// openDevice opens the device of a printer that is connected by a cable. What cannot be waited for with
// a deadline, such as a file, is none.
func (p thermal) openDevice() (*line, error) {
	file, err := os.OpenFile(p.address, os.O_RDWR|syscall.O_NONBLOCK|syscall.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	if err := file.SetDeadline(time.Time{}); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is no printer: %w", p.address, err), file.Close())
	}
	if err := drain(file); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	d := &device{File: file}
	return &line{conn: d, answers: bufio.NewReader(d)}, nil
}

// SetDeadline sets the time after which reads and writes fail.
func (d *device) SetDeadline(at time.Time) error {
	d.deadline = at
	return d.File.SetDeadline(at)
}

// Read waits for what the printer says; the driver calls silence an end.
func (d *device) Read(b []byte) (int, error) {
	const pause = 20 * time.Millisecond
	for {
		n, err := d.File.Read(b)
		if n > 0 || !errors.Is(err, io.EOF) {
			return n, err
		}
		if !time.Now().Before(d.deadline) {
			return 0, os.ErrDeadlineExceeded
		}
		time.Sleep(pause)
	}
}

// drain throws away the answers that came too late for whoever asked before.
func drain(device *os.File) error {
	raw, err := device.SyscallConn()
	if err != nil {
		return err
	}
	return raw.Read(func(fd uintptr) bool {
		for late := make([]byte, 64); ; {
			if n, err := syscall.Read(int(fd), late); n <= 0 || err != nil {
				return true
			}
		}
	})
}

// within sets the time until which what follows must be done.
func (l *line) within(limit time.Duration) {
	// A connection that takes no deadline is closed, and says so at its next use.
	_ = l.conn.SetDeadline(time.Now().Add(limit))
}

func (l *line) close() { _ = l.conn.Close() }

// drop has closing the connection throw away what was not sent yet.
func (l *line) drop() {
	if tcp, ok := l.conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
}

// The answers to DLE EOT n, as far as they matter.
const (
	offline    = 0x08 // n = 1
	coverOpen  = 0x04 // n = 2
	paperStop  = 0x20
	faulty     = 0x40
	nearEnd    = 0x0c // n = 4
	paperEnded = 0x60
)

// condition asks how the printer is, which it answers at once, whatever it does. The error says why
// it does not print.
func (l *line) condition(limit time.Duration) (Condition, error) {
	l.within(limit)
	var status [5]byte
	for _, n := range []byte{1, 2, 4} {
		if _, err := l.conn.Write([]byte{dle, 0x04, n}); err != nil {
			return Unreachable, err
		}
		var err error
		if status[n], err = l.answer(0x93, 0x12); err != nil {
			return Unreachable, fmt.Errorf("status %d: %w", n, err)
		}
	}
	switch {
	case status[2]&coverOpen != 0:
		return Refusing, errors.New("cover open")
	case status[4]&paperEnded != 0 || status[2]&paperStop != 0:
		return OutOfPaper, errors.New("out of paper")
	case status[2]&faulty != 0:
		return Refusing, errors.New("printer reports a fault")
	case status[1]&offline != 0:
		return Refusing, errors.New("printer is offline")
	case status[4]&nearEnd != 0:
		return NearEnd, nil
	}
	return OK, nil
}

// answer reads on to a byte that under mask is want: each sort of answer has bits of its own. What a
// printer says unasked, flow control and the four bytes of an automatic status, is passed over.
func (l *line) answer(mask, want byte) (byte, error) {
	for {
		b, err := l.answers.ReadByte()
		if err != nil {
			return 0, err
		}
		if b&0x93 == 0x10 {
			if _, err := l.answers.Discard(3); err != nil {
				return 0, err
			}
			continue
		}
		if b&mask == want {
			return b, nil
		}
	}
}
