package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
)

func deviceCommand(s settings) *cli.Command {
	return &cli.Command{
		Name:  "device",
		Usage: "kiosks, boards and print agents: enrol them with a one-time code, revoke them",
		Commands: []*cli.Command{
			{
				Name: "add", Usage: "add a device and print the code that enrols it", ArgsUsage: "NAME",
				Flags: []cli.Flag{
					&cli.StringFlag{Name: "office", Required: true, Usage: "`ID` of its office"},
					&cli.StringFlag{Name: "kind", Required: true, Usage: "`KIND`: " + joined(access.DeviceKinds)},
					&cli.StringFlag{Name: "printer", Usage: "`ID` of the printer where its tickets come out"},
					baseFlag(s),
				},
				Action: withReady(addDevice),
			},
			{
				Name: "list", Usage: "list devices", Flags: []cli.Flag{&cli.StringFlag{Name: "office", Usage: "only those of the office `ID`"}},
				Action: withReady(listDevices),
			},
			{
				Name: "code", Usage: "print a new code for a device; it stays enrolled until the code is used", ArgsUsage: "ID", Flags: []cli.Flag{baseFlag(s)},
				Action: withReady(codeDevice),
			},
			{
				Name: "revoke", Usage: "shut a device out at once; a new code enrols it again", ArgsUsage: "ID",
				Action: withReady(func(ctx context.Context, c *cli.Command, db *store.DB) error {
					return onDevice(ctx, c, db, func(tx *store.Tx, id string) error { return access.RevokeDevice(ctx, tx, id, byCommand) })
				}),
			},
			{
				Name: "remove", Usage: "shut a device out and forget it", ArgsUsage: "ID",
				Action: withReady(func(ctx context.Context, c *cli.Command, db *store.DB) error {
					return onDevice(ctx, c, db, func(tx *store.Tx, id string) error { return access.RemoveDevice(ctx, tx, id, byCommand) })
				}),
			},
		},
	}
}

func addDevice(ctx context.Context, c *cli.Command, db *store.DB) error {
	name, err := named(c, "device")
	if err != nil {
		return err
	}
	d := access.Device{
		ID: store.NewID(), Office: c.String("office"), Kind: access.DeviceKind(c.String("kind")), Name: name, Printer: c.String("printer"),
	}
	var code shownOnce
	err = db.Update(ctx, func(tx *store.Tx) error {
		if _, err := territory.Of(ctx, tx, d.Office); err != nil {
			return hint(err, "sportello export lists the offices of a territory.")
		}
		if err := access.AddDevice(ctx, tx, d, "", byCommand); err != nil {
			return hint(err, "Kinds: %s.", joined(access.DeviceKinds))
		}
		code.text, code.until, err = access.NewCode(ctx, tx, d.ID, byCommand)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(c.Root().Writer, "Device %s\n", d.ID)
	return printCode(c, code)
}

func codeDevice(ctx context.Context, c *cli.Command, db *store.DB) error {
	var code shownOnce
	err := onDevice(ctx, c, db, func(tx *store.Tx, id string) (err error) {
		code.text, code.until, err = access.NewCode(ctx, tx, id, byCommand)
		return err
	})
	if err != nil {
		return err
	}
	return printCode(c, code)
}

func printCode(c *cli.Command, code shownOnce) error {
	_, err := fmt.Fprintf(c.Root().Writer, "Enrol it until %s, once, at %s/enrol with the code\n%s\n",
		code.until.Local().Format("15:04"), strings.TrimSuffix(c.String("base-url"), "/"), code.text)
	return err
}

func onDevice(ctx context.Context, c *cli.Command, db *store.DB, do func(tx *store.Tx, id string) error) error {
	id, err := named(c, "device")
	if err != nil {
		return err
	}
	err = db.Update(ctx, func(tx *store.Tx) error { return do(tx, id) })
	if err != nil {
		return hint(err, "sportello device list shows the ids.")
	}
	return nil
}

func listDevices(ctx context.Context, c *cli.Command, db *store.DB) error {
	out := tabwriter.NewWriter(c.Root().Writer, 0, 0, 2, ' ', 0)
	fmt.Fprintln(out, "ID\tOFFICE\tKIND\tNAME\tSTATE\tLAST SEEN")
	return errors.Join(db.View(ctx, func(tx *store.Tx) error {
		devices, err := access.Devices(ctx, tx, c.String("office"))
		for _, d := range devices {
			state, seen := "not enrolled", "never"
			if !d.Enrolled.IsZero() {
				state = "enrolled"
			}
			if !d.Seen.IsZero() {
				seen = d.Seen.Local().Format(time.DateTime)
			}
			fmt.Fprintf(out, "%s\t%s\t%s\t%s\t%s\t%s\n", d.ID, d.Office, d.Kind, d.Name, state, seen)
		}
		return err
	}), out.Flush())
}
