// Command dspipe operates the pipeline. See dspipe --help.
package main

import (
	"os"
	"os/signal"
	"syscall"

	"ds-pipeline/internal/operate"
)

// version is set by the linker; without it the build information is used.
var version string

func main() {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	os.Exit(operate.Program{
		Version: version,
		Getenv:  os.Getenv,
		Stdin:   os.Stdin,
		Stdout:  os.Stdout,
		Stderr:  os.Stderr,
		Signals: signals,
	}.Main(os.Args[1:]))
}
