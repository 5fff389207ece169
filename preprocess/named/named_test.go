package named

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestNearest_isCloseOrNothing(t *testing.T) {
	for _, c := range []struct{ name, near, any string }{
		{"penguins.csv", "penguins.csv", "penguins.csv"},
		{"pengiuns.csv", "penguins.csv", "penguins.csv"},
		{"PENGUINS.CSV", "penguins.csv", "penguins.csv"},
		{"model.jblib", "model.joblib", "model.joblib"},
		{"q", "", "data"},
		{"pe_____s.csv", "penguins.csv", "penguins.csv"},
		{"p______s.csv", "", "penguins.csv"},
		{"something else", "", "model.joblib"},
	} {
		candidates := []string{"data", "model.joblib", "penguins.csv"}
		if got := Nearest(c.name, candidates); got != c.near {
			t.Errorf("nearest to %q is %q, want %q", c.name, got, c.near)
		}
		if got := Any(c.name, candidates); got != c.any {
			t.Errorf("any near %q is %q, want %q", c.name, got, c.any)
		}
	}
	if got := Any("x", nil); got != "" {
		t.Errorf("got %q of no candidates", got)
	}
}

func TestDistance_countsWhatIsInsertedDeletedOrReplaced(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0},
		{"", "abc", 3},
		{"abc", "", 3},
		{"abc", "abc", 0},
		{"abc", "xabc", 1},
		{"abc", "abcx", 1},
		{"abc", "bc", 1},
		{"abc", "ab", 1},
		{"abc", "axc", 1},
		{"abc", "xyz", 3},
		{"ab", "ba", 2},
		{"kitten", "sitting", 3},
		{"saturday", "sunday", 3},
	} {
		if got := distance(c.a, c.b); got != c.want {
			t.Errorf("from %q to %q: got %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

// folder makes a folder with some files, and goes there.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err == nil {
		err = errors.Join(os.Mkdir(filepath.Join(dir, "data"), 0o750), os.WriteFile(filepath.Join(dir, "penguins.csv"), []byte("a\n1\n"), 0o600),
			os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o600), os.Symlink("loop", filepath.Join(dir, "loop")))
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	return dir
}

func TestFiles_sayWhatWouldHaveBeenRight(t *testing.T) {
	dir := folder(t)
	read := func(argument, path string) error {
		_, err := Read(argument, path, 4)
		return err
	}
	for _, c := range []struct {
		name  string
		check func(string, string) error
		path  string
		want  string // "" for all is well
		cause error
	}{
		{"a file", File, "penguins.csv", "", nil},
		{"a mistake", File, "pengiuns.csv", `--x pengiuns.csv: there is no "pengiuns.csv" in ` + dir + `; did you mean "penguins.csv"?`, fs.ErrNotExist},
		{"the whole path", File, dir + "/pengiuns.csv", `--x pengiuns.csv: there is no "pengiuns.csv" in ` + dir + `; did you mean "penguins.csv"?`, fs.ErrNotExist},
		{"nothing like it", File, "x.parquet", `--x x.parquet: there is no "x.parquet" in ` + dir, fs.ErrNotExist},
		{"in a folder", File, "data/a.csv", `--x data/a.csv: there is no "a.csv" in ` + dir + "/data", fs.ErrNotExist},
		{"the folder's name", File, "dta/a.csv", `--x dta/a.csv: there is no folder "dta" in ` + dir + `; did you mean "data"?`, fs.ErrNotExist},
		{"a folder is no candidate for a file's folder", File, "penguin/a", `--x penguin/a: there is no folder "penguin" in ` + dir, fs.ErrNotExist},
		{"below a file", File, "penguins.csv/a", "--x penguins.csv/a: penguins.csv is a file, not a folder", nil},
		{"a folder", File, "data", "--x data: it is a folder; want a file", ErrKind},
		{"hidden", File, ".hiden", `--x .hiden: there is no ".hiden" in ` + dir + `; did you mean ".hidden"?`, fs.ErrNotExist},
		{"not hidden", File, "hidden", `--x hidden: there is no "hidden" in ` + dir, fs.ErrNotExist},
		{"a link to itself", File, "loop", "--x loop: too many levels of symbolic links", syscall.ELOOP},
		{"a link to itself as folder", Folder, "loop", "--x loop: too many levels of symbolic links", syscall.ELOOP},
		{"a new file below a link to itself", Target, "loop/new", "--x loop/new: too many levels of symbolic links", syscall.ELOOP},
		{"S3", File, "s3/bucket/key", `--x s3/bucket/key: there is no folder "s3" in ` + dir + "; an object of S3 is s3://bucket/key", fs.ErrNotExist},
		{"a folder", Folder, "data", "", nil},
		{"no folder", Folder, "dat", `--x dat: there is no folder "dat" in ` + dir + `; did you mean "data"?`, fs.ErrNotExist},
		{"a file as folder", Folder, "penguins.csv", "--x penguins.csv: it is a file; want a folder", ErrKind},
		{"a new file", Target, "new.csv", "", nil},
		{"an old file", Target, "penguins.csv", "", nil},
		{"a new file in no folder", Target, "dta/new.csv", `--x dta/new.csv: there is no folder "dta" in ` + dir + `; did you mean "data"?`, fs.ErrNotExist},
		{"a new file below a file", Target, "penguins.csv/new", "--x penguins.csv/new: penguins.csv is a file; want a folder", ErrKind},
		{"a folder as new file", Target, "data", "--x data: it is a folder; want the name of a file", ErrKind},
		{"to read", read, "penguins.csv", "", nil},
		{"a folder to read", read, "data", "--x data: it is a folder; want a file", ErrKind},
		{"to read, mistaken", read, "pengiuns.csv", `--x pengiuns.csv: there is no "pengiuns.csv" in ` + dir + `; did you mean "penguins.csv"?`, fs.ErrNotExist},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.check("--x", c.path)
			if c.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || err.Error() != c.want {
				t.Fatalf("got  %v\nwant %s", err, c.want)
			}
			if c.cause != nil && !errors.Is(err, c.cause) {
				t.Errorf("%v is not %v", err, c.cause)
			}
		})
	}
}

func TestRead_refusesWhatIsTooLarge(t *testing.T) {
	folder(t)
	if _, err := Read("--x", "penguins.csv", 3); !errors.Is(err, ErrTooLarge) || !strings.Contains(err.Error(), "has more than 3 bytes") {
		t.Errorf("got %v", err)
	}
	if text, err := Read("--x", "penguins.csv", 4); err != nil || string(text) != "a\n1\n" {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestRead_ofWhatCannotBeReadFails(t *testing.T) {
	const memory = "/proc/self/mem" // nothing is at its address 0
	if err := File("--x", memory); err != nil {
		t.Skip("needs Linux: ", err)
	}
	if text, err := Read("--x", memory, 4); !errors.Is(err, syscall.EIO) || text != nil || !strings.HasSuffix(err.Error(), ": input/output error") {
		t.Errorf("got %q, %v", text, err)
	}
}

func TestMissing_saysNothingOfWhatIsThere(t *testing.T) {
	dir := folder(t)
	if got := Missing("penguins.csv"); got != "" {
		t.Errorf("got %q", got)
	}
	if got := Missing("loop"); got != "" {
		t.Errorf("got %q of what cannot be looked at", got)
	}
	if got := Meant("loop/penguins.csv"); got != "" {
		t.Errorf("got %q below what cannot be looked at", got)
	}
	if got, want := Meant("dta/"), `did you mean "data"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := Missing("dta/"), `there is no folder "dta" in `+dir+`; did you mean "data"?`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
