package kiosk

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"reflect"
	"slices"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"sportello/internal/fault"
)

var (
	errMediaType = fault.New(fault.MediaType, "media_type")
	errMalformed = fault.New(fault.Malformed, "malformed")
)

// What can be wrong with a field of a request; the words are in the message catalogue under
// "field.<code>".
const (
	fieldMissing = "missing"
	fieldUnknown = "unknown_field" // there is none of this name
	fieldType    = "wrong_type"
	fieldValue   = "unknown_value" // of the right type, but not one of those there are
	fieldRange   = "out_of_range"
	fieldPast    = "not_in_future"
)

// mostWrong is how many fields a refusal names at most.
const mostWrong = 20

// wrongs collects what is wrong with the fields of a request.
type wrongs []fault.Field

func (w *wrongs) add(field, code string) {
	if len(*w) < mostWrong {
		*w = append(*w, fault.Field{Name: field, Code: code})
	}
}

func (w *wrongs) need(field, value string) {
	if value == "" {
		w.add(field, fieldMissing)
	}
}

// among refuses a value that is given and not one of known.
func (w *wrongs) among(field, value string, known []string) {
	if value != "" && !slices.Contains(known, value) {
		w.add(field, fieldValue)
	}
}

// malformed is the refusal of what cannot be understood, invalid that of what was understood; nil when
// nothing is wrong.
func (w wrongs) malformed() error { return w.refusal(fault.Malformed, "malformed") }

func (w wrongs) invalid() error { return w.refusal(fault.Invalid, "invalid") }

func (w wrongs) refusal(kind fault.Kind, code string) error {
	if len(w) == 0 {
		return nil
	}
	f := fault.New(kind, code)
	f.Fields = w
	return f
}

// checker is a body that knows more of its fields than their types.
type checker interface{ check(w *wrongs) }

// nothing is the body of a call that needs none.
type nothing struct{}

// decode reads the one JSON object of a body strictly into a struct whose every field has its name as
// its json tag: other formats, invalid UTF-8, NUL, null, unknown fields and anything behind the object
// are refused. No body at all is an empty object.
func decode(c echo.Context, into any) error {
	given, err := readObject(c.Request())
	if err != nil {
		return err
	}
	var wrong wrongs
	fill(reflect.ValueOf(into).Elem(), "", given, &wrong)
	if err := wrong.malformed(); err != nil {
		return err
	}
	if b, ok := into.(checker); ok {
		b.check(&wrong)
	}
	return wrong.invalid()
}

// fill sets the fields of a struct, whose names begin with prefix in what is wrong, to those given.
func fill(into reflect.Value, prefix string, given map[string]json.RawMessage, w *wrongs) {
	for i := range into.NumField() {
		name := into.Type().Field(i).Tag.Get("json")
		raw, ok := given[name]
		delete(given, name)
		if ok && !set(into.Field(i), prefix+name, raw, w) {
			w.add(prefix+name, fieldType)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		w.add(prefix+name, fieldUnknown)
	}
}

// set sets the field of a name and reports whether raw is of its type. An object in the object is as
// strict.
func set(field reflect.Value, name string, raw json.RawMessage, w *wrongs) bool {
	value := field.Addr().Interface()
	if _, own := value.(json.Unmarshaler); own || field.Kind() != reflect.Struct {
		return string(raw) != "null" && json.Unmarshal(raw, value) == nil
	}
	var given map[string]json.RawMessage
	if json.Unmarshal(raw, &given) != nil || given == nil {
		return false
	}
	fill(field, name+".", given, w)
	return true
}

// readObject reads the fields of a body's one JSON object.
func readObject(r *http.Request) (map[string]json.RawMessage, error) {
	kind := r.Header.Get(echo.HeaderContentType)
	if r.ContentLength == 0 && kind == "" {
		return nil, nil
	}
	if kind, _, err := mime.ParseMediaType(kind); err != nil || kind != echo.MIMEApplicationJSON {
		return nil, errMediaType
	}
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err // too large, or the sender is gone
	}
	if !utf8.Valid(text) || bytes.Contains(text, []byte(`\u0000`)) {
		return nil, errMalformed
	}
	var fields map[string]json.RawMessage
	var rest json.RawMessage
	d := json.NewDecoder(bytes.NewReader(text))
	if d.Decode(&fields) != nil || fields == nil || d.Decode(&rest) != io.EOF {
		return nil, errMalformed
	}
	return fields, nil
}
