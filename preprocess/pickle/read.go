package pickle

import (
	"fmt"
	"strings"
)

// Read reads one pickle, plain or as joblib writes it, compressed or not. What follows the
// end of the pickle is ignored, as Python does.
//
// allow says which names may occur beyond those the package knows (the constructors of
// builtins, numpy and pandas that make the values listed at Value); nil allows none. Names
// that are not allowed are all reported together.
//
// The error is an *Error. The result may alias data.
func Read(data []byte, allow func(Global) bool, lim Limits) (v Value, err error) {
	defer func() {
		// Nothing here should panic, and the fuzz targets call what has no net. If it does
		// all the same, the file is to be refused and the job not to crash.
		if fault := recover(); fault != nil {
			v, err = nil, &Error{Offset: -1, What: fmt.Sprintf("the file shows a fault in this reader: %v", fault)}
		}
	}()
	return read(data, allow, lim)
}

// read is Read without its net.
func read(data []byte, allow func(Global) bool, lim Limits) (Value, error) {
	b := &budget{lim: lim.withDefaults(), allow: allow}
	plain, err := decompress(data, b.lim.Decompressed)
	if err == nil && len(plain) != len(data) {
		err = b.charge(len(plain))
	}
	if err != nil {
		return nil, &Error{Offset: -1, What: err.Error()}
	}
	r := &reader{stream: stream{data: plain}, budget: b}
	v, err := r.run()
	if err == nil && len(b.refused) == 0 {
		err = check(v, b.lim)
	}
	switch {
	case len(b.refused) > 0:
		return nil, &Error{Offset: b.refusedAt, Refused: b.refused, What: refusal(b.refused)}
	case len(plain) == 0:
		return nil, &Error{Offset: -1, What: "the file is empty"}
	case err != nil && r.at == 0 && plain[0] != opProto:
		return nil, &Error{Offset: -1, What: fmt.Sprintf("not a pickle or joblib file: it starts with %q (%v)", plain[:min(len(plain), 8)], err)}
	case err != nil:
		return nil, &Error{Offset: r.at, What: err.Error()}
	}
	return v, nil
}

func refusal(names []Global) string {
	if len(names) == 1 {
		return clip(names[0].String()) + " is not supported"
	}
	texts := make([]string, len(names))
	for i, g := range names {
		texts[i] = clip(g.String())
	}
	return "not supported: " + strings.Join(texts, ", ")
}

// fail makes the reason of an Error; Read adds the place.
func fail(format string, args ...any) error { return fmt.Errorf(format, args...) }

// reader is the pickle machine: a stack of values, marks in it, and a memo.
type reader struct {
	stream
	*budget
	at    int // start of the instruction being done
	proto int
	stack []Value
	marks []int
	memo  memo

	nested bool // reading a pickle inside the file
}

// run does instructions until STOP and returns the value on top.
func (r *reader) run() (Value, error) {
	for {
		r.at = r.pos
		op, err := r.byte()
		if err != nil {
			return nil, err
		}
		if err := r.operation(); err != nil {
			return nil, err
		}
		if op == opStop {
			return r.pop()
		}
		if err := r.do(op); err != nil {
			return nil, err
		}
	}
}

// push charges for the place on the stack as well as what the value takes beyond that.
func (r *reader) push(v Value, size int) error {
	if err := r.charge(size + slotBytes); err != nil {
		return err
	}
	r.stack = append(r.stack, v)
	return nil
}

func (r *reader) top() (Value, error) {
	floor := 0
	if n := len(r.marks); n > 0 {
		floor = r.marks[n-1]
	}
	if len(r.stack) <= floor {
		return nil, fail("an instruction wants a value and the stack has none; the file is damaged")
	}
	return r.stack[len(r.stack)-1], nil
}

func (r *reader) pop() (Value, error) {
	v, err := r.top()
	if err != nil {
		return nil, err
	}
	r.stack[len(r.stack)-1] = nil
	r.stack = r.stack[:len(r.stack)-1]
	return v, nil
}

// popMark takes everything above the last mark, and the mark. The result is valid until
// the next push.
func (r *reader) popMark() ([]Value, error) {
	n := len(r.marks)
	if n == 0 {
		return nil, fail("an instruction wants a mark and there is none; the file is damaged")
	}
	from := r.marks[n-1]
	r.marks = r.marks[:n-1]
	items := r.stack[from:]
	r.stack = r.stack[:from]
	return items, nil
}

// keep copies items, charging for it.
func (r *reader) keep(items []Value) ([]Value, error) {
	if err := r.charge(slotBytes * len(items)); err != nil {
		return nil, err
	}
	return append(make([]Value, 0, len(items)), items...), nil
}

// memo numbers values. Picklers number them 0, 1, 2, ...; only a hand-made file does not.
type memo struct {
	list   []Value
	sparse map[int]Value
}

func (m *memo) len() int { return len(m.list) + len(m.sparse) }

func (m *memo) get(i int) (Value, bool) {
	if i >= 0 && i < len(m.list) {
		return m.list[i], true
	}
	v, ok := m.sparse[i]
	return v, ok
}

func (m *memo) put(i int, v Value) {
	switch {
	case i < len(m.list):
		m.list[i] = v
	case i == len(m.list):
		delete(m.sparse, i)
		m.list = append(m.list, v)
	default:
		if m.sparse == nil {
			m.sparse = make(map[int]Value)
		}
		m.sparse[i] = v
	}
}
