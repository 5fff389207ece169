// Command dscomment tells on GitHub what dsplan and Pulumi found. See dscomment
// --help.
package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"ds-pipeline/internal/github"
	"ds-pipeline/internal/review"
	"ds-pipeline/preprocess/named"
)

const about = `Tells on GitHub what a change does: one comment on a pull request with what
'dsplan --review' found, which is updated, and one issue for what has drifted. Workflows
in .github use it. Reports may come from anywhere: nothing in them is executed or believed.

Exit status: 0 told, or nobody to tell; 1 it did not work; 64 the command line is wrong.`

const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 64
)

type cli struct {
	Show  showCommand  `cmd:"" help:"Print the comment for reports."`
	Post  postCommand  `cmd:"" help:"Comment on the pull request that a run of another workflow was for, from the reports in its artifact. Runs in a workflow for workflow_run."`
	Issue issueCommand `cmd:"" help:"Make a text the one open issue of a key, or close that."`
}

// account is how to reach GitHub. A workflow sets all of it.
type account struct {
	API        string `name:"api" env:"GITHUB_API_URL" default:"https://api.github.com" placeholder:"URL" help:"Address of GitHub's API."`
	Repository string `env:"GITHUB_REPOSITORY" placeholder:"OWNER/NAME" help:"The repository."`
	Token      string `env:"GITHUB_TOKEN" placeholder:"TOKEN" help:"The token; better in the environment, where others do not see it."`
}

func (a account) client() (*github.Client, error) { return github.New(a.API, a.Repository, a.Token) }

type showCommand struct {
	Commit string   `required:"" placeholder:"SHA" help:"The commit that was planned."`
	Files  []string `arg:"" type:"path" help:"What 'dsplan --review' printed, one file for each stack."`
}

type postCommand struct {
	account  `embed:""`
	Event    string `env:"GITHUB_EVENT_PATH" type:"path" required:"" placeholder:"FILE" help:"The event that started the workflow."`
	Artifact string `default:"plans" help:"Name of the artifact."`
}

type issueCommand struct {
	account `embed:""`
	Key     string `required:"" help:"What tells this issue from others, such as drift-dev."`
	Title   string `help:"Title of the issue."`
	Close   bool   `help:"Close the issue."`
	File    string `arg:"" optional:"" type:"path" help:"The text."`
}

// Validate says which files are not there. Kong calls it.
func (c showCommand) Validate() error {
	var errs []error
	for _, path := range c.Files {
		errs = append(errs, named.File("report", path))
	}
	return errors.Join(errs...)
}

// Validate is as that of show.
func (c postCommand) Validate() error { return named.File("--event", c.Event) }

// Validate is as that of show.
func (c issueCommand) Validate() error {
	if c.File == "" {
		return nil
	}
	return named.File("text", c.File)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var flags cli
	asked := false
	parser, err := kong.New(&flags, kong.Name("dscomment"), kong.Description(about), kong.Writers(stdout, stderr), kong.Exit(func(int) { asked = true }))
	if err != nil {
		panic(err) // the commands above are wrong, whatever the arguments
	}
	parsed, err := parser.Parse(args)
	if asked {
		return exitOK // --help was answered
	}
	if err != nil {
		fmt.Fprintf(stderr, "dscomment: %v\ndscomment --help lists the flags\n", err)
		return exitUsage
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	switch parsed.Selected().Name {
	case "show":
		err = flags.Show.run(stdout)
	case "post":
		err = flags.Post.run(ctx, stdout)
	default:
		err = flags.Issue.run(ctx, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "dscomment:", err)
		return exitFailed
	}
	return exitOK
}

// comment renders the reports in files.
func comment(commit string, files [][]byte) (string, error) {
	var reports []*review.Report
	for _, text := range files {
		report, err := review.Read(bytes.NewReader(text))
		if err != nil {
			return "", err
		}
		reports = append(reports, report)
	}
	return review.Comment(commit, reports)
}

func (c showCommand) run(stdout io.Writer) error {
	var files [][]byte
	for _, name := range c.Files {
		text, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		files = append(files, text)
	}
	text, err := comment(c.Commit, files)
	if err != nil {
		return err
	}
	_, err = io.WriteString(stdout, text)
	return err
}

func (c postCommand) run(ctx context.Context, stdout io.Writer) error {
	client, err := c.client()
	if err != nil {
		return err
	}
	event, err := os.Open(c.Event)
	if err != nil {
		return err
	}
	finished, err := github.ReadEvent(event)
	if err := errors.Join(err, event.Close()); err != nil {
		return err
	}
	pulls, err := client.Pulls(ctx, finished)
	if err != nil {
		return err
	}
	if len(pulls) == 0 {
		fmt.Fprintf(stdout, "no open pull request has %s as its head any more\n", finished.HeadSHA)
		return nil
	}
	files, err := client.Artifact(ctx, finished, c.Artifact, review.MaxReportBytes)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		fmt.Fprintf(stdout, "run %d has no artifact %q: it ended before it had planned anything\n", finished.ID, c.Artifact)
		return nil
	}
	text, err := comment(finished.HeadSHA, files)
	if err != nil {
		return err
	}
	for _, number := range pulls {
		if err := client.Comment(ctx, number, review.Marker, text); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "told pull request %d\n", number)
	}
	return nil
}

var keyPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func (c issueCommand) run(ctx context.Context, stdout io.Writer) error {
	if !keyPattern.MatchString(c.Key) {
		return fmt.Errorf("--key: got %q, want lower-case letters, digits and single hyphens", c.Key)
	}
	if c.Close != (c.File == "") || c.Close != (c.Title == "") {
		return errors.New("want --title and a file, or --close")
	}
	client, err := c.client()
	if err != nil {
		return err
	}
	marker := "<!-- ds-pipeline: " + c.Key + " -->"
	if c.Close {
		if err := client.CloseIssue(ctx, marker); err != nil {
			return err
		}
		fmt.Fprintf(stdout, "there is no open issue %s\n", c.Key)
		return nil
	}
	text, err := os.ReadFile(c.File)
	if err != nil {
		return err
	}
	if err := client.Issue(ctx, marker, c.Title, marker+"\n"+fenced(string(text))); err != nil {
		return err
	}
	fmt.Fprintf(stdout, "issue %s is up to date\n", c.Key)
	return nil
}

var (
	ticks   = regexp.MustCompile("`+")
	escapes = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]")
)

// fenced is a text as it is, without colors, cut to what GitHub takes. Its end
// tells most.
func fenced(text string) string {
	const room = review.MaxCommentBytes - 2000
	text = strings.ToValidUTF8(escapes.ReplaceAllString(text, ""), "\uFFFD")
	cut := ""
	if len(text) > room {
		cut = "The beginning is left out; the log of the workflow has it.\n\n"
		text = strings.ToValidUTF8(text[len(text)-room:], "")
	}
	fence := "```"
	for _, run := range ticks.FindAllString(text, -1) {
		if len(run) >= len(fence) {
			fence = run + "`"
		}
	}
	if len(fence) > 500 {
		text, fence = ticks.ReplaceAllString(text, "'"), "```"
	}
	return fmt.Sprintf("%s%stext\n%s\n%s\n", cut, fence, strings.TrimRight(text, "\n"), fence)
}
