package table

import "bytes"

// CountRecords counts the records of a block, in a table of so many columns. It
// does not tell good ones from bad ones, and it shares nothing with the Parser,
// so that the two can be held against each other.
func CountRecords(d Dialect, fields int, block []byte) int64 {
	c := recordCount{dialect: d, skipBlank: d.JSON || fields > 1, returns: !d.JSON && bytes.IndexByte(block, '\r') >= 0}
	if d.JSON {
		return c.count(block, true) + c.rest(block)
	}
	from := 0 // what is not in quotes
	for pos := 0; pos < len(block); {
		q := indexFrom(block, pos, '"')
		if q < 0 {
			break
		}
		if q > 0 && block[q-1] != d.Delimiter && block[q-1] != '\n' && block[q-1] != '\r' {
			pos = q + 1 // an ordinary character
			continue
		}
		c.n += c.count(block[from:q], from == 0)
		for pos = q + 1; ; pos += 2 {
			if pos = indexFrom(block, min(pos, len(block)), '"'); pos < 0 {
				return c.n + 1 // it is never closed
			}
			if pos+1 == len(block) || block[pos+1] != '"' {
				break
			}
		}
		pos++
		from = pos
	}
	last := block[from:]
	c.n += c.count(last, from == 0)
	if from > 0 && bytes.LastIndexByte(last, '\n') < 0 && bytes.LastIndexByte(last, '\r') < 0 {
		return c.n + 1 // of the quotes before it
	}
	return c.n + c.rest(last)
}

type recordCount struct {
	dialect   Dialect
	skipBlank bool // blank lines are no records
	returns   bool // there are carriage returns that may end lines
	n         int64
}

// ends are the line ends of text without quotes.
func (c *recordCount) ends(text []byte) int64 {
	if c.returns {
		return int64(c.dialect.LineEnds(text))
	}
	return int64(count(text, '\n'))
}

// count counts the line ends in text, except those of blank lines.
func (c *recordCount) count(text []byte, fromStart bool) int64 {
	if len(text) == 0 || len(text) == 1 && text[0] != '\n' && text[0] != '\r' {
		return 0 // a delimiter, often
	}
	if !c.skipBlank {
		return c.ends(text)
	}
	n, returns := c.countFeeds(text, fromStart)
	if c.returns && returns != count(text, '\r') {
		return c.countEnds(text, fromStart)
	}
	return n
}

// countFeeds is count where only line feeds end lines. It tells how many of
// them follow a carriage return.
func (c *recordCount) countFeeds(text []byte, whole bool) (n int64, returns int) {
	for {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			return n, returns
		}
		line := text[:end]
		if end > 0 && line[end-1] == '\r' && !c.dialect.JSON {
			returns++
			line = line[:end-1]
		}
		// A look at the first character is enough, as a rule.
		if !whole || len(line) > 0 && line[0] > ' ' || !c.blank(line) {
			n++
		}
		text, whole = text[end+1:], true
	}
}

// countEnds is count with line feeds and carriage returns in any order.
func (c *recordCount) countEnds(text []byte, whole bool) int64 {
	for n := int64(0); ; whole = true {
		end := c.lineEnd(text)
		if end < 0 {
			return n
		}
		if !whole || !c.blank(text[:end]) {
			n++
		}
		if text[end] == '\r' && end+1 < len(text) && text[end+1] == '\n' {
			end++
		}
		text = text[end+1:]
	}
}

// lineEnd is where the first line ends; -1 for nowhere.
func (c *recordCount) lineEnd(text []byte) int {
	end := bytes.IndexByte(text, '\n')
	if c.returns {
		line := text
		if end >= 0 {
			line = text[:end]
		}
		if r := bytes.IndexByte(line, '\r'); r >= 0 {
			return r
		}
	}
	return end
}

func (c *recordCount) blank(line []byte) bool {
	for _, b := range line {
		switch {
		case b == c.dialect.Delimiter && !c.dialect.JSON:
			return false
		case b == ' ', b == '\t', b == '\r' && c.dialect.JSON:
		default:
			return false
		}
	}
	return true
}

// rest is 1 if a record follows the last line end.
func (c *recordCount) rest(text []byte) int64 {
	end := bytes.LastIndexByte(text, '\n')
	if c.returns {
		end = max(end, bytes.LastIndexByte(text, '\r'))
	}
	text = text[end+1:]
	if len(text) == 0 || c.skipBlank && c.blank(text) {
		return 0
	}
	return 1
}
