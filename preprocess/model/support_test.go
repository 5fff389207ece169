package model_test

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"ds-pipeline/preprocess/model"
)

var update = flag.Bool("update", false, "rewrite docs/models.md")

const supportFile = "../../docs/models.md"

// TestModel_supportIsDocumented keeps docs/models.md as the cases have it.
func TestModel_supportIsDocumented(t *testing.T) {
	got := support(t)
	if *update {
		if err := os.WriteFile(supportFile, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(supportFile)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s is out of date: go test ./preprocess/model -run supportIsDocumented -update", supportFile)
	}
}

// support is the table of what the cases prove, release by release.
func support(t *testing.T) string {
	counts := map[string]map[string]int{}   // class, release
	options := map[string]map[string]bool{} // class, option
	refusedBy := map[string][]string{}      // class or function, releases
	total := map[string]int{}
	fittedWith := map[string]map[string]int{} // class, release
	numpy := map[string]map[string]int{}      // function, release
	for _, release := range releases {
		for _, c := range loadManifest(t, openRelease(t, release)) {
			total[release]++
			if c.Expect == "unsupported" {
				refusedBy[c.ErrorContains] = append(refusedBy[c.ErrorContains], release)
				continue
			}
			countEach(fittedWith, estimators(c.Sklearn), release)
			countEach(numpy, functions(c.Sklearn), release)
			seen := map[string]bool{}
			for _, call := range calls(c.Sklearn) {
				for _, o := range call.options {
					if options[call.class] == nil {
						options[call.class] = map[string]bool{}
					}
					options[call.class][o] = true
				}
				if seen[call.class] {
					continue
				}
				seen[call.class] = true
				if counts[call.class] == nil {
					counts[call.class] = map[string]int{}
				}
				counts[call.class][release]++
			}
		}
	}
	var b strings.Builder
	table := func(of string, counts map[string]map[string]int) {
		fmt.Fprintf(&b, "| %s | %s |\n|---|%s\n", of, strings.Join(releases, " | "), strings.Repeat("--:|", len(releases)))
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			fmt.Fprintf(&b, "| %s |%s\n", name, byRelease(counts[name]))
		}
	}
	b.WriteString("# Models\n\n")
	b.WriteString("Generated from the cases in `preprocess/model/testdata/sklearn`, which scikit-learn itself made; do not edit.\n")
	b.WriteString("A number counts the cases of a release in which the class occurs and the result is that of scikit-learn,\n")
	b.WriteString("or is an error where scikit-learn raises one.\n\n")
	b.WriteString("## Supported\n\n| class |")
	for _, r := range releases {
		fmt.Fprintf(&b, " %s |", r)
	}
	b.WriteString(" options tried, beside the defaults |\n|---|")
	b.WriteString(strings.Repeat("--:|", len(releases)))
	b.WriteString("---|\n")
	for _, class := range model.Classes() {
		fmt.Fprintf(&b, "| %s |%s %s |\n", class, byRelease(counts[class]), strings.Join(slices.Sorted(maps.Keys(options[class])), ", "))
	}
	b.WriteString("\nCases in all:")
	for _, r := range releases {
		fmt.Fprintf(&b, " %d of %s;", total[r], r)
	}
	b.WriteString(" every one of the supported is also written as JSON and YAML, read back, and applied with the same result.\n\n")
	b.WriteString("A class marked – did not exist in that release. Releases between those listed are read by the same rules;\n")
	b.WriteString("an older or newer one is read with a warning.\n\n")
	b.WriteString("## What selectors were fitted with\n\n")
	b.WriteString("SelectFromModel, RFE, RFECV and SequentialFeatureSelector hold the model that they were fitted with. It is never run.\n")
	b.WriteString("SelectFromModel selects by the weights of a linear model, or by the importances of trees, which are computed in the\n")
	b.WriteString("order of scikit-learn: what equals a threshold there equals it here. The others hold the columns that they selected.\n\n")
	table("model", fittedWith)
	b.WriteString("\n## Functions of numpy\n\n")
	b.WriteString("FunctionTransformer applies these. Others, and functions of one's own, are refused: nothing in a model is run.\n\n")
	table("function", numpy)
	b.WriteString("\nArguments are given by `kw_args` or `functools.partial`: bounds to clip, `decimals` to round and around, `nan`, `posinf` and\n")
	b.WriteString("`neginf` to nan_to_num. The first operand of add, subtract, multiply, divide, maximum, minimum, fmax and fmin is given as\n")
	b.WriteString("`partial(numpy.maximum, 0)`. All of these are one number for all columns. A DataFrame is clipped and rounded by pandas,\n")
	b.WriteString("in which bounds are taken either way round, and texts are not rounded. Refused by the name of the column are\n\n")
	b.WriteString("- whole numbers of which pandas makes floats only if clip cuts one off at a fraction, and whole numbers of which numpy makes floats\n")
	b.WriteString("  before 2.1 and whole numbers since (ceil, floor, trunc), where the type shows: not before a scaler, or beside fractions in an array;\n")
	b.WriteString("- columns that another transformer is given as well as nan_to_num, in a DataFrame of scikit-learn since 1.4, as pandas 2.2 lets numpy 2\n")
	b.WriteString("  change them;\n")
	b.WriteString("- float32 where the versions of numpy and pandas decide what becomes of it.\n\n")
	b.WriteString("Of 0.0 and -0.0, which are equal, the version of numpy decides which one clip, maximum and minimum give.\n")
	b.WriteString("\n## True and False with missing cells\n\n")
	b.WriteString("A column of True and False of which any cell of the input is missing holds Python objects, as in pandas, and makes such of an\n")
	b.WriteString("array that it is put in: True stays `True` and 2 stays `2` there, which are `1.0` and `2.0` beside fractions otherwise.\n")
	b.WriteString("The whole input decides, all files and parts of it. Two things differ from scikit-learn:\n\n")
	b.WriteString("- A record is rejected where True and False, numbers and missing cells would be mixed in one column: a missing cell that a\n")
	b.WriteString("  number is filled in for, or that `transformer_weights` multiplies by a whole number.\n")
	b.WriteString("- An encoder that was fitted with missing cells takes such a column without any, too; scikit-learn raises.\n")
	b.WriteString("\n## Refused by name\n\nEverything else. Tried, in each release:\n\n")
	for _, name := range slices.Sorted(maps.Keys(refusedBy)) {
		fmt.Fprintf(&b, "- `%s`\n", name)
	}
	b.WriteString("\nThe message names the class or function and says what to do instead.\n")
	b.WriteString(form(t))
	return b.String()
}

// byRelease are the cells of a row of counts.
func byRelease(counts map[string]int) string {
	var b strings.Builder
	for _, r := range releases {
		n := "–"
		if k := counts[r]; k > 0 {
			n = fmt.Sprint(k)
		}
		fmt.Fprintf(&b, " %s |", n)
	}
	return b.String()
}

// countEach counts names by release.
func countEach(counts map[string]map[string]int, names []string, release string) {
	for _, n := range names {
		if counts[n] == nil {
			counts[n] = map[string]int{}
		}
		counts[n][release]++
	}
}

var function = regexp.MustCompile(`\bfunc=(?:functools\.partial\()?<(?:ufunc '|function )([a-z0-9_]+)`)

// functions are those of FunctionTransformers in a case, each once, round by one name.
func functions(text string) []string {
	var names []string
	for _, m := range function.FindAllStringSubmatch(text, -1) {
		name := strings.TrimSuffix(m[1], "_")
		if name == "true_divide" { // as numpy before 1.23 calls it
			name = "divide"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

var estimator = regexp.MustCompile(`\bestimator=([A-Za-z]+)\(`)

// estimators are the models that the selectors in a case were fitted with, each once.
func estimators(text string) []string {
	var names []string
	for _, m := range estimator.FindAllStringSubmatch(text, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// form describes the JSON and YAML form, from the structs that it is read into.
func form(t *testing.T) string {
	example, err := os.ReadFile("testdata/by_hand.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("\n## As JSON or YAML\n\n")
	b.WriteString("`preprocess inspect --json` prints any model in this form, and `--model` takes a file of it, with the same\n")
	b.WriteString("result to the last bit. YAML is the same document. A key that is not listed is an error.\n\n")
	b.WriteString("```yaml\n" + string(example) + "```\n\n")
	b.WriteString("Every step has `class`; `passthrough` is one too. Numbers that JSON cannot hold are the texts `\"nan\"`, `\"inf\"`\n")
	b.WriteString("and `\"-inf\"`. A value of a category, a fill or `missing_values` is `null`, `true`, a text, a whole number, or\n")
	b.WriteString("`{float: 1.5}`, so that 1 and 1.0 differ as in Python. Columns are counted from 0.\n")
	structs := parseStructs(t)
	fields := func(name string) {
		for _, f := range structs[name] {
			fmt.Fprintf(&b, "- `%s` %s%s\n", f.key, f.kind, f.doc)
		}
	}
	b.WriteString("\nEvery step may have\n\n")
	fields("head")
	for _, class := range model.Classes() {
		if len(structs[class]) == 0 {
			t.Errorf("%s: no fields found", class)
		}
		fmt.Fprintf(&b, "\n**%s**\n\n", class)
		fields(class)
	}
	b.WriteString("\nParts of the above\n")
	for _, part := range []string{"Named", "Branch", "Part", "Categories"} {
		fmt.Fprintf(&b, "\n*%s*\n\n", part)
		fields(part)
	}
	return b.String()
}

type field struct{ key, kind, doc string }

// parseStructs reads the fields with a JSON name of every struct of the
// package, those of embedded structs but head included.
func parseStructs(t *testing.T) map[string][]field {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	raw := map[string]*ast.StructType{}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, ok := n.(*ast.TypeSpec); ok {
				if st, ok := spec.Type.(*ast.StructType); ok {
					raw[spec.Name.Name] = st
				}
			}
			return true
		})
	}
	var collect func(name string) []field
	collect = func(name string) []field {
		var out []field
		for _, f := range raw[name].Fields.List {
			if len(f.Names) == 0 {
				if id, ok := f.Type.(*ast.Ident); ok && id.Name != "head" && raw[id.Name] != nil {
					out = append(out, collect(id.Name)...)
				}
				continue
			}
			if f.Tag == nil {
				continue
			}
			tag := reflect.StructTag(strings.Trim(f.Tag.Value, "`")).Get("json")
			key, _, _ := strings.Cut(tag, ",")
			if key == "" || key == "class" {
				continue
			}
			doc := strings.Join(strings.Fields(f.Doc.Text()+" "+f.Comment.Text()), " ")
			if doc != "" {
				doc = ": " + strings.ReplaceAll(doc, "|", "\\|")
			}
			out = append(out, field{key, kindName(types.ExprString(f.Type)), doc})
		}
		return out
	}
	all := map[string][]field{}
	for name := range raw {
		all[name] = collect(name)
	}
	return all
}

// kindName is a Go type in words.
func kindName(goType string) string {
	for _, r := range [][2]string{
		{"[][]Float", "(rows of numbers)"}, {"[]Float", "(numbers)"}, {"[2]Float", "(two numbers)"}, {"*Float", "(number)"}, {"*Cell", "(value)"}, {"Float", "(number)"},
		{"[][]int", "(lists of whole numbers)"}, {"[]int", "(whole numbers)"}, {"int", "(whole number)"}, {"bool", "(true or false)"},
		{"[]string", "(texts)"}, {"string", "(text)"}, {"[]Cell", "(values)"}, {"Cell", "(value)"}, {"Box", "(step)"},
		{"[]ColumnRef", "(names or places)"}, {"*StandardScaler", "(step)"},
	} {
		if goType == r[0] {
			return r[1]
		}
	}
	return "(list of " + strings.TrimPrefix(goType, "[]") + ")"
}

type call struct {
	class   string
	options []string
}

// calls finds the estimators in a scikit-learn repr and their short options.
func calls(text string) []call {
	var found []call
	for _, class := range model.Classes() {
		for rest := text; ; {
			i := strings.Index(rest, class+"(")
			if i < 0 {
				break
			}
			before := i == 0 || !isWord(rest[i-1])
			rest = rest[i+len(class)+1:]
			if before {
				found = append(found, call{class, arguments(rest)})
			}
		}
	}
	return found
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
}

func isNumber(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

// arguments are the keyword arguments up to the closing bracket; of long
// values only the name.
func arguments(text string) []string {
	var out []string
	depth, start := 0, 0
	take := func(end int) {
		name, value, ok := strings.Cut(strings.TrimSpace(text[start:end]), "=")
		if !ok || strings.ContainsAny(name, "( [") || name == "random_state" || name == "n_jobs" {
			return
		}
		value = strings.TrimSpace(value)
		if name == "kw_args" || len(value) > 24 || strings.ContainsAny(value, "[(<|") || len(value) > 8 && isNumber(value) {
			value = "…"
		}
		out = append(out, "`"+name+"="+value+"`")
	}
	for i := range len(text) {
		switch text[i] {
		case '(', '[', '{':
			depth++
		case ']', '}':
			depth--
		case ')':
			if depth == 0 {
				take(i)
				return out
			}
			depth--
		case ',':
			if depth == 0 {
				take(i)
				start = i + 1
			}
		}
	}
	return out
}
