package calendar

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// The namespaces of WebDAV (RFC 4918) and CalDAV (RFC 4791).
const (
	nsDAV    = "DAV:"
	nsCalDAV = "urn:ietf:params:xml:ns:caldav"
)

// multistatus is an answer about many resources (RFC 4918, section 13).
type multistatus struct {
	responses []response
	token     string // of sync-collection (RFC 6578)
}

// response is what an answer says of one resource.
type response struct {
	Href      string     `xml:"DAV: href"`
	Status    string     `xml:"DAV: status"`
	Propstats []propstat `xml:"DAV: propstat"`
}

type propstat struct {
	Status string   `xml:"DAV: status"`
	Props  davProps `xml:"DAV: prop"`
}

// davProps are the properties that are asked for.
type davProps struct {
	ETag         string       `xml:"DAV: getetag"`
	Name         string       `xml:"DAV: displayname"`
	Type         resourceType `xml:"DAV: resourcetype"`
	Principal    hrefs        `xml:"DAV: current-user-principal"`
	Home         hrefs        `xml:"urn:ietf:params:xml:ns:caldav calendar-home-set"`
	Components   components   `xml:"urn:ietf:params:xml:ns:caldav supported-calendar-component-set"`
	Privileges   privileges   `xml:"DAV: current-user-privilege-set"`
	CalendarData *string      `xml:"urn:ietf:params:xml:ns:caldav calendar-data"`
}

type resourceType struct {
	Collection *struct{} `xml:"DAV: collection"`
	Calendar   *struct{} `xml:"urn:ietf:params:xml:ns:caldav calendar"`
}

type hrefs struct {
	Hrefs []string `xml:"DAV: href"`
}

type components struct {
	Comps []struct {
		Name string `xml:"name,attr"`
	} `xml:"urn:ietf:params:xml:ns:caldav comp"`
}

type privileges struct {
	Privileges []privilege `xml:"DAV: privilege"`
}

type privilege struct {
	All          *struct{} `xml:"DAV: all"`
	Write        *struct{} `xml:"DAV: write"`
	WriteContent *struct{} `xml:"DAV: write-content"`
	Bind         *struct{} `xml:"DAV: bind"`
}

// props are the properties that the resource has.
func (r response) props() davProps {
	for _, p := range r.Propstats {
		if statusOf(p.Status)/100 == 2 {
			return p.Props
		}
	}
	return davProps{}
}

// statusOf is the number in a status line such as HTTP/1.1 200 OK; 0 for none.
func statusOf(line string) int {
	fields := strings.Fields(line)
	if len(fields) < 2 {
		return 0
	}
	n, _ := strconv.Atoi(fields[1])
	return n
}

// mostResponses is how many resources one answer may tell of.
const mostResponses = 50_000

// readMultistatus reads an answer, which must be whole.
func readMultistatus(body []byte) (*multistatus, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	root, err := nextElement(d)
	if err != nil || root == nil || root.Name != (xml.Name{Space: nsDAV, Local: "multistatus"}) {
		return nil, fmt.Errorf("%w: no multistatus", ErrDAVNonsense)
	}
	var m multistatus
	for {
		e, err := nextElement(d)
		switch {
		case err != nil:
			return nil, fmt.Errorf("%w: %w", ErrDAVNonsense, err)
		case e == nil:
			return &m, nil
		case e.Name == xml.Name{Space: nsDAV, Local: "response"}:
			var r response
			if err := d.DecodeElement(&r, e); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrDAVNonsense, err)
			}
			if m.responses = append(m.responses, r); len(m.responses) > mostResponses {
				return nil, fmt.Errorf("%w: more than %d members", ErrDAVTooLarge, mostResponses)
			}
		case e.Name == xml.Name{Space: nsDAV, Local: "sync-token"}:
			if err := d.DecodeElement(&m.token, e); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrDAVNonsense, err)
			}
		default:
			if err := d.Skip(); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrDAVNonsense, err)
			}
		}
	}
}

// nextElement is the next element at the decoder's depth; nil at the end of the one around it.
func nextElement(d *xml.Decoder) (*xml.StartElement, error) {
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil, io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			return &t, nil
		case xml.EndElement:
			return nil, nil
		}
	}
}

// query sends PROPFIND or REPORT and reads the 207 that answers it.
func (d DAV) query(ctx context.Context, r davRequest, depth, body string) (*multistatus, *davAnswer, error) {
	r.header = map[string]string{"Content-Type": typeXML, "Depth": depth}
	r.body = `<?xml version="1.0" encoding="utf-8"?>` + body
	a, err := d.ask(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	if a.status != http.StatusMultiStatus {
		return nil, nil, fmt.Errorf("%s: %w: status %d", r.method, ErrDAVNonsense, a.status)
	}
	m, err := readMultistatus(a.body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", r.method, err)
	}
	return m, a, nil
}

// escapeXML is text as the content of an element.
func escapeXML(text string) string {
	var out strings.Builder
	_ = xml.EscapeText(&out, []byte(text)) // a Builder never fails
	return out.String()
}
