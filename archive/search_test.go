package archive_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
)

// kept is a record as the test itself remembers it.
type kept struct {
	leaf                           int64
	channel, author, words, sorted string
	decided                        time.Time
}

// many keeps records of several channels, authors, words and sets of categories; a clock that is put back now and then decides when.
func (f fixture) many(t *testing.T, n int) (all []kept) {
	t.Helper()
	sets := [][]string{{"insult"}, {"insult", "threat"}, {"threat"}, {"advertising"}, {}, {"discrimination", "insult"}}
	err := f.db.Update(context.Background(), func(tx *store.Tx) error {
		for i := range n {
			set := sets[i*i%7%len(sets)]
			author, words := fmt.Sprintf("Kim %c", 'A'+i%5), "hej bussen"
			if i%9 == 0 {
				words += " perrongen"
			}
			if i%90 == 7 {
				words += " viadukten"
			}
			r := record(fmt.Sprint("c", i), author, words, set...)
			r.Ref.Channel = fmt.Sprint("ch", i%3)
			r.Decision.At = noon.Add(time.Duration(i-i%11*3) * time.Minute)
			if _, err := f.Append(tx, r); err != nil {
				return err
			}
			all = append(all, kept{int64(i), r.Ref.Channel, author, words, " " + strings.Join(set, " ") + " ", r.Decision.At})
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// answers tells whether a record is what a query asks for.
func (k kept) answers(q archive.Query) bool {
	return (q.From.IsZero() || !k.decided.Before(q.From)) && (q.To.IsZero() || k.decided.Before(q.To)) && (q.Channel == "" || q.Channel == k.channel) &&
		(q.Category == "" || strings.Contains(k.sorted, " "+q.Category+" ")) && (q.Words == "" || strings.Contains(k.words, q.Words)) &&
		(q.Author == "" || k.author == q.Author || "a-"+k.author == q.Author || strings.HasPrefix(k.author, q.Author+" "))
}

// TestSearchesPageThroughAllThatTheyFind: whatever is searched by, the pages one after the other are what looking at every record finds, each
// record once, and are counted as far as counting goes.
func TestSearchesPageThroughAllThatTheyFind(t *testing.T) {
	ctx, f := context.Background(), open(t)
	all := f.many(t, archive.MostCounted+30)
	hour := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Hour) }
	for name, q := range map[string]archive.Query{
		"everything": {}, "channel": {Channel: "ch1"}, "time": {From: hour(2), To: hour(9)}, "since": {From: hour(10), Channel: "ch0"},
		"category": {Category: "insult"}, "a category of few": {Category: "threat", Channel: "ch2"}, "no category": {Category: "spam"},
		"words": {Words: "perrongen"}, "common words": {Words: "bussen"}, "rare words": {Words: "viadukten", Author: "Kim"}, "words and category": {Words: "perrongen", Category: "threat", From: hour(1)},
		"author's name": {Author: "Kim"}, "author's id": {Author: "a-Kim B"}, "author and category": {Author: "Kim C", Category: "insult"},
		"author and words": {Author: "Kim D", Words: "perrongen", Channel: "ch1"}, "author, words and category": {Author: "a-Kim A", Words: "bussen", Category: "threat"},
	} {
		t.Run(name, func(t *testing.T) {
			found := slices.DeleteFunc(slices.Clone(all), func(k kept) bool { return !k.answers(q) })
			slices.SortFunc(found, func(a, b kept) int {
				if q.Words == "" && q.Author == "" && !a.decided.Equal(b.decided) {
					return b.decided.Compare(a.decided)
				}
				return int(b.leaf - a.leaf)
			})
			if n, err := f.Count(ctx, q); err != nil || n != min(len(found), archive.MostCounted+1) {
				t.Errorf("counted %d, %v; there are %d", n, err, len(found))
			}
			var want, got []int64
			for _, k := range found {
				want = append(want, k.leaf)
			}
			for q.Limit = 97; ; {
				page, err := f.List(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				for _, s := range page {
					got = append(got, s.Leaf)
				}
				if len(page) < q.Limit {
					break
				}
				q.Before = page[len(page)-1].Leaf
			}
			if !slices.Equal(got, want) {
				t.Errorf("%d found, want %d: from %v, want %v", len(got), len(want), got[:min(9, len(got))], want[:min(9, len(want))])
			}
		})
	}
}
