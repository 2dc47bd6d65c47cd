package kiosk_test

import (
	"context"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/argon2"

	"sportello/internal/access"
	"sportello/internal/store"
)

// routesTable says who is let in where: a line for each route, with the roles after it.
//
//go:embed testdata/routes.txt
var routesTable string

// groups are names for roles that the table uses.
var groups = map[string][]access.Role{
	"everybody": access.Roles,
	"staff":     access.StaffRoles,
}

// readRoutes reads the table: method and path → roles.
func readRoutes(t *testing.T) map[string][]access.Role {
	t.Helper()
	table := make(map[string][]access.Role)
	for line := range strings.Lines(routesTable) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] == "#" {
			continue
		}
		if len(fields) < 3 {
			t.Fatalf("no roles in %q", line)
		}
		route := fields[0] + " " + fields[1]
		if _, twice := table[route]; twice {
			t.Errorf("%s is there twice", route)
		}
		for _, name := range fields[2:] {
			roles, ok := groups[name]
			if !ok {
				roles = []access.Role{access.Role(name)}
			}
			table[route] = append(table[route], roles...)
		}
	}
	return table
}

// TestEveryRouteAndRole sends each request that the server knows as each role there is, and holds who
// is let in against the table. A route without a line fails, and a line without a route.
func TestEveryRouteAndRole(t *testing.T) {
	h := newDeskHouse(t)
	table := readRoutes(t)
	credentials := everyRole(t, h)
	for _, route := range h.kiosk.Routes() {
		want, ok := table[route]
		if !ok {
			t.Errorf("%s: no line in testdata/routes.txt says who may", route)
			continue
		}
		delete(table, route)
		h.clock.Add(2 * time.Minute) // or all would be taken for one who guesses secrets
		method, path, _ := strings.Cut(route, " ")
		for _, role := range access.Roles {
			if got := letIn(t, h, method, path, credentials[role](t)); got != slices.Contains(want, role) {
				t.Errorf("%s as %s: let in %t", route, role, got)
			}
		}
	}
	for route := range table {
		t.Errorf("%s: a line without a route", route)
	}
}

// everyRole returns how a request of each role is signed. Those of staff sign in anew each time, for
// some routes end the session.
func everyRole(t *testing.T, h *deskHouse) map[access.Role]func(t *testing.T) http.Header {
	t.Helper()
	signed := map[access.Role]func(*testing.T) http.Header{
		access.Anyone: func(*testing.T) http.Header { return http.Header{} },
	}
	for _, role := range access.StaffRoles {
		login := "as-" + string(role)
		h.update(func(ctx context.Context, tx *store.Tx) error {
			u := access.User{ID: login, Login: login, Name: "Prova Prova", Role: role, Territory: "isernia"}
			return access.AddUser(ctx, tx, u, quickHash(deskPassword), "user:test")
		})
		signed[role] = func(t *testing.T) http.Header {
			return http.Header{"Cookie": {"sportello_session=" + signedIn(t, h.db, login, deskPassword)}}
		}
	}
	for _, kind := range access.DeviceKinds {
		name := "as-" + string(kind)
		h.update(func(ctx context.Context, tx *store.Tx) error {
			d := access.Device{ID: name, Office: deskOffice, Kind: kind, Name: "Prova"}
			return access.AddDevice(ctx, tx, d, name, "user:test")
		})
		token := enrolled(t, h.db, name)
		signed[access.Role(kind)] = func(*testing.T) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	}
	var token string
	h.update(func(ctx context.Context, tx *store.Tx) (err error) {
		token, err = access.AddProgram(ctx, tx, access.Program{ID: "as-program", Name: "Prova", Territory: "isernia", Scopes: access.Scopes}, "user:test")
		return err
	})
	signed[access.ProgramRole] = func(*testing.T) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }
	return signed
}

// quickHash is a hash that costs next to nothing; its parameters are in it.
func quickHash(password string) string {
	salt := []byte("0123456789abcdef")
	key := argon2.IDKey([]byte(password), salt, 1, 8, 1, 32)
	return fmt.Sprintf("$argon2id$v=%d$m=8,t=1,p=1$%s$%s", argon2.Version,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// turnedAway are the codes of who is not let in, as opposed to those of what cannot be done there.
var turnedAway = []string{"sign_in", "unknown_device", "not_allowed", "locked"}

// letIn reports whether a request passes the door of its route.
func letIn(t *testing.T, h *deskHouse, method, path string, signed http.Header) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel() // also ends a stream
	for _, part := range strings.Split(path, "/") {
		switch {
		case part == ":office":
			path = strings.Replace(path, part, deskOffice, 1)
		case strings.HasPrefix(part, ":"), part == "*":
			path = strings.Replace(path, part, "1", 1)
		}
	}
	r, err := http.NewRequestWithContext(ctx, method, h.server.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = signed
	r.Header.Set("Accept", "application/json")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if !strings.HasPrefix(answer.Header.Get("Content-Type"), "application/problem+json") {
		return true
	}
	var p struct{ Code string }
	if err := json.NewDecoder(answer.Body).Decode(&p); err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode >= http.StatusInternalServerError || p.Code == "too_many_requests" {
		t.Errorf("%s %s: got %d %s", method, path, answer.StatusCode, p.Code)
	}
	return !slices.Contains(turnedAway, p.Code)
}
