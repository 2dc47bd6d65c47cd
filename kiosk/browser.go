package kiosk

import "strings"

// browserOf is a browser and its system as people call them, from how it names itself (User-Agent);
// "" when it is none that is known.
func browserOf(agent string) string {
	browsers := []struct{ sign, name string }{ // who claims to be another comes before it
		{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"Safari/", "Safari"},
	}
	systems := []struct{ sign, name string }{
		{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	}
	var known []string
	for _, b := range browsers {
		if strings.Contains(agent, b.sign) {
			known = append(known, b.name)
			break
		}
	}
	for _, s := range systems {
		if strings.Contains(agent, s.sign) {
			known = append(known, s.name)
			break
		}
	}
	return strings.Join(known, ", ")
}
