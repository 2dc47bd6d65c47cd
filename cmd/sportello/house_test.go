package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// arrows says which packages of the module each package may import, directly or not. Only downwards;
// what has no row may import nothing of the module.
var arrows = map[string][]string{
	"cmd/sportello":            {"*"},
	"kiosk":                    {"*"},
	"queue":                    {"booking", "queue/rule", "queue/forecast", "booking/territory", "booking/timetable", "internal/store", "internal/audit", "internal/fault"},
	"queue/forecast":           {"queue/rule"},
	"booking":                  {"booking/fiscalcode", "booking/territory", "booking/timetable", "internal/store", "internal/audit", "internal/fault"},
	"booking/calendar":         {"booking", "booking/ical", "booking/territory", "booking/timetable", "static", "internal/message", "internal/store", "internal/audit", "internal/fault"},
	"booking/fiscalcode":       {"booking/timetable"},
	"booking/territory":        {"booking/timetable", "internal/store", "internal/fault", "internal/audit"},
	"printouts":                {"printouts/pdf"},
	"printouts/spool":          {"printouts", "internal/store", "internal/fault"},
	"printouts/official":       {"printouts", "printouts/pdf", "internal/store", "internal/fault"},
	"internal/store/storetest": {"internal/store"},
	"internal/access":          {"internal/store", "internal/fault", "internal/audit"},
	"internal/audit":           {"internal/store", "internal/fault"},
	"internal/jobs":            {"internal/store"},
	"internal/message":         {"internal/store"},
}

// owners are modules that only one package may use, or that some must not, with what lies below them.
var owners = map[string][]string{
	"github.com/labstack/echo/v4":      {"kiosk"},
	"github.com/mattn/go-sqlite3":      {"internal/store"},
	"github.com/jackc/pgx/v5":          {"internal/store"},
	"github.com/pressly/goose/v3":      {"internal/store"},
	"github.com/skip2/go-qrcode":       {"kiosk", "printouts"},
	"codeberg.org/go-pdf/fpdf":         {"printouts"},
	"github.com/nicksnyder/go-i18n/v2": {"static"},
	"github.com/yuin/goldmark":         {"kiosk"},

	"github.com/prometheus/client_golang": {"kiosk"},
	"github.com/wneessen/go-mail":         {"internal/message"},
}

// pure packages compute: they reach neither the database nor the network.
var pure = []string{"queue/rule", "queue/forecast", "booking/timetable", "booking/fiscalcode", "booking/ical", "printouts", "printouts/pdf", "internal/fault"}

// TestArrowsGoDown holds the house's order: which package may import which.
func TestArrowsGoDown(t *testing.T) {
	for _, line := range list(t, "-deps=false", `{{.ImportPath}} {{join .Imports " "}}`) {
		name, imports, _ := strings.Cut(line, " ")
		name = strings.TrimPrefix(name, "sportello/")
		for imported := range strings.FieldsSeq(imports) {
			within, ours := strings.CutPrefix(imported, "sportello/")
			allowed := arrows[name]
			if ours && !slices.Contains(allowed, within) && !slices.Contains(allowed, "*") {
				t.Errorf("%s imports %s", name, within)
			}
			for module, users := range owners {
				within := imported == module || strings.HasPrefix(imported, module+"/")
				if within && !slices.Contains(users, name) {
					t.Errorf("%s imports %s, which is for %v", name, imported, users)
				}
			}
		}
	}
}

// TestKioskIsImportedOnlyByCmd keeps the web at the top of the house.
func TestKioskIsImportedOnlyByCmd(t *testing.T) {
	for _, line := range list(t, "-deps=false", `{{.ImportPath}} {{join .Imports " "}}`) {
		name, imports, _ := strings.Cut(line, " ")
		if strings.Contains(imports+" ", "sportello/kiosk ") && name != "sportello/cmd/sportello" {
			t.Errorf("%s imports kiosk", name)
		}
	}
}

func TestPurePackagesReachNeitherDatabaseNorNetwork(t *testing.T) {
	for _, name := range pure {
		for _, dep := range list(t, "-deps=true", "{{.ImportPath}}", "sportello/"+name) {
			if dep == "sportello/internal/store" || dep == "database/sql" || dep == "net/http" {
				t.Errorf("%s reaches %s", name, dep)
			}
		}
	}
}

// list runs go list over the given packages, or all of the module.
func list(t *testing.T, deps, format string, packages ...string) []string {
	t.Helper()
	if packages == nil {
		packages = []string{"sportello/..."}
	}
	out, err := exec.CommandContext(t.Context(), "go", append([]string{"list", deps, "-f", format}, packages...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}
