package calendar_test

import (
	"net/netip"
	"testing"

	"sportello/booking/calendar"
)

func TestGuard(t *testing.T) {
	guard := calendar.NewGuard(netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd12::/16"))
	tests := []struct {
		address string
		want    bool
	}{
		{"93.184.215.14", true},
		{"2606:2800:21f:cb07:6820:80da:af6b:8b2c", true},
		{"10.20.3.4", true},
		{"fd12::1", true},
		{"::ffff:10.20.3.4", true},
		{"10.21.0.1", false},
		{"127.0.0.1", false},
		{"127.8.8.8", false},
		{"::1", false},
		{"0.0.0.0", false},
		{"0.1.2.3", false},
		{"::", false},
		{"172.16.0.1", false},
		{"192.168.0.1", false},
		{"169.254.169.254", false},
		{"100.64.0.1", false},
		{"192.0.0.170", false},
		{"198.18.0.1", false},
		{"203.0.113.9", false},
		{"224.0.0.1", false},
		{"240.0.0.1", false},
		{"255.255.255.255", false},
		{"::ffff:127.0.0.1", false},
		{"::ffff:169.254.169.254", false},
		{"::127.0.0.1", false},
		{"::ffff:0:127.0.0.1", false},
		{"64:ff9b::7f00:1", false},
		{"64:ff9b:1::7f00:1", false},
		{"2002:7f00:1::", false},
		{"2001:0:7f00:1::", false},
		{"2001:db8::1", false},
		{"fc00::1", false},
		{"fe80::1", false},
		{"fe80::1%eth0", false},
		{"fd12::1%eth0", false},
		{"2606:2800:21f:cb07:6820:80da:af6b:8b2c%eth0", false},
		{"fec0::1", false},
		{"ff02::1", false},
	}
	for _, tt := range tests {
		if got := guard.Allows(netip.MustParseAddr(tt.address)); got != tt.want {
			t.Errorf("%s: got %v, want %v", tt.address, got, tt.want)
		}
	}
}
