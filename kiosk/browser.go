package kiosk

import (
	"regexp"
	"strings"
)

// program is a browser and its system as people call them.
type program struct{ browser, version, system string }

var signs = regexp.MustCompile(`(Edg|OPR|Firefox|Chrome|Safari)/([0-9]*)`)

// programOf reads how a browser names itself (User-Agent); nothing of one that is not known.
func programOf(agent string) (p program) {
	browsers := []struct{ sign, name string }{ // who claims to be another comes before it
		{"Edg", "Edge"}, {"OPR", "Opera"}, {"Firefox", "Firefox"}, {"Chrome", "Chrome"}, {"Safari", "Safari"},
	}
	systems := []struct{ sign, name string }{
		{"Windows", "Windows"}, {"Android", "Android"}, {"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Mac OS X", "macOS"}, {"Linux", "Linux"},
	}
	said := map[string]string{}
	for _, sign := range signs.FindAllStringSubmatch(agent, -1) {
		said[sign[1]] = sign[2]
	}
	for _, b := range browsers {
		if version, ok := said[b.sign]; ok {
			p.browser, p.version = b.name, version
			break
		}
	}
	for _, s := range systems {
		if strings.Contains(agent, s.sign) {
			p.system = s.name
			break
		}
	}
	return p
}

// browserOf is a browser and its system, such as "Firefox, Linux".
func browserOf(agent string) string {
	p := programOf(agent)
	return joined(", ", p.browser, p.system)
}

// softwareOf is what runs on a device, such as "Firefox 151, Linux".
func softwareOf(agent string) string {
	p := programOf(agent)
	if p.browser == "" {
		return agent
	}
	return joined(", ", joined(" ", p.browser, p.version), p.system)
}
