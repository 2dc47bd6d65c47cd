package calendar

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The codes of attempts that did not go well.
const (
	Sealed      Code = "sealed"       // the address cannot be read: the installation's key is another one
	OwnerGone   Code = "owner_gone"   // the officer, room or office is not there any more
	Forbidden   Code = "forbidden"    // the address is not on the public internet
	NoName      Code = "no_name"      // nobody knows the server's name
	NoTLS       Code = "no_tls"       // the server does not prove who it is
	Unreachable Code = "unreachable"  // nobody answers
	TooSlow     Code = "too_slow"     // the answer takes too long
	TooLarge    Code = "too_large"    // the answer has more than MaxBytes
	Redirected  Code = "redirected"   // sent on too often, or to where TLS is missing
	Denied      Code = "denied"       // 401 or 403
	Missing     Code = "missing"      // 404 or 410
	Answered    Code = "answered"     // with another status than what was asked for
	CutOff      Code = "cut_off"      // the answer ends before its end
	NotCalendar Code = "not_calendar" // a web page, a broken file
	TooMuch     Code = "too_much"     // more busy time than any calendar has
)

// Problem is why a source could not be read.
type Problem struct {
	Code  Code
	After time.Duration // how long the server wants to be left alone; 0: it did not say
	cause error
}

// Error is for the log: it never names the address.
func (p *Problem) Error() string {
	if p.cause == nil {
		return string(p.Code)
	}
	return fmt.Sprintf("%s: %v", p.Code, p.cause)
}

func (p *Problem) Unwrap() error { return p.cause }

// MaxBytes is how much is read of an answer, after decompression.
const MaxBytes = 10 << 20

// patience bounds how long an answer may take.
type patience struct {
	all  time.Duration // for everything
	some time.Duration // for each part of leastPart bytes, or the end
}

var usual = patience{all: 30 * time.Second, some: 10 * time.Second}

const leastPart = 4 << 10

// answer is what a server said.
type answer struct {
	body               []byte // nil: nothing new
	etag, lastModified string
}

// get fetches a file. With an etag or a time, nothing new is an answer too. Every error is a Problem, or
// that of ctx.
func (g *Guard) get(ctx context.Context, a Access, etag, lastModified string, p patience) (answer, error) {
	fetching, stop := context.WithTimeout(ctx, p.all)
	defer stop()
	r, err := http.NewRequestWithContext(fetching, http.MethodGet, a.Address, nil)
	if err != nil {
		return answer{}, &Problem{Code: Unreachable, cause: errors.New("no address")}
	}
	r.Header = http.Header{"User-Agent": {"Sportello"}, "Accept": {"text/calendar, */*;q=0.1"}, "Accept-Encoding": {"gzip"}}
	if a.User != "" {
		r.SetBasicAuth(a.User, a.Secret)
	}
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	if lastModified != "" {
		r.Header.Set("If-Modified-Since", lastModified)
	}
	response, err := g.Client().Do(r)
	if err != nil {
		return answer{}, explain(ctx, err)
	}
	defer response.Body.Close()
	if err := judge(response, etag != "" || lastModified != ""); err != nil {
		return answer{}, err
	}
	found := answer{etag: response.Header.Get("ETag"), lastModified: response.Header.Get("Last-Modified")}
	if response.StatusCode == http.StatusNotModified {
		found.etag, found.lastModified = etag, lastModified // 304 need not repeat them
		return found, nil
	}
	hurry := time.AfterFunc(p.some, stop)
	defer hurry.Stop()
	found.body, err = readAll(response, &steady{from: response.Body, each: func() { hurry.Reset(p.some) }})
	if err != nil {
		return answer{}, explain(ctx, err)
	}
	return found, nil
}

// judge refuses what is no file, and 304 when nothing was kept that could be the same.
func judge(response *http.Response, kept bool) error {
	status := response.StatusCode
	p := &Problem{Code: Answered, After: retryAfter(response.Header), cause: fmt.Errorf("status %d", status)}
	switch {
	case status == http.StatusOK, status == http.StatusNotModified && kept:
		return nil
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		p.Code = Denied
	case status == http.StatusNotFound || status == http.StatusGone:
		p.Code = Missing
	}
	return p
}

// retryAfter is how long a server wants to be left alone (RFC 9110, section 10.2.3); a time is taken by
// the server's own clock.
func retryAfter(h http.Header) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), int(mostAfter/time.Second))) * time.Second
	}
	until, err := http.ParseTime(text)
	now, unclear := http.ParseTime(h.Get("Date"))
	if err != nil || unclear != nil {
		return 0
	}
	return max(until.Sub(now), 0)
}

// steady tells each time that so much was read that the sender is not idling.
type steady struct {
	from io.Reader
	each func()
	n    int
}

// Read reads.
func (s *steady) Read(b []byte) (int, error) {
	n, err := s.from.Read(b)
	if s.n += n; s.n >= leastPart {
		s.n = 0
		s.each()
	}
	return n, err
}

var errLarge = errors.New("more than is read")

// readAll reads a body, of which at most MaxBytes are kept in memory, packed or not.
func readAll(response *http.Response, body io.Reader) ([]byte, error) {
	if response.ContentLength > MaxBytes {
		return nil, errLarge
	}
	switch strings.ToLower(response.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip", "x-gzip":
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		body = unpacked
	default:
		return nil, &Problem{Code: Answered, cause: errors.New("packed in a way that was not asked for")}
	}
	var all bytes.Buffer
	n, err := all.ReadFrom(io.LimitReader(body, MaxBytes+1))
	if err == nil && n > MaxBytes {
		err = errLarge
	}
	return all.Bytes(), err
}

// explain says which problem an error of a request is. The address is in none of them.
func explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	problem := new(Problem)
	if errors.As(err, &problem) {
		return problem
	}
	return &Problem{Code: codeOf(err), cause: causeOf(err)}
}

func codeOf(err error) Code {
	var name *net.DNSError
	var proof *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var slow net.Error
	switch {
	case errors.Is(err, errForbidden):
		return Forbidden
	case errors.Is(err, errRedirect):
		return Redirected
	case errors.Is(err, errLarge):
		return TooLarge
	case errors.As(err, &proof), errors.As(err, &record), errors.As(err, &alert), errors.Is(err, http.ErrSchemeMismatch):
		return NoTLS
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return TooSlow
	case errors.As(err, &name):
		return NoName
	case errors.As(err, &slow) && slow.Timeout():
		return TooSlow
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, gzip.ErrChecksum), errors.Is(err, gzip.ErrHeader), errors.Is(err, io.EOF):
		return CutOff
	}
	return Unreachable
}

// causeOf is the innermost cause that says no more than what happened on the line: what is around it has
// the address in it.
func causeOf(err error) error {
	var line *net.OpError
	if errors.As(err, &line) {
		return line.Err
	}
	return nil
}
