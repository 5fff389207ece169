package job

import (
	"encoding/csv"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// penguinsWith is the penguins' file with another delimiter, and a column of
// text that holds it.
func penguinsWith(t *testing.T, delimiter rune) string {
	t.Helper()
	var text strings.Builder
	w := csv.NewWriter(&text)
	w.Comma = delimiter
	for i, row := range table(t, penguins+"penguins.csv") {
		note := "note"
		if i > 0 {
			note = string(delimiter) + "\"x\"\n,"
		}
		if err := w.Write(append(row, note)); err != nil {
			t.Fatal(err)
		}
	}
	w.Flush()
	return text.String()
}

func TestDelimiter_separatesFields(t *testing.T) {
	dir := t.TempDir()
	want := read(t, penguins+"expected.csv")
	for name, test := range map[string]struct {
		delimiter rune
		file      string
		env       []string
		args      []string
	}{
		"semicolon":       {';', "in.csv", nil, []string{"--delimiter", ";"}},
		"tab":             {'\t', "in.csv", nil, []string{"--delimiter", "tab"}},
		"tab as in C":     {'\t', "in.csv", nil, []string{"--delimiter", `\t`}},
		"tab itself":      {'\t', "in.csv", nil, []string{"--delimiter", "\t"}},
		"space":           {' ', "in.csv", nil, []string{"--delimiter", " "}},
		"pipe":            {'|', "in.csv", []string{"DS_DELIMITER=|"}, nil},
		"flag over env":   {'|', "in.csv", []string{"DS_DELIMITER=;"}, []string{"--delimiter", "|"}},
		"by name":         {'\t', "in.tsv", nil, nil},
		"by name, packed": {'\t', "in.TSV.gz", nil, nil},
		"flag over name":  {',', "in.tsv", nil, []string{"--delimiter", ","}},
	} {
		t.Run(name, func(t *testing.T) {
			data := penguinsWith(t, test.delimiter)
			if strings.HasSuffix(test.file, ".gz") {
				data = squeeze(t, ".gz", data)
			}
			in, out := write(t, filepath.Join(dir, test.file), data), filepath.Join(dir, "out.csv")
			run(t, test.env, append([]string{"run", "--input", in, "--model", penguins + "model.pkl", "--output", out, "--keep", "species"}, test.args...)...).expect(t, 0)
			if read(t, out) != want {
				t.Error("the result differs from expected.csv")
			}
		})
	}
}

func TestDelimiter_ofTheResult(t *testing.T) {
	dir := t.TempDir()
	in := write(t, filepath.Join(dir, "in.csv"), "id,dist_km,price,temp,rooms\n\"a;b\",1,2,3,4\n\"c\td,e\",1,2,3,\n")
	args := func(out string, more ...string) []string {
		return append([]string{"run", "--input", in, "--model", passthrough, "--output", filepath.Join(dir, out), "--keep", "id"}, more...)
	}
	run(t, nil, args("out.csv", "--output-delimiter", ";")...).expect(t, 0)
	run(t, []string{"DS_OUTPUT_DELIMITER=tab"}, args("env.csv")...).expect(t, 0)
	run(t, nil, args("out.tsv")...).expect(t, 0)
	run(t, nil, args("plain.csv")...).expect(t, 0)
	for file, want := range map[string]string{
		"out.csv":   "id;dist_km;price;temp;rooms\n\"a;b\";",
		"env.csv":   "id\tdist_km\tprice\ttemp\trooms\na;b\t",
		"out.tsv":   "id\tdist_km\tprice\ttemp\trooms\na;b\t",
		"plain.csv": "id,dist_km,price,temp,rooms\na;b,",
	} {
		if got := read(t, filepath.Join(dir, file)); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", file, got, want)
		}
	}
	if got := read(t, filepath.Join(dir, "out.tsv")); !strings.Contains(got, "\n\"c\td,e\"\t") {
		t.Errorf("out.tsv: %q", got)
	}
}

func TestText_reportsBadSettingsTogether(t *testing.T) {
	for _, bad := range []string{"", ";;", "a", "7", ".", "-", "\"", "ö", "\n"} {
		run(t, []string{"DS_ENCODING=ebcdic"}, "run", "--input", "a.csv", "--model", "m.pkl", "--output", "b.csv", "--delimiter="+bad, "--output-delimiter", "xy").
			expect(t, 78, "settings: 3 problems:\n",
				"\n  encoding (DS_ENCODING): got \"ebcdic\", want utf-8, utf-16, utf-16le, utf-16be or latin-1\n",
				"\n  delimiter (--delimiter): got ",
				"\n  output-delimiter (--output-delimiter): got \"xy\", want tab or one ASCII character that is no letter, digit, sign, dot, quote or line end\n")
	}
}

// utf16Of encodes a text, big-endian or not.
func utf16Of(text string, big bool) string {
	var b strings.Builder
	for _, u := range utf16.Encode([]rune(text)) {
		if big {
			b.Write([]byte{byte(u >> 8), byte(u)})
		} else {
			b.Write([]byte{byte(u), byte(u >> 8)})
		}
	}
	return b.String()
}

func TestEncoding_isConvertedOnTheWay(t *testing.T) {
	var text strings.Builder
	text.WriteString("Straße,dist_km,price,temp,rooms\n")
	for range 20_000 {
		text.WriteString("Hälsingegatan ÿ,1.5,2,3,4\r\n\"a\nb\",,,,4\n")
	}
	dir := t.TempDir()
	result := func(name, data string, args ...string) string {
		in, out := write(t, filepath.Join(dir, name), data), filepath.Join(dir, "out.csv")
		run(t, nil, append([]string{"run", "--input", in, "--model", passthrough, "--output", out, "--keep", "Straße"}, args...)...).expect(t, 0)
		return read(t, out)
	}
	want := result("utf-8.csv", text.String())
	latin1 := make([]byte, 0, text.Len())
	for _, r := range text.String() {
		latin1 = append(latin1, byte(r))
	}
	for name, test := range map[string]struct{ encoding, data string }{
		"marked":        {"utf-16", utf16Of("\ufeff"+text.String(), false)},
		"marked, big":   {"UTF-16", utf16Of("\ufeff"+text.String(), true)},
		"unmarked":      {"utf-16", utf16Of(text.String(), false)},
		"unmarked, big": {"utf-16be", utf16Of(text.String(), true)},
		"latin-1":       {"latin-1", string(latin1)},
		"packed":        {"utf-16", squeeze(t, ".zst", utf16Of(text.String(), false))},
	} {
		if got := result("in.csv", test.data, "--encoding", test.encoding); got != want {
			t.Errorf("%s: %d bytes, want %d", name, len(got), len(want))
		}
	}
}

func TestEncoding_saysWhereTheTextIsWrong(t *testing.T) {
	const text = "dist_km,price,temp,rooms\n1,2,3,4\n"
	for name, test := range map[string]struct{ encoding, data, want string }{
		"half a character": {"utf-16", utf16Of(text, false) + "x", ": UTF-16: half a character at byte 66 of the text"},
		"half a pair":      {"utf-16be", utf16Of(text, true) + "\xd8\x3d\x00x", ": UTF-16: half of a surrogate pair at byte 66 of the text"},
		"UTF-16 as UTF-8":  {"utf-8", utf16Of("\ufeff"+text, false), ": UTF-8: it starts as UTF-16 does (set --encoding utf-16) at byte 0 of the text"},
		"Latin-1 as UTF-8": {"utf-8", text + "\xe4,2,3,4\n", "line 3: not valid UTF-8 at byte 33 of the input"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in := write(t, filepath.Join(dir, "in.csv"), test.data)
			run(t, nil, "run", "--input", in, "--model", passthrough, "--output", filepath.Join(dir, "out.csv"), "--encoding", test.encoding).
				expect(t, 65, "input "+in, test.want)
			if left := names(t, dir); slices.Contains(left, "out.csv") {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}
