package main

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking/calendar"
	"sportello/internal/jobs"
	"sportello/internal/message"
	"sportello/internal/store"
)

// outboundFlags say where mail, hooks and the audit's heads go.
func outboundFlags(s settings) []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "smtp", Usage: "mail server, `ADDRESS` like smtp://user@host:587 (STARTTLS) or smtps://user@host; its password is in SPORTELLO_SMTP_PASSWORD or smtp-password of the configuration file", Sources: s.sources("smtp")},
		&cli.StringFlag{Name: "mail-from", Usage: "sender of mail, `ADDRESS` like \"Sportello <sportello@comune.example.it>\"", Sources: s.sources("mail-from")},
		&cli.StringFlag{Name: "webhook", Usage: "gateway for SMS and App IO, `ADDRESS` like https://gateway.comune.example.it/sportello; its secret is in SPORTELLO_WEBHOOK_SECRET or webhook-secret of the configuration file", Sources: s.sources("webhook")},
		&cli.StringFlag{Name: "audit-mail", Usage: "mail the last lines of the audit to `ADDRESS` after each day (UTC)", Sources: s.sources("audit-mail")},
		&cli.StringFlag{Name: "audit-syslog", Usage: "write the last lines of the audit to syslog after each day: `WHERE` is local, udp://host:514 or tcp://host:601", Sources: s.sources("audit-syslog")},
	}
}

// How often messages are looked for, and whether a day is over.
const (
	messagesEvery = 10 * time.Second
	noteEvery     = 5 * time.Minute
)

// outbound are the jobs that send what the flags ask for.
func outbound(s settings, c *cli.Command, db *store.DB) ([]jobs.Job, error) {
	log, err := logger(c)
	if err != nil {
		return nil, err
	}
	var all []jobs.Job
	if c.String("smtp") != "" {
		deliver, err := mailJobs(s, c, db, log)
		if err != nil {
			return nil, err
		}
		all = append(all, deliver...)
	}
	if c.String("webhook") != "" {
		gateway, err := message.NewGateway(c.String("webhook"), s.secret("webhook-secret"))
		if err != nil {
			return nil, hint(err, "Check --webhook, like https://gateway.comune.example.it/sportello, and SPORTELLO_WEBHOOK_SECRET; openssl rand -hex 32 makes one.")
		}
		all = append(all, jobs.Job{Name: "deliver-hooks", Every: messagesEvery, Lease: true, Run: message.NewCourier(db, log, gateway).Deliver})
	}
	if to := c.String("audit-mail"); to != "" {
		if err := message.CheckAddress(to); err != nil {
			return nil, hint(errors.New("--audit-mail is no mail address"), "Write it like revisione@comune.example.it.")
		}
		if c.String("smtp") == "" {
			return nil, hint(errors.New("--audit-mail needs a mail server"), "Name one with --smtp.")
		}
		all = append(all, jobs.Job{Name: "mail-audit-heads", Every: noteEvery, Lease: true, Run: func(ctx context.Context) error { return mailHeads(ctx, db, to) }})
	}
	if where := c.String("audit-syslog"); where != "" {
		to, err := parseSyslog(where)
		if err != nil {
			return nil, err
		}
		all = append(all, jobs.Job{Name: "log-audit-heads", Every: noteEvery, Lease: true, Run: func(ctx context.Context) error { return logHeads(ctx, db, to) }})
	}
	return all, nil
}

// mailJobs are those that need a mail server: officers are invited by mail alone.
func mailJobs(s settings, c *cli.Command, db *store.DB, log *slog.Logger) ([]jobs.Job, error) {
	server, err := message.NewServer(c.String("smtp"), s.secret("smtp-password"), c.String("mail-from"))
	if err != nil {
		return nil, hint(err, "Check --smtp, like smtp://user@host:587, --mail-from and SPORTELLO_SMTP_PASSWORD.")
	}
	return []jobs.Job{
		{Name: "deliver-mail", Every: messagesEvery, Lease: true, Run: message.NewPostman(db, log, server).Deliver},
		{Name: "invite-officers", Every: messagesEvery, Lease: true, Run: func(ctx context.Context) error {
			return calendar.Invite(ctx, db, server.Sender())
		}},
	}, nil
}
