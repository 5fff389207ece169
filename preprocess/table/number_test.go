package table

import (
	"bufio"
	"math"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
)

func TestParseFloat_readsWhatPandasReads(t *testing.T) {
	inf := math.Inf(1)
	for text, want := range map[string]float64{
		"0": 0, "-0": math.Copysign(0, -1), "1": 1, "+1": 1, "-1.5": -1.5, "1.": 1, ".5": 0.5, "007": 7, "1e5": 1e5,
		"1E+05": 1e5, "1e-400": 0, "1e400": inf, "-1e400": -inf, " 1": 1, "1\t ": 1, "inf": inf, "-iNf": -inf, "+Infinity": inf,
		"0.1": 0.1, "123456.789": 123456.789, "9007199254740993": 9007199254740992, "9007199254740995": 9007199254740996,
		"0.30000000000000004": 0.30000000000000004, "1234567890123456789": 1234567890123456789,
		"12345678901234567890": 12345678901234567890, "4.9406564584124654e-324": 5e-324, "0.0000000000000000000001": 1e-22,
		"00000000000000000000000000001.5": 1.5, "179769313486231570000000000000000000000": 1.7976931348623157e38,
		"2.2250738585072011e-308": 2.225073858507201e-308, "1.00000000000000011102230246251565": 1, "1e00000000000000000001": 10,
	} {
		got, ok := ParseFloat([]byte(text))
		if !ok || math.Float64bits(got) != math.Float64bits(want) {
			t.Errorf("%q: %v %v, want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{"nan", "NaN", "NAN", "-nan", "+nan", " nan "} {
		if got, ok := ParseFloat([]byte(text)); !ok || got == got {
			t.Errorf("%q: %v %v, want NaN", text, got, ok)
		}
	}
}

func TestParseFloat_refusesWhatIsNoNumber(t *testing.T) {
	for _, text := range []string{
		"", " ", ".", "-", "+", "e5", "1e", "1e+", "--1", "- 1", "1 2", "0x10", "0x1p4", "1_000", "1,5", "1d5", "1f", "1e5.0", "..5",
		"1.5.", "12:30", "1:", ":", ".:", "1.5:", "1e:", "1e5:", "1/2", "/", "1e/", "1.:e5", "1.5e", "123456789012345678901:", "in", "nano", "٣", "1\x00", "½", "1é", "True",
	} {
		if got, ok := ParseFloat([]byte(text)); ok {
			t.Errorf("%q: %v, want none", text, got)
		}
	}
}

// strconv is the oracle, restricted to the decimal notation.
func FuzzParseFloat(f *testing.F) {
	for _, seed := range []string{"1", "-0.1", "1e22", "9007199254740993", "0.1e-5", "12:30", "1/2", "inf", "nan", "1_0", "0x1p4", " 1 ", "123456789012345678901", "1e-330"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		trimmed := strings.Trim(text, " \t\n\v\f\r")
		want, err := strconv.ParseFloat(trimmed, 64)
		wantOK := (err == nil || math.IsInf(want, 0)) && !strings.ContainsAny(trimmed, "xX_")
		if strings.EqualFold(strings.TrimLeft(trimmed, "+-"), "nan") && len(trimmed) <= 4 {
			wantOK, want = true, math.NaN() // strconv knows no signed NaN
		}
		got, ok := ParseFloat([]byte(text))
		if ok != wantOK || ok && got != want && (got == got || want == want) {
			t.Fatalf("%q: %v %v, strconv has %v %v", text, got, ok, want, err)
		}
	})
}

func TestParseInt_knowsItsRange(t *testing.T) {
	tests := []struct {
		text    string
		want    int64
		ok, big bool
	}{
		{"0", 0, true, false}, {"-0", 0, true, false}, {"+5", 5, true, false}, {" 12 ", 12, true, false}, {"007", 7, true, false},
		{"9223372036854775807", math.MaxInt64, true, false}, {"-9223372036854775808", math.MinInt64, true, false},
		{"9223372036854775808", 0, false, true}, {"-9223372036854775809", 0, false, true},
		{"18446744073709551615", 0, false, true}, {"18446744073709551616", 0, false, true}, {"99999999999999999999999", 0, false, true},
		{"", 0, false, false}, {"-", 0, false, false}, {"1.0", 0, false, false}, {"1e3", 0, false, false}, {"1 2", 0, false, false},
		{"99999999999999999999x", 0, false, false},
		{"12:30", 0, false, false}, {":", 0, false, false}, {"1:", 0, false, false}, {"1/2", 0, false, false}, {"99999999999999999999:", 0, false, false},
	}
	for _, test := range tests {
		got, ok, big := parseInt([]byte(test.text))
		if got != test.want || ok != test.ok || big != test.big {
			t.Errorf("%q: %d %v %v, want %d %v %v", test.text, got, ok, big, test.want, test.ok, test.big)
		}
	}
}

// reprs reads testdata made by pandas: the bits of a number and its text.
func reprs(t *testing.T, name string, each func(bits uint64, text string)) {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	n := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		hex, text, ok := strings.Cut(lines.Text(), ",")
		bits, err := strconv.ParseUint(hex, 16, 64)
		if !ok || err != nil {
			t.Fatalf("%s: %q", name, lines.Text())
		}
		each(bits, text)
		n++
	}
	if n < 1000 {
		t.Fatalf("%s: %d lines", name, n)
	}
}

func TestAppendFloat_writesAsPandas(t *testing.T) {
	reprs(t, "float64.csv", func(bits uint64, want string) {
		if got := AppendFloat(nil, math.Float64frombits(bits)); string(got) != want {
			t.Errorf("%x: %s, pandas writes %s", bits, got, want)
		}
	})
}

func TestAppendFloat32_writesAsPandas(t *testing.T) {
	reprs(t, "float32.csv", func(bits uint64, want string) {
		f := float64(math.Float32frombits(uint32(bits)))
		if got := AppendFloat32(nil, f); string(got) != want {
			t.Errorf("%x: %s, pandas writes %s", bits, got, want)
		}
	})
}

func FuzzAppendFloat(f *testing.F) {
	for _, seed := range []float64{0, 1, -1.5, 1e16, 1e-5, 0.1, 5e-324, math.MaxFloat64, 123456789012345680} {
		f.Add(math.Float64bits(seed))
	}
	f.Fuzz(func(t *testing.T, bits uint64) {
		want := math.Float64frombits(bits)
		text := AppendFloat(nil, want)
		got, ok := ParseFloat(text)
		if !ok || got != want && (got == got || want == want) || math.Signbit(got) != math.Signbit(want) && want == want {
			t.Fatalf("%x: %q reads back as %v", bits, text, got)
		}
		// No shorter text may stand for the same number.
		digits := strings.TrimRight(strings.Trim(strings.SplitN(strings.ReplaceAll(strings.TrimPrefix(string(text), "-"), ".", ""), "e", 2)[0], "0"), "0")
		if shortest := strconv.FormatFloat(math.Abs(want), 'e', -1, 64); want == want && !math.IsInf(want, 0) {
			mantissa := strings.Trim(strings.ReplaceAll(strings.SplitN(shortest, "e", 2)[0], ".", ""), "0")
			if digits != mantissa {
				t.Fatalf("%x: %q has the digits %s, want %s", bits, text, digits, mantissa)
			}
		}
	})
}

// Many numbers: one alone is learnt by heart, with all the jumps it takes.
const benchmarkNumbers = 1 << 16

func BenchmarkParseFloat(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() string{
		"full":        func() string { return strconv.FormatFloat(r.NormFloat64()*10+50, 'g', -1, 64) },
		"money":       func() string { return strconv.FormatFloat(r.ExpFloat64()*1000, 'f', 2, 64) },
		"count":       func() string { return strconv.Itoa(r.IntN(500)) },
		"measurement": func() string { return strconv.FormatFloat(r.NormFloat64(), 'f', 6, 64) },
	} {
		b.Run(name, func(b *testing.B) {
			values := make([][]byte, benchmarkNumbers)
			for i := range values {
				values[i] = []byte(draw())
			}
			for i := 0; b.Loop(); i++ {
				if _, ok := ParseFloat(values[i%len(values)]); !ok {
					b.Fatalf("%s is no number", values[i%len(values)])
				}
			}
		})
	}
}

func BenchmarkAppendFloat(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"scaled":  r.NormFloat64,
		"uniform": r.Float64,
		"large":   func() float64 { return 1000 * r.NormFloat64() },
		"code":    func() float64 { return float64(r.IntN(40)) },
		"money":   func() float64 { return float64(r.IntN(1e6)) / 100 },
	} {
		b.Run(name, func(b *testing.B) {
			values := make([]float64, benchmarkNumbers)
			for i := range values {
				values[i] = draw()
			}
			var dst []byte
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%1024 == 0 {
					dst = dst[:0]
				}
				dst = AppendFloat(dst, values[i%len(values)])
			}
		})
	}
}
