package parquet

import (
	"bytes"
	"encoding/binary"
	"hash/maphash"
)

// maxDistinct is how many distinct values of a column a block may have to be
// stored as indexes of one byte.
const maxDistinct = 256

// distinct finds the distinct values of a column in a block.
type distinct struct {
	seed    maphash.Seed
	seeded  bool
	slots   [2 * maxDistinct]uint16 // index of the value plus one, by hash
	values  []span                  // in the data, in the order they occur
	indexes []byte                  // of each value
}

// find tells whether there are few distinct values, most at most, and which.
func (d *distinct) find(c *cells, width, most int) bool {
	d.values, d.indexes = d.values[:0], d.indexes[:0]
	most = min(most, maxDistinct)
	if most == 0 {
		return false
	}
	clear(d.slots[:])
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
	for slot := hash >> 55; ; slot = (slot + 1) % uint64(len(d.slots)) {
		i := int(d.slots[slot])
		if i == 0 {
			if len(d.values) == most {
				return false
			}
			d.values = append(d.values, value)
			d.slots[slot] = uint16(len(d.values))
			d.indexes = append(d.indexes, byte(len(d.values)-1))
			return true
		}
		if known := d.values[i-1]; bytes.Equal(data[known.start:known.end], data[value.start:value.end]) {
			d.indexes = append(d.indexes, byte(i-1))
			return true
		}
	}
}

// Limits of the dictionary of a column in a row group.
const (
	maxEntries   = 1 << 14
	maxDictBytes = 256 << 10
)

// dictionaryOf collects the values of a column in a row group.
type dictionaryOf struct {
	index  map[string]uint32
	values []byte // as PLAIN has them
	to     []uint32
}

// merge adds the distinct values of a block and leaves in to where they are. It
// tells whether there is room for them.
func (d *dictionaryOf) merge(values []byte, width int) bool {
	d.to = d.to[:0]
	for entries, size, rest := len(d.index), len(d.values), values; len(rest) > 0; {
		n := valueBytes(rest, width)
		if _, known := d.index[string(rest[:n])]; !known {
			entries, size = entries+1, size+n
			if entries > maxEntries || size > maxDictBytes {
				return false
			}
		}
		rest = rest[n:]
	}
	for len(values) > 0 {
		n := valueBytes(values, width)
		i, known := d.index[string(values[:n])]
		if !known {
			if d.index == nil {
				d.index = map[string]uint32{}
			}
			i = uint32(len(d.index))
			d.index[string(values[:n])] = i
			d.values = append(d.values, values[:n]...)
		}
		d.to = append(d.to, i)
		values = values[n:]
	}
	return true
}

// valueBytes is how long the first of some values is.
func valueBytes(values []byte, width int) int {
	if width > 0 {
		return width
	}
	return 4 + int(binary.LittleEndian.Uint32(values))
}
