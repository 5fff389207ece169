package model

import (
	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/pickle"
)

// A model fitted on float32 data computes in float32, and its fitted arrays
// are float32. Text has no float32, so such a model says what its input is:
// its cells are rounded to float32 first.

// narrow is "float32" if that fitted array is of float32, else "".
func (a *attrs) narrow(name string) string {
	v, _ := a.get(name)
	if arr, ok := v.(*pickle.Array); ok && arr.DType.Kind == 'f' && arr.DType.Size == 4 {
		return "float32"
	}
	return ""
}

func (h *head) checkNarrow(dtype string) error {
	if dtype != "" && dtype != "float32" && dtype != "float64" {
		return h.errorf("dtype: got %q, want float32 or float64", dtype)
	}
	return nil
}

// narrowed rounds the numbers of m to float32 if the step was fitted on such.
func (b *builder) narrowed(m matrix, dtype string) matrix {
	if dtype != "float32" {
		return m
	}
	out := matrix{frame: m.frame, sparse: m.sparse}
	for _, c := range b.plain(m).cols {
		if c.kind != frame.Text {
			c = b.cast(c, dtFloat32)
		}
		out.cols = append(out.cols, c)
	}
	return out
}

// narrowFitted is what a step knows of the type of its numbers.
type narrowFitted interface {
	// fittedNarrow says whether the step was fitted on float32.
	fittedNarrow() bool
}

func (s *RobustScaler) fittedNarrow() bool           { return s.DType == "float32" }
func (s *MinMaxScaler) fittedNarrow() bool           { return s.DType == "float32" }
func (s *MaxAbsScaler) fittedNarrow() bool           { return s.DType == "float32" }
func (s *SimpleImputer) fittedNarrow() bool          { return s.DType == "float32" }
func (s *PowerTransformer) fittedNarrow() bool       { return s.DType == "float32" }
func (s *PCA) fittedNarrow() bool                    { return s.DType == "float32" }
func (s *SparseRandomProjection) fittedNarrow() bool { return s.DType == "float32" }
func (s *Pipeline) fittedNarrow() bool               { return s.DType == "float32" }

// chainNarrow says whether a chain of steps was fitted on float32: a step
// further down tells, if all before it leave the type as it is.
func chainNarrow(steps []Named) bool {
	for _, n := range steps {
		if f, ok := n.Step.step.(narrowFitted); ok && f.fittedNarrow() {
			return true
		}
		switch n.Step.step.(type) {
		case *passthrough, *StandardScaler, *RobustScaler, *MinMaxScaler, *MaxAbsScaler, *SimpleImputer, *PowerTransformer,
			*QuantileTransformer, *Normalizer, *Binarizer, *PolynomialFeatures, *VarianceThreshold, *SelectKBest, *Pipeline:
		default:
			return false
		}
	}
	return false
}
