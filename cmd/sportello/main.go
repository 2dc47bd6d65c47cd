// Sportello runs the front of house of public offices: kiosks, queue, call board and desks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // offices have zones even where the machine has no zone files
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args, os.Getenv, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "sportello:", err)
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

// hint adds to an error what to do about it.
func hint(err error, format string, args ...any) error {
	return fmt.Errorf("%w\n  %s", err, fmt.Sprintf(format, args...))
}
