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

// pagePermissions and instagramPermissions are what the adapter's calls take, all told. pageHooks and instagramHooks are the fields of
// the webhook.
var (
	pagePermissions = []string{"pages_show_list", "pages_read_engagement", "pages_read_user_content",
		"pages_manage_engagement", "pages_manage_metadata"}
	instagramPermissions = []string{"instagram_basic", "instagram_manage_comments", "pages_show_list", "pages_read_engagement", "pages_manage_metadata"}
	pageHooks            = []string{"feed"}
	instagramHooks       = []string{"comments", "live_comments"}
)

// soonEnds is how long before its end a token is a fault: renewing one takes people.
const soonEnds = 7 * 24 * time.Hour

// Check looks at all that can be wrong between us and the platform: the token, its owner and its end, its permissions, the webhook's
// subscription, whether comments can be read, and the clocks. It changes nothing. What cannot be seen, for want of app credentials, is said
// so and is OK.
func (p *Page) Check(ctx context.Context) []platforms.Check {
	return p.check(ctx, p.belongs(ctx), pagePermissions, pageHooks, func() (int, error) {
		return p.edge(ctx, "feed", p.cfg.Now().Add(-recentPosts), func(platforms.Post, time.Time) {})
	}, p.Capabilities())
}

// Check looks at what [Page.Check] does, for an Instagram account.
func (p *Instagram) Check(ctx context.Context) []platforms.Check {
	count, err := p.belongs(ctx)
	return p.check(ctx, err, instagramPermissions, instagramHooks, func() (int, error) {
		media, err := p.media(ctx, p.cfg.Now().Add(-recentPosts))
		if err == nil && len(media) == 0 && count > 0 {
			media, err = p.media(ctx, time.Time{})
		}
		if err == nil && len(media) == 0 && count > 0 {
			err = fmt.Errorf("facebook: media: the list is empty although the account has %d: %w", count, platforms.ErrTokenDead)
		}
		return len(media), err
	}, p.Capabilities())
}

// check makes the checks of an account. belongs is what asking for the account gave, read reads its posts.
func (p *client) check(ctx context.Context, belongs error, permissions, hooks []string, read func() (int, error), can platforms.Capabilities) []platforms.Check {
	token := checkToken(belongs)
	checks := []platforms.Check{token}
	if token.OK {
		granted, err := p.granted(ctx)
		checks[0] = p.checkEnd(token, granted)
		checks = append(checks, p.checkPermissions(granted, err, permissions), p.checkSubscription(ctx, hooks), checkReading(read()), checkCapabilities(can))
	}
	return append(checks, p.checkClock(ctx))
}

// grant is what the platform says of a token.
type grant struct {
	Kind    scalar   `json:"type"`
	Scopes  []string `json:"scopes"`
	Expires scalar   `json:"expires_at"`
	// DataExpires is when people's consent lapses, and reading with it.
	DataExpires scalar `json:"data_access_expires_at"`
}

// granted asks, as the app, what the token may do; nil without app credentials. The token stands in this one call's address, as the
// API demands; errors never hold addresses.
func (p *client) granted(ctx context.Context) (*grant, error) {
	if p.app == nil {
		return nil, nil
	}
	body, err := p.callAs(ctx, p.app, "debug token", "debug_token", fb.GET, fb.Params{"input_token": p.cfg.PageToken})
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data grant `json:"data"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, errors.New("the answer cannot be read")
	}
	return &answer.Data, nil
}

// checkEnd adds to a token that holds of which kind it is and when it ends.
func (p *client) checkEnd(token platforms.Check, g *grant) platforms.Check {
	if g == nil {
		return token
	}
	if g.Kind != "" {
		token.SV += " Slag: " + string(g.Kind[:min(len(g.Kind), 20)]) + "."
		token.EN += " Kind: " + string(g.Kind[:min(len(g.Kind), 20)]) + "."
	}
	for _, s := range []scalar{g.Expires, g.DataExpires} {
		if at := s.time(); !at.IsZero() && (token.Expires.IsZero() || at.Before(token.Expires)) {
			token.Expires = at
		}
	}
	if token.Expires.IsZero() {
		return token
	}
	day := token.Expires.Format(time.DateOnly)
	token.OK = token.Expires.Sub(p.cfg.Now()) > soonEnds
	token.SV += " Går ut " + day + "."
	token.EN += " Expires on " + day + "."
	if !token.OK {
		token.SV += " Skapa en ny innan dess."
		token.EN += " Make a new one before that."
	}
	return token
}

func good(name, sv, en string) platforms.Check {
	return platforms.Check{Name: name, OK: true, SV: sv, EN: en}
}

func bad(name, sv, en string) platforms.Check { return platforms.Check{Name: name, SV: sv, EN: en} }

func checkToken(err error) platforms.Check {
	const name = "token"
	switch {
	case err == nil:
		return good(name, "Åtkomstnyckeln gäller för kontot.", "The access token holds for the account.")
	case errors.Is(err, platforms.ErrTokenDead) && refused(err):
		return bad(name, "Plattformen godtar inte åtkomstnyckeln. Skapa en ny.", "The platform does not accept the access token. Make a new one.")
	case errors.Is(err, platforms.ErrTokenDead):
		return bad(name, "Åtkomstnyckeln är inte kontots egen. Med den ser alla listor tomma ut. Hämta sidans nyckel.",
			"The access token is not the account's own. With it, every list looks empty. Get the page's token.")
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

func (p *client) checkPermissions(g *grant, err error, needed []string) platforms.Check {
	const name = "permissions"
	if err != nil {
		return unreachable(name, err)
	}
	if g == nil {
		return good(name, "Behörigheterna syns inte utan appens id och hemlighet.", "Permissions cannot be seen without the app's id and secret.")
	}
	var missing []string
	for _, n := range needed {
		if !slices.Contains(g.Scopes, n) {
			missing = append(missing, n)
		}
	}
	if len(missing) > 0 {
		list := strings.Join(missing, ", ")
		return bad(name, "Åtkomstnyckeln saknar behörighet: "+list+". Skapa en ny med dem.", "The access token lacks permission: "+list+". Make a new one with them.")
	}
	return good(name, "Alla behörigheter finns.", "All permissions are there.")
}

func (p *client) checkSubscription(ctx context.Context, fields []string) platforms.Check {
	const name = "webhook"
	var missing []string
	err := p.list(ctx, "subscriptions", p.cfg.Channel.Account+"/subscribed_apps", fb.Params{}, func(items []json.RawMessage) (bool, error) {
		missing = slices.Clone(fields)
		for _, raw := range items {
			var app struct {
				ID     scalar   `json:"id"`
				Fields []string `json:"subscribed_fields"`
			}
			if json.Unmarshal(raw, &app) == nil && (p.cfg.AppID == "" || string(app.ID) == p.cfg.AppID) {
				missing = slices.DeleteFunc(missing, func(f string) bool { return slices.Contains(app.Fields, f) })
			}
		}
		return len(missing) > 0, nil
	})
	list := strings.Join(missing, ", ")
	switch {
	case refused(err) && platforms.Outcome(err) != "wait" && p.cfg.Channel.Platform == platforms.Instagram:
		// For an account that is reached through its page the subscription stands with the app, where no call shows it.
		return good(name, "Prenumerationen syns inte härifrån. Se efter bland appens webhooks att "+strings.Join(fields, " och ")+" är valda.",
			"The subscription cannot be seen from here. Look among the app's webhooks that "+strings.Join(fields, " and ")+" are chosen.")
	case err != nil:
		return unreachable(name, err)
	case len(missing) > 0:
		return bad(name, "Plattformen levererar inte kontots kommentarer till appen. Prenumerera på: "+list+".",
			"The platform does not deliver the account's comments to the app. Subscribe to: "+list+".")
	}
	return good(name, "Plattformen levererar kontots kommentarer till appen.", "The platform delivers the account's comments to the app.")
}

// checkReading says whether reading gives what is there. n is how many posts were read.
func checkReading(n int, err error) platforms.Check {
	const name = "polling"
	switch {
	case errors.Is(err, platforms.ErrTokenDead):
		return bad(name, "Listan över inlägg är tom trots att det finns inlägg. Nyckeln saknar en behörighet.",
			"The list of posts is empty although there are posts. The token lacks a permission.")
	case err != nil:
		return unreachable(name, err)
	case n == 0:
		return good(name, "Läsningen fungerar, men där finns inga inlägg än.", "Reading works, but there are no posts yet.")
	}
	return good(name, fmt.Sprintf("Läsningen fungerar. %d inlägg syns.", n), fmt.Sprintf("Reading works. %d posts are seen.", n))
}

// checkCapabilities says what can be done there.
func checkCapabilities(can platforms.Capabilities) platforms.Check {
	var sv, en []string
	for _, c := range []struct {
		can    bool
		sv, en string
	}{{can.Hide, "dölja", "hide"}, {can.Delete, "ta bort", "delete"}, {can.Reply, "svara", "reply"}, {can.PrivateReply, "svara enskilt", "reply in private"},
		{can.Block, "blockera", "block"}, {can.CloseComments, "stänga för kommentarer", "close for comments"}} {
		if c.can {
			sv, en = append(sv, c.sv), append(en, c.en)
		}
	}
	return good("capabilities", "Här går det att "+strings.Join(sv, ", ")+".", "What can be done here: "+strings.Join(en, ", ")+".")
}

// checkClock compares our clock with the platform's, as told in the Date header of whatever it answers. It asks without a
// token, so that it works when nothing else does.
func (p *client) checkClock(ctx context.Context) platforms.Check {
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
		return bad(name, "Vår klocka avviker från plattformens: "+text+". Ställ den efter en tidsserver.", "Our clock differs from the platform's: "+text+". Set it by a time server.")
	}
	return good(name, "Klockorna går lika.", "The clocks agree.")
}
