//go:build !linux

package script

// Scripts run without limits of memory and of what they write here.

const launchFailed = "\x00" // no line starts so

func launcher(path string, args []string, _ int64, _ []string) (string, []string, error) {
	return path, args, nil
}

func hide() error { return nil }
