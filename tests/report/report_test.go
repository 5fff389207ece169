package report

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ds-pipeline/preprocess/frame"
	"ds-pipeline/preprocess/report"
)

// artifacts is where screenshots are kept.
const artifacts = "../../out/report"

// pages are what is looked at: the package's own golden page and a table with
// thousands of columns, some with very long names.
func pages(t *testing.T) map[string][]byte {
	t.Helper()
	sample, err := os.ReadFile("../../preprocess/report/testdata/sample.html")
	if err != nil {
		t.Fatal(err)
	}
	return map[string][]byte{"sample": sample, "wide": widePage(t)}
}

func widePage(t *testing.T) []byte {
	t.Helper()
	const rows, columns, indicators = 200, 2000, 3000
	random := rand.New(rand.NewPCG(1, 2))
	var config report.Config
	in := make([]frame.Column, columns)
	for i := range in {
		name := fmt.Sprintf("sensor_%d", i)
		if i%7 == 0 {
			name = strings.Repeat("x", 300) + name
		}
		reference := &report.Reference{Mean: &report.Fact{Value: float64(i % 3), Step: strings.Repeat("pipeline>", 20) + "scaler"}, StdDev: &report.Fact{Value: 1, Step: "scaler"}}
		config.Input = append(config.Input, report.InputColumn{Name: name, Reference: reference})
		if i%5 == 0 {
			in[i].Kind = frame.Text
		}
		for range rows {
			in[i].Floats = append(in[i].Floats, random.NormFloat64()*math.Pow(10, float64(random.IntN(600)-300)))
			in[i].Texts = append(in[i].Texts, fmt.Appendf(nil, "%s %d", strings.Repeat("w", random.IntN(90)), random.IntN(9)))
		}
	}
	out := []frame.Column{{Width: indicators}}
	for i := range indicators {
		config.OutputNames = append(config.OutputNames, fmt.Sprintf("onehot__city_%d_%s", i, strings.Repeat("y", i%100)))
	}
	for range rows {
		out[0].Hot = append(out[0].Hot, random.Int32N(indicators+1)-1)
	}
	config.ShowValues = true
	c := report.NewCollector(config)
	p := c.NewPartial()
	if err := p.AddInput(in, rows, nil); err != nil {
		t.Fatal(err)
	}
	if err := p.AddOutput(out, rows, nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Merge(p); err != nil {
		t.Fatal(err)
	}
	var page bytes.Buffer
	if err := report.WriteHTML(&page, c.Report(report.Run{RowsIn: rows, RowsOut: rows, Seconds: 1})); err != nil {
		t.Fatal(err)
	}
	return page.Bytes()
}

// site serves the pages and writes down every request.
type site struct {
	*httptest.Server
	mutex sync.Mutex
	asked []string
}

func serve(t *testing.T, pages map[string][]byte) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mutex.Lock()
		s.asked = append(s.asked, r.URL.Path)
		s.mutex.Unlock()
		page, ok := pages[strings.TrimPrefix(r.URL.Path, "/")]
		if !ok {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write(page)
	}))
	t.Cleanup(s.Close)
	return s
}

// draw draws what is out of sight, and unfold opens every fold too.
const (
	draw   = `document.querySelectorAll(".card").forEach(c => c.style.contentVisibility = "visible");`
	unfold = draw + `document.querySelectorAll("details").forEach(d => d.open = true);`
)

// overflow lists what is wider than the page or than the box it is in.
const overflow = `(() => {
	const found = [], width = document.documentElement.clientWidth;
	if (document.documentElement.scrollWidth > width) found.push("the page is " + document.documentElement.scrollWidth + " wide");
	for (const e of document.body.querySelectorAll("*")) {
		if (e.closest(".hidden, thead") || e.closest("svg") && e.tagName !== "svg") continue;
		const box = e.getBoundingClientRect();
		if (box.width && (box.right > width + 0.5 || box.left < -0.5)) found.push(e.outerHTML.slice(0, 100) + ": from " + box.left + " to " + box.right);
		if (e.matches(".card, .panel, .fold, dd, td, th") && e.scrollWidth > e.clientWidth + 1) found.push(e.outerHTML.slice(0, 100) + ": holds " + e.scrollWidth + " in " + e.clientWidth);
	}
	return found.slice(0, 10);
})()`

// contrast lists texts whose contrast with what is behind them is below 4.5,
// as WCAG 2.1 has it for level AA.
const contrast = `(() => {
	const parse = c => (c.match(/[\d.]+/g) || []).map(Number);
	const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const found = new Set();
	let texts = 0;
	for (const e of document.body.querySelectorAll("*")) {
		if (e.closest("svg, .hidden") || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
		let behind = e;
		while (behind && (parse(getComputedStyle(behind).backgroundColor)[3] ?? 1) === 0) behind = behind.parentElement;
		const a = light(parse(getComputedStyle(e).color)), b = light(parse(getComputedStyle(behind || document.body).backgroundColor));
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		texts++;
		if (ratio < 4.5) found.add(e.tagName + "." + e.className + ": " + ratio.toFixed(2));
	}
	return {Texts: texts, Found: [...found]};
})()`

func TestPage_fitsPhoneAndDesktop(t *testing.T) {
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t)
	all := pages(t)
	s := serve(t, all)
	for name := range all {
		for _, width := range []int{390, 1280} {
			for _, scheme := range []string{"light", "dark"} {
				b.view(width, 900, scheme)
				b.open(s.URL + "/" + name)
				if name == "sample" {
					b.eval(draw, nil)
					b.screenshot(filepath.Join(artifacts, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)))
				}
				b.eval(unfold, nil)
				var wide []string
				b.eval(overflow, &wide)
				for _, w := range wide {
					t.Errorf("%s at %d pixels: %s", name, width, w)
				}
				var pale struct {
					Texts int
					Found []string
				}
				b.eval(contrast, &pale)
				if pale.Texts < 100 {
					t.Errorf("%s: only %d texts were found", name, pale.Texts)
				}
				for _, p := range pale.Found {
					t.Errorf("%s in %s: contrast of %s, want at least 4.5", name, scheme, p)
				}
			}
		}
		b.view(390, 900, "light")
		b.screenshot(filepath.Join(artifacts, name+"-390-unfolded.png"))
	}
	if got := b.complaints(); len(got) > 0 {
		t.Errorf("the browser complains: %s", got)
	}
	for _, asked := range append(s.asked, paths(b.requests(), s.URL)...) {
		if _, isPage := all[strings.TrimPrefix(asked, "/")]; !isPage {
			t.Errorf("the page asked for %s", asked)
		}
	}
}

func paths(urls []string, root string) []string {
	for i := range urls {
		urls[i] = strings.TrimPrefix(urls[i], root)
	}
	return urls
}

func TestPage_runsNothingAndFetchesNothing(t *testing.T) {
	b := openBrowser(t)
	s := serve(t, pages(t))
	b.view(1280, 900, "light")
	b.open(s.URL + "/sample")
	var counts struct{ Active, Cards int }
	b.eval(`({Active: document.querySelectorAll("script, img, iframe, object, embed, b").length, Cards: document.querySelectorAll(".card").length})`, &counts)
	if counts.Active != 0 || counts.Cards != 14 {
		t.Errorf("got %d elements made by names and values, and %d cards; want 0 and 14", counts.Active, counts.Cards)
	}

	// If a name did get through, the policy would still stop it.
	b.eval(`new Promise(done => {
		document.body.insertAdjacentHTML("beforeend", '<img src="/picture"><link rel="stylesheet" href="/style"><iframe src="/frame"></iframe><p style="color: red" onclick="document.title = 1">');
		const script = document.createElement("script");
		script.textContent = "document.title = 'ran'";
		document.body.append(script);
		document.body.lastElementChild.previousElementSibling.click();
		setTimeout(done, 300);
	})`, nil)
	var title string
	b.eval(`document.title`, &title)
	if want := "Run report 2026-11"; title != want {
		t.Errorf("a script ran: the title is %q, want %q", title, want)
	}
	if want := []string{"/sample"}; !slices.Equal(s.asked, want) {
		t.Errorf("got requests for %q, want %q", s.asked, want)
	}
	if refused := strings.Join(b.complaints(), "\n"); strings.Count(refused, "Content Security Policy") < 4 {
		t.Errorf("want the browser to name at least 4 breaches of the policy, got:\n%s", refused)
	}
}

func TestPage_printsUnfolded(t *testing.T) {
	if err := os.MkdirAll(artifacts, 0o755); err != nil {
		t.Fatal(err)
	}
	b := openBrowser(t)
	s := serve(t, pages(t))
	b.open(s.URL + "/sample")
	var pdf struct{ Data []byte }
	b.call("Page.printToPDF", map[string]any{"printBackground": true}, &pdf)
	if !bytes.HasPrefix(pdf.Data, []byte("%PDF-")) {
		t.Fatalf("got %d bytes that are no PDF", len(pdf.Data))
	}
	if err := os.WriteFile(filepath.Join(artifacts, "sample.pdf"), pdf.Data, 0o644); err != nil {
		t.Fatal(err)
	}
	b.call("Emulation.setEmulatedMedia", map[string]any{"media": "print"}, nil)
	var folded int
	b.eval(`[...document.querySelectorAll("details > table")].filter(e => e.getBoundingClientRect().height < 20).length`, &folded)
	if folded != 0 {
		t.Errorf("%d folds are not printed", folded)
	}
}
