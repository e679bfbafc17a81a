package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"sort"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/rules"
)

// choice is one thing that can be done with a comment, and the key that does it.
type choice struct {
	Action moderation.Action
	Key    string
	// Label and Hint are keys of the catalogue; Effect stands in Hint's place where the platform has words of its own.
	Label, Hint string
	Effect      rules.Words
	// Second means that it asks once more: before what cannot be undone, and where a reason or a reply is needed.
	Second bool
	// Main is the one or two that are meant most of the time.
	Main bool
}

// choices returns what can be done with a comment as it stands. What the platform has no function for is not among them.
func choices(c moderation.Case) []choice {
	if c.Comment.Own {
		return nil
	}
	can := c.Capabilities
	effect := rules.Words{SV: can.HideEffectSV, EN: can.HideEffectEN}
	var list []choice
	add := func(when bool, x choice) {
		if when {
			list = append(list, x)
		}
	}
	there := c.State == moderation.Standing || c.State == moderation.Hidden
	standing, hidden := c.State == moderation.Standing, c.State == moderation.Hidden
	question := standing && c.Verdict.Route != rules.NoRoute && c.Verdict.Action == rules.Allow
	add(question, choice{Action: moderation.Route, Key: "r", Label: "do.route", Hint: "hint.route", Main: true})
	add(standing && can.Hide && !c.Comment.CannotHide, choice{Action: moderation.Hide, Key: "h", Label: "do.hide", Hint: "hint.hide", Effect: effect, Main: !question})
	add(standing, choice{Action: moderation.Allow, Key: "a", Label: "do.allow", Hint: "hint.allow", Main: true})
	add(hidden, choice{Action: moderation.Hide, Key: "h", Label: "do.uphold", Hint: "hint.uphold", Main: true})
	add(hidden && (c.Private || c.Public), choice{Action: moderation.Reply, Key: "r", Label: "do.reply", Hint: "hint.reply"})
	add(hidden && can.Hide, choice{Action: moderation.Restore, Key: "v", Label: "do.restore", Hint: "hint.restore", Main: true})
	add(!there && c.Flag != nil, choice{Action: moderation.Allow, Key: "a", Label: "do.close", Hint: "hint.close", Main: true})
	add(standing && !question, choice{Action: moderation.Route, Key: "r", Label: "do.route", Hint: "hint.route"})
	add(there && can.Delete, choice{Action: moderation.Delete, Key: "d", Label: "do.delete", Hint: "hint.delete"})
	add(there && can.Block && c.Comment.Author.ID != "", choice{Action: moderation.Block, Key: "b", Label: "do.block", Hint: "hint.block"})
	add(!escalated(c), choice{Action: moderation.Escalate, Key: "e", Label: "do.escalate", Hint: "hint.escalate"})
	add(there && escalated(c) && can.Report && !c.Reported, choice{Action: moderation.Report, Key: "n", Label: "do.report", Hint: "hint.report"})
	add(can.Mute && !c.Muted && c.Comment.Author.ID != "", choice{Action: moderation.Mute, Key: "t", Label: "do.mute", Hint: "hint.mute"})
	add(there, choice{Action: moderation.Opinion, Key: "s", Label: "do.opinion", Hint: "hint.opinion"})
	sort.SliceStable(list, func(i, j int) bool { return list[i].Main && !list[j].Main })
	return list
}

func escalated(c moderation.Case) bool {
	return c.Decision != nil && c.Decision.Action == moderation.Escalate || c.Flag != nil && c.Flag.Why == moderation.Escalation
}

// second tells whether an action asks once more before it is done.
func second(a moderation.Action) bool {
	switch a {
	case moderation.Delete, moderation.Block, moderation.Escalate, moderation.Route, moderation.Reply, moderation.Mute, moderation.Report:
		return true
	}
	return false
}

// maxReason bounds the reason that a person writes, in characters.
const maxReason = 1000

// decide takes a decision. The next comment of the list comes back as the answer.
func (v *visit) decide() error {
	comment, err := v.id("comment")
	if err != nil {
		return err
	}
	if err := v.r.ParseForm(); err != nil {
		return fmt.Errorf("%w: %w", errBadForm, err)
	}
	form := v.r.PostForm
	c, err := v.s.desk.Case(v.r.Context(), comment)
	if err != nil {
		return err
	}
	resolution, err := v.resolution(c)
	if err != nil {
		return err
	}
	if second(resolution.Action) && form.Get("confirmed") != "yes" || resolution.Reason == "" && resolution.Action != moderation.Allow {
		return v.askOnceMore(c, resolution)
	}
	decision, err := v.s.desk.Resolve(v.r.Context(), resolution)
	if err != nil {
		return fmt.Errorf("decide comment %d: %w", comment, err)
	}
	list := listOf(form.Get("list"))
	v.putFlash(flash{Action: resolution.Action, Upheld: c.State == moderation.Hidden && resolution.Action == moderation.Hide,
		Author: c.Comment.Author.Name, Platform: c.Ref.Platform, Comment: comment, Decision: decision.ID, List: list,
		Tell: resolution.Action == moderation.Hide && resolution.Reply == "" && c.Private})
	switch resolution.Action {
	case moderation.Reply, moderation.Mute, moderation.Report: // the comment itself is still to be decided
		v.redirect(v.caseView(c, list).Back())
		return nil
	}
	v.s.sessions.Remove(v.r.Context(), keyHeld) // the flag is closed, and the claim with it
	return v.goOn(listOf(form.Get("list")), comment)
}

// resolution reads the form. What is offered to no one is refused: choices says what can be done with the comment.
func (v *visit) resolution(c moderation.Case) (moderation.Resolution, error) {
	form := v.r.PostForm
	r := moderation.Resolution{Comment: c.ID, Revision: form.Get("revision"), Action: moderation.Action(form.Get("action")), By: v.account.Name,
		Reason: strings.TrimSpace(form.Get("reason")), Route: rules.Route(form.Get("route"))}
	if f := form.Get("flag"); f != "" {
		var err error
		if r.Flag, err = strconv.ParseInt(f, 10, 64); err != nil {
			return r, fmt.Errorf("%w: flag", errBadForm)
		}
	}
	if !utf8.ValidString(r.Reason) || utf8.RuneCountInString(r.Reason) > maxReason {
		return r, fmt.Errorf("%w: the reason has at most %d characters", errBadForm, maxReason)
	}
	if r.Revision != c.Revision {
		return r, fmt.Errorf("decide comment %d: %w", c.ID, moderation.ErrStale)
	}
	if !offered(c, r.Action) {
		// Somebody was quicker: what the button was for is done, or no longer possible.
		return r, fmt.Errorf("decide comment %d: %s is not possible as it stands: %w", c.ID, r.Action, moderation.ErrStale)
	}
	if err := sayOf(form, c, &r); err != nil {
		return r, err
	}
	if r.Action != moderation.Route {
		r.Route = rules.NoRoute
	} else if form.Get("confirmed") == "yes" && (r.Route == rules.NoRoute || !r.Route.Valid()) {
		return r, fmt.Errorf("%w: route", errBadForm)
	}
	if r.Reason == "" {
		r.Reason = v.defaultReason(c, r.Action)
	}
	return r, nil
}

func offered(c moderation.Case, a moderation.Action) bool {
	if a == moderation.Reply { // where the comment stands, its button is that of the referral
		return c.Public || c.Private
	}
	for _, x := range choices(c) {
		if x.Action == a {
			return true
		}
	}
	return false
}

// defaultReason is what the record says when a person decides by one key: the bullet that the verdict names, in the policy's words.
// The record is kept in Swedish. It is empty where only a person can say why.
func (v *visit) defaultReason(c moderation.Case, a moderation.Action) string {
	switch a {
	case moderation.Allow:
		if c.State == moderation.Standing {
			return "Bryter inte mot kommentarsreglerna"
		}
		return "Kommentaren finns inte kvar, ingen åtgärd"
	case moderation.Restore:
		return "Bryter inte mot kommentarsreglerna"
	case moderation.Opinion:
		return "En kollega behöver se kommentaren"
	case moderation.Route:
		return "Frågan besvaras av någon annan"
	case moderation.Reply:
		return "Svar till författaren"
	case moderation.Block:
		if c.StrikeLimit > 0 && c.Strikes >= c.StrikeLimit {
			return fmt.Sprintf("Upprepade överträdelser av kommentarsreglerna (%d stycken)", c.Strikes)
		}
	}
	bullet := v.s.desk.Policy().Bullet(gravest(v.s.desk.Policy(), c.Verdict))
	if bullet.Title.SV == "" {
		return ""
	}
	switch a {
	case moderation.Escalate:
		return "Anmäls till plattformen och polisen: " + lowerFirst(bullet.Title.SV)
	case moderation.Report:
		return "Anmäls till plattformen: " + lowerFirst(bullet.Title.SV)
	}
	return "Bryter mot kommentarsreglerna: " + lowerFirst(bullet.Title.SV)
}

// gravest is the category of a verdict with the highest severity.
func gravest(policy *rules.Policy, verdict rules.Verdict) (worst rules.Category) {
	top := -1
	for _, f := range verdict.Findings {
		if s := policy.Bullet(f.Category).Severity; f.Action != rules.Allow && s > top {
			worst, top = f.Category, s
		}
	}
	return worst
}

func lowerFirst(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(unicode.ToLower(r)) + s[n:]
}

// askOnceMore is the page that stands in for the dialog where there is no script.
func (v *visit) askOnceMore(c moderation.Case, r moderation.Resolution) error {
	view := v.caseView(c, listOf(v.r.PostForm.Get("list")))
	view.Second, view.Reason, view.Query = r.Action, r.Reason, ""
	return v.show(http.StatusOK, "confirm", page{Title: "second." + string(r.Action) + ".title", Section: view.List, Content: view})
}

// goOn leads to the next comment of the list; when it is empty, to the empty list.
func (v *visit) goOn(list string, comment int64) error {
	if list == "case" {
		v.redirect("/case/" + strconv.FormatInt(comment, 10))
		return nil
	}
	preferred, _ := strconv.ParseInt(v.r.PostForm.Get("next"), 10, 64) // without it the list begins anew
	filter, query := filterOf(v.r.URL.Query(), list)
	next, err := v.firstFree(list, filter, preferred)
	if err != nil {
		return err
	}
	if next == 0 {
		v.redirect("/" + list + query)
	} else {
		v.redirect(deskPath(list, next, query))
	}
	return nil
}

func listOf(name string) string {
	switch name {
	case listQueue, listBotHidden, listQuestions, "case":
		return name
	}
	return listQueue
}

// undo takes a decision back and shows its comment again.
func (v *visit) undo() error {
	decision, err := v.id("decision")
	if err != nil {
		return err
	}
	if err := v.s.desk.Undo(v.r.Context(), decision, v.account.Name); err != nil {
		return fmt.Errorf("undo decision %d: %w", decision, err)
	}
	v.putFlash(flash{Undone: true})
	list := listOf(v.r.PostFormValue("list"))
	comment, err := strconv.ParseInt(v.r.PostFormValue("comment"), 10, 64)
	if err != nil || comment < 1 {
		v.redirect("/" + listQueue)
		return nil
	}
	if list == "case" {
		v.redirect("/case/" + strconv.FormatInt(comment, 10))
	} else {
		v.redirect(deskPath(list, comment, ""))
	}
	return nil
}

// flash is the line at the foot that says what was just done.
type flash struct {
	Action   moderation.Action  `json:"action,omitempty"`
	Upheld   bool               `json:"upheld,omitempty"`
	Author   string             `json:"author,omitempty"`
	Platform platforms.Platform `json:"platform,omitempty"`
	Comment  int64              `json:"comment,omitempty"`
	Decision int64              `json:"decision,omitempty"`
	List     string             `json:"list,omitempty"`
	Undone   bool               `json:"undone,omitempty"`
	// Tell offers to write to the author why.
	Tell bool `json:"tell,omitempty"`
	// Saved says that something was kept, and nothing more.
	Saved   bool `json:"saved,omitempty"`
	Retried bool `json:"retried,omitempty"`
}

func (v *visit) putFlash(f flash) {
	if b, err := json.Marshal(f); err == nil {
		v.s.sessions.Put(v.r.Context(), keyFlash, string(b))
	}
}

// takeFlash returns the line once.
func (v *visit) takeFlash() *flash {
	text := v.s.sessions.PopString(v.r.Context(), keyFlash)
	if text == "" {
		return nil
	}
	var f flash
	if json.Unmarshal([]byte(text), &f) != nil {
		return nil
	}
	return &f
}

// limited is a buffer that refuses to grow past maxBundle.
type limited struct{ bytes.Buffer }

func (l *limited) Write(b []byte) (int, error) {
	if l.Len()+len(b) > maxBundle {
		return 0, errTooLarge
	}
	return l.Buffer.Write(b)
}

// cutLast cuts s around the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return "", s, false
}

// secondView is a case with the action that asks once more.
type secondView struct {
	*caseView
	Action moderation.Action
}

// For is what the second step of an action shows.
func (view *caseView) For(a moderation.Action) secondView { return secondView{view, a} }

// Back is where the case was shown.
func (view *caseView) Back() string {
	if view.List == "case" {
		return "/case/" + strconv.FormatInt(view.ID, 10)
	}
	return deskPath(view.List, view.ID, view.Query)
}
