package store

import (
	"context"
	"fmt"
	"strings"
)

// Fold makes text that is searched the same for every way of writing it: for a column of its own beside
// the text's.
func Fold(text string) string { return strings.ToLower(strings.Join(strings.Fields(text), " ")) }

// Pattern finds text anywhere in a folded column: LIKE $1 ESCAPE '\'.
func Pattern(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`).Replace(Fold(text)) + "%"
}

// Column returns the values of a query of one column.
func Column[T any](ctx context.Context, tx *Tx, query string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read a column: %w", err)
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		var value T
		if err := rows.Scan(&value); err != nil {
			return nil, fmt.Errorf("read a column: %w", err)
		}
		all = append(all, value)
	}
	return all, rows.Err()
}
