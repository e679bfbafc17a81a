package moderation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
)

// Use says when a template is suggested.
type Use string

// The uses of a template.
const (
	UseRemoved Use = "removed" // to tell an author why the comment was hidden or deleted
	UseMedical Use = "medical" // to refer to 1177
	UseTransit Use = "transit" // to refer to SL
	UsePress   Use = "press"   // to refer to the press office
	UseAny     Use = "any"     // whenever
)

// Uses lists the uses in the order in which templates are shown.
func Uses() []Use { return []Use{UseRemoved, UseMedical, UseTransit, UsePress, UseAny} }

// Valid tells whether u is a use.
func (u Use) Valid() bool { return slices.Contains(Uses(), u) }

// Route is where a use refers to; rules.NoRoute for the others.
func (u Use) Route() rules.Route {
	if r := rules.Route(u); r.Valid() {
		return r
	}
	return rules.NoRoute
}

// Template is a text that the team keeps ready. It is never overwritten: what is saved is its next version.
type Template struct {
	// Name is 1 to 40 of a–z, 0–9 and hyphens. It is chosen once: records name it.
	Name string
	// Version counts from 1.
	Version int
	Use     Use
	Title   rules.Words
	// Text may hold the placeholders that [Placeholders] lists.
	Text rules.Words
	// Retired templates are suggested no more.
	Retired bool
	// By is the account that saved this version, empty for what came with the program, and At when.
	By string
	At time.Time
}

// ID is the template and its version, as records name it: "tack/3".
func (t Template) ID() string { return fmt.Sprintf("%s/%d", t.Name, t.Version) }

// Placeholders are what a template may hold between { and }, the same in both languages: the bullet of the published policy that was
// broken, its plain explanation, what was done (dolt, tagit bort), the channel's name, and the policy's own words for a referral.
func Placeholders() []string {
	return []string{"regel", "förklaring", "åtgärd", "kanal", "hänvisning"}
}

// PlaceholderError says which placeholder of a template there is not. It is an [ErrInvalid].
type PlaceholderError struct {
	// Language is "sv" or "en", At the place of the { or } in that text, counted in characters from 1.
	Language string
	At       int
	// Name is what stands between the braces; empty when a brace stands alone.
	Name string
}

func (e *PlaceholderError) Error() string {
	if e.Name == "" {
		return fmt.Sprintf("%v: a brace stands alone at character %d of the text in %q", ErrInvalid, e.At, e.Language)
	}
	return fmt.Sprintf("%v: there is no placeholder {%s}, at character %d of the text in %q", ErrInvalid, e.Name, e.At, e.Language)
}

// Is makes errors.Is(err, ErrInvalid) true.
func (e *PlaceholderError) Is(target error) bool { return target == ErrInvalid }

// fill puts values in a text's places. missing names the first placeholder that has no value here; a placeholder that there is not, and a
// brace that stands alone, are errors.
func fill(language, text string, values map[string]string) (filled, missing string, err error) {
	var out strings.Builder
	for rest := text; ; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			out.WriteString(rest)
			return out.String(), missing, nil
		}
		at := utf8.RuneCountInString(text[:len(text)-len(rest)+i]) + 1
		end := strings.IndexAny(rest[i+1:], "{}")
		if rest[i] == '}' || end < 0 || rest[i+1+end] == '{' {
			return "", "", &PlaceholderError{Language: language, At: at}
		}
		name := rest[i+1 : i+1+end]
		if !slices.Contains(Placeholders(), name) {
			return "", "", &PlaceholderError{Language: language, At: at, Name: name}
		}
		if values[name] == "" && missing == "" {
			missing = name
		}
		out.WriteString(rest[:i])
		out.WriteString(values[name])
		rest = rest[i+2+end:]
	}
}

var (
	templateName = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}$`)
	templateID   = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,39}/[1-9][0-9]{0,8}$`)
)

// longestTitle and longestTemplate bound a template, in characters.
const (
	longestTitle    = 80
	longestTemplate = 2000
)

// check refuses a template that could not be used.
func (t Template) check() error {
	refused := func(why string) error { return fmt.Errorf("%w: %s", ErrInvalid, why) }
	switch {
	case !templateName.MatchString(t.Name):
		return refused("a template's name is 1 to 40 of a-z, 0-9 and hyphens")
	case !t.Use.Valid():
		return refused("a template needs a use")
	}
	for language, words := range map[string][2]string{"sv": {t.Title.SV, t.Text.SV}, "en": {t.Title.EN, t.Text.EN}} {
		title, text := words[0], words[1]
		switch {
		case strings.TrimSpace(title) == "" || strings.TrimSpace(text) == "":
			return refused("a template needs a title and a text in both languages")
		case !utf8.ValidString(title) || !utf8.ValidString(text):
			return refused("a template is text")
		case utf8.RuneCountInString(title) > longestTitle || utf8.RuneCountInString(text) > longestTemplate:
			return refused(fmt.Sprintf("a title has at most %d characters, a text %d", longestTitle, longestTemplate))
		}
		if _, _, err := fill(language, text, nil); err != nil {
			return err
		}
	}
	return nil
}

// SaveTemplate keeps t as the next version of its name and returns it. t.Version is the version that it was made from, 0 for a new name;
// [ErrStale] says that a colleague has saved another meanwhile, a *[PlaceholderError] where a placeholder is wrong.
func (m *Moderator) SaveTemplate(ctx context.Context, t Template, by string) (Template, error) {
	if err := t.check(); err != nil {
		return t, err
	}
	err := m.db.Update(ctx, func(tx *store.Tx) error {
		var latest int
		if err := tx.QueryRow(`SELECT coalesce(max(version), 0) FROM templates WHERE name = $1`, t.Name).Scan(&latest); err != nil {
			return err
		}
		if latest != t.Version {
			return ErrStale
		}
		t.Version, t.By, t.At = latest+1, by, m.now()
		_, err := tx.Exec(`INSERT INTO templates (name, version, use, title_sv, title_en, text_sv, text_en, retired, by_whom, at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`, t.Name, t.Version, string(t.Use), t.Title.SV, t.Title.EN, t.Text.SV, t.Text.EN,
			t.Retired, t.By, t.At)
		return err
	})
	if err != nil {
		return t, fmt.Errorf("moderation: save template %s: %w", t.Name, err)
	}
	return t, nil
}

const templateColumns = `name, version, use, title_sv, title_en, text_sv, text_en, retired, by_whom, at`

func readTemplates(tx *store.Tx, query string, args ...any) ([]Template, error) {
	rows, err := tx.Query(query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Template
	for rows.Next() {
		var t Template
		var at int64
		if err := rows.Scan(&t.Name, &t.Version, (*string)(&t.Use), &t.Title.SV, &t.Title.EN, &t.Text.SV, &t.Text.EN, &t.Retired, &t.By, &at); err != nil {
			return nil, err
		}
		t.At = store.FromTime(at)
		found = append(found, t)
	}
	return found, rows.Err()
}

// currentTemplates are the latest versions, by use and title.
func currentTemplates(tx *store.Tx) ([]Template, error) {
	found, err := readTemplates(tx, `SELECT `+templateColumns+` FROM templates t WHERE version = (SELECT max(version) FROM templates o WHERE o.name = t.name)`)
	slices.SortFunc(found, func(a, b Template) int {
		if a.Use != b.Use {
			return slices.Index(Uses(), a.Use) - slices.Index(Uses(), b.Use)
		}
		return strings.Compare(a.Title.SV+"\x00"+a.Name, b.Title.SV+"\x00"+b.Name)
	})
	return found, err
}

// Templates lists the latest version of each template, those that are retired too.
func (m *Moderator) Templates(ctx context.Context) (found []Template, err error) {
	err = m.db.View(ctx, func(tx *store.Tx) error { found, err = currentTemplates(tx); return err })
	if err != nil {
		return nil, fmt.Errorf("moderation: templates: %w", err)
	}
	return found, nil
}

// TemplateVersions lists every version of a template, the newest first.
func (m *Moderator) TemplateVersions(ctx context.Context, name string) (found []Template, err error) {
	err = m.db.View(ctx, func(tx *store.Tx) error {
		found, err = readTemplates(tx, `SELECT `+templateColumns+` FROM templates WHERE name = $1 ORDER BY version DESC`, name)
		return err
	})
	if err == nil && len(found) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("moderation: template %s: %w", name, err)
	}
	return found, nil
}

// Preview shows a template as it would read on a channel, with a bullet of the policy for an example. It refuses what SaveTemplate does.
func (m *Moderator) Preview(t Template) (rules.Words, error) {
	if err := t.check(); err != nil {
		return rules.Words{}, err
	}
	example := platforms.Channel{Name: "Region Stockholm"}
	if len(m.order) > 0 {
		example = m.order[0]
	}
	words, _, err := t.render(m.Policy(), example, rules.Insult, Hide)
	return words, err
}

// render fills a template in, in both languages. missing names a placeholder that has no value here.
func (t Template) render(policy *rules.Policy, channel platforms.Channel, broken rules.Category, done Action) (words rules.Words, missing string, err error) {
	bullet, route := policy.Bullet(broken), policy.Route(t.Use.Route())
	acts := map[Action]rules.Words{Hide: {SV: "dolt", EN: "hidden"}, Delete: {SV: "tagit bort", EN: "removed"}}
	for language, to := range map[string]*string{"sv": &words.SV, "en": &words.EN} {
		values := map[string]string{"regel": strings.TrimRight(bullet.Published.In(language), "."), "förklaring": bullet.Explanation.In(language),
			"åtgärd": acts[done].In(language), "kanal": channel.Name, "hänvisning": route.Reply.In(language)}
		filled, lacks, err := fill(language, t.Text.In(language), values)
		if err != nil {
			return words, "", err
		}
		if *to = filled; lacks != "" {
			missing = lacks
		}
	}
	return words, missing, nil
}

// templateExists tells whether there was ever such a version of a template.
func templateExists(tx *store.Tx, id string) (bool, error) {
	name, number, _ := strings.Cut(id, "/")
	version, err := strconv.Atoi(number)
	if err != nil {
		return false, nil
	}
	var n int
	err = tx.QueryRow(`SELECT 1 FROM templates WHERE name = $1 AND version = $2`, name, version).Scan(&n)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// small words that stand in nearly every sentence of one language, and hardly in any of the other.
var (
	swedishWords = wordSet("och att det är som inte jag ni vi du på för med av den ett en till har från ska kan om men vad hur när var eller så nu er era ert mig dig här där bara också vill får finns mycket")
	englishWords = wordSet("and the is are was not you we they of to it that this what how when where why or so my your our their with from have has can will would should do does but be about just please thanks thank")
)

func wordSet(words string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.Fields(words) {
		set[w] = true
	}
	return set
}

// languageOf says in which language to answer a text: "en" when it holds more English small words than Swedish ones, else "sv".
func languageOf(text string) string {
	swedish, english := 0, 0
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) }) {
		if swedishWords[w] || strings.ContainsAny(w, "åäö") {
			swedish++
		}
		if englishWords[w] {
			english++
		}
	}
	if english > swedish {
		return "en"
	}
	return "sv"
}
