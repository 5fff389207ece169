package dspipe

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ds-pipeline/internal/awstest"
	"ds-pipeline/preprocess/contract"
)

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

func TestUpload_triesAndUploads(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	put(t, c, awstest.Input, contract.DefaultInputKey, "old")
	input := read(t, penguins+"penguins.csv")
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv", "--model", penguins+"model.joblib").expect(t, 0,
		"the job takes them: 7 columns in, 8 out, the first 344 records tried",
		"s3://"+awstest.Input+"/raw/monthly_data.csv", "sha256 "+sum(input), "s3://"+awstest.Artifacts+"/models/preprocessing_model.pkl").
		never(t, "pulumi config set", "\x1b")
	if got, _ := c.S3.Get(awstest.Input, contract.DefaultInputKey); got != input {
		t.Errorf("%d bytes are there, want %d", len(got), len(input))
	}
	if got, _ := c.S3.Get(awstest.Artifacts, contract.DefaultModelKey); got != read(t, penguins+"model.joblib") {
		t.Errorf("%d bytes are there", len(got))
	}
}

func TestUpload_inPartsIsWhole(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	text := read(t, penguins+"penguins.csv")
	head, body, _ := strings.Cut(text, "\n")
	large := write(t, filepath.Join(t.TempDir(), "large.csv"), head+"\n"+strings.Repeat(body, 1000))
	got := decode[[]struct {
		URI, SHA256 string
		Size        int64
	}](t, run(t, c.Env(), "upload", "--input", large, "--json").expect(t, 0))
	there, _ := c.S3.Get(awstest.Input, contract.DefaultInputKey)
	if len(got) != 1 || got[0].SHA256 != sum(there) || got[0].Size != int64(len(there)) || len(there) < 10<<20 {
		t.Errorf("got %+v; %d bytes are there", got, len(there))
	}
	if n := c.S3.Uploads(awstest.Input); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

func TestUpload_refusesWhatARunWouldRefuse(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	dir := t.TempDir()
	lacks := write(t, filepath.Join(dir, "lacks.csv"), "species,island\nAdelie,Torgersen\n")
	bad := write(t, filepath.Join(dir, "bad.csv"), strings.Replace(read(t, penguins+"penguins.csv"), "181", "many", 1))
	notModel := write(t, filepath.Join(dir, "model.pkl"), "not a pickle")
	empty := write(t, filepath.Join(dir, "empty.csv"), "")
	parquet := write(t, filepath.Join(dir, "data.parquet"), "PAR1")
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"--input", lacks}, 65, "lacks columns that the model was fitted with"},
		{[]string{"--input", bad}, 65, `line 2: column "flipper_length_mm"`},
		{[]string{"--model", notModel}, 65, "model " + notModel},
		{[]string{"--input", empty}, 65, "is empty"},
		{[]string{"--input", dir}, 64, "want a file"},
		{[]string{"--input", filepath.Join(dir, "none.csv")}, 66, `--input ` + dir + `/none.csv: there is no "none.csv" in ` + dir},
		{[]string{"--input", parquet}, 64, "data.parquet is Parquet by its name, but the key raw/monthly_data.csv says CSV; want --input-key raw/monthly_data.parquet"},
		{[]string{"--script", lacks}, 78, "the stack has no parameter /ds/preprocessing/script-key that says where it goes"},
		{[]string{"--package", lacks}, 78, "the stack has no parameter /ds/preprocessing/package-key that says where it goes"},
		{nil, 64, "nothing to upload"},
		{[]string{"--input", bad, "--input-key", "/x"}, 64, "--input-key"},
	} {
		run(t, c.Env(), append([]string{"upload"}, tt.args...)...).expect(t, tt.status, tt.want)
	}
	if got := c.Asked("S3.PUT"); len(got) > 0 {
		t.Errorf("uploaded: %q", got)
	}
	run(t, c.Env(), "upload", "--input", lacks, "--no-check").expect(t, 0, "monthly_data.csv (32 B)")
}

func TestUpload_looksAtScriptAndPackage(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Parameters[contract.ScriptKey], c.Parameters[contract.PackageKey] = "scripts/s.py", "packages/p.zip"
	dir := t.TempDir()
	var bad, good bytes.Buffer
	for to, names := range map[*bytes.Buffer][]string{&bad: {"../x.py", "/y.py"}, &good: {"helper.py"}} {
		w := zip.NewWriter(to)
		for _, name := range names {
			if _, err := w.Create(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files := []string{"--script", write(t, filepath.Join(dir, "bad.py"), "def run(df): return df\n"), "--package", write(t, filepath.Join(dir, "bad.zip"), bad.String()),
		"--input", write(t, filepath.Join(dir, "lacks.csv"), "species,island\nAdelie,Torgersen\n")}
	run(t, c.Env(), append([]string{"upload"}, files[:4]...)...).expect(t, 65,
		"nothing was uploaded, as a run would fail: package bad.zip: entry \"../x.py\": want a path without \"..\"\n", "package bad.zip: entry \"/y.py\": want a path that is relative, with slashes\n",
		"script bad.py: defines neither transform(df) nor process(rows)", "--no-check uploads all the same")
	c.Parameters[contract.ScriptStage] = "after" // so that the model is tried with the data
	run(t, c.Env(), append([]string{"upload"}, files...)...).expect(t, 65, "package bad.zip", "script bad.py", "lacks columns that the model was fitted with")
	run(t, c.Env(), "upload", "--script", write(t, filepath.Join(dir, "s.sh"), "#!/bin/sh\nexec cat\n")).expect(t, 65, "script s.sh: defines neither", "the key scripts/s.py")
	run(t, c.Env(), "upload", "--package", write(t, filepath.Join(dir, "p.txt"), "import pandas\n")).expect(t, 65, "package p.txt: not a whole .tar.gz, .tar, .zip or .whl")
	if got := c.Asked("S3.PUT"); len(got) > 0 {
		t.Errorf("uploaded: %q", got)
	}
	run(t, c.Env(), "upload", "--package", write(t, filepath.Join(dir, "p.zip"), good.String()), "--script", write(t, filepath.Join(dir, "s.py"), "import helper\ndef transform(df): return df\n")).expect(t, 0, "/packages/p.zip (", "/scripts/s.py (")
	run(t, c.Env(), append([]string{"upload", "--no-check"}, files[:4]...)...).expect(t, 0, "/scripts/s.py (")
}

func TestUpload_pointsTheParameterAtANewKey(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv", "--input-key", "raw/2026-11.csv").expect(t, 0,
		"/ds/preprocessing/input-key is now raw/2026-11.csv (it was raw/monthly_data.csv)", "pulumi config set inputKey raw/2026-11.csv")
	run(t, c.Env(), "upload", "--model", penguins+"model.pkl", "--model-key", "models/next.pkl", "--no-parameters").expect(t, 0)
	if in, model := c.Parameters[contract.InputKey], c.Parameters[contract.ModelKey]; in != "raw/2026-11.csv" || model != contract.DefaultModelKey {
		t.Errorf("the parameters are %s and %s", in, model)
	}
	c.Fail(awstest.Fault{Operation: "SSM.PutParameter", Times: -1, Status: 400, Code: "AccessDeniedException", Message: "no"})
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv", "--input-key", "raw/other.csv").expect(t, 77, "permission missing: ssm:PutParameter")
}

func TestUpload_withoutAModelYet(t *testing.T) {
	t.Parallel()
	c := awstest.New(t)
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv").expect(t, 0, "there is no model yet")
	c = awstest.New(t)
	run(t, c.Env(), "upload", "--model", penguins+"model.pkl").expect(t, 0, "there is no data yet")
}

func TestUpload_namesTheMissingPermission(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Fail(awstest.Fault{Operation: "S3.PUT", Times: -1, Status: 403, Code: "AccessDenied"})
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv").expect(t, 77, "permission denied", "s3:PutObject on s3://"+awstest.Input+"/raw/monthly_data.csv")
}

// ran is a cloud in which a run of 2026-11 has succeeded.
func ran(t *testing.T) *awstest.Server {
	t.Helper()
	c := cloud(t)
	run(t, c.Env(), "run", "--period", "2026-11", "--wait").expect(t, 0)
	return c
}

func TestResults_areFetchedAndCompared(t *testing.T) {
	t.Parallel()
	c := ran(t)
	run(t, c.Env(), "results", "--period", "2026-11").expect(t, 0, "period    2026-11", "rows      344 in, 344 out, 0 rejected", "columns   7 in, 9 out",
		"output    s3://"+awstest.Output+"/processed/period=2026-11/data.csv", "report    s3://", "verified  sizes and versions")
	dir := filepath.Join(t.TempDir(), "a", "b")
	run(t, c.Env(), "results", "--download", dir).expect(t, 0, "output    "+filepath.Join(dir, "data.csv"), "verified  every byte, by checksum")
	if got := read(t, filepath.Join(dir, "data.csv")); got != read(t, penguins+"expected.csv") {
		t.Errorf("got %d bytes", len(got))
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 3 {
		t.Errorf("got %v, %v, want the result, the report and the manifest", entries, err)
	}
	got := decode[struct {
		Period, Verified string
		Objects          []struct{ Name, URI, SHA256, CRC64NVME string }
		Manifest         struct{ Rows struct{ In int } }
	}](t, run(t, c.Env(), "results", "--json", "--verify").expect(t, 0))
	if got.Period != "2026-11" || got.Verified != "checksum" || len(got.Objects) != 2 || got.Manifest.Rows.In != 344 || got.Objects[0].CRC64NVME == "" || got.Objects[1].SHA256 == "" {
		t.Errorf("got %+v", got)
	}
}

func TestResults_thatWereChangedAreRefused(t *testing.T) {
	t.Parallel()
	c := ran(t)
	key := "processed/period=2026-11/data.csv"
	was, _ := c.S3.Get(awstest.Output, key)
	run(t, c.Env(), "results", "--period", "2026-10").expect(t, 66, "no result of 2026-10", "dspipe run --period 2026-10")
	put(t, c, awstest.Output, key, was[:len(was)-2]+"9\n")
	run(t, c.Env(), "results", "--period", "2026-11").expect(t, 65, "another version than the manifest says", "run the period again")
	// The newest is a copy, of which only the size shows without reading.
	put(t, c, awstest.Output, "processed/data.csv", was[:len(was)-2]+"9\n")
	dir := t.TempDir()
	run(t, c.Env(), "results", "--download", dir).expect(t, 65, "output s3://"+awstest.Output+"/processed/data.csv: not as the manifest says: its CRC64NVME is ")
	if entries, _ := os.ReadDir(dir); len(entries) != 0 {
		t.Errorf("%v is left", entries)
	}
	put(t, c, awstest.Output, "processed/data.csv", "short")
	run(t, c.Env(), "results").expect(t, 65, "5 bytes, but the manifest says")
	put(t, c, awstest.Output, "processed/manifest.json", "{}")
	run(t, c.Env(), "results").expect(t, 65, "not a manifest of this program")
}

func TestResults_openTheReport(t *testing.T) {
	t.Parallel()
	c := ran(t)
	dir := t.TempDir()
	seen := filepath.Join(dir, "seen")
	browser := filepath.Join(dir, "browser")
	if err := os.WriteFile(browser, []byte(fmt.Sprintf("#!/bin/sh\ncp \"$1\" %s.part && mv %s.part %s\n", seen, seen, seen)), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, append(c.Env(), "BROWSER="+browser, "TMPDIR="+dir), "results", "--open").expect(t, 0, "the report is "+dir)
	waitForFile(t, seen)
	if !strings.Contains(read(t, seen), "<html") {
		t.Error("the browser was not shown the report")
	}
	run(t, append(c.Env(), "BROWSER="+filepath.Join(dir, "none"), "TMPDIR="+dir), "results", "--open").expect(t, 74, "no browser could be started", "BROWSER")
}

// withSettings makes the container's environment hold one more setting.
func withSettings(c *awstest.Server, name, value string) {
	c.Stack.Container = strings.Replace(c.Stack.Container, `"environment": [`, fmt.Sprintf(`"environment": [{"name": %q, "value": %q},`, name, value), 1)
}

func TestUpload_triesWithTheSettingsOfTheStack(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	withSettings(c, "DS_KEEP", "species,year")
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv").expect(t, 65, `"year" to keep not in the header`)
	c.Fail(awstest.Fault{Operation: "SFN.DescribeStateMachine", Times: -1, Status: 400, Code: "AccessDeniedException", Message: "no"})
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv").expect(t, 0, "it is tried with none")
	dir := project(t, "config:\n  aws:region: us-east-1\n  ds-pipeline:keepColumns: year\n")
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv", "--stack", "dev", "--dir", dir).expect(t, 65, `"year" to keep not in the header`)
}

func TestInput_mayBeAPrefix(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	c.Parameters[contract.InputKey] = "raw/2026-11/"
	d := decode[diagnosis](t, run(t, c.Env(), "doctor", "--json").expect(t, 1))
	if got := d.of("input"); !strings.Contains(got, "there is no input that s3://"+awstest.Input+"/raw/2026-11/ stands for") {
		t.Errorf("got %q", got)
	}
	put(t, c, awstest.Input, "raw/2026-11/a.csv", read(t, penguins+"penguins.csv"))
	put(t, c, awstest.Input, "raw/2026-11/b.csv", read(t, penguins+"penguins.csv"))
	run(t, c.Env(), "doctor").expect(t, 0, "raw/2026-11/, 2 objects from s3://"+awstest.Input+"/raw/2026-11/a.csv on", "the first 344 records tried")
	run(t, c.Env(), "upload", "--model", penguins+"model.joblib").expect(t, 0, "the job takes them")
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv").expect(t, 64, "which is not one object; name the key with --input-key")
	run(t, c.Env(), "upload", "--input", penguins+"penguins.csv", "--input-key", "raw/2026-11/").expect(t, 64, "ends in a slash")
	run(t, c.Env(), "run", "--input-key", "raw/2026-11/").expect(t, 0)
}

func TestResults_mayBeParquet(t *testing.T) {
	t.Parallel()
	c := cloud(t)
	job := c.Job
	c.Job = func(env map[string]string) ([]string, int) {
		env["DS_OUTPUT_FORMAT"] = "parquet"
		return job(env)
	}
	run(t, c.Env(), "run", "--period", "2026-11", "--wait").expect(t, 0, "period=2026-11/data.parquet")
	run(t, c.Env(), "results", "--period", "2026-11", "--verify").expect(t, 0, "output    s3://"+awstest.Output+"/processed/period=2026-11/data.parquet")
	dir := t.TempDir()
	run(t, c.Env(), "results", "--download", dir).expect(t, 0, filepath.Join(dir, "data.parquet"))
}
