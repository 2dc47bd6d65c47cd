package calendar

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"sportello/booking"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// Reader reads sources and writes down what they say.
type Reader struct {
	DB    *store.DB
	Log   *slog.Logger
	Key   booking.Key
	Guard *Guard

	patience patience // zero: usual
}

// How far ahead a source is read, and how far what it said must reach for the server to be asked only
// whether there is something new. Nothing is kept of a file but busy time, so that later days can only be
// had from a new copy.
const (
	readDays   = 800 // longer than any service can be booked ahead
	enoughDays = 770
)

// atOnce is how many sources are read at the same time.
const atOnce = 8

// Run reads the files that are due, until none is. It is a job; one source's trouble is not the others'.
func (r *Reader) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		var due []Source
		err := r.DB.View(ctx, func(tx *store.Tx) (err error) {
			due, err = Due(ctx, tx, ICS, 4*atOnce)
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		var g errgroup.Group
		g.SetLimit(atOnce)
		for _, s := range due {
			g.Go(func() error {
				_, err := r.sync(ctx, s)
				return err
			})
		}
		if err := g.Wait(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Sync reads a source now and returns what became of it. The fault is unknown_calendar.
func (r *Reader) Sync(ctx context.Context, id string) (Outcome, error) {
	var s Source
	err := r.DB.View(ctx, func(tx *store.Tx) (err error) {
		s, err = ByID(ctx, tx, id)
		return err
	})
	switch {
	case err != nil:
		return Outcome{}, err
	case s.Kind == CalDAV:
		return r.syncDAV(ctx, s)
	}
	return r.sync(ctx, s)
}

// sync makes an attempt to read a source. Its error is the database's, or that of ctx.
func (r *Reader) sync(ctx context.Context, s Source) (Outcome, error) {
	o, reading, err := r.read(ctx, s)
	if problem := new(Problem); errors.As(err, &problem) {
		r.Log.InfoContext(ctx, "calendar not read", "calendar", s.ID, "code", problem.Code, "failures", s.Failures+1, "err", problem.cause)
		o, reading = Outcome{Code: problem.Code, After: problem.After}, nil
	} else if err != nil {
		return Outcome{}, err
	}
	err = r.note(ctx, s, &o, reading)
	if fault.Code(err) == "too_much_busy" {
		o, reading = Outcome{Code: TooMuch}, nil
		err = r.note(ctx, s, &o, reading)
	}
	return o, err
}

// note writes down what became of an attempt, and what the source says, in one transaction; nothing when
// the source was edited or removed meanwhile.
func (r *Reader) note(ctx context.Context, s Source, o *Outcome, reading *Reading) error {
	return r.DB.Update(ctx, func(tx *store.Tx) error {
		ours, err := Claim(ctx, tx, s)
		if err != nil || !ours {
			return err
		}
		if reading != nil {
			changed, err := booking.Follow(ctx, tx, s.ID, s.Whose, reading.Busy)
			if err != nil {
				return err
			}
			o.Counts[Added], o.Counts[Removed] = changed.Added, changed.Removed
		}
		return Note(ctx, tx, s, *o)
	})
}

// read fetches a source and understands it; without a reading there is nothing new.
func (r *Reader) read(ctx context.Context, s Source) (Outcome, *Reading, error) {
	access, err := s.Access(r.Key)
	if errors.Is(err, ErrSealed) {
		return Outcome{}, nil, &Problem{Code: Sealed}
	}
	if err != nil {
		return Outcome{}, nil, err
	}
	zone, err := r.zone(ctx, s.Whose)
	if err != nil {
		return Outcome{}, nil, err
	}
	now := r.DB.Now()
	etag, lastModified := s.ETag, s.LastModified
	if s.ReadUntil.Before(now.AddDate(0, 0, enoughDays)) {
		etag, lastModified = "", ""
	}
	reading, got, err := r.try(ctx, access, etag, lastModified, zone)
	if err != nil {
		return Outcome{}, nil, err
	}
	o := Outcome{Code: OK, ETag: got.etag, LastModified: got.lastModified, ReadUntil: now.AddDate(0, 0, readDays)}
	if reading == nil {
		o.Code, o.ReadUntil = Unchanged, s.ReadUntil
		return o, nil, nil
	}
	o.Counts = map[Count]int{Spans: len(reading.Busy), Refused: reading.refused(), Bytes: len(got.body)}
	return o, reading, nil
}

// try fetches and understands a file.
func (r *Reader) try(ctx context.Context, access Access, etag, lastModified string, zone *time.Location) (*Reading, answer, error) {
	within := r.patience
	if within == (patience{}) {
		within = usual
	}
	got, err := r.Guard.get(ctx, access, etag, lastModified, within)
	if err != nil || got.body == nil {
		return nil, got, err
	}
	now := r.DB.Now()
	reading, err := Read(bytes.NewReader(got.body), zone, now, now.AddDate(0, 0, readDays))
	if err != nil {
		return nil, got, &Problem{Code: NotCalendar, cause: err}
	}
	return &reading, got, nil
}

// Try reads an address without keeping anything of it: what would be read there, or the Problem. The
// faults are address_invalid and those of booking.Owner.Offices.
func (r *Reader) Try(ctx context.Context, access Access, whose booking.Owner) (*Reading, error) {
	var err error
	if access.Address, err = CheckAddress(access.Address); err != nil {
		return nil, err
	}
	zone, err := r.zone(ctx, whose)
	if err != nil {
		return nil, err
	}
	reading, _, err := r.try(ctx, access, "", "", zone)
	return reading, err
}

// Show reads an address for people: from one instant until another.
func (g *Guard) Show(ctx context.Context, address string, zone *time.Location, from, until time.Time) (Reading, error) {
	address, err := CheckAddress(address)
	if err != nil {
		return Reading{}, err
	}
	got, err := g.get(ctx, Access{Address: address}, "", "", usual)
	if err != nil {
		return Reading{}, err
	}
	return Read(bytes.NewReader(got.body), zone, from, until)
}

// zone is that of the clock that an owner goes by: of the first of its offices.
func (r *Reader) zone(ctx context.Context, whose booking.Owner) (zone *time.Location, err error) {
	err = r.DB.View(ctx, func(tx *store.Tx) error {
		offices, err := whose.Offices(ctx, tx)
		switch {
		case fault.Code(err) != "":
			return &Problem{Code: OwnerGone}
		case err != nil:
			return fmt.Errorf("zone of a calendar: %w", err)
		case len(offices) > 0:
			zone = offices[0].Zone()
			return nil
		}
		zone, err = time.LoadLocation("Europe/Rome")
		return err
	})
	return zone, err
}
