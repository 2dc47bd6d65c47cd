package main

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/printouts/spool"
)

// planted are words that stand nowhere else: what a citizen says at the kiosk, and what is said at a
// desk.
var planted = map[string][]string{
	"kiosk": {"Zwxquartzkiosk", "Vjpqxnome", "viaplantedkiosk", "XQZWJY80A41E335A", "plantedkiosk@prova.example"},
	"desk":  {"Zwxquartzdesk", "Vjpqxaltro", "viaplanteddesk", "XQZWJY80A01F205S", "planteddesk@prova.example"},
}

// said are the planted words of a place as the fields of a form.
func said(place, key string) url.Values {
	p := planted[place]
	return url.Values{
		"key": {key}, "field-cognome": {p[0]}, "field-nome": {p[1]}, "field-residenza_indirizzo": {p[2]}, "fiscal_code": {p[3]},
		"scanned_code": {p[3]}, "field-email": {p[4]}, "born": {"1980-01-01"},
	}
}

// A recorder keeps what a process logs.
type recorder struct {
	testing.TB
	mu  sync.Mutex
	log bytes.Buffer
}

func (r *recorder) Log(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintln(&r.log, args...)
}

// TestFormsAreForgotten plants words in forms at the kiosk and at a desk, where they are printed, and where
// the printer is dead and the process too. Afterwards no file of the data folder holds one of them, nor
// does the log.
func TestFormsAreForgotten(t *testing.T) {
	data, paper := t.TempDir(), t.TempDir()
	token := furnish(t, data, access.Kiosk)
	dead := "cups://127.0.0.1:" + freePort(t) + "/ufficio"
	addSheets(t, data, "dead", dead)
	addOfficer(t, data)
	log := &recorder{TB: t}

	server := start(log, "--data", data, "--clock", opening, "--log", "debug", "serve", "--addr", "127.0.0.1:0")
	kiosk, desk := kioskClient(token), deskClient(t, server.base)
	fillIn(t, server.base, kiosk, desk, "dead", "1")
	if left := traces(t, data); len(left) == 0 {
		t.Fatal("what waits for a printer is in no file: the search finds nothing")
	}
	server.kill()

	server = start(log, "--data", data, "--clock", "2026-12-03T10:16:00+01:00", "--log", "debug", "serve", "--addr", "127.0.0.1:0")
	vanish(t, data, "the printer was dead")
	// One may have been on its way to the printer when the process died, and is in doubt.
	if states := formStates(t, data); states[spool.Expired] == 0 || states[spool.Expired]+states[spool.Sent] != 2 {
		t.Errorf("got %v, want the forms expired", states)
	}

	addSheets(t, data, "alive", "file:"+paper)
	fillIn(t, server.base, kiosk, deskClient(t, server.base), "alive", "2")
	printed := papersIn(t, paper, 2)
	for place, words := range planted {
		for _, word := range words {
			if !strings.Contains(printed, word) {
				t.Errorf("%s: %s is not on paper", place, word)
			}
		}
	}
	vanish(t, data, "it was printed")
	server.kill()
	if left := traces(t, data); len(left) > 0 {
		t.Errorf("after the end there are still %v", left)
	}
	for word := range wordsIn(log.log.Bytes()) {
		t.Errorf("the log holds %s", word)
	}
}

// fillIn says the planted words page by page at the kiosk, and at a desk, and has both printed.
func fillIn(t *testing.T, base string, kiosk, desk func(*http.Request) (*http.Response, error), printer, key string) {
	t.Helper()
	for _, step := range []string{"1", "2", "5", "review", "print"} {
		post(t, kiosk, base+"/kiosk/forms/scheda/"+step+"?lang=it", said("kiosk", "kiosk-"+key))
	}
	form := said("desk", "desk-"+key)
	form.Set("printer", printer)
	for _, do := range []string{"read", "open", "print"} {
		form.Set("do", do)
		post(t, desk, base+"/desk/forms/scheda?office="+busy[0], form)
	}
}

func post(t *testing.T, send func(*http.Request) (*http.Response, error), address string, form url.Values) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := send(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if body, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %d, %v\n%s", answer.Request.URL, answer.StatusCode, err, body)
	}
}

// kioskClient sends requests of the device of a token.
func kioskClient(token string) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		r.Header.Set("Authorization", "Bearer "+token)
		return http.DefaultClient.Do(r)
	}
}

// deskClient signs in.
func deskClient(t *testing.T, base string) func(*http.Request) (*http.Response, error) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	post(t, client.Do, base+"/sign-in", url.Values{"login": {"prova"}, "password": {demoPassword}})
	return client.Do
}

func addSheets(t *testing.T, data, id, address string) {
	t.Helper()
	db := openData(t, data)
	defer db.Close()
	addPrinter(t, db, id, address)
}

// addOfficer adds an account for an officer of the job centre.
func addOfficer(t *testing.T, data string) {
	t.Helper()
	db := openData(t, data)
	defer db.Close()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		return access.AddUser(t.Context(), tx, access.User{
			ID: "prova", Login: "prova", Name: "Ada Prova", Role: access.Officer, Territory: "isernia", Officer: "cpi-1",
		}, access.HashPassword(demoPassword), "user:test")
	})
	if err != nil {
		t.Fatal(err)
	}
}

// formStates are how many forms are in each state.
func formStates(t *testing.T, data string) map[spool.State]int {
	t.Helper()
	db := openData(t, data)
	defer db.Close()
	states := make(map[spool.State]int)
	err := db.View(t.Context(), func(tx *store.Tx) error {
		all, err := store.Column[spool.State](t.Context(), tx, `SELECT state FROM print_jobs WHERE kind = 'form'`)
		for _, state := range all {
			states[state]++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return states
}

// wordsIn are the planted words in bytes.
func wordsIn(text []byte) map[string]bool {
	found := make(map[string]bool)
	folded := bytes.ToLower(text)
	for _, words := range planted {
		for _, word := range words {
			if bytes.Contains(folded, []byte(strings.ToLower(word))) || bytes.Contains(folded, []byte(strings.ToLower(url.QueryEscape(word)))) {
				found[word] = true
			}
		}
	}
	return found
}

// traces are the files of a folder in which planted words are.
func traces(t *testing.T, folder string) (left []string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil // gone meanwhile
		}
		for word := range wordsIn(text) {
			left = append(left, filepath.Base(path)+": "+word)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return left
}

// vanish waits until no file of a folder holds a planted word.
func vanish(t *testing.T, folder, why string) {
	t.Helper()
	var left []string
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if left = traces(t, folder); len(left) == 0 {
			return
		}
	}
	t.Errorf("%s, and there are still %v", why, left)
}

// papersIn waits for so many documents in a folder and returns what they say, without white space: codes
// have a box for each letter.
func papersIn(t *testing.T, folder string, count int) string {
	t.Helper()
	var papers []string
	for deadline := time.Now().Add(30 * time.Second); len(papers) < count; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d papers came out, want %d", len(papers), count)
		}
		papers, _ = filepath.Glob(filepath.Join(folder, "*.pdf"))
	}
	var all strings.Builder
	for _, path := range papers {
		out, err := exec.CommandContext(t.Context(), "pdftotext", "-raw", path, "-").CombinedOutput()
		if err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		all.Write(out)
	}
	return strings.Join(strings.Fields(all.String()), "")
}
