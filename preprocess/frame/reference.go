package frame

// Reference is what a fitted model remembers of one input column. Every part is
// optional. A part belongs here only if its step saw the column as it is in the
// input, or with nothing done to it but missing values filled with Fill.
type Reference struct {
	// Mean and StdDev of the column, the latter divided by n: mean_ and scale_
	// of a StandardScaler, or statistics_ of a SimpleImputer with the mean.
	Mean   *Fact `json:"mean,omitempty"`
	StdDev *Fact `json:"std_dev,omitempty"`

	// Median of the column: center_ of a RobustScaler, or statistics_ of a
	// SimpleImputer with the median.
	Median *Fact `json:"median,omitempty"`
	// Range is the distance of two quantiles: scale_ of a RobustScaler.
	Range *QuantileRange `json:"range,omitempty"`

	// Min and Max are limits that nothing at fit was beyond: data_min_ and
	// data_max_ of a MinMaxScaler, or max_abs_ of a MaxAbsScaler and its negative.
	Min *Fact `json:"min,omitempty"`
	Max *Fact `json:"max,omitempty"`

	// Bins: bin_edges_ of a KBinsDiscretizer, or quantiles_ of a
	// QuantileTransformer.
	Bins *Bins `json:"bins,omitempty"`

	// Categories: categories_ of an encoder.
	Categories *Categories `json:"categories,omitempty"`

	// Fill is the value that an imputer puts in place of missing ones, if it
	// is a number. Facts with AfterFill are compared with the filled column.
	Fill *Fact `json:"fill,omitempty"`

	// NeverMissing: the column had no missing value at fit, according to the
	// step named here. "" if that is not known.
	NeverMissing string `json:"never_missing,omitempty"`

	// Rows is how many records the model was fitted on, 0 if unknown. With it
	// the chance that is in the fit itself is allowed for.
	Rows int64 `json:"rows,omitempty"`
}

// Fact is a number that a step of the model remembers.
type Fact struct {
	Value float64 `json:"value"`
	Step  string  `json:"step"` // the step's name, for people: "num > StandardScaler"
	// AfterFill: the step saw the column with missing values filled.
	AfterFill bool `json:"after_fill,omitempty"`
}

// QuantileRange is how far apart two quantiles were.
type QuantileRange struct {
	Fact
	Low  float64 `json:"low"`  // share below the lower quantile: 0.25
	High float64 `json:"high"` // share below the upper quantile: 0.75
}

// Bins are adjacent intervals; a value on an inner edge is in the bin above it.
type Bins struct {
	Edges []float64 `json:"edges"` // ascending, the two ends included
	Step  string    `json:"step"`
	// Below is, for each inner edge, a share of the records at fit: at most so
	// many were below it, and at least so many were not above it. It is absent
	// if that is not known. Only with it can drift be told.
	Below     []float64 `json:"below,omitempty"`
	AfterFill bool      `json:"after_fill,omitempty"`
}

// Categories are the values that an encoder knows, texts or numbers. A missing
// value never counts as unknown: see NeverMissing.
type Categories struct {
	Texts   []string  `json:"texts,omitempty"`
	Numbers []float64 `json:"numbers,omitempty"`
	Step    string    `json:"step"`
	// Narrow: numbers are compared as float32.
	Narrow bool `json:"narrow,omitempty"`
	// Open: the encoder was told its categories and lets others pass, so that
	// there may have been others at fit.
	Open bool `json:"open,omitempty"`
}
