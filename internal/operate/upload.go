package operate

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	show "ds-pipeline/preprocess/console"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/job"
	"ds-pipeline/preprocess/named"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/storage"
)

// parameter is a parameter that every stack has.
func (p *place) parameter(name string) (string, error) {
	if v := p.parameters[name]; v != "" {
		return v, nil
	}
	return "", fail(exitConfig, "Deploy the stack again, which restores its parameters.", "parameter %s%s: missing", p.prefix, name)
}

type uploadCommand struct {
	Input    string `type:"path" placeholder:"FILE" help:"Data to upload: CSV, JSON lines or Parquet, compressed or not."`
	Model    string `type:"path" placeholder:"FILE" help:"Fitted model to upload, as joblib.dump or pickle.dump wrote it."`
	Script   string `type:"path" placeholder:"FILE" help:"Script to upload, to where the parameter script-key says. It is looked at and not run."`
	Package  string `type:"path" placeholder:"FILE" help:"Package of the script to upload, to where the parameter package-key says. It is unpacked here to try it, and nothing of it is run."`
	InputKey string `placeholder:"KEY" help:"Where the data goes in the input bucket. Another key than the parameter input-key becomes that parameter. Default: what it says."`
	ModelKey string `placeholder:"KEY" help:"Where the model goes in the artifact bucket. Another key than the parameter model-key becomes that parameter. Default: what it says."`

	Check      bool `default:"true" negatable:"" help:"Try first, here, whether the job would take the model and the data, the header and the first records, and what can be said of script and package without running them. Default: yes."`
	Parameters bool `default:"true" negatable:"" help:"Change the parameter if the key is another. Default: yes."`
}

// uploaded is one object that was uploaded.
type uploaded struct {
	File      string `json:"file"`
	URI       string `json:"uri"`
	Size      int64  `json:"size"`
	SHA256    string `json:"sha256"`
	Parameter string `json:"parameter,omitempty"` // that was changed
	Was       string `json:"was,omitempty"`

	name, key string
}

func (c *uploadCommand) run(ctx context.Context, s *session) error {
	if c.Input == "" && c.Model == "" && c.Script == "" && c.Package == "" {
		return usagef("nothing to upload; want --input FILE, --model FILE, --script FILE, --package FILE or several")
	}
	if err := (request{InputKey: c.InputKey, ModelKey: c.ModelKey}).check(); err != nil {
		return err
	}
	if c.InputKey != "" {
		if err := storage.CheckKey(c.InputKey); err != nil {
			return usagef("--input-key: %w", err)
		}
	}
	var wrong []error
	for _, f := range []struct{ flag, path string }{{"--input", c.Input}, {"--model", c.Model}, {"--script", c.Script}, {"--package", c.Package}} {
		if f.path != "" {
			wrong = append(wrong, checkFile(f.flag, f.path))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return err
	}
	if err := s.find(ctx); err != nil {
		return err
	}
	objects, err := c.objects(s)
	if err != nil {
		return err
	}
	if c.Check {
		code, err := checkCode(objects)
		if err != nil {
			return err
		}
		var data error
		if c.Input != "" || c.Model != "" {
			if data, err = c.check(ctx, s); err != nil {
				return err
			}
		}
		if err := notTaken(code, data); err != nil {
			return err
		}
	}
	for _, o := range objects {
		if err := s.upload(ctx, o); err != nil {
			return err
		}
		if err := c.point(ctx, s, o); err != nil {
			return err
		}
		if !s.JSON {
			s.printf("%s (%s)\n  sha256 %s\n", o.URI, show.Size(o.Size), o.SHA256)
		}
	}
	if s.JSON {
		return s.printJSON(objects)
	}
	return nil
}

// checkFile says why a file cannot be uploaded.
func checkFile(flag, path string) error {
	if err := named.File(flag, path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return usagef("%s %s: it is a pipe or a device; want a file", flag, named.Near(path))
	case info.Size() == 0:
		return fail(exitData, "", "%s %s: it is empty", flag, named.Near(path))
	}
	return nil
}

// objects are what is to be uploaded, and where to: script and model first, so that data
// that has come finds the model it is for.
func (c *uploadCommand) objects(s *session) ([]*uploaded, error) {
	var objects []*uploaded
	for _, o := range []struct{ file, key, bucket, name string }{
		{c.Package, "", contract.ArtifactBucket, contract.PackageKey},
		{c.Script, "", contract.ArtifactBucket, contract.ScriptKey},
		{c.Model, c.ModelKey, contract.ArtifactBucket, contract.ModelKey},
		{c.Input, c.InputKey, contract.InputBucket, contract.InputKey},
	} {
		if o.file == "" {
			continue
		}
		bucket, err := s.place.parameter(o.bucket)
		if err != nil {
			return nil, err
		}
		key := cmp.Or(o.key, s.place.parameters[o.name])
		if key == "" && (o.name == contract.ScriptKey || o.name == contract.PackageKey) {
			return nil, fail(exitConfig, "Set scriptKey, and packageKey if there is a package, in the configuration of the stack, and deploy it.",
				"%s: the stack has no parameter %s%s that says where it goes", path.Base(o.file), s.place.prefix, o.name)
		}
		u, err := storage.ParsePattern("s3://" + bucket + "/" + key)
		if err != nil || u.IsPattern() {
			return nil, usagef("the parameter %s is %q, which is not one object; name the key with --%s", o.name, key, o.name)
		}
		if have, want := format(o.file), format(key); o.name == contract.InputKey && have != want {
			return nil, usagef("%s is %s by its name, but the key %s says %s; want --input-key %s", path.Base(o.file), have, key, want, suggestKey(key, o.file))
		}
		objects = append(objects, &uploaded{File: o.file, URI: u.String(), name: o.name, key: key})
	}
	return objects, nil
}

// format is what the job takes an input for by its name.
func format(name string) string {
	switch strings.ToLower(path.Ext(packedName(name))) {
	case ".tsv":
		return "tab-separated"
	case ".jsonl", ".ndjson":
		return "JSON lines"
	case ".parquet":
		return "Parquet"
	}
	return "CSV"
}

// packedName is a name without the ending of a compression.
func packedName(name string) string {
	for _, ending := range []string{".gz", ".zst"} {
		if rest, ok := strings.CutSuffix(name, ending); ok {
			return rest
		}
	}
	return name
}

func suggestKey(key, file string) string {
	base := packedName(path.Base(key))
	return contract.Beside(key, strings.TrimSuffix(base, path.Ext(base))+path.Ext(packedName(file)))
}

// check tries here what the job would make of the model and the data. Of what is
// not uploaded the object that is there already is taken. refusal is why a run would
// fail.
func (c *uploadCommand) check(ctx context.Context, s *session) (refusal, err error) {
	env := job.Env{Log: slog.New(slog.NewTextHandler(s.err, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	model, err := c.orThere(ctx, s, c.Model, contract.ArtifactBucket, contract.ModelKey, "model")
	if err != nil {
		return nil, err
	}
	input, err := c.orThere(ctx, s, c.Input, contract.InputBucket, contract.InputKey, "input")
	if err != nil {
		return nil, err
	}
	var found job.Checked
	switch {
	case model == "":
		s.note("there is no model yet, so that the data cannot be tried with it")
		return nil, nil
	case input == "":
		u, err := storage.ParseURI(model)
		if err != nil {
			return nil, err
		}
		if found, err = job.CheckModel(ctx, u, env); err != nil {
			return err, nil
		}
		s.note("the model can be read; there is no data yet to try it with")
		return nil, nil
	}
	if found, err = tryJob(ctx, input, model, s.place.parameters, s.jobEnvironment(ctx), env); err != nil {
		return err, nil
	}
	if found.Result == nil {
		s.note("the data and the model can be read; what the script of the stack makes of them is not tried here")
		return nil, nil
	}
	if found.Rejected > 0 {
		s.note("warning: %d of the first %s records look wrong, the first at %s", found.Rejected, show.Thousands(found.Records), found.Why)
	}
	s.note("the job takes them: %d columns in, %d out%s", len(found.Columns), len(found.Result), triedText(found))
	return nil, nil
}

// triedText says how many records were tried; "" for none, as of Parquet.
func triedText(c job.Checked) string {
	if c.Records == 0 {
		return ""
	}
	return fmt.Sprintf(", the first %s records tried", show.Thousands(c.Records))
}

// tryJob does what a run of the container would do before it writes. Of its
// environment only what the contract calls settings counts.
func tryJob(ctx context.Context, input, model string, parameters, environment map[string]string, env job.Env) (job.Checked, error) {
	output := "s3://result/data.csv" // over nothing of theirs; nothing is written
	if environment[contract.EnvOutputFormat] == "parquet" {
		output = "s3://result/data.parquet"
	}
	flags := job.Flags{Input: &input, Model: &model, Output: &output}
	artifact := func(key string) *string { return given("s3://" + parameters[contract.ArtifactBucket] + "/" + key) }
	if key := parameters[contract.ScriptKey]; key != "" {
		flags.Script, flags.ScriptStage = artifact(key), given(parameters[contract.ScriptStage])
	}
	if key := parameters[contract.PackageKey]; key != "" {
		flags.Package = artifact(key)
	}
	settings, err := job.LoadSettings(ctx, flags, settingsOnly(environment), nil)
	if err != nil {
		return job.Checked{}, err
	}
	return job.Check(ctx, settings, env)
}

// settingsOnly reads the job's settings in an environment, and nothing else.
func settingsOnly(environment map[string]string) func(string) string {
	return func(name string) string {
		for _, setting := range contract.Settings() {
			if setting.Env == name {
				return environment[name]
			}
		}
		return ""
	}
}

// jobEnvironment is the environment of the job's container: the one that is
// deployed, else what the stack file says.
func (s *session) jobEnvironment(ctx context.Context) map[string]string {
	d := &doctor{session: s}
	d.stateMachine(ctx)
	d.taskDefinition(ctx)
	if d.task != nil {
		return d.task.environment
	}
	if s.Stack != "" {
		if f, err := readStackFile(s.Dir, s.Stack); err == nil {
			return f.jobEnvironment()
		}
	}
	s.note("what the job's settings are may not be read: it is tried with none")
	return nil
}

// checkCode looks at the script and the package as far as that goes without
// running anything of them. What the script is, the key tells.
func checkCode(objects []*uploaded) (refusal, err error) {
	var refusals []error
	for _, o := range objects {
		var problems []string
		switch o.name {
		case contract.ScriptKey:
			if problems, err = script.Check(o.File, o.key); err != nil {
				return nil, err
			}
			if script.IsPython(o.File) != script.IsPython(o.key) {
				problems = append(problems, fmt.Sprintf("by its name and by the key %s it is not Python both times; want the same ending", o.key))
			}
		case contract.PackageKey:
			err := tryPackage(o.File)
			if errors.As(err, new(*script.PackageError)) {
				problems = strings.Split(err.Error(), "\n")
			} else if err != nil {
				return nil, err
			}
		}
		for _, problem := range problems {
			refusals = append(refusals, fail(exitData, "", "%s %s: %s", strings.TrimSuffix(o.name, "-key"), path.Base(o.File), problem))
		}
	}
	return errors.Join(refusals...), nil
}

// tryPackage unpacks a package, as the job does with its usual limits, and keeps
// nothing of it.
func tryPackage(file string) (err error) {
	archive, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	info, err := archive.Stat()
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "dspipe-package-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	return script.Unpack(archive, info.Size(), folder, script.DefaultPackageLimits())
}

// notTaken says that nothing was uploaded, and why, with the status of the first
// problem. It is nil if all are.
func notTaken(problems ...error) error {
	err := errors.Join(problems...)
	if err == nil {
		return nil
	}
	status := exitData // of script and package
	for _, one := range problems {
		if one == nil {
			continue
		}
		var ours *Error
		if status = job.ExitStatus(one); errors.As(one, &ours) {
			status = ours.Status
		}
		break
	}
	return &Error{Status: status, Err: fmt.Errorf("nothing was uploaded, as a run would fail: %w", err),
		Remedy: "Mend it and upload again; --no-check uploads all the same."}
}

// orThere is a file, or what the stack has in its place; "" if there is nothing.
func (c *uploadCommand) orThere(ctx context.Context, s *session, file, bucketName, keyName, what string) (string, error) {
	if file != "" {
		return file, nil
	}
	bucket, err := s.place.parameter(bucketName)
	if err != nil {
		return "", err
	}
	u, err := storage.ParsePattern("s3://" + bucket + "/" + s.place.parameters[keyName])
	if err != nil {
		return "", nil //nolint:nilerr // what is no object cannot be tried; doctor tells of it
	}
	if u.IsPattern() {
		if _, err := s.aws.store.List(ctx, u); err != nil {
			return "", nil //nolint:nilerr // as above
		}
		return u.String(), nil
	}
	info, err := s.aws.store.Stat(ctx, u)
	if errors.Is(err, storage.ErrDenied) {
		s.note("the %s that is there, %s, may not be read: it is not tried", what, u)
		return "", nil
	}
	if err != nil || !info.Exists {
		return "", err
	}
	return u.String(), nil
}

// upload sends one file. The object appears whole, once S3 has confirmed the
// checksum of every part.
func (s *session) upload(ctx context.Context, o *uploaded) error {
	u, err := storage.ParseURI(o.URI)
	if err != nil {
		return err
	}
	f, err := os.Open(o.File)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	up, err := s.aws.store.Create(ctx, u, storage.Condition{})
	if err != nil {
		return err
	}
	sum := sha256.New()
	bar := s.bar(path.Base(o.File), info.Size())
	defer bar.clear()
	o.Size, err = io.Copy(io.MultiWriter(up, sum, bar), f)
	if err == nil && o.Size != info.Size() {
		err = fail(exitIO, "Upload it again once it is whole.", "%s changed while it was read", o.File)
	}
	if err == nil {
		_, err = up.Commit()
	}
	if err != nil {
		return errors.Join(err, up.Abort())
	}
	o.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return nil
}

// point makes the parameter say where the object is.
func (c *uploadCommand) point(ctx context.Context, s *session, o *uploaded) error {
	was := s.place.parameters[o.name]
	if was == o.key || !c.Parameters {
		return nil
	}
	name := s.place.prefix + o.name
	if _, err := s.aws.ssm().PutParameter(ctx, &ssm.PutParameterInput{Name: &name, Value: &o.key, Overwrite: aws.Bool(true)}); err != nil {
		return err
	}
	o.Parameter, o.Was = name, was
	s.note("%s is now %s (it was %s); a deployment sets it back, so say it there too: pulumi config set %s %s", name, o.key, was, configKey(o.name), o.key)
	return nil
}

// configKey is how the configuration of a stack calls a parameter.
func configKey(parameter string) string {
	if parameter == contract.InputKey {
		return "inputKey"
	}
	return "modelKey"
}
