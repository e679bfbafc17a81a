package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"takhojd/platforms/platformtest"
)

// answered is what became of a delivery.
type answered struct {
	comments int
	// after is when the answer came, counted from when the delivery was due.
	after time.Duration
	err   error
}

// openLoop sends deliveries when they are due, in that order, as many at once as there are connections. One that is due while all connections
// wait is sent as soon as one is free; its time has been running since it was due.
func openLoop(ctx context.Context, connections int, began time.Time, ready <-chan delivery, send func(context.Context, delivery) error) []answered {
	var all []answered
	var mu sync.Mutex
	var senders sync.WaitGroup
	for range connections {
		senders.Go(func() {
			var mine []answered
			for d := range ready {
				due := began.Add(d.due)
				select {
				case <-time.After(time.Until(due)):
				case <-ctx.Done():
					return
				}
				err := send(ctx, d)
				mine = append(mine, answered{d.comments, time.Since(due), err})
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
		})
	}
	senders.Wait()
	return all
}

// loadResult is what `load` prints. Times are in milliseconds.
type loadResult struct {
	// Asked and Reached are comments a second; Reached counts what was accepted until the last answer.
	Asked   float64 `json:"asked_per_second"`
	Reached float64 `json:"reached_per_second"`
	Seconds float64 `json:"seconds"`
	Batch   int     `json:"comments_a_delivery"`
	// Accepted and Refused are comments: answered 200, and not. Refusal is the first refusal's reason.
	Accepted int    `json:"accepted"`
	Refused  int    `json:"refused"`
	Refusal  string `json:"refusal,omitempty"`
	// Durable is from a delivery's due time to its 200, Hide to the moment at which the platform had hidden the comment.
	Durable spread `json:"durable_ms"`
	Hide    spread `json:"hide_ms"`
}

// spread is how times are spread: the exact values, not estimates.
type spread struct {
	N    int     `json:"n"`
	P50  float64 `json:"p50"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99_9"`
	Max  float64 `json:"max"`
}

// spreadOf sorts the times. The share p of them is not longer than the value given for it.
func spreadOf(times []time.Duration) spread {
	if len(times) == 0 {
		return spread{}
	}
	slices.Sort(times)
	at := func(perMille int) float64 {
		rank := (len(times)*perMille + 999) / 1000 // rounded up: nearest rank
		return float64(times[max(rank, 1)-1].Microseconds()) / 1000
	}
	return spread{N: len(times), P50: at(500), P99: at(990), P999: at(999), Max: at(1000)}
}

// sum adds up the answers, and asks the platform when it hid what.
func (l *load) sum(answers []answered, began time.Time, took time.Duration) loadResult {
	r := loadResult{Asked: l.rate, Seconds: took.Seconds(), Batch: l.batch}
	var durable, hide []time.Duration
	for _, a := range answers {
		if a.err != nil {
			r.Refused += a.comments
			if r.Refusal == "" {
				r.Refusal = a.err.Error()
			}
			continue
		}
		r.Accepted += a.comments
		durable = append(durable, a.after)
	}
	for i, c := range l.platform.State().Comments {
		if due := began.Add(l.due[i]); c.Hidden && c.HiddenAt.After(due) { // else a full reading found it before it was told
			hide = append(hide, c.HiddenAt.Sub(due))
		}
	}
	r.Reached = float64(r.Accepted) / took.Seconds()
	r.Durable, r.Hide = spreadOf(durable), spreadOf(hide)
	return r
}

func (r loadResult) print(w io.Writer) error {
	fmt.Fprintf(w, "%d comments accepted, %d refused, in %.1f s: %.0f a second of %.0f asked for, %d a delivery\n", r.Accepted, r.Refused, r.Seconds, r.Reached, r.Asked, r.Batch)
	if r.Refusal != "" {
		fmt.Fprintf(w, "first refusal: %s\n", r.Refusal)
	}
	line := func(what string, s spread) error {
		_, err := fmt.Fprintf(w, "%-28s p50 %8.1f   p99 %8.1f   p99.9 %8.1f   max %8.1f   (%d)\n", what, s.P50, s.P99, s.P999, s.Max, s.N)
		return err
	}
	if err := line("due to durable, ms", r.Durable); err != nil {
		return err
	}
	return line("due to hidden, ms", r.Hide)
}

// commentSource makes one comment after the other, without post.
type commentSource func() platformtest.Comment

// insulted is how many comments there are to each that insults: about what a page that is argued on sees.
const insulted = 20

// madeUp makes comments of everyday words, no two alike, each by an author of its own. One in twenty is an insult that is hidden.
func madeUp(seed uint64) commentSource {
	words := strings.Fields("bussen tåget vården kön tiden läkaren sjukhuset priset biljetten kortet resan morgonen kvällen snön hissen " +
		"perrongen Slussen Nacka Täby Huddinge Solna kommer går väntar stänger öppnar kostar fungerar försvinner räcker saknas " +
		"idag igår alltid aldrig ofta sällan äntligen knappt nästan redan")
	chance := rand.New(rand.NewPCG(seed, 2))
	n := 0
	return func() platformtest.Comment {
		var b strings.Builder
		for range 8 + chance.IntN(10) {
			b.WriteString(words[chance.IntN(len(words))] + " ")
		}
		if n%insulted == 0 {
			b.WriteString("din jävla idiot")
		}
		n++
		return platformtest.Comment{Text: strings.TrimSpace(b.String()), AuthorID: fmt.Sprintf("80%010d", n), Author: fmt.Sprintf("Besökare %d", n)}
	}
}
