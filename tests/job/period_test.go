package job

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	runs "ds-pipeline/preprocess/manifest"
)

func period(t *testing.T, dir, month string, more ...string) result {
	t.Helper()
	return run(t, []string{"DS_PERIOD=" + month}, append([]string{"run", "--input", penguins + "penguins.csv",
		"--model", penguins + "model.pkl", "--output", filepath.Join(dir, "data.csv")}, more...)...)
}

// checkManifest checks that everything that a manifest names has the sizes and
// sums that it says.
func checkManifest(t *testing.T, path string) runs.Manifest {
	t.Helper()
	m, err := runs.Read([]byte(read(t, path)))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	for _, o := range append(m.Published(), runs.Named{Name: "input", Object: m.Inputs[0]}, runs.Named{Name: "model", Object: m.Model}) {
		text := read(t, o.URI)
		sum := o.Algorithm().New()
		_, _ = sum.Write([]byte(text))
		if err := o.Compare(sum.Checksum()); err != nil || int64(len(text)) != o.Size {
			t.Errorf("%s: %s: %d bytes, but the manifest says %d: %v", path, o.Name, len(text), o.Size, err)
		}
	}
	return m
}

func TestPeriod_isAFolderAndTheNewestIsACopy(t *testing.T) {
	dir := t.TempDir()
	period(t, dir, "2026-11").expect(t, 0)
	period(t, dir, "2026-12", "--keep", "species").expect(t, 0)
	december := filepath.Join(dir, "period=2026-12")
	for _, name := range []string{"data.csv", "report.html", "manifest.json"} {
		if read(t, filepath.Join(dir, name)) != read(t, filepath.Join(december, name)) {
			t.Errorf("%s: the newest is not that of December", name)
		}
	}
	m := checkManifest(t, filepath.Join(dir, "manifest.json"))
	if m.Period != "2026-12" || !m.Newest.Replaced || m.Rows.In != 344 || m.Rows.Out != 344 {
		t.Errorf("got %+v", m)
	}

	// A period of the past, run again, does not become the newest.
	newest := read(t, filepath.Join(dir, "data.csv"))
	period(t, dir, "2026-10").expect(t, 0)
	if read(t, filepath.Join(dir, "data.csv")) != newest {
		t.Error("an earlier period became the newest")
	}
	if m := checkManifest(t, filepath.Join(dir, "period=2026-10", "manifest.json")); m.Newest.Replaced || m.Newest.Kept != "2026-12" {
		t.Errorf("newest: %+v", m.Newest)
	}
	period(t, dir, "2026-1").expect(t, 78, `period (DS_PERIOD): period "2026-1"`)
}

func TestPeriod_ofObjects(t *testing.T) {
	c := newCloud(t, "ds-in", "ds-out", "ds-art")
	c.put(t, "ds-in", "raw.csv", read(t, penguins+"penguins.csv"))
	c.put(t, "ds-art", "model.pkl", read(t, penguins+"model.pkl"))
	run(t, c.env(), "run", "--input", "s3://ds-in/raw.csv", "--model", "s3://ds-art/model.pkl", "--output", "s3://ds-out/processed/data.csv", "--period", "2026-11").expect(t, 0)
	for _, name := range []string{"data.csv", "report.html", "manifest.json"} {
		first, ok := c.get(t, "ds-out", "processed/period=2026-11/"+name)
		newest, also := c.get(t, "ds-out", "processed/"+name)
		if !ok || !also || first != newest {
			t.Errorf("%s: %v %v, %d and %d bytes", name, ok, also, len(first), len(newest))
		}
	}
}

func TestRun_withoutRejectsRemovesThoseBefore(t *testing.T) {
	dir := t.TempDir()
	out, rejects := filepath.Join(dir, "data.csv"), filepath.Join(dir, "rejects.csv")
	bad := write(t, filepath.Join(t.TempDir(), "in.csv"), "dist_km,price,temp,rooms\n1,2,3,4\n1,x,3,4\n")
	good := write(t, filepath.Join(t.TempDir(), "in.csv"), "dist_km,price,temp,rooms\n1,2,3,4\n")
	run(t, nil, "run", "--input", bad, "--model", passthrough, "--output", out, "--max-rejects", "1").expect(t, 0)
	if m := checkManifest(t, filepath.Join(dir, "manifest.json")); m.Rejects == nil || m.Rows.Rejected != 1 {
		t.Errorf("got %+v", m)
	}
	run(t, nil, "run", "--input", good, "--model", passthrough, "--output", out).expect(t, 0)
	if _, err := os.Stat(rejects); !os.IsNotExist(err) {
		t.Errorf("the rejects of the run before: %v", err)
	}
	checkManifest(t, filepath.Join(dir, "manifest.json"))
}

func TestRun_doesNotOverwriteWhatIsOfOthers(t *testing.T) {
	for _, name := range []string{"rejects.csv", "report.html", "manifest.json"} {
		dir := t.TempDir()
		path := write(t, filepath.Join(dir, name), `{"name": "of others"}`)
		period(t, dir, "").expect(t, 78, path+" would be overwritten, but")
		if left := names(t, dir); len(left) != 1 || read(t, path) != `{"name": "of others"}` {
			t.Errorf("%s: left %v", name, left)
		}
	}
}

func TestPeriod_isNotDoneTwice(t *testing.T) {
	const nothing = "nothing to do: "
	dir := t.TempDir()
	input := write(t, filepath.Join(t.TempDir(), "in.csv"), read(t, penguins+"penguins.csv"))
	period := func(t *testing.T, dir, month string, more ...string) result {
		return run(t, []string{"DS_PERIOD=" + month}, append([]string{"run", "--input", input,
			"--model", penguins + "model.pkl", "--output", filepath.Join(dir, "data.csv")}, more...)...)
	}
	november := filepath.Join(dir, "period=2026-11")
	again := func(t *testing.T, more ...string) bool {
		t.Helper()
		before := read(t, filepath.Join(november, "manifest.json"))
		r := period(t, dir, "2026-11", more...)
		r.expect(t, 0)
		entry := r.last(t)
		message, _ := entry["msg"].(string)
		repeated := read(t, filepath.Join(november, "manifest.json")) == before
		if said := strings.HasPrefix(message, nothing); said != repeated || entry["repeated"] != repeated || entry["rows_out"] != 344. {
			t.Errorf("done again: %v, but it says %v", !repeated, entry)
		}
		return repeated
	}
	period(t, dir, "2026-11").expect(t, 0)
	if !again(t) {
		t.Error("the same run was done again")
	}
	if again(t, "--force") {
		t.Error("--force did nothing")
	}
	if !again(t, "--workers", "1") {
		t.Error("the same run with other workers was done again")
	}
	if again(t, "--keep", "species") || !again(t, "--keep", "species") || again(t) {
		t.Error("other settings are not another run, once")
	}

	now := time.Now()
	if err := os.Chtimes(input, now, now); err != nil {
		t.Fatal(err)
	}
	if again(t) || !again(t) {
		t.Error("another version of the input is not another run, once")
	}
	for _, name := range []string{"data.csv", "report.html"} {
		if err := os.Remove(filepath.Join(november, name)); err != nil {
			t.Fatal(err)
		}
		if again(t) || !again(t) {
			t.Errorf("without %s it is not done again, once", name)
		}
	}
	write(t, filepath.Join(november, "rejects.csv"), "input,line,column,reason,record\n")
	if again(t) || !again(t) {
		t.Error("with the rejects of a run that failed it is not done again, once")
	}

	// The newest result is a copy again, whatever a killed run has left of it.
	for _, name := range []string{"data.csv", "manifest.json"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		if !again(t) || read(t, filepath.Join(dir, name)) != read(t, filepath.Join(november, name)) {
			t.Errorf("the newest %s is not what it was", name)
		}
	}
	period(t, dir, "2026-12", "--keep", "species").expect(t, 0)
	december := read(t, filepath.Join(dir, "manifest.json"))
	if !again(t) || read(t, filepath.Join(dir, "manifest.json")) != december {
		t.Error("an earlier period became the newest")
	}
	period(t, dir, "2026-11", "--no-force=maybe").expect(t, 64)
	run(t, []string{"DS_FORCE=yes"}, "run", "--input", input, "--model", penguins+"model.pkl", "--output", filepath.Join(dir, "data.csv")).
		expect(t, 78, `DS_FORCE: got "yes", want true or false`)
}

func TestPeriod_ofObjectsIsNotDoneTwice(t *testing.T) {
	c := newCloud(t, "ds-in", "ds-out", "ds-art")
	text := read(t, penguins+"penguins.csv")
	half := strings.Index(text, "Chinstrap")
	header := text[:strings.IndexByte(text, '\n')+1]
	c.put(t, "ds-in", "raw/1.csv", text[:half])
	c.put(t, "ds-in", "raw/2.csv", header+text[half:])
	c.put(t, "ds-art", "model.pkl", read(t, penguins+"model.pkl"))
	start := func() (repeated bool) {
		t.Helper()
		r := run(t, c.env("DS_ENVIRONMENT=test"), "run", "--input", "s3://ds-in/raw/", "--model", "s3://ds-art/model.pkl", "--output", "s3://ds-out/processed/data.csv", "--period", "2026-11")
		r.expect(t, 0)
		repeated = strings.Contains(r.stdout, `"repeated":true`)
		if metrics := strings.Contains(r.stdout, "CloudWatchMetrics"); metrics == repeated {
			t.Errorf("repeated: %v, metrics: %v", repeated, metrics)
		}
		return repeated
	}
	if start() || !start() {
		t.Error("the first run is not done once")
	}
	c.put(t, "ds-in", "raw/2.csv", header+text[half:]+"Adelie,Dream,39,18,190,3700,male\n")
	if start() || !start() {
		t.Error("with another second input it is not done again, once")
	}
	c.put(t, "ds-in", "raw/3.csv", header)
	if start() || !start() {
		t.Error("with a third input it is not done again, once")
	}
	c.put(t, "ds-art", "model.pkl", read(t, penguins+"model.joblib"))
	if start() || !start() {
		t.Error("with another model it is not done again, once")
	}
}
