package main

import (
	"database/sql"
	"encoding/csv"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const penguins = "../../examples/penguins/"

// job runs the job, and gives back its result.
func job(t *testing.T, output string, args ...string) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "preprocess")
	build := exec.Command("go", "build", "-o", binary, "./preprocess")
	build.Dir = "../.."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	path := filepath.Join(t.TempDir(), output)
	if out, err := exec.Command(binary, append([]string{"run", "--output", path}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// large is the penguins many times over, with gaps and other numbers.
func large(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(penguins + "penguins.csv")
	if err != nil {
		t.Fatal(err)
	}
	header, records, _ := strings.Cut(string(text), "\n")
	var b strings.Builder
	b.WriteString(header + "\n")
	for i := range 200 {
		b.WriteString(strings.ReplaceAll(records, "181", fmt.Sprintf("%d.25", 100+i)))
	}
	path := filepath.Join(t.TempDir(), "large.csv")
	if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func query(t *testing.T, statement string, args ...any) (n int64) {
	t.Helper()
	db, err := sql.Open("duckdb", "")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRow(fmt.Sprintf(statement, args...)).Scan(&n); err != nil {
		t.Fatalf("%s: %v", fmt.Sprintf(statement, args...), err)
	}
	return n
}

func TestResult_isReadByOthers(t *testing.T) {
	in := large(t)
	args := []string{"--input", in, "--model", penguins + "model.pkl", "--keep", "species"}
	text, file := job(t, "out.csv", args...), job(t, "out.parquet", args...)
	t.Run("DuckDB", func(t *testing.T) {
		const all = "(SELECT * FROM read_parquet('%s'))"
		if n := query(t, "SELECT count(*) FROM "+all, file); n != 200*344 {
			t.Errorf("%d rows", n)
		}
		const columns = "{'species': 'VARCHAR', 'bill_length_mm': 'DOUBLE', 'bill_depth_mm': 'DOUBLE', 'flipper_length_mm': 'DOUBLE', 'body_mass_g': 'DOUBLE', 'island_Biscoe': 'DOUBLE', 'island_Dream': 'DOUBLE', 'island_Torgersen': 'DOUBLE', 'sex': 'DOUBLE'}"
		if n := query(t, "SELECT count(*) FROM (SELECT * FROM read_csv('%s', header = true, columns = "+columns+") EXCEPT ALL "+all+")", text, file); n != 0 {
			t.Errorf("%d rows differ", n)
		}
		// The statistics are used to skip row groups.
		if n := query(t, "SELECT count(*) FROM "+all+" WHERE island_Dream = 1 AND body_mass_g > 0 AND species = 'Chinstrap'", file); n == 0 || n%200 != 0 {
			t.Errorf("%d penguins", n)
		}
	})
	t.Run("Arrow", func(t *testing.T) {
		got, err := read(file)
		if err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(text)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		want, err := csv.NewReader(f).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d rows, want %d", len(got), len(want))
		}
		for i, row := range want {
			for c, cell := range row {
				x, xerr := strconv.ParseFloat(cell, 64)
				y, yerr := strconv.ParseFloat(got[i][c], 64)
				if got[i][c] != cell && (xerr != nil || yerr != nil || math.Float64bits(x) != math.Float64bits(y)) {
					t.Fatalf("row %d, column %s: %q, want %q", i, want[0][c], got[i][c], cell)
				}
			}
		}
	})
}

// Kept columns of other writers are what they were, types and all.
func TestResult_keepsTheColumnsOfOthers(t *testing.T) {
	model := filepath.Join(t.TempDir(), "model.yaml")
	if err := os.WriteFile(model, []byte(`format: 1
model:
  class: ColumnTransformer
  feature_names_in: [code]
  n_features_in: 1
  feature_names_out: prefix
  transformers:
    - {name: num, columns: [code], step: {class: StandardScaler, mean: [1], scale: [3]}}
`), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"duckdb-v1-snappy", "duckdb-v2-zstd", "pyarrow-v1-groups", "pyarrow-v2-delta", "pyarrow-v2-zstd", "spark-v1-snappy"} {
		t.Run(name, func(t *testing.T) {
			in := "../../preprocess/parquet/testdata/" + name + ".parquet"
			var keep []string
			spark := strings.HasPrefix(name, "spark")
			for _, c := range columns() {
				if !spark || !strings.HasPrefix(c.name, "uint") && c.name != "time" {
					keep = append(keep, c.name)
				}
			}
			out := job(t, "out.parquet", "--input", in, "--model", model, "--keep", strings.Join(keep, ","))
			if n := query(t, "SELECT count(*) FROM (SELECT * FROM read_parquet('%s') EXCEPT ALL SELECT %s FROM read_parquet('%s'))", in, strings.Join(keep, ", "), out); n != 0 {
				t.Errorf("%d rows differ", n)
			}
			const types = "SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet('%s'))"
			if n := query(t, "SELECT count(*) FROM ("+types+" EXCEPT "+types+")", in, out); n != 0 {
				t.Errorf("%d types differ", n)
			}
		})
	}
}
