package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"takhojd/platforms"
)

// Config is the one file that `serve` is told. Unknown keys are errors, with line and column.
type Config struct {
	// Data is the folder of the database and the log's signing key. It is made where it is missing.
	Data string `yaml:"data"`
	// Database is where a PostgreSQL address is, postgres://user:password@host/name?search_path=schema; it holds a password, so it does not
	// stand here. Empty is takhojd.db in the data folder, which then holds the signing key alone.
	Database Secret `yaml:"database"`
	// Redis tells several processes on one PostgreSQL what has come for whom; absent, PostgreSQL does.
	Redis RedisConfig `yaml:"redis"`
	// Authority is whose records these are, in people's words.
	Authority string `yaml:"authority"`
	// Origin names the hash log, on the first line of every checkpoint: a name that is the authority's alone, as a domain name. It is
	// chosen once.
	Origin string `yaml:"origin"`
	// Policy is the policy file; empty is the built-in one of Region Stockholm.
	Policy string `yaml:"policy"`
	// LogLevel is debug, info (the default), warn or error.
	LogLevel   string           `yaml:"log_level"`
	Console    ConsoleConfig    `yaml:"console"`
	Webhooks   ListenConfig     `yaml:"webhooks"`
	Operations ListenConfig     `yaml:"operations"`
	Facebook   FacebookConfig   `yaml:"facebook"`
	X          XConfig          `yaml:"x"`
	Bluesky    BlueskyConfig    `yaml:"bluesky"`
	Moderation ModerationConfig `yaml:"moderation"`
	Channels   []ChannelConfig  `yaml:"channels"`
	Notify     []NotifyConfig   `yaml:"notify"`
	// Role is what `serve --role` says; it does not stand in the file, which all nodes share.
	Role string `yaml:"-"`
}

// RedisConfig is where Redis is. It may be away at any time, and lose everything: nothing is only there.
type RedisConfig struct {
	// Address is where its address is, redis://user:password@host:6379/0, or rediss:// for TLS; of a cluster any node's, and others' as
	// ?addr=host:port. It may hold a password, so it does not stand here.
	Address Secret `yaml:"address"`
	// Cluster is true where it is a Redis Cluster.
	Cluster bool `yaml:"cluster"`
	// Timeout bounds each call; 0 is a second.
	Timeout Duration `yaml:"timeout"`
}

// used tells whether there is to be a Redis.
func (c RedisConfig) used() bool { return c.Address != Secret{} }

// ConsoleConfig is where the web pages are.
type ConsoleConfig struct {
	Address string `yaml:"address"`
	// PublicURL is where browsers find it. When it begins with https, TLS stands in front and cookies are for https only.
	PublicURL string `yaml:"public_url"`
}

// ListenConfig is where a server listens.
type ListenConfig struct {
	Address string `yaml:"address"`
}

// FacebookConfig is the app at Meta that all Facebook and Instagram channels share.
type FacebookConfig struct {
	// BaseURL is where the Graph API is; empty is Meta's own.
	BaseURL     string `yaml:"base_url"`
	Version     string `yaml:"version"`
	AppID       string `yaml:"app_id"`
	AppSecret   Secret `yaml:"app_secret"`
	VerifyToken Secret `yaml:"verify_token"`
	// InstagramEvery is how often Instagram is asked for edits, hides and removals, of which it delivers none; 0 is a minute.
	InstagramEvery Duration `yaml:"instagram_every"`
}

// XConfig is the app at X that all X channels share.
type XConfig struct {
	// BaseURL is where the API is; empty is X's own.
	BaseURL string `yaml:"base_url"`
	// ConsumerKey and ConsumerSecret are the app's: they sign calls, and webhooks are signed with the secret. Bearer is the app's own
	// token, for streams.
	ConsumerKey    Secret `yaml:"consumer_key"`
	ConsumerSecret Secret `yaml:"consumer_secret"`
	Bearer         Secret `yaml:"bearer"`
}

// BlueskyConfig is where Bluesky is, for all Bluesky channels.
type BlueskyConfig struct {
	// Service is the personal data server that holds the accounts; empty is https://bsky.social.
	Service string `yaml:"service"`
}

// ModerationConfig tunes the path. Zero values are the defaults of package moderation.
type ModerationConfig struct {
	PollEvery  Duration `yaml:"poll_every"`
	Backfill   Duration `yaml:"backfill"`
	MediaWait  Duration `yaml:"media_wait"`
	Backoff    Duration `yaml:"backoff"`
	BackoffMax Duration `yaml:"backoff_max"`
	// LeaseTime is how long a channel stays with a process that is not heard of, where several serve the same books.
	LeaseTime Duration `yaml:"lease_time"`
	// MediaFromPrivateAddresses lets pictures be fetched from private addresses. Only for a simulated platform.
	MediaFromPrivateAddresses bool `yaml:"media_from_private_addresses"`
}

// ChannelConfig is one channel, with what the region's guidelines for digital communication demand of it (2.2, principles 1–4).
type ChannelConfig struct {
	// ID names the channel in every record. It is chosen once.
	ID       string `yaml:"id"`
	Platform string `yaml:"platform"`
	// Account is the platform's own id of the page or account: a page id, an Instagram account id, an X user id, a Bluesky DID.
	Account string `yaml:"account"`
	Name    string `yaml:"name"`
	// Purpose, Owner, ResponseTarget and Reviewed (a date, 2026-05-01) are what doctor looks for.
	Purpose        string   `yaml:"purpose"`
	Owner          string   `yaml:"owner"`
	ResponseTarget Duration `yaml:"response_target"`
	Reviewed       string   `yaml:"reviewed"`
	// HideQuota is how many comments the bot may hide here a day. Absent, it is the policy's own; 0 lets the bot only flag.
	HideQuota *int `yaml:"hide_quota"`
	// Token is the page's or account's access token; on Bluesky an app password. TokenSecret is X's second half of it.
	Token       Secret `yaml:"token"`
	TokenSecret Secret `yaml:"token_secret"`
}

// NotifyConfig is one place where people are told, outside of the console, of what waits. No comment's text and no name is ever sent.
type NotifyConfig struct {
	// Name is what the log, the metrics and doctor call it.
	Name string `yaml:"name"`
	// URL is where to, as github.com/nicholas-fedor/shoutrrr writes it (smtp://, slack://, teams://, generic://, …), or workflow+https://… for
	// the webhook of a workflow in Teams. It holds a password, so it does not stand here.
	URL Secret `yaml:"url"`
	// Alerts are the kinds that are told there: escalation, token, expiring, late, dead, full. Empty is all.
	Alerts []string `yaml:"alerts"`
	// Quiet is when nothing is sent, "18:00-07:00" by Stockholm's clock; what comes is gathered, and what still lasts is sent in one message
	// at the end. QuietDays are days when it is quiet all day: sat, sun.
	Quiet     string   `yaml:"quiet"`
	QuietDays []string `yaml:"quiet_days"`
	// Urgent are the kinds that are sent in the quiet hours, too.
	Urgent []string `yaml:"urgent"`
	// Every is the shortest pause between two messages; what comes meanwhile is gathered into one. 0 is a minute.
	Every Duration `yaml:"every"`
	// Language is sv (the default) or en.
	Language string `yaml:"language"`
}

// Secret says where a secret is: in a file, or in an environment variable. It never stands in the configuration itself.
type Secret struct {
	File string `yaml:"file"`
	Env  string `yaml:"env"`
}

// Read returns the secret.
func (s Secret) Read() (string, error) {
	switch {
	case s.File != "" && s.Env != "":
		return "", errors.New("a secret is in a file or in the environment, not both")
	case s.File != "":
		b, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("secret: %w", err)
		}
		return strings.TrimSpace(string(b)), nil
	case s.Env != "":
		v, ok := os.LookupEnv(s.Env)
		if !ok {
			return "", fmt.Errorf("secret: the environment has no %s", s.Env)
		}
		return v, nil
	}
	return "", nil
}

// Duration is a time.Duration that is written "5m" or "4h", and also "30d".
type Duration time.Duration

// UnmarshalYAML reads a duration.
func (d *Duration) UnmarshalYAML(b []byte) error {
	text := strings.Trim(strings.TrimSpace(string(b)), `"'`)
	if days, ok := strings.CutSuffix(text, "d"); ok {
		n, err := time.ParseDuration(days + "h")
		if err != nil || n < 0 {
			return fmt.Errorf("%q is no time span: write 30s, 5m, 4h or 30d", text)
		}
		*d = Duration(n * 24)
		return nil
	}
	n, err := time.ParseDuration(text)
	if err != nil || n < 0 {
		return fmt.Errorf("%q is no time span: write 30s, 5m, 4h or 30d", text)
	}
	*d = Duration(n)
	return nil
}

// loadConfig reads and checks a configuration file. Relative paths in it are relative to its folder.
func loadConfig(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	var c Config
	if err := yaml.NewDecoder(f, yaml.Strict()).Decode(&c); err != nil {
		return Config{}, fmt.Errorf("configuration: %s: %s", path, yaml.FormatError(err, false, false)) // without the source: it may hold a secret
	}
	folder := filepath.Dir(path)
	within(folder, &c.Data)
	within(folder, &c.Policy)
	for _, file := range c.secretFiles() {
		within(folder, file)
	}
	if err := c.check(); err != nil {
		return Config{}, fmt.Errorf("configuration: %s: %w", path, err)
	}
	return c, nil
}

// secretFiles are where the files with secrets are said to be; "" where none is.
func (c *Config) secretFiles() []*string {
	files := []*string{&c.Database.File, &c.Redis.Address.File, &c.Facebook.AppSecret.File, &c.Facebook.VerifyToken.File, &c.X.ConsumerKey.File, &c.X.ConsumerSecret.File,
		&c.X.Bearer.File}
	for i := range c.Channels {
		files = append(files, &c.Channels[i].Token.File, &c.Channels[i].TokenSecret.File)
	}
	for i := range c.Notify {
		files = append(files, &c.Notify[i].URL.File)
	}
	return files
}

func within(folder string, path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(folder, *path)
	}
}

func (c *Config) check() error {
	if c.Data == "" {
		return errors.New("data: where is the database to be?")
	}
	if c.Origin == "" {
		return errors.New("origin: what is the log's name? A domain name of the authority's, chosen once")
	}
	if strings.ContainsAny(c.Origin, " +\n\t") {
		return fmt.Errorf("origin: %q must not contain spaces or +", c.Origin)
	}
	if c.Redis.used() && c.Database == (Secret{}) {
		return errors.New("redis: books in a file are served by one process, which has nobody to tell: put them into PostgreSQL (database), or leave redis out")
	}
	if c.LogLevel == "" {
		c.LogLevel = "info"
	}
	seen, accounts := map[string]bool{}, map[string]string{}
	for i, channel := range c.Channels {
		if err := channel.check(); err != nil {
			return fmt.Errorf("channels[%d]: %w", i, err)
		}
		if seen[channel.ID] {
			return fmt.Errorf("channels[%d]: the id %s is taken", i, channel.ID)
		}
		seen[channel.ID] = true
		account := channel.Platform + " " + channel.Account
		if other, taken := accounts[account]; taken {
			return fmt.Errorf("channels[%d]: account: %s is channel %s already", i, account, other)
		}
		accounts[account] = channel.ID
	}
	return nil
}

func (c ChannelConfig) check() error {
	switch {
	case c.ID == "" || strings.ContainsAny(c.ID, " /\n\t"):
		return fmt.Errorf("id: %q must be there, without spaces and slashes", c.ID)
	case !platforms.Platform(c.Platform).Valid():
		return fmt.Errorf("platform: there is no %q: there are facebook, instagram, x and bluesky", c.Platform)
	case c.Account == "":
		return errors.New("account: which page or account is it?")
	case c.HideQuota != nil && *c.HideQuota < 0:
		return fmt.Errorf("hide_quota: %d is negative", *c.HideQuota)
	}
	if c.Reviewed != "" {
		if _, err := time.Parse(time.DateOnly, c.Reviewed); err != nil {
			return fmt.Errorf("reviewed: %q is no date like 2026-05-01", c.Reviewed)
		}
	}
	return nil
}

// defaultResponseTarget is when a flag counts as late on a channel that does not say.
const defaultResponseTarget = 24 * time.Hour

// channel is the channel as the rest of the program knows it.
func (c ChannelConfig) channel(quota int) platforms.Channel {
	if c.HideQuota != nil {
		quota = *c.HideQuota
	}
	reviewed, _ := time.Parse(time.DateOnly, c.Reviewed) // checked when it was loaded; zero when absent
	target := time.Duration(c.ResponseTarget)
	if target == 0 {
		target = defaultResponseTarget
	}
	name := c.Name
	if name == "" {
		name = c.ID
	}
	return platforms.Channel{ID: c.ID, Platform: platforms.Platform(c.Platform), Account: c.Account, Name: name, Purpose: c.Purpose, Owner: c.Owner,
		ResponseTarget: target, Reviewed: reviewed, HideQuota: quota}
}
