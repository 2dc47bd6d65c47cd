package static

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/pelletier/go-toml/v2"
	"golang.org/x/text/language"
)

// Italian is the language of the office: the default, and the one every message has.
const Italian = "it"

// Catalogue holds the messages of every language.
type Catalogue struct {
	messages   map[string]map[string]*i18n.Message // by language, then key
	localizers map[string]*i18n.Localizer
	repeated   []string // "it: lobby.start.title" for keys that two files give
}

// ReadCatalogue reads every file group.lang.toml of fsys; the group is for the people who edit. It
// always returns a usable Catalogue, which with an error lacks what could not be read.
func ReadCatalogue(fsys fs.FS) (*Catalogue, error) {
	c := &Catalogue{messages: map[string]map[string]*i18n.Message{}, localizers: map[string]*i18n.Localizer{}}
	bundle := i18n.NewBundle(language.Italian)
	bundle.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	names, err := fs.Glob(fsys, "*.toml")
	if err != nil {
		return c, fmt.Errorf("read messages: %w", err)
	}
	var faults []error
	for _, name := range names {
		if err := c.read(bundle, fsys, name); err != nil {
			faults = append(faults, fmt.Errorf("read messages: %s: %w", name, err))
		}
	}
	for lang := range c.messages {
		c.localizers[lang] = i18n.NewLocalizer(bundle, lang)
	}
	return c, errors.Join(faults...)
}

func (c *Catalogue) read(bundle *i18n.Bundle, fsys fs.FS, name string) error {
	text, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	parsed, err := bundle.ParseMessageFileBytes(text, name)
	if err != nil {
		return err
	}
	lang := parsed.Tag.String()
	if !isOurs(lang) {
		return fmt.Errorf("%q is not one of our languages", lang)
	}
	if c.messages[lang] == nil {
		c.messages[lang] = map[string]*i18n.Message{}
	}
	for _, m := range parsed.Messages {
		if c.messages[lang][m.ID] != nil {
			c.repeated = append(c.repeated, lang+": "+m.ID)
		}
		c.messages[lang][m.ID] = m
	}
	return nil
}

// Text returns the message key in lang; see the function [Text].
func (c *Catalogue) Text(lang, key string, args ...any) string {
	if !c.Has(lang, key) {
		lang = Italian
	}
	if !c.Has(lang, key) {
		return key
	}
	request := &i18n.LocalizeConfig{MessageID: key, TemplateData: values(args)}
	if n, ok := request.TemplateData.(map[string]any)["n"].(int); ok {
		request.PluralCount = n
	}
	text, _ := c.localizers[lang].Localize(request) // an error leaves the plural form "other", or ""
	if text == "" {
		return key
	}
	return text
}

// values turns name, value pairs into a map; a name that is no string, or has no value, is left out.
func values(pairs []any) map[string]any {
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i+1 < len(pairs); i += 2 {
		if name, ok := pairs[i].(string); ok {
			m[name] = pairs[i+1]
		}
	}
	return m
}

// Has reports whether lang itself has the message key.
func (c *Catalogue) Has(lang, key string) bool {
	return c.messages[lang][key] != nil
}

// pluralForms are the forms a counted message needs, by language: the cardinal categories of
// Unicode CLDR 48, less those that only fractions, zero in Arabic or millions ask for, where the
// form "other" reads well.
var pluralForms = map[string][]string{
	"it": {"one", "other"},
	"en": {"one", "other"},
	"ro": {"one", "few", "other"},
	"ar": {"one", "two", "few", "many", "other"},
	"uk": {"one", "few", "many", "other"},
	"es": {"one", "other"},
	"fr": {"one", "other"},
	"sq": {"one", "other"},
	"zh": {"other"},
}

// Check reports every key that Italian has and English lacks, every key that Italian does not know,
// every key given twice, every placeholder that is broken or on which a translation and the Italian
// disagree, and every plural form that is missing.
func (c *Catalogue) Check() error {
	var faults []string
	for _, key := range c.repeated {
		faults = append(faults, key+": given twice")
	}
	for key := range c.messages[Italian] {
		if !c.Has("en", key) {
			faults = append(faults, "en: "+key+": missing")
		}
	}
	for lang, messages := range c.messages {
		for key, m := range messages {
			if fault := c.fault(lang, key, m); fault != "" {
				faults = append(faults, lang+": "+key+": "+fault)
			}
		}
	}
	if len(faults) == 0 {
		return nil
	}
	slices.Sort(faults)
	return fmt.Errorf("message catalogues:\n%s", strings.Join(faults, "\n"))
}

// fault says what is wrong with m, the message key of lang, or "".
func (c *Catalogue) fault(lang, key string, m *i18n.Message) string {
	italian := c.messages[Italian][key]
	if italian == nil {
		return "unknown in Italian"
	}
	forms, want := formsOf(m), placeholders(italian.Other)
	if _, isPlural := formsOf(italian)["one"]; isPlural {
		for _, form := range pluralForms[lang] {
			if forms[form] == "" {
				return "plural form " + form + " missing"
			}
		}
	} else if len(forms) != 1 || m.Other == "" {
		return "not a plain text, as in Italian"
	}
	for form, text := range forms {
		if strings.ContainsAny(placeholder.ReplaceAllString(text, ""), "{}") {
			return "a placeholder that is not of the form {{.name}}"
		}
		got := placeholders(text)
		if form == "one" || form == "two" || form == "zero" {
			got["n"] = want["n"] // "one person" may leave the figure out
		}
		if !maps.Equal(got, want) {
			return fmt.Sprintf("placeholders of form %s are %v, in Italian %v", form, sorted(got), sorted(want))
		}
	}
	return ""
}

func formsOf(m *i18n.Message) map[string]string {
	forms := map[string]string{"zero": m.Zero, "one": m.One, "two": m.Two, "few": m.Few, "many": m.Many, "other": m.Other}
	maps.DeleteFunc(forms, func(_, text string) bool { return text == "" })
	return forms
}

var placeholder = regexp.MustCompile(`\{\{\s*\.(\w+)\s*\}\}`)

func placeholders(text string) map[string]bool {
	names := map[string]bool{"n": false}
	for _, match := range placeholder.FindAllStringSubmatch(text, -1) {
		names[match[1]] = true
	}
	return names
}

func sorted(names map[string]bool) []string {
	used := maps.Clone(names)
	maps.DeleteFunc(used, func(_ string, is bool) bool { return !is })
	return slices.Sorted(maps.Keys(used))
}
