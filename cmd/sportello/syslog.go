package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"time"
)

// syslog is where a system's log is written to. The standard library's log/syslog knows no deadlines:
// a log server that does not answer would hold up the end of the program.
type syslog struct{ network, address string }

// syslogPorts are the registered ports.
var syslogPorts = map[string]string{"udp": "514", "tcp": "601"}

// parseSyslog reads local, which is /dev/log, udp://HOST:PORT, tcp://HOST:PORT or unix:///SOCKET.
func parseSyslog(where string) (syslog, error) {
	if where == "local" {
		where = "unix:///dev/log"
	}
	u, err := url.Parse(where)
	switch {
	case err != nil:
	case u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return syslog{"unixgram", u.Path}, nil
	case syslogPorts[u.Scheme] != "" && u.Hostname() != "" && u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == "":
		port := u.Port()
		if port == "" {
			port = syslogPorts[u.Scheme]
		}
		return syslog{u.Scheme, net.JoinHostPort(u.Hostname(), port)}, nil
	}
	return syslog{}, hint(fmt.Errorf("--audit-syslog %q is no log", where), "Use local, udp://HOST:514 or tcp://HOST:601.")
}

// syslogWithin is how long all of a message's way may take.
const syslogWithin = 10 * time.Second

// authNotice is the priority of what is written: facility auth, severity notice (RFC 5424 section 6.2.1).
const authNotice = 4*8 + 5

// write sends lines, each as a message of its own.
func (s syslog) write(ctx context.Context, now time.Time, lines []string) error {
	ctx, cancel := context.WithTimeout(ctx, syslogWithin)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, s.network, s.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	host, err := os.Hostname()
	if err != nil {
		host = "-"
	}
	for _, line := range lines {
		if _, err := conn.Write([]byte(s.frame(now, host, line))); err != nil {
			return err
		}
	}
	return conn.Close()
}

// frame is a message as each kind of log takes it: on the machine's own socket as the C library writes
// it, over the network as RFC 5424, over TCP ended by a line feed (RFC 6587 section 3.4.2).
func (s syslog) frame(now time.Time, host, line string) string {
	if s.network == "unixgram" {
		return fmt.Sprintf("<%d>%s sportello[%d]: %s", authNotice, now.Local().Format(time.Stamp), os.Getpid(), line)
	}
	text := fmt.Sprintf("<%d>1 %s %s sportello %d audit-head - %s", authNotice, now.UTC().Format(time.RFC3339), host, os.Getpid(), line)
	if s.network == "tcp" {
		text += "\n"
	}
	return text
}
