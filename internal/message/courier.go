package message

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"sportello/internal/store"
)

// Gateway is the program that takes our hooks, and the secret by which it knows them for ours.
type Gateway struct {
	address *url.URL
	secret  []byte
}

// shortestSecret is how many characters the secret has at least: those of 128 bits in hexadecimal.
const shortestSecret = 32

// NewGateway reads the address of a gateway, https://HOST/PATH. Only on this machine (127.0.0.1, ::1,
// localhost) http:// will do. The address is the administrator's own word and never a citizen's or a
// manager's, so it may well lie in a private network. Errors do not name it: there may be a token in it.
func NewGateway(address, secret string) (Gateway, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Fragment != "" || (u.Scheme != "https" && u.Scheme != "http") {
		return Gateway{}, errors.New("the webhook's address cannot be read")
	}
	if u.User != nil {
		return Gateway{}, errors.New("the webhook's address must not have a user or password in it")
	}
	if u.Scheme == "http" && !onThisMachine(u.Hostname()) {
		return Gateway{}, errors.New("the webhook's address on another machine must begin with https://")
	}
	if len(secret) < shortestSecret {
		return Gateway{}, fmt.Errorf("the webhook's secret must have %d characters at least", shortestSecret)
	}
	return Gateway{address: u, secret: []byte(secret)}, nil
}

// sign is the signature of a call: of version 1, the HMAC-SHA-256 (RFC 2104), in hexadecimal, of id,
// timestamp and body, joined by full stops.
func (g Gateway) sign(id, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, g.secret)
	_, _ = io.WriteString(mac, id+"."+timestamp+".") // never fails (package hash)
	_, _ = mac.Write(body)
	return "v1=" + hex.EncodeToString(mac.Sum(nil))
}

// Courier sends the hooks that are queued. Run it as a job with a lease.
type Courier struct {
	outbox
	gateway Gateway
	client  *http.Client
}

const (
	callWithin = 10 * time.Second // how long a gateway may take for one call
	answerRead = 4 << 10          // how many bytes of an answer are read, to use the connection again
)

// NewCourier returns the courier of a gateway. A proxy that the environment names (HTTPS_PROXY) is used;
// redirects are not followed: they could lead out of the office.
func NewCourier(db *store.DB, log *slog.Logger, gateway Gateway) *Courier {
	return &Courier{
		outbox:  outbox{db, log, ByHook},
		gateway: gateway,
		client: &http.Client{
			Timeout:       callWithin,
			Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, IdleConnTimeout: time.Minute},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

// Deliver calls the gateway with what is due. Its error is a gateway that does not answer; what the
// gateway refuses is noted, logged by its id and tried again or given up.
func (c *Courier) Deliver(ctx context.Context) error {
	some, err := c.due(ctx)
	if err != nil || !some {
		return err
	}
	return c.carry(ctx, c.call)
}

// call makes one attempt. Every answer but success (2xx) may be a fault that will be mended, except 410:
// the gateway will never want this hook.
func (c *Courier) call(ctx context.Context, l letter) (State, string, error) {
	request, err := c.request(ctx, l)
	if err != nil {
		return Queued, noAnswer, err
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return Queued, noAnswer, fmt.Errorf("webhook at %s: %w", c.gateway.address.Host, explainCall(err))
	}
	defer answer.Body.Close()
	_, _ = io.CopyN(io.Discard, answer.Body, answerRead) // what it says does not matter
	code := "http_" + strconv.Itoa(answer.StatusCode)
	switch {
	case answer.StatusCode/100 == 2:
		return Sent, "", nil
	case answer.StatusCode == http.StatusGone:
		return Failed, code, nil
	}
	return Queued, code, nil
}

func (c *Courier) request(ctx context.Context, l letter) (*http.Request, error) {
	body, timestamp := []byte(l.text), strconv.FormatInt(c.db.Now().Unix(), 10)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.gateway.address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Sportello")
	request.Header.Set("Sportello-Id", l.id)
	request.Header.Set("Sportello-Timestamp", timestamp)
	request.Header.Set("Sportello-Signature", c.gateway.sign(l.id, timestamp, body))
	return request, nil
}

// explainCall says why a gateway cannot be called, without the address and without what it answered.
func explainCall(err error) error {
	unknown, line := new(tls.CertificateVerificationError), new(net.OpError)
	var slow net.Error
	switch {
	case errors.As(err, &unknown):
		return unknown
	case errors.As(err, &slow) && slow.Timeout():
		return errors.New("timeout")
	case errors.As(err, &line):
		return line
	}
	return errors.New(noAnswer)
}
