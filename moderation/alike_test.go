package moderation_test

import (
	"context"
	"testing"

	"takhojd/moderation"
)

// Two people let a comment be seen again, and the second takes it back: the first one's word stands, and nothing is hidden.
func TestARestoreThatIsUndoneLeavesAnothersRestore(t *testing.T) {
	d := sit(t)
	d.tell(d.write("c1", "Bo", insult))
	d.eventually("it is hidden", func() bool { return d.platform.hidden("c1") })
	d.settle()
	begun, goOn := d.held("unhide")
	d.resolve("c1", moderation.Restore)
	<-begun
	k := d.of("c1")
	made, err := d.Resolve(context.Background(), moderation.Resolution{Comment: k.ID, Revision: k.Revision, Action: moderation.Restore, By: "mats"})
	if err != nil {
		t.Fatal(err)
	}
	goOn()
	d.settle()
	if err := d.Undo(context.Background(), made.ID, "mats"); err != nil {
		t.Fatal(err)
	}
	d.settle()
	if d.platform.hidden("c1") || d.of("c1").State != moderation.Standing {
		t.Error("hidden, though a colleague has let it be seen")
	}
	d.verify()
}
