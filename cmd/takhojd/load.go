package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

type loadOptions struct {
	config, webhook, file string
	rate                  float64
	batch, connections    int
	length, settle        time.Duration
	asJSON                bool
}

func loadCommand() *cobra.Command {
	var o loadOptions
	c := &cobra.Command{
		Use:   "load --config F",
		Short: "Drive a running installation with signed webhooks at a rate, and tell how long it takes",
		Long: "Be the simulated Facebook of a running installation: deliver comments to its webhook, signed, at a steady rate, whether it answers or not,\n" +
			"and answer its calls. F is the installation's configuration; its facebook.base_url is where this command listens, so it must be an address of\n" +
			"this machine (http://127.0.0.1:9100). Books that have been loaded so hold made-up comments for ever: use an installation of its own.\n\n" +
			"Times are counted from when a delivery was due, not from when it could be sent: a stall counts for all that came due meanwhile. A delivery\n" +
			"that is not answered 200 is counted as refused, and is not sent again. Hides are seen from the platform's side. The bot hides no more than\n" +
			"hide_quota a day and channel: set it high, and poll_every long.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return runLoad(c.Context(), o, c.OutOrStdout()) },
	}
	f := c.Flags()
	f.StringVar(&o.config, "config", "", "the installation's configuration file")
	f.StringVar(&o.webhook, "webhook", "", "where to deliver (default: the configuration's own webhook address)")
	f.StringVar(&o.file, "file", "", `comments as JSON lines with "text", and "author_id" and "author" where known; from the top again at the end (default: made-up ones)`)
	f.Float64Var(&o.rate, "rate", 100, "comments a second")
	f.IntVar(&o.batch, "batch", 1, "comments in one delivery")
	f.IntVar(&o.connections, "connections", 64, "the most deliveries under way at once")
	f.DurationVar(&o.length, "for", 30*time.Second, "how long")
	f.DurationVar(&o.settle, "settle", 5*time.Second, "how long no hide must have come for the last to have come")
	f.BoolVar(&o.asJSON, "json", false, "print one JSON object")
	_ = c.MarkFlagRequired("config")
	return c
}

func runLoad(ctx context.Context, o loadOptions, stdout io.Writer) error {
	if o.rate <= 0 || o.batch < 1 || o.connections < 1 || o.length <= 0 {
		return usageError{errors.New("--rate, --batch, --connections and --for must be more than nothing")}
	}
	cfg, err := loadConfig(o.config)
	if err != nil {
		return err
	}
	l, err := newLoad(ctx, o, cfg)
	if err != nil {
		return err
	}
	result, err := l.run(ctx)
	if err := errors.Join(err, l.platform.Close()); err != nil {
		return err
	}
	if o.asJSON {
		encoder := json.NewEncoder(stdout)
		encoder.SetIndent("", "  ")
		return encoder.Encode(result)
	}
	return result.print(stdout)
}

// load is a simulated Facebook that delivers at a rate.
type load struct {
	loadOptions
	platform *platformtest.Server
	client   *http.Client
	posts    []string // one on each page
	comments commentSource
	// due is when each comment's delivery was due, counted from the start, in the order in which the platform has them.
	due    []time.Duration
	lastly atomic.Int64 // when the last hide was asked for, in Unix nanoseconds
}

// newLoad listens where the installation believes Facebook to be.
func newLoad(ctx context.Context, o loadOptions, cfg Config) (*load, error) {
	base, err := url.Parse(cfg.Facebook.BaseURL)
	if err != nil || base.Scheme != "http" || base.Port() == "" {
		return nil, fmt.Errorf("facebook.base_url is %q: load stands in for Facebook there, so it must be an address of this machine with a port, as http://127.0.0.1:9100", cfg.Facebook.BaseURL)
	}
	secret, verify, err := cfg.Facebook.secrets()
	if err != nil {
		return nil, err
	}
	l := &load{loadOptions: o, client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: o.connections}}}
	if l.webhook == "" {
		l.webhook = "http://" + cfg.Webhooks.Address + "/webhooks/facebook"
	}
	if l.comments, err = openComments(o.file); err != nil {
		return nil, err
	}
	var pages []platformtest.Account
	for _, c := range cfg.Channels {
		if c.Platform != string(platforms.Facebook) {
			continue
		}
		token, err := c.Token.Read()
		if err != nil {
			return nil, fmt.Errorf("channel %s: token: %w", c.ID, err)
		}
		pages = append(pages, platformtest.Account{Platform: platforms.Facebook, ID: c.Account, Name: cmp.Or(c.Name, c.ID), Token: token})
	}
	if len(pages) == 0 {
		return nil, errors.New("the configuration has no Facebook page to load")
	}
	l.platform, err = platformtest.Start(ctx, platformtest.Options{Addr: base.Host, AppID: cfg.Facebook.AppID, AppSecret: secret, VerifyToken: verify,
		Accounts: pages, OnCall: func(c platformtest.Call) {
			if c.Action == "hide" {
				l.lastly.Store(c.At.UnixNano())
			}
		}})
	if err != nil {
		return nil, err
	}
	for _, page := range pages {
		post, err := l.platform.AddPost(platformtest.Post{Account: page.ID, Text: "Så påverkas trafiken av snön i veckan."})
		if err != nil {
			return nil, errors.Join(err, l.platform.Close())
		}
		l.posts = append(l.posts, post.ID)
	}
	return l, nil
}

// delivery is a POST that is due at a time after the start.
type delivery struct {
	due      time.Duration
	comments int
	body     []byte
	header   http.Header
}

// headStart is by how much what makes deliveries is ahead of what sends them: what is composed late would be sent late, and what is composed
// early stands on the platform, for a full reading to find, before anybody is told.
const headStart = 200 * time.Millisecond

// run sends everything, waits for the last hide, and adds up.
func (l *load) run(ctx context.Context) (loadResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	n := max(1, int(l.rate*l.length.Seconds()/float64(l.batch)))
	ready := make(chan delivery, min(n, 16*l.connections))
	composed := make(chan error, 1)
	began := time.Now().Add(headStart)
	go func() { defer close(ready); composed <- l.compose(ctx, began, n, ready) }()
	answers := openLoop(ctx, l.connections, began, ready, l.post)
	if err := errors.Join(<-composed, ctx.Err()); err != nil {
		return loadResult{}, err
	}
	took := time.Since(began)
	for time.Since(l.latest(began.Add(took))) < l.settle {
		select {
		case <-ctx.Done():
			return loadResult{}, ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return l.sum(answers, began, took), nil
}

// latest is the later of a time and the last hide's.
func (l *load) latest(t time.Time) time.Time {
	if hide := time.Unix(0, l.lastly.Load()); hide.After(t) {
		return hide
	}
	return t
}

// compose writes the comments on the platform and makes the deliveries that tell of them, a page at a time.
func (l *load) compose(ctx context.Context, began time.Time, n int, ready chan<- delivery) error {
	for i := range n {
		d := delivery{due: time.Duration(float64(i) * float64(l.batch) / l.rate * float64(time.Second)), comments: l.batch}
		select {
		case <-time.After(time.Until(began.Add(d.due - headStart))):
		case <-ctx.Done():
			return nil
		}
		comments := make([]platformtest.Comment, l.batch)
		for k := range comments {
			comments[k] = l.comments()
			comments[k].Post = l.posts[i%len(l.posts)]
			l.due = append(l.due, d.due)
		}
		var err error
		if d.body, d.header, _, err = l.platform.Compose(comments); err != nil {
			return err
		}
		select {
		case ready <- d:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// post delivers, once.
func (l *load) post(ctx context.Context, d delivery) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.webhook, bytes.NewReader(d.body))
	if err != nil {
		return err
	}
	req.Header = d.header
	req.Header.Set("Content-Type", "application/json")
	response, err := l.client.Do(req)
	if err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 1<<20))
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the webhook answered %s", response.Status)
	}
	return nil
}

// openComments is the file's comments, again and again; made-up ones without a file.
func openComments(path string) (commentSource, error) {
	if path == "" {
		return madeUp(1), nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var comments []platformtest.Comment
	for i, line := range strings.Split(string(text), "\n") {
		if strings.TrimSpace(line) == "" {
			continue
		}
		var c struct {
			Text     string `json:"text"`
			AuthorID string `json:"author_id"`
			Author   string `json:"author"`
		}
		if err := json.Unmarshal([]byte(line), &c); err != nil || c.Text == "" {
			return nil, fmt.Errorf("%s: line %d: not a JSON object with a text", path, i+1)
		}
		comments = append(comments, platformtest.Comment{Text: c.Text, AuthorID: c.AuthorID, Author: c.Author})
	}
	if len(comments) == 0 {
		return nil, fmt.Errorf("%s holds no comment", path)
	}
	n := 0
	return func() platformtest.Comment {
		c := comments[n%len(comments)]
		n++
		if c.AuthorID == "" {
			c.AuthorID, c.Author = fmt.Sprintf("80%010d", n), fmt.Sprintf("Besökare %d", n)
		}
		return c
	}, nil
}
