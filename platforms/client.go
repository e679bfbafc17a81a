package platforms

import (
	"net"
	"net/http"
	"time"
)

// callTimeout bounds one call with the client that NewHTTPClient makes, from dialling to the answer's last byte.
const callTimeout = 30 * time.Second

// NewHTTPClient makes a client for calls to a platform: it gives up rather than hangs, and follows no redirects. The platforms' APIs have
// none, and one would carry the token elsewhere.
func NewHTTPClient() *http.Client {
	return &http.Client{
		Timeout: callTimeout,
		Transport: &http.Transport{
			Proxy:                 http.ProxyFromEnvironment,
			DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:   10 * time.Second,
			ResponseHeaderTimeout: 20 * time.Second,
			MaxIdleConnsPerHost:   16,
			IdleConnTimeout:       90 * time.Second,
			ForceAttemptHTTP2:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
