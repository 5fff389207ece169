package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"
	"unicode/utf8"

	"ds-pipeline/preprocess/frame"
)

// jsonRows parses JSON lines: the wanted names as texts, a missing value as "-".
func jsonRows(t testing.TB, text string, strict bool, names ...string) (rows []string, rejects []string) {
	t.Helper()
	l := Layout{Dialect: JSONLines, Fields: len(names), Names: names, Strict: strict, Nulls: NewNulls(nil)}
	for i, name := range names {
		l.Inputs = append(l.Inputs, Input{Name: name, Index: i, As: AsText, Kind: frame.Text})
	}
	p := NewParser(l)
	p.Reset([]byte(text), 100)
	for b := p.Next(3); b != nil; b = p.Next(3) {
		for row := range b.Rows {
			var cells []string
			for _, c := range b.Inputs {
				if c.Texts[row] == nil {
					cells = append(cells, "-")
				} else {
					cells = append(cells, string(c.Texts[row]))
				}
			}
			rows = append(rows, strings.Join(cells, "|"))
		}
		for _, r := range b.Rejects {
			rejects = append(rejects, text[r.Start:r.End]+" => "+r.Reason)
		}
	}
	return rows, rejects
}

func TestJSONLines_bindsByKey(t *testing.T) {
	rows, rejects := jsonRows(t, `{"a":"x","b":1}
  { "b" : -1.50e+10 , "c" : true, "a" : "y\n\"\u00e9\ud83d\udc27\/" }`+"\r\n \t\r\n"+`{"a":null}
{}
{"a":"","b":false,"more":"\\"}
{"\u0061":"escaped key"}`, false, "a", "b")
	want := []string{"x|1", "y\n\"é🐧/|-1.50e+10", "-|-", "-|-", "|false", "escaped key|-"}
	if !slices.Equal(rows, want) || rejects != nil {
		t.Errorf("rows %q, rejects %q, want %q", rows, rejects, want)
	}
}

func TestJSONLines_saysWhyARecordCannotBeUsed(t *testing.T) {
	for line, want := range map[string]string{
		`{"a":{"x":1}}`:        `"a" is nested: want text, a number, true, false or null`,
		`{"a":1,"secret":[1]}`: `a value is nested: want text, numbers, true, false or null`,
		`{"a":1,"a":2}`:        `key "a" stands twice`,
		`[1,2]`:                `not a JSON object: want one object per line`,
		`a,b`:                  `not a JSON object: want one object per line`,
		`{"a":1`:               `not valid JSON at byte 6 of the line: want a comma or a closing brace`,
		`{"a":1,}`:             `not valid JSON at byte 7 of the line: want a key in quotes`,
		`{"a" 1}`:              `not valid JSON at byte 5 of the line: want a colon`,
		`{"a":}`:               `not valid JSON at byte 5 of the line: want a value`,
		`{"a":NaN}`:            `not valid JSON at byte 5 of the line: want a value`,
		`{"a":01}`:             `not valid JSON at byte 6 of the line: want a comma or a closing brace`,
		`{"a":1.}`:             `not valid JSON at byte 7 of the line: want a value`,
		`{"a":+1}`:             `not valid JSON at byte 5 of the line: want a value`,
		`{"a":1} {"a":2}`:      `not valid JSON at byte 8 of the line: want the end of the line`,
		`{"a":"x`:              `not valid JSON at byte 7 of the line: a text does not end, or holds a control character`,
		"{\"a\":\"x\ty\"}":     `not valid JSON at byte 7 of the line: a text does not end, or holds a control character`,
		`{"a":"\x41"}`:         `not valid JSON: a backslash starts nothing that is known`,
		`{"a":"\ud83d"}`:       `half of a surrogate pair in a text`,
		`{"a":"\udc27\ud83d"}`: `half of a surrogate pair in a text`,
		`{"more":"\q"}`:        `not valid JSON: a backslash starts nothing that is known`,
		"{\"a\":\"\xff\"}":     `not valid UTF-8 at byte 114 of the input`,
		`{"a":"x"}` + "\x00":   `not valid JSON at byte 9 of the line: want the end of the line`,
		`{"a":tru}`:            `not valid JSON at byte 5 of the line: want a value`,
	} {
		rows, rejects := jsonRows(t, "{\"a\":1}\n"+line+"\n{\"a\":2}\n", false, "a")
		if !slices.Equal(rows, []string{"1", "2"}) || !slices.Equal(rejects, []string{line + " => " + want}) {
			t.Errorf("%s: rows %q, rejects %q, want %s", line, rows, rejects, want)
		}
	}
	if _, rejects := jsonRows(t, `{"b":1}`, true, "a"); !slices.Equal(rejects, []string{`{"b":1} => it has a key that the first record has not`}) {
		t.Errorf("strict: %q", rejects)
	}
}

func TestJSONLines_tellsMissingFromEmpty(t *testing.T) {
	l := Layout{Dialect: JSONLines, Fields: 1, Names: []string{"a"}, Nulls: NewNulls([]string{"NA"}),
		Inputs: []Input{{Name: "a", As: AsNumber, Kind: frame.Float}}}
	p := NewParser(l)
	p.Reset([]byte("{\"a\":1.5}\n{\"a\":null}\n{}\n{\"a\":\"NA\"}\n{\"a\":\"\"}\n{\"a\":\"2\"}\n"), 0)
	b := p.Next(10)
	if b.Rows != 6 || len(b.Rejects) != 1 || b.Rejects[0].Start != 35 || b.Rejects[0].Reason != "not a number" {
		t.Fatalf("%d rows, rejects %+v", b.Rows, b.Rejects)
	}
	for row, want := range []float64{1.5, math.NaN(), math.NaN(), math.NaN(), math.NaN(), 2} {
		if got := b.Inputs[0].Floats[row]; got != want && !(got != got && want != want) {
			t.Errorf("row %d: %v, want %v", row, got, want)
		}
	}
	if !slices.Equal(p.Seen(), []bool{true}) {
		t.Errorf("seen %v", p.Seen())
	}
	if other := NewParser(l); other.Seen()[0] {
		t.Error("seen before it was")
	}
}

func TestReadKeys_takesTheFirstRecord(t *testing.T) {
	for text, want := range map[string]string{
		"\n \r\n{\"b\":1,\"a\":null}\n{\"c\":1}": "b a",
		"{}":                                     "",
		"{\"\\u0061\":\"\"}":                     "a",
		"[]\n{\"b\":[]}\n{\"a\":1}\n{\"c\":1}":   "a",
	} {
		keys, err := ReadKeys([]byte(text), 1)
		if err != nil || keys == nil || strings.Join(keys, " ") != want {
			t.Errorf("%q: %q, %v", text, keys, err)
		}
	}
	if keys, err := ReadKeys([]byte("\n \n"), 1); keys != nil || err != nil {
		t.Errorf("nothing: %q, %v", keys, err)
	}
	for text, want := range map[string]string{
		"\n[{\"a\":1},\n":       "line 2: not a JSON object: want one object per line",
		"{\"a\":[]}":            `line 1: "a" is nested: want text, a number, true, false or null`,
		"{\"a\":1,\"a\":2}":     `line 1: key "a" stands twice`,
		"{\"a\":1":              "line 1: not valid JSON at byte 6 of the line: want a comma or a closing brace",
		"\r\n{\"\xff\":1}":      "line 2: not valid UTF-8 at byte 2 of it",
		"{\"\\u12\":1}":         "line 1: not valid JSON: a backslash starts nothing that is known",
		"{\n \"a\": 1\n}":       "line 1: not valid JSON at byte 1 of the line: want a key in quotes",
		"a,b\n1,2\n":            "line 1: not a JSON object: want one object per line",
		"{\"a\":1} {\"a\":2}\n": "line 1: not valid JSON at byte 8 of the line: want the end of the line",
	} {
		if keys, err := ReadKeys([]byte(text), 1); err == nil || err.Error() != want {
			t.Errorf("%q: %q, %v, want %s", text, keys, err, want)
		}
	}
}

func TestSplitter_cutsJSONLinesAtLineFeedsOnly(t *testing.T) {
	text := "{\"a\":\"\\\"x,\"}\n{\"a\":\"\"}\r\n\n{\"a\":1}"
	for target := 1; target < 30; target++ {
		s := NewSplitter(strings.NewReader(text), JSONLines, 1000)
		got := ""
		for {
			block, err := s.Next(nil, target)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if got+string(block) != text && !bytes.HasSuffix(block, []byte("\n")) {
				t.Errorf("target %d: block %q", target, block)
			}
			got += string(block)
		}
		if got != text {
			t.Errorf("target %d: %q", target, got)
		}
	}
	s := NewSplitter(strings.NewReader("{}\n{\"a\":\""+strings.Repeat("x", 200)), JSONLines, 100)
	var err error
	for err == nil {
		_, err = s.Next(nil, 50)
	}
	if want := "record at byte 3 is longer than 100 bytes"; err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}
}

// What is a record, and what is in it, is what encoding/json says of the line.
func FuzzJSONLines(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":"x"}`, `{"b":"\u00e9\n","a":-0.5e-7,"c":null}`, `{"a":true,"b":false}`, `{"a":[1],"b":{}}`, `{}`, ``, `{"a":"\ud83d\udc27"}`,
		`{"a":"\ud83d"}`, `{"a":1}}`, "{\"a\":1}\n{\"a\":2}", "{\"a\":\"\xff\"}", `{"a":01}`, `{"\u0061":1,"a":2}`, "{\"a\":1}\r", `[]`, `{"a":1,}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		rows, rejects := jsonRows(t, string(text), false, "a", "b")
		var want []string
		refused := 0
		for line := range bytes.Lines(text) {
			if len(bytes.TrimSpace(bytes.Trim(line, "\n\r\t "))) == 0 && len(bytes.Trim(line, "\n\r\t ")) == 0 {
				continue
			}
			var object map[string]any
			d := json.NewDecoder(bytes.NewReader(line))
			d.UseNumber()
			err := d.Decode(&object)
			if err == nil && object != nil && json.Valid(line) && utf8.Valid(line) && !bytes.Contains(line, []byte(`\u`)) && !twice(line) && flat(object) {
				var cells []string
				for _, key := range []string{"a", "b"} {
					switch v := object[key].(type) {
					case nil:
						cells = append(cells, "-")
					case bool:
						cells = append(cells, map[bool]string{true: "true", false: "false"}[v])
					case json.Number:
						cells = append(cells, v.String())
					case string:
						cells = append(cells, v)
					}
				}
				want = append(want, strings.Join(cells, "|"))
				continue
			}
			if bytes.Contains(line, []byte(`\u`)) || twice(line) {
				return // encoding/json is more lenient
			}
			refused++
		}
		if !slices.Equal(rows, want) || len(rejects) != refused {
			t.Fatalf("%q:\nrows %q\nwant %q\nrejects %q, want %d", text, rows, want, rejects, refused)
		}
	})
}

func flat(object map[string]any) bool {
	for _, v := range object {
		switch v.(type) {
		case []any, map[string]any:
			return false
		}
	}
	return true
}

// twice tells whether a key may stand twice, so that encoding/json takes the
// last value.
func twice(line []byte) bool {
	return bytes.Count(line, []byte(`"a"`)) > 1 || bytes.Count(line, []byte(`"b"`)) > 1
}

func TestUnescape_knowsEveryEscape(t *testing.T) {
	for c := range 256 {
		for at := range 4 {
			digits := []byte("00e9")
			digits[at] = byte(c)
			want, err := strconv.ParseUint(string(digits), 16, 16)
			if strings.ContainsRune("+-_", rune(c)) {
				err = strconv.ErrSyntax
			}
			got, fault := unescape(nil, append([]byte(`x\u`), digits...))
			if utf16.IsSurrogate(rune(want)) {
				if fault != halfPair {
					t.Errorf("\\u%s: %q", digits, fault)
				}
			} else if (fault == "") != (err == nil) || err == nil && string(got) != "x"+string(rune(want)) {
				t.Errorf("\\u%s: %q, %q", digits, got, fault)
			}
		}
		var want string
		err := json.Unmarshal([]byte{'"', '\\', byte(c), '"'}, &want)
		if got, fault := unescape(nil, []byte{'\\', byte(c)}); (fault == "") != (err == nil) || err == nil && string(got) != want {
			t.Errorf("a backslash and %q: %q, %q, want %q, %v", c, got, fault, want, err)
		}
	}
	for text, want := range map[string]string{
		`\`: badEscape, `\u`: badEscape, `\u00e`: badEscape, `\ud83d`: halfPair, `\ud83dx`: halfPair, `\ud83d\n12345`: halfPair, `\ud83d\udc2`: halfPair,
		`\ud83d\ud83d`: halfPair, `\udc27\ud83d`: halfPair, `\ud83dxudc27`: halfPair, `\ud83d\udc2g`: halfPair, `\ud83d\udc27`: "", `\ud83d\udc27x`: "",
	} {
		if got, fault := unescape(nil, []byte(text)); fault != want || want == "" && !strings.HasPrefix(string(got), "🐧") {
			t.Errorf("%s: %q, %q, want %q", text, got, fault, want)
		}
	}
}

func TestIsDelimiter_isNoPartOfANumberOrAQuote(t *testing.T) {
	const want = "\t !#$%&'()*,/:;<=>?@[\\]^_`{|}~"
	for c := range 256 {
		control := c > 0 && c < ' ' && c != '\n' && c != '\r'
		if got := IsDelimiter(byte(c)); got != (control || strings.IndexByte(want, byte(c)) >= 0) {
			t.Errorf("%q: %t", c, got)
		}
	}
}
