package twitter

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics counts what the adapter hears and does. One Metrics serves every account and the webhook.
type Metrics struct {
	deliveries *prometheus.CounterVec
	events     *prometheus.CounterVec
	ignored    *prometheus.CounterVec
	calls      *prometheus.CounterVec
	hides      *prometheus.GaugeVec
	streams    *prometheus.CounterVec
}

// NewMetrics makes the metrics and registers them with reg; with a nil reg they are counted and shown nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		deliveries: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_x_webhook_deliveries_total",
			Help: "Requests to the webhook, by what became of them.",
		}, []string{"result"}),
		events: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_x_events_total",
			Help: "Comment events read from signed deliveries and from streams, whether or not the sink took them.",
		}, []string{"channel", "kind", "via"}),
		ignored: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_x_ignored_total",
			Help: "Signed deliveries and stream messages that became no event, by reason.",
		}, []string{"reason"}),
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_x_calls_total",
			Help: "Calls to the API, by action and outcome.",
		}, []string{"channel", "action", "outcome"}),
		hides: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "takhojd_x_hides_left",
			Help: "Hides left of fifty in the last fifteen minutes, by our own count.",
		}, []string{"channel"}),
		streams: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_x_stream_ends_total",
			Help: "Stream connections that ended, by stream and by why.",
		}, []string{"stream", "why"}),
	}
}
