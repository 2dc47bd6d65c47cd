package kiosk_test

import (
	"context"
	"errors"
	"flag"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
	"sportello/kiosk"
	"sportello/static"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// raw gets a page as its bytes are.
func raw(t *testing.T, client *http.Client, address string, header ...string) (status int, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	read, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(read)
}

var articleOf = regexp.MustCompile(`(?s)<article class="words" lang="([a-z]+)" dir="(ltr|rtl)">(.*?)</article>`)

// article is the text of a page, and its language.
func article(t *testing.T, page string) (lang, text string) {
	t.Helper()
	found := articleOf.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no text in\n%s", page)
	}
	return found[1], found[3]
}

// demonstrations is a server with every demonstration.
func demonstrations(t *testing.T) (*deskHouse, []*territory.Territory) {
	t.Helper()
	h := newDeskHouse(t)
	var all []*territory.Territory
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		for _, id := range []string{"milano", "bergamo", "livorno"} {
			importDemo(ctx, t, tx, id)
		}
		all, err = territory.List(ctx, tx)
		return err
	})
	return h, all
}

// TestPublicTextsOfDemonstrations reads both texts of every demonstration in both languages: they
// name all that the law wants named, and leave nothing unfilled.
func TestPublicTextsOfDemonstrations(t *testing.T) {
	h, all := demonstrations(t)
	wanted := map[string][]string{
		"privacy.it": {
			"titolare del trattamento", "responsabile della protezione dei dati", "articolo 6, paragrafo 1, lettera e",
			"lettera c", "Per quanto tempo", "Chi li vede", "Unione europea", "articolo 15", "articolo 22", "Garante", "cookie",
		},
		"privacy.en": {
			"data controller", "data protection officer", "article 6(1)(e)", "article 6(1)(c)", "For how long", "Who sees them",
			"European Union", "article 15", "article 22", "Garante", "cookie",
		},
		"accessibility.it": {"Parzialmente conforme", "Legge 9 gennaio 2004, n. 4", "2016/2102", "WCAG 2.1", "30 giorni", "Difensore civico per il digitale"},
		"accessibility.en": {"Partially compliant", "Law no. 4 of 9 January 2004", "2016/2102", "WCAG 2.1", "30 days", "Difensore civico per il digitale"},
	}
	for _, of := range all {
		for _, name := range territory.TextNames() {
			for _, lang := range []string{"it", "en"} {
				t.Run(of.ID+" "+string(name)+" "+lang, func(t *testing.T) {
					status, page := raw(t, http.DefaultClient, h.server.URL+"/"+string(name)+"/"+of.ID+"?lang="+lang)
					if status != http.StatusOK {
						t.Fatalf("got status %d", status)
					}
					got, text := article(t, page)
					if got != lang {
						t.Errorf("the text is in %q", got)
					}
					if strings.Contains(page, "remark") {
						t.Error("the text is said to be in another language")
					}
					want := append([]string{of.Name}, wanted[string(name)+"."+lang]...)
					for _, i := range of.Institutions {
						want = append(want, i.Name, lastWord(i.Contact))
						if name == territory.Privacy {
							want = append(want, i.DPO)
						}
					}
					for _, o := range of.Offices {
						want = append(want, o.Name, o.Address)
					}
					words := html.UnescapeString(text)
					for _, w := range want {
						if !strings.Contains(words, w) {
							t.Errorf("it lacks %q", w)
						}
					}
					for _, left := range []string{"{{", "}}", "**", "](", "<!--"} {
						if strings.Contains(text, left) {
							t.Errorf("it has %q left", left)
						}
					}
					if got := deskKey.FindAllString(page, -1); got != nil {
						t.Errorf("keys without a message: %q", got)
					}
					if of.ID == "isernia" {
						golden(t, string(name)+"."+lang+".html", text)
					}
				})
			}
		}
	}
}

func lastWord(text string) string { return text[strings.LastIndex(text, " ")+1:] }

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestPublicTextOfOneOrSeveral asks which territory is meant only where there is a choice.
func TestPublicTextOfOneOrSeveral(t *testing.T) {
	one := newDeskHouse(t)
	several, _ := demonstrations(t)
	tests := []struct {
		name   string
		h      *deskHouse
		path   string
		status int
		want   []string
	}{
		{"the only one", one, "/privacy", 200, []string{"Informativa sulla privacy", "Provincia di Isernia", "In breve"}},
		{"by its name", one, "/accessibility/isernia", 200, []string{"Dichiarazione di accessibilità", "Provincia di Isernia"}},
		{"a choice", several, "/privacy", 200, []string{"Scegli il territorio", `href="/privacy/bergamo?lang=it"`, `href="/privacy/livorno?lang=it"`, "Municipio 1"}},
		{"one of several", several, "/accessibility/milano", 200, []string{"Comune di Milano", "Stato di conformità"}},
		{"none of them", several, "/privacy/napoli", 404, []string{"Questa pagina non c'è"}},
		{"no such text", one, "/cookies", 404, []string{"Questa pagina non c'è"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := tt.h.browser()
			b.get(tt.path)
			b.want(tt.status, tt.want...)
		})
	}
}

func TestPublicTextBeforeAnyTerritory(t *testing.T) {
	server, _ := emptyServer(t)
	status, page := raw(t, http.DefaultClient, server+"/privacy")
	if status != http.StatusOK || !strings.Contains(page, "Non c&#39;è ancora nessuna sede.") {
		t.Errorf("got status %d and\n%s", status, page)
	}
}

// change writes a text as a manager would.
func (h *deskHouse) change(name territory.TextName, lang, body string) {
	h.t.Helper()
	h.update(func(ctx context.Context, tx *store.Tx) error {
		text, err := territory.TextOf(ctx, tx, "isernia", name, lang)
		if err != nil {
			return err
		}
		text.Body, text.ChangedBy = body, "user:test"
		return territory.SaveText(ctx, tx, text, text.Rev)
	})
}

// TestPublicTextInEveryLanguage falls back to Italian, and says so in the reader's language. Our
// translations stand only beside our Italian text.
func TestPublicTextInEveryLanguage(t *testing.T) {
	h := newDeskHouse(t)
	check := func(t *testing.T, wanted map[string]string, changed []string) {
		t.Helper()
		for _, l := range static.Languages() {
			status, page := raw(t, http.DefaultClient, h.server.URL+"/privacy", "Accept-Language", l.Code)
			if status != http.StatusOK {
				t.Fatalf("%s: got status %d", l.Code, status)
			}
			want := wanted[l.Code]
			if want == "" {
				want = "it"
			}
			if got, _ := article(t, page); got != want {
				t.Errorf("%s: the text is in %q, want %q", l.Code, got, want)
			}
			note := html.EscapeString(static.Text(l.Code, "public.text.italian"))
			if got, want := strings.Contains(page, note), want != l.Code; got != want {
				t.Errorf("%s: the note is there: %t, want %t", l.Code, got, want)
			}
			for _, key := range []string{"public.text.privacy", "public.privacy", "public.accessibility"} {
				if !static.Has(l.Code, key) || !strings.Contains(page, html.EscapeString(static.Text(l.Code, key))) {
					t.Errorf("%s: %s is missing", l.Code, key)
				}
			}
			date := html.EscapeString(static.Text(l.Code, "public.text.changed", "date", static.Date(l.Code, deskMorning, static.FullDate)))
			if got, want := strings.Contains(page, date), strings.Contains(strings.Join(changed, " "), want); got != want {
				t.Errorf("%s: the day of change is there: %t, want %t", l.Code, got, want)
			}
			if !strings.Contains(page, `<html lang="`+l.Code+`"`) {
				t.Errorf("%s: the page is in another language", l.Code)
			}
		}
	}
	t.Run("ours", func(t *testing.T) { check(t, map[string]string{"en": "en"}, nil) })
	h.change(territory.Privacy, "uk", "Приклад")
	t.Run("one of a manager", func(t *testing.T) { check(t, map[string]string{"en": "en", "uk": "uk"}, []string{"uk"}) })
	h.change(territory.Privacy, "it", "Un esempio")
	t.Run("Italian of a manager", func(t *testing.T) { check(t, map[string]string{"uk": "uk"}, []string{"it", "uk"}) })
	h.change(territory.Privacy, "en", "An example")
	t.Run("English too", func(t *testing.T) { check(t, map[string]string{"en": "en", "uk": "uk"}, []string{"it", "en", "uk"}) })
	h.change(territory.Privacy, "it", "")
	h.change(territory.Privacy, "en", "")
	t.Run("ours again", func(t *testing.T) { check(t, map[string]string{"en": "en", "uk": "uk"}, []string{"uk"}) })
}

// TestPublicTextsHoldNoHTML types what a manager should not, and what a file of a territory may say.
func TestPublicTextsHoldNoHTML(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"a script", "<script>alert(1)</script>", "<p>&lt;script&gt;alert(1)&lt;/script&gt;</p>\n"},
		{"a block of HTML", "<div onclick=\"x()\">\n\nciao\n\n</div>", "<p>&lt;div onclick=&quot;x()&quot;&gt;</p>\n<p>ciao</p>\n<p>&lt;/div&gt;</p>\n"},
		{"HTML in a line", "a <b onmouseover=x>b</b> <!-- c -->", "<p>a &lt;b onmouseover=x&gt;b&lt;/b&gt; &lt;!-- c --&gt;</p>\n"},
		{"a link that runs", "[x](javascript:alert(1))", "<p><a href=\"\">x</a></p>\n"},
		{"a link that is data", "[x](data:text/html,<script>)", "<p><a href=\"\">x</a></p>\n"},
		{"a link out of its attribute", `[x](https://example.it/"onclick="x)`, "<p><a href=\"https://example.it/%22onclick=%22x\">x</a></p>\n"},
		{"a picture", "![foto](https://example.it/x.png)", "<p>foto</p>\n"},
		{"a first heading", "# Uno\n\n## Due\n\n### Tre", "<h2>Uno</h2>\n<h2>Due</h2>\n<h3>Tre</h3>\n"},
		{"entities", "&lt;b&gt; & &amp;", "<p>&lt;b&gt; &amp; &amp;</p>\n"},
		{"indented", "    <b>", "<p>&lt;b&gt;</p>\n"},
		{"an address by itself", "Vedi https://example.it/a?b=1&c=2 o scrivi a a@example.it.", "<p>Vedi <a href=\"https://example.it/a?b=1&amp;c=2\">https://example.it/a?b=1&amp;c=2</a> o scrivi a <a href=\"mailto:a@example.it\">a@example.it</a>.</p>\n"},
		{"values", "{{controllers}}", "<ul>\n<li><strong>&lt;script&gt; *uno* [due](tre) # &amp; `quattro` {{dpo}}</strong>: a &lt;b&gt; c</li>\n<li><strong>INPS</strong>: chiedi al personale della sede</li>\n</ul>\n"},
		{"values in a sentence", "Prima {{dpo}} dopo.", "<p>Prima</p>\n<ul>\n<li><strong>&lt;script&gt; *uno* [due](tre) # &amp; `quattro` {{dpo}}</strong>: chiedi al personale della sede</li>\n<li><strong>INPS</strong>: dpo@inps.example</li>\n</ul>\n<p>dopo.</p>\n"},
	}
	server, db := emptyServer(t)
	save := func(body string) {
		t.Helper()
		err := db.Update(t.Context(), func(tx *store.Tx) error {
			text, err := territory.TextOf(t.Context(), tx, "prova", territory.Privacy, "it")
			if err != nil {
				return err
			}
			text.Body, text.ChangedBy = body, "user:test"
			return territory.SaveText(t.Context(), tx, text, text.Rev)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	importText(t, db, `
[territory]
id = "prova"
name = "Prova"

[[institution]]
id = "A"
name = "<script> *uno* [due](tre) # & `+"`quattro`"+` {{dpo}}"
contact = """a
<b> c"""

[[institution]]
id = "INPS"
dpo = "dpo@inps.example"
`)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			save(tt.body)
			status, page := raw(t, http.DefaultClient, server+"/privacy")
			if status != http.StatusOK {
				t.Fatalf("got status %d", status)
			}
			want := strings.ReplaceAll(tt.want, `: dpo@inps.example`, `: <a href="mailto:dpo@inps.example">dpo@inps.example</a>`)
			if _, got := article(t, page); got != want {
				t.Errorf("got  %q\nwant %q", got, want)
			}
		})
	}
}

// TestLobbyPrivacy shows the notice at the kiosk, without a link that leads away.
func TestLobbyPrivacy(t *testing.T) {
	l := newLobby(t, "", "")
	page, _ := l.get("/kiosk")
	if want := `href="/kiosk/privacy?lang=it"`; !strings.Contains(page, want) {
		t.Errorf("the start page lacks %q", want)
	}
	for _, lang := range static.Languages() {
		page, _ := l.get("/kiosk/privacy?lang=" + lang.Code + "&contrast=1")
		in, text := article(t, page)
		want := "it"
		if lang.Code == "en" {
			want = "en"
		}
		if in != want {
			t.Errorf("%s: the text is in %q, want %q", lang.Code, in, want)
		}
		if strings.Contains(text, "<a") {
			t.Errorf("%s: a link leads out of the kiosk:\n%s", lang.Code, text)
		}
		if !strings.Contains(text, "(https://www.garanteprivacy.it)") || !strings.Contains(text, "rpd@inps.example") || strings.Contains(text, "(rpd@inps.example)") {
			t.Errorf("%s: addresses are not told in words:\n%s", lang.Code, text)
		}
		for _, want := range []string{`data-contrast="high"`, `data-idle="180"`, html.EscapeString(static.Text(lang.Code, "public.text.next"))} {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", lang.Code, want)
			}
		}
		if !static.Has(lang.Code, "public.text.next") || !static.Has(lang.Code, "public.text.previous") {
			t.Errorf("%s: the pages cannot be turned in it", lang.Code)
		}
	}
}

// TestPublicTextsAreLinked finds them where the law has people look for them.
func TestPublicTextsAreLinked(t *testing.T) {
	l := newLobby(t, "", "")
	_, at := l.take("key", "")
	shown, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	token := ""
	err = l.db.View(t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT token FROM tickets WHERE id = $1`, shown.Query().Get("id")).Scan(&token)
	})
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"/":                        "?lang=it",
		"/enrol":                   "?lang=it",
		"/sign-in":                 "?lang=it",
		"/nowhere?lang=ar":         "?lang=ar",
		"/t/" + token + "?lang=uk": "/isernia?lang=uk",
	} {
		page, _ := l.get(path)
		for _, name := range territory.TextNames() {
			if link := `href="/` + string(name) + want + `"`; !strings.Contains(page, link) {
				t.Errorf("%s lacks %s", path, link)
			}
		}
	}
}

// emptyServer is a server over a database in which nothing is.
func emptyServer(t *testing.T) (address string, db *store.DB) {
	t.Helper()
	db = storetest.Open(t, storetest.At(tuesday).Now)
	s, err := kiosk.New(kiosk.Options{DB: db, Log: quiet})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	return server.URL, db
}

// importText imports a territory file.
func importText(t *testing.T, db *store.DB, text string) {
	t.Helper()
	err := db.Update(t.Context(), func(tx *store.Tx) error {
		file, problems, err := territory.ParseOver(t.Context(), tx, []byte(text), "")
		if file == nil {
			return errors.Join(err, territory.Problems(problems))
		}
		_, err = territory.Import(t.Context(), tx, file)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
