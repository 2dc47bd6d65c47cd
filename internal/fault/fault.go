// Package fault is the one error that crosses package borders on purpose: something a person or a
// program asked for cannot be done, and they are to be told why and what to do.
//
// A fault carries a stable code and the values its message needs; the words are in the message
// catalogue under "fault.<code>", in the reader's language. Anything that is not a fault is a
// defect or a broken machine: it is logged, and the reader is told no more than that.
package fault

import (
	"errors"
	"fmt"
)

// Kind says what sort of refusal a fault is; the web maps it to a status.
type Kind int

// The kinds, with the HTTP status (RFC 9110) each becomes.
const (
	Malformed   Kind = 400 // cannot be understood
	SignIn      Kind = 401 // nobody, or nobody known, is signed in
	Denied      Kind = 403 // known, but not allowed
	Missing     Kind = 404 // no such thing
	Conflict    Kind = 409 // the present state forbids it
	Gone        Kind = 410 // was there, is no more
	TooLarge    Kind = 413 // more than is taken
	MediaType   Kind = 415 // in a format that is not taken
	Invalid     Kind = 422 // understood, but wrong
	TooMany     Kind = 429 // too often; later
	Unavailable Kind = 503 // not now; try again
)

// Error is a refusal. Code is stable and snake_case; Args are the values of its message.
type Error struct {
	Kind   Kind
	Code   string
	Args   map[string]any
	Fields []Field
}

// Field is what is wrong with one field of a request.
type Field struct {
	Name string
	Code string
}

// New returns a fault; args are name, value pairs for its message.
func New(kind Kind, code string, args ...any) *Error {
	e := &Error{Kind: kind, Code: code}
	for i := 0; i+1 < len(args); i += 2 {
		if e.Args == nil {
			e.Args = make(map[string]any, len(args)/2)
		}
		e.Args[args[i].(string)] = args[i+1]
	}
	return e
}

// Error is for logs: the code and the values, never personal data.
func (e *Error) Error() string {
	if len(e.Args) == 0 {
		return e.Code
	}
	return fmt.Sprintf("%s %v", e.Code, e.Args)
}

// Is reports whether target is a fault with the same code, so that errors.Is works with the
// package-level faults that others declare.
func (e *Error) Is(target error) bool {
	var t *Error
	return errors.As(target, &t) && t.Code == e.Code
}

// Code returns the code of the fault in err's chain, or "" when there is none.
func Code(err error) string {
	if e := (*Error)(nil); errors.As(err, &e) {
		return e.Code
	}
	return ""
}
