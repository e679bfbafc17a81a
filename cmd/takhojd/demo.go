package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/moderation/console"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

// demoOrigin names the demo's log: no one can take its checkpoints for an authority's.
const demoOrigin = "takhojd.demo"

type demoOptions struct {
	addr, data, logLevel string
	speed                float64
	headless             bool
}

func demoCommand() *cobra.Command {
	var o demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "Show everything at once: a simulated platform, the bot, and the console",
		Long: "Start a simulated Facebook, Instagram and X, the bot with its embedded database, and the console; print a login link;\n" +
			"and play eight posts and the stream of comments on them. Everything goes over the wire as in life: signed webhooks in, API calls out.",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runDemo(c.Context(), o, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	f := c.Flags()
	f.StringVar(&o.addr, "addr", "127.0.0.1:8080", "where the console listens; a free port is taken when this one is not free")
	f.Float64Var(&o.speed, "speed", 5, "how many of the stream's seconds pass in one of yours; the stream is ten minutes long")
	f.StringVar(&o.data, "data", "", "the data folder (default: a temporary one, removed at the end)")
	f.BoolVar(&o.headless, "headless", false, "play as fast as it goes, wait until all is settled, print one JSON object")
	f.StringVar(&o.logLevel, "log", "warn", "what is logged: debug, info, warn, error")
	return c
}

func runDemo(ctx context.Context, o demoOptions, stdout, stderr io.Writer) (err error) {
	log, err := newLog(stderr, o.logLevel)
	if err != nil {
		return err
	}
	if o.data == "" {
		if o.data, err = os.MkdirTemp("", "takhojd-demo-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.data)) }()
	}
	if _, err := os.Stat(filepath.Join(o.data, databaseName)); err == nil {
		return fmt.Errorf("%s holds a database already; the demo wants a folder of its own", o.data)
	}
	d, err := startDemo(ctx, o, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.stop()) }()
	if o.headless {
		return d.headless(ctx, stdout)
	}
	return d.show(ctx, o, stdout)
}

// demo is a simulated platform and the bot on it.
type demo struct {
	platform *platformtest.Server
	service  *service
	thread   platformtest.Thread
	cancel   context.CancelFunc
	done     chan struct{} // closed when the bot has stopped; err then says why
	err      error
}

func startDemo(ctx context.Context, o demoOptions, log *zap.Logger) (_ *demo, err error) {
	d := &demo{done: make(chan struct{})}
	if d.thread, err = platformtest.DemoThread(); err != nil {
		return nil, err
	}
	secret, verify := rand.Text(), rand.Text()
	// The platform outlives the bot: its last answers must come.
	d.platform, err = platformtest.Start(context.WithoutCancel(ctx), platformtest.Options{AppSecret: secret, VerifyToken: verify, Log: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	cfg, err := demoConfig(o, d.platform, secret, verify)
	if err != nil {
		return nil, errors.Join(err, d.platform.Close())
	}
	if d.service, err = newService(ctx, cfg, log); err != nil {
		return nil, errors.Join(err, d.platform.Close())
	}
	d.platform.SetWebhookURL("http://" + d.service.address("webhooks") + "/webhooks/{platform}")
	run, cancel := context.WithCancel(context.WithoutCancel(ctx))
	d.cancel = cancel
	go func() {
		defer close(d.done)
		d.err = d.service.run(run)
	}()
	return d, nil
}

// demoConfig is the configuration that an authority would write, for the simulated platform's three pages. The secrets go where an
// authority's would: into files that only the owner reads.
func demoConfig(o demoOptions, platform *platformtest.Server, secret, verify string) (Config, error) {
	if err := os.MkdirAll(o.data, 0o700); err != nil {
		return Config{}, err
	}
	keep := func(name, value string) (Secret, error) {
		path := filepath.Join(o.data, name)
		return Secret{File: path}, os.WriteFile(path, []byte(value+"\n"), 0o600)
	}
	appSecret, err1 := keep("app.secret", secret)
	verifyToken, err2 := keep("verify.secret", verify)
	cfg := Config{Data: o.data, Authority: "Region Stockholm", Origin: demoOrigin, LogLevel: o.logLevel,
		Console: ConsoleConfig{Address: freeAddress(o.addr)}, Webhooks: ListenConfig{"127.0.0.1:0"}, Operations: ListenConfig{"127.0.0.1:0"},
		Facebook: FacebookConfig{BaseURL: platform.URL(), AppID: "310000000000001", AppSecret: appSecret, VerifyToken: verifyToken,
			InstagramEvery: Duration(200 * time.Millisecond)},
		Moderation: ModerationConfig{PollEvery: Duration(30 * time.Second), Backoff: Duration(200 * time.Millisecond),
			MediaFromPrivateAddresses: true}}
	errs := []error{err1, err2}
	cfg.X.BaseURL = platform.URL()
	for i, page := range platform.Accounts() {
		token, err := keep(fmt.Sprintf("page-%d.secret", i+1), page.Token)
		errs = append(errs, err)
		var half Secret
		if page.Platform == platforms.X {
			keys := platformtest.KeysForX(page, secret)
			for name, to := range map[string]struct {
				secret *Secret
				value  string
			}{"x-key.secret": {&cfg.X.ConsumerKey, keys.ConsumerKey}, "x-secret.secret": {&cfg.X.ConsumerSecret, keys.ConsumerSecret},
				"x-bearer.secret": {&cfg.X.Bearer, keys.Bearer}, "x-half.secret": {&half, keys.AccessSecret}} {
				*to.secret, err = keep(name, to.value)
				errs = append(errs, err)
			}
		}
		cfg.Channels = append(cfg.Channels, ChannelConfig{ID: "rs-" + string(page.Plays), Platform: string(page.Platform), Account: page.ID,
			Name: page.Name, Purpose: "Berätta vad regionen gör och svara på frågor", Owner: "Kommunikationsavdelningen, enheten för sociala medier",
			ResponseTarget: Duration(4 * time.Hour), Reviewed: time.Now().AddDate(0, -3, 0).Format(time.DateOnly), Token: token, TokenSecret: half})
	}
	return cfg, errors.Join(errs...)
}

// freeAddress is addr when it can be listened on, and else a free port of the same host.
func freeAddress(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		_ = l.Close()
		return addr
	}
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr // let the service say what is wrong with it
	}
	return net.JoinHostPort(host, "0")
}

// show prints where to look, and plays the stream at the pace asked for.
func (d *demo) show(ctx context.Context, o demoOptions, stdout io.Writer) error {
	accounts := console.NewAccounts(d.service.db)
	if err := accounts.Add(ctx, "anna", "Anna Lind", console.Admin, ""); err != nil {
		return err
	}
	link, err := d.service.console.LoginLink(ctx, "anna")
	if err != nil {
		return err
	}
	length := 0.0
	if n := len(d.thread.Events); n > 0 && o.speed > 0 {
		length = d.thread.Events[n-1].OffsetSeconds / o.speed
	}
	fmt.Fprintf(stdout, "Konsolen (loggar in dig som Anna, en gång):  http://%s%s\n", d.service.address("console"), link)
	fmt.Fprintf(stdout, "Det allmänheten ser:                         %s/\n", d.platform.URL())
	fmt.Fprintf(stdout, "%d inlägg och %d händelser spelas upp under %.0f sekunder. Avsluta med Ctrl-C.\n", len(d.thread.Posts), len(d.thread.Events), length)
	play := platformtest.PlayOptions{Speed: o.speed}
	if err := d.platform.Play(ctx, d.thread, play); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	if err := d.settled(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	result, err := d.result(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "Klart: %d kommentarer, %d fick stå, %d väntar på en människa, %d dolda. Konsolen är öppen tills du avslutar.\n",
		result.Comments, result.Allowed, result.Flagged, result.Hidden)
	<-ctx.Done()
	return nil
}

// headless plays as fast as it goes and prints what became of it.
func (d *demo) headless(ctx context.Context, stdout io.Writer) error {
	if err := d.platform.Play(ctx, d.thread, platformtest.PlayOptions{}); err != nil {
		return err
	}
	if err := d.settled(ctx); err != nil {
		return err
	}
	result, err := d.result(ctx)
	if err != nil {
		return err
	}
	encoder := json.NewEncoder(stdout)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(result); err != nil {
		return err
	}
	if !result.Verified {
		return errors.New("the archive does not verify")
	}
	return nil
}

// settled waits until every delivery was accepted, and nothing waits to be judged or done.
func (d *demo) settled(ctx context.Context) error {
	if err := d.platform.Settled(ctx); err != nil {
		return err
	}
	if err := d.asked(ctx); err != nil {
		return err
	}
	for {
		counts, err := d.service.moderator.Counts(ctx)
		if err != nil {
			return err
		}
		if counts.Waiting == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.done:
			return errors.New("the bot stopped")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// asked waits until Instagram was asked for what it does not deliver, from beginning to end. When it is asked for its media the third time
// from now, once perhaps to catch up, all that was found by listening the time before is in the inbox.
func (d *demo) asked(ctx context.Context) error {
	looks := func() (n int) {
		for _, c := range d.platform.State().Calls {
			if c.Action == "media" {
				n++
			}
		}
		return n
	}
	for enough := looks() + 3; looks() < enough; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-d.done:
			return errors.New("the bot stopped")
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// demoResult is what `demo --headless` prints.
type demoResult struct {
	Comments int `json:"comments"`
	// Allowed, Flagged and Hidden are what the bot decided on what each comment says last.
	Allowed int `json:"allowed"`
	Flagged int `json:"flagged"`
	Hidden  int `json:"hidden"`
	// Archived is how many records there are: one for every revision that was hidden, or kept as evidence, or taken away by its
	// author.
	Archived      int64   `json:"archived"`
	LogSize       int64   `json:"log_size"`
	Verified      bool    `json:"verified"`
	PlatformCalls int     `json:"platform_calls"`
	P50           float64 `json:"p50_ms"`
	P99           float64 `json:"p99_ms"`
}

func (d *demo) result(ctx context.Context) (demoResult, error) {
	var r demoResult
	report, err := d.service.books.archive.Verify(ctx, nil)
	if err != nil {
		return r, err
	}
	r.Verified, r.Archived, r.LogSize = report.OK(), report.Records, report.Leaves
	r.PlatformCalls = len(d.platform.State().Calls)
	err = d.service.db.View(ctx, func(tx *store.Tx) error {
		if err := tx.QueryRow(`SELECT count(*), count(*) FILTER (WHERE d.action = 'allow'), count(*) FILTER (WHERE d.action = 'flag'), count(*) FILTER (WHERE d.action = 'hide')
			FROM comments c JOIN decisions d ON d.comment = c.id AND d.revision = c.revision AND d.by_kind = 'bot' WHERE c.own = 0`).
			Scan(&r.Comments, &r.Allowed, &r.Flagged, &r.Hidden); err != nil {
			return err
		}
		median, p99, err := moderation.HideTimes(tx, time.Unix(0, 0), time.Now().Add(time.Hour))
		r.P50, r.P99 = float64(median.Microseconds())/1000, float64(p99.Microseconds())/1000
		return err
	})
	return r, err
}

// stop drains the bot, then ends the platform.
func (d *demo) stop() error {
	d.cancel()
	<-d.done
	return errors.Join(d.err, d.service.close(), d.platform.Close())
}
