package script

import (
	"context"
	"fmt"
	"strconv"
	"testing"
)

// BenchmarkScript passes batches of 20,000 rows with three numbers and two texts
// through scripts that give them back, about 40 bytes a row as CSV.
func BenchmarkScript(b *testing.B) {
	const rows = 20_000
	data := NewBatch(5)
	data.Rows = rows
	for i := range data.Columns {
		c := &data.Columns[i]
		switch i {
		case 0:
			*c = ints()
		case 1, 2:
			*c = floats()
		default:
			*c = texts()
		}
		for row := range rows {
			c.Ints, c.Floats = append(c.Ints, int64(row)), append(c.Floats, float64(row)+0.25)
			c.Texts = append(c.Texts, []byte("text "+strconv.Itoa(row%100)))
		}
	}
	for name, text := range map[string]string{
		"transform":          "def transform(df): return df\n",
		"transform touching": "def transform(df):\n    for name in ('c0', 'c1', 'c2'):\n        df[name] = df[name] + 0.5\n    for name in ('c3', 'c4'):\n        df[name] = df[name] + 'x'\n    return df\n",
		"process":            "def process(rows): return rows\n",
		"process touching":   "def process(rows):\n    for row in rows:\n        row['c1'] += '0'\n        row['c3'] += 'x'\n        yield row\n",
	} {
		b.Run(name, func(b *testing.B) {
			s, _ := made(b, "s.py", text)
			names := make([]string, len(data.Columns))
			for i := range names {
				names[i] = fmt.Sprint("c", i)
			}
			r, err := s.Start(context.Background(), names, 1)
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			b.SetBytes(40 * rows)
			go func() {
				for range b.N {
					if r.Send(data) != nil {
						return
					}
				}
			}()
			b.ResetTimer()
			for range b.N {
				if _, err := r.Receive(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
