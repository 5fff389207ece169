package parquet_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	pq "github.com/parquet-go/parquet-go"
	"pgregory.net/rapid"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/parquet"
)

// written is a table as columns of frames, and its cells as text: "" is null.
type written struct {
	layout  *parquet.Layout
	columns []frame.Column // all rows
	names   []string       // of the file's columns
	kinds   []frame.Kind
	cells   [][]string
	rows    int
}

// drawTable draws columns of all kinds, with few or many distinct values.
func drawTable(t *rapid.T) *written {
	w := &written{layout: &parquet.Layout{}, rows: rapid.SampledFrom([]int{0, 1, 7, 8, 100, 1100}).Draw(t, "rows")}
	state := uint64(rapid.Uint32().Draw(t, "seed"))<<1 | 1
	next := func(n int) int {
		state = state*6364136223846793005 + 1442695040888963407
		return int(state>>33) % n
	}
	for i := range rapid.IntRange(1, 5).Draw(t, "parts") {
		k := rapid.SampledFrom([]frame.Kind{frame.Float, frame.Float32, frame.Int, frame.Bool, frame.Text}).Draw(t, "kind")
		c := frame.Column{Kind: k}
		distinct := rapid.SampledFrom([]int{1, 2, 20, 200, 100_000}).Draw(t, "distinct")
		nulls := rapid.SampledFrom([]int{0, 1, 2, 50}).Draw(t, "nulls") // one in so many
		null := func() bool { return k != frame.Int && nulls > 0 && next(nulls) == 0 }
		name := fmt.Sprintf("c%d", i)
		if k != frame.Text && rapid.IntRange(0, 2).Draw(t, "run") == 0 {
			c.Width, c.Hot = rapid.IntRange(1, 9).Draw(t, "width"), make([]int32, w.rows)
			names := make([]string, c.Width)
			for j := range names {
				names[j] = fmt.Sprintf("%s_%d", name, j)
			}
			for row := range c.Hot {
				c.Hot[row] = -1
				if distinct < 100_000 && !null() {
					c.Hot[row] = int32(min(next(c.Width), distinct-1))
				}
			}
			w.layout.AddRun(names, k)
			for j := range names {
				cells := make([]string, w.rows)
				for row, h := range c.Hot {
					cells[row] = map[bool]string{true: "1", false: "0"}[h == int32(j)]
					if k == frame.Bool {
						cells[row] = strconv.FormatBool(h == int32(j))
					}
				}
				w.names, w.kinds, w.cells = append(w.names, names[j]), append(w.kinds, k), append(w.cells, cells)
			}
			w.columns = append(w.columns, c)
			continue
		}
		cells := make([]string, w.rows)
		for row := range cells {
			v := next(distinct) - distinct/2
			switch k {
			case frame.Float, frame.Float32:
				f := float64(v) / 3
				if next(100) == 0 {
					f = []float64{math.Inf(1), math.Inf(-1), 0, math.Copysign(0, -1)}[next(4)]
				}
				if k == frame.Float32 {
					f = float64(float32(f))
				}
				if null() {
					f = math.NaN()
				}
				c.Floats = append(c.Floats, f)
				cells[row] = number(f)
			case frame.Int:
				c.Ints = append(c.Ints, int64(v)*int64(v)*int64(v))
				cells[row] = fmt.Sprint(c.Ints[row])
			case frame.Bool:
				c.Ints = append(c.Ints, int64(v&1))
				if null() {
					c.Ints[row] = -1
				}
				cells[row] = map[int64]string{-1: "", 0: "false", 1: "true"}[c.Ints[row]]
			case frame.Text:
				text := []byte(fmt.Sprintf("%dö,\n\"", v)[:1+next(6)])
				if null() {
					text = nil
				}
				c.Texts = append(c.Texts, text)
				cells[row] = string(text)
			}
		}
		w.layout.Add(name, k, false)
		w.names, w.kinds, w.cells = append(w.names, name), append(w.kinds, k), append(w.cells, cells)
		w.columns = append(w.columns, c)
	}
	return w
}

// slice is the rows from start to end of a column.
func slice(c frame.Column, start, end int) frame.Column {
	if c.Hot != nil {
		c.Hot = c.Hot[start:end]
	}
	if len(c.Floats) >= end {
		c.Floats = c.Floats[start:end]
	}
	if len(c.Ints) >= end {
		c.Ints = c.Ints[start:end]
	}
	if len(c.Texts) >= end {
		c.Texts = c.Texts[start:end]
	}
	return c
}

// write writes the table in blocks and batches of some rows, each third row
// twice, once of them skipped.
func (w *written) write(t *rapid.T, groupBytes int) []byte {
	var out bytes.Buffer
	writer, err := parquet.NewWriter(&out, w.layout)
	if err != nil {
		t.Fatal(err)
	}
	if groupBytes > 0 {
		writer.SetGroupBytes(groupBytes)
	}
	encoders := []*parquet.Encoder{parquet.NewEncoder(w.layout), parquet.NewEncoder(w.layout)}
	var block parquet.Block
	for start, turn := 0, 0; start < w.rows; turn++ {
		e := encoders[turn%2]
		for range rapid.IntRange(1, 3).Draw(t, "batches") {
			n := min(rapid.SampledFrom([]int{1, 5, 64, 1000}).Draw(t, "batch"), w.rows-start)
			columns := make([]frame.Column, len(w.columns))
			for i, c := range w.columns {
				columns[i] = slice(c, start, start+n)
			}
			skip := make([]bool, n)
			second := make([]bool, n)
			for row := range skip {
				skip[row] = row < n/2
				second[row] = !skip[row]
			}
			e.Append(columns, nil, n, second)
			e.Append(columns, nil, n, skip)
			start += n
		}
		e.Finish(&block)
		if err := writer.Add(&block); err != nil {
			t.Fatal(err)
		}
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWriter_isReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawTable(t)
		data := w.write(t, rapid.SampledFrom([]int{0, 1, 3000}).Draw(t, "group"))
		kinds := slices.Clone(w.kinds)
		for i, k := range kinds {
			if k == frame.Int {
				kinds[i] = frame.Text // as they may have nulls, by the schema
			}
		}
		got, err := readAll(data, parquet.DefaultLimits(), kinds, false, 1<<10, 1<<20, rapid.SampledFrom([]int{1, 1 << 16}).Draw(t, "piece"))
		if err != nil {
			t.Fatal(err)
		}
		for c, want := range w.cells {
			if !slices.Equal(got[c], want) {
				t.Fatalf("column %s: got %q, want %q", w.names[c], got[c], want)
			}
		}
	})
}

func TestWriter_isReadByAnotherLibrary(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawTable(t)
		data := w.write(t, rapid.SampledFrom([]int{0, 1, 3000}).Draw(t, "group"))
		f, err := pq.OpenFile(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		if f.NumRows() != int64(w.rows) {
			t.Fatalf("%d rows, want %d", f.NumRows(), w.rows)
		}
		at := 0
		for _, g := range f.RowGroups() {
			for c, chunk := range g.ColumnChunks() {
				want := w.cells[c][at : at+int(g.NumRows())]
				var got []string
				pages := chunk.Pages()
				for {
					page, err := pages.ReadPage()
					if err != nil {
						break
					}
					values := make([]pq.Value, page.NumValues())
					if n, _ := page.Values().ReadValues(values); n < len(values) {
						t.Fatalf("%d values of %d", n, len(values))
					}
					for _, v := range values {
						got = append(got, textOf(v))
					}
				}
				_ = pages.Close()
				if !slices.Equal(got, want) {
					t.Fatalf("column %s: got %q, want %q", w.names[c], got, want)
				}
				checkLimits(t, chunk.(*pq.FileColumnChunk), w.kinds[c], want)
			}
			at += int(g.NumRows())
		}
		if at != w.rows {
			t.Fatalf("%d rows in row groups, want %d", at, w.rows)
		}
	})
}

func textOf(v pq.Value) string {
	switch v.Kind() {
	case pq.Boolean:
		return strconv.FormatBool(v.Boolean())
	case pq.Int64:
		return fmt.Sprint(v.Int64())
	case pq.Double:
		return number(v.Double())
	case pq.Float:
		return number(float64(v.Float()))
	}
	return string(v.ByteArray())
}

// checkLimits compares the statistics of a column with its cells.
func checkLimits(t *rapid.T, chunk *pq.FileColumnChunk, k frame.Kind, cells []string) {
	nulls := int64(0)
	var least, most string
	any := false
	less := func(a, b string) bool { return a < b }
	if k != frame.Text && k != frame.Bool {
		less = func(a, b string) bool {
			x, _ := strconv.ParseFloat(a, 64)
			y, _ := strconv.ParseFloat(b, 64)
			return x < y
		}
	}
	for _, cell := range cells {
		if cell == "" {
			nulls++
			continue
		}
		if !any || less(cell, least) {
			least = cell
		}
		if !any || less(most, cell) {
			most = cell
		}
		any = true
	}
	if chunk.NullCount() != nulls {
		t.Fatalf("%d nulls, want %d", chunk.NullCount(), nulls)
	}
	lo, hi, ok := chunk.Bounds()
	if ok != any {
		t.Fatalf("statistics %t, want %t", ok, any)
	}
	if ok && (less(textOf(lo), least) || less(least, textOf(lo)) || less(textOf(hi), most) || less(most, textOf(hi))) {
		t.Fatalf("from %q to %q, want %q to %q", textOf(lo), textOf(hi), least, most)
	}
}

// Rows that come in the same blocks give the same bytes, whoever encodes them.
func TestWriter_givesTheSameBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawTable(t)
		file := func(encoders int) []byte {
			var out bytes.Buffer
			writer, err := parquet.NewWriter(&out, w.layout)
			if err != nil {
				t.Fatal(err)
			}
			writer.SetGroupBytes(2000)
			var all []*parquet.Encoder
			for range encoders {
				all = append(all, parquet.NewEncoder(w.layout))
			}
			var block parquet.Block
			for start := 0; start < w.rows; start += 50 {
				n := min(50, w.rows-start)
				columns := make([]frame.Column, len(w.columns))
				for i, c := range w.columns {
					columns[i] = slice(c, start, start+n)
				}
				e := all[start/50%encoders]
				e.Append(columns, nil, n, make([]bool, n))
				e.Finish(&block)
				if err := writer.Add(&block); err != nil {
					t.Fatal(err)
				}
			}
			if err := writer.Close(); err != nil {
				t.Fatal(err)
			}
			return out.Bytes()
		}
		if !bytes.Equal(file(1), file(3)) {
			t.Fatal("the files differ")
		}
	})
}

type fullWriter struct{ left int }

var errFull = errors.New("full")

func (w *fullWriter) Write(b []byte) (int, error) {
	if len(b) > w.left {
		n := w.left
		w.left = 0
		return n, errFull
	}
	w.left -= len(b)
	return len(b), nil
}

func TestWriter_passesErrorsOn(t *testing.T) {
	layout := &parquet.Layout{}
	layout.Add("x", frame.Float, false)
	for left := range 3000 {
		w, err := parquet.NewWriter(&fullWriter{left}, layout)
		e := parquet.NewEncoder(layout)
		var b parquet.Block
		for i := 0; i < 30 && err == nil; i++ {
			w.SetGroupBytes(10)
			e.Append([]frame.Column{{Kind: frame.Float, Floats: []float64{1, 2, float64(i)}}}, nil, 3, make([]bool, 3))
			e.Finish(&b)
			err = w.Add(&b)
		}
		if err == nil {
			err = w.Close()
		}
		if !errors.Is(err, errFull) {
			t.Fatalf("%d bytes: %v", left, err)
		}
	}
}

// Columns get a dictionary as long as it pays, and all that is written is read
// back, whatever became too much.
func TestWriter_keepsDictionariesSmall(t *testing.T) {
	const rows = 60_000
	bytesOf := dictionaries(t, rows, []int{3, 5000, 15_000, 20_000, rows})
	if bytesOf[0] > rows/2 {
		t.Errorf("3 values: %d bytes", bytesOf[0])
	}
	if bytesOf[1] > 3*rows {
		t.Errorf("5000 values: %d bytes", bytesOf[1])
	}
	if bytesOf[4] < 8*rows || bytesOf[4] > 9*rows {
		t.Errorf("values that all differ: %d bytes", bytesOf[4])
	}
	// Together they are too much.
	for c, n := range dictionaries(t, rows, slices.Repeat([]int{15_000}, 7)) {
		if n > 9*rows {
			t.Errorf("column %d: %d bytes", c, n)
		}
	}
}

// dictionaries writes columns of so many distinct values, and tells how many bytes
// each takes.
func dictionaries(t *testing.T, rows int, distinct []int) []int64 {
	t.Helper()
	const block = 1000
	layout := &parquet.Layout{}
	for i := range distinct {
		layout.Add(fmt.Sprintf("c%d", i), frame.Float, false)
	}
	layout.Add("text", frame.Text, false) // few values, some of them long
	var out bytes.Buffer
	w, err := parquet.NewWriter(&out, layout)
	if err != nil {
		t.Fatal(err)
	}
	w.SetGroupBytes(32 << 20)
	e := parquet.NewEncoder(layout)
	blocks := make([]parquet.Block, 4) // filled in turn, as by a job
	want := make([][]string, len(distinct)+1)
	random := rand.New(rand.NewPCG(1, 2))
	for start := 0; start < rows; start += block {
		var columns []frame.Column
		for i, n := range distinct {
			c := frame.Column{Kind: frame.Float}
			for row := start; row < start+block; row++ {
				v := row
				if n < rows {
					v = random.IntN(n)
				}
				c.Floats = append(c.Floats, float64(v)/3)
				want[i] = append(want[i], number(c.Floats[row-start]))
			}
			columns = append(columns, c)
		}
		c := frame.Column{Kind: frame.Text}
		for row := start; row < start+block; row++ {
			text := []byte("short")
			if row%50 == 0 {
				text = bytes.Repeat([]byte{byte(' ' + random.IntN(60))}, 8000)
			}
			c.Texts = append(c.Texts, text)
			want[len(distinct)] = append(want[len(distinct)], string(c.Texts[row-start]))
		}
		b := &blocks[start/block%len(blocks)]
		e.Append(append(columns, c), nil, block, make([]bool, block))
		e.Finish(b)
		if err := w.Add(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	kinds := slices.Repeat([]frame.Kind{frame.Float}, len(distinct))
	got, err := readAll(out.Bytes(), parquet.DefaultLimits(), append(kinds, frame.Text), false, 1<<10, 1<<20, 1<<16)
	if err != nil {
		t.Fatal(err)
	}
	for c := range want {
		if !slices.Equal(got[c], want[c]) {
			t.Errorf("column %d differs", c)
		}
	}
	f, err := pq.OpenFile(bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(f.RowGroups()); n != 1 {
		t.Fatalf("%d row groups", n)
	}
	var sizes []int64
	for c := range distinct {
		sizes = append(sizes, f.Metadata().RowGroups[0].Columns[c].MetaData.TotalUncompressedSize)
	}
	return sizes
}
