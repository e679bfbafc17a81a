package console

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"path/filepath"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// fakeDesk keeps cases in memory and behaves as moderation promises to: claims, stale revisions, undo. fail, when set, is what the
// named method answers instead.
type fakeDesk struct {
	mu       sync.Mutex
	policy   *rules.Policy
	channels []platforms.Channel
	cases    map[int64]*moderation.Case
	seen     map[int64]bool // bot-hidden ones that a person has looked at
	media    map[string][]byte
	kinds    map[string]string
	dead     []moderation.DeadLetter
	waiting  []moderation.Waiting
	nodes    []moderation.Node
	resolved []moderation.Resolution
	before   map[int64]moderation.Case // by decision
	undone   map[int64]bool
	listen   []chan moderation.Change
	decision int64
	fail     map[string]error
	trial    bool // what the bot hid was hidden by rules on trial
	checking bool
	alert    []moderation.Alert
	// uncounted is how much the figures lack.
	uncounted int
	// templates are those of each name, the newest first.
	templates map[string][]moderation.Template
}

// policyOnce loads the policy one time for all tests.
var policyOnce = sync.OnceValues(rules.Default)

func newFakeDesk(t testing.TB) *fakeDesk {
	policy, err := policyOnce()
	if err != nil {
		t.Fatal(err)
	}
	return &fakeDesk{policy: policy, cases: map[int64]*moderation.Case{}, seen: map[int64]bool{}, media: map[string][]byte{}, kinds: map[string]string{},
		before: map[int64]moderation.Case{}, undone: map[int64]bool{}, fail: map[string]error{}, decision: 100, channels: []platforms.Channel{
			{ID: "facebook", Platform: platforms.Facebook, Name: "Region Stockholm", Purpose: "Berätta vad regionen gör, och svara på frågor",
				Owner: "Avdelning kommunikation", ResponseTarget: 4 * time.Hour, Reviewed: time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC), HideQuota: 50},
			{ID: "instagram", Platform: platforms.Instagram, Name: "regionstockholm", Purpose: "Visa vardagen i vården och kollektivtrafiken",
				Owner: "Avdelning kommunikation", ResponseTarget: 24 * time.Hour, Reviewed: time.Date(2025, 4, 8, 0, 0, 0, 0, time.UTC)},
			{ID: "x", Platform: platforms.X, Name: "@regionsthlm", ResponseTarget: 24 * time.Hour, HideQuota: 20},
		}}
}

// short cuts a text that has no room.
func short(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

func (d *fakeDesk) failing(method string) error { return d.fail[method] }

func (d *fakeDesk) item(c *moderation.Case) moderation.Item {
	item := moderation.Item{Comment: c.ID, Channel: c.Channel, Excerpt: short(c.Comment.Text, 120), Author: c.Comment.Author.Name,
		Opened: c.Received, Due: c.Received.Add(c.Channel.ResponseTarget), State: c.State, Attachments: len(c.Comment.Attachments),
		Category: gravest(d.policy, c.Verdict)}
	if c.Flag != nil {
		item.Flag, item.Why, item.Severity = c.Flag.Flag, c.Flag.Why, c.Flag.Severity
		item.ClaimedBy, item.ClaimedUntil = c.Flag.ClaimedBy, c.Flag.ClaimedUntil
	}
	return item
}

func (d *fakeDesk) items(want func(*moderation.Case) bool) []moderation.Item {
	d.mu.Lock()
	defer d.mu.Unlock()
	var items []moderation.Item
	for _, c := range d.cases {
		if want(c) {
			items = append(items, d.item(c))
		}
	}
	sort.Slice(items, func(i, j int) bool {
		if items[i].Severity != items[j].Severity {
			return items[i].Severity > items[j].Severity
		}
		return items[i].Comment < items[j].Comment
	})
	return items
}

func (d *fakeDesk) Queue(_ context.Context, f moderation.Filter) ([]moderation.Item, error) {
	return d.items(func(c *moderation.Case) bool {
		return c.Flag != nil && (f.Channel == "" || c.Channel.ID == f.Channel) && (f.Category == "" || gravest(d.policy, c.Verdict) == f.Category)
	}), d.failing("Queue")
}

func (d *fakeDesk) BotHidden(context.Context, int) ([]moderation.Item, error) {
	items := d.items(func(c *moderation.Case) bool {
		return c.State == moderation.Hidden && c.StateBy == "bot" && c.Flag == nil && !d.seen[c.ID]
	})
	for i := range items {
		if d.trial {
			items[i].Why = moderation.Trial
		}
	}
	return items, d.failing("BotHidden")
}

func (d *fakeDesk) Routed(context.Context, int) ([]moderation.Item, error) {
	return d.items(func(c *moderation.Case) bool {
		return c.Verdict.Route != rules.NoRoute && c.Flag == nil && c.State == moderation.Standing && !d.seen[c.ID]
	}), nil
}

func (d *fakeDesk) Counts(ctx context.Context) (moderation.Counts, error) {
	if err := d.failing("Counts"); err != nil {
		return moderation.Counts{}, err
	}
	q, _ := d.Queue(ctx, moderation.Filter{})
	b, _ := d.BotHidden(ctx, 0)
	r, _ := d.Routed(ctx, 0)
	return moderation.Counts{Flags: len(q), BotHidden: len(b), Routed: len(r), Dead: len(d.dead), Waiting: len(d.waiting)}, nil
}

func (d *fakeDesk) Case(_ context.Context, id int64) (moderation.Case, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.cases[id]
	if c == nil {
		return moderation.Case{}, fmt.Errorf("case %d: %w", id, moderation.ErrNotFound)
	}
	clone := *c
	if c.Flag != nil {
		flag := *c.Flag
		clone.Flag = &flag
	}
	clone.Public = clone.Capabilities.Reply && clone.State == moderation.Standing && !clone.Comment.Own
	clone.Private = clone.Capabilities.PrivateReply && clone.NoPrivate == "" && (clone.State == moderation.Standing || clone.State == moderation.Hidden)
	for _, x := range d.templates {
		if latest := x[0]; !latest.Retired && (clone.Public || clone.Private) {
			clone.Suggested = append(clone.Suggested, moderation.Suggestion{Template: latest, Text: latest.Text, Deleted: latest.Text})
		}
	}
	return clone, d.failing("Case")
}

func (d *fakeDesk) Revisions(ctx context.Context, id int64) ([]moderation.Revision, error) {
	c, err := d.Case(ctx, id)
	if err != nil {
		return nil, err
	}
	now := moderation.Revision{Revision: c.Revision, Text: c.Comment.Text, At: c.Comment.Posted, Received: c.Received, Via: "webhook"}
	if id == 7 {
		return []moderation.Revision{{Revision: "first", Text: "Jag håller inte riktigt med dig Patrik", At: c.Comment.Posted, Via: "webhook"}, now}, nil
	}
	return []moderation.Revision{now}, nil
}

func (d *fakeDesk) claimed(flag int64, by string) (*moderation.Case, error) {
	for _, c := range d.cases {
		if c.Flag != nil && c.Flag.Flag == flag {
			if c.Flag.ClaimedBy != "" && c.Flag.ClaimedBy != by && c.Flag.ClaimedUntil.After(time.Now()) {
				return nil, &moderation.ClaimedError{By: c.Flag.ClaimedBy, Until: c.Flag.ClaimedUntil}
			}
			return c, nil
		}
	}
	return nil, moderation.ErrNotFound
}

func (d *fakeDesk) Claim(_ context.Context, flag int64, by string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.claimed(flag, by)
	if err != nil {
		return err
	}
	c.Flag.ClaimedBy, c.Flag.ClaimedUntil = by, time.Now().Add(2*time.Minute)
	return nil
}

func (d *fakeDesk) Release(_ context.Context, flag int64, by string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.claimed(flag, by)
	if err != nil {
		return err
	}
	c.Flag.ClaimedBy = ""
	return nil
}

func (d *fakeDesk) Resolve(_ context.Context, r moderation.Resolution) (moderation.Decision, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.failing("Resolve"); err != nil {
		return moderation.Decision{}, err
	}
	c := d.cases[r.Comment]
	if c == nil {
		return moderation.Decision{}, moderation.ErrNotFound
	}
	if c.Revision != r.Revision {
		return moderation.Decision{}, moderation.ErrStale
	}
	if c.Flag != nil {
		if _, err := d.claimed(c.Flag.Flag, r.By); err != nil {
			return moderation.Decision{}, err
		}
	}
	d.decision++
	d.before[d.decision] = *c
	d.resolved = append(d.resolved, r)
	decision := moderation.Decision{ID: d.decision, Comment: c.ID, Revision: c.Revision, Action: r.Action, ByKind: "person", By: r.By, Reason: r.Reason, At: time.Now()}
	if c.Flag != nil {
		d.tell(moderation.Change{Kind: "closed", Flag: c.Flag.Flag, Comment: c.ID})
	}
	c.Flag, c.Decision, d.seen[c.ID] = nil, &decision, true
	switch r.Action {
	case moderation.Hide, moderation.Block:
		c.State, c.StateBy = moderation.Hidden, r.By
	case moderation.Restore:
		c.State = moderation.Standing
	case moderation.Delete:
		c.State = moderation.Deleted
	}
	c.Decisions = append(c.Decisions[:len(c.Decisions):len(c.Decisions)], decision)
	return decision, nil
}

func (d *fakeDesk) Undo(_ context.Context, decision int64, _ string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	before, ok := d.before[decision]
	if !ok {
		return moderation.ErrNotFound
	}
	if d.undone[decision] {
		return moderation.ErrTooLate
	}
	d.undone[decision] = true
	d.cases[before.ID] = &before
	delete(d.seen, before.ID)
	return nil
}

func (d *fakeDesk) tell(c moderation.Change) {
	for _, ch := range d.listen {
		select {
		case ch <- c:
		default:
		}
	}
}

func (d *fakeDesk) Subscribe() (<-chan moderation.Change, func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	ch := make(chan moderation.Change, 16)
	d.listen = append(d.listen, ch)
	return ch, func() {}
}

func (d *fakeDesk) AuthorHistory(_ context.Context, p platforms.Platform, id string) (moderation.AuthorView, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	view := moderation.AuthorView{Platform: p, ID: id, Limit: 3}
	for _, c := range d.cases {
		if c.Comment.Author.ID == id && c.Ref.Platform == p {
			view.Name, view.First, view.Strikes = c.Comment.Author.Name, c.Received.AddDate(0, -2, 0), c.Strikes
			view.Comments++
			if c.State == moderation.Hidden {
				view.Hidden++
			}
			view.Recent = append(view.Recent, moderation.AuthorComment{ID: c.ID, Channel: c.Channel.ID, Text: c.Comment.Text, Posted: c.Comment.Posted,
				State: c.State, Category: gravest(d.policy, c.Verdict)})
		}
	}
	if view.Comments == 0 {
		return view, moderation.ErrNotFound
	}
	return view, nil
}

func (d *fakeDesk) Figures(_ context.Context, from, to time.Time) (moderation.Figures, error) {
	f := moderation.Figures{From: from, To: to, HideMedian: 640 * time.Millisecond, HideP99: 2300 * time.Millisecond, ReviewMedian: 17 * time.Minute,
		Flags: 214, FlagsClosed: 208, FlagsLate: 9, Uncounted: d.uncounted}
	i := 0
	for t := from; t.Before(to); t = t.AddDate(0, 0, 1) {
		i++
		n := 90 + (i*37)%120
		if i%7 > 4 {
			n /= 3
		}
		f.Days = append(f.Days, moderation.DayFigures{Day: t.Format("2006-01-02"), Channel: "facebook", Comments: n, Allowed: n - n/9 - n/14,
			Flagged: n / 9, Hidden: n / 14, Removed: n / 30})
	}
	f.Categories = []moderation.CategoryFigures{{Category: rules.Insult, Flagged: 61, Hidden: 74, Reviewed: 70, Overturned: 4},
		{Category: rules.PersonalData, Flagged: 12, Hidden: 33, Reviewed: 33, Overturned: 1}, {Category: rules.Profanity, Flagged: 40, Hidden: 28, Reviewed: 20, Overturned: 2},
		{Category: rules.Advertising, Flagged: 9, Hidden: 51, Reviewed: 40}, {Category: rules.Threat, Flagged: 7, Hidden: 3, Reviewed: 3},
		{Category: rules.Disinformation, Flagged: 22}}
	return f, nil
}

// RuleFigures lets the first rule that hides have fallen back.
func (d *fakeDesk) RuleFigures(context.Context) (figures []moderation.RuleFigure, err error) {
	fallen := false
	for _, r := range d.policy.Rules() {
		f := moderation.RuleFigure{Rule: r, Mode: r.Mode, Target: d.policy.Bullet(r.Category).Target}
		if r.Mode == rules.ModeHide && !fallen {
			fallen = true
			f.Mode, f.Hides, f.Reviewed, f.Upheld, f.Lower, f.FellBack = rules.ModeFlag, 37, 31, 25, 0.637, time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
			f.Why = rules.Words{SV: "Flaggar bara sedan i går.", EN: "Has only flagged since yesterday."}
		}
		figures = append(figures, f)
	}
	return figures, d.failing("RuleFigures")
}

func (d *fakeDesk) Templates(context.Context) (all []moderation.Template, err error) {
	for _, x := range d.templates {
		all = append(all, x[0])
	}
	return all, d.failing("Templates")
}

func (d *fakeDesk) TemplateVersions(_ context.Context, name string) ([]moderation.Template, error) {
	if d.templates[name] == nil {
		return nil, moderation.ErrNotFound
	}
	return d.templates[name], nil
}

func (d *fakeDesk) SaveTemplate(_ context.Context, x moderation.Template, by string) (moderation.Template, error) {
	if x.Version != len(d.templates[x.Name]) {
		return x, moderation.ErrStale
	}
	x.Version, x.By, x.At = x.Version+1, by, time.Now()
	d.templates[x.Name] = append([]moderation.Template{x}, d.templates[x.Name]...)
	return x, nil
}

func (d *fakeDesk) Preview(x moderation.Template) (rules.Words, error) {
	if at := strings.Index(x.Text.SV, "{reggel}"); at >= 0 {
		return rules.Words{}, &moderation.PlaceholderError{Language: "sv", At: at + 1, Name: "reggel"}
	}
	if x.Name == "" || x.Title.SV == "" {
		return rules.Words{}, moderation.ErrInvalid
	}
	return rules.Words{SV: strings.ReplaceAll(x.Text.SV, "{kanal}", "Region Stockholm"), EN: x.Text.EN}, nil
}

func (d *fakeDesk) DeadLetters(context.Context) ([]moderation.DeadLetter, error) { return d.dead, nil }
func (d *fakeDesk) Retry(_ context.Context, box string, id int64, _ string) error {
	for i, l := range d.dead {
		if l.Box == box && l.ID == id {
			d.dead = append(d.dead[:i:i], d.dead[i+1:]...)
			return nil
		}
	}
	return moderation.ErrNotFound
}
func (d *fakeDesk) Waiting(context.Context, int) ([]moderation.Waiting, error) { return d.waiting, nil }
func (d *fakeDesk) Lines(context.Context) (lines []moderation.Line, err error) {
	for _, w := range d.waiting {
		lines = append(lines, moderation.Line{Channel: d.channels[2], Waiting: 50, Oldest: w.Since, Pauses: []moderation.Pause{{Channel: "x", Call: "hide", Until: w.NotBefore, Why: moderation.WaitThrottled}}})
	}
	return lines, d.failing("Lines")
}

func (d *fakeDesk) Nodes(context.Context) ([]moderation.Node, error) {
	return d.nodes, d.failing("Nodes")
}

func (d *fakeDesk) Health() (all []moderation.ChannelHealth) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.channels {
		h := moderation.ChannelHealth{Channel: c, Capabilities: everything, Checkable: true, Running: d.checking}
		if c.ID == "facebook" {
			h.At, h.Checks = time.Now().Add(-20*time.Minute), []platforms.Check{{Name: "token", OK: true, SV: "Åtkomstnyckeln gäller.", EN: "The token holds.", Expires: time.Now().AddDate(0, 0, 40)},
				{Name: "webhook", SV: "Ingen prenumererar på kommentarer. Kör takhojd connect.", EN: "Nobody subscribes to comments. Run takhojd connect."}}
		}
		all = append(all, h)
	}
	return all
}

func (d *fakeDesk) CheckNow() { d.mu.Lock(); d.checking = true; d.mu.Unlock() }

func (d *fakeDesk) Alerts(context.Context) ([]moderation.Alert, error) {
	return d.alert, d.failing("Alerts")
}

func (d *fakeDesk) CloseComments(_ context.Context, comment int64, action moderation.Action, by, reason string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.cases[comment]
	if c == nil {
		return moderation.ErrNotFound
	}
	c.PostDecisions = append(c.PostDecisions, moderation.PostDecision{Action: action, By: by, Reason: reason, At: time.Now(), State: "done"})
	c.Closed = time.Time{}
	if action == moderation.Close {
		c.Closed = time.Now()
	}
	return nil
}

func (d *fakeDesk) Channels() []platforms.Channel              { return d.channels }
func (d *fakeDesk) Capabilities(string) platforms.Capabilities { return everything }
func (d *fakeDesk) Policy() *rules.Policy                      { return d.policy }
func (d *fakeDesk) Media(_ context.Context, sum string) (string, []byte, error) {
	if b := d.media[sum]; b != nil {
		return d.kinds[sum], b, nil
	}
	return "", nil, archive.ErrNotFound
}
func (d *fakeDesk) Bundle(ctx context.Context, id int64, w io.Writer) error {
	if _, err := d.Case(ctx, id); err != nil {
		return err
	}
	_, err := io.WriteString(w, "PK\x03\x04")
	return err
}

// keep stores a file as media and returns its SHA-256.
func (d *fakeDesk) keep(kind string, content []byte) string {
	sum := sha256.Sum256(content)
	name := hex.EncodeToString(sum[:])
	d.media[name], d.kinds[name] = content, kind
	return name
}

var everything = platforms.Capabilities{ReplyLength: 280, Hide: true, Delete: true, Reply: true, PrivateReply: true, Block: true,
	HideEffectSV: "Döljs för alla utom författaren och dennes vänner.", HideEffectEN: "Hidden from all but its author and their friends."}

// add makes a case of a text and evidence: pairs of what is found and the category.
func (d *fakeDesk) add(id int64, channel int, author, text string, evidence ...any) *moderation.Case {
	ch := d.channels[channel]
	posted := time.Now().Add(-time.Duration(id*7+2) * time.Minute)
	ref := platforms.Ref{Platform: ch.Platform, Channel: ch.ID, Comment: fmt.Sprintf("c%03d", id)}
	c := &moderation.Case{ID: id, Ref: ref, Channel: ch, State: moderation.Standing, Received: posted, Revision: fmt.Sprintf("rev-%d", id),
		Post:         platforms.Post{Text: "Budget 2024: Priset på SL-kortet och Waxholmskortet höjs. Åtgärder som ökar intäkterna krävs för att Region Stockholm fortsatt ska kunna hantera den allvarliga ekonomiska situationen."},
		Comment:      platforms.Comment{Ref: ref, Author: platforms.Author{ID: "fb-" + author, Name: author}, Text: text, Posted: posted, Permalink: "https://facebook.example/c/" + ref.Comment},
		Capabilities: everything, StrikeLimit: 3}
	c.Verdict = rules.Verdict{Action: rules.Flag, Policy: d.policy.Version()}
	for i := 0; i+1 < len(evidence); i += 2 {
		found, category := evidence[i].(string), evidence[i+1].(rules.Category)
		f := rules.Finding{Category: category, Rule: string(category) + "/ord", Action: rules.Flag, Score: 0.93, Text: found,
			Reason: rules.Words{SV: "Ordet riktas mot en person i tråden.", EN: "The word is aimed at a person in the thread."}}
		if at := strings.Index(text, found); at >= 0 && found != "" {
			f.Start, f.End = at, at+len(found)
		}
		c.Verdict.Findings = append(c.Verdict.Findings, f)
	}
	c.Thread = []moderation.ThreadComment{
		{ID: 900, Ref: platforms.Ref{Comment: "top"}, Author: "Gun-Britt L", Text: "Höjt IGEN?! Var ska det sluta", Posted: posted.Add(-time.Hour)},
		{ID: id, Ref: ref, Parent: "top", Author: author, Text: text, Posted: posted, This: true},
	}
	c.Comment.Parent = "top"
	c.History = []moderation.HistoryEntry{{At: posted, What: "added"}, {At: posted.Add(time.Second), What: "decided:flag", By: "bot"}}
	d.cases[id] = c
	return c
}

func (d *fakeDesk) flag(c *moderation.Case, why moderation.Why, severity int) {
	c.Flag = &moderation.Item{Flag: c.ID + 1000, Comment: c.ID, Channel: c.Channel, Why: why, Severity: severity, Opened: c.Received,
		Due: c.Received.Add(c.Channel.ResponseTarget)}
}

func (d *fakeDesk) hidden(c *moderation.Case) {
	c.State, c.StateBy, c.StateAt, c.Verdict.Action = moderation.Hidden, "bot", c.Received.Add(time.Second), rules.Hide
	c.Decision = &moderation.Decision{ID: c.ID, Comment: c.ID, Action: moderation.Hide, ByKind: "bot", By: "bot", At: c.StateAt}
	c.History = append(c.History, moderation.HistoryEntry{At: c.StateAt.Add(time.Second), What: "platform:hidden", By: "bot"})
}

// desk is a morning at the region: what a reviewer meets.
func morning(t testing.TB) *fakeDesk {
	d := newFakeDesk(t)
	threat := d.add(1, 0, "Kalle Vrede", "Jag vet var ni sitter. Jag kommer till Landstingshuset i morgon och då ska ni dö allihop", "Jag kommer till Landstingshuset i morgon och då ska ni dö", rules.Threat)
	threat.Verdict.Escalate = true
	d.flag(threat, moderation.Escalation, 1100)
	person := d.add(2, 0, "Birgitta Sångare", "Min mamma får ingen tid, hon har inte bankid. 470612-9824, Gunvor Sångare, kan ni boka in henne på nån tid i Täby?", "470612-9824", rules.PersonalData, "Gunvor Sångare", rules.PersonalData)
	person.Verdict.Findings[0].Reason = rules.Words{SV: "Personnummer med rätt kontrollsiffra.", EN: "Identity number with a valid check digit."}
	person.Strikes, person.SimilarTotal, person.SimilarHid = 2, 3, 3
	d.flag(person, moderation.Doubt, 80)
	sly := d.add(3, 0, "Kenta Norrort", "Håll käften Roger din 1d10t, du åker väl bil", "1d10t", rules.Insult, "Håll käften Roger din 1d10t", rules.Insult)
	sly.Verdict.Findings[0].SeenAs = "idiot"
	sly.Strikes = 3
	d.flag(sly, moderation.BlockWhy, 45)
	advert := d.add(4, 1, "quickfollow.se2023", "Köp 1000 svenska följare för 149 kr ✅ leverans på 10 min, skriv dm 🔥", "Köp 1000 svenska följare", rules.Advertising)
	d.flag(advert, moderation.Doubt, 30)
	advert.Comment.Attachments = []platforms.Attachment{{Kind: "photo"}, {Kind: "photo"}}
	advert.Media = []moderation.Media{{Place: 0, SHA256: d.keep("image/png", aPicture()), Type: "image/png"}, {Place: 1, Error: "adressen hade slutat gälla"}}
	advert.Capabilities.Block = false
	claim := d.add(5, 2, "@vaxvarning", "Sprutan ändrar ditt DNA, det vet ju alla. Läs här innan det är för sent.", "Sprutan ändrar ditt DNA", rules.Disinformation)
	d.flag(claim, moderation.OpinionWhy, 25)
	long := d.add(6, 0, "Långskrivaren", strings.Repeat("Det är mycket att säga om vården i länet, och jag tänker säga allt. ", 60)+"Du är en jävla fjant, Patrik.", "jävla fjant", rules.Insult)
	d.flag(long, moderation.Doubt, 20)
	d.hidden(d.add(7, 0, "Tjorven M", "Jag håller inte riktigt med dig Patrik, ditt jävla svin till lögnare", "ditt jävla svin till lögnare", rules.Insult, "jävla", rules.Profanity))
	d.hidden(d.add(8, 0, "Snabba Cash Direkt", "LÅN UTAN UC 💰 5 000–300 000 kr, svar på 3 minuter! Ansök här https://snabbacash.example.com/ansok", "LÅN UTAN UC", rules.Advertising, "https://snabbacash.example.com/ansok", rules.UnreviewedLink))
	q := d.add(9, 1, "pendlar_pelle", "Hur gör man om man byter telefon, följer biljetten med?")
	q.Verdict = rules.Verdict{Action: rules.Allow, Route: rules.Transit}
	q2 := d.add(10, 0, "Sigvard H", "Var ringer jag om jag mår dåligt av den nya medicinen?")
	q2.Verdict = rules.Verdict{Action: rules.Allow, Route: rules.Medical}
	d.templates = map[string][]moderation.Template{
		"dold": {{Name: "dold", Version: 1, Use: moderation.UseRemoved, Title: rules.Words{SV: "Varför kommentaren är dold", EN: "Why the comment is hidden"},
			Text: rules.Words{SV: "Hej! Vi har dolt din kommentar.", EN: "Hello! We have hidden your comment."}}},
		"tack": {{Name: "tack", Version: 2, Use: moderation.UseAny, By: "mats", At: time.Now().Add(-time.Hour), Title: rules.Words{SV: "Tack för kommentaren", EN: "Thanks for the comment"},
			Text: rules.Words{SV: "Hej från {kanal}! Tack för att du skrev.", EN: "Hello from {kanal}! Thank you for writing."}}, {Name: "tack", Version: 1, Use: moderation.UseAny, Text: rules.Words{SV: "Tack.", EN: "Thanks."}}},
		"resor": {{Name: "resor", Version: 1, Use: moderation.UseTransit, Title: rules.Words{SV: "Hänvisa till SL", EN: "Refer to SL"},
			Text: rules.Words{SV: "Hej! Fråga SL.", EN: "Hello! Ask SL."}}},
	}
	d.dead = []moderation.DeadLetter{{Box: "outbox", ID: 5, Comment: 8, Channel: "facebook", Action: "hide", Attempts: 12, Since: time.Now().Add(-6 * time.Hour), Error: "the platform no longer accepts the access token; renew it"}}
	d.waiting = []moderation.Waiting{{ID: 6, Comment: 7, Channel: "x", Action: "hide", Attempts: 2, NotBefore: time.Now().Add(8 * time.Minute), Why: moderation.WaitThrottled, Since: time.Now().Add(-7 * time.Minute), Error: "twitter: hide: the platform asks us to wait until 2026-11-22T11:10:31Z: the account's calls of this kind are spent for now"}}
	return d
}

func aPicture() []byte {
	img := image.NewRGBA(image.Rect(0, 0, 320, 200))
	for y := range 200 {
		for x := range 320 {
			img.Set(x, y, color.RGBA{uint8(x), uint8(y), uint8((x * y) / 90), 255})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// house is a console with accounts, a fake desk and a real archive.
type house struct {
	*Server
	desk     *fakeDesk
	db       *store.DB
	archive  *archive.Archive
	accounts *Accounts
}

const password = "korrekt häst batteri"

func newHouse(t testing.TB, desk *fakeDesk) *house {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "takhojd.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	key, err := archive.NewKey("takhojd.test/logg")
	if err != nil {
		t.Fatal(err)
	}
	records, err := archive.New(db, key)
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{DB: db, Desk: desk, Records: records, Disposal: disposer(db, records, desk.policy), Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	h := &house{Server: s, desk: desk, db: db, archive: records, accounts: NewAccounts(db)}
	for name, role := range map[string]Role{"anna": Admin, "mats": Moderator, "rut": Archivist} {
		if err := h.accounts.Add(ctx, name, strings.ToUpper(name[:1])+name[1:]+" L", role, ""); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

// disposer disposes, and writes down nowhere what it does.
func disposer(db *store.DB, records *archive.Archive, policy *rules.Policy) moderation.Disposer {
	return moderation.Disposer{DB: db, Archive: records, Policy: policy, Announce: func(archive.Disposal) error { return nil }}
}

// record keeps a case in the archive, with the platform's answer.
func (h *house) record(t testing.TB, c *moderation.Case) string {
	t.Helper()
	verdict, err := json.Marshal(c.Verdict)
	if err != nil {
		t.Fatal(err)
	}
	var categories []string
	for _, category := range c.Verdict.Categories() {
		categories = append(categories, string(category))
	}
	var id string
	err = h.db.Update(context.Background(), func(tx *store.Tx) error {
		var err error
		id, err = h.archive.Append(tx, archive.Record{Ref: c.Ref, Revision: c.Revision, Post: archive.Post{ID: "post-1", Text: c.Post.Text}, Author: c.Comment.Author,
			Text: c.Comment.Text, Permalink: c.Comment.Permalink, Posted: c.Comment.Posted, Received: c.Received, Raw: []byte(`{"item":"comment"}`),
			Policy: c.Verdict.Policy, Verdict: verdict, Categories: categories,
			Decision: archive.Decision{ID: 1, Action: "hide", By: "bot", Reason: "Bryter mot kommentarsreglerna: kränkning.", At: c.Received.Add(time.Second)}})
		if err != nil {
			return err
		}
		return errors.Join(h.archive.Add(tx, id, archive.KindOutcome, archive.Outcome{Action: "hide", Result: "done", At: c.Received.Add(2 * time.Second), Effect: everything.HideEffectSV}),
			h.archive.Add(tx, id, archive.KindDecision, archive.Decision{ID: 2, Action: "hide", By: "person:mats", Reason: "Står fast.", At: c.Received.Add(time.Hour)}))
	})
	if err != nil {
		t.Fatal(err)
	}
	return id
}
