package rules

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
)

//go:embed policies
var embedded embed.FS

// Policy is a policy file, loaded and made ready for judging. It never changes once loaded, and may be used from any number of
// goroutines at once.
type Policy struct {
	file    policyFile
	version string
	bullets map[Category]*category
	routes  map[Route]*route
	claims  map[string]*claim
	judge
}

// Bullet is what the published policy says of one category, and how the house handles it.
type Bullet struct {
	// Title names the category for the console, Published is the policy's own wording, Explanation what the reviewer and,
	// in a removal notice, the author are told.
	Title, Published, Explanation Words
	// Severity orders the queue: the higher, the sooner a person should look. 0 to 100.
	Severity int
	// Escalate is true for what is also reported to the platform and the police when it is serious.
	Escalate bool
	// Retention names the class by which the archive keeps what was removed.
	Retention string
	// Target is the share of the bot's hides that people must uphold for it to go on hiding, from 0 to 1.
	Target float64
}

// RuleInfo is what the console and the statistics need to know of a rule.
type RuleInfo struct {
	ID          string
	Category    Category
	Mode        Mode
	Description Words
}

// RouteInfo says where a question is sent, and suggests a reply.
type RouteInfo struct{ Name, Reply Words }

// ClaimInfo is an entry in the register of false claims: what is said, what is known, and who says so.
type ClaimInfo struct {
	ID    string
	Claim Words
	Known Words
	// Source names who established what is known, and Date when the entry was last checked (YYYY-MM-DD).
	Source, Date string
}

// Default loads the policy that is built in: Region Stockholm's.
func Default() (*Policy, error) {
	sub, err := fs.Sub(embedded, "policies")
	if err != nil {
		return nil, fmt.Errorf("open built-in policy: %w", err)
	}
	return Load(sub, "regionstockholm.yaml")
}

// LoadFile loads a policy file from disk; its lists are looked for in the folder lists beside it.
func LoadFile(name string) (*Policy, error) {
	return Load(os.DirFS(filepath.Dir(name)), filepath.Base(name))
}

// Load reads the policy file name and the word lists in the folder lists beside it. A file that is not whole – unknown keys, wrong
// types, patterns that name no class, missing categories – is refused with the place of the first fault.
func Load(fsys fs.FS, name string) (*Policy, error) {
	raw, err := fs.ReadFile(fsys, name)
	if err != nil {
		return nil, fmt.Errorf("read policy: %w", err)
	}
	p := &Policy{}
	if err := yaml.UnmarshalWithOptions(raw, &p.file, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("read policy %s: %w", name, err)
	}
	lists, err := readLists(fsys, path.Join(path.Dir(name), "lists"))
	if err != nil {
		return nil, fmt.Errorf("read policy %s: %w", name, err)
	}
	p.version = versionOf(name, raw, lists)
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("check policy %s: %w", name, err)
	}
	if err := p.compile(lists); err != nil {
		return nil, fmt.Errorf("compile policy %s: %w", name, err)
	}
	return p, nil
}

// list is one file of the folder lists.
type list struct {
	name string
	text []byte
}

func readLists(fsys fs.FS, dir string) ([]list, error) {
	entries, err := fs.ReadDir(fsys, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read lists: %w", err)
	}
	var lists []list
	for _, e := range entries {
		if e.IsDir() || path.Ext(e.Name()) != ".txt" && path.Ext(e.Name()) != ".words" {
			continue
		}
		text, err := fs.ReadFile(fsys, path.Join(dir, e.Name()))
		if err != nil {
			return nil, fmt.Errorf("read lists: %w", err)
		}
		lists = append(lists, list{e.Name(), text})
	}
	sort.Slice(lists, func(i, j int) bool { return lists[i].name < lists[j].name })
	return lists, nil
}

// versionOf is the first 16 hexadecimal digits of a SHA-256 over every file's name and content, with lengths between so that
// no two sets of files read the same.
func versionOf(name string, raw []byte, lists []list) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d:%s%d:%s", len(name), name, len(raw), raw)
	for _, l := range lists {
		fmt.Fprintf(h, "%d:%s%d:%s", len(l.name), l.name, len(l.text), l.text)
	}
	return hex.EncodeToString(h.Sum(nil))[:16]
}

// Version is the first 16 hexadecimal digits of a SHA-256 over all the policy's files, the second reader's among them.
func (p *Policy) Version() string { return p.version }

// Name is the authority whose policy this is.
func (p *Policy) Name() string { return p.file.Policy.Name }

// HideQuota is how many comments a day the bot may hide on a channel that sets no quota of its own.
func (p *Policy) HideQuota() int { return p.file.Policy.HideQuota }

// Strikes says how many removals within the window make an author a matter for a person.
func (p *Policy) Strikes() (limit int, window time.Duration) {
	return p.file.Policy.Strikes.Limit, time.Duration(p.file.Policy.Strikes.Window)
}

// RepeatWindow is how long an earlier comment counts as a repetition (see [Facts.SameByAuthor]).
func (p *Policy) RepeatWindow() time.Duration { return time.Duration(p.file.Policy.Repeat.Window) }

// Bullet is what the policy says of a category; the zero value for what is no category.
func (p *Policy) Bullet(c Category) Bullet {
	b := p.bullets[c]
	if b == nil {
		return Bullet{}
	}
	return Bullet{Title: b.Title, Published: b.Published, Explanation: b.Explanation, Severity: b.Severity,
		Escalate: b.Escalate, Retention: b.Retention, Target: b.Target}
}

// Route says where a question is sent; the zero value for no route.
func (p *Policy) Route(r Route) RouteInfo {
	if x := p.routes[r]; x != nil {
		return RouteInfo{Name: x.Name, Reply: x.Reply}
	}
	return RouteInfo{}
}

// Claim finds an entry in the register of false claims by its id, which is the part of a disinformation rule's id after the slash.
func (p *Policy) Claim(id string) (ClaimInfo, bool) {
	c := p.claims[id]
	if c == nil {
		return ClaimInfo{}, false
	}
	return ClaimInfo{ID: c.ID, Claim: c.Claim, Known: c.Known, Source: c.Source, Date: c.Date}, true
}

// Rules lists every rule, in the order of the policy file.
func (p *Policy) Rules() []RuleInfo {
	var infos []RuleInfo
	for i := range p.file.Categories {
		c := &p.file.Categories[i]
		for j := range c.Rules {
			r := &c.Rules[j]
			infos = append(infos, RuleInfo{ID: r.ID, Category: c.ID, Mode: r.Mode, Description: r.Description})
		}
	}
	return infos
}

// secondLikely is a likelihood for a category.
type secondLikely struct {
	Category Category `yaml:"category"`
	Likely   float64  `yaml:"likely"`
	// Clear is that for what a pattern took for clear and the second key has lowered; 0, the default, spares none of it.
	Clear float64 `yaml:"clear"`
}

// The shape of the policy file. Field by field it is explained in policies/regionstockholm.yaml.
type policyFile struct {
	Policy struct {
		Name      string `yaml:"name"`
		Source    string `yaml:"source"`
		Reviewed  string `yaml:"reviewed"`
		HideQuota int    `yaml:"hide_quota"`
		Strikes   struct {
			Limit  int  `yaml:"limit"`
			Window days `yaml:"window"`
		} `yaml:"strikes"`
		Repeat struct {
			Window   days `yaml:"window"`
			Doubtful int  `yaml:"doubtful"`
			Clear    int  `yaml:"clear"`
		} `yaml:"repeat"`
		// SecondReader is how far the reader that has learnt may go: shadow, the default, or flag.
		SecondReader Mode `yaml:"second_reader"`
		// SecondKey is how likely a violation must be to that reader, from 0 to 1, before patterns of words may hide a comment; below it
		// they flag. 0, the default, lets them hide alone.
		SecondKey float64 `yaml:"second_key"`
		// SecondSpares says for bullets how likely a violation must be to that reader for what only a doubtful pattern finds to be flagged.
		// A bullet that is not named is flagged whatever it thinks.
		SecondSpares []secondLikely `yaml:"second_spares"`
		// SecondFlags says for bullets from which likelihood that reader flags what it guesses to break them; for others its model does.
		SecondFlags []secondLikely `yaml:"second_flags"`
		// Asking are patterns of what people ask with when they leave the question mark out: where it is on a route's
		// topic, the second reader tells whether it asks. Empty, the default: only question marks count.
		Asking []string `yaml:"asking"`
	} `yaml:"policy"`
	// Context holds the patterns by which it is told whether something is reported, objected to, negated, said of oneself, or a name or word that
	// is spoken about: those of called end right before the evidence, those of calls begin right after it.
	Context struct {
		Reported []string `yaml:"reported"`
		Counter  []string `yaml:"counter"`
		Negated  []string `yaml:"negated"`
		Own      []string `yaml:"own"`
		Called   []string `yaml:"called"`
		Calls    []string `yaml:"calls"`
	} `yaml:"context"`
	Categories []category `yaml:"categories"`
	Claims     []claim    `yaml:"claims"`
	Routes     []route    `yaml:"routes"`
}

type category struct {
	ID          Category   `yaml:"id"`
	Title       Words      `yaml:"title"`
	Published   Words      `yaml:"published"`
	Explanation Words      `yaml:"explanation"`
	Clear       Action     `yaml:"clear"`
	Doubtful    Action     `yaml:"doubtful"`
	Thresholds  thresholds `yaml:"thresholds"`
	Severity    int        `yaml:"severity"`
	Escalate    bool       `yaml:"escalate"`
	Retention   string     `yaml:"retention"`
	Target      float64    `yaml:"target"`
	Context     weights    `yaml:"context"`
	Rules       []rule     `yaml:"rules"`
}

// thresholds are the scores from which a finding is clear, and doubtful. What scores less is nothing.
type thresholds struct {
	Clear    float64 `yaml:"clear"`
	Doubtful float64 `yaml:"doubtful"`
}

type rule struct {
	ID          string   `yaml:"id"`
	Description Words    `yaml:"description"`
	Mode        Mode     `yaml:"mode"`
	Score       float64  `yaml:"score"`
	Find        []string `yaml:"find"`
	With        []string `yaml:"with"`   // each must match somewhere in the comment too
	Unless      []string `yaml:"unless"` // none may match in the same sentence
	Times       int      `yaml:"times"`  // how many times it must match; 0 is once
	Detect      string   `yaml:"detect"`
	Context     weights  `yaml:"context"`
	Match       []string `yaml:"match"`
	Spare       []string `yaml:"spare"`
}

type claim struct {
	ID     string   `yaml:"id"`
	Claim  Words    `yaml:"claim"`
	Known  Words    `yaml:"known"`
	Source string   `yaml:"source"`
	Date   string   `yaml:"date"`
	Find   []string `yaml:"find"`
	Unless []string `yaml:"unless"`
	Match  []string `yaml:"match"`
	Spare  []string `yaml:"spare"`
}

type route struct {
	ID    Route `yaml:"id"`
	Name  Words `yaml:"name"`
	Reply Words `yaml:"reply"`
	// Topic is what the route is about; where several routes find a question, the topic touched most often wins. Hint, which may be empty, are
	// words that go with it, and count a third. Weight is how many times both count; 0 is 1.
	Topic  string   `yaml:"topic"`
	Hint   string   `yaml:"hint"`
	Weight int      `yaml:"weight"`
	Find   []string `yaml:"find"`
	Unless []string `yaml:"unless"`
	Match  []string `yaml:"match"`
	Spare  []string `yaml:"spare"`
}

// days is a duration written as "90d", or in Go's own form ("36h").
type days time.Duration

// UnmarshalYAML reads "90d" or "36h".
func (d *days) UnmarshalYAML(raw []byte) error {
	s := strings.Trim(strings.TrimSpace(string(raw)), `"'`)
	if n, ok := strings.CutSuffix(s, "d"); ok {
		if whole, err := strconv.Atoi(n); err == nil && whole > 0 {
			*d = days(time.Duration(whole) * 24 * time.Hour)
			return nil
		}
	}
	v, err := time.ParseDuration(s)
	if err != nil || v <= 0 {
		return fmt.Errorf("%q is no length of time; write 90d or 36h", s)
	}
	*d = days(v)
	return nil
}

// check refuses a policy that is not whole, before anything is built from it.
func (p *Policy) check() error {
	if p.file.Policy.Name == "" {
		return errors.New("policy.name is missing")
	}
	if p.file.Policy.Strikes.Limit < 1 || p.file.Policy.Strikes.Window == 0 {
		return errors.New("policy.strikes needs a limit of at least 1 and a window")
	}
	r := p.file.Policy.Repeat
	if r.Window == 0 || r.Doubtful < 1 || r.Clear < r.Doubtful {
		return errors.New("policy.repeat needs a window and 1 <= doubtful <= clear")
	}
	switch p.file.Policy.SecondReader {
	case "":
		p.file.Policy.SecondReader = ModeShadow
	case ModeShadow, ModeFlag:
	default:
		return errors.New("policy.second_reader must be shadow or flag: it never hides")
	}
	if k := p.file.Policy.SecondKey; !(k >= 0 && k < 1) {
		return fmt.Errorf("policy.second_key is %v: want a share from 0 up to 1", k)
	}
	for _, list := range [][]secondLikely{p.file.Policy.SecondSpares, p.file.Policy.SecondFlags} {
		for _, x := range list {
			if !x.Category.Valid() || !(x.Likely > 0 && x.Likely < 1) || !(x.Clear >= 0 && x.Clear <= x.Likely) {
				return fmt.Errorf("policy.second_spares or second_flags of %q: want a category, and likely, a share between 0 and 1; clear at most that", x.Category)
			}
		}
	}
	for _, x := range p.file.Policy.SecondFlags {
		if x.Clear != 0 {
			return fmt.Errorf("policy.second_flags of %q: clear says what is spared, and stands in second_spares", x.Category)
		}
	}
	if p.file.Policy.HideQuota < 0 {
		return errors.New("policy.hide_quota is negative")
	}
	if err := p.checkCategories(); err != nil {
		return err
	}
	return p.checkRoutesAndClaims()
}

func (p *Policy) checkCategories() error {
	p.bullets = make(map[Category]*category)
	ids := make(map[string]bool)
	for i := range p.file.Categories {
		c := &p.file.Categories[i]
		at := fmt.Sprintf("category %d (%s)", i+1, c.ID)
		switch {
		case !c.ID.Valid():
			return fmt.Errorf("%s: no such category", at)
		case p.bullets[c.ID] != nil:
			return fmt.Errorf("%s: stands twice", at)
		case !c.Clear.Valid() || !c.Doubtful.Valid():
			return fmt.Errorf("%s: clear and doubtful must be allow, flag or hide", at)
		case !(0 < c.Thresholds.Doubtful && c.Thresholds.Doubtful <= c.Thresholds.Clear && c.Thresholds.Clear <= 1):
			return fmt.Errorf("%s: thresholds must be 0 < doubtful <= clear <= 1", at)
		case c.Target <= 0 || c.Target > 1:
			return fmt.Errorf("%s: target must be over 0 and at most 1", at)
		case c.Title.SV == "" || c.Title.EN == "" || c.Published.SV == "" || c.Explanation.SV == "" || c.Explanation.EN == "":
			return fmt.Errorf("%s: title, published wording and explanation are needed in sv and en", at)
		case c.Retention == "":
			return fmt.Errorf("%s: retention is missing", at)
		}
		p.bullets[c.ID] = c
		for j := range c.Rules {
			if err := c.Rules[j].check(ids); err != nil {
				return fmt.Errorf("%s: rule %d (%s): %w", at, j+1, c.Rules[j].ID, err)
			}
		}
	}
	for _, c := range Categories() {
		if p.bullets[c] == nil {
			return fmt.Errorf("category %s is missing", c)
		}
	}
	return nil
}

func (r *rule) check(ids map[string]bool) error {
	switch {
	case r.ID == "":
		return errors.New("id is missing")
	case ids[r.ID]:
		return errors.New("id stands twice")
	case !r.Mode.Valid():
		return fmt.Errorf("mode is %q; it must be shadow, flag or hide", r.Mode)
	case r.Score <= 0 || r.Score > 1:
		return errors.New("score must be over 0 and at most 1")
	case len(r.Find) == 0 && r.Detect == "":
		return errors.New("looks for nothing: give find or detect")
	case r.Description.SV == "" || r.Description.EN == "":
		return errors.New("description is needed in sv and en")
	}
	ids[r.ID] = true
	return nil
}

func (p *Policy) checkRoutesAndClaims() error {
	p.routes = make(map[Route]*route)
	for i := range p.file.Routes {
		r := &p.file.Routes[i]
		if r.ID == NoRoute || !r.ID.Valid() || p.routes[r.ID] != nil {
			return fmt.Errorf("route %d (%s): no such route, or it stands twice", i+1, r.ID)
		}
		p.routes[r.ID] = r
	}
	p.claims = make(map[string]*claim)
	for i := range p.file.Claims {
		c := &p.file.Claims[i]
		if c.ID == "" || p.claims[c.ID] != nil {
			return fmt.Errorf("claim %d (%s): id is missing, or stands twice", i+1, c.ID)
		}
		if c.Source == "" || c.Date == "" || c.Known.SV == "" || c.Claim.SV == "" {
			return fmt.Errorf("claim %d (%s): claim, known, source and date are needed", i+1, c.ID)
		}
		p.claims[c.ID] = c
	}
	return nil
}
