// Package parquettest reads Parquet for tests with the library of other people,
// not with what is tested.
package parquettest

import (
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/parquet-go/parquet-go"

	"ds-pipeline/preprocess/table"
)

// Rows are the names of a file's columns and then its rows, as texts: numbers as
// CSV has them, which loses no bit, and "" for null.
func Rows(data string) ([][]string, error) {
	f, err := parquet.OpenFile(strings.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	var header []string
	for _, path := range f.Schema().Columns() {
		header = append(header, path[0])
	}
	rows := [][]string{header}
	r := parquet.NewReader(f)
	defer func() { _ = r.Close() }()
	buf := make([]parquet.Row, 64)
	for {
		n, err := r.ReadRows(buf)
		for _, row := range buf[:n] {
			cells := make([]string, len(header))
			for _, v := range row {
				cells[v.Column()] = text(v)
			}
			rows = append(rows, cells)
		}
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func text(v parquet.Value) string {
	if v.IsNull() {
		return ""
	}
	switch v.Kind() {
	case parquet.Double:
		return string(table.AppendFloat(nil, v.Double()))
	case parquet.Float:
		return string(table.AppendFloat32(nil, float64(v.Float())))
	case parquet.Boolean:
		if v.Boolean() {
			return "True"
		}
		return "False"
	case parquet.Int64:
		return strconv.FormatInt(v.Int64(), 10)
	}
	return string(v.ByteArray())
}
