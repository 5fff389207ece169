package storage

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

func statFile(u URI, path string) (Info, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return Info{URI: u}, nil
	}
	if err != nil {
		return Info{}, fileError("read", u, err)
	}
	return fileInfo(u, info), nil
}

func fileInfo(u URI, info fs.FileInfo) Info {
	return Info{URI: u, Exists: true, Size: info.Size(), Version: fileVersion(info), Modified: info.ModTime(), file: info}
}

// same tells whether nobody wrote between the two looks at a file.
func (i Info) same(now Info) bool {
	if !i.Exists || !now.Exists {
		return i.Exists == now.Exists
	}
	return i.Version == now.Version && os.SameFile(i.file, now.file)
}

// target is the place of a file that is to be published.
type target struct {
	uri  URI
	path string // of the file itself: a symbolic link stays, and what it points to is replaced
	mode fs.FileMode
}

func findTarget(u URI) (target, error) {
	refuse := func(format string, args ...any) (target, error) {
		return target{}, &Error{Op: "write", URI: u, Kind: ErrTarget, Err: fmt.Errorf(format, args...)}
	}
	if u.Path == Stdin {
		u.Path = "standard output"
		return refuse("a result appears whole or not at all, so it cannot be a stream; want s3://bucket/key or a path")
	}
	path, err := filepath.EvalSymlinks(u.Path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		if link, lerr := os.Lstat(u.Path); lerr == nil && link.Mode()&fs.ModeSymlink != 0 {
			return refuse("it is a symbolic link to what does not exist; want a file, or a link to one")
		}
		path, err = u.Path, nil
	}
	if err != nil {
		return target{}, fileError("write", u, err)
	}
	t := target{uri: u, path: path, mode: 0o644}
	switch info, err := os.Stat(path); {
	case err == nil && info.IsDir():
		return refuse("it is a directory; want the name of a file")
	case err == nil && !info.Mode().IsRegular():
		return refuse("it is not a regular file")
	case err == nil:
		t.mode = info.Mode().Perm()
	}
	if filepath.Base(path) == "" || strings.HasSuffix(path, "/") {
		return refuse("it ends in a slash; want the name of a file")
	}
	if info, err := os.Stat(t.dir()); errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && !info.IsDir() {
		return refuse("there is no directory %s", t.dir())
	}
	return t, nil
}

func (t target) dir() string { return filepath.Dir(t.path) }

const tempSuffix = ".tmp"

// tempPrefix starts the names of temporary files, which have 255 bytes at most.
func (t target) tempPrefix() string {
	const random = 20 // digits of a number of 64 bits
	name := filepath.Base(t.path)
	return "." + name[:min(len(name), 255-len("..")-random-len(tempSuffix))] + "."
}

func (t target) tempName() string {
	return filepath.Join(t.dir(), t.tempPrefix()+strconv.FormatUint(rand.Uint64(), 10)+tempSuffix) //nolint:gosec // only has to differ
}

// leftovers are the temporary files that were in folders when something was first
// written there. A folder is looked through once: with the thousands of files of a
// run in it, once for each of them takes longer than all else.
type leftovers struct {
	mu      sync.Mutex
	folders map[string]map[string][]string // paths by tempPrefix, by folder
}

// take returns those of a target, once.
func (l *leftovers) take(t target) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	found, looked := l.folders[t.dir()]
	if !looked {
		entries, err := os.ReadDir(t.dir())
		if err != nil {
			return nil // a folder may be there to write to only
		}
		found = map[string][]string{}
		for _, e := range entries {
			if prefix, ok := tempPrefixOf(e.Name()); ok && e.Type().IsRegular() {
				found[prefix] = append(found[prefix], filepath.Join(t.dir(), e.Name()))
			}
		}
		if l.folders == nil {
			l.folders = map[string]map[string][]string{}
		}
		l.folders[t.dir()] = found
	}
	paths := found[t.tempPrefix()]
	delete(found, t.tempPrefix())
	return paths
}

// tempPrefixOf is the tempPrefix of a name that tempName gives.
func tempPrefixOf(name string) (prefix string, ok bool) {
	rest, ends := strings.CutSuffix(name, tempSuffix)
	at := strings.LastIndexByte(rest, '.') + 1
	_, err := strconv.ParseUint(rest[at:], 10, 64)
	return rest[:at], ends && err == nil
}

// clean removes the temporary files of processes that are gone: the living hold
// a lock.
func (l *leftovers) clean(t target, warn func(error)) {
	for _, path := range l.take(t) {
		if err := removeUnlocked(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			warn(fileError("remove", URI{Path: path}, err))
		}
	}
}

func removeUnlocked(path string) error {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if lock(f, syscall.LOCK_EX|syscall.LOCK_NB) != nil || !isAt(f, path) {
		return nil // in use, or on a file system without locks; or published meanwhile
	}
	return os.Remove(path)
}

func lock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// isAt tells whether a path still leads to an open file.
func isAt(f *os.File, path string) bool {
	opened, err := f.Stat()
	if err != nil {
		return false
	}
	now, err := os.Lstat(path)
	return err == nil && os.SameFile(opened, now)
}

// publish puts a temporary file in the place of the target, if the condition
// holds. All publishing in a folder is one at a time.
func (t target) publish(temp string, condition Condition) (Info, error) {
	// A crash must not leave a name without its content, nor lose the name.
	unlock := t.lockDir()
	defer unlock()
	if err := t.check(condition); err != nil {
		return Info{}, err
	}
	if err := os.Rename(temp, t.path); err != nil {
		return Info{}, fileError("write", t.uri, err)
	}
	// Not every file system can sync a folder.
	if d, err := os.Open(t.dir()); err == nil {
		_ = d.Sync()
		_ = d.Close()
	}
	return statFile(t.uri, t.path)
}

func (t target) lockDir() (unlock func()) {
	d, err := os.Open(t.dir())
	if err != nil {
		return func() {}
	}
	_ = lock(d, syscall.LOCK_EX) // some file systems have no locks
	return func() { _ = d.Close() }
}

func (t target) check(condition Condition) error {
	if condition.seen == nil {
		return nil
	}
	now, err := statFile(t.uri, t.path)
	if err == nil && !condition.seen.same(now) {
		err = &Error{Op: "write", URI: t.uri, Kind: ErrConflict}
	}
	return err
}

// fileUpload is a temporary file beside its target, locked while it is written.
type fileUpload struct {
	ctx       context.Context
	target    target
	condition Condition
	f         *os.File
	done      bool

	written, started int64 // bytes, and those of which the kernel was told to write them
}

// writebackBytes is how much is written before the disk is to begin with it, so
// that publishing has little to wait for.
const writebackBytes = 16 << 20

func (s *Store) createFile(ctx context.Context, u URI, condition Condition) (*fileUpload, error) {
	t, err := findTarget(u)
	if err != nil {
		return nil, err
	}
	s.leftovers.clean(t, s.warn)
	for {
		f, err := os.OpenFile(t.tempName(), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return nil, fileError("write", u, err)
		}
		// Another run may take it for an old one before it is locked.
		if lock(f, syscall.LOCK_EX) == nil && !isAt(f, f.Name()) {
			_ = f.Close()
			continue
		}
		up := &fileUpload{ctx: ctx, target: t, condition: condition, f: f}
		if err := f.Chmod(t.mode); err != nil {
			return nil, errors.Join(fileError("write", u, err), up.Abort())
		}
		return up, nil
	}
}

func (up *fileUpload) Write(p []byte) (int, error) {
	if err := up.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := up.f.Write(p)
	if err != nil {
		err = fileError("write", up.target.uri, err)
	}
	up.written += int64(n)
	if more := up.written - up.started; more >= writebackBytes {
		startWriteback(up.f, up.started, more)
		up.started = up.written
	}
	return n, err
}

func (up *fileUpload) Commit() (Info, error) {
	if err := up.ctx.Err(); err != nil {
		return Info{}, err
	}
	if err := up.f.Sync(); err != nil {
		return Info{}, fileError("write", up.target.uri, err)
	}
	info, err := up.target.publish(up.f.Name(), up.condition)
	if err != nil {
		return Info{}, err
	}
	up.done = true
	_ = up.f.Close() // synced
	return info, nil
}

func (up *fileUpload) Abort() error {
	if up.done {
		return nil
	}
	up.done = true
	err := os.Remove(up.f.Name())
	_ = up.f.Close()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError("write", up.target.uri, err)
	}
	return nil
}

func (s *Store) copyFile(ctx context.Context, from Info, to URI, condition Condition) (Info, error) {
	source, err := os.Open(from.URI.Path)
	if err != nil {
		return Info{}, fileError("copy", from.URI, err)
	}
	defer func() { _ = source.Close() }()
	now, err := source.Stat()
	if err != nil {
		return Info{}, fileError("copy", from.URI, err)
	}
	if !from.same(fileInfo(from.URI, now)) {
		return Info{}, &Error{Op: "copy", URI: from.URI, Kind: ErrConflict}
	}
	t, err := findTarget(to)
	if err != nil {
		return Info{}, err
	}
	s.leftovers.clean(t, s.warn)
	info, linked, err := t.link(source, condition, s.warn)
	if linked || err != nil {
		return info, err
	}
	up, err := s.createFile(ctx, to, condition)
	if err != nil {
		return Info{}, err
	}
	n, err := io.Copy(up, source)
	if err == nil && n != from.Size {
		err = &Error{Op: "copy", URI: from.URI, Kind: ErrConflict}
	}
	if err == nil {
		info, err = up.Commit()
	}
	if err != nil {
		s.warn(up.Abort())
	}
	return info, err
}

// link publishes a second name of an open file, if the file system can.
func (t target) link(source *os.File, condition Condition, warn func(error)) (info Info, linked bool, err error) {
	if isAt(source, t.path) { // has both names already, which a rename would leave as they are
		unlock := t.lockDir()
		defer unlock()
		if err := t.check(condition); err != nil {
			return Info{}, true, err
		}
		info, err = statFile(t.uri, t.path)
		return info, true, err
	}
	// Locked, it is not taken for what a killed run has left.
	if lock(source, syscall.LOCK_SH) != nil {
		return Info{}, false, nil
	}
	resolved, err := filepath.EvalSymlinks(source.Name())
	if err != nil {
		return Info{}, false, nil
	}
	temp := t.tempName()
	if err := os.Link(resolved, temp); err != nil || !isAt(source, temp) {
		_ = os.Remove(temp)
		return Info{}, false, nil
	}
	info, err = t.publish(temp, condition)
	if err != nil {
		if remove := os.Remove(temp); remove != nil {
			warn(fileError("remove", URI{Path: temp}, remove))
		}
	}
	return info, true, err
}

func deleteFile(u URI, condition Condition) error {
	t := target{uri: u, path: u.Path}
	defer t.lockDir()()
	if err := t.check(condition); err != nil {
		return err
	}
	if err := os.Remove(u.Path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fileError("delete", u, err)
	}
	return nil
}
