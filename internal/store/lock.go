package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// ErrInUse means that another process holds the folder of a SQLite database in a way that does not
// go together with what was asked for.
var ErrInUse = errors.New("the data folder is in use")

// lockFile is locked while a database of its folder is open: shared by those who use it, exclusive
// by the one who replaces it. The kernel takes the lock away with the process.
const lockFile = "lock"

// Hold keeps everybody else from opening a SQLite database in folder until it is closed. It returns
// ErrInUse when somebody has one open.
func Hold(folder string) (*os.File, error) { return lockFolder(folder, syscall.LOCK_EX) }

func lockFolder(folder string, how int) (*os.File, error) {
	// Locking needs no right to write: who runs the server and who restores may differ.
	file, err := os.OpenFile(filepath.Join(folder, lockFile), os.O_RDONLY|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(file.Fd()), how|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = ErrInUse
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", file.Name(), err), file.Close())
	}
	return file, nil
}
