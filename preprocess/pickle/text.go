package pickle

import (
	"bytes"
	"encoding/hex"
	"math"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"
)

// parseInt reads the argument of INT, or of LONG, which may end in L. INT's 00 and 01 are
// False and True.
func parseInt(line []byte, long bool) (Value, error) {
	s := string(line[:min(len(line), maxIntDigits+1)])
	switch {
	case !long && s == "00":
		return false, nil
	case !long && s == "01":
		return true, nil
	case long:
		s = strings.TrimSuffix(s, "L")
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, nil
	}
	if len(line) > maxIntDigits {
		return nil, fail("an int of %d digits, at most %d are supported", len(line), maxIntDigits)
	}
	digits := strings.TrimLeft(s, "+-")
	if digits == "" || strings.Trim(digits, "0123456789") != "" || len(s)-len(digits) > 1 {
		return nil, fail("%q is not an int", clip(s))
	}
	n, _ := new(big.Int).SetString(s, 10)
	return n, nil
}

// twosComplement is the int of little-endian bytes.
func twosComplement(b []byte) (Value, error) {
	if len(b) > maxIntBytes {
		return nil, fail("an int of %d bytes, at most %d are supported", len(b), maxIntBytes)
	}
	if len(b) <= 8 {
		var n uint64
		for i, c := range b {
			n |= uint64(c) << (8 * i)
		}
		shift := 64 - 8*len(b)
		return int64(n<<shift) >> shift, nil
	}
	be := make([]byte, len(b))
	for i, c := range b {
		be[len(b)-1-i] = c
	}
	n := new(big.Int).SetBytes(be)
	if be[0]&0x80 != 0 {
		n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
	}
	if n.IsInt64() {
		return n.Int64(), nil
	}
	return n, nil
}

// parseFloat reads what Python's repr writes of a float.
func parseFloat(line []byte) (float64, error) {
	s := string(line[:min(len(line), 400)])
	switch s {
	case "nan", "-nan":
		return math.NaN(), nil
	case "inf":
		return math.Inf(1), nil
	case "-inf":
		return math.Inf(-1), nil
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || strings.Trim(s, "0123456789+-.eE") != "" {
		return 0, fail("%q is not a float", clip(s))
	}
	return f, nil
}

// parseIndex reads the number of a memo.
func parseIndex(line []byte) (int, error) {
	n, err := strconv.ParseUint(string(line[:min(len(line), 16)]), 10, 31)
	if err != nil {
		return 0, fail("%q is not the number of a memo", clip(string(line)))
	}
	return int(n), nil
}

// parseUnicode decodes Python's raw-unicode-escape: Latin-1 in which \uXXXX and
// \UXXXXXXXX stand for characters, and any other backslash for itself and what follows.
func parseUnicode(b []byte) (string, error) {
	var out strings.Builder
	for i := 0; i < len(b); i++ {
		c := b[i]
		if c != '\\' || i+1 == len(b) {
			out.WriteRune(rune(c))
			continue
		}
		i++
		n := 0
		switch b[i] {
		case 'u':
			n = 4
		case 'U':
			n = 8
		default:
			out.WriteByte('\\')
			out.WriteRune(rune(b[i]))
			continue
		}
		if i+n >= len(b) {
			return "", fail("an escape in a text is cut short")
		}
		r, err := strconv.ParseUint(string(b[i+1:i+1+n]), 16, 32)
		if err != nil || r > utf8.MaxRune || !utf8.ValidRune(rune(r)) {
			return "", fail("%q in a text is not a character", b[i-1:i+1+n])
		}
		out.WriteRune(rune(r))
		i += n
	}
	return out.String(), nil
}

// parseString decodes the argument of STRING: a Python 2 literal in quotes.
func parseString(b []byte) (string, error) {
	b = bytes.TrimRight(b, " \t\r")
	if len(b) < 2 || b[0] != b[len(b)-1] || b[0] != '\'' && b[0] != '"' {
		return "", fail("the argument of STRING is not quoted")
	}
	b = b[1 : len(b)-1]
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '\\' {
			out = append(out, b[i])
			continue
		}
		i++
		if i == len(b) {
			return "", fail("the argument of STRING ends in a backslash")
		}
		c := b[i]
		switch {
		case c == 'x':
			var h [1]byte
			if i+2 >= len(b) {
				return "", fail("an escape in STRING is cut short")
			}
			if _, err := hex.Decode(h[:], b[i+1:i+3]); err != nil {
				return "", fail("%q in STRING is not an escape", b[i-1:i+3])
			}
			out = append(out, h[0])
			i += 2
		case '0' <= c && c <= '7':
			n, k := 0, i
			for ; k < len(b) && k < i+3 && '0' <= b[k] && b[k] <= '7'; k++ {
				n = n*8 + int(b[k]-'0')
			}
			out = append(out, byte(n))
			i = k - 1
		default:
			if at := strings.IndexByte(`\'"abfnrtv`, c); at >= 0 {
				out = append(out, "\\'\"\a\b\f\n\r\t\v"[at])
			} else {
				out = append(out, '\\', c)
			}
		}
	}
	return python2Text(out)
}

// python2Text is a str of Python 2, which had bytes: Python 3 reads it as ASCII.
func python2Text(b []byte) (string, error) {
	for _, c := range b {
		if c >= 0x80 {
			return "", fail("a text of Python 2 with byte 0x%02x, which is not ASCII; save the model with Python 3", c)
		}
	}
	return string(b), nil
}

// latin1 encodes text in which every character is below 256.
func latin1(s string) (Bytes, error) {
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return nil, fail("a text with character %U cannot be bytes in Latin-1", r)
		}
		out = append(out, byte(r))
	}
	return out, nil
}
