package script

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxBytes bounds the file of a script, which may be a program.
const MaxBytes = 256 << 20

// Check says what is wrong with the file of a script, as far as that can be said
// without running anything of it: all problems at once, each a text. name decides
// whether it is Python.
func Check(path, name string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	switch {
	case info.Size() == 0:
		return []string{"it is empty"}, nil
	case info.Size() > MaxBytes:
		return []string{fmt.Sprintf("%d bytes, want at most %d", info.Size(), MaxBytes)}, nil
	}
	if IsPython(name) {
		source, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		return checkPython(source), nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	head := make([]byte, 4<<10)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	return checkProgram(head[:n]), nil
}

// checkProgram looks at the first bytes of a program, as the kernel does.
func checkProgram(head []byte) []string {
	const want = "; want a .py file, a text whose first line is #! and an interpreter, or a program for Linux on x86-64 or ARM64"
	line, rest, whole := bytes.Cut(head, []byte("\n"))
	switch {
	case bytes.HasPrefix(head, []byte("#!")):
		interpreter := strings.Trim(string(line[2:]), " \t")
		var problems []string
		if cut, ok := strings.CutSuffix(interpreter, "\r"); ok {
			problems = append(problems, "its lines end as on Windows, so that the interpreter is looked for with a carriage return in its name; want line feeds alone")
			interpreter = cut
		}
		if !strings.HasPrefix(interpreter, "/") {
			problems = append(problems, fmt.Sprintf("its first line is %q; want #! and an absolute path, such as #!/bin/sh", line))
		}
		if whole && len(bytes.TrimSpace(rest)) == 0 {
			problems = append(problems, "there is nothing after its first line")
		}
		return problems
	case bytes.HasPrefix(head, []byte("\x7fELF")):
		// Class 2 is 64 bits, data 1 little-endian; 62 and 183 are the processors.
		if len(head) < 20 || head[4] != 2 || head[5] != 1 {
			return []string{"a program for another kind of processor" + want}
		}
		if machine := binary.LittleEndian.Uint16(head[18:]); machine != 62 && machine != 183 {
			return []string{fmt.Sprintf("a program for another kind of processor (%d)", machine) + want}
		}
		return nil
	case bytes.HasPrefix(head, []byte("MZ")), bytes.HasPrefix(head, []byte{0xcf, 0xfa, 0xed, 0xfe}), bytes.HasPrefix(head, []byte{0xca, 0xfe, 0xba, 0xbe}):
		return []string{"a program for another operating system" + want}
	}
	return []string{"neither a program nor a text that says what runs it" + want}
}

var (
	codingLine = regexp.MustCompile(`^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)`)
	// What may bind names in a way that only running it tells.
	anyBinding = regexp.MustCompile(`\bimport\s*\*|\b(?:exec|globals|setattr|vars|locals)\s*\(`)
)

// checkPython looks at the lines of a Python file. It does not parse Python: what
// it cannot tell, it takes for right.
func checkPython(source []byte) []string {
	var problems []string
	if at := bytes.IndexByte(source, 0); at >= 0 {
		return []string{fmt.Sprintf("line %d: a NUL byte; want a text", 1+bytes.Count(source[:at], []byte("\n")))}
	}
	source = bytes.TrimPrefix(source, []byte("\xef\xbb\xbf"))
	coded := false
	for i, line := range bytes.SplitN(source, []byte("\n"), 3) {
		coded = coded || i < 2 && codingLine.Match(line)
	}
	if !coded && !utf8.Valid(source) {
		line := 1
		for text := range bytes.Lines(source) {
			if !utf8.Valid(text) {
				break
			}
			line++
		}
		problems = append(problems, fmt.Sprintf("line %d: not UTF-8, and no line such as # coding: latin-1 says what it is", line))
	}
	names := topNames(string(source))
	switch transform, process := names["transform"], names["process"]; {
	case transform == surely && process == surely:
		problems = append(problems, "defines both transform(df) and process(rows); want one of them")
	case max(transform, process, names["*"]) == 0:
		problems = append(problems, "defines neither transform(df) nor process(rows) outside of functions and classes; want one of them")
	}
	return problems
}

var (
	definition = regexp.MustCompile(`^def\s+(\w+)\s*[(\[]`)
	// binding is of lines that may bind the names in them.
	binding = regexp.MustCompile(`^(?:from|import|class)\b|=|\b(?:as|for)\b`)
	word    = regexp.MustCompile(`\w+`)
)

// binds is what a Python file says of a name.
type binds uint8

const (
	maybe  binds = 1 + iota // it may be bound in some way
	surely                  // as a function
)

// topNames tells what a Python file binds outside of functions and classes; "*" is
// there if it may bind any name.
func topNames(source string) map[string]binds {
	found := map[string]binds{}
	inner := -1 // indentation of the function or class that a line may be in; -1 for none
	for line := range logicalLines(source) {
		text := strings.TrimLeft(line, " \t\f")
		indent := 0
		for _, c := range line[:len(line)-len(text)] {
			if indent++; c == '\t' {
				indent = (indent + 7) / 8 * 8
			}
		}
		if inner >= 0 && indent > inner {
			if strings.HasPrefix(text, "global ") {
				found["*"] = maybe
			}
			continue
		}
		inner = -1
		if anyBinding.MatchString(text) {
			found["*"] = maybe
		}
		if m := definition.FindStringSubmatch(text); m != nil {
			found[m[1]] = surely
		} else if binding.MatchString(text) {
			for _, name := range word.FindAllString(text, -1) {
				found[name] = max(found[name], maybe)
			}
		}
		if strings.HasPrefix(text, "def ") || strings.HasPrefix(text, "class ") || strings.HasPrefix(text, "async def ") {
			inner = indent
		}
	}
	return found
}

// logicalLines are the lines of a Python file without comments, with what is in
// brackets on one line, and with nothing in its texts.
func logicalLines(source string) iter.Seq[string] {
	return func(yield func(string) bool) {
		var line strings.Builder
		depth := 0
		flush := func() bool {
			text := line.String()
			line.Reset()
			return strings.TrimSpace(text) == "" || yield(text)
		}
		for i := 0; i < len(source); i++ {
			switch c := source[i]; {
			case c == '#':
				for i+1 < len(source) && source[i+1] != '\n' {
					i++
				}
			case c == '"' || c == '\'':
				i = endOfText(source, i) - 1
				line.WriteString(`""`)
			case c == '\\' && i+1 < len(source) && (source[i+1] == '\n' || source[i+1] == '\r'):
				i++
				line.WriteByte(' ')
			case c == '\n' || c == '\r':
				if depth > 0 {
					line.WriteByte(' ')
				} else if !flush() {
					return
				}
			default:
				switch c {
				case '(', '[', '{':
					depth++
				case ')', ']', '}':
					depth = max(depth-1, 0)
				}
				line.WriteByte(c)
			}
		}
		flush()
	}
}

// endOfText is where the text that starts with a quote ends. A text in one pair of
// quotes ends with its line at the latest.
func endOfText(source string, start int) int {
	quote := source[start : start+1]
	long := strings.HasPrefix(source[start:], strings.Repeat(quote, 3))
	if long {
		quote = strings.Repeat(quote, 3)
	}
	for i := start + len(quote); i < len(source); i++ {
		switch {
		case source[i] == '\\':
			i++
		case strings.HasPrefix(source[i:], quote):
			return i + len(quote)
		case !long && source[i] == '\n':
			return i
		}
	}
	return len(source)
}
