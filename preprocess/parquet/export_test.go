package parquet

// SetGroupBytes lets tests have row groups of a few rows.
func (p *Writer) SetGroupBytes(n int) { p.target = n }
