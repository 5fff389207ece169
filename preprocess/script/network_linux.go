package script

import (
	"errors"
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// architectures are those for which there is a filter, by their names in Go.
var architectures = map[string]uint32{"amd64": unix.AUDIT_ARCH_X86_64, "arm64": unix.AUDIT_ARCH_AARCH64}

// x32 is set in the numbers of a second set of system calls that amd64 has.
const x32 = 0x40000000

// refusedCalls are system calls that would reach the network in another way: rings
// that make sockets, and hands on the sockets of another process.
var refusedCalls = []struct {
	number uint32
	errno  unix.Errno
}{
	{unix.SYS_IO_URING_SETUP, unix.ENOSYS}, {unix.SYS_IO_URING_ENTER, unix.ENOSYS}, {unix.SYS_IO_URING_REGISTER, unix.ENOSYS},
	{unix.SYS_PIDFD_GETFD, unix.EPERM}, {unix.SYS_PTRACE, unix.EPERM},
	{unix.SYS_PROCESS_VM_READV, unix.EPERM}, {unix.SYS_PROCESS_VM_WRITEV, unix.EPERM},
}

// Places in what a filter sees of a system call, struct seccomp_data. Of the first
// argument it is the low half, as both processors are little-endian and a domain
// is an int.
const (
	dataNumber   = 0
	dataArch     = 4
	dataArgument = 16
)

// networkFilter lets all system calls pass but those that would open a socket
// that is not of this machine (AF_UNIX), and those of another architecture, whose
// numbers mean something else.
func networkFilter(arch uint32) []unix.SockFilter {
	load := func(at uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: at}
	}
	equal := func(v uint32, yes, no uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jt: yes, Jf: no, K: v}
	}
	answer := func(v uint32) unix.SockFilter { return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: v} }
	refuse := func(errno unix.Errno) unix.SockFilter { return answer(unix.SECCOMP_RET_ERRNO | uint32(errno)) }

	filter := []unix.SockFilter{load(dataArch), equal(arch, 1, 0), answer(unix.SECCOMP_RET_KILL_PROCESS), load(dataNumber)}
	if arch == unix.AUDIT_ARCH_X86_64 {
		filter = append(filter, unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K, Jf: 1, K: x32}, refuse(unix.EPERM))
	}
	for _, c := range refusedCalls {
		filter = append(filter, equal(c.number, 0, 1), refuse(c.errno))
	}
	return append(filter,
		equal(unix.SYS_SOCKET, 1, 0), equal(unix.SYS_SOCKETPAIR, 0, 3),
		load(dataArgument), equal(unix.AF_UNIX, 1, 0), refuse(unix.EACCES),
		answer(unix.SECCOMP_RET_ALLOW))
}

var errProcessor = errors.New("there is no filter for this processor")

// denyNetwork keeps this thread, and what it becomes and starts, from opening
// sockets but those of this machine. It needs no_new_privs, and no privilege.
func denyNetwork() error {
	arch, ok := architectures[runtime.GOARCH]
	if !ok {
		return fmt.Errorf("%w: %s", errProcessor, runtime.GOARCH)
	}
	filter := networkFilter(arch)
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0) //nolint:gosec // the kernel takes a struct
	runtime.KeepAlive(filter)
	return err
}
