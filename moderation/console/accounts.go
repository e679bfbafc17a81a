package console

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"takhojd/moderation/store"
)

// Role says what an account may do.
type Role string

// The roles. An admin may do what the other two may, and sees channels and accounts.
const (
	Moderator Role = "moderator" // reviews and decides
	Archivist Role = "archivist" // finds, verifies and exports records
	Admin     Role = "admin"
)

// Valid tells whether r is a role.
func (r Role) Valid() bool { return r == Moderator || r == Archivist || r == Admin }

// Account is a person who may log in.
type Account struct {
	// Name is what one logs in with and what stands in decisions: 2 to 64 of a–z, 0–9, dot, hyphen and underscore.
	Name string
	// Display is what colleagues see.
	Display string
	Role    Role
	Created time.Time
	// LastLogin is zero until the first one, Disabled for as long as the account is open.
	LastLogin time.Time
	Disabled  time.Time

	password string
	epoch    int64
}

// What Accounts and a login may answer.
var (
	// ErrNoAccount says that there is no such account.
	ErrNoAccount = errors.New("no such account")
	// ErrAccountExists says that the name is taken.
	ErrAccountExists = errors.New("the account exists already")
	// ErrBadAccount says that a name, role or password cannot be used; the rest of the message says why.
	ErrBadAccount = errors.New("the account cannot be made so")

	errWrongPassword = errors.New("wrong account name or password")
	errThrottled     = errors.New("too many attempts to log in")
)

// How long a login link works, and how many failed attempts are borne within a window. The limit by account stops guessing at
// one person's password from many addresses, the one by address guessing at many persons' from one.
const (
	linkLife        = 15 * time.Minute
	attemptWindow   = 15 * time.Minute
	attemptsAccount = 10
	attemptsAddress = 40
)

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{1,63}$`)

// Accounts keeps who may log in to the console. All methods may be called from any goroutine.
type Accounts struct {
	db  *store.DB
	now func() time.Time
}

// NewAccounts returns the accounts that db keeps.
func NewAccounts(db *store.DB) *Accounts { return &Accounts{db: db, now: time.Now} }

// Add makes an account, or reopens a disabled one of that name. The password has at least 12 characters; an empty one makes an
// account that can be entered by [Server.LoginLink] only.
func (a *Accounts) Add(ctx context.Context, name, display string, role Role, password string) error {
	name, display = strings.ToLower(strings.TrimSpace(name)), strings.TrimSpace(display)
	switch {
	case !accountName.MatchString(name):
		return fmt.Errorf("%w: a name is 2 to 64 of a–z, 0–9, dot, hyphen and underscore", ErrBadAccount)
	case display == "" || utf8.RuneCountInString(display) > 80:
		return fmt.Errorf("%w: the name that colleagues see must have 1 to 80 characters", ErrBadAccount)
	case !role.Valid():
		return fmt.Errorf("%w: the role must be moderator, archivist or admin", ErrBadAccount)
	}
	var hash string
	if password != "" {
		var err error
		if hash, err = hashPassword(password); err != nil {
			return err
		}
	}
	err := a.db.Update(ctx, func(tx *store.Tx) error {
		done, err := tx.Exec(`INSERT INTO accounts (name, display, role, password, created_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (name) DO UPDATE SET display = excluded.display, role = excluded.role, password = excluded.password,
			epoch = accounts.epoch + 1, disabled_at = 0 WHERE accounts.disabled_at > 0`, name, display, string(role), hash, a.now())
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return ErrAccountExists
	})
	if err != nil {
		return fmt.Errorf("add account %s: %w", name, err)
	}
	return nil
}

// SetPassword gives an account a new password and ends all its sessions.
func (a *Accounts) SetPassword(ctx context.Context, name, password string) error {
	hash, err := hashPassword(password)
	if err != nil {
		return err
	}
	return a.change(ctx, "set password of", name, `UPDATE accounts SET password = $1, epoch = epoch + 1 WHERE name = $2`, hash, name)
}

// Disable closes an account and ends all its sessions. Its decisions stand, under its name.
func (a *Accounts) Disable(ctx context.Context, name string) error {
	return a.change(ctx, "disable", name, `UPDATE accounts SET disabled_at = $1, epoch = epoch + 1 WHERE name = $2`, a.now(), name)
}

// endSessions logs an account out everywhere.
func (a *Accounts) endSessions(ctx context.Context, name string) error {
	return a.change(ctx, "end sessions of", name, `UPDATE accounts SET epoch = epoch + 1 WHERE name = $1`, name)
}

// change does what ends all sessions of an account, and makes the login links that would begin new ones worthless.
func (a *Accounts) change(ctx context.Context, what, name, query string, args ...any) error {
	err := a.db.Update(ctx, func(tx *store.Tx) error {
		done, err := tx.Exec(query, args...)
		if err != nil {
			return err
		}
		if n, err := done.RowsAffected(); err != nil {
			return err
		} else if n != 1 {
			return ErrNoAccount
		}
		_, err = tx.Exec(`DELETE FROM login_links WHERE account = $1`, name)
		return err
	})
	if err != nil {
		return fmt.Errorf("%s account %s: %w", what, name, err)
	}
	return nil
}

// List returns every account, in the order of their names.
func (a *Accounts) List(ctx context.Context) ([]Account, error) {
	var all []Account
	err := a.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT ` + accountColumns + ` FROM accounts ORDER BY name`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			account, err := scanAccount(rows.Scan)
			if err != nil {
				return err
			}
			all = append(all, account)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list accounts: %w", err)
	}
	return all, nil
}

// find reads one account.
func (a *Accounts) find(ctx context.Context, name string) (Account, error) {
	var account Account
	err := a.db.View(ctx, func(tx *store.Tx) (err error) {
		account, err = scanAccount(tx.QueryRow(`SELECT `+accountColumns+` FROM accounts WHERE name = $1`, name).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, ErrNoAccount
	}
	if err != nil {
		return Account{}, fmt.Errorf("read account: %w", err)
	}
	return account, nil
}

const accountColumns = `name, display, role, password, epoch, created_at, logged_in_at, disabled_at`

func scanAccount(scan func(...any) error) (Account, error) {
	var x Account
	var role string
	var created, last, disabled int64
	err := scan(&x.Name, &x.Display, &role, &x.password, &x.epoch, &created, &last, &disabled)
	x.Role, x.Created, x.LastLogin, x.Disabled = Role(role), store.FromTime(created), store.FromTime(last), store.FromTime(disabled)
	return x, err
}

// login checks a password. The attempt is written down before the password is looked at, so that attempts in parallel count as
// well; a right password takes the account's attempts away again. address is where the attempt comes from.
func (a *Accounts) login(ctx context.Context, name, password, address string) (Account, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if !accountName.MatchString(name) {
		name = "?" // whatever was typed – perhaps a password – is not written down
	}
	if err := a.attempt(ctx, name, address); err != nil {
		return Account{}, err
	}
	account, err := a.find(ctx, name)
	if err != nil && !errors.Is(err, ErrNoAccount) {
		return Account{}, err
	}
	// An account that does not exist costs the same time as one that does: the answer's delay tells nothing.
	right := checkPassword(ctx, account.password, password)
	if !right || err != nil || !account.Disabled.IsZero() {
		return Account{}, errWrongPassword
	}
	return account, a.entered(ctx, name)
}

// attempt counts one attempt against the account and the address, or refuses it.
func (a *Accounts) attempt(ctx context.Context, name, address string) error {
	now := a.now()
	return a.db.Update(ctx, func(tx *store.Tx) error {
		since := now.Add(-attemptWindow)
		if _, err := tx.Exec(`DELETE FROM login_attempts WHERE at < $1`, since); err != nil {
			return err
		}
		var byAccount, byAddress int
		if err := tx.QueryRow(`SELECT count(*) FROM login_attempts WHERE account = $1`, name).Scan(&byAccount); err != nil {
			return err
		}
		if err := tx.QueryRow(`SELECT count(*) FROM login_attempts WHERE address = $1`, address).Scan(&byAddress); err != nil {
			return err
		}
		if byAccount >= attemptsAccount || byAddress >= attemptsAddress {
			return errThrottled
		}
		_, err := tx.Exec(`INSERT INTO login_attempts (id, account, address, at) VALUES ($1, $2, $3, $4)`, rand.Text(), name, address, now)
		return err
	})
}

// entered notes a login that succeeded.
func (a *Accounts) entered(ctx context.Context, name string) error {
	return a.db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Exec(`DELETE FROM login_attempts WHERE account = $1`, name); err != nil {
			return err
		}
		_, err := tx.Exec(`UPDATE accounts SET logged_in_at = $1 WHERE name = $2`, a.now(), name)
		return err
	})
}

// link makes a one-time token that logs an account in.
func (a *Accounts) link(ctx context.Context, name string) (string, error) {
	token := rand.Text()
	err := a.db.Update(ctx, func(tx *store.Tx) error {
		now := a.now()
		if _, err := tx.Exec(`DELETE FROM login_links WHERE expires_at < $1`, now); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO login_links (token, account, expires_at) SELECT $1, name, $2 FROM accounts
			WHERE name = $3 AND disabled_at = 0`, digest(token), now.Add(linkLife), name)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("login link for %s: %w", name, err)
	}
	if _, err := a.find(ctx, name); err != nil {
		return "", fmt.Errorf("login link for %s: %w", name, err)
	}
	return token, nil
}

// redeem takes a login link's token, once.
func (a *Accounts) redeem(ctx context.Context, token string) (Account, error) {
	var name string
	err := a.db.Update(ctx, func(tx *store.Tx) error {
		return tx.QueryRow(`DELETE FROM login_links WHERE token = $1 AND expires_at >= $2 RETURNING account`,
			digest(token), a.now()).Scan(&name)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Account{}, errWrongPassword
	}
	if err != nil {
		return Account{}, fmt.Errorf("redeem login link: %w", err)
	}
	account, err := a.find(ctx, name)
	if err != nil {
		return Account{}, err
	}
	if !account.Disabled.IsZero() {
		return Account{}, errWrongPassword
	}
	return account, a.entered(ctx, name)
}

// digest is what the database holds of a secret that only its bearer knows.
func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
