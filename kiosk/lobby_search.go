package kiosk

import (
	"cmp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/runes"
	"golang.org/x/text/transform"
	"golang.org/x/text/unicode/norm"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/static"
)

// found is a service that a search leads to.
type found struct {
	Service *territory.Service
	Instead *territory.Service // the ended service that was meant; nil: Service itself
}

// searchServices returns the services that can be had on a day and that a citizen may mean by
// query, best first: by name, description, code and the words people use, in the reader's language
// and in Italian, whatever the accents and letter case. An ended service is found under its old
// name and leads to what replaced it. When no service has all the words, one typing mistake in each
// is forgiven.
func searchServices(t *territory.Territory, query, lang string, on timetable.Date) []found {
	wanted := words(query)
	if len(wanted) == 0 {
		return nil
	}
	hits := matches(t, wanted, lang, exactly)
	if len(hits) == 0 {
		hits = matches(t, wanted, lang, nearly)
	}
	var out []found
	seen := make(map[string]bool)
	for _, hit := range hits {
		for _, current := range t.Current(hit.ID, on) {
			if seen[current.ID] {
				continue
			}
			seen[current.ID] = true
			f := found{Service: current}
			if current.ID != hit.ID {
				f.Instead = hit
			}
			out = append(out, f)
		}
	}
	return out
}

// How well a word of a query fits a service; the fit of a service is that of all its words together.
const (
	fitsAcronym = 8 // ADI, ReI
	fitsName    = 4
	fitsAlias   = 3
	fitsPlain   = 1
)

// matches returns the services that have every wanted word, best first; those that fit alike keep
// the catalogue's order.
func matches(t *territory.Territory, wanted []string, lang string, fits func(has, wanted string) bool) []*territory.Service {
	type scored struct {
		service *territory.Service
		score   int
	}
	var all []scored
	for _, s := range t.Services {
		if score := fit(s, wanted, lang, fits); score > 0 {
			all = append(all, scored{s, score})
		}
	}
	slices.SortStableFunc(all, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	services := make([]*territory.Service, len(all))
	for i, hit := range all {
		services[i] = hit.service
	}
	return services
}

// fit returns how well s fits all the wanted words, 0 when one of them is nowhere.
func fit(s *territory.Service, wanted []string, lang string, fits func(has, wanted string) bool) int {
	fields := []struct {
		words []string
		score int
	}{
		{words(serviceName(s, lang) + " " + s.Name), fitsName},
		{words(alias(s, lang) + " " + alias(s, static.Italian)), fitsAlias},
		{words(servicePlain(s, lang) + " " + s.Plain), fitsPlain},
	}
	total := 0
	for _, w := range wanted {
		best := 0
		if slices.Contains(acronyms(s.ID), w) {
			best = fitsAcronym
		}
		for _, field := range fields {
			if field.score > best && slices.ContainsFunc(field.words, func(has string) bool { return fits(has, w) }) {
				best = field.score
			}
		}
		if best == 0 {
			return 0
		}
		total += best
	}
	return total
}

// acronyms are the parts of a service's id behind the institution's: HIS-REI is known as ReI.
func acronyms(id string) []string {
	parts := words(id)
	if len(parts) < 2 {
		return parts
	}
	return parts[1:]
}

// alias are other words for a service, from the message catalogue; "" when there are none.
func alias(s *territory.Service, lang string) string {
	key := "lobby.alias." + s.ID
	if !static.Has(lang, key) {
		return ""
	}
	return static.Text(lang, key)
}

// exactly reports whether a word begins with what was typed.
func exactly(has, wanted string) bool { return strings.HasPrefix(has, wanted) }

// nearly reports whether a word begins with what was typed but for one letter. Short words are too
// easily others for that.
func nearly(has, wanted string) bool {
	typed, word := []rune(wanted), []rune(has)
	if len(typed) < 4 {
		return exactly(has, wanted)
	}
	for _, n := range []int{len(typed), len(typed) - 1, len(typed) + 1} {
		if n <= len(word) && oneApart(typed, word[:n]) {
			return true
		}
	}
	return false
}

// oneApart reports whether a becomes b when at most one letter is changed, added, left out, or
// swapped with the next.
func oneApart(a, b []rune) bool {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	a, b = a[i:], b[i:]
	switch {
	case len(a) == 0 || len(b) == 0:
		return len(a)+len(b) <= 1
	case len(a) > len(b):
		return slices.Equal(a[1:], b)
	case len(a) < len(b):
		return slices.Equal(a, b[1:])
	}
	swapped := len(a) > 1 && a[0] == b[1] && a[1] == b[0] && slices.Equal(a[2:], b[2:])
	return swapped || slices.Equal(a[1:], b[1:])
}

// words splits a text into words without accents, in lower case. Chinese has no spaces: a run of it
// is one word for each sign from which it can be read on, so that a prefix finds any part of it.
func words(text string) []string {
	plain, _, err := transform.String(transform.Chain(norm.NFD, runes.Remove(runes.In(unicode.Mn)), norm.NFC), text)
	if err != nil {
		plain = text
	}
	split := strings.FieldsFunc(strings.ToLower(plain), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	var out []string
	for _, w := range split {
		out = append(out, w)
		signs := []rune(w)
		for i := 1; i < len(signs); i++ {
			if unicode.Is(unicode.Han, signs[i]) {
				out = append(out, string(signs[i:]))
			}
		}
	}
	return out
}

// serviceName is the name of a service in a language, in Italian where it has none.
func serviceName(s *territory.Service, lang string) string {
	if own, ok := s.Names[lang]; ok {
		return own
	}
	if key := "service." + s.ID + ".name"; lang != static.Italian && static.Has(lang, key) {
		return static.Text(lang, key)
	}
	return s.Name
}

// servicePlain is what a service is, in easy words.
func servicePlain(s *territory.Service, lang string) string {
	if key := "service." + s.ID + ".plain"; lang != static.Italian && static.Has(lang, key) {
		return static.Text(lang, key)
	}
	return s.Plain
}
