package moderation

import "github.com/prometheus/client_golang/prometheus"

// Metrics counts what passes through the path.
type Metrics struct {
	received, decided, settled, failed, polls, media *prometheus.CounterVec
	refused, duplicates, faults                      prometheus.Counter
	hideLatency                                      prometheus.Histogram
	fallenBack                                       *prometheus.GaugeVec
}

// NewMetrics makes the metrics and registers them with reg, which may be nil.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "takhojd", Name: name, Help: help}, labels)
	}
	single := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "takhojd", Name: name, Help: help})
	}
	m := &Metrics{
		received:   counter("events_received_total", "Events made durable.", "channel", "via"),
		decided:    counter("decisions_total", "The bot's decisions.", "channel", "action"),
		settled:    counter("outbox_settled_total", "What was done on platforms.", "channel", "action", "result"),
		failed:     counter("outbox_failures_total", "Attempts that failed.", "channel", "action", "reason"),
		polls:      counter("full_readings_total", "Full readings of a channel.", "channel", "result"),
		media:      counter("media_total", "Pictures and films of comments.", "result"),
		refused:    single("events_refused_total", "Deliveries that could not be made durable and must come again."),
		duplicates: single("events_duplicate_total", "Events that told nothing new."),
		faults:     single("judge_faults_total", "Comments that the rules failed on; they were flagged."),
		hideLatency: prometheus.NewHistogram(prometheus.HistogramOpts{Namespace: "takhojd", Name: "hide_seconds",
			Help: "From the platform's event received to the platform's answer to the hide.", Buckets: prometheus.ExponentialBuckets(0.005, 2, 16)}),
	}
	m.fallenBack = prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: "takhojd", Name: "rule_fallen_back",
		Help: "1 for a rule that only flags because people overturned what it hid, 0 for one that has earned its autonomy."}, []string{"rule"})
	if reg != nil {
		reg.MustRegister(m.fallenBack, m.received, m.decided, m.settled, m.failed, m.polls, m.media, m.refused, m.duplicates, m.faults, m.hideLatency)
	}
	return m
}
