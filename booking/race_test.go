package booking_test

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"

	"sportello/booking"
	"sportello/internal/fault"
)

// race runs f for n racers at once and returns how many won. Losers must have the fault code.
func (p *province) race(n int, f func(i int) error, code string) int {
	p.t.Helper()
	var won atomic.Int64
	var racers sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		racers.Go(func() {
			<-start
			switch err := f(i); {
			case err == nil:
				won.Add(1)
			case fault.Code(err) != code:
				p.t.Errorf("racer %d: %v", i, err)
			}
		})
	}
	close(start)
	racers.Wait()
	return int(won.Load())
}

// TestStorm has two hundred racers book one start: as many get it as there are pairs, both officers or
// none.
func TestStorm(t *testing.T) {
	rounds := 1
	if os.Getenv("SPORTELLO_TORTURE") != "" {
		rounds = 8
	}
	each(t, func(t *testing.T, p *province) {
		for round := range rounds {
			w := wish("centro", "JNT-LAVORO", at("10:00").AddDate(0, 0, 7*round))
			won := p.race(200, func(int) error {
				hold, err := p.tryHold(w)
				if err != nil {
					return err
				}
				_, err = p.tryBook(hold.Token, details(somebody()))
				return err
			}, "slot_taken")
			if won != 2 {
				t.Errorf("round %d: %d got a start that two pairs can do", round, won)
			}
			p.sound()
		}
	})
}

// TestStormOfTraveller has racers book the officer who travels in the two offices between which she
// travels, at times that are too near each other for one person: one of them gets her.
func TestStormOfTraveller(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		for week := range 3 {
			wishes := []booking.Wish{
				wish("altro", "INPS-NASPI", at("10:20").AddDate(0, 0, 7*week)), // until 10:40, and five minutes after
				wish("terzo", "INPS-NASPI", at("10:40").AddDate(0, 0, 7*week)), // and five minutes before
			}
			if week == 2 {
				wishes[1].Start = wishes[1].Start.AddDate(0, 0, 7) // the third office is closed that day
				wishes[0].Start = wishes[0].Start.AddDate(0, 0, 7)
			}
			won := p.race(60, func(i int) error {
				_, err := p.tryHold(wishes[i%2])
				return err
			}, "slot_taken")
			if won != 1 {
				t.Errorf("week %d: %d got the traveller", week, won)
			}
		}
		p.sound()
	})
}

// TestNextEqualOfficer gives the centre its other officer when the one who travels is taken elsewhere.
func TestNextEqualOfficer(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		wishes := []booking.Wish{wish("centro", "INPS-NASPI", at("15:40")), wish("altro", "INPS-NASPI", at("16:00"))}
		won := p.race(20, func(i int) error {
			_, err := p.tryHold(wishes[i%2])
			return err
		}, "slot_taken")
		// Whoever comes first, the traveller does one of them and the officer of the centre another.
		if won != 2 {
			t.Errorf("%d got what two officers of INPS can do", won)
		}
		p.sound()
	})
}

// TestTwoMovesOfOneAppointment gives an appointment one of two holds, and the other stays a hold.
func TestTwoMovesOfOneAppointment(t *testing.T) {
	each(t, func(t *testing.T, p *province) {
		a := p.book(wish("centro", "JNT-LAVORO", at("09:00")))
		holds := []string{
			p.hold(wish("centro", "JNT-LAVORO", at("10:00"))).Token, p.hold(wish("altro", "JNT-LAVORO", at("09:30"))).Token,
			p.hold(wish("centro", "JNT-LAVORO", at("12:00"))).Token,
		}
		won := p.race(len(holds), func(i int) error {
			_, err := p.tryMove(a.Token, holds[i])
			return err
		}, "appointment_changed")
		if won < 1 {
			t.Error("nobody moved it")
		}
		p.sound()
	})
}
