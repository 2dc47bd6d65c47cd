// Package access decides who may come in and what they may do: accounts of staff, their sessions,
// enrolled devices, programs with tokens, and the one table of permissions.
//
// Secrets are kept as hashes: passwords as argon2id, tokens and codes, which are long random strings
// or live for minutes, as SHA-256. Whoever guesses is slowed down (failure.go); whoever comes in, is
// turned away for a reason that matters, or changes who may come in, is in the audit.
package access

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"time"
)

// Role is what somebody or something is let in as.
type Role string

// The roles. The devices and programs are roles too; Anyone is that of a visitor.
const (
	Administrator Role = "administrator" // a whole territory: users, institutions, keys
	Manager       Role = "manager"       // the offices named
	Officer       Role = "officer"       // desks, for the institutions acted for
	Volunteer     Role = "volunteer"     // reception: tickets and check-in, no personal data
	Observer      Role = "observer"      // figures only
	KioskDevice   Role = "kiosk"
	BoardDevice   Role = "board"
	AgentDevice   Role = "print-agent"
	ProgramRole   Role = "program" // by the scopes of its token
	Anyone        Role = "anyone"
)

// Roles are all roles, those of staff first.
var Roles = []Role{Administrator, Manager, Officer, Volunteer, Observer, KioskDevice, BoardDevice, AgentDevice, ProgramRole, Anyone}

// StaffRoles are those that an account may have.
var StaffRoles = Roles[:5:5]

// Permission is something that one may or may not do.
type Permission string

// The permissions.
const (
	SeePublic     Permission = "see public pages"
	SeeOffices    Permission = "see offices and services"
	UseKiosk      Permission = "take tickets at a kiosk"
	IssueTicket   Permission = "have a ticket issued"
	HoldTicket    Permission = "see and give back a ticket by its token"
	CheckIn       Permission = "check in the citizen of an appointment"
	SeeBoard      Permission = "see what a board shows"
	ShowBoard     Permission = "show the board"
	DrivePrinter  Permission = "print the jobs of a printer"
	WorkDesk      Permission = "open a desk and serve"
	CallChosen    Permission = "call a chosen ticket"
	IssueByHand   Permission = "make a ticket by hand"
	StopService   Permission = "stop and reopen a service"
	SeeQueue      Permission = "see an office's queue"
	CloseTheDay   Permission = "close those not served"
	RunOffice     Permission = "run an office without a desk"
	SeeMetrics    Permission = "see metrics"
	OwnAccount    Permission = "change the own password and sessions"
	Manage        Permission = "open the console"
	ManageUsers   Permission = "manage accounts"
	ManageDevices Permission = "manage devices and printers"
	ManageKeys    Permission = "manage programs and their tokens"
	EditTexts     Permission = "write the public texts"
	ManageForms   Permission = "manage official forms"
	EditTerritory Permission = "change offices, people and services"
	SeeAudit      Permission = "see who did what"
	Book          Permission = "hold and book a time"
	OwnBooking    Permission = "see, move and cancel an appointment by its token"
	SeeDiary      Permission = "see an office's appointments"
	EditDiary     Permission = "change an office's appointments"
	FillForms     Permission = "fill in forms for citizens"
	MakeFeeds     Permission = "make addresses for calendar programs"
)

// permissions says who may what. What has no row here is refused.
var permissions = map[Permission][]Role{
	SeePublic:     Roles,
	SeeOffices:    Roles,
	HoldTicket:    Roles,
	UseKiosk:      {KioskDevice},
	ShowBoard:     {BoardDevice},
	DrivePrinter:  {AgentDevice},
	IssueTicket:   {KioskDevice, Officer, Manager, Volunteer, ProgramRole},
	CheckIn:       {KioskDevice, Officer, Manager, Volunteer, ProgramRole},
	SeeBoard:      {BoardDevice, Administrator, Manager, Officer, Volunteer, ProgramRole},
	SeeQueue:      {Manager, Officer, Volunteer, Administrator},
	WorkDesk:      {Officer, Manager},
	CallChosen:    {Officer, Manager},
	IssueByHand:   {Officer, Manager, Volunteer},
	StopService:   {Officer, Manager},
	CloseTheDay:   {Officer, Manager},
	RunOffice:     {Manager},
	SeeMetrics:    {Administrator, ProgramRole},
	OwnAccount:    StaffRoles,
	Manage:        {Administrator, Manager, Officer, Observer},
	ManageUsers:   {Administrator},
	ManageDevices: {Administrator, Manager},
	ManageKeys:    {Administrator},
	EditTexts:     {Administrator, Manager},
	ManageForms:   {Administrator, Manager},
	EditTerritory: {Administrator, Manager},
	SeeAudit:      {Administrator, Manager, Officer},
	Book:          Roles,
	OwnBooking:    Roles,
	SeeDiary:      {Administrator, Manager, Officer},
	EditDiary:     {Manager, Officer},
	FillForms:     {Manager, Officer},
	MakeFeeds:     {Administrator, Manager, Officer},
}

// Scope is what a program's token is good for.
type Scope string

// The scopes. Every token may see offices, services and public pages.
const (
	TicketsScope      Scope = "tickets"      // issue tickets
	AppointmentsScope Scope = "appointments" // check in, and what is booked
	BoardScope        Scope = "board"        // what boards show
	MetricsScope      Scope = "metrics"      // what operators watch
)

// Scopes are all scopes.
var Scopes = []Scope{TicketsScope, AppointmentsScope, BoardScope, MetricsScope}

// scoped says which permissions of a program need a scope.
var scoped = map[Permission]Scope{IssueTicket: TicketsScope, CheckIn: AppointmentsScope, SeeBoard: BoardScope, SeeMetrics: MetricsScope}

// May reports whether a role has a permission; a program needs the scope besides.
func (r Role) May(p Permission) bool { return slices.Contains(permissions[p], r) }

// From is where a request comes from.
type From struct {
	Address string // of the network
	Agent   string // the browser or program, as it names itself
}

// Topic is what a commit touches that takes rights away: streams look at theirs again.
const Topic = "access"

// digest is how a random secret is kept.
func digest(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// reaches reports whether somebody of a territory ("" all) and offices (none: all of the territory)
// reaches an office.
func reaches(territory string, offices []string, inTerritory, office string) bool {
	return (territory == "" || territory == inTerritory) && (len(offices) == 0 || slices.Contains(offices, office))
}

// Page is a part of a list: what matches Text, after the key After, at most Limit.
type Page struct {
	Text, After string
	Limit       int
}

// DefaultLimit is how many rows a page of a list has.
const DefaultLimit = 50

func (p Page) limit() int {
	if p.Limit <= 0 || p.Limit > DefaultLimit {
		return DefaultLimit
	}
	return p.Limit
}

// expired reports whether an end, zero for none, is over.
func expired(until, now time.Time) bool { return !until.IsZero() && !now.Before(until) }
