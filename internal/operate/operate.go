// Package operate is the operator's command line: it starts, watches and checks
// a deployed pipeline by the APIs of AWS. It imports no Pulumi.
package operate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"github.com/alecthomas/kong"

	"ds-pipeline/preprocess/contract"
)

// Program is what the command line runs in.
type Program struct {
	Version        string // "" for that of the build
	Getenv         func(string) string
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Signals        <-chan os.Signal
}

const about = `Operates the pipeline of a stack: uploads data and models, starts runs and watches
them, fetches results and finds out what is wrong. It learns where things are from Parameter Store,
below the stack's prefix, or from the stack's outputs.`

// globals are the flags of every command.
type globals struct {
	JSON    bool             `name:"json" help:"Print JSON instead of text; errors too, on standard error."`
	Stack   string           `short:"s" placeholder:"NAME" env:"DSPIPE_STACK" help:"Stack whose Pulumi.NAME.yaml says region, profile, account and prefix. Credentials of another account are refused."`
	Dir     string           `placeholder:"DIR" default:"." type:"path" help:"Directory of Pulumi.yaml, for --stack."`
	Outputs string           `placeholder:"FILE" type:"path" help:"Outputs as 'pulumi stack output --json' prints them, instead of those in Parameter Store."`
	Prefix  string           `placeholder:"/PATH/" env:"DS_PARAMETER_PREFIX" help:"Where the stack's parameters are. Default: as --stack says, else ${prefix}."`
	Profile string           `placeholder:"NAME" help:"Profile of the credentials. Default: as --stack says, else AWS_PROFILE."`
	Region  string           `placeholder:"NAME" help:"Region of the stack. Default: as --stack says, else AWS_REGION, else that of the profile."`
	Version kong.VersionFlag `help:"Print the version and exit."`
}

// grammar is the command line.
type grammar struct {
	globals

	Upload     uploadCommand     `cmd:"" help:"Check data and a model, and upload them."`
	Run        runCommand        `cmd:"" help:"Start a run."`
	Status     statusCommand     `cmd:"" help:"Show the pipeline, its last run and its next start."`
	List       listCommand       `cmd:"" help:"List runs, the newest first."`
	Logs       logsCommand       `cmd:"" help:"Show what the job printed."`
	Stop       stopCommand       `cmd:"" help:"Stop a run."`
	Retry      retryCommand      `cmd:"" help:"Redrive a run that failed, was stopped or timed out."`
	Results    resultsCommand    `cmd:"" help:"Check the result of a month, fetch it, show its report."`
	Backfill   backfillCommand   `cmd:"" help:"Run many months, some at a time; skip what is done."`
	Local      localCommand      `cmd:"" help:"Run the job here, as the cloud would run it."`
	Import     importCommand     `cmd:"" help:"Write the file for 'pulumi import' from the template of a CDK app that this stack replaces."`
	Doctor     doctorCommand     `cmd:"" help:"Look at everything that a run needs, and say what is wrong and what to do."`
	Completion completionCommand `cmd:"" help:"Print a script for a shell that completes commands and flags."`
	Man        manCommand        `cmd:"" help:"Print the manual page: dspipe man > dspipe.1; man ./dspipe.1."`
}

// command is one command of the grammar.
type command interface {
	run(ctx context.Context, s *session) error
}

// session is one call of a command.
type session struct {
	Program
	globals
	console
	interrupts *interrupts
	command    string // its name; "" before it is known
	place      *place // once found
	aws        *cloud // once connected
}

// exit is what kong's wish to exit becomes, so that Main can return.
type exit int

// Main does what the arguments say and returns the exit status.
func (p Program) Main(args []string) (status int) {
	var g grammar
	s := &session{Program: p}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case exit:
			status = int(r)
		default:
			status = s.complain(&Error{Status: exitFault, Err: fmt.Errorf("a fault in this program: %v\n%s", r, debug.Stack()), Remedy: "Report it with this text."})
		}
	}()
	parser := p.parser(&g)
	parsed, err := parser.Parse(args)
	s.globals = g.globals
	s.console = newConsole(p)
	if err != nil {
		s.JSON = s.JSON || hasFlag(args, "--json") // kong stopped before it got there
		return s.complain(usage(err))
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.interrupts = watchInterrupts(p.Signals, cancel)
	c, ok := parsed.Selected().Target.Addr().Interface().(command)
	if !ok {
		panic("no command: " + parsed.Command())
	}
	s.command = parsed.Selected().Name
	if err := c.run(ctx, s); err != nil {
		return s.complain(err)
	}
	return s.complain(s.out.lost())
}

// usage is a mistake of the command line, with the help that fits.
func usage(err error) error {
	command := ""
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			command = node.Name
		}
	}
	// A flag that need not be given may be "" for kong; nobody would write that.
	if text := err.Error(); strings.Contains(text, `one of "",`) {
		err = errors.New(strings.Replace(text, `one of "",`, "one of ", 1))
	}
	return &Error{Status: exitUsage, Err: err, Remedy: helpOf(command)}
}

// helpOf says which help to read about a command, or about all if it is "".
func helpOf(command string) string {
	if command != "" {
		command += " "
	}
	return "dspipe " + command + "--help shows what can be given."
}

func usagef(format string, args ...any) error { return usage(fmt.Errorf(format, args...)) }

func hasFlag(args []string, flag string) bool {
	for _, a := range args {
		if a == flag {
			return true
		}
	}
	return false
}

func (p Program) parser(g *grammar) *kong.Kong {
	parser, err := kong.New(g,
		kong.Name("dspipe"),
		kong.Description(about),
		kong.Vars{
			"version":       p.versionText(),
			"prefix":        contract.DefaultParameterPrefix,
			"output_prefix": contract.OutputPrefix,
			"most_parallel": strconv.Itoa(mostParallel),
		},
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(code int) { panic(exit(code)) }),
		kong.Help(help),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
	if err != nil {
		panic(err) // the grammar is wrong, whatever the arguments
	}
	return parser
}

// help adds the exit statuses to the help of the whole.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if ctx.Selected() != nil {
		return nil
	}
	var b strings.Builder
	b.WriteString("\nEnvironment: as for every AWS tool (AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, ...); DSPIPE_STACK as\n--stack; DS_PARAMETER_PREFIX as --prefix; NO_COLOR.\n\nExit status:\n")
	for _, e := range exitStatuses() {
		fmt.Fprintf(&b, "  %-3d %s\n", e.code, e.meaning)
	}
	b.WriteString("A run that is waited for ends with the job's own status: preprocess --help lists them.\n")
	_, err := io.WriteString(ctx.Stdout, b.String())
	return err
}

func (p Program) versionText() string {
	v := p.Version
	if info, ok := debug.ReadBuildInfo(); v == "" && ok {
		v = info.Main.Version
		for _, setting := range info.Settings {
			if setting.Key == "vcs.revision" {
				v = setting.Value
			}
		}
	}
	if v == "" || v == "(devel)" {
		v = "unknown"
	}
	return fmt.Sprintf("dspipe %s (%s, %s/%s)", v, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// interrupts hands Ctrl-C to whoever wants to ask what it means, and else ends
// the command.
type interrupts struct {
	mu     sync.Mutex
	taken  chan struct{} // nil: nobody wants to know
	cancel context.CancelFunc
}

func watchInterrupts(signals <-chan os.Signal, cancel context.CancelFunc) *interrupts {
	i := &interrupts{cancel: cancel}
	go func() {
		canceled := false
		for s := range signals {
			i.mu.Lock()
			taken := i.taken
			i.mu.Unlock()
			if s == syscall.SIGTERM || taken == nil {
				if canceled {
					os.Exit(exitInterrupted) // asked twice
				}
				canceled = true
				cancel()
				continue
			}
			select {
			case taken <- struct{}{}:
			default: // the last one is not yet answered
			}
		}
	}()
	return i
}

// take makes Ctrl-C come through the channel until release.
func (i *interrupts) take() (interrupted <-chan struct{}, release func()) {
	c := make(chan struct{}, 1)
	i.mu.Lock()
	i.taken = c
	i.mu.Unlock()
	return c, func() {
		i.mu.Lock()
		i.taken = nil
		i.mu.Unlock()
	}
}
