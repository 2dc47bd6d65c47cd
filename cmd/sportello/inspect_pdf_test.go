package main

import (
	"bytes"
	"compress/zlib"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sportello/printouts/pdf"
)

// pageFile is a file of one page with a stream that it does not draw.
func pageFile(head, data string) []byte {
	objects := []string{
		"<</Pages 2 0 R>>", "<</Kids [3 0 R]>>", "<</Type /Page /MediaBox [0 0 595 842]>>",
		fmt.Sprintf("<<%s /Length %d>>\nstream\n%s\nendstream", head, len(data), data),
	}
	var out, table bytes.Buffer
	out.WriteString("%PDF-1.4\n")
	for i, object := range objects {
		fmt.Fprintf(&table, "%010d 00000 n \n", out.Len())
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	start := out.Len()
	fmt.Fprintf(&out, "xref\n0 %d\n0000000000 65535 f \n%strailer\n<</Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, table.String(), start)
	return out.Bytes()
}

// packed is data as a stream holds it.
func packed(t *testing.T, data []byte) string {
	t.Helper()
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// crowd is a small file with an object stream of ten million values.
func crowd(t *testing.T) []byte {
	t.Helper()
	data := packed(t, append([]byte("5 0 ["), bytes.Repeat([]byte("[] "), 10<<20)...))
	objects := []string{
		"<</Pages 2 0 R>>", "<</Kids [3 0 R]>>", "<</Type /Page /MediaBox [0 0 595 842]>>",
		fmt.Sprintf("<</Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d>>\nstream\n%s\nendstream", len(data), data),
	}
	var out bytes.Buffer
	out.WriteString("%PDF-1.5\n")
	rows := []byte{0, 0, 0, 0}
	for i, object := range objects {
		rows = append(rows, 1, byte(out.Len()>>8), byte(out.Len()), 0)
		fmt.Fprintf(&out, "%d 0 obj\n%s\nendobj\n", i+1, object)
	}
	rows = append(rows, 2, 0, 4, 0)
	start := out.Len()
	fmt.Fprintf(&out, "6 0 obj\n<</Type /XRef /Size 6 /W [1 2 1] /Root 1 0 R /Length %d>>\nstream\n%s\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n", len(rows), rows, start)
	return out.Bytes()
}

// TestInspectorCleansInAProcessOfItsOwn has this test binary be the program that is started.
func TestInspectorCleansInAProcessOfItsOwn(t *testing.T) {
	inspect := newInspector().clean
	file := pageFile("", "x")
	clean, pages, err := inspect(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := pdf.Clean(file)
	if err != nil || !bytes.Equal(clean, want) || len(pages) != 1 || pages[0].Width != 595 {
		t.Errorf("got %d bytes and %v, want %d bytes; %v", len(clean), pages, len(want), err)
	}
	for _, test := range []struct {
		name string
		file []byte
		want pdf.Refusal
	}{
		{"empty", nil, pdf.Empty},
		{"no PDF", []byte("GIF89a"), pdf.NoPDF},
		{"cut off", file[:len(file)/2], pdf.Broken},
		{"large", bytes.Repeat(file, pdf.MaxSize/len(file)+1), pdf.TooLarge},
		{"unpacks to much", pageFile("/Filter /FlateDecode", packed(t, make([]byte, 64<<20))), pdf.Heavy},
		{"values in values", pageFile("/X "+strings.Repeat("[", 4<<20), "x"), ""}, // nothing draws them
		{"ten million values in a small file", crowd(t), pdf.Heavy},
		{"a million values", pageFile("/X ["+strings.Repeat("<<>>", 1<<20)+"]", "x"), ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			began := time.Now()
			_, _, err := inspect(t.Context(), test.file)
			if test.want == "" && err != nil && !errors.Is(err, pdf.Heavy) || test.want != "" && !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
			t.Logf("%v after %v", err, time.Since(began))
		})
	}
	gone, leave := context.WithCancel(t.Context())
	leave()
	if _, _, err := inspect(gone, file); !errors.Is(err, context.Canceled) {
		t.Errorf("who left is told %v", err)
	}
}
