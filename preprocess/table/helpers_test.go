package table

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"testing"
)

// readAll reads a whole CSV through the Splitter and the Parser: the header and
// every record as texts. Blocks aim at target bytes.
func readAll(r io.Reader, target, limit int) (header []string, rows [][]string, rejects []Reject, err error) {
	split := NewSplitter(r, CSV, limit)
	var parser *Parser
	for {
		offset := split.Offset()
		block, err := split.Next(nil, target)
		if AtEnd(err) {
			return header, rows, rejects, nil
		}
		if err != nil {
			return header, rows, rejects, err
		}
		if header == nil {
			names, rest, err := ReadHeader(CSV, block)
			if err != nil {
				return nil, nil, nil, err
			}
			block, offset = block[rest:], offset+int64(rest)
			if names == nil {
				continue
			}
			header = names
			layout := Layout{Dialect: CSV, Fields: len(names), Nulls: NewNulls(nil)}
			for i := range names {
				layout.Keep = append(layout.Keep, i)
			}
			parser = NewParser(layout)
		}
		parser.Reset(block, offset)
		for b := parser.Next(1 << 20); b != nil; b = parser.Next(1 << 20) {
			for row := range b.Rows {
				fields := make([]string, len(b.Keep))
				for i, c := range b.Keep {
					fields[i] = string(c.Texts[row])
				}
				rows = append(rows, fields)
			}
			rejects = append(rejects, b.Rejects...)
		}
	}
}

// parseColumn parses the cells of one column, which is followed by another so
// that an empty cell is no blank line. Cells are CSV, quoted where they should be.
func parseColumn(t *testing.T, as As, nulls []string, cells ...string) *Batch {
	t.Helper()
	text := ""
	for _, c := range cells {
		text += c + ",0\n"
	}
	layout := Layout{Dialect: CSV, Fields: 2, Nulls: NewNulls(nulls), Inputs: []Input{{Name: "x", Index: 0, As: as}}}
	scanner := NewScanner(layout)
	scanner.Reset([]byte(text), 0)
	layout.Inputs[0].Kind = as.Kind(scanner.Next(len(cells)).Facts[0])
	parser := NewParser(layout)
	parser.Reset([]byte(text), 0)
	batch := parser.Next(len(cells))
	if batch.Rows != len(cells) {
		t.Fatalf("%d rows, want %d", batch.Rows, len(cells))
	}
	return batch
}

// fromPandas is testdata/pandas.json.
type fromPandas struct {
	Split []struct {
		Input  string
		Header []string
		Rows   [][]string
	}
	Kinds []struct {
		Cells []string
		Dtype string
	}
}

func readPandas(t *testing.T) fromPandas {
	t.Helper()
	data, err := os.ReadFile("testdata/pandas.json")
	if err != nil {
		t.Fatal(err)
	}
	var p fromPandas
	if err := json.Unmarshal(data, &p); err != nil {
		t.Fatal(err)
	}
	if len(p.Split) == 0 || len(p.Kinds) == 0 {
		t.Fatal("testdata/pandas.json is empty")
	}
	return p
}

// dribble gives at most n bytes at a time, and now and then none.
type dribble struct {
	data []byte
	n    int
	idle bool
}

func (d *dribble) Read(p []byte) (int, error) {
	if d.idle = !d.idle; d.idle {
		return 0, nil
	}
	if len(d.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), d.n)], d.data)
	d.data = d.data[n:]
	return n, nil
}

var errBroken = errors.New("broken")

// broken gives data and then an error.
type broken struct{ data []byte }

func (b *broken) Read(p []byte) (int, error) {
	if len(b.data) == 0 {
		return 0, errBroken
	}
	n := copy(p, b.data)
	b.data = b.data[n:]
	return n, nil
}
