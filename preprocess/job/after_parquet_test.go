package job

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	pq "github.com/parquet-go/parquet-go"

	"ds-pipeline/internal/parquettest"
	"ds-pipeline/internal/pythontest"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/storage"
)

// twice is a model that doubles a and keeps b.
const twice = `{"format":1,"sklearn_version":"1.2.1","model":{"class":"MaxAbsScaler","feature_names_in":["a","b"],"n_features_in":2,"scale":[0.5,1],"max_abs":[0.5,1]}}`

// afterSettings is a run with a script after the model, over rows of which a
// counts from 0, b is missing in every third and id is text.
func afterSettings(t *testing.T, rows int, name, text string) Settings {
	t.Helper()
	dir := t.TempDir()
	var b strings.Builder
	b.WriteString("id,a,b\n")
	for i := range rows {
		fmt.Fprintf(&b, "%03d,%d,", i, i)
		if i%3 > 0 {
			fmt.Fprintf(&b, "%d.5", i)
		}
		b.WriteByte('\n')
	}
	model := filepath.Join(dir, "model.json")
	s, err := settingsFor(dir, b.String(), model)
	if err != nil {
		t.Fatal(err)
	}
	s.Keep = []string{"id"}
	s.Output = storage.URI{Path: filepath.Join(dir, "out.parquet")}
	s.ParquetOutput = true
	s.Python, s.ScriptStage = pythontest.Find(t), contract.ScriptAfter
	s.Script = storage.URI{Path: filepath.Join(dir, name)}
	s.ScriptLimits = script.Limits{MemoryBytes: 2 << 30, Timeout: time.Minute}
	for path, text := range map[string]string{model: twice, s.Script.Path: text} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// stored runs and reads what was written: the type of each column and all cells.
func stored(t *testing.T, s Settings) (string, [][]string) {
	t.Helper()
	if _, err := Run(context.Background(), s, quiet); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.Output.Path)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := parquettest.Rows(string(data))
	if err != nil {
		t.Fatal(err)
	}
	f, err := pq.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	var types []string
	for i, name := range rows[0] {
		leaf, _ := f.Schema().Lookup(name)
		if leaf.ColumnIndex != i {
			t.Errorf("column %q is number %d, want %d", name, leaf.ColumnIndex, i)
		}
		types = append(types, name+" "+leaf.Node.Type().String())
	}
	return strings.Join(types, ", "), rows[1:]
}

const rowScript = `
def process(rows):
    for row in rows:
        n = int(float(row["a"])) // 2
        row["a"] = n / 8
        row["whole"] = n
        row["gaps"] = n if n % 4 else None
        row["some"] = n if n < 37 else n + 0.5
        row["flag"] = None if n % 5 == 0 else n % 2 == 0
        row["wide"] = 2**60 + n
        row["both"] = 2**60 + n if n != 40 else 0.5
        row["huge"] = 2**70 if n == 41 else n
        row["text"] = "007" if n == 43 else n
        row["none"] = None
        row["late"] = None if n < 45 else n
        row["odd"] = True if n == 44 else n
        yield row
`

const frameScript = `
import numpy, pandas
def transform(df):
    n = (df["a"] // 2).astype(int)
    df["a"] = n / 8
    df["whole"] = n
    df["gaps"] = n.astype("Int64").where(n % 4 != 0)
    df["some"] = n if (n < 37).all() else n.where(n < 37, n + 0.5)
    df["flag"] = (n % 2 == 0).where(n % 5 != 0, None)
    df["wide"] = 2**60 + n
    df["both"] = 2**60 + n if (n != 40).all() else pandas.Series([2**60 + int(v) if v != 40 else 0.5 for v in n], dtype="object")
    df["huge"] = [2**70 if v == 41 else int(v) for v in n]
    df["text"] = pandas.Series(["007" if v == 43 else int(v) for v in n], dtype="object")
    df["none"] = pandas.Series([None] * len(n), dtype="object")
    df["late"] = pandas.Series([None if v < 45 else int(v) for v in n], dtype="object")
    df["odd"] = pandas.Series([True if v == 44 else int(v) for v in n], dtype="object")
    return df
`

// The types of a column are those of all its values, and no value is another,
// however the rows are cut into batches and wherever one shows what the column is.
func TestAfter_storesParquetOfOneTypeEach(t *testing.T) {
	const rows = 60
	wantTypes := "id STRING, a DOUBLE, b DOUBLE, whole INT(64,true), gaps INT(64,true), some DOUBLE, flag BOOLEAN, wide INT(64,true), " +
		"both STRING, huge STRING, text STRING, none STRING, late INT(64,true), odd STRING"
	var want [][]string
	for n := range rows {
		value := func(is bool, yes, no any) string {
			if is {
				return fmt.Sprint(yes)
			}
			return fmt.Sprint(no)
		}
		number := func(v float64) string { return string(appendFloat(v)) }
		want = append(want, []string{
			fmt.Sprintf("%03d", n), number(float64(n) / 8), value(n%3 > 0, number(float64(n)+0.5), ""), fmt.Sprint(n), value(n%4 > 0, n, ""),
			value(n < 37, number(float64(n)), number(float64(n)+0.5)), value(n%5 == 0, "", value(n%2 == 0, "True", "False")), fmt.Sprint(1<<60 + n),
			value(n != 40, 1<<60+n, "0.5"), value(n == 41, "1180591620717411303424", n), value(n == 43, "007", n), "", value(n < 45, "", n), value(n == 44, "True", n),
		})
	}
	for name, text := range map[string]string{"rows.py": rowScript, "frame.py": frameScript} {
		for _, size := range []int{10, 25, 60, 200, 100_000} {
			t.Run(fmt.Sprint(name, size), func(t *testing.T) {
				s := afterSettings(t, rows, name, text)
				s.blocks = blockSizes{first: 40, in: size, out: 1 << 20, least: 1}
				types, got := stored(t, s)
				if types = strings.ReplaceAll(types, "INT64", "INT(64,true)"); types != wantTypes {
					t.Errorf("types\n%s, want\n%s", types, wantTypes)
				}
				if !slices.EqualFunc(got, want, slices.Equal) {
					for i := range want {
						if !slices.Equal(got[i], want[i]) {
							t.Fatalf("row %d:\n%q, want\n%q", i, got[i], want[i])
						}
					}
				}
			})
		}
	}
}

func appendFloat(v float64) []byte {
	s := parquetSink{}
	c, _ := s.store(&frame.Column{Kind: frame.Float, Floats: []float64{v}}, frame.Text, 1)
	return c.Texts[0]
}

func TestAfter_storesParquetOfAProgram(t *testing.T) {
	s := afterSettings(t, 60, "s.sh", "#!/bin/sh\nexec sed 's/^id.*/&,more/; t; s/$/,7/'\n")
	if types, rows := stored(t, s); types != "id STRING, a DOUBLE, b DOUBLE, more STRING" || !slices.Equal(rows[4], []string{"004", "8.0", "4.5", "7"}) {
		t.Errorf("got %s\n%q", types, rows[4])
	}
	// One cell that is not written as a number is makes the column text.
	s = afterSettings(t, 60, "s.sh", "#!/bin/sh\nexec sed 's/^\\(059\\),/\\1,0/; s/^058,116.0/058,116/'\n")
	if types, rows := stored(t, s); types != "id STRING, a STRING, b DOUBLE" || rows[59][1] != "0118.0" || rows[58][1] != "116" || rows[57][1] != "114.0" {
		t.Errorf("got %s\n%q", types, rows[57:])
	}
}

func TestAfter_storesParquetWithoutRows(t *testing.T) {
	for name, text := range map[string]string{
		"nothing in":  "def transform(df):\n    return df\n",
		"nothing out": "filters = True\ndef transform(df):\n    return df[df['a'] < 0]\n",
		"late":        "filters = True\ndef transform(df):\n    return df[df['a'] > 100]\n",
	} {
		t.Run(name, func(t *testing.T) {
			rows := 60
			if name == "nothing in" {
				rows = 0
			}
			types, got := stored(t, afterSettings(t, rows, "s.py", text))
			if types != "id STRING, a DOUBLE, b DOUBLE" || (name == "late") != (len(got) == 9) || (name != "late") != (len(got) == 0) {
				t.Errorf("got %s, %d rows", types, len(got))
			}
		})
	}
}

func TestAfter_refusesColumnsThatParquetHasOnlyOnce(t *testing.T) {
	s := afterSettings(t, 3, "s.py", "def transform(df):\n    return df[['a', 'b', 'a']]\n")
	_, err := Run(context.Background(), s, quiet)
	if err == nil || ExitStatus(err) != contract.ExitData || !strings.HasSuffix(err.Error(), `s.py: gave back "a" more than once; Parquet needs different names`) {
		t.Errorf("got %v", err)
	}
}

// Whole numbers stay what they are if a fraction does not hold them.
func TestAfter_keepsWideNumbers(t *testing.T) {
	s := afterSettings(t, 60, "s.py", "def transform(df):\n    df['n'] = 2**60 + 1 if df['a'].max() < 100 else 0.5\n    return df[['n']]\n")
	s.ParquetOutput = false
	if _, err := Run(context.Background(), s, quiet); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(s.Output.Path)
	if err != nil || !strings.HasPrefix(string(text), "n\n1152921504606846977\n") || !strings.HasSuffix(string(text), "\n0.5\n") {
		t.Errorf("got %s, %v", text, err)
	}
}
