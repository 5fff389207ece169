package components

import (
	"context"
	"encoding/json"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func TestKeepOldImages_keepsImagesAndNothingElse(t *testing.T) {
	image := &pulumi.ResourceTransformArgs{Type: "docker-build:index:Image", Props: pulumi.Map{"push": pulumi.Bool(true)}}
	if got := keepOldImages(context.Background(), image); got == nil || !got.Opts.RetainOnDelete || len(got.Props) != 1 {
		t.Errorf("an image became %+v", got)
	}
	if got := keepOldImages(context.Background(), &pulumi.ResourceTransformArgs{Type: "awsx:ecr:Image"}); got != nil {
		t.Errorf("the component became %+v", got)
	}
}

func TestRelativeToWorkingDir_isTheSameOnEveryMachine(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	for given, want := range map[string]string{dir: ".", dir + "/x": "x", ".": ".", "x/../y": "y", "..": ".."} {
		if got, err := relativeToWorkingDir(given); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", given, got, err, want)
		}
	}
}

// TestImageLifecycle_hasTheFieldsThatECRWants follows the table of "Lifecycle
// policy parameters": a rule for tagged images needs a pattern or a prefix, ages
// need a unit, and counts forbid one.
func TestImageLifecycle_hasTheFieldsThatECRWants(t *testing.T) {
	text, err := renderJSON(imageLifecycle(3))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Rules []struct {
			RulePriority int
			Selection    struct {
				TagStatus      string
				TagPatternList []string
				CountType      string
				CountUnit      string
				CountNumber    int
			}
			Action struct{ Type string }
		}
	}
	if err := json.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	priorities := map[int]bool{}
	for _, rule := range document.Rules {
		s := rule.Selection
		if rule.RulePriority < 1 || priorities[rule.RulePriority] || rule.Action.Type != "expire" || s.CountNumber < 1 {
			t.Errorf("rule %+v", rule)
		}
		priorities[rule.RulePriority] = true
		if (s.TagStatus == "tagged") != (len(s.TagPatternList) > 0) || (s.CountType == "sinceImagePushed") != (s.CountUnit == "days") {
			t.Errorf("selection %+v", s)
		}
	}
	if last := document.Rules[len(document.Rules)-1].Selection; last.CountNumber != 3 {
		t.Errorf("%d images are kept, want 3", last.CountNumber)
	}
}
