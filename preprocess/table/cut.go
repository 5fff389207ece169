package table

import "bytes"

// Quoting is what a place in an input may be in: between two bytes, the one
// before is in quotes, is not, or is a quote of which the next byte decides
// whether it closes.
type Quoting uint8

// What a place may be in.
const (
	Outside Quoting = iota
	Inside
	Closing
	quotings
)

// Cut is the first place of a section where a record starts.
type Cut struct {
	// At counts bytes from the start of the section; -1 if no record starts in it.
	At int64
	// Lines are the line ends of the section before it.
	Lines int64
}

// Section looks for places where an input can be cut into whole records. It is
// one of several that are looked at at the same time, so that it does not know
// what its first byte is in: it follows each possibility, and says for each of
// them where the first record starts and what the section ends in. Nothing is
// guessed. What a record is, is what a Splitter finds.
type Section struct {
	dialect Dialect
	pos     int64 // bytes written
	prev    int   // the byte before; noByte for none
	lines   int64 // line ends, of CSV a carriage return at the end included
	paths   [quotings]path
}

const noByte = -1

// path is one possibility.
type path struct {
	now    Quoting
	cut    Cut
	leader *path // it has come to be the same as this one
}

// NewSection starts a section of which the input has the byte prev before it, or
// -1 if it is the start of the first record.
func NewSection(d Dialect, prev int) *Section {
	s := &Section{dialect: d, prev: prev}
	for q := range s.paths {
		s.paths[q] = path{now: Quoting(q), cut: Cut{At: -1}}
	}
	if prev == noByte {
		s.paths[Outside].cut.At = 0
	}
	if d.JSON {
		s.paths[Inside].leader, s.paths[Closing].leader = &s.paths[Outside], &s.paths[Outside]
	}
	return s
}

// Write looks at the next bytes.
func (s *Section) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	before := s.lines
	if s.prev == '\r' && s.pos > 0 && b[0] == '\n' && !s.dialect.JSON {
		before-- // both are one line end
	}
	for q := range s.paths {
		p := &s.paths[q]
		if p.leader != nil {
			continue
		}
		if s.dialect.JSON {
			s.walkLines(p, b, before)
		} else {
			s.walk(p, b, before)
		}
	}
	for q := 1; q < len(s.paths); q++ {
		for r := range q {
			a, b := &s.paths[r], &s.paths[q]
			if a.leader == nil && b.leader == nil && a.now == b.now && a.cut.At >= 0 && b.cut.At >= 0 {
				b.leader = a
			}
		}
	}
	s.lines = before + int64(s.dialect.LineEnds(b))
	s.prev = int(b[len(b)-1])
	s.pos += int64(len(b))
	return len(b), nil
}

// walk follows one possibility through b. It looks at every byte until it knows
// where the first record starts, and then hops from quote to quote.
func (s *Section) walk(p *path, b []byte, lines int64) {
	last := func(i int) int { // the byte before b[i]
		if i > 0 {
			return int(b[i-1])
		}
		return s.prev
	}
	for i := 0; i < len(b); i++ {
		if p.now == Closing {
			if b[i] == '"' {
				p.now = Inside
				continue
			}
			p.now = Outside
		}
		if p.now == Outside && p.cut.At < 0 {
			if c := last(i); c == '\n' || c == '\r' && b[i] != '\n' {
				p.cut = Cut{s.pos + int64(i), lines + int64(s.dialect.LineEnds(b[:i]))}
			}
		}
		if p.now == Inside || p.cut.At >= 0 {
			if i = indexFrom(b, i, '"'); i < 0 {
				return
			}
		}
		switch {
		case b[i] != '"':
		case p.now == Inside:
			p.now = Closing
		default:
			if c := last(i); c == noByte || c == int(s.dialect.Delimiter) || c == '\n' || c == '\r' {
				p.now = Inside
			}
		}
	}
}

// walkLines is walk where every line feed ends a record.
func (s *Section) walkLines(p *path, b []byte, lines int64) {
	if p.cut.At >= 0 {
		return
	}
	at := 0
	if s.prev != '\n' {
		at = bytes.IndexByte(b, '\n') + 1
		if at == 0 || at == len(b) {
			return // the next byte is another section's, or there is none
		}
	}
	p.cut = Cut{s.pos + int64(at), lines + int64(s.dialect.LineEnds(b[:at]))}
}

// End ends the section, of which the input has the byte next behind it, or -1 if
// it ends there. It tells how many line ends there are in it.
func (s *Section) End(next int) (lines int64) {
	if s.pos > 0 && s.prev == '\r' && next == '\n' && !s.dialect.JSON {
		s.lines-- // which is counted there
	}
	return s.lines
}

// Resolve says where the first record starts if the section starts in q, and what
// it ends in.
func (s *Section) Resolve(q Quoting) (Cut, Quoting) {
	p := &s.paths[q]
	end := p
	for end.leader != nil {
		end = end.leader
	}
	cut := p.cut
	if cut.At < 0 {
		cut = end.cut // of JSON lines
	}
	return cut, end.now
}
