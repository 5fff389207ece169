package job

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"ds-pipeline/preprocess/codec"
	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/script"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// MaxWorkers bounds --workers: each worker needs a few MB.
const MaxWorkers = 256

// Flags are the settings of the command line as typed; nil means not given.
type Flags struct {
	Input, Model, Output *string
	Script, Package      *string
	ScriptStage          *string
	ScriptMemory         *string
	ScriptTimeout        *string
	ScriptNetwork        *bool
	PackageMaxFiles      *string
	PackageMaxMiB        *string
	Keep, NullValues     *string
	InputFormat          *string
	OutputFormat         *string
	Delimiter            *string
	OutputDelimiter      *string
	Encoding             *string
	Workers              *string
	MaxRecordBytes       *string
	MaxRejects           *string
	ShowValues           bool
	Report               *bool
	Period               *string
	Force                *bool
	Checksum             *string
}

// Settings is all that a run needs to know.
type Settings struct {
	Input, Model, Output storage.URI   // with a period, Output is that of the newest
	Period               string        // a month such as 2026-11; "" for none
	Keep                 []string      // input columns to copy, in order
	Nulls                []string      // texts that mean a missing value
	Dialect              table.Dialect // of the input
	Parquet              bool          // the input is Parquet, whatever Dialect says
	OutputDialect        table.Dialect
	ParquetOutput        bool           // the result is Parquet, whatever OutputDialect says
	Encoding             codec.Encoding // of the input
	Workers              int
	MaxRecordBytes       int
	MaxRejects           RejectLimit
	ShowValues           bool               // show values in messages about records, and in the report
	Report               bool               // write a report beside the result
	Force                bool               // run even if the same run of the period is complete
	Checksum             manifest.Algorithm // of the inputs and of the output

	Script, Package storage.URI // zero for none
	ScriptStage     string      // before or after the model
	Python          string      // interpreter of a script that is a .py file
	ScriptLimits    script.Limits
	PackageLimits   script.PackageLimits

	unnamed  bool // nothing says what format the input has
	nullsSet bool // Nulls are as somebody wished

	blocks blockSizes // of a test; the usual ones if zero
}

// Parameters reads parameters by their full names; those that do not exist are
// absent from the result.
type Parameters func(ctx context.Context, names []string) (map[string]string, error)

// LoadSettings settles the settings of a run. A flag beats the environment, and
// the environment beats Parameter Store, which is asked once, and only if the
// input, the model or the output is still open. All problems are reported
// together.
func LoadSettings(ctx context.Context, flags Flags, getenv func(string) string, parameters Parameters) (Settings, error) {
	l := newLoader(flags, getenv)
	l.choose(inputSource, modelSource, outputSource)
	l.chooseCode()
	if err := l.ask(ctx, parameters); err != nil {
		return Settings{}, err
	}
	s := Settings{
		Input:          l.uri(inputSource),
		Model:          l.uri(modelSource),
		Output:         l.uri(outputSource),
		Keep:           l.keep(),
		Encoding:       l.encoding(),
		Workers:        l.number("workers", flags.Workers, contract.EnvWorkers, runtime.GOMAXPROCS(0), 1, MaxWorkers),
		MaxRecordBytes: l.number("max-record-bytes", flags.MaxRecordBytes, contract.EnvMaxRecordBytes, table.DefaultRecordLimit, table.MinRecordLimit, table.MaxRecordLimit),
		MaxRejects:     l.maxRejects(),
		ShowValues:     flags.ShowValues,
		Report:         l.yes(l.flags.Report, contract.EnvReport, true),
		Force:          l.yes(l.flags.Force, contract.EnvForce, false),
		Period:         l.period(),
		Checksum:       l.checksum(),
	}
	format, named := l.format(s.Input)
	s.Parquet, s.unnamed = format == "parquet", !named
	s.Dialect = l.dialect(s.Input, format)
	_, from := l.text("null-values", flags.NullValues, contract.EnvNullValues)
	s.nullsSet = from != ""
	s.Nulls = l.nulls(s.Dialect)
	if s.Parquet && !s.nullsSet {
		s.Nulls = nil
	}
	s.OutputDialect.Delimiter = l.delimiter("output-delimiter", flags.OutputDelimiter, contract.EnvOutputDelimiter, s.Output)
	s.ParquetOutput = l.parquetOutput(s.Output)
	l.code(&s)
	if s.Input.Path == storage.Stdin && s.Model.Path == storage.Stdin {
		l.problem("model: the standard input is already the input")
	}
	l.refuseOverwriting(s)
	return s, l.err()
}

// refuseOverwriting reports what the run would read and also write, or write twice.
func (l *loader) refuseOverwriting(s Settings) {
	if s.Output == (storage.URI{}) {
		return
	}
	if base := path.Base(name(s.Output)); base == contract.ManifestName || base == contract.RejectsName || base == contract.ReportName {
		l.problem("output: %s is where the run writes something else; want another name", s.Output)
	}
	read := storage.OneOf(s.Input, s.Model, s.Script, s.Package)
	for _, u := range s.writes() {
		switch {
		case read(u):
			l.problem("output: %s would be overwritten; want another name", u)
		case s.Input.IsPattern() && storage.Matches(s.Input, u):
			l.problem("output: %s would be one of the objects of %s; want a name that is not", u, s.Input)
		default:
			continue
		}
		return
	}
}

// checksum is how the data's checksums are computed.
func (l *loader) checksum() manifest.Algorithm {
	v, from := l.text("checksum", l.flags.Checksum, contract.EnvChecksum)
	if v == "" {
		return manifest.CRC64NVME
	}
	if err := contract.CheckChecksum(v); err != nil {
		l.problem("checksum (%s): %w", from, err)
	}
	return manifest.Algorithm(v)
}

// period is a month, or none.
func (l *loader) period() string {
	v, from := l.text("period", l.flags.Period, contract.EnvPeriod)
	if v == "" {
		return ""
	}
	if err := contract.CheckPeriod(v); err != nil {
		l.problem("period (%s): %w", from, err)
		return ""
	}
	return v
}

// loadModelSetting settles the URI of the model alone.
func loadModelSetting(ctx context.Context, flags Flags, getenv func(string) string, parameters Parameters) (storage.URI, error) {
	l := newLoader(flags, getenv)
	l.choose(modelSource)
	if err := l.ask(ctx, parameters); err != nil {
		return storage.URI{}, err
	}
	return l.uri(modelSource), l.err()
}

// loadOutputSetting settles the URI of a result alone, that of its period if
// there is one.
func loadOutputSetting(ctx context.Context, flags Flags, getenv func(string) string, parameters Parameters) (storage.URI, error) {
	l := newLoader(flags, getenv)
	l.choose(outputSource)
	if err := l.ask(ctx, parameters); err != nil {
		return storage.URI{}, err
	}
	s := Settings{Output: l.uri(outputSource), Period: l.period()}
	return s.target(), l.err()
}

// source is an object that the job needs, and all the places that can name it.
type source struct {
	name        string // of the flag
	env         string
	bucket, key string // parameters; key "" for a fixed key
	fixedKey    string
}

var (
	inputSource   = source{name: "input", env: contract.EnvInput, bucket: contract.InputBucket, key: contract.InputKey}
	modelSource   = source{name: "model", env: contract.EnvModel, bucket: contract.ArtifactBucket, key: contract.ModelKey}
	outputSource  = source{name: "output", env: contract.EnvOutput, bucket: contract.OutputBucket, fixedKey: contract.OutputKey}
	scriptSource  = source{name: "script", env: contract.EnvScript, bucket: contract.ArtifactBucket, key: contract.ScriptKey}
	packageSource = source{name: "package", env: contract.EnvPackage, bucket: contract.ArtifactBucket, key: contract.PackageKey}
)

// fromStore begins what names a parameter of Parameter Store as the origin of a
// value.
const fromStore = "parameter "

// loader collects problems, so that LoadSettings reads as a list of settings.
type loader struct {
	flags    Flags
	getenv   func(string) string
	envOf    map[string]string // environment variable of a parameter
	prefix   string
	whole    map[string]string // URI of a source, by its name
	from     map[string]string // where it was set
	wanted   []string          // parameters to ask for
	values   map[string]string // parameters and their environment variables
	origin   map[string]string // where each of values was set
	problems []error
	unasked  bool // Parameter Store did not answer
}

func newLoader(flags Flags, getenv func(string) string) *loader {
	l := &loader{
		flags: flags, getenv: getenv,
		envOf: map[string]string{}, whole: map[string]string{}, from: map[string]string{},
		values: map[string]string{}, origin: map[string]string{},
		prefix: contract.DefaultParameterPrefix,
	}
	for _, p := range contract.Parameters() {
		l.envOf[p.Name] = p.Env
	}
	if p := getenv(contract.EnvParameterPrefix); p != "" {
		l.prefix = p
		if !strings.HasPrefix(p, "/") || !strings.HasSuffix(p, "/") {
			l.problem("%s: got %q, want a path that starts and ends with a slash, such as %s",
				contract.EnvParameterPrefix, p, contract.DefaultParameterPrefix)
		}
	}
	return l
}

func (l *loader) problem(format string, args ...any) {
	l.problems = append(l.problems, fmt.Errorf(format, args...))
}

func (l *loader) err() error {
	if len(l.problems) == 0 {
		return nil
	}
	return &Error{Status: contract.ExitConfig, Err: list("settings", l.problems)}
}

func (l *loader) flag(s source) *string {
	switch s.name {
	case inputSource.name:
		return l.flags.Input
	case modelSource.name:
		return l.flags.Model
	case outputSource.name:
		return l.flags.Output
	case scriptSource.name:
		return l.flags.Script
	}
	return l.flags.Package
}

// yes settles a setting that is true or false.
func (l *loader) yes(flag *bool, env string, usual bool) bool {
	if flag != nil {
		return *flag
	}
	switch v := l.getenv(env); v {
	case "":
	case "true":
		return true
	case "false":
		return false
	default:
		l.problem("%s: got %q, want true or false", env, v)
	}
	return usual
}

// given takes a source from a flag or the environment.
func (l *loader) given(s source) bool {
	if v := l.flag(s); v != nil {
		l.whole[s.name], l.from[s.name] = *v, "--"+s.name
		return true
	}
	if v := l.getenv(s.env); v != "" {
		l.whole[s.name], l.from[s.name] = v, s.env
		return true
	}
	return false
}

// parameter takes a parameter from the environment, or notes that it is to be
// asked for.
func (l *loader) parameter(name string) {
	if _, ok := l.values[name]; ok || slices.Contains(l.wanted, name) {
		return
	}
	if v := l.getenv(l.envOf[name]); v != "" {
		l.values[name], l.origin[name] = v, l.envOf[name]
		return
	}
	l.wanted = append(l.wanted, name)
}

// choose finds required sources.
func (l *loader) choose(sources ...source) {
	for _, s := range sources {
		if l.given(s) {
			continue
		}
		l.parameter(s.bucket)
		if s.key != "" {
			l.parameter(s.key)
		}
	}
}

// chooseCode finds the script and the package. They are optional, so they are
// asked for only together with something else.
func (l *loader) chooseCode() {
	ask := len(l.wanted) > 0
	for _, s := range []source{scriptSource, packageSource} {
		if !l.given(s) && (ask || l.getenv(l.envOf[s.key]) != "") {
			l.parameter(s.bucket)
			l.parameter(s.key)
		}
	}
	if ask || l.getenv(l.envOf[contract.ScriptStage]) != "" {
		l.parameter(contract.ScriptStage)
	}
}

// code settles the script and its package.
func (l *loader) code(s *Settings) {
	s.Script, s.Package = l.optional(scriptSource), l.optional(packageSource)
	s.ScriptStage = contract.ScriptBefore
	if v, from := l.stage(); from != "" {
		if s.ScriptStage = v; v != contract.ScriptBefore && v != contract.ScriptAfter {
			l.problem("script-stage (%s): got %q, want %s or %s", from, v, contract.ScriptBefore, contract.ScriptAfter)
		}
	}
	s.Python = cmp.Or(l.getenv(contract.EnvPython), "python3")
	s.ScriptLimits = script.Limits{
		MemoryBytes: int64(l.number("script-memory-mib", l.flags.ScriptMemory, contract.EnvScriptMemory, 2048, contract.LeastScriptMemoryMiB, contract.MostScriptMemoryMiB)) << 20,
		Timeout:     time.Second * time.Duration(l.number("script-timeout-seconds", l.flags.ScriptTimeout, contract.EnvScriptTimeout, 300, 1, contract.MostScriptTimeoutSecond)),
		Network:     l.yes(l.flags.ScriptNetwork, contract.EnvScriptNetwork, false),
	}
	usual := script.DefaultPackageLimits()
	s.PackageLimits = script.PackageLimits{
		Files: l.number("package-max-files", l.flags.PackageMaxFiles, contract.EnvPackageMaxFiles, usual.Files, 1, contract.MostPackageFiles),
		Bytes: int64(l.number("package-max-mib", l.flags.PackageMaxMiB, contract.EnvPackageMaxMiB, int(usual.Bytes>>20), 1, contract.MostPackageMiB)) << 20,
	}
	if s.Script.Path == storage.Stdin || s.Package.Path == storage.Stdin {
		l.problem("script, package: cannot be read from the standard input; want a file or an object")
	}
	l.refuseUnused()
}

// refuseUnused reports what is set for a script, or for its package, that there is
// none of. What asks for nothing that would not be so anyway may stand: no network,
// the usual stage in Parameter Store, and the interpreter, which an image sets.
func (l *loader) refuseUnused() {
	if l.unasked {
		return // there may be one
	}
	unused := func(name, from, missing string) {
		if from != "" {
			l.problem("%s (%s): it is set, but there is no %s that it could be for; set %s too, or unset it", name, from, missing, missing)
		}
	}
	set := func(s source) string {
		if l.values[s.key] == "" {
			return l.from[s.name]
		}
		return cmp.Or(l.from[s.name], l.origin[s.key])
	}
	if set(scriptSource) == "" {
		unused(packageSource.name, set(packageSource), "script")
		if stage, from := l.stage(); stage != contract.ScriptBefore || !strings.HasPrefix(from, fromStore) {
			unused("script-stage", from, "script")
		}
		_, from := l.text("script-memory-mib", l.flags.ScriptMemory, contract.EnvScriptMemory)
		unused("script-memory-mib", from, "script")
		_, from = l.text("script-timeout-seconds", l.flags.ScriptTimeout, contract.EnvScriptTimeout)
		unused("script-timeout-seconds", from, "script")
		switch network := l.flags.ScriptNetwork; {
		case network != nil && *network:
			unused("script-network", "--script-network", "script")
		case network == nil && l.getenv(contract.EnvScriptNetwork) == "true":
			unused("script-network", contract.EnvScriptNetwork, "script")
		}
	}
	if set(packageSource) == "" {
		_, from := l.text("package-max-files", l.flags.PackageMaxFiles, contract.EnvPackageMaxFiles)
		unused("package-max-files", from, "package")
		_, from = l.text("package-max-mib", l.flags.PackageMaxMiB, contract.EnvPackageMaxMiB)
		unused("package-max-mib", from, "package")
	}
}

// stage is when the script runs, "" from nowhere.
func (l *loader) stage() (v, from string) {
	if v := l.flags.ScriptStage; v != nil {
		return *v, "--script-stage"
	}
	if v = l.values[contract.ScriptStage]; v == "" {
		return "", ""
	}
	return v, l.origin[contract.ScriptStage]
}

// optional puts a source together that need not be there.
func (l *loader) optional(s source) storage.URI {
	if _, ok := l.whole[s.name]; ok {
		return l.uri(s)
	}
	if l.values[s.key] == "" {
		return storage.URI{}
	}
	u := storage.URI{Bucket: l.values[s.bucket], Key: l.value(s, s.key, storage.CheckKey)}
	if _, whole := l.whole[modelSource.name]; whole {
		u.Bucket = l.value(s, s.bucket, storage.CheckBucket) // else the model has told what is wrong with it
	}
	if u.Bucket == "" || u.Key == "" {
		return storage.URI{}
	}
	return u
}

// ask reads the parameters that are still open.
func (l *loader) ask(ctx context.Context, parameters Parameters) error {
	if len(l.wanted) == 0 {
		return nil
	}
	names := make([]string, len(l.wanted))
	for i, name := range l.wanted {
		names[i] = l.prefix + name
	}
	found, err := parameters(ctx, names)
	switch {
	case errors.Is(err, storage.ErrTarget), err != nil && len(l.problems) > 0:
		// Whatever is missing is reported beside it.
		l.problems, l.unasked = append(l.problems, err), true
	case err != nil:
		return err
	}
	for i, name := range l.wanted {
		if v, ok := found[names[i]]; ok {
			l.values[name], l.origin[name] = v, fromStore+names[i]
		}
	}
	return nil
}

// uri puts a required source together.
func (l *loader) uri(s source) storage.URI {
	parse, checkKey := storage.ParseURI, storage.CheckKey
	if s.name == inputSource.name {
		parse, checkKey = storage.ParsePattern, storage.CheckPattern
	}
	if v, ok := l.whole[s.name]; ok {
		u, err := parse(v)
		if err != nil {
			l.problem("%s (%s): %w", s.name, l.from[s.name], err)
		}
		return u
	}
	u := storage.URI{Bucket: l.value(s, s.bucket, storage.CheckBucket), Key: s.fixedKey}
	if v, _ := l.text("output-format", l.flags.OutputFormat, contract.EnvOutputFormat); s.name == outputSource.name && v == "parquet" {
		u.Key = contract.ParquetOutputKey
	}
	if s.key != "" {
		u.Key = l.value(s, s.key, checkKey)
	}
	if u.Bucket == "" || u.Key == "" {
		return storage.URI{}
	}
	return u
}

// value returns a checked parameter, or "" after reporting a problem.
func (l *loader) value(s source, name string, check func(string) error) string {
	v, ok := l.values[name]
	if !ok {
		l.missing(s, name)
		return ""
	}
	if err := check(v); err != nil {
		l.problem("%s (%s): %w", name, l.origin[name], err)
		return ""
	}
	return v
}

func (l *loader) missing(s source, name string) {
	l.problem("%s: missing; set --%s, %s, %s or parameter %s%s", name, s.name, s.env, l.envOf[name], l.prefix, name)
}

// text returns a setting that has no parameter, and where it was set.
func (l *loader) text(name string, flag *string, env string) (v, from string) {
	if flag != nil {
		return *flag, "--" + name
	}
	if v := l.getenv(env); v != "" {
		return v, env
	}
	return "", ""
}

func (l *loader) keep() []string {
	v, from := l.text("keep", l.flags.Keep, contract.EnvKeep)
	if v == "" {
		return nil
	}
	names, errs := contract.ColumnNames(v)
	for _, err := range errs {
		l.problem("keep (%s): %w", from, err)
	}
	return names
}

// nulls are those of pandas for CSV, which cannot tell a missing value from a
// text. JSON can, so there every text is one.
func (l *loader) nulls(d table.Dialect) []string {
	v, from := l.text("null-values", l.flags.NullValues, contract.EnvNullValues)
	switch {
	case from == "" && !d.JSON:
		return table.DefaultNulls()
	case from == "":
		return nil
	case v == "none":
		return nil
	case v == "":
		return []string{""}
	}
	texts, err := contract.SplitList(v)
	if err != nil {
		l.problem("null-values (%s): %w", from, err)
	}
	return texts
}

func (l *loader) maxRejects() RejectLimit {
	v, from := l.text("max-rejects", l.flags.MaxRejects, contract.EnvMaxRejects)
	if from == "" {
		return RejectLimit{}
	}
	limit, err := ParseRejectLimit(v)
	if err != nil {
		l.problem("max-rejects (%s): %w", from, err)
	}
	return limit
}

func (l *loader) encoding() codec.Encoding {
	v, from := l.text("encoding", l.flags.Encoding, contract.EnvEncoding)
	if from == "" {
		return codec.UTF8
	}
	e, err := codec.ParseEncoding(v)
	if err != nil {
		l.problem("encoding (%s): %w", from, err)
	}
	return e
}

// format is that of the input, by its name unless it is set. named tells whether
// either says so.
func (l *loader) format(u storage.URI) (format string, named bool) {
	format, from := l.text("input-format", l.flags.InputFormat, contract.EnvInputFormat)
	switch format {
	case "csv", "jsonl", "parquet":
		return format, true
	}
	if from != "" {
		l.problem("input-format (%s): got %q, want csv, jsonl or parquet", from, format)
		return "csv", true
	}
	switch strings.ToLower(path.Ext(codec.BaseName(name(u)))) {
	case ".jsonl", ".ndjson":
		return "jsonl", true
	case ".parquet":
		return "parquet", true
	}
	return "csv", false
}

// parquetOutput tells whether the result is to be Parquet, by its name unless
// that is set.
func (l *loader) parquetOutput(u storage.URI) bool {
	format, from := l.text("output-format", l.flags.OutputFormat, contract.EnvOutputFormat)
	switch format {
	case "csv":
		return false
	case "parquet":
	default:
		if from != "" {
			l.problem("output-format (%s): got %q, want csv or parquet", from, format)
			return false
		}
		if !strings.EqualFold(path.Ext(codec.BaseName(name(u))), ".parquet") {
			return false
		}
	}
	if c := codec.ByName(name(u)); c != codec.None {
		l.problem("output: %s is to be Parquet, which is compressed inside; want a name that does not promise %s", u, c)
	}
	if v, from := l.text("output-delimiter", l.flags.OutputDelimiter, contract.EnvOutputDelimiter); from != "" {
		l.problem("output-delimiter (%s): got %q, but the output is Parquet, which has none", from, v)
	}
	return true
}

// dialect is how the input is to be read.
func (l *loader) dialect(u storage.URI, format string) table.Dialect {
	what := map[string]string{"jsonl": "JSON lines", "parquet": "Parquet columns"}[format]
	if v, from := l.text("delimiter", l.flags.Delimiter, contract.EnvDelimiter); what != "" && from != "" {
		l.problem("delimiter (%s): got %q, but the input is %s, which have none", from, v, what)
	}
	if v, from := l.text("encoding", l.flags.Encoding, contract.EnvEncoding); format == "parquet" && from != "" {
		l.problem("encoding (%s): got %q, but the input is Parquet, which has its own", from, v)
	}
	switch format {
	case "jsonl":
		return table.JSONLines
	case "parquet":
		return table.CSV
	}
	return table.Dialect{Delimiter: l.delimiter("delimiter", l.flags.Delimiter, contract.EnvDelimiter, u)}
}

// delimiter is a tab for an object that is called .tsv, and else a comma, unless
// it is set.
func (l *loader) delimiter(setting string, flag *string, env string, u storage.URI) byte {
	v, from := l.text(setting, flag, env)
	switch {
	case from == "" && strings.EqualFold(path.Ext(codec.BaseName(name(u))), ".tsv"), v == "tab", v == `\t`:
		return '\t'
	case from == "":
		return table.CSV.Delimiter
	}
	if len(v) != 1 || !table.IsDelimiter(v[0]) {
		l.problem("%s (%s): got %q, want tab or one ASCII character that is no letter, digit, sign, dot, quote or line end", setting, from, v)
		return table.CSV.Delimiter
	}
	return v[0]
}

func (l *loader) number(name string, flag *string, env string, unset, least, most int) int {
	v, from := l.text(name, flag, env)
	if from == "" {
		return unset
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < least || n > most {
		l.problem("%s (%s): got %q, want a whole number from %d to %d", name, from, v, least, most)
		return unset
	}
	return n
}
