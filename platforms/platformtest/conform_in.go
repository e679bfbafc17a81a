package platformtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"takhojd/platforms"
)

// conformIn is what an adapter must hear.
var conformIn = []conformTest{
	{"a comment is told of", toldOfAComment},
	{"told twice is known once", toldTwice},
	{"an edit", toldOfAnEdit},
	{"a removal", toldOfARemoval},
	{"hidden and shown by a colleague", toldOfHiding},
	{"every script", everyScript},
	{"60,000 characters", sixtyThousand},
	{"pictures with and without text", pictures},
	{"our own words are known as ours", ownWords},
	{"catching up after an outage", afterAnOutage},
	{"catching up twice finds the same", caughtUpTwice},
	{"catching up ends with the sink's error", sinkFails},
	{"posts", readPosts},
	{"listening ends when told to", listeningEnds},
}

// scripts are texts that break programs. None holds NUL: platforms refuse it.
var scripts = map[string]string{
	"Swedish":       "Å i åa ä e ö – det är ju så.",
	"markup":        `<b>fet</b> & "citat" 'enkla' &amp; &lt; a < b && c > d \u00e5 \n %s %% ${x}`,
	"decomposed":    "A\u030a och o\u0308 i lo\u0308sa delar",
	"Arabic":        "مرحبا بالعالم، كيف حالكم؟",
	"Hebrew":        "שלום עולם – מה נשמע?",
	"mixed order":   "Svenska \u202bעברית ואנגלית\u202c och \u200fmarken\u200e \u2067isolerat\u2069",
	"Chinese":       "这项决定是错误的，请重新考虑。",
	"Japanese":      "これは正しい決定ではありません。ｶﾀｶﾅ",
	"Korean":        "이 결정은 잘못되었습니다",
	"Thai":          "การตัดสินใจนี้ผิด",
	"Devanagari":    "यह निर्णय गलत है क्षत्रिय",
	"Greek":         "Ελληνικά ὕβρις",
	"emoji":         "👩🏽‍⚕️👨‍👩‍👧‍👦🏳️‍🌈🇸🇪❤️‍🔥",
	"stacked marks": "Z\u0351\u036b\u0343\u036a\u0302\u036b\u033d\u034f\u0334\u0319\u0324\u031e\u0349\u035a\u032f\u031e\u0320\u034d",
	"invisible":     "ord\u200bmed\u200c\u200d\u2060\u00admellan\ufeff",
	"beyond 16 bit": "𝕳𝖊𝖏 𝓭å 𐍈 𠜎",
	"controls":      "rad ett\nrad två\ttabb\r\nrad tre \u0001\u001b[31m slut",
	"surroundings":  "  mellanslag före och efter  ",
}

func toldOfAComment(s *site) {
	s.hook()
	first := s.say("Köerna är för långa.")
	answer := s.write(Comment{Parent: first.ID, Text: "Håller med."})
	for _, want := range []Comment{first, answer} {
		k := s.learn(platforms.Added, want.ID, func(k known) bool { return k.comment.Text == want.Text })
		c := k.comment
		if c.Post != s.post.ID || c.Parent != want.Parent || c.Author.ID != s.subject.Citizen.ID || c.Author.Name == "" || c.Own || c.Hidden {
			s.Errorf("it was told as %+v", c)
		}
		if d := c.Posted.Sub(want.Posted); d.Abs() > time.Second {
			s.Errorf("it was posted %v off", d)
		}
		s.sameByAllRoads(want.ID)
	}
}

// sameByAllRoads checks that a comment has one revision, however it is read: else it would pass for edited.
func (s *site) sameByAllRoads(comment string) {
	s.Helper()
	fetched, err := s.adapter.Fetch(s.soon(), s.ref(comment))
	s.must(err)
	s.catchUp(s.start.Add(-time.Hour))
	k, ok := s.heard.of(comment)
	if !ok {
		s.Fatalf("%s was not found by catching up", comment)
	}
	if len(k.revisions) != 1 || k.revisions[0] != fetched.Revision() {
		s.Errorf("%s has revisions %v, and %s when fetched", comment, k.revisions, fetched.Revision())
	}
	if fetched.Ref != s.ref(comment) || fetched.Post != k.comment.Post || fetched.Parent != k.comment.Parent || fetched.Author.ID != k.comment.Author.ID ||
		!fetched.Posted.Equal(k.comment.Posted) || fetched.Own != k.comment.Own || len(fetched.Raw) == 0 {
		s.Errorf("%s is fetched as %+v, but was told as %+v", comment, fetched, k.comment)
	}
}

func toldTwice(s *site) {
	s.faults(Faults{WebhookDuplicate: 1})
	s.hook()
	c := s.say("En gång.")
	s.learn(platforms.Added, c.ID, func(known) bool { return true })
	s.sameByAllRoads(c.ID)
}

func toldOfAnEdit(s *site) {
	if s.subject.Final {
		s.Skip("nobody can edit a comment here")
	}
	s.hook()
	c := s.say("Före.")
	s.learn(platforms.Added, c.ID, func(k known) bool { return k.comment.Text == "Före." })
	s.glimpse()
	s.must(s.Edit(c.ID, "Efter."))
	k := s.learn(platforms.Edited, c.ID, func(k known) bool { return k.comment.Text == "Efter." })
	if len(k.revisions) != 2 {
		s.Errorf("%d revisions, want 2", len(k.revisions))
	}
	if now, err := s.adapter.Fetch(s.soon(), s.ref(c.ID)); err != nil || now.Text != "Efter." || now.Revision() != k.comment.Revision() {
		s.Errorf("fetched %q, %v", now.Text, err)
	}
}

func toldOfARemoval(s *site) {
	s.hook()
	c, stays := s.say("Ångrad."), s.say("Kvar.")
	for _, id := range []string{c.ID, stays.ID} {
		s.learn(platforms.Added, id, func(known) bool { return true })
	}
	s.glimpse()
	s.must(s.Remove(c.ID))
	if s.pushes(platforms.Removed) {
		s.learn(platforms.Removed, c.ID, func(k known) bool { return k.removed })
	}
	if _, err := s.adapter.Fetch(s.soon(), s.ref(c.ID)); !errors.Is(err, platforms.ErrGone) {
		s.Errorf("fetched: %v, want ErrGone", err)
	}
	if s.catchUp(s.start.Add(-time.Hour)); s.heardRemoved(stays.ID) {
		s.Error("what stays was told as removed")
	}
}

func (s *site) heardRemoved(comment string) bool { k, _ := s.heard.of(comment); return k.removed }

func toldOfHiding(s *site) {
	if !s.adapter.Capabilities().Hide {
		s.Skip("nothing can be hidden here")
	}
	if s.adapter.Capabilities().HidesUntold {
		s.Skip("nobody is told here of what is hidden")
	}
	s.hook()
	c := s.say("Dold av en kollega.")
	s.learn(platforms.Added, c.ID, func(known) bool { return true })
	s.glimpse()
	s.must(s.SetHidden(c.ID, true))
	s.learn(platforms.Hidden, c.ID, func(k known) bool { return k.hidden })
	s.must(s.SetHidden(c.ID, false))
	s.learn(platforms.Restored, c.ID, func(k known) bool { return !k.hidden })
	if k, _ := s.heard.of(c.ID); len(k.revisions) != 1 || k.removed {
		s.Errorf("hiding made it %+v", k)
	}
}

func everyScript(s *site) {
	s.hook()
	for name, text := range scripts {
		c := s.say(text)
		k := s.learn(platforms.Added, c.ID, func(known) bool { return true })
		if k.comment.Text != text {
			s.Errorf("%s: told as %q, written as %q", name, k.comment.Text, text)
		}
	}
	for _, c := range s.State().Comments {
		if fetched, err := s.adapter.Fetch(s.soon(), s.ref(c.ID)); err != nil || fetched.Text != c.Text {
			s.Errorf("fetched as %q, written as %q; %v", fetched.Text, c.Text, err)
		}
	}
	s.catchUp(s.start.Add(-time.Hour))
	for _, c := range s.State().Comments {
		if k, _ := s.heard.of(c.ID); len(k.revisions) != 1 || k.comment.Text != c.Text {
			s.Errorf("%q has %d revisions", c.Text, len(k.revisions))
		}
	}
}

func sixtyThousand(s *site) {
	s.hook()
	const piece = "Det är för långt åt båda håll 👩🏽‍⚕️. "
	text := strings.Repeat(piece, 60_000/utf8.RuneCountInString(piece)+1)
	c := s.say(strings.TrimSpace(string([]rune(text)[:60_000])))
	k := s.learn(platforms.Added, c.ID, func(known) bool { return true })
	if k.comment.Text != c.Text {
		s.Errorf("%d bytes were told of %d", len(k.comment.Text), len(c.Text))
	}
	s.sameByAllRoads(c.ID)
}

func pictures(s *site) {
	if s.subject.NoPictures {
		s.Skip("comments hold no pictures here")
	}
	s.hook()
	for _, text := range []string{"Se här.", ""} {
		c := s.write(Comment{Text: text, Photos: 1})
		k := s.learn(platforms.Added, c.ID, func(known) bool { return true })
		if k.comment.Text != text || len(k.comment.Attachments) != 1 || k.comment.Attachments[0].Kind == "" || k.comment.Attachments[0].URL == "" {
			s.Errorf("%q with a picture was told as %q with %+v", text, k.comment.Text, k.comment.Attachments)
		}
		s.sameByAllRoads(c.ID)
	}
}

func ownWords(s *site) {
	s.hook()
	theirs := s.say("När öppnar ni?")
	ours := s.write(Comment{Parent: theirs.ID, AuthorID: s.subject.Account.ID, Author: s.subject.Account.Name, Text: "Klockan åtta."})
	s.learn(platforms.Added, theirs.ID, func(known) bool { return true })
	s.catchUp(s.start.Add(-time.Hour)) // that Own is right in every event is checked in the sink
	c, err := s.adapter.Fetch(s.soon(), s.ref(ours.ID))
	s.must(err)
	if !c.Own {
		s.Error("our own answer was not known as ours")
	}
	if k, ok := s.heard.of(ours.ID); ok && !k.comment.Own {
		s.Error("our own answer was told as somebody else's")
	}
}

// afterAnOutage: 120 comments on two posts, answers and edits among them, while nobody listened.
func afterAnOutage(s *site) {
	second := s.publish("Nya bussar", time.Time{})
	before := s.say("Före avbrottet.")
	since := time.Now()
	want := map[string]string{before.ID: before.Text}
	var parent string
	for i := range 120 {
		c := Comment{Text: fmt.Sprint("Under avbrottet, nummer ", i)}
		if i%2 == 1 {
			c.Post = second.ID
		}
		if i%10 == 4 {
			c.Parent = parent
		}
		made := s.write(c)
		if i%10 == 2 {
			parent = made.ID
		}
		want[made.ID] = made.Text
	}
	if !s.subject.Final {
		s.must(s.Edit(before.ID, "Ändrad under avbrottet."))
		want[before.ID] = "Ändrad under avbrottet."
	}
	gone := s.say("Skriven och borttagen.")
	s.must(s.Remove(gone.ID))
	hidden := ""
	if s.adapter.Capabilities().Hide {
		c := s.say("Dold av en kollega under avbrottet.")
		s.must(s.SetHidden(c.ID, true))
		want[c.ID] = c.Text
		if !s.adapter.Capabilities().HidesUntold {
			hidden = c.ID
		}
	}
	got := s.catchUp(since.Add(-time.Minute))
	for id, text := range want {
		k, ok := s.heard.of(id)
		switch {
		case !ok:
			s.Errorf("%q was lost", text)
		case k.comment.Text != text || len(k.revisions) != 1:
			s.Errorf("%q was found as %q, in %d revisions", text, k.comment.Text, len(k.revisions))
		case k.hidden != (id == hidden):
			s.Errorf("%q: hidden is %v", text, k.hidden)
		case k.comment.Parent != s.there(id).Parent || k.comment.Post != s.there(id).Post:
			s.Errorf("%q was found under %s, %s", text, k.comment.Post, k.comment.Parent)
		}
	}
	for id := range got {
		if _, wanted := want[id]; !wanted {
			if k, _ := s.heard.of(id); !k.removed {
				s.Errorf("%s was found, and is not there", id)
			}
		}
	}
}

func caughtUpTwice(s *site) {
	for i := range 5 {
		s.say(fmt.Sprint("Nummer ", i))
	}
	first, again := s.catchUp(s.start.Add(-time.Hour)), s.catchUp(s.start.Add(-time.Hour))
	if len(first) != 5 || len(again) != 5 {
		s.Errorf("%d and %d comments, want 5", len(first), len(again))
	}
	for _, c := range s.State().Comments {
		if k, _ := s.heard.of(c.ID); len(k.revisions) != 1 {
			s.Errorf("%s has %d revisions", c.ID, len(k.revisions))
		}
	}
}

func sinkFails(s *site) {
	s.say("Ett.")
	full := errors.New("the disk is full")
	err := s.adapter.CatchUp(s.soon(), s.start.Add(-time.Hour), func(context.Context, []platforms.Event) error { return full })
	if !errors.Is(err, full) {
		s.Errorf("%v, want the sink's own error", err)
	}
}

func readPosts(s *site) {
	post, err := s.adapter.FetchPost(s.soon(), s.post.ID)
	s.must(err)
	if post.ID != s.post.ID || post.Text != s.post.Text || post.Platform != s.channel.Platform || post.Channel != s.channel.ID ||
		post.Posted.Sub(s.post.Posted).Abs() > time.Second {
		s.Errorf("the post is read as %+v", post)
	}
	calls := s.calls()
	if _, err := s.adapter.FetchPost(s.soon(), "../me?x=y"); err == nil || s.calls() != calls {
		s.Errorf("what is no id was asked for: %v", err)
	}
}

func listeningEnds(s *site) {
	l, ok := s.adapter.(listener)
	if !ok {
		s.Skip("it does not listen")
	}
	ctx, cancel := context.WithCancel(s.soon())
	ended := make(chan error, 1)
	go func() { ended <- l.Listen(ctx, s.take) }()
	cancel()
	select {
	case <-ended:
	case <-time.After(patience):
		s.Error("it did not")
	}
}
