package console

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"takhojd/moderation"
	"takhojd/platforms"
	"takhojd/rules"

	"net/http"
)

// channelsView is each channel with how it is, what the guidelines demand of it, what waits for its platform, and what could not be done.
type channelsView struct {
	Channels []channelLine
	Able     []ability
	Running  bool // somebody is looking at the channels' health
	Lines    []moderation.Line
	Waiting  []moderation.Waiting
	More     int // how many wait beside those that are listed
	Dead     []moderation.DeadLetter
}

type channelLine struct {
	moderation.ChannelHealth
	Red     int
	Missing []string // keys of the catalogue: what the guidelines demand and nobody has stated
	Overdue bool
}

// ability is one thing that platforms can or can't do, channel by channel.
type ability struct {
	Name string // a key of the catalogue
	Can  []bool
}

// reviewEvery is how often a channel is to be reviewed against law and directives.
const reviewEvery = 12 // months

func (v *visit) channelsPage() error {
	var view channelsView
	for _, h := range v.s.desk.Health() {
		line := v.channelLine(h)
		view.Running = view.Running || h.Running
		view.Channels = append(view.Channels, line)
	}
	view.Able = abilities(view.Channels)
	ctx := v.r.Context()
	var err error
	if view.Lines, err = v.s.desk.Lines(ctx); err != nil {
		return err
	}
	if view.Waiting, err = v.s.desk.Waiting(ctx, listLimit); err != nil {
		return err
	}
	for _, l := range view.Lines {
		view.More += l.Waiting
	}
	view.More = max(0, view.More-len(view.Waiting))
	if view.Dead, err = v.s.desk.DeadLetters(ctx); err != nil {
		return err
	}
	return v.show(http.StatusOK, "channels", page{Title: "channels.title", Section: "channels", Content: view})
}

func (v *visit) channelLine(h moderation.ChannelHealth) channelLine {
	line, c := channelLine{ChannelHealth: h}, h.Channel
	for _, check := range h.Checks {
		if !check.OK {
			line.Red++
		}
	}
	for _, demand := range []struct {
		name    string
		missing bool
	}{{"channels.purpose", c.Purpose == ""}, {"channels.owner", c.Owner == ""}, {"channels.target", c.ResponseTarget == 0},
		{"channels.reviewed", c.Reviewed.IsZero()}} {
		if demand.missing {
			line.Missing = append(line.Missing, demand.name)
		}
	}
	line.Overdue = !c.Reviewed.IsZero() && c.Reviewed.AddDate(0, reviewEvery, 0).Before(v.s.now())
	return line
}

// abilities sets what each channel's platform can do side by side.
func abilities(channels []channelLine) []ability {
	var all []ability
	add := func(name string, can func(platforms.Capabilities) bool) {
		a := ability{Name: name}
		for _, c := range channels {
			a.Can = append(a.Can, can(c.Capabilities))
		}
		all = append(all, a)
	}
	add("do.hide", func(c platforms.Capabilities) bool { return c.Hide })
	add("do.delete", func(c platforms.Capabilities) bool { return c.Delete })
	add("reply.public", func(c platforms.Capabilities) bool { return c.Reply })
	add("reply.private", func(c platforms.Capabilities) bool { return c.PrivateReply })
	add("do.block", func(c platforms.Capabilities) bool { return c.Block })
	add("do.mute", func(c platforms.Capabilities) bool { return c.Mute })
	add("do.report", func(c platforms.Capabilities) bool { return c.Report })
	add("post.close", func(c platforms.Capabilities) bool { return c.CloseComments })
	return all
}

// checkChannels asks for a look at every channel; the page shows how far it has come.
func (v *visit) checkChannels() error {
	v.s.desk.CheckNow()
	v.redirect("/channels")
	return nil
}

// retry puts a dead letter back in its row.
func (v *visit) retry() error {
	id, err := strconv.ParseInt(v.r.PostFormValue("id"), 10, 64)
	box := v.r.PostFormValue("box")
	if err != nil || box != "inbox" && box != "outbox" {
		return fmt.Errorf("%w: which letter", errBadForm)
	}
	if err := v.s.desk.Retry(v.r.Context(), box, id, v.account.Name); err != nil {
		return fmt.Errorf("retry %s %d: %w", box, id, err)
	}
	v.putFlash(flash{Retried: true})
	v.redirect("/channels")
	return nil
}

// closePost closes the post of a comment for new ones, or opens it again. It can be done the other way round at once, so nobody is asked
// once more.
func (v *visit) closePost() error {
	comment, err := v.id("comment")
	if err != nil {
		return err
	}
	action, reason := moderation.Action(v.r.PostFormValue("action")), strings.TrimSpace(v.r.PostFormValue("reason"))
	if action != moderation.Close && action != moderation.Open || !utf8.ValidString(reason) || utf8.RuneCountInString(reason) > maxReason {
		return fmt.Errorf("%w: close or open", errBadForm)
	}
	c, err := v.s.desk.Case(v.r.Context(), comment)
	if err != nil {
		return err
	}
	if !c.Capabilities.CloseComments {
		return fmt.Errorf("close the post of comment %d: %w", comment, moderation.ErrInvalid)
	}
	if err := v.s.desk.CloseComments(v.r.Context(), comment, action, v.account.Name, reason); err != nil {
		return fmt.Errorf("%s the post of comment %d: %w", action, comment, err)
	}
	v.putFlash(flash{Action: action, Saved: true})
	v.redirect(v.caseView(c, listOf(v.r.PostFormValue("list"))).Back())
	return nil
}

// alertLine is one line of what people must be told of, above every page.
type alertLine struct {
	Kind  moderation.AlertKind
	Words rules.Words
	Path  string
	Since time.Time
}

// alerts are the lines for those who can do something about them; several threats are one line, and lead to the first.
func (v *visit) alerts() ([]alertLine, error) {
	if !v.may(Moderator, Admin) {
		return nil, nil
	}
	all, err := v.s.desk.Alerts(v.r.Context())
	if err != nil {
		return nil, err
	}
	var lines []alertLine
	first, threats := -1, 0
	for _, a := range all {
		if a.Kind == moderation.AlertEscalation {
			if threats++; threats > 1 {
				continue
			}
			first = len(lines)
		}
		lines = append(lines, alertLine{Kind: a.Kind, Words: a.Words, Path: a.Path, Since: a.Since})
	}
	if threats > 1 {
		several := catalogue["alert.threats"]
		lines[first].Words = rules.Words{SV: fmt.Sprintf(several.SV, threats), EN: fmt.Sprintf(several.EN, threats)}
	}
	return lines, nil
}
