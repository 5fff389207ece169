package job

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"

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
