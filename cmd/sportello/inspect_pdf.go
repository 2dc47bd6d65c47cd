package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/sys/unix"

	"sportello/printouts/pdf"
)

// What a file that somebody uploads may take to be looked at. The largest that are taken need a tenth of it.
const (
	inspectWithin = 10 * time.Second
	inspectMemory = 512 << 20 // bytes
	inspectOutput = 16 << 20
)

// inspected is what the look at a file came to.
type inspected struct {
	Refused pdf.Refusal `json:"refused,omitempty"`
	Pages   []pdf.Page  `json:"pages,omitempty"`
	Clean   []byte      `json:"clean,omitempty"`
}

// inspectPDFCommand is for the server itself, which has files of others looked at by another process: what
// a file does to that, it does to no citizen's ticket.
func inspectPDFCommand() *cli.Command {
	return &cli.Command{
		Name: "inspect-pdf", Hidden: true, Usage: "read a PDF file from standard input, and print as JSON what is kept of it",
		Action: func(_ context.Context, c *cli.Command) error {
			if err := confine(); err != nil {
				return err
			}
			file, err := io.ReadAll(io.LimitReader(c.Root().Reader, pdf.MaxSize+1))
			if err != nil {
				return fmt.Errorf("standard input: %w", err)
			}
			var found inspected
			found.Clean, found.Pages, err = pdf.Clean(file)
			if err != nil && !errors.As(err, &found.Refused) {
				return err
			}
			return json.NewEncoder(c.Root().Writer).Encode(found)
		},
	}
}

// confine takes from this process what it does not need: memory, time, and the means to write files.
func confine() error {
	debug.SetMemoryLimit(inspectMemory / 2)
	seconds := uint64(inspectWithin / time.Second)
	for resource, most := range map[int]uint64{
		unix.RLIMIT_DATA: inspectMemory, unix.RLIMIT_CPU: seconds, unix.RLIMIT_FSIZE: 0, unix.RLIMIT_CORE: 0,
	} {
		if err := unix.Setrlimit(resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("limit: %w", err)
		}
	}
	return nil
}

// An inspector has files looked at, one at a time.
type inspector struct{ turn chan struct{} }

func newInspector() inspector { return inspector{make(chan struct{}, 1)} }

// clean is pdf.Clean in a process of its own. A file that takes too long or too much, or brings it down, is
// pdf.Heavy.
func (i inspector) clean(ctx context.Context, file []byte) ([]byte, []pdf.Page, error) {
	select {
	case i.turn <- struct{}{}:
		defer func() { <-i.turn }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	program, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("inspect file: %w", err)
	}
	own, stop := context.WithTimeout(ctx, inspectWithin)
	defer stop()
	cmd := exec.CommandContext(own, program)
	cmd.Args = []string{"sportello", "inspect-pdf"}
	cmd.Env = []string{} // no address of a database, no password
	cmd.Stdin = bytes.NewReader(file)
	cmd.WaitDelay = time.Second
	out := bounded{most: inspectOutput}
	cmd.Stdout = &out
	err = cmd.Run()
	switch failed := (*exec.ExitError)(nil); {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case own.Err() != nil, out.over, errors.As(err, &failed):
		return nil, nil, pdf.Heavy
	case err != nil:
		return nil, nil, fmt.Errorf("inspect file: %w", err)
	}
	var found inspected
	if err := json.Unmarshal(out.Bytes(), &found); err != nil {
		return nil, nil, fmt.Errorf("inspect file: %w", err)
	}
	if found.Refused != "" {
		return nil, nil, found.Refused
	}
	return found.Clean, found.Pages, nil
}

// bounded keeps so many bytes at most.
type bounded struct {
	bytes.Buffer
	most int
	over bool
}

// Write keeps text, or fails.
func (b *bounded) Write(text []byte) (int, error) {
	if b.over = b.over || b.Len()+len(text) > b.most; b.over {
		return 0, errors.New("more than is taken")
	}
	return b.Buffer.Write(text)
}
