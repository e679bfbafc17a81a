package bluesky

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

const (
	// refusalsAtOnce is how many times in a row a password is shown and refused before it is kept back for a while: the network takes 300
	// sign-ins a day, and who waits for a person should not spend them.
	refusalsAtOnce = 3
	keptBack       = 5 * time.Minute
)

// session is what a sign-in gives: two tokens, and where the account's data is. It is never changed once made.
type session struct {
	access, refresh string
	server          string // the account's personal data server, without a trailing slash
}

// sessions holds the account's one session. It lives in memory only: a restart signs in anew.
type sessions struct {
	turn    chan struct{} // holds one token: who signs in, or looks what session there is
	current *session
	refused int       // in a row
	quiet   time.Time // no sign-in before
	because error
}

func newSessions() *sessions { return &sessions{turn: make(chan struct{}, 1)} }

// signIn returns the session to call with: the one there is, unless it is spent, the one that the network just refused.
func (a *Account) signIn(ctx context.Context, spent *session) (*session, error) {
	s := a.session
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.current != nil && s.current != spent {
		return s.current, nil
	}
	if s.current != nil {
		made, err := a.renew(ctx, s.current)
		if err == nil {
			s.current = made
			return made, nil
		}
		if !errors.Is(err, platforms.ErrTokenDead) {
			return nil, err
		}
		s.current = nil // the refresh token is spent as well
	}
	if now := a.cfg.Now(); now.Before(s.quiet) {
		return nil, s.because
	}
	made, err := a.create(ctx)
	if errors.Is(err, platforms.ErrTokenDead) {
		if s.refused++; s.refused >= refusalsAtOnce {
			s.quiet, s.because = a.cfg.Now().Add(keptBack), err
		}
	}
	if err != nil {
		return nil, err
	}
	s.current, s.refused, s.quiet = made, 0, time.Time{}
	return made, nil
}

// create signs in with the app password.
func (a *Account) create(ctx context.Context) (*session, error) {
	body, err := a.exchange(ctx, request{action: "sign in", kind: "session", method: http.MethodPost, server: a.cfg.Service,
		name: "com.atproto.server.createSession", body: map[string]string{"identifier": a.cfg.Channel.Account, "password": a.cfg.AppPassword}})
	if err != nil {
		return nil, err
	}
	return a.readSession(body)
}

// renew exchanges the refresh token for a new session.
func (a *Account) renew(ctx context.Context, old *session) (*session, error) {
	body, err := a.exchange(ctx, request{action: "renew session", kind: "session", method: http.MethodPost, server: a.cfg.Service,
		name: "com.atproto.server.refreshSession", token: old.refresh})
	if err != nil {
		return nil, err
	}
	made, err := a.readSession(body)
	if err == nil && made.server == a.cfg.Service {
		made.server = old.server // not every server says it again
	}
	return made, err
}

// readSession reads what a sign-in answers. Its errors hold nothing of it.
func (a *Account) readSession(body []byte) (*session, error) {
	var answer struct {
		Access  string          `json:"accessJwt"`
		Refresh string          `json:"refreshJwt"`
		DID     word            `json:"did"`
		Active  *bool           `json:"active"`
		Status  word            `json:"status"`
		Doc     json.RawMessage `json:"didDoc"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || !headerSafe(answer.Access) || !headerSafe(answer.Refresh) {
		return nil, errors.New("bluesky: sign in: the answer is no session")
	}
	if string(answer.DID) != a.cfg.Channel.Account {
		return nil, fmt.Errorf("bluesky: sign in: the app password belongs to another account than %s: %w", a.cfg.Channel.Account, platforms.ErrTokenDead)
	}
	if answer.Active != nil && !*answer.Active {
		return nil, fmt.Errorf("bluesky: sign in: the account is %s: %w", short(answer.Status), platforms.ErrTokenDead)
	}
	server := a.cfg.Service
	if named := personalServer(answer.Doc, a.cfg.Channel.Account); named != "" {
		if a.mayHold(named) {
			server = named
		} else {
			a.cfg.Log.Warn("bluesky: the account's document names a server that is not https; calls go to the configured one",
				zap.String("channel", a.cfg.Channel.ID))
		}
	}
	return &session{access: answer.Access, refresh: answer.Refresh, server: server}, nil
}

// headerSafe tells whether a token can stand in a header.
func headerSafe(token string) bool {
	return token != "" && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// mayHold tells whether a server may be given the session's token: over https, unless the configured service is a test network's.
func (a *Account) mayHold(server string) bool {
	return strings.HasPrefix(server, "https://") || strings.HasPrefix(a.cfg.Service, "http://")
}

// personalServer finds the personal data server in an account's document; "" where it names none that can be used.
func personalServer(doc json.RawMessage, did string) string {
	var d struct {
		ID      word `json:"id"`
		Service []struct {
			ID       word `json:"id"`
			Type     word `json:"type"`
			Endpoint word `json:"serviceEndpoint"`
		} `json:"service"`
	}
	if json.Unmarshal(doc, &d) != nil || string(d.ID) != did {
		return ""
	}
	for _, s := range d.Service {
		if s.Type == "AtprotoPersonalDataServer" && (s.ID == "#atproto_pds" || string(s.ID) == did+"#atproto_pds") {
			if server, err := host(string(s.Endpoint)); err == nil {
				return server
			}
		}
	}
	return ""
}
