package moderation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/moderation/store"
	"takhojd/rules"
)

// AlertKind is what an alert is about.
type AlertKind string

// The kinds of alerts.
const (
	AlertEscalation AlertKind = "escalation" // a serious threat or incitement waits for a person
	AlertToken      AlertKind = "token"      // a platform does not accept a channel's token
	AlertExpiring   AlertKind = "expiring"   // a channel's token ends within a fortnight
	AlertLate       AlertKind = "late"       // flags have waited longer than the channel's response target
	AlertDead       AlertKind = "dead"       // something could not be done, and waits for a person
	AlertFull       AlertKind = "full"       // the disk is full
)

// expiresSoon is how long before its end a token is an alert.
const expiresSoon = 14 * 24 * time.Hour

// Alert is something that people must be told of. It holds no comment's text and no author's name.
type Alert struct {
	// ID is 0 for what could not be written down, because the disk is full.
	ID   int64
	Kind AlertKind
	// Channel is empty, and Comment 0, where it is about none in particular.
	Channel string
	Comment int64
	// N is how many it is about.
	N int
	// Since is when it began, Until when what is expiring ends.
	Since, Until time.Time
	// Words say it, and what to do, in a sentence or two. Path is where in the console it is seen to.
	Words rules.Words
	Path  string
	key   string
}

// Notifier carries alerts to people outside of the console. It is handed all that last and that nobody was told of, at every look anew, and
// returns those that it has told: these are not handed over again while they last, except when we die before that is written down. What it
// does not tell now, because it is night or because a call failed, it tells when it is handed over again: the pace is its own. It is called
// by one goroutine at a time, with a deadline; nothing waits for it. The error is for the log.
type Notifier interface {
	Notify(context.Context, []Alert) (told []Alert, err error)
}

// notifyTime bounds one call of a Notifier.
const notifyTime = time.Minute

// alerts watches for what people must be told of.
type alerts struct {
	wake chan struct{}

	telling sync.Mutex // held while people are told

	mu       sync.Mutex
	full     time.Time // since when the disk is full; zero: it is not
	fullLast time.Time // when it was last found so
	fullTold bool
}

func newAlerts() *alerts { return &alerts{wake: make(chan struct{}, 1)} }

func (a *alerts) wakeUp() {
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// noticed looks at an error of the database for a full disk.
func (m *Moderator) noticed(err error) {
	if !errors.Is(err, store.ErrFull) {
		return
	}
	m.alerts.mu.Lock()
	defer m.alerts.mu.Unlock()
	m.alerts.fullLast = m.now()
	if m.alerts.full.IsZero() {
		m.alerts.full, m.alerts.fullTold = m.now(), false
		m.alerts.wakeUp()
	}
}

// watch compares what is with what people were told, now and then and when something has changed, until ctx is cancelled.
func (m *Moderator) watch(ctx context.Context) {
	changes, end := m.changes.subscribe()
	defer end()
	defer m.alerts.told()
	for ctx.Err() == nil {
		if err := m.lookForAlerts(ctx); err != nil && ctx.Err() == nil {
			m.log.Error("alerts cannot be kept", zap.Error(err))
		}
		select {
		case <-changes:
		case <-m.alerts.wake:
		case <-time.After(m.cfg.AlertEvery):
			continue
		case <-ctx.Done():
			return
		}
		select { // a storm of changes is looked at once
		case <-time.After(min(time.Second, m.cfg.AlertEvery)):
		case <-ctx.Done():
		}
		for len(changes) > 0 {
			<-changes
		}
	}
}

// lookForAlerts opens, closes and tells.
func (m *Moderator) lookForAlerts(ctx context.Context) error {
	if err := m.stillFull(ctx); err != nil {
		return err
	}
	now, err := m.conditions(ctx)
	if err != nil {
		return err
	}
	if err := m.keepAlerts(ctx, now); err != nil {
		m.noticed(err)
		if !errors.Is(err, store.ErrFull) {
			return err
		}
	}
	if m.cfg.Notifier == nil || !m.alerts.telling.TryLock() {
		return nil // while people are told, the next look hands over what is new
	}
	go func() {
		defer m.alerts.telling.Unlock()
		if err := m.notify(ctx); err != nil && ctx.Err() == nil {
			m.log.Warn("people are not told of all that they should be; it is tried again", zap.Error(err))
		}
	}()
	return nil
}

// told waits until nobody is being told.
func (a *alerts) told() {
	a.telling.Lock()
	defer a.telling.Unlock()
}

// fullCalm is how long nothing may have found the disk full before it is not: a small thing finds room where a large one does not.
const fullCalm = time.Minute

// stillFull finds out, while the disk is said to be full, whether it is: what is written to find out is the alert itself, as over.
func (m *Moderator) stillFull(ctx context.Context) error {
	m.alerts.mu.Lock()
	since, last := m.alerts.full, m.alerts.fullLast
	m.alerts.mu.Unlock()
	if since.IsZero() || m.now().Sub(last) < fullCalm {
		return nil
	}
	err := m.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`INSERT INTO alerts (key, kind, opened_at, closed_at) VALUES ('full', 'full', $1, $2)`, since, m.now())
		return err
	})
	if errors.Is(err, store.ErrFull) {
		m.noticed(err)
		return nil
	}
	if err == nil {
		m.alerts.mu.Lock()
		m.alerts.full = time.Time{}
		m.alerts.mu.Unlock()
	}
	return err
}

// conditions is all that people must be told of at this moment.
func (m *Moderator) conditions(ctx context.Context) ([]Alert, error) {
	now := m.now()
	refused, err := m.refusedTokens(ctx)
	if err != nil {
		return nil, fmt.Errorf("moderation: alerts: %w", err)
	}
	found := m.tokens(now, refused)
	err = m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT id, comment, channel, opened_at FROM flags WHERE closed_at = 0 AND why = 'escalation'`)
		if err != nil {
			return err
		}
		for rows.Next() {
			var flag, since int64
			a := Alert{Kind: AlertEscalation, N: 1}
			if err := rows.Scan(&flag, &a.Comment, &a.Channel, &since); err != nil {
				rows.Close()
				return err
			}
			a.key, a.Since = fmt.Sprintf("escalation:%d", flag), store.FromTime(since)
			found = append(found, a)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		if rows, err = tx.Query(`SELECT channel, count(*), min(due_at) FROM flags WHERE closed_at = 0 AND due_at < $1 GROUP BY channel`, now); err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var since int64
			a := Alert{Kind: AlertLate}
			if err := rows.Scan(&a.Channel, &a.N, &since); err != nil {
				return err
			}
			a.key, a.Since = "late:"+a.Channel, store.FromTime(since)
			found = append(found, a)
		}
		dead := Alert{Kind: AlertDead, key: "dead", Since: now}
		if err := tx.QueryRow(`SELECT (SELECT count(*) FROM outbox WHERE state = 'dead') + (SELECT count(*) FROM inbox WHERE dead = 1)`).Scan(&dead.N); err != nil {
			return err
		}
		if dead.N > 0 {
			found = append(found, dead)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("moderation: alerts: %w", err)
	}
	return found, nil
}

// tokens are the tokens that are dead, or end soon.
func (m *Moderator) tokens(now time.Time, refused map[string]time.Time) (found []Alert) {
	for channel, since := range refused {
		found = append(found, Alert{Kind: AlertToken, Channel: channel, key: "token:" + channel, Since: since, N: 1})
	}
	m.health.mu.Lock()
	defer m.health.mu.Unlock()
	for channel, h := range m.health.channels {
		for _, c := range h.Checks {
			if !c.Expires.IsZero() && c.Expires.Before(now.Add(expiresSoon)) && refused[channel].IsZero() {
				found = append(found, Alert{Kind: AlertExpiring, Channel: channel, key: "expiring:" + channel + ":" + c.Name, Since: now, Until: c.Expires, N: 1})
			}
		}
	}
	return found
}

// keepAlerts writes down what began and what is over. What is as it was is not written again.
func (m *Moderator) keepAlerts(ctx context.Context, now []Alert) error {
	var known []Alert
	if err := m.db.View(ctx, func(tx *store.Tx) (err error) { known, err = openAlerts(tx); return err }); err != nil {
		return err
	}
	before := map[string]Alert{}
	for _, a := range known {
		before[a.key] = a
	}
	var changed []Alert
	for _, a := range now {
		if was, open := before[a.key]; !open || was.N != a.N || !was.Until.Truncate(time.Microsecond).Equal(a.Until.Truncate(time.Microsecond)) {
			changed = append(changed, a)
		}
		delete(before, a.key)
	}
	// A token does not last because nobody has looked yet: what was known of it before a restart stands until somebody has.
	for key, a := range before {
		if a.Kind == AlertExpiring && !m.lookedAt(a.Channel) {
			delete(before, key)
		}
	}
	if len(changed) == 0 && len(before) == 0 {
		return nil
	}
	return m.db.Update(ctx, func(tx *store.Tx) error {
		for _, a := range changed {
			if _, err := tx.Exec(`INSERT INTO alerts (key, kind, channel, comment, n, until, opened_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (key) WHERE closed_at = 0 DO UPDATE SET n = excluded.n, until = excluded.until`,
				a.key, string(a.Kind), a.Channel, a.Comment, a.N, a.Until, a.Since); err != nil {
				return err
			}
		}
		for _, a := range before {
			if _, err := tx.Exec(`UPDATE alerts SET closed_at = $2 WHERE id = $1`, a.ID, m.now()); err != nil {
				return err
			}
		}
		return nil
	})
}

// lookedAt tells whether a channel's health is known since the start: that somebody looked, or that it can't be looked at.
func (m *Moderator) lookedAt(channel string) bool {
	m.health.mu.Lock()
	defer m.health.mu.Unlock()
	_, checkable := m.cfg.Adapters[channel].(Checker)
	return !checkable || !m.health.channels[channel].At.IsZero()
}

func openAlerts(tx *store.Tx) ([]Alert, error) {
	rows, err := tx.Query(`SELECT id, key, kind, channel, comment, n, until, opened_at FROM alerts WHERE closed_at = 0 ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var found []Alert
	for rows.Next() {
		var a Alert
		var until, since int64
		if err := rows.Scan(&a.ID, &a.key, (*string)(&a.Kind), &a.Channel, &a.Comment, &a.N, &until, &since); err != nil {
			return nil, err
		}
		a.Until, a.Since = store.FromTime(until), store.FromTime(since)
		found = append(found, a)
	}
	return found, rows.Err()
}

// Alerts lists what people must be told of and that is not over, the oldest first; a full disk before all else.
func (m *Moderator) Alerts(ctx context.Context) ([]Alert, error) {
	var found []Alert
	if err := m.db.View(ctx, func(tx *store.Tx) (err error) { found, err = openAlerts(tx); return err }); err != nil {
		return nil, fmt.Errorf("moderation: alerts: %w", err)
	}
	m.alerts.mu.Lock()
	full := m.alerts.full
	m.alerts.mu.Unlock()
	if !full.IsZero() {
		found = append([]Alert{{Kind: AlertFull, key: "full", N: 1, Since: full}}, found...)
	}
	for i := range found {
		found[i].Words, found[i].Path = m.sayAlert(found[i])
	}
	return found, nil
}

// sayAlert puts an alert into words.
func (m *Moderator) sayAlert(a Alert) (words rules.Words, path string) {
	name := m.channel(a.Channel).Name
	day := a.Until.In(m.cfg.Location).Format(time.DateOnly)
	switch a.Kind {
	case AlertEscalation:
		return rules.Words{SV: fmt.Sprintf("En kommentar hos %s kan vara ett grovt hot eller en uppmaning till brott. Den väntar på granskning.", name),
			EN: fmt.Sprintf("A comment on %s may be a serious threat or incitement to crime. It waits for review.", name)}, fmt.Sprintf("/queue/%d", a.Comment)
	case AlertToken:
		return rules.Words{SV: fmt.Sprintf("Plattformen godtar inte åtkomstnyckeln för %s. Ingenting når fram förrän den är förnyad.", name),
			EN: fmt.Sprintf("The platform does not accept the access token of %s. Nothing gets through until it is renewed.", name)}, "/channels"
	case AlertExpiring:
		return rules.Words{SV: fmt.Sprintf("Åtkomstnyckeln för %s slutar gälla %s. Förnya den innan dess.", name, day),
			EN: fmt.Sprintf("The access token of %s ends on %s. Renew it before then.", name, day)}, "/channels"
	case AlertLate:
		return rules.Words{SV: fmt.Sprintf("Kommentarer hos %s har väntat längre än målet för svarstid: %d.", name, a.N),
			EN: fmt.Sprintf("Comments on %s that have waited past the response target: %d.", name, a.N)}, "/queue?channel=" + a.Channel
	case AlertDead:
		return rules.Words{SV: fmt.Sprintf("Det finns sådant som inte gick att göra och som väntar på dig: %d.", a.N),
			EN: fmt.Sprintf("Things that could not be done and wait for you: %d.", a.N)}, "/channels#dead"
	}
	return rules.Words{SV: "Disken är full. Takhöjd kan inte spara och tar därför inte emot kommentarer. Plattformarna levererar dem igen när det finns plats.",
		EN: "The disk is full. Takhöjd cannot save and takes in no comments. The platforms deliver them again when there is room."}, "/channels"
}

// notify hands over what nobody was told of yet.
//
// If we die after the handing over and before it is written down, the next start hands it over again: twice is better than never.
func (m *Moderator) notify(ctx context.Context) error {
	open, err := m.untold(ctx)
	if err != nil || len(open) == 0 {
		return err
	}
	call, cancel := context.WithTimeout(ctx, notifyTime)
	defer cancel()
	told, failed := m.cfg.Notifier.Notify(call, open)
	if failed != nil {
		failed = fmt.Errorf("moderation: notify: %w", failed)
	}
	for _, a := range told {
		if a.ID == 0 { // it can't be written down: the disk is full
			m.alerts.mu.Lock()
			m.alerts.fullTold = true
			m.alerts.mu.Unlock()
			continue
		}
		// Told is told, also when we are being stopped: else they would be told again at the next start.
		if err := m.db.Update(context.WithoutCancel(ctx), func(tx *store.Tx) error {
			_, err := tx.Exec(`UPDATE alerts SET notified_at = $2 WHERE id = $1`, a.ID, m.now())
			return err
		}); err != nil {
			m.noticed(err)
			return errors.Join(failed, err)
		}
	}
	return failed
}

// untold are the alerts that last and that nobody was told of.
func (m *Moderator) untold(ctx context.Context) ([]Alert, error) {
	open, err := m.Alerts(ctx)
	if err != nil {
		return nil, err
	}
	told := map[int64]bool{}
	err = m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT id FROM alerts WHERE closed_at = 0 AND notified_at > 0`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id int64
			if err := rows.Scan(&id); err != nil {
				return err
			}
			told[id] = true
		}
		return rows.Err()
	})
	m.alerts.mu.Lock()
	told[0] = m.alerts.fullTold
	m.alerts.mu.Unlock()
	return slices.DeleteFunc(open, func(a Alert) bool { return told[a.ID] }), err
}
