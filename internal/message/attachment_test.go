package message_test

import (
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/message"
	"sportello/internal/store"
)

const (
	calendar      = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nMETHOD:PUBLISH\r\nBEGIN:VEVENT\r\nSUMMARY:Perché sì\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	withoutMethod = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\nDESCRIPTION:x\r\nMETHOD:PUBLISH\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	published     = "text/calendar; charset=utf-8; method=PUBLISH"
)

// part is a part of a mail as a mail program finds it, in the order of the tree.
type part struct{ Type, Name, Content string }

func parts(t *testing.T, contentType, name string, body io.Reader) []part {
	t.Helper()
	media, params, err := mime.ParseMediaType(contentType)
	if err != nil {
		t.Fatalf("%s: %v", contentType, err)
	}
	if !strings.HasPrefix(media, "multipart/") {
		content, err := io.ReadAll(body)
		if err != nil {
			t.Fatal(err)
		}
		delete(params, "name")
		return []part{{mime.FormatMediaType(media, params), name, string(content)}}
	}
	all := []part{{Type: media}}
	for r := multipart.NewReader(body, params["boundary"]); ; {
		p, err := r.NextPart() // decodes quoted-printable
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		content := io.Reader(p)
		if p.Header.Get("Content-Transfer-Encoding") == "base64" {
			content = base64.NewDecoder(base64.StdEncoding, p)
		}
		all = append(all, parts(t, p.Header.Get("Content-Type"), p.FileName(), content)...)
	}
}

// TestAttachments reads a mail with a calendar and another file as a mail program does.
func TestAttachments(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{})
		bytes := string([]byte{0, 1, 254, 255, '\n', '\r'})
		p.enqueue(message.Mail{
			To: planted, Subject: "约会", Text: "你好\n再见\n", Language: "zh",
			Attachments: []message.Attachment{
				{Name: "appuntamento.ics", Type: published, Content: []byte(calendar)},
				{Name: "ricevuta.pdf", Type: "application/pdf", Content: []byte(bytes)},
			},
		})
		if got := p.rows()[0].Words; !strings.Contains(got, "ricevuta.pdf") {
			t.Errorf("not kept: %s", got)
		}
		if err := p.deliver(p.postman(s, "smtp", "")); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]row{{State: "sent", Attempts: 1}}, p.rows()); diff != "" {
			t.Errorf("not erased: %s", diff)
		}
		m, err := mail.ReadMessage(strings.NewReader(s.taken()[0]))
		if err != nil {
			t.Fatal(err)
		}
		subject, _ := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		got := []string{subject, m.Header.Get("Content-Language"), m.Header.Get("Auto-Submitted")}
		if diff := cmp.Diff([]string{"约会", "zh", "auto-generated"}, got); diff != "" {
			t.Error(diff)
		}
		const typed = "text/calendar; charset=UTF-8; method=PUBLISH"
		lines := strings.ReplaceAll(calendar, "\r\n", "\n") // as the server reads them
		want := []part{
			{Type: "multipart/mixed"},
			{Type: "multipart/alternative"},
			{"text/plain; charset=UTF-8", "", "你好\n再见\n"},
			{typed, "", lines},
			{published, "appuntamento.ics", calendar},
			{"application/pdf", "ricevuta.pdf", bytes},
		}
		if diff := cmp.Diff(want, parts(t, m.Header.Get("Content-Type"), "", m.Body)); diff != "" {
			t.Errorf("%s\n%s", diff, s.taken()[0])
		}
	})
}

func TestEnqueueChecksAttachments(t *testing.T) {
	large := make([]byte, message.MaxSize/2)
	tests := []struct {
		name  string
		files []message.Attachment
		want  error
	}{
		{"a calendar with its method", []message.Attachment{{Name: "a.ics", Type: published, Content: []byte(calendar)}}, nil},
		{"in small letters", []message.Attachment{{Name: "a.ics", Type: "TEXT/Calendar; method=publish", Content: []byte(calendar)}}, nil},
		{"a calendar without a method", []message.Attachment{{Name: "a.ics", Type: "text/calendar", Content: []byte(withoutMethod)}}, nil},
		{"a method that is not told", []message.Attachment{{Name: "a.ics", Type: "text/calendar", Content: []byte(calendar)}}, message.ErrAttachment},
		{"another method", []message.Attachment{{Name: "a.ics", Type: "text/calendar; method=REQUEST", Content: []byte(calendar)}}, message.ErrAttachment},
		{"a method that is not there", []message.Attachment{{Name: "a.ics", Type: published, Content: []byte(withoutMethod)}}, message.ErrAttachment},
		{"no name", []message.Attachment{{Type: "application/pdf"}}, message.ErrAttachment},
		{"no type", []message.Attachment{{Name: "a.pdf"}}, message.ErrAttachment},
		{"a type with a line of its own", []message.Attachment{{Name: "a.pdf", Type: "application/pdf\r\nBcc: x@y.example"}}, message.ErrAttachment},
		{"a type with parts", []message.Attachment{{Name: "a", Type: "multipart/mixed; boundary=x"}}, message.ErrAttachment},
		{"as large as may be", []message.Attachment{{Name: "a", Type: "application/pdf", Content: large}, {Name: "b", Type: "application/pdf", Content: large}}, nil},
		{"too large together", []message.Attachment{{Name: "a", Type: "application/pdf", Content: large}, {Name: "b", Type: "application/pdf", Content: append(large, 0)}}, message.ErrTooLarge},
	}
	each(t, func(t *testing.T, p post) {
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				err := p.db.Update(t.Context(), func(tx *store.Tx) error {
					return message.Enqueue(t.Context(), tx, message.Mail{To: planted, Attachments: tt.files})
				})
				if !errors.Is(err, tt.want) {
					t.Errorf("got %v, want %v", err, tt.want)
				}
			})
		}
	})
}

// TestNamesCannotBreakOut attaches a file whose name and type would begin lines of their own.
func TestNamesCannotBreakOut(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		s := serve(t, "127.0.0.1", script{})
		p.enqueue(message.Mail{
			To: planted, Text: "x", Language: "it\r\nBcc: altri@posta.example",
			Attachments: []message.Attachment{{Name: "a\"\r\nX-Altro: 1", Type: "application/pdf;\r\nx=1", Content: []byte("y")}},
		})
		if err := p.deliver(p.postman(s, "smtp", "")); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(s.taken()[0]) {
			if strings.HasPrefix(line, "Bcc") || strings.HasPrefix(line, "X-Altro") || strings.HasPrefix(line, "x=1") {
				t.Errorf("got the line %s", line)
			}
		}
	})
}

// TestLanguageIsNotKept: which language somebody reads tells something of them.
func TestLanguageIsNotKept(t *testing.T) {
	each(t, func(t *testing.T, p post) {
		p.enqueue(message.Mail{To: planted, Language: "ar"})
		p.clock.Add(message.GiveUpAfter)
		p.update(message.Forget)
		var language string
		err := p.db.View(t.Context(), func(tx *store.Tx) error {
			return tx.QueryRow(context.Background(), `SELECT language FROM messages`).Scan(&language)
		})
		if err != nil || language != "" {
			t.Errorf("got %q, %v", language, err)
		}
	})
}
