// Command scale is the study of runs that are spread over many tasks: it
// simulates them, writes results.csv, and draws and writes what docs/scale.md
// shows of it.
//
//	cd bench/scale && go run .
//
// docs/decisions/scale-study.md says what is assumed. The same program writes the
// same files.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	docs := flag.String("docs", "../../docs", "the folder with scale.md")
	flag.Parse()
	if err := study(*docs); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// results is where the numbers are kept.
const results = "results.csv"

func study(docs string) error {
	rows, err := run(trials())
	if err != nil {
		return err
	}
	var table bytes.Buffer
	if err := write(&table, rows); err != nil {
		return err
	}
	//nolint:gosec // a file of the repository
	if err := os.WriteFile(results, table.Bytes(), 0o644); err != nil {
		return err
	}
	for _, p := range plots(rows) {
		drawn, err := p.draw()
		if err != nil {
			return fmt.Errorf("%s: %w", p.file, err)
		}
		//nolint:gosec // a file of the repository
		if err := os.WriteFile(filepath.Join(docs, p.file), drawn, 0o644); err != nil {
			return err
		}
	}
	page := filepath.Join(docs, "scale.md")
	before, err := os.ReadFile(page)
	if err != nil {
		return err
	}
	recommended, err := recommendations(loads)
	if err != nil {
		return err
	}
	parts := tables(rows)
	parts["recommended"] = recommendedTable(recommended)
	after, err := fillIn(string(before), parts)
	if err != nil {
		return fmt.Errorf("%s: %w", page, err)
	}
	return os.WriteFile(page, []byte(after), 0o644) //nolint:gosec // a file of the repository
}
