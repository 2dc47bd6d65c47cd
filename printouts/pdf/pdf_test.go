package pdf_test

import (
	"bytes"
	"compress/zlib"
	"errors"
	"fmt"
	"image"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/printouts/pdf"
)

// built writes objects, numbered from 1, as a file whose first object is its catalog.
func built(trailer string, objects ...string) []byte {
	var out, table bytes.Buffer
	out.WriteString("%PDF-1.4\n")
	for i, object := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Size %d /Root 1 0 R %s>>\nstartxref\n%d\n%%%%EOF\n",
		len(objects)+1, table.String(), len(objects)+1, trailer, start)
	return out.Bytes()
}

func stream(head, data string) string {
	return fmt.Sprintf("<<%s /Length %d>>\nstream\n%s\nendstream", head, len(data), data)
}

// written is a page's drawing: a word and a corner of the page.
func written(word string, x, y int) string {
	return stream("", fmt.Sprintf("BT /F#31 20 Tf %d %d Td (%s) Tj ET 1 0 0 rg %d %d 40 12 re f", x, y, word, x, y-20))
}

const helvetica = "<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>"

// form is a file of two pages of different sizes that inherit their fonts; more is of the first page,
// catalog of the catalog.
func form(more, catalog string, extra ...string) []byte {
	return built("", append([]string{
		"<</Type /Catalog /Pages 2 0 R " + catalog + ">>",
		"<</Type /Pages /Kids [3 0 R 4 0 R] /Count 2 /MediaBox [0 0 595 842] /Resources <</Font <</F1 7 0 R>>>>>>",
		"<</Type /Page /Parent 2 0 R /Contents 5 0 R " + more + ">>",
		"<</Type /Page /Parent 2 0 R /Contents [6 0 R] /MediaBox [0 0 842 595]>>",
		written("Uno", 100, 700), written("Due", 700, 500), helvetica,
	}, extra...)...)
}

// made runs qpdf on a file.
func made(t *testing.T, file []byte, args ...string) []byte {
	t.Helper()
	from, to := filepath.Join(t.TempDir(), "from.pdf"), filepath.Join(t.TempDir(), "to.pdf")
	if err := os.WriteFile(from, file, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "qpdf", append(append([]string{from}, args...), to)...).CombinedOutput(); err != nil {
		t.Fatalf("qpdf: %v\n%s", err, out)
	}
	all, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// drawn is each page of a file as a picture, cropped as it is seen.
func drawn(t *testing.T, file []byte) (pages []image.Image) {
	t.Helper()
	at := filepath.Join(t.TempDir(), "drawn.pdf")
	if err := os.WriteFile(at, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "page")
	if text, err := exec.CommandContext(t.Context(), "pdftoppm", "-png", "-r", "50", "-cropbox", at, out).CombinedOutput(); err != nil || len(text) > 0 {
		t.Fatalf("pdftoppm: %v\n%s", err, text)
	}
	all, _ := filepath.Glob(out + "*")
	for _, name := range all {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		page, err := png.Decode(bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, page)
	}
	return pages
}

// differ counts the points in which two pictures differ by more than the edge of a letter may.
func differ(a, b image.Image) (n int) {
	if a.Bounds() != b.Bounds() {
		return -1
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			r, g, bl, _ := a.At(x, y).RGBA()
			r2, g2, b2, _ := b.At(x, y).RGBA()
			if max(r, r2)-min(r, r2) > 0x5000 || max(g, g2)-min(g, g2) > 0x5000 || max(bl, b2)-min(bl, b2) > 0x5000 {
				n++
			}
		}
	}
	return n
}

// TestClean has other programs draw files before and after.
func TestClean(t *testing.T) {
	a4, wide := pdf.Page{Width: 595, Height: 842}, pdf.Page{Width: 842, Height: 595}
	plain := form("", "")
	for _, test := range []struct {
		name string
		file []byte
		want []pdf.Page
	}{
		{"two pages, the second on its side", plain, []pdf.Page{a4, wide}},
		{"object streams and a stream of references", made(t, plain, "--object-streams=generate", "--compress-streams=y"), []pdf.Page{a4, wide}},
		{"linearized", made(t, plain, "--linearize"), []pdf.Page{a4, wide}},
		{"turned by 90", form("/Rotate 90", ""), []pdf.Page{wide, wide}},
		{"turned by 180", form("/Rotate 180", ""), []pdf.Page{a4, wide}},
		{"turned by 270, backwards", form("/Rotate -90", ""), []pdf.Page{wide, wide}},
		{"cropped, not from 0", form("/CropBox [50 400 450 800]", ""), []pdf.Page{{Width: 400, Height: 400}, wide}},
		{"cropped and turned", form("/CropBox [50 500 450 800] /Rotate 90", ""), []pdf.Page{{Width: 300, Height: 400}, wide}},
		{"a box whose corners are the other way round", form("/MediaBox [595 842 0 0]", ""), []pdf.Page{a4, wide}},
		{"a box below 0", form("/MediaBox [-100 -50 495 792]", ""), []pdf.Page{a4, wide}},
		{"opens at a page, leads to an address", form("/Annots [<</Subtype /Link /Border [0 0 0] /Rect [0 0 9 9] /A <</S /URI /URI (https://prova.example)>>>>]",
			"/OpenAction [3 0 R /XYZ null null 0]"), []pdf.Page{a4, wide}},
		{"something before its head", append([]byte("\n\n"), plain...), []pdf.Page{a4, wide}},
		{"changed afterwards", made(t, made(t, plain, "--object-streams=generate"), "--rotate=+90:1"), []pdf.Page{wide, wide}},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean, pages, err := pdf.Clean(test.file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, pages); diff != "" {
				t.Errorf("pages (-want +got):\n%s", diff)
			}
			before, after := drawn(t, test.file), drawn(t, clean)
			if len(before) != len(after) {
				t.Fatalf("%d pages, want %d", len(after), len(before))
			}
			for i := range before {
				if n := differ(before[i], after[i]); n != 0 {
					t.Errorf("page %d: %d points differ", i+1, n)
				}
			}
			again, same, err := pdf.Clean(clean)
			if err != nil || !cmp.Equal(same, pages) {
				t.Errorf("cleaned again: %v %v", same, err)
			}
			if twice, _, _ := pdf.Clean(test.file); !bytes.Equal(clean, twice) {
				t.Error("two cleanings of one file differ")
			}
			made(t, clean) // which warns of what is not as it should be
			if n := differ(before[0], drawn(t, again)[0]); n != 0 {
				t.Errorf("cleaned again: %d points differ", n)
			}
		})
	}
}

// bomb is zeros, packed as often as levels says.
func bomb(t *testing.T, size int64, levels int) string {
	t.Helper()
	data := bytes.Repeat([]byte("0 "), int(size/2))
	for range levels {
		var out bytes.Buffer
		w, err := zlib.NewWriterLevel(&out, zlib.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		data = out.Bytes()
	}
	return string(data)
}

func TestRefused(t *testing.T) {
	plain := form("", "")
	many := func(n int) []byte {
		objects := []string{"<</Type /Catalog /Pages 2 0 R>>", ""}
		kids := ""
		for i := range n {
			kids += fmt.Sprintf("%d 0 R ", i+3)
			objects = append(objects, "<</Type /Page /MediaBox [0 0 595 842]>>")
		}
		objects[1] = "<</Kids [" + kids + "]>>"
		return built("", objects...)
	}
	script := "<</S /JavaScript /JS (app.alert\\(1\\))>>"
	large := bomb(t, 64<<20, 1)
	for _, test := range []struct {
		name string
		file []byte
		want pdf.Refusal
	}{
		{"empty", nil, pdf.Empty},
		{"a picture", []byte("\x89PNG\r\n\x1a\n"), pdf.NoPDF},
		{"a head alone", []byte("%PDF-1.7\n"), pdf.Broken},
		{"too large", append(bytes.Clone(plain), make([]byte, pdf.MaxSize)...), pdf.TooLarge},
		{"with a password", made(t, plain, "--encrypt", "segreto", "padrone", "256", "--"), pdf.Encrypted},
		{"only against changes", made(t, plain, "--encrypt", "", "padrone", "128", "--use-aes=y", "--modify=none", "--"), pdf.Encrypted},
		{"cut off", plain[:len(plain)*2/3], pdf.Broken},
		{"cut off in object streams", made(t, plain, "--object-streams=generate")[:700], pdf.Broken},
		{"its middle missing", append(bytes.Clone(plain[:300]), plain[500:]...), pdf.Broken},
		{"21 pages", many(21), pdf.TooMany},
		{"10,000 pages", many(10_000), pdf.TooMany},
		{"no page", many(0), pdf.TooMany},
		{"pages in a circle", built("", "<</Pages 2 0 R>>", "<</Kids [2 0 R]>>"), pdf.Broken},
		{"tables in a circle", bytes.Replace(plain, []byte("/Root 1 0 R "), []byte("/Root 1 0 R /Prev "+fmt.Sprint(bytes.LastIndex(plain, []byte("\nxref"))+1)), 1), pdf.Broken},
		{"a stamp", form("/MediaBox [0 0 20 20]", ""), pdf.OddSize},
		{"a wall", form("/MediaBox [0 0 20000 20000]", ""), pdf.OddSize},
		{"another unit", form("/UserUnit 10", ""), pdf.OddSize},
		{"no box", built("", "<</Pages 2 0 R>>", "<</Kids [3 0 R]>>", "<</Type /Page>>"), pdf.Broken},
		{"a script when it opens", form("", "/OpenAction "+script), pdf.Script},
		{"a script elsewhere", form("", "/OpenAction 8 0 R", script), pdf.Script},
		{"a script that nothing leads to", form("", "", script), pdf.Script},
		{"a script under an escaped key", form("", "/OpenAction <</S /J#61vaScript /J#53 (x)>>"), pdf.Script},
		{"a script in an object stream", made(t, form("", "/OpenAction 8 0 R", script), "--object-streams=generate"), pdf.Script},
		{"a script among names", form("", "/Names <</JavaScript <</Names [(a) 8 0 R]>>>>", script), pdf.Script},
		{"a script of a field", form("/Annots [<</Subtype /Widget /FT /Tx /Rect [0 0 9 9] /AA <</K "+script+">>>>]", ""), pdf.Script},
		{"a program", form("", "/OpenAction <</S /Launch /F (calc.exe)>>"), pdf.Action},
		{"sends what is filled in", form("/Annots [<</Subtype /Widget /Rect [0 0 9 9] /A <</S /SubmitForm /F (https://prova.example)>>>>]", ""), pdf.Action},
		{"a form of Adobe's own kind", form("", "/AcroForm <</Fields [] /XFA 8 0 R>>", stream("", "<xdp/>")), pdf.XFA},
		{"a file in it", form("", "/Names <</EmbeddedFiles <</Names [(a) 8 0 R]>>>>", "<</Type /Filespec /EF <</F 9 0 R>>>>", stream("/Type /EmbeddedFile", "x")), pdf.Attachment},
		{"a file pinned to it", form("/Annots [<</Subtype /FileAttachment /Rect [0 0 9 9]>>]", ""), pdf.Attachment},
		{"a page that unpacks to 64 MB", form("/Contents 8 0 R", "", stream("/Filter /FlateDecode", large)), pdf.Heavy},
		{"one packed twice", form("/Contents 8 0 R", "", stream("/Filter [/FlateDecode /FlateDecode]", bomb(t, 64<<20, 2))), pdf.Heavy},
		{"one in letters", form("/Contents 8 0 R", "", stream("/Filter [/ASCIIHexDecode /FlateDecode]", fmt.Sprintf("%x>", large))), pdf.Heavy},
		{"one that nothing leads to", form("", "", stream("/Filter /FlateDecode", large)), pdf.Heavy},
		{"a picture of a gigapixel", form("", "", stream("/Type /XObject /Subtype /Image /Width 40000 /Height 40000 /Filter /DCTDecode", "x")), pdf.Heavy},
		{"values in values", form(strings.Repeat("/A <<", 200)+strings.Repeat(">>", 200), ""), pdf.Broken},
		{"a page packed in an unknown way", form("/Contents 8 0 R", "", stream("/Filter /Unheard", "x")), pdf.Broken},
	} {
		t.Run(test.name, func(t *testing.T) {
			clean, _, err := pdf.Clean(test.file)
			if !errors.Is(err, test.want) || clean != nil {
				t.Errorf("got %d bytes, %v, want %v", len(clean), err, test.want)
			}
		})
	}
}

// TestCleanKeepsOnlyWhatIsDrawn looks for what the pages do not need.
func TestCleanKeepsOnlyWhatIsDrawn(t *testing.T) {
	clean, _, err := pdf.Clean(form("/Annots [8 0 R] /Metadata 9 0 R", "/Lang (it)", "<</Subtype /Link /Rect [0 0 9 9] /A <</S /URI /URI (https://prova.example)>>>>",
		stream("/Type /Metadata", "<author>Qualcuno</author>"), "(nobody)"))
	if err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{"prova.example", "Qualcuno", "nobody", "/Annots", "/Metadata"} {
		if bytes.Contains(clean, []byte(gone)) {
			t.Errorf("%s is still there", gone)
		}
	}
}

// FuzzClean feeds anything: it must neither crash nor give what cannot be read again.
func FuzzClean(f *testing.F) {
	f.Add(form("", ""))
	f.Add(form("/Rotate 90 /CropBox [1 2 300 400]", "/OpenAction [3 0 R /Fit]"))
	f.Add(built("/Prev 9 /XRefStm 9", "<</Pages 2 0 R>>", "<</Kids [<</MediaBox [0 0 99 99] /Contents [4 0 R]>>]>>", "null", stream("/Filter [/A85 /LZW]", "s8W-!~>")))
	f.Add([]byte("%PDF-1.5\n1 0 obj<</Type/XRef/W[1 2 1]/Size 3/Root 2 0 R/Length 12>>stream\n012345678901\nendstream endobj\nstartxref 9"))
	f.Fuzz(func(t *testing.T, file []byte) {
		clean, pages, err := pdf.Clean(file)
		if err != nil {
			if refusal := pdf.Refusal(""); !errors.As(err, &refusal) {
				t.Fatalf("no refusal: %v", err)
			}
			return
		}
		read, err := pdf.Open(clean)
		if err != nil || !cmp.Equal(read.Pages(), pages) {
			t.Fatalf("cannot be read again: %v", err)
		}
	})
}
