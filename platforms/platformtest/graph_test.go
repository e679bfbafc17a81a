package platformtest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"takhojd/platforms/platformtest"
)

func pageToken(s *platformtest.Server) string { return s.Accounts()[0].Token }

func do(t *testing.T, req *http.Request) (int, string) {
	t.Helper()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func get(t *testing.T, s *platformtest.Server, path, token string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, s.URL()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	return do(t, req)
}

func postForm(t *testing.T, s *platformtest.Server, path, token string, pairs ...string) (int, string) {
	t.Helper()
	form := url.Values{"access_token": {token}}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	req, err := http.NewRequest(http.MethodPost, s.URL()+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return do(t, req)
}

func postJSON(t *testing.T, s *platformtest.Server, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, s.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return do(t, req)
}

func proof(token string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(token))
	return hex.EncodeToString(mac.Sum(nil))
}

func TestWhoMayAsk(t *testing.T) {
	s := start(t, platformtest.Options{})
	post := addPost(t, s)
	id := addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: "hej"}).ID
	page, own, other := s.Accounts()[0].ID, s.Accounts()[0].Token, s.Accounts()[1].Token
	for _, c := range []struct {
		name, path, token string
		status            int
		want              string
	}{
		{"no token", "/me", "", 400, `"code":190`},
		{"wrong token", "/me", "nonsense", 400, `"code":190`},
		{"a page", "/v26.0/me?fields=id", own, 200, `{"id":"` + page + `"}`},
		{"right proof", "/me?fields=id&appsecret_proof=" + proof(own), own, 200, page},
		{"wrong proof", "/me?appsecret_proof=" + proof(other), own, 400, `"code":100`},
		{"token in the address", "/me?fields=id&access_token=" + own, "", 200, page},
		{"a user's feed", "/" + page + "/feed", platformtest.UserToken, 200, `{"data":[]}`},
		{"a user's comments", "/" + post.ID + "/comments", platformtest.UserToken, 200, `{"data":[]}`},
		{"a user's answers", "/" + id + "/comments", platformtest.UserToken, 200, `{"data":[]}`},
		{"a user's comment", "/" + id, platformtest.UserToken, 403, `"code":200`},
		{"another page's feed", "/" + page + "/feed", other, 200, `{"data":[]}`},
		{"another page's comment", "/" + id, other, 403, `"code":200`},
		{"another page's post", "/" + post.ID, other, 403, `"code":200`},
		{"nothing there", "/123_456", own, 400, `"error_subcode":33`},
		{"no such edge", "/" + id + "/likes", own, 400, `"code":2500`},
		{"a comment, all of it", "/" + id + "?fields=id,message,is_hidden,can_hide,from,nonsense", own, 200, `"is_hidden":false`},
		{"a comment, by default", "/" + id, own, 200, `"message":"hej"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if status, body := get(t, s, c.path, c.token); status != c.status || !strings.Contains(body, c.want) {
				t.Errorf("HTTP %d %s, want %d with %s", status, body, c.status, c.want)
			}
		})
	}
	if _, body := get(t, s, "/"+id, own); strings.Contains(body, "can_hide") {
		t.Errorf("a field came unasked: %s", body)
	}
}

func TestListsArePaged(t *testing.T) {
	s := start(t, platformtest.Options{})
	post := addPost(t, s)
	var top, all []string
	for i := range 240 {
		c := platformtest.Comment{Post: post.ID, AuthorID: "1", Text: fmt.Sprint(i)}
		if i%3 == 2 {
			c.Parent = top[len(top)-1]
		}
		c = addComment(t, s, c)
		all = append(all, c.ID)
		if c.Parent == "" {
			top = append(top, c.ID)
		}
	}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	for query, want := range map[string][]string{
		"":                        top,
		"filter=toplevel&limit=7": top,
		"filter=stream&limit=100": all,
		"filter=stream&limit=10":  all,
		"filter=stream&limit=999": all,
		"filter=stream&order=reverse_chronological&limit=11": newest,
	} {
		t.Run(query, func(t *testing.T) {
			var got []string
			address := "/v26.0/" + post.ID + "/comments?" + query
			for pages := 0; address != ""; pages++ {
				if pages > 60 {
					t.Fatal("it never ends")
				}
				_, body := get(t, s, address, pageToken(s))
				var answer struct {
					Data   []struct{ ID string }
					Paging struct {
						Cursors struct{ After string }
						Next    string
					}
				}
				if err := json.Unmarshal([]byte(body), &answer); err != nil || answer.Paging.Cursors.After == "" {
					t.Fatalf("%v in %s", err, body)
				}
				if len(answer.Data) > 100 {
					t.Errorf("%d at a time", len(answer.Data))
				}
				for _, d := range answer.Data {
					got = append(got, d.ID)
				}
				address = strings.TrimPrefix(answer.Paging.Next, s.URL())
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d of %d: %v", len(got), len(want), got)
			}
		})
	}
	if _, body := get(t, s, "/"+all[1]+"/comments", pageToken(s)); !strings.Contains(body, all[2]) {
		t.Errorf("the answers to %s: %s", all[1], body)
	}
}

func TestCommentsStandInTheOrderOfTheirTimes(t *testing.T) {
	s := start(t, platformtest.Options{})
	post := addPost(t, s)
	noon := time.Date(2026, 11, 22, 11, 0, 0, 0, time.UTC)
	for _, minutes := range []int{2, 0, 3, 1} {
		addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: fmt.Sprint("m", minutes), Posted: noon.Add(time.Duration(minutes) * time.Minute)})
	}
	_, body := get(t, s, "/"+post.ID+"/comments?fields=message", pageToken(s))
	if at := strings.Index; !(at(body, "m0") < at(body, "m1") && at(body, "m1") < at(body, "m2") && at(body, "m2") < at(body, "m3")) {
		t.Errorf("%s", body)
	}
	_, body = get(t, s, fmt.Sprintf("/%s/comments?fields=message&since=%d", post.ID, noon.Add(2*time.Minute).Unix()), pageToken(s))
	if strings.Contains(body, "m1") || !strings.Contains(body, "m2") || !strings.Contains(body, "m3") {
		t.Errorf("since: %s", body)
	}
}

func TestOnlySubscribedPagesAreTold(t *testing.T) {
	in := &inbox{}
	s := start(t, platformtest.Options{WebhookURL: listen(t, in).URL})
	post, edge := addPost(t, s), "/"+s.Accounts()[0].ID+"/subscribed_apps"
	postForm(t, s, edge, pageToken(s), "method", "delete")
	addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: "ohörd"})
	postForm(t, s, edge, pageToken(s), "subscribed_fields", "feed")
	addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: "hörd"})
	if err := s.Settled(deadline(t)); err != nil {
		t.Fatal(err)
	}
	if got := in.all(); len(got) != 1 || got[0].Comment.Text != "hörd" {
		t.Errorf("%d events", len(got))
	}
}

func TestTheLogOfCalls(t *testing.T) {
	s := start(t, platformtest.Options{})
	post := addPost(t, s)
	id := addComment(t, s, platformtest.Comment{Post: post.ID, AuthorID: "1", Text: "hej"}).ID
	page, token := s.Accounts()[0].ID, pageToken(s)
	get(t, s, "/v26.0/"+id, token)
	postForm(t, s, "/"+id, token, "is_hidden", "true")
	postForm(t, s, "/"+id, token, "is_hidden", "false")
	postForm(t, s, "/"+id+"/comments", token, "message", "svar")
	postForm(t, s, "/"+page+"/messages", token, "recipient", `{"comment_id":"`+id+`"}`, "message", `{"text":"privat"}`)
	postForm(t, s, "/"+page+"/blocked", token, "user", "2")
	get(t, s, "/"+page+"/blocked", token)
	postForm(t, s, "/"+page+"/subscribed_apps", token, "subscribed_fields", "feed")
	get(t, s, "/debug_token?input_token=x", "310000000000001|"+secret)
	get(t, s, "/me/permissions", token)
	postForm(t, s, "/"+id, token, "method", "delete")
	postForm(t, s, "/"+id, token, "is_hidden", "true")
	want := []string{"fetch ok", "hide ok", "unhide ok", "reply ok", "private_reply ok", "block ok", "blocked ok", "subscribe ok",
		"debug_token ok", "permissions ok", "delete ok", "hide error 100/33"}
	_, body := get(t, s, "/state", "")
	var state struct {
		Calls []struct {
			N              int
			At             string
			Action, Result string
			Comment, Path  string
			Method         string
		}
		Comments []map[string]any
		Played   bool
	}
	if err := json.Unmarshal([]byte(body), &state); err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, c := range state.Calls {
		got = append(got, c.Action+" "+c.Result)
		if c.N != i+1 || c.At == "" || c.Path == "" || strings.Contains(c.Path, token) {
			t.Errorf("call %d: %+v", i+1, c)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%v\nwant\n%v", got, want)
	}
	if c := state.Calls[4]; c.Comment != id {
		t.Errorf("the private reply was about %s", c.Comment)
	}
	if c := state.Calls[10]; c.Method != http.MethodDelete {
		t.Errorf("method=delete is a %s", c.Method)
	}
	for _, key := range []string{"id", "name", "account", "post", "parent", "author_id", "text", "revision_count", "hidden", "deleted", "removed_by_author",
		"posted_at", "webhook_attempts", "webhook_accepted"} {
		if _, ok := state.Comments[0][key]; !ok {
			t.Errorf("a comment in the state has no %s", key)
		}
	}
	if state.Comments[0]["deleted"] != true {
		t.Error("the state does not know that it was deleted")
	}
}

func TestOtherProcessesMaySimulate(t *testing.T) {
	in := &inbox{}
	s := start(t, platformtest.Options{})
	page := s.Accounts()[0].ID
	ask := func(what, body, want string) string {
		t.Helper()
		status, answer := postJSON(t, s, "/simulate/"+what, body)
		if status != 200 || !strings.Contains(answer, want) {
			t.Fatalf("%s: HTTP %d %s", what, status, answer)
		}
		return answer
	}
	ask("webhook", `{"url":"`+listen(t, in).URL+`"}`, "{}")
	ask("post", `{"account":"`+page+`","name":"p","text":"hej"}`, `"id":"`+page+`_`)
	ask("comment", `{"post":"p","name":"k","author_id":"1","author":"Anna","text":"ett"}`, `"id":"`)
	ask("edit", `{"id":"k","text":"två"}`, "{}")
	ask("hide", `{"id":"k","hidden":true}`, "{}")
	ask("hide", `{"id":"k","hidden":true}`, "{}")
	ask("hide", `{"id":"k","hidden":false}`, "{}")
	ask("remove", `{"id":"k"}`, "{}")
	ask("faults", `{"http_500":1}`, "{}")
	if err := s.Settled(deadline(t)); err != nil {
		t.Fatal(err)
	}
	var kinds []string
	for _, e := range in.all() {
		kinds = append(kinds, string(e.Kind))
	}
	if want := []string{"added", "edited", "hidden", "restored", "removed"}; !slices.Equal(kinds, want) {
		t.Errorf("told %v, want %v", kinds, want)
	}
	if status, _ := get(t, s, "/me", pageToken(s)); status != 500 {
		t.Errorf("the faults were not set: HTTP %d", status)
	}
	for what, body := range map[string]string{"nothing": "{}", "remove": `{"id":"k"}`, "comment": `{"post":"none"}`, "faults": `{"http_500":7}`, "edit": `{`, "post": `{"pages":1}`} {
		if status, answer := postJSON(t, s, "/simulate/"+what, body); status != 400 || !strings.Contains(answer, `"error"`) {
			t.Errorf("%s %s: HTTP %d %s", what, body, status, answer)
		}
	}
}

func TestWhatThePublicSees(t *testing.T) {
	s := start(t, platformtest.Options{})
	post := addPost(t, s)
	add := func(author, text, parent string) string {
		return addComment(t, s, platformtest.Comment{Post: post.ID, Parent: parent, AuthorID: author, Author: "Namn " + author, Text: text}).ID
	}
	first := add("1", "synlig <script>alert(1)</script>", "")
	hidden := add("2", "dold text", "")
	add("3", "svar på dold", hidden)
	add("3", "svar på synlig", first)
	deleted := add("4", "raderad text", "")
	for _, id := range []string{hidden} {
		postForm(t, s, "/"+id, pageToken(s), "is_hidden", "true")
	}
	postForm(t, s, "/"+deleted, pageToken(s), "method", "DELETE")

	see := func(query string) string {
		t.Helper()
		res, err := http.Get(s.URL() + "/public/" + post.ID + query)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, _ := io.ReadAll(res.Body)
		if csp := res.Header.Get("Content-Security-Policy"); res.StatusCode != 200 || !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("HTTP %d, policy %q", res.StatusCode, csp)
		}
		return string(b)
	}
	for _, c := range []struct {
		query       string
		there, gone []string
	}{
		{"", []string{"Budget 2027", "synlig &lt;script&gt;", "svar på synlig", "1 kommentar dold", "2 kommentarer", `lang="sv"`},
			[]string{"dold text", "svar på dold", "raderad text", "<script", "http-equiv", "Namn 2"}},
		{"?som=forfattare&id=2", []string{"dold text", "svar på dold", "Bara du och dina vänner"}, []string{"raderad text", "1 kommentar dold"}},
		{"?som=forfattare&id=1", []string{"1 kommentar dold"}, []string{"dold text"}},
		{"?som=forfattare&id=", []string{"1 kommentar dold"}, []string{"dold text"}},
		{"?uppdatera=2", []string{`http-equiv="refresh" content="2"`}, []string{"dold text"}},
		{"?uppdatera=0", nil, []string{"http-equiv"}},
	} {
		page := see(c.query)
		for _, want := range c.there {
			if !strings.Contains(page, want) {
				t.Errorf("%q: %q is not there", c.query, want)
			}
		}
		for _, bad := range c.gone {
			if strings.Contains(page, bad) {
				t.Errorf("%q: %q is there", c.query, bad)
			}
		}
	}
	if status, body := get(t, s, "/", ""); status != 200 || !strings.Contains(body, "/public/"+post.ID) || !strings.Contains(body, "Region Stockholm") {
		t.Errorf("the index: HTTP %d", status)
	}
	if status, _ := get(t, s, "/public/none", ""); status != 404 {
		t.Errorf("no such post: HTTP %d", status)
	}
	if status, body := get(t, s, "/public.css", ""); status != 200 || !strings.Contains(body, "prefers-color-scheme") {
		t.Errorf("the style: HTTP %d", status)
	}
}
