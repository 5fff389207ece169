package components

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// A wildcard in what a statement allows, or in the trust of a role, has its
// reason as a comment beside it.
func TestWildcards_haveTheirReasonBesideThem(t *testing.T) {
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".go") || strings.HasSuffix(f.Name(), "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, f.Name(), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		// Beside is in the literal, on its line, or on the one before.
		explained := func(n ast.Node) bool {
			first, last := set.Position(n.Pos()).Line, set.Position(n.End()).Line
			for _, group := range file.Comments {
				if line := set.Position(group.End()).Line; line >= first-1 && line <= last {
					return true
				}
			}
			return false
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if !allows(n) {
					return true
				}
			case *ast.KeyValueExpr:
				if name, ok := n.Key.(*ast.Ident); !ok || name.Name != "sourceArns" {
					return true
				}
			default:
				return true
			}
			if hasWildcard(n) {
				found++
				if !explained(n) {
					t.Errorf("%s: a wildcard without a comment that says why", set.Position(n.Pos()))
				}
			}
			return false
		})
	}
	if found < 10 {
		t.Errorf("found %d wildcards, want those of the roles: has this test lost sight of them?", found)
	}
}

// allows tells a statement that allows something.
func allows(literal *ast.CompositeLit) bool {
	for _, e := range literal.Elts {
		field, ok := e.(*ast.KeyValueExpr)
		if !ok {
			return false
		}
		name, _ := field.Key.(*ast.Ident)
		value, _ := field.Value.(*ast.BasicLit)
		if name != nil && value != nil && name.Name == "Effect" && value.Value == `"Allow"` {
			return true
		}
	}
	return false
}

// hasWildcard looks for a text with a * in it.
func hasWildcard(n ast.Node) bool {
	found := false
	ast.Inspect(n, func(n ast.Node) bool {
		text, ok := n.(*ast.BasicLit)
		found = found || ok && text.Kind == token.STRING && strings.Contains(text.Value, "*")
		return !found
	})
	return found
}
