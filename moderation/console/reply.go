package console

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"takhojd/moderation"
	"takhojd/rules"
)

// saying is one thing that could be said to a comment, as the form that says it: a template filled in, a referral, or an empty field.
type saying struct {
	ID       string // names its fields on the page
	Title    rules.Words
	Action   moderation.Action
	Route    rules.Route
	Template string
	Body     rules.Words
	Open     bool // what fits best
	Empty    bool // for words of one's own
}

// answers lists what can be said to a comment as it stands, and where it can be referred. A hidden one is told why; one that stands is
// referred or answered.
func (v *visit) answers(c moderation.Case) []saying {
	var list []saying
	say := c.Public || c.Private
	for _, s := range c.Suggested {
		a := saying{ID: s.Name, Title: s.Title, Action: moderation.Reply, Route: s.Use.Route(), Template: s.ID(), Body: s.Text}
		switch {
		case c.State != moderation.Standing && a.Route != rules.NoRoute:
			continue
		case s.Use == moderation.UseRemoved:
			if c.State == moderation.Standing {
				continue // it is offered where the comment is taken down
			}
			a.Open = true
		case a.Route != rules.NoRoute:
			a.Action, a.Open = moderation.Route, a.Route == c.Verdict.Route
		}
		list = append(list, a)
	}
	for _, r := range []rules.Route{rules.Medical, rules.Transit, rules.Press} {
		info := v.s.desk.Policy().Route(r)
		if c.State != moderation.Standing || info.Name.SV == "" || hasRoute(list, r) {
			continue
		}
		list = append(list, saying{ID: string(r), Title: info.Name, Action: moderation.Route, Route: r, Body: info.Reply, Open: r == c.Verdict.Route})
	}
	if say {
		list = append(list, saying{ID: "own", Title: catalogue["reply.own"], Action: moderation.Reply, Empty: true})
	}
	return list
}

func hasRoute(list []saying, r rules.Route) bool {
	for _, a := range list {
		if a.Route == r {
			return true
		}
	}
	return false
}

// Notice is what an author can be told in private when the comment is taken down; nil when nothing can be.
func (view secondView) Notice() *saying {
	takes := view.Action == moderation.Hide || view.Action == moderation.Delete || view.Action == moderation.Block
	if !takes || !view.Private {
		return nil
	}
	for _, s := range view.Suggested {
		if s.Use == moderation.UseRemoved {
			a := saying{ID: "notice-" + string(view.Action), Title: s.Title, Template: s.ID(), Body: s.Text}
			if view.Action == moderation.Delete {
				a.Body = s.Deleted
			}
			return &a
		}
	}
	return &saying{ID: "notice-" + string(view.Action), Empty: true}
}

// sayingView is a saying with the case around it.
type sayingView struct {
	*caseView
	saying
}

// Say is what the form of an answer shows.
func (view *caseView) Say(a saying) sayingView { return sayingView{view, a} }

// Say is what the form of a notice shows.
func (view secondView) Say(a *saying) sayingView { return sayingView{view.caseView, *a} }

// Longest is how long an answer may be here, in characters.
func (view *caseView) Longest() int { return view.Capabilities.ReplyLength }

// sayOf reads from the form of a decision what is to be said with it, and to whom. What the comment can't be answered with is refused,
// not left out: the person believes it said.
func sayOf(form url.Values, c moderation.Case, r *moderation.Resolution) error {
	say := form.Get("say")
	r.Private = say == "private"
	takes := r.Action == moderation.Hide || r.Action == moderation.Delete || r.Action == moderation.Block
	answers := r.Action == moderation.Route || r.Action == moderation.Reply
	if !r.Private && !(answers && (say == "yes" || say == "public")) || !takes && !answers {
		if r.Private = false; r.Action == moderation.Reply {
			return fmt.Errorf("%w: an answer is in public or in private", errBadForm)
		}
		return nil
	}
	text := form.Get("reply")
	if language := form.Get("language"); language == "sv" || language == "en" {
		text = form.Get("reply-" + language)
	}
	r.Reply, r.Template = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n")), form.Get("template")
	if longest := c.Capabilities.ReplyLength; r.Reply == "" || !utf8.ValidString(r.Reply) || utf8.RuneCountInString(r.Reply) > longest {
		return fmt.Errorf("%w: an answer has 1 to %d characters", errBadForm, longest)
	}
	if r.Private && !c.Private || !r.Private && !c.Public {
		return fmt.Errorf("answer comment %d: it cannot be answered so: %w", c.ID, moderation.ErrInvalid)
	}
	return nil
}

// replyPage is where an answer is written: what the dialog is, as a page of its own.
func (v *visit) replyPage() error {
	comment, err := v.id("comment")
	if err != nil {
		return err
	}
	c, err := v.s.desk.Case(v.r.Context(), comment)
	if err != nil {
		return err
	}
	action := moderation.Reply
	if c.State == moderation.Standing {
		action = moderation.Route
	}
	view := v.caseView(c, "case")
	view.Second = action
	return v.show(http.StatusOK, "confirm", page{Title: "second." + string(action) + ".title", Section: listQueue, Content: view})
}

// templateView is one template being written.
type templateView struct {
	moderation.Template
	New      bool
	Preview  rules.Words
	Problem  string // a key of the catalogue
	Wrong    *moderation.PlaceholderError
	Versions []moderation.Template
	Uses     []moderation.Use
	Known    []string // the placeholders
}

func (v *visit) templatesPage() error {
	all, err := v.s.desk.Templates(v.r.Context())
	if err != nil {
		return err
	}
	lines := make([]templateView, len(all))
	for i, t := range all {
		lines[i].Template = t
		if lines[i].Preview, err = v.s.desk.Preview(t); err != nil {
			return err
		}
	}
	return v.show(http.StatusOK, "templates", page{Title: "templates.title", Section: "templates", Content: lines})
}

// newTemplate is the name in the address under which a template begins.
const newTemplate = "ny"

func (v *visit) templatePage() error {
	if v.r.PathValue("name") == newTemplate {
		return v.showTemplate(http.StatusOK, templateView{New: true, Template: moderation.Template{Use: moderation.UseAny}})
	}
	versions, err := v.s.desk.TemplateVersions(v.r.Context(), v.r.PathValue("name"))
	if err != nil {
		return err
	}
	view := templateView{Template: versions[0], Versions: versions}
	if view.Preview, err = v.s.desk.Preview(view.Template); err != nil {
		return err
	}
	return v.showTemplate(http.StatusOK, view)
}

func (v *visit) showTemplate(status int, view templateView) error {
	view.Uses, view.Known = moderation.Uses(), moderation.Placeholders()
	return v.show(status, "template", page{Title: "templates.one", Section: "templates", Content: view})
}

// saveTemplate shows how a template reads, or keeps it as the next version. What cannot be kept comes back with what is wrong, and
// nothing of it is lost.
func (v *visit) saveTemplate() error {
	if err := v.r.ParseForm(); err != nil {
		return fmt.Errorf("%w: %w", errBadForm, err)
	}
	view := v.templateForm()
	ctx := v.r.Context()
	var err error
	if !view.New {
		if view.Versions, err = v.s.desk.TemplateVersions(ctx, view.Name); err != nil {
			return err
		}
	}
	view.Preview, err = v.s.desk.Preview(view.Template)
	if err == nil && v.r.PostForm.Get("do") == "preview" {
		return v.showTemplate(http.StatusOK, view)
	}
	if err == nil {
		_, err = v.s.desk.SaveTemplate(ctx, view.Template, v.account.Name)
	}
	switch {
	case err == nil:
		v.putFlash(flash{Saved: true})
		v.redirect("/templates")
		return nil
	case errors.As(err, &view.Wrong):
		view.Problem = "templates.wrong"
		if view.Wrong.Name == "" {
			view.Problem = "templates.brace"
		}
	case errors.Is(err, moderation.ErrStale):
		view.Problem = "templates.stale"
		return v.showTemplate(http.StatusConflict, view)
	case errors.Is(err, moderation.ErrInvalid):
		view.Problem = "templates.invalid"
	default:
		return err
	}
	return v.showTemplate(http.StatusUnprocessableEntity, view)
}

// templateForm reads the form of a template.
func (v *visit) templateForm() templateView {
	form := v.r.PostForm
	text := func(name string) string { return strings.TrimSpace(strings.ReplaceAll(form.Get(name), "\r\n", "\n")) }
	t := moderation.Template{Name: v.r.PathValue("name"), Use: moderation.Use(form.Get("use")), Retired: form.Get("retired") == "yes",
		Title: rules.Words{SV: text("title-sv"), EN: text("title-en")}, Text: rules.Words{SV: text("text-sv"), EN: text("text-en")}}
	view := templateView{New: t.Name == newTemplate}
	if view.New {
		t.Name = text("name")
	} else {
		_, _ = fmt.Sscan(form.Get("version"), &t.Version) // none is version 0, and stale
	}
	view.Template = t
	return view
}
