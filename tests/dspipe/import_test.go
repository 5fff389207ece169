package dspipe

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"ds-pipeline/internal/consoletest"
)

const cdkTemplate = "../../internal/migrate/testdata/cdk-app.template.json"

// migrationDir is a project's directory with the template of a CDK app.
func migrationDir(t *testing.T, template string) string {
	t.Helper()
	// As the page configures it.
	dir := project(t, strings.Replace(read(t, "../../Pulumi.dev.yaml"), "forceDestroyData: true", "forceDestroyData: false", 1))
	write(t, filepath.Join(dir, "template.json"), template)
	write(t, filepath.Join(dir, "resources.json"), read(t, "../../internal/migrate/testdata/describe-stack-resources.json"))
	return dir
}

// TestPage_migrationShowsWhatIsPrinted does what the page says of dspipe, without
// credentials or a network.
func TestPage_migrationShowsWhatIsPrinted(t *testing.T) {
	t.Parallel()
	dir := migrationDir(t, read(t, cdkTemplate))
	all, err := consoletest.Page(read(t, "../../docs/migration.md"))
	if err != nil || len(all) == 0 {
		t.Fatalf("the page shows %d commands, %v", len(all), err)
	}
	for _, s := range all {
		words := strings.Fields(s.Command)
		got := runIn(t, dir, nil, words[1:]...).expect(t, 0)
		if !consoletest.Prints(got.stdout, s.Want) {
			t.Errorf("$ %s\n%s\nthe page says\n%s", s.Command, got.stdout, strings.Join(s.Want, "\n"))
		}
	}
}

func TestImport_saysWhatBecomesOfWhat(t *testing.T) {
	t.Parallel()
	dir := migrationDir(t, read(t, cdkTemplate))
	runIn(t, dir, nil, "import", "-s", "dev", "--cloudformation", "template.json", "--leave", "JobLogs8CBA6B0E").expect(t, 65, "--leave: pulumi up creates another")
	got := runIn(t, dir, nil, "import", "-s", "dev", "--cloudformation", "template.json", "--leave", "OutputBucketParameter5B3B8C38,InputKeyParameter0B0F2AA4", "--json")
	got.expect(t, 65, `"status":65`, "OutputBucketParameter5B3B8C38", "InputKeyParameter0B0F2AA4")

	got = runIn(t, dir, nil, "import", "-s", "dev", "--cloudformation", "template.json", "--json", "--write", "other.json").expect(t, 0)
	report := decode[struct {
		File                string
		Adopted, Anew, Left []struct {
			LogicalID, Type, ID string
			As                  []string
		}
		Notes []string
	}](t, got)
	if len(report.Adopted) != 9 || len(report.Anew) != 42 || report.File != filepath.Join(dir, "other.json") || !strings.Contains(strings.Join(report.Notes, "\n"), "records older than 14 days") {
		t.Errorf("got %d adopted, %d anew, file %s, notes %q", len(report.Adopted), len(report.Anew), report.File, report.Notes)
	}
	file := read(t, filepath.Join(dir, "other.json"))
	if !strings.Contains(file, `"id": "ds-input-dev-111111111111-us-east-1"`) {
		t.Errorf("the file has no input bucket:\n%s", file)
	}
}

func TestImport_refusesAndWritesNothing(t *testing.T) {
	t.Parallel()
	retained := read(t, cdkTemplate)
	lost := regexp.MustCompile(`\s*"DeletionPolicy": "Retain",?`).ReplaceAllString(retained, "")
	lost = regexp.MustCompile(`,(\s*})`).ReplaceAllString(lost, "$1")
	for _, tt := range []struct {
		name, template string
		args           []string
		status         int
		says           []string
	}{
		{"no stack", retained, []string{"--cloudformation", "template.json"}, 64, []string{"Want --stack NAME"}},
		{"no template", retained, []string{"-s", "dev"}, 64, []string{"--cloudformation"}},
		{"no such stack", retained, []string{"-s", "prod", "--cloudformation", "template.json"}, 78, []string{"no Pulumi.prod.yaml"}},
		{"no such template", retained, []string{"-s", "dev", "--cloudformation", "none.json"}, 66, []string{"none.json"}},
		{"nearly a template", retained, []string{"-s", "dev", "--cloudformation", "tempalte.json"}, 66, []string{`--cloudformation tempalte.json: there is no "tempalte.json" in `, `did you mean "template.json"?`}},
		{"nearly a list of resources", retained, []string{"-s", "dev", "--cloudformation", "template.json", "--resources", "resuorces.json"}, 66, []string{`did you mean "resources.json"?`}},
		{"a folder", retained, []string{"-s", "dev", "--cloudformation", "."}, 64, []string{"it is a folder; want a file"}},
		{"nowhere to write", retained, []string{"-s", "dev", "--cloudformation", "template.json", "--write", "none/import.json"}, 66, []string{`--write none/import.json: there is no folder "none" in `}},
		{"no such project", retained, []string{"-s", "dev", "--dir", "none", "--cloudformation", "template.json"}, 66, []string{`--dir none: there is no folder "none" in `}},
		{"no template in it", "hello", []string{"-s", "dev", "--cloudformation", "template.json"}, 65, []string{"template.json: got a text, want a CloudFormation template", "cdk.out"}},
		{"no resources in it", retained, []string{"-s", "dev", "--cloudformation", "template.json", "--resources", "template.json"}, 65, []string{"describe-stack-resources"}},
		{"too large", strings.Repeat(" ", 9_000_000), []string{"-s", "dev", "--cloudformation", "template.json"}, 65, []string{"--cloudformation template.json: it has more than 8000000 bytes"}},
		{"nothing retained", lost, []string{"-s", "dev", "--cloudformation", "template.json"}, 65, []string{
			"InputBucket3BF8630A", "OutputBucket7114EB27", "ArtifactsBucket2AAC5544", "Repository22E53BBD", "JobLogs8CBA6B0E", "Nothing was written",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			dir := migrationDir(t, tt.template)
			runIn(t, dir, nil, append([]string{"import"}, tt.args...)...).expect(t, tt.status, tt.says...)
			if _, err := os.Stat(filepath.Join(dir, "import.json")); err == nil {
				t.Error("import.json was written")
			}
		})
	}
}
