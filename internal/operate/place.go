package operate

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"gopkg.in/yaml.v3"

	"ds-pipeline/preprocess/contract"
	"ds-pipeline/preprocess/named"
)

// place is where a stack is and what it is made of.
type place struct {
	prefix     string
	account    string            // of the credentials
	caller     string            // ARN of whoever uses them
	parameters map[string]string // the job's, by the contract's names
	outputs    map[string]string // the stack's, by the contract's names
}

// output is an output that every stack has.
func (p *place) output(name string) (string, error) {
	if v := p.outputs[name]; v != "" {
		return v, nil
	}
	return "", fail(exitConfig,
		"Deploy the stack again, which stores its outputs; or give those that it has with --outputs FILE, as `pulumi stack output --json` prints them.",
		"parameter %s%s: missing: the stack was deployed by a version that did not store its outputs", p.prefix, name)
}

// stackFile is what Pulumi.yaml and Pulumi.<stack>.yaml say.
type stackFile struct {
	name    string
	project string
	own     map[string]any // of the stack
	unset   map[string]any // defaults
}

// readStackFile reads the configuration of a stack.
func readStackFile(dir, name string) (*stackFile, error) {
	var project struct {
		Name   string
		Config map[string]struct{ Default any }
	}
	if err := readYAML(filepath.Join(dir, "Pulumi.yaml"), &project); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			if err := named.Folder("--dir", dir); err != nil {
				return nil, err
			}
			return nil, fail(exitConfig, "Name the directory of the project with --dir.", "--stack %s: no Pulumi.yaml in %s", name, dir)
		}
		return nil, err
	}
	var own struct{ Config map[string]any }
	if err := readYAML(filepath.Join(dir, "Pulumi."+name+".yaml"), &own); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, fail(exitConfig, "", "--stack %s: no Pulumi.%s.yaml in %s, which has %s", name, name, dir, stacksIn(dir))
		}
		return nil, err
	}
	f := &stackFile{name: name, project: project.Name, own: own.Config, unset: map[string]any{}}
	for key, c := range project.Config {
		f.unset[project.Name+":"+strings.TrimPrefix(key, project.Name+":")] = c.Default
	}
	return f, nil
}

func readYAML(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if err := yaml.Unmarshal(text, v); err != nil {
		return fail(exitConfig, "", "%s: %w", path, err)
	}
	return nil
}

func stacksIn(dir string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "Pulumi.*.yaml"))
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "Pulumi."), ".yaml"))
	}
	if names == nil {
		return "no stack files"
	}
	return "the stacks " + strings.Join(names, ", ")
}

// text is a key of the project's namespace, or of another as in aws:region; "" if
// it is not set, or secret.
func (f *stackFile) text(key string) string {
	if !strings.Contains(key, ":") {
		key = f.project + ":" + key
	}
	v, ok := f.own[key]
	if !ok || v == nil {
		v = f.unset[key]
	}
	switch v.(type) {
	case nil, map[string]any: // secrets are maps
		return ""
	}
	return fmt.Sprint(v)
}

// prefix is where the stack's parameters are: stack.LoadConfig says the same.
func (f *stackFile) prefix() string {
	if p := f.text("parameterPrefix"); p != "" {
		return p
	}
	return strings.TrimSuffix(contract.DefaultParameterPrefix, "/") + f.text("resourceSuffix") + "/"
}

// connect chooses credentials, region and prefix, and refuses credentials of
// another account than the stack's. It leaves in the environment what the flags
// and the stack file say, so that every part of the program sees the same.
func (s *session) connect(ctx context.Context) error {
	prefix, account := s.Prefix, ""
	why := ""
	if s.Stack != "" {
		f, err := readStackFile(s.Dir, s.Stack)
		if err != nil {
			return err
		}
		if s.Region == "" {
			s.Region = f.text("aws:region")
		}
		if s.Profile == "" {
			s.Profile = f.text("aws:profile")
		}
		if prefix == "" {
			prefix = f.prefix()
		}
		if account = f.text("accountId"); account != "" {
			why = fmt.Sprintf("stack %q may only use %s (accountId in Pulumi.%s.yaml)", s.Stack, account, s.Stack)
		}
	}
	var outputs map[string]string
	if s.Outputs != "" {
		var err error
		if outputs, err = readOutputs(s.Outputs); err != nil {
			return err
		}
		prefix = cmp.Or(prefix, outputs["parameterPrefix"])
		machine, err := arn.Parse(outputs["stateMachineArn"])
		if err != nil {
			return fail(exitConfig, "", "%s: stateMachineArn: got %q, want an ARN", s.Outputs, outputs["stateMachineArn"])
		}
		s.Region = cmp.Or(s.Region, machine.Region)
		if account == "" {
			account, why = machine.AccountID, fmt.Sprintf("%s is of %s", s.Outputs, machine.AccountID)
		}
	}
	if prefix = cmp.Or(prefix, contract.DefaultParameterPrefix); !strings.HasPrefix(prefix, "/") || !strings.HasSuffix(prefix, "/") {
		return usagef("--prefix: got %q, want a path that starts and ends with a slash, such as %s", prefix, contract.DefaultParameterPrefix)
	}
	s.chooseCredentials()
	_ = os.Setenv(contract.EnvParameterPrefix, prefix)
	var err error
	if s.aws, err = newCloud(ctx); err != nil {
		return err
	}
	s.place = &place{prefix: prefix}
	identity, err := s.aws.sts().GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return err
	}
	s.place.account, s.place.caller = aws.ToString(identity.Account), aws.ToString(identity.Arn)
	if account != "" && account != s.place.account {
		return fail(exitConfig, "Use credentials of the other account, with --profile, or name another stack.",
			"wrong account: the credentials belong to %s, but %s", s.place.account, why)
	}
	if outputs != nil {
		s.place.outputs = map[string]string{}
		for _, o := range contract.Outputs() {
			if !o.Object {
				s.place.outputs[o.Name] = outputs[o.Stack]
			}
		}
	}
	return nil
}

// chooseCredentials leaves profile and region in the environment.
func (s *session) chooseCredentials() {
	if s.Region != "" {
		_ = os.Setenv("AWS_REGION", s.Region)
	}
	if s.Profile != "" {
		// Keys in the environment would beat the profile that was asked for.
		_ = os.Setenv("AWS_PROFILE", s.Profile)
		_ = os.Unsetenv("AWS_ACCESS_KEY_ID")
		_ = os.Unsetenv("AWS_SECRET_ACCESS_KEY")
		_ = os.Unsetenv("AWS_SESSION_TOKEN")
	}
}

// find connects, and reads where the parts of the stack are.
func (s *session) find(ctx context.Context) error {
	if err := s.connect(ctx); err != nil {
		return err
	}
	p := s.place
	p.parameters = map[string]string{}
	stored := map[string]string{}
	pages := ssm.NewGetParametersByPathPaginator(s.aws.ssm(), &ssm.GetParametersByPathInput{Path: &p.prefix, Recursive: aws.Bool(true)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, one := range page.Parameters {
			name := strings.TrimPrefix(aws.ToString(one.Name), p.prefix)
			if strings.HasPrefix(name, contract.OutputsPrefix) {
				stored[name] = aws.ToString(one.Value)
			} else {
				p.parameters[name] = aws.ToString(one.Value)
			}
		}
	}
	if p.outputs == nil {
		p.outputs = stored
	}
	if len(p.parameters)+len(p.outputs) == 0 {
		return fail(exitConfig, "Name the stack with --stack, or choose --region, --profile and --prefix; `pulumi up` deploys one.",
			"no parameters below %s in account %s, region %s: no stack seems to be deployed there", p.prefix, p.account, s.aws.region())
	}
	return nil
}

// mostOutputsBytes is far more than the outputs of any stack.
const mostOutputsBytes = 16 << 20

// readOutputs reads what `pulumi stack output --json` printed.
func readOutputs(path string) (map[string]string, error) {
	text, err := named.Read("--outputs", path, mostOutputsBytes)
	if err != nil {
		return nil, err
	}
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fail(exitConfig, "", "%s: want a JSON object, as `pulumi stack output --json` prints it: %w", path, err)
	}
	outputs := map[string]string{}
	for name, v := range all {
		if t, ok := v.(string); ok {
			outputs[name] = t
		}
	}
	if outputs["stateMachineArn"] == "" {
		return nil, fail(exitConfig, "", "%s: no stateMachineArn; want the outputs of the stack, as `pulumi stack output --json` prints them", path)
	}
	return outputs, nil
}
