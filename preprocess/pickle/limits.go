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
	// Cells is the number of elements of all arrays together, 32 million by default. No
	// axis of any array is longer.
	Cells int
	// Bytes is the memory that may be taken beside the file, for decompression and for the
	// tree, 160 MiB by default.
	Bytes int
	// Walk is the size in bytes of the tree with every shared value repeated wherever it is
	// used, 256 MiB by default. It bounds what a walk over the tree can cost.
	Walk int
	// Decompressed is the size of a compressed file after decompression, 64 MiB by default:
	// what the slowest method does in a few seconds.
	Decompressed int
}

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
	def(&l.Bytes, 160<<20)
	def(&l.Walk, 256<<20)
	def(&l.Decompressed, 64<<20)
	return l
}

// Memory that things take, roughly and rather too much: what counts is that the sum bounds
// the real sum.
const (
	slotBytes   = 32  // a Value in a slice that grows by doubling
	nodeBytes   = 64  // a container without its items
	objectBytes = 208 // an Object without its attributes
	entryBytes  = 144 // an entry of a Dict or Set, with its place in the index
	fieldBytes  = 80  // a Field
)

const (
	// maxRange is the most integers that a range is expanded into.
	maxRange = 1 << 20
	// maxIntBytes and maxIntDigits bound an int; a random generator's state has 16 bytes.
	maxIntBytes  = 1024
	maxIntDigits = 2048
	// maxName bounds the length of a module or a name.
	maxName = 512
	// maxKey bounds the size of a tuple that is a key of a dict.
	maxKey = 4096
	// maxKeyBytes bounds one key of a dict, maxHashed all of them together.
	maxKeyBytes = 64 << 10
	maxHashed   = 1 << 30
	// maxRefused is how many names that are not allowed are reported.
	maxRefused = 20
	// maxFields bounds the fields of a record; those of scikit-learn have up to 13.
	maxFields = 64
	// maxAxes is numpy's own bound (64 since numpy 2).
	maxAxes = 64
)

// budget counts what one Read uses up, nested pickles included.
type budget struct {
	lim   Limits
	ops   int
	memos int
	cells int
	bytes int

	hashed int

	allow     func(Global) bool
	refused   []Global
	refusedAt int
}

func (b *budget) operation() error {
	b.ops++
	if b.ops > b.lim.Operations {
		return fail("more than %d instructions, the limit", b.lim.Operations)
	}
	return nil
}

func (b *budget) memoize() error {
	b.memos++
	if b.memos > b.lim.Memo {
		return fail("more than %d memoized values, the limit", b.lim.Memo)
	}
	return b.charge(slotBytes)
}

// charge notes n bytes of memory.
func (b *budget) charge(n int) error {
	b.bytes += n
	if b.bytes > b.lim.Bytes {
		return fail("the values take more than %d bytes of memory, the limit", b.lim.Bytes)
	}
	return nil
}

// shape checks an array's shape and returns the number of elements.
func (b *budget) shape(shape []int) (int, error) {
	if len(shape) > maxAxes {
		return 0, fail("an array with %d axes, at most %d are supported", len(shape), maxAxes)
	}
	count := 1
	for _, n := range shape {
		if n < 0 || n > b.lim.Cells {
			return 0, fail("an array with an axis of length %d, the limit is %d", n, b.lim.Cells)
		}
		if n > 0 && count > b.lim.Cells/n {
			return 0, fail("an array of shape %s has more than %d elements, the limit", shapeText(shape), b.lim.Cells)
		}
		count *= n
	}
	b.cells += count
	if b.cells > b.lim.Cells {
		return 0, fail("arrays with more than %d elements together, the limit", b.lim.Cells)
	}
	return count, b.charge(nodeBytes + 16*len(shape))
}

// global looks a name up among those known and those allowed. A name that is not allowed
// is noted, and reading goes on, so that all such names can be reported together.
func (r *reader) global(module, name string) (Global, error) {
	g := Global{module, name}
	if r.proto < 3 {
		g = python3Name(g)
	}
	if len(module) > maxName || len(name) > maxName {
		return g, fail("a name of %d bytes, at most %d are supported", max(len(module), len(name)), maxName)
	}
	if known(g) || r.allow != nil && r.allow(g) {
		return g, r.charge(len(module) + len(name) + 2*slotBytes)
	}
	for _, seen := range r.refused {
		if seen == g {
			return g, nil
		}
	}
	if len(r.refused) == 0 {
		r.refusedAt = r.at
	}
	if len(r.refused) < maxRefused {
		r.refused = append(r.refused, g)
	}
	return g, r.charge(len(module) + len(name) + 2*slotBytes)
}

// python3Name is what a name of protocol 0, 1 or 2 is called in Python 3. Python's own
// table is longer; these are the ones that data can use.
func python3Name(g Global) Global {
	switch g.Module {
	case "__builtin__":
		g.Module = "builtins"
		switch g.Name {
		case "xrange":
			g.Name = "range"
		case "unicode":
			g.Name = "str"
		case "long":
			g.Name = "int"
		}
	case "copy_reg":
		g.Module = "copyreg"
	case "UserDict", "UserList", "UserString":
		if g.Name == g.Module {
			g.Module = "collections"
		}
	}
	return g
}
