package job

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/storage"
)

// loadFrom settles settings from an environment, with those that have to be there.
func loadFrom(env map[string]string) (Settings, error) {
	all := map[string]string{contract.EnvInput: "in.csv", contract.EnvModel: "m.pkl", contract.EnvOutput: "out.csv"}
	maps.Copy(all, env)
	return LoadSettings(context.Background(), Flags{}, func(name string) string { return all[name] }, nil)
}

func TestSettings_areTheUsualOnesOrWhatIsSet(t *testing.T) {
	nulls := func(s Settings) string { return strings.Join(s.Nulls, "|") }
	limits := func(s Settings) string {
		return fmt.Sprintf("%d MiB, %s, network %t, package of %d files and %d MiB", s.ScriptLimits.MemoryBytes>>20, s.ScriptLimits.Timeout, s.ScriptLimits.Network,
			s.PackageLimits.Files, s.PackageLimits.Bytes>>20)
	}
	delimiters := func(s Settings) string {
		return fmt.Sprintf("%q to %q", s.Dialect.Delimiter, s.OutputDialect.Delimiter)
	}
	others := func(s Settings) string {
		return fmt.Sprintf("%t %t %q %s %s %s %s", s.Report, s.Force, s.Period, s.Checksum, s.MaxRejects, s.Python, s.ScriptStage)
	}
	format := func(s Settings) string {
		return fmt.Sprintf("JSON %t, Parquet %t, named %t, to Parquet %t", s.Dialect.JSON, s.Parquet, !s.unnamed, s.ParquetOutput)
	}
	for _, c := range []struct {
		env  map[string]string
		of   func(Settings) string
		want string
	}{
		{nil, limits, "2048 MiB, 5m0s, network false, package of 10000 files and 512 MiB"},
		{map[string]string{contract.EnvScript: "s.py", contract.EnvPackage: "p.zip", contract.EnvScriptMemory: "256", contract.EnvScriptTimeout: "1", contract.EnvScriptNetwork: "true", contract.EnvPackageMaxFiles: "1", contract.EnvPackageMaxMiB: "1"},
			limits, "256 MiB, 1s, network true, package of 1 files and 1 MiB"},
		{nil, delimiters, `',' to ','`},
		{map[string]string{contract.EnvInput: "in.TSV.gz", contract.EnvOutput: "out.tsv"}, delimiters, `'\t' to '\t'`},
		{map[string]string{contract.EnvDelimiter: "tab", contract.EnvOutputDelimiter: `\t`}, delimiters, `'\t' to '\t'`},
		{map[string]string{contract.EnvInput: "in.tsv", contract.EnvDelimiter: ";", contract.EnvOutputDelimiter: "|"}, delimiters, `';' to '|'`},
		{nil, format, "JSON false, Parquet false, named false, to Parquet false"},
		{map[string]string{contract.EnvInputFormat: "csv"}, format, "JSON false, Parquet false, named true, to Parquet false"},
		{map[string]string{contract.EnvInput: "in.jsonl.zst"}, format, "JSON true, Parquet false, named true, to Parquet false"},
		{map[string]string{contract.EnvInput: "in.NDJSON"}, format, "JSON true, Parquet false, named true, to Parquet false"},
		{map[string]string{contract.EnvInputFormat: "jsonl"}, format, "JSON true, Parquet false, named true, to Parquet false"},
		{map[string]string{contract.EnvInput: "in.parquet", contract.EnvOutput: "out.parquet"}, format, "JSON false, Parquet true, named true, to Parquet true"},
		{map[string]string{contract.EnvInputFormat: "parquet"}, format, "JSON false, Parquet true, named true, to Parquet false"},
		{map[string]string{contract.EnvNullValues: "none"}, nulls, ""},
		{map[string]string{contract.EnvNullValues: `NA,"a,b",-`}, nulls, "NA|a,b|-"},
		{map[string]string{contract.EnvInput: "in.jsonl"}, nulls, ""},
		{map[string]string{contract.EnvInput: "in.parquet"}, nulls, ""},
		{map[string]string{contract.EnvInput: "in.parquet", contract.EnvNullValues: "NA"}, nulls, "NA"},
		{nil, func(s Settings) string { return fmt.Sprint(slices.Contains(s.Nulls, "NaN"), s.nullsSet) }, "true false"},
		{nil, others, `true false "" crc64nvme 0 python3 before`},
		{map[string]string{contract.EnvScript: "s.py", contract.EnvReport: "false", contract.EnvForce: "true", contract.EnvPeriod: "2026-11", contract.EnvChecksum: "sha256", contract.EnvMaxRejects: "5%",
			contract.EnvPython: "/opt/python", "DS_SCRIPT_STAGE": "after"},
			others, `false true "2026-11" sha256 5% /opt/python after`},
		{map[string]string{contract.EnvWorkers: "256", contract.EnvMaxRecordBytes: "1024"}, func(s Settings) string { return fmt.Sprint(s.Workers, s.MaxRecordBytes) }, "256 1024"},
	} {
		s, err := loadFrom(c.env)
		if err != nil {
			t.Errorf("%v: %v", c.env, err)
			continue
		}
		if got := c.of(s); got != c.want {
			t.Errorf("%v: got %s, want %s", c.env, got, c.want)
		}
	}
}

func TestSettings_sayWhatDoesNotGo(t *testing.T) {
	for _, c := range []struct {
		env  map[string]string
		want string
	}{
		{map[string]string{contract.EnvScript: "-"}, "script, package: cannot be read from the standard input; want a file or an object"},
		{map[string]string{contract.EnvScript: "s.py", contract.EnvPackage: "-"}, "script, package: cannot be read from the standard input; want a file or an object"},
		{map[string]string{contract.EnvInput: "-", contract.EnvModel: "-"}, "model: the standard input is already the input"},
		{map[string]string{contract.EnvOutput: "in.csv"}, "output: in.csv would be overwritten; want another name"},
		{map[string]string{contract.EnvOutput: "m.pkl"}, "output: m.pkl would be overwritten; want another name"},
		{map[string]string{contract.EnvScript: "s.py", contract.EnvOutput: "s.py"}, "output: s.py would be overwritten; want another name"},
		{map[string]string{contract.EnvInput: "raw/", contract.EnvOutput: "raw/out.csv"}, "output: raw/out.csv would be one of the objects of raw/; want a name that is not"},
		{map[string]string{contract.EnvOutput: contract.ManifestName}, "output: " + contract.ManifestName + " is where the run writes something else; want another name"},
		{map[string]string{contract.EnvOutput: "x/" + contract.RejectsName}, "output: x/" + contract.RejectsName + " is where the run writes something else; want another name"},
		{map[string]string{contract.EnvOutput: contract.ReportName}, "output: " + contract.ReportName + " is where the run writes something else; want another name"},
		{map[string]string{contract.EnvInput: "in.jsonl", contract.EnvDelimiter: ";"}, `delimiter (DS_DELIMITER): got ";", but the input is JSON lines, which have none`},
		{map[string]string{contract.EnvInput: "in.parquet", contract.EnvDelimiter: ";"}, `delimiter (DS_DELIMITER): got ";", but the input is Parquet columns, which have none`},
		{map[string]string{contract.EnvInput: "in.parquet", contract.EnvEncoding: "utf-8"}, `encoding (DS_ENCODING): got "utf-8", but the input is Parquet, which has its own`},
		{map[string]string{contract.EnvWorkers: "0"}, `workers (DS_WORKERS): got "0", want a whole number from 1 to 256`},
		{map[string]string{contract.EnvWorkers: "257"}, `workers (DS_WORKERS): got "257", want a whole number from 1 to 256`},
		{map[string]string{contract.EnvParameterPrefix: "/ds"}, `got "/ds", want a path that starts and ends with a slash, such as /ds/preprocessing/`},
		{map[string]string{contract.EnvParameterPrefix: "ds/"}, `got "ds/", want a path that starts and ends with a slash, such as /ds/preprocessing/`},
	} {
		_, err := loadFrom(c.env)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "problems") || ExitStatus(err) != contract.ExitConfig {
			t.Errorf("%v: got %v, want %s", c.env, err, c.want)
		}
	}
}

// What Parameter Store does not answer is no reason to hide what else is wrong.
func TestSettings_askForWhatIsOpen(t *testing.T) {
	gone := &storage.Error{Op: "read", Kind: storage.ErrUnavailable}
	for _, c := range []struct {
		name   string
		env    map[string]string
		answer error
		asked  string
		want   error
		says   string
	}{
		{"nothing is open", map[string]string{contract.EnvInput: "in.csv", contract.EnvModel: "m", contract.EnvOutput: "o"}, nil, "", nil, ""},
		{"the output", map[string]string{contract.EnvInput: "in.csv", contract.EnvModel: "m"}, nil, "output-bucket artifact-bucket script-key package-key script-stage", nil,
			"output-bucket: missing; set --output, DS_OUTPUT, DS_OUTPUT_BUCKET or parameter /x/output-bucket"},
		{"no answer", map[string]string{contract.EnvInput: "in.csv", contract.EnvModel: "m"}, gone, "output-bucket artifact-bucket script-key package-key script-stage", storage.ErrUnavailable, "the service did not answer"},
		{"a script's bucket", map[string]string{contract.EnvInput: "in.csv", contract.EnvModel: "m", contract.EnvOutput: "o", "DS_SCRIPT_KEY": "s.py"}, nil, "artifact-bucket", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := map[string]string{contract.EnvParameterPrefix: "/x/"}
			maps.Copy(env, c.env)
			asked := ""
			_, err := LoadSettings(context.Background(), Flags{}, func(name string) string { return env[name] }, func(_ context.Context, names []string) (map[string]string, error) {
				asked = strings.ReplaceAll(strings.Join(names, " "), "/x/", "")
				return map[string]string{"/x/artifact-bucket": "artifacts"}, c.answer
			})
			if asked != c.asked {
				t.Errorf("asked for %q, want %q", asked, c.asked)
			}
			if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("error %v, want %s", err, c.says)
			}
		})
	}
}
