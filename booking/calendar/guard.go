package calendar

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"
)

// errForbidden means that an address lies where we do not go.
var errForbidden = errors.New("an address that is not on the public internet")

// Guard keeps what managers type from leading into the office's own networks. It judges the address that
// is dialled, whatever name led there.
type Guard struct {
	allowed []netip.Prefix
	roots   *x509.CertPool // nil: the system's
}

// NewGuard returns a guard that lets through, besides the public internet, the networks that an
// administrator names.
func NewGuard(allowed ...netip.Prefix) *Guard {
	g := &Guard{}
	for _, network := range allowed {
		g.allowed = append(g.allowed, network.Masked())
	}
	return g
}

// closed are the networks that are not public, besides those that netip knows (IANA special-purpose
// registries of RFC 6890, as of 2025), and those that carry an address of version 4 within one of
// version 6.
var closed = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("100.64.0.0/10"),   // shared by providers (RFC 6598)
	netip.MustParsePrefix("192.0.0.0/24"),    // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),    // documentation
	netip.MustParsePrefix("192.88.99.0/24"),  // 6to4 relays
	netip.MustParsePrefix("198.18.0.0/15"),   // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"), // documentation
	netip.MustParsePrefix("203.0.113.0/24"),  // documentation
	netip.MustParsePrefix("240.0.0.0/4"),     // reserved, and broadcast
	netip.MustParsePrefix("::/96"),           // IPv4-compatible
	netip.MustParsePrefix("::ffff:0:0:0/96"), // IPv4-translated (RFC 2765)
	netip.MustParsePrefix("64:ff9b::/96"),    // NAT64 (RFC 6052)
	netip.MustParsePrefix("64:ff9b:1::/48"),  // NAT64 of one's own (RFC 8215)
	netip.MustParsePrefix("100::/64"),        // discard
	netip.MustParsePrefix("2001::/23"),       // protocol assignments, Teredo among them
	netip.MustParsePrefix("2001:db8::/32"),   // documentation
	netip.MustParsePrefix("2002::/16"),       // 6to4
	netip.MustParsePrefix("3fff::/20"),       // documentation
	netip.MustParsePrefix("5f00::/16"),       // segment routing
	netip.MustParsePrefix("fec0::/10"),       // site-local
}

// Allows reports whether an address may be dialled. Version 4 addresses written as version 6 count as
// what they are; an address with a zone is never allowed: it is meant for a link.
func (g *Guard) Allows(ip netip.Addr) bool { return g.named(ip) || public(ip) }

// named reports whether the administrator named the network of an address.
func (g *Guard) named(ip netip.Addr) bool {
	ip = ip.Unmap()
	return slices.ContainsFunc(g.allowed, func(network netip.Prefix) bool { return network.Contains(ip) })
}

// public reports whether an address is one of the public internet.
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsValid() || ip.Zone() != "" || !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	return !slices.ContainsFunc(closed, func(network netip.Prefix) bool { return network.Contains(ip) })
}

// dialer returns what dials addresses that may be.
func (g *Guard) dialer(may func(netip.Addr) bool) *net.Dialer {
	return &net.Dialer{
		Timeout: dialWithin,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil || !may(to.Addr()) {
				return errForbidden
			}
			return nil
		},
	}
}

const (
	dialWithin   = 10 * time.Second
	headerWithin = 15 * time.Second
	mostHeader   = 64 << 10 // bytes
)

// transport goes by no proxy: it would do the dialling in our place.
func (g *Guard) transport(may func(netip.Addr) bool) *http.Transport {
	return &http.Transport{
		DialContext:            g.dialer(may).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: g.roots},
		TLSHandshakeTimeout:    dialWithin,
		ResponseHeaderTimeout:  headerWithin,
		MaxResponseHeaderBytes: mostHeader,
		DisableKeepAlives:      true,
		DisableCompression:     true, // we ask for it ourselves, and count what comes out
		ForceAttemptHTTP2:      true,
	}
}

// Client returns a client that goes only where the guard lets it, also when it is sent on. What goes
// without TLS goes only to networks that the administrator names.
func (g *Guard) Client() *http.Client {
	return &http.Client{
		Transport:     guarded{plain: g.transport(g.named), secure: g.transport(g.Allows)},
		CheckRedirect: checkRedirect,
	}
}

// guarded chooses how a request goes.
type guarded struct{ plain, secure *http.Transport }

// RoundTrip makes one request.
func (t guarded) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme == "https" {
		return t.secure.RoundTrip(r)
	}
	return t.plain.RoundTrip(r)
}

// mostRedirects is how often a request is sent on.
const mostRedirects = 3

var errRedirect = errors.New("sent on too often, or to where TLS is missing")

func checkRedirect(r *http.Request, via []*http.Request) error {
	from := via[len(via)-1].URL.Scheme
	if len(via) > mostRedirects || from == "https" && r.URL.Scheme != "https" || r.URL.User != nil {
		return errRedirect
	}
	return nil
}
