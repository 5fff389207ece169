// Package workflows holds .github to rules that actionlint has not: who may do
// what, whose code runs with which token, and that versions agree.
package workflows

import (
	"bytes"
	"fmt"
	"go/version"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

const root = "../.."

type workflow struct {
	file string
	text string

	Name        string                               `yaml:"name"`
	On          yaml.Node                            `yaml:"on"`
	Permissions map[string]string                    `yaml:"permissions"`
	Concurrency *concurrency                         `yaml:"concurrency"`
	Defaults    struct{ Run struct{ Shell string } } `yaml:"defaults"`
	Jobs        map[string]job                       `yaml:"jobs"`
}

type concurrency struct {
	Group  string `yaml:"group"`
	Cancel any    `yaml:"cancel-in-progress"`
}

type job struct {
	If          string            `yaml:"if"`
	RunsOn      string            `yaml:"runs-on"`
	Timeout     int               `yaml:"timeout-minutes"`
	Environment string            `yaml:"environment"`
	Permissions map[string]string `yaml:"permissions"`
	Concurrency *concurrency      `yaml:"concurrency"`
	Env         map[string]string `yaml:"env"`
	Container   string            `yaml:"container"`
	Steps       []step            `yaml:"steps"`
}

type step struct {
	Name  string            `yaml:"name"`
	Uses  string            `yaml:"uses"`
	Run   string            `yaml:"run"`
	Shell string            `yaml:"shell"`
	With  map[string]string `yaml:"with"`
	Env   map[string]string `yaml:"env"`
}

// mayDo is what jobs may do beyond reading the repository, by "workflow/job", and
// why. A job that is not here may do nothing else.
var mayDo = map[string]map[string]string{
	"comment/comment": {"actions": "read", "pull-requests": "write"}, // the other run's artifact, the comment
	"deploy/dev":      {"id-token": "write"},                         // the deploy role, for the environment dev only
	"deploy/prod":     {"id-token": "write", "actions": "read"},      // the deploy role, for the environment prod only; the image
	"drift/drift":     {"id-token": "write", "issues": "write"},      // the preview role, the issue
	"preview/preview": {"id-token": "write"},                         // the preview role
	"release/release": {"contents": "write"},                         // the draft
}

func workflows(t *testing.T) []workflow {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, ".github", "workflows", "*.y*ml"))
	if err != nil || len(files) < 6 {
		t.Fatalf("got %d workflows, %v", len(files), err)
	}
	var all []workflow
	for _, file := range files {
		w := workflow{file: filepath.Base(file), text: read(t, file)}
		if err := yaml.Unmarshal([]byte(w.text), &w); err != nil {
			t.Fatalf("%s: %v", w.file, err)
		}
		all = append(all, w)
	}
	return all
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// binary is a tool that a variable names or that `make tools` built.
func binary(t *testing.T, variable, name string) string {
	t.Helper()
	path := os.Getenv(variable)
	if path == "" {
		path = filepath.Join(root, ".tools", name)
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(abs); err != nil {
		t.Fatalf("no %s: %v\nrun `make tools`, or set %s", name, err, variable)
	}
	return abs
}

// found looks for a program that scripts/setup installs.
func found(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatalf("no %s: %v\nrun `make setup`", name, err)
	}
	return path
}

func TestActionlint_findsNothing(t *testing.T) {
	actionlint, shellcheck := binary(t, "ACTIONLINT_BIN", "actionlint"), found(t, "shellcheck")
	run := func(files ...string) string {
		cmd := exec.Command(actionlint, append([]string{"-oneline", "-no-color", "-shellcheck", shellcheck, "-pyflakes", ""}, files...)...)
		cmd.Dir = root
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	if out := run(); out != "" {
		t.Errorf("actionlint finds\n%s", out)
	}
	// It has to find what is there to be found.
	broken := filepath.Join(t.TempDir(), "broken.yml")
	text := "on: push\njobs:\n  a:\n    runs-on: nowhere\n    steps:\n      - run: echo $GITHUB_SHA ${{ github.event.head_commit.message }} ${{ secret.x }}\n"
	if err := os.WriteFile(broken, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	out := run(broken)
	for _, want := range []string{"[runner-label]", "[expression]", "[shellcheck]", "potentially untrusted"} {
		if !strings.Contains(out, want) {
			t.Errorf("actionlint does not tell of %s: %s", want, out)
		}
	}
}

var shebang = regexp.MustCompile(`^#!.*\b(ba)?sh\n`)

// scripts are the shell scripts of the repository, by name: files, the recipes of
// the Makefile, and the steps of the actions here, which actionlint does not read.
func scripts(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(root, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		switch {
		case entry.IsDir() && slices.Contains([]string{".git", ".tools", "bin", "dist", "node_modules", "out", "testdata"}, entry.Name()):
			return fs.SkipDir
		case !entry.Type().IsRegular():
			return nil
		}
		text, err := os.ReadFile(file)
		if err == nil && shebang.Match(text) {
			all[name] = string(text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var action struct{ Runs struct{ Steps []step } }
	const file = ".github/actions/stack/action.yml"
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(root, file))), &action); err != nil {
		t.Fatal(err)
	}
	for i, s := range action.Runs.Steps {
		if s.Run != "" {
			all[fmt.Sprintf("%s, step %d", file, i+1)] = "#!/usr/bin/env bash\nset -eo pipefail\n" + s.Run // as GitHub runs it
		}
	}
	for target, recipe := range recipes(t) {
		all["Makefile, "+target] = "#!/usr/bin/env bash\nset -euo pipefail\n" + recipe // as the Makefile does
	}
	return all
}

var makeTarget = regexp.MustCompile(`(?m)^([a-z$][^ =:\n]*):(?:[^=]|$)`)

// recipes are the commands of each target of the Makefile, those of what it needs
// included, as make would run them.
func recipes(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, m := range makeTarget.FindAllStringSubmatch(read(t, filepath.Join(root, "Makefile")), -1) {
		target := strings.NewReplacer("$(TOOLS)", ".tools", "%", "pages").Replace(m[1])
		cmd := exec.Command("make", "--dry-run", "--always-make", "--no-print-directory", target)
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "MAKEFLAGS=", "MAKELEVEL=")
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("make --dry-run %s: %v\n%s", target, err, out)
		}
		all[target] = string(out)
	}
	return all
}

func TestShellcheck_findsNothing(t *testing.T) {
	shellcheck := found(t, "shellcheck")
	check := func(text string) string {
		cmd := exec.Command(shellcheck, "-")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.CombinedOutput()
		if err != nil && len(out) == 0 {
			t.Fatal(err)
		}
		return string(out)
	}
	all := scripts(t)
	for name, text := range all {
		if out := check(text); out != "" {
			t.Errorf("%s: shellcheck finds\n%s", name, out)
		}
	}
	for _, name := range []string{".ci/run", "examples/scripts/shout.sh", "scripts/go-build", "Makefile, fuzz", "Makefile, .tools/kics", "Makefile, tests/pages/node_modules", ".github/actions/stack/action.yml, step 1"} {
		if all[name] == "" {
			t.Errorf("%s is not looked at", name)
		}
	}
	if check("#!/bin/sh\nrm $1\n") == "" {
		t.Error("shellcheck does not find what is there to be found")
	}
}

var pinned = regexp.MustCompile(`^\s*(?:- )?uses: ([a-z0-9-]+/[a-z0-9-]+)@([0-9a-f]{40}) # (v[0-9]+\.[0-9]+\.[0-9]+)$`)

// A tag can be moved by whoever takes over the action, a commit cannot.
func TestActions_arePinnedByCommit(t *testing.T) {
	texts := map[string]string{".github/actions/stack/action.yml": read(t, filepath.Join(root, ".github/actions/stack/action.yml"))}
	for _, w := range workflows(t) {
		texts[w.file] = w.text
	}
	commits := map[string]string{}
	for file, text := range texts {
		for i, line := range strings.Split(text, "\n") {
			if !strings.Contains(line, "uses:") || strings.HasSuffix(line, "uses: ./.github/actions/stack") {
				continue
			}
			m := pinned.FindStringSubmatch(line)
			if m == nil {
				t.Errorf("%s:%d: %q: want uses: OWNER/NAME@COMMIT # vX.Y.Z", file, i+1, strings.TrimSpace(line))
				continue
			}
			if other := commits[m[1]]; other != "" && other != m[2]+m[3] {
				t.Errorf("%s:%d: %s in another version than elsewhere", file, i+1, m[1])
			}
			commits[m[1]] = m[2] + m[3]
		}
	}
	if len(commits) < 5 {
		t.Errorf("only %v", commits)
	}
}

func TestJobs_mayDoNothingThatIsNotListed(t *testing.T) {
	seen := map[string]bool{}
	for _, w := range workflows(t) {
		if fmt.Sprint(w.Permissions) != "map[contents:read]" {
			t.Errorf("%s: permissions %v, want contents: read", w.file, w.Permissions)
		}
		if w.Defaults.Run.Shell != "bash" {
			t.Errorf("%s: want bash as the default shell: without it a pipe hides a failure", w.file)
		}
		for name, j := range w.Jobs {
			id := strings.TrimSuffix(w.file, ".yml") + "/" + name
			seen[id] = true
			more := map[string]string{}
			for scope, access := range j.Permissions {
				if scope != "contents" || access != "read" {
					more[scope] = access
				}
			}
			if fmt.Sprint(more) != fmt.Sprint(mayDo[id]) && len(more)+len(mayDo[id]) > 0 {
				t.Errorf("%s: may do %v, want %v", id, more, mayDo[id])
			}
			if j.Timeout < 5 || j.Timeout > 120 {
				t.Errorf("%s: timeout-minutes %d, want 5 to 120", id, j.Timeout)
			}
			if j.Concurrency == nil && w.Concurrency == nil {
				t.Errorf("%s: no concurrency", id)
			}
		}
	}
	for id := range mayDo {
		if !seen[id] {
			t.Errorf("%s: listed, but there is no such job", id)
		}
	}
}

func events(w workflow) []string {
	var names []string
	switch w.On.Kind {
	case yaml.ScalarNode:
		names = []string{w.On.Value}
	case yaml.SequenceNode:
		for _, n := range w.On.Content {
			names = append(names, n.Value)
		}
	default:
		for i := 0; i < len(w.On.Content); i += 2 {
			names = append(names, w.On.Content[i].Value)
		}
	}
	return names
}

var checkedOut = regexp.MustCompile(`head|pull|merge|workflow_run`)

func TestForks_getNothing(t *testing.T) {
	for _, w := range workflows(t) {
		on := events(w)
		if slices.Contains(on, "pull_request_target") {
			t.Errorf("%s: pull_request_target gives a fork the rights of this repository", w.file)
		}
		if m := regexp.MustCompile(`secrets\.\w+|secrets: inherit`).FindString(w.text); m != "" {
			t.Errorf("%s: uses %s; want none: tokens are github.token, credentials come by OpenID Connect", w.file, m)
		}
		for name, j := range w.Jobs {
			if slices.Contains(on, "pull_request") && len(mayDo[strings.TrimSuffix(w.file, ".yml")+"/"+name]) > 0 &&
				!strings.Contains(j.If, "github.event.pull_request.head.repo.full_name == github.repository") {
				t.Errorf("%s: job %s runs for pull requests with more than reading, also for forks", w.file, name)
			}
			for _, s := range j.Steps {
				if !strings.HasPrefix(s.Uses, "actions/checkout@") {
					continue
				}
				if s.With["persist-credentials"] != "false" {
					t.Errorf("%s: job %s leaves the token in .git: want persist-credentials: false", w.file, name)
				}
				// The code of others has no business where a token may write.
				if slices.Contains(on, "workflow_run") && (s.With["ref"] != "" || s.With["repository"] != "") || checkedOut.MatchString(s.With["ref"]) {
					t.Errorf("%s: job %s checks out %q of %q", w.file, name, s.With["ref"], s.With["repository"])
				}
			}
		}
	}
}

// An expression in a script is text that the shell then reads; in the environment
// it stays a value.
func TestScripts_takeNothingByExpression(t *testing.T) {
	check := func(where string, steps []step) {
		for _, s := range steps {
			if strings.Contains(s.Run, "${{") {
				t.Errorf("%s: %q: want expressions in env only", where, s.Run)
			}
		}
	}
	for _, w := range workflows(t) {
		for name, j := range w.Jobs {
			check(w.file+"/"+name, j.Steps)
		}
	}
	var action struct{ Runs struct{ Steps []step } }
	if err := yaml.Unmarshal([]byte(read(t, filepath.Join(root, ".github/actions/stack/action.yml"))), &action); err != nil {
		t.Fatal(err)
	}
	if len(action.Runs.Steps) < 4 {
		t.Fatal("no steps in the action")
	}
	check("actions/stack", action.Runs.Steps)
	for _, s := range action.Runs.Steps {
		if s.Run != "" && s.Shell != "bash" {
			t.Errorf("actions/stack: %q: want shell: bash", s.Run)
		}
	}
}

var (
	pulumiCommand = regexp.MustCompile(`pulumi [a-z][^\n]*`)
	harmless      = regexp.MustCompile(`^pulumi (preview |stack output |config set imageUri |refresh .*--preview-only )`)
)

func TestStacks_areDeployedOneAtATimeAndProdWithApproval(t *testing.T) {
	for _, w := range workflows(t) {
		for name, j := range w.Jobs {
			for _, s := range j.Steps {
				if s.Uses != "./.github/actions/stack" {
					continue
				}
				id, stack := w.file+"/"+name, s.With["stack"]
				if !strings.Contains(j.If, "vars.DEPLOY == 'on'") && w.file != "deploy.yml" {
					t.Errorf("%s: runs in a copy of the repository that has no account", id)
				}
				if j.Concurrency == nil || !strings.Contains(j.Concurrency.Group, stack) {
					t.Errorf("%s: concurrency %v, want one for each stack", id, j.Concurrency)
				}
				switch s.With["role"] {
				case "deploy":
					if j.Environment != stack || j.Concurrency.Cancel != false {
						t.Errorf("%s: environment %q, cancel %v, want %q and a deployment that is never cut off", id, j.Environment, j.Concurrency.Cancel, stack)
					}
					if slices.Contains(events(w), "pull_request") || slices.Contains(events(w), "workflow_run") {
						t.Errorf("%s: deploys for %v", id, events(w))
					}
				case "preview":
					for _, s := range j.Steps {
						for _, command := range pulumiCommand.FindAllString(s.Run, -1) {
							if !harmless.MatchString(command) {
								t.Errorf("%s: changes something: %s", id, command)
							}
						}
					}
				default:
					t.Errorf("%s: role %q", id, s.With["role"])
				}
			}
		}
	}
}

// What is pinned in several places is the same in all.
func TestVersions_agree(t *testing.T) {
	pulumi := regexp.MustCompile(`pkg/v3 v(\S+)`).FindStringSubmatch(read(t, filepath.Join(root, "tools/pulumi/go.mod")))
	golang := regexp.MustCompile(`golang:([0-9.]+)-bookworm`).FindStringSubmatch(read(t, filepath.Join(root, "Dockerfile")))
	if pulumi == nil || golang == nil {
		t.Fatal("no version of Pulumi or Go")
	}
	seen := 0
	texts := []string{read(t, filepath.Join(root, ".github/actions/stack/action.yml"))}
	for _, w := range workflows(t) {
		texts = append(texts, w.text)
	}
	for _, text := range texts {
		for _, rule := range []struct{ pattern, want string }{
			{`pulumi-version: (\S+)`, pulumi[1]}, {`go-version: (\S+)`, golang[1]}, {`container: golang:(\S+)-bookworm`, golang[1]},
		} {
			for _, m := range regexp.MustCompile(rule.pattern).FindAllStringSubmatch(text, -1) {
				if seen++; m[1] != rule.want {
					t.Errorf("%s: want %s", m[0], rule.want)
				}
			}
		}
	}
	if seen < 5 {
		t.Errorf("found %d versions", seen)
	}
	// People read which Go they need: that of the product, and the newest that a tool asks for.
	goDirective := regexp.MustCompile(`(?m)^go (\S+)$`)
	product := goDirective.FindStringSubmatch(read(t, filepath.Join(root, "go.mod")))[1]
	tools, err := filepath.Glob(filepath.Join(root, "tools", "*", "go.mod"))
	if err != nil || len(tools) < 5 {
		t.Fatalf("got %d tools, %v", len(tools), err)
	}
	newest := "1.0"
	for _, tool := range tools {
		if v := goDirective.FindStringSubmatch(read(t, tool))[1]; version.Compare("go"+v, "go"+newest) > 0 {
			newest = v
		}
	}
	if version.Compare("go"+newest, "go"+golang[1]) > 0 {
		t.Errorf("tools need Go %s, and CI and the Dockerfile have %s", newest, golang[1])
	}
	for page, wants := range map[string][]string{
		"README.md":       {"Go " + product + " or newer", "up to Go " + newest, "install " + golang[1] + " there"},
		"CONTRIBUTING.md": {"golang:" + golang[1] + "-bookworm", "what Go " + product + " compiles"},
	} {
		for _, want := range wants {
			if !strings.Contains(read(t, filepath.Join(root, page)), want) {
				t.Errorf("%s does not say %q", page, want)
			}
		}
	}
	// The matrix has the stacks that there are.
	files, err := filepath.Glob(filepath.Join(root, "Pulumi.*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var stacks []string
	for _, f := range files {
		stacks = append(stacks, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "Pulumi."), ".yaml"))
	}
	for _, w := range workflows(t) {
		if m := regexp.MustCompile(`stack: \[(.*)\]`).FindStringSubmatch(w.text); m != nil && m[1] != strings.Join(stacks, ", ") {
			t.Errorf("%s: stacks %s, want %s", w.file, m[1], strings.Join(stacks, ", "))
		}
	}
}

// comment.yml waits for a workflow by its name.
func TestComment_waitsForThePlan(t *testing.T) {
	for _, w := range workflows(t) {
		if w.file == "pull-request.yml" && w.Name != "pull request" {
			t.Errorf("comment.yml waits for \"pull request\", got %q", w.Name)
		}
		if w.file == "comment.yml" && !strings.Contains(w.text, "workflows: [pull request]") {
			t.Error("comment.yml does not wait for \"pull request\"")
		}
	}
}

func script(t *testing.T, dir string, env []string, name string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "scripts", name))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

func TestStackAccount_saysWhereAStackIs(t *testing.T) {
	out, errs, err := script(t, root, nil, "stack-account", "prod", "deploy")
	want := "account=222222222222\nregion=us-east-1\nrole=arn:aws:iam::222222222222:role/ds-deploy-prod\nbackend=s3://pulumi-state-222222222222-us-east-1?region=us-east-1\n"
	if err != nil || out != want {
		t.Errorf("%v, got\n%s%s", err, out, errs)
	}
	good := "config:\n  aws:region: cn-north-1 # Beijing\n  ds-pipeline:accountId: \"333333333333\"\n  ds-pipeline:environment: test\n"
	for name, tt := range map[string]struct{ text, want string }{
		"China":          {good, "arn:aws-cn:iam::333333333333:role/ds-preview-test"},
		"no account":     {strings.Replace(good, "accountId", "accountID", 1), "Pulumi.x.yaml: ds-pipeline:accountId: got '', want 12 digits"},
		"short account":  {strings.Replace(good, "333333333333", "3333", 1), "got '3333', want 12 digits"},
		"no region":      {strings.Replace(good, "cn-north-1", "${region}", 1), "want a region such as us-east-1"},
		"an environment": {strings.Replace(good, "test", "a;b", 1), "got 'a;b', want an environment such as dev"},
		"two accounts":   {good + "  ds-pipeline:accountId: \"444444444444\"\n", "want 12 digits"},
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "Pulumi.x.yaml"), []byte(tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		out, errs, err := script(t, dir, nil, "stack-account", "x", "preview")
		if !strings.Contains(out+errs, tt.want) || (err == nil) != strings.HasPrefix(tt.want, "arn:") {
			t.Errorf("%s: %v, got %s%s, want %s", name, err, out, errs, tt.want)
		}
	}
	for want, args := range map[string][]string{"no Pulumi.none.yaml here": {"none", "preview"}, "want preview or deploy": {"dev", "admin"}, "want the name of a stack": {"../dev", "preview"}} {
		if _, errs, err := script(t, root, nil, "stack-account", args...); err == nil || !strings.Contains(errs, want) {
			t.Errorf("%q: %v, got %s, want %s", args, err, errs, want)
		}
	}
}
