package territory_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sportello/booking/territory"
	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/internal/store/storetest"
)

// TestFillText puts values where a text leaves them out, and finds what is no placeholder.
func TestFillText(t *testing.T) {
	values := map[string]string{"territory": "Molise", "controllers": "{{offices}}"}
	tests := []struct {
		name, body, want string
		fault            string // with its arguments
	}{
		{name: "none", body: "Ciao.", want: "Ciao."},
		{name: "empty", body: "", want: ""},
		{name: "two, one with spaces", body: "In {{territory}} e in {{ territory }}.", want: "In Molise e in Molise."},
		{name: "a value is not filled again", body: "{{controllers}}", want: "{{offices}}"},
		{name: "known but without value", body: "a{{dpo}}b", want: "ab"},
		{name: "single braces", body: "{territory}", want: "{territory}"},
		{
			name: "unknown", body: "Uno\n\ne {{territory}}, {{enti}}\n{{altro}}", want: "Uno\n\ne Molise, {{enti}}\n{{altro}}",
			fault: "unknown_placeholder map[line:3 name:{{enti}}]",
		},
		{name: "no name", body: "{{}}", want: "{{}}", fault: "unknown_placeholder map[line:1 name:{{}}]"},
		{name: "one brace lost", body: "x\n{{territory}", want: "x\n{{territory}", fault: "unknown_placeholder map[line:2 name:{{territory}]"},
		{name: "not closed", body: "{{territory\n}}", want: "{{territory\n}}", fault: "unknown_placeholder map[line:1 name:{{territory]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := territory.FillText(territory.Privacy, tt.body, values)
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
			gotFault := ""
			if err != nil {
				gotFault = err.Error()
			}
			if gotFault != tt.fault {
				t.Errorf("got fault %q, want %q", gotFault, tt.fault)
			}
		})
	}
}

const textTerritory = `
[territory]
id = "molise"
name = "Molise"
`

func TestTexts(t *testing.T) {
	clock := storetest.At(time.Date(2026, 12, 3, 8, 0, 0, 0, time.UTC))
	storetest.Each(t, clock.Now, func(t *testing.T, db *store.DB) {
		clock.Set(time.Date(2026, 12, 3, 8, 0, 0, 0, time.UTC))
		imported(t, db, parsed(t, textTerritory))
		save := func(body, by string, rev int64) error {
			clock.Add(time.Minute)
			return db.Update(t.Context(), func(tx *store.Tx) error {
				return territory.SaveText(t.Context(), tx, territory.Text{
					Territory: "molise", Name: territory.Privacy, Language: "it", Body: body, ChangedBy: "user:" + by,
				}, rev)
			})
		}
		stored := func() (one territory.Text, all []territory.Text) {
			t.Helper()
			err := db.View(t.Context(), func(tx *store.Tx) (err error) {
				if one, err = territory.TextOf(t.Context(), tx, "molise", territory.Privacy, "it"); err != nil {
					return err
				}
				all, err = territory.Texts(t.Context(), tx, "molise")
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			return one, all
		}
		at := func(minute int) time.Time { return time.Date(2026, 12, 3, 8, minute, 0, 0, time.UTC) }
		want := territory.Text{Territory: "molise", Name: territory.Privacy, Language: "it"}

		got, all := stored()
		if diff := cmp.Diff(want, got); diff != "" || all != nil {
			t.Fatalf("never changed (-want +got):\n%s and %v", diff, all)
		}
		for _, step := range []struct {
			name, body, by string
			rev            int64
			fault          string
			want           territory.Text // what is stored after it
		}{
			{"the first", "Uno", "ada", 0, "", territory.Text{Rev: 1, Body: "Uno", ChangedAt: at(1), ChangedBy: "user:ada"}},
			{"another who began at ours too", "Due", "bruno", 0, "edited_meanwhile", territory.Text{Rev: 1, Body: "Uno", ChangedAt: at(1), ChangedBy: "user:ada"}},
			{"who saw the first", "Due", "bruno", 1, "", territory.Text{Rev: 2, Body: "Due", ChangedAt: at(3), ChangedBy: "user:bruno"}},
			{"who did not see the second", "Tre", "ada", 1, "edited_meanwhile", territory.Text{Rev: 2, Body: "Due", ChangedAt: at(3), ChangedBy: "user:bruno"}},
			{"from a future that is not there", "Tre", "ada", 7, "edited_meanwhile", territory.Text{Rev: 2, Body: "Due", ChangedAt: at(3), ChangedBy: "user:bruno"}},
			{"an unknown placeholder", "{{enti}}", "ada", 2, "unknown_placeholder", territory.Text{Rev: 2, Body: "Due", ChangedAt: at(3), ChangedBy: "user:bruno"}},
			{"back to ours", "", "ada", 2, "", territory.Text{Rev: 3, ChangedAt: at(7), ChangedBy: "user:ada"}},
			{"who began before that", "Quattro", "bruno", 0, "edited_meanwhile", territory.Text{Rev: 3, ChangedAt: at(7), ChangedBy: "user:ada"}},
			{"anew", "Cinque", "bruno", 3, "", territory.Text{Rev: 4, Body: "Cinque", ChangedAt: at(9), ChangedBy: "user:bruno"}},
		} {
			if err := save(step.body, step.by, step.rev); fault.Code(err) != step.fault || (err == nil) != (step.fault == "") {
				t.Errorf("%s: got %v, want %q", step.name, err, step.fault)
			}
			step.want.Territory, step.want.Name, step.want.Language = "molise", territory.Privacy, "it"
			got, all := stored()
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step.name, diff)
			}
			if diff := cmp.Diff([]territory.Text{step.want}, all); diff != "" {
				t.Errorf("%s: list (-want +got):\n%s", step.name, diff)
			}
		}

		want4 := []string{
			"command territory.add territory:molise " + `{"rev":1,"territory":"molise"}`,
			"user:ada text.change molise " + `{"language":"it","rev":1,"text":"privacy"}`,
			"user:bruno text.change molise " + `{"language":"it","rev":2,"text":"privacy"}`,
			"user:ada text.reset molise " + `{"language":"it","rev":3,"text":"privacy"}`,
			"user:bruno text.change molise " + `{"language":"it","rev":4,"text":"privacy"}`,
		}
		if diff := cmp.Diff(want4, audited(t, db, audit.System)); diff != "" {
			t.Errorf("audit (-want +got):\n%s", diff)
		}
	})
}

// audited returns what the audit of a scope tells, in order.
func audited(t *testing.T, db *store.DB, scope string) (lines []string) {
	t.Helper()
	err := db.View(t.Context(), func(tx *store.Tx) (err error) {
		lines, err = store.All(t.Context(), tx, func(row store.Row) (string, error) {
			var actor, action, subject, detail string
			err := row.Scan(&actor, &action, &subject, &detail)
			return fmt.Sprint(actor, " ", action, " ", subject, " ", detail), err
		}, `SELECT actor, action, subject, detail FROM audit WHERE scope = $1 ORDER BY version, line`, scope)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// TestTextSavedByTwoAtOnce has several editors save what they made from the same text: one does.
func TestTextSavedByTwoAtOnce(t *testing.T) {
	storetest.Each(t, nil, func(t *testing.T, db *store.DB) {
		imported(t, db, parsed(t, textTerritory))
		for rev := range int64(3) {
			var editors sync.WaitGroup
			faults := make([]error, 4)
			for i := range faults {
				editors.Go(func() {
					faults[i] = db.Update(t.Context(), func(tx *store.Tx) error {
						return territory.SaveText(t.Context(), tx, territory.Text{
							Territory: "molise", Name: territory.Accessibility, Language: "en", Body: fmt.Sprint("by ", i), ChangedBy: "user:x",
						}, rev)
					})
				})
			}
			editors.Wait()
			saved := 0
			for _, err := range faults {
				if err == nil {
					saved++
				} else if fault.Code(err) != "edited_meanwhile" {
					t.Errorf("got %v, want edited_meanwhile", errors.Unwrap(err))
				}
			}
			if saved != 1 {
				t.Errorf("rev %d: %d were saved, want 1", rev, saved)
			}
		}
	})
}
