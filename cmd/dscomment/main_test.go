package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ds-pipeline/internal/github"
	"ds-pipeline/internal/review"
)

const commit = "0123456789abcdef0123456789abcdef01234567"

func comments(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	status = run(t.Context(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func write(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func report(stack string) string {
	return fmt.Sprintf(`{"version":1,"stack":%q,"changes":[{"op":"create","type":"aws:sqs/queue:Queue","name":"@everyone"}]}`, stack)
}

func TestShow_printsTheComment(t *testing.T) {
	status, out, errs := comments(t, "show", "--commit", commit, write(t, report("prod")), write(t, report("dev")))
	if status != exitOK || !strings.HasPrefix(out, review.Marker) || strings.Index(out, "dev") > strings.Index(out, "prod") || strings.Contains(out, "@") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	if status, _, errs := comments(t, "show", "--commit", commit, write(t, `{"version":7}`)); status != exitFailed || !strings.Contains(errs, "version 7, want 1") {
		t.Errorf("status %d: %s", status, errs)
	}
}

func TestMain_refusesAWrongCommandLine(t *testing.T) {
	for _, args := range [][]string{{}, {"show"}, {"post", "--event", "none"}, {"tell"}} {
		if status, _, errs := comments(t, args...); status != exitUsage || !strings.Contains(errs, "dscomment --help lists the flags") {
			t.Errorf("%q: status %d: %s", args, status, errs)
		}
	}
	for _, args := range [][]string{{"show", "main_tets.go"}, {"post", "--event", "main_tets.go"}, {"issue", "--key", "k", "--title", "t", "main_tets.go"}} {
		if status, _, errs := comments(t, args...); status != exitUsage || !strings.Contains(errs, `did you mean "main_test.go"?`) {
			t.Errorf("%q: status %d: %s", args, status, errs)
		}
	}
	if status, out, _ := comments(t, "--help"); status != exitOK || !strings.Contains(out, "Exit status: 0 told") {
		t.Errorf("status %d: %s", status, out)
	}
}

// forge answers as GitHub does, for one run of one pull request.
type forge struct {
	pulls    string
	archive  []byte
	comments []string
	issues   []string
	closed   bool
}

func (f *forge) serve(t *testing.T) {
	mux := http.NewServeMux()
	text := func(pattern string, answer func(r *http.Request) string) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, answer(r)) })
	}
	post := func(list *[]string) func(*http.Request) string {
		return func(r *http.Request) string {
			var in struct{ Body, State string }
			if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
				t.Error(err)
			}
			if in.State == "closed" {
				f.closed = true
			} else {
				*list = append(*list, in.Body)
			}
			return "{}"
		}
	}
	text("GET /repos/o/n/pulls", func(*http.Request) string { return f.pulls })
	text("GET /repos/o/n/actions/runs/42/artifacts", func(*http.Request) string {
		if f.archive == nil {
			return `{"artifacts":[]}`
		}
		return `{"artifacts":[{"id":5,"name":"plans"}]}`
	})
	text("GET /repos/o/n/actions/artifacts/5/zip", func(*http.Request) string { return string(f.archive) })
	text("GET /repos/o/n/issues/7/comments", func(*http.Request) string { return "[]" })
	text("POST /repos/o/n/issues/7/comments", post(&f.comments))
	text("GET /repos/o/n/issues", func(*http.Request) string {
		list := []map[string]any{}
		for _, body := range f.issues {
			list = append(list, map[string]any{"number": 3, "body": body, "user": map[string]any{"login": github.Bot}})
		}
		out, err := json.Marshal(list)
		if err != nil {
			t.Error(err)
		}
		return string(out)
	})
	text("POST /repos/o/n/issues", post(&f.issues))
	text("PATCH /repos/o/n/issues/3", post(&f.issues))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	for k, v := range map[string]string{
		"GITHUB_API_URL": server.URL, "GITHUB_REPOSITORY": "o/n", "GITHUB_TOKEN": "t",
		"GITHUB_EVENT_PATH": write(t, `{"workflow_run":{"id":42,"event":"pull_request","head_sha":"`+commit+`","head_branch":"b","head_repository":{"full_name":"f/n","owner":{"login":"f"}}}}`),
	} {
		t.Setenv(k, v)
	}
}

func archive(t *testing.T, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i, text := range files {
		f, err := w.Create(fmt.Sprint(i))
		if err == nil {
			_, err = f.Write([]byte(text))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const pulls = `[{"number":7,"head":{"sha":"` + commit + `","repo":{"full_name":"f/n"}}}]`

func TestPost_commentsOnThePullRequestOfTheRun(t *testing.T) {
	f := &forge{pulls: pulls, archive: archive(t, report("dev"), report("prod"))}
	f.serve(t)
	status, out, errs := comments(t, "post")
	if status != exitOK || out != "told pull request 7\n" || len(f.comments) != 1 {
		t.Fatalf("status %d: %s%s", status, out, errs)
	}
	if got := f.comments[0]; !strings.HasPrefix(got, review.Marker) || !strings.Contains(got, "<code>prod</code>") || !strings.Contains(got, commit) {
		t.Errorf("got %s", got)
	}
}

func TestPost_hasNobodyToTell(t *testing.T) {
	for want, f := range map[string]*forge{
		"no open pull request has " + commit: {pulls: "[]", archive: archive(t, report("dev"))},
		`run 42 has no artifact "plans"`:     {pulls: pulls},
	} {
		f.serve(t)
		if status, out, errs := comments(t, "post"); status != exitOK || !strings.Contains(out, want) || len(f.comments) > 0 {
			t.Errorf("status %d: %s%s, want %s", status, out, errs, want)
		}
	}
}

func TestPost_refusesAnArtifactThatIsNoReport(t *testing.T) {
	f := &forge{pulls: pulls, archive: archive(t, report("dev"), "#!/bin/sh\n")}
	f.serve(t)
	if status, _, errs := comments(t, "post"); status != exitFailed || !strings.Contains(errs, "report: invalid character '#'") || len(f.comments) > 0 {
		t.Errorf("status %d: %s", status, errs)
	}
}

func TestIssue_isOpenedAndClosed(t *testing.T) {
	f := &forge{}
	f.serve(t)
	status, out, errs := comments(t, "issue", "--key", "drift-dev", "--title", "dev has drifted", write(t, "\x1b[31m~ bucket\x1b[0m\n```\n@everyone\n"))
	if status != exitOK || len(f.issues) != 1 || f.issues[0] != "<!-- ds-pipeline: drift-dev -->\n````text\n~ bucket\n```\n@everyone\n````\n" {
		t.Fatalf("status %d: %s%s%q", status, out, errs, f.issues)
	}
	if status, _, errs := comments(t, "issue", "--key", "drift-dev", "--close"); status != exitOK || !f.closed {
		t.Errorf("status %d: %s", status, errs)
	}
	for want, args := range map[string][]string{
		"want --title and a file, or --close":       {"--key", "drift-dev"},
		`--key: got "A b", want lower-case letters`: {"--key", "A b", "--close"},
	} {
		if status, _, errs := comments(t, append([]string{"issue"}, args...)...); status != exitFailed || !strings.Contains(errs, want) {
			t.Errorf("status %d: %s, want %s", status, errs, want)
		}
	}
}

func TestFenced_fitsAndStaysInside(t *testing.T) {
	for name, text := range map[string]string{
		"long": strings.Repeat("line é\n", 20000) + "the end", "ticks": strings.Repeat("`", 600), "empty": "", "bytes": "\xff\xfe",
	} {
		got := fenced(text)
		lines := strings.Split(strings.TrimSuffix(got, "\n"), "\n")
		fence := lines[len(lines)-1]
		inside := strings.Join(lines[:len(lines)-1], "\n")
		_, inside, _ = strings.Cut(inside, fence+"text\n")
		if len(got) > review.MaxCommentBytes-500 || strings.Trim(fence, "`") != "" || len(fence) < 3 || strings.Contains(inside, fence) || !strings.HasPrefix(strings.ToValidUTF8(got, "?"), got) {
			t.Errorf("%s: %d bytes, fence %q", name, len(got), fence)
		}
		if name == "long" && (!strings.HasPrefix(got, "The beginning is left out") || !strings.Contains(got, "the end")) {
			t.Errorf("%s: %s…", name, got[:100])
		}
	}
}
