package script

import (
	"errors"
	"net"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// decide runs a filter as the kernel does, over a system call.
func decide(t *testing.T, filter []unix.SockFilter, arch, number, argument uint32) uint32 {
	t.Helper()
	data := map[uint32]uint32{dataNumber: number, dataArch: arch, dataArgument: argument}
	var a uint32
	for at := 0; at < len(filter); at++ {
		f := filter[at]
		yes := false
		switch f.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			a = data[f.K]
			continue
		case unix.BPF_RET | unix.BPF_K:
			return f.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			yes = a == f.K
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			yes = a >= f.K
		default:
			t.Fatalf("instruction %d: code %#x", at, f.Code)
		}
		if yes {
			at += int(f.Jt)
		} else {
			at += int(f.Jf)
		}
	}
	t.Fatal("the filter ends without an answer")
	return 0
}

func TestNetworkFilter_decides(t *testing.T) {
	refused := func(e unix.Errno) uint32 { return unix.SECCOMP_RET_ERRNO | uint32(e) }
	for name, arch := range architectures {
		filter := networkFilter(arch)
		type call struct{ arch, number, argument, want uint32 }
		calls := []call{
			{arch, unix.SYS_READ, 0, unix.SECCOMP_RET_ALLOW},
			{arch, unix.SYS_CONNECT, unix.AF_INET, unix.SECCOMP_RET_ALLOW}, // of what it has
			{arch, unix.SYS_SOCKET, unix.AF_UNIX, unix.SECCOMP_RET_ALLOW},
			{arch, unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SECCOMP_RET_ALLOW},
			{arch, unix.SYS_SOCKETPAIR, unix.AF_INET, refused(unix.EACCES)},
			{arch ^ 1, unix.SYS_READ, 0, unix.SECCOMP_RET_KILL_PROCESS},
			{unix.AUDIT_ARCH_I386, unix.SYS_READ, 0, unix.SECCOMP_RET_KILL_PROCESS},
		}
		for family := range uint32(64) {
			if family != unix.AF_UNIX {
				calls = append(calls, call{arch, unix.SYS_SOCKET, family, refused(unix.EACCES)})
			}
		}
		for _, c := range refusedCalls {
			calls = append(calls, call{arch, c.number, 0, refused(c.errno)})
		}
		if arch == unix.AUDIT_ARCH_X86_64 {
			calls = append(calls, call{arch, x32 | unix.SYS_SOCKET, unix.AF_INET, refused(unix.EPERM)}, call{arch, x32 | 0x3fffffff, 0, refused(unix.EPERM)})
		}
		for _, c := range calls {
			if got := decide(t, filter, c.arch, c.number, c.argument); got != c.want {
				t.Errorf("%s: call %d of %#x with %d: got %#x, want %#x", name, c.number, c.arch, c.argument, got, c.want)
			}
		}
	}
}

// listen is a server that tells whether anybody came.
func listen(t *testing.T, network, address string) (string, func() bool) {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	came := make(chan bool, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			came <- true
			_, _ = c.Write([]byte("hello\n"))
			_ = c.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port, func() bool { return len(came) > 0 }
}

func TestScript_hasNoNetwork(t *testing.T) {
	port, came := listen(t, "tcp", "127.0.0.1:0")
	connect := "import socket\ndef process(rows):\n    for row in rows:\n        socket.create_connection(('127.0.0.1', " + port + "), 5)\n        yield row\n"
	look := "import socket\ndef process(rows):\n    socket.getaddrinfo('s3.amazonaws.com', 443)\n    return rows\n"
	wrapped := "import urllib.request\ndef process(rows):\n    urllib.request.urlopen('http://127.0.0.1:" + port + "/', timeout=5)\n    return rows\n"
	program := "#!/bin/bash\necho hello >/dev/tcp/127.0.0.1/" + port + " || exit 1\nexec cat\n"
	for name, test := range map[string]struct {
		file, text string
		want       []string
	}{
		"Python":    {"s.py", connect, []string{"Traceback (most recent call last):\n", `File "s.py", line 4, in process`, "PermissionError: [Errno 13] Permission denied\nit may not use the network"}},
		"a name":    {"s.py", look, []string{"socket.gaierror: ", "\nit may not use the network"}},
		"a library": {"s.py", wrapped, []string{"urllib.error.URLError: <urlopen error [Errno 13] Permission denied>\nit may not use the network"}},
		"a program": {"s.sh", program, []string{"exit status 1", "Permission denied"}},
		"another processor's": {"s.py", "import ctypes\ndef process(rows):\n    libc = ctypes.CDLL(None, use_errno=True)\n" +
			"    assert libc.syscall(" + strconv.Itoa(unix.SYS_IO_URING_SETUP) + ", 1, 0) == -1 and ctypes.get_errno() == 38\n" +
			"    assert libc.syscall(" + strconv.Itoa(x32|unix.SYS_SOCKET) + ", 2, 1, 0) == -1 and ctypes.get_errno() in (1, 38)\n" +
			"    assert libc.syscall(" + strconv.Itoa(unix.SYS_SOCKET) + ", 16, 3, 0) == -1 and ctypes.get_errno() == 13\n    raise ValueError('as it should be')\n", []string{"as it should be"}},
	} {
		t.Run(name, func(t *testing.T) {
			s, _ := made(t, test.file, test.text)
			_, err := runAll(s, []string{"n"}, 1, batch(1, ints(1)))
			if !errors.As(err, new(*Error)) {
				t.Fatalf("got %v, want a fault of the script", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("got\n%v\nwant\n%s", err, want)
				}
			}
		})
	}
	if came() {
		t.Error("somebody came")
	}
	for name, text := range map[string]string{"s.py": connect, "s.sh": program} {
		t.Run("allowed "+name, func(t *testing.T) {
			s, _ := made(t, name, text)
			s.Limits.Network = true
			if _, err := runAll(s, []string{"n"}, 1, batch(1, ints(1))); err != nil || !came() {
				t.Error(err)
			}
		})
	}
}

// What is of this machine only is still there, as libraries need it.
func TestScript_hasSocketsOfThisMachine(t *testing.T) {
	s, logged := made(t, "s.py", `
import asyncio, multiprocessing, os, socket
def double(n): return 2 * n
def setup(context):
    a, b = socket.socketpair()
    a.send(b"x"); b.recv(1)
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.path.join(os.environ["TMPDIR"], "socket"))
    asyncio.run(asyncio.sleep(0))
    with multiprocessing.get_context("fork").Pool(2) as pool:
        print("pool", pool.map(abs, [-1, -2]))
def process(rows): return rows
`)
	if _, err := runAll(s, []string{"n"}, 1, batch(1, ints(1))); err != nil || !strings.Contains(logged(), "pool [1, 2]") {
		t.Errorf("%v\n%s", err, logged())
	}
}

func TestDenyNetwork_knowsThisProcessor(t *testing.T) {
	if _, ok := architectures[runtime.GOARCH]; !ok {
		t.Errorf("no filter for %s", runtime.GOARCH)
	}
}
