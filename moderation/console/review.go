package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/rules"
)

// The lists that a person works through, by the names that they have in addresses.
const (
	listQueue     = "queue"
	listBotHidden = "bot-hidden"
	listQuestions = "questions"
)

// listLimit is how many rows a list shows: more than one person decides before it is read anew.
const listLimit = 100

// deskView is the desk: what waits at the left, one comment in the middle, why at the right.
type deskView struct {
	List       string
	Items      []moderation.Item
	Filter     moderation.Filter
	Query      string // the filter as it follows along in links: "?channel=fb", or nothing
	Channels   []platforms.Channel
	Categories []rules.Category
	Oldest     time.Time
	AllTaken   bool // there are flags, and colleagues hold them all
	Case       *caseView
	Current    int64
	Prev, Next int64
	Me         string
	Now        time.Time
}

func (v *visit) queuePage() error     { return v.desk(listQueue) }
func (v *visit) botHiddenPage() error { return v.desk(listBotHidden) }
func (v *visit) questionsPage() error { return v.desk(listQuestions) }

// desk shows a list and one comment of it: the one asked for, else the first that nobody else holds.
func (v *visit) desk(list string) error {
	view := deskView{List: list, Me: v.account.Name, Now: v.s.now(), Channels: v.s.desk.Channels(), Categories: rules.Categories()}
	view.Filter, view.Query = filterOf(v.r.URL.Query(), list)
	if v.r.PathValue("comment") != "" {
		var err error
		if view.Current, err = v.id("comment"); err != nil {
			return err
		}
	}
	if view.Current == 0 {
		next, err := v.firstFree(list, view.Filter, 0)
		if err != nil {
			return err
		}
		if next != 0 {
			v.redirect(deskPath(list, next, view.Query))
			return nil
		}
	} else {
		var err error
		if view.Case, err = v.take(view.Current, list); err != nil {
			return err
		}
	}
	if err := v.fillList(&view); err != nil {
		return err
	}
	if view.Case != nil {
		view.Case.Next, view.Case.Query = view.Next, view.Query
	}
	return v.show(http.StatusOK, "desk", page{Title: "nav." + list, Section: list, Content: view})
}

// fillList reads the list and finds the place of the current comment in it.
func (v *visit) fillList(view *deskView) error {
	var err error
	if view.Items, err = v.items(view.List, view.Filter); err != nil {
		return err
	}
	for i, item := range view.Items {
		if view.Oldest.IsZero() || item.Opened.Before(view.Oldest) {
			view.Oldest = item.Opened
		}
		if item.Comment != view.Current {
			continue
		}
		if i > 0 {
			view.Prev = view.Items[i-1].Comment
		}
		if i+1 < len(view.Items) {
			view.Next = view.Items[i+1].Comment
		}
	}
	if view.Next == 0 && view.Prev == 0 && len(view.Items) > 0 && view.Items[0].Comment != view.Current {
		view.Next = view.Items[0].Comment // what is shown is no longer in the list: it goes on from the top
	}
	view.AllTaken = view.Current == 0 && len(view.Items) > 0
	return nil
}

func (v *visit) items(list string, filter moderation.Filter) ([]moderation.Item, error) {
	switch list {
	case listBotHidden:
		return v.s.desk.BotHidden(v.r.Context(), listLimit)
	case listQuestions:
		return v.s.desk.Routed(v.r.Context(), listLimit)
	}
	filter.Limit = listLimit
	return v.s.desk.Queue(v.r.Context(), filter)
}

// firstFree returns the first comment of a list that no colleague holds, beginning with preferred and going on from there.
func (v *visit) firstFree(list string, filter moderation.Filter, preferred int64) (int64, error) {
	items, err := v.items(list, filter)
	if err != nil {
		return 0, err
	}
	start := 0
	for i, item := range items {
		if item.Comment == preferred {
			start = i
		}
	}
	for i := range items {
		item := items[(start+i)%len(items)]
		if held := item.ClaimedBy != "" && item.ClaimedBy != v.account.Name && item.ClaimedUntil.After(v.s.now()); !held {
			return item.Comment, nil
		}
	}
	return 0, nil
}

// filterOf reads the queue's filter; the other lists have none.
func filterOf(q url.Values, list string) (moderation.Filter, string) {
	if list != listQueue {
		return moderation.Filter{}, ""
	}
	f := moderation.Filter{Channel: q.Get("channel"), Category: rules.Category(q.Get("category"))}
	if !f.Category.Valid() {
		f.Category = ""
	}
	keep := url.Values{}
	if f.Channel != "" {
		keep.Set("channel", f.Channel)
	}
	if f.Category != "" {
		keep.Set("category", string(f.Category))
	}
	if len(keep) == 0 {
		return f, ""
	}
	return f, "?" + keep.Encode()
}

func deskPath(list string, comment int64, query string) string {
	return "/" + list + "/" + strconv.FormatInt(comment, 10) + query
}

// take reads a comment and, when it has an open flag, claims it. A comment that a colleague holds is shown, to be read only.
func (v *visit) take(comment int64, list string) (*caseView, error) {
	ctx := v.r.Context()
	c, err := v.s.desk.Case(ctx, comment)
	if err != nil {
		return nil, err
	}
	view := v.caseView(c, list)
	if c.Flag == nil {
		v.releaseHeld(0)
		return view, nil
	}
	err = v.s.desk.Claim(ctx, c.Flag.Flag, v.account.Name)
	switch {
	case errors.Is(err, moderation.ErrClaimed):
		if view.Case, err = v.s.desk.Case(ctx, comment); err != nil { // once more: who holds it by now
			return nil, err
		}
		view.Taken, view.Choices = true, nil
	case errors.Is(err, moderation.ErrNotFound): // closed between the two reads
		if c, err = v.s.desk.Case(ctx, comment); err != nil {
			return nil, err
		}
		view = v.caseView(c, list)
	case err != nil:
		return nil, err
	default:
		view.Held = true
		v.releaseHeld(c.Flag.Flag)
		v.s.sessions.Put(ctx, keyHeld, strconv.FormatInt(c.Flag.Flag, 10))
	}
	return view, nil
}

// releaseHeld lets go of the flag that this session claimed before, unless it is keep. A claim that cannot be let go of lapses.
func (v *visit) releaseHeld(keep int64) {
	ctx := v.r.Context()
	held, err := strconv.ParseInt(v.s.sessions.PopString(ctx, keyHeld), 10, 64)
	if err != nil || held == keep {
		return
	}
	if err := v.s.desk.Release(ctx, held, v.account.Name); err != nil && !errors.Is(err, moderation.ErrClaimed) && !errors.Is(err, moderation.ErrNotFound) {
		v.s.log.Warn("a claim could not be released; it lapses by itself", zap.Int64("flag", held), zap.Error(err))
	}
}

// claim renews the claim of the comment that a page shows.
func (v *visit) claim() error {
	flag, err := v.id("flag")
	if err != nil {
		return err
	}
	if err := v.s.desk.Claim(v.r.Context(), flag, v.account.Name); err != nil {
		return err
	}
	v.w.WriteHeader(http.StatusNoContent)
	return nil
}

// casePage is one comment with all that is known of it. What has an open flag is decided in the queue, where it is claimed.
func (v *visit) casePage() error {
	comment, err := v.id("comment")
	if err != nil {
		return err
	}
	c, err := v.s.desk.Case(v.r.Context(), comment)
	if err != nil {
		return err
	}
	view := v.caseView(c, "case")
	if c.Flag != nil || !v.may(Moderator, Admin) {
		view.Choices = nil
	}
	if view.Revisions, err = v.s.desk.Revisions(v.r.Context(), comment); err != nil {
		return err
	}
	section := listQueue
	if !v.may(Moderator, Admin) {
		section = "archive"
	}
	return v.show(http.StatusOK, "case", page{Title: "case.title", Section: section, Content: view})
}

// bundle sends the ZIP for a police report. It is made in full before it is sent: half a bundle is worse than an error.
func (v *visit) bundle() error {
	comment, err := v.id("comment")
	if err != nil {
		return err
	}
	var zip limited
	if err := v.s.desk.Bundle(v.r.Context(), comment, &zip); err != nil {
		return err
	}
	v.w.Header().Set("Content-Type", "application/zip")
	v.w.Header().Set("Content-Disposition", fmt.Sprintf(`attachment; filename="polisanmalan-%d.zip"`, comment))
	_, _ = steady{v}.Write(zip.Bytes())
	return nil
}

// authorPage is what one author has written, as far as we have seen it.
func (v *visit) authorPage() error {
	q := v.r.URL.Query()
	platform, id := platforms.Platform(q.Get("platform")), q.Get("id")
	if !platform.Valid() || id == "" {
		return moderation.ErrNotFound
	}
	author, err := v.s.desk.AuthorHistory(v.r.Context(), platform, id)
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "author", page{Title: "author.title", Section: listQueue, Content: author})
}

// caseView is one comment as the page shows it.
type caseView struct {
	moderation.Case
	List      string
	Query     string
	Next      int64
	Me        string
	Text      markedText
	Thread    []threadLine // what stands nearest
	More      []threadLine // all of it, when that is more
	Groups    []reasonGroup
	Choices   []choice
	Answers   []saying // what can be said, or where it can be referred
	CanDecide bool     // whoever reads may
	Held      bool     // by me
	Taken     bool     // by somebody else
	Keeper    bool     // who looks on may read the archive
	Revisions []moderation.Revision
	// Default is what the record will say when no reason is written, by action.
	Default map[string]string
	Second  moderation.Action // on the page that asks once more
	Reason  string            // there: what was written before it
}

// reasonGroup is why one bullet of the policy is touched.
type reasonGroup struct {
	Category rules.Category
	Findings []rules.Finding
	Claims   []rules.ClaimInfo
}

func (v *visit) caseView(c moderation.Case, list string) *caseView {
	view := &caseView{Case: c, List: list, Me: v.account.Name, Keeper: v.may(Archivist, Admin), Default: map[string]string{}}
	view.Text = mark(c.Comment.Text, c.Verdict.Findings)
	view.Thread, view.More = nearest(c)
	view.Groups = v.groups(c.Verdict)
	view.Choices = choices(c)
	for _, choice := range view.Choices {
		view.Default[string(choice.Action)] = v.defaultReason(c, choice.Action)
	}
	for i := range view.Choices {
		view.Choices[i].Second = second(view.Choices[i].Action) || view.Default[string(view.Choices[i].Action)] == ""
	}
	view.Answers = v.answers(c)
	view.CanDecide = v.may(Moderator, Admin)
	return view
}

// maxReasons is how many findings of one bullet are spelt out.
const maxReasons = 6

// groups gathers the verdict's findings by the policy's bullets, in their order; what says the same twice is said once.
func (v *visit) groups(verdict rules.Verdict) []reasonGroup {
	var groups []reasonGroup
	for _, category := range verdict.Categories() {
		g := reasonGroup{Category: category}
		said := map[string]bool{}
		for _, f := range verdict.Findings {
			key := f.Rule + "\x00" + f.Reason.SV
			if f.Category != category || f.Action == rules.Allow || said[key] || len(g.Findings) == maxReasons {
				continue
			}
			said[key] = true
			g.Findings = append(g.Findings, brief(f, v.s.desk.Policy().Bullet(category)))
			if claim, ok := v.claimOf(f); ok {
				g.Claims = append(g.Claims, claim)
			}
		}
		if len(g.Findings) > 0 {
			groups = append(groups, g)
		}
	}
	return groups
}

// brief leaves out of a finding's reason what stands right above it: the bullet's own wording. What a disguise was read as is said
// once.
func brief(f rules.Finding, bullet rules.Bullet) rules.Finding {
	f.Reason.SV, _, _ = strings.Cut(f.Reason.SV, " Punkten ”"+bullet.Published.SV+"”")
	f.Reason.EN, _, _ = strings.Cut(f.Reason.EN, " The bullet “"+bullet.Published.EN+"”")
	if f.SeenAs != "" && strings.Contains(f.Reason.SV, f.SeenAs) {
		f.SeenAs = ""
	}
	return f
}

// claimOf finds what the register of claims knows: a disinformation rule is named disinformation/<claim>.
func (v *visit) claimOf(f rules.Finding) (rules.ClaimInfo, bool) {
	if f.Category != rules.Disinformation {
		return rules.ClaimInfo{}, false
	}
	_, id, _ := cutLast(f.Rule, "/")
	return v.s.desk.Policy().Claim(id)
}

// threadLine is a comment of the thread and how deep it stands.
type threadLine struct {
	moderation.ThreadComment
	Depth int // 0 to 3
}

// A thread of up to shortThread comments is shown whole; of a longer one what the comment answers, what stands next to it, and
// its first answers.
const (
	shortThread  = 6
	nearbyReplys = 4
)

// nearest returns the lines of the thread that matter for judging, and the whole of it when that is more.
func nearest(c moderation.Case) (near, all []threadLine) {
	all = lines(c)
	if len(all) <= shortThread {
		return all, nil
	}
	here := 0
	for i, line := range all {
		if line.This {
			here = i
		}
	}
	keep := map[int]bool{here: true}
	before := false
	for i, depth := here-1, all[here].Depth; i >= 0; i-- { // what it answers, and the one said before it, not an answer to that
		if all[i].Depth < depth {
			keep[i], depth = true, all[i].Depth
		}
		if !before && all[i].Depth <= all[here].Depth {
			keep[i], before = true, true
		}
	}
	for i := here + 1; i < len(all) && len(keep) < shortThread+nearbyReplys; i++ {
		if all[i].Depth <= all[here].Depth {
			keep[i] = all[i].Depth == all[here].Depth // the one that was said next
			break
		}
		keep[i] = i <= here+nearbyReplys
	}
	for i, line := range all {
		if keep[i] {
			near = append(near, line)
		}
	}
	return near, all
}

// lines puts the thread in reading order: each comment followed by its answers.
func lines(c moderation.Case) []threadLine {
	thread := c.Thread
	if !hasThis(thread) {
		thread = append(thread[:len(thread):len(thread)], moderation.ThreadComment{ID: c.ID, Parent: c.Comment.Parent, Ref: c.Ref,
			Author: c.Comment.Author.Name, Own: c.Comment.Own, Text: c.Comment.Text, Posted: c.Comment.Posted, State: c.State, This: true})
	}
	known := map[string]bool{}
	for _, t := range thread {
		known[t.Ref.Comment] = true
	}
	answers := map[string][]int{}
	for i, t := range thread {
		parent := t.Parent
		if !known[parent] || parent == t.Ref.Comment {
			parent = ""
		}
		answers[parent] = append(answers[parent], i)
	}
	var all []threadLine
	seen := make([]bool, len(thread))
	var walk func(parent string, depth int)
	walk = func(parent string, depth int) {
		for _, i := range answers[parent] {
			if seen[i] {
				continue
			}
			seen[i] = true
			all = append(all, threadLine{thread[i], min(depth, 3)})
			if thread[i].Ref.Comment != "" {
				walk(thread[i].Ref.Comment, depth+1)
			}
		}
	}
	walk("", 0)
	for i := range thread { // answers in a circle: bad data, but nothing is left out
		if !seen[i] {
			all = append(all, threadLine{thread[i], 0})
		}
	}
	return all
}

func hasThis(thread []moderation.ThreadComment) bool {
	for _, t := range thread {
		if t.This {
			return true
		}
	}
	return false
}

// maxBundle bounds what a bundle may take of memory.
const maxBundle = 256 << 20

// errTooLarge says that a download outgrew what we hold in memory.
var errTooLarge = errors.New("the download is too large")
