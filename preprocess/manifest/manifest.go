// Package manifest is the record of a run that stands beside its result: what
// was read, by which program and with which settings, and what was published.
package manifest

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"time"

	"ds-pipeline/preprocess/contract"
)

// Schema is what marks a manifest as one of this program, in this form.
const Schema = "ds-pipeline/manifest/1"

// MaxBytes bounds the text of a manifest. One of as many inputs as a run may
// have is smaller.
const MaxBytes = 32 << 20

// ErrForeign says that a text is not a manifest of this program.
var ErrForeign = errors.New(`not a manifest of this program: want a JSON object with "schema": "` + Schema + `"`)

// Manifest is the record of one run.
type Manifest struct {
	Schema   string    `json:"schema"`
	Period   string    `json:"period,omitempty"` // such as 2026-11; "" for none
	Job      Job       `json:"job"`
	Started  time.Time `json:"started"`  // UTC
	Finished time.Time `json:"finished"` // UTC; when all but the manifest was published
	Timings  Timings   `json:"timings"`
	Settings Settings  `json:"settings"`

	Inputs  []Object `json:"inputs"` // in the order they were read
	Model   Object   `json:"model"`
	Script  *Object  `json:"script,omitempty"`
	Package *Object  `json:"package,omitempty"`

	// Output is the result, or Outputs are, in the order of their inputs, of a run
	// that was spread over many tasks by its inputs.
	Output  Object   `json:"output,omitzero"`
	Outputs []Object `json:"outputs,omitempty"`

	Rejects *Object `json:"rejects,omitempty"` // nil if no record was rejected
	Report  *Object `json:"report,omitempty"`
	Newest  *Newest `json:"newest,omitempty"` // nil without a period

	Rows    Rows    `json:"rows"`
	Columns Columns `json:"columns"`
	Bytes   Bytes   `json:"bytes"`

	Scale *Scale `json:"scale,omitempty"` // nil of a run of one task
}

// Scale is what is told of a run that was spread over many tasks.
type Scale struct {
	Run    string `json:"run"`    // its name
	Parts  int    `json:"parts"`  // objects, or ranges of one
	Rounds int    `json:"rounds"` // in which they were done
	// Missing are objects whose part failed and that the result is without, as the
	// run was told to go on.
	Missing []Missing `json:"missing,omitempty"`
}

// Missing is an object that should have been read.
type Missing struct {
	URI     string `json:"uri"`
	Size    int64  `json:"size"` // in bytes, as the object was listed
	Version string `json:"version"`
}

// Job is the program.
type Job struct {
	Version string `json:"version"`
	Build   string `json:"build"`           // SHA-256 of the executable, in hexadecimal
	Image   string `json:"image,omitempty"` // digest of the container's image; "" if not told
}

// Timings are in seconds.
type Timings struct {
	Prepare   float64 `json:"prepare"`   // reading the model, finding the inputs
	Transform float64 `json:"transform"` // reading, transforming and sending
	Publish   float64 `json:"publish"`   // until all but the manifest was published
}

// Settings are those that influence what is published.
type Settings struct {
	Input           string   `json:"input"` // as given: an object, a prefix or a glob
	InputFormat     string   `json:"input_format"`
	Delimiter       string   `json:"delimiter,omitempty"`
	Encoding        string   `json:"encoding"`
	NullValues      []string `json:"null_values"`
	Keep            []string `json:"keep"`
	OutputFormat    string   `json:"output_format"` // "" of runs before there was a choice: csv
	OutputDelimiter string   `json:"output_delimiter,omitempty"`
	MaxRecordBytes  int      `json:"max_record_bytes"`
	MaxRejects      string   `json:"max_rejects"`
	ScriptStage     string   `json:"script_stage,omitempty"` // before or after the model; "" without a script
	Report          bool     `json:"report"`
	ShowValues      bool     `json:"show_values"`
	// Checksum is that of the inputs and of the output; what is small, and what
	// is code, has a SHA-256 in any case.
	Checksum Algorithm `json:"checksum"`
}

// Object is something that was read or published.
type Object struct {
	URI     string `json:"uri"`
	Size    int64  `json:"size"`              // in bytes, as stored
	Version string `json:"version,omitempty"` // of an object its size and ETag, of a file its size and time; "" of a pipe
	Checksum

	// Pieces are the object, one after the other, where each was read or written by
	// another task, and the checksum of the whole does not follow from theirs.
	Pieces []Piece `json:"pieces,omitempty"`
}

// Piece is some bytes of an object.
type Piece struct {
	Size int64 `json:"size"`
	Checksum
}

// Newest is what became of the newest result, which is the one of the latest
// period.
type Newest struct {
	URI string `json:"uri"`
	// Replaced says that the newest result is a copy of this one.
	Replaced bool `json:"replaced"`
	// Kept is the later period whose result stays the newest; "" if Replaced.
	Kept string `json:"kept,omitempty"`
}

// Rows are counts of records: In is Out, Rejected and Filtered together.
type Rows struct {
	In       int64 `json:"in"`
	Out      int64 `json:"out"`
	Rejected int64 `json:"rejected"`
	// Filtered is how many fewer rows the script gave back than it got; below 0 if
	// it gave back more.
	Filtered int64 `json:"filtered,omitempty"`
}

// Columns are counts of columns.
type Columns struct {
	In  int `json:"in"`
	Out int `json:"out"`
}

// Bytes are of text: unpacked, in UTF-8, and of Parquet inputs as they are
// stored; Out are of the result as stored.
type Bytes struct {
	In  int64 `json:"in"`
	Out int64 `json:"out"`
}

// Write writes a manifest, whose Schema it sets. An incomplete one is an error.
func Write(w io.Writer, m Manifest) error {
	m.Schema = Schema
	if err := m.check(); err != nil {
		return err
	}
	// Of a run that was spread there are thousands of objects: each is written by
	// itself, in place of the only one that the rest is written with.
	lists := [][]Object{m.Inputs, m.Outputs}
	place := Object{URI: "\x00"} // which none has
	for i, list := range []*[]Object{&m.Inputs, &m.Outputs} {
		if len(lists[i]) > 0 {
			*list = []Object{place}
		}
	}
	text, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	mark, err := indented(place)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	for _, list := range lists {
		if len(list) == 0 {
			continue
		}
		before, after, _ := bytes.Cut(text, mark)
		_, _ = out.Write(before) // the last call tells of errors
		for i, o := range list {
			one, err := indented(o)
			if err != nil {
				return err
			}
			if i > 0 {
				_, _ = out.WriteString(",\n    ")
			}
			_, _ = out.Write(one)
		}
		text = after
	}
	_, _ = out.Write(append(text, '\n'))
	return out.Flush()
}

// indented is an object as it stands in a list of a manifest.
func indented(o Object) ([]byte, error) { return json.MarshalIndent(o, "    ", "  ") }

// Read reads what Write wrote, and refuses everything else: with ErrForeign what
// is not a manifest of this program.
func Read(text []byte) (Manifest, error) {
	if len(text) > MaxBytes {
		return Manifest{}, fmt.Errorf("%d bytes; want at most %d: %w", len(text), MaxBytes, ErrForeign)
	}
	var mark struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &mark); err != nil || mark.Schema != Schema {
		return Manifest{}, ErrForeign
	}
	// Members that are not known are those of a later program with the same schema:
	// going back to an earlier one has to work.
	var m Manifest
	if err := json.Unmarshal(text, &m); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if err := m.check(); err != nil {
		return Manifest{}, err
	}
	return m, nil
}

// check names everything that is wrong.
func (m Manifest) check() error {
	var errs []error
	problem := func(format string, args ...any) { errs = append(errs, fmt.Errorf("manifest: "+format, args...)) }
	if m.Period != "" {
		if err := contract.CheckPeriod(m.Period); err != nil {
			problem("%w", err)
		}
	}
	if m.Job.Version == "" {
		problem("job.version: missing")
	}
	if err := checkSHA256("job.build", m.Job.Build); err != nil {
		problem("%w", err)
	}
	if m.Started.IsZero() || m.Finished.Before(m.Started) {
		problem("started, finished: got %s, %s", m.Started, m.Finished)
	}
	if len(m.Inputs) == 0 {
		problem("inputs: none")
	}
	for o := range m.objects() {
		if o.URI == "" {
			problem("%s.uri: missing", o.Name)
		}
		if o.Size < 0 {
			problem("%s.size: got %d", o.Name, o.Size)
		}
		if len(o.Pieces) > 0 {
			if err := o.checkPieces(); err != nil {
				problem("%s.pieces: %w", o.Name, err)
			}
		} else if err := o.check(); err != nil {
			problem("%s: %w", o.Name, err)
		}
	}
	if len(m.Outputs) > 0 && !reflect.ValueOf(m.Output).IsZero() {
		problem("output, outputs: want one of them")
	}
	if s := m.Scale; s == nil && len(m.Outputs) > 0 || s != nil && (s.Run == "" || s.Parts < 1 || s.Rounds < 1) {
		problem("scale: want the name of the run, its parts and its rounds of a run that was spread over many tasks")
	}
	if n := m.Newest; n != nil && (n.URI == "" || n.Replaced == (n.Kept != "")) {
		problem("newest: want where it is, and either that it was replaced or whose was kept")
	} else if n != nil && n.Kept != "" && contract.CheckPeriod(n.Kept) != nil {
		problem("newest.kept: %w", contract.CheckPeriod(n.Kept))
	}
	if (m.Newest != nil) != (m.Period != "") {
		problem("newest: want it with a period, and only then")
	}
	if r := m.Rows; r.In < 0 || r.Out < 0 || r.Rejected < 0 || r.In-r.Filtered-r.Out != r.Rejected {
		problem("rows: %d in, but %d out, %d rejected and %d filtered", r.In, r.Out, r.Rejected, r.Filtered)
	}
	if m.Script == nil && (m.Rows.Filtered != 0 || m.Package != nil || m.Settings.ScriptStage != "") {
		problem("script: want one, as there is what only a script does")
	}
	if (m.Rows.Rejected > 0) != (m.Rejects != nil) {
		problem("rejects: want where they are if there are any, and only then")
	}
	return errors.Join(errs...)
}

func (o Object) checkPieces() error {
	size := int64(0)
	for i, p := range o.Pieces {
		if err := p.check(); err != nil || p.Size < 0 {
			return fmt.Errorf("[%d]: %d bytes: %w", i, p.Size, cmp.Or(err, errors.New("want 0 or more")))
		}
		size += p.Size
	}
	if o.Checksum != (Checksum{}) || size != o.Size {
		return fmt.Errorf("they have %d bytes of %d; want all of them, and no checksum beside them", size, o.Size)
	}
	return nil
}

// Named is an object with its place in the manifest.
type Named struct {
	Name string // such as output
	Object
}

func (m Manifest) objects() iter.Seq[Named] {
	return func(yield func(Named) bool) {
		if !yield(Named{"model", m.Model}) {
			return
		}
		for i, o := range m.Inputs {
			if !yield(Named{fmt.Sprintf("inputs[%d]", i), o}) {
				return
			}
		}
		for _, o := range []struct {
			name string
			*Object
		}{{"script", m.Script}, {"package", m.Package}} {
			if o.Object != nil && !yield(Named{o.name, *o.Object}) {
				return
			}
		}
		m.published()(yield)
	}
}

// Read lists what the run read: its inputs, then script, package and model.
func (m Manifest) Read() []Named {
	all := slices.Collect(m.objects())
	return append(append([]Named{}, all[1:len(all)-len(m.Published())]...), all[0])
}

// Published lists what the run published beside the manifest.
func (m Manifest) Published() []Named { return slices.Collect(m.published()) }

func (m Manifest) published() iter.Seq[Named] {
	return func(yield func(Named) bool) {
		if len(m.Outputs) == 0 && !yield(Named{"output", m.Output}) {
			return
		}
		for i, o := range m.Outputs {
			if !yield(Named{fmt.Sprintf("outputs[%d]", i), o}) {
				return
			}
		}
		if m.Rejects != nil && !yield(Named{"rejects", *m.Rejects}) {
			return
		}
		if m.Report != nil {
			yield(Named{"report", *m.Report})
		}
	}
}
