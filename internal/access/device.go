package access

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// DeviceKind is what an enrolled device is.
type DeviceKind string

// The kinds of devices.
const (
	Kiosk      DeviceKind = "kiosk"
	Board      DeviceKind = "board"
	PrintAgent DeviceKind = "print-agent"
)

// DeviceKinds are all kinds.
var DeviceKinds = []DeviceKind{Kiosk, Board, PrintAgent}

// Device is a kiosk, board or print agent of an office.
type Device struct {
	ID       string
	Rev      int64
	Office   string
	Kind     DeviceKind
	Name     string
	Printer  string    // where its tickets come out; "" none
	Fallback string    // printer for when that one prints nothing; "" none
	Enrolled time.Time // zero: it is not, or it was revoked
	Seen     time.Time // up to TouchEvery before it was; zero: never
	From     From      // where it was seen last, and its program then
	Code     time.Time // until when a code waits to be used; zero: none does
}

// Role is the role a device acts in.
func (d Device) Role() Role { return Role(d.Kind) }

// The faults of devices.
var (
	ErrCode          = fault.New(fault.Denied, "wrong_code")
	ErrDevice        = fault.New(fault.SignIn, "unknown_device")
	errDeviceMissing = fault.New(fault.Missing, "device_missing")
)

// How long a code is good and how often the part of it that is secret may be wrong.
const (
	CodeLife  = 10 * time.Minute
	CodeTries = 5
)

// A code is nine letters and digits in groups of three, none of which is mistaken for another. The first
// four name the device, so that wrong tries count on its code; the rest, one in 33 million, is secret.
const (
	codeLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ" // Crockford's
	codeKey     = 4
	codeLen     = 9
	codeGroup   = 3
)

func newCode() string {
	var b [codeLen]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	for i := range b {
		b[i] = codeLetters[int(b[i])%len(codeLetters)]
	}
	return string(b[:])
}

// foldCode takes a code as people type it.
func foldCode(code string) string {
	return strings.Map(func(r rune) rune {
		switch r {
		case 'O':
			return '0'
		case 'I', 'L':
			return '1'
		case ' ', '-':
			return -1
		}
		return r
	}, strings.ToUpper(code))
}

// grouped is a code as people read it.
func grouped(code string) string {
	var groups []string
	for group := range slices.Chunk([]byte(code), codeGroup) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, "-")
}

// AddDevice creates a device. The standing code, "" for none, enrols it again and again and is for
// demonstrations only; NewCode makes those for use.
func AddDevice(ctx context.Context, tx *store.Tx, d Device, standing, by string) error {
	if !slices.Contains(DeviceKinds, d.Kind) || strings.TrimSpace(d.Name) == "" || len([]rune(d.Name)) > longestName {
		return fault.New(fault.Invalid, "device_invalid")
	}
	var key, hash sql.NullString
	if standing != "" {
		key, hash = sql.NullString{String: foldCode(standing), Valid: true}, sql.NullString{String: digest(foldCode(standing)), Valid: true}
	}
	_, err := tx.Exec(ctx, `
INSERT INTO devices (id, office_id, kind, name, printer_id, code_key, code_hash, created_at, folded, fallback_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		d.ID, d.Office, string(d.Kind), strings.TrimSpace(d.Name), d.Printer, key, hash, store.Millis(tx.Now), store.Fold(d.Name), d.Fallback)
	if err != nil {
		return fmt.Errorf("add device: %w", err)
	}
	return record(ctx, tx, by, "device.add", "device:"+d.ID, map[string]any{"office": d.Office, "kind": d.Kind})
}

// EditDevice changes the name and printer of a device; d.Rev must be the one it was read with, else
// ErrEdited.
func EditDevice(ctx context.Context, tx *store.Tx, d Device, by string) error {
	if strings.TrimSpace(d.Name) == "" || len([]rune(d.Name)) > longestName {
		return fault.New(fault.Invalid, "device_invalid")
	}
	changed, err := tx.Exec(ctx, `UPDATE devices SET rev = rev + 1, name = $3, printer_id = $4, folded = $5, fallback_id = $6 WHERE id = $1 AND rev = $2`,
		d.ID, d.Rev, strings.TrimSpace(d.Name), d.Printer, store.Fold(d.Name), d.Fallback)
	if err != nil {
		return fmt.Errorf("edit device: %w", err)
	}
	if changed == 0 {
		return ErrEdited
	}
	return record(ctx, tx, by, "device.edit", "device:"+d.ID, map[string]any{"printer": d.Printer, "fallback": d.Fallback})
}

// NewCode returns a code with which a device can be enrolled once within CodeLife. One that waited is
// good no more; a device that is enrolled stays so until the code is used.
func NewCode(ctx context.Context, tx *store.Tx, id, by string) (code string, until time.Time, err error) {
	code, until = newCode(), tx.Now.Add(CodeLife)
	for {
		var taken int
		err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM devices WHERE code_key = $1 AND id <> $2`, code[:codeKey], id).Scan(&taken)
		if err != nil {
			return "", time.Time{}, fmt.Errorf("make code: %w", err)
		}
		if taken == 0 {
			break
		}
		code = newCode()
	}
	changed, err := tx.Exec(ctx, `
UPDATE devices SET rev = rev + 1, code_key = $2, code_hash = $3, code_until = $4, code_tries = 0 WHERE id = $1`,
		id, code[:codeKey], digest(code), store.Millis(until))
	if err != nil {
		return "", time.Time{}, fmt.Errorf("make code: %w", err)
	}
	if changed == 0 {
		return "", time.Time{}, errDeviceMissing
	}
	return grouped(code), until, record(ctx, tx, by, "device.code", "device:"+id, nil)
}

// Enrol exchanges a code for the token of a device's cookie or bearer, of one of the kinds given. A
// device has one token: enrolling it again shuts out whoever held the last one. A wrong code is
// ErrCode, and too_many_tries after several; it makes its own transactions, to keep count.
func Enrol(ctx context.Context, db *store.DB, code string, from From, kinds ...DeviceKind) (Device, string, error) {
	code = foldCode(code)
	token := store.NewToken() + store.NewToken()
	on := enrolFailures(from)
	var d Device
	enrolled := false
	err := db.Update(ctx, func(tx *store.Tx) (err error) {
		enrolled = false
		if err := allowTry(ctx, tx, on); err != nil {
			return err
		}
		d, err = deviceOfCode(ctx, tx, code)
		if errors.Is(err, ErrCode) {
			return record(ctx, tx, "anyone", "device.refuse", "device:"+cmp.Or(d.ID, "unknown"), nil)
		}
		if err != nil {
			return err
		}
		if !slices.Contains(kinds, d.Kind) {
			return nil // a print agent is no browser; its code stays good
		}
		if enrolled, err = enrol(ctx, tx, d, code, token, from); err != nil || !enrolled {
			return err
		}
		return forgive(ctx, tx, on)
	})
	if err != nil {
		return Device{}, "", fmt.Errorf("enrol device: %w", err)
	}
	if !enrolled {
		return Device{}, "", ErrCode
	}
	return d, token, nil
}

// deviceOfCode returns the device that a code enrols. A wrong one for a device that waits is counted,
// and the last of CodeTries is the end of its code; the device is returned with ErrCode.
func deviceOfCode(ctx context.Context, tx *store.Tx, code string) (Device, error) {
	const find = `SELECT ` + deviceColumns + `, code_hash FROM devices
WHERE code_key IN ($1, $2) AND (code_until = 0 OR code_until > $3) ORDER BY LENGTH(code_key) DESC LIMIT 1` // a standing code is its own key
	const count = `UPDATE devices SET code_tries = code_tries + 1 WHERE id = $1 RETURNING code_tries`
	const end = `UPDATE devices SET code_hash = NULL, code_key = NULL, code_until = 0 WHERE id = $1`
	var hash string
	d, err := scanDevice(tx.QueryRow(ctx, find, code, code[:min(codeKey, len(code))], store.Millis(tx.Now)), &hash)
	if errors.Is(err, sql.ErrNoRows) {
		return Device{}, ErrCode
	}
	if err != nil {
		return Device{}, err
	}
	if subtle.ConstantTimeCompare([]byte(hash), []byte(digest(code))) == 1 {
		return d, nil
	}
	var tries int
	if err := tx.QueryRow(ctx, count, d.ID).Scan(&tries); err != nil {
		return Device{}, err
	}
	if tries >= CodeTries {
		if _, err := tx.Exec(ctx, end, d.ID); err != nil {
			return Device{}, err
		}
	}
	return d, ErrCode
}

// enrol uses the code, which somebody else may just have done, and reports whether it was good.
func enrol(ctx context.Context, tx *store.Tx, d Device, code, token string, from From) (bool, error) {
	used, err := tx.Exec(ctx, `
UPDATE devices SET rev = rev + 1, token_hash = $2, enrolled_at = $3, seen_at = $3, address = $4, agent = $5,
  code_hash = CASE WHEN code_until = 0 THEN code_hash END, code_key = CASE WHEN code_until = 0 THEN code_key END, code_until = 0
WHERE id = $1 AND code_hash = $6`, d.ID, digest(token), store.Millis(tx.Now), from.Address, from.Agent, digest(code))
	if err != nil || used == 0 {
		return false, err
	}
	tx.Touch(Topic, 0)
	if !d.Enrolled.IsZero() {
		if err := audit.Erase(ctx, tx, "device:"+d.ID); err != nil { // the token it had
			return false, err
		}
	}
	return true, record(ctx, tx, "device:"+d.ID, "device.enrol", "device:"+d.ID, nil)
}

// DeviceOf returns the device of a cookie or bearer token, or ErrDevice.
func DeviceOf(ctx context.Context, tx *store.Tx, token string) (Device, error) {
	return oneDevice(ctx, tx, ErrDevice, `WHERE token_hash = $1`, digest(token))
}

// DeviceByID returns a device, or the fault device_missing.
func DeviceByID(ctx context.Context, tx *store.Tx, id string) (Device, error) {
	return oneDevice(ctx, tx, errDeviceMissing, `WHERE id = $1`, id)
}

func oneDevice(ctx context.Context, tx *store.Tx, missing error, condition, value string) (Device, error) {
	d, err := scanDevice(tx.QueryRow(ctx, `SELECT `+deviceColumns+` FROM devices `+condition, value))
	if errors.Is(err, sql.ErrNoRows) {
		return Device{}, missing
	}
	if err != nil {
		return Device{}, fmt.Errorf("read device: %w", err)
	}
	return d, nil
}

// SameProgram reports whether a device's token comes from the program it was enrolled with: a cookie
// that turns up in another browser was carried off. Versions do not count, for programs are updated;
// neither do addresses, which a provider may change every night.
func (d Device) SameProgram(from From) bool {
	return versionless(d.From.Agent) == versionless(from.Agent)
}

// versionless is a program's name for itself without its numbers.
func versionless(agent string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r == '.' {
			return -1
		}
		return r
	}, agent)
}

// RefuseElsewhere records that a device's token came from another program, at most every TouchEvery.
func RefuseElsewhere(ctx context.Context, tx *store.Tx, d Device) error {
	const note = `
INSERT INTO failures (subject, count, last_at, until) VALUES ($1, 1, $2, 0)
ON CONFLICT (subject) DO UPDATE SET count = failures.count + 1, last_at = excluded.last_at WHERE failures.last_at <= $3`
	noted, err := tx.Exec(ctx, note, digest("elsewhere\x00"+d.ID), store.Millis(tx.Now), store.Millis(tx.Now.Add(-TouchEvery)))
	if err != nil || noted == 0 {
		return err
	}
	return record(ctx, tx, "anyone", "device.elsewhere", "device:"+d.ID, nil)
}

// SeeDevice notes that a device was there, with the program it was enrolled with in whatever version, at
// most every TouchEvery.
func SeeDevice(ctx context.Context, tx *store.Tx, d Device, from From) error {
	_, err := tx.Exec(ctx, `UPDATE devices SET seen_at = $2, address = $3, agent = $5 WHERE id = $1 AND seen_at <= $4`,
		d.ID, store.Millis(tx.Now), from.Address, store.Millis(tx.Now.Add(-TouchEvery)), from.Agent)
	return err
}

// RevokeDevice shuts a device out at once; it can be enrolled again with a new code.
func RevokeDevice(ctx context.Context, tx *store.Tx, id, by string) error {
	changed, err := tx.Exec(ctx, `
UPDATE devices SET rev = rev + 1, token_hash = NULL, code_hash = NULL, code_key = NULL, code_until = 0, enrolled_at = 0 WHERE id = $1`, id)
	if err != nil {
		return fmt.Errorf("revoke device: %w", err)
	}
	if changed == 0 {
		return errDeviceMissing
	}
	tx.Touch(Topic, 0)
	if err := audit.Erase(ctx, tx, "device:"+id); err != nil {
		return err
	}
	return record(ctx, tx, by, "device.revoke", "device:"+id, nil)
}

// RemoveDevice deletes a device.
func RemoveDevice(ctx context.Context, tx *store.Tx, id, by string) error {
	if err := RevokeDevice(ctx, tx, id, by); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM devices WHERE id = $1`, id); err != nil {
		return fmt.Errorf("remove device: %w", err)
	}
	return record(ctx, tx, by, "device.remove", "device:"+id, nil)
}

// Devices returns the devices of an office by kind and name, or, with office "", all.
func Devices(ctx context.Context, tx *store.Tx, office string) ([]Device, error) {
	all, err := store.All(ctx, tx, func(row store.Row) (Device, error) {
		d, err := scanDevice(row)
		if expired(d.Code, tx.Now) {
			d.Code = time.Time{}
		}
		return d, err
	}, `SELECT `+deviceColumns+` FROM devices WHERE $1 = '' OR office_id = $1 ORDER BY office_id, kind, name, id`, office)
	if err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	return all, nil
}

// OfficesOfDevices returns the offices that have a device whose name has a text in it.
func OfficesOfDevices(ctx context.Context, tx *store.Tx, text string) ([]string, error) {
	return store.Column[string](ctx, tx, `SELECT DISTINCT office_id FROM devices WHERE folded LIKE $1 ESCAPE '\'`, store.Pattern(text))
}

const deviceColumns = `id, rev, office_id, kind, name, printer_id, fallback_id, enrolled_at, seen_at, address, agent, code_until`

func scanDevice(row store.Row, more ...any) (Device, error) {
	var d Device
	var enrolled, seen, code int64
	err := row.Scan(append([]any{&d.ID, &d.Rev, &d.Office, &d.Kind, &d.Name, &d.Printer, &d.Fallback, &enrolled, &seen, &d.From.Address, &d.From.Agent, &code}, more...)...)
	d.Enrolled, d.Seen, d.Code = store.FromMillis(enrolled), store.FromMillis(seen), store.FromMillis(code)
	return d, err
}
