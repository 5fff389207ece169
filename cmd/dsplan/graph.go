package main

import (
	"io"
	"strings"

	pkgresource "github.com/pulumi/pulumi/pkg/v3/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"

	"ds-pipeline/internal/graph"
	"ds-pipeline/internal/simcloud/simstack"
)

// printGraph draws the planned resources.
func printGraph(w io.Writer, s *simstack.Stack, planned *simstack.Result) error {
	all := map[resource.URN]*pkgresource.State{}
	for _, r := range planned.Resources {
		all[r.URN] = r
	}
	var resources []graph.Resource
	for _, r := range planned.Resources {
		if !r.Custom || strings.HasPrefix(string(r.Type), "pulumi:") {
			continue
		}
		component := topComponent(r, all)
		resources = append(resources, graph.Resource{
			Type: string(r.Type), Name: r.URN.Name(),
			Component: component.URN.Name(), Kind: kindOf(component),
			Inputs: plainMap(r.Inputs), Outputs: plainMap(r.Outputs),
		})
	}
	drawn, err := graph.Of(resources)
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, drawn.SVG("Stack "+s.Name+": who does what"))
	return err
}

// topComponent is the part of the stack that a resource belongs to: its outermost
// component, or the stack.
func topComponent(r *pkgresource.State, all map[resource.URN]*pkgresource.State) *pkgresource.State {
	top := r
	for p := all[r.Parent]; p != nil; p = all[p.Parent] {
		if p.Type == "pulumi:pulumi:Stack" && top != r {
			break
		}
		top = p
	}
	return top
}
