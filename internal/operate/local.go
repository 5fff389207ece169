package operate

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	show "ds-pipeline/preprocess/console"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/job"
	"ds-pipeline/preprocess/named"
	"ds-pipeline/preprocess/storage"
)

type localCommand struct {
	Input   string `placeholder:"URI" help:"Data: a path or s3://bucket/key. Default: the stack's object."`
	Model   string `placeholder:"URI" help:"Fitted model: a path or s3://bucket/key. Default: the stack's object."`
	Output  string `placeholder:"URI" help:"Where the result goes. Default: the stack's."`
	Buckets string `type:"path" placeholder:"DIR" help:"Directory that stands for the buckets: it has their objects in input/, artifacts/ and output/."`
	Period  string `placeholder:"YYYY-MM" help:"Month that the run is for. Default: none."`
	Force   bool   `help:"Run also if the same was done before: the same month, inputs, model, settings and program."`
}

// run runs the job here with the settings that its container would have. The
// stack is the one of --stack; without it, flags have to say where everything is.
func (c *localCommand) run(ctx context.Context, s *session) error {
	if c.Period != "" {
		if err := contract.CheckPeriod(c.Period); err != nil {
			return usagef("--period: %w", err)
		}
	}
	if s.Stack == "" && (c.Input == "" || c.Model == "" || c.Output == "") && c.Buckets == "" {
		return usagef("what is to be run? Want --stack NAME; or --input, --model and --output; or --buckets DIR")
	}
	settings, err := c.settings(ctx, s)
	if err != nil {
		return err
	}
	inAWS := settings.Input.IsS3() || settings.Model.IsS3() || settings.Output.IsS3()
	if elsewhere := s.Getenv("AWS_ENDPOINT_URL") + s.Getenv("AWS_ENDPOINT_URL_S3"); inAWS && elsewhere == "" {
		if err := s.connect(ctx); err != nil { // refuses another account
			return err
		}
	} else if inAWS {
		s.chooseCredentials()
	}
	return c.preprocess(ctx, s, settings)
}

// settings are those of the container: what the flags say, else what the stack's
// configuration would put into Parameter Store.
func (c *localCommand) settings(ctx context.Context, s *session) (job.Settings, error) {
	values, cpu := map[string]string{contract.InputKey: contract.DefaultInputKey, contract.ModelKey: contract.DefaultModelKey}, 0
	var environment map[string]string
	if s.Stack != "" {
		f, err := readStackFile(s.Dir, s.Stack)
		if err != nil {
			return job.Settings{}, err
		}
		values, environment = f.parameters(s.Region), f.jobEnvironment()
		cpu, _ = strconv.Atoi(f.text("taskCpu"))
		s.Region, s.Profile = cmp.Or(s.Region, f.text("aws:region")), cmp.Or(s.Profile, f.text("aws:profile"))
	}
	flags := job.Flags{Input: given(c.Input), Model: given(c.Model), Output: given(c.Output), Period: given(c.Period)}
	if c.Buckets != "" {
		if err := named.Folder("--buckets", c.Buckets); err != nil {
			return job.Settings{}, err
		}
		below := func(name, key string) *string { return given(filepath.Join(c.Buckets, name, filepath.FromSlash(key))) }
		flags.Input = firstGiven(flags.Input, below("input", values[contract.InputKey]))
		flags.Model = firstGiven(flags.Model, below("artifacts", values[contract.ModelKey]))
		if key := values[contract.ScriptKey]; key != "" {
			flags.Script = below("artifacts", key)
		}
		if key := values[contract.PackageKey]; key != "" {
			flags.Package = below("artifacts", key)
		}
		if flags.Output == nil {
			key := contract.OutputKey
			if environment[contract.EnvOutputFormat] == "parquet" {
				key = contract.ParquetOutputKey
			}
			flags.Output = below("output", key)
			if err := os.MkdirAll(filepath.Dir(*flags.Output), 0o755); err != nil { //nolint:gosec // as the umask says
				return job.Settings{}, err
			}
		}
	}
	if c.Force {
		flags.Force = &c.Force
	}
	if cpu >= 1024 {
		flags.Workers = given(strconv.Itoa(cpu / 1024)) // Fargate gives the task so many CPUs
	}
	settings := settingsOnly(environment) // the person's environment is not the container's
	env := func(name string) string {
		for _, p := range contract.Parameters() {
			// The job reads these only beside others; here they always count.
			if p.Env == name && (p.Name == contract.ScriptKey || p.Name == contract.PackageKey || p.Name == contract.ScriptStage) {
				return values[p.Name]
			}
		}
		if name == contract.EnvPython {
			return os.Getenv(name) // where it is on this machine
		}
		return settings(name)
	}
	parameters := func(_ context.Context, names []string) (map[string]string, error) {
		found := map[string]string{}
		for _, name := range names {
			if v := values[strings.TrimPrefix(name, contract.DefaultParameterPrefix)]; v != "" {
				found[name] = v
			}
		}
		return found, nil
	}
	return job.LoadSettings(ctx, flags, env, parameters)
}

// parameters are what the stack puts into Parameter Store.
func (f *stackFile) parameters(region string) map[string]string {
	values := map[string]string{
		contract.InputKey: f.text("inputKey"), contract.ModelKey: f.text("modelKey"),
		contract.ScriptKey: f.text("scriptKey"), contract.PackageKey: f.text("packageKey"), contract.ScriptStage: f.text("scriptStage"),
	}
	account := f.text("accountId")
	region = cmp.Or(region, f.text("aws:region"))
	if account == "" || region == "" {
		return values // the buckets have to be named otherwise
	}
	environment := cmp.Or(f.text("environment"), f.name)
	for name, purpose := range map[string]string{
		contract.InputBucket: contract.InputPurpose, contract.OutputBucket: contract.OutputPurpose, contract.ArtifactBucket: contract.ArtifactPurpose,
	} {
		values[name] = contract.BucketName(purpose, environment, account, region, f.text("resourceSuffix"))
	}
	return values
}

// jobEnvironment is what the stack puts into the environment of the container.
func (f *stackFile) jobEnvironment() map[string]string {
	environment := map[string]string{}
	for _, setting := range contract.Settings() {
		if v := f.text(setting.Key); v != "" {
			environment[setting.Env] = v
		}
	}
	return environment
}

func given(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

func firstGiven(texts ...*string) *string {
	for _, t := range texts {
		if t != nil {
			return t
		}
	}
	return nil
}

// preprocess is the job.
func (c *localCommand) preprocess(ctx context.Context, s *session, settings job.Settings) error {
	env := job.Env{Log: slog.New(show.NewTextHandler(s.err)), Version: s.versionText()}
	if s.JSON {
		env.Log = slog.New(slog.NewJSONHandler(s.err, nil))
	} else if s.progress {
		bar := show.NewBar(s.err)
		defer bar.Clear()
		env.Progress = bar.Set
	}
	summary, err := job.Run(ctx, settings, env)
	if err != nil {
		if e := explainAPI(err); e != nil {
			return e
		}
		status := job.ExitStatus(err)
		remedy := remedyOfStatus(status)
		var object *storage.Error
		if status == exitNotFound && errors.As(err, &object) && !object.URI.IsS3() {
			remedy = "" // which is about objects and keys
		}
		return &Error{Status: status, Err: err, Remedy: remedy}
	}
	if summary.Repeated {
		s.note("%s", summary.RepeatedText())
	}
	if s.JSON {
		return s.printJSON(map[string]any{
			"result": summary.Output, "input": summary.Input, "model": summary.Model, "period": summary.Period, "rejects": summary.Rejects, "report": summary.Report,
			"manifest": summary.Manifest, "newest": summary.Newest, "rows_in": summary.RowsIn, "rows_out": summary.RowsOut, "rows_rejected": summary.RowsRejected, "rows_filtered": summary.RowsFiltered,
			"repeated": summary.Repeated, "columns_in": summary.ColumnsIn, "columns_out": summary.ColumnsOut, "drifted_columns": summary.Drift.Columns(), "seconds": summary.Elapsed.Seconds(), "workers": summary.Workers,
		})
	}
	show.PrintSummary(s.out, summary)
	return nil
}
