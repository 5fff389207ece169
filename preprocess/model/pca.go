package model

import (
	"math"
	"strconv"
	"strings"
)

// PCA projects each record on the principal components:
//
//	y[k] = sum over i of (x[i] - Mean[i]) * Components[k][i], divided by Scale[k] if whitened
//
// Missing cells and infinities are refused. See sklearn.decomposition.PCA.
type PCA struct {
	head
	Components [][]Float `json:"components"`
	Mean       []Float   `json:"mean"`
	// Scale is present with whiten=True.
	Scale []Float `json:"scale,omitempty"`
	// CenterLast subtracts the projected mean from the projection, as
	// scikit-learn does since 1.5.
	CenterLast bool   `json:"center_last,omitempty"`
	DType      string `json:"dtype,omitempty"` // float32 if fitted on such data
	// WideMean is set if the mean of float32 data is a float64, as IncrementalPCA
	// keeps it; so is the result then.
	WideMean bool `json:"wide_mean,omitempty"`
	// Samples is the number of records when fitted, 0 if not known. It does not
	// change the result.
	Samples Float `json:"n_samples,omitempty"`
}

func (s *PCA) read(a *attrs) {
	a.ignore("n_components", "svd_solver", "tol", "iterated_power", "n_oversamples", "power_iteration_normalizer",
		"explained_variance_", "explained_variance_ratio_", "singular_values_", "n_components_",
		"noise_variance_", "n_features_", "_fit_svd_solver", "batch_size", "batch_size_", "var_")
	s.Components = a.grid("components_")
	s.Mean = a.vector("mean_")
	if s.Components == nil || s.Mean == nil {
		a.fail("components_ or mean_: %v", errNotFitted)
		return
	}
	s.DType = a.narrow("components_")
	s.WideMean = s.DType == "float32" && a.narrow("mean_") == ""
	s.CenterLast = !a.before(1, 5)
	s.fixWidth(len(s.Mean))
	for _, name := range []string{"n_samples_", "n_samples_seen_"} {
		if n := a.samples(name, 1); n != nil {
			s.Samples = n[0]
		}
	}
	if !a.flag("whiten", false) {
		return
	}
	for _, v := range a.vector("explained_variance_") {
		sd := Float(math.Sqrt(float64(v)))
		if s.DType == "float32" {
			sd = Float(float32(sd))
		}
		if s.CenterLast {
			tiny := Float(0x1p-52)
			if s.DType == "float32" {
				tiny = 0x1p-23
			}
			sd = max(sd, tiny)
		}
		s.Scale = append(s.Scale, sd)
	}
	if s.Scale == nil {
		a.fail("explained_variance_: %v", errNotFitted)
	}
}

// checkComponents checks the rows of a projection.
func (h *head) checkComponents(rows [][]Float, in int) error {
	for k, row := range rows {
		if len(row) != in {
			return h.errorf("components: row %d has %d values for %d columns", k, len(row), in)
		}
	}
	return nil
}

func (s *PCA) outputs(in int) (int, error) {
	if err := s.checkHead(in); err != nil {
		return 0, err
	}
	if err := s.checkNarrow(s.DType); err != nil {
		return 0, err
	}
	if err := s.checkComponents(s.Components, in); err != nil {
		return 0, err
	}
	if err := s.checkLen("mean", len(s.Mean), in); err != nil {
		return 0, err
	}
	if s.Scale != nil && len(s.Scale) != len(s.Components) {
		return 0, s.errorf("scale: %d values for %d components", len(s.Scale), len(s.Components))
	}
	return len(s.Components), nil
}

func (s *PCA) remember(i int, n *note) {
	n.fact(&n.reference.Mean, at(s.Mean, i))
	n.rows(float64(s.Samples))
}

func (s *PCA) needs(in int, _ []Want) []Want { return same(in, Number) }

func (s *PCA) names([]string) []string { return s.classNames(len(s.Components)) }

// classNames are names made of the class and a number.
func (h *head) classNames(n int) []string {
	names := make([]string, n)
	for k := range names {
		names[k] = strings.ToLower(h.Class) + strconv.Itoa(k)
	}
	return names
}

func (s *PCA) compile(b *builder, in matrix) matrix {
	return b.project(s, b.narrowed(in, s.DType), s.DType != "float32" || s.WideMean, s.Components, s.Mean, s.Scale, s.CenterLast)
}

func (s *PCA) describe(o *outline) {
	white := ""
	if s.Scale != nil {
		white = ", whitened"
	}
	o.line("%s: %d components of %d columns%s", s.Class, len(s.Components), len(s.Mean), white)
}
