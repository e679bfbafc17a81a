package bluesky

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what the adapter hears and does. One Metrics serves every account.
type Metrics struct {
	calls     *prometheus.CounterVec
	events    *prometheus.CounterVec
	skipped   *prometheus.CounterVec
	remaining *prometheus.GaugeVec
}

// NewMetrics makes the metrics and registers them with reg; with a nil reg they are counted and shown nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_bluesky_calls_total",
			Help: "Calls to the network, by action and outcome.",
		}, []string{"channel", "action", "outcome"}),
		events: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_bluesky_events_total",
			Help: "Comment events read, by the road they came, whether or not the sink took them.",
		}, []string{"channel", "kind", "via"}),
		skipped: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_bluesky_skipped_total",
			Help: "What the network listed as a post and cannot be read as one.",
		}, []string{"channel"}),
		remaining: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "takhojd_bluesky_calls_remaining",
			Help: "Calls that the network still takes before it wants a pause, as last told; kind is session, read or write.",
		}, []string{"channel", "kind"}),
	}
}
