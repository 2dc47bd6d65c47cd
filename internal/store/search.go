package store

import "strings"

// Fold makes text that is searched the same for every way of writing it: for a column of its own beside
// the text's.
func Fold(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

// Pattern finds text anywhere in a folded column: LIKE $1 ESCAPE '\'.
func Pattern(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(Fold(text)) + "%"
}
