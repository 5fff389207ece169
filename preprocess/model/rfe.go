package model

// RFE keeps the columns that recursive elimination left.
// See sklearn.feature_selection.RFE.
type RFE struct{ selection }

func (s *RFE) read(a *attrs) { s.readSupport(a) }

func (s *RFE) compile(b *builder, in matrix) matrix { return s.pick(b, in) }
