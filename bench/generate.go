package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"time"
)

// generate writes about size bytes of CSV: id, ts, ten numbers of which three
// have gaps, and four categories of 5, 12, 24 and 40 values. The same size gives
// the same bytes.
func generate(path string, size int64) (err error) {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}()
	return writeRows(file, size)
}

func writeRows(target io.Writer, size int64) error {
	const seed = 20261115
	random := rand.New(rand.NewPCG(seed, seed)) //nolint:gosec // rows that can be repeated
	out := bufio.NewWriterSize(target, 1<<20)
	header := "id,ts,n0,n1,n2,n3,n4,n5,n6,n7,n8,n9,c0,c1,c2,c3\n"
	if _, err := out.WriteString(header); err != nil {
		return err
	}
	categories := [][]string{words("plan", 5), words("region", 12), words("segment", 24), words("product", 40)}
	start := time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC)
	record := make([]byte, 0, 512)
	written := int64(len(header))
	for id := int64(1); written < size; id++ {
		record = strconv.AppendInt(record[:0], 100_000_000+id, 10)
		record = append(record, ',')
		record = start.Add(time.Duration(id)*450*time.Millisecond).AppendFormat(record, "2006-01-02T15:04:05.000Z")
		for column := range 10 {
			record = append(record, ',')
			if column%4 == 3 && random.IntN(20) == 0 {
				continue
			}
			switch column % 5 {
			case 0: // full precision
				record = strconv.AppendFloat(record, random.NormFloat64()*10+50, 'g', -1, 64)
			case 1: // money
				record = strconv.AppendFloat(record, random.ExpFloat64()*1000, 'f', 2, 64)
			case 2: // counts
				record = strconv.AppendInt(record, random.Int64N(500), 10)
			case 3: // measurements
				record = strconv.AppendFloat(record, random.NormFloat64(), 'f', 6, 64)
			case 4: // rates
				record = strconv.AppendFloat(record, random.Float64(), 'f', 4, 64)
			}
		}
		for _, values := range categories {
			record = append(record, ',')
			record = append(record, values[random.IntN(len(values))]...)
		}
		record = append(record, '\n')
		if _, err := out.Write(record); err != nil {
			return err
		}
		written += int64(len(record))
	}
	return out.Flush()
}

func words(stem string, count int) []string {
	values := make([]string, count)
	for i := range values {
		values[i] = fmt.Sprintf("%s-%02d", stem, i)
	}
	return values
}
