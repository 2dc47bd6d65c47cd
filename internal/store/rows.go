package store

import (
	"context"
	"fmt"
)

// Row is a row of a query's answer, or the only one.
type Row interface{ Scan(into ...any) error }

// All returns what scan makes of each row of a query, in its order; nil for none.
func All[T any](ctx context.Context, tx *Tx, scan func(Row) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		value, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, value)
	}
	return all, rows.Err()
}

// Column returns the values of a query of one column.
func Column[T any](ctx context.Context, tx *Tx, query string, args ...any) ([]T, error) {
	all, err := All(ctx, tx, func(row Row) (value T, err error) {
		err = row.Scan(&value)
		return value, err
	}, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read a column: %w", err)
	}
	return all, nil
}
