package console

import (
	"net/http"

	"takhojd/moderation"
	"takhojd/platforms"
)

// nodesView is which processes serve the books.
type nodesView struct {
	Nodes []moderation.Node
	// Policy is the version that this process judges by; Apart is true when another judges by another.
	Policy string
	Apart  bool
	// Unserved are the channels that no process has.
	Unserved []platforms.Channel
}

func (v *visit) nodesPage() error {
	view := nodesView{Policy: v.s.desk.Policy().Version()}
	var err error
	if view.Nodes, err = v.s.desk.Nodes(v.r.Context()); err != nil {
		return err
	}
	served := map[string]bool{}
	for _, n := range view.Nodes {
		view.Apart = view.Apart || n.Policy != view.Nodes[0].Policy
		for _, channel := range n.Channels {
			served[channel] = true
		}
	}
	for _, c := range v.s.desk.Channels() {
		if !served[c.ID] {
			view.Unserved = append(view.Unserved, c)
		}
	}
	return v.show(http.StatusOK, "nodes", page{Title: "nodes.title", Section: "channels", Content: view})
}
