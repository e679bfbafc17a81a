package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

// office is a simulated platform, and an empty folder where a configuration is to be.
type office struct {
	t        *testing.T
	platform *platformtest.Server
	dir      string
	config   string
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir()}
	o.config = filepath.Join(o.dir, "takhojd.yaml")
	var err error
	if o.platform, err = platformtest.Start(context.Background(), platformtest.Options{AppSecret: sceneSecret, Accounts: wardAccounts()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = o.platform.Close() })
	for _, a := range wardAccounts()[:2] { // the simulator's accounts are subscribed from the start
		req, err := http.NewRequest(http.MethodDelete, o.platform.URL()+"/v26.0/"+a.ID+"/subscribed_apps?access_token="+a.Token, nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("unsubscribe: %v %v", res, err)
		}
		_ = res.Body.Close()
	}
	return o
}

func (o *office) account(p platforms.Platform) platformtest.Account {
	for _, a := range wardAccounts() {
		if a.Platform == p || p == platforms.Facebook && a.Platform == "" {
			return a
		}
	}
	o.t.Fatalf("no account on %s", p)
	return platformtest.Account{}
}

// about are the answers that every new channel takes.
func about(account string) string {
	return "account=" + account + "\nname=Region Stockholm: \"vi\" # svarar\npurpose=Svara\nowner=Anna\nresponse_target=2d\nreviewed=" + time.Now().Format(time.DateOnly) + "\n"
}

// whole are the answers for a platform, each on a line.
func (o *office) whole(p platforms.Platform) string {
	a := o.account(p)
	start := "authority=Region Stockholm\norigin=takhojd.test\n"
	keys := platformtest.KeysForX(a, sceneSecret)
	switch p {
	case platforms.X:
		return start + about(a.ID) + "consumer_key=" + keys.ConsumerKey + "\nconsumer_secret=" + keys.ConsumerSecret + "\nbearer=" + keys.Bearer + "\ntoken=" +
			keys.AccessToken + "\ntoken_secret=" + keys.AccessSecret + "\n"
	case platforms.Bluesky:
		return start + about(a.ID) + "token=" + a.Token + "\n"
	}
	return start + about(a.ID) + "app_id=310000000000001\napp_secret=" + sceneSecret + "\ntoken=" + a.Token + "\n"
}

func (o *office) connect(stdin string, p platforms.Platform, more ...string) (int, string, string) {
	o.t.Helper()
	code, out, errs := do(o.t, stdin, append([]string{"connect", string(p), "--config", o.config, "--base-url", o.platform.URL(), "--lang", "en"}, more...)...)
	for _, secret := range []string{sceneSecret, "simulated-page-token", "simulated-token", "abcd-efgh", "simulated-consumer"} {
		if strings.Contains(out+errs, secret) {
			o.t.Errorf("it shows the secret %q:\n%s%s", secret, out, errs)
		}
	}
	return code, out, errs
}

// files lists what is in the office, with each file's mode.
func (o *office) files() string {
	o.t.Helper()
	var b strings.Builder
	err := filepath.Walk(o.dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			name, _ := filepath.Rel(o.dir, path)
			b.WriteString(filepath.ToSlash(name) + " " + info.Mode().String() + "\n")
		}
		return err
	})
	if err != nil {
		o.t.Fatal(err)
	}
	return b.String()
}

func (o *office) read(name string) string {
	o.t.Helper()
	text, err := os.ReadFile(filepath.Join(o.dir, name))
	if err != nil {
		o.t.Fatal(err)
	}
	return string(text)
}

// From nothing to four channels in which nothing is to mend, by answers on standard input.
func TestConnectEveryPlatform(t *testing.T) {
	o := openOffice(t)
	for _, p := range []platforms.Platform{platforms.Facebook, platforms.Instagram, platforms.X, platforms.Bluesky} {
		code, out, errs := o.connect(o.whole(p), p, "--stdin")
		if code != 0 || errs != "" || !strings.Contains(out, "All well.") {
			t.Fatalf("%s: %d %s %s", p, code, out, errs)
		}
	}
	cfg, err := loadConfig(o.config)
	if err != nil || len(cfg.Channels) != 4 || cfg.Channels[2].Name != `Region Stockholm: "vi" # svarar` || time.Duration(cfg.Channels[0].ResponseTarget) != 48*time.Hour {
		t.Fatalf("%v %+v\n%s", err, cfg.Channels, o.read("takhojd.yaml"))
	}
	if verify, err := cfg.Facebook.VerifyToken.Read(); err != nil || len(verify) < 20 {
		t.Errorf("the verify token that was to be made: %q %v", verify, err)
	}
	if runtime.GOOS != "windows" {
		for _, line := range strings.Split(strings.TrimSpace(o.files()), "\n") {
			if strings.HasPrefix(line, "secrets/") && !strings.HasSuffix(line, "-rw-------") {
				t.Error(line)
			}
		}
	}
	if text := o.read("takhojd.yaml"); strings.Contains(text, sceneSecret) || strings.Contains(text, "simulated-") {
		t.Errorf("a secret stands in the configuration:\n%s", text)
	}
	if strings.Contains(o.files(), "/.") {
		t.Errorf("something half is left:\n%s", o.files())
	}
	subscribed := 0
	for _, c := range o.platform.State().Calls {
		if c.Action == "subscribe" && c.Done {
			subscribed++
		}
	}
	if subscribed != 5 { // a page, an Instagram account, and three kinds of events on X
		t.Errorf("%d subscriptions were made", subscribed)
	}
	before := o.read("takhojd.yaml")
	if code, out, errs := o.connect(o.whole(platforms.X), platforms.X, "--stdin"); code != 0 {
		t.Errorf("again: %d %s %s", code, out, errs)
	}
	if o.read("takhojd.yaml") != before {
		t.Error("a new token changes the configuration")
	}
}

// A person is asked, is told what will not do, and gets a new try.
func TestConnectAsks(t *testing.T) {
	o := openOffice(t)
	a := o.account(platforms.Facebook)
	lines := []string{"Region Stockholm", "takhojd test", "takhojd.test", "app", "310000000000001", sceneSecret, "", "", "@region", a.ID, "", "Svara", "Anna", "snart", "4h", "", a.Token}
	code, out, errs := o.connect(strings.Join(lines, "\n")+"\n", platforms.Facebook)
	if code != 1 || errs != "" { // 1: nobody has reviewed it
		t.Fatalf("%d %s %s", code, out, errs)
	}
	for _, want := range []string{"origin: it must not hold spaces or slashes", "app_id: it is a number", "account: it is a number", "response_target: \"snart\" is no time span",
		"id [facebook]:", "developers.facebook.com", "A user's token will not do", "MEND  facebook: Never reviewed", "1 to mend."} {
		if !strings.Contains(out, want) {
			t.Errorf("it does not say %q:\n%s", want, out)
		}
	}
	cfg, err := loadConfig(o.config)
	if err != nil || cfg.Channels[0].ID != "facebook" || cfg.Origin != "takhojd.test" {
		t.Errorf("%v %+v", err, cfg)
	}
	code, out, _ = do(t, "", "connect", "bluesky", "--config", filepath.Join(t.TempDir(), "takhojd.yaml"))
	if code != 1 || !strings.Contains(out, "Vems handlingar är det?") {
		t.Errorf("in Swedish: %d %s", code, out)
	}
}

// Whoever stops half-way leaves everything as it was: at each question, and when the platform says no.
func TestConnectHalfWay(t *testing.T) {
	o := openOffice(t)
	lines := strings.SplitAfter("Region Stockholm\ntakhojd.test\n310000000000001\n"+sceneSecret+"\n\nfacebook\n"+o.account(platforms.Facebook).ID+"\n\n\n\n\n\n", "\n")
	for n := range lines {
		if code, _, errs := o.connect(strings.Join(lines[:n], ""), platforms.Facebook); code != 1 || !strings.Contains(errs, "nothing is changed") {
			t.Fatalf("after %d answers: %d %s", n, code, errs)
		}
		if left, err := os.ReadDir(o.dir); err != nil || len(left) > 0 {
			t.Fatalf("after %d answers there are %v (%v)", n, left, err)
		}
	}
	wrong := strings.Replace(o.whole(platforms.Facebook), "simulated-page-token-1", platformtest.UserToken, 1)
	code, out, errs := o.connect(wrong, platforms.Facebook, "--stdin")
	if code != 1 || !strings.Contains(out, "The access token is not the account's own") || !strings.Contains(errs, "nothing is changed") || o.files() != "" {
		t.Errorf("a user's token: %d %s %s\n%s", code, out, errs, o.files())
	}
	if code, out, errs := o.connect(o.whole(platforms.Facebook), platforms.Facebook, "--stdin"); code != 0 {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	before := o.read("secrets/facebook-token") + o.files()
	if code, _, _ := o.connect(wrong, platforms.Facebook, "--stdin"); code != 1 || o.read("secrets/facebook-token")+o.files() != before {
		t.Errorf("a token that is refused has taken the place of one that holds: %s", o.files())
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	there, _ := io.Pipe() // somebody who never answers
	var printed bytes.Buffer
	if code := run(ctx, []string{"connect", "facebook", "--config", o.config}, there, &printed, &printed); code != 1 || !strings.Contains(printed.String(), "nothing is changed") {
		t.Errorf("interrupted: %d %s", code, printed.String())
	}
}

const written = `# Vår konfiguration
data: data                 # på den snabba disken
origin: takhojd.test

facebook:
    # appen heter Takhöjd
    app_id: "310000000000001"   # produktion

channels:
    # den första
    - id: annan            # chosen once
      platform: facebook
      account: "99"
      token: {env: ANNAN}
# sist
log_level: info
`

// What a person wrote stays, comments and all, and nothing else comes to mean anything new.
func TestConnectLeavesWhatIsWritten(t *testing.T) {
	t.Setenv("ANNAN", "x")
	for name, text := range map[string]string{
		"indented":     written,
		"not indented": strings.NewReplacer("\n    - id", "\n- id", "\n      ", "\n  ", "\n    # den", "\n# den").Replace(written),
		"other ends":   strings.TrimRight(written, "\n"),
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t)
			if err := os.WriteFile(o.config, []byte(text), 0o640); err != nil {
				t.Fatal(err)
			}
			code, out, errs := o.connect(o.whole(platforms.Facebook), platforms.Facebook, "--stdin")
			if code != 0 {
				t.Fatalf("%d %s %s\n%s", code, out, errs, o.read("takhojd.yaml"))
			}
			got := o.read("takhojd.yaml")
			rest := strings.Split(got, "\n")
			for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") { // each line is there, in its order
				i := 0
				for i < len(rest) && rest[i] != line {
					i++
				}
				if i == len(rest) {
					t.Fatalf("%q is gone, or elsewhere:\n%s", line, got)
				}
				rest = rest[i+1:]
			}
			cfg, err := loadConfig(o.config)
			if err != nil || len(cfg.Channels) != 2 || cfg.Channels[0].ID != "annan" || cfg.Channels[1].ID != "facebook" || cfg.LogLevel != "info" {
				t.Errorf("%v %+v", err, cfg)
			}
			if info, err := os.Stat(o.config); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o640 {
				t.Errorf("%v %v", info.Mode(), err)
			}
		})
	}
}

// A file that can't be extended safely is left alone, and what to add is printed.
func TestConnectPrintsWhatItCannotWrite(t *testing.T) {
	for name, text := range map[string]string{
		"in one line":       "{data: data, origin: takhojd.test, channels: []}\n",
		"with an end":       "data: data\norigin: takhojd.test\n...\n", // what is put after it is not read
		"a list in a line":  "data: data\norigin: takhojd.test\nchannels: []\n",
		"a key in brackets": "data: data\norigin: takhojd.test\n\"channels\": []\n",
	} {
		t.Run(name, func(t *testing.T) {
			o := openOffice(t)
			if err := os.WriteFile(o.config, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			code, out, errs := o.connect(o.whole(platforms.Bluesky), platforms.Bluesky, "--stdin")
			if code != 1 || !strings.Contains(errs, "cannot be extended safely") || o.read("takhojd.yaml") != text {
				t.Fatalf("%d %s %s\n%s", code, out, errs, o.read("takhojd.yaml"))
			}
			_, block, _ := strings.Cut(out, "takhojd doctor:\n")
			cfg, err := decodeConfig([]byte("data: data\norigin: o\n" + block))
			if err != nil || len(cfg.Channels) != 1 || cfg.Channels[0].Account != o.account(platforms.Bluesky).ID || cfg.Bluesky.Service != o.platform.URL() {
				t.Errorf("%v\n%s", err, block)
			}
			if o.read("secrets/bluesky-token") == "" {
				t.Error("the secret that the block names is not there")
			}
		})
	}
}

func TestConnectXByWebhook(t *testing.T) {
	o := openOffice(t)
	code, out, errs := o.connect(o.whole(platforms.X), platforms.X, "--stdin", "--webhook", "http://127.0.0.1:1/webhooks/x")
	if code != 1 || !strings.Contains(out, "The subscription could not be made") || !strings.Contains(out, "MEND  x: Subscriptions are missing") {
		t.Fatalf("a webhook that does not answer: %d %s %s", code, out, errs)
	}
	cfg, err := loadConfig(o.config)
	if err != nil {
		t.Fatal(err)
	}
	wires, err := newWiring(cfg, 0, zap.NewNop(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := wires.webhooks(func(context.Context, []platforms.Event) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	there := httptest.NewServer(hooks)
	defer there.Close()
	code, out, errs = o.connect(o.whole(platforms.X), platforms.X, "--stdin", "--webhook", there.URL+"/webhooks/x")
	if code != 0 || !strings.Contains(out, "delivered to the webhook") {
		t.Errorf("%d %s %s", code, out, errs)
	}
}

func TestConnectWhatCannotBe(t *testing.T) {
	o := openOffice(t)
	if code, out, errs := o.connect(o.whole(platforms.Facebook), platforms.Facebook, "--stdin"); code != 0 {
		t.Fatalf("%d %s %s", code, out, errs)
	}
	before := o.files() + o.read("takhojd.yaml")
	a := o.account(platforms.Facebook)
	for name, c := range map[string]struct {
		platform    platforms.Platform
		stdin, want string
	}{
		"no such key":            {platforms.Facebook, "tokn=" + a.Token, "line 1: there is no such key"},
		"no key":                 {platforms.Facebook, "\n# en rad\n" + a.Token, "line 3: want key=value"},
		"twice":                  {platforms.Facebook, "id=a\nid=b", "line 2: id is told twice"},
		"no token":               {platforms.Facebook, "id=facebook\n", "token: an answer is needed"},
		"another platform":       {platforms.Bluesky, "id=facebook\ntoken=x\n", "is on facebook"},
		"an account that is one": {platforms.Facebook, "id=ny\n" + about(a.ID) + "token=" + a.Token, "is channel facebook already"},
		"no DID":                 {platforms.Bluesky, "account=region.bsky.social\n", "account: it begins with"},
	} {
		code, _, errs := o.connect(c.stdin+"\n", c.platform, "--stdin")
		if code != 1 || !strings.Contains(errs, c.want) {
			t.Errorf("%s: %d %s", name, code, errs)
		}
	}
	if o.files()+o.read("takhojd.yaml") != before {
		t.Errorf("something is changed:\n%s", o.files())
	}
	if code, _, _ := do(t, "", "connect", "lunarstorm"); code == 0 {
		t.Error("a platform that there is none of")
	}
}

// However a configuration is written, what is put in either means what was meant or is not written.
func FuzzConfigurationIsExtended(f *testing.F) {
	f.Add(written)
	f.Add("data: d\norigin: o\n")
	f.Add("data: d\norigin: o\nchannels: []\n")
	f.Add("data: d\norigin: o\nchannels:\nfacebook:\n")
	f.Add("data: |\n  channels:\n  - x\norigin: o\n")
	f.Add("---\ndata: d\norigin: o\n...\n")
	f.Fuzz(func(t *testing.T, text string) {
		before, err := decodeConfig([]byte(text))
		if err != nil {
			return
		}
		want := before
		want.Channels = append(append([]ChannelConfig{}, before.Channels...), ChannelConfig{ID: "ny", Platform: "x", Account: "1"})
		e := newEdit(text)
		e.put("channels", `- id: "ny"`, "  platform: x", `  account: "1"`)
		if !e.means(want) {
			return
		}
		got, err := decodeConfig([]byte(e.String()))
		if err != nil || len(got.Channels) != len(before.Channels)+1 || got.Data != before.Data {
			t.Errorf("%v\n%s", err, e)
		}
	})
}
