package kiosk_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/official"
	"sportello/printouts/pdf"
)

// officialFile is an institution's file of some pages; more is of the catalog.
func officialFile(pages int, more string) []byte {
	var out, table bytes.Buffer
	object := func(format string, args ...any) {
		fmt.Fprintf(&table, "%010d 00000 n \n", out.Len())
		fmt.Fprintf(&out, format, args...)
	}
	out.WriteString("%PDF-1.4\n")
	object("1 0 obj<</Pages 2 0 R %s>>endobj\n", more)
	kids := ""
	for n := range pages {
		kids += fmt.Sprintf("%d 0 R ", n+3)
	}
	object("2 0 obj<</Kids[%s]/MediaBox[0 0 595 842]>>endobj\n", kids)
	for n := range pages {
		object("%d 0 obj<</Type/Page>>endobj\n", n+3)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n%strailer<</Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", pages+3, table.String(), start)
	return out.Bytes()
}

// uploadForm sends a form with a file.
func (b *deskBrowser) uploadForm(path string, file []byte, values url.Values) {
	b.h.t.Helper()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	for name := range values {
		if err := w.WriteField(name, values.Get(name)); err != nil {
			b.h.t.Fatal(err)
		}
	}
	part, err := w.CreateFormFile("file", "modulo.pdf")
	if err == nil {
		_, err = part.Write(file)
	}
	if err := errors.Join(err, w.Close()); err != nil {
		b.h.t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(b.h.t.Context(), http.MethodPost, b.h.server.URL+path, &body)
	if err != nil {
		b.h.t.Fatal(err)
	}
	r.Header.Set("Content-Type", w.FormDataContentType())
	b.do(r)
}

// placedValues is what the page of a form sends: the revision, its words and a field.
func placedValues(page string, change ...string) []string {
	values := url.Values{
		"rev": {regexp.MustCompile(`name="rev" value="(\d+)"`).FindStringSubmatch(page)[1]}, "name": {"Modulo di prova"}, "institution": {"CPI"}, "legal": {"nessuna"},
		"field.n": {"1"}, "field.0.key": {"cognome"}, "field.0.kind": {"text"}, "field.0.page": {"1"}, "field.0.x": {"100"}, "field.0.y": {"200,5"},
		"field.0.width": {"150"}, "field.0.height": {"18"}, "field.0.size": {""}, "field.0.cells": {""}, "field.0.part": {""}, "field.0.is": {""}, "do": {"save"},
	}
	for i := 0; i+1 < len(change); i += 2 {
		values.Set(change[i], change[i+1])
	}
	var all []string
	for name := range values {
		all = append(all, name, values.Get(name))
	}
	return all
}

// TestOfficialForm uploads a form, places a field, prints a test and publishes it, without a script.
func TestOfficialForm(t *testing.T) {
	h := newConsoleHouse(t)
	b := h.at("administrator", "")
	b.get("/manage/forms")
	b.want(http.StatusOK)
	words := url.Values{"territory": {"isernia"}, "name": {"Modulo di prova"}, "ours": {"did"}, "institution": {"CPI"}}
	b.uploadForm("/manage/forms/new", officialFile(2, ""), words)
	b.want(http.StatusOK)
	path, _, _ := strings.Cut(b.at, "?")
	b.get(path)
	b.want(http.StatusOK)
	first := b.page

	b.post(path, placedValues(first, "do", "add:field")...)
	b.want(http.StatusOK)
	if !strings.Contains(b.page, `name="field.1.key"`) {
		t.Error("no row is added")
	}
	b.post(path, placedValues(first, "field.0.x", "9000")...)
	b.want(http.StatusUnprocessableEntity)
	if !strings.Contains(b.page, "Il campo 1 esce dalla pagina") || !strings.Contains(b.page, `value="9000"`) {
		t.Error("the refusal does not name the field, or forgot what was typed")
	}
	b.post(path, placedValues(first)...)
	b.want(http.StatusOK)
	b.post(path, placedValues(first, "legal", "altra")...)
	b.want(http.StatusConflict)
	if !strings.Contains(b.page, `value="altra"`) || !strings.Contains(b.page, "nessuna") {
		t.Error("who comes second is not shown both")
	}
	b.post(path+"/test", placedValues(first, "field.0.key", "nome")...)
	b.want(http.StatusOK)
	if !strings.HasPrefix(b.page, "%PDF-") {
		t.Error("the test is no document")
	}
	b.post(path + "/publish")
	b.want(http.StatusOK)
	b.post(path, placedValues(first)...)
	b.want(http.StatusConflict)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		f, err := official.On(ctx, tx, "isernia", printouts.Form{Kind: "did"})
		if err == nil && (f.Official == nil || f.Official.Fields[0].Y != 200.5) {
			t.Errorf("printed is %+v", f.Official)
		}
		return err
	})
	// It is what officers print from then on: the institution's two pages, with what is typed on them.
	desk := h.at("cpi-1", "1", "CPI-DID")
	desk.get("/desk/forms")
	desk.want(http.StatusOK, "Modulo di prova")
	desk.lacks("Promemoria per la DID")
	desk.get("/desk/forms/did?office=" + deskOffice)
	desk.want(http.StatusOK, `name="field-cognome"`)
	desk.lacks(`name="field-nome"`)
	desk.post("/desk/forms/did?office="+deskOffice, "field-cognome", "Xqzw Inventata", "do", "open")
	if got := pdfText(t, desk.raw); !strings.Contains(got, "Xqzw Inventata") || strings.Contains(got, "DID online") {
		t.Errorf("got %d, %s", desk.status, got)
	}
	b.post(path + "/copy")
	b.want(http.StatusOK)
	draft, _, _ := strings.Cut(b.at, "?")
	b.post(path + "/copy")
	b.want(http.StatusConflict)
	b.get(draft)
	rev := url.Values{"rev": {regexp.MustCompile(`name="rev" value="(\d+)"`).FindStringSubmatch(b.page)[1]}}
	b.uploadForm(draft+"/file", officialFile(1, ""), rev)
	b.want(http.StatusOK)
	b.uploadForm(draft+"/file", officialFile(1, ""), rev)
	b.want(http.StatusConflict)
	b.post(draft + "/remove")
	b.want(http.StatusOK)
	b.get(draft)
	b.want(http.StatusNotFound)
	b.post(path + "/withdraw")
	b.want(http.StatusOK)
	b.get("/manage/audit")
	if !strings.Contains(b.page, "ha ritirato un modulo") {
		t.Error("the audit does not say who withdrew it")
	}
}

// TestOfficialFileRefused says why a file is not taken, and keeps what was typed.
func TestOfficialFileRefused(t *testing.T) {
	b := newConsoleHouse(t).at("administrator", "")
	words := url.Values{"territory": {"isernia"}, "name": {"Nome tenuto"}, "key": {"mod-prova"}, "institution": {"CPI"}}
	good := officialFile(1, "")
	for _, test := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "Il file è vuoto"},
		{"no PDF", []byte("x"), "non è un PDF"},
		{"cut off", good[:len(good)/2], "rovinato"},
		{"21 pages", officialFile(21, ""), "troppe pagine"},
		{"a script", officialFile(1, "/OpenAction <</S /JavaScript /JS (1)>>"), "JavaScript"},
		{"too large", append(bytes.Clone(good), make([]byte, pdf.MaxSize)...), "troppo grande"},
	} {
		t.Run(test.name, func(t *testing.T) {
			b.uploadForm("/manage/forms/new", test.file, words)
			b.want(http.StatusUnprocessableEntity)
			if !strings.Contains(b.page, test.want) || !strings.Contains(b.page, "Nome tenuto") {
				t.Errorf("no %q, or the name is gone", test.want)
			}
		})
	}
	b.uploadForm("/manage/forms/new", make([]byte, 8<<20), words)
	b.want(http.StatusRequestEntityTooLarge)
	for _, key := range []string{"did", "", "A B"} {
		b.uploadForm("/manage/forms/new", good, url.Values{"territory": {"isernia"}, "name": {"x"}, "key": {key}, "institution": {"CPI"}})
		b.want(http.StatusUnprocessableEntity)
	}
}

// TestOfficialFormsOfOthers keeps the forms of a territory from who reaches another, or only an office of it.
func TestOfficialFormsOfOthers(t *testing.T) {
	h := newConsoleHouse(t)
	var id string
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		clean, pages, err := pdf.Clean(officialFile(1, ""))
		if err != nil {
			return err
		}
		f := official.Form{Territory: "isernia", Key: "did", Institution: "CPI", Names: map[string]string{"it": "Modulo"}}
		id, err = official.Add(ctx, tx, f, official.File{Clean: clean, Pages: pages, Came: clean})
		return err
	})
	for login, want := range map[string]int{"chief": http.StatusOK, "administrator": http.StatusOK, "far": http.StatusNotFound, "manager": http.StatusForbidden, "cpi-1": http.StatusForbidden} {
		b := h.at(login, "")
		for _, path := range []string{"", "/file", "/publish"} {
			b.get("/manage/forms/" + id + path)
			b.want(want)
		}
	}
}
