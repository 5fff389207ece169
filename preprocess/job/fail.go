package job

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/named"
	"ds-pipeline/preprocess/storage"
)

// Error is a failure with the exit status that it deserves.
type Error struct {
	Status int // of package contract
	Err    error
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// ErrInterrupted says that the run was told to stop.
var ErrInterrupted = errors.New("interrupted; nothing was published, try again")

func fail(status int, format string, args ...any) error {
	return &Error{Status: status, Err: fmt.Errorf(format, args...)}
}

// ExitStatus is the exit status that err deserves.
func ExitStatus(err error) int {
	var e *Error
	switch {
	case err == nil:
		return contract.ExitOK
	case errors.As(err, &e):
		return e.Status
	case errors.Is(err, context.Canceled), errors.Is(err, ErrInterrupted), errors.Is(err, storage.ErrConflict):
		return contract.ExitTempFail
	case errors.Is(err, storage.ErrNotFound):
		return contract.ExitNoInput
	case errors.Is(err, storage.ErrDenied):
		return contract.ExitNoPerm
	case errors.Is(err, storage.ErrUnavailable):
		return contract.ExitUnavailable
	case errors.Is(err, storage.ErrTarget):
		return contract.ExitConfig
	case errors.Is(err, storage.ErrTooLarge):
		return contract.ExitData
	}
	var se *storage.Error
	if errors.As(err, &se) {
		return contract.ExitIO
	}
	return contract.ExitSoftware
}

// explained adds to an error about a file that is not there what is there, and what
// may have been meant.
func explained(err error) error {
	var e *storage.Error
	if !errors.As(err, &e) || e.URI.IsS3() || e.URI.Path == storage.Stdin {
		return err
	}
	add := func(status int, format, why string) error {
		if why == "" {
			return err
		}
		return &Error{Status: status, Err: fmt.Errorf("%w"+format+"%s", err, why)}
	}
	path := e.URI.Path
	if at := strings.IndexAny(path, `*?[`); at >= 0 && e.URI.IsPattern() {
		path = filepath.Clean(path[:strings.LastIndexByte(path[:at], filepath.Separator)+1]) + string(filepath.Separator) // its folder
	}
	switch {
	case errors.Is(err, storage.ErrNotFound):
		return add(ExitStatus(err), ": ", named.Missing(path))
	case errors.Is(err, syscall.ENOTDIR): // a file where a folder was meant
		return add(contract.ExitNoInput, ": ", named.Missing(path))
	case errors.Is(err, storage.ErrTarget) && e.Op == "write": // which says that there is no folder
		return add(ExitStatus(err), "; ", named.Meant(filepath.Dir(path)+string(filepath.Separator)))
	}
	return err
}

// nearbyTimeout is how long a run that fails waits for names to suggest.
const nearbyTimeout = 10 * time.Second

// hintError is an error with what may have been meant.
type hintError struct {
	error
	hint string
}

func (e *hintError) Error() string { return strings.TrimSuffix(e.error.Error(), ".") + "; " + e.hint }
func (e *hintError) Unwrap() error { return e.error }

// hinted adds to an error about an object of S3 that is not there what may have been
// meant, which takes one request. Of files explained does it.
func hinted(ctx context.Context, store *storage.Store, err error) error {
	var e *storage.Error
	if !errors.Is(err, storage.ErrNotFound) || !errors.As(err, &e) {
		return err
	}
	if hint := Meant(ctx, store, e.URI); hint != "" {
		return &hintError{err, hint}
	}
	return err
}

// Meant says what may have been meant by the name of an object of S3, a prefix or a
// glob, at which nothing is: a clause, or "" if nothing is like it, or if nobody may
// say. It takes one request for the names in its folder; of a glob, for those beside
// its folder.
func Meant(ctx context.Context, store *storage.Store, u storage.URI) string {
	if !u.IsS3() {
		return ""
	}
	if at := strings.IndexAny(u.Key, `*?[`); at >= 0 && !strings.HasSuffix(u.Key, "/") {
		u.Key = u.Key[:strings.LastIndexByte(u.Key[:at], '/')+1]
	}
	if u.Key == "" {
		return "" // the bucket itself
	}
	ctx, cancel := context.WithTimeout(ctx, nearbyTimeout)
	defer cancel()
	all, err := store.Nearby(ctx, u)
	if err != nil {
		return ""
	}
	folder := u.Folder()
	if len(all) == 0 && folder.Key != "" {
		return "there is nothing in " + folder.Key
	}
	var names []string
	for _, n := range all {
		if strings.HasSuffix(n.Key, "/") == strings.HasSuffix(u.Key, "/") {
			names = append(names, strings.TrimPrefix(n.Key, folder.Key))
		}
	}
	name := strings.TrimPrefix(u.Key, folder.Key)
	if near := named.Nearest(name, names); near != "" && near != name {
		return fmt.Sprintf("did you mean %q?", storage.URI{Bucket: u.Bucket, Key: folder.Key + near})
	}
	return ""
}

// list joins problems, one per line, below a title.
func list(title string, problems []error) error {
	if len(problems) == 1 {
		return fmt.Errorf("%s: %w", title, problems[0])
	}
	lines := make([]string, len(problems))
	for i, p := range problems {
		lines[i] = "\n  " + strings.ReplaceAll(p.Error(), "\n", "\n  ")
	}
	return fmt.Errorf("%s: %d problems:%s", title, len(problems), strings.Join(lines, ""))
}
