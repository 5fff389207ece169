// Command bench measures the job against what it replaces and what it could
// have been, each as a whole process on the same file and model:
//
//	cd bench && go run . [-size 1000000000] [-runs 3] [-folder DIR] [-only "job;duckdb"]
//	cd bench && go run . -stream 20000000000
//	cd bench && go run . -peaks
//
// The second writes so much CSV into a pipe that the job reads, and the third
// compresses the file in several ways; both tell the job's peak memory.
// It needs python3-sklearn and python3-pandas. The candidates run in turn, so
// that a machine whose speed drifts is fair to all of them; quote the ratios.
package main

import (
	"cmp"
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
	s3      *s3Kind // what server it needs, if any
}

// sample is what one run of one candidate took.
type sample struct {
	wall, cpu time.Duration
	peakBytes int64
	server    time.Duration // processor time of the S3 server
}

func main() {
	size := flag.Int64("size", 1_000_000_000, "bytes of input")
	runs := flag.Int("runs", 3, "runs of each candidate")
	folder := flag.String("folder", filepath.Join(os.TempDir(), "ds-pipeline-bench"), "where the files go")
	only := flag.String("only", "", "names of candidates, separated by semicolons; empty for all")
	stream := flag.Int64("stream", 0, "bytes to send through a pipe instead")
	memory := flag.Bool("peaks", false, "look at memory with compressed files and S3 instead")
	server := flag.Bool("serve", false, "be the S3 server of the files that are named")
	secure := flag.Bool("tls", true, "serve with TLS")
	packed := flag.String("pack", "", "only make this file of the one that is named")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	switch {
	case *server:
		err = serve(flag.Args(), *secure)
	case *packed != "":
		err = pack(flag.Arg(0), *packed)
	case *stream > 0:
		err = streamThrough(ctx, *folder, *stream)
	case *memory:
		err = peaks(ctx, *folder, *size)
	default:
		err = run(ctx, *folder, *size, *runs, *only)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, folder string, size int64, runs int, only string) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	input := filepath.Join(folder, fmt.Sprintf("input-%d.csv", size))
	if err := prepare(ctx, folder, input, size); err != nil {
		return err
	}
	model := func(shape string) string { return filepath.Join(folder, shape+".joblib") }
	job := func(input, format string) func(shape, output string) []string {
		return func(shape, output string) []string {
			return append(jobWith(folder, input, model(shape), output), "--output-format", format)
		}
	}
	withS3 := func(shape, _ string) []string {
		return jobWith(folder, object(input), object(model(shape)), object("output.csv"))
	}
	candidates := []candidate{
		{"job", job(input, "csv"), nil},
		{"job, Parquet out", job(input, "parquet"), nil},
		{"job, Parquet in", job(asParquet(input), "csv"), nil},
		{"job, Parquet in and out", job(asParquet(input), "parquet"), nil},
		{"job with S3", withS3, &s3Kind{}},
		{"job with S3 without TLS", withS3, &s3Kind{plain: true}},
		{"duckdb", func(shape, output string) []string {
			return []string{filepath.Join(folder, "duckdb"), filepath.Join(folder, shape+".sql"), input, output}
		}, nil},
		{"pandas in chunks", func(shape, output string) []string {
			return []string{"/usr/bin/python3", "baseline.py", input, model(shape), output, "50000"}
		}, nil},
		{"pandas", func(shape, output string) []string {
			return []string{"/usr/bin/python3", "baseline.py", input, model(shape), output}
		}, nil},
	}
	if only != "" {
		wanted := strings.Split(only, ";")
		candidates = slices.DeleteFunc(candidates, func(c candidate) bool { return !slices.Contains(wanted, c.name) })
	}
	output := filepath.Join(folder, "output.csv")
	defer os.Remove(output)
	servers := map[*s3Kind]*s3Server{}
	for _, c := range candidates {
		if c.s3 == nil {
			continue
		}
		server, err := startS3(ctx, folder, []string{input, model("narrow"), model("wide")}, *c.s3)
		if err != nil {
			return err
		}
		defer server.stop()
		servers[c.s3] = server
	}
	for _, shape := range []string{"narrow", "wide"} {
		samples := map[string][]sample{}
		for round := range runs {
			for _, c := range candidates {
				fmt.Fprintf(os.Stderr, "%s, round %d of %d: %s\n", shape, round+1, runs, c.name)
				taken, err := measure(ctx, servers[c.s3], c.command(shape, output))
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

// jobWith is the command line of the job. Two workers, so that it has as many as
// DuckDB, and as the container.
func jobWith(folder, input, model, output string) []string {
	return []string{filepath.Join(folder, "preprocess"), "run", "--workers", "2", "--input", input, "--model", model, "--output", output, "--keep", "id,ts"}
}

// object is where the S3 server has a file.
func object(path string) string { return "s3://" + bucket + "/" + filepath.Base(path) }

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
		env     []string
		command []string
	}{
		{".", nil, []string{"/usr/bin/python3", "fit.py", sampleFile, folder}},
		{".", nil, []string{"go", "build", "-o", filepath.Join(folder, "duckdb"), "./duckdb"}},
		{"..", []string{"CGO_ENABLED=0"}, []string{"go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(folder, "preprocess"), "./preprocess"}},
	} {
		fmt.Fprintln(os.Stderr, strings.Join(step.command, " "))
		command := exec.CommandContext(ctx, step.command[0], step.command[1:]...) //nolint:gosec // whoever measures names what is run
		command.Env = append(os.Environ(), step.env...)
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
	if err := os.WriteFile(statement, []byte(text), 0o600); err != nil {
		return err
	}
	part := asParquet(input) + ".part"
	if out, err := exec.CommandContext(ctx, filepath.Join(folder, "duckdb"), statement, input, part).CombinedOutput(); err != nil { //nolint:gosec // whoever measures names what is run
		return fmt.Errorf("write %s: %w\n%s", part, err, out)
	}
	return os.Rename(part, asParquet(input))
}

// measure runs one command and reads what the operating system counted for it.
func measure(ctx context.Context, server *s3Server, args []string) (sample, error) {
	command := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // whoever measures names what is run
	command.Stderr = os.Stderr
	var before, after time.Duration
	if server != nil {
		command.Env = server.environment()
		var err error
		if before, err = server.cpu(); err != nil {
			return sample{}, err
		}
	}
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
	if server != nil {
		var err error
		if after, err = server.cpu(); err != nil {
			return sample{}, err
		}
	}
	return sample{wall, state.UserTime() + state.SystemTime(), usage.Maxrss * 1024, after - before}, nil
}

// report prints the medians of one shape, the largest peaks, and each as a multiple
// of the job's.
func report(out io.Writer, shape string, size int64, candidates []candidate, samples map[string][]sample) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\n%s\twall s\tMB/s\tCPU s\tMB per CPU s\tpeak MB\twall, job = 1\tCPU, job = 1\tS3's CPU s\t\n", shape)
	var job sample
	for i, c := range candidates {
		s := samples[c.name]
		middle := sample{
			median(s, func(s sample) time.Duration { return s.wall }),
			median(s, func(s sample) time.Duration { return s.cpu }),
			slices.MaxFunc(s, func(a, b sample) int { return cmp.Compare(a.peakBytes, b.peakBytes) }).peakBytes,
			median(s, func(s sample) time.Duration { return s.server }),
		}
		if i == 0 {
			job = middle
		}
		megabytes := float64(size) / 1e6
		fmt.Fprintf(table, "%s\t%.1f\t%.0f\t%.1f\t%.0f\t%.0f\t%.1f\t%.1f\t%.1f\t\n", c.name,
			middle.wall.Seconds(), megabytes/middle.wall.Seconds(),
			middle.cpu.Seconds(), megabytes/middle.cpu.Seconds(),
			float64(middle.peakBytes)/1e6,
			middle.wall.Seconds()/job.wall.Seconds(), middle.cpu.Seconds()/job.cpu.Seconds(), middle.server.Seconds())
	}
	return table.Flush()
}

func median[T time.Duration](samples []sample, field func(sample) T) T {
	values := make([]T, len(samples))
	for i, s := range samples {
		values[i] = field(s)
	}
	slices.Sort(values)
	return values[len(values)/2]
}
