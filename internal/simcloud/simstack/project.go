package simstack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pulumi/pulumi/pkg/v3/secrets"
	"github.com/pulumi/pulumi/pkg/v3/secrets/passphrase"
	pkgworkspace "github.com/pulumi/pulumi/pkg/v3/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/esc"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/config"
	"github.com/pulumi/pulumi/sdk/v3/go/common/workspace"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"

	"ds-pipeline/internal/simcloud"
)

// ErrNoProject is what Open returns where there is no project.
var ErrNoProject = errors.New("no Pulumi.yaml")

// ErrNoStack is what Open returns for a stack without a file.
var ErrNoStack = errors.New("no such stack")

// OpenOptions configures Open.
type OpenOptions struct {
	// Dir holds Pulumi.yaml; or a directory above it does.
	Dir string
	// Stack names the stack; its file is Pulumi.<stack>.yaml.
	Stack string
	// Account is whose credentials to simulate. Default: the account that the
	// stack is for (its accountId, or aws:allowedAccountIds).
	Account string
	// Set overrides configuration, by full key: "aws:region".
	Set map[string]string
	// Env reads an environment variable; default: os.Getenv.
	Env func(string) string
}

// Open reads a project and a stack's configuration as the Pulumi CLI does:
// defaults of Pulumi.yaml applied, values checked against its types. The
// program runs in a cloud of its own.
func Open(ctx context.Context, program pulumi.RunFunc, opts OpenOptions) (*Stack, error) {
	if opts.Dir == "" {
		opts.Dir = "."
	}
	if opts.Env == nil {
		opts.Env = os.Getenv
	}
	path, err := workspace.DetectProjectPathFrom(opts.Dir)
	if errors.Is(err, workspace.ErrProjectNotFound) {
		return nil, fmt.Errorf("%w in %s or above", ErrNoProject, opts.Dir)
	}
	if err != nil {
		return nil, fmt.Errorf("find Pulumi.yaml in %s: %w", opts.Dir, err)
	}
	project, err := workspace.LoadProject(path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	dir := filepath.Dir(path)
	name := opts.Stack[strings.LastIndex(opts.Stack, "/")+1:]
	file := filepath.Join(dir, project.StackConfigDir, "Pulumi."+name+filepath.Ext(path))
	if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("stack %q: %w: there is no %s; %s", opts.Stack, ErrNoStack, file, stackFiles(filepath.Dir(file), filepath.Ext(path)))
	}
	var warnings strings.Builder
	sink := diag.DefaultSink(&warnings, &warnings, diag.FormatOptions{Color: colors.Never})
	settings, err := workspace.LoadProjectStack(sink, project, file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	if settings.Environment != nil && (len(settings.Environment.Imports()) > 0 || len(settings.Environment.Definition()) > 0) {
		return nil, fmt.Errorf("%s: environment: a Pulumi Cloud environment cannot be read without an account; write the values into config", file)
	}
	for _, key := range slices.Sorted(maps.Keys(opts.Set)) {
		parsed, err := config.ParseKey(key)
		if err != nil {
			return nil, fmt.Errorf("configuration key %q: %w", key, err)
		}
		if err := settings.Config.Set(parsed, config.NewTypedValue(opts.Set[key], config.TypeString), false); err != nil {
			return nil, fmt.Errorf("configuration key %q: %w", key, err)
		}
	}
	crypter, err := decrypterOf(file, settings, opts.Env)
	if err != nil {
		return nil, err
	}
	if err := pkgworkspace.ValidateStackConfigAndApplyProjectConfig(ctx, name, project, esc.Value{}, settings.Config, crypter, crypter); err != nil {
		return nil, fmt.Errorf("configuration of stack %q: %w", name, err)
	}
	account := opts.Account
	if account == "" {
		account = accountOf(project.Name.String(), settings.Config, crypter)
	}
	return &Stack{
		Project:   project.Name.String(),
		Name:      name,
		Program:   program,
		Cloud:     simcloud.New(simcloud.Options{Account: account}),
		Config:    settings.Config,
		Decrypter: crypter,
		Root:      dir,
	}, nil
}

// stackFiles says which stacks there are instead.
func stackFiles(dir, ext string) string {
	files, _ := filepath.Glob(filepath.Join(dir, "Pulumi.*"+ext))
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimSuffix(strings.TrimPrefix(filepath.Base(f), "Pulumi."), ext))
	}
	if len(names) == 0 {
		return "there are no stack files here"
	}
	return "there are " + strings.Join(names, ", ")
}

// decrypterOf returns what reads the secure values of a stack file. Nothing is
// needed when there are none.
func decrypterOf(file string, settings *workspace.ProjectStack, env func(string) string) (config.Crypter, error) {
	secure := settings.Config.SecureKeys()
	if len(secure) == 0 {
		return config.Base64Crypter, nil
	}
	var keys []string
	for _, k := range secure {
		keys = append(keys, k.String())
	}
	slices.Sort(keys)
	what := fmt.Sprintf("%s: %s encrypted (secure:)", file, strings.Join(keys, ", ")+map[bool]string{true: " is", false: " are"}[len(keys) == 1])
	if settings.EncryptionSalt == "" {
		return nil, fmt.Errorf("%s with %s, which a plan without an account cannot use; plan a copy of the file with plain values", what, cmp.Or(settings.SecretsProvider, "Pulumi Cloud"))
	}
	phrase := env("PULUMI_CONFIG_PASSPHRASE")
	if file := env("PULUMI_CONFIG_PASSPHRASE_FILE"); phrase == "" && file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read PULUMI_CONFIG_PASSPHRASE_FILE: %w", err)
		}
		phrase = strings.TrimSpace(string(text))
	}
	if phrase == "" {
		return nil, fmt.Errorf("%s: set PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE, as for the pulumi command", what)
	}
	manager, err := passphrase.GetPassphraseSecretsManager(phrase, settings.EncryptionSalt)
	if err != nil {
		return nil, fmt.Errorf("%s: the passphrase does not fit: %w", what, err)
	}
	return crypter{manager}, nil
}

// crypter joins the two halves of a secrets manager.
type crypter struct{ secrets.Manager }

func (c crypter) EncryptValue(ctx context.Context, s string) (string, error) {
	return c.Encrypter().EncryptValue(ctx, s)
}
func (c crypter) BatchEncrypt(ctx context.Context, s []string) ([]string, error) {
	return c.Encrypter().BatchEncrypt(ctx, s)
}
func (c crypter) DecryptValue(ctx context.Context, s string) (string, error) {
	return c.Decrypter().DecryptValue(ctx, s)
}
func (c crypter) BatchDecrypt(ctx context.Context, s []string) ([]string, error) {
	return c.Decrypter().BatchDecrypt(ctx, s)
}

var account = regexp.MustCompile(`^\d{12}$`)

// accountOf is the account that a stack is for, as far as its configuration
// says.
func accountOf(project string, values config.Map, decrypter config.Decrypter) string {
	for _, key := range []config.Key{config.MustMakeKey(project, "accountId"), config.MustMakeKey("aws", "allowedAccountIds")} {
		if text := strings.Trim(valueOf(values, decrypter, key), `[]" `); account.MatchString(text) {
			return text
		}
	}
	return simcloud.DefaultAccount
}

// valueOf is the text of a key, "" for one that is not set or cannot be read.
func valueOf(values config.Map, decrypter config.Decrypter, key config.Key) string {
	v, ok := values[key]
	if !ok {
		return ""
	}
	text, err := v.Value(decrypter)
	if err != nil {
		return ""
	}
	return text
}

// ConfigValue is the text of a key of the project's own namespace, "" for one
// that is not set or cannot be read.
func (s *Stack) ConfigValue(name string) string {
	return valueOf(s.Config, s.Decrypter, config.MustMakeKey(s.Project, name))
}
