package frame

import (
	"testing"

	"pgregory.net/rapid"
)

func TestEnds_tellShortTextsApart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 16).Draw(t, "length")
		text := rapid.SliceOfN(rapid.ByteRange('a', 'c'), n, n)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		firstA, lastA := Ends(a)
		firstB, lastB := Ends(b)
		if same := firstA == firstB && lastA == lastB; same != (string(a) == string(b)) {
			t.Fatalf("%q and %q: same ends %t", a, b, same)
		}
	})
}
