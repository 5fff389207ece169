package dspipe

import (
	"os"
	"path/filepath"
	"testing"

	"ds-pipeline/internal/awstest"
)

func TestLocal_runsTheJobOnFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out := filepath.Join(dir, "out.csv")
	run(t, nil, "local", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", out).expect(t, 0, "rows      344 in, 344 out, 0 rejected", "result    "+out)
	got := decode[struct {
		Rows   int `json:"rows_out"`
		Result string
	}](t, run(t, nil, "local", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", out, "--period", "2026-11", "--json").expect(t, 0))
	if got.Rows != 344 || got.Result != filepath.Join(dir, "period=2026-11", "out.csv") {
		t.Errorf("got %+v", got)
	}
	run(t, nil, "local", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", out, "--period", "2026-11").expect(t, 0, "nothing to do: ", "--force runs again")
	run(t, nil, "local", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", out, "--period", "2026-11", "--force").expect(t, 0).never(t, "nothing to do")
	bad := write(t, filepath.Join(dir, "bad.csv"), "a,b\n")
	run(t, nil, "local", "--input", bad, "--model", penguins+"model.pkl", "--output", out).expect(t, 65, "lacks columns", "replace the data, the model or the script")
	run(t, nil, "local", "--input", filepath.Join(dir, "none"), "--model", penguins+"model.pkl", "--output", out).expect(t, 66, "it does not exist")
	run(t, nil, "local").expect(t, 64, "Want --stack NAME; or --input, --model and --output; or --buckets DIR")
}

func TestLocal_takesTheSettingsOfAStack(t *testing.T) {
	t.Parallel()
	project := project(t, "config:\n  aws:region: us-east-1\n  ds-pipeline:accountId: \"111111111111\"\n  ds-pipeline:inputKey: raw/my.csv\n  ds-pipeline:taskCpu: \"4096\"\n")
	dir := t.TempDir()
	for _, d := range []string{"input/raw", "artifacts/models"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	write(t, filepath.Join(dir, "input/raw/my.csv"), read(t, penguins+"penguins.csv"))
	write(t, filepath.Join(dir, "artifacts/models/preprocessing_model.pkl"), read(t, penguins+"model.pkl"))
	run(t, nil, "local", "--stack", "dev", "--dir", project, "--buckets", dir).expect(t, 0, "with 4 workers", "result    "+filepath.Join(dir, "output/processed/data.csv"))
	stack := filepath.Join(project, "Pulumi.dev.yaml")
	write(t, stack, read(t, stack)+"  ds-pipeline:keepColumns: species\n  ds-pipeline:outputFormat: parquet\n")
	run(t, []string{"DS_KEEP=nothing"}, "local", "--stack", "dev", "--dir", project, "--buckets", dir).expect(t, 0, "columns   7 in, 9 out", "result    "+filepath.Join(dir, "output/processed/data.parquet"))
	write(t, stack, read(t, stack)+"  ds-pipeline:scriptKey: s.py\n")
	write(t, filepath.Join(dir, "artifacts/s.py"), "filters = True\ndef process(rows):\n    return [row for row in rows if row['species'] == 'Adelie']\n")
	run(t, nil, "local", "--stack", "dev", "--dir", project, "--buckets", dir).expect(t, 0, "344 in, 152 out, 0 rejected, 192 filtered by the script")
}

// TestLocal_usesAnyS3 needs no other service: an emulator may not have one.
func TestLocal_usesAnyS3(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	project := project(t, "config:\n  aws:region: us-east-1\n  ds-pipeline:accountId: \"111111111111\"\n")
	run(t, c.Env(), "local", "--stack", "dev", "--dir", project).expect(t, 0, "result    s3://"+awstest.Output+"/processed/data.csv")
	if _, ok := c.S3.Get(awstest.Output, "processed/manifest.json"); !ok || len(c.Asked("STS")) > 0 || len(c.Asked("SSM")) > 0 {
		t.Errorf("a manifest: %v; asked %q", ok, c.Asked("S"))
	}
	if err := c.S3.Put(awstest.Artifacts, "s.py", "filters = True\ndef process(rows):\n    return [row for row in rows if row['species'] == 'Adelie']\n"); err != nil {
		t.Fatal(err)
	}
	stack := filepath.Join(project, "Pulumi.dev.yaml")
	write(t, stack, read(t, stack)+"  ds-pipeline:scriptKey: s.py\n  ds-pipeline:scriptStage: before\n")
	run(t, c.Env(), "local", "--stack", "dev", "--dir", project).expect(t, 0, "344 in, 152 out, 0 rejected, 192 filtered by the script")
	run(t, []string{"AWS_EC2_METADATA_DISABLED=true", "AWS_REGION=us-east-1", "AWS_ENDPOINT_URL=" + c.URL}, "local", "--stack", "dev", "--dir", project).expect(t, 77, "no credentials for AWS were found", "--profile")
	run(t, append(c.Env(), "AWS_ENDPOINT_URL=http://127.0.0.1:1", "AWS_MAX_ATTEMPTS=1"), "local", "--stack", "dev", "--dir", project).expect(t, 69, "read s3://"+awstest.Output+"/processed/data.csv: S3 did not answer: connection refused")
}
