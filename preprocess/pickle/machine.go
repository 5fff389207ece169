package pickle

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// do performs one instruction other than STOP.
func (r *reader) do(op byte) error {
	switch op {
	case opProto:
		p, err := r.byte()
		if err != nil {
			return err
		}
		if p > lastProtocol {
			return fail("pickle protocol %d, supported are 0 to %d", p, lastProtocol)
		}
		r.proto = int(p)
		return nil
	case opFrame:
		// A frame is a hint to read ahead; all of the file is in memory.
		n, err := r.length(8)
		if err == nil && n > len(r.data)-r.pos {
			err = errEnd(n, len(r.data)-r.pos)
		}
		return err

	case opMark:
		if err := r.charge(slotBytes); err != nil {
			return err
		}
		r.marks = append(r.marks, len(r.stack))
		return nil
	case opPop:
		if n := len(r.marks); n > 0 && r.marks[n-1] == len(r.stack) {
			r.marks = r.marks[:n-1]
			return nil
		}
		_, err := r.pop()
		return err
	case opPopMark:
		_, err := r.popMark()
		return err
	case opDup:
		v, err := r.top()
		if err != nil {
			return err
		}
		return r.push(v, 0)

	case opNone:
		return r.push(nil, 0)
	case opNewTrue:
		return r.push(true, 0)
	case opNewFalse:
		return r.push(false, 0)
	case opBinInt1, opBinInt2, opBinInt, opInt, opLong, opLong1, opLong4:
		v, err := r.int(op)
		if err != nil {
			return err
		}
		return r.push(v, 0)
	case opBinFloat:
		b, err := r.next(8)
		if err != nil {
			return err
		}
		return r.push(math.Float64frombits(binary.BigEndian.Uint64(b)), 0)
	case opFloat:
		line, err := r.line()
		if err != nil {
			return err
		}
		f, err := parseFloat(line)
		if err != nil {
			return err
		}
		return r.push(f, 0)

	case opShortBinString, opBinString, opString, opShortBinUnicode, opBinUnicode, opBinUnicode8, opUnicode:
		s, err := r.text(op)
		if err != nil {
			return err
		}
		return r.push(s, len(s))
	case opShortBinBytes:
		return r.bytes(1)
	case opBinBytes:
		return r.bytes(4)
	case opBinBytes8, opByteArray8:
		return r.bytes(8)

	case opEmptyTuple:
		return r.push(&Tuple{}, nodeBytes)
	case opTuple1:
		return r.shortTuple(1)
	case opTuple2:
		return r.shortTuple(2)
	case opTuple3:
		return r.shortTuple(3)
	case opTuple, opList, opDict, opFrozenSet:
		return r.gather(op)
	case opEmptyList:
		return r.push(&List{}, nodeBytes)
	case opEmptyDict:
		return r.push(&Dict{}, nodeBytes)
	case opEmptySet:
		return r.push(&Set{}, nodeBytes)

	case opAppend, opAppends, opAddItems, opSetItem, opSetItems:
		return r.add(op)

	case opPut, opBinPut, opLongBinPut, opMemoize, opGet, opBinGet, opLongBinGet:
		return r.remember(op)

	case opGlobal, opStackGlobal:
		g, err := r.name(op)
		if err != nil {
			return err
		}
		return r.push(g, 0)
	case opReduce, opNewObj, opNewObjEx, opObj, opInst:
		return r.instance(op)
	case opBuild:
		return r.build()

	case opPersID, opBinPersID:
		return fail("a persistent id, which only the program that wrote the file can resolve")
	case opExt1, opExt2, opExt4:
		return fail("an extension code, which only the program that wrote the file can resolve")
	case opNextBuffer, opReadOnlyBuffer:
		return fail("out-of-band data, which is not in the file; pickle without buffer_callback")
	}
	return fail("unknown instruction 0x%02x; the file is damaged", op)
}

// int reads any of the instructions that make an int; INT makes bools as well.
func (r *reader) int(op byte) (Value, error) {
	switch op {
	case opBinInt1:
		n, err := r.length(1)
		return int64(n), err
	case opBinInt2:
		n, err := r.length(2)
		return int64(n), err
	case opBinInt:
		b, err := r.next(4)
		if err != nil {
			return nil, err
		}
		return int64(int32(binary.LittleEndian.Uint32(b))), nil
	case opInt, opLong:
		line, err := r.line()
		if err != nil {
			return nil, err
		}
		return parseInt(line, op == opLong)
	}
	size := 1
	if op == opLong4 {
		size = 4
	}
	b, err := r.block(size)
	if err != nil {
		return nil, err
	}
	if err := r.charge(len(b)); err != nil {
		return nil, err
	}
	return twosComplement(b)
}

// text reads any of the instructions that make a str.
func (r *reader) text(op byte) (string, error) {
	var b []byte
	var err error
	switch op {
	case opString, opUnicode:
		if b, err = r.line(); err != nil {
			return "", err
		}
		if op == opString {
			return parseString(b)
		}
		return parseUnicode(b)
	case opShortBinString, opShortBinUnicode:
		b, err = r.block(1)
	case opBinString, opBinUnicode:
		b, err = r.block(4)
	default:
		b, err = r.block(8)
	}
	if err != nil {
		return "", err
	}
	if op == opShortBinString || op == opBinString {
		return python2Text(b)
	}
	if !utf8.Valid(b) {
		return "", fail("a text of %d bytes is not UTF-8", len(b))
	}
	return string(b), nil
}

// bytes reads a length of the given size and pushes that many bytes, which alias the file.
func (r *reader) bytes(size int) error {
	b, err := r.block(size)
	if err != nil {
		return err
	}
	return r.push(Bytes(b), slotBytes)
}

func (r *reader) shortTuple(n int) error {
	items := make([]Value, n)
	for i := n - 1; i >= 0; i-- {
		v, err := r.pop()
		if err != nil {
			return err
		}
		items[i] = v
	}
	return r.push(&Tuple{Items: items}, nodeBytes+n*slotBytes)
}

// gather makes a container of everything above the mark.
func (r *reader) gather(op byte) error {
	items, err := r.popMark()
	if err != nil {
		return err
	}
	switch op {
	case opDict:
		d := &Dict{}
		if err := r.setItems(d, items); err != nil {
			return err
		}
		return r.push(d, nodeBytes)
	case opFrozenSet:
		s := &Set{Frozen: true}
		if err := r.addItems(s, items); err != nil {
			return err
		}
		return r.push(s, nodeBytes)
	}
	if items, err = r.keep(items); err != nil {
		return err
	}
	if op == opTuple {
		return r.push(&Tuple{Items: items}, nodeBytes)
	}
	return r.push(&List{Items: items}, nodeBytes)
}

// add puts items, above the mark or on top, into the container below them.
func (r *reader) add(op byte) error {
	var items []Value
	var err error
	switch op {
	case opAppends, opAddItems, opSetItems:
		if items, err = r.popMark(); err != nil {
			return err
		}
	default:
		n := 1
		if op == opSetItem {
			n = 2
		}
		pair := make([]Value, n)
		for i := n - 1; i >= 0; i-- {
			if pair[i], err = r.pop(); err != nil {
				return err
			}
		}
		items = pair
	}
	into, err := r.top()
	if err != nil {
		return err
	}
	switch c := into.(type) {
	case *List:
		if op == opAppend || op == opAppends {
			c.Items = append(c.Items, items...)
			return r.charge(slotBytes * len(items))
		}
	case *Dict:
		if op == opSetItem || op == opSetItems {
			return r.setItems(c, items)
		}
	case *Set:
		if op == opAddItems && !c.Frozen {
			return r.addItems(c, items)
		}
	case *Object:
		if op == opSetItem || op == opSetItems {
			if c.Dict == nil {
				c.Dict = &Dict{}
			}
			return r.setItems(c.Dict, items)
		}
		c.List = append(c.List, items...)
		return r.charge(slotBytes * len(items))
	}
	return fail("items are added to %s, which does not take them", Describe(into))
}

// setItems puts keys and values, alternating, into d.
func (r *reader) setItems(d *Dict, items []Value) error {
	if len(items)%2 != 0 {
		return fail("a dict with a key that has no value")
	}
	if err := r.charge(entryBytes * len(items) / 2); err != nil {
		return err
	}
	for i := 0; i < len(items); i += 2 {
		key, err := r.key(items[i])
		if err != nil {
			return err
		}
		d.set(key, DictItem{items[i], items[i+1]})
	}
	return nil
}

// addItems puts items into s, each once.
func (r *reader) addItems(s *Set, items []Value) error {
	if err := r.charge(entryBytes * len(items)); err != nil {
		return err
	}
	for _, v := range items {
		key, err := r.key(v)
		if err != nil {
			return err
		}
		if s.keys == nil {
			s.keys = make(map[any]struct{})
		}
		if _, ok := s.keys[key]; !ok {
			s.keys[key] = struct{}{}
			s.Items = append(s.Items, v)
		}
	}
	return nil
}

// remember does the instructions of the memo.
func (r *reader) remember(op byte) error {
	var n int
	var err error
	switch op {
	case opMemoize:
		n = r.memo.len()
	case opPut, opGet:
		var line []byte
		if line, err = r.line(); err == nil {
			n, err = parseIndex(line)
		}
	case opBinPut, opBinGet:
		n, err = r.length(1)
	default:
		n, err = r.length(4)
	}
	if err != nil {
		return err
	}
	switch op {
	case opGet, opBinGet, opLongBinGet:
		v, ok := r.memo.get(n)
		if !ok {
			return fail("memo %d is used and was never set; the file is damaged", n)
		}
		return r.push(v, 0)
	}
	v, err := r.top()
	if err != nil {
		return err
	}
	if err := r.memoize(); err != nil {
		return err
	}
	r.memo.put(n, v)
	return nil
}

// name reads the name of a class or function.
func (r *reader) name(op byte) (Global, error) {
	var parts [2]string
	if op == opStackGlobal {
		for i := 1; i >= 0; i-- {
			v, err := r.pop()
			if err != nil {
				return Global{}, err
			}
			s, ok := v.(string)
			if !ok {
				return Global{}, fail("the name of a class is %s, not text", Describe(v))
			}
			parts[i] = s
		}
	} else {
		for i := range parts {
			line, err := r.line()
			if err != nil {
				return Global{}, err
			}
			if len(line) <= maxName && !utf8.Valid(line) {
				return Global{}, fail("the name of a class is not UTF-8")
			}
			parts[i] = string(line[:min(len(line), maxName+1)])
		}
	}
	return r.global(parts[0], parts[1])
}
