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
	"path"
	"path/filepath"
	"strings"
)

// PackageLimits bound what is unpacked.
type PackageLimits struct {
	Files int   // entries, folders and links among them
	Bytes int64 // of all files, unpacked
}

// DefaultPackageLimits are those of a package unless settings say otherwise.
func DefaultPackageLimits() PackageLimits { return PackageLimits{Files: 10_000, Bytes: 512 << 20} }

// PackageError says why a package was refused.
type PackageError struct {
	Entry  string // "" for the package as a whole
	Reason string
}

func (e *PackageError) Error() string {
	if e.Entry == "" {
		return e.Reason
	}
	return fmt.Sprintf("entry %q: %s", e.Entry, e.Reason)
}

// entryOverhead is what an entry may take in an archive beside its bytes.
const entryOverhead = 64 << 10

// Unpack unpacks a .tar.gz, .tar or .zip (a wheel is one) into dir, which
// has to exist and to be empty. Nothing is written outside of it, whatever the
// archive says. What is refused is a *PackageError, or several joined, one for each
// entry; a part may be left behind.
func Unpack(archive io.ReaderAt, size int64, dir string, limits PackageLimits) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }()
	u := &unpacker{root: root, limits: limits}
	head := make([]byte, 4)
	n, err := archive.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	all := io.NewSectionReader(archive, 0, size)
	switch head = head[:n]; {
	case bytes.HasPrefix(head, []byte{0x1f, 0x8b}):
		packed, err := gzip.NewReader(all)
		if err != nil {
			return damaged(err)
		}
		err = u.tar(packed)
		if err != nil {
			return err
		}
	case bytes.HasPrefix(head, []byte("PK")):
		if err := u.zip(archive, size); err != nil {
			return err
		}
	default:
		if err := u.tar(all); err != nil {
			return err
		}
	}
	if len(u.refused) > 0 {
		return errors.Join(u.refused...)
	}
	if u.files == 0 {
		return &PackageError{Reason: "there is nothing in it; want a .tar.gz, .tar, .zip or .whl with Python modules"}
	}
	return u.checkLinks()
}

type unpacker struct {
	root    *os.Root
	limits  PackageLimits
	entries int
	files   int
	bytes   int64
	links   []string
	refused []error // because of an entry
}

// maxRefused is how many entries are told of.
const maxRefused = 20

// goOn notes what is wrong with an entry. Whatever else is wrong is returned, and
// so is what is one too many.
func (u *unpacker) goOn(err error) error {
	var e *PackageError
	if !errors.As(err, &e) || e.Entry == "" {
		return err
	}
	u.refused = append(u.refused, err)
	if len(u.refused) == maxRefused {
		return errors.Join(append(u.refused, &PackageError{Reason: "there may be more; these are the first"})...)
	}
	return nil
}

func damaged(err error) error {
	return &PackageError{Reason: fmt.Sprintf("not a whole .tar.gz, .tar, .zip or .whl: %v", err)}
}

// archiveReader bounds what is unpacked, whatever the headers say.
type archiveReader struct {
	r    io.Reader
	left int64
}

var errArchiveTooLong = errors.New("unpacks to more than is allowed")

func (r *archiveReader) Read(p []byte) (int, error) {
	if r.left <= 0 {
		return 0, errArchiveTooLong
	}
	n, err := r.r.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

func (u *unpacker) tar(r io.Reader) error {
	bounded := &archiveReader{r, u.limits.Bytes + int64(u.limits.Files+16)*entryOverhead}
	archive := tar.NewReader(bounded)
	for {
		h, err := archive.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, errArchiveTooLong):
			return u.tooManyBytes()
		case err != nil:
			return damaged(err)
		}
		switch h.Typeflag {
		case tar.TypeXGlobalHeader:
			continue
		case tar.TypeDir:
			err = u.folder(h.Name)
		case tar.TypeReg, tar.TypeGNUSparse:
			err = u.file(h.Name, h.FileInfo().Mode(), archive)
		case tar.TypeSymlink:
			err = u.symlink(h.Name, h.Linkname)
		case tar.TypeLink:
			err = u.hardlink(h.Name, h.Linkname)
		default:
			err = &PackageError{h.Name, "a device, a pipe or something else that is no file, folder or link"}
		}
		if errors.Is(err, errArchiveTooLong) {
			return u.tooManyBytes()
		}
		if err := u.goOn(err); err != nil {
			return err
		}
	}
}

func (u *unpacker) zip(r io.ReaderAt, size int64) error {
	// The directory of a zip is read at once: it is a part of the file.
	archive, err := zip.NewReader(r, size)
	if err != nil {
		return damaged(err)
	}
	for _, f := range archive.File {
		if err := u.goOn(u.zipEntry(f)); err != nil {
			return err
		}
	}
	return nil
}

// maxLink is the longest target of a link, in bytes.
const maxLink = 4096

func (u *unpacker) zipEntry(f *zip.File) error {
	mode := f.Mode()
	if strings.HasSuffix(f.Name, "/") || mode.IsDir() {
		return u.folder(f.Name)
	}
	if !mode.IsRegular() && mode.Type() != fs.ModeSymlink {
		return &PackageError{f.Name, "a device, a pipe or something else that is no file, folder or link"}
	}
	r, err := f.Open()
	if err != nil {
		return damaged(err)
	}
	defer func() { _ = r.Close() }()
	if mode.Type() == fs.ModeSymlink {
		target, err := io.ReadAll(io.LimitReader(r, maxLink))
		if err != nil {
			return damaged(err)
		}
		return u.symlink(f.Name, string(target))
	}
	return u.file(f.Name, mode, r)
}

// place checks the name of an entry, and makes its folder. It is "" for the top.
func (u *unpacker) place(entry string) (string, error) {
	if u.entries++; u.entries > u.limits.Files {
		return "", &PackageError{Reason: fmt.Sprintf("more than %d files and folders", u.limits.Files)}
	}
	if path.IsAbs(entry) || strings.ContainsAny(entry, "\\\x00") {
		return "", &PackageError{entry, "want a path that is relative, with slashes"}
	}
	for part := range strings.SplitSeq(entry, "/") {
		if part == ".." {
			return "", &PackageError{entry, `want a path without ".."`}
		}
	}
	name := path.Clean(entry)
	if name == "." {
		return "", nil
	}
	if !filepath.IsLocal(name) {
		return "", &PackageError{entry, "want a path inside the package"}
	}
	if err := u.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return "", &PackageError{entry, "its folder cannot be made: " + cause(err)}
	}
	return name, nil
}

// refused says why an entry could not be made, as one of the same name that is
// there already.
func refused(entry string, err error) error {
	if errors.Is(err, fs.ErrExist) {
		return &PackageError{entry, "stands twice"}
	}
	return &PackageError{entry, cause(err)}
}

// cause is what is wrong, without a path of this machine.
func cause(err error) string {
	for {
		var at *fs.PathError
		if !errors.As(err, &at) {
			return err.Error()
		}
		err = at.Err
	}
}

func (u *unpacker) folder(entry string) error {
	name, err := u.place(entry)
	if err != nil || name == "" {
		return err
	}
	if err := u.root.MkdirAll(name, 0o700); err != nil {
		return refused(entry, err)
	}
	return nil
}

func (u *unpacker) file(entry string, mode fs.FileMode, r io.Reader) error {
	name, err := u.place(entry)
	if err != nil {
		return err
	}
	if name == "" {
		return &PackageError{entry, "a file without a name"}
	}
	access := fs.FileMode(0o600)
	if mode&0o111 != 0 {
		access = 0o700
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, access)
	if err != nil {
		return refused(entry, err)
	}
	n, err := io.Copy(f, io.LimitReader(r, u.limits.Bytes-u.bytes+1))
	if cerr := f.Close(); err == nil && cerr != nil {
		return cerr
	}
	if u.bytes += n; u.bytes > u.limits.Bytes {
		return u.tooManyBytes()
	}
	u.files++
	switch {
	case errors.Is(err, errArchiveTooLong):
		return err
	case errors.As(err, new(*fs.PathError)): // of the file that is written
		return err
	case err != nil:
		return damaged(err)
	}
	return nil
}

func (u *unpacker) tooManyBytes() error {
	return &PackageError{Reason: fmt.Sprintf("unpacks to more than %d bytes", u.limits.Bytes)}
}

func (u *unpacker) symlink(entry, target string) error {
	name, err := u.place(entry)
	if err != nil {
		return err
	}
	if name == "" || target == "" || len(target) >= maxLink || path.IsAbs(target) || !filepath.IsLocal(path.Join(path.Dir(name), target)) {
		return leadsOut(entry)
	}
	if err := u.root.Symlink(target, name); err != nil {
		return refused(entry, err)
	}
	u.links = append(u.links, name)
	return nil
}

func leadsOut(entry string) error {
	return &PackageError{entry, "a link that leads out of the package"}
}

func (u *unpacker) hardlink(entry, target string) error {
	name, err := u.place(entry)
	if err != nil {
		return err
	}
	old := path.Clean(target)
	if name == "" || !filepath.IsLocal(old) {
		return leadsOut(entry)
	}
	if err := u.root.Link(old, name); err != nil {
		return refused(entry, err)
	}
	return nil
}

// checkLinks follows every link, now that all are there: several together may
// lead where none of them does.
func (u *unpacker) checkLinks() error {
	for _, name := range u.links {
		var err error
		switch _, serr := u.root.Stat(name); {
		case errors.Is(serr, fs.ErrNotExist):
			err = &PackageError{name, "a link that leads to nothing"}
		case serr != nil:
			err = leadsOut(name)
		}
		if err := u.goOn(err); err != nil {
			return err
		}
	}
	return errors.Join(u.refused...)
}

// ModulePaths are the folders of an unpacked package that modules are imported
// from: the package itself, and, if all of it is one folder that is no module
// (the source of a distribution, name-1.0/), that folder and its src.
func ModulePaths(dir string) ([]string, error) {
	paths := []string{dir}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	if len(entries) != 1 || !entries[0].IsDir() {
		return paths, nil
	}
	only := filepath.Join(dir, entries[0].Name())
	if exists(filepath.Join(only, "__init__.py")) {
		return paths, nil
	}
	paths = append(paths, only)
	if src := filepath.Join(only, "src"); exists(src) {
		paths = append(paths, src)
	}
	return paths, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
