package booking_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"sportello/booking"
	"sportello/booking/territory"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// country is a territory of so many offices that open on every weekday, each with so many officers of
// CPI and as many of INPS, and one joint service of so many minutes.
func country(offices, officers, minutes int) string {
	var b strings.Builder
	fmt.Fprintf(&b, `
[territory]
id = "grande"
name = "Grande"
[[institution]]
id = "CPI"
[[institution]]
id = "INPS"
[[service]]
id = "DUE"
name = "Due enti"
needs = ["CPI", "INPS"]
minutes = %d
channels = ["online"]
`, minutes)
	for i := range offices {
		fmt.Fprintf(&b, `
[[office]]
id = "sede-%d"
name = "Sede %d"
services = ["DUE"]
desk = [{ id = "1" }]
[[office.opening]]
weekdays = ["mon", "tue", "wed", "thu", "fri"]
intervals = ["08:30-12:30", "14:00-17:00"]
`, i, i)
	}
	for i := range 2 * officers * offices {
		fmt.Fprintf(&b, `
[[officer]]
id = "op-%d"
name = "Operatore %d"
institution = "%s"
[[officer.presence]]
office = "sede-%d"
`, i, i, []string{"CPI", "INPS"}[i%2], i/2/officers)
	}
	return b.String()
}

// databases runs f on SQLite and, when a server is there, on PostgreSQL.
func databases(b *testing.B, text string, f func(b *testing.B, p *province)) {
	clock := storetest.At(monday)
	b.Run("sqlite", func(b *testing.B) { f(b, newProvince(b, storetest.Open(b, clock.Now), clock, text)) })
	if address := os.Getenv("SPORTELLO_TEST_POSTGRES"); address != "" {
		b.Run("postgres", func(b *testing.B) { f(b, newProvince(b, storetest.Postgres(b, address, clock.Now), clock, text)) })
	}
}

// BenchmarkContention is 64 clients who want the same four starts, and the next four as soon as these
// are sold, for ten seconds: how many decisions and how many bookings a second, beside how many of the
// smallest transactions the same database commits to the disk. Each start is sold as often as it has
// pairs of officers.
func BenchmarkContention(b *testing.B) {
	const clients, hot, pairs = 64, 4, 2
	databases(b, country(1, pairs, 5), func(b *testing.B, p *province) {
		slots := p.available(booking.Query{
			Office: "sede-0", Service: "DUE", From: day("2026-12-01"), Until: day("2027-01-28"), Channel: territory.Online,
		}).Offices[0].Starts
		for b.Loop() {
			commits := p.commits(b, 2*time.Second)
			var decisions, wins, sold atomic.Int64
			end := time.Now().Add(10 * time.Second)
			var racers sync.WaitGroup
			for c := range clients {
				racers.Go(func() {
					for n := c; time.Now().Before(end); n++ {
						first := int(sold.Load()) / (hot * pairs) * hot
						slot := slots[first+n%hot]
						hold, err := p.tryHold(wish("sede-0", "DUE", slot.Start))
						decisions.Add(1)
						if err == nil {
							sold.Add(1)
							_, err = p.tryBook(hold.Token, details(somebody()))
							wins.Add(1)
						}
						if err != nil && fault.Code(err) != "slot_taken" {
							b.Error(err)
							return
						}
					}
				})
			}
			racers.Wait()
			seconds := 10 + time.Since(end).Seconds()
			b.ReportMetric(float64(decisions.Load())/seconds, "decisions/s")
			b.ReportMetric(float64(wins.Load())/seconds, "wins/s")
			b.ReportMetric(commits, "commits/s")
			b.ReportMetric(float64(2*wins.Load())/seconds/commits, "commits/limit") // a hold and a booking
			b.ReportMetric(0, "ns/op")
			p.soldOut(b, wins.Load(), pairs, int(sold.Load())/(hot*pairs)*hot)
		}
	})
}

// commits is how many of the smallest transactions the database commits in a second, one after the
// other.
func (p *province) commits(b *testing.B, during time.Duration) float64 {
	b.Helper()
	n := 0
	began := time.Now()
	for ; time.Since(began) < during; n++ {
		p.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE office_state SET version = version + 1 WHERE office_id = 'sede-0'`)
			return err
		})
	}
	return float64(n) / time.Since(began).Seconds()
}

// soldOut fails the benchmark unless as many are booked as won, no start more often than it has pairs,
// and the starts before the last hot ones exactly so often.
func (p *province) soldOut(b *testing.B, wins int64, pairs, before int) {
	b.Helper()
	p.sound()
	p.view(func(ctx context.Context, tx *store.Tx) error {
		const count = `
SELECT COALESCE(SUM(n), 0), COUNT(*), COALESCE(SUM(CASE WHEN n > $1 THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN n = $1 THEN 1 ELSE 0 END), 0)
FROM (SELECT start_at, COUNT(*) AS n FROM appointments WHERE state = 'booked' GROUP BY start_at) AS sold`
		var booked, starts, over, full int64
		if err := tx.QueryRow(ctx, count, pairs).Scan(&booked, &starts, &over, &full); err != nil {
			return err
		}
		if booked != wins || over != 0 || full < int64(before) {
			b.Errorf("%d won, %d booked of %d starts, %d sold too often, %d sold out of %d that were", wins, booked, starts, over, full, before)
		}
		return nil
	})
}

// BenchmarkAvailability is what a page asks for: an office's month and a province's two, with nothing
// changed since, and an office's month right after a booking in it.
func BenchmarkAvailability(b *testing.B) {
	month := booking.Query{Office: "sede-0", Service: "DUE", From: day("2026-12-01"), Until: day("2026-12-31"), Channel: territory.Online}
	all := booking.Query{Territory: "grande", Service: "DUE", From: day("2026-12-01"), Until: day("2027-01-29"), Channel: territory.Online}
	databases(b, country(50, 4, 30), func(b *testing.B, p *province) {
		p.fill(3)
		b.Run("month", func(b *testing.B) {
			for b.Loop() {
				p.available(month)
			}
		})
		b.Run("month after a booking", func(b *testing.B) {
			starts := p.available(month).Offices[0].Starts
			n := 0
			for b.Loop() {
				b.StopTimer()
				p.book(wish("sede-0", "DUE", starts[n%len(starts)].Start))
				if n++; n == len(starts) {
					starts, n = p.available(month).Offices[0].Starts, 0
				}
				b.StartTimer()
				p.available(month)
			}
		})
		b.Run("50 offices × 60 days", func(b *testing.B) {
			for b.Loop() {
				p.available(all)
			}
		})
	})
}

// fill books so many quarters of the first two weeks of every office, as rows.
func (p *province) fill(quarters int) {
	p.t.Helper()
	p.update(func(ctx context.Context, tx *store.Tx) error {
		for n := range 50 {
			office := fmt.Sprintf("sede-%d", n)
			if _, err := territory.Lock(ctx, tx, office); err != nil {
				return err
			}
			for d := range 14 {
				for half := range 8 {
					if half%4 >= quarters {
						continue
					}
					if err := p.row(ctx, tx, office, n, at("08:30").AddDate(0, 0, d-2).Add(time.Duration(half)*30*time.Minute)); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// row writes an appointment of the first pair of the nth office, and its claims.
func (p *province) row(ctx context.Context, tx *store.Tx, office string, n int, start time.Time) error {
	id := store.NewID()
	_, err := tx.Exec(ctx, `
INSERT INTO appointments (id, token, reference, territory_id, office_id, service_id, state, day, start_at, end_at, people, language, must_speak,
  channel, hold_until, room_id, created_at, changed_at)
VALUES ($1, $1, $1, 'grande', $2, 'DUE', 'booked', $3, $4, $5, 1, '', FALSE, 'online', 0, '', 0, 0)`,
		id, office, start.Format(time.DateOnly), store.Millis(start), store.Millis(start.Add(30*time.Minute)))
	if err != nil {
		return err
	}
	for i := range 2 {
		officer := fmt.Sprintf("op-%d", 8*n+i)
		for slot := start; slot.Before(start.Add(30 * time.Minute)); slot = slot.Add(5 * time.Minute) {
			if _, err := tx.Exec(ctx, `INSERT INTO claims (resource_id, slot_at, appointment_id, until) VALUES ($1, $2, $3, 0)`,
				"officer:grande:"+officer, store.Millis(slot), id); err != nil {
				return err
			}
		}
	}
	return nil
}
