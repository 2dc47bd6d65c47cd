package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/urfave/cli/v3"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/booking/timetable"
	"sportello/internal/audit"
	"sportello/internal/store"
)

func personCommand() *cli.Command {
	const how = "Standard input says who: lines that begin with email:, phone: or fiscal_code: (command lines can be read by others).\n" +
		"People who share an address or phone are told apart by their codice fiscale alone: look before handing it out."
	return &cli.Command{
		Name:  "person",
		Usage: "what is held on a person who asks for it (GDPR art. 15 and 17)",
		Commands: []*cli.Command{
			{
				Name: "export", Usage: "print what is held on a person as JSON", Description: how,
				Action: withReady(exportPerson),
			},
			{
				Name: "erase", Usage: "erase name and contact data of a person; appointments that are ahead still hold, places in waiting lists end", Description: how,
				Action: withReady(erasePerson),
			},
		},
	}
}

// heldRecord is an appointment as its person is told of it.
type heldRecord struct {
	Reference string        `json:"reference"`
	Office    string        `json:"office"`
	Service   string        `json:"service"`
	State     booking.State `json:"state"`
	Start     time.Time     `json:"start"`
	End       time.Time     `json:"end"`
	People    int           `json:"people"`
	Language  string        `json:"language"`
	Name      string        `json:"name"`
	Email     string        `json:"email"`
	Phone     string        `json:"phone"`
	Note      string        `json:"note"`
	BookedAt  time.Time     `json:"booked_at"`
	EraseAt   time.Time     `json:"erase_at"`
}

func exportPerson(ctx context.Context, c *cli.Command, db *store.DB) error {
	records, seats, waiting := []heldRecord{}, []seatRecord{}, []waitingRecord{}
	err := withPerson(ctx, c, db, "person.export", func(tx *store.Tx, all booking.Holdings) error {
		records, seats, waiting = records[:0], seats[:0], waiting[:0]
		for _, s := range all.Seats {
			session, err := booking.SessionByID(ctx, tx, s.Session)
			if err != nil {
				return err
			}
			o, err := territory.Of(ctx, tx, session.Office)
			if err != nil {
				return err
			}
			seats = append(seats, seatRecordOf(s, session, o))
		}
		for _, w := range all.Waiting {
			waiting = append(waiting, waitingRecordOf(w))
		}
		for _, a := range all.Appointments {
			o, err := territory.Of(ctx, tx, a.Office)
			if err != nil {
				return err
			}
			records = append(records, recordOf(a, o))
		}
		return nil
	})
	if err != nil {
		return err
	}
	out := json.NewEncoder(c.Root().Writer)
	out.SetIndent("", "  ")
	return out.Encode(map[string]any{"appointments": records, "seats": seats, "waiting": waiting})
}

func recordOf(a booking.Appointment, o *territory.Office) heldRecord {
	zone := o.Zone()
	return heldRecord{
		Reference: a.Reference, Office: a.Office, Service: a.Service, State: a.State, Start: a.Start.In(zone), End: a.End.In(zone),
		People: a.People, Language: a.Language, Name: a.Contact.Name, Email: a.Contact.Email, Phone: a.Contact.Phone,
		Note: a.Note, BookedAt: a.CreatedAt.In(zone), EraseAt: booking.EraseAt(o.Territory, a).In(zone),
	}
}

// seatRecord is a seat in a group session as its person is told of it.
type seatRecord struct {
	Reference string            `json:"reference"`
	Office    string            `json:"office"`
	Service   string            `json:"service"`
	Topic     string            `json:"topic"`
	State     booking.SeatState `json:"state"`
	Start     time.Time         `json:"start"`
	End       time.Time         `json:"end"`
	People    int               `json:"people"`
	Language  string            `json:"language"`
	Name      string            `json:"name"`
	Email     string            `json:"email"`
	Phone     string            `json:"phone"`
	Note      string            `json:"note"`
	BookedAt  time.Time         `json:"booked_at"`
	EraseAt   time.Time         `json:"erase_at"`
}

func seatRecordOf(s booking.Seat, at booking.Session, o *territory.Office) seatRecord {
	zone := o.Zone()
	return seatRecord{
		Reference: s.Reference, Office: at.Office, Service: at.Service, Topic: at.Topic, State: s.State, Start: at.Start.In(zone), End: at.End.In(zone),
		People: s.People, Language: s.Language, Name: s.Contact.Name, Email: s.Contact.Email, Phone: s.Contact.Phone, Note: s.Note,
		BookedAt: s.CreatedAt.In(zone), EraseAt: at.EraseAt(o.Territory).In(zone),
	}
}

// waitingRecord is a place in the waiting list as its person is told of it.
type waitingRecord struct {
	Office   string         `json:"office"`
	Service  string         `json:"service"`
	From     timetable.Date `json:"from"`
	Until    timetable.Date `json:"to"`
	People   int            `json:"people"`
	Language string         `json:"language"`
	Name     string         `json:"name"`
	Email    string         `json:"email"`
	Phone    string         `json:"phone"`
	Since    time.Time      `json:"since"`
}

func waitingRecordOf(w booking.Waiting) waitingRecord {
	return waitingRecord{
		Office: w.Office, Service: w.Service, From: w.From, Until: w.Until, People: w.People, Language: w.Language,
		Name: w.Contact.Name, Email: w.Contact.Email, Phone: w.Contact.Phone, Since: w.CreatedAt,
	}
}

func erasePerson(ctx context.Context, c *cli.Command, db *store.DB) error {
	n := 0
	err := withPerson(ctx, c, db, "person.erase", func(tx *store.Tx, all booking.Holdings) error {
		n = len(all.Appointments)
		for _, a := range all.Appointments {
			if _, err := booking.Erase(ctx, tx, a.Token, byCommand); err != nil {
				return err
			}
		}
		for _, s := range all.Seats {
			if _, err := booking.EraseSeat(ctx, tx, s.Token, byCommand); err != nil {
				return err
			}
		}
		for _, w := range all.Waiting {
			if _, err := booking.LeaveWaiting(ctx, tx, w.Token, byCommand); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Root().Writer, "Erased from appointments: %d.\n", n)
	return err
}

// withPerson does something with all appointments of the person that standard input names, and records
// that it was done.
func withPerson(ctx context.Context, c *cli.Command, db *store.DB, action string, do func(*store.Tx, booking.Holdings) error) error {
	key, err := readKey(c.String("data"))
	if err != nil {
		return err
	}
	contact, err := readContact(c.Root().Reader)
	if err != nil {
		return hint(err, "Write lines such as: email: anna@prova.example, phone: 333 1234567, fiscal_code: …")
	}
	return db.Update(ctx, func(tx *store.Tx) error {
		all, err := booking.Export(ctx, tx, key.Persons(contact))
		if err != nil {
			return err
		}
		if err := do(tx, all); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{
			Scope: audit.System, Actor: byCommand, Action: action, Subject: "person", Detail: map[string]any{"appointments": len(all.Appointments), "seats": len(all.Seats), "waiting": len(all.Waiting)},
		})
	})
}

// readContact reads what names a person, a line each.
func readContact(in io.Reader) (booking.Contact, error) {
	const nobody = "-" // a contact has a name
	c := booking.Contact{Name: nobody}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		kind, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(kind) {
		case "":
		case "email":
			c.Email = value
		case "phone":
			c.Phone = value
		case "fiscal_code":
			c.FiscalCode = value
		default:
			return c, errors.New("standard input has a line that is neither email, phone nor fiscal_code")
		}
	}
	c, err := c.Checked()
	if err != nil {
		return c, errors.New("what standard input says of the person is not right")
	}
	if c == (booking.Contact{Name: nobody}) {
		return c, errors.New("standard input names nobody")
	}
	return c, nil
}
