package platformtest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

var grams = []platformtest.Account{
	{Platform: platforms.Instagram, ID: "17841400000000001", Name: "regionstockholm", Token: "simulated-gram-token-1"},
	{Platform: platforms.Instagram, ID: "17841400000000002", Name: "annan", Token: "simulated-gram-token-2"},
}

// list reads an edge's items, and its next page's address.
func list(t *testing.T, s *platformtest.Server, path string) (items []map[string]any, next string) {
	t.Helper()
	status, body := get(t, s, path, grams[0].Token)
	var answer struct {
		Data   []map[string]any `json:"data"`
		Paging struct {
			Next string `json:"next"`
		} `json:"paging"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil || status != 200 {
		t.Fatalf("%s: HTTP %d, %s", path, status, body)
	}
	return answer.Data, answer.Paging.Next
}

func TestInstagramAsItIs(t *testing.T) {
	s := start(t, platformtest.Options{Accounts: grams})
	write := func(account int, parent, author, text string) platformtest.Comment {
		t.Helper()
		post, err := s.AddPost(platformtest.Post{Account: grams[account].ID, Text: "bild"})
		if parent != "" {
			k, _ := s.State().Comment(parent)
			post.ID = k.Post
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := s.AddComment(platformtest.Comment{Post: post.ID, Parent: parent, AuthorID: author, Author: "Anna A", Text: text})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	c := write(0, "", "7", "fy")
	answer := write(0, c.ID, "8", "nej")
	nested := write(0, answer.ID, "9", "jo")
	foreign := write(1, "", "7", "fy")

	// Comments come newest first, fifty at a time, with the answers asked for; an answer to an answer stands under the first comment.
	for i := range 60 {
		if _, err := s.AddComment(platformtest.Comment{Post: c.Post, AuthorID: "7", Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	first, next := list(t, s, "/v26.0/"+c.Post+"/comments?limit=100&fields="+url.QueryEscape("id,text,replies.limit(1){id,parent_id}"))
	if len(first) != 50 || next == "" || first[0]["text"] != "59" || first[0]["hidden"] != nil {
		t.Errorf("%d comments, first %v, next %q", len(first), first[0], next)
	}
	u, err := url.Parse(next)
	if err != nil {
		t.Fatal(err)
	}
	rest, _ := list(t, s, u.RequestURI())
	last := rest[len(rest)-1]
	replies, _ := last["replies"].(map[string]any)
	if len(rest) != 11 || last["id"] != c.ID || len(replies["data"].([]any)) != 1 || replies["paging"].(map[string]any)["next"] == nil {
		t.Errorf("%d comments on the second page, last %v", len(rest), last)
	}
	under, _ := list(t, s, "/"+c.ID+"/replies?fields=id,parent_id")
	if len(under) != 2 || under[1]["id"] != nested.ID || under[1]["parent_id"] != c.ID {
		t.Errorf("answers: %v", under)
	}

	// What the platform refuses.
	if err := s.SetHidden(c.ID, true); err != nil {
		t.Fatal(err)
	}
	for name, ask := range map[string]struct {
		path, token string
		pairs       []string
		code        string
	}{
		"another's comment":        {"/" + foreign.ID, grams[0].Token, []string{"hide", "true"}, `"code":200`},
		"a wrong token":            {"/" + c.ID, "nonsense", []string{"hide", "true"}, `"code":190`},
		"a page's way of hiding":   {"/" + c.ID, grams[0].Token, []string{"is_hidden", "true"}, `"code":100`},
		"answering what is hidden": {"/" + c.ID + "/replies", grams[0].Token, []string{"message", "hej"}, `"code":100`},
		"closing without a word":   {"/" + c.Post, grams[0].Token, []string{"comment_enabled", "kanske"}, `"code":100`},
		"a block":                  {"/" + grams[0].ID + "/blocked", grams[0].Token, []string{"user", "7"}, `"code":2500`},
	} {
		if status, body := postForm(t, s, ask.path, ask.token, ask.pairs...); status < 400 || !strings.Contains(body, ask.code) {
			t.Errorf("%s: HTTP %d, %s, want %s", name, status, body, ask.code)
		}
	}
	if k, _ := s.State().Comment(foreign.ID); k.Hidden {
		t.Error("another's comment was hidden")
	}

	// Answers go with what they answer.
	req, err := http.NewRequest(http.MethodDelete, s.URL()+"/"+c.ID+"?access_token="+grams[0].Token, nil)
	if err != nil {
		t.Fatal(err)
	}
	if status, body := do(t, req); status != 200 {
		t.Errorf("delete: HTTP %d, %s", status, body)
	}
	if _, body := get(t, s, "/"+nested.ID, grams[0].Token); !strings.Contains(body, `"error_subcode":33`) {
		t.Errorf("the answer to what was deleted: %s", body)
	}
}

func TestInstagramDeliversOnlyWhatIsNew(t *testing.T) {
	in := &inbox{}
	s := start(t, platformtest.Options{Accounts: grams, WebhookURL: listen(t, in).URL})
	post, err := s.AddPost(platformtest.Post{Account: grams[0].ID, Text: "bild"})
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.AddComment(platformtest.Comment{Post: post.ID, AuthorID: "7", Author: "Anna A", Text: "hej"})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{s.Edit(c.ID, "hejdå"), s.SetHidden(c.ID, true), s.SetHidden(c.ID, false), s.Remove(c.ID), s.Settled(deadline(t))} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if w := s.State().Webhooks; w.Accepted != 1 || w.Attempts != 1 {
		t.Errorf("%+v, want one delivery", w)
	}
}
