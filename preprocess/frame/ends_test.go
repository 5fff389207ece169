package frame

import (
	"bytes"
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

// Texts that differ in one byte are what chance seldom draws.
func TestEnds_tellTextsApartByEachByte(t *testing.T) {
	for n := 1; n <= 16; n++ {
		for _, fill := range []byte{0, 'a'} {
			seen := map[[2]uint64]string{}
			for at := range n {
				for v := range 256 {
					b := bytes.Repeat([]byte{fill}, n)
					b[at] = byte(v)
					first, last := Ends(b)
					if other, ok := seen[[2]uint64{first, last}]; ok && other != string(b) {
						t.Fatalf("%q and %q have the same ends", other, b)
					}
					seen[[2]uint64{first, last}] = string(b)
				}
			}
		}
	}
}
