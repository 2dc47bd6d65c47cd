package access

import (
	"context"
	"fmt"

	"sportello/internal/store"
)

// EndAllSessions ends every session, locked or not, and returns how many they were. It is for a
// database that was put back, in which sessions that were ended since would be open again.
func EndAllSessions(ctx context.Context, tx *store.Tx) (int64, error) {
	n, err := tx.Exec(ctx, `DELETE FROM sessions`)
	if err != nil {
		return 0, fmt.Errorf("end sessions: %w", err)
	}
	return n, nil
}
