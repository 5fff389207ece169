package storage

import (
	"os"

	"golang.org/x/sys/unix"
)

// startWriteback lets the kernel begin to write n bytes at offset to the disk,
// and does not wait for them. Not every file system can; then Sync does it all.
func startWriteback(f *os.File, offset, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, n, unix.SYNC_FILE_RANGE_WRITE)
}
