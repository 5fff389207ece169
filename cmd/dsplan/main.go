// Command dsplan plans a stack on the real Pulumi engine with simulated
// providers. See dsplan --help.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
	"github.com/pulumi/pulumi/pkg/v3/secrets/passphrase"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud"
	"ds-pipeline/internal/simcloud/simstack"
	"ds-pipeline/preprocess/named"
	"ds-pipeline/stack"
)

const about = `Plans a stack: deploys it with the real Pulumi engine into a simulated AWS account,
and shows every component, resource and output. Needs no account, no credentials and no
network, and leaves nothing behind. A mistake in the program is reported as the engine's
error on its resource.

Exit status: 0 planned, 1 the plan has errors, 2 --diff found changes,
64 the command line is wrong, 130 interrupted.`

const (
	exitOK          = 0
	exitErrors      = 1
	exitChanges     = 2
	exitUsage       = 64
	exitInterrupted = 130
)

type cli struct {
	Stack   string  `short:"s" required:"" placeholder:"NAME" help:"Stack to plan; its file is Pulumi.NAME.yaml."`
	JSON    bool    `name:"json" help:"Print resources with their inputs, and the outputs, as JSON. Secrets are masked."`
	Cost    bool    `help:"Estimate what a month at rest and one run cost instead; as JSON with --json."`
	InputGB float64 `name:"input-gb" default:"1" help:"Size of one input, for --cost."`
	Objects float64 `name:"objects" default:"100" help:"Objects in which it comes, where a run is spread over them, for --cost."`
	Runs    float64 `name:"runs" default:"1" help:"Runs in a month, for --cost."`
	Graph   string  `placeholder:"svg" help:"Draw who starts, reads, writes and tells what, by the plan's permissions, instead: as SVG."`
	IAM     bool    `name:"iam" help:"List who may do what on which resources by the plan's policies, and under which conditions, instead; as JSON with --json."`
	Diff    string  `placeholder:"FILE" type:"path" help:"Tell what a deployment would change instead, compared with what 'pulumi stack export' or --export wrote; as JSON with --json. What was changed in AWS by hand does not show."`
	Review  string  `placeholder:"FILE" type:"path" help:"Compare with what --export wrote of the base of a pull request: changes, cost and rights, as JSON for 'dscomment', also when the plan has errors. An empty FILE stands for a stack that the base has not."`
	Export  string  `placeholder:"FILE" type:"path" help:"Also write the deployment as 'pulumi stack export' does. Secrets in it are encrypted with PULUMI_CONFIG_PASSPHRASE; without it, with a key that nobody keeps."`
	Account string  `placeholder:"ID" help:"Account that the simulated credentials belong to. Default: the one that the stack is for."`
	Dir     string  `default:"." type:"path" help:"Directory of Pulumi.yaml."`
}

// stackProgram is what is planned.
var stackProgram pulumi.RunFunc = stack.Deploy

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{run: stackProgram, getenv: os.Getenv, stdout: os.Stdout, stderr: os.Stderr}
	status := p.main(ctx, os.Args[1:])
	stop()
	os.Exit(status)
}

// program is what the command line runs in.
type program struct {
	run            pulumi.RunFunc
	getenv         func(string) string
	stdout, stderr io.Writer
}

func (p program) main(ctx context.Context, args []string) int {
	var flags cli
	asked := false
	parser, err := kong.New(&flags, kong.Name("dsplan"), kong.Description(about), kong.Writers(p.stdout, p.stderr),
		kong.Exit(func(int) { asked = true }))
	if err != nil {
		panic(err) // the flags above are wrong, whatever the arguments
	}
	if _, err = parser.Parse(args); asked {
		return exitOK // --help was answered
	}
	if err == nil {
		err = errors.Join(flags.check(), p.files(flags))
	}
	if err != nil {
		fmt.Fprintf(p.stderr, "dsplan: %v\ndsplan --help lists the flags\n", err)
		return exitUsage
	}
	switch err := p.plan(ctx, flags); {
	case err == nil:
		return exitOK
	case errors.Is(err, errChanges):
		return exitChanges
	case ctx.Err() != nil:
		fmt.Fprintln(p.stderr, "dsplan: interrupted")
		return exitInterrupted
	case errors.Is(err, simstack.ErrNoStack):
		fmt.Fprintln(p.stderr, "dsplan:", err)
		return exitUsage
	case errors.Is(err, simstack.ErrNoProject):
		fmt.Fprintf(p.stderr, "dsplan: --dir %s: %v\n", named.Near(flags.Dir), err)
		return exitUsage
	default:
		fmt.Fprint(p.stderr, failureText(flags.Stack, err))
		return exitErrors
	}
}

// files says what is wrong with the files and the folder that flags and
// environment name.
func (p program) files(flags cli) error {
	var errs []error
	for _, f := range []struct {
		argument, path string
		check          func(argument, path string) error
	}{
		{"--dir", flags.Dir, named.Folder}, {"--diff", flags.Diff, named.File}, {"--review", flags.Review, named.File}, {"--export", flags.Export, named.Target},
		{passphraseFile, p.getenv(passphraseFile), named.File},
	} {
		if f.path != "" {
			errs = append(errs, f.check(f.argument, f.path))
		}
	}
	return errors.Join(errs...)
}

// check reports every mistake that can be seen before anything is planned.
func (flags cli) check() error {
	var errs []error
	var asked []string // what is printed instead of the plan
	for _, answer := range []struct {
		flag  string
		given bool
	}{{"--cost", flags.Cost}, {"--graph", flags.Graph != ""}, {"--iam", flags.IAM}, {"--diff", flags.Diff != ""}, {"--review", flags.Review != ""}} {
		if answer.given {
			asked = append(asked, answer.flag)
		}
	}
	if len(asked) > 1 {
		errs = append(errs, fmt.Errorf("got %s, want one of them: each is printed instead of the plan", strings.Join(asked, " and ")))
	}
	if flags.Graph != "" && flags.Graph != "svg" {
		errs = append(errs, fmt.Errorf("--graph: got %q, want svg", flags.Graph))
	}
	if flags.JSON && flags.Graph != "" {
		errs = append(errs, errors.New("--graph: got it with --json, want one of them: a drawing is SVG"))
	}
	if flags.JSON && flags.Review != "" {
		errs = append(errs, errors.New("--review: got it with --json, want it alone: it prints JSON in any case"))
	}
	if flags.Export != "" && (flags.Diff != "" || flags.Review != "") {
		errs = append(errs, errors.New("--export: got it with --diff or --review, which deploy nothing; want it without them"))
	}
	if flags.Account != "" && !isAccount(flags.Account) {
		errs = append(errs, fmt.Errorf("--account: got %q, want 12 digits", flags.Account))
	}
	if err := flags.assumed().Check(); err != nil {
		flag := strings.NewReplacer("inputGB:", "--input-gb:", "runsPerMonth:", "--runs:", "objects:", "--objects:")
		errs = append(errs, errors.New(flag.Replace(err.Error())))
	}
	return errors.Join(errs...)
}

// errChanges says that --diff found some.
var errChanges = errors.New("there are changes")

func isAccount(s string) bool {
	return len(s) == 12 && strings.Trim(s, "0123456789") == ""
}

func (p program) plan(ctx context.Context, flags cli) error {
	s, err := simstack.Open(ctx, p.run, simstack.OpenOptions{Dir: flags.Dir, Stack: flags.Stack, Account: flags.Account, Env: p.getenv})
	if err != nil {
		return err
	}
	s.Cloud.Know(given(s))
	if flags.Diff != "" {
		return p.diff(ctx, s, flags)
	}
	if flags.Review != "" {
		return p.review(ctx, s, flags)
	}
	if flags.Export != "" {
		phrase, err := p.passphrase()
		if err != nil {
			return err
		}
		// Deriving the key takes a moment, so only when it is needed.
		if _, s.Secrets, err = passphrase.NewPassphraseSecretsManager(phrase); err != nil {
			return fmt.Errorf("prepare the encryption of the export: %w", err)
		}
	}
	planned, err := inside(s, func() (*simstack.Result, error) { return s.Up(ctx) })
	if err != nil {
		return err
	}
	for _, d := range planned.Diagnostics {
		fmt.Fprintln(p.stderr, diagnosticText(d))
	}
	if flags.Export != "" {
		deployment, err := s.Export(ctx)
		if err != nil {
			return err
		}
		if err := writeJSON(flags.Export, deployment); err != nil {
			return err
		}
	}
	if flags.Cost {
		return printCost(p.stdout, planned, flags)
	}
	if flags.IAM {
		return printIAM(p.stdout, planned, flags.JSON)
	}
	if flags.Graph != "" {
		return printGraph(p.stdout, s, planned)
	}
	if flags.JSON {
		return printJSON(p.stdout, s, planned)
	}
	return printTree(p.stdout, s, planned)
}

// given is what the configuration says is in the account already. Whether it is
// so only the real account can tell.
func given(s *simstack.Stack) simcloud.Others {
	others := simcloud.Others{Subnets: map[string]string{}}
	for id := range strings.SplitSeq(s.ConfigValue("subnetIds"), ",") {
		if id = strings.TrimSpace(id); id != "" {
			others.Subnets[id] = s.ConfigValue("vpcId")
		}
	}
	if key := s.ConfigValue("kmsKeyArn"); key != "" {
		others.Keys = []string{key}
	}
	return others
}

// passphrase is the user's, or one that is forgotten at once.
func (p program) passphrase() (string, error) {
	if phrase, err := p.givenPassphrase(); phrase != "" || err != nil {
		return phrase, err
	}
	return rand.Text(), nil
}

// passphraseFile is the environment variable that names a file with the passphrase.
const passphraseFile = "PULUMI_CONFIG_PASSPHRASE_FILE" //nolint:gosec // its name

// givenPassphrase is the user's, or "".
func (p program) givenPassphrase() (string, error) {
	if phrase := p.getenv("PULUMI_CONFIG_PASSPHRASE"); phrase != "" {
		return phrase, nil
	}
	file := p.getenv(passphraseFile)
	if file == "" {
		return "", nil
	}
	text, err := named.Read(passphraseFile, file, 1<<20)
	return strings.TrimSpace(string(text)), err
}

// inside does something where the CLI runs the program, in the project's directory.
func inside(s *simstack.Stack, do func() (*simstack.Result, error)) (*simstack.Result, error) {
	restore, err := enter(s.Root)
	if err != nil {
		return nil, err
	}
	defer restore()
	return do()
}

// enter makes dir the working directory, where the CLI runs a program.
func enter(dir string) (restore func(), err error) {
	before, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	if err := os.Chdir(dir); err != nil {
		return nil, err
	}
	return func() {
		// It was there a moment ago; the plan is made either way.
		_ = os.Chdir(before)
	}, nil
}

// writeJSON writes a file whole or not at all.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "    ")
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
