package kiosk

import (
	"context"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/access"
	"sportello/internal/store"
	"sportello/printouts"
	"sportello/printouts/spool"
	"sportello/static"
)

// receiptOf is the paper of an appointment: in Italian, and in the citizen's language beside it.
func (s *Server) receiptOf(o *territory.Office, a booking.Appointment, now time.Time) printouts.Receipt {
	it := factsOf(o, a, static.Italian, s.baseURL, now)
	own := factsOf(o, a, ownLanguage(a), s.baseURL, now)
	both := bilingual{own.Lang}
	r := printouts.Receipt{
		Code: a.Reference, URL: it.URL, MadeAt: now.In(o.Zone()), Institutions: it.Institutions,
		Date: both.of(it.Date, own.Date), Hours: both.of(it.Hours, own.Hours),
		Office: o.Name, Address: o.Address, Service: both.of(it.Service, own.Service), Language: own.Lang,
		Words: both.receiptWords(),
	}
	if a.People > 1 {
		r.People = both.text("appointment.people", "n", a.People)
	}
	for _, document := range it.Documents {
		r.Bring = append(r.Bring, printouts.Text{Italian: document})
	}
	if it.MoveUntil != "" {
		r.Change = both.of(it.text("paper.receipt.until", "until", it.MoveUntil), own.text("paper.receipt.until", "until", own.MoveUntil))
	}
	if o.Phone != "" {
		r.Contact = []string{o.Phone}
	}
	return r
}

// bilingual makes texts in Italian and, where it is another one, in a second language.
type bilingual struct{ second string }

func (b bilingual) of(italian, second string) printouts.Text {
	if b.second == static.Italian {
		second = ""
	}
	return printouts.Text{Italian: italian, Second: second}
}

func (b bilingual) text(key string, args ...any) printouts.Text {
	return b.of(static.Text(static.Italian, key, args...), static.Text(b.second, key, args...))
}

func (b bilingual) receiptWords() printouts.ReceiptWords {
	return printouts.ReceiptWords{
		Title: b.text("paper.receipt.title"), Code: b.text("paper.receipt.code"), Scan: b.text("paper.receipt.scan"),
		Where: b.text("paper.receipt.where"), Service: b.text("paper.receipt.service"), People: b.text("paper.receipt.people"),
		Bring: b.text("appointment.bring"), Change: b.text("paper.receipt.change"), Contact: b.text("paper.receipt.contact"),
		Made: b.text("paper.receipt.made"),
	}
}

// enqueueReceipt orders the paper of an appointment from the printer of a device.
func (s *Server) enqueueReceipt(ctx context.Context, tx *store.Tx, d access.Device, a booking.Appointment) (job string, err error) {
	o, err := territory.Of(ctx, tx, a.Office)
	if err != nil {
		return "", err
	}
	return spool.Enqueue(ctx, tx, spool.Job{
		Printer: d.Printer, Fallback: d.Fallback, Office: d.Office, Subject: a.Subject(), Kind: spool.KindReceipt, Values: s.receiptOf(o, a, tx.Now),
	})
}
