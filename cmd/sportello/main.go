// Sportello runs the front of house of public offices: kiosks, queue, call board and desks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // offices have zones even where the machine has no zone files

	"sportello/internal/fault"
	"sportello/static"
)

// othersNothing keeps what the program writes from those who are not of its group: whose data folder may
// be entered by all has a database of people's names in it.
const othersNothing = 0o027

func main() {
	syscall.Umask(syscall.Umask(othersNothing) | othersNothing) // no looser than it was
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args, os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "sportello:", told(err))
		os.Exit(1)
	}
}

// run is the program as a test can start it.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	settings, err := readSettings(args, getenv)
	if err != nil {
		return err
	}
	root := command(settings, stdout, stderr)
	err = root.Run(ctx, args)
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// told is an error as people read it: a fault in words instead of its code.
func told(err error) string {
	f := (*fault.Error)(nil)
	if !errors.As(err, &f) {
		return err.Error()
	}
	var values []any
	for name, value := range f.Args {
		values = append(values, name, value)
	}
	return strings.Replace(err.Error(), f.Error(), static.Text("en", "fault."+f.Code+".title", values...), 1)
}

// hint adds to an error what to do about it.
func hint(err error, format string, args ...any) error {
	return fmt.Errorf("%w\n  %s", err, fmt.Sprintf(format, args...))
}
