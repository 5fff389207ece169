package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/review"
	"ds-pipeline/stack"
)

// reviewed compares what run does in dir with a deployment.
func reviewed(t *testing.T, run pulumi.RunFunc, name, dir, file string) (report *review.Report, status int, errs string) {
	t.Helper()
	status, out, errs := plan(t, run, phrase, "-s", name, "--dir", dir, "--review", file)
	if out == "" {
		return nil, status, errs
	}
	report, err := review.Read(strings.NewReader(out))
	if err != nil {
		t.Fatalf("%v\n%s%s", err, out, errs)
	}
	return report, status, errs
}

func TestReview_findsNothingInWhatIsDeployed(t *testing.T) {
	for _, name := range []string{"dev", "prod"} {
		file := filepath.Join(t.TempDir(), "base.json")
		if status, _, errs := plan(t, stack.Deploy, phrase, "-s", name, "--dir", root, "--export", file); status != exitOK {
			t.Fatalf("status %d: %s", status, errs)
		}
		r, status, errs := reviewed(t, stack.Deploy, name, root, file)
		if status != exitOK || len(r.Changes)+len(r.Added)+len(r.Removed) > 0 || r.New {
			t.Fatalf("%s: status %d: %v %s", name, status, r, errs)
		}
		if r.Before.AtRestUSD != r.After.AtRestUSD || r.Before.PerRunUSD != r.After.PerRunUSD || r.After.PerRunUSD == 0 {
			t.Errorf("%s: costs %v, then %v", name, r.Before, r.After)
		}
	}
}

func TestReview_saysWhatIsLostAndWhatIsRefused(t *testing.T) {
	dir := project(t, plainSettings)
	for _, protect := range []bool{false, true} {
		made := func(ctx *pulumi.Context) error {
			var q pulumi.CustomResourceState
			return ctx.RegisterResource("aws:sqs/queue:Queue", "jobs", pulumi.Map{"name": pulumi.String("jobs")}, &q, pulumi.Protect(protect))
		}
		gone := func(*pulumi.Context) error { return nil }
		r, status, errs := reviewed(t, gone, "dev", dir, exported(t, made, dir))
		if protect {
			// The engine says so, and nothing else is known.
			if status != exitErrors || len(r.Errors) != 1 || !strings.Contains(r.Errors[0], "protected") || len(r.Changes) > 0 {
				t.Errorf("status %d: %v %s", status, r, errs)
			}
			continue
		}
		if status != exitOK || len(r.Changes) != 1 {
			t.Fatalf("status %d: %v %s", status, r, errs)
		}
		if c := r.Changes[0]; c.Op != review.Delete || c.Name != "jobs" || c.Loses != "its messages" || c.Refused {
			t.Errorf("got %+v", c)
		}
	}
}

func TestReview_reportsAPlanWithMistakes(t *testing.T) {
	dir := project(t, plainSettings)
	file := exported(t, queue, dir)
	configure(t, dir, "  sample:size: 100000\n")
	r, status, errs := reviewed(t, queue, "dev", dir, file)
	if status != exitErrors || len(r.Errors) != 1 || !strings.Contains(r.Errors[0], "delaySeconds") || len(r.Changes) > 0 {
		t.Errorf("status %d: %v %s", status, r, errs)
	}
	if !strings.Contains(errs, "delaySeconds") {
		t.Errorf("got %q", errs)
	}
}

func TestReview_takesAnEmptyFileForAStackThatIsNew(t *testing.T) {
	dir := project(t, plainSettings)
	file := filepath.Join(t.TempDir(), "none.json")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, status, errs := reviewed(t, queue, "dev", dir, file)
	if status != exitOK || !r.New || len(r.Changes) != 3 || r.Before != nil || r.After == nil {
		t.Errorf("status %d: %v %s", status, r, errs)
	}
	if _, status, errs := reviewed(t, queue, "dev", dir, file+".none"); status != exitUsage || !strings.Contains(errs, "--review ") || !strings.Contains(errs, "there is no ") {
		t.Errorf("status %d: %s", status, errs)
	}
	if status, _, errs := plan(t, queue, nil, "-s", "dev", "--dir", dir, "--review", file, "--cost"); status != exitUsage || !strings.Contains(errs, "got --cost and --review, want one of them") {
		t.Errorf("status %d: %s", status, errs)
	}
}

func TestReview_showsNoSecret(t *testing.T) {
	dir := project(t, plainSettings)
	file := exported(t, queue, dir)
	configure(t, dir, "  sample:size: 7\n")
	_, out, errs := plan(t, queue, phrase, "-s", "dev", "--dir", dir, "--review", file)
	if strings.Contains(out+errs, "hush") || !strings.Contains(out, "delaySeconds") {
		t.Errorf("got %s%s", out, errs)
	}
}

// changed is a copy of our project whose stack files have other values.
func changed(t *testing.T, edits map[string][2]string) string {
	t.Helper()
	dir := t.TempDir()
	// The image is named by a hash of these: the page does not change with the job.
	if err := os.Mkdir(filepath.Join(dir, "preprocess"), 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"Dockerfile", ".dockerignore", "go.mod", "go.sum", "preprocess/main.go"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("# "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml"} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		if edit, ok := edits[name]; ok {
			if !strings.Contains(string(text), edit[0]) {
				t.Fatalf("%s has no %q", name, edit[0])
			}
			text = []byte(strings.Replace(string(text), edit[0], edit[1], 1))
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// The comment in docs/previews.md is that of a pull request which changes both
// stack files; UPDATE_GOLDEN=1 writes it.
func TestReview_looksAsThePageShows(t *testing.T) {
	before := changed(t, nil)
	after := changed(t, map[string][2]string{
		"Pulumi.dev.yaml":  {"ds-pipeline:scheduleEnabled: false", "ds-pipeline:scheduleEnabled: false\n  ds-pipeline:encryption: customer-key\n  ds-pipeline:maxRejects: 0.5%"},
		"Pulumi.prod.yaml": {"ds-pipeline:protectData: true", "ds-pipeline:protectData: true\n  ds-pipeline:networkMode: endpoints\n  ds-pipeline:taskMemoryMiB: 8192"},
	})
	var reports []*review.Report
	for _, name := range []string{"dev", "prod"} {
		file := filepath.Join(t.TempDir(), "base.json")
		if status, _, errs := plan(t, stack.Deploy, phrase, "-s", name, "--dir", before, "--export", file); status != exitOK {
			t.Fatalf("status %d: %s", status, errs)
		}
		r, _, _ := reviewed(t, stack.Deploy, name, after, file)
		reports = append(reports, r)
	}
	comment, err := review.Comment("5f0c2d1e9a7b4c3d2e1f0a9b8c7d6e5f4a3b2c1d", reports)
	if err != nil {
		t.Fatal(err)
	}
	const begin, end = "<!-- the comment begins -->\n\n", "\n<!-- the comment ends -->"
	file := filepath.Join(root, "docs", "previews.md")
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, found := strings.Cut(string(page), begin)
	shown, tail, ended := strings.Cut(rest, end)
	if !found || !ended {
		t.Fatalf("%s has no place for the comment", file)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(head+begin+comment+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if shown != comment {
		t.Errorf("%s differs; after a change that is meant, run `make golden` and review the diff. Got\n%s", file, comment)
	}
}
