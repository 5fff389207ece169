package model

// textTable finds the code of a text. Most columns have a few categories, told
// apart by their length and a few bytes: those are found by one comparison. A
// map serves the rest.
type textTable struct {
	slots []textSlot // a power of two, or none
	mul   uint32
	shift uint
	rest  map[string]int32 // if there are no slots
}

type textSlot struct {
	text string
	code int32
	used bool
}

// maxSlotTexts is how many texts are tried without a map.
const maxSlotTexts = 128

// newTextTable makes a table of codes.
func newTextTable(codes map[string]int32) textTable {
	if len(codes) > maxSlotTexts {
		return textTable{rest: codes}
	}
	for bits := uint(3); 1<<bits <= 16*max(len(codes), 1); bits++ {
		if 1<<bits < len(codes) {
			continue
		}
		mul := uint32(2654435769)
		for range 32 {
			t := textTable{slots: make([]textSlot, 1<<bits), mul: mul, shift: 32 - bits}
			if t.fill(codes) {
				return t
			}
			mul = mul*1664525 + 1013904223 | 1
		}
	}
	return textTable{rest: codes}
}

// fill puts every text into its slot; false if two share one.
func (t *textTable) fill(codes map[string]int32) bool {
	for text, code := range codes {
		s := &t.slots[t.slot([]byte(text))]
		if s.used {
			return false
		}
		*s = textSlot{text, code, true}
	}
	return true
}

// slot is where a text would be.
func (t *textTable) slot(b []byte) uint32 {
	n := len(b)
	h := uint32(n)
	if n > 0 {
		h += uint32(b[0])<<8 + uint32(b[n-1])<<16 + uint32(b[n/2])<<24
	}
	return h * t.mul >> t.shift
}

// find is the code of a text, and whether it has one.
func (t *textTable) find(b []byte) (int32, bool) {
	if t.slots == nil {
		code, ok := t.rest[string(b)]
		return code, ok
	}
	s := &t.slots[t.slot(b)]
	return s.code, s.used && s.text == string(b)
}
