package parquet

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"math"

	"github.com/parquet-go/parquet-go/format"
)

// maxLimitBytes is how long the smallest or largest text may be to be told.
const maxLimitBytes = 64

// statistics finds the smallest and the largest value.
func statistics(b *Block, c *cells, l *leaf) limits {
	if len(c.data) == 0 {
		return limits{}
	}
	switch l.order {
	case floating:
		return floatLimits(b, c.data, l.width())
	case signed, unsigned:
		return intLimits(b, c.data, l)
	case bytewise:
		return textLimits(b, c)
	}
	return limits{}
}

// keep copies both to the block.
func (b *Block) keep(min, max []byte) limits {
	at := len(b.limits)
	b.limits = append(append(b.limits, min...), max...)
	all := b.limits[at:]
	return limits{true, all[:len(min):len(min)], all[len(min):]}
}

// floatLimits leaves NaN out, and does not tell the zeros apart, as readers may.
func floatLimits(b *Block, data []byte, width int) limits {
	least, most := math.Inf(1), math.Inf(-1)
	any := false
	for at := 0; at < len(data); at += width {
		var v float64
		if width == 8 {
			v = math.Float64frombits(binary.LittleEndian.Uint64(data[at:]))
		} else {
			v = float64(math.Float32frombits(binary.LittleEndian.Uint32(data[at:])))
		}
		if v != v {
			continue
		}
		any = true
		if v < least {
			least = v
		}
		if v > most {
			most = v
		}
	}
	if !any {
		return limits{}
	}
	if least == 0 {
		least = math.Copysign(0, -1)
	}
	if most == 0 {
		most = 0
	}
	return b.keep(floatBytes(least, width), floatBytes(most, width))
}

func floatBytes(v float64, width int) []byte {
	if width == 8 {
		return binary.LittleEndian.AppendUint64(nil, math.Float64bits(v))
	}
	return binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(v)))
}

func intLimits(b *Block, data []byte, l *leaf) limits {
	width := max(l.width(), 1)
	least, most := 0, 0 // where they are
	for at := width; at < len(data); at += width {
		if l.compare(data[at:at+width], data[least:least+width]) < 0 {
			least = at
		}
		if l.compare(data[at:at+width], data[most:most+width]) > 0 {
			most = at
		}
	}
	return b.keep(data[least:least+width], data[most:most+width])
}

func textLimits(b *Block, c *cells) limits {
	var least, most []byte
	from := uint32(0)
	for i, end := range c.ends {
		text := c.data[from+4 : end]
		from = end
		if i == 0 || bytes.Compare(text, least) < 0 {
			least = text
		}
		if i == 0 || bytes.Compare(text, most) > 0 {
			most = text
		}
	}
	return b.keep(least, most)
}

// compare compares two values as the statistics do.
func (l *leaf) compare(x, y []byte) int {
	switch l.order {
	case floating:
		if l.width() == 8 {
			return cmp.Compare(math.Float64frombits(binary.LittleEndian.Uint64(x)), math.Float64frombits(binary.LittleEndian.Uint64(y)))
		}
		return cmp.Compare(math.Float32frombits(binary.LittleEndian.Uint32(x)), math.Float32frombits(binary.LittleEndian.Uint32(y)))
	case signed:
		if l.width() == 8 {
			return cmp.Compare(int64(binary.LittleEndian.Uint64(x)), int64(binary.LittleEndian.Uint64(y)))
		}
		return cmp.Compare(int32(binary.LittleEndian.Uint32(x)), int32(binary.LittleEndian.Uint32(y)))
	case unsigned:
		switch l.width() {
		case 8:
			return cmp.Compare(binary.LittleEndian.Uint64(x), binary.LittleEndian.Uint64(y))
		case 4:
			return cmp.Compare(binary.LittleEndian.Uint32(x), binary.LittleEndian.Uint32(y))
		}
		return cmp.Compare(x[0], y[0])
	}
	return bytes.Compare(x, y)
}

// hotStatistics are those of an indicator column with so many ones.
func hotStatistics(l *leaf, ones, rows int) limits {
	s := limits{true, l.zero, l.one}
	if ones == 0 {
		s.max = l.top
	}
	if ones == rows {
		s.min = l.one
	}
	return s
}

// setIndicators sets what 0 and 1 are of a type, and the 0 of the smallest and
// the largest value: readers may not tell the zeros of floats apart.
func (l *leaf) setIndicators() {
	switch l.typ() {
	case format.Double, format.Float:
		l.zero, l.top, l.one = floatBytes(math.Copysign(0, -1), l.width()), floatBytes(0, l.width()), floatBytes(1, l.width())
	case format.Int64:
		l.zero, l.one = make([]byte, 8), []byte{1, 0, 0, 0, 0, 0, 0, 0}
		l.top = l.zero
	default:
		l.zero, l.top, l.one = []byte{0}, []byte{0}, []byte{1}
	}
}

// widen takes the limits of a further block.
func (s *limits) widen(l *leaf, more limits) {
	if !more.known {
		return
	}
	if !s.known || l.compare(more.min, s.min) < 0 {
		s.min = append(s.min[:0], more.min...)
	}
	if !s.known || l.compare(more.max, s.max) > 0 {
		s.max = append(s.max[:0], more.max...)
	}
	s.known = true
}

// told are the limits as the footer has them: not if they are long, or empty,
// which the codec leaves out.
func (s *limits) told() (min, max []byte) {
	if !s.known || len(s.min) > maxLimitBytes || len(s.max) > maxLimitBytes || len(s.min) == 0 || len(s.max) == 0 {
		return nil, nil
	}
	return s.min, s.max
}
