package kiosk

import (
	"encoding/base64"
	"slices"
	"strconv"

	"github.com/labstack/echo/v4"
)

// How many items a list has when nobody says, and at most.
const (
	listLength  = 50
	listLongest = 200
)

// listJSON is a part of a list. Next is the cursor of the part behind it, null at the end.
type listJSON[T any] struct {
	Items []T     `json:"items"`
	Next  *string `json:"next"`
}

// listed returns those of all that a request asks for with limit and cursor, and the cursor of those
// behind them. A cursor is the id of the last item seen; one whose item has gone is refused, the
// reader begins anew.
func listed[T any](c echo.Context, all []T, id func(T) string) ([]T, *string, error) {
	limit, err := limitOf(c)
	if err != nil {
		return nil, nil, err
	}
	if cursor := c.QueryParam("cursor"); cursor != "" {
		last, err := base64.RawURLEncoding.DecodeString(cursor)
		at := slices.IndexFunc(all, func(x T) bool { return id(x) == string(last) })
		if err != nil || at < 0 {
			return nil, nil, wrongs{{Name: "cursor", Code: fieldValue}}.invalid()
		}
		all = all[at+1:]
	}
	if len(all) <= limit {
		return all, nil, nil
	}
	next := base64.RawURLEncoding.EncodeToString([]byte(id(all[limit-1])))
	return all[:limit], &next, nil
}

func limitOf(c echo.Context) (int, error) {
	asked := c.QueryParam("limit")
	if asked == "" {
		return listLength, nil
	}
	limit, err := strconv.Atoi(asked)
	if err != nil {
		return 0, wrongs{{Name: "limit", Code: fieldType}}.malformed()
	}
	if limit < 1 || limit > listLongest {
		return 0, wrongs{{Name: "limit", Code: fieldRange}}.invalid()
	}
	return limit, nil
}
