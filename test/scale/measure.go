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
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/console"
	"takhojd/moderation/store"
	"takhojd/platforms"
	"takhojd/rules"
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
	Name                string
	MedianMS, LongestMS float64
}

// looks is how often each page is asked for.
const looks = 15

func printMeasured(ctx context.Context, folder string) error {
	f, err := measure(ctx, folder)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(f)
}

// measure opens the books as the program does, logs in, and asks for pages.
func measure(ctx context.Context, folder string) (f figures, err error) {
	began := time.Now()
	db, err := store.Open(ctx, filepath.Join(folder, "takhojd.db"))
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	pages, err := consoleOn(db, filepath.Join(folder, "log.key"))
	if err != nil {
		return f, err
	}
	defer pages.Close()
	server := httptest.NewServer(pages.Handler())
	defer server.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		return f, err
	}
	browser := &http.Client{Jar: jar}
	if _, _, err := look(browser, server.URL+"/login"); err != nil {
		return f, err
	}
	f.StartMS = milliseconds(time.Since(began))
	if err := console.NewAccounts(db).Add(ctx, "anna", "Anna Lind", console.Admin, ""); err != nil && !errors.Is(err, console.ErrAccountExists) {
		return f, err
	}
	link, err := pages.LoginLink(ctx, "anna")
	if err != nil {
		return f, err
	}
	response, err := browser.Post(server.URL+link, "", nil)
	if err != nil {
		return f, err
	}
	if err := response.Body.Close(); err != nil {
		return f, err
	}
	for _, p := range []struct{ name, path string }{{"queue", "/queue"}, {"bot", "/bot-hidden"}, {"search", "/archive?words=v%C3%A4xthuset"},
		{"common", "/archive?words=idiot"}, {"browse", "/archive"}, {"record", ""}, {"figures", "/figures"}} {
		path := p.path
		if p.name == "record" {
			_, list, err := look(browser, server.URL+"/archive?words=v%C3%A4xthuset")
			if err != nil {
				return f, err
			}
			if path = string(regexp.MustCompile(`/archive/record/[0-9-]+`).Find(list)); path == "" {
				return f, errors.New("the search found no record")
			}
		}
		var times []time.Duration
		for range looks {
			took, _, err := look(browser, server.URL+path)
			if err != nil {
				return f, err
			}
			times = append(times, took)
		}
		slices.Sort(times)
		f.Pages = append(f.Pages, pageFigures{p.name, milliseconds(times[looks/2]), milliseconds(times[looks-1])})
	}
	size, err := db.Size(ctx)
	f.DatabaseMB, f.MemoryMB = float64(size)/1e6, residentMB()
	return f, err
}

// consoleOn is the console as `serve` has it, on one channel whose platform is not called.
func consoleOn(db *store.DB, keyFile string) (*console.Server, error) {
	key, err := archive.OpenKey(keyFile, "takhojd.scale")
	if err != nil {
		return nil, err
	}
	a, err := archive.New(db, key)
	if err != nil {
		return nil, err
	}
	policy, err := rules.Default()
	if err != nil {
		return nil, err
	}
	m, err := moderation.New(moderation.Config{DB: db, Archive: a, Policy: policy, Log: zap.NewNop(),
		Channels: []platforms.Channel{{ID: channel, Platform: platforms.Facebook, Account: "1", Name: "Region Stockholm", ResponseTarget: 4 * time.Hour}}})
	if err != nil {
		return nil, err
	}
	return console.New(console.Config{DB: db, Desk: m, Records: a, Log: zap.NewNop()})
}

// look asks for a page and reads all of it.
func look(browser *http.Client, address string) (time.Duration, []byte, error) {
	began := time.Now()
	response, err := browser.Get(address)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", address, response.Status)
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
