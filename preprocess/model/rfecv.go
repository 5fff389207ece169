package model

// RFECV is RFE with the number of columns found by cross-validation.
// See sklearn.feature_selection.RFECV.
type RFECV struct{ selection }

func (s *RFECV) read(a *attrs) { s.readSupport(a) }

func (s *RFECV) compile(b *builder, in matrix) matrix { return s.pick(b, in) }
