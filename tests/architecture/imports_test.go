// Package architecture keeps the arrows between the project's packages as
// docs/architecture.md draws them.
package architecture

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "ds-pipeline"

// arrows lists, for every package outside tests/, the packages of this project
// that it may import. "" is the program at the top.
var arrows = map[string][]string{
	"":                           {"stack"},
	"stack":                      {"components", "internal/cost", "internal/settings", "preprocess/contract"},
	"outputs":                    {"outputs/parameters", "preprocess/contract"},
	"outputs/parameters":         {"preprocess/contract"},
	"plugin":                     {"plugin/provider"},
	"plugin/provider":            {"components"},
	"internal/declared":          {},
	"examples/consumer":          {"examples/consumer/reports"},
	"examples/consumer/reports":  {"outputs"},
	"examples/consumer/service":  {"outputs/parameters"},
	"bootstrap":                  {"bootstrap/foundation"},
	"bootstrap/foundation":       {"components", "internal/settings"},
	"internal/settings":          {"components", "preprocess/named"},
	"components":                 {"internal/cron", "preprocess/contract"},
	"preprocess":                 {"preprocess/console", "preprocess/contract", "preprocess/job", "preprocess/manifest"},
	"preprocess/console":         {"preprocess/job"},
	"preprocess/contract":        {},
	"preprocess/codec":           {},
	"preprocess/frame":           {},
	"preprocess/pickle":          {},
	"preprocess/model":           {"preprocess/frame", "preprocess/pickle"},
	"preprocess/named":           {},
	"preprocess/manifest":        {"preprocess/contract"},
	"preprocess/parquet":         {"preprocess/frame"},
	"preprocess/report":          {"preprocess/frame"},
	"preprocess/script":          {"preprocess/frame", "preprocess/table"},
	"preprocess/table":           {"preprocess/frame"},
	"preprocess/storage":         {},
	"preprocess/job":             {"preprocess/codec", "preprocess/contract", "preprocess/frame", "preprocess/manifest", "preprocess/model", "preprocess/named", "preprocess/parquet", "preprocess/report", "preprocess/scale", "preprocess/script", "preprocess/storage", "preprocess/table"},
	"preprocess/scale":           {"preprocess/frame", "preprocess/manifest", "preprocess/storage", "preprocess/table"},
	"internal/programtest":       {},
	"internal/pythontest":        {},
	"internal/parquettest":       {"preprocess/table"},
	"internal/awstest":           {"internal/s3test", "preprocess/contract"},
	"internal/consoletest":       {},
	"internal/cron":              {},
	"internal/ec2":               {},
	"internal/migrate":           {"preprocess/contract"},
	"internal/operate":           {"internal/cost", "internal/cron", "internal/ec2", "internal/migrate", "preprocess/console", "preprocess/contract", "preprocess/job", "preprocess/manifest", "preprocess/named", "preprocess/script", "preprocess/storage"},
	"internal/s3test":            {},
	"internal/simcloud":          {"preprocess/named"},
	"internal/simcloud/simstack": {"internal/simcloud"},
	"internal/simcloud/simtest":  {"internal/simcloud", "internal/simcloud/simstack"},
	"internal/cloudformation":    {},
	"internal/cost":              {"preprocess/contract"},
	"internal/graph":             {},
	"cmd/dspipe":                 {"internal/operate"},
	"internal/github":            {},
	"internal/review":            {"internal/cost"},
	"cmd/dscomment":              {"internal/github", "internal/review", "preprocess/named"},
	"cmd/dsplan":                 {"internal/cost", "internal/graph", "internal/review", "internal/simcloud", "internal/simcloud/simstack", "preprocess/named", "stack"},
	"cmd/dspolicies":             {"policy"},
	"policy":                     {},
}

// forbidden names modules that must not be reached from a package or anything
// it imports, and why.
var forbidden = []struct{ from, prefix, why string }{
	{"preprocess", "github.com/pulumi/", "the job must build in a minute and run in a small image"},
	{"cmd/dspipe", "github.com/pulumi/", "it must be small, and build in a minute"},
	{"outputs/parameters", "github.com/pulumi/", "services have no use for it: docs/decisions/outputs.md"},
	{"cmd/dspipe", "github.com/aws/aws-sdk-go-v2/service/ec2", "it is as large as all the rest: docs/decisions/dspipe.md"},
	{"cmd/dscomment", "github.com/pulumi/", "workflows build it for each comment"},
	{"internal/review", "os/exec", "nothing in a report is executed"},
	{"preprocess/model", "github.com/aws/", "a model is applied without a network"},
	{"preprocess/manifest", "github.com/aws/", "others read manifests too"},
	{"preprocess/pickle", "os/exec", "nothing in a model file is executed"},
	{"preprocess/pickle", "plugin", "nothing in a model file is executed"},
}

func TestImports_followTheArrows(t *testing.T) {
	imports := importsByPackage(t, "../..")
	for pkg, imported := range imports {
		allowed, known := arrows[pkg]
		if !known {
			t.Errorf("package %q: not in the arrows of this test; say there what it may import", pkg)
			continue
		}
		for _, dependency := range imported {
			inside, isOurs := strings.CutPrefix(dependency, module+"/")
			if isOurs && !slices.Contains(allowed, inside) {
				t.Errorf("package %q imports %q: want only %q", pkg, inside, allowed)
			}
		}
	}
	for pkg := range arrows {
		if _, exists := imports[pkg]; !exists {
			t.Errorf("package %q: listed in the arrows, but there is no such package", pkg)
		}
	}
}

func TestImports_keepHeavyAndDangerousOut(t *testing.T) {
	imports := importsByPackage(t, "../..")
	for _, rule := range forbidden {
		for pkg, chain := range reachable(imports, rule.from) {
			for _, dependency := range imports[pkg] {
				if dependency == rule.prefix || strings.HasSuffix(rule.prefix, "/") && strings.HasPrefix(dependency, rule.prefix) {
					t.Errorf("%s imports %q: not allowed below %q, because %s", chain, dependency, rule.from, rule.why)
				}
			}
		}
	}
}

// reachable returns the packages of this project that from imports, directly or
// not, itself included, each with one chain of imports that leads to it.
func reachable(imports map[string][]string, from string) map[string]string {
	chains := map[string]string{from: from}
	queue := []string{from}
	for len(queue) > 0 {
		pkg := queue[0]
		queue = queue[1:]
		for _, dependency := range imports[pkg] {
			inside, isOurs := strings.CutPrefix(dependency, module+"/")
			if !isOurs || chains[inside] != "" {
				continue
			}
			chains[inside] = fmt.Sprintf("%s -> %s", chains[pkg], inside)
			queue = append(queue, inside)
		}
	}
	return chains
}

// importsByPackage parses every Go file below root that is not a test and
// returns what each package imports. It reads the files instead of asking the
// go command, whose answer the test cache would keep.
func importsByPackage(t *testing.T, root string) map[string][]string {
	t.Helper()
	imports := map[string][]string{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			if file != root && (strings.HasPrefix(name, ".") || slices.Contains([]string{"testdata", "node_modules", "tests"}, name) || isModule(file)) {
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(root, filepath.Dir(file))
		if err != nil {
			return err
		}
		pkg := path.Clean(filepath.ToSlash(folder))
		if pkg == "." {
			pkg = ""
		}
		if imports[pkg] == nil {
			imports[pkg] = []string{}
		}
		for _, spec := range parsed.Imports {
			dependency, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				return err
			}
			imports[pkg] = append(imports[pkg], dependency)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports
}

// isModule tells whether a folder is a module of its own.
func isModule(folder string) bool {
	_, err := os.Stat(filepath.Join(folder, "go.mod"))
	return err == nil
}
