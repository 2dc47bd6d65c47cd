package kiosk

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"sportello/booking/territory"
	"sportello/internal/message"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/queue"
)

// figuresFresh is how long figures are given again; they are read from the whole day's tickets.
const figuresFresh = 5 * time.Second

// fromDatabase ends the help of what every server on the database tells alike.
const fromDatabase = " Read from the database, so every server tells the same: use max by (office, …), not sum. Starts again at the office's midnight."

// What is told about offices. Labels are ids of offices and areas and the names of states, never a
// service, a desk or an officer: those would tell what people come for and how fast somebody works.
var (
	descTickets = prometheus.NewDesc("sportello_tickets",
		"Tickets of the day by state."+fromDatabase, []string{"office", "area", "state"}, nil)
	descWait = prometheus.NewDesc("sportello_ticket_wait_seconds",
		"From issue to the last call, of tickets that were served."+fromDatabase, []string{"office", "area"}, nil)
	descService = prometheus.NewDesc("sportello_ticket_service_seconds",
		"From start to end of services."+fromDatabase, []string{"office", "area"}, nil)
	descJobs = prometheus.NewDesc("sportello_print_jobs",
		"Print jobs of the day by state; those still open count however old they are."+fromDatabase, []string{"office", "state"}, nil)
	descPrinters = prometheus.NewDesc("sportello_printers",
		"Printers by how they are: ok, near_end, out_of_paper, refusing, unreachable, unknown."+fromDatabase, []string{"office", "state"}, nil)
	descClients = prometheus.NewDesc("sportello_sse_clients",
		"Screens and phones that follow an office at this server.", []string{"office"}, nil)
)

// The upper ends of the histograms' buckets, in seconds.
var (
	waitBuckets    = []float64{60, 120, 300, 600, 900, 1200, 1800, 2700, 3600, 5400, 7200}
	serviceBuckets = []float64{60, 120, 300, 600, 900, 1200, 1800, 2700, 3600}
	writeBuckets   = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}
)

// metrics is what this process measures of itself, and the figures of offices that were read last.
type metrics struct {
	registry *prometheus.Registry

	mu      sync.Mutex
	figures []officeFigures
	at      time.Time
}

func newMetrics(db *store.DB, data string) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	times := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "sportello_transaction_seconds", Buckets: writeBuckets,
		Help: "From the wait for a transaction to the end of its commit, in this process.",
	}, []string{"kind"})
	db.Observe(func(kind store.Kind, took time.Duration) { times.WithLabelValues(string(kind)).Observe(took.Seconds()) })
	m.registry.MustRegister(times, collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for way, name := range map[message.Way]string{message.ByMail: "sportello_mail_waiting", message.ByHook: "sportello_hooks_waiting"} {
		m.registry.MustRegister(gauge(name, "Messages whose time has come and that are still to be sent. Read from the database: every server tells the same.",
			func() (int64, error) { return waiting(db, way) }))
	}
	if db.SQLite() {
		m.registry.MustRegister(
			gauge("sportello_database_bytes", "Size of the SQLite file.", func() (int64, error) { file, _, err := db.Sizes(); return file, err }),
			gauge("sportello_wal_bytes", "Size of the SQLite file's write-ahead log.", func() (int64, error) { _, log, err := db.Sizes(); return log, err }))
	}
	if data != "" {
		m.registry.MustRegister(gauge("sportello_disk_free_bytes", "What is left on the disk of the data folder.",
			func() (int64, error) { free, _, err := store.Disk(data); return free, err }))
	}
	return m
}

// gauge is NaN while its value cannot be read.
func gauge(name, help string, read func() (int64, error)) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
		n, err := read()
		if err != nil {
			return math.NaN()
		}
		return float64(n)
	})
}

// waiting is how many messages wait to go one way.
func waiting(db *store.DB, way message.Way) (int64, error) {
	ctx, n := context.Background(), 0
	err := db.View(ctx, func(tx *store.Tx) error {
		all, err := message.Waiting(ctx, tx)
		n = all[way]
		return err
	})
	return int64(n), err
}

// metricsPage is for Prometheus. An account of some offices gets the figures of these.
func (s *Server) metricsPage(c echo.Context, v visitor) error {
	figures, err := s.figures(c.Request().Context())
	if err != nil {
		return err
	}
	offices := prometheus.NewRegistry()
	if err := offices.Register(scrape{figures, s.hub.Watchers(), v}); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	promhttp.HandlerFor(prometheus.Gatherers{s.metrics.registry, offices}, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelError),
	}).ServeHTTP(c.Response(), c.Request())
	return nil
}

// officeFigures are the figures of an office's day.
type officeFigures struct {
	territory, office string
	areas             []queue.Figure
	jobs              map[spool.State]int
	printers          map[spool.Condition]int
}

// figures returns those of all offices, a few seconds old at most. Those who ask at the same time
// wait for one reading.
func (s *Server) figures(ctx context.Context) ([]officeFigures, error) {
	m := s.metrics
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.at.IsZero() && s.db.Now().Sub(m.at).Abs() < figuresFresh {
		return m.figures, nil
	}
	var all []officeFigures
	err := s.db.View(ctx, func(tx *store.Tx) error {
		territories, err := territory.List(ctx, tx)
		if err != nil {
			return err
		}
		for _, t := range territories {
			for _, o := range t.Offices {
				f := officeFigures{territory: t.ID, office: o.ID}
				if f.areas, err = queue.Figures(ctx, tx, o); err != nil {
					return err
				}
				if f.jobs, err = spool.Counts(ctx, tx, o.ID, o.Today(tx.Now).At(0, o.Zone())); err != nil {
					return err
				}
				if f.printers, err = printersByCondition(ctx, tx, o.ID); err != nil {
					return err
				}
				all = append(all, f)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("metrics: %w", err)
	}
	m.figures, m.at = all, s.db.Now()
	return all, nil
}

// printersByCondition counts the printers of an office, zeros included.
func printersByCondition(ctx context.Context, tx *store.Tx, office string) (map[spool.Condition]int, error) {
	all := map[spool.Condition]int{spool.Unknown: 0}
	for _, c := range spool.Conditions {
		all[c] = 0
	}
	printers, err := spool.Printers(ctx, tx, office)
	for _, p := range printers {
		all[p.Condition]++
	}
	return all, err
}

// scrape hands figures to Prometheus.
type scrape struct {
	figures  []officeFigures
	watchers map[string]int
	reader   visitor
}

// Describe names the metrics.
func (s scrape) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{descTickets, descWait, descService, descJobs, descPrinters, descClients} {
		ch <- d
	}
}

// Collect sends the metrics of the offices that the reader may see.
func (s scrape) Collect(ch chan<- prometheus.Metric) {
	for _, f := range s.figures {
		if !s.reader.in(f.territory, f.office) {
			continue
		}
		for _, a := range f.areas {
			for state, n := range a.States {
				ch <- prometheus.MustNewConstMetric(descTickets, prometheus.GaugeValue, float64(n), f.office, a.Area, string(state))
			}
			ch <- histogram(descWait, waitBuckets, a.Waits, f.office, a.Area)
			ch <- histogram(descService, serviceBuckets, a.Services, f.office, a.Area)
		}
		for state, n := range f.jobs {
			ch <- prometheus.MustNewConstMetric(descJobs, prometheus.GaugeValue, float64(n), f.office, string(state))
		}
		for state, n := range f.printers {
			ch <- prometheus.MustNewConstMetric(descPrinters, prometheus.GaugeValue, float64(n), f.office, string(state))
		}
		ch <- prometheus.MustNewConstMetric(descClients, prometheus.GaugeValue, float64(s.watchers[f.office]), f.office)
	}
}

// histogram counts times into buckets, each of which holds what is not longer than its end.
func histogram(desc *prometheus.Desc, ends []float64, times []time.Duration, labels ...string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(ends))
	sum := 0.0
	for _, end := range ends {
		buckets[end] = 0
	}
	for _, took := range times {
		sum += took.Seconds()
		for _, end := range ends {
			if took.Seconds() <= end {
				buckets[end]++
			}
		}
	}
	return prometheus.MustNewConstHistogram(desc, uint64(len(times)), sum, buckets, labels...)
}
