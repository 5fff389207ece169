package job

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestSettings_comeFromParameterStore(t *testing.T) {
	c := newCloud(t, "in-bucket", "out-bucket", "art-bucket")
	c.put(t, "in-bucket", "raw/monthly_data.csv", read(t, cases+"data/pub_scalers.csv"))
	c.put(t, "art-bucket", "models/preprocessing_model.pkl", read(t, passthrough))
	c.parameters = map[string]string{
		"/ds/preprocessing/input-bucket":    "in-bucket",
		"/ds/preprocessing/output-bucket":   "out-bucket",
		"/ds/preprocessing/artifact-bucket": "art-bucket",
		"/ds/preprocessing/input-key":       "raw/monthly_data.csv",
		"/ds/preprocessing/model-key":       "models/preprocessing_model.pkl",
	}
	run(t, c.env(), "run").expect(t, 0)
	if _, ok := c.get(t, "out-bucket", "processed/data.csv"); !ok {
		t.Error("no result")
	}
	if asked := c.asked("GetParameters"); len(asked) != 1 {
		t.Errorf("asked %q, want one request", asked)
	}
}

func TestSettings_flagBeatsEnvironmentBeatsParameter(t *testing.T) {
	parameters := map[string]string{
		"/other/input-bucket": "p-in", "/other/input-key": "p.csv",
		"/other/artifact-bucket": "p-art", "/other/model-key": "p.pkl",
		"/other/output-bucket": "p-out",
	}
	tests := []struct {
		name  string
		env   []string
		args  []string
		asked string   // names that Parameter Store is asked for, "" for no request
		uses  []string // requests that must be made
	}{
		{"parameters", nil, nil,
			"input-bucket input-key artifact-bucket model-key output-bucket script-key package-key script-stage",
			[]string{"GET /p-in/p.csv", "GET /p-art/p.pkl", "PUT /p-out/processed/data.csv"}},
		{"buckets in the environment", []string{"DS_INPUT_BUCKET=e-in", "DS_MODEL_KEY=e.pkl", "DS_OUTPUT_BUCKET=e-out"}, nil,
			"input-key artifact-bucket script-key package-key script-stage",
			[]string{"GET /e-in/p.csv", "GET /p-art/e.pkl", "PUT /e-out/processed/data.csv"}},
		{"a URI in the environment", []string{"DS_INPUT=s3://e-in/whole.csv", "DS_INPUT_BUCKET=unused", "DS_INPUT_KEY=unused"}, nil,
			"artifact-bucket model-key output-bucket script-key package-key script-stage",
			[]string{"GET /e-in/whole.csv", "GET /p-art/p.pkl"}},
		{"a flag", []string{"DS_INPUT=s3://e-in/whole.csv", "DS_OUTPUT=s3://e-out/e.csv"}, []string{"--input", "s3://f-in/f.csv", "--model", "s3://f-art/f.pkl"},
			"", []string{"GET /f-in/f.csv", "GET /f-art/f.pkl", "PUT /e-out/e.csv"}},
		{"everything in the environment", []string{"DS_INPUT_BUCKET=e-in", "DS_INPUT_KEY=p.csv", "DS_MODEL=s3://e-art/e.pkl", "DS_OUTPUT_BUCKET=e-out"}, nil,
			"", []string{"GET /e-in/p.csv", "GET /e-art/e.pkl", "PUT /e-out/processed/data.csv"}},
	}
	input, model := read(t, cases+"data/pub_scalers.csv"), read(t, passthrough)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := newCloud(t, "p-in", "p-art", "p-out", "e-in", "e-art", "e-out", "f-in", "f-art")
			c.parameters = parameters
			for _, b := range []string{"p", "e", "f"} {
				for _, key := range []string{"p", "e", "f", "whole"} {
					c.put(t, b+"-in", key+".csv", input)
					c.put(t, b+"-art", key+".pkl", model)
				}
			}
			run(t, c.env(append(test.env, "DS_PARAMETER_PREFIX=/other/")...), append([]string{"run"}, test.args...)...).expect(t, 0)
			want := ""
			if test.asked != "" {
				want = "GetParameters /other/" + strings.ReplaceAll(test.asked, " ", " /other/")
			}
			if got := strings.Join(c.asked("GetParameters"), "; "); got != want {
				t.Errorf("asked %q, want %q", got, want)
			}
			for _, request := range test.uses {
				if len(c.asked(request)) == 0 {
					t.Errorf("no request %q among %q", request, c.asked(""))
				}
			}
		})
	}
}

func TestSettings_reportsAllProblemsAtOnce(t *testing.T) {
	c := newCloud(t)
	c.parameters = map[string]string{
		"/ds/preprocessing/output-bucket": "Not_A_Bucket",
		"/ds/preprocessing/model-key":     "models/",
		"/ds/preprocessing/package-key":   "packages/custom.tar.gz",
	}
	r := run(t, c.env("DS_INPUT_KEY=raw.csv", "DS_WORKERS=many", "DS_SCRIPT_STAGE=between"), "run", "--keep", "id,,id", "--max-record-bytes", "5")
	r.expect(t, 78,
		"settings: 11 problems:\n",
		"\n  input-bucket: missing; set --input, DS_INPUT, DS_INPUT_BUCKET or parameter /ds/preprocessing/input-bucket\n",
		"\n  artifact-bucket: missing; set --model, DS_MODEL, DS_ARTIFACT_BUCKET or parameter /ds/preprocessing/artifact-bucket\n",
		"\n  model-key (parameter /ds/preprocessing/model-key): key \"models/\": ends in a slash; want the name of an object\n",
		"\n  output-bucket (parameter /ds/preprocessing/output-bucket): bucket \"Not_A_Bucket\": want 3 to 63 lower-case",
		"\n  keep (--keep): empty name in \"id,,id\"; want column names with commas between them\n",
		"\n  keep (--keep): column \"id\" is named twice\n",
		"\n  workers (DS_WORKERS): got \"many\", want a whole number from 1 to 256\n",
		"\n  max-record-bytes (--max-record-bytes): got \"5\", want a whole number from 1024 to ",
		"\n  script-stage (DS_SCRIPT_STAGE): got \"between\", want before or after\n",
		"\n  package (parameter /ds/preprocessing/package-key): it is set, but there is no script that it could be for; set script too, or unset it\n",
		"\n  script-stage (DS_SCRIPT_STAGE): it is set, but there is no script that it could be for; set script too, or unset it",
	)
	if got := c.asked(" /ds-in"); len(got) > 0 {
		t.Errorf("something was read: %q", got)
	}
}

func TestSettings_contactNothingThatIsNotNeeded(t *testing.T) {
	c := newCloud(t)
	out := filepath.Join(t.TempDir(), "out.csv")
	run(t, c.env(), "run", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", out).expect(t, 0)
	run(t, c.env(), "inspect", "--model", penguins+"model.pkl").expect(t, 0)
	if got := c.asked(""); len(got) > 0 {
		t.Errorf("requests %q", got)
	}
}
