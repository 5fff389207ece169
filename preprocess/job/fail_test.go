package job

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/storage"
)

func TestExplained_asksWhatWasMeant(t *testing.T) {
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(filepath.Join(dir, "data"), 0o700), os.WriteFile(filepath.Join(dir, "penguins.csv"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	missing := func(u storage.URI) error { return &storage.Error{Op: "read", URI: u, Kind: storage.ErrNotFound} }
	file := func(path string) storage.URI { return storage.URI{Path: path} }
	for _, c := range []struct {
		name   string
		err    error
		more   string // what is added
		status int
	}{
		{"a file", missing(file("pengiuns.csv")), `: there is no "pengiuns.csv" in ` + dir + `; did you mean "penguins.csv"?`, contract.ExitNoInput},
		{"a glob", missing(file("dta/*.csv")), `: there is no folder "dta" in ` + dir + `; did you mean "data"?`, contract.ExitNoInput},
		{"a glob in a folder that is there", missing(file("data/*.csv")), "", contract.ExitNoInput},
		{"a glob here", missing(file("*.gz")), "", contract.ExitNoInput},
		{"below a file", missing(file("penguins.csv/x")), ": penguins.csv is a file, not a folder", contract.ExitNoInput},
		{"a target", &storage.Error{Op: "write", URI: file("dta/out.csv"), Kind: storage.ErrTarget}, `; did you mean "data"?`, contract.ExitConfig},
		{"a target like nothing", &storage.Error{Op: "write", URI: file("somewhere/out.csv"), Kind: storage.ErrTarget}, "", contract.ExitConfig},
		{"what cannot be read", &storage.Error{Op: "read", URI: file("dta/out.csv"), Kind: storage.ErrTarget}, "", contract.ExitConfig},
		{"the standard input", missing(file(storage.Stdin)), "", contract.ExitNoInput},
		{"an object", missing(storage.URI{Bucket: "b", Key: "pengiuns.csv"}), "", contract.ExitNoInput},
		{"what is denied", &storage.Error{Op: "read", URI: file("pengiuns.csv"), Kind: storage.ErrDenied}, "", contract.ExitNoPerm},
		{"something else", errors.New("x"), "", contract.ExitSoftware},
	} {
		got := explained(c.err)
		if got.Error() != c.err.Error()+c.more || !errors.Is(got, c.err) || ExitStatus(got) != c.status {
			t.Errorf("%s: status %d, got  %v\nwant %v%s", c.name, ExitStatus(got), got, c.err, c.more)
		}
	}
}

func TestList_isReadable(t *testing.T) {
	one, two := errors.New("a: missing"), errors.New("b:\nx\ny")
	if got := list("settings", []error{one}); got.Error() != "settings: a: missing" || !errors.Is(got, one) {
		t.Errorf("got %v", got)
	}
	if got, want := list("settings", []error{one, two}).Error(), "settings: 2 problems:\n  a: missing\n  b:\n  x\n  y"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestSpot_showsAValueOnlyIfAsked(t *testing.T) {
	for _, c := range []struct {
		spot  spot
		shows bool
		want  string
	}{
		{spot{line: 3, reason: "not a number", column: "age", value: "n/a"}, false, `line 3, column "age": not a number`},
		{spot{line: 3, reason: "not a number", column: "age", value: "n/a"}, true, `line 3, column "age": not a number: "n/a"`},
		{spot{line: 3, reason: "2 fields, want 3"}, true, "line 3: 2 fields, want 3"},
		{spot{input: "s3://in/a.csv", line: 3, reason: "2 fields, want 3"}, false, "s3://in/a.csv: line 3: 2 fields, want 3"},
	} {
		if got := c.spot.text(c.shows); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestBeside_isInTheSameFolder(t *testing.T) {
	for want, u := range map[string]storage.URI{
		"s3://b/x/y/rejects.csv": {Bucket: "b", Key: "x/y/data.csv"}, "s3://b/rejects.csv": {Bucket: "b", Key: "data.csv"},
		"x/y/rejects.csv": {Path: "x/y/data.csv"}, "/rejects.csv": {Path: "/data.csv"},
	} {
		if got := beside(u, contract.RejectsName).String(); got != want {
			t.Errorf("beside %s: %s, want %s", u, got, want)
		}
	}
}
