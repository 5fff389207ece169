package components

import (
	"testing"

	"ds-pipeline/preprocess/contract"
)

func TestJobSettings_reachTheJob(t *testing.T) {
	values := map[string]string{
		"inputFormat": "csv", "inputDelimiter": ";", "inputEncoding": "latin-1", "nullValues": "none", "maxRecordBytes": "2048",
		"maxRejects": "100", "keepColumns": "id", "outputFormat": "parquet", "outputDelimiter": "", "report": "true", "checksum": "sha256",
		"scriptMemoryMiB": "4096", "scriptTimeoutSeconds": "60", "scriptNetwork": "true", "packageMaxFiles": "10", "packageMaxMiB": "1",
	}
	var s JobSettings
	if len(s.environment()) != 0 || s.validate() != nil {
		t.Errorf("of none: %v, %v", s.environment(), s.validate())
	}
	want := 0
	for _, setting := range contract.Settings() {
		value, known := values[setting.Key]
		if s.field(setting.Key) == nil || !known {
			t.Fatalf("%s is no field", setting.Key)
		}
		s.Set(setting.Key, value)
		if value != "" {
			want++
		}
	}
	if err := s.validate(); err != nil {
		t.Error(err)
	}
	environment := s.environment()
	if len(environment) != want {
		t.Errorf("got %v, want %d of them", environment, want)
	}
	for _, v := range environment {
		found := false
		for _, setting := range contract.Settings() {
			found = found || setting.Env == v.Name && values[setting.Key] == v.Value
		}
		if !found {
			t.Errorf("the job gets %v", v)
		}
	}
}

func TestJobSettings_areCheckedTogether(t *testing.T) {
	s := JobSettings{InputFormat: "jsonl", InputDelimiter: "tab", MaxRejects: "some"}
	const want = "maxRejects: got \"some\", want a count such as 100 or a share from 0% to 100% such as 0.5%\n" +
		"inputDelimiter: got \"tab\", want none: JSON lines have no delimiter"
	if err := s.validate(); err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}
