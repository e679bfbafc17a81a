package platformtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"takhojd/platforms"
	"takhojd/platforms/platformtest"
)

const threadPosts = `[{"id":"p","channel":"facebook","text":"hej","created_offset":-60}]`

func TestLoadThreadNamesTheLine(t *testing.T) {
	const add = `{"id":"c1","channel":"facebook","post":"p","author_id":"1","offset_seconds":1,"text":"x","event":"add"}`
	for name, c := range map[string]struct{ line, want string }{
		"broken":            {`{"id":`, "line 3"},
		"no id":             {`{"post":"p","event":"add","offset_seconds":2}`, "line 3"},
		"no post":           {`{"id":"c2","post":"q","event":"add","offset_seconds":2}`, `"q"`},
		"twice":             {`{"id":"c1","post":"p","event":"add","offset_seconds":2}`, `"c1"`},
		"edit of nothing":   {`{"id":"c2","post":"p","event":"edit","offset_seconds":2}`, `"c2"`},
		"answer to nothing": {`{"id":"c2","post":"p","parent":"c9","event":"add","offset_seconds":2}`, `"c9"`},
		"unknown event":     {`{"id":"c1","post":"p","event":"shout","offset_seconds":2}`, `"shout"`},
		"back in time":      {`{"id":"c2","post":"p","event":"add","offset_seconds":0}`, "before"},
		"attachments":       {`{"id":"c2","post":"p","event":"add","offset_seconds":2,"attachments":"one"}`, "attachments"},
	} {
		_, err := platformtest.LoadThread(strings.NewReader(threadPosts), strings.NewReader(add+"\n\n"+c.line+"\n"))
		if err == nil || !strings.Contains(err.Error(), "line 3") || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, posts := range []string{`{`, `[{"id":"","channel":"facebook"}]`, `[{"id":"p","channel":"fax"}]`, `[{"id":"p","channel":"x"},{"id":"p","channel":"x"}]`} {
		if _, err := platformtest.LoadThread(strings.NewReader(posts), strings.NewReader("")); err == nil {
			t.Errorf("%s: no error", posts)
		}
	}
	thread, err := platformtest.LoadThread(strings.NewReader(threadPosts), strings.NewReader(add+"\n"+
		`{"id":"c2","post":"p","event":"add","offset_seconds":2,"attachments":2}`+"\n"+
		`{"id":"c3","post":"p","event":"add","offset_seconds":2,"attachments":[{"type":"gif"}]}`))
	if err != nil || len(thread.Events) != 3 || thread.Events[1].Attachments != 2 || thread.Events[2].Attachments != 1 {
		t.Errorf("%+v, %v", thread.Events, err)
	}
}

func TestOurThreadIsTheReferencesThread(t *testing.T) {
	dir := filepath.Join("..", "..", "..", "shared", "eval")
	for _, file := range []string{"posts.json", "thread.jsonl"} {
		want, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Skip("the reference folder ../shared is not beside the repository")
		}
		got, err := os.ReadFile(filepath.Join("demo", file))
		if err != nil || string(got) != string(want) {
			t.Errorf("demo/%s differs from the reference; %v", file, err)
		}
	}
}

func TestPlayPublishesOnThreePages(t *testing.T) {
	s := start(t, platformtest.Options{})
	thread, err := platformtest.DemoThread()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Play(deadline(t), thread, platformtest.PlayOptions{Speed: 1e6}); err != nil {
		t.Fatal(err)
	}
	plays := map[string]platforms.Platform{}
	for _, p := range s.Accounts() {
		plays[p.ID] = p.Plays
	}
	channels := map[string]platforms.Platform{}
	for _, e := range thread.Events {
		channels[e.ID] = e.Channel
	}
	photos := 0
	for _, c := range s.State().Comments {
		if plays[c.Account] != channels[c.Name] {
			t.Errorf("%s of %s is on the page that plays %s", c.Name, channels[c.Name], plays[c.Account])
		}
		photos += c.Photos
	}
	if photos != 4 {
		t.Errorf("%d photos, want 4", photos)
	}
	if err := s.Play(deadline(t), platformtest.Thread{Posts: []platformtest.ThreadPost{{ID: "p", Channel: platforms.Bluesky}}}, platformtest.PlayOptions{}); err == nil {
		t.Error("a channel that no page plays: no error")
	}
}
