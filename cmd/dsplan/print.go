package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"ds-pipeline/internal/review"
	"ds-pipeline/internal/simcloud/simstack"
)

// secret replaces every secret value.
const secret = "[secret]"

// document is what --json prints.
type document struct {
	Stack     string         `json:"stack"`
	Resources []resourceJSON `json:"resources"`
	Outputs   map[string]any `json:"outputs"`
}

type resourceJSON struct {
	URN    string         `json:"urn"`
	Type   string         `json:"type"`
	Name   string         `json:"name"`
	Parent string         `json:"parent"`
	Inputs map[string]any `json:"inputs"`
}

func printJSON(w io.Writer, s *simstack.Stack, planned *simstack.Result) error {
	doc := document{Stack: s.Name, Resources: []resourceJSON{}, Outputs: plainMap(planned.Outputs)}
	for _, r := range planned.Resources {
		doc.Resources = append(doc.Resources, resourceJSON{
			URN:    string(r.URN),
			Type:   string(r.Type),
			Name:   r.URN.Name(),
			Parent: string(r.Parent),
			Inputs: plainMap(r.Inputs),
		})
	}
	slices.SortStableFunc(doc.Resources, func(a, b resourceJSON) int { return strings.Compare(a.URN, b.URN) })
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

// plainMap turns engine values into JSON values, with secrets masked.
func plainMap(m resource.PropertyMap) map[string]any {
	out := map[string]any{}
	for k, v := range m {
		if !strings.HasPrefix(string(k), "__") {
			out[string(k)] = plain(v)
		}
	}
	return out
}

func plain(v resource.PropertyValue) any {
	switch {
	case v.IsSecret():
		return secret
	case v.IsOutput():
		if v.OutputValue().Secret {
			return secret
		}
		return plain(v.OutputValue().Element)
	case v.IsComputed():
		return nil
	case v.IsArray():
		list := []any{}
		for _, e := range v.ArrayValue() {
			list = append(list, plain(e))
		}
		return list
	case v.IsObject():
		return plainMap(v.ObjectValue())
	case v.IsResourceReference():
		ref := v.ResourceReferenceValue()
		if id, ok := ref.IDString(); ok {
			return id
		}
		return string(ref.URN)
	case v.IsAsset():
		return map[string]any{"asset": v.AssetValue().Hash}
	case v.IsArchive():
		return map[string]any{"archive": v.ArchiveValue().Hash}
	}
	return v.V
}

// printTree shows who belongs to whom, with the type and the id in AWS.
func printTree(w io.Writer, s *simstack.Stack, planned *simstack.Result) error {
	t := &tree{children: map[resource.URN][]*pkgresource.State{}}
	var root *pkgresource.State
	for _, r := range planned.Resources {
		if r.Type == "pulumi:pulumi:Stack" {
			root = r
			continue
		}
		t.children[r.Parent] = append(t.children[r.Parent], r)
	}
	if root == nil {
		return errors.New("the engine deployed no stack")
	}
	for _, list := range t.children {
		slices.SortStableFunc(list, compare)
	}
	t.add("", "", root)

	wide := 0
	kinds := 0
	for _, r := range t.rows {
		wide = max(wide, utf8.RuneCountInString(r.name))
		kinds = max(kinds, len(r.kind))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Stack %s of %s, planned in simulated account %s\n\n", s.Name, s.Project, s.Cloud.Account())
	for _, r := range t.rows {
		line := r.name + strings.Repeat(" ", wide-utf8.RuneCountInString(r.name)+2) + r.kind + strings.Repeat(" ", kinds-len(r.kind)+2) + r.note
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	b.WriteString("\nOutputs\n")
	outputs := plainMap(planned.Outputs)
	names := make([]string, 0, len(outputs))
	longest := 0
	for name := range outputs {
		names = append(names, name)
		longest = max(longest, len(name))
	}
	slices.Sort(names)
	for _, name := range names {
		value, ok := outputs[name].(string)
		if !ok {
			text, err := json.Marshal(outputs[name])
			if err != nil {
				return err
			}
			value = string(text)
		}
		fmt.Fprintf(&b, "  %-*s  %s\n", longest, name, value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// compare puts providers first, then components in the order of creation, then
// resources by name.
func compare(a, b *pkgresource.State) int {
	rank := func(r *pkgresource.State) int {
		switch {
		case isProvider(r):
			return 0
		case !r.Custom:
			return 1
		}
		return 2
	}
	if d := rank(a) - rank(b); d != 0 {
		return d
	}
	if rank(a) == 1 {
		return 0
	}
	return strings.Compare(a.URN.Name(), b.URN.Name())
}

func isProvider(r *pkgresource.State) bool {
	return strings.HasPrefix(string(r.Type), "pulumi:providers:")
}

type tree struct {
	children map[resource.URN][]*pkgresource.State
	rows     []row
}

type row struct{ name, kind, note string }

// add appends r's row and those below it; lead draws the lines to its left,
// below the lines for what is under it.
func (t *tree) add(lead, below string, r *pkgresource.State) {
	line := row{name: lead + r.URN.Name(), kind: kindOf(r), note: clip(string(r.ID), 72)}
	list := t.children[r.URN]
	if !r.Custom {
		line.note = counted(t.count(r.URN))
	}
	if isProvider(r) {
		line.note = ""
	}
	t.rows = append(t.rows, line)
	for i, child := range list {
		if i == len(list)-1 {
			t.add(below+"└─ ", below+"   ", child)
		} else {
			t.add(below+"├─ ", below+"│  ", child)
		}
	}
}

// count is how many AWS resources are below a component.
func (t *tree) count(urn resource.URN) int {
	n := 0
	for _, r := range t.children[urn] {
		if r.Custom && !isProvider(r) {
			n++
		}
		n += t.count(r.URN)
	}
	return n
}

// kindOf says what a resource is.
func kindOf(r *pkgresource.State) string {
	if isProvider(r) {
		_, name, _ := strings.Cut(strings.TrimPrefix(string(r.Type), "pulumi:"), ":")
		return "provider " + name
	}
	return review.ShortType(string(r.Type))
}

func clip(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	return string([]rune(s)[:n-1]) + "…"
}

// failureText lists everything that is wrong with a plan.
func failureText(name string, err error) string {
	var failed *simstack.Error
	if !errors.As(err, &failed) {
		return fmt.Sprintf("dsplan: %v\n", err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "dsplan: stack %q cannot be deployed:\n", name)
	for _, d := range failed.Diagnostics {
		b.WriteString(diagnosticText(d) + "\n")
	}
	return b.String()
}

func diagnosticText(d simstack.Diagnostic) string {
	text := d.Severity + ": "
	if d.URN != "" {
		text += fmt.Sprintf("%s (%s): ", d.URN.Name(), d.URN.Type())
	}
	return text + strings.ReplaceAll(d.Message, "\n", "\n  ")
}

func counted(n int) string {
	if n == 1 {
		return "1 resource"
	}
	return fmt.Sprintf("%d resources", n)
}
