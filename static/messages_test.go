package static_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"sportello/static"
)

func TestMessagesAgree(t *testing.T) {
	if err := static.CheckMessages(); err != nil {
		t.Error(err)
	}
}

// TestSharedMessagesInEveryLanguage holds that what every surface shows to citizens falls back to
// Italian in no language.
func TestSharedMessagesInEveryLanguage(t *testing.T) {
	for _, key := range italianKeys(t, "active.it.toml", "services.it.toml", "book.it.toml") {
		for _, l := range static.Languages() {
			if !static.Has(l.Code, key) {
				t.Errorf("%s: %s is missing", l.Code, key)
			}
		}
	}
}

func italianKeys(t *testing.T, files ...string) []string {
	t.Helper()
	var keys []string
	for _, name := range files {
		text, err := os.ReadFile("messages/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile(`(?m)^"([^"]+)" = `).FindAllStringSubmatch(string(text), -1) {
			keys = append(keys, match[1])
		}
	}
	if len(keys) < 100 {
		t.Fatalf("only %d keys found: has the form of the files changed?", len(keys))
	}
	return keys
}

func TestCatalogueCheck(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
		want  string // part of the error, "" for none
	}{
		{"sound", map[string]string{
			"a.it.toml": `"x" = "Ciao {{.who}}"`,
			"a.en.toml": `"x" = "Hello {{ .who }}"`,
		}, ""},
		{"two groups", map[string]string{
			"a.it.toml": `"x" = "Ciao"`, "b.it.toml": `"y" = "Via"`,
			"a.en.toml": `"x" = "Hello"`, "b.en.toml": `"y" = "Go"`,
		}, ""},
		{"missing in English", map[string]string{
			"a.it.toml": `"x" = "Ciao"`,
		}, "en: x: missing"},
		{"missing in Romanian is allowed", map[string]string{
			"a.it.toml": `"x" = "Ciao"`, "a.en.toml": `"x" = "Hello"`, "a.ro.toml": ``,
		}, ""},
		{"unknown in Italian", map[string]string{
			"a.it.toml": ``, "a.ro.toml": `"x" = "Salut"`,
		}, "ro: x: unknown in Italian"},
		{"given twice", map[string]string{
			"a.it.toml": `"x" = "Ciao"`, "b.it.toml": `"x" = "Salve"`, "a.en.toml": `"x" = "Hello"`,
		}, "it: x: given twice"},
		{"placeholder lost", map[string]string{
			"a.it.toml": `"x" = "Sportello {{.desk}}"`, "a.en.toml": `"x" = "Desk"`,
		}, "en: x: placeholders of form other are [], in Italian [desk]"},
		{"placeholder misspelt", map[string]string{
			"a.it.toml": `"x" = "Sportello {{.desk}}"`, "a.en.toml": `"x" = "Desk {{.dek}}"`,
		}, "en: x: placeholders of form other are [dek], in Italian [desk]"},
		{"placeholder broken", map[string]string{
			"a.it.toml": `"x" = "Sportello {{.desk}}"`, "a.en.toml": `"x" = "Desk {.desk}}"`,
		}, "en: x: a placeholder that is not of the form {{.name}}"},
		{"figure left out of one", map[string]string{
			"a.it.toml": `"x" = { one = "una persona", other = "{{.n}} persone" }`,
			"a.en.toml": `"x" = { one = "one person", other = "{{.n}} people" }`,
		}, ""},
		{"figure left out of other", map[string]string{
			"a.it.toml": `"x" = { one = "{{.n}} persona", other = "{{.n}} persone" }`,
			"a.en.toml": `"x" = { one = "one person", other = "people" }`,
		}, "en: x: placeholders of form other are [], in Italian [n]"},
		{"Ukrainian needs four forms", map[string]string{
			"a.it.toml": `"x" = { one = "{{.n}} ora", other = "{{.n}} ore" }`,
			"a.en.toml": `"x" = { one = "{{.n}} hour", other = "{{.n}} hours" }`,
			"a.uk.toml": `"x" = { one = "{{.n}} година", few = "{{.n}} години", other = "{{.n}} години" }`,
		}, "uk: x: plural form many missing"},
		{"Chinese needs one", map[string]string{
			"a.it.toml": `"x" = { one = "{{.n}} ora", other = "{{.n}} ore" }`,
			"a.en.toml": `"x" = { one = "{{.n}} hour", other = "{{.n}} hours" }`,
			"a.zh.toml": `"x" = { other = "{{.n}} 小时" }`,
		}, ""},
		{"plain text where Italian counts", map[string]string{
			"a.it.toml": `"x" = { one = "{{.n}} ora", other = "{{.n}} ore" }`,
			"a.en.toml": `"x" = "{{.n}} hours"`,
		}, "en: x: plural form one missing"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			catalogue, err := static.ReadCatalogue(fileSystem(tt.files))
			if err != nil {
				t.Fatal(err)
			}
			err = catalogue.Check()
			if tt.want == "" && err != nil {
				t.Errorf("got %v, want no error", err)
			}
			if tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("got %v, want %q in it", err, tt.want)
			}
		})
	}
}

func TestReadCatalogueRefuses(t *testing.T) {
	tests := []struct {
		name  string
		files map[string]string
	}{
		{"broken file", map[string]string{"a.it.toml": `"x" = `}},
		{"language nobody offers", map[string]string{"a.de.toml": `"x" = "Hallo"`}},
		{"no language in the name", map[string]string{"messages.toml": `"x" = "Ciao"`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			catalogue, err := static.ReadCatalogue(fileSystem(tt.files))
			if err == nil {
				t.Error("got no error")
			}
			if got, want := catalogue.Text("it", "x"), "x"; got != want {
				t.Errorf("text: got %q, want the key %q", got, want)
			}
		})
	}
}

func TestText(t *testing.T) {
	catalogue, err := static.ReadCatalogue(fileSystem(map[string]string{
		"a.it.toml": `
"hello" = "Ciao {{.who}}"
"only.italian" = "Solo qui"
"broken" = "{{.who"
"before" = { one = "{{.n}} persona prima di te", other = "{{.n}} persone prima di te" }`,
		"a.en.toml": `"hello" = "Hello {{.who}}"`,
		"a.uk.toml": `"before" = { one = "{{.n}} особа", few = "{{.n}} особи", many = "{{.n}} осіб", other = "{{.n}} особи" }`,
		"a.ar.toml": `"before" = { one = "شخص واحد", two = "شخصان", few = "{{.n}} أشخاص", many = "{{.n}} شخصًا", other = "{{.n}} شخص" }`,
		"a.zh.toml": `"before" = { other = "{{.n}} 人" }`,
	}))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, lang, key string
		args            []any
		want            string
	}{
		{"placeholder", "en", "hello", []any{"who", "Anna"}, "Hello Anna"},
		{"markup is the page's business", "en", "hello", []any{"who", "<b>"}, "Hello <b>"},
		{"fallback to Italian", "en", "only.italian", nil, "Solo qui"},
		{"unknown language", "de", "hello", []any{"who", "Anna"}, "Ciao Anna"},
		{"unknown key", "en", "nothing.such", nil, "nothing.such"},
		{"broken template", "it", "broken", []any{"who", "Anna"}, "broken"},
		{"argument without value", "it", "only.italian", []any{"who"}, "Solo qui"},
		{"Italian one", "it", "before", []any{"n", 1}, "1 persona prima di te"},
		{"Italian none", "it", "before", []any{"n", 0}, "0 persone prima di te"},
		{"plural falls back to Italian rules", "en", "before", []any{"n", 1}, "1 persona prima di te"},
		{"Ukrainian 1", "uk", "before", []any{"n", 21}, "21 особа"},
		{"Ukrainian few", "uk", "before", []any{"n", 3}, "3 особи"},
		{"Ukrainian many", "uk", "before", []any{"n", 12}, "12 осіб"},
		{"Arabic two", "ar", "before", []any{"n", 2}, "شخصان"},
		{"Arabic none", "ar", "before", []any{"n", 0}, "0 شخص"},
		{"Arabic many", "ar", "before", []any{"n", 42}, "42 شخصًا"},
		{"Chinese", "zh", "before", []any{"n", 1}, "1 人"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := catalogue.Text(tt.lang, tt.key, tt.args...); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func fileSystem(files map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range files {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}
