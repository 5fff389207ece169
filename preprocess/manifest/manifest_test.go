package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func digest(c string) string { return strings.Repeat(c, 64) }

func example() Manifest {
	at := time.Date(2026, 12, 1, 2, 0, 0, 0, time.UTC)
	return Manifest{
		Schema: Schema, Period: "2026-11",
		Job:     Job{Version: "v1", Build: digest("a")},
		Started: at, Finished: at.Add(time.Minute),
		Settings: Settings{NullValues: []string{""}, Keep: []string{}},
		Inputs:   []Object{{"s3://in/raw.csv", 10, "10 bytes of \"x\"", Checksum{CRC64NVME: "AAECAwQFBgc="}, nil}},
		Model:    Object{"s3://art/model.pkl", 20, "20 bytes of \"y\"", Checksum{SHA256: digest("c")}, nil},
		Output:   Object{"s3://out/period=2026-11/data.csv", 30, "30 bytes of \"z\"", Checksum{CRC64NVME: "/wECAwQFBgc="}, nil},
		Rejects:  &Object{"s3://out/period=2026-11/rejects.csv", 3, "3 bytes of \"r\"", Checksum{SHA256: digest("e")}, nil},
		Newest:   &Newest{URI: "s3://out/data.csv", Replaced: true},
		Rows:     Rows{In: 5, Out: 4, Rejected: 1},
	}
}

func text(t testing.TB, m Manifest) string {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestManifest_isReadAsItWasWritten(t *testing.T) {
	m := example()
	got, err := Read([]byte(text(t, m)))
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestManifest_ofOthersIsForeign(t *testing.T) {
	for _, other := range []string{"", "{}", "[]", `{"schema": "other/1"}`, `{"manifest_version": 3, "name": "extension"}`, "a,b\n1,2\n"} {
		if _, err := Read([]byte(other)); !errors.Is(err, ErrForeign) {
			t.Errorf("%q: got %v", other, err)
		}
	}
}

func TestManifest_thatIsIncompleteIsRefused(t *testing.T) {
	for want, spoil := range map[string]func(*Manifest){
		"manifest: period \"2026-13\"":        func(m *Manifest) { m.Period = "2026-13" },
		"manifest: job.version: missing":      func(m *Manifest) { m.Job.Version = "" },
		"manifest: job.build: got \"\"":       func(m *Manifest) { m.Job.Build = "" },
		"manifest: started, finished":         func(m *Manifest) { m.Finished = m.Started.Add(-1) },
		"manifest: inputs: none":              func(m *Manifest) { m.Inputs = nil },
		"manifest: model.uri: missing":        func(m *Manifest) { m.Model.URI = "" },
		"manifest: output.size: got -1":       func(m *Manifest) { m.Output.Size = -1 },
		"manifest: model: sha256: got":        func(m *Manifest) { m.Model.SHA256 = "x" },
		"manifest: output: crc64nvme: got":    func(m *Manifest) { m.Output.CRC64NVME = "AAECAwQFBg==" },
		"manifest: inputs[0]: got no check":   func(m *Manifest) { m.Inputs[0].CRC64NVME = "" },
		"manifest: model: got a sha256 and":   func(m *Manifest) { m.Model.CRC64NVME = "AAECAwQFBgc=" },
		"manifest: newest: want where it is":  func(m *Manifest) { m.Newest.Replaced = false },
		"manifest: newest: want it with":      func(m *Manifest) { m.Newest = nil },
		"manifest: rows: 5 in, but 5 out":     func(m *Manifest) { m.Rows.Out = 5 },
		"manifest: rejects: want where they ": func(m *Manifest) { m.Rejects = nil },
	} {
		m := example()
		spoil(&m)
		if err := Write(&bytes.Buffer{}, m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if _, err := Read([]byte(strings.Replace(text(t, example()), `"period"`, `"periode"`, 1))); err == nil {
		t.Error("a misspelled member passed")
	}
	if _, err := Read([]byte(text(t, example()) + "{}")); !errors.Is(err, ErrForeign) {
		t.Errorf("something behind it: got %v", err)
	}
}

// A program of before reads what a later one wrote with the same schema, so that
// going back to it works.
func TestManifest_ofALaterProgramIsRead(t *testing.T) {
	later := strings.NewReplacer(`"period"`, `"color": {"a": [1]}, "period"`, `"encoding"`, `"taste": "sweet", "encoding"`).Replace(text(t, example()))
	if m, err := Read([]byte(later)); err != nil || !reflect.DeepEqual(m, example()) {
		t.Errorf("got %+v, %v", m, err)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(text(f, example())))
	f.Add([]byte(`{"schema": "ds-pipeline/manifest/1"}`))
	f.Add([]byte(`{"schema": "ds-pipeline/manifest/1", "rows": {"in": 1e300}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Read(data)
		if err != nil {
			return
		}
		again, err := Read([]byte(text(t, m)))
		if err != nil || text(t, again) != text(t, m) {
			t.Errorf("%v: what was read is not what is written", err)
		}
	})
}

// The objects of a list are written one by one, which nobody is to see.
func TestWrite_indentsListsAsAll(t *testing.T) {
	one := example().Inputs[0]
	for n := range 4 {
		m := example()
		m.Scale = &Scale{Run: "run", Parts: n + 1, Rounds: 1}
		for range n {
			m.Inputs = append(m.Inputs, one)
		}
		if n > 0 {
			m.Output, m.Outputs = Object{}, m.Inputs
		}
		want, err := json.MarshalIndent(m, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if got := text(t, m); got != string(want)+"\n" {
			t.Errorf("%d inputs: got %s\nwant %s", n+1, got, want)
		}
	}
}
