package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/urfave/cli/v3"
	"golang.org/x/sync/errgroup"

	"sportello/booking"
	"sportello/booking/calendar"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/jobs"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/printouts/spool"
	"sportello/queue"
	"sportello/static"
)

func serveCommand(s settings) *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "run the server",
		Flags: append(append(webFlags(s), outboundFlags(s)...), calendarNetworks(s), &cli.BoolFlag{Name: "migrate", Usage: "bring an older schema up to this program's first"}),
		Action: func(ctx context.Context, c *cli.Command) error {
			return withDatabase(ctx, c, func(db *store.DB) error {
				if c.Bool("migrate") {
					if err := db.Migrate(ctx); err != nil {
						return err
					}
				}
				if err := checkSchema(ctx, db); err != nil {
					return err
				}
				sending, err := outbound(s, c, db)
				if err != nil {
					return err
				}
				return serve(ctx, c, db, c.String("data"), nil, sending...)
			})
		},
	}
}

// serve runs the server, with more than its own jobs, until ctx ends. doors are shown on the front page
// of a demonstration.
func serve(ctx context.Context, c *cli.Command, db *store.DB, data string, doors []kiosk.DemoDoor, more ...jobs.Job) error {
	log, err := logger(c)
	if err != nil {
		return err
	}
	if err := checkBase(c.String("base-url")); err != nil {
		return err
	}
	proxies, err := networks("trusted-proxies", c.String("trusted-proxies"))
	if err != nil {
		return err
	}
	guard, err := calendarGuard(c)
	if err != nil {
		return err
	}
	if err := errors.Join(static.Check(), static.CheckMessages()); err != nil {
		return err
	}
	key, err := readKey(data)
	if err != nil {
		return err
	}
	calendars := &calendar.Reader{DB: db, Log: log, Key: key, Guard: guard}
	listener, err := net.Listen("tcp", c.String("addr"))
	if err != nil {
		return hint(err, "Choose another address with --addr, or stop the program that has it.")
	}
	base := baseOf(c.String("base-url"), listener.Addr().String())
	server, err := kiosk.New(kiosk.Options{
		DB: db, Log: log, BaseURL: base, Data: data, Demo: doors, Proxies: proxies, Key: key, Calendars: calendars, Speech: kiosk.NewSpeech(filepath.Join(data, "speech"), log),
		CleanPDF: newInspector().clean,
	})
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	printers := spool.New(db, log)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return server.Live(ctx) })
	g.Go(func() error { return printers.Run(ctx) })
	g.Go(func() error {
		return jobs.Run(ctx, db, log, append(chores(db, printers, server, calendars), more...)...)
	})
	g.Go(func() error { return listen(ctx, listener, webServer(server, log), log) })
	log.Info("ready", "addr", listener.Addr().String(), "base_url", base)
	fmt.Fprintf(c.Root().Writer, "Sportello is ready: %s\n", base)
	return g.Wait()
}

// checkBase refuses an address under which nobody could reach the server; there need be none.
func checkBase(base string) error {
	if base == "" {
		return nil
	}
	u, err := url.Parse(base)
	if err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		u.User == nil && strings.Trim(u.Path, "/") == "" && u.RawQuery == "" && u.Fragment == "" {
		return nil
	}
	return hint(fmt.Errorf("--base-url %q is no address of a server", base), "Write it like https://sportello.example.it, without a path.")
}

// baseOf is the address under which the server is reached: the one given, else where it listens. One
// that listens everywhere is reached on its own machine for certain.
func baseOf(given, addr string) string {
	if given != "" {
		return strings.TrimSuffix(given, "/")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// How long a request may take to arrive and its answer to be taken, and how long those under way may go
// on at the end. Streams set the time for each of their writes themselves.
const (
	headerTimeout = 10 * time.Second
	readTimeout   = 30 * time.Second
	writeTimeout  = 2 * time.Minute
	idleTimeout   = 2 * time.Minute
	graceTimeout  = 5 * time.Second
)

// webServer is the server's HTTP side: nobody who sends or takes nothing keeps it busy.
func webServer(server *kiosk.Server, log *slog.Logger) *http.Server {
	web := &http.Server{
		Handler: server.Handler(), ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		ConnContext: kiosk.WithConn, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	web.RegisterOnShutdown(server.EndStreams)
	return web
}

// listen answers requests until ctx ends. Streams end with it; requests under way, which do not live
// in ctx, are finished, but for those that take longer than graceTimeout.
func listen(ctx context.Context, listener net.Listener, web *http.Server, log *slog.Logger) error {
	done := make(chan error, 1)
	go func() { done <- web.Serve(listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTimeout)
	defer cancel()
	err := web.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		log.Warn("requests cut off at the end", "after", graceTimeout.String())
		return web.Close()
	}
	return err
}

// papersKept is for how many days a settled print job can be looked up.
const papersKept = 30

// chores are the periodic jobs.
func chores(db *store.DB, printers *spool.Spooler, server *kiosk.Server, calendars *calendar.Reader) []jobs.Job {
	return []jobs.Job{
		{Name: "close-forgotten", Every: time.Minute, Lease: true, Run: func(ctx context.Context) error { return closeForgotten(ctx, db) }},
		{Name: "settle-appointments", Every: time.Minute, Lease: true, Run: func(ctx context.Context) error { return settleAppointments(ctx, db) }},
		{Name: "end-holds", Every: time.Minute, Lease: true, Run: func(ctx context.Context) error {
			return db.Update(ctx, func(tx *store.Tx) error { return booking.Sweep(ctx, tx) })
		}},
		{Name: "offer-freed", Every: time.Minute, Lease: true, Run: server.OfferFreed},
		{Name: "warn-managers", Every: time.Minute, Lease: true, Run: server.Warn},
		{Name: "read-calendars", Every: time.Minute, Lease: true, Run: calendars.Run},
		{Name: "keep-calendars", Every: 20 * time.Second, Lease: true, Run: calendars.KeepInStep},
		{Name: "check-printers", Every: time.Minute, Lease: true, Run: printers.Check},
		{Name: "forget-what-ended", Every: time.Hour, Lease: true, Run: func(ctx context.Context) error {
			return db.Update(ctx, func(tx *store.Tx) error {
				return errors.Join(access.Forget(ctx, tx), access.ForgetKeys(ctx, tx), message.Forget(ctx, tx), booking.EraseOld(ctx, tx),
					spool.Prune(ctx, tx, tx.Now.AddDate(0, 0, -papersKept)))
			})
		}},
	}
}

// closeForgotten settles what offices left open. It looks before it locks, and one office's trouble is
// not the others'.
func closeForgotten(ctx context.Context, db *store.DB) error {
	var offices []string
	var faults []error
	err := db.View(ctx, func(tx *store.Tx) error {
		all, err := territory.List(ctx, tx)
		for _, t := range all {
			for _, o := range t.Offices {
				some, err := queue.Forgotten(ctx, tx, o.ID)
				if err != nil {
					faults = append(faults, err)
				}
				if some {
					offices = append(offices, o.ID)
				}
			}
		}
		return err
	})
	faults = append(faults, err)
	for _, office := range offices {
		faults = append(faults, db.Update(ctx, func(tx *store.Tx) error {
			_, err := queue.CloseForgotten(ctx, tx, office, "job:close-forgotten")
			return err
		}))
	}
	return errors.Join(faults...)
}

// settleAppointments ends the appointments that nobody came to, or whose tickets ended with the day. One
// appointment's trouble is not the others'.
func settleAppointments(ctx context.Context, db *store.DB) error {
	var behind []string
	var faults []error
	err := db.View(ctx, func(tx *store.Tx) error {
		all, err := territory.List(ctx, tx)
		for _, t := range all {
			for _, o := range t.Offices {
				some, err := queue.Unsettled(ctx, tx, o.ID)
				behind, faults = append(behind, some...), append(faults, err)
			}
		}
		return err
	})
	faults = append(faults, err)
	for _, appointment := range behind {
		faults = append(faults, db.Update(ctx, func(tx *store.Tx) error {
			return queue.Settle(ctx, tx, appointment, "job:settle-appointments")
		}))
	}
	return errors.Join(faults...)
}
