package console

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"

	"takhojd/moderation/store"
)

// A session ends after half an hour without a request, and after a working day whatever happens.
const (
	sessionIdle = 30 * time.Minute
	sessionLife = 10 * time.Hour
)

// What a session holds. All values are strings.
const (
	keyAccount = "account"
	keyEpoch   = "epoch" // the account's epoch at login: a higher one has ended the session
	keyHeld    = "held"  // the flag that this session claimed last
	keyFlash   = "flash" // what was just done, to be said on the next page: JSON of a flash
)

// newSessions makes the session manager over our own database.
func newSessions(db *store.DB, secure bool) *scs.SessionManager {
	m := scs.New()
	m.Store = sessionStore{db}
	m.Codec = sessionCodec{}
	m.HashTokenInStore = true
	m.IdleTimeout = sessionIdle
	m.Lifetime = sessionLife
	m.Cookie = scs.SessionCookie{Name: "takhojd", HttpOnly: true, Path: "/", SameSite: http.SameSiteLaxMode, Secure: secure}
	if secure {
		m.Cookie.Name = "__Host-takhojd" // the prefix makes browsers refuse it from any other host or without TLS
	}
	return m
}

// sessionStore keeps sessions in the table sessions. It implements scs.CtxStore.
type sessionStore struct{ db *store.DB }

// FindCtx returns a session's data; found is false when there is none or it has expired.
func (s sessionStore) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	err = s.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT data FROM sessions WHERE token = $1 AND expires_at > $2`, token, time.Now()).Scan(&data)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("find session: %w", err)
	}
	return data, true, nil
}

// renewEvery spares a write for each page: an expiry that moves by less is left as it is.
const renewEvery = time.Minute

// CommitCtx writes a session. One that only lives on is written at most once a minute, and goes on without it when the disk is full:
// who is logged in can still read.
func (s sessionStore) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	var old []byte
	var expires int64
	err := s.db.View(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`SELECT data, expires_at FROM sessions WHERE token = $1`, token).Scan(&old, &expires)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("write session: %w", err)
	}
	same := err == nil && bytes.Equal(old, data)
	if same && expiry.Sub(store.FromTime(expires)) < renewEvery {
		return nil
	}
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(`DELETE FROM sessions WHERE expires_at < $1`, time.Now()); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO sessions (token, data, expires_at) VALUES ($1, $2, $3)
			ON CONFLICT (token) DO UPDATE SET data = excluded.data, expires_at = excluded.expires_at`, token, data, expiry)
		return err
	})
	if same && errors.Is(err, store.ErrFull) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("write session: %w", err)
	}
	return nil
}

// DeleteCtx ends a session.
func (s sessionStore) DeleteCtx(ctx context.Context, token string) error {
	return s.db.Update(ctx, func(tx *store.Tx) error {
		_, err := tx.Exec(`DELETE FROM sessions WHERE token = $1`, token)
		return err
	})
}

// Find, Commit and Delete are what scs.Store asks for; scs calls the ones with a context.
func (s sessionStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context.
func (s sessionStore) Commit(token string, data []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx without a context.
func (s sessionStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// sessionCodec writes a session as JSON: the same values give the same bytes, so that an unchanged session is seen to be one.
type sessionCodec struct{}

type sessionData struct {
	Deadline time.Time         `json:"deadline"`
	Values   map[string]string `json:"values"`
}

// Encode implements scs.Codec.
func (sessionCodec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	data := sessionData{Deadline: deadline, Values: map[string]string{}}
	for key, value := range values {
		text, ok := value.(string)
		if !ok {
			return nil, fmt.Errorf("session value %q is no string", key)
		}
		data.Values[key] = text
	}
	return json.Marshal(data)
}

// Decode implements scs.Codec.
func (sessionCodec) Decode(b []byte) (time.Time, map[string]any, error) {
	var data sessionData
	if err := json.Unmarshal(b, &data); err != nil {
		return time.Time{}, nil, fmt.Errorf("read session: %w", err)
	}
	values := make(map[string]any, len(data.Values))
	for key, value := range data.Values {
		values[key] = value
	}
	return data.Deadline, values, nil
}

// begin logs an account in within the request's session. The token is new: one that was known before the login is worth nothing. What
// the session held, of another account perhaps, is gone.
func (s *Server) begin(ctx context.Context, account Account) error {
	if err := s.sessions.Clear(ctx); err != nil {
		return fmt.Errorf("begin session: %w", err)
	}
	if err := s.sessions.RenewToken(ctx); err != nil {
		return fmt.Errorf("begin session: %w", err)
	}
	s.sessions.Put(ctx, keyAccount, account.Name)
	s.sessions.Put(ctx, keyEpoch, strconv.FormatInt(account.epoch, 10))
	return nil
}

// identify returns the account of the request's session, the zero Account when nobody is logged in. It is read anew for each
// request: a disabled account, a new role and a logout everywhere hold from the next click.
func (s *Server) identify(ctx context.Context) (Account, error) {
	name := s.sessions.GetString(ctx, keyAccount)
	if name == "" {
		return Account{}, nil
	}
	account, err := s.accounts.find(ctx, name)
	if errors.Is(err, ErrNoAccount) {
		return Account{}, nil
	}
	if err != nil {
		return Account{}, err
	}
	if !account.Disabled.IsZero() || s.sessions.GetString(ctx, keyEpoch) != strconv.FormatInt(account.epoch, 10) {
		return Account{}, nil
	}
	return account, nil
}
