package platformtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"takhojd/archive"
	"takhojd/platforms"
)

// conformOut is what an adapter must do, and must not.
var conformOut = []conformTest{
	{"capabilities are in words", capabilitiesInWords},
	{"what the platform cannot do is not tried", unsupported},
	{"no removal without a receipt", noReceipt},
	{"what is no id is not asked for", strangeIDs},
	{"hide, hide twice, unhide, unhide twice", hideAndUnhide},
	{"delete", deleteOnce},
	{"gone is a result", goneIsAResult},
	{"the author is faster", authorIsFaster},
	{"another's conversation", anothersConversation},
	{"not permitted", notPermitted},
	{"reply", replyInPublic},
	{"reply in private", replyInPrivate},
	{"block", blockAuthor},
	{"mute and report", muteAndReport},
	{"close a post's comments", closeComments},
	{"many at once", manyAtOnce},
	{"a check finds all well, and a dead token", checkItself},
}

func capabilitiesInWords(s *site) {
	c := s.adapter.Capabilities()
	if c.Hide && (c.HideEffectSV == "" || c.HideEffectEN == "") {
		s.Error("it can hide, and does not say what that does")
	}
	if (c.Reply || c.PrivateReply) != (c.ReplyLength > 0) {
		s.Errorf("it can answer %v, with %d characters", c.Reply, c.ReplyLength)
	}
	for name, promised := range map[string]bool{"mute": c.Mute, "report": c.Report, "close comments": c.CloseComments} {
		able := false
		switch name {
		case "mute":
			_, able = s.adapter.(muter)
		case "report":
			_, able = s.adapter.(reporter)
		default:
			_, able = s.adapter.(closer)
		}
		if promised && !able {
			s.Errorf("it promises to %s, and has no method for it", name)
		}
	}
	if s.calls() != 0 {
		s.Error("calls were made to find out")
	}
}

// unsupported asks for everything that Capabilities says cannot be had.
func unsupported(s *site) {
	can := s.adapter.Capabilities()
	c := s.say("Hej.")
	receipt, ref, author := s.receipt(s.ref(c.ID)), s.ref(c.ID), s.subject.Citizen
	asks := map[string]func(context.Context) error{}
	ask := func(name string, possible bool, f func(context.Context) error) {
		if !possible {
			asks[name] = f
		}
	}
	ask("hide", can.Hide, func(ctx context.Context) error { return s.adapter.Hide(ctx, receipt) })
	ask("unhide", can.Hide, func(ctx context.Context) error { return s.adapter.Unhide(ctx, ref) })
	ask("delete", can.Delete, func(ctx context.Context) error { return s.adapter.Delete(ctx, receipt) })
	ask("reply", can.Reply, func(ctx context.Context) error { _, err := s.adapter.Reply(ctx, ref, conformSecret); return err })
	ask("private reply", can.PrivateReply, func(ctx context.Context) error { return s.adapter.PrivateReply(ctx, ref, conformSecret) })
	ask("block", can.Block, func(ctx context.Context) error { return s.adapter.Block(ctx, author) })
	if m, ok := s.adapter.(muter); ok {
		ask("mute", can.Mute, func(ctx context.Context) error { return m.Mute(ctx, author) })
	}
	if r, ok := s.adapter.(reporter); ok {
		ask("report", can.Report, func(ctx context.Context) error { return r.Report(ctx, ref, "hot", conformSecret) })
	}
	if c, ok := s.adapter.(closer); ok {
		ask("close", can.CloseComments, func(ctx context.Context) error { return c.CloseComments(ctx, s.post.ID, true) })
	}
	for name, f := range asks {
		if err := f(s.soon()); !errors.Is(err, platforms.ErrUnsupported) {
			s.Errorf("%s: %v, want ErrUnsupported", name, err)
		}
	}
	if n := s.calls(); n != 0 {
		s.Errorf("%d calls were made for what cannot be done", n)
	}
}

// removals are the calls that want a receipt.
func (s *site) removals() map[string]func(context.Context, archive.Receipt) error {
	removals := map[string]func(context.Context, archive.Receipt) error{}
	can := s.adapter.Capabilities()
	if can.Hide {
		removals["hide"] = s.adapter.Hide
	}
	if can.Delete {
		removals["delete"] = s.adapter.Delete
	}
	return removals
}

func noReceipt(s *site) {
	c := s.say("Hej.")
	for name, remove := range s.removals() {
		if err := remove(s.soon(), archive.Receipt{}); !errors.Is(err, archive.ErrNoReceipt) {
			s.Errorf("%s without a receipt: %v, want ErrNoReceipt", name, err)
		}
		for _, other := range []platforms.Ref{{Platform: s.channel.Platform, Channel: "another", Comment: c.ID},
			{Platform: "elsewhere", Channel: s.channel.ID, Comment: c.ID}} {
			if err := remove(s.soon(), s.receipt(other)); err == nil {
				s.Errorf("%s with the receipt for %s: no error", name, other)
			}
		}
	}
	if now := s.there(c.ID); s.calls() != 0 || now.Hidden || now.gone() {
		s.Errorf("the platform was called: %+v", s.State().Calls)
	}
}

func strangeIDs(s *site) {
	for _, id := range []string{"", "me/../../1?x=y", "1 2", "1/hide", "..", "1#x", "å", "1\n2", "at://x/y z", strings.Repeat("9", 5000)} {
		ref := s.ref(id)
		can := s.adapter.Capabilities()
		if _, err := s.adapter.Fetch(s.soon(), ref); err == nil {
			s.Errorf("fetch of %.20q: no error", id)
		}
		if can.Hide && s.adapter.Unhide(s.soon(), ref) == nil {
			s.Errorf("unhide of %.20q: no error", id)
		}
		if id != "" && can.Hide && s.adapter.Hide(s.soon(), s.receipt(ref)) == nil {
			s.Errorf("hide of %.20q: no error", id)
		}
		if can.Reply {
			if _, err := s.adapter.Reply(s.soon(), ref, conformSecret); err == nil {
				s.Errorf("reply to %.20q: no error", id)
			}
		}
		if can.Block && s.adapter.Block(s.soon(), platforms.Author{ID: id}) == nil {
			s.Errorf("block of %.20q: no error", id)
		}
	}
	if n := s.calls(); n != 0 {
		s.Errorf("%d calls were made, first to %s %.60s", n, s.State().Calls[0].Method, s.State().Calls[0].Path)
	}
}

func hideAndUnhide(s *site) {
	if !s.adapter.Capabilities().Hide {
		s.Skip("nothing can be hidden here")
	}
	c, other := s.say("Fy."), s.say("Bra.")
	answer := s.write(Comment{Parent: other.ID, Text: "Ja, fy."})
	for _, id := range []string{c.ID, answer.ID} {
		receipt := s.receipt(s.ref(id))
		for _, step := range []struct {
			name string
			do   func() error
			want bool
		}{
			{"hide", func() error { return s.adapter.Hide(s.soon(), receipt) }, true},
			{"hide again", func() error { return s.adapter.Hide(s.soon(), receipt) }, true},
			{"unhide", func() error { return s.adapter.Unhide(s.soon(), s.ref(id)) }, false},
			{"unhide again", func() error { return s.adapter.Unhide(s.soon(), s.ref(id)) }, false},
			{"hide once more", func() error { return s.adapter.Hide(s.soon(), receipt) }, true},
		} {
			if err := step.do(); err != nil {
				s.Fatalf("%s: %v", step.name, err)
			}
			if s.there(id).Hidden != step.want {
				s.Errorf("%s: on the platform hidden is %v", step.name, !step.want)
			}
			shown := step.want && !s.adapter.Capabilities().HidesUntold
			if now, err := s.adapter.Fetch(s.soon(), s.ref(id)); err != nil || now.Hidden != shown || now.CannotHide {
				s.Errorf("%s: fetched hidden %v, cannot hide %v, %v", step.name, now.Hidden, now.CannotHide, err)
			}
		}
	}
	if s.there(other.ID).Hidden {
		s.Error("another comment was hidden, too")
	}
}

func deleteOnce(s *site) {
	if !s.adapter.Capabilities().Delete {
		s.Skip("others' comments cannot be deleted here")
	}
	c, other := s.say("Fy."), s.say("Bra.")
	receipt := s.receipt(s.ref(c.ID))
	s.must(s.adapter.Delete(s.soon(), receipt))
	if now := s.there(c.ID); !now.Deleted || now.RemovedByAuthor {
		s.Errorf("deleted %v, removed by its author %v", now.Deleted, now.RemovedByAuthor)
	}
	if err := s.adapter.Delete(s.soon(), receipt); !errors.Is(err, platforms.ErrGone) {
		s.Errorf("deleted again: %v, want ErrGone", err)
	}
	if now := s.there(other.ID); now.gone() {
		s.Error("another comment was deleted, too")
	}
}

func goneIsAResult(s *site) {
	can := s.adapter.Capabilities()
	c := s.say("Hej.")
	s.must(s.Remove(c.ID))
	errs := map[string]error{}
	_, errs["fetch"] = s.adapter.Fetch(s.soon(), s.ref(c.ID))
	for name, remove := range s.removals() {
		errs[name] = remove(s.soon(), s.receipt(s.ref(c.ID)))
	}
	if can.Reply {
		_, errs["reply"] = s.adapter.Reply(s.soon(), s.ref(c.ID), conformSecret)
	}
	for name, err := range errs {
		s.discreet(err)
		if !errors.Is(err, platforms.ErrGone) {
			s.Errorf("%s: %v, want ErrGone", name, err)
		}
	}
	if can.Hide { // where the platform keeps a list of what is hidden, taking out what is gone is no error
		if err := s.adapter.Unhide(s.soon(), s.ref(c.ID)); err != nil && !errors.Is(err, platforms.ErrGone) {
			s.Errorf("unhide: %v, want ErrGone", err)
		}
	}
}

func authorIsFaster(s *site) {
	if !s.adapter.Capabilities().Hide {
		s.Skip("nothing can be hidden here")
	}
	s.faults(Faults{RemoveBeforeHide: 1})
	c := s.say("Fy.")
	err := s.adapter.Hide(s.soon(), s.receipt(s.ref(c.ID)))
	if err == nil && s.subject.HidesUnseen {
		return
	}
	if !errors.Is(err, platforms.ErrGone) {
		s.Errorf("%v, want ErrGone", err)
	}
}

func anothersConversation(s *site) {
	post, err := s.AddPost(Post{Account: s.subject.Stranger.ID, Text: "Någon annans."})
	s.must(err)
	c := s.write(Comment{Post: post.ID, Text: "Fy."})
	for name, remove := range s.removals() {
		err := remove(s.soon(), s.receipt(s.ref(c.ID)))
		if !errors.Is(err, platforms.ErrNotPermitted) && !errors.Is(err, platforms.ErrGone) {
			s.Errorf("%s: %v, want ErrNotPermitted", name, err)
		}
	}
	if now := s.there(c.ID); now.Hidden || now.gone() {
		s.Error("it was done")
	}
	s.catchUp(s.start)
	if s.heard.knows(c.ID) {
		s.Error("another's conversation was read as ours")
	}
}

func notPermitted(s *site) {
	c := s.say("Fy.")
	for name, remove := range s.removals() {
		s.faults(Faults{Errors: []Refusal{{Kind: NotPermitted, Action: name}}})
		err := remove(s.soon(), s.receipt(s.ref(c.ID)))
		s.discreet(err)
		if !errors.Is(err, platforms.ErrNotPermitted) {
			s.Errorf("%s: %v, want ErrNotPermitted", name, err)
		}
	}
}

// said asks for the answer that was just given, as one does who never heard whether it arrived.
func (s *site) said(comment, answer string) {
	recaller, ok := s.adapter.(interface {
		Said(context.Context, platforms.Ref, string) (string, error)
	})
	if !ok { // then Reply itself finds it
		again, err := s.adapter.Reply(s.soon(), s.ref(comment), "Klockan åtta & aldrig <förr>.")
		if err != nil || again != answer {
			s.Errorf("answered again: %q, %v, and the answer is %q", again, err, answer)
		}
		return
	}
	if got, err := recaller.Said(s.soon(), s.ref(comment), "Klockan åtta & aldrig <förr>."); err != nil || got != answer {
		s.Errorf("the answer %q is not found: %q, %v", answer, got, err)
	}
	if got, err := recaller.Said(s.soon(), s.ref(comment), "Klockan nio."); err != nil || got != "" {
		s.Errorf("what was never answered is found: %q, %v", got, err)
	}
}

func replyInPublic(s *site) {
	if !s.adapter.Capabilities().Reply {
		s.Skip("there are no replies here")
	}
	c := s.say("När öppnar ni?")
	id, err := s.adapter.Reply(s.soon(), s.ref(c.ID), "Klockan åtta & aldrig <förr>.")
	s.must(err)
	if got := s.there(id); got.Parent != c.ID || got.AuthorID != s.subject.Account.ID || got.Text != "Klockan åtta & aldrig <förr>." {
		s.Errorf("the reply is %+v", got.Comment)
	}
	if got, err := s.adapter.Fetch(s.soon(), s.ref(id)); err != nil || !got.Own {
		s.Errorf("our reply is not known as ours: %v", err)
	}
	s.said(c.ID, id)
	long := strings.Repeat("å", s.adapter.Capabilities().ReplyLength)
	id, err = s.adapter.Reply(s.soon(), s.ref(s.say("Hela listan?").ID), long)
	s.must(err)
	if got := s.there(id); got.Text != long {
		s.Errorf("of the longest reply %d bytes are there", len(got.Text))
	}
}

func replyInPrivate(s *site) {
	if !s.adapter.Capabilities().PrivateReply {
		s.Skip("there are no private replies here")
	}
	c := s.say("När öppnar ni?")
	s.must(s.adapter.PrivateReply(s.soon(), s.ref(c.ID), conformSecret))
	if got := s.there(c.ID).PrivateReply; got != conformSecret {
		s.Errorf("the private reply is %q", got)
	}
}

func blockAuthor(s *site) {
	if !s.adapter.Capabilities().Block {
		s.Skip("nobody can be blocked here")
	}
	s.must(s.adapter.Block(s.soon(), s.subject.Citizen))
	s.must(s.adapter.Block(s.soon(), s.subject.Citizen))
	if _, err := s.AddComment(Comment{Post: s.post.ID, AuthorID: s.subject.Citizen.ID, Text: "Åter."}); !errors.Is(err, errAuthorBlocked) {
		s.Errorf("the blocked author wrote: %v", err)
	}
	if err := s.adapter.Block(s.soon(), platforms.Author{}); err == nil {
		s.Error("nobody was blocked without an error")
	}
}

func muteAndReport(s *site) {
	can := s.adapter.Capabilities()
	if !can.Mute && !can.Report {
		s.Skip("there is neither here")
	}
	c := s.say("Fy.")
	if can.Mute {
		s.must(s.adapter.(muter).Mute(s.soon(), s.subject.Citizen))
	}
	if can.Report {
		s.must(s.adapter.(reporter).Report(s.soon(), s.ref(c.ID), "hot", "Hot mot en anställd."))
	}
	if s.calls() == 0 {
		s.Error("the platform was not called")
	}
	if now := s.there(c.ID); now.Hidden || now.gone() {
		s.Error("the comment was taken from sight")
	}
}

func closeComments(s *site) {
	if !s.adapter.Capabilities().CloseComments {
		s.Skip("posts cannot be closed here")
	}
	adapter := s.adapter.(closer)
	c, open := s.say("Före stormen."), s.publish("Ett annat inlägg", s.start)
	for range 2 {
		s.must(adapter.CloseComments(s.soon(), s.post.ID, true))
	}
	if _, err := s.AddComment(Comment{Post: s.post.ID, AuthorID: s.subject.Citizen.ID, Text: "Storm."}); !errors.Is(err, errClosed) {
		s.Errorf("a comment under a closed post: %v", err)
	}
	s.write(Comment{Post: open.ID, Text: "Här är det öppet."})
	if now := s.there(c.ID); now.Hidden || now.gone() {
		s.Error("what stood there was taken away")
	}
	for range 2 {
		s.must(adapter.CloseComments(s.soon(), s.post.ID, false))
	}
	s.say("Efter stormen.")
	if err := adapter.CloseComments(s.soon(), "../me?x=y", true); err == nil {
		s.Error("what is no id was closed")
	}
}

func manyAtOnce(s *site) {
	if !s.adapter.Capabilities().Hide {
		s.Skip("nothing can be hidden here")
	}
	var receipts []archive.Receipt
	for i := range 8 {
		receipts = append(receipts, s.receipt(s.ref(s.say(fmt.Sprint("Nummer ", i)).ID)))
	}
	var wg sync.WaitGroup
	for _, r := range receipts {
		wg.Go(func() {
			if _, err := s.adapter.Fetch(s.soon(), r.Ref()); err != nil {
				s.Error(err)
			}
			if err := s.adapter.Hide(s.soon(), r); err != nil {
				s.Error(err)
			}
		})
	}
	wg.Wait()
	for _, r := range receipts {
		if !s.there(r.Ref().Comment).Hidden {
			s.Errorf("%s is not hidden", r.Ref())
		}
	}
}

func checkItself(s *site) {
	look := func(adapter Adapter) map[string]platforms.Check {
		c, ok := adapter.(checker)
		if !ok {
			s.Skip("it does not check itself")
		}
		found := map[string]platforms.Check{}
		for _, c := range c.Check(s.soon()) {
			if _, twice := found[c.Name]; twice || c.Name == "" || c.SV == "" || c.EN == "" {
				s.Errorf("the check %+v says too little, or is made twice", c)
			}
			s.discreet(errors.New(c.SV + c.EN))
			found[c.Name] = c
		}
		return found
	}
	s.hook()
	s.say("Hej.")
	for name, c := range look(s.adapter) {
		if !c.OK {
			s.Errorf("all is well, and %s says: %s", name, c.EN)
		}
	}
	if c := look(s.another(s.wrongToken()))["token"]; c.OK || c.Name == "" {
		s.Errorf("a wrong token, and the check says: %+v", c)
	}
}

// wrongToken is the account with a token that the platform does not know.
func (s *site) wrongToken() Account {
	account := s.subject.Account
	account.Token = "a-token-that-nobody-knows"
	return account
}
