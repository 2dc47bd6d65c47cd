package printouts_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// document writes a PDF file, has qpdf check it and returns its path.
func document(t *testing.T, pdf []byte, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "document.pdf")
	if err := os.WriteFile(path, pdf, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "qpdf", "--check", path)
	return path
}

// TestStructure has poppler read the structure of documents aloud.
func TestStructure(t *testing.T) {
	ticket, err := samples(t)["ukrainian"].PDF()
	documents := map[string]string{"ticket": document(t, ticket, err)}
	paper, err := receipts(t)["ukrainian"].PDF()
	documents["receipt"] = document(t, paper, err)
	letter, err := receipts(t)["long"].A4()
	documents["letter"] = document(t, letter, err)
	for name, path := range documents {
		golden(t, "structure-"+name+".txt", string(run(t, "pdfinfo", "-struct-text", path)))
		if info := string(run(t, "pdfinfo", path)); !strings.Contains(info, "Tagged:          yes") {
			t.Errorf("%s is not tagged:\n%s", name, info)
		}
	}
	said := string(run(t, "qpdf", "--json", documents["receipt"]))
	for _, want := range []string{
		`"/Alt": "u:` + receipts(t)["ukrainian"].Words.Scan.Italian + " " + receipts(t)["ukrainian"].URL + `"`,
		`"/Lang": "u:uk"`, `"/Marked": true`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("the document has no %s", want)
		}
	}
}
