package table

import (
	"encoding/csv"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/frame"
)

func texts(values ...any) [][]byte {
	column := make([][]byte, len(values))
	for i, v := range values {
		if s, ok := v.(string); ok {
			column[i] = append([]byte{}, s...)
		}
	}
	return column
}

func TestFormatter_writesEachKindAsPandas(t *testing.T) {
	columns := []frame.Column{
		{Kind: frame.Float, Floats: []float64{1, math.NaN(), math.Inf(-1)}},
		{Kind: frame.Float32, Floats: []float64{float64(float32(0.1)), math.NaN(), 2}},
		{Kind: frame.Int, Ints: []int64{-5, 0, math.MinInt64}},
		{Kind: frame.Bool, Ints: []int64{1, -1, 0}},
		{Kind: frame.Text, Texts: texts("a,b", nil, `say "x"`)},
		{Kind: frame.Float, Width: 3, Hot: []int32{0, -1, 2}},
		{Kind: frame.Int, Width: 2, Hot: []int32{1, 0, -1}},
		{Kind: frame.Bool, Width: 3, Hot: []int32{1, -1, 2}},
		{Kind: frame.Float, Width: 1, Hot: []int32{0, -1, 0}},
	}
	got := string(NewFormatter(CSV).AppendRows(nil, columns, 3, make([]bool, 3)))
	want := `1.0,0.1,-5,True,"a,b",1.0,0.0,0.0,0,1,False,True,False,1.0
,,0,,,0.0,0.0,0.0,1,0,False,False,False,0.0
-inf,2.0,-9223372036854775808,False,"say ""x""",0.0,0.0,1.0,0,0,False,False,True,1.0
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestFormatter_quotesOnlyWhatMustBe(t *testing.T) {
	columns := []frame.Column{{Kind: frame.Text, Texts: texts("", nil, "a", " a ", "a,b", "a\nb", "a\rb", `"`, "ö", "'")}}
	got := string(NewFormatter(CSV).AppendRows(nil, columns, 10, make([]bool, 10)))
	want := "\"\"\n\"\"\na\n a \n\"a,b\"\n\"a\nb\"\n\"a\rb\"\n\"\"\"\"\nö\n'\n"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFormatter_leavesOutSkippedRows(t *testing.T) {
	columns := []frame.Column{{Kind: frame.Int, Ints: []int64{1, 2, 3}}}
	if got := string(NewFormatter(CSV).AppendRows([]byte("x\n"), columns, 3, []bool{false, true, false})); got != "x\n1\n3\n" {
		t.Errorf("got %q", got)
	}
}

func TestFormatter_writesTheHeader(t *testing.T) {
	f := NewFormatter(CSV)
	for want, names := range map[string][]string{"a,\"b,c\",d e\n": {"a", "b,c", "d e"}, "\"\"\n": {""}, "\n": nil} {
		if got := string(f.AppendHeader(nil, names)); got != want {
			t.Errorf("%q: got %q, want %q", names, got, want)
		}
	}
}

func TestFormatter_isReadBackByParserAndByEncodingCSV(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		width := rapid.IntRange(1, 4).Draw(t, "columns")
		rows := rapid.IntRange(1, 6).Draw(t, "rows")
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab \"\"\",,\n\ré")), 0, 6, -1)
		columns := make([]frame.Column, width)
		want := make([][]string, rows)
		for i := range columns {
			columns[i].Kind = frame.Text
			for row := range rows {
				s := text.Draw(t, "text")
				if width == 1 && strings.Trim(s, " \t") == "" {
					s = "x" // a blank line is no record
				}
				columns[i].Texts = append(columns[i].Texts, []byte(s))
				want[row] = append(want[row], s)
			}
		}
		f := NewFormatter(CSV)
		out := f.AppendRows(f.AppendHeader(nil, make([]string, width)), columns, rows, make([]bool, rows))

		_, got, rejects, err := readAll(strings.NewReader(string(out)), 5, 1<<20)
		if err != nil || len(rejects) > 0 || !slices.EqualFunc(got, want, slices.Equal[[]string]) {
			t.Fatalf("%q: got %q %v %v, want %q", out, got, rejects, err, want)
		}
		if strings.ContainsRune(string(out), '\r') {
			return // encoding/csv rewrites CR LF
		}
		oracle, err := csv.NewReader(strings.NewReader(string(out))).ReadAll()
		if err != nil || !slices.EqualFunc(oracle[1:], want, slices.Equal[[]string]) {
			t.Fatalf("%q: encoding/csv reads %q %v, want %q", out, oracle, err, want)
		}
	})
}

func BenchmarkFormatter(b *testing.B) {
	const rows = 1024
	column := func(f func(i int) float64) frame.Column {
		c := frame.Column{Kind: frame.Float}
		for i := range rows {
			c.Floats = append(c.Floats, f(i))
		}
		return c
	}
	kept := frame.Column{Kind: frame.Text}
	for i := range rows {
		kept.Texts = append(kept.Texts, fmt.Appendf(nil, "2026-11-29T10:00:00.%09dZ", i))
	}
	hot := frame.Column{Kind: frame.Float, Width: 90}
	for i := range rows {
		hot.Hot = append(hot.Hot, int32(i%91-1))
	}
	scaled := column(func(i int) float64 { return (float64(i) - 511.7) / 295.3 })
	codes := column(func(i int) float64 { return float64(i % 7) })
	for name, columns := range map[string][]frame.Column{
		"scaled": {scaled, scaled, scaled, scaled},
		"codes":  {codes, codes, codes, codes},
		"hot":    {hot},
		"kept":   {kept, kept},
	} {
		b.Run(name, func(b *testing.B) {
			f := NewFormatter(CSV)
			skip := make([]bool, rows)
			dst := f.AppendRows(nil, columns, rows, skip)
			b.SetBytes(int64(len(dst)))
			b.ReportAllocs()
			for b.Loop() {
				dst = f.AppendRows(dst[:0], columns, rows, skip)
			}
		})
	}
}

func TestAppendCell_tellsWhatIsMissing(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		column frame.Column
		want   []string // "-" for a missing one
	}{
		{frame.Column{Kind: frame.Float, Floats: []float64{0, -1.5, nan, 1e300}}, []string{"0.0", "-1.5", "-", "1e+300"}},
		{frame.Column{Kind: frame.Float32, Floats: []float64{0, float64(float32(0.1)), nan}}, []string{"0.0", "0.1", "-"}},
		{frame.Column{Kind: frame.Int, Ints: []int64{0, -7, math.MinInt64}}, []string{"0", "-7", "-9223372036854775808"}},
		{frame.Column{Kind: frame.Bool, Ints: []int64{0, 1, -1}}, []string{"False", "True", "-"}},
		{frame.Column{Kind: frame.Text, Texts: [][]byte{[]byte("a,b"), {}, nil}}, []string{"a,b", "", "-"}},
	} {
		for row, want := range c.want {
			got, there := AppendCell([]byte("x"), &c.column, row)
			if text := strings.TrimPrefix(string(got), "x"); there != (want != "-") || there && text != want || !there && text != "" {
				t.Errorf("kind %d, row %d: %q, %t, want %q", c.column.Kind, row, got, there, want)
			}
		}
	}
}
