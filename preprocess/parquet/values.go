package parquet

import (
	"encoding/binary"
	"errors"
)

// padding is how many bytes follow the values of a page in memory, so that bits
// can be read eight bytes at a time.
const padding = 8

var (
	errShort = errors.New("a page has fewer values than it says")
	errLong  = errors.New("a text is longer than its page")

	errChecksum = errors.New("a page has a wrong checksum: the file is damaged")
)

// hybrid reads the RLE and bit-packing hybrid, as far as it is asked for.
type hybrid struct {
	b      []byte // that are left, padded
	width  uint
	repeat uint64 // of value
	value  uint32
	packed uint64 // values from bit of b on
	bit    uint64 // less than 8
}

func (h *hybrid) reset(b []byte, width uint) {
	*h = hybrid{b: b, width: width}
}

// read fills dst.
func (h *hybrid) read(dst []uint32) error {
	for len(dst) > 0 {
		switch {
		case h.repeat > 0:
			n := min(uint64(len(dst)), h.repeat)
			for i := range dst[:n] {
				dst[i] = h.value
			}
			h.repeat -= n
			dst = dst[n:]
		case h.packed > 0:
			n := min(uint64(len(dst)), h.packed)
			// The last group of some writers is cut where its values end.
			if there := uint64(len(h.b)-padding) * 8; h.bit+n*uint64(h.width) > there {
				if n = (there - h.bit) / uint64(h.width); n == 0 {
					return errShort
				}
			}
			mask := uint64(1)<<h.width - 1
			b, bit := h.b, h.bit
			for i := range dst[:n] {
				dst[i] = uint32(binary.LittleEndian.Uint64(b[bit>>3:]) >> (bit & 7) & mask)
				bit += uint64(h.width)
			}
			h.b, h.bit = b[bit>>3:], bit&7
			h.packed -= n
			dst = dst[n:]
		default:
			if err := h.next(); err != nil {
				return err
			}
		}
	}
	return nil
}

// skip leaves out the next n values if they are one run of value.
func (h *hybrid) skip(n int, value uint32) (skipped bool, err error) {
	if h.repeat == 0 && h.packed == 0 && n > 0 {
		err = h.next()
	}
	if err != nil || h.repeat < uint64(n) || h.value != value {
		return false, err
	}
	h.repeat -= uint64(n)
	return true, nil
}

// next starts the next run.
func (h *hybrid) next() error {
	b := h.b[:len(h.b)-padding]
	head, n := binary.Uvarint(b)
	if n <= 0 {
		return errShort
	}
	b = b[n:]
	if head&1 == 0 {
		size := int(h.width+7) / 8
		if len(b) < size {
			return errShort
		}
		h.value = 0
		for i := range size {
			h.value |= uint32(b[i]) << (8 * i)
		}
		if h.width == 1 {
			h.value &= 1 // some writers fill the byte
		}
		if h.width < 32 && h.value>>h.width != 0 {
			return errors.New("a repeated value is too large")
		}
		h.repeat = head >> 1
		h.b = h.b[n+size:]
		return nil
	}
	groups := head >> 1
	if groups > limitRows {
		return errors.New("a run is too long")
	}
	h.packed = groups * 8
	h.b = h.b[n:]
	return nil
}

// delta reads DELTA_BINARY_PACKED, as far as it is asked for.
type delta struct {
	b       []byte // padded
	total   uint64 // values that are left
	first   bool
	value   int64
	perMini uint64
	minis   int
	min     int64
	widths  []byte
	mini    int
	left    uint64 // in the miniblock, beyond those that there are
	width   uint
	bits    []byte
	bit     uint64
}

func (d *delta) varint() (uint64, error) {
	v, n := binary.Uvarint(d.b[:len(d.b)-padding])
	if n <= 0 {
		return 0, errShort
	}
	d.b = d.b[n:]
	return v, nil
}

func unzigzag(v uint64) int64 { return int64(v>>1) ^ -int64(v&1) }

func (d *delta) reset(b []byte) error {
	*d = delta{b: b, first: true}
	block, err := d.varint()
	if err != nil {
		return err
	}
	minis, err := d.varint()
	if err != nil {
		return err
	}
	if d.total, err = d.varint(); err != nil {
		return err
	}
	value, err := d.varint()
	if err != nil {
		return err
	}
	d.value = unzigzag(value)
	const most = 1 << 20
	if block == 0 || block > most || minis == 0 || minis > block || block%minis != 0 || block/minis%8 != 0 || d.total > limitRows {
		return errors.New("a block of differences is damaged")
	}
	d.minis, d.perMini = int(minis), block/minis
	d.mini = d.minis
	return nil
}

// next is the next value.
func (d *delta) next() (int64, error) {
	if d.total == 0 {
		return 0, errShort
	}
	if d.first {
		d.first = false
		d.total--
		return d.value, nil
	}
	if d.left == 0 {
		if err := d.nextMini(); err != nil {
			return 0, err
		}
	}
	d.total--
	d.left--
	diff := uint64(0)
	if d.width > 0 {
		shift := d.bit & 7
		diff = binary.LittleEndian.Uint64(d.bits[d.bit>>3:]) >> shift
		if shift+uint64(d.width) > 64 {
			diff |= uint64(d.bits[d.bit>>3+8]) << (64 - shift)
		}
		if d.width < 64 {
			diff &= uint64(1)<<d.width - 1
		}
		d.bit += uint64(d.width)
	}
	d.value += d.min + int64(diff)
	return d.value, nil
}

func (d *delta) nextMini() error {
	if d.mini == d.minis {
		v, err := d.varint()
		if err != nil {
			return err
		}
		d.min = unzigzag(v)
		if len(d.b)-padding < d.minis {
			return errShort
		}
		d.widths, d.b = d.b[:d.minis], d.b[d.minis:]
		d.mini = 0
	}
	d.width = uint(d.widths[d.mini])
	d.mini++
	if d.width > 64 {
		return errors.New("a block of differences is damaged")
	}
	size := d.perMini / 8 * uint64(d.width)
	d.left, d.bits, d.bit = d.perMini, d.b, 0
	// The last one may be cut where its values end.
	if there := uint64(len(d.b) - padding); size > there {
		if min(d.total, d.perMini)*uint64(d.width) > there*8 {
			return errShort
		}
		size = there
	}
	d.b = d.b[size:]
	return nil
}

// rest is what follows the differences.
func (d *delta) rest() ([]byte, error) {
	for d.total > 0 {
		if d.left > 0 && !d.first { // skip the whole of the miniblock
			n := min(d.left, d.total)
			d.left -= n
			d.total -= n
			continue
		}
		if d.first {
			d.first = false
			d.total--
			continue
		}
		if err := d.nextMini(); err != nil {
			return nil, err
		}
	}
	return d.b, nil
}
