package outputs_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"ds-pipeline/outputs"
	"ds-pipeline/preprocess/contract"
)

// The page has one table that is generated, between these two lines.
const (
	page  = "../docs/outputs.md"
	begin = "<!-- outputs: generated from the code by `make golden`; do not edit -->\n"
	end   = "<!-- end of outputs -->\n"
)

func table() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\nVersion %s. Parameters are below the stack's prefix, `%s` unless `parameterPrefix` says otherwise.\n\n", outputs.Version, contract.DefaultParameterPrefix)
	b.WriteString("| output | type | since | parameter | what it is |\n|---|---|---|---|---|\n")
	for _, o := range contract.Outputs() {
		parameter := "none"
		if o.Name != "" {
			parameter = "`" + o.Name + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", o.Stack, o.Type(), o.Since, parameter, o.About)
	}
	b.WriteString("\n")
	return b.String()
}

func TestPage_listsTheOutputs(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, okBegin := strings.Cut(string(text), begin)
	_, after, okEnd := strings.Cut(rest, end)
	if !okBegin || !okEnd {
		t.Fatalf("%s: want the lines\n%s%saround the table", page, begin, end)
	}
	want := before + begin + table() + end + after
	if string(text) == want {
		return
	}
	if os.Getenv("UPDATE_GOLDEN") == "" {
		t.Fatalf("%s is stale; run `make golden` and review the diff", page)
	}
	if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}
