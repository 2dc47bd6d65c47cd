package queue_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/queue"
	"sportello/queue/rule"
)

func TestNumbersFollowTheSeriesOfTheArea(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		var got []string
		for _, service := range []string{"CPI-DID", "JNT-LAVORO", "INPS-NASPI", "JNT-LAVORO"} {
			got = append(got, o.issue(service).Label())
		}
		if diff := cmp.Diff([]string{"A001", "L001", "A002", "L002"}, got); diff != "" {
			t.Error(diff)
		}
		o.clock.Set(morning.AddDate(0, 0, 7))
		if got, want := o.issue("CPI-DID").Label(), "A001"; got != want {
			t.Errorf("a week later: got %s, want %s", got, want)
		}
	})
}

func TestSameKeySameTicket(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		request := o.request("CPI-DID")
		request.Key = "touch-1"
		var tickets []queue.Ticket
		for range 3 {
			o.update(func(ctx context.Context, tx *store.Tx) error {
				ticket, err := queue.Issue(ctx, tx, request)
				tickets = append(tickets, ticket)
				return err
			})
		}
		if tickets[0].ID != tickets[1].ID || tickets[0].ID != tickets[2].ID {
			t.Errorf("one key gave several tickets: %v", tickets)
		}
		if got, want := o.issue("CPI-DID").Label(), "A002"; got != want {
			t.Errorf("next number: got %s, want %s", got, want)
		}
	})
}

func TestKeysAreOfOneAskerAndDay(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ask := func(by, service string) (ticket queue.Ticket, err error) {
			request := o.request(service)
			request.By, request.Key = by, "1"
			err = o.try(func(ctx context.Context, tx *store.Tx) (err error) {
				ticket, err = queue.Issue(ctx, tx, request)
				return err
			})
			return ticket, err
		}
		first, err := ask("device:one", "CPI-DID")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := ask("device:one", "CPI-DID"); err != nil || again.ID != first.ID {
			t.Errorf("the same again: got %s, %v, want %s", again.Label(), err, first.Label())
		}
		if second, err := ask("device:one", "INPS-PAG"); err != nil || second.ID != first.ID {
			t.Errorf("a second touch: got %s, %v, want %s", second.Label(), err, first.Label())
		}
		if other, err := ask("device:two", "CPI-DID"); err != nil || other.ID == first.ID {
			t.Errorf("another kiosk's key: got %s, %v, want a ticket of its own", other.Label(), err)
		}
		o.clock.Set(morning.AddDate(0, 0, 7))
		if later, err := ask("device:one", "CPI-DID"); err != nil || later.ID == first.ID {
			t.Errorf("a week later: got the old ticket, %v", err)
		}
	})
}

func TestIssueRefuses(t *testing.T) {
	tests := []struct {
		name    string
		when    time.Time
		service string
		prepare func(o *office)
		want    string
	}{
		{name: "unknown service", when: morning, service: "NONE", want: "unknown_service"},
		{name: "not at this office", when: morning, service: "COM-ANAG", want: "unknown_service"},
		{name: "ended", when: morning, service: "HIS-REI", want: "service_ended"},
		{name: "only by appointment", when: morning, service: "CPI-PATTO", want: "not_by_ticket"},
		{name: "after closing", when: at("17:00"), service: "CPI-DID", want: "closed"},
		{name: "another day", when: at("10:00").AddDate(0, 0, 1), service: "CPI-DID", want: "closed"},
		{name: "stopped", when: morning, service: "CPI-DID", want: "service_stopped", prepare: func(o *office) {
			o.open("1", "cpi-1")
			o.update(func(ctx context.Context, tx *store.Tx) error {
				return queue.StopService(ctx, tx, seat("1"), "CPI-DID", "rete ferma")
			})
		}},
		{name: "ceiling", when: morning, service: "CPI-ART16", want: "full", prepare: func(o *office) {
			o.issue("CPI-ART16")
			o.issue("CPI-ART16")
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				o.clock.Set(tt.when)
				if tt.prepare != nil {
					tt.prepare(o)
				}
				before := o.picture().Version
				o.refused(tt.want, func(ctx context.Context, tx *store.Tx) error {
					_, err := queue.Issue(ctx, tx, o.request(tt.service))
					return err
				})
				if after := o.picture().Version; after != before {
					t.Errorf("a refusal changed the office: version %d, then %d", before, after)
				}
			})
		})
	}
}

func TestClosedSaysWhenItOpens(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.clock.Set(at("17:30"))
		offer, _ := o.picture().Offer("CPI-DID")
		if want := at("09:00").AddDate(0, 0, 7); offer.Open || !offer.Next.Equal(want) {
			t.Errorf("got open %t next %v, want closed until %v", offer.Open, offer.Next, want)
		}
	})
}

func TestBeforeOpeningWaitingCountsFromTheOpening(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		tests := []struct{ when, want string }{{"08:30", "09:00"}, {"09:10", "09:10"}, {"13:00", "15:00"}}
		for _, tt := range tests {
			o.clock.Set(at(tt.when))
			if got := o.issue("CPI-DID").DueAt; !got.Equal(at(tt.want)) {
				t.Errorf("issued at %s: due %v, want %s", tt.when, got.In(rome), tt.want)
			}
		}
	})
}

func TestPrecedenceGoesTwentyMinutesBefore(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.issue("CPI-DID")
		o.clock.Add(19 * time.Minute)
		request := o.request("CPI-DID")
		request.Precedence = true
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.Issue(ctx, tx, request)
			return err
		})
		call, number := o.next("1")
		if number != "A002" || call.Ticket.Why != rule.Precedence {
			t.Errorf("got %s because %s, want A002 because of precedence", number, call.Ticket.Why)
		}
	})
}

func TestACallIsShownUntilUndone(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.issue("CPI-DID")
		call, _ := o.next("1")
		p := o.picture()
		if len(p.Calls) != 1 || p.Calls[0].Ticket.Label() != "A001" || p.Calls[0].Desks[0] != "1" {
			t.Fatalf("calls: %+v", p.Calls)
		}
		o.step(queue.Undo, "1", call.Ticket.ID)
		p = o.picture()
		if len(p.Calls) != 0 || len(p.Waiting()) != 1 {
			t.Errorf("after undo: %d calls, %d waiting", len(p.Calls), len(p.Waiting()))
		}
		if _, number := o.next("1"); number != "A001" {
			t.Errorf("called again: got %q, want A001", number)
		}
	})
}

// step runs one of the functions that take a seat and a ticket.
func (o *office) step(f func(context.Context, *store.Tx, queue.Seat, string) (queue.Ticket, error), desk, ticket string) queue.Ticket {
	o.t.Helper()
	var after queue.Ticket
	o.update(func(ctx context.Context, tx *store.Tx) (err error) {
		after, err = f(ctx, tx, seat(desk), ticket)
		return err
	})
	return after
}

func finish(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string) (queue.Ticket, error) {
	return queue.Finish(ctx, tx, at, ticket, "", "")
}

func park(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string) (queue.Ticket, error) {
	return queue.Park(ctx, tx, at, ticket, "manca un documento")
}

func recall(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string) (queue.Ticket, error) {
	call, err := queue.Recall(ctx, tx, at, ticket)
	return call.Ticket, err
}

func toNaspi(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string) (queue.Ticket, error) {
	return queue.Transfer(ctx, tx, at, ticket, queue.Target{Service: "INPS-NASPI"})
}

// TestSteps tries every step on a ticket in every state.
func TestSteps(t *testing.T) {
	type step = func(context.Context, *store.Tx, queue.Seat, string) (queue.Ticket, error)
	steps := map[string]step{
		"start": queue.Start, "finish": finish, "no-show": queue.MarkNoShow, "park": park, "resume": queue.Resume,
		"transfer": toNaspi, "recall": recall, "undo": queue.Undo,
	}
	reach := map[queue.State][]step{
		queue.Waiting: nil,
		queue.Called:  {}, // by next
		queue.Serving: {queue.Start},
		queue.Served:  {finish},
		queue.Parked:  {park},
		queue.NoShow:  {recall, queue.MarkNoShow},
	}
	want := map[queue.State]map[string]queue.State{
		queue.Waiting: {"transfer": queue.Waiting},
		queue.Called: {
			"start": queue.Serving, "finish": queue.Served, "park": queue.Parked, "transfer": queue.Waiting, "recall": queue.Called, "undo": queue.Waiting,
		},
		queue.Serving: {"finish": queue.Served, "park": queue.Parked, "transfer": queue.Waiting},
		queue.Served:  {"undo": queue.Called},
		queue.Parked:  {"resume": queue.Waiting, "transfer": queue.Waiting},
		queue.NoShow:  {"resume": queue.Waiting, "undo": queue.Called},
	}
	refusals := map[string]string{"undo": "nothing_to_undo"}
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		for state, path := range reach {
			for name, try := range steps {
				ticket := o.issue("CPI-OFFERTE")
				if path != nil {
					o.next("1")
				}
				for _, f := range path {
					o.step(f, "1", ticket.ID)
				}
				var after queue.Ticket
				err := o.try(func(ctx context.Context, tx *store.Tx) (err error) {
					after, err = try(ctx, tx, seat("1"), ticket.ID)
					return err
				})
				wanted, allowed := want[state][name]
				code := "ticket_state"
				if refusals[name] != "" {
					code = refusals[name]
				}
				if state == queue.Called && name == "no-show" {
					code = "too_few_calls"
				}
				switch {
				case allowed && (err != nil || after.State != wanted):
					t.Errorf("%s of a %s ticket: got %s, %v, want %s", name, state, after.State, err, wanted)
				case !allowed && fault.Code(err) != code:
					t.Errorf("%s of a %s ticket: got %s, %v, want the fault %s", name, state, after.State, err, code)
				}
				o.clear()
			}
		}
	})
}

// clear takes every ticket out of the way, so that the desk is free for the next case.
func (o *office) clear() {
	o.t.Helper()
	o.update(func(ctx context.Context, tx *store.Tx) error {
		for _, statement := range []string{`DELETE FROM desk_tickets`, `UPDATE tickets SET state = 'cancelled'`} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		return nil
	})
}

func TestNoShowComesBackWithinHalfAnHour(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		ticket := o.issue("CPI-DID")
		o.clock.Add(time.Minute)
		o.issue("CPI-DID")
		o.next("1")
		o.step(recall, "1", ticket.ID)
		o.step(queue.MarkNoShow, "1", ticket.ID)
		o.clock.Add(29 * time.Minute)
		back := o.step(queue.Resume, "1", ticket.ID)
		if !back.DueAt.Equal(ticket.DueAt) || back.Label() != "A001" {
			t.Errorf("came back as %s due %v, want A001 due %v", back.Label(), back.DueAt, ticket.DueAt)
		}
		call, number := o.next("1")
		if number != "A001" || call.Ticket.Why != rule.Returned {
			t.Errorf("got %s because %s, want A001, which keeps its due time", number, call.Ticket.Why)
		}
		o.step(recall, "1", ticket.ID)
		o.step(queue.MarkNoShow, "1", ticket.ID)
		o.clock.Add(31 * time.Minute)
		o.refused("too_late_to_return", func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.Resume(ctx, tx, seat("1"), ticket.ID)
			return err
		})
	})
}

func TestUndoOnlyForAMinuteAndOnlyAtAFreeDesk(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		first, second := o.issue("CPI-DID"), o.issue("CPI-DID")
		o.next("1")
		o.step(finish, "1", first.ID)
		o.next("1")
		undo := func(ticket string) func(context.Context, *store.Tx) error {
			return func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.Undo(ctx, tx, seat("1"), ticket)
				return err
			}
		}
		o.refused("desk_busy", undo(first.ID))
		o.clock.Add(queue.UndoWithin + time.Second)
		o.refused("nothing_to_undo", undo(second.ID))
	})
}

func TestTransferKeepsNumberAndDue(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		ticket := o.issue("CPI-DID")
		o.clock.Add(5 * time.Minute)
		o.issue("INPS-PAG")
		o.next("1")
		moved := o.step(toNaspi, "1", ticket.ID)
		if moved.Label() != ticket.Label() || !moved.DueAt.Equal(ticket.DueAt) {
			t.Errorf("got %s due %v, want %s due %v", moved.Label(), moved.DueAt, ticket.Label(), ticket.DueAt)
		}
		if call, number := o.next("2"); number != "A001" || call.Ticket.Why != rule.Transferred {
			t.Errorf("got %s because %s, want A001 because it was transferred", number, call.Ticket.Why)
		}
	})
}

func TestTransferRefuses(t *testing.T) {
	tests := []struct {
		name string
		to   queue.Target
		want string
	}{
		{"nowhere", queue.Target{}, "target_missing"},
		{"unknown service", queue.Target{Service: "NONE"}, "unknown_service"},
		{"ended service", queue.Target{Service: "HIS-REI"}, "service_ended"},
		{"unknown desk", queue.Target{Desk: "99"}, "unknown_desk"},
		{"closed desk", queue.Target{Desk: "3"}, "desk_not_open"},
		{"desk of the other institution", queue.Target{Desk: "2"}, "desk_does_not_serve"},
		{"institution that does not take part", queue.Target{Institution: "INPS"}, "unknown_institution"},
	}
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		ticket := o.issue("CPI-DID")
		for _, tt := range tests {
			t.Run(tt.name, func(t *testing.T) {
				o.refused(tt.want, func(ctx context.Context, tx *store.Tx) error {
					_, err := queue.Transfer(ctx, tx, seat("1"), ticket.ID, tt.to)
					return err
				})
			})
		}
	})
}

func TestDesks(t *testing.T) {
	open := func(desk, officer string, services ...string) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.OpenDesk(ctx, tx, seat(desk), "user-"+officer, officer, services)
			return err
		}
	}
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.refused("unknown_desk", open("99", "cpi-2"))
		o.refused("desk_taken", open("1", "cpi-2"))
		o.refused("officer_elsewhere", open("2", "cpi-1"))
		o.refused("not_here", open("2", "stranger"))
		o.refused("nothing_to_serve", open("2", "inps-1", "CPI-DID"))
		o.refused("desk_not_open", func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.CallNext(ctx, tx, seat("2"))
			return err
		})
		ticket := o.issue("CPI-DID")
		o.next("1")
		for name, leave := range map[string]func(context.Context, *store.Tx) error{
			"pause": func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.PauseDesk(ctx, tx, seat("1"), "pausa", time.Time{})
				return err
			},
			"close": func(ctx context.Context, tx *store.Tx) error { return queue.CloseDesk(ctx, tx, seat("1")) },
			"next": func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.CallNext(ctx, tx, seat("1"))
				return err
			},
		} {
			t.Run(name, func(t *testing.T) { o.refused("settle_ticket_first", leave) })
		}
		o.open("2", "cpi-2")
		o.refused("not_at_this_desk", func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.Start(ctx, tx, seat("2"), ticket.ID)
			return err
		})
		o.refused("ticket_already_called", func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.CallChosen(ctx, tx, seat("2"), ticket.ID, "urgente")
			return err
		})
	})
}

func TestNobodyIsAtTwoDesks(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		offices := []string{"centro", "altro"}
		for range 10 {
			var opened atomic.Int32
			var opening sync.WaitGroup
			for _, id := range offices {
				opening.Go(func() {
					err := o.try(func(ctx context.Context, tx *store.Tx) error {
						_, err := queue.OpenDesk(ctx, tx, queue.Seat{Office: id, Desk: "1", By: "user:cpi-1"}, "user-cpi-1", "cpi-1", nil)
						return err
					})
					switch {
					case err == nil:
						opened.Add(1)
					case fault.Code(err) != "officer_elsewhere":
						t.Errorf("%s: got %v, want officer_elsewhere", id, err)
					}
				})
			}
			opening.Wait()
			if n := opened.Load(); n != 1 {
				t.Errorf("%d desks were opened, want one", n)
			}
			o.update(func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, `DELETE FROM desks_at_work`)
				return err
			})
		}
	})
}

func TestATransferDoesNotWaitForAClosedDesk(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("3", "cpi-2")
		ticket := o.issue("CPI-DID")
		o.next("1")
		o.step(func(ctx context.Context, tx *store.Tx, at queue.Seat, ticket string) (queue.Ticket, error) {
			return queue.Transfer(ctx, tx, at, ticket, queue.Target{Desk: "3"})
		}, "1", ticket.ID)
		if _, number := o.next("1"); number != "" {
			t.Errorf("desk 1 called %s, which is for desk 3", number)
		}
		o.update(func(ctx context.Context, tx *store.Tx) error { return queue.CloseDesk(ctx, tx, seat("3")) })
		if _, number := o.next("1"); number != "A001" {
			t.Errorf("desk 3 has closed: desk 1 called %q, want A001", number)
		}
	})
}

func TestWhoTakesNoPartDoesNotMoveOrStop(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		ticket := o.issue("CPI-DID")
		move := func(desk string, to queue.Target) func(context.Context, *store.Tx) error {
			return func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.Transfer(ctx, tx, seat(desk), ticket.ID, to)
				return err
			}
		}
		o.refused("not_allowed", move("2", queue.Target{Service: "INPS-PAG"}))
		o.refused("target_missing", move("1", queue.Target{Service: "CPI-OFFERTE", Desk: "1"}))
		o.update(move("1", queue.Target{Service: "CPI-OFFERTE"}))
		o.refused("not_allowed", func(ctx context.Context, tx *store.Tx) error {
			return queue.StopService(ctx, tx, seat("2"), "CPI-DID", "rete ferma")
		})
	})
}

func TestUndoNeedsTheDesksAsTheyWere(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		joint := o.issue("JNT-LAVORO")
		o.next("1")
		o.step(finish, "1", joint.ID)
		undo := func(desk string) func(context.Context, *store.Tx) error {
			return func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.Undo(ctx, tx, seat(desk), joint.ID)
				return err
			}
		}
		o.open("3", "cpi-2")
		o.refused("not_at_this_desk", undo("3"))
		o.update(func(ctx context.Context, tx *store.Tx) error { return queue.CloseDesk(ctx, tx, seat("2")) })
		o.refused("desk_not_open", undo("1"))
		o.clock.Add(time.Second)
		o.open("2", "inps-2")
		o.refused("desk_not_open", undo("1")) // somebody else sits there now
	})
}

func TestABurstOfCallsIsShownWhole(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		const desks = 12
		for i := range desks {
			o.open(fmt.Sprint(i+1), fmt.Sprintf("%s-%d", []string{"cpi", "inps"}[i%2], i/2+1))
			o.issue("ACC-INFO")
		}
		for i := range desks {
			o.next(fmt.Sprint(i + 1))
		}
		if got := len(o.picture().Calls); got != desks {
			t.Errorf("%d calls, want %d", got, desks)
		}
		o.clock.Add(queue.FreshCall + time.Second)
		if got := len(o.picture().Calls); got != queue.ShownCalls {
			t.Errorf("minutes later: %d calls, want %d", got, queue.ShownCalls)
		}
	})
}

func TestATicketByHandOnAClosedDayIsLeftInPeace(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.clock.Set(morning.AddDate(0, 0, 1))
		request := o.request("CPI-DID")
		request.Origin = queue.FromDesk
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.Issue(ctx, tx, request)
			return err
		})
		o.clock.Add(time.Minute)
		o.closeForgotten(false)
		o.clock.Add(time.Hour)
		o.closeForgotten(true)
	})
}

func TestOverduePausePromisesNothing(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1", "CPI-DID")
		ticket := o.issue("CPI-DID")
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.PauseDesk(ctx, tx, seat("1"), "break", morning.Add(10*time.Minute))
			return err
		})
		if _, ok := o.picture().Wait(ticket.ID); !ok {
			t.Error("no estimate although the desk said when it is back")
		}
		o.clock.Add(20 * time.Minute)
		if wait, ok := o.picture().Wait(ticket.ID); ok {
			t.Errorf("ten minutes overdue: estimate %v", wait)
		}
	})
}

func TestPauseOfOneInstitutionStopsAJointService(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1", "JNT-LAVORO")
		o.open("2", "inps-1", "JNT-LAVORO")
		p := o.picture()
		if only := p.OnlyAt("2"); len(only) != 1 || only[0].ID != "JNT-LAVORO" {
			t.Errorf("only at desk 2: %v, want JNT-LAVORO", only)
		}
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.PauseDesk(ctx, tx, seat("2"), "break", time.Time{})
			return err
		})
		p = o.picture()
		offer, _ := p.Offer("JNT-LAVORO")
		if unserved := p.Unserved(); len(unserved) != 1 || offer.DesksOpen != 0 || offer.HasWait {
			t.Errorf("unserved %v, offer %+v", unserved, offer)
		}
	})
}

func TestPauseOfTheLastDeskOfAService(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1", "CPI-DID")
		ticket := o.issue("CPI-DID")
		if _, ok := o.picture().Wait(ticket.ID); !ok {
			t.Error("no estimate while a desk is open")
		}
		o.update(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.PauseDesk(ctx, tx, seat("1"), "riunione", time.Time{})
			return err
		})
		p := o.picture()
		if unserved := p.Unserved(); len(unserved) != 1 || unserved[0].ID != "CPI-DID" {
			t.Errorf("unserved: %v, want CPI-DID", unserved)
		}
		if wait, ok := p.Wait(ticket.ID); ok {
			t.Errorf("estimate %v with no desk open", wait)
		}
	})
}

func TestJointTicketTakesAllItsDesksOrNone(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		joint := o.issue("JNT-LAVORO")
		if _, number := o.next("1"); number != "" {
			t.Fatalf("called %s with no desk of INPS", number)
		}
		o.open("2", "inps-1")
		call, number := o.next("1")
		if number != "L001" || call.Ticket.Why != rule.JointReady {
			t.Fatalf("got %s because %s, want L001 because its desks are ready", number, call.Ticket.Why)
		}
		if diff := cmp.Diff([]string{"1", "2"}, call.Desks); diff != "" {
			t.Error(diff)
		}
		if d, _ := o.picture().Desk("2"); d.Ticket != joint.ID {
			t.Errorf("desk 2 has ticket %q, want the joint one", d.Ticket)
		}
		o.step(finish, "2", joint.ID)
		for _, desk := range []string{"1", "2"} {
			if d, _ := o.picture().Desk(desk); d.Ticket != "" {
				t.Errorf("desk %s still has a ticket", desk)
			}
		}
	})
}

func TestHeldDesksTakeOnlyWhatFits(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		o.open("2", "inps-1")
		o.issue("INPS-PAG") // keeps desk 2 busy, so that the pair cannot start early
		o.next("2")
		joint := o.appointment("JNT-LAVORO", morning.Add(20*time.Minute))
		o.issue("CPI-DID") // 30 minutes: does not fit
		if _, number := o.next("1"); number != "" {
			t.Fatalf("desk 1 called %s although it is held", number)
		}
		hold, held := o.picture().Held("1")
		if !held || hold.Ticket != joint || !hold.Until.Equal(morning.Add(20*time.Minute)) {
			t.Fatalf("held: %v %+v", held, hold)
		}
		o.issue("CPI-ART16") // 15 minutes: fits
		if call, number := o.next("1"); number != "A003" || call.Ticket.Why != rule.BeforeJoint {
			t.Errorf("got %s because %s, want A003 because it fits before", number, call.Ticket.Why)
		}
		release := func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.ReleaseHold(ctx, tx, seat("2"), joint, "urgenza")
			return err
		}
		o.update(release)
		o.refused("not_held", release)
	})
}

func TestWalkInThatWaitedWGoesBeforeAnAppointment(t *testing.T) {
	tests := []struct{ name, issued, want string }{
		{"waited longer than W", "09:05", "A001"},
		{"waited less than W", "09:15", "appointment"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				o.open("2", "inps-1")
				o.clock.Set(at(tt.issued))
				o.issue("INPS-PAG")
				o.clock.Set(at("10:10"))
				appointment := o.appointment("INPS-NASPI", at("10:10"))
				call, got := o.next("2")
				if call.Ticket.ID == appointment {
					got = "appointment"
				}
				if got != tt.want {
					t.Errorf("got %s because %s, want %s", got, call.Ticket.Why, tt.want)
				}
			})
		})
	}
}

func TestEndOfDay(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		waiting, serving := o.issue("CPI-DID"), o.issue("CPI-DID")
		o.next("1")
		waiting, serving = serving, waiting
		end := func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.EndDay(ctx, tx, seat("1"))
			return err
		}
		o.refused("still_open", end)
		o.clock.Set(at("17:05"))
		o.update(end)
		if got := o.stateOf(waiting); got != queue.NotServed {
			t.Errorf("who waited is %s, want not served", got)
		}
		if got := o.stateOf(serving); got != queue.Called {
			t.Errorf("who was called is %s, want still called", got)
		}
		o.clock.Set(at("17:59"))
		o.closeForgotten(false)
		o.clock.Set(at("18:01"))
		o.closeForgotten(true)
		o.closeForgotten(false)
		if got := o.stateOf(serving); got != queue.Served {
			t.Errorf("who was at the forgotten desk is %s, want served", got)
		}
		if desks := o.picture().Desks; len(desks) != 0 {
			t.Errorf("desks still open: %v", desks)
		}
	})
}

func (o *office) stateOf(ticket queue.Ticket) queue.State {
	o.t.Helper()
	var state queue.State
	err := o.db.View(o.t.Context(), func(tx *store.Tx) error {
		found, err := queue.ByID(o.t.Context(), tx, ticket.ID)
		state = found.State
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return state
}

func (o *office) closeForgotten(want bool) {
	o.t.Helper()
	o.update(func(ctx context.Context, tx *store.Tx) error {
		got, err := queue.CloseForgotten(ctx, tx, "centro", "job:test")
		if got != want {
			o.t.Errorf("at %v: closed something: %t, want %t", tx.Now.In(rome), got, want)
		}
		return err
	})
}

func TestLeave(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.open("1", "cpi-1")
		leave := func(token string) func(context.Context, *store.Tx) error {
			return func(ctx context.Context, tx *store.Tx) error {
				_, err := queue.Leave(ctx, tx, token)
				return err
			}
		}
		ticket := o.issue("CPI-DID")
		o.update(leave(ticket.Token))
		o.update(leave(ticket.Token)) // a second touch
		if got := o.stateOf(ticket); got != queue.Cancelled {
			t.Errorf("got %s, want cancelled", got)
		}
		called := o.issue("CPI-DID")
		o.next("1")
		o.refused("ticket_state", leave(called.Token))
		o.refused("unknown_ticket", leave("guess"))
	})
}

// TestStorm has 64 kiosks issue and 16 desks call at once: numbers are gap-free, no ticket is called
// twice, none is lost.
func TestStorm(t *testing.T) {
	const kiosks, perKiosk, desks = 64, 8, 16
	each(t, func(t *testing.T, o *office) {
		for i := range desks {
			o.open(fmt.Sprint(i+1), fmt.Sprintf("%s-%d", []string{"cpi", "inps"}[i%2], i/2+1))
		}
		services := []string{"CPI-DID", "INPS-NASPI", "ACC-INFO", "INPS-PAG"}
		var mu sync.Mutex
		issued, called := map[string]bool{}, map[string]int{}
		var issuing, calling sync.WaitGroup
		for k := range kiosks {
			issuing.Go(func() {
				for n := range perKiosk {
					ticket := o.issue(services[(k+n)%len(services)])
					mu.Lock()
					issued[ticket.ID] = true
					mu.Unlock()
				}
			})
		}
		done := make(chan struct{})
		for d := range desks {
			calling.Go(func() {
				desk := fmt.Sprint(d + 1)
				for over := false; ; {
					id := o.callAndFinish(desk)
					mu.Lock()
					if id != "" {
						called[id]++
					}
					mu.Unlock()
					if id == "" && over {
						return
					}
					select {
					case <-done:
						over = true
					default:
					}
				}
			})
		}
		issuing.Wait()
		close(done)
		calling.Wait()
		o.checkStorm(issued, called, kiosks*perKiosk)
	})
}

// callAndFinish serves the next ticket at a desk; "" when there is nobody or another is at it.
func (o *office) callAndFinish(desk string) string {
	var call queue.Call
	err := o.try(func(ctx context.Context, tx *store.Tx) (err error) {
		call, err = queue.CallNext(ctx, tx, seat(desk))
		return err
	})
	if code := fault.Code(err); code == "nobody" || code == "settle_ticket_first" {
		return ""
	}
	if err == nil {
		err = o.try(func(ctx context.Context, tx *store.Tx) error {
			_, err := queue.Finish(ctx, tx, seat(desk), call.Ticket.ID, "", "")
			return err
		})
	}
	if err != nil {
		o.t.Errorf("desk %s: %v", desk, err)
	}
	return call.Ticket.ID
}

func (o *office) checkStorm(issued map[string]bool, called map[string]int, want int) {
	o.t.Helper()
	if len(issued) != want {
		o.t.Errorf("issued %d tickets, want %d", len(issued), want)
	}
	for id, n := range called {
		if n != 1 || !issued[id] {
			o.t.Errorf("ticket %s called %d times", id, n)
		}
	}
	left := len(o.picture().Waiting())
	if len(called)+left != want {
		o.t.Errorf("%d called and %d waiting, want %d together", len(called), left, want)
	}
	var count, highest int
	err := o.db.View(o.t.Context(), func(tx *store.Tx) error {
		return tx.QueryRow(o.t.Context(), `SELECT COUNT(*), MAX(number) FROM tickets WHERE series = 'A'`).Scan(&count, &highest)
	})
	if err != nil {
		o.t.Fatal(err)
	}
	if count != want || highest != want {
		o.t.Errorf("series A: %d tickets, highest number %d, want %d gap-free", count, highest, want)
	}
}
