package script

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var roomy = PackageLimits{Files: 100, Bytes: 1 << 20}

func file(name, text string) tar.Header {
	return tar.Header{Name: name, Linkname: text, Typeflag: tar.TypeReg}
}

// tarball packs headers; Linkname of a file is its text.
func tarball(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var b bytes.Buffer
	packed := gzip.NewWriter(&b)
	w := tar.NewWriter(packed)
	for _, h := range headers {
		text := ""
		if h.Typeflag == tar.TypeReg {
			text, h.Linkname = h.Linkname, ""
			h.Size = int64(len(text))
		}
		if h.Typeflag != tar.TypeXGlobalHeader {
			h.Mode |= 0o644
		}
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, text); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), packed.Close()); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zipped(t testing.TB, mode fs.FileMode, nameAndText ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(nameAndText); i += 2 {
		h := &zip.FileHeader{Name: nameAndText[i], Method: zip.Deflate}
		h.SetMode(mode)
		f, err := w.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, nameAndText[i+1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func unpack(archive []byte, dir string, limits PackageLimits) error {
	return Unpack(bytes.NewReader(archive), int64(len(archive)), dir, limits)
}

func TestUnpack_makesFilesFoldersAndLinks(t *testing.T) {
	run := tar.Header{Name: "tool", Linkname: "#!/bin/sh\n", Typeflag: tar.TypeReg, Mode: 0o755}
	for name, archive := range map[string][]byte{
		"tar.gz": tarball(t,
			tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}},
			tar.Header{Name: "./", Typeflag: tar.TypeDir},
			file("./pkg/__init__.py", "a = 1\n"), file("pkg/deep/er/m.py", ""), run,
			tar.Header{Name: "pkg/same.py", Linkname: "__init__.py", Typeflag: tar.TypeSymlink},
			tar.Header{Name: "hard.py", Linkname: "pkg/__init__.py", Typeflag: tar.TypeLink}),
		"zip": zipped(t, 0o755, "pkg/__init__.py", "a = 1\n", "pkg/same.py", "a = 1\n", "hard.py", "a = 1\n", "tool", "#!/bin/sh\n", "empty/", ""),
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := unpack(archive, dir, roomy); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"pkg/__init__.py", "pkg/same.py", "hard.py"} {
				if text, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(text) != "a = 1\n" {
					t.Errorf("%s: %q, %v", name, text, err)
				}
			}
			if info, err := os.Stat(filepath.Join(dir, "tool")); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("tool: %v, %v; want it to be executable, by its owner alone", info, err)
			}
			if info, err := os.Stat(filepath.Join(dir, "pkg")); err != nil || info.Mode().Perm() != 0o700 {
				t.Errorf("pkg: %v, %v; want it to be its owner's alone", info, err)
			}
		})
	}
}

func TestUnpack_takesAsMuchAsIsAllowed(t *testing.T) {
	half := strings.Repeat("x", 512<<10)
	var many []string
	for i := range 99 {
		many = append(many, fmt.Sprintf("f%d", i), "")
	}
	for name, archive := range map[string][]byte{
		"bytes in a tar": tarball(t, file("x", half), file("y", half)),
		"bytes in a zip": zipped(t, 0o600, "x", half, "y", half),
		"files":          zipped(t, 0o600, append(many, "folder/", "")...),
	} {
		if err := unpack(archive, t.TempDir(), roomy); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	dir := t.TempDir()
	if err := unpack(tarball(t, file("x", half)), dir, roomy); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(dir, "x")); err != nil || info.Mode().Perm() != 0o600 || info.Size() != int64(len(half)) {
		t.Errorf("%v, %v; want a file for its owner alone", info, err)
	}
}

func TestUnpack_refuses(t *testing.T) {
	link := func(name, target string) tar.Header {
		return tar.Header{Name: name, Linkname: target, Typeflag: tar.TypeSymlink}
	}
	zeros := strings.Repeat("\x00", 2<<20)
	var headers []tar.Header
	for range 12 {
		headers = append(headers, tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": strings.Repeat("x", 900<<10)}})
	}
	tests := []struct {
		name    string
		archive []byte
		want    string
	}{
		{"an absolute path", tarball(t, file("/etc/x", "")), `entry "/etc/x": want a path that is relative, with slashes`},
		{"a path up", tarball(t, file("a/../../x", "")), `entry "a/../../x": want a path without ".."`},
		{"a path up in a zip", zipped(t, 0o644, "../x", ""), `entry "../x": want a path without ".."`},
		{"a backslash", zipped(t, 0o644, `..\x`, ""), `entry "..\\x": want a path that is relative, with slashes`},
		{"an absolute link", tarball(t, link("x", "/etc/passwd")), `entry "x": a link that leads out of the package`},
		{"a link up", tarball(t, link("a/x", "../../y")), `entry "a/x": a link that leads out of the package`},
		{"a link up in a zip", zipped(t, 0o644|fs.ModeSymlink, "x", "../y"), `entry "x": a link that leads out of the package`},
		{"links that lead out together", tarball(t, file("sub/f", ""), link("sub/d", ".."), link("l", "sub/d/..")), `entry "l": a link that leads out of the package`},
		{"a file through a link", tarball(t, file("sub/f", ""), link("sub/d", ".."), link("l", "sub/d/.."), file("l/x", "")), `entry "l/x": its folder cannot be made: path escapes from parent`},
		{"a link to nothing", tarball(t, file("f", ""), link("x", "y")), `entry "x": a link that leads to nothing`},
		{"a link of too many bytes", tarball(t, link("x", strings.Repeat("y", maxLink))), `entry "x": a link that leads out of the package`},
		{"a link of too many bytes in a zip", zipped(t, 0o644|fs.ModeSymlink, "x", strings.Repeat("y", 2*maxLink)), `entry "x": a link that leads out of the package`},
		{"a link that is empty", zipped(t, 0o644|fs.ModeSymlink, "x", ""), `entry "x": a link that leads out of the package`},
		{"a link in place of the package", tarball(t, link(".", "x")), `entry ".": a link that leads out of the package`},
		{"a file in place of the package", tarball(t, file(".", "x")), `entry ".": a file without a name`},
		{"a hard link in place of the package", tarball(t, file("f", ""), tar.Header{Name: ".", Linkname: "f", Typeflag: tar.TypeLink}), `entry ".": a link that leads out of the package`},
		{"a hard link out", tarball(t, tar.Header{Name: "x", Linkname: "../y", Typeflag: tar.TypeLink}), `entry "x": a link that leads out of the package`},
		{"a device", tarball(t, tar.Header{Name: "x", Typeflag: tar.TypeChar}), `entry "x": a device, a pipe or something else that is no file, folder or link`},
		{"a pipe", tarball(t, tar.Header{Name: "x", Typeflag: tar.TypeFifo}), `entry "x": a device, a pipe or something else that is no file, folder or link`},
		{"a name twice", tarball(t, file("x", "1"), file("x", "2")), `entry "x": stands twice`},
		{"a file below a file", tarball(t, file("x", "1"), file("x/y", "2")), `entry "x/y": its folder cannot be made: file exists`},
		{"several at once", tarball(t, file("/x", ""), file("y", ""), file("y", ""), link("z", "..")),
			"entry \"/x\": want a path that is relative, with slashes\nentry \"y\": stands twice\nentry \"z\": a link that leads out of the package"},
		{"several links", tarball(t, file("x", ""), link("y", "no"), link("z", "no")), "entry \"y\": a link that leads to nothing\nentry \"z\": a link that leads to nothing"},
		{"very many", zipped(t, 0o644, strings.Split(strings.Repeat("../x,,", 50), ",")[:100]...),
			strings.Repeat("entry \"../x\": want a path without \"..\"\n", 20) + "there may be more; these are the first"},
		{"a bomb", tarball(t, file("x", zeros)), `unpacks to more than 1048576 bytes`},
		{"a bomb in a zip", zipped(t, 0o644, "x", zeros), `unpacks to more than 1048576 bytes`},
		{"a bomb of headers", tarball(t, append(headers, file("x", ""))...), `unpacks to more than 1048576 bytes`},
		{"a byte too many", tarball(t, file("x", zeros[:1<<20]), file("y", "1")), `unpacks to more than 1048576 bytes`},
		{"a bomb of two", tarball(t, file("x", zeros[:800<<10]), file("y", zeros[:800<<10])), `unpacks to more than 1048576 bytes`},
		{"many files", zipped(t, 0o644, strings.Split(strings.Repeat("d/,,", 101), ",")[:202]...), `more than 100 files and folders`},
		{"nothing", tarball(t), `there is nothing in it; want a .tar.gz, .tar, .zip or .whl with Python modules`},
		{"something else", []byte("import pandas\n"), `not a whole .tar.gz, .tar, .zip or .whl: unexpected EOF`},
		{"half a file", tarball(t, file("x", "1"))[:40], `not a whole .tar.gz, .tar, .zip or .whl: unexpected EOF`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			above := t.TempDir()
			dir := filepath.Join(above, "package")
			if err := os.Mkdir(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			err := unpack(test.archive, dir, roomy)
			if err == nil || err.Error() != test.want || !errors.As(err, new(*PackageError)) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
			alone(t, above)
		})
	}
}

// alone fails if anything was written outside of the package's folder.
func alone(t testing.TB, above string) {
	t.Helper()
	entries, err := os.ReadDir(above)
	if err != nil || len(entries) != 1 {
		t.Errorf("beside the package: %v, %v", entries, err)
	}
}

func TestModulePaths_findsTheSourceOfADistribution(t *testing.T) {
	for name, test := range map[string]struct {
		files []tar.Header
		want  string
	}{
		"modules":        {[]tar.Header{file("a/__init__.py", ""), file("b.py", "")}, ""},
		"one module":     {[]tar.Header{file("a/__init__.py", "")}, ""},
		"a distribution": {[]tar.Header{file("a-1.0/a/__init__.py", "")}, " a-1.0"},
		"with src":       {[]tar.Header{file("a-1.0/src/a/__init__.py", "")}, " a-1.0 a-1.0/src"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := unpack(tarball(t, test.files...), dir, roomy); err != nil {
				t.Fatal(err)
			}
			paths, err := ModulePaths(dir)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(strings.Join(paths, " "), dir+"/", "")
			if got != dir+test.want {
				t.Errorf("got %q, want %q", got, dir+test.want)
			}
		})
	}
}

// FuzzUnpack looks that nothing gets out and that the limits hold.
func FuzzUnpack(f *testing.F) {
	f.Add(tarball(f, file("a/b", "text"), tar.Header{Name: "c", Linkname: "a/b", Typeflag: tar.TypeSymlink}))
	f.Add(tarball(f, file("../b", "text"), tar.Header{Name: "c", Linkname: "a/../../b", Typeflag: tar.TypeLink}))
	f.Add(zipped(f, 0o644, "a/b", "text", "c/", ""))
	f.Add(zipped(f, fs.ModeSymlink|0o644, "a/b", "../.."))
	f.Add([]byte("PK"))
	plain := PackageLimits{Files: 8, Bytes: 4 << 10}
	f.Fuzz(func(t *testing.T, archive []byte) {
		// Fuzzing meets the headers only without compression.
		if r, err := gzip.NewReader(bytes.NewReader(archive)); err == nil {
			if text, err := io.ReadAll(io.LimitReader(r, 1<<20)); err == nil {
				archive = text
			}
		}
		above := t.TempDir()
		dir := filepath.Join(above, "package")
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		err := unpack(archive, dir, plain)
		alone(t, above)
		size := int64(0)
		_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, werr error) error {
			if werr != nil {
				t.Fatal(werr)
			}
			info, ierr := d.Info()
			if ierr != nil {
				t.Fatal(ierr)
			}
			switch {
			case info.Mode().IsRegular():
				size += info.Size()
			case d.IsDir():
			case d.Type() == fs.ModeSymlink && err == nil:
				real, rerr := filepath.EvalSymlinks(path)
				if rerr != nil || !strings.HasPrefix(real, dir) {
					t.Errorf("%s leads to %s, %v", path, real, rerr)
				}
			case d.Type() != fs.ModeSymlink:
				t.Errorf("%s is %v", path, info.Mode())
			}
			return nil
		})
		if err == nil && size > plain.Bytes*int64(plain.Files) {
			t.Errorf("unpacked %d bytes", size)
		}
	})
}
