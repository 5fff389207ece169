package job

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestVerify_comparesBytes(t *testing.T) {
	dir := t.TempDir()
	input := write(t, filepath.Join(dir, "in.csv"), "dist_km,price,temp,rooms\n1,2,3,4\n1,x,3,4\n")
	out := filepath.Join(dir, "results", "data.csv")
	if err := os.Mkdir(filepath.Dir(out), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, nil, "run", "--input", input, "--model", passthrough, "--output", out, "--max-rejects", "1", "--period", "2026-11").expect(t, 0)
	verify := func(more ...string) result {
		return run(t, nil, append([]string{"verify", "--output", out}, more...)...)
	}
	for _, more := range [][]string{nil, {"--sources"}, {"--period", "2026-11"}} {
		r := verify(more...)
		r.expect(t, 0)
		if !strings.Contains(r.stdout, "same      rejects     ") || !strings.Contains(r.stdout, "rows      2 in, 1 out, 1 rejected\n") {
			t.Errorf("%v: it says %s", more, r.stdout)
		}
	}

	// A copy of the folder is as good.
	moved := filepath.Join(dir, "moved")
	if err := os.Rename(filepath.Dir(out), moved); err != nil {
		t.Fatal(err)
	}
	out = filepath.Join(moved, "data.csv")
	verify().expect(t, 0)

	sums := map[string]string{"data.csv": "CRC64NVME", "rejects.csv": "SHA-256", "report.html": "SHA-256"}
	for _, name := range []string{"data.csv", "rejects.csv", "report.html"} {
		path := filepath.Join(moved, name)
		whole := read(t, path)
		for damage, text := range map[string]string{
			"its " + sums[name] + " is": whole[:len(whole)-2] + "#\n",
			"bytes":                     whole + "#",
		} {
			write(t, path, text)
			verify().expect(t, 65, path, damage)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		verify().expect(t, 65, path+": it does not exist")
		write(t, path, whole)
	}
	verify().expect(t, 0)

	write(t, input, "other")
	verify().expect(t, 0)
	r := verify("--sources", "--json")
	r.expect(t, 65, "inputs[0] "+input+": 5 bytes, want ")
	var found struct {
		Same    bool
		Objects []struct {
			Name string
			Same bool
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &found); err != nil {
		t.Fatal(err)
	}
	for _, o := range found.Objects {
		if o.Same != (o.Name != "inputs[0]") {
			t.Errorf("%s: same: %v", o.Name, o.Same)
		}
	}
	if found.Same || len(found.Objects) != 5 {
		t.Errorf("it found %+v", found)
	}
}

func TestVerify_saysWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "data.csv")
	run(t, nil, "verify", "--output", out).expect(t, 66, "manifest: read "+filepath.Join(dir, "manifest.json")+": it does not exist")
	run(t, nil, "verify", "--output", out, "--period", "2026-13").expect(t, 78, "want a year and a month")
	run(t, nil, "verify").expect(t, 78, "output-bucket: missing")
	run(t, nil, "run", "--input", penguins+"penguins.csv", "--model", penguins+"model.pkl", "--output", out).expect(t, 0)
	run(t, nil, "verify", "--output", filepath.Join(dir, "other.csv")).expect(t, 65, "it is of a result called data.csv")
	write(t, filepath.Join(dir, "rejects.csv"), "input,line,column,reason,record\n")
	run(t, nil, "verify", "--output", out).expect(t, 65, "the run rejected nothing")
	write(t, filepath.Join(dir, "manifest.json"), "{}")
	run(t, nil, "verify", "--output", out).expect(t, 65, "not a manifest of this program")
}

func TestVerify_ofObjects(t *testing.T) {
	c := newCloud(t, "ds-in", "ds-out", "ds-art")
	c.put(t, "ds-in", "raw.csv", read(t, penguins+"penguins.csv"))
	c.put(t, "ds-art", "model.pkl", read(t, penguins+"model.pkl"))
	c.parameters["/ds/preprocessing/output-bucket"] = "ds-out"
	run(t, c.env(), "run", "--input", "s3://ds-in/raw.csv", "--model", "s3://ds-art/model.pkl", "--output", "s3://ds-out/processed/data.csv", "--period", "2026-11").expect(t, 0)
	run(t, c.env("DS_PERIOD=2026-11"), "verify", "--sources").expect(t, 0)
	c.put(t, "ds-out", "processed/report.html", "other")
	run(t, c.env(), "verify").expect(t, 65, "report s3://ds-out/processed/report.html: 5 bytes, want ")
	run(t, c.env(), "verify", "--period", "2026-12").expect(t, 66, "s3://ds-out/processed/period=2026-12/manifest.json: it does not exist")
	c.setFault(func(r *request) bool { return strings.Contains(r.what, "/ds-out/") && r.fail(403, "AccessDenied") })
	run(t, c.env(), "verify").expect(t, 77, "permission denied")
}

// The same period with other checksums is another run, since its manifest differs.
func TestChecksum_isChosen(t *testing.T) {
	dir := t.TempDir()
	at := filepath.Join(dir, "period=2026-11", "manifest.json")
	period(t, dir, "2026-11").expect(t, 0)
	if m := checkManifest(t, at); m.Output.CRC64NVME == "" || m.Inputs[0].CRC64NVME == "" || m.Model.SHA256 == "" {
		t.Errorf("by default: got %+v", m)
	}
	period(t, dir, "2026-11", "--checksum", "sha256").expect(t, 0)
	if m := checkManifest(t, at); m.Output.SHA256 == "" || m.Inputs[0].SHA256 == "" || m.Model.SHA256 == "" {
		t.Errorf("sha256: got %+v", m)
	}
	run(t, nil, "verify", "--output", filepath.Join(dir, "data.csv"), "--sources").expect(t, 0)
	period(t, dir, "2026-11", "--checksum", "md5").expect(t, 78, `checksum (--checksum): got "md5", want crc64nvme or sha256`)
}
