package script

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ds-pipeline/internal/pythontest"
)

func TestCheck_saysWhatIsWrong(t *testing.T) {
	const neither = "defines neither transform(df) nor process(rows) outside of functions and classes; want one of them"
	const kinds = "; want a .py file, a text whose first line is #! and an interpreter, or a program for Linux on x86-64 or ARM64"
	elf := func(class, data, machine byte) string {
		return "\x7fELF" + string([]byte{class, data, 1}) + strings.Repeat("\x00", 11) + string([]byte{machine, 0})
	}
	for name, test := range map[string]struct{ file, text, want string }{
		"a function":           {"s.py", "def transform(df):\n    return df\n", ""},
		"with types":           {"s.py", "def transform[T](df: T) -> T:\n    return df\n", ""},
		"rows":                 {"s.PY", "\xef\xbb\xbf# text\nimport os\n\ndef process (rows) : return rows\n", ""},
		"conditional":          {"s.py", "try:\n    import x\nexcept ImportError:\n\tdef transform(df):\n\t\treturn df\n", ""},
		"assigned":             {"s.py", "class A:\n    def f(self, df): return df\ntransform = A().f\n", ""},
		"imported":             {"s.py", "from package import (\n    transform,\n    setup,\n)\n", ""},
		"imported as":          {"s.py", "import package.m as process\n", ""},
		"imported, all":        {"s.py", "from package import *\n", ""},
		"executed":             {"s.py", "exec('def transform(df): return df')\n", ""},
		"global":               {"s.py", "def make():\n    global transform\n    transform = len\nmake()\n", ""},
		"after a text":         {"s.py", "x = '''\ndef process(rows):\n''' + 'it\\'s' + \"#\"\ndef transform(df): return df\n", ""},
		"empty":                {"s.py", "", "it is empty"},
		"in a text":            {"s.py", "\"\"\"\ndef transform(df): return df\n\"\"\"\n", neither},
		"in a comment":         {"s.py", "# def transform(df):\n", neither},
		"in a class":           {"s.py", "class A:\n    def transform(self, df):\n        return df\n", neither},
		"in a function":        {"s.py", "def main(x):\n  def process(rows):\n    return rows\n  transform = process\n", neither},
		"called":               {"s.py", "import m\nm.transform(m.df)\n", neither},
		"asynchronous":         {"s.py", "async def transform(df): return df\n", neither},
		"both":                 {"s.py", "def transform(df): return df\ndef process(rows): return rows\n", "defines both transform(df) and process(rows); want one of them"},
		"a NUL":                {"s.py", "def process(rows):\n\x00", "line 2: a NUL byte; want a text"},
		"Latin-1":              {"s.py", "x = 1\nname = 'J\xfcrgen'\ndef run(): pass\n", "line 2: not UTF-8, and no line such as # coding: latin-1 says what it is\n" + neither},
		"Latin-1 that says so": {"s.py", "# -*- coding: latin-1 -*-\n# J\xfcrgen\ndef process(rows): return rows\n", ""},
		"a shell script":       {"s.sh", "#! /bin/sh\nexec cat\n", ""},
		"of Windows":           {"s.sh", "#!/bin/sh\r\nexec cat\r\n", "its lines end as on Windows, so that the interpreter is looked for with a carriage return in its name; want line feeds alone"},
		"relative":             {"s.sh", "#!sh\nexec cat\n", `its first line is "#!sh"; want #! and an absolute path, such as #!/bin/sh`},
		"nothing to do":        {"s.sh", "#!/bin/sh\n\n", "there is nothing after its first line"},
		"no interpreter":       {"s.sh", "exec cat\n", "neither a program nor a text that says what runs it" + kinds},
		"a program":            {"s", elf(2, 1, 62), ""},
		"one for ARM64":        {"s", elf(2, 1, 183), ""},
		"one for 32 bits":      {"s", elf(1, 1, 3), "a program for another kind of processor" + kinds},
		"one for RISC-V":       {"s", elf(2, 1, 243), "a program for another kind of processor (243)" + kinds},
		"one of Windows":       {"s.exe", "MZ\x90\x00", "a program for another operating system" + kinds},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "file")
			if err := os.WriteFile(path, []byte(test.text), 0o600); err != nil {
				t.Fatal(err)
			}
			problems, err := Check(path, test.file)
			if got := strings.Join(problems, "\n"); err != nil || got != test.want {
				t.Errorf("got\n%s, %v\nwant\n%s", got, err, test.want)
			}
		})
	}
	large := filepath.Join(t.TempDir(), "large.py")
	if err := os.WriteFile(large, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(large, MaxBytes+1); err != nil {
		t.Fatal(err)
	}
	if problems, err := Check(large, large); err != nil || len(problems) != 1 || problems[0] != "268435457 bytes, want at most 268435456" {
		t.Errorf("got %q, %v", problems, err)
	}
}

// Nothing that runs is called wrong: what stands in Python's own library and
// defines a function at its top is found.
func TestTopNames_areThoseThatPythonSees(t *testing.T) {
	list := exec.Command(pythontest.Find(t), "-c", `
import ast, glob, os, sysconfig
for path in sorted(glob.glob(os.path.join(sysconfig.get_path("stdlib"), "*.py"))):
    try:
        body = ast.parse(open(path, "rb").read()).body
    except SyntaxError:
        continue
    for node in body:
        if isinstance(node, ast.FunctionDef):
            print(path, node.name)
`)
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]map[string]binds{}
	count := 0
	for line := range strings.Lines(string(out)) {
		path, name, _ := strings.Cut(strings.TrimSpace(line), " ")
		if names[path] == nil {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			names[path] = topNames(string(source))
		}
		if count++; names[path][name] != surely {
			t.Errorf("%s: %s is not found", path, name)
		}
	}
	if count < 500 {
		t.Errorf("%d functions, want many", count)
	}
}

func FuzzCheckPython(f *testing.F) {
	f.Add([]byte("def transform(df):\n    return df\n"))
	f.Add([]byte("'''\\"))
	f.Add([]byte("x = ('#', \"\n\"\\\n)}\r# \xff"))
	f.Fuzz(func(_ *testing.T, source []byte) { checkPython(source) })
}
