package archive

import (
	"bytes"
	"encoding/json"
	"testing"

	jcs "github.com/gowebpki/jcs"
)

// FuzzCanonical holds the canonical form of anything that can be encoded against the library's.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{`{"b":1,"a":[true,null,"x"],"å":"ö"}`, `{"z":{"y":0.1,"x":-2.5e-9},"a\u0001":"\u2028<&>"}`, `[]`, `{}`, `"\ud83d\ude00\"\\\n\u0007"`,
		`123456789012345678`, `1e30`, `-0`, `0.000001`, `{"a":{},"A":[[]],"1":{"b":"c","a":"\t"}}`, `{"€":1,"😀":2,"b":3,"ﬀ":4}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v any
		if json.Unmarshal(b, &v) != nil {
			return
		}
		plain, err := json.Marshal(v)
		if err != nil {
			return
		}
		want, err := jcs.Transform(plain)
		if err != nil {
			return
		}
		got, err := Canonical(v)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s\nnot\n%s", got, want)
		}
	})
}

func BenchmarkCanonical(b *testing.B) {
	v := Record{ID: "2026-000001", Text: "Du är en \"idiot\"\noch det vet du.", Categories: []string{"insult"}, Verdict: json.RawMessage(
		`{"action":"hide","findings":[{"category":"insult","rule":"insult/second-person","action":"hide","score":0.97,"start":0,"end":14,"text":"Du är en idiot","reason":{"sv":"a","en":"b"}}],"policy":"abc"}`)}
	for b.Loop() {
		if _, err := Canonical(v); err != nil {
			b.Fatal(err)
		}
	}
}
