package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"ds-pipeline/preprocess/contract"
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

// spread is a manifest with everything that one may have.
func spread() Manifest {
	m := example()
	m.Inputs = append(m.Inputs, Object{"s3://in/more.csv", 30, "30 bytes", Checksum{}, []Piece{
		{10, Checksum{SHA256: digest("1")}}, {0, Checksum{SHA256: digest("2")}}, {20, Checksum{SHA256: digest("3")}},
	}})
	m.Outputs = []Object{m.Output, {"s3://out/period=2026-11/more.csv", 0, "0 bytes", Checksum{CRC64NVME: "AAAAAAAAAAA="}, nil}}
	m.Output = Object{}
	m.Scale = &Scale{Run: "run", Parts: 1, Rounds: 1, Missing: []Missing{{"s3://in/none.csv", 5, "5 bytes"}}}
	m.Script = &Object{"s3://art/script.py", 7, "7 bytes", Checksum{SHA256: digest("4")}, nil}
	m.Package = &Object{"s3://art/package.zip", 8, "8 bytes", Checksum{SHA256: digest("5")}, nil}
	m.Settings.ScriptStage = contract.ScriptAfter
	m.Report = &Object{"s3://out/period=2026-11/report.html", 9, "9 bytes", Checksum{SHA256: digest("6")}, nil}
	m.Newest = &Newest{URI: "s3://out/data.csv", Kept: "2026-12"}
	m.Rows = Rows{In: 5, Out: 7, Rejected: 1, Filtered: -3}
	return m
}

func TestManifest_isReadAsItWasWritten(t *testing.T) {
	for name, change := range map[string]func(*Manifest){
		"of one task":     func(*Manifest) {},
		"of many":         func(m *Manifest) { *m = spread() },
		"of no period":    func(m *Manifest) { m.Period, m.Newest = "", nil },
		"of no record":    func(m *Manifest) { m.Inputs[0].Size, m.Rows, m.Rejects = 0, Rows{}, nil },
		"of nothing else": func(m *Manifest) { m.Rows, m.Rejects = Rows{In: 4, Out: 4}, nil },
		"of a filter":     func(m *Manifest) { m.Script, m.Rows.Out, m.Rows.Filtered = &m.Model, 0, 4 },
	} {
		t.Run(name, func(t *testing.T) {
			m := example()
			change(&m)
			unmarked := m
			unmarked.Schema = ""
			got, err := Read([]byte(text(t, unmarked)))
			if err != nil || !reflect.DeepEqual(got, m) {
				t.Errorf("got  %+v, %v\nwant %+v", got, err, m)
			}
		})
	}
}

func TestManifest_listsWhatWasReadAndPublished(t *testing.T) {
	names := func(objects []Named) string {
		var all []string
		for _, o := range objects {
			all = append(all, o.Name+" "+o.URI)
		}
		return strings.Join(all, ", ")
	}
	for _, c := range []struct {
		m               Manifest
		read, published string
	}{
		{example(), "inputs[0] s3://in/raw.csv, model s3://art/model.pkl",
			"output s3://out/period=2026-11/data.csv, rejects s3://out/period=2026-11/rejects.csv"},
		{spread(), "inputs[0] s3://in/raw.csv, inputs[1] s3://in/more.csv, script s3://art/script.py, package s3://art/package.zip, model s3://art/model.pkl",
			"outputs[0] s3://out/period=2026-11/data.csv, outputs[1] s3://out/period=2026-11/more.csv, rejects s3://out/period=2026-11/rejects.csv, report s3://out/period=2026-11/report.html"},
	} {
		if got := names(c.m.Read()); got != c.read {
			t.Errorf("read: got  %s\nwant %s", got, c.read)
		}
		if got := names(c.m.Published()); got != c.published {
			t.Errorf("published: got  %s\nwant %s", got, c.published)
		}
	}
}

func TestRead_isBounded(t *testing.T) {
	fits := text(t, example())
	fits += strings.Repeat(" ", MaxBytes-len(fits))
	if _, err := Read([]byte(fits)); err != nil || len(fits) != 32<<20 {
		t.Errorf("%d bytes: %v", len(fits), err)
	}
	if _, err := Read([]byte(fits + " ")); !errors.Is(err, ErrForeign) || !strings.HasPrefix(err.Error(), "33554433 bytes; want at most 33554432: ") {
		t.Errorf("got %v", err)
	}
}

func TestRead_saysWhatIsOfAnotherType(t *testing.T) {
	m, err := Read([]byte(strings.Replace(text(t, example()), `"in": 5`, `"in": "five"`, 1)))
	if err == nil || errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), "rows.in") || !reflect.DeepEqual(m, Manifest{}) {
		t.Errorf("got %+v, %v", m, err)
	}
}

func TestWrite_writesAllOrSaysThatItDoesNot(t *testing.T) {
	m := example()
	m.Timings.Publish = math.NaN()
	var b bytes.Buffer
	if err := Write(&b, m); err == nil || b.Len() != 0 {
		t.Errorf("what JSON does not have: got %q, %v", b.String(), err)
	}
	full := errors.New("full")
	if err := Write(failing{full}, example()); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

// failing is a writer that takes nothing.
type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

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
		"manifest: started, finished: got":    func(m *Manifest) { m.Started = time.Time{} },
		"manifest: rejects: want where":       func(m *Manifest) { m.Rows.Rejected, m.Rows.Out = 0, 5 },
		"manifest: rows: -1 in, but -2 out":   func(m *Manifest) { m.Rows.In, m.Rows.Out = -1, -2 },
		"manifest: rows: 0 in, but -1 out":    func(m *Manifest) { m.Rows.In, m.Rows.Out = 0, -1 },
		"manifest: rows: 3 in, but 4 out":     func(m *Manifest) { m.Rows.In, m.Rows.Rejected = 3, -1 },
		"manifest: rows: -1 in, but 0 out":    func(m *Manifest) { m.Script, m.Rows = &m.Model, Rows{In: -1, Rejected: 1, Filtered: -2} },
		"but 4 out, 1 rejected and 1 filtere": func(m *Manifest) { m.Script, m.Rows.Filtered = &m.Model, 1 },
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

func TestManifest_ofARunThatWasSpreadIsChecked(t *testing.T) {
	const pieces = "manifest: inputs[1].pieces: "
	scale := "manifest: scale: want the name of the run, its parts and its rounds of a run that was spread over many tasks"
	script := "manifest: script: want one, as there is what only a script does"
	plain := func(m *Manifest) {
		m.Script, m.Package, m.Settings.ScriptStage, m.Rows = nil, nil, "", Rows{In: 5, Out: 4, Rejected: 1}
	}
	for _, c := range []struct {
		name  string
		spoil func(*Manifest)
		want  string
	}{
		{"fewer bytes than its pieces", func(m *Manifest) { m.Inputs[1].Size = 29 }, pieces + "they have 30 bytes of 29; want all of them, and no checksum beside them"},
		{"a checksum beside its pieces", func(m *Manifest) { m.Inputs[1].SHA256 = digest("7") }, pieces + "they have 30 bytes of 30; want all of them, and no checksum beside them"},
		{"a piece of fewer than no bytes", func(m *Manifest) { m.Inputs[1].Pieces[1].Size, m.Inputs[1].Size = -1, 29 }, pieces + "[1]: -1 bytes: want 0 or more"},
		{"a piece without a checksum", func(m *Manifest) { m.Inputs[1].Pieces[2].Checksum = Checksum{} }, pieces + "[2]: 20 bytes: got no checksum, want sha256 or crc64nvme"},
		{"one piece", func(m *Manifest) { m.Inputs[1].Pieces = m.Inputs[1].Pieces[:1] }, pieces + "they have 10 bytes of 30; want all of them, and no checksum beside them"},
		{"a second output without a place", func(m *Manifest) { m.Outputs[1].URI = "" }, "manifest: outputs[1].uri: missing"},
		{"rejects without a place", func(m *Manifest) { m.Rejects.URI = "" }, "manifest: rejects.uri: missing"},
		{"a report without a place", func(m *Manifest) { m.Report.URI = "" }, "manifest: report.uri: missing"},
		{"a script without a place", func(m *Manifest) { m.Script.URI = "" }, "manifest: script.uri: missing"},
		{"a package without a place", func(m *Manifest) { m.Package.URI = "" }, "manifest: package.uri: missing"},
		{"one output too many", func(m *Manifest) { m.Output = m.Outputs[0] }, "manifest: output, outputs: want one of them"},
		{"one output and another one", func(m *Manifest) { m.Output, m.Outputs = m.Outputs[0], m.Outputs[1:] }, "manifest: output, outputs: want one of them"},
		{"not told how it was spread", func(m *Manifest) { m.Scale = nil }, scale},
		{"not told how one output was spread", func(m *Manifest) { m.Scale, m.Outputs = nil, m.Outputs[:1] }, scale},
		{"without a name", func(m *Manifest) { m.Scale.Run = "" }, scale},
		{"without parts", func(m *Manifest) { m.Scale.Parts = 0 }, scale},
		{"without rounds", func(m *Manifest) { m.Scale.Rounds = 0 }, scale},
		{"no period that was kept", func(m *Manifest) { m.Newest.Kept = "2026-13" }, `manifest: newest.kept: period "2026-13"`},
		{"a filter without a script", func(m *Manifest) { plain(m); m.Rows = Rows{In: 5, Out: 3, Rejected: 1, Filtered: 1} }, script},
		{"a package without a script", func(m *Manifest) { p := m.Package; plain(m); m.Package = p }, script},
		{"a stage without a script", func(m *Manifest) { plain(m); m.Settings.ScriptStage = contract.ScriptAfter }, script},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := spread()
			c.spoil(&m)
			if err := Write(&bytes.Buffer{}, m); err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
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
