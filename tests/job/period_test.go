package job

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

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
		if got := sha256.Sum256([]byte(text)); hex.EncodeToString(got[:]) != o.SHA256 || int64(len(text)) != o.Size {
			t.Errorf("%s: %s: %d bytes and %x, but the manifest says %d and %s", path, o.Name, len(text), got, o.Size, o.SHA256)
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
