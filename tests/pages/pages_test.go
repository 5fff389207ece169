// Package pages reads the Markdown of the repository as one site: links lead
// somewhere, every page is found from the README, and every block of code is run,
// compiled, parsed, or says why it is not. CONTRIBUTING.md tells how to write one.
package pages

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

const root = "../.."

// page is a Markdown file.
type page struct {
	file    string // from the root, with slashes
	source  []byte
	anchors map[string]bool
	links   []link
	blocks  []*block
}

type link struct {
	line int
	to   string
}

// block is a block of code, with what the page says of how it is checked.
type block struct {
	page     *page
	line     int
	language string // "" where it is indented
	text     string
	marker   *marker
}

func (b *block) String() string { return fmt.Sprintf("%s:%d", b.page.file, b.line) }

// marker is a comment that says how blocks are checked: those that follow in its
// section, or all others of the page.
type marker struct {
	kind string // run, tried, not run
	test string // tried: TestX
	dir  string // tried: of TestX
	why  string // not run
}

var (
	readOnce sync.Once
	allPages []*page
	errRead  error
)

func pages(t *testing.T) []*page {
	t.Helper()
	readOnce.Do(func() { allPages, errRead = readAll() })
	if errRead != nil {
		t.Fatal(errRead)
	}
	if len(allPages) < 40 {
		t.Fatalf("found %d pages", len(allPages))
	}
	return allPages
}

func readAll() ([]*page, error) {
	var all []*page
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		name := entry.Name()
		switch {
		case err != nil:
			return err
		case entry.IsDir():
			if file != root && (strings.HasPrefix(name, ".") && name != ".github" || slices.Contains([]string{"testdata", "node_modules", "bin", "out", "dist"}, name)) {
				return filepath.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".md"):
			return nil
		}
		source, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		p, err := parse(filepath.ToSlash(relative), source)
		all = append(all, p)
		return err
	})
	return all, err
}

// markers are comments that begin with one of these words.
var (
	markerPattern = regexp.MustCompile(`(?s)^\s*<!-- *(all: )?(run|tried|not run)\b(.*?)-->\s*$`)
	triedPattern  = regexp.MustCompile(`^ by (Test\w+|Fuzz\w+) in ([\w./-]+) *$`)
	whyPattern    = regexp.MustCompile(`(?s)^: (.{10,}?)\s*$`)
)

func parseMarker(text string) (m *marker, whole bool, err error) {
	found := markerPattern.FindStringSubmatch(text)
	if found == nil {
		return nil, false, nil
	}
	m = &marker{kind: found[2]}
	switch rest := found[3]; m.kind {
	case "run":
		if strings.TrimSpace(rest) != "" {
			return nil, false, fmt.Errorf("%q: want <!-- run -->", text)
		}
	case "tried":
		by := triedPattern.FindStringSubmatch(rest)
		if by == nil {
			return nil, false, fmt.Errorf("%q: want <!-- tried by TestX in folder -->", text)
		}
		m.test, m.dir = by[1], by[2]
	default:
		why := whyPattern.FindStringSubmatch(rest)
		if why == nil {
			return nil, false, fmt.Errorf("%q: want <!-- not run: the reason -->", text)
		}
		m.why = why[1]
	}
	return m, found[1] != "", nil
}

func parse(file string, source []byte) (*page, error) {
	p := &page{file: file, source: source, anchors: map[string]bool{}}
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	var section, whole *marker
	line := func(n ast.Node) int {
		for ; n != nil; n = n.Parent() {
			if n.Type() != ast.TypeInline && n.Lines().Len() > 0 {
				return 1 + strings.Count(string(source[:n.Lines().At(0).Start]), "\n")
			}
		}
		return 0
	}
	seen := map[string]int{}
	err := ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			section = nil
			slug := slugOf(plain(n, source))
			if seen[slug]++; seen[slug] > 1 {
				slug = fmt.Sprintf("%s-%d", slug, seen[slug]-1)
			}
			p.anchors[slug] = true
		case *ast.Link:
			p.links = append(p.links, link{line(n), string(n.Destination)})
		case *ast.Image:
			p.links = append(p.links, link{line(n), string(n.Destination)})
		case *ast.HTMLBlock:
			html := string(n.Lines().Value(source))
			if n.HasClosure() {
				html += string(n.ClosureLine.Value(source))
			}
			for _, id := range regexp.MustCompile(`<a (?:name|id)="([^"]+)"`).FindAllStringSubmatch(html, -1) {
				p.anchors[id[1]] = true
			}
			m, all, err := parseMarker(html)
			if err != nil {
				return ast.WalkStop, fmt.Errorf("%s:%d: %w", file, line(n), err)
			}
			if all {
				whole = m
			} else if m != nil {
				section = m
			}
		case *ast.FencedCodeBlock:
			p.blocks = append(p.blocks, &block{p, line(n), string(n.Language(source)), string(n.Lines().Value(source)), or(section, whole)})
		case *ast.CodeBlock:
			p.blocks = append(p.blocks, &block{p, line(n), "", string(n.Lines().Value(source)), or(section, whole)})
		}
		return ast.WalkContinue, nil
	})
	return p, err
}

func or(a, b *marker) *marker {
	if a != nil {
		return a
	}
	return b
}

// plain is the text of a node without its marks.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// slugOf is the anchor that GitHub gives a heading.
func slugOf(heading string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(heading) {
		switch {
		case r == ' ':
			b.WriteByte('-')
		case unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_':
			b.WriteRune(r)
		}
	}
	return b.String()
}

func TestLinks_leadSomewhere(t *testing.T) {
	byFile := map[string]*page{}
	for _, p := range pages(t) {
		byFile[p.file] = p
	}
	checked := 0
	for _, p := range pages(t) {
		for _, l := range p.links {
			u, err := url.Parse(l.to)
			if err != nil {
				t.Errorf("%s:%d: %v", p.file, l.line, err)
				continue
			}
			if u.Scheme != "" {
				if u.Scheme != "https" {
					t.Errorf("%s:%d: %s: want https", p.file, l.line, l.to)
				}
				continue
			}
			checked++
			target := p.file
			if u.Path != "" {
				target = path.Join(path.Dir(p.file), u.Path)
				if _, err := os.Stat(filepath.Join(root, filepath.FromSlash(target))); err != nil || strings.HasPrefix(u.Path, "/") {
					t.Errorf("%s:%d: %s leads nowhere", p.file, l.line, l.to)
					continue
				}
			}
			if u.Fragment != "" && (byFile[target] == nil || !byFile[target].anchors[u.Fragment]) {
				t.Errorf("%s:%d: %s: %s has no heading #%s", p.file, l.line, l.to, target, u.Fragment)
			}
		}
	}
	if checked < 50 {
		t.Errorf("only %d links within the repository", checked)
	}
}

func TestPages_areFoundFromTheReadme(t *testing.T) {
	byFile := map[string]*page{}
	for _, p := range pages(t) {
		byFile[p.file] = p
	}
	reached := map[string]bool{"README.md": true}
	for queue := []string{"README.md"}; len(queue) > 0; queue = queue[1:] {
		p := byFile[queue[0]]
		if p == nil {
			continue
		}
		for _, l := range p.links {
			u, err := url.Parse(l.to)
			if err != nil || u.Scheme != "" || u.Path == "" {
				continue
			}
			target := path.Join(path.Dir(p.file), u.Path)
			// A link to a folder shows its README.
			if byFile[path.Join(target, "README.md")] != nil {
				target = path.Join(target, "README.md")
			}
			if !reached[target] {
				reached[target] = true
				queue = append(queue, target)
			}
		}
	}
	for _, p := range pages(t) {
		if !reached[p.file] {
			t.Errorf("%s: no link leads there from README.md; name it in docs/README.md", p.file)
		}
	}
	// The index has every page of docs/ itself.
	index := map[string]bool{}
	for _, l := range byFile["docs/README.md"].links {
		index[path.Join("docs", l.to)] = true
	}
	for _, p := range pages(t) {
		if dir := path.Dir(p.file); (dir == "docs" && p.file != "docs/README.md" || dir == "docs/decisions") && !index[p.file] {
			t.Errorf("%s: not in docs/README.md", p.file)
		}
	}
}

// The README draws the folders at the top, the architecture all that there are.
func TestLayout_drawsTheFoldersThatThereAre(t *testing.T) {
	want := map[string]int{"README.md": 12, "docs/architecture.md": 40} // at least
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if want[p.file] == 0 || !strings.HasPrefix(b.text, "main.go ") {
				continue
			}
			above, seen := "", 0
			for _, l := range strings.Split(b.text, "\n") {
				name, _, _ := strings.Cut(strings.TrimSpace(l), " ")
				if name == "" {
					break // the arrows follow
				}
				if strings.HasPrefix(l, "  ") {
					name = path.Join(above, name)
				} else {
					above = name
				}
				seen++
				if _, err := os.Stat(filepath.Join(root, name)); err != nil {
					t.Errorf("%s: %s is not there", b, name)
				}
			}
			if seen < want[p.file] {
				t.Errorf("%s: %d folders", b, seen)
			}
			delete(want, p.file)
		}
	}
	for file := range want {
		t.Errorf("%s draws no folders", file)
	}
}

// The README shows what the job prints in `make run`, which runs it like this.
func TestReadme_showsWhatMakeRunPrints(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	recipe := regexp.MustCompile(`(?s)@(bin/preprocess run .*?--keep species)`).FindSubmatch(makefile)
	if recipe == nil {
		t.Fatal("the Makefile runs no job")
	}
	dir := t.TempDir()
	for name, to := range map[string]string{"bin/preprocess": helpOf(t, "preprocess").binary, "examples": filepath.Join(root, "examples")} {
		to, err := filepath.Abs(to)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(os.MkdirAll(filepath.Join(dir, path.Dir(name)), 0o755), os.Symlink(to, filepath.Join(dir, name))); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("bash", "-eu", "-c", "mkdir out; "+strings.ReplaceAll(string(recipe[1]), "$(RESULT)", "out/penguins.csv")+"; head -n 3 out/penguins.csv")
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	numbers := regexp.MustCompile(`[0-9.]+ s with [0-9]+ workers?, [0-9.]+ MB/s`)
	plain := func(text string) string { return numbers.ReplaceAllString(text, "TIME") }
	for _, p := range pages(t) {
		if p.file != "README.md" {
			continue
		}
		for _, b := range p.blocks {
			if !strings.HasPrefix(b.text, "rows ") {
				continue
			}
			seen := 0
			for line := range strings.Lines(b.text) {
				if line = strings.TrimSpace(plain(line)); line == "" || line == "The first rows of out/penguins.csv:" {
					continue
				}
				if seen++; !strings.Contains(plain(string(out)), line+"\n") {
					t.Errorf("%s shows %q, which is not in\n%s", b, line, out)
				}
			}
			if seen < 6 {
				t.Errorf("%s shows %d lines", b, seen)
			}
			return
		}
	}
	t.Error("README.md does not show it")
}

func TestParse_findsWhatAPageHas(t *testing.T) {
	p, err := parse("x.md", []byte("# A `b`, c!\n\n<!-- not run: there is no account -->\n\n    pulumi up\n\n## A b c\n\n- in a list:\n\n  ```json\n  {}\n  ```\n\n[x](y.md#z) ![i](i.svg)\n\n# A b, c\n\n<!-- all: tried by TestX in tests/y -->\n\n```go\nx\n```\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, anchor := range []string{"a-b-c", "a-b-c-1", "a-b-c-2"} {
		if !p.anchors[anchor] {
			t.Errorf("no anchor %s in %v", anchor, p.anchors)
		}
	}
	if len(p.blocks) != 3 || p.blocks[0].marker == nil || p.blocks[0].marker.why != "there is no account" || p.blocks[0].line != 5 || p.blocks[1].language != "json" || p.blocks[1].marker != nil || p.blocks[2].marker.test != "TestX" {
		t.Errorf("got %+v", p.blocks)
	}
	if len(p.links) != 2 || p.links[0].to != "y.md#z" || p.links[1].to != "i.svg" {
		t.Errorf("got %v", p.links)
	}
	for _, bad := range []string{"<!-- not run -->", "<!-- not run: no -->", "<!-- tried by nobody -->", "<!-- run now -->"} {
		if _, err := parse("x.md", []byte(bad+"\n")); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}

// TestPages_areInOneStyle applies the rules of .markdownlint-cli2.jsonc.
func TestPages_areInOneStyle(t *testing.T) {
	lint, err := filepath.Abs("node_modules/.bin/markdownlint-cli2")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(lint); err != nil {
		t.Fatal("markdownlint-cli2 is not installed: run make tests/pages/node_modules")
	}
	config, err := filepath.Abs(filepath.Join(root, ".markdownlint-cli2.jsonc"))
	if err != nil {
		t.Fatal(err)
	}
	run := func(dir string, args ...string) (string, error) {
		cmd := exec.Command(lint, append([]string{"--config", config}, args...)...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := run(root); err != nil {
		t.Errorf("markdownlint: %v\n%s", err, out)
	} else if m := regexp.MustCompile(`Linting: (\d+) file`).FindStringSubmatch(out); m == nil || len(m[1]) < 2 {
		t.Errorf("markdownlint looks at too few pages:\n%s", out)
	}
	// It has to find what is there to be found.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "bad.md"), []byte("# One\n### Three\nlogs.<region>.amazonaws.com\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ := run(dir, "bad.md")
	for _, rule := range []string{"MD001", "MD022", "MD033"} {
		if !strings.Contains(out, rule) {
			t.Errorf("markdownlint does not tell of %s:\n%s", rule, out)
		}
	}
}
