package kiosk

import (
	"slices"
	"strings"

	"sportello/booking"
)

// keyboard is our own keyboard on the screen. Its letters come in layers, of which one is seen.
type keyboard struct {
	For    string // kind of the fields that it types into, as their attribute data-keys says; it is seen while one has the focus
	Form   string // that its keys send when there is no script; "" there must be one
	Go     string // what a large key below says that sends the form as a list; "" there is none
	Layers []layer
}

type layer struct {
	ID   string
	Rows [][]key
}

// key is one key. It types its value, or does something else.
type key struct {
	Value string // what it types; delete, shift
	Label string // what stands on it; "" its value
	Icon  string
	Name  string // what it is called when neither label nor icon says it
	Wide  bool
	Layer string // that it brings; "" it stays
	Field string // id of the field that it goes to
	Href  string // of the same page with other keys, for the search
}

// latinKeys are the letters of an Italian keyboard, for whoever has no other.
var latinKeys = keys("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")

// alphabets are those of languages in other letters, in alphabetical order, in which also those find
// their way who do not type.
var alphabets = map[string][][]string{
	"uk": keys("абвгґдеєжз", "иіїйклмноп", "рстуфхцчшщ", "ьюя'"),
	"ar": keys("ابتثجحخدذر", "زسشصضطظعغف", "قكلمنهويءة", "أإآىؤئ"),
}

// nameKeys are the letters of names, an Italian keyboard with what else names are written with.
var nameKeys = keys("qwertyuiop", "asdfghjkl'", "zxcvbnm-")

// accentKeys are the letters that names bring from the languages of those who live here.
var accentKeys = keys("àáâãäăåćčç", "đèéêëěğìíî", "ïłñòóôöőøř", "šșşțúùüůýž")

// accents are those of a language, for the row above the letters.
var accents = map[string]string{
	"it": "àèéìòù", "ro": "ăâîșț", "sq": "ëç", "es": "áéíóúñü", "fr": "àâçéèêëîôù",
}

var (
	mailKeys    = keys("qwertyuiop", "asdfghjkl-", "zxcvbnm._@")
	mailNumbers = keys("1234567890", "-_.+@")
	mailEnds    = []key{{Value: "@gmail.com", Wide: true}, {Value: "@libero.it", Wide: true}, {Value: "@hotmail.it", Wide: true}}
	digitKeys   = keys("123", "456", "789")
	codeKeys    = keys(booking.ReferenceLetters[:6], booking.ReferenceLetters[6:14], booking.ReferenceLetters[14:])
)

func keys(rows ...string) [][]string {
	all := make([][]string, len(rows))
	for i, row := range rows {
		all[i] = strings.Split(row, "")
	}
	return all
}

// plainKeys are keys that type what stands on them.
func plainKeys(rows [][]string) [][]key {
	all := make([][]key, len(rows))
	for i, row := range rows {
		for _, value := range row {
			all[i] = append(all[i], key{Value: value})
		}
	}
	return all
}

// then adds keys to the last of rows.
func then(rows [][]key, more ...key) [][]key {
	last := len(rows) - 1
	rows[last] = append(rows[last], more...)
	return rows
}

func (f frame) deleteKey() key {
	return key{Value: "delete", Icon: "delete", Name: f.text("lobby.search.delete"), Wide: true}
}

func (f frame) spaceKey() key {
	return key{Value: " ", Icon: "space", Name: f.text("lobby.search.space"), Wide: true}
}

func (f frame) shiftKey() key {
	return key{Value: "shift", Icon: "shift", Name: f.text("lobby.keys.shift"), Wide: true}
}

// nameKeyboard writes names: in the letters of papers, in the accents of everywhere, and where the
// citizen's language has others in those.
func (f frame) nameKeyboard() keyboard {
	other := alphabets[f.Lang]
	letters := plainKeys(nameKeys)
	letters[2] = slices.Concat([]key{f.shiftKey()}, letters[2], []key{f.deleteKey()})
	last := []key{{Label: "àñș", Name: "àñș: " + f.text("lobby.keys.accents"), Wide: true, Layer: "accents"}}
	if other != nil {
		last = append(last, key{Label: strings.Join(other[0][:3], ""), Wide: true, Layer: f.Lang})
	}
	letters = append(letters, append(last, f.spaceKey()))
	if row := accents[f.Lang]; row != "" {
		letters = append(plainKeys(keys(row)), letters...)
	}
	back := key{Label: "ABC", Wide: true, Layer: "letters"}
	k := keyboard{For: "name", Layers: []layer{
		{"letters", letters},
		{"accents", append(plainKeys(accentKeys), []key{f.shiftKey(), back, f.spaceKey(), f.deleteKey()})},
	}}
	if other != nil {
		k.Layers = append(k.Layers, layer{f.Lang, append(plainKeys(other), []key{back, f.spaceKey(), f.deleteKey()})})
	}
	return k
}

func (f frame) mailKeyboard() keyboard {
	phone := key{Label: f.text("lobby.book.phone"), Icon: "down", Wide: true, Field: "phone"}
	last := []key{{Label: "123", Wide: true, Layer: "numbers"}, phone, {Value: ".it", Wide: true}, {Value: ".com", Wide: true}, f.deleteKey()}
	numbers := []key{{Label: "abc", Wide: true, Layer: "letters"}, phone, f.deleteKey()}
	return keyboard{For: "email", Layers: []layer{
		{"letters", append(plainKeys(mailKeys), mailEnds, last)},
		{"numbers", append(plainKeys(mailNumbers), numbers)},
	}}
}

func (f frame) digitKeyboard() keyboard {
	mail := key{Label: f.text("lobby.book.email"), Icon: "up", Wide: true, Field: "email"}
	return keyboard{For: "phone", Layers: []layer{
		{"digits", append(plainKeys(digitKeys), []key{{Value: "+"}, {Value: "0"}, f.deleteKey()}, []key{mail})},
	}}
}

// codeKeyboard has the letters of references, and no others.
func (f frame) codeKeyboard() keyboard {
	return keyboard{For: "code", Layers: []layer{{"code", then(plainKeys(codeKeys), f.deleteKey())}}}
}

// The kinds of keyboards for forms.
const (
	keysText   = "text"
	keysFiscal = "fiscal"
)

// textKeyboard writes what stands in forms: names, addresses, dates.
func (f frame) textKeyboard() keyboard {
	k := f.nameKeyboard()
	k.For = keysText
	letters := slices.Concat(plainKeys(latinKeys[:1]), k.Layers[0].Rows)
	last := len(letters) - 1
	letters[last] = append(letters[last], key{Value: "."}, key{Value: ","}, key{Value: "/"}, key{Value: "@"})
	k.Layers[0].Rows = letters
	return k
}

// fiscalKeyboard has the letters and digits of codes.
func (f frame) fiscalKeyboard() keyboard {
	return keyboard{For: keysFiscal, Layers: []layer{{"letters", then(plainKeys(latinKeys), f.deleteKey())}}}
}

// searchKeyboard types words to search for; without a script each of its keys sends the form.
func (f frame) searchKeyboard(rows [][]string, other, sample string) keyboard {
	all := plainKeys(rows)
	if other != "" {
		all = then(all, key{Label: sample, Href: other})
	}
	k := keyboard{For: "search", Form: "search", Layers: []layer{{"letters", then(all, f.spaceKey(), f.deleteKey())}}}
	if f.Low {
		k.Go = f.text("lobby.search.go")
	}
	return k
}
