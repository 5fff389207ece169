package model_test

import (
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/model"
)

// TestProgram_isSharedByWorkers applies one program in several goroutines, to
// batches of different sizes. The race detector watches.
func TestProgram_isSharedByWorkers(t *testing.T) {
	dir := openRelease(t, "1.9.0")
	for _, c := range loadManifest(t, dir) {
		if c.Expect != "ok" || !strings.HasPrefix(c.ID, "ct_") && !strings.HasPrefix(c.ID, "pipe_") && !strings.HasPrefix(c.ID, "sp_linear") {
			continue
		}
		b, kinds, cells := bindCase(t, dir, c)
		p, err := b.Compile(kinds)
		if err != nil {
			t.Fatal(err)
		}
		results := make([]string, 4)
		var wait sync.WaitGroup
		for i := range results {
			wait.Add(1)
			go func() {
				defer wait.Done()
				var lines []string
				w := p.NewWorker()
				for at := 0; at < len(cells); at += 3 + i {
					part := cells[at:min(at+3+i, len(cells))]
					cols := make([]frame.Column, len(kinds))
					for k, in := range b.Inputs() {
						var err error
						if cols[k], err = columnOf(in, kinds[k], part); err != nil {
							t.Error(err)
							return
						}
					}
					out, _, err := w.Apply(cols, len(part))
					if err != nil {
						t.Error(err)
						return
					}
					for r := range part {
						var line []string
						for k := range out {
							line = appendCells(line, &out[k], r)
						}
						lines = append(lines, strings.Join(line, ","))
					}
				}
				results[i] = fmt.Sprint(lines)
			}()
		}
		wait.Wait()
		for i, r := range results[1:] {
			if r != results[0] {
				t.Errorf("%s: worker %d differs", c.ID, i+1)
			}
		}
	}
}

// bindCase loads a case's model and input, and tells the kinds of its columns.
func bindCase(t *testing.T, dir fs.FS, c caseFile) (*model.Binding, []frame.Kind, [][]cell) {
	t.Helper()
	data, err := fs.ReadFile(dir, c.Model)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Load(data)
	if err != nil {
		t.Fatal(err)
	}
	cells := readCSV(t, dir, c.InputCSV)
	var header []string
	for _, h := range cells[0] {
		header = append(header, h.text)
	}
	cells = cells[1:]
	b, err := m.Bind(header)
	if err != nil {
		t.Fatal(err)
	}
	types := map[string]string{}
	for _, s := range c.InputSchema {
		types[s.Name] = s.Type
	}
	var kinds []frame.Kind
	for _, in := range b.Inputs() {
		kinds = append(kinds, kindOf(in, cells, types))
	}
	return b, kinds, cells
}
