// Command plugin serves the components to programs in TypeScript, Python, YAML and
// other languages of Pulumi: `pulumi package add` of this folder. docs/languages.md
// goes through it.
package main

import (
	"context"
	"fmt"
	"os"

	"ds-pipeline/plugin/provider"
)

func main() {
	if err := provider.Run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "plugin:", err)
		os.Exit(1)
	}
}
