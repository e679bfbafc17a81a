package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation/console"
)

// figures is what was measured on books of one size.
type figures struct {
	Comments   int
	DatabaseMB float64
	// StartMS is from opening the books to the first page's last byte.
	StartMS float64
	// MemoryMB is the most that the process had resident.
	MemoryMB float64
	Pages    []pageFigures
}

type pageFigures struct {
	Name string
	// ColdMS is the first look, MedianMS and LongestMS are of those after it.
	ColdMS, MedianMS, LongestMS float64
}

// looks is how often each page is asked for when it is warm.
const looks = 25

// rare is a word of one copy of the seed alone: some hundred records have it, whatever the size. common is one that many records have.
const rare, common = token + "1", "du"

// asked are the pages that are measured.
var asked = []struct{ name, path string }{{"queue", "/queue"}, {"bot", "/bot-hidden"}, {"questions", "/questions"}, {"search", "/archive?words=" + rare},
	{"common", "/archive?words=" + common}, {"category", "/archive?category=threat"}, {"browse", "/archive"}, {"record", ""}, {"case", "/case/1"}, {"rules", "/rules"}, {"figures", "/figures"}}

func printMeasured(ctx context.Context, folder, page string) error {
	f, err := measure(ctx, folder, page)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// measure opens the books in a folder as the program does, with nothing of the file in memory, and asks for the pages of that name, or for
// all: once, and then again and again.
func measure(ctx context.Context, folder, name string) (f figures, err error) {
	if err := unread(ctx, folder); err != nil {
		return f, err
	}
	began := time.Now()
	v, err := visit(ctx, folder)
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, v.end()) }()
	f.StartMS = milliseconds(time.Since(began))
	if err := v.login(ctx); err != nil {
		return f, err
	}
	for _, p := range asked {
		if name != "" && name != p.name {
			continue
		}
		page, err := v.measure(ctx, p.name, p.path)
		if err != nil {
			return f, err
		}
		f.Pages = append(f.Pages, page)
	}
	size, err := v.house.db.Size(ctx)
	f.DatabaseMB, f.MemoryMB = float64(size)/1e6, residentMB()
	return f, err
}

// unread sees to it that nothing of the books is in memory: of a file, not in the system's; of a server, not in its own.
func unread(ctx context.Context, folder string) error {
	if _, err := os.Stat(filepath.Join(folder, elsewhere)); err != nil {
		return forget(filepath.Join(folder, books))
	}
	if restart := os.Getenv("TAKHOJD_TEST_POSTGRES_RESTART"); restart != "" {
		return exec.CommandContext(ctx, restart).Run()
	}
	return nil
}

// visitor is a browser before a console of its own.
type visitor struct {
	house   *house
	pages   *console.Server
	server  *httptest.Server
	browser *http.Client
}

// visit opens the books as the program does, and reads the first page.
func visit(ctx context.Context, folder string) (*visitor, error) {
	h, err := enter(ctx, folder)
	if err != nil {
		return nil, err
	}
	v := &visitor{house: h}
	if v.pages, err = console.New(console.Config{DB: h.db, Desk: h.desk, Records: h.archive, Log: zap.NewNop()}); err != nil {
		return nil, errors.Join(err, h.db.Close())
	}
	v.server = httptest.NewServer(v.pages.Handler())
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	v.browser = &http.Client{Jar: jar}
	_, _, err = v.look("/login")
	return v, err
}

func (v *visitor) end() error {
	v.server.Close()
	v.pages.Close()
	return v.house.db.Close()
}

// measure asks for a page: cold once, then warm.
func (v *visitor) measure(ctx context.Context, name, path string) (f pageFigures, err error) {
	if name == "record" {
		found, err := v.house.archive.List(ctx, archive.Query{Words: rare, Limit: 1})
		if err != nil || len(found) == 0 {
			return f, errors.Join(err, errors.New("the search found no record"))
		}
		path = "/archive/record/" + found[0].ID
	}
	cold, _, err := v.look(path)
	if err != nil {
		return f, err
	}
	var times []time.Duration
	for range looks {
		took, _, err := v.look(path)
		if err != nil {
			return f, err
		}
		times = append(times, took)
	}
	slices.Sort(times)
	return pageFigures{name, milliseconds(cold), milliseconds(times[looks/2]), milliseconds(times[looks-1])}, nil
}

// login logs in by a link, and is not led on to a page: that would warm it.
func (v *visitor) login(ctx context.Context) error {
	if err := console.NewAccounts(v.house.db).Add(ctx, "anna", "Anna Lind", console.Admin, ""); err != nil && !errors.Is(err, console.ErrAccountExists) {
		return err
	}
	link, err := v.pages.LoginLink(ctx, "anna")
	if err != nil {
		return err
	}
	once := *v.browser
	once.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	response, err := once.Post(v.server.URL+link, "", nil)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// look asks for a page and reads all of it.
func (v *visitor) look(path string) (time.Duration, []byte, error) {
	began := time.Now()
	response, err := v.browser.Get(v.server.URL + path)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", path, response.Status)
	}
	return time.Since(began), body, err
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// residentMB is the most that this process had in memory, as Linux tells; 0 elsewhere.
func residentMB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(status)
	if m == nil {
		return 0
	}
	kB, _ := strconv.ParseFloat(string(m[1]), 64) // the pattern lets only digits through
	return kB / 1000
}
