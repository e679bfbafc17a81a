package moderation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/store"
	"takhojd/rules"
)

// trialReviews is how many of its hides people must have reviewed before a rule is judged by its figures. Until then it has its policy's
// word, and each of its hides leads the list of what the bot hid.
const trialReviews = 30

// RuleFigure is how one rule stands with the people who review what it hides.
type RuleFigure struct {
	Rule rules.RuleInfo
	// Mode is how far the rule goes now: Rule.Mode, or flag where it would hide and has fallen back.
	Mode rules.Mode
	// Hides counts the comments that it hid, and those that it would have hidden while fallen back. People have reviewed Reviewed of
	// them, and agreed in Upheld. All three count from the rule's latest reset, under whatever version of the policy.
	Hides, Reviewed, Upheld int
	// Lower is the lower bound of the upheld share (Wilson, 95 %), 0 to 1; 0 before any review. Target is what the category asks for.
	Lower, Target float64
	// FellBack is when the rule fell back; zero when it has not, or has come back.
	FellBack time.Time
	// Why says to a person why the rule goes as far as it does.
	Why rules.Words
}

// RuleFigures lists how each rule of the policy stands, in the order of the policy file.
func (m *Moderator) RuleFigures(ctx context.Context) ([]RuleFigure, error) {
	records := map[string]ruleRecord{}
	err := m.db.View(ctx, func(tx *store.Tx) error {
		all, err := ruleRecords(tx, "")
		for _, r := range all {
			records[r.rule] = r
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: figures of the rules: %w", err)
	}
	policy := m.Policy()
	var figures []RuleFigure
	for _, info := range policy.Rules() {
		r := records[info.ID]
		f := RuleFigure{Rule: info, Mode: info.Mode, Hides: r.hides, Reviewed: r.reviewed, Upheld: r.upheld, Lower: wilson(r.upheld, r.reviewed),
			Target: policy.Bullet(info.Category).Target}
		if r.mode == rules.ModeFlag {
			f.FellBack = r.modeAt
			if info.Mode == rules.ModeHide {
				f.Mode = rules.ModeFlag
			}
		}
		f.Why = f.why(m.cfg.Location)
		figures = append(figures, f)
	}
	return figures, nil
}

// why puts a rule's standing into words.
func (f RuleFigure) why(zone *time.Location) rules.Words {
	say := func(sv, en string, args ...any) rules.Words {
		return rules.Words{SV: fmt.Sprintf(sv, args...), EN: fmt.Sprintf(en, args...)}
	}
	switch {
	case f.Rule.Mode == rules.ModeShadow:
		return say("Räknas bara. Så säger policyn.", "Is only counted: the policy says so.")
	case f.Rule.Mode == rules.ModeFlag:
		return say("Flaggar bara. Så säger policyn.", "Only flags: the policy says so.")
	case f.Mode == rules.ModeFlag:
		w := say("Flaggar bara sedan %[1]s. Medarbetare höll med om %[2]d av %[3]d granskade.", "Has only flagged since %[1]s. People upheld %[2]d of %[3]d.",
			f.FellBack.In(zone).Format(time.DateOnly), f.Upheld, f.Reviewed)
		return rules.Words{SV: w.SV + " " + f.bound().SV + " Den får dölja igen när andelen är hög nog.",
			EN: w.EN + " " + f.bound().EN + " It may hide again when the share is high enough."}
	case f.Reviewed < trialReviews:
		return say("Prövas: %d av %d granskade. Tills dess gäller policyn, och allt som den döljer ska granskas.",
			"On trial: %d of %d reviewed. Until then it has the policy's word, and all that it hides is to be reviewed.", f.Reviewed, trialReviews)
	}
	w := say("Medarbetare höll med om %d av %d granskade.", "People upheld %d of %d.", f.Upheld, f.Reviewed)
	return rules.Words{SV: w.SV + " " + f.bound().SV, EN: w.EN + " " + f.bound().EN}
}

// bound says what the figures are worth against what is asked.
func (f RuleFigure) bound() rules.Words {
	lower, target := fmt.Sprintf("%.1f", math.Floor(f.Lower*1000)/10), fmt.Sprintf("%g", math.Round(f.Target*1000)/10)
	return rules.Words{SV: fmt.Sprintf("Andelen är minst %s\u00a0%% med 95\u00a0%% säkerhet, målet är %s\u00a0%%.", comma(lower), comma(target)),
		EN: fmt.Sprintf("The share is at least %s%% with 95%% confidence; the target is %s%%.", lower, target)}
}

func comma(number string) string { return strings.Replace(number, ".", ",", 1) }

// ResetRule forgets what people made of a rule's hides, so that it starts anew with the policy's word: when the rule has been mended. What
// it forgets is kept in the history of the rule. ErrNotFound says that the rule is neither in the policy nor ever hid anything.
func (m *Moderator) ResetRule(ctx context.Context, rule, by string) error {
	if by == "" {
		return fmt.Errorf("%w: a reset needs its maker", ErrInvalid)
	}
	return m.update(ctx, func(w *walk) error {
		found, err := ruleRecords(w.tx, " WHERE rule = $1", rule)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			if _, known := categoriesOfRules(m.Policy())[rule]; !known {
				return ErrNotFound
			}
			return nil // it has no record to forget
		}
		latest, err := w.latestDecision()
		if err != nil {
			return err
		}
		r := found[0]
		if err := w.noteRule(r, rules.ModeHide, m.Policy(), by); err != nil {
			return err
		}
		_, err = w.tx.Exec(`UPDATE rule_records SET hides = 0, reviewed = 0, upheld = 0, since = $2 WHERE rule = $1`, rule, latest)
		return err
	})
}

// ruleRecord is a row of rule_records.
type ruleRecord struct {
	rule                    string
	hides, reviewed, upheld int
	mode                    rules.Mode
	modeAt                  time.Time
}

// standing is how far a record lets a rule go. A rule that nobody has overturned has not lost trust, however few its reviews: thirty
// upheld out of thirty have a lower bound of 88.6 %, and would fail most targets.
func (r ruleRecord) standing(target float64) rules.Mode {
	if r.reviewed >= trialReviews && r.upheld < r.reviewed && wilson(r.upheld, r.reviewed) < target {
		return rules.ModeFlag
	}
	return rules.ModeHide
}

func ruleRecords(tx *store.Tx, where string, args ...any) ([]ruleRecord, error) {
	var found []ruleRecord
	err := tx.ForEach(ruleColumns+where, args, func(scan func(...any) error) error {
		r, err := scanRule(scan)
		found = append(found, r)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("records of the rules: %w", err)
	}
	return found, nil
}

const ruleColumns = `SELECT rule, hides, reviewed, upheld, mode, mode_at FROM rule_records`

func scanRule(scan func(...any) error) (r ruleRecord, err error) {
	var at int64
	err = scan(&r.rule, &r.hides, &r.reviewed, &r.upheld, (*string)(&r.mode), &at)
	r.modeAt = store.FromTime(at)
	return r, err
}

func categoriesOfRules(p *rules.Policy) map[string]rules.Category {
	categories := map[string]rules.Category{}
	for _, info := range p.Rules() {
		categories[info.ID] = info.Category
	}
	return categories
}

type autonomyKey struct{}

// noneMatters is true while it is known that no record matters to autonomy.
func (w *walk) noneMatters() *bool { return store.Kept[bool](w.tx, autonomyKey{}, "rule_records") }

// askAutonomy asks for the records that autonomy weighs.
func (w *walk) askAutonomy() {
	if w.modes != nil || w.weighing || *w.noneMatters() {
		return
	}
	w.weighing = true
	w.tx.Ask(ruleColumns+` WHERE reviewed >= $1 OR mode <> 'hide'`, []any{trialReviews}, func(scan func(...any) error) error {
		r, err := scanRule(scan)
		w.weighed = append(w.weighed, r)
		return err
	})
}

// autonomy returns the rules that have fallen back, for rules.Facts.Modes. It weighs every record against the policy's targets first, and
// writes down who falls back or comes back by it.
//
// The records are read in the transaction that judges, once for a batch, and where none matters not again until one is written: what was decided
// in a transaction before counts, what was never committed does not, and a restart changes nothing.
func (w *walk) autonomy(policy *rules.Policy) (map[string]rules.Mode, error) {
	if w.modes != nil && w.modesBy == policy {
		return w.modes, nil
	}
	w.modes = nil
	if *w.noneMatters() {
		w.modes, w.modesBy = map[string]rules.Mode{}, policy
		return w.modes, nil
	}
	w.askAutonomy()
	if err := w.tx.Answers(); err != nil {
		return nil, fmt.Errorf("records of the rules: %w", err)
	}
	records := w.weighed
	w.weighed, w.weighing = nil, false
	w.modes, w.modesBy = map[string]rules.Mode{}, policy
	if len(records) == 0 {
		*w.noneMatters() = true
		return w.modes, nil
	}
	categories := categoriesOfRules(policy)
	for _, r := range records {
		mode := r.mode
		if category, known := categories[r.rule]; known { // the record of a rule that left the policy waits for its return
			mode = r.standing(policy.Bullet(category).Target)
		}
		if mode != r.mode {
			if err := w.noteRule(r, mode, policy, ""); err != nil {
				return nil, err
			}
		}
		if mode == rules.ModeFlag {
			w.modes[r.rule] = mode
		}
		w.gauge(r.rule, mode)
	}
	return w.modes, nil
}

// noteRule writes that a rule fell back, came back, or was reset by somebody.
func (w *walk) noteRule(r ruleRecord, became rules.Mode, policy *rules.Policy, by string) error {
	latest, err := w.latestDecision()
	if err != nil {
		return err
	}
	bound, target := wilson(r.upheld, r.reviewed), policy.Bullet(categoriesOfRules(policy)[r.rule]).Target
	if _, err := w.tx.Exec(`INSERT INTO rule_changes (at, decision, rule, was, became, reviewed, upheld, bound, target, policy, by_whom)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, w.now, latest, r.rule, string(r.mode), string(became), r.reviewed, r.upheld,
		bound, target, policy.Version(), by); err != nil {
		return fmt.Errorf("history of rule %s: %w", r.rule, err)
	}
	if _, err := w.tx.Exec(`UPDATE rule_records SET mode = $2, mode_at = $3 WHERE rule = $1`, r.rule, string(became), w.now); err != nil {
		return fmt.Errorf("record of rule %s: %w", r.rule, err)
	}
	w.gauge(r.rule, became)
	w.logs = append(w.logs, func() {
		w.m.log.Warn("a rule's autonomy changed", zap.String("rule", r.rule), zap.String("was", string(r.mode)), zap.String("is", string(became)),
			zap.Int("reviewed", r.reviewed), zap.Int("upheld", r.upheld), zap.Float64("bound", bound), zap.Float64("target", target),
			zap.String("policy", policy.Version()), zap.String("by", by))
	})
	return nil
}

// gauge shows a rule's mode. It runs in the writer's turn, so that the last to write is the last to show; a commit that fails is mended by
// the next judgement.
func (w *walk) gauge(rule string, mode rules.Mode) {
	fallen := 0.0
	if mode == rules.ModeFlag {
		fallen = 1
	}
	w.m.metrics.fallenBack.WithLabelValues(rule).Set(fallen)
}

func (w *walk) latestDecision() (id int64, err error) {
	last, err := w.numbers()
	if err != nil {
		return 0, err
	}
	return last.decisions, nil
}

// heldBack lists the rules that have fallen back and would have hidden the comment. What people make of it counts as of a hide: so a
// rule can earn its way back.
func (m *Moderator) heldBack(policy *rules.Policy, c *comment, facts rules.Facts, v rules.Verdict) (held []string) {
	suspect := false
	for _, f := range v.Findings {
		_, fallen := facts.Modes[f.Rule]
		suspect = suspect || fallen
	}
	if !suspect {
		return nil
	}
	modes := facts.Modes
	facts.Modes = nil
	for _, rule := range hiding(m.verdict(policy, c.asPlatform(m), facts)) {
		if _, fallen := modes[rule]; fallen {
			held = append(held, rule)
		}
	}
	return held
}

// hiding lists the rules that a verdict hides by, each once.
func hiding(v rules.Verdict) (ids []string) {
	seen := map[string]bool{}
	for _, f := range v.Findings {
		if f.Action == rules.Hide && !seen[f.Rule] {
			seen[f.Rule] = true
			ids = append(ids, f.Rule)
		}
	}
	return ids
}

// noteHides notes by which rules the bot hid, or would have hidden, so that they answer for it.
func (w *walk) noteHides(d *decision, held []string) {
	ids := held
	if d.action == Hide {
		ids = append(hiding(d.verdict), held...)
	}
	for _, rule := range ids {
		w.tx.Insert(hideRulesTable, d.id, rule)
		if w.byRule == nil {
			w.byRule = map[string]int{}
		}
		w.byRule[rule]++
	}
}

// learn takes what people now think of one of the bot's decisions into the records of its rules. It is called with what made them think
// again: a person's decision on the same revision, one that was undone, or a colleague's doing in the platform's own tools. Asked again
// it changes nothing.
func (w *walk) learn(decision int64) error {
	var bot int64
	var action string
	err := w.tx.QueryRow(`SELECT d.id, coalesce((SELECT p.action FROM decisions p WHERE p.comment = d.comment AND p.revision = d.revision
			AND p.by_kind <> 'bot' AND p.undone_at = 0 AND p.id > d.id AND p.action NOT IN ('opinion', 'escalate') AND p.action NOT IN `+besides+` ORDER BY p.id DESC LIMIT 1), '')
		FROM decisions x JOIN decisions d ON d.comment = x.comment AND d.revision = x.revision AND d.by_kind = 'bot' WHERE x.id = $1`, decision).
		Scan(&bot, &action)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("review by decision %d: %w", decision, err)
	}
	outcome := ""
	switch {
	case Action(action).removes():
		outcome = "upheld"
	case action != "":
		outcome = "overturned"
	}
	return w.weigh(bot, outcome)
}

// weigh moves a decision's rules from what was thought of it to what is thought now.
func (w *walk) weigh(bot int64, outcome string) error {
	w.sum() // the rules that this walk has hidden by have their records
	before, err := w.outcomes(bot, outcome)
	if err != nil || len(before) == 0 {
		return err
	}
	one := map[bool]int{true: 1}
	for rule, was := range before {
		if _, err := w.tx.Exec(`UPDATE hide_rules SET outcome = $3 WHERE decision = $1 AND rule = $2`, bot, rule, outcome); err != nil {
			return fmt.Errorf("review of rule %s: %w", rule, err)
		}
		if _, err := w.tx.Exec(`UPDATE rule_records SET reviewed = reviewed + $3, upheld = upheld + $4 WHERE rule = $2 AND since < $1`, bot, rule,
			one[outcome != ""]-one[was != ""], one[outcome == "upheld"]-one[was == "upheld"]); err != nil {
			return fmt.Errorf("review of rule %s: %w", rule, err)
		}
	}
	w.modes = nil
	_, err = w.autonomy(w.m.Policy())
	return err
}

// outcomes returns what was thought of a decision, by rule, where it is not the same now.
func (w *walk) outcomes(bot int64, now string) (map[string]string, error) {
	rows, err := w.tx.Query(`SELECT rule, outcome FROM hide_rules WHERE decision = $1 AND outcome <> $2`, bot, now)
	if err != nil {
		return nil, fmt.Errorf("reviews: %w", err)
	}
	defer rows.Close()
	found := map[string]string{}
	for rows.Next() {
		var rule, outcome string
		if err := rows.Scan(&rule, &outcome); err != nil {
			return nil, fmt.Errorf("reviews: %w", err)
		}
		found[rule] = outcome
	}
	return found, rows.Err()
}

// wilson is the lower end of the 95 % score interval for a share of k in n (Wilson, "Probable Inference, the Law of Succession, and
// Statistical Inference", JASA 22, 1927); 0 for none in none.
func wilson(k, n int) float64 {
	if n <= 0 {
		return 0
	}
	const z = 1.959963984540054 // 97.5th percentile of the normal distribution: 2.5 % are left out at either end
	p, size := float64(k)/float64(n), float64(n)
	return max(0, (p+z*z/(2*size)-z*math.Sqrt(p*(1-p)/size+z*z/(4*size*size)))/(1+z*z/size))
}
