package moderation

import (
	"math"
	"testing"
)

// The values with four decimals are those of Newcombe, "Two-sided confidence intervals for the single proportion: comparison of seven
// methods", Statistics in Medicine 17 (1998), table I, method 3.
func TestWilsonLowerBound(t *testing.T) {
	for _, tc := range []struct {
		k, n int
		want float64
	}{
		{81, 263, 0.2553}, {15, 148, 0.0624}, {0, 20, 0}, {1, 29, 0.0061},
		{8, 10, 0.4902}, {5, 10, 0.2366}, {30, 30, 0.8865}, {35, 35, 0.9011}, {0, 0, 0}, {0, 1, 0}, {1, 1, 0.2065},
	} {
		if got := wilson(tc.k, tc.n); math.Abs(got-tc.want) > 0.00005 {
			t.Errorf("wilson(%d, %d) = %.5f, want %.4f", tc.k, tc.n, got, tc.want)
		}
	}
	for n := 1; n < 200; n++ {
		for k := 1; k <= n; k++ {
			if low := wilson(k, n); !(low > wilson(k-1, n)) || low >= float64(k)/float64(n) {
				t.Fatalf("wilson(%d, %d) = %v: it must grow with k and stay under the share", k, n, low)
			}
		}
	}
}
