// Command parquet makes the Parquet files of others that the tests of the reader
// have: it writes one table of every usual type with DuckDB and with Arrow, whose
// C++ twin pandas and pyarrow use, in their usual encodings and compressions.
//
//	cd bench && go run ./parquet ../preprocess/parquet/testdata
//
// table.csv has the cells as they are to be read, as text; an empty one is null.
package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/csv"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/apache/arrow-go/v18/parquet"
	"github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/apache/arrow-go/v18/parquet/pqarrow"
	_ "github.com/duckdb/duckdb-go/v2" // the driver
)

// column is a column of the table.
type column struct {
	name  string
	duck  string // its type
	arrow arrow.DataType
	cell  func(r *rand.Rand, row int) string
}

func whole(bits uint, signed bool) func(*rand.Rand, int) string {
	return func(r *rand.Rand, row int) string {
		if !signed {
			return strconv.FormatUint(r.Uint64()>>(64-bits), 10)
		}
		return strconv.FormatInt(int64(r.Uint64())>>(64-bits+r.UintN(bits)), 10)
	}
}

func decimal(digits, scale int) func(*rand.Rand, int) string {
	return func(r *rand.Rand, row int) string {
		var b strings.Builder
		if r.IntN(2) == 0 {
			b.WriteByte('-')
		}
		for range digits - scale {
			b.WriteByte(byte('1' + r.IntN(9)))
		}
		b.WriteByte('.')
		for range scale {
			b.WriteByte(byte('0' + r.IntN(10)))
		}
		return b.String()
	}
}

// moment is a time that has microseconds.
func moment(layout string) func(*rand.Rand, int) string {
	return func(r *rand.Rand, row int) string {
		return time.UnixMicro(r.Int64N(8e15) - 4e15 | 1).UTC().Format(layout)
	}
}

func columns() []column {
	words := []string{"Adelie", "Chinstrap", "Gentoo"}
	texts := []string{"x", "ö", "a,b", "say \"no\"", "two\nlines", "  padded ", "NA", strings.Repeat("long ", 30)}
	return []column{
		{"row", "BIGINT NOT NULL", arrow.PrimitiveTypes.Int64, func(_ *rand.Rand, row int) string { return strconv.Itoa(row) }},
		{"flag", "BOOLEAN", arrow.FixedWidthTypes.Boolean, func(r *rand.Rand, _ int) string { return []string{"False", "True"}[r.IntN(2)] }},
		{"int8", "TINYINT", arrow.PrimitiveTypes.Int8, whole(8, true)},
		{"int16", "SMALLINT", arrow.PrimitiveTypes.Int16, whole(16, true)},
		{"int32", "INTEGER", arrow.PrimitiveTypes.Int32, whole(32, true)},
		{"int64", "BIGINT", arrow.PrimitiveTypes.Int64, whole(64, true)},
		{"uint8", "UTINYINT", arrow.PrimitiveTypes.Uint8, whole(8, false)},
		{"uint16", "USMALLINT", arrow.PrimitiveTypes.Uint16, whole(16, false)},
		{"uint32", "UINTEGER", arrow.PrimitiveTypes.Uint32, whole(32, false)},
		{"uint64", "UBIGINT", arrow.PrimitiveTypes.Uint64, whole(64, false)},
		{"float", "FLOAT", arrow.PrimitiveTypes.Float32, func(r *rand.Rand, _ int) string {
			return strconv.FormatFloat(float64(float32(r.NormFloat64())), 'g', -1, 32)
		}},
		{"double", "DOUBLE", arrow.PrimitiveTypes.Float64, func(r *rand.Rand, _ int) string {
			return strconv.FormatFloat(r.NormFloat64()*1e3, 'g', -1, 64)
		}},
		{"code", "DOUBLE", arrow.PrimitiveTypes.Float64, func(r *rand.Rand, _ int) string { return strconv.Itoa(r.IntN(4)) }},
		{"text", "VARCHAR", arrow.BinaryTypes.String, func(r *rand.Rand, _ int) string { return texts[r.IntN(len(texts))] }},
		{"large", "VARCHAR", arrow.BinaryTypes.LargeString, func(r *rand.Rand, row int) string { return fmt.Sprintf("id-%08d", row*7919) }},
		{"word", "VARCHAR", arrow.BinaryTypes.String, func(r *rand.Rand, _ int) string { return words[r.IntN(len(words))] }},
		{"day", "DATE", arrow.FixedWidthTypes.Date32, moment("2006-01-02")},
		{"local", "TIMESTAMP", &arrow.TimestampType{Unit: arrow.Microsecond}, moment("2006-01-02 15:04:05.000000")},
		{"moment", "TIMESTAMPTZ", &arrow.TimestampType{Unit: arrow.Microsecond, TimeZone: "UTC"}, moment("2006-01-02 15:04:05.000000-07:00")},
		{"time", "TIME", arrow.FixedWidthTypes.Time64us, moment("15:04:05.000000")},
		{"price", "DECIMAL(9,2)", &arrow.Decimal128Type{Precision: 9, Scale: 2}, decimal(9, 2)},
		{"amount", "DECIMAL(18,4)", &arrow.Decimal128Type{Precision: 18, Scale: 4}, decimal(18, 4)},
		{"huge", "DECIMAL(38,3)", &arrow.Decimal128Type{Precision: 38, Scale: 3}, decimal(38, 3)},
	}
}

const rows = 150

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: parquet FOLDER")
		os.Exit(64)
	}
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(folder string) error {
	//nolint:gosec // whoever makes the files names their folder
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	all := columns()
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // rows that can be repeated
	header := make([]string, len(all))
	for i, c := range all {
		header[i] = c.name
	}
	table := [][]string{header}
	for row := range rows {
		cells := make([]string, len(all))
		for i, c := range all {
			if i == 0 || r.IntN(7) > 0 {
				cells[i] = c.cell(r, row)
			}
		}
		table = append(table, cells)
	}
	var text bytes.Buffer
	if err := csv.NewWriter(&text).WriteAll(table); err != nil {
		return err
	}
	path := filepath.Join(folder, "table.csv")
	//nolint:gosec // files of the repository
	if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
		return err
	}
	return errors.Join(writeDuckDB(folder, path, all), writeArrow(folder, table, all))
}

func writeDuckDB(folder, path string, all []column) error {
	db, err := sql.Open("duckdb", "?threads=1")
	if err != nil {
		return err
	}
	defer db.Close()
	var casts, types []string
	for _, c := range all {
		casts = append(casts, fmt.Sprintf("CAST(%q AS %s)", c.name, strings.TrimSuffix(c.duck, " NOT NULL")))
		types = append(types, fmt.Sprintf("%q %s", c.name, c.duck))
	}
	statements := []string{
		"CREATE TABLE t (" + strings.Join(types, ", ") + ")",
		"INSERT INTO t SELECT " + strings.Join(casts, ", ") + " FROM read_csv('" + path + "', header = true, all_varchar = true, nullstr = '')",
	}
	for _, compression := range []string{"uncompressed", "snappy", "gzip", "zstd", "lz4_raw", "brotli"} {
		version := "V1"
		if compression == "zstd" || compression == "uncompressed" {
			version = "V2"
		}
		file := filepath.Join(folder, "duckdb-"+strings.ToLower(version)+"-"+compression+".parquet")
		statements = append(statements, fmt.Sprintf("COPY t TO '%s' (FORMAT parquet, COMPRESSION %s, PARQUET_VERSION %s)", file, compression, version))
	}
	for _, s := range statements {
		if _, err := db.Exec(s); err != nil { //nolint:gosec // statements of this file
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func writeArrow(folder string, table [][]string, all []column) error {
	variants := map[string][]parquet.WriterProperty{
		// As pyarrow does unless told otherwise.
		"pyarrow-v1-snappy": {parquet.WithCompression(compress.Codecs.Snappy), parquet.WithVersion(parquet.V2_6)},
		"pyarrow-v2-zstd": {parquet.WithCompression(compress.Codecs.Zstd), parquet.WithVersion(parquet.V2_6),
			parquet.WithDataPageVersion(parquet.DataPageV2)},
		"pyarrow-v2-delta": {parquet.WithCompression(compress.Codecs.Gzip), parquet.WithVersion(parquet.V2_6),
			parquet.WithDataPageVersion(parquet.DataPageV2), parquet.WithDictionaryDefault(false),
			parquet.WithEncodingFor("int32", parquet.Encodings.DeltaBinaryPacked), parquet.WithEncodingFor("int64", parquet.Encodings.DeltaBinaryPacked),
			parquet.WithEncodingFor("text", parquet.Encodings.DeltaLengthByteArray), parquet.WithEncodingFor("large", parquet.Encodings.DeltaByteArray)},
		"pyarrow-v1-groups": {parquet.WithCompression(compress.Codecs.Uncompressed), parquet.WithMaxRowGroupLength(40),
			parquet.WithDataPageSize(64), parquet.WithBatchSize(8), parquet.WithDictionaryPageSizeLimit(128)},
		// As Spark does: times as INT96 until version 3, decimals in few bytes.
		"spark-v1-snappy": {parquet.WithCompression(compress.Codecs.Snappy), parquet.WithVersion(parquet.V1_0), parquet.WithCreatedBy("parquet-mr version 1.10.1 (build a89df8f9932b6ef6633d06069e50c9b7970bebd1)"),
			parquet.WithRootName("spark_schema"), parquet.WithStoreDecimalAsInteger(true)},
	}
	for name, properties := range variants {
		spark := strings.HasPrefix(name, "spark")
		if err := writeArrowFile(filepath.Join(folder, name+".parquet"), table, all, spark, properties); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func writeArrowFile(path string, table [][]string, all []column, spark bool, properties []parquet.WriterProperty) error {
	var fields []arrow.Field
	var kept []int
	for i, c := range all {
		if spark && (strings.HasPrefix(c.name, "uint") || c.name == "time") {
			continue // which Spark does not have
		}
		fields = append(fields, arrow.Field{Name: c.name, Type: c.arrow, Nullable: i > 0})
		kept = append(kept, i)
	}
	schema := arrow.NewSchema(fields, nil)
	builder := array.NewRecordBuilder(memory.DefaultAllocator, schema)
	defer builder.Release()
	for _, cells := range table[1:] {
		for at, i := range kept {
			b := builder.Field(at)
			if cells[i] == "" {
				b.AppendNull()
			} else if err := b.AppendValueFromString(cells[i]); err != nil {
				return fmt.Errorf("%s %q: %w", all[i].name, cells[i], err)
			}
		}
	}
	record := builder.NewRecordBatch()
	defer record.Release()
	f, err := os.Create(path) //nolint:gosec // whoever makes the files names their folder
	if err != nil {
		return err
	}
	w, err := pqarrow.NewFileWriter(schema, f, parquet.NewWriterProperties(properties...),
		pqarrow.NewArrowWriterProperties(pqarrow.WithDeprecatedInt96Timestamps(spark)))
	if err != nil {
		return err
	}
	if err := w.WriteBuffered(record); err != nil {
		return err
	}
	return w.Close()
}

// read reads the table of a file as text, by Arrow; "" is null.
func read(path string) ([][]string, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	table, err := pqarrow.ReadTable(context.Background(), f, nil, pqarrow.ArrowReadProperties{}, memory.DefaultAllocator)
	if err != nil {
		return nil, err
	}
	defer table.Release()
	var names []string
	for _, f := range table.Schema().Fields() {
		names = append(names, f.Name)
	}
	out := [][]string{names}
	r := array.NewTableReader(table, table.NumRows())
	defer r.Release()
	for r.Next() {
		record := r.RecordBatch()
		for row := range int(record.NumRows()) {
			cells := make([]string, record.NumCols())
			for i, c := range record.Columns() {
				if c.IsValid(row) {
					cells[i] = c.ValueStr(row)
				}
			}
			out = append(out, cells)
		}
	}
	return out, r.Err()
}
