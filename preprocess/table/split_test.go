package table

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func TestSplitter_readsRecordsAsPandas(t *testing.T) {
	for _, c := range readPandas(t).Split {
		for _, target := range []int{1, 7, 1 << 16} {
			t.Run(fmt.Sprintf("%q by %d", c.Input, target), func(t *testing.T) {
				header, rows, rejects, err := readAll(strings.NewReader(c.Input), target, 1<<20)
				if len(header) == 1 { // pandas loses the rows of a single column that are blank
					isBlank := func(r []string) bool { return blank([]byte(r[0])) }
					rows, c.Rows = slices.DeleteFunc(rows, isBlank), slices.DeleteFunc(slices.Clone(c.Rows), isBlank)
				}
				if err != nil || len(rejects) > 0 {
					t.Fatalf("error %v, rejects %v", err, rejects)
				}
				if !slices.Equal(header, c.Header) {
					t.Errorf("header %q, pandas has %q", header, c.Header)
				}
				if len(rows) != len(c.Rows) {
					t.Fatalf("rows %q, pandas has %q", rows, c.Rows)
				}
				for i := range rows {
					if !slices.Equal(rows[i], c.Rows[i]) {
						t.Errorf("row %d: %q, pandas has %q", i, rows[i], c.Rows[i])
					}
				}
			})
		}
	}
}

// encoding/csv is the oracle where it and pandas agree on what CSV is. They
// differ in these points, in which this package follows pandas:
//
//   - a quote inside an unquoted field, or text after a closing quote: an error
//     in encoding/csv, plain text in pandas;
//   - a lone CR: text in encoding/csv, a line end in pandas;
//   - CR LF inside quotes: LF in encoding/csv, unchanged in pandas;
//   - a line of blanks: a record in encoding/csv, nothing in pandas. Here it is
//     a record where the table has one column.
func FuzzSplitter(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a,b\r\n\"x\r\ny\",\"\"\"\"\r\n", "a\n\n\nb", "\"a,b\n\",\"\"\n\"\",\"\"", "a,b\n1\n1,2,3\n",
		"\xef\xbb\xbfa\n1\n", "a,b\n\"unclosed\n1,2\n", "a\r1\r2", " \n\t\na,b", "a\xff,b\n\xc3\x28,2\n", "\"\"\"\"", "\"a\"b\"c,d",
	} {
		for _, target := range []byte{1, 3, 64} {
			f.Add([]byte(seed), target, byte(3))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte, target, chunk byte) {
		header, rows, rejects, err := readAll(&dribble{data: bytes.Clone(data), n: int(chunk) + 1}, int(target), 1<<20)
		again, rows2, rejects2, err2 := readAll(bytes.NewReader(data), 1<<20, 1<<20)
		if (err == nil) != (err2 == nil) || !slices.Equal(header, again) || !reflect.DeepEqual(rows, rows2) || len(rejects) != len(rejects2) {
			t.Fatalf("blocks of %d: %q %q %d %v\nin one block: %q %q %d %v", target, header, rows, len(rejects), err, again, rows2, len(rejects2), err2)
		}
		if err != nil {
			return
		}

		// Byte by byte.
		want, refused := plainRecords(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))
		if len(want) != len(rows)+min(len(header), 1) || refused != len(rejects) {
			t.Fatalf("%d records and %d rejects, want %d and %d", len(rows), len(rejects), len(want), refused)
		}
		for i, record := range want[min(1, len(want)):] {
			if !slices.Equal(record, rows[i]) {
				t.Fatalf("record %d: %q, want %q", i, rows[i], record)
			}
		}

		// By encoding/csv.
		text := strings.TrimPrefix(string(data), "\xef\xbb\xbf")
		if strings.Count(text, "\r") != strings.Count(text, "\r\n") || len(rejects) > 0 {
			return
		}
		reader := csv.NewReader(strings.NewReader(text))
		reader.FieldsPerRecord = -1
		oracle, err := reader.ReadAll()
		if err != nil {
			return
		}
		// It has no record for an empty line, and does not tell "" from a line of blanks.
		isBlank := func(r []string) bool { return len(r) == 1 && strings.Trim(r[0], " \t") == "" }
		if len(header) == 1 && (slices.ContainsFunc(oracle, isBlank) || slices.ContainsFunc(rows, isBlank)) {
			return
		}
		oracle = slices.DeleteFunc(oracle, isBlank)
		if len(oracle) == 0 {
			return
		}
		if len(oracle[1:]) != len(rows) {
			t.Fatalf("%d records, encoding/csv has %d: %q, %q", len(rows), len(oracle)-1, rows, oracle[1:])
		}
		for i, record := range oracle[1:] {
			for j, field := range rows[i] {
				if strings.ReplaceAll(field, "\r\n", "\n") != record[j] {
					t.Fatalf("record %d: %q, encoding/csv has %q", i, rows[i], record)
				}
			}
		}
	})
}

// plainRecords reads records with readRecord alone: those that have as many
// fields as the first and are valid UTF-8, and the number of the others.
func plainRecords(b []byte) (records [][]string, refused int) {
	for len(b) > 0 {
		fields, end, closed := readRecord(CSV, b)
		record := b[:end]
		b = b[end:]
		if bytes.HasPrefix(b, []byte("\r\n")) {
			b = b[2:]
		} else if len(b) > 0 {
			b = b[1:]
		}
		switch {
		case len(fields) == 1 && blank(record) && (len(records) == 0 || len(records[0]) > 1):
		case !closed || !bytes.Equal(bytes.ToValidUTF8(record, nil), record):
			refused++
		case len(records) > 0 && len(fields) != len(records[0]):
			refused++
		default:
			records = append(records, fields)
		}
	}
	return records, refused
}

func TestSplitter_blocksDoNotDependOnHowTheInputArrives(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOfN(rapid.RuneFrom([]rune("ab1\"\"\",,\n\n\r \té")), 0, 300, -1).Draw(t, "text")
		target := rapid.IntRange(1, 50).Draw(t, "target")
		chunk := rapid.IntRange(1, 50).Draw(t, "chunk")
		split := NewSplitter(&dribble{data: []byte(text), n: chunk}, CSV, 1<<20)
		var all []byte
		var buf []byte
		for {
			if got, want := split.Offset(), int64(len(all)); got != want {
				t.Fatalf("offset %d, want %d", got, want)
			}
			block, err := split.Next(buf, target)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, block...)
			buf = block
		}
		if string(all) != text {
			t.Fatalf("%q became %q", text, all)
		}
	})
}

func TestSplitter_refusesARecordBeyondTheLimit(t *testing.T) {
	long := strings.Repeat("x", 3000)
	tests := []struct {
		name, input string
		limit       int
		want        string
	}{
		{"in the middle", "a\n1\n" + long + "\n2\n", 2000, "record at byte 4 is longer than 2000 bytes"},
		{"at the end", "a\n1\n" + long, 2000, "record at byte 4 is longer than 2000 bytes"},
		{"in quotes", "a\n1\n\"" + strings.Repeat("x\n", 3000), 2000, "record at byte 4 is longer than 2000 bytes; it is inside quotes there: is a closing quote missing?"},
		{"just fits", "a\n1\n" + long[:1999] + "\n2\n", 2000, ""},
		{"just fits at the end", "a\n1\n" + long[:2000], 2000, ""},
		{"fits", "a\n1\n" + long[:2000] + "\n2\n", 2000, ""},
		{"fits with CR LF", "a\r\n1\r\n" + long[:2000] + "\r\n2\r\n", 2000, ""},
		{"fits with CR", "a\r1\r" + long[:2000] + "\r2\r", 2000, ""},
		{"fits with CR LF at the end", "a\n" + long[:2000] + "\r\n", 2000, ""},
		{"a byte too long with CR LF", "a\n1\n" + long[:2001] + "\r\n2\n", 2000, "record at byte 4 is longer than 2000 bytes"},
		{"ends in a quoted CR", "a\n1\n\"" + long[:1999] + "\r\"\n2\n", 2000, "record at byte 4 is longer than 2000 bytes; it is inside quotes there: is a closing quote missing?"},
	}
	for _, test := range tests {
		for _, target := range []int{1, 100, 1 << 20} {
			t.Run(fmt.Sprintf("%s by %d", test.name, target), func(t *testing.T) {
				_, _, _, err := readAll(strings.NewReader(test.input), target, test.limit)
				if got := fmt.Sprint(err); err == nil && test.want != "" || err != nil && got != test.want {
					t.Errorf("got %q, want %q", got, test.want)
				}
			})
		}
	}
}

func TestSplitter_readsALongRecordInLinearTime(t *testing.T) {
	// Looking at everything again with each read would take minutes here.
	const size = 64 << 20
	quoted := "a\n\"" + strings.Repeat("\"\"x\n", size/4) + "\"\n"
	plain := "a\n" + strings.Repeat("x", size) + "\n"
	for _, text := range []string{quoted, plain} {
		split := NewSplitter(&dribble{data: []byte(text), n: 32 << 10}, CSV, MaxRecordLimit)
		total := 0
		for {
			block, err := split.Next(nil, 4<<10)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			total += len(block)
		}
		if total != len(text) {
			t.Errorf("%d bytes, want %d", total, len(text))
		}
	}
}

func TestSplitter_passesOnAReadError(t *testing.T) {
	_, rows, _, err := readAll(&broken{data: []byte("a\n1\n2\n3")}, 2, 1<<20)
	if !errors.Is(err, errBroken) {
		t.Errorf("error %v, want %v", err, errBroken)
	}
	if len(rows) > 2 {
		t.Errorf("rows %q: the last record may be incomplete", rows)
	}
}

func TestSplitter_takesNoBrokenConnectionForTheEnd(t *testing.T) {
	wrapped := fmt.Errorf("connection lost: %w", io.EOF)
	_, _, _, err := readAll(io.MultiReader(strings.NewReader("a\n1\n"), iotest.ErrReader(wrapped)), 100, 1<<20)
	if !errors.Is(err, wrapped) {
		t.Errorf("error %v, want %v", err, wrapped)
	}
}

func TestSplitter_unreadGivesTheSameBytesAgain(t *testing.T) {
	text := "a,b\n1,2\n3,4\n5,6"
	split := NewSplitter(strings.NewReader(text), CSV, 1<<20)
	block, err := split.Next(nil, 9)
	if err != nil {
		t.Fatal(err)
	}
	split.Unread(block[4:])
	if got := split.Offset(); got != 4 {
		t.Errorf("offset %d, want 4", got)
	}
	var rest []byte
	for {
		b, err := split.Next(nil, 3)
		if errors.Is(err, io.EOF) {
			break
		}
		rest = append(rest, b...)
	}
	if string(rest) != text[4:] {
		t.Errorf("got %q, want %q", rest, text[4:])
	}
}

func TestLineEnds_countsEachLineOnce(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "a": 0, "a\n": 1, "a\r\n": 1, "a\r": 1, "a\rb\r\nc\n": 3, "\n\n": 2, "\r\r\n": 2, "\n\r": 2, "\"a\nb\"\n": 2,
	} {
		if got := CSV.LineEnds([]byte(text)); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
	for text, want := range map[string]int{"{}\r\n{\r}\n\r{}": 2, "\r": 0, "\r\n": 1} {
		if got := JSONLines.LineEnds([]byte(text)); got != want {
			t.Errorf("JSON lines %q: %d, want %d", text, got, want)
		}
	}
}

// mixed is a CSV with quoted texts, as they occur.
func mixed(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("id,when,a,b,c,city,note\n")
	for i := range rows {
		fmt.Fprintf(&b, "%d,2026-11-%02dT09:00:00Z,%.4f,%d,%g,Old Town,\"said \"\"no\"\", twice\"\n", i, i%28+1, float64(i)*0.37, i%97, float64(i)/3)
	}
	return b.Bytes()
}

func BenchmarkSplitter(b *testing.B) {
	quoted := mixed(20000)
	plain := bytes.ReplaceAll(quoted, []byte(`"`), nil)
	for name, data := range map[string][]byte{"quoted": quoted, "plain": plain} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				split := NewSplitter(bytes.NewReader(data), CSV, DefaultRecordLimit)
				for {
					block, err := split.Next(buf, 256<<10)
					if errors.Is(err, io.EOF) {
						break
					}
					buf = block
				}
			}
		})
	}
}

func TestSplitter_aBlankLineOfOneColumnIsARecord(t *testing.T) {
	_, rows, rejects, err := readAll(strings.NewReader("a\n1\n\n2\n\n"), 1<<16, 1<<20)
	if want := [][]string{{"1"}, {""}, {"2"}, {""}}; err != nil || len(rejects) > 0 || !reflect.DeepEqual(rows, want) {
		t.Errorf("got %q, rejects %v, error %v, want %q", rows, rejects, err, want)
	}
}
