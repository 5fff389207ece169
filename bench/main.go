// Command bench measures the job against what it replaces and what it could
// have been, each as a whole process on the same file and model:
//
//	cd bench && go run . [-size 1000000000] [-runs 3] [-folder DIR] [-only "job;duckdb"]
//
// It needs python3-sklearn and python3-pandas. The candidates run in turn, so
// that a machine whose speed drifts is fair to all of them; quote the ratios.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

// candidate is one way to do the work.
type candidate struct {
	name    string
	command func(shape, output string) []string
}

// sample is what one run of one candidate took.
type sample struct {
	wall, cpu time.Duration
	peakBytes int64
}

func main() {
	size := flag.Int64("size", 1_000_000_000, "bytes of input")
	runs := flag.Int("runs", 3, "runs of each candidate")
	folder := flag.String("folder", filepath.Join(os.TempDir(), "ds-pipeline-bench"), "where the files go")
	only := flag.String("only", "", "names of candidates, separated by semicolons; empty for all")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *folder, *size, *runs, *only); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, folder string, size int64, runs int, only string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	input := filepath.Join(folder, fmt.Sprintf("input-%d.csv", size))
	if err := prepare(ctx, folder, input, size); err != nil {
		return err
	}
	model := func(shape string) string { return filepath.Join(folder, shape+".joblib") }
	job := func(input, format string) func(shape, output string) []string {
		return func(shape, output string) []string {
			return []string{filepath.Join(folder, "preprocess"), "run", "--input", input, "--model", model(shape), "--output", output, "--output-format", format, "--keep", "id,ts"}
		}
	}
	candidates := []candidate{
		{"job", job(input, "csv")},
		{"job, Parquet out", job(input, "parquet")},
		{"job, Parquet in", job(asParquet(input), "csv")},
		{"job, Parquet in and out", job(asParquet(input), "parquet")},
		{"duckdb", func(shape, output string) []string {
			return []string{filepath.Join(folder, "duckdb"), filepath.Join(folder, shape+".sql"), input, output}
		}},
		{"pandas in chunks", func(shape, output string) []string {
			return []string{"/usr/bin/python3", "baseline.py", input, model(shape), output, "50000"}
		}},
		{"pandas", func(shape, output string) []string {
			return []string{"/usr/bin/python3", "baseline.py", input, model(shape), output}
		}},
	}
	if only != "" {
		wanted := strings.Split(only, ";")
		candidates = slices.DeleteFunc(candidates, func(c candidate) bool { return !slices.Contains(wanted, c.name) })
	}
	output := filepath.Join(folder, "output.csv")
	defer os.Remove(output)
	for _, shape := range []string{"narrow", "wide"} {
		samples := map[string][]sample{}
		for round := range runs {
			for _, c := range candidates {
				fmt.Fprintf(os.Stderr, "%s, round %d of %d: %s\n", shape, round+1, runs, c.name)
				taken, err := measure(ctx, c.command(shape, output))
				if err != nil {
					return fmt.Errorf("%s, %s: %w", shape, c.name, err)
				}
				samples[c.name] = append(samples[c.name], taken)
			}
		}
		if err := report(os.Stdout, shape, size, candidates, samples); err != nil {
			return err
		}
	}
	return nil
}

// prepare makes what is not there yet: the input, the models, the programs.
func prepare(ctx context.Context, folder, input string, size int64) error {
	if _, err := os.Stat(input); err != nil {
		fmt.Fprintln(os.Stderr, "writing", input)
		if err := generate(input+".part", size); err != nil {
			return err
		}
		if err := os.Rename(input+".part", input); err != nil {
			return err
		}
	}
	sampleFile := filepath.Join(folder, "sample.csv")
	if err := generate(sampleFile, 4_000_000); err != nil {
		return err
	}
	for _, step := range []struct {
		dir     string
		command []string
	}{
		{".", []string{"/usr/bin/python3", "fit.py", sampleFile, folder}},
		{".", []string{"go", "build", "-o", filepath.Join(folder, "duckdb"), "./duckdb"}},
		{"..", []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(folder, "preprocess"), "./preprocess"}},
	} {
		fmt.Fprintln(os.Stderr, strings.Join(step.command, " "))
		command := exec.CommandContext(ctx, step.command[0], step.command[1:]...)
		command.Dir, command.Stdout, command.Stderr = step.dir, os.Stderr, os.Stderr
		if err := command.Run(); err != nil {
			return fmt.Errorf("%s: %w", strings.Join(step.command, " "), err)
		}
	}
	return prepareParquet(ctx, folder, input)
}

// asParquet is where the same table is as Parquet.
func asParquet(input string) string { return strings.TrimSuffix(input, ".csv") + ".parquet" }

// prepareParquet lets DuckDB write the input as Parquet.
func prepareParquet(ctx context.Context, folder, input string) error {
	if _, err := os.Stat(asParquet(input)); err == nil {
		return nil
	}
	statement := filepath.Join(folder, "parquet.sql")
	text := "COPY (SELECT * FROM read_csv('{input}', header = true, types = {'id': 'VARCHAR', 'ts': 'VARCHAR'})) TO '{output}' (FORMAT parquet)"
	if err := os.WriteFile(statement, []byte(text), 0o644); err != nil {
		return err
	}
	part := asParquet(input) + ".part"
	if out, err := exec.CommandContext(ctx, filepath.Join(folder, "duckdb"), statement, input, part).CombinedOutput(); err != nil {
		return fmt.Errorf("write %s: %w\n%s", part, err, out)
	}
	return os.Rename(part, asParquet(input))
}

// measure runs one command and reads what the operating system counted for it.
func measure(ctx context.Context, args []string) (sample, error) {
	command := exec.CommandContext(ctx, args[0], args[1:]...)
	command.Stderr = os.Stderr
	start := time.Now()
	if err := command.Run(); err != nil {
		return sample{}, err
	}
	wall := time.Since(start)
	state := command.ProcessState
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return sample{}, fmt.Errorf("no resource usage on this system")
	}
	return sample{wall, state.UserTime() + state.SystemTime(), usage.Maxrss * 1024}, nil
}

// report prints the medians of one shape, and each as a multiple of the job's.
func report(out io.Writer, shape string, size int64, candidates []candidate, samples map[string][]sample) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\n%s\twall s\tMB/s\tCPU s\tMB per CPU s\tpeak MB\twall, job = 1\tCPU, job = 1\t\n", shape)
	var job sample
	for i, c := range candidates {
		s := samples[c.name]
		middle := sample{
			median(s, func(s sample) time.Duration { return s.wall }),
			median(s, func(s sample) time.Duration { return s.cpu }),
			median(s, func(s sample) int64 { return s.peakBytes }),
		}
		if i == 0 {
			job = middle
		}
		megabytes := float64(size) / 1e6
		fmt.Fprintf(table, "%s\t%.1f\t%.0f\t%.1f\t%.0f\t%.0f\t%.1f\t%.1f\t\n", c.name,
			middle.wall.Seconds(), megabytes/middle.wall.Seconds(),
			middle.cpu.Seconds(), megabytes/middle.cpu.Seconds(),
			float64(middle.peakBytes)/1e6,
			middle.wall.Seconds()/job.wall.Seconds(), middle.cpu.Seconds()/job.cpu.Seconds())
	}
	return table.Flush()
}

func median[T time.Duration | int64](samples []sample, field func(sample) T) T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = field(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
