package pages

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"gopkg.in/yaml.v3"
	"mvdan.cc/sh/v3/syntax"

	"ds-pipeline/internal/consoletest"
	"ds-pipeline/internal/programtest"
)

// programs are ours, by name, with where they are built from. Without building
// one of them a page that does not name it costs nothing.
var programs = map[string]string{
	"preprocess": "./preprocess", "dspipe": "./cmd/dspipe", "dsplan": "./cmd/dsplan", "dscomment": "./cmd/dscomment", "dspolicies": "./cmd/dspolicies",
}

// others are programs that are not looked into.
var others = map[string]bool{"aws": true, "cat": true, "cd": true, "cdk": true, "docker": true, "echo": true, "export": true, "gh": true, "git": true, "goreleaser": true, "gpg": true, "ls": true, "npm": true, "node": true, "pip": true, "python3": true, "sha256sum": true}

// TestBlocks_areCheckedOrSayWhyNot is the inventory: each block is checked as its
// language asks. How to satisfy it: CONTRIBUTING.md, "A page".
func TestBlocks_areCheckedOrSayWhyNot(t *testing.T) {
	counts := map[string]int{}
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			kind, err := check(t, b)
			counts[kind]++
			if err != nil {
				t.Errorf("%s: %v", b, err)
			}
		}
	}
	t.Logf("blocks: %v", counts)
	for _, kind := range []string{"run", "tried", "parsed"} {
		if counts[kind] == 0 {
			t.Errorf("no block is %s: is the inventory looking?", kind)
		}
	}
}

// check checks a block and says how.
func check(t *testing.T, b *block) (kind string, err error) {
	if b.marker != nil && b.marker.kind == "tried" {
		if err := tried(b); err != nil {
			return "tried", err
		}
	}
	language := b.language
	if language == "" {
		language = guess(b.text)
	}
	switch language {
	case "go":
		return "compiled", compile(t, b.text)
	case "json":
		if !json.Valid([]byte(b.text)) {
			return "parsed", errors.New("this is not JSON")
		}
		return "parsed", nil
	case "yaml":
		return "parsed", checkYAML(t, b.text)
	case "python":
		return "parsed", python(b.text)
	case "sh", "console":
		commands := b.text
		if language == "console" {
			if commands, err = afterPrompts(b.text); err != nil {
				return "commands", err
			}
		}
		if err := checkCommands(t, commands); err != nil {
			return "commands", err
		}
		switch {
		case b.marker == nil:
			return "commands", errors.New("nothing runs these commands: want <!-- run -->, <!-- tried by TestX in folder --> or <!-- not run: the reason --> above")
		case b.marker.kind == "run":
			return "run", runBlock(t, b, language)
		}
		return b.marker.kind, nil
	}
	switch {
	case bytes.Contains(b.page.source, []byte("<!-- Generated from the code by `make golden`")):
		return "generated", nil // TestComponentPages_areFresh
	case b.marker == nil:
		return "text", fmt.Errorf("nothing checks this (%q): want go, json, yaml, python, sh or console, or <!-- tried by TestX in folder --> or <!-- not run: the reason --> above", language)
	case b.marker.kind == "run":
		return "text", errors.New("only sh and console can be run")
	}
	return b.marker.kind, nil
}

// guess is the language of a block that says none.
func guess(text string) string {
	if strings.HasPrefix(strings.TrimSpace(text), "{") && json.Valid([]byte(text)) {
		return "json"
	}
	calls, err := callsIn(text)
	if err != nil || len(calls) == 0 {
		return ""
	}
	for _, c := range calls {
		if name := filepath.Base(c[0]); programs[name] == "" && !others[name] && name != "make" && name != "go" && name != "pulumi" && !strings.HasPrefix(c[0], "scripts/") {
			return ""
		}
	}
	return "sh"
}

// tried holds a marker to its word: the test exists, and its folder names the page.
func tried(b *block) error {
	files, err := filepath.Glob(filepath.Join(root, b.marker.dir, "*_test.go"))
	if err != nil {
		return err
	}
	exists, names := false, false
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		exists = exists || strings.Contains(string(text), "\nfunc "+b.marker.test+"(")
		names = names || strings.Contains(string(text), filepath.Base(b.page.file))
	}
	switch {
	case !exists:
		return fmt.Errorf("there is no %s in %s", b.marker.test, b.marker.dir)
	case !names:
		return fmt.Errorf("no test in %s names %s", b.marker.dir, filepath.Base(b.page.file))
	}
	return nil
}

// afterPrompts are the commands of a console.
func afterPrompts(text string) (string, error) {
	steps, err := consoletest.Steps(text)
	var commands strings.Builder
	for _, s := range steps {
		commands.WriteString(s.Command + "\n")
	}
	return commands.String(), err
}

// callsIn are the commands in a script, with their plain words.
func callsIn(script string) (calls [][]string, err error) {
	file, err := syntax.NewParser().Parse(strings.NewReader(script), "")
	if err != nil {
		return nil, err
	}
	printer := syntax.NewPrinter()
	syntax.Walk(file, func(n syntax.Node) bool {
		if d, ok := n.(*syntax.DeclClause); ok {
			calls = append(calls, []string{d.Variant.Value})
		}
		call, ok := n.(*syntax.CallExpr)
		if !ok || len(call.Args) == 0 {
			return true
		}
		var words []string
		for _, w := range call.Args {
			text := w.Lit()
			if text == "" { // quoted or expanded
				var b strings.Builder
				_ = printer.Print(&b, w)
				text = strings.Trim(b.String(), `"'`)
			}
			words = append(words, text)
		}
		calls = append(calls, words)
		return true
	})
	return calls, nil
}

var makeTarget = regexp.MustCompile(`(?m)^([a-z-]+):`)

// checkCommands holds what a page calls to what there is: commands and flags of
// our programs and of Pulumi, targets of make, packages and scripts.
func checkCommands(t *testing.T, script string) error {
	calls, err := callsIn(script)
	if err != nil {
		return err
	}
	if len(calls) == 0 {
		return errors.New("there is no command here")
	}
	var errs []error
	at := "."
	for _, c := range calls {
		switch name := filepath.Base(c[0]); {
		case programs[name] != "":
			errs = append(errs, checkFlags(helpOf(t, name), name, c[1:]))
		case name == "pulumi":
			errs = append(errs, checkFlags(helpOf(t, name), name, c[1:]))
		case name == "make":
			text, err := os.ReadFile(filepath.Join(root, "Makefile"))
			if err != nil {
				return err
			}
			targets := makeTarget.FindAllStringSubmatch(string(text), -1)
			for _, target := range c[1:] {
				if !strings.Contains(target, "=") && !slices.ContainsFunc(targets, func(m []string) bool { return m[1] == target }) {
					errs = append(errs, fmt.Errorf("make has no target %s", target))
				}
			}
		case strings.HasPrefix(c[0], "scripts/"):
			if _, err := os.Stat(filepath.Join(root, c[0])); err != nil {
				errs = append(errs, err)
			}
		case name == "go":
			for _, arg := range c[1:] {
				if strings.HasPrefix(arg, "./") && !strings.HasSuffix(arg, "...") {
					if _, err := os.Stat(filepath.Join(root, at, arg)); err != nil {
						errs = append(errs, err)
					}
				}
			}
		case name == "cd" && len(c) == 2:
			// From the root, or from where the last one led.
			at = filepath.Join(at, c[1])
			if _, err := os.Stat(filepath.Join(root, c[1])); err == nil {
				at = c[1]
			}
		case !others[name]:
			errs = append(errs, fmt.Errorf("%s: unknown here; add it to others in tests/pages/blocks_test.go if people have it", name))
		}
	}
	return errors.Join(errs...)
}

// helper answers what --help says of a program and its commands.
type helper struct {
	binary string
	mu     sync.Mutex
	said   map[string]string // by command, "" if it refuses
}

var helpers = struct {
	sync.Mutex
	all map[string]*helper
}{all: map[string]*helper{}}

// buildDir has the programs that were built.
var buildDir string

func TestMain(m *testing.M) {
	programtest.Main(m, func(dir string) error {
		buildDir = dir
		return nil
	})
}

func helpOf(t *testing.T, name string) *helper {
	helpers.Lock()
	defer helpers.Unlock()
	if h := helpers.all[name]; h != nil {
		return h
	}
	h := &helper{binary: filepath.Join(buildDir, name), said: map[string]string{}}
	if name == "pulumi" {
		h.binary = os.Getenv("PULUMI_BIN")
		if h.binary == "" {
			h.binary = filepath.Join(root, ".tools", "pulumi")
		}
		if _, err := os.Stat(h.binary); err != nil {
			t.Fatalf("no Pulumi command: %v\nrun `make tools`, or set PULUMI_BIN", err)
		}
	} else {
		build := exec.Command("go", "build", "-o", h.binary, programs[name])
		build.Dir = root
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("go build %s: %v\n%s", programs[name], err, out)
		}
	}
	helpers.all[name] = h
	return h
}

func (h *helper) help(commands ...string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := strings.Join(commands, " ")
	said, known := h.said[key]
	if !known {
		cmd := exec.Command(h.binary, append(commands, "--help")...)
		cmd.Env = append(os.Environ(), "PULUMI_SKIP_UPDATE_CHECK=true", "COLUMNS=200")
		out, err := cmd.CombinedOutput()
		if said = string(out); err != nil {
			said = ""
		}
		h.said[key] = said
	}
	return said
}

var commandName = regexp.MustCompile(`^[a-z][a-z-]*$`)

// checkFlags looks a call up in the help.
func checkFlags(h *helper, name string, args []string) error {
	var commands []string
	help := h.help()
	for _, arg := range args {
		if !commandName.MatchString(arg) {
			break
		}
		// What is no command gets no help, or that of what came before.
		more := h.help(append(slices.Clone(commands), arg)...)
		if more == "" || more == help {
			break
		}
		commands, help = append(commands, arg), more
	}
	if len(args) > 0 && len(commands) == 0 && !strings.HasPrefix(args[0], "-") && name != "dsplan" {
		return fmt.Errorf("%s has no command %s", name, args[0])
	}
	var errs []error
	for _, arg := range args {
		flag, _, _ := strings.Cut(arg, "=")
		if !strings.HasPrefix(flag, "-") || flag == "-" || flag == "--" {
			continue
		}
		plain := regexp.QuoteMeta(flag)
		if positive, ok := strings.CutPrefix(flag, "--no-"); ok {
			plain += `|` + regexp.QuoteMeta("--[no-]"+positive)
		} else if long, ok := strings.CutPrefix(flag, "--"); ok {
			plain += `|` + regexp.QuoteMeta("--[no-]"+long)
		}
		if !regexp.MustCompile(`(^|[\s,])(` + plain + `)([\s,=\[]|$)`).MatchString(help) {
			errs = append(errs, fmt.Errorf("%s %s has no flag %s", name, strings.Join(commands, " "), flag))
		}
	}
	return errors.Join(errs...)
}

// runBlock runs a block in a folder with the penguins as a user has them, data.csv
// and model.joblib; a console has to print what the page shows.
func runBlock(t *testing.T, b *block, language string) error {
	dir := t.TempDir()
	if err := penguins(dir); err != nil {
		return err
	}
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	for name := range programs {
		if strings.Contains(b.text, name) {
			if err := os.Symlink(helpOf(t, name).binary, filepath.Join(bin, name)); err != nil {
				return err
			}
		}
	}
	bash := func(script string) (string, error) {
		cmd := exec.Command("bash", "-eu", "-o", "pipefail", "-c", script)
		cmd.Dir = dir
		cmd.Env = []string{"PATH=" + bin + ":/usr/local/bin:/usr/bin:/bin", "HOME=" + dir}
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if language == "sh" {
		if out, err := bash(b.text); err != nil {
			return fmt.Errorf("%w\n%s", err, out)
		}
		return nil
	}
	steps, err := consoletest.Steps(b.text)
	if err != nil {
		return err
	}
	var errs []error
	for _, s := range steps {
		out, err := bash(s.Command)
		if err != nil {
			errs = append(errs, fmt.Errorf("$ %s: %w", s.Command, err))
		}
		if !consoletest.Prints(out, s.Want) {
			errs = append(errs, fmt.Errorf("$ %s prints\n%swant\n%s", s.Command, out, strings.Join(s.Want, "\n")))
		}
	}
	return errors.Join(errs...)
}

// penguins are the example's files, with two more columns as a team's own data has.
func penguins(dir string) error {
	example := filepath.Join(root, "examples", "penguins")
	text, err := os.ReadFile(filepath.Join(example, "penguins.csv"))
	if err != nil {
		return err
	}
	var b strings.Builder
	n := 0
	for line := range strings.Lines(string(text)) {
		if n++; n == 1 {
			b.WriteString("id,ts," + line)
		} else {
			fmt.Fprintf(&b, "%d,2026-11-%02d,%s", n-1, n%28+1, line)
		}
	}
	files := map[string]string{"data.csv": b.String()}
	for name, from := range map[string]string{"model.joblib": "model.joblib", "model.pkl": "model.pkl"} {
		text, err := os.ReadFile(filepath.Join(example, from))
		if err != nil {
			return err
		}
		files[name] = string(text)
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func python(text string) error {
	cmd := exec.Command("python3", "-c", "import ast, sys; ast.parse(sys.stdin.read())")
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	return nil
}

// checkYAML parses, and plans a stack with what looks like its configuration.
func checkYAML(t *testing.T, text string) error {
	var document map[string]any
	dec := yaml.NewDecoder(strings.NewReader(text))
	for {
		var one any
		err := dec.Decode(&one)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if m, ok := one.(map[string]any); ok {
			document = m
		}
	}
	settings, ok := document["config"].(map[string]any)
	if !ok || !slices.ContainsFunc(slices.Collect(maps.Keys(settings)), func(key string) bool { return strings.HasPrefix(key, "ds-pipeline:") }) {
		return nil
	}
	dir := t.TempDir()
	for _, name := range []string{"Pulumi.yaml", "Dockerfile", ".dockerignore", "go.mod", "go.sum"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return err
		}
	}
	if err := os.CopyFS(filepath.Join(dir, "preprocess"), os.DirFS(filepath.Join(root, "preprocess", "contract"))); err != nil {
		return err
	}
	// What every stack has, unless the page says otherwise.
	all := map[string]any{"aws:region": "us-east-1", "ds-pipeline:accountId": "111111111111", "ds-pipeline:environment": "dev"}
	maps.Copy(all, settings)
	merged, err := yaml.Marshal(map[string]any{"config": all})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "Pulumi.page.yaml"), merged, 0o600); err != nil {
		return err
	}
	cmd := exec.Command(helpOf(t, "dsplan").binary, "--stack", "page", "--dir", dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the stack cannot be planned: %s", out)
	}
	return nil
}

// modules are what a block of Go may use without importing it, by name.
var modules = map[string]string{
	"pulumi": "github.com/pulumi/pulumi/sdk/v3/go/pulumi", "config": "github.com/aws/aws-sdk-go-v2/config",
	"context": "context", "errors": "errors", "fmt": "fmt", "io": "io", "json": "encoding/json", "os": "os", "strings": "strings",
}

// compile checks the types of a block: a file, declarations, or what stands in a
// function that returns an error and has ctx. A name that is only declared is fine.
func compile(t *testing.T, code string) error {
	used := map[string]string{}
	for _, m := range regexp.MustCompile(`\b([a-z]\w*)\.[A-Z]`).FindAllStringSubmatch(code, -1) {
		name := m[1]
		if path := modules[name]; path != "" {
			used[name] = path
			continue
		}
		for _, folder := range []string{name, "outputs/" + name, "internal/" + name, "preprocess/" + name} {
			if files, _ := filepath.Glob(filepath.Join(root, folder, "*.go")); len(files) > 0 {
				used[name] = "ds-pipeline/" + folder
				break
			}
		}
	}
	source := code
	if !regexp.MustCompile(`(?m)^package `).MatchString(code) {
		var b strings.Builder
		b.WriteString("package page\n")
		for _, name := range slices.Sorted(maps.Keys(used)) {
			if !strings.Contains(code, `"`+used[name]+`"`) {
				fmt.Fprintf(&b, "import %q\n", used[name])
			}
		}
		if regexp.MustCompile(`^\s*(//[^\n]*\n)*(func|type|import|var|const) `).MatchString(code) {
			b.WriteString(code)
		} else {
			ctx := "context.Context"
			if used["pulumi"] != "" {
				ctx = "*pulumi.Context"
			} else if used["context"] == "" {
				b.WriteString("import \"context\"\n")
			}
			fmt.Fprintf(&b, "func page(ctx %s) error {\n%s\nreturn nil\n}\n", ctx, code)
		}
		source = b.String()
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, "page.go", source, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	exports, err := exported(t, file)
	if err != nil {
		return err
	}
	var errs []error
	conf := types.Config{
		Importer: importer.ForCompiler(set, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) }),
		Error: func(err error) {
			var e types.Error
			if errors.As(err, &e) && e.Soft {
				return // declared and not used
			}
			errs = append(errs, err)
		},
	}
	_, _ = conf.Check("page", set, []*ast.File{file}, nil) // Error has been told
	return errors.Join(errs...)
}

// exported finds the compiled forms of what a file imports.
func exported(t *testing.T, file *ast.File) (map[string]string, error) {
	var paths []string
	for _, spec := range file.Imports {
		paths = append(paths, strings.Trim(spec.Path.Value, `"`))
	}
	exports := map[string]string{}
	if len(paths) == 0 {
		return exports, nil
	}
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}"}, paths...)...)
	cmd.Dir = root
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, errs.String())
	}
	for line := range strings.Lines(string(out)) {
		if path, file, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			exports[path] = file
		}
	}
	return exports, nil
}

func TestCheck_findsWhatIsWrong(t *testing.T) {
	p := &page{file: "docs/first-run.md"}
	none := &marker{kind: "not run", why: "nobody asks for it"}
	run := &marker{kind: "run"}
	for name, tt := range map[string]struct {
		language, text string
		marker         *marker
		want           string // "" if all is well
	}{
		"go":                      {"go", "for i := range 3 {\n\tfmt.Println(i, ctx.Err())\n}\nunused := 1", nil, ""},
		"a file of go":            {"go", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Println() }\n", nil, ""},
		"go of ours":              {"go", "func days(s review.Report) int { return len(s.Changes) }", nil, ""},
		"go that is none":         {"go", "for {", nil, "expected"},
		"go with a wrong name":    {"go", "fmt.Printl()", nil, "undefined: fmt.Printl"},
		"go with a wrong type":    {"go", "var n int = \"x\"", nil, "cannot use"},
		"json":                    {"", "{\"a\": [1]}", nil, ""},
		"no json":                 {"json", "{a: 1}", nil, "this is not JSON"},
		"yaml":                    {"yaml", "a: [1, 2]\n---\nb: 1\n", nil, ""},
		"no yaml":                 {"yaml", "a: [1", nil, "did not find expected"},
		"a stack":                 {"yaml", "config:\n  ds-pipeline:taskCpu: 2048\n  ds-pipeline:taskMemoryMiB: 8192\n", nil, ""},
		"a stack that cannot be":  {"yaml", "config:\n  ds-pipeline:taskCPU: 2048\n", nil, "taskCPU"},
		"python":                  {"python", "import joblib\njoblib.dump(x, \"y\")\n", nil, ""},
		"no python":               {"python", "import\n", nil, "SyntaxError"},
		"commands without a word": {"sh", "dspipe doctor", nil, "nothing runs these commands"},
		"commands":                {"sh", "dspipe doctor --stack dev && make test STACK=dev\npulumi stack init dev --secrets-provider x\ngo test ./cmd/dsplan", none, ""},
		"negated flag":            {"", "preprocess run --no-report --input x", none, ""},
		"no command":              {"sh", "dspipe doktor", none, "dspipe has no command doktor"},
		"no flag":                 {"sh", "dspipe run --periode 2026-11", none, "dspipe run has no flag --periode"},
		"no flag of pulumi":       {"sh", "pulumi up --force", none, "pulumi up has no flag --force"},
		"no target":               {"sh", "make tests", none, "make has no target tests"},
		"no package":              {"sh", "go run ./cmd/none", none, "no such file"},
		"no script":               {"sh", "scripts/none", none, "no such file"},
		"no program":              {"sh", "frobnicate", none, "frobnicate: unknown here"},
		"no shell":                {"sh", "echo $(", none, "reached EOF"},
		"a drawing":               {"", "a ──► b", none, ""},
		"a drawing without":       {"", "a ──► b", nil, "nothing checks this"},
		"no test":                 {"", "x ──", &marker{kind: "tried", test: "TestNone", dir: "tests/dspipe"}, "there is no TestNone in tests/dspipe"},
		"a test of others":        {"", "x ──", &marker{kind: "tried", test: "TestImports_followTheArrows", dir: "tests/architecture"}, "no test in tests/architecture names first-run.md"},
		"run":                     {"sh", "preprocess inspect --model model.joblib", run, ""},
		"run that fails":          {"sh", "preprocess inspect --model none.joblib", run, "exit status"},
		"a console":               {"console", "$ head -n 1 data.csv\nid,ts,…\n$ cat none || ls model.*\n…\nmodel.joblib\nmodel.pkl\n", run, "head: unknown here"},
		"a console that prints":   {"console", "$ ls model.*\nmodel.joblib\nmodel.pkl\n", run, ""},
		"a console that does not": {"console", "$ ls model.*\nmodel.joblib\n", run, "prints"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := check(t, &block{page: p, language: tt.language, text: tt.text, marker: tt.marker})
			if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
