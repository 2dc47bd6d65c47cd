// Package static holds what the pages are made of besides templates: the built front-end assets,
// addressed by content hash, the message catalogues in nine languages, and the public texts.
//
// All are embedded. The assets are built by npm into dist, which is not committed: a binary
// compiled before that has none, and [Check] says so. The catalogues are the files of messages; a
// text missing in a language is shown in Italian. Nothing here changes after it was first read, and
// nothing panics on a name or key it does not know: the page shows the gap and a test finds it.
package static

import (
	"embed"
	"io/fs"
	"net/http"
	"sync"
)

//go:embed all:dist messages/*.toml texts/*.md
var embedded embed.FS

var assets = sync.OnceValues(func() (*Assets, error) {
	return OpenAssets(folder("dist"))
})

var catalogue = sync.OnceValues(func() (*Catalogue, error) {
	return ReadCatalogue(folder("messages"))
})

// folder returns the embedded folder name, whose existence the compiler has checked.
func folder(name string) fs.FS {
	sub, err := fs.Sub(embedded, name)
	if err != nil {
		panic(err)
	}
	return sub
}

// URL returns the address of the asset that the build calls name, such as "lobby.css", with its
// content hash. An unknown name, or any before the assets are built, gives an address answered
// with 404.
func URL(name string) string {
	a, _ := assets()
	return a.URL(name)
}

// Handler serves the addresses that [URL] returns.
func Handler() http.Handler {
	a, _ := assets()
	return a
}

// Check reports whether this binary was compiled with its assets, among them those the build calls
// names; it returns [ErrNotBuilt] or says what is missing.
func Check(names ...string) error {
	a, err := assets()
	if err != nil {
		return err
	}
	return a.Check(names...)
}

// Text returns the message key in lang, falling back to Italian, and to the key itself when no
// language has it. args are name, value pairs for its placeholders; an int named "n" also selects
// the plural form.
func Text(lang, key string, args ...any) string {
	c, _ := catalogue()
	return c.Text(lang, key, args...)
}

// Has reports whether lang itself has the message key.
func Has(lang, key string) bool {
	c, _ := catalogue()
	return c.Has(lang, key)
}

// CheckMessages reports what [Catalogue.Check] finds in the embedded catalogues.
func CheckMessages() error {
	c, err := catalogue()
	if err != nil {
		return err
	}
	return c.Check()
}

// Document returns our own public text name in lang, as Markdown with placeholders; not every
// language has one, Italian has all.
func Document(name, lang string) (text string, ok bool) {
	read, err := embedded.ReadFile("texts/" + name + "." + lang + ".md")
	return string(read), err == nil
}
