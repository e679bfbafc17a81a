package platformtest

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

//go:embed public
var publicFiles embed.FS

var (
	indexPage = template.Must(template.ParseFS(publicFiles, "public/index.html"))
	postPage  = template.Must(template.ParseFS(publicFiles, "public/post.html"))
)

// contentPolicy lets the public pages load their own style and pictures, and nothing else. They have no script.
const contentPolicy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// publicComment is a comment as one onlooker sees it.
type publicComment struct {
	ID, Author, Text string
	When, Machine    string
	Edited, Hidden   bool
	Photos           []string
	Replies          []publicComment
}

// servePublicIndex lists the pages and their posts.
func (s *Server) servePublicIndex(w http.ResponseWriter, _ *http.Request) {
	type post struct{ ID, Excerpt, Comments string }
	type page struct {
		ID, Name string
		Posts    []post
	}
	var pages []page
	s.world.mu.Lock()
	for _, a := range s.world.accounts {
		p := page{ID: a.ID, Name: a.Name}
		for _, q := range s.world.posts {
			if q.Account == a.ID {
				shown, _ := s.seenLocked(q.ID, "")
				p.Posts = append(p.Posts, post{q.ID, excerpt(q.Text, 90), counted(count(shown))})
			}
		}
		pages = append(pages, p)
	}
	s.world.mu.Unlock()
	show(w, indexPage, map[string]any{"Pages": pages})
}

// servePublicPost shows a post with its comments as the public sees them now; with ?som=forfattare&id=ID as the author with
// that id does. With ?uppdatera=N the page fetches itself again every N seconds, 1 to 60.
func (s *Server) servePublicPost(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	author := ""
	if q.Get("som") == "forfattare" {
		author = q.Get("id")
	}
	s.world.mu.Lock()
	post, ok := s.world.postBy[r.PathValue("post")]
	if !ok {
		s.world.mu.Unlock()
		http.NotFound(w, r)
		return
	}
	page, _ := s.world.account(func(a Account) bool { return a.ID == post.Account })
	comments, hidden := s.seenLocked(post.ID, author)
	data := map[string]any{"Page": page.Name, "Text": post.Text, "When": swedish(post.Posted), "Machine": post.Posted.UTC().Format(time.RFC3339),
		"Comments": comments, "Count": counted(count(comments)), "HiddenCount": "", "As": author}
	s.world.mu.Unlock()
	if hidden > 0 {
		data["HiddenCount"] = counted(hidden) + " " + map[bool]string{true: "dold", false: "dolda"}[hidden == 1]
	}
	if n, err := strconv.Atoi(q.Get("uppdatera")); err == nil && n >= 1 && n <= 60 {
		data["Refresh"] = n
	}
	data["Live"], data["Still"] = with(r.URL, "uppdatera", "2"), with(r.URL, "uppdatera", "")
	show(w, postPage, data)
}

// seenLocked is what an onlooker sees under a post, and how many comments there are hidden from them. An author sees their own
// hidden comments; the public does not. What answers a comment is seen only where that comment is.
func (s *Server) seenLocked(post, author string) (seen []publicComment, hidden int) {
	under := map[string][]publicComment{}
	for _, c := range s.world.under[post] {
		if c.gone() {
			continue
		}
		if c.Hidden && (author == "" || c.AuthorID != author) {
			hidden++
			continue
		}
		p := publicComment{ID: c.ID, Author: c.Author, Text: c.Text, When: swedish(c.Posted), Machine: c.Posted.UTC().Format(time.RFC3339),
			Edited: c.RevisionCount > 1, Hidden: c.Hidden}
		if p.Author == "" {
			p.Author = "Okänd"
		}
		for n := range c.Photos {
			p.Photos = append(p.Photos, "/photo/"+photoName(c.ID, n+1))
		}
		under[c.Parent] = append(under[c.Parent], p)
	}
	var fill func(parent string) []publicComment
	fill = func(parent string) []publicComment {
		list := slices.Clone(under[parent])
		if parent == "" {
			for i := range list {
				list[i].Replies = fill(list[i].ID)
			}
			return list
		}
		var flat []publicComment // the platform shows one level of answers
		for _, c := range list {
			flat = append(append(flat, c), fill(c.ID)...)
		}
		return flat
	}
	return fill(""), hidden
}

func show(w http.ResponseWriter, t *template.Template, data any) {
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		http.Error(w, "the page could not be made", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", contentPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	_, _ = b.WriteTo(w)
}

// servePublicStyle serves the pages' one style sheet.
func (s *Server) servePublicStyle(w http.ResponseWriter, r *http.Request) {
	http.ServeFileFS(w, r, publicFiles, "public/public.css")
}

func count(comments []publicComment) int {
	n := len(comments)
	for _, c := range comments {
		n += len(c.Replies)
	}
	return n
}

// counted is a number of comments in Swedish.
func counted(n int) string {
	if n == 1 {
		return "1 kommentar"
	}
	return fmt.Sprintf("%d kommentarer", n)
}

// excerpt is the first n characters of text, cut with an ellipsis.
func excerpt(text string, n int) string {
	if r := []rune(text); len(r) > n {
		return string(r[:n]) + "…"
	}
	return text
}

// with is an address with one of its parameters changed; an empty value takes it away.
func with(u *url.URL, key, value string) string {
	q := u.Query()
	q.Set(key, value)
	if value == "" {
		q.Del(key)
	}
	return (&url.URL{Path: u.Path, RawQuery: q.Encode()}).String()
}

var months = [...]string{"januari", "februari", "mars", "april", "maj", "juni", "juli", "augusti", "september", "oktober", "november", "december"}

// swedish writes a moment as people in Sweden do, by Stockholm's clock where the machine knows it.
func swedish(t time.Time) string {
	if stockholm, err := time.LoadLocation("Europe/Stockholm"); err == nil {
		t = t.In(stockholm)
	}
	return fmt.Sprintf("%d %s %d kl. %02d.%02d", t.Day(), months[t.Month()-1], t.Year(), t.Hour(), t.Minute())
}
