package components

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// buildContextHash is a hash of everything that the build of an image can read:
// the Dockerfile, and the files of dir that its COPY, ADD and bind mounts name
// and .dockerignore lets through. Names and contents count; modes, times,
// owners and everything else in dir do not. The answer is 64 hex digits.
func buildContextHash(dir string) (string, error) {
	dockerfile, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		return "", fmt.Errorf("read the Dockerfile: %w", err)
	}
	sources, err := dockerfileSources(string(dockerfile))
	if err != nil {
		return "", fmt.Errorf("%s: %w", filepath.Join(dir, "Dockerfile"), err)
	}
	files, err := contextFiles(dir, sources)
	if err != nil {
		return "", err
	}

	h := sha256.New()
	add := func(kind, name string, content []byte) {
		sum := sha256.Sum256(content)
		// Lengths come first, so that no two lists of files hash alike.
		fmt.Fprintf(h, "%s %d %s %x\n", kind, len(name), name, sum)
	}
	add("dockerfile", "Dockerfile", dockerfile)
	for _, name := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		info, err := os.Lstat(file)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			target, err := os.Readlink(file)
			if err != nil {
				return "", err
			}
			add("link", name, []byte(target))
			continue
		}
		content, err := os.ReadFile(file)
		if err != nil {
			return "", err
		}
		add("file", name, content)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// contextFiles lists the files under dir that sources name, slash-separated,
// sorted and without those that .dockerignore excludes. A source that names
// nothing is an error, as it is for the build.
func contextFiles(dir string, sources []string) ([]string, error) {
	ignore, err := readDockerignore(dir)
	if err != nil {
		return nil, err
	}
	patterns := make([]*regexp.Regexp, len(sources))
	found := make([]bool, len(sources))
	for i, source := range sources {
		if patterns[i], err = globPattern(source); err != nil {
			return nil, fmt.Errorf("COPY %s: %w", source, err)
		}
	}

	var files []string
	err = filepath.WalkDir(dir, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(dir, file)
		if err != nil {
			return err
		}
		name := filepath.ToSlash(rel)
		if name == ".git" && entry.IsDir() && ignore.excludes(name) {
			return filepath.SkipDir // only for speed: it is large
		}
		if entry.IsDir() || ignore.excludes(name) {
			return nil
		}
		used := false
		for i, pattern := range patterns {
			if matchesOrContains(pattern, name) {
				found[i], used = true, true
			}
		}
		if used {
			files = append(files, name)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list the build context: %w", err)
	}
	var errs []error
	for i, source := range sources {
		if !found[i] {
			errs = append(errs, fmt.Errorf("COPY %s: no such file in %s, or .dockerignore excludes it", source, dir))
		}
	}
	sort.Strings(files)
	return files, errors.Join(errs...)
}

// matchesOrContains reports whether pattern matches name or a directory above it.
func matchesOrContains(pattern *regexp.Regexp, name string) bool {
	for p := name; p != "."; p = path.Dir(p) {
		if pattern.MatchString(p) {
			return true
		}
	}
	return pattern.MatchString(".")
}

// dockerfileSources lists what the instructions of a Dockerfile take from the
// build context, cleaned: "go.mod", "preprocess", ".". Sources in other stages
// or images, and addresses that ADD downloads, are not in the context.
func dockerfileSources(dockerfile string) ([]string, error) {
	var sources []string
	for _, in := range dockerfileInstructions(dockerfile) {
		var taken []string
		var err error
		switch in.keyword {
		case "COPY", "ADD":
			taken, err = copySources(in)
		case "RUN":
			taken = mountSources(in)
		case "ONBUILD":
			err = errors.New("ONBUILD runs in another build: not supported")
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", in.line, err)
		}
		for _, source := range taken {
			if strings.Contains(source, "$") {
				return nil, fmt.Errorf("line %d: %s %s: a variable in a source is not supported: write the path", in.line, in.keyword, source)
			}
			sources = append(sources, path.Clean(strings.TrimPrefix(path.Clean("/"+filepath.ToSlash(source)), "/")))
		}
	}
	for i, source := range sources {
		if source == "" {
			sources[i] = "."
		}
	}
	return sources, nil
}

// instruction is one instruction of a Dockerfile, its continued lines joined.
type instruction struct {
	line    int    // where it starts, from 1
	keyword string // upper case
	flags   []string
	rest    string
}

var heredocPattern = regexp.MustCompile(`<<-?\s*(["']?)([A-Za-z_][A-Za-z0-9_]*)(["']?)`)

// dockerfileInstructions splits a Dockerfile as the builder does: a backslash
// (or the character of the escape directive) at the end of a line continues
// it, comment lines disappear, here-documents belong to their instruction.
func dockerfileInstructions(text string) []instruction {
	lines := strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n")
	escape := "\\"
	if directive := regexp.MustCompile(`(?im)\A(?:#[^\n]*\n)*#\s*escape\s*=\s*(\S)`).FindStringSubmatch(text); directive != nil {
		escape = directive[1]
	}
	var all []instruction
	for i := 0; i < len(lines); i++ {
		start := i
		joined := ""
		for ; i < len(lines); i++ {
			line := strings.TrimSpace(lines[i])
			if line == "" || strings.HasPrefix(line, "#") {
				if joined == "" {
					break // between instructions
				}
				continue // the builder drops them inside one, too
			}
			if strings.HasSuffix(line, escape) {
				joined += strings.TrimSuffix(line, escape) + " "
				continue
			}
			joined += line
			break
		}
		if joined == "" {
			continue
		}
		keyword, rest, _ := strings.Cut(strings.TrimSpace(joined), " ")
		in := instruction{line: start + 1, keyword: strings.ToUpper(keyword), rest: strings.TrimSpace(rest)}
		for strings.HasPrefix(in.rest, "--") {
			flag, rest, _ := strings.Cut(in.rest, " ")
			in.flags = append(in.flags, flag)
			in.rest = strings.TrimSpace(rest)
		}
		if in.keyword == "RUN" || in.keyword == "COPY" || in.keyword == "ADD" {
			for _, doc := range heredocPattern.FindAllStringSubmatch(in.rest, -1) {
				for i++; i < len(lines) && strings.TrimLeft(lines[i], "\t") != doc[2]; i++ {
				}
			}
		}
		all = append(all, in)
	}
	return all
}

// copySources is what one COPY or ADD takes from the context: all but its last
// word, unless --from names another place.
func copySources(in instruction) ([]string, error) {
	for _, flag := range in.flags {
		if strings.HasPrefix(flag, "--from=") {
			return nil, nil
		}
	}
	var words []string
	if strings.HasPrefix(in.rest, "[") {
		if err := json.Unmarshal([]byte(in.rest), &words); err != nil {
			return nil, fmt.Errorf("%s %s: want a list of strings: %w", in.keyword, in.rest, err)
		}
	} else {
		words = strings.Fields(in.rest)
	}
	if len(words) < 2 {
		return nil, fmt.Errorf("%s %s: want at least a source and a destination", in.keyword, in.rest)
	}
	var sources []string
	for _, word := range words[:len(words)-1] {
		switch {
		case strings.HasPrefix(word, "<<"): // its text is in the Dockerfile
		case in.keyword == "ADD" && regexp.MustCompile(`^([a-z]+://|git@)`).MatchString(word):
		default:
			sources = append(sources, word)
		}
	}
	return sources, nil
}

// mountSources is what the bind mounts of one RUN take from the context.
func mountSources(in instruction) []string {
	var sources []string
	for _, flag := range in.flags {
		options, ok := strings.CutPrefix(flag, "--mount=")
		if !ok {
			continue
		}
		kind, source, from := "bind", ".", ""
		for _, option := range strings.Split(options, ",") {
			key, value, _ := strings.Cut(option, "=")
			switch key {
			case "type":
				kind = value
			case "source", "src":
				source = value
			case "from":
				from = value
			}
		}
		if kind == "bind" && from == "" {
			sources = append(sources, source)
		}
	}
	return sources
}

// dockerignore is the rules of a .dockerignore file, in order; the last one
// that matches decides.
type dockerignore []ignoreRule

type ignoreRule struct {
	pattern *regexp.Regexp
	keep    bool // the rule began with "!"
}

// readDockerignore reads the rules beside the Dockerfile. The more specific
// file Dockerfile.dockerignore wins, as it does for the builder.
func readDockerignore(dir string) (dockerignore, error) {
	var rules dockerignore
	for _, name := range []string{"Dockerfile.dockerignore", ".dockerignore"} {
		f, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		rules, err = parseDockerignore(f)
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", filepath.Join(dir, name), err)
		}
		break
	}
	return rules, nil
}

func parseDockerignore(r io.Reader) (dockerignore, error) {
	var rules dockerignore
	scanner := bufio.NewScanner(r)
	for n := 1; scanner.Scan(); n++ {
		line := strings.TrimSpace(strings.TrimPrefix(scanner.Text(), "\ufeff"))
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		pattern, keep := strings.CutPrefix(line, "!")
		compiled, err := globPattern(path.Clean("/" + strings.TrimSpace(pattern))[1:])
		if err != nil {
			return nil, fmt.Errorf("line %d: %s: %w", n, line, err)
		}
		rules = append(rules, ignoreRule{pattern: compiled, keep: keep})
	}
	return rules, scanner.Err()
}

// excludes reports whether the build cannot see name. A rule for a directory
// holds for everything under it.
func (rules dockerignore) excludes(name string) bool {
	excluded := false
	for _, rule := range rules {
		if rule.keep == excluded && matchesOrContains(rule.pattern, name) {
			excluded = !rule.keep
		}
	}
	return excluded
}

// globPattern compiles a pattern of COPY or .dockerignore: * and ? stop at a
// slash, ** does not, [ranges] and backslash escapes are Go's.
func globPattern(pattern string) (*regexp.Regexp, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, err
	}
	var b strings.Builder
	b.WriteString(`\A`)
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '*':
			if !strings.HasPrefix(pattern[i:], "**") {
				b.WriteString(`[^/]*`)
				break
			}
			i++
			if strings.HasPrefix(pattern[i+1:], "/") {
				i++
				b.WriteString(`(?:.*/)?`)
			} else {
				b.WriteString(`.*`)
			}
		case '?':
			b.WriteString(`[^/]`)
		case '[':
			end := strings.IndexByte(pattern[i:], ']')
			b.WriteString(pattern[i : i+end+1])
			i += end
		case '\\':
			i++
			b.WriteString(regexp.QuoteMeta(pattern[i : i+1]))
		default:
			b.WriteString(regexp.QuoteMeta(string(c)))
		}
	}
	b.WriteString(`\z`)
	return regexp.Compile("(?s)" + b.String())
}
