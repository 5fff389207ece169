package review

import (
	"fmt"
	"html"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"

	"ds-pipeline/internal/cost"
)

// sample has something of everything. Every text in it is s.
func sample(s string) *Report {
	return &Report{
		Version: Version, Stack: "dev",
		Changes: []Change{
			{Op: Update, Type: s, Name: s, Diffs: []string{s, s}},
			{Op: Replace, Type: s, Name: s, Keys: []string{s}, Loses: s, Refused: true},
			{Op: Delete, Type: s, Name: s, Loses: s},
			{Op: Create, Type: s, Name: s},
		},
		Before:  &cost.Estimate{AtRestUSD: 1.5, PerRunUSD: 0.01, AtRest: []cost.Item{{What: "keys", USD: 1}}},
		After:   &cost.Estimate{AtRestUSD: 2.5, PerRunUSD: 0.01, AtRest: []cost.Item{{What: "keys", USD: 2}}, NotPriced: []string{s}},
		Added:   []Grant{{Who: s, Where: s, Actions: []string{s}, Resources: []string{s}, If: []string{s}, Why: s}},
		Removed: []Grant{{Who: s, Where: s, Actions: []string{s, s}, Deny: true}},
	}
}

func broken(s string) *Report {
	return &Report{Version: Version, Stack: "prod", Errors: []string{s}}
}

func comment(t *testing.T, reports ...*Report) string {
	t.Helper()
	text, err := Comment("0123456789abcdef0123456789abcdef01234567", reports)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestComment_tellsWhatIsLostFirst(t *testing.T) {
	got := comment(t, broken("no region"), sample("x"))
	want := Marker + `
### Offline plan

| stack | create | update | replace | delete | a month at rest | one run | rights |
|---|--:|--:|--:|--:|---|---|---|
| <code>dev</code> | 1 | 1 | **1** | **1** | $1.50 → **$2.50** | $0.0100 | 1 added, 1 removed |
| <code>prod</code> | | | | | **cannot be planned** | | |

> [!CAUTION]
> **<code>dev</code> loses data**
>
> - replaces <code>x</code> (<code>x</code>): <code>x</code> – **protected: the deployment is refused**
> - deletes <code>x</code> (<code>x</code>): <code>x</code>

<details><summary><code>dev</code>: 4 changes</summary>

| | resource | type | properties |
|---|---|---|---|
| <code>-</code> delete | <code>x</code> | <code>x</code> |  |
| <code>&#177;</code> replace | <code>x</code> | <code>x</code> | because of <code>x</code> |
| <code>&#126;</code> update | <code>x</code> | <code>x</code> | <code>x</code>, <code>x</code> |
| <code>&#43;</code> create | <code>x</code> | <code>x</code> |  |

</details>
`
	if !strings.HasPrefix(got, want) {
		t.Errorf("got\n%s\nwant it to begin\n%s", got, want)
	}
	for _, want := range []string{
		"| <code>keys</code> | a month | $1.00 | $2.00 |\n| <code>x</code> |  |  | **not priced** |\n",
		"<code>prod</code>: why it cannot be planned</summary>\n\n| error |\n|---|\n| <code>no region</code> |\n",
		"| <code>&#43;</code> | <code>x</code> | may <code>x</code> | <code>x</code> | <code>x</code> | <code>x: x</code> |\n",
		"| <code>-</code> | <code>x</code> | **may not** <code>x</code>, <code>x</code> |  |  | <code>x</code> |\n",
		"for 0123456789abcdef0123456789abcdef01234567 and its base",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

func TestComment_saysWhenNothingChanges(t *testing.T) {
	same := &cost.Estimate{AtRestUSD: 1, PerRunUSD: 0.0066}
	got := comment(t, &Report{Version: Version, Stack: "dev", Before: same, After: same})
	if !strings.Contains(got, "| <code>dev</code> | – | – | – | – | $1.00 | $0.0066 | – |\n") || strings.Contains(got, "<details>") {
		t.Errorf("got\n%s", got)
	}
	got = comment(t, &Report{Version: Version, Stack: "new", New: true, After: same, Changes: []Change{{Op: Create, Name: "a"}}})
	if !strings.Contains(got, "| <code>new</code> (nothing to compare with) | 1 | – | – | – | $1.00 |") {
		t.Errorf("got\n%s", got)
	}
}

// flat is the structure of a comment as GitHub's dialect has it: kinds of nodes,
// HTML and the text outside of it; and the texts inside of <code>.
func flat(t *testing.T, comment string) (structure []string, codes []string) {
	t.Helper()
	source := []byte(comment)
	document := goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser().Parse(text.NewReader(source))
	err := ast.Walk(document, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.RawHTML:
			structure = append(structure, "html "+string(n.Segments.Value(source)))
		case *ast.HTMLBlock:
			structure = append(structure, "html "+string(n.Lines().Value(source)))
		case *ast.Text, *ast.String:
			// Whether it is one node or three depends on its letters.
			if structure[len(structure)-1] != "text" {
				structure = append(structure, "text")
			}
		default:
			structure = append(structure, n.Kind().String())
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, found := range regexp.MustCompile(`<code>([^<]*)</code>`).FindAllStringSubmatch(comment, -1) {
		codes = append(codes, html.UnescapeString(found[1]))
	}
	return structure, codes
}

// What whoever opens a pull request would like to write into our comment.
var hostile = []string{
	"a|b", "`", "```", "@everyone", "#1", "GH-1", "org/repo#1", "</code></details><script>alert(1)</script>", "<!-- ds-pipeline: offline plan -->",
	"![x](https://example.com/x.png)", "[x](javascript:alert(1))", "https://example.com", "www.example.com", "WWW.example.com", "a@example.com",
	"**b** _i_ ~~s~~ ~s~", "# h\n\n# h", "- [ ] task", "\n\n    code", "\\|", "&lt;", "&#64;x", "&commat;x", ":smile:", "$x$", "$$x$$", "\u202egnp.exe", "\x00\x1b[31m", "\xff", "a\r\nb", "é ünï 漢字", "---",
	"> [!CAUTION]", "<https://example.com>", "[^1]", "1\n===", strings.Repeat("x|", 500),
}

func FuzzComment_showsTextsAsTheyAre(f *testing.F) {
	for _, s := range hostile {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if s == "" {
			return
		}
		want, _ := flat(t, comment(t, sample("x"), broken("x")))
		got, codes := flat(t, comment(t, sample(s), broken(s)))
		if !slices.Equal(got, want) {
			t.Errorf("%q changes the structure of the comment to\n%q\nwant\n%q", s, got, want)
		}
		shown := clip(regexp.MustCompile(`[\n\t]`).ReplaceAllString(s, " "), maxText)
		if plain := regexp.MustCompile(`^[\p{L}\p{N}\p{P}\p{S} ]+$`); plain.MatchString(shown) && utf8.ValidString(s) && !slices.Contains(codes, shown) {
			t.Errorf("%q is not among %q", shown, codes)
		}
		for _, c := range codes {
			if strings.ContainsFunc(c, func(r rune) bool { return r < ' ' || r >= 0x202a && r <= 0x202e }) {
				t.Errorf("%q has characters that are not seen", c)
			}
		}
	})
}

func TestComment_isNeverTooLong(t *testing.T) {
	const most = 3000
	for _, n := range []int{1, 10, 100, most} {
		r := sample("x")
		for i := range n {
			name := fmt.Sprintf("%04d-%s", i, strings.Repeat("|", 400))
			r.Changes = append(r.Changes, Change{Op: Delete, Name: name, Type: name, Loses: name, Keys: []string{name, name, name}})
			r.Added = append(r.Added, Grant{Who: name, Actions: []string{name}, Resources: []string{name, name}})
		}
		got := comment(t, r, broken("x"))
		if len(got) > MaxCommentBytes {
			t.Errorf("%d entries: %d bytes, want %d at most", n, len(got), MaxCommentBytes)
		}
		left := regexp.MustCompile(`\*\*(\d+) lines are left out\*\*`).FindStringSubmatch(got)
		if n == most {
			// The first line of each list is there, and the count of all.
			if left == nil || len(got) < MaxCommentBytes/2 || !strings.Contains(got, "0000-") || !strings.Contains(got, fmt.Sprintf("%d changes", n+4)) {
				t.Errorf("%d entries: %d bytes, left out %v", n, len(got), left)
			}
		} else if n == 1 && left != nil {
			t.Errorf("%d entries: left out %v", n, left)
		}
	}
	// Stacks with the longest names there can be.
	var all []*Report
	for i := range MaxStacks {
		r := broken(strings.Repeat("|", 1000))
		r.Stack = fmt.Sprintf("s%02d%s", i, strings.Repeat("_", 97))
		all = append(all, r)
	}
	if got := comment(t, all...); len(got) > MaxCommentBytes {
		t.Errorf("%d bytes, want %d at most", len(got), MaxCommentBytes)
	}
}

func TestComment_refusesWhatItCannotShow(t *testing.T) {
	if _, err := Comment("main", []*Report{sample("x")}); err == nil || err.Error() != `commit: got "main", want 40 hexadecimal digits` {
		t.Error(err)
	}
	for want, reports := range map[string][]*Report{
		"got reports of 0 stacks, want 1 to 20":    nil,
		"got reports of 21 stacks, want 1 to 20":   make([]*Report, 21),
		`got two reports of stack "dev", want one`: {sample("x"), sample("y")},
	} {
		if _, err := Comment(strings.Repeat("0", 40), reports); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestShortType_isWhatPeopleSay(t *testing.T) {
	for typ, want := range map[string]string{
		"aws:s3/bucketV2:BucketV2":           "s3.BucketV2",
		"awsx:ecr:Image":                     "awsx.ecr.Image",
		"docker-build:index:Image":           "docker-build.Image",
		"ds-pipeline:components:DataBuckets": "DataBuckets",
		"pulumi:pulumi:Stack":                "Stack",
		"nonsense":                           "nonsense",
		"a:b":                                "a:b",
	} {
		if got := ShortType(typ); got != want {
			t.Errorf("%s: got %s, want %s", typ, got, want)
		}
	}
}
