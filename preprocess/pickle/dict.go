package pickle

// Dict is a Python dict in the order of insertion.
type Dict struct {
	items []DictItem
	index map[any]int
	node  node
}

// DictItem is one entry of a Dict.
type DictItem struct{ Key, Value Value }

// NewDict makes a dict with text keys, for tests of what reads one.
func NewDict(items ...DictItem) *Dict {
	d := &Dict{}
	for _, it := range items {
		if k, err := hashKey(it.Key); err == nil {
			d.set(k, it)
		}
	}
	return d
}

// Len is the number of entries.
func (d *Dict) Len() int { return len(d.items) }

// Items are the entries, in order. Do not change the slice.
func (d *Dict) Items() []DictItem { return d.items }

// Get is the value of a text key.
func (d *Dict) Get(key string) (Value, bool) {
	if d == nil {
		return nil, false
	}
	if i, ok := d.index[key]; ok {
		return d.items[i].Value, true
	}
	return nil, false
}

func (d *Dict) set(key any, it DictItem) {
	if i, ok := d.index[key]; ok {
		d.items[i].Value = it.Value // Python keeps the first key
		return
	}
	if d.index == nil {
		d.index = make(map[any]int)
	}
	d.index[key] = len(d.items)
	d.items = append(d.items, it)
}

func hashKey(v Value) (any, error) { return v, nil }
