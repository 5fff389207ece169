package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"os"
	"regexp"
	"strings"
	"testing"
)

func render(t testing.TB, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteHTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestWriteHTML_isTheGoldenPage also keeps the page that tests/report looks at.
func TestWriteHTML_isTheGoldenPage(t *testing.T) {
	const golden = "testdata/sample.html"
	got := render(t, sampleReport(t, true))
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the page differs from %s; if that is wanted, run `UPDATE_GOLDEN=1 go test ./preprocess/report` and review the diff", golden)
	}
}

func TestWriteHTML_escapesNamesAndValues(t *testing.T) {
	page := render(t, sampleReport(t, true))
	for _, raw := range []string{"<script", "<img", "<b>", "<and>"} {
		if strings.Contains(page, raw) {
			t.Errorf("the page has %q unescaped", raw)
		}
	}
	if n := strings.Count(page, "</style>"); n != 1 {
		t.Errorf("got %d ends of the style, want 1", n)
	}
	if want := html.EscapeString(`A & <b>0</b>`); !strings.Contains(page, want) {
		t.Errorf("the page lacks %q", want)
	}
}

func TestWriteHTML_policyAllowsNothingButItsOwnStyle(t *testing.T) {
	page := render(t, sampleReport(t, false))
	style := regexp.MustCompile(`(?s)<style>(.*?)</style>`).FindStringSubmatch(page)
	if style == nil {
		t.Fatal("no style")
	}
	page = html.UnescapeString(page)
	hash := sha256.Sum256([]byte(style[1]))
	want := fmt.Sprintf(`content="default-src 'none'; style-src 'sha256-%s'; img-src data:; base-uri 'none'; form-action 'none'"`, base64.StdEncoding.EncodeToString(hash[:]))
	if !strings.Contains(page, want) {
		t.Errorf("the page lacks %s", want)
	}
	hostile := sampleReport(t, false).Input[5].Name
	for _, forbidden := range []string{"http:", "https:", "url(", "@import", " style=", " src=", "onerror="} {
		if strings.Contains(strings.ReplaceAll(page, hostile, ""), forbidden) {
			t.Errorf("the page has %q", forbidden)
		}
	}
}

func TestWriteHTML_namesOnlyKnownValuesUnlessAsked(t *testing.T) {
	hidden, shown := render(t, sampleReport(t, false)), render(t, sampleReport(t, true))
	for value, mayShow := range map[string]bool{"heat pump": false, "district heating": true} {
		if strings.Contains(hidden, value) != mayShow {
			t.Errorf("%q in the page without ShowValues: got %v, want %v", value, !mayShow, mayShow)
		}
		if !strings.Contains(shown, value) {
			t.Errorf("%q is not in the page with ShowValues", value)
		}
	}
}

// A name can be as long as a record, and hold what a page may not.
func TestWriteHTML_boundsNames(t *testing.T) {
	long := strings.Repeat("é", 150) + strings.Repeat("x", 1_000_000)
	c := NewCollector(Config{Input: []InputColumn{{Name: long}, {Name: "a\x01\x00b"}}})
	page := render(t, c.Report(Run{}))
	if want := strings.Repeat("é", 100) + "… (1\u202f000\u202f300 bytes)"; !strings.Contains(page, want) || len(page) > 50_000 {
		t.Errorf("a page of %d bytes, which has %s: %t", len(page), want, strings.Contains(page, want))
	}
	if !strings.Contains(page, "a\ufffd\ufffdb") || strings.ContainsAny(page, "\x00\x01") {
		t.Error("the page has control characters")
	}
}

func TestWriteHTML_ofNothing(t *testing.T) {
	page := render(t, NewCollector(Config{Input: []InputColumn{{Name: "a"}}}).Report(Run{}))
	if want := "No records, so nothing to compare"; !strings.Contains(page, want) {
		t.Errorf("the page lacks %q", want)
	}
	render(t, &Report{})
}

func TestWriteHTML_reportsTheWritersError(t *testing.T) {
	full := errors.New("disk full")
	if err := WriteHTML(failing{full}, &Report{}); !errors.Is(err, full) {
		t.Errorf("got %v, want %v", err, full)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }
