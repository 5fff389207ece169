// Command preprocess applies a fitted scikit-learn preprocessing model to a CSV
// file, without Python. See preprocess --help.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"ds-pipeline/preprocess/console"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/job"
)

// version is set by the linker; without it the build information is used.
var version string

// stopGrace is how long a run that was told to stop may clean up.
const stopGrace = 20 * time.Second

func main() {
	// First, as a signal before it ends the process with 143 and not with 75.
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	if os.Getenv("GOGC") == "" {
		percent := 10 // nearly all memory is buffers that are used again, so that collecting early costs little and keeps the peak low
		if len(os.Args) > 1 && os.Args[1] == contract.CommandMerge {
			percent = 50 // what a merge has is records and requests: collecting them would take a third of its time
		}
		debug.SetGCPercent(percent)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		<-signals
		cancel()
		select {
		case <-signals: // asked twice
		case <-time.After(stopGrace):
		}
		os.Exit(contract.ExitTempFail)
	}()
	os.Exit(program{
		getenv: os.Getenv,
		stdout: os.Stdout,
		stderr: os.Stderr,
		params: job.ParameterStore,
	}.run(ctx, os.Args[1:]))
}

// program is what the command line runs in.
type program struct {
	getenv func(string) string
	stdout io.Writer
	stderr io.Writer
	params job.Parameters
}

type cli struct {
	Run     runCommand       `cmd:"" help:"Apply a model to a CSV file and publish the result."`
	Plan    planCommand      `cmd:"" help:"Of a run that is spread over many tasks: cut its object into ranges of whole records."`
	Part    partCommand      `cmd:"" help:"Of a run that is spread over many tasks: preprocess some of its objects or ranges, and publish nothing."`
	Merge   mergeCommand     `cmd:"" help:"Of a run that is spread over many tasks: check that everything was done once, and publish the result."`
	Verify  verifyCommand    `cmd:"" help:"Compare a result with its manifest, byte by byte."`
	Inspect inspectCommand   `cmd:"" help:"Say in words what a model does."`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

type runCommand struct {
	runFlags
}

type planCommand struct {
	runFlags
	scaleFlags
	RangeMiB *string `name:"range-mib" placeholder:"N" help:"About how much of the object a range has. Default: 1024."`
}

type partCommand struct {
	runFlags
	scaleFlags
	Items *string `placeholder:"JSON" help:"What to do: a JSON array of objects with Key, Etag and Size, as a map over them hands them out, or some that plan has written."`
}

type mergeCommand struct {
	runFlags
	scaleFlags
	Results    *string `placeholder:"URI" help:"What was handed out: the manifest.json that the map's ResultWriter wrote, or a JSON array of all items."`
	MaxMissing *string `placeholder:"N" help:"How many objects may be missing because their part failed: a count such as 1 or a share such as 0.5%. Default: 0. The manifest names them."`
}

// scaleFlags are what plan, part and merge of a run have in common.
type scaleFlags struct {
	Run   *string `placeholder:"NAME" help:"Name of the run that is spread, the same of all its commands."`
	Round *string `placeholder:"N" help:"Round of the run, 1 to ${max_rounds}. Default: 1. A merge that exits with ${another_round} has prepared the next one."`
}

// runFlags are the settings of a run.
type runFlags struct {
	Input           *string `placeholder:"URI" help:"CSV or JSON lines to read: s3://bucket/key, a path, a prefix that ends in / or a glob such as data/*.csv for several with the same header, in name order, or - for standard input. gzip and zstd are recognized by the first bytes."`
	Model           *string `placeholder:"URI" help:"Fitted model, written by joblib.dump or pickle.dump."`
	Output          *string `placeholder:"URI" help:"Result to write, whole or not at all; CSV, compressed if its name ends in .gz or .zst, or Parquet if it ends in .parquet. Default: s3://OUTPUT-BUCKET/${output_key}, or ${parquet_key} if --output-format says so."`
	Keep            *string `placeholder:"NAME,..." help:"Input columns to copy as they stand, before the model's."`
	NullValues      *string `placeholder:"LIST" help:"Texts that mean a missing value, with commas between them, or none. Default: those of pandas.read_csv; none for JSON lines. An unquoted empty field is always missing."`
	InputFormat     *string `placeholder:"FORMAT" help:"csv, parquet, or jsonl: one flat JSON object per line. Default: by the input's name (.parquet, .jsonl, .ndjson), parquet if it starts and ends as such, else csv."`
	Delimiter       *string `placeholder:"CHAR" help:"What separates the input's fields: tab or one character. Default: a tab if its name ends in .tsv, else a comma."`
	Encoding        *string `placeholder:"NAME" help:"Encoding of the input: utf-8, utf-16 (the order of bytes as its start shows), utf-16le, utf-16be or latin-1. Default: utf-8. Bytes in messages are then those of the UTF-8 text."`
	OutputFormat    *string `placeholder:"FORMAT" help:"csv or parquet. Default: parquet if the output's name ends in .parquet, else csv."`
	OutputDelimiter *string `placeholder:"CHAR" help:"What separates the result's fields. Default: a tab if its name ends in .tsv, else a comma."`
	Period          *string `placeholder:"YYYY-MM" help:"Month that the run is for: the result goes to the folder period=YYYY-MM beside --output, and --output becomes a copy unless it is of a later month."`
	Script          *string `placeholder:"URI" help:"Script to run over the rows, in batches: a .py file with transform(df) or process(rows), or a program that reads CSV and writes CSV."`
	Package         *string `placeholder:"URI" help:"Package that the script may import: .tar.gz, .tar, .zip or .whl."`
	ScriptStage     *string `placeholder:"STAGE" help:"When the script runs: before or after the model. Default: before."`
	ScriptMemory    *string `name:"script-memory-mib" placeholder:"N" help:"Address space of each of the script's processes. Default: 2048."`
	ScriptTimeout   *string `name:"script-timeout-seconds" placeholder:"N" help:"How long the script may take for a batch; a program, without reading or writing anything. Default: 300."`
	ScriptNetwork   *bool   `name:"script-network" negatable:"" help:"Let the script use the network. Default: no."`
	PackageMaxFiles *string `placeholder:"N" help:"Files and folders that the package may have. Default: 10000."`
	PackageMaxMiB   *string `name:"package-max-mib" placeholder:"N" help:"Size of the package, packed and unpacked. Default: 512."`
	Workers         *string `placeholder:"N" help:"Blocks to work on at once, 1 to ${max_workers}. Default: the number of CPUs."`
	MaxRecordBytes  *string `placeholder:"N" help:"Longest record to accept. Default: 8388608 (8 MiB)."`
	MaxRejects      *string `placeholder:"N" help:"How many records may be rejected before the run fails: a count such as 100 or a share such as 0.5%. Default: 0. Rejected records are written to ${rejects_name} beside the result."`
	Report          *bool   `negatable:"" help:"Write statistics of all columns, and how they differ from what the model was fitted on, to ${report_name} beside the result. Default: yes."`
	Force           *bool   `help:"Run even if a complete run of the same period has read the same inputs and model with the same settings and program. Without --period every run is done."`
	Checksum        *string `placeholder:"NAME" help:"How the manifest's checksums of inputs and result are computed: crc64nvme, as S3 does, or sha256, which also stands against who wants to deceive. Default: crc64nvme."`
	ShowValues      bool    `help:"Show the values at fault in messages about records, and frequent texts in the report. They may be personal data."`
	Log             string  `enum:"auto,text,json" default:"auto" help:"How to log on standard output: text, json, or auto: text on a terminal and otherwise JSON lines."`
}

type verifyCommand struct {
	Output  *string `placeholder:"URI" help:"Result to look at, beside which its manifest stands. Default: s3://OUTPUT-BUCKET/${output_key}."`
	Period  *string `placeholder:"YYYY-MM" help:"Look at the result of this month, in the folder period=YYYY-MM beside --output."`
	Sources bool    `help:"Compare the inputs and the model too, which are read again."`
	JSON    bool    `name:"json" help:"Print what was found as JSON."`
}

type inspectCommand struct {
	Model *string `placeholder:"URI" help:"Fitted model, written by joblib.dump or pickle.dump."`
	JSON  bool    `name:"json" help:"Print the model as JSON, in the form that --model reads too."`
}

// exit is what kong's wish to exit becomes, so that run can return.
type exit int

// run does what the arguments say and returns the exit status.
func (p program) run(ctx context.Context, args []string) (status int) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exit:
			status = int(r)
		default:
			status = contract.ExitSoftware
			p.complain(job.PanicError(r))
		}
	}()
	var c cli
	parser, err := kong.New(&c,
		kong.Name("preprocess"),
		kong.Description("Applies a fitted scikit-learn preprocessing model to a CSV file."),
		kong.Vars{
			"version":      versionText(),
			"output_key":   contract.OutputKey,
			"parquet_key":  contract.ParquetOutputKey,
			"rejects_name": contract.RejectsName,
			"report_name":  contract.ReportName,
			"max_workers":  fmt.Sprint(job.MaxWorkers),

			"max_rounds":    fmt.Sprint(contract.ScaleMaxRounds),
			"another_round": fmt.Sprint(contract.ExitAnotherRound),
		},
		kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Help(help),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		panic(err)
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		p.complain(fmt.Errorf("%w (see preprocess --help)", err))
		return contract.ExitUsage
	}
	switch parsed.Command() {
	case "inspect":
		err = p.inspect(ctx, c.Inspect)
	case "verify":
		err = p.verify(ctx, c.Verify)
	case contract.CommandPlan:
		err = p.plan(ctx, c.Plan)
	case contract.CommandPart:
		err = p.part(ctx, c.Part)
	case contract.CommandMerge:
		err = p.merge(ctx, c.Merge)
	default:
		err = p.preprocess(ctx, c.Run.runFlags)
	}
	return job.ExitStatus(err)
}

// complain is the one place that prints errors.
func (p program) complain(err error) {
	_, _ = fmt.Fprintf(p.stderr, "preprocess: %v\n", err)
}

func (p program) preprocess(ctx context.Context, c runFlags) error {
	log, text := p.logger(c)
	summary, err := p.runJob(ctx, c, log, text)
	p.printMetrics(summary, err)
	return p.report(log, text, "published", summary, err)
}

// logger is the log that the flags want, and whether it is text. From here on a
// reader of the log that goes away, as head does, does not end the program: half of
// what a run publishes may be there.
func (p program) logger(c runFlags) (log *slog.Logger, text bool) {
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE) // ignored, it would stay so in scripts
	if c.Log == "text" || c.Log == "auto" && console.IsTerminal(p.stdout) {
		return slog.New(console.NewTextHandler(p.stdout)), true
	}
	return slog.New(slog.NewJSONHandler(p.stdout, nil)), false
}

func (p program) printMetrics(summary job.Summary, err error) {
	if line := job.Metrics(p.getenv(contract.EnvEnvironment), summary, err, time.Now()); line != nil {
		_, _ = p.stdout.Write(line)
	}
}

// fail tells an error, and returns it.
func (p program) fail(log *slog.Logger, text bool, err error) error {
	if !text {
		status := job.ExitStatus(err)
		log.Error(err.Error(), "exit", status, "meaning", exitMeaning(status))
	}
	p.complain(err)
	return err
}

// report tells what a run has done, or why it has failed.
func (p program) report(log *slog.Logger, text bool, message string, summary job.Summary, err error) error {
	if err != nil {
		return p.fail(log, text, err)
	}
	if summary.Repeated {
		message = summary.RepeatedText()
	}
	if text {
		if summary.Repeated {
			log.Info(message)
		}
		console.PrintSummary(p.stdout, summary)
		return nil
	}
	log.Info(message,
		"repeated", summary.Repeated,
		"result", summary.Output,
		"input", summary.Input,
		"model", summary.Model,
		"inputs", max(len(summary.Inputs), 1),
		"rows_in", summary.RowsIn,
		"rows_out", summary.RowsOut,
		"rows_rejected", summary.RowsRejected,
		"rows_filtered", summary.RowsFiltered,
		"rejects", summary.Rejects,
		"manifest", summary.Manifest,
		"period", summary.Period,
		"newest", summary.Newest,
		"columns_in", summary.ColumnsIn,
		"columns_out", summary.ColumnsOut,
		"bytes_in", summary.BytesIn,
		"bytes_out", summary.BytesOut,
		"report", summary.Report,
		"drifted_columns", summary.Drift.Columns(),
		"workers", summary.Workers,
		"seconds", summary.Elapsed.Seconds(),
		"mb_per_second", summary.MBPerSecond(),
	)
	return nil
}

func (p program) runJob(ctx context.Context, c runFlags, log *slog.Logger, text bool) (job.Summary, error) {
	settings, err := p.settings(ctx, c)
	if err != nil {
		return job.Summary{}, err
	}
	env, end := p.start(log, text, settings)
	defer end()
	return job.Run(ctx, settings, env)
}

func (p program) settings(ctx context.Context, c runFlags) (job.Settings, error) {
	return job.LoadSettings(ctx, job.Flags{
		Input: c.Input, Model: c.Model, Output: c.Output,
		Script: c.Script, Package: c.Package, ScriptStage: c.ScriptStage, ScriptMemory: c.ScriptMemory, ScriptTimeout: c.ScriptTimeout, ScriptNetwork: c.ScriptNetwork,
		PackageMaxFiles: c.PackageMaxFiles, PackageMaxMiB: c.PackageMaxMiB,
		Keep: c.Keep, NullValues: c.NullValues,
		InputFormat: c.InputFormat, OutputFormat: c.OutputFormat, Delimiter: c.Delimiter, OutputDelimiter: c.OutputDelimiter, Encoding: c.Encoding,
		Workers: c.Workers, MaxRecordBytes: c.MaxRecordBytes, MaxRejects: c.MaxRejects,
		ShowValues: c.ShowValues, Report: c.Report, Checksum: c.Checksum, Period: c.Period, Force: c.Force,
	}, p.getenv, p.params)
}

// start says that something begins, and what it has around it until end.
func (p program) start(log *slog.Logger, text bool, settings job.Settings) (env job.Env, end func()) {
	env, end = job.Env{Log: log, Version: versionText(), Image: p.getenv(contract.EnvImage)}, func() {}
	if !text {
		log.Info("starting", "version", versionText(), "input", settings.Input.String(),
			"model", settings.Model.String(), "output", settings.Output.String(), "workers", settings.Workers)
	} else if console.IsTerminal(p.stderr) {
		bar := console.NewBar(p.stderr)
		env.Progress, end = bar.Set, bar.Clear
	}
	return env, end
}

func (p program) verify(ctx context.Context, c verifyCommand) error {
	found, err := job.Verify(ctx, job.Flags{Output: c.Output, Period: c.Period}, c.Sources, p.getenv, p.params)
	if err == nil || len(found.Objects) > 0 {
		print := printVerification
		if c.JSON {
			print = printVerificationJSON
		}
		if werr := print(p.stdout, found); werr != nil && err == nil {
			err = &job.Error{Status: contract.ExitIO, Err: fmt.Errorf("write standard output: %w", werr)}
		}
	}
	if err != nil && ctx.Err() != nil {
		err = job.ErrInterrupted
	}
	if err != nil {
		p.complain(err)
	}
	return err
}

func (p program) inspect(ctx context.Context, c inspectCommand) error {
	log := slog.New(console.NewTextHandler(p.stderr))
	text, err := job.Inspect(ctx, job.Flags{Model: c.Model}, p.getenv, p.params, log, c.JSON)
	if err == nil {
		if _, werr := io.WriteString(p.stdout, text); werr != nil {
			err = &job.Error{Status: contract.ExitIO, Err: fmt.Errorf("write standard output: %w", werr)}
		}
	}
	if err != nil {
		p.complain(err)
	}
	return err
}

func exitMeaning(status int) string {
	for _, s := range contract.ExitStatuses() {
		if s.Code == status {
			return s.Meaning
		}
	}
	return ""
}

// help adds what flags cannot say.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	w := &lines{w: ctx.Stdout}
	w.printf("\nSettings: a flag beats the environment, and the environment beats Parameter Store, which is")
	w.printf("asked only if the input, the model or the output is not set otherwise.\n")
	w.printf("Environment:")
	for _, v := range []struct{ name, about string }{
		{contract.EnvInput, "as --input"},
		{contract.EnvModel, "as --model"},
		{contract.EnvOutput, "as --output"},
		{contract.EnvScript, "as --script"},
		{contract.EnvPackage, "as --package"},
		{contract.EnvScriptMemory, "as --script-memory-mib"},
		{contract.EnvScriptTimeout, "as --script-timeout-seconds"},
		{contract.EnvScriptNetwork, "as --script-network: true or false"},
		{contract.EnvPackageMaxFiles, "as --package-max-files"},
		{contract.EnvPackageMaxMiB, "as --package-max-mib"},
		{contract.EnvPython, "interpreter of a .py script; default python3"},
		{contract.EnvKeep, "as --keep"},
		{contract.EnvNullValues, "as --null-values"},
		{contract.EnvInputFormat, "as --input-format"},
		{contract.EnvOutputFormat, "as --output-format"},
		{contract.EnvDelimiter, "as --delimiter"},
		{contract.EnvOutputDelimiter, "as --output-delimiter"},
		{contract.EnvEncoding, "as --encoding"},
		{contract.EnvWorkers, "as --workers"},
		{contract.EnvChecksum, "as --checksum"},
		{contract.EnvReport, "as --report or --no-report: true or false"},
		{contract.EnvMaxRecordBytes, "as --max-record-bytes"},
		{contract.EnvMaxRejects, "as --max-rejects"},
		{contract.EnvEnvironment, "such as prod: write a line of CloudWatch metrics at the end, with it as dimension"},
		{contract.EnvPeriod, "as --period"},
		{contract.EnvForce, "as --force: true or false"},
		{contract.EnvScaleRun, "as --run of plan, part and merge"},
		{contract.EnvScaleRound, "as --round"},
		{contract.EnvScaleRangeMiB, "as --range-mib of plan"},
		{contract.EnvScaleItems, "as --items of part"},
		{contract.EnvScaleResults, "as --results of merge"},
		{contract.EnvScaleSource, "inventory: keys of the first round's items are escaped as S3 does in inventories"},
		{contract.EnvScaleMaxMissing, "as --max-missing of merge"},
		{contract.EnvImage, "digest of the container's image, for the manifest"},
		{contract.EnvParameterPrefix, "where the parameters are; default " + contract.DefaultParameterPrefix},
	} {
		w.printf("  %-20s  %s", v.name, v.about)
	}
	for _, p := range contract.Parameters() {
		w.printf("  %-20s  %s; beats the parameter %s", p.Env, p.About, p.Name)
	}
	w.printf("  %-20s  %s", "AWS_...", "as for every AWS tool: AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL, AWS_MAX_ATTEMPTS")
	w.printf("\nExit status:")
	for _, s := range contract.ExitStatuses() {
		again := ""
		if s.Retry {
			again = " (worth trying again)"
		}
		w.printf("  %-3d %-15s %s%s", s.Code, s.Name, s.Meaning, again)
	}
	return w.err
}

// lines prints until the first error.
type lines struct {
	w   io.Writer
	err error
}

func (l *lines) printf(format string, args ...any) {
	if l.err == nil {
		_, l.err = fmt.Fprintf(l.w, format+"\n", args...)
	}
}

func versionText() string {
	v := version
	info, ok := debug.ReadBuildInfo()
	if v == "" && ok {
		v = info.Main.Version
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				v = s.Value
			}
		}
	}
	if v == "" {
		v = "unknown"
	}
	return fmt.Sprintf("preprocess %s (%s, %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
