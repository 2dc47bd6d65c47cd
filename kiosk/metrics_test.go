package kiosk_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/kiosk"
	"sportello/printouts/spool"
	"sportello/queue"
)

// labels are those that a metric may have: none tells a service, a desk or a person. The last four
// are of the Go runtime's own metrics.
var labels = []string{"office", "area", "state", "kind", "quantile", "version", "path", "checksum"}

// newOperated is a desk house whose server watches a disk.
func newOperated(t *testing.T) *deskHouse {
	t.Helper()
	h := newDeskHouse(t)
	h.serve(kiosk.Options{Data: t.TempDir()})
	return h
}

// serve has another server answer from now on.
func (h *deskHouse) serve(o kiosk.Options) {
	h.t.Helper()
	o.DB = h.db
	if o.Log == nil {
		o.Log = quiet
	}
	s, err := kiosk.New(o)
	if err != nil {
		h.t.Fatal(err)
	}
	h.kiosk, h.server = s, httptest.NewServer(s.Handler())
	h.t.Cleanup(h.server.Close)
}

// as signs in, wherever that leads.
func (h *deskHouse) as(login string) *deskBrowser {
	h.t.Helper()
	b := h.browser()
	b.post("/sign-in", "login", login, "password", deskPassword)
	return b
}

// scrape fetches and parses /metrics.
func scrape(t *testing.T, b *deskBrowser) map[string]*dto.MetricFamily {
	t.Helper()
	b.get("/metrics")
	b.want(http.StatusOK)
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(b.page))
	if err != nil {
		t.Fatal(err)
	}
	for name, family := range families {
		for _, m := range family.Metric {
			for _, l := range m.Label {
				if !slices.Contains(labels, l.GetName()) {
					t.Errorf("%s has a label %s", name, l.GetName())
				}
			}
		}
	}
	return families
}

// with returns the metrics of a family whose labels have the values given.
func with(family *dto.MetricFamily, values ...string) []*dto.Metric {
	var found []*dto.Metric
	for _, m := range family.GetMetric() {
		var has []string
		for _, l := range m.Label {
			has = append(has, l.GetValue())
		}
		if !slices.ContainsFunc(values, func(v string) bool { return !slices.Contains(has, v) }) {
			found = append(found, m)
		}
	}
	return found
}

// TestMetrics works a morning and holds what Prometheus reads against it.
func TestMetrics(t *testing.T) {
	h := newOperated(t)
	admin := h.as("administrator")
	h.work()
	families := scrape(t, admin)
	states := make(map[string]float64)
	for _, m := range with(families["sportello_tickets"], deskOffice) {
		for _, l := range m.Label {
			if l.GetName() == "state" {
				states[l.GetValue()] += m.GetGauge().GetValue()
			}
		}
	}
	want := map[string]float64{"waiting": 1, "called": 0, "serving": 1, "served": 2, "parked": 0, "no_show": 0, "cancelled": 1, "not_served": 0}
	if diff := cmp.Diff(want, states); diff != "" {
		t.Errorf("tickets (-want +got):\n%s", diff)
	}
	checkTimes(t, families["sportello_ticket_wait_seconds"], 485, 300, 600)
	checkTimes(t, families["sportello_ticket_service_seconds"], 900, 600, 900)
	if jobs := with(families["sportello_print_jobs"], deskOffice, string(spool.Queued)); len(jobs) != 1 || jobs[0].GetGauge().GetValue() != 1 {
		t.Errorf("print jobs that wait: got %v, want 1", jobs)
	}
	h.clock.Add(2 * time.Minute) // nothing can be undone any more
	if got := total(scrape(t, admin)["sportello_ticket_wait_seconds"]); got != 2 {
		t.Errorf("waits later: got %d, want 2", got)
	}
	h.clock.Add(16 * time.Hour) // another day in Rome
	admin = h.as("administrator")
	if got := total(scrape(t, admin)["sportello_ticket_wait_seconds"]); got != 0 {
		t.Errorf("waits on the next day: got %d, want none", got)
	}
}

// checkTimes wants one time of so many seconds in the office, above one bucket's end and not above
// the next's. A second one can still be undone.
func checkTimes(t *testing.T, family *dto.MetricFamily, seconds, above, within float64) {
	t.Helper()
	count := make(map[float64]uint64)
	var sum float64
	for _, m := range with(family, deskOffice) {
		sum += m.GetHistogram().GetSampleSum()
		for _, b := range m.GetHistogram().Bucket {
			count[b.GetUpperBound()] += b.GetCumulativeCount()
		}
	}
	if total(family) != 1 || sum != seconds || count[above] != 0 || count[within] != 1 {
		t.Errorf("%s: %d times, %v seconds, by bucket %v; want one of %v", family.GetName(), total(family), sum, count, seconds)
	}
}

func total(family *dto.MetricFamily) (n uint64) {
	for _, m := range with(family, deskOffice) {
		n += m.GetHistogram().GetSampleCount()
	}
	return n
}

// work lets five tickets come: two are served, the second of them just now, one is at the desk, one
// waits and one has left. Something is to be printed.
func (h *deskHouse) work() {
	h.t.Helper()
	at := queue.Seat{Office: deskOffice, Desk: "1", By: "user:user-cpi-1"}
	var last queue.Ticket
	for range 5 {
		last = h.issue(queue.Request{Service: "CPI-DID"})
	}
	var call queue.Call
	next := func(ctx context.Context, tx *store.Tx) (err error) {
		if call, err = queue.CallNext(ctx, tx, at); err != nil {
			return err
		}
		_, err = queue.Start(ctx, tx, at, call.Ticket.ID)
		return err
	}
	finish := func(ctx context.Context, tx *store.Tx) error {
		_, err := queue.Finish(ctx, tx, at, call.Ticket.ID, "", "")
		return err
	}
	h.update(func(ctx context.Context, tx *store.Tx) error {
		_, err := queue.Leave(ctx, tx, last.Token)
		if err != nil {
			return err
		}
		_, err = queue.OpenDesk(ctx, tx, at, "user-cpi-1", "cpi-1", nil)
		return err
	})
	h.clock.Add(8 * time.Minute)
	h.update(next)
	h.clock.Add(15 * time.Minute)
	h.update(finish)
	h.clock.Add(2 * time.Minute)
	h.update(next)
	h.clock.Add(time.Minute)
	h.update(finish)
	h.update(next)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		printer := spool.Printer{ID: "p", Office: deskOffice, Name: "Prova", URI: "file:" + h.t.TempDir()}
		if err := spool.AddPrinter(ctx, tx, printer); err != nil {
			return err
		}
		_, err := spool.Enqueue(ctx, tx, spool.Job{Printer: "p", Office: deskOffice, Subject: "ticket:1", Kind: spool.KindTicket, Values: "x"})
		return err
	})
}

// TestMetricsOfTheProcess looks for what the process tells of itself.
func TestMetricsOfTheProcess(t *testing.T) {
	h := newOperated(t)
	admin := h.as("administrator")
	follower := h.at("cpi-1", "1", "CPI-DID")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.server.URL+"/desk/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	stream, err := follower.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Body.Close()
	h.update(func(ctx context.Context, tx *store.Tx) error {
		return message.EnqueueHook(ctx, tx, message.Hook{Kind: "appointment.reminder"})
	})
	families := scrape(t, admin)
	if m := with(families["sportello_sse_clients"], deskOffice); len(m) != 1 || m[0].GetGauge().GetValue() != 1 {
		t.Errorf("clients: got %v, want 1", m)
	}
	for _, kind := range []string{"read", "write"} {
		times := with(families["sportello_transaction_seconds"], kind)
		if len(times) != 1 || times[0].GetHistogram().GetSampleCount() == 0 {
			t.Errorf("transactions of kind %s: got %v", kind, times)
		}
	}
	for _, name := range []string{"sportello_wal_bytes", "sportello_database_bytes", "sportello_disk_free_bytes", "go_goroutines", "process_open_fds"} {
		if m := families[name].GetMetric(); len(m) != 1 || !(m[0].GetGauge().GetValue() > 0) {
			t.Errorf("%s: got %v, want more than nothing", name, m)
		}
	}
	for name, want := range map[string]float64{"sportello_mail_waiting": 0, "sportello_hooks_waiting": 1} {
		if m := families[name].GetMetric(); len(m) != 1 || m[0].GetGauge().GetValue() != want {
			t.Errorf("%s: got %v, want %v", name, m, want)
		}
	}
	if families["go_build_info"] == nil {
		t.Error("no go_build_info")
	}
}

// TestMetricsAreForAdministrators asks as everybody else.
func TestMetricsAreForAdministrators(t *testing.T) {
	h := newOperated(t)
	for login, want := range map[string]int{"": 401, "cpi-1": 403, "volunteer": 403, "observer": 403, "manager": 403} {
		t.Run(login, func(t *testing.T) {
			b := h.browser()
			if login != "" {
				b = h.as(login)
			}
			b.get("/metrics", "Accept", "application/json")
			b.want(want)
			b.lacks("sportello_tickets")
		})
	}
}

// TestMetricsOfAnothersOffices gives an administrator of one territory nothing of another.
func TestMetricsOfAnothersOffices(t *testing.T) {
	h := newOperated(t)
	h.update(func(ctx context.Context, tx *store.Tx) error {
		importDemo(ctx, t, tx, "milano")
		return nil
	})
	b := h.as("administrator")
	b.get("/metrics")
	b.want(http.StatusOK, `office="`+deskOffice+`"`)
	b.lacks(`office="milano`)
}
