package territory

import (
	"context"
	"fmt"

	"sportello/internal/store"
)

// SkipVersions raises the version of every office by n. It is for a database that was put back:
// screens that were open have seen later versions, and take what has an earlier one for old.
func SkipVersions(ctx context.Context, tx *store.Tx, n int64) error {
	if _, err := tx.Exec(ctx, `UPDATE office_state SET version = version + $1`, n); err != nil {
		return fmt.Errorf("skip versions: %w", err)
	}
	return nil
}
