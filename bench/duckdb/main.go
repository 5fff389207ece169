// Command duckdb runs one SQL statement on an embedded DuckDB with two threads:
//
//	duckdb STATEMENT.sql INPUT.csv OUTPUT.csv
//
// {input} and {output} in the statement become the paths.
package main

import (
	"database/sql"
	"fmt"
	"os"
	"strings"

	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: duckdb STATEMENT.sql INPUT.csv OUTPUT.csv")
		os.Exit(64)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(statement, input, output string) error {
	text, err := os.ReadFile(statement) //nolint:gosec // whoever measures names the file
	if err != nil {
		return err
	}
	db, err := sql.Open("duckdb", "?threads=2&preserve_insertion_order=true")
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(strings.NewReplacer("{input}", input, "{output}", output).Replace(string(text))) //nolint:gosec // whoever measures names the files
	return err
}
