package access

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"sportello/internal/fault"
	"sportello/internal/store"
)

// The faults of devices.
var (
	ErrCode   = fault.New(fault.Denied, "wrong_code")
	ErrDevice = fault.New(fault.SignIn, "unknown_device")
)

// AddDevice creates a device that is enrolled with code until the given time; the zero time lets
// the code be used again and again, which is for demonstrations only.
func AddDevice(ctx context.Context, tx *store.Tx, d Device, code string, until time.Time) error {
	_, err := tx.Exec(ctx, `
INSERT INTO devices (id, office_id, kind, name, printer_id, code_hash, code_until, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		d.ID, d.Office, string(d.Kind), d.Name, d.Printer, digest(foldCode(code)), store.Millis(until), store.Millis(tx.Now))
	if err != nil {
		return fmt.Errorf("add device: %w", err)
	}
	return nil
}

// Enrol exchanges an enrolment code for the token of the device's cookie. A device has one token:
// enrolling it again shuts out whoever held the last one.
func Enrol(ctx context.Context, tx *store.Tx, code string) (Device, string, error) {
	token := store.NewToken() + store.NewToken()
	row := tx.QueryRow(ctx, `
UPDATE devices SET token_hash = $2, seen_at = $3, rev = rev + 1, code_hash = CASE WHEN code_until = 0 THEN code_hash END
WHERE code_hash = $1 AND (code_until = 0 OR code_until > $3)
RETURNING id, office_id, kind, name, printer_id`, digest(foldCode(code)), digest(token), store.Millis(tx.Now))
	d, err := scanDevice(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Device{}, "", ErrCode
	}
	if err != nil {
		return Device{}, "", fmt.Errorf("enrol device: %w", err)
	}
	return d, token, nil
}

// DeviceOf returns the device of a cookie or bearer token.
func DeviceOf(ctx context.Context, tx *store.Tx, token string) (Device, error) {
	row := tx.QueryRow(ctx, `SELECT id, office_id, kind, name, printer_id FROM devices WHERE token_hash = $1`, digest(token))
	d, err := scanDevice(row)
	if errors.Is(err, sql.ErrNoRows) {
		return Device{}, ErrDevice
	}
	if err != nil {
		return Device{}, fmt.Errorf("read device: %w", err)
	}
	return d, nil
}

func scanDevice(row *sql.Row) (Device, error) {
	var d Device
	err := row.Scan(&d.ID, &d.Office, &d.Kind, &d.Name, &d.Printer)
	return d, err
}

// foldCode takes a code as people type it.
func foldCode(code string) string {
	return strings.ToUpper(strings.ReplaceAll(strings.TrimSpace(code), " ", ""))
}
