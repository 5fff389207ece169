package operate

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// run prints a script that completes commands, flags and their values. It is made
// from the grammar, so that it fits this binary.
func (c *completionCommand) run(_ context.Context, s *session) error {
	write := map[string]func(*kong.Application) string{"bash": bashCompletion, "zsh": zshCompletion, "fish": fishCompletion}[c.Shell]
	_, err := io.WriteString(s.Stdout, write(s.parser(&grammar{}).Model))
	return err
}

// commandsOf are the commands that help shows.
func commandsOf(app *kong.Application) []*kong.Node {
	return slices.DeleteFunc(slices.Clone(app.Children), func(n *kong.Node) bool { return n.Hidden })
}

// flagsOf are the flags of a command and those of all.
func flagsOf(app *kong.Application, n *kong.Node) []*kong.Flag {
	all := slices.Concat(n.Flags, app.Flags)
	return slices.DeleteFunc(all, func(f *kong.Flag) bool { return f.Hidden })
}

// spellings are all ways to write a flag.
func spellings(f *kong.Flag) []string {
	all := []string{"--" + f.Name}
	if f.Tag.Negatable != "" {
		all = append(all, "--no-"+f.Name)
	}
	if f.Short != 0 {
		all = append(all, "-"+string(f.Short))
	}
	return all
}

// choices are what a value may be; nil if that is not said.
func choices(v *kong.Value) []string {
	if v.Enum == "" {
		return nil
	}
	return slices.DeleteFunc(strings.Split(v.Enum, ","), func(c string) bool { return c == "" })
}

func isPath(f *kong.Flag) bool {
	return f.Tag.Type == "path" || f.PlaceHolder == "URI"
}

func bashCompletion(app *kong.Application) string {
	var b strings.Builder
	var names []string
	for _, n := range commandsOf(app) {
		names = append(names, n.Name)
	}
	fmt.Fprintf(&b, `# Completion for bash: source <(%[1]s completion bash)

# A reply a line: names of files may have blanks. The bash of macOS has no mapfile
# and no compopt, which has later ones escape the blanks.
_%[1]s_reply() {
	local line
	while IFS= read -r line; do COMPREPLY+=("$line"); done
}
_%[1]s_words() { _%[1]s_reply < <(compgen -W "$1" -- "$2"); }
_%[1]s_files() {
	compopt -o filenames 2>/dev/null
	_%[1]s_reply < <(compgen -f -- "$1")
}

_%[1]s() {
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} command="" i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		%[2]s) command=${COMP_WORDS[i]}; break ;;
		esac
	done
	case "$command $before" in
`, app.Name, strings.Join(names, "|"))
	for _, n := range commandsOf(app) {
		for _, f := range flagsOf(app, n) {
			var reply string
			switch {
			case f.IsBool():
				continue
			case choices(f.Value) != nil:
				reply = fmt.Sprintf(`_%s_words "%s" "$word"; `, app.Name, strings.Join(choices(f.Value), " "))
			case isPath(f):
				reply = fmt.Sprintf(`_%s_files "$word"; `, app.Name)
			}
			for _, spelling := range spellings(f) {
				fmt.Fprintf(&b, "\t\"%s %s\") %sreturn ;;\n", n.Name, spelling, reply)
			}
		}
	}
	b.WriteString("\tesac\n\tcase $command in\n")
	for _, n := range commandsOf(app) {
		var words []string
		for _, f := range flagsOf(app, n) {
			words = append(words, spellings(f)...)
		}
		for _, p := range n.Positional {
			words = append(words, choices(p)...)
		}
		fmt.Fprintf(&b, "\t%s) _%s_words \"%s\" \"$word\" ;;\n", n.Name, app.Name, strings.Join(words, " "))
	}
	var top []string
	for _, f := range app.Flags {
		top = append(top, spellings(f)...)
	}
	fmt.Fprintf(&b, "\t*) _%[2]s_words \"%[1]s\" \"$word\" ;;\n\tesac\n}\ncomplete -F _%[2]s %[2]s\n", strings.Join(slices.Concat(names, top), " "), app.Name)
	return b.String()
}

// zshText escapes what a specification of zsh gives a meaning to.
func zshText(text string) string {
	return strings.NewReplacer("'", "'\\''", "[", "\\[", "]", "\\]", ":", "\\:").Replace(sentence(text))
}

// sentence is the first sentence of a help text.
func sentence(text string) string {
	text, _, _ = strings.Cut(text, ". ")
	return strings.TrimSuffix(text, ".")
}

func zshCompletion(app *kong.Application) string {
	var b strings.Builder
	fmt.Fprintf(&b, "#compdef %[1]s\n# Completion for zsh: %[1]s completion zsh > a file called _%[1]s in a directory of $fpath\n_%[1]s() {\n\tlocal line state\n\t_arguments -C \\\n", app.Name)
	flags := func(list []*kong.Flag) {
		for _, f := range list {
			value := ""
			switch {
			case f.IsBool():
			case choices(f.Value) != nil:
				value = ":" + f.Name + ":(" + strings.Join(choices(f.Value), " ") + ")"
			case isPath(f):
				value = ":" + f.Name + ":_files"
			default:
				value = ":" + f.Name + ":"
			}
			for _, spelling := range spellings(f) {
				fmt.Fprintf(&b, "\t\t'%s[%s]%s' \\\n", spelling, zshText(f.Help), value)
			}
		}
	}
	flags(app.Flags)
	b.WriteString("\t\t'1: :->command' '*:: :->rest'\n\tcase $state in\n\tcommand)\n\t\tlocal -a commands=(\n")
	for _, n := range commandsOf(app) {
		fmt.Fprintf(&b, "\t\t\t'%s:%s'\n", n.Name, zshText(n.Help))
	}
	b.WriteString("\t\t)\n\t\t_describe command commands ;;\n\trest)\n\t\tcase $line[1] in\n")
	for _, n := range commandsOf(app) {
		fmt.Fprintf(&b, "\t\t%s) _arguments \\\n", n.Name)
		flags(flagsOf(app, n))
		for _, p := range n.Positional {
			fmt.Fprintf(&b, "\t\t'1:%s:(%s)' \\\n", p.Name, strings.Join(choices(p), " "))
		}
		b.WriteString("\t\t;;\n")
	}
	fmt.Fprintf(&b, "\t\tesac ;;\n\tesac\n}\nif [ \"$funcstack[1]\" = _%[1]s ]; then _%[1]s; else compdef _%[1]s %[1]s; fi\n", app.Name)
	return b.String()
}

func fishCompletion(app *kong.Application) string {
	var b strings.Builder
	quote := func(text string) string {
		return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(sentence(text)) + "'"
	}
	fmt.Fprintf(&b, "# Completion for fish: %s completion fish | source\n", app.Name)
	flags := func(condition string, list []*kong.Flag) {
		for _, f := range list {
			line := "complete -c " + app.Name + condition + " -l " + f.Name
			if f.Short != 0 {
				line += " -s " + string(f.Short)
			}
			switch {
			case f.IsBool():
			case choices(f.Value) != nil:
				line += " -x -a '" + strings.Join(choices(f.Value), " ") + "'"
			case isPath(f):
				line += " -r -F"
			default:
				line += " -x"
			}
			b.WriteString(line + " -d " + quote(f.Help) + "\n")
			if f.Tag.Negatable != "" {
				fmt.Fprintf(&b, "complete -c %s%s -l no-%s -d %s\n", app.Name, condition, f.Name, quote(f.Help))
			}
		}
	}
	flags("", app.Flags)
	for _, n := range commandsOf(app) {
		fmt.Fprintf(&b, "complete -c %s -f -n __fish_use_subcommand -a %s -d %s\n", app.Name, n.Name, quote(n.Help))
		condition := " -f -n '__fish_seen_subcommand_from " + n.Name + "'"
		flags(condition, n.Flags)
		for _, p := range n.Positional {
			if list := choices(p); list != nil {
				fmt.Fprintf(&b, "complete -c %s%s -a '%s'\n", app.Name, condition, strings.Join(list, " "))
			}
		}
	}
	return b.String()
}

type manCommand struct{}

// run prints the manual page, made from the grammar.
func (c *manCommand) run(_ context.Context, s *session) error {
	_, err := io.WriteString(s.Stdout, manPage(s.parser(&grammar{}).Model))
	return err
}

// roff escapes text for a manual page.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(text)
	if strings.HasPrefix(text, ".") || strings.HasPrefix(text, "'") {
		text = `\&` + text
	}
	return text
}

func manPage(app *kong.Application) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	flags := func(list []*kong.Flag) {
		for _, f := range list {
			if f.Hidden {
				continue
			}
			name := `\-\-` + roff(f.Name)
			if f.Tag.Negatable != "" {
				name = `\-\-[no\-]` + roff(f.Name)
			}
			if f.Short != 0 {
				name = `\-` + string(f.Short) + ", " + name
			}
			line(".TP")
			if f.IsBool() {
				line(`\fB%s\fR`, name)
			} else {
				line(`\fB%s\fR=\fI%s\fR`, name, roff(f.FormatPlaceHolder()))
			}
			line("%s", roff(f.Help))
		}
	}
	line(".TH DSPIPE 1")
	line(".SH NAME\n%s \\- operate the preprocessing pipeline of a stack", app.Name)
	line(".SH SYNOPSIS\n\\fB%s\\fR \\fICOMMAND\\fR [\\fIFLAGS\\fR]", app.Name)
	line(".SH DESCRIPTION\n%s", roff(app.Help))
	line(".SH COMMANDS")
	for _, n := range commandsOf(app) {
		synopsis := n.Name
		for _, p := range n.Positional {
			name := strings.ToUpper(p.Name)
			if !p.Required {
				name = "[" + name + "]"
			}
			synopsis += " " + name
		}
		line(".SS %s\n%s", roff(synopsis), roff(n.Help))
		for _, p := range n.Positional {
			line(".TP\n\\fI%s\\fR\n%s", roff(strings.ToUpper(p.Name)), roff(p.Help))
		}
		flags(n.Flags)
	}
	line(".SH FLAGS OF EVERY COMMAND")
	flags(app.Flags)
	line(".SH ENVIRONMENT\nAs for every AWS tool: AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL and others.")
	for _, v := range [][2]string{{"DSPIPE_STACK", "as \\-\\-stack"}, {"DS_PARAMETER_PREFIX", "as \\-\\-prefix"}, {"NO_COLOR", "no colors"}, {"BROWSER", "what results \\-\\-open starts"}} {
		line(".TP\n\\fB%s\\fR\n%s", v[0], v[1])
	}
	line(".SH EXIT STATUS")
	for _, e := range exitStatuses() {
		line(".TP\n\\fB%d\\fR\n%s", e.code, roff(e.meaning))
	}
	line(".PP\nA run that is waited for ends with the job's own status, which preprocess \\-\\-help lists.")
	line(".SH SEE ALSO\ndocs/dspipe.md, docs/troubleshooting.md")
	return b.String()
}
