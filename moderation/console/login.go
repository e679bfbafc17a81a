package console

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.uber.org/zap"
)

// loginView is what the login page shows.
type loginView struct {
	Name, Next string
	Error      string // a key of the catalogue
}

func (v *visit) loginPage() error {
	next := local(v.r.URL.Query().Get("next"))
	if v.account.Name != "" {
		v.redirect(next)
		return nil
	}
	return v.show(http.StatusOK, "login", page{Title: "login.title", Content: loginView{Next: next}})
}

func (v *visit) login() error {
	if err := v.r.ParseForm(); err != nil {
		return fmt.Errorf("%w: %w", errBadForm, err)
	}
	form := v.r.PostForm
	again := loginView{Name: form.Get("name"), Next: local(form.Get("next"))}
	account, err := v.s.accounts.login(v.r.Context(), form.Get("name"), form.Get("password"), v.s.address(v.r))
	switch {
	case errors.Is(err, errThrottled):
		v.s.metrics.logins.WithLabelValues("throttled").Inc()
		v.w.Header().Set("Retry-After", fmt.Sprint(int(attemptWindow/time.Second)))
		again.Error = "login.throttled"
		return v.show(http.StatusTooManyRequests, "login", page{Title: "login.title", Content: again})
	case errors.Is(err, errWrongPassword):
		v.s.metrics.logins.WithLabelValues("wrong").Inc()
		again.Error = "login.wrong"
		return v.show(http.StatusUnauthorized, "login", page{Title: "login.title", Content: again})
	case err != nil:
		return err
	}
	return v.enterAs(account, again.Next)
}

// linkPage is what a one-time link leads to: a button. Mail programs and their scanners open every link there is, and must not spend this one.
// Whether it still works is not said before it is used.
func (v *visit) linkPage() error {
	return v.show(http.StatusOK, "link", page{Title: "login.title"})
}

// loginByLink takes a one-time link, once.
func (v *visit) loginByLink() error {
	account, err := v.s.accounts.redeem(v.r.Context(), v.r.PathValue("token"))
	if errors.Is(err, errWrongPassword) || errors.Is(err, ErrNoAccount) {
		v.s.metrics.logins.WithLabelValues("wrong").Inc()
		return v.show(http.StatusUnauthorized, "login", page{Title: "login.title", Content: loginView{Error: "login.link", Next: "/"}})
	}
	if err != nil {
		return err
	}
	return v.enterAs(account, "/")
}

func (v *visit) enterAs(account Account, next string) error {
	if err := v.s.begin(v.r.Context(), account); err != nil {
		return err
	}
	v.s.metrics.logins.WithLabelValues("ok").Inc()
	v.s.log.Info("logged in", zap.String("account", account.Name))
	v.redirect(next)
	return nil
}

func (v *visit) logout() error {
	v.releaseHeld(0)
	if err := v.s.sessions.Destroy(v.r.Context()); err != nil {
		return err
	}
	v.redirect("/login")
	return nil
}

func (v *visit) logoutEverywhere() error {
	if err := v.s.accounts.endSessions(v.r.Context(), v.account.Name); err != nil {
		return err
	}
	return v.logout()
}

// setLanguage and setKeys are kept in the browser: they are a choice of the person at it, and work before anyone has logged in.
func (v *visit) setLanguage() error {
	lang := v.r.PostFormValue("language")
	if lang != "sv" && lang != "en" {
		return fmt.Errorf("%w: no such language", errBadForm)
	}
	v.setChoice("language", lang)
	v.redirect(local(v.r.PostFormValue("next")))
	return nil
}

func (v *visit) setKeys() error {
	keys := v.r.PostFormValue("keys")
	if keys != "on" && keys != "off" {
		return fmt.Errorf("%w: keys are on or off", errBadForm)
	}
	v.setChoice("keys", keys)
	v.redirect(local(v.r.PostFormValue("next")))
	return nil
}

func (v *visit) setChoice(name, value string) {
	http.SetCookie(v.w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: 365 * 24 * 3600, HttpOnly: true,
		Secure: v.s.secure, SameSite: http.SameSiteLaxMode})
}

func (v *visit) accountsPage() error {
	all, err := v.s.accounts.List(v.r.Context())
	if err != nil {
		return err
	}
	return v.show(http.StatusOK, "accounts", page{Title: "accounts.title", Section: "accounts", Content: all})
}

func (v *visit) helpPage() error {
	return v.show(http.StatusOK, "help", page{Title: "help.title", Section: "help"})
}
