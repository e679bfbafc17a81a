package facebook

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
	usage      *prometheus.GaugeVec
}

// NewMetrics makes the metrics and registers them with reg; with a nil reg they are counted and shown nowhere.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	f := promauto.With(reg)
	return &Metrics{
		deliveries: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_facebook_webhook_deliveries_total",
			Help: "Requests to the webhook, by what became of them.",
		}, []string{"result"}),
		events: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_facebook_webhook_events_total",
			Help: "Comment events read from signed deliveries, whether or not the sink took them.",
		}, []string{"channel", "kind"}),
		ignored: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_facebook_webhook_ignored_total",
			Help: "Changes in signed deliveries that became no event, by reason.",
		}, []string{"reason"}),
		calls: f.NewCounterVec(prometheus.CounterOpts{
			Name: "takhojd_facebook_calls_total",
			Help: "Calls to the Graph API, by action and outcome.",
		}, []string{"channel", "action", "outcome"}),
		usage: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "takhojd_facebook_usage_percent",
			Help: "The most spent of the platform's call quotas, in percent, as last told.",
		}, []string{"channel"}),
	}
}
