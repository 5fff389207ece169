package components

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// tree writes files, by path, into a new directory.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		write(t, filepath.Join(dir, name), content)
	}
	return dir
}

func write(t *testing.T, file, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func hashOf(t *testing.T, dir string) string {
	t.Helper()
	hash, err := buildContextHash(dir)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func exampleContext() map[string]string {
	return map[string]string{
		"Dockerfile":               "FROM golang AS build\nCOPY go.mod go.sum ./\nCOPY preprocess/ preprocess/\nFROM scratch\nCOPY --from=build /out/ /\n",
		".dockerignore":            "**/*_test.go\n**/testdata\n",
		"go.mod":                   "module x\n",
		"go.sum":                   "",
		"preprocess/main.go":       "package main\n",
		"preprocess/main_test.go":  "package main\n",
		"preprocess/a/testdata/in": "1\n",
		"stack/stack.go":           "package stack\n",
	}
}

func TestBuildContextHash_changesWithWhatIsCopied(t *testing.T) {
	before := hashOf(t, tree(t, exampleContext()))
	for name, change := range map[string]func(files map[string]string){
		"content":     func(f map[string]string) { f["preprocess/main.go"] += "// x\n" },
		"a new file":  func(f map[string]string) { f["preprocess/b/new.go"] = "package b\n" },
		"a file gone": func(f map[string]string) { delete(f, "preprocess/main.go"); f["preprocess/other.go"] = "" },
		"a renamed file": func(f map[string]string) {
			f["preprocess/n.go"] = f["preprocess/main.go"]
			delete(f, "preprocess/main.go")
		},
		"the Dockerfile":                    func(f map[string]string) { f["Dockerfile"] += "USER 1\n" },
		"go.sum":                            func(f map[string]string) { f["go.sum"] = "x" },
		"the ignore file lets more through": func(f map[string]string) { f[".dockerignore"] = "**/*_test.go\n" },
	} {
		files := exampleContext()
		change(files)
		if hashOf(t, tree(t, files)) == before {
			t.Errorf("%s changed and the hash did not", name)
		}
	}
}

func TestBuildContextHash_staysWithEverythingElse(t *testing.T) {
	before := hashOf(t, tree(t, exampleContext()))
	for name, change := range map[string]func(files map[string]string){
		"nothing":                    func(map[string]string) {},
		"a file elsewhere":           func(f map[string]string) { f["stack/stack.go"] += "// x\n"; f["README.md"] = "x" },
		"a test":                     func(f map[string]string) { f["preprocess/main_test.go"] += "// x\n" },
		"test data":                  func(f map[string]string) { f["preprocess/a/testdata/more"] = "2\n" },
		"a name that is longer":      func(f map[string]string) { f["preprocess2/x.go"] = ""; f["go.mod2"] = "" },
		"a comment in .dockerignore": func(f map[string]string) { f[".dockerignore"] += "# x\n" },
	} {
		files := exampleContext()
		change(files)
		if hashOf(t, tree(t, files)) != before {
			t.Errorf("%s changed and so did the hash", name)
		}
	}
}

func TestBuildContextHash_ignoresModesAndTimes(t *testing.T) {
	dir := tree(t, exampleContext())
	before := hashOf(t, dir)
	file := filepath.Join(dir, "preprocess/main.go")
	if err := os.Chmod(file, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(file, time.Unix(0, 0), time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	if hashOf(t, dir) != before {
		t.Error("the hash changed")
	}
}

func TestBuildContextHash_followsNoLinkAndCountsItsTarget(t *testing.T) {
	dir := tree(t, exampleContext())
	link := filepath.Join(dir, "preprocess/link")
	hashes := map[string]bool{}
	for _, target := range []string{"main.go", "/nowhere"} {
		_ = os.Remove(link)
		if err := os.Symlink(target, link); err != nil {
			t.Fatal(err)
		}
		hashes[hashOf(t, dir)] = true
	}
	if len(hashes) != 2 {
		t.Error("the target of a link does not count")
	}
}

func TestBuildContextHash_saysWhatIsMissing(t *testing.T) {
	files := exampleContext()
	delete(files, "go.mod")
	files[".dockerignore"] += "preprocess\n"
	_, err := buildContextHash(tree(t, files))
	if err == nil || !strings.Contains(err.Error(), "COPY go.mod: no such file") || !strings.Contains(err.Error(), "COPY preprocess: no such file") {
		t.Errorf("got %v", err)
	}
}

func TestContextFiles_areThoseOfTheRealBuild(t *testing.T) {
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := dockerfileSources(string(dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	files, err := contextFiles("..", sources)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"go.mod", "go.sum", "preprocess/contract/contract.go"} {
		if !slices.Contains(files, want) {
			t.Errorf("%s is not copied", want)
		}
	}
	for _, file := range files {
		if strings.Contains(file, "testdata") || strings.HasSuffix(file, "_test.go") || !strings.HasPrefix(file, "preprocess/") && !strings.HasPrefix(file, "go.") {
			t.Errorf("%s is copied", file)
		}
	}
}

// TestDockerignore_letsThroughExactlyWhatIsCopied matters because the builder
// looks at everything that .dockerignore lets through, and builds again when any
// of it changes; our tag would stay the same.
func TestDockerignore_letsThroughExactlyWhatIsCopied(t *testing.T) {
	dockerfile, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := dockerfileSources(string(dockerfile))
	if err != nil {
		t.Fatal(err)
	}
	copied, err := contextFiles("..", sources)
	if err != nil {
		t.Fatal(err)
	}
	through, err := contextFiles("..", []string{"."})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(copied, through) {
		t.Errorf("%d files are copied, %d let through", len(copied), len(through))
	}
}

func TestDockerfileSources_readsEveryForm(t *testing.T) {
	tests := []struct{ dockerfile, want string }{
		{"COPY a b /dest/", "a b"},
		{"copy --chown=1:1 --chmod=755 ./a/ /dest", "a"},
		{"COPY --from=build /x /y", ""},
		{`COPY ["with space.txt", "b", "/dest/"]`, "with space.txt b"},
		{"COPY . .", "."},
		{"COPY / /x", "."},
		{"COPY ../up /x", "up"},
		{"COPY a \\\n  # a comment\n\n  b \\\n  /dest", "a b"},
		{"# escape=`\nCOPY a `\n b /dest", "a b"},
		{"COPY *.go /dest", "*.go"},
		{"ADD https://example.com/x git@github.com:a/b.git local /dest", "local"},
		{"COPY <<EOF /file\nCOPY nothing /x\nEOF\nCOPY a /x", "a"},
		{"ADD <<-'EOF' /file\nCOPY nothing /x\n\tEOF\nADD a /x", "a"},
		{"LABEL x=<<EOF\nCOPY a /x\nEOF\nCOPY b /x", "a b"},
		{"RUN <<EOF\nCOPY nothing /x\nEOF\nCOPY a /x", "a"},
		{"RUN --mount=type=bind,source=src,target=/src make", "src"},
		{"RUN --mount=target=/src make", "."},
		{"RUN --mount=type=cache,target=/c --mount=type=bind,from=build,source=x,target=/x make", ""},
		{"FROM scratch\nENV COPY=a\n# COPY b c\nRUN echo COPY d e", ""},
		{"COPY a b\r\nCOPY c d\r\n", "a c"},
	}
	for _, tt := range tests {
		got, err := dockerfileSources(tt.dockerfile)
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%q: got %q, %v, want %q", tt.dockerfile, got, err, tt.want)
		}
	}
}

func TestDockerfileSources_refusesWhatItCannotRead(t *testing.T) {
	for dockerfile, want := range map[string]string{
		"FROM x\nCOPY $SRC /x":       "line 2: COPY $SRC: a variable in a source is not supported: write the path",
		"COPY a":                     "line 1: COPY a: want at least a source and a destination",
		"COPY [\"a\" /x":             "line 1: COPY [\"a\" /x: want a list of strings",
		"FROM x\n\nONBUILD COPY a b": "line 3: ONBUILD runs in another build: not supported",
	} {
		if _, err := dockerfileSources(dockerfile); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", dockerfile, err, want)
		}
	}
}

func TestDockerignore_decidesAsTheBuilderDoes(t *testing.T) {
	tests := []struct {
		rules    string
		excluded string
		kept     string
	}{
		{"*\n!go.mod\n!preprocess\n**/testdata\n", "a b/c preprocess/testdata/x preprocess/a/testdata/y", "go.mod preprocess/main.go preprocess/a/b.go"},
		{"# comment\n\n  *.md  \n", "README.md", "docs/README.md a.go #"},
		{"**/*.md\n!docs/keep.md\n", "README.md docs/a.md x/y/z.md", "docs/keep.md"},
		{"docs/\n/bin\n", "docs/a docs/b/c bin/x", "x/docs/a binary"},
		{"a?c\n[xy].go\n", "abc x.go y.go", "ac abbc z.go"},
		{"dir\n!dir/keep\ndir/keep/not\n", "dir/a dir/keep/not/x", "dir/keep/yes"},
		{"**\n!**/*.go\n", "a.txt b/c.txt", "a.go b/c.go"},
	}
	for _, tt := range tests {
		rules, err := parseDockerignore(strings.NewReader(tt.rules))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range strings.Fields(tt.excluded) {
			if !rules.excludes(name) {
				t.Errorf("%q keeps %s", tt.rules, name)
			}
		}
		for _, name := range strings.Fields(tt.kept) {
			if rules.excludes(name) {
				t.Errorf("%q excludes %s", tt.rules, name)
			}
		}
	}
	if _, err := parseDockerignore(strings.NewReader("ok\n[a\n")); err == nil || !strings.HasPrefix(err.Error(), "line 2: [a") {
		t.Errorf("got %v", err)
	}
}

// TestDockerfileSources_neverLeaveTheContext puts Dockerfiles together from
// pieces that mean something to the reader, in any order.
func TestDockerfileSources_neverLeaveTheContext(t *testing.T) {
	pieces := []string{
		"COPY ", "ADD ", "RUN ", "FROM ", "ONBUILD ", "a", "b/c", "..", "../", "/", ".", "*", "[", "]", `["a","b"]`, `"`, "\\", "`", "\n", "\r\n", " ", "\t",
		"# escape=`\n", "#", "<<EOF", "<<-E", "EOF", "E", "--from=x ", "--chown=1:1 ", "--mount=type=bind,source=../x ", "--mount=source=/ ", "$X", "https://x/y", "git@x",
	}
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 30).Draw(t, "pieces"), "")
		sources, err := dockerfileSources(text)
		if err != nil {
			return
		}
		for _, source := range sources {
			if source == "" || strings.HasPrefix(source, "/") || source == ".." || strings.HasPrefix(source, "../") {
				t.Fatalf("%q takes %q, which is outside the context", text, source)
			}
		}
	})
}

func TestImageTag_isATagAndTellsComponentsApart(t *testing.T) {
	one, err := imageTag("one", "testdata/context", AMD64)
	if err != nil {
		t.Fatal(err)
	}
	two, err := imageTag("two", "testdata/context", AMD64)
	if err != nil {
		t.Fatal(err)
	}
	arm, err := imageTag("one", "testdata/context", ARM64)
	if err != nil {
		t.Fatal(err)
	}
	if one == two || one == arm || len(one) > 128 || strings.Trim(one, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		t.Errorf("got %s, %s, %s", one, two, arm)
	}
}
