package moderation

import (
	"fmt"
	"time"
	"unicode/utf8"

	"takhojd/moderation/inbox"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// A storm comes in batches, and a batch goes along the path in one transaction. What its events have to be asked about is asked once for all
// of them before the first is taken, and what they write is written in as few statements (store.Tx.Insert): a database spends more on a
// statement than on a row.

var (
	commentsTable = store.NewTable("comments", `id platform channel comment_id received_at post_id parent_id author_id author_name own text attachments
		permalink posted_at revision revised_at state state_at state_by record_id violation_at repeated`)
	revisionsTable = store.NewTable("revisions", "comment revision text attachments raw at received_at via superseded", commentsTable)
	historyTable   = store.NewTable("history", "comment at what by_whom detail", commentsTable)
	decisionsTable = store.NewTable("decisions", `id comment channel revision action by_kind by_whom reason verdict policy categories category route
		escalate flag record_id received_at decided_at`, commentsTable)
	flagsTable     = store.NewTable("flags", "id comment decision channel why category severity opened_at due_at", commentsTable)
	outboxTable    = store.NewTable("outbox", "comment channel action decision record_id revision argument priority not_before created_at since")
	hideRulesTable = store.NewTable("hide_rules", "decision rule", decisionsTable)
)

// together is what the events of one walk share.
type together struct {
	// fetched holds the comments that were asked for beforehand, nil where there is none. Each answer serves once: what the walk itself
	// makes of a comment stands in the database.
	fetched map[platforms.Ref]*comment
	// byID holds comments that were asked for by their numbers, and failed those of them that wait for a person because something of theirs
	// failed; nil: nobody has asked.
	byID   map[int64]*comment
	failed map[int64]bool
	// posts holds what is known of posts, by channel and id.
	posts map[string]*knownPost
	// hides is how many comments were hidden on each channel today, struck how often those authors broke the rules lately whom somebody
	// foresaw to do it again. An author who is not there must be asked for.
	hides  map[string]*tally
	struck map[string]int
	// byRule is how many comments each rule hid in this walk, looks what must be looked at for the lists, at its end.
	byRule map[string]int
	looks  []int64
	// repeated is what comments are to have in the column of that name, by their numbers.
	repeated map[int64]int64
}

type knownPost struct{ text string }

// numbers are the highest of each kind. They are kept from walk to walk: whoever writes a row of these takes its number from next.
type numbers struct {
	asked                      bool
	comments, decisions, flags int64
}

type numbersKey struct{}

// tally is a number of a day that is written when it has changed. It is kept from walk to walk: nobody else counts.
type tally struct {
	day     string
	n       int
	changed bool
}

// tallyKey is a channel's.
type tallyKey string

func postKey(channel, post string) string { return channel + "\x00" + post }

func authorKey(platform platforms.Platform, author string) string {
	return string(platform) + "\x00" + author
}

// ask asks what the events have to be asked about. It changes nothing of what becomes of them: where a question costs little, who is alone asks for
// himself.
func (w *walk) ask(entries []inbox.Entry, ahead []*foreseen) {
	if len(entries) < 2 && !w.tx.PostgreSQL() {
		return
	}
	comments, posts, authors := wanted{}, wanted{}, wanted{}
	for i, e := range entries {
		c := e.Event.Comment
		if express := i < len(ahead); express && w.new(e.Event) {
			w.guess(c.Ref)
		} else {
			comments.add(c.Ref.Platform, c.Ref.Channel, c.Ref.Comment)
		}
		if e.Event.Kind != platforms.Added && e.Event.Kind != platforms.Edited {
			continue
		}
		if w.knownPosts()[postKey(c.Ref.Channel, c.Post)] == nil {
			posts.add(c.Ref.Platform, c.Ref.Channel, c.Post)
		}
		if i < len(ahead) && ahead[i] != nil && Action(ahead[i].verdict.Action) == Hide {
			authors.add(c.Ref.Platform, "", c.Author.ID)
			w.askHides(c.Ref.Channel)
		}
	}
	if len(authors) > 0 {
		w.m.archive.Ready(w.tx)
	}
	w.fetch(comments)
	w.fetchPosts(posts)
	w.fetchStrikes(authors)
	w.askNumbers()
	w.askAutonomy()
}

// wanted lists ids to be asked for, by platform and channel.
type wanted map[[2]string]map[string]bool

func (a wanted) add(platform platforms.Platform, channel, id string) {
	if id == "" || !utf8.ValidString(id) {
		return // asked for by itself
	}
	key := [2]string{string(platform), channel}
	if a[key] == nil {
		a[key] = map[string]bool{}
	}
	a[key][id] = true
}

// each runs f for each platform and channel with the ids.
func (a wanted) each(f func(platform, channel string, ids []string)) {
	for key, set := range a {
		ids := make([]string, 0, len(set))
		for id := range set {
			ids = append(ids, id)
		}
		f(key[0], key[1], ids)
	}
}

// new tells whether a comment is most likely heard of for the first time, so that its key may say if that is not so: a platform tells of it as it comes.
// What is told twice was most often told of lately.
func (w *walk) new(e platforms.Event) bool {
	return w.tx.Guess() && e.Kind == platforms.Added && e.Via == "webhook" && utf8.ValidString(e.Comment.Ref.Comment) && !w.m.told.lately(e.Comment.Ref)
}

// guess takes for granted that nothing is known of a comment.
func (w *walk) guess(ref platforms.Ref) {
	if w.fetched == nil {
		w.fetched = map[platforms.Ref]*comment{}
	}
	w.fetched[ref] = nil
}

func (w *walk) fetch(comments wanted) {
	if w.fetched == nil {
		w.fetched = map[platforms.Ref]*comment{}
	}
	comments.each(func(platform, channel string, ids []string) {
		for _, id := range ids {
			w.fetched[platforms.Ref{Platform: platforms.Platform(platform), Channel: channel, Comment: id}] = nil
		}
		w.tx.Ask(`SELECT `+commentColumns+` FROM comments WHERE platform = $1 AND channel = $2 AND `+w.tx.AmongTexts(`comment_id`, `$3`),
			[]any{platform, channel, ids}, func(scan func(...any) error) error {
				c, err := scanComment(scan)
				if err == nil {
					w.fetched[c.ref] = c
				}
				return err
			})
	})
}

func (w *walk) fetchPosts(posts wanted) {
	w.posts = map[string]*knownPost{}
	posts.each(func(platform, channel string, ids []string) {
		w.tx.Ask(`SELECT post_id, text FROM posts WHERE platform = $1 AND channel = $2 AND `+w.tx.AmongTexts(`post_id`, `$3`),
			[]any{platform, channel, ids}, func(scan func(...any) error) error {
				var id string
				var p knownPost
				err := scan(&id, &p.text)
				w.posts[postKey(channel, id)], w.knownPosts()[postKey(channel, id)] = &p, &p
				return err
			})
	})
}

// fetchStrikes counts the violations of authors. The cast is there for the reason that strikes gives.
func (w *walk) fetchStrikes(authors wanted) {
	limit, window := w.m.Policy().Strikes()
	if limit <= 0 {
		return
	}
	w.struck = map[string]int{}
	authors.each(func(platform, _ string, ids []string) {
		ids = w.guessStrikes(platforms.Platform(platform), ids, window)
		if len(ids) == 0 {
			return
		}
		w.tx.Ask(`SELECT author_id, count(*) FROM comments WHERE platform = $1 AND `+w.tx.AmongTexts(`author_id`, `$2`)+`
			AND violation_at > 0 AND violation_at > CAST($3 AS BIGINT) GROUP BY author_id`, []any{platform, ids, w.now.Add(-window)},
			func(scan func(...any) error) error {
				var id string
				var n int
				err := scan(&id, &n)
				author := authorKey(platforms.Platform(platform), id)
				w.struck[author] = n
				w.m.struck.note(author)
				return err
			})
	})
}

// guessStrikes takes for granted that authors of whom nothing is remembered have broken no rules lately, as far as it may, and returns those who must
// be asked about.
func (w *walk) guessStrikes(platform platforms.Platform, ids []string, window time.Duration) (ask []string) {
	var clean []string
	for _, id := range ids {
		author := authorKey(platform, id)
		if w.struck[author] = 0; !w.m.struck.lately(author) && w.tx.Guess() {
			clean = append(clean, id)
		} else {
			ask = append(ask, id)
		}
	}
	if len(clean) > 0 {
		w.tx.Expect(`SELECT count(*) FROM comments WHERE platform = $1 AND `+w.tx.AmongTexts(`author_id`, `$2`)+`
			AND violation_at > 0 AND violation_at > CAST($3 AS BIGINT)`, string(platform), clean, w.now.Add(-window))
	}
	return ask
}

// askNumbers asks for the highest numbers. Nobody else writes meanwhile, so that those that follow are this walk's to give.
func (w *walk) askNumbers() *numbers {
	last := store.Kept[numbers](w.tx, numbersKey{})
	if !last.asked {
		w.tx.Ask(`SELECT (SELECT coalesce(max(id), 0) FROM comments), (SELECT coalesce(max(id), 0) FROM decisions), (SELECT coalesce(max(id), 0) FROM flags)`,
			nil, func(scan func(...any) error) error {
				last.asked = true
				return scan(&last.comments, &last.decisions, &last.flags)
			})
	}
	return last
}

// numbers returns the highest numbers.
func (w *walk) numbers() (*numbers, error) {
	last := w.askNumbers()
	if last.asked {
		return last, nil
	}
	if err := w.tx.Answers(); err != nil {
		return nil, fmt.Errorf("moderation: the latest numbers: %w", err)
	}
	return last, nil
}

// next gives the next number of a kind.
func (w *walk) next(kind func(*numbers) *int64) (int64, error) {
	last, err := w.numbers()
	if err != nil {
		return 0, err
	}
	n := kind(last)
	*n++
	return *n, nil
}

func ofComments(n *numbers) *int64  { return &n.comments }
func ofDecisions(n *numbers) *int64 { return &n.decisions }
func ofFlags(n *numbers) *int64     { return &n.flags }

// today counts one more hide on a channel, and tells how many that makes.
func (w *walk) today(channel string) (int, error) {
	if w.askHides(channel) {
		if err := w.tx.Answers(); err != nil {
			return 0, fmt.Errorf("hide quota: %w", err)
		}
	}
	today := w.hides[channel]
	today.n++
	today.changed = true
	return today.n, nil
}

// askHides asks how many comments were hidden on a channel today, unless that is known.
func (w *walk) askHides(channel string) (asked bool) {
	if w.hides[channel] != nil {
		return false
	}
	if w.hides == nil {
		w.hides = map[string]*tally{}
	}
	today := store.Kept[tally](w.tx, tallyKey(channel))
	w.hides[channel] = today
	if today.day == w.day() {
		return false
	}
	*today = tally{day: w.day()}
	w.tx.Ask(`SELECT coalesce(max(hides), 0) FROM quotas WHERE channel = $1 AND day = $2`, []any{channel, w.day()},
		func(scan func(...any) error) error { return scan(&today.n) })
	return true
}

// day is the authority's own.
func (w *walk) day() string { return w.now.In(w.m.cfg.Location).Format(time.DateOnly) }

// sum writes what was counted on the way. What follows may ask for it; a walk ends with it.
func (w *walk) sum() {
	if len(w.looks) > 0 {
		w.lookAt(w.looks)
		w.looks = w.looks[:0]
	}
	for channel, today := range w.hides {
		if !today.changed {
			continue
		}
		w.tx.Do(`INSERT INTO quotas (channel, day, hides) VALUES ($1, $2, $3) ON CONFLICT (channel, day) DO UPDATE SET hides = excluded.hides`,
			channel, today.day, today.n)
		today.changed = false
	}
	clear(w.hides)
	noneMatters := *w.noneMatters() // how often it hid makes none matter
	for rule, n := range w.byRule {
		w.tx.Do(`INSERT INTO rule_records (rule, hides) VALUES ($1, $2)
			ON CONFLICT (rule) DO UPDATE SET hides = rule_records.hides + excluded.hides`, rule, n)
	}
	clear(w.byRule)
	*w.noneMatters() = noneMatters
	for comment, exact := range w.repeated {
		w.tx.Do(`UPDATE comments SET repeated = $2 WHERE id = $1 AND repeated <> $2`, comment, exact)
	}
	clear(w.repeated)
}
