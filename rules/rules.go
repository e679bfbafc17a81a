// Package rules judges a comment by a policy file.
//
// The path through it: [Load] reads a policy (YAML, with the word lists it names) and refuses one that is not whole;
// [Policy.Judge] folds the comment's text (rules/text), finds terms in one pass (rules/lexicon), looks for patterns,
// personal data, links and repetition, weighs who is spoken of, and returns a [Verdict] with its evidence.
//
// Judging is pure: no clock, no I/O, no network. The same comment, facts and policy give the same verdict, for ever, so
// that a verdict can be shown to be the policy's own years later. A Policy is never changed once loaded, and may be used
// from any number of goroutines.
package rules

// Action is what a verdict says should be done with a comment. The bot goes no further than hiding.
type Action string

// The three things that a verdict can say, from mildest to hardest.
const (
	Allow Action = "allow"
	Flag  Action = "flag"
	Hide  Action = "hide"
)

// Valid tells whether a is an action.
func (a Action) Valid() bool { return a == Allow || a == Flag || a == Hide }

// Category is a kind of violation: the policy's own bullets, refined where one bullet needs two treatments.
type Category string

// The categories, in the order of the published policy's bullets.
const (
	Defamation      Category = "defamation"
	Insult          Category = "insult"
	PersonalData    Category = "personal-data"
	Hate            Category = "hate"
	Graphic         Category = "graphic"
	Threat          Category = "threat"
	Incitement      Category = "incitement"
	Profanity       Category = "profanity"
	Advertising     Category = "advertising"
	Spam            Category = "spam"
	Disinformation  Category = "disinformation"
	UnreviewedLink  Category = "unreviewed-link"
	UnreviewedMedia Category = "unreviewed-media"
)

// Categories lists every category in the order of the policy's bullets.
func Categories() []Category {
	return []Category{Defamation, Insult, PersonalData, Hate, Graphic, Threat, Incitement, Profanity, Advertising, Spam,
		Disinformation, UnreviewedLink, UnreviewedMedia}
}

// Valid tells whether c is a category.
func (c Category) Valid() bool {
	for _, k := range Categories() {
		if c == k {
			return true
		}
	}
	return false
}

// Route is where the policy sends a question that the region does not answer in its comment fields. It removes nothing.
type Route string

// The routes of the published policy, and the press office.
const (
	NoRoute Route = ""
	Medical Route = "medical" // 1177
	Transit Route = "transit" // SL's customer service
	Press   Route = "press"   // the region's press office
)

// Valid tells whether r is a route.
func (r Route) Valid() bool { return r == NoRoute || r == Medical || r == Transit || r == Press }

// Words is a text for people in the two languages of the console.
type Words struct {
	SV string `json:"sv" yaml:"sv"`
	EN string `json:"en" yaml:"en"`
}

// In returns the text in the language asked for: "en", or else Swedish.
func (w Words) In(language string) string {
	if language == "en" {
		return w.EN
	}
	return w.SV
}

// Finding is one piece of evidence: what a rule found, and where.
type Finding struct {
	Category Category `json:"category"`
	// Rule is the id of the rule in the policy file.
	Rule string `json:"rule"`
	// Action is how far this finding alone would go, after the context has weighed in and the rule's mode has its say.
	Action Action `json:"action"`
	// Score is how sure the rule is, from 0 to 1.
	Score float64 `json:"score"`
	// Start and End delimit the evidence in bytes of the original text: text[Start:End]. Both are 0 where the
	// evidence is no place in the text (a picture, a repetition).
	Start int `json:"start"`
	End   int `json:"end"`
	// Text is the original text between Start and End.
	Text string `json:"text"`
	// SeenAs is what the text was read as, when that differs from how it was written ("1d10t" as "idiot"): a disguise
	// is evidence in itself.
	SeenAs string `json:"seen_as,omitempty"`
	// Reason says why, to a person.
	Reason Words `json:"reason"`
	// Escalate is true for what is also to be reported to the platform and the police.
	Escalate bool `json:"escalate,omitempty"`
}

// Verdict is what the policy says of one comment.
type Verdict struct {
	Action   Action    `json:"action"`
	Escalate bool      `json:"escalate,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	Route    Route     `json:"route,omitempty"`
	// Policy is the version of the policy that judged: the first 16 hexadecimal digits of a SHA-256 over all its files.
	Policy string `json:"policy"`
}

// Categories returns the categories found, each once, in the order of the policy's bullets.
func (v Verdict) Categories() []Category {
	var found []Category
	for _, c := range Categories() {
		for _, f := range v.Findings {
			if f.Category == c {
				found = append(found, c)
				break
			}
		}
	}
	return found
}

// Facts is what moderation remembers that a verdict may depend on. The zero value is a first comment by a stranger.
type Facts struct {
	// Own is true when the authority's own account wrote the comment: it is always allowed.
	Own bool
	// SameByAuthor counts this author's earlier comments, within [Policy.RepeatWindow], that say the same or nearly the same
	// as this one (see [Fingerprint]).
	SameByAuthor int
	// SameByOthers counts such comments of other authors on the same channel.
	SameByOthers int
	// Modes overrides the mode of single rules by id, as autonomy that was lost or earned: it can only lower
	// hide to flag and flag to shadow, never raise.
	Modes map[string]Mode
}

// Mode is how far a rule may go on its own.
type Mode string

// The modes of a rule.
const (
	ModeShadow Mode = "shadow" // counted, never seen in a verdict's action
	ModeFlag   Mode = "flag"
	ModeHide   Mode = "hide"
)

// Valid tells whether m is a mode.
func (m Mode) Valid() bool { return m == ModeShadow || m == ModeFlag || m == ModeHide }
