package facebook_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
)

// slow is a body that is announced and does not come. It sees what was allocated before its first byte was asked for.
type slow struct{ allocated uint64 }

func (s *slow) Read([]byte) (int, error) {
	if s.allocated == 0 {
		s.allocated = totalAllocated()
	}
	return 0, io.ErrUnexpectedEOF
}

func totalAllocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestWhatIsAnnouncedTakesNoMemory: strangers who announce large deliveries on many connections, and send nothing, are given next to nothing.
func TestWhatIsAnnouncedTakesNoMemory(t *testing.T) {
	h := newHook(t, nil)
	body := &slow{}
	r := httptest.NewRequest(http.MethodPost, "/webhook", body)
	r.ContentLength = 4 << 20
	before := totalAllocated()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusBadRequest || body.allocated == 0 || body.allocated-before > 256<<10 {
		t.Errorf("%d; %d bytes were made ready for what did not come", w.Code, body.allocated-before)
	}
}
