package access_test

import (
	"testing"

	"sportello/internal/access"
)

// TestMay holds the table of permissions against what each role is for.
func TestMay(t *testing.T) {
	tests := []struct {
		role    access.Role
		may     []access.Permission
		mustNot []access.Permission
	}{
		{access.Anyone, []access.Permission{access.SeePublic}, []access.Permission{access.UseKiosk, access.ShowBoard, access.IssueTicket, access.WorkDesk, access.SeeBoard}},
		{access.KioskDevice, []access.Permission{access.UseKiosk, access.IssueTicket}, []access.Permission{access.WorkDesk, access.ShowBoard, access.StopService, access.SeeQueue}},
		{access.BoardDevice, []access.Permission{access.ShowBoard, access.SeeBoard}, []access.Permission{access.UseKiosk, access.IssueTicket, access.WorkDesk}},
		{access.AgentDevice, []access.Permission{access.DrivePrinter}, []access.Permission{access.UseKiosk, access.IssueTicket, access.SeeBoard, access.SeeQueue}},
		{access.Volunteer, []access.Permission{access.IssueByHand, access.SeeQueue}, []access.Permission{access.WorkDesk, access.StopService, access.CallChosen, access.CloseTheDay}},
		{access.Officer, []access.Permission{access.WorkDesk, access.CallChosen, access.StopService, access.CloseTheDay}, []access.Permission{access.UseKiosk, access.ShowBoard, access.SeeMetrics, access.RunOffice}},
		{access.Manager, []access.Permission{access.WorkDesk, access.RunOffice, access.CloseTheDay, access.IssueByHand}, []access.Permission{access.UseKiosk, access.ShowBoard}},
		{access.Administrator, []access.Permission{access.SeeQueue, access.SeeMetrics}, []access.Permission{access.WorkDesk, access.IssueByHand, access.RunOffice, access.CloseTheDay}},
		{access.Observer, []access.Permission{access.Manage}, []access.Permission{access.SeeQueue, access.WorkDesk, access.IssueTicket}},
		{access.Role("stranger"), nil, []access.Permission{access.SeePublic, access.WorkDesk}},
	}
	for _, tt := range tests {
		t.Run(string(tt.role), func(t *testing.T) {
			for _, p := range tt.may {
				if !tt.role.May(p) {
					t.Errorf("may not %s", p)
				}
			}
			for _, p := range tt.mustNot {
				if tt.role.May(p) {
					t.Errorf("may %s", p)
				}
			}
			if tt.role.May("something without a row") {
				t.Error("may do what has no row")
			}
		})
	}
}
