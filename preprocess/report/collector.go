package report

import (
	"fmt"
	"slices"

	"ds-pipeline/preprocess/frame"
)

// Config says what a Collector looks at.
type Config struct {
	// Input describes the input columns, in the order of the batches given to
	// AddInput.
	Input []InputColumn
	// OutputNames are the names of the output columns. A run of indicator
	// columns takes as many as it is wide.
	OutputNames []string

	// Follows says which output columns (runs of indicators count once) follow
	// from an input, so that they need not be looked at: with it AddInput has to
	// come before AddOutput, with the same records. nil entries, or none at all:
	// the others.
	Follows []*frame.Follow

	// ShowValues lets the report name values of text columns that the model
	// does not know: they may be personal data.
	ShowValues bool

	// Portable says that the statistics may be written down with Encode. Texts of
	// more than 64 bytes then take some time.
	Portable bool

	// DetailedColumns is how many columns (runs of indicators count once) of
	// the input, and how many of the output, get more than counts: those with
	// a reference and then the first ones. 0 means 500.
	DetailedColumns int
	// PartialBytes is about how much memory the numbers of a Partial may take,
	// and again its texts; the Collector takes as much once more. With more
	// columns each gets a coarser sketch and fewer categories. 0 means 1 MiB.
	PartialBytes int
}

// InputColumn is one column of the input.
type InputColumn struct {
	Name string
	// Reference is what the model remembers of the column; nil for nothing.
	Reference *Reference
}

const (
	defaultDetailedColumns = 500
	defaultPartialBytes    = 1 << 20
)

// Collector gathers the statistics of a run in one pass. Workers fill Partials,
// one goroutine merges them.
//
// Except for the categories of a text column that has too many of them, the
// result depends neither on the order nor on the size of the partials. With
// those it depends on both, so Partials have to be merged in the order of the
// input if two runs are to agree in every figure.
//
// Memory: a Partial takes at most 2*PartialBytes, plus 1 KiB per detailed
// column, plus 8 bytes per indicator column and 128 per column without detail;
// the Collector takes as much again. PartialBytes is exceeded only where a
// column of numbers would get less than 1 KiB or one of texts less than 2 KiB:
// with the default limits a Partial never takes more than about 3 MiB, and for
// tables of up to 50 columns about 1 MiB.
type Collector struct {
	config Config
	input  side
	output side
	rows   int64
}

// NewCollector makes a Collector without any records.
func NewCollector(config Config) *Collector {
	if config.DetailedColumns == 0 {
		config.DetailedColumns = defaultDetailedColumns
	}
	if config.PartialBytes == 0 {
		config.PartialBytes = defaultPartialBytes
	}
	c := &Collector{config: config}
	references := make([]*Reference, len(config.Input))
	for i, in := range config.Input {
		references[i] = in.Reference
	}
	c.input = newSide(&c.config, references)
	c.output = newSide(&c.config, nil)
	c.output.from = &c.input
	return c
}

// Partial has the statistics of some records. It may be used again after Merge;
// it is not safe for concurrent use, but many may be filled at once.
type Partial struct {
	input, output side
	rows          int64
}

// NewPartial makes an empty Partial for the columns of c.
func (c *Collector) NewPartial() *Partial {
	p := &Partial{input: c.input.empty(), output: c.output.empty()}
	p.output.from = &p.input
	return p
}

// Rows is how many records p has statistics of.
func (p *Partial) Rows() int64 { return p.rows }

// AddInput counts a batch of input records but those marked in skip, which may
// be nil. Kinds and widths of the columns must be the same in every batch.
func (p *Partial) AddInput(columns []frame.Column, rows int, skip []bool) error {
	if err := p.input.add(columns, rows, skip); err != nil {
		return fmt.Errorf("statistics of the input: %w", err)
	}
	p.rows += int64(rows)
	for _, s := range skip[:min(rows, len(skip))] {
		if s {
			p.rows--
		}
	}
	return nil
}

// AddOutput counts a batch of output records but those marked in skip, which
// may be nil. Kinds and widths of the columns must be the same in every batch.
func (p *Partial) AddOutput(columns []frame.Column, rows int, skip []bool) error {
	if err := p.output.add(columns, rows, skip); err != nil {
		return fmt.Errorf("statistics of the output: %w", err)
	}
	return nil
}

// Reset forgets the records of p, for a block that is given up. Merge does it too.
func (p *Partial) Reset() {
	p.rows = 0
	p.input.reset()
	p.output.reset()
}

// Merge takes over the records of p and leaves it empty.
func (c *Collector) Merge(p *Partial) error {
	if err := c.input.merge(&p.input); err != nil {
		return fmt.Errorf("statistics of the input: %w", err)
	}
	if err := c.output.merge(&p.output); err != nil {
		return fmt.Errorf("statistics of the output: %w", err)
	}
	c.rows += p.rows
	p.Reset()
	return nil
}

// column has the statistics of one column or one run of indicator columns.
type column interface {
	add(c *frame.Column, rows int, skip []bool)
	merge(o column)
	reset()
}

// side is all columns of the input, or all of the output.
type side struct {
	config *Config
	known  []known // of each column; nil for the output
	from   *side   // of the output: the input
	shapes []shape
	stats  []column
}

// shape is what stays the same of a column from batch to batch.
type shape struct {
	kind  frame.Kind
	hot   bool
	width int // how many names it has
}

// known is what counting needs of a Reference, shared by all partials.
type known struct {
	any     bool // there is a Reference
	numbers *numberReference
	texts   map[string]struct{}
}

func newSide(config *Config, references []*Reference) side {
	s := side{config: config}
	for _, r := range references {
		s.known = append(s.known, known{any: r != nil, numbers: numbersOf(r), texts: textsOf(r)})
	}
	return s
}

func (s *side) empty() side { return side{config: s.config, known: s.known} }

func (s *side) reset() {
	for _, c := range s.stats {
		c.reset()
	}
}

func shapeOf(c *frame.Column) shape {
	if c.Hot != nil || c.Width > 0 {
		return shape{c.Kind, true, c.Width}
	}
	return shape{c.Kind, false, 1}
}

func (s *side) add(columns []frame.Column, rows int, skip []bool) error {
	if s.stats == nil {
		if s.known != nil && len(columns) != len(s.known) {
			return fmt.Errorf("got %d columns, want %d", len(columns), len(s.known))
		}
		shapes := make([]shape, len(columns))
		for i := range columns {
			shapes[i] = shapeOf(&columns[i])
		}
		if err := s.prepare(shapes); err != nil {
			return err
		}
	}
	if len(columns) != len(s.shapes) {
		return fmt.Errorf("got %d columns, want %d", len(columns), len(s.shapes))
	}
	for i := range columns {
		if shapeOf(&columns[i]) != s.shapes[i] {
			return fmt.Errorf("column %d: its kind or width is not that of the first batch", i)
		}
		s.stats[i].add(&columns[i], rows, skip)
	}
	return nil
}

// prepare makes the statistics for columns of known shapes and shares out the
// memory: a function of the shapes alone, so that all partials agree.
func (s *side) prepare(shapes []shape) error {
	s.shapes = shapes
	s.stats = make([]column, len(shapes))
	detailed := s.detailed(len(shapes))
	numbers, texts := 0, 0
	for i, sh := range shapes {
		var err error
		if s.stats[i], err = s.follower(i, detailed[i]); err != nil {
			return err
		}
		switch {
		case !detailed[i] || s.stats[i] != nil:
		case sh.hot || sh.kind == frame.Bool:
		case sh.kind == frame.Text:
			texts++
		default:
			numbers++
		}
	}
	slots := maxSlots
	for slots > minSlots && slots*slotBytes*numbers > s.config.PartialBytes/2 {
		slots /= 2
	}
	limit := min(max(s.config.PartialBytes/2/categoryBytes/max(texts, 1), minCategories), maxCategories)

	scratch := new([]float64)
	for i, sh := range shapes {
		var k known
		if s.known != nil {
			k = s.known[i]
		}
		switch {
		case s.stats[i] != nil:
		case !detailed[i]:
			s.stats[i] = &counts{}
		case sh.hot:
			s.stats[i] = &indicators{ones: make([]int64, sh.width)}
		case sh.kind == frame.Text:
			t := newTexts(limit, k.texts)
			t.portable = s.config.Portable
			s.stats[i] = t
		case sh.kind == frame.Bool:
			s.stats[i] = &booleans{}
		default:
			n := newNumber(slots, k.numbers)
			n.scratch = scratch
			s.stats[i] = n
		}
	}
	return nil
}

// follower is what stands for a column that follows from one of the input of
// which at least as much is kept; nil for any other.
func (s *side) follower(i int, detailed bool) (column, error) {
	if s.from == nil || i >= len(s.config.Follows) || s.config.Follows[i] == nil {
		return nil, nil //nolint:nilnil // there is none
	}
	f := s.config.Follows[i]
	if f.Input >= len(s.from.stats) {
		return nil, fmt.Errorf("column %d follows from column %d of the input, of which there are %d", i, f.Input, len(s.from.stats))
	}
	switch from := s.from.stats[f.Input].(type) {
	case *number:
		return &follower{Follow: f, number: from, countsOnly: !detailed}, nil
	case *counts:
		if !detailed {
			return &follower{Follow: f, counts: from, countsOnly: true}, nil
		}
	}
	return nil, nil //nolint:nilnil // there is none
}

// detailed says which columns get more than counts.
func (s *side) detailed(columns int) []bool {
	list := make([]bool, columns)
	left := s.config.DetailedColumns
	for _, wanted := range []bool{true, false} {
		for i := range list {
			known := s.known != nil && s.known[i].any
			if known == wanted && left > 0 {
				list[i] = true
				left--
			}
		}
	}
	return list
}

func (s *side) merge(o *side) error {
	if o.stats == nil {
		return nil
	}
	if s.stats == nil {
		if err := s.prepare(o.shapes); err != nil {
			return err
		}
	}
	if !slices.Equal(s.shapes, o.shapes) {
		return fmt.Errorf("the columns of two parts differ in kind or width")
	}
	for i, c := range o.stats {
		s.stats[i].merge(c)
	}
	return nil
}
