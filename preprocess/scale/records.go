package scale

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/manifest"
	"ds-pipeline/preprocess/storage"
	"ds-pipeline/preprocess/table"
)

// Schemas of what is kept in the folder of a run.
const (
	PartSchema  = "ds-pipeline/scale/part/1"
	PlanSchema  = "ds-pipeline/scale/plan/1"
	RoundSchema = "ds-pipeline/scale/round/1"
)

// MaxBytes bounds a record: one of a part names up to 10,000 parts of its upload,
// and up to as many columns as a model has.
const MaxBytes = 32 << 20

// Part is the record of an item that was done.
type Part struct {
	Schema  string            `json:"schema"`
	Round   int               `json:"round"`
	Item    Item              `json:"item"`
	Common  Common            `json:"common"`
	Start   Start             `json:"start"`  // what the part was told
	Facts   Facts             `json:"facts"`  // what its records show
	Kinds   []Kind            `json:"kinds"`  // that its result has; nil if it has no columns
	Header  []string          `json:"header"` // of the input
	Types   string            `json:"types,omitempty"`
	Names   []string          `json:"names"` // of the result's columns
	Seen    []bool            `json:"seen"`  // fields that a record had, of JSON lines
	Input   manifest.Object   `json:"input"`
	Output  string            `json:"output"` // where it is to be
	Sum     manifest.Checksum `json:"sum"`    // of the result
	Held    storage.Held      `json:"held"`
	Head    string            `json:"head,omitempty"` // of a range: where its beginning is kept aside
	Rejects *manifest.Object  `json:"rejects,omitempty"`
	Spots   []Spot            `json:"spots,omitempty"` // the first few rejects
	// Statistics are for the report, as report.Collector writes them down; nil for
	// none.
	Statistics *manifest.Object `json:"statistics,omitempty"`
	Always     int64            `json:"always,omitempty"`  // rejects, whatever the kinds of columns are
	Endless    bool             `json:"endless,omitempty"` // one of them has a quote that is never closed
	Columns    manifest.Columns `json:"columns"`
	Rows       manifest.Rows    `json:"rows"`
	Bytes      manifest.Bytes   `json:"bytes"` // of the input, and of the result before compression
	// Kept is the result of an earlier run that does for this one, so that nothing
	// was done; nil otherwise.
	Kept    *manifest.Object `json:"kept,omitempty"`
	Seconds float64          `json:"seconds"`
}

// Common is what all parts of a run have to agree in.
type Common struct {
	Job      manifest.Job      `json:"job"`
	Settings manifest.Settings `json:"settings"`
	Model    manifest.Object   `json:"model"`
}

// Kind is how a column of the input is read.
type Kind struct {
	As   table.As   `json:"as"`
	Kind frame.Kind `json:"kind"`
	// Sure says that the kind is that of the records that are not rejected.
	Sure bool `json:"sure,omitempty"`
}

// Facts are what was seen in the columns of the model's input: in all records
// that may be good, and in those that were not rejected.
type Facts struct {
	All      []table.Facts `json:"all"`
	Accepted []table.Facts `json:"accepted"`
}

// Start is what parts of a round start from; the zero value is to find out.
type Start struct {
	// Header is of JSON lines: the keys of the first record of the first object.
	Header []string `json:"header,omitempty"`
	// Facts are of all parts.
	Facts []table.Facts `json:"facts,omitempty"`
	// Refined says that Facts are of the records that are not rejected, and how
	// often they were looked for.
	Refined int `json:"refined,omitempty"`
	// Force says that results of an earlier run do not do.
	Force bool `json:"force,omitempty"`
}

// Spot is a rejected record as people look for it.
type Spot struct {
	Line   int64  `json:"line"`
	Column string `json:"column,omitempty"`
	Reason string `json:"reason"`
	Value  string `json:"value,omitempty"` // only where values may be shown
}

// Round is the record of a round: what its parts start from.
type Round struct {
	Schema string `json:"schema"`
	Number int    `json:"number"`
	Start  Start  `json:"start"`
}

// Plan is the record of how an object was cut.
type Plan struct {
	Schema    string          `json:"schema"`
	Common    Common          `json:"common"`
	Input     manifest.Object `json:"input"` // it has no checksum: nobody has read all of it
	Head      manifest.Piece  `json:"head"`  // the bytes before the first range
	Ranges    int             `json:"ranges"`
	Held      storage.Held    `json:"held"` // the upload, without parts
	PartBytes int             `json:"part_bytes"`
	Output    string          `json:"output"`
}

// Span is the numbers of the parts of a range.
func (p Plan) Span(number int) storage.PartSpan {
	count := storage.MaxParts / max(p.Ranges, 1)
	return storage.PartSpan{First: 1 + number*count, Count: count, Bytes: p.PartBytes}
}

// record is what can be written and read.
type record interface {
	Part | Plan | Round
}

// Encode is the text of a record.
func Encode[T record](r T) ([]byte, error) {
	text, err := json.MarshalIndent(r, "", "  ")
	return append(text, '\n'), err
}

// Decode reads what Encode wrote and refuses everything else.
func Decode[T record](text []byte) (T, error) {
	var r T
	if err := decode(text, &r); err != nil {
		return r, err
	}
	return r, any(&r).(interface{ check() error }).check()
}

func decode(text []byte, into any) error {
	if len(text) > MaxBytes {
		return fmt.Errorf("%d bytes; want at most %d", len(text), MaxBytes)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows it")
	}
	return nil
}

func (p *Part) check() error {
	switch inputs := len(p.Facts.All); {
	case p.Schema != PartSchema:
		return fmt.Errorf("schema: got %q, want %q", p.Schema, PartSchema)
	case p.Item.Key == "":
		return errors.New("item: missing")
	case p.Round < 1:
		return fmt.Errorf("round: got %d", p.Round)
	case len(p.Kinds) != inputs || len(p.Facts.Accepted) != inputs:
		return fmt.Errorf("kinds and facts of %d, %d and %d columns", len(p.Kinds), inputs, len(p.Facts.Accepted))
	case p.Rows.In < 0 || p.Rows.Out < 0 || p.Rows.Rejected < 0 || p.Rows.In-p.Rows.Out-p.Rows.Filtered != p.Rows.Rejected:
		return fmt.Errorf("rows: %d in, but %d out, %d rejected and %d filtered", p.Rows.In, p.Rows.Out, p.Rows.Rejected, p.Rows.Filtered)
	case (p.Rows.Rejected > 0) != (p.Rejects != nil):
		return errors.New("rejects: want where they are if there are any, and only then")
	case p.Held.Size < 0 || p.Input.Size < 0 || p.Bytes.In < 0 || p.Bytes.Out < 0:
		return errors.New("a size below 0")
	case p.Output == "":
		return errors.New("output: missing")
	}
	for i, part := range p.Held.Parts {
		if part.Number < 1 || part.Number > storage.MaxParts || i > 0 && part.Number <= p.Held.Parts[i-1].Number {
			return fmt.Errorf("part number %d after others", part.Number)
		}
	}
	return nil
}

func (p *Plan) check() error {
	switch {
	case p.Schema != PlanSchema:
		return fmt.Errorf("schema: got %q, want %q", p.Schema, PlanSchema)
	case p.Ranges < 1 || p.Ranges > storage.MaxParts:
		return fmt.Errorf("ranges: got %d", p.Ranges)
	case p.PartBytes < storage.LeastPart || p.PartBytes > 1<<30:
		return fmt.Errorf("part_bytes: got %d", p.PartBytes)
	case p.Head.Size < 0 || p.Input.Size < p.Head.Size:
		return fmt.Errorf("head: %d of %d bytes", p.Head.Size, p.Input.Size)
	case p.Output == "" || p.Input.URI == "":
		return errors.New("input, output: missing")
	}
	return nil
}

func (r *Round) check() error {
	if r.Schema != RoundSchema || r.Number < 1 || r.Start.Refined < 0 {
		return fmt.Errorf("schema %q, number %d: want %q", r.Schema, r.Number, RoundSchema)
	}
	return nil
}
