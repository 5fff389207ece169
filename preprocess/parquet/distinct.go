package parquet

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
	"math"
	"math/bits"
	"slices"
)

const (
	// maxDistinct is how many distinct values of a column a block may have to be
	// stored as indexes, a quarter of its rows at most, once the dictionary of a row
	// group was too much for it; before, as many as there are values.
	maxDistinct = 256
	maxIndex    = 1 << 16
	// manyRows are enough to see that hardly a value occurs twice. Of manyLeaves
	// there is no room for such dictionaries.
	manyRows   = 512
	manyLeaves = 256
)

// distinct finds the distinct values of a column in a block.
type distinct struct {
	seed    maphash.Seed
	seeded  bool
	slots   []uint32 // index of the value plus one, by hash; a power of two of them
	shift   uint     // of a hash, to be a slot
	values  []span   // in the data, in the order they occur
	indexes []uint16 // of each value
	counts  []uint32 // of each distinct value
}

// find tells whether there are few distinct values, most at most, and which.
func (d *distinct) find(c *cells, width, most int) bool {
	d.values, d.indexes = d.values[:0], d.indexes[:0]
	if most == 0 {
		return false
	}
	size := bits.Len(uint(2*most - 1))
	d.slots, d.shift = grow(d.slots, 1<<size), uint(64-size)
	clear(d.slots)
	if !d.seeded {
		d.seed, d.seeded = maphash.MakeSeed(), true
	}
	if width == 0 {
		from := uint32(0)
		for _, end := range c.ends {
			if !d.add(c.data, span{int(from), int(end)}, maphash.Bytes(d.seed, c.data[from:end]), most) {
				return false
			}
			from = end
		}
		return true
	}
	for at := 0; at < len(c.data); at += width {
		var hash uint64
		switch width {
		case 8:
			hash = binary.LittleEndian.Uint64(c.data[at:])
		case 4:
			hash = uint64(binary.LittleEndian.Uint32(c.data[at:]))
		default:
			hash = maphash.Bytes(d.seed, c.data[at:at+width])
		}
		if !d.add(c.data, span{at, at + width}, hash, most) {
			return false
		}
	}
	return true
}

func (d *distinct) add(data []byte, value span, hash uint64, most int) bool {
	hash *= 0x9e3779b97f4a7c15
	for slot := hash >> d.shift; ; slot = (slot + 1) & uint64(len(d.slots)-1) {
		i := int(d.slots[slot])
		if i == 0 {
			if len(d.values) == most {
				return false
			}
			d.values = append(d.values, value)
			d.slots[slot] = uint32(len(d.values))
			d.indexes = append(d.indexes, uint16(len(d.values)-1))
			return true
		}
		if known := d.values[i-1]; bytes.Equal(data[known.start:known.end], data[value.start:value.end]) {
			d.indexes = append(d.indexes, uint16(i-1))
			return true
		}
	}
}

// unique tells whether hardly a value occurs twice, but for one that may stand for
// what is missing.
func (d *distinct) unique() bool {
	d.counts = grow(d.counts, len(d.values))
	clear(d.counts)
	for _, i := range d.indexes {
		d.counts[i]++
	}
	again := len(d.indexes) - len(d.values) - int(slices.Max(d.counts)-1)
	return again*100 < len(d.indexes)
}

// Limits of the dictionaries in a row group: of a column, and of all, of which an
// entry takes some 50 bytes of memory.
const (
	maxEntries    = 1 << 14
	maxDictBytes  = 256 << 10
	maxAllEntries = 1 << 16
)

// dictionaryOf collects the values of a column in a row group.
type dictionaryOf struct {
	numbers map[uint64]uint32 // index of each value of 4 or 8 bytes
	texts   map[string]uint32 // and of others
	entries int
	values  []byte // as PLAIN has them
	to      []uint32
}

// reset forgets the values, and keeps the memory.
func (d *dictionaryOf) reset() {
	clear(d.numbers)
	clear(d.texts)
	d.entries, d.values = 0, d.values[:0]
}

func (d *dictionaryOf) find(value []byte, width int) (i uint32, known bool) {
	switch width {
	case 8:
		i, known = d.numbers[binary.LittleEndian.Uint64(value)]
	case 4:
		i, known = d.numbers[uint64(binary.LittleEndian.Uint32(value))]
	default:
		i, known = d.texts[string(value)]
	}
	return i, known
}

// add adds a value that is not known.
func (d *dictionaryOf) add(value []byte, width int) uint32 {
	i := uint32(d.entries)
	switch {
	case width != 8 && width != 4:
		if d.texts == nil {
			d.texts = map[string]uint32{}
		}
		d.texts[string(value)] = i
	default:
		if d.numbers == nil {
			d.numbers = map[uint64]uint32{}
		}
		key := uint64(binary.LittleEndian.Uint32(value))
		if width == 8 {
			key = binary.LittleEndian.Uint64(value)
		}
		d.numbers[key] = i
	}
	d.entries++
	d.values = append(d.values, value...)
	return i
}

// merge adds the distinct values of a block, of which no two are the same, and
// leaves in to where they are. If there is no room for them, nothing is added; own
// says whether it is the column's own limit that they exceed.
func (d *dictionaryOf) merge(values []byte, width, all int) (ok, own bool) {
	const missing = math.MaxUint32
	d.to = d.to[:0]
	entries, size := d.entries, len(d.values)
	for rest := values; len(rest) > 0; {
		n := valueBytes(rest, width)
		i, known := d.find(rest[:n], width)
		if !known {
			i = missing
			entries, size = entries+1, size+n
		}
		d.to = append(d.to, i)
		rest = rest[n:]
	}
	switch {
	case entries > maxEntries || size > maxDictBytes:
		return false, true
	case all+entries-d.entries > maxAllEntries:
		return false, false
	}
	for at, i := range d.to {
		n := valueBytes(values, width)
		if i == missing {
			d.to[at] = d.add(values[:n], width)
		}
		values = values[n:]
	}
	return true, false
}

// valueBytes is how long the first of some values is.
func valueBytes(values []byte, width int) int {
	if width > 0 {
		return width
	}
	return 4 + int(binary.LittleEndian.Uint32(values))
}
