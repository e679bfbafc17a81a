package console

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"time"

	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed static
var staticFiles embed.FS

// pages is every page in one language.
type pages struct {
	lang string
	set  map[string]*template.Template
	clock
}

// parse reads the templates, once for each language: what a template calls t, when or count knows its language.
func (s *Server) parse() (map[string]*pages, error) {
	version, err := staticVersion()
	if err != nil {
		return nil, err
	}
	all := map[string]*pages{}
	for _, lang := range []string{"sv", "en"} {
		p := &pages{lang: lang, set: map[string]*template.Template{}, clock: clock{zone: s.zone, now: func() time.Time { return s.now() }, lang: lang}}
		base, err := template.New("layout.html").Funcs(p.functions(s, version)).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
		if err != nil {
			return nil, err
		}
		names, err := fs.Glob(templateFiles, "templates/*.html")
		if err != nil {
			return nil, err
		}
		for _, name := range names {
			page := strings.TrimSuffix(path.Base(name), ".html")
			if page == "layout" || page == "parts" {
				continue
			}
			t, err := base.Clone()
			if err != nil {
				return nil, err
			}
			if p.set[page], err = t.ParseFS(templateFiles, name); err != nil {
				return nil, err
			}
		}
		all[lang] = p
	}
	return all, nil
}

func (p *pages) execute(w io.Writer, name string, data page) error {
	t := p.set[name]
	if t == nil {
		return fmt.Errorf("no template %s", name)
	}
	return t.ExecuteTemplate(w, "layout.html", data)
}

// functions are what templates may call, bound to a language.
func (p *pages) functions(s *Server, version string) template.FuncMap {
	return template.FuncMap{
		"t":        p.say,
		"lang":     func() string { return p.lang },
		"words":    func(w rules.Words) string { return w.In(p.lang) },
		"when":     p.when,
		"since":    p.since,
		"waited":   p.waited,
		"day":      p.day,
		"length":   p.length,
		"decimal":  p.decimal,
		"count":    func(n any) string { return p.count(whole(n)) },
		"percent":  p.percent,
		"plain":    plain,
		"line":     plainLine,
		"static":   func(file string) string { return "/static/" + version + "/" + file },
		"category": p.category(s),
		"bullet":   func(c rules.Category) rules.Bullet { return s.desk.Policy().Bullet(c) },
		"route":    func(r rules.Route) rules.RouteInfo { return s.desk.Policy().Route(r) },
		"action":   func(a any) string { return plainLine(p.optional("action.", fmt.Sprint(a))) },
		"state":    func(x any) string { return p.optional("state.", fmt.Sprint(x)) },
		"why":      func(w moderation.Why) string { return p.optional("why.", string(w)) },
		"platform": platformName,
		"who":      p.who,
		"channel":  s.channelName,
		"happened": p.happened,
		"detail":   p.detail,
		"maker":    p.maker,
		"drawable": drawable,
		"lower":    lowerFirst,
		"effect": func(channel, text string) string {
			can := s.desk.Capabilities(channel)
			if text == can.HideEffectEN { // the record holds it in one language
				return rules.Words{SV: can.HideEffectSV, EN: can.HideEffectEN}.In(p.lang)
			}
			return text
		},
		"sum": func(numbers ...int) (total int) {
			for _, n := range numbers {
				total += n
			}
			return total
		},
		"passed": func(t time.Time) bool { return !t.IsZero() && t.Before(s.now()) },
	}
}

func whole(n any) int64 {
	switch n := n.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

// category is a category's short name: the policy's own title. No category is "Annat".
func (p *pages) category(s *Server) func(any) string {
	return func(c any) string {
		if title := s.desk.Policy().Bullet(rules.Category(fmt.Sprint(c))).Title.In(p.lang); title != "" {
			return title
		}
		return p.say("category.other")
	}
}

// who writes who did something: the bot, the platform's own tools, or a person's account.
func (p *pages) who(by string) string {
	switch by {
	case "", "platform":
		return p.say("who.platform")
	case "bot":
		return p.say("who.bot")
	}
	return plainLine(strings.TrimPrefix(by, "person:"))
}

// happened writes a line of a comment's history: "decided:hide" as "Beslutat: dölj".
func (p *pages) happened(what string) string {
	kind, detail, two := strings.Cut(what, ":")
	if two {
		if known := p.optional("happened.", what); known != what {
			return known
		}
		return p.optional("happened.", kind) + ": " + lowerFirst(p.optional("action.", detail))
	}
	return plainLine(p.optional("happened.", what))
}

// maker is who decided: a person's account, or the bot, or the platform's own tools.
func (p *pages) maker(d any) string {
	switch d := d.(type) {
	case *moderation.Decision:
		return p.maker(*d)
	case moderation.Decision:
		if d.ByKind == "person" {
			return plainLine(d.By)
		}
		return p.who(d.ByKind)
	}
	return ""
}

// detail puts into words what goes with a line of history or a failed attempt: how it came, how it went, or what was wrong. What
// it does not know, it shows as it is.
func (p *pages) detail(text string) string {
	for _, prefix := range []string{"outcome.", "via."} {
		if known := p.optional(prefix, text); known != text {
			return known
		}
	}
	for key, cause := range map[string]error{"trouble.gone": platforms.ErrGone, "trouble.token": platforms.ErrTokenDead,
		"trouble.permission": platforms.ErrNotPermitted, "trouble.unsupported": platforms.ErrUnsupported, "trouble.full": store.ErrFull} {
		if strings.Contains(text, cause.Error()) {
			return p.say(key)
		}
	}
	if strings.Contains(text, "the platform asks us to wait") {
		return p.say("trouble.wait")
	}
	if strings.HasPrefix(text, "begun, and the outcome is not known") {
		return p.say("trouble.unknown")
	}
	return text
}

// optional is the word for prefix+name, or the name itself when the catalogue has none.
func (p *pages) optional(prefix, name string) string {
	if w, ok := catalogue[prefix+name]; ok {
		return w.In(p.lang)
	}
	return name
}

func platformName(x platforms.Platform) string {
	switch x {
	case platforms.Facebook:
		return "Facebook"
	case platforms.Instagram:
		return "Instagram"
	case platforms.X:
		return "X"
	case platforms.Bluesky:
		return "Bluesky"
	}
	return string(x)
}

// channelName is what people call a channel; its id when it is no longer configured.
func (s *Server) channelName(id string) string {
	for _, c := range s.desk.Channels() {
		if c.ID == id {
			return c.Name
		}
	}
	return id
}

// staticVersion changes with every byte of the style sheet and the script, and stands in their addresses.
func staticVersion() (string, error) {
	h := sha256.New()
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return "", err
	}
	for _, e := range entries {
		content, err := staticFiles.ReadFile("static/" + e.Name())
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n", e.Name(), len(content))
		h.Write(content)
	}
	return hex.EncodeToString(h.Sum(nil))[:12], nil
}

var staticTypes = map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}

// static serves the style sheet, the script and the icon. Their addresses change with their content, so they may be kept for ever.
func (v *visit) static() error {
	name := v.r.PathValue("file")
	content, err := staticFiles.ReadFile("static/" + name)
	kind := staticTypes[path.Ext(name)]
	if err != nil || kind == "" {
		return moderation.ErrNotFound
	}
	v.w.Header().Set("Content-Type", kind)
	v.w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(content)
	return nil
}
