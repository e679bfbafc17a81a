package facebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	fb "github.com/huandu/facebook/v2"

	"takhojd/platforms"
)

// worstSkew is how far the platform's clock may be from ours before times in records become doubtful.
const worstSkew = 30 * time.Second

// neededPermissions are what the adapter's calls take, all told.
var neededPermissions = []string{"pages_show_list", "pages_read_engagement", "pages_read_user_content",
	"pages_manage_engagement", "pages_manage_metadata"}

// Check looks at all that can be wrong between us and the platform: the token, its owner, its permissions, the webhook's
// subscription and the clocks. It changes nothing. What cannot be seen, for want of app credentials, is said so and is OK.
func (p *Page) Check(ctx context.Context) []platforms.Check {
	token := p.checkToken(ctx)
	checks := []platforms.Check{token}
	if token.OK {
		checks = append(checks, p.checkPermissions(ctx), p.checkSubscription(ctx))
	}
	return append(checks, p.checkClock(ctx))
}

func good(name, sv, en string) platforms.Check {
	return platforms.Check{Name: name, OK: true, SV: sv, EN: en}
}

func bad(name, sv, en string) platforms.Check { return platforms.Check{Name: name, SV: sv, EN: en} }

func (p *Page) checkToken(ctx context.Context) platforms.Check {
	const name = "token"
	switch err := p.belongs(ctx); {
	case err == nil:
		return good(name, "Åtkomstnyckeln gäller och är sidans egen.", "The access token holds and is the page's own.")
	case errors.Is(err, platforms.ErrTokenDead) && refused(err):
		return bad(name, "Plattformen godtar inte åtkomstnyckeln. Skapa en ny.", "The platform does not accept the access token. Make a new one.")
	case errors.Is(err, platforms.ErrTokenDead):
		return bad(name, "Åtkomstnyckeln är inte sidans egen. Med den ser alla listor tomma ut. Hämta sidans nyckel.",
			"The access token is not the page's own. With it, every list looks empty. Get the page's token.")
	default:
		return unreachable(name, err)
	}
}

// refused tells whether it was the platform that said no, rather than we.
func refused(err error) bool {
	var e *GraphError
	return errors.As(err, &e)
}

// unreachable is for what could not be looked at. Errors of this package hold no secrets.
func unreachable(name string, err error) platforms.Check {
	return bad(name, "Det gick inte att fråga plattformen: "+err.Error(), "The platform could not be asked: "+err.Error())
}

// checkPermissions asks, as the app, what the page's token may do. The token stands in this one call's address, as the API
// demands; errors never hold addresses.
func (p *Page) checkPermissions(ctx context.Context) platforms.Check {
	const name = "permissions"
	if p.app == nil {
		return good(name, "Behörigheterna syns inte utan appens id och hemlighet.", "Permissions cannot be seen without the app's id and secret.")
	}
	body, err := p.callAs(ctx, p.app, "debug token", "debug_token", fb.GET, fb.Params{"input_token": p.cfg.PageToken})
	if err != nil {
		return unreachable(name, err)
	}
	var answer struct {
		Data struct {
			Scopes  []string `json:"scopes"`
			Expires scalar   `json:"expires_at"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return unreachable(name, errors.New("the answer cannot be read"))
	}
	var missing []string
	for _, n := range neededPermissions {
		if !slices.Contains(answer.Data.Scopes, n) {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		list := strings.Join(missing, ", ")
		return bad(name, "Åtkomstnyckeln saknar behörighet: "+list, "The access token lacks permission: "+list)
	}
	if at := answer.Data.Expires.time(); !at.IsZero() {
		day := at.Format(time.DateOnly)
		return platforms.Check{Name: name, OK: at.Sub(p.cfg.Now()) > 7*24*time.Hour, Expires: at,
			SV: "Alla behörigheter finns. Åtkomstnyckeln går ut " + day + ".",
			EN: "All permissions are there. The access token expires on " + day + "."}
	}
	return good(name, "Alla behörigheter finns.", "All permissions are there.")
}

func (p *Page) checkSubscription(ctx context.Context) platforms.Check {
	const name = "webhook"
	subscribed := false
	err := p.list(ctx, "subscriptions", p.cfg.Channel.Account+"/subscribed_apps", fb.Params{}, func(items []json.RawMessage) (bool, error) {
		for _, raw := range items {
			var app struct {
				ID     scalar   `json:"id"`
				Fields []string `json:"subscribed_fields"`
			}
			if json.Unmarshal(raw, &app) == nil && (p.cfg.AppID == "" || string(app.ID) == p.cfg.AppID) && slices.Contains(app.Fields, "feed") {
				subscribed = true
			}
		}
		return !subscribed, nil
	})
	switch {
	case err != nil:
		return unreachable(name, err)
	case !subscribed:
		return bad(name, "Sidan levererar inte sina kommentarer till appen. Prenumerera på fältet feed.",
			"The page does not deliver its comments to the app. Subscribe to the field feed.")
	}
	return good(name, "Sidan levererar sina kommentarer till appen.", "The page delivers its comments to the app.")
}

// checkClock compares our clock with the platform's, as told in the Date header of whatever it answers. It asks without a
// token, so that it works when nothing else does.
func (p *Page) checkClock(ctx context.Context) platforms.Check {
	const name = "clock"
	base := p.cfg.BaseURL
	if base == "" {
		base = "https://graph.facebook.com/"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, base, nil)
	if err != nil {
		return unreachable(name, withoutAddress(err))
	}
	res, err := p.cfg.HTTPClient.Do(req)
	if err != nil {
		return unreachable(name, withoutAddress(err))
	}
	_ = res.Body.Close()
	theirs, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return good(name, "Plattformen säger inte vad klockan är.", "The platform does not tell the time.")
	}
	skew := p.cfg.Now().Sub(theirs).Round(time.Second)
	text := fmt.Sprintf("%+d s", int(skew.Seconds()))
	if skew.Abs() > worstSkew {
		return bad(name, "Vår klocka avviker från plattformens: "+text+".", "Our clock differs from the platform's: "+text+".")
	}
	return good(name, "Klockorna går lika.", "The clocks agree.")
}
