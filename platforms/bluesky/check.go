package bluesky

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"takhojd/platforms"
)

// worstSkew is how far the network's clock may be from ours before times in records become doubtful.
const worstSkew = 30 * time.Second

// settled is how long the network may take to show what the account's own server has.
const settled = 10 * time.Minute

// Check looks at all that can be wrong between us and the network: the app password, whether notifications tell of everybody, whether the
// network shows what the account's server holds, and the clocks. It changes nothing.
func (a *Account) Check(ctx context.Context) []platforms.Check {
	token := a.checkToken(ctx)
	checks := []platforms.Check{token}
	if token.OK {
		checks = append(checks, a.checkStream(ctx), a.checkPolling(ctx))
	}
	return append(checks, a.checkClock(ctx), a.checkCapabilities())
}

func good(name, sv, en string) platforms.Check {
	return platforms.Check{Name: name, OK: true, SV: sv, EN: en}
}

func bad(name, sv, en string) platforms.Check { return platforms.Check{Name: name, SV: sv, EN: en} }

// unreachable is for what could not be looked at. Errors of this package hold no secrets.
func unreachable(name string, err error) platforms.Check {
	return bad(name, "Det gick inte att fråga Bluesky: "+err.Error(), "Bluesky could not be asked: "+err.Error())
}

func (a *Account) checkToken(ctx context.Context) platforms.Check {
	const name = "token"
	_, err := a.query(ctx, "session", "com.atproto.server.getSession", nil)
	var refusal *XRPCError
	switch {
	case err == nil:
		return good(name, "Applösenordet gäller. Det har inget slutdatum.", "The app password holds. It has no end date.")
	case errors.As(err, &refusal) && refusal.Name == "AuthFactorTokenRequired":
		return bad(name, "Det är kontots eget lösenord. Skapa ett applösenord i Bluesky under Inställningar, Integritet och säkerhet.",
			"It is the account's own password. Make an app password in Bluesky under Settings, Privacy and security.")
	case errors.As(err, &refusal) && refusal.final():
		return bad(name, "Bluesky säger att kontot är avstängt eller inaktivt. Kontakta Blueskys support.",
			"Bluesky says that the account is suspended or inactive. Ask Bluesky's support.")
	case errors.Is(err, platforms.ErrTokenDead) && refusal != nil:
		return bad(name, "Bluesky godtar inte applösenordet. Skapa ett nytt i Bluesky under Inställningar, Integritet och säkerhet.",
			"Bluesky does not accept the app password. Make a new one in Bluesky under Settings, Privacy and security.")
	case errors.Is(err, platforms.ErrTokenDead):
		return bad(name, "Applösenordet hör till ett annat konto, eller så är kontot inaktivt. Kontrollera kontots DID i konfigurationen.",
			"The app password belongs to another account, or the account is inactive. Look at the account's DID in the configuration.")
	}
	return unreachable(name, err)
}

// checkStream looks whether notifications can be read, and whether the account's own settings leave any out.
func (a *Account) checkStream(ctx context.Context) platforms.Check {
	const name = "stream"
	if _, err := a.query(ctx, "listen", "app.bsky.notification.listNotifications", url.Values{"limit": {"1"}}); err != nil {
		return unreachable(name, err)
	}
	type preference struct {
		Include word  `json:"include"`
		List    *bool `json:"list"`
	}
	body, err := a.query(ctx, "preferences", "app.bsky.notification.getPreferences", nil)
	if err != nil {
		return unreachable(name, err)
	}
	var answer struct {
		Preferences struct {
			Reply   preference `json:"reply"`
			Mention preference `json:"mention"`
			Quote   preference `json:"quote"`
		} `json:"preferences"`
	}
	if err := json.Unmarshal(body, &answer); err != nil && !typeOnly(err) {
		return unreachable(name, errors.New("the answer cannot be read"))
	}
	var sv, en []string
	for _, p := range []struct {
		preference
		sv, en string
	}{{answer.Preferences.Reply, "svar", "replies"}, {answer.Preferences.Mention, "omnämnanden", "mentions"}, {answer.Preferences.Quote, "citat", "quotes"}} {
		if p.Include == "follows" || p.List != nil && !*p.List {
			sv, en = append(sv, p.sv), append(en, p.en)
		}
	}
	if len(sv) > 0 {
		return bad(name, "Kontot får inte alla aviseringar om "+strings.Join(sv, ", ")+". Välj Alla i Bluesky under Inställningar, Aviseringar.",
			"The account does not get all notifications of "+strings.Join(en, ", ")+". Choose Everyone in Bluesky under Settings, Notifications.")
	}
	return good(name, "Svar, omnämnanden och citat aviseras från alla.", "Replies, mentions and quotes are notified from everyone.")
}

// checkPolling compares the newest of the account's posts on its own server with what the network shows.
func (a *Account) checkPolling(ctx context.Context) platforms.Check {
	const name = "polling"
	body, err := a.query(ctx, "own posts", "com.atproto.repo.listRecords",
		url.Values{"repo": {a.cfg.Channel.Account}, "collection": {postRecord}, "limit": {"25"}})
	if err != nil {
		return unreachable(name, err)
	}
	var answer struct {
		Records []struct {
			URI   word    `json:"uri"`
			Value content `json:"value"`
		} `json:"records"`
	}
	if err := json.Unmarshal(body, &answer); err != nil && !typeOnly(err) {
		return unreachable(name, errors.New("the answer cannot be read"))
	}
	for _, r := range answer.Records {
		if p, err := parsePost(string(r.URI)); err == nil && r.Value.Reply == nil && a.cfg.Now().Sub(r.Value.CreatedAt.time()) > settled {
			return a.checkShown(ctx, name, p)
		}
	}
	return good(name, "Kontot har inga äldre inlägg att jämföra med.", "The account has no older posts to compare with.")
}

func (a *Account) checkShown(ctx context.Context, name string, p post) platforms.Check {
	_, err := a.thread(ctx, p.String(), 1)
	switch {
	case errors.Is(err, platforms.ErrGone):
		return bad(name, "Bluesky visar inte kontots senaste inlägg. Kontot kan vara begränsat. Kontakta Blueskys support.",
			"Bluesky does not show the account's latest post. The account may be restricted. Ask Bluesky's support.")
	case err != nil:
		return unreachable(name, err)
	}
	return good(name, "Bluesky visar kontots senaste inlägg med dess svar.", "Bluesky shows the account's latest post with its replies.")
}

// checkClock compares our clock with the service's. It asks without a token, so that it works when nothing else does.
func (a *Account) checkClock(ctx context.Context) platforms.Check {
	const name = "clock"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.cfg.Service+"/xrpc/com.atproto.server.describeServer", nil)
	if err != nil {
		return unreachable(name, errors.New("the service has no address that can be used"))
	}
	res, err := a.cfg.HTTPClient.Do(req)
	if err != nil {
		return unreachable(name, withoutAddress(err))
	}
	_ = res.Body.Close()
	theirs, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return good(name, "Bluesky säger inte vad klockan är.", "Bluesky does not tell the time.")
	}
	skew := a.cfg.Now().Sub(theirs).Round(time.Second)
	if skew.Abs() > worstSkew {
		text := fmt.Sprintf("%+d s", int(skew.Seconds()))
		return bad(name, "Vår klocka avviker från Blueskys: "+text+". Ställ serverns klocka.", "Our clock differs from Bluesky's: "+text+". Set the server's clock.")
	}
	return good(name, "Klockorna går lika.", "The clocks agree.")
}

func (a *Account) checkCapabilities() platforms.Check {
	return good("capabilities", "Kan dölja, svara, blockera, tysta, anmäla och stänga inlägg. Kan inte ta bort andras svar eller svara enskilt.",
		"Can hide, reply, block, mute, report and close posts. Cannot delete others' replies or reply in private.")
}
