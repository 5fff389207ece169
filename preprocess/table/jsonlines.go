package table

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// JSONLines is the dialect of one flat JSON object per line. A member is a
// field, found by its key:
//
//   - text is as in a quoted field of CSV, a number is its digits as they stand,
//     true and false are themselves, and null is a missing value, as is a key
//     that is not there;
//   - objects and arrays as values, a key that stands twice, and whatever RFC
//     8259 does not allow (NaN, half a surrogate pair) make a record useless;
//   - blank lines are no records.
var JSONLines = Dialect{JSON: true}

// ErrNoRecord says that there is no object at all.
var ErrNoRecord = errors.New("the input is empty: want a record")

// ReadKeys reads the keys of the first record of a block that can be read, in order.
// It returns nil if there is none, and the error says what is wrong with the first
// record, if there is one. The block starts on the given line.
func ReadKeys(block []byte, line int) (keys []string, err error) {
	for start := 0; start < len(block); line++ {
		end := lineEnd(block, start)
		text := block[start:end]
		start = end + 1
		if blankJSON(text) {
			continue
		}
		keys, reason := readKeys(text)
		if reason == "" {
			return keys, nil
		}
		if err == nil {
			err = fmt.Errorf("line %d: %s", line, reason)
		}
	}
	return nil, err
}

// readKeys reads the keys of one record, or says why that cannot be done.
func readKeys(text []byte) (keys []string, reason string) {
	if !utf8.Valid(text) {
		return nil, fmt.Sprintf("not valid UTF-8 at byte %d of it", invalidAt(text))
	}
	keys = []string{} // {} is a record
	seen := map[string]bool{}
	m := members{b: text}
	for m.next() {
		key, fault := m.keyText(nil)
		switch {
		case fault != "":
			reason = fault
		case m.kind == jsonNested:
			reason = nestedReason(string(key))
		case seen[string(key)]:
			reason = twiceReason(string(key))
		}
		seen[string(key)] = true
		keys = append(keys, string(key))
	}
	if m.fault != "" && reason == "" {
		reason = m.fault
	}
	return keys, reason
}

const notAnObject = "not a JSON object: want one object per line"

func nestedReason(key string) string {
	return fmt.Sprintf("%q is nested: want text, a number, true, false or null", key)
}

func twiceReason(key string) string { return fmt.Sprintf("key %q stands twice", key) }

// lineEnd is where the line that starts at b[start:] ends.
func lineEnd(b []byte, start int) int {
	if end := indexFrom(b, start, '\n'); end >= 0 {
		return end
	}
	return len(b)
}

func blankJSON(b []byte) bool {
	m := members{b: b}
	m.space()
	return m.i == len(b)
}

// keyed is what a Parser needs to find fields by their keys.
type keyed struct {
	fields map[string]int32
	names  []string
	guess  []int32  // the field of the nth member, as in the last record
	row    []uint64 // the record in which a field was found last
	record uint64
	seen   []bool // fields that were found in any record
	strict bool
}

func newKeyed(l Layout) *keyed {
	k := &keyed{
		fields: make(map[string]int32, len(l.Names)),
		names:  l.Names,
		row:    make([]uint64, len(l.Names)),
		seen:   make([]bool, len(l.Names)),
		strict: l.Strict,
	}
	for i, name := range l.Names {
		k.fields[name] = int32(i)
	}
	return k
}

// field finds the field of the nth member; -1 for none.
func (k *keyed) field(n int, key []byte) int32 {
	if n < len(k.guess) {
		if f := k.guess[n]; f >= 0 && k.names[f] == string(key) {
			return f
		}
	}
	f, ok := k.fields[string(key)]
	if !ok {
		f = -1
	}
	if n < len(k.guess) {
		k.guess[n] = f
	} else if n == len(k.guess) && n < maxGuess {
		k.guess = append(k.guess, f)
	}
	return f
}

// maxGuess bounds what is remembered of the order of keys.
const maxGuess = 1 << 16

// Seen tells of each field of Layout.Names whether a record had it, in all that
// the parser has read. It is nil unless the dialect is JSON lines.
func (p *Parser) Seen() []bool {
	if p.keyed == nil {
		return nil
	}
	return p.keyed.seen
}

// tokenizeJSON finds the fields of up to limit records.
func (p *Parser) tokenizeJSON(limit int) {
	b := p.block
	row := 0
	for row < limit && p.pos < len(b) && len(p.batch.Rejects) < maxBatchRows {
		start := p.pos
		end := lineEnd(b, start)
		p.pos = end + 1
		line := b[start:end]
		if len(line) > 0 && line[len(line)-1] == '\r' {
			line = line[:len(line)-1]
		}
		if blankJSON(line) {
			continue
		}
		switch reason := p.object(line, start, row); {
		case p.dirty && !utf8.Valid(line):
			p.reject(start, start+len(line), fmt.Sprintf("not valid UTF-8 at byte %d of the input", p.bytes+int64(start+invalidAt(line))))
		case reason != "":
			p.reject(start, start+len(line), reason)
		default:
			p.starts[row], p.ends[row] = uint32(start), uint32(start+len(line))
			row++
		}
	}
	p.rows, p.pos = row, min(p.pos, len(b))
}

// object finds the members of one line, which starts at from in the block. It
// returns why the record cannot be used, or "".
func (p *Parser) object(line []byte, from, row int) string {
	k := p.keyed
	k.record++
	for at := row; at < len(p.refs); at += p.maxRows {
		p.refs[at] = ref{}
	}
	m := members{b: line}
	n := 0
	for m.next() {
		key, fault := m.keyText(p.arena[len(p.arena):])
		if fault != "" {
			return fault
		}
		f := k.field(n, key)
		n++
		switch {
		case f >= 0 && m.kind == jsonNested:
			return nestedReason(k.names[f])
		case m.kind == jsonNested:
			return "a value is nested: want text, numbers, true, false or null"
		case f < 0 && k.strict:
			return "it has a key that the first record has not"
		case f >= 0 && k.row[f] == k.record:
			return twiceReason(k.names[f])
		}
		slot := int32(-1)
		if f >= 0 {
			k.row[f] = k.record
			slot = p.slots[f]
		}
		r := ref{pos: uint32(from + m.start), len: uint32(m.end - m.start)}
		switch {
		case m.kind == jsonNull:
			r = ref{}
		case m.kind == jsonText && m.plain:
			r.len |= refQuoted
		case m.kind == jsonText:
			was := len(p.arena)
			text, fault := unescape(p.arena, line[m.start:m.end])
			if fault != "" {
				return fault
			}
			p.arena = text
			r = ref{pos: uint32(was), len: uint32(len(text)-was) | refQuoted | refArena}
			if slot < 0 {
				p.arena = text[:was]
			}
		}
		if slot >= 0 {
			p.refs[int(slot)*p.maxRows+row] = r
		}
	}
	if m.fault != "" {
		return m.fault
	}
	for f, at := range k.row {
		if at == k.record {
			k.seen[f] = true
		}
	}
	return ""
}

// Kinds of JSON values.
type jsonKind uint8

const (
	jsonText jsonKind = iota + 1
	jsonNumber
	jsonBool
	jsonNull
	jsonNested
)

// members reads the members of an object, one after the other.
type members struct {
	b     []byte
	i     int
	begun bool
	fault string // why it is no object; next has returned false

	keyStart, keyEnd int
	keyPlain         bool
	start, end       int // of the value, without quotes
	kind             jsonKind
	plain            bool // the text has no escapes
}

func (m *members) space() {
	for m.i < len(m.b) {
		switch m.b[m.i] {
		case ' ', '\t', '\r', '\n':
			m.i++
		default:
			return
		}
	}
}

// take takes a byte after blanks.
func (m *members) take(c byte) bool {
	m.space()
	if m.i < len(m.b) && m.b[m.i] == c {
		m.i++
		return true
	}
	return false
}

func (m *members) fail(reason string) bool {
	m.fault = reason
	return false
}

// next finds the next member. A nested value is not looked into: the record is
// useless then.
func (m *members) next() bool {
	if m.kind == jsonNested {
		return false
	}
	if !m.begun {
		m.begun = true
		if !m.take('{') {
			return m.fail(notAnObject)
		}
		if m.take('}') {
			return m.over()
		}
	} else {
		if m.take('}') {
			return m.over()
		}
		if !m.take(',') {
			return m.fail(m.broken("want a comma or a closing brace"))
		}
	}
	if !m.take('"') {
		return m.fail(m.broken("want a key in quotes"))
	}
	var ok bool
	if m.keyStart, m.keyEnd, m.keyPlain, ok = m.text(); !ok {
		return m.fail(m.broken("a text does not end, or holds a control character"))
	}
	if !m.take(':') {
		return m.fail(m.broken("want a colon"))
	}
	m.space()
	return m.value()
}

func (m *members) broken(what string) string {
	return fmt.Sprintf("not valid JSON at byte %d of the line: %s", m.i, what)
}

// over checks that nothing follows the object.
func (m *members) over() bool {
	m.space()
	if m.i < len(m.b) {
		return m.fail(m.broken("want the end of the line"))
	}
	return false
}

func (m *members) value() bool {
	if m.i == len(m.b) {
		return m.fail(m.broken("want a value"))
	}
	m.start = m.i
	switch m.b[m.i] {
	case '"':
		m.i++
		var ok bool
		m.kind = jsonText
		if m.start, m.end, m.plain, ok = m.text(); !ok {
			return m.fail(m.broken("a text does not end, or holds a control character"))
		}
		return true
	case '{', '[':
		m.kind = jsonNested
		return true
	case 't':
		return m.word("true", jsonBool)
	case 'f':
		return m.word("false", jsonBool)
	case 'n':
		return m.word("null", jsonNull)
	}
	return m.number()
}

func (m *members) word(w string, kind jsonKind) bool {
	if !bytes.HasPrefix(m.b[m.i:], []byte(w)) {
		return m.fail(m.broken("want a value"))
	}
	m.i += len(w)
	m.end, m.kind = m.i, kind
	return true
}

func (m *members) digits() bool {
	start := m.i
	for m.i < len(m.b) && m.b[m.i] >= '0' && m.b[m.i] <= '9' {
		m.i++
	}
	return m.i > start
}

func (m *members) one(chars string) bool {
	if m.i < len(m.b) && bytes.IndexByte([]byte(chars), m.b[m.i]) >= 0 {
		m.i++
		return true
	}
	return false
}

func (m *members) number() bool {
	m.one("-")
	ok := m.one("0") || m.digits()
	if ok && m.one(".") {
		ok = m.digits()
	}
	if ok && m.one("eE") {
		m.one("+-")
		ok = m.digits()
	}
	if !ok {
		return m.fail(m.broken("want a value"))
	}
	m.end, m.kind = m.i, jsonNumber
	return true
}

// text finds the end of a text whose opening quote was taken.
func (m *members) text() (start, end int, plain, ok bool) {
	start, plain = m.i, true
	for ; m.i < len(m.b); m.i++ {
		switch c := m.b[m.i]; {
		case c == '"':
			m.i++
			return start, m.i - 1, plain, true
		case c == '\\':
			plain = false
			m.i++
		case c < ' ':
			return 0, 0, false, false
		}
	}
	m.i = len(m.b)
	return 0, 0, false, false
}

// keyText is the key, and why it cannot be read. It may use buf's memory.
func (m *members) keyText(buf []byte) ([]byte, string) {
	key := m.b[m.keyStart:m.keyEnd]
	if m.keyPlain {
		return key, ""
	}
	return unescape(buf[:0], key)
}

// unescape appends a text without its escapes, or says why it cannot be read.
func unescape(dst, text []byte) (out []byte, fault string) {
	for {
		i := bytes.IndexByte(text, '\\')
		if i < 0 {
			return append(dst, text...), ""
		}
		dst = append(dst, text[:i]...)
		if text = text[i+1:]; len(text) == 0 {
			return dst, badEscape
		}
		c := text[0]
		text = text[1:]
		switch c {
		case '"', '\\', '/':
			dst = append(dst, c)
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r, ok := hex4(text)
			if !ok {
				return dst, badEscape
			}
			text = text[4:]
			if utf16.IsSurrogate(r) {
				if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
					return dst, halfPair
				}
				second, ok := hex4(text[2:])
				if r = utf16.DecodeRune(r, second); !ok || r == utf8.RuneError {
					return dst, halfPair
				}
				text = text[6:]
			}
			dst = utf8.AppendRune(dst, r)
		default:
			return dst, badEscape
		}
	}
}

const (
	badEscape = "not valid JSON: a backslash starts nothing that is known"
	halfPair  = "half of a surrogate pair in a text"
)

func hex4(b []byte) (rune, bool) {
	if len(b) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range b[:4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
