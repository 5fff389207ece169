package parquet

// SetGroupBytes lets tests have row groups of a few rows.
func (p *Writer) SetGroupBytes(n int) { p.target = n }

// SetPiece lets tests have pages of many pieces.
func (f *File) SetPiece(n int) { f.piece = n }

// Held is how much memory the pages take.
func (r *Reader) Held() int { return r.held }

// WalkTags goes through the tags of Snappy that make so many bytes, of which step
// more are seen at a time. It tells how many bytes they take, or -1 if they are not
// all there or are no block.
func WalkTags(packed []byte, want, step int) int {
	t := tags{want: want}
	for n := 1; ; n = min(n+step, len(packed)) {
		if done, err := t.walk(packed[:n]); err != nil {
			return -1
		} else if done {
			return t.at
		}
		if n == len(packed) {
			return -1
		}
	}
}
