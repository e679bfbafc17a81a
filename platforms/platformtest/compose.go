package platformtest

import (
	"encoding/json"
	"fmt"
	"net/http"

	"takhojd/platforms"
)

// Compose lets comments be written on one Facebook page, and returns the one signed POST that tells of them all, for a caller that delivers
// it when and how often it likes. The server delivers nothing of it itself when it has no webhook's address. The comments come back with their
// ids and times.
func (s *Server) Compose(comments []Comment) (body []byte, header http.Header, written []Comment, err error) {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	var changes []json.RawMessage
	var page string
	for _, c := range comments {
		c, err := w.addCommentLocked(c)
		if err != nil {
			return nil, nil, nil, err
		}
		state := w.commentBy[c.ID]
		account, _ := w.account(func(a Account) bool { return a.ID == state.Account })
		if account.Platform != platforms.Facebook || page != "" && page != account.ID {
			return nil, nil, nil, fmt.Errorf("platformtest: compose: comment %s: a delivery is of one Facebook page", c.ID)
		}
		page = account.ID
		changes = append(changes, s.graphChange(state, "add"))
		written = append(written, c)
	}
	body, header = w.fronts[platforms.Facebook].delivery(page, w.now(), changes, false)
	return body, header, written, nil
}
