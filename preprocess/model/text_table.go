package model

import (
	"math/bits"

	"ds-pipeline/preprocess/frame"
)

// textTable finds the code of a text. Most columns have a few categories, told
// apart by their length and their ends: those are found by one comparison. A map
// serves the rest.
type textTable struct {
	slots []textSlot // a power of two, or none
	mul   uint64
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
	for log := uint(3); 1<<log <= 16*max(len(codes), 1); log++ {
		if 1<<log < len(codes) {
			continue
		}
		mul := uint64(0x9E3779B97F4A7C15)
		for range 32 {
			t := textTable{slots: make([]textSlot, 1<<log), mul: mul, shift: 64 - log}
			if t.fill(codes) {
				return t
			}
			mul = mul*6364136223846793005 + 1442695040888963407 | 1
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
func (t *textTable) slot(b []byte) uint64 {
	first, last := frame.Ends(b)
	return (first + bits.RotateLeft64(last, 29) + uint64(len(b))) * t.mul >> t.shift
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
