package message_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/textproto"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// trusted and unknown are what servers show; the system's roots hold the first alone.
var trusted, unknown tls.Certificate

// TestMain makes the certificates: the roots are read once, from the file that this names.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		panic(err)
	}
	trusted, unknown = certificate(), certificate()
	roots := filepath.Join(dir, "roots.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: trusted.Certificate[0]})
	if err := os.WriteFile(roots, text, 0o600); err != nil {
		panic(err)
	}
	os.Setenv("SSL_CERT_FILE", roots)
	os.Setenv("SSL_CERT_DIR", dir)
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "prova"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4zero, net.IPv4(127, 0, 0, 1)},
		IsCA:        true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// What a server does instead of answering.
const (
	hang = "hang"
	drop = "drop"
)

// script is how a mail server behaves.
type script struct {
	answers  map[string]string // by verb; "GREETING" and "CONTENT" for what has none
	times    int               // how often the answers hold; 0: always
	extras   []string          // what EHLO offers
	starttls *tls.Certificate
	secure   *tls.Certificate // TLS from the first byte
}

// server is a mail server of the test's own.
type server struct {
	script

	listener net.Listener
	done     chan struct{}
	hangs    chan struct{} // closed when a client waits in vain
	serving  sync.WaitGroup

	mu    sync.Mutex
	lines []string // commands, "TLS " before those that came encrypted
	mails []string // as they were taken
	uses  int
}

// serve starts a server on host, 127.0.0.1 or, where a client should not take it for its own machine's,
// 0.0.0.0.
func serve(t *testing.T, host string, how script) *server {
	t.Helper()
	listener, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	if how.secure != nil {
		listener = tls.NewListener(listener, &tls.Config{Certificates: []tls.Certificate{*how.secure}})
	}
	s := &server{script: how, listener: listener, done: make(chan struct{}), hangs: make(chan struct{})}
	s.serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.serving.Go(func() { s.talk(conn) })
		}
	})
	t.Cleanup(s.stop)
	return s
}

func (s *server) stop() {
	select {
	case <-s.done:
		return
	default:
	}
	close(s.done)
	s.listener.Close()
	s.serving.Wait()
}

// port is where it listens.
func (s *server) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

// answer is what the script has for a verb, or else.
func (s *server) answer(verb, otherwise string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text, known := s.answers[verb]
	if !known || s.times > 0 && s.uses >= s.times {
		return otherwise
	}
	s.uses++
	return text
}

func (s *server) talk(conn net.Conn) {
	defer conn.Close()
	go func(conn net.Conn) { // nobody waits for a server that hangs
		<-s.done
		conn.Close()
	}(conn)
	in, encrypted := bufio.NewReader(conn), s.secure != nil
	say := func(text string) bool {
		switch text {
		case hang:
			close(s.hangs)
			<-s.done
			return false
		case drop:
			return false
		}
		_, err := io.WriteString(conn, text+"\r\n")
		return err == nil
	}
	if !say(s.answer("GREETING", "220 prova")) {
		return
	}
	for {
		command, err := in.ReadString('\n')
		if err != nil {
			return
		}
		verb := s.note(command, encrypted)
		switch verb {
		case "EHLO":
			offers := s.extras
			if s.starttls != nil && !encrypted {
				offers = append([]string{"STARTTLS"}, offers...)
			}
			text := "250-prova\r\n"
			for _, offer := range offers {
				text += "250-" + offer + "\r\n"
			}
			if !say(s.answer(verb, text+"250 8BITMIME")) {
				return
			}
		case "STARTTLS":
			if !say(s.answer(verb, "220 go on")) {
				return
			}
			secured := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*s.starttls}})
			conn, in, encrypted = secured, bufio.NewReader(secured), true
		case "AUTH":
			if !say(s.answer(verb, "235 known")) {
				return
			}
		case "DATA":
			text := s.answer(verb, "354 go on")
			if !say(text) {
				return
			}
			if !strings.HasPrefix(text, "354") {
				continue
			}
			mail, err := io.ReadAll(textproto.NewReader(in).DotReader())
			if err != nil {
				return
			}
			text = s.answer("CONTENT", "250 taken")
			if strings.HasPrefix(text, "250") {
				s.mu.Lock()
				s.mails = append(s.mails, string(mail))
				s.mu.Unlock()
			}
			if !say(text) {
				return
			}
		case "QUIT":
			say("221 bye")
			return
		default:
			if !say(s.answer(verb, "250 good")) {
				return
			}
		}
	}
}

func (s *server) note(command string, encrypted bool) (verb string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	command = strings.TrimSpace(command)
	if encrypted {
		s.lines = append(s.lines, "TLS "+command)
	} else {
		s.lines = append(s.lines, command)
	}
	verb, _, _ = strings.Cut(command, " ")
	return strings.ToUpper(verb)
}

// taken are the mails that the server has, and heard the commands it was given.
func (s *server) taken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string{}, s.mails...)
}

func (s *server) heard() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// address is the server's as it is configured.
func (s *server) address(scheme, userAt string) string {
	host, _, _ := net.SplitHostPort(s.listener.Addr().String())
	if host == "::" {
		host = "0.0.0.0"
	}
	return fmt.Sprintf("%s://%s%s:%d", scheme, userAt, host, s.port())
}
