package calendar

import (
	"net/url"
	"strings"

	"sportello/internal/fault"
)

const longestAddress = 2000

// CheckAddress returns the address of a source as it is kept: webcal:// means https://. The fault is
// address_invalid for what is no address on the web, or has a user or password in it.
func CheckAddress(address string) (string, error) {
	invalid := fault.New(fault.Invalid, "address_invalid")
	u, err := url.Parse(strings.TrimSpace(address))
	if err != nil || len(address) > longestAddress || u.Hostname() == "" || u.User != nil {
		return "", invalid
	}
	switch u.Scheme {
	case "webcal", "webcals":
		u.Scheme = "https"
	case "http", "https":
	default:
		return "", invalid
	}
	u.Fragment, u.RawFragment = "", ""
	return u.String(), nil
}

// shown is an address without its path, in which feeds have their secret.
func shown(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/…"
}
