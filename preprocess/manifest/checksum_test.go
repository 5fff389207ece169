package manifest

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Of the text 123456789: CRC64NVME as the catalog of CRCs of G. Cook has it
// (CRC-64/NVME, check 0xae8b14860a799888), SHA-256 as sha256sum prints it.
func TestChecksum_isTheCatalogs(t *testing.T) {
	for algorithm, c := range map[Algorithm]struct {
		want Checksum
		text string
	}{
		CRC64NVME: {Checksum{CRC64NVME: "rosUhgp5mIg="}, "CRC64NVME rosUhgp5mIg="},
		SHA256: {Checksum{SHA256: "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
			"SHA-256 15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225"},
	} {
		want := c.want
		d := algorithm.New()
		for _, part := range []string{"1234", "", "56789"} {
			_, _ = d.Write([]byte(part))
		}
		got := d.Checksum()
		if err := want.Compare(got); err != nil || got.Algorithm() != algorithm || got.check() != nil {
			t.Errorf("%s: got %+v: %v", algorithm, got, err)
		}
		if text := got.Algorithm().Name() + " " + got.String(); text != c.text {
			t.Errorf("got %s, want %s", text, c.text)
		}
		_, _ = d.Write([]byte("0"))
		if err := want.Compare(d.Checksum()); err == nil || !strings.Contains(err.Error(), algorithm.Name()) {
			t.Errorf("%s: other bytes: got %v", algorithm, err)
		}
	}
}

func TestJoin_isTheChecksumOfTheWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		whole := CRC64NVME.New()
		var pieces []Piece
		for range rapid.IntRange(1, 5).Draw(t, "pieces") {
			text := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "piece")
			text = bytes.Repeat(text, rapid.SampledFrom([]int{1, 1, 1000}).Draw(t, "times"))
			_, _ = whole.Write(text)
			d := CRC64NVME.New()
			_, _ = d.Write(text)
			pieces = append(pieces, Piece{int64(len(text)), d.Checksum()})
		}
		if got, ok := Join(pieces); !ok || got != whole.Checksum() {
			t.Errorf("got %s, %t, want %s", got, ok, whole.Checksum())
		}
	})
}

func TestJoin_takesLargePieces(t *testing.T) {
	d := CRC64NVME.New()
	_, _ = d.Write(make([]byte, 1<<20))
	doubled := Piece{1 << 20, d.Checksum()}
	var pieces []Piece
	for range 1 << 10 {
		pieces = append(pieces, doubled)
	}
	small, _ := Join(pieces)
	for doubled.Size < 1<<30 {
		sum, ok := Join([]Piece{doubled, doubled})
		if !ok {
			t.Fatal("not joined")
		}
		doubled = Piece{2 * doubled.Size, sum}
	}
	if doubled.Checksum != small {
		t.Errorf("got %s, want %s", doubled.Checksum, small)
	}
}

func TestJoin_needsCRCs(t *testing.T) {
	d := SHA256.New()
	for _, pieces := range [][]Piece{nil, {{0, d.Checksum()}}, {{0, CRC64NVME.New().Checksum()}, {0, d.Checksum()}}} {
		if got, ok := Join(pieces); ok || got != (Checksum{}) {
			t.Errorf("got %s, %t", got, ok)
		}
	}
}
