package parquet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"
	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/format"
	"pgregory.net/rapid"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/parquet"
)

// blockSnappy compresses as Snappy's own library does, and with it DuckDB, Arrow
// and Spark: in blocks of 64 KiB, each without regard to the others.
type blockSnappy struct{ compress.Codec }

func (blockSnappy) String() string                            { return "SNAPPY" }
func (blockSnappy) CompressionCodec() format.CompressionCodec { return format.Snappy }

func (blockSnappy) Encode(dst, src []byte) ([]byte, error) {
	dst = binary.AppendUvarint(dst[:0], uint64(len(src)))
	for block := range slices.Chunk(src, 64<<10) {
		packed := s2.EncodeSnappy(nil, block)
		_, n := binary.Uvarint(packed)
		dst = append(dst, packed[n:]...)
	}
	return dst, nil
}

func (blockSnappy) Decode(dst, src []byte) ([]byte, error) { return s2.Decode(dst, src) }

// bigPages is a file of one row group, of which each column is one large page,
// and its cells.
func bigPages(t testing.TB, codec compress.Codec, version, rows, columns int) sample {
	t.Helper()
	group := pq.Group{}
	kinds := []frame.Kind{frame.Float, frame.Text, frame.Text, frame.Text}
	nodes := []pq.Node{
		pq.Encoded(pq.Leaf(pq.DoubleType), &pq.Plain), pq.Encoded(pq.String(), &pq.Plain),
		pq.Encoded(pq.String(), &pq.RLEDictionary), pq.Encoded(pq.Decimal(0, 20, pq.FixedLenByteArrayType(9)), &pq.Plain),
	}
	var s sample
	for c := range columns {
		name := fmt.Sprintf("c%03d", c)
		node := pq.Compressed(nodes[c%4], codec)
		if c%3 == 1 {
			node = pq.Optional(node)
		}
		group[name] = node
		s.names, s.kinds, s.cells = append(s.names, name), append(s.kinds, kinds[c%4]), append(s.cells, nil)
	}
	var out bytes.Buffer
	w := pq.NewWriter(&out, pq.NewSchema("table", group), pq.DataPageVersion(version), pq.PageBufferSize(1<<30), pq.MaxRowsPerRowGroup(1<<30))
	state := uint64(1)
	row := make(pq.Row, columns)
	for r := range rows {
		for c := range row {
			state = state*6364136223846793005 + 1442695040888963407
			v, text := pq.NullValue(), ""
			if n := state >> 33; c%3 != 1 || n%5 > 0 {
				switch c % 4 {
				case 0:
					v, text = pq.ValueOf(float64(n)/7), number(float64(n)/7)
				case 1:
					text = fmt.Sprintf("%x-%d", n, r)
					if n%1000 == 7 {
						text = strings.Repeat(text, 1000) // longer than what is read ahead
					}
					v = pq.ValueOf(text)
				case 2:
					text = fmt.Sprint(n % 1000)
					v = pq.ValueOf(text)
				case 3:
					text = fmt.Sprint(n)
					v = pq.FixedLenByteArrayValue(binary.BigEndian.AppendUint64([]byte{0}, n))
				}
			}
			level := 0
			if c%3 == 1 && !v.IsNull() {
				level = 1
			}
			row[c] = v.Level(0, level, c)
			s.cells[c] = append(s.cells[c], text)
		}
		if _, err := w.WriteRows([]pq.Row{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	s.data = out.Bytes()
	return s
}

// The pages of a column are as large as their writer likes. What is held of them
// is not.
func TestReader_holdsPiecesOfLargePages(t *testing.T) {
	const rows, columns, piece = 60_000, 8, 64 << 10
	const most = columns * (piece + 80<<10) // with what is asked for ahead, nulls, gzip, dictionaries
	for _, c := range []struct {
		codec  compress.Codec
		pieces bool
	}{{&pq.Uncompressed, true}, {blockSnappy{}, true}, {&pq.Gzip, true}, {&pq.Snappy, false}, {&pq.Zstd, false}, {&pq.Lz4Raw, false}} {
		for version := 1; version <= 2; version++ {
			t.Run(fmt.Sprintf("%T/v%d", c.codec, version), func(t *testing.T) {
				t.Parallel()
				s := bigPages(t, c.codec, version, rows, columns)
				f, err := parquet.Open(bytes.NewReader(s.data), int64(len(s.data)), parquet.DefaultLimits())
				if err != nil {
					t.Fatal(err)
				}
				var wants []parquet.Want
				for i := range f.Columns() {
					wants = append(wants, parquet.Want{Column: i, Kind: s.kinds[i]})
				}
				r, err := f.NewReader(wants, version == 1)
				if err != nil {
					t.Fatal(err)
				}
				var b parquet.Batch
				held, row := 0, 0
				for err = r.Next(&b, 3000, 1<<18); err == nil; err = r.Next(&b, 3000, 1<<18) {
					held = max(held, r.Held())
					for c := range b.Columns {
						for i := range b.Rows {
							if got, want := cellOf(&b.Columns[c], i), s.cells[c][row+i]; got != want {
								t.Fatalf("column %s, row %d: %q, want %q", s.names[c], row+i, got, want)
							}
						}
					}
					row += b.Rows
				}
				if err != io.EOF || row != rows { //nolint:errorlint // it is itself
					t.Fatalf("%d rows, want %d: %v", row, rows, err)
				}
				if c.pieces && held > most {
					t.Errorf("%d bytes were held, want at most %d", held, most)
				}
				if !c.pieces && held <= most {
					t.Errorf("%d bytes were held: are these pages read in pieces now? Then say so in docs/decisions/parquet.md", held)
				}
			})
		}
	}
}

// Pages that need not be held as a whole may be larger than those that do.
func TestReader_limitsWhatIsHeldAsAWhole(t *testing.T) {
	limits := parquet.Limits{PageBytes: 128 << 10, HeldBytes: 4 << 20, ValueBytes: 1 << 20}
	s := bigPages(t, blockSnappy{}, 1, 40_000, 1)
	if _, err := readAll(s.data, limits, s.kinds, false, 1<<10, 1<<18, 64<<10); err != nil {
		t.Error(err)
	}
	for _, codec := range []compress.Codec{&pq.Zstd, &pq.Snappy} {
		s := bigPages(t, codec, 1, 40_000, 1)
		_, err := readAll(s.data, limits, s.kinds, false, 1<<10, 1<<18, 64<<10)
		if err == nil || !strings.Contains(err.Error(), `column "c000": a page has `) || !strings.Contains(err.Error(), "want at most 131072") {
			t.Errorf("%s: %v", codec, err)
		}
	}
	limits.ValueBytes = 2000
	s = bigPages(t, &pq.Gzip, 2, 40_000, 2)
	if _, err := readAll(s.data, limits, s.kinds, false, 1<<10, 1<<18, 64<<10); err == nil || !strings.Contains(err.Error(), "want at most 2000") {
		t.Error(err)
	}
	limits = parquet.Limits{PageBytes: 32 << 20, HeldBytes: 256 << 10, ValueBytes: 1 << 20}
	s = bigPages(t, blockSnappy{}, 1, 40_000, 8)
	if _, err := readAll(s.data, limits, s.kinds, false, 1<<10, 1<<18, 64<<10); err == nil || !strings.Contains(err.Error(), "all columns together have more than 262144 bytes") {
		t.Error(err)
	}
}

// A page that is read in pieces is compared with its checksum, too, before its
// last row is given.
func TestReader_findsDamageInPieces(t *testing.T) {
	const rows = 300
	layout := &parquet.Layout{}
	layout.Add("number", frame.Float, false)
	layout.Add("text", frame.Text, false)
	var out bytes.Buffer
	w, err := parquet.NewWriter(&out, layout)
	if err != nil {
		t.Fatal(err)
	}
	columns := []frame.Column{{Kind: frame.Float}, {Kind: frame.Text}}
	for i := range rows {
		columns[0].Floats = append(columns[0].Floats, float64(i)/7)
		columns[1].Texts = append(columns[1].Texts, fmt.Appendf(nil, "text %d", i*i))
	}
	e := parquet.NewEncoder(layout)
	e.Append(columns, make([][]bool, 2), rows, make([]bool, rows))
	var block parquet.Block
	e.Finish(&block)
	if err := errors.Join(w.Add(&block), w.Close()); err != nil {
		t.Fatal(err)
	}
	kinds := []frame.Kind{frame.Float, frame.Text}
	read := func(data []byte) ([][]string, error) {
		return readAll(data, parquet.DefaultLimits(), kinds, false, 1<<10, 1<<18, 100)
	}
	want, err := read(out.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for at := 4; at < out.Len()-8; at++ {
		data := bytes.Clone(out.Bytes())
		data[at] ^= 0x10
		got, err := read(data)
		if err != nil && strings.Contains(err.Error(), "wrong checksum") {
			found++
		}
		if err == nil && (!slices.Equal(got[0], want[0]) || !slices.Equal(got[1], want[1])) {
			t.Fatalf("byte %d was changed, and so was what is read", at)
		}
	}
	if found < 2000 {
		t.Errorf("%d changes of %d were found by their checksum", found, out.Len())
	}
}

// Wherever the pieces of a file end, a block ends where its tags do.
func TestWalk_findsTheEndOfABlock(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 1, 300), 1, 8).Draw(t, "words")
		var block []byte
		for _, i := range rapid.SliceOfN(rapid.IntRange(0, len(words)-1), 1, 200).Draw(t, "text") {
			block = append(block, words[i]...)
		}
		packed := s2.EncodeSnappy(nil, block)
		_, n := binary.Uvarint(packed)
		packed = packed[n:]
		more := append(bytes.Clone(packed), packed...)
		for _, step := range []int{1, 7, 64, len(more)} {
			if got := parquet.WalkTags(more, len(block), step); got != len(packed) {
				t.Fatalf("the block ends at %d, want %d", got, len(packed))
			}
			if got := parquet.WalkTags(packed[:len(packed)-1], len(block), step); got != -1 {
				t.Fatalf("a block that is cut ends at %d", got)
			}
		}
	})
}

func TestWalk_refusesWhatIsNoBlock(t *testing.T) {
	literal := func(n int) []byte { // up to 60 bytes
		return append([]byte{byte(n-1) << 2}, make([]byte, n)...)
	}
	start := slices.Clip(slices.Concat(literal(1), literal(60), literal(1))) // 62 bytes
	for name, c := range map[string]struct {
		packed []byte
		want   int
		end    int
	}{
		"literals":                 {start, 62, 65},
		"a copy of all":            {append(start, 46<<2|2, 62, 0), 62 + 47, 68},
		"it refers too far back":   {append(start, 46<<2|2, 63, 0), 62 + 47, -1},
		"it refers nowhere":        {append(start, 46<<2|2, 0, 0), 62 + 47, -1},
		"a literal goes beyond it": {start, 50, -1},
		"a copy goes beyond it":    {append(start, 46<<2|2, 62, 0), 62 + 46, -1},
		"it starts with a copy":    {[]byte{1, 1}, 4, -1},
		"a literal has no length":  {[]byte{63 << 2, 0, 0}, 4, -1},
	} {
		for step := range 70 {
			if got := parquet.WalkTags(c.packed, c.want, step+1); got != c.end {
				t.Errorf("%s: seen %d bytes at a time it ends at %d, want %d", name, step+1, got, c.end)
			}
		}
	}
}
