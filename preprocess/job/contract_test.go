package job

import (
	"context"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/table"
)

// What a stack is told of a value is what the job would say of it.
func TestSettings_areCheckedAsTheContractSays(t *testing.T) {
	if contract.LeastMaxRecordBytes != table.MinRecordLimit || contract.MostMaxRecordBytes != table.MaxRecordLimit {
		t.Errorf("records of %d to %d bytes, want %d to %d", contract.LeastMaxRecordBytes, contract.MostMaxRecordBytes, table.MinRecordLimit, table.MaxRecordLimit)
	}
	samples := rapid.OneOf(
		rapid.SampledFrom([]string{
			"csv", "CSV", "jsonl", "parquet", "true", "false", "yes", "tab", `\t`, "\t", ",", ";", "|", "a", "0", ".", "+", "-", `"`, "\n", "\r", " ", "\x7f", "\x01", "``", "`", "é",
			"utf-8", "UTF8", "utf16", "utf-16le", "utf16le", "Latin1", "iso-8859-1", "iso8859-1", "none", "a,b", "a,,b", "a,a", `"a,b",c`, `"a`, `a"b`, "a\nb", "\n", "a,", ",a",
			"0", "100", "0.5%", "100%", "100.0%", "100.1%", "1.5", "%", ".5%", "5.%", "-1", "1e3", "1023", "1024", "536870911", "536870912", "٣",
		}),
		rapid.StringN(1, 4, -1),
	)
	rapid.Check(t, func(t *rapid.T) {
		value := samples.Draw(t, "value")
		for _, s := range contract.Settings() {
			env := map[string]string{contract.EnvInput: "in", contract.EnvModel: "m", contract.EnvOutput: "out", contract.EnvScript: "s.py", contract.EnvPackage: "p.zip", s.Env: value}
			_, err := LoadSettings(context.Background(), Flags{}, func(name string) string { return env[name] }, nil)
			says := s.Check(value)
			if (err == nil) != (says == nil) {
				t.Fatalf("%s=%q: the job says %v, the contract %v", s.Env, value, err, says)
			}
			if says != nil && !strings.Contains(err.Error(), strings.Split(says.Error(), "\n")[0]) {
				t.Fatalf("%s=%q: the job says %v, the contract %v", s.Env, value, err, says)
			}
		}
	})
}
