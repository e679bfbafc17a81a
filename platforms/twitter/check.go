package twitter

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"takhojd/platforms"
)

// worstSkew is how far the platform's clock may be from ours. Signed calls are refused beyond some minutes.
const worstSkew = 30 * time.Second

// Check looks at all that can be wrong between us and the platform: the token, its owner and what it may do, subscriptions and webhook, what
// reading brings, the clocks, and what is left of the hides. It changes nothing. What cannot be seen, for want of a bearer token, is said
// so and is OK.
func (a *Account) Check(ctx context.Context) []platforms.Check {
	var header http.Header
	who, err := a.me(ctx, &header)
	checks := []platforms.Check{a.checkToken(err)}
	if err == nil {
		checks = append(checks, checkPermissions(header), a.checkSubscriptions(ctx), a.checkPolling(ctx, who))
	}
	return append(checks, a.checkClock(ctx), a.checkCapabilities())
}

func good(name, sv, en string) platforms.Check {
	return platforms.Check{Name: name, OK: true, SV: sv, EN: en}
}

func bad(name, sv, en string) platforms.Check { return platforms.Check{Name: name, SV: sv, EN: en} }

// unreachable is for what could not be looked at. Errors of this package hold no secrets.
func unreachable(name string, err error) platforms.Check {
	return bad(name, "Det gick inte att fråga X: "+err.Error(), "X could not be asked: "+err.Error())
}

func (a *Account) checkToken(err error) platforms.Check {
	const name = "token"
	var refusal *APIError
	switch {
	case err == nil && a.cfg.AccessSecret == "":
		return platforms.Check{Name: name, OK: true, SV: "Åtkomstnyckeln gäller, är kontots egen och går ut inom två timmar. Använd en som inte går ut (OAuth 1.0a).",
			EN: "The access token holds, is the account's own, and ends within two hours. Use one that does not (OAuth 1.0a)."}
	case err == nil:
		return good(name, "Åtkomstnyckeln gäller, är kontots egen och går inte ut av sig själv.", "The access token holds, is the account's own, and does not expire by itself.")
	case errors.Is(err, platforms.ErrTokenDead) && errors.As(err, &refusal):
		return bad(name, "X godtar inte nycklarna. Skapa en ny åtkomstnyckel i X utvecklarportal, och kontrollera appens nyckel.",
			"X does not accept the keys. Make a new access token in X's developer portal, and look at the app's key.")
	case errors.Is(err, platforms.ErrTokenDead):
		return bad(name, "Åtkomstnyckeln är ett annat kontos. Skapa en för det konto som kanalen är.",
			"The access token is another account's. Make one for the account that the channel is.")
	}
	return unreachable(name, err)
}

// checkPermissions reads what the platform says of a signed call: read, read-write or read-write-directmessages.
func checkPermissions(h http.Header) platforms.Check {
	const name = "permissions"
	switch level := h.Get("x-access-level"); {
	case level == "":
		return good(name, "X säger inte vad åtkomstnyckeln får göra.", "X does not say what the access token may do.")
	case !strings.Contains(level, "write"):
		return bad(name, "Åtkomstnyckeln får bara läsa. Ge appen ”Read and write” i X utvecklarportal, och skapa sedan en ny åtkomstnyckel.",
			"The access token may only read. Give the app “Read and write” in X's developer portal, then make a new access token.")
	}
	return good(name, "Åtkomstnyckeln får läsa och skriva.", "The access token may read and write.")
}

// checkSubscriptions looks whether the platform tells of what is said to the account, and whether the webhook that it tells is one that it
// believes in.
func (a *Account) checkSubscriptions(ctx context.Context) platforms.Check {
	const name = "webhook"
	if a.app == nil {
		return good(name, "Prenumerationer syns inte utan appens bearer-nyckel. Kommentarer hämtas ändå.",
			"Subscriptions cannot be seen without the app's bearer token. Comments are fetched all the same.")
	}
	subs, err := a.subscriptions(ctx, a.cfg.Channel.Account)
	if errors.Is(err, platforms.ErrNotPermitted) {
		return good(name, "Appens avtal med X har inga prenumerationer. Kommentarer kommer genom flödet, eller hämtas.",
			"The app's plan at X has no subscriptions. Comments come by the filtered stream, or are fetched.")
	}
	if err != nil {
		return unreachable(name, err)
	}
	var missing []string
	webhooks := map[word]bool{}
	for _, kind := range eventTypes {
		found := false
		for _, s := range subs {
			if string(s.EventType) == kind {
				found = true
				webhooks[s.Webhook] = s.Webhook != ""
			}
		}
		if !found {
			missing = append(missing, kind)
		}
	}
	if len(missing) > 0 {
		list := strings.Join(missing, ", ")
		return bad(name, "Prenumerationer saknas: "+list+". De görs när tjänsten startar med en bearer-nyckel, eller med takhojd connect x.",
			"Subscriptions are missing: "+list+". They are made when the service starts with a bearer token, or by takhojd connect x.")
	}
	delete(webhooks, "")
	if len(webhooks) == 0 {
		return good(name, "Prenumerationerna finns, och levereras genom flödet.", "The subscriptions are there, and are delivered by stream.")
	}
	hooks, err := a.hooks(ctx)
	if err != nil {
		return unreachable(name, err)
	}
	for id := range webhooks {
		if !slices.ContainsFunc(hooks, func(h hook) bool { return h.ID == id && h.Valid }) {
			return bad(name, "X har slutat leverera till webhooken, för att den inte svarade rätt. Se till att den nås utifrån, och kör takhojd connect x.",
				"X has stopped delivering to the webhook, because it did not answer as it should. See that it is reached from outside, and run takhojd connect x.")
		}
	}
	return good(name, "Prenumerationerna finns, och levereras till webhooken.", "The subscriptions are there, and are delivered to the webhook.")
}

// checkPolling looks whether reading brings what is there.
func (a *Account) checkPolling(ctx context.Context, who profile) platforms.Check {
	const name = "polling"
	query := url.Values{"max_results": {"5"}}
	body, err := a.call(ctx, call{action: "posts", method: http.MethodGet, path: "/2/users/" + a.cfg.Channel.Account + "/tweets", query: query})
	if err == nil {
		_, err = a.call(ctx, call{action: "mentions", method: http.MethodGet, path: "/2/users/" + a.cfg.Channel.Account + "/mentions", query: query})
	}
	if err != nil {
		return unreachable(name, err)
	}
	var page struct {
		Data []tweet `json:"data"`
	}
	if lenient(body, &page) == nil && len(page.Data) == 0 && who.Metrics.Posts > 0 {
		return bad(name, "X visar inga av kontots inlägg, fast de finns. Se vad appens avtal med X omfattar.",
			"X shows none of the account's posts, though they are there. See what the app's plan at X covers.")
	}
	return good(name, "Inlägg och omnämnanden går att läsa.", "Posts and mentions can be read.")
}

// checkClock compares our clock with the platform's, as told in the Date header of whatever it answers. It asks without a token: a signed
// call of a clock that is far off is refused.
func (a *Account) checkClock(ctx context.Context) platforms.Check {
	const name = "clock"
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, a.cfg.BaseURL+"/2/openapi.json", nil)
	if err != nil {
		return unreachable(name, withoutAddress(err))
	}
	res, err := authorized(a.cfg.HTTPClient, transportOf(a.cfg.HTTPClient)).Do(req)
	if err != nil {
		return unreachable(name, withoutAddress(err))
	}
	_ = res.Body.Close()
	theirs, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return good(name, "X säger inte vad klockan är.", "X does not tell the time.")
	}
	skew := a.cfg.Now().Sub(theirs).Round(time.Second)
	text := fmt.Sprintf("%+d s", int(skew.Seconds()))
	if skew.Abs() > worstSkew {
		return bad(name, "Vår klocka avviker från X: "+text+". Ställ den rätt: signerade anrop avvisas annars.",
			"Our clock differs from X's: "+text+". Set it right: signed calls are refused otherwise.")
	}
	return good(name, "Klockorna går lika.", "The clocks agree.")
}

func (a *Account) checkCapabilities() platforms.Check {
	left := a.limits.left(a.cfg.Now())
	return good("capabilities", fmt.Sprintf("Svar i egna konversationer kan döljas: högst 50 på en kvart, %d kvar nu. Andras inlägg kan inte tas bort.", left),
		fmt.Sprintf("Replies in one's own conversations can be hidden: at most 50 in fifteen minutes, %d left now. Others' posts cannot be deleted.", left))
}
