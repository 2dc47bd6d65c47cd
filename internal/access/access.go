// Package access decides who may come in and what they may do: accounts of staff, their sessions,
// enrolled devices, and the one table of permissions.
//
// Secrets are kept as hashes: passwords as argon2id, cookies and enrolment codes, which are long
// random strings or live for minutes, as SHA-256.
package access

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// Role is what an account is for.
type Role string

// The roles. Device is that of an enrolled kiosk, board or print agent; Anyone that of a visitor.
const (
	Administrator Role = "administrator"
	Manager       Role = "manager"
	Officer       Role = "officer"
	Volunteer     Role = "volunteer"
	Observer      Role = "observer"
	KioskDevice   Role = "kiosk"
	BoardDevice   Role = "board"
	Anyone        Role = "anyone"
)

// Permission is something that one may or may not do.
type Permission string

// The permissions.
const (
	SeePublic   Permission = "see public pages"
	UseKiosk    Permission = "take tickets at a kiosk"
	IssueTicket Permission = "have a ticket issued"
	SeeBoard    Permission = "see what a board shows"
	ShowBoard   Permission = "show the board"
	WorkDesk    Permission = "open a desk and serve"
	CallChosen  Permission = "call a chosen ticket"
	IssueByHand Permission = "make a ticket by hand"
	StopService Permission = "stop and reopen a service"
	SeeQueue    Permission = "see an office's queue"
	CloseTheDay Permission = "close those not served"
	RunOffice   Permission = "run an office without a desk"
	SeeFigures  Permission = "see figures"
)

// permissions says who may what. What has no row here is refused.
var permissions = map[Permission][]Role{
	SeePublic:   {Anyone, Administrator, Manager, Officer, Volunteer, Observer, KioskDevice, BoardDevice},
	UseKiosk:    {KioskDevice},
	ShowBoard:   {BoardDevice},
	IssueTicket: {KioskDevice, Officer, Manager, Volunteer},
	SeeBoard:    {KioskDevice, BoardDevice, Administrator, Manager, Officer, Volunteer},
	SeeQueue:    {Manager, Officer, Volunteer, Administrator},
	WorkDesk:    {Officer, Manager},
	CallChosen:  {Officer, Manager},
	IssueByHand: {Officer, Manager, Volunteer},
	StopService: {Officer, Manager},
	CloseTheDay: {Officer, Manager},
	RunOffice:   {Manager},
	SeeFigures:  {Administrator, Manager, Observer},
}

// May reports whether a role has a permission.
func (r Role) May(p Permission) bool { return slices.Contains(permissions[p], r) }

// User is an account of a member of staff.
type User struct {
	ID        string
	Rev       int64
	Login     string
	Name      string
	Role      Role
	Territory string   // "" all
	Officer   string   // who of that territory the account acts as at a desk; "" nobody
	Offices   []string // none: all of the territory
	Until     time.Time
}

// In reports whether the account reaches an office of a territory.
func (u User) In(territory, office string) bool {
	return (u.Territory == "" || u.Territory == territory) &&
		(len(u.Offices) == 0 || slices.Contains(u.Offices, office))
}

// DeviceKind is what an enrolled device is.
type DeviceKind string

// The kinds of devices.
const (
	Kiosk      DeviceKind = "kiosk"
	Board      DeviceKind = "board"
	PrintAgent DeviceKind = "print-agent"
)

// Device is an enrolled kiosk, board or print agent of an office.
type Device struct {
	ID      string
	Office  string
	Kind    DeviceKind
	Name    string
	Printer string // where its tickets come out; "" none
}

// Role is the role a device acts in.
func (d Device) Role() Role { return Role(d.Kind) }

// digest is how a random secret is kept.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
