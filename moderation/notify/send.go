package notify

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// errAddress stands for whatever is wrong with an address: the library's errors repeat it, password and all.
var errAddress = errors.New("the address cannot be used: see deploy/README.md for how it is written")

// sender makes what sends a message to an address.
func sender(address string) (func(ctx context.Context, title, body string) error, error) {
	if rest, ok := strings.CutPrefix(address, "workflow+"); ok {
		return workflow(rest)
	}
	scheme, _, ok := strings.Cut(address, "://")
	if !ok {
		return nil, errAddress
	}
	r, err := router.New(nil, address)
	if err != nil {
		return nil, errAddress
	}
	r.Timeout = sendTime
	return func(ctx context.Context, title, body string) error {
		if scheme == "smtp" {
			title = mime.QEncoding.Encode("utf-8", title) // the library puts it into the header as it is
		}
		select {
		case err := <-r.SendAsync(body, &types.Params{types.TitleKey: title}):
			return why(err)
		case <-ctx.Done():
			return errors.New("it takes too long to answer")
		}
	}, nil
}

// workflow sends to the webhook of a workflow in Teams ("Post to a channel when a webhook request is received"), which takes an Adaptive
// Card. The library's teams:// speaks to the older connectors.
func workflow(address string) (func(ctx context.Context, title, body string) error, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errAddress
	}
	client := &http.Client{Timeout: sendTime, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	type object map[string]any
	return func(ctx context.Context, title, body string) error {
		card := object{"type": "AdaptiveCard", "version": "1.4", "$schema": "http://adaptivecards.io/schemas/adaptive-card.json", "body": []object{
			{"type": "TextBlock", "text": title, "weight": "bolder", "wrap": true},
			{"type": "TextBlock", "text": strings.ReplaceAll(body, "\n", "\n\n"), "wrap": true}}}
		text, err := json.Marshal(object{"type": "message", "attachments": []object{{"contentType": "application/vnd.microsoft.card.adaptive", "content": card}}})
		if err != nil {
			return err
		}
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(text))
		if err != nil {
			return errAddress
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := client.Do(req)
		if err != nil {
			return why(err)
		}
		_ = res.Body.Close()
		if res.StatusCode/100 != 2 {
			return fmt.Errorf("it answers with status %d", res.StatusCode)
		}
		return nil
	}, nil
}

// status finds an HTTP status in the library's words, which it keeps nowhere else.
var status = regexp.MustCompile(`\b[45]\d\d (?:[A-Z][a-z]+)`)

// why says what went wrong without repeating the address, which errors of the network and of the library do.
func why(err error) error {
	var smtp *textproto.Error
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, router.ErrServiceTimeout), errors.As(err, &network) && network.Timeout():
		return errors.New("it takes too long to answer")
	case errors.As(err, &smtp):
		return fmt.Errorf("the mail server answers with code %d", smtp.Code)
	case errors.As(err, &name):
		return errors.New("its name is not found")
	case errors.As(err, &certificate):
		return errors.New("its certificate does not hold")
	case errors.Is(err, syscall.ECONNREFUSED), strings.Contains(err.Error(), "connection refused"):
		return errors.New("nobody answers there")
	}
	if said := status.FindString(err.Error()); said != "" {
		return fmt.Errorf("it answers with status %s", said[:3])
	}
	return errors.New("it could not be sent")
}

// Reach connects to where a place's address leads, and sends nothing. It tells nothing of addresses whose host it does not know.
func Reach(ctx context.Context, address string) error {
	if _, err := sender(address); err != nil {
		return err
	}
	u, err := url.Parse(address)
	if err != nil {
		return errAddress
	}
	port := map[string]string{"smtp": "25", "generic": "443", "generic+https": "443", "workflow+https": "443", "generic+http": "80", "workflow+http": "80"}[u.Scheme]
	host := u.Hostname()
	switch {
	case u.Scheme == "slack":
		host, port = "hooks.slack.com", "443"
	case u.Scheme == "teams":
		host, port = u.Query().Get("host"), "443"
	case port == "":
		return nil
	case u.Port() != "":
		port = u.Port()
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return why(err)
	}
	return conn.Close()
}
