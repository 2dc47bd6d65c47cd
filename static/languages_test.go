package static_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/static"
)

func TestLanguages(t *testing.T) {
	want := []static.Language{
		{Code: "it", Own: "Italiano", Reviewed: true},
		{Code: "en", Own: "English"},
		{Code: "ro", Own: "Română"},
		{Code: "ar", Own: "العربية", RTL: true, Script: "arabic"},
		{Code: "uk", Own: "Українська", Script: "cyrillic"},
		{Code: "es", Own: "Español"},
		{Code: "fr", Own: "Français"},
		{Code: "sq", Own: "Shqip"},
		{Code: "zh", Own: "中文", Script: "chinese"},
	}
	got := static.Languages()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("languages (-want +got):\n%s", diff)
	}
	got[0].Code = "xx"
	if static.Languages()[0].Code != "it" {
		t.Error("a caller changed the languages of all")
	}
}

func TestMatch(t *testing.T) {
	tests := []struct{ name, header, want string }{
		{"none", "", "it"},
		{"nonsense", ";;q=", "it"},
		{"plain", "uk", "uk"},
		{"region", "ro-MD", "ro"},
		{"order of weight", "de;q=0.9, fr;q=0.8, en;q=0.5", "fr"},
		{"browser in Italy", "it-IT,it;q=0.9,en-US;q=0.8,en;q=0.7", "it"},
		{"nothing we speak", "ja, de;q=0.5", "it"},
		{"Chinese as browsers say it", "zh-CN,zh;q=0.9", "zh"},
		{"Moroccan Arabic", "ar-MA", "ar"},
		{"Albanian of Kosovo", "sq-XK", "sq"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := static.Match(tt.header); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDate(t *testing.T) {
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	tuesday := time.Date(2026, time.November, 24, 9, 30, 0, 0, rome)
	tests := []struct {
		name, lang string
		at         time.Time
		style      static.DateStyle
		want       string
	}{
		{"Italian", "it", tuesday, static.Day, "martedì 24 novembre"},
		{"Italian short", "it", tuesday, static.DayMonth, "24 novembre"},
		{"Italian full", "it", tuesday, static.FullDate, "martedì 24 novembre 2026"},
		{"Italian first", "it", time.Date(2026, 12, 1, 9, 0, 0, 0, rome), static.Day, "martedì 1º dicembre"},
		{"the zone of the time decides", "it", time.Date(2026, 11, 24, 23, 30, 0, 0, time.UTC).In(rome), static.Day, "mercoledì 25 novembre"},
		{"English", "en", tuesday, static.FullDate, "Tuesday 24 November 2026"},
		{"Romanian", "ro", tuesday, static.Day, "marți, 24 noiembrie"},
		{"Arabic", "ar", tuesday, static.Day, "الثلاثاء 24 نوفمبر"},
		{"Ukrainian", "uk", tuesday, static.FullDate, "вівторок, 24 листопада 2026 року"},
		{"Spanish", "es", tuesday, static.FullDate, "martes 24 de noviembre de 2026"},
		{"French first", "fr", time.Date(2026, 12, 1, 9, 0, 0, 0, rome), static.DayMonth, "1er décembre"},
		{"Albanian", "sq", tuesday, static.Day, "e martë, 24 nëntor"},
		{"Chinese", "zh", tuesday, static.FullDate, "2026年11月24日星期二"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := static.Date(tt.lang, tt.at, tt.style); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestWeekday(t *testing.T) {
	if got, want := static.Weekday("sq", time.Sunday), "e diel"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
