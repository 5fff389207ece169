package named

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrKind says that a file is where a folder was wanted, or the other way round.
var ErrKind = errors.New("of another kind")

// Error says what is wrong with a path, and which argument named it.
type Error struct {
	Argument string // such as "--input"
	Path     string
	Why      string // what is there instead, and what would have been right
	Err      error  // the cause: of the system, or ErrKind
}

func (e *Error) Error() string { return fmt.Sprintf("%s %s: %s", e.Argument, Near(e.Path), e.Why) }
func (e *Error) Unwrap() error { return e.Err }

// File says why there is no file to read at a path that an argument named; nil if
// there is one, a pipe or a device.
func File(argument, path string) error {
	switch info, err := os.Stat(path); {
	case err != nil:
		return failed(argument, path, err)
	case info.IsDir():
		return &Error{argument, path, "it is a folder; want a file", ErrKind}
	}
	return nil
}

// Folder says why there is no folder at a path that an argument named.
func Folder(argument, path string) error {
	switch info, err := os.Stat(path); {
	case IsMissing(err):
		return &Error{argument, path, missing(path + string(filepath.Separator)), err}
	case err != nil:
		return failed(argument, path, err)
	case !info.IsDir():
		return &Error{argument, path, "it is a file; want a folder", ErrKind}
	}
	return nil
}

// Target says why no file can be written at a path that an argument named: nothing
// makes folders for it.
func Target(argument, path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return &Error{argument, path, "it is a folder; want the name of a file", ErrKind}
	}
	dir := filepath.Dir(path)
	switch info, err := os.Stat(dir); {
	case err != nil:
		return failed(argument, path, err)
	case !info.IsDir():
		return &Error{argument, path, Near(dir) + " is a file; want a folder", ErrKind}
	}
	return nil
}

// Read reads a file that an argument named, of so many bytes at most.
func Read(argument, path string, most int64) (text []byte, err error) {
	if err := File(argument, path); err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, failed(argument, path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if text, err = io.ReadAll(io.LimitReader(f, most+1)); err != nil {
		return nil, failed(argument, path, err)
	}
	if int64(len(text)) > most {
		return nil, &Error{argument, path, fmt.Sprintf("it has more than %d bytes; want at most so many", most), ErrTooLarge}
	}
	return text, nil
}

// ErrTooLarge says that a file is larger than what was wanted.
var ErrTooLarge = errors.New("too large")

func failed(argument, path string, err error) error {
	if IsMissing(err) {
		return &Error{argument, path, missing(path), err}
	}
	why := err.Error()
	var pe *fs.PathError
	if errors.As(err, &pe) {
		why = pe.Err.Error() // the path is said already
	}
	return &Error{argument, path, why, err}
}

// IsMissing tells whether an error is that there is nothing at a path.
func IsMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// Near is a path as one would write it here.
func Near(path string) string {
	here, err := os.Getwd()
	if err != nil {
		return path
	}
	if near, err := filepath.Rel(here, path); err == nil && filepath.IsLocal(near) {
		return near
	}
	return path
}

// Missing says of a path at which nothing is where it ends, and what may have been
// meant; "" if something is there now, or if that cannot be told. A path that ends
// in a slash is a folder's.
func Missing(path string) string {
	if _, err := os.Stat(path); err == nil || !IsMissing(err) {
		return ""
	}
	return missing(path)
}

// Meant asks whether what is most like the path was meant at which nothing is: a
// clause, or "" if nothing is like it.
func Meant(path string) string {
	_, meant := absent(path)
	return meant
}

func missing(path string) string {
	text, meant := absent(path)
	if meant != "" {
		text += "; " + meant
	}
	return text
}

// absent says where a path ends, and asks what may have been meant.
func absent(path string) (text, meant string) {
	const nothing = "there is no such file"
	whole, err := filepath.Abs(path)
	if err != nil {
		return nothing, ""
	}
	// What is there of it, and the first name that is not.
	dir, name, last := whole, "", true
	for at := whole; ; {
		info, err := os.Stat(at)
		if err == nil {
			if dir = at; !info.IsDir() {
				return Near(dir) + " is a file, not a folder", ""
			}
			break
		}
		if !IsMissing(err) || filepath.Dir(at) == at {
			return nothing, "" // a folder that may not be looked into
		}
		last, name, at = at == whole, filepath.Base(at), filepath.Dir(at)
	}
	if name == "" {
		return nothing, "" // as it was a moment ago
	}
	folder := !last || strings.HasSuffix(path, string(filepath.Separator))
	what := ""
	if folder {
		what = "folder "
	}
	if near := Nearest(name, names(dir, folder, strings.HasPrefix(name, "."))); near != "" {
		meant = fmt.Sprintf("did you mean %q?", near)
	} else if strings.HasPrefix(path, "s3/") || strings.HasPrefix(path, "s3:") {
		meant = "an object of S3 is s3://bucket/key"
	}
	return fmt.Sprintf("there is no %s%q in %s", what, name, dir), meant
}

// names are those in a folder, only of its folders if so wished, and hidden ones or
// those that are not.
func names(dir string, folders, hidden bool) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // nothing to suggest then
	}
	var all []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") == hidden && (e.IsDir() || !folders) {
			all = append(all, e.Name())
		}
	}
	return all
}
