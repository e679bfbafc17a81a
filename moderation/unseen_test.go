package moderation_test

import (
	"context"
	"fmt"
	"testing"

	"takhojd/moderation"
	"takhojd/platforms"
)

const question = "När öppnar vårdcentralen på måndag, och hur bokar jag tid?"

// questions are the comments that the list of questions names, the newest first.
func (d *desk) questions() (ids []int64) {
	d.t.Helper()
	found, err := d.Routed(context.Background(), 100)
	if err != nil {
		d.t.Fatal(err)
	}
	for _, it := range found {
		ids = append(ids, it.Comment)
	}
	if n := d.counts().Routed; n != len(ids) {
		d.t.Errorf("the bar counts %d questions, the list has %d", n, len(ids))
	}
	return ids
}

func (d *desk) asks(want ...string) {
	d.t.Helper()
	ids := []int64{}
	for _, name := range want {
		ids = append(ids, d.of(name).ID)
	}
	if got := d.questions(); fmt.Sprint(got) != fmt.Sprint(ids) {
		d.t.Errorf("questions %v, want %v of %v", got, want, ids)
	}
}

// A question waits until it is answered by anybody: by a decision, or by an answer of the authority's own. Undone, it waits again.
func TestQuestionsWaitUntilAnswered(t *testing.T) {
	d := sit(t)
	d.tell(d.write("q1", "Bo", question))
	d.clock.move(1)
	d.tell(d.write("q2", "Eva", question+" Jag har ont."))
	d.asks("q2", "q1")

	made := d.decide(d.of("q1"), moderation.Allow)
	d.asks("q2")
	if err := d.Undo(context.Background(), made.ID, "anna"); err != nil {
		t.Fatal(err)
	}
	d.asks("q2", "q1")

	answer := platforms.Comment{Ref: ref("a2"), Post: "p1", Parent: "q2", Own: true, Text: "Ring 1177.", Author: platforms.Author{ID: "1", Name: "Region Stockholm"}}
	d.tell(d.put(answer, platforms.Added))
	d.asks("q1")
	d.tell(d.edit("q1", "Tack, jag hittade det."))
	d.asks()
	d.tell(d.edit("q1", question))
	d.asks("q1")
	d.tell(d.remove("q1"))
	d.asks()

	// An answer that is told before its question: nobody is asked.
	answer.Ref, answer.Parent = ref("a3"), "q3"
	d.tell(d.put(answer, platforms.Added))
	d.tell(d.write("q3", "Kim", question+" I Nacka."))
	d.asks()
}
