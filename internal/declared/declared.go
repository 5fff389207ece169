// Package declared reads what the source says of the components: their comments,
// inputs and outputs. Pages and the schema for other languages are made of it.
package declared

import (
	"errors"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Component is what the code says of one.
type Component struct {
	Name    string // ProcessingCluster
	File    string
	Text    string // its comment, as Markdown
	Inputs  []Field
	Outputs []Field
	Types   map[string][]Field // of inputs that are structs
}

// Field is one of a struct.
type Field struct {
	Name string // in Go
	Tag  string // for other languages; "" for none
	Kind string // its type in Go
	Text string // its comment
}

// Components reads the exported components below the project's root: structs that
// embed pulumi.ResourceState.
func Components(root string) ([]Component, error) {
	files := token.NewFileSet()
	paths, err := filepath.Glob(filepath.Join(root, "components", "*.go"))
	if err != nil {
		return nil, err
	}
	var parsed []*ast.File
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(files, path, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		parsed = append(parsed, f)
	}
	pkg, err := doc.NewFromFiles(files, parsed, "ds-pipeline/components")
	if err != nil {
		return nil, err
	}
	structs := map[string]*ast.StructType{}
	for _, typ := range pkg.Types {
		if s, ok := typ.Decl.Specs[0].(*ast.TypeSpec).Type.(*ast.StructType); ok {
			structs[typ.Name] = s
		}
	}
	var components []Component
	var errs []error
	for _, typ := range pkg.Types {
		body := structs[typ.Name]
		if body == nil || !embeds(body, "ResourceState") {
			continue
		}
		args := structs[typ.Name+"Args"]
		if args == nil {
			errs = append(errs, fmt.Errorf("component %s: no struct %sArgs with its inputs", typ.Name, typ.Name))
			continue
		}
		c := Component{
			Name:    typ.Name,
			File:    "components/" + filepath.Base(files.Position(typ.Decl.Pos()).Filename),
			Text:    strings.TrimSpace(string(pkg.Markdown(typ.Doc))),
			Inputs:  fields(args),
			Outputs: fields(body),
			Types:   map[string][]Field{},
		}
		if c.Text == "" {
			errs = append(errs, fmt.Errorf("component %s: no doc comment", c.Name))
		}
		for _, in := range c.Inputs {
			kind := strings.TrimPrefix(in.Kind, "*")
			if s := structs[kind]; s != nil {
				c.Types[kind] = fields(s)
			}
		}
		components = append(components, c)
	}
	if len(components) == 0 {
		errs = append(errs, fmt.Errorf("no components found in %s/components", root))
	}
	return components, errors.Join(errs...)
}

func embeds(s *ast.StructType, name string) bool {
	for _, f := range s.Fields.List {
		if selector, ok := f.Type.(*ast.SelectorExpr); ok && len(f.Names) == 0 && selector.Sel.Name == name {
			return true
		}
	}
	return false
}

var words = regexp.MustCompile(`\w+`)

// fields lists a struct's exported fields. One without a comment gets the last
// one above that names it; a comment at the end of the line does, too.
func fields(s *ast.StructType) []Field {
	var list []Field
	above, group := "", ""
	for _, f := range s.Fields.List {
		text := f.Doc.Text()
		if text == "" {
			text = f.Comment.Text()
		}
		tag := ""
		if f.Tag != nil {
			unquoted, _ := strconv.Unquote(f.Tag.Value)
			tag, _, _ = strings.Cut(reflect.StructTag(unquoted).Get("pulumi"), ",")
		}
		for _, n := range f.Names {
			own := text
			// A comment that begins with several names is of all of them.
			if lead, _, _ := strings.Cut(text, "."); lead != "" && f.Doc != nil {
				above = lead
				group = text
			} else if own == "" && slices.Contains(words.FindAllString(above, -1), n.Name) {
				own = group
			}
			if n.IsExported() {
				list = append(list, Field{Name: n.Name, Tag: tag, Kind: typeText(f.Type), Text: own})
			}
		}
	}
	return list
}

func typeText(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return typeText(e.X) + "." + e.Sel.Name
	case *ast.StarExpr:
		return "*" + typeText(e.X)
	case *ast.ArrayType:
		return "[]" + typeText(e.Elt)
	case *ast.MapType:
		return "map[" + typeText(e.Key) + "]" + typeText(e.Value)
	case *ast.IndexExpr: // a generic type
		return typeText(e.X) + "[" + typeText(e.Index) + "]"
	}
	panic(fmt.Sprintf("a type that is a %T cannot be written down", e)) // extend the cases
}
