package parquet_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	pq "github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress"
	"github.com/parquet-go/parquet-go/encoding"
	"pgregory.net/rapid"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/parquet"
)

// sort is a type of column: how another library stores it, and what is expected
// of ours, as text; "" is null.
type sort struct {
	name      string
	node      pq.Node
	kind      frame.Kind
	encodings []encoding.Encoding
	value     func(t *rapid.T) (pq.Value, string)
}

func number(f float64) string {
	if math.IsNaN(f) {
		return "" // missing, as null is
	}
	return strconv.FormatFloat(f, 'g', -1, 64)
}

func sorts() []sort {
	whole := []encoding.Encoding{&pq.Plain, &pq.RLEDictionary, &pq.DeltaBinaryPacked}
	fixed := []encoding.Encoding{&pq.Plain, &pq.RLEDictionary, &pq.ByteStreamSplit}
	texts := []encoding.Encoding{&pq.Plain, &pq.RLEDictionary, &pq.DeltaLengthByteArray, &pq.DeltaByteArray}
	text := rapid.OneOf(rapid.SampledFrom([]string{"x", "male", "female", "ö,\n\"", "\x00\xff"}), rapid.StringN(1, 40, -1))
	small := rapid.OneOf(rapid.Int64Range(-3, 3), rapid.Int64())
	return []sort{
		{"bool", pq.Leaf(pq.BooleanType), frame.Bool, []encoding.Encoding{&pq.Plain, &pq.RLE}, func(t *rapid.T) (pq.Value, string) {
			v := rapid.Bool().Draw(t, "bool")
			return pq.BooleanValue(v), strconv.FormatBool(v)
		}},
		{"int32", pq.Leaf(pq.Int32Type), frame.Text, whole, func(t *rapid.T) (pq.Value, string) {
			v := int32(small.Draw(t, "int32"))
			return pq.Int32Value(v), fmt.Sprint(v)
		}},
		{"int8", pq.Int(8), frame.Float, whole, func(t *rapid.T) (pq.Value, string) {
			v := rapid.Int8().Draw(t, "int8")
			return pq.Int32Value(int32(v)), fmt.Sprint(v)
		}},
		{"int64", pq.Int(64), frame.Text, whole, func(t *rapid.T) (pq.Value, string) {
			v := small.Draw(t, "int64")
			return pq.Int64Value(v), fmt.Sprint(v)
		}},
		{"uint32", pq.Uint(32), frame.Float, whole, func(t *rapid.T) (pq.Value, string) {
			v := rapid.Uint32().Draw(t, "uint32")
			return pq.Int32Value(int32(v)), number(float64(v))
		}},
		{"uint64", pq.Uint(64), frame.Text, whole, func(t *rapid.T) (pq.Value, string) {
			v := rapid.Uint64().Draw(t, "uint64")
			return pq.Int64Value(int64(v)), fmt.Sprint(v)
		}},
		{"double", pq.Leaf(pq.DoubleType), frame.Float, fixed, func(t *rapid.T) (pq.Value, string) {
			v := rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{0, 0.1, math.NaN(), math.Inf(-1)})).Draw(t, "double")
			return pq.ValueOf(v), number(v)
		}},
		{"float", pq.Leaf(pq.FloatType), frame.Float32, fixed, func(t *rapid.T) (pq.Value, string) {
			v := rapid.OneOf(rapid.Float32(), rapid.SampledFrom([]float32{0, 0.1})).Draw(t, "float")
			return pq.FloatValue(v), number(float64(v))
		}},
		{"text", pq.String(), frame.Text, texts, func(t *rapid.T) (pq.Value, string) {
			v := text.Draw(t, "text")
			return pq.ByteArrayValue([]byte(v)), v
		}},
		{"bytes", pq.Leaf(pq.ByteArrayType), frame.Text, texts, func(t *rapid.T) (pq.Value, string) {
			v := text.Draw(t, "bytes")
			return pq.ByteArrayValue([]byte(v)), v
		}},
		{"date", pq.Date(), frame.Text, whole, func(t *rapid.T) (pq.Value, string) {
			v := rapid.Int32Range(-100_000, 100_000).Draw(t, "date")
			return pq.Int32Value(v), time.Unix(int64(v)*86400, 0).UTC().Format(time.DateOnly)
		}},
		{"timestamp", pq.TimestampAdjusted(pq.Microsecond, false), frame.Text, whole, func(t *rapid.T) (pq.Value, string) {
			v := rapid.Int64Range(-1e15, 1e15).Draw(t, "timestamp")
			layout := time.DateTime
			if v%1_000_000 != 0 {
				layout += ".000000"
			}
			return pq.Int64Value(v), time.UnixMicro(v).UTC().Format(layout)
		}},
		{"decimal", pq.Decimal(2, 9, pq.Int32Type), frame.Float, whole[:2], func(t *rapid.T) (pq.Value, string) {
			v := rapid.Int32Range(-999_999_999, 999_999_999).Draw(t, "decimal")
			return pq.Int32Value(v), number(float64(v) / 100)
		}},
		{"long decimal", pq.Decimal(3, 20, pq.FixedLenByteArrayType(9)), frame.Text, whole[:1], func(t *rapid.T) (pq.Value, string) {
			v := rapid.Int64().Draw(t, "long decimal")
			b := make([]byte, 9)
			binary.BigEndian.PutUint64(b[1:], uint64(v))
			sign, digits := "", strconv.FormatInt(v, 10)
			if v < 0 {
				b[0], sign, digits = 0xff, "-", digits[1:]
			}
			digits = strings.Repeat("0", max(4-len(digits), 0)) + digits
			return pq.FixedLenByteArrayValue(b), sign + digits[:len(digits)-3] + "." + digits[len(digits)-3:]
		}},
	}
}

// sample is a file and its cells, by column.
type sample struct {
	data  []byte
	names []string
	kinds []frame.Kind
	cells [][]string
}

// draw lets another library write any file.
func draw(t *rapid.T) sample {
	group := pq.Group{}
	all := sorts()
	chosen := map[string]sort{}
	optional := map[string]bool{}
	for i := range rapid.IntRange(1, 5).Draw(t, "columns") {
		s := all[rapid.IntRange(0, len(all)-1).Draw(t, "type")]
		name := fmt.Sprintf("c%d", i)
		node := pq.Encoded(s.node, rapid.SampledFrom(s.encodings).Draw(t, "encoding"))
		node = pq.Compressed(node, rapid.SampledFrom([]compress.Codec{&pq.Uncompressed, &pq.Snappy, blockSnappy{}, &pq.Gzip, &pq.Zstd, &pq.Lz4Raw}).Draw(t, "codec"))
		if optional[name] = rapid.Bool().Draw(t, "optional"); optional[name] {
			node = pq.Optional(node)
		}
		group[name], chosen[name] = node, s
	}
	schema := pq.NewSchema("table", group)
	var s sample
	for _, path := range schema.Columns() {
		s.names = append(s.names, path[0])
		s.kinds = append(s.kinds, chosen[path[0]].kind)
	}
	s.cells = make([][]string, len(s.names))
	var out bytes.Buffer
	w := pq.NewWriter(&out, schema,
		pq.DataPageVersion(rapid.IntRange(1, 2).Draw(t, "version")),
		pq.PageBufferSize(rapid.SampledFrom([]int{16, 200, 1 << 20}).Draw(t, "page")),
		pq.MaxRowsPerRowGroup(rapid.SampledFrom([]int64{3, 40, 1 << 20}).Draw(t, "group")))
	rows := rapid.SampledFrom([]int{0, 1, 9, 100, 2500}).Draw(t, "rows")
	distinct := 1 + rapid.IntRange(0, 30).Draw(t, "distinct")
	type cell struct {
		v    pq.Value
		text string
	}
	pool := make([][]cell, len(s.names))
	for c, name := range s.names {
		for range distinct {
			v, text := chosen[name].value(t)
			if optional[name] && rapid.IntRange(0, 2).Draw(t, "null") == 0 {
				v, text = pq.NullValue(), ""
			}
			pool[c] = append(pool[c], cell{v, text})
		}
	}
	state := uint64(rapid.Uint32().Draw(t, "seed")) | 1
	for range rows {
		row := make(pq.Row, len(s.names))
		for c, name := range s.names {
			state = state*6364136223846793005 + 1442695040888963407
			one := pool[c][int(state>>33)%distinct]
			level := 0
			if optional[name] && !one.v.IsNull() {
				level = 1
			}
			row[c] = one.v.Level(0, level, c)
			s.cells[c] = append(s.cells[c], one.text)
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

// readAll reads all columns in pieces.
func readAll(data []byte, limits parquet.Limits, kinds []frame.Kind, ahead bool, limit, budget, piece int) ([][]string, error) {
	f, err := parquet.Open(bytes.NewReader(data), int64(len(data)), limits)
	if err != nil {
		return nil, err
	}
	f.SetPiece(piece)
	var wants []parquet.Want
	for i := range f.Columns() {
		wants = append(wants, parquet.Want{Column: i, Kind: kinds[i]})
	}
	r, err := f.NewReader(wants, ahead)
	if err != nil {
		return nil, err
	}
	cells := make([][]string, len(wants))
	var b parquet.Batch
	for rows := int64(0); ; rows += int64(b.Rows) {
		err := r.Next(&b, limit, budget)
		if err == io.EOF { //nolint:errorlint // it is itself
			if rows != f.Rows() {
				return nil, fmt.Errorf("%d rows, want %d", rows, f.Rows())
			}
			return cells, nil
		}
		if err != nil {
			return nil, err
		}
		if b.Rows < 1 || b.Rows > limit || b.First != rows {
			return nil, fmt.Errorf("%d rows from %d, after %d", b.Rows, b.First, rows)
		}
		for i := range b.Columns {
			for row := range b.Rows {
				cells[i] = append(cells[i], cellOf(&b.Columns[i], row))
			}
		}
	}
}

func cellOf(c *frame.Column, row int) string {
	switch c.Kind {
	case frame.Float, frame.Float32:
		return number(c.Floats[row])
	case frame.Int:
		return strconv.FormatInt(c.Ints[row], 10)
	case frame.Bool:
		return map[int64]string{-1: "", 0: "false", 1: "true"}[c.Ints[row]]
	}
	return string(c.Texts[row])
}

func TestReader_readsWhatAnotherLibraryWrites(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		limit := rapid.SampledFrom([]int{1, 7, 1 << 10, 1 << 20}).Draw(t, "limit")
		budget := rapid.SampledFrom([]int{1, 100, 1 << 20}).Draw(t, "budget")
		got, err := readAll(s.data, parquet.DefaultLimits(), s.kinds, rapid.Bool().Draw(t, "ahead"), limit, budget, rapid.SampledFrom([]int{1, 100, 1 << 16}).Draw(t, "piece"))
		if err != nil {
			t.Fatal(err)
		}
		for c := range s.names {
			if !slices.Equal(got[c], s.cells[c]) {
				for i := range got[c] {
					if got[c][i] != s.cells[c][i] {
						t.Fatalf("column %s, row %d: %q, want %q", s.names[c], i, got[c][i], s.cells[c][i])
					}
				}
				t.Fatalf("column %s: %d rows, want %d", s.names[c], len(got[c]), len(s.cells[c]))
			}
		}
	})
}

func TestFile_tellsWhetherAColumnHasNulls(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		f, err := parquet.Open(bytes.NewReader(s.data), int64(len(s.data)), parquet.DefaultLimits())
		if err != nil {
			t.Fatal(err)
		}
		f.SetPiece(rapid.SampledFrom([]int{1, 1 << 16}).Draw(t, "piece"))
		for c := range s.names {
			nulls, err := f.Nulls(c)
			if err != nil {
				t.Fatal(err)
			}
			// A NaN is written as "" here too, and is no null.
			if want := slices.Contains(s.cells[c], ""); s.kinds[c] != frame.Float && nulls != want {
				t.Errorf("%s: nulls %t, want %t", s.names[c], nulls, want)
			}
		}
	})
}

// Every damage is an error that says so, or changes nothing that ends the
// reading; none is a panic or takes memory that the limits deny.
func TestReader_survivesDamage(t *testing.T) {
	limits := parquet.Limits{PageBytes: 1 << 20, HeldBytes: 4 << 20, ValueBytes: 1 << 10}
	rapid.Check(t, func(t *rapid.T) {
		s := draw(t)
		data := bytes.Clone(s.data)
		for range rapid.IntRange(1, 4).Draw(t, "faults") {
			at := rapid.IntRange(0, len(data)-1).Draw(t, "at")
			if rapid.Bool().Draw(t, "footer") { // which is most of a small file's sense
				at = max(len(data)-1-at%400, 0)
			}
			data[at] = rapid.Byte().Draw(t, "byte")
		}
		if rapid.IntRange(0, 9).Draw(t, "cut") == 0 {
			data = data[:rapid.IntRange(0, len(data)).Draw(t, "length")]
		}
		check(t, data, limits, rapid.SampledFrom([]int{1, 1 << 16}).Draw(t, "piece"))
	})
}

func TestOpen_refusesEveryTruncation(t *testing.T) {
	s := rapid.Custom(draw).Example(3)
	for n := range s.data {
		var e *parquet.Error
		if _, err := parquet.Open(bytes.NewReader(s.data[:n]), int64(n), parquet.DefaultLimits()); !errors.As(err, &e) {
			t.Fatalf("%d of %d bytes: %v", n, len(s.data), err)
		}
	}
}

// check reads a file that may be anything.
func check(t interface{ Fatalf(string, ...any) }, data []byte, limits parquet.Limits, piece int) {
	f, err := parquet.Open(bytes.NewReader(data), int64(len(data)), limits)
	if err == nil {
		f.SetPiece(piece)
		var wants []parquet.Want
		for i := range f.Columns() {
			if c := &f.Columns()[i]; c.Refusal(c.Natural()) == "" {
				wants = append(wants, parquet.Want{Column: i, Kind: c.Natural()}, parquet.Want{Column: i, Kind: c.Stored(), Stored: true})
			}
			if _, err := f.Nulls(i); err != nil && !errors.As(err, new(*parquet.Error)) {
				t.Fatalf("nulls: %v", err)
			}
		}
		var r *parquet.Reader
		if r, err = f.NewReader(wants, false); err != nil {
			t.Fatalf("%v", err)
		}
		var b parquet.Batch
		for err == nil {
			if err = r.Next(&b, 1<<10, 1<<16); r.Row() > 1<<14 {
				return // a few bytes may stand for any number of equal rows
			}
		}
		if err == io.EOF && r.Row() != f.Rows() { //nolint:errorlint // it is itself
			t.Fatalf("%d rows, want %d", r.Row(), f.Rows())
		}
	}
	if err != io.EOF && !errors.As(err, new(*parquet.Error)) { //nolint:errorlint // it is itself
		t.Fatalf("%v", err)
	}
}

func FuzzReader(f *testing.F) {
	for i := range 20 {
		f.Add(rapid.Custom(draw).Example(i).data)
	}
	for _, data := range filesOfOthers(f) {
		f.Add(data)
	}
	limits := parquet.Limits{PageBytes: 1 << 20, HeldBytes: 4 << 20, ValueBytes: 1 << 10}
	f.Fuzz(func(t *testing.T, data []byte) {
		check(t, data, limits, 1)
		check(t, data, limits, 1<<16)
	})
}
