package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program finds one that judges our files, or skips the test.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath(filepath.Join("/usr/sbin", name)) // not on everybody's path
	}
	if err != nil {
		t.Skipf("%s is not installed; make test installs it", name)
	}
	return path
}

// example reads an installation file, with some of its words replaced by others that fit a test.
func example(t *testing.T, name string, replaced ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("install", name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(replaced); i += 2 {
		if !strings.Contains(string(text), replaced[i]) {
			t.Fatalf("%s has no %q", name, replaced[i])
		}
	}
	return strings.NewReplacer(replaced...).Replace(string(text))
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// exposure is the most that systemd may find, in tenths: 100 is a service without any protection.
const exposure = "15"

func TestSystemdUnit(t *testing.T) {
	systemd := program(t, "systemd-analyze")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	unit := write(t, filepath.Join(t.TempDir(), "sportello.service"), example(t, "sportello.service", "/usr/local/bin/sportello", exe))
	for _, args := range [][]string{{"verify", unit}, {"security", "--offline=true", "--no-pager", "--threshold=" + exposure, unit}} {
		out, err := exec.CommandContext(t.Context(), systemd, args...).CombinedOutput()
		if err != nil || args[0] == "verify" && len(out) > 0 {
			t.Errorf("%s: %v\n%s", args[0], err, out)
		}
	}
}

// TestNginx has a real nginx with our example stand before a server.
func TestNginx(t *testing.T) {
	nginx := program(t, "nginx")
	dir := t.TempDir()
	cert, key := certificate(t, dir)
	backend, plain, secure := behind(t), freePort(t), freePort(t)
	site := example(t, "nginx.conf",
		"listen 80;", "listen 127.0.0.1:"+plain+";", "listen [::]:80;", "",
		"listen 443 ssl http2;", "listen 127.0.0.1:"+secure+" ssl http2;", "listen [::]:443 ssl http2;", "",
		"/var/log/nginx/sportello.log", filepath.Join(dir, "error.log"),
		"/etc/letsencrypt/live/sportello.example.it/fullchain.pem", cert, "/etc/letsencrypt/live/sportello.example.it/privkey.pem", key,
		"http://127.0.0.1:8080", backend.URL)
	var paths strings.Builder
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&paths, "%s_temp_path %s;\n", kind, filepath.Join(dir, kind))
	}
	config := write(t, filepath.Join(dir, "nginx.conf"), fmt.Sprintf(
		"daemon off;\nmaster_process off;\npid %s;\nerror_log stderr;\nevents {}\nhttp {\n%s\n%s\n}\n", filepath.Join(dir, "pid"), paths.String(), site))
	if out, err := exec.CommandContext(t.Context(), nginx, "-t", "-q", "-c", config, "-p", dir).CombinedOutput(); err != nil {
		t.Fatalf("nginx -t: %v\n%s", err, out)
	}
	said := background(t, exec.Command(nginx, "-c", config, "-p", dir), secure)
	checkProxy(t, plain, secure, "6.6.6.6, 127.0.0.1")
	checkSilence(t, plain, secure, backend, dir, said)
}

// TestCaddy does the same with Caddy, which has a certificate of its own making.
func TestCaddy(t *testing.T) {
	caddy := program(t, "caddy")
	dir := t.TempDir()
	backend, plain, secure := behind(t), freePort(t), freePort(t)
	site := example(t, "Caddyfile", "\tlog default {", fmt.Sprintf(
		"\tadmin off\n\tdefault_bind 127.0.0.1\n\thttp_port %s\n\thttps_port %s\n\tskip_install_trust\n\tstorage file_system %s\n\tlog default {", plain, secure, dir),
		"sportello.example.it {", "sportello.example.it {\n\ttls internal", "127.0.0.1:8080", strings.TrimPrefix(backend.URL, "http://"))
	config := write(t, filepath.Join(dir, "Caddyfile"), site)
	run := func(args ...string) *exec.Cmd {
		cmd := exec.Command(caddy, append(args, "--config", config, "--adapter", "caddyfile")...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
		return cmd
	}
	if out, err := run("validate").CombinedOutput(); err != nil {
		t.Fatalf("caddy validate: %v\n%s", err, out)
	}
	said := background(t, run("run"), secure)
	checkProxy(t, plain, secure, "127.0.0.1")
	checkSilence(t, plain, secure, backend, dir, said)
}

// behind is a server behind a proxy: it tells who it thinks asks, and streams. What only operators
// may see it would show to everybody.
func behind(t *testing.T) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			return
		}
		fmt.Fprintf(w, "%s|%s|%s", r.Host, r.Header.Get("X-Forwarded-For"), r.Header.Get("X-Forwarded-Proto"))
	})
	mux.HandleFunc("/t/x/events", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		fmt.Fprint(w, "data: now\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	mux.HandleFunc("/t/"+secret+"/broken", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		fmt.Fprint(w, "not all")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// transcript is what a program writes while it runs.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *transcript) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(text)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// background runs a proxy until the test ends, and waits until it listens. It returns what the proxy
// says.
func background(t *testing.T, cmd *exec.Cmd, port string) *transcript {
	t.Helper()
	said := new(transcript)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(said.String())
		}
	})
	for until := time.Now().Add(readyWithin); time.Now().Before(until); {
		conn, err := tls.Dial("tcp", "127.0.0.1:"+port, &tls.Config{ServerName: "sportello.example.it", InsecureSkipVerify: true}) // a certificate of the test's own
		if err == nil {
			conn.Close()
			return said
		}
		time.Sleep(20 * time.Millisecond) // another program's start cannot be waited for otherwise
	}
	t.Fatal("the proxy does not listen")
	return nil
}

// secret is in the address of a ticket.
const secret = "5ecre7"

// checkSilence asks a proxy for a ticket while the server behind it breaks off and when it is down, and
// looks for the address in what the proxy said and wrote into its folder.
func checkSilence(t *testing.T, plain, secure string, behind *httptest.Server, dir string, said *transcript) {
	t.Helper()
	client := throughProxy(t, plain, secure)
	ask := func(address string) int {
		t.Helper()
		answer, err := client.Get(address)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		_, _ = io.Copy(io.Discard, answer.Body) // some break off
		return answer.StatusCode
	}
	const ticket = "sportello.example.it/t/" + secret
	ask("https://" + ticket + "/broken")
	ask("http://" + ticket)
	behind.CloseClientConnections()
	behind.Close()
	for _, address := range []string{"https://" + ticket, "https://" + ticket + "/events"} {
		if got := ask(address); got != http.StatusBadGateway {
			t.Errorf("%s when the server is down: got status %d, want %d", address, got, http.StatusBadGateway)
		}
	}
	if strings.Contains(said.String(), secret) {
		t.Error("the proxy says the address of a ticket")
	}
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		if bytes.Contains(text, []byte(secret)) {
			t.Errorf("%s has the address of a ticket: %s", path, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// throughProxy is a browser that finds the site at a proxy's two ports.
func throughProxy(t *testing.T, plain, secure string) *http.Client {
	client := &http.Client{
		Timeout: readyWithin,
		Transport: &http.Transport{
			ForceAttemptHTTP2: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, // a certificate of the test's own
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				_, port, _ := net.SplitHostPort(address)
				return new(net.Dialer).DialContext(ctx, network, "127.0.0.1:"+map[string]string{"80": plain, "443": secure}[port])
			},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// checkProxy asks a proxy on two ports for what it must let through, and what it must not.
func checkProxy(t *testing.T, plain, secure, forwarded string) {
	t.Helper()
	client := throughProxy(t, plain, secure)
	ask := func(method, address string, body io.Reader) *http.Response {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), readyWithin)
		t.Cleanup(cancel)
		r, err := http.NewRequestWithContext(ctx, method, address, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Forwarded-For", "6.6.6.6")
		answer, err := client.Do(r)
		if err != nil {
			t.Fatalf("%s %s: %v", method, address, err)
		}
		t.Cleanup(func() { answer.Body.Close() })
		return answer
	}
	const site = "https://sportello.example.it"
	answer := ask("GET", site+"/", nil)
	text, _ := io.ReadAll(answer.Body)
	if want := "sportello.example.it|" + forwarded + "|https"; string(text) != want || answer.ProtoMajor != 2 {
		t.Errorf("behind the proxy: got %s over %s, want %s over HTTP/2", text, answer.Proto, want)
	}
	line, err := bufio.NewReader(ask("GET", site+"/t/x/events", nil).Body).ReadString('\n')
	if err != nil || line != "data: now\n" {
		t.Errorf("a stream that goes on: got %q, %v", line, err)
	}
	for path, want := range map[string]int{"/metrics": 404, "/readyz": 404, "/readyz?x": 404, "/%6detrics": 404, "/healthz": 200} {
		if got := ask("GET", site+path, nil).StatusCode; got != want {
			t.Errorf("%s: got status %d, want %d", path, got, want)
		}
	}
	if got := ask("POST", site+"/", bytes.NewReader(make([]byte, 3<<20))).StatusCode; got != http.StatusRequestEntityTooLarge && got != http.StatusBadGateway {
		t.Errorf("3 MB: got status %d, want them refused", got)
	}
	answer = ask("GET", "http://sportello.example.it/t/x?y=z", nil)
	if answer.StatusCode != http.StatusPermanentRedirect || answer.Header.Get("Location") != site+"/t/x?y=z" {
		t.Errorf("plain HTTP: got %s to %s", answer.Status, answer.Header.Get("Location"))
	}
}

// certificate makes one of the test's own.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"sportello.example.it"}, NotAfter: time.Now().Add(time.Hour),
	}
	public, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	inPEM := func(name, kind string, bytes []byte) string {
		return write(t, filepath.Join(dir, name), string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes})))
	}
	return inPEM("cert.pem", "CERTIFICATE", public), inPEM("key.pem", "PRIVATE KEY", secret)
}
