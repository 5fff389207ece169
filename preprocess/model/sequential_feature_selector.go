package model

// SequentialFeatureSelector keeps the columns that a greedy search chose.
// See sklearn.feature_selection.SequentialFeatureSelector.
type SequentialFeatureSelector struct{ selection }

func (s *SequentialFeatureSelector) read(a *attrs) { s.readSupport(a) }

func (s *SequentialFeatureSelector) compile(b *builder, in matrix) matrix { return s.pick(b, in) }
