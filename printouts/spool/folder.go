package spool

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sportello/internal/store"
)

// folder is a printer that keeps its printouts as files.
type folder string

// parseFolder reads file:PATH.
func parseFolder(uri string) (folder, bool) {
	path, ok := strings.CutPrefix(uri, "file:")
	if !ok || path == "" {
		return "", false
	}
	return folder(filepath.Clean(path)), true
}

// patience is long: writing takes milliseconds.
func (f folder) patience() time.Duration { return 5 * time.Second }

// check writes and removes a file as large as printouts are. A folder that is missing is made by the
// first printout, so that it belongs to the one who prints: the check looks at what it would be made in.
func (f folder) check(context.Context) (Condition, error) {
	const large = 64 << 10
	path := filepath.Join(f.nearest(), ".check-"+store.NewID())
	if err := errors.Join(writeSynced(path, make([]byte, large)), removeIfThere(path)); err != nil {
		return Refusing, err
	}
	return OK, nil
}

// nearest is the folder, or the next above it that is there.
func (f folder) nearest() string {
	for path := string(f); ; path = filepath.Dir(path) {
		_, err := os.Lstat(path)
		if !errors.Is(err, fs.ErrNotExist) || path == filepath.Dir(path) {
			return path
		}
	}
}

// print prints job, unless an earlier attempt did.
func (f folder) print(_ context.Context, job *claimed) outcome {
	name := fmt.Sprintf("%010d-%s.pdf", job.seq, job.id)
	if job.attempt > 1 {
		done, err := f.resume(name, job.attempt)
		switch {
		case err != nil:
			return outcome{state: Unconfirmed, detail: Unwritable, condition: Refusing, err: err}
		case done:
			return outcome{state: Printed, condition: OK}
		case job.late:
			return outcome{state: Expired}
		}
	}
	pdf, err := render(job, document.PDF)
	if err != nil {
		return outcome{state: Failed, detail: Unprintable, err: err}
	}
	err = f.write(name, job.attempt, pdf)
	if errors.Is(err, errAfterRename) {
		return outcome{state: Unconfirmed, detail: Unwritable, condition: Refusing, err: err}
	}
	if err != nil {
		return outcome{state: Failed, detail: reason(err), condition: Refusing, err: err}
	}
	return outcome{state: Printed, condition: OK}
}

// resume ends the attempts at name before attempt and reports whether one had printed.
func (f folder) resume(name string, attempt int64) (done bool, err error) {
	if err := f.withdraw(name, attempt); err != nil {
		return false, err
	}
	done, err = f.has(name)
	if err != nil || !done {
		return false, err
	}
	return true, f.sync()
}

// errAfterRename means that the file is there but might not outlast a power cut.
var errAfterRename = errors.New("folder not synced")

// withdraw removes what the attempts at name before attempt left unfinished. One that is still alive
// cannot finish after it.
func (f folder) withdraw(name string, attempt int64) error {
	var err error
	for earlier := range attempt {
		err = errors.Join(err, removeIfThere(filepath.Join(string(f), temporary(name, earlier))))
	}
	return err
}

// has reports whether name is printed.
func (f folder) has(name string) (bool, error) {
	_, err := os.Lstat(filepath.Join(string(f), name))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// write puts content on the disk and then, in one step, under its name. An error that is not
// errAfterRename means that there is no file of that name.
func (f folder) write(name string, attempt int64, content []byte) error {
	if err := os.MkdirAll(string(f), 0o750); err != nil {
		return err
	}
	path := filepath.Join(string(f), temporary(name, attempt))
	if err := writeSynced(path, content); err != nil {
		return errors.Join(err, removeIfThere(path))
	}
	if err := os.Rename(path, filepath.Join(string(f), name)); err != nil {
		return errors.Join(err, removeIfThere(path))
	}
	if err := f.sync(); err != nil {
		return fmt.Errorf("%w: %w", errAfterRename, err)
	}
	return nil
}

func (f folder) sync() error {
	dir, err := os.Open(string(f))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}

func writeSynced(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o640)
	if err != nil {
		return err
	}
	if _, err := file.Write(content); err != nil {
		return errors.Join(err, file.Close())
	}
	return errors.Join(file.Sync(), file.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// temporary is what a file is called until it is whole; whoever collects *.pdf does not see it.
func temporary(name string, attempt int64) string { return fmt.Sprintf(".%s.%d", name, attempt) }

// reason is the code of why nothing could be written.
func reason(err error) string {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return Full
	}
	return Unwritable
}
