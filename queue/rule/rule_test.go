package rule_test

import (
	"testing"
	"time"

	"sportello/queue/rule"
)

// at returns a moment of the test morning.
func at(clock string) time.Time {
	t, err := time.Parse("2006-01-02 15:04", "2026-12-03 "+clock)
	if err != nil {
		panic(err)
	}
	return t
}

func services(ids ...string) map[string]bool {
	served := make(map[string]bool)
	for _, id := range ids {
		served[id] = true
	}
	return served
}

var (
	cpi    = rule.Need{All: []string{"CPI"}}
	inps   = rule.Need{All: []string{"INPS"}}
	both   = rule.Need{All: []string{"CPI", "INPS"}}
	alone  = rule.Need{All: []string{"CPI", "INPS"}, CoverAlone: true}
	either = rule.Need{Any: []string{"CPI", "INPS"}}
)

func TestDueWalkIn(t *testing.T) {
	tests := []struct {
		name            string
		issued, opening string
		lead            time.Duration
		want            string
	}{
		{"after the opening", "09:10", "09:00", 0, "09:10"},
		{"at the opening", "09:00", "09:00", 0, "09:00"},
		{"before the opening", "08:15", "09:00", 0, "09:00"},
		{"precedence", "09:10", "09:00", 20 * time.Minute, "08:50"},
		{"precedence before the opening counts from it", "08:15", "09:00", 20 * time.Minute, "08:40"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, want := rule.DueWalkIn(at(tt.issued), at(tt.opening), tt.lead), at(tt.want)
			if !got.Equal(want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestDueAppointment(t *testing.T) {
	tests := []struct {
		name           string
		start, arrived string
		w              time.Duration
		want           string
	}{
		{"early", "10:00", "09:40", time.Hour, "09:00"},
		{"ten minutes late", "10:00", "10:10", time.Hour, "09:00"},
		{"later than that", "10:00", "10:11", time.Hour, "10:11"},
		{"another threshold", "10:00", "09:55", 45 * time.Minute, "09:15"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, want := rule.DueAppointment(at(tt.start), at(tt.arrived), tt.w), at(tt.want)
			if !got.Equal(want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestServes(t *testing.T) {
	desk := func(institutions ...string) rule.Desk {
		return rule.Desk{ID: "1", Institutions: institutions, Services: services("S")}
	}
	ticket := func(need rule.Need) rule.Ticket { return rule.Ticket{Service: "S", Need: need} }
	toDesk := func(t rule.Ticket, desk string) rule.Ticket { t.Desk = desk; return t }
	toInstitution := func(t rule.Ticket, institution string) rule.Ticket { t.Institution = institution; return t }

	tests := []struct {
		name   string
		desk   rule.Desk
		ticket rule.Ticket
		want   bool
	}{
		{"its institution", desk("CPI"), ticket(cpi), true},
		{"another institution", desk("INPS"), ticket(cpi), false},
		{"one of several it acts for", desk("INPS", "CPI"), ticket(cpi), true},
		{"nobody at the desk", desk(), ticket(either), false},
		{"a service not served", rule.Desk{ID: "1", Institutions: []string{"CPI"}, Services: services("T")}, ticket(cpi), false},
		{"a service stopped", rule.Desk{ID: "1", Institutions: []string{"CPI"}, Services: map[string]bool{"S": false}}, ticket(cpi), false},
		{"any of two", desk("INPS"), ticket(either), true},
		{"none of two", desk("COMUNE"), ticket(either), false},
		{"a part of a joint ticket", desk("INPS"), ticket(both), true},
		{"no part of a joint ticket", desk("COMUNE"), ticket(both), false},
		{"a need that says nothing", desk("CPI"), ticket(rule.Need{}), false},
		{"transferred here", desk("CPI"), toDesk(ticket(cpi), "1"), true},
		{"transferred elsewhere", desk("CPI"), toDesk(ticket(cpi), "2"), false},
		{"transferred here, but not its institution", desk("INPS"), toDesk(ticket(cpi), "1"), false},
		{"transferred to its institution", desk("INPS"), toInstitution(ticket(either), "INPS"), true},
		{"transferred to another institution", desk("CPI"), toInstitution(ticket(either), "INPS"), false},
		{"joint, transferred to another desk beside this one", desk("CPI"), toDesk(ticket(both), "2"), true},
		{"joint, transferred to an institution", desk("CPI"), toInstitution(ticket(both), "INPS"), true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := rule.Serves(tt.desk, tt.ticket); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}
