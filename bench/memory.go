package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// streamThrough writes so much CSV into a pipe that the job reads, for both
// models, and tells the job's peak memory. A hundredth of it goes first.
func streamThrough(ctx context.Context, folder string, size int64) error {
	input := filepath.Join(folder, "input-1000000.csv")
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	if err := prepare(ctx, folder, input, 1_000_000); err != nil {
		return err
	}
	output := filepath.Join(folder, "stream.csv.zst")
	defer os.Remove(output)
	for _, bytes := range []int64{size / 100, size} {
		for _, shape := range []string{"narrow", "wide"} {
			args := jobWith(folder, "-", filepath.Join(folder, shape+".joblib"), output)
			command := exec.CommandContext(ctx, args[0], args[1:]...) //nolint:gosec // whoever measures names what is run
			command.Stderr = os.Stderr
			pipe, err := command.StdinPipe()
			if err != nil {
				return err
			}
			start := time.Now()
			if err := command.Start(); err != nil {
				return err
			}
			err = errors.Join(writeRows(pipe, bytes), pipe.Close())
			if err := errors.Join(err, command.Wait()); err != nil {
				return fmt.Errorf("%s: %w", shape, err)
			}
			wall := time.Since(start)
			usage, ok := command.ProcessState.SysUsage().(*syscall.Rusage)
			if !ok {
				return errors.New("no resource usage on this system")
			}
			fmt.Printf("%-8s %8d MB through a pipe: %6.0f s, peak %.1f MB\n", shape, bytes/1e6, wall.Seconds(), float64(usage.Maxrss)*1024/1e6)
		}
	}
	return nil
}

type compression struct {
	suffix string
	pack   func(io.Writer) (io.WriteCloser, error)
}

// compressed are the ways to store the input, and how they are made.
var compressed = []compression{
	{"", nil},
	{".gz", func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriterLevel(w, gzip.BestSpeed) }},
	{".zst", func(w io.Writer) (io.WriteCloser, error) {
		// The largest window that the job accepts.
		return zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(8<<20), zstd.WithEncoderConcurrency(1))
	}},
}

// peaks prints the job's peak memory with files and with S3, plain and
// compressed, narrow and wide.
func peaks(ctx context.Context, folder string, size int64) error {
	if err := os.MkdirAll(folder, 0o750); err != nil {
		return err
	}
	input := filepath.Join(folder, fmt.Sprintf("input-%d.csv", size))
	if err := prepare(ctx, folder, input, size); err != nil {
		return err
	}
	files := []string{filepath.Join(folder, "narrow.joblib"), filepath.Join(folder, "wide.joblib")}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	for _, c := range compressed {
		// In a process of its own: the peak of a process counts for those that it
		// starts.
		command := exec.CommandContext(ctx, program, "-pack", input+c.suffix, input) //nolint:gosec // the program itself
		command.Stderr = os.Stderr
		if err := command.Run(); err != nil {
			return err
		}
		files = append(files, input+c.suffix)
	}
	server, err := startS3(ctx, folder, files, s3Kind{})
	if err != nil {
		return err
	}
	defer server.stop()
	fmt.Printf("%-8s %-6s %-6s %8s %8s\n", "", "in", "out", "file MB", "S3 MB")
	for _, shape := range []string{"narrow", "wide"} {
		for _, in := range compressed {
			for _, out := range compressed {
				model, output := filepath.Join(folder, shape+".joblib"), filepath.Join(folder, "output.csv"+out.suffix)
				var peak [2]float64
				for i, args := range [][]string{
					jobWith(folder, input+in.suffix, model, output),
					jobWith(folder, object(input+in.suffix), object(model), object(output)),
				} {
					for range 3 {
						taken, err := measure(ctx, server, args)
						if err != nil {
							return err
						}
						peak[i] = max(peak[i], float64(taken.peakBytes)/1e6)
					}
				}
				_ = os.Remove(output)
				fmt.Printf("%-8s %-6s %-6s %8.1f %8.1f\n", shape, name(in.suffix), name(out.suffix), peak[0], peak[1])
			}
		}
	}
	return nil
}

func name(suffix string) string {
	if suffix == "" {
		return "plain"
	}
	return suffix[1:]
}

// pack writes a copy, compressed as its name says, unless there is one.
func pack(from, to string) error {
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	packer := compressed[slices.IndexFunc(compressed, func(c compression) bool { return c.suffix == filepath.Ext(to) })].pack
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = source.Close() }()
	target, err := os.Create(to + ".part")
	if err != nil {
		return err
	}
	packed, err := packer(target)
	if err != nil {
		return errors.Join(err, target.Close())
	}
	if _, err := io.Copy(packed, source); err != nil {
		return errors.Join(err, target.Close())
	}
	if err := errors.Join(packed.Close(), target.Close()); err != nil {
		return err
	}
	return os.Rename(to+".part", to)
}
