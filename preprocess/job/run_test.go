package job

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/codec"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/model"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

const (
	penguins = "../../examples/penguins/"
	cases    = "../model/testdata/public/"
)

var quiet = Env{Log: slog.New(slog.NewTextHandler(io.Discard, nil))}

// small blocks, so that a short input has many.
var small = blockSizes{first: 40, in: 60, out: 100, least: 1}

// settingsFor runs a model over a text, in a folder that is removed.
func settingsFor(dir, input, modelPath string) (Settings, error) {
	in := filepath.Join(dir, "in.csv")
	return Settings{
		Input:          storage.URI{Path: in},
		Model:          storage.URI{Path: modelPath},
		Output:         storage.URI{Path: filepath.Join(dir, "out.csv")},
		Nulls:          table.DefaultNulls(),
		Dialect:        table.CSV,
		OutputDialect:  table.CSV,
		Encoding:       codec.UTF8,
		Workers:        1,
		MaxRecordBytes: 1 << 20,
		blocks:         small,
	}, os.WriteFile(in, []byte(input), 0o600)
}

// penguinsInput draws a CSV for the penguins' model: any order of columns, any
// line ends, gaps, quotes, and now and then a record that cannot be used.
func penguinsInput(t *rapid.T, bad bool) string {
	names := []string{"species", "island", "bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g", "sex", "note"}
	order := rapid.Permutation(names).Draw(t, "order")
	number := rapid.OneOf(
		rapid.Map(rapid.IntRange(-1000, 9999), strconv.Itoa),
		rapid.Map(rapid.Float64Range(-1e6, 1e6), func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }),
		rapid.SampledFrom([]string{"", "NA", "1e3", " 7 ", "+.5"}),
	)
	text := rapid.StringOfN(rapid.RuneFrom([]rune("ab,\"\n\r ö")), 0, 8, -1)
	cells := map[string]*rapid.Generator[string]{
		"species": text, "note": text,
		"island": rapid.SampledFrom([]string{"Biscoe", "Dream", "Torgersen", "", "Atlantis"}),
		"sex":    rapid.SampledFrom([]string{"male", "female", "", "NA"}),
	}
	var b strings.Builder
	end := func() {
		b.WriteString(rapid.SampledFrom([]string{"\n", "\r\n", "\n\n", "\r", "\n \n"}).Draw(t, "end"))
	}
	b.WriteString(strings.Join(order, ","))
	end()
	for range rapid.IntRange(0, 40).Draw(t, "rows") {
		for i, name := range order {
			if i > 0 {
				b.WriteByte(',')
			}
			cell, ok := cells[name]
			if !ok {
				cell = number
			}
			s := cell.Draw(t, name)
			if bad && rapid.IntRange(0, 30).Draw(t, "bad") == 0 {
				s = rapid.SampledFrom([]string{"x", "1,2", "\xff", "1e999"}).Draw(t, "fault")
				b.WriteString(s)
				continue
			}
			if s == "" && rapid.Bool().Draw(t, "unquoted") {
				continue
			}
			if strings.ContainsAny(s, ",\"\n\r") || rapid.IntRange(0, 3).Draw(t, "quoted") == 0 {
				s = `"` + strings.ReplaceAll(s, `"`, `""`) + `"`
			}
			b.WriteString(s)
		}
		end()
	}
	return b.String()
}

func TestRun_isTheSameWithAnyBlocksAndWorkers(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		input := penguinsInput(t, rapid.Bool().Draw(t, "with faults"))
		s, err := settingsFor(dir, input, penguins+"model.pkl")
		if err != nil {
			t.Fatal(err)
		}
		s.Keep = []string{"species", "note"}
		outcome := func() string {
			_ = os.Remove(s.Output.Path)
			sum, err := Run(context.Background(), s, quiet)
			if err != nil {
				if _, left := os.Stat(s.Output.Path); left == nil {
					t.Fatal("a result was published after", err)
				}
				return fmt.Sprintf("exit %d: %v", ExitStatus(err), err)
			}
			data, err := os.ReadFile(s.Output.Path)
			if err != nil {
				t.Fatal(err)
			}
			if sum.RowsIn != sum.RowsOut || sum.BytesOut != int64(len(data)) || sum.BytesIn != int64(len(input)) {
				t.Fatalf("summary %+v of %d bytes in, %d bytes out", sum, len(input), len(data))
			}
			return string(data)
		}
		s.blocks = blockSizes{first: 1 << 20, in: 1 << 20, out: 1 << 20, least: 1}
		want := outcome()
		s.blocks = blockSizes{
			first: rapid.IntRange(1, 200).Draw(t, "first"),
			in:    rapid.IntRange(1, 200).Draw(t, "in"),
			out:   rapid.IntRange(1, 500).Draw(t, "out"),
			least: 1,
		}
		s.Workers = rapid.IntRange(1, 8).Draw(t, "workers")
		if got := outcome(); got != want {
			t.Fatalf("%+v, %d workers:\n%s\nwant\n%s", s.blocks, s.Workers, got, want)
		}
	})
}

func TestRun_isWhatAPlainProgramWouldWrite(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		input := strings.ReplaceAll(penguinsInput(t, false), "\r", "\n") // encoding/csv has no lone CR
		s, err := settingsFor(dir, input, penguins+"model.pkl")
		if err != nil {
			t.Fatal(err)
		}
		s.Keep, s.Workers = []string{"note"}, 3
		if _, err := Run(context.Background(), s, quiet); err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(s.Output.Path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := plainRun(input, s)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("%q:\n%s\nwant\n%s", input, got, want)
		}
	})
}

// plainRun does the same record by record with the standard library.
func plainRun(input string, s Settings) ([]byte, error) {
	reader := csv.NewReader(strings.NewReader(input))
	reader.FieldsPerRecord = -1 // a line of blanks has one
	records, err := reader.ReadAll()
	if err != nil {
		return nil, err
	}
	data, err := os.ReadFile(s.Model.Path)
	if err != nil {
		return nil, err
	}
	m, err := model.Load(data)
	if err != nil {
		return nil, err
	}
	header := records[0]
	binding, err := m.Bind(header)
	if err != nil {
		return nil, err
	}
	var kinds []frame.Kind
	for _, in := range binding.Inputs() {
		kinds = append(kinds, map[model.Want]frame.Kind{model.Number: frame.Float, model.Texts: frame.Text}[in.Want])
	}
	program, err := binding.Compile(kinds)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	write := func(row []string) {
		for i, cell := range row {
			if strings.ContainsAny(cell, ",\"\n\r") {
				row[i] = `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
			}
		}
		out.WriteString(strings.Join(row, ",") + "\n")
	}
	write(slices.Concat(s.Keep, program.Names()))
	worker := program.NewWorker()
	for _, record := range records[1:] {
		if len(record) == 1 {
			continue
		}
		columns := make([]frame.Column, len(kinds))
		for i, in := range binding.Inputs() {
			cell := record[in.Index]
			missing := slices.Contains(s.Nulls, cell)
			columns[i].Kind = kinds[i]
			switch {
			case kinds[i] == frame.Float && missing:
				columns[i].Floats = []float64{math.NaN()}
			case kinds[i] == frame.Float:
				f, err := strconv.ParseFloat(strings.TrimSpace(cell), 64)
				if err != nil {
					return nil, err
				}
				columns[i].Floats = []float64{f}
			case missing:
				columns[i].Texts = [][]byte{nil}
			default:
				columns[i].Texts = [][]byte{[]byte(cell)}
			}
		}
		result, bad, err := worker.Apply(columns, 1)
		if err != nil || len(bad) > 0 {
			return nil, fmt.Errorf("%v %w", bad, err)
		}
		var row []string
		for _, name := range s.Keep {
			row = append(row, record[slices.Index(header, name)])
		}
		for _, c := range result {
			row = append(row, plainCells(c)...)
		}
		write(row)
	}
	return out.Bytes(), nil
}

// plainCells are the cells of the first row.
func plainCells(c frame.Column) []string {
	if c.Hot != nil {
		cells := slices.Repeat([]string{"0.0"}, c.Width)
		if c.Hot[0] >= 0 {
			cells[c.Hot[0]] = "1.0"
		}
		return cells
	}
	text := strconv.FormatFloat(c.Floats[0], 'g', -1, 64)
	if math.IsNaN(c.Floats[0]) {
		return []string{""}
	}
	if math.Abs(c.Floats[0]) < 1e16 && (math.Abs(c.Floats[0]) >= 1e-4 || c.Floats[0] == 0) {
		text = strconv.FormatFloat(c.Floats[0], 'f', -1, 64)
	}
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return []string{text}
}

func TestRun_readsAnInputTwiceAtMost(t *testing.T) {
	// Each record of the second half contradicts another column.
	header := "dist_km,price,temp,rooms\n"
	input := header + strings.Repeat("1,2,3,4\n", 50) + strings.Repeat("1,2,3,4.5\n1,2,3,\n1,2,3,x\n", 50)
	s, err := settingsFor(t.TempDir(), input, cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	if _, err := Run(context.Background(), s, Env{Log: slog.New(slog.NewTextHandler(&log, nil))}); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "starting again"); got != 1 {
		t.Errorf("%d new starts:\n%s", got, &log)
	}
	out, err := os.ReadFile(s.Output.Path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(out), "\n"); len(lines) != 202 || !strings.HasSuffix(lines[1], ",4") || !strings.HasSuffix(lines[51], ",4.5") ||
		!strings.HasSuffix(lines[52], ",") || !strings.HasSuffix(lines[53], ",x") {
		t.Errorf("%d lines, %q", len(lines), lines[50:54])
	}
}

func TestRun_tellsItsProgress(t *testing.T) {
	s, err := settingsFor(t.TempDir(), "dist_km,price,temp,rooms\n"+strings.Repeat("1,2,3,4\n", 100), cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	var last, calls int64
	env := quiet
	env.Progress = func(done, size int64) {
		if done <= last || size != 825 {
			t.Errorf("%d of %d after %d", done, size, last)
		}
		last = done
		calls++
	}
	if _, err := Run(context.Background(), s, env); err != nil || last != 825 || calls < 5 {
		t.Errorf("%d calls, the last at %d: %v", calls, last, err)
	}
}

func TestRun_stopsWhenItIsTold(t *testing.T) {
	dir := t.TempDir()
	s, err := settingsFor(dir, "dist_km,price,temp,rooms\n"+strings.Repeat("1,2,3,4\n", 10_000), cases+"models/pub_scalers.pkl")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	env := quiet
	env.Progress = func(int64, int64) { cancel() }
	_, err = Run(ctx, s, env)
	if !errors.Is(err, ErrInterrupted) || ExitStatus(err) != contract.ExitTempFail {
		t.Errorf("error %v", err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) != 1 {
		t.Errorf("left %v", left)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}
}

func TestExitStatus_followsTheKindOfError(t *testing.T) {
	for want, err := range map[int]error{
		contract.ExitOK:          nil,
		contract.ExitData:        fail(contract.ExitData, "x"),
		contract.ExitNoInput:     fmt.Errorf("input: %w", &storage.Error{Kind: storage.ErrNotFound}),
		contract.ExitNoPerm:      &storage.Error{Kind: storage.ErrDenied, Err: io.EOF},
		contract.ExitUnavailable: &storage.Error{Kind: storage.ErrUnavailable},
		contract.ExitConfig:      &storage.Error{Kind: storage.ErrTarget},
		contract.ExitIO:          &storage.Error{Err: io.ErrShortWrite},
		contract.ExitTempFail:    fmt.Errorf("x: %w", context.Canceled),
		contract.ExitSoftware:    io.EOF,
	} {
		if got := ExitStatus(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
	for err, want := range map[error]int{
		&storage.Error{Kind: storage.ErrChanged}:  contract.ExitIO,
		&storage.Error{Kind: storage.ErrOnce}:     contract.ExitIO,
		&storage.Error{Kind: storage.ErrConflict}: contract.ExitTempFail,
		&storage.Error{Kind: storage.ErrTooLarge}: contract.ExitData,
		ErrInterrupted: contract.ExitTempFail,
		fmt.Errorf("x: %w", &Error{contract.ExitNoPerm, &storage.Error{Kind: storage.ErrNotFound}}): contract.ExitNoPerm, // what is said of it counts
	} {
		if got := ExitStatus(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

// BenchmarkRun is the penguins' model over a generated file, in MB of input per
// second of wall time.
func BenchmarkRun(b *testing.B) {
	lines := strings.SplitAfterN(mustRead(b, penguins+"penguins.csv"), "\n", 2)
	s, err := settingsFor(b.TempDir(), lines[0]+strings.Repeat(lines[1], 1000), penguins+"model.pkl")
	if err != nil {
		b.Fatal(err)
	}
	s.blocks, s.Workers = blockSizes{}, 2
	info, err := os.Stat(s.Input.Path)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(info.Size())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Run(context.Background(), s, quiet); err != nil {
			b.Fatal(err)
		}
	}
}

func mustRead(tb testing.TB, path string) string {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return string(data)
}
