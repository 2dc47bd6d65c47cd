package kiosk

import (
	"html/template"
	"slices"
	"strconv"
	"strings"

	"github.com/skip2/go-qrcode"

	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/static"
)

// How many choices a page has: at most six, and fewer the larger they are.

func (p prefs) needsOnPage() int {
	if p.Large {
		return 4
	}
	return 6
}

func (p prefs) servicesOnPage() int {
	switch {
	case p.Low:
		return 2
	case p.Large:
		return 3
	}
	return 4
}

func (p prefs) foundOnPage(list bool) int {
	switch {
	case p.Low && !list:
		return 0 // they would be out of reach: the keyboard makes room for them
	case p.Large || p.Low:
		return 2
	}
	return 3
}

// current returns the services to offer for ids at an office on a day: an ended one is replaced by
// what it became, what the office does not list is left out, and none comes twice.
func current(office *territory.Office, ids []string, on timetable.Date) []*territory.Service {
	var all []*territory.Service
	for _, id := range ids {
		for _, s := range office.Territory.Current(id, on) {
			if _, ok := office.Offers(s.ID); ok && !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// named is a name in a language, in Italian where it has none, else in any it has.
func named(names map[string]string, lang string) string {
	for _, l := range []string{lang, static.Italian, "en"} {
		if name := names[l]; name != "" {
			return name
		}
	}
	for _, l := range territory.Languages() {
		if name := names[l]; name != "" {
			return name
		}
	}
	return ""
}

// iconOf is the picture for a need: that of the first of its services whose category has one.
func iconOf(services []*territory.Service) string {
	for _, s := range services {
		if icon := categoryIcon(s.Category); icon != "" {
			return icon
		}
	}
	return "people"
}

func categoryIcon(category string) string {
	switch category {
	case "accoglienza":
		return "talk"
	case "lavoro":
		return "work"
	case "disoccupazione":
		return "jobless"
	case "famiglia":
		return "family"
	case "previdenza":
		return "pension"
	case "imprese":
		return "business"
	case "inclusione":
		return "support"
	case "salute":
		return "health"
	case "comune":
		return "document"
	}
	return ""
}

func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// qrImage is a QR code as a path of squares, and the side of its view box.
type qrImage struct {
	Side int
	Path template.HTMLAttr
}

// newQRImage draws content at error correction M with the quiet zone of four modules that ISO/IEC
// 18004 asks for.
func newQRImage(content string) (*qrImage, error) {
	code, err := qrcode.New(content, qrcode.Medium)
	if err != nil {
		return nil, err
	}
	matrix := code.Bitmap()
	var path strings.Builder
	for y, row := range matrix {
		for x, dark := range row {
			if dark {
				path.WriteString("M" + strconv.Itoa(x) + " " + strconv.Itoa(y) + "h1v1h-1z")
			}
		}
	}
	return &qrImage{Side: len(matrix), Path: template.HTMLAttr(`d="` + path.String() + `"`)}, nil
}
