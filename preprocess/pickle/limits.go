package pickle

// Limits bound what a file may make Read do. The zero value of a field means its default,
// which is far above what a fitted preprocessing model needs.
type Limits struct {
	// Operations is the number of pickle instructions, 20 million by default.
	Operations int
	// Memo is the number of memoized values, 5 million by default.
	Memo int
	// Depth is how deep values are nested, 200 by default.
	Depth int
	// Cells is the number of elements of one array, and of all arrays together counted
	// once, 32 million by default.
	Cells int
	// Bytes is the memory the tree may take, beside the file, 128 MiB by default. A second
	// count of the same limit is of the tree with every shared value repeated wherever it
	// is used, which bounds what a walk over it can cost.
	Bytes int
	// Decompressed is the size of a compressed file after decompression, 128 MiB by default.
	Decompressed int
}

// maxRange is the most integers a range is expanded into.
const maxRange = 1 << 20

func (l Limits) withDefaults() Limits {
	def := func(n *int, v int) {
		if *n <= 0 {
			*n = v
		}
	}
	def(&l.Operations, 20e6)
	def(&l.Memo, 5e6)
	def(&l.Depth, 200)
	def(&l.Cells, 32<<20)
	def(&l.Bytes, 128<<20)
	def(&l.Decompressed, 128<<20)
	return l
}

// node is what the final check notes about a container.
type node struct {
	state  uint8 // 0 not visited, 1 being visited, 2 done
	depth  int32 // levels below and including this one
	weight int   // bytes, shared parts repeated
}
