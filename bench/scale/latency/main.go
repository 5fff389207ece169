// Command latency measures how fast one task is when S3 is as far away as in
// AWS: it runs the job against the S3 server of the tests, which waits before it
// answers and transfers no faster than one connection of S3 does.
//
//	cd bench/scale && go run ./latency -job ../../bin/preprocess -model narrow.joblib input.csv
//
// It prints what sim.Assumptions.Rate says beside it. The input and models are
// those that `go run .` in bench leaves in its folder.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"ds-pipeline/bench/scale/sim"
	"ds-pipeline/internal/s3test"
)

func main() {
	job := flag.String("job", "../../bin/preprocess", "the job, see `make build-job`")
	model := flag.String("model", "", "a fitted model")
	keep := flag.String("keep", "id,ts", "columns that the job keeps")
	waits := flag.String("waits", "0,20,100", "milliseconds before S3 answers")
	workers := flag.String("workers", "1,2", "as the job's --workers")
	rate := flag.Float64("rate", sim.Documented().StreamMBps, "MB/s of one connection")
	flag.Parse()
	if flag.NArg() != 1 || *model == "" {
		fmt.Fprintln(os.Stderr, "usage: latency -model MODEL INPUT.csv")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	m := measurement{job: *job, model: *model, keep: *keep, input: flag.Arg(0), rate: *rate}
	err := m.all(ctx, *waits, *workers)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type measurement struct {
	job, model, keep, input string
	rate                    float64
}

func (m measurement) all(ctx context.Context, waits, workers string) error {
	fmt.Println("| wait ms | workers | wall s | CPU s | MB/s in | MB/s out | output | reads or writes allow MB/s in |")
	fmt.Println("|---:|---:|---:|---:|---:|---:|---:|---:|")
	for _, wait := range strings.Split(waits, ",") {
		ms, err := strconv.ParseFloat(wait, 64)
		if err != nil {
			return fmt.Errorf("-waits: %w", err)
		}
		for _, n := range strings.Split(workers, ",") {
			if err := m.one(ctx, time.Duration(ms*1e6), n); err != nil {
				return fmt.Errorf("%s ms, %s workers: %w", wait, n, err)
			}
		}
	}
	return nil
}

const bucket = "bench"

func (m measurement) one(ctx context.Context, wait time.Duration, workers string) error {
	server, err := s3test.New(bucket)
	if err != nil {
		return err
	}
	var bytesIn int64
	for _, path := range []string{m.input, m.model} {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		info, err := file.Stat()
		if err == nil {
			_, err = server.Backend.PutObject(bucket, filepath.Base(path), nil, file, info.Size(), nil)
		}
		_ = file.Close()
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if path == m.input {
			bytesIn = info.Size()
		}
	}
	web := httptest.NewServer(far{server, wait, m.rate * 1e6})
	defer web.Close()

	uri := func(name string) string { return "s3://" + bucket + "/" + name }
	//nolint:gosec // whoever measures names the program
	command := exec.CommandContext(ctx, m.job, "run", "--workers", workers, "--keep", m.keep,
		"--input", uri(filepath.Base(m.input)), "--model", uri(filepath.Base(m.model)), "--output", uri("result.csv"))
	command.Env = append(os.Environ(), "AWS_ENDPOINT_URL="+web.URL, "AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=x", "AWS_SECRET_ACCESS_KEY=x")
	start := time.Now()
	if said, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, said)
	}
	wall := time.Since(start).Seconds()
	cpu := (command.ProcessState.UserTime() + command.ProcessState.SystemTime()).Seconds()
	result, err := server.Backend.HeadObject(bucket, "result.csv")
	if err != nil {
		return err
	}
	in, out := float64(bytesIn)/1e6, float64(result.Size)/1e6
	a := sim.Documented()
	a.FirstByteSeconds, a.StreamMBps, a.NetworkMBps = wait.Seconds(), m.rate, 1e9
	allowed, by := a.Rate(sim.Job{CPUMBps: 1e9, OutputRatio: out / in}, sim.Size(1))
	fmt.Printf("| %v | %s | %.1f | %.1f | %.0f | %.0f | %.2f of input | %.0f (%s) |\n",
		wait.Milliseconds(), workers, wall, cpu, in/wall, out/wall, out/in, allowed, by)
	return nil
}

// far is a handler as from some distance.
type far struct {
	http.Handler
	wait time.Duration
	rate float64 // bytes a second of one request
}

func (f far) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = &slowBody{r.Body, pace{time.Now(), 0, f.rate}}
	f.Handler.ServeHTTP(&slowWriter{ResponseWriter: w, f: f}, r)
}

// pace sleeps until so many bytes may have passed.
type pace struct {
	start time.Time
	bytes int
	rate  float64
}

func (p *pace) pass(n int) {
	p.bytes += n
	time.Sleep(time.Until(p.start.Add(time.Duration(float64(p.bytes) / p.rate * 1e9))))
}

type slowBody struct {
	io.ReadCloser
	pace
}

func (b *slowBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.pass(n)
	return n, err
}

// slowWriter answers a while after the request was read.
type slowWriter struct {
	http.ResponseWriter
	f    far
	pace *pace
}

func (w *slowWriter) begin() {
	if w.pace == nil {
		time.Sleep(w.f.wait)
		w.pace = &pace{time.Now(), 0, w.f.rate}
	}
}

func (w *slowWriter) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

func (w *slowWriter) Write(p []byte) (int, error) {
	w.begin()
	written := 0
	for len(p) > 0 {
		n, err := w.ResponseWriter.Write(p[:min(len(p), 64<<10)])
		w.pace.pass(n)
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}
