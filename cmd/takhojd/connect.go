package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"takhojd/platforms"
	"takhojd/rules"
)

func connectCommand() *cobra.Command {
	var path, language, webhook, base string
	var stdin bool
	c := &cobra.Command{
		Use:   "connect facebook|instagram|x|bluesky --config FILE",
		Short: "Connect a channel, or renew its token: asks for what is needed, says where to find it, and tries it",
		Long: "Lead through a channel's credentials, try them on the platform, and only then keep them: secrets in files of their own (0600) beside the\n" +
			"configuration, the rest in the configuration, whose comments stay. Then subscribe to what is said there, and look whether all is well.\n" +
			"A channel that is there gets a new token. Interrupted before the token has been tried, nothing is changed; after that, run it again.\n\n" +
			"With --stdin the answers are lines of key=value on standard input: " + strings.Join(answerKeys, ", ") + ".",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{string(platforms.Facebook), string(platforms.Instagram), string(platforms.X), string(platforms.Bluesky)},
		RunE: func(c *cobra.Command, args []string) error {
			if language != "sv" && language != "en" {
				return usageError{fmt.Errorf("--lang: there is no %q: there are sv and en", language)}
			}
			whole, err := filepath.Abs(path)
			if err != nil {
				return err
			}
			n := &connection{platform: platforms.Platform(args[0]), path: whole, base: base, webhook: webhook, language: language, out: c.OutOrStdout(),
				asker: newPerson(c.InOrStdin(), c.OutOrStdout(), language), staged: staged{folder: filepath.Dir(whole), files: map[string]string{}}, quiet: stdin}
			if stdin {
				if n.asker, err = readAnswers(c.InOrStdin()); err != nil {
					return err
				}
			}
			return n.make(c.Context())
		},
	}
	f := c.Flags()
	f.StringVar(&path, "config", "takhojd.yaml", "the configuration file; it is made where there is none")
	f.StringVar(&language, "lang", "sv", "sv or en")
	f.BoolVar(&stdin, "stdin", false, "read the answers from standard input, as key=value")
	f.StringVar(&webhook, "webhook", "", "X: where it is to deliver, https://…/webhooks/x; empty is by stream. The service must be running there")
	f.StringVar(&base, "base-url", "", "where the platform's API is, or the account's own server on Bluesky; empty is the platform's own")
	return c
}

// connection is a channel while it is being connected. Nothing outside of staged files changes before the platform has accepted the token.
type connection struct {
	platform                      platforms.Platform
	path, base, webhook, language string
	out                           io.Writer
	asker                         asker
	quiet                         bool // nobody reads along
	staged                        staged

	edit    *edit
	want    Config   // what the file is to mean
	channel int      // in want.Channels
	app     []string // lines to add under the platform's own key
	entry   []string // the new channel's lines
	isNew   bool     // the file is made
}

func (n *connection) make(ctx context.Context) error {
	defer n.staged.drop()
	for _, step := range []func(context.Context) error{n.open, n.askApp, n.askChannel, n.askToken, n.try, n.save, n.subscribe} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return n.examine(ctx)
}

func (n *connection) say(sv, en string) {
	fmt.Fprintln(n.out, rules.Words{SV: sv, EN: en}.In(n.language))
}

// open reads the configuration, or begins one.
func (n *connection) open(ctx context.Context) error {
	text, err := os.ReadFile(n.path)
	if errors.Is(err, os.ErrNotExist) {
		n.isNew = true
		authority, err := n.asker.ask(ctx, askAuthority)
		if err != nil {
			return err
		}
		origin, err := n.asker.ask(ctx, askOrigin)
		if err != nil {
			return err
		}
		text = []byte("data: data\nauthority: " + value(authority) + "\norigin: " + value(origin) + "\nconsole:\n  address: 127.0.0.1:8080\n" +
			"webhooks:\n  address: 127.0.0.1:8081\noperations:\n  address: 127.0.0.1:9090\n")
	} else if err != nil {
		return fmt.Errorf("configuration: %w", err)
	} else if _, err := loadConfig(n.path); err != nil {
		return err
	}
	n.edit = newEdit(string(text))
	n.want, err = decodeConfig(text)
	return err
}

// askApp asks for what all channels on the platform share, and is not there yet.
func (n *connection) askApp(ctx context.Context) error {
	switch n.platform {
	case platforms.X:
		x := &n.want.X
		n.at("base_url", &x.BaseURL)
		return n.secrets(ctx, kept{askConsumerKey, &x.ConsumerKey, "x-consumer-key"}, kept{askConsumerSecret, &x.ConsumerSecret, "x-consumer-secret"},
			kept{askBearer, &x.Bearer, "x-bearer"})
	case platforms.Bluesky:
		n.at("service", &n.want.Bluesky.Service)
		return nil
	}
	f := &n.want.Facebook
	n.at("base_url", &f.BaseURL)
	if f.AppID == "" {
		id, err := n.asker.ask(ctx, askAppID)
		if err != nil {
			return err
		}
		f.AppID = id
		n.app = append(n.app, "app_id: "+value(id))
	}
	return n.secrets(ctx, kept{askAppSecret, &f.AppSecret, "facebook-app"}, kept{askVerify, &f.VerifyToken, "facebook-verify"})
}

// at takes --base-url where the configuration does not say.
func (n *connection) at(key string, where *string) {
	if n.base != "" && *where == "" {
		*where = n.base
		n.app = append(n.app, key+": "+value(n.base))
	}
}

// kept is a secret: what is asked for it, where the configuration says that it is, and its file's name where it does not say.
type kept struct {
	question
	where *Secret
	name  string
}

// secrets asks for those of the app's secrets that are not there. One that the configuration names already is put where it wants it.
func (n *connection) secrets(ctx context.Context, all ...kept) error {
	for _, k := range all {
		there := *k.where
		within(n.staged.folder, &there.File)
		if known, err := there.Read(); err == nil && known != "" {
			if !n.quiet {
				n.say(k.key+" finns redan.", k.key+" is there already.")
			}
			continue
		}
		if k.where.Env != "" {
			return fmt.Errorf("%s: the configuration has it in the environment, as %s, where it is not: put it there", k.key, k.where.Env)
		}
		answer, err := n.asker.ask(ctx, k.question)
		if err != nil {
			return err
		}
		if answer == "" && k.key == askVerify.key {
			answer = rand.Text()
		}
		if answer == "" {
			continue
		}
		if k.where.File == "" {
			k.where.File = "secrets/" + k.name
			n.app = append(n.app, k.key+": "+secretAt(k.where.File))
		}
		if err := n.staged.add(k.where.File, answer); err != nil {
			return err
		}
	}
	return nil
}

// askChannel asks which channel it is, and about a new one all that the guidelines want to know.
func (n *connection) askChannel(ctx context.Context) error {
	id := askID
	id.offer = string(n.platform)
	answer, err := n.asker.ask(ctx, id)
	if err != nil {
		return err
	}
	n.channel = slices.IndexFunc(n.want.Channels, func(c ChannelConfig) bool { return c.ID == answer })
	if n.channel >= 0 {
		if has := n.want.Channels[n.channel].Platform; has != string(n.platform) {
			return fmt.Errorf("channel %s is on %s: choose another id", answer, has)
		}
		if !n.quiet {
			n.say("Kanalen finns. Den får en ny nyckel.", "The channel is there. It gets a new token.")
		}
		return nil
	}
	c := ChannelConfig{ID: answer, Platform: string(n.platform)}
	n.entry = []string{"- id: " + value(c.ID), "  platform: " + c.Platform}
	for _, a := range []struct {
		question
		to *string
	}{{askAccount[n.platform], &c.Account}, {askName, &c.Name}, {askPurpose, &c.Purpose}, {askOwner, &c.Owner}, {askTarget, nil}, {askReview, &c.Reviewed}} {
		answer, err := n.asker.ask(ctx, a.question)
		if err != nil {
			return err
		}
		if answer == "" {
			continue
		}
		if a.to != nil {
			*a.to = answer
		} else if err := c.ResponseTarget.UnmarshalYAML([]byte(answer)); err != nil {
			return err
		}
		n.entry = append(n.entry, "  "+a.key+": "+value(answer))
	}
	for _, other := range n.want.Channels {
		if other.Platform == c.Platform && other.Account == c.Account {
			return fmt.Errorf("the account is channel %s already: write that id to renew its token", other.ID)
		}
	}
	n.channel = len(n.want.Channels)
	n.want.Channels = append(slices.Clone(n.want.Channels), c)
	return nil
}

// askToken asks for the channel's own secrets, new ones always.
func (n *connection) askToken(ctx context.Context) error {
	c := &n.want.Channels[n.channel]
	parts := []struct {
		question
		to *Secret
	}{{askToken[n.platform], &c.Token}}
	if n.platform == platforms.X {
		parts = append(parts, struct {
			question
			to *Secret
		}{askHalf, &c.TokenSecret})
	}
	for _, p := range parts {
		if p.to.Env != "" {
			return fmt.Errorf("channel %s has its %s in the environment, as %s: renew it there", c.ID, p.key, p.to.Env)
		}
		answer, err := n.asker.ask(ctx, p.question)
		if err != nil {
			return err
		}
		if p.to.File == "" {
			p.to.File = "secrets/" + c.ID + "-" + strings.ReplaceAll(p.key, "_", "-")
			n.entry = append(n.entry, "  "+p.key+": "+secretAt(p.to.File))
		}
		if err := n.staged.add(p.to.File, answer); err != nil {
			return err
		}
	}
	return nil
}

// ready is the configuration with this one channel and whole paths, to the staged secrets as long as they are.
func (n *connection) ready() Config {
	cfg := n.want
	cfg.Channels = []ChannelConfig{n.want.Channels[n.channel]}
	cfg.Notify = nil
	for _, file := range cfg.secretFiles() {
		if *file != "" {
			*file = n.staged.at(*file)
			within(n.staged.folder, file)
		}
	}
	return cfg
}

// try shows the platform the token. One that it does not accept is not kept.
func (n *connection) try(ctx context.Context) error {
	n.say("\nNyckeln provas.", "\nTrying the token.")
	cfg := n.ready()
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	for _, check := range look(ctx, cfg, cfg.Channels[0], 0) {
		if (check.Name == "token" || check.Name == "configuration") && !check.OK {
			n.say(check.SV, check.EN)
			return errors.New("nothing is changed")
		}
	}
	return ctx.Err()
}

// save keeps the secrets, and then the configuration that names them. If we die in between, there are secrets that nothing names: connecting
// again puts them in their place anew. A configuration that can't be extended without harm is left as it is, and what to add is printed.
func (n *connection) save(context.Context) error {
	key := map[platforms.Platform]string{platforms.X: "x", platforms.Bluesky: "bluesky"}[n.platform]
	if key == "" {
		key = "facebook"
	}
	n.edit.put(key, n.app...)
	n.edit.put("channels", n.entry...)
	safe := n.edit.means(n.want)
	if err := n.staged.keep(); err != nil {
		return err
	}
	if !safe {
		n.say("Filen är skriven så att den inte går att utöka säkert. Hemligheterna är sparade. Lägg själv till detta och kör sedan takhojd doctor:",
			"The file is written in a way that cannot be extended safely. The secrets are kept. Add this yourself, then run takhojd doctor:")
		var block edit
		block.put(key, n.app...)
		block.put("channels", n.entry...)
		fmt.Fprintln(n.out, block.String())
		return errNotEdited
	}
	if len(n.app)+len(n.entry) == 0 {
		return nil
	}
	mode := os.FileMode(0o644)
	if info, err := os.Stat(n.path); err == nil {
		mode = info.Mode().Perm()
	}
	if err := writeWhole(n.path, []byte(n.edit.String()), mode); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	return nil
}

// subscribe asks the platform to tell of what is said on the channel. What it refuses is said, and is no reason to stop: comments are fetched
// all the same, and connecting again tries again.
func (n *connection) subscribe(ctx context.Context) error {
	cfg := n.ready()
	wires, err := newWiring(cfg, 0, zap.NewNop(), nil, nil)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	switch adapter := wires.adapters[cfg.Channels[0].ID].(type) {
	case interface{ Subscribe(context.Context) error }:
		err = adapter.Subscribe(ctx)
		n.say("Lägg in webhooken i appen på developers.facebook.com: objektet "+metaObject[n.platform]+", er adress som slutar på /webhooks/"+string(n.platform)+
			", och verifieringsnyckeln ur "+cfg.Facebook.VerifyToken.File+".",
			"Enter the webhook in the app at developers.facebook.com: the object "+metaObject[n.platform]+", your address that ends in /webhooks/"+string(n.platform)+
				", and the verify token from "+cfg.Facebook.VerifyToken.File+".")
	case interface {
		Subscribe(context.Context, string) error
	}:
		if cfg.X.Bearer == (Secret{}) {
			return nil
		}
		err = adapter.Subscribe(ctx, n.webhook)
	}
	if err != nil {
		n.say("Prenumerationen gick inte att göra: "+err.Error(), "The subscription could not be made: "+err.Error())
	}
	return nil
}

// metaObject is what each of Meta's platforms is called among an app's webhooks, with its fields.
var metaObject = map[platforms.Platform]string{platforms.Facebook: "Page (feed)", platforms.Instagram: "Instagram (comments, live_comments)"}

// examine ends with what doctor says of the channel.
func (n *connection) examine(ctx context.Context) error {
	cfg, err := loadConfig(n.path)
	if err != nil {
		return err
	}
	id := n.want.Channels[n.channel].ID
	d := &doctor{now: time.Now()}
	d.secrets(cfg)
	cfg.Channels = slices.DeleteFunc(cfg.Channels, func(c ChannelConfig) bool { return c.ID != id })
	d.guidelines(cfg)
	d.channels(ctx, cfg)
	fmt.Fprintln(n.out)
	if err := d.write(n.out, n.language); err != nil {
		return err
	}
	if d.bad() > 0 {
		return errFailed
	}
	return nil
}
