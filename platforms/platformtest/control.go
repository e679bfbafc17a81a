package platformtest

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// serveState answers GET /state with all there is.
func (s *Server) serveState(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_ = json.NewEncoder(w).Encode(s.State())
}

// serveSimulate lets other processes do what [Server]'s methods do. Each takes a JSON object and answers with one:
//
//	POST /simulate/post     a Post            → the Post with its id
//	POST /simulate/comment  a Comment         → the Comment with its id
//	POST /simulate/edit     {"id","text"}     → {}
//	POST /simulate/remove   {"id"}            → {}
//	POST /simulate/hide     {"id","hidden"}   → {}, hidden by a colleague in the platform's own tools
//	POST /simulate/faults   Faults            → {}
//	POST /simulate/webhook  {"url"}           → {}
//
// What is unknown, or cannot be, is answered 400 with {"error"}.
func (s *Server) serveSimulate(w http.ResponseWriter, r *http.Request) {
	answer, err := s.simulate(r.PathValue("what"), json.NewDecoder(http.MaxBytesReader(w, r.Body, 4<<20)))
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		answer = object{"error": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(answer)
}

func (s *Server) simulate(what string, body *json.Decoder) (any, error) {
	body.DisallowUnknownFields()
	var about struct {
		ID     string `json:"id"`
		Text   string `json:"text"`
		Hidden bool   `json:"hidden"`
		URL    string `json:"url"`
	}
	var post Post
	var comment Comment
	var faults Faults
	into := map[string]any{"post": &post, "comment": &comment, "faults": &faults,
		"edit": &about, "remove": &about, "hide": &about, "webhook": &about}[what]
	if into == nil {
		return nil, fmt.Errorf("there is nothing called %q to simulate", what)
	}
	if err := body.Decode(into); err != nil {
		return nil, fmt.Errorf("the body: %w", err)
	}
	switch what {
	case "post":
		return either(s.AddPost(post))
	case "comment":
		return either(s.AddComment(comment))
	case "faults":
		return object{}, s.SetFaults(faults)
	case "edit":
		return object{}, s.Edit(about.ID, about.Text)
	case "remove":
		return object{}, s.Remove(about.ID)
	case "hide":
		return object{}, s.SetHidden(about.ID, about.Hidden)
	}
	s.SetWebhookURL(about.URL)
	return object{}, nil
}

func either[T any](v T, err error) (any, error) { return v, err }
