package model

// passthrough hands its columns on as they are: 'passthrough' in a
// ColumnTransformer, Pipeline or FeatureUnion.
type passthrough struct{ head }

func newPassthrough() step { return &passthrough{head{Class: "passthrough"}} }

func (s *passthrough) read(*attrs) {}

func (s *passthrough) outputs(in int) (int, error) { return in, s.checkHead(in) }

func (s *passthrough) needs(_ int, down []Want) []Want { return down }

func (s *passthrough) names(in []string) []string { return in }

func (s *passthrough) compile(_ *builder, in matrix) matrix { return in }

func (s *passthrough) describe(o *outline) { o.line("pass through unchanged") }
