//go:build !linux

package script

import "os/exec"

// Scripts run without limits of memory, of what they write and of the network here,
// and only what stays in their group is killed with them.

const launchFailed = "\x00" // no line starts so

func launcher(path string, args []string, _ Limits, _ []string) (string, []string, error) {
	return path, args, nil
}

func hide() error { return nil }

func startChild(cmd *exec.Cmd) error { return cmd.Start() }
func endChild(*exec.Cmd)             {}
