package frame

// Follow says that a column of numbers is a straight line of another one, up to
// rounding: whatever there is to tell of it follows from that one.
type Follow struct {
	Input int     // the other column: its place among the inputs
	Slope float64 // neither 0 nor infinite
	// Map is what becomes of a value, exactly, and of NaN, which stands for a
	// missing one. It is monotone, and not safe for concurrent use.
	Map func(v float64) float64
}
