package access

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sportello/internal/fault"
	"sportello/internal/store"
)

// EndAllSessions ends every session, locked or not, and every link and code, and returns how many
// sessions they were. It is for a database that was put back, in which what has ended since would be
// open again.
func EndAllSessions(ctx context.Context, tx *store.Tx) (int64, error) {
	n, err := tx.Exec(ctx, `DELETE FROM sessions`)
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	for _, statement := range []string{
		`DELETE FROM password_links`,
		`UPDATE devices SET code_hash = NULL, code_key = NULL, code_until = 0 WHERE code_until > 0`,
	} {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return 0, fmt.Errorf("end links and codes: %w", err)
		}
	}
	return n, nil
}

// Repeat takes away again what was taken away since a backup that was put back, and reports whether
// the subject of the erasure is one of this package: "user:ID", "password:ID", "rights:ID",
// "device:ID" or "program:ID". A password that was changed since is good no more: its account wants a
// new link. So does one whose rights were changed, which are again as they were: somebody is to look at
// them first.
func Repeat(ctx context.Context, tx *store.Tx, subject string) (bool, error) {
	kind, id, _ := strings.Cut(subject, ":")
	var err error
	switch kind {
	case "user":
		err = EndUser(ctx, tx, id, byRestore)
	case "password", "rights":
		_, err = tx.Exec(ctx, `UPDATE users SET rev = rev + 1, password = '' WHERE id = $1`, id)
	case "device":
		err = RevokeDevice(ctx, tx, id, byRestore)
	case "program":
		err = RevokeProgram(ctx, tx, "", id, byRestore)
	default:
		return false, nil
	}
	if f := (*fault.Error)(nil); errors.As(err, &f) && f.Kind == fault.Missing {
		return true, nil // it came after the backup
	}
	return true, err
}

// byRestore is who repeats erasures, in the audit.
const byRestore = "job:restore"
