package script

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// launcherName is what the job calls itself when it is to become a script: it
// limits itself first, so that not even the first instruction of the script runs
// without limits.
const launcherName = "preprocess-script-launcher"

// launch is what the launcher is told.
type launch struct {
	Path     string   `json:"path"`
	Args     []string `json:"args"` // with the program's name
	Memory   int64    `json:"memory"`
	Network  bool     `json:"network"`
	Writable []string `json:"writable"` // folders
}

// A process that was started for it becomes a script here, before anything of the
// program runs: whatever program uses this package, none can forget it.
func init() {
	if len(os.Args) != 2 || os.Args[0] != launcherName {
		return
	}
	var l launch
	err := json.Unmarshal([]byte(os.Args[1]), &l)
	if err == nil {
		err = l.become()
	}
	fmt.Fprintf(os.Stderr, "%s%v\n", launchFailed, err)
	os.Exit(127)
}

// launchFailed marks the line that says why a script could not be started.
const launchFailed = launcherName + ": "

func (l launch) become() error {
	// What follows holds for this thread, and it is this thread that becomes the
	// script.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	path, err := syscall.BytePtrFromString(l.Path)
	if err != nil {
		return err
	}
	args, err := syscall.SlicePtrFromStrings(l.Args)
	if err != nil {
		return err
	}
	environment, err := syscall.SlicePtrFromStrings(os.Environ())
	if err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("set limits: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("set no_new_privs: %w", err)
	}
	if err := restrictWriting(l.Writable); err != nil {
		return fmt.Errorf("restrict writing: %w", err)
	}
	if !l.Network {
		if err := denyNetwork(); err != nil {
			return fmt.Errorf("%s%w", networkFailed, err)
		}
	}
	memory := unix.Rlimit{Cur: uint64(l.Memory), Max: uint64(l.Memory)}
	// Nothing may be allocated from here on: Go has more address space than a script
	// may have, and dies if it then wants more.
	_, _, errno := syscall.RawSyscall6(unix.SYS_PRLIMIT64, 0, unix.RLIMIT_AS, uintptr(unsafe.Pointer(&memory)), 0, 0, 0) //nolint:gosec // the kernel takes a struct
	if errno == 0 {
		_, _, errno = syscall.RawSyscall(unix.SYS_EXECVE, uintptr(unsafe.Pointer(path)), uintptr(unsafe.Pointer(&args[0])), uintptr(unsafe.Pointer(&environment[0]))) //nolint:gosec // running scripts is what this is for
	}
	complain(launchFailed)
	complain(errno.Error())
	complain("\n")
	_, _, _ = syscall.RawSyscall(unix.SYS_EXIT_GROUP, 127, 0, 0)
	return errno
}

// complain writes to the standard error and allocates nothing.
func complain(text string) {
	_, _, _ = syscall.RawSyscall(unix.SYS_WRITE, 2, uintptr(unsafe.Pointer(unsafe.StringData(text))), uintptr(len(text))) //nolint:gosec // the kernel takes bytes
}

// restrictWriting lets this thread and what it becomes write nothing but what is
// in some folders, with Landlock. Linux before 5.13 and kernels without it cannot:
// there the file system is as it is.
func restrictWriting(folders []string) error {
	abi, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return nil //nolint:nilerr // there is no Landlock
	}
	writing := uint64(unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_CHAR | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK | unix.LANDLOCK_ACCESS_FS_MAKE_SYM)
	if abi >= 2 {
		writing |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if abi >= 3 {
		writing |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	attr := unix.LandlockRulesetAttr{Access_fs: writing}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr.Access_fs), 0) //nolint:gosec // the kernel takes a struct
	if errno != 0 {
		return errno
	}
	for _, folder := range append(folders, "/dev") { // /dev/null, /dev/shm
		at, err := unix.Open(folder, unix.O_PATH|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.ENOENT) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", folder, err)
		}
		below := unix.LandlockPathBeneathAttr{Allowed_access: writing, Parent_fd: int32(at)}
		_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, fd, unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&below)), 0, 0, 0) //nolint:gosec // the kernel takes a struct
		_ = unix.Close(at)
		if errno != 0 {
			return fmt.Errorf("%s: %w", folder, errno)
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, fd, 0, 0); errno != 0 {
		return errno
	}
	return unix.Close(int(fd))
}

// launcher is the command line that starts a program with limits.
func launcher(path string, args []string, limits Limits, writable []string) (string, []string, error) {
	text, err := json.Marshal(launch{path, args, limits.MemoryBytes, limits.Network, writable})
	return "/proc/self/exe", []string{launcherName, string(text)}, err
}

// hide keeps other processes of the same user from reading this one's memory and
// environment, where credentials may be.
func hide() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
