package table

import "slices"

// DefaultNulls are the texts that pandas.read_csv takes for missing values,
// the empty text among them.
func DefaultNulls() []string {
	return []string{
		"", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan",
		"1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL", "NaN", "None",
		"n/a", "nan", "null",
	}
}

// Nulls is a set of texts that mean a missing value, quoted or not.
type Nulls struct {
	texts map[string]bool
	// lengths[c] has bit n set if a text of n bytes starts with c; the last bit
	// stands for all longer ones.
	lengths [256]uint64
	empty   bool
	numbers bool // one of the texts reads as a number other than NaN
}

// NewNulls makes a set of texts.
func NewNulls(texts []string) *Nulls {
	n := &Nulls{texts: make(map[string]bool, len(texts))}
	for _, t := range texts {
		if t == "" {
			n.empty = true
			continue
		}
		n.texts[t] = true
		n.lengths[t[0]] |= 1 << min(len(t), 63)
		if f, ok := ParseFloat([]byte(t)); ok && f == f {
			n.numbers = true
		}
	}
	return n
}

// Texts lists the set in order.
func (n *Nulls) Texts() []string {
	texts := make([]string, 0, len(n.texts)+1)
	if n.empty {
		texts = append(texts, "")
	}
	for t := range n.texts {
		texts = append(texts, t)
	}
	slices.Sort(texts)
	return texts
}

// Has tells whether a text that is not an unquoted empty field is in the set.
func (n *Nulls) Has(b []byte) bool {
	if len(b) == 0 {
		return n.empty
	}
	return n.lengths[b[0]]&(1<<min(len(b), 63)) != 0 && n.texts[string(b)]
}
