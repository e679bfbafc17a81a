// Command scale fills books with comments, and measures what a reviewer and an archivist wait for as the books grow.
//
//	go run ./test/scale -sizes 10000,100000,1000000 -svg deploy/scale.svg
//
// Some thousand comments of the project's own go the real road – judged, hidden, reviewed – in the shares that life has: of a hundred the
// policy flags 12 and hides 10, and two are the authority's own. They are then multiplied (see fill). Four of five hides were reviewed, all
// flags but today's were closed, no question was answered but by every fiftieth comment. Each size has a database of its own (SQLite) and is
// measured by a process of its own that has filled nothing: from opening the books to the first page; each page cold, which is the first of a
// program whose file was thrown out of the system's memory, and warm; and the memory that the process took. Books that are there already are
// measured as they are, so that -dir makes a second run short. Ten million take 30 GB.
//
//	test/postgres/with sh -c 'go run ./test/scale -sizes 1000000 -postgres "$TAKHOJD_TEST_POSTGRES"'
//
// moves the books to PostgreSQL as `migrate` does, a schema for each size, and measures them there. Cold is then the first page of a program and of
// a server that were just started (by TAKHOJD_TEST_POSTGRES_RESTART, where it is set); the server's files may be in the system's memory.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

func main() {
	sizes := flag.String("sizes", "10000,100000,1000000", "how many comments; each size is filled and measured by itself")
	svg := flag.String("svg", "", "where to draw the plot")
	keep := flag.String("dir", "", "where to keep the books (default: a temporary folder, removed at the end)")
	only := flag.String("measure", "", "measure the books in this folder, and print JSON: what the other processes are told")
	page := flag.String("page", "", "with -measure: only this page")
	server := flag.String("postgres", "", "an address of PostgreSQL: the books are moved there, and measured there")
	flag.Parse()
	var err error
	if *only != "" {
		err = printMeasured(context.Background(), *only, *page)
	} else {
		err = grow(context.Background(), *sizes, *keep, *svg, *server)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "scale:", err)
		os.Exit(1)
	}
}

// grow fills and measures one size after the other, and prints a line for each.
func grow(ctx context.Context, sizes, dir, svg, server string) (err error) {
	if dir == "" {
		if dir, err = os.MkdirTemp("", "takhojd-scale-"); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	var all []figures
	load, _ := os.ReadFile("/proc/loadavg") // only told
	fmt.Printf("load %scomments   filled in   database    start-up   memory   pages: warm median (cold, longest warm) ms\n", load)
	for _, size := range strings.Split(sizes, ",") {
		n, err := strconv.Atoi(size)
		if err != nil || n < 1000 {
			return fmt.Errorf("-sizes: %q is no number of 1000 or more", size)
		}
		folder := filepath.Join(dir, size)
		began := time.Now()
		if _, err := os.Stat(folder); os.IsNotExist(err) {
			if err := fill(ctx, folder, n); err != nil {
				return fmt.Errorf("fill %d: %w", n, err)
			}
		}
		filled := time.Since(began)
		if server != "" {
			began = time.Now()
			if folder, err = moved(ctx, folder, server, n); err != nil {
				return fmt.Errorf("move %d: %w", n, err)
			}
			fmt.Fprintf(os.Stderr, "%d: moved in %s\n", n, time.Since(began).Round(time.Second))
		}
		took, err := counted(ctx, folder)
		if err != nil {
			return fmt.Errorf("count the figures of %d: %w", n, err)
		}
		fmt.Fprintf(os.Stderr, "%d: what the figures lacked was counted in %s\n", n, took.Round(time.Second/10))
		f, err := measuredApart(folder)
		if err != nil {
			return fmt.Errorf("measure %d: %w", n, err)
		}
		f.Comments = n
		fmt.Printf("%8d %11s %7.0f MB %7.0f ms %5.0f MB", n, filled.Round(time.Second), f.DatabaseMB, f.StartMS, f.MemoryMB)
		for _, p := range f.Pages {
			fmt.Printf("   %s %.1f (%.1f, %.1f)", p.Name, p.MedianMS, p.ColdMS, p.LongestMS)
		}
		fmt.Println()
		all = append(all, f)
	}
	if svg == "" {
		return nil
	}
	return os.WriteFile(svg, plot(all), 0o644)
}

// measuredApart measures in a process of its own, whose memory is that of the measured alone. What is cold is measured in a process for
// each page.
func measuredApart(folder string) (figures, error) {
	f, err := oneApart(folder, "")
	for i := range f.Pages {
		if err != nil {
			break
		}
		var cold figures
		if cold, err = oneApart(folder, f.Pages[i].Name); err == nil {
			f.Pages[i].ColdMS = cold.Pages[0].ColdMS
		}
	}
	return f, err
}

func oneApart(folder, page string) (f figures, err error) {
	c := exec.Command(os.Args[0], "-measure", folder, "-page", page)
	c.Stderr = os.Stderr
	out, err := c.Output()
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(out, &f)
}
