package console

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"testing"
)

// TestServeForEyes serves the console on the address in TAKHOJD_CONSOLE_ADDR with a morning's work on the desk, until it is stopped. It
// is for looking at, with one's own eyes or a browser's; without the address it is skipped.
func TestServeForEyes(t *testing.T) {
	address := os.Getenv("TAKHOJD_CONSOLE_ADDR")
	if address == "" {
		t.Skip("TAKHOJD_CONSOLE_ADDR is not set")
	}
	d := morning(t)
	h := newHouse(t, d)
	for _, id := range []int64{7, 8} {
		d.cases[id].Record = h.record(t, d.cases[id])
	}
	for _, name := range []string{"anna", "mats", "rut"} {
		for range 40 {
			link, err := h.LoginLink(context.Background(), name)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Println(name, link)
		}
	}
	t.Log(http.ListenAndServe(address, h.Handler()))
}
